"""A double for tests: words hashed into a short vector, no model behind it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"\w+")


class HashingEmbedder:
    """Double: two texts are as near as they share words; synonyms are strangers. Not for real questions."""

    name = "hashing-double@1"
    dimension = 64

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Count each text's words in hashed buckets and normalise.

        Returns
        -------
        NDArray
            Shape ``(len(texts), 64)``, rows of length 1 (a text without words points along the first axis).
        """
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in _WORD.findall(text.casefold()):
                digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
                vectors[row, int.from_bytes(digest, "big") % self.dimension] += 1.0
            if not vectors[row].any():
                vectors[row, 0] = 1.0
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors
