"""One row per bout: from, to, behavior, and who scored it; for one session or shared by many."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl
from pydantic import model_validator

from ethochat.index.domain import InputKind
from ethochat.index.errors import FormatError
from ethochat.index.formats.base import Labels, ReadRequest, Recognition
from ethochat.index.formats.delimited import (
    NOT_A_NUMBER,
    SPREADSHEETS,
    TIME_LIMIT,
    Table,
    find_column,
    integers,
    numbers,
    pick_rows,
    read_table,
    require_columns,
    sample_table,
)
from ethochat.index.formats.labels import BOUT_ROWS, COVERAGE_ROWS, build_labels
from ethochat.index.formats.options import Column, TextOptions, Texts, parse_options
from ethochat.index.sheet import shown
from ethochat.index.timebase import TimeBase

START_NAMES: Final = ("from", "start", "start_time", "start_s", "start_frame", "onset", "begin", "t_start")
STOP_NAMES: Final = (
    "to",
    "stop",
    "end",
    "stop_time",
    "end_time",
    "stop_s",
    "end_s",
    "stop_frame",
    "end_frame",
    "offset",
)
BEHAVIOR_NAMES: Final = ("type", "behavior", "behaviour", "label", "event", "code")
RATER_NAMES: Final = ("rater", "experimenter", "observer", "annotator", "scorer", "coder")
_SECONDS: Final = {"s": 1.0, "ms": 0.001, "min": 60.0}


class BoutTableOptions(TextOptions):
    """Options of :class:`BoutTableReader`."""

    start: Column | None = None
    stop: Column | None = None
    behavior: Column | None = None
    rater: Column | None = None
    key_column: Texts = ()
    individual: Column | None = None
    partner: Column | None = None
    score: Column | None = None
    time_unit: Literal["s", "ms", "min", "frames"] = "s"
    first_frame: int = 0
    """Number that the file gives to the session's first frame (``time_unit = "frames"``)."""
    inclusive: bool = False
    """The stop frame is the last frame of the bout (``time_unit = "frames"``)."""
    offset_s: float = 0.0
    """Added to every time, in seconds."""
    ignore: Texts = ()
    """Types that are no behaviors, such as markers of the session's start and end."""
    behaviors: Texts = ()
    """Behaviors that every rater looked for, beside those each has marked anywhere in the file."""

    @model_validator(mode="after")
    def _one_clock(self) -> BoutTableOptions:
        if self.time_unit == "frames" and self.offset_s:
            raise ValueError('expected no `offset_s` beside `time_unit = "frames"`; shift by `first_frame`')
        if self.time_unit != "frames" and (self.first_frame or self.inclusive):
            raise ValueError('expected `time_unit = "frames"` beside `first_frame` or `inclusive`')
        return self


class BoutTableReader:
    """Bouts by one or more raters."""

    name = "bout_table"
    kind: InputKind = "annotations"

    def sniff(self, path: Path) -> Recognition | None:
        """Recognise usual names of start, stop and behavior, with numbers in the first two."""
        table = None if path.suffix.lower() in SPREADSHEETS else sample_table(path)
        if table is None or table.frame.is_empty():
            return None
        columns = table.frame.columns
        start, stop, behavior = (
            find_column(columns, names) for names in (START_NAMES, STOP_NAMES, BEHAVIOR_NAMES)
        )
        if start is None or stop is None or behavior is None:
            return None
        try:
            numbers(table, start)
            numbers(table, stop)
        except FormatError:
            return None
        options: dict[str, object] = {} if table.delimiter == "," else {"delimiter": table.delimiter}
        options |= {"start": start, "stop": stop, "behavior": behavior}
        rater = find_column(columns, RATER_NAMES)
        if rater is not None:
            options["rater"] = rater
        note = f"bouts from {start!r} to {stop!r}, named by {behavior!r}"
        if "frame" in start.lower():
            options["time_unit"] = "frames"
        else:
            note += ", taken for seconds (guessed)"
        return Recognition(format=self.name, kind=self.kind, certainty=0.8, options=options, note=note)

    def read(self, path: Path, request: ReadRequest) -> Labels:
        """Read the session's bouts.

        A rater with any row for the session, be it a marker, watched it from time zero to the session's last
        stop, and would have marked every behavior that this rater marks anywhere in the file. A bout that
        stops where it starts is a point event and is kept.
        """
        options = parse_options(BoutTableOptions, request.options, reader=self.name, path=path)
        whole = read_table(path, options, shared=request.session_key is not None)
        options = _completed(options, whole)
        picked = pick_rows(whole, options.key_column, request.session_key)
        source = request.source or "labels"
        bouts = _placed(picked, options, request.timebase).with_columns(
            source=_texts(picked, options.rater, source),
            source_kind=pl.lit(request.source_kind),
        )
        vocabulary = _vocabulary(whole, options, source)
        is_bout = ~bouts["behavior"].is_in(list(options.ignore))
        _check_names(picked, bouts, options)
        _check_times(picked, bouts, is_bout, options)
        coverage = _coverage(bouts, vocabulary)
        return build_labels([bouts.filter(is_bout).select(BOUT_ROWS.names())], coverage)


def _completed(options: BoutTableOptions, table: Table) -> BoutTableOptions:
    """Fill in the columns that were not declared by their usual names."""
    columns = table.frame.columns
    usual = {"start": START_NAMES, "stop": STOP_NAMES, "behavior": BEHAVIOR_NAMES, "rater": RATER_NAMES}
    changes = {
        name: find_column(columns, names) for name, names in usual.items() if getattr(options, name) is None
    }
    absent = [name for name in ("start", "stop", "behavior") if name in changes and changes[name] is None]
    if absent:
        raise FormatError(
            f"Expected `{absent[0]}` (a column) to be declared; columns are {', '.join(columns[:12])}.",
            path=table.path,
        )
    full = options.model_copy(update=changes)
    optional = (full.rater, full.individual, full.partner, full.score)
    require_columns(table, [str(full.start), str(full.stop), str(full.behavior), *(c for c in optional if c)])
    return full


