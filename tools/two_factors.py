"""The tool ``two_factors``: a measure by two factors and their interaction, with the animal as unit."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ethochat.tools.arguments import TwoFactorArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Evidence, Figure, TestResult, Value
from ethochat.tools.figures import column_styles, two_factor_figure
from ethochat.tools.grouping import Group, animal_means, group_rows, label_of, split_columns
from ethochat.tools.measures import Outcome, compute
from ethochat.tools.remarks import (
    check_parts_of_time,
    missing_flags,
    unequal_lengths,
    whole_bins,
    whole_windows,
)
from ethochat.tools.rows import Row
from ethochat.tools.selection import (
    IDENTIFIERS,
    column_values,
    find_column,
    listing,
    match_group_column,
    plain,
)
from ethochat.tools.statistics import corrected, summarize
from ethochat.tools.statistics.design import cell_name
from ethochat.tools.statistics.factorial import two_way
from ethochat.tools.statistics.mixed import mixed_model
from ethochat.tools.statistics.observations import Observation
from ethochat.tools.wording import MAX_ROWS, natural_key, number, p_text, quantity, some

BIN: Final = "bin"
"""The factor that the time bins are."""
_BIN_WORDS: Final = ("bin", "bins", "time bin", "time bins", "time")
_SINGLE: Final = ("session_id", "subject_id")
"""What tells single animals or sessions, and so is no factor."""
_NOT_STATED: Final = "not stated"
_MOST_FIGURES: Final = 12
_MOST_LEVELS_DRAWN: Final = 24
_MANY_LEVELS: Final = 6
_MOST_CELLS: Final = 24

Cell = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One part of a call (all of it, or one zone, source …): its rows with their levels, and what was tested."""

    rows: Sequence[tuple[Row, Cell]]
    """Rows that have a value and both levels."""
    part: Group
    outcome: Outcome
    factors: tuple[str, str]
    tests: list[TestResult]
    within: tuple[int, int]
    """How many animals each factor varies within."""

    @property
    def name(self) -> str:
        """The measure, and the part of it that the tests are about."""
        labels = [f"{key} {text}" for key, text in self.part.labels.items()]
        if BIN not in self.factors and self.part.rows[0].bin_start is not None:
            labels.append(f"from {self.part.rows[0].bin_start:g} {self.outcome.scope.time_unit()}")
        measure = self.outcome.measured.name
        return f"{measure} ({', '.join(labels)})" if labels else measure

    @property
    def animals(self) -> dict[str, list[Row]]:
        """Animal to its rows."""
        found: dict[str, list[Row]] = {}
        for row, _ in self.rows:
            found.setdefault(row.animal, []).append(row)
        return found

    @property
    def cells(self) -> dict[Cell, dict[str, float]]:
        """Combination of levels to one value per animal; those without an animal too."""
        found: dict[Cell, list[Row]] = {cell: [] for cell in itertools.product(*_levels(self.rows))}
        for row, cell in self.rows:
            found[cell].append(row)
        return {cell: animal_means(rows) for cell, rows in found.items()}


def two_factors(context: ToolContext, arguments: TwoFactorArguments) -> Evidence:
    """Test two factors and their interaction."""
    factors = _factors(context, arguments)
    outcome, said = whole_bins(
        compute(context, arguments, also_by=[name for name in factors if name != BIN]), arguments.bin_s
    )
    outcome, short = whole_windows(outcome, arguments.windows)
    said = [*said, *short]
    if {BIN, "window"} & set(factors):
        check_parts_of_time(outcome.measured)
    designs = [_design(part, factors, outcome, arguments) for part in _parts(arguments, factors, outcome)]
    _correct(designs)
    flags = [*outcome.measured.flags, *missing_flags(outcome.measured, outcome.measured.rows), *said]
    flags += _level_flags(factors, outcome, arguments)
    flags += [flag for design in designs for flag in _design_flags(design, arguments)]
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=[value for design in designs for value in _values(design)],
        tests=[test for design in designs for test in design.tests],
        figures=_figures(context, designs),
        n_rows=sum(row.n_rows for row in outcome.measured.rows),
        flags=list(dict.fromkeys(flags)),
    )
    evidence.summary = "\n".join([line for design in designs for line in _lines(design)] + evidence.flags)
    return evidence


