from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethochat.index.settings import BehaviorSettings
from ethochat.tools.errors import AmbiguousSourceError, ToolFailedError, ToolRetryError
from ethochat.tools.vlm_quality.truth import choose_source, read_truth, shows


@pytest.mark.parametrize(
    ("bouts", "shown"),
    [
        ([], False),
        ([(10, 15)], True),  # a whole bout, a quarter of the segment
        ([(0, 20)], True),  # covers exactly half, touching the start
        ([(0, 19)], False),  # one frame less than half, and not whole
        ([(28, 60)], False),
        ([(0, 15), (25, 60)], True),  # two parts that are half together
        ([(0, 10)], False),  # only touches
        ([(0, 60)], True),
    ],
)
def test_segment_shows_what_covers_half_of_it_or_lies_inside_as_a_whole(bouts, shown):
    assert shows(bouts, (10, 30)) is shown


@given(st.integers(0, 40), st.integers(1, 40), st.integers(0, 40), st.integers(1, 40))
def test_longer_bout_over_the_same_segment_never_hides_it(start, length, first, span):
    segment = (first, first + span)
    if shows([(start, start + length)], segment) and start <= first:
        assert shows([(start, max(start + length, first + span))], segment)


def test_only_source_of_filmed_sessions_is_the_truth(write_lab):
    experiment, catalog = write_lab(
        {
            "s1": {"coverage": [("anna", ["rear"])]},
            "s2": {"coverage": [("ben", ["rear"])], "video": False},
            "s3": {"coverage": [("carl", ["rear"])], "excluded": True},
        }
    )
    assert choose_source(experiment, catalog, None) == "anna"
    assert choose_source(experiment, catalog, "Anna") == "anna"
    with pytest.raises(ToolRetryError, match="no source of labels of sessions with a video 'ben'"):
        choose_source(experiment, catalog, "ben")


def test_several_sources_are_named(write_lab):
    experiment, catalog = write_lab({"s1": {"coverage": [("anna", ["rear"]), ("ben", ["rear"])]}})
    with pytest.raises(AmbiguousSourceError, match="anna, ben; name one with --truth"):
        choose_source(experiment, catalog, None)
    assert choose_source(experiment, catalog, "ben") == "ben"


def test_what_a_model_said_and_rules_are_no_truth(write_lab):
    experiment, catalog = write_lab({"s1": {"coverage": [("vlm:tiny", ["rear"])]}})
    with pytest.raises(ToolFailedError, match="Nobody labeled a session with a video"):
        choose_source(experiment, catalog, None)


def test_segments_are_judged_by_what_they_show_and_what_is_near(write_lab):
    experiment, catalog = write_lab(
        {
            "s1": {
                "coverage": [("anna", ["rear", "groom"], 0.0, 8.0)],
                "bouts": [("anna", "rear", 0.5, 0.9), ("anna", "groom", 3.5, 4.5), ("ben", "rear", 6.0, 8.0)],
            }
        }
    )
    truth = read_truth(experiment, catalog, "anna")
    assert [item.segment["start_time"] for item in truth.judged] == [
        0.0,
        2.0,
        4.0,
        6.0,
    ]  # [8, 10) nobody watched
    assert [sorted(item.shown) for item in truth.judged] == [["rear"], [], [], []]
    # Grooming in [3.5, 4.5) is within both segments; rearing until 0.9 is more than a second before 2.
    assert [sorted(item.near) for item in truth.judged] == [["rear"], ["groom"], ["groom"], []]
    assert [sorted(item.ruled_out) for item in truth.judged] == [
        ["groom"],
        ["rear"],
        ["rear"],
        ["groom", "rear"],
    ]


def test_what_occurs_a_second_before_is_not_ruled_out_and_a_frame_more_is(write_lab):
    bouts = [("anna", "rear", 0.5, 1.1), ("anna", "groom", 0.5, 1.0)]
    experiment, catalog = write_lab({"s1": {"coverage": [("anna", ["rear", "groom"])], "bouts": bouts}})
    second = read_truth(experiment, catalog, "anna").judged[1]
    assert (sorted(second.near), sorted(second.ruled_out)) == (["rear"], ["groom"])


