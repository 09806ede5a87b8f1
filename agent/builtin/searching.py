"""What is typed to search: the words that narrow where to look, and the description that is left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ethochat.tools.context import ToolContext


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchReading:
    """Arguments of ``search_segments``, or why there are none."""

    arguments: dict[str, Any] = field(default_factory=dict)
    refusal: str | None = None
    """What is wrong with the text, in a sentence; ``arguments`` are empty then."""


def read_search(text: str, context: ToolContext) -> SearchReading:
    """Split a search text into filters and a description.

    Parameters
    ----------
    text
        As typed, e.g. "running faster than 20 cm/s in the center, only females, first 3 min".
    context
        The experiment, whose names the text may use.
    """
    return SearchReading(arguments={"query": text})
