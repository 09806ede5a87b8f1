from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethochat.agent.builtin.searching import SearchReading
from ethochat.index.errors import InputError
from ethochat.tools.arguments import Moment, SearchArguments
from ethochat.tools.context import ToolContext
from ethochat.ui.search_call import (
    check_asked,
    narrowed,
    parts_of,
    read_condition,
    read_moment,
    read_text,
    units_of,
    without_parts,
)


# ----------------------------------------------------------------- reading
@pytest.mark.parametrize(
    ("text", "column", "op", "value"),
    [
        ("sex=female", "sex", "==", "female"),
        ("sex==female", "sex", "==", "female"),
        (" weight_g >= 20 ", "weight_g", ">=", "20"),
        ("dose<=0.5", "dose", "<=", "0.5"),
        ("group!=saline", "group", "!=", "saline"),
        ("age>3", "age", ">", "3"),
        ("age<3", "age", "<", "3"),
        ("note=a=b", "note", "==", "a=b"),
        ("home cage=<b>", "home cage", "==", "<b>"),
    ],
)
def test_condition_is_a_column_a_sign_and_a_value(text: str, column: str, op: str, value: str) -> None:
    assert read_condition(text) == {"column": column, "op": op, "value": value}


@pytest.mark.parametrize("text", ["", "female", "=female", "sex=", "<3"])
def test_what_is_no_condition_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(InputError, match="Expected a condition such as"):
        read_condition(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("S05@19.6", {"session_id": "S05", "time": 19.6}),
        ("ri_1@300@resident", {"session_id": "ri_1", "time": 300.0, "individual": "resident"}),
        ("a@b@7", {"session_id": "a@b", "time": 7.0}),
    ],
)
def test_moment_is_a_session_and_a_time(text: str, moment: dict[str, Any]) -> None:
    assert read_moment(text) == moment
    Moment.model_validate(moment)


@pytest.mark.parametrize("text", ["S05", "S05@", "@3", "S05@late", ""])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="Expected a moment such as"):
        read_moment(text)


def test_empty_text_reads_as_nothing(context: ToolContext) -> None:
    assert read_text("  ", context) == {}


def test_text_that_cannot_be_searched_for_says_why(
    context: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ethochat.agent.builtin.searching.read_search",
        lambda *_: SearchReading(refusal="No strain is stated."),
    )
    with pytest.raises(InputError, match="No strain is stated"):
        read_text("black mice", context)


