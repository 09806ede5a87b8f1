"""The tool ``correlate``: two quantities, one pair of values per animal; a dose and what it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ethochat.tools.arguments import CorrelateArguments, MeasureArguments, Selection
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.contrast import averaged
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Evidence, Figure, GroupSummary, TestResult, Value
from ethochat.tools.figures import column_styles, dose_figure, scatter_figure
from ethochat.tools.grouping import animal_means, label_of, split_columns
from ethochat.tools.measures import Outcome, compute
from ethochat.tools.remarks import unequal_lengths
from ethochat.tools.rows import Row
from ethochat.tools.selection import IDENTIFIERS, column_values, listing, match_group_column
from ethochat.tools.statistics import corrected
from ethochat.tools.statistics import correlate as correlate_values
from ethochat.tools.statistics.trend import dose_response, doses
from ethochat.tools.wording import p_text, some, summarize_evidence

Pairs = Mapping[str, tuple[float, float]]
"""Animal to its two values."""
Method = Literal["pearson", "spearman", "linear"]
_FEWEST: Final = 3
_NOT_STATED: Final = "not stated"
_SYMBOLS: Final = {"pearson": "r", "spearman": "rho"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Two quantities of the animals, all of them or those of one group."""

    x: Outcome
    y: Outcome
    pairs: Pairs
    group: Mapping[str, str]
    """Column to group; empty for all animals."""

    @property
    def labels(self) -> dict[str, str]:
        """What its values are about."""
        return {"x": self.x.measured.name, "y": self.y.measured.name, **self.group}

    @property
    def numbers(self) -> tuple[list[float], list[float]]:
        """The values of x and of y."""
        return [a for a, _ in self.pairs.values()], [b for _, b in self.pairs.values()]


def correlate(context: ToolContext, arguments: CorrelateArguments) -> Evidence:
    """Correlate two quantities over animals, and within groups of them."""
    x = compute(context, with_selection(arguments.x, arguments))
    y = compute(context, with_selection(arguments.y, arguments))
    of_x, of_y = one_per_animal(x), one_per_animal(y)
    everyone = Related(x=x, y=y, pairs=_paired(of_x, of_y), group={})
    if not everyone.pairs:
        raise ToolFailedError(f"No animal has both {x.measured.name} and {y.measured.name}.")
    column = _group_column(context, arguments.group_column)
    groups, said = _groups(everyone, column) if column is not None else ([], [])
    tests = [_tests(one, arguments.method) for one in (everyone, *groups)]
    _correct([found[0] for found in tests[1:]])
    flags = [*x.measured.flags, *y.measured.flags, *_left_out(of_x, of_y, everyone.pairs)]
    flags += [*averaged({"x": x.measured.rows, "y": y.measured.rows}), *said, *_length_flags(x, y)]
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=_values([everyone, *groups], tests),
        tests=[test for found in tests for test in found],
        figures=[_figure(context, everyone, groups, column, tests[0][0])],
        n_rows=len(everyone.pairs),
        flags=list(dict.fromkeys(flags)),
    )
    evidence.summary = summarize_evidence(evidence)
    return evidence


def with_selection(arguments: MeasureArguments, outer: Selection) -> MeasureArguments:
    """Let the selection of the whole call hold for one quantity, unless that has its own."""
    update: dict[str, object] = {}
    for name in Selection.model_fields:
        own, shared = getattr(arguments, name), getattr(outer, name)
        if name == "where":
            update[name] = [*own, *(condition for condition in shared if condition not in own)]
        elif own in ([], None, False):
            update[name] = shared
    return arguments.model_copy(update=update)


def one_per_animal(outcome: Outcome) -> dict[str, float]:
    """One value per animal.

    Raises
    ------
    ToolRetryError
        When the quantity has several values of different kind per animal, such as one per zone.
    """
    asked = MeasureArguments(measure=outcome.measured.name, statistics=["mean"])
    columns = [name for name in split_columns(asked, [], outcome.measured) if name != "session_id"]
    for column in columns:
        names = sorted({row.labels.get(column, "") for row in outcome.measured.rows})
        raise ToolRetryError(
            f"{outcome.measured.name} has one value per {column} ({listing(names)}); name one.",
            near=tuple(names),
        )
    return animal_means(outcome.measured.rows)


