"""Who is looked at, which part of each session, and one measure of it: what other arguments build on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Statistic = Literal[
    "each", "mean", "median", "sum", "min", "max", "sd", "sem", "ci95", "cv", "quartiles", "range", "count"
]  # fmt: skip
Combination = Literal["difference", "ratio", "index", "mean", "sum", "min", "share"]
Operator = Literal["==", "!=", ">", ">=", "<", "<=", "in", "not in"]


StartPart = Annotated[
    float | None,
    Field(
        description="Start as a share of each session's own length, instead of start_s: 0.5 for the second half.",
        ge=0,
        lt=1,
    ),
]
StopPart = Annotated[
    float | None,
    Field(
        description="End as a share of each session's own length, instead of stop_s: 0.5 for the first half.",
        gt=0,
        le=1,
    ),
]


class Arguments(BaseModel):
    """Base of all arguments: unknown names are refused, so that a misspelt filter never widens an answer; numbers are finite."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Condition(Arguments):
    """A condition on a metadata column."""

    column: Annotated[str, Field(description="Metadata column, as in sessions.csv.")]
    op: Operator = "=="
    value: Annotated[
        str | float | list[str] | list[float], Field(description="Value or values of that column.")
    ]


class Selection(Arguments):
    """Which sessions and animals, and which part of each session."""

    sessions: Annotated[list[str], Field(description="Session ids; empty for all.")] = []
    subjects: Annotated[list[str], Field(description="Subject ids; empty for all.")] = []
    individuals: Annotated[
        list[str], Field(description="Tracked individuals, where a session has several.")
    ] = []
    where: Annotated[
        list[Condition], Field(description="Conditions on metadata columns, all of which must hold.")
    ] = []
    start_s: Annotated[
        float | None,
        Field(
            description="Start of the time window in seconds (frames where the frame rate is not documented); negative counts from "
            "the end of the session: -30 for its last 30 s."
        ),
    ] = None
    stop_s: Annotated[
        float | None,
        Field(
            description="End of the time window (not included); negative counts from the end of the session."
        ),
    ] = None
    start_part: StartPart = None
    stop_part: StopPart = None
    include_excluded: Annotated[bool, Field(description="Keep sessions that are flagged as unusable.")] = (
        False
    )


class Window(Arguments):
    """A part of every session."""

    start_s: Annotated[
        float | None, Field(description="Start in seconds; negative counts from the end of the session.")
    ] = None
    stop_s: Annotated[float | None, Field(description="End, not included; negative counts from the end.")] = (
        None
    )
    start_part: StartPart = None
    stop_part: StopPart = None


class MeasureArguments(Selection):
    """One measure, cut as the question asks."""

    measure: Annotated[
        str,
        Field(
            description="A measure of the catalogue (bout_count, total_duration, percent_time, bout_rate, bout_duration, "
            "mean_bout_duration, median_bout_duration, longest_bout_duration, latency, inter_bout_interval, distance, mean_speed, "
            "max_speed, zone_time, zone_percent, zone_entries, zone_entry_rate, zone_latency, pair_distance, time_near, "
            "percent_near, keypoint_distance, percent_tracked, missing_frames, n_frames, duration …) or the name of a metric or "
            "numeric column that came with the data. An argument that a measure does not take is refused."
        ),
    ]
    behaviors: Annotated[
        list[str], Field(description="Behaviors; several are united unless grouped by behavior.")
    ] = []
    sources: Annotated[
        list[str],
        Field(
            description="Raters, classifiers, 'rules' or trackers; empty where only one gives the measure."
        ),
    ] = []
    zones: list[str] = []
    keypoints: Annotated[list[str], Field(description="Keypoints; empty for the body center.")] = []
    min_bout_s: Annotated[float | None, Field(description="Count only bouts at least this long.")] = None
    max_bout_s: Annotated[float | None, Field(description="Count only bouts at most this long.")] = None
    strict: Annotated[
        bool, Field(description="The bout limits are exclusive (longer than, shorter than).")
    ] = False
    during: Annotated[
        list[str],
        Field(description="Only while one of these behaviors goes on (of any source that marks them)."),
    ] = []
    excluding: Annotated[
        list[str],
        Field(
            description="Leave out the time of these behaviors altogether, also from the whole of a percentage."
        ),
    ] = []
    outside: Annotated[
        bool, Field(description="The time outside of the zones instead of inside (zone measures).")
    ] = False
    together: Annotated[
        Literal["sources", "individuals"] | None,
        Field(description="Only what all named sources mark, or all named animals do, at the same time."),
    ] = None
    max_distance: Annotated[
        float | None, Field(description="Distance limit of time_near, in cm where there is a scale, else px.")
    ] = None
    min_confidence: Annotated[
        float | None, Field(description="Discard points below this confidence (default: the experiment's).")
    ] = None
    interpolate: Annotated[
        bool | None, Field(description="Bridge all missing points linearly (default: short gaps only).")
    ] = None
    group_by: Annotated[
        list[str],
        Field(
            description="Columns to split by, one or several: session_id, subject_id, individual, pair, source, behavior, zone, "
            "keypoint, window or any metadata column; several give every combination, such as sex and group."
        ),
    ] = []
    statistics: Annotated[
        list[Statistic],
        Field(
            description="How values are combined within a group: over animals, each one's sessions (and its bouts, for per-bout "
            "measures) first; over all bouts where nothing tells animals apart. each: the single values, alone. ci95: bounds of the "
            "95 % interval of the mean; cv: sd in percent of the mean; quartiles: first and third."
        ),
    ] = []
    bin_s: Annotated[float | None, Field(description="Split the window into bins of this many seconds.")] = (
        None
    )
    windows: Annotated[
        list[Window],
        Field(
            description="Several time windows beside one another, such as the first and the last minute, instead of start_s and "
            "stop_s; the result is split by window."
        ),
    ] = []
    unit: Annotated[str | None, Field(description="Unit wanted, e.g. min, m, %, frames.")] = None
    order: Annotated[Literal["ascending", "descending"] | None, Field(description="Rank the rows.")] = None
    limit: Annotated[int | None, Field(description="Keep the first rows of the ranking.", ge=1)] = None
    keep: Annotated[
        Literal["all", "nonzero", "zero", "above", "below", "outliers"],
        Field(description="Keep only rows with such a value; outliers by the 1.5 x IQR rule."),
    ] = "all"
    keep_value: Annotated[float | None, Field(description="Limit of keep above or below.")] = None
    combine: Annotated[
        Combination | None,
        Field(
            description="One number out of several rows of the split: difference and ratio of two, index (first minus second "
            "over their sum), mean, sum, smallest, or the share of the first in all, in percent."
        ),
    ] = None
    described: Annotated[
        str | None,
        Field(
            description="Of event_count, event_rate, event_duration and event_percent: the events in plain words, as for search_segments "
            "('enters the center, then freezes within 5 s')."
        ),
    ] = None
    combine_of: Annotated[
        list[str], Field(description="The labels to combine, in order; empty for all rows of the split.")
    ] = []
