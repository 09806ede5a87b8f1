"""One row per frame (or per second): behaviors as labels in columns, or one 0/1 column per behavior."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ethochat.index.behaviors.bouts import labels_to_bouts, mask_to_runs
from ethochat.index.domain import InputKind, SourceKind
from ethochat.index.errors import FormatError
from ethochat.index.formats.base import Labels, ReadRequest, Recognition
from ethochat.index.formats.delimited import (
    SPREADSHEETS,
    Table,
    find_column,
    integers,
    pick_rows,
    read_table,
    require_columns,
    sample_table,
)
from ethochat.index.formats.labels import Marked, frame_clock, place_runs
from ethochat.index.formats.options import TextOptions, Texts, parse_options
from ethochat.index.formats.positions import MOST_FRAMES
from ethochat.index.sheet import near, shown
from ethochat.index.timebase import TimeBase, parse_fps

_MOST_LABELS: Final = 64
_MOST_UNDECLARED: Final = 256
"""A column with more different values than this holds no labels, unless it is declared."""
_FEWEST_ROWS: Final = 100


class FrameLabelsOptions(TextOptions):
    """Options of :class:`FrameLabelsReader`."""

    columns: Texts = ()
    """Label columns; every column where none is declared."""
    individual_columns: Mapping[str, str] = Field(default_factory=dict)
    """Individual to its label column, for files that hold several animals side by side."""
    missing: Texts = ()
    """Cells that are no label. Nothing is missing unless declared: a behavior may be called ``None``."""
    behaviors: Texts = ()
    """Every label that may occur; any other one is an error."""
    ignore: Texts = ()
    """Labels of frames that were looked at and show no behavior."""
    one_hot: bool = False
    """Each column is a behavior: 1 where it happens, 0 where it does not."""
    fps: Fraction | None = None
    """Rows per second, where that is not the session's frame rate."""
    start_frame: int = Field(default=0, ge=0)
    """Session frame of the first row."""
    key_column: Texts = ()
    order: Texts = ()
    """Columns that number the rows: blocks first, the counter within a block last. No bout spans blocks."""
    has_header: bool = True

    @model_validator(mode="before")
    @classmethod
    def _read_fps(cls, values: Mapping[str, object]) -> Mapping[str, object]:
        fps = values.get("fps")
        return values if fps is None else {**values, "fps": parse_fps(str(fps))}

    @model_validator(mode="after")
    def _one_layout(self) -> FrameLabelsOptions:
        if self.individual_columns and (self.columns or self.one_hot):
            raise ValueError("expected `individual_columns` alone, found it beside `columns` or `one_hot`")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stream:
    """What one source says about one animal, row by row."""

    source: str
    individual: str
    labels: pl.Series
    """One per place; null where there is no label."""
    seen: NDArray[np.bool_]
    """Whether the place was looked at."""
    behaviors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where the rows of a file come to lie."""

    rows: NDArray[np.int64]
    """Place of each row, increasing from 0; a place without a row was not labeled."""
    breaks: tuple[int, ...]
    """Places at which a new block begins."""

    def spread(self, labels: pl.Series, seen: pl.Series) -> tuple[pl.Series, NDArray[np.bool_]]:
        """Put labels and what was seen on their places."""
        n_places = int(self.rows[-1]) + 1 if len(self.rows) else 0
        if n_places == len(labels):
            return labels, seen.to_numpy()
        looked = np.zeros(n_places, dtype=np.bool_)
        looked[self.rows] = seen.to_numpy()
        dense = pl.repeat(None, n_places, dtype=pl.String, eager=True)
        return dense.scatter(self.rows, labels), looked


class FrameLabelsReader:
    """Labels frame by frame."""

    name = "frame_labels"
    kind: InputKind = "annotations"

    def sniff(self, path: Path) -> Recognition | None:
        """Recognise many rows over few distinct values in most columns."""
        table = sample_table(path)
        if table is None or path.suffix.lower() in SPREADSHEETS or table.frame.height < _FEWEST_ROWS:
            return None
        frame = table.frame
        if find_column(frame.columns, ("start", "from", "onset", "scorer")) is not None:
            return None
        columns = [name for name in frame.columns if name and _looks_like_labels(frame[name])]
        if not columns or 2 * len(columns) <= frame.width:
            return None
        empty = [
            token
            for token in ("", "NA", "NaN", "nan", "N/A")
            if any((frame[name] == token).any() for name in columns)
        ]
        options: dict[str, object] = {} if table.delimiter == "," else {"delimiter": table.delimiter}
        if len(columns) < frame.width:
            options["columns"] = columns
        if empty:
            options["missing"] = empty
        note = f"one label per row in {', '.join(map(repr, columns[:6]))}"
        note += f"; {', '.join(map(repr, empty))} taken for missing (guessed)" if empty else ""
        certainty = 0.6 if len(columns) == frame.width else 0.4
        return Recognition(format=self.name, kind=self.kind, certainty=certainty, options=options, note=note)

    def read(self, path: Path, request: ReadRequest) -> Labels:
        """Read bouts (runs of one label) and which frames were labeled.

        Row ``i`` begins ``i`` rows after ``start_frame``. With ``order`` its counter says which row it is;
        blocks follow each other without a gap.
        """
        options = parse_options(FrameLabelsOptions, request.options, reader=self.name, path=path)
        header_lines = 1 if options.has_header else 0
        whole = read_table(path, options, header_lines=header_lines, shared=request.session_key is not None)
        picked = pick_rows(whole, options.key_column, request.session_key)
        picked, places = _ordered(picked, options.order)
        clock = _clock(request.timebase, options, path)
        covered: dict[tuple[str, str], list[_Stream]] = {}
        for stream in _streams(whole, picked, places, options, request.source):
            covered.setdefault((stream.source, stream.individual), []).append(stream)
        return place_runs(
            [
                _marked(streams, places.breaks, options.ignore, request.source_kind)
                for streams in covered.values()
            ],
            clock,
        )


def _looks_like_labels(cells: pl.Series) -> bool:
    """Few different values, each of which lasts."""
    n_different = cells.n_unique()
    n_changes = int((cells != cells.shift(1)).sum())
    return 1 < n_different <= min(_MOST_LABELS, max(2, len(cells) // 10)) and 2 * n_changes < len(cells)


def _clock(timebase: TimeBase, options: FrameLabelsOptions, path: Path) -> Callable[[int], tuple[float, int]]:
    """Clock of the rows: session time and nearest session frame at which a row begins."""
    if options.fps in (None, timebase.fps):
        at_frame = frame_clock(timebase)
        return lambda row: at_frame(options.start_frame + row)
    if timebase.fps is None:
        raise FormatError(
            f"Expected a frame rate of the session to place {float(options.fps or 0):g} labels per second; "
            "declare `fps` of the session, or drop `fps` from the options where one row is one frame.",
            path=path,
        )
    rows, start_time = TimeBase(fps=options.fps), timebase.time_of(options.start_frame)

    def at_row(row: int) -> tuple[float, int]:
        time = start_time + rows.time_of(row)
        return time, timebase.nearest_boundary(time)

    return at_row


def _ordered(table: Table, order: Sequence[str]) -> tuple[Table, _Places]:
    """Sort rows by their numbering; a number left out is a row that nobody labeled."""
    if not order:
        return table, _Places(rows=np.arange(table.frame.height), breaks=())
    require_columns(table, order)
    keys = pl.DataFrame(
        [_number_or_text(table.frame[name]) for name in order[:-1]] + [integers(table, order[-1])]
    )
    repeated = (~keys.to_struct().is_first_distinct()).arg_true()
    if len(repeated):
        row = int(repeated[0])
        raise table.error(f"Expected each {', '.join(order)} once, found {keys.row(row)!r} again.", row=row)
    place = keys.with_row_index("row of table").sort(*order)
    chosen = place["row of table"]
    ordered = replace(table, frame=table.frame[chosen], lines=table.lines.gather(chosen))
    begins = pl.Series("begins", np.zeros(len(chosen), dtype=np.bool_))
    for name in order[:-1]:
        begins |= (place[name] != place[name].shift(1)).fill_null(value=False)
    steps = np.where(begins.to_numpy(), 1, place[order[-1]].diff().fill_null(0).to_numpy())
    rows = np.cumsum(steps)
    if len(rows) and rows[-1] > MOST_FRAMES:
        raise table.error(
            f"Expected row numbers, found gaps of {int(steps.max())}; is this a time?", column=order[-1]
        )
    return ordered, _Places(rows=rows, breaks=tuple(rows[begins.to_numpy()].tolist()))


def _number_or_text(cells: pl.Series) -> pl.Series:
    values = cells.str.strip_chars().cast(pl.Int64, strict=False)
    return cells if values.has_nulls() else values


def _streams(
    whole: Table, picked: Table, places: _Places, options: FrameLabelsOptions, source: str | None
) -> Iterator[_Stream]:
    columns = options.individual_columns or {name: name for name in _label_columns(whole, options)}
    require_columns(whole, list(columns.values()))
    vocabulary = _vocabulary(whole, list(columns.values()), options)
    for name, column in columns.items():
        cells = picked.frame[column].str.strip_chars()
        seen = ~cells.is_in(list(options.missing))
        if options.one_hot:
            labels = _one_hot(picked, column, seen)
        else:
            labels = cells.set(~seen, None)
            _check_labels(picked, column, labels, options)
        labels, looked = places.spread(labels, seen)
        yield _Stream(
            source=source or ("labels" if options.individual_columns or options.one_hot else name),
            individual=name if options.individual_columns else "",
            labels=labels,
            seen=looked,
            behaviors=(column,) if options.one_hot else vocabulary[column],
        )


def _label_columns(table: Table, options: FrameLabelsOptions) -> tuple[str, ...]:
    if options.columns:
        return options.columns
    columns = [name for name in table.frame.columns if name not in {*options.key_column, *options.order}]
    for name in columns:
        n_different = table.frame[name].n_unique()
        if n_different > _MOST_UNDECLARED:
            raise table.error(
                f"Expected labels, found {n_different} different values; declare the label `columns`.",
                column=name,
            )
    return tuple(columns)


def _vocabulary(
    whole: Table, columns: Sequence[str], options: FrameLabelsOptions
) -> dict[str, tuple[str, ...]]:
    """Behaviors that each column could show: those it shows in any session of the file, and declared ones.

    Columns of several animals were labeled by the same hand and share theirs.
    """
    if options.one_hot:
        return {}
    no_behavior = {*options.missing, *options.ignore}
    found = {
        name: set(whole.frame[name].unique().str.strip_chars()) | {*options.behaviors} for name in columns
    }
    if options.individual_columns:
        found = dict.fromkeys(columns, set().union(*found.values()))
    return {name: tuple(sorted(labels - no_behavior)) for name, labels in found.items()}


def _check_labels(table: Table, column: str, labels: pl.Series, options: FrameLabelsOptions) -> None:
    empty = (labels == "").fill_null(value=False).arg_true()
    if len(empty):
        hint = 'declare `missing = [""]` if it means that nobody looked'
        raise table.error(f"Expected a label, found an empty cell; {hint}.", row=int(empty[0]), column=column)
    if not options.behaviors:
        return
    known = [*options.behaviors, *options.ignore]
    strange = (~labels.is_in(known)).fill_null(value=False).arg_true()
    if len(strange):
        row = int(strange[0])
        raise table.error(
            f"Expected a label out of {', '.join(map(repr, known))}, found {shown(labels[row])}"
            f"{near(labels[row], known)}.",
            row=row,
            column=column,
        )


def _one_hot(table: Table, column: str, seen: pl.Series) -> pl.Series:
    values = table.frame[column].str.strip_chars().str.to_lowercase()
    yes, no = values.is_in(["1", "1.0", "true"]), values.is_in(["0", "0.0", "false"])
    wrong = (seen & ~yes & ~no).arg_true()
    if len(wrong):
        row = int(wrong[0])
        raise table.error(
            f"Expected 0 or 1, found {shown(table.frame[column][row])}.", row=row, column=column
        )
    return pl.repeat(column, len(values), eager=True).set(~(yes & seen), None)


def _runs(labels: pl.Series, breaks: Sequence[int], ignore: Sequence[str]) -> list[tuple[str, int, int]]:
    """Find the runs of one label in rows; none spans two blocks."""
    edges = [0, *breaks, len(labels)]
    return [
        (label, first + start, first + stop)
        for first, last in pairwise(edges)
        for label, start, stop in labels_to_bouts(labels[first:last], ignore=ignore)
    ]


def _marked(
    streams: Sequence[_Stream], breaks: Sequence[int], ignore: Sequence[str], source_kind: SourceKind
) -> Marked:
    """Put the columns of one source and animal together; a row is covered when any of them has a label."""
    return Marked(
        source=streams[0].source,
        source_kind=source_kind,
        individual=streams[0].individual,
        runs=[run for stream in streams for run in _runs(stream.labels, breaks, ignore)],
        seen=mask_to_runs(np.logical_or.reduce([stream.seen for stream in streams])),
        behaviors=tuple(dict.fromkeys(name for stream in streams for name in stream.behaviors)),
        breaks=tuple(breaks),
    )
