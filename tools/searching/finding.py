"""One search: the call's words and arguments become conditions; the tables decide them, likeness orders and finds the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from ethochat.index.behaviors.glossary import broader
from ethochat.index.behaviors.rules import RULES
from ethochat.index.behaviors.rules import SOURCE as RULES_SOURCE
from ethochat.index.errors import CatalogError
from ethochat.index.search import merge_events
from ethochat.index.store.base import FieldCondition, Hit
from ethochat.tools.arguments import Moment, SearchArguments
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.motion import match_zones
from ethochat.tools.names import match_name
from ethochat.tools.rows import clocks
from ethochat.tools.searching.events import Evaluator, Event, Extra
from ethochat.tools.searching.lanes import Span
from ethochat.tools.searching.lexicon import Concept, Lexicon, build_lexicon, content_stems, terms_of
from ethochat.tools.searching.limits import Limit
from ethochat.tools.searching.misses import nearest_miss
from ethochat.tools.searching.ranking import Ranked, rank
from ethochat.tools.searching.reading import MOST_CHARACTERS, Description, Step, read_description
from ethochat.tools.searching.remarks import quoted
from ethochat.tools.selection import Scope, find_name, match_behaviors, match_sources
from ethochat.tools.wording import number

LEAST_ALIKE: Final = 0.15
"""Likeness to words below which a description has nothing to do with them: sentences on tax law come as near."""
_CANDIDATES: Final = 512
"""Segments that are looked at for their likeness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A call as it was understood."""

    description: Description
    extra: Extra
    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    """Ids of segments to be like, and unlike."""
    moments: tuple[tuple[str, float], ...] = ()
    """Sessions and times of the examples, whose own events are no hits."""
    hidden: frozenset[str] = frozenset()
    """Sessions left out because the examples are of them."""

    @property
    def of_hits(self) -> Extra:
        """What is asked of whole hits, since the steps hold the rest."""
        alone = len(self.description.steps) == 1
        whole = [limit for limit in self.extra.limits if limit.quantity == "duration" and not alone]
        return Extra(sources=self.extra.sources, whole=tuple(whole))

    @property
    def is_decidable(self) -> bool:
        """Whether the tables can say what meets it."""
        return any(step.is_decidable for step in self.description.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a search found, best first."""

    query: Query
    ranked: tuple[Ranked, ...] = ()
    texts: Mapping[int, str] | None = None
    """Place in ``ranked`` to description, where segments themselves were found."""
    known: frozenset[str] = frozenset()
    by_likeness: bool = False
    """Whether only likeness of descriptions found them, and no condition was decided."""
    flags: tuple[str, ...] = ()


def understand_query(context: ToolContext, scope: Scope, arguments: SearchArguments) -> Query:
    """Read the words of a call and put its arguments beside them.

    Raises
    ------
    ToolRetryError
        When there is nothing to search for, or a name is unknown.
    """
    if any(len(text) > MOST_CHARACTERS for text in (arguments.query, *arguments.followed_by)):
        raise ToolRetryError(f"A description has at most {MOST_CHARACTERS} characters.")
    for name, low, high in (
        ("duration_s", arguments.min_duration_s, arguments.max_duration_s),
        ("speed", arguments.min_speed, arguments.max_speed),
    ):
        if low is not None and high is not None and low > high:
            raise ToolRetryError(f"Expected min_{name} below max_{name}, got {low:g} and {high:g}.")
    lexicon = build_lexicon(context, scope.session_ids[:1])
    description = _described(arguments, lexicon)
    unclear = next((step.unclear for step in description.steps if step.unclear), None)
    if unclear is not None:
        raise ToolRetryError(unclear)
    if arguments.within_s is not None and set(scope.sessions["time_unit"].to_list()) == {"frames"}:
        description = replace(description, in_frames=True)  # as all times of a call there
    extra = _extra(context, scope, arguments)
    steps = [_with_partner(step, lexicon) for step in description.steps]
    if not steps[0].text and len(steps) > 1 and extra.terms:
        # Without words, the behaviors and zones of the call are what comes first.
        steps[0], extra = replace(steps[0], terms=extra.terms), replace(extra, terms=())
    alone, own = len(steps) == 1, any(step.is_decidable for step in steps)
    query = Query(
        description=replace(
            description,
            steps=tuple(
                _besides(step, extra, alone=alone) if step.is_decidable or not own else step for step in steps
            ),
        ),
        extra=extra,
        like=_segments_at(context, arguments.like, extra),
        unlike=_segments_at(context, arguments.unlike, extra),
        moments=tuple((_session(context, item), item.time) for item in (*arguments.like, *arguments.unlike)),
        hidden=frozenset(_session(context, item) for item in arguments.like if arguments.other_sessions),
    )
    if not (arguments.query.strip() or query.like or query.is_decidable):
        raise ToolRetryError("search_segments needs a query, moments in like, or a condition.")
    if description.absent and not query.is_decidable:
        raise ToolRetryError(
            f"No label, place or rule here is called {quoted(description.unread) or repr(description.text)}, so it cannot be told "
            "which sessions are without it."
        )
    if arguments.unlike and not (query.like or arguments.query.strip() or query.is_decidable):
        raise ToolRetryError("unlike goes with a query or with moments in like.")
    return query


