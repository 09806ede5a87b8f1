"""Colors, symbols and dashes of groups: the same group looks the same in every figure of an experiment.

A group's look is decided by its place among all values of its column in the experiment, never by the order of one call.
Color never tells groups apart alone: the symbol changes with it and, where groups have lines, so does the dash.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ethochat.tools.wording import natural_key

if TYPE_CHECKING:
    from ethochat.tools.context import ToolContext

PALETTE: Final = (
    "#0072B2", "#EE6677", "#7A4B00", "#56B4E9", "#332288", "#999933", "#882255", "#CC79A7",
)  # fmt: skip
"""Chosen from the schemes of Okabe & Ito and of Paul Tol: any two stay at least 20 apart in CIELAB, also as protan, deutan
and tritan readers see them (simulated after Machado, Oliveira & Fernandes 2009, doi:10.1109/TVCG.2009.113)."""
SYMBOLS: Final = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "star")
"""Seven against eight colors: a color and a symbol come together again only after 56 groups."""
DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")
INK: Final = "#222222"
"""Means, intervals and zero lines."""
FAINT: Final = "#6B6B6B"
GRID: Final = "#E6E6E6"
SEQUENTIAL: Final = "Cividis"
"""Even in lightness, and made for color-blind readers (Nuñez, Anderton & Renslow 2018)."""
DIVERGING: Final = (
    (0.0, "#B35806"),
    (0.25, "#FDB863"),
    (0.5, "#F7F7F7"),
    (0.75, "#B2ABD2"),
    (1.0, "#542788"),
)
"""Orange to purple (ColorBrewer's PuOr), told apart by color-blind readers."""

_NOT_STATED: Final = "not stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How one group looks."""

    color: str
    symbol: str
    dash: str


def group_colors(values: Iterable[str]) -> dict[str, Style]:
    """Give each value of a column its look.

    Parameters
    ----------
    values
        All values of the column in the experiment, in any order and as often as they come.
    """
    names = sorted(set(values) - {_NOT_STATED}, key=natural_key)
    return {name: _look(place) for place, name in enumerate(names)}


def _look(place: int) -> Style:
    """Look of the n-th group; a color that comes for the second time is paler."""
    color, pale = PALETTE[place % len(PALETTE)], (place // len(PALETTE)) % 2 == 1
    return Style(
        color=_paler(color) if pale else color,
        symbol=SYMBOLS[place % len(SYMBOLS)],
        dash=DASHES[place % len(DASHES)],
    )


def _paler(color: str) -> str:
    """Mix a color half and half with white."""
    parts = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{(part + 255) // 2:02X}" for part in parts)


def column_styles(context: ToolContext, column: str | None) -> dict[str, Style]:
    """Look of every value that a column has in the whole experiment.

    Parameters
    ----------
    column
        A metadata column or one of the identifiers (``source``, ``behavior``, ``zone`` …), as resolved; nothing for ``None``.
    """
    if column == "behavior":
        return {name: _look(place) for place, name in enumerate(_behaviors(context))}
    return group_colors(_values_of(context, column)) if column is not None else {}


def with_styles(names: Iterable[str], styles: Mapping[str, Style] | None) -> dict[str, Style]:
    """Look of each group of one figure; groups that the experiment's columns do not know follow the known ones."""
    known = dict(styles or {})
    names = list(dict.fromkeys(names))
    unknown = [name for name in names if name not in known]
    first = len(known)
    known |= {name: _look(first + place) for place, name in enumerate(sorted(unknown, key=natural_key))}
    return {name: known[name] for name in names}


def _values_of(context: ToolContext, column: str) -> list[str]:
    from ethochat.tools.selection import IDENTIFIERS, column_values

    if column == "zone":
        return [zone.name for zone in context.experiment.zones]
    if column == "source":
        sources: list[str] = context.catalog.load("coverage")["source"].drop_nulls().to_list()
        return sources
    if column == "individual":
        names: list[str] = context.catalog.load("individuals")["individual"].drop_nulls().to_list()
        return names
    sessions = context.catalog.load("sessions")
    if column in IDENTIFIERS and column not in sessions.columns:
        return []
    return list(column_values(sessions, column).values())


def _behaviors(context: ToolContext) -> list[str]:
    """Behaviors that people or classifiers mark, then those that only rules do: the few that are shown together come first."""
    import polars as pl

    from ethochat.tools.selection import known_behaviors

    coverage = context.catalog.load("coverage").filter(pl.col("source_kind") != "rule")
    labeled = set(coverage["behaviors"].explode().drop_nulls().to_list())
    return sorted(known_behaviors(context), key=lambda name: name not in labeled)
