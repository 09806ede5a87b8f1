"""Several rows of a split become one number: a difference, a ratio, a share, a mean over raters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ethochat.tools.arguments import MeasureArguments
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Value
from ethochat.tools.selection import listing, plain
from ethochat.tools.wording import some

_OF_TWO: Final = ("difference", "ratio", "index")


def _ratio(numbers: Sequence[float]) -> float | None:
    return numbers[0] / numbers[1] if numbers[1] else None


def _index(numbers: Sequence[float]) -> float | None:
    whole = numbers[0] + numbers[1]
    return (numbers[0] - numbers[1]) / whole if whole else None


_FUNCTIONS: Final[Mapping[str, Callable[[Sequence[float]], float | None]]] = {
    "difference": lambda numbers: numbers[0] - numbers[1],
    "ratio": _ratio,
    "index": _index,
    "mean": lambda numbers: sum(numbers) / len(numbers),
    "sum": sum,
    "min": min,
}


def combined(values: Sequence[Value], arguments: MeasureArguments, columns: Sequence[str]) -> list[Value]:
    """Combine the rows of one column of the split, once for each row of the others.

    Parameters
    ----------
    values
        Rows of the measure.
    columns
        ``group_by`` as resolved.

    Raises
    ------
    ToolRetryError
        When no column of the split has the labels asked for, or a combination of two has not two.
    ToolFailedError
        When nothing is left to combine.
    """
    column = combined_column(values, arguments, columns)
    parts: dict[tuple[str, ...], dict[str, Value]] = {}
    for value in values:
        rest = tuple(label(value, name) for name in columns if name != column)
        parts.setdefault((*rest, str(value.bin_start_s)), {})[label(value, column)] = value
    found = [_one(rows, arguments, column) for rows in parts.values()]
    made = [value for value in found if value is not None]
    if not made:
        raise ToolFailedError(
            f"There is no value for each of {listing(arguments.combine_of) or 'the rows'}, so none can be combined."
        )
    return made


def mean_of(values: Sequence[Value], kind: str, *, lacking: int = 0) -> Value:
    """One number of several animals' own: each has its ratio, index, share or difference, and these are averaged.

    Parameters
    ----------
    values
        One per animal; without a number where there is nothing to divide by.
    lacking
        Further animals, which have not all parts.
    """
    numbers = [float(value.value) for value in values if isinstance(value.value, int | float)]
    without = len(values) - len(numbers) + lacking
    left = f"; {some(without, 'animal')} without one not counted" if without else ""
    return values[0].model_copy(
        update={
            "value": sum(numbers) / len(numbers) if numbers else None,
            "n": len(numbers),
            "session_id": None,
            "subject_id": None,
            "note": f"Mean of one {kind} per animal{left}.",
        }
    )


def label(value: Value, column: str) -> str:
    """Label of a value in a column of the split."""
    own = {"session_id": value.session_id, "subject_id": value.subject_id}
    return str(own.get(column) or value.group.get(column) or "")


def combined_column(values: Sequence[Value], arguments: MeasureArguments, columns: Sequence[str]) -> str:
    """Find the column of the split whose labels are combined.

    Raises
    ------
    ToolRetryError
        When none has the labels asked for.
    """
    wanted = {plain(name) for name in arguments.combine_of}
    for column in columns:
        if wanted and wanted <= {plain(label(value, column)) for value in values}:
            return column
    if wanted or not columns:
        raise ToolRetryError(
            f"None of the columns of the split ({listing(columns) or 'none'}) has the labels {listing(arguments.combine_of)}."
        )
    return columns[-1]


def _one(rows: Mapping[str, Value], arguments: MeasureArguments, column: str) -> Value | None:
    """Combine one set of rows; ``None`` where one of those named has no value."""
    numbers = {
        plain(name): (name, float(value.value))
        for name, value in rows.items()
        if isinstance(value.value, int | float)
    }
    wanted = [plain(name) for name in arguments.combine_of] or list(numbers)
    if not set(wanted) <= set(numbers) or not wanted:
        return None
    names = [numbers[name][0] for name in wanted]
    listed = [numbers[name][1] for name in wanted]
    kind = str(arguments.combine)
    if kind in _OF_TWO and len(listed) != 2:
        raise ToolRetryError(f"A {kind} needs two labels of {column}, got {listing(names) or 'none'}.")
    first = rows[names[0]]
    if kind == "share":
        whole = sum(number for _, number in numbers.values())
        found, unit = (100.0 * listed[0] / whole if whole else None), "%"
    else:
        found, unit = _FUNCTIONS[kind](listed), "" if kind in ("ratio", "index") else str(first.unit or "")
    others = {key: text for key, text in first.group.items() if key != column}
    same_session = len({row.session_id for row in rows.values()}) == 1
    return first.model_copy(
        update={
            "value": found,
            "unit": unit or None,
            "statistic": kind,
            "group": {**others, column: _words(kind, names)},
            "session_id": first.session_id if same_session else None,
            "subject_id": first.subject_id if same_session else None,
            "n": None,
            "note": None,
        }
    )


def _words(kind: str, names: Sequence[str]) -> str:
    joined = {"difference": " minus ", "ratio": " over ", "index": " minus "}.get(kind, " + ")
    if kind == "share":
        return f"{names[0]} of all"
    return joined.join(names) + (", over their sum" if kind == "index" else "")
