"""Look at a folder of files and draft its experiment.toml and sessions.csv.

Files are recognised by their content, paired to sessions by their names, and tables are tied to sessions where one of
their columns names them. What is a guess says so as a comment in the draft; what is not used is listed with the reason.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

import polars as pl
import tomlkit
from ethochat.index import tables
from ethochat.index.domain import InputKind
from ethochat.index.errors import ExperimentError, FormatError
from ethochat.index.experiment import MANIFEST, RESERVED, SESSIONS
from ethochat.index.formats.base import Recognition
from ethochat.index.manifest import DEFAULT_INPUTS, exact_fps
from ethochat.index.pairing import (
    Group,
    Named,
    alias,
    group_files,
    identifier,
    match_exactly,
    match_parts,
    natural_key,
)
from ethochat.index.sheet import MISSING, parse_number
from tomlkit.items import Table as TomlTable

Recognise = Callable[[Path], Sequence[Recognition]]

KEY_OPTION: Final = "key_column"
"""Reader option that names the column of a shared file which says whose row it is."""

_TABLE_SUFFIXES: Final = frozenset({".csv", ".tsv", ".txt", ".xlsx", ".xls", ".ods"})
_LARGEST_TABLE: Final = 64 * 2**20
_KEY_NAMES: Final = (
    *("session_id", "session", "recording_id", "recording", "id", "video", "video_file", "dlcfile", "file"),
    *("filename", "file_name", "trial", "trial_id", "animal", "animal_id", "subject", "subject_id", "mouse"),
    *("mouse_id", "rat", "rat_id"),
)
_SUBJECT_NAMES: Final = frozenset(
    {"subject", "subjectid", "animal", "animalid", "animalno", "mouse", "mouseid", "rat", "ratid"}
)
_DESIGN_NAMES: Final = frozenset(
    {
        "dose",
        "dosage",
        "age",
        "weight",
        "day",
        "cage",
        "trial",
        "cohort",
        "batch",
        "block",
        "timepoint",
        "litter",
        "box",
    }
)
"""Numeric columns of a table of measurements that describe the animal or the design rather than measure behavior."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognisedFile:
    """A file that the draft uses."""

    path: str
    """Relative to the folder."""
    what: str
    session_id: str | None
    """``None`` where several sessions share the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutFile:
    """A file that the draft does not use."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What ``ethochat init`` would write, and what it made of each file."""

    root: Path
    columns: tuple[str, ...]
    sessions: tuple[Mapping[str, str], ...]
    """Rows of sessions.csv."""
    toml: str
    recognised: tuple[RecognisedFile, ...]
    left_out: tuple[LeftOutFile, ...]

    @property
    def csv(self) -> str:
        """Text of sessions.csv."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.sessions)
        return text.getvalue()


def draft_experiment(root: Path, *, recognise: Recognise | None = None) -> Draft:
    """Look at a folder and draft its two files; nothing is written.

    Parameters
    ----------
    root
        Folder with recordings, tracks, annotations or tables, at any depth.
    recognise
        Says what a file seems to be, best first; by default every reader of :mod:`ethochat.index.formats` is asked.

    Raises
    ------
    ExperimentError
        When the folder is absent, empty or described already, or nothing in it is recognised.
    """
    if recognise is None:
        from ethochat.index import formats

        recognise = formats.recognise
    if not root.is_dir():
        raise ExperimentError("Expected a folder with recordings, found no such folder.", path=root)
    _refuse_existing(root)
    drafter = _Drafter(root=Path(os.path.realpath(root)))
    files = list(drafter.usable_files())
    if not files and not drafter.left_out:
        raise ExperimentError(
            "Expected recordings, tracks, annotations or tables, found an empty folder.", path=root
        )
    drafter.add([_Found(path=path, recognitions=tuple(recognise(drafter.root / path))) for path in files])
    if not drafter.recognised:
        listed = "; ".join(f"{item.path}: {item.reason}" for item in drafter.left_out[:10])
        raise ExperimentError(
            f"Expected at least one file that a reader recognises, found {len(drafter.left_out)} others ({listed}).",
            path=root,
        )
    return drafter.draft()


def write_draft(draft: Draft) -> tuple[Path, Path]:
    """Write experiment.toml and sessions.csv.

    Returns
    -------
    tuple of Path
        Both files, experiment.toml first.

    Raises
    ------
    ExperimentError
        When one of them is there already; then none is written.
    """
    _refuse_existing(draft.root)
    manifest, sessions = draft.root / MANIFEST, draft.root / SESSIONS
    with sessions.open("x", encoding="utf-8", newline="") as file:
        file.write(draft.csv)
    with manifest.open("x", encoding="utf-8", newline="\n") as file:
        file.write(draft.toml)
    return manifest, sessions


def _refuse_existing(root: Path) -> None:
    existing = [name for name in (MANIFEST, SESSIONS) if (root / name).exists()]
    if existing:
        raise ExperimentError(
            f"Expected a folder without {MANIFEST} and {SESSIONS}, found {' and '.join(existing)}; "
            "ethochat never overwrites them: edit, rename or move them.",
            path=root,
        )


# ------------------------------------------------------------------------------------------------------- working state
@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A file and what the readers say of it."""

    path: PurePosixPath
    recognitions: tuple[Recognition, ...]

    @property
    def best(self) -> Recognition | None:
        return self.recognitions[0] if self.recognitions else None

    def doubts(self) -> list[str]:
        """Say what is a guess about the recognition."""
        if self.best is None:
            return []
        doubts = [self.best.note] if self.best.certainty < 0.8 and self.best.note else []
        rivals = [item.format for item in self.recognitions[1:] if item.certainty == self.best.certainty]
        if rivals:
            doubts.append(f"{self.path} may as well be read as {' or '.join(rivals)}")
        return doubts


