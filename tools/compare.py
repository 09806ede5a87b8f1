"""The tool ``compare_groups``: a measure tested between groups, one value per animal."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ethochat.tools.arguments import CompareArguments, MeasureArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.contrast import Contrast, contrast, tell_influence
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Evidence, Figure, TestResult, Value
from ethochat.tools.figures import column_styles, comparison_figure
from ethochat.tools.figures.series import time_bins_figure
from ethochat.tools.grouping import Group, animal_means, group_rows, label_of, split_columns
from ethochat.tools.measures import Outcome, compute
from ethochat.tools.remarks import check_parts_of_time, unequal_lengths, whole_bins, whole_windows
from ethochat.tools.rows import Row
from ethochat.tools.selection import (
    IDENTIFIERS,
    column_values,
    find_name,
    listing,
    match_group_column,
    nearest,
)
from ethochat.tools.statistics import EQUIVALENCE_TESTS, corrected
from ethochat.tools.statistics.trend import time_trend
from ethochat.tools.wording import natural_key, p_text, summarize_evidence

_NOT_STATED: Final = "not stated"
_ARGUMENT_OF: Final[Mapping[str, str]] = {
    "source": "sources",
    "behavior": "behaviors",
    "zone": "zones",
    "keypoint": "keypoints",
}
_PARTS_OF_TIME: Final = frozenset({"window", "bin"})
_WITHIN: Final = _PARTS_OF_TIME | set(_ARGUMENT_OF) | {"individual"}
"""Columns whose groups are parts of every animal's own data, and the argument that names them."""
_MOST_FIGURES: Final = 12
_BESIDE: Final = frozenset({*EQUIVALENCE_TESTS, "time_trend"})
"""Tests that say something else of the same comparison, rather than one more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One part of a comparison (all of it, or one zone, bin …): the animals of each group, and what was tested."""

    groups: Mapping[str, Mapping[str, float]]
    contrast: Contrast
    part: Group
    outcome: Outcome
    column: str
    starts: Mapping[str, float] = field(default_factory=dict)
    """Of groups that are time bins: when each starts."""
    bin_width: float = 0.0
    """Of groups that are time bins: how long each is, in the unit of the starts."""

    @property
    def name(self) -> str:
        """The measure, and the part of it that one of several tests is about."""
        labels = [f"{key} {text}" for key, text in self.part.labels.items()]
        if self.column != "bin" and self.part.rows[0].bin_start is not None:
            labels.append(f"from {self.part.rows[0].bin_start:g} {self.outcome.scope.time_unit()}")
        measure = self.outcome.measured.name
        return f"{measure} ({', '.join(labels)})" if labels else measure


def compare_groups(context: ToolContext, arguments: CompareArguments) -> Evidence:
    """Compare a measure between groups."""
    compared = comparisons(context, arguments)
    outcome = compared[0].outcome
    tests = [test for one in compared for test in one.contrast.tests]
    _correct(tests)
    flags = [*outcome.measured.flags, *_pooled_flags(outcome), *_length_flags(outcome)]
    if compared[0].column == "individual":
        flags.append("The individuals of a session are compared with one another: n counts sessions.")
    flags += [flag for one in compared for flag in (*one.contrast.flags, *tell_influence(one.contrast))]
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=[value for one in compared for value in group_values(one)],
        tests=tests,
        figures=[figure_of(context, one) for one in compared[:_MOST_FIGURES]],
        n_rows=sum(row.n_rows for row in outcome.measured.rows),
        flags=list(dict.fromkeys(flags)),
    )
    evidence.summary = summarize_evidence(evidence)
    # What the figure shows, for whoever saves the table; a chat model needs no list of animals.
    evidence.values += [value for one in compared for value in _animal_values(one)]
    return evidence


