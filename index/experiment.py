"""experiment.toml and sessions.csv become an :class:`Experiment`, checked row by row."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final
from urllib.parse import quote

import polars as pl

from ethochat.index import tables
from ethochat.index.arena import Arena, Zone
from ethochat.index.domain import InputFile, Session
from ethochat.index.errors import ExperimentError
from ethochat.index.manifest import DEFAULT_INPUTS, InputDeclaration, Manifest, exact_fps, read_manifest
from ethochat.index.settings import (
    BehaviorSettings,
    DescriptionSettings,
    KeypointRoles,
    SegmentSettings,
    TrackingSettings,
    VlmSettings,
)
from ethochat.index.sheet import Problems, Row, Sheet, near, parse_number, read_sheet, shown, typed_column

MANIFEST = "experiment.toml"
SESSIONS = "sessions.csv"

RESERVED: Final = ("session_id", "subject_id", "individuals", "fps", "px_per_cm", "exclude_reason")
"""Columns of sessions.csv with a meaning of their own; those that inputs name come on top."""

LONGEST_ID: Final = 200
"""Characters of a session id, percent-encoded: it names the session's files below ``.ethochat``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Everything the two files of an experiment folder say."""

    root: Path
    name: str
    description: str = ""
    sessions: tuple[Session, ...] = ()
    metadata: pl.DataFrame = field(default_factory=lambda: pl.DataFrame({"session_id": []}))
    """One row per session: ``session_id`` and every column of sessions.csv that is not reserved, typed."""
    arena: Arena | None = None
    zones: tuple[Zone, ...] = ()
    keypoints: KeypointRoles = field(default_factory=KeypointRoles)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    segments: SegmentSettings = field(default_factory=SegmentSettings)
    behaviors: tuple[BehaviorSettings, ...] = ()
    metric_units: tuple[tuple[str, str], ...] = ()
    """Pairs (metric name, unit) of ``[metric_units]``."""
    vlm: VlmSettings = field(default_factory=VlmSettings)
    descriptions: DescriptionSettings = field(default_factory=DescriptionSettings)

    @property
    def data_dir(self) -> Path:
        """Folder of everything derived; may be deleted and rebuilt."""
        return self.root / ".ethochat"

    @property
    def metadata_columns(self) -> tuple[str, ...]:
        """Names of the columns that can be asked about."""
        return tuple(name for name in self.metadata.columns if name != "session_id")

    def session(self, session_id: str) -> Session:
        """Find a session by id.

        Raises
        ------
        KeyError
            When there is none.
        """
        for session in self.sessions:
            if session.session_id == session_id:
                return session
        raise KeyError(session_id)


def load_experiment(root: Path) -> Experiment:
    """Read and check an experiment folder.

    Parameters
    ----------
    root
        Folder with ``experiment.toml`` and ``sessions.csv``.

    Returns
    -------
    Experiment
        With absolute paths; ``root`` has its links resolved.

    Raises
    ------
    ExperimentError
        Naming file, row and column, what was expected and what was found; up to 20 problems at once.
    """
    given, root = root, Path(os.path.realpath(root))
    if not root.is_dir():
        raise ExperimentError("Expected the folder of an experiment, found no such folder.", path=given)
    _check_present(root, given)
    manifest = read_manifest(root / MANIFEST)
    problems = Problems(path=root / SESSIONS)
    sheet = read_sheet(root / SESSIONS, key="session_id", problems=problems)
    if not sheet.rows and not problems.found:
        raise ExperimentError(
            "Expected at least one session below the header, found none.", path=root / SESSIONS
        )
    inputs = _declared_inputs(manifest, sheet)
    _check_columns(sheet, inputs, problems)
    builder = _SessionBuilder(root=root, manifest=manifest, inputs=inputs, problems=problems)
    sessions = tuple(builder.session(row) for row in sheet.rows)
    problems.raise_if_any()
    if not any(session.inputs for session in sessions):
        raise ExperimentError(_no_inputs_message(inputs), path=root / SESSIONS)
    return Experiment(
        root=root,
        name=manifest.name or root.name,
        description=manifest.description,
        sessions=sessions,
        metadata=_metadata(sheet, inputs),
        arena=manifest.arena,
        zones=manifest.zones,
        keypoints=manifest.keypoints,
        tracking=manifest.tracking,
        segments=manifest.segments,
        behaviors=manifest.behaviors,
        metric_units=manifest.metric_units,
        vlm=manifest.vlm,
        descriptions=manifest.descriptions,
    )


