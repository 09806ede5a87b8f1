from typing import Any

import pytest

from ethochat.tools import TOOLS
from ethochat.tools.evidence import Evidence
from ethochat.ui.steps import describe_call, evidence_text, fenced, harmless, literal


@pytest.mark.parametrize(
    ("name", "arguments", "done"),
    [
        ("compare_groups", {"measure": "distance", "group_column": "group"}, "Compared distance by group"),
        (
            "compare_groups",
            {"measure": "percent_time", "behaviors": ["rear"], "group_column": "Condition", "groups": ["CSI", "Control"]},
            "Compared percent time of rear between CSI and Control",
        ),
        ("find_bouts", {"behaviors": ["grooming"], "order": "longest"}, "Looked up grooming bouts, the longest first"),
        (
            "measure",
            {"measure": "bout_count", "behaviors": ["a", "b"], "group_by": ["session_id"], "sources": ["Oliver"], "stop_s": 300},
            "Measured bout count of a and b by session as marked by Oliver in the first 300 s",
        ),
        ("measure", {"measure": "center.raw.speed_x"}, "Measured center.raw.speed_x"),
        (
            "measure",
            {"measure": "distance", "where": [{"column": "sex", "value": "f"}], "start_s": -60},
            "Measured distance where sex is f in the last 60 s",
        ),
        ("plot", {"kind": "trajectory", "sessions": ["S01"]}, "Drew the path in S01"),
        ("search_segments", {"query": "rears at the wall"}, "Searched for “rears at the wall”"),
        ("search_segments", {"query": "x", "zones": ["center"], "min_speed": 20, "where": [{"column": "sex", "value": "f"}]}, "Searched for “x”, in center, speed ≥ 20 cm/s where sex is f"),
        ("search_segments", {"like": [{"session_id": "s1", "time": 3}], "other_sessions": True}, "Searched for moments like s1 at 3 s, in other sessions"),
        ("find_proximity", {"pair": ["m1", "m3"], "max_distance": 40}, "Looked up when m1 and m3 are closer than 40 px"),
        ("transitions", {"before": ["walk"], "after": ["rear"]}, "Counted how often rear follows walk"),
        ("experiment_facts", {"topic": "summary"}, "Read the experiment's design"),
    ],
)  # fmt: skip
def test_call_is_said_in_words(name: str, arguments: dict[str, Any], done: str) -> None:
    assert describe_call(name, arguments)[1] == done


def test_running_call_is_said_in_the_present() -> None:
    assert describe_call("measure", {"measure": "distance"})[0] == "Measuring distance"


def test_times_of_sessions_without_frame_rate_are_frames() -> None:
    assert describe_call("measure", {"measure": "distance", "stop_s": 90}, unit="frames")[1].endswith(
        "first 90 frames"
    )


@pytest.mark.parametrize("arguments", [{}, {"measure": ["wrong"]}, {"no_such": 1}])
def test_call_that_cannot_be_read_is_named(arguments: dict[str, Any]) -> None:
    assert describe_call("measure", arguments) == ("Calling measure", "Called measure")


def test_unknown_tool_is_named() -> None:
    assert describe_call("rm -rf", {}) == ("Calling rm -rf", "Called rm -rf")


def test_every_tool_has_words() -> None:
    needed: dict[str, dict[str, Any]] = {
        "measure": {"measure": "distance"},
        "compare_groups": {"measure": "distance", "group_column": "g"},
        "compare_many": {"of": "metrics", "group_column": "g"},
        "two_factors": {"measure": "distance", "factors": ["g", "sex"]},
        "power": {"effect": 0.5},
        "cooccurrence": {"first": "x", "second": "y"},
        "correlate": {"x": {"measure": "distance"}, "y": {"measure": "duration"}},
        "find_bouts": {"behaviors": ["x"]},
        "find_proximity": {"max_distance": 3},
        "search_segments": {"query": "x"},
        "watch_clips": {"question": "Is it?", "clips": [{"session_id": "a", "start_s": 1, "stop_s": 2}]},
        "plot": {"kind": "bars"},
        "experiment_facts": {"topic": "zones"},
        "ask_user": {"question": "which?"},
        "decline": {"reason": "no"},
    }
    for tool in TOOLS:
        doing, done = describe_call(tool.name, needed.get(tool.name, {}))
        assert not doing.startswith("Calling")
        assert doing != done


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<img src=x>", "&lt;img src=x>"),
        ("a & b", "a &amp; b"),
        ("bout_count *x* `y`", "bout_count \\*x\\* \\`y\\`"),
        ("_x_", "\\_x\\_"),
        ("![a](http://b)", "!\\[a\\](http&#58;//b)"),
        ("WWW.b.com, a@b.com, 3:4 @ 5", "WWW&#46;b.com, a&#64;b.com, 3:4 @ 5"),
        ("- a\n1. b\n# c", "&#45; a\n&#49;. b\n&#35; c"),
    ],
)
def test_literal_text_has_no_markup(text: str, shown: str) -> None:
    assert literal(text) == shown


def test_answer_keeps_its_formatting_but_no_html_images_or_links() -> None:
    text = harmless("**CSI** [e1]\n- <b>x</b> ![i](http://evil/x.png)\n\n> Source: rules")
    assert text == "**CSI** [e1]\n- &lt;b>x&lt;/b> ![i]\\(http&#58;//evil/x.png)\n\n> Source: rules"


def test_fence_is_longer_than_any_in_the_text() -> None:
    assert fenced("a ```` b") == "`````\na ```` b\n`````"


def test_evidence_shows_result_flags_rows_and_call() -> None:
    evidence = Evidence(
        evidence_id="e1",
        tool="measure",
        arguments={"measure": "distance"},
        summary="distance: 12 cm\nSource: rules.",
        n_rows=1996,
        flags=["Source: rules.", "oft_9 was left out."],
    )
    text = evidence_text(evidence)
    assert text.startswith("distance: 12 cm\nSource: rules.\n\n- oft_9 was left out.\n\nFrom 1,996 rows")
    assert '"measure": "distance"' in text
