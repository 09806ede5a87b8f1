"""What looks at pixels: requests with frames in, text and probabilities out.

A backend knows nothing of mice. What is shown and asked is made by :mod:`ethochat.index.vlm.seeing` and
:mod:`ethochat.index.vlm.prompting`; what a reply means is read by :mod:`ethochat.index.vlm.parsing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Finish = Literal["stop", "length", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Decoded frames of one clip, as a model sees them."""

    images: NDArray[np.uint8]
    """RGB, shape ``(n_frames, height, width, 3)``."""
    times: NDArray[np.float64]
    """Seconds from the clip's start (frame numbers where the rate is unknown), ascending, shape ``(n_frames,)``."""
    duration: float
    """Of the clip, in the unit of ``times``."""
    frames: tuple[int, ...]
    """Numbers in the recording."""
    seconds: bool = True
    """Whether times are seconds."""

    def __post_init__(self) -> None:
        n, shape = len(self.frames), self.images.shape
        if n == 0 or len(shape) != 4 or shape[0] != n or shape[3] != 3 or self.times.shape != (n,):
            raise ValueError(
                f"Expected images (n, height, width, 3) and n times for n = {n} > 0 frames, got {shape} and "
                f"{self.times.shape}."
            )

    @property
    def effective_fps(self) -> float | None:
        """Frames shown per second of the clip; ``None`` where the clock is unknown."""
        return len(self.frames) / self.duration if self.seconds and self.duration > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class VlmRequest:
    """One prompt with the clips it is about."""

    key: str
    """Content hash; names the reply and keys the store of replies."""
    system: str
    prompt: str
    clips: tuple[Frames, ...]
    """In the order in which the prompt speaks of them."""
    json_schema: Mapping[str, Any] | None = None
    """Structured output is asked for where the backend can; the prompt states the form anyway."""
    choices: tuple[str, ...] = ()
    """One-word answers whose probabilities are wanted, such as ``("yes", "no")``; the reply begins with one of them."""
    max_new_tokens: int = 256

    @property
    def n_frames(self) -> int:
        """Images in all clips."""
        return sum(len(clip.frames) for clip in self.clips)


@dataclass(frozen=True, slots=True, kw_only=True)
class VlmReply:
    """What came back for one request."""

    key: str
    text: str = ""
    probabilities: Mapping[str, float] | None = None
    """Of the choices, by the first generated token, normalised over them; ``None`` where the backend gives none."""
    finish: Finish = "stop"
    error: str | None = None
    """Why there is no text; the others of a run are not affected."""
    prompt_tokens: int | None = None
    new_tokens: int | None = None
    elapsed_s: float = 0.0
    """Share of the time of the batch it was in."""
    decoding: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the generation: ``do_sample``, ``temperature``, ``max_new_tokens``, ``dtype`` …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a backend can do, found out by trying."""

    video: bool
    """Takes clips as videos with times; else as images one after the other."""
    structured: bool
    """Follows a JSON schema."""
    probabilities: bool
    """Gives token probabilities."""
    device: str
    """Where it runs: ``cpu``, ``cuda (NVIDIA H200), bfloat16, sdpa``, ``http://…``."""
    context_tokens: int | None = None
    max_frames: int | None = None
    """Most frames of one request, where fewer fit than the settings allow."""
    notes: tuple[str, ...] = ()
    """What is missing, one line each, with the remedy."""


@runtime_checkable
class Vlm(Protocol):
    """A vision-language model."""

    name: str
    """How the user named it: ``transformers:…``, ``openai:…@…``, ``scripted``."""
    model: str
    """What wrote the replies; stored with each. Never holds a key or a password."""

    def probe(self) -> Capabilities:
        """Try a tiny request of each kind and say what works; remembered after the first call.

        Raises
        ------
        BackendUnavailableError
            When it does not answer at all, with the remedy.
        """
        ...

    def generate(self, requests: Iterable[VlmRequest]) -> Iterator[VlmReply]:
        """Answer requests, each exactly once, in any order.

        Requests are drawn as they are needed, a bounded number ahead, so that frames of later ones are
        decoded while earlier ones are answered; a reply is yielded as soon as it is there. What fails for one
        request becomes its reply's ``error``.

        Raises
        ------
        BackendUnavailableError
            When nothing more can be answered; replies yielded before stand.
        """
        ...

    def close(self) -> None:
        """Free what it holds; safe to call twice."""
        ...