def _paired(of_x: Mapping[str, float], of_y: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    return {animal: (value, of_y[animal]) for animal, value in of_x.items() if animal in of_y}


def _left_out(x: Mapping[str, float], y: Mapping[str, float], both: Pairs) -> list[str]:
    left = [animal for animal in dict.fromkeys((*x, *y)) if animal not in both]
    if not left:
        return []
    verb = "has" if len(left) == 1 else "have"
    return [f"{some(len(left), 'animal')} {verb} only one of both values, not counted: {listing(left, 5)}."]


def _length_flags(*outcomes: Outcome) -> list[str]:
    return [said for outcome in outcomes if (said := unequal_lengths(outcome.measured)) is not None]


# ----------------------------------------------------------------- groups
def _group_column(context: ToolContext, name: str | None) -> str | None:
    if name is None:
        return None
    column = match_group_column(context, name)
    if column in IDENTIFIERS:
        raise ToolRetryError(f"Correlations are split by a metadata column of the animals, got {name!r}.")
    return column


def _groups(everyone: Related, column: str) -> tuple[list[Related], list[str]]:
    """Animals by group, each with the sessions it has in that group, and what must be said of them."""
    x, y = (_members(outcome, column) for outcome in (everyone.x, everyone.y))
    found = {name: _paired(animal_means(x[name]), animal_means(y[name])) for name in x if name in y}
    found.pop(_NOT_STATED, None)
    if len(found) < 2:
        raise ToolFailedError(
            f"Expected at least two groups in {column!r} with both values, found {listing(found) or 'none'}."
        )
    large = {name: pairs for name, pairs in found.items() if len(pairs) >= _FEWEST}
    small = [f"{name} ({len(pairs)})" for name, pairs in found.items() if name not in large]
    flags = [
        "The correlation over all animals mixes the groups: a difference between the groups' means can make one, or hide one, "
        "that no group has; those within the groups are free of it."
    ]
    if small:
        flags.append(f"No correlation within groups of fewer than {_FEWEST} animals: {listing(small)}.")
    counts = sum(map(len, found.values()))
    if counts > len(everyone.pairs):
        flags.append(f"Some animals have sessions in several groups of {column}; each counts in each.")
    made = [
        Related(x=everyone.x, y=everyone.y, pairs=pairs, group={column: name})
        for name, pairs in large.items()
    ]
    return made, flags


def _members(outcome: Outcome, column: str) -> dict[str, list[Row]]:
    metadata = {column: column_values(outcome.scope.sessions, column)}
    members: dict[str, list[Row]] = {}
    for row in outcome.measured.rows:
        members.setdefault(label_of(row, column, metadata, outcome.measured.name), []).append(row)
    return dict(sorted(members.items()))


# ----------------------------------------------------------------- tests
def _tests(one: Related, method: Method) -> list[TestResult]:
    """The test asked for first; beside a slope also the rank correlation."""
    a, b = one.numbers
    if method == "linear":
        monotone, trend = dose_response(a, b)
        monotone.groups = {}
        trend.unit = one.y.measured.unit
        found = [trend, monotone]
    else:
        found = [correlate_values(a, b, method)]
    said = "".join(f" ({key} {text})" for key, text in one.group.items())
    for test in found:
        test.measure = f"{one.x.measured.name} and {one.y.measured.name}{said}"
    return found


def _correct(tests: Sequence[TestResult]) -> None:
    """Give what Holm's correction makes of the p values of several groups."""
    known = [test for test in tests if test.p_value is not None]
    if len(known) < 2:
        return
    for test, p in zip(known, corrected([test.p_value for test in known], "holm"), strict=True):
        if p is not None:
            test.corrected["holm"], test.n_tests = p, len(known)
            test.why = f"{test.why or ''} Corrected for {len(known)} groups (Holm): {p_text(p)}.".strip()


# ----------------------------------------------------------------- values and the figure
def _values(related: Sequence[Related], tests: Sequence[Sequence[TestResult]]) -> list[Value]:
    """Coefficients and p values, all animals first; then what each dose gave, where x has few values."""
    values = []
    for one, found in zip(related, tests, strict=True):
        for test in found:
            values += _of_test(one, test)
    for one in related:
        values += _of_doses(one)
    return values


def _of_test(one: Related, test: TestResult) -> list[Value]:
    n, symbol = len(one.pairs), _SYMBOLS.get(test.name)
    if symbol is not None:
        first = Value(
            name=f"{test.name}_correlation", value=test.statistic, statistic=symbol, n=n, group=one.labels
        )
    else:
        slope = test.effect_size.get("slope")
        first = Value(
            name="slope",
            value=slope if isinstance(slope, float) else None,
            unit=f"{one.y.measured.unit or ''} per {one.x.measured.unit or one.x.measured.name}".strip(),
            statistic="slope",
            n=n,
            group=one.labels,
        )
    return [first, Value(name="p_value", value=test.p_value, statistic="p_value", n=n, group=one.labels)]


def _of_doses(one: Related) -> list[Value]:
    found: Mapping[str, GroupSummary] = doses(*one.numbers)
    return [
        Value(
            name=one.y.measured.name,
            value=getattr(group, statistic),
            unit=one.y.measured.unit,
            statistic=statistic,
            n=group.n,
            group={one.x.measured.name: dose, **one.group},
        )
        for statistic in ("mean", "median")
        for dose, group in found.items()
    ]


def _figure(
    context: ToolContext, everyone: Related, groups: Sequence[Related], column: str | None, test: TestResult
) -> Figure:
    """Draw doses as groups, anything else as a scatter of the animals."""
    x, y = everyone.x.measured, everyone.y.measured
    if not groups and doses(*everyone.numbers):
        animals: dict[str, dict[str, float]] = {}
        for animal, (dose, value) in everyone.pairs.items():
            animals.setdefault(f"{dose:g}", {})[animal] = value
        return dose_figure(animals, measure=y.name, unit=y.unit, column=x.name, column_unit=x.unit, test=test)
    points = {next(iter(one.group.values())): one.pairs for one in groups} or {"": everyone.pairs}
    return scatter_figure(
        points,
        x=(x.name, x.unit),
        y=(y.name, y.unit),
        test=test,
        column=column,
        styles=column_styles(context, column),
    )


TOOL: Tool[CorrelateArguments] = Tool(
    name="correlate",
    description="Relate two quantities over animals (measures, imported metrics or numeric metadata columns such as a dose): "
    "Spearman or Pearson with interval, p value and n, or the linear trend with its slope; the mean of each dose where "
    "there are few; within groups on request. Answers dose-response questions in one call.",
    arguments=CorrelateArguments,
    function=correlate,
)