# ---------------------------------------------------------------------------------------------------- columns
def _check_present(root: Path, given: Path) -> None:
    if not (root / MANIFEST).is_file():
        raise ExperimentError(
            f"Expected this file, found none; run `ethochat init {given}` to draft it.", path=root / MANIFEST
        )
    if not (root / SESSIONS).is_file():
        raise ExperimentError(
            "Expected this file, found none; write it with a column session_id and one row per session.",
            path=root / SESSIONS,
        )


def _declared_inputs(manifest: Manifest, sheet: Sheet) -> tuple[InputDeclaration, ...]:
    """Return the inputs of experiment.toml, or the default columns that the sheet has."""
    if manifest.inputs:
        return manifest.inputs
    return tuple(InputDeclaration(kind=kind, column=kind) for kind in DEFAULT_INPUTS if kind in sheet.columns)


def _column_of(declaration: InputDeclaration) -> str:
    """Name the column whose cell says whether a session has this input."""
    return declaration.match if declaration.column is None else declaration.column


def _check_columns(sheet: Sheet, inputs: tuple[InputDeclaration, ...], problems: Problems) -> None:
    """Check that the columns named by inputs are there and that metadata columns have free names."""
    for declaration in inputs:
        key = "match" if declaration.column is None else "column"
        column = _column_of(declaration)
        if column not in sheet.columns:
            problems.add(
                f"Expected a column of this name, which `{key}` of [[inputs]] ({declaration.kind}) in "
                f"{MANIFEST} asks for, found none{near(column, sheet.columns) or '.'}",
                row=1,
                column=column,
            )
    for column in _metadata_columns(sheet, inputs):
        if column in tables.SESSIONS:
            problems.add(
                f"Expected a name that ethochat does not use, found {column!r}; rename it, e.g. "
                f"{'my_' + column!r}, or declare it in an [[inputs]] table if it holds files.",
                row=1,
                column=column,
            )


def _metadata_columns(sheet: Sheet, inputs: tuple[InputDeclaration, ...]) -> list[str]:
    taken = {*RESERVED, *(declaration.column for declaration in inputs)}
    return [column for column in sheet.columns if column not in taken]


def _metadata(sheet: Sheet, inputs: tuple[InputDeclaration, ...]) -> pl.DataFrame:
    ids = pl.Series("session_id", [row.value("session_id") for row in sheet.rows], dtype=pl.String)
    columns = _metadata_columns(sheet, inputs)
    return pl.DataFrame(
        [ids, *(typed_column(name, [row.value(name) for row in sheet.rows]) for name in columns)]
    )


def _no_inputs_message(inputs: tuple[InputDeclaration, ...]) -> str:
    columns = ", ".join(repr(item.column or item.match) for item in inputs) or ", ".join(
        map(repr, DEFAULT_INPUTS)
    )
    return f"Expected at least one session with a file (columns {columns}), found none; fill in the paths."


