"""Which behavior follows which, on hand-known data."""

from __future__ import annotations

import math

import pytest

from ethochat.tools.errors import ToolRetryError


def pairs(evidence, name, statistic=None):
    """Values of one name by pair."""
    return {
        (v.group["from"], v.group["to"]): v.value
        for v in evidence.values
        if v.name == name and (statistic is None or v.statistic == statistic)
    }


class TestCounts:
    def test_next_bout_by_start(self, context, call):
        evidence = call(context, "transitions", sources=["anna"], sessions=["oft_1"])
        found = {(v.group["from"], v.group["to"]): v.value for v in evidence.values}
        assert found == {("Rearing", "Rearing"): 1.0, ("Rearing", "Grooming"): 1.0}

    def test_named_pair_both_ways_with_probability(self, context, call):
        evidence = call(
            context,
            "transitions",
            sources=["anna"],
            before=["Rearing"],
            after=["Grooming"],
            both_ways=True,
            probability=True,
            sessions=["oft_1"],
        )
        counts = [(v.group["from"], v.value) for v in evidence.values if v.name == "transition_count"]
        assert counts == [("Rearing", 1.0), ("Grooming", 0.0)]
        shares = [v.value for v in evidence.values if v.name == "transition_probability"]
        assert shares == [0.5, None]

    def test_adjacent_bouts_touch(self, context, call):
        evidence = call(context, "transitions", sources=["anna"], adjacent=True, sessions=["oft_1"])
        assert [(v.group["from"], v.group["to"]) for v in evidence.values] == [("Rearing", "Grooming")]

    def test_never_across_animals(self, context, call):
        evidence = call(context, "transitions", sources=["anna"])
        assert sum(v.value for v in evidence.values) == 3.0  # two in oft_1, one in oft_5

    def test_never_across_pieces_that_lie_end_to_end(self, labeled, call):
        bouts = [("ann", "a", 0, 1), ("ann", "b", 2, 3), ("ann", "a", 6, 7), ("ann", "b", 7, 8)]
        pieces = [("s", "ann", "", 0.0, 5.0, ["a", "b"]), ("s", "ann", "", 5.0, 10.0, ["a", "b"])]
        study = labeled({"s": bouts}, looked_for=pieces)
        assert pairs(call(study, "transitions"), "transition_count") == {("a", "b"): 2.0}
        gaps = call(study, "measure", measure="inter_bout_interval", behaviors=["a"], statistics=["count"])
        assert gaps.values[0].value == 0.0
        time = call(study, "measure", measure="percent_time", behaviors=["a"])
        assert time.values[0].value == pytest.approx(20.0)

    def test_all_behaviors_where_none_is_named(self, labeled, call):
        study = labeled(
            {"s": [("ann", "a", 0, 1), ("ann", "b", 1, 2), ("ann", "a", 2, 3), ("ann", "c", 4, 5)]}
        )
        evidence = call(study, "transitions", probability=True)
        assert pairs(evidence, "transition_count") == {("a", "b"): 1.0, ("a", "c"): 1.0, ("b", "a"): 1.0}
        assert pairs(evidence, "transition_probability") == {
            ("a", "b"): 0.5,
            ("a", "c"): 0.5,
            ("b", "a"): 1.0,
        }

    def test_a_limit_of_time_counts_from_the_end_of_the_first(self, labeled, call):
        study = labeled(
            {"s": [("ann", "a", 0, 1), ("ann", "b", 2, 3), ("ann", "a", 5, 6), ("ann", "b", 9, 10)]}
        )
        evidence = call(study, "transitions", before=["a"], after=["b"], within_s=1, probability=True)
        assert pairs(evidence, "transition_count") == {("a", "b"): 1.0}
        assert evidence.values[1].value == 0.5  # of both bouts that have a next one
        assert "2 bouts of a with a next one" in evidence.values[1].note

    def test_the_second_next_bout(self, labeled, call):
        study = labeled({"s": [("ann", n, k, k + 0.5) for k, n in enumerate("abcab")]})
        assert pairs(call(study, "transitions", lag=2), "transition_count") == {
            ("a", "c"): 1.0,
            ("b", "a"): 1.0,
            ("c", "b"): 1.0,
        }

    def test_a_longer_lag_takes_cut_bouts_whole(self, labeled, call):
        study = labeled({"s": [("ann", n, k, k + 1) for k, n in enumerate("aabc")]})
        assert pairs(call(study, "transitions", lag=2), "transition_count") == {("a", "c"): 1.0}
        assert pairs(call(study, "transitions"), "transition_count")[("a", "a")] == 1.0

    def test_equal_bouts_in_a_row_as_one(self, labeled, call):
        study = labeled({"s": [("ann", n, k, k + 0.5) for k, n in enumerate("aabbba")]})
        evidence = call(study, "transitions", repeats="merged")
        assert pairs(evidence, "transition_count") == {("a", "b"): 1.0, ("b", "a"): 1.0}

    def test_stretches_that_nobody_looked_at_part_sequences(self, labeled, call):
        study = labeled(
            {"s": [("ann", "a", 0, 1), ("ann", "b", 1, 2), ("ann", "a", 6, 7), ("ann", "b", 8, 9)]},
            looked_for=[("s", "ann", "", 0, 3, ["a", "b"]), ("s", "ann", "", 5, 10, ["a", "b"])],
        )
        assert pairs(call(study, "transitions"), "transition_count") == {("a", "b"): 2.0}

    def test_no_transition_is_said(self, labeled, call):
        evidence = call(labeled({"s": [("ann", "a", 0, 1)]}), "transitions")
        assert evidence.values == []
        assert "no such transition" in evidence.summary

    def test_columns_that_cannot_split(self, context, call):
        with pytest.raises(ToolRetryError, match="not by behavior"):
            call(context, "transitions", sources=["anna"], group_by=["behavior"])


