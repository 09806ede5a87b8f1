"""How a question continues the one before: "and the females?", "and only between 120 and 360 s?"."""

from __future__ import annotations

import re
from typing import Any

from ethochat.agent.builtin.designs import MATRIX
from ethochat.agent.builtin.lexicon import FOLLOW_UP, ZONE_MEASURES, matches
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.reading import Reading
from ethochat.agent.builtin.searching import search_arguments
from ethochat.agent.builtin.vocabulary import Vocabulary

ASKED_BACK = "asked_back"
"""Slot of a reading that the user was asked to complete."""
_WHO = ("sessions", "subjects", "individuals", "pair", "where", "values")
_WHAT = (
    "behaviors",
    "category",
    "metrics",
    "zones",
    "keypoints",
    "measure",
    "before",
    "after",
    "metric_for_behaviors",
    "described",
)
_HOW = (
    "sources", "start_s", "stop_s", "start_part", "stop_part", "bin_s", "windows", "min_bout_s", "max_bout_s", "strict", "min_confidence", "interpolate", "max_distance",
    "distance_unit", "min_frames", "group_by", "group_column", "groups", "paired", "statistics",
    "of", "factors", "test", "margin", "margin_unit", "control", "focus", "effect", "difference", "difference_unit", "wanted_power", "alpha", "correct_by",
)  # fmt: skip
_ANYHOW = ("sources", "start_s", "stop_s", "start_part", "stop_part", "min_confidence", "interpolate")
WINDOW_SLOTS: tuple[str, ...] = ("start_s", "stop_s", "start_part", "stop_part", "windows")
"""What says which part of the recordings is meant, all of it together."""
_KINDS_THAT_STAY = ("compare", "family", "two_factors", "power", "plot")
_NEEDS_BEHAVIOR = (
    "bout_count",
    "total_duration",
    "percent_time",
    "bout_rate",
    "latency",
    "inter_bout_interval",
    "bout_duration",
    "last_end",
)


def merge_previous(
    reading: Reading, previous: Reading | None, scan: Scanner, vocabulary: Vocabulary
) -> Reading:
    """Complete a follow-up question from the turn before; a question that stands alone is returned as it is."""
    if previous is not None and _narrows_the_search(reading, previous, scan, vocabulary):
        return reading
    if previous is None or not (_continues(reading, scan) or previous.slots.get(ASKED_BACK)):
        return reading
    slots, before = reading.slots, previous.slots
    if _counts_what_was_searched(reading, previous, scan):
        return reading
    if (
        previous.intent == "clips"
        and matches(_NUMBERS_OF, scan.text)
        and _says_nothing_new_to_measure(reading)
    ):
        _measure_the_clips(reading, before, scan)
    _shows_clips_of_before(reading, before, scan)
    if _keeps_the_kind(reading, previous, scan):
        reading.intent = previous.intent
        _split_becomes_groups(slots, before)
    _settle_measure(slots, before, scan)
    _enters_the_zone_of_before(slots, before, scan)
    _carry_what_is_measured(reading, previous)
    if reading.intent == "compare" and previous.intent == "compare":
        _inherit(slots, before, ("group_column", "groups", "paired"))
    _leaves_out_more(slots, before)
    if not any(slots.get(key) for key in ("sessions", "subjects", "individuals")):
        _inherit(slots, before, _WHO)
    elif not slots.get("where"):
        _inherit(slots, before, ("where",))
    if reading.intent == "correlate" and previous.intent == "correlate":
        _inherit(slots, before, ("x", "y", "method"))
        if matches(
            r"\b(?:per|by|within|in each|for each)\b[^?]*\b(?:groups?|conditions?|treatments?)\b", scan.text
        ):
            slots["group_column"] = next(iter(slots.get("columns", ())), None)
    _inherit(slots, before, _how_goes_on(reading, previous))
    if slots.get("sessions") and len(slots["sessions"]) == 1 and slots.get("group_by") == ["session_id"]:
        del slots["group_by"]
    return reading


def _carry_what_is_measured(reading: Reading, previous: Reading) -> None:
    """Take over the quantity, or the behaviors and points that this turn's own quantity lacks."""
    slots, before = reading.slots, previous.slots
    if _says_nothing_new_to_measure(reading):
        if reading.intent in ("measure", "facts", "search") and not (
            slots.get("statistics") and slots.get("where")
        ):
            reading.intent = previous.intent
        _inherit(slots, before, _WHAT)
        if (
            slots.get("measure") in _NEEDS_BEHAVIOR
            and not slots.get("behaviors")
            and before.get("metric_for_behaviors")
        ):
            slots["behaviors"] = before["metric_for_behaviors"]  # "the count": of what the metric was about
            slots.pop("metrics", None)
    elif slots.get("measure") in _NEEDS_BEHAVIOR and not slots.get("behaviors"):
        _inherit(slots, before, ("behaviors", "category"))
        if "behaviors" not in slots and before.get("metric_for_behaviors"):
            slots["behaviors"] = before["metric_for_behaviors"]
    elif slots.get("measure") in ("pair_distance", "time_near", "percent_near") and not slots.get(
        "keypoints"
    ):
        _inherit(slots, before, ("keypoints",))


