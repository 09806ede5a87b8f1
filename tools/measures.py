"""The catalogue of measures, and how a call becomes the rows of one.

A measure is a name, the words people use for it, a unit, a definition, a function and where the definition comes
from. To add one, add an entry here; the tools, the page ``docs/measures.md`` and the language model's list follow.
Metrics and numeric columns that came with the data are measures too, by their own names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

from ethochat.tools import labels, motion
from ethochat.tools.arguments import MeasureArguments
from ethochat.tools.context import ToolContext
from ethochat.tools.cuts import check_cuts, window_flags
from ethochat.tools.described import described_measure
from ethochat.tools.errors import ToolRetryError
from ethochat.tools.quantities import (
    Quantity,
    metric_names,
    metric_rows,
    numeric_columns,
    search_quantity,
    session_column,
)
from ethochat.tools.rows import Call, Measure, Measured, check_bins, in_unit
from ethochat.tools.selection import Scope, listing, match_group_column, require_sessions, select_sessions
from ethochat.tools.wording import window_name

__all__ = ["CATALOGUE", "Outcome", "Quantity", "compute", "find_quantity", "metric_names", "numeric_columns"]

WINDOW: Final = "window"
"""Label of rows that were measured in one of several time windows."""
_WINDOW: Final = frozenset({"start_s", "stop_s", "start_part", "stop_part", "bin_s"})
_DURING: Final = _WINDOW | {
    "behaviors", "during", "excluding", "sources", "zones", "outside", "min_bout_s", "max_bout_s", "strict"
}  # fmt: skip
_LABELS: Final = _DURING | {"together"}
_SEEN: Final = _DURING | {"keypoints", "min_confidence"}
_POINTS: Final = _SEEN | {"interpolate"}

_ETHOVISION: Final = "EthoVision XT reference manual"
_BORIS: Final = "BORIS user guide, time budget"
_MARTIN: Final = "Martin & Bateson, Measuring Behaviour (3rd ed. 2007)"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(" | "))


def _duration(call: Call) -> Measured:
    unit = call.scope.time_unit()
    measured = session_column(call, name="duration", column="duration", unit=unit)
    said = ("The frame rate is not documented: the duration is in frames.",) if unit == "frames" else ()
    return dataclasses.replace(measured, kind="additive", flags=(*measured.flags, *said))


_ALL: Final = (
    Measure(
        name="bout_count",
        synonyms=_words(
            "count | number of bouts | how many bouts | how many times | how often | bouts | frequency | number of events | "
            "occurrences | number of episodes | number"
        ),
        unit="bouts",
        definition="Number of bouts of a behavior that start in the window, as one source lists them; a source that looked and "
        "marked none gives 0.",
        needs="labels",
        kind="additive",
        compute=labels.BOUT_COUNT,
        reference=f"{_BORIS}: total number of occurrences; {_MARTIN}: frequency.",
        takes=_LABELS,
        instead="bout_rate",
    ),
    Measure(
        name="total_duration",
        synonyms=_words(
            "total time | time spent | how long | how much time | seconds of | duration of behavior | cumulative duration | time | "
            "time budget | summed duration | total | number of frames labeled"
        ),
        unit="s",
        definition="Time a behavior lasts in the window; overlapping bouts of one source are united, bouts are cut at the window.",
        needs="labels",
        kind="additive",
        compute=labels.TOTAL_DURATION,
        reference=f"{_BORIS}: total duration. This project unites overlapping bouts, so that no moment counts twice.",
        takes=_LABELS,
        instead="percent_time",
    ),
    Measure(
        name="percent_time",
        synonyms=_words(
            "percentage of time | percent of time | share of time | fraction of time | proportion of time | percent | %"
        ),
        unit="%",
        definition="Time a behavior lasts as a percentage of the time its source looked at within the window.",
        needs="labels",
        kind="ratio",
        compute=labels.PERCENT_TIME,
        reference=f"{_BORIS}: % of total length. Here of the time that was looked at, since nobody says what the rest holds.",
        takes=_LABELS,
    ),
    Measure(
        name="percent_bouts",
        synonyms=_words("percentage of bouts | share of bouts | fraction of bouts"),
        unit="%",
        definition="Bouts within the limits on their length as a percentage of all bouts that start in the window.",
        needs="labels",
        kind="ratio",
        compute=labels.PERCENT_BOUTS,
        reference="This project: the share that a limit on the bout length keeps.",
        takes=_LABELS - {"together"},
    ),
    Measure(
        name="bout_rate",
        synonyms=_words("rate | bouts per minute | per minute | events per minute | frequency per minute"),
        unit="bouts/min",
        definition="Bouts that start in the window per minute that the source looked at.",
        needs="labels",
        kind="ratio",
        compute=labels.BOUT_RATE,
        reference=f"{_MARTIN}: frequency as the number of occurrences per unit time.",
        takes=_LABELS,
    ),
    Measure(
        name="bout_duration",
        synonyms=_words(
            "bout length | duration of a bout | length of bouts | longest bout | shortest bout | episode duration | run length | "
            "longest | shortest"
        ),
        unit="s",
        definition="Length of single bouts as listed, for bouts that start in the window.",
        needs="labels",
        kind="pooled",
        compute=labels.BOUT_DURATION,
        reference=f"{_BORIS}: duration mean; {_MARTIN}: duration of a single occurrence.",
        takes=_LABELS,
    ),
    Measure(
        name="mean_bout_duration",
        synonyms=_words(
            "mean bout duration | average bout duration | mean bout length | average bout length"
        ),
        unit="s",
        definition="Mean length of an animal's bouts that start in the window; no value where it has none.",
        needs="labels",
        kind="plain",
        compute=labels.MEAN_BOUT_DURATION,
        reference=f"{_BORIS}: duration mean, taken for each animal (Hurlbert 1984 on pseudoreplication).",
        takes=_LABELS,
    ),
    Measure(
        name="median_bout_duration",
        synonyms=_words("median bout duration | median bout length | typical bout length"),
        unit="s",
        definition="Median length of an animal's bouts that start in the window; no value where it has none.",
        needs="labels",
        kind="plain",
        compute=labels.MEDIAN_BOUT_DURATION,
        reference="This project: bout lengths are skewed, and a single long bout does not move the median.",
        takes=_LABELS,
    ),
    Measure(
        name="longest_bout_duration",
        synonyms=_words(
            "longest bout duration | longest bout length | length of the longest bout of each animal"
        ),
        unit="s",
        definition="Length of an animal's longest bout that starts in the window; no value where it has none.",
        needs="labels",
        kind="plain",
        compute=labels.LONGEST_BOUT,
        reference="This project: the largest bout_duration of each animal, so that groups can be compared by it.",
        takes=_LABELS,
    ),
    Measure(
        name="latency",
        synonyms=_words(
            "onset | first start | first bout | latency to first | first time | when does the first | time to first"
        ),
        unit="s",
        definition="Start of the first bout in the window, from the start of the session; no value where it never happens.",
        needs="labels",
        kind="plain",
        compute=labels.LATENCY,
        reference=f"{_MARTIN}: latency. An animal that never does it has no latency rather than the longest one.",
        takes=_LABELS,
    ),
    Measure(
        name="last_end",
        synonyms=_words("end of last bout | last bout | last time | when does the last"),
        unit="s",
        definition="End of the last bout in the window, from the start of the session.",
        needs="labels",
        kind="plain",
        compute=labels.LAST_END,
        reference="This project: the mirror of the latency.",
        takes=_LABELS,
    ),
    Measure(
        name="inter_bout_interval",
        synonyms=_words(
            "interval between bouts | gap between bouts | inter bout interval | time between bouts | pause | ibi | inter event interval"
        ),
        unit="s",
        definition="Time from the end of one bout to the start of the next of the same behavior and source; overlapping bouts leave "
        "no interval.",
        needs="labels",
        kind="pooled",
        compute=labels.INTER_BOUT_INTERVAL,
        reference=f"{_BORIS}: inter-event intervals.",
        takes=_LABELS,
    ),
    Measure(
        name="distance",
        synonyms=_words(
            "path length | distance moved | distance travelled | distance traveled | total distance | distance covered | how far | "
            "path | locomotion | distance walked | distance run | track length"
        ),
        unit="cm",
        definition="Path length: the sum of frame-to-frame steps of the body center (or a keypoint); gaps are bridged up to the "
        "experiment's limit; a step belongs to the bin in which it starts.",
        needs="track",
        kind="additive",
        compute=motion.distance,
        reference=f"{_ETHOVISION}: distance moved (total); Sturman et al. 2020, doi:10.1038/s41386-020-0776-y.",
        takes=_POINTS,
        instead="mean_speed",
    ),
    Measure(
        name="mean_speed",
        synonyms=_words("speed | average speed | velocity | mean velocity | how fast | average velocity"),
        unit="cm/s",
        definition="Path length divided by the time in which the position is known.",
        needs="track",
        kind="ratio",
        compute=motion.mean_speed,
        reference=f"{_ETHOVISION}: velocity (mean).",
        takes=_POINTS,
    ),
    Measure(
        name="max_speed",
        synonyms=_words(
            "top speed | maximum speed | peak speed | highest speed | fastest | maximum velocity | peak velocity"
        ),
        unit="cm/s",
        definition="Highest speed after smoothing over the experiment's speed window.",
        needs="track",
        kind="plain",
        compute=motion.max_speed,
        reference=f"{_ETHOVISION}: velocity (maximum). Smoothed here, since the fastest raw step is tracking noise.",
        takes=_POINTS,
    ),
    Measure(
        name="body_length",
        synonyms=_words("length of the body | body size | nose to tail base"),
        unit="cm",
        definition="Distance from nose to tail base, over frames in which both are seen.",
        needs="track",
        kind="pooled",
        compute=motion.body_length,
        reference="This project: the simplest measure of posture that two keypoints give.",
        takes=_DURING,
    ),
    Measure(
        name="event_count",
        synonyms=_words("described events | number of described events"),
        unit="events",
        definition="Number of events that meet a description in words and start in the window, by the labels, places and speeds that it names; 0 where it can be told and never happens.",
        needs="labels",
        kind="additive",
        compute=partial(described_measure, name="event_count"),
        reference="This project: what `search_segments` finds, counted.",
        takes=_WINDOW | {"described", "sources"},
        instead="event_rate",
    ),
    Measure(
        name="event_rate",
        synonyms=_words("described events per minute"),
        unit="events/min",
        definition="Described events per minute of the window in which they can be told: who marks them was watching, the position is known.",
        needs="labels",
        kind="ratio",
        compute=partial(described_measure, name="event_rate"),
        reference="This project: event_count for recordings of unequal length.",
        takes=_WINDOW | {"described", "sources"},
    ),
    Measure(
        name="event_duration",
        synonyms=_words("time of described events | duration of described events"),
        unit="s",
        definition="Time that described events last in the window.",
        needs="labels",
        kind="additive",
        compute=partial(described_measure, name="event_duration"),
        reference="This project: what `search_segments` finds, timed.",
        takes=_WINDOW | {"described", "sources"},
        instead="event_percent",
    ),
    Measure(
        name="event_percent",
        synonyms=_words("percent of time of described events"),
        unit="%",
        definition="Time that described events last as a percentage of the window in which they can be told.",
        needs="labels",
        kind="ratio",
        compute=partial(described_measure, name="event_percent"),
        reference="This project: event_duration for recordings of unequal length.",
        takes=_WINDOW | {"described", "sources"},
    ),
    Measure(
        name="zone_time",
        synonyms=_words(
            "time in zone | time in the zone | time in center | time in the center | occupancy | time in arm | dwell time"
        ),
        unit="s",
        definition="Time in which the body center is in a zone.",
        needs="zones",
        kind="additive",
        compute=partial(motion.zone_measure, name="zone_time"),
        reference=f"{_ETHOVISION}: in zone (cumulative duration).",
        takes=_DURING,
        instead="zone_percent",
    ),
    Measure(
        name="zone_percent",
        synonyms=_words(
            "percentage of time in zone | percent of time in zone | share of time in zone | percent in center"
        ),
        unit="%",
        definition="Time in a zone as a percentage of the time in which the position is known.",
        needs="zones",
        kind="ratio",
        compute=partial(motion.zone_measure, name="zone_percent"),
        reference=f"{_ETHOVISION}: in zone (cumulative duration in %).",
        takes=_DURING,
    ),
    Measure(
        name="zone_entries",
        synonyms=_words(
            "entries | zone crossings | number of entries | visits | zone visits | times entered | entries into"
        ),
        unit="entries",
        definition="How often the body center goes from outside to inside a zone; being inside at the start is no entry.",
        needs="zones",
        kind="additive",
        compute=partial(motion.zone_measure, name="zone_entries"),
        reference=f"{_ETHOVISION}: in zone (frequency), less the visit with which a recording begins.",
        takes=_DURING,
        instead="zone_entry_rate",
    ),
    Measure(
        name="zone_entry_rate",
        synonyms=_words("entries per minute | zone entries per minute | visits per minute | rate of entries"),
        unit="entries/min",
        definition="Entries into a zone per minute in which the position is known.",
        needs="zones",
        kind="ratio",
        compute=partial(motion.zone_measure, name="zone_entry_rate"),
        reference="This project: zone_entries for recordings of unequal length.",
        takes=_DURING,
    ),
    Measure(
        name="zone_latency",
        synonyms=_words(
            "latency to enter | first entry | latency to zone | first enters | time to first entry"
        ),
        unit="s",
        definition="First time in the window at which the body center is in a zone, from the start of the session.",
        needs="zones",
        kind="plain",
        compute=partial(motion.zone_measure, name="zone_latency"),
        reference=f"{_ETHOVISION}: in zone (latency to first).",
        takes=_DURING,
    ),
    Measure(
        name="pair_distance",
        synonyms=_words(
            "distance between animals | distance between mice | inter animal distance | how far apart | distance to each other | "
            "interindividual distance"
        ),
        unit="cm",
        definition="Distance between two tracked animals, over frames in which both are seen; split by individual: of each animal "
        "to the nearest other one.",
        needs="track",
        kind="pooled",
        compute=motion.pair_distance,
        reference=f"{_ETHOVISION}: distance between subjects.",
        takes=_POINTS,
    ),
    Measure(
        name="time_near",
        synonyms=_words(
            "time close | frames closer than | time together | closer than | near each other | time in proximity | contact time | "
            "time near another animal"
        ),
        unit="s",
        definition="Time in which two animals are closer than max_distance; a frame with a missing animal does not count; split by "
        "individual: time of each animal near any other one.",
        needs="track",
        kind="additive",
        compute=partial(motion.near_measure, name="time_near"),
        reference=f"{_ETHOVISION}: proximity (in proximity, cumulative duration).",
        takes=_POINTS | {"max_distance"},
        instead="percent_near",
    ),
    Measure(
        name="percent_near",
        synonyms=_words(
            "percentage of time near | percent of time near | share of time near | percent of time in proximity"
        ),
        unit="%",
        definition="Time in which two animals are closer than max_distance as a percentage of the time in which both are seen; "
        "split by individual: of each animal near any other one.",
        needs="track",
        kind="ratio",
        compute=partial(motion.near_measure, name="percent_near"),
        reference="This project: time_near for recordings of unequal length or with unequally many lost frames.",
        takes=_POINTS | {"max_distance"},
    ),
    Measure(
        name="keypoint_distance",
        synonyms=_words(
            "distance between keypoints | distance between points | distance between body parts | width of the body"
        ),
        unit="cm",
        definition="Distance between two keypoints of one animal, over frames in which both are seen.",
        needs="track",
        kind="pooled",
        compute=motion.keypoint_distance,
        reference=f"{_ETHOVISION}: distance between body points.",
        takes=_POINTS,
    ),
    Measure(
        name="percent_tracked",
        synonyms=_words(
            "tracking quality | percent of frames tracked | likelihood above | confidence above | share of frames tracked"
        ),
        unit="%",
        definition="Share of the tracker's frames in which a keypoint is seen with at least min_confidence.",
        needs="track",
        kind="ratio",
        compute=motion.percent_tracked,
        reference="DeepLabCut's likelihood cutoff (pcutoff; Mathis et al. 2018, doi:10.1038/s41593-018-0209-y).",
        takes=_SEEN,
    ),
    Measure(
        name="percent_missing",
        synonyms=_words("percent of frames missing | share of frames missing | likelihood below"),
        unit="%",
        definition="Share of the tracker's frames in which a keypoint is not seen with at least min_confidence.",
        needs="track",
        kind="ratio",
        compute=partial(motion.percent_tracked, missing=True),
        reference=f"{_ETHOVISION}: subject not found (%); the rest of percent_tracked.",
        takes=_SEEN,
    ),
    Measure(
        name="missing_frames",
        synonyms=_words(
            "undetected frames | frames without position | frames missing | missing positions | undetected | not detected | "
            "no position | frames lost"
        ),
        unit="frames",
        definition="Frames in which an animal has no keypoint at all, or none of those named.",
        needs="track",
        kind="additive",
        compute=motion.missing_frames,
        reference=f"{_ETHOVISION}: samples in which the subject is not found.",
        takes=_SEEN,
        instead="percent_missing",
    ),
    Measure(
        name="n_frames",
        synonyms=_words(
            "number of frames | frame count | how many frames | frames | pose frames | video frames | frames tracked"
        ),
        unit="frames",
        definition="Frames of the track, or of the session where nothing is tracked.",
        needs="session",
        kind="additive",
        compute=motion.n_frames,
        reference="This project: rows of the track file, from the first to the last frame.",
        takes=frozenset({"sources"}),
    ),
    Measure(
        name="duration",
        synonyms=_words(
            "recording length | session duration | length of the recording | how long is the recording | recording duration | "
            "video length | length of the video"
        ),
        unit="s",
        definition="Length of the session: that of its longest input.",
        needs="session",
        kind="additive",
        compute=_duration,
        reference="This project: the clock that all inputs of a session share (NWB: one session_start_time).",
        takes=frozenset(),
    ),
    Measure(
        name="fps",
        synonyms=_words("frame rate | frames per second | sampling rate"),
        unit="1/s",
        definition="Frames per second of the session, as the video, the track file or sessions.csv says.",
        needs="session",
        kind="plain",
        compute=partial(session_column, name="fps", column="fps", unit="1/s"),
        reference="NWB: rate of an ImageSeries.",
        takes=frozenset(),
    ),
    Measure(
        name="px_per_cm",
        synonyms=_words("scale | pixels per centimeter | pixels per cm | pixels per centimetre | resolution"),
        unit="px/cm",
        definition="Pixels per centimetre of the session, as declared or from the arena's size.",
        needs="session",
        kind="plain",
        compute=partial(session_column, name="px_per_cm", column="px_per_cm", unit="px/cm"),
        reference=f"{_ETHOVISION}: calibration of the arena.",
        takes=frozenset(),
    ),
)

CATALOGUE: Final[Mapping[str, Measure]] = MappingProxyType({measure.name: measure for measure in _ALL})
"""Every measure by name."""


def find_quantity(context: ToolContext, name: str) -> Quantity:
    """Find what a name stands for: exactly, in any case, by synonym, or by the last parts of a metric's name.

    Raises
    ------
    ToolRetryError
        When nothing of that name is known, or it fits several metrics.
    """
    return search_quantity(context, name, CATALOGUE)


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
    if arguments.windows:
        return _side_by_side(context, arguments, also_by)
    check_bins(arguments)
    quantity = find_quantity(context, arguments.measure)
    unused = check_cuts(arguments, quantity)
    columns = tuple(
        dict.fromkeys(match_group_column(context, name) for name in (*arguments.group_by, *also_by))
    )
    scope = select_sessions(context, arguments)
    require_sessions(scope, arguments)
    split = frozenset(columns) | ({"source"} if len(arguments.sources) > 1 else frozenset())
    call = Call(context=context, scope=scope, arguments=arguments, split=split)
    measured = in_unit(_rows_of(call, quantity), arguments.unit, scope)
    flags = tuple(dict.fromkeys((*scope.flags, *window_flags(scope), *unused, *measured.flags)))
    return Outcome(scope=scope, measured=dataclasses.replace(measured, flags=flags), columns=columns)


def _side_by_side(context: ToolContext, arguments: MeasureArguments, also_by: Sequence[str]) -> Outcome:
    """Compute a measure in each of several time windows, which the rows are labeled by."""
    other = [name for name in sorted(_WINDOW) if getattr(arguments, name) is not None]
    if other:
        raise ToolRetryError(f"`windows` stands instead of {listing(other)}; leave one of them out.")
    split = [name for name in (*arguments.group_by, *also_by) if name != WINDOW]
    found: dict[str, Outcome] = {}
    for window in arguments.windows:
        update = {
            "windows": [], **window.model_dump(),
            "group_by": [name for name in arguments.group_by if name != WINDOW],
        }  # fmt: skip
        one = compute(context, arguments.model_copy(update=update), also_by=split)
        parts = window.start_part, window.stop_part
        found[window_name(window.start_s, window.stop_s, one.scope.time_unit(), parts)] = one
    if len(found) < len(arguments.windows):
        raise ToolRetryError("The same time window is given twice.")
    first = next(iter(found.values()))
    rows = [
        dataclasses.replace(row, labels={**row.labels, WINDOW: name})
        for name, one in found.items()
        for row in one.measured.rows
    ]
    flags = tuple(dict.fromkeys(flag for one in found.values() for flag in one.measured.flags))
    measured = dataclasses.replace(first.measured, rows=rows, flags=flags)
    return Outcome(
        scope=dataclasses.replace(first.scope, start=None, stop=None, start_part=None, stop_part=None),
        measured=measured,
        columns=(*first.columns, WINDOW),
    )


def _rows_of(call: Call, quantity: Quantity) -> Measured:
    if quantity.measure is not None:
        units = set(call.scope.sessions["time_unit"].drop_nulls().to_list())
        return dataclasses.replace(
            quantity.measure.compute(call),
            definition=quantity.measure.definition,
            instead=quantity.measure.instead,
            # Seconds and frames cannot be compared, so that nothing is said of lengths where they mix.
            time_unit=units.pop() if len(units) == 1 else "",
        )
    if quantity.metric is not None:
        measured = metric_rows(call, quantity.metric)
        if quantity.read_as is not None:
            said = f"{quantity.read_as!r} was read as {quantity.metric!r}."
            measured = dataclasses.replace(measured, flags=(said, *measured.flags))
        return measured
    return session_column(call, name=quantity.name, column=str(quantity.column), unit=None)