# ----------------------------------------------------------------- factors and parts
def _factors(context: ToolContext, arguments: TwoFactorArguments) -> tuple[str, str]:
    """The two factors as columns, or as the time bins.

    Raises
    ------
    ToolRetryError
        When a name is unknown, tells single animals, or both are the same.
    """
    first, second = (_factor(context, name, arguments) for name in arguments.factors)
    if first == second:
        raise ToolRetryError(f"Expected two different factors, got {first!r} twice.")
    return first, second


def _factor(context: ToolContext, name: str, arguments: TwoFactorArguments) -> str:
    if plain(name) in _BIN_WORDS and find_column(context, name) is None:
        if arguments.bin_s is None:
            raise ToolRetryError(f"The factor {name!r} is the time bins: give their length in bin_s.")
        return BIN
    column = match_group_column(context, name)
    if column in _SINGLE:
        raise ToolRetryError(
            f"A factor needs several animals at each level; {column} tells single ones. Name a metadata column, zone, "
            "behavior, source, keypoint, individual or bin."
        )
    return column


def _parts(arguments: TwoFactorArguments, factors: Sequence[str], outcome: Outcome) -> list[Group]:
    """Rows that are tested together: all, or one part per zone, source, bin … that is no factor."""
    rows = outcome.measured.rows
    if not rows:
        raise ToolFailedError(
            f"There is nothing to test: {outcome.measured.name} has no value in the selection."
        )
    if BIN in factors:
        rows = [dataclasses.replace(row, bin_index=0) for row in rows]
    asked = arguments.model_copy(update={"statistics": ["mean"], "order": None, "keep": "all"})
    columns = split_columns(asked, outcome.columns, outcome.measured)
    others = [name for name in columns if name not in factors]
    return group_rows(rows, others, outcome.scope, outcome.measured.name)


def _design(part: Group, factors: tuple[str, str], outcome: Outcome, arguments: TwoFactorArguments) -> Design:
    """Find out how the factors lie, and make the tests that go with it."""
    rows = [
        (row, cell)
        for row, cell in zip(part.rows, _cells_of(part.rows, factors, outcome), strict=True)
        if row.value is not None and _NOT_STATED not in cell
    ]
    for name, levels in zip(factors, _levels(rows), strict=True):
        if len(levels) < 2:
            raise ToolFailedError(
                f"Expected at least two levels of {name!r} with a value of {outcome.measured.name}, found "
                f"{listing(levels) or 'none'}."
            )
    within = _within(rows)
    tests = _tests(rows, factors, arguments) if not any(within) else mixed_model(_observed(rows, factors))
    design = Design(rows=rows, part=part, outcome=outcome, factors=factors, tests=tests, within=within)
    for test in tests:
        for one in (test, *test.posthoc):
            one.measure, one.unit = design.name, outcome.measured.unit
    return design


def _cells_of(rows: Sequence[Row], factors: tuple[str, str], outcome: Outcome) -> list[Cell]:
    metadata = {
        name: column_values(outcome.scope.sessions, name)
        for name in factors
        if name != BIN and name not in IDENTIFIERS
    }
    measure = outcome.measured.name

    def level(row: Row, name: str) -> str:
        return f"{row.bin_start:g}" if name == BIN else label_of(row, name, metadata, measure)

    return [(level(row, factors[0]), level(row, factors[1])) for row in rows]


def _levels(rows: Sequence[tuple[Row, Cell]]) -> tuple[list[str], list[str]]:
    first, second = (sorted({cell[place] for _, cell in rows}, key=natural_key) for place in (0, 1))
    return first, second


def _within(rows: Sequence[tuple[Row, Cell]]) -> tuple[int, int]:
    """Of each factor, within how many animals it varies."""
    seen: dict[str, tuple[set[str], set[str]]] = {}
    for row, (first, second) in rows:
        levels = seen.setdefault(row.animal, (set(), set()))
        levels[0].add(first)
        levels[1].add(second)
    first_n, second_n = (sum(len(levels[place]) > 1 for levels in seen.values()) for place in (0, 1))
    return first_n, second_n


def _tests(
    rows: Sequence[tuple[Row, Cell]], factors: tuple[str, str], arguments: TwoFactorArguments
) -> list[TestResult]:
    values = animal_means(row for row, _ in rows)
    first, second = ({row.animal: cell[place] for row, cell in rows} for place in (0, 1))
    return two_way(values, first, second, factors, robust=arguments.robust)


def _observed(rows: Sequence[tuple[Row, Cell]], factors: tuple[str, str]) -> list[Observation]:
    return [
        Observation(animal=row.animal, value=row.value, factors=dict(zip(factors, cell, strict=True)))
        for row, cell in rows
        if row.value is not None
    ]


