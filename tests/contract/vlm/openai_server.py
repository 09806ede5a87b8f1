"""A server that speaks OpenAI's chat completions, in a process of its own: ``python openai_server.py CONFIG``.

It checks what it is sent as real servers do (images must decode, frames of a video must have times), counts tokens, and
misbehaves on demand. CONFIG is JSON, see ``Config``; ``GET /stats`` tells what was asked, ``POST /config`` changes it,
``POST /renew`` begins anew. The answers are canned, or those of a model in ``folder``.
"""

from __future__ import annotations

import base64
import io
import json
import math
import os
import sys
import threading
import time
from dataclasses import dataclass, field, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

PATCH_PX = 28
"""An image costs a token per patch of this size, a video half of that per frame, as with Qwen-VL."""


@dataclass
class Config:
    model: str = "tiny"
    folder: str | None = None
    key: str | None = None
    basic: str | None = None
    """``user:password``."""
    models: int = 200
    """Status of /models."""
    usage: bool = True
    blind: bool = False
    """Images are dropped without a word."""
    structured: str = "follow"
    """``follow``, ``ignore``, ``refuse``; ``narrow``: only the probe's schema."""
    logprobs: str = "give"
    most_alternatives: int = 20
    video: str | None = None
    """``frames``, ``mp4``; ``resample``: takes both and picks 2 frames per second; ``drop``: without a word."""
    max_images: int | None = None
    context: int | None = None
    context_status: int = 400
    cuts: bool = False
    """Prompts are cut to the context without a word."""
    renamed: bool = False
    """``max_tokens`` and ``temperature`` are refused, as reasoning models of OpenAI do."""
    fault: str | None = None
    """``status``, ``garbage``, ``html``, ``hang``, ``drip``, ``die``, ``cut``, ``empty``, ``error200``, ``flood``, ``deep``."""
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "this went wrong"
    only: str = ""
    """The fault is for prompts that hold this text; the probe's hold none of ours."""
    skip: int = 0
    """Prompts that are spared before the fault."""
    times: int = 1_000_000
    """How often it happens."""
    delay_s: float = 0.0


class RefusalError(Exception):
    def __init__(self, status: int, message: str, **error: Any) -> None:
        super().__init__(message)
        self.status, self.error = status, {"message": message, "type": "invalid_request_error", **error}