def comparisons(context: ToolContext, arguments: CompareArguments) -> list[Comparison]:
    """Compute a measure and test it between groups: once, or for each part that must not be mixed.

    Raises
    ------
    ToolRetryError
        When the call names something unknown, or a test that does not fit.
    ToolFailedError
        When the data cannot give it: a group without animals, nothing to compare.
    """
    column = match_group_column(context, arguments.group_column)
    if column in ("session_id", "subject_id"):
        raise ToolRetryError(
            f"A group needs several animals; {column} tells single ones. Name a metadata column."
        )
    outcome, said = whole_bins(
        compute(context, _with_groups(arguments, column), also_by=[column]), arguments.bin_s
    )
    outcome, short = whole_windows(outcome, arguments.windows)
    said = [*said, *short]
    if column in _PARTS_OF_TIME:
        check_parts_of_time(outcome.measured)
    width = float(arguments.bin_s or 0.0)
    found = []
    for part in _parts(arguments, column, outcome, said):
        members = _members(part.rows, column, arguments.groups, outcome, said)
        starts: dict[str, float] = {}
        if column == "bin":
            members, starts = _named_bins(members, width, outcome.scope.time_unit())
        groups = {name: animal_means(rows) for name, rows in members.items()}
        empty = [name for name, animals in groups.items() if not animals]
        if empty:
            raise ToolFailedError(
                f"No animal of group {listing(empty)} has a value of {outcome.measured.name}."
            )
        made = contrast(
            groups,
            members,
            arguments,
            within=column in _WITHIN,
            column=column,
        )
        if len(starts) > 2:
            made.tests.append(time_trend(groups, starts, outcome.scope.time_unit()))
        one = Comparison(
            groups=groups,
            contrast=made,
            part=part,
            outcome=outcome,
            column=column,
            starts=starts,
            bin_width=width,
        )
        made.flags.extend(said)
        for test in made.tests:
            test.measure, test.unit = one.name, outcome.measured.unit
        found.append(one)
    return found


def _with_groups(arguments: CompareArguments, column: str) -> MeasureArguments:
    """Arguments of the measure; groups that are sources, behaviors, zones or keypoints select them too."""
    name = _ARGUMENT_OF.get(column)
    if name is None or not arguments.groups or getattr(arguments, name):
        return arguments
    return arguments.model_copy(update={name: list(arguments.groups)})


def _parts(arguments: CompareArguments, column: str, outcome: Outcome, said: Sequence[str]) -> list[Group]:
    """Rows that are tested together: one part, or one per zone, keypoint, bin … that must not be mixed."""
    asked = arguments.model_copy(update={"statistics": ["mean"], "order": None, "keep": "all"})
    columns = [name for name in split_columns(asked, outcome.columns, outcome.measured) if name != column]
    if not outcome.measured.rows:
        why = " ".join(said) or f"{outcome.measured.name} has no value in the selection."
        raise ToolFailedError(f"There is nothing to compare: {why}")
    rows = outcome.measured.rows
    if column == "bin":
        rows = [dataclasses.replace(row, bin_index=0) for row in rows]
    if column == "individual":  # who live together are compared with one another: the session is the unit
        rows = [dataclasses.replace(row, subject_id=row.session_id) for row in rows]
    return group_rows(rows, columns, outcome.scope, outcome.measured.name)


def _members(
    rows: Sequence[Row], column: str, wanted: Sequence[str], outcome: Outcome, said: Sequence[str]
) -> dict[str, list[Row]]:
    """Group name to its rows, in the order asked for or by name."""
    metadata = {} if column in IDENTIFIERS else {column: column_values(outcome.scope.sessions, column)}
    members: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.bin_start or 0.0) if column == "bin" else rows:
        label = label_of(row, column, metadata, outcome.measured.name)
        members.setdefault(label, []).append(row)
    present = {name: group for name, group in members.items() if name != _NOT_STATED}
    # Windows come in the order in which they were asked for, bins in that of time.
    names = (
        _wanted_names(wanted, present, column)
        if wanted
        else list(present)
        if column in _PARTS_OF_TIME
        else sorted(present, key=natural_key)
    )
    if len(names) < 2:
        raise ToolFailedError(
            f"Expected at least two groups in {column!r}, found {listing(present) or 'none'} in the selected "
            f"sessions. {' '.join(said)}".strip()
        )
    return {name: present[name] for name in names}


def _named_bins(
    members: Mapping[str, list[Row]], width: float, unit: str
) -> tuple[dict[str, list[Row]], dict[str, float]]:
    """Bins by their ends, such as ``60–120 s``, and the start of each."""
    named = {f"{float(start):g}–{float(start) + width:g} {unit}": start for start in members}
    return {name: members[start] for name, start in named.items()}, {
        name: float(start) for name, start in named.items()
    }


def _wanted_names(wanted: Sequence[str], present: Mapping[str, object], column: str) -> list[str]:
    names = []
    for name in wanted:
        match = find_name(name, present)
        if match is None:
            near = nearest(name, present)
            raise ToolRetryError(
                f"There is no group {name!r} in column {column!r} of the selected sessions. "
                f"Groups: {listing(sorted(present), 20)}.",
                near=near,
            )
        names.append(match)
    return list(dict.fromkeys(names))


