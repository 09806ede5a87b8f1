"""Keywords of a model put beside the behaviors of the experiment; what fits none stays open vocabulary."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ethochat.index.behaviors.glossary import TERMS, broader, squeezed, terms_named
from ethochat.index.behaviors.rules import RULES
from ethochat.index.embedders.base import Embedder
from ethochat.index.experiment import Experiment
from ethochat.index.vlm.cleaning import clean
from ethochat.index.vlm.denials import denies, is_asserted, is_questioned
from ethochat.index.words import name_stems

EQUALLY_NEAR: Final = 0.02
"""Behaviors whose likeness differs by less are equally near."""

_VECTORS: Final[WeakKeyDictionary[Embedder, dict[tuple[str, ...], NDArray[np.float32]]]] = WeakKeyDictionary()
_MOST_REMEMBERED: Final = 4
_WHO: Final = re.compile(r"^(?:the |an? )?(?:mouse|rat|animal|subject) (?:is |was )?", re.IGNORECASE)
_LONGEST_TERM: Final = 80
_MOST_DEFINITION_WORDS: Final = 12
"""A longer definition is a text of its own and near to everything."""


def ethogram_terms(experiment: Experiment, behaviors: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """List what each behavior may be called.

    Parameters
    ----------
    behaviors
        Names of the experiment's labels and rules.

    Returns
    -------
    mapping
        Behavior to its name, its declared synonyms, those of the rule of that name, the field's other words for it and its
        definition, in this order, each once. A category is none of them: it covers other behaviors too.
    """
    settings = {item.name: item for item in experiment.behaviors}
    found = {}
    for behavior in behaviors:
        declared, rule = settings.get(behavior), RULES.get(behavior)
        terms = [behavior, *(declared.synonyms if declared is not None else ())]
        terms += rule.synonyms if rule is not None else ()
        for named in (behavior, *(declared.synonyms if declared is not None else ())):
            terms += [word for term in terms_named(named) for word in (term.name, *term.also)]
        definition = declared.definition if declared is not None else None
        if definition and len(definition.split()) <= _MOST_DEFINITION_WORDS:
            terms.append(definition)
        cleaned = (clean(term, _LONGEST_TERM) for term in terms)
        found[behavior] = tuple(dict.fromkeys(term for term in cleaned if term))
    return found


def map_keywords(
    keywords: Sequence[str], terms: Mapping[str, Sequence[str]], embedder: Embedder, likeness: float
) -> tuple[dict[str, str], list[str]]:
    """Find the behavior that each keyword means.

    A keyword that is a behavior's name, letter by letter or word by word (stemmed), is that behavior; else one that is a
    further term of it; else the behavior with the nearest term, from ``likeness`` on. The field's other behaviors stand
    beside those of the experiment: a keyword that is nearer to one of them is none of the experiment's, unless that one is
    a kind of it. A keyword that two behaviors have equal claim to, or that denies or doubts something, is none.

    Parameters
    ----------
    keywords
        As a model wrote them.
    terms
        From :func:`ethogram_terms`; the first term of a behavior is its name.
    embedder
        Gives vectors of length 1; asked only where words do not decide.
    likeness
        Least cosine.

    Returns
    -------
    mapped
        Keyword to behavior.
    unmapped
        The other keywords, in their order, each once.
    """
    mapped: dict[str, str] = {}
    open_words: list[str] = []
    doubtful: list[str] = []
    for keyword in dict.fromkeys(keywords):
        claims = _by_words(keyword, terms)
        if len(claims) == 1:
            mapped[keyword] = claims[0]
        elif claims or not name_stems(keyword) or not is_asserted(keyword):
            doubtful.append(keyword)
        else:
            open_words.append(keyword)
    mapped |= _by_likeness(open_words, terms, embedder, likeness)
    return mapped, [keyword for keyword in dict.fromkeys(keywords) if keyword not in mapped]


def _by_words(keyword: str, terms: Mapping[str, Sequence[str]]) -> list[str]:
    """Behaviors that a keyword names: by their very names, else by names of the same words, else by other terms."""
    exact = [behavior for behavior in terms if behavior.casefold() == keyword.strip().casefold()]
    if keyword in terms:
        return [keyword]
    stems = name_stems(keyword)
    if exact or not stems or is_questioned(keyword):
        return exact
    named = [behavior for behavior in terms if name_stems(behavior) == stems]
    further = [
        behavior for behavior, words in terms.items() if any(name_stems(word) == stems for word in words)
    ]
    return named or further


def _by_likeness(
    keywords: Sequence[str], terms: Mapping[str, Sequence[str]], embedder: Embedder, likeness: float
) -> dict[str, str]:
    groups = _groups(terms)
    if not keywords or not any(group.behavior for group in groups):
        return {}
    found = {}
    for keyword, scores in zip(keywords, _likeness(keywords, groups, embedder), strict=True):
        best: dict[str | None, float] = {}
        for group, score in zip(groups, scores.tolist(), strict=True):
            best[group.behavior] = max(best.get(group.behavior, -1.0), score)
        stranger = best.pop(None, -1.0)
        nearest = max(best, key=lambda behavior: best[behavior])
        alone = all(
            best[nearest] - score >= EQUALLY_NEAR for other, score in best.items() if other != nearest
        )
        if alone and best[nearest] >= max(likeness, stranger - EQUALLY_NEAR) and nearest is not None:
            found[keyword] = nearest
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Words for one behavior."""

    behavior: str | None
    """Of the experiment; ``None``: the field knows it, and the experiment has nothing like it."""
    words: tuple[str, ...]


