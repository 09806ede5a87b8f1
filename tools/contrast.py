"""Which test a comparison calls for, by its design: different animals, the same animals, or some of both.

The design decides, never the data: no test is chosen by a check of its assumptions. Several sessions of one animal are
averaged, or modeled with the animal as a random effect; they never count as further animals.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ethochat.tools.arguments import CompareArguments
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import TestResult
from ethochat.tools.rows import Row
from ethochat.tools.selection import find_name, listing
from ethochat.tools.statistics import (
    PAIRED_TESTS,
    REPEATED_TESTS,
    SEVERAL_GROUP_TESTS,
    TWO_GROUP_TESTS,
    compare_independent,
    compare_repeated,
    equivalence,
    influence,
    influence_note,
)
from ethochat.tools.statistics.cautions import warnings_of
from ethochat.tools.statistics.factorial import holm_corrected
from ethochat.tools.statistics.mixed import mixed_model
from ethochat.tools.statistics.observations import Observation
from ethochat.tools.wording import some

Animals = Mapping[str, float]
"""Animal to its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """The tests of one comparison, the main one first, and what must be said about them."""

    tests: list[TestResult]
    flags: list[str]
    repeated: bool
    """The groups hold the same animals."""
    groups: Mapping[str, Animals]
    """The animals that were tested."""


_LEFT_OUT_ONE_BY_ONE: Final = frozenset(
    {*TWO_GROUP_TESTS, *SEVERAL_GROUP_TESTS, *PAIRED_TESTS, *REPEATED_TESTS}
)
"""Tests that are made again without each animal."""
_WITHIN_TESTS: Final = frozenset({*PAIRED_TESTS, *REPEATED_TESTS})


def contrast(
    groups: Mapping[str, Animals],
    members: Mapping[str, Sequence[Row]],
    arguments: CompareArguments,
    *,
    within: bool,
    column: str,
) -> Contrast:
    """Test whether groups differ.

    Parameters
    ----------
    groups
        Group to one value per animal.
    members
        Group to the rows behind it, one per session.
    within
        The groups are parts of every animal's own data, such as zones or raters.
    column
        What tells the groups.

    Raises
    ------
    ToolFailedError
        When a group has too few animals.
    ToolRetryError
        When the test asked for does not fit the design.
    """
    wanted = arguments.test
    control = _control(groups, arguments.control)
    shared = _shared(groups)
    everywhere = all(set(animals) == set(next(iter(groups.values()))) for animals in groups.values())
    asked_within = arguments.paired or within or wanted in _WITHIN_TESTS
    if wanted == "mixed_model":
        return _mixed(groups, members, column, reason=None, control=control)
    if wanted == "auto" and shared and not everywhere and not asked_within:
        modeled = _partly_shared(groups, members, column, shared, control=control)
        if modeled.tests[0].p_value is not None:
            return modeled
    if asked_within or (wanted in ("auto", "equivalence", "permutation") and shared and everywhere):
        reason = None if asked_within else "Every animal is in every group, so it is compared with itself."
        made = _repeated(groups, arguments, reason=reason, control=control)
    else:
        made = _independent(groups, arguments, shared, control=control)
    return dataclasses.replace(made, flags=[*made.flags, *averaged(members)])


def _control(groups: Mapping[str, Animals], asked: str | None) -> str | None:
    """Group that every other one is compared with, by its own name."""
    if asked is None:
        return None
    found = find_name(asked, groups)
    if found is None:
        raise ToolRetryError(
            f"There is no group {asked!r} to compare with. Groups: {listing(groups, 20)}.", near=tuple(groups)
        )
    return found


def averaged(members: Mapping[str, Sequence[Row]]) -> list[str]:
    """Say which animals have several sessions in one group, which became one value.

    Parameters
    ----------
    members
        Group to the rows behind it, one per session.
    """
    sessions: dict[tuple[str, str], set[str]] = {}
    for group, rows in members.items():
        for row in rows:
            if row.value is not None:
                sessions.setdefault((group, row.animal), set()).add(row.session_id)
    several = list(dict.fromkeys(animal for (_, animal), own in sessions.items() if len(own) > 1))
    if not several:
        return []
    return [
        f"{some(len(several), 'animal')} with several sessions ({listing(several, 5)}): their values were averaged, and each "
        "animal counts once."
    ]


def _shared(groups: Mapping[str, Animals]) -> list[str]:
    """Animals that are in more than one group."""
    counts = Counter(animal for animals in groups.values() for animal in animals)
    return [animal for animal, n in counts.items() if n > 1]


# ----------------------------------------------------------------- different animals
def _independent(
    groups: Mapping[str, Animals], arguments: CompareArguments, shared: Sequence[str], *, control: str | None
) -> Contrast:
    numbers = {group: list(animals.values()) for group, animals in groups.items()}
    wanted = "auto" if arguments.test == "equivalence" else arguments.test
    test = compare_independent(numbers, wanted, control=control)
    flags = warnings_of(numbers, test.name)
    _name_direction(test)
    if shared:
        are = "is" if len(shared) == 1 else "are"
        flags.append(
            f"{some(len(shared), 'animal')} {are} in more than one group, so the groups are not independent; a paired test or a "
            "mixed model would treat them as such."
        )
    tests = [test]
    if arguments.test == "equivalence":
        tests.append(_equivalence(numbers, arguments, paired=False))
    return Contrast(tests=tests, flags=flags, repeated=False, groups=groups)