def find(context: ToolContext, scope: Scope, query: Query) -> Findings:
    """Find what meets a query, best first.

    Raises
    ------
    ToolFailedError
        When the index cannot be searched.
    """
    scope = _narrowed(scope, query.hidden)
    if not query.is_decidable:
        return _by_likeness(context, scope, query)
    evaluator = Evaluator(context, scope, query.of_hits)
    events = evaluator.find(query.description)
    kept = [event for event in events.found if not _is_example(event, query)]
    hits: Sequence[Hit] = []
    if kept and (query.like or query.description.unread):
        hits = _retrieve(context, scope, query)
    wanted = not kept and events.known and not query.description.absent
    missed = _missed(context, scope, evaluator, query) if wanted else []
    ranked = rank(context, scope, kept, query.description, hits, by_likeness=bool(query.like))
    return Findings(
        query=query,
        ranked=tuple(ranked),
        known=events.known,
        flags=(*events.flags, *missed, *(_notices(context) if hits else ())),
    )


def _missed(context: ToolContext, scope: Scope, evaluator: Evaluator, query: Query) -> list[str]:
    """Say what comes nearest: with one condition less, or else by its description."""
    units = set(scope.sessions["time_unit"].to_list())
    unit = "frames" if units == {"frames"} else "s"
    told = nearest_miss(evaluator, query.description, unit)
    if told is not None:
        return [told]
    if not query.description.text.strip():
        return []
    hits = _retrieve(context, scope, query)
    if not hits:
        return []
    best = _event_of(hits[0])
    return [
        f"Nearest by description: {best.session_id} {number(best.start)}–{number(best.stop)} {unit}: {hits[0].text}"
    ]


def _is_example(event: Event, query: Query) -> bool:
    return any(
        event.session_id == session_id and event.start <= time < event.stop
        for session_id, time in query.moments
    )


def _narrowed(scope: Scope, hidden: frozenset[str]) -> Scope:
    return (
        replace(scope, sessions=scope.sessions.filter(~pl.col("session_id").is_in(sorted(hidden))))
        if hidden
        else scope
    )


# ------------------------------------------------------------------ words and arguments
def _described(arguments: SearchArguments, lexicon: Lexicon) -> Description:
    described = read_description(arguments.query, lexicon)
    for text in arguments.followed_by:
        later = read_description(text, lexicon)
        described = replace(
            described,
            text=" then ".join(part for part in (described.text, later.text) if part),
            steps=(*described.steps, *later.steps),
            in_frames=described.in_frames or later.in_frames,
            within=(*described.within, arguments.within_s, *later.within),
        )
    if arguments.within_s is not None and not arguments.followed_by:
        if len(described.steps) == 1:
            raise ToolRetryError("within_s needs followed_by, or a query of several steps.")
        described = replace(described, within=tuple(arguments.within_s for _ in described.within))
    return described


def _extra(context: ToolContext, scope: Scope, arguments: SearchArguments) -> Extra:
    terms = []
    if arguments.behaviors:
        names = match_behaviors(context, arguments.behaviors)
        terms.append(Concept(label=" or ".join(arguments.behaviors), behaviors=names))
    if arguments.zones:
        zones = match_zones(context, arguments.zones, scope.session_ids[:1])
        terms.append(Concept(label=f"in {' or '.join(zones)}", zones=tuple(zones)))
    without = [_behavior_or_zone(context, scope, name) for name in arguments.without]
    limits = []
    unit = "frames" if set(scope.sessions["time_unit"].to_list()) == {"frames"} else "s"
    if arguments.min_duration_s is not None or arguments.max_duration_s is not None:
        limits.append(
            Limit(quantity="duration", low=arguments.min_duration_s, high=arguments.max_duration_s, unit=unit)
        )
    if arguments.min_speed is not None or arguments.max_speed is not None:
        scaled = scope.sessions["px_per_cm"].is_not_null().any()
        length = "cm" if scaled or _has_centimeters(context, scope) else "px"
        limits.append(
            Limit(quantity="speed", low=arguments.min_speed, high=arguments.max_speed, unit=f"{length}/s")
        )
    return Extra(
        terms=tuple(terms),
        without=tuple(without),
        limits=tuple(limits),
        sources=match_sources(context, arguments.sources) if arguments.sources else (),
    )


