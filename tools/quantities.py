"""What the name of a measure stands for: an entry of the catalogue, an imported metric or a numeric column."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.rows import Call, Measure, Measured, Row
from ethochat.tools.selection import find_name, listing, match_sources, metadata_columns, nearest, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What a name stands for."""

    name: str
    measure: Measure | None = None
    metric: str | None = None
    column: str | None = None
    read_as: str | None = None
    """The name as given, where it was only a part of a metric's name."""


def metric_names(context: ToolContext) -> list[str]:
    """Metrics that came with the data, in name order."""
    return sorted(context.catalog.load("metrics")["metric"].unique().to_list())


def numeric_columns(context: ToolContext) -> list[str]:
    """Metadata columns that hold numbers."""
    sessions = context.catalog.load("sessions")
    return [name for name in metadata_columns(context) if sessions.schema[name].is_numeric()]


# ----------------------------------------------------------------- finding
def search_quantity(context: ToolContext, name: str, catalogue: Mapping[str, Measure]) -> Quantity:
    """Find what a name stands for: exactly, in any case, by synonym, or by the last parts of a metric's name.

    Raises
    ------
    ToolRetryError
        When nothing of that name is known, or it fits several metrics.
    """
    metrics, columns = metric_names(context), numeric_columns(context)
    exact = _exactly(name, metrics, columns, catalogue) or _in_any_case(name, metrics, columns, catalogue)
    if exact is not None:
        return exact
    tails = [metric for metric in metrics if plain(metric).endswith(("." + plain(name), " " + plain(name)))]
    if len(tails) == 1:
        return Quantity(name=tails[0], metric=tails[0], read_as=name)
    for measure in catalogue.values():
        if plain(name) in {plain(word) for word in measure.synonyms}:
            return Quantity(name=measure.name, measure=measure)
    if tails:
        raise ToolRetryError(f"{name!r} fits several metrics: {listing(tails, 12)}.", near=tuple(tails))
    raise _unknown(context, name, [*catalogue], metrics, columns)


def _unknown(
    context: ToolContext, name: str, measures: Sequence[str], metrics: Sequence[str], columns: Sequence[str]
) -> ToolRetryError:
    text = [column for column in metadata_columns(context) if plain(column) == plain(name)]
    if text:
        return ToolRetryError(
            f"Column {text[0]!r} holds text, not numbers; it can be used in `where` and `group_by`."
        )
    near = nearest(name, [*measures, *metrics, *columns])
    more = f" Metrics: {listing(metrics, 12)}." if metrics else ""
    return ToolRetryError(
        f"There is no measure {name!r}. Near: {listing(near) or 'none'}. Measures: "
        f"{listing(measures, 50)}.{more}",
        near=near,
    )


def _exactly(
    name: str, metrics: Sequence[str], columns: Sequence[str], catalogue: Mapping[str, Measure]
) -> Quantity | None:
    if name in catalogue:
        return Quantity(name=name, measure=catalogue[name])
    if name in metrics:
        return Quantity(name=name, metric=name)
    return Quantity(name=name, column=name) if name in columns else None


def _in_any_case(
    name: str, metrics: Sequence[str], columns: Sequence[str], catalogue: Mapping[str, Measure]
) -> Quantity | None:
    metric = find_name(name, metrics)
    if metric is not None:
        return Quantity(name=metric, metric=metric)
    column = find_name(name, columns)
    if column is not None:
        return Quantity(name=column, column=column)
    measure = find_name(name, catalogue)
    return None if measure is None else Quantity(name=measure, measure=catalogue[measure])


# ----------------------------------------------------------------- values that came with the data
def session_column(call: Call, *, name: str, column: str, unit: str | None) -> Measured:
    """One number per session out of the sessions table."""
    rows = [
        Row(session_id=session_id, subject_id=call.scope.alone.get(session_id), value=float(value), n_rows=1)
        for session_id, value in call.scope.sessions.select("session_id", column).iter_rows()
        if value is not None and math.isfinite(value)
    ]
    if not rows:
        raise ToolFailedError(f"{name} is not documented for {listing(call.scope.session_ids, 5)}.")
    return Measured(name=name, unit=unit, kind="plain", rows=rows, flags=_not_stated(call, rows, name))


def _not_stated(call: Call, rows: Sequence[Row], name: str) -> tuple[str, ...]:
    known = {row.session_id for row in rows}
    without = [session_id for session_id in call.scope.session_ids if session_id not in known]
    return (f"{name} is not stated for {len(without)} sessions: {listing(without, 5)}.",) if without else ()


def metric_rows(call: Call, metric: str) -> Measured:
    """Values of an imported metric, one per session (or per individual)."""
    table = call.context.catalog.load("metrics").filter(
        pl.col("metric") == metric, pl.col("session_id").is_in(call.scope.session_ids)
    )
    if call.arguments.sources:
        wanted = match_sources(call.context, call.arguments.sources)
        table = table.filter(pl.col("source").is_in(list(wanted)))
    order = {session_id: place for place, session_id in enumerate(call.scope.session_ids)}
    rows = []
    for row in sorted(table.iter_rows(named=True), key=lambda item: order[item["session_id"]]):
        individual, value = row["individual"] or "", row["value"]
        if value is None or not math.isfinite(value):
            continue
        if not call.scope.includes(row["session_id"], individual):
            continue
        rows.append(
            Row(
                session_id=row["session_id"],
                individual=individual,
                subject_id=call.scope.subject_of(row["session_id"], individual),
                labels={"source": row["source"]} if row["source"] else {},
                value=value,
                n_rows=1,
            )
        )
    if not rows:
        raise ToolFailedError(f"None of the selected sessions has a value of {metric}.")
    units = set(table["unit"].drop_nulls().to_list()) - {""}
    unit = units.pop() if len(units) == 1 else dict(call.context.experiment.metric_units).get(metric)
    return Measured(name=metric, unit=unit, kind="plain", rows=rows, flags=_not_stated(call, rows, metric))
