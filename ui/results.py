"""An answer's tables and figures, made ready to be shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any, Final

import polars as pl
from gradio.components.plot import PlotData

from ethochat.agent.answer import Answer
from ethochat.tools.evidence import Figure, Value
from ethochat.tools.figures.export import config
from ethochat.ui.steps import plain_name

MOST_ROWS: Final = 500
_HEIGHT: Final = 400
"""Of a figure that has none, px."""
_NAMES: Final = {"session_id": "session", "subject_id": "animal"}


# ----------------------------------------------------------------- tables
def table_of_values(values: Sequence[Value]) -> pl.DataFrame:
    """Lay out values as text, without the columns that say nothing.

    Returns
    -------
    polars.DataFrame
        At most :data:`MOST_ROWS` rows, all columns text; the unit stands in the header where all rows have the same.
    """
    columns = list(dict.fromkeys(key for value in values for key in value.group))
    units = {value.unit for value in values}
    header = f"value ({units.pop()})" if len(units) == 1 and None not in units else "value"
    taken = ("measure", "from", "statistic", "unit", "n", "evidence", header)
    names = {key: f"{key} (group)" if key in taken else _NAMES.get(key, key) for key in columns}
    rows = []
    for value in values[:MOST_ROWS]:
        row = {
            "measure": plain_name(value.name),
            "session": value.session_id,
            "animal": value.subject_id,
            "from": _number(value.bin_start_s),
            **{names[key]: value.group.get(key) for key in columns},
            "statistic": value.statistic,
            header: _number(value.value),
            "unit": value.unit if header == "value" else None,
            "n": None if value.n is None else str(value.n),
            "evidence": value.evidence_id,
        }
        rows.append(row)
    return _telling(pl.DataFrame(rows, schema={key: pl.String for row in rows[:1] for key in row}))


def _number(value: float | str | None) -> str | None:
    return f"{value:.6g}" if isinstance(value, int | float) else value


def _telling(frame: pl.DataFrame) -> pl.DataFrame:
    """Drop columns without a value, and the measure's where there is only one."""
    kept = [name for name in frame.columns if frame[name].null_count() < frame.height]
    if "measure" in kept and frame.height > 1 and frame["measure"].n_unique() == 1:
        kept.remove("measure")
    return frame.select(kept)


def table_html(frame: pl.DataFrame) -> str:
    """Write a table as HTML; every cell is text."""
    numeric = [all(_is_number(cell) for cell in frame[name].drop_nulls().to_list()) for name in frame.columns]
    kinds = [" class='number'" if flag else "" for flag in numeric]
    head = "".join(f"<th{kind}>{escape(name)}</th>" for kind, name in zip(kinds, frame.columns, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{escape(cell or '')}</td>" for kind, cell in zip(kinds, row, strict=True))
        + "</tr>"
        for row in frame.iter_rows()
    )
    return f"<div class='table'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


# ----------------------------------------------------------------- figures
def figures_of(answer: Answer) -> list[Figure]:
    """List the figures of an answer in the order of its evidence."""
    return [figure for item in answer.evidence for figure in item.figures]


def page_figure(figure: Figure) -> PlotData:
    """Fit a figure to the page: as wide as its column, as high as it was drawn; nothing that it shows is changed."""
    drawn = json.loads(figure.plotly_json)
    layout: dict[str, Any] = drawn.setdefault("layout", {})
    layout.pop("width", None)
    layout["autosize"] = True
    layout.setdefault("height", _HEIGHT)
    drawn["config"] = config(figure.title)
    return PlotData(type="plotly", plot=json.dumps(drawn))
