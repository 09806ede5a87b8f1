from ethochat.tools.context import ToolContext
from ethochat.ui.examples import example_questions
from ethochat.ui.overview import grouping_columns, heading_html, model_place, overview_html


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


def test_column_in_which_every_session_differs_is_no_grouping(context: ToolContext) -> None:
    assert grouping_columns(context) == []  # three sessions with a group, two of them different


def test_examples_use_the_experiments_own_names(context: ToolContext) -> None:
    assert example_questions(context) == [
        "Summarize this experiment.",
        "Show me the longest Rearing bouts.",
        "Plot the number of Rearing bouts.",
    ]
