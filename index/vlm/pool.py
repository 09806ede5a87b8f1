"""Servers that answer the same requests: least busy first, with patience, without the dead.

What is retried, and how long, is written here rather than left to a library: a retry may go to another server, a
server that asks for a pause gets it from every request, and a server that dies must not use up the attempts of the
requests it had.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ethochat.index.errors import BackendUnavailableError
from ethochat.index.vlm.connection import Kind, Outcome, Server

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often something is tried again, and how long waits are."""

    attempts: int = 4
    """Of one request that breaks a server's answer."""
    timeouts: int = 2
    """Of one request that times out; each costs ``timeout_s``."""
    waits: int = 8
    """For a server that is busy, loads its model or cannot be reached, per request: 90 s with the waits below."""
    absences: int = 4
    """Failed connections, one after the other with waits between, after which a server counts as dead."""
    lost: int = 3
    """Requests given up, one after the other, after which a server counts as dead that answers none."""
    first_s: float = 0.5
    longest_s: float = 30.0
    longest_asked_s: float = 300.0
    """A server that asks for a longer pause is dropped."""

    def delay_s(self, times: int) -> float:
        """Draw the wait before the next try: doubled each time, with "equal jitter".

        So those that failed together do not come back together (Brooker, "Exponential Backoff and Jitter", AWS
        Architecture Blog, 2015).
        """
        ceiling = min(self.longest_s, self.first_s * 2.0 ** max(times - 1, 0))
        return ceiling * random.uniform(0.5, 1.0)


class RequestFailedError(Exception):
    """One request got no answer; others may."""

    def __init__(self, problem: str, outcome: Outcome) -> None:
        super().__init__(problem)
        self.outcome = outcome


