"""What happens while a question is answered, for whoever watches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ethochat.agent.answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStarted:
    """A tool call begins."""

    call_id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFinished:
    """A tool call returned."""

    call_id: str
    name: str
    summary: str
    """What the tool told the chat model, or why it failed."""
    ok: bool
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A piece of the draft as the chat model writes it; nothing in it is verified yet."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRejected:
    """The verifier sent the draft back; what was shown of it is void."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """The verified answer; always the last event."""

    answer: Answer


Event = ToolStarted | ToolFinished | Token | DraftRejected | Final
