"""The order of what was found: who agrees, how long it lasts, what the words ask for besides, and how alike the descriptions are."""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from ethochat.index.behaviors.rules import SOURCE as RULES_SOURCE
from ethochat.index.kinematics import setting_frames
from ethochat.index.store.base import Hit
from ethochat.tools.context import ToolContext
from ethochat.tools.rows import clocks
from ethochat.tools.searching.events import Event
from ethochat.tools.searching.lanes import Span
from ethochat.tools.searching.lexicon import content_words
from ethochat.tools.searching.motion import Tracked
from ethochat.tools.searching.reading import Description, Liking
from ethochat.tools.selection import Scope
from ethochat.tools.wording import number

_SURE: Final = 0.5
"""Score of an event that meets all that the tables can decide, before what follows is added."""
_AGREED, _LONG, _LIKED, _ALIKE = 0.35, 0.25, 0.4, 0.25
"""What agreement of raters, length, the asked-for manner and likeness of the description count beside one another."""
_UNREAD: Final = 0.6
"""What likeness counts more where none of the words was understood."""
_EXAMPLES: Final = 1.0
"""What it counts more where examples are given."""
_ONLY_RULES: Final = 0.8
"""Agreement of an event that only rules find: nobody watched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """An event and its place."""

    event: Event
    score: float
    """0 to 1; comparable within one search only."""


def rank(
    context: ToolContext,
    scope: Scope,
    events: Sequence[Event],
    description: Description,
    hits: Sequence[Hit],
    *,
    by_likeness: bool = False,
) -> list[Ranked]:
    """Order events, best first; equally good ones by session and time.

    Parameters
    ----------
    hits
        Segments found by words or examples, best first.
    by_likeness
        Examples were given: likeness to them comes before all else.
    """
    alike = _Likeness(hits)
    liking = tuple(dict.fromkeys(name for step in description.steps for name in step.liking))
    speeds = mean_speeds(context, scope, events) if {"fast", "slow"} & set(liking) else [None] * len(events)
    wanted = _liked(events, speeds, liking)
    likeness = _weight(description, hits, by_likeness=by_likeness)
    liked = 2 * _LIKED if liking else 0.0
    clock_of = clocks(scope)
    ranked = []
    for place, event in enumerate(events):
        clock = clock_of[event.session_id]
        second = setting_frames(clock, 1.0) if clock.fps is None else 1.0
        seconds = (event.stop - event.start) / second
        parts = (
            (_AGREED, _agreement(event)),
            (
                _LONG,
                seconds / (seconds + 1.0) if len(event.parts) == 1 else 1 / (1.0 + _pause(event) / second),
            ),
            (liked, wanted[place]),
            (likeness, alike.of(event)),
        )
        weight = sum(share for share, _ in parts)
        score = _SURE + (1 - _SURE) * sum(share * value for share, value in parts) / weight
        ranked.append(Ranked(event=event, score=score))
    places = {name: place for place, name in enumerate(scope.session_ids)}
    return sorted(
        ranked,
        key=lambda item: (
            -round(item.score, 6),
            places[item.event.session_id],
            item.event.start,
            item.event.individual,
        ),
    )


def _pause(event: Event) -> float:
    """Time between the steps of a sequence, all together: the closer they follow, the likelier they belong together."""
    return sum(max(0.0, later.start - earlier.stop) for earlier, later in itertools.pairwise(event.parts))


def _weight(description: Description, hits: Sequence[Hit], *, by_likeness: bool) -> float:
    """How much likeness of the descriptions counts: the more, the fewer words were understood."""
    if not hits:
        return 0.0
    n_words = sum(len(content_words(step.text)) for step in description.steps)
    left = min(1.0, len(description.unread) / n_words) if n_words else 0.0
    return _ALIKE + (_EXAMPLES if by_likeness else _UNREAD * left)


def _agreement(event: Event) -> float:
    """Share of who watched that marks it, averaged over the steps that someone marks."""
    shares = [_share(part) for part in event.parts if part.sources]
    return sum(shares) / len(shares) if shares else _ONLY_RULES


def _share(part: Span) -> float:
    labels = [source for source in part.sources if source != RULES_SOURCE]
    if not labels:
        return _ONLY_RULES
    return min(1.0, len(labels) / part.n_watching) if part.n_watching else 1.0


def _liked(
    events: Sequence[Event], speeds: Sequence[tuple[float, str] | None], liking: Sequence[Liking]
) -> list[float]:
    """Place of each event among all, 1 for the one that is most as the words ask: fast, slow, long or short."""
    if not liking:
        return [0.0] * len(events)
    totals = [0.0] * len(events)
    for name in liking:
        if name in ("fast", "slow"):
            values = [speed[0] if speed else None for speed in speeds]
        else:
            values = [event.stop - event.start for event in events]
        known = sorted(value for value in values if value is not None)
        for place, value in enumerate(values):
            if value is not None and len(known) > 1:
                below = (bisect.bisect_left(known, value) + bisect.bisect_right(known, value) - 1) / 2
                share = below / (len(known) - 1)
                totals[place] += share if name in ("fast", "long") else 1 - share
    return [total / len(liking) for total in totals]


class _Likeness:
    """How high the segments under an event came out in the index, 0 to 1."""

    def __init__(self, hits: Sequence[Hit]) -> None:
        self._spans: dict[str, list[tuple[float, float, str, float]]] = defaultdict(list)
        scores = [hit.score for hit in hits]
        low, high = (min(scores), max(scores)) if scores else (0.0, 0.0)
        for hit in hits:
            start, stop = hit.payload["start_time"], hit.payload["stop_time"]
            share = (hit.score - low) / (high - low) if high > low else 1.0
            self._spans[str(hit.payload["session_id"])].append(
                (float(start), float(stop), str(hit.payload.get("individual") or ""), share)  # type: ignore[arg-type]
            )

    def of(self, event: Event) -> float:
        """Return the best likeness of a segment that shares time with an event; 0 where none came out."""
        return max(
            (
                share
                for start, stop, individual, share in self._spans.get(event.session_id, ())
                if start < event.stop
                and event.start < stop
                and (not individual or not event.individual or individual == event.individual)
            ),
            default=0.0,
        )


def mean_speeds(
    context: ToolContext, scope: Scope, events: Sequence[Event]
) -> list[tuple[float, str] | None]:
    """Mean speed of each event and its unit, by the session's first tracker; ``None`` where it is not known."""
    by_session: dict[str, list[int]] = defaultdict(list)
    for place, event in enumerate(events):
        by_session[event.session_id].append(place)
    clock_of = clocks(scope)
    found: list[tuple[float, str] | None] = [None] * len(events)
    for session_id, members in by_session.items():
        tracked = Tracked(context, session_id, clock_of[session_id])
        for place in members:
            event = events[place]
            found[place] = tracked.mean_speed(event.individual, event.start, event.stop)
    return found


