"""Words that point at the clips of the answer before: "the second clip", "clips 2 and 3", "the first two", "those"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ethochat.agent.builtin.tokens import ORDINALS
from ethochat.index.words import number

NOUN: Final = r"(?:clips?|hits?|bouts?|moments?|videos?|episodes?|examples?|events?|ones?|footage)"
"""What shown clips are called; "these recordings" are those of the experiment."""
_SMALL: Final = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten)"
_ORDINAL: Final = rf"(?:{'|'.join(ORDINALS)}|last|\d+(?:st|nd|rd|th))"
_NUMBERED: Final = rf"(?:{NOUN}\s*(?:number\s*|no\.?\s*|#\s*)?{_SMALL}|(?:number\s*|no\.?\s*|#\s*)\d+)"
_ITEM: Final = rf"(?:the\s+)?(?:{_ORDINAL}(?:\s+{NOUN})?|{_NUMBERED}|{_SMALL})"
_JOINT: Final = r"\s*(?:,\s*(?:and\s+)?|\band\b|\bor\b|&|\bwith\b|\bto\b|\bfrom\b|\bthan\b|\bvs\b\.?|\bversus\b|\bagainst\b)\s*"
_LIST: Final = re.compile(rf"(?:the\s+)?(?:{_ORDINAL}|{_NUMBERED})(?:\s+{NOUN})?(?:{_JOINT}{_ITEM})*", re.I)
_ONE: Final = re.compile(rf"(?P<ordinal>\b{_ORDINAL}\b)|(?P<number>\b{_SMALL}\b)", re.I)
_STRETCH: Final = re.compile(
    rf"(?:the\s+)?{NOUN}\s*(?P<a>{_SMALL})\s*(?:to|through|until|-|–)\s*(?P<b>{_SMALL})", re.I
)
_COUNTED: Final = re.compile(
    rf"(?P<lead>(?:all\s+(?:of\s+)?)?(?:the\s+|these\s+|those\s+)?(?:(?P<end>first|best|top|last)\s+)?)(?P<n>{_SMALL})(?P<noun>\s+{NOUN})?",
    re.I,
)
_ALL: Final = re.compile(
    rf"(?:all|every|each)(?:\s+of)?(?:\s+(?P<them>them|(?:the|these|those)(?:\s+(?P<a>{NOUN}))?))?(?:\s+(?P<b>{NOUN}))?"
    rf"|both(?:\s+of\s+(?:them|these|those))?(?:\s+(?P<c>{NOUN}))?|the\s+(?P<d>{NOUN})",
    re.I,
)
_THOSE: Final = re.compile(rf"(?P<one>it|this|that|them|these|those)(?:\s+(?P<noun>{NOUN}))?", re.I)
_AGAIN: Final = re.compile(
    r"[\s,]+(?:again|once more|one more time|closely|carefully|please|now|together|side by side|all)\s*$",
    re.I,
)
_CERTAIN: Final = re.compile(r"\b(?:clips?|hits?)\b", re.I)


@dataclass(frozen=True, slots=True)
class Pointed:
    """Which of the clips are meant."""

    places: tuple[int, ...]
    """In their order, from 1; those beyond the clips are no clips."""
    named: bool
    """Whether the words name clips, as "those clips" do and "those" does not."""
    definite: bool = True
    """Whether they can only mean what was shown before; "all bouts" may mean the experiment's."""


def point(text: str, n_clips: int) -> Pointed | None:
    """Read words that point at clips; ``None`` where they are other words.

    Parameters
    ----------
    text
        "the second clip", "clips 2 and 3", "the first two", "those": nothing else may stand in it.
    n_clips
        How many were shown.
    """
    words = " ".join(text.split()).strip(" .,?!")
    while _AGAIN.search(words):
        words = _AGAIN.sub("", words)
    for form in (_stretch, _counted, _listed, _whole, _pronoun):
        found = form(words, n_clips)
        if found is not None:
            return found
    return None


def _stretch(words: str, n_clips: int) -> Pointed | None:
    match = _STRETCH.fullmatch(words)
    if match is None:
        return None
    first, last = _value(match["a"]), _value(match["b"])
    return Pointed(tuple(range(first, last + 1)), named=True) if first <= last else None


def _counted(words: str, n_clips: int) -> Pointed | None:
    """Read "the first two clips"; "two" alone points at nothing."""
    match = _COUNTED.fullmatch(words)
    if match is None or not (match["lead"] or match["noun"]):
        return None
    n = min(_value(match["n"]), n_clips)
    first = n_clips - n if (match["end"] or "").lower() == "last" else 0
    return Pointed(tuple(range(first + 1, first + n + 1)), bool(match["noun"]), bool(match["lead"].strip()))


def _listed(words: str, n_clips: int) -> Pointed | None:
    if not _LIST.fullmatch(words):
        return None
    # "The first one" is no number one.
    bare = re.sub(rf"({_ORDINAL})\s+ones?\b", r"\1", words, flags=re.I)
    places = [_place(match, n_clips) for match in _ONE.finditer(bare)]
    named = re.search(rf"\b{NOUN}\b", words, re.I) is not None
    return Pointed(tuple(dict.fromkeys(places)), named)


def _place(match: re.Match[str], n_clips: int) -> int:
    word = (match["ordinal"] or match["number"]).lower()
    if word == "last":
        return max(n_clips, 1)
    if word in ORDINALS:
        return ORDINALS.index(word) + 1
    return _value(re.sub(r"(?<=\d)(?:st|nd|rd|th)$", "", word))


def _whole(words: str, n_clips: int) -> Pointed | None:
    match = _ALL.fullmatch(words)
    both = words.lower().startswith("both")
    if match is None or (both and n_clips > 2):
        return None
    noun = next((match[key] for key in "abcd" if match[key]), None)
    them = (match["them"] or "").lower().startswith(("them", "these", "those"))
    if not (noun or them or both):
        return None
    certain = bool(noun and _CERTAIN.search(noun))
    return Pointed(
        tuple(range(1, n_clips + 1)), bool(noun) and (them or certain), them or certain or not noun
    )


def _pronoun(words: str, n_clips: int) -> Pointed | None:
    match = _THOSE.fullmatch(words)
    if match is None:
        return None
    single = match["one"].lower() in ("it", "this", "that")
    places = tuple(range(1, n_clips + 1))
    return Pointed(places[:1] if single else places, bool(match["noun"]))


def _value(word: str) -> int:
    return int(number(word) or 0)
