"""The drawn segments shown to the model: described, and asked about. What it said before is not asked again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from ethochat.index.errors import InputError, VideoError
from ethochat.index.experiment import Experiment
from ethochat.index.ingest import HASHES_FILE, FileHashes
from ethochat.index.search import embedded_text
from ethochat.index.vlm.access import VlmAccess
from ethochat.index.vlm.base import Capabilities, Vlm, VlmReply, VlmRequest
from ethochat.index.vlm.parsing import SeenDescription, clean, form_problem, parse_answer, parse_description
from ethochat.index.vlm.prompting import YES_NO_CHOICES, Planned, plan_check, plan_description, plan_repair
from ethochat.index.vlm.seeing import SessionView
from ethochat.tools.context import ToolContext
from ethochat.tools.vlm_quality.sampling import Check
from ethochat.tools.vlm_quality.truth import Judged
from ethochat.tools.vlm_quality.yes_no import Answered
from ethochat.tools.watching.asking import Asked, ask_model, open_vlm, require_vlm

Progress = Callable[[str, int, int], None]
Form = Literal["first try", "repaired", "free text", "error", "not come to"]
_LONGEST_TEXT: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a model said of one segment."""

    form: Form
    text: str = ""
    """As it is embedded for search; empty where there is no description."""
    said: SeenDescription | None = None
    """``None`` where the reply kept to no form."""
    error: str | None = None
    n_frames: int = 0
    """Shown in the first request."""
    prompt_tokens: int | None = None
    new_tokens: int | None = None
    """Of all its requests; ``None`` where the backend does not count them."""
    elapsed_s: float = 0.0

    @property
    def is_there(self) -> bool:
        """Whether there is a description."""
        return self.form in ("first try", "repaired", "free text")


@dataclass(kw_only=True)
class Watcher:
    """Shows segments to a model and keeps its replies with the experiment."""

    context: ToolContext
    progress: Progress
    n_before: int = 0
    """Requests that were answered in an earlier run."""
    n_asked: int = 0
    stopped: str | None = None
    """Why the model was not asked everything."""
    model: str = ""
    _views: dict[str, SessionView | str] = field(default_factory=dict)

    def describe(self, drawn: Sequence[Judged]) -> list[Described]:
        """Let the model describe segments with the requests of `ethochat describe`, so that each is paid for once.

        A reply without the right form is asked for once more.

        Raises
        ------
        InputError
            When segments are too long to be shown at the settings' frames per second.
        ToolFailedError
            When no model is configured or it cannot be loaded or reached.
        """
        planned, failed = self._planned(drawn)
        asked = self._ask("clips described", planned.values())
        again = {}
        for place, item in planned.items():
            reply = asked.reply(item)
            if reply is not None and reply.error is None and (problem := form_problem(reply.text)):
                again[place] = plan_repair(item, reply.text, problem)
        second = self._ask("replies repaired", again.values()) if again else Asked(model=asked.model)
        return [
            _described(planned[place], asked, again.get(place), second)
            if place in planned
            else Described(form="error", error=failed[place])
            for place in range(len(drawn))
        ]

    def check(self, drawn: Sequence[Judged], checks: Sequence[Check]) -> list[Answered | None]:
        """Ask yes/no questions; ``None`` where no answer came."""
        planned: dict[int, Planned] = {}
        for place, check in enumerate(checks):
            segment = drawn[check.place].segment
            view = self._view(str(segment["session_id"]))
            if isinstance(view, SessionView):
                start, stop = _interval(segment)
                words = in_words(self.context.experiment, check.behavior)
                planned[place] = plan_check(view, start, stop, str(segment["individual"]), words)
        asked = self._ask("yes/no questions", planned.values())
        return [
            _answered(check, asked.reply(planned[place])) if place in planned else None
            for place, check in enumerate(checks)
        ]

    # ---------------------------------------------------------------- requests
    def _planned(self, drawn: Sequence[Judged]) -> tuple[dict[int, Planned], dict[int, str]]:
        planned, failed = {}, {}
        for place, item in enumerate(drawn):
            view = self._view(item.session_id)
            if isinstance(view, str):
                failed[place] = view
                continue
            start, stop = _interval(item.segment)
            if len(view.parts(start, stop)) > 1:
                raise InputError(
                    f"A segment of {item.session_id} is too long to be shown at {view.settings.fps:g} frames per second with "
                    f"`max_frames` = {view.settings.max_frames}; raise it or lower `fps` under [vlm], or lower `max_s` under "
                    "[segments]."
                )
            try:
                planned[place] = plan_description(view, item.segment, self.context.experiment)
            except VideoError as exc:
                failed[place] = str(exc)
        return planned, failed

    def _view(self, session_id: str) -> SessionView | str:
        """Open a session's recording; why it cannot be opened where it cannot."""
        if session_id not in self._views:
            experiment, catalog = self.context.experiment, self.context.catalog
            hashes = FileHashes(catalog.data_dir / HASHES_FILE)
            try:
                path = experiment.session(session_id).inputs_of("video")[0].path
                self._views[session_id] = SessionView(
                    experiment, catalog, session_id, experiment.vlm, video_hash=hashes.of(path)
                )
            except (VideoError, OSError) as exc:
                self._views[session_id] = str(exc)
        return self._views[session_id]

    def _ask(self, step: str, planned: Iterable[Planned]) -> Asked:
        items = list(planned)
        access = require_vlm(self.context)
        told = _Told(open_vlm(access), lambda done: self.progress(step, done, len(items)))
        # The user named the number of segments: that is the approval.
        context = replace(self.context, vlm=VlmAccess(spec=told, settings=access.settings), approved=True)
        self.progress(step, 0, len(items))
        asked = ask_model(context, items)
        self.model = asked.model
        self.n_before += asked.n_before
        self.n_asked += told.done
        self.stopped = self.stopped or asked.stopped
        return asked


