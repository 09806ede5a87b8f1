"""Agreement of raters, order of bouts and what goes on at once, as an answer words them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ethochat.agent.builtin.spelling import amount, label, number, probability, word_summary
from ethochat.tools.evidence import Evidence, Value

_MOST_ROWS: Final = 40
_LEVEL: Final = 0.05
_SCORES: Final = {
    "f1": "F1", "kappa": "Cohen's kappa", "fleiss_kappa": "Fleiss' kappa", "krippendorff_alpha": "Krippendorff's alpha", "bout_f1": "F1 of bouts",
    "percent_agreement": "agreement", "median_distance": "median distance", "precision": "precision", "recall": "recall",
}  # fmt: skip
_OVER_RECORDINGS: Final = {
    "count_correlation": "correlation of the bout counts",
    "duration_correlation": "correlation of the durations",
    "bout_count_difference": "difference of the bout counts",
    "total_duration_difference": "difference of the durations",
}


# ----------------------------------------------------------------- agreement
def word_agreement(item: Evidence) -> str:
    """Agreement per pair or of all, with its interval; the best named where a ranking is asked for."""
    values = [value for value in item.values if not str(value.statistic).startswith("ci95")]
    if not values:
        return word_summary(item)
    rests = {_rest_of_note(value)[0] for value in values}
    rows: dict[str, list[Value]] = {}
    for value in values:
        rows.setdefault(_scored(value, item), []).append(value)
    lines = [
        f"- {about}: {_scores(own, shared=len(rests) == 1)}" for about, own in list(rows.items())[:_MOST_ROWS]
    ]
    if len(rows) > _MOST_ROWS:
        lines.append("- and so on; name a behavior or two raters to see the rest")
    if len(rests) == 1:
        lines += ["", *(f"{rest}." for rest in rests if rest)]
    of_tracks = values[0].name == "median_distance"
    behaviors = " + ".join(
        item.arguments.get("behaviors") or (["positions"] if of_tracks else ["every behavior"])
    )
    return _best(values, item) + f"Agreement on {behaviors} [{item.evidence_id}]:\n" + "\n".join(lines)


def _scored(value: Value, item: Evidence) -> str:
    """Whose agreement on what a score is about."""
    by_session = value.session_id and "session_id" in (item.arguments.get("group_by") or ())
    names = [name for key, name in value.group.items() if key != "reference"]
    return ", ".join([*([str(value.session_id)] if by_session else []), *names])


def _scores(values: Sequence[Value], *, shared: bool) -> str:
    """Scores with their intervals, and their note unless everything else has the same."""
    rests = list(dict.fromkeys(rest for value in values if (rest := _rest_of_note(value)[0])))
    said = "; ".join(f"{rest[:1].lower()}{rest[1:]}" for rest in rests)
    return ", ".join(map(_score, values)) + (f" ({said})" if said and not shared else "")


def _score(value: Value) -> str:
    """One score with its interval."""
    name = (
        _SCORES.get(value.name)
        or f"{value.statistic} {_OVER_RECORDINGS.get(value.name, value.name.replace('_', ' '))}"
    )
    reference = f" against {value.group['reference']}" if "reference" in value.group else ""
    interval = _rest_of_note(value)[1]
    span = f" (95% CI {interval})" if interval else ""
    return f"{name}{reference} = {amount(value.value, value.unit)}{span}"


def _rest_of_note(value: Value) -> tuple[str, str]:
    """What a score's note says of its data, and the interval in it."""
    rest, _, interval = (value.note or "").partition("95 % interval ")
    return rest.strip().rstrip("."), interval.rstrip(".")


def _best(values: Sequence[Value], item: Evidence) -> str:
    order = item.arguments.get("order")
    known = [value for value in values if isinstance(value.value, float)]
    if not order or not known:
        return ""
    which = "lowest" if order == "ascending" else "highest"
    return f"**{label(known[0], item)}** with {amount(known[0].value, known[0].unit)} is {which}.\n\n"


