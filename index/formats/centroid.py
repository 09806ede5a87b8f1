"""One point per animal and frame: centroid tracks in delimited files and spreadsheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import model_validator

from ethochat.index.domain import InputKind
from ethochat.index.errors import FormatError
from ethochat.index.formats.base import ReadRequest, Recognition, Track
from ethochat.index.formats.delimited import (
    POSITION_LIMIT,
    SPREADSHEETS,
    TIME_LIMIT,
    Table,
    find_column,
    integers,
    numbers,
    pick_rows,
    read_sheet,
    read_table,
    require_columns,
    sample_table,
)
from ethochat.index.formats.options import Column, TextOptions, Texts, parse_options
from ethochat.index.formats.positions import check_frames
from ethochat.index.timebase import TimeBase

FRAME_NAMES: Final = (
    "frame",
    "frames",
    "frame_number",
    "frame_no",
    "frame_id",
    "frame_index",
    "framenumber",
    "video_frame",
)
TIME_NAMES: Final = ("time", "time_s", "times", "timestamp", "timestamp_s", "seconds", "t", "t_s")
POINT_NAMES: Final = (
    ("x", "y"),
    ("x_px", "y_px"),
    ("x_cm", "y_cm"),
    ("pos_x", "pos_y"),
    ("x_pos", "y_pos"),
    ("position_x", "position_y"),
    ("x_position", "y_position"),
    ("centroid_x", "centroid_y"),
    ("x_centroid", "y_centroid"),
    ("center_x", "center_y"),
    ("x_center", "y_center"),
    ("cx", "cy"),
    ("x1", "y1"),
    ("cc", "rr"),  # column and row of the image
    ("col", "row"),
    ("column", "row"),
)
_ANIMAL_NAMES: Final = ("individual", "animal", "animal_id", "mouse", "mouse_id", "track_id", "id")
_FEWEST_ROWS: Final = 100
"""A table of points without frame numbers that is shorter than this is more likely a list of corners."""


class CentroidOptions(TextOptions):
    """Options of :class:`CentroidReader`."""

    x: Column | None = None
    y: Column | None = None
    frame: Column | None = None
    time: Column | None = None
    """Column of seconds, for a file without frame numbers; needs the session's frame rate."""
    confidence: Column | None = None
    individual: Column | None = None
    area: Column | None = None
    orientation: Column | None = None
    """Column of body-axis angles in degrees."""
    unit: Literal["px", "cm"] = "px"
    has_header: bool = True
    sheet: str | None = None
    key_column: Texts = ()
    first_frame: int = 0
    """Number that the file gives to the session's first frame."""
    frame_offset: int = 0
    """Added to every frame number."""
    start_frame: int = 0
    """Session frame of the first row, for a file without frame numbers."""
    dx: float = 0.0
    """Added to x, in the file's unit."""
    dy: float = 0.0
    missing: Texts = ("", "NA", "NaN", "nan", "-")

    @model_validator(mode="after")
    def _numbered_once(self) -> CentroidOptions:
        if self.frame is not None and self.time is not None:
            raise ValueError("expected `frame` or `time`, found both")
        if self.frame is not None and self.start_frame:
            raise ValueError(
                "expected `frame_offset` beside `frame`, found `start_frame` (for unnumbered rows)"
            )
        return self


class CentroidReader:
    """Centroids of one or more animals."""

    name = "centroid"
    kind: InputKind = "pose"

    def sniff(self, path: Path) -> Recognition | None:
        """Recognise a header with frame or time and a usual pair of coordinate names."""
        table = sample_table(path)
        if table is None or not table.header:
            return None
        columns = table.frame.columns
        point = _find_point(columns)
        if point is None or table.frame.is_empty():
            return None
        found: dict[str, object] = {"x": point[0], "y": point[1]}
        if table.delimiter != "," and path.suffix.lower() not in SPREADSHEETS:
            found["delimiter"] = table.delimiter
        clock = _find_clock(columns)
        if not clock and table.frame.height < _FEWEST_ROWS:
            return None
        found |= clock
        area = find_column(columns, ("area", "area_px", "area_px2"))
        if area is not None:
            found["area"] = area
        if point[0].lower().endswith("cm"):
            found["unit"] = "cm"
        try:
            for column in (
                value for key, value in found.items() if key in {"x", "y", "area", "frame", "time"}
            ):
                numbers(table, str(column), missing=CentroidOptions().missing)
        except FormatError:
            return None
        return self._recognised(table, found, clock)

    def _recognised(self, table: Table, found: dict[str, object], clock: Mapping[str, str]) -> Recognition:
        note = f"centroids, position from columns {found['x']!r} and {found['y']!r}"
        if "frame" in clock:
            first = int(numbers(table, clock["frame"])[0] or 0)
            if first == 1:
                found["first_frame"] = 1
                note += "; frames are counted from 1 (guessed)"
        elif not clock:
            note += "; no frame numbers, so the first row is taken for frame 0 (guessed)"
        animal = find_column(table.frame.columns, _ANIMAL_NAMES)
        if animal is not None and table.frame[animal].n_unique() > 1:
            found["individual"] = animal
        return Recognition(
            format=self.name, kind=self.kind, certainty=0.7 if clock else 0.5, options=found, note=note
        )

    def read(self, path: Path, request: ReadRequest) -> Track:
        """Read positions; a frame without a row is NaN."""
        options = parse_options(CentroidOptions, request.options, reader=self.name, path=path)
        table = _read(path, options, request)
        options = _completed(options, table)
        table = pick_rows(table, options.key_column, request.session_key)
        if table.frame.is_empty():
            raise FormatError("Expected one row per frame, found none.", path=path)
        frames = _frames(table, options, request.timebase)
        animals = (
            table.frame[options.individual].str.strip_chars() if options.individual is not None else None
        )
        check_frames(table, frames, column=options.frame or options.time or "", individuals=animals)
        return _track(table, frames, animals, options, request.source or "centroid")


