"""What the graph carries from node to node and keeps between turns.

Everything but the messages is plain JSON-like data: a checkpoint gives back dicts, whatever was put in.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage, ToolCall
from langgraph.graph.message import add_messages

from ethochat.agent.answer import Status

VERIFIER = "verifier"
"""Name on the messages with which the verifier sends a draft back."""


class AgentState(TypedDict, total=False):
    """State of one conversation; all but ``messages`` belongs to the turn that is running or ran last."""

    messages: Annotated[list[AnyMessage], add_messages]
    question: str
    results: Annotated[list[dict[str, Any]], operator.add]
    """What the tool calls of the running round returned, before they are numbered."""
    evidence: list[dict[str, Any]]
    """``Evidence`` of the turn as dicts, in the order of the calls."""
    rejections: int
    """How often a draft was sent back."""
    stopped: str | None
    """Which budget was used up."""
    status: Status | None
    """``None`` while the turn runs."""
    answer: str
    cited: list[str]
    """Evidence ids in the order in which the answer cites them."""


class ToolTask(TypedDict):
    """What one tool task gets: its call and nothing else."""

    call: ToolCall
    problem: str | None
    """Why the call cannot be made, where its arguments could not be read."""


def turn_start(messages: Sequence[BaseMessage]) -> int:
    """Find the position of the message that asked the running question."""
    for index in range(len(messages) - 1, -1, -1):
        if isinstance(messages[index], HumanMessage) and messages[index].name != VERIFIER:
            return index
    return 0
