"""Look at a folder of files and draft its experiment.toml and sessions.csv.

Files are recognised by their content and paired to sessions by their names; tables are tied to sessions where
a column names them. What is a guess is marked CHECK, and what is not used is listed with the reason.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.items import Table as TomlTable

from ethochat.index import tables
from ethochat.index.candidates import (
    KEY_OPTION,
    Candidate,
    Recognise,
    common_rows,
    describes,
    is_tabular,
    look_at,
    metric_columns,
    names_many,
    only_describes,
    own_key,
    unused_reason,
)
from ethochat.index.errors import ExperimentError
from ethochat.index.experiment import LONGEST_ID, MANIFEST, RESERVED, SESSIONS
from ethochat.index.formats.base import Recognition
from ethochat.index.manifest import DEFAULT_INPUTS, exact_fps
from ethochat.index.pairing import (
    KEY_NAMES,
    SUBJECT_NAMES,
    Group,
    Named,
    alias,
    find_key,
    find_row_key,
    group_files,
    identifier,
    natural_key,
    values_of,
)
from ethochat.index.sheet import MISSING, parse_number

_SHOWN_DOUBTS: Final = 5


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
        Says what a file seems to be, best first; by default :func:`ethochat.index.formats.recognise`.

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
    drafter.add([look_at(drafter.root, path, recognise) for path in files])
    if not drafter.recognised:
        listed = "; ".join(f"{item.path}: {item.reason}" for item in drafter.left_out[:10])
        raise ExperimentError(
            f"Expected at least one file that a reader recognises, found none ({listed}).",
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
    for path, text in ((sessions, draft.csv), (manifest, draft.toml)):
        try:
            with path.open("x", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as exc:
            raise ExperimentError(
                f"Expected a folder that can be written, found: {exc.strerror or exc}.", path=path
            ) from exc
    return manifest, sessions


def _refuse_existing(root: Path) -> None:
    existing = [name for name in (MANIFEST, SESSIONS) if (root / name).exists()]
    if existing:
        raise ExperimentError(
            f"Expected a folder without {MANIFEST} and {SESSIONS}, found {' and '.join(existing)}; "
            "ethochat never overwrites them: edit, rename or move them.",
            path=root,
        )


# ------------------------------------------------------------------------------------ working state
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
    doubts: dict[str, list[PurePosixPath]] = field(default_factory=dict)
    """What is a guess, and about which files."""

    def doubt(self, path: PurePosixPath, *doubts: str) -> None:
        for doubt in doubts:
            self.doubts.setdefault(doubt, []).append(path)


@dataclass(slots=True, kw_only=True)
class _Drafter:
    """Fills the two files step by step."""

    root: Path
    sessions: dict[str, _Session] = field(default_factory=dict)
    inputs: list[_Input] = field(default_factory=list)
    recognised: list[RecognisedFile] = field(default_factory=list)
    left_out: list[LeftOutFile] = field(default_factory=list)
    metadata: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    _overlaps: dict[PurePosixPath, list[str]] = field(default_factory=dict)

    # ---------------------------------------------------------------------------------------- files
    def usable_files(self) -> Iterator[PurePosixPath]:
        """Walk the folder without what is hidden; note files that cannot be named in sessions.csv."""
        for folder, folders, names in os.walk(self.root):
            inside = Path(folder).relative_to(self.root)
            folders[:] = sorted((name for name in folders if not name.startswith(".")), key=natural_key)
            for name in folders:
                if Path(folder, name).is_symlink():
                    self.leave_out(PurePosixPath(inside / name), "a link to a folder, which is not followed")
            for name in sorted(names, key=natural_key):
                if name.startswith("."):
                    continue
                path = PurePosixPath(inside / name)
                problem = self._name_problem(path)
                if problem:
                    self.leave_out(path, problem)
                else:
                    yield path

    def _name_problem(self, path: PurePosixPath) -> str:
        text = str(path)
        if not text.isprintable() or text != text.strip() or ";" in text:
            return "its name has a semicolon, a control character or a space at an end; rename it"
        if not Path(os.path.realpath(self.root / path)).is_relative_to(self.root):
            return f"a link to a file outside the folder; list that folder in `allow_roots` of {MANIFEST}"
        return ""

    def leave_out(self, path: PurePosixPath, reason: str) -> None:
        self.left_out.append(LeftOutFile(path=str(path), reason=reason))

    def _use(self, file: Candidate, what: str, session_id: str | None) -> None:
        self.recognised.append(RecognisedFile(path=str(file.path), what=what, session_id=session_id))

    # ---------------------------------------------------------------------------------------- steps
    def add(self, files: Sequence[Candidate]) -> None:
        """Sort files into those of one session, tables of many, and the rest."""
        rest = [file for file in files if file.best is None or only_describes(file)]
        used = [file for file in files if file not in rest]
        names = {identifier(file.path.name).casefold(): file for file in used if not is_tabular(file)}
        shared = [file for file in used if names_many(file, names, used)]
        self._add_single([file for file in used if file not in shared])
        shared = self._without_copies(shared)
        if not self.sessions:
            shared = self._seed(shared)
        described = [file for file in (*rest, *shared) if self._add_metadata(file)]
        for file in shared:
            self._add_shared(file)
        for file in rest:
            if file not in described:
                self.leave_out(file.path, unused_reason(file))

    # -------------------------------------------------------------------- files of one session each
    def _add_single(self, files: Sequence[Candidate]) -> None:
        uses = {
            Named(path=file.path, kind=use.kind, format=use.format): (file, use)
            for file in files
            for use in file.uses
        }
        columns: dict[str, _Input] = {}
        for group in group_files(list(uses), folder_name=self.root.name):
            session = self._session(group.session_id)
            sure = [member for member in group.members if member not in group.guessed]
            session.aliases |= {alias(member.path.name) for member in sure}
            for member in self._chosen(group):
                file, use = uses[member]
                declaration = self._column_input(columns, use)
                column = declaration.column or ""
                paths = (session.cells.get(column), str(member.path))
                session.cells[column] = ";".join(path for path in paths if path)
                declaration.doubt(file.path, *file.doubts(use))
                if member in group.guessed:
                    declaration.doubt(
                        file.path, f"belongs to {session.session_id} by the beginning of its name"
                    )
                self._use(file, use.note or use.format, session.session_id)

    def _chosen(self, group: Group) -> list[Named]:
        """Drop what shows the same twice: further poses, and videos with the pose drawn on."""
        poses = sorted((member for member in group.members if member.kind == "pose"), key=_pose_rank)
        plain = [member for member in group.members if member.kind == "video" and not _is_drawn_on(member)]
        chosen = []
        for member in group.members:
            if member.kind == "pose" and member != poses[0]:
                kept = poses[0].path.name
                self.leave_out(
                    member.path, f"another pose of the session, of which {kept} is used; swap them at will"
                )
            elif member.kind == "video" and plain and member not in plain:
                self.leave_out(member.path, f"seems to be {plain[0].path.name} with labels drawn on")
            else:
                chosen.append(member)
        return chosen

    def _column_input(self, columns: dict[str, _Input], use: Recognition) -> _Input:
        """Find or make the input for files of this kind, format and options."""
        options = {name: value for name, value in use.options.items() if name != KEY_OPTION}
        key = json.dumps([use.kind, use.format, options], sort_keys=True, default=str)
        if key not in columns:
            taken = {item.column for item in columns.values()}
            column = _numbered(use.kind if use.kind not in taken else f"{use.kind}_{use.format}", taken)
            columns[key] = _Input(recognition=use, column=column, options=options)
            self.inputs.append(columns[key])
        return columns[key]

    # ----------------------------------------------------------------------- tables of all sessions
    def _without_copies(self, shared: Sequence[Candidate]) -> list[Candidate]:
        """Leave out tables whose rows all stand in another table of the same format; note shared rows."""
        kept: list[Candidate] = []
        for file in sorted(shared, key=lambda file: -(file.table.height if file.table is not None else 0)):
            common = {other.path: common_rows(file, other) for other in kept}
            most = max(common, key=lambda path: common[path], default=file.path)
            n_rows = file.table.height if file.table is not None else 0
            if common.get(most, 0) == n_rows:
                self.leave_out(file.path, f"all its rows are in {most}")
                continue
            if common.get(most):
                said = f"{common[most]} of its {n_rows} rows are also in {most} and would count twice"
                self._overlaps[file.path] = [said]
            kept.append(file)
        return [file for file in shared if file in kept]

    def _seed(self, shared: Sequence[Candidate]) -> list[Candidate]:
        """Make sessions from the table that names most of them, where no file is one session's own."""
        named = {}
        for file in shared:
            key = own_key(file)
            if file.table is not None and key is not None:
                named[file.path] = values_of(file.table, key)
        most: list[str] = max(named.values(), key=len, default=[])
        short = {value: identifier(value) or value for value in most}
        ambiguous = len({name.casefold() for name in short.values()}) < len(most)
        for value in most:
            self._session(value if ambiguous else short[value]).aliases.add(alias(value))
        for file in shared:
            if file.path not in named:
                self.leave_out(file.path, "no column of it seems to name sessions")
        return [file for file in shared if file.path in named]

    def _add_shared(self, file: Candidate) -> None:
        if file.best is None or file.table is None:
            return
        key = find_key(file.table, self._aliases(), suggested=file.key_column)
        if key is None:
            self.leave_out(
                file.path,
                f"no column of it names the sessions; add a column with its names to {SESSIONS} and to "
                f"{MANIFEST} an [[inputs]] table with `path` and `match`",
            )
            return
        values = dict(key.values)
        others = [value for value in values_of(file.table, key.column) if value not in set(values.values())]
        for value in others:
            session = self._session(identifier(value) or value)
            session.aliases.add(alias(value))
            values[session.session_id] = value
        declaration = _Input(
            recognition=file.best,
            path=str(file.path),
            match=self._match_column(key.column, values),
            options={**file.best.options, KEY_OPTION: key.column, **metric_columns(file)},
        )
        declaration.doubt(file.path, *file.doubts(file.best), *self._overlaps.get(file.path, ()))
        if others:
            declaration.doubt(
                file.path,
                f"no other file has {len(others)} sessions that {key.column!r} names, such as {others[0]!r}",
            )
        self.inputs.append(declaration)
        self._use(file, file.best.note or file.best.format, None)

    def _match_column(self, name: str, values: Mapping[str, str]) -> str:
        """Find the column of sessions.csv that holds the table's names as they stand, or add one."""
        if all(session_id == value for session_id, value in values.items()):
            return "session_id"
        for column in self.metadata:
            if all(
                self.sessions[session_id].cells.get(column) == value for session_id, value in values.items()
            ):
                return column
        return self._add_column(name, values)

    def _add_metadata(self, file: Candidate) -> bool:
        """Merge a table with one row per session or animal into sessions.csv; tell whether it was one."""
        measured = file.best is not None and not only_describes(file)
        if file.table is None or (measured and file.uses[0].kind != "metrics"):
            return False
        key = find_row_key(file.table, self._aliases())
        if key is None:
            return False
        rows = {row[key.column]: row for row in file.table.iter_rows(named=True)}
        for name in file.table.columns:
            cells = {session_id: rows[value][name].strip() for session_id, value in key.values.items()}
            if measured and not describes(file.table, name):
                continue
            if not name.strip() or all(cell in MISSING for cell in cells.values()) or self._is_known(cells):
                continue
            column = self._add_column(name, cells)
            self._learn(column, cells)
        if not measured:
            self._use(file, f"metadata, rows named by {key.column!r}", None)
            absent = [session_id for session_id in self.sessions if session_id not in key.values]
            if absent:
                self.doubts.append(f"{file.path} has no row for {len(absent)} sessions, such as {absent[0]}")
        return True

    def _is_known(self, cells: Mapping[str, str]) -> bool:
        """Tell whether a column of sessions.csv says the same already."""
        if all(session_id == cell for session_id, cell in cells.items()):
            return True
        return any(
            all(self.sessions[session_id].cells.get(column) == cell for session_id, cell in cells.items())
            for column in self.metadata
        )

    def _learn(self, column: str, cells: Mapping[str, str]) -> None:
        """Let a column name the animals, and sessions go by the values of a column that names them."""
        plain = "_".join(column.casefold().split())
        if plain in SUBJECT_NAMES and "subject_id" not in self.metadata:
            self._add_column("subject_id", cells)
            self.doubts.append(
                f"subject_id, the animal behind a session, was taken from the column {column!r}"
            )
        unique = len({alias(cell) for cell in cells.values()}) == len(cells)
        if unique and plain in {*KEY_NAMES, *SUBJECT_NAMES}:
            for session_id, cell in cells.items():
                if cell not in MISSING:
                    self.sessions[session_id].aliases.add(alias(cell))

    def _add_column(self, name: str, cells: Mapping[str, str]) -> str:
        """Add a column under its name, or under a similar one where that has another meaning."""
        wanted = " ".join(name.split())
        taken = {*tables.SESSIONS, *RESERVED, *DEFAULT_INPUTS, *self.metadata}
        taken |= {item.column for item in self.inputs if item.column}
        if wanted not in self.metadata and _is_valid(wanted, cells):
            taken.discard(wanted)
        column = _numbered(wanted, taken)
        if column != wanted:
            self.doubts.append(
                f"the column {wanted!r} of a table is called {column!r}, for sessions.csv uses that name"
            )
        self.metadata.append(column)
        for session_id, cell in cells.items():
            self.sessions[session_id].cells[column] = cell
        return column

    # ------------------------------------------------------------------------------------- together
    def _session(self, name: str) -> _Session:
        """Find or make the session of a name; the id is made such that sessions.csv accepts it."""
        session_id = f"session_{name}" if name in MISSING else name
        if len(quote(session_id, safe="")) > LONGEST_ID:
            while len(quote(session_id, safe="")) > LONGEST_ID - 4:
                session_id = session_id[:-1]
            session_id = _numbered(session_id, self.sessions)
        session = self.sessions.setdefault(session_id, _Session(session_id=session_id))
        session.aliases |= {alias(session_id), session_id.casefold()}
        return session

    def _aliases(self) -> dict[str, set[str]]:
        return {session_id: session.aliases for session_id, session in self.sessions.items()}

    def draft(self) -> Draft:
        """Put everything together."""
        sessions = sorted(self.sessions.values(), key=lambda session: natural_key(session.session_id))
        order = list(DEFAULT_INPUTS)
        inputs = sorted(self.inputs, key=lambda item: order.index(item.recognition.kind))
        columns = [*(item.column for item in inputs if item.column), *self.metadata]
        columns.sort(key=lambda name: name != "subject_id")
        videos = {item.column for item in inputs if item.recognition.kind == "video"}
        timeless = [item.session_id for item in sessions if not {"fps", *videos} & item.cells.keys()]
        if timeless:
            self.doubts.append(
                f"no video tells the frame rate of {len(timeless)} sessions, such as {timeless[0]}: set fps "
                "in [defaults], for files in seconds need it and all other times will count frames"
            )
        return Draft(
            root=self.root,
            columns=("session_id", *columns),
            sessions=tuple({"session_id": session.session_id, **session.cells} for session in sessions),
            toml=_manifest_text(self.root.name, inputs, self.doubts),
            recognised=tuple(sorted(self.recognised, key=lambda item: natural_key(item.path))),
            left_out=tuple(sorted(self.left_out, key=lambda item: natural_key(item.path))),
        )


