"""The tool ``find_bouts``: bouts of a behavior as clips, exactly as the tables have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ethochat.index.behaviors.bouts import Interval
from ethochat.tools.arguments import FindBoutsArguments, MeasureArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolRetryError
from ethochat.tools.evidence import ClipRef, Evidence, Value
from ethochat.tools.labels import duration_limits, limit_flags
from ethochat.tools.motion import zone_intervals
from ethochat.tools.rows import Call
from ethochat.tools.selection import (
    Scope,
    listing,
    match_behaviors,
    plan_sources,
    require_sessions,
    select_sessions,
)
from ethochat.tools.wording import number, some, summarize_evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A bout, or a bout and the one that followed it."""

    session_id: str
    individual: str
    partner: str
    behavior: str
    source: str
    start: float
    stop: float
    score: float | None
    followed_by: str = ""


def find_bouts(context: ToolContext, arguments: FindBoutsArguments) -> Evidence:
    """Find bouts and hand them back as clips."""
    if not arguments.behaviors:
        raise ToolRetryError("find_bouts needs at least one behavior.")
    if arguments.within_s is not None and not arguments.followed_by:
        raise ToolRetryError("within_s needs followed_by.")
    scope = select_sessions(context, arguments)
    require_sessions(scope, arguments)
    behaviors = match_behaviors(context, arguments.behaviors)
    followers = match_behaviors(context, arguments.followed_by)
    plan = plan_sources(context, scope, behaviors, arguments.sources, split=len(arguments.sources) > 1)
    limits = duration_limits(arguments.min_bout_s, arguments.max_bout_s, strict=arguments.strict)
    found = list(_bouts(context, scope, plan.sources, behaviors, limits))
    if followers:
        found = _followed(
            found, list(_bouts(context, scope, plan.sources, followers, [])), arguments.within_s
        )
    if arguments.zones:
        found = _touching(found, context, scope, arguments)
    ordered = _ordered(found, scope, arguments.order)
    units = {row["session_id"]: row for row in scope.sessions.iter_rows(named=True)}
    clips = [_clip(bout, units[bout.session_id]) for bout in ordered[: arguments.limit]]
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=[_count(ordered, behaviors, followers, scope)],
        clips=clips,
        n_rows=len(ordered),
        flags=[*scope.flags, *plan.flags, *_said(arguments, scope, len(ordered), followers)],
    )
    evidence.summary = summarize_evidence(evidence)
    return evidence


def _bouts(
    context: ToolContext,
    scope: Scope,
    sources: Sequence[str],
    behaviors: Sequence[str],
    conditions: Sequence[pl.Expr],
) -> Iterator[Found]:
    """Bouts that start in the window, by session and start."""
    rows = (
        context.catalog.load("bouts")
        .filter(
            pl.col("session_id").is_in(scope.session_ids),
            pl.col("source").is_in(list(sources)),
            pl.col("behavior").is_in(list(behaviors)),
            *conditions,
        )
        .sort("session_id", "start_time", "stop_time", "source")
    )
    windows = {row["session_id"]: scope.window(row) for row in scope.sessions.iter_rows(named=True)}
    for row in rows.iter_rows(named=True):
        start, stop = windows[row["session_id"]]
        individual = row["individual"] or ""
        if start <= row["start_time"] < stop and scope.includes(row["session_id"], individual):
            yield Found(
                session_id=row["session_id"],
                individual=individual,
                partner=row["partner"] or "",
                behavior=row["behavior"],
                source=row["source"],
                start=row["start_time"],
                stop=row["stop_time"],
                score=row["score"],
            )


def _followed(first: Sequence[Found], later: Sequence[Found], within: float | None) -> list[Found]:
    """List each following bout from the start of the latest bout that ended before it to its own end."""
    earlier: dict[tuple[str, str, str], list[Found]] = {}
    for bout in first:
        earlier.setdefault((bout.session_id, bout.individual, bout.source), []).append(bout)
    found = []
    for bout in later:
        before = [
            item
            for item in earlier.get((bout.session_id, bout.individual, bout.source), [])
            if item.stop <= bout.start + 1e-9
        ]
        if not before:
            continue
        latest = max(before, key=lambda item: item.stop)
        if within is None or bout.start - latest.stop <= within + 1e-9:
            found.append(
                Found(
                    session_id=bout.session_id,
                    individual=bout.individual,
                    partner=bout.partner,
                    behavior=latest.behavior,
                    source=bout.source,
                    start=latest.start,
                    stop=bout.stop,
                    score=None,
                    followed_by=bout.behavior,
                )
            )
    return found


