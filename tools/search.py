"""The tool ``search_segments``: segments whose description matches a behavior in plain words."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from ethochat.index.errors import CatalogError
from ethochat.index.store.base import FieldCondition, Hit, PayloadValue
from ethochat.tools.arguments import SearchArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import ClipRef, Evidence, Value
from ethochat.tools.motion import match_zones
from ethochat.tools.selection import (
    Scope,
    match_behaviors,
    match_name,
    match_sources,
    require_sessions,
    select_sessions,
)
from ethochat.tools.wording import summarize_evidence


def search_segments(context: ToolContext, arguments: SearchArguments) -> Evidence:
    """Search the vector index."""
    scope = select_sessions(context, arguments)
    require_sessions(scope, arguments)
    like = _like_segment(context, arguments)
    if like is None and not arguments.query.strip():
        raise ToolRetryError("search_segments needs a query, or moments in like.")
    conditions = _conditions(context, scope, arguments)
    try:
        hits = context.open_search().search(
            arguments.query, conditions=conditions, limit=arguments.limit, like_segment=like
        )
    except CatalogError as exc:
        raise ToolFailedError(str(exc)) from exc
    videos = dict(scope.sessions.select("session_id", pl.col("video").is_not_null()).iter_rows())
    flags = [*scope.flags, *_said(scope, hits)]
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=[
            Value(
                name="n_segments", value=float(len(hits)), unit="count", note="Segments found, nearest first."
            )
        ],
        clips=[_clip(hit, videos) for hit in hits],
        n_rows=len(hits),
        flags=flags,
    )
    evidence.summary = summarize_evidence(evidence)
    return evidence


def _said(scope: Scope, hits: list[Hit]) -> list[str]:
    if not hits:
        return ["No segment meets the conditions."]
    flags = ["Found by the nearest descriptions; nobody looked at the pixels."]
    if "frames" in scope.sessions["time_unit"].to_list():
        flags.append("Where the frame rate is not documented, times are frames.")
    return flags


def _like_segment(context: ToolContext, arguments: SearchArguments) -> str | None:
    """Segment that covers the time of the example; of several the one that starts last."""
    if not arguments.like:
        return None
    known = context.catalog.load("sessions")["session_id"].to_list()
    session_id = match_name(arguments.like[0].session_id, known, "session")
    time = arguments.like[0].time
    covering = context.catalog.load("segments").filter(
        pl.col("session_id") == session_id, pl.col("start_time") <= time, pl.col("stop_time") > time
    )
    behaviors = match_behaviors(context, arguments.behaviors)
    if behaviors:
        having = covering.filter(
            pl.any_horizontal(*(pl.col("behaviors").list.contains(b) for b in behaviors))
        )
        covering = having if not having.is_empty() else covering
    if covering.is_empty():
        raise ToolFailedError(f"No segment of {session_id} covers time {time:g}.")
    return str(covering.sort("start_time", "segment_id")["segment_id"][-1])


def _conditions(context: ToolContext, scope: Scope, arguments: SearchArguments) -> list[FieldCondition]:
    conditions: list[FieldCondition] = []
    n_sessions = context.catalog.load("sessions").height
    # Metadata conditions are already resolved to sessions, which every segment carries.
    if len(scope.session_ids) < n_sessions:
        conditions.append(FieldCondition(field="session_id", op="in", value=tuple(scope.session_ids)))
    if scope.individuals is not None:
        conditions.append(FieldCondition(field="individual", op="in", value=tuple(sorted(scope.individuals))))
    elif scope.of_subjects is not None and not {name for _, name in scope.of_subjects} <= {""}:
        names = tuple(sorted({name for _, name in scope.of_subjects}))
        conditions.append(FieldCondition(field="individual", op="in", value=names))
    if arguments.behaviors:
        conditions.append(
            FieldCondition(field="behaviors", op="in", value=match_behaviors(context, arguments.behaviors))
        )
    if arguments.zones:
        zones = tuple(match_zones(context, arguments.zones, scope.session_ids[:1]))
        conditions.append(FieldCondition(field="zones", op="in", value=zones))
    if arguments.sources:
        sources = match_sources(context, arguments.sources)
        conditions.append(FieldCondition(field="source", op="in", value=sources))
    if arguments.start_part is not None or arguments.stop_part is not None:
        raise ToolRetryError("search_segments takes start_s and stop_s, no shares of the sessions.")
    limits: tuple[tuple[str, str, float | None], ...] = (
        ("duration", ">=", arguments.min_duration_s),
        ("duration", "<=", arguments.max_duration_s),
        ("mean_speed", ">=", arguments.min_speed),
        ("mean_speed", "<=", arguments.max_speed),
        ("stop_time", ">", _time(arguments.start_s, "start_s")),
        ("start_time", "<", _time(arguments.stop_s, "stop_s")),
    )
    return conditions + [
        FieldCondition(
            field=name,
            op=">" if op == ">" else ">=" if op == ">=" else "<" if op == "<" else "<=",
            value=limit,
        )
        for name, op, limit in limits
        if limit is not None
    ]


def _time(time: float | None, name: str) -> float | None:
    if time is not None and time < 0:
        raise ToolRetryError(
            f"search_segments counts times from the start; expected {name} >= 0, got {time:g}."
        )
    return time


def _clip(hit: Hit, videos: Mapping[str, bool]) -> ClipRef:
    payload = hit.payload
    session_id = str(payload["session_id"])
    return ClipRef(
        session_id=session_id,
        start_time=_number(payload["start_time"]),
        stop_time=_number(payload["stop_time"]),
        score=hit.score,
        description=hit.text,
        individual=str(payload["individual"]) if payload.get("individual") else None,
        has_video=videos.get(session_id, False),
    )


def _number(value: PayloadValue) -> float:
    if not isinstance(value, int | float):
        raise ToolFailedError(
            f"The index has no time for a segment ({value!r}); run `ethochat ingest` again."
        )
    return float(value)


TOOL: Tool[SearchArguments] = Tool(
    name="search_segments",
    description="Find moments that match a described behavior (or that are like a given moment), nearest "
    "descriptions first, within chosen sessions, behaviors, zones, speeds and durations. For bouts of a "
    "labeled behavior use find_bouts.",
    arguments=SearchArguments,
    function=search_segments,
)
