"""Values of co-occurrence: time at once, shares of it, and how they stand against chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ethochat.index.behaviors.bouts import total
from ethochat.tools.evidence import TestResult, Value
from ethochat.tools.overlaps import Overlap, random_overlaps
from ethochat.tools.remarks import added_up
from ethochat.tools.statistics import holm
from ethochat.tools.statistics.results import SEED
from ethochat.tools.statistics.sequences import ChanceComparison, compare_with_chance
from ethochat.tools.wording import number, p_text, some

TEST: Final = "circular_shift"
_MOST_SAID: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Recordings of a question that are taken together."""

    labels: Mapping[str, str]
    overlaps: Sequence[Overlap]
    session_id: str | None
    subject_id: str | None
    averaged: bool
    trivial: bool
    """The same thing twice, which always goes on at once with itself."""
    alike: bool
    """Both animals of a pair do the same, so that none of them is the first."""

    @property
    def about(self) -> str:
        """Whose co-occurrence it is."""
        rest = [text for key, text in self.labels.items() if key not in ("first", "second")]
        where = [text for text in (self.session_id, self.subject_id) if text]
        return f"{self.labels['first']} and {self.labels['second']} ({', '.join(dict.fromkeys([*rest, *where]))})"


# ----------------------------------------------------------------- values
def times_of(part: Part, unit: str) -> list[Value]:
    """Time at once, its share in each, and the Jaccard index."""
    if part.averaged:
        return _averaged(part, unit)
    both, first, second, length = _times(part.overlaps)
    joint = first + second - both
    a, b = part.labels["first"], part.labels["second"]
    n = len({item.unit for item in part.overlaps})
    known = (
        f"{number(first)} {unit} of {a}, {number(second)} {unit} of {b}, {number(length)} {unit} looked at"
    )
    values = [
        _value(part, "cooccurrence_time", both, unit=unit, n=n, note=known),
        _value(part, "percent_of_first", _percent(both, first), unit="%", n=n, note=_share_note(a, b, first)),
        _value(
            part, "percent_of_second", _percent(both, second), unit="%", n=n, note=_share_note(b, a, second)
        ),
        _value(
            part,
            "jaccard",
            both / joint if joint > 0 else None,
            n=n,
            note="both over either" if joint > 0 else f"Neither {a} nor {b} occurs.",
        ),
    ]
    return _fitting(part, values)


def _fitting(part: Part, values: list[Value]) -> list[Value]:
    """Leave out the shares of the first and of the second where none of two animals is the first."""
    return [value for value in values if not (part.alike and value.name.startswith("percent_of"))]


def _times(overlaps: Sequence[Overlap]) -> tuple[float, float, float, float]:
    """Time of both, of the first, of the second, and looked at."""
    both = sum(item.both() for item in overlaps)
    first, second = sum(total(item.first) for item in overlaps), sum(total(item.second) for item in overlaps)
    return both, first, second, sum(item.length for item in overlaps)


def _percent(part: float, whole: float) -> float | None:
    return 100.0 * part / whole if whole > 0 else None


def _share_note(of: str, other: str, time: float) -> str:
    return f"of the time of {of}, share that is also {other}" if time > 0 else f"{of} does not occur."


def _averaged(part: Part, unit: str) -> list[Value]:
    """Mean over animals (over sessions, of pairs): recordings are added up for shares and averaged for times."""
    animals: dict[str, list[Overlap]] = {}
    for item in part.overlaps:
        animals.setdefault(item.unit, []).append(item)
    times, first_shares, second_shares, jaccards = [], [], [], []
    for own in animals.values():
        both, first, second, _ = _times(own)
        times.append(both / len(own))
        first_shares.append(_percent(both, first))
        second_shares.append(_percent(both, second))
        joint = first + second - both
        jaccards.append(both / joint if joint > 0 else None)
    values = [
        _mean(part, "cooccurrence_time", times, unit),
        _mean(part, "percent_of_first", first_shares, "%"),
        _mean(part, "percent_of_second", second_shares, "%"),
        _mean(part, "jaccard", jaccards, None),
    ]
    return _fitting(part, values)