def _correct(designs: Sequence[Design]) -> None:
    """With several parts, give what Holm's correction makes of the p values of each term."""
    for tests in zip(*(design.tests for design in designs), strict=True):
        known = [test for test in tests if test.p_value is not None]
        if len(known) < 2:
            continue
        for test, p in zip(known, corrected([test.p_value for test in known], "holm"), strict=True):
            if p is not None:
                test.corrected["holm"], test.n_tests = p, len(known)
                test.why = f"{test.why or ''} Corrected for {len(known)} tests (Holm): {p_text(p)}.".strip()


# ----------------------------------------------------------------- what must be said
def _level_flags(factors: tuple[str, str], outcome: Outcome, arguments: TwoFactorArguments) -> list[str]:
    """Sessions without a level, unequal lengths, and what bins are called."""
    measured, flags = outcome.measured, []
    for name, levels in zip(
        factors, zip(*_cells_of(measured.rows, factors, outcome), strict=True), strict=True
    ):
        without = [
            row.session_id for row, level in zip(measured.rows, levels, strict=True) if level == _NOT_STATED
        ]
        names = list(dict.fromkeys(without))
        if names:
            flags.append(f"{name} is not stated for {some(len(names), 'session')}: {listing(names, 5)}.")
    if (said := unequal_lengths(measured)) is not None:
        flags.append(said)
    if BIN in factors and arguments.bin_s is not None:
        flags.append(
            f"Bins are named by their start; each is {number(arguments.bin_s)} {outcome.scope.time_unit()} long."
        )
    return flags


def _design_flags(design: Design, arguments: TwoFactorArguments) -> list[str]:
    """How the factors lie, what counts as n, what was averaged, and how even the cells are."""
    animals = design.animals
    sessions = {row.session_id for row, _ in design.rows}
    flags = [
        f"{some(len(animals), 'animal')}, {some(len(sessions), 'session')}; n counts animals. "
        f"{_layout(design, len(animals))}",
        *_averaged(design),
        *_balance(design),
    ]
    if arguments.robust and any(design.within):
        flags.append("robust holds for factors between animals only; the mixed model was made without it.")
    if all(test.p_value is None for test in design.tests):
        flags += [
            f"{name} has {len(levels)} numbers as levels; correlate gives its trend."
            for name, levels in zip(design.factors, _levels(design.rows), strict=True)
            if len(levels) > _MANY_LEVELS and all(natural_key(level)[0] == 0 for level in levels)
        ]
    return flags


def _layout(design: Design, n: int) -> str:
    said = []
    for name, varying in zip(design.factors, design.within, strict=True):
        if varying == 0:
            said.append(f"{name} differs between animals")
        else:
            said.append(f"{name} varies within {'all' if varying == n else f'{varying} of {n}'} animals")
    return f"{said[0]}, {said[1]}."


def _averaged(design: Design) -> list[str]:
    """Say when several values of one animal at the same levels became one."""
    counts: dict[tuple[str, Cell], int] = {}
    for row, cell in design.rows:
        counts[row.animal, cell] = counts.get((row.animal, cell), 0) + 1
    several = list(dict.fromkeys(animal for (animal, _), n in counts.items() if n > 1))
    if not several:
        return []
    return [
        f"{some(len(several), 'animal')} with several values at the same levels ({listing(several, 5)}): they were averaged, and "
        "count once."
    ]


def _balance(design: Design) -> list[str]:
    sizes = {cell: len(animals) for cell, animals in design.cells.items()}
    if len(set(sizes.values())) == 1:
        return []
    small, large = min(sizes, key=lambda cell: sizes[cell]), max(sizes, key=lambda cell: sizes[cell])
    return [
        f"The design is unbalanced: from {some(sizes[small], 'animal')} in {cell_name(small)} to {sizes[large]} in "
        f"{cell_name(large)}; main effects compare unweighted means of the cells."
    ]


