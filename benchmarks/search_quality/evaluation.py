"""All queries of one experiment put to all systems."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from benchmarks.search_quality.folders import Searched
from benchmarks.search_quality.metrics import Found, Judge, Scores, Truth, random_scores
from benchmarks.search_quality.queries import Topic
from benchmarks.search_quality.recordings import Recording
from benchmarks.search_quality.systems import MODES, Outcome, ask_tool, conditions_of, retrieve
from benchmarks.search_quality.truths import truth_of
from ethochat.agent.run import open_context
from ethochat.index.search import SegmentSearch
from ethochat.index.store.base import FieldCondition
from ethochat.tools.context import ToolContext

SHUFFLES: Final = 50
TOOL: Final = "hybrid + re-rank"
RANDOM: Final = "random"
NAMES: Final[Mapping[str, str]] = {"dense": "dense only", "sparse": "sparse only", "hybrid": "hybrid"}
APART: Final = ", windows apart"
"""Of retrieval without merging the windows of one event."""
SYSTEMS: Final = (*NAMES.values(), TOOL, RANDOM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one query."""

    query_id: str
    data_set: str
    condition: str
    text: str
    later: bool = False
    """Whether the wording was unknown when search got its words."""
    n_relevant: int
    scores: Mapping[str, Scores]
    """By system; empty where nothing is relevant."""
    outcome: Outcome
    """Of the tool."""
    hits: tuple[bool, ...] = ()
    """Of the tool, in rank order."""
    missed: tuple[str, ...] = ()
    """Events that the tool did not bring up, the first of them."""
    seconds: float = 0.0
    top: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Everything but the ranking itself."""
        kept = asdict(self)
        kept["outcome"].pop("ranking")
        return {**kept, "returned": len(self.outcome.ranking)}


def evaluate(
    searched: Searched, topics: Sequence[Topic], recordings: Sequence[Recording], *, shuffles: int = SHUFFLES
) -> Iterator[Result]:
    """Put the topics of a data set to one of its experiments."""
    context = open_context(searched.folder)
    search = context.open_search()
    try:
        for topic in topics:
            yield from _topic_results(searched, context, topic, recordings, shuffles)
    finally:
        search.close()


def _topic_results(
    searched: Searched, context: ToolContext, topic: Topic, recordings: Sequence[Recording], shuffles: int
) -> Iterator[Result]:
    truth = Truth(relevant=()) if topic.truth is None else truth_of(topic.truth, topic.scope, recordings)
    if topic.truth is not None and not truth.relevant:
        raise ValueError(f"Expected events that are right for {topic.topic_id!r}, found none.")
    judge = Judge(truth)
    conditions = conditions_of(topic, recordings)
    chance: dict[str, Scores] = {}
    numbered = [(f"{place}", text) for place, text in enumerate(topic.texts, start=1)]
    numbered += [(f"later{place}", text) for place, text in enumerate(topic.later, start=1)]
    for place, text in numbered:
        started = time.perf_counter()
        outcome = ask_tool(context, text)
        seconds = time.perf_counter() - started
        scores: dict[str, Scores] = {}
        if truth.relevant:
            search = context.open_search()
            # Chance does not depend on the words: once for all of a topic.
            chance = chance or _chance(search, topic, conditions, judge, shuffles)
            for mode in MODES:
                found = retrieve(search, text, mode, conditions)
                scores[NAMES[mode]] = judge.score(found.merged)
                scores[NAMES[mode] + APART] = judge.score(found.apart)
            scores |= {TOOL: judge.score(outcome.ranking), **chance}
        yield Result(
            query_id=f"{topic.topic_id}.{place}",
            data_set=searched.data_set,
            condition=searched.condition,
            text=text,
            later=place.startswith("later"),
            n_relevant=len(truth.relevant),
            scores=scores,
            outcome=outcome,
            hits=tuple(judge.judge(outcome.ranking)),
            missed=_missed(outcome.ranking, truth),
            seconds=seconds,
            top=tuple(_shown(found) for found in outcome.ranking[:5]),
        )


def _chance(
    search: SegmentSearch,
    topic: Topic,
    conditions: Sequence[FieldCondition],
    judge: Judge,
    shuffles: int,
) -> dict[str, Scores]:
    """Score the segments that meet the filters in random order."""
    found = retrieve(search, topic.texts[0], "dense", conditions, limit=search.store.count())
    seed = zlib.crc32(topic.topic_id.encode())
    return {
        RANDOM + end: random_scores(candidates, judge, shuffles=shuffles, seed=seed)
        for end, candidates in (("", found.merged), (APART, found.apart))
    }


def _missed(ranking: Sequence[Found], truth: Truth) -> tuple[str, ...]:
    judge = Judge(truth)
    met = {place for found in ranking for place in judge.links(found).fresh}
    return tuple(
        f"{event.session_id} {event.start:.2f}-{event.stop:.2f}"
        for place, event in enumerate(truth.relevant)
        if place not in met
    )[:5]


def _shown(found: Found) -> str:
    animal = f" {found.animal}" if found.animal else ""
    return f"{found.session_id}{animal} {found.start:.2f}-{found.stop:.2f}"
