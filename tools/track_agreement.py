"""Agreement of trackers: how far apart they see an animal."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ethochat.tools.arguments import AgreementArguments, MeasureArguments
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError
from ethochat.tools.evidence import Value
from ethochat.tools.motion import TrackRef, body_center, plan_tracks
from ethochat.tools.rows import Call
from ethochat.tools.selection import Scope


def compare_tracks(
    context: ToolContext, scope: Scope, arguments: AgreementArguments
) -> tuple[list[Value], list[str], int]:
    """Median distance of the body centers of trackers over the frames in which both see the animal.

    Returns
    -------
    tuple of (values, flags, n_frames)

    Raises
    ------
    ToolFailedError
        When no two trackers follow the same animal.
    """
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
        _first_frame(first, max(start, 0.0)),
        np.inf if np.isinf(stop) else _first_frame(first, stop),
    )
    apart = apart[(frames >= low) & (frames < high)]
    return apart[np.isfinite(apart)]


def _first_frame(track: TrackRef, time: float) -> int:
    """First frame that starts at a time or later."""
    frame = track.clock.frame_at(time)
    return frame if track.clock.time_of(frame) >= time - 1e-9 else frame + 1


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