# ----------------------------------------------------------------- sequences
def word_transitions(item: Evidence) -> str:
    """One line per transition: how often, which share, and what chance would give."""
    if not item.values:
        return word_summary(item)
    rows: dict[tuple[str, ...], dict[str, Value]] = {}
    for value in item.values:
        key = (
            *value.group.values(),
            str(value.session_id),
            str(value.subject_id),
            str(value.statistic == "mean"),
        )
        rows.setdefault(key, {})[_kind(value)] = value
    lines = [_transition_line(row) for row in list(rows.values())[:_MOST_ROWS]]
    if len(rows) > _MOST_ROWS:
        lines.append("- and so on; name a behavior to see the rest")
    return f"Transitions [{item.evidence_id}]:\n" + "\n".join(lines) + _over_all(item)


def _kind(value: Value) -> str:
    return f"{value.name} {value.statistic}" if value.name == "transition_p" else value.name


def _transition_line(row: Mapping[str, Value]) -> str:
    value = next(iter(row.values()))
    first, second = value.group.get("from", "any"), value.group.get("to", "any")
    others = [name for key, name in value.group.items() if key not in ("from", "to")]
    where = ", ".join([*others, *([value.session_id] if value.session_id else [])])
    told = [part for name, words in _TRANSITION_WORDS if (part := _told(row.get(name), words))]
    return f"- {first} → {second}: {'; '.join(told)}{f' ({where})' if where else ''}"


_TRANSITION_WORDS: Final = (
    ("transition_count", "{} times"),
    ("transition_probability", "{} of all that follows it"),
    ("preceding_share", "{} of all that precedes it"),
    ("transition_expected", "{} expected by chance"),
    ("transition_ratio", "{} times as often as by chance"),
    ("transition_p p_value", "p = {}"),
    ("transition_p p_holm", "corrected p = {}"),
)


def _told(value: Value | None, words: str) -> str:
    if value is None:
        return ""
    if not isinstance(value.value, int | float):
        return words.format("not known") if value.note is None else value.note
    if value.name.endswith("_p"):
        return words.format(probability(value.value))
    if value.name == "transition_count":
        n = f" (mean of {value.n} animals)" if value.statistic == "mean" and value.n else ""
        return (words if value.value != 1 else "{} time").format(number(value.value)) + n
    return words.format(number(value.value))


def _over_all(item: Evidence) -> str:
    """What the test of all transitions together says."""
    said = []
    for test in item.tests:
        if test.p_value is not None:
            apart = "is not what chance would give" if test.p_value < _LEVEL else "cannot be told from chance"
            said.append(
                f"\n\nTaken together, the {test.measure or 'order of bouts'} {apart} (permutation p = {probability(test.p_value)})."
            )
    return "".join(said[:4])


# ----------------------------------------------------------------- at the same time
def word_cooccurrence(item: Evidence) -> str:
    """How long two things go on at once, which share that is, and what chance would give."""
    rows: dict[tuple[str, ...], dict[str, Value]] = {}
    for value in item.values:
        key = (*value.group.values(), str(value.session_id), str(value.subject_id))
        rows.setdefault(key, {})[value.name] = value
    lines = [line for row in list(rows.values())[:_MOST_ROWS] if (line := _overlap_line(row, item))]
    if not lines:
        return word_summary(item)
    return "\n".join(lines)


def _overlap_line(row: Mapping[str, Value], item: Evidence) -> str | None:
    time = row.get("cooccurrence_time")
    if time is None:
        return None
    first, second = (
        time.group.get("first", "the first"),
        time.group.get("second") or time.group.get("zone", "the second"),
    )
    others = [name for key, name in time.group.items() if key not in ("first", "second", "zone")]
    where = ", ".join([*others, *([time.session_id] if time.session_id else [])])
    parts = [
        f"{first} and {second}{f' ({where})' if where else ''} go on at once for **{amount(time.value, time.unit)}** [{item.evidence_id}]"
    ]
    parts += _shares(((row.get("percent_of_first"), first), (row.get("percent_of_second"), second)))
    expected, p = row.get("cooccurrence_expected"), row.get("cooccurrence_p")
    if expected is not None and isinstance(expected.value, int | float):
        chance = f"{amount(expected.value, time.unit)} would be expected by chance"
        if p is not None and isinstance(p.value, float):
            chance += f", p = {probability(p.value)} by shifting one in time"
        parts.append(chance)
    return "; ".join(parts) + "."


def _shares(items: Iterable[tuple[Value | None, str]]) -> list[str]:
    return [
        f"{amount(value.value, '%')} of the time of {name}"
        for value, name in items
        if value is not None and isinstance(value.value, int | float)
    ]
