"""Requests into batches, prepared beside the model: one thread decodes, one resizes, and the model generates meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Final, Generic, TypeVar

from ethochat.index.vlm.base import VlmRequest

PreparedT = TypeVar("PreparedT")

BATCHES_AHEAD: Final = 2
"""Prepared batches that wait for the model."""
WINDOW: Final = 2
"""Batches' worth of requests from which one batch is chosen."""
_LOOK_S: Final = 0.05
"""How often a thread that waits looks whether it is still wanted."""


def take_batch(
    waiting: list[VlmRequest], size: int, kind: Callable[[VlmRequest], Hashable]
) -> list[VlmRequest]:
    """Take the request that waits longest, with those most like it, out of the waiting ones.

    Padding costs as much as text, so what is generated together should be of one length. Nobody waits for ever, as
    the longest waiting is always taken.

    Parameters
    ----------
    waiting
        In order of arrival; what is taken is removed.
    size
        Most requests of the batch.
    kind
        Requests of different kinds cannot be generated together.
    """
    first = waiting[0]
    own_kind, own_pixels = kind(first), _pixels(first)
    alike = [request for request in waiting[1:] if kind(request) == own_kind]
    alike.sort(
        key=lambda request: (abs(_pixels(request) - own_pixels), abs(request.n_frames - first.n_frames))
    )
    batch = [first, *alike[: size - 1]]
    taken = {id(request) for request in batch}
    waiting[:] = [request for request in waiting if id(request) not in taken]
    return batch


def _pixels(request: VlmRequest) -> int:
    return sum(clip.images.size for clip in request.clips)


class Preparation(Generic[PreparedT]):
    """Draws requests in one thread and prepares batches of them in another, a bounded number ahead.

    Iterate over it for the prepared batches, in a ``with`` statement: leaving it stops both threads and closes the
    requests, also early. What the requests raise is raised here, after the batches of those drawn before.
    """

    def __init__(
        self,
        requests: Iterable[VlmRequest],
        prepare: Callable[[list[VlmRequest]], PreparedT],
        *,
        size: Callable[[], int],
        kind: Callable[[VlmRequest], Hashable],
    ) -> None:
        """Start drawing.

        Parameters
        ----------
        requests
            Iterated in the first thread; a generator is closed there as well.
        prepare
            Called in the second thread with each batch.
        size
            Most requests of the next batch.
        kind
            See :func:`take_batch`.
        """
        self._requests, self._prepare, self._size, self._kind = requests, prepare, size, kind
        self._queue: Queue[Future[PreparedT] | None] = Queue(maxsize=BATCHES_AHEAD)
        self._stopped = threading.Event()
        self._preparing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vlm-preparation")
        self._drawing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vlm-drawing")
        self._running: Future[None] = self._drawing.submit(self._run)

    def __enter__(self) -> Preparation[PreparedT]:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._drawing.shutdown(wait=True)
        self._preparing.shutdown(wait=True, cancel_futures=True)

    def __iter__(self) -> Iterator[PreparedT]:
        while True:
            try:
                prepared = self._queue.get(timeout=_LOOK_S)
            except Empty:
                if self._running.done() and self._queue.empty():
                    break
                continue
            if prepared is None:
                break
            yield prepared.result()
        self._running.result()  # raises what the thread raised

    def _run(self) -> None:
        waiting: list[VlmRequest] = []
        drawn = iter(self._requests)
        try:
            for request in drawn:
                if self._stopped.is_set():
                    return
                waiting.append(request)
                if len(waiting) >= WINDOW * self._size():
                    self._hand_over(waiting)
        finally:
            close: Callable[[], None] | None = getattr(drawn, "close", None)
            if close is not None:  # only generators have it
                close()
            while waiting and not self._stopped.is_set():
                self._hand_over(waiting)
            self._put(None)

    def _hand_over(self, waiting: list[VlmRequest]) -> None:
        self._put(self._preparing.submit(self._prepare, take_batch(waiting, self._size(), self._kind)))

    def _put(self, prepared: Future[PreparedT] | None) -> None:
        while not self._stopped.is_set():
            with suppress(Full):
                self._queue.put(prepared, timeout=_LOOK_S)
                return