def _besides(step: Step, extra: Extra, *, alone: bool) -> Step:
    """Put beside a step's words what the call asks of each; how long a hit lasts is not asked of a part of it."""
    limits = [limit for limit in extra.limits if alone or limit.quantity != "duration"]
    return replace(
        step,
        terms=(*step.terms, *(term for term in extra.terms if term not in step.terms)),
        without=(*step.without, *extra.without),
        limits=(*step.limits, *limits),
    )


def _has_centimeters(context: ToolContext, scope: Scope) -> bool:
    table = context.catalog.scan("kinematics").filter(pl.col("session_id").is_in(scope.session_ids))
    return table.select(pl.col("speed_cm_per_s").is_not_null().any()).collect().item() is True


def _behavior_or_zone(context: ToolContext, scope: Scope, name: str) -> Concept:
    try:
        return Concept(label=name, behaviors=match_behaviors(context, [name]))
    except ToolRetryError as unknown:
        try:
            return Concept(label=name, zones=tuple(match_zones(context, [name], scope.session_ids[:1])))
        except ToolRetryError:
            raise unknown from None


def _with_partner(step: Step, lexicon: Lexicon) -> Step:
    """Read "two mice" as being near each other, where no word says what they do with each other."""
    if not step.together or any(limit.quantity == "partner_distance" for limit in step.limits):
        return step
    if any(_is_social(behavior) for term in (*step.terms, *step.without) for behavior in term.behaviors):
        return step
    sniffing = lexicon.get(content_stems("social investigation"))
    if any(term.is_absent for term in step.terms) and sniffing is not None and not sniffing.is_absent:
        # "One sniffs the other" where only social interaction as such is marked.
        replaced = [
            replace(sniffing, stands_for=term.label) if term.is_absent and _is_sniffing(term.label) else term
            for term in step.terms
        ]
        if replaced != list(step.terms):
            return replace(step, terms=tuple(replaced))
    near = lexicon.get(("near",))
    if near is None:
        return replace(step, unread=(*step.unread, "other animal"))
    return replace(step, terms=(*step.terms, replace(near, label="near another animal")))


def _is_sniffing(word: str) -> bool:
    return any(term.name == "sniffing" for term in terms_of(word))


def _is_social(behavior: str) -> bool:
    rule = RULES.get(behavior)
    if rule is not None and rule.category == "social":
        return True
    terms = terms_of(behavior)
    return any(
        item.name in ("social interaction", "nonsocial", "escape", "submission")
        for term in terms
        for item in (term, *broader(term))
    )


def _session(context: ToolContext, moment: Moment) -> str:
    return match_name(moment.session_id, context.catalog.load("sessions")["session_id"].to_list(), "session")


def _segments_at(context: ToolContext, moments: Sequence[Moment], extra: Extra) -> tuple[str, ...]:
    """Segments that cover the moments; of several those with the behaviors that the call names, or else those of labels."""
    wanted = {behavior for term in extra.terms for behavior in term.behaviors}
    found: list[str] = []
    for moment in moments:
        session_id = _session(context, moment)
        covering = context.catalog.load("segments").filter(
            pl.col("session_id") == session_id,
            pl.col("start_time") <= moment.time,
            pl.col("stop_time") > moment.time,
        )
        if moment.individual:
            known = sorted(set(covering["individual"].to_list()) | {""})
            name = find_name(moment.individual, known)
            covering = covering.filter(pl.col("individual").is_in([name, ""]))
        if covering.is_empty():
            raise ToolFailedError(f"No segment of {session_id} covers time {moment.time:g}.")
        having = covering.filter(pl.col("behaviors").list.eval(pl.element().is_in(sorted(wanted))).list.any())
        labels = covering.filter(pl.col("source") != RULES_SOURCE)
        # What a person or a classifier marked says more of a moment than what rules make of its track.
        chosen = next((rows for rows in (having, labels) if not rows.is_empty()), covering)
        found += chosen.sort("start_time", "segment_id")["segment_id"].to_list()
    return tuple(dict.fromkeys(found))


# ------------------------------------------------------------------ likeness
def _notices(context: ToolContext) -> list[str]:
    """What the index says of itself: that an ingest is running, and how many sessions it leaves out."""
    try:
        notice = context.open_search().check()
    except CatalogError as exc:
        raise ToolFailedError(str(exc)) from exc
    return [notice] if notice is not None else []


