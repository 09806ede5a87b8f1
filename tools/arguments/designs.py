"""Arguments of tests: groups, families of measures, sample sizes, two quantities, two factors."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ethochat.tools.arguments.selected import MeasureArguments, Selection


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
