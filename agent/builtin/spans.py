"""One stretch of time: "between minute 2 and 4", "5:00-8:00", "in frames 1-3000", "after 1:30", "excluding the first minute"."""

from __future__ import annotations

import re
from typing import Final

from ethochat.agent.builtin.phrases import NUMBER, ORDINALS, TIME_UNIT, Scanner, seconds
from ethochat.agent.builtin.text import number

_UNIT: Final = r"(?:minutes?|mins?|min|seconds?|secs?|sec|frames?|hours?|hrs?|h)"
_CLOCK: Final = r"\d+:\d\d(?::\d\d)?"
_OTHER_UNIT: Final = (
    r"(?!\s*(?:px|pixels?|cm|mm|meters?|m/|%|percent|mg|kg|g\b|days?|weeks?|months?|years?|bouts?|times))"
)


def _point(name: str) -> str:
    """Pattern of one point in time, with its unit before it, behind it or nowhere: "minute 2", "the 5th minute", "4 min 30 s"."""
    return (
        rf"(?:the\s+)?(?:(?P<{name}_before>{_UNIT}|s(?=\s+\d))\s+)?"
        rf"(?P<{name}>{_CLOCK}|\d+(?:\.\d+)?(?:st|nd|rd|th)?|{'|'.join(ORDINALS)}|{NUMBER})(?![\w.]|:\d)"
        rf"(?:\s*-?\s*(?P<{name}_unit>{TIME_UNIT})\b)?(?:\s+(?P<{name}_rest>\d+(?:\.\d+)?)\s*(?:s|secs?|seconds?)\b)?"
    )


def _end(name: str) -> str:
    """The same where a unit may stick to the number: "30s"."""
    return _point(name).replace(r"(?![\w.]|:\d)", r"(?=[a-z]|\b)(?![.:]\d)")


_RANGE: Final = (
    rf"(?:\b(?P<opening>between|from|in|during|within|over|for|of)\s+|(?<=[(,;:])\s*|^\s*|\s)(?P<all>{_end('a')}"
    rf"\s*(?P<joint>-|\bto\b|\band\b|\buntil\b|\btill\b|\bthrough\b|\bup to\b)\s*{_end('b')})(?!\w){_OTHER_UNIT}"
)
_AFTER: Final = rf"\b(?:after|since|past|(?:starting|beginning) (?:at|from)|from)\s+(?P<all>{_end('a')})(?!\w){_OTHER_UNIT}(?!\s*(?:to|until|-|on\b.*\bto\b))"
_BEFORE: Final = rf"\b(?:before|until|till|up to)\s+(?P<all>{_end('a')})(?!\w){_OTHER_UNIT}"
_LEFT_OUT: Final = (
    r"\b(?:exclud(?:e|es|ed|ing)|leav(?:e|es|ing) out|ignor(?:e|es|ed|ing)|skip(?:s|ped|ping)?|omit(?:s|ted|ting)?|without(?:\s+counting)?|except(?:\s+for)?|"
    r"drop(?:s|ped|ping)?|discard(?:s|ed|ing)?|not counting|disregard(?:s|ed|ing)?|cutting off)\s+(?:the\s+)?"
)
_OUTER: Final = rf"(?P<which>first|initial|opening|last|final)\s+(?:(?P<width>{NUMBER})\s*-?\s*(?P<unit>{TIME_UNIT})|(?P<minute>minute))\b"
_OF_SESSION: Final = r"(?:\s+of\s+(?:the\s+|each\s+|every\s+)?(?:video|recording|session|test|trial)s?)?"


# ----------------------------------------------------------------- readers
def read_spans(scan: Scanner) -> None:
    """Read the one stretch of time that a question is about; several are left for :mod:`ethochat.agent.builtin.course`."""
    _read_left_out(scan)
    found = [match for match in re.finditer(_RANGE, scan.rest, re.IGNORECASE) if _ends(match) is not None]
    if len(found) == 1:
        start, stop = _ends(found[0]) or (0.0, 0.0)
        names = ("min_bout_s", "max_bout_s") if _is_a_length(found[0]) else ("start_s", "stop_s")
        scan.slots.update(zip(names, (start, stop), strict=True))
        _note_frames(scan, found[0])
        scan.take(re.escape(scan.rest[found[0].start("all") : found[0].end("all")]))
        _blank_opening(scan, found[0])
    elif not found:
        _read_one_end(scan)
    per = scan.take(rf"\bper\s+({NUMBER})\s*-?\s*({TIME_UNIT})\b(?!\s+(?:of|bouts?))")
    if per and (width := seconds(per[1], per[2])):
        scan.slots["bin_s"] = width


