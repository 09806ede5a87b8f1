"""One batch through a model of transformers: greedy text, and how likely each choice was as its beginning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ethochat.index.vlm.base import Finish
from ethochat.index.vlm.loading import LoadedModel

GREEDY: Final[Mapping[str, Any]] = {
    "do_sample": False,
    "num_beams": 1,
    "temperature": 1.0,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
}
"""Stated one by one: what is left out is taken from the file of the model, where it may be anything."""
_OUT_OF_MEMORY: Final = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "Failed to allocate memory",
)
"""How CUDA, CPU and MPS say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What a model wrote after one prompt."""

    text: str
    finish: Finish
    new_tokens: int
    prompt_tokens: int
    logits: NDArray[np.float64]
    """Of the first token after the prompt, shape ``(n_vocabulary,)``."""


class FirstLogits:
    """Keeps the logits of the first step; those of all steps would take gigabytes."""

    def __init__(self) -> None:
        self.kept: Any = None

    def __call__(self, input_ids: Any, scores: Any) -> Any:  # noqa: ANN401 - tensors
        """Look at the logits of one step, shape ``(n_requests, n_vocabulary)``, and leave them as they are."""
        if self.kept is None:
            self.kept = scores.float().cpu()
        return scores


def generate_batch(loaded: LoadedModel, inputs: Any, max_new_tokens: int) -> list[Generated]:  # noqa: ANN401
    """Continue every prompt of a batch, the likeliest token each time.

    Parameters
    ----------
    inputs
        From :meth:`~ethochat.index.vlm.encoding.Encoder.encode`: tokens padded on the left, pixels.
    max_new_tokens
        Longest continuation.
    """
    import torch
    from transformers import GenerationConfig, LogitsProcessorList

    first = FirstLogits()
    with torch.inference_mode():
        sequences = loaded.model.generate(
            **inputs.to(loaded.device),
            generation_config=GenerationConfig(
                max_new_tokens=max_new_tokens, **GREEDY, **_marks(loaded), use_cache=True
            ),
            logits_processor=LogitsProcessorList([first]),
        )
    n_prompt = inputs["input_ids"].shape[1]
    lengths = inputs["attention_mask"].sum(dim=1).tolist()
    rows = zip(sequences[:, n_prompt:].tolist(), lengths, first.kept.double().numpy(), strict=True)
    return [_read(loaded, new, length, logits) for new, length, logits in rows]


def is_out_of_memory(exc: BaseException) -> bool:
    """Whether an error says that memory ran out, on any device."""
    return isinstance(exc, MemoryError) or any(words in str(exc) for words in _OUT_OF_MEMORY)


def choice_tokens(tokenizer: Any, choices: Sequence[str]) -> dict[str, list[int]]:  # noqa: ANN401
    """Tokens with which each choice may begin: as written, in small, with a capital, in capitals, after a space.

    A token with which two choices begin says nothing and is left out.

    Returns
    -------
    dict
        Choice to ascending token ids; empty for a choice that begins like another in every form.
    """
    found: dict[str, set[int]] = {}
    for choice in choices:
        forms = {choice, choice.lower(), choice.capitalize(), choice.upper()}
        written = [f"{space}{form}" for form in sorted(forms) for space in ("", " ")]
        codes = (tokenizer.encode(form, add_special_tokens=False) for form in written)
        found[choice] = {int(code[0]) for code in codes if code}
    shared = {
        token
        for choice, own in found.items()
        for token in own
        if any(token in found[c] for c in found if c != choice)
    }
    return {choice: sorted(own - shared) for choice, own in found.items()}


def choice_probabilities(
    logits: NDArray[np.float64], tokens: Mapping[str, Sequence[int]]
) -> dict[str, float] | None:
    """Probability of each choice by the first token, normalized over the choices.

    Parameters
    ----------
    logits
        Shape ``(n_vocabulary,)``; the constant of the softmax cancels.
    tokens
        From :func:`choice_tokens`.

    Returns
    -------
    dict or None
        Adds up to 1; ``None`` where a choice has no token of its own or the logits are no numbers.
    """
    from scipy.special import logsumexp

    if not tokens or not all(tokens.values()):
        return None
    masses = np.array([logsumexp(logits[list(own)]) for own in tokens.values()])
    if not np.isfinite(masses).any() or np.isnan(masses).any():
        return None
    shares = np.exp(masses - logsumexp(masses))
    return {choice: float(share) for choice, share in zip(tokens, shares / shares.sum(), strict=True)}


def end_tokens(loaded: LoadedModel) -> list[int]:
    """Tokens that end an answer, as the model's files say."""
    stated = getattr(loaded.model.generation_config, "eos_token_id", None)
    if stated is None:
        stated = loaded.processor.tokenizer.eos_token_id
    if stated is None:
        return []
    return [int(token) for token in stated] if isinstance(stated, list | tuple) else [int(stated)]


def _marks(loaded: LoadedModel) -> dict[str, Any]:
    ends = end_tokens(loaded)
    pad = loaded.processor.tokenizer.pad_token_id
    return {"eos_token_id": ends or None, "pad_token_id": pad if pad is not None else next(iter(ends), 0)}


def _read(loaded: LoadedModel, new: list[int], prompt_tokens: int, logits: NDArray[np.float64]) -> Generated:
    ends = set(end_tokens(loaded))
    stop = next((place for place, token in enumerate(new) if token in ends), None)
    text = loaded.processor.tokenizer.decode(new[:stop], skip_special_tokens=True)
    return Generated(
        text=text.strip(),
        finish="length" if stop is None else "stop",
        new_tokens=len(new) if stop is None else stop + 1,
        prompt_tokens=int(prompt_tokens),
        logits=logits,
    )
