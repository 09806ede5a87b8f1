"""What the tools of one turn vouch for: numbers with their units and owners, names, tests and clips."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ethochat.agent.numbers import Number, Unit, find_numbers, unit_of
from ethochat.tools.evidence import ClipRef, Evidence, TestResult, Value

IDENTIFIER: Final = re.compile(r"(?<![\w.^])(?=\w*[^\W\d])(?=[\w.\-]*\d)\w+(?:[.\-]\w+)*")
"""A name with a digit in it: a session, an animal, a metric."""
_SECONDS: Final[Unit] = ("time", 1.0)
_SUBJECTS: Final = ("animals", "mice", "subjects", "individuals", "sessions", "recordings", "count")
"""Units of what an ``n`` may count."""
_COUNT: Final[Unit] = ("count", 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A number that a tool returned or was given."""

    value: float
    unit: Unit | None = None
    counts: bool = False
    """It counts things (bouts, animals): never a length or a time."""
    evidence_id: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    """Dimension and label of what it belongs to: ``("Condition", "csi")``."""
    sample: bool = False
    """It is a number of animals behind a value, ``n``."""
    p_value: bool = False


@dataclass(frozen=True, slots=True)
class _Pool:
    """Known numbers of one unit, sorted by magnitude."""

    counts: bool
    items: list[Known] = field(default_factory=list)
    magnitudes: list[float] = field(default_factory=list)

    def near(self, number: Number, unit: Unit | None) -> Iterator[Known]:
        """Yield the known numbers that a written one may round."""
        if number.counts and unit is not None and not self.counts:
            return
        for factor in set(_factors(number.unit, unit, counts=self.counts)):
            wanted = number.value * factor
            slack = number.tolerance * factor + 1e-9 * abs(wanted) + 1e-15
            position = bisect_left(self.magnitudes, abs(wanted) - slack)
            while position < len(self.magnitudes) and self.magnitudes[position] <= abs(wanted) + slack:
                item = self.items[position]
                if (wanted >= 0 or item.value < 0) and (wanted != 0 or "." in number.text or item.value == 0):
                    yield item
                position += 1


class Facts:
    """Numbers, names, tests and clips that a draft may state."""

    def __init__(self, evidence: Sequence[Evidence], question: str) -> None:
        """Collect them.

        Parameters
        ----------
        evidence
            What the tool calls of the turn returned.
        question
            What the user asked; its numbers and names may be repeated.
        """
        self.evidence = evidence
        self.ids = {item.evidence_id for item in evidence}
        self.clips = [clip for item in evidence for clip in item.clips]
        known = [*_known_of_text(question, None), *(known for item in evidence for known in _known_of(item))]
        self.p_values = sorted({item.value for item in known if item.p_value})
        self.dimensions = _dimensions(known)
        """Label to the dimensions (columns) in which it occurs."""
        self.label_pattern = _label_pattern(self.dimensions)
        texts = [
            question,
            *(text for item in evidence for text in _strings(item.model_dump(exclude={"figures"}))),
        ]
        self._names = {token.lower() for text in texts for token in IDENTIFIER.findall(text)}
        self._names |= {text.lower() for text in texts if len(text) < 200}
        self.sampled = {label for item in known if item.sample for _, label in item.labels}
        """Labels whose number of animals is known."""
        self._p_values = [item for item in known if item.p_value]
        self._pools = _pools(known)

    def names(self, token: str) -> bool:
        """Whether a name with digits occurs in the evidence or the question."""
        return token.lower() in self._names

    def matches(self, number: Number) -> list[Known]:
        """Return what a written number may stand for."""
        if number.bound is not None:
            return [item for item in self._p_values if _within_bound(item.value, number)]
        found = self._near(number) or self._all_parts(number)
        return [item for item in found if item.sample] if number.sample else found

    def _near(self, number: Number) -> list[Known]:
        return [item for unit, pool in self._pools.items() for item in pool.near(number, unit)]

    def _all_parts(self, number: Number) -> list[Known]:
        """Match ``100,200,300`` as a list of numbers."""
        found: list[Known] = []
        for part in number.parts:
            single = Number(start=0, stop=0, text="", value=part, tolerance=0.5, unit=number.unit)
            matches = self._near(single)
            if not matches:
                return []
            found += matches
        return found


