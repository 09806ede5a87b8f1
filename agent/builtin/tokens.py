"""A question cut to numbers, units of time, clock times, ordinals, words and names, for the grammar of time."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from ethochat.index.words import NUMBER_WORDS

UNITS: Final = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "frames": 1.0}
UNIT_WORDS: Final = {
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("frame", "frames"), "frames"),
}
LETTERS: Final = ("s", "m", "h", "ms")
"""Units that are as often something else, so that they stand behind their number only."""
ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")  # fmt: skip
NUMBERS: Final = NUMBER_WORDS | {
    "thirteen": 13, "fourteen": 14, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "forty": 40, "fifty": 50, "ninety": 90,
}  # fmt: skip
_STUCK: Final = r"(?:ms|secs?|seconds?|s|mins?|minutes?|m|hrs?|hours?|h|frames?)"
_TOKEN: Final = re.compile(
    r"(?P<name>\d{4}-\d\d-\d\d|[^\W\d]+_\w+|\w*_\w+)"
    r"|(?P<clock>\d{1,3}:\d\d(?::\d\d)?(?![\w:]))"
    r"|(?P<compound>(?:\d+h\d+(?:m(?:in)?)?(?:\d+s)?|\d+m(?:in)?\d+s(?:ec)?)\b)"
    r"|(?P<ordinal>\d+(?:st|nd|rd|th)\b)"
    rf"|(?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?={_STUCK}\b|\b(?!\w)))"
    r"|(?P<stuck>(?:mins?|minutes?|secs?|seconds?|frames?)(?=\d))"
    r"|(?P<word>[^\W\d_]+(?!\w)|(?<=\d)[^\W\d_]+)"
    r"|(?P<other>\w+)|(?P<sign>\S)",
    re.IGNORECASE,
)


class Token(NamedTuple):
    """A word, number or sign of a text."""

    kind: str
    """``number``, ``ordinal``, ``unit``, ``clock``, ``word``, ``sign`` or ``name``."""
    text: str
    start: int
    stop: int
    value: float = 0.0


NOTHING: Final = Token("end", "", 0, 0)


def tokens_of(text: str) -> list[Token]:
    """Cut a text to tokens; names such as ``OFT_5`` and dates are one each, so that no number is read out of them."""
    # "t = 60 s" is 60 s
    hidden = re.sub(
        r"\b(?:t|time)\s*=(?=\s*\d)", lambda match: " " * len(match.group()), text, flags=re.IGNORECASE
    )
    return [_token(match) for match in _TOKEN.finditer(hidden) if match.group().strip()]


def _token(match: re.Match[str]) -> Token:
    found, text, place = str(match.lastgroup), match.group().lower(), match.span()
    kind, value = _VALUES[found](text) if found in _VALUES else _word(text)
    return Token(kind, text, *place, value)


def _clock(text: str) -> float:
    return sum(float(part) * 60.0**n for n, part in enumerate(reversed(text.split(":"))))


def _compound(text: str) -> float:
    """Seconds of "1m30s" and "2h15"; a number without a unit is of minutes."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "": 60.0}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms]?)", text))


_VALUES: Final[dict[str, Callable[[str], tuple[str, float]]]] = {
    "clock": lambda text: ("clock", _clock(text)),
    "compound": lambda text: ("clock", _compound(text)),
    "ordinal": lambda text: ("ordinal", float(text[:-2])),
    "number": lambda text: ("number", float(text)),
    "name": lambda text: ("name", 0.0),
    "other": lambda text: ("name", 0.0),
    "sign": lambda text: ("sign", 0.0),
}


def _word(text: str) -> tuple[str, float]:
    """Units, ordinals and numbers in words; "second" is a unit with the value of its ordinal."""
    if text in UNIT_WORDS:
        return "unit", 2.0 if text == "second" else 0.0
    if text in ORDINALS:
        return "ordinal", float(ORDINALS.index(text) + 1)
    return ("number", float(NUMBERS[text])) if text in NUMBERS else ("word", 0.0)