@pytest.fixture
def animals(labeled):
    """Three mice. x: a b a b; y: a c; z: nothing. z is in room 2 with y."""
    rows = [("s1", "ann", "", 0, 10, ["a", "b", "c"])]
    rows += [(f"s{k}", "ann", "", 0, 10, ["a", "b", "c"]) for k in (2, 3)]
    return labeled(
        {
            "s1": [("ann", n, k, k + 0.5) for k, n in enumerate("abab")],
            "s2": [("ann", n, k, k + 0.5) for k, n in enumerate("ac")],
            "s3": [],
        },
        looked_for=rows,
        columns={f"s{k}": {"subject_id": "xyz"[k - 1], "room": "1" if k == 1 else "2"} for k in (1, 2, 3)},
    )


class TestAnimals:
    def test_one_value_for_each(self, animals, call):
        evidence = call(
            animals, "transitions", before=["a"], after=["b"], probability=True, group_by=["subject_id"]
        )
        found = [(v.subject_id, v.name, v.value) for v in evidence.values]
        assert found == [
            ("x", "transition_count", 2.0),
            ("x", "transition_probability", 1.0),
            ("y", "transition_count", 0.0),
            ("y", "transition_probability", 0.0),
            ("z", "transition_count", 0.0),
            ("z", "transition_probability", None),
        ]

    def test_mean_over_the_animals_of_a_column(self, animals, call):
        evidence = call(
            animals, "transitions", before=["a"], after=["c"], probability=True, group_by=["room"]
        )
        found = {(v.group["room"], v.name): (v.value, v.n, v.statistic) for v in evidence.values}
        assert found == {
            ("1", "transition_count"): (0.0, 1, "mean"),
            ("1", "transition_probability"): (0.0, 1, "mean"),
            ("2", "transition_count"): (0.5, 2, "mean"),
            ("2", "transition_probability"): (1.0, 1, "mean"),  # nothing follows a in z
        }
        assert "1 animal without a transition from a" in evidence.values[-1].note

    def test_sessions_of_one_animal_are_averaged_for_counts(self, labeled, call):
        study = labeled(
            {
                "s1": [("ann", n, k, k + 0.5) for k, n in enumerate("abab")],
                "s2": [("ann", n, k, k + 0.5) for k, n in enumerate("ac")],
            },
            columns={"s1": {"subject_id": "x", "room": "1"}, "s2": {"subject_id": "x", "room": "1"}},
        )
        evidence = call(study, "transitions", before=["a"], after=["b"], probability=True, group_by=["room"])
        assert [(v.value, v.n) for v in evidence.values] == [(1.0, 1), (pytest.approx(2 / 3), 1)]


