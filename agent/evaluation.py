"""Question sets: each line one conversation over one experiment, the last turn is what counts."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ethochat.agent.answer import Answer
from ethochat.agent.run import Conversation, open_context
from ethochat.index.errors import EthochatError, InputError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from ethochat.tools.context import ToolContext

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One line of a question file."""

    question_id: str
    dataset: str
    """Name of the experiment folder."""
    turns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationReport:
    """What came of a question file; nothing here says whether an answer is right."""

    statuses: Mapping[str, int] = field(default_factory=dict)
    crashes: tuple[tuple[str, str], ...] = ()
    """Pairs (id, error) of questions that ended in an error."""
    times_s: tuple[float, ...] = ()
    """Time of each answered turn that counts, start-up not included."""

    def percentile_s(self, percent: float) -> float:
        """Return a percentile of the times by the nearest rank; 0 where there are none."""
        ordered = sorted(self.times_s)
        rank = max(1, -(-len(ordered) * percent // 100))
        return ordered[int(rank) - 1] if ordered else 0.0


def read_questions(path: Path) -> list[Question]:
    """Read a question file: JSON lines with ``id``, ``dataset`` and ``turns``.

    Raises
    ------
    InputError
        When the file is absent or a line is not such, naming the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as exc:
        raise InputError(f"Expected a question file, found: {exc.strerror or exc}.", path=path) from exc
    return [_question(path, row, line) for row, line in enumerate(lines, start=1) if line.strip()]


def _question(path: Path, row: int, line: str) -> Question:
    try:
        data = json.loads(line)
        turns = tuple(str(turn) for turn in data["turns"])
        question = Question(question_id=str(data["id"]), dataset=str(data["dataset"]), turns=turns)
    except (json.JSONDecodeError, KeyError, TypeError) as exc:
        message = f"Expected a JSON object with id, dataset and turns, found {type(exc).__name__}: {exc}."
        raise InputError(message, path=path, row=row) from exc
    if not turns:
        raise InputError("Expected at least one turn, found none.", path=path, row=row)
    return question


def evaluate(
    questions: Path,
    experiments: Path,
    answers: Path,
    *,
    model: str = "builtin",
    progress: Callable[[str, int, int], None] | None = None,
) -> EvaluationReport:
    """Answer every line of a question file.

    Parameters
    ----------
    questions
        See :func:`read_questions`.
    experiments
        Folder with one ingested experiment per data set.
    answers
        Written line by line, each the answer's JSON form plus ``id``.
    model
        See :func:`ethochat.agent.chat_models.resolve_chat_model`.
    progress
        Called with the running question's id, how many are done and how many there are.

    Returns
    -------
    EvaluationReport
        An experiment that is absent, or a run that fails, is written with the status ``failed`` and says why.
    """
    asked = read_questions(questions)
    lab = _Lab(experiments, model)
    answers.parent.mkdir(parents=True, exist_ok=True)
    statuses: Counter[str] = Counter()
    crashes: list[tuple[str, str]] = []
    times: list[float] = []
    with answers.open("w", encoding="utf-8") as out:
        for done, question in enumerate(asked):
            if progress is not None:
                progress(question.question_id, done, len(asked))
            answer, problem = lab.answer(question)
            if problem is None:
                times.append(answer.elapsed_s)
            else:
                crashes.append((question.question_id, problem))
            # A run that failed has refused nothing: a scorer must not take it for a right refusal.
            status = answer.status if problem is None else FAILED
            statuses[status] += 1
            line = {"id": question.question_id, **answer.to_json(), "status": status}
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
            out.flush()
    return EvaluationReport(statuses=dict(statuses), crashes=tuple(crashes), times_s=tuple(times))


FAILED = "failed"
"""Status of a line whose question could not be run; no answer has it."""


class _Lab:
    """Experiments and their chat models, opened once."""

    def __init__(self, experiments: Path, model: str) -> None:
        self._experiments = experiments
        self._model = model
        self._opened: dict[str, tuple[ToolContext, BaseChatModel]] = {}

    def answer(self, question: Question) -> tuple[Answer, str | None]:
        """Hold one conversation; the second part says what went wrong."""
        started = time.monotonic()
        try:
            return self._converse(question), None
        except EthochatError as exc:
            problem = str(exc)
        except Exception as exc:  # a crash is one wrong answer, not the end
            problem = f"{type(exc).__name__}: {exc}"
            logger.warning("%s crashed", question.question_id, exc_info=exc)
        failed = Answer(
            question=question.turns[-1],
            status="cannot_answer",
            answer=problem,
            model=self._model,
            elapsed_s=round(time.monotonic() - started, 4),
        )
        return failed, problem

    def _converse(self, question: Question) -> Answer:
        context, chat_model = self._open(question.dataset)
        with Conversation(context, model=chat_model) as conversation:
            *before, last = question.turns
            for turn in before:
                conversation.ask(turn)
            return conversation.ask(last).model_copy(update={"model": self._model})

    def _open(self, dataset: str) -> tuple[ToolContext, BaseChatModel]:
        if dataset not in self._opened:
            from ethochat.agent.chat_models import probe_tool_calling, resolve_chat_model

            context = open_context(self._folder(dataset))
            chat_model = resolve_chat_model(self._model, context)
            if self._model != "builtin":
                probe_tool_calling(chat_model)
            self._opened[dataset] = (context, chat_model)
        return self._opened[dataset]

    def _folder(self, dataset: str) -> Path:
        folder = self._experiments / dataset
        if not dataset or Path(dataset).name != dataset or not folder.is_dir():
            raise InputError(
                f"Expected an experiment folder named {dataset!r}, found none.", path=self._experiments
            )
        return folder


def summary_lines(report: EvaluationReport) -> Iterator[str]:
    """Say in a few lines what came of the questions."""
    total = sum(report.statuses.values())
    yield f"{total} questions: " + ", ".join(
        f"{count} {status}" for status, count in sorted(report.statuses.items())
    )
    shown: list[Any] = [f"p{percent} {report.percentile_s(percent):.3f} s" for percent in (50, 90, 95, 99)]
    yield "time per answer: " + ", ".join([*shown, f"longest {max(report.times_s, default=0.0):.3f} s"])
    for question_id, problem in report.crashes:
        yield f"{question_id}: {problem}"
