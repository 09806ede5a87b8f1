"""Questions to begin with, made of the experiment's own names."""

from __future__ import annotations

from typing import Final

import polars as pl

from ethochat.tools.context import ToolContext
from ethochat.ui.overview import grouping_columns

_MOST: Final = 4
_KINDS: Final = ("manual", "automated", "rule")
"""Whose labels are asked about first."""


def example_questions(context: ToolContext) -> list[str]:
    """Make up to four questions that this experiment can answer."""
    catalog = context.catalog
    columns = grouping_columns(context)
    by = f" by {columns[0]}" if columns else ""
    behavior = _leading_behavior(context)
    tracked = _first_tracked(context)
    metrics = catalog.load("metrics")["metric"].unique().sort().to_list()
    questions = ["Summarize this experiment."]
    if tracked:
        questions.append(f"Compare the distance moved{by}." if by else "How far did each animal move?")
    elif metrics:
        questions.append(f"Compare {metrics[0]}{by}." if by else f"What is the mean {metrics[0]}?")
    if behavior:
        questions.append(f"Show me the longest {behavior} bouts.")
    if tracked:
        questions.append(f"Plot the trajectory of {tracked}.")
    elif behavior:
        questions.append(f"Plot the number of {behavior} bouts{by}.")
    elif metrics and by:
        questions.append(f"Plot {metrics[-1]}{by}.")
    return questions[:_MOST]


def _first_tracked(context: ToolContext) -> str | None:
    """Name the first animal whose path can be drawn: its session, and which one where several were recorded."""
    usable = context.catalog.load("sessions").filter(~pl.col("excluded").fill_null(value=False))["session_id"]
    tracks = (
        context.catalog.load("coverage")
        .filter(pl.col("kind") == "track", pl.col("session_id").is_in(usable.to_list()))
        .sort("session_id", "individual")
    )
    if tracks.is_empty():
        return None
    session_id, individual = tracks.select("session_id", "individual").row(0)
    several = tracks.filter(pl.col("session_id") == session_id)["individual"].n_unique() > 1
    return f"{individual} in {session_id}" if several else str(session_id)


def _leading_behavior(context: ToolContext) -> str | None:
    """Find the behavior that shows most: marked by a person rather than by a rule, defined, and seen in many sessions."""
    defined = {behavior.name for behavior in context.experiment.behaviors if behavior.definition}
    seen = (
        context.catalog.scan("bouts")
        .group_by("behavior", "source_kind")
        .agg(pl.col("session_id").n_unique().alias("sessions"), pl.len().alias("bouts"))
        .collect()
        .sort("sessions", "bouts", "behavior", descending=[True, True, False])
    )
    for kind in _KINDS:
        names: list[str] = seen.filter(pl.col("source_kind") == kind)["behavior"].to_list()
        if names:
            return min(names, key=lambda name: (name not in defined, names.index(name)))
    return None
