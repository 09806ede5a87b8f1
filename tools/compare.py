"""The tool ``compare_groups``: a measure tested between groups, one value per animal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ethochat.tools.arguments import CompareArguments, MeasureArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Evidence, TestResult, Value
from ethochat.tools.grouping import Group, animal_means, group_rows, label_of, split_columns
from ethochat.tools.measures import Outcome, compute
from ethochat.tools.rows import Row
from ethochat.tools.selection import (
    IDENTIFIERS,
    column_values,
    find_name,
    listing,
    match_group_column,
    nearest,
)
from ethochat.tools.statistics import compare_independent, compare_repeated, holm
from ethochat.tools.wording import p_text, summarize_evidence

_NOT_STATED: Final = "not stated"
_ARGUMENT_OF: Final[Mapping[str, str]] = {
    "source": "sources",
    "behavior": "behaviors",
    "zone": "zones",
    "keypoint": "keypoints",
}
"""Columns whose groups are parts of every animal's own data, and the argument that names them."""


def compare_groups(context: ToolContext, arguments: CompareArguments) -> Evidence:
    """Compare a measure between groups."""
    column = match_group_column(context, arguments.group_column)
    if column in ("session_id", "subject_id"):
        raise ToolRetryError(
            f"A group needs several animals; {column} tells single ones. Name a metadata column."
        )
    outcome = compute(context, _with_groups(arguments, column), also_by=[column])
    tests: list[TestResult] = []
    values: list[Value] = []
    flags = list(outcome.measured.flags)
    for part in _parts(arguments, column, outcome):
        found = _groups(part.rows, column, arguments.groups, outcome)
        test, said = _test(found, arguments, repeated=arguments.paired or column in _ARGUMENT_OF)
        test.measure, test.unit = _part_name(part, outcome), outcome.measured.unit
        tests.append(test)
        values.extend(_group_values(test, column, part, outcome))
        flags.extend(said)
    _correct(tests)
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=values,
        tests=tests,
        n_rows=sum(row.n_rows for row in outcome.measured.rows),
        flags=list(dict.fromkeys(flags)),
    )
    evidence.summary = summarize_evidence(evidence)
    return evidence


def _part_name(part: Group, outcome: Outcome) -> str:
    """Name the measure, and the part of it that one of several tests is about."""
    labels = [f"{key} {text}" for key, text in part.labels.items()]
    if part.rows[0].bin_start is not None:
        labels.append(f"from {part.rows[0].bin_start:g} {outcome.scope.time_unit()}")
    return f"{outcome.measured.name} ({', '.join(labels)})" if labels else outcome.measured.name


def _with_groups(arguments: CompareArguments, column: str) -> MeasureArguments:
    """Arguments of the measure; groups that are sources, behaviors, zones or keypoints select them too."""
    name = _ARGUMENT_OF.get(column)
    if name is None or not arguments.groups or getattr(arguments, name):
        return arguments
    return arguments.model_copy(update={name: list(arguments.groups)})


def _parts(arguments: CompareArguments, column: str, outcome: Outcome) -> list[Group]:
    """Rows that are tested together: one part, or one per zone, keypoint, bin … that must not be mixed."""
    asked = arguments.model_copy(update={"statistics": ["mean"], "order": None, "keep": "all"})
    columns = [name for name in split_columns(asked, outcome.columns, outcome.measured) if name != column]
    if not outcome.measured.rows:
        raise ToolFailedError(
            f"There is nothing to compare: {outcome.measured.name} has no value in the selection."
        )
    return group_rows(outcome.measured.rows, columns, outcome.scope, outcome.measured.name)


def _groups(
    rows: Sequence[Row], column: str, wanted: Sequence[str], outcome: Outcome
) -> dict[str, dict[str, float]]:
    """Group name to one value per animal, in the order asked for or by name."""
    metadata = {} if column in IDENTIFIERS else {column: column_values(outcome.scope.sessions, column)}
    members: dict[str, list[Row]] = {}
    for row in rows:
        members.setdefault(label_of(row, column, metadata, outcome.measured.name), []).append(row)
    present = {name: group for name, group in members.items() if name != _NOT_STATED}
    names = _wanted_names(wanted, present, column) if wanted else sorted(present, key=_natural)
    if len(names) < 2:
        raise ToolFailedError(
            f"Expected at least two groups in {column!r}, found {listing(present) or 'none'} in the selected "
            "sessions."
        )
    found = {name: animal_means(present[name]) for name in names}
    empty = [name for name, animals in found.items() if not animals]
    if empty:
        raise ToolFailedError(f"No animal of group {listing(empty)} has a value of {outcome.measured.name}.")
    return found


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


