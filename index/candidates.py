"""The files of a folder that is drafted: what readers say of each, and whether many sessions share it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import polars as pl

from ethochat.index.errors import FormatError
from ethochat.index.formats.base import Recognition
from ethochat.index.pairing import (
    DESIGN_NAMES,
    KEY_NAMES,
    find_key,
    find_named_key,
    identifier,
    name_rank,
    values_of,
)
from ethochat.index.sheet import parse_number

Recognise = Callable[[Path], Sequence[Recognition]]

KEY_OPTION: Final = "key_column"
"""Reader option that names the column of a shared file which says whose row it is."""
COLUMNS_OPTION: Final = "columns"
"""Option of the reader ``metric_table`` that lists the columns to read."""

SURE: Final = 0.9
"""From this certainty on, a recognition is no guess."""
_LEAST_CERTAINTY: Final = 0.3
_TABLE_SUFFIXES: Final = frozenset({".csv", ".tsv", ".txt", ".xlsx", ".xls", ".ods"})
_LARGEST_TABLE: Final = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A file and what the readers say of it."""

    path: PurePosixPath
    recognitions: tuple[Recognition, ...]
    table: pl.DataFrame | None
    """The file as a table of text, where it may be one that several sessions share."""

    @property
    def best(self) -> Recognition | None:
        """The likeliest recognition, where one is likely enough."""
        return self.uses[0] if self.uses else None

    @property
    def uses(self) -> tuple[Recognition, ...]:
        """What to read the file as: the best guess, and other kinds that the file holds just as surely."""
        first = next(iter(self.recognitions), None)
        if first is None or first.certainty < _LEAST_CERTAINTY:
            return ()
        others = [item for item in self.recognitions[1:] if item.certainty == first.certainty >= SURE]
        by_kind = {item.kind: item for item in reversed((first, *others))}
        return (first, *(item for kind, item in by_kind.items() if kind != first.kind))

    @property
    def key_column(self) -> str | None:
        """Column that the reader suggests as the one that names sessions."""
        suggested = self.best.options.get(KEY_OPTION) if self.best is not None else None
        return suggested if isinstance(suggested, str) else None

    def doubts(self, use: Recognition) -> list[str]:
        """Say what is a guess about the recognition."""
        doubts = [use.note or f"read as {use.format}"] if use.certainty < SURE else []
        rivals = [
            item for item in self.recognitions if item.certainty == use.certainty and item not in self.uses
        ]
        if rivals:
            doubts.append(f"may as well be read as {' or '.join(item.format for item in rivals)}")
        return doubts


def look_at(root: Path, path: PurePosixPath, recognise: Recognise) -> Candidate:
    """Ask the readers about a file, and read it as a table where several sessions may share it."""
    recognitions = tuple(recognise(root / path))
    return Candidate(path=path, recognitions=recognitions, table=_read_table(root / path, recognitions))


def _read_table(path: Path, recognitions: Sequence[Recognition]) -> pl.DataFrame | None:
    """Read a file that several sessions may share as text; ``None`` where it is no such table."""
    from ethochat.index.formats import delimited
    from ethochat.index.formats.options import TextOptions

    foreign = recognitions and recognitions[0].kind not in {"annotations", "metrics"}
    if foreign or path.suffix.lower() not in _TABLE_SUFFIXES or path.stat().st_size > _LARGEST_TABLE:
        return None
    try:
        if path.suffix.lower() in delimited.SPREADSHEETS:
            frame = delimited.read_sheet(path).frame
        else:
            head = delimited.read_head(path)
            delimiter = None if head is None else delimited.delimiter_of(head.splitlines()[:50])
            if delimiter is None:
                return None
            frame = delimited.read_table(path, TextOptions(delimiter=delimiter)).frame
    except FormatError:
        return None
    return frame if frame.height and frame.width > 1 else None


def is_tabular(file: Candidate) -> bool:
    """Tell whether a file looks like a table that several sessions share."""
    return file.table is not None and file.best is not None and own_key(file) is not None


def own_key(file: Candidate) -> str | None:
    """Find the column that names sessions by the reader's word, or by the column's own name."""
    if file.table is None or file.best is None:
        return None
    suggested = file.key_column
    if suggested in file.table.columns:
        return suggested
    return find_named_key(file.table, one_row_each=file.best.kind == "metrics")


def names_many(file: Candidate, names: Mapping[str, Candidate], used: Sequence[Candidate]) -> bool:
    """Tell whether the rows of a table belong to several sessions.

    Parameters
    ----------
    names
        Files that are no such tables, by the name of their session.
    used
        All recognised files.
    """
    if file.table is None:
        return False
    others = {name: {name} for name, other in names.items() if name and other is not file}
    if find_key(file.table, others, suggested=file.key_column, fewest=2) is not None:
        return True
    key = own_key(file)
    if key is None or identifier(file.path.name).casefold() in others:
        return False
    if name_rank(key) < len(KEY_NAMES):
        return True
    # A column of animals: where several files name the same ones, each file is a session of them.
    animals = set(values_of(file.table, key))
    return not any(
        other is not file
        and other.table is not None
        and key in other.table.columns
        and animals & set(values_of(other.table, key))
        for other in used
    )


def common_rows(file: Candidate, other: Candidate) -> int:
    """Count the rows of a table that stand in another one of the same format, by the columns both have."""
    if file.table is None or other.table is None or file.uses[0].format != other.uses[0].format:
        return 0
    common = [name for name in file.table.columns if name in other.table.columns]
    if len(common) < 3:
        return 0
    return file.table.join(other.table.select(common), on=common, how="semi").height


def describes(table: pl.DataFrame, column: str) -> bool:
    """Tell whether a column of a table of measurements says something about the animal or the design."""
    if column.strip().casefold().replace("_", "") in DESIGN_NAMES:
        return True
    return any(parse_number(value) is None for value in values_of(table, column))


def only_describes(file: Candidate) -> bool:
    """Tell whether a table taken for metrics, without certainty, has nothing but metadata."""
    if file.best is None or file.table is None or file.best.kind != "metrics" or file.best.certainty >= SURE:
        return False
    table = file.table
    return all(describes(table, name) for name in table.columns if values_of(table, name))


def metric_columns(file: Candidate) -> dict[str, object]:
    """List the columns to read as metrics where some numeric ones are metadata."""
    if file.best is None or file.table is None or file.best.format != "metric_table":
        return {}
    if COLUMNS_OPTION in file.best.options:
        return {}
    table = file.table
    spoken = [name for name in table.columns if name.strip() and values_of(table, name)]
    measured = [name for name in spoken if not describes(table, name)]
    numeric = [
        name for name in spoken if all(parse_number(value) is not None for value in values_of(table, name))
    ]
    return {} if measured == numeric else {COLUMNS_OPTION: measured}


def unused_reason(file: Candidate) -> str:
    """Say why a file is left out."""
    if file.recognitions and file.recognitions[0].certainty < _LEAST_CERTAINTY:
        return file.recognitions[0].note or "hardly recognised"
    if file.table is not None:
        return (
            "no reader recognises it, and as metadata it would need a column that names sessions or animals"
        )
    return "no reader recognises it"