def _how_goes_on(reading: Reading, previous: Reading) -> tuple[str, ...]:
    """Slots on how to measure that go on; this turn's window replaces the one before, and windows and bins each other."""
    slots = reading.slots
    same = reading.intent in (previous.intent, "plot")
    settled = WINDOW_SLOTS if any(slots.get(key) is not None for key in WINDOW_SLOTS) else ()
    settled += ("bin_s",) if slots.get("windows") else ()
    settled += ("windows",) if slots.get("bin_s") else ()
    return tuple(key for key in (_HOW if same else _ANYHOW) if key not in settled)


def _leaves_out_more(slots: dict[str, Any], before: dict[str, Any]) -> None:
    """Add "and without T_1?" to the conditions of the turn before instead of putting it in their place."""
    own = slots.get("where", [])
    if not slots.get("leaves_out"):
        # "and the females?": what was left out before stays so
        if own and not (slots.get("sessions") or slots.get("subjects")):
            named = {item["column"] for item in own}
            slots["where"] = own + [
                item
                for item in before.get("where") or ()
                if item["op"] in ("!=", "not in") and item["column"] not in named
            ]
        return
    slots["where"] = [item for item in before.get("where") or () if item not in own] + own
    slots["leaves_out"] = bool(slots["where"])


_SHOW = (
    r"^\W*(?:and |now |please |ok(?:ay)? |can you |could you )*(?:show|play|list|give|find|see)\s+(?:me\s+)?"
    r"(?:all |some |of |the |these |those |them|three |\d+ )*(?:clips?|bouts?|episodes?|moments?|videos?|footage)?(?: please)?\W*$"
)


def _shows_clips_of_before(reading: Reading, before: dict[str, Any], scan: Scanner) -> None:
    """Read "show me the clips": those of what was just counted."""
    if (
        reading.intent in ("search", "clips", "measure", "facts")
        and before.get("behaviors")
        and matches(_SHOW, scan.text)
    ):
        reading.intent = "clips"
        for key in ("measure", "query", "statistics", "topic", "measure_guessed"):
            reading.slots.pop(key, None)
        _inherit(reading.slots, before, ("behaviors",))


_COUNTED: tuple[tuple[str, str], ...] = (
    (r"\bper ?cent\w*\b|%|\b(?:share|fraction|proportion)\b", "event_percent"),
    (r"\bper min\w*\b|\brates?\b|\bfrequenc\w+\b", "event_rate"),
    (r"\bhow (?:long|much)\b|\b(?:time|duration|seconds)\b", "event_duration"),
    (
        r"\bhow (?:many|often)\b|\b(?:count|number|compare|differ|more|less|fewer|plot|per|by|each|between)\w*\b",
        "event_count",
    ),
)


def _counts_what_was_searched(reading: Reading, previous: Reading, scan: Scanner) -> bool:
    """Read "how many of them in each group?" after a search: the events of that description, counted or timed."""
    before = previous.slots
    described = before.get("query") if previous.intent == "search" else before.get("described")
    asked = next((measure for pattern, measure in _COUNTED if matches(pattern, scan.text)), None)
    named = reading.slots.get("behaviors") or reading.slots.get("zones") or reading.slots.get("metrics")
    if (
        asked is None
        or named
        or not described
        or reading.intent not in ("measure", "compare", "family", "facts", "plot")
    ):
        return False
    slots = reading.slots
    for key in ("topic", "behaviors", "measure_guessed", "name"):
        slots.pop(key, None)
    slots.update(measure=asked, described=described)
    if reading.intent in ("facts", "family"):
        reading.intent = "measure"
    _inherit(slots, before, ("where", "sessions", "subjects", "individuals", "sources", *WINDOW_SLOTS))
    return True


_NARROWS = r"^\W*(?:and |but |now |ok(?:ay)?,? )*(?:only|just|without|not|but not|in|during|within|while|at|near|along|longer|shorter|faster|slower|more than|at least|those|the ones)\b"
_ASKS_ANEW = (
    r"\b(?:how|which|what|who|whose|why|whether|do|does|did|is|are|was|were|compare|plot|draw|correlat\w+)\b"
)
_NUMBERS_OF = (
    r"\bhow (?:many|often|much|long)\b|\bcompare\b|\bdiffer\w*\b|\bper (?:group|animal|session|cage)\b"
)


