"""Tables of text (delimited files, spreadsheets) with every cell a string and every row knowing its line.

Nothing is typed by guess, nothing is missing unless a reader says so: ``None`` may be the name of a behavior.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from ethochat.index.errors import FormatError
from ethochat.index.formats.options import TextOptions
from ethochat.index.sheet import near, shown

DELIMITERS: Final = (",", ";", "\t", "|")
SPREADSHEETS: Final = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})
NOT_A_NUMBER: Final = ("", "NA", "NaN", "nan", "NAN")
"""Cells of a numeric column that say nothing."""
POSITION_LIMIT: Final = 1e9
"""No position in pixels or centimeters is larger; such a number would be lost in float32."""
TIME_LIMIT: Final = 1e10
"""No time is later, in seconds, milliseconds or minutes."""
_HEAD_BYTES: Final = 65_536
_SAMPLE_ROWS: Final = 2_000
_LARGEST_WHOLE: Final = 1e15
_SHOWN: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of text."""

    path: Path
    frame: pl.DataFrame
    """Columns of strings, ``""`` where a cell is empty."""
    lines: pl.Series
    """1-based line of each row, as an editor shows it."""
    header: tuple[tuple[str, ...], ...] = ()
    """The header lines, cell by cell."""
    delimiter: str = ","
    decimal: str = "."

    def line(self, row: int) -> int:
        """Line of a row of :attr:`frame`."""
        return int(self.lines[row])

    def where(self, mask: pl.Series) -> Table:
        """Keep the rows where a mask is true."""
        return replace(self, frame=self.frame.filter(mask), lines=self.lines.filter(mask))

    def error(self, message: str, *, row: int | None = None, column: str | None = None) -> FormatError:
        """Build an error that names this file, the line of a row and a column."""
        return FormatError(
            message, path=self.path, row=None if row is None else self.line(row), column=column
        )


def read_text(path: Path, encoding: str = "utf-8-sig") -> str:
    """Read a whole text file; ``.gz`` files are unpacked.

    Raises
    ------
    FormatError
        When the file is absent, empty, or not text in this encoding.
    """
    raw = _read_bytes(path)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        found = f"0x{raw[exc.start]:02x}"
        message = f"Expected {encoding} text, found the byte {found}; save as UTF-8 or declare `encoding`."
        raise FormatError(message, path=path, row=line) from exc
    except LookupError as exc:
        raise FormatError(f"Expected a known `encoding`, found {encoding!r}.", path=path) from exc
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise FormatError(
            "Expected text, found a zero byte; is this another kind of file?", path=path, row=line
        )
    if not text.strip():
        raise FormatError("Expected a table, found an empty file.", path=path)
    return _plain_lines(text)


