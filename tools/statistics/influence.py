"""What a conclusion would be without one animal; animals are named and flagged, and stay in the test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np

from ethochat.tools.evidence import Influence
from ethochat.tools.statistics.describe import robust_outliers
from ethochat.tools.statistics.independent import independent_test, independent_test_name
from ethochat.tools.statistics.main_effects import independent_main, repeated_main
from ethochat.tools.statistics.parametric import residuals
from ethochat.tools.statistics.repeated import repeated_test, repeated_test_name, table_of
from ethochat.tools.statistics.results import ALPHA, Vector, check_sizes, vectors

Named = Mapping[str, Mapping[str, float]]
Place = tuple[str, str]
"""Group (empty where the animal is in all of them) and animal."""

MOST_FOR_RESAMPLING: Final = 20
"""Animals up to which a permutation test is made again without each of them."""
_RESAMPLED: Final = ("permutation", "paired_permutation")


def influence(groups: Named, test: str = "auto", *, repeated: bool = False) -> list[Influence]:
    """Leave out every animal once, and tell of outliers and of the one that moves p most.

    Parameters
    ----------
    groups
        Group name to animal's name to value.
    test
        As for :func:`~ethochat.tools.statistics.compare_independent` or, for repeated measures,
        :func:`~ethochat.tools.statistics.compare_repeated`.
    repeated
        Whether the same animals are in all groups; those that lack a value somewhere are not counted.

    Returns
    -------
    list of Influence
        Animals flagged by :func:`~ethochat.tools.statistics.robust_outliers` (within their group; by their difference
        for two conditions, by their deviations from their own mean for more), then the one whose removal changes
        ln p most, unless it is among them. ``p_value`` is ``None`` where the test cannot be made without the animal,
        and in larger permutation tests (:func:`influence_note` says so). The value of an animal under two conditions
        is its difference, first minus second; under more, its value in the condition where it stands out most.

    Raises
    ------
    ToolFailedError
        When a group has fewer than two animals, or a value is not a finite number.
    ToolRetryError
        When the test does not fit the number of groups.
    """
    study = _study(groups, test, repeated=repeated)
    told = flagged = study.outliers()
    found: dict[Place, float | None] = {}
    full = None
    if _quick(study):
        full = study.p_value(None)
        found = {place: study.p_value(place) for place in study.places()}
        most = _farthest(full, found)
        told = flagged if most is None or most in flagged else [*flagged, most]
    return [_told(study, place, full, found.get(place), outlier=place in flagged) for place in told]


def influence_note(groups: Named, test: str = "auto", *, repeated: bool = False) -> str | None:
    """Say why p values without single animals are missing; ``None`` where they are not."""
    study = _study(groups, test, repeated=repeated)
    if _quick(study):
        return None
    return (
        f"The {study.test.replace('_', ' ')} test was not made again without single animals: it takes long, and "
        f"there are more than {MOST_FOR_RESAMPLING}."
    )


class _Study(Protocol):
    """A comparison that can be made again without one animal."""

    test: str

    def places(self) -> list[Place]: ...

    def outliers(self) -> list[Place]: ...

    def value(self, place: Place) -> tuple[str | None, float]:
        """Give the group to name with an animal, and the animal's value."""

    def p_value(self, without: Place | None) -> float | None: ...

    def effect(self, without: Place) -> float | None: ...


def _study(groups: Named, test: str, *, repeated: bool) -> _Study:
    return _Repeated(groups, test) if repeated else _Independent(groups, test)


def _quick(study: _Study) -> bool:
    return study.test not in _RESAMPLED or len(study.places()) <= MOST_FOR_RESAMPLING


def _farthest(full: float | None, found: Mapping[Place, float | None]) -> Place | None:
    """Animal without which ln p changes most; of equals the first by name."""
    if full is None:
        return None
    changes = {
        place: round(abs(math.log(max(p, 1e-300)) - math.log(max(full, 1e-300))), 9)
        for place, p in found.items()
        if p is not None
    }
    return min(changes, key=lambda place: (-changes[place], place), default=None)


