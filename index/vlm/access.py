"""The model that an experiment's clips may be shown to, loaded or connected to when the first clip is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ethochat.index.settings import VlmSettings
from ethochat.index.vlm import resolve_vlm
from ethochat.index.vlm.base import Capabilities, Vlm


@dataclass(kw_only=True)
class VlmAccess:
    """Opens a model once; several threads may ask for it."""

    spec: str | Vlm | None
    """As for :func:`ethochat.index.vlm.resolve_vlm`; ``None`` where the user named none."""
    settings: VlmSettings = field(default_factory=VlmSettings)
    _opened: Vlm | None = None
    _capabilities: Capabilities | None = None
    _guard: threading.RLock = field(default_factory=threading.RLock)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str | None:
        """How the user named it."""
        return self.spec if isinstance(self.spec, str) or self.spec is None else self.spec.name

    def open(self) -> Vlm:
        """Load or connect.

        Raises
        ------
        ValueError
            When the user named no model.
        BackendUnavailableError
            When it cannot be loaded or reached.
        """
        if self.spec is None:
            raise ValueError("Expected a vision-language model, none is named.")
        with self._guard:
            if self._opened is None:
                self._opened = resolve_vlm(self.spec, self.settings)
            return self._opened

    def capabilities(self) -> Capabilities:
        """What it can do; found out once."""
        with self._guard:
            if self._capabilities is None:
                self._capabilities = self.open().probe()
            return self._capabilities

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until it is one's turn: a model in this process answers one caller at a time, a server queues by itself."""
        if self.name is not None and self.name.startswith("openai:"):
            yield
            return
        with self._turn:
            yield

    def close(self) -> None:
        """Free the model if it was loaded; it is loaded again when asked for."""
        with self._guard:
            if self._opened is not None and isinstance(self.spec, str):
                self._opened.close()
                self._opened = self._capabilities = None
