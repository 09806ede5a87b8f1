"""Tables of numbers as heat maps; which behavior follows which."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.evidence import Figure, Value
from ethochat.tools.figures.colors import DIVERGING, SEQUENTIAL
from ethochat.tools.figures.sheet import Json, axis, safe, sheet, shortened
from ethochat.tools.wording import natural_key, number

_MOST_NUMBERED: Final = 14
"""More rows or columns than this leave no room for numbers in the fields; hovering shows them."""
_ACROSS: Final = 32
"""Letters that fit under the columns."""
_STRONGEST: Final = 3.0
"""Ratios of eight and more (and an eighth and less) have the strongest color."""


# ----------------------------------------------------------------- transitions
def transition_matrix_figure(
    values: Sequence[Value],
    *,
    title: str = "Which behavior follows which",
    count: str = "transition_count",
    probability: str = "transition_probability",
    ratio: str = "transition_ratio",
) -> Figure:
    """Draw counts of transitions; colored by the ratio to chance where it is given, else by probability, else by count.

    Parameters
    ----------
    values
        One value per pair and kind, with ``from`` and ``to`` in their groups, of one source.
    count, probability, ratio
        Names of the values by kind. A ratio of 1 is chance.

    Raises
    ------
    ToolFailedError
        When there is no transition.
    """
    tables = {
        kind: _pairs(values, name) for kind, name in (("n", count), ("p", probability), ("ratio", ratio))
    }
    shown = next(
        (kind for kind in ("ratio", "p", "n") if any(v is not None for v in tables[kind].values())), None
    )
    if shown is None:
        raise ToolFailedError("There is no transition to draw.")
    before, after = _order(tables, 0), _order(tables, 1)
    text = [[_cell(tables, shown, (a, b)) for b in after] for a in before]
    heat = heat_trace(
        [[_shade(tables[shown].get((a, b)), shown) for b in after] for a in before],
        text,
        [[_told(tables, a, b) for b in after] for a in before],
        _scale(shown),
    )
    said = {"ratio": "Ratio to chance", "p": "Percent of what follows", "n": "Counts"}[shown]
    sources = sorted({value.group["source"] for value in values if "source" in value.group})
    notes = [
        f"{said}; white: never seen.",
        *([f"Labeled by {', '.join(sources)}."] if sources else []),
    ]
    return heat_map(title, heat, rows=before, columns=after, notes=notes, names=("first", "next"))


def _pairs(values: Sequence[Value], name: str) -> dict[tuple[str, str], float | None]:
    """Pair to value of one name.

    Raises
    ------
    ToolFailedError
        When a pair has several, of several groups or sources.
    """
    named = [(value.group.get("from"), value.group.get("to")) for value in values if value.name == name]
    if len(named) > len(set(named)):
        raise ToolFailedError("A matrix shows the transitions of one source and group; there are several.")
    return {
        (value.group["from"], value.group["to"]): float(value.value)
        if isinstance(value.value, int | float)
        else None
        for value in values
        if value.name == name and {"from", "to"} <= set(value.group)
    }


def _order(tables: Mapping[str, Mapping[tuple[str, str], float | None]], side: int) -> list[str]:
    """Behaviors by how often they come, so that what matters stands together; the same order where counts lack."""
    weight: dict[str, float] = {}
    for table in tables.values():
        for pair in table:
            weight.setdefault(pair[side], 0.0)
    for pair, n in tables["n"].items():
        for name in pair:
            if name in weight:
                weight[name] += n or 0.0
    return sorted(weight, key=lambda name: (-weight[name], natural_key(name)))


def _shade(value: float | None, kind: str) -> float | None:
    """Number that colors a field: of a ratio its logarithm to base 2, within bounds."""
    if value is None:
        return None
    if kind != "ratio":
        return 100 * value if kind == "p" else value
    return -_STRONGEST if value <= 0 else max(-_STRONGEST, min(_STRONGEST, math.log2(value)))


def _cell(
    tables: Mapping[str, Mapping[tuple[str, str], float | None]], kind: str, pair: tuple[str, str]
) -> str:
    value = tables[kind].get(pair)
    if value is None:
        return ""
    return {"ratio": f"{value:.2g}", "p": f"{100 * value:.0f}", "n": number(value)}[kind]


def _told(tables: Mapping[str, Mapping[tuple[str, str], float | None]], a: str, b: str) -> str:
    n, p, ratio = (tables[kind].get((a, b)) for kind in ("n", "p", "ratio"))
    parts = [f"{safe(a)} → {safe(b)}"]
    parts += [f"{number(n)} times"] if n is not None else []
    parts += [f"{100 * p:.3g} % of what follows {safe(a)}"] if p is not None else []
    parts += [f"{ratio:.3g} times as often as by chance"] if ratio is not None else []
    return "<br>".join(parts if len(parts) > 1 else [*parts, "not seen"])


def _scale(kind: str) -> Json:
    if kind != "ratio":
        title = "percent" if kind == "p" else "count"
        return {"colorscale": SEQUENTIAL, "zmin": 0.0, "colorbar": {"title": {"text": title}}}
    ticks = [-3, -2, -1, 0, 1, 2, 3]
    marks = ["≤ ⅛", "¼", "½", "1", "2", "4", "≥ 8"]
    bar = {"title": {"text": "ratio"}, "tickvals": ticks, "ticktext": marks}
    return {
        "colorscale": [list(stop) for stop in DIVERGING],
        "zmin": -_STRONGEST,
        "zmax": _STRONGEST,
        "colorbar": bar,
    }


# ----------------------------------------------------------------- heat maps
def heat_trace(
    z: Sequence[Sequence[float | None]],
    text: Sequence[Sequence[str]],
    told: Sequence[Sequence[str]],
    scale: Json,
) -> Json:
    """Make the fields of a heat map.

    Parameters
    ----------
    z, text, told
        Row by row: the number that colors a field, what stands in it, what hovering shows; all of one shape.
    scale
        Colors, limits and color bar, in plotly's words.
    """
    size = max(len(z), len(z[0]) if z else 0)
    shown = size <= _MOST_NUMBERED
    bar = {"thickness": 12, "len": 1.0, "outlinewidth": 0, **scale["colorbar"]}
    return {
        "type": "heatmap",
        "z": [list(row) for row in z],
        "text": [list(row) for row in text],
        "customdata": [list(row) for row in told],
        "texttemplate": "%{text}" if shown else "",
        "textfont": {"size": 12 if size <= 5 else 10},
        "hovertemplate": "%{customdata}<extra></extra>",
        "hoverongaps": True,
        "xgap": 1,
        "ygap": 1,
        **scale,
        "colorbar": bar,
    }


def heat_map(
    title: str,
    heat: Json,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    notes: Sequence[str],
    names: tuple[str, str] = ("", ""),
) -> Figure:
    """Lay out a heat map with its rows from top to bottom."""
    side: Json = {"showgrid": False, "zeroline": False, "ticks": "", "showline": False, "tickmode": "array"}
    upright = max((len(name) for name in columns), default=0) <= _ACROSS // max(1, len(columns))
    x = axis(
        names[1], tickvals=list(range(len(columns))), ticktext=[shortened(name, 18) for name in columns],
        tickangle=0 if upright else -45 if len(columns) <= _MOST_NUMBERED else -90, **_small(columns), **side,
    )  # fmt: skip
    y = axis(
        names[0], tickvals=list(range(len(rows))), ticktext=[shortened(name, 18) for name in rows],
        range=[len(rows) - 0.5, -0.5], **_small(rows), **side,
    )  # fmt: skip
    height = max(140, 32 * len(rows) if len(rows) <= _MOST_NUMBERED else 16 * len(rows)) + 60
    return sheet(title, [heat], notes=notes, xaxis=x, yaxis=y, plot_height=height)


def _small(names: Sequence[str]) -> Json:
    """Smaller letters where they would touch."""
    return {"tickfont": {"size": 9}} if len(names) > _MOST_NUMBERED else {}