def _read(path: Path, options: CentroidOptions, request: ReadRequest) -> Table:
    if path.suffix.lower() in SPREADSHEETS:
        return read_sheet(path, header=options.has_header, sheet=options.sheet)
    shared = request.session_key is not None
    return read_table(path, options, header_lines=1 if options.has_header else 0, shared=shared)


def _completed(options: CentroidOptions, table: Table) -> CentroidOptions:
    """Fill in the columns that were not declared by their usual names."""
    columns = table.frame.columns
    changes: dict[str, object] = {}
    if options.x is None or options.y is None:
        point = _find_point(columns) if options.has_header else None
        if point is None or (options.x, options.y) != (None, None):
            raise FormatError(
                f"Expected `x` and `y` (columns) to be declared; columns are {', '.join(columns[:12])}.",
                path=table.path,
            )
        changes |= {"x": point[0], "y": point[1]}
    if options.frame is None and options.time is None and options.has_header:
        changes |= _find_clock(columns)
    full = options.model_copy(update=changes)
    if full.frame is not None and full.start_frame:
        raise FormatError(
            f"Expected `frame_offset` beside frame numbers (column {full.frame!r}), found `start_frame`.",
            path=table.path,
        )
    named = (
        full.x,
        full.y,
        full.frame,
        full.time,
        full.confidence,
        full.individual,
        full.area,
        full.orientation,
    )
    require_columns(table, [name for name in named if name is not None])
    return full


def _find_point(columns: Sequence[str]) -> tuple[str, str] | None:
    pairs = ((find_column(columns, (x,)), find_column(columns, (y,))) for x, y in POINT_NAMES)
    return next(((x, y) for x, y in pairs if x is not None and y is not None), None)


def _find_clock(columns: Sequence[str]) -> dict[str, str]:
    frame = find_column(columns, FRAME_NAMES)
    if frame is not None:
        return {"frame": frame}
    time = find_column(columns, TIME_NAMES)
    return {} if time is None else {"time": time}


def _frames(table: Table, options: CentroidOptions, timebase: TimeBase) -> pl.Series:
    """Session frame of every row."""
    if options.frame is not None:
        return integers(table, options.frame) - options.first_frame + options.frame_offset
    if options.time is None:
        if options.individual is not None:
            raise FormatError(
                "Expected `frame` beside `individual`, found rows without numbers.", path=table.path
            )
        return pl.Series("frame", np.arange(table.frame.height) + options.start_frame + options.frame_offset)
    if timebase.unit != "s":
        raise FormatError(
            f"Expected a frame rate to place seconds (column {options.time!r}); declare the session's `fps`.",
            path=table.path,
        )
    times = numbers(table, options.time, missing=(), limit=TIME_LIMIT)
    return pl.Series(
        "frame", [timebase.nearest_boundary(time) + options.frame_offset for time in times], dtype=pl.Int64
    )


def _track(
    table: Table, frames: pl.Series, animals: pl.Series | None, options: CentroidOptions, source: str
) -> Track:
    names = [""] if animals is None else list(dict.fromkeys(animals))
    first = int(frames.to_numpy().min())
    n_frames = int(frames.to_numpy().max()) - first + 1
    placed: dict[str, NDArray[np.float32]] = {}
    shifts = {options.x: options.dx, options.y: options.dy}
    wanted = (options.x, options.y, options.confidence, options.area, options.orientation)
    for column in (name for name in wanted if name is not None):
        found = numbers(table, column, missing=options.missing, limit=POSITION_LIMIT)
        values = found.fill_null(np.nan).to_numpy() + shifts.get(column, 0.0)
        placed[column] = np.full((n_frames, len(names)), np.nan, dtype=np.float32)
        for number, name in enumerate(names):
            rows = np.arange(len(values)) if animals is None else (animals == name).arg_true().to_numpy()
            at = frames.to_numpy()[rows] - first
            placed[column][at, number] = values[rows]
    x, y = placed[str(options.x)], placed[str(options.y)]
    return Track(
        source=source,
        individuals=tuple(names),
        keypoints=("centroid",),
        position=np.stack([x, y], axis=1)[:, :, np.newaxis, :],
        confidence=None if options.confidence is None else placed[options.confidence][:, np.newaxis, :],
        unit=options.unit,
        first_frame=first,
        explicit_frames=options.frame is not None,
        area_px2=None if options.area is None else placed[options.area],
        orientation_deg=None if options.orientation is None else placed[options.orientation],
    )
