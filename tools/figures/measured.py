"""Figures of a measure: bars with one point per animal, two quantities, time bins, a family of tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ethochat.tools.arguments import CompareArguments, MeasureArguments, PlotArguments
from ethochat.tools.context import ToolContext
from ethochat.tools.correlate import one_per_animal, with_selection
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Figure, Value
from ethochat.tools.figures.colors import INK, Style, column_styles, with_styles
from ethochat.tools.figures.comparison import on_groups
from ethochat.tools.figures.drawing import Drawing, every_row
from ethochat.tools.figures.forest import forest_figure
from ethochat.tools.figures.parts import Mean, mean_interval, points, range_of, swarm
from ethochat.tools.figures.scatter import scatter_figure
from ethochat.tools.figures.series import Line, time_bins_figure
from ethochat.tools.figures.sheet import Json, safe, with_unit, words
from ethochat.tools.grouping import animal_means, group_rows, split_columns, to_values
from ethochat.tools.measures import Outcome, compute
from ethochat.tools.remarks import whole_bins
from ethochat.tools.rows import Measured, Row
from ethochat.tools.selection import column_values, match_group_column
from ethochat.tools.statistics import summarize
from ethochat.tools.wording import natural_key


# ----------------------------------------------------------------- bars, with one point per animal
def bars(context: ToolContext, arguments: PlotArguments) -> Drawing:
    """Draw the mean of each group as a bar with its 95 % interval, and a dot per animal."""
    column = arguments.group_column or (arguments.group_by[0] if arguments.group_by else None)
    outcome = compute(context, every_row(arguments), also_by=[column] if column else [])
    resolved = match_group_column(context, column) if column else None
    measured = outcome.measured
    if not measured.rows:
        raise ToolFailedError(f"There is nothing to plot: {measured.name} has no value in the selection.")
    groups = group_rows(measured.rows, [resolved] if resolved else [], outcome.scope, measured.name)
    named = {group.labels[resolved] if resolved else "all": group.rows for group in groups}
    animals = {name: found for name, rows in named.items() if (found := animal_means(rows))}
    if not animals:
        raise ToolFailedError(f"There is nothing to plot: no animal has a value of {measured.name}.")
    values: list[Value] = []
    dots: list[Value] = []
    for name, members in animals.items():
        labels = {resolved: name} if resolved else {}
        summary = summarize(list(members.values()))
        values += [
            Value(
                name=measured.name, value=value, unit=measured.unit, statistic=statistic, n=summary.n, group=labels
            )
            for statistic, value in (("mean", summary.mean), ("sem", summary.sem))
        ]  # fmt: skip
        dots += [_point(named[name], animal, value, outcome, labels) for animal, value in members.items()]
    title = f"{words(measured.name)}{f' by {resolved}' if resolved else ''}"
    drawn = {name: animals[name] for name in _in_order(animals)}
    figure = on_groups(
        title,
        _bar_traces(drawn, measured, column_styles(context, resolved)),
        {name: len(members) for name, members in drawn.items()},
        quantity=with_unit(measured.name, measured.unit),
        column=resolved or "",
        notes=["Bar: mean. Line: its 95 % interval. Dots: animals."],
        zero=True,
    )
    return Drawing(figure=figure, values=[*values, *dots], flags=list(measured.flags), n_rows=len(dots))


def _in_order(names: Iterable[str]) -> list[str]:
    """Doses and other numbers by size, names as they come."""
    keys = {name: natural_key(name) for name in names}
    return (
        sorted(keys, key=lambda name: keys[name]) if all(key[0] == 0 for key in keys.values()) else list(keys)
    )


def _bar_traces(
    animals: Mapping[str, Mapping[str, float]], measured: Measured, styles: Mapping[str, Style]
) -> list[Json]:
    looks, spread = with_styles(animals, styles), range_of(animals)
    traces: list[Json] = []
    for place, (name, members) in enumerate(animals.items()):
        found = mean_interval(list(members.values()))
        traces.append(_bar(place, name, found, looks[name]))
        # Right of the middle, where the interval's line stands.
        beside = 0.0 if found.high is None else 0.18
        at = [place + beside + 0.5 * offset for offset in swarm(list(members.values()), spread)]
        traces.append(points(members, at, looks[name], group=name, unit=measured.unit))
    return traces


def _bar(place: int, name: str, found: Mean, look: Style) -> Json:
    return {
        "type": "bar",
        "x": [place],
        "y": [found.mean],
        "width": 0.7,
        "error_y": {
            "type": "data",
            "array": [0.0 if found.high is None else found.high - found.mean],
            "visible": found.high is not None,
            "color": INK,
            "thickness": 2,
            "width": 5,
        },
        "marker": {"color": look.color, "opacity": 0.3, "line": {"color": look.color, "width": 1}},
        "hovertemplate": f"{safe(name)}: mean %{{y:.5g}}, n = {found.n}<extra></extra>",
        "name": safe(name),
        "showlegend": False,
    }


def _point(
    rows: Sequence[Row], animal: str, value: float, outcome: Outcome, labels: Mapping[str, str]
) -> Value:
    """One dot: an animal."""
    own = [row for row in rows if row.animal == animal]
    sessions = {row.session_id for row in own}
    return Value(
        name=outcome.measured.name,
        value=value,
        unit=outcome.measured.unit,
        group=dict(labels),
        session_id=own[0].session_id if len(sessions) == 1 else None,
        subject_id=own[0].subject_id,
    )


# ----------------------------------------------------------------- two quantities
def scatter(context: ToolContext, arguments: PlotArguments) -> Drawing:
    """Draw two quantities of each animal against one another."""
    if arguments.against is None:
        raise ToolRetryError("A scatter needs `against`: the measure or numeric column on the x axis.")
    y = compute(context, every_row(arguments))
    other = MeasureArguments(
        measure=arguments.against,
        **{name: getattr(arguments, name) for name in ("behaviors", "sources", "zones", "keypoints")},
    )
    x = compute(context, with_selection(other, arguments))
    of_y, of_x = one_per_animal(y), one_per_animal(x)
    animals = [animal for animal in of_y if animal in of_x]
    if not animals:
        raise ToolFailedError(f"No animal has both {x.measured.name} and {y.measured.name}.")
    column = match_group_column(context, arguments.group_column) if arguments.group_column else None
    colored = _groups_of(y, column)
    groups: dict[str, dict[str, tuple[float, float]]] = {}
    values = []
    for animal in animals:
        groups.setdefault(colored.get(animal, ""), {})[animal] = (of_x[animal], of_y[animal])
        labels = {x.measured.name: f"{of_x[animal]:.6g}"} | ({column: colored[animal]} if column else {})
        values.append(_point(y.measured.rows, animal, of_y[animal], y, labels))
    figure = scatter_figure(
        groups,
        x=(x.measured.name, x.measured.unit),
        y=(y.measured.name, y.measured.unit),
        column=column,
        styles=column_styles(context, column),
    )
    flags = [*y.measured.flags, *x.measured.flags]
    return Drawing(figure=figure, values=values, flags=flags, n_rows=len(animals))


def _groups_of(outcome: Outcome, column: str | None) -> dict[str, str]:
    """Animal to the group that colors it."""
    if column is None:
        return {}
    if column in ("source", "behavior", "zone", "keypoint", "pair", "individual"):
        raise ToolRetryError(f"The dots of a scatter are animals, so they cannot be colored by {column}.")
    texts = (
        {row.session_id: row.subject_id or "not stated" for row in outcome.measured.rows}
        if column == "subject_id"
        else column_values(outcome.scope.sessions, column)
    )
    return {row.animal: texts.get(row.session_id, "not stated") for row in outcome.measured.rows}


# ----------------------------------------------------------------- time bins
def time_bins(context: ToolContext, arguments: PlotArguments) -> Drawing:
    """Draw a measure over time: a line per animal, and the mean of each group with its interval."""
    column = arguments.group_column
    groups = [*arguments.group_by, *([column] if column and column not in arguments.group_by else [])]
    fixed = {
        "bin_s": arguments.bin_s or 60.0,
        "group_by": groups,
        "order": None,
        "limit": None,
        "keep": "all",
    }
    asked = arguments.model_copy(update=fixed)
    outcome, said = whole_bins(compute(context, asked), asked.bin_s)
    if said and not outcome.measured.rows:
        raise ToolFailedError(f"There is nothing to plot: {' '.join(said)}")
    grouped = to_values(asked, outcome.columns, outcome.measured, outcome.scope)
    figure, shown = curves(context, asked, outcome, grouped.values)
    flags = [*outcome.measured.flags, *grouped.flags, *said]
    return Drawing(figure=figure, values=shown, flags=flags, n_rows=grouped.n_rows)


def curves(
    context: ToolContext, arguments: MeasureArguments, outcome: Outcome, values: Sequence[Value]
) -> tuple[Figure, list[Value]]:
    """Draw what a call of ``measure`` with time bins found.

    Returns
    -------
    tuple
        The figure, and the values that its thick lines show.
    """
    measured = outcome.measured
    # A sum beside the mean would be a second curve of another size.
    first = values[0].statistic
    shown = [value for value in values if value.statistic == first]
    lines: dict[str, list[Value]] = {}
    for name, value in zip(_names(shown), shown, strict=True):
        lines.setdefault(name, []).append(value)
    shown = [value for found in lines.values() for value in found]
    # Only a plain mean is a mean over animals: one over bouts or a median has no interval of Student's t.
    averaged = first == "mean" and measured.kind != "pooled"
    columns = split_columns(arguments, outcome.columns, measured)
    members = _members(outcome, columns) if averaged else {}
    resolved = columns[0] if len(columns) == 1 else None
    figure = time_bins_figure(
        members,
        measure=measured.name,
        unit=measured.unit,
        bin_width=float(arguments.bin_s or 60.0),
        time_unit=outcome.scope.time_unit(),
        column=" and ".join(columns) or None,
        lines=None if averaged else {name: _line(found) for name, found in lines.items()},
        statistic=first,
        styles=column_styles(context, resolved),
    )
    return figure, shown


def _names(values: Sequence[Value]) -> list[str]:
    """Name of each value's line: what tells it from the others."""
    labels = [{"session_id": value.session_id or "", **value.group} for value in values]
    telling = [key for key in labels[0] if len({item.get(key) for item in labels}) > 1] if labels else []
    return [", ".join(item[key] for key in telling if item.get(key)) for item in labels]