def _factors(written: Unit | None, known: Unit | None, *, counts: bool) -> Iterator[float]:
    """Yield what makes a written number comparable to a known one; nothing where that cannot be done."""
    if written is None:
        yield 1.0
    elif counts:
        return
    elif known is not None:
        if written[0] == known[0]:
            yield written[1] / known[1]
    else:  # an argument or a metric without a unit: as written, or in seconds, cm or as a fraction
        yield 1.0
        yield written[1]


def _pools(known: Iterable[Known]) -> dict[Unit | None, _Pool]:
    """Group by unit; counts are kept under a unit that nothing converts to."""
    pools: dict[Unit | None, _Pool] = {}
    for item in sorted(known, key=lambda item: abs(item.value)):
        pool = pools.setdefault(_COUNT if item.counts else item.unit, _Pool(item.counts))
        pool.items.append(item)
        pool.magnitudes.append(abs(item.value))
    return pools


def _known_of(item: Evidence) -> Iterator[Known]:
    eid = item.evidence_id
    for value in item.values:
        yield from _known_of_value(value, item)
    for test in item.tests:
        yield from _known_of_test(test, item)
    for clip in item.clips:
        yield from _known_of_clip(clip, eid)
    yield from _known_of_arguments(item.arguments, eid)
    for text in (item.summary, *item.flags):
        yield from _known_of_text(text, eid)
    for size in _sizes(item):
        yield Known(value=float(size), counts=True, evidence_id=eid)


def _known_of_value(value: Value, item: Evidence) -> Iterator[Known]:
    eid = item.evidence_id
    labels = _labels(value)
    owner = tuple((column, text.lower()) for column, text in labels.items() if not _is_number(text))
    if isinstance(value.value, int | float):
        unit = unit_of(value.unit)
        yield Known(
            value=float(value.value),
            unit=unit,
            counts=unit is None and value.unit is not None,
            evidence_id=eid,
            labels=owner,
            sample=value.unit in _SUBJECTS,
            p_value="p_value" in (value.name, value.statistic),
        )
    elif value.value is not None:
        yield from _known_of_text(value.value, eid)
    if value.n is not None:
        yield Known(value=float(value.n), counts=True, evidence_id=eid, labels=owner, sample=True)
    if value.bin_start_s is not None:
        width = item.arguments.get("bin_s")
        yield Known(value=value.bin_start_s, unit=_SECONDS, evidence_id=eid)
        if isinstance(width, int | float):
            yield Known(value=value.bin_start_s + width, unit=_SECONDS, evidence_id=eid)
    for text in labels.values():
        if _is_number(text):
            yield Known(value=float(text), evidence_id=eid)
    yield from _known_of_text(value.note or "", eid)


def _known_of_test(test: TestResult, item: Evidence) -> Iterator[Known]:
    eid = item.evidence_id
    yield from _known_of_groups(test, item)
    for p_value in (test.p_value, *test.corrected.values()):
        if p_value is not None:
            yield Known(value=p_value, evidence_id=eid, p_value=True)
    for number in _numbers_in([test.statistic, test.df]):
        yield Known(value=number, evidence_id=eid)
    yield from _known_of_effects(test, eid)
    if test.n_tests is not None:
        yield Known(value=float(test.n_tests), counts=True, evidence_id=eid)
    for pair in test.posthoc:
        yield from _known_of_test(pair, item)
    for check in test.checks:
        for number in _numbers_in([check.statistic, check.p_value]):
            yield Known(value=number, evidence_id=eid)
        yield from _known_of_text(check.note or "", eid)
    yield from _known_of_influence(test, eid)
    for text in (test.why, test.correction):
        yield from _known_of_text(text or "", eid)


def _known_of_groups(test: TestResult, item: Evidence) -> Iterator[Known]:
    eid, unit = item.evidence_id, unit_of(test.unit)
    counts = unit is None and test.unit is not None
    column = str(item.arguments.get("group_column") or "group")
    for label, group in test.groups.items():
        owner = () if _is_number(label) else ((column, label.lower()),)
        for number in _numbers_in([group.mean, group.sd, group.median, group.sem, group.ci95]):
            yield Known(value=number, unit=unit, counts=counts, evidence_id=eid, labels=owner)
        yield Known(value=float(group.n), counts=True, evidence_id=eid, labels=owner, sample=True)
        if _is_number(label):
            yield Known(value=float(label), evidence_id=eid)
    yield Known(value=float(len(test.groups)), counts=True, evidence_id=eid)
    total = float(sum(group.n for group in test.groups.values()))
    yield Known(value=total, counts=True, evidence_id=eid, sample=True)


