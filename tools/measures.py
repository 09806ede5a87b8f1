"""The catalogue of measures, and how a call becomes the rows of one.

A measure is a name, the words people use for it, a unit, a definition and a function. Metrics and numeric
columns that came with the data are measures too, by their own names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

import polars as pl

from ethochat.tools import labels, motion
from ethochat.tools.arguments import MeasureArguments
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.rows import Call, Measure, Measured, Row, check_bins, in_unit
from ethochat.tools.selection import (
    Scope,
    find_name,
    listing,
    match_group_column,
    metadata_columns,
    nearest,
    plain,
    require_sessions,
    select_sessions,
)


def _session_column(call: Call, *, name: str, column: str, unit: str | None) -> Measured:
    """One number per session out of the sessions table."""
    rows = [
        Row(session_id=session_id, subject_id=call.scope.alone.get(session_id), value=float(value), n_rows=1)
        for session_id, value in call.scope.sessions.select("session_id", column).iter_rows()
        if value is not None
    ]
    if not rows:
        raise ToolFailedError(f"{name} is not documented for {listing(call.scope.session_ids, 5)}.")
    return Measured(name=name, unit=unit, kind="plain", rows=rows, flags=_not_stated(call, rows, name))


def _not_stated(call: Call, rows: Sequence[Row], name: str) -> tuple[str, ...]:
    known = {row.session_id for row in rows}
    without = [session_id for session_id in call.scope.session_ids if session_id not in known]
    return (f"{name} is not stated for {len(without)} sessions: {listing(without, 5)}.",) if without else ()


def _duration(call: Call) -> Measured:
    unit = call.scope.time_unit()
    measured = _session_column(call, name="duration", column="duration", unit=unit)
    said = ("The frame rate is not documented: the duration is in frames.",) if unit == "frames" else ()
    return dataclasses.replace(measured, kind="additive", flags=(*measured.flags, *said))


def _zone(name: str) -> partial[Measured]:
    return partial(motion.zone_measure, name=name)


_ALL: Final = (
    Measure(
        name="bout_count",
        synonyms=(
            "count",
            "number of bouts",
            "how many bouts",
            "how many times",
            "how often",
            "bouts",
            "frequency",
            "number of events",
            "occurrences",
            "number of episodes",
            "event count",
            "number",
        ),
        unit="bouts",
        definition="Number of bouts of a behavior that start in the window, as one source lists them; a "
        "source that looked and marked none gives 0.",
        needs="labels",
        kind="additive",
        compute=labels.BOUT_COUNT,
    ),
    Measure(
        name="total_duration",
        synonyms=(
            "total time",
            "time spent",
            "how long",
            "how much time",
            "seconds of",
            "duration of behavior",
            "cumulative duration",
            "time",
            "time budget",
            "summed duration",
            "total",
            "number of frames labeled",
        ),
        unit="s",
        definition="Time a behavior lasts in the window; overlapping bouts of one source are united, bouts "
        "are cut at the window.",
        needs="labels",
        kind="additive",
        compute=labels.TOTAL_DURATION,
    ),
    Measure(
        name="percent_time",
        synonyms=(
            "percentage of time",
            "percent of time",
            "share of time",
            "fraction of time",
            "proportion of time",
            "percent",
            "%",
        ),
        unit="%",
        definition="Time a behavior lasts as a percentage of the time its source looked at within the "
        "window.",
        needs="labels",
        kind="ratio",
        compute=labels.PERCENT_TIME,
    ),
    Measure(
        name="percent_bouts",
        synonyms=("percentage of bouts", "share of bouts", "fraction of bouts"),
        unit="%",
        definition="Bouts within the limits on their length as a percentage of all bouts that start in the window.",
        needs="labels",
        kind="ratio",
        compute=labels.PERCENT_BOUTS,
    ),
    Measure(
        name="bout_rate",
        synonyms=("rate", "bouts per minute", "per minute", "events per minute", "frequency per minute"),
        unit="bouts/min",
        definition="Bouts that start in the window per minute that the source looked at.",
        needs="labels",
        kind="ratio",
        compute=labels.BOUT_RATE,
    ),
    Measure(
        name="bout_duration",
        synonyms=(
            "bout length",
            "duration of a bout",
            "mean bout duration",
            "average bout duration",
            "length of bouts",
            "longest bout",
            "shortest bout",
            "episode duration",
            "run length",
            "longest",
            "shortest",
        ),
        unit="s",
        definition="Length of single bouts as listed, for bouts that start in the window; statistics pool "
        "the bouts.",
        needs="labels",
        kind="pooled",
        compute=labels.BOUT_DURATION,
    ),
    Measure(
        name="latency",
        synonyms=(
            "onset",
            "first start",
            "first bout",
            "latency to first",
            "first time",
            "when does the first",
            "time to first",
        ),
        unit="s",
        definition="Start of the first bout in the window, from the start of the session; no value where it "
        "never happens.",
        needs="labels",
        kind="plain",
        compute=labels.LATENCY,
    ),
    Measure(
        name="last_end",
        synonyms=("end of last bout", "last bout", "last time", "when does the last"),
        unit="s",
        definition="End of the last bout in the window, from the start of the session.",
        needs="labels",
        kind="plain",
        compute=labels.LAST_END,
    ),
    Measure(
        name="inter_bout_interval",
        synonyms=(
            "interval between bouts",
            "gap between bouts",
            "inter bout interval",
            "time between bouts",
            "pause",
            "ibi",
        ),
        unit="s",
        definition="Time from the end of one bout to the start of the next of the same behavior and source; "
        "overlapping bouts leave no interval; statistics pool the intervals.",
        needs="labels",
        kind="pooled",
        compute=labels.INTER_BOUT_INTERVAL,
    ),
    Measure(
        name="distance",
        synonyms=(
            "path length",
            "distance moved",
            "distance travelled",
            "distance traveled",
            "total distance",
            "distance covered",
            "how far",
            "path",
            "locomotion",
            "distance walked",
            "distance run",
            "track length",
        ),
        unit="cm",
        definition="Path length: the sum of frame-to-frame steps of the body center (or a keypoint); gaps "
        "are bridged up to the experiment's limit; a step belongs to the bin in which it starts.",
        needs="track",
        kind="additive",
        compute=motion.distance,
    ),
    Measure(
        name="mean_speed",
        synonyms=("speed", "average speed", "velocity", "mean velocity", "how fast", "average velocity"),
        unit="cm/s",
        definition="Path length divided by the time in which the position is known.",
        needs="track",
        kind="ratio",
        compute=motion.mean_speed,
    ),
    Measure(
        name="max_speed",
        synonyms=(
            "top speed",
            "maximum speed",
            "peak speed",
            "highest speed",
            "fastest",
            "maximum velocity",
            "peak velocity",
        ),
        unit="cm/s",
        definition="Highest speed after smoothing over the experiment's speed window.",
        needs="track",
        kind="plain",
        compute=motion.max_speed,
    ),
    Measure(
        name="body_length",
        synonyms=("length of the body", "body size", "nose to tail base"),
        unit="cm",
        definition="Distance from nose to tail base, over frames in which both are seen; statistics pool the "
        "frames.",
        needs="track",
        kind="pooled",
        compute=motion.body_length,
    ),
    Measure(
        name="zone_time",
        synonyms=(
            "time in zone",
            "time in the zone",
            "time in center",
            "time in the center",
            "occupancy",
            "time in arm",
            "dwell time",
        ),
        unit="s",
        definition="Time in which the body center is in a zone.",
        needs="zones",
        kind="additive",
        compute=_zone("zone_time"),
    ),
    Measure(
        name="zone_percent",
        synonyms=(
            "percentage of time in zone",
            "percent of time in zone",
            "share of time in zone",
            "percent in center",
        ),
        unit="%",
        definition="Time in a zone as a percentage of the time in which the position is known.",
        needs="zones",
        kind="ratio",
        compute=_zone("zone_percent"),
    ),
    Measure(
        name="zone_entries",
        synonyms=(
            "entries",
            "zone crossings",
            "number of entries",
            "visits",
            "zone visits",
            "times entered",
            "entries into",
        ),
        unit="entries",
        definition="How often the body center goes from outside to inside a zone; being inside at the start "
        "is no entry.",
        needs="zones",
        kind="additive",
        compute=_zone("zone_entries"),
    ),
    Measure(
        name="zone_latency",
        synonyms=(
            "latency to enter",
            "first entry",
            "latency to zone",
            "first enters",
            "time to first entry",
        ),
        unit="s",
        definition="First time in the window at which the body center is in a zone, from the start of the "
        "session.",
        needs="zones",
        kind="plain",
        compute=_zone("zone_latency"),
    ),
    Measure(
        name="pair_distance",
        synonyms=(
            "distance between animals",
            "distance between mice",
            "inter animal distance",
            "how far apart",
            "distance to each other",
            "interindividual distance",
        ),
        unit="cm",
        definition="Distance between two tracked animals, over frames in which both are seen; statistics "
        "pool the frames.",
        needs="track",
        kind="pooled",
        compute=motion.pair_distance,
    ),
    Measure(
        name="time_near",
        synonyms=(
            "time close",
            "frames closer than",
            "time together",
            "closer than",
            "near each other",
            "time in proximity",
            "contact time",
        ),
        unit="s",
        definition="Time in which two animals are closer than max_distance; a frame with a missing animal "
        "does not count.",
        needs="track",
        kind="additive",
        compute=motion.time_near,
    ),
    Measure(
        name="keypoint_distance",
        synonyms=(
            "distance between keypoints",
            "distance between points",
            "distance between body parts",
            "width of the body",
        ),
        unit="cm",
        definition="Distance between two keypoints of one animal, over frames in which both are seen; "
        "statistics pool the frames.",
        needs="track",
        kind="pooled",
        compute=motion.keypoint_distance,
    ),
    Measure(
        name="percent_tracked",
        synonyms=(
            "tracking quality",
            "percent of frames tracked",
            "likelihood above",
            "confidence above",
            "share of frames tracked",
        ),
        unit="%",
        definition="Share of the tracker's frames in which a keypoint is seen with at least min_confidence.",
        needs="track",
        kind="ratio",
        compute=motion.percent_tracked,
    ),
    Measure(
        name="percent_missing",
        synonyms=("percent of frames missing", "share of frames missing", "likelihood below"),
        unit="%",
        definition="Share of the tracker's frames in which a keypoint is not seen with at least min_confidence.",
        needs="track",
        kind="ratio",
        compute=partial(motion.percent_tracked, missing=True),
    ),
    Measure(
        name="missing_frames",
        synonyms=(
            "undetected frames",
            "frames without position",
            "frames missing",
            "missing positions",
            "undetected",
            "not detected",
            "no position",
            "frames lost",
        ),
        unit="frames",
        definition="Frames in which an animal has no keypoint at all, or none of those named.",
        needs="track",
        kind="additive",
        compute=motion.missing_frames,
    ),
    Measure(
        name="n_frames",
        synonyms=(
            "number of frames",
            "frame count",
            "how many frames",
            "frames",
            "pose frames",
            "video frames",
            "frames tracked",
        ),
        unit="frames",
        definition="Frames of the track, or of the session where nothing is tracked.",
        needs="session",
        kind="additive",
        compute=motion.n_frames,
    ),
    Measure(
        name="duration",
        synonyms=(
            "recording length",
            "session duration",
            "length of the recording",
            "how long is the recording",
            "recording duration",
            "video length",
            "length of the video",
        ),
        unit="s",
        definition="Length of the session: that of its longest input.",
        needs="session",
        kind="additive",
        compute=_duration,
    ),
    Measure(
        name="fps",
        synonyms=("frame rate", "frames per second", "sampling rate"),
        unit="1/s",
        definition="Frames per second of the session, as the video, the track file or sessions.csv says.",
        needs="session",
        kind="plain",
        compute=partial(_session_column, name="fps", column="fps", unit="1/s"),
    ),
    Measure(
        name="px_per_cm",
        synonyms=("scale", "pixels per centimeter", "pixels per cm", "pixels per centimetre", "resolution"),
        unit="px/cm",
        definition="Pixels per centimetre of the session, as declared or from the arena's size.",
        needs="session",
        kind="plain",
        compute=partial(_session_column, name="px_per_cm", column="px_per_cm", unit="px/cm"),
    ),
)

CATALOGUE: Final[Mapping[str, Measure]] = MappingProxyType({measure.name: measure for measure in _ALL})
"""Every measure by name."""


# ----------------------------------------------------------------- finding a measure
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What a name stands for: a measure of the catalogue, an imported metric or a numeric column."""

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


