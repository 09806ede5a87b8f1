"""Requests into what a model of transformers reads: messages in the form of its own chat template, pixels into tensors."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ethochat.index.errors import BackendUnavailableError
from ethochat.index.vlm.base import Frames, VlmRequest
from ethochat.index.vlm.loading import LoadedModel

logger = logging.getLogger(__name__)

Message = dict[str, Any]
_FEWEST_OF_A_VIDEO: Final = 2
"""Video encoders join frames in pairs: a single one is an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """Makes tensors of requests, by the processor of one model."""

    processor: Any
    dtype: str
    """Of the weights, which pixels are given in."""
    video: bool
    """Whether clips may be given as videos."""
    system: bool
    """Whether the chat template has a place for a system message; else it opens the user's."""
    control: re.Pattern[str] | None
    """Tokens that the tokenizer finds in text: speakers, places of images."""

    def as_video(self, request: VlmRequest) -> bool:
        """Whether a request's clips are given as videos.

        Models write the times of a video's frames into the prompt: a clip whose clock is unknown has none and
        is given as images.
        """
        return self.video and all(
            clip.seconds and clip.duration > 0 and len(clip.frames) >= _FEWEST_OF_A_VIDEO
            for clip in request.clips
        )

    def encode(self, requests: Sequence[VlmRequest]) -> Any:  # noqa: ANN401 - transformers has no types
        """Tokenize prompts and prepare pixels, padded on the left to one length.

        Parameters
        ----------
        requests
            All with clips as videos, or all with clips as images.

        Returns
        -------
        BatchFeature
            On the CPU; numbers of pixels in the dtype of the weights.
        """
        import torch

        video = self.as_video(requests[0])
        options: dict[str, Any] = {"padding": True}
        clips = [clip for request in requests for clip in request.clips]
        if video and clips:
            options |= {"do_sample_frames": False, "video_metadata": [_metadata(clip) for clip in clips]}
            if getattr(self.processor.video_processor, "cap_pixels_per_frame", False) is None:
                options["cap_pixels_per_frame"] = True  # as the model was trained; its default is to change
        inputs = self.processor.apply_chat_template(
            [messages(self._harmless(request), video=video, system=self.system) for request in requests],
            tokenize=True,
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs=options,
        )
        return inputs.to(getattr(torch, self.dtype))

    def _harmless(self, request: VlmRequest) -> VlmRequest:
        """Break up control tokens in what is said: names and questions come from people, and are text.

        The processors' own ``sanitize_control_tokens`` is not used: several count places of images in the text
        before it and refuse the prompt.
        """
        if self.control is None:
            return request
        return replace(
            request,
            system=self.control.sub(_broken, request.system),
            prompt=self.control.sub(_broken, request.prompt),
        )


def make_encoder(loaded: LoadedModel) -> Encoder:
    """Find out by rendering which kinds of messages the chat template has a place for.

    Raises
    ------
    BackendUnavailableError
        When it has none for images.
    """
    loaded.processor.tokenizer.padding_side = "left"  # what is generated must follow the prompt
    system = _rendered(loaded, [_said("system", "Be brief."), _said("user", "Hello.")]) is not None
    plain = _rendered(loaded, [_said("user", "Hello.")])
    shown = _rendered(loaded, [_said("user", "Hello.", "image")])
    if plain is None or shown is None or plain == shown:
        raise BackendUnavailableError(
            f"Expected a chat template with a place for images in {loaded.identity!r}, found one for text only; serve "
            "this model by its own software and name it as openai:MODEL@URL."
        )
    video = loaded.takes_video and _rendered(loaded, [_said("user", "Hello.", "video")]) not in {None, plain}
    return Encoder(
        processor=loaded.processor,
        dtype=loaded.dtype,
        video=video,
        system=system,
        control=_control_tokens(loaded),
    )


def messages(request: VlmRequest, *, video: bool, system: bool) -> list[Message]:
    """Lay out one request as messages; clips come before the text, numbered where there are several."""
    parts: list[dict[str, Any]] = []
    for number, clip in enumerate(request.clips, start=1):
        if len(request.clips) > 1:
            parts.append({"type": "text", "text": f"Clip {number}:"})
        parts += [{"type": "video", "video": clip.images}] if video else _images(clip)
    text = request.prompt
    opening: list[Message] = []
    if request.system and system:
        opening = [{"role": "system", "content": [{"type": "text", "text": request.system}]}]
    elif request.system:
        text = f"{request.system}\n\n{text}"
    return [*opening, {"role": "user", "content": [*parts, {"type": "text", "text": text}]}]


def _images(clip: Frames) -> list[dict[str, Any]]:
    from PIL import Image

    return [{"type": "image", "image": Image.fromarray(image)} for image in clip.images]


def _metadata(clip: Frames) -> Any:  # noqa: ANN401 - transformers has no types
    """State which moments the frames show: indices at the recording's own rate, counted from the clip's start."""
    from transformers.video_utils import VideoMetadata

    span = float(clip.times[-1] - clip.times[0])
    steps = clip.frames[-1] - clip.frames[0]
    fps = steps / span if span > 0 and steps > 0 else len(clip.frames) / clip.duration
    indices = [int(index) for index in np.rint(clip.times * fps)]
    return VideoMetadata(
        total_num_frames=max(round(clip.duration * fps), indices[-1] + 1),
        fps=fps,
        width=clip.images.shape[2],
        height=clip.images.shape[1],
        duration=clip.duration,
        frames_indices=indices,
    )


def _control_tokens(loaded: LoadedModel) -> re.Pattern[str] | None:
    added = {str(token) for token in loaded.processor.tokenizer.get_added_vocab()}
    tokens = sorted((token for token in added if len(token.strip()) > 1), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, tokens))) if tokens else None


def _broken(match: re.Match[str]) -> str:
    return f"{match[0][0]} {match[0][1:]}"


def _said(role: str, text: str, *before: str) -> Message:
    return {"role": role, "content": [*({"type": kind} for kind in before), {"type": "text", "text": text}]}


def _rendered(loaded: LoadedModel, conversation: list[Message]) -> str | None:
    """The prompt as text, ``None`` where the template refuses or cannot take it."""
    from jinja2 import TemplateError

    try:
        return str(loaded.processor.apply_chat_template(conversation, add_generation_prompt=True))
    except (TemplateError, TypeError, ValueError, KeyError) as exc:
        logger.debug("The chat template of %s refuses %s: %s", loaded.identity, conversation, exc)
        return None
