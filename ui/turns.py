"""Questions answered in threads of their own: a reader that leaves, reloads or stops never leaves half a turn behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from weakref import WeakValueDictionary

from ethochat.agent.events import Event
from ethochat.agent.run import Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The question before it in the same conversation still runs a step."""


Listener = Callable[[Event | Waiting], bool]
"""Hears what happens; says whether it still listens."""


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

    def start(self, thread_id: str, question: str, hear: Listener) -> Future[None]:
        """Begin to answer a question.

        Parameters
        ----------
        thread_id
            The conversation; a question waits for the one before it.
        question
            In plain words.
        hear
            Called in the thread that answers. When it listens no longer, the conversation stays as it was before the
            question.

        Returns
        -------
        Future
            Done when the question is; raises what the conversation raised.
        """
        with self._guard:
            lock = self._locks.setdefault(thread_id, _Lock())
        return self._pool.submit(self._answer, lock, thread_id, question, hear)

    def close(self) -> None:
        """Let running questions end; none begins any more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _answer(self, lock: _Lock, thread_id: str, question: str, hear: Listener) -> None:
        if lock.held.locked() and not hear(Waiting()):
            return
        with (
            lock.held,
            self._open(thread_id) as conversation,
            closing(conversation.stream(question)) as events,
        ):
            for event in events:
                if not hear(event):
                    return


class _Lock:
    """A lock that can be referred to weakly."""

    def __init__(self) -> None:
        self.held = threading.Lock()
