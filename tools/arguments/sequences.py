"""Arguments about labels beside and after one another: agreement of sources, transitions, what goes on at the same time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ethochat.tools.arguments.selected import Selection

_Split = Annotated[
    list[str],
    Field(
        description="session_id, subject_id or individual for one value each; a metadata column for the mean over its animals."
    ),
]


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
    group_by: _Split = []


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
    group_by: _Split = []
