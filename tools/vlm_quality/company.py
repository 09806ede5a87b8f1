"""Whether a text says that there is more than one animal."""

from __future__ import annotations

import re
from typing import Final

_ONE: Final = r"(?:mouse|rat|animal|rodent|individual|subject)"
_SEVERAL: Final = r"(?:mice|rats|animals|rodents|individuals|subjects)"
_COMPANION: Final = r"(?:conspecifics?|cage[- ]?mates?|litter[- ]?mates?|intruders?)"
_MANY: Final = (
    r"(?:two|three|four|five|six|several|multiple|many|both|some|[2-9]|(?:an? )?(?:pair|couple|group) of)"
)
_COMPANY: Final = (
    re.compile(rf"\b{_MANY}(?: of)?(?: the| these)?(?: [a-z]+){{0,2}} {_SEVERAL}\b", re.IGNORECASE),
    re.compile(
        rf"\b(?:an?other|other|second|third|additional|fellow|nearby|neighbou?ring)(?: [a-z]+)? (?:{_ONE}|{_SEVERAL})\b",
        re.IGNORECASE,
    ),
    re.compile(rf"\b(?:the|these|those) {_SEVERAL}\b", re.IGNORECASE),
    re.compile(rf"\b{_COMPANION}\b", re.IGNORECASE),
)
"""Phrasings that claim company: "two mice", "another dark mouse", "the rats", "a conspecific"."""
_CLAUSE: Final = re.compile(r"[.;:!?]|,? but\b", re.IGNORECASE)
_REACH: Final = 5
"""Words before a phrase in which it can be denied."""
_DENIED_BEFORE: Final = re.compile(
    r"\b(?:no|not|without|never|neither|nor|cannot|rather than|instead of)\b|n't\b", re.IGNORECASE
)
_DENIED_AFTER: Final = re.compile(
    r"^\W*(?:(?:is|are|was|were|can|could|do|does) ?(?:not|n't|never|absent)|cannot|absent)", re.IGNORECASE
)


def names_company(text: str) -> str | None:
    """Find the words that say there is another animal.

    A phrase is not counted where its clause denies it: "no other mouse is visible", "a second animal is not seen".

    Returns
    -------
    str or None
        The first such words as they stand; ``None`` where the text names one animal or none.
    """
    found = sorted((match for pattern in _COMPANY for match in pattern.finditer(text)), key=re.Match.start)
    return next((match.group() for match in found if not _denied(text, match)), None)


def _denied(text: str, match: re.Match[str]) -> bool:
    before = " ".join(_CLAUSE.split(text[: match.start()])[-1].split()[-_REACH:])
    return bool(_DENIED_BEFORE.search(before) or _DENIED_AFTER.match(text[match.end() :]))
