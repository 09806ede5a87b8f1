"""Words with which a keyword says that something is not seen, or not surely, or not now."""

from __future__ import annotations

import re
from typing import Final

from ethochat.index.words import atoms, stem

__all__ = ["denies", "is_asserted", "is_questioned"]

_DENYING: Final = frozenset(
    """
    no not non never none nothing nobody neither nor without absent absence lack devoid zero 0 false negative cannot
    dont doesnt didnt isnt arent wasnt cant couldnt wont hardly barely scarcely rarely seldom minimal negligible unable
    inability impossible unseen unobserved undetected invisible missing deny exclude refuse refrain
    """.split()
)
_FAILING: Final = frozenset("fail failure unsuccessful abort incomplete prevent inhibit suppress".split())
_ENDING: Final = frozenset(
    "stop cease cessation halt quit pause interrupt interruption discontinue finish terminate termination".split()
)
"""Alone they are behaviors: a mouse that pauses."""
_HEDGING: Final = frozenset(
    """
    almost nearly virtually practically possible possibility potential probable probably perhaps maybe may might could would
    should seem appear apparent likely unlikely like unlike presumably presumed suspect suggest resemble doubt questionable
    dubious uncertain unclear unsure ambiguous unconfirmed unverified undetermined hypothetical attempt try intend intention
    want instead except if or whether mimic simulate pretend pseudo quasi
    """.split()
)
_AT_ANOTHER_TIME: Final = frozenset(
    "before prior until previous former future imminent upcoming soon prepare preparation ready verge".split()
)
_AS_WRITTEN: Final = frozenset("hardly barely scarcely rarely nearly like likely missing".split())
"""Their stems are those of other words too: hard, bare, near."""
_CONTRACTED: Final = re.compile(r"n['\u2019\u02bc]t\b", re.IGNORECASE)
_PHRASES: Final = re.compile(
    r"\babout to\b|\bgoing to\b|\brather than\b|\bother than\b|\bfree (?:of|from)\b|\b(?:ruled?|ruling) out\b|\bas (?:if|though)\b|"
    r"^\W*(?:just |right |shortly |immediately )?after\b|\b(?:pre|post)-|^\W*(?:ends|ended|ending|(?:the )?end of)\b|\bend(?:s|ed)\W*$|"
    r"\b(?:is|was) over\W*$|(?<!\ba )\blittle\b",
    re.IGNORECASE,
)
"""Words that deny only together or only at their place: an arm has an end, a mouse walks about."""
_MARKS: Final = re.compile(r"[?\u00bf\uff1f\u00ac\u2717\u2718]|^\s*!")
_PREFIX: Final = re.compile(r"\bnon(?=[a-z]{5})", re.IGNORECASE)


def _forms(words: frozenset[str]) -> frozenset[str]:
    """Stems, and the words themselves where the stem would mean more."""
    return (words & _AS_WRITTEN) | {stem(word) for word in words - _AS_WRITTEN}


_NO: Final = _forms(_DENYING | _FAILING)
_END: Final = _forms(_ENDING)
_UNSURE: Final = _forms(_HEDGING | _AT_ANOTHER_TIME)


def denies(text: str) -> bool:
    """Whether a text says that something is not, or no longer, done.

    What ends something denies it only where it says what ends: "pausing" is a behavior, "pauses grooming" is not grooming.
    """
    words = [form for atom in atoms(text) for form in (atom.text.lower(), atom.stem)]
    if any(word in _NO for word in words) or _CONTRACTED.search(text) or _PREFIX.search(text):
        return True
    return len(words) > 2 and any(word in _END for word in words)


def is_asserted(text: str) -> bool:
    """Whether a text says that something is done, now, and neither denies it nor doubts it."""
    words = (form for atom in atoms(text) for form in (atom.text.lower(), atom.stem))
    doubtful = any(word in _UNSURE for word in words) or _PHRASES.search(text) or is_questioned(text)
    return not (doubtful or denies(text))


def is_questioned(text: str) -> bool:
    """Whether a mark alone doubts or denies a text: ``grooming?``."""
    return _MARKS.search(text) is not None
