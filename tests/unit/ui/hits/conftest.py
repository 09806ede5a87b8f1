"""Five hits in the experiment of ``tests/unit/ui/conftest.py``, with what breaks formats in their texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import ClipRef, Evidence, Value
from ethochat.ui.hits import Hits, hits_of

MADE_AT = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)


def clip(session_id: str, start: float, stop: float, **more: Any) -> ClipRef:
    given = {"description": "Rearing", "has_video": session_id == "oft_1"} | more
    return ClipRef(session_id=session_id, start_time=start, stop_time=stop, **given)


@pytest.fixture
def make_hits(context: ToolContext) -> Callable[..., Hits]:
    """Put clips into hits, found on the first of March."""

    def make(
        *clips: ClipRef,
        query: str = "rearing",
        n_total: int | None = None,
        n_rows: int = 0,
        flags: Sequence[str] = ("Nobody looked at the pixels.",),
        **arguments: Any,
    ) -> Hits:
        found = Evidence(
            evidence_id="",
            tool="search_segments",
            clips=list(clips),
            values=[Value(name="event_count", value=float(n_total if n_total is not None else len(clips)))],
            flags=list(flags),
            n_rows=n_rows,
        )
        hits = hits_of(context, query, {"query": query} | arguments, found)
        object.__setattr__(hits, "made_at", MADE_AT)
        return hits

    return make


@pytest.fixture
def hits(make_hits: Callable[..., Hits]) -> Hits:
    """Rears of ``oft_1`` [3, 5) and [4, 6), which overlap, and [1, 2); of ``oft_2`` [2, 3.5), without video; by score."""
    return make_hits(
        clip("oft_1", 3.0, 5.0, score=0.91, why="Rearing by anna"),
        clip("oft_2", 2.0, 3.5, score=0.5, description='=HYPERLINK("x"), then <b>up</b>'),
        clip("oft_1", 4.0, 6.0, score=0.4),
        clip("oft_1", 1.0, 2.0, score=0.25, individual="red"),
        n_total=7,
    )
