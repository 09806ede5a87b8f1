"""Agreement of raters and of trackers on hand-known data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statsmodels.stats import inter_rater

from ethochat.tools.errors import ToolFailedError, ToolRetryError

# Two raters of one behavior, and what the pure table of frames would be: see `two_raters`.
ANN = ("ann", "rear")
BOB = ("bob", "rear")


def scores(evidence, **group):
    """Values by statistic, of those that have these labels."""
    return {
        value.statistic: value.value
        for value in evidence.values
        if all(value.group.get(key) == text for key, text in group.items())
    }


@pytest.fixture
def two_raters(labeled):
    """Six sessions of 100 frames; ann marks frames 10 to 29, bob 10+k to 29+k in session k (k = 0 to 5)."""
    return labeled(
        {f"s{k}": [(*ANN, 1.0, 3.0), (*BOB, 1.0 + k / 10, 3.0 + k / 10)] for k in range(6)},
        columns={f"s{k}": {"room": "a" if k < 3 else "b"} for k in range(6)},
    )


class TestFrames:
    def test_every_frame_that_both_looked_at_counts(self, context, call):
        evidence = call(
            context, "agreement", behaviors=["Rearing"], sources=["anna", "ben"], sessions=["oft_1"], fps=10
        )
        # 100 frames; anna 10-19 and 30-49, ben 10-24: both 10, only anna 20, only ben 5
        chance = (30 * 15 + 70 * 85) / 100**2
        assert scores(evidence) == pytest.approx({"f1": 20 / 45, "kappa": (0.75 - chance) / (1 - chance)})
        assert evidence.values[0].group == {"pair": "anna-ben", "behavior": "Rearing"}
        assert evidence.values[0].session_id == "oft_1"

    def test_recordings_are_pooled_where_both_looked(self, context, call):
        evidence = call(
            context, "agreement", behaviors=["Rearing"], sources=["anna", "ben"], fps=10, statistics=["f1"]
        )
        assert evidence.values[0].n == 3
        assert evidence.values[0].value == pytest.approx(20 / (20 + 30 + 5))
        assert any("1 of 4 sessions" in flag and "oft_5" in flag for flag in evidence.flags)

    def test_edges_are_put_on_the_nearest_frame(self, labeled, call):
        study = labeled({"s": [(*ANN, 1.04, 2.04), (*BOB, 0.96, 1.96)]})
        assert scores(call(study, "agreement", statistics=["f1"])) == {"f1": 1.0}
        assert scores(call(study, "agreement", statistics=["f1"], fps=100))["f1"] == pytest.approx(184 / 200)

    def test_only_the_time_that_both_looked_at(self, labeled, call):
        study = labeled(
            {"s": [(*ANN, 1, 2), (*ANN, 8, 9), (*BOB, 1, 2)]},
            looked_for=[("s", "ann", "", 0, 10, ["rear"]), ("s", "bob", "", 0, 5, ["rear"])],
        )
        evidence = call(study, "agreement", statistics=["f1", "percent_agreement"])
        assert scores(evidence) == {"f1": 1.0, "percent_agreement": 100.0}
        assert "50 frames" in evidence.values[0].note

    def test_percent_precision_and_recall_against_a_reference(self, context, call):
        evidence = call(
            context,
            "agreement",
            behaviors=["Rearing"],
            sources=["anna", "ben"],
            sessions=["oft_1"],
            statistics=["percent_agreement", "precision", "recall"],
            reference="ben",
        )
        assert scores(evidence) == pytest.approx(
            {"percent_agreement": 75.0, "precision": 10 / 30, "recall": 10 / 15}
        )
        assert evidence.values[0].group["pair"] == "ben-anna"
        assert evidence.values[0].unit == "%"

    def test_a_reference_is_asked_for_by_name(self, context, call):
        with pytest.raises(ToolRetryError, match="anna, auto, ben"):
            call(context, "agreement", behaviors=["Rearing"], statistics=["recall"])
        with pytest.raises(ToolRetryError, match="as the reference"):
            call(context, "agreement", behaviors=["Rearing"], sources=["anna", "ben"], reference="cam")

    def test_a_reference_is_held_against_everybody_else(self, context, call):
        evidence = call(context, "agreement", behaviors=["Rearing"], statistics=["f1"], reference="anna")
        assert [value.group["pair"] for value in evidence.values] == ["anna-auto", "anna-ben"]

    def test_a_window_in_time(self, two_raters, call):
        evidence = call(two_raters, "agreement", statistics=["f1"], start_s=0, stop_s=2, sessions=["s5"])
        # ann 10-19, bob 15-19
        assert scores(evidence)["f1"] == pytest.approx(10 / 15)

    def test_one_source_is_not_enough(self, context, call):
        with pytest.raises(ToolFailedError, match="two sources"):
            call(context, "agreement", behaviors=["Grooming"])

    def test_who_did_not_look_is_named(self, context, call):
        with pytest.raises(ToolFailedError, match="ben did not look for Grooming"):
            call(context, "agreement", behaviors=["Grooming"], sources=["anna", "ben"])


class TestNotDefined:
    def test_what_neither_marks_has_no_score_but_full_percent(self, labeled, call):
        study = labeled({"s": [(*ANN, 1, 2), (*BOB, 1, 2)], "empty": []})
        evidence = call(
            study, "agreement", sessions=["empty"], statistics=["f1", "kappa", "percent_agreement"]
        )
        assert scores(evidence) == {"f1": None, "kappa": None, "percent_agreement": 100.0}
        assert "Not defined: neither marked it." in evidence.values[0].note
        assert "no value" in evidence.summary

    def test_one_rater_who_never_marks_it(self, labeled, call):
        study = labeled(
            {"s": [(*ANN, 1, 2)]}, looked_for=[("s", name, "", 0, 10, ["rear"]) for name in ("ann", "bob")]
        )
        evidence = call(
            study,
            "agreement",
            sources=["ann", "bob"],
            statistics=["f1", "kappa", "precision", "recall", "bout_f1"],
            reference="ann",
        )
        assert scores(evidence) == {
            "f1": 0.0,
            "kappa": 0.0,
            "precision": None,
            "recall": 0.0,
            "bout_f1": 0.0,
        }
        assert "bob never marked it" in evidence.values[2].note
        # Nobody asked for what a single source marks.
        with pytest.raises(ToolFailedError, match="No behavior is marked by two sources"):
            call(study, "agreement")

    def test_both_in_every_frame(self, labeled, call):
        study = labeled({"s": [(*ANN, 0, 10), (*BOB, 0, 10)]})
        evidence = call(study, "agreement")
        assert scores(evidence) == {"f1": 1.0, "kappa": None}
        assert "both marked it in every frame" in evidence.values[1].note

    def test_different_animals_of_the_same_session_are_named(self, labeled, call):
        study = labeled(
            {"s": [(*ANN, 1, 2, "x"), (*BOB, 1, 2, "y")]},
            looked_for=[("s", "ann", "x", 0, 10, ["rear"]), ("s", "bob", "y", 0, 10, ["rear"])],
        )
        with pytest.raises(ToolFailedError, match="different animals of the same sessions"):
            call(study, "agreement")

    def test_no_recording_in_common(self, labeled, call):
        study = labeled(
            {"s": [(*ANN, 1, 2)], "t": [(*BOB, 1, 2)]},
            looked_for=[("s", "ann", "", 0, 10, ["rear"]), ("t", "bob", "", 0, 10, ["rear"])],
        )
        with pytest.raises(ToolFailedError, match="have no recording in common"):
            call(study, "agreement")

    def test_frames_without_a_frame_rate(self, labeled, call):
        study = labeled({"s": [(*ANN, 2, 6), (*BOB, 4, 6)]}, fps=None)
        evidence = call(study, "agreement", statistics=["f1", "duration_correlation"])
        assert scores(evidence)["f1"] == pytest.approx(4 / 6)
        assert evidence.values[-1].unit == "frames"
        assert any("frame by frame" in flag for flag in evidence.flags)


class TestWhatIsCompared:
    def test_every_behavior_that_two_sources_mark(self, labeled, call):
        study = labeled(
            {
                "s": [
                    (*ANN, 1, 2),
                    (*BOB, 1, 2),
                    ("ann", "groom", 3, 4),
                    ("bob", "groom", 3, 5),
                    ("ann", "dig", 6, 7),
                ]
            }
        )
        evidence = call(study, "agreement", statistics=["f1"])
        assert [(v.group["behavior"], v.value) for v in evidence.values] == [
            ("groom", pytest.approx(2 / 3)),
            ("rear", 1.0),
        ]
        assert any("Marked by one source only and not compared: dig" in flag for flag in evidence.flags)

    def test_by_session_and_by_column(self, two_raters, call):
        by_session = call(two_raters, "agreement", statistics=["f1"], group_by=["session_id"])
        assert [(v.session_id, v.n) for v in by_session.values] == [(f"s{k}", 1) for k in range(6)]
        assert [v.value for v in by_session.values] == pytest.approx([(20 - k) / 20 for k in range(6)])
        by_room = call(two_raters, "agreement", statistics=["f1"], group_by=["room"])
        assert [(v.group["room"], v.n) for v in by_room.values] == [("a", 3), ("b", 3)]
        assert [v.value for v in by_room.values] == pytest.approx([57 / 60, 48 / 60])
        by_subject = call(two_raters, "agreement", statistics=["f1"], group_by=["subject_id"])
        assert [v.subject_id for v in by_subject.values] == [f"s{k}" for k in range(6)]

    def test_columns_that_cannot_split(self, two_raters, call):
        with pytest.raises(ToolRetryError, match="not by zone"):
            call(two_raters, "agreement", group_by=["zone"])

    def test_pairs_are_ranked(self, context, call):
        evidence = call(
            context, "agreement", behaviors=["Rearing"], statistics=["kappa"], fps=10, order="descending"
        )
        values = [value.value for value in evidence.values]
        assert len(values) == 3
        assert values == sorted(values, reverse=True)

    @settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.permutations([f"s{k}" for k in range(6)]))
    def test_order_of_sessions_changes_nothing(self, two_raters, call, names):
        statistics = ["f1", "kappa", "bout_f1", "fleiss_kappa", "krippendorff_alpha", "count_correlation"]
        expected = call(two_raters, "agreement", statistics=statistics)
        found = call(two_raters, "agreement", statistics=statistics, sessions=names)
        assert [v.value for v in found.values] == [v.value for v in expected.values]


class TestBoutsAndRecordings:
    def test_bouts_that_share_more_than_half(self, two_raters, call):
        evidence = call(two_raters, "agreement", statistics=["bout_f1"])
        # shifted by k of 20 frames: (20 - k) / (20 + k) is above one half up to k = 6
        assert evidence.values[0].value == 1.0
        assert "6 bouts match, of 6 by ann and 6 by bob" in evidence.values[0].note

    def test_counts_and_durations_over_recordings(self, labeled, call):
        bouts = {
            f"s{k}": [
                *((*ANN, float(i), i + 0.5) for i in range(k + 1)),
                *((*BOB, float(i), i + 0.4) for i in range(k + 2)),
            ]
            for k in range(4)
        }
        evidence = call(labeled(bouts), "agreement", statistics=["count_correlation", "duration_correlation"])
        found = {(v.name, v.statistic): v.value for v in evidence.values}
        assert found["count_correlation", "pearson"] == pytest.approx(1.0)
        assert found["count_correlation", "spearman"] == pytest.approx(1.0)
        assert found["bout_count_difference", "mean"] == -1.0
        assert found["duration_correlation", "pearson"] == pytest.approx(1.0)
        assert found["total_duration_difference", "mean"] == pytest.approx(0.5 * 2.5 - 0.4 * 3.5)
        assert all(v.n == 4 for v in evidence.values)

    def test_correlation_has_an_interval_only_where_every_recording_is_of_another_animal(self, labeled, call):
        counts = [(1, 2), (2, 2), (3, 5), (4, 3), (5, 6)]
        bouts = {
            f"s{k}": [
                *((*ANN, float(i), i + 0.5) for i in range(n)),
                *((*BOB, float(i), i + 0.5) for i in range(m)),
            ]
            for k, (n, m) in enumerate(counts)
        }
        for animals, has in ((["a", "b", "c", "d", "e"], True), (["a", "a", "c", "d", "e"], False)):
            columns = {f"s{k}": {"subject_id": animal} for k, animal in enumerate(animals)}
            evidence = call(
                labeled(bouts, columns=columns), "agreement", statistics=["count_correlation"], intervals=True
            )
            assert any(v.statistic == "ci95_low" for v in evidence.values) == has
            assert ("of the same animal" in evidence.values[0].note) != has

    def test_overlapping_bouts_are_listed_for_counts_and_united_for_durations(self, labeled, call):
        study = labeled({"s": [(*ANN, 1, 3), (*ANN, 2, 4), (*BOB, 1, 4)]})
        evidence = call(study, "agreement", statistics=["count_correlation", "duration_correlation"])
        found = {v.name: v.value for v in evidence.values if v.statistic == "mean"}
        assert found == {"bout_count_difference": 1.0, "total_duration_difference": 0.0}

    def test_too_few_recordings_or_no_spread_is_said(self, labeled, call):
        few = labeled({"s": [(*ANN, 1, 2), (*BOB, 1, 2)]})
        evidence = call(few, "agreement", statistics=["count_correlation"])
        assert evidence.values[0].value is None
        assert "at least three recordings" in evidence.values[0].note

    def test_equal_counts_have_no_correlation(self, two_raters, call):
        evidence = call(two_raters, "agreement", statistics=["count_correlation"])
        assert [v.value for v in evidence.values] == [None, None, 0.0]
        assert "same in every recording" in evidence.values[0].note


class TestSeveralRaters:
    @pytest.fixture
    def three(self, labeled):
        """Frames 10-19 by all; 20-29 by ann and bob; 30-39 by ann alone; cal looks at the first 5 s of t only."""
        bouts = [(*ANN, 1, 4), (*BOB, 1, 3), ("cal", "rear", 1, 2)]
        rows = [(s, name, "", 0, 10, ["rear"]) for s in ("s", "t") for name in ("ann", "bob")]
        rows += [("s", "cal", "", 0, 10, ["rear"]), ("t", "cal", "", 0, 5, ["rear"])]
        return labeled({"s": bouts, "t": bouts}, looked_for=rows)

    def test_fleiss_over_the_frames_that_all_looked_at(self, three, call):
        evidence = call(three, "agreement", statistics=["fleiss_kappa"])
        marked = np.repeat([3, 2, 1, 0], [20, 20, 20, 90])
        expected = inter_rater.fleiss_kappa(np.stack([marked, 3 - marked], axis=1))
        value = evidence.values[0]
        assert value.value == pytest.approx(expected)
        assert (value.n, value.group) == (2, {"sources": "ann, bob, cal", "behavior": "rear"})
        assert "150 frames" in value.note

    def test_alpha_over_the_frames_that_two_looked_at(self, three, call):
        evidence = call(three, "agreement", statistics=["krippendorff_alpha"], sessions=["t"])
        # frames 0-49: three values; 50-99: two values, both "not marked"
        marked, raters = np.repeat([3, 2, 1, 0, 0], [10, 10, 10, 20, 50]), np.repeat([3, 2], 50)
        n, ones = raters.sum(), marked.sum()
        pairs = sum(
            (c * (c - 1) + (m - c) * (m - c - 1)) / (m - 1) for c, m in zip(marked, raters, strict=True)
        )
        chance = (ones * (ones - 1) + (n - ones) * (n - ones - 1)) / (n - 1)
        assert evidence.values[0].value == pytest.approx((pairs - chance) / (n - chance))
        assert "100 frames" in evidence.values[0].note

    def test_identical_raters(self, labeled, call):
        bouts = [(name, "rear", 1, 3) for name in ("ann", "bob", "cal")]
        evidence = call(
            labeled({"s": bouts}),
            "agreement",
            statistics=["kappa", "f1", "percent_agreement", "bout_f1", "fleiss_kappa", "krippendorff_alpha"],
        )
        assert {value.value for value in evidence.values} == {1.0, 100.0}

    def test_nobody_marked_anything(self, three, call):
        evidence = call(three, "agreement", statistics=["fleiss_kappa", "krippendorff_alpha"], start_s=6)
        assert [v.value for v in evidence.values] == [None, None]
        assert "Not defined" in evidence.values[0].note


class TestWholeEthogram:
    @pytest.fixture
    def study(self, labeled):
        """ann: rear 10-29, groom 25-39; bob: rear 10-24, groom 25-39."""
        return labeled(
            {"s": [(*ANN, 1, 3), ("ann", "groom", 2.5, 4), (*BOB, 1, 2.5), ("bob", "groom", 2.5, 4)]}
        )

    def test_each_frame_has_one_label(self, study, call):
        evidence = call(study, "agreement", whole_ethogram=True)
        # ann: 15 rear, 5 both, 10 groom, 70 none; bob: 15 rear, 15 groom, 70 none; 95 alike
        chance = (15 * 15 + 10 * 15 + 70 * 70) / 100**2
        assert scores(evidence) == pytest.approx({"kappa": (0.95 - chance) / (1 - chance)})
        assert evidence.values[0].group["behavior"] == "whole ethogram"
        assert any("several behaviors at once are a label of their own" in flag for flag in evidence.flags)
        assert not any("Not defined for a whole ethogram" in flag for flag in evidence.flags)

    def test_statistics_of_one_behavior_are_left_out_or_refused(self, study, call):
        evidence = call(
            study, "agreement", whole_ethogram=True, statistics=["f1", "percent_agreement", "fleiss_kappa"]
        )
        assert [v.name for v in evidence.values] == ["percent_agreement", "fleiss_kappa"]
        assert any("Not defined for a whole ethogram: f1" in flag for flag in evidence.flags)
        with pytest.raises(ToolRetryError, match="whole ethogram"):
            call(study, "agreement", whole_ethogram=True, statistics=["f1"])

    def test_kappa_is_that_of_statsmodels(self, study, call):
        labels = np.zeros((4, 4))
        for row, column, n in [(0, 0, 70), (1, 1, 15), (2, 2, 10), (3, 2, 5)]:
            labels[row, column] = n
        expected = inter_rater.cohens_kappa(labels, return_results=False)
        assert scores(call(study, "agreement", whole_ethogram=True))["kappa"] == pytest.approx(expected)


class TestIntervals:
    def test_scores_come_first(self, two_raters, call):
        plain = call(two_raters, "agreement")
        assert [v.statistic for v in plain.values] == ["f1", "kappa"]
        assert "95 % interval" in plain.values[0].note
        evidence = call(two_raters, "agreement", intervals=True)
        assert [v.statistic for v in evidence.values] == [
            "f1",
            "kappa",
            "ci95_low",
            "ci95_high",
            "ci95_low",
            "ci95_high",
        ]
        low, high = (v.value for v in evidence.values[2:4])
        assert low < evidence.values[0].value < high <= 1.0
        assert evidence.values[2].name == "f1"

    def test_too_few_animals_have_none(self, two_raters, call):
        evidence = call(two_raters, "agreement", intervals=True, sessions=["s0", "s1", "s2", "s3"])
        assert [v.statistic for v in evidence.values] == ["f1", "kappa"]
        assert any("at least 5 animals" in flag for flag in evidence.flags)

    def test_eight_animals_have_an_interval(self, labeled, call):
        bouts = {f"s{k}": [(*ANN, 1, 3), (*BOB, 1 + k / 10, 3)] for k in range(8)}
        alone = labeled(bouts)
        assert len(call(alone, "agreement", statistics=["f1"], intervals=True).values) == 3

    def test_four_subjects_seen_twice_are_too_few(self, labeled, call):
        bouts = {f"s{k}": [(*ANN, 1, 3), (*BOB, 1 + k / 10, 3)] for k in range(8)}
        study = labeled(bouts, columns={f"s{k}": {"subject_id": f"m{k // 2}"} for k in range(8)})
        evidence = call(study, "agreement", statistics=["f1"], intervals=True)
        assert len(evidence.values) == 1
        assert evidence.values[0].n == 8


class TestTracks:
    def test_labels_win_over_tracks_where_nothing_is_named(self, context, call):
        evidence = call(context, "agreement")
        assert {value.group["behavior"] for value in evidence.values} == {"Rearing"}

    def test_a_single_tracker_cannot_agree(self, context, call):
        with pytest.raises(ToolFailedError, match="two trackers"):
            call(context, "agreement", sources=["cam"])
