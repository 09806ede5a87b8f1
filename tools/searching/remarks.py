"""What must be said about how a description was read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ethochat.tools.searching.limits import ABOUT
from ethochat.tools.searching.reading import WITHIN_S, Description


def remarks(description: Description, *, decided: bool, found: bool = True) -> Iterator[str]:
    """Words that were not understood, and what the others were taken for.

    Parameters
    ----------
    decided
        Whether the tables decided what meets the description; else all words only order.
    found
        Whether there is anything to order.
    """
    if decided:
        yield from _unread(description, found=found)
    elif description.unread:
        yield f"No label, place or rule here is called {quoted(description.unread)}."
    steps = [step for step in description.steps if step.is_decidable]
    terms = [term for step in steps for term in (*step.terms, *step.without)]
    missing = [term.label for term in terms if term.is_absent]
    if missing:
        yield f"Nobody marks {quoted(missing)} here, and no rule finds it."
    unexcluded = [name for step in description.steps for name in step.unexcluded]
    if unexcluded:
        yield f"Nobody marks {quoted(unexcluded)} here, so it could not be excluded."
    for term in dict.fromkeys(term for term in terms if term.stands_for):
        yield f"Nobody marks “{term.stands_for}” here; {quoted(term.behaviors)}, of which it is a kind, was taken for it."
    if len(steps) > 1 and any(limit is None for limit in description.within):
        yield f"A next step starts at most {WITHIN_S:g} s after the one before ended, since no time was stated."
    if any(limit.about for step in steps for limit in step.limits):
        yield f"“About” is taken for {100 * ABOUT:g} % more or less."


def _unread(description: Description, *, found: bool) -> Iterator[str]:
    skipped = [step for step in description.steps if not step.is_decidable]
    if skipped and len(description.steps) > 1:
        names = quoted([step.text for step in skipped])
        yield f"Left out, since no label, place or rule here is called so: {names}."
    words = [word for step in description.steps if step not in skipped for word in step.unread]
    if words and found:
        yield f"Used to order the hits only, not to choose them: {quoted(words)}."
    elif words:
        yield f"Not understood: {quoted(words)}."


def quoted(words: Sequence[str]) -> str:
    """Words in quotation marks, each once."""
    return ", ".join(f"“{word}”" for word in dict.fromkeys(words))