# ------------------------------------------------------------------ why
def why(event: Event, description: Description, unit: str, speed: tuple[float, str] | None) -> str:
    """Say what an event was found for, in the words of the experiment.

    Parameters
    ----------
    unit
        Of the session's times.
    speed
        Mean speed and its unit, where it is known.
    """
    decided = [step for step in description.steps if step.is_decidable]
    said = []
    for step, part in zip(decided, event.parts, strict=False):
        names = [
            part.behavior if len(term.behaviors) > 1 and part.behavior in term.behaviors else term.label
            for term in step.terms
        ]
        what = f"{_edge(step.edge)}{' and '.join(dict.fromkeys(names))}" if names else "the time"
        what += "".join(f", not {term.label}" for term in step.without)
        who = f" ({_who(part)})" if part.sources else ""
        said.append(f"{what}{who}")
    told = [", then ".join(said)] if said else []
    limits = [limit.words() for step in decided for limit in step.limits]
    told += limits
    length = f"{number(event.stop - event.start)} {unit}"
    whole = max(part.stop for part in event.parts) - event.parts[0].start
    cut = whole - (event.stop - event.start) > 1e-6
    told.append(f"{length} of {number(whole)} {unit}, cut at the time window" if cut else length)
    if speed is not None:
        told.append(f"mean speed {speed[0]:.3g} {speed[1]}")
    return "; ".join(told)


def _edge(edge: str | None) -> str:
    return {"enter": "entering ", "leave": "leaving "}.get(edge or "", "")


def _who(part: Span) -> str:
    labels = sorted(source for source in part.sources if source != RULES_SOURCE)
    rules = [RULES_SOURCE] if RULES_SOURCE in part.sources else []
    of = f"; {len(labels)} of {part.n_watching} who watched" if part.n_watching > max(1, len(labels)) else ""
    return ", ".join([*labels, *rules]) + of


def best_texts(segments: pl.DataFrame, texts: Mapping[str, str], events: Sequence[Event]) -> list[str]:
    """Description of the segment that shares most time with each event, of who marks it before others, a rater's before the rules'.

    Parameters
    ----------
    segments
        Rows of SEGMENTS.
    texts
        segment_id to description.
    """
    wanted = {event.session_id for event in events}
    by_session: dict[str, list[tuple[float, float, str, str, str]]] = defaultdict(list)
    columns = ("session_id", "start_time", "stop_time", "individual", "source", "segment_id")
    for row in segments.filter(pl.col("session_id").is_in(sorted(wanted))).select(columns).iter_rows():
        by_session[row[0]].append(row[1:])
    return [_best_text(by_session[event.session_id], texts, event) for event in events]


def _best_text(
    segments: Sequence[tuple[float, float, str, str, str]], texts: Mapping[str, str], event: Event
) -> str:
    best: tuple[bool, bool, float, str] | None = None
    for start, stop, individual, source, segment_id in segments:
        shared = min(stop, event.stop) - max(start, event.start)
        if shared <= 0 or (individual and event.individual and individual != event.individual):
            continue
        key = (source not in event.sources, source == RULES_SOURCE, -shared, segment_id)
        best = key if best is None else min(best, key)
    return texts.get(best[3], "") if best is not None else ""
