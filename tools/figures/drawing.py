"""What the kinds of the tool ``plot`` share: a drawing and the values it shows."""

from __future__ import annotations

from dataclasses import dataclass, field

from ethochat.tools.arguments import MeasureArguments, PlotArguments
from ethochat.tools.evidence import Figure, TestResult, Value


@dataclass(slots=True, kw_only=True)
class Drawing:
    """A figure and what it shows."""

    figure: Figure
    values: list[Value] = field(default_factory=list)
    tests: list[TestResult] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    n_rows: int = 0


def every_row(arguments: PlotArguments) -> MeasureArguments:
    """Arguments of the measure behind a figure: every row, nothing ranked."""
    return arguments.model_copy(
        update={"group_by": [], "statistics": [], "order": None, "limit": None, "keep": "all"}
    )
