"""Figures of a measure between groups: one point per animal, means with intervals, exact n."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

from ethochat.tools.errors import ToolRetryError
from ethochat.tools.evidence import Figure, TestResult
from ethochat.tools.figures.captions import caption_of
from ethochat.tools.figures.colors import Style, with_styles
from ethochat.tools.figures.parts import Mean, joining_lines, mean_interval, means, points, range_of, swarm
from ethochat.tools.figures.sheet import Json, axis, flipped, label, sheet, with_unit, words, wrap
from ethochat.tools.wording import natural_key

Groups = Mapping[str, Mapping[str, float]]
"""Group to animal to value."""

DOTS: Final = "Dots: animals. Black: mean with 95 % interval."
_MOST_UPRIGHT: Final = 6
"""More groups than this lie on their side, where their names have room."""
_ACROSS: Final = 38
"""Letters that fit under an axis 260 px wide."""
_BESIDE: Final = 0.36
"""Where a group's mean stands, right of its points."""


def comparison_figure(
    groups: Groups,
    *,
    measure: str,
    unit: str | None,
    column: str,
    test: TestResult,
    paired: bool = False,
    styles: Mapping[str, Style] | None = None,
) -> Figure:
    """Draw a measure between groups.

    Parameters
    ----------
    groups
        One value per animal, as tested.
    measure, unit
        What is on the axis.
    column
        What tells the groups apart.
    test
        Its line stands under the title; animals that its ``influence`` flags as outliers are named.
    paired
        The same animals in every group: a line joins an animal's points, and animals that lack a group are not in the means.
    styles
        Look of each group, see :func:`ethochat.tools.figures.colors.column_styles`.
    """
    present = {name: animals for name, animals in groups.items() if animals}
    used = _complete(present) if paired else present
    looks = with_styles(present, styles)
    spread = range_of(present)
    flagged = [item.animal for item in test.influence if item.outlier]
    summaries = [_mean_of(name, list(animals.values()), test) for name, animals in used.items() if animals]
    data: list[Json] = []
    if paired:
        data.append(joining_lines(list(used.values()), range(len(used))))
    for place, (name, animals) in enumerate(present.items()):
        offsets = [0.0] * len(animals) if paired else swarm(list(animals.values()), spread)
        at = [place + offset for offset in offsets]
        data.append(points(animals, at, looks[name], group=name, unit=unit, flagged=flagged))
    beside = 0.2 if paired else _BESIDE
    at = [place + beside for place, animals in enumerate(used.values()) if animals]
    data.append(means(at, summaries, [name for name, animals in used.items() if animals], unit=unit))
    notes = [caption_of(test), DOTS + (" Lines join an animal's dots." if paired else "")]
    counts = {name: len(animals) for name, animals in used.items()}
    return on_groups(
        f"{words(measure)} by {column}",
        data,
        counts,
        quantity=with_unit(measure, unit),
        column=column,
        notes=notes,
    )


def _complete(groups: Groups) -> dict[str, dict[str, float]]:
    """Keep the animals that have a value in every group."""
    every = set.intersection(*(set(animals) for animals in groups.values())) if groups else set()
    return {
        name: {animal: value for animal, value in animals.items() if animal in every}
        for name, animals in groups.items()
    }


def _mean_of(name: str, values: Sequence[float], test: TestResult) -> Mean:
    """Mean and interval as the test reports them, else by Student's t."""
    known = test.groups.get(name)
    if known is not None and known.ci95 is not None and known.mean is not None and known.n == len(values):
        return Mean(n=known.n, mean=known.mean, low=known.ci95[0], high=known.ci95[1])
    return mean_interval(values)


