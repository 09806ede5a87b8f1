"""The animals that experiments are simulated from, and what is true of them.

Truths of single groups come from the distributions in closed form, so that no simulation error hides in them; those
of paired differences without a closed form come from four million seeded animals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[np.float64]
N_TRUTH = 4_000_000
GRID = 200_000
"""Quantiles that stand for a distribution where one is compared with another."""


@dataclass(frozen=True, kw_only=True)
class Margin:
    """How one group's animals are distributed."""

    draw: Callable[[Generator, tuple[int, ...]], Array]
    mean: float
    variance: float
    median: float
    grid: Array
    """Shape ``(GRID,)``: evenly spaced quantiles, in order."""


@dataclass(frozen=True, kw_only=True)
class TwoGroups:
    """Two groups of different animals."""

    name: str
    first: Margin
    second: Margin

    @property
    def null(self) -> bool:
        """Whether the means are equal."""
        return math.isclose(self.first.mean, self.second.mean, abs_tol=1e-9)

    def truths(self, n: int, m: int) -> dict[str, float]:
        """Give what intervals of groups of ``n`` and ``m`` animals should cover."""
        difference = self.first.mean - self.second.mean
        pooled = ((n - 1) * self.first.variance + (m - 1) * self.second.variance) / (n + m - 2)
        truths = {
            "mean_difference": difference,
            "median_difference": self.first.median - self.second.median,
            "hedges_g": difference / math.sqrt(pooled),
            "cliffs_delta": dominance(self.first, self.second),
        }
        if self.first.grid[0] >= 0.0:
            truths["ratio_of_means"] = self.first.mean / self.second.mean
        return truths


def dominance(first: Margin, second: Margin) -> float:
    """P(first > second) - P(first < second)."""
    below = np.searchsorted(second.grid, first.grid, side="left")
    above = GRID - np.searchsorted(second.grid, first.grid, side="right")
    return float(np.mean(below - above)) / GRID


def of_scipy(frozen) -> Margin:
    places = (np.arange(GRID) + 0.5) / GRID
    return Margin(
        draw=lambda rng, size: frozen.rvs(size=size, random_state=rng),
        mean=float(frozen.mean()),
        variance=float(frozen.var()),
        median=float(frozen.median()),
        grid=frozen.ppf(places),
    )


def counts(*, zeros: float, mean: float, shape: float = 1.5) -> Margin:
    """Counts of which a share is zero for a reason of its own, the rest gamma-Poisson (negative binomial)."""
    from scipy import stats

    values = np.arange(400)
    p = (1.0 - zeros) * stats.nbinom.pmf(values, shape, shape / (shape + mean))
    p[0] += zeros
    cumulative = np.cumsum(p / p.sum())
    expected = float(np.sum(values * p))

    def draw(rng: Generator, size: tuple[int, ...]) -> Array:
        rates = rng.gamma(shape, mean / shape, size)
        return (rng.poisson(rates) * (rng.random(size) >= zeros)).astype(np.float64)

    places = (np.arange(GRID) + 0.5) / GRID
    return Margin(
        draw=draw,
        mean=expected,
        variance=float(np.sum(values**2 * p)) - expected**2,
        median=float(np.searchsorted(cumulative, 0.5)),
        grid=np.searchsorted(cumulative, places).astype(np.float64),
    )


@cache
def two_groups() -> Mapping[str, TwoGroups]:
    """Name to pair of groups; the second half has a real difference."""
    from scipy import stats

    norm, gamma, lognorm = stats.norm, stats.gamma, stats.lognorm
    made = {
        "normal": (norm(0, 1), norm(0, 1)),
        "normal, SD 1 and 2": (norm(0, 1), norm(0, 2)),
        "gamma": (gamma(2, scale=10), gamma(2, scale=10)),
        "lognormal": (lognorm(0.8, scale=30), lognorm(0.8, scale=30)),
        "normal, shifted": (norm(1, 1), norm(0, 1)),
        "normal, SD 1 and 2, shifted": (norm(1.5, 1), norm(0, 2)),
        "gamma, doubled": (gamma(2, scale=20), gamma(2, scale=10)),
        "lognormal, doubled": (lognorm(0.8, scale=60), lognorm(0.8, scale=30)),
    }
    found = {name: (of_scipy(first), of_scipy(second)) for name, (first, second) in made.items()}
    found["counts with zeros"] = (counts(zeros=0.4, mean=6), counts(zeros=0.4, mean=6))
    found["counts with zeros, more"] = (counts(zeros=0.1, mean=10), counts(zeros=0.4, mean=5))
    pairs = [TwoGroups(name=name, first=first, second=second) for name, (first, second) in found.items()]
    return {pair.name: pair for pair in sorted(pairs, key=lambda pair: not pair.null)}


Drawer = Callable[[Generator, int], Array]
"""Gives a table of shape ``(n_animals, k_conditions)``."""


def normal_pairs(shift: float, sd: float, correlation: float) -> Drawer:
    def draw(rng: Generator, n: int) -> Array:
        both = rng.normal(size=(n, 2))
        second = correlation * both[:, 0] + math.sqrt(1.0 - correlation**2) * both[:, 1]
        return np.column_stack([both[:, 0] + shift, sd * second])

    return draw


def skewed_pairs(ratio: float) -> Drawer:
    def draw(rng: Generator, n: int) -> Array:
        logs = rng.normal(0, 0.6, (n, 1)) + rng.normal(0, 0.5, (n, 2))
        return 20.0 * np.exp(logs) * np.array([ratio, 1.0])

    return draw


