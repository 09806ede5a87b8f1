"""EthoVision XT raw data exports (one trial per spreadsheet): center, nose, tail, and zone columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import mask_to_runs
from ethochat.index.domain import InputKind
from ethochat.index.errors import FormatError
from ethochat.index.formats.base import Labels, ReadRequest, Recognition, Track
from ethochat.index.formats.delimited import (
    POSITION_LIMIT,
    SPREADSHEETS,
    TIME_LIMIT,
    Table,
    numbers,
    read_sheet,
    require_columns,
    sample_sheet,
)
from ethochat.index.formats.labels import Marked, frame_clock, place_runs
from ethochat.index.formats.options import ReaderOptions, parse_options
from ethochat.index.formats.positions import check_frames, spread
from ethochat.index.sheet import shown
from ethochat.index.timebase import TimeBase

FIRST_CELL: Final = "Number of header lines:"
POINTS: Final = ("center", "nose", "tail")
TIME: Final = "Recording time"
MISSING: Final = ("-", "")
SOURCE: Final = "EthoVision"
_ZONE: Final = re.compile(r"In zone(?: \d+)?\((.+) / (.+)\)")
_FEWEST_SAMPLES: Final = 2
_ROUNDING_S: Final = 0.001


class EthoVisionOptions(ReaderOptions):
    """Options of :class:`EthoVisionReader` and :class:`EthoVisionZonesReader`."""

    sheet: str | None = None
    """Sheet of the animal, where the file holds several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Export:
    header: dict[str, str]
    units: dict[str, str]
    table: Table
    frames: NDArray[np.int64]
    fps: Fraction


class EthoVisionReader:
    """Positions in centimeters, frame by frame of the recording."""

    name = "ethovision"
    kind: InputKind = "pose"

    def sniff(self, path: Path) -> Recognition | None:
        """Recognise the first header line."""
        return _sniffed(path, self.name, self.kind, "track of center, nose and tail")

    def read(self, path: Path, request: ReadRequest) -> Track:
        """Read positions; ``-`` is missing. Time zero is the start of the recording."""
        options = parse_options(EthoVisionOptions, request.options, reader=self.name, path=path)
        export = _load(path, options.sheet)
        points = [point for point in POINTS if f"X {point}" in export.table.frame.columns]
        if not points:
            raise FormatError("Expected columns 'X center' and 'Y center', found none.", path=path)
        require_columns(export.table, [f"Y {point}" for point in points])
        unit = export.units[f"X {points[0]}"]
        if unit not in {"cm", "px"}:
            raise FormatError(f"Expected positions in cm or px, found {unit!r}.", path=path)
        axes = [[_column(export, f"{axis} {point}") for point in points] for axis in "XY"]
        position = np.stack([np.stack(axis, axis=1) for axis in axes], axis=1)[..., np.newaxis]
        return Track(
            source=request.source or SOURCE,
            individuals=("",),
            keypoints=tuple(points),
            position=spread(position, export.frames),
            confidence=None,
            unit="cm" if unit == "cm" else "px",
            first_frame=int(export.frames.min()),
            fps=export.fps,
        )


class EthoVisionZonesReader:
    """Zone columns as bouts, named ``<point> in <zone>``."""

    name = "ethovision_zones"
    kind: InputKind = "annotations"

    def sniff(self, path: Path) -> Recognition | None:
        """Recognise the first header line."""
        return _sniffed(path, self.name, self.kind, "zone columns")

    def read(self, path: Path, request: ReadRequest) -> Labels:
        """Read the zone columns; a sample with ``-`` in all of them was not looked at."""
        options = parse_options(EthoVisionOptions, request.options, reader=self.name, path=path)
        export = _load(path, options.sheet)
        zones = {name: match for name in export.table.frame.columns if (match := _ZONE.fullmatch(name))}
        if not zones:
            raise FormatError("Expected columns 'In zone(<zone> / <point>)', found none.", path=path)
        inside = {name: spread(_flag(export, name), export.frames) for name in zones}
        first = int(export.frames.min())
        seen = np.logical_or.reduce([~np.isnan(column) for column in inside.values()])
        marked = Marked(
            source=request.source or SOURCE,
            source_kind="automated",
            runs=[
                (f"{match[2]} in {match[1]}", first + start, first + stop)
                for name, match in zones.items()
                for start, stop in mask_to_runs(inside[name] == 1)
            ],
            seen=[(first + start, first + stop) for start, stop in mask_to_runs(seen)],
            behaviors=tuple(f"{match[2]} in {match[1]}" for match in zones.values()),
        )
        return place_runs([marked], frame_clock(request.timebase))


def read_header(path: Path) -> dict[str, str]:
    """Read what EthoVision says about the trial: experiment, start time, independent variables.

    Raises
    ------
    FormatError
        When the file is no EthoVision export.
    """
    return dict(_load(path, None).header)


