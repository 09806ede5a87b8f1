"""Numbers of animals against published ones, and what is said with them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.power import FTestAnovaPower, TTestIndPower, TTestPower

from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.statistics import achieved_power, hedges_g, sample_size, smallest_detectable_effect

A = [4.1, 5.0, 6.3, 5.5, 7.9, 6.6]
B = [2.2, 3.1, 2.9, 4.8, 6.1, 5.5]
C = [9.0, 7.1, 8.8, 6.2, 7.7, 9.9]


@pytest.mark.parametrize(("effect", "n"), [(0.2, 394), (0.5, 64), (0.8, 26)])
def test_two_groups_as_in_cohens_tables(effect, n):
    # Cohen (1988), table 2.4.1, rounds 393.4 down; the exact number is one more.
    found = sample_size(effect)
    assert (found.n_per_group, found.n_total) == ((n, n), 2 * n)
    assert found.power == pytest.approx(TTestIndPower().power(effect, n, 0.05))
    assert TTestIndPower().power(effect, n - 1, 0.05) < 0.8 <= found.power


@pytest.mark.parametrize(("effect", "n"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_pairs_as_other_software_gives_them(effect, n):
    found = sample_size(effect, design="paired")
    assert (found.n_per_group, found.n_total, found.effect_name) == ((n,), n, "cohens_dz")
    assert TTestPower().power(effect, n - 1, 0.05) < 0.8 <= found.power


def test_several_groups_as_other_software_gives_them():
    # G*Power: f = 0.25, three groups, power 0.8: 159 in all.
    found = sample_size(0.25, design="several", n_groups=3)
    assert (found.n_per_group, found.n_total, found.effect_name) == ((53, 53, 53), 159, "cohens_f")
    assert FTestAnovaPower().power(0.25, 156, 0.05, k_groups=3) < 0.8 <= found.power


def test_unequal_groups():
    found = sample_size(0.5, ratio=2.0)
    n = math.ceil(TTestIndPower().solve_power(0.5, power=0.8, alpha=0.05, ratio=2.0))
    assert found.n_per_group == (n, 2 * n)


def test_sign_of_the_effect_does_not_matter():
    assert sample_size(-0.5).n_per_group == sample_size(0.5).n_per_group
    turned = sample_size(-0.5, interval=(-0.9, -0.1))
    assert turned.effect_interval == (0.1, 0.9)
    assert turned == sample_size(0.5, interval=(0.1, 0.9))


def test_numbers_at_the_bounds_of_the_interval():
    found = sample_size(0.5, interval=(0.2, 0.8))
    assert found.n_at_interval == (394, 26)
    assert "26 animals per group at its largest, 394 at its smallest" in " ".join(found.sentences)
    open_ended = sample_size(0.5, interval=(-0.1, 0.8))
    assert open_ended.n_at_interval == (None, 26)
    assert "no number is enough" in " ".join(open_ended.sentences)


def test_effect_of_groups():
    found = sample_size({"a": A, "b": B})
    effect = hedges_g(A, B)
    assert found.effect == pytest.approx(effect["hedges_g"])
    assert found.effect_interval == pytest.approx(tuple(effect["ci95"]))
    assert found.n_per_group == sample_size(effect["hedges_g"]).n_per_group
    turned = sample_size({"b": B, "a": A})
    assert turned.n_per_group == found.n_per_group
    assert turned.effect_interval == pytest.approx(found.effect_interval)
    words = " ".join(found.sentences)
    assert "equal variances" in words
    assert "itself uncertain" in words
    assert "says nothing" in words
    assert "says nothing" not in " ".join(sample_size(0.5).sentences)


def test_effect_of_pairs_and_of_several_groups():
    differences = np.array(A) - np.array(B)
    paired = sample_size({"a": A, "b": B}, design="paired")
    assert paired.effect == pytest.approx(differences.mean() / differences.std(ddof=1))
    several = sample_size({"a": A, "b": B, "c": C}, design="several")
    low, high = several.effect_interval
    assert low < several.effect < high
    assert len(several.n_per_group) == 3
    few, many = several.n_at_interval[1], several.n_at_interval[0]
    assert few <= several.n_per_group[0] <= many


@pytest.mark.parametrize(("design", "k"), [("independent", None), ("paired", None), ("several", 4)])
@pytest.mark.parametrize("n", [2, 5, 30])
def test_smallest_effect_and_power_are_inverse(design, k, n):
    found = smallest_detectable_effect(n, 0.9, design=design, n_groups=k)
    assert achieved_power(found.effect, n, design=design, n_groups=k).power == pytest.approx(0.9)
    assert "no significant difference is not no difference" in " ".join(found.sentences)


def test_power_of_given_numbers():
    found = achieved_power(0.5, (50, 82))
    assert found.power == pytest.approx(TTestIndPower().power(0.5, 50, 0.05, ratio=82 / 50))
    assert (found.n_per_group, found.n_total) == ((50, 82), 132)
    assert "says nothing" in " ".join(achieved_power({"a": A, "b": B}, 6).sentences)


@pytest.mark.parametrize("design", ["independent", "paired"])
def test_power_rises_with_effect_and_animals_and_never_leaves_its_range(design):
    for n in (2, 3, 10, 1000, 100_000):
        powers = [achieved_power(effect, n, design=design).power for effect in np.geomspace(1e-3, 20, 25)]
        assert all(0.05 <= power <= 1.0 for power in powers)
        assert powers == sorted(powers) or max(np.diff(powers) * -1) < 1e-9


def test_an_effect_too_small_for_any_experiment():
    found = sample_size(0.0001)
    assert (found.n_per_group, found.n_total) == (None, None)
    assert "More than 1000000" in " ".join(found.sentences)


def test_huge_effects_need_two_animals():
    assert sample_size(50.0).n_per_group == (2, 2)


class TestRefusals:
    def test_no_effect(self):
        with pytest.raises(ToolRetryError, match="zero"):
            sample_size(0.0)
        with pytest.raises(ToolRetryError, match="zero"):
            achieved_power(0.0, 10)

    def test_no_spread(self):
        with pytest.raises(ToolFailedError, match="all equal"):
            sample_size({"a": [1.0, 1.0], "b": [2.0, 2.0]})
        with pytest.raises(ToolFailedError, match="same in every animal"):
            sample_size({"a": [0.1, 0.2], "b": [0.2, 0.3]}, design="paired")
        with pytest.raises(ToolFailedError, match="all equal"):
            sample_size({"a": [1.0, 1.0], "b": [2.0, 2.0], "c": [3.0, 3.0]}, design="several")

    def test_groups_that_differ_no_more_than_chance(self):
        with pytest.raises(ToolFailedError, match="no more than chance"):
            sample_size({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0], "c": [3.0, 2.0, 1.0]}, design="several")

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"power": 1.0}, "power"),
            ({"power": 0.01}, "power"),
            ({"alpha": 0.0}, "alpha"),
            ({"ratio": 0.0}, "ratio"),
            ({"design": "crossover"}, "independent, paired, several"),
            ({"design": "several"}, "number of groups"),
            ({"n_groups": 3}, "several"),
            ({"interval": (0.6, 0.8)}, "within its interval"),
            ({"effect": math.nan}, "finite effect"),
            ({"effect": 1e6}, "at most"),
        ],
    )
    def test_numbers_out_of_range(self, change, words):
        with pytest.raises(ToolRetryError, match=words):
            sample_size(**({"effect": 0.5} | change))

    def test_numbers_of_animals(self):
        with pytest.raises(ToolRetryError, match="2 to"):
            achieved_power(0.5, 1)
        with pytest.raises(ToolRetryError, match="independent groups may differ"):
            smallest_detectable_effect((5, 6), design="paired")