def _narrows_the_search(reading: Reading, previous: Reading, scan: Scanner, vocabulary: Vocabulary) -> bool:
    """Read "only females", "without the corner", "longer than 3 s" after a search: the same search, narrower."""
    before = previous.slots
    if (
        previous.intent != "search"
        or not (before.get("query") or before.get("like"))
        or not matches(_NARROWS, scan.text)
        or matches(_ASKS_ANEW, scan.text)
    ):
        return False
    own = dict(reading.slots) if reading.intent == "search" else search_arguments(scan.text, vocabulary)
    added = re.sub(
        r"^(?:and|but|now|only|just|those|the ones)\s+",
        "",
        str(own.pop("query", "") or ""),
        flags=re.IGNORECASE,
    )
    slots = {**before, **{key: value for key, value in own.items() if value}}
    slots["where"] = [*(before.get("where") or ()), *(own.get("where") or ())]
    slots["query"] = ", ".join(part for part in (before.get("query"), added) if part)
    reading.intent, reading.slots = (
        "search",
        {key: value for key, value in slots.items() if value not in (None, [], "")},
    )
    return True


def _measure_the_clips(reading: Reading, before: dict[str, Any], scan: Scanner) -> None:
    """Read "how many of those per group?" after clips: those bouts counted, with the limits they were chosen by."""
    if reading.intent in ("clips", "search", "facts"):
        reading.intent = "measure"
    timed = matches(r"\bhow (?:much|long)\b", scan.text)
    reading.slots["measure"] = "total_duration" if timed else "bout_count"
    reading.slots.pop("measure_guessed", None)
    reading.slots.pop("topic", None)
    _inherit(
        reading.slots,
        before,
        ("behaviors", "category", "zones", "min_bout_s", "max_bout_s", "strict", "sources"),
    )


def _enters_the_zone_of_before(slots: dict[str, Any], before: dict[str, Any], scan: Scanner) -> None:
    """Read "and how often did it enter?" after a question about a zone."""
    if not before.get("zones") or slots.get("behaviors") or slots.get("zones") or slots.get("metrics"):
        return
    found = next(name for pattern, name in ZONE_MEASURES if matches(pattern, scan.text))
    if slots.get("measure") in (None, *_NEEDS_BEHAVIOR) and found != "zone_time":
        slots.update(measure=found, zones=before["zones"])


def _settle_measure(slots: dict[str, Any], before: dict[str, Any], scan: Scanner) -> None:
    """Let the rater and the measure of the turn before go on where this one only guessed them."""
    if before.get("sources") and slots.get("metric_for_behaviors"):
        # The rater of the turn before goes on speaking: an imported metric is nobody's scoring.
        slots.update(behaviors=slots.pop("metric_for_behaviors"), measure=slots.get("measure_before_metric"))
        slots["measure_guessed"] = slots.get("measure_guessed") or slots["measure"] == "total_duration"
        slots.pop("metrics", None)
    # "And grooming?" after a distance is the time of it; "and while grooming?" is the distance then.
    during = ("distance",) if matches(r"\b(?:during|while|when)\b", scan.text) else ()
    if slots.get("measure_guessed") and before.get("measure") in (*_NEEDS_BEHAVIOR, *during):
        slots["measure"] = before["measure"]
    elif slots.get("measure_guessed") and before.get("measure_before_metric"):
        slots["measure"] = before["measure_before_metric"]


def _keeps_the_kind(reading: Reading, previous: Reading, scan: Scanner) -> bool:
    """Whether only the quantity changes: "and the time in the center?" after a comparison is one, too."""
    if reading.intent != "measure" or reading.slots.get("sessions") or reading.slots.get("statistics"):
        return False
    opens = matches(r"^\W*(?:and|what about|how about|now|also|then)\b", scan.text)
    return bool(previous.slots.get(ASKED_BACK)) or (opens and previous.intent in _KINDS_THAT_STAY)


def _split_becomes_groups(slots: dict[str, Any], before: dict[str, Any]) -> None:
    """Read "and between males and females?" after a comparison: other groups of the same quantity."""
    column = next((name for name in slots.get("group_by", ()) if name not in _AXES), None)
    if column is None or not before.get("group_column"):
        return
    where = slots.get("where", [])
    own = [item["value"] for item in where if item["column"] == column and isinstance(item["value"], list)]
    slots["where"] = [item for item in where if item["column"] != column]
    slots.update(group_column=column, groups=own[0] if own else [])
    slots["group_by"] = [name for name in slots["group_by"] if name != column]


_AXES = ("session_id", "subject_id", "individual", "source", "behavior", "zone", "keypoint", "pair")


def _continues(reading: Reading, scan: Scanner) -> bool:
    if reading.intent == "transitions" and matches(MATRIX, scan.text):
        return matches(FOLLOW_UP, scan.text)  # all of them, whatever was asked before
    return matches(FOLLOW_UP, scan.text) or _says_nothing_new_to_measure(reading)


def _says_nothing_new_to_measure(reading: Reading) -> bool:
    """Whether the question names no behavior, metric or quantity of its own."""
    slots = reading.slots
    if slots.get("behaviors") or slots.get("metrics") or slots.get("before") or slots.get("topic"):
        return False
    generic = slots.get("measure") in (None, "total_duration", "bout_count")
    return generic and not slots.get("zones")


def _inherit(slots: dict[str, Any], before: dict[str, Any], keys: tuple[str, ...]) -> None:
    for key in keys:
        if slots.get(key) in (None, [], {}, False) and before.get(key) not in (None, [], {}):
            slots[key] = before[key]
