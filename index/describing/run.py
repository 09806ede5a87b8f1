"""One run in which a model describes an experiment's segments; killed at any point, the next one goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from ethochat.index.behaviors.rules import SOURCE as RULES_SOURCE
from ethochat.index.catalog import Catalog
from ethochat.index.describing.journal import Described, Journal, Place
from ethochat.index.describing.rows import clock_of, describer_name, place_of
from ethochat.index.describing.sharing import Shelf, look_of
from ethochat.index.describing.targets import Rows, check_lengths, find_targets
from ethochat.index.domain import Session
from ethochat.index.errors import BackendUnavailableError, CatalogLockedError, VideoError
from ethochat.index.experiment import Experiment, load_experiment
from ethochat.index.ingest import HASHES_FILE, FileHashes, exclusive, publish
from ethochat.index.locks import held
from ethochat.index.vlm import resolve_vlm
from ethochat.index.vlm.base import Vlm, VlmReply, VlmRequest
from ethochat.index.vlm.parsing import form_problem
from ethochat.index.vlm.prompting import Planned, plan_description, plan_repair
from ethochat.index.vlm.seeing import SessionView

DESCRIBE_LOCK: Final = "describe.lock"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeReport:
    """What one run did."""

    describer: str
    """As ``describer`` under ``[descriptions]`` names it."""
    described: int = 0
    """Segments that the model was shown in this run."""
    reused: int = 0
    """Segments whose reply was there from a run before."""
    shared: int = 0
    """Segments that share the description of one they look like."""
    repaired: int = 0
    """Replies that had the right form only when asked for again."""
    free_text: int = 0
    """Replies that never had it; their words are kept as they are."""
    failed: tuple[tuple[str, str], ...] = ()
    """Pairs of segment and reason."""
    left: int = 0
    """Segments that were not come to."""
    without_video: tuple[str, ...] = ()
    """Sessions in which there is nothing to see."""
    excluded: tuple[str, ...] = ()
    """Sessions that are flagged and left out of statistics; they are described where they are asked for by name."""
    unmapped: tuple[str, ...] = ()
    """Keywords that are no behavior of the experiment."""
    frames: int = 0
    prompt_tokens: int = 0
    new_tokens: int = 0
    elapsed_s: float = 0.0
    stopped: str | None = None
    """Why the run ended before its end."""
    notes: tuple[str, ...] = ()
    """What the backend cannot do."""


def describe_experiment(
    root: Path,
    vlm: str | Vlm,
    *,
    sessions: Collection[str] = (),
    sources: Sequence[str] = (RULES_SOURCE,),
    limit: int | None = None,
    run_model_code: bool = False,
    store: str = "edge",
    progress: Progress | None = None,
) -> DescribeReport:
    """Let a model describe the segments of an ingested experiment.

    What it says is added to what other models said, never in place of it. Every reply is kept as soon as it comes.

    Parameters
    ----------
    root
        Experiment folder.
    vlm
        Name or instance; see :func:`ethochat.index.vlm.resolve_vlm`.
    sessions
        Only these; all by default.
    sources
        Whose segments are described. Those of rules, the default, tile a tracked session without overlap.
    limit
        Most segments to show in this run; the next run goes on.
    run_model_code
        Whether Python code that comes with the model's weights may run.
    store
        Vector index to bring up to date.
    progress
        Called with what is being done, how much is done and how much there is.

    Raises
    ------
    InputError
        When a session is not known, no segment can be described, or segments are too long for the frames of one request.
    BackendUnavailableError
        When the model cannot be loaded or reached at all.
    CatalogLockedError
        When another process describes the same experiment.
    """
    experiment = load_experiment(root)
    catalog = Catalog.open(experiment.data_dir)
    targets, without_video, excluded = find_targets(experiment, catalog, sessions, sources)
    model = resolve_vlm(vlm, replace(experiment.vlm, run_model_code=run_model_code))
    try:
        able = model.probe()
        notes = able.notes
        if able.max_frames is not None:
            check_lengths(experiment, catalog, targets, able.max_frames)
        busy = (
            f"Another process describes {root}; wait until it is done, or stop it: what it was told is kept."
        )
        with held(experiment.data_dir, DESCRIBE_LOCK, busy=busy), Journal(experiment.data_dir) as journal:
            run = _Run(
                experiment=experiment,
                catalog=catalog,
                vlm=model,
                journal=journal,
                progress=progress or _silent,
                total=sum(len(rows) for _, rows in targets),
                limit=limit,
            )
            stopped = run.through(targets)
            unmapped, locked = _bring_in(experiment, catalog, store, progress or _silent)
    finally:
        if isinstance(vlm, str):
            model.close()
    return run.report(
        without_video=without_video,
        excluded=excluded,
        unmapped=unmapped,
        stopped=stopped or locked,
        notes=tuple(notes),
    )


def _silent(step: str, done: int, total: int) -> None:
    """Report to nobody."""


def _bring_in(
    experiment: Experiment, catalog: Catalog, store: str, progress: Progress
) -> tuple[tuple[str, ...], str | None]:
    """Bring the journal into tables and index; while an ingest runs that is left to it."""
    try:
        with exclusive(experiment.data_dir):
            # The choice of whose words are used may have changed while the model was asked.
            now = load_experiment(experiment.root)
            published = publish(now, catalog, store=store, progress=progress)
    except CatalogLockedError:
        return (), (
            f"an ingest is running; run `ethochat ingest {experiment.root}` when it is done: it brings in the descriptions"
        )
    return published.unmapped, None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """One segment on its way."""

    segment_id: str
    place: Place
    planned: Planned


# ------------------------------------------------------------------ the run
@dataclass(kw_only=True)
class _Run:
    """Asks, keeps and counts; requests are drawn in the backend's own thread."""

    experiment: Experiment
    catalog: Catalog
    vlm: Vlm
    journal: Journal
    progress: Progress
    total: int
    limit: int | None
    described: int = 0
    reused: int = 0
    shared: int = 0
    repaired: int = 0
    free_text: int = 0
    frames: int = 0
    prompt_tokens: int = 0
    new_tokens: int = 0
    there_besides: int = 0
    """Segments that the limit kept the run from coming to, and that were described before."""
    failed: list[tuple[str, str]] = field(default_factory=list)
    _asked: int = 0
    _noted: set[Place] | None = None
    _waiting: dict[str, list[_Target]] = field(default_factory=dict)
    _malformed: list[tuple[_Target, Planned]] = field(default_factory=list)
    _guard: threading.RLock = field(default_factory=threading.RLock)
    _started: float = field(default_factory=time.monotonic)

    def through(self, targets: Sequence[tuple[Session, Rows]]) -> str | None:
        """Ask about every segment, and once more about replies without the right form; returns why it stopped early."""
        try:
            self._ask(self._requests(targets))
            self._ask(self._repairs())
        except BackendUnavailableError as exc:
            return str(exc)
        except KeyboardInterrupt:
            return "interrupted"
        return None

    def report(
        self,
        *,
        without_video: tuple[str, ...],
        excluded: tuple[str, ...],
        unmapped: tuple[str, ...],
        stopped: str | None,
        notes: tuple[str, ...],
    ) -> DescribeReport:
        """Sum up."""
        done = self.described + self.reused + self.shared + len(self.failed) + self.there_besides
        return DescribeReport(
            describer=describer_name(self.vlm.model),
            described=self.described,
            reused=self.reused,
            shared=self.shared,
            repaired=self.repaired,
            free_text=self.free_text,
            failed=tuple(self.failed),
            left=self.total - done,
            without_video=without_video,
            excluded=excluded,
            unmapped=unmapped,
            frames=self.frames,
            prompt_tokens=self.prompt_tokens,
            new_tokens=self.new_tokens,
            elapsed_s=round(time.monotonic() - self._started, 3),
            stopped=stopped,
            notes=notes,
        )

    # ---------------------------------------------------------------- asking
    def _ask(self, requests: Iterator[VlmRequest]) -> None:
        for reply in self.vlm.generate(requests):
            with self._guard:
                self._came(reply)

    def _came(self, reply: VlmReply) -> None:
        targets = self._waiting.pop(reply.key, [])
        if not targets:
            return  # asked for by nobody
        if reply.error is not None:
            self.failed += [(target.segment_id, reply.error) for target in targets]
        else:
            self.journal.keep(reply, model=self.vlm.model, prompt_version=targets[0].planned.prompt_version)
            self.prompt_tokens += reply.prompt_tokens or 0
            self.new_tokens += reply.new_tokens or 0
            for target in targets:
                if self._settled(target):
                    self.described += 1
        self._show()

    def _show(self) -> None:
        done = self.described + self.reused + self.shared + len(self.failed)
        self.progress("segments described", done, self.total)

    def _settled(self, target: _Target) -> bool:
        """Whether the journal holds what is to be known of a segment; a reply without form waits to be asked again."""
        planned, model = target.planned, self.vlm.model
        kept = self.journal.reply(planned.key, model)
        if kept is None:
            return False
        key = planned.key
        problem = form_problem(kept.reply.text)
        if problem is not None:
            again = plan_repair(planned, kept.reply.text, problem)
            second = self.journal.reply(again.key, model)
            if second is None:
                self._malformed.append((target, again))
                return False
            if form_problem(second.reply.text) is None:
                self.repaired, key = self.repaired + 1, again.key
            else:
                self.free_text += 1
        self._note(target, key)
        return True

    def _note(self, target: _Target, key: str, shared_with: str | None = None) -> None:
        frames = tuple(number for plan in target.planned.plans for number in plan.frames)
        self.journal.note(
            [
                Described(
                    place=target.place,
                    model=self.vlm.model,
                    prompt_version=target.planned.prompt_version,
                    key=key,
                    frames=() if shared_with is not None else frames,
                    shared_with=shared_with,
                )
            ]
        )

    # ---------------------------------------------------------------- requests
    def _requests(self, targets: Sequence[tuple[Session, Rows]]) -> Iterator[VlmRequest]:
        hashes = FileHashes(self.catalog.data_dir / HASHES_FILE)
        sessions = {row["session_id"]: row for row in self.catalog.load("sessions").iter_rows(named=True)}
        shares = self._shares_of_before()
        for session, rows in targets:
            if self._is_over():
                self._count_there(session, rows, sessions, hashes)
                continue
            try:
                video_hash = hashes.of(session.inputs_of("video")[0].path)
                view = SessionView(
                    self.experiment,
                    self.catalog,
                    session.session_id,
                    self.experiment.vlm,
                    video_hash=video_hash,
                )
            except (VideoError, OSError) as exc:
                with self._guard:
                    self.failed += [(str(row["segment_id"]), str(exc)) for row in rows]
                continue
            clock = clock_of(sessions[session.session_id])
            shelf = self._shelf()
            try:
                for place, row in enumerate(rows):
                    if self._is_over():
                        self._count_there(session, rows[place:], sessions, hashes)
                        break
                    request = self._request(view, row, place_of(row, clock, video_hash), shelf, shares)
                    if request is not None:
                        self._asked += 1
                        yield request
            finally:
                view.close()  # a repair opens it again

    def _is_over(self) -> bool:
        return self.limit is not None and self._asked >= self.limit

    def _count_there(
        self, session: Session, rows: Rows, sessions: Mapping[str, Mapping[str, object]], hashes: FileHashes
    ) -> None:
        """Count what was described before among what is not come to."""
        model = self.vlm.model
        if self._noted is None:
            replied = self.journal.replies(model)
            self._noted = {
                item.place for item in self.journal.described() if item.model == model and item.key in replied
            }
        try:
            video_hash = hashes.of(session.inputs_of("video")[0].path)
        except OSError:
            return
        clock = clock_of(sessions[session.session_id])
        self.there_besides += sum(place_of(row, clock, video_hash) in self._noted for row in rows)

    def _shelf(self) -> Shelf | None:
        likeness = self.experiment.vlm.share_likeness
        return None if likeness is None else Shelf(likeness=likeness)

    def _shares_of_before(self) -> dict[tuple[Place, str], str]:
        """Stretches that share a reply which is there: they need not be looked at again."""
        if self.experiment.vlm.share_likeness is None:
            return {}
        return {
            (item.place, item.prompt_version): item.key
            for item in self.journal.described()
            if item.model == self.vlm.model
            and item.shared_with is not None
            and self.journal.reply(item.key, item.model) is not None
        }

    def _request(
        self,
        view: SessionView,
        row: Mapping[str, object],
        place: Place,
        shelf: Shelf | None,
        shares: Mapping[tuple[Place, str], str],
    ) -> VlmRequest | None:
        """Make the request for a segment; ``None`` where there is nothing to ask."""
        try:
            planned = plan_description(view, row, self.experiment)
        except VideoError as exc:  # the video ends before the segment does
            with self._guard:
                self.failed.append((str(row["segment_id"]), str(exc)))
            return None
        target = _Target(segment_id=str(row["segment_id"]), place=place, planned=planned)
        if self._is_known(target, shares):
            return None
        try:
            request = planned.request()
        except VideoError as exc:
            with self._guard:
                self.failed.append((target.segment_id, str(exc)))
            return None
        if shelf is not None and self._is_shared(target, request, row, shelf):
            return None
        with self._guard:
            self._waiting[planned.key] = [target]
            self.frames += request.n_frames
        return request

    def _is_known(self, target: _Target, shares: Mapping[tuple[Place, str], str]) -> bool:
        """Whether a segment need not be shown: it was before, waits to be asked again, or another one like it is under way."""
        key = target.planned.key
        with self._guard:
            if (target.place, target.planned.prompt_version) in shares or self._settled(target):
                self.reused += 1
                self._show()
                return True
            if key in self._waiting:
                self._waiting[key].append(target)
                return True
            return self.journal.reply(key, self.vlm.model) is not None

    def _is_shared(
        self, target: _Target, request: VlmRequest, row: Mapping[str, object], shelf: Shelf
    ) -> bool:
        look = look_of(request.clips[0], row)
        found = shelf.like(look)
        place = target.place
        if found is None:
            shelf.add(look, target.planned.key, f"frames {place.start_frame} to {place.stop_frame}")
            return False
        with self._guard:
            self._note(target, found[0], shared_with=found[1])
            self.shared += 1
            self._show()
        return True

    def _repairs(self) -> Iterator[VlmRequest]:
        with self._guard:
            malformed, self._malformed = self._malformed, []
        for target, again in malformed:
            try:
                request = again.request()
            except VideoError as exc:
                with self._guard:
                    self.failed.append((target.segment_id, str(exc)))
                continue
            with self._guard:
                self._waiting.setdefault(again.key, []).append(target)
                if len(self._waiting[again.key]) > 1:
                    continue
                self.frames += request.n_frames
            yield request
