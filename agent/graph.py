"""The graph: model → one task per tool call → model … → check → answer; nodes and edges, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langgraph.graph import END, START, StateGraph

from ethochat.agent.nodes import Budgets, Nodes, Run
from ethochat.agent.state import AgentState, ToolTask
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph


def build_graph(
    chat_model: BaseChatModel,
    context: ToolContext,
    *,
    tools: Sequence[Tool[Any]] | None = None,
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    budgets: Budgets | None = None,
) -> CompiledStateGraph[AgentState, Run, AgentState, AgentState]:
    """Build the graph that answers one question per run.

    Run it with ``{"question": …}`` and ``context=Run(deadline=…)``; the final state holds ``status``,
    ``answer`` and ``evidence``.

    Parameters
    ----------
    chat_model
        Chooses tools and words the answer.
    context
        The experiment that the tools work on.
    tools
        What may be called; all of ``ethochat.tools.TOOLS`` by default.
    checkpointer
        Keeps conversations.
    budgets
        Limits of one turn.
    """
    if tools is None:
        from ethochat.tools import TOOLS

        tools = TOOLS
    budgets = budgets or Budgets()
    nodes = Nodes(chat_model, context, tools, budgets)
    graph = StateGraph(AgentState, context_schema=Run)
    graph.add_node("begin", nodes.begin)
    graph.add_node("model", nodes.call_model)
    graph.add_node("tool", nodes.run_tool, input_schema=ToolTask)
    graph.add_node("collect", nodes.collect)
    graph.add_node("check", nodes.check)
    graph.add_node("close", nodes.close)
    graph.add_node("stop", nodes.stop)
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "model")
    graph.add_conditional_edges("model", nodes.after_model, ["tool", "check", "close", "stop"])
    graph.add_edge("tool", "collect")
    graph.add_edge("collect", "model")
    graph.add_conditional_edges("check", nodes.after_check, {"model": "model", "__end__": END})
    graph.add_edge("close", END)
    graph.add_edge("stop", END)
    steps = 4 * (budgets.model_steps + budgets.rejections) + 8
    return graph.compile(checkpointer=checkpointer).with_config({"recursion_limit": steps})
