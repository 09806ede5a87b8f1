"""Arguments of clips, searches, facts, figures, and of asking back or declining."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ethochat.tools.arguments.selected import Arguments, MeasureArguments, Selection


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


class Moment(Arguments):
    """A point in time of a session, which stands for what goes on there."""

    session_id: str
    time: Annotated[float, Field(description="Seconds from the session's start (frames without a rate).")]
    individual: Annotated[str | None, Field(description="Which animal, where there are several.")] = None


class SearchArguments(Selection):
    """Moments that match a description in plain words; every number and name in it is met by data."""

    query: Annotated[
        str,
        Field(
            description="What the animal is doing, in plain words. Speeds, durations, places, negations ('not along the wall') and "
            "sequences ('rearing, then grooming within 10 s') may stand in it."
        ),
    ] = ""
    sources: Annotated[
        list[str], Field(description="Only what these raters, classifiers or 'rules' say.")
    ] = []
    zones: Annotated[list[str], Field(description="Only while the animal is in one of these zones.")] = []
    behaviors: Annotated[
        list[str], Field(description="Only while one of these behaviors goes on, by its exact name.")
    ] = []
    without: Annotated[
        list[str], Field(description="Only while none of these behaviors and zones holds.")
    ] = []
    min_duration_s: Annotated[float | None, Field(description="Hits at least so long.", ge=0)] = None
    max_duration_s: Annotated[float | None, Field(description="Hits at most so long.", ge=0)] = None
    min_speed: Annotated[
        float | None, Field(description="Only while the speed is at least this, cm/s (px/s without a scale).")
    ] = None
    max_speed: Annotated[float | None, Field(description="Only while the speed is at most this.")] = None
    followed_by: Annotated[
        list[str],
        Field(description="Descriptions of what comes next, in order; a hit spans all of the sequence."),
    ] = []
    within_s: Annotated[
        float | None,
        Field(description="A next step starts at most this long after the one before ended.", ge=0),
    ] = None
    like: Annotated[list[Moment], Field(description="More like these moments …")] = []
    unlike: Annotated[list[Moment], Field(description="… and less like these.")] = []
    other_sessions: Annotated[bool, Field(description="Leave out the sessions of the moments in like.")] = (
        False
    )
    per_session: Annotated[
        int | None, Field(description="At most so many hits of one session, for variety.", ge=1)
    ] = None
    verify: Annotated[
        int,
        Field(
            description="Let the vision-language model look at so many of the best hits and say whether they show it; 0: none.",
            ge=0,
            le=200,
        ),
    ] = 0
    verify_s: Annotated[float, Field(description="Seconds that verifying may take.", gt=0)] = 60.0
    limit: Annotated[int, Field(ge=1, le=1000)] = 10
    offset: Annotated[int, Field(description="Skip so many hits, to go on in a long list.", ge=0)] = 0


class Clip(Arguments):
    """An interval of a session to look at."""

    session_id: str
    start_s: Annotated[float, Field(description="Seconds from the session's start (frames without a rate).")]
    stop_s: float
    individual: Annotated[str | None, Field(description="Which animal, where there are several.")] = None


class WatchArguments(Arguments):
    """Ask the vision-language model about chosen clips."""

    question: Annotated[
        str,
        Field(
            description="One question about what is to be seen, as to a person who watches: 'Is the tail raised?'",
            min_length=1,
        ),
    ]
    clips: Annotated[
        list[Clip],
        Field(
            description="What to look at: intervals that a tool returned, or that the user named.",
            min_length=1,
            max_length=500,
        ),
    ]
    together: Annotated[
        bool,
        Field(description="Show all clips at once, to compare them; else each is asked about by itself."),
    ] = False


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
