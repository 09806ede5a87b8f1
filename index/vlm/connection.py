"""One server: what is sent to it once, and what its answer means."""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from ethochat.index.vlm.addresses import Address, scrub
from ethochat.index.vlm.wire import storable

if TYPE_CHECKING:
    import httpx

Kind = Literal["ok", "refused", "garbage", "busy", "absent", "broken", "slow", "closed"]
"""``refused``: this request, by 4xx; ``garbage``: no chat completion; ``busy``: it asks to wait; ``absent``: no
connection; ``broken``: 5xx or cut off; ``slow``: timed out; ``closed``: it would refuse every request."""

CONTEXT_REMEDY: Final = (
    "lower max_frames or size_px under [vlm], or give the server a larger context (vLLM --max-model-len, SGLang "
    "--context-length, llama.cpp -c, Ollama OLLAMA_CONTEXT_LENGTH)"
)
IMAGES_REMEDY: Final = (
    "lower max_frames under [vlm], or raise the server's limit (vLLM --limit-mm-per-prompt '{\"image\": N}')"
)
_REMEDIES: Final[Mapping[int, str]] = {
    401: "set ETHOCHAT_VLM_KEY (for OpenAI's own server also OPENAI_API_KEY) to a key that it takes",
    403: "set ETHOCHAT_VLM_KEY (for OpenAI's own server also OPENAI_API_KEY) to a key that may use this model",
    404: "check the model's name, as the server's /models lists it, and that the URL ends like its API (…/v1)",
    405: "check that the URL ends like its API (…/v1)",
}
_CONTEXT_WORDS: Final = re.compile(
    r"context.?(length|size|window)|maximum (model|allowed|input) length|max.model.len|(prompt|input) is too long|"
    r"too many tokens|exceed\w* (the )?(available )?context",
    re.IGNORECASE,
)
"""How vLLM, SGLang, llama.cpp, llama-cpp-python and hosted services say that a prompt is longer than the context."""
_IMAGE_WORDS: Final = re.compile(
    r"at most \d+ (image|video)|too many images|maximum (number )?of \d* ?images", re.IGNORECASE
)
_FOR_EVER: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""Codes that come as 429 although waiting does not help."""
_SHOWN_CHARACTERS: Final = 300
LONGEST_ANSWER_BYTES: Final = 8 * 2**20
"""Of one response; a chat completion with 20 alternatives for each of a thousand tokens takes 2 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of sending one request once."""

    kind: Kind
    payload: Mapping[str, Any] = field(default_factory=dict)
    """The chat completion."""
    problem: str = ""
    """In words, with the remedy, without secrets."""
    status: int | None = None
    """Of HTTP; ``None`` where nothing came back."""
    wait_s: float | None = None
    """What the server asks for."""
    share_s: float = 0.0
    """Time, divided among the requests that were under way."""


class Server:
    """One address with its connections and what is known of its health."""

    def __init__(self, address: Address, *, key: str | None, concurrency: int, timeout_s: float) -> None:
        # httpx rather than the openai package: it is here anyway (gradio and qdrant-client stand on it), it sends
        # fields that only some servers know, and the retries are the pool's.
        import httpx

        self.address = address
        self.taken = 0
        """Places of the pool in use."""
        self.rests_until = 0.0
        self.pauses = self.absences = 0
        """In a row."""
        self.last_absence = 0.0
        self.lost: set[str] = set()
        """Requests given up in a row."""
        self.dropped: str | None = None
        self.answered = False
        self._secrets = tuple(filter(None, (key, *address.secrets)))
        self._timeout_s, self._gate = timeout_s, asyncio.Semaphore(concurrency)
        self._under_way, self._spent_s, self._counted_at = 0, 0.0, time.monotonic()
        auth = httpx.BasicAuth(address.user, address.password) if address.user or address.password else None
        bearer = {"authorization": f"Bearer {key}"} if key and auth is None else {}
        self._client = httpx.AsyncClient(
            auth=auth,
            headers={"content-type": "application/json", **bearer},
            # The whole request is timed below; a connection that is not there is known sooner.
            timeout=httpx.Timeout(None, connect=min(10.0, timeout_s)),
            limits=httpx.Limits(max_connections=concurrency + 1, max_keepalive_connections=concurrency + 1),
            trust_env=not address.local,
        )

    async def models(self) -> Sequence[Mapping[str, Any]]:
        """List what it serves; empty where it does not say."""
        import httpx

        try:
            async with asyncio.timeout(min(10.0, self._timeout_s)):
                async with self._client.stream("GET", self._url("models")) as response:
                    content = await _content(response)
            listed = json.loads(content)["data"] if response.status_code == 200 else []
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError, RecursionError):
            return []
        return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []

    async def send(self, body: bytes) -> Outcome:
        """Send one chat completion once, when fewer than the permitted number are under way."""
        async with self._gate:
            return await self._send(body)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def _send(self, body: bytes) -> Outcome:
        import httpx

        before = self._count(1)
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._client.stream(
                    "POST", self._url("chat/completions"), content=body
                ) as response:
                    content = await _content(response)
        except TimeoutError:
            return Outcome(
                kind="slow", problem=f"no answer within {self._timeout_s:g} s (timeout_s under [vlm])"
            )
        except _TooLongError as error:
            return Outcome(kind="garbage", problem=str(error))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            said = self._plain(error) or "no connection"
            return Outcome(kind="absent", problem=f"cannot be reached: {said}")
        except httpx.HTTPError as error:
            said = self._plain(error) or type(error).__name__
            return Outcome(kind="broken", problem=f"the connection broke: {said}")
        finally:
            after = self._count(-1)
        return self._judge(response, content, after - before)

    def _url(self, path: str) -> str:
        return f"{self.address.base}/{path}" + (f"?{self.address.query}" if self.address.query else "")

    def _count(self, change: int) -> float:
        """Keep a clock that runs slower the more requests are under way: what it gains is one request's share."""
        now = time.monotonic()
        if self._under_way:
            self._spent_s += (now - self._counted_at) / self._under_way
        self._counted_at = now
        self._under_way += change
        return self._spent_s

    def _judge(self, response: httpx.Response, content: bytes, share_s: float) -> Outcome:
        status, payload = response.status_code, _read_json(content)
        if status == 200 and isinstance(payload.get("choices"), list):
            self.answered = True
            return Outcome(kind="ok", payload=payload, status=status, share_s=share_s)
        said = self._plain(_complaint(payload) or content.decode("utf-8", "replace"))
        if status == 200 and "error" not in payload:
            return Outcome(
                kind="garbage", problem=f"expected a chat completion in JSON, got {said!r}", status=status
            )
        if status == 200:  # some servers put the status into the body
            status = _code(payload)
        kind = _kind(status, said, payload, answered=self.answered)
        remedy = _remedy(status, said) if kind in ("refused", "closed") else None
        problem = f"HTTP {status}" + (f", {said}" if said else "") + (f" ({remedy})" if remedy else "")
        return Outcome(kind=kind, problem=problem, status=status, wait_s=_asked_wait(response.headers))

    def _plain(self, text: object) -> str:
        """One line without secrets and control characters, bounded."""
        line = re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", scrub(storable(str(text)), self._secrets)).strip()
        return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"


