"""Nothing that was read may silently drop out of an answer: what has no place in it is asked about."""

from __future__ import annotations

import re
from typing import Any, Final

from ethochat.agent.builtin.limits import suggestions
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.reading import AskBack, Reading, Refusal, Understanding
from ethochat.agent.builtin.spans import time_left
from ethochat.agent.builtin.vocabulary import Vocabulary
from ethochat.index.words import name_stems

_AMOUNT = (
    r"(?<![\w.])(\d+(?:\.\d+)?\s*(?:mg/kg|mg|µg|kg|grams?|milliseconds?|ms|seconds?|secs?|minutes?|mins?|hours?|cm|mm|meters?|pixels?|px|%|percent|°|degrees|lux|db)"
    r"|\d+\s*(?:s|h|m)(?=[\s?.,)]|$))(?![\w/])"
)
_LENGTH_ASKED = r"\bhow many (?:centimeters?|cm|meters?|mm|millimeters?|pixels?|px)\b"
_OF_LABELS: Final = (
    "bout_count", "total_duration", "percent_time", "percent_bouts", "bout_rate", "bout_duration", "latency", "last_end", "inter_bout_interval",
)  # fmt: skip
_OF_ZONES: Final = ("zone_time", "zone_percent", "zone_entries", "zone_entry_rate", "zone_latency")
_WORDS: Final = {
    "start_s": "the time window", "stop_s": "the time window", "start_part": "the part of the recording", "stop_part": "the part of the recording",
    "bin_s": "the time bins", "windows": "the time windows", "min_bout_s": "the bout limit", "max_bout_s": "the bout limit",
    "max_distance": "the distance limit", "min_confidence": "the confidence limit", "within_s": "the time limit", "min_frames": "the number of frames",
    "keep_value": "the limit",
}  # fmt: skip
_NAMES: Final = (
    "sessions",
    "subjects",
    "individuals",
    "sources",
    "not_sources",
    "zones",
    "keypoints",
    "behaviors",
    "metrics",
    "excluding",
)
_ELSEWHERE: Final = (
    "before",
    "after",
    "followed_by",
    "during",
    "x",
    "y",
    "pair",
    "groups",
    "combine_of",
    "like",
    "name",
    "measure",
    "measures",
    "factors",
    "first",
    "second",
    "against",
    "query",
)


def amount_left(scan: Scanner) -> str | None:
    """Find an amount with a unit that no phrase took."""
    left = re.search(_AMOUNT, scan.rest, re.IGNORECASE)
    return left[1] if left is not None else None


_BARE: Final = re.compile(
    r"\b(?:between|from)\s+(?P<low>\d+(?:\.\d+)?)\s*(?:and|to|-|until)\s*(?P<high>\d+(?:\.\d+)?)(?![\w.:])(?!\s*(?:%|°|mg|kg|g\b|cm|mm|m\b|px|pixels?|years?|weeks?|days?|months?))",
    re.IGNORECASE,
)


def _without_unit(scan: Scanner, vocabulary: Vocabulary) -> str | None:
    """Find "between 5 and 10", which has no unit, unless these are names of the experiment."""
    found = _BARE.search(scan.rest)
    if found is None or any(name_stems(found[end]) in vocabulary.entries for end in ("low", "high")):
        return None
    return found.group()


