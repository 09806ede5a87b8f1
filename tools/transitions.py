"""The tool ``transitions``: which behavior follows which, in one source's bouts ordered by start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import polars as pl

from ethochat.index.behaviors.bouts import Interval, clip_intervals, unite
from ethochat.tools.arguments import TransitionArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import Evidence, Value
from ethochat.tools.selection import (
    Scope,
    SourcePlan,
    label_coverage,
    match_behaviors,
    plan_sources,
    require_sessions,
    select_sessions,
)
from ethochat.tools.wording import summarize_evidence

Pair = tuple[str, str]

TOUCHING = 1e-6
"""Bouts closer than this touch; times of frame labels differ by rounding only."""


def transitions(context: ToolContext, arguments: TransitionArguments) -> Evidence:
    """Count successions of bouts."""
    scope = select_sessions(context, arguments)
    require_sessions(scope, arguments)
    before = match_behaviors(context, arguments.before)
    after = match_behaviors(context, arguments.after)
    plan = plan_sources(
        context, scope, list(dict.fromkeys((*before, *after))), arguments.sources, split=False
    )
    values: list[Value] = []
    n_rows = 0
    for source in plan.sources:
        counts = Counter(_successions(context, scope, plan, source, adjacent=arguments.adjacent))
        n_rows += sum(counts.values())
        values.extend(_values(counts, before, after, source=source, scope=scope, arguments=arguments))
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=values,
        n_rows=n_rows,
        flags=[*scope.flags, *plan.flags, *_said(arguments, scope)],
    )
    evidence.summary = summarize_evidence(evidence)
    return evidence


def _said(arguments: TransitionArguments, scope: Scope) -> list[str]:
    flags = ["The next bout is the next one of the same animal and source by start time, of any behavior."]
    if arguments.adjacent:
        flags.append("Only bouts that touch count.")
    if scope.start is not None or scope.stop is not None:
        flags.append("Both bouts start in the window.")
    return flags


def _successions(
    context: ToolContext, scope: Scope, plan: SourcePlan, source: str, *, adjacent: bool
) -> Iterator[Pair]:
    """Every pair of successive bouts of an animal within one stretch that was looked at."""
    looked = _looked(context, scope, source)
    rows = (
        context.catalog.load("bouts")
        .filter(pl.col("source") == source, pl.col("session_id").is_in(scope.session_ids))
        .sort("session_id", "individual", "start_time", "stop_time", "behavior")
        .select("session_id", "individual", "behavior", "start_time", "stop_time")
    )
    last: tuple[str, str] | None = None
    behavior, stop, stretch = "", 0.0, -1
    for session_id, individual, name, start, end in rows.iter_rows():
        key = (session_id, individual or "")
        place = _stretch(looked.get(key, []), start)
        if place is None:
            continue
        near = not adjacent or start - stop <= TOUCHING
        if key == last and place == stretch and near:
            yield behavior, name
        last, behavior, stop, stretch = key, name, end, place


def _looked(context: ToolContext, scope: Scope, source: str) -> dict[tuple[str, str], list[Interval]]:
    """Where a source looked at each animal, within the window, disjoint."""
    rows = label_coverage(context, scope).filter(pl.col("source") == source)
    found: dict[tuple[str, str], list[Interval]] = {}
    for row in rows.iter_rows(named=True):
        stop = row["stop_time"] if row["stop_time"] is not None else float("inf")
        key = (row["session_id"], row["individual"] or "")
        found.setdefault(key, []).append((row["start_time"] or 0.0, stop))
    windows = {row["session_id"]: scope.window(row) for row in scope.sessions.iter_rows(named=True)}
    return {key: clip_intervals(unite(intervals), *windows[key[0]]) for key, intervals in found.items()}


def _stretch(looked: Sequence[Interval], time: float) -> int | None:
    return next((place for place, (start, stop) in enumerate(looked) if start <= time < stop), None)


def _values(
    counts: Counter[Pair],
    before: Sequence[str],
    after: Sequence[str],
    *,
    source: str,
    scope: Scope,
    arguments: TransitionArguments,
) -> list[Value]:
    leaving: Counter[str] = Counter()
    for (first, _), n in counts.items():
        leaving[first] += n
    ids = scope.session_ids
    values = []
    for first, second in _pairs(counts, before, after, both_ways=arguments.both_ways):
        group = {"from": first, "to": second, "source": source}
        n = counts[(first, second)]
        session_id = ids[0] if len(ids) == 1 else None
        values.append(
            Value(name="transition_count", value=float(n), unit="count", group=group, session_id=session_id)
        )
        if arguments.probability:
            share = n / leaving[first] if leaving[first] else None
            note = f"of {leaving[first]} transitions from {first}"
            values.append(
                Value(
                    name="transition_probability",
                    value=share,
                    unit="fraction",
                    group=group,
                    session_id=session_id,
                    note=note,
                )
            )
    return values


def _pairs(
    counts: Counter[Pair], before: Sequence[str], after: Sequence[str], *, both_ways: bool
) -> list[Pair]:
    """Pairs to report, most frequent first; pairs named in full are reported even when they never occur."""
    named = [(first, second) for first in before for second in after]
    if both_ways:
        named += [(second, first) for first, second in named]
    found = [pair for pair, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    if named:
        return list(dict.fromkeys(named))
    wanted = [pair for pair in found if (not before or pair[0] in before) and (not after or pair[1] in after)]
    if both_ways:
        wanted += [(second, first) for first, second in wanted if (second, first) not in wanted]
    return wanted


TOOL: Tool[TransitionArguments] = Tool(
    name="transitions",
    description="Count which behavior directly follows which in one source's bouts ordered by start time "
    "(optionally only bouts that touch), with transition probabilities on request.",
    arguments=TransitionArguments,
    function=transitions,
)
