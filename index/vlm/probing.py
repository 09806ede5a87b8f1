"""What a server can do, found out by asking it; what it says of itself is only believed where nothing can be tried."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from ethochat.index.errors import BackendUnavailableError
from ethochat.index.settings import VlmSettings
from ethochat.index.vlm.base import Frames, VlmRequest
from ethochat.index.vlm.connection import (
    CONTEXT_REMEDY,
    IMAGES_REMEDY,
    Outcome,
    Server,
    encode_body,
    is_context_problem,
    is_images_problem,
)
from ethochat.index.vlm.pool import Pool
from ethochat.index.vlm.wire import (
    MOST_ALTERNATIVES,
    Dialect,
    VideoForm,
    first_alternatives,
    request_body,
    storable,
)

_WORD: Final = "zebu"
"""Nothing that a model says of gray squares unless a schema holds it to it."""
_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": [_WORD]}},
    "required": ["word"],
    "additionalProperties": False,
}
_VIDEO_PX: Final = 128
_VIDEO_S: Final = 2.0
_SHORT, _LONG = 4, 16
"""Frames of the two videos that are compared; both fill whole pairs of frames, which some models see as one."""
_PROMPT_WORDS: Final = 800
"""About the tokens of a prompt that describes a segment, with the behaviors of an experiment and facts."""
_CONTEXT_FIELDS: Final = ("max_model_len", "context_length", "context_window", "max_context_length")
"""Of an entry of /models: vLLM and SGLang, OpenRouter, Groq, LM Studio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What one server can do."""

    dialect: Dialect
    context_tokens: int | None = None
    max_images: int | None = None
    """Most that one request may hold, where fewer than ``max_frames`` were taken."""
    notes: tuple[str, ...] = ()


async def probe_server(pool: Pool, server: Server, model: str, settings: VlmSettings) -> Findings | None:
    """Ask a server for one thing of each kind; ``None`` where it was dropped meanwhile.

    Raises
    ------
    BackendUnavailableError
        When it answers, but not to an image.
    """
    ask = _Asker(pool, server, model, settings)
    listed, (dialect, first) = await asyncio.gather(server.models(), ask.speak())
    if first is None:
        return None
    plain = replace(ask, dialect=dialect)
    alone, structured, alternatives, video = await asyncio.gather(
        plain.tokens(0), plain.structured(), plain.alternatives(), plain.video()
    )
    dialect = replace(dialect, structured=structured, top_logprobs=alternatives, video=video[0])
    images = await replace(plain, dialect=dialect).images()
    if server.dropped is not None:
        return None
    notes = [*_served(listed, model), *_unseen(_tokens(first), alone), *video[1], *images.notes]
    notes += _missing(dialect)
    return Findings(
        dialect=dialect, context_tokens=_context(listed, model), max_images=images.limit, notes=tuple(notes)
    )


def in_common(findings: Sequence[Findings]) -> Findings:
    """Give what all servers of a pool can do, since any of them may get a request."""
    first = findings[0]
    for other in findings[1:]:
        mine, its = first.dialect, other.dialect
        first = Findings(
            dialect=Dialect(
                video=mine.video if mine.video == its.video else None,
                structured=mine.structured and its.structured,
                top_logprobs=min(mine.top_logprobs, its.top_logprobs),
                length_field=mine.length_field if mine.length_field == its.length_field else "max_tokens",
                temperature=mine.temperature and its.temperature,
            ),
            context_tokens=_least(first.context_tokens, other.context_tokens),
            max_images=_least(first.max_images, other.max_images),
            notes=tuple(dict.fromkeys((*first.notes, *other.notes))),
        )
    return first


@dataclass(frozen=True, slots=True, kw_only=True)
class _Images:
    """How many frames of one request were taken."""

    limit: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Asker:
    """Asks one server; a request that it cannot take counts as a missing capability, never as a failure."""

    pool: Pool
    server: Server
    model: str
    settings: VlmSettings
    dialect: Dialect = field(default_factory=Dialect)

    async def speak(self) -> tuple[Dialect, Outcome | None]:
        """Ask about one image, in the words that the server knows for length and temperature."""
        dialect = self.dialect
        for _ in range(3):
            outcome = await replace(self, dialect=dialect).send(self.shown(1), stubborn=True)
            if outcome.kind == "ok":
                return dialect, outcome
            other = _other_words(dialect, outcome.problem) if outcome.kind == "refused" else None
            if other is None:
                break
            dialect = other
        if self.server.dropped is None:
            if outcome.kind == "refused":
                raise BackendUnavailableError(
                    f"{self.server.address.shown} does not take an image for {self.model!r}: {outcome.problem}. Expected a "
                    "vision-language model behind chat completions; llama.cpp needs its --mmproj for one."
                )
            await self.pool.drop(self.server, outcome.problem)
        return dialect, None

    async def tokens(self, n: int) -> int | None:
        """Count the tokens of the prompt with so many images."""
        return _tokens(await self.send(self.shown(n)))

    async def structured(self) -> bool:
        """Whether a schema holds it to a word that it would not say."""
        dialect = replace(self.dialect, structured=True)
        outcome = await replace(self, dialect=dialect).send(
            self.shown(0, max_new_tokens=32, json_schema=_SCHEMA, prompt="Reply with a JSON object.")
        )
        try:
            return bool(json.loads(_said(outcome)) == {"word": _WORD})
        except ValueError:
            return False

    async def alternatives(self) -> int:
        """Find how many alternatives of the first token it gives; hosted servers differ in how many may be asked for."""
        for wanted in (MOST_ALTERNATIVES, 5):
            dialect = replace(self.dialect, top_logprobs=wanted)
            outcome = await replace(self, dialect=dialect).send(self.shown(0, choices=("yes", "no")))
            if outcome.kind == "ok":
                return wanted if first_alternatives(_choice(outcome)) else 0
        return 0

    async def video(self) -> tuple[VideoForm | None, list[str]]:
        """Find the form of videos in which every frame counts.

        Two videos of the same length are sent that differ in their number of frames: a server that picks frames by
        time would count the same tokens for both, and the frames that we store as seen would not be those seen.
        """
        without, resampling = await self.tokens(0), False
        forms: tuple[VideoForm, ...] = ("frames", "mp4")
        for form in forms:
            trial = replace(self, dialect=replace(self.dialect, video=form))
            few = _tokens(await trial.send(_video_request(_SHORT)))
            many = _tokens(await trial.send(_video_request(_LONG))) if few is not None else None
            if None in (few, many, without) or few <= without:  # type: ignore[operator]  # none is None here
                continue
            if many > few:  # type: ignore[operator]
                return form, []
            resampling = True
        said = (
            "picks frames of a video itself"
            if resampling
            else "takes no video parts that it is seen to count"
        )
        return None, [f"{said}: frames are sent as images; vLLM takes them as videos with their times"]

    async def images(self) -> _Images:
        """Find how many frames it takes at once, in the size and form in which they will be sent.

        Beside them there must be room for a prompt and an answer.
        """
        asked = self.settings.max_frames
        outcome = await self.send(self.roomy(asked))
        if outcome.kind == "ok":
            return _Images(notes=await self._cut(asked, _tokens(outcome)))
        size, problem = self.settings.size_px, outcome.problem
        if outcome.kind != "refused" or not (is_context_problem(problem) or is_images_problem(problem)):
            return _Images(notes=(f"could not be asked about {asked} frames at once: {problem}",))
        taken, refused = 0, asked
        while refused - taken > 1:
            middle = (taken + refused) // 2
            fits = (await self.send(self.roomy(middle))).kind == "ok"
            taken, refused = (middle, refused) if fits else (taken, middle)
        remedy = IMAGES_REMEDY if is_images_problem(problem) else CONTEXT_REMEDY
        note = f"takes {taken} frames of {size} px beside a prompt, not {asked}: {remedy}"
        return _Images(limit=taken, notes=(note,))

    async def _cut(self, asked: int, tokens: int | None) -> tuple[str, ...]:
        """Notice a prompt that was cut without a word: twice the frames then do not take twice the tokens."""
        sent = await asyncio.gather(self.send(self.roomy(0)), self.send(self.roomy(asked // 2)))
        alone, half = map(_tokens, sent)
        if asked < 4 or tokens is None or alone is None or half is None or half <= alone:
            return ()
        due = alone + (half - alone) * asked / (asked // 2)
        if tokens - alone >= 0.75 * (due - alone):
            return ()
        return (
            f"counts {tokens} tokens for {asked} frames, where {due:.0f} were due by what it counts for {asked // 2}; it "
            f"seems to cut prompts without saying so: {CONTEXT_REMEDY}",
        )

    def roomy(self, n: int) -> VlmRequest:
        """Make a request of as many tokens beside its images as ours have."""
        words = "so " * (_PROMPT_WORDS + self.settings.max_new_tokens)
        return self.shown(n, prompt=f"{words}is anything there? Answer yes or no.")

    def shown(self, n: int, **changes: Any) -> VlmRequest:  # noqa: ANN401 - fields of a request
        """Make a request of one token with so many gray images."""
        clips = (_gray(n, self.settings.size_px, n / self.settings.fps),) if n else ()
        wanted: dict[str, Any] = {"prompt": "Is anything there? Answer yes or no.", "max_new_tokens": 1}
        return VlmRequest(key="probe", system="", clips=clips, **(wanted | changes))

    async def send(self, request: VlmRequest, *, stubborn: bool = False) -> Outcome:
        """Send it to this server, in this dialect."""
        body = await asyncio.to_thread(request_body, request, model=self.model, dialect=self.dialect)
        return await self.pool.settle(self.server, encode_body(body), stubborn=stubborn)


def _video_request(n: int) -> VlmRequest:
    clip = _gray(n, _VIDEO_PX, _VIDEO_S)
    return VlmRequest(
        key="probe", system="", prompt="Is anything there? Answer yes or no.", clips=(clip,), max_new_tokens=1
    )


def _gray(n: int, size_px: int, duration: float) -> Frames:
    """Draw squares that get brighter from frame to frame, so that none can stand for another."""
    levels = np.linspace(40, 200, n).astype(np.uint8)
    images = np.broadcast_to(levels[:, None, None, None], (n, size_px, size_px, 3))
    times = np.arange(n, dtype=np.float64) * (duration / n)
    return Frames(images=images, times=times, duration=duration, frames=tuple(range(n)))


def _other_words(dialect: Dialect, problem: str) -> Dialect | None:
    """Speak as OpenAI's reasoning models want it, if the complaint is about that."""
    if dialect.length_field == "max_tokens" and "max_completion_tokens" in problem:
        return replace(dialect, length_field="max_completion_tokens")
    return replace(dialect, temperature=False) if dialect.temperature and "temperature" in problem else None


