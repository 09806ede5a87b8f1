"""Numbers as people write them in running text, with their unit and the rounding they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from ethochat.tools.units import conversion_factor, dimension_of

Unit = tuple[str, float]
"""Dimension and the factor to the unit in which it is compared."""

_BASE: Final = {
    "time": "s",
    "length": "cm",
    "pixels": "px",
    "speed": "cm/s",
    "pixel speed": "px/s",
    "pixel step": "px/frame",
    "rate": "1/min",
    "share": "fraction",
    "scale": "px/cm",
}
"""What is measured rather than counted, and the unit it is compared in."""
_SPELLINGS: Final = """
    ms|s|sec|secs|second|seconds|min|mins|minute|minutes|h|hr|hour|hours|mm|cm|m|centimeter|centimeters|centimetres|
    meter|meters|metres|px|pixel|pixels|px/s|pixels/s|px/frame|px/cm|mm/s|cm/s|m/s|cm/min|m/min|1/min|1/s|1/h|/min|
    /s|/h|Hz|per minute|per min|per second|per hour|%|percent|per cent|fraction|bouts/min|entries/min
"""


def unit_of(name: str | None) -> Unit | None:
    """Find a unit that measures; ``None`` for counts (bouts, animals, frames) and unknown units."""
    dimension = dimension_of(name)
    if name is None or dimension not in _BASE:
        return None
    factor = conversion_factor(name, _BASE[dimension])
    return None if factor is None else (dimension, factor)


UNITS: Final = {
    name: unit for part in _SPELLINGS.split("|") if (unit := unit_of(name := part.strip())) is not None
}
WORDS: Final = {
    word: value
    for value, word in enumerate(
        (
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        )
    )
}
_COUNTED: Final = (
    r"animals?|bouts?|cages?|clips?|entry|entries|episodes?|events?|frames?|hits?|individuals?|intervals?|"
    r"keypoints?|mice|mouse|raters?|annotators?|rats?|rears?|recordings?|rows?|segments?|sessions?|subjects?|"
    r"times|transitions?|trials?|videos?|visits?|zones?"
)
"""Nouns that are counted."""

_SPACES = "\u00a0\u2009\u202f"
_UNIT = "|".join(re.escape(name) for name in sorted(UNITS, key=len, reverse=True))
_NUMBER = re.compile(
    rf"""(?<![\w.^])(?<!\d[,:])
    (?P<sign>(?<![\w)\]%])[-−+±](?=[\d.]))?\s?
    (?P<body>\d{{1,3}}(?:[,'{_SPACES}]\d{{3}})+(?!\d)(?:\.\d+)?|\d+\.\d+|\.\d+|\d+)
    (?:[eE](?P<exp>[-+−]?\d+)
      |\s?[×x·*]\s?10\s?(?:\^|\*\*)\s?[{{(]?(?P<power>[-+−]?\d+)[}})]?
      |\s?[×x·*]\s?10(?P<super>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))?
    (?!\d)""",
    re.VERBOSE,
)
_POWER_OF_TEN = re.compile(r"(?<![\w.])10(?:\^[{(]?(?P<power>[-+−]?\d+)[})]?|(?P<super>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))")
_CLOCK = re.compile(r"(?<![\d:.])(?:(?P<h>\d{1,2}):)?(?P<m>\d{1,3}):(?P<s>[0-5]\d(?:\.\d+)?)(?![\d:])")
_UNIT_AFTER = re.compile(rf"[\s{_SPACES}]?-?(?P<unit>{_UNIT})(?![\w/²^])")
_COUNT_AFTER = re.compile(rf"[\s{_SPACES}](?:[a-z]+\s){{0,2}}?(?:{_COUNTED})(?![\w-])", re.IGNORECASE)
_LINK = re.compile(r"\s*(?:[-–—,;/&±]|to|and|or|vs\.?|versus|\(±)\s*(?=[-−]?\.?\d)", re.IGNORECASE)
_WORD = re.compile(
    rf"(?<![\w-])(?P<word>{'|'.join(WORDS)})[ -](?:[a-z]+\s){{0,2}}?(?P<noun>{_COUNTED}|{_UNIT})(?![\w-])",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"(?:\babout|\bapproximately|\bapprox\.|\baround|\broughly|\bnearly|\balmost|~|≈|\bca\.)\s*$",
    re.IGNORECASE,
)
_P_BOUND = re.compile(
    r"\bp\w*(?:[ -]values?)?(?:\s(?:is|was|are|were|of|all|both))*\s?(?P<sign>[<>≤≥])\s?$", re.IGNORECASE
)
_SAMPLE = re.compile(r"\b[nN]\s?=\s?$")
_LETTER = re.compile(r"[^\W\d]")
_SUPERSCRIPTS = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹", "-+0123456789")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number of a text."""

    start: int
    stop: int
    text: str
    value: float
    tolerance: float
    """Half of the last digit shown."""
    unit: Unit | None = None
    counts: bool = False
    """A counted thing follows: bouts, animals, frames."""
    sample: bool = False
    """It is given as ``n = …``."""
    bound: str | None = None
    """``<`` or ``>`` where the text bounds a p value rather than giving it."""
    parts: tuple[float, ...] = ()
    """The numbers between the commas, where ``100,200`` may be a list."""


def find_numbers(text: str) -> list[Number]:
    """Find the numbers of a text, in order: digits, powers of ten, clock times, words that count something.

    Digits inside identifiers (``OFT_5``) are not numbers.
    """
    found = list(_clocks(text))
    for source in (_powers, _digits, _words):
        taken = [(item.start, item.stop) for item in found]
        found += [
            item for item in source(text) if not any(item.start < b and a < item.stop for a, b in taken)
        ]
    return sorted(found, key=lambda item: item.start)


def _clocks(text: str) -> Iterator[Number]:
    for match in _CLOCK.finditer(text):
        seconds = int(match["h"] or 0) * 3600 + int(match["m"]) * 60 + float(match["s"])
        tolerance = _half(len(match["s"].partition(".")[2]))
        start, stop = match.span()
        yield Number(
            start=start, stop=stop, text=match[0], value=seconds, tolerance=tolerance, unit=("time", 1.0)
        )


def _powers(text: str) -> Iterator[Number]:
    for match in _POWER_OF_TEN.finditer(text):
        if re.search(r"\d\s?[×x·*]\s?$", text[max(0, match.start() - 6) : match.start()]):
            continue  # the exponent of a number with a mantissa
        value = 10.0 ** _exponent(match["power"], match["super"])
        start, stop = match.span()
        yield _placed(Number(start=start, stop=stop, text=match[0], value=value, tolerance=value / 2), text)


def _digits(text: str) -> Iterator[Number]:
    for match in _NUMBER.finditer(text):
        if _is_identifier(text, match):
            continue
        start, stop = match.start("sign") if match["sign"] else match.start("body"), match.end()
        body = re.sub(rf"[,'{_SPACES}]", "", match["body"])
        decimals = len(body.partition(".")[2])
        scale = 10.0 ** _exponent(match["exp"] or match["power"], match["super"])
        value = float(body) * scale * (-1 if match["sign"] in ("-", "−") else 1)
        tolerance = _half(decimals) * scale
        if decimals == 0 and value and _ABOUT.search(text[max(0, start - 20) : start]):
            tolerance *= 10 ** (len(body) - len(body.rstrip("0")))
        parts = tuple(float(part) for part in match["body"].split(",")) if "," in match["body"] else ()
        number = Number(
            start=start, stop=stop, text=text[start:stop], value=value, tolerance=tolerance, parts=parts
        )
        yield _placed(number, text)


def _words(text: str) -> Iterator[Number]:
    for match in _WORD.finditer(text):
        value, unit = float(WORDS[match["word"].lower()]), UNITS.get(match["noun"].lower())
        start, stop = match.span("word")
        yield Number(
            start=start,
            stop=stop,
            text=match["word"],
            value=value,
            tolerance=0.0,
            unit=unit,
            counts=unit is None,
        )


def _placed(number: Number, text: str) -> Number:
    """Add what the words around a number say of it."""
    unit = _unit_after(text, number.stop)
    bound = _P_BOUND.search(text[max(0, number.start - 40) : number.start])
    sign = None if bound is None else bound["sign"].replace("≤", "<").replace("≥", ">")
    counts = unit is None and _COUNT_AFTER.match(text, number.stop) is not None
    sample = _SAMPLE.search(text[max(0, number.start - 6) : number.start]) is not None
    return replace(number, unit=unit, bound=sign, counts=counts, sample=sample)


def _unit_after(text: str, stop: int) -> Unit | None:
    """Find the unit right behind a number, or behind the last number of the range or list it starts."""
    for _ in range(12):
        match = _UNIT_AFTER.match(text, stop)
        if match is not None:
            return UNITS[match["unit"]]
        link = _LINK.match(text, stop)
        following = _NUMBER.match(text, link.end()) if link is not None else None
        if following is None:
            return None
        stop = following.end()
    return None


def _is_identifier(text: str, match: re.Match[str]) -> bool:
    """Whether letters are glued to the digits and are no unit."""
    return _LETTER.match(text, match.end()) is not None and _UNIT_AFTER.match(text, match.end()) is None


def _exponent(plain: str | None, superscript: str | None) -> int:
    return int((plain or (superscript or "0").translate(_SUPERSCRIPTS)).replace("−", "-"))


def _half(decimals: int) -> float:
    return 0.5 * 10.0**-decimals