_IN_THE_UNIT: Final = ("mean_difference", "median_difference", "hodges_lehmann", "margin")
"""Effects in the unit of the values; all others have none."""


def _known_of_effects(test: TestResult, eid: str) -> Iterator[Known]:
    unit = unit_of(test.unit)
    for name, effect in test.effect_size.items():
        own = unit if name.startswith(_IN_THE_UNIT) else None
        counts = own is None and name.startswith(_IN_THE_UNIT) and test.unit is not None
        for number in _numbers_in([effect]):
            yield Known(value=number, unit=own, counts=counts, evidence_id=eid)


def _known_of_influence(test: TestResult, eid: str) -> Iterator[Known]:
    unit = unit_of(test.unit)
    outliers = sum(one.outlier for one in test.influence)
    if outliers:
        yield Known(value=float(outliers), counts=True, evidence_id=eid)
    for one in test.influence:
        yield Known(
            value=one.value, unit=unit, counts=unit is None and test.unit is not None, evidence_id=eid
        )
        for number in _numbers_in([one.p_value, one.effect]):
            yield Known(value=number, evidence_id=eid)


def _known_of_clip(clip: ClipRef, eid: str) -> Iterator[Known]:
    owner = (("session_id", clip.session_id.lower()),)
    for time in (clip.start_time, clip.stop_time, clip.stop_time - clip.start_time):
        yield Known(value=time, unit=_SECONDS, evidence_id=eid, labels=owner)
        yield Known(value=time, counts=True, evidence_id=eid, labels=owner)  # some sessions count in frames
    if clip.score is not None:
        yield Known(value=clip.score, evidence_id=eid)
    yield from _known_of_text(clip.description, eid)
    yield from _known_of_text(clip.why or "", eid)


def _known_of_arguments(arguments: Mapping[str, Any], eid: str) -> Iterator[Known]:
    for name, value in arguments.items():
        if name == "limit":  # how many were asked for says nothing of how many there are
            continue
        unit = _SECONDS if name.endswith("_s") else None
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Mapping):
                yield from _known_of_arguments(item, eid)
            elif isinstance(item, str):
                yield from _known_of_text(item, eid)
            elif isinstance(item, int | float) and not isinstance(item, bool):
                yield Known(value=float(item), unit=unit, evidence_id=eid)


def _known_of_text(text: str, eid: str | None) -> Iterator[Known]:
    for number in find_numbers(text) if text else ():
        for value in (number.value, *number.parts):
            counts, sample = number.counts or number.sample, number.sample
            yield Known(value=value, unit=number.unit, counts=counts, evidence_id=eid, sample=sample)


def _sizes(item: Evidence) -> set[int]:
    """How many values, groups, clips … came back; zero only where nothing did."""
    seen: dict[str, set[str]] = {"clips": {clip.session_id for clip in item.clips}}
    for value in item.values:
        for column, text in _labels(value).items():
            seen.setdefault(column, set()).add(text)
    sizes = {len(item.values), len(item.tests), len(item.clips), len(item.figures), item.n_rows}
    return (sizes | {len(texts) for texts in seen.values()}) - {0} or {0}


def _labels(value: Value) -> dict[str, str]:
    named = {"session_id": value.session_id, "subject_id": value.subject_id}
    return value.group | {name: text for name, text in named.items() if text is not None}


def _numbers_in(items: Iterable[object]) -> Iterator[float]:
    for item in items:
        if isinstance(item, list | tuple):
            yield from _numbers_in(item)
        elif isinstance(item, int | float):
            yield float(item)


def _strings(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield str(key)
            yield from _strings(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _strings(value)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(?:\.\d+)?", text) is not None


def _dimensions(known: Iterable[Known]) -> dict[str, set[str]]:
    dimensions: dict[str, set[str]] = {}
    for item in known:
        for dimension, label in item.labels:
            dimensions.setdefault(label, set()).add(dimension)
    return dimensions


def _label_pattern(labels: Iterable[str]) -> re.Pattern[str] | None:
    ordered = sorted(labels, key=len, reverse=True)
    if not ordered:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(label) for label in ordered)})(?!\w)", re.IGNORECASE)


def _within_bound(p_value: float, number: Number) -> bool:
    return p_value < number.value if number.bound == "<" else p_value > number.value
