"""How well raters agree: a dot per pair and behavior with its interval, or a heat map where those are many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.evidence import Figure, Value
from ethochat.tools.figures.colors import SEQUENTIAL, Style, with_styles
from ethochat.tools.figures.matrices import heat_map, heat_trace
from ethochat.tools.figures.sheet import Json, axis, label, safe, sheet

_MOST_ROWS: Final = 24
_EVERYONE: Final = "all raters"
_NAMES: Final[Mapping[str, str]] = {
    "f1": "F1",
    "kappa": "Cohen's κ",
    "fleiss_kappa": "Fleiss' κ",
    "krippendorff_alpha": "Krippendorff's α",
    "bout_f1": "F1 of bouts",
    "count_correlation": "correlation of counts",
    "duration_correlation": "correlation of durations",
}
_UNITLESS: Final = (None, "", "fraction", "%")
_ENDS: Final = ("ci95_low", "ci95_high")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Score:
    """One known score."""

    statistic: str
    number: float
    row: str
    pair: str
    behavior: str
    session_id: str | None
    interval: tuple[float, float] | None


def agreement_figure(
    values: Sequence[Value],
    *,
    title: str | None = None,
    styles: Mapping[str, Style] | None = None,
) -> Figure:
    """Draw how well sources agree.

    Parameters
    ----------
    values
        Scores such as ``f1`` and ``kappa``: the name is the statistic, ``pair`` and ``behavior`` stand in the group; scores of
        single sessions are small dots in the row of their pair. A score without a pair is of all raters. The ends of a score's
        interval are values of the same name with the statistics ``ci95_low`` and ``ci95_high``. Counts and durations, which
        have a unit, are left to the table where there are scores without one.
    styles
        Look of each statistic.

    Raises
    ------
    ToolFailedError
        When there is no score.
    """
    known = [value for value in values if isinstance(value.value, int | float)]
    unitless = [value for value in known if value.unit in _UNITLESS]
    known = unitless or known
    ends = {
        (_key(value), value.statistic): float(value.value or 0.0)
        for value in known
        if value.statistic in _ENDS
    }
    common = len({value.group.get("behavior") for value in known}) < 2
    scores = [_score(value, ends, common=common) for value in known if value.statistic not in _ENDS]
    if not scores:
        raise ToolFailedError("There is no score of agreement to draw.")
    behavior = scores[0].behavior if common else ""
    head = title or (f"Agreement on {behavior}" if behavior else "Agreement")
    if len({score.row for score in scores}) > _MOST_ROWS:
        return _as_map(scores, head)
    unit = "" if unitless else ", ".join(sorted({value.unit or "" for value in known}))
    return _as_dots(scores, head, unit=unit, styles=styles)


def _key(value: Value) -> tuple[str, ...]:
    """What a score is of; its interval's ends are of the same."""
    labels = [f"{column}={text}" for column, text in sorted(value.group.items())]
    return (value.name, value.session_id or "", value.subject_id or "", *labels)


def _score(value: Value, ends: Mapping[tuple[tuple[str, ...], str], float], *, common: bool) -> _Score:
    behavior, pair = value.group.get("behavior", ""), value.group.get("pair", _EVERYONE)
    others = [text for column, text in value.group.items() if column not in ("behavior", "pair")]
    low, high = (ends.get((_key(value), end)) for end in _ENDS)
    assert isinstance(value.value, int | float)
    scale = 0.01 if value.unit == "%" else 1.0
    return _Score(
        statistic=value.name,
        number=scale * float(value.value),
        row=" · ".join([*([] if common or not behavior else [behavior]), pair, *others]),
        pair=pair,
        behavior=behavior,
        session_id=value.session_id,
        interval=None if low is None or high is None else (scale * low, scale * high),
    )


def _name(statistic: str) -> str:
    return _NAMES.get(statistic, statistic.replace("_", " "))


