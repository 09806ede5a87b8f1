"""The tool ``find_proximity``: intervals in which two tracked animals are close."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from ethochat.index.behaviors.bouts import drop_short, mask_to_runs
from ethochat.tools.arguments import FindProximityArguments, MeasureArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolRetryError
from ethochat.tools.evidence import ClipRef, Evidence, Value
from ethochat.tools.motion import PairDistance, Windows, pair_distances, plan_tracks
from ethochat.tools.rows import Call
from ethochat.tools.selection import listing, require_sessions, select_sessions
from ethochat.tools.wording import number, summarize_evidence


def find_proximity(context: ToolContext, arguments: FindProximityArguments) -> Evidence:
    """Find runs of frames in which two animals are close."""
    call = _call(context, arguments)
    plan, windows = plan_tracks(call), Windows(call)
    videos = dict(call.scope.sessions.select("session_id", pl.col("video").is_not_null()).iter_rows())
    values: list[Value] = []
    clips: list[ClipRef] = []
    for pair in pair_distances(call, plan):
        own = list(_clips(pair, windows, arguments, has_video=videos[pair.first.session_id]))
        values.extend(_values(pair, own))
        clips.extend(own)
    flags = [*call.scope.flags, *plan.flags]
    flags.append(
        f"Close means less than {arguments.max_distance:g} {arguments.unit} for at least "
        f"{arguments.min_frames} "
        "consecutive frames; a frame in which one animal is missing ends the run."
    )
    if plan.time_unit == "frames":
        flags.append("The frame rate is not documented: times are frames.")
    if not clips:
        flags.append("They are never that close.")
    if len(clips) > arguments.limit:
        flags.append(f"The first {arguments.limit} of {len(clips)} clips are given; raise `limit` for more.")
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=values,
        clips=clips[: arguments.limit],
        n_rows=len(clips),
        flags=flags,
    )
    evidence.summary = summarize_evidence(evidence)
    return evidence


def _call(context: ToolContext, arguments: FindProximityArguments) -> Call:
    if arguments.pair and len(set(arguments.pair)) != 2:
        raise ToolRetryError(f"Expected two different individuals in `pair`, got {arguments.pair!r}.")
    measure = MeasureArguments(
        measure="pair_distance",
        **{
            name: getattr(arguments, name)
            for name in (
                "sessions",
                "subjects",
                "where",
                "start_s",
                "stop_s",
                "start_part",
                "stop_part",
                "include_excluded",
            )
        },
        individuals=arguments.pair or arguments.individuals,
        keypoints=arguments.keypoints,
        unit=arguments.unit,
    )
    scope = select_sessions(context, measure)
    require_sessions(scope, measure)
    if arguments.pair and scope.sessions.is_empty():
        raise ToolRetryError(f"No session tracks {listing(arguments.pair)}.")
    return Call(context=context, scope=scope, arguments=measure, split=frozenset())


def _clips(
    pair: PairDistance, windows: Windows, arguments: FindProximityArguments, *, has_video: bool
) -> Iterator[ClipRef]:
    clock = pair.first.clock
    for part in windows.parts(pair.first):
        # A NaN is not below any limit, so a missing animal ends the run.
        close = part.mask(pair.frames) & (pair.distance < arguments.max_distance)
        for start, stop in drop_short(mask_to_runs(close), arguments.min_frames):
            nearest = float(np.min(pair.distance[start:stop]))
            first, last = int(pair.frames[start]), int(pair.frames[stop - 1])
            yield ClipRef(
                session_id=pair.first.session_id,
                start_time=clock.time_of(first),
                stop_time=clock.time_of(last + 1),
                description=f"{pair.first.individual} and {pair.second.individual} closer than "
                f"{arguments.max_distance:g} {arguments.unit} for {stop - start} frame{'' if stop - start == 1 else 's'} (nearest "
                f"{number(nearest)} {arguments.unit})",
                individual=pair.first.individual or None,
                has_video=has_video,
            )


def _values(pair: PairDistance, clips: list[ClipRef]) -> list[Value]:
    clock = pair.first.clock
    total = sum(clip.stop_time - clip.start_time for clip in clips)
    group = {"pair": pair.name}
    session_id = pair.first.session_id
    n_frames = sum(
        clock.nearest_boundary(clip.stop_time) - clock.nearest_boundary(clip.start_time) for clip in clips
    )
    frames = Value(name="time_near", value=float(n_frames), unit="frames", group=group, session_id=session_id)
    return [
        Value(name="bout_count", value=float(len(clips)), unit="bouts", group=group, session_id=session_id),
        Value(name="time_near", value=total, unit=clock.unit, group=group, session_id=session_id),
        *([] if clock.unit == "frames" else [frames]),
    ]


TOOL: Tool[FindProximityArguments] = Tool(
    name="find_proximity",
    description="Find when two tracked animals are closer than a distance, as clips; keeps runs of at least "
    "min_frames frames and counts them per pair.",
    arguments=FindProximityArguments,
    function=find_proximity,
)