def unused(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """Ask about amounts that no phrase took, and refuse what a measure cannot heed."""
    if reading.intent == "search":
        return reading
    unknown = None if reading.intent in ("facts", "plot") else _not_computed(reading, scan, vocabulary)
    if unknown is not None:
        return unknown
    return _unheeded(reading, scan, vocabulary) or reading


def _unread_amount(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> str | None:
    """What to ask about a time or an amount that no phrase took."""
    time = time_left(scan)
    if time is not None and reading.intent != "facts":
        return f"Which part of the recordings does “{time}” mean? Please give the time window in seconds or minutes, one window or several."
    bare = _without_unit(scan, vocabulary)
    if bare is not None and reading.intent in ("measure", "compare"):
        return f"In which unit is “{bare}”: seconds, minutes, or something else?"
    left = amount_left(scan)
    if left is not None and reading.intent in ("measure", "compare", "clips", "transitions", "correlate"):
        return f"What does “{left}” limit: the bouts, the recording, or the value itself?"
    return None


def _unheeded(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding | None:
    """Amounts, points and metrics beside those that the measure takes."""
    slots = reading.slots
    unread = _unread_amount(reading, scan, vocabulary)
    if unread is not None:
        return AskBack(unread, (), reading)
    if slots.get("measure") in _OF_LABELS and slots.get("behaviors") and scan.has(_LENGTH_ASKED):
        reason = "Labels of a behavior say when it happens, not how far or how high."
        return Refusal(reason, suggestions(vocabulary))
    if reading.intent in ("measure", "compare") and slots.get("keypoints"):
        return _about_points(reading, vocabulary)
    if reading.intent in ("measure", "compare") and len(slots.get("metrics", ())) > 1:
        return AskBack("Which of them do you mean? One is given at a time.", tuple(slots["metrics"]), reading)
    return None


def _not_computed(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding | None:
    """Parts of a question that no argument holds: ratios of unlike things, times after another behavior."""
    if reading.slots.get("window_unit") == "frames" and not vocabulary.in_frames:
        question = "From when to when, in seconds or minutes? These recordings have a frame rate, and windows are given in time."
        return AskBack(question, (), reading)
    if reading.slots.get("window_unit") == "s" and vocabulary.in_frames:
        reason = "The frame rate is not documented, so times in seconds cannot be found; a window can be given in frames."
        return Refusal(reason, suggestions(vocabulary))
    if str(reading.slots.get("uncombined")).startswith("time when"):
        reason = "Only what all of them do at once can be measured, or what each does, not what some of them do at once."
        return Refusal(reason, suggestions(vocabulary))
    if reading.slots.get("uncombined"):
        return AskBack(
            f"Which two values make the {reading.slots['uncombined']}? Each can be asked for by itself.",
            (),
            reading,
        )
    after = r"\bhow (?:long|soon|much time|many \w+) after\b[^?]*BEHAVIOR[^?]*BEHAVIOR"
    if reading.slots.get("measure") == "latency" and re.search(after, scan.named, re.IGNORECASE):
        reason = "A latency counts from the start of the recording, not from another behavior; clips of one followed by the other can be shown."
        return Refusal(reason, suggestions(vocabulary))
    return None


def _about_points(reading: Reading, vocabulary: Vocabulary) -> Understanding:
    """Zones and labels are about the animal as a whole."""
    slots = reading.slots
    names = ", ".join(slots["keypoints"])
    said = {part for name in slots.get("behaviors", ()) for part in name_stems(name)}
    if all(set(name_stems(name)) <= said for name in slots["keypoints"]):
        return reading  # the behavior itself is about that point
    if slots.get("measure") in _OF_LABELS:
        return Refusal(f"Labels are about the whole animal, not about {names}.", suggestions(vocabulary))
    if slots.get("measure") in _OF_ZONES and not re.search(r"cent|body|mid", names, re.IGNORECASE):
        reason = f"Zones are told by the animal's body center, not by {names}."
        return Refusal(reason, suggestions(vocabulary))
    return reading


def dropped(reading: Reading, arguments: dict[str, Any]) -> list[str]:
    """Name what was read and is not among the arguments of the call.

    Parameters
    ----------
    arguments
        As they are sent to the tool.
    """
    if reading.intent in ("facts", "search"):
        return []
    sent = repr([arguments.get(key) for key in (*_NAMES, *_ELSEWHERE, "where", "unit")])
    lost = [
        str(name) for key in _NAMES for name in reading.slots.get(key) or () if repr(name)[1:-1] not in sent
    ]
    lost += [
        words
        for key, words in _WORDS.items()
        if reading.slots.get(key) is not None and key not in arguments and reading.slots[key] != 0
    ]
    conditions = [
        item for item in reading.slots.get("where") or () if item not in (arguments.get("where") or ())
    ]
    lost += [f"{item['column']} {item['value']}" for item in conditions]
    return list(dict.fromkeys(lost))