def on_groups(
    title: str,
    data: Sequence[Json],
    counts: Mapping[str, int],
    *,
    quantity: str,
    column: str,
    notes: Sequence[str],
    zero: bool = False,
) -> Figure:
    """Lay out traces whose x is the place of a group: upright, or on their side where the groups are many.

    Parameters
    ----------
    counts
        Group to n, in order of place.
    zero
        The axis of the quantity starts at zero (bars).
    """
    width = max(6, _ACROSS // max(1, len(counts)))
    aside = len(counts) > _MOST_UPRIGHT or any(not _fits(name, width) for name in counts)
    width = 24 if aside else width
    ticks = [f"{label(name, width)}{' ' if aside else '<br>'}(n = {n})" for name, n in counts.items()]
    places = list(range(len(counts)))
    of_groups = axis(
        words(column),
        tickmode="array",
        tickvals=places,
        ticktext=ticks,
        tickangle=0,
        range=[len(counts) - 0.4, -0.6] if aside else [-0.6, len(counts) - 0.4],
        showgrid=False,
        zeroline=False,
    )
    of_values = axis(
        quantity, width=22 if aside else 38, rangemode="tozero" if zero else "normal", zeroline=zero
    )
    if aside:
        turned = [flipped(trace) for trace in data]
        height = 36 * len(counts) + 30
        return sheet(title, turned, notes=notes, xaxis=of_values, yaxis=of_groups, plot_height=height)
    return sheet(title, data, notes=notes, xaxis=of_groups, yaxis=of_values)


def _fits(name: str, width: int) -> bool:
    """Whether a name takes at most three lines, none of them broken within a word."""
    lines = wrap(name, width)
    return len(lines) <= 3 and all(len(word) <= width for word in name.split())


# ----------------------------------------------------------------- dose and response
def dose_figure(
    groups: Groups,
    *,
    measure: str,
    unit: str | None,
    column: str,
    test: TestResult,
    column_unit: str | None = None,
    styles: Mapping[str, Style] | None = None,
) -> Figure:
    """Draw a measure over an ordered number: one point per animal, means with intervals joined in order.

    Parameters
    ----------
    groups
        The number as text (a dose) to animal to value.
    column_unit
        Unit of the number, where it is known.

    Raises
    ------
    ToolRetryError
        When a group's name is no number.
    """
    present = {name: animals for name, animals in groups.items() if animals}
    doses = {name: _number(name, column) for name in sorted(present, key=natural_key)}
    looks, spread = with_styles(present, styles), range_of(present)
    to_scale = _to_scale(list(doses.values()))
    places = {name: dose if to_scale else float(rank) for rank, (name, dose) in enumerate(doses.items())}
    gaps = [later - earlier for earlier, later in itertools.pairwise(places.values())]
    gap = min(gaps, default=1.0) or 1.0
    data: list[Json] = []
    for name, place in places.items():
        values = list(present[name].values())
        at = [place + gap * (0.6 * offset - 0.22) for offset in swarm(values, spread)]
        data.append(points(present[name], at, looks[name], group=f"{column} {name}", unit=unit))
    summaries = [mean_interval(list(present[name].values())) for name in places]
    line = {"color": "#222222", "width": 1.5}
    data.append(means(list(places.values()), summaries, list(places), unit=unit, joined=line))
    ticks = [f"{label(name, 8)}<br>n = {len(present[name])}" for name in places]
    scale = "" if to_scale else ", in order, not to scale"
    x = axis(
        f"{with_unit(column, column_unit)}{scale}", tickmode="array", tickvals=list(places.values()), ticktext=ticks, tickangle=0,
        tickfont={"size": 11}, zeroline=False,
    )  # fmt: skip
    notes = [caption_of(test), f"{DOTS} Means are joined."]
    y = axis(with_unit(measure, unit))
    return sheet(f"{words(measure)} by {words(column)}", data, notes=notes, xaxis=x, yaxis=y)


def _number(name: str, column: str) -> float:
    try:
        return float(name)
    except ValueError as exc:
        raise ToolRetryError(
            f"A dose figure needs a column of numbers; {column!r} has {name!r}. Compare its groups instead."
        ) from exc


def _to_scale(doses: Sequence[float]) -> bool:
    """Whether the steps between doses are near enough in size that all can be seen on one scale."""
    gaps = [later - earlier for earlier, later in itertools.pairwise(doses)]
    return not gaps or min(gaps) >= 0.15 * (doses[-1] - doses[0])


# ----------------------------------------------------------------- two factors
def two_factor_figure(
    cells: Mapping[tuple[str, str], Mapping[str, float]],
    *,
    measure: str,
    unit: str | None,
    factors: tuple[str, str],
    tests: Sequence[TestResult] = (),
    styles: Mapping[str, Style] | None = None,
) -> Figure:
    """Draw an interaction plot: the first factor along the axis, a line of means per level of the second.

    Parameters
    ----------
    cells
        Level of the first and of the second factor to animal to value.
    factors
        The two columns.
    tests
        One per term; each has a line under the title.
    styles
        Look of each level of the second factor.
    """
    first = sorted({a for a, _ in cells}, key=natural_key)
    second = sorted({b for _, b in cells}, key=natural_key)
    looks, spread = with_styles(second, styles), range_of(cells)
    shift = {b: 0.56 * ((rank + 0.5) / len(second) - 0.5) for rank, b in enumerate(second)}
    data: list[Json] = []
    for b in second:
        members = [(place, a, cells[a, b]) for place, a in enumerate(first) if cells.get((a, b))]
        for place, a, animals in members:
            aside = swarm(list(animals.values()), spread)
            at = [place + shift[b] + offset / len(second) for offset in aside]
            data.append(points(animals, at, looks[b], group=f"{a}, {b}", unit=unit))
        line = {"color": looks[b].color, "dash": looks[b].dash, "width": 2}
        found = [mean_interval(list(animals.values())) for _, _, animals in members]
        drawn = means(
            [place + shift[b] + 0.26 / len(second) for place, _, _ in members],
            found,
            [f"{a}, {b}" for _, a, _ in members],
            unit=unit,
            color=looks[b].color,
            joined=line,
            symbol=looks[b].symbol,
        )
        data.append(drawn | {"name": label(b, 30), "showlegend": True})
    counts = {a: [len(cells.get((a, b), {})) for b in second] for a in first}
    ticks = [
        f"{label(a, max(8, _ACROSS // len(first)))}<br>(n = {', '.join(map(str, counts[a]))})" for a in first
    ]
    x = axis(
        words(factors[0]), tickmode="array", tickvals=list(range(len(first))), ticktext=ticks, tickangle=0,
        range=[-0.6, len(first) - 0.4], showgrid=False, zeroline=False,
    )  # fmt: skip
    notes = [
        *(_term(test) for test in tests),
        "Dots: animals. Joined: means with 95 % intervals.",
    ]
    return sheet(
        f"{words(measure)} by {factors[0]} and {factors[1]}", data, notes=notes, xaxis=x,
        yaxis=axis(with_unit(measure, unit)), legend=second,
    )  # fmt: skip


def _term(test: TestResult) -> str:
    said = caption_of(test)
    return f"{test.term.replace(':', ' × ')}: {said.partition(': ')[2] or said}" if test.term else said
