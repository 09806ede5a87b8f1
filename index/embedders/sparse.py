"""Words of a text as a sparse vector, so that a search also finds what is said literally.

A document's word weighs what BM25 gives it but for the inverse document frequency, which the vector index
multiplies in from what it holds (Qdrant's ``Modifier.IDF``)::

    tf (k1 + 1) / (tf + k1 (1 - b + b n_words / mean_n_words))

Robertson and Zaragoza (2009), The Probabilistic Relevance Framework: BM25 and Beyond, Foundations and Trends
in Information Retrieval 3(4), equation 3.15. A query's word weighs 1.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ethochat.index.words import name_stems, stem

_K1: Final = 1.2
_B: Final = 0.75
_MEAN_N_WORDS: Final = 10.0
"""Of the built-in descriptions; a constant, so that a segment's vector depends on its own text alone."""

_STOP_WORDS: Final = frozenset(
    stem(word)
    for word in """
    a about also an and any are as at be been being but by can do does for from had has have he her his how i
    if in into is it its me my of on or our she so some than that the their them then there these they this
    those to was we were what when where which while who will with you your
    s ms min sec cm mm px fps
    """.split()
)
"""Not from a library: their lists hold "still", "move", "up", "down" and "not", which tell behaviors apart."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SparseVector:
    """Non-zero places and their values; empty for a text without words."""

    indices: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, dtype=np.uint32))
    """Ascending, each once; shape ``(n_words,)``."""
    values: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    """Shape ``(n_words,)``."""

    def __bool__(self) -> bool:
        return self.indices.size > 0


@lru_cache(maxsize=8192)
def embed_document(text: str) -> SparseVector:
    """Weigh the words of a description.

    Parameters
    ----------
    text
        What is said of a segment. Numbers, units and words without meaning of their own are left out: a
        number in a question is met by the tables, and "10 s" is not near "10 cm/s".
    """
    counts = Counter(_places(text))
    n_words = counts.total()
    long = _K1 * (1 - _B + _B * n_words / _MEAN_N_WORDS)
    return _vector({place: tf * (_K1 + 1) / (tf + long) for place, tf in counts.items()})


def embed_query(text: str) -> SparseVector:
    """Give each distinct word of a query the weight 1."""
    return _vector(dict.fromkeys(_places(text), 1.0))


def _places(text: str) -> list[int]:
    stems = name_stems(text)
    return [_place(word) for word in stems if word not in _STOP_WORDS and not word[0].isdigit()]


@lru_cache(maxsize=8192)
def _place(word: str) -> int:
    """Same place for the same stem on every machine; 5,000 stems share one with a chance of 0.3 %."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "big")


def _vector(weights: dict[int, float]) -> SparseVector:
    places = sorted(weights)
    return SparseVector(
        indices=np.array(places, dtype=np.uint32),
        values=np.array([weights[place] for place in places], dtype=np.float32),
    )
