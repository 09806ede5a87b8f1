"""Numbers, units and names as an answer writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ethochat.tools.evidence import Evidence, Value
from ethochat.tools.wording import window_name

MEASURE_WORDS = {
    "bout_count": "number of bouts", "total_duration": "time", "percent_time": "share of time",
    "bout_rate": "bout rate", "percent_bouts": "share of the bouts", "last_end": "end of the last bout", "bout_duration": "bout duration",
    "inter_bout_interval": "inter-bout interval", "latency": "latency to the first bout", "distance": "distance moved", "mean_speed": "mean speed",
    "max_speed": "maximum speed", "zone_time": "time", "zone_entries": "number of entries", "zone_latency": "latency to enter",
    "zone_percent": "share of time",
    "zone_entry_rate": "entries per minute", "percent_near": "share of time near each other",
    "mean_bout_duration": "mean bout duration", "median_bout_duration": "median bout duration",
    "longest_bout_duration": "longest bout", "pair_distance": "distance between the animals", "keypoint_distance": "distance between keypoints",
    "time_near": "time near each other", "percent_tracked": "share of frames tracked", "percent_missing": "share of frames without a position", "missing_frames": "number of frames without a position",
    "event_count": "number of events", "event_rate": "events per minute", "event_duration": "time of the events", "event_percent": "share of time of the events",
    "n_frames": "number of frames", "body_length": "body length", "duration": "duration",
}  # fmt: skip


def number(value: float) -> str:
    """Write a number with four significant digits, whole numbers whole."""
    if value == int(value) and abs(value) < 1e9:
        return str(int(value))
    return f"{value:.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def probability(p_value: float) -> str:
    """Write a p value, near 0.05 with a digit more, so that it is seen on which side it lies."""
    if 0.045 <= p_value < 0.055:
        return f"{p_value:.3g}"
    return f"{p_value:.2g}" if p_value < 0.1 else f"{p_value:.3f}"


def amount(value: float | str | None, unit: str | None) -> str:
    """Write a value with its unit; seconds to a tenth from ten on."""
    if value is None:
        return "not available"
    if isinstance(value, str):
        return value
    if not unit or unit in ("count", "number", "index"):
        return number(value)
    if value == 1 and unit in ("bouts", "frames", "entries", "times"):
        unit = {"entries": "entry"}.get(unit, unit[:-1])
    if unit == "s" and abs(value) >= 10 and value != int(value):
        return f"{value:.1f} s"
    return f"{number(value)}%" if unit == "%" else f"{number(value)} {unit}"


def label(value: Value, item: Evidence, *, besides: str = "") -> str:
    """What a row is about: the columns that were asked for, or else the session and what tells rows apart.

    Parameters
    ----------
    besides
        Words around it, which are not repeated.
    """
    known = {**value.group, "session_id": value.session_id, "subject_id": value.subject_id}
    asked = [key for key in item.arguments.get("group_by") or () if known.get(key)]
    if not asked:
        hidden = "session_id" if item.arguments.get("subjects") and value.subject_id else "subject_id"
        asked = [
            key
            for key, name in known.items()
            if name and key != hidden and not (key == "source" and value.session_id)
        ]
        asked = asked or [key for key, name in known.items() if name]
    parts = [str(known[key]) for key in asked if str(known[key]) not in besides]
    if value.bin_start_s is not None:
        width = item.arguments.get("bin_s")
        stop = f"–{number(value.bin_start_s + float(width))}" if width else ""
        parts.append(f"{number(value.bin_start_s)}{stop} s")
    return ", ".join(dict.fromkeys(parts))


def shared(values: Sequence[Value]) -> set[tuple[str, str]]:
    """Column-value pairs that all rows have in common."""
    pairs = [set(value.group.items()) for value in values]
    return set.intersection(*pairs) if len(pairs) > 1 else set()


_TRACKED = (
    "distance",
    "mean_speed",
    "max_speed",
    "pair_distance",
    "keypoint_distance",
    "body_length",
    "time_near",
)


def subject_of(item: Evidence, values: Sequence[Value]) -> str:
    """What was measured, in words: the measure, its behaviors, its source."""
    arguments = item.arguments
    measure = str(arguments.get("measure") or (values[0].name if values else ""))
    named = MEASURE_WORDS.get(measure, measure)
    listed_behaviors = [str(name) for name in arguments.get("behaviors") or []]
    split_by = set(arguments.get("group_by") or ())
    behaviors = " + ".join(listed_behaviors)
    if "behavior" in split_by and len(listed_behaviors) > 4:
        behaviors = ""
    if measure in _TRACKED and behaviors:
        named = f"{named} during {behaviors}"
    elif behaviors:
        named = (
            named.replace("bouts", f"{behaviors} bouts")
            if measure == "bout_count"
            else f"{named} of {behaviors}"
        )
    for key, word in (
        ("during", "during"),
        ("zones", "in"),
        ("keypoints", "of"),
        ("sources", "according to"),
    ):
        listed = [str(name) for name in arguments.get(key) or []]
        split = key == "sources" and any("source" in value.group for value in values[1:])
        if listed and not split:
            outside = key == "zones" and arguments.get("outside")
            named += f" {'outside of' if outside else word} {', '.join(listed)}"
    kept = selected(item)
    return f"{named}, {kept}" if kept else named


_NOT = {"!=": "not ", "not in": "not ", ">": "above ", ">=": "at least ", "<": "below ", "<=": "at most "}


def selected(item: Evidence) -> str:
    """Which part of the data an answer is about: conditions on metadata, the time window, the bouts that count."""
    arguments = item.arguments
    told = []
    for condition in arguments.get("where") or ():
        values = condition["value"] if isinstance(condition["value"], list) else [condition["value"]]
        shown = " or ".join(number(value) if isinstance(value, float) else str(value) for value in values)
        told.append(f"{condition['column']} {_NOT.get(condition.get('op', '=='), '')}{shown}")
    start, stop, *parts = (arguments.get(key) for key in ("start_s", "stop_s", "start_part", "stop_part"))
    if any(end is not None for end in (start, stop, *parts)):
        unit = "frames" if _in_frames(item) else "s"
        told.append(window_name(start, stop, unit, (parts[0], parts[1])))
    beyond = arguments.get("strict")
    for key, words in (
        ("min_bout_s", "longer than" if beyond else "of at least"),
        ("max_bout_s", "shorter than" if beyond else "of at most"),
    ):
        if arguments.get(key) is not None:
            told.append(f"bouts {words} {number(arguments[key])} {'frames' if _in_frames(item) else 's'}")
    return ", ".join(told)


def _in_frames(item: Evidence) -> bool:
    return any(value.unit in ("frames", "px/frame") for value in item.values)


def quantity_words(arguments: dict[str, Any]) -> str:
    """One of the two quantities of a correlation."""
    named = MEASURE_WORDS.get(str(arguments.get("measure")), str(arguments.get("measure")))
    behaviors = " + ".join(arguments.get("behaviors") or ())
    return f"{named} of {behaviors}" if behaviors else named


def capital(title: str) -> str:
    """Begin a sentence; a metric's own name keeps its spelling."""
    return (
        title
        if "." in title.split(" ", maxsplit=1)[0] or "_" in title.split(" ", maxsplit=1)[0]
        else title[:1].upper() + title[1:]
    )


def word_summary(item: Evidence) -> str:
    """Fall back on what the tool itself says."""
    return f"{item.summary} [{item.evidence_id}]"
