"""Which behavior follows which, and when two go on at once, against chance; pure.

Transitions are compared with the same bouts in another order. *Free* order: every arrangement of the bouts of a stretch is equally
likely. *Alternating* order: every arrangement without two equal bouts in a row, for labels that cannot follow themselves. Sampled
permutations are how sequences of behavior are tested where events are few (Bakeman, Robinson and Quera 1996, Psychol Methods
1:4-15).

Simultaneous behavior is compared with the same bouts shifted in time around the circle of each session.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Interval
from ethochat.tools.statistics.results import SEED, Vector

Codes = NDArray[np.signedinteger[Any]]
Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]

N_SHUFFLES: Final = 2_000
_SWEEPS: Final = 24
"""Rounds of moves from the hub to a shuffled order. With these the expected counts of sequences of 4 to 1,000 bouts, evenly
spread or half of one behavior, come within a fifth of a standard deviation of those of ten times as many."""
_REVERSALS: Final = 3
_SWAPS: Final = 2
_BLOCK: Final = 1_000_000
"""Bouts shuffled at once."""


# ----------------------------------------------------------------- transitions
@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Bouts of one animal in order of their start, within time that was looked at without a break."""

    codes: Codes
    """Number of each bout's behavior, shape ``(n_bouts,)``."""
    counts: Mask
    """Whether bout ``k`` and bout ``k + lag`` are a transition, shape ``(max(n_bouts - lag, 0),)``."""


def count_transitions(stretches: Sequence[Stretch], n_codes: int, *, lag: int = 1) -> Counts:
    """Count how often each behavior follows each.

    Returns
    -------
    Counts
        Shape ``(n_codes, n_codes)``: from, to.
    """
    total = np.zeros(n_codes * n_codes, dtype=np.int64)
    for stretch in stretches:
        codes = stretch.codes.astype(np.int64)
        pairs = codes[:-lag] * n_codes + codes[lag:]
        total += np.bincount(pairs[stretch.counts], minlength=n_codes * n_codes)
    return total.reshape(n_codes, n_codes)