def _sniffed(path: Path, name: str, kind: InputKind, what: str) -> Recognition | None:
    cells = sample_sheet(path) if path.suffix.lower() in SPREADSHEETS else None
    if cells is None or cells.frame.row(0)[0] != FIRST_CELL:
        return None
    return Recognition(format=name, kind=kind, certainty=0.99, note=f"EthoVision XT export: {what}")


def _load(path: Path, sheet: str | None) -> _Export:
    try:
        stat = path.stat()
    except OSError as exc:
        raise FormatError(f"Expected a readable file, found: {exc.strerror or exc}.", path=path) from exc
    return _parse(path, sheet, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1)
def _parse(path: Path, sheet: str | None, mtime_ns: int, size: int) -> _Export:
    # The track and the zones of one file are read one after the other; time and size notice a changed file.
    whole = read_sheet(path, header=False, sheet=sheet or _track_sheet(path))
    first = whole.frame.row(0)
    if first[0] != FIRST_CELL or not first[1].isdigit() or not 2 < int(first[1]) < whole.frame.height:
        raise FormatError(
            f"Expected {FIRST_CELL!r} and their number, found {shown(first[:2])}.", path=path, row=1
        )
    n_header = int(first[1])
    names, units = whole.frame.row(n_header - 2), whole.frame.row(n_header - 1)
    if TIME not in names or len(set(names)) != len(names):
        raise FormatError(
            f"Expected different column names, {TIME!r} among them, found {shown(names)}.",
            path=path,
            row=n_header - 1,
        )
    table = Table(path=path, frame=whole.frame[n_header:], lines=whole.lines[n_header:])
    table.frame.columns = list(names)
    frames, fps = _clock(table)
    return _Export(
        header={
            key.removesuffix(":"): value for key, value, *_ in whole.frame[1 : n_header - 2].rows() if key
        },
        units=dict(zip(names, units, strict=True)),
        table=table,
        frames=frames,
        fps=fps,
    )


def _track_sheet(path: Path) -> str | None:
    """Find the only sheet with a track; ``None`` (the first one) where none is named so."""
    import fastexcel

    if not path.is_file():
        raise FormatError("Expected a readable file, found none.", path=path)
    try:
        names = fastexcel.read_excel(path).sheet_names
    except fastexcel.FastExcelError as exc:
        raise FormatError(f"Expected a spreadsheet, found: {str(exc).splitlines()[0]}.", path=path) from exc
    tracks = [name for name in names if name.startswith("Track-")]
    if len(tracks) > 1:
        found = ", ".join(map(repr, tracks))
        raise FormatError(f"Expected one animal, found sheets {found}; declare `sheet`.", path=path)
    return tracks[0] if tracks else None


def _clock(table: Table) -> tuple[NDArray[np.int64], Fraction]:
    """Frame of every sample, and the sample rate."""
    times = numbers(table, TIME, missing=(), limit=TIME_LIMIT).to_numpy()
    steps = np.diff(times)
    late = np.flatnonzero(steps <= 0)
    if len(times) < _FEWEST_SAMPLES or len(late):
        row = int(late[0]) + 1 if len(late) else 0
        raise table.error("Expected at least two samples with increasing times.", row=row, column=TIME)
    fps = _rate(times, steps)
    timebase = TimeBase(fps=fps)
    frames = pl.Series("frame", [timebase.nearest_boundary(float(time)) for time in times], dtype=pl.Int64)
    check_frames(table, frames, column=TIME)
    return frames.to_numpy(), fps


def _rate(times: NDArray[np.float64], steps: NDArray[np.float64]) -> Fraction:
    """Sample rate from times that are rounded to milliseconds, over the longest stretch without a gap."""
    gaps = np.flatnonzero(steps > 1.5 * np.median(steps))
    edges = np.concatenate(([-1], gaps, [len(steps)]))
    longest = int(np.argmax(np.diff(edges)))
    first, last = int(edges[longest]) + 1, int(edges[longest + 1])
    span = float(times[last] - times[first])
    rate = (last - first) / span
    tolerance = 2 * rate * _ROUNDING_S / span
    usual = (Fraction(round(rate)), Fraction(1000 * round(rate * 1.001), 1001))
    for candidate in usual:
        if candidate > 0 and abs(float(candidate) - rate) <= tolerance:
            return candidate
    return Fraction(rate).limit_denominator(1000)


def _column(export: _Export, name: str) -> NDArray[np.float32]:
    values = numbers(export.table, name, missing=MISSING, limit=POSITION_LIMIT)
    return values.fill_null(np.nan).to_numpy().astype(np.float32)


def _flag(export: _Export, name: str) -> NDArray[np.float32]:
    values = numbers(export.table, name, missing=MISSING)
    wrong = (~values.is_in([0.0, 1.0])).fill_null(value=False).arg_true()
    if len(wrong):
        row = int(wrong[0])
        raise export.table.error(f"Expected 0 or 1, found {values[row]:g}.", row=row, column=name)
    return values.fill_null(np.nan).to_numpy().astype(np.float32)