@dataclass(slots=True, kw_only=True)
class _Session:
    """A row of sessions.csv in the making."""

    session_id: str
    cells: dict[str, str] = field(default_factory=dict)
    aliases: set[str] = field(default_factory=set)
    """Names it goes by in tables, as ``pairing.alias`` gives them."""


@dataclass(slots=True, kw_only=True)
class _Input:
    """An ``[[inputs]]`` table in the making."""

    recognition: Recognition
    column: str | None = None
    path: str | None = None
    match: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    comments: dict[str, None] = field(default_factory=dict)
    """Used as an ordered set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """The column of a table that names the sessions."""

    column: str
    values: Mapping[str, str]
    """Session id to the value of its rows."""


@dataclass(slots=True, kw_only=True)
class _Drafter:
    root: Path
    sessions: dict[str, _Session] = field(default_factory=dict)
    inputs: list[_Input] = field(default_factory=list)
    recognised: list[RecognisedFile] = field(default_factory=list)
    left_out: list[LeftOutFile] = field(default_factory=list)
    metadata: dict[str, None] = field(default_factory=dict)
    """Metadata columns in order, used as an ordered set."""
    comments: list[str] = field(default_factory=list)

    # -------------------------------------------------------------------------------------------------------- files
    def usable_files(self) -> Iterator[PurePosixPath]:
        """Walk the folder, hidden files and folders left out; note files that cannot be named in sessions.csv."""
        for folder, folders, names in os.walk(self.root):
            for name in sorted(folders):
                if not name.startswith(".") and os.path.islink(os.path.join(folder, name)):
                    path = PurePosixPath(Path(folder, name).relative_to(self.root).as_posix())
                    self.leave_out(path, "a link to a folder, which is not followed")
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names, key=natural_key):
                path = PurePosixPath(Path(folder, name).relative_to(self.root).as_posix())
                if name.startswith("."):
                    continue
                problem = self._name_problem(path)
                if problem:
                    self.leave_out(path, problem)
                else:
                    yield path

    def _name_problem(self, path: PurePosixPath) -> str:
        text = str(path)
        if not text.isprintable() or text != text.strip() or ";" in text:
            return "its name cannot stand in sessions.csv (it has a semicolon, a control character or a space at an end)"
        if not Path(os.path.realpath(self.root / path)).is_relative_to(self.root):
            return f"a link to a file outside the folder; list its folder in `allow_roots` of {MANIFEST}"
        return ""

    def leave_out(self, path: PurePosixPath, reason: str) -> None:
        self.left_out.append(LeftOutFile(path=str(path), reason=reason))

    # --------------------------------------------------------------------------------------------------------- steps
    def add(self, files: Sequence[_Found]) -> None:
        """Sort files into those of one session, tables of many, and the rest."""
        tabular = {file.path: frame for file in files if (frame := self._table(file)) is not None}
        shared = [
            file
            for file in files
            if file.best is not None and self._names_many(file, tabular.get(file.path), files)
        ]
        single = [file for file in files if file.best is not None and file not in shared]
        self._add_single(single)
        rest = [file for file in files if file.best is None]
        if not self.sessions:
            shared = self._seed(shared, tabular)
        taken = self._add_metadata([*rest, *shared], tabular)
        for file in shared:
            self._add_shared(file, tabular[file.path])
        for file in rest:
            if file.path not in taken:
                self.leave_out(file.path, _unused_reason(file, tabular.get(file.path)))

    def _table(self, file: _Found) -> pl.DataFrame | None:
        """Read a file that may be a table of many sessions; ``None`` where it is none."""
        if file.path.suffix.lower() not in _TABLE_SUFFIXES:
            return None
        if file.best is not None and file.best.kind not in {"annotations", "metrics"}:
            return None
        path = self.root / file.path
        if path.stat().st_size > _LARGEST_TABLE:
            return None
        return _read_table(path)

    def _names_many(self, file: _Found, table: pl.DataFrame | None, files: Sequence[_Found]) -> bool:
        """Tell whether the rows of a table belong to several sessions."""
        if table is None or file.best is None:
            return False
        declared = file.best.options.get(KEY_OPTION)
        if isinstance(declared, str) and declared in table.columns and _distinct(table, declared) > 1:
            return True
        others = {
            identifier(other.path.name)
            for other in files
            if other is not file
            and other.best is not None
            and other.best.kind in {"video", "pose", "annotations"}
        } - {""}
        aliases = {name: {name.casefold()} for name in others}
        key = _find_key(table, aliases, file.best.options, fewest=2)
        return key is not None

    # ---------------------------------------------------------------------------------------- files of one session each
    def _add_single(self, files: Sequence[_Found]) -> None:
        by_name = {
            Named(path=file.path, kind=file.best.kind, format=file.best.format): file
            for file in files
            if file.best is not None
        }
        columns: dict[str, _Input] = {}
        for group in group_files(list(by_name), folder_name=self.root.name):
            session = self._session(_free_id(group.session_id))
            session.aliases |= {
                alias(member.path.name) for member in group.members if member not in group.guessed
            }
            for member in self._chosen(group):
                file = by_name[member]
                declaration = self._column_input(columns, file)
                column = declaration.column or ""
                session.cells[column] = ";".join(filter(None, (session.cells.get(column), str(member.path))))
                declaration.comments |= dict.fromkeys(file.doubts())
                if member in group.guessed:
                    declaration.comments[
                        f"{member.path} belongs to {session.session_id} by the beginning of its name"
                    ] = None
                self._use(file, session.session_id)

    def _chosen(self, group: Group) -> list[Named]:
        """Drop what shows the same twice: further poses, and videos with the pose drawn on."""
        chosen: list[Named] = []
        poses = sorted((member for member in group.members if member.kind == "pose"), key=_pose_rank)
        videos = [member for member in group.members if member.kind == "video"]
        plain = [video for video in videos if not _is_drawn_on(video)]
        for member in group.members:
            if member.kind == "pose" and member is not poses[0]:
                reason = (
                    f"another pose of the session that {poses[0].path.name} gives; name it instead to use it"
                )
                self.leave_out(member.path, reason)
            elif member.kind == "video" and plain and member not in plain:
                self.leave_out(member.path, f"seems to be {plain[0].path.name} with labels drawn on")
            else:
                chosen.append(member)
        return chosen

    def _column_input(self, columns: dict[str, _Input], file: _Found) -> _Input:
        """Find or make the input for files of this kind, format and options."""
        recognition = file.recognitions[0]
        options = {name: value for name, value in recognition.options.items() if name != KEY_OPTION}
        key = json.dumps([recognition.kind, recognition.format, options], sort_keys=True, default=str)
        if key not in columns:
            taken = {item.column for item in columns.values()}
            names = [recognition.kind, f"{recognition.kind}_{recognition.format}"]
            names += [f"{names[1]}_{number}" for number in range(2, len(taken) + 3)]
            column = next(name for name in names if name not in taken)
            columns[key] = _Input(recognition=recognition, column=column, options=options)
            self.inputs.append(columns[key])
        return columns[key]

    # ------------------------------------------------------------------------------------------- tables of all sessions
    def _seed(self, shared: list[_Found], tabular: Mapping[PurePosixPath, pl.DataFrame]) -> list[_Found]:
        """Make sessions from the table that names most of them, where no file is one session's own."""
        keys = {file.path: _own_key(tabular[file.path], file) for file in shared}
        known = [file for file in shared if keys[file.path] is not None]
        if known:
            seed = max(known, key=lambda file: _distinct(tabular[file.path], keys[file.path] or ""))
            column = keys[seed.path] or ""
            self._sessions_of(_values(tabular[seed.path], column))
        for file in shared:
            if file not in known:
                self.leave_out(file.path, "no column of it seems to name sessions; name one as `key_column`")
        return known

    def _sessions_of(self, values: Sequence[str]) -> None:
        """Make one session of each value, named as short as possible."""
        short = {value: identifier(value) or value for value in values}
        ambiguous = len({name.casefold() for name in short.values()}) < len(values)
        for value in sorted(values, key=natural_key):
            session = self._session(_free_id(value if ambiguous else short[value]))
            session.aliases.add(alias(value))

    def _add_shared(self, file: _Found, table: pl.DataFrame) -> None:
        if file.best is None:
            return
        key = _find_key(table, self._aliases(), file.best.options, fewest=1)
        if key is None:
            column = _own_key(table, file)
            example = f" (column {column!r} says {_values(table, column)[0]!r})" if column else ""
            self.leave_out(
                file.path,
                f"no column of it names the sessions{example}; add a column with its names to {SESSIONS} and an "
                f"[[inputs]] table with `path` and `match` to {MANIFEST}",
            )
            return
        unmatched = sorted(set(_values(table, key.column)) - set(key.values.values()), key=natural_key)
        new = {value: _free_id(identifier(value) or value) for value in unmatched}
        matched = dict(key.values)
        for value, session_id in new.items():
            if session_id not in self.sessions:
                self._session(session_id).aliases.add(alias(value))
                matched[session_id] = value
        declaration = _Input(
            recognition=file.best,
            path=str(file.path),
            match=self._match_column(key.column, matched),
            options={**file.best.options, KEY_OPTION: key.column},
        )
        declaration.comments |= dict.fromkeys(file.doubts())
        if unmatched:
            declaration.comments[
                f"{len(unmatched)} names in its column {key.column!r} have no other file, such as {unmatched[0]!r}"
            ] = None
        self.inputs.append(declaration)
        self._use(file, None)

    def _match_column(self, name: str, values: Mapping[str, str]) -> str:
        """Find the column of sessions.csv that holds the table's names as they stand, or add one."""
        if all(session_id == value for session_id, value in values.items()):
            return "session_id"
        for column in self.metadata:
            if all(
                self.sessions[session_id].cells.get(column) == value for session_id, value in values.items()
            ):
                return column
        column = self._free_column(name)
        for session_id, value in values.items():
            self.sessions[session_id].cells[column] = value
        return column

    def _add_metadata(
        self, files: Sequence[_Found], tabular: Mapping[PurePosixPath, pl.DataFrame]
    ) -> set[PurePosixPath]:
        """Merge tables with one row per session or animal into the columns of sessions.csv."""
        taken = set()
        for file in files:
            table = tabular.get(file.path)
            if table is None or (file.best is not None and file.best.kind != "metrics"):
                continue
            key = _find_row_key(table, self._aliases())
            if key is None:
                continue
            columns = [
                name
                for name in table.columns
                if file.best is None or name == key.column or _describes(table, name)
            ]
            if self._merge(file, table.select(columns), key) and file.best is None:
                taken.add(file.path)
                self.recognised.append(
                    RecognisedFile(
                        path=str(file.path),
                        what=f"table of metadata, tied to sessions by its column {key.column!r}",
                        session_id=None,
                    )
                )
        return taken

    def _merge(self, file: _Found, table: pl.DataFrame, key: _Key) -> bool:
        """Copy a table's columns into the sessions that it names; tell whether there were any."""
        rows = {row[key.column]: row for row in table.iter_rows(named=True)}
        merged = False
        for name in table.columns:
            cells = {session_id: rows[value][name] for session_id, value in key.values.items()}
            if not name.strip() or all(cell in MISSING for cell in cells.values()):
                continue
            if all(self.sessions[session_id].session_id == cell for session_id, cell in cells.items()):
                continue  # says nothing new
            column = self._free_column(name, cells)
            for session_id, cell in cells.items():
                self.sessions[session_id].cells[column] = cell
            merged = True
            self._learn(column, cells)
        if merged and file.best is None:
            missing = len(self.sessions) - len(key.values)
            if missing:
                self.comments.append(f"{file.path} has no row for {missing} of {len(self.sessions)} sessions")
        return merged

    def _learn(self, column: str, cells: Mapping[str, str]) -> None:
        """Let a column name the subject, and sessions go by its values where they are unique."""
        plain = column.casefold().replace("_", "").replace(" ", "")
        if plain in _SUBJECT_NAMES and column != "subject_id" and "subject_id" not in self.metadata:
            self.metadata["subject_id"] = None
            self.comments.append(
                f"subject_id, the animal behind a session, was taken from the column {column!r}"
            )
            for session_id, cell in cells.items():
                self.sessions[session_id].cells["subject_id"] = cell
        if len({alias(cell) for cell in cells.values()}) == len(cells) and not all(
            map(parse_number, cells.values())
        ):
            for session_id, cell in cells.items():
                self.sessions[session_id].aliases.add(alias(cell))

    def _free_column(self, name: str, cells: Mapping[str, str] | None = None) -> str:
        """Find a name for a metadata column that sessions.csv has free, and take it."""
        name = " ".join(name.split())
        taken = {*tables.SESSIONS, *RESERVED, *DEFAULT_INPUTS, *self.metadata}
        taken |= {item.column for item in self.inputs if item.column}
        if name in {"subject_id", "exclude_reason"} and name not in self.metadata:
            taken.discard(name)
        if name in {"fps", "px_per_cm"} and name not in self.metadata and cells and _all_valid(name, cells):
            taken.discard(name)
        free = name
        if free in taken:
            numbered = (f"{name}_{number}" for number in range(2, len(taken) + 3))
            free = next(candidate for candidate in numbered if candidate not in taken)
            self.comments.append(
                f"the column {name!r} was renamed {free!r}, for its name has another meaning"
            )
        self.metadata[free] = None
        return free

    # ------------------------------------------------------------------------------------------------------- small parts
    def _session(self, session_id: str) -> _Session:
        session = self.sessions.setdefault(session_id, _Session(session_id=session_id))
        session.aliases |= {alias(session_id), session_id.casefold()}
        return session

    def _aliases(self) -> dict[str, set[str]]:
        return {session_id: session.aliases for session_id, session in self.sessions.items()}

    def _use(self, file: _Found, session_id: str | None) -> None:
        best = file.recognitions[0]
        self.recognised.append(
            RecognisedFile(path=str(file.path), what=best.note or best.format, session_id=session_id)
        )

    def draft(self) -> Draft:
        """Put everything together."""
        sessions = sorted(self.sessions.values(), key=lambda session: natural_key(session.session_id))
        order = list(DEFAULT_INPUTS)
        inputs = sorted(self.inputs, key=lambda item: (order.index(item.recognition.kind), item.path or ""))
        columns = ["session_id", *(item.column for item in inputs if item.column), *self.metadata]
        if "subject_id" in columns:
            columns.remove("subject_id")
            columns.insert(1, "subject_id")
        return Draft(
            root=self.root,
            columns=tuple(columns),
            sessions=tuple({"session_id": session.session_id, **session.cells} for session in sessions),
            toml=_manifest_text(self.root.name, inputs, self.comments),
            recognised=tuple(sorted(self.recognised, key=lambda item: natural_key(item.path))),
            left_out=tuple(sorted(self.left_out, key=lambda item: natural_key(item.path))),
        )


