"""Bouts of one source in order, animal by animal: what transitions are counted in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Interval, clip_intervals, stretches
from ethochat.tools.context import ToolContext
from ethochat.tools.selection import Scope
from ethochat.tools.statistics.results import Vector
from ethochat.tools.statistics.sequences import Counts, Stretch, count_transitions

TOUCHING: Final = 1e-6
"""Bouts closer than this touch; times of frame labels differ by rounding only."""
_ROUNDING: Final = 1e-9
_ORDER: Final = ("session_id", "individual", "start_time", "stop_time", "behavior")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoutSequence:
    """Bouts of one animal by start, within one stretch of time that a source looked at; there may be none."""

    session_id: str
    individual: str
    subject_id: str | None
    behaviors: tuple[str, ...]
    starts: Vector
    stops: Vector

    @property
    def animal(self) -> str:
        """The unit of analysis: the subject, or the recorded animal where none is stated."""
        return self.subject_id or f"{self.session_id}/{self.individual}"

    def gaps(self, lag: int = 1) -> Vector:
        """Time from the end of each bout to the start of the one ``lag`` later; negative where they overlap."""
        gaps: Vector = self.starts[lag:] - self.stops[:-lag]
        return gaps

    def repeats(self) -> NDArray[np.bool_]:
        """Whether each bout but the first is of the same behavior as the one before, shape ``(max(n - 1, 0),)``."""
        names = np.array(self.behaviors, dtype=object)
        same: NDArray[np.bool_] = (names[1:] == names[:-1]).astype(np.bool_)
        return same

    def merged(self, *, touching: bool) -> BoutSequence:
        """Equal bouts in a row as one, all of them or only those that touch."""
        if len(self.behaviors) < 2:
            return self
        joined = self.repeats() & ((self.gaps() <= TOUCHING) | (not touching))
        first = np.concatenate(([True], ~joined))
        last = np.concatenate((~joined, [True]))
        return dataclasses.replace(
            self,
            behaviors=tuple(name for name, kept in zip(self.behaviors, first, strict=True) if kept),
            starts=self.starts[first],
            stops=self.stops[last],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which two bouts are a transition."""

    lag: int = 1
    adjacent: bool = False
    within: float | None = None

    def stretch(self, sequence: BoutSequence, codes: Mapping[str, int]) -> Stretch:
        """A sequence as numbers, and which of its places are transitions."""
        n = max(len(sequence.behaviors) - self.lag, 0)
        counts = np.ones(n, dtype=np.bool_)
        if self.adjacent and n:
            touching = sequence.gaps() <= TOUCHING
            counts &= np.lib.stride_tricks.sliding_window_view(touching, self.lag).all(axis=1)
        if self.within is not None and n:
            counts &= sequence.gaps(self.lag) <= self.within + _ROUNDING
        return Stretch(
            codes=np.array([codes[name] for name in sequence.behaviors], dtype=np.int16), counts=counts
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Transitions:
    """How often each behavior follows each, in some sequences."""

    behaviors: tuple[str, ...]
    counts: Counts
    """Shape ``(n_behaviors, n_behaviors)``: from, to."""
    leaving: NDArray[np.int64]
    """Of what a probability is a share: transitions from each behavior; with a limit of time, its bouts that have a next one."""

    def count(self, first: str, second: str) -> int:
        """Times that one behavior follows another."""
        a, b = self._place(first), self._place(second)
        return 0 if a is None or b is None else int(self.counts[a, b])

    def n_leaving(self, first: str) -> int:
        """Of how many a probability from this behavior is a share."""
        a = self._place(first)
        return 0 if a is None else int(self.leaving[a])

    def n_arriving(self, second: str) -> int:
        """Transitions to a behavior."""
        b = self._place(second)
        return 0 if b is None else int(self.counts[:, b].sum())

    def probability(self, first: str, second: str) -> float | None:
        """Share of what follows ``first`` that is ``second``; ``None`` where nothing follows it."""
        n = self.n_leaving(first)
        return self.count(first, second) / n if n else None

    def _place(self, behavior: str) -> int | None:
        return self.behaviors.index(behavior) if behavior in self.behaviors else None


def count_all(sequences: Sequence[BoutSequence], rule: Rule) -> Transitions:
    """Count the transitions of some sequences."""
    behaviors = behaviors_of(sequences)
    codes = {name: place for place, name in enumerate(behaviors)}
    counts = count_transitions([rule.stretch(s, codes) for s in sequences], len(codes), lag=rule.lag)
    leaving = counts.sum(axis=1)
    if rule.within is not None:
        whenever = dataclasses.replace(rule, within=None)
        ever = count_transitions([whenever.stretch(s, codes) for s in sequences], len(codes), lag=rule.lag)
        leaving = ever.sum(axis=1)
    return Transitions(behaviors=behaviors, counts=counts, leaving=leaving)


def behaviors_of(sequences: Sequence[BoutSequence]) -> tuple[str, ...]:
    """Behaviors that have a bout, in name order."""
    return tuple(sorted({name for sequence in sequences for name in sequence.behaviors}))


# ----------------------------------------------------------------- from the tables
def sequences_of(
    context: ToolContext, scope: Scope, coverage: pl.DataFrame, source: str
) -> list[BoutSequence]:
    """Every stretch that a source looked at, with its bouts; one without bouts where there are none.

    Parameters
    ----------
    coverage
        Rows of the coverage table that count.
    """
    rows = (
        context.catalog.load("bouts")
        .filter(pl.col("source") == source, pl.col("session_id").is_in(scope.session_ids))
        .sort(*_ORDER)
        .select("session_id", "individual", "behavior", "start_time", "stop_time")
    )
    bouts = {
        (key[0], key[1] or ""): own
        for key, own in rows.partition_by("session_id", "individual", as_dict=True).items()
    }
    windows = {row["session_id"]: scope.window(row) for row in scope.sessions.iter_rows(named=True)}
    found = []
    for (session_id, individual), spans in _looked(coverage, source).items():
        own = bouts.get((session_id, individual))
        for start, stop in clip_intervals(spans, *windows[session_id]):
            inside = (
                None
                if own is None
                else own.filter(pl.col("start_time").is_between(start, stop, closed="left"))
            )
            found.append(_sequence(scope, session_id, individual, inside))
    places = {session_id: place for place, session_id in enumerate(scope.session_ids)}
    return sorted(found, key=lambda item: (places[item.session_id], item.individual))


def _looked(coverage: pl.DataFrame, source: str) -> dict[tuple[str, str], list[Interval]]:
    """Where a source looked at each animal; sorted and disjoint."""
    found: dict[tuple[str, str], list[Interval]] = {}
    for row in coverage.filter(pl.col("source") == source).iter_rows(named=True):
        stop = row["stop_time"] if row["stop_time"] is not None else float("inf")
        key = (row["session_id"], row["individual"] or "")
        found.setdefault(key, []).append((row["start_time"] or 0.0, stop))
    return {key: stretches(spans) for key, spans in found.items()}


def _sequence(scope: Scope, session_id: str, individual: str, bouts: pl.DataFrame | None) -> BoutSequence:
    return BoutSequence(
        session_id=session_id,
        individual=individual,
        subject_id=scope.subject_of(session_id, individual),
        behaviors=() if bouts is None else tuple(bouts["behavior"].to_list()),
        starts=np.zeros(0) if bouts is None else bouts["start_time"].to_numpy(),
        stops=np.zeros(0) if bouts is None else bouts["stop_time"].to_numpy(),
    )


def may_repeat(sequences: Sequence[BoutSequence]) -> bool:
    """Whether a source lists a behavior after itself with time between.

    Labels of frames never do; where two bouts of one behavior touch, their file was cut.
    """
    return any(
        bool(np.any(item.repeats() & (item.gaps() > TOUCHING)))
        for item in sequences
        if len(item.behaviors) > 1
    )
