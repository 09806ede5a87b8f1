"""The tool ``agreement``: how well raters, classifiers or trackers agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from ethochat.tools.arguments import AgreementArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError
from ethochat.tools.evidence import Evidence, Figure, Value
from ethochat.tools.figures import agreement_figure
from ethochat.tools.rater_agreement import compare_labels
from ethochat.tools.selection import Scope, match_sources, require_sessions, select_sessions
from ethochat.tools.track_agreement import compare_tracks
from ethochat.tools.wording import summarize_evidence

_Found = tuple[list[Value], list[str], int, list[Figure]]
_FEWEST_DRAWN: Final = 3
"""Fewer scores than this say more as a sentence."""


def agreement(context: ToolContext, arguments: AgreementArguments) -> Evidence:
    """Compare sources in pairs, or all at once.

    Raises
    ------
    ToolFailedError
        When no two sources label the same behavior or follow the same animal.
    """
    scope = select_sessions(context, arguments)
    require_sessions(scope, arguments)
    values, flags, n_rows, figures = (
        _of_tracks(context, scope, arguments)
        if _names_tracks(context, arguments)
        else _of_labels(context, scope, arguments)
    )
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=values,
        figures=figures,
        n_rows=n_rows,
        flags=list(dict.fromkeys([*scope.flags, *flags])),
    )
    evidence.summary = summarize_evidence(evidence)
    return evidence


def _trackers(context: ToolContext) -> set[str]:
    return set(context.catalog.load("coverage").filter(pl.col("kind") == "track")["source"].to_list())


def _names_tracks(context: ToolContext, arguments: AgreementArguments) -> bool:
    """Whether positions are compared: asked for, or only trackers named."""
    if "median_distance" in arguments.statistics:
        return True
    named = match_sources(context, arguments.sources)
    return not arguments.behaviors and bool(named) and set(named) <= _trackers(context)


def _of_tracks(context: ToolContext, scope: Scope, arguments: AgreementArguments) -> _Found:
    values, flags, n_rows = compare_tracks(context, scope, arguments)
    return _ranked(values, arguments), flags, n_rows, []


def _of_labels(context: ToolContext, scope: Scope, arguments: AgreementArguments) -> _Found:
    found = compare_labels(context, scope, arguments)
    if found is None:
        if not arguments.sources and len(_trackers(context)) > 1:
            return _of_tracks(context, scope, arguments)
        raise ToolFailedError("No behavior is marked by two sources in these sessions, so none can agree.")
    values = _ranked([score.value for score in found.scores], arguments)
    bounds = [bound for score in found.scores for bound in score.bounds()]
    figures = [agreement_figure([*values, *bounds])] if len(values) >= _FEWEST_DRAWN else []
    if arguments.intervals:
        # After all scores, so that a single number asked for stays the first.
        values += bounds
    return values, found.flags, found.n_frames, figures


def _ranked(values: Sequence[Value], arguments: AgreementArguments) -> list[Value]:
    """Pairs by their first statistic, where an order is asked for; the statistics of a pair stay together."""
    if arguments.order is None:
        return list(values)
    pairs: dict[str, list[Value]] = {}
    for value in values:
        pairs.setdefault(f"{value.group}{value.session_id}{value.subject_id}", []).append(value)
    known = [items for items in pairs.values() if isinstance(items[0].value, float)]
    rest = [items for items in pairs.values() if not isinstance(items[0].value, float)]
    known.sort(key=lambda items: float(items[0].value or 0.0), reverse=arguments.order == "descending")
    return [value for items in (*known, *rest) for value in items]


TOOL: Tool[AgreementArguments] = Tool(
    name="agreement",
    description="How well raters or classifiers agree on behaviors: frame by frame (F1, Cohen's kappa, percent agreement, "
    "precision and recall against a reference), bout by bout, over recordings (correlation of bout counts or durations, and "
    "bias), all raters at once (Fleiss' kappa, Krippendorff's alpha); or how far apart two trackers see the animal (median "
    "distance).",
    arguments=AgreementArguments,
    function=agreement,
)