def _touching(
    found: Sequence[Found], context: ToolContext, scope: Scope, arguments: FindBoutsArguments
) -> list[Found]:
    """Bouts during which the animal is in one of the zones at some time."""
    measure = MeasureArguments(measure="zone_time", zones=arguments.zones)
    intervals = zone_intervals(Call(context=context, scope=scope, arguments=measure, split=frozenset()))

    def touches(bout: Found) -> bool:
        inside: Sequence[Interval] = intervals.get(
            (bout.session_id, bout.individual), intervals.get((bout.session_id, ""), [])
        )
        return any(start < bout.stop and bout.start < stop for start, stop in inside)

    return [bout for bout in found if touches(bout)]


def _ordered(found: Sequence[Found], scope: Scope, order: str) -> list[Found]:
    places = {session_id: place for place, session_id in enumerate(scope.session_ids)}
    by_time = sorted(found, key=lambda bout: (places[bout.session_id], bout.start, bout.stop))
    if order == "time":
        return by_time
    return sorted(by_time, key=lambda bout: bout.stop - bout.start, reverse=order == "longest")


def _clip(bout: Found, session: Mapping[str, object]) -> ClipRef:
    unit = "frames" if session["time_unit"] == "frames" else "s"
    what = f"{bout.behavior}, then {bout.followed_by}" if bout.followed_by else bout.behavior
    who = f" with {bout.partner}" if bout.partner else ""
    return ClipRef(
        session_id=bout.session_id,
        start_time=bout.start,
        stop_time=bout.stop,
        score=bout.score,
        description=f"{what}{who} ({bout.source}), {number(bout.stop - bout.start)} {unit}",
        individual=bout.individual or None,
        has_video=session["video"] is not None,
    )


def _count(found: Sequence[Found], behaviors: Sequence[str], followers: Sequence[str], scope: Scope) -> Value:
    ids = scope.session_ids
    group = {"behavior": ", ".join(behaviors)}
    if followers:
        group["followed_by"] = ", ".join(followers)
    sources = sorted({bout.source for bout in found})
    if len(sources) == 1:
        group["source"] = sources[0]
    return Value(
        name="bout_count",
        value=float(len(found)),
        unit="bouts",
        group=group,
        session_id=ids[0] if len(ids) == 1 else None,
        note=f"in {some(len({bout.session_id for bout in found}), 'session')}",
    )


def _said(arguments: FindBoutsArguments, scope: Scope, n: int, followers: Sequence[str]) -> list[str]:
    flags = []
    frames = scope.sessions.filter(pl.col("time_unit") == "frames")["session_id"].to_list()
    unit = "frames" if len(frames) == scope.sessions.height else "s"
    if frames:
        flags.append(f"The frame rate of {listing(frames, 5)} is not documented: times are frames.")
    measure = MeasureArguments(
        measure="bout_count",
        min_bout_s=arguments.min_bout_s,
        max_bout_s=arguments.max_bout_s,
        strict=arguments.strict,
    )
    flags += limit_flags(measure, unit)
    if followers and arguments.within_s is not None:
        flags.append(
            f"{listing(followers)} starts at most {arguments.within_s:g} {unit} after the bout ended."
        )
    if not n:
        flags.append("No bout meets all conditions.")
    if n > arguments.limit:
        flags.append(f"The first {arguments.limit} of {n} clips are given.")
    return flags


TOOL: Tool[FindBoutsArguments] = Tool(
    name="find_bouts",
    description="Find the bouts of a behavior as clips with exact times, by rater, classifier or rule; with "
    "limits on duration, only in zones, or only those followed by another behavior within some seconds.",
    arguments=FindBoutsArguments,
    function=find_bouts,
)
