"""DeepLabCut pose tables: csv and h5, one or several animals, filtered or not, with or without likelihood."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, Literal, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.domain import InputKind
from ethochat.index.errors import FormatError
from ethochat.index.formats.base import ReadRequest, Recognition, Track
from ethochat.index.formats.delimited import (
    POSITION_LIMIT,
    Table,
    integers,
    numbers,
    read_head,
    read_table,
    read_text,
)
from ethochat.index.formats.options import TextOptions, parse_options
from ethochat.index.formats.positions import MOST_FRAMES, check_frames, spread
from ethochat.index.sheet import shown

if TYPE_CHECKING:
    import pandas as pd

LEVELS: Final = ("scorer", "individuals", "bodyparts", "coords")
KEY: Final = "df_with_missing"
"""Name of the table in DeepLabCut's h5 files."""
_HEADERS: Final = (LEVELS, (LEVELS[0], *LEVELS[2:]))
AXES: Final = ("x", "y", "likelihood")


class DeepLabCutOptions(TextOptions):
    """Options of :class:`DeepLabCutReader`."""

    unit: Literal["px", "cm"] = "px"
    first_frame: int = 0
    """Number that the file gives to the session's first frame."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where each value stands in a row, as columns counted from 0."""

    individuals: tuple[str, ...]
    keypoints: tuple[str, ...]
    axes: tuple[str, ...]
    columns: dict[tuple[str, str, str], int]
    """(individual, keypoint, coordinate) to column."""


class DeepLabCutReader:
    """Pose tracks as DeepLabCut writes them."""

    name = "deeplabcut"
    kind: InputKind = "pose"

    def sniff(self, path: Path) -> Recognition | None:
        """Recognise the header lines of a csv, or the table in an h5 file."""
        if path.suffix.lower() in {".h5", ".hdf5"}:
            return self._sniff_h5(path)
        head = read_head(path)
        if head is None:
            return None
        lines = head.split("\n")[:5]
        first = _first_cells(lines, ";" if lines[0].count(";") > lines[0].count(",") else ",")
        n_header = first.index("coords") + 1 if "coords" in first else 0
        if tuple(first[:n_header]) not in _HEADERS:
            return None
        if len(lines) > n_header and not re.fullmatch(r"\d+(\.0*)?", first[n_header]):
            return None  # frames picked for training by hand, of any number of videos: no recording
        delimiter = {"delimiter": ";"} if lines[0].count(";") > lines[0].count(",") else {}
        kind = "several animals" if n_header == len(LEVELS) else "one animal"
        return Recognition(
            format=self.name,
            kind=self.kind,
            certainty=0.95,
            options=delimiter,
            note=f"DeepLabCut pose, {kind}",
        )

    def read(self, path: Path, request: ReadRequest) -> Track:
        """Read positions and confidence as they stand in the file; only absent values are NaN."""
        options = parse_options(DeepLabCutOptions, request.options, reader=self.name, path=path)
        if path.suffix.lower() in {".h5", ".hdf5"}:
            return self._read_h5(path, request, options)
        return self._read_csv(path, request, options)

    def _sniff_h5(self, path: Path) -> Recognition | None:
        import h5py

        try:
            with h5py.File(path, "r") as file:
                known = KEY in file
        except OSError:
            return None
        if not known:
            return None
        return Recognition(format=self.name, kind=self.kind, certainty=0.95, note="DeepLabCut pose (h5)")

    def _read_csv(self, path: Path, request: ReadRequest, options: DeepLabCutOptions) -> Track:
        # Not through movement: it names no wrong line, ignores frame numbers and needs seconds to import.
        table = read_table(path, options, header_lines=_count_header_lines(path, options))
        layout = _layout(table)
        if table.frame.is_empty():
            raise FormatError("Expected one row per frame below the header, found none.", path=path)
        table = _named(table, layout)
        frames = integers(table, "frame") - options.first_frame
        check_frames(table, frames, column="frame")
        placed = spread(_gather(table, layout), frames.to_numpy())
        return Track(
            source=request.source or "dlc",
            individuals=layout.individuals,
            keypoints=layout.keypoints,
            position=np.ascontiguousarray(placed[:, :2]),
            confidence=np.ascontiguousarray(placed[:, 2]) if "likelihood" in layout.axes else None,
            unit=options.unit,
            first_frame=_first(frames),
        )

    def _read_h5(self, path: Path, request: ReadRequest, options: DeepLabCutOptions) -> Track:
        poses, individuals, keypoints = _read_pandas(path)
        dataset = _movement().from_dlc_style_df(poses)
        frames = poses.index.to_numpy().astype(np.int64) - options.first_frame
        if frames.min() < 0 or frames.max() - frames.min() > MOST_FRAMES:
            raise FormatError(
                f"Expected frames from 0 on, found {frames.min()} to {frames.max()}; check `first_frame`.",
                path=path,
            )
        position = dataset.position.transpose("time", "space", "keypoints", "individuals").to_numpy()
        confidence = None
        if "likelihood" in poses.columns.get_level_values("coords"):
            confidence = dataset.confidence.transpose("time", "keypoints", "individuals").to_numpy()
        return Track(
            source=request.source or "dlc",
            individuals=individuals,
            keypoints=keypoints,
            position=spread(position.astype(np.float32), frames),
            confidence=None if confidence is None else spread(confidence.astype(np.float32), frames),
            unit=options.unit,
            first_frame=int(frames.min()),
        )


