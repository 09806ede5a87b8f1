"""Two quantities of each animal, with a line of least squares and the interval of its mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from ethochat.tools.evidence import Figure, TestResult
from ethochat.tools.figures.captions import caption_of
from ethochat.tools.figures.colors import INK, Style, with_styles
from ethochat.tools.figures.parts import faded
from ethochat.tools.figures.sheet import Json, axis, label, safe, sheet, with_unit, words

Points = Mapping[str, Mapping[str, tuple[float, float]]]
"""Group to animal to x and y; a single group may have the name ``""``."""

_STEPS: Final = 60


def scatter_figure(
    groups: Points,
    *,
    x: tuple[str, str | None],
    y: tuple[str, str | None],
    test: TestResult | None = None,
    column: str | None = None,
    styles: Mapping[str, Style] | None = None,
) -> Figure:
    """Draw two quantities against one another, an animal a dot.

    Parameters
    ----------
    x, y
        Name and unit of each quantity.
    test
        Correlation over all animals; its line stands under the title.
    column
        What tells the groups apart.
    styles
        Look of each group.
    """
    looks = with_styles(groups, styles)
    pairs = [pair for animals in groups.values() for pair in animals.values()]
    fitted = _regression([a for a, _ in pairs], [b for _, b in pairs])
    data = [*fitted, *(_dots(name, animals, looks[name]) for name, animals in groups.items())]
    notes = [caption_of(test)] if test is not None else []
    notes.append(
        f"Dots: animals, n = {len(pairs)}." + (" Line: least squares with 95 % interval." if fitted else "")
    )
    named = [name for name in groups if name]
    legend = named if len(named) > 1 or column else []
    title = f"{words(y[0])} against {words(x[0])}"
    return sheet(
        title,
        data,
        notes=notes,
        xaxis=axis(with_unit(*x), zeroline=False),
        yaxis=axis(with_unit(*y), zeroline=False),
        legend=legend,
    )


def _dots(name: str, animals: Mapping[str, tuple[float, float]], look: Style) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [a for a, _ in animals.values()],
        "y": [b for _, b in animals.values()],
        "text": [safe(animal) for animal in animals],
        "hovertemplate": "%{text}<br>%{x:.5g}, %{y:.5g}<extra></extra>",
        "marker": {
            "color": look.color,
            "symbol": look.symbol,
            "size": 9,
            "line": {"color": "white", "width": 1},
        },
        "name": label(name, 34) or "animals",
        "cliponaxis": False,
    }


def _regression(x: Sequence[float], y: Sequence[float]) -> list[Json]:
    """Draw the line of least squares and the 95 % interval of the mean response.

    The interval is ``t(0.975, n - 2) * s * sqrt(1 / n + (x - mean)^2 / Sxx)`` about the line (Kutner, Nachtsheim, Neter & Li,
    Applied Linear Statistical Models, 5th ed., section 2.4).

    Returns
    -------
    list of dict
        Band and line; empty for fewer than three animals or a single x.
    """
    from scipy import special

    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    n = int(a.size)
    if n < 3 or np.ptp(a) == 0.0:
        return []
    middle, spread = float(a.mean()), float(((a - a.mean()) ** 2).sum())
    slope = float(((a - middle) * (b - b.mean())).sum()) / spread
    rest = b - (b.mean() + slope * (a - middle))
    s = math.sqrt(float((rest**2).sum()) / (n - 2))
    at = np.linspace(a.min(), a.max(), _STEPS)
    line = b.mean() + slope * (at - middle)
    half = float(special.stdtrit(n - 2, 0.975)) * s * np.sqrt(1 / n + (at - middle) ** 2 / spread)
    band = {
        "type": "scatter", "mode": "lines", "x": [*at.tolist(), *at[::-1].tolist()],
        "y": [*(line + half).tolist(), *(line - half)[::-1].tolist()], "fill": "toself", "fillcolor": faded(INK, 0.1),
        "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, "name": "95 % interval of the mean",
    }  # fmt: skip
    fit = {
        "type": "scatter", "mode": "lines", "x": at.tolist(), "y": line.tolist(), "line": {"color": INK, "width": 1.5},
        "hovertemplate": f"slope {slope:.4g}<extra></extra>", "showlegend": False, "name": "least squares",
    }  # fmt: skip
    return [band, fit]
