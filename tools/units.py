"""Units of what is measured: which can be turned into which, and by how much."""

from __future__ import annotations

import re
from typing import Final

_FACTORS: Final[dict[str, dict[str, float]]] = {
    "time": {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0},
    "frames": {"frames": 1.0},
    "length": {"mm": 0.1, "cm": 1.0, "m": 100.0},
    "pixels": {"px": 1.0},
    "speed": {"mm/s": 0.1, "cm/s": 1.0, "m/s": 100.0, "cm/min": 1 / 60, "m/min": 100 / 60},
    "pixel speed": {"px/s": 1.0},
    "pixel step": {"px/frame": 1.0},
    "rate": {
        "1/min": 1.0,
        "bouts/min": 1.0,
        "entries/min": 1.0,
        "events/min": 1.0,
        "1/s": 60.0,
        "1/h": 1 / 60,
    },
    "share": {"%": 0.01, "fraction": 1.0},
    "count": {"count": 1.0, "bouts": 1.0, "entries": 1.0, "events": 1.0},
    "scale": {"px/cm": 1.0},
}

_SPELLINGS: Final[dict[str, str]] = {
    "millisecond": "ms",
    "milliseconds": "ms",
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "mins": "min",
    "minute": "min",
    "minutes": "min",
    "hr": "h",
    "hour": "h",
    "hours": "h",
    "frame": "frames",
    "millimeter": "mm",
    "millimeters": "mm",
    "millimetre": "mm",
    "millimetres": "mm",
    "centimeter": "cm",
    "centimeters": "cm",
    "centimetre": "cm",
    "centimetres": "cm",
    "meter": "m",
    "meters": "m",
    "metre": "m",
    "metres": "m",
    "pixel": "px",
    "pixels": "px",
    "pixels/s": "px/s",
    "pixel/s": "px/s",
    "px/sec": "px/s",
    "cm/sec": "cm/s",
    "per minute": "1/min",
    "per min": "1/min",
    "/min": "1/min",
    "bouts per minute": "bouts/min",
    "bouts per min": "bouts/min",
    "per second": "1/s",
    "/s": "1/s",
    "hz": "1/s",
    "per hour": "1/h",
    "/h": "1/h",
    "percent": "%",
    "per cent": "%",
    "percentage": "%",
    "pct": "%",
    "share": "fraction",
    "proportion": "fraction",
    "ratio": "fraction",
    "counts": "count",
    "bout": "bouts",
    "entry": "entries",
    "n": "count",
    "number": "count",
}

_DIMENSIONS: Final[dict[str, str]] = {unit: name for name, units in _FACTORS.items() for unit in units}


def canonical_unit(unit: str) -> str:
    """Spell a unit as the tools do; an unknown one comes back trimmed."""
    plain = re.sub(r"\s+", " ", unit.strip())
    if plain in _DIMENSIONS:
        return plain
    lowered = plain.casefold()
    return _SPELLINGS.get(lowered, lowered if lowered in _DIMENSIONS else plain)


def dimension_of(unit: str | None) -> str | None:
    """Name what a unit measures (``time``, ``length``, ``share`` …), ``None`` for one that is not known."""
    return None if unit is None else _DIMENSIONS.get(canonical_unit(unit))


def conversion_factor(unit: str, wanted: str) -> float | None:
    """Return what a value in ``unit`` is multiplied by to be in ``wanted``; ``None`` where that cannot be."""
    have, want = canonical_unit(unit), canonical_unit(wanted)
    if have == want:
        return 1.0
    dimension = _DIMENSIONS.get(have)
    if dimension is None or dimension != _DIMENSIONS.get(want):
        return None
    return _FACTORS[dimension][have] / _FACTORS[dimension][want]