def _first_cells(lines: Sequence[str], delimiter: str) -> list[str]:
    return [line.split(delimiter)[0].strip('" ') for line in lines]


def _count_header_lines(path: Path, options: DeepLabCutOptions) -> int:
    head = read_head(path) or read_text(path, options.encoding)
    first = _first_cells(head.split("\n", 5)[:5], options.delimiter or ",")
    n_header = first.index("coords") + 1 if "coords" in first else 0
    if tuple(first[:n_header]) not in _HEADERS:
        raise FormatError(
            "Expected header lines that start with scorer, (individuals,) bodyparts, coords, separated by "
            f"{options.delimiter or ','!r}, found {', '.join(shown(cell, 40) for cell in first[:4])}.",
            path=path,
            row=1,
        )
    return n_header


def _layout(table: Table) -> _Layout:
    """Read the header: a new keypoint begins at every ``x``."""
    levels = {record[0]: record for record in table.header}
    points, axes = levels["bodyparts"], [axis.lower() for axis in levels["coords"]]
    animals = levels.get("individuals", ("",) * len(points))
    # pandas numbers repeated names (snout, snout.1, snout.2) when it takes a header line for a plain one.
    mangled = any(axes[n] == "y" and points[n] != points[n - 1] for n in range(2, len(points)))
    groups: list[list[int]] = []
    for number in range(1, len(axes)):
        if axes[number] == "x":
            groups.append([])
        if axes[number] not in AXES or not groups:
            raise _header_error(table, number, "x, y and likelihood", axes[number], "coords")
        groups[-1].append(number)
    columns: dict[tuple[str, str, str], int] = {}
    for group in groups:
        animal, point = (_plain_name(names, group[0], mangled=mangled) for names in (animals, points))
        if [axes[number] for number in group] not in ([*AXES], [*AXES[:2]]):
            raise _header_error(
                table, group[0], "x, y and, at most, likelihood for each point", point, "coords"
            )
        for number in group:
            here = (
                _plain_name(animals, number, mangled=mangled),
                _plain_name(points, number, mangled=mangled),
            )
            if here != (animal, point):
                raise _header_error(table, number, f"{point!r}", points[number], "bodyparts")
            if (animal, point, axes[number]) in columns:
                raise _header_error(table, number, "each point once", point, "bodyparts")
            columns[animal, point, axes[number]] = number
    return _Layout(
        individuals=tuple(dict.fromkeys(animal for animal, _, _ in columns)),
        keypoints=tuple(dict.fromkeys(point for _, point, _ in columns)),
        axes=AXES if "likelihood" in axes else AXES[:2],
        columns=columns,
    )


