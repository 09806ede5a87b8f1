"""The nodes of the graph: state in, update out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Literal, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolCall,
    ToolMessage,
)
from langgraph.runtime import Runtime
from langgraph.types import Overwrite, Send, interrupt
from pydantic import ValidationError

from ethochat.agent.answer import Status
from ethochat.agent.events import DraftRejected, ToolFinished, ToolStarted
from ethochat.agent.foreign import foreign_errors
from ethochat.agent.prompts import system_prompt
from ethochat.agent.schemas import tool_schemas
from ethochat.agent.state import VERIFIER, AgentState, ToolTask, turn_start
from ethochat.agent.verify import Verdict, strike, verify
from ethochat.index.errors import BackendUnavailableError
from ethochat.tools.arguments import AskUserArguments, DeclineArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import (
    AmbiguousSourceError,
    ApprovalNeededError,
    ToolError,
    ToolFailedError,
    ToolRetryError,
)
from ethochat.tools.evidence import Evidence

CLOSING: Final[Mapping[str, Status]] = {"ask_user": "needs_clarification", "decline": "cannot_answer"}
"""Tools whose call ends the turn, and the status it ends with."""
_NO_TOOL = """\
You called no tool. Numbers, names and clips come from tools only; call one, or `ask_user` where the question
is unclear, or `decline` where the data cannot tell. If nothing needs to be looked up, repeat your answer."""
_REJECTED = """\
The draft was compared with the evidence of this turn; these parts are not supported:
{reason}
Write the whole answer again with supported statements only, or call the tool that computes what is missing.
"""
_EMPTY = "The draft was empty. Write the answer, or call `decline` where the data cannot tell."


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """How much one turn may cost."""

    model_steps: int = 12
    tool_calls: int = 24
    wall_s: float = 300.0
    rejections: int = 1
    """How often a draft is sent back before what fails is struck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What belongs to one run of the graph and is never stored."""

    deadline: float
    """``time.monotonic()`` after which no model step and no tool call begins."""


class Nodes:
    """Node functions that share a chat model, an experiment and tools."""

    def __init__(
        self, chat_model: BaseChatModel, context: ToolContext, tools: Sequence[Tool[Any]], budgets: Budgets
    ) -> None:
        """Bind the tools to the chat model.

        Parameters
        ----------
        chat_model
            Takes OpenAI function schemas in ``bind_tools``; one with ``needs_prompt = False`` gets no prompt.
        """
        self._model = chat_model.bind_tools(tool_schemas(tools))
        self._needs_prompt = bool(getattr(chat_model, "needs_prompt", True))
        self._context = context
        self._tools = {tool.name: tool for tool in tools}
        self._budgets = budgets

    # ------------------------------------------------------------------ nodes
    def begin(self, state: AgentState) -> AgentState:
        """Open a turn: drop what an interrupted one left, slim the older ones, add the question."""
        messages = state.get("messages", [])
        changes: list[Any] = []
        if messages and state.get("status") is None:
            interrupted = messages[turn_start(messages) :]
            messages = messages[: turn_start(messages)]
            changes += [RemoveMessage(id=str(message.id)) for message in interrupted]
        for message in messages[: turn_start(messages)]:
            if isinstance(message, ToolMessage) and message.artifact is not None:
                changes.append(message.model_copy(update={"artifact": None}))
        return {
            "messages": [*changes, HumanMessage(state["question"])],
            "results": Overwrite([]),  # type: ignore[typeddict-item]
            "evidence": [],
            "rejections": 0,
            "stopped": None,
            "status": None,
            "answer": "",
            "cited": [],
        }

    def call_model(self, state: AgentState, runtime: Runtime[Run]) -> AgentState:
        """Let the chat model choose the next tool calls or write the draft."""
        turn = state["messages"][turn_start(state["messages"]) :]
        steps = sum(isinstance(message, AIMessage) for message in turn)
        if steps >= self._budgets.model_steps:
            return {"stopped": f"the limit of {self._budgets.model_steps} model steps was reached"}
        if time.monotonic() >= runtime.context.deadline:
            return {"stopped": f"the limit of {self._budgets.wall_s:g} s was reached"}
        prompt = [SystemMessage(self._prompt)] if self._needs_prompt else []
        try:
            reply = self._model.invoke([*prompt, *state["messages"]])
        except foreign_errors() as exc:
            message = f"Expected an answer of the chat model, got {type(exc).__name__}: {exc}"
            raise BackendUnavailableError(message) from exc
        return {"messages": [reply]}

    def run_tool(self, state: ToolTask, runtime: Runtime[Run]) -> AgentState:
        """Run one call; an error that the chat model can act on becomes a result, any other ends the run."""
        call = state["call"]
        started = time.monotonic()
        arguments = call["args"] if isinstance(call["args"], dict) else {}
        runtime.stream_writer(ToolStarted(call_id=str(call["id"]), name=call["name"], arguments=arguments))
        result: dict[str, Any] = {"call_id": str(call["id"]), "name": call["name"]}
        try:
            evidence = self._evidence(self._tool_for(state, runtime), arguments)
        except ToolError as exc:
            result |= {"message": str(exc), "error": _error_artifact(exc)}
        else:
            result |= {
                "message": evidence.summary,
                "evidence": _with_call(evidence, call).model_dump(mode="json"),
            }
        runtime.stream_writer(
            ToolFinished(
                call_id=str(call["id"]),
                name=call["name"],
                summary=result["message"],
                ok="error" not in result,
                elapsed_s=time.monotonic() - started,
            )
        )
        return {"results": [result]}

    def _evidence(self, tool: Tool[Any], arguments: dict[str, Any]) -> Evidence:
        """Call a tool; what costs much waits until the user agrees, be it in another process.

        Raises
        ------
        ToolError
            As the tool does, and where the user does not agree.
        """
        try:
            return tool.run(self._context, arguments)
        except ApprovalNeededError as exc:
            named = self._context.vlm.name if self._context.vlm is not None else None
            agreed = interrupt({"tool": tool.name, "cost": exc.cost, "n_clips": exc.n_clips, "model": named})
        if agreed is not True:
            raise ToolFailedError("It was not approved, so nothing was shown to the model.")
        return tool.run(replace(self._context, approved=True), arguments)

    def collect(self, state: AgentState) -> AgentState:
        """Give the evidence of a round its ids, in the order of the calls, and answer each call."""
        results = {result["call_id"]: result for result in state["results"]}
        evidence = list(state["evidence"])
        messages: list[AnyMessage] = []
        for call in _calls(_last_ai(state)):
            result = results[str(call["id"])]
            if "error" in result:
                messages.append(_tool_message(result, artifact=result["error"], status="error"))
                continue
            item = _numbered(result["evidence"], f"e{len(evidence) + 1}")
            evidence.append(item)
            content = f"[{item['evidence_id']}] {item['summary']}"
            messages.append(_tool_message(result | {"message": content}, artifact=_without_figures(item)))
        return {"messages": messages, "evidence": evidence, "results": Overwrite([])}  # type: ignore[typeddict-item]

    def close(self, state: AgentState) -> AgentState:
        """End the turn with a question back or a refusal."""
        reply = _last_ai(state)
        call, arguments = next(item for item in map(self._closing, reply.tool_calls) if item is not None)
        claim = arguments.question if isinstance(arguments, AskUserArguments) else arguments.reason
        verdict = self._verdict(claim, state, _failures(state))
        text = _closing_text(arguments, strike(claim, verdict))
        answers = [ToolMessage("Shown to the user.", tool_call_id=str(item["id"])) for item in _calls(reply)]
        return {
            "messages": [*answers, AIMessage(text)],
            "status": CLOSING[call["name"]],
            "answer": text,
            "cited": list(verdict.cited),
        }

    def check(self, state: AgentState, runtime: Runtime[Run]) -> AgentState:
        """Compare the draft with the evidence; send it back once, then strike what fails."""
        reply = _last_ai(state)
        draft = reply.text.strip()
        verdict = self._verdict(draft, state)
        rejections = state["rejections"]
        feedback = _feedback(draft, verdict, has_evidence=bool(state["evidence"]))
        if feedback is not None and rejections < self._budgets.rejections:
            runtime.stream_writer(DraftRejected(reason=verdict.reason or feedback))
            return {"messages": [HumanMessage(feedback, name=VERIFIER)], "rejections": rejections + 1}
        text = strike(draft, verdict) if draft else _without_draft(state["evidence"])
        if verdict.matched and not verdict.cited:
            text += "\n\nEvidence: " + " ".join(f"[{eid}]" for eid in verdict.matched)
        status: Status = "answered" if draft or state["evidence"] else "cannot_answer"
        return self._finish(state, reply, text, status) | {"cited": [*verdict.cited, *verdict.matched]}

    def stop(self, state: AgentState) -> AgentState:
        """End a turn whose budget is used up: say what was done and what was not."""
        reply = _last_ai(state)
        reason = state.get("stopped") or f"the limit of {self._budgets.tool_calls} tool calls was reached"
        pending = _unanswered(state["messages"])
        lines = [f"I stopped before the answer was complete: {reason}."]
        if state["evidence"]:
            lines += ["", "Done:", *_summaries(state["evidence"])]
        if pending:
            lines += ["", "Not done:", *(f"- {call['name']}" for call in pending)]
        text = "\n".join(lines)
        answers = [ToolMessage(f"Not run: {reason}.", tool_call_id=str(call["id"])) for call in pending]
        status: Status = "answered" if state["evidence"] else "cannot_answer"
        done = self._finish(state, reply if not _calls(reply) else AIMessage(text), text, status)
        return done | {"messages": [*answers, *done["messages"]]}

    # ---------------------------------------------------------------- routing
    def after_model(self, state: AgentState) -> str | list[Send]:
        """Go to the tools that were called, to the end of the turn, or to the check of the draft."""
        if state.get("stopped"):
            return "stop"
        reply = _last_ai(state)
        calls = _calls(reply)
        if not calls:
            return "check"
        if any(self._closing(call) is not None for call in reply.tool_calls):
            return "close"
        left = self._budgets.tool_calls - _n_answered(state["messages"])
        if left <= 0:
            return "stop"
        unreadable = {str(call["id"]): str(call.get("error") or "") for call in reply.invalid_tool_calls}
        tasks = []
        for index, call in enumerate(calls):
            problem = None
            if str(call["id"]) in unreadable:
                problem = f"Expected the arguments as a JSON object; {unreadable[str(call['id'])]}"
            elif index >= left:
                problem = f"Not run: the limit of {self._budgets.tool_calls} tool calls was reached."
            tasks.append(Send("tool", ToolTask(call=call, problem=problem)))
        return tasks

    def after_check(self, state: AgentState) -> Literal["model", "__end__"]:
        """Go back to the chat model where the draft was rejected."""
        return "model" if state["status"] is None else "__end__"

    # ---------------------------------------------------------------- helpers
    @cached_property
    def _prompt(self) -> str:
        return system_prompt(self._context)

    def _tool_for(self, task: ToolTask, runtime: Runtime[Run]) -> Tool[Any]:
        """Find the tool of a call.

        Raises
        ------
        ToolRetryError
            When the call cannot be made: no such tool, unreadable arguments, a used-up budget.
        """
        if task["problem"] is not None:
            raise ToolRetryError(task["problem"])
        if time.monotonic() >= runtime.context.deadline:
            raise ToolRetryError(f"Not run: the limit of {self._budgets.wall_s:g} s was reached.")
        name = task["call"]["name"]
        if name not in self._tools:
            known = tuple(self._tools)
            raise ToolRetryError(f"Expected one of the tools {', '.join(known)}, got {name!r}.", near=known)
        return self._tools[name]

    def _closing(self, call: ToolCall) -> tuple[ToolCall, AskUserArguments | DeclineArguments] | None:
        """Read a call that ends the turn; one with wrong arguments goes on to the tool, which refuses it."""
        if call["name"] not in CLOSING or call["name"] not in self._tools:
            return None
        kind = AskUserArguments if call["name"] == "ask_user" else DeclineArguments
        try:
            return call, kind.model_validate(call["args"])
        except ValidationError:
            return None

    def _verdict(self, draft: str, state: AgentState, said: Sequence[str] = ()) -> Verdict:
        people = (message for message in state["messages"] if isinstance(message, HumanMessage))
        asked = [message.text for message in people if message.name != VERIFIER]
        evidence = [Evidence.model_validate(item) for item in state["evidence"]]
        return verify(draft, evidence, "\n".join([*asked, *said]))

    def _finish(self, state: AgentState, reply: AIMessage, text: str, status: Status) -> AgentState:
        """Keep of the turn's drafts only what the user saw."""
        turn = state["messages"][turn_start(state["messages"]) + 1 :]
        void = [
            str(message.id)
            for message in turn
            if message.name == VERIFIER or (isinstance(message, AIMessage) and not _calls(message))
        ]
        removed = [RemoveMessage(id=message_id) for message_id in void if message_id != reply.id]
        final = reply.model_copy(update={"content": text})
        return {"messages": [*removed, final], "status": status, "answer": text}  # type: ignore[list-item]


