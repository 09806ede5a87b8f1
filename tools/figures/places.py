"""Where an animal was: its path colored by time, and a map of the time spent in each place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ethochat.tools.evidence import Figure
from ethochat.tools.figures.colors import FAINT, INK, SEQUENTIAL
from ethochat.tools.figures.sheet import Json, axis, sheet

Vector = NDArray[np.float64]
Outline = tuple[str, Sequence[tuple[float, float]]]
"""Name and closed polygon, in the unit of the axes."""

MOST_POINTS: Final = 5000
_PLOT: Final = 360


def trajectory_figure(
    title: str,
    times: Vector,
    x: Vector,
    y: Vector,
    *,
    unit: str,
    time_unit: str,
    outlines: Sequence[Outline] = (),
) -> Figure:
    """Draw a path, darker early and lighter late, with its start and end marked.

    Parameters
    ----------
    times, x, y
        Shape ``(n,)``; positions in ``unit``, NaN where the animal was not seen.
    unit, time_unit
        Units of the axes and of the color.
    """
    shown = slice(None, None, max(1, len(times) // MOST_POINTS))
    known = np.isfinite(x) & np.isfinite(y)
    path: Json = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": numbers(x[shown]),
        "y": numbers(y[shown]),
        "customdata": numbers(times[shown]),
        "hovertemplate": f"%{{customdata:.4g}} {time_unit}<br>%{{x:.4g}}, %{{y:.4g}} {unit}<extra></extra>",
        "line": {"color": "rgba(120,120,120,0.35)", "width": 1},
        "marker": {
            "color": numbers(times[shown]),
            "colorscale": SEQUENTIAL,
            "size": 3,
            "colorbar": _bar(f"time ({time_unit})"),
        },
        "name": "path",
    }
    ends = np.flatnonzero(known)[[0, -1]]
    marks: Json = {
        "type": "scatter", "mode": "markers+text", "x": numbers(x[ends]), "y": numbers(y[ends]), "text": ["start", "end"],
        "textposition": "top center", "hoverinfo": "skip", "textfont": {"size": 12, "color": INK}, "name": "start and end",
        "marker": {"color": ["white", INK], "symbol": ["circle", "square"], "size": 9, "line": {"color": INK, "width": 2}},
    }  # fmt: skip
    return _map(title, [*_drawn(outlines), path, marks], unit)


def occupancy_figure(
    title: str,
    spent: NDArray[np.float64],
    x_edges: Vector,
    y_edges: Vector,
    *,
    unit: str,
    time_unit: str,
    outlines: Sequence[Outline] = (),
) -> Figure:
    """Draw how long an animal was in each field; fields it never entered stay white.

    Parameters
    ----------
    spent
        Shape ``(n_x, n_y)``, in ``time_unit``.
    x_edges, y_edges
        Edges of the fields, in ``unit``.
    """
    # One field where an animal slept would leave all others in the darkest color.
    visited = spent[spent > 0]
    longest = float(visited.max())
    most = min(longest, 3 * float(np.quantile(visited, 0.9)))
    capped = (
        f"The brightest fields: {most:.2g} {time_unit} and longer, at most {longest:.3g}."
        if most < longest
        else ""
    )
    heat: Json = {
        "type": "heatmap",
        "x": numbers((x_edges[:-1] + x_edges[1:]) / 2),
        "y": numbers((y_edges[:-1] + y_edges[1:]) / 2),
        "z": [[None if cell == 0 else cell for cell in row] for row in spent.T.tolist()],
        "colorscale": SEQUENTIAL,
        "zmin": 0.0,
        "zmax": most,
        "colorbar": _bar(f"time ({time_unit})"),
        "hovertemplate": f"%{{z:.4g}} {time_unit}<br>at %{{x:.4g}}, %{{y:.4g}} {unit}<extra></extra>",
    }
    return _map(title, [heat, *_drawn(outlines)], unit, notes=[capped] if capped else [])


def numbers(values: NDArray[np.float64]) -> list[float | None]:
    """Five significant digits, which no screen shows the end of; ``None`` for NaN."""
    return [None if not np.isfinite(value) else float(f"{value:.5g}") for value in values.tolist()]


def _bar(title: str) -> Json:
    return {"title": {"text": title, "side": "right"}, "thickness": 12, "outlinewidth": 0}


def _drawn(outlines: Sequence[Outline]) -> list[Json]:
    """Draw the arena in ink, zones dashed."""
    return [
        {
            "type": "scatter", "mode": "lines", "x": [x for x, _ in corners], "y": [y for _, y in corners], "name": name,
            "line": {"color": INK if name == "arena" else FAINT, "width": 1.5, "dash": "solid" if name == "arena" else "dash"},
            "hoverinfo": "name", "showlegend": False,
        }
        for name, corners in outlines
    ]  # fmt: skip


def _map(title: str, data: Sequence[Json], unit: str, *, notes: Sequence[str] = ()) -> Figure:
    """Axes as in the image: y grows downwards, one scale for both."""
    x = axis(f"x ({unit})", constrain="domain", zeroline=False)
    y = axis(
        f"y ({unit})", autorange="reversed", scaleanchor="x", scaleratio=1, constrain="domain", zeroline=False
    )
    return sheet(title, data, notes=notes, xaxis=x, yaxis=y, plot_height=_PLOT)
