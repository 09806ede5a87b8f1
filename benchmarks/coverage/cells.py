"""Simulated experiments of every kind, each analyzed by the product's own functions."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from benchmarks.coverage import populations
from ethochat.tools.evidence import TestResult
from ethochat.tools.statistics import effects
from ethochat.tools.statistics.cautions import warnings_of
from ethochat.tools.statistics.correlation import correlate
from ethochat.tools.statistics.describe import summarize
from ethochat.tools.statistics.equivalence import equivalence
from ethochat.tools.statistics.independent import independent_test
from ethochat.tools.statistics.mixed import mixed_model
from ethochat.tools.statistics.observations import Observation
from ethochat.tools.statistics.repeated import repeated_test

SEED = 20_240_501
ALPHA = 0.05
MAX_SESSIONS = 6
MAX_BOUTS = 60


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One entry of a table: of so many experiments, how many did what is counted."""

    kind: str
    """``coverage`` of an interval, ``size`` of a test, or ``warned``: how often a test got a warning."""
    method: str
    design: str
    population: str
    sizes: tuple[int, ...]
    hits: int
    repeats: int
    """Experiments that gave the interval, or all of them for a test."""
    missing: int = 0
    """Experiments that gave no interval."""

    @property
    def rate(self) -> float:
        """Share of the experiments that counted."""
        return self.hits / self.repeats if self.repeats else float("nan")

    @property
    def error(self) -> float:
        """Standard error of the rate that comes from simulating only so many experiments."""
        return float(np.sqrt(self.rate * (1.0 - self.rate) / self.repeats)) if self.repeats else 0.0


@dataclass(frozen=True, kw_only=True)
class Task:
    """One population and size of experiment, to be simulated."""

    design: str
    population: str
    sizes: tuple[int, ...]
    repeats: int

    def rng(self) -> Generator:
        """Random numbers of this task alone, whatever else runs and in which order."""
        name = f"{self.design}/{self.population}/{self.sizes}"
        return np.random.default_rng([SEED, zlib.crc32(name.encode())])


