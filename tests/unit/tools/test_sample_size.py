"""Sample sizes: from an observed difference, an effect given, or a number of animals."""

from __future__ import annotations

from statistics import stdev

import pytest
from statsmodels.stats.power import TTestIndPower

from ethochat.tools.errors import ToolRetryError


@pytest.fixture
def lab(study):
    values = {"a": [10.0, 12.0, 14.0, 11.0, 13.0], "b": [12.0, 14.0, 17.0, 13.0, 15.0]}
    return study([{"group": name, "metrics": {"m": value}} for name, row in values.items() for value in row])


def value(evidence, name):
    return next(item.value for item in evidence.values if item.name == name)


def test_animals_for_the_observed_difference(lab, call):
    evidence = call(lab, "power", measure="m", group_column="group")
    effect = value(evidence, "hedges_g")
    n = value(evidence, "n_per_group")
    assert TTestIndPower().power(effect, n, 0.05) >= 0.8 > TTestIndPower().power(effect, n - 1, 0.05)
    assert value(evidence, "difference") == pytest.approx(2.2)
    assert f"{n:g} animals per group" in evidence.summary
    assert any("Assumes a two-sided t test" in flag for flag in evidence.flags)
    assert any("effect is itself uncertain" in flag for flag in evidence.flags)


def test_animals_for_an_effect_that_is_given(lab, call):
    evidence = call(lab, "power", effect=0.5)
    assert (value(evidence, "n_per_group"), value(evidence, "n_total")) == (
        64,
        128,
    )  # Cohen 1988, table 2.4.1


def test_power_of_a_number_of_animals(lab, call):
    evidence = call(lab, "power", effect=0.8, n_per_group=26)
    assert value(evidence, "power") == pytest.approx(100 * TTestIndPower().power(0.8, 26, 0.05), abs=1e-6)


def test_smallest_effect_in_the_unit_of_the_measure(lab, call):
    evidence = call(lab, "power", measure="m", group_column="group", n_per_group=10)
    pooled = ((2.5 + 3.7) / 2) ** 0.5
    assert value(evidence, "difference") == pytest.approx(value(evidence, "hedges_g") * pooled)
    assert value(evidence, "power") == pytest.approx(80.0)


@pytest.mark.parametrize("arguments", [{}, {"effect": 0.0}])
def test_nothing_to_find_is_an_error(lab, call, arguments):
    with pytest.raises(ToolRetryError):
        call(lab, "power", **arguments)


def crossover(order):
    """Animals m0 … m5 on day 1 and, in another order of sessions, on day 2; each differs by about 2.5."""
    day_1, day_2 = [10.0, 12.0, 14.0, 11.0, 13.0, 15.0], [13.0, 14.5, 17.0, 13.0, 16.5, 17.0]
    rows = [{"subject_id": f"m{k}", "day": 1, "metrics": {"m": day_1[k]}} for k in range(6)]
    return rows + [{"subject_id": f"m{k}", "day": 2, "metrics": {"m": day_2[k]}} for k in order]


def test_pairs_are_those_of_the_animals_in_whatever_order_their_sessions_come(study, call):
    differences = [-3.0, -2.5, -3.0, -2.0, -3.5, -2.0]
    dz = abs(sum(differences) / 6) / stdev(differences)
    for order in (range(6), (5, 4, 3, 2, 1, 0)):
        evidence = call(study(crossover(order)), "power", measure="m", group_column="day")
        assert value(evidence, "cohens_dz") == pytest.approx(dz)


def test_animals_that_lack_a_condition_are_named_and_left_out_of_the_pairs(study, call):
    evidence = call(study(crossover((5, 4, 3, 2))), "power", measure="m", group_column="day")
    differences = [-3.0, -2.0, -3.5, -2.0]
    assert value(evidence, "cohens_dz") == pytest.approx(abs(sum(differences) / 4) / stdev(differences))
    (said,) = [flag for flag in evidence.flags if "not counted" in flag]
    assert "of the 4 animals" in said
    assert "m0" in said
    assert "m1" in said
    assert not any("mixed model" in flag for flag in evidence.flags)


@pytest.mark.parametrize(("difference", "unit"), [(20.0, "percent"), (2.84, "raw")])
def test_animals_for_a_difference_of_means(lab, call, difference, unit):
    # group b has a mean of 14.2; pooled variances of 2.5 and 3.7
    evidence = call(
        lab, "power", measure="m", group_column="group", difference=difference, difference_unit=unit
    )
    assert value(evidence, "hedges_g") == pytest.approx(2.84 / 3.1**0.5)
    assert value(evidence, "difference") == pytest.approx(2.84)
    n = value(evidence, "n_per_group")
    power = TTestIndPower().power
    assert power(2.84 / 3.1**0.5, n, 0.05) >= 0.8 > power(2.84 / 3.1**0.5, n - 1, 0.05)
    assert ("20% of the mean of b" in evidence.summary) == (unit == "percent")


def test_a_difference_needs_values_that_tell_how_large_it_is(lab, call):
    with pytest.raises(ToolRetryError, match="needs the measure"):
        call(lab, "power", effect=0.5, difference=2.0)
    with pytest.raises(ToolRetryError, match="stands instead of `effect`"):
        call(lab, "power", measure="m", group_column="group", effect=0.5, difference=2.0)
