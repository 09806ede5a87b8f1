"""How a tool fails: the caller can fix the call, or must work around it."""

from __future__ import annotations

from ethochat.index.errors import EthochatError


class ToolError(EthochatError):
    """Base of what a tool reports back to the chat model."""


class ToolRetryError(ToolError):
    """The call can be fixed: an unknown name, a missing argument, two arguments that exclude each other."""

    def __init__(self, message: str, *, near: tuple[str, ...] = ()) -> None:
        """Say what was expected and found, and which known names are near."""
        super().__init__(message)
        self.near = near


class ToolFailedError(ToolError):
    """The data cannot give this: no such recording, no track, an empty group."""


class AmbiguousSourceError(ToolRetryError):
    """Several sources give the measure and disagree; one must be named."""

    def __init__(self, message: str, *, sources: tuple[str, ...]) -> None:
        """Name the sources to choose from."""
        super().__init__(message, near=sources)
        self.sources = sources


class ApprovalNeededError(ToolError):
    """The call costs more than may be spent unasked; made again with ``approved`` in its context, it runs."""

    def __init__(self, cost: str, *, n_clips: int) -> None:
        """Say what it costs: ``120 clips, 3,840 frames, about 6 min``."""
        super().__init__(f"This needs your approval: {cost}.")
        self.cost = cost
        self.n_clips = n_clips