class TestChance:
    @pytest.fixture
    def study(self, labeled):
        """b always follows a; c and d come anywhere. No behavior is listed twice in a row."""
        orders = ["abcdabdcab", "cdabcabdab", "dabcabdcab", "abdabcabcd"]
        return labeled(
            {f"s{i}": [("ann", n, k, k + 0.5) for k, n in enumerate(order)] for i, order in enumerate(orders)}
        )

    def test_what_always_follows_is_above_chance(self, study, call):
        evidence = call(study, "transitions", before=["a"], after=["b"], null=True)
        found = {v.name: v.value for v in evidence.values if v.statistic != "p_holm"}
        assert found["transition_count"] == 12.0
        assert found["transition_ratio"] == pytest.approx(12 / found["transition_expected"])
        assert found["transition_ratio"] > 1.5
        assert found["transition_z"] > 3
        assert found["transition_p"] == pytest.approx(1 / 2001)
        assert len(evidence.tests) == 1
        assert evidence.tests[0].p_value == found["transition_p"]
        assert "more often than by chance: a → b (12 for" in evidence.summary

    def test_what_is_added_up_over_animals_is_called_no_test_over_animals(self, study, call):
        evidence = call(study, "transitions", null=True)
        assert any("not a test over animals" in flag for flag in evidence.flags)
        alone = call(study, "transitions", null=True, sessions=["s0"])
        assert not any("not a test over animals" in flag for flag in alone.flags)

    def test_counts_come_first_and_stay_as_they_are(self, study, call):
        plain = call(study, "transitions", probability=True)
        evidence = call(study, "transitions", probability=True, null=True)
        n = len(plain.values)
        assert evidence.values[:n] == plain.values
        assert {v.name for v in evidence.values[n:]} == {
            "transition_expected",
            "transition_ratio",
            "transition_z",
            "transition_p",
        }

    def test_pairs_that_never_occur_are_tested_too(self, study, call):
        evidence = call(study, "transitions", null=True)
        tested = pairs(evidence, "transition_expected")
        assert len(tested) == 12  # of four behaviors, none after itself
        assert ("b", "a") in tested
        assert evidence.tests[0].n_tests == 12
        assert [test.n_tests for test in evidence.tests[0].posthoc] == [12] * 12

    def test_p_values_are_corrected_for_their_number(self, study, call):
        evidence = call(study, "transitions", null=True)
        raw = {k: v for k, v in pairs(evidence, "transition_p", statistic="p_value").items()}
        holm = pairs(evidence, "transition_p", statistic="p_holm")
        assert raw.keys() == holm.keys()
        assert all(holm[key] >= raw[key] for key in raw)
        smallest = min(raw, key=lambda key: raw[key])
        assert holm[smallest] == pytest.approx(min(1.0, 12 * raw[smallest]))

    def test_a_source_that_lists_a_behavior_twice_in_a_row_may_do_so_by_chance(self, labeled, call):
        study = labeled({"s": [("ann", n, k, k + 0.5) for k, n in enumerate("aabbabbaab")]})
        evidence = call(study, "transitions", null=True)
        assert ("a", "a") in pairs(evidence, "transition_expected")
        # of 10 bouts, 5 each: 9 places, each a → a with chance 5/10 * 4/9
        assert pairs(evidence, "transition_expected")[("a", "a")] == pytest.approx(9 * 20 / 90, abs=0.1)
        assert any("a behavior may follow itself" in flag for flag in evidence.flags)

    def test_bouts_that_touch_are_cut_not_repeated(self, labeled, call):
        study = labeled({"s": [("ann", n, k, k + 1) for k, n in enumerate("aabcabcb")]})
        evidence = call(study, "transitions", null=True)
        assert pairs(evidence, "transition_count")[("a", "a")] == 1.0
        assert ("a", "a") not in pairs(evidence, "transition_expected")
        assert any("no behavior follows itself" in flag for flag in evidence.flags)

    def test_what_precedes_a_behavior(self, study, call):
        evidence = call(study, "transitions", after=["c"], null=True)
        shares = pairs(evidence, "preceding_share")
        assert sum(shares.values()) == pytest.approx(1.0)
        assert pairs(evidence, "transition_ratio").keys() == {("a", "c"), ("b", "c"), ("d", "c")}

    def test_no_choice_gives_no_p(self, labeled, call):
        study = labeled({"s": [("ann", "a", k, k + 0.5) for k in range(4)]})
        evidence = call(study, "transitions", null=True)
        assert pairs(evidence, "transition_count") == {("a", "a"): 3.0}
        assert pairs(evidence, "transition_p") == {("a", "a"): None}
        assert evidence.tests[0].p_value is None
        assert "every order gives the same count" in evidence.summary

    def test_too_few_orders_for_a_correction_are_said(self, study, call):
        evidence = call(study, "transitions", null=True, permutations=100)
        assert any("none can be significant" in flag for flag in evidence.flags)

    def test_each_animal_by_itself(self, study, call):
        evidence = call(study, "transitions", before=["a"], after=["b"], null=True, group_by=["session_id"])
        assert [test.n_tests for test in evidence.tests] == [4] * 4
        assert [v.session_id for v in evidence.values if v.name == "transition_ratio"] == [
            "s0",
            "s1",
            "s2",
            "s3",
        ]

    def test_the_same_every_time_and_in_any_order_of_sessions(self, study, call):
        first = call(study, "transitions", null=True)
        again = call(study, "transitions", null=True)
        assert first.model_dump() == again.model_dump()
        turned = call(study, "transitions", null=True, sessions=["s3", "s1", "s0", "s2"])
        assert [v.value for v in turned.values] == [v.value for v in first.values]

    def test_no_p_is_zero_or_missing_number(self, study, call):
        evidence = call(study, "transitions", null=True, probability=True)
        ps = [v.value for v in evidence.values if v.name == "transition_p"]
        assert all(0 < p <= 1 for p in ps)
        assert all(v.value is None or math.isfinite(v.value) for v in evidence.values)
