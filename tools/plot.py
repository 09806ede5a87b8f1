"""The tool ``plot``: figures, with every value that they show."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Final

from ethochat.tools.arguments import PlotArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import Evidence, Figure
from ethochat.tools.figures.drawing import Drawing
from ethochat.tools.figures.export import write_linked_page
from ethochat.tools.figures.labeled import agreement, ethogram, matrix
from ethochat.tools.figures.measured import bars, forest, scatter, time_bins
from ethochat.tools.figures.tracked import occupancy, trajectory
from ethochat.tools.wording import summarize_evidence

_KINDS: Final[Mapping[str, Callable[[ToolContext, PlotArguments], Drawing]]] = {
    "bars": bars,
    "scatter": scatter,
    "time_bins": time_bins,
    "trajectory": trajectory,
    "occupancy": occupancy,
    "ethogram": ethogram,
    "matrix": matrix,
    "agreement": agreement,
    "forest": forest,
}


def plot(context: ToolContext, arguments: PlotArguments) -> Evidence:
    """Draw a figure and write it to the figures folder."""
    drawing = _KINDS[arguments.kind](context, arguments)
    given = arguments.model_dump(mode="json", exclude_defaults=True)
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=given,
        values=drawing.values,
        tests=drawing.tests,
        figures=[_written(context, drawing.figure, given, arguments.kind)],
        n_rows=drawing.n_rows,
        flags=list(dict.fromkeys(drawing.flags)),
    )
    evidence.summary = summarize_evidence(evidence)
    return evidence


def _written(context: ToolContext, figure: Figure, given: Mapping[str, object], kind: str) -> Figure:
    """Write the figure; the same call on the same values gives the same file."""
    said = json.dumps([given, figure.plotly_json], sort_keys=True).encode()
    path = context.figures_dir / f"{kind}-{hashlib.sha256(said).hexdigest()[:12]}.html"
    return figure.model_copy(update={"path": str(write_linked_page(figure, path))})


TOOL: Tool[PlotArguments] = Tool(
    name="plot",
    description="Draw a figure: bars of a measure per group with one point per animal, a scatter of two "
    "quantities, a measure over time bins, the path or occupancy map of one animal, an ethogram of bouts, the matrix of "
    "transitions between behaviors, the agreement of raters, or a forest plot of a measure's effects between groups for "
    "each behavior or zone. All values shown are returned.",
    arguments=PlotArguments,
    function=plot,
)
