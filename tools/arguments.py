"""Typed arguments of the tools: the one form in which a question reaches the data.

A language model, the built-in chat model, the command line and Python all fill the same models. Field descriptions are
what a language model reads. Names of behaviors, sources, zones and columns are the experiment's own; the tools accept
them in any case and with their declared synonyms, and refuse unknown ones naming what is near.
"""

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
    """Base of all arguments: unknown names are refused, so that a misspelt filter never widens an answer."""

    model_config = ConfigDict(extra="forbid")


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
    combine_of: Annotated[
        list[str], Field(description="The labels to combine, in order; empty for all rows of the split.")
    ] = []


class CompareArguments(MeasureArguments):
    """A measure compared between groups, one value per animal."""

    group_column: Annotated[
        str,
        Field(
            description="Metadata column that tells the groups; or source, zone, behavior, window (of windows) or bin (of bin_s), "
            "which compare parts of the same animals."
        ),
    ]
    groups: Annotated[list[str], Field(description="Groups to compare, in this order; empty for all.")] = []
    paired: Annotated[
        bool,
        Field(
            description="The same animals or sessions in every group: paired or repeated. Found out by itself where every "
            "animal is in every group."
        ),
    ] = False
    test: Annotated[
        Literal[
            "auto",
            "welch_t",
            "student_t",
            "mann_whitney_u",
            "permutation",
            "paired_t",
            "wilcoxon",
            "paired_permutation",
            "welch_anova",
            "anova",
            "kruskal_wallis",
            "rm_anova",
            "friedman",
            "mixed_model",
            "equivalence",
        ],
        Field(
            description="auto: Welch for two groups, Welch-ANOVA for more, paired t or repeated-measures ANOVA for the same "
            "animals, a mixed model where only some animals are in several groups. equivalence: two one-sided tests within "
            "`margin`, for questions whether groups are the same."
        ),
    ] = "auto"
    margin: Annotated[
        float | None,
        Field(
            description="Largest difference that still counts as the same, for equivalence (default: half a standard deviation).",
            gt=0,
        ),
    ] = None
    margin_unit: Annotated[
        Literal["sd", "raw", "percent"],
        Field(
            description="Margin in pooled standard deviations, in the measure's unit, or in percent of the second group's mean."
        ),
    ] = "sd"
    control: Annotated[
        str | None,
        Field(description="Group with which each other one is compared, instead of all pairs (Dunnett)."),
    ] = None


class FamilyArguments(CompareArguments):
    """Many measures compared between the same groups, corrected for how many they are."""

    measure: Annotated[
        str,
        Field(
            description="Measure taken of each behavior or zone (default: number of bouts and time). Not used for metrics."
        ),
    ] = ""
    of: Annotated[
        Literal["behaviors", "metrics", "zones", "measures"],
        Field(
            description="What is compared one by one: every behavior, every metric that came with the data, every zone, or every "
            "measure the data can give (metrics, behaviors, movement)."
        ),
    ] = "behaviors"
    measures: Annotated[
        list[str], Field(description="Exactly these measures or metrics instead of all; empty for all.")
    ] = []
    correct_by: Annotated[
        Literal["holm", "fdr_bh", "fdr_by"],
        Field(description="Correction that decides what is said to differ; all three are returned."),
    ] = "holm"