# ------------------------------------------------------------------------------------------------------- rows
@dataclass(slots=True, kw_only=True)
class _SessionBuilder:
    """Makes a session of each row and notes what is wrong with it."""

    root: Path
    manifest: Manifest
    inputs: tuple[InputDeclaration, ...]
    problems: Problems
    files: _FileFinder = field(init=False)
    _lines: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = _FileFinder(self.root, self.manifest.allow_roots)
        shared = Problems(path=self.root / MANIFEST)
        for number, declaration in enumerate(self.inputs, start=1):
            if declaration.path is not None:
                try:
                    self.files.find(declaration.path, declaration.base)
                except ValueError as exc:
                    shared.add(f"key 'inputs[{number}].path': {exc}")
        shared.raise_if_any()

    def session(self, row: Row) -> Session:
        return Session(
            session_id=self._session_id(row),
            subject_id=row.value("subject_id"),
            individuals=self._individuals(row),
            fps=self._fps(row),
            px_per_cm=self._px_per_cm(row),
            inputs=tuple(item for declaration in self.inputs for item in self._input_files(row, declaration)),
            exclude_reason=row.value("exclude_reason"),
        )

    def _note(self, row: Row, column: str, message: str) -> None:
        self.problems.add(message, row=row.line, column=column)

    def _session_id(self, row: Row) -> str:
        session_id = row.value("session_id")
        if session_id is None:
            found = shown(row.cells["session_id"])
            self._note(
                row, "session_id", f"Expected an id, found {found}; give every session an id of its own."
            )
            return ""
        first = self._lines.setdefault(session_id, row.line)
        if first != row.line:
            self._note(
                row,
                "session_id",
                f"Expected a unique id, found {shown(session_id)} in lines {first} and {row.line}.",
            )
        if not session_id.isprintable() or len(quote(session_id, safe="")) > LONGEST_ID:
            self._note(
                row,
                "session_id",
                f"Expected up to {LONGEST_ID} printable characters, found {shown(session_id)}.",
            )
        return session_id

    def _fps(self, row: Row) -> Fraction | None:
        text = row.value("fps")
        if text is None:
            return self.manifest.fps
        try:
            return exact_fps(text)
        except ValueError as exc:
            self._note(row, "fps", f"{exc}; leave the cell empty where it is not known.")
            return None

    def _px_per_cm(self, row: Row) -> float | None:
        text = row.value("px_per_cm")
        if text is None:
            return self.manifest.px_per_cm
        value = parse_number(text)
        if value is None or value <= 0:
            self._note(
                row,
                "px_per_cm",
                f"Expected a positive number such as 10.5, found {shown(text)}; empty where not known.",
            )
        return value

    def _individuals(self, row: Row) -> tuple[tuple[str, str], ...]:
        text = row.value("individuals")
        if text is None:
            return ()
        pairs = [
            tuple(part.strip() for part in item.split("=")) for item in text.removesuffix(";").split(";")
        ]
        named = {pair[0] for pair in pairs}
        if any(len(pair) != 2 or not all(pair) for pair in pairs) or len(named) != len(pairs):
            self._note(
                row,
                "individuals",
                "Expected individual=subject_id pairs with different individuals, such as "
                f"'mouse1=M12;mouse2=M13', found {shown(text)}.",
            )
            return ()
        return tuple((pair[0], pair[1]) for pair in pairs)

    def _input_files(self, row: Row, declaration: InputDeclaration) -> list[InputFile]:
        column = _column_of(declaration)
        text = row.value(column)
        if text is None:
            if declaration.required and column in row.cells:
                self._note(
                    row,
                    column,
                    f"Expected a value (the {declaration.kind} input is required), found an empty cell.",
                )
            return []
        if declaration.path is not None:
            return [self._input_file(declaration, self.files.find(declaration.path, declaration.base), text)]
        found: list[InputFile] = []
        for part in filter(None, (part.strip() for part in text.split(";"))):
            try:
                path = self.files.find(part, declaration.base)
            except ValueError as exc:
                self._note(row, column, str(exc))
                continue
            if any(item.path == path for item in found):
                self._note(row, column, f"Expected each file once, found {shown(part)} twice; delete one.")
            found.append(self._input_file(declaration, path, None))
        return found

    @staticmethod
    def _input_file(declaration: InputDeclaration, path: Path, session_key: str | None) -> InputFile:
        return InputFile(
            kind=declaration.kind,
            path=path,
            format=declaration.format,
            name=declaration.name,
            source_kind=declaration.source_kind,
            session_key=session_key,
            options=declaration.options,
        )


class _FileFinder:
    """Finds files that the user named, inside the folders that may be read."""

    def __init__(self, root: Path, allow_roots: tuple[str, ...]) -> None:
        self._root = root
        self._roots = (
            root,
            *(Path(os.path.realpath(root / Path(entry).expanduser())) for entry in allow_roots),
        )
        self._found: dict[tuple[str, str | None], Path] = {}

    def find(self, text: str, base: str | None) -> Path:
        """Find a file.

        Parameters
        ----------
        text
            Path as written, relative to the experiment folder (or to ``base`` in it), or absolute.

        Raises
        ------
        ValueError
            When it lies outside the allowed folders or is no file.
        """
        key = (text, base)
        if key not in self._found:
            self._found[key] = self._checked(text, self._root / (base or "") / text)
        return self._found[key]

    def _checked(self, text: str, path: Path) -> Path:
        real = Path(os.path.realpath(path))
        # Checked before anything else is said, so that a message never tells what lies outside.
        if not any(real.is_relative_to(root) for root in self._roots):
            raise ValueError(
                f"Expected a path inside the experiment folder, found {shown(text)}, which leads to {real}; "
                f"move the file into the folder or list its folder in `allow_roots` of {MANIFEST}."
            )
        if os.path.isfile(real):  # Path.is_file raises for names that are too long
            # The folder is resolved, the name kept: a linked file keeps the name that tells what it is.
            return Path(os.path.realpath(path.parent)) / path.name
        if os.path.isdir(real):
            raise ValueError(f"Expected a file, found the folder {shown(text)}; name a file in it.")
        hint = "; write / instead of \\" if "\\" in text else self._similar(real)
        raise ValueError(
            f"Expected an existing file, found {shown(text)}, which would be {shown(str(real), 200)}{hint}."
        )

    @staticmethod
    def _similar(path: Path) -> str:
        try:
            names = os.listdir(path.parent)
        except OSError:
            return " in a folder that does not exist"
        return near(path.name, names).removesuffix("?")