def _natural(name: str) -> tuple[int, float, str]:
    """Sort numbers as numbers, before words."""
    try:
        return 0, float(name), ""
    except ValueError:
        return 1, 0.0, name


def _test(
    groups: Mapping[str, Mapping[str, float]], arguments: CompareArguments, *, repeated: bool
) -> tuple[TestResult, list[str]]:
    if not repeated:
        test = compare_independent(
            {name: list(animals.values()) for name, animals in groups.items()}, arguments.test
        )
        flags = _shared_animals(groups)
    else:
        complete, flags = _complete(groups)
        test = compare_repeated(
            {name: [animals[unit] for unit in complete] for name, animals in groups.items()}, arguments.test
        )
    names = list(groups)
    if len(names) == 2 and test.effect_size and test.why:
        test.why += f" Differences are {names[0]} minus {names[1]}."
    return test, flags


def _shared_animals(groups: Mapping[str, Mapping[str, float]]) -> list[str]:
    counts: dict[str, int] = {}
    for animals in groups.values():
        for animal in animals:
            counts[animal] = counts.get(animal, 0) + 1
    shared = sum(count > 1 for count in counts.values())
    if not shared:
        return []
    return [
        f"{shared} animals are in more than one group, so the groups are not independent; a paired test "
        "would treat them as such."
    ]


def _complete(groups: Mapping[str, Mapping[str, float]]) -> tuple[list[str], list[str]]:
    """Animals that have a value in every group."""
    every = [
        animal
        for animal in next(iter(groups.values()))
        if all(animal in animals for animals in groups.values())
    ]
    everyone = list(dict.fromkeys(animal for animals in groups.values() for animal in animals))
    if len(every) < 2:
        raise ToolFailedError(
            f"Expected at least two animals with a value in every one of {listing(groups)}, found "
            f"{len(every)}."
        )
    missing = [animal for animal in everyone if animal not in every]
    if not missing:
        return every, []
    return every, [
        f"{len(missing)} animals lack a value in some of {listing(groups)} and are not counted: "
        f"{listing(missing, 5)}."
    ]


def _group_values(test: TestResult, column: str, part: Group, outcome: Outcome) -> list[Value]:
    values = []
    for statistic in ("mean", "median"):
        for name, group in test.groups.items():
            values.append(
                Value(
                    name=outcome.measured.name,
                    value=getattr(group, statistic),
                    unit=outcome.measured.unit,
                    statistic=statistic,
                    n=group.n,
                    group={column: name, **part.labels},
                    bin_start_s=part.rows[0].bin_start,
                )
            )
    if len(test.groups) == 2:
        values.append(_difference(test, column, part, outcome))
    return values


def _difference(test: TestResult, column: str, part: Group, outcome: Outcome) -> Value:
    """First group's mean minus the second's."""
    (first, one), (second, other) = test.groups.items()
    difference = None if one.mean is None or other.mean is None else one.mean - other.mean
    return Value(
        name=outcome.measured.name,
        value=difference,
        unit=outcome.measured.unit,
        statistic="difference",
        n=one.n + other.n,
        group={column: f"{first} minus {second}", **part.labels},
        bin_start_s=part.rows[0].bin_start,
    )


def _correct(tests: Sequence[TestResult]) -> None:
    """With several tests, say what Holm's correction makes of each p value."""
    known = [test for test in tests if test.p_value is not None]
    if len(known) < 2:
        return
    for test, p in zip(
        known, holm([test.p_value for test in known if test.p_value is not None]), strict=True
    ):
        test.why = f"{test.why or ''} Corrected for {len(known)} tests (Holm): {p_text(p)}.".strip()


TOOL: Tool[CompareArguments] = Tool(
    name="compare_groups",
    description="Compare a measure (or an imported metric or column) between groups of animals, such as "
    "treatments, or within animals between sources, zones or behaviors. One value per animal; Welch's t test "
    "and Hedges g for two groups, Welch's ANOVA for more, paired or repeated-measures tests for the same "
    "animals. Returns n, mean, sd, sem, median, the test and its p value.",
    arguments=CompareArguments,
    function=compare_groups,
)