class PowerArguments(CompareArguments):
    """How many animals a comparison needs, or what it can detect."""

    measure: Annotated[
        str,
        Field(description="Measure whose observed difference is to be seen; empty when `effect` is given."),
    ] = ""
    group_column: Annotated[
        str, Field(description="Metadata column that tells the groups; empty when `effect` is given.")
    ] = ""
    effect: Annotated[
        float | None,
        Field(
            description="Standardized difference (Cohen d) to be detected, instead of the one observed; for three and more "
            "groups Cohen f."
        ),
    ] = None
    difference: Annotated[
        float | None,
        Field(
            description="Difference of the means to be detected, instead of the one observed, in units of `difference_unit`; the "
            "spread is that of the groups.",
            gt=0,
        ),
    ] = None
    difference_unit: Annotated[
        Literal["raw", "percent"],
        Field(
            description="The measure's unit, or percent of the mean of the last group (the control, where it is last)."
        ),
    ] = "percent"
    wanted_power: Annotated[
        float, Field(description="Probability of finding the effect if it exists.", gt=0, lt=1)
    ] = 0.8
    alpha: Annotated[float, Field(description="Two-sided level of the test.", gt=0, lt=1)] = 0.05
    n_per_group: Annotated[
        int | None,
        Field(description="With so many animals per group: which effect could be detected?", ge=2),
    ] = None


class CorrelateArguments(Selection):
    """Two quantities, one pair of values per animal."""

    x: Annotated[MeasureArguments, Field(description="First measure, metric or numeric metadata column.")]
    y: Annotated[MeasureArguments, Field(description="Second measure, metric or numeric metadata column.")]
    method: Annotated[
        Literal["pearson", "spearman", "linear"],
        Field(
            description="spearman: whether y rises or falls with x; pearson: how close to a line; linear: the slope of y per unit "
            "of x with its interval, beside Spearman's, for a dose-response."
        ),
    ] = "spearman"
    group_column: Annotated[
        str | None,
        Field(
            description="Metadata column: correlate within each of its groups as well as over all animals."
        ),
    ] = None


class TwoFactorArguments(MeasureArguments):
    """A measure by two factors and their interaction, with the animal as unit."""

    factors: Annotated[
        list[str],
        Field(
            description="Two columns: metadata columns such as sex, treatment, day or trial; zone, behavior, source or keypoint; "
            "or 'bin' for the time bins of bin_s. Whether each differs between or within animals is found out from the data.",
            min_length=2,
            max_length=2,
        ),
    ]
    robust: Annotated[
        bool,
        Field(description="Do not assume equal variances in the cells (factors between animals)."),
    ] = False


class AgreementArguments(Selection):
    """How well sources agree."""

    behaviors: Annotated[
        list[str],
        Field(description="Behaviors to compare; empty for every one that at least two sources mark."),
    ] = []
    sources: Annotated[
        list[str], Field(description="Two or more raters, classifiers or trackers; empty for all.")
    ] = []
    statistics: Annotated[
        list[
            Literal[
                "f1",
                "kappa",
                "percent_agreement",
                "precision",
                "recall",
                "bout_f1",
                "count_correlation",
                "duration_correlation",
                "fleiss_kappa",
                "krippendorff_alpha",
                "median_distance",
            ]
        ],
        Field(
            description="Per pair and frame by frame: f1, kappa, percent_agreement, and precision and recall against "
            "`reference`; per pair and bout by bout: bout_f1; per pair over recordings: count_correlation (bouts) and "
            "duration_correlation (total durations), each with the mean difference; of all sources at once: fleiss_kappa, "
            "krippendorff_alpha; between two trackers: median_distance."
        ),
    ] = ["f1", "kappa"]
    reference: Annotated[
        str | None, Field(description="Source against which each of the others is held.")
    ] = None
    whole_ethogram: Annotated[
        bool, Field(description="One score for all behaviors together, each frame having one label.")
    ] = False
    intervals: Annotated[
        bool, Field(description="Also give the 95 % intervals as values, after all scores.")
    ] = False
    fps: Annotated[
        float | None, Field(description="Raster of frames (default: the session's frame rate).", gt=0)
    ] = None
    group_by: Annotated[
        list[str],
        Field(
            description="Columns to split by: session_id, subject_id, individual or any metadata column; pairs and "
            "behaviors are always apart."
        ),
    ] = []
    order: Annotated[
        Literal["ascending", "descending"] | None, Field(description="Rank by the first statistic.")
    ] = None


