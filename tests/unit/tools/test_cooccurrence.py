"""What goes on at the same time, on hand-known data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ethochat.index.behaviors.bouts import total, unite
from ethochat.tools.errors import AmbiguousSourceError, ToolFailedError, ToolRetryError
from ethochat.tools.overlaps import Overlap, random_overlaps


def found(evidence, **group):
    """Values by name, of those that have these labels."""
    return {
        v.name: v.value
        for v in evidence.values
        if v.statistic != "p_holm" and all(v.group.get(key) == text for key, text in group.items())
    }


@pytest.fixture
def study(labeled):
    """ann, s: a [1, 4), b [3, 5), c [8, 9); t: a [0, 2), b none. bob marks b only, s: [2, 4)."""
    return labeled(
        {
            "s": [("ann", "a", 1, 4), ("ann", "b", 3, 5), ("ann", "c", 8, 9), ("bob", "b", 2, 4)],
            "t": [("ann", "a", 0, 2)],
        },
        columns={"s": {"room": "1"}, "t": {"room": "2"}},
    )


class TestTwoBehaviors:
    def test_time_of_both_and_its_shares(self, study, call):
        evidence = call(study, "cooccurrence", first="a", second="b", sources=["ann"], sessions=["s"])
        values = found(evidence)
        assert values["cooccurrence_time"] == 1.0
        assert values["percent_of_first"] == pytest.approx(100 / 3)
        assert values["percent_of_second"] == pytest.approx(50.0)
        assert values["jaccard"] == pytest.approx(1 / 4)
        assert values["cooccurrence_expected"] == pytest.approx(3 * 2 / 10)
        assert values["cooccurrence_ratio"] == pytest.approx(1 / 0.6)
        assert evidence.values[0].group == {"first": "a", "second": "b", "source": "ann"}
        assert evidence.values[0].session_id == "s"
        assert evidence.values[0].unit == "s"

    def test_recordings_are_added_up(self, study, call):
        values = found(call(study, "cooccurrence", first="a", second="b", sources=["ann"]))
        assert values["cooccurrence_time"] == 1.0
        assert values["percent_of_first"] == pytest.approx(100 / 5)
        assert values["cooccurrence_expected"] == pytest.approx(0.6 + 0.0)

    def test_one_source_for_each(self, study, call):
        evidence = call(study, "cooccurrence", first="a", second="b", sources=["ann", "bob"], sessions=["s"])
        assert found(evidence)["cooccurrence_time"] == 2.0
        assert evidence.values[0].group["source_second"] == "bob"

    def test_a_source_is_named_where_several_mark_it(self, study, call):
        with pytest.raises(AmbiguousSourceError, match="ann"):
            call(study, "cooccurrence", first="b", second="b")

    def test_a_behavior_always_coincides_with_itself(self, study, call):
        evidence = call(study, "cooccurrence", first="a", second="a", sources=["ann"])
        assert found(evidence) == {
            "cooccurrence_time": 5.0,
            "percent_of_first": 100.0,
            "percent_of_second": 100.0,
            "jaccard": 1.0,
        }
        assert evidence.tests == []

    def test_overlapping_bouts_of_one_behavior_count_once(self, labeled, call):
        study = labeled({"s": [("ann", "a", 1, 3), ("ann", "a", 2, 4), ("ann", "b", 2, 3)]})
        assert found(call(study, "cooccurrence", first="b", second="a"))["cooccurrence_time"] == 1.0

    def test_only_where_both_were_looked_for(self, labeled, call):
        study = labeled(
            {"s": [("ann", "a", 0, 10), ("bob", "b", 0, 10)]},
            looked_for=[("s", "ann", "", 0, 6, ["a"]), ("s", "bob", "", 4, 10, ["b"])],
        )
        values = found(call(study, "cooccurrence", first="a", second="b", sources=["ann", "bob"]))
        assert values["cooccurrence_time"] == 2.0
        assert values["cooccurrence_p"] is None  # both go on all the time

    def test_a_window_in_time(self, study, call):
        evidence = call(
            study, "cooccurrence", first="a", second="b", sources=["ann"], sessions=["s"], stop_s=3.5
        )
        assert found(evidence)["cooccurrence_time"] == 0.5

    def test_every_pair_of_behaviors_of_a_source(self, study, call):
        evidence = call(study, "cooccurrence", sources=["ann"], sessions=["s"])
        times = {
            (v.group["first"], v.group["second"]): v.value
            for v in evidence.values
            if v.name == "cooccurrence_time"
        }
        assert times == {("a", "b"): 1.0, ("a", "c"): 0.0, ("b", "c"): 0.0}
        assert {test.n_tests for test in evidence.tests} == {3}
        assert all("holm" in test.corrected for test in evidence.tests)

    def test_what_never_occurs_has_no_share(self, study, call):
        evidence = call(study, "cooccurrence", first="b", second="c", sources=["ann"], sessions=["t"])
        values = found(evidence)
        assert values["cooccurrence_time"] == 0.0
        assert (values["percent_of_first"], values["jaccard"], values["cooccurrence_p"]) == (None, None, None)
        assert "b does not occur" in evidence.values[1].note

    def test_what_must_be_named(self, study, call):
        with pytest.raises(ToolRetryError, match="`second`"):
            call(study, "cooccurrence", first="a", sources=["ann"])
        with pytest.raises(ToolRetryError, match="place of the second"):
            call(study, "cooccurrence", first="a", second="b", zones=["center"])
        with pytest.raises(ToolRetryError, match="not by behavior"):
            call(study, "cooccurrence", first="a", second="b", sources=["ann"], group_by=["behavior"])

    def test_times_in_frames(self, labeled, call):
        study = labeled({"s": [("ann", "a", 2, 6), ("ann", "b", 4, 8)]}, fps=None)
        evidence = call(study, "cooccurrence", first="a", second="b")
        assert (evidence.values[0].value, evidence.values[0].unit) == (2.0, "frames")


class TestOneLabelAtATime:
    @pytest.mark.parametrize("gap", [0.0, 1e-9, -1e-9])
    def test_is_refused_rather_than_zero(self, labeled, call, gap):
        study = labeled({"s": [("ann", "a", 0, 2 + gap), ("ann", "b", 2, 4), ("ann", "a", 4, 6)]})
        with pytest.raises(ToolFailedError, match="one label at a time: none of its 3 bouts"):
            call(study, "cooccurrence", first="a", second="b")
        with pytest.raises(ToolFailedError, match="not defined"):
            call(study, "cooccurrence", sources=["ann"])

    def test_overlap_of_one_behavior_with_itself_proves_nothing(self, labeled, call):
        study = labeled({"s": [("ann", "a", 0, 2), ("ann", "a", 1, 3), ("ann", "b", 4, 5)]})
        with pytest.raises(ToolFailedError, match="one label at a time"):
            call(study, "cooccurrence", first="a", second="b")

    def test_a_single_overlap_anywhere_makes_zero_an_observation(self, labeled, call):
        study = labeled(
            {"s": [("ann", "a", 0, 2), ("ann", "b", 2, 4)], "t": [("ann", "a", 0, 2), ("ann", "c", 1, 3)]}
        )
        evidence = call(study, "cooccurrence", first="a", second="b", sessions=["s"])
        assert found(evidence)["cooccurrence_time"] == 0.0

    def test_rules_are_separate_judgments(self, labeled, call):
        study = labeled({"s": [("rules", "a", 0, 2), ("rules", "b", 2, 4)]}, kinds={"rules": "rule"})
        assert found(call(study, "cooccurrence", first="a", second="b"))["cooccurrence_time"] == 0.0

    def test_two_sources_may_each_give_one_label(self, labeled, call):
        study = labeled(
            {
                "s": [
                    ("ann", "a", 0, 2),
                    ("ann", "b", 2, 4),
                    ("net", "b", 1, 4),
                    ("net", "a", 0, 1),
                ]
            },
            kinds={"net": "automated"},
        )
        values = found(call(study, "cooccurrence", first="a", second="b", sources=["ann", "net"]))
        assert values["cooccurrence_time"] == 1.0


class TestTwoAnimals:
    @pytest.fixture
    def cage(self, labeled):
        """Rest: x [0, 4), y [2, 6), z [5, 6); eat: x [6, 8), y [7, 9). One label at a time."""
        return labeled(
            {
                "s": [
                    ("ann", "rest", 0, 4, "x"),
                    ("ann", "rest", 2, 6, "y"),
                    ("ann", "rest", 5, 6, "z"),
                    ("ann", "eat", 6, 8, "x"),
                    ("ann", "eat", 7, 9, "y"),
                ]
            }
        )

    def test_the_same_behavior_of_every_pair(self, cage, call):
        evidence = call(cage, "cooccurrence", first="rest", animals="different", group_by=["pair"])
        times = {v.group["pair"]: v.value for v in evidence.values if v.name == "cooccurrence_time"}
        assert times == {"x-y": 2.0, "x-z": 0.0, "y-z": 1.0}
        shares = {v.group["pair"]: v.value for v in evidence.values if v.name == "percent_of_first"}
        assert shares == {"x-y": 50.0, "x-z": 0.0, "y-z": 25.0}

    def test_pairs_together_have_no_first(self, cage, call):
        evidence = call(cage, "cooccurrence", first="rest", animals="different")
        values = found(evidence)
        assert values["cooccurrence_time"] == 3.0
        assert "percent_of_first" not in values
        assert evidence.values[0].n == 1  # pairs of a session share animals

    def test_one_does_the_first_while_the_other_does_the_second(self, cage, call):
        evidence = call(
            cage, "cooccurrence", first="rest", second="eat", animals="different", group_by=["pair"]
        )
        times = {v.group["pair"]: v.value for v in evidence.values if v.name == "cooccurrence_time"}
        assert set(times) == {"x-y", "y-x", "x-z", "z-x", "y-z", "z-y"}
        assert set(times.values()) == {0.0}

    def test_only_named_animals(self, cage, call):
        evidence = call(cage, "cooccurrence", first="rest", animals="different", individuals=["y", "z"])
        assert found(evidence)["cooccurrence_time"] == 1.0

    def test_needs_two_named_animals(self, study, call):
        with pytest.raises(ToolFailedError, match="two of them by name"):
            call(study, "cooccurrence", first="a", animals="different", sources=["ann"])
        with pytest.raises(ToolRetryError, match="Name the behavior"):
            call(study, "cooccurrence", animals="different")


class TestPlaces:
    def test_a_behavior_in_a_zone(self, context, call):
        evidence = call(
            context, "cooccurrence", first="Rearing", zones=["center"], sources=["anna"], sessions=["oft_1"]
        )
        values = found(evidence)
        # in the center [2, 3) [3.1, 4) [6, 7); rearing [1, 2) [3, 5); where it is in [3, 3.1) is not known
        assert values["cooccurrence_time"] == pytest.approx(0.9)
        assert values["percent_of_first"] == pytest.approx(100 * 0.9 / 2.9)
        assert values["percent_of_second"] == pytest.approx(100 * 0.9 / 2.9)
        assert evidence.values[0].group["second"] == "center"

    def test_a_behavior_near_another_animal(self, social, call):
        evidence = call(social, "cooccurrence", first="chase", max_distance=6, sources=["S1"])
        values = found(evidence)
        # near in frames 0 to 5, b missing in 4; chase in frames 2 to 5
        assert values["cooccurrence_time"] == 3.0
        assert values["percent_of_first"] == 100.0
        assert values["percent_of_second"] == pytest.approx(100 * 3 / 5)
        assert evidence.values[0].unit == "frames"

    def test_one_place_at_a_time(self, context, call):
        with pytest.raises(ToolRetryError, match="one at a time"):
            call(context, "cooccurrence", first="Rearing", zones=["center"], max_distance=5)
        with pytest.raises(ToolRetryError, match="held against zones"):
            call(context, "cooccurrence", zones=["center"])


class TestGroups:
    def test_one_value_for_each(self, study, call):
        evidence = call(
            study, "cooccurrence", first="a", second="b", sources=["ann"], group_by=["subject_id"], null=False
        )
        times = [(v.subject_id, v.value) for v in evidence.values if v.name == "cooccurrence_time"]
        assert times == [("s", 1.0), ("t", 0.0)]
        assert evidence.tests == []

    def test_mean_over_the_animals_of_a_column(self, labeled, call):
        study = labeled(
            {
                "s": [("ann", "a", 0, 2), ("ann", "b", 1, 3)],
                "t": [("ann", "a", 0, 4), ("ann", "b", 1, 2)],
                "u": [("ann", "b", 1, 2)],
            },
            columns={name: {"room": "1"} for name in "stu"},
        )
        evidence = call(study, "cooccurrence", first="a", second="b", group_by=["room"])
        means = {v.name: (v.value, v.n) for v in evidence.values if v.statistic == "mean"}
        assert means == {
            "cooccurrence_time": (pytest.approx(2 / 3), 3),
            "percent_of_first": ((50 + 25) / 2, 2),
            "percent_of_second": (pytest.approx((50 + 100 + 0) / 3), 3),
            "jaccard": (pytest.approx((1 / 3 + 1 / 4 + 0) / 3), 3),
        }

    @settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.permutations(["s", "t"]))
    def test_order_of_sessions_changes_nothing(self, study, call, names):
        expected = call(study, "cooccurrence", first="a", second="b", sources=["ann"])
        evidence = call(study, "cooccurrence", first="a", second="b", sources=["ann"], sessions=names)
        assert [v.value for v in evidence.values] == [v.value for v in expected.values]


def overlap(first, second, looked=((0.0, 100.0),), **more) -> Overlap:
    return Overlap(
        **{"session_id": "s", "individual": "", "pair": None, "subject_id": None, **more},
        looked=list(looked),
        first=first,
        second=second,
    )


class TestChance:
    def test_what_always_coincides_is_above_chance(self, labeled, call):
        starts = [3, 11, 14, 27, 40, 46, 63, 71, 88]
        bouts = [("ann", "a", s, s + 2) for s in starts] + [("ann", "b", s + 0.5, s + 2) for s in starts]
        evidence = call(labeled({"s": bouts}, duration=100.0), "cooccurrence", first="a", second="b")
        values = found(evidence)
        assert values["cooccurrence_time"] == pytest.approx(13.5)
        assert values["cooccurrence_expected"] == pytest.approx(18 * 13.5 / 100)
        assert values["cooccurrence_p"] < 0.01
        assert "at once more than by chance" in evidence.summary
        assert evidence.tests[0].name == "circular_shift"

    def test_what_is_added_up_over_animals_is_called_no_test_over_animals(self, study, call):
        asked = {"first": "a", "second": "b", "sources": ["ann"]}
        together = call(study, "cooccurrence", **asked)
        assert any("not a test over animals" in flag for flag in together.flags)
        alone = call(study, "cooccurrence", **asked, sessions=["s"])
        assert not any("not a test over animals" in flag for flag in alone.flags)

    def test_mean_of_random_shifts_is_the_product_of_the_shares(self):
        item = overlap([(0.0, 20.0), (50.0, 55.0)], [(10.0, 40.0)])
        null = random_overlaps([item], 20_000, np.random.default_rng(1))
        assert null.mean() == pytest.approx(item.expected(), rel=0.02)

    def test_time_that_nobody_looked_at_is_no_part_of_the_circle(self):
        item = overlap([(0.0, 10.0)], [(90.0, 100.0)], looked=[(0.0, 10.0), (90.0, 100.0)])
        null = random_overlaps([item], 5_000, np.random.default_rng(1))
        assert item.length == 20.0
        assert null.mean() == pytest.approx(5.0, rel=0.05)

    def test_animals_are_shifted_as_a_whole(self):
        """Three animals doing the same: shifted together, pairs x-y and y-z fix what x-z is."""
        spans = [(0.0, 10.0)]
        three = [
            overlap(spans, spans, individual=f"{a}-{b}", pair=(a, b))
            for a, b in (("x", "y"), ("y", "z"), ("x", "z"))
        ]
        rng = np.random.default_rng(4)
        null = random_overlaps(three, 20_000, rng)
        assert null.mean() == pytest.approx(3.0, rel=0.1)
        apart = sum(random_overlaps([item], 20_000, rng) for item in three)
        # All three at once is likelier than three independent coincidences.
        assert np.mean(null > 20) > 2 * np.mean(apart > 20)

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 9)), min_size=1, max_size=6))
    def test_never_more_than_the_shorter_of_both(self, parts):
        spans = unite((float(a), float(a + n)) for a, n in parts)
        item = overlap(spans, [(20.0, 50.0)])
        null = random_overlaps([item], 200, np.random.default_rng(0))
        assert np.all(null >= 0)
        assert np.all(null <= min(total(spans), 30.0) + 1e-9)
        assert item.both() <= min(total(spans), 30.0)

    def test_independent_behaviors_are_called_related_as_often_as_they_should_be(self):
        """200 pairs of independent sequences with long bouts, tested at 0.1."""
        from ethochat.tools.statistics.sequences import compare_with_chance

        rng = np.random.default_rng(8)

        def sequence() -> list[tuple[float, float]]:
            edges = np.cumsum(rng.exponential(4.0, 60)) + rng.uniform(0, 4)
            edges = edges[edges < 100.0]
            return unite(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=False))

        rejected = 0
        for _ in range(200):
            item = overlap(sequence(), sequence())
            p = compare_with_chance(item.both(), random_overlaps([item], 199, rng)).p_value
            rejected += p is not None and p <= 0.1
        assert 0.04 <= rejected / 200 <= 0.17

    def test_more_shifts_change_the_null_and_nothing_observed(self, study, call):
        few = call(study, "cooccurrence", first="a", second="b", sources=["ann"], shifts=200)
        many = call(study, "cooccurrence", first="a", second="b", sources=["ann"], shifts=5_000)
        for name in ("cooccurrence_time", "percent_of_first", "jaccard", "cooccurrence_expected"):
            assert found(few)[name] == found(many)[name]
        assert all(v.value is None or math.isfinite(v.value) for v in many.values)
