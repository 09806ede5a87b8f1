"""Conversations as the page shows them: steps, turns, and what of them is on the screen."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from ethochat.agent.answer import Answer
from ethochat.agent.events import ToolFinished, ToolStarted
from ethochat.index.errors import EthochatError
from ethochat.tools.evidence import Evidence
from ethochat.ui.results import figures_of
from ethochat.ui.steps import evidence_text, harmless, literal

logger = logging.getLogger(__name__)

Message = dict[str, Any]
"""A message as Gradio's chat takes it."""
CHOICES: Final = ("yes", "no")
"""What a turn that waits for approval is answered with."""


@dataclass(slots=True, kw_only=True)
class Step:
    """A collapsible line of the chat."""

    title: str
    """Plain text."""
    body: str = ""
    """Markdown."""
    pending: bool = False
    call: ToolStarted | None = None
    result: ToolFinished | None = None

    @property
    def is_draft(self) -> bool:
        """Whether it shows only that something is coming: a draft, or the wait for the question before."""
        return self.pending and self.call is None

    def message(self) -> Message:
        """Return the step as Gradio's chat takes it."""
        metadata: Message = {"title": literal(self.title), "status": "pending" if self.pending else "done"}
        if self.result is not None and self.result.elapsed_s >= 0.1:
            metadata["duration"] = round(self.result.elapsed_s, 1)
        return {"role": "assistant", "content": self.body, "metadata": metadata}


@dataclass(slots=True, eq=False)
class Turn:
    """A question being answered."""

    question: str
    steps: list[Step] = field(default_factory=list)


@dataclass(slots=True, weakref_slot=True, eq=False, repr=False)
class Visit:
    """A conversation and what of it is on the screen; lasts as long as a page shows it.

    The thread that answers writes it, the threads that show it wait for ``changed``.
    """

    thread_id: str = field(default_factory=lambda: uuid4().hex)
    said: list[Message] = field(default_factory=list)
    """Finished turns."""
    turn: Turn | None = None
    """The running one."""
    answers: list[Answer] = field(default_factory=list)
    """Answers with something to show beside the chat, newest last."""
    shown: int = -1
    """Which of them is shown."""
    waiting: str | None = None
    """The question whose turn waits for approval."""
    changed: threading.Condition = field(default_factory=threading.Condition)
    version: int = 0

    def messages(self) -> list[Message]:
        """Return the chat as it is now."""
        return list(self.said) if self.turn is None else [*self.said, *running_messages(self.turn)]

    def mark_changed(self) -> None:
        """Wake whoever shows it; the caller holds ``changed``."""
        self.version += 1
        self.changed.notify_all()


# ---------------------------------------------------------------------- turns in the chat
def running_messages(turn: Turn) -> list[Message]:
    """Return what the chat shows of a running turn."""
    return [{"role": "user", "content": literal(turn.question)}, *(step.message() for step in turn.steps)]


def end_turn(visit: Visit, text: str, *, options: Sequence[str] = ()) -> None:
    """Close the running turn with a text; the caller holds ``visit.changed``."""
    assert visit.turn is not None
    steps = [step for step in visit.turn.steps if not step.is_draft]
    for step in steps:
        step.pending = False
    visit.turn.steps = steps
    answer: Message = {"role": "assistant", "content": text}
    if options:
        answer["options"] = [{"value": option, "label": option} for option in options]
    visit.said = [*visit.messages(), answer]
    visit.turn = None
    visit.mark_changed()


def waiting_message(cost: str) -> Message:
    """Ask again what a turn asked that still waits for approval, with the same choices."""
    text = f"The last question needs your approval: {cost}. Shall I go on?"
    options = [{"value": choice, "label": choice} for choice in CHOICES]
    return {"role": "assistant", "content": harmless(text), "options": options}


def fail_turn(visit: Visit, turn: Turn, error: BaseException | None) -> None:
    """Close a turn that ended with an error; one that was stopped before shows nothing of it."""
    if error is None:
        return
    if isinstance(error, EthochatError):
        logger.warning("question failed: %s", error)
        text = f"**This could not be done.** {literal(str(error))}"
    else:
        logger.error("a bug ended a question", exc_info=error)
        text = "**This question ran into a bug in ethochat.** The log of the server says more."
    with visit.changed:
        if visit.turn is turn:
            end_turn(visit, text)


def finish_turn(visit: Visit, turn: Turn, answer: Answer) -> None:
    """Close the running turn with its answer; the steps become the evidence that its marks lead to.

    A step without a result waits for the visitor's approval; its turn asks for it.
    """
    _mark_evidence(turn.steps, answer.evidence)
    decided = visit.waiting is not None and turn.question in CHOICES
    asked = visit.waiting if visit.waiting is not None and decided else turn.question
    answer = answer.model_copy(update={"question": asked})
    visit.waiting = None
    for step in turn.steps:
        if step.pending and step.call is not None:
            visit.waiting = asked
            title = step.title.removesuffix(" …")
            step.title = f"Waits for your approval: {title[0].lower()}{title[1:]}"
    text, options = answer.answer, []
    if answer.status != "answered":
        lines = text.splitlines()
        options = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
        text = "\n".join(line for line in lines if not line.startswith("- "))
    if answer.values or answer.tests or answer.clips or figures_of(answer):
        visit.answers.append(answer)
        visit.shown = len(visit.answers) - 1
    end_turn(visit, harmless(text.strip()), options=options)


def _mark_evidence(steps: Sequence[Step], evidence: Sequence[Evidence]) -> None:
    """Give each step that returned something the id by which the answer cites it."""
    left = [step for step in steps if step.result is not None and step.result.ok]
    for item in evidence:
        step = next(
            (s for s in left if s.result and (s.result.name, s.result.summary) == (item.tool, item.summary)),
            None,
        )
        if step is not None:
            left.remove(step)
            step.title, step.body = f"{item.evidence_id} · {step.title}", evidence_text(item)