# -------------------------------------------------------------------------------------------------------------- tables
def _read_table(path: Path) -> pl.DataFrame | None:
    """Read a table as text, its rows as they stand; ``None`` where it is none."""
    from ethochat.index.formats import delimited
    from ethochat.index.formats.options import TextOptions

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


def _values(table: pl.DataFrame, column: str) -> list[str]:
    """Return the different values of a column that say something and could stand in sessions.csv."""
    values = table[column].unique(maintain_order=True).to_list()
    return [
        value for value in values if value not in MISSING and value == value.strip() and value.isprintable()
    ]


def _distinct(table: pl.DataFrame, column: str) -> int:
    return len(_values(table, column))


def _find_key(
    table: pl.DataFrame, aliases: Mapping[str, set[str]], options: Mapping[str, object], *, fewest: int
) -> _Key | None:
    """Find the column whose values name most sessions, the one the reader suggests first."""
    best: tuple[tuple[int, bool, int], _Key] | None = None
    for column in table.columns:
        values = _values(table, column)
        matched = match_exactly(values, aliases)
        suggested = column == options.get(KEY_OPTION)
        if len(matched) < fewest or 2 * len(set(matched.values())) < len(values):
            continue
        merit = (len(matched), suggested, -_name_rank(column))
        if best is None or merit > best[0]:
            best = (merit, _Key(column=column, values=matched))
    return None if best is None else best[1]


