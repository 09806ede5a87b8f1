"""The coverage benchmark: its truths, its counting, and that the page builds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.coverage import populations
from benchmarks.coverage.__main__ import main
from benchmarks.coverage.cells import Cell, Counts, Task, run
from benchmarks.coverage.report import METHODS, outside, page, shown
from ethochat.tools.evidence import TestResult


def cell(
    hits, repeats=1000, *, kind="coverage", method="hedges_g", population="normal", sizes=(5, 5), missing=0
):
    return Cell(
        kind=kind,
        method=method,
        design="two groups",
        population=population,
        sizes=sizes,
        hits=hits,
        repeats=repeats,
        missing=missing,
    )


def test_truths_of_two_groups_by_hand():
    truths = populations.two_groups()["normal, SD 1 and 2, shifted"].truths(5, 15)
    assert truths["mean_difference"] == truths["median_difference"] == 1.5
    assert truths["hedges_g"] == pytest.approx(1.5 / math.sqrt((4 * 1 + 14 * 4) / 18))
    assert truths["cliffs_delta"] == pytest.approx(2 * stats.norm.cdf(1.5 / math.sqrt(5)) - 1, abs=1e-4)
    doubled = populations.two_groups()["lognormal, doubled"].truths(8, 8)
    assert doubled["ratio_of_means"] == pytest.approx(2.0)
    assert doubled["cliffs_delta"] == pytest.approx(
        2 * stats.norm.cdf(math.log(2) / 0.8 / math.sqrt(2)) - 1, abs=1e-4
    )


@pytest.mark.parametrize("name", list(populations.two_groups()))
def test_truths_are_those_of_the_animals_drawn(name):
    pair = populations.two_groups()[name]
    rng = np.random.default_rng(4)
    first, second = pair.first.draw(rng, (200_000,)), pair.second.draw(rng, (200_000,))
    truths = pair.truths(2, 2)
    error = math.sqrt((first.var() + second.var()) / 200_000)
    assert abs(first.mean() - second.mean() - truths["mean_difference"]) < 5 * error
    assert np.median(first) - np.median(second) == pytest.approx(
        truths["median_difference"], abs=0.04 * first.std()
    )
    dominance = np.mean(np.sign(first - second))
    assert dominance == pytest.approx(truths["cliffs_delta"], abs=0.01)


def test_null_populations_have_no_difference_and_come_first():
    null = [pair.null for pair in populations.two_groups().values()]
    assert null == sorted(null, reverse=True)
    assert sum(null) == 5


def test_an_interval_counts_where_it_holds_the_truth_or_is_missing():
    counts = Counts(Task(design="two groups", population="normal", sizes=(5, 5), repeats=3))
    counts.interval("g", [0.0, 1.0], 0.5)
    counts.interval("g", [0.6, 1.0], 0.5)
    counts.interval("g", None, 0.5)
    counts.test("t", TestResult(name="t", statistic=None, p_value=None))
    counts.test("t", TestResult(name="t", statistic=3.0, p_value=0.01))
    interval, test = counts.cells()
    assert (interval.hits, interval.repeats, interval.missing) == (1, 2, 1)
    assert (test.kind, test.hits, test.repeats) == ("size", 1, 2)


def test_a_cell_is_outside_only_beyond_its_simulation_error():
    assert not outside(cell(950))
    assert not outside(cell(917))  # 0.917 + 2 x 0.0087 reaches the band
    assert outside(cell(900))
    assert outside(cell(1000))
    assert outside(cell(0, kind="size"))
    assert outside(cell(30, 40, missing=60))  # hardly ever an interval
    assert shown(cell(900)) == "**.900**"
    assert shown(cell(450, 500, missing=500)).endswith("(50% none)")


def test_a_task_gives_the_same_cells_whenever_it_runs():
    task = Task(design="two groups", population="gamma", sizes=(5, 6), repeats=30)
    assert run(task) == run(task)


def test_a_cell_that_nothing_explains_is_handed_back():
    known = cell(850, population="lognormal", method="mean", sizes=(5,))
    unheard_of = cell(500)
    text, unexplained = page([known, unheard_of], repeats=1000)
    assert unexplained == [unheard_of]
    assert "Not explained" in text
    assert "rare large ones" in text


def test_the_page_builds_with_every_method(capsys, tmp_path):
    output = tmp_path / "coverage.md"
    assert main(["--quick", "--processes", "1", "--output", str(output)]) == 0
    text = output.read_text()
    assert text in capsys.readouterr().out
    for title in METHODS.values():
        assert f"### {title}\n" in text
    assert "each one counted as n: rejects" in text
    assert "## How often a warning is raised" in text
    assert "nan" not in text
