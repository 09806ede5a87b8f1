"""What comes nearest where nothing meets a description: which condition stands in the way, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from ethochat.tools.searching.events import Evaluator, Event
from ethochat.tools.searching.reading import Description, Step
from ethochat.tools.wording import number, some

_EVER: Final = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class _Easier:
    """The description with one condition less."""

    what: str
    """The condition that was left out."""
    description: Description
    nearest: Callable[[Event], float] | None = None
    """Smallest for the event that misses the condition by least."""
    told: Callable[[Event], str] | None = None
    """How far that event is from it."""


def nearest_miss(evaluator: Evaluator, description: Description, unit: str) -> str | None:
    """Say in a sentence what the closest events lack; ``None`` where each condition alone is met by nothing.

    Parameters
    ----------
    unit
        Of the sessions' times.
    """
    for easier in _easier(description, unit):
        events = evaluator.find(easier.description).found
        if not events:
            continue
        best = min(events, key=easier.nearest) if easier.nearest is not None else events[0]
        about = f": {easier.told(best)}" if easier.told is not None else ""
        return (
            f"Nearest miss: without “{easier.what}” there {'is' if len(events) == 1 else 'are'} {some(len(events), 'event')}, "
            f"such as {best.session_id} {number(best.start)}–{number(best.stop)} {unit}{about}."
        )
    return None


def _easier(description: Description, unit: str) -> Iterator[_Easier]:
    """The description without each of its conditions, those that are a matter of degree first."""
    yield from _without_limits(description, unit)
    if len(description.steps) > 1:
        yield _Easier(
            what="the time between the steps",
            description=replace(description, within=tuple(_EVER for _ in description.steps[1:])),
            nearest=_gap,
            told=lambda event: f"{number(_gap(event))} {unit} apart",
        )
    yield from _without_terms(description)
    if len(description.steps) > 1:
        yield from _without_steps(description)


def _without_limits(description: Description, unit: str) -> Iterator[_Easier]:
    for place, step in enumerate(description.steps):
        for limit in step.limits:
            left = replace(step, limits=tuple(item for item in step.limits if item is not limit))
            if not left.is_decidable:
                continue
            easier = _Easier(what=limit.words(), description=_with(description, place, left))
            if limit.quantity == "duration" and len(description.steps) == 1:
                easier = replace(
                    easier,
                    nearest=_longest if limit.low is not None else _shortest,
                    told=lambda event: f"it lasts {number(event.stop - event.start)} {unit}",
                )
            yield easier


def _without_terms(description: Description) -> Iterator[_Easier]:
    for place, step in enumerate(description.steps):
        for term in step.without:
            left = replace(step, without=tuple(item for item in step.without if item is not term))
            if left.is_decidable:
                yield _Easier(what=f"not {term.label}", description=_with(description, place, left))
        for term in reversed(step.terms):
            left = replace(step, terms=tuple(item for item in step.terms if item is not term), edge=None)
            if left.is_decidable:
                yield _Easier(what=term.label, description=_with(description, place, left))


def _without_steps(description: Description) -> Iterator[_Easier]:
    steps = description.steps
    for place in reversed(range(len(steps))):
        kept = (*steps[:place], *steps[place + 1 :])
        pauses = (*description.within[: max(place - 1, 0)], *description.within[max(place, 1) :])
        if any(step.is_decidable for step in kept):
            yield _Easier(
                what=f"then {steps[place].text}" if place else f"first {steps[place].text}",
                description=replace(description, steps=kept, within=pauses),
            )


def _with(description: Description, place: int, step: Step) -> Description:
    return replace(description, steps=(*description.steps[:place], step, *description.steps[place + 1 :]))


def _longest(event: Event) -> float:
    return event.start - event.stop


def _shortest(event: Event) -> float:
    return event.stop - event.start


def _gap(event: Event) -> float:
    """Longest pause between the steps of an event."""
    pairs = zip(event.parts, event.parts[1:], strict=False)
    return max((max(0.0, later.start - earlier.stop) for earlier, later in pairs), default=0.0)
