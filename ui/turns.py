"""One question being answered in a thread of its own, so that leaving, reloading or stopping never leaves half a turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from queue import SimpleQueue
from weakref import WeakValueDictionary

from ethochat.agent.events import Event
from ethochat.agent.run import Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The question before it in the same conversation is still being answered."""


class Turns:
    """Answers questions: several conversations at once, one question at a time in each."""

    def __init__(self, open_conversation: Callable[[str], Conversation], *, at_once: int = 8) -> None:
        """Start no thread yet.

        Parameters
        ----------
        open_conversation
            Makes the conversation of a thread id.
        at_once
            Most questions answered at the same time.
        """
        self._open = open_conversation
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="turn")
        self._locks: WeakValueDictionary[str, _Lock] = WeakValueDictionary()
        self._guard = threading.Lock()

    def start(self, thread_id: str, question: str) -> Turn:
        """Begin to answer a question; it waits for the one before it in the same conversation."""
        with self._guard:
            lock = self._locks.setdefault(thread_id, _Lock())
        turn = Turn()
        turn.future = self._pool.submit(self._answer, turn, lock, thread_id, question)
        return turn

    def close(self) -> None:
        """Let running questions end; none begins any more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _answer(self, turn: Turn, lock: _Lock, thread_id: str, question: str) -> None:
        try:
            if lock.held.locked():
                turn.happened.put(Waiting())
            with lock.held:
                if not turn.stopped.is_set():
                    self._play(turn, thread_id, question)
        finally:
            turn.happened.put(None)

    def _play(self, turn: Turn, thread_id: str, question: str) -> None:
        with self._open(thread_id) as conversation, closing(conversation.stream(question)) as events:
            for event in events:
                if turn.stopped.is_set():
                    return
                turn.happened.put(event)


class Turn:
    """A question and what happens on the way to its answer."""

    future: Future[None]

    def __init__(self) -> None:
        self.happened: SimpleQueue[Event | Waiting | None] = SimpleQueue()
        self.stopped = threading.Event()

    def stop(self) -> None:
        """Listen no longer; the step that is running ends, the conversation stays as it was before the question."""
        self.stopped.set()
        self.happened.put(None)

    def failed(self) -> bool:
        """Whether it ended with an error."""
        return self.future.done() and self.future.exception() is not None

    def events(self) -> Iterator[Event | Waiting]:
        """Yield what happens; an error of the turn is raised at the end. Nothing more comes once it was stopped."""
        while (event := self.happened.get()) is not None and not self.stopped.is_set():
            yield event
        if not self.stopped.is_set():
            self.future.result()


class _Lock:
    """A lock that can be referred to weakly."""

    def __init__(self) -> None:
        self.held = threading.Lock()
