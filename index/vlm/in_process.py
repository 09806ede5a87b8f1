"""A vision-language model in this process: any of transformers whose chat template has a place for images."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ethochat.index.errors import BackendUnavailableError
from ethochat.index.settings import VlmSettings
from ethochat.index.vlm.base import Capabilities, Frames, Vlm, VlmReply, VlmRequest
from ethochat.index.vlm.batching import Preparation
from ethochat.index.vlm.encoding import Encoder, make_encoder
from ethochat.index.vlm.generation import (
    GREEDY,
    Generated,
    choice_probabilities,
    choice_tokens,
    generate_batch,
    is_out_of_memory,
)
from ethochat.index.vlm.loading import LoadedModel, load_model

logger = logging.getLogger(__name__)

_FAILURES: Final = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RuntimeError,
    MemoryError,
    OSError,
)
"""What processors and models raise for one input that they cannot take."""
_PROBE_PX: Final = 64
_TEXT_TOKENS: Final = 600
"""What a prompt with its list of behaviors and facts takes beside the frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Requests with their tensors, or with the reason why there are none."""

    requests: list[VlmRequest]
    inputs: Any = None
    failure: Exception | None = None


class InProcessVlm:
    """Batched greedy generation; frames of later requests are prepared meanwhile.

    Safe to be called by several threads: they take turns at the model.
    """

    def __init__(self, loaded: LoadedModel, settings: VlmSettings, *, name: str | None = None) -> None:
        """Wrap a model.

        Raises
        ------
        BackendUnavailableError
            When its chat template has no place for images.
        """
        self.name = name or f"transformers:{loaded.identity}"
        self.model = loaded.identity
        self._loaded: LoadedModel | None = loaded
        self._encoder: Encoder = make_encoder(loaded)
        self._settings = settings
        self._size = max(settings.batch_size, 1)
        self._capabilities: Capabilities | None = None
        self._turn = threading.RLock()

    def probe(self) -> Capabilities:
        """Try a clip as video and as images, and count the tokens of the largest request that the settings allow."""
        with self._turn:
            loaded = self.loaded
            if self._capabilities is None:
                self._capabilities = self._probed(loaded)
            return self._capabilities

    def generate(self, requests: Iterable[VlmRequest]) -> Iterator[VlmReply]:
        """Answer requests in batches of those most alike; smaller batches from then on where memory runs out."""
        self.probe()
        with Preparation(requests, self._prepare, size=lambda: self._size, kind=self._kind) as batches:
            for batch in batches:
                yield from self._answer(batch)

    def close(self) -> None:
        """Free the memory of the weights."""
        with self._turn:
            self._loaded = None
            gc.collect()  # modules of torch refer to each other
            _free_device_memory()

    @property
    def loaded(self) -> LoadedModel:
        """The model itself.

        Raises
        ------
        BackendUnavailableError
            After :meth:`close`.
        """
        if self._loaded is None:
            raise BackendUnavailableError(f"The model {self.model!r} was closed; load it again.")
        return self._loaded

    # -- one batch ---------------------------------------------------------------------------------------------------

    def _kind(self, request: VlmRequest) -> Hashable:
        """Clips as videos and as images are prepared differently; answers end together where they are as long."""
        return self._encoder.as_video(request), bool(request.choices), request.max_new_tokens

    def _prepare(self, requests: list[VlmRequest]) -> _Batch:
        try:
            return _Batch(requests=requests, inputs=self._encoder.encode(requests))
        except _FAILURES as exc:
            return _Batch(requests=requests, failure=exc)

    def _answer(self, batch: _Batch) -> Iterator[VlmReply]:
        """Answer a batch, in halves where it cannot be prepared or does not fit; one that fails alone is an error."""
        failure = batch.failure
        if failure is None and len(batch.requests) <= self._size:
            try:
                yield from self._run(batch)
            except _FAILURES as exc:
                failure = exc.with_traceback(None)  # its frames hold the tensors that did not fit
                self._note_failure(exc, len(batch.requests))
            else:
                return
        if len(batch.requests) == 1 and failure is not None:
            yield self._failed(batch.requests[0], failure)
            return
        batch = replace(batch, inputs=None)  # its tensors make room for the halves
        middle = (len(batch.requests) + 1) // 2
        for half in (batch.requests[:middle], batch.requests[middle:]):
            yield from self._answer(self._prepare(half))

    def _run(self, batch: _Batch) -> list[VlmReply]:
        requests = batch.requests
        started = time.perf_counter()
        with self._turn:
            loaded = self.loaded
            lengths = batch.inputs["attention_mask"].sum(dim=1).tolist()
            most = requests[0].max_new_tokens
            late = [self._too_long(loaded, int(length), most) for length in lengths]
            if any(late):
                return self._without(batch, late)
            generated = generate_batch(loaded, batch.inputs, most)
        share = (time.perf_counter() - started) / len(requests)
        return [self._reply(loaded, *pair, share) for pair in zip(requests, generated, strict=True)]

    def _without(self, batch: _Batch, late: Sequence[str | None]) -> list[VlmReply]:
        """Refuse what is too long for the context and answer the rest."""
        pairs = list(zip(batch.requests, late, strict=True))
        replies = [VlmReply(key=request.key, finish="error", error=why) for request, why in pairs if why]
        rest = [request for request, why in pairs if not why]
        return [*replies, *(self._answer(self._prepare(rest)) if rest else ())]

    def _reply(
        self, loaded: LoadedModel, request: VlmRequest, generated: Generated, share: float
    ) -> VlmReply:
        probabilities = None
        if request.choices:
            tokens = choice_tokens(loaded.processor.tokenizer, request.choices)
            probabilities = choice_probabilities(generated.logits, tokens)
        return VlmReply(
            key=request.key,
            text=generated.text,
            probabilities=probabilities,
            finish=generated.finish,
            prompt_tokens=generated.prompt_tokens,
            new_tokens=generated.new_tokens,
            elapsed_s=share,
            decoding=self._decoding(loaded, request),
        )

    def _decoding(self, loaded: LoadedModel, request: VlmRequest) -> dict[str, Any]:
        return {
            **GREEDY,
            "max_new_tokens": request.max_new_tokens,
            "dtype": loaded.dtype,
            "attention": loaded.attention,
            "clips": "video" if self._encoder.as_video(request) else "images",
        }

    def _note_failure(self, exc: Exception, n: int) -> None:
        """Make batches smaller where memory ran out; end the run where the device is lost."""
        if type(exc).__name__ == "AcceleratorError" and not is_out_of_memory(exc):
            raise BackendUnavailableError(
                f"{self.model!r} stopped: the device reports {_first_line(exc)}; start again, what was answered is kept."
            ) from exc
        if not is_out_of_memory(exc):
            return
        _free_device_memory()
        if n > 1:
            self._size = min(self._size, (n + 1) // 2)
            logger.warning(
                "Memory ran out with %d clips at once: going on with %d; set batch_size = %d under [vlm].",
                n, self._size, self._size,
            )  # fmt: skip

    def _failed(self, request: VlmRequest, exc: Exception) -> VlmReply:
        if is_out_of_memory(exc):
            why = (
                f"memory runs out even for this clip alone ({request.n_frames} frames); lower max_frames or size_px under "
                "[vlm], or use a smaller model"
            )
        else:
            why = f"the model cannot take it: {_first_line(exc)}"
        return VlmReply(key=request.key, finish="error", error=why)

    def _too_long(self, loaded: LoadedModel, prompt_tokens: int, new_tokens: int) -> str | None:
        context = loaded.context_tokens
        if context is None or prompt_tokens + new_tokens <= context:
            return None
        return (
            f"the prompt has {prompt_tokens} tokens and {new_tokens} more are to be written, the model takes {context} in "
            "all; lower max_frames or size_px under [vlm]"
        )

    # -- what it can do ----------------------------------------------------------------------------------------------

    def _probed(self, loaded: LoadedModel) -> Capabilities:
        notes: list[str] = []
        if self._encoder.video and (why := self._refusal(loaded, video=True)):
            self._encoder = replace(self._encoder, video=False)
            notes.append(f"Clips are shown as images: as videos the model does not take them ({why}).")
        elif not loaded.takes_video:
            notes.append(
                "Clips are shown as images, one after the other: the model's processor takes no videos."
            )
        if not self._encoder.video and (why := self._refusal(loaded, video=False)):
            raise BackendUnavailableError(
                f"{self.model!r} was loaded and does not take images: {why}; name another model."
            )
        if not all(choice_tokens(loaded.processor.tokenizer, ("yes", "no")).values()):
            notes.append(
                "No probabilities: its tokens for yes and no begin alike; answers are read as words instead."
            )
        notes.append("Answers are not held to a JSON schema; a server (openai:MODEL@URL) can do that.")
        notes += self._room(loaded)
        return Capabilities(
            video=self._encoder.video,
            structured=False,
            probabilities=not any(note.startswith("No probabilities") for note in notes),
            device=loaded.where,
            context_tokens=loaded.context_tokens,
            notes=tuple(notes),
        )

    def _refusal(self, loaded: LoadedModel, *, video: bool) -> str | None:
        """Why a tiny request is not answered; ``None`` where it is."""
        encoder = replace(self._encoder, video=video)
        try:
            generate_batch(loaded, encoder.encode([_tried(4, _PROBE_PX, max_new_tokens=2)]), 2)
        except _FAILURES as exc:
            return _first_line(exc)
        return None

    def _room(self, loaded: LoadedModel) -> list[str]:
        """Say it where the largest request that the settings allow is longer than the context."""
        settings = self._settings
        largest = _tried(settings.max_frames, settings.size_px, max_new_tokens=settings.max_new_tokens)
        try:
            tokens = [
                int(self._encoder.encode([request])["input_ids"].shape[1])
                for request in (_tried(2, settings.size_px, max_new_tokens=1), largest)
            ]
        except _FAILURES as exc:
            return [
                f"{settings.max_frames} frames of {settings.size_px} px cannot be prepared ({_first_line(exc)}); lower "
                "max_frames or size_px under [vlm]."
            ]
        context = loaded.context_tokens
        if context is None or tokens[1] + settings.max_new_tokens + _TEXT_TOKENS <= context:
            return []
        per_frame = max((tokens[1] - tokens[0]) / max(settings.max_frames - 2, 1), 1e-9)
        room = context - settings.max_new_tokens - _TEXT_TOKENS - (tokens[0] - 2 * per_frame)
        fits = max(int(room / per_frame), 0)
        remedy = (
            f"set max_frames = {fits}, or a smaller size_px, under [vlm]"
            if fits >= 2
            else "use another model"
        )
        return [
            f"{settings.max_frames} frames of {settings.size_px} px take {tokens[1]} tokens and the model takes {context} "
            f"with prompt and answer; {remedy}."
        ]


def load_in_process(rest: str, settings: VlmSettings) -> Vlm:
    """Load a model from a folder or a repository.

    Raises
    ------
    BackendUnavailableError
        When it cannot be loaded, with the remedy.
    """
    return InProcessVlm(
        load_model(rest, run_code=settings.run_model_code), settings, name=f"transformers:{rest}"
    )


def _tried(n_frames: int, size_px: int, *, max_new_tokens: int) -> VlmRequest:
    """A request for trying: a square that moves over a gray floor, 4 frames per second."""
    images = np.full((n_frames, size_px, size_px, 3), 180, dtype=np.uint8)
    for number, image in enumerate(images):
        start = number * size_px // (2 * n_frames)
        image[start : start + size_px // 4, start : start + size_px // 4] = 40
    clip = Frames(
        images=images,
        times=np.arange(n_frames) / 4,
        duration=n_frames / 4,
        frames=tuple(range(0, 6 * n_frames, 6)),
    )
    prompt = "Is there a mouse? Answer yes or no."
    return VlmRequest(key="probe", system="", prompt=prompt, clips=(clip,), max_new_tokens=max_new_tokens)


def _free_device_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _first_line(exc: BaseException) -> str:
    return str(exc).strip().partition("\n")[0][:200] or type(exc).__name__
