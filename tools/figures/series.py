"""A measure over time: a thin line per animal, the group's mean with the interval of that mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ethochat.tools.evidence import Figure, TestResult
from ethochat.tools.figures.captions import caption_of
from ethochat.tools.figures.colors import Style, with_styles
from ethochat.tools.figures.parts import Mean, faded, mean_interval
from ethochat.tools.figures.sheet import Json, axis, label, safe, sheet, time_step, with_unit, words

Line = Sequence[tuple[float, float | None]]
"""Start of each bin and the value in it, in order."""

_MOST_MARKERS: Final = 30


def time_bins_figure(
    animals: Mapping[str, Mapping[str, Line]],
    *,
    measure: str,
    unit: str | None,
    bin_width: float,
    time_unit: str = "s",
    column: str | None = None,
    lines: Mapping[str, Line] | None = None,
    statistic: str | None = "mean",
    styles: Mapping[str, Style] | None = None,
    test: TestResult | None = None,
) -> Figure:
    """Draw a measure over time bins.

    Parameters
    ----------
    animals
        Group to animal to its values; drawn as thin lines. One group may have the name ``""``.
    bin_width, time_unit
        Width of a bin and the unit of time.
    column
        What tells the groups apart.
    lines
        Group to the thick line, where that is not the mean over animals (a median, a sum, a mean over bouts); such lines
        have no interval.
    statistic
        What the thick line is, for the note under the title and the axis.
    styles
        Look of each group.
    test
        Of the bins against one another; its line stands under the title.
    """
    looks = with_styles([*animals, *(lines or {})], styles)
    n = sum(len(members) for members in animals.values())
    data: list[Json] = [
        _thin(members, looks[group], 0.35 if n <= 24 else 0.18) for group, members in animals.items()
    ]
    above: list[Json] = []
    single = True
    for group, members in animals.items():
        look = looks[group]
        found = _means(members) if lines is None else []
        single = single and all(item.n < 2 for _, item in found)
        data.extend(_band(found, look))
        if found:
            middle = [(start, item.mean) for start, item in found]
            above.append(_thick(middle, group, look, [item.n for _, item in found]))
    for group, line in (lines or {}).items():
        above.append(_thick(line, group, looks[group], None))
    named = [name for name in looks if name]
    over = f" by {column}" if column else ""
    title = f"{words(measure)}{over} in bins of {bin_width:g} {time_unit}"
    notes = [
        *([caption_of(test)] if test is not None else []),
        _note(statistic, own=lines is None and not single, animals=bool(animals)),
    ]
    starts = [start for item in data for start in item["x"] if start is not None]
    starts += [start for line in (lines or {}).values() for start, _ in line]
    step = time_step(max(starts, default=0.0) - min(starts, default=0.0), time_unit)
    x = axis(f"start of the bin ({time_unit})", zeroline=False, **step)
    y = axis(f"{statistic} {with_unit(measure, unit)}" if statistic else with_unit(measure, unit))
    return sheet(
        title, [*data, *above], notes=notes, xaxis=x, yaxis=y, legend=named if len(named) > 1 else []
    )


def _note(statistic: str | None, *, own: bool, animals: bool) -> str:
    thin = "Thin: animals. " if animals else ""
    if own:
        return f"{thin}Thick: mean with 95 % interval."
    return f"{thin}Thick: {statistic}." if thin and statistic else ""


def _means(members: Mapping[str, Line]) -> list[tuple[float, Mean]]:
    """Mean over animals in each bin that any animal has a value in."""
    by_bin: dict[float, list[float]] = {}
    for line in members.values():
        for start, value in line:
            if value is not None:
                by_bin.setdefault(start, []).append(value)
    return [(start, mean_interval(by_bin[start])) for start in sorted(by_bin)]


def _thin(members: Mapping[str, Line], look: Style, opacity: float) -> Json:
    x: list[float | None] = []
    y: list[float | None] = []
    who: list[str] = []
    for animal, line in members.items():
        for start, value in line:
            x.append(start)
            y.append(value)
            who.append(safe(animal))
        x.append(None)
        y.append(None)
        who.append("")
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "customdata": who,
        "hovertemplate": "%{customdata}<br>from %{x:.5g}: %{y:.5g}<extra></extra>",
        "line": {"color": faded(look.color, opacity), "width": 1},
        "showlegend": False,
        "name": "animals",
    }


def _band(found: Sequence[tuple[float, Mean]], look: Style) -> list[Json]:
    """Draw the interval of the mean; parts of the time where one animal is left have none."""
    parts: list[list[tuple[float, float, float]]] = [[]]
    for start, item in found:
        if item.low is None or item.high is None:
            parts.append([])
        else:
            parts[-1].append((start, item.low, item.high))
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [start for start, _, _ in part] + [start for start, _, _ in reversed(part)],
            "y": [high for _, _, high in part] + [low for _, low, _ in reversed(part)],
            "fill": "toself",
            "fillcolor": faded(look.color, 0.18),
            "line": {"width": 0},
            "hoverinfo": "skip",
            "showlegend": False,
            "name": "95 % interval",
        }
        for part in parts
        if len(part) > 1
    ]


def _thick(line: Line, group: str, look: Style, counts: Sequence[int] | None) -> Json:
    more = [f"<br>n = {n}" for n in counts] if counts is not None else [""] * len(line)
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(line) <= _MOST_MARKERS else "lines",
        "x": [start for start, _ in line],
        "y": [value for _, value in line],
        "line": {"color": look.color, "dash": look.dash, "width": 2.5},
        "marker": {"color": look.color, "symbol": look.symbol, "size": 7},
        "customdata": more,
        "hovertemplate": f"{safe(group) + '<br>' if group else ''}from %{{x:.5g}}: %{{y:.5g}}%{{customdata}}<extra></extra>",
        "name": label(group, 34) or "all",
    }