def _retrieve(context: ToolContext, scope: Scope, query: Query) -> list[Hit]:
    try:
        return context.open_search().retrieve(
            query.description.text,
            conditions=_conditions(context, scope, query),
            limit=_CANDIDATES,
            like=query.like,
            unlike=query.unlike,
        )
    except CatalogError as exc:
        raise ToolFailedError(str(exc)) from exc


def _conditions(context: ToolContext, scope: Scope, query: Query) -> list[FieldCondition]:
    conditions: list[FieldCondition] = []
    # Metadata conditions are already resolved to sessions, which every segment carries.
    if len(scope.session_ids) < context.catalog.load("sessions").height:
        conditions.append(FieldCondition(field="session_id", op="in", value=tuple(scope.session_ids)))
    if scope.individuals is not None:
        names = (*sorted(scope.individuals), "")
        conditions.append(FieldCondition(field="individual", op="in", value=names))
    elif scope.of_subjects is not None and not {name for _, name in scope.of_subjects} <= {""}:
        names = tuple(sorted({name for _, name in scope.of_subjects} | {""}))
        conditions.append(FieldCondition(field="individual", op="in", value=names))
    if query.extra.sources:
        conditions.append(FieldCondition(field="source", op="in", value=query.extra.sources))
    for term in query.extra.terms:
        if term.behaviors:
            conditions.append(FieldCondition(field="behaviors", op="in", value=term.behaviors))
    if scope.start is not None and scope.start >= 0:
        conditions.append(FieldCondition(field="stop_time", op=">", value=scope.start))
    if scope.stop is not None and scope.stop >= 0:
        conditions.append(FieldCondition(field="start_time", op="<", value=scope.stop))
    return conditions


def _by_likeness(context: ToolContext, scope: Scope, query: Query) -> Findings:
    """Order all segments by likeness to words that name nothing in the tables, or to examples alone."""
    windows = {row["session_id"]: scope.window(row) for row in scope.sessions.iter_rows(named=True)}
    ranked: list[Ranked] = []
    texts: dict[int, str] = {}
    hits = _retrieve(context, scope, query)
    alike = hits if query.like else [hit for hit in hits if hit.score >= LEAST_ALIKE]
    for best, _ in merge_events(alike):
        event = _event_of(best)
        start, stop = windows[event.session_id]
        if event.start >= stop or event.stop <= start or _is_example(event, query):
            continue
        if any(_is_same(event, other.event) for other in ranked):
            continue
        texts[len(ranked)] = best.text
        cut = replace(event, start=max(event.start, start), stop=min(event.stop, stop))
        ranked.append(Ranked(event=cut, score=min(1.0, max(0.0, best.score))))
    known = frozenset(scope.session_ids)
    return Findings(
        query=query,
        ranked=tuple(ranked),
        texts=texts,
        known=known,
        by_likeness=True,
        flags=(*(() if ranked else _why_none(hits, alike, scope)), *_notices(context)),
    )


def _why_none(hits: Sequence[Hit], alike: Sequence[Hit], scope: Scope) -> Iterator[str]:
    """Say why likeness found nothing: no segment is left by the filters, or none is described like the words."""
    if alike or not hits:
        yield "No segment meets the conditions."
        return
    best = _event_of(hits[0])
    yield (
        f"Nothing here is described like that. Nearest, and hardly alike (likeness {max(0.0, hits[0].score):.2f}): {best.session_id} "
        f"{number(best.start)}–{number(best.stop)} {clocks(scope)[best.session_id].unit}: {hits[0].text}"
    )


def _is_same(one: Event, other: Event) -> bool:
    """Whether two segments show one event: of one animal, and sharing half of the shorter one."""
    if one.session_id != other.session_id or (
        one.individual and other.individual and one.individual != other.individual
    ):
        return False
    shared = min(one.stop, other.stop) - max(one.start, other.start)
    return shared > 0.5 * min(one.stop - one.start, other.stop - other.start)


def _event_of(hit: Hit) -> Event:
    payload = hit.payload
    start, stop = payload["start_time"], payload["stop_time"]
    if not isinstance(start, int | float) or not isinstance(stop, int | float):
        raise ToolFailedError(f"The index has no time for {hit.segment_id!r}; run `ethochat ingest` again.")
    behaviors = payload.get("behaviors")
    span = Span(
        start=float(start),
        stop=float(stop),
        sources=frozenset({str(payload["source"])}),
        behavior=str(behaviors[0]) if isinstance(behaviors, list) and behaviors else "",
    )
    return Event(
        session_id=str(payload["session_id"]),
        individual=str(payload.get("individual") or ""),
        start=span.start,
        stop=span.stop,
        parts=(span,),
    )
