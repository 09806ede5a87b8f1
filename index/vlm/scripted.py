"""A double for tests: replies by rule, no weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ethochat.index.settings import VlmSettings
from ethochat.index.vlm.base import Capabilities, Vlm, VlmReply, VlmRequest

DESCRIBED = {
    "overall": "The mouse walks along the wall.",
    "head": None,
    "limb": None,
    "torso": "The body is stretched.",
    "keywords": ["walking"],
}
"""What it says of every clip unless it is told otherwise."""


@dataclass(kw_only=True)
class ScriptedVlm:
    """Answers from a function, or with the same description and ``yes`` to everything."""

    answer: Callable[[VlmRequest], str | VlmReply] | None = None
    name: str = "scripted"
    model: str = "scripted"
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(video=True, structured=True, probabilities=True, device="none")
    )
    asked: list[VlmRequest] = field(default_factory=list)
    """Every request drawn, in order."""
    closed: bool = False

    def probe(self) -> Capabilities:
        """Say what it was made with."""
        return self.capabilities

    def generate(self, requests: Iterable[VlmRequest]) -> Iterator[VlmReply]:
        """Answer one request after the other."""
        for request in requests:
            self.asked.append(request)
            said = self.answer(request) if self.answer is not None else _usual(request)
            if isinstance(said, VlmReply):
                yield said
                continue
            yield VlmReply(
                key=request.key,
                text=said,
                probabilities=self._probabilities(request, said),
                prompt_tokens=len(request.prompt.split()),
                new_tokens=len(said.split()),
                decoding={"do_sample": False, "max_new_tokens": request.max_new_tokens},
            )

    def close(self) -> None:
        """Note it."""
        self.closed = True

    def _probabilities(self, request: VlmRequest, said: str) -> Mapping[str, float] | None:
        if not request.choices or not self.capabilities.probabilities:
            return None
        first = said.split(maxsplit=1)[0].strip(".,!").lower() if said.strip() else ""
        rest = 0.1 / max(len(request.choices) - 1, 1)
        return {choice: 0.9 if choice == first else rest for choice in request.choices}


def scripted_vlm(rest: str, settings: VlmSettings) -> Vlm:
    """Make one; what follows the colon, if anything, is the answer to everything."""
    return ScriptedVlm(answer=(lambda _: rest) if rest else None)


def _usual(request: VlmRequest) -> str:
    return request.choices[0] if request.choices else json.dumps(DESCRIBED)