def test_bouts_that_touch_are_one(write_lab):
    bouts = [("anna", "rear", 0.0, 2.2), ("anna", "rear", 2.2, 2.4), ("anna", "rear", 2.4, 2.6)]
    experiment, catalog = write_lab({"s1": {"coverage": [("anna", ["rear"])], "bouts": bouts}})
    # The middle one lies within [2, 4), but it is a part of what began before.
    assert [bool(item.shown) for item in read_truth(experiment, catalog, "anna").judged] == [
        True,
        False,
        False,
        False,
        False,
    ]


def test_category_is_shown_when_its_behaviors_cover_half_together(write_lab, rears):
    bouts = [("anna", "wall rear", 1.4, 2.5), ("anna", "free rear", 2.5, 3.0)]
    experiment, catalog = write_lab(
        {"s1": {"coverage": [("anna", ["wall rear", "free rear", "groom"])], "bouts": bouts}}, behaviors=rears
    )
    truth = read_truth(experiment, catalog, "anna")
    assert truth.ethogram.behaviors == ("free rear", "groom", "wall rear")
    assert truth.ethogram.categories == {"rearing": ("free rear", "wall rear")}
    assert sorted(truth.judged[1].shown) == ["free rear", "rearing"]


def test_behavior_that_is_looked_for_in_some_sessions_is_not_known_in_others(write_lab):
    experiment, catalog = write_lab(
        {"s1": {"coverage": [("anna", ["rear", "groom"])]}, "s2": {"coverage": [("anna", ["rear"])]}}
    )
    known = {item.session_id: sorted(item.known) for item in read_truth(experiment, catalog, "anna").judged}
    assert known == {"s1": ["groom", "rear"], "s2": ["rear"]}


def test_labels_of_one_animal_say_nothing_of_another(write_lab):
    given_ = {
        "individuals": ["a", "b"],
        "coverage": [("anna", ["rear"], 0.0, 10.0, "a")],
        "bouts": [("anna", "rear", 0.0, 2.0, "a")],
    }
    experiment, catalog = write_lab({"s1": given_})
    truth = read_truth(experiment, catalog, "anna")
    assert {(item.segment["individual"], item.n_animals) for item in truth.judged} == {("a", 2)}
    assert not truth.notes


def test_labels_that_tell_no_animals_apart_count_for_each_and_that_is_said(write_lab):
    given_ = {
        "individuals": ["a", "b"],
        "coverage": [("anna", ["attack"])],
        "bouts": [("anna", "attack", 0.0, 2.0)],
    }
    experiment, catalog = write_lab({"s1": given_})
    truth = read_truth(experiment, catalog, "anna")
    assert [item.segment["individual"] for item in truth.judged if item.shown] == ["a", "b"]
    assert truth.notes == ("anna does not tell animals apart in s1: a label counts for each animal's clip.",)


def test_label_without_a_name_and_a_behavior_switched_off_are_not_scored(write_lab):
    experiment, catalog = write_lab(
        {"s1": {"coverage": [("anna", ["7", "rear", "groom"])]}},
        behaviors=(BehaviorSettings(name="groom", enabled=False),),
    )
    assert read_truth(experiment, catalog, "anna").ethogram.names == ("rear",)


def test_labels_that_are_only_numbers_are_refused(write_lab):
    experiment, catalog = write_lab({"s1": {"coverage": [("anna", ["7"])]}})
    with pytest.raises(ToolFailedError, match="marks no behavior that has a name"):
        read_truth(experiment, catalog, "anna")


def test_truth_without_a_segment_that_it_covers_is_refused(write_lab):
    experiment, catalog = write_lab({"s1": {"coverage": [("anna", ["rear"], 0.0, 1.9)]}})
    with pytest.raises(ToolFailedError, match="No segment of rules lies within what anna looked at"):
        read_truth(experiment, catalog, "anna")
