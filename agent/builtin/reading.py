"""What the built-in chat model makes of a question: a reading, a question back, or a refusal."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Intent = Literal[
    "facts",
    "measure",
    "compare",
    "family",
    "two_factors",
    "power",
    "correlate",
    "agreement",
    "transitions",
    "cooccurrence",
    "clips",
    "proximity",
    "search",
    "plot",
]


@dataclass(slots=True)
class Reading:
    """A typed query: what is wanted, and every slot that was filled."""

    intent: Intent
    slots: dict[str, Any] = field(default_factory=dict)
    """Arguments of the tools, by their names in ``tools.arguments``."""
    unread: tuple[str, ...] = ()
    """Words that were not understood."""

    def to_json(self) -> dict[str, Any]:
        """Plain form, kept with the conversation for the next turn."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Reading:
        """Restore :meth:`to_json`."""
        return cls(data["intent"], dict(data["slots"]), tuple(data["unread"]))


@dataclass(frozen=True, slots=True)
class AskBack:
    """Two readings are close, or a needed part is missing."""

    question: str
    options: tuple[str, ...] = ()
    reading: Reading | None = None
    """What was understood so far; the user's reply completes it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The experiment's data cannot tell."""

    reason: str
    suggestions: tuple[str, ...] = ()


Understanding = Reading | AskBack | Refusal
