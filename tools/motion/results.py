"""Rows of a measure of tracks, and what must be said with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from ethochat.tools.motion.tracks import TrackPlan, TrackRef, confidence_flags
from ethochat.tools.motion.windows import Part, Windows
from ethochat.tools.rows import Call, Kind, Measured, Row, Vector


def make_row(
    call: Call,
    track: TrackRef,
    part: Part | None,
    labels: Mapping[str, str],
    *,
    n_rows: int,
    **found: object,
) -> Row:
    """Row of a track in a bin.

    Parameters
    ----------
    n_rows
        Frames that were looked at.
    """
    known = {"source": track.source, **labels}
    if part is not None and part.behavior:
        known["behavior"] = part.behavior
    return Row(
        session_id=track.session_id,
        individual=track.individual,
        subject_id=call.scope.subject_of(track.session_id, track.individual),
        labels=known,
        bin_index=part.index if part is not None else 0,
        bin_start=part.start if part is not None and call.arguments.bin_s is not None else None,
        observed=n_rows / track.clock.frames_per_unit,
        n_rows=n_rows,
        **found,  # type: ignore[arg-type]
    )


_OWN_CONFIDENCE: Final = ("percent_tracked", "percent_missing", "missing_frames")
"""Measures that say themselves which points count."""


def measured_rows(
    name: str,
    unit: str,
    kind: Kind,
    rows: Sequence[Row],
    *,
    plan: TrackPlan,
    windows: Windows,
    statistics: tuple[str, ...] = ("mean",),
) -> Measured:
    """Rows of a measure with its flags, among them which points were left out as doubtful."""
    doubtful = () if name in _OWN_CONFIDENCE else confidence_flags(windows.call, plan)
    return Measured(
        name=name,
        unit=unit,
        kind=kind,
        rows=rows,
        default_statistics=statistics,
        observation="frames",
        flags=(*plan.flags, *windows.flags, *doubtful),
    )


def frame_row(
    call: Call,
    track: TrackRef,
    part: Part,
    labels: Mapping[str, str],
    numbers: Vector,
) -> Row:
    """Row of a measure that pools frames; frames without a value are left out."""
    seen = numbers[np.isfinite(numbers)]
    value = float(np.median(seen)) if len(seen) else None
    return make_row(call, track, part, labels, value=value, observations=seen, n_rows=len(numbers))