class Counts:
    """What happened in the experiments of one task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.hits: dict[tuple[str, str], list[int]] = {}

    def interval(self, method: str, bounds: Sequence[float] | None, truth: float) -> None:
        """Count whether an interval holds the truth; rounding at its ends is forgiven."""
        found = self.hits.setdefault(("coverage", method), [0, 0, 0])
        if bounds is None:
            found[2] += 1
            return
        slack = 1e-9 * (1.0 + abs(truth))
        found[0] += bounds[0] - slack <= truth <= bounds[1] + slack
        found[1] += 1

    def test(self, method: str, result: TestResult) -> None:
        """Count whether a test rejects; one that cannot be made does not."""
        found = self.hits.setdefault(("size", method), [0, 0, 0])
        found[0] += result.p_value is not None and result.p_value < ALPHA
        found[1] += 1

    def warned(self, method: str, sentences: Sequence[str]) -> None:
        """Count whether there was any warning."""
        found = self.hits.setdefault(("warned", method), [0, 0, 0])
        found[0] += bool(sentences)
        found[1] += 1

    def cells(self) -> list[Cell]:
        """Give one entry per interval and test that was counted."""
        task = self.task
        return [
            Cell(
                kind=kind,
                method=method,
                design=task.design,
                population=task.population,
                sizes=task.sizes,
                hits=hits,
                repeats=repeats,
                missing=missing,
            )
            for (kind, method), (hits, repeats, missing) in self.hits.items()
        ]


def run(task: Task) -> list[Cell]:
    """Simulate one task."""
    counts = Counts(task)
    DESIGNS[task.design](task, counts, task.rng())
    return counts.cells()


def _interval_of(found: effects.Effect, name: str) -> list[float] | None:
    bounds = found[f"{name}_ci95"]
    return bounds if isinstance(bounds, list) else None


def _two_groups(task: Task, counts: Counts, rng: Generator) -> None:
    pair = populations.two_groups()[task.population]
    n, m = task.sizes
    truths = pair.truths(n, m)
    for _ in range(task.repeats):
        first, second = pair.first.draw(rng, (n,)), pair.second.draw(rng, (m,))
        found = effects.independent_effects(first, second) | effects.ratio_of_means(first, second)
        for name, truth in truths.items():
            counts.interval(name, _interval_of(found, name), truth)
        if pair.null:
            for test in ("welch_t", "student_t", "mann_whitney_u"):
                counts.test(test, independent_test(test, {"first": first, "second": second}))


def _permutation(task: Task, counts: Counts, rng: Generator) -> None:
    pair = populations.two_groups()[task.population]
    n, m = task.sizes
    for _ in range(task.repeats):
        groups = {"first": pair.first.draw(rng, (n,)), "second": pair.second.draw(rng, (m,))}
        counts.test("permutation", independent_test("permutation", groups))


def _one_group(task: Task, counts: Counts, rng: Generator) -> None:
    margin = populations.two_groups()[task.population].first
    for _ in range(task.repeats):
        values = margin.draw(rng, task.sizes)
        counts.interval("mean", summarize(values).ci95, margin.mean)


def _three_groups(task: Task, counts: Counts, rng: Generator) -> None:
    pair = populations.two_groups()[task.population]
    margins = (pair.first, pair.first, pair.second)
    truth = _share_between(margins, task.sizes)
    for _ in range(task.repeats):
        groups = {
            str(k): margin.draw(rng, (n,))
            for k, (margin, n) in enumerate(zip(margins, task.sizes, strict=True))
        }
        found = effects.several_effects(list(groups.values()), equal_spreads=True)
        counts.interval("omega_squared", _interval_of(found, "omega_squared"), truth)
        if pair.null:
            for test in ("welch_anova", "anova", "kruskal_wallis"):
                counts.test(test, independent_test(test, groups))


def _share_between(margins: Sequence[populations.Margin], sizes: Sequence[int]) -> float:
    """Share of the variance between groups, at these sizes."""
    n = np.array(sizes, dtype=np.float64)
    means = np.array([margin.mean for margin in margins])
    within = float(np.sum((n - 1) * [margin.variance for margin in margins]) / np.sum(n - 1))
    between = float(np.sum(n * (means - np.sum(n * means) / n.sum()) ** 2) / n.sum())
    return between / (between + within)


def _pairs(task: Task, counts: Counts, rng: Generator) -> None:
    (n,) = task.sizes
    truths = populations.truths_of_pairs(task.population)
    null = task.population in populations.NULL_PAIRS
    for _ in range(task.repeats):
        table = populations.PAIRS[task.population](rng, n)
        found = effects.paired_effects(table[:, 0], table[:, 1])
        for name, truth in truths.items():
            shown = "paired_mean_difference" if name == "mean_difference" else name
            counts.interval(shown, _interval_of(found, name), truth)
        if null:
            counts.test("paired_t", repeated_test("paired_t", table))
        else:
            conditions = {"first": table[:, 0], "second": table[:, 1]}
            margin = abs(truths["mean_difference"])
            counts.test("tost_paired", equivalence(conditions, margin, repeated=True))


def _pairs_by_ranks(task: Task, counts: Counts, rng: Generator) -> None:
    (n,) = task.sizes
    for _ in range(task.repeats):
        counts.test("wilcoxon", repeated_test("wilcoxon", populations.PAIRS[task.population](rng, n)))


def _equivalence(task: Task, counts: Counts, rng: Generator) -> None:
    """Groups that differ by exactly the margin: the least of all differences that must not pass for none."""
    pair = populations.two_groups()[task.population]
    n, m = task.sizes
    margin = pair.first.mean - pair.second.mean
    for _ in range(task.repeats):
        groups = {"first": pair.first.draw(rng, (n,)), "second": pair.second.draw(rng, (m,))}
        counts.test("tost_welch", equivalence(groups, margin))


def _days(task: Task, counts: Counts, rng: Generator) -> None:
    (n,) = task.sizes
    for _ in range(task.repeats):
        table = populations.DAYS[task.population](rng, n)
        for test in ("rm_anova", "friedman"):
            counts.test(test, repeated_test(test, table))


def _days_mixed(task: Task, counts: Counts, rng: Generator) -> None:
    (n,) = task.sizes
    for _ in range(task.repeats):
        table = populations.DAYS[task.population](rng, n)
        rows = [
            Observation(animal=f"m{animal}", value=float(table[animal, day]), factors={"day": f"day {day}"})
            for animal in range(n)
            for day in range(table.shape[1])
        ]
        counts.test("mixed_model", mixed_model(rows)[0])


def _correlation(task: Task, counts: Counts, rng: Generator) -> None:
    _correlate(task, counts, rng, "pearson")


def _correlation_by_ranks(task: Task, counts: Counts, rng: Generator) -> None:
    _correlate(task, counts, rng, "spearman")


def _correlate(task: Task, counts: Counts, rng: Generator, method: str) -> None:
    (n,) = task.sizes
    truth = populations.truths_of_correlation(task.population)[method]
    for _ in range(task.repeats):
        table = populations.CORRELATED[task.population](rng, n)
        found = correlate(table[:, 0], table[:, 1], method)
        bounds = found.effect_size.get("ci95")
        counts.interval(f"{method}_r", bounds if isinstance(bounds, list) else None, truth)
        if task.population in populations.UNCORRELATED:
            counts.test(method, found)


def _sessions(task: Task, counts: Counts, rng: Generator) -> None:
    """Several sessions of each animal: averaged, modeled, or (wrongly) each counted as an animal."""
    (n,) = task.sizes
    most, shared = SESSION_KINDS[task.population]
    for _ in range(task.repeats):
        drawn = populations.sessions(rng, n, most=most, shared=shared)
        means = [
            np.bincount(owner, weights=values) / np.bincount(owner)
            for values, owner in zip(drawn.values, drawn.animals, strict=True)
        ]
        _analyze(counts, "averaged per animal", means)
        if most == MAX_SESSIONS:
            counts.test(
                "Linear mixed model, the animal as random effect", mixed_model(_observations(drawn))[0]
            )
        _analyze(counts, "each one counted as n", drawn.values)


def _observations(drawn: populations.Sessions) -> list[Observation]:
    return [
        Observation(animal=f"{group} {owner}", value=float(value), factors={"group": group})
        for group, values, owners in zip(("first", "second"), drawn.values, drawn.animals, strict=True)
        for value, owner in zip(values, owners, strict=True)
    ]


def _analyze(counts: Counts, how: str, groups: Sequence[populations.Array]) -> None:
    found = effects.mean_difference(*groups)
    counts.interval(f"mean difference, {how}", _interval_of(found, "mean_difference"), 0.0)
    named = {"first": groups[0], "second": groups[1]}
    counts.test(f"Welch's t, {how}", independent_test("welch_t", named))
    counts.test(f"Mann-Whitney U, {how}", independent_test("mann_whitney_u", named))


def _warnings(task: Task, counts: Counts, rng: Generator) -> None:
    """How often the answer carries a warning, which goes by what the animals at hand show."""
    pair = populations.two_groups()[task.population]
    n, m = task.sizes
    for _ in range(task.repeats):
        groups = {"first": pair.first.draw(rng, (n,)), "second": pair.second.draw(rng, (m,))}
        for test in ("welch_t", "student_t", "tost_welch"):
            counts.warned(test, warnings_of(groups, test))


SESSION_KINDS: Mapping[str, tuple[int, float]] = {
    "1 to 6 sessions, half of the variance between animals": (MAX_SESSIONS, 0.5),
    "1 to 60 bouts, a fifth of the variance between animals": (MAX_BOUTS, 0.2),
}
"""Most sessions or bouts of an animal, and the share of the variance that lies between animals."""

DESIGNS: Mapping[str, Callable[[Task, Counts, Generator], None]] = {
    "one group": _one_group,
    "two groups": _two_groups,
    "two groups, permutation": _permutation,
    "equivalence": _equivalence,
    "three groups": _three_groups,
    "pairs": _pairs,
    "pairs, by ranks": _pairs_by_ranks,
    "four days": _days,
    "four days, modeled": _days_mixed,
    "correlation": _correlation,
    "correlation, by ranks": _correlation_by_ranks,
    "sessions": _sessions,
    "warnings": _warnings,
}