def _last_ai(state: AgentState) -> AIMessage:
    for message in reversed(state["messages"]):
        if isinstance(message, AIMessage):
            return message
    return AIMessage("")


def _failures(state: AgentState) -> list[str]:
    """What the tools of this turn said when they failed: their numbers may stand in a refusal."""
    turn = state["messages"][turn_start(state["messages"]) :]
    return [
        message.text for message in turn if isinstance(message, ToolMessage) and message.status == "error"
    ]


def _calls(reply: AIMessage) -> list[ToolCall]:
    """Tool calls of a reply in order, those with unreadable arguments last."""
    unreadable = [
        ToolCall(name=str(call["name"] or "unknown"), args={}, id=call["id"])
        for call in reply.invalid_tool_calls
    ]
    return [*reply.tool_calls, *unreadable]


def _unanswered(messages: Sequence[AnyMessage]) -> list[ToolCall]:
    """Find the calls of the last reply that have no result; ids need be unique within a reply only."""
    last = max((index for index, item in enumerate(messages) if isinstance(item, AIMessage)), default=None)
    if last is None:
        return []
    answered = {item.tool_call_id for item in messages[last + 1 :] if isinstance(item, ToolMessage)}
    return [call for call in _calls(cast("AIMessage", messages[last])) if str(call["id"]) not in answered]


