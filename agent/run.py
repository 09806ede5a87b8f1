"""One question to one answer; conversations that persist."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast
from uuid import uuid4

from ethochat.agent.answer import Answer
from ethochat.agent.events import Event, Final, Token
from ethochat.index.catalog import Catalog
from ethochat.index.experiment import load_experiment
from ethochat.index.vlm.access import VlmAccess
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import Evidence

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AnyMessage
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.types import Interrupt

    from ethochat.agent.nodes import Budgets
    from ethochat.index.search import SegmentSearch
    from ethochat.index.vlm.base import Vlm
    from ethochat.tools.base import Tool

CONVERSATIONS = "conversations.sqlite"
"""File in the experiment's ``.ethochat`` folder."""


def open_context(
    root: Path,
    *,
    store: str | None = None,
    vlm: str | Vlm | None = None,
    run_model_code: bool = False,
    approved: bool = False,
) -> ToolContext:
    """Open an ingested experiment for asking; the vector index opens with the first search.

    Parameters
    ----------
    root
        Experiment folder.
    store
        Vector index: ``edge``, ``local`` or the URL of a Qdrant server; by default the one ingested into.
    vlm
        Vision-language model that clips may be shown to, by name or instance; see
        :func:`ethochat.index.vlm.resolve_vlm`. It is loaded or connected to when the first clip is.
    run_model_code
        Whether Python code that comes with that model's weights may run.
    approved
        Whether it may be shown any number of clips without asking.

    Raises
    ------
    ExperimentError
        When the folder is no experiment.
    NotIngestedError
        When it was not ingested yet.
    """
    experiment = load_experiment(root)
    settings = replace(experiment.vlm, run_model_code=run_model_code)
    experiment = replace(experiment, vlm=settings)
    catalog = Catalog.open(experiment.data_dir)
    opened: list[SegmentSearch] = []
    lock = threading.Lock()

    def open_once() -> SegmentSearch:
        from ethochat.index.search import open_search

        with lock:
            if not opened:
                opened.append(open_search(experiment.data_dir, spec=store or recorded_store(catalog)))
            return opened[0]

    return ToolContext(
        experiment=experiment,
        catalog=catalog,
        open_search=open_once,
        figures_dir=experiment.data_dir / "figures",
        vlm=None if vlm is None else VlmAccess(spec=vlm, settings=settings),
        approved=approved,
    )


def recorded_store(catalog: Catalog) -> str:
    """Return the vector index that the experiment was ingested into."""
    index = catalog.read_state().get("index")
    return str(index.get("store", "edge")) if isinstance(index, dict) else "edge"


