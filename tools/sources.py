"""Who says so: the raters, classifiers and rules that mark a behavior, and the choice among them.

Where several mark it and none is named the call is refused with their names, unless exactly one needs no choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from ethochat.tools.context import ToolContext
from ethochat.tools.errors import AmbiguousSourceError, ToolFailedError
from ethochat.tools.names import find_name, listing, plain, unknown_name
from ethochat.tools.wording import some

if TYPE_CHECKING:
    from ethochat.tools.selection import Scope

SOURCE_KIND_WORDS: Final[Mapping[str, str]] = {
    "manual": "manual",
    "human": "manual",
    "humans": "manual",
    "rater": "manual",
    "raters": "manual",
    "automated": "automated",
    "automatic": "automated",
    "classifier": "automated",
    "rule": "rule",
    "rules": "rule",
}
"""Words for all sources of a kind; a source of that very name wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePlan:
    """Which sources give which behaviors."""

    coverage: pl.DataFrame
    """Rows of the coverage table that count, for the sessions, animals and sources of the call."""
    sources: tuple[str, ...]
    flags: tuple[str, ...]
    chosen: Mapping[str, str] = field(default_factory=dict)
    """Behavior to its source, where nobody was named and each behavior has its own; empty otherwise."""

    def counts(self, source: str, behavior: str) -> bool:
        """Whether a source's bouts of a behavior are meant."""
        return self.chosen.get(behavior, source) == source


def label_coverage(context: ToolContext, scope: Scope) -> pl.DataFrame:
    """Coverage rows of labels (annotations and rules) for the animals of a call."""
    rows = context.catalog.load("coverage").filter(
        pl.col("kind").is_in(["annotations", "rules"]), pl.col("session_id").is_in(scope.session_ids)
    )
    if scope.individuals is not None:
        rows = rows.filter(pl.col("individual").is_in(list(scope.individuals)))
    if scope.of_subjects is not None:
        wanted = pl.DataFrame(
            sorted(scope.of_subjects), schema={"session_id": pl.String, "individual": pl.String}, orient="row"
        )
        rows = rows.join(wanted, on=["session_id", "individual"], how="semi", maintain_order="left")
    return rows


def known_sources(context: ToolContext) -> dict[str, str]:
    """Names of all sources (raters, classifiers, trackers, rules) to their kind."""
    rows = context.catalog.load("coverage").select("source", "source_kind").unique().sort("source")
    return {row[0]: row[1] for row in rows.iter_rows()}


def match_sources(context: ToolContext, names: Sequence[str]) -> tuple[str, ...]:
    """Find the sources behind names; ``manual``, ``automated`` and ``rules`` stand for all of that kind."""
    known = known_sources(context)
    found: list[str] = []
    for name in names:
        exact = find_name(name, known)
        kind = SOURCE_KIND_WORDS.get(plain(name))
        if exact is not None:
            found.append(exact)
        elif kind is not None and kind in known.values():
            found.extend(source for source, its_kind in known.items() if its_kind == kind)
        else:
            raise unknown_name(name, known, "source")
    return tuple(dict.fromkeys(found))


def plan_sources(
    context: ToolContext, scope: Scope, behaviors: Sequence[str], requested: Sequence[str], *, split: bool
) -> SourcePlan:
    """Choose who says so.

    Parameters
    ----------
    behaviors
        Behaviors as the tables spell them; empty for any.
    requested
        Sources named in the call.
    split
        Whether the result is split by source, so that several need no choice.

    Raises
    ------
    AmbiguousSourceError
        When several sources mark the behavior in these sessions and none was named.
    ToolFailedError
        When no source, or none of those named, looked at these sessions.
    """
    everything = label_coverage(context, scope)
    rows = everything.filter(_marks(behaviors)) if behaviors else everything
    if requested:
        return _named_sources(context, scope, rows, behaviors, match_sources(context, requested))
    if rows.is_empty():
        what = f" marks {listing(behaviors)} in" if behaviors else " labeled"
        raise ToolFailedError(f"No source{what} {_place(scope)}.")
    if split:
        sources = tuple(rows["source"].unique(maintain_order=True).to_list())
        return SourcePlan(coverage=rows, sources=sources, flags=_gap_flags(scope, rows))
    chosen: dict[str, str] = {}
    flags: list[str] = []
    wanted: list[str | None] = list(behaviors) or [None]
    for behavior in wanted:
        mine = rows if behavior is None else rows.filter(_marks([behavior]))
        if not mine.is_empty():
            source, said = _only_source(
                _that_mark_it(context, mine, behavior), scope, behavior, among=behaviors
            )
            chosen[behavior or ""] = source
            flags.extend(said)
    sources = tuple(dict.fromkeys(chosen.values()))
    rows = rows.filter(pl.col("source").is_in(list(sources)))
    flags = [f"Source: {listing(sources)}.", *dict.fromkeys(flags), *_gap_flags(scope, rows)]
    return SourcePlan(coverage=rows, sources=sources, flags=tuple(flags), chosen=chosen if behaviors else {})