def find_quantity(context: ToolContext, name: str) -> Quantity:
    """Find what a name stands for: exactly, in any case, by synonym, or by the last parts of a metric's name.

    Raises
    ------
    ToolRetryError
        When nothing of that name is known, or it fits several metrics.
    """
    metrics, columns = metric_names(context), numeric_columns(context)
    exact = _exactly(name, metrics, columns) or _in_any_case(name, metrics, columns)
    if exact is not None:
        return exact
    tails = [metric for metric in metrics if plain(metric).endswith(("." + plain(name), " " + plain(name)))]
    if len(tails) == 1:
        return Quantity(name=tails[0], metric=tails[0], read_as=name)
    for measure in _ALL:
        if plain(name) in {plain(word) for word in measure.synonyms}:
            return Quantity(name=measure.name, measure=measure)
    if tails:
        raise ToolRetryError(f"{name!r} fits several metrics: {listing(tails, 12)}.", near=tuple(tails))
    text = [column for column in metadata_columns(context) if plain(column) == plain(name)]
    if text:
        raise ToolRetryError(
            f"Column {text[0]!r} holds text, not numbers; it can be used in `where` and `group_by`."
        )
    known = [*CATALOGUE, *metrics, *columns]
    near = nearest(name, known)
    more = f" Metrics: {listing(metrics, 12)}." if metrics else ""
    raise ToolRetryError(
        f"There is no measure {name!r}. Near: {listing(near) or 'none'}. Measures: "
        f"{listing(CATALOGUE, 40)}.{more}",
        near=near,
    )


