"""Conditions on columns of numbers: "a dose of 0.5 or higher", "days 1 and 2", "excluding trial 1", "older than 12 weeks"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from ethochat.agent.builtin.exclusion import excluding_first
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.vocabulary import Vocabulary

_COMPARATORS = (
    (r"(?:or\s+)?(?:higher|more|above|greater|larger|over|up)", ">="),
    (r"(?:or\s+)?(?:lower|less|below|smaller|under)", "<="),
)
_BEFORE = (
    (
        r"(?:(?:is|are|was|were)\s+)?(?:not(?:\s+equal\s+to)?|other\s+than|different\s+from|except|but\s+not|!=|<>)",
        "!=",
    ),
    (
        r"(?:(?:is|are)\s+)?(?:not|no)\s+(?:above|over|greater than|higher than|more than|larger than|exceeding)",
        "<=",
    ),
    (r"(?:(?:is|are)\s+)?(?:not|no)\s+(?:below|under|less than|lower than|smaller than)", ">="),
    (r"(?:above|over|greater than|higher than|more than|larger than|exceeding|>)", ">"),
    (r"(?:below|under|less than|lower than|smaller than|<)", "<"),
    (r"(?:at least|>=|from)", ">="),
    (r"(?:at most|up to|<=)", "<="),
    (r"(?:of|is|was|equal to|=|:)?", "=="),
)


_ALIASES = {
    "age": ("old", "aged"), "weight": ("weigh", "weighs", "weighed", "weighing", "heavy"), "dose": ("dosage", "received", "given", "got"), "dosage": ("dose", "received", "given", "got"),
}  # fmt: skip
_COMPARATIVES = (
    ("older", "age", ">"),
    ("younger", "age", "<"),
    ("heavier", "weight", ">"),
    ("lighter", "weight", "<"),
)
_NUMBER = r"\d+(?:\.\d+)?|zero"
_COLUMN_UNIT = r"(?:\s*(?:mg/kg|mg|grams?|g|weeks?|days?|months?))?"


def column_words(column: str) -> list[str]:
    """Words for a column of numbers, the longest first."""
    parts = [part for part in column.lower().split("_") if len(part) > 2]
    words = {column.lower(), column.lower().replace("_", " "), *parts[:1]}
    return sorted(
        {*words, *(alias for part in parts for alias in _ALIASES.get(part, ()))}, key=len, reverse=True
    )


def fill_numeric_conditions(scan: Scanner, vocabulary: Vocabulary) -> None:
    """Read "dosage of 0.5 or higher", "dose above 2", "day 3", "between 0.2 and 0.4", "older than 12 weeks"."""
    for column in vocabulary.numeric_columns:
        name = "|".join(re.escape(item) + r"s?" for item in column_words(column))
        for word, meaning, op in _COMPARATIVES:
            if meaning in column.lower().split("_") and (
                match := scan.take(rf"\b{word}\s+than\s+({_NUMBER}){_COLUMN_UNIT}\b")
            ):
                _add_condition(scan, column, op, match[1])
        ranged = scan.take(
            rf"\b(?:{name})\b\s+(?:of\s+)?(?:(?:between|from|in|within)\s+({_NUMBER})\s*(?:and|to|through|-)\s*({_NUMBER})|({_NUMBER})\s*(?:to|through|-)\s*({_NUMBER})){_COLUMN_UNIT}\b"
        )
        if ranged:
            _add_condition(scan, column, ">=", ranged[1] or ranged[3])
            _add_condition(scan, column, "<=", ranged[2] or ranged[4])
        if scan.take(rf"\bnon-?\s?zero\s+(?:{name})\b"):
            _all_but(scan, column, ["0"])
        while _take_condition(scan, column, name):
            pass
        _equal_values_are_groups(scan, column)
        aliases = [alias for part in column.lower().split("_") for alias in _ALIASES.get(part, ())]
        asked = "|".join(re.escape(alias) for alias in aliases if alias not in ("received", "given", "got"))
        if asked and scan.take(rf"\bhow\s+(?:{asked})\b|\bhow much\b[^?]*\b(?:{asked})\b"):
            _note_column(scan, column)


def _take_condition(scan: Scanner, column: str, name: str) -> bool:
    """Read one condition on a column; say whether there was one."""
    ops, ends = "|".join(p for p, _ in _BEFORE), "|".join(p for p, _ in _COMPARATORS)
    match = scan.take(
        rf"{excluding_first(name)}\b(?:\s*\([^)]*\))?\s*(?P<before>{ops})\s*(?P<value>{_NUMBER})\b{_COLUMN_UNIT}(?:\s+or\s+(?P<after>{ends})\b)?"
        rf"(?P<further>\s*(?:,|but|and)\s+(?P<op2>{'|'.join(p for p, _ in _BEFORE[3:7])})\s*(?P<value2>{_NUMBER}))?"
        rf"(?P<more>(?:\s*(?:,|and|or|vs\.?|versus)\s*(?:{_NUMBER})\b(?!\s*(?:s|sec\w*|min\w*|frames?|px|cm|%)\b))*)"
    )
    if match is None:
        return False
    op = _operator(match["before"] or "")
    if match["after"]:
        op = next(op for pattern, op in _COMPARATORS if re.fullmatch(pattern, match["after"], re.IGNORECASE))
    if match["leaves"]:
        op = _OPPOSITE[op]
    if op == "!=":
        _all_but(scan, column, [match["value"], *re.findall(_NUMBER, match["more"] or "", re.IGNORECASE)])
        return True
    _add_condition(scan, column, op, match["value"])
    if match["further"]:
        _add_condition(scan, column, _operator(match["op2"]), match["value2"])
    if op == "==":
        for value in re.findall(_NUMBER, match["more"] or "", re.IGNORECASE):
            _add_condition(scan, column, "==", value)
    return True


_OPPOSITE: Final = {"==": "!=", "!=": "==", ">": "<=", ">=": "<", "<": ">=", "<=": ">"}


def _all_but(scan: Scanner, column: str, values: Sequence[str]) -> None:
    """Every value of a column of numbers but some."""
    limits = [0.0 if value.lower() == "zero" else float(value) for value in values]
    condition: dict[str, Any] = {"op": "!=", "value": limits[0]}
    if len(limits) > 1:
        condition = {"op": "not in", "value": limits}
    scan.slots.setdefault("where", []).append({"column": column, **condition})
    scan.slots["leaves_out"] = True
    _note_column(scan, column)


def limit_unread(scan: Scanner, vocabulary: Vocabulary) -> str | None:
    """A number beside a column of numbers that no condition took: "a dose around 0.2"."""
    for column in vocabulary.numeric_columns:
        name = "|".join(
            re.escape(item) + r"s?"
            for item in column_words(column)
            if item not in ("received", "given", "got")
        )
        match = re.search(
            rf"\b(?:{name})\b(?:\s+[a-z]+){{0,3}}\s+\d+(?:\.\d+)?(?![\w.])", scan.rest, re.IGNORECASE
        )
        if match is not None:
            return match.group()
    return None


def _equal_values_are_groups(scan: Scanner, column: str) -> None:
    """Turn "day 1 … day 2" and "doses 0, 5 and 10" into groups of that column."""
    where = scan.slots.get("where", [])
    equal = [item["value"] for item in where if item["column"] == column and item["op"] == "=="]
    if len(set(equal)) > 1:
        scan.slots["where"] = [item for item in where if item["column"] != column or item["op"] != "=="]
        values = scan.slots.setdefault("values", {})
        values[column] = [f"{value:g}" for value in dict.fromkeys(equal)]


def _operator(words: str) -> str:
    return next((op for pattern, op in _BEFORE if re.fullmatch(pattern, words, re.IGNORECASE)), "==")


def _add_condition(scan: Scanner, column: str, op: str, value: str) -> None:
    limit = 0.0 if value.lower() == "zero" else float(value)
    scan.slots.setdefault("where", []).append({"column": column, "op": op, "value": limit})
    _note_column(scan, column)


def _note_column(scan: Scanner, column: str) -> None:
    columns = scan.slots.setdefault("columns", [])
    if column not in columns:
        columns.append(column)
