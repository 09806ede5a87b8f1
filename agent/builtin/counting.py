"""Whether a behavior is counted, timed or given as a rate: what the words around its name say."""

from __future__ import annotations

import re
from typing import Final

from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.vocabulary import Vocabulary
from ethochat.index.words import atoms

_PER_MINUTE: Final = r"(?:\b(?:per|each|every|a)\s+|/\s*)min(?:ute)?s?\b"
_EVENTS: Final = (
    r"\b(?:bouts?|events?|episodes?|times|counts?|numbers?|frequen\w+|rates?|often|occurrences?)\b"
)
_TIMED: Final = (
    r"\bhow long\b|\btimes? (?:spent|of|in|on|doing|at|for)\b|\bspen[dt]s?\b|\bdurations?\b|\blengths?\b|\bseconds?\b|\bminutes? (?:of|spent)\b|\bframes?\b|\bhow much\b"
    r"|\btotal time\b|\btime\b|\blong(?:er|est)?\b|\bshort(?:er|est)?\b|\blast(?:s|ed|ing)?\b|\blatenc\w+|\bpercent\w*\b|%|\bintervals?\b"
)
_SOONER: Final = r"\b(?:earlier|sooner|later)\b(?! than (?:minute|second|\d))"
_COUNTED: Final = r"\b(?:count(?:s|ed|ing)?|number|numbers|tally|tallied|how many|how often|occurrences?)\b"
_DOER: Final = re.compile(
    r"(?:\b(?:mouse|mice|rat|rats|animal|animals|subject|subjects|it|he|she|they|who|which|that|male|female|males|females|also|ever|never|not|to)|(?<!than )(?<!least )(?<!most )(?<!exactly )\b[A-Za-z]*\d+)\s*$",
    re.IGNORECASE,
)


def counted_or_timed(scan: Scanner, vocabulary: Vocabulary) -> str | None:
    """Measure that the words for a behavior mean; ``None`` where they leave it open.

    "Grooms per minute" is a rate, "rears" and "grooming counts" are numbers, "starts grooming earlier" is a latency.
    """
    text = scan.cues
    plural = names_events(scan, vocabulary)
    if (
        matches(_PER_MINUTE, text)
        and (plural or matches(_EVENTS, text))
        and not matches(r"\bminute by minute\b", text)
    ):
        return "bout_rate"
    if matches(_SOONER, text):
        return "latency"
    if matches(_COUNTED, text) and not matches(r"\bhow many (?:seconds|minutes|frames|hours)\b", text):
        return "bout_count"
    # The limit took the noun with it: "bouts of at least 2 s".
    limited = scan.slots.get("min_bout_s") is not None or scan.slots.get("max_bout_s") is not None
    if limited and matches(r"\b(?:bouts|episodes|events)\b", scan.text) and not matches(_TIMED, text):
        return "bout_count"
    return "bout_count" if plural and not matches(_TIMED, text) else None


def names_events(scan: Scanner, vocabulary: Vocabulary) -> bool:
    """Whether a behavior is named by the plural of a noun: "wall rears", "total jumps", but not "M3 rears"."""
    words = atoms(scan.text)
    for mention in vocabulary.link(scan.text):
        if mention.entry.kind not in ("behavior", "category"):
            continue
        last, name = words[mention.stop - 1].text.lower(), mention.entry.name.lower()
        before = scan.text[: words[mention.start].start]
        if (
            last.endswith("s")
            and not last.endswith("ss")
            and not name.endswith("s")
            and not (last.endswith("ers") and name.endswith("ing"))  # "the top groomers" are animals
            and not _DOER.search(before)
        ):
            return True
    return False
