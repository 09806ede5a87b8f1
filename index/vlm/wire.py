"""What is sent to a server and what comes back: chat completions with clips in them."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ethochat.index.vlm.base import Finish, Frames, VlmReply, VlmRequest

JPEG_QUALITY: Final = 90
"""With full color resolution. Of 448 px crops of a mouse in an open field it keeps 53 dB at a quarter of what PNG takes;
half color resolution would smear thin colored lines such as a skeleton's."""

_TICKS: Final = 1000
"""Per second: the rate in which a list of frames states its times, which need not be even."""
MOST_ALTERNATIVES: Final = 20
"""The most that OpenAI and vLLM give."""

_MOST_TOKENS: Final = 10**9
"""A server that counts more counts nothing."""

_ABSURD: Final = 1e9
"""Of log-probabilities; servers write down to -9999 for none."""

_MARKS: Final = re.compile(
    r"<(?=\|[^<>|]*\|>|/?(?i:image|video|audio|img|vision|start_of|end_of|im_|bos|eos|pad|unk|s>))|\[(?=/?[A-Z_]+\])"
)
"""What begins ``<|im_end|>``, ``<image>``, ``<start_of_turn>``, ``</s>`` or ``[INST]``."""

VideoForm = Literal["frames", "mp4"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a server understands beyond text and images, as the probe found it."""

    video: VideoForm | None = None
    """``frames``: vLLM's list of JPEGs with their times; ``mp4``: an encoded file, for evenly spaced frames."""
    structured: bool = False
    top_logprobs: int = 0
    """Alternatives of each token that it gives."""
    length_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: bool = True
    """Whether greedy decoding can be asked for."""


def request_body(request: VlmRequest, *, model: str, dialect: Dialect) -> dict[str, Any]:
    """Write a chat completion: clips in order, then the prompt."""
    video = video_form(request.clips, dialect.video)
    content: list[dict[str, Any]] = []
    for number, clip in enumerate(request.clips, 1):
        if len(request.clips) > 1:
            content.append({"type": "text", "text": f"Clip {number}:"})
        content += [video_part(clip, video)] if video else image_parts(clip.images)
    content.append({"type": "text", "text": as_text(request.prompt)})
    system = [{"role": "system", "content": as_text(request.system)}] if request.system else []
    body: dict[str, Any] = {
        "model": model,
        "messages": [*system, {"role": "user", "content": content}],
        dialect.length_field: request.max_new_tokens,
    }
    if dialect.temperature:
        body["temperature"] = 0
    if video == "frames":
        body |= _frame_times(request.clips[0])
    if request.json_schema is not None and dialect.structured:
        body["response_format"] = structured_format(request.json_schema)
    if request.choices and dialect.top_logprobs:
        body |= {"logprobs": True, "top_logprobs": dialect.top_logprobs}
    return body


def as_text(text: str) -> str:
    """Break the marks of chat templates, which some servers would take for images and turns wherever they stand."""
    return _MARKS.sub(lambda mark: f"{mark[0]} ", text)


def structured_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for a form."""
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": dict(schema), "strict": True}}


def video_form(clips: Sequence[Frames], form: VideoForm | None) -> VideoForm | None:
    """Choose how clips are shown; ``None``: as images.

    A list of frames states its times once for a request, so it can hold one clip. An encoded file has one rate, so
    its frames must be evenly spaced. Where the clock is unknown nothing true can be said of times.
    """
    if form is None or not all(clip.seconds and len(clip.frames) > 1 for clip in clips):
        return None
    if form == "frames":
        return form if len(clips) == 1 and bool((np.diff(_ticks(clips[0])) > 0).all()) else None
    even = all(
        np.ptp(steps := np.diff(clip.times)) <= 0.1 * steps.mean() and steps.min() > 0 for clip in clips
    )
    return form if even else None


def image_parts(images: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """Give frames as images, shape ``(n, height, width, 3)``, RGB."""
    return [
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{_jpeg(image)}"}}
        for image in images
    ]


def video_part(clip: Frames, form: VideoForm) -> dict[str, Any]:
    """Give a clip as one video; its times go into :func:`request_body`'s other fields or into the file."""
    if form == "frames":
        url = "data:video/jpeg;base64," + ",".join(_jpeg(image) for image in clip.images)
    else:
        url = "data:video/mp4;base64," + base64.b64encode(_mp4(clip)).decode()
    return {"type": "video_url", "video_url": {"url": url}}


def read_reply(
    request: VlmRequest, payload: Mapping[str, Any], *, share_s: float, decoding: Mapping[str, Any]
) -> VlmReply:
    """Read a chat completion; what cannot be read is the reply's ``error``."""
    choices, usage = payload["choices"], payload.get("usage")
    choice: Mapping[str, Any] = choices[0] if choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    tokens = usage if isinstance(usage, dict) else {}
    text, error, finish = "", None, _finish(choice)
    if not isinstance(message, dict):
        error = "the answer has no message"
    elif choice.get("finish_reason") == "content_filter":
        error = "the server's content filter withheld the answer"
    else:
        text, error = _text(message)
    if error is not None and finish == "length":
        error += "; raise max_new_tokens under [vlm]"
    return VlmReply(
        key=request.key,
        text=text,
        probabilities=choice_probabilities(choice, request.choices) if error is None else None,
        finish="error" if error is not None else finish,
        error=error,
        prompt_tokens=_count(tokens.get("prompt_tokens")),
        new_tokens=_count(tokens.get("completion_tokens")),
        elapsed_s=share_s,
        decoding=decoding,
    )


def decoding_of(request: VlmRequest, body: Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    """Say how an answer was generated and in which form the frames were sent."""
    return {
        "do_sample": not dialect.temperature,
        "temperature": 0.0 if dialect.temperature else None,
        "max_new_tokens": request.max_new_tokens,
        "structured": "response_format" in body,
        "frames_as": {"frames": "video/jpeg", "mp4": "video/mp4", None: "image/jpeg"}[
            video_form(request.clips, dialect.video)
        ],
    }


def choice_probabilities(choice: Mapping[str, Any], choices: Sequence[str]) -> dict[str, float] | None:
    """Read probabilities of one-word answers off the alternatives of the first token that is not blank.

    Variants in case and leading space are summed. Where no token is a choice as a whole, those that begin it and no
    other choice stand for it. A choice that is not among the alternatives counts as the least of them: it is no
    likelier than that, and certainty is not overstated. Normalized over the choices.

    Returns
    -------
    dict or None
        Choice to probability; ``None`` where the server gives no alternatives or none is a choice.
    """
    alternatives = first_alternatives(choice)
    if not choices or not alternatives:
        return None
    wanted = [word.strip().lower() for word in choices]
    masses = [_mass(word, [other for other in wanted if other != word], alternatives) for word in wanted]
    if not any(masses):
        return None
    floor = min(mass for _, mass in alternatives)
    filled = [mass or floor for mass in masses]
    total = sum(filled)
    return {word: mass / total for word, mass in zip(choices, filled, strict=True)} if total > 0 else None


def first_alternatives(choice: Mapping[str, Any]) -> list[tuple[str, float]]:
    """List tokens (stripped, lower case) and probabilities at the first place that is not blank.

    Empty where one of them is no finite number.
    """
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    places = [place for place in content if isinstance(place, dict)] if isinstance(content, list) else []
    place = next((place for place in places if _bare(place.get("token"))), None)
    listed = place.get("top_logprobs") if place else None
    found = []
    for item in listed if isinstance(listed, list) else []:
        logprob = item.get("logprob") if isinstance(item, dict) else None
        if isinstance(logprob, int | float) and not isinstance(logprob, bool):
            if not abs(logprob) < _ABSURD:  # NaN, infinite or absurd: the others are not to be trusted either
                return []
            found.append((_bare(item.get("token")), math.exp(min(logprob, 0.0))))
    return found


def _mass(word: str, others: Sequence[str], alternatives: Sequence[tuple[str, float]]) -> float:
    whole = sum(mass for token, mass in alternatives if token == word)
    if whole:
        return whole
    return sum(
        mass
        for token, mass in alternatives
        if token and word.startswith(token) and not any(other.startswith(token) for other in others)
    )


def _bare(token: object) -> str:
    """Give a token without the marks of a leading space (SentencePiece's ``▁``, byte-level BPE's ``Ġ``)."""
    return str(token or "").lstrip("▁Ġ").strip().lower()


def _text(message: Mapping[str, Any]) -> tuple[str, str | None]:
    """Find the text of a message, in one piece or in parts, or why there is none."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    if message.get("refusal"):
        return "", "the model declined to answer"
    thought = message.get("reasoning_content") or message.get("reasoning")
    if thought and not content:
        return "", "the model only reasoned and gave no answer"
    if content is None:
        return "", "the answer has no text"
    return (storable(content), None) if isinstance(content, str) else ("", "the answer's content is no text")


def storable(text: str) -> str:
    r"""Leave out what no table and no file takes: zeros, and halves of characters, which JSON can spell (``\ud83d``)."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")


def _finish(choice: Mapping[str, Any]) -> Finish:
    return "length" if choice.get("finish_reason") == "length" else "stop"


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None


def _frame_times(clip: Frames) -> dict[str, Any]:
    """State the times of a list of frames, and that all of them are to be used.

    The fields are vLLM's (``vllm/multimodal/media/video.py``, media type ``video/jpeg``): positions in a recording of
    ``fps`` frames per second; without ``num_frames`` it would use the first 32.
    """
    ticks = _ticks(clip)
    total = max(math.ceil(clip.duration * _TICKS), int(ticks[-1]) + 1)
    video = {
        "fps": _TICKS,
        "frames_indices": ticks.tolist(),
        "total_num_frames": total,
        "duration": total / _TICKS,
        "num_frames": len(clip.frames),
        "do_sample_frames": False,
    }
    return {"media_io_kwargs": {"video": video}, "mm_processor_kwargs": {"do_sample_frames": False}}


def _ticks(clip: Frames) -> NDArray[np.int64]:
    ticks: NDArray[np.int64] = np.rint(np.maximum(clip.times, 0.0) * _TICKS).astype(np.int64)
    return ticks


def _jpeg(image: NDArray[np.uint8]) -> str:
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return base64.b64encode(buffer.getvalue()).decode()


def _mp4(clip: Frames) -> bytes:
    """Encode evenly spaced frames as H.264; odd sizes lose their last row or column."""
    import av

    height, width = (size - size % 2 for size in clip.images.shape[1:3])
    rate = Fraction(1 / float(np.diff(clip.times).mean())).limit_denominator(1000)
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "15", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in clip.images:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width]), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()
