"""Make torchvision importable beside a torch that its compiled part was not built for.

Wheels of torchvision are linked against CUDA. Beside a CPU build of torch their compiled part does not load, the two
operators that it would have declared are missing, and ``import torchvision`` ends in "operator torchvision::nms does not
exist". transformers imports torchvision wherever it is installed, so that every model would fail with it, those of
sentences included. What is used here (resizing and normalizing of pixels) is plain Python on torch: it works as soon
as the two operators are declared. Nothing calls them.
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from importlib.util import find_spec
from typing import Any, Final

logger = logging.getLogger(__name__)

_DECLARED: Final = tuple(
    f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for name in ("nms", "qnms")
)
"""Schemas of ``torchvision/csrc/ops/nms.cpp`` and ``quantized``, whose fake kernels ``import torchvision`` registers."""

_lock = threading.Lock()
_libraries: list[Any] = []  # torch takes the declarations back when this object goes
_usable: bool | None = None


def ensure_torchvision() -> bool:
    """Import torchvision, its operators declared where its compiled part does not load.

    To be called before the first import of a model of transformers or sentence-transformers. Costs a look at the
    path where torchvision is not installed, and an import that transformers would do anyway where it is.

    Returns
    -------
    bool
        Whether torchvision can be used.
    """
    global _usable  # noqa: PLW0603 - found out once per process
    with _lock:
        if _usable is None:
            _usable = find_spec("torchvision") is not None and _import()
        return _usable


def _import() -> bool:
    try:
        try:
            importlib.import_module("torchvision")
        except RuntimeError as exc:
            if "torchvision::" not in str(exc):
                raise
            _forget()
            _declare()
            importlib.import_module("torchvision")
    except (ImportError, RuntimeError, AttributeError) as exc:
        _forget()
        logger.warning(
            "torchvision is installed and cannot be imported (%s); run `pip install -c constraints.txt 'torchvision>=0.28,<0.29'` "
            "in the project folder, or uninstall it.",
            str(exc).strip().partition("\n")[0],
        )
        return False
    return True


def _forget() -> None:
    """Drop what a failed import left behind."""
    for name in [name for name in sys.modules if name == "torchvision" or name.startswith("torchvision.")]:
        del sys.modules[name]


def _declare() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _DECLARED:
        library.define(schema)
    _libraries.append(library)
