"""The chat model that needs no weights: it reads, calls tools and words what they return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict, PrivateAttr

from ethochat.agent.builtin.followup import ASKED_BACK
from ethochat.agent.builtin.plan import Call, plan
from ethochat.agent.builtin.reading import AskBack, Reading, Refusal, Understanding
from ethochat.agent.builtin.searching import like_before, search_vocabulary
from ethochat.agent.builtin.understand import understand
from ethochat.agent.builtin.vocabulary import Vocabulary
from ethochat.agent.builtin.watching import WATCH_SLOT, watch_before, watch_call, watch_found
from ethochat.agent.builtin.wording import word_evidence
from ethochat.agent.state import turn_start
from ethochat.tools.evidence import ClipRef, Evidence

READING_KEY = "builtin_reading"
"""Where a message carries the reading it came from, for the next turn."""


class BuiltinChatModel(BaseChatModel):
    """A chat model over one experiment: question → typed reading → tool calls → wording.

    It has no weights and no state: everything it needs of earlier turns stands in the messages.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    context: Any
    """A :class:`ToolContext`; pydantic would look into its types, some of which are only imported when used."""
    needs_prompt: bool = False
    _vocabulary: Vocabulary | None = PrivateAttr(default=None)

    @property
    def _llm_type(self) -> str:
        return "builtin"

    @property
    def vocabulary(self) -> Vocabulary:
        """The experiment's words, collected once."""
        if self._vocabulary is None:
            self._vocabulary = search_vocabulary(self.context)
        return self._vocabulary

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> BuiltinChatModel:  # noqa: ANN401 - LangChain's signature
        """Return itself: the tools are known."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> ChatResult:
        start = turn_start(messages)
        turn = messages[start + 1 :]
        results = [message for message in turn if isinstance(message, ToolMessage)]
        if not results:
            reply = self._ask_tools(str(messages[start].content), messages[:start])
        else:
            reply = self._answer(turn, results)
        return ChatResult(generations=[ChatGeneration(message=reply)])

    def _ask_tools(self, question: str, before: Sequence[BaseMessage]) -> AIMessage:
        alike = like_before(question, previous_clips(before), previous_reading(before))
        if alike is not None:
            return call_message([alike], Reading("search", dict(alike[1])))
        watched = watch_before(question, previous_clips(before), self.vocabulary)
        if watched is not None:
            return call_message([watched], previous_reading(before))
        watching = watch_found(question, self.vocabulary)
        if watching is not None:
            found = understand(watching.find, self.vocabulary, previous_reading(before))
            if isinstance(found, Reading) and found.intent in ("clips", "search", "proximity"):
                calls = plan(found, self.vocabulary)
                found.slots[WATCH_SLOT] = watching.to_slot()
                return call_message(calls, found)
        understanding = understand(question, self.vocabulary, previous_reading(before))
        return call_message(plan(understanding, self.vocabulary), kept_reading(understanding))

    def _answer(self, turn: Sequence[BaseMessage], results: Sequence[ToolMessage]) -> AIMessage:
        last_call = max(
            index
            for index, message in enumerate(turn)
            if isinstance(message, AIMessage) and message.tool_calls
        )
        reading = previous_reading(turn)
        latest = [message for message in turn[last_call + 1 :] if isinstance(message, ToolMessage)]
        failed = [message for message in latest if message.status == "error"]
        tries = sum(isinstance(message, AIMessage) and bool(message.tool_calls) for message in turn)
        if failed:
            return self._after_failure(failed[0], reading, tries)
        items = [
            Evidence.model_validate(message.artifact) for message in results if message.status != "error"
        ]
        further = further_call(reading, items) if tries == 1 else None
        if further is not None:
            return call_message([further], reading)
        text = word_evidence(items, unread=reading.unread if reading is not None else ())
        if reading is not None and reading.slots.get("no_test"):
            text += f"\n\n> No test was made. {reading.slots['no_test']}"
        return AIMessage(content=text, additional_kwargs=reading_kwargs(reading))

    def _after_failure(self, failure: ToolMessage, reading: Reading | None, tries: int) -> AIMessage:
        """Name a source where one speaks for all sessions, ask for one where raters differ, else say what is missing."""
        details = failure.artifact if isinstance(failure.artifact, dict) else {}
        sources = [str(name) for name in details.get("sources") or ()]
        if sources and reading is not None:
            chosen = self._source_for_all(reading, sources) if tries == 1 else None
            if chosen is not None:
                reading.slots["sources"] = [chosen]
                return call_message(plan(reading, self.vocabulary), reading)
            what = " and ".join(reading.slots.get("behaviors") or ["this"])
            ask = AskBack(
                f"Several sources scored {what} here. Whose scoring do you mean?", tuple(sources), reading
            )
            return call_message(plan(ask, self.vocabulary), reading)
        if (
            reading is not None
            and reading.intent == "compare"
            and tries == 1
            and details.get("error") == "ToolFailedError"
        ):
            # What cannot be tested can still be told apart: give each group's value, and say why there is no test.
            column = str(reading.slots.get("group_column"))
            told = Reading(
                "measure",
                {**reading.slots, "group_by": [column], "no_test": str(failure.content)},
                reading.unread,
            )
            return call_message(plan(told, self.vocabulary), told)
        return call_message(plan(Refusal(str(failure.content)), self.vocabulary), reading)

    def _source_for_all(self, reading: Reading, sources: Sequence[str]) -> str | None:
        """The one classifier that covers more sessions than any rater, for questions about all sessions."""
        slots = reading.slots
        if slots.get("sessions") or slots.get("subjects") or slots.get("individuals"):
            return None
        coverage = self.context.catalog.load("coverage")
        covered = {
            name: coverage.filter(coverage["source"] == name)["session_id"].n_unique() for name in sources
        }
        automated = [name for name in sources if self.vocabulary.sources.get(name) != "manual"]
        most = max(covered.values(), default=0)
        widest = [name for name, count in covered.items() if count == most]
        return widest[0] if len(widest) == 1 and widest[0] in automated else None


def further_call(reading: Reading | None, items: Sequence[Evidence]) -> Call | None:
    """Call once more on what was found: the columns asked for of the first in a ranking, or a look at the clips."""
    asked = reading.slots.pop(WATCH_SLOT, None) if reading is not None else None
    if asked and items:
        return watch_call(items[-1].clips, asked)
    columns = reading.slots.get("also_columns") if reading is not None else None
    first = items[0].values[0] if items and items[0].values else None
    if not columns or first is None or first.session_id is None:
        return None
    return "experiment_facts", {"topic": "sessions", "sessions": [first.session_id], "columns": columns}


def previous_reading(messages: Sequence[BaseMessage]) -> Reading | None:
    """The last reading that a message carries."""
    for message in reversed(messages):
        data = message.additional_kwargs.get(READING_KEY)
        if data:
            return Reading.from_json(data)
    return None


def previous_clips(messages: Sequence[BaseMessage]) -> list[ClipRef]:
    """Clips of the last answer that had some."""
    for message in reversed(messages):
        if isinstance(message, ToolMessage) and message.status != "error" and message.artifact:
            clips = Evidence.model_validate(message.artifact).clips
            if clips:
                return clips
    return []


def kept_reading(understanding: Understanding) -> Reading | None:
    """What the next turn may build on."""
    if isinstance(understanding, AskBack):
        if understanding.reading is not None:
            understanding.reading.slots[ASKED_BACK] = True
        return understanding.reading
    return understanding if isinstance(understanding, Reading) else None


def reading_kwargs(reading: Reading | None) -> dict[str, Any]:
    """Carry a reading in a message."""
    return {READING_KEY: reading.to_json()} if reading is not None else {}


def call_message(calls: Sequence[Call], reading: Reading | None) -> AIMessage:
    """Make the message that calls tools."""
    return AIMessage(
        content="",
        tool_calls=[
            {"name": name, "args": arguments, "id": f"call_{number}", "type": "tool_call"}
            for number, (name, arguments) in enumerate(calls, start=1)
        ],
        additional_kwargs=reading_kwargs(reading),
    )
