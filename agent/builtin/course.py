"""How a quantity goes over a recording: windows beside one another, time bins, and time as what is compared."""

from __future__ import annotations

import itertools
import re
from typing import Any, Final

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.phrases import NUMBER, ORDINALS, TIME_UNIT, Scanner, seconds
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
_WINDOW: Final = (
    rf"\b(?:the\s+)?(?:(?P<which>first|initial|opening|next|following|second|last|final)\s+(?P<width>{NUMBER})\s*-?\s*(?P<unit>{TIME_UNIT})\b"
    rf"|(?P<ordinal>{'|'.join(ORDINALS)}|last|final)\s+minute\b(?!s)"
    rf"|minutes?\s+(?P<from>\d+)\s*(?:-|to|through)\s*(?P<to>\d+)\b"
    rf"|(?P<low>\d+(?:\.\d+)?)\s*(?:-|to)\s*(?P<high>\d+(?:\.\d+)?)\s*(?P<range_unit>{TIME_UNIT})\b"
    r"|minute\s+(?P<minute>\d+)\b)"
)
_JOINED: Final = r"^[^?;]{0,50}?(?:\band\b|\bvs\.?|\bversus\b|\bwith\b|\bto\b|\bthan\b|\bor\b|,|\bcompared\b|\bfrom\b)[^?;]{0,30}$"
Window = tuple[float | None, float | None]


# ----------------------------------------------------------------- reading
def read_windows(scan: Scanner) -> None:
    """Read "the first 5 min and the last 5 min", "minute 1 vs minute 10", "0-60 s compared with 120-180 s"."""
    if "bin_s" in scan.slots:
        return
    found = list(re.finditer(_WINDOW, scan.rest, re.IGNORECASE))
    gaps = [scan.rest[a.end() : b.start()] for a, b in itertools.pairwise(found)]
    if not gaps or not all(re.match(_JOINED, gap, re.IGNORECASE) for gap in gaps):
        return
    windows: list[Window] = []
    for match in found:
        window = _window_of(match, windows[-1] if windows else None)
        if window is None or window in windows:
            return
        windows.append(window)
    for match in found:
        scan.blank(match.start(), match.end())
    scan.slots["windows"] = [{"start_s": start, "stop_s": stop} for start, stop in windows]


def _window_of(match: re.Match[str], before: Window | None) -> Window | None:
    """Start and end of one window; negative from the end of the session."""
    if match["which"]:
        return _counted(match["which"].lower(), seconds(match["width"], match["unit"]), before)
    if match["range_unit"]:
        low, high = (seconds(match[name], match["range_unit"]) for name in ("low", "high"))
        return None if low is None or high is None or low >= high else (low, high)
    word = (match["ordinal"] or "").lower()
    if word in ("last", "final"):
        return -60.0, None
    first = ORDINALS.index(word) + 1 if word else int(match["minute"] or match["from"])
    return 60.0 * (first - 1), 60.0 * int(match["to"] or first)


def _counted(which: str, width: float | None, before: Window | None) -> Window | None:
    """Windows by their length: "the first 5 min", "the next 5 min", "the last 30 s"."""
    if not width:
        return None
    if which in ("last", "final"):
        return -width, None
    if which in ("next", "following", "second"):
        return None if before is None or before[1] is None else (before[1], before[1] + width)
    return 0.0, width


def read_course(scan: Scanner) -> None:
    """Read "over time", "habituate", "decline during the session"."""
    if not matches(COURSE, scan.text) or scan.slots.get("windows"):
        return
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
    if not between:
        return "compare" if tested else None
    return "two_factors" if tested and "course" in slots else None


def _two_bins(slots: dict[str, Any]) -> bool:
    """Whether bins are two neighboring windows: "the first 5 min versus the next 5 min"."""
    if "bin_s" not in slots or slots.get("stop_s") is None:
        return False
    return bool(slots["stop_s"] - (slots.get("start_s") or 0.0) == 2 * slots["bin_s"])


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
