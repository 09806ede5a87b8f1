"""Two quantities that are related: what stands on each side of "and", "with", "against", "on"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

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
        sides = [_quantity(part, vocabulary) for part in (text[: match.start()], text[match.end() :])]
        if all(sides) and sides[0] != sides[1]:
            return sides
    return []


def _dividers(text: str) -> Iterator[re.Match[str]]:
    """Where a question may be cut in two: verbs of relation first, then the small words, those in the middle first."""
    found = list(re.finditer(_BETWEEN, text, re.IGNORECASE))
    middle = len(text) / 2
    yield from sorted(found, key=lambda match: (len(match.group()) < 6, abs(match.start() - middle)))


def _quantity(part: str, vocabulary: Vocabulary) -> dict[str, Any]:
    """What one side measures; empty where it names nothing."""
    side = Scanner(part)
    fill_names(vocabulary.link(part), side, vocabulary)
    own = side.slots
    numeric = [name for name in own.get("columns", ()) if name in vocabulary.numeric_columns]
    if numeric and not own.get("behaviors") and not own.get("metrics") and not own.get("zones"):
        return {"measure": numeric[0]}
    choose_measure(own, side, vocabulary)
    return {key: own[key] for key in _KEPT if own.get(key)} if own.get("measure") else {}
