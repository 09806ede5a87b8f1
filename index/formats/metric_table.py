"""Values that came with the data: a row per session and a column per metric, or a row per value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
from pydantic import Field, model_validator

from ethochat.index.domain import InputKind
from ethochat.index.errors import FormatError
from ethochat.index.formats.base import Metrics, ReadRequest, Recognition
from ethochat.index.formats.delimited import (
    SPREADSHEETS,
    Table,
    numbers,
    numeric_columns,
    pick_rows,
    read_sheet,
    read_table,
    require_columns,
    sample_table,
)
from ethochat.index.formats.labels import build_metrics
from ethochat.index.formats.options import Column, TextOptions, Texts, parse_options

_FEWEST_METRICS = 3


class MetricTableOptions(TextOptions):
    """Options of :class:`MetricTableReader`."""

    key_column: Texts = ()
    columns: Texts = ()
    """Metric columns; every numeric column where none is declared."""
    metric: Column | None = None
    """Column with the metric's name, in a table with one row per session and metric."""
    value: Column | None = None
    unit: Column | None = None
    individual: Column | None = None
    units: Mapping[str, str] = Field(default_factory=dict)
    """Metric to its unit."""
    source: str | None = None
    sheet: str | None = None
    missing: Texts = ("", "NA", "NaN", "nan")

    @model_validator(mode="after")
    def _one_layout(self) -> MetricTableOptions:
        if (self.metric is None) != (self.value is None):
            raise ValueError("expected `metric` and `value` together, found one of them")
        if self.metric is not None and self.columns:
            raise ValueError("expected `columns` or `metric`, found both")
        return self


class MetricTableReader:
    """Metrics per session."""

    name = "metric_table"
    kind: InputKind = "metrics"

    def sniff(self, path: Path) -> Recognition | None:
        """Recognise several numeric columns beside one that names each row differently."""
        table = sample_table(path)
        if table is None or not table.header or table.frame.height < 2:
            return None
        keys = [name for name in table.frame.columns if name and _names_rows(table.frame[name])]
        missing = MetricTableOptions().missing
        metrics = [name for name in table.frame.columns if name and _is_numeric(table, name, missing)]
        if not keys or len(metrics) < _FEWEST_METRICS:
            return None
        options: dict[str, object] = {} if table.delimiter == "," else {"delimiter": table.delimiter}
        options["key_column"] = keys[0]
        note = f"{len(metrics)} numeric columns, rows named by {keys[0]!r} (guessed)"
        return Recognition(format=self.name, kind=self.kind, certainty=0.55, options=options, note=note)

    def read(self, path: Path, request: ReadRequest) -> Metrics:
        """Read one session's values; a missing value gives no row."""
        options = parse_options(MetricTableOptions, request.options, reader=self.name, path=path)
        if path.suffix.lower() in SPREADSHEETS:
            whole = read_sheet(path, sheet=options.sheet)
        else:
            whole = read_table(path, options, shared=request.session_key is not None)
        source = options.source or request.source or path.stem
        picked = pick_rows(whole, options.key_column, request.session_key)
        if options.individual is not None:
            require_columns(whole, [options.individual])
        if options.metric is not None:
            return _read_long(picked, options, source)
        return _read_wide(whole, picked, options, source)


def _names_rows(cells: pl.Series) -> bool:
    text = cells.str.strip_chars()
    return (
        bool(text.is_unique().all()) and not (text == "").any() and not text.str.contains(r"^[-+.\d]+$").any()
    )


def _is_numeric(table: Table, column: str, missing: tuple[str, ...]) -> bool:
    try:
        return numbers(table, column, missing=missing).is_not_null().any()
    except FormatError:
        return False


def _read_wide(whole: Table, picked: Table, options: MetricTableOptions, source: str) -> Metrics:
    require_columns(whole, options.columns)
    declared = {*options.key_column, options.individual, ""}
    columns = options.columns or tuple(
        series.name
        for series in numeric_columns(
            whole, [name for name in whole.frame.columns if name not in declared], missing=options.missing
        )
        if series.is_not_null().any()
    )
    if not columns:
        raise FormatError("Expected numeric columns, found none; declare `columns`.", path=whole.path)
    animals = _animals(picked, options)
    repeated = (~animals.is_first_distinct()).arg_true()
    if len(repeated):
        hint = "declare `key_column`" if not options.key_column else "one row per session is needed"
        raise picked.error(f"Expected one row, found another one; {hint}.", row=int(repeated[0]))
    values = numeric_columns(picked, columns, missing=options.missing)
    for name in columns:
        if name not in values.columns:
            numbers(picked, name, missing=options.missing)  # names the cell that is no number
    rows = [
        (animal, name, value, options.units.get(name), source)
        for name in columns
        for animal, value in zip(animals, values[name], strict=True)
        if value is not None
    ]
    return build_metrics(rows)


def _read_long(picked: Table, options: MetricTableOptions, source: str) -> Metrics:
    name, value = str(options.metric), str(options.value)
    require_columns(picked, [name, value, *([options.unit] if options.unit else [])])
    metrics = picked.frame[name].str.strip_chars()
    unnamed = (metrics == "").arg_true()
    if len(unnamed):
        raise picked.error("Expected the name of a metric, found none.", row=int(unnamed[0]), column=name)
    animals = _animals(picked, options)
    repeated = (~pl.DataFrame([animals, metrics]).to_struct().is_first_distinct()).arg_true()
    if len(repeated):
        row = int(repeated[0])
        raise picked.error(
            f"Expected one value of {metrics[row]!r}, found another one.", row=row, column=value
        )
    stated = (
        picked.frame[options.unit].str.strip_chars()
        if options.unit
        else pl.repeat("", len(metrics), eager=True)
    )
    values = numbers(picked, value, missing=options.missing)
    return build_metrics(
        [
            (animal, metric, number, unit or options.units.get(metric), source)
            for animal, metric, number, unit in zip(animals, metrics, values, stated, strict=True)
            if number is not None
        ]
    )


def _animals(table: Table, options: MetricTableOptions) -> pl.Series:
    if options.individual is None:
        return pl.repeat("", table.frame.height, dtype=pl.String, eager=True).alias("individual")
    return table.frame[options.individual].str.strip_chars().alias("individual")
