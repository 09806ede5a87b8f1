"""A comma, semicolon or tab separated table as a person edits it: cells are strings, rows know their line.

``sessions.csv`` is read through here, so that each complaint can name the line an editor shows.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from ethochat.index.errors import ExperimentError

MISSING: Final = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "n.a.", "N.A."})
"""Cells that say nothing. ``None`` is not among them: it is a common name of a group or a behavior."""

SHOWN_PROBLEMS: Final = 20

_DELIMITERS: Final = (",", ";", "\t")
# A leading zero ("007") belongs to a name, not to a number.
_INTEGER: Final = re.compile(r"[+-]?(0|[1-9][0-9]{0,18})")
_NUMBER: Final = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_BOOLEANS: Final = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a file."""

    message: str
    row: int | None = None
    column: str | None = None


@dataclass(slots=True, kw_only=True)
class Problems:
    """What is wrong with one file, collected so that the user can mend all of it at once."""

    path: Path
    found: list[Problem] = field(default_factory=list)

    def add(self, message: str, *, row: int | None = None, column: str | None = None) -> None:
        """Note a problem; ``row`` is the line as an editor shows it."""
        self.found.append(Problem(message=message, row=row, column=column))

    def raise_if_any(self) -> None:
        """Raise one error about everything found.

        Raises
        ------
        ExperimentError
            With the place of the first problem, and up to 20 problems in its text.
        """
        if not self.found:
            return
        ordered = sorted(self.found, key=lambda problem: problem.row or 0)
        first, *others = ordered
        lines = [first.message, *(_listed(problem) for problem in others[: SHOWN_PROBLEMS - 1])]
        if len(ordered) > SHOWN_PROBLEMS:
            lines.append(f"  … and {len(ordered) - SHOWN_PROBLEMS} more problems")
        raise ExperimentError("\n".join(lines), path=self.path, row=first.row, column=first.column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record of a sheet."""

    line: int
    """1-based line where the record starts."""
    cells: dict[str, str]
    """Column name to stripped text."""

    def value(self, column: str) -> str | None:
        """Text of a cell; ``None`` where it says nothing or the sheet has no such column."""
        text = self.cells.get(column, "")
        return None if text in MISSING else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table of text."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def shown(text: object, limit: int = 80) -> str:
    """Quote a value for a message, shortened and on one line."""
    quoted = repr(text)
    return quoted if len(quoted) <= limit else f"{quoted[: limit - 1]}… ({len(quoted):,} characters)"


def near(name: str, known: Iterable[str]) -> str:
    """Word a hint at the known names closest to a misspelt one; empty where none is close."""
    from rapidfuzz import fuzz, process, utils

    hits = process.extract(
        name, sorted(set(known)), scorer=fuzz.ratio, processor=utils.default_process, limit=3, score_cutoff=70
    )
    return f"; did you mean {' or '.join(repr(hit[0]) for hit in hits)}?" if hits else ""


def read_sheet(path: Path, *, key: str, problems: Problems) -> Sheet:
    """Read a sheet; records of the wrong width are noted as problems and left out.

    Parameters
    ----------
    path
        UTF-8 text with or without byte order mark; comma, semicolon or tab separated.
    key
        A column that must be there; it also tells the delimiter where several are possible.
    problems
        Receives what is wrong with single records.

    Raises
    ------
    ExperimentError
        When the file is absent, empty, not such text, or its header is unusable.
    """
    records = list(_records(path, _decoded(path), key))
    if not records:
        raise ExperimentError(f"Expected a header line with {key!r}, found an empty file.", path=path)
    header_line, header = records[0]
    columns = tuple(name.strip() for name in header)
    _check_header(path, header_line, columns, key)
    rows = []
    for line, record in records[1:]:
        if not any(cell.strip() for cell in record):
            continue  # spreadsheets leave such lines at the end
        if len(record) != len(columns):
            problems.add(_width_message(columns, record), row=line)
            continue
        rows.append(
            Row(line=line, cells={name: cell.strip() for name, cell in zip(columns, record, strict=True)})
        )
    return Sheet(columns=columns, rows=tuple(rows))


def typed_column(name: str, texts: Sequence[str | None]) -> pl.Series:
    """Type a column: Int64, Float64 or Boolean where every cell allows it, else String.

    Parameters
    ----------
    texts
        Cells, ``None`` where missing. ``true``, ``false``, ``yes`` and ``no`` are Boolean; numbers with
        leading zeros (``007``) stay text.
    """
    present = [text for text in texts if text is not None]
    if not present:
        return pl.Series(name, texts, dtype=pl.String)
    if all(_is_int64(text) for text in present):
        return pl.Series(name, [None if text is None else int(text) for text in texts], dtype=pl.Int64)
    if all(parse_number(text) is not None for text in present):
        return pl.Series(name, [None if text is None else float(text) for text in texts], dtype=pl.Float64)
    if all(text.lower() in _BOOLEANS for text in present):
        return pl.Series(
            name, [None if text is None else _BOOLEANS[text.lower()] for text in texts], dtype=pl.Boolean
        )
    return pl.Series(name, texts, dtype=pl.String)


def parse_number(text: str) -> float | None:
    """Read a finite decimal number; ``None`` where the text is anything else."""
    if len(text) > 64 or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _listed(problem: Problem) -> str:
    place = ", ".join(
        part
        for part in (
            f"line {problem.row}" if problem.row is not None else "",
            f"column {problem.column!r}" if problem.column is not None else "",
        )
        if part
    )
    return f"  {place}: {problem.message}" if place else f"  {problem.message}"


def _is_int64(text: str) -> bool:
    return _INTEGER.fullmatch(text) is not None and -(2**63) <= int(text) < 2**63


def _decoded(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise ExperimentError(f"Expected a readable file, found {exc.strerror or exc}.", path=path) from exc
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise ExperimentError(
            f"Expected UTF-8 text, found the byte 0x{raw[exc.start]:02x}; save the file as 'CSV UTF-8'.",
            path=path,
            row=line,
        ) from exc
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ExperimentError(
            "Expected UTF-8 text, found a zero byte; save it as 'CSV UTF-8'.", path=path, row=line
        )
    return text


def _records(path: Path, text: str, key: str) -> Iterable[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, key), strict=True)
    line = 1
    try:
        for record in reader:
            if record:
                yield line, record
            line = reader.line_num + 1
    except csv.Error as exc:
        limit = csv.field_size_limit()
        raise ExperimentError(
            f"Expected cells of at most {limit:,} characters, quotes in pairs; found: {exc}.",
            path=path,
            row=line,
        ) from exc


def _delimiter(text: str, key: str) -> str:
    """Delimiter whose header holds the key column; among several the one that gives most columns."""
    header = next((line for line in text.splitlines() if line.strip()), "")

    def merit(delimiter: str) -> tuple[bool, int]:
        names = [name.strip().strip('"').strip() for name in header.split(delimiter)]
        return key in names, len(names)

    return max(_DELIMITERS, key=merit)


def _check_header(path: Path, line: int, columns: tuple[str, ...], key: str) -> None:
    problems = Problems(path=path)
    for position, name in enumerate(columns, start=1):
        first = columns.index(name) + 1
        if not name:
            problems.add(
                f"Expected a name for column {position}, found none; name it or delete it.", row=line
            )
        elif first != position:
            problems.add(
                f"Expected different column names, found {shown(name)} in {first} and {position}; rename it.",
                row=line,
            )
    if key not in columns:
        found = ", ".join(shown(name, 40) for name in columns[:12])
        problems.add(f"Expected a column {key!r}, found {found}{near(key, columns)}", row=line)
    problems.raise_if_any()


def _width_message(columns: tuple[str, ...], record: list[str]) -> str:
    advice = (
        "quote cells that contain the delimiter" if len(record) > len(columns) else "fill up with empty cells"
    )
    return f"Expected {len(columns)} cells as in the header, found {len(record)}; {advice}."