class TransitionArguments(Selection):
    """What follows what, in one source's bouts ordered by start time."""

    sources: list[str] = []
    before: Annotated[list[str], Field(description="First behavior; empty for any.")] = []
    after: Annotated[list[str], Field(description="Next behavior; empty for any.")] = []
    both_ways: Annotated[bool, Field(description="Also count the reverse transition.")] = False
    adjacent: Annotated[bool, Field(description="Only bouts that touch (frame to frame).")] = False
    within_s: Annotated[
        float | None,
        Field(description="Only where the second bout starts at most this long after the first ended.", ge=0),
    ] = None
    lag: Annotated[int, Field(description="1: the next bout; 2: the one after that …", ge=1)] = 1
    probability: Annotated[bool, Field(description="Also give transition probabilities.")] = False
    null: Annotated[
        bool,
        Field(
            description="Hold each count against chance: the same bouts of each animal in random order; gives expected "
            "counts, observed over expected, and p by permutation, corrected by Holm."
        ),
    ] = False
    permutations: Annotated[
        int | None,
        Field(
            description="Random orders (default: 2,000 or more, as the number of tests needs).",
            ge=99,
            le=100_000,
        ),
    ] = None
    repeats: Annotated[
        Literal["auto", "allowed", "merged"],
        Field(
            description="Whether a behavior may follow itself. merged: equal bouts in a row count as one, also in random "
            "order. auto: as the source does."
        ),
    ] = "auto"
    group_by: Annotated[
        list[str],
        Field(
            description="session_id, subject_id or individual for one value each; a metadata column for the mean over its "
            "animals."
        ),
    ] = []


class CooccurrenceArguments(Selection):
    """What goes on at the same time."""

    first: Annotated[
        str | None, Field(description="A behavior (or category); empty for every pair of behaviors.")
    ] = None
    second: Annotated[
        str | None,
        Field(
            description="Another behavior; empty for a behavior with a zone, with nearness, or of two animals."
        ),
    ] = None
    sources: Annotated[
        list[str],
        Field(description="Who marked them: one source for both behaviors, or one for each in their order."),
    ] = []
    animals: Annotated[
        Literal["same", "different"],
        Field(description="different: one animal does the first while another one does the second."),
    ] = "same"
    zones: Annotated[
        list[str], Field(description="Zones: how much of the first behavior happens in each.")
    ] = []
    max_distance: Annotated[
        float | None,
        Field(description="Nearness: the first behavior while another animal is closer than this.", gt=0),
    ] = None
    unit: Annotated[Literal["px", "cm"], Field(description="Unit of max_distance.")] = "px"
    null: Annotated[
        bool, Field(description="Hold the time against chance, by shifting one in time within each session.")
    ] = True
    shifts: Annotated[int, Field(description="Random shifts.", ge=99, le=100_000)] = 2_000
    group_by: Annotated[
        list[str],
        Field(
            description="session_id, subject_id or individual for one value each; a metadata column for the mean over its "
            "animals."
        ),
    ] = []


class FindBoutsArguments(Selection):
    """Bouts of a behavior as clips, exactly as the tables have them."""

    behaviors: list[str]
    sources: list[str] = []
    min_bout_s: float | None = None
    max_bout_s: float | None = None
    strict: bool = False
    followed_by: Annotated[list[str], Field(description="Keep bouts after which one of these starts …")] = []
    within_s: Annotated[float | None, Field(description="… at most this long after the first ended.")] = None
    zones: Annotated[list[str], Field(description="Keep bouts that touch one of these zones.")] = []
    order: Annotated[
        Literal["time", "longest", "shortest"],
        Field(description="Order of the clips; time: by session and start."),
    ] = "time"
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


