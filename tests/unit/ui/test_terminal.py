"""Hits and clips as the terminal shows them, with what a vision-language model said of them."""

from __future__ import annotations

import pytest

from ethochat.agent.answer import Answer
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import ClipRef, Evidence
from ethochat.ui.hits import hits_of
from ethochat.ui.terminal import console, show_answer, show_hits


@pytest.fixture(autouse=True)
def fresh_console() -> None:
    console.cache_clear()  # it writes to where standard output was when it was made


def clip(start: float, **more: object) -> ClipRef:
    return ClipRef.model_validate({"session_id": "oft_1", "start_time": start, "stop_time": start + 1} | more)


def test_hits_say_what_the_model_said_of_each(
    context: ToolContext, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = [
        clip(1, verified=True, probability=0.9),
        clip(3, verified=False),
        clip(5, seen="not checked: \x1b[31mred\n[bold]no video[/bold]"),
    ]
    found = Evidence(evidence_id="", tool="search_segments", clips=clips, n_rows=3)
    show_hits(hits_of(context, "rearing", {"query": "rearing", "verify": 3}, found))
    out = capsys.readouterr().out
    assert "best 3 checked by the model" in out
    for line in ("verified, p = 0.90", "rejected", "not checked: 31mred boldno video/bold"):
        assert f"     {line}\n" in out
    assert "\x1b[31m" not in out


def test_hits_that_nobody_wanted_checked_say_nothing_of_it(
    context: ToolContext, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Evidence(evidence_id="", tool="search_segments", clips=[clip(1)], n_rows=1)
    show_hits(hits_of(context, "rearing", {"query": "rearing"}, found))
    assert "checked" not in capsys.readouterr().out


def test_clips_of_an_answer_quote_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    clips = [clip(1, seen="yes,\n\x1b[2Jit is raised"), clip(3, seen="not answered: timed out")]
    show_answer(Answer(question="?", status="answered", answer="See below.", clips=clips))
    out = capsys.readouterr().out
    assert "oft_1  1.00–2.00  “yes, 2Jit is raised”" in out
    assert "oft_1  3.00–4.00  not answered: timed out" in out