def _texts(table: Table, column: str | None, default: str | None) -> pl.Series:
    if column is None:
        return pl.repeat(default, table.frame.height, dtype=pl.String, eager=True)
    return table.frame[column].str.strip_chars()


def _placed(table: Table, options: BoutTableOptions, timebase: TimeBase) -> pl.DataFrame:
    """Put every row on the session's clock; markers too, whose times may be missing."""
    start, stop = str(options.start), str(options.stop)
    if options.time_unit == "frames":
        frames = [integers(table, name, missing=NOT_A_NUMBER) - options.first_frame for name in (start, stop)]
        frames[1] += int(options.inclusive)
        times = [_each(column, timebase.time_of, pl.Float64) for column in frames]
    else:
        _check_clock(table, options, timebase)
        factor = _SECONDS[options.time_unit]
        times = [numbers(table, name, limit=TIME_LIMIT) * factor + options.offset_s for name in (start, stop)]
        frames = [_each(column, timebase.nearest_boundary, pl.Int64) for column in times]
    partner = _texts(table, options.partner, None)
    if options.score is None:
        score = pl.repeat(None, table.frame.height, dtype=pl.Float64, eager=True)
    else:
        score = numbers(table, options.score)
    columns = {
        "individual": _texts(table, options.individual, ""),
        "partner": partner.set(partner == "", None),
        "behavior": _texts(table, options.behavior, None),
        "start_time": times[0],
        "stop_time": times[1],
        "start_frame": frames[0],
        "stop_frame": frames[1],
        "score": score,
    }
    return pl.DataFrame(columns)


def _each(values: pl.Series, function: Callable[[Any], float], dtype: type[pl.DataType]) -> pl.Series:
    return pl.Series([None if value is None else function(value) for value in values], dtype=dtype)


def _check_clock(table: Table, options: BoutTableOptions, timebase: TimeBase) -> None:
    if timebase.unit != "s":
        raise FormatError(
            f"Expected a frame rate of the session to place times in {options.time_unit}; declare `fps` "
            'of the session, or `time_unit = "frames"` where the file counts frames.',
            path=table.path,
        )


def _check_times(table: Table, bouts: pl.DataFrame, is_bout: pl.Series, options: BoutTableOptions) -> None:
    for column, name in ((options.start, "start_time"), (options.stop, "stop_time")):
        absent = (is_bout & bouts[name].is_null()).arg_true()
        if len(absent):
            row = int(absent[0])
            found = shown(table.frame[str(column)][row])
            raise table.error(f"Expected a number, found {found}.", row=row, column=column)
    backward = (bouts["stop_time"] < bouts["start_time"]).fill_null(value=False).arg_true()
    if len(backward):
        row = int(backward[0])
        given = [table.frame[str(name)][row] for name in (options.start, options.stop)]
        raise table.error(
            f"Expected a bout that stops at or after its start, found {given[0]} to {given[1]}.",
            row=row,
            column=options.stop,
        )
    early = (is_bout & (bouts["start_time"] < 0)).arg_true()
    if len(early):
        row = int(early[0])
        raise table.error(
            f"Expected bouts from session start on, found one that starts at {bouts['start_time'][row]:g}; "
            "check `offset_s` or `first_frame`.",
            row=row,
            column=options.start,
        )


def _check_names(table: Table, bouts: pl.DataFrame, options: BoutTableOptions) -> None:
    unnamed = (bouts["behavior"] == "").arg_true()
    if len(unnamed) and "" not in options.ignore:
        raise table.error(
            "Expected the name of a behavior, found none.", row=int(unnamed[0]), column=options.behavior
        )
    anonymous = (bouts["source"] == "").arg_true()
    if len(anonymous):
        raise table.error(
            "Expected the name of a rater, found none.", row=int(anonymous[0]), column=options.rater
        )


def _vocabulary(whole: Table, options: BoutTableOptions, source: str) -> dict[str, list[str]]:
    """Behaviors that each rater uses anywhere in the file: what makes a zero a zero."""
    pairs = pl.DataFrame(
        {"source": _texts(whole, options.rater, source), "behavior": _texts(whole, options.behavior, None)}
    ).unique()
    found: dict[str, set[str]] = {}
    for rater, behavior in pairs.iter_rows():
        found.setdefault(rater, {*options.behaviors}).add(behavior)
    return {rater: sorted(names - {*options.ignore}) for rater, names in found.items()}


def _coverage(bouts: pl.DataFrame, vocabulary: dict[str, list[str]]) -> pl.DataFrame:
    watched = bouts.select("source", "individual", "source_kind").unique().sort("source", "individual")
    # A marker row names no animal; it does not make a nameless one.
    named = watched.filter(pl.col("individual") != "")["source"].unique().to_list()
    watched = watched.filter((pl.col("individual") != "") | ~pl.col("source").is_in(named))
    stop_time, stop_frame = bouts["stop_time"].max(), bouts["stop_frame"].max()
    if stop_time is None:  # markers without a time do not say how long anybody looked
        return pl.DataFrame(schema=COVERAGE_ROWS)
    rows = [
        (individual, "annotations", rater, kind, 0.0, stop_time, stop_frame, vocabulary[rater])
        for rater, individual, kind in watched.iter_rows()
    ]
    return pl.DataFrame(rows, schema=COVERAGE_ROWS, orient="row")
