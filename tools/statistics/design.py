"""Designs with several factors: levels, sum-to-zero coding, and the terms of the full factorial model."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ethochat.tools.evidence import GroupSummary
from ethochat.tools.statistics.describe import summarize
from ethochat.tools.statistics.results import Values, Vector
from ethochat.tools.wording import natural_key

Matrix = Vector
"""Two-dimensional; the type does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One factor of a design, as it stands in every row."""

    name: str
    levels: tuple[str, ...]
    """In natural order; empty for a factor that is a number and enters as a slope."""
    column: Vector
    """Shape ``(n_rows,)``: the place of each row's level, or the centered number."""

    @property
    def numeric(self) -> bool:
        """Whether the factor is a number rather than a category."""
        return not self.levels

    def level_of(self, row: int) -> str:
        """Level of one row."""
        return self.levels[int(self.column[row])]

    def coded(self) -> Matrix:
        """Columns of the design matrix, shape ``(n_rows, k - 1)``, or the number itself as the only column."""
        if self.numeric:
            return self.column[:, None]
        coded: Matrix = sum_to_zero(len(self.levels))[self.column.astype(np.intp)]
        return coded


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A main effect or an interaction: its columns of the design matrix."""

    name: str
    factors: tuple[int, ...]
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """The full factorial model of some factors."""

    factors: tuple[Factor, ...]
    terms: tuple[Term, ...]
    x: Matrix
    """Shape ``(n_rows, p)``, the intercept first."""

    def contrast(self, term: Term) -> tuple[str, Vector] | None:
        """What a term of one degree of freedom estimates, in the unit of the values.

        Returns
        -------
        name and weights of the coefficients, shape ``(p,)``
            The difference of two unweighted level means (first minus second), the difference of two such
            differences, a slope, or the difference of two slopes; ``None`` for more degrees of freedom.
        """
        if len(term.columns) != 1:
            return None
        numbers = sum(self.factors[place].numeric for place in term.factors)
        weights = np.zeros(self.x.shape[1])
        # A level is coded 1 or -1, so each category doubles the distance that the coefficient spans.
        weights[term.columns[0]] = 2.0 ** (len(term.factors) - numbers)
        name = {
            (1, 0): "mean_difference",
            (2, 0): "difference_of_differences",
            (1, 1): "slope",
            (2, 1): "difference_of_slopes",
            (2, 2): "product_slope",
        }[len(term.factors), numbers]
        return name, weights

    def level_contrasts(self, term: Term) -> list[tuple[tuple[str, str], Vector]]:
        """Differences of the unweighted means of every two levels of a main effect, as weights of shape ``(p,)``."""
        levels = self.factors[term.factors[0]].levels
        coded = sum_to_zero(len(levels))
        found = []
        for first, second in itertools.combinations(range(len(levels)), 2):
            weights = np.zeros(self.x.shape[1])
            weights[list(term.columns)] = coded[first] - coded[second]
            found.append(((levels[first], levels[second]), weights))
        return found


def sum_to_zero(k: int) -> Matrix:
    """Effect coding of k levels, shape ``(k, k - 1)``: a one per level, the last level minus one throughout.

    With it the main effects are those of unweighted level means, which makes the tests of single terms in the
    full model those of type III sums of squares.
    """
    return np.vstack([np.eye(k - 1), -np.ones(k - 1)])


def factor_of(name: str, values: Sequence[str | float]) -> Factor:
    """Make a factor of its value in every row; numbers stay numbers, everything else is a category."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        column = np.asarray(values, dtype=np.float64)
        return Factor(name=name, levels=(), column=column - column.mean())
    texts = [str(value) for value in values]
    levels = tuple(sorted(set(texts), key=natural_key))
    places = {level: place for place, level in enumerate(levels)}
    return Factor(
        name=name, levels=levels, column=np.array([places[text] for text in texts], dtype=np.float64)
    )


def design_of(factors: Sequence[Factor]) -> Design:
    """Make the design matrix of the main effects and all interactions."""
    n = len(factors[0].column)
    blocks: list[Matrix] = [np.ones((n, 1))]
    terms: list[Term] = []
    width = 1
    for size in range(1, len(factors) + 1):
        for places in itertools.combinations(range(len(factors)), size):
            block = np.ones((n, 1))
            for place in places:
                coded = factors[place].coded()
                block = (block[:, :, None] * coded[:, None, :]).reshape(n, -1)
            columns = tuple(range(width, width + block.shape[1]))
            width += block.shape[1]
            blocks.append(block)
            terms.append(
                Term(name=":".join(factors[place].name for place in places), factors=places, columns=columns)
            )
    return Design(factors=tuple(factors), terms=tuple(terms), x=np.hstack(blocks))


def cell_name(levels: Sequence[str]) -> str:
    """Write a combination of levels: "female, CSI"."""
    return ", ".join(levels)


def summaries(values: Mapping[tuple[str, ...], Values]) -> dict[str, GroupSummary]:
    """Describe every cell, or every level."""
    return {cell_name(levels): summarize(numbers) for levels, numbers in values.items()}


def small_cells(sizes: Mapping[tuple[str, ...], int]) -> str | None:
    """Say which cells of a design have no animal, or only one; ``None`` where all have more."""
    empty = [cell_name(cell) for cell, n in sizes.items() if n == 0]
    single = [cell_name(cell) for cell, n in sizes.items() if n == 1]
    found = [f"no animal in {_some(empty)}"] if empty else []
    found += [f"only one animal in {_some(single)}"] if single else []
    if not found:
        return None
    return f"No test: expected at least two animals in each of the {len(sizes)} cells, found {' and '.join(found)}."


def _some(names: Sequence[str], limit: int = 6) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return "; ".join(f"({name})" for name in names[:limit]) + more
