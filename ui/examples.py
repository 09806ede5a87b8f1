"""Questions to begin with, made of the experiment's own names."""

from __future__ import annotations

import polars as pl

from ethochat.tools.context import ToolContext


def example_questions(context: ToolContext) -> list[str]:
    """Three or four questions that this experiment can answer."""
    catalog = context.catalog
    sessions = catalog.load("sessions")
    bouts = catalog.scan("bouts").group_by("behavior", "source_kind").len().collect().sort("len", "behavior", descending=[True, False])
    manual = bouts.filter(pl.col("source_kind") == "manual")["behavior"].to_list()
    behaviors = manual or bouts["behavior"].to_list()
    column = grouping_column(context)
    tracked = not catalog.load("coverage").filter(pl.col("kind") == "track").is_empty()
    metrics = catalog.load("metrics")["metric"].unique().sort().to_list()
    questions = ["Summarize this experiment."]
    if tracked and column:
        questions.append(f"Compare the distance moved by {column}.")
    elif tracked:
        questions.append("How far did each animal move?")
    elif metrics and column:
        questions.append(f"Compare {metrics[0]} by {column}.")
    if behaviors:
        questions.append(f"Show me {behaviors[0].lower()} bouts, the longest first.")
    if tracked and "video" in sessions.columns:
        questions.append(f"Plot the trajectory of {sessions['session_id'][0]}.")
    return questions[:4]


def grouping_column(context: ToolContext) -> str | None:
    """The metadata column that best tells groups apart, if there is one."""
    sessions = context.catalog.load("sessions")
    telling = ("group", "condition", "treatment", "genotype")
    columns = [
        name
        for name in context.experiment.metadata_columns
        if sessions[name].dtype == pl.String and 2 <= sessions[name].drop_nulls().n_unique() <= 8
    ]
    return min(columns, key=lambda name: (name.lower() not in telling, name), default=None)
