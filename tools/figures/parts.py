"""What figures of groups are made of: one point per animal, and a mean with its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ethochat.tools.figures.colors import FAINT, INK, Style
from ethochat.tools.figures.sheet import Json, safe

_ROWS: Final = 26
"""Points that are closer than this part of the range of all values would cover one another."""
_MOST_LARGE: Final = 60
"""More points than this are drawn smaller."""
_STEP: Final = 0.07
_WIDEST: Final = 0.27
"""How far points are moved aside, where groups are 1 apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """Mean of one group."""

    n: int
    mean: float
    low: float | None = None
    """Ends of the 95 % interval; ``None`` for a single animal."""
    high: float | None = None


def mean_interval(values: Sequence[float]) -> Mean:
    """Mean and its 95 % interval by Student's t with n - 1 degrees of freedom.

    Parameters
    ----------
    values
        One value per animal, at least one.
    """
    from scipy import special

    array = np.asarray(values, dtype=np.float64)
    n, mean = int(array.size), float(array.mean())
    if n < 2:
        return Mean(n=n, mean=mean)
    half = float(special.stdtrit(n - 1, 0.975)) * float(array.std(ddof=1)) / math.sqrt(n)
    return Mean(n=n, mean=mean, low=mean - half, high=mean + half)


def swarm(values: Sequence[float], spread: tuple[float, float]) -> list[float]:
    """How far to move each point aside so that none hides another, from the smallest value on; most stay in the middle.

    Parameters
    ----------
    spread
        Smallest and largest value on the axis.

    Returns
    -------
    list of float
        Offsets in the order of ``values``, at most 0.27 to either side.
    """
    height = (spread[1] - spread[0]) / _ROWS or 1.0
    step = _STEP if len(values) <= _MOST_LARGE else _STEP * 0.6
    lanes = sorted(range(-int(_WIDEST / step), int(_WIDEST / step) + 1), key=lambda lane: (abs(lane), lane))
    highest = dict.fromkeys(lanes, -math.inf)
    offsets = [0.0] * len(values)
    for place in sorted(range(len(values)), key=lambda place: values[place]):
        free = (lane for lane in lanes if values[place] - highest[lane] >= height)
        # Where all lanes are taken the point goes where it hides least of another.
        lane = next(free, min(lanes, key=lambda lane: highest[lane]))
        highest[lane] = values[place]
        offsets[place] = step * lane
    return offsets


def range_of(groups: Mapping[Any, Mapping[str, float]]) -> tuple[float, float]:
    """Smallest and largest value of all groups."""
    values = [value for animals in groups.values() for value in animals.values()]
    return (min(values), max(values)) if values else (0.0, 1.0)


def points(
    animals: Mapping[str, float],
    at: Sequence[float],
    style: Style,
    *,
    group: str,
    unit: str | None,
    flagged: Sequence[str] = (),
    named: bool = False,
) -> Json:
    """Draw a dot per animal.

    Parameters
    ----------
    at
        Place of each animal on the axis of groups.
    flagged
        Animals that a robust rule calls outliers: they stay, with a ring and their name.
    named
        Whether the legend names the group.
    """
    marks = [safe(animal) if animal in flagged else "" for animal in animals]
    return {
        "type": "scatter",
        "mode": "markers+text" if any(marks) else "markers",
        "x": list(at),
        "y": list(animals.values()),
        "text": marks,
        "textposition": "top center",
        "textfont": {"size": 10, "color": FAINT},
        "customdata": [safe(animal) for animal in animals],
        "hovertemplate": f"%{{customdata}}<br>{_literal(group)}: %{{y:.5g}}{_literal(_unit(unit))}<extra></extra>",
        "marker": {
            "color": style.color,
            "symbol": style.symbol,
            "size": 8 if len(animals) <= _MOST_LARGE else 5,
            "opacity": 0.85,
            "line": {
                "color": [INK if animal in flagged else "white" for animal in animals],
                "width": [2 if animal in flagged else 1 for animal in animals],
            },
        },
        "name": safe(group),
        "showlegend": named,
        "cliponaxis": False,
    }


def means(
    places: Sequence[float],
    found: Sequence[Mean],
    names: Sequence[str],
    *,
    unit: str | None,
    color: str = INK,
    joined: Mapping[str, Any] | None = None,
    symbol: str = "square",
) -> Json:
    """Draw means with their 95 % intervals.

    Parameters
    ----------
    joined
        Line that joins the means, in plotly's words; none by default.
    """
    told = [
        f"{safe(name)}<br>mean {item.mean:.5g}{_unit(unit)}"
        + ("" if item.low is None else f"<br>95 % interval {item.low:.5g} to {item.high:.5g}")
        + f"<br>n = {item.n}"
        for name, item in zip(names, found, strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "lines+markers" if joined is not None else "markers",
        "x": list(places),
        "y": [item.mean for item in found],
        "error_y": {
            "type": "data",
            "array": [0.0 if item.high is None else item.high - item.mean for item in found],
            "color": color,
            "thickness": 2,
            "width": 4,
        },
        "marker": {"color": color, "symbol": symbol, "size": 8},
        "line": dict(joined or {}),
        "text": told,
        "hovertemplate": "%{text}<extra></extra>",
        "name": "mean and 95 % interval",
        "showlegend": False,
        "cliponaxis": False,
    }


def joining_lines(groups: Sequence[Mapping[str, float]], places: Sequence[float]) -> Json:
    """Draw a thin line per animal from group to group; an animal that lacks a group has no line there."""
    x: list[float | None] = []
    y: list[float | None] = []
    for animal in dict.fromkeys(animal for animals in groups for animal in animals):
        for place, animals in zip(places, groups, strict=True):
            x.append(place if animal in animals else None)
            y.append(animals.get(animal))
        x.append(None)
        y.append(None)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"color": "rgba(90,90,90,0.4)", "width": 1},
        "hoverinfo": "skip",
        "showlegend": False,
        "name": "same animal",
    }


def faded(color: str, opacity: float) -> str:
    """Write a hexadecimal color with an opacity, as plotly reads it."""
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def _unit(unit: str | None) -> str:
    return f" {safe(unit)}" if unit not in (None, "", "count") and unit else ""


def _literal(text: str) -> str:
    """Text inside a hover template, where ``%{…}`` would be filled in."""
    return safe(text).replace("%{", "%&#123;")