def shuffled_transitions(
    stretches: Sequence[Stretch],
    n_codes: int,
    *,
    alternating: bool,
    lag: int = 1,
    n_shuffles: int = N_SHUFFLES,
    seed: int = SEED,
) -> Counts:
    """Count transitions after shuffling the bouts of each stretch.

    How often each behavior occurs in a stretch stays; so do the places in it at which a transition counts.

    Parameters
    ----------
    alternating
        Never two equal bouts in a row. The stretches must have none either.

    Returns
    -------
    Counts
        Shape ``(n_shuffles, n_codes, n_codes)``.
    """
    rng = np.random.default_rng(seed)
    size = n_codes * n_codes
    total = np.zeros(n_shuffles * size, dtype=np.int64)
    longest = max((len(stretch.codes) for stretch in stretches), default=1)
    step = max(1, _BLOCK // max(longest, 1))
    for stretch in stretches:
        if len(stretch.codes) <= lag:
            continue
        hub = alternating_hub(stretch.codes, rng) if alternating else None
        for first in range(0, n_shuffles, step):
            n = min(step, n_shuffles - first)
            orders = _free_orders(stretch.codes, n, rng) if hub is None else hub.orders(n, rng)
            pairs = orders[:-lag].astype(np.int32) * n_codes + orders[lag:]
            pairs += np.arange(n, dtype=np.int32) * size
            found = np.bincount(pairs[stretch.counts].ravel(), minlength=n * size)
            total[first * size : (first + n) * size] += found
    return total.reshape(n_shuffles, n_codes, n_codes)


def _free_orders(codes: Codes, n: int, rng: np.random.Generator) -> Codes:
    """Random orders, shape ``(n_bouts, n)``."""
    orders: Codes = rng.permuted(np.repeat(codes[:, None], n, axis=1), axis=0)
    return orders


class _Move(Protocol):
    """A change offered to every chain; going back is as likely as going forward."""

    def apply(self, orders: Codes, rng: np.random.Generator) -> None:
        """Change about half of the chains in place, where no two equal bouts come to stand together."""
        ...


@dataclass(frozen=True, slots=True)
class _Swaps:
    """Bouts swapped in pairs, each pair by itself."""

    left: NDArray[np.int64]
    """Places, at least two apart from each other and from ``right``: no neighbor of a swapped bout is swapped."""
    right: NDArray[np.int64]

    def apply(self, orders: Codes, rng: np.random.Generator) -> None:
        a, b = orders[self.left], orders[self.right]
        allowed = (b != orders[self.left - 1]) & (b != orders[self.left + 1])
        allowed &= (a != orders[self.right - 1]) & (a != orders[self.right + 1])
        allowed &= _coins(a.shape, rng)
        change = (a ^ b) * allowed
        orders[self.left] = a ^ change
        orders[self.right] = b ^ change


@dataclass(frozen=True, slots=True)
class _Reversals:
    """Parts put in reverse order, each by itself; between two parts stands at least one bout that no part has."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def apply(self, orders: Codes, rng: np.random.Generator) -> None:
        first, last = self.first, self.last
        allowed = (orders[first - 1] != orders[last]) & (orders[first] != orders[last + 1])
        allowed &= _coins(allowed.shape, rng)
        part = np.repeat(np.arange(len(first)), last - first + 1)
        inside = np.arange(len(part)) - np.searchsorted(part, part)
        places, mirrored = first[part] + inside, last[part] - inside
        orders[places] = np.where(allowed[part], orders[mirrored], orders[places])


def _coins(shape: tuple[int, ...], rng: np.random.Generator) -> Mask:
    n = math.prod(shape)
    bits = np.unpackbits(np.frombuffer(rng.bytes(n // 8 + 1), dtype=np.uint8), count=n)
    coins: Mask = bits.reshape(shape).view(np.bool_)
    return coins


@dataclass(frozen=True, slots=True)
class AlternatingHub:
    """Where the chains of one stretch start, and the moves they make; see :func:`alternating_hub`."""

    codes: Codes
    """With a place that equals no behavior on either side, shape ``(n_bouts + 2, 1)``."""
    moves: Sequence[_Move]

    def orders(self, n: int, rng: np.random.Generator) -> Codes:
        """Random orders, shape ``(n_bouts, n)``."""
        orders = np.repeat(self.codes, n, axis=1)
        for move in self.moves:
            move.apply(orders, rng)
        return orders[1:-1]


def alternating_hub(codes: Codes, rng: np.random.Generator) -> AlternatingHub:
    """Prepare random orders without two equal bouts in a row.

    The observed order is taken a number of moves back to a hub, and every shuffled order starts there and makes the same number
    of moves forward. Each move is reversible and keeps all allowed orders equally likely, so that observed and shuffled orders are
    exchangeable and the p value holds however well the moves mix (Besag and Clifford 1989, Biometrika 76:633-642, the parallel
    method). What the moves are is drawn once, whether each is made is drawn for every chain.

    Parameters
    ----------
    codes
        Without two equal ones in a row, shape ``(n_bouts,)``.
    """
    if np.any(codes[1:] == codes[:-1]):
        raise ValueError("Expected no two equal bouts in a row.")
    moves = _moves(len(codes), rng)
    # A byte per bout halves the memory that a move goes through.
    dtype: type[np.signedinteger[Any]] = np.int8 if codes.max(initial=0) < 127 else np.int16
    padded = np.concatenate(([-1], codes, [-1])).astype(dtype)[:, None]
    for move in reversed(moves):
        move.apply(padded, rng)
    return AlternatingHub(padded, moves)


def _moves(n: int, rng: np.random.Generator) -> list[_Move]:
    """Draw the moves for a stretch of n bouts."""
    moves: list[_Move] = []
    for _ in range(_SWEEPS if n > 1 else 0):
        moves.extend(_Reversals(*_parts(n, rng)) for _ in range(_REVERSALS))
        moves.extend(_Swaps(*_apart(n, rng)) for _ in range(_SWAPS))
    return moves


def _parts(n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw parts of at least two places, one place free between them; short ones as often as long ones."""
    typical = float(np.exp(rng.uniform(np.log(2), np.log(n + 1))))
    lengths = rng.integers(2, max(3, min(n, int(2 * typical)) + 1), size=max(1, int(n / typical)))
    first = (
        1
        + int(rng.integers(0, max(1, min(n - 1, int(typical)))))
        + np.concatenate(([0], np.cumsum(lengths[:-1] + 1)))
    )
    last = first + lengths - 1
    kept = last <= n
    if not kept.any():
        first, last = (np.sort(rng.choice(n, size=2, replace=False)) + 1)[:, None]
        return first, last
    return first[kept], last[kept]


def _apart(n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw pairs of places, all at least two apart: odd ones up to a cut, even ones after it, or the other way round."""
    cut = int(rng.integers(0, n + 1))
    places = np.concatenate((np.arange(1, cut + 1, 2), np.arange(cut + 2, n + 1, 2)))
    if rng.random() < 0.5:
        places = n + 1 - places
    places = rng.permutation(places)
    half = len(places) // 2
    return places[:half], places[half : 2 * half]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChanceComparison:
    """A number against the same number under chance."""

    observed: float
    expected: float
    """Mean of the null."""
    ratio: float | None
    """Observed over expected; ``None`` where none is expected."""
    z: float | None
    """Distance from the expected number in standard deviations of the null; ``None`` where that has no spread."""
    p_value: float | None
    """Two-sided; ``None`` where chance leaves no choice."""


def compare_with_chance(
    observed: float, null: Vector | Counts, *, expected: float | None = None
) -> ChanceComparison:
    """Two-sided comparison with a sampled null.

    ``p = (1 + number of nulls at least as far from the mean) / (1 + N)``, the mean being that of the observed number and all N nulls;
    the observed one counts among them, so that p is never zero (Phipson and Smyth 2010, Stat Appl Genet Mol Biol 9:39).

    Parameters
    ----------
    null
        The number under chance, shape ``(N,)``.
    expected
        Mean of the null where it is known exactly; that of the sample otherwise.
    """
    sample = np.asarray(null, dtype=np.float64)
    n = len(sample)
    mean, spread = float(sample.mean()), float(sample.std(ddof=1)) if n > 1 else 0.0
    expected = mean if expected is None else expected
    scale = max(abs(observed), float(np.abs(sample).max()), 1.0)
    fixed = spread <= 1e-9 * scale and abs(observed - mean) <= 1e-9 * scale
    center = (n * mean + observed) / (n + 1)
    as_far = int(np.count_nonzero(np.abs(sample - center) >= abs(observed - center) - 1e-9 * scale))
    return ChanceComparison(
        observed=float(observed),
        expected=expected,
        ratio=float(observed) / expected if expected > 0 else None,
        z=(float(observed) - expected) / spread if spread > 1e-9 * scale else None,
        p_value=None if fixed else (1 + as_far) / (n + 1),
    )


def distance_from_chance(observed: Counts, null: Counts) -> tuple[float, float | None]:
    """How far a set of counts lies from chance as a whole.

    Parameters
    ----------
    observed
        Shape ``(n_pairs,)``.
    null
        Shape ``(N, n_pairs)``.

    Returns
    -------
    tuple of (chi_square, p_value)
        ``sum((count - expected)**2 / expected)`` over pairs that chance expects, and the share of orders (the observed one
        included) in which it is at least as large; p is ``None`` where chance leaves no choice.
    """
    rows = np.vstack([observed[None], null]).astype(np.float64)
    expected = rows.mean(axis=0)
    some = expected > 0
    distances = ((rows[:, some] - expected[some]) ** 2 / expected[some]).sum(axis=1)
    if not np.ptp(rows, axis=0).any():
        return 0.0, None
    return float(distances[0]), float(np.mean(distances >= distances[0] * (1 - 1e-12)))


# ----------------------------------------------------------------- at the same time
def to_circle(intervals: Sequence[Interval], looked: Sequence[Interval]) -> list[Interval]:
    """Put intervals on the time that was looked at, its gaps taken out.

    Parameters
    ----------
    intervals, looked
        Sorted and disjoint.

    Returns
    -------
    list of (start, stop)
        Between 0 and the time looked at; what lies outside of it is cut off.
    """
    placed: list[Interval] = []
    offset = 0.0
    for start, stop in looked:
        for first, last in intervals:
            low, high = max(first, start), min(last, stop)
            if low < high:
                placed.append((low - start + offset, high - start + offset))
        offset += stop - start
    return placed


def shifted_overlaps(
    first: Sequence[Interval], second: Sequence[Interval], length: float, shifts: Vector
) -> Vector:
    """Time both go on after the second is shifted around a circle.

    Parameters
    ----------
    first, second
        Sorted and disjoint, between 0 and ``length``.
    shifts
        Shape ``(n_shifts,)``, between 0 and ``length``.

    Returns
    -------
    Vector
        Shape ``(n_shifts,)``; exact for any shift, no raster is laid over the time.
    """
    if not first or not second or length <= 0:
        return np.zeros(len(shifts))
    if len(first) > len(second):
        return shifted_overlaps(second, first, length, (length - shifts) % length)
    knots, covered = _covered(second, length)
    total: Vector = np.zeros(len(shifts))
    for start, stop in first:
        total += np.interp(stop - shifts + length, knots, covered)
        total -= np.interp(start - shifts + length, knots, covered)
    # A difference of sums of many bouts may end a rounding error below zero.
    return np.maximum(total, 0.0)


def _covered(intervals: Sequence[Interval], length: float) -> tuple[Vector, Vector]:
    """Time covered up to each knot, over two turns of the circle, shape ``(n_knots,)`` each."""
    turn = np.asarray(intervals, dtype=np.float64)
    both = np.concatenate((turn, turn + length))
    sums = np.concatenate(([0.0], np.cumsum(both[:, 1] - both[:, 0])))
    knots = np.concatenate(([0.0], both.ravel(), [2.0 * length]))
    covered = np.concatenate(([0.0], np.stack([sums[:-1], sums[1:]], axis=1).ravel(), [sums[-1]]))
    return knots, covered