class Pool:
    """Sends each request to the least busy server until one answers it."""

    def __init__(self, servers: Sequence[Server], *, concurrency: int, patience: Patience) -> None:
        self.servers = tuple(servers)
        self.patience = patience
        self._concurrency = concurrency
        self._changed = asyncio.Condition()

    @property
    def live(self) -> tuple[Server, ...]:
        """Servers that were not dropped."""
        return tuple(server for server in self.servers if server.dropped is None)

    @property
    def dropped(self) -> dict[str, str]:
        """Dropped servers and why."""
        return {server.address.shown: server.dropped for server in self.servers if server.dropped is not None}

    async def post(self, body: bytes, key: str) -> Outcome:
        """Send one request, again and elsewhere as far as that can help.

        Raises
        ------
        RequestFailedError
            When it gets no answer; the message says why.
        BackendUnavailableError
            When no server is left.
        """
        tally: dict[Kind, int] = {}
        last: Server | None = None
        while True:
            server = await self._acquire(last)
            started = time.monotonic()
            try:
                outcome = await server.send(body)
            finally:
                await self._release(server)
            await self.note(server, outcome, started)
            if outcome.kind == "ok":
                return outcome
            last = server
            tally[outcome.kind] = tally.get(outcome.kind, 0) + 1
            if self._is_final(outcome.kind, tally):
                await self._give_up(server, outcome, key)
            if outcome.kind in ("broken", "slow") and server.dropped is None:
                await asyncio.sleep(self.patience.delay_s(tally[outcome.kind]))

    async def settle(self, server: Server, body: bytes, *, stubborn: bool = False) -> Outcome:
        """Send to one server until it answers, within patience; a 5xx is an answer unless ``stubborn``."""
        tally: dict[Kind, int] = {}
        while True:
            started = time.monotonic()
            outcome = await server.send(body)
            tally[outcome.kind] = tally.get(outcome.kind, 0) + 1
            # A server may close a kept connection just when it is used again.
            cut_off = outcome.kind == "broken" and (stubborn or outcome.status is None)
            again = cut_off or outcome.kind in ("busy", "absent")
            await self.note(server, outcome, started)
            if not again or server.dropped is not None or self._is_final(outcome.kind, tally):
                return outcome
            pause = self.patience.delay_s(tally[outcome.kind]) if outcome.kind == "broken" else 0.0
            await asyncio.sleep(max(pause, server.rests_until - time.monotonic()))

    async def note(self, server: Server, outcome: Outcome, started: float) -> None:
        """Draw the consequences of an outcome for its server."""
        now = time.monotonic()
        if outcome.kind == "ok":
            server.absences = server.pauses = 0
            server.lost.clear()
        elif outcome.kind == "closed":
            await self.drop(server, outcome.problem)
        elif outcome.kind == "busy":
            if outcome.wait_s is not None and outcome.wait_s > self.patience.longest_asked_s:
                await self.drop(server, f"{outcome.problem}; it asks for a pause of {outcome.wait_s:.0f} s")
                return
            if started >= server.rests_until:  # those that were under way together count once
                server.pauses += 1
            wait = self.patience.delay_s(server.pauses) if outcome.wait_s is None else outcome.wait_s
            server.rests_until = max(server.rests_until, now + wait)
        elif outcome.kind == "absent" and started >= server.last_absence:
            server.absences, server.last_absence = server.absences + 1, now
            server.rests_until = now + self.patience.delay_s(server.absences)
            if server.absences >= self.patience.absences:
                await self.drop(server, outcome.problem)

    async def drop(self, server: Server, reason: str) -> None:
        """Ask it nothing more."""
        async with self._changed:
            if server.dropped is None:
                server.dropped = reason
                left = len(self.live)
                # That of the last one is said by the error that follows.
                logger.log(
                    logging.WARNING if left else logging.INFO,
                    "%s is dropped: %s. %d left",
                    server.address.host,
                    reason.rstrip(". "),
                    left,
                )
            self._changed.notify_all()

    def revive(self) -> None:
        """Give dropped servers another chance."""
        for server in self.servers:
            server.dropped, server.absences, server.pauses, server.rests_until = None, 0, 0, 0.0
            server.lost.clear()

    async def aclose(self) -> None:
        """Close all connections."""
        for server in self.servers:
            await server.aclose()

    def _is_final(self, kind: Kind, tally: Mapping[Kind, int]) -> bool:
        limits = {
            "broken": self.patience.attempts,
            "slow": self.patience.timeouts,
            "busy": self.patience.waits,
        }
        limits |= {"absent": self.patience.waits, "closed": len(self.servers) + 1}
        return tally[kind] >= limits.get(kind, 1)

    async def _give_up(self, server: Server, outcome: Outcome, key: str) -> None:
        """Report the request; a server that answers one request after the other with nothing is dropped."""
        if outcome.kind in ("broken", "slow"):
            server.lost.add(key)
            if len(server.lost) >= self.patience.lost:
                await self.drop(
                    server, f"{len(server.lost)} requests in a row got no answer; {outcome.problem}"
                )
        elif outcome.kind in ("refused", "garbage"):
            server.lost.clear()
        raise RequestFailedError(f"{server.address.host}: {outcome.problem}", outcome)

    async def _release(self, server: Server) -> None:
        async with self._changed:
            server.taken -= 1
            self._changed.notify_all()

    async def _acquire(self, last: Server | None) -> Server:
        async with self._changed:
            while True:
                now = time.monotonic()
                live = self.live
                if not live:
                    raise BackendUnavailableError(self.say_dead())
                free = [s for s in live if s.rests_until <= now and s.taken < self._concurrency]
                if free:
                    server = min(free, key=lambda s: (s is last, s.taken))
                    server.taken += 1
                    return server
                pauses = [s.rests_until - now for s in live if s.rests_until > now]
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), min(pauses, default=None))

    def say_dead(self) -> str:
        """Say that none is left, why, and what to do."""
        # By host: a text that is shown loses its URLs, as any that came from outside may hold.
        reasons = "; ".join(
            f"{server.address.host}: {server.dropped.rstrip('. ')}"
            for server in self.servers
            if server.dropped is not None
        )
        return f"No server of the vision-language model answers. {reasons}. See to it and run the same again."