def _find_row_key(table: pl.DataFrame, aliases: Mapping[str, set[str]]) -> _Key | None:
    """Find the column that gives sessions, or animals in the sessions' names, one row each."""
    best: tuple[tuple[int, bool, int], _Key] | None = None
    for column in table.columns:
        values = _values(table, column)
        if len(values) < table.height:  # empty or repeated names
            continue
        exact = match_exactly(values, aliases)
        matched = exact or match_parts(values, aliases)
        # A column of small numbers names sessions "1" to "5" by chance, where it is not made for it.
        chance = all(parse_number(value) is not None for value in values) and 2 * len(matched) < len(values)
        if 2 * len(matched) < len(aliases) or not matched or chance:
            continue
        merit = (len(matched), bool(exact), -_name_rank(column))
        if best is None or merit > best[0]:
            best = (merit, _Key(column=column, values=matched))
    return None if best is None else best[1]


def _own_key(table: pl.DataFrame, file: _Found) -> str | None:
    """Find the column that names sessions by what the reader suggests, or by the column's own name."""
    suggested = file.recognitions[0].options.get(KEY_OPTION)
    if isinstance(suggested, str) and suggested in table.columns:
        return suggested
    usual = [
        name for name in table.columns if _name_rank(name) < len(_KEY_NAMES) and _distinct(table, name) > 1
    ]
    return min(usual, key=_name_rank, default=None)


