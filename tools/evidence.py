"""What a tool hands back besides text: values, tests and clips that people and the verifier can check."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Value(BaseModel):
    """One computed quantity."""

    model_config = ConfigDict(extra="forbid")

    name: str
    """The measure, in the catalogue's words: ``bout_count``, ``total_duration`` …"""
    value: float | str | None
    """``None`` where it cannot be computed (``note`` says why); text only for facts such as a name."""
    unit: str | None = None
    statistic: str | None = None
    """``mean``, ``median``, ``sd``, ``sem``, ``sum``, ``max`` … ; ``None`` for a single observation."""
    n: int | None = None
    """Animals (or sessions, see ``note``) behind the value."""
    group: dict[str, str] = Field(default_factory=dict)
    """Column name to value: metadata columns, ``source``, ``behavior``, ``zone``, ``individual``, ``pair``, ``keypoint`` …"""
    session_id: str | None = None
    subject_id: str | None = None
    bin_start_s: float | None = None
    evidence_id: str | None = None
    note: str | None = None


class GroupSummary(BaseModel):
    """One group of a comparison."""

    n: int
    mean: float | None
    sd: float | None
    median: float | None
    sem: float | None = None
    ci95: tuple[float, float] | None = None
    """Interval of the mean by Student's t."""


class AssumptionCheck(BaseModel):
    """One assumption of a test, looked at and shown; no test is ever chosen by its outcome."""

    model_config = ConfigDict(extra="forbid")

    name: str
    """``shapiro_wilk``, ``brown_forsythe``, ``mauchly`` …"""
    about: str
    """What it looks at: a group's name, ``all groups``, ``differences``, ``residuals``."""
    statistic: float | None = None
    p_value: float | None = None
    holds: bool | None = None
    """``None`` where it cannot be looked at (``note`` says why)."""
    note: str | None = None


class Influence(BaseModel):
    """What a conclusion would be without one animal."""

    model_config = ConfigDict(extra="forbid")

    animal: str
    group: str | None = None
    value: float
    """The animal's own value."""
    outlier: bool
    """Flagged by the robust rule; it stays in the test all the same."""
    p_value: float | None = None
    """Of the same test without this animal."""
    effect: float | None = None
    """The main effect size without this animal."""
    changes: bool = False
    """Whether the test falls on the other side of 0.05."""


class TestResult(BaseModel):
    """One statistical test."""

    __test__ = False  # not a test case, whatever pytest thinks of the name

    model_config = ConfigDict(extra="forbid")

    name: str
    """``welch_t``, ``mann_whitney_u``, ``paired_t``, ``rm_anova``, ``spearman`` …"""
    statistic: float | None
    p_value: float | None
    df: float | tuple[float, float] | None = None
    effect_size: dict[str, float | list[float] | None] = Field(default_factory=dict)
    """The main effect first, its interval under ``ci95``; others by name with ``<name>_ci95`` (``mean_difference``,
    ``mean_difference_ci95``, ``cliffs_delta`` …). All are first group minus second."""
    groups: dict[str, GroupSummary] = Field(default_factory=dict)
    measure: str | None = None
    unit: str | None = None
    correction: str | None = None
    why: str | None = None
    """One line: which test, and why this one."""
    term: str | None = None
    """Of a design with several factors: the factor or interaction (``sex``, ``sex:treatment``) tested."""
    corrected: dict[str, float] = Field(default_factory=dict)
    """Corrected p values of a family of tests: ``holm``, ``fdr_bh``, ``fdr_by``."""
    n_tests: int | None = None
    """How many tests the family has."""
    posthoc: list[TestResult] = Field(default_factory=list)
    """Pairs of groups after a test of several; their ``p_value`` is corrected, ``correction`` says how."""
    checks: list[AssumptionCheck] = Field(default_factory=list)
    influence: list[Influence] = Field(default_factory=list)
    """Outliers, and the animal without which p changes most."""
    evidence_id: str | None = None


class ClipRef(BaseModel):
    """An interval of a session that the answer points to."""

    model_config = ConfigDict(extra="forbid")

    session_id: str
    start_time: float
    stop_time: float
    score: float | None = None
    description: str = ""
    individual: str | None = None
    subject_id: str | None = None
    source: str | None = None
    """Who says so: raters, classifiers or ``rules``, joined by commas."""
    why: str | None = None
    """Why a search brought it up: what was asked for and what the tables say of this moment."""
    has_video: bool = False
    verified: bool | None = None
    """Whether a model that was shown the pixels saw what was asked for; ``None``: it was not shown them."""
    probability: float | None = None
    """Of "yes", as the model's token probabilities give it."""
    seen: str | None = None
    """What the model said of the clip, in its words, or why it was not asked."""
    evidence_id: str | None = None


class Figure(BaseModel):
    """A figure a tool drew: plotly's own JSON, and the file it was written to."""

    title: str
    plotly_json: str
    path: str | None = None


class Evidence(BaseModel):
    """One tool call and all that came of it."""

    model_config = ConfigDict(extra="forbid")

    evidence_id: str
    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    summary: str = ""
    """What the tool told the model."""
    values: list[Value] = Field(default_factory=list)
    tests: list[TestResult] = Field(default_factory=list)
    clips: list[ClipRef] = Field(default_factory=list)
    figures: list[Figure] = Field(default_factory=list)
    n_rows: int = 0
    """Rows of the tables behind it."""
    flags: list[str] = Field(default_factory=list)
    """What a reader must know: sessions left out by name, which rater was used, an assumption that fails."""