class _Told:
    """A model that says how many replies it gave."""

    def __init__(self, vlm: Vlm, tell: Callable[[int], None]) -> None:
        self.name, self.model = vlm.name, vlm.model
        self.done = 0
        self._vlm, self._tell = vlm, tell

    def probe(self) -> Capabilities:
        return self._vlm.probe()

    def generate(self, requests: Iterable[VlmRequest]) -> Iterator[VlmReply]:
        for reply in self._vlm.generate(requests):
            self.done += 1
            yield reply
            self._tell(self.done)

    def close(self) -> None:
        self._vlm.close()


def in_words(experiment: Experiment, behavior: str) -> str:
    """Name a behavior with its definition, if it has one."""
    settings = {item.name: item for item in experiment.behaviors}
    definition = settings[behavior].definition if behavior in settings else None
    return f"{behavior} ({definition})" if definition else behavior


# ------------------------------------------------------------------ what came back
def _interval(segment: Mapping[str, object]) -> tuple[float, float]:
    start, stop = segment["start_time"], segment["stop_time"]
    assert isinstance(start, float)
    assert isinstance(stop, float)
    return start, stop


def _described(planned: Planned, asked: Asked, again: Planned | None, second: Asked) -> Described:
    replies = [asked.reply(planned)] + ([second.reply(again)] if again is not None else [])
    came = [reply for reply in replies if reply is not None]
    errors = [reply.error for reply in came if reply.error is not None]
    if errors or len(came) < len(replies):
        return Described(form="error" if errors else "not come to", error=errors[0] if errors else None)
    last = came[-1].text
    if form_problem(last) is None:
        said = parse_description(last)
        form: Form = "first try" if again is None else "repaired"
        text = embedded_text(said.overall, said.head, said.limb, said.torso, keywords=said.keywords)
    else:
        said, form, text = None, "free text", clean(came[0].text, _LONGEST_TEXT)
    return Described(
        form=form,
        text=text,
        said=said,
        n_frames=planned.n_frames,
        prompt_tokens=_total([reply.prompt_tokens for reply in came]),
        new_tokens=_total([reply.new_tokens for reply in came]),
        elapsed_s=sum(reply.elapsed_s for reply in came),
    )


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _answered(check: Check, reply: VlmReply | None) -> Answered | None:
    if reply is None or reply.error is not None:
        return None
    answer, _ = parse_answer(reply.text)
    yes = YES_NO_CHOICES[0]
    return Answered(
        place=check.place,
        behavior=check.behavior,
        present=check.present,
        says=None if answer is None else answer == yes,
        probability=(reply.probabilities or {}).get(yes),
    )