def _marks(behaviors: Sequence[str]) -> pl.Expr:
    return pl.any_horizontal(*(pl.col("behaviors").list.contains(name) for name in behaviors)).fill_null(
        False
    )


def _place(scope: Scope) -> str:
    ids = scope.session_ids
    return listing(ids) if len(ids) <= 3 else f"any of the {len(ids)} sessions"


def _named_sources(
    context: ToolContext, scope: Scope, rows: pl.DataFrame, behaviors: Sequence[str], sources: tuple[str, ...]
) -> SourcePlan:
    mine = rows.filter(pl.col("source").is_in(list(sources)))
    if mine.is_empty():
        raise ToolFailedError(_why_not_covered(context, scope, rows, behaviors, sources))
    covering = set(mine["source"].to_list())
    flags = [f"{name} looked at none of these sessions for that." for name in sources if name not in covering]
    used = tuple(name for name in sources if name in covering)
    return SourcePlan(coverage=mine, sources=used, flags=(*flags, *_gap_flags(scope, mine)))


def _why_not_covered(
    context: ToolContext, scope: Scope, rows: pl.DataFrame, behaviors: Sequence[str], sources: Sequence[str]
) -> str:
    what = listing(behaviors) if behaviors else "anything"
    others = sorted(set(rows["source"].to_list()))
    elsewhere = context.catalog.load("coverage").filter(
        pl.col("source").is_in(list(sources)), pl.col("kind").is_in(["annotations", "rules"])
    )
    text = f"{listing(sources)} did not look for {what} in {_place(scope)}."
    if others:
        text += f" There it was marked by {listing(others)}."
    if not elsewhere.is_empty():
        marked = sorted(
            set(elsewhere["behaviors"].explode(keep_nulls=False, empty_as_null=False).drop_nulls().to_list())
        )
        n_sessions = elsewhere["session_id"].n_unique()
        text += f" {listing(sources)} labeled {some(n_sessions, 'session')} for {listing(marked)}."
    return text


def _that_mark_it(context: ToolContext, rows: pl.DataFrame, behavior: str | None) -> pl.DataFrame:
    """Leave out sources that mark a behavior nowhere in the experiment, where another one does."""
    if behavior is None or rows["source"].n_unique() < 2:
        return rows
    bouts = context.catalog.load("bouts").filter(pl.col("behavior") == behavior)
    marking = rows.filter(pl.col("source").is_in(bouts["source"].unique().to_list()))
    return rows if marking.is_empty() else marking


def _only_source(
    rows: pl.DataFrame, scope: Scope, behavior: str | None, *, among: Sequence[str]
) -> tuple[str, list[str]]:
    """Find the source that needs no choice: the only one, the only outside one, or the only complete one."""
    counts = {
        row[0]: (row[1], row[2])
        for row in rows.group_by("source")
        .agg(pl.col("source_kind").first(), pl.col("session_id").n_unique().alias("n"))
        .sort("source")
        .iter_rows()
    }
    outside = {name: n for name, (kind, n) in counts.items() if kind != "rule"}
    what = behavior or "the behaviors"
    if len(counts) == 1:
        return next(iter(counts)), []
    if len(outside) == 1:
        name = next(iter(outside))
        return name, [
            f"{what} {'is' if behavior else 'are'} marked by {name} and by {listing(n for n in counts if n != name)}; "
            f"{name} was used."
        ]
    if not outside:
        raise _ambiguous(listing(among) or what, list(counts), rows)
    most = max(outside.values())
    complete = [name for name, n in outside.items() if n == most]
    total = len(scope.session_ids)
    if len(complete) == 1 and most == total:
        rest = ", ".join(f"{name} {n}" for name, n in outside.items() if name != complete[0])
        return complete[0], [
            f"Only {complete[0]} covers all {total} sessions ({rest}), so it was used for {what}."
        ]
    raise _ambiguous(listing(among) or what, list(outside), rows)


def _ambiguous(what: str, names: Sequence[str], rows: pl.DataFrame) -> AmbiguousSourceError:
    kinds = {row[0]: row[1] for row in rows.select("source", "source_kind").unique().iter_rows()}
    ordered = sorted(names, key=lambda name: (kinds.get(name) != "manual", name))
    listed = ", ".join(f"{name} ({kinds.get(name)})" for name in ordered)
    return AmbiguousSourceError(
        f"Several sources mark {what} in these sessions: {listed}. Name one, or ask for each of them.",
        sources=tuple(ordered),
    )


def _gap_flags(scope: Scope, rows: pl.DataFrame) -> tuple[str, ...]:
    """Name the sessions that no chosen source looked at."""
    covered = set(rows["session_id"].to_list())
    missing = [session_id for session_id in scope.session_ids if session_id not in covered]
    if not missing:
        return ()
    sources = listing(sorted(set(rows["source"].to_list())))
    return (
        f"{len(missing)} of {len(scope.session_ids)} sessions were not looked at by {sources} and are not "
        "counted: "
        f"{listing(missing, 5)}.",
    )
