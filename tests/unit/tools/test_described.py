"""Described events counted and timed, on the open field of ``conftest``: anna's Rearing and Grooming, zone ``center`` of oft_1."""

from __future__ import annotations

import pytest

from ethochat.tools.errors import ToolFailedError, ToolRetryError


@pytest.fixture
def measured(context, call):
    """Measure described events by anna."""

    def make(measure, described, **more):
        return call(context, "measure", measure=measure, described=described, sources=["anna"], **more)

    return make


def of_sessions(evidence):
    return {value.session_id: value.value for value in evidence.values if value.session_id}


def test_bouts_of_one_rater_are_counted_and_a_zero_is_a_zero(measured):
    evidence = measured(
        "event_count",
        "rearing",
        group_by=["session_id"],
    )
    # oft_5's two bouts of anna overlap, so they are one event; oft_4 was watched and has none.
    assert of_sessions(evidence) == {"oft_1": 2.0, "oft_2": 1.0, "oft_4": 0.0, "oft_5": 1.0}
    assert evidence.values[0].unit == "events"


def test_time_is_that_of_the_events_within_the_window(measured):
    evidence = measured(
        "event_duration",
        "rearing",
        sessions=["oft_1"],
        start_s=1.5,
        stop_s=4.0,
    )
    assert [value.value for value in evidence.values][:1] == [1.5]  # [1.5, 2) and [3, 4)


def test_share_and_rate_are_of_the_window(measured):
    for measure, expected in (("event_percent", 30.0), ("event_rate", 12.0)):
        evidence = measured(measure, "rearing", sessions=["oft_1"])
        assert evidence.values[0].value == pytest.approx(expected)  # 3 s and 2 events in 10 s


def test_a_sequence_is_counted(measured):
    evidence = measured(
        "event_count",
        "rearing followed by grooming within 1 s",
        group_by=["session_id"],
    )
    assert of_sessions(evidence)["oft_1"] == 1.0  # rearing [3, 5), grooming [5, 6)
    assert sum(of_sessions(evidence).values()) == 1.0


def test_groups_are_compared_by_described_events(context, call):
    evidence = call(
        context,
        "compare_groups",
        measure="event_count",
        described="rearing",
        sources=["anna"],
        group_column="group",
    )
    means = {v.group["group"]: v.value for v in evidence.values if v.statistic == "mean"}
    assert means == {"drug": 1.5, "vehicle": 0.5}


def test_sessions_where_it_cannot_be_told_are_named_and_have_no_value(measured):
    evidence = measured(
        "event_count",
        "rearing in the center",
        group_by=["session_id"],
    )
    assert of_sessions(evidence) == {"oft_1": 1.0}  # [3, 5) meets the center's frames 20 to 39: [3, 4)
    assert any("oft_2" in flag and "cannot be told" in flag for flag in evidence.flags)


@pytest.mark.parametrize("described", ["flies a kite", "", None])
def test_what_names_nothing_cannot_be_counted(context, call, described):
    with pytest.raises(ToolRetryError, match=r"names nothing|needs a description"):
        call(context, "measure", measure="event_count", described=described)


def test_other_measures_take_no_description(context, call):
    with pytest.raises(ToolRetryError, match="described"):
        call(
            context,
            "measure",
            measure="bout_count",
            behaviors=["Rearing"],
            sources=["anna"],
            described="rearing",
        )


COVERED = {"source_kind": "manual", "start_time": 0.0, "stop_time": 10.0, "n_frames": 100, "individual": ""}


@pytest.mark.parametrize(("measure", "expected"), [("event_rate", 12.0), ("event_percent", 20.0)])
def test_a_rate_is_of_the_time_that_was_watched(made, call, measure, expected):
    """Somebody watches half of ten seconds and marks one event of a second."""
    seen = {**COVERED, "kind": "annotations", "source": "anna", "behaviors": ["hop"], "stop_time": 5.0}
    hop = {
        "individual": "",
        "behavior": "hop",
        "source": "anna",
        "source_kind": "manual",
        "start_time": 1.0,
        "stop_time": 2.0,
    }
    watched = made({"coverage": [seen], "bouts": [hop]})
    evidence = call(watched, "measure", measure=measure, described="hop")
    assert evidence.values[0].value == pytest.approx(expected)


def test_being_near_is_an_event_of_both_animals(made, call):
    """a is near b from 1 to 2 s, b near c from 4 to 5 s."""
    ruled = {**COVERED, "kind": "rules", "source": "rules", "source_kind": "rule", "behaviors": ["near"]}
    near = {"behavior": "near", "source": "rules", "source_kind": "rule"}
    together = made(
        {
            "individuals": [{"individual": name, "subject_id": name} for name in "abc"],
            "coverage": [{**ruled, "individual": name} for name in "abc"],
            "bouts": [
                {**near, "individual": "a", "partner": "b", "start_time": 1.0, "stop_time": 2.0},
                {**near, "individual": "b", "partner": "c", "start_time": 4.0, "stop_time": 5.0},
            ],
        }
    )
    evidence = call(together, "measure", measure="event_count", described="near", group_by=["individual"])
    assert {value.group["individual"]: value.value for value in evidence.values} == {
        "a": 1.0,
        "b": 2.0,
        "c": 1.0,
    }


def test_a_rate_per_minute_needs_a_frame_rate(social, call):
    with pytest.raises(ToolFailedError, match="frame rate"):
        call(social, "measure", measure="event_rate", described="chase")