def _line(values: Sequence[Value]) -> Line:
    return [
        (value.bin_start_s or 0.0, float(value.value) if isinstance(value.value, int | float) else None)
        for value in values
    ]


def _members(outcome: Outcome, columns: Sequence[str]) -> dict[str, dict[str, Line]]:
    """Group to animal to its value in each bin; several sessions of an animal are averaged bin by bin."""
    found: dict[str, dict[str, dict[float, float]]] = {}
    for group in group_rows(outcome.measured.rows, columns, outcome.scope, outcome.measured.name):
        start = group.rows[0].bin_start or 0.0
        name = ", ".join(group.labels.values())
        for animal, value in animal_means(group.rows).items():
            found.setdefault(name, {}).setdefault(animal, {})[start] = value
    return {
        name: {animal: sorted(line.items()) for animal, line in members.items()}
        for name, members in found.items()
    }


# ----------------------------------------------------------------- a family of tests
def forest(context: ToolContext, arguments: PlotArguments) -> Drawing:
    """Draw the effect between groups for each behavior, zone or other part that the measure is split by."""
    from ethochat.tools.compare import compare_groups

    if arguments.group_column is None:
        raise ToolRetryError("A forest figure needs `group_column`: what tells the groups that are compared.")
    given = arguments.model_dump(exclude_defaults=True, exclude={"kind", "against", "measure"})
    split = arguments.group_by or ["zone" if arguments.zones else "behavior"]
    wanted = CompareArguments.model_validate(given | {"measure": arguments.measure, "group_by": split})
    found = compare_groups(context, wanted)
    figure = forest_figure(found.tests)
    return Drawing(
        figure=figure, values=found.values, tests=found.tests, flags=found.flags, n_rows=found.n_rows
    )