# -------------------------------------------------------------------------------------- small parts
def _is_valid(column: str, cells: Mapping[str, str]) -> bool:
    """Tell whether cells may stand under a name to which sessions.csv gives a meaning."""
    present = [cell for cell in cells.values() if cell not in MISSING]
    if column == "px_per_cm":
        return all((parse_number(cell) or 0) > 0 for cell in present)
    if column == "fps":
        try:
            return all(exact_fps(cell) > 0 for cell in present)
        except ValueError:
            return False
    return column in {"subject_id", "exclude_reason"}


def _numbered(name: str, taken: Collection[str | None]) -> str:
    """Return a name that is not taken: itself, or with a number."""
    numbered = (f"{name}_{number}" for number in range(2, len(taken) + 3))
    return next(candidate for candidate in (name, *numbered) if candidate not in taken)


def _pose_rank(file: Named) -> tuple[bool, bool, int, str]:
    """Sort poses of one session: unfiltered before filtered, text before binary, short names first."""
    name = file.path.stem.casefold()
    return "filtered" in name, file.path.suffix.lower() in {".h5", ".hdf5"}, len(name), name


def _is_drawn_on(file: Named) -> bool:
    return file.path.stem.casefold().endswith(("_labeled", "_labelled", "_annotated"))


# ---------------------------------------------------------------------------------- experiment.toml
def _manifest_text(name: str, inputs: Sequence[_Input], doubts: Sequence[str]) -> str:
    document = tomlkit.document()
    document.add(
        tomlkit.comment("Drafted by `ethochat init`. Lines with CHECK are guesses or need your word.")
    )
    _add_doubts(document, doubts)
    experiment = tomlkit.table()
    experiment.add("name", name or "experiment")
    experiment.add("description", "")
    document.add("experiment", experiment)
    defaults = tomlkit.table()
    defaults.add(tomlkit.comment("fps = 25          # where no video says it; without it times count frames"))
    defaults.add(
        tomlkit.comment("px_per_cm = 10.5  # or declare the arena; without it distances are in pixels")
    )
    document.add("defaults", defaults)
    array = tomlkit.aot()
    for item in inputs:
        array.append(_input_table(item))
    document.add("inputs", array)
    return tomlkit.dumps(document)