class FindProximityArguments(Selection):
    """Intervals in which two tracked animals are close."""

    pair: Annotated[list[str], Field(description="Two individuals; empty for every pair.")] = []
    keypoints: Annotated[
        list[str], Field(description="Keypoint of both (or one for each); empty for the body center.")
    ] = []
    max_distance: Annotated[float, Field(description="Distance limit, exclusive.", gt=0)]
    unit: Literal["px", "cm"] = "px"
    min_frames: Annotated[
        int, Field(description="Keep runs of at least so many consecutive frames.", ge=1)
    ] = 1
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


class SearchArguments(Selection):
    """Segments whose description matches a behavior in plain words."""

    query: Annotated[str, Field(description="What the animal is doing, in plain words.")]
    sources: list[str] = []
    zones: list[str] = []
    behaviors: Annotated[list[str], Field(description="Keep segments with one of these behaviors.")] = []
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    min_speed: Annotated[
        float | None, Field(description="Mean speed at least, cm/s (px/s without a scale).")
    ] = None
    max_speed: float | None = None
    like_session: Annotated[str | None, Field(description="More like the segment of this session …")] = None
    like_time: Annotated[float | None, Field(description="… at this time.")] = None
    limit: Annotated[int, Field(ge=1, le=100)] = 10


class FactsArguments(Selection):
    """What the experiment contains."""

    topic: Annotated[
        Literal[
            "summary",
            "session_count",
            "subject_count",
            "sessions",
            "subjects",
            "behaviors",
            "sources",
            "measures",
            "keypoints",
            "zones",
            "recordings",
            "columns",
            "missing_ids",
            "flags",
            "definition",
        ],
        Field(
            description="summary: design in a paragraph; session_count and subject_count: how many, by group_by; sessions and "
            "subjects: their names and metadata; sources: who labeled or tracked what, in how many sessions; recordings: frames, "
            "duration, fps, scale; missing_ids: gaps in numbered session ids; definition: what a behavior or measure means."
        ),
    ]
    group_by: Annotated[list[str], Field(description="Columns to count by.")] = []
    sources: Annotated[list[str], Field(description="Only sessions that have one of these sources.")] = []
    source_kind: Annotated[
        Literal["manual", "automated", "rule"] | None,
        Field(description="Only sessions with labels of this kind."),
    ] = None
    without: Annotated[bool, Field(description="Only sessions that do not have those sources or labels.")] = (
        False
    )
    not_sources: Annotated[list[str], Field(description="Only sessions without these sources.")] = []
    columns: Annotated[list[str], Field(description="Metadata columns to show.")] = []
    name: Annotated[str | None, Field(description="Behavior or measure to define.")] = None


class PlotArguments(MeasureArguments):
    """A figure: bars with one point per animal, scatter, time bins, path, map, ethogram, matrix, agreement or forest."""

    kind: Annotated[
        Literal[
            "bars",
            "scatter",
            "time_bins",
            "trajectory",
            "occupancy",
            "ethogram",
            "matrix",
            "agreement",
            "forest",
        ],
        Field(
            description="matrix: which behavior follows which; agreement: of raters, per pair and behavior; forest: effects between "
            "groups, one per behavior or zone."
        ),
    ]
    measure: str = "distance"
    group_column: Annotated[
        str | None, Field(description="Groups of the bars and of the forest, colors of the scatter.")
    ] = None
    against: Annotated[
        str | None, Field(description="Measure or numeric column on the x axis of a scatter.")
    ] = None


class AskUserArguments(Arguments):
    """Ask the user back when two readings of the question are close or a needed part is missing."""

    question: Annotated[
        str, Field(description="What to ask, in one sentence, without any number from the data.")
    ]
    options: Annotated[list[str], Field(description="The readings to choose from.")] = []


class DeclineArguments(Arguments):
    """Say that the experiment's data cannot answer, and what could be asked instead."""

    reason: Annotated[str, Field(description="What is missing in the data, in one sentence.")]
    suggestions: Annotated[list[str], Field(description="Questions that the data can answer.")] = []
