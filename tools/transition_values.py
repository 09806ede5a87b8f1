"""Values of transitions: counts, probabilities, and how they stand against chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ethochat.tools.evidence import TestResult, Value
from ethochat.tools.successions import BoutSequence, Rule, Transitions, count_all
from ethochat.tools.transition_chance import AgainstChance, Pair, correct, tests_of
from ethochat.tools.wording import number, p_text, some

_MOST_SAID: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Sequences that are counted together."""

    source: str
    labels: Mapping[str, str]
    """Columns they are split by, beside sessions and subjects."""
    session_id: str | None
    subject_id: str | None
    sequences: Sequence[BoutSequence]
    averaged: bool
    """Animals are averaged rather than added up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Transitions of one part against chance."""

    part: Part
    chance: AgainstChance


def value_of(
    part: Part,
    pair: Pair,
    name: str,
    value: float | None,
    *,
    unit: str | None = None,
    statistic: str | None = None,
    n: int | None = None,
    note: str | None = None,
) -> Value:
    """Make a value of one transition of a part."""
    return Value(
        name=name,
        value=value,
        unit=unit,
        statistic=statistic,
        n=n,
        group={"from": pair[0], "to": pair[1], "source": part.source, **part.labels},
        session_id=part.session_id,
        subject_id=None if part.averaged else part.subject_id,
        note=note,
    )


def counts_of(part: Part, pairs: Sequence[Pair], rule: Rule, *, probability: bool) -> list[Value]:
    """Count of each pair, and its probability where asked."""
    return list(
        _averaged(part, pairs, rule, probability=probability)
        if part.averaged
        else _summed(part, pairs, rule, probability=probability)
    )


def _summed(part: Part, pairs: Sequence[Pair], rule: Rule, *, probability: bool) -> Iterator[Value]:
    whole = count_all(part.sequences, rule)
    for pair in pairs:
        yield value_of(part, pair, "transition_count", float(whole.count(*pair)), unit="count")
        if probability:
            n = whole.n_leaving(pair[0])
            what = (
                f"transitions from {pair[0]}"
                if rule.within is None
                else f"bouts of {pair[0]} with a next one"
            )
            share = whole.probability(*pair)
            yield value_of(
                part, pair, "transition_probability", share, unit="fraction", note=f"of {n} {what}"
            )


def _averaged(part: Part, pairs: Sequence[Pair], rule: Rule, *, probability: bool) -> Iterator[Value]:
    """Mean over animals: of counts those of an animal's sessions are averaged first, of probabilities they are added up."""
    animals = _animals(part, rule)
    for pair in pairs:
        counts = [float(np.mean([item.count(*pair) for item in own])) for own in animals]
        mean = float(np.mean(counts))
        yield value_of(part, pair, "transition_count", mean, unit="count", statistic="mean", n=len(counts))
        if probability:
            shares = [
                sum(item.count(*pair) for item in own) / n
                for own in animals
                if (n := sum(item.n_leaving(pair[0]) for item in own))
            ]
            without = len(animals) - len(shares)
            yield value_of(
                part,
                pair,
                "transition_probability",
                float(np.mean(shares)) if shares else None,
                unit="fraction",
                statistic="mean",
                n=len(shares),
                note=f"{some(without, 'animal')} without a transition from {pair[0]} not counted."
                if without
                else None,
            )


def _animals(part: Part, rule: Rule) -> list[list[Transitions]]:
    """Transitions of each animal, one for each of its sessions."""
    found: dict[str, dict[str, list[BoutSequence]]] = {}
    for item in part.sequences:
        found.setdefault(item.animal, {}).setdefault(item.session_id, []).append(item)
    return [[count_all(own, rule) for own in sessions.values()] for sessions in found.values()]


def preceding_shares(part: Part, pairs: Sequence[Pair], rule: Rule) -> list[Value]:
    """Of what precedes a behavior: the share that each has in it."""
    whole = count_all(part.sequences, rule)
    values = []
    for pair in pairs:
        n = whole.n_arriving(pair[1])
        share = whole.count(*pair) / n if n else None
        note = f"of {n} transitions to {pair[1]}"
        values.append(value_of(part, pair, "preceding_share", share, unit="fraction", note=note))
    return values


# ----------------------------------------------------------------- chance
def chance_values(compared: Sequence[Compared]) -> tuple[list[Value], list[TestResult], list[str]]:
    """Values and tests of transitions against chance, and what must be said."""
    corrected = correct([item.chance for item in compared])
    n_tests = sum(p is not None for row in corrected for p in row)
    values: list[Value] = []
    tests: list[TestResult] = []
    for item, row in zip(compared, corrected, strict=True):
        total = "all animals together" if item.part.averaged else None
        tests += tests_of(item.chance, row, n_tests, about(item.part))
        for pair, one, p in zip(item.chance.pairs, item.chance.found, row, strict=True):
            family = f"Holm, of {some(n_tests, 'test')}"
            values += [
                value_of(item.part, pair, "transition_expected", one.expected, unit="count", note=total),
                value_of(item.part, pair, "transition_ratio", one.ratio, note="observed over expected"),
                value_of(item.part, pair, "transition_z", one.z),
                value_of(item.part, pair, "transition_p", one.p_value, statistic="p_value"),
                value_of(item.part, pair, "transition_p", p, statistic="p_holm", note=family),
            ]
    said = []
    fewest = min((item.chance.n_shuffles for item in compared), default=0)
    if compared and n_tests / (fewest + 1) > 0.05:
        said.append(
            f"With {fewest:,} orders no p can fall below {1 / (fewest + 1):.2g}, too much for {n_tests} tests: after "
            "correction none can be significant. Name fewer behaviors, or ask for more `permutations`."
        )
    return values, tests, said


def about(part: Part) -> str:
    """Whose transitions they are."""
    who = [text for text in (part.session_id, part.subject_id) if text]
    return ", ".join([part.source, *dict.fromkeys([*who, *part.labels.values()])])


def lead_of(compared: Sequence[Compared]) -> str:
    """Say which transitions are more and less frequent than by chance."""
    corrected = correct([item.chance for item in compared])
    lines, without = [], []
    for item, row in zip(compared, corrected, strict=True):
        told = _told(item.chance, row)
        lines += [f"{about(item.part)}: {text}" for text in told]
        without += [] if told else [about(item.part)]
    cut = len(lines) - 2 * _MOST_SAID
    if cut > 0:
        lines = [*lines[: 2 * _MOST_SAID], f"… {cut} more lines like these."]
    if without:
        who = without[0] if len(without) == 1 else f"{len(without)} of {len(compared)} parts"
        lines.append(f"{who}: no transition differs significantly from chance (0.05, Holm).")
    return "\n".join(lines)


def _told(chance: AgainstChance, corrected: Sequence[float | None]) -> list[str]:
    rows = zip(chance.pairs, chance.found, corrected, strict=True)
    known = [(p, -abs(one.z or 0.0), pair, one) for pair, one, p in rows if p is not None and p < 0.05]
    known.sort(key=lambda entry: entry[:2])
    told = []
    for word, more in (("more", True), ("less", False)):
        own = [entry for entry in known if (entry[3].observed > entry[3].expected) == more]
        texts = [
            f"{pair[0]} → {pair[1]} ({number(one.observed)} for {number(one.expected)} expected, {p_text(p)})"
            for p, _, pair, one in own[:_MOST_SAID]
        ]
        rest = f" and {len(own) - _MOST_SAID} more" if len(own) > _MOST_SAID else ""
        if texts:
            told.append(f"{word} often than by chance: {'; '.join(texts)}{rest}.")
    return told
