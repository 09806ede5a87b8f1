"""How a quantity goes over a recording: windows beside one another, time bins, and time as what is compared."""

from __future__ import annotations

import re
from typing import Any, Final

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.reading import Intent
from ethochat.agent.builtin.vocabulary import Vocabulary

_SESSION: Final = r"(?:session|recording|trial|test|experiment|video|time|minutes?|bins?)s?"
_CHANGE: Final = (
    r"(?:chang|develop|evolv|declin|increas|decreas|drop|fall|ris|grow|habituat|progress|var|shift|differ)\w*"
)
COURSE: Final = (
    r"\bover (?:the )?(?:course of )?(?:the )?time\b|\btime[- ]?courses?\b|\btemporal(?:ly)? (?:profile|pattern|dynamics|course|evolution)s?\b|\bas time (?:goes|passes)\b"
    rf"|\b{_CHANGE}[^?.]{{0,50}}\b(?:during|across|over|throughout|along|within|with) (?:the )?(?:course of )?(?:the )?{_SESSION}\b"
    rf"|\b(?:during|across|over|throughout|along) (?:the )?(?:course of )?(?:the )?{_SESSION}\b[^?.]{{0,50}}\b{_CHANGE}\b"
    r"|\bhabituat\w*\b|\b(?:minute|bin) by (?:minute|bin)\b"
)
"""The course of a quantity over the recording, with or without a word for how it changes."""
_TESTED: Final = rf"\b(?:chang|declin|increas|decreas|drop|fall|fell|ris|rose|grow|habituat|shift|differ)\w*\b|{lexicon.COMPARE}|\bstable\b|\bconstant\b"
_TIME_FACTOR: Final = r"(?:\b(?:x|by|and|with|over)|-|\*) (?:the )?time\b|\btime (?:interaction|effect|factor|points?|x|by)\b|\bminutes?\b|\bbins?\b|\bcourses?\b|\bhabituat\w*\b|\bover the session\b"


# ----------------------------------------------------------------- reading
def read_course(scan: Scanner) -> None:
    """Read "over time", "habituate", "decline during the session"."""
    apart = bool(scan.slots.get("windows")) or _two_bins(scan.slots)
    if not apart and not matches(COURSE, scan.text):
        return
    if not scan.slots.get("windows") and matches(COURSE, scan.text):
        scan.slots["course"] = True
    for match in re.finditer(
        rf"\b(?:{_CHANGE}|courses?|temporal\w*|profiles?|throughout|across)\b", scan.rest, re.IGNORECASE
    ):
        scan.blank(match.start(), match.end())


# ----------------------------------------------------------------- what is asked
def intent_of_time(scan: Scanner, vocabulary: Vocabulary) -> Intent | None:
    """Time as what is compared: windows or bins of the same animals, or the course of one group beside another's."""
    slots = scan.slots
    apart = "windows" in slots or "course" in slots or _two_bins(slots)
    if not apart or slots.get("sessions") or slots.get("subjects"):
        return None
    columns = {*slots.get("columns", ()), *slots.get("values", {})} & set(vocabulary.columns)
    groups = {
        name
        for name in columns
        if name in slots.get("columns", ()) or len(slots.get("values", {}).get(name, ())) > 1
    }
    between = bool(groups) or scan.has(
        r"\b(?:between|of|in|by|per|for) (?:the )?(?:two |both |each )?(?:groups?|conditions?|treatments?)\b"
    )
    tested = scan.has(_TESTED)
    if tested and _two_bins(slots):
        _beside_one_another(slots)
    if not between:
        return "compare" if tested else None
    return "two_factors" if tested and "course" in slots else None


def _two_bins(slots: dict[str, Any]) -> bool:
    """Whether bins are two neighboring windows: "the first 5 min versus the next 5 min"."""
    if "bin_s" not in slots or slots.get("stop_s") is None:
        return False
    return bool(slots["stop_s"] - (slots.get("start_s") or 0.0) == 2 * slots["bin_s"])


def _beside_one_another(slots: dict[str, Any]) -> None:
    """Take two bins that are compared as two windows: there is no course over two points."""
    start, width, stop = slots.pop("start_s", None) or 0.0, slots.pop("bin_s"), slots.pop("stop_s")
    slots["windows"] = [
        {"start_s": start, "stop_s": start + width},
        {"start_s": start + width, "stop_s": stop},
    ]


def is_time_factor(scan: Scanner) -> bool:
    """Whether an interaction with time is asked for."""
    return scan.has(_TIME_FACTOR)


def complete_course(slots: dict[str, Any], vocabulary: Vocabulary) -> None:
    """Give a course its bins, unless the question did."""
    if slots.pop("course", False) and "bin_s" not in slots and not slots.get("windows"):
        slots["bin_s"] = bin_width(vocabulary.length)


_WIDTHS: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_MOST_BINS: Final = 10


def bin_width(length: float | None) -> float:
    """Width of time bins for recordings of a length: a round one that gives ten bins at most; a minute where it is unknown."""
    if length is None:
        return 60.0
    return next((width for width in _WIDTHS if length / width <= _MOST_BINS), length / _MOST_BINS)
