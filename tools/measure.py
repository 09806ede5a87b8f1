"""The tool ``measure``: one measure, cut, grouped and ranked as the question asks."""

from __future__ import annotations

from ethochat.tools.arguments import MeasureArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import Evidence
from ethochat.tools.grouping import to_values
from ethochat.tools.measures import compute
from ethochat.tools.wording import summarize_evidence


def measure(context: ToolContext, arguments: MeasureArguments) -> Evidence:
    """Compute a measure and group it."""
    outcome = compute(context, arguments)
    grouped = to_values(arguments, outcome.columns, outcome.measured, outcome.scope)
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=grouped.values,
        n_rows=grouped.n_rows,
        flags=list(dict.fromkeys((*outcome.measured.flags, *grouped.flags))),
    )
    evidence.summary = summarize_evidence(evidence)
    return evidence


TOOL: Tool[MeasureArguments] = Tool(
    name="measure",
    description="Compute one measure (counts and durations of a behavior, distances, speeds, time in zones, "
    "tracking quality, or a metric or numeric column that came with the data) for chosen sessions, animals "
    "and time windows; split it by group_by, combine it by statistics, cut it into time bins, rank it or "
    "keep only some rows. One animal is one unit.",
    arguments=MeasureArguments,
    function=measure,
)