class Chat:
    """Reads a body as strictly as a server does."""

    def __init__(self, body: dict[str, Any], config: Config) -> None:
        self.body, self.config = body, config
        self.images: list[Any] = []
        self.videos: list[list[Any]] = []
        self.parts: list[tuple[str, Any]] = []
        self.times: list[float] = []
        for message in body["messages"]:
            content = message["content"]
            for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
                self._take(part)
        self.prompt = next(value for kind, value in reversed(self.parts) if kind == "text")
        if config.max_images is not None and len(self.images) > config.max_images:
            raise RefusalError(400, f"At most {config.max_images} image(s) may be provided in one prompt.")
        if config.renamed and ("max_tokens" in body or "temperature" in body):
            name = "max_tokens" if "max_tokens" in body else "temperature"
            instead = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
            raise RefusalError(
                400, f"Unsupported parameter: '{name}' is not supported with this model.{instead}"
            )
        if config.context is not None and self.tokens > config.context and not config.cuts:
            raise RefusalError(
                config.context_status,
                f"the request exceeds the available context size ({config.context} tokens), try increasing it",
                type="exceed_context_size_error",
            )
        if "response_format" in body and config.structured == "refuse":
            raise RefusalError(400, "response_format is not supported")
        if "response_format" in body and config.structured == "narrow" and "zebu" not in json.dumps(body):
            raise RefusalError(400, "Invalid schema for response_format 'reply'")
        if body.get("logprobs") and (
            config.logprobs == "refuse" or body.get("top_logprobs", 0) > config.most_alternatives
        ):
            raise RefusalError(400, f"top_logprobs must be at most {config.most_alternatives}")

    @property
    def tokens(self) -> int:
        words = sum(len(value.split()) for kind, value in self.parts if kind == "text")
        seen = 0 if self.config.blind else sum(_patches(image) for image in self.images)
        moving = sum(math.ceil(_patches(frame) / 2) for video in self.videos for frame in video)
        return words + seen + moving

    def _take(self, part: dict[str, Any]) -> None:
        if part["type"] == "text":
            self.parts.append(("text", part["text"]))
        elif part["type"] == "image_url":
            self.images.append(_image(part["image_url"]["url"], "data:image/jpeg;base64,"))
            self.parts.append(("image", self.images[-1]))
        elif part["type"] == "video_url" and self.config.video == "drop":
            pass
        elif part["type"] == "video_url" and self.config.video:
            frames = self._video(part["video_url"]["url"])
            self.videos.append(frames)
            self.parts.append(("video", frames))
        else:
            raise RefusalError(400, f"Unknown part type: {part['type']}")

    def _video(self, url: str) -> list[Any]:
        if url.startswith("data:video/jpeg;base64,") and self.config.video in ("frames", "resample"):
            given = self.body.get("media_io_kwargs", {}).get("video", {})
            data = url.partition(",")[2].split(",")[: given.get("num_frames", 32)]
            indices, total = given["frames_indices"], given["total_num_frames"]
            if len(indices) != len(data) or max(indices) >= total:
                raise RefusalError(400, "frames_indices must name each frame sent")
            self.times = [index / given["fps"] for index in indices]
            frames = [_decoded(frame) for frame in data]
            duration = given["duration"]
        elif url.startswith("data:video/mp4;base64,") and self.config.video in ("mp4", "resample"):
            frames, duration = _mp4(base64.b64decode(url.partition(",")[2]))
        else:
            raise RefusalError(400, "Cannot load the video")
        return frames[: round(2 * duration)] if self.config.video == "resample" else frames


class Canned:
    """Answers by rule."""

    def answer(self, chat: Chat) -> dict[str, Any]:
        schema = chat.body.get("response_format", {}).get("json_schema", {}).get("schema")
        follows = schema is not None and chat.config.structured in ("follow", "narrow")
        text = json.dumps(_instance(schema)) if follows else f"I was asked: {chat.prompt}"
        asked = chat.body.get("logprobs") and chat.config.logprobs == "give"
        words = [(" Yes", 0.5), ("yes", 0.25), (" No", 0.15), (" Maybe", 0.1)][
            : chat.body.get("top_logprobs", 0)
        ]
        listed = [{"token": word, "logprob": math.log(mass)} for word, mass in words]
        if asked and not follows:
            text = "Yes."
        first = {"token": " Yes", "logprob": listed[0]["logprob"], "top_logprobs": listed} if asked else None
        return {"text": text, "finish": "stop", "tokens": len(text.split()), "first": first}


