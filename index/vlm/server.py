"""A vision-language model behind any server that speaks OpenAI's chat completions: vLLM, SGLang, llama.cpp, Ollama, hosted.

Frames leave this machine only where the user named such a server. Several URLs are one pool (:mod:`.pool`); what they
understand is found by asking (:mod:`.probing`).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from typing import Any

from ethochat.index.errors import BackendUnavailableError
from ethochat.index.settings import VlmSettings
from ethochat.index.vlm.addresses import Address, parse_name, read_key
from ethochat.index.vlm.background import BackgroundLoop
from ethochat.index.vlm.base import Capabilities, Vlm, VlmReply, VlmRequest
from ethochat.index.vlm.connection import Outcome, Server, encode_body, is_context_problem, is_images_problem
from ethochat.index.vlm.pool import Patience, Pool, RequestFailedError
from ethochat.index.vlm.probing import Findings, in_common, probe_server
from ethochat.index.vlm.wire import Dialect, decoding_of, read_reply, request_body

logger = logging.getLogger(__name__)

_AHEAD = 2
"""Requests drawn per place at the servers: one is answered while the next is decoded and encoded."""


def connect_server(rest: str, settings: VlmSettings) -> Vlm:
    """Make the model that ``openai:MODEL@URL[,URL…]`` names; nothing is sent before the first use.

    Raises
    ------
    BackendUnavailableError
        When ``rest`` is not of that form.
    """
    model, addresses = parse_name(rest)
    return ServerVlm(model, addresses, settings, key=read_key(addresses))


class ServerVlm:
    """Asks one or several servers, each about ``settings.concurrency`` requests at once."""

    def __init__(
        self,
        model: str,
        addresses: tuple[Address, ...],
        settings: VlmSettings,
        *,
        key: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Say whom to ask.

        Parameters
        ----------
        key
            Told to every server that is named without a user and a password.
        patience
            How often and how long things are tried again.
        """
        self.name = f"openai:{model}@" + ",".join(address.base for address in addresses)
        self.model = f"{model}@" + ",".join(address.host for address in addresses)
        self._served, self._addresses, self._settings = model, addresses, settings
        self._key, self._patience = key, patience or Patience()
        self._guard, self._probing = threading.Lock(), threading.Lock()
        self._loop: BackgroundLoop | None = None
        self._pool: Pool | None = None
        self._findings: Findings | None = None
        self._refused_schemas = False

    @property
    def dropped(self) -> Mapping[str, str]:
        """Servers that are asked no more, and why."""
        return self._pool.dropped if self._pool is not None else {}

    @property
    def max_frames(self) -> int:
        """Most frames that one request may hold: of the settings, or fewer where the servers take fewer."""
        found = self._findings.max_images if self._findings is not None else None
        return self._settings.max_frames if found is None else min(found, self._settings.max_frames)

    def probe(self) -> Capabilities:
        """Ask each server for one thing of each kind; what they have in common is remembered.

        Raises
        ------
        BackendUnavailableError
            When none answers, or one takes no images.
        """
        findings = self._find()
        dropped = (
            f"{shown.partition('://')[2]} is dropped: {reason}" for shown, reason in self.dropped.items()
        )
        return Capabilities(
            video=findings.dialect.video is not None,
            structured=findings.dialect.structured,
            probabilities=findings.dialect.top_logprobs > 0,
            device=", ".join(address.shown for address in self._addresses),
            context_tokens=findings.context_tokens,
            max_frames=self.max_frames if self.max_frames < self._settings.max_frames else None,
            notes=(*findings.notes, *dropped),
        )

    def generate(self, requests: Iterable[VlmRequest]) -> Iterator[VlmReply]:
        """Answer requests as servers have room; replies come as they are there.

        Raises
        ------
        BackendUnavailableError
            When no server is left; replies that were on their way are yielded before.
        """
        dialect = self._find().dialect
        loop, pool = self._connect()
        source, more = iter(requests), True
        pending: set[Future[VlmReply]] = set()
        try:
            while more or pending:
                done = {future for future in pending if future.done()}
                if (
                    not done
                    and more
                    and len(pending) < _AHEAD * self._settings.concurrency * max(len(pool.live), 1)
                ):
                    request = next(source, None)
                    more = request is not None
                    if request is not None:
                        pending.add(loop.submit(self._answer(request, dialect, pool)))
                    continue
                done = done or wait(pending, return_when=FIRST_COMPLETED).done
                pending -= done
                if any(isinstance(future.exception(), BackendUnavailableError) for future in done):
                    # Nothing will be answered any more but what is on its way; that is paid for, so it is kept.
                    done, pending, more = done | wait(pending).done, set(), False
                yield from (future.result() for future in sorted(done, key=_failed))
        finally:
            for future in pending:
                future.cancel()

    def close(self) -> None:
        """Close connections; what is under way is given up."""
        with self._guard:
            loop, pool, self._loop, self._pool = self._loop, self._pool, None, None
        if loop is not None and pool is not None:
            loop.submit(pool.aclose()).result()
            loop.close()

    def _connect(self) -> tuple[BackgroundLoop, Pool]:
        with self._guard:
            if self._loop is None or self._pool is None:
                each, timeout_s = self._settings.concurrency, self._settings.timeout_s
                servers = [
                    Server(address, key=self._key, concurrency=each, timeout_s=timeout_s)
                    for address in self._addresses
                ]
                self._pool = Pool(servers, concurrency=each, patience=self._patience)
                self._loop = BackgroundLoop("vlm-server")
            return self._loop, self._pool

    def _find(self) -> Findings:
        loop, pool = self._connect()
        with self._probing:
            if not pool.live:  # all had died; whoever asks again may have started them again
                pool.revive()
                self._findings = None
            if self._findings is None:
                self._findings = loop.submit(self._probe_all(pool)).result()
                for note in self._findings.notes:
                    logger.info("%s: %s", self.name, note)
            return self._findings

    async def _probe_all(self, pool: Pool) -> Findings:
        asked = [probe_server(pool, server, self._served, self._settings) for server in pool.live]
        found = [one for one in await asyncio.gather(*asked) if one is not None]
        if not found:
            raise BackendUnavailableError(pool.say_dead())
        return in_common(found)

    async def _answer(self, request: VlmRequest, dialect: Dialect, pool: Pool) -> VlmReply:
        """Send one request and read its answer; a schema that the server does not take is left out once."""
        try:
            outcome, decoding = await self._post(request, dialect, pool)
        except RequestFailedError as error:
            if not _may_be_the_schema(request, dialect, error.outcome):
                return VlmReply(key=request.key, finish="error", error=str(error))
            if not self._refused_schemas:
                self._refused_schemas = True
                logger.warning("%s does not take the schema: %s. It is asked without.", self.name, error)
            return await self._answer(replace(request, json_schema=None), dialect, pool)
        return read_reply(request, outcome.payload, share_s=outcome.share_s, decoding=decoding)

    async def _post(
        self, request: VlmRequest, dialect: Dialect, pool: Pool
    ) -> tuple[Outcome, dict[str, Any]]:
        # Frames are encoded in a thread, once however often they are sent.
        body = await asyncio.to_thread(request_body, request, model=self._served, dialect=dialect)
        encoded, decoding = await asyncio.to_thread(encode_body, body), decoding_of(request, body, dialect)
        del body
        return await pool.post(encoded, request.key), decoding


def _may_be_the_schema(request: VlmRequest, dialect: Dialect, outcome: Outcome) -> bool:
    if outcome.kind != "refused" or request.json_schema is None or not dialect.structured:
        return False
    return not (is_context_problem(outcome.problem) or is_images_problem(outcome.problem))


def _failed(future: Future[VlmReply]) -> bool:
    return future.exception() is not None