def _name_rank(column: str) -> int:
    plain = column.strip().casefold().replace(" ", "_")
    return _KEY_NAMES.index(plain) if plain in _KEY_NAMES else len(_KEY_NAMES)


def _describes(table: pl.DataFrame, column: str) -> bool:
    """Tell whether a column of a table of measurements says something about the animal or the design."""
    if column.strip().casefold().replace("_", "") in _DESIGN_NAMES:
        return True
    return any(parse_number(value) is None for value in _values(table, column))


def _all_valid(column: str, cells: Mapping[str, str]) -> bool:
    present = [cell for cell in cells.values() if cell not in MISSING]
    if column == "px_per_cm":
        return all((parse_number(cell) or 0) > 0 for cell in present)
    try:
        return all(exact_fps(cell) > 0 for cell in present)
    except ValueError:
        return False


def _unused_reason(file: _Found, table: pl.DataFrame | None) -> str:
    if table is not None:
        return "no reader recognises it, and no column of it names every session once, as a table of metadata would"
    return "no reader recognises it"


# --------------------------------------------------------------------------------------------------------------- names
def _free_id(text: str) -> str:
    """Make a session id that sessions.csv accepts."""
    return f"session_{text}" if text in MISSING else text[:64]


def _pose_rank(file: Named) -> tuple[bool, bool, int, str]:
    """Sort poses of one session: unfiltered before filtered, text before binary, short names first."""
    name = file.path.stem.casefold()
    return "filtered" in name, file.path.suffix.lower() in {".h5", ".hdf5"}, len(name), name