def _is_a_length(match: re.Match[str]) -> bool:
    """Whether a range is how long bouts last: "bouts of 2 to 4 s", "between 2 and 4 s long"."""
    counted = match["a_before"] or match["b_before"] or ":" in match["a"]
    before, after = match.string[: match.start()], match.string[match.end() :]
    bouts = re.search(
        r"\b(?:bouts?|episodes?|events?|visits?|runs?|last(?:s|ed|ing)?)\s*$", before, re.IGNORECASE
    )
    if counted:
        return False
    long = re.match(r"\s*(?:long|in (?:length|duration))\b", after, re.IGNORECASE)
    return bool(long or (bouts and (match["opening"] or "").lower() in ("of", "for", "between", "")))


def _note_frames(scan: Scanner, match: re.Match[str]) -> None:
    """Frames are no seconds, unless the recordings have no other clock."""
    units = [match.groupdict().get(name) or "" for name in ("a_before", "a_unit", "b_before", "b_unit")]
    if any(unit.lower().startswith("frame") for unit in units):
        scan.slots["window_unit"] = "frames"


def _blank_opening(scan: Scanner, match: re.Match[str]) -> None:
    if match["opening"]:
        scan.blank(match.start("opening"), match.end("opening"))


def _read_left_out(scan: Scanner) -> None:
    """Read "excluding the first minute" and "the last 20 s excluded": what is left of the recording."""
    match = scan.take(_LEFT_OUT + _OUTER + _OF_SESSION) or scan.take(
        rf"\b(?:with\s+)?(?:the\s+)?{_OUTER}{_OF_SESSION}\s+(?:being\s+|was\s+|is\s+|are\s+)?(?:excluded|left out|omitted|skipped|dropped|discarded|ignored|removed)\b"
    )
    if match is None:
        return
    width = 60.0 if match["minute"] else seconds(match["width"], match["unit"])
    if not width:
        return
    if match["which"].lower() in ("last", "final"):
        scan.slots.update(start_s=scan.slots.get("start_s", 0.0), stop_s=-width)
    else:
        scan.slots["start_s"] = width


def _read_one_end(scan: Scanner) -> None:
    for pattern, opening in ((_AFTER, True), (_BEFORE, False)):
        match = re.search(pattern, scan.rest, re.IGNORECASE)
        if match is None:
            continue
        time = _time(match, "a", _unit_of(match, "a"))
        if time is None:
            continue
        if opening and "start_s" not in scan.slots:
            scan.slots["start_s"] = time
        elif not opening and "stop_s" not in scan.slots:
            scan.slots.update(start_s=scan.slots.get("start_s", 0.0), stop_s=time)
        else:
            continue
        _note_frames(scan, match)
        scan.take(re.escape(match.group()))


# ----------------------------------------------------------------- points in time
def _ends(match: re.Match[str]) -> tuple[float, float] | None:
    """Start and end of a range; ``None`` where it is none of time."""
    if match["joint"].lower() == "and" and (match["opening"] or "").lower() != "between":
        return None
    units = _unit_of(match, "a"), _unit_of(match, "b")
    clock = [":" in match[name] for name in ("a", "b")]
    if not any(units) and not all(clock):
        return None
    start = _time(match, "a", units[0] or units[1])
    stop = _time(match, "b", units[1] or units[0])
    if start is None or stop is None or start >= stop:
        return None
    if match["a_before"] and start == 60.0 and (match["a"] == "1"):
        start = 0.0  # minutes that are numbered from 1: "minutes 1 to 6" are six of them
    return start, stop


def _unit_of(match: re.Match[str], name: str) -> str | None:
    return match[f"{name}_unit"] or match[f"{name}_before"]


def _time(match: re.Match[str], name: str, unit: str | None) -> float | None:
    """Seconds (or frames) of one point; ``None`` where nothing says that it is a time."""
    text = match[name].lower()
    if ":" in text:
        parts = [float(part) for part in text.split(":")]
        return sum(part * 60.0**place for place, part in enumerate(reversed(parts)))
    if unit is None:
        return None
    value = (
        float(ORDINALS.index(text) + 1) if text in ORDINALS else number(re.sub(r"(?:st|nd|rd|th)$", "", text))
    )
    time = None if value is None else seconds(f"{value:g}", unit)
    rest = match[f"{name}_rest"]
    return time if time is None or rest is None else time + float(rest)