def count_pairs(ratio: float) -> Drawer:
    def draw(rng: Generator, n: int) -> Array:
        animal = rng.gamma(2.0, 0.5, (n, 1))
        found = rng.poisson(6.0 * animal * np.array([ratio, 1.0])) * (rng.random((n, 2)) >= 0.35)
        return found.astype(np.float64)

    return draw


PAIRS: Mapping[str, Drawer] = {
    "normal": normal_pairs(0.0, 1.0, 0.6),
    "normal, SD 1 and 2": normal_pairs(0.0, 2.0, 0.5),
    "lognormal": skewed_pairs(1.0),
    "counts with zeros": count_pairs(1.0),
    "normal, shifted": normal_pairs(1.0, 1.0, 0.6),
    "normal, SD 1 and 2, shifted": normal_pairs(1.0, 2.0, 0.5),
    "lognormal, times 1.6": skewed_pairs(1.6),
    "counts with zeros, doubled": count_pairs(2.0),
}
NULL_PAIRS = tuple(PAIRS)[:4]


@cache
def truths_of_pairs(name: str) -> dict[str, float]:
    """Give what intervals of pairs should cover."""
    if name in NULL_PAIRS:  # the two conditions can be exchanged, or the differences are symmetric
        return dict.fromkeys(("mean_difference", "cohens_dz", "hedges_g_av", "hodges_lehmann"), 0.0)
    table = PAIRS[name](np.random.default_rng(1), N_TRUTH)
    differences = table[:, 0] - table[:, 1]
    half = N_TRUTH // 2
    mean, spread = float(differences.mean()), float(np.sqrt(table.var(axis=0).mean()))
    return {
        "mean_difference": mean,
        "cohens_dz": mean / float(differences.std()),
        "hedges_g_av": mean / spread,
        "hodges_lehmann": float(np.median((differences[:half] + differences[half:]) / 2.0)),
    }


def sphericity(rng: Generator, n: int) -> Array:
    return rng.normal(size=(n, 1)) + rng.normal(size=(n, 4))


def growing_spread(rng: Generator, n: int) -> Array:
    """Animals drift apart over the days, so that the differences of late days spread more than those of early ones."""
    days = np.arange(4.0)
    drift = rng.normal(size=(n, 1)) * (days - days.mean()) * 0.8
    return rng.normal(size=(n, 1)) + drift + rng.normal(size=(n, 4)) * np.array([0.5, 0.8, 1.2, 1.6])


def skewed_days(rng: Generator, n: int) -> Array:
    return 20.0 * np.exp(rng.normal(0, 0.6, (n, 1)) + rng.normal(0, 0.5, (n, 4)))


def count_days(rng: Generator, n: int) -> Array:
    found = rng.poisson(6.0 * rng.gamma(2.0, 0.5, (n, 1)), (n, 4)) * (rng.random((n, 4)) >= 0.35)
    return found.astype(np.float64)


DAYS: Mapping[str, Drawer] = {
    "normal, sphericity holds": sphericity,
    "normal, spread grows over days": growing_spread,
    "lognormal": skewed_days,
    "counts with zeros": count_days,
}
"""Four days of the same animals, with no difference between the days."""


def normal_xy(correlation: float) -> Drawer:
    return normal_pairs(0.0, 1.0, correlation)


def lognormal_xy(correlation: float) -> Drawer:
    inner = normal_pairs(0.0, 1.0, correlation)
    return lambda rng, n: np.exp(0.8 * inner(rng, n))


def counts_xy(rng: Generator, n: int) -> Array:
    margin = _zero_counts()
    return margin.draw(rng, (n, 2))


@cache
def _zero_counts() -> Margin:
    return counts(zeros=0.4, mean=6)


CORRELATED: Mapping[str, Drawer] = {
    "normal": normal_xy(0.0),
    "lognormal": lognormal_xy(0.0),
    "counts with zeros": counts_xy,
    "normal, correlated": normal_xy(0.6),
    "lognormal, correlated": lognormal_xy(0.6),
}
UNCORRELATED = tuple(CORRELATED)[:3]


def truths_of_correlation(name: str) -> dict[str, float]:
    """Pearson's r and Spearman's rho in the population."""
    if name in UNCORRELATED:
        return {"pearson": 0.0, "spearman": 0.0}
    pearson = 0.6
    if name.startswith("lognormal"):
        pearson = math.expm1(0.6 * 0.64) / math.expm1(0.64)
    # Ranks do not see a monotone change of scale; of normal values rho is known (Pearson 1907).
    return {"pearson": pearson, "spearman": 6.0 / math.pi * math.asin(0.6 / 2.0)}


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """Sessions, or bouts, of the animals of two groups that do not differ."""

    values: tuple[Array, Array]
    """Every session's value, per group."""
    animals: tuple[NDArray[np.int64], NDArray[np.int64]]
    """Which animal of its group each value is of."""


def sessions(rng: Generator, n: int, *, most: int, shared: float) -> Sessions:
    """Draw 1 to ``most`` sessions per animal; ``shared`` is the share of the variance that lies between animals."""
    values, owners = [], []
    for _ in range(2):
        owner = np.repeat(np.arange(n), rng.integers(1, most + 1, n))
        animal = rng.normal(0.0, math.sqrt(shared), n)
        values.append(animal[owner] + rng.normal(0.0, math.sqrt(1.0 - shared), owner.size))
        owners.append(owner)
    return Sessions(values=(values[0], values[1]), animals=(owners[0], owners[1]))
