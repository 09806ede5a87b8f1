"""Words of a question and of the experiment's names, brought to one form so that they can be compared.

A name such as ``bodycentre.raw.distance``, ``OFT_5`` or ``S-Grm`` and a phrase such as "supported rears" are both sequences of
atoms: runs of letters (stemmed, American spelling) and numbers.
"""

from __future__ import annotations

import math
import re
import threading
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer

_ATOM = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+", re.UNICODE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_STEMMER = snowballstemmer.stemmer("english")
_STEMMING = threading.Lock()
"""The stemmer keeps the word in itself: two threads at once get each other's stem, or an error."""

_BRITISH = (
    ("behaviour", "behavior"), ("centre", "center"), ("metre", "meter"), ("colour", "color"), ("grey", "gray"),
    ("labelled", "labeled"), ("labelling", "labeling"), ("travelled", "traveled"), ("travelling", "traveling"),
    ("analyse", "analyze"), ("summarise", "summarize"), ("favourite", "favorite"), ("neighbour", "neighbor"),
)  # fmt: skip

_IRREGULAR = {
    "mice": "mouse", "ran": "run", "fed": "feed", "ate": "eat", "sat": "sit", "slept": "sleep", "bit": "bite", "fought": "fight",
    "froze": "freeze", "frozen": "freeze", "swam": "swim", "men": "man", "women": "woman", "stood": "stand", "spent": "spend",
    "lain": "lie", "drank": "drink", "drunk": "drink", "dug": "dig",
}  # fmt: skip

NUMBER_WORDS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "sixty": 60,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Atom:
    """One word or number of a text."""

    text: str
    stem: str
    start: int
    stop: int


def american(text: str) -> str:
    """Lower-case a text and spell it the American way."""
    lowered = text.lower()
    for british, spelling in _BRITISH:
        lowered = lowered.replace(british, spelling)
    return lowered


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """Stem one word; numbers come out in a canonical form."""
    if word[0].isdecimal():
        return f"{float(word):g}"
    word = american(word)
    with _STEMMING:
        return str(_STEMMER.stemWord(_IRREGULAR.get(word, word)))


def atoms(text: str) -> list[Atom]:
    """Split a text into words and numbers with their places."""
    return [
        Atom(match.group(), stem(match.group()), match.start(), match.end()) for match in _ATOM.finditer(text)
    ]


@lru_cache(maxsize=8192)
def name_stems(name: str) -> tuple[str, ...]:
    """Stems of a name's atoms: ``"bodycentre.raw.distance"`` gives ``("bodycent", "raw", "distanc")``."""
    return tuple(atom.stem for atom in atoms(_CAMEL.sub(" ", name)))


def number(text: str) -> float | None:
    """Read a number in digits or words."""
    lowered = text.lower()
    if lowered in NUMBER_WORDS:
        return float(NUMBER_WORDS[lowered])
    try:
        value = float(lowered.replace(",", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
