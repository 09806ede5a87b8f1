"""Measures of zones: time, share, entries, first visit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ethochat.tools.motion.occupancy import Occupancy, occupancies
from ethochat.tools.motion.results import make_row
from ethochat.tools.motion.tracks import confidence_flags, plan_tracks, without_scale
from ethochat.tools.motion.windows import Windows
from ethochat.tools.rows import Call, Measured


def zone_measure(call: Call, name: str) -> Measured:
    """Time in zones, its share, entries and first visit, by the body center."""
    plan, windows = plan_tracks(call), Windows(call)
    rows = []
    for occupancy in occupancies(call, plan):
        for part in windows.parts(occupancy.track):
            mask = part.mask(occupancy.frames)
            found = _ZONE_FUNCTIONS[name](occupancy, mask)
            if found is not None:
                labels = {"zone": occupancy.zone}
                rows.append(make_row(call, occupancy.track, part, labels, n_rows=int(mask.sum()), **found))
    unit = {"zone_percent": "%", "zone_entries": "entries"}.get(name, plan.time_unit)
    kind = _ZONE_KINDS[name]
    flags = (*without_scale(plan.flags), *windows.flags, *confidence_flags(call, plan))
    if call.arguments.outside:
        flags = (*flags, "Counted outside of the zone, where the position is known.")
    if unit == "frames":
        flags = (*flags, "The frame rate is not documented: times are in frames.")
    return Measured(name=name, unit=unit, kind=kind, rows=rows, flags=flags)


_ZONE_KINDS: Final[Mapping[str, Literal["additive", "plain", "ratio"]]] = {
    "zone_time": "additive",
    "zone_percent": "ratio",
    "zone_entries": "additive",
    "zone_latency": "plain",
}


def _zone_time(occupancy: Occupancy, mask: NDArray[np.bool_]) -> dict[str, object]:
    return {"value": int(occupancy.inside[mask].sum()) / occupancy.track.clock.frames_per_unit}


def _zone_percent(occupancy: Occupancy, mask: NDArray[np.bool_]) -> dict[str, object] | None:
    inside, known = int(occupancy.inside[mask].sum()), int(occupancy.known[mask].sum())
    return {"value": 100.0 * inside / known, "parts": (100.0 * inside, float(known))} if known else None


def _zone_entries(occupancy: Occupancy, mask: NDArray[np.bool_]) -> dict[str, object]:
    """Count changes from outside to inside between known positions; being inside at the start is no entry."""
    known = np.flatnonzero(occupancy.known)
    inside = occupancy.inside[known]
    entered = known[1:][inside[1:] & ~inside[:-1]]
    return {"value": float(np.count_nonzero(mask[entered]))}


def _zone_latency(occupancy: Occupancy, mask: NDArray[np.bool_]) -> dict[str, object]:
    frames = occupancy.frames[mask & occupancy.inside]
    return {"value": occupancy.track.clock.time_of(int(frames[0])) if len(frames) else None}


_ZONE_FUNCTIONS: Final = {
    "zone_time": _zone_time,
    "zone_percent": _zone_percent,
    "zone_entries": _zone_entries,
    "zone_latency": _zone_latency,
}
