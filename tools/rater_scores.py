"""Scores of agreement of one group of recordings, each with what it is computed from and why it may not be defined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import clip_intervals, intersect, total, unite
from ethochat.tools.evidence import Value
from ethochat.tools.rater_recordings import NOT_SEEN, Patterns, Recording
from ethochat.tools.statistics import correlate
from ethochat.tools.statistics.raters import (
    PAIR_COEFFICIENTS,
    Coefficient,
    alpha_terms,
    bout_f1,
    defined,
    fleiss_kappa,
    fleiss_terms,
    interval_over_recordings,
    krippendorff_alpha,
    matched_bouts,
)
from ethochat.tools.statistics.results import Vector
from ethochat.tools.wording import number, some

AGAINST_REFERENCE: Final = ("precision", "recall")
OVER_RECORDINGS: Final = ("count_correlation", "duration_correlation")
OF_ALL_SOURCES: Final = ("fleiss_kappa", "krippendorff_alpha")
_LIMITS: Final[Mapping[str, tuple[float, float]]] = {
    "kappa": (-1.0, 1.0),
    "fleiss_kappa": (-1.0, 1.0),
    "krippendorff_alpha": (-1.0, 1.0),
    "percent_agreement": (0.0, 100.0),
}
_SHARE: Final = (0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One score, and its 95 % interval where it has one."""

    value: Value
    interval: tuple[float, float] | None = None

    def bounds(self) -> list[Value]:
        """Both ends of the interval as values."""
        names = ("ci95_low", "ci95_high")
        return [
            self.value.model_copy(update={"value": bound, "statistic": name, "note": None})
            for name, bound in zip(names, self.interval or (), strict=False)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Recordings that are taken together, for one behavior or a whole ethogram."""

    behaviors: Sequence[str]
    sources: Sequence[str]
    patterns: Sequence[Patterns]
    labels: Mapping[str, str]
    """What the recordings are grouped by, and ``behavior``."""
    session_id: str | None
    subject_id: str | None

    @property
    def time_unit(self) -> str:
        """Unit of durations."""
        return self.patterns[0].recording.clock.unit


# ----------------------------------------------------------------- pairs
def pair_scores(
    group: Group, pair: tuple[str, str], statistics: Sequence[str], *, reference: bool
) -> Iterator[Score]:
    """Scores of two sources.

    Parameters
    ----------
    reference
        Whether the first source is the one against which the other is held.
    """
    labels = {"pair": f"{pair[0]}-{pair[1]}", **group.labels}
    if reference:
        labels["reference"] = pair[0]
    tables = _tables(group, pair)
    n_frames = f"{int(tables.sum())} frames"
    pooled = (
        f"Pooled over {len(group.patterns)} recordings, {n_frames}."
        if len(group.patterns) > 1
        else f"Over {n_frames}."
    )
    for name in statistics:
        if name in PAIR_COEFFICIENTS:
            reason = _why_not(name, tables.sum(axis=0), pair)
            yield _score(
                group, name, tables, PAIR_COEFFICIENTS[name], labels=labels, note=pooled, reason=reason
            )
        elif name == "bout_f1":
            terms = np.stack(
                [_bout_terms(item.recording, pair, group.behaviors[0]) for item in group.patterns]
            )
            matched, first, second = (int(x) for x in terms.sum(axis=0))
            note = f"{matched} bouts match, of {first} by {pair[0]} and {second} by {pair[1]}."
            yield _score(
                group, name, terms, bout_f1, labels=labels, note=note, reason="neither lists a bout."
            )
        elif name in OVER_RECORDINGS:
            yield from _correlated(group, pair, name, labels)


def _score(
    group: Group,
    name: str,
    terms: Vector,
    coefficient: Coefficient,
    *,
    labels: Mapping[str, str],
    note: str,
    reason: str,
) -> Score:
    """Make a coefficient of summed terms, one row of terms per recording of the group."""
    value = defined(coefficient(terms.sum(axis=0))) if len(terms) else None
    interval = None
    if value is None:
        note = f"{note} Not defined: {reason}"
    else:
        by_animal = _by_animal(terms, [item.recording.animal for item in group.patterns])
        interval = interval_over_recordings(by_animal, coefficient, limits=_LIMITS.get(name, _SHARE))
    made = Value(
        name=name,
        value=value,
        unit="%" if name == "percent_agreement" else None,
        statistic=name,
        n=len(terms),
        group=dict(labels),
        session_id=group.session_id,
        subject_id=group.subject_id,
        note=_with_interval(note, interval),
    )
    return Score(value=made, interval=interval)


def _with_interval(note: str, interval: tuple[float, float] | None) -> str:
    if interval is None:
        return note
    return f"{note} 95 % interval {number(interval[0])} to {number(interval[1])}."


def _by_animal(terms: Vector, animals: Sequence[str]) -> Vector:
    """Sum the terms of an animal's recordings: they are resampled together."""
    places = {animal: place for place, animal in enumerate(dict.fromkeys(animals))}
    summed = np.zeros((len(places), *terms.shape[1:]))
    np.add.at(summed, [places[animal] for animal in animals], terms)
    return summed


def _tables(group: Group, pair: tuple[str, str]) -> Vector:
    """Frames by the labels of two sources, shape ``(n_recordings, k, k)``; "none" and "marked" for one behavior."""
    parts = [item.of(pair) for item in group.patterns]
    known = _known_labels(group, [labels.ravel() for labels, _ in parts])
    tables = np.zeros((len(parts), len(known), len(known)))
    for table, (labels, frames) in zip(tables, parts, strict=True):
        first, second = np.searchsorted(known, labels).T
        np.add.at(table, (first, second), frames)
    return tables


def _known_labels(group: Group, labels: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    if len(group.behaviors) == 1:
        return np.array([0, 1])
    return np.unique(np.concatenate([np.zeros(1, dtype=np.int64), *labels]))


def _why_not(name: str, table: Vector, pair: tuple[str, str]) -> str:
    """Say why a coefficient of a table is not defined."""
    if not table.any():
        return "there is no frame that both looked at."
    if len(table) > 2:
        return "both gave every frame the same label."
    by_first, by_second = table[1].sum(), table[:, 1].sum()
    if name in AGAINST_REFERENCE:
        return f"{pair[0] if name == 'recall' else pair[1]} never marked it."
    return "neither marked it." if by_first + by_second == 0 else "both marked it in every frame."


def _bout_terms(recording: Recording, pair: tuple[str, str], behavior: str) -> Vector:
    looked = recording.common(pair)
    first, second = (intersect(recording.bouts.get((name, behavior), ()), looked) for name in pair)
    return np.array([matched_bouts(first, second), len(first), len(second)], dtype=np.float64)


# ----------------------------------------------------------------- over recordings
def _correlated(group: Group, pair: tuple[str, str], name: str, labels: Mapping[str, str]) -> Iterator[Score]:
    """Correlation of bout counts or total durations over recordings, and their mean difference."""
    counts = name == "count_correlation"
    measure = _n_bouts if counts else _duration
    x, y = (
        np.array([measure(item.recording, source, pair, group.behaviors[0]) for item in group.patterns])
        for source in pair
    )
    made = Value(
        name=name,
        value=None,
        n=len(x),
        group=dict(labels),
        session_id=group.session_id,
        subject_id=group.subject_id,
    )
    repeated = len({item.recording.animal for item in group.patterns}) < len(x)
    for method in ("pearson", "spearman"):
        value, interval, why = _correlation(x, y, method)
        if repeated and interval is not None:
            # The interval takes recordings for independent, which those of one animal are not.
            interval, why = None, " No interval: some recordings are of the same animal."
        note = f"{'Bouts' if counts else 'Total durations'} of {some(len(x), 'recording')}.{why}"
        update = {"value": value, "statistic": method, "note": _with_interval(note, interval)}
        yield Score(value=made.model_copy(update=update), interval=interval)
    difference = x - y
    update = {
        "name": "bout_count_difference" if counts else "total_duration_difference",
        "value": float(difference.mean()),
        "unit": "bouts" if counts else group.time_unit,
        "statistic": "mean",
        "note": f"{pair[0]} minus {pair[1]}, per recording.{_limits_of_agreement(difference)}",
    }
    yield Score(value=made.model_copy(update=update))


def _correlation(x: Vector, y: Vector, method: str) -> tuple[float | None, tuple[float, float] | None, str]:
    """Correlation coefficient, its interval, and why there is none."""
    if len(x) < 3:
        return None, None, " Not defined: a correlation needs at least three recordings."
    test = correlate(x, y, method)
    if test.statistic is None:
        return None, None, " Not defined: one rater has the same in every recording."
    found = test.effect_size.get("ci95")
    return test.statistic, (found[0], found[1]) if isinstance(found, list) else None, ""


def _limits_of_agreement(difference: Vector) -> str:
    """Mean difference and 1.96 standard deviations on either side (Bland and Altman 1986, Lancet 327:307)."""
    if len(difference) < 3:
        return ""
    mean, spread = float(difference.mean()), 1.96 * float(difference.std(ddof=1))
    return f" 95 % limits of agreement {number(mean - spread)} to {number(mean + spread)}."


def _n_bouts(recording: Recording, source: str, pair: Sequence[str], behavior: str) -> float:
    """Bouts as listed that start where both looked."""
    looked = recording.common(pair)
    bouts = recording.bouts.get((source, behavior), ())
    return float(sum(any(low <= start < high for low, high in looked) for start, _ in bouts))


def _duration(recording: Recording, source: str, pair: Sequence[str], behavior: str) -> float:
    bouts = unite(recording.bouts.get((source, behavior), ()))
    return total(span for low, high in recording.common(pair) for span in clip_intervals(bouts, low, high))


# ----------------------------------------------------------------- all raters at once
_TERMS: Final[Mapping[str, tuple[Callable[..., Vector], Coefficient]]] = {
    "fleiss_kappa": (fleiss_terms, fleiss_kappa),
    "krippendorff_alpha": (alpha_terms, krippendorff_alpha),
}


def score_of_all(group: Group, name: str) -> Score:
    """Make a coefficient of all sources at once, over the frames that enough of them looked at."""
    needed = len(group.sources) if name == "fleiss_kappa" else 2
    terms_of, coefficient = _TERMS[name]
    known = _known_labels(group, [item.labels[item.labels != NOT_SEEN] for item in group.patterns])
    seen = [(item.labels != NOT_SEEN).sum(axis=1) >= needed for item in group.patterns]
    used = [(item, mask) for item, mask in zip(group.patterns, seen, strict=True) if mask.any()]
    terms = [
        terms_of((item.labels[mask][:, :, None] == known).sum(axis=1), item.frames[mask])
        for item, mask in used
    ]
    n_frames = sum(int(item.frames[mask].sum()) for item, mask in used)
    who = "all of them" if name == "fleiss_kappa" else "at least two of them"
    return _score(
        replace(group, patterns=[item for item, _ in used]),
        name,
        np.stack(terms) if terms else np.zeros(0),
        coefficient,
        labels={"sources": ", ".join(group.sources), **group.labels},
        note=f"Over {n_frames} frames of {some(len(used), 'recording')} that {who} looked at.",
        reason="everyone gave every frame the same label." if n_frames else "there is no such frame.",
    )
