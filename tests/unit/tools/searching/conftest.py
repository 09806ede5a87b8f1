"""A vector index that gives what it is told to, and remembers what it was asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ethochat.index.store.base import Hit
from ethochat.tools.context import ToolContext


class FakeSearch:
    """Stands for the index."""

    def __init__(self, hits: Sequence[Hit]) -> None:
        self.hits = list(hits)
        self.asked: list[dict[str, Any]] = []
        self.notice: str | None = None

    def check(self) -> str | None:
        return self.notice

    def retrieve(self, query: str = "", **more: Any) -> list[Hit]:
        self.asked.append({"query": query, **more})
        return self.hits


@pytest.fixture
def indexed() -> Callable[..., tuple[ToolContext, FakeSearch]]:
    """Give a context such an index."""

    def make(context: ToolContext, hits: Sequence[Hit] = ()) -> tuple[ToolContext, FakeSearch]:
        fake = FakeSearch(hits)
        return dataclasses.replace(context, open_search=lambda: fake), fake

    return make
