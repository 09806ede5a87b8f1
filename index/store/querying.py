"""What a search asks of an engine, the same in every engine.

Texts are ranked, since segments of one text are equal (:mod:`ethochat.index.store.texts`). A query has up to three
parts: the cosine of the dense vectors, the BM25 score of the words (``s``), and the nearness to examples. One part
alone is asked directly. Several are one call: each part proposes its best candidates, every candidate is scored in
every part, and the engine adds the scores up::

    0.7 cosine + 0.3 s / (s + 5)                        words
    nearness                                            examples
    half of each                                        both

Why not by ranks (reciprocal rank fusion): how much better the first is than the second is lost, and equals are put in
an order that is chance; why not by distributions (DBSF): a score then depends on what else was proposed. A candidate that only one part
proposes is still scored in the others: with the prefetches alone its words' share would depend on the limit.

``s / (s + 5)`` keeps the order of BM25 scores, which have no upper end, within 0 to 1; Craswell, Robertson, Zaragoza
and Taylor (2005), Relevance weighting for query independent evidence, SIGIR, their function ``sat``.

Examples are Qdrant's "best score" recommendation: near the nearest wanted example, and below zero what is nearer to
an unwanted one. The engines return ``r = (1 + c / (1 + |c|)) / 2`` of the cosine ``c``; ``(2 r - 1) / (2 - 2 r)`` is
``c`` again where it is above zero, and keeps the order elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ethochat.index.embedders.sparse import SparseVector
from ethochat.index.store.base import SearchMode

DENSE_SHARE: Final = 0.7
PIVOT: Final = 5.0
"""BM25 score at which the words' share is half of its most: two or three telling words."""
_SPARE: Final = 200
"""Candidates of each part beyond the limit: what is best in sum need not be among the best of a part."""

LeafT = TypeVar("LeafT")
PrefetchT = TypeVar("PrefetchT")
ExprT = TypeVar("ExprT")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """What to search by; at least one part is there."""

    dense: NDArray[np.float32] | None
    sparse: SparseVector | None
    like: tuple[NDArray[np.float32], ...]
    unlike: tuple[NDArray[np.float32], ...]

    @property
    def examples(self) -> bool:
        """Whether there are examples."""
        return bool(self.like or self.unlike)

    @property
    def cosine(self) -> bool:
        """Whether the dense vectors alone decide."""
        return self.dense is not None and self.sparse is None and not self.examples


def read_question(
    vector: NDArray[np.float32] | None,
    sparse: SparseVector | None,
    like: Sequence[NDArray[np.float32]],
    unlike: Sequence[NDArray[np.float32]],
    mode: SearchMode,
) -> Asked | None:
    """Say which parts count; ``None`` where words alone are to count and there are none.

    Raises
    ------
    ValueError
        When there is nothing to search by.
    """
    if vector is None and not sparse and not like and not unlike:
        raise ValueError("Expected a vector, words or examples to search by, got none.")
    asked = Asked(
        dense=None if mode == "sparse" else vector,
        sparse=sparse if sparse and mode != "dense" else None,
        like=tuple(like),
        unlike=tuple(unlike),
    )
    return None if asked.dense is None and asked.sparse is None and not asked.examples else asked