def _plain_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def read_head(path: Path) -> str | None:
    """Read the complete lines among the first 64 KiB of a file; ``None`` where it is not UTF-8 text."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            raw = file.read(_HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        return None
    if len(raw) == _HEAD_BYTES:
        raw = raw[: raw.rfind(b"\n") + 1]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text or not text.strip() else _plain_lines(text)


def read_table(path: Path, options: TextOptions, *, header_lines: int = 1, shared: bool = False) -> Table:
    """Read a delimited file.

    Parameters
    ----------
    header_lines
        Lines above the data. One names the columns; with any other number they are ``"0"``, ``"1"`` …
    shared
        Many sessions read this file: keep it in memory until others have been read.

    Raises
    ------
    FormatError
        When the file is no such text, or a row has more or fewer cells than the header.
    """
    delimiter = options.delimiter or ("\t" if ".tsv" in path.suffixes else ",")
    layout = _Layout(
        encoding=options.encoding, delimiter=delimiter, decimal=options.decimal, header_lines=header_lines
    )
    if not shared:
        return _parse(path, layout)
    try:
        stat = path.stat()
    except OSError as exc:
        raise FormatError(f"Expected a readable file, found: {exc.strerror or exc}.", path=path) from exc
    return _shared(path, layout, stat.st_mtime_ns, stat.st_size)


def read_sheet(
    path: Path, *, header: bool = True, sheet: str | None = None, n_rows: int | None = None
) -> Table:
    """Read one sheet of a spreadsheet, every cell as text.

    Raises
    ------
    FormatError
        When the file is absent or no spreadsheet, or has no such sheet.
    """
    import fastexcel

    if not path.is_file():
        raise FormatError("Expected a readable file, found none.", path=path)
    try:
        frame = pl.read_excel(
            path,
            engine="calamine",
            sheet_name=sheet,
            has_header=header,
            infer_schema_length=0,
            drop_empty_rows=False,
            raise_if_empty=False,
            read_options=None if n_rows is None else {"n_rows": n_rows},
        )
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError, ValueError) as exc:
        raise FormatError(f"Expected a spreadsheet, found: {str(exc).splitlines()[0]}.", path=path) from exc
    if frame.is_empty():
        raise FormatError("Expected a table, found an empty sheet.", path=path)
    if not header:
        frame.columns = [str(number) for number in range(frame.width)]
    lines = pl.Series("line", np.arange(frame.height) + (2 if header else 1))
    text = frame.with_columns(pl.all().cast(pl.String).fill_null("").str.strip_chars())
    return Table(path=path, frame=text, lines=lines, header=(tuple(text.columns),) if header else ())


def sample_table(path: Path) -> Table | None:
    """Read the first rows of a delimited file or spreadsheet with a header, guessing the delimiter.

    Returns
    -------
    Table or None
        ``None`` where the file is no such table. Never raises.
    """
    if path.suffix.lower() in SPREADSHEETS:
        cells = sample_sheet(path)
        if cells is None or len(set(cells.frame.row(0))) != cells.frame.width:
            return None
        named = cells.frame[1:].rename(dict(zip(cells.frame.columns, cells.frame.row(0), strict=True)))
        return Table(path=path, frame=named, lines=cells.lines[1:], header=(cells.frame.row(0),))
    head = read_head(path)
    if head is None:
        return None
    lines = head.split("\n")
    delimiter = delimiter_of(lines[:20]) or ","
    try:
        return _parse_text(path, "\n".join(lines[:_SAMPLE_ROWS]), _Layout(delimiter=delimiter))
    except FormatError:
        return None


def sample_sheet(path: Path) -> Table | None:
    """Read the first rows of a spreadsheet, without a header; ``None`` where it is none. Never raises."""
    try:
        stat = path.stat()
        return _sampled(path, stat.st_mtime_ns, stat.st_size)
    except (OSError, FormatError):
        return None


@lru_cache(maxsize=1)
def _sampled(path: Path, mtime_ns: int, size: int) -> Table:
    # Several readers look at one spreadsheet, and to open it is slow.
    return read_sheet(path, header=False, n_rows=_SAMPLE_ROWS)


def require_columns(table: Table, names: Sequence[str]) -> None:
    """Check that columns are there.

    Raises
    ------
    FormatError
        Naming the first that is not, and those that are.
    """
    absent = [name for name in names if name not in table.frame.columns]
    if not absent:
        return
    columns = table.frame.columns
    found = ", ".join(shown(name, 40) for name in columns[:_SHOWN]) + (" …" if len(columns) > _SHOWN else "")
    raise table.error(f"Expected a column {absent[0]!r}, found {found}{near(absent[0], columns)}.")


def delimiter_of(lines: Sequence[str]) -> str | None:
    """Guess the delimiter: the one that splits every line into as many cells, the more the better."""
    found: tuple[int, str | None] = (1, None)
    for delimiter in DELIMITERS:
        try:
            rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            continue
        if len(rows) > 1 and rows[0][-1] == "" and len(rows[0]) == len(rows[1]) + 1:
            rows[0].pop()
        widths = {len(row) for row in rows}
        if len(widths) == 1:
            found = max(found, (widths.pop(), delimiter), key=lambda item: item[0])
    return found[1]


def pick_rows(table: Table, key_columns: Sequence[str], key: str | None) -> Table:
    """Keep the rows of one session.

    Parameters
    ----------
    key_columns
        Columns that say whose row it is; none where the whole file belongs to the session.
    key
        The session's value in that column; the values of several columns are joined by ``|``.

    Raises
    ------
    FormatError
        When only one of both is there, or a column is not.
    """
    if not key_columns and key is None:
        return table
    if not key_columns:
        columns = ", ".join(shown(name, 40) for name in table.frame.columns[:_SHOWN])
        raise table.error(
            f"Expected `key_column` (the column that holds {key!r}) to be declared; columns are {columns}."
        )
    require_columns(table, key_columns)
    if key is None:
        names = ", ".join(map(repr, key_columns))
        raise table.error(f"Expected a session key to look up in {names}, found none; declare `match`.")
    cells = pl.concat_str([pl.col(name).str.strip_chars() for name in key_columns], separator="|")
    return table.where(table.frame.select(cells.alias("key"))["key"] == key)


def numbers(
    table: Table, column: str, *, missing: Collection[str] = NOT_A_NUMBER, limit: float = math.inf
) -> pl.Series:
    """Read a column as numbers; missing cells become null.

    Parameters
    ----------
    limit
        Largest magnitude that makes sense; see :data:`POSITION_LIMIT` and :data:`TIME_LIMIT`.

    Raises
    ------
    FormatError
        Naming the line of the first cell that is no finite number up to the limit.
    """
    text = table.frame[column].str.strip_chars()
    plain = text.str.replace(",", ".", literal=True) if table.decimal == "," else text
    values = plain.cast(pl.Float64, strict=False)
    said = ~text.is_in(list(missing))
    usable = values.is_finite() & (values.abs() <= limit)
    bad = (said & ~usable.fill_null(value=False)).arg_true()
    if len(bad):
        row = int(bad[0])
        hint = '; declare `decimal = ","`' if re.fullmatch(r"-?\d+,\d+", text[row]) else ""
        most = f" up to {limit:g}" if limit < math.inf else ""
        raise table.error(f"Expected a number{most}, found {shown(text[row])}{hint}.", row=row, column=column)
    return values.set(~said, None)


def numeric_columns(
    table: Table, columns: Sequence[str], *, missing: Collection[str] = NOT_A_NUMBER
) -> pl.DataFrame:
    """Read those columns in which every cell is a finite number or missing, as :func:`numbers` reads them.

    All at once, which is many times faster than one by one.
    """
    read, bad = [], []
    for name in columns:
        text = pl.col(name).str.strip_chars()
        plain = text.str.replace(",", ".", literal=True) if table.decimal == "," else text
        values = plain.cast(pl.Float64, strict=False)
        said = ~text.is_in(list(missing))
        read.append(pl.when(said).then(values).alias(name))
        bad.append((said & ~values.is_finite().fill_null(value=False)).any().alias(name))
    if not columns:
        return pl.DataFrame()
    wrong = table.frame.select(bad).row(0)
    return table.frame.select(
        expression for expression, is_wrong in zip(read, wrong, strict=True) if not is_wrong
    )


def integers(table: Table, column: str, *, missing: Collection[str] = ()) -> pl.Series:
    """Read a column as whole numbers; missing cells become null.

    Raises
    ------
    FormatError
        Naming the line of the first cell that is no whole number.
    """
    values = numbers(table, column, missing=missing)
    bad = ((values != values.floor()) | (values.abs() > _LARGEST_WHOLE)).arg_true()
    if len(bad):
        row = int(bad[0])
        raise table.error(
            f"Expected a whole number, found {shown(table.frame[column][row])}.", row=row, column=column
        )
    return values.cast(pl.Int64)


def find_column(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """Find the first of several usual names among the columns, without regard to case and punctuation."""
    plain = {re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"): name for name in reversed(columns)}
    return next((plain[name] for name in names if name in plain), None)


def _read_bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
        raise FormatError(f"Expected a readable file, found: {reason}.", path=path) from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """How a delimited file is written."""

    encoding: str = "utf-8-sig"
    delimiter: str = ","
    decimal: str = "."
    header_lines: int = 1


def _parse(path: Path, layout: _Layout) -> Table:
    return _parse_text(path, read_text(path, layout.encoding), layout)


def _parse_text(path: Path, text: str, layout: _Layout) -> Table:
    lines = text.rstrip("\n").split("\n")
    delimiter, header_lines = layout.delimiter, layout.header_lines
    header, names = _header(path, lines, delimiter, header_lines)
    if len(names) == 1:
        _check_delimiter(path, lines, delimiter)
    data = lines[header_lines:]
    if header_lines == 1 and not names[-1] and data and data[0].count(delimiter) == len(names) - 2:
        names = names[:-1]  # some trackers end the header line, and only it, with a delimiter
    frame = None
    if {line.count(delimiter) for line in data} <= {len(names) - 1} and '""' not in text:
        frame = _parse_fast("\n".join(lines), layout, names)
    numbered = pl.Series("line", np.arange(header_lines + 1, len(lines) + 1))
    if frame is None or frame.height != len(data):
        frame, numbered = _parse_carefully(path, text.rstrip("\n"), layout, names)
    return Table(
        path=path, frame=frame, lines=numbered, header=header, delimiter=delimiter, decimal=layout.decimal
    )


def _header(
    path: Path, lines: Sequence[str], delimiter: str, header_lines: int
) -> tuple[tuple[tuple[str, ...], ...], list[str]]:
    """Header cells and the names of the columns."""
    try:
        records = list(csv.reader(lines[: max(header_lines, 1)], delimiter=delimiter))
    except csv.Error as exc:
        raise FormatError(f"Expected a table, found: {exc}.", path=path, row=1) from exc
    cells = tuple(tuple(cell.strip() for cell in record) for record in records)
    if len(cells) < header_lines or len({len(record) for record in cells}) != 1 or not cells[0]:
        raise FormatError(
            f"Expected {max(header_lines, 1)} first lines of one width, found {shown(lines[0])}.",
            path=path,
            row=1,
        )
    if header_lines != 1:
        return cells[:header_lines], [str(number) for number in range(len(cells[-1]))]
    names: list[str] = []
    for number, name in enumerate(cells[0]):
        if name and name in names:
            raise FormatError(
                f"Expected different column names, found {name!r} twice; rename one.", path=path, row=1
            )
        names.append(f"column {number}" if name in names else name)
    return cells, names


def _parse_fast(text: str, layout: _Layout, names: list[str]) -> pl.DataFrame | None:
    """Let Polars split lines that all have the right number of delimiters; ``None`` where it cannot."""
    if text.count("\n") < layout.header_lines:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    try:
        return pl.read_csv(
            io.BytesIO(text.encode()),
            has_header=False,
            skip_lines=layout.header_lines,
            separator=layout.delimiter,
            infer_schema=False,
            empty_string_is_null=False,
            new_columns=names,
        )
    except pl.exceptions.PolarsError:
        return None


def _parse_carefully(
    path: Path, text: str, layout: _Layout, names: list[str]
) -> tuple[pl.DataFrame, pl.Series]:
    """Split cell by cell, so that quoted delimiters are read and a wrong row is named."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=layout.delimiter, strict=True)
    records: list[list[str]] = []
    numbered: list[int] = []
    line = 1
    try:
        for record in reader:
            cells = record or [""]
            if len(numbered) >= layout.header_lines and len(cells) != len(names):
                raise FormatError(_width_message(names, cells, layout.delimiter), path=path, row=line)
            records.append(cells)
            numbered.append(line)
            line = reader.line_num + 1
    except csv.Error as exc:
        raise FormatError(f"Expected cells with balanced quotes, found: {exc}.", path=path, row=line) from exc
    data = records[layout.header_lines :]
    frame = pl.DataFrame(
        {name: [cells[number] for cells in data] for number, name in enumerate(names)},
        schema=dict.fromkeys(names, pl.String),
    )
    return frame, pl.Series("line", numbered[layout.header_lines :], dtype=pl.Int64)


def _width_message(names: Sequence[str], cells: Sequence[str], delimiter: str) -> str:
    found = "an empty line" if list(cells) == [""] else f"{len(cells)}: {shown(delimiter.join(cells))}"
    return f"Expected {len(names)} cells separated by {delimiter!r} as in the first line, found {found}."


def _check_delimiter(path: Path, lines: Sequence[str], delimiter: str) -> None:
    """Refuse a file that this delimiter leaves in one column and another one splits evenly."""
    better = delimiter_of(lines[:20])
    if better not in (None, delimiter):
        raise FormatError(
            f"Expected cells separated by {delimiter!r}, found {shown(lines[0])}; the file seems to use "
            f"{better!r}: declare `delimiter = {json.dumps(better)}` in the options of this input.",
            path=path,
            row=1,
        )


@lru_cache(maxsize=4)
def _shared(path: Path, layout: _Layout, mtime_ns: int, size: int) -> Table:
    # Time and size are part of the key: a file that changed is read anew.
    return _parse(path, layout)
