"""What the chat model may call: typed arguments in, evidence out."""

from __future__ import annotations

from typing import Any

from ethochat.tools import (
    agreement,
    ask_back,
    bouts,
    compare,
    cooccurrence,
    correlate,
    facts,
    family,
    measure,
    plot,
    proximity,
    sample_size,
    search,
    transitions,
    two_factors,
    watch,
)
from ethochat.tools.base import Tool
from ethochat.tools.errors import ToolRetryError

TOOLS: tuple[Tool[Any], ...] = (
    facts.TOOL,
    measure.TOOL,
    compare.TOOL,
    family.TOOL,
    two_factors.TOOL,
    sample_size.TOOL,
    correlate.TOOL,
    agreement.TOOL,
    transitions.TOOL,
    cooccurrence.TOOL,
    bouts.TOOL,
    proximity.TOOL,
    search.TOOL,
    watch.TOOL,
    plot.TOOL,
    ask_back.ASK_USER,
    ask_back.DECLINE,
)
"""Every tool, in the order in which a model sees them."""


def tool_named(name: str) -> Tool[Any]:
    """Find a tool.

    Raises
    ------
    ToolRetryError
        For an unknown name, listing the known ones.
    """
    for tool in TOOLS:
        if tool.name == name:
            return tool
    known = tuple(tool.name for tool in TOOLS)
    raise ToolRetryError(f"There is no tool {name!r}. Tools: {', '.join(known)}.", near=known)
