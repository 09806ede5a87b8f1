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
    """Hedges g or another effect, and its interval under ``ci95``."""
    groups: dict[str, GroupSummary] = Field(default_factory=dict)
    measure: str | None = None
    unit: str | None = None
    correction: str | None = None
    why: str | None = None
    """One line: which test, and why this one."""
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
    has_video: bool = False
    verified: bool | None = None
    """Whether something looked at the pixels; ``None``: nothing did."""
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