def _told(
    study: _Study, place: Place, full: float | None, without: float | None, *, outlier: bool
) -> Influence:
    group, value = study.value(place)
    changes = full is not None and without is not None and (full < ALPHA) != (without < ALPHA)
    effect = None if without is None else study.effect(place)
    return Influence(
        animal=place[1],
        group=group,
        value=value,
        outlier=outlier,
        p_value=without,
        effect=effect,
        changes=changes,
    )


class _Independent:
    """Groups of different animals."""

    def __init__(self, groups: Named, test: str) -> None:
        values = {name: list(animals.values()) for name, animals in groups.items()}
        check_sizes(values)
        self.test = independent_test_name(len(groups), test)
        self._groups = groups
        self._arrays = vectors(values)

    def places(self) -> list[Place]:
        return [(name, animal) for name, animals in self._groups.items() for animal in animals]

    def outliers(self) -> list[Place]:
        return [
            (name, animal)
            for name, animals in self._groups.items()
            for animal in robust_outliers(animals).animals
        ]

    def value(self, place: Place) -> tuple[str | None, float]:
        name, animal = place
        return name, self._groups[name][animal]

    def p_value(self, without: Place | None) -> float | None:
        left = self._left(without)
        if any(array.size < 2 for array in left.values()):
            return None
        return independent_test(self.test, left).p_value

    def effect(self, without: Place) -> float | None:
        return independent_main(self.test, list(self._left(without).values()))

    def _left(self, without: Place | None) -> dict[str, Vector]:
        if without is None:
            return self._arrays
        name, animal = without
        row = list(self._groups[name]).index(animal)
        return self._arrays | {name: np.delete(self._arrays[name], row)}


class _Repeated:
    """The same animals in all groups."""

    def __init__(self, groups: Named, test: str) -> None:
        first = next(iter(groups.values()), {})
        self._animals = [animal for animal in first if all(animal in values for values in groups.values())]
        complete = {name: [values[animal] for animal in self._animals] for name, values in groups.items()}
        check_sizes(complete)
        self.test = repeated_test_name(len(groups), test)
        self._names = list(groups)
        self._table = table_of(complete)

    def places(self) -> list[Place]:
        return [("", animal) for animal in self._animals]

    def outliers(self) -> list[Place]:
        if len(self._names) == 2:
            columns = [self._table[:, 0] - self._table[:, 1]]
        else:
            columns = list((self._table - self._table.mean(axis=1)[:, None]).T)
        found: dict[str, None] = {}
        for column in columns:
            # Halved, which changes no z score: the difference of two values that are small enough may not be.
            named = dict(zip(self._animals, (column / 2).tolist(), strict=True))
            found |= dict.fromkeys(robust_outliers(named).animals)
        return [("", animal) for animal in found]

    def value(self, place: Place) -> tuple[str | None, float]:
        row = self._animals.index(place[1])
        if len(self._names) == 2:
            return " minus ".join(self._names), float(self._table[row, 0] - self._table[row, 1])
        column = int(np.argmax(np.abs(residuals(self._table)[row])))
        return self._names[column], float(self._table[row, column])

    def p_value(self, without: Place | None) -> float | None:
        left = self._left(without)
        return None if len(left) < 2 else repeated_test(self.test, left).p_value

    def effect(self, without: Place) -> float | None:
        left = self._left(without)
        if len(self._names) == 2:
            return repeated_main(self.test, left)
        told = repeated_test(self.test, left).effect_size
        effect = next(iter(told.values()), None)
        return effect if isinstance(effect, float) else None

    def _left(self, without: Place | None) -> Vector:
        if without is None:
            return self._table
        return np.delete(self._table, self._animals.index(without[1]), axis=0)
