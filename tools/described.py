"""Measures of what a description in words means: how often it happens to an animal, and for how long."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from ethochat.index.behaviors.bouts import clip_intervals, total
from ethochat.index.behaviors.rules import RULES
from ethochat.tools.arguments import SearchArguments
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.rows import Call, Kind, Measured, Row, bins_of
from ethochat.tools.searching.events import Evaluator, Event, Events
from ethochat.tools.searching.finding import Query, understand_query
from ethochat.tools.searching.remarks import remarks
from ethochat.tools.selection import Scope

Name = Literal["event_count", "event_rate", "event_duration", "event_percent"]

_UNITS: Final[dict[Name, str]] = {
    "event_count": "events", "event_rate": "events/min", "event_duration": "s", "event_percent": "%",
}  # fmt: skip
_KINDS: Final[dict[Name, Kind]] = {
    "event_count": "additive", "event_rate": "ratio", "event_duration": "additive", "event_percent": "ratio",
}  # fmt: skip


def described_measure(call: Call, name: Name) -> Measured:
    """Count or time the events that a description means, animal by animal.

    Raises
    ------
    ToolRetryError
        When there is no description, or it names nothing that the tables can decide.
    """
    arguments = call.arguments
    if not (arguments.described or "").strip():
        raise ToolRetryError(f"{name} needs a description of the events in `described`.")
    asked = SearchArguments(query=arguments.described or "", sources=arguments.sources)
    whole = dataclasses.replace(call.scope, start=None, stop=None, start_part=None, stop_part=None)
    query = understand_query(call.context, whole, asked)
    if not query.is_decidable or query.description.absent:
        raise ToolRetryError(
            f"{arguments.described!r} names nothing that can be counted: no label, place, speed or rule of this experiment."
        )
    events = Evaluator(call.context, whole, query.of_hits).find(query.description)
    unit = call.scope.time_unit()
    if name == "event_rate" and unit == "frames":
        raise ToolFailedError("The frame rate is not documented, so a rate per minute cannot be given.")
    rows = list(_rows(call, name, events))
    return Measured(
        name=name,
        unit=unit if _UNITS[name] == "s" else _UNITS[name],
        kind=_KINDS[name],
        rows=rows,
        flags=tuple(_flags(query, events)),
        time_unit=unit,
        instead={"event_count": "event_rate", "event_duration": "event_percent"}.get(name),
    )


def _flags(query: Query, events: Events) -> Iterator[str]:
    yield f"Events: {query.description.text}."
    yield from events.flags
    yield from remarks(query.description, decided=True)


def _rows(call: Call, name: Name, events: Events) -> Iterator[Row]:
    by_animal: dict[tuple[str, str], list[Event]] = {}
    for event in events.found:
        for individual in _whose(event):
            by_animal.setdefault((event.session_id, individual), []).append(event)
    for session in call.scope.sessions.iter_rows(named=True):
        session_id, duration = session["session_id"], session["duration"]
        if session_id not in events.known or duration is None:
            continue
        bins = bins_of(call.scope.window(session), duration, call.arguments.bin_s)
        for individual in _animals(call.scope, session_id, by_animal):
            mine = by_animal.get((session_id, individual), [])
            if not individual:
                mine = [event for event in events.found if event.session_id == session_id]
            for index, start, stop in bins:
                looked = events.watched((session_id, individual), start, stop) if stop > start else []
                if looked:
                    yield _row(
                        call, name, (session_id, individual), mine, (index, start, stop), total(looked)
                    )


def _whose(event: Event) -> tuple[str, ...]:
    """Whose an event is: of both where two animals do the same to each other, such as being near."""
    rules = [RULES.get(part.behavior) for part in event.parts]
    mutual = all(
        rule.symmetric if rule is not None else not part.behavior
        for rule, part in zip(rules, event.parts, strict=True)
    )
    return (event.individual, event.partner) if event.partner and mutual else (event.individual,)


def _animals(scope: Scope, session_id: str, having: dict[tuple[str, str], list[Event]]) -> Sequence[str]:
    """Animals of a session that were asked for; where a label names none, the session stands for its animals."""
    if (session_id, "") in having:
        return [""]
    known = [name for owner, name in scope.subjects if owner == session_id and scope.includes(owner, name)]
    named = [name for name in known if name]
    return named or [""]


def _row(  # noqa: PLR0917 - what was found, where and how long was looked
    call: Call,
    name: Name,
    key: tuple[str, str],
    events: Sequence[Event],
    part: tuple[int, float, float],
    looked: float,
) -> Row:
    index, start, stop = part
    n = float(sum(start <= event.start < stop for event in events))
    lasted = total(clip_intervals([(event.start, event.stop) for event in events], start, stop))
    minutes = looked / 60.0
    values: dict[Name, tuple[float, tuple[float, float] | None]] = {
        "event_count": (n, None),
        "event_rate": (n / minutes, (n, minutes)),
        "event_duration": (lasted, None),
        "event_percent": (100.0 * lasted / looked, (100.0 * lasted, looked)),
    }
    value, shares = values[name]
    return Row(
        session_id=key[0],
        individual=key[1],
        subject_id=call.scope.subject_of(*key),
        bin_index=index,
        bin_start=start if call.arguments.bin_s is not None else None,
        value=value,
        parts=shares,
        observed=looked,
        n_rows=len(events),
    )