def _choice(outcome: Outcome) -> Mapping[str, Any]:
    choices = outcome.payload.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _said(outcome: Outcome) -> str:
    message = _choice(outcome).get("message")
    return str(message.get("content")) if isinstance(message, dict) else ""


def _tokens(outcome: Outcome) -> int | None:
    usage = outcome.payload.get("usage") if outcome.kind == "ok" else None
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return count if isinstance(count, int) else None


def _missing(dialect: Dialect) -> list[str]:
    notes = []
    if not dialect.structured:
        notes.append(
            "follows no JSON schema: replies are checked and asked for once more instead; vLLM, SGLang, llama.cpp and "
            "Ollama have it (response_format)"
        )
    if not dialect.top_logprobs:
        notes.append(
            "gives no token probabilities: yes/no answers come without one; vLLM, SGLang and llama.cpp give them (logprobs)"
        )
    if not dialect.temperature:
        notes.append(
            "takes no temperature: answers may differ from run to run; choose a model that decodes greedily"
        )
    return notes


def _unseen(one: int | None, none: int | None) -> list[str]:
    if one is None or none is None:
        return [
            "counts no tokens (usage): neither cost nor whether it sees images can be told; update the server"
        ]
    if one > none:
        return []
    return [
        "counts no tokens for an image: it may not see any; check that the model has vision and its projector is loaded"
    ]


def _served(listed: Sequence[Mapping[str, Any]], model: str) -> list[str]:
    names = [storable(str(item.get("id"))) for item in listed if item.get("id")]
    if not names or model in names:
        return []
    return [
        f"does not list {model!r} among its models ({', '.join(names[:5])}); name one of them if answers look wrong"
    ]


def _context(listed: Sequence[Mapping[str, Any]], model: str) -> int | None:
    entry = next((item for item in listed if item.get("id") == model), listed[0] if len(listed) == 1 else {})
    found = (entry.get(field) for field in _CONTEXT_FIELDS)
    return next((value for value in found if isinstance(value, int) and value > 0), None)


def _least(one: int | None, other: int | None) -> int | None:
    return min((value for value in (one, other) if value is not None), default=None)
