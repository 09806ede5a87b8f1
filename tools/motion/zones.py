"""Measures of zones: time, share, entries, first visit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.motion.occupancy import Occupancy, occupancies
from ethochat.tools.motion.results import make_row
from ethochat.tools.motion.tracks import confidence_flags, plan_tracks, without_scale
from ethochat.tools.motion.windows import Windows
from ethochat.tools.rows import Call, Kind, Measured


def zone_measure(call: Call, name: str) -> Measured:
    """Time in zones, its share, entries and first visit, by the body center."""
    plan, windows = plan_tracks(call), Windows(call)
    rows = []
    for occupancy in occupancies(call, plan):
        for part in windows.parts(occupancy.track):
            mask = part.mask(occupancy.frames)
            seen = part.is_empty or bool(occupancy.known[mask].any())
            found: Mapping[str, object] = _ZONE_FUNCTIONS[name](occupancy, mask) if seen else {}
            labels = {"zone": occupancy.zone}
            rows.append(make_row(call, occupancy.track, part, labels, n_rows=int(mask.sum()), **found))
    if name == "zone_entry_rate" and plan.time_unit == "frames":
        raise ToolFailedError("The frame rate is not documented, so a rate per minute cannot be given.")
    unit = _ZONE_UNITS.get(name, plan.time_unit)
    kind = _ZONE_KINDS[name]
    flags = (*without_scale(plan.flags), *windows.flags, *confidence_flags(call, plan))
    if call.arguments.outside:
        flags = (*flags, "Counted outside of the zone, where the position is known.")
    if unit == "frames":
        flags = (*flags, "The frame rate is not documented: times are in frames.")
    return Measured(name=name, unit=unit, kind=kind, rows=rows, flags=flags)


_ZONE_UNITS: Final = {"zone_percent": "%", "zone_entries": "entries", "zone_entry_rate": "entries/min"}
"""Unit of a measure where it is no time."""

_ZONE_KINDS: Final[Mapping[str, Kind]] = {
    "zone_time": "additive",
    "zone_percent": "ratio",
    "zone_entries": "additive",
    "zone_entry_rate": "ratio",
    "zone_latency": "plain",
}

_Found = dict[str, object]


def _zone_time(occupancy: Occupancy, mask: NDArray[np.bool_]) -> _Found:
    return {"value": int(occupancy.inside[mask].sum()) / occupancy.track.clock.frames_per_unit}


def _share(part: float, whole: float) -> _Found:
    return {"value": part / whole, "parts": (part, whole)} if whole else {}


def _zone_percent(occupancy: Occupancy, mask: NDArray[np.bool_]) -> _Found:
    return _share(100.0 * int(occupancy.inside[mask].sum()), float(occupancy.known[mask].sum()))


def _count_entries(occupancy: Occupancy, mask: NDArray[np.bool_]) -> float:
    """Count changes from outside to inside between known positions; being inside at the start is no entry."""
    known = np.flatnonzero(occupancy.known)
    inside = occupancy.inside[known]
    entered = known[1:][inside[1:] & ~inside[:-1]]
    return float(np.count_nonzero(mask[entered]))


def _zone_entries(occupancy: Occupancy, mask: NDArray[np.bool_]) -> _Found:
    return {"value": _count_entries(occupancy, mask)}


def _zone_entry_rate(occupancy: Occupancy, mask: NDArray[np.bool_]) -> _Found:
    minutes = int(occupancy.known[mask].sum()) / occupancy.track.clock.frames_per_unit / 60.0
    return _share(_count_entries(occupancy, mask), minutes)


def _zone_latency(occupancy: Occupancy, mask: NDArray[np.bool_]) -> _Found:
    frames = occupancy.frames[mask & occupancy.inside]
    return {"value": occupancy.track.clock.time_of(int(frames[0])) if len(frames) else None}


_ZONE_FUNCTIONS: Final[Mapping[str, Callable[[Occupancy, NDArray[np.bool_]], _Found]]] = {
    "zone_time": _zone_time,
    "zone_percent": _zone_percent,
    "zone_entries": _zone_entries,
    "zone_entry_rate": _zone_entry_rate,
    "zone_latency": _zone_latency,
}
