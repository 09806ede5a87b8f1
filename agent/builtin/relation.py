"""Two quantities that are related: what stands on each side of "and", "with", "against", "on"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from ethochat.agent.builtin.counting import counted_or_timed
from ethochat.agent.builtin.names import fill_names
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.quantities import choose_measure
from ethochat.agent.builtin.vocabulary import Vocabulary

_BETWEEN: Final = (
    r"\b(?:correlat\w+|associat\w+|relat\w+|depend\w*|predict\w*|regress\w*|go(?:es)?|linked|vary|varies|scal\w+|increas\w+|decreas\w+|rise\w*|fall\w*|grow\w*)"
    r"(?:\s+(?:significantly|linearly|positively|negatively|strongly|up|down|together|linked|related))*\s*(?:with|to|on|from|by)?\b|\b(?:and|with|against|versus|vs\.?|also|on|to|from|as)\b|,"
)
_KEPT: Final = ("measure", "behaviors", "sources", "zones", "keypoints")


def two_sides(scan: Scanner, vocabulary: Vocabulary) -> list[dict[str, Any]]:
    """Quantities on both sides of the word that relates them; empty where no word has one on either side.

    Returns
    -------
    list of dict
        Two quantities, as the arguments of the tool have them, or none.
    """
    text = scan.cues
    for match in _dividers(text):
        parts = text[: match.start()], text[match.end() :]
        sides = [_quantity(part, scan, vocabulary) for part in parts]
        if all(sides) and sides[0] != sides[1]:
            return sides
    return []


def two_raters(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> list[dict[str, Any]]:
    """One quantity as two people scored it: "correlate Kim's and Lee's grooming time"."""
    sources = [name for name in slots.get("sources", ()) if name not in vocabulary.trackers]
    if len(sources) != 2 or not slots.get("behaviors"):
        return []
    own: dict[str, Any] = {"behaviors": slots["behaviors"], "sources": sources}
    choose_measure(own, scan, vocabulary)
    shared = {key: own[key] for key in ("measure", "behaviors") if own.get(key)}
    slots.pop("sources")
    return [{**shared, "sources": [name]} for name in sources]


def _dividers(text: str) -> Iterator[re.Match[str]]:
    """Where a question may be cut in two: verbs of relation first, then the small words, those in the middle first."""
    found = list(re.finditer(_BETWEEN, text, re.IGNORECASE))
    middle = len(text) / 2
    yield from sorted(found, key=lambda match: (len(match.group()) < 6, abs(match.start() - middle)))


def _quantity(part: str, scan: Scanner, vocabulary: Vocabulary) -> dict[str, Any]:
    """What one side measures; empty where it names nothing. A rater named anywhere scored both."""
    side = Scanner(part)
    fill_names(vocabulary.link(part), side, vocabulary)
    own = side.slots
    if own.get("behaviors") and not own.get("sources") and len(scan.slots.get("sources", ())) == 1:
        own["sources"] = list(scan.slots["sources"])
    numeric = [name for name in own.get("columns", ()) if name in vocabulary.numeric_columns]
    if numeric and not own.get("behaviors") and not own.get("metrics") and not own.get("zones"):
        return {"measure": numeric[0]}
    choose_measure(own, side, vocabulary)
    if own.get("measure_guessed") and own["measure"] == "total_duration":
        own["measure"] = counted_or_timed(scan, vocabulary) or own["measure"]
    if not own.get("behaviors"):  # raters score behaviors; what was tracked or came with the data is nobody's
        own["sources"] = [name for name in own.get("sources", ()) if name in vocabulary.trackers]
    return {key: own[key] for key in _KEPT if own.get(key)} if own.get("measure") else {}
