"""Rows of a measure become values: split, combined with the animal as unit, filtered and ranked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ethochat.tools.arguments import MeasureArguments
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Value
from ethochat.tools.remarks import (
    empty_group_flags,
    metadata_of,
    missing_flags,
    shared,
    source_flags,
    unequal_lengths,
)
from ethochat.tools.rows import Measured, Row
from ethochat.tools.selection import IDENTIFIERS, Scope, column_values
from ethochat.tools.statistics import outlier_limits, summarize
from ethochat.tools.statistics.describe import quartiles

_LABELS: Final = ("source", "behavior", "zone", "keypoint", "pair", "frames", "window")
_ALWAYS_SPLIT: Final = ("zone", "keypoint", "pair", "frames", "window")
_COLLAPSING: Final = frozenset({"sum", "range", "min", "max", "count"})
"""Statistics that make sense over raters; a mean over raters is never what was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows that are combined into one value per statistic."""

    labels: Mapping[str, str]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """Values of a call and what must be said about them."""

    values: list[Value]
    flags: list[str]
    n_rows: int


# ----------------------------------------------------------------- splitting
def split_columns(arguments: MeasureArguments, resolved: Sequence[str], measured: Measured) -> list[str]:
    """Columns to split by: those asked for, and those that must not be mixed.

    Parameters
    ----------
    resolved
        ``arguments.group_by`` as column names.
    """
    columns = list(dict.fromkeys(resolved))
    rows = measured.rows
    for name in _ALWAYS_SPLIT:
        if name not in columns and len({row.labels.get(name) for row in rows}) > 1:
            columns.append(name)
    if "source" not in columns and not (arguments.statistics and set(arguments.statistics) <= _COLLAPSING):
        several = len({row.labels.get("source") for row in rows}) > 1
        if several and _share_animals(rows):
            columns.append("source")
    ranked = arguments.order is not None or arguments.keep != "all" or "each" in arguments.statistics
    if not columns and not arguments.statistics and ranked:
        columns.append("session_id")
    told_apart = bool(arguments.statistics) or bool({"individual", "subject_id", "pair"} & set(columns))
    if not told_apart and _one_session_of_several(rows):
        columns.append("individual")
    return columns


def _one_session_of_several(rows: Iterable[Row]) -> bool:
    """Whether all rows are of one session with several animals, which nobody wants averaged unasked."""
    animals = {(row.session_id, row.individual) for row in rows}
    return len(animals) > 1 and len({session_id for session_id, _ in animals}) == 1


def _share_animals(rows: Iterable[Row]) -> bool:
    """Whether one animal has rows of several sources, rather than each animal its own tracker."""
    sources: dict[tuple[str, str, str | None], str | None] = {}
    for row in rows:
        key = (row.session_id, row.individual, row.labels.get("behavior"))
        source = row.labels.get("source")
        if sources.setdefault(key, source) != source:
            return True
    return False


def group_rows(rows: Iterable[Row], columns: Sequence[str], scope: Scope, name: str) -> list[Group]:
    """Put rows of equal labels together, bins apart, in the order in which they come."""
    rows = list(rows)
    _check_told_apart(rows, columns, name)
    known = {*IDENTIFIERS, *_LABELS}
    metadata = {column: column_values(scope.sessions, column) for column in columns if column not in known}
    labeled = {label for row in rows for label in row.labels}
    found: dict[tuple[str, ...], dict[int, list[Row]]] = {}
    for row in rows:
        # Where only some rows have a label, the others are a group of their own that goes without.
        labels = tuple(
            "" if column in labeled and column not in row.labels else label_of(row, column, metadata, name)
            for column in columns
        )
        found.setdefault(labels, {}).setdefault(row.bin_index, []).append(row)
    return [
        Group(labels={key: text for key, text in zip(columns, labels, strict=True) if text}, rows=members)
        for labels, bins in found.items()
        for _, members in sorted(bins.items())
    ]


def _check_told_apart(rows: Sequence[Row], columns: Sequence[str], name: str) -> None:
    """Refuse a split by animals where none of the rows says which animal it is of."""
    if "individual" in columns and not any(row.individual for row in rows):
        raise ToolRetryError(
            f"{name} cannot be split by individual: none is told apart here; split by session_id."
        )
    if "subject_id" in columns and not any(row.subject_id for row in rows):
        raise ToolRetryError(f"{name} cannot be split by subject: none is stated; split by session_id.")


def label_of(row: Row, column: str, metadata: Mapping[str, Mapping[str, str]], name: str) -> str:
    """Text by which a row is grouped.

    Raises
    ------
    ToolRetryError
        When the measure knows nothing of the column.
    """
    if column == "session_id":
        return row.session_id
    if column == "subject_id":
        return row.subject_id or "not stated"
    if column == "individual":
        return row.individual
    if column == "bin":
        if row.bin_start is None:
            raise ToolRetryError("A split by bin needs the length of the bins: give bin_s.")
        return f"{row.bin_start:g}"
    if column in _LABELS:
        if column not in row.labels:
            known = [label for label in _LABELS if label in row.labels]
            raise ToolRetryError(
                f"{name} cannot be split by {column}; it can by {', '.join(known) or 'session_id'}."
            )
        return row.labels[column]
    return metadata[column].get(row.session_id, "not stated")


# ----------------------------------------------------------------- combining
def to_values(
    arguments: MeasureArguments, resolved: Sequence[str], measured: Measured, scope: Scope
) -> Grouped:
    """Make the values of a call of a measure's rows.

    Raises
    ------
    ToolFailedError
        When there is no row at all.
    """
    if not measured.rows:
        raise ToolFailedError(
            f"There is nothing to measure: {measured.name} has no value in the selected part of the data."
        )
    columns = split_columns(arguments, resolved, measured)
    groups = group_rows(measured.rows, columns, scope, measured.name)
    statistics = _statistics(arguments, columns, groups, measured)
    made: _Made
    if "each" in statistics:
        made = [(group, [value]) for group in groups for value in _each(group, measured)] or [
            _nothing(measured)
        ]
    else:
        # An interval is over animals, and so is the mean that it belongs to.
        by_animal = any(name not in _LABELS for name in columns) or set(_INTERVAL) <= set(statistics)
        made = [
            (group, [_value(group, name, measured, by_animal=by_animal) for name in statistics])
            for group in groups
        ]
    total = len(made)
    kept = _keep(made, arguments)
    if arguments.order is not None:
        kept = _ranked(kept, arguments.order == "descending")
    values = [value for _, items in kept[: arguments.limit] for value in items]
    if arguments.keep != "all":
        values.insert(0, _count_value(len(kept), total, columns, measured, arguments.keep))
    flags = _flags(columns, groups, statistics, measured, scope)
    if arguments.limit is not None and len(kept) > arguments.limit:
        flags.append(f"The first {arguments.limit} of {len(kept)} are shown.")
    return Grouped(values=values, flags=flags, n_rows=sum(row.n_rows for row in measured.rows))


def _flags(
    columns: Sequence[str],
    groups: Sequence[Group],
    statistics: Sequence[str],
    measured: Measured,
    scope: Scope,
) -> list[str]:
    """Say what must be known of the groups."""
    rows = [row for group in groups for row in group.rows]
    metadata = metadata_of(columns, _LABELS)
    present = [
        tuple(group.labels.get(name, "not stated") for name in metadata)
        for group in groups
        if any(row.value is not None for row in group.rows)
    ]
    uneven = None
    if statistics != ["sum"]:
        uneven = unequal_lengths(measured)
    elif columns:
        uneven = unequal_lengths(measured, added=[group.rows for group in groups])
    return [
        *source_flags(columns, rows),
        *missing_flags(measured, rows),
        *empty_group_flags(measured.name, metadata, present, scope),
        *([uneven] if uneven else []),
    ]


def _statistics(
    arguments: MeasureArguments, columns: Sequence[str], groups: Sequence[Group], measured: Measured
) -> list[str]:
    if arguments.statistics:
        asked: list[str] = list(dict.fromkeys(arguments.statistics))
        if "each" in asked and len(asked) > 1:
            raise ToolRetryError("The statistic 'each' lists single values and stands alone; ask twice.")
        return [name for one in asked for name in _PAIRS.get(one, (one,))]
    if measured.kind == "pooled":
        if arguments.order is not None:
            return ["max" if arguments.order == "descending" else "min"]
        return list(measured.default_statistics)
    if all(len(group.rows) == 1 for group in groups):
        return ["each"]
    additive = measured.kind == "additive"
    if {"session_id", "subject_id", "individual"} & set(columns):
        return ["sum" if additive else "mean"]
    return ["mean"] if columns else ["mean", "sum" if additive else "median"]


def _each(group: Group, measured: Measured) -> list[Value]:
    """Each row by itself; of a pooled measure each bout."""
    values = []
    for row in group.rows:
        single = Group(labels=group.labels, rows=[row])
        if measured.kind == "pooled" and row.observations is not None and row.times is not None:
            for observation, time in zip(row.observations.tolist(), row.times.tolist(), strict=True):
                values.append(_make(single, measured, None, observation, note=f"Starts at {time:.6g}."))
        else:
            missing = _never(measured) if row.value is None else None
            values.append(_make(single, measured, None, row.value, note=missing))
    return values


def _nothing(measured: Measured) -> tuple[Group, list[Value]]:
    """Say that there is nothing to list: a count of zero."""
    everything = Group(labels={}, rows=measured.rows)
    n = len({row.animal for row in measured.rows})
    note = f"There are no {measured.observation}."
    return everything, [_make(everything, measured, "count", 0.0, n=n, note=note)]


def _never(measured: Measured) -> str:
    return (
        "It did not happen."
        if measured.name in ("latency", "zone_latency", "last_end")
        else "There is no value."
    )


def _value(group: Group, statistic: str, measured: Measured, *, by_animal: bool) -> Value:
    if measured.kind == "pooled" and statistic != "range":
        return _pooled_value(group, statistic, measured, by_animal=by_animal)
    present = [row for row in group.rows if row.value is not None]
    if statistic in ("min", "max"):
        if not present:
            return _make(group, measured, statistic, None, n=0, note=_never(measured))
        pick = (max if statistic == "max" else min)(present, key=lambda row: row.value or 0.0)
        picked = Group(labels=group.labels, rows=[pick])
        return _make(picked, measured, statistic, pick.value, n=len(present))
    return _combined_value(group, statistic, measured, present)


def _combined_value(group: Group, statistic: str, measured: Measured, present: Sequence[Row]) -> Value:
    per_animal = animal_means(present)
    n = len(per_animal)
    if statistic == "count":
        return _make(group, measured, "count", float(n), n=n, note="Animals with a value.")
    if not present:
        return _make(group, measured, statistic, None, n=0, note=_never(measured))
    numbers = [row.value for row in present if row.value is not None]
    if statistic == "sum":
        return _make(group, measured, "sum", _sum(measured, present), n=n, note=_sum_note(measured))
    if statistic == "range":
        spread, said = max(numbers) - min(numbers), f"Largest minus smallest of {len(numbers)} values."
        return _make(group, measured, "range", spread, n=n, note=said)
    note = f"Of {len(present)} values, those of one animal were averaged first." if n < len(present) else None
    value = _describe(list(per_animal.values()), statistic)
    return _make(
        group, measured, statistic, value, n=n, note=_spreadless(statistic, n) if value is None else note
    )


def _spreadless(statistic: str, n: int) -> str:
    """Why a statistic of values that are there has no value."""
    if statistic == "cv" and n > 1:
        return "A mean of zero has no coefficient of variation."
    return "One value has no spread."


def animal_means(rows: Iterable[Row]) -> dict[str, float]:
    """One value per animal: the mean of its rows, in the order in which animals come."""
    numbers: dict[str, list[float]] = {}
    for row in rows:
        if row.value is not None:
            numbers.setdefault(row.animal, []).append(row.value)
    return {animal: float(np.mean(items)) for animal, items in numbers.items()}


_INTERVAL: Final = ("ci95_low", "ci95_high")
_PAIRS: Final[Mapping[str, tuple[str, ...]]] = {"ci95": _INTERVAL, "quartiles": ("q25", "q75")}
"""Statistics that are two numbers."""


def _sum(measured: Measured, rows: Sequence[Row]) -> float | None:
    if measured.kind == "ratio":
        part = sum(row.parts[0] for row in rows if row.parts is not None)
        whole = sum(row.parts[1] for row in rows if row.parts is not None)
        return part / whole if whole else None
    return float(np.sum([row.value for row in rows if row.value is not None]))


def _sum_note(measured: Measured) -> str | None:
    return "Pooled: all parts together over all wholes together." if measured.kind == "ratio" else None


def _describe(numbers: Sequence[float], statistic: str) -> float | None:
    summary = summarize(numbers)
    found: dict[str, float | None] = {
        "mean": summary.mean,
        "median": summary.median,
        "sd": summary.sd,
        "sem": summary.sem,
        "cv": 100 * summary.sd / abs(summary.mean) if summary.sd is not None and summary.mean else None,
        **(dict(zip(("q25", "q75"), quartiles(numbers), strict=True)) if numbers else {}),
        "ci95_low": summary.ci95[0] if summary.ci95 else None,
        "ci95_high": summary.ci95[1] if summary.ci95 else None,
    }
    return found[statistic]


def _pooled_value(group: Group, statistic: str, measured: Measured, *, by_animal: bool) -> Value:
    rows = [row for row in group.rows if row.observations is not None and len(row.observations)]
    pooled = np.concatenate(
        [row.observations for row in rows if row.observations is not None] or [np.zeros(0)]
    )
    n = len({row.animal for row in rows})
    note = f"Pooled over {len(pooled)} {measured.observation}{_of_animals(n)}."
    if statistic in ("count", "sum"):
        # A source that looked and marked none gives a count and a sum of zero.
        number = float(len(pooled) if statistic == "count" else pooled.sum())
        return _make(group, measured, statistic, number, n=len({row.animal for row in group.rows}), note=note)
    if not len(pooled):
        return _make(group, measured, statistic, None, n=0, note=f"There are no {measured.observation}.")
    if statistic in ("min", "max"):
        best = int((np.argmax if statistic == "max" else np.argmin)(pooled))
        row, place = _place_of(rows, best)
        if row.times is not None:
            note += f" It starts at {row.times[place]:.6g} in {row.session_id}."
        picked = Group(labels=group.labels, rows=[row])
        return _make(picked, measured, statistic, float(pooled[best]), n=n, note=note)
    if by_animal and len(rows) > 1 and (n > 1 or statistic in ("mean", "median")):
        return _animal_value(group, rows, statistic, measured)
    value = _describe(pooled.tolist(), statistic)
    return _make(
        group,
        measured,
        statistic,
        value,
        n=n,
        note=_spreadless(statistic, len(pooled)) if value is None else note,
    )


def _of_animals(n: int) -> str:
    return f" of {n} animals, so that one with many weighs more" if n > 1 else ""


def _animal_value(group: Group, rows: Sequence[Row], statistic: str, measured: Measured) -> Value:
    """Combine bouts with the animal as the unit: within a session first, then over sessions, then over animals.

    Bouts of one animal are no independent observations (Hurlbert 1984, Ecological Monographs 54, 187-211; Lazic 2010,
    BMC Neuroscience 11, 5).
    """
    within = "median" if statistic == "median" else "mean"
    single = [
        dataclasses.replace(row, value=_describe(row.observations.tolist(), within))
        for row in rows
        if row.observations is not None
    ]
    per_animal = list(animal_means(single).values())
    observed = sum(len(row.observations) for row in rows if row.observations is not None)
    note = f"Of one {within} per animal ({observed} {measured.observation} in all)"
    note += "." if len(per_animal) == len(rows) else ", its sessions averaged."
    return _make(group, measured, statistic, _describe(per_animal, statistic), n=len(per_animal), note=note)


def _place_of(rows: Sequence[Row], index: int) -> tuple[Row, int]:
    for row in rows:
        size = len(row.observations) if row.observations is not None else 0
        if index < size:
            return row, index
        index -= size
    raise IndexError(index)


def _make(
    group: Group,
    measured: Measured,
    statistic: str | None,
    value: float | None,
    *,
    n: int | None = None,
    note: str | None = None,
) -> Value:
    """One value with all that its rows have in common."""
    rows = group.rows
    own = {key: text for key, text in group.labels.items() if key not in ("session_id", "subject_id")}
    labels = shared(own, rows, _LABELS)
    if "individual" not in labels and len({row.individual for row in rows}) == 1 and rows[0].individual:
        labels["individual"] = rows[0].individual
    sessions, subjects = {row.session_id for row in rows}, {row.subject_id for row in rows}
    unit = {"count": "count", "cv": "%"}.get(statistic or "", measured.unit)
    return Value(
        name=measured.name,
        value=value,
        unit=unit,
        statistic=statistic,
        n=n,
        group=labels,
        session_id=rows[0].session_id if len(sessions) == 1 else None,
        subject_id=rows[0].subject_id if len(subjects) == 1 else None,
        bin_start_s=rows[0].bin_start,
        note=note,
    )


# ----------------------------------------------------------------- filtering and ranking
_Made = list[tuple[Group, list[Value]]]


def _keep(made: _Made, arguments: MeasureArguments) -> _Made:
    if arguments.keep == "all":
        return made
    test = _keep_test([_number(items) for _, items in made], arguments)
    return [
        (group, items) for group, items in made if (number := _number(items)) is not None and test(number)
    ]


_KEEP_WORDS: Final = {
    "zero": "those with zero",
    "nonzero": "those above or below zero",
    "above": "those above the limit",
    "below": "those below the limit",
    "outliers": "those outside 1.5 x IQR",
}


def _keep_test(numbers: Sequence[float | None], arguments: MeasureArguments) -> Callable[[float], bool]:
    if arguments.keep in ("above", "below"):
        limit = arguments.keep_value
        if limit is None:
            raise ToolRetryError(f"keep={arguments.keep!r} needs keep_value.")
        return (lambda x: x > limit) if arguments.keep == "above" else (lambda x: x < limit)
    if arguments.keep == "outliers":
        low, high = outlier_limits([x for x in numbers if x is not None])
        return lambda x: x < low or x > high
    return (lambda x: x == 0) if arguments.keep == "zero" else (lambda x: x != 0)


def keep_values(values: Sequence[Value], arguments: MeasureArguments) -> list[Value]:
    """Values that meet the condition of a call, after the number of them."""
    test = _keep_test([_number([value]) for value in values], arguments)
    kept = [value for value in values if (number := _number([value])) is not None and test(number)]
    note = f"Of {len(values)}; kept: {_KEEP_WORDS[arguments.keep]}."
    count = Value(
        name="n_groups", value=float(len(kept)), unit="count", statistic="count", n=len(values), note=note
    )
    return [count, *kept]


def _number(items: Sequence[Value]) -> float | None:
    value = items[0].value
    return float(value) if isinstance(value, int | float) else None


def _ranked(made: _Made, descending: bool) -> _Made:
    """Sort by the first value, those without one last; ties stay in order."""
    known = [item for item in made if _number(item[1]) is not None]
    rest = [item for item in made if _number(item[1]) is None]
    return sorted(known, key=lambda item: _number(item[1]) or 0.0, reverse=descending) + rest


def _count_value(n: int, total: int, columns: Sequence[str], measured: Measured, keep: str) -> Value:
    what = "sessions" if "session_id" in columns else "animals" if "subject_id" in columns else "groups"
    return Value(
        name=f"n_{what}",
        value=float(n),
        unit="count",
        statistic="count",
        n=total,
        note=f"Of {total} {what}; kept: {_KEEP_WORDS[keep]}.",
    )
