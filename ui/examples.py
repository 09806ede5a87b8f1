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
    columns = grouping_columns(context)
    by = f" by {columns[0]}" if columns else ""
    behavior, who = _leading_behavior(context) or (None, "")
    tracked = _first_tracked(context)
    metrics = context.catalog.load("metrics")["metric"].unique().sort().to_list()
    questions = ["Summarize this experiment."]
    if tracked:
        questions.append(f"Compare the distance moved{by}." if by else "How far did each animal move?")
    elif metrics:
        questions.append(f"Compare {metrics[0]}{by}." if by else f"What is the mean {metrics[0]}?")
    if behavior:
        questions.append(f"Show me the longest {behavior} bouts{who}.")
    if tracked:
        questions.append(f"Plot the trajectory of {tracked}.")
    elif behavior:
        questions.append(f"Plot the number of {behavior} bouts{by}{who}.")
    elif metrics and by:
        questions.append(f"Plot {metrics[-1]}{by}.")
    return questions[:_MOST]


def _first_tracked(context: ToolContext) -> str | None:
    """Name the first animal whose path can be drawn: its session, and which one where several were recorded."""
    tracks = (
        context.catalog.load("coverage")
        .filter(pl.col("kind") == "track", pl.col("session_id").is_in(_usable(context)))
        .sort("session_id", "individual")
    )
    if tracks.is_empty():
        return None
    session_id, individual = tracks.select("session_id", "individual").row(0)
    several = tracks.filter(pl.col("session_id") == session_id)["individual"].n_unique() > 1
    return f"{individual} in {session_id}" if several else str(session_id)


def _leading_behavior(context: ToolContext) -> tuple[str, str] | None:
    """Find the behavior that shows most, and according to whom where several say so.

    What a person marked comes before what a rule found, what the experiment defines before what it does not, and what was
    seen in many sessions before what was seen in few.
    """
    defined = {behavior.name for behavior in context.experiment.behaviors if behavior.definition}
    seen = (
        context.catalog.scan("bouts")
        .filter(pl.col("session_id").is_in(_usable(context)))
        .group_by("behavior", "source_kind")
        .agg(
            pl.col("session_id").n_unique().alias("sessions"),
            pl.len().alias("bouts"),
            pl.col("source").unique().sort(),
        )
        .collect()
        .sort("sessions", "bouts", "behavior", descending=[True, True, False])
    )
    for kind in _KINDS:
        rows = seen.filter(pl.col("source_kind") == kind).select("behavior", "source").rows()
        if rows:
            behavior, sources = min(rows, key=lambda row: row[0] not in defined)
            return behavior, f" according to {sources[0]}" if len(sources) > 1 else ""
    return None


def _usable(context: ToolContext) -> list[str]:
    """Sessions that statistics use."""
    usable: list[str] = (
        context.catalog.load("sessions")
        .filter(~pl.col("excluded").fill_null(value=False))["session_id"]
        .to_list()
    )
    return usable


# ----------------------------------------------------------------- searches
def example_searches(context: ToolContext) -> list[str]:
    """Make up to four searches from the experiment's own names: a behavior, a place, a speed, a sequence."""
    names = _marked(context)
    tracked = _first_tracked(context) is not None
    sessions = context.catalog.load("sessions")
    seconds = "frames" not in sessions["time_unit"].to_list()
    zones = [zone.name for zone in context.experiment.zones]
    columns = grouping_columns(context)
    searches = []
    if names:
        group = f", only {sessions[columns[0]].drop_nulls().cast(pl.String).sort()[0]}" if columns else ""
        searches.append(f"{names[0]}{group}")
    if tracked and sessions["px_per_cm"].count() and seconds:
        searches.append(f"faster than 20 cm/s{f' in the {zones[0]}' if zones else ''}")
    if len(names) > 1:
        searches.append(f"{names[0]} followed by {names[1]}{' within 10 s' if seconds else ''}")
    if len(names) > 2:
        long = " for more than 2 s" if seconds else ""
        searches.append(f"{names[2]}{long}{' in the first minute' if seconds else ''}")
    return searches[:_MOST]


def _marked(context: ToolContext) -> list[str]:
    """Behaviors that were marked most often, those of people and software before those of rules, named in words."""
    seen = (
        context.catalog.scan("bouts")
        .filter(pl.col("session_id").is_in(_usable(context)))
        .group_by("behavior")
        .agg(pl.len().alias("bouts"), (pl.col("source_kind") != "rule").any().alias("by_someone"))
        .collect()
        .sort("by_someone", "bouts", "behavior", descending=[True, True, False])
    )
    behaviors: list[str] = seen["behavior"].to_list()
    return [
        name for name in behaviors if not name.isdigit() and name.lower() not in ("none", "other", "base")
    ][:6]