# ----------------------------------------------------------------- what must be said
def _pooled_flags(outcome: Outcome) -> list[str]:
    """Bouts or frames of one animal are not independent: say that they were averaged first."""
    measured = outcome.measured
    if measured.kind != "pooled":
        return []
    n = sum(len(row.observations) for row in measured.rows if row.observations is not None)
    return [
        f"The {n} {measured.observation} are not independent observations: each animal counts once, with its mean."
    ]


def _length_flags(outcome: Outcome) -> list[str]:
    said = unequal_lengths(outcome.measured)
    return [said] if said else []


def _correct(tests: Sequence[TestResult]) -> None:
    """With several tests, give what Holm's correction makes of each p value."""
    known = [test for test in tests if test.p_value is not None and test.name not in _BESIDE]
    if len(known) < 2:
        return
    holm = corrected([test.p_value for test in known], "holm")
    for test, p in zip(known, holm, strict=True):
        if p is not None:
            test.corrected["holm"] = p
            test.n_tests = len(known)
            test.why = f"{test.why or ''} Corrected for {len(known)} tests (Holm): {p_text(p)}.".strip()


# ----------------------------------------------------------------- values and the figure
def group_values(one: Comparison) -> list[Value]:
    """Mean and median of every group, and for two groups the difference of the means."""
    test = one.contrast.tests[0]
    values = [
        _value(one, getattr(group, statistic), statistic, name, group.n)
        for statistic in ("mean", "median")
        for name, group in test.groups.items()
    ]
    if len(test.groups) == 2:
        (first, a), (second, b) = test.groups.items()
        difference = None if a.mean is None or b.mean is None else a.mean - b.mean
        # The same animals in both groups are no more animals for it.
        n = len({animal for animals in one.contrast.groups.values() for animal in animals})
        values.append(_value(one, difference, "difference", f"{first} minus {second}", n))
    return values


def _animal_values(one: Comparison) -> list[Value]:
    """One value per animal and group."""
    subjects = {row.animal: row.subject_id for row in one.part.rows}
    sessions: dict[str, set[str]] = {}
    for row in one.part.rows:
        sessions.setdefault(row.animal, set()).add(row.session_id)
    return [
        _value(one, value, None, group, None).model_copy(
            update={
                "subject_id": subjects[animal] if one.column != "individual" else None,
                "session_id": next(iter(sessions[animal])) if len(sessions[animal]) == 1 else None,
            }
        )
        for group, animals in one.groups.items()
        for animal, value in animals.items()
    ]


def _value(one: Comparison, value: float | None, statistic: str | None, label: str, n: int | None) -> Value:
    return Value(
        name=one.outcome.measured.name,
        value=value,
        unit=one.outcome.measured.unit,
        statistic=statistic,
        n=n,
        group={one.column: label, **one.part.labels},
        bin_start_s=one.starts.get(label) if one.starts else one.part.rows[0].bin_start,
    )


def figure_of(context: ToolContext, one: Comparison) -> Figure:
    """Draw one point per animal, with each group's mean and interval; of time bins a line per animal."""
    if len(one.starts) > 2:
        return _course_of(context, one)
    return comparison_figure(
        one.groups,
        measure=one.name,
        unit=one.outcome.measured.unit,
        column=one.column,
        test=one.contrast.tests[0],
        paired=one.contrast.repeated,
        styles=column_styles(context, one.column),
    )


def _course_of(context: ToolContext, one: Comparison) -> Figure:
    lines: dict[str, list[tuple[float, float | None]]] = {}
    for name in sorted(one.groups, key=lambda name: one.starts[name]):
        for animal, value in one.groups[name].items():
            lines.setdefault(animal, []).append((one.starts[name], value))
    return time_bins_figure(
        {"": lines},
        measure=one.name,
        unit=one.outcome.measured.unit,
        bin_width=one.bin_width,
        time_unit=one.outcome.scope.time_unit(),
        test=one.contrast.tests[0],
    )


TOOL: Tool[CompareArguments] = Tool(
    name="compare_groups",
    description="Compare a measure (or an imported metric or column) between groups of animals, such as "
    "treatments, or within animals between sources, zones or behaviors. One value per animal; Welch's t test "
    "for two groups, Welch's ANOVA with post-hoc pairs for more, paired or repeated-measures tests for the same "
    "animals, a mixed model where only some are in several groups, equivalence when asked whether groups are the "
    "same. Returns n, mean, sd, sem, median, the test, its p value, effect sizes with intervals, checks of the "
    "assumptions and what outliers do to the result.",
    arguments=CompareArguments,
    function=compare_groups,
)
