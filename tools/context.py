"""What a tool call needs besides its arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ethochat.index.catalog import Catalog
from ethochat.index.experiment import Experiment

if TYPE_CHECKING:
    from ethochat.index.search import SegmentSearch
    from ethochat.index.vlm.access import VlmAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext:
    """One ingested experiment and the parts that tools work with."""

    experiment: Experiment
    catalog: Catalog
    open_search: Callable[[], SegmentSearch]
    """Opens the vector index and the embedding model on first use, since both are heavy."""
    figures_dir: Path
    """Where plots are written."""
    vlm: VlmAccess | None = None
    """The model that clips may be shown to; ``None`` where the user named none."""
    approved: bool = False
    """Whether the user has agreed to what this call costs."""
