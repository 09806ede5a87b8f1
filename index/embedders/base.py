"""What turns a sentence into a vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Embedder(Protocol):
    """Sentence embeddings."""

    name: str
    """Model and version; stored with the index and compared when it is opened."""
    dimension: int

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed sentences.

        Returns
        -------
        NDArray
            Shape ``(len(texts), dimension)``, each row of length 1; the same text gives the same row in
            every call up to rounding.
        """
        ...