def test_moments_that_are_read_become_plain_data(
    context: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = SearchReading(arguments={"query": "x", "like": [Moment(session_id="s", time=1)], "zones": []})
    monkeypatch.setattr("ethochat.agent.builtin.searching.read_search", lambda *_: reading)
    assert read_text("x", context) == {
        "query": "x",
        "like": [{"session_id": "s", "time": 1.0, "individual": None}],
    }


# ----------------------------------------------------------------- narrowing
def test_option_takes_the_place_of_what_the_text_says_of_the_same_thing() -> None:
    read = {"query": "rearing", "sessions": ["s1"], "stop_s": 180, "limit": 10}
    more = {"sessions": ["s2"], "zones": ["center"], "stop_s": None, "where": [], "limit": 5}
    assert narrowed(read, more) == {
        "query": "rearing",
        "sessions": ["s2"],
        "stop_s": 180,
        "zones": ["center"],
        "limit": 5,
    }


def test_condition_takes_the_place_of_those_on_its_column_only() -> None:
    read = {"where": [read_condition("Sex=male"), read_condition("group=saline")]}
    merged = narrowed(read, {"where": [read_condition("sex=female")]})
    assert [(item["column"], item["value"]) for item in merged["where"]] == [
        ("group", "saline"),
        ("sex", "female"),
    ]


def test_window_in_seconds_takes_the_place_of_a_share() -> None:
    assert narrowed({"start_part": 0.5}, {"start_s": 30.0}) == {"start_s": 30.0}


def test_zero_is_a_number_that_was_given() -> None:
    assert narrowed({"min_speed": 5}, {"min_speed": 0.0}) == {"min_speed": 0.0}


# ----------------------------------------------------------------- in words
CALL: dict[str, Any] = {
    "query": "running",
    "where": [
        {"column": "sex", "op": "==", "value": "female"},
        {"column": "group", "op": "in", "value": ["a", "b"]},
        {"column": "dose", "op": "!=", "value": 2.0},
        {"column": "age", "op": ">=", "value": "3"},
    ],
    "sessions": ["s1"],
    "subjects": ["m1"],
    "individuals": ["red"],
    "stop_s": 180,
    "behaviors": ["walking"],
    "zones": ["center", "corner"],
    "without": ["wall"],
    "sources": ["anna"],
    "min_speed": 20,
    "max_speed": 40.5,
    "min_duration_s": 2,
    "max_duration_s": 10,
    "followed_by": ["grooming"],
    "within_s": 10,
    "like": [{"session_id": "s1", "time": 3.5, "individual": None}],
    "unlike": [{"session_id": "s2", "time": 4, "individual": "red"}],
    "other_sessions": True,
    "per_session": 3,
    "limit": 10,
}


def test_call_is_said_in_parts() -> None:
    assert [part.label for part in parts_of(CALL)] == [
        "sex: female",
        "group: a or b",
        "dose ≠ 2",
        "age ≥ 3",
        "s1",
        "m1",
        "red",
        "first 3 min",
        "“running”",
        "during walking",
        "in center",
        "in corner",
        "without wall",
        "by anna",
        "speed ≥ 20 cm/s",
        "speed ≤ 40.5 cm/s",
        "≥ 2 s long",
        "≤ 10 s long",
        "then grooming within 10 s",
        "like s1 at 3.5 s",
        "unlike s2 red at 4 s",
        "in other sessions",
        "at most 3 per session",
    ]


@pytest.mark.parametrize(
    ("window", "label"),
    [
        ({"start_s": -30}, "last 30 s"),
        ({"start_s": 60}, "from 1 min on"),
        ({"start_s": 0, "stop_s": 90}, "first 90 s"),
        ({"start_s": 30, "stop_s": 120}, "30 s to 2 min"),
        ({"stop_s": -10}, "up to 10 s before the end"),
        ({"start_part": 0.5}, "second half"),
    ],
)
def test_window_is_said_as_one_would(window: dict[str, float], label: str) -> None:
    assert [(part.key, part.label) for part in parts_of(window)] == [("window", label)]


def test_units_are_those_of_the_experiment() -> None:
    labels = [
        part.label for part in parts_of({"stop_s": 180, "min_speed": 2}, unit="frames", speed_unit="px/frame")
    ]
    assert labels == ["first 180 frames", "speed ≥ 2 px/frame"]


def test_experiment_of_seconds_without_scale_has_speeds_in_pixels(context: ToolContext) -> None:
    assert units_of(context) == ("s", "px/s")


@given(st.sets(st.sampled_from([part.key for part in parts_of(CALL)])))
def test_what_is_taken_out_is_gone_and_the_rest_is_left(keys: set[str]) -> None:
    left = without_parts(CALL, keys)
    SearchArguments.model_validate(left)
    # the time limit of a sequence goes with its last step
    assert [part.key for part in parts_of(left)] == [
        part.key for part in parts_of(CALL) if part.key not in keys
    ]


def test_keys_that_are_not_there_are_not_missed() -> None:
    assert without_parts({"query": "x"}, {"zones:center", "window"}) == {"query": "x"}


def test_checking_by_the_model_is_a_part_but_nothing_to_look_for() -> None:
    call = {"query": "rearing", "verify": 5, "verify_s": 30.0}
    assert [(part.key, part.label) for part in parts_of(call)] == [
        ("query", "“rearing”"),
        ("verify", "best 5 checked by the model"),
    ]
    assert without_parts(call, {"verify"}) == {"query": "rearing"}
    with pytest.raises(InputError, match="Say what to look for"):
        check_asked({"verify": 5, "verify_s": 30.0})