# ----------------------------------------------------------------- dots
def _as_dots(
    scores: Sequence[_Score], title: str, *, unit: str, styles: Mapping[str, Style] | None
) -> Figure:
    statistics = list(dict.fromkeys(score.statistic for score in scores))
    rows = list(dict.fromkeys(score.row for score in scores))
    looks = with_styles(statistics, styles)
    several = len(scores) > len(rows) * len(statistics)
    data = []
    for rank, statistic in enumerate(statistics):
        own = [score for score in scores if score.statistic == statistic]
        shift = 0.26 * (rank - (len(statistics) - 1) / 2)
        data.append(
            _dots(own, [rows.index(score.row) + shift for score in own], looks[statistic], small=several)
        )
    notes = ["A dot is a recording."] if several else []
    if any(score.interval for score in scores):
        notes.append("Lines: 95 % intervals.")
    lowest = min(score.number for score in scores)
    if unit:
        x = axis(f"{_name(statistics[0])} ({unit})", rangemode="tozero")
    else:
        x = axis("agreement (1 is perfect)", zeroline=lowest < 0, range=[min(-0.02, lowest - 0.05), 1.03])
    ticks = [label(row, 26, most_lines=2) for row in rows]
    y = axis(
        "", tickvals=list(range(len(rows))), ticktext=ticks, range=[len(rows) - 0.4, -0.6], zeroline=False
    )
    legend = [_name(statistic) for statistic in statistics] if len(statistics) > 1 else []
    height = max(110, 38 * len(rows) + 20)
    return sheet(title, data, notes=notes, xaxis=x, yaxis=y, plot_height=height, legend=legend)


def _dots(scores: Sequence[_Score], places: Sequence[float], look: Style, *, small: bool) -> Json:
    name = _name(scores[0].statistic)
    trace: Json = {
        "type": "scatter",
        "mode": "markers",
        "x": [score.number for score in scores],
        "y": list(places),
        "marker": {
            "color": look.color,
            "symbol": look.symbol,
            "size": 7 if small else 10,
            "opacity": 0.7 if small else 1.0,
        },
        "text": [
            "<br>".join(
                safe(part)
                for part in (score.row, score.session_id or "", f"{name} {score.number:.3f}")
                if part
            )
            for score in scores
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "name": safe(name),
        "cliponaxis": False,
    }
    if any(score.interval for score in scores):
        ends = [(score.number, score.interval or (score.number, score.number)) for score in scores]
        trace["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [high - number for number, (_, high) in ends],
            "arrayminus": [number - low for number, (low, _) in ends],
            "color": look.color,
            "thickness": 2,
        }
    return trace


# ----------------------------------------------------------------- a heat map
def _as_map(scores: Sequence[_Score], title: str) -> Figure:
    """Draw one statistic, kappa where there is one; of several sessions the mean."""
    statistics = list(dict.fromkeys(score.statistic for score in scores))
    shown = next((name for name in statistics if "kappa" in name), statistics[0])
    fields: dict[tuple[str, str], list[float]] = {}
    for score in scores:
        if score.statistic == shown:
            fields.setdefault((score.pair, score.behavior), []).append(score.number)
    means = {field: sum(numbers) / len(numbers) for field, numbers in fields.items()}
    pairs, behaviors = (list(dict.fromkeys(field[side] for field in means)) for side in range(2))
    if len(behaviors) > len(pairs):  # a page is longer than wide
        rows, columns = behaviors, pairs
        means = {(behavior, pair): score for (pair, behavior), score in means.items()}
    else:
        rows, columns = pairs, behaviors
    z = [[means.get((row, column)) for column in columns] for row in rows]
    name = _name(shown)
    told = [
        [
            f"{safe(row)}<br>{safe(column)}<br>{'no score' if score is None else f'{safe(name)} {score:.3f}'}"
            for column, score in zip(columns, line, strict=True)
        ]
        for row, line in zip(rows, z, strict=True)
    ]
    scale: Json = {
        "colorscale": SEQUENTIAL,
        "zmin": 0.0,
        "zmax": 1.0,
        "colorbar": {"title": {"text": safe(name)}},
    }
    text = [["" if score is None else f"{score:.2f}" for score in line] for line in z]
    several = any(len(numbers) > 1 for numbers in fields.values())
    said = f"{name}{', mean over recordings' if several else ''}; 1 is perfect."
    others = [_name(other) for other in statistics if other != shown]
    notes = [said, *([f"{', '.join(others)} stand in the table."] if others else [])]
    return heat_map(title, heat_trace(z, text, told, scale), rows=rows, columns=columns, notes=notes)
