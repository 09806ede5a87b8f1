"""The tool ``transitions``: which behavior follows which, in one source's bouts ordered by start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from ethochat.tools.arguments import Selection, TransitionArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolRetryError
from ethochat.tools.evidence import Evidence, Figure, Value
from ethochat.tools.figures import transition_matrix_figure
from ethochat.tools.remarks import added_up
from ethochat.tools.selection import (
    Scope,
    SourcePlan,
    column_values,
    label_coverage,
    listing,
    match_behaviors,
    match_group_column,
    plan_sources,
    require_sessions,
    select_sessions,
)
from ethochat.tools.successions import BoutSequence, Rule, Transitions, count_all, may_repeat, sequences_of
from ethochat.tools.transition_chance import Pair, against_chance, how_many
from ethochat.tools.transition_values import (
    Compared,
    Part,
    chance_values,
    counts_of,
    lead_of,
    preceding_shares,
)
from ethochat.tools.wording import summarize_evidence

_IDENTITIES: Final = ("session_id", "subject_id", "individual")
_MOST_TESTS_SAID: Final = 6
_FEWEST_DRAWN: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """Behaviors of a call, as the tables spell them."""

    before: Sequence[str]
    after: Sequence[str]
    both_ways: bool

    @property
    def only_after(self) -> bool:
        """Whether the question is what precedes a behavior."""
        return bool(self.after) and not self.before


def transitions(context: ToolContext, arguments: TransitionArguments) -> Evidence:
    """Count successions of bouts, and hold them against chance where asked.

    Raises
    ------
    ToolRetryError
        When several sources mark the behaviors and none was named, or a column cannot split transitions.
    """
    scope = select_sessions(context, arguments)
    require_sessions(scope, arguments)
    named = _Named(
        before=match_behaviors(context, arguments.before),
        after=match_behaviors(context, arguments.after),
        both_ways=arguments.both_ways,
    )
    plan = _plan(context, scope, named, arguments)
    columns = _columns(context, arguments)
    rule = Rule(lag=arguments.lag, adjacent=arguments.adjacent, within=arguments.within_s)
    flags = [*scope.flags, *plan.flags, *_said(arguments, scope)]
    values: list[Value] = []
    later: list[Value] = []
    compared: list[Compared] = []
    n_rows = 0
    for source in plan.sources:
        sequences = sequences_of(context, scope, label_coverage(context, scope), source)
        repeats = _repeats(context, source, arguments)
        counted = _counted(sequences, arguments, repeats=repeats)
        everything = count_all(counted, rule)
        n_rows += int(everything.counts.sum())
        pairs = _pairs(everything, named)
        parts = list(_parts(scope, source, counted, columns))
        for part in parts:
            values += counts_of(part, pairs, rule, probability=arguments.probability)
            if named.only_after and not part.averaged and (arguments.probability or arguments.null):
                later += preceding_shares(part, pairs, rule)
        if arguments.null:
            whole = _counted(sequences, arguments, repeats=repeats, null=True)
            tested = _tested(whole, pairs, named, repeats=repeats)
            n_shuffles = how_many(
                arguments.permutations, sum(len(item.behaviors) for item in whole), len(tested) * len(parts)
            )
            flags.append(_null_said(source, n_shuffles, rule, whole, repeats=repeats))
            compared += [
                Compared(
                    part=part,
                    chance=against_chance(
                        part.sequences, tested, rule, alternating=not repeats, n_shuffles=n_shuffles
                    ),
                )
                for part in _parts(scope, source, whole, columns)
                if tested
            ]
    found, tests, said = chance_values(compared)
    if not values:
        said.append("There is no such transition in these sessions.")
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=[*values, *later, *found],
        tests=tests,
        figures=_figures(values, found, arguments, n_sources=len(plan.sources)),
        n_rows=n_rows,
        flags=list(dict.fromkeys([*flags, *said])),
    )
    # The lead tells the findings of many parts; their tests would leave no room for anything else.
    told = evidence.model_copy(update={"tests": tests[:_MOST_TESTS_SAID]})
    evidence.summary = summarize_evidence(told, lead=lead_of(compared))
    return evidence


def _figures(
    values: Sequence[Value], found: Sequence[Value], arguments: TransitionArguments, *, n_sources: int
) -> list[Figure]:
    """The matrix, where the call is about one part and more than a few pairs."""
    pairs = {(value.group.get("from"), value.group.get("to")) for value in values}
    if arguments.group_by or n_sources != 1 or len(pairs) < _FEWEST_DRAWN:
        return []
    return [transition_matrix_figure([*values, *found])]


def _plan(context: ToolContext, scope: Scope, named: _Named, arguments: TransitionArguments) -> SourcePlan:
    behaviors = list(dict.fromkeys((*named.before, *named.after)))
    return plan_sources(context, scope, behaviors, arguments.sources, split=False)


def _columns(context: ToolContext, arguments: TransitionArguments) -> list[str]:
    columns = [match_group_column(context, name) for name in arguments.group_by]
    unusable = [name for name in columns if name in ("pair", "behavior", "zone", "keypoint")]
    if unusable:
        raise ToolRetryError(
            "transitions can be split by session_id, subject_id, individual and metadata columns, not by "
            f"{listing(unusable)}."
        )
    return [name for name in dict.fromkeys(columns) if name != "source"]  # sources are always apart


# ----------------------------------------------------------------- which bouts
def _repeats(context: ToolContext, source: str, arguments: TransitionArguments) -> bool:
    """Whether a behavior may follow itself: as the call says, else as the source does anywhere in the experiment."""
    if arguments.repeats != "auto":
        return arguments.repeats == "allowed"
    everywhere = select_sessions(context, Selection(include_excluded=True))
    return may_repeat(sequences_of(context, everywhere, label_coverage(context, everywhere), source))


def _counted(
    sequences: Sequence[BoutSequence], arguments: TransitionArguments, *, repeats: bool, null: bool = False
) -> list[BoutSequence]:
    """Bouts as they are counted.

    Where no behavior follows itself, equal bouts that touch are one bout, cut. That changes no count of one behavior after
    another, so bouts are counted as listed unless a random order or a longer lag needs them whole.
    """
    if arguments.repeats == "merged":
        return [item.merged(touching=False) for item in sequences]
    if not repeats and (null or arguments.lag > 1):
        return [item.merged(touching=True) for item in sequences]
    return list(sequences)


def _parts(
    scope: Scope, source: str, sequences: Sequence[BoutSequence], columns: Sequence[str]
) -> Iterator[Part]:
    """Sequences by the columns of a call, in the order of sessions."""
    ids = scope.session_ids
    if not columns:
        yield Part(
            source=source,
            labels={},
            session_id=ids[0] if len(ids) == 1 else None,
            subject_id=None,
            sequences=sequences,
            averaged=False,
        )
        return
    metadata = {name: column_values(scope.sessions, name) for name in columns if name not in _IDENTITIES}
    found: dict[tuple[str, ...], list[BoutSequence]] = {}
    for item in sequences:
        own = {
            "session_id": item.session_id,
            "subject_id": item.subject_id or "not stated",
            "individual": item.individual,
        }
        key = tuple(own[name] if name in own else metadata[name].get(item.session_id, "") for name in columns)
        found.setdefault(key, []).append(item)
    for key, members in found.items():
        sessions, subjects = (
            {getattr(item, name) for item in members} for name in ("session_id", "subject_id")
        )
        yield Part(
            source=source,
            labels={n: v for n, v in zip(columns, key, strict=True) if n not in ("session_id", "subject_id")},
            session_id=members[0].session_id if len(sessions) == 1 else None,
            subject_id=members[0].subject_id if len(subjects) == 1 else None,
            sequences=members,
            averaged=not set(columns) & set(_IDENTITIES),
        )


# ----------------------------------------------------------------- which pairs
def _pairs(found: Transitions, named: _Named) -> list[Pair]:
    """Pairs to report, most frequent first; pairs named in full are reported even when they never occur."""
    full = [(first, second) for first in named.before for second in named.after]
    if named.both_ways:
        full += [(second, first) for first, second in full]
    if full:
        return list(dict.fromkeys(full))
    rows, columns = np.nonzero(found.counts)
    counts = Counter(
        {
            (found.behaviors[a], found.behaviors[b]): int(found.counts[a, b])
            for a, b in zip(rows, columns, strict=True)
        }
    )
    by_count = [pair for pair, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    wanted = [pair for pair in by_count if _fits(pair, named)]
    if named.both_ways:
        wanted += [(second, first) for first, second in wanted if (second, first) not in wanted]
    return wanted


def _fits(pair: Pair, named: _Named) -> bool:
    return (not named.before or pair[0] in named.before) and (not named.after or pair[1] in named.after)


def _tested(
    sequences: Sequence[BoutSequence], pairs: Sequence[Pair], named: _Named, *, repeats: bool
) -> list[Pair]:
    """Pairs to hold against chance: those reported, and those that could have occurred and never did."""
    behaviors = sorted({name for item in sequences for name in item.behaviors})
    tested = list(pairs)
    if not (named.before and named.after):
        possible = [(first, second) for first in behaviors for second in behaviors]
        tested += [
            pair
            for pair in possible
            if _fits(pair, named) or (named.both_ways and _fits((pair[1], pair[0]), named))
        ]
    return [pair for pair in dict.fromkeys(tested) if repeats or pair[0] != pair[1]]


# ----------------------------------------------------------------- what must be said
def _said(arguments: TransitionArguments, scope: Scope) -> list[str]:
    flags = ["The next bout is the next one of the same animal and source by start time, of any behavior."]
    if arguments.lag > 1:
        flags.append(f"Counted is the bout that comes {arguments.lag} places later, whatever comes between.")
    if arguments.adjacent:
        flags.append("Only bouts that touch count.")
    if arguments.within_s is not None:
        frames = scope.sessions.filter(pl.col("time_unit") == "frames")["session_id"].to_list()
        unit = "frames" if len(frames) == scope.sessions.height else "s"
        flags.append(
            f"Only where the later bout starts at most {arguments.within_s:g} {unit} after the first ended; a probability is "
            "of all bouts that have a next one."
        )
        if frames and unit == "s":
            flags.append(
                f"The frame rate of {listing(frames, 5)} is not documented: there the limit is in frames."
            )
    if arguments.repeats == "merged":
        flags.append("Equal bouts in a row count as one.")
    if scope.is_cut:
        flags.append("Both bouts start in the window.")
    return flags


def _null_said(
    source: str, n_shuffles: int, rule: Rule, sequences: Sequence[BoutSequence], *, repeats: bool
) -> str:
    following = (
        "a behavior may follow itself"
        if repeats
        else "no behavior follows itself (equal bouts that touch are one), so that such pairs are not tested"
    )
    gaps = ", the gaps between bouts stay where they are" if rule.adjacent or rule.within is not None else ""
    return (
        f"Chance for {source}: the bouts of each animal's stretch in {n_shuffles:,} random orders, the same every time; each "
        f"behavior is as frequent as observed{gaps}, and {following}.{added_up(len({item.animal for item in sequences}))}"
    )


TOOL: Tool[TransitionArguments] = Tool(
    name="transitions",
    description="Count which behavior follows which in one source's bouts ordered by start time (all behaviors or those named; "
    "optionally only bouts that touch, within some seconds, or at a longer lag), with transition probabilities and, on "
    "request, a permutation test against chance.",
    arguments=TransitionArguments,
    function=transitions,
)
