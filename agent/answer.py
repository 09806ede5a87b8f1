"""The answer that the command line, the Python API and the page share."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from ethochat.tools.evidence import ClipRef, Evidence, TestResult, Value

Status = Literal["answered", "needs_clarification", "cannot_answer"]


class Answer(BaseModel):
    """One question's answer."""

    question: str
    status: Status
    answer: str
    """Markdown with ``[e1]`` marks that lead to ``evidence``."""
    values: list[Value] = Field(default_factory=list)
    tests: list[TestResult] = Field(default_factory=list)
    clips: list[ClipRef] = Field(default_factory=list)
    evidence: list[Evidence] = Field(default_factory=list)
    files: list[str] = Field(default_factory=list)
    model: str = "builtin"
    thread_id: str | None = None
    elapsed_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form: evidence without its values, which stand at the top."""
        data = self.model_dump(mode="json")
        for item in data["evidence"]:
            for key in ("values", "tests", "clips", "figures", "summary"):
                item.pop(key)
        return data
