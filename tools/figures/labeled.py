"""Figures of labels: an ethogram, the matrix of transitions, the agreement of raters."""

from __future__ import annotations

from typing import Any

from ethochat.tools.agreement import agreement as compare_sources
from ethochat.tools.arguments import AgreementArguments, PlotArguments, Selection, TransitionArguments
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Value
from ethochat.tools.figures.colors import column_styles
from ethochat.tools.figures.drawing import Drawing, every_row
from ethochat.tools.figures.ethogram import Lane, ethogram_figure
from ethochat.tools.figures.matrices import transition_matrix_figure
from ethochat.tools.figures.raters import agreement_figure
from ethochat.tools.labels import listed_bouts, plan_labels
from ethochat.tools.rows import Call
from ethochat.tools.selection import require_sessions, select_sessions
from ethochat.tools.transitions import transitions


def ethogram(context: ToolContext, arguments: PlotArguments) -> Drawing:
    """Draw bouts as bars over time."""
    asked = every_row(arguments).model_copy(
        update={"group_by": ["behavior"], "measure": "total_duration", "bin_s": None}
    )
    scope = select_sessions(context, asked)
    require_sessions(scope, asked)
    split = frozenset({"behavior"} | ({"source"} if len(asked.sources) > 1 else set()))
    call = Call(context=context, scope=scope, arguments=asked, split=split)
    plan, behaviors = plan_labels(call)
    found = list(listed_bouts(call, plan, behaviors))
    if not found:
        raise ToolFailedError("No source looked at the selected part of the data.")
    several = [len({key[part] for key, *_ in found}) > 1 for part in range(3)]
    values, lanes = [], []
    for key, _, _, listed in found:
        session_id, individual, source, behavior = key
        bouts = [
            (max(start, low), min(stop, high))
            for start, stop in listed.bouts
            for low, high in listed.looked
            if (start < high and low < stop) or (start == stop and low <= start < high)
        ]
        parts = [part for part, shown in zip(key, several, strict=False) if shown and part]
        lanes.append(Lane(row=" · ".join(parts), behavior=behavior, bouts=bouts))
        labels = {"behavior": behavior, "source": source} | ({"individual": individual} if individual else {})
        values.append(
            Value(
                name="total_duration",
                value=listed.duration,
                unit=scope.time_unit(),
                group=labels,
                session_id=session_id,
            )
        )
    ids = scope.session_ids
    figure = ethogram_figure(
        f"Ethogram of {ids[0] if len(ids) == 1 else f'{len(ids)} sessions'}",
        lanes,
        time_unit=scope.time_unit(),
        styles=column_styles(context, "behavior"),
    )
    n_rows = sum(len(lane.bouts) for lane in lanes)
    return Drawing(figure=figure, values=values, flags=[*scope.flags, *plan.flags], n_rows=n_rows)


def matrix(context: ToolContext, arguments: PlotArguments) -> Drawing:
    """Draw which behavior follows which."""
    if arguments.group_by or arguments.group_column:
        raise ToolRetryError(
            "A matrix of transitions shows one group at a time; select it with `where`, and leave the grouping out."
        )
    wanted = TransitionArguments(
        sources=arguments.sources,
        before=arguments.behaviors,
        after=arguments.behaviors,
        probability=True,
        **_selection(arguments),
    )
    found = transitions(context, wanted)
    figure = transition_matrix_figure(found.values)
    return Drawing(
        figure=figure, values=found.values, tests=found.tests, flags=found.flags, n_rows=found.n_rows
    )


def agreement(context: ToolContext, arguments: PlotArguments) -> Drawing:
    """Draw how well raters agree, on the behaviors named or on all that two of them mark."""
    wanted = AgreementArguments(
        behaviors=arguments.behaviors,
        sources=arguments.sources,
        group_by=[name for name in arguments.group_by if name not in ("pair", "behavior")],
        intervals=True,
        **_selection(arguments),
    )
    found = compare_sources(context, wanted)
    figure = agreement_figure(found.values)
    return Drawing(
        figure=figure, values=found.values, tests=found.tests, flags=found.flags, n_rows=found.n_rows
    )


def _selection(arguments: PlotArguments) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in Selection.model_fields}