def _n_answered(messages: Sequence[AnyMessage]) -> int:
    return sum(isinstance(message, ToolMessage) for message in messages[turn_start(messages) :])


def _with_call(evidence: Evidence, call: ToolCall) -> Evidence:
    """Fill in which call the evidence came from, where the tool left it to the agent."""
    return evidence.model_copy(
        update={"tool": evidence.tool or call["name"], "arguments": evidence.arguments or call["args"]}
    )


def _numbered(item: dict[str, Any], evidence_id: str) -> dict[str, Any]:
    parts = {
        key: [part | {"evidence_id": evidence_id} for part in item[key]]
        for key in ("values", "tests", "clips")
    }
    return item | parts | {"evidence_id": evidence_id}


def _without_figures(item: dict[str, Any]) -> dict[str, Any]:
    """Leave the drawings out of the message history; they lie in files and in the turn's evidence."""
    return item | {"figures": [figure | {"plotly_json": ""} for figure in item["figures"]]}


def _tool_message(
    result: Mapping[str, Any], *, artifact: Mapping[str, Any], status: Literal["success", "error"] = "success"
) -> ToolMessage:
    return ToolMessage(
        result["message"],
        tool_call_id=result["call_id"],
        name=result["name"],
        artifact=dict(artifact),
        status=status,
    )