def _exactly(name: str, metrics: Sequence[str], columns: Sequence[str]) -> Quantity | None:
    if name in CATALOGUE:
        return Quantity(name=name, measure=CATALOGUE[name])
    if name in metrics:
        return Quantity(name=name, metric=name)
    return Quantity(name=name, column=name) if name in columns else None


def _in_any_case(name: str, metrics: Sequence[str], columns: Sequence[str]) -> Quantity | None:
    for known, kind in ((metrics, "metric"), (columns, "column"), (list(CATALOGUE), "measure")):
        found = find_name(name, known)
        if found is not None and kind == "measure":
            return Quantity(name=found, measure=CATALOGUE[found])
        if found is not None:
            return (
                Quantity(name=found, metric=found) if kind == "metric" else Quantity(name=found, column=found)
            )
    return None


# ----------------------------------------------------------------- computing
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Rows of a call, with what is needed to group them."""

    scope: Scope
    measured: Measured
    columns: tuple[str, ...]
    """``group_by`` as resolved."""


def compute(context: ToolContext, arguments: MeasureArguments, *, also_by: Sequence[str] = ()) -> Outcome:
    """Compute a measure for every animal, source and bin of a call.

    Parameters
    ----------
    also_by
        Further columns to split by, in any spelling.

    Raises
    ------
    ToolRetryError
        When the call names something unknown, or arguments do not fit.
    ToolFailedError
        When the data cannot give it.
    """
    check_bins(arguments)
    quantity = find_quantity(context, arguments.measure)
    columns = tuple(
        dict.fromkeys(match_group_column(context, name) for name in (*arguments.group_by, *also_by))
    )
    scope = select_sessions(context, arguments)
    require_sessions(scope, arguments)
    split = frozenset(columns) | ({"source"} if len(arguments.sources) > 1 else frozenset())
    call = Call(context=context, scope=scope, arguments=arguments, split=split)
    measured = _rows_of(call, quantity)
    measured = in_unit(measured, arguments.unit, scope)
    flags = tuple(dict.fromkeys((*scope.flags, *measured.flags)))
    return Outcome(scope=scope, measured=dataclasses.replace(measured, flags=flags), columns=columns)


def _rows_of(call: Call, quantity: Quantity) -> Measured:
    if quantity.measure is not None:
        measured = quantity.measure.compute(call)
        return dataclasses.replace(measured, definition=quantity.measure.definition)
    _refuse_cuts(call.arguments, quantity.name)
    if quantity.metric is not None:
        measured = _metric(call, quantity.metric)
        if quantity.read_as is not None:
            said = f"{quantity.read_as!r} was read as {quantity.metric!r}."
            measured = dataclasses.replace(measured, flags=(said, *measured.flags))
        return measured
    return _session_column(call, name=quantity.name, column=str(quantity.column), unit=None)


def _refuse_cuts(arguments: MeasureArguments, name: str) -> None:
    """Refuse time windows: a value that came with the data holds for the whole session."""
    cut = [field for field in ("start_s", "stop_s", "bin_s") if getattr(arguments, field) is not None]
    if cut:
        raise ToolFailedError(
            f"{name} came with the data as one value per session, so it cannot be cut to a time window "
            f"({', '.join(cut)})."
        )


def _metric(call: Call, metric: str) -> Measured:
    """Values of an imported metric, one per session (or per individual)."""
    table = call.context.catalog.load("metrics").filter(
        pl.col("metric") == metric, pl.col("session_id").is_in(call.scope.session_ids)
    )
    order = {session_id: place for place, session_id in enumerate(call.scope.session_ids)}
    rows = []
    for row in sorted(table.iter_rows(named=True), key=lambda item: order[item["session_id"]]):
        individual = row["individual"] or ""
        if row["value"] is None or not call.scope.includes(row["session_id"], individual):
            continue
        rows.append(
            Row(
                session_id=row["session_id"],
                individual=individual,
                subject_id=call.scope.subject_of(row["session_id"], individual),
                labels={"source": row["source"]} if row["source"] else {},
                value=row["value"],
                n_rows=1,
            )
        )
    if not rows:
        raise ToolFailedError(f"None of the selected sessions has a value of {metric}.")
    units = set(table["unit"].drop_nulls().to_list()) - {""}
    unit = units.pop() if len(units) == 1 else dict(call.context.experiment.metric_units).get(metric)
    return Measured(name=metric, unit=unit, kind="plain", rows=rows, flags=_not_stated(call, rows, metric))