class QueryDialect(Protocol[LeafT, PrefetchT, ExprT]):
    """The queries and expressions of one engine."""

    def nearest(self, vector: NDArray[np.float32]) -> LeafT:
        """Rank by the cosine of the dense vectors."""
        ...

    def words(self, sparse: SparseVector) -> LeafT:
        """Rank by BM25, the inverse document frequencies multiplied in."""
        ...

    def examples(self, like: Sequence[NDArray[np.float32]], unlike: Sequence[NDArray[np.float32]]) -> LeafT:
        """Rank by the best score among examples."""
        ...

    def prefetch(self, leaf: LeafT, limit: int, inner: list[PrefetchT]) -> PrefetchT:
        """Take the best candidates by one ranking, among those of the inner prefetches where there are any."""
        ...

    def score(self, position: int) -> ExprT:
        """Name the score of the prefetch at a position; 0 for a candidate that it does not know."""
        ...

    def constant(self, value: float) -> ExprT:
        """Write a number."""
        ...

    def total(self, terms: list[ExprT]) -> ExprT:
        """Add."""
        ...

    def product(self, factors: list[ExprT]) -> ExprT:
        """Multiply."""
        ...

    def ratio(self, numerator: ExprT, denominator: ExprT) -> ExprT:
        """Divide; the denominator is never zero."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[LeafT, PrefetchT, ExprT]):
    """One call to an engine: a ranking alone, or a formula over prefetches."""

    leaf: LeafT | None = None
    formula: ExprT | None = None
    prefetches: tuple[PrefetchT, ...] = ()
    limit: int
    """Points to ask for. With a formula every candidate, since which of equal ones a smaller limit kept would differ
    from call to call: engines join prefetches in a hash table."""


def plan_query(
    dialect: QueryDialect[LeafT, PrefetchT, ExprT], asked: Asked, *, limit: int, exhaustive: bool = False
) -> Plan[LeafT, PrefetchT, ExprT]:
    """Write a question as one call that gives its ``limit`` best points.

    Parameters
    ----------
    exhaustive
        Let each part score ``limit`` points, which are all there are, or as many as there can be: then there is no need
        to look at the candidates of each part a second time.
    """
    leaves = [
        *([dialect.nearest(asked.dense)] if asked.dense is not None else []),
        *([dialect.words(asked.sparse)] if asked.sparse is not None else []),
    ]
    if not asked.examples:
        if len(leaves) == 1:
            return Plan(leaf=leaves[0], limit=limit)
        proposing = list(leaves)
    else:
        examples = dialect.examples(asked.like, asked.unlike)
        # Who is farthest from what is unwanted is no candidate for anything.
        proposing = [*leaves, examples] if asked.like or not leaves else list(leaves)
        leaves.append(examples)
    formula = _formula(dialect, asked)
    if exhaustive or len(leaves) == 1:
        prefetches = tuple(dialect.prefetch(leaf, limit, []) for leaf in leaves)
        return Plan(formula=formula, prefetches=prefetches, limit=limit)
    n_candidates = limit + _SPARE
    inner = [dialect.prefetch(leaf, n_candidates, []) for leaf in proposing]
    return Plan(
        formula=formula,
        prefetches=tuple(dialect.prefetch(leaf, n_candidates * len(inner), inner) for leaf in leaves),
        limit=n_candidates * len(inner),
    )


def _formula(dialect: QueryDialect[LeafT, PrefetchT, ExprT], asked: Asked) -> ExprT:
    terms: list[ExprT] = []
    if asked.dense is not None:
        terms.append(dialect.score(0))
    if asked.sparse is not None:
        score = dialect.score(len(terms))
        terms.append(dialect.ratio(score, dialect.total([score, dialect.constant(PIVOT)])))
    if len(terms) == 2:
        shares = zip((DENSE_SHARE, 1 - DENSE_SHARE), terms, strict=True)
        words = [dialect.total([dialect.product([dialect.constant(w), term]) for w, term in shares])]
    else:
        words = terms
    if not asked.examples:
        return words[0]
    twice = dialect.product([dialect.constant(2.0), dialect.score(len(terms))])
    minus = dialect.product([dialect.constant(-1.0), twice])
    nearness = dialect.ratio(
        dialect.total([twice, dialect.constant(-1.0)]), dialect.total([dialect.constant(2.0), minus])
    )
    if not words:
        return nearness
    return dialect.product([dialect.constant(0.5), dialect.total([words[0], nearness])])


def score_points(
    asked: Asked,
    *,
    cosine: Callable[[NDArray[np.float32]], NDArray[np.float64]],
    words: Callable[[SparseVector], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Score points as the engines do, for an index without one.

    Parameters
    ----------
    asked
        The question.
    cosine, words
        Give each point's cosine with a vector, and its BM25 score; shape ``(n_points,)``.

    Returns
    -------
    NDArray
        Shape ``(n_points,)``; minus infinity for a point that is no candidate.
    """
    if asked.sparse is not None and asked.dense is None and not asked.examples:
        scores = words(asked.sparse)
        return np.where(scores > 0, scores, -np.inf)
    parts = [] if asked.dense is None else [cosine(asked.dense)]
    if asked.sparse is not None:
        scores = words(asked.sparse)
        parts.append(scores / (scores + PIVOT))
    total = DENSE_SHARE * parts[0] + (1 - DENSE_SHARE) * parts[1] if len(parts) == 2 else sum(parts)
    if not asked.examples:
        return np.asarray(total)
    nearness = _nearness([cosine(item) for item in asked.like], [cosine(item) for item in asked.unlike])
    return np.asarray((total + nearness) / 2 if parts else nearness)


def _nearness(like: list[NDArray[np.float64]], unlike: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    wanted = np.max(like, axis=0) if like else np.full_like(unlike[0], -np.inf)
    unwanted = np.max(unlike, axis=0) if unlike else np.full_like(like[0], -np.inf)
    best = np.where(wanted > unwanted, wanted, unwanted)
    squashed = (1 + best / (1 + np.abs(best))) / 2 * np.where(wanted > unwanted, 1, -1)
    return np.asarray((2 * squashed - 1) / (2 - 2 * squashed))