def _is_drawn_on(file: Named) -> bool:
    return file.path.stem.casefold().endswith(("_labeled", "_labelled", "_annotated"))


# ------------------------------------------------------------------------------------------------------ experiment.toml
_HINTS: Final[Mapping[InputKind, str]] = {
    "annotations": 'source_kind = "automated"  # if a classifier made these labels, not a person',
    "pose": "options.first_frame = 0  # if the file starts later than the video",
}


def _manifest_text(name: str, inputs: Sequence[_Input], comments: Sequence[str]) -> str:
    document = tomlkit.document()
    document.add(
        tomlkit.comment("Drafted by `ethochat init`. Read it through: guesses are marked, nothing is final.")
    )
    for comment in dict.fromkeys(comments):
        document.add(tomlkit.comment(f"GUESS: {_one_line(comment)}"))
    experiment = tomlkit.table()
    experiment.add("name", name or "experiment")
    experiment.add("description", "")
    document.add("experiment", experiment)
    defaults = tomlkit.table()
    defaults.add(
        tomlkit.comment(
            "fps = 25          # where neither a video nor sessions.csv says it; times count frames without"
        )
    )
    defaults.add(
        tomlkit.comment("px_per_cm = 10.5  # or give the arena's size below; distances are in pixels without")
    )
    document.add("defaults", defaults)
    array = tomlkit.aot()
    for item in inputs:
        array.append(_input_table(item))
    document.add("inputs", array)
    return tomlkit.dumps(document)


def _input_table(item: _Input) -> TomlTable:
    table = tomlkit.table()
    for comment in item.comments:
        table.add(tomlkit.comment(f"GUESS: {_one_line(comment)}"))
    table.add("kind", item.recognition.kind)
    if item.column is not None:
        table.add("column", item.column)
    else:
        table.add("path", item.path)
        table.add("match", item.match)
    table.add("format", item.recognition.format)
    if item.recognition.kind in _HINTS:
        table.add(tomlkit.comment(_HINTS[item.recognition.kind]))
    if item.options:
        table.add("options", _plain(item.options))
    return table


def _plain(value: object) -> object:
    """Turn option values into what TOML can hold."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (tuple, list, set, frozenset)):
        return [_plain(item) for item in value]
    return value


def _one_line(text: str) -> str:
    return " ".join(text.split())