class Model:
    """Answers of a real model, one after the other."""

    def __init__(self, folder: str) -> None:
        import torch

        from ethochat.index.torchvision_ops import ensure_torchvision

        ensure_torchvision()
        from transformers import AutoModelForImageTextToText, AutoProcessor

        torch.set_num_threads(1)
        self._torch = torch
        self._processor = AutoProcessor.from_pretrained(folder)
        self._model = AutoModelForImageTextToText.from_pretrained(folder).eval()
        self._one = threading.Lock()

    def answer(self, chat: Chat) -> dict[str, Any]:
        with self._one, self._torch.inference_mode():
            inputs = self._inputs(chat)
            most = chat.body["max_tokens"]
            made = self._model.generate(
                **inputs,
                max_new_tokens=most,
                do_sample=False,
                output_scores=True,
                return_dict_in_generate=True,
            )
        tokens = made.sequences[0, inputs["input_ids"].shape[1] :]
        decode = self._processor.tokenizer.decode
        scores = self._torch.log_softmax(made.scores[0][0].float(), -1).topk(
            chat.body.get("top_logprobs") or 1
        )
        listed = [
            {"token": decode([index]), "logprob": value}
            for value, index in zip(scores.values.tolist(), scores.indices.tolist(), strict=True)
        ]
        first = {"token": decode([int(tokens[0])]), "logprob": 0.0, "top_logprobs": listed}
        return {
            "text": decode(tokens, skip_special_tokens=True),
            "finish": "length" if len(tokens) >= most else "stop",
            "tokens": len(tokens),
            "prompt_tokens": inputs["input_ids"].shape[1],
            "first": first if chat.body.get("logprobs") else None,
        }

    def _inputs(self, chat: Chat) -> Any:
        extra: dict[str, Any] = {}
        if chat.videos:
            from transformers.video_utils import VideoMetadata

            total = max(1, round(1000 * chat.times[-1]) + 1)
            extra["do_sample_frames"] = False
            extra["video_metadata"] = [
                VideoMetadata(
                    total_num_frames=total, fps=1000.0, frames_indices=[round(1000 * t) for t in chat.times]
                )
            ]
        content = [{"type": kind, kind: value} for kind, value in chat.parts]
        return self._processor.apply_chat_template(
            [{"role": "user", "content": content}],
            tokenize=True,
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs=extra,
        )


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    config: Config
    engine: Any
    guard = threading.Lock()
    under_way = most_at_once = chats = faults = life = 0
    asked: ClassVar[list[dict[str, Any]]] = []

    def do_GET(self) -> None:
        if self.path == "/stats":
            self._send(
                200, {"chats": Handler.chats, "most_at_once": Handler.most_at_once, "asked": Handler.asked}
            )
        elif self.path.partition("?")[0] == "/v1/models":
            entry = {"id": self.config.model, "object": "model"}
            if self.config.context is not None:
                entry["max_model_len"] = self.config.context
            self._send(self.config.models, {"object": "list", "data": [entry]})
        else:
            self._send(404, {"error": {"message": f"no {self.path}"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path in ("/config", "/renew"):
            return self._configure(body)
        with self.guard:
            life = Handler.life
            Handler.under_way += 1
            Handler.most_at_once = max(Handler.most_at_once, Handler.under_way)
        try:
            self._chat(body)
        finally:
            with self.guard:
                Handler.under_way -= life == Handler.life

    def log_message(self, *_: Any) -> None:
        pass

    def _configure(self, changes: dict[str, Any]) -> None:
        with self.guard:
            if self.path == "/renew":
                Handler.config, Handler.asked = Config(), []
                Handler.under_way = Handler.most_at_once = Handler.chats = 0
                Handler.life += 1
            for name, value in changes.items():
                setattr(Handler.config, name, value)
            Handler.faults = 0
        self._send(200, {})

    def _chat(self, body: dict[str, Any]) -> None:
        config = self.config
        if self.path.partition("?")[0] != "/v1/chat/completions":
            return self._send(404, {"error": {"message": f"no {self.path}"}})
        given = self.headers.get("authorization", "")
        wanted = f"Bearer {config.key}" if config.key else None
        if config.basic:
            wanted = "Basic " + base64.b64encode(config.basic.encode()).decode()
        if wanted and given != wanted:
            return self._send(401, {"error": {"message": f"Incorrect API key provided: {given}"}})
        if body["model"] != config.model:
            return self._send(404, {"error": {"message": f"The model `{body['model']}` does not exist."}})
        try:
            chat = Chat(body, config)
        except RefusalError as refusal:
            return self._send(refusal.status, {"error": refusal.error})
        if self._misbehaves(chat):
            return None
        time.sleep(config.delay_s)
        said = self.engine.answer(chat)
        self._note(chat, given)
        prompt_tokens = said.get("prompt_tokens", chat.tokens)
        if config.cuts and config.context is not None:
            prompt_tokens = min(prompt_tokens, config.context)
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": said["text"]},
            "finish_reason": said["finish"],
            "logprobs": {"content": [said["first"]]} if said["first"] else None,
        }
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": said["tokens"]}
        self._send(
            200,
            {"object": "chat.completion", "choices": [choice]} | ({"usage": usage} if config.usage else {}),
        )

    def _note(self, chat: Chat, given: str) -> None:
        with self.guard:
            Handler.chats += 1
            Handler.asked.append(
                {
                    "prompt": chat.prompt,
                    "images": [[*image.size] for image in chat.images],
                    "videos": [len(video) for video in chat.videos],
                    "times": chat.times,
                    "texts": [value for kind, value in chat.parts if kind == "text"],
                    "authorization": given,
                    "path": self.path,
                    "fields": sorted(chat.body),
                }
            )

    def _misbehaves(self, chat: Chat) -> bool:
        config = self.config
        if config.fault is None or config.only not in chat.prompt:
            return False
        with self.guard:
            if config.skip > 0:
                config.skip -= 1
                return False
            if Handler.faults >= config.times:
                return False
            Handler.faults += 1
        getattr(self, "_" + config.fault)()
        return True

    def _status(self) -> None:
        self._send(self.config.status, {"error": {"message": self.config.message}}, self.config.headers)

    def _garbage(self) -> None:
        self._send_bytes(200, b'{"choices": [{"mess\xff')

    def _html(self) -> None:
        self._send_bytes(200, b"<html>Welcome to the lab</html>")

    def _empty(self) -> None:
        self._send(200, {"choices": []})

    def _error200(self) -> None:
        self._send(200, {"error": {"message": self.config.message, "code": self.config.status}})

    def _hang(self) -> None:
        time.sleep(30)

    def _drip(self) -> None:
        """Send a byte now and then, so that no single read times out."""
        self.send_response(200)
        self.send_header("content-length", "1000")
        self.end_headers()
        for _ in range(300):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.1)

    def _cut(self) -> None:
        """Break off in the middle of an answer."""
        self.send_response(200)
        self.send_header("content-length", "1000")
        self.end_headers()
        self.wfile.write(b'{"choices"')
        self.close_connection = True

    def _flood(self) -> None:
        """Send without end."""
        self.send_response(200)
        self.send_header("content-length", str(2**34))
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" " * 2**16)
        except OSError:  # nobody reads on
            self.close_connection = True

    def _deep(self) -> None:
        self._send_bytes(200, b'{"choices":' + b"[" * 200_000)

    def _die(self) -> None:
        os._exit(1)

    def _send(self, status: int, payload: Any, headers: dict[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(payload).encode(), headers)

    def _send_bytes(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _image(url: str, prefix: str) -> Any:
    if not url.startswith(prefix):
        raise RefusalError(400, f"Expected {prefix}…, got {url[:30]}")
    return _decoded(url.removeprefix(prefix))


def _decoded(data: str) -> Any:
    from PIL import Image

    try:
        return Image.open(io.BytesIO(base64.b64decode(data, validate=True))).convert("RGB")
    except (OSError, ValueError) as error:
        raise RefusalError(400, f"cannot identify image: {error}") from error


def _mp4(data: bytes) -> tuple[list[Any], float]:
    import av

    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_image() for frame in container.decode(stream)]
        return frames, len(frames) / float(stream.average_rate)


def _patches(image: Any) -> int:
    return math.ceil(image.width / PATCH_PX) * math.ceil(image.height / PATCH_PX)


def _instance(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: _instance(part) for name, part in schema.get("properties", {}).items()}
    return {"array": [], "number": 0, "integer": 0, "boolean": False, "null": None}.get(
        kind, "A mouse walks."
    )


def main() -> None:
    given = json.loads(sys.argv[1])
    known = {item.name for item in fields(Config)}
    if unknown := set(given) - known:
        raise SystemExit(f"unknown: {unknown}")
    Handler.config = Config(**given)
    Handler.engine = Model(Handler.config.folder) if Handler.config.folder else Canned()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)  # noqa: T201 - who starts it reads the port
    # It ends with whoever started it, also when that is killed.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
