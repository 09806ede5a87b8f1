import dataclasses

import pytest

from ethochat.index.vlm.access import VlmAccess
from ethochat.tools.context import ToolContext
from ethochat.ui.examples import example_questions
from ethochat.ui.overview import grouping_columns, heading_html, looker_place, model_place, overview_html


def test_heading_shows_names_as_text(context: ToolContext) -> None:
    html = heading_html(context, "builtin")
    assert "<img" not in html
    assert "Test &lt;img src=x" in html
    assert "four sessions &amp; a tag &lt;b&gt;" in html
    assert "Runs on this computer; nothing leaves it." in html


def test_overview_says_what_can_be_asked_about(context: ToolContext) -> None:
    html = overview_html(context)
    assert "<dd>4 sessions; 3 with video</dd>" in html
    assert "<dt>Behaviors scored by hand</dt><dd>Rearing, chase</dd>" in html
    assert "<img" not in html


def test_model_on_this_computer_is_told_from_one_elsewhere() -> None:
    assert model_place("builtin")[2] is False
    assert model_place("transformers:/models/q")[:1] == ("/models/q",)
    assert model_place("openai:m@http://127.0.0.1:8000/v1") == (
        "m",
        "Runs on this computer (127.0.0.1); nothing leaves it.",
        False,
    )
    assert model_place("openai:m@https://gpu.lab:8000/v1") == (
        "m",
        "Runs at gpu.lab: questions and results are sent there.",
        True,
    )
    assert model_place("anthropic:claude") == (
        "claude",
        "Runs at anthropic: questions and results are sent there.",
        True,
    )


@pytest.mark.parametrize(
    ("name", "shown", "where", "leaves"),
    [
        ("transformers:Qwen/Qwen2.5-VL-3B-Instruct", "Qwen/Qwen2.5-VL-3B-Instruct", "Runs in this process", False),
        ("transformers:/home/me/models/tiny", "tiny", "Runs in this process", False),
        ("openai:q@http://me:secret@localhost:8000/v1?key=secret", "q", "(localhost:8000); no frame leaves", False),
        ("openai:q@http://127.0.0.1:1/v1,http://me:secret@gpu.lab:2/v1", "q", "Frames are sent to gpu.lab:2.", True),
        ("openai:gpt-9", "gpt-9", "Frames are sent to api.openai.com.", True),
        ("openai:q@gpu:secret", "a server", "cannot be read, so nothing is sent", False),
        ("mine", "mine", "where it runs is not known", True),
    ],
)  # fmt: skip
def test_model_that_looks_is_named_with_its_place_and_without_secrets(
    context: ToolContext, name: str, shown: str, where: str, leaves: bool
) -> None:
    found = looker_place(name)
    assert (found[0], where in found[1], found[2]) == (shown, True, leaves)
    access = VlmAccess(spec=name)
    html = heading_html(dataclasses.replace(context, vlm=access), "builtin")
    assert f"Clips looked at by <b>{shown}</b>" in html
    assert "secret" not in html
    assert access._opened is None  # no model is loaded to draw the page


def test_no_model_that_looks_is_not_named(context: ToolContext) -> None:
    assert "looked at" not in heading_html(context, "builtin")
    assert "looked at" not in heading_html(dataclasses.replace(context, vlm=VlmAccess(spec=None)), "builtin")


def test_column_in_which_every_session_differs_is_no_grouping(context: ToolContext) -> None:
    assert grouping_columns(context) == []  # three sessions with a group, two of them different


def test_examples_use_the_experiments_own_names(context: ToolContext) -> None:
    assert example_questions(context) == [
        "Summarize this experiment.",
        "Show me the longest Rearing bouts.",
        "Plot the number of Rearing bouts.",
    ]