def ask(
    question: str,
    context: ToolContext,
    *,
    model: str | BaseChatModel = "builtin",
    thread_id: str | None = None,
    conversations: Path | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Answer:
    """Answer one question.

    Parameters
    ----------
    question
        In plain words.
    context
        See :func:`open_context`.
    model
        See :func:`ethochat.agent.chat_models.resolve_chat_model`.
    thread_id
        Conversation to go on with; needs ``conversations``.
    conversations
        SQLite file that keeps conversations; nothing is kept without it.
    on_event
        Called as the answer comes about.
    """
    with Conversation(context, model=model, thread_id=thread_id, conversations=conversations) as conversation:
        return conversation.ask(question, on_event=on_event)


class Conversation:
    """Questions that lean on one another; open it once and ask many."""

    def __init__(
        self,
        context: ToolContext,
        *,
        model: str | BaseChatModel = "builtin",
        thread_id: str | None = None,
        conversations: Path | None = None,
        tools: Sequence[Tool[Any]] | None = None,
        budgets: Budgets | None = None,
    ) -> None:
        """Open or resume a conversation.

        Parameters
        ----------
        context
            See :func:`open_context`.
        model
            Name or instance of a chat model; a named one other than ``builtin`` is probed for tools.
        thread_id
            Conversation to resume; a new one by default.
        conversations
            SQLite file that keeps conversations; in memory without it. Several processes may use one file.
        tools
            All of ``ethochat.tools.TOOLS`` by default.

        Raises
        ------
        BackendUnavailableError
            When the chat model cannot be used.
        """
        from ethochat.agent.chat_models import probe_tool_calling, resolve_chat_model
        from ethochat.agent.graph import build_graph
        from ethochat.agent.nodes import Budgets

        self.thread_id = thread_id or uuid4().hex
        self.model = model if isinstance(model, str) else str(model._llm_type)
        self._vlm_name = context.vlm.name if context.vlm is not None else None
        self._budgets = budgets or Budgets()
        chat_model = resolve_chat_model(model, context)
        if isinstance(model, str) and model != "builtin":
            probe_tool_calling(chat_model)
        self._saver = _open_saver(conversations)
        self._graph = build_graph(
            chat_model,
            context,
            tools=tools,
            checkpointer=self._saver or _memory_saver(),
            budgets=self._budgets,
        )

    def ask(self, question: str, *, on_event: Callable[[Event], None] | None = None) -> Answer:
        """Ask the next question of the conversation.

        Where the turn before waits for the user's approval, "yes" and "no" decide on it, and anything else is a new
        question that leaves it undone.
        """
        answer: Answer | None = None
        for event in self._run(question, watch=on_event is not None):
            if on_event is not None:
                on_event(event)
            if isinstance(event, Final):
                answer = event.answer
        assert answer is not None
        return answer

    def stream(self, question: str) -> Generator[Event]:
        """Ask the next question and yield what happens; the last event is ``Final``.

        A turn that is not read to its end leaves nothing behind.
        """
        return self._run(question, watch=True)

    def waits_for(self) -> str | None:
        """What the last turn would cost, where it waits for the user's approval; kept over a restart."""
        waiting = self._waiting()
        return None if not waiting else "; ".join(str(item.value["cost"]) for item in waiting)

    def _waiting(self) -> Sequence[Interrupt]:
        return self._graph.get_state(self._config).interrupts

    def history(self) -> list[tuple[str, str]]:
        """Return what was said: pairs of ``user`` or ``assistant`` and the text.

        An unfinished turn is left out; of one that waits for approval the question is there.
        """
        from langchain_core.messages import HumanMessage

        from ethochat.agent.state import turn_start

        state = self._graph.get_state(self._config)
        values = state.values
        messages: list[AnyMessage] = values.get("messages", [])
        if messages and values.get("status") is None and not state.interrupts:
            messages = messages[: turn_start(messages)]
        said = [("user" if isinstance(item, HumanMessage) else "assistant", item) for item in messages]
        return [
            (who, item.text)
            for who, item in said
            if item.type in ("human", "ai") and not getattr(item, "tool_calls", [])
        ]

    def close(self) -> None:
        """Close the conversation file; safe to call twice."""
        if self._saver is not None:
            self._saver.conn.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _config(self) -> Any:  # noqa: ANN401 - a RunnableConfig, whose module is heavy
        return {"configurable": {"thread_id": self.thread_id}}

    def _run(self, question: str, *, watch: bool) -> Generator[Event]:
        from ethochat.agent.nodes import Run

        started = time.monotonic()
        state: Mapping[str, Any] = {}
        agreed, waiting = _decision(question), self._waiting()
        others = sorted({str(item.value.get("model")) for item in waiting} - {str(self._vlm_name)})
        begin: Any = {"question": question}
        if agreed and others:
            # What was named is another model: nobody agreed to this one, so the question is asked anew.
            question = self._graph.get_state(self._config).values["question"]
            begin = {"question": question}
        elif agreed is not None and waiting:
            from langgraph.types import Command

            begin = Command(resume={item.id: agreed for item in waiting})
        # One checkpoint per turn: a turn is kept whole or not at all, but for one that waits for approval.
        parts = self._graph.stream(
            begin,
            self._config,
            context=Run(deadline=started + self._budgets.wall_s),
            stream_mode=["values", "custom", "messages"] if watch else ["values"],
            durability="exit",
        )
        for mode, data in parts:
            if mode == "values":
                state = cast("Mapping[str, Any]", data)
            elif mode == "custom":
                yield cast("Event", data)
            elif (text := _token(data)) is not None:
                yield Token(text=text)
        elapsed_s = time.monotonic() - started
        cost = self.waits_for() if state.get("status") is None else None
        if cost is not None:
            before = ", ".join(others) if agreed else ""
            yield Final(answer=self._asks_to_approve(question, cost, elapsed_s, before=before))
            return
        yield Final(answer=self._answer(question, state, elapsed_s))

    def _asks_to_approve(self, question: str, cost: str, elapsed_s: float, *, before: str = "") -> Answer:
        """Ask back; ``before`` is the other model that was asked about before."""
        other = (
            f"You were asked about {before} before, and {self._vlm_name} is another model. " if before else ""
        )
        return Answer(
            question=question,
            status="needs_clarification",
            answer=f"{other}This needs your approval: {cost}. Shall I go on?\n\n- yes\n- no",
            model=self.model,
            thread_id=self.thread_id,
            elapsed_s=round(elapsed_s, 4),
        )

    def _answer(self, question: str, state: Mapping[str, Any], elapsed_s: float) -> Answer:
        answer = Answer(
            question=state.get("question", question),  # "yes" answers what was asked before
            status=state["status"],
            answer=state["answer"],
            model=self.model,
            thread_id=self.thread_id,
            elapsed_s=round(elapsed_s, 4),
        )
        if answer.status == "answered":
            evidence = [Evidence.model_validate(item) for item in state["evidence"]]
            order = {eid: position for position, eid in enumerate(dict.fromkeys(state["cited"]))}
            by_mention = sorted(evidence, key=lambda item: order.get(item.evidence_id, len(order)))
            answer.evidence = evidence
            answer.values = [value for item in by_mention for value in item.values]
            answer.tests = [test for item in by_mention for test in item.tests]
            answer.clips = [clip for item in by_mention for clip in item.clips]
            answer.files = [
                figure.path for item in by_mention for figure in item.figures if figure.path is not None
            ]
        return answer


_POLITE = r"please|thanks|thank you|then"
_YES = (
    r"yes|y|yep|yeah|yup|ok|okay|sure|fine|all ?right|certainly|of course|please do|do (?:it|that|so)|go (?:on|ahead|for it)|"
    r"(?:i )?(?:approved?|agreed?)(?: it| that)?|proceed|continue"
)
_NO = (
    r"no|n|nope|nah|never ?mind|(?:cancel|stop|skip|forget)(?: it| that)?|(?:please )?(?:do not|don't)(?: (?:do )?(?:it|that))?|"
    r"(?:i(?:'d| would) )?rather not|not now|no way"
)


def _decision(text: str) -> bool | None:
    """Whether a text agrees or refuses and says nothing else; ``None`` for any other text."""
    words = " ".join(re.sub(r"[.,!;:–—-]", " ", text.lower().replace("’", "'")).split())
    for said, agrees in ((_YES, True), (_NO, False)):
        if re.fullmatch(rf"(?:(?:{_POLITE}) )*(?:{said})(?: (?:{said}|{_POLITE}))*", words):
            return agrees
    return None


def _token(data: Any) -> str | None:  # noqa: ANN401 - LangGraph's pair of message and metadata
    """Return a piece of the draft; tool results and whole messages are not such."""
    from langchain_core.messages import AIMessageChunk

    message, metadata = data
    if isinstance(message, AIMessageChunk) and metadata.get("langgraph_node") == "model":
        return message.text or None
    return None


def _memory_saver() -> Any:  # noqa: ANN401 - langgraph is heavy
    from langgraph.checkpoint.memory import InMemorySaver

    return InMemorySaver()


def _open_saver(path: Path | None) -> SqliteSaver | None:
    """Open the conversation file; the lock keeps two processes from making its tables at the same moment."""
    if path is None:
        return None
    from filelock import FileLock
    from langgraph.checkpoint.sqlite import SqliteSaver

    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=30, check_same_thread=False)
    saver = SqliteSaver(connection)
    with FileLock(path.with_suffix(".lock")):
        saver.setup()
    return saver
