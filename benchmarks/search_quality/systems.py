"""The searches that are compared: retrieval alone in three ways, the tool as people use it, and chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.search_quality.metrics import DEPTH, Found
from benchmarks.search_quality.queries import Topic
from benchmarks.search_quality.recordings import Recording
from ethochat.agent.builtin.searching import read_search
from ethochat.index.search import SegmentSearch, merge_events
from ethochat.index.store.base import FieldCondition, Hit
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolError
from ethochat.tools.evidence import Evidence
from ethochat.tools.search import TOOL

Mode = Literal["dense", "sparse", "hybrid"]
MODES: Final[tuple[Mode, ...]] = ("dense", "sparse", "hybrid")
MOST_SEGMENTS: Final = 4 * DEPTH
"""More than are judged, since several may be one event or count for nothing."""
_OWN: Final = ("session_id", "subject_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the tool made of a query."""

    ranking: tuple[Found, ...] = ()
    arguments: str = ""
    flags: tuple[str, ...] = ()
    summary: str = ""
    refusal: str | None = None
    reasons: tuple[str, ...] = ()
    """Why of the first clips, as the page shows it."""

    @property
    def says(self) -> str:
        """What a person would read first."""
        return self.refusal or " ".join(self.flags) or self.summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """One retrieval in two forms, of which the better one counts."""

    merged: tuple[Found, ...]
    """Segments of one event, as far as the index can tell, are one."""
    apart: tuple[Found, ...]
    """Each segment by itself."""


def conditions_of(topic: Topic, recordings: Sequence[Recording]) -> list[FieldCondition]:
    """Turn what a query is narrowed to into filters, for the systems that read no words."""
    scope = topic.scope
    made = [
        FieldCondition(field=name if name in _OWN else f"meta.{name}", op="==", value=value)
        for name, value in scope.where.items()
    ]
    for name, values in (
        ("session_id", scope.sessions), ("individual", scope.individuals), ("source", topic.raters),
    ):  # fmt: skip
        if values:
            made.append(FieldCondition(field=name, op="in", value=tuple(values)))
    if scope.window:
        longest = max(recording.stop for recording in recordings)
        start, stop = (bound + longest if bound < 0 else bound for bound in scope.window)
        made.append(FieldCondition(field="start_time", op="<", value=stop))
        made.append(FieldCondition(field="stop_time", op=">", value=start))
    return made


def retrieve(
    search: SegmentSearch,
    text: str,
    mode: Mode,
    conditions: Sequence[FieldCondition],
    *,
    limit: int = MOST_SEGMENTS,
) -> Retrieved:
    """Find the segments that meet the filters, best first."""
    hits = search.retrieve(text, conditions=conditions, limit=limit, mode=mode)
    return Retrieved(
        merged=tuple(_found(best) for best, _ in merge_events(hits)), apart=tuple(_found(hit) for hit in hits)
    )


def ask_tool(context: ToolContext, text: str) -> Outcome:
    """Search as chat, terminal and page do: words are read, then the tool is called."""
    reading = read_search(text, context)
    if reading.refusal is not None:
        return Outcome(refusal=reading.refusal)
    arguments = {**reading.arguments, "limit": DEPTH}
    try:
        evidence = TOOL.run(context, arguments)
    except ToolError as exc:
        return Outcome(arguments=str(reading.arguments), refusal=f"{type(exc).__name__}: {exc}")
    return _outcome(reading.arguments, evidence)


def _outcome(arguments: object, evidence: Evidence) -> Outcome:
    return Outcome(
        ranking=tuple(
            Found(
                session_id=clip.session_id,
                start=clip.start_time,
                stop=clip.stop_time,
                animal=clip.individual,
            )
            for clip in evidence.clips
        ),
        arguments=str(arguments),
        flags=tuple(evidence.flags),
        summary=evidence.summary,
        reasons=tuple(clip.why or clip.description for clip in evidence.clips[:3]),
    )


def _found(hit: Hit) -> Found:
    individual = hit.payload.get("individual")
    return Found(
        session_id=str(hit.payload["session_id"]),
        start=float(str(hit.payload["start_time"])),
        stop=float(str(hit.payload["stop_time"])),
        animal=str(individual) if individual else None,
    )
