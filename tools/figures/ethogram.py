"""An ethogram: bouts as bars over time, a row per session (or per behavior where there is one session)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ethochat.tools.evidence import Figure
from ethochat.tools.figures.colors import Style, with_styles
from ethochat.tools.figures.sheet import Json, axis, safe, sheet, shortened, time_step

Interval = tuple[float, float]

_MOST_TOLD: Final = 9_000
"""Three entries per bout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Bouts of one behavior in one row."""

    row: str
    """Session, and where needed animal and source."""
    behavior: str
    bouts: Sequence[Interval]
    """Start and stop; equal ones are points in time."""


def ethogram_figure(
    title: str, lanes: Sequence[Lane], *, time_unit: str, styles: Mapping[str, Style] | None = None
) -> Figure:
    """Draw bouts over time.

    A behavior has a color and, within each row, a height of its own, so that it is never told by color alone; with a single
    row every behavior has a named line.

    Parameters
    ----------
    lanes
        At least one; rows and behaviors keep the order in which they come.
    styles
        Look of each behavior.
    """
    rows = list(dict.fromkeys(lane.row for lane in lanes))
    behaviors = list(dict.fromkeys(lane.behavior for lane in lanes))
    looks = with_styles(behaviors, styles)
    single = len(rows) == 1
    thick = 16.0 if single else _thickness(len(rows), len(behaviors))
    tall = (24.0 if single else thick * len(behaviors) + 5.0) if behaviors else 24.0
    data: list[Json] = []
    for rank, behavior in enumerate(behaviors):
        own = [lane for lane in lanes if lane.behavior == behavior]
        places = [
            float(rank) if single else rows.index(lane.row) + _shift(rank, len(behaviors), thick / tall)
            for lane in own
        ]
        data.extend(_bars(behavior, own, places, looks[behavior], thick))
    names = behaviors if single else rows
    bands = [_band(place) for place in range(0, len(rows), 2)] if not single and len(behaviors) > 1 else []
    y = axis(
        "", tickmode="array", tickvals=list(range(len(names))), ticktext=[shortened(name, 26) for name in names],
        range=[len(names) - 0.5, -0.5], showgrid=False, zeroline=False,
    )  # fmt: skip
    if tall < 14:
        y["tickfont"] = {"size": 9}
    ends = [time for lane in lanes for bout in lane.bouts for time in bout]
    step = time_step(max(ends, default=0.0), time_unit)
    x = axis(f"time ({time_unit})", zeroline=False, rangemode="tozero", **step)
    notes = [rows[0]] if single and rows[0] else []
    if not single and len(behaviors) > 1:
        notes.append(f"Within each row, from top to bottom: {', '.join(behaviors)}.")
    legend = [] if single or len(behaviors) < 2 else behaviors
    height = max(120, round(tall * len(names)))
    return sheet(
        title,
        data,
        notes=notes,
        xaxis=x,
        yaxis=y,
        plot_height=height,
        legend=legend,
        hovermode="closest",
        shapes=bands,
    )


def _thickness(n_rows: int, n_behaviors: int) -> float:
    """Height of one bar, px: rows of 60 sessions stay on a sheet, rows of a few are easy to hit."""
    room = 36.0 if n_rows <= 12 else 22.0 if n_rows <= 30 else 16.0
    return max(2.0, min(16.0, room / n_behaviors))


def _band(place: int) -> Json:
    """Shade every second row, so that the bars of one are not taken for those of the next."""
    return {
        "type": "rect", "layer": "below", "xref": "paper", "x0": 0, "x1": 1, "y0": place - 0.5, "y1": place + 0.5,
        "fillcolor": "#F2F4F6", "line": {"width": 0},
    }  # fmt: skip


def _shift(rank: int, n: int, share: float) -> float:
    """Place of a behavior within a row that is 1 high."""
    return (rank - (n - 1) / 2) * share


def _bars(
    behavior: str, lanes: Sequence[Lane], places: Sequence[float], look: Style, thick: float
) -> list[Json]:
    """Draw all bouts of a behavior as one broken line, which thousands of bars would take seconds to draw; points as ticks."""
    x: list[float | None] = []
    y: list[float | None] = []
    told: list[str] = []
    marks: list[tuple[float, float, str]] = []
    for lane, place in zip(lanes, places, strict=True):
        for start, stop in lane.bouts:
            said = "<br>".join(
                part for part in (safe(lane.row), f"{safe(behavior)} {start:.2f}–{stop:.2f}") if part
            )
            if stop <= start:
                marks.append((start, place, said))
                continue
            x += [round(start, 3), round(stop, 3), None]
            y += [round(place, 4), round(place, 4), None]
            told += [said, said, ""]
    # Words for every one of tens of thousands of bouts would be most of the file, and too fine to point at.
    hover = (
        {"text": told, "hovertemplate": "%{text}<extra></extra>"}
        if len(told) <= _MOST_TOLD
        else {"hoverinfo": "skip"}
    )
    line: Json = {
        "type": "scatter", "mode": "lines", "x": x, "y": y, **hover,
        "line": {"color": look.color, "width": thick, "simplify": False}, "name": shortened(behavior, 34), "connectgaps": False,
    }  # fmt: skip
    if not marks:
        return [line]
    ticks: Json = {
        "type": "scatter", "mode": "markers", "x": [start for start, _, _ in marks], "y": [place for _, place, _ in marks],
        "text": [said for _, _, said in marks], "hovertemplate": "%{text}<extra></extra>", "showlegend": False,
        "marker": {"symbol": "line-ns", "size": thick, "line": {"color": look.color, "width": 2}}, "name": shortened(behavior, 34),
    }  # fmt: skip
    return [line, ticks]