def is_context_problem(text: str) -> bool:
    """Whether a complaint is about a prompt longer than the context."""
    return _CONTEXT_WORDS.search(text) is not None


def is_images_problem(text: str) -> bool:
    """Whether a complaint is about too many images."""
    return _IMAGE_WORDS.search(text) is not None


def encode_body(body: Mapping[str, Any]) -> bytes:
    """Give the bytes that are sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


class _TooLongError(ValueError):
    """A response without end."""


async def _content(response: httpx.Response) -> bytes:
    """Read a response, as long as it is bounded: a server that sends without end must not fill the memory."""
    content = bytearray()
    async for part in response.aiter_bytes():
        content += part
        if len(content) > LONGEST_ANSWER_BYTES:
            raise _TooLongError(
                f"the answer is longer than {LONGEST_ANSWER_BYTES // 2**20} MiB; it is not read"
            )
    return bytes(content)


def _read_json(content: bytes) -> Mapping[str, Any]:
    try:
        payload = json.loads(content)
    except (ValueError, RecursionError):  # not JSON, or not even text
        return {}
    return payload if isinstance(payload, dict) else {}


def _complaint(payload: Mapping[str, Any]) -> str:
    """Find the message in the forms that servers write errors in."""
    error = payload.get("error")
    if isinstance(error, dict):
        return str(error.get("message") or error)
    return str(error or payload.get("message") or payload.get("detail") or "")


def _code(payload: Mapping[str, Any]) -> int:
    error = payload["error"]
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 400


def _kind(status: int, said: str, payload: Mapping[str, Any], *, answered: bool) -> Kind:
    """Say what a status means; llama.cpp has sent a prompt that is too long back as 500."""
    error = payload.get("error")
    codes = {error.get("code"), error.get("type")} if isinstance(error, dict) else set()
    if codes & _FOR_EVER or status in (401, 402, 405) or 300 <= status < 400:
        return "closed"
    if is_context_problem(said) or is_images_problem(said):
        return "refused"
    if status in (403, 404):  # of a server that answered before, it is about this request
        return "refused" if answered else "closed"
    if status in (429, 503, 529):
        return "busy"
    return "broken" if status in (408, 409, 425) or status >= 500 else "refused"


def _remedy(status: int, said: str) -> str | None:
    if is_images_problem(said):
        return IMAGES_REMEDY
    return CONTEXT_REMEDY if is_context_problem(said) else _REMEDIES.get(status)


def _asked_wait(headers: Mapping[str, str]) -> float | None:
    """Read ``Retry-After``, in seconds or as a date (RFC 9110, section 10.2.3), or OpenAI's in milliseconds."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        try:
            wait = float(value) * scale
        except ValueError:
            continue
        return max(wait, 0.0) if math.isfinite(wait) else None
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max((until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)