# ----------------------------------------------------------------- the short text
def _lines(design: Design) -> list[str]:
    """Terms with the interaction first, what follows from them, the cells, and how it was tested."""
    unit = design.outcome.measured.unit
    lines = [f"{design.name} by {' and '.join(design.factors)}:"]
    ordered = sorted(design.tests, key=lambda test: ":" not in (test.term or ""))
    for test in ordered:
        lines += [_term_line(test), *(_pair_line(pair) for pair in test.posthoc[:MAX_ROWS])]
    cells = {cell: summarize(list(animals.values())) for cell, animals in design.cells.items() if animals}
    for cell, group in list(cells.items())[:_MOST_CELLS]:
        spread = "" if group.sd is None else f", sd {quantity(group.sd, unit)}"
        lines.append(f"{cell_name(cell)}: n={group.n}, mean {quantity(group.mean, unit)}{spread}")
    if len(cells) > _MOST_CELLS:
        lines.append(f"… {len(cells) - _MOST_CELLS} more cells.")
    # What is said of the main effects too stands in the last of them; the interaction has no caution.
    lines += list(dict.fromkeys(test.why for test in (ordered[0], ordered[-1]) if test.why))[-1:]
    lines += [
        f"doubtful assumption: {check.name} of {check.about}, {p_text(check.p_value)} (shown only; it did not choose the test)"
        for test in design.tests
        for check in test.checks
        if check.holds is False and check.p_value is not None
    ]
    return lines


def _term_line(test: TestResult) -> str:
    term = (test.term or test.name).replace(":", " x ")
    if test.p_value is None:
        return f"{term}: not tested"
    df = f"({number(test.df[0])}, {number(test.df[1])})" if isinstance(test.df, tuple) else ""
    f = "" if test.statistic is None else f"F{df} = {number(test.statistic)}, "
    how = f" ({test.correction})" if test.correction else ""
    effects = []
    for name, size in test.effect_size.items():
        if isinstance(size, float) and name not in ("epsilon", "p_uncorrected"):
            interval = test.effect_size.get(f"{name}_ci95")
            span = (
                f" (95% CI {number(interval[0])} to {number(interval[1])})"
                if isinstance(interval, list)
                else ""
            )
            effects.append(f"{name} {number(size)}{span}")
    return f"{term}: {test.name} {f}{p_text(test.p_value)}{how}; {', '.join(effects)}"


def _pair_line(pair: TestResult) -> str:
    if pair.p_value is None:
        return f"- {pair.term}: no p value. {pair.why or ''}".rstrip()
    return f"- {pair.term}: {pair.name} {p_text(pair.p_value)} ({pair.correction})"


# ----------------------------------------------------------------- values and figures
def _values(design: Design) -> list[Value]:
    """Mean and median of every cell that has an animal."""
    values = []
    for statistic in ("mean", "median"):
        for cell, animals in design.cells.items():
            group = dict(zip(design.factors, cell, strict=True))
            if not animals:
                continue
            values.append(
                Value(
                    name=design.outcome.measured.name,
                    value=getattr(summarize(list(animals.values())), statistic),
                    unit=design.outcome.measured.unit,
                    statistic=statistic,
                    n=len(animals),
                    group=group | dict(design.part.labels),
                    bin_start_s=float(group[BIN]) if BIN in group else design.part.rows[0].bin_start,
                )
            )
    return values


def _figures(context: ToolContext, designs: Sequence[Design]) -> list[Figure]:
    return [_figure(context, design) for design in designs[:_MOST_FIGURES] if _can_be_drawn(design)]


def _can_be_drawn(design: Design) -> bool:
    return max(map(len, _levels(design.rows))) <= _MOST_LEVELS_DRAWN


def _figure(context: ToolContext, design: Design) -> Figure:
    """Draw the cells; what varies within animals, or is a number, goes along the axis."""
    (a, b), cells = design.factors, design.cells
    if _along(design, 1) and not _along(design, 0):
        a, b = b, a
        cells = {(second, first): animals for (first, second), animals in cells.items()}
    drawn: Mapping[Cell, Mapping[str, float]] = {cell: animals for cell, animals in cells.items() if animals}
    return two_factor_figure(
        drawn,
        measure=design.name,
        unit=design.outcome.measured.unit,
        factors=(a, b),
        tests=design.tests,
        styles=None if b == BIN else column_styles(context, b),
    )


def _along(design: Design, place: int) -> bool:
    levels = _levels(design.rows)[place]
    return bool(design.within[place]) or all(natural_key(level)[0] == 0 for level in levels)


TOOL: Tool[TwoFactorArguments] = Tool(
    name="two_factors",
    description="Test a measure by two factors and their interaction, such as sex and treatment, group and day, or group and "
    "time bin: a two-way ANOVA where both differ between animals, a linear mixed model with the animal as random effect "
    "where one varies within them. Returns the cells' means and n, F, p and effect size of each term, simple effects "
    "where the interaction is significant, and checks of the assumptions.",
    arguments=TwoFactorArguments,
    function=two_factors,
)
