"""The tool ``measure``: one measure, cut, grouped and ranked as the question asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ethochat.tools.arguments import MeasureArguments
from ethochat.tools.base import Tool
from ethochat.tools.combine import combined, combined_column, mean_of
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Evidence, Figure, Value
from ethochat.tools.figures.measured import curves
from ethochat.tools.grouping import Grouped, keep_values, to_values
from ethochat.tools.measures import Outcome, compute
from ethochat.tools.remarks import whole_bins
from ethochat.tools.rows import Row
from ethochat.tools.wording import summarize_evidence

_FEWEST_BINS_DRAWN: Final = 3
_MOST_LINES_DRAWN: Final = 12
_WITHIN: Final = frozenset({"source", "zone", "behavior", "keypoint", "window"})
"""Columns whose labels are parts of one animal's own data."""


def measure(context: ToolContext, arguments: MeasureArguments) -> Evidence:
    """Compute a measure and group it."""
    outcome = compute(context, arguments)
    grouped = _grouped(arguments, outcome)
    whole, said = whole_bins(
        outcome, arguments.bin_s, "the value is of what there is, and the figure leaves it out"
    )
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=grouped.values,
        figures=_figures(context, arguments, whole, grouped.values),
        n_rows=grouped.n_rows,
        flags=list(dict.fromkeys((*outcome.measured.flags, *grouped.flags, *said))),
    )
    evidence.summary = summarize_evidence(evidence)
    return evidence


def _grouped(arguments: MeasureArguments, outcome: Outcome) -> Grouped:
    """Values of the call; rows that are combined come after what they make."""
    if arguments.combine is None:
        return to_values(arguments, outcome.columns, outcome.measured, outcome.scope)
    if not outcome.columns:
        raise ToolRetryError(
            "`combine` makes one number of several rows; name in group_by what tells them apart."
        )
    if len(arguments.statistics) > 1:
        raise ToolRetryError(
            f"One statistic is combined at a time, got {', '.join(arguments.statistics)}; name one in `statistics`."
        )
    plainly = arguments.model_copy(update={"keep": "all", "order": None, "limit": None})
    rows = to_values(plainly, outcome.columns, outcome.measured, outcome.scope)
    made = _of_animals(arguments, outcome, plainly, rows.values) or combined(
        rows.values, arguments, outcome.columns
    )
    if arguments.keep != "all":
        kept = keep_values(made, arguments)
        return replace(rows, values=kept)
    if arguments.order is not None:
        made = sorted(made, key=_size, reverse=arguments.order == "descending")
    return replace(rows, values=[*made[: arguments.limit], *rows.values])


def _of_animals(
    arguments: MeasureArguments, outcome: Outcome, plainly: MeasureArguments, values: Sequence[Value]
) -> list[Value]:
    """Combine within each animal and average over animals; empty where one number of all animals is what is asked.

    A ratio of means is not a mean of ratios: with the animal as unit each has a preference or a share of its own.
    """
    column = combined_column(values, arguments, outcome.columns)
    animals: dict[str, list[Row]] = {}
    for row in outcome.measured.rows:
        animals.setdefault(row.animal, []).append(row)
    single = {"session_id", "subject_id", "individual"} & set(outcome.columns)
    kinds = arguments.combine in ("ratio", "index", "share", "difference")
    if not kinds or column not in _WITHIN or single or "sum" in arguments.statistics or len(animals) < 2:
        return []
    found: dict[tuple[object, ...], list[Value]] = {}
    lacking = 0
    for rows in animals.values():
        own = replace(outcome.measured, rows=rows)
        try:
            made = combined(
                to_values(plainly, outcome.columns, own, outcome.scope).values, arguments, outcome.columns
            )
        except (ToolRetryError, ToolFailedError):  # an animal that lacks one of the parts
            lacking += 1
            continue
        for value in made:
            key = (*sorted(value.group.items()), value.bin_start_s)
            found.setdefault(key, []).append(value)
    # Which of several values an animal without any would have belonged to, its missing parts do not say.
    lacking = lacking if len(found) == 1 else 0
    return [mean_of(own, str(arguments.combine), lacking=lacking) for own in found.values()]


def _figures(
    context: ToolContext, arguments: MeasureArguments, outcome: Outcome, values: Sequence[Value]
) -> list[Figure]:
    """The course over time, where the call has time bins and few enough lines to tell apart."""
    chosen = arguments.combine or arguments.order or arguments.limit or arguments.keep != "all"
    bins = {row.bin_start for row in outcome.measured.rows}
    values = [value for value in values if value.bin_start_s in bins]
    lines = len(values) / max(1, len(bins))
    if arguments.bin_s is None or chosen or len(bins) < _FEWEST_BINS_DRAWN or lines > _MOST_LINES_DRAWN:
        return []
    return [curves(context, arguments, outcome, values)[0]]


def _size(value: Value) -> float:
    return float(value.value) if isinstance(value.value, int | float) else float("-inf")


TOOL: Tool[MeasureArguments] = Tool(
    name="measure",
    description="Compute one measure (counts, durations and rates of a behavior, its bout lengths, latency and intervals, "
    "distances, speeds, time in zones, time near another animal, tracking quality, or a metric or numeric column that came "
    "with the data) for chosen sessions, animals and time windows; split it by one or several columns in group_by, combine "
    "it by statistics, cut it into time bins, rank it or keep only some rows. One animal is one unit: its sessions are "
    "averaged, and bouts by animal first wherever animals or groups are told apart.",
    arguments=MeasureArguments,
    function=measure,
)