def _error_artifact(exc: ToolError) -> dict[str, Any]:
    """Keep what a chat model without a language model behind it needs to choose the next call."""
    artifact: dict[str, Any] = {"error": type(exc).__name__, "near": [], "sources": []}
    if isinstance(exc, ToolRetryError):
        artifact["near"] = list(exc.near)
    if isinstance(exc, AmbiguousSourceError):
        artifact["sources"] = list(exc.sources)
    return artifact


def _closing_text(arguments: AskUserArguments | DeclineArguments, claim: str) -> str:
    if isinstance(arguments, AskUserArguments):
        options = [f"- {option}" for option in arguments.options]
        return "\n".join([claim, *(["", *options] if options else [])])
    suggestions = [f"- {suggestion}" for suggestion in arguments.suggestions]
    return "\n".join([claim, *(["", "You could ask instead:", *suggestions] if suggestions else [])])


def _feedback(draft: str, verdict: Verdict, *, has_evidence: bool) -> str | None:
    if not draft:
        return _EMPTY
    if not verdict.ok:
        return _REJECTED.format(reason=verdict.reason)
    return None if has_evidence else _NO_TOOL


def _summaries(evidence: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"- [{item['evidence_id']}] {item['summary']}" for item in evidence]


def _without_draft(evidence: Sequence[Mapping[str, Any]]) -> str:
    if not evidence:
        return "The chat model wrote no answer and called no tool."
    return "\n".join(["The chat model wrote no answer. The tools returned:", *_summaries(evidence)])