def _input_table(item: _Input) -> TomlTable:
    table = tomlkit.table()
    _add_doubts(table, [_worded(doubt, paths) for doubt, paths in item.doubts.items()])
    table.add("kind", item.recognition.kind)
    if item.column is not None:
        table.add("column", item.column)
    else:
        table.add("path", item.path)
        table.add("match", item.match)
    if item.recognition.kind != "video":
        table.add("format", item.recognition.format)
    if item.recognition.kind == "annotations":
        table.add(
            tomlkit.comment('source_kind = "automated"  # if a program made these labels, not a person')
        )
    if item.options:
        table.add("options", _plain(item.options))
    return table


def _worded(doubt: str, paths: Sequence[PurePosixPath]) -> str:
    return f"{paths[0]}: {doubt}" if len(paths) == 1 else f"{len(paths)} files such as {paths[0]}: {doubt}"


def _add_doubts(container: TOMLDocument | TomlTable, doubts: Sequence[str]) -> None:
    """Write guesses as comments, the first few where there are many alike."""
    different = [_one_line(doubt) for doubt in dict.fromkeys(doubts)]
    for doubt in different[:_SHOWN_DOUBTS]:
        container.add(tomlkit.comment(f"CHECK: {doubt}"))
    if len(different) > _SHOWN_DOUBTS:
        container.add(tomlkit.comment(f"CHECK: … and {len(different) - _SHOWN_DOUBTS} more like these"))


def _one_line(text: str) -> str:
    """Make a text fit for a comment, whatever names of files and columns it quotes."""
    return "".join(sign if sign.isprintable() else "?" for sign in " ".join(text.split()))


def _plain(value: object) -> object:
    """Turn option values into what TOML can hold."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (tuple, list, set, frozenset)):
        return [_plain(item) for item in value]
    return value
