"""Many measures at once: one test each, corrected for how many there are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.statistics import corrected


@pytest.fixture
def many(study):
    """Eight animals in two groups, six metrics, of which ``far`` differs, and ``flat`` has no spread."""
    rng = np.random.default_rng(4)
    rows = []
    for k in range(8):
        metrics = {f"noise{n}": float(rng.normal()) for n in range(4)}
        metrics |= {"far": float(10 * (k % 2) + rng.normal()), "flat": 3.0}
        rows.append({"group": "ab"[k % 2], "sex": "fm"[k // 4], "metrics": metrics})
    return study(rows)


def test_family_is_ranked_and_corrected_for_how_many_were_tested(many, call):
    evidence = call(many, "compare_many", of="metrics", group_column="group")
    tested = [test for test in evidence.tests if test.p_value is not None]
    assert next(test.measure for test in tested) == "far"
    assert [test.p_value for test in tested] == sorted(test.p_value for test in tested)
    assert {test.n_tests for test in tested} == {5}
    assert "Animals per group: a 4, b 4." in evidence.flags
    for method in ("holm", "fdr_bh", "fdr_by"):
        assert [test.corrected[method] for test in tested] == pytest.approx(
            corrected([test.p_value for test in tested], method)
        )
    assert evidence.summary.startswith("1 of 5 tests have p < 0.05 after correction (holm)")
    assert any("1 could not be tested" in flag and "flat" in flag for flag in evidence.flags)


def test_each_member_is_the_comparison_one_would_get_alone(many, call):
    family = call(many, "compare_many", of="metrics", group_column="sex")
    alone = call(many, "compare_groups", measure="noise2", group_column="sex").tests[0]
    member = next(test for test in family.tests if test.measure == "noise2")
    assert (member.statistic, member.p_value) == (alone.statistic, alone.p_value)
    assert member.groups == alone.groups


def test_measures_named_are_the_family(many, call):
    evidence = call(
        many, "compare_many", measures=["far", "noise0"], group_column="group", test="mann_whitney_u"
    )
    assert {test.name for test in evidence.tests} == {"mann_whitney_u"}
    assert {test.n_tests for test in evidence.tests} == {2}


def test_behaviors_of_a_source_by_count_and_time(context, call):
    evidence = call(context, "compare_many", of="behaviors", group_column="group", sources=["anna"])
    assert {test.measure for test in evidence.tests} == {
        f"{measure} of {name}"
        for measure in ("bout_count", "total_duration")
        for name in ("Grooming", "Rearing")
    }
    rearing = next(test for test in evidence.tests if test.measure == "bout_count of Rearing")
    assert rearing.p_value == pytest.approx(stats.ttest_ind([2, 1], [0, 2], equal_var=False).pvalue)


def test_what_cannot_be_compared_is_named_with_its_reason(context, call):
    evidence = call(context, "compare_many", measures=["path.total", "no.such.metric"], group_column="group")
    assert len(evidence.tests) == 1
    assert any("1 could not be compared: no.such.metric" in flag for flag in evidence.flags)


def test_family_without_a_member_is_an_error(many, call):
    with pytest.raises(ToolFailedError, match="None of the zones could be compared"):
        call(many, "compare_many", of="zones", group_column="group")


def test_family_says_what_holds_for_all_of_its_members(study, call):
    rows = [
        {"subject_id": f"m{k}", "day": day, "metrics": {"a": k + day, "b": k * day + 0.5 * (k % 3)}}
        for day in (1, 2)
        for k in range(5)
    ]
    evidence = call(study(rows), "compare_many", of="metrics", group_column="day")
    assert {test.name for test in evidence.tests} == {"paired_t"}
    assert "Every animal is in every group, so it is compared with itself." in evidence.flags


def test_family_says_that_totals_are_of_unequal_lengths_and_that_bouts_are_no_animals(labeled, call):
    bouts = {f"s{k}": [("anna", "Rearing", 0.0, 1.0 + k), ("anna", "Rearing", 6.0, 6.5)] for k in range(6)}
    looked_for = [("s5", "anna", "", 0.0, 5.0, ["Rearing"])]
    looked_for += [(f"s{k}", "anna", "", 0.0, 10.0, ["Rearing"]) for k in range(5)]
    columns = {f"s{k}": {"group": "ab"[k % 2]} for k in range(6)}
    context = labeled(bouts, looked_for=looked_for, columns=columns)
    evidence = call(context, "compare_many", of="behaviors", group_column="group")
    assert any("time looked at is not the same everywhere" in flag for flag in evidence.flags)
    durations = call(context, "compare_many", of="behaviors", measure="bout_duration", group_column="group")
    assert any("not independent observations" in flag for flag in durations.flags)
