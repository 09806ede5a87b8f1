"""A description evaluated on the tables: the events that meet it, exactly, and how near the others come."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ethochat.index.behaviors.bouts import Interval, intersect, unite
from ethochat.index.kinematics import setting_frames
from ethochat.index.timebase import TimeBase
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolRetryError
from ethochat.tools.names import listing
from ethochat.tools.rows import clocks
from ethochat.tools.searching.lanes import (
    GAP_S,
    Key,
    Lanes,
    Span,
    behavior_lanes,
    clustered,
    intersect_lanes,
    limit_lanes,
    of_same,
    subtract_lanes,
    touching_joined,
    whole_lanes,
    zone_lanes,
)
from ethochat.tools.searching.lexicon import Concept
from ethochat.tools.searching.limits import Limit
from ethochat.tools.searching.motion import Tracked
from ethochat.tools.searching.reading import PLACES, WITHIN_S, Description, Step
from ethochat.tools.selection import Scope

EDGE_S: Final = 1.0
"""Entering or leaving a place is shown for a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One stretch of a session that meets a description."""

    session_id: str
    individual: str
    start: float
    stop: float
    parts: tuple[Span, ...]
    """One span per step."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Who marks what is asked for, in name order."""
        return tuple(sorted({source for part in self.parts for source in part.sources}))

    @property
    def partner(self) -> str:
        """The other animal of a social behavior."""
        return next((part.partner for part in self.parts if part.partner), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Everything that meets a description, by session and time."""

    found: tuple[Event, ...]
    known: frozenset[str]
    """Sessions of which the tables can tell."""
    flags: tuple[str, ...] = ()
    told: tuple[Mapping[Key, Sequence[Interval]], ...] = ()
    """For each thing that had to hold or not: when it was looked for and its place was known."""

    def watched(self, key: Key, start: float, stop: float) -> list[Interval]:
        """When between two times all of it can be told of an animal."""
        left: list[Interval] = [(start, stop)]
        for told in self.told:
            left = intersect(left, unite(interval for some in of_same(key, told) for interval in some))
        return left


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """What a call asks of every step besides its words."""

    terms: tuple[Concept, ...] = ()
    without: tuple[Concept, ...] = ()
    limits: tuple[Limit, ...] = ()
    whole: tuple[Limit, ...] = ()
    """How long an event of several steps lasts from the first to the last."""
    sources: tuple[str, ...] = ()


class Evaluator:
    """Finds events of descriptions in the sessions of one call; what was read once is kept."""

    def __init__(self, context: ToolContext, scope: Scope, extra: Extra | None = None) -> None:
        """Take the experiment, the sessions and what holds for every step."""
        self._context = context
        self._scope = scope
        self._extra = extra or Extra()
        self._lanes: dict[object, Lanes] = {}
        self._told: list[Mapping[Key, Sequence[Interval]]] = []
        self._clocks = clocks(scope)
        self._ends = {
            row["session_id"]: row["duration"] if row["duration"] is not None else float("inf")
            for row in scope.sessions.iter_rows(named=True)
        }
        self._windows = {row["session_id"]: scope.window(row) for row in scope.sessions.iter_rows(named=True)}

    def find(self, description: Description) -> Events:
        """Find all events of a description.

        Raises
        ------
        ToolRetryError
            When no step says anything that the tables can decide.
        """
        steps = description.steps
        places = [place for place, step in enumerate(steps) if self._is_decidable(step)]
        if not places:
            raise ToolRetryError(f"Nothing in {description.text!r} names what the tables hold.")
        self._told = []
        found = self._step(steps[places[0]])
        chains: dict[Key, list[tuple[Span, ...]]] = {
            key: [(span,) for span in lane if self._is_in(key)] for key, lane in found.spans.items()
        }
        known, flags = found.known, list(found.flags)
        for before, place in itertools.pairwise(places):
            later = self._step(steps[place])
            chains = self._followed(
                chains,
                later,
                description.within[place - 1],
                in_frames=description.in_frames,
                may_overlap=_is_place(steps[before]),
            )
            known &= later.known
            flags += later.flags
        if (
            len(places) > 1
            and not description.in_frames
            and any(c.fps is None for c in self._clocks.values())
        ):
            flags.append(
                f"Where the frame rate is not documented, {setting_frames(TimeBase(fps=None), 1.0)} frames are taken for a second "
                "between steps."
            )
        events = [
            self._event(key, parts)
            for key, lane in chains.items()
            for parts in lane
            if self._lasts(key, parts)
        ]
        return Events(
            found=tuple(self._ordered(events)),
            known=known,
            flags=tuple(dict.fromkeys(flags)),
            told=tuple(self._told),
        )

    def _is_decidable(self, step: Step) -> bool:
        return step.is_decidable or bool(self._extra.terms or self._extra.limits)

    # -------------------------------------------------------------- one step
    def _step(self, step: Step) -> Lanes:
        terms = [*step.terms, *self._extra.terms]
        limits = [*step.limits, *self._extra.limits]
        on_frames = [limit for limit in limits if limit.quantity not in ("duration", "path")]
        lanes = [self._term(term) for term in terms] + [self._limit(limit) for limit in on_frames]
        if any(limit.quantity == "duration" for limit in limits):
            # "Keeps moving for 5 s" may be walking and then running: one after the other they are one stretch.
            lanes = [touching_joined(lane, self._clocks) for lane in lanes]
        if not lanes:
            lanes = [self._once("whole", lambda: whole_lanes(self._context, self._scope))]
        held = lanes[0]
        for lane in lanes[1:]:
            held = intersect_lanes(held, lane)
        negated = [*step.without, *self._extra.without]
        for term in negated:
            held = subtract_lanes(held, self._term(term))
        self._told += [lane.told for lane in (*lanes, *map(self._term, negated)) if lane.told]
        if len(lanes) > 1 or negated:
            bouts = [
                lane for term, lane in zip(terms, lanes, strict=False) if term.behaviors and not term.zones
            ]
            held = self._without_scraps(held, bouts)
        if step.edge is not None:
            held = _edges(held, step.edge, self._clocks, self._ends)
        for limit in limits:
            if limit.quantity == "duration":
                held = self._lasting(held, limit)
            elif limit.quantity == "path":
                held = self._moving(held, limit)
        return replace(held, flags=(*held.flags, *self._untold(step, held, [*terms, *negated], limits)))

    def _once(self, key: object, make: Callable[[], Lanes]) -> Lanes:
        if key not in self._lanes:
            self._lanes[key] = make()
        return self._lanes[key]

    def _term(self, term: Concept) -> Lanes:
        return self._once((term.behaviors, term.zones), lambda: self._read_term(term))

    def _read_term(self, term: Concept) -> Lanes:
        if term.is_absent:
            return Lanes(spans={}, known=frozenset())  # nobody looked for it
        parts = []
        if term.behaviors:
            parts.append(behavior_lanes(self._context, self._scope, term.behaviors, self._extra.sources))
        if term.zones:
            parts.append(zone_lanes(self._context, self._scope, term.zones))
        return parts[0] if len(parts) == 1 else _either(parts)

    def _limit(self, limit: Limit) -> Lanes:
        key = (limit.quantity, limit.low, limit.high, limit.strict, limit.unit)
        return self._once(key, lambda: limit_lanes(self._context, self._scope, limit))

    def _without_scraps(self, lanes: Lanes, bouts: Sequence[Lanes]) -> Lanes:
        """Bridge short interruptions of what was cut out of longer spans, and drop what is hardly there.

        Parameters
        ----------
        bouts
            What was cut: two bouts stay two however close they are, and one that is all there stays however short.
        """
        spans = {}
        for key, lane in lanes.spans.items():
            clock = self._clocks[key[0]]
            least = setting_frames(clock, GAP_S) / clock.frames_per_unit + 1e-9
            cut = _Bouts(key, bouts)
            kept: list[Span] = []
            for span in lane:
                gap = span.start - kept[-1].stop if kept else 0.0
                if 0 < gap <= least and cut.places(kept[-1]) == cut.places(span):
                    kept[-1] = replace(kept[-1], stop=span.stop, sources=kept[-1].sources | span.sources)
                else:
                    kept.append(span)
            spans[key] = [span for span in kept if span.stop - span.start >= least - 2e-9 or cut.has(span)]
        return replace(lanes, spans={key: lane for key, lane in spans.items() if lane})

    def _lasting(self, lanes: Lanes, limit: Limit) -> Lanes:
        spans = {}
        for key, lane in lanes.spans.items():
            factor = _per_unit(limit.unit, self._clocks[key[0]])
            if factor is not None:
                kept = [span for span in lane if limit.holds((span.stop - span.start) * factor)]
                spans[key] = kept
        known = {name for name in lanes.known if _per_unit(limit.unit, self._clocks[name]) is not None}
        return Lanes(
            spans={key: lane for key, lane in spans.items() if lane},
            known=frozenset(known),
            flags=lanes.flags,
        )

    def _moving(self, lanes: Lanes, limit: Limit) -> Lanes:
        """Keep the spans in which the animal moves as far as a limit says."""
        spans = {}
        known = set()
        for session_id in sorted(lanes.known):
            tracked = Tracked(
                self._context, session_id, self._clocks[session_id], "cm" if limit.unit == "cm" else "px"
            )
            if tracked.is_known:
                known.add(session_id)
            for key in [key for key in lanes.spans if key[0] == session_id]:
                far = [(span, tracked.distance(key[1], span.start, span.stop)) for span in lanes.spans[key]]
                spans[key] = [span for span, path in far if path is not None and limit.holds(path)]
        return Lanes(
            spans={key: lane for key, lane in spans.items() if lane},
            known=lanes.known & frozenset(known),
            flags=lanes.flags,
        )

    def _untold(
        self, step: Step, held: Lanes, terms: Sequence[Concept], limits: Sequence[Limit]
    ) -> Iterator[str]:
        """Say in which sessions a step cannot be told."""
        missing = [name for name in self._scope.session_ids if name not in held.known]
        if not missing or any(
            term.is_absent for term in terms
        ):  # that nobody marks it is said once, of all sessions
            return
        what = ", ".join([*(f"“{term.label}”" for term in terms), *(limit.words() for limit in limits)])
        if len(missing) == len(self._scope.session_ids):
            yield f"In no session can it be told when {what or step.text} holds."
        else:
            yield f"Not searched, since it cannot be told there when {what or step.text} holds: {listing(missing, 5)}."

    # -------------------------------------------------------------- steps in a row
    def _followed(
        self,
        chains: Mapping[Key, Sequence[tuple[Span, ...]]],
        later: Lanes,
        within: float | None,
        *,
        in_frames: bool,
        may_overlap: bool,
    ) -> dict[Key, list[tuple[Span, ...]]]:
        """Each later span with the latest chain before it, at most ``within`` seconds after its end.

        A place may still be held when the next step starts: an animal freezes in the center that it entered. Of all that starts in one
        stay only the first counts.
        """
        wanted = WITHIN_S if within is None else within
        found: dict[Key, list[tuple[Span, ...]]] = {}
        for (session_id, individual), lane in later.spans.items():
            clock = self._clocks[session_id]
            reach = wanted if clock.fps is not None else float(setting_frames(clock, wanted))
            if in_frames and within is not None:
                reach = wanted / clock.frames_per_unit
            for key, earlier in chains.items():
                if key[0] != session_id or (key[1] and individual and key[1] != individual):
                    continue
                pairs = _pairs(earlier, lane, reach, 1.0 / clock.frames_per_unit, may_overlap=may_overlap)
                found.setdefault((session_id, individual or key[1]), []).extend(pairs)
        return found

    def _lasts(self, key: Key, parts: Sequence[Span]) -> bool:
        """Whether a sequence lasts as long as the call asks of hits."""
        if not self._extra.whole:
            return True
        length = max(part.stop for part in parts) - parts[0].start
        factors = [(limit, _per_unit(limit.unit, self._clocks[key[0]])) for limit in self._extra.whole]
        return all(factor is not None and limit.holds(length * factor) for limit, factor in factors)

    def _event(self, key: Key, parts: tuple[Span, ...]) -> Event:
        session = self._windows[key[0]]
        start, stop = max(parts[0].start, session[0]), min(max(part.stop for part in parts), session[1])
        return Event(session_id=key[0], individual=key[1], start=start, stop=stop, parts=parts)

    # -------------------------------------------------------------- where to look
    def _is_in(self, key: Key) -> bool:
        """Whether an animal was asked for; a label that names none counts where nobody was named."""
        anyone = self._scope.individuals is None and self._scope.of_subjects is None
        return self._scope.includes(*key) or (not key[1] and anyone)

    def _ordered(self, events: Iterable[Event]) -> list[Event]:
        """By session and time, cut to the window, each moment of a pair once."""
        places = {name: place for place, name in enumerate(self._scope.session_ids)}
        windows = self._windows
        named = self._scope.individuals or frozenset()
        inside = [
            event
            for event in events
            if (len(named) < 2 or not event.partner or event.partner in named)
            and event.start < event.stop
            and event.start < windows[event.session_id][1]
            and event.stop > windows[event.session_id][0]
        ]
        inside.sort(key=lambda event: (places[event.session_id], event.start, event.stop, event.individual))
        kept: list[Event] = []
        last: dict[tuple[str, str, str], Event] = {}
        for event in inside:
            if event.partner:
                twin = last.get((event.session_id, event.partner, event.individual))
                if twin is not None and twin.start < event.stop and event.start < twin.stop:
                    continue
                last[event.session_id, event.individual, event.partner] = event
            kept.append(event)
        return kept


class _Bouts:
    """Bouts of one animal by behavior, to look up what is a part of which."""

    def __init__(self, key: Key, bouts: Sequence[Lanes]) -> None:
        keys = {key, (key[0], "")}
        self._spans = [
            sorted((s.start, s.stop) for k in keys for s in lanes.spans.get(k, ())) for lanes in bouts
        ]
        self._all = {span for spans in self._spans for span in spans}

    def places(self, span: Span) -> list[int]:
        """Numbers of the bouts in which a span starts."""
        return [bisect.bisect_right(spans, (span.start, float("inf"))) for spans in self._spans]

    def has(self, span: Span) -> bool:
        """Whether a span is a whole bout."""
        return (span.start, span.stop) in self._all


def _is_place(step: Step) -> bool:
    return bool(step.terms) and all(not set(term.behaviors) - PLACES for term in step.terms)


def _either(parts: Sequence[Lanes]) -> Lanes:
    """When one of several things holds."""
    keys = {key for part in parts for key in part.spans}
    spans = {key: clustered(span for part in parts for span in part.spans.get(key, ())) for key in keys}
    known = frozenset[str]().union(*(part.known for part in parts))
    told = {
        key: unite(interval for part in parts for interval in part.told.get(key, ()))
        for key in {key for part in parts for key in part.told}
    }
    return Lanes(spans=spans, known=known, told=told)


def _edges(lanes: Lanes, edge: str, by_session: Mapping[str, TimeBase], ends: Mapping[str, float]) -> Lanes:
    """The moments of entering or leaving; being there when the recording starts is no entry, or when it ends no exit."""
    spans = {}
    for key, lane in lanes.spans.items():
        clock = by_session[key[0]]
        length = setting_frames(clock, EDGE_S) / clock.frames_per_unit
        one = 1.0 / clock.frames_per_unit
        if edge == "enter":
            spans[key] = [replace(s, stop=min(s.stop, s.start + length)) for s in lane if s.start >= one]
        else:
            end = ends[key[0]]
            spans[key] = [
                replace(s, start=max(s.start, s.stop - length / 2), stop=min(s.stop + length / 2, end))
                for s in lane
                if s.stop <= end - one
            ]
    return replace(lanes, spans=spans)


def _per_unit(unit: str, clock: TimeBase) -> float | None:
    """Factor from a session's time unit to the unit of a duration; ``None`` where there is none."""
    if unit == "frames":
        return clock.frames_per_unit if clock.fps is not None else 1.0
    return 1.0 if clock.fps is not None else None


def _pairs(
    earlier: Sequence[tuple[Span, ...]],
    lane: Sequence[Span],
    reach: float,
    slack: float,
    *,
    may_overlap: bool,
) -> Iterator[tuple[Span, ...]]:
    ends = sorted(earlier, key=lambda chain: chain[-1].start if may_overlap else chain[-1].stop)
    points = [chain[-1].start if may_overlap else chain[-1].stop for chain in ends]
    taken = -1
    for span in lane:
        place = bisect.bisect_right(points, span.start + (-1e-9 if may_overlap else slack / 2)) - 1
        if place < 0:
            continue
        chain = ends[place]
        gap = span.start - chain[-1].stop
        if gap <= reach + 1e-9 and span.stop > chain[-1].start and not (may_overlap and place == taken):
            taken = place
            yield (*chain, span)