def _mean(part: Part, name: str, values: Sequence[float | None], unit: str | None) -> Value:
    known = [value for value in values if value is not None]
    without = len(values) - len(known)
    noun = "session" if part.overlaps[0].pair else "animal"
    note = f"{some(without, noun)} in which it is not defined not counted." if without else None
    mean = float(np.mean(known)) if known else None
    return _value(part, name, mean, unit=unit, statistic="mean", n=len(known), note=note)


def _value(
    part: Part,
    name: str,
    value: float | None,
    *,
    unit: str | None = None,
    statistic: str | None = None,
    n: int | None = None,
    note: str | None = None,
) -> Value:
    return Value(
        name=name,
        value=value,
        unit=unit,
        statistic=statistic,
        n=n,
        group=dict(part.labels),
        session_id=part.session_id,
        subject_id=None if part.averaged else part.subject_id,
        note=note,
    )


# ----------------------------------------------------------------- chance
def against_chance(
    parts: Sequence[Part], n_shifts: int
) -> tuple[list[tuple[Part, ChanceComparison]], list[str]]:
    """Hold the time at once against random shifts, for all that is not the same twice; and what must be said."""
    found = []
    for part in parts:
        if part.trivial:
            continue
        null = random_overlaps(part.overlaps, n_shifts, np.random.default_rng(SEED))
        both = sum(item.both() for item in part.overlaps)
        expected = sum(item.expected() for item in part.overlaps)
        found.append((part, compare_with_chance(both, null, expected=expected)))
    if not found:
        return [], []
    units = {item.unit for part, _ in found for item in part.overlaps}
    noun = "session" if found[0][0].overlaps[0].pair else "animal"
    return found, [
        f"Chance: the second is shifted in time around each recording by a random amount, {n_shifts:,} times, the same every "
        "time; how long each lasts and how its bouts follow each other stays. This holds where neither becomes steadily more or less "
        "frequent in the course of a recording; two that drift alike seem related (Harris 2020, bioRxiv 2020.11.29.402719)."
        f"{added_up(len(units), noun)}"
    ]


def chance_values(
    tested: Sequence[tuple[Part, ChanceComparison]], unit: str
) -> tuple[list[Value], list[TestResult], list[str]]:
    """Values and tests against chance, and the findings in sentences."""
    known = [one.p_value for _, one in tested if one.p_value is not None]
    corrected = iter(holm(known))
    values: list[Value] = []
    tests: list[TestResult] = []
    lines: list[str] = []
    for part, one in tested:
        p = None if one.p_value is None else next(corrected)
        total_note = "all animals together" if part.averaged else None
        values += [
            _value(part, "cooccurrence_expected", one.expected, unit=unit, note=total_note),
            _value(part, "cooccurrence_ratio", one.ratio, note="observed over expected"),
            _value(part, "cooccurrence_z", one.z),
            _value(part, "cooccurrence_p", one.p_value, statistic="p_value"),
        ]
        if len(known) > 1:
            values.append(
                _value(
                    part, "cooccurrence_p", p, statistic="p_holm", note=f"Holm, of {some(len(known), 'test')}"
                )
            )
        tests.append(_test(part, one, p, len(known), unit))
        lines += _told(part, one, p, unit)
    cut = len(lines) - _MOST_SAID
    if cut > 0:
        lines = [*lines[:_MOST_SAID], f"… {cut} more."]
    if tested and not lines:
        lines = [
            "No co-occurrence differs significantly from chance (0.05"
            + (", Holm)." if len(known) > 1 else ").")
        ]
    return values, tests, lines


def _test(part: Part, one: ChanceComparison, p: float | None, n_tests: int, unit: str) -> TestResult:
    return TestResult(
        name=TEST,
        statistic=one.z,
        p_value=one.p_value,
        effect_size={"ratio": one.ratio, "observed": one.observed, "expected": one.expected},
        measure=part.about,
        unit=unit,
        corrected={"holm": p} if p is not None and n_tests > 1 else {},
        n_tests=n_tests,
        why="Random shifts of one against the other within each recording; two-sided."
        if one.p_value is not None
        else "No test: one of both does not occur, or every shift gives the same time.",
    )


def _told(part: Part, one: ChanceComparison, p: float | None, unit: str) -> list[str]:
    if p is None or p >= 0.05:
        return []
    word = "more" if one.observed > one.expected else "less"
    return [
        f"{part.about}: at once {word} than by chance, {number(one.observed)} {unit} for {number(one.expected)} {unit} expected "
        f"({p_text(p)})."
    ]
