"""Behaviors that keywords stand for, against behaviors that the truth shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ethochat.tools.vlm_quality.chance import AgainstChance, against_chance

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedBehavior:
    """How well one behavior is named."""

    behavior: str
    covers: tuple[str, ...] = ()
    """Of a category: the behaviors that it stands for. It does not count in the mean."""
    n: int
    """Segments in which it is known whether it occurs."""
    n_shown: int
    n_named: int
    precision: float | None
    """``None`` where it is never named."""
    recall: float | None
    """``None`` where no segment shows it."""
    f1: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How well behaviors are named."""

    behaviors: tuple[NamedBehavior, ...]
    macro_f1: AgainstChance | None
    """Mean over behaviors that some segment shows; ``None`` where none is."""
    n_scored: int
    """Behaviors in that mean."""


def score_naming(
    names: tuple[str, ...],
    shown: Mask,
    named: Mask,
    known: Mask,
    rng: np.random.Generator,
    *,
    categories: dict[str, tuple[str, ...]] | None = None,
) -> Naming:
    """Compare what was named with what is shown.

    Parameters
    ----------
    names
        Of the columns; those of ``categories`` last.
    shown, named, known
        Shape ``(n_segments, n_names)``; where ``known`` is false nothing counts.
    categories
        Columns that stand for several behaviors, with those.

    Notes
    -----
    Precision, recall and F1 by scikit-learn's ``precision_recall_fscore_support``. Shuffled ones by
    F1 = 2 TP / (named + shown), which is the same (van Rijsbergen 1979, Information Retrieval, chapter 7).
    """
    covers = categories or {}
    rows = tuple(
        _score(name, covers.get(name, ()), shown[known[:, k], k], named[known[:, k], k])
        for k, name in enumerate(names)
    )
    scored = np.array([row.n_shown > 0 and row.behavior not in covers for row in rows], dtype=np.bool_)
    if not scored.any():
        return Naming(behaviors=rows, macro_f1=None, n_scored=0)
    right = (shown & known)[:, scored]

    def macro_f1(order: NDArray[np.intp]) -> float:
        said = (named[order] & known)[:, scored]
        both = 2 * (said & right).sum(axis=0)
        return float((both / (said.sum(axis=0) + right.sum(axis=0))).mean())

    return Naming(
        behaviors=rows,
        macro_f1=against_chance(macro_f1, len(shown), rng),
        n_scored=int(scored.sum()),
    )


def _score(name: str, covers: tuple[str, ...], shown: Mask, named: Mask) -> NamedBehavior:
    n_shown, n_named = int(shown.sum()), int(named.sum())
    precision = recall = f1 = None
    if n_shown or n_named:
        from sklearn.metrics import precision_recall_fscore_support

        p, r, f, _ = precision_recall_fscore_support(shown, named, average="binary", zero_division=0.0)
        precision = float(p) if n_named else None
        recall = float(r) if n_shown else None
        f1 = float(f) if n_shown else None
    return NamedBehavior(
        behavior=name,
        covers=covers,
        n=len(shown),
        n_shown=n_shown,
        n_named=n_named,
        precision=precision,
        recall=recall,
        f1=f1,
    )


# ------------------------------------------------------------------ what cannot be
@dataclass(frozen=True, slots=True, kw_only=True)
class RuledOut:
    """Behaviors that were named where the truth rules them out."""

    n: int
    """Descriptions."""
    n_naming: int
    """Of them, those that name a behavior of the ethogram at all."""
    n_with: int
    """Descriptions that name one that is ruled out."""
    share: AgainstChance | None
    """``n_with / n``; ``None`` without descriptions."""
    by_behavior: dict[str, int]
    """Behavior to the descriptions that name it where it is ruled out, the most first; none that never is."""


def score_ruled_out(
    names: tuple[str, ...], named: Mask, ruled_out: Mask, rng: np.random.Generator
) -> RuledOut:
    """Count descriptions that name a behavior which does not occur.

    Parameters
    ----------
    named
        What keywords themselves stand for, shape ``(n_segments, n_names)``.
    ruled_out
        What the truth says does not occur in the segment nor near it, same shape.
    """
    wrong = named & ruled_out
    counts = {name: int(n) for name, n in zip(names, wrong.sum(axis=0), strict=True) if n}

    def share(order: NDArray[np.intp]) -> float:
        return float((named[order] & ruled_out).any(axis=1).mean())

    return RuledOut(
        n=len(named),
        n_naming=int(named.any(axis=1).sum()),
        n_with=int(wrong.any(axis=1).sum()),
        share=against_chance(share, len(named), rng) if len(named) else None,
        by_behavior=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
    )
