"""The tool ``correlate``: two quantities, one pair of values per animal."""

from __future__ import annotations

from collections.abc import Mapping

from ethochat.tools.arguments import CorrelateArguments, MeasureArguments, Selection
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Evidence, Value
from ethochat.tools.grouping import animal_means, split_columns
from ethochat.tools.measures import Outcome, compute
from ethochat.tools.selection import listing
from ethochat.tools.statistics import correlate as correlate_values
from ethochat.tools.wording import summarize_evidence


def correlate(context: ToolContext, arguments: CorrelateArguments) -> Evidence:
    """Correlate two quantities over animals."""
    x = compute(context, with_selection(arguments.x, arguments))
    y = compute(context, with_selection(arguments.y, arguments))
    of_x, of_y = one_per_animal(x), one_per_animal(y)
    both = [animal for animal in of_x if animal in of_y]
    if not both:
        raise ToolFailedError(f"No animal has both {x.measured.name} and {y.measured.name}.")
    test = correlate_values([of_x[a] for a in both], [of_y[a] for a in both], arguments.method)
    test.measure = f"{x.measured.name} and {y.measured.name}"
    labels = {"x": x.measured.name, "y": y.measured.name}
    symbol = "r" if arguments.method == "pearson" else "rho"
    values = [
        Value(
            name=f"{arguments.method}_correlation",
            value=test.statistic,
            statistic=symbol,
            n=len(both),
            group=labels,
        ),
        Value(name="p_value", value=test.p_value, statistic="p_value", n=len(both), group=labels),
    ]
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=values,
        tests=[test],
        n_rows=len(both),
        flags=list(dict.fromkeys((*x.measured.flags, *y.measured.flags, *_left_out(of_x, of_y, both)))),
    )
    evidence.summary = summarize_evidence(evidence)
    return evidence


def with_selection(arguments: MeasureArguments, outer: Selection) -> MeasureArguments:
    """Let the selection of the whole call hold for one quantity, unless that has its own."""
    update: dict[str, object] = {}
    for name in Selection.model_fields:
        own, shared = getattr(arguments, name), getattr(outer, name)
        if name == "where":
            update[name] = [*own, *(condition for condition in shared if condition not in own)]
        elif own in ([], None, False):
            update[name] = shared
    return arguments.model_copy(update=update)


def one_per_animal(outcome: Outcome) -> dict[str, float]:
    """One value per animal.

    Raises
    ------
    ToolRetryError
        When the quantity has several values of different kind per animal, such as one per zone.
    """
    asked = MeasureArguments(measure=outcome.measured.name, statistics=["mean"])
    columns = [name for name in split_columns(asked, [], outcome.measured) if name != "session_id"]
    for column in columns:
        names = sorted({row.labels.get(column, "") for row in outcome.measured.rows})
        raise ToolRetryError(
            f"{outcome.measured.name} has one value per {column} ({listing(names)}); name one.",
            near=tuple(names),
        )
    return animal_means(outcome.measured.rows)


def _left_out(x: Mapping[str, float], y: Mapping[str, float], both: list[str]) -> list[str]:
    n = len({*x, *y}) - len(both)
    return [f"{n} animals have only one of both values and are not counted."] if n else []


TOOL: Tool[CorrelateArguments] = Tool(
    name="correlate",
    description="Correlate two quantities over animals (measures, imported metrics or numeric metadata "
    "columns such as a dose): Spearman or Pearson with p value and n.",
    arguments=CorrelateArguments,
    function=correlate,
)