def _equivalence(
    numbers: Mapping[str, Sequence[float]], arguments: CompareArguments, *, paired: bool
) -> TestResult:
    if len(numbers) != 2:
        raise ToolRetryError(
            f"Equivalence is tested between two groups, got {len(numbers)} ({listing(numbers, 12)}); name two in `groups`.",
            near=tuple(numbers),
        )
    margin = arguments.margin if arguments.margin is not None else 0.5
    return equivalence(numbers, margin, unit=arguments.margin_unit, repeated=paired)


def tell_influence(made: Contrast) -> list[str]:
    """Leave every animal out once and fill ``influence``; return what must be said where that takes too long."""
    test = made.tests[0]
    if test.p_value is None or test.name not in _LEFT_OUT_ONE_BY_ONE:
        return []
    test.influence = influence(made.groups, test.name, repeated=made.repeated)
    note = influence_note(made.groups, test.name, repeated=made.repeated)
    return [note] if note else []


def _name_direction(test: TestResult) -> None:
    """Say in the test which group is subtracted from which."""
    names = list(test.groups)
    if len(names) == 2 and test.effect_size and test.why:
        test.why += f" Differences are {names[0]} minus {names[1]}."


# ----------------------------------------------------------------- the same animals
def _repeated(
    groups: Mapping[str, Animals], arguments: CompareArguments, *, reason: str | None, control: str | None
) -> Contrast:
    complete, flags = _complete(groups)
    paired = {group: {animal: animals[animal] for animal in complete} for group, animals in groups.items()}
    numbers = {group: list(animals.values()) for group, animals in paired.items()}
    wanted = {"equivalence": "auto", "permutation": "paired_permutation"}.get(arguments.test, arguments.test)
    test = compare_repeated(numbers, wanted, control=control)
    _name_direction(test)
    tests = [test]
    if arguments.test == "equivalence":
        tests.append(_equivalence(numbers, arguments, paired=True))
    flags = [*([reason] if reason else []), *flags, *warnings_of(numbers, test.name)]
    return Contrast(tests=tests, flags=flags, repeated=True, groups=paired)


def _complete(groups: Mapping[str, Animals]) -> tuple[list[str], list[str]]:
    """Animals that have a value in every group."""
    first, *others = groups.values()
    every = [animal for animal in first if all(animal in animals for animals in others)]
    everyone = list(dict.fromkeys(animal for animals in groups.values() for animal in animals))
    if len(every) < 2:
        raise ToolFailedError(
            f"Expected at least two animals with a value in every one of {listing(groups)}, found {len(every)}."
        )
    missing = [animal for animal in everyone if animal not in every]
    if not missing:
        return every, []
    lack, are = ("lacks", "is") if len(missing) == 1 else ("lack", "are")
    return every, [
        f"{some(len(missing), 'animal')} {lack} a value in some of {listing(groups)} and {are} not counted: {listing(missing, 5)}."
    ]


# ----------------------------------------------------------------- some of both
def _partly_shared(
    groups: Mapping[str, Animals],
    members: Mapping[str, Sequence[Row]],
    column: str,
    shared: Sequence[str],
    *,
    control: str | None,
) -> Contrast:
    """Model the animal as a random effect."""
    everyone = len({animal for animals in groups.values() for animal in animals})
    reason = (
        f"{len(shared)} of {everyone} animals are in more than one group, so a mixed model with the animal as random "
        "effect is used."
    )
    made = _mixed(groups, members, column, reason=reason, control=control)
    if "mean_difference" not in made.tests[0].effect_size:
        return made
    said = (
        "The model's difference compares animals with themselves where they are in both groups, so it need not be the "
        "difference of the two groups' means."
    )
    return dataclasses.replace(made, flags=[*made.flags, said])


def _mixed(
    groups: Mapping[str, Animals],
    members: Mapping[str, Sequence[Row]],
    column: str,
    *,
    reason: str | None,
    control: str | None,
) -> Contrast:
    rows = [
        Observation(animal=row.animal, value=row.value, factors={column: group})
        for group, own in members.items()
        for row in own
        if row.value is not None
    ]
    test = next(test for test in mixed_model(rows) if test.term in (column, None))
    _name_direction(test)
    shared = bool(_shared(groups))
    if control is not None:
        test.posthoc = _with_control(test.posthoc, control)
    flags = [reason] if reason else []
    if not shared:
        flags.append(
            "No animal is in several groups, so that a mixed model comes to the test of different animals, which was made."
        )
    return Contrast(tests=[test], flags=flags, repeated=shared, groups=groups)


def _with_control(pairs: Sequence[TestResult], control: str) -> list[TestResult]:
    """Pairs with the control only, corrected for as many."""
    kept = [pair for pair in pairs if control in pair.groups]
    for pair in kept:
        raw = pair.effect_size.get("p_uncorrected")
        if pair.correction == "Holm" and isinstance(raw, float):
            pair.p_value = raw
    return holm_corrected(kept) if any(pair.correction == "Holm" for pair in kept) else kept