def _plain_name(names: Sequence[str], number: int, *, mangled: bool) -> str:
    match = re.fullmatch(r"(.+)\.\d+", names[number]) if mangled else None
    return match[1] if match and match[1] in names else names[number]


def _header_error(table: Table, number: int, expected: str, found: str, level: str) -> FormatError:
    row = next(line for line, record in enumerate(table.header, start=1) if record[0] == level)
    return FormatError(
        f"Expected {expected} in the header, found {shown(found)} in cell {number + 1}.",
        path=table.path,
        row=row,
    )


def _column_name(animal: str, point: str, axis: str) -> str:
    return " ".join(part for part in (animal, point, axis) if part)


def _named(table: Table, layout: _Layout) -> Table:
    """Name the columns after what they hold, so that an error can."""
    names = {str(number): _column_name(*place) for place, number in layout.columns.items()}
    return replace(table, frame=table.frame.rename({"0": "frame", **names}))


def _gather(table: Table, layout: _Layout) -> NDArray[np.float32]:
    """All values, shape ``(n_rows, n_axes, n_keypoints, n_individuals)``; NaN where there is no column."""
    shape = (table.frame.height, len(layout.axes), len(layout.keypoints), len(layout.individuals))
    values = np.full(shape, np.nan, dtype=np.float32)
    for animal, point, axis in layout.columns:
        place = (layout.axes.index(axis), layout.keypoints.index(point), layout.individuals.index(animal))
        column = numbers(table, _column_name(animal, point, axis), limit=POSITION_LIMIT)
        values[(slice(None), *place)] = column.fill_null(np.nan).to_numpy()
    return values


def _read_pandas(path: Path) -> tuple[pd.DataFrame, tuple[str, ...], tuple[str, ...]]:
    """Read the h5 table with all columns in the order movement expects; and individuals and keypoints."""
    import h5py
    import pandas as pd

    try:
        with h5py.File(path, "r") as file:
            keys = list(file)
    except OSError as exc:
        raise FormatError(f"Expected a DeepLabCut h5 file, found: {exc}.", path=path) from exc
    if KEY not in keys:
        raise FormatError(f"Expected a table {KEY!r}, found {', '.join(keys) or 'none'}.", path=path)
    poses = pd.read_hdf(path, key=KEY)
    names = tuple(poses.columns.names)
    if names not in _HEADERS:
        raise FormatError(
            f"Expected columns by scorer, (individuals,) bodyparts, coords, found {names}.", path=path
        )
    if not pd.api.types.is_integer_dtype(poses.index) or not poses.index.is_unique or poses.empty:
        raise FormatError(
            f"Expected one row per frame, numbered, found an index like {poses.index[:1].to_list()!r}.",
            path=path,
        )
    levels = [list(dict.fromkeys(poses.columns.get_level_values(name))) for name in names]
    axes = [axis for axis in AXES if axis in levels[-1]]
    if set(levels[-1]) != set(axes) or len(axes) < 2 or len(levels[0]) != 1:
        raise FormatError(
            f"Expected x, y and likelihood by one scorer, found {levels[-1]} by {levels[0]}.", path=path
        )
    levels[-1] = axes
    full = poses.reindex(columns=pd.MultiIndex.from_product(levels, names=names))
    individuals = tuple(levels[1]) if "individuals" in names else ("",)
    return full, individuals, tuple(levels[-2])


def _movement() -> ModuleType:
    """Import movement's loader; its import sends Python's warnings to a log of its own, undone here."""
    show = warnings.showwarning
    try:
        from movement.io import load_poses
    finally:
        warnings.showwarning = show
    return cast("ModuleType", load_poses)


def _first(frames: pl.Series) -> int:
    return int(frames.to_numpy().min())
