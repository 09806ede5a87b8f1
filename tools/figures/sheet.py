"""The sheet a figure is drawn on: white, with room for its letters, readable at 400 px and in print.

Figures are made as plain dictionaries in plotly's JSON form, since importing plotly costs half a second that no answer in a
terminal should pay. Names out of the data are escaped: plotly reads a few HTML tags in its texts.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from ethochat.tools.evidence import Figure
from ethochat.tools.figures.colors import FAINT, GRID, INK

Json = dict[str, Any]
"""A trace, an axis or a layout as plotly's JSON has it."""

TITLE_WIDTH: Final = 36
NOTE_WIDTH: Final = 50
"""Letters that fit a line of 330 px, what a phone leaves."""
_FONT: Final = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"
_STEPS: Final = (2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_LINE: Final = {"title": 20, "note": 16}
"""Pixels that a line of letters takes."""
_SPACES: Final = re.compile(r"[ \t\r\n]+")
"""Not the space that keeps two words on one line."""
_PIECES: Final = re.compile(r"[^\s._/\-]*[\s._/\-]*")


def wrap(text: str, width: int) -> list[str]:
    """Break a text into lines at spaces, else after ``.``, ``_``, ``/`` or ``-``, else anywhere.

    Parameters
    ----------
    width
        Most letters of a line.
    """
    lines: list[str] = []
    for words in textwrap.wrap(
        _SPACES.sub(" ", text).strip(), width, break_long_words=False, break_on_hyphens=False
    ):
        lines.extend(_broken(words, width) if len(words) > width else [words])
    return lines or [""]


def _broken(word: str, width: int) -> list[str]:
    """Break one long word."""
    lines = [""]
    for piece in _PIECES.findall(word):
        rest = piece
        if len(lines[-1]) + len(rest) > width and lines[-1]:
            lines.append("")
        while len(rest) > width:
            lines[-1], rest = rest[:width], rest[width:]
            lines.append("")
        lines[-1] += rest
    return [line for line in lines if line]


def safe(text: str) -> str:
    """Text as plotly shows it letter by letter."""
    return escape(text, quote=False)


def label(text: str, width: int, *, most_lines: int = 3) -> str:
    """Wrap a name; what is longer than ``most_lines`` ends in an ellipsis."""
    lines = wrap(text, width)
    if len(lines) > most_lines:
        lines = [*lines[: most_lines - 1], f"{lines[most_lines - 1][: width - 1]}…"]
    return "<br>".join(safe(line) for line in lines)


def shortened(text: str, width: int) -> str:
    """Write a name on one line, without its middle where it is long: the end often tells it apart."""
    return safe(_without_middle(text, width))


def on_two_lines(text: str, width: int) -> str:
    """Write a name on one line or two, without its middle where even those are too short."""
    lines = wrap(text, width)
    if len(lines) > 2:
        lines = wrap(_without_middle(" ".join(text.split()), 2 * width - 8), width)
    if len(lines) > 2:
        return shortened(text, width)
    return "<br>".join(safe(line) for line in lines)


def _without_middle(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    start = width // 2
    return f"{text[:start]}…{text[len(text) - (width - start - 1) :]}"


def words(name: str) -> str:
    """A measure's name in words; names that came with the data stay as they are."""
    from ethochat.tools.measures import CATALOGUE

    return name.replace("_", " ") if name in CATALOGUE else name


def with_unit(name: str, unit: str | None) -> str:
    """Name of a quantity and its unit, as an axis states it."""
    return f"{words(name)} ({unit})" if unit not in (None, "") else words(name)


def axis(title: str, *, width: int = 38, **more: Any) -> Json:  # noqa: ANN401 - plotly's own attributes
    """Make an axis: its title wrapped, thin grid, a line."""
    return {
        "title": {"text": label(title, width, most_lines=5), "standoff": 8, "font": {"size": 13}},
        "automargin": True,
        "gridcolor": GRID,
        "zerolinecolor": GRID,
        "linecolor": FAINT,
        "showline": True,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": FAINT,
        "tickfont": {"size": 12},
        **more,
    }


def time_step(length: float, unit: str) -> Json:
    """Distance of the ticks of an axis of time: whole seconds and minutes, at most seven of them."""
    if unit != "s" or length <= 0:
        return {}
    step = next((step for step in _STEPS if length / step <= 6), None)
    return {"dtick": step, "tick0": 0} if step is not None and length >= 10 else {}


def sheet(
    title: str,
    data: Sequence[Json],
    *,
    notes: Sequence[str] = (),
    xaxis: Json,
    yaxis: Json,
    plot_height: int = 300,
    right: int = 18,
    legend: Sequence[str] = (),
    **layout: Any,  # noqa: ANN401 - plotly's own attributes
) -> Figure:
    """Put traces on a sheet.

    Parameters
    ----------
    title
        Plain text; the figure's name as well.
    notes
        Plain lines under the title: the test, what dots and bars are.
    plot_height
        Height of the part between the axes, px.
    right
        Room at the right, px.
    legend
        Names that the legend shows; without any there is none.
    """
    above, head = _heading(title, notes)
    below = 58 + _legend_height(legend)
    whole = {
        "title": head,
        "font": {"family": _FONT, "size": 12, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "height": above + plot_height + below,
        "margin": {"l": 64, "r": right, "t": above, "b": below},
        "xaxis": xaxis,
        "yaxis": yaxis,
        "showlegend": bool(legend),
        "legend": _legend(),
        "hoverlabel": {"align": "left", "font": {"family": _FONT}},
        "dragmode": False,
        # plotly.py fills in its own gray template where none is named.
        "template": {"layout": {"colorway": [INK]}},
        **layout,
    }
    drawn = {"data": list(data), "layout": whole}
    return Figure(title=title, plotly_json=json.dumps(drawn, allow_nan=False))


def _heading(title: str, notes: Sequence[str]) -> tuple[int, Json]:
    """Title and notes as one text, and the room they take."""
    lines = [f"<b>{safe(line)}</b>" for line in wrap(title, TITLE_WIDTH)]
    small = [line for note in notes for line in wrap(note, NOTE_WIDTH)]
    text = "<br>".join(lines)
    if small:
        said = "<br>".join(safe(line) for line in small)
        text += f'<br><span style="font-size:12px;color:{FAINT}">{said}</span>'
    room = 20 + _LINE["title"] * len(lines) + _LINE["note"] * len(small) + 14
    head = {
        "text": text,
        "font": {"size": 15, "color": INK},
        "x": 0.0,
        "xanchor": "left",
        "xref": "container",
        "y": 1.0,
        "yanchor": "top",
        "yref": "container",
        "pad": {"t": 22, "l": 12},
    }
    return room, head


def _legend_height(names: Sequence[str]) -> int:
    """Room for a legend of several lines at 340 px."""
    if not names:
        return 0
    across = max(1, 340 // (44 + 6 * max(len(name) for name in names)))
    return 14 + 20 * -(-len(names) // across)


def _legend() -> Json:
    return {
        "orientation": "h",
        "yref": "container",
        "yanchor": "bottom",
        "y": 0.01,
        "xref": "container",
        "xanchor": "left",
        "x": 0.02,
        "font": {"size": 12},
        "itemsizing": "constant",
    }


def flipped(trace: Mapping[str, Any]) -> Json:
    """Exchange the axes of a trace."""
    names = {"x": "y", "y": "x", "error_x": "error_y", "error_y": "error_x"}
    turned = {names.get(key, key): value for key, value in trace.items()}
    if "hovertemplate" in turned:
        turned["hovertemplate"] = turned["hovertemplate"].replace("%{y", "%{x")
    return turned | ({"orientation": "h"} if trace.get("type") == "bar" else {})
