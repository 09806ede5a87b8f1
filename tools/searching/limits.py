"""Numbers in a description: speeds, durations, distances, and which side of them is meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from ethochat.index.words import NUMBER_WORDS, number

Quantity = Literal["speed", "duration", "path", "wall_distance", "partner_distance"]

ABOUT: Final = 0.2
""" "About 20 cm/s" is taken for 20 % more or less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A range of one quantity."""

    quantity: Quantity
    low: float | None = None
    high: float | None = None
    strict: bool = False
    """Whether the limits themselves are left out."""
    unit: str
    """``s``, ``frames``, ``cm``, ``px``, ``cm/s`` or ``px/s``."""
    about: bool = False
    """Whether a single value was named, for which the range was taken."""
    start: int = 0
    stop: int = 0
    """Where it stands in the text."""

    def holds(self, value: float) -> bool:
        """Whether a value lies in the range; times and lengths are compared to a billionth."""
        slack = -1e-9 if self.strict else 1e-9
        above = self.low is None or value >= self.low - slack * max(1.0, abs(self.low))
        below = self.high is None or value <= self.high + slack * max(1.0, abs(self.high))
        return above and below

    def words(self) -> str:
        """Say the range: ``speed ≥ 20 cm/s``."""
        name = self.quantity.replace("_", " ").replace("partner distance", "distance to the other animal")
        more, less = (">", "<") if self.strict else ("≥", "≤")
        if self.low is not None and self.high is not None:
            return f"{name} {self.low:g}–{self.high:g} {self.unit}"
        sign, value = (more, self.low) if self.low is not None else (less, self.high)
        return f"{name} {sign} {value:g} {self.unit}"


_NUMBER: Final = (
    r"(?:\d+(?:[.,]\d+)?|half an?|an?|" + "|".join(sorted(NUMBER_WORDS, key=len, reverse=True)) + ")"
)
_SPEED: Final = r"(?:cm|centimet(?:er|re)s?|mm|millimet(?:er|re)s?|m|met(?:er|re)s?|px|pixels?) ?(?:/|per|a) ?(?:s(?:ec(?:ond)?)?|min(?:ute)?)\b"
_TIME: Final = r"(?:ms|milliseconds?|s|secs?|seconds?|min|mins|minutes?|h|hours?|frames?)\b"
_LENGTH: Final = r"(?:cm|centimet(?:er|re)s?|mm|millimet(?:er|re)s?|m|met(?:er|re)s?|px|pixels?)\b"
_UNIT: Final = rf"(?P<speed>{_SPEED})|(?P<time>{_TIME})|(?P<length>{_LENGTH})"
_OVER: Final = r"faster than|quicker than|more than|greater than|longer than|farther than|further than|over|above|beyond|exceeding|>(?!=)"
_FROM: Final = (
    r"at least|no less than|not less than|no slower than|minimum(?: of)?|a minimum of|≥|>=|from|starting at"
)
_UNDER: Final = r"slower than|less than|shorter than|closer than|nearer than|fewer than|under|below|<(?!=)"
_UP_TO: Final = (
    r"at most|no more than|not more than|not faster than|no faster than|not longer than|no longer than|up to|within|maximum(?: of)?|"
    r"a maximum of|≤|<="
)
_NEAR: Final = r"about|around|roughly|approximately|~|some"
_SIDE: Final = (
    rf"(?:(?P<over>{_OVER})|(?P<from>{_FROM})|(?P<under>{_UNDER})|(?P<upto>{_UP_TO})|(?P<near>{_NEAR})) ?"
)
_AFTER: Final = (
    r"(?: ?(?P<more>\+|or (?:more|longer|faster|above|over|further)|and (?:more|above|longer)|plus|minimum)"
    r"|(?P<less> or (?:less|shorter|slower|below|under|closer)))?"
)
_ONE: Final = re.compile(
    rf"(?:{_SIDE})?(?<![\w.])(?P<value>{_NUMBER})(?P<plus>\+)?[ -]?(?:{_UNIT}){_AFTER}", re.IGNORECASE
)
_RANGE: Final = re.compile(
    rf"(?:between |from )?(?<![\w.])(?P<low>{_NUMBER}) ?(?:{_LENGTH}|{_TIME})? ?(?:and|to|-|–) ?(?P<high>{_NUMBER}) ?(?:{_UNIT})",
    re.IGNORECASE,
)
_TWO_SIDED: Final = re.compile(
    rf"(?:{_OVER}) ?(?P<low>{_NUMBER}),? ?(?:but|and)(?: also)? (?:{_UNDER}) ?(?P<high>{_NUMBER})[ -]?(?:{_UNIT})",
    re.I,
)
_APART: Final = re.compile(
    r"\bdistance (?:between|of|from|to)(?: the| two| both)* ?(?:two )?(?:mice|rats|animals|\w+ (?:to|and|from) (?:another mouse|\w+))?[^,;]{0,12}$"
    r"|\b(?:each other|one another|apart|the other)\b[^,;]{0,24}$",
    re.I,
)
""" "The distance between the animals is below 80 px": what the number is about stands before it."""
_OTHERS: Final = re.compile(
    r"\b(?:each other|one another|another (?:mouse|rat|animal)|(?:the|no|any) other(?: mouse| rat| animal)?s?|two (?:mice|rats|animals)|both (?:mice|rats|animals)|close)\b",
    re.I,
)
_NOBODY: Final = re.compile(
    r"\b(?:no|without(?: any)?|not)\b(?: \w+)? (?:mouse|mice|rats?|animals?|others?)\b[^,;]*$", re.I
)
_PATH: Final = re.compile(r"\b(?:mov|walk|run|travel|cover|distance moved|path)\w*", re.I)
_OF_WALL: Final = re.compile(
    r" (?:away )?(?:from|of|to|off) (?:the |a |any )?(?:nearest )?(?:walls?|edges?|sides?|border)\b", re.I
)
_OF_PARTNER: Final = re.compile(
    r" (?:away )?(?:from|of|to|off) (?:each other|one another|another(?: \w+)?|the (?:others|other|partner|intruder|resident|cage ?mate)(?: \w+)?|others|(?:all|both|any) others?|a(?: \w+)? (?:mouse|rat|animal))\b"
    r"| apart\b",
    re.I,
)
_LASTS: Final = re.compile(
    r"\b(?:for|lasts|(?:that|which) last|lasting|longer|shorter|of)(?: (?:a|an|some|another))?\W*$", re.I
)
_LONG: Final = re.compile(r"^\W*(?:long|bouts?|episodes?|duration)\b", re.I)


def read_limits(text: str) -> list[Limit]:
    """Find the ranges of speed, duration and distance in a text.

    Parameters
    ----------
    text
        One step of a description.

    Returns
    -------
    list of Limit
        In the order of the text. A number that says nothing about which side is meant is a lower limit of a duration ("for
        10 s") and else no limit; a range of times is a duration where a word says that it lasts, else a part of the recording.
    """
    found: list[Limit] = []
    taken: list[tuple[int, int]] = []
    for limit in (*_ranges(text), *_two_sided(text), *_single(text)):
        if all(limit.stop <= start or limit.start >= stop for start, stop in taken):
            taken.append((limit.start, limit.stop))
            found.append(limit)
    return sorted(found, key=lambda limit: limit.start)


def _ranges(text: str) -> Iterator[Limit]:
    for match in _RANGE.finditer(text):
        low, high = _value(match["low"]), _value(match["high"])
        if low is None or high is None or low >= high:
            continue
        quantity, unit, factor, stop = _what(text, match)
        lasts = _LASTS.search(text, 0, match.start()) or _LONG.search(text[match.end() :])
        if quantity == "duration" and lasts is None:
            continue  # "between 60 and 120 s" is a part of the recording
        yield Limit(
            quantity=quantity,
            low=low * factor,
            high=high * factor,
            unit=unit,
            start=match.start(),
            stop=stop,
        )


def _two_sided(text: str) -> Iterator[Limit]:
    """Read "faster than 15 but slower than 20 cm/s", where the unit stands once."""
    for match in _TWO_SIDED.finditer(text):
        low, high = _value(match["low"]), _value(match["high"])
        if low is not None and high is not None and low < high:
            quantity, unit, factor, stop = _what(text, match)
            yield Limit(
                quantity=quantity,
                low=low * factor,
                high=high * factor,
                strict=True,
                unit=unit,
                start=match.start(),
                stop=stop,
            )


def _single(text: str) -> Iterator[Limit]:
    for match in _ONE.finditer(text):
        value = _value(match["value"])
        if value is None:
            continue
        quantity, unit, factor, stop = _what(text, match)
        low, high, strict = _side(text, match, quantity, value * factor)
        if low is None and high is None:
            continue
        if (
            quantity == "partner_distance"
            and high is not None
            and low is None
            and _NOBODY.search(text, 0, match.start())
        ):
            low, high, strict = high, None, not strict  # "no other mouse within 15 cm"
        yield Limit(
            quantity=quantity,
            low=low,
            high=high,
            strict=strict,
            unit=unit,
            about=low is not None and high is not None,
            start=match.start(),
            stop=stop,
        )


def _side(
    text: str, match: re.Match[str], quantity: Quantity, value: float
) -> tuple[float | None, float | None, bool]:
    """Lower limit, upper limit, and whether they are left out."""
    sided = any(match[name] for name in ("over", "from", "under", "upto", "more", "less", "plus"))
    if match["near"] or (quantity == "speed" and not sided):
        return value * (1 - ABOUT), value * (1 + ABOUT), False
    if match["from"] and quantity == "duration" and match["from"].lower() in ("from", "starting at"):
        return None, None, False  # "from 4 min on" is a part of the recording
    strict = bool(match["over"] or match["under"])
    below = bool(match["under"] or match["upto"] or match["less"])
    above = bool(match["over"] or match["from"] or match["more"] or match["plus"])
    if not (below or above):
        below = quantity in ("wall_distance", "partner_distance")
        lasts = _LASTS.search(text, 0, match.start()) or _LONG.search(text[match.end() :])
        above = quantity == "duration" and lasts is not None
    return value if above else None, value if below else None, strict


def _what(text: str, match: re.Match[str]) -> tuple[Quantity, str, float, int]:
    """Quantity, unit, factor into that unit, and where the words about it end."""
    if match["time"]:
        unit, factor = _time_unit(match["time"].lower())
        return "duration", unit, factor, match.end()
    if match["speed"]:
        length, per = re.split(r" ?(?:/|per| a ) ?", match["speed"].lower(), maxsplit=1)
        unit, factor = _length_unit(length)
        return "speed", f"{unit}/s", factor / (60 if per.startswith("min") else 1), match.end()
    unit, factor = _length_unit(match["length"].lower())
    for pattern, quantity in (_OF_WALL, "wall_distance"), (_OF_PARTNER, "partner_distance"):
        behind = pattern.match(text, match.end())
        if behind is not None:
            return quantity, unit, factor, behind.end()  # type: ignore[return-value]  # one of the two literals
    nearer = (match.groupdict().get("under") or "").lower() in ("closer than", "nearer than")
    if nearer or _APART.search(text, 0, match.start()) or (_OTHERS.search(text) and not _PATH.search(text)):
        return "partner_distance", unit, factor, match.end()
    return "path", unit, factor, match.end()


def _time_unit(word: str) -> tuple[str, float]:
    if word.startswith("frame"):
        return "frames", 1.0
    if word.startswith(("ms", "milli")):
        return "s", 0.001
    if word.startswith("h"):
        return "s", 3600.0
    return "s", 60.0 if word.startswith("min") else 1.0


def _length_unit(word: str) -> tuple[str, float]:
    if word.startswith(("px", "pix")):
        return "px", 1.0
    if word.startswith(("mm", "milli")):
        return "cm", 0.1
    return ("cm", 1.0) if word.startswith("c") else ("cm", 100.0)


def _value(word: str) -> float | None:
    folded = word.lower().strip()
    if folded.startswith("half"):
        return 0.5
    return 1.0 if folded in ("a", "an") else number(folded.replace(",", "."))
