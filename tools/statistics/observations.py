"""Repeated observations of animals as a table: one value per animal and combination of levels, in one fixed order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.evidence import GroupSummary
from ethochat.tools.statistics.design import (
    Design,
    Factor,
    Term,
    design_of,
    factor_of,
    small_cells,
    summaries,
)
from ethochat.tools.statistics.results import Vector, all_equal, check_numbers, scale_of
from ethochat.tools.wording import natural_key

Level = str | float
_Key = tuple[str, tuple[Level, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One value of one animal: of one session, or of one time bin of it."""

    animal: str
    value: float
    factors: Mapping[str, Level]
    """Factor name to level: text is a category, a number enters as a slope."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Values of a design with one or two factors."""

    animals: tuple[str, ...]
    """Animal of each row."""
    levels: tuple[tuple[Level, ...], ...]
    """Levels of each row, one per factor."""
    y: Vector
    """Shape ``(n_rows,)``; observations of one animal at the same levels are averaged."""
    design: Design
    n_observations: int

    @cached_property
    def rows(self) -> dict[str, list[int]]:
        """Animal to its rows."""
        found: dict[str, list[int]] = {}
        for row, animal in enumerate(self.animals):
            found.setdefault(animal, []).append(row)
        return found

    @cached_property
    def varying(self) -> tuple[int, ...]:
        """How many animals each factor varies within."""
        return tuple(
            sum(len({self.levels[row][place] for row in rows}) > 1 for rows in self.rows.values())
            for place in range(len(self.design.factors))
        )

    @property
    def within(self) -> list[int]:
        """Factors that vary within animals."""
        return [place for place, n in enumerate(self.varying) if n]

    @cached_property
    def complete(self) -> bool:
        """Whether every animal has the same levels of what varies within animals."""
        found = {
            tuple(sorted(str([self.levels[row][place] for place in self.within]) for row in rows))
            for rows in self.rows.values()
        }
        return len(found) == 1

    def categories(self, places: Sequence[int]) -> list[int]:
        """Those of some factors that are categories."""
        return [place for place in places if not self.design.factors[place].numeric]

    def cells(self, places: Sequence[int]) -> dict[tuple[str, ...], dict[str, float]]:
        """Level, or combination of levels, to one value per animal; empty combinations too."""
        factors = [self.design.factors[place] for place in places]
        found: dict[tuple[str, ...], dict[str, list[float]]] = {
            levels: {} for levels in itertools.product(*(factor.levels for factor in factors))
        }
        for row, animal in enumerate(self.animals):
            cell = found[tuple(factor.level_of(row) for factor in factors)]
            cell.setdefault(animal, []).append(float(self.y[row]))
        return {
            levels: {animal: math.fsum(values) / len(values) for animal, values in animals.items()}
            for levels, animals in found.items()
        }

    def groups(self, term: Term) -> dict[str, GroupSummary]:
        """Levels or cells of a term, one value per animal in each; of a number, all animals together."""
        places = self.categories(term.factors)
        if not places:
            return summaries(
                {("all animals",): [float(np.mean(self.y[rows])) for rows in self.rows.values()]}
            )
        return summaries({cell: list(animals.values()) for cell, animals in self.cells(places).items()})


def tabulate(observations: Sequence[Observation]) -> Table:
    """Average what one animal has at the same levels, and lay out the design.

    Raises
    ------
    ToolFailedError
        When a factor has a single level, or a value is not a finite number.
    ValueError
        When there is no observation, or they do not have the same one or two factors.
    """
    check_numbers([item.value for item in observations], "the observations")
    names = tuple(observations[0].factors) if observations else ()
    if not 1 <= len(names) <= 2 or any(set(item.factors) != set(names) for item in observations):
        raise ValueError(f"Expected observations with the same one or two factors, got {names!r}.")
    found: dict[_Key, list[float]] = {}
    for item in observations:
        found.setdefault((item.animal, tuple(item.factors[name] for name in names)), []).append(item.value)
    keys = sorted(found, key=lambda key: (natural_key(key[0]), [natural_key(str(level)) for level in key[1]]))
    factors = [factor_of(name, [levels[place] for _, levels in keys]) for place, name in enumerate(names)]
    for factor in factors:
        _check_levels(factor)
    return Table(
        animals=tuple(animal for animal, _ in keys),
        levels=tuple(levels for _, levels in keys),
        # An exact sum, so that not even its last digit depends on the order given.
        y=np.array([math.fsum(found[key]) / len(found[key]) for key in keys]),
        design=design_of(factors),
        n_observations=len(observations),
    )


def _check_levels(factor: Factor) -> None:
    if factor.numeric and all_equal(factor.column):
        raise ToolFailedError(
            f"Expected different numbers in {factor.name!r}, found one and the same everywhere."
        )
    if len(factor.levels) == 1:
        raise ToolFailedError(
            f"Expected at least two levels of {factor.name!r} among the animals, found {factor.levels[0]!r}."
        )


def untestable(table: Table) -> str | None:
    """Say in one sentence why a mixed model has nothing to test; ``None`` where it has."""
    cells = table.cells(table.categories(range(len(table.design.factors))))
    if (said := small_cells({cell: len(animals) for cell, animals in cells.items()})) is not None:
        return said
    repeated = sum(len(rows) > 1 for rows in table.rows.values())
    if table.within and repeated < 2:
        names = " or ".join(table.design.factors[place].name for place in table.within)
        return f"No test: expected at least two animals with several levels of {names}, found {repeated}."
    x = table.design.x
    if len(table.y) <= x.shape[1] or np.linalg.matrix_rank(x) < x.shape[1]:
        return (
            f"No test: {len(table.y)} values of {len(table.rows)} animals do not tell the {x.shape[1]} coefficients "
            "of the model apart."
        )
    return _no_spread(table)


def _no_spread(table: Table) -> str | None:
    if all_equal(table.y):
        return "No test: all values are equal, so there is no spread to test against."
    if not table.within:
        if not _fits_exactly(table.y, table.design.x):
            return None
        return "No test: the values follow the levels exactly, so there is no spread to test against."
    owners = np.array(
        [[animal == other for other in table.rows] for animal in table.animals], dtype=np.float64
    )
    if not _fits_exactly(table.y, np.hstack([table.design.x, owners])):
        return None
    return "No test: within every animal the values follow the levels exactly, so there is no spread to test against."


def _fits_exactly(y: Vector, x: Vector) -> bool:
    scaled = y / scale_of(y)
    scaled = scaled - scaled.mean()
    beta = np.linalg.lstsq(x, scaled, rcond=None)[0]
    return float(np.max(np.abs(scaled - x @ beta))) <= 1e-9 * scale_of(scaled)
