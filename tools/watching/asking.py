"""Requests to the model: what was answered before is not asked again, what costs much is not asked unasked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ethochat.index.describing.journal import Journal
from ethochat.index.errors import BackendUnavailableError, VideoError
from ethochat.index.settings import VlmSettings
from ethochat.index.vlm import HOW_TO
from ethochat.index.vlm.access import VlmAccess
from ethochat.index.vlm.base import Vlm, VlmReply, VlmRequest
from ethochat.index.vlm.prompting import Planned
from ethochat.index.vlm.seeing import SessionView
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ApprovalNeededError, ToolFailedError, ToolRetryError
from ethochat.tools.names import listing
from ethochat.tools.wording import some

if TYPE_CHECKING:
    from ethochat.index.ingest import FileHashes

NOT_CONFIGURED = f"No vision-language model is configured, so nobody can look at clips; {HOW_TO}."


def require_vlm(context: ToolContext) -> VlmAccess:
    """Return the model's access.

    Raises
    ------
    ToolFailedError
        When the user named none; the message says how to, and what can be told without one.
    """
    if context.vlm is None or context.vlm.spec is None:
        raise ToolFailedError(f"{NOT_CONFIGURED} {_told_without(context)}".strip())
    return context.vlm


def _told_without(context: ToolContext) -> str:
    """What tracks and labels can tell here."""
    coverage = context.catalog.load("coverage")
    marked = sorted(set(coverage["behaviors"].explode().drop_nulls()))
    tracked = not coverage.filter(coverage["kind"] == "track").is_empty()
    parts = [f"labels and rules tell of {listing(marked, 12)}"] if marked else []
    parts += ["tracks tell of speed, distance and places"] if tracked else []
    return f"Without one, {' and '.join(parts)}." if parts else ""


def open_vlm(access: VlmAccess) -> Vlm:
    """Load or connect.

    Raises
    ------
    ToolFailedError
        When it does not answer, with the remedy.
    """
    try:
        return access.open()
    except BackendUnavailableError as exc:
        raise ToolFailedError(str(exc)) from exc


@dataclass(kw_only=True)
class Views:
    """The recordings of an experiment, opened as they are looked at."""

    context: ToolContext
    _opened: dict[str, SessionView | str] = field(default_factory=dict)
    _hashes: FileHashes | None = None

    def of(self, session_id: str) -> SessionView:
        """Open a session's recording.

        Raises
        ------
        ToolRetryError
            When there is no such session.
        ToolFailedError
            When it has no video, or one that cannot be read.
        """
        known = [session.session_id for session in self.context.experiment.sessions]
        if session_id not in known:
            raise ToolRetryError(
                f"Expected a session of this experiment, got {session_id!r}; there are {listing(known, 8)}.",
                near=tuple(known[:8]),
            )
        if session_id not in self._opened:
            experiment, catalog = self.context.experiment, self.context.catalog
            try:
                self._opened[session_id] = SessionView(
                    experiment,
                    catalog,
                    session_id,
                    self._settings(),
                    video_hash=self._video_hash(session_id),
                )
            except VideoError as exc:
                self._opened[session_id] = str(exc)
        opened = self._opened[session_id]
        if isinstance(opened, str):
            raise ToolFailedError(f"{session_id} cannot be looked at: {opened}")
        return opened

    def _video_hash(self, session_id: str) -> str | None:
        """Hash of the session's video, as its ingest knows it: what was said of it stands when the folder is moved."""
        from ethochat.index.ingest import HASHES_FILE, FileHashes

        videos = self.context.experiment.session(session_id).inputs_of("video")
        if self._hashes is None:
            self._hashes = FileHashes(self.context.catalog.data_dir / HASHES_FILE)
        try:
            return self._hashes.of(videos[0].path) if videos else None
        except OSError:
            return None  # opening it says what is wrong

    def _settings(self) -> VlmSettings:
        """Those of the experiment; with no more frames in a request than the model takes."""
        settings, access = self.context.experiment.vlm, require_vlm(self.context)
        try:
            most = access.capabilities().max_frames
        except BackendUnavailableError as exc:
            raise ToolFailedError(str(exc)) from exc
        return settings if most is None else replace(settings, max_frames=min(most, settings.max_frames))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for view in self._opened.values():
            if not isinstance(view, str):
                view.close()


@dataclass(kw_only=True)
class Asked:
    """What came of some requests."""

    model: str
    replies: dict[str, VlmReply] = field(default_factory=dict)
    """By key; a request that was not come to has none."""
    n_before: int = 0
    """Answered in an earlier call and not asked again."""
    stopped: str | None = None
    """Why some were not come to."""

    def reply(self, planned: Planned) -> VlmReply | None:
        """The reply to a request."""
        return self.replies.get(planned.key)


def ask_model(context: ToolContext, planned: Sequence[Planned], *, budget_s: float | None = None) -> Asked:
    """Ask about clips, each once.

    Parameters
    ----------
    planned
        What to ask; what is the same is asked once.
    budget_s
        Seconds after which nothing further is begun.

    Raises
    ------
    ToolFailedError
        When no model is configured or it does not answer.
    ApprovalNeededError
        When more clips would be shown than the settings allow unasked.
    """
    access = require_vlm(context)
    vlm = open_vlm(access)
    asked = Asked(model=vlm.model)
    with Journal(context.catalog.data_dir) as journal:
        todo: dict[str, Planned] = {}
        for item in planned:
            kept = journal.reply(item.key, vlm.model)
            if kept is not None:
                asked.replies[item.key] = kept.reply
            else:
                todo[item.key] = item
        asked.n_before = len(asked.replies)
        limit = context.experiment.vlm.ask_above
        if len(todo) > limit and not context.approved:
            raise ApprovalNeededError(_cost(vlm, journal, list(todo.values())), n_clips=len(todo))
        with access.turn():
            _ask(vlm, journal, todo, asked, None if budget_s is None else time.monotonic() + budget_s)
    return asked


def _ask(vlm: Vlm, journal: Journal, todo: dict[str, Planned], asked: Asked, deadline: float | None) -> None:
    def requests() -> Iterator[VlmRequest]:
        for item in list(todo.values()):
            if deadline is not None and time.monotonic() >= deadline:
                asked.stopped = "the time for it was over"
                return
            try:
                yield item.request()
            except VideoError as exc:
                asked.replies[item.key] = VlmReply(key=item.key, finish="error", error=str(exc))

    try:
        for reply in vlm.generate(requests()):
            asked.replies[reply.key] = reply
            if reply.error is None and reply.key in todo:
                journal.keep(reply, model=vlm.model, prompt_version=todo[reply.key].prompt_version)
    except BackendUnavailableError as exc:
        asked.stopped = str(exc)


def _cost(vlm: Vlm, journal: Journal, todo: Sequence[Planned]) -> str:
    """What it costs to ask, as far as it can be told."""
    frames = sum(item.n_frames for item in todo)
    text = f"{vlm.name} would be shown {some(len(todo), 'clip')} with {some(frames, 'frame')}"
    seconds = journal.seconds_per_reply(vlm.model)
    if seconds is None:
        return f"{text}; how long that takes is not known, since it has not answered here yet"
    total = seconds * len(todo)
    return f"{text}, which takes about {f'{total / 60:.0f} min' if total >= 90 else f'{max(total, 1):.0f} s'}"
