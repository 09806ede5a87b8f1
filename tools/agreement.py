"""The tool ``agreement``: how well raters, classifiers or trackers agree."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Interval, clip_intervals, intersect, unite
from ethochat.index.timebase import TimeBase, parse_fps
from ethochat.tools.arguments import AgreementArguments, MeasureArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Evidence, Value
from ethochat.tools.motion import TrackRef, body_center, plan_tracks
from ethochat.tools.rows import Call, clock_of
from ethochat.tools.selection import (
    Scope,
    label_coverage,
    listing,
    match_behaviors,
    match_group_column,
    match_sources,
    require_sessions,
    select_sessions,
)
from ethochat.tools.wording import summarize_evidence

Counts = NDArray[np.int64]
"""Frames by what two sources say: ``[[neither, second only], [first only, both]]``."""


def agreement(context: ToolContext, arguments: AgreementArguments) -> Evidence:
    """Compare sources in pairs."""
    scope = select_sessions(context, arguments)
    require_sessions(scope, arguments)
    values, flags, n_rows = (
        _tracks(context, scope, arguments)
        if _of_tracks(context, arguments)
        else _labels(context, scope, arguments)
    )
    if arguments.order is not None:
        values = _ranked(values, descending=arguments.order == "descending")
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=values,
        n_rows=n_rows,
        flags=[*scope.flags, *flags],
    )
    evidence.summary = summarize_evidence(evidence)
    return evidence


def _of_tracks(context: ToolContext, arguments: AgreementArguments) -> bool:
    """Whether positions are compared: asked for, or trackers named without a behavior."""
    if "median_distance" in arguments.statistics:
        return True
    if arguments.behaviors:
        return False
    tracked = context.catalog.load("coverage").filter(pl.col("kind") == "track")["source"].to_list()
    named = match_sources(context, arguments.sources)
    if named and set(named) <= set(tracked):
        return True
    raise ToolRetryError("agreement needs a behavior in `behaviors`, or median_distance for two trackers.")


def _ranked(values: Sequence[Value], *, descending: bool) -> list[Value]:
    """Pairs by their first statistic; the statistics of a pair stay together."""
    pairs: dict[str, list[Value]] = {}
    for value in values:
        pairs.setdefault(f"{value.group}{value.session_id}", []).append(value)
    known = [items for items in pairs.values() if isinstance(items[0].value, float)]
    rest = [items for items in pairs.values() if not isinstance(items[0].value, float)]
    known.sort(key=lambda items: float(items[0].value or 0.0), reverse=descending)
    return [value for items in (*known, *rest) for value in items]


# ----------------------------------------------------------------- labels, frame by frame
@dataclass(frozen=True, slots=True, kw_only=True)
class _Recording:
    """One animal of one session: where sources looked, and the bouts of one behavior."""

    session_id: str
    looked: Mapping[str, Sequence[Interval]]
    bouts: Mapping[str, Sequence[Interval]]
    stop: float
    clock: TimeBase


def _labels(
    context: ToolContext, scope: Scope, arguments: AgreementArguments
) -> tuple[list[Value], list[str], int]:
    columns = [match_group_column(context, name) for name in arguments.group_by]
    unusable = [name for name in columns if name not in ("pair", "source", "session_id", "behavior")]
    if unusable:
        raise ToolRetryError(
            f"agreement can be split by pair, behavior and session_id, not by {listing(unusable)}."
        )
    values: list[Value] = []
    flags = ["Frames up to the last label of a recording are compared; recordings are pooled."]
    n_frames = 0
    for behavior in match_behaviors(context, arguments.behaviors):
        sources = _sources(context, scope, behavior, arguments.sources)
        recordings = _recordings(context, scope, behavior, sources, arguments.fps)
        flags += _raster_flags(recordings)
        for first, second in itertools.combinations(sources, 2):
            common = [item for item in recordings if first in item.looked and second in item.looked]
            if not common:
                flags.append(f"{first} and {second} have no recording in common.")
                continue
            counts = [(item.session_id, _counts(item, first, second)) for item in common]
            n_frames += int(sum(table.sum() for _, table in counts))
            values.extend(
                _pair_values(counts, first, second, behavior, arguments, by_session="session_id" in columns)
            )
    if not values:
        raise ToolFailedError("No two sources looked at the same recording for that.")
    return values, list(dict.fromkeys(flags)), n_frames


def _sources(context: ToolContext, scope: Scope, behavior: str, wanted: Sequence[str]) -> list[str]:
    rows = label_coverage(context, scope).filter(pl.col("behaviors").list.contains(behavior))
    covering = list(dict.fromkeys(rows.sort("source")["source"].to_list()))
    named = match_sources(context, wanted)
    sources = [name for name in named if name in covering] if named else covering
    if len(sources) < 2:
        lacking = [name for name in named if name not in covering]
        said = f" {listing(lacking)} did not look for it." if lacking else ""
        raise ToolFailedError(
            f"Agreement on {behavior} needs two sources in these sessions, found "
            f"{listing(sources) or 'none'}.{said}"
        )
    return sources


def _recordings(
    context: ToolContext, scope: Scope, behavior: str, sources: Sequence[str], fps: float | None
) -> list[_Recording]:
    coverage = label_coverage(context, scope)
    bouts = context.catalog.load("bouts").filter(pl.col("session_id").is_in(scope.session_ids))
    # Rules run over the whole video, whether or not anybody looked: they do not say where labeling ended.
    last = dict(
        bouts.filter(pl.col("source_kind") != "rule")
        .group_by("session_id")
        .agg(pl.col("stop_time").max())
        .iter_rows()
    )
    mine = bouts.filter(pl.col("behavior") == behavior, pl.col("source").is_in(list(sources)))
    marked = _by_animal(mine)
    looked = _by_animal(
        coverage.filter(pl.col("behaviors").list.contains(behavior), pl.col("source").is_in(list(sources)))
    )
    found = []
    for session in scope.sessions.iter_rows(named=True):
        start, stop = scope.window(session)
        for (session_id, individual), by_source in looked.items():
            if session_id != session["session_id"]:
                continue
            known = {name: clip_intervals(unite(spans), start, stop) for name, spans in by_source.items()}
            found.append(
                _Recording(
                    session_id=session_id,
                    looked={name: spans for name, spans in known.items() if spans},
                    bouts=marked.get((session_id, individual), {}),
                    stop=last.get(session_id) or 0.0,
                    clock=_raster(session, fps),
                )
            )
    return found


def _by_animal(rows: pl.DataFrame) -> dict[tuple[str, str], dict[str, list[Interval]]]:
    found: dict[tuple[str, str], dict[str, list[Interval]]] = {}
    columns = ["session_id", "individual", "source", "start_time", "stop_time"]
    for session_id, individual, source, start, stop in rows.select(columns).iter_rows():
        interval = (start or 0.0, float("inf") if stop is None else stop)
        found.setdefault((session_id, individual or ""), {}).setdefault(source, []).append(interval)
    return found


def _raster(session: Mapping[str, object], fps: float | None) -> TimeBase:
    """Clock of the raster: as asked, else that of the session; one in frames is compared frame by frame."""
    if session["time_unit"] == "frames":
        return TimeBase(fps=None)
    clock = TimeBase(fps=parse_fps(fps)) if fps is not None else clock_of(session)
    if clock.fps is None:
        raise ToolRetryError(
            f"The frame rate of {session['session_id']} is not documented; give `fps` for the raster."
        )
    return clock


def _raster_flags(recordings: Sequence[_Recording]) -> list[str]:
    rates = {item.clock.frames_per_unit for item in recordings if item.clock.fps is not None}
    flags = [f"Compared at {rates.pop():g} frames per second."] if len(rates) == 1 else []
    if any(item.clock.fps is None for item in recordings):
        flags.append("Where the frame rate is not documented, labels are compared frame by frame.")
    return flags


def _counts(item: _Recording, first: str, second: str) -> Counts:
    """Count the frames by what both say; a frame is positive when its start lies in a bout."""
    both = intersect(item.looked[first], item.looked[second])
    spans = clip_intervals(both, 0.0, item.stop)
    n = _boundary(item.clock, item.stop)
    looked = _mask(spans, n, item.clock)
    a = _mask(item.bouts.get(first, []), n, item.clock)[looked]
    b = _mask(item.bouts.get(second, []), n, item.clock)[looked]
    return np.array([[np.sum(~a & ~b), np.sum(~a & b)], [np.sum(a & ~b), np.sum(a & b)]], dtype=np.int64)


def _boundary(clock: TimeBase, time: float) -> int:
    """First frame that starts at a time or later."""
    frame = clock.frame_at(time)
    return frame if clock.time_of(frame) >= time - 1e-9 else frame + 1


def _mask(spans: Sequence[Interval], n: int, clock: TimeBase) -> NDArray[np.bool_]:
    mask = np.zeros(n, dtype=np.bool_)
    for start, stop in spans:
        mask[max(0, _boundary(clock, start)) : max(0, _boundary(clock, min(stop, clock.time_of(n))))] = True
    return mask


def _pair_values(
    counts: Sequence[tuple[str, Counts]],
    first: str,
    second: str,
    behavior: str,
    arguments: AgreementArguments,
    *,
    by_session: bool,
) -> list[Value]:
    tables: dict[str | None, list[Counts]] = {}
    for session_id, table in counts:
        tables.setdefault(session_id if by_session else None, []).append(table)
    only = counts[0][0] if len(counts) == 1 else None
    group = {"pair": f"{first}-{second}", "behavior": behavior}
    return [
        Value(
            name=statistic,
            value=score(statistic, np.sum(items, axis=0)),
            statistic=statistic,
            n=len(items),
            group=group,
            session_id=session_id or only,
            note=f"Pooled over {len(items)} recordings, {int(np.sum(items))} frames.",
        )
        for session_id, items in tables.items()
        for statistic in arguments.statistics
    ]


def score(statistic: str, counts: Counts) -> float | None:
    """F1 or Cohen's kappa of a table of frames; ``None`` where it is not defined.

    Parameters
    ----------
    counts
        ``[[neither, second only], [first only, both]]``.
    """
    (neither, second_only), (first_only, both) = (row.tolist() for row in counts)
    n, positive = neither + second_only + first_only + both, first_only + second_only + both
    if n == 0 or positive == 0:
        return None
    if statistic == "f1":
        return float(2 * both / (2 * both + first_only + second_only))
    by_chance = (
        (both + first_only) * (both + second_only) + (neither + second_only) * (neither + first_only)
    ) / n**2
    return None if by_chance == 1.0 else float(((both + neither) / n - by_chance) / (1 - by_chance))


# ----------------------------------------------------------------- tracks, position by position
def _tracks(
    context: ToolContext, scope: Scope, arguments: AgreementArguments
) -> tuple[list[Value], list[str], int]:
    """Median distance of the body centers of trackers over the frames in which both see the animal."""
    measure = MeasureArguments(
        measure="median_distance",
        sources=arguments.sources,
        individuals=arguments.individuals,
        interpolate=False,
    )
    call = Call(context=context, scope=scope, arguments=measure, split=frozenset({"source"}))
    plan = plan_tracks(call)
    animals: dict[tuple[str, str], list[TrackRef]] = {}
    for track in plan.tracks:
        name = "" if _follows_one(plan.tracks, track) else track.individual
        animals.setdefault((track.session_id, name), []).append(track)
    distances: dict[str, list[NDArray[np.float64]]] = {}
    sessions: dict[str, set[str]] = {}
    for (session_id, _), members in animals.items():
        for first, second in itertools.combinations(members, 2):
            pair = f"{first.source}-{second.source}"
            distances.setdefault(pair, []).append(_apart(call, first, second, plan.unit))
            sessions.setdefault(pair, set()).add(session_id)
    if not distances:
        raise ToolFailedError(
            "A distance between tracks needs two trackers of the same animal; there is only one."
        )
    values = [
        _apart_value(pair, np.concatenate(parts), sessions[pair], plan.unit)
        for pair, parts in distances.items()
    ]
    return (
        values,
        [*plan.flags, "Positions are matched by frame; frames in which one is missing are skipped."],
        sum(len(part) for parts in distances.values() for part in parts),
    )


def _follows_one(tracks: Sequence[TrackRef], track: TrackRef) -> bool:
    """Whether a tracker follows a single animal in its session, whatever it calls it."""
    return sum((other.session_id, other.source) == (track.session_id, track.source) for other in tracks) == 1


def _apart(call: Call, first: TrackRef, second: TrackRef, unit: str) -> NDArray[np.float64]:
    a, b = (
        body_center(call, first, "cm" if unit == "cm" else "px"),
        body_center(call, second, "cm" if unit == "cm" else "px"),
    )
    frames, in_a, in_b = np.intersect1d(a[0], b[0], assume_unique=True, return_indices=True)
    apart = np.hypot(a[1][in_a] - b[1][in_b], a[2][in_a] - b[2][in_b])
    start, stop = call.scope.window(
        next(s for s in call.scope.sessions.iter_rows(named=True) if s["session_id"] == first.session_id)
    )
    low, high = (
        _boundary(first.clock, max(start, 0.0)),
        np.inf if np.isinf(stop) else _boundary(first.clock, stop),
    )
    apart = apart[(frames >= low) & (frames < high)]
    return apart[np.isfinite(apart)]


def _apart_value(pair: str, apart: NDArray[np.float64], sessions: set[str], unit: str) -> Value:
    return Value(
        name="median_distance",
        value=float(np.median(apart)) if len(apart) else None,
        unit=unit,
        statistic="median",
        n=len(sessions),
        group={"pair": pair},
        session_id=next(iter(sessions)) if len(sessions) == 1 else None,
        note=f"Over {len(apart)} frames of {len(sessions)} recordings.",
    )


TOOL: Tool[AgreementArguments] = Tool(
    name="agreement",
    description="How well raters or classifiers agree on a behavior, frame by frame (F1 and Cohen's kappa "
    "per pair, recordings pooled), or how far apart two trackers see the animal (median distance).",
    arguments=AgreementArguments,
    function=agreement,
)