def _groups(terms: Mapping[str, Sequence[str]]) -> list[_Group]:
    """Behaviors of the experiment, and then those that the field knows besides."""
    # Vectors hardly tell "not rearing" from "rearing".
    affirmed = {
        behavior: tuple(word for word in words if not denies(word)) for behavior, words in terms.items()
    }
    groups = [_Group(behavior=behavior, words=words) for behavior, words in affirmed.items() if words]
    named: dict[str, set[str]] = {}
    for group in groups:
        for word in group.words:
            named.setdefault(squeezed(word), set()).add(group.behavior or "")
    for term in TERMS.values():
        if squeezed(term.name) not in named:
            covering = next(
                (named[key] for item in broader(term) if (key := squeezed(item.name)) in named), set()
            )
            words = tuple(word for word in (term.name, *term.also) if squeezed(word) not in named)
            groups.append(_Group(behavior=min(covering) if len(covering) == 1 else None, words=words))
    return groups


def _likeness(keywords: Sequence[str], groups: Sequence[_Group], embedder: Embedder) -> NDArray[np.float32]:
    """Cosine of each keyword with the nearest word of each group, shape ``(n_keywords, n_groups)``."""
    words = list(dict.fromkeys(word for group in groups for word in group.words))
    places = {word: place for place, word in enumerate(words)}
    vectors = embedder.embed([_bare(keyword) for keyword in keywords])
    cosines = vectors @ _remembered(embedder, tuple(_bare(word) for word in words)).T
    columns = [cosines[:, [places[word] for word in group.words]].max(axis=1) for group in groups]
    return np.stack(columns, axis=1)


def _bare(text: str) -> str:
    """Leave out who does it: texts that share "the mouse" are near for that alone."""
    return _WHO.sub("", text).strip() or text


def _remembered(embedder: Embedder, words: tuple[str, ...]) -> NDArray[np.float32]:
    """Vectors of an ethogram's words, which are the same for every description of an experiment."""
    known = _VECTORS.setdefault(embedder, {})
    if words not in known:
        if len(known) >= _MOST_REMEMBERED:
            known.clear()
        known[words] = embedder.embed(list(words))
    return known[words]
