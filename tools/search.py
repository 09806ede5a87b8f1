"""The tool ``search_segments``: moments that match a description, decided by the tables and ordered by likeness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from ethochat.index.describers.in_use import KINEMATIC, descriptions_in_use
from ethochat.tools.arguments import SearchArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import ClipRef, Evidence, Value
from ethochat.tools.names import listing
from ethochat.tools.searching.finding import Findings, find, understand_query
from ethochat.tools.searching.ranking import Ranked, best_texts, mean_speeds, why
from ethochat.tools.searching.reading import Description
from ethochat.tools.searching.remarks import remarks
from ethochat.tools.selection import Scope, require_sessions, select_sessions
from ethochat.tools.wording import some, summarize_evidence


def search_segments(context: ToolContext, arguments: SearchArguments) -> Evidence:
    """Search an experiment for moments that match a description, again where an ingest replaced a session meanwhile."""
    found = context.catalog.whole(lambda: _searched(context, arguments))
    if not arguments.verify or not found.clips:
        return found
    if any(value.name == "session_count" for value in found.values):
        flag = "No hit was checked: that something is absent is told by the tables, not by a look at some frames."
        return found.model_copy(update={"flags": [*found.flags, flag], "summary": f"{found.summary}\n{flag}"})
    return _checked(context, arguments, found)


def _checked(context: ToolContext, arguments: SearchArguments, found: Evidence) -> Evidence:
    """Let the model look at the best hits."""
    from ethochat.tools.watching.checking import check_hits

    scope = select_sessions(context, arguments)
    query = _to_be_seen(understand_query(context, scope, arguments).description)
    clips, flags = check_hits(context, found.clips, query, n=arguments.verify, budget_s=arguments.verify_s)
    evidence = found.model_copy(update={"clips": clips, "flags": [*found.flags, *flags]})
    evidence.summary = summarize_evidence(evidence)
    return evidence


def _searched(context: ToolContext, arguments: SearchArguments) -> Evidence:
    scope = select_sessions(context, arguments)
    require_sessions(scope, arguments)
    query = understand_query(context, scope, arguments)
    found = find(context, scope, query)
    if query.description.absent:
        return _without_any(scope, found, arguments)
    chosen = _varied(found.ranked, arguments.per_session)
    shown = chosen[arguments.offset : arguments.offset + arguments.limit]
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=_counts(scope, found),
        clips=_clips(context, scope, found, shown),
        n_rows=len(found.ranked),
        flags=[
            *scope.flags,
            *_said(scope, found, arguments, len(chosen), len(shown)),
            *_described_by(context, len(shown)),
        ],
    )
    evidence.summary = summarize_evidence(evidence)
    return evidence


def _to_be_seen(description: Description) -> str:
    """What of a description can be seen: no session, group, time or number, which the tables have met."""
    told = []
    for step in description.steps:
        edge = {"enter": "entering ", "leave": "leaving "}.get(step.edge or "", "")
        words = [
            f"{edge or ('in the ' if term.zones and not term.behaviors else '')}{term.label}"
            for term in step.terms
        ]
        words += [f"not {term.label}" for term in step.without]
        # What no table knows ("with the tail raised") is what a look is for.
        told.append(step.text if step.unread else ", ".join(words))
    return ", then ".join(filter(None, told))


def _varied(ranked: Sequence[Ranked], per_session: int | None) -> list[Ranked]:
    """At most so many of one session, the best ones."""
    if per_session is None:
        return list(ranked)
    taken: dict[str, int] = {}
    kept = []
    for item in ranked:
        taken[item.event.session_id] = taken.get(item.event.session_id, 0) + 1
        if taken[item.event.session_id] <= per_session:
            kept.append(item)
    return kept


# ------------------------------------------------------------------ what was found
def _counts(scope: Scope, found: Findings) -> list[Value]:
    """How many events there are in all and of each animal; by likeness nothing can be counted."""
    if found.by_likeness:
        return []
    keys = [(item.event.session_id, item.event.individual) for item in found.ranked]
    unnamed = {session_id for session_id, individual in keys if not individual}
    per_animal = {
        (session_id, name): 0
        for session_id in scope.session_ids
        if session_id in found.known
        for name in ([] if session_id in unnamed else _animals(scope, session_id)) or [""]
    }
    for key in keys:
        per_animal[key] = per_animal.get(key, 0) + 1
    total = Value(
        name="event_count",
        value=float(len(found.ranked)),
        unit="events",
        statistic="sum",
        n=len(found.known & set(scope.session_ids)),
        note="n is the number of sessions in which it can be told",
    )
    return [
        total,
        *(
            Value(
                name="event_count",
                value=float(n),
                unit="events",
                session_id=session_id,
                subject_id=scope.subject_of(session_id, individual),
                group={"individual": individual} if individual else {},
            )
            for (session_id, individual), n in sorted(per_animal.items())
        ),
    ]


def _animals(scope: Scope, session_id: str) -> list[str]:
    """Animals of a session by name, as far as they were asked for: without an event they have none."""
    known = [name for owner, name in scope.subjects if owner == session_id and name]
    return [name for name in known if scope.includes(session_id, name)]


def _clips(context: ToolContext, scope: Scope, found: Findings, shown: Sequence[Ranked]) -> list[ClipRef]:
    texts = _texts(context, found, shown)
    units = dict(scope.sessions.select("session_id", "time_unit").iter_rows())
    videos = dict(scope.sessions.select("session_id", pl.col("video").is_not_null()).iter_rows())
    speeds = mean_speeds(context, scope, [item.event for item in shown])
    clips = []
    for item, text, speed in zip(shown, texts, speeds, strict=True):
        event, unit = item.event, units[item.event.session_id]
        reason = None if found.by_likeness else why(event, found.query.description, unit, speed)
        clips.append(
            ClipRef(
                session_id=event.session_id,
                start_time=event.start,
                stop_time=event.stop,
                score=round(item.score, 4),
                description=text,
                individual=event.individual or None,
                subject_id=scope.subject_of(event.session_id, event.individual),
                source=", ".join(event.sources) or None,
                why=reason or f"described alike (likeness {item.score:.2f})",
                has_video=videos.get(event.session_id, False),
            )
        )
    return clips


def _texts(context: ToolContext, found: Findings, shown: Sequence[Ranked]) -> list[str]:
    if found.texts is not None:
        places = {id(item): place for place, item in enumerate(found.ranked)}
        return [found.texts[places[id(item)]] for item in shown]
    described = descriptions_in_use(
        context.catalog.load("descriptions"), context.experiment.descriptions.describer
    )
    whole = pl.concat_str(["overall", "head", "limb", "torso"], separator=" ", ignore_nulls=True)
    texts: Mapping[str, str] = dict(described.select("segment_id", whole.alias("text")).iter_rows())
    return best_texts(context.catalog.load("segments"), texts, [item.event for item in shown])


def _without_any(scope: Scope, found: Findings, arguments: SearchArguments) -> Evidence:
    """Sessions in which nothing of the kind happens, as whole recordings or the part of them that was asked for."""
    having = {item.event.session_id for item in found.ranked}
    looked = [
        (row, start, min(stop, row["duration"]))
        for row in scope.sessions.iter_rows(named=True)
        if row["session_id"] in found.known and row["session_id"] not in having and row["duration"]
        for start, stop in [scope.window(row)]
    ]
    rows = [row for row, start, stop in looked if start < stop]
    part = "This part of the session" if scope.is_cut else "The whole session"
    what = " and then ".join(step.text for step in found.query.description.steps)
    clips = [
        ClipRef(
            session_id=row["session_id"],
            start_time=start,
            stop_time=stop,
            description=f"{part}, without any {what}.",
            subject_id=scope.alone.get(row["session_id"]),
            why=f"no {what} in {stop - start:g} {row['time_unit']}",
            has_video=row["video"] is not None,
        )
        for row, start, stop in looked
        if start < stop
    ]
    names = listing([row["session_id"] for row in rows], 20)
    flags = [f"No {what} in {some(len(rows), 'session')}{f': {names}' if names else ''}."]
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=[
            Value(
                name="session_count",
                value=float(len(rows)),
                unit="sessions",
                n=len(found.known & set(scope.session_ids)),
                note="n is the number of sessions in which it can be told",
            )
        ],
        clips=clips[arguments.offset : arguments.offset + arguments.limit],
        n_rows=len(rows),
        flags=[*scope.flags, *found.flags, *remarks(found.query.description, decided=True), *flags],
    )
    evidence.summary = summarize_evidence(evidence)
    return evidence


# ------------------------------------------------------------------ what must be said
def _described_by(context: ToolContext, n_shown: int) -> list[str]:
    """Say whose words the descriptions are, where they are not our own."""
    describer = context.experiment.descriptions.describer
    if describer == KINEMATIC or not n_shown:
        return []
    described = context.catalog.load("descriptions")
    own = described.filter(pl.col("describer") == describer)["segment_id"].n_unique()
    every = context.catalog.load("segments").height
    return [f"Descriptions are those of {describer} ({own} of {every} segments; elsewhere kinematic words)."]


def _said(
    scope: Scope, found: Findings, arguments: SearchArguments, n_chosen: int, n_shown: int
) -> list[str]:
    flags = []
    if not found.ranked and not found.by_likeness:
        flags.append("Nothing meets all conditions.")
    elif found.ranked and found.by_likeness:
        flags.append("Ordered by likeness of descriptions alone; nobody looked at the pixels.")
    flags += found.flags
    flags += remarks(found.query.description, decided=not found.by_likeness, found=bool(found.ranked))
    if n_chosen > n_shown and n_shown:
        first = arguments.offset + 1
        flags.append(f"Hits {first} to {first + n_shown - 1} of {n_chosen} are given.")
    if n_chosen and not n_shown:
        flags.append(f"There are only {some(n_chosen, 'hit')}.")
    if "frames" in scope.sessions["time_unit"].to_list():
        flags.append("Where the frame rate is not documented, times are frames.")
    return flags


TOOL: Tool[SearchArguments] = Tool(
    name="search_segments",
    description="Find moments that match a description in plain words: behaviors, places, speeds, durations, what must not hold, "
    "and what follows within some seconds; or moments like given ones. Hits meet every number and name exactly and come with the "
    "reason; counts per animal come along. For all bouts of one labeled behavior use find_bouts.",
    arguments=SearchArguments,
    function=search_segments,
)
