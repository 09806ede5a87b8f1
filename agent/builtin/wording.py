"""Evidence becomes an answer: every number a value of the evidence, every sentence with its mark."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ethochat.agent.builtin.spelling import amount, capital, label, number, shared, subject_of, word_summary
from ethochat.agent.builtin.structure import word_agreement, word_cooccurrence, word_transitions
from ethochat.agent.builtin.verdicts import (
    word_compare,
    word_correlate,
    word_family,
    word_power,
    word_two_factors,
)
from ethochat.agent.builtin.watching import word_watch
from ethochat.tools.evidence import ClipRef, Evidence, Value

_MOST_ROWS = 60
_MOST_RANKED = 10
_MOST_CLIPS = 12
_OF_THE = ("sd", "sem", "cv", "range", "q25", "q75")
_STATISTIC_WORDS = {
    "sum": "total",
    "sd": "SD",
    "sem": "SEM",
    "cv": "coefficient of variation",
    "ci95_low": "lower bound of the 95 % interval",
    "ci95_high": "upper bound of the 95 % interval",
    "q25": "first quartile",
    "q75": "third quartile",
    "max": "maximum",
    "min": "minimum",
    "range": "range (largest minus smallest)",
    "share": "share",
    "index": "index",
    "ratio": "ratio",
    "difference": "difference",
}


def word_evidence(items: Sequence[Evidence], *, unread: Sequence[str] = ()) -> str:
    """Word the answer to a question from the evidence of its tool calls.

    Parameters
    ----------
    items
        Numbered evidence of this turn, in the order of the calls.
    unread
        Words of the question that were not understood; the answer says so.
    """
    parts = [_WORDERS.get(item.tool, word_summary)(item) for item in items]
    notes = [note for item in items for note in item.flags]
    text = "\n\n".join(parts)
    if notes:
        text += "\n\n" + "\n".join(f"> {note.rstrip('.')}." for note in dict.fromkeys(notes))
    if unread:
        text += "\n\n> Not understood and not used: " + ", ".join(unread) + "."
    return text


def word_measure(item: Evidence) -> str:
    """One value as a sentence, several as a list."""
    values, mark = _with_intervals(item.values), f"[{item.evidence_id}]"
    if not values:
        if item.arguments.get("keep") not in (None, "all"):
            return f"None: no session or animal meets this for {subject_of(item, values)}. {mark}"
        return word_summary(item)
    title = subject_of(item, values)
    if item.arguments.get("keep") not in (None, "all"):
        return _word_kept(values, title, item, mark)
    if len(values) == 1:
        return _sentence(values[0], title, item, mark)
    if (
        item.arguments.get("combine")
        and len([v for v in values if v.statistic == item.arguments["combine"]]) == 1
    ):
        return _word_combined(values, title, item, mark)
    common = shared(values)
    context = ", ".join(name for _, name in sorted(common) if name not in title)
    shown = [
        value.model_copy(
            update={"group": {key: name for key, name in value.group.items() if (key, name) not in common}}
        )
        for value in values
    ]
    most = _MOST_RANKED if item.arguments.get("order") else _MOST_ROWS
    lines = [_row(value, item) for value in shown[:most]]
    head = capital(title) + (f" ({context})" if context else "")
    if len(values) > most:
        lines.append("- and so on; ask for more of them to see the rest")
    return _top(shown, item) + f"{head} {mark}:\n" + "\n".join(lines)


def _with_intervals(values: Sequence[Value]) -> list[Value]:
    """Means that carry the bounds of their interval, which are no rows of their own."""

    def key(value: Value) -> tuple[object, ...]:
        labels = tuple(sorted(value.group.items()))
        return value.name, labels, value.session_id, value.subject_id, value.bin_start_s

    bounds: dict[tuple[object, ...], list[str]] = {}
    for value in values:
        if str(value.statistic).startswith("ci95"):
            bounds.setdefault(key(value), []).append(amount(value.value, value.unit))
    if not any(value.statistic == "mean" for value in values):
        return list(values)
    found = []
    for value in values:
        if value.statistic == "mean" and len(interval := bounds.get(key(value), [])) == 2:
            found.append(value.model_copy(update={"note": f"{_INTERVAL_MARK}{' to '.join(interval)}"}))
        elif not str(value.statistic).startswith("ci95"):
            found.append(value)
    return found


_INTERVAL_MARK = "95% CI "


def _word_combined(values: Sequence[Value], title: str, item: Evidence, mark: str) -> str:
    """One number made of several, and what it was made of."""
    made, rows = values[0], values[1:]
    column = next((name for name in item.arguments.get("group_by") or () if name in made.group), "")
    of = made.group.get(column, label(made, item))
    kind = {"mean": "mean", "sum": "total", "min": "smallest"}.get(str(made.statistic), str(made.statistic))
    noun = "in" if kind == "difference" else "of"
    first = f"The {kind} {noun} the {title} ({of}) is **{amount(made.value, made.unit)}**. {mark}"
    return first + "\n" + "\n".join(_row(value, item) for value in rows[:_MOST_ROWS])


_KEPT = {
    "zero": "without any", "nonzero": "with any", "outliers": "outside 1.5 times the interquartile range, by", "above": "above the limit, by",
    "below": "below the limit, by",
}  # fmt: skip


def _word_kept(values: Sequence[Value], title: str, item: Evidence, mark: str) -> str:
    """Say how many sessions or animals meet a condition, and which."""
    counted = next((value for value in values if value.statistic == "count"), None)
    rows = [value for value in values if value is not counted]
    what = " or ".join(item.arguments.get("behaviors") or [title])
    total = f" of {counted.n}" if counted is not None and counted.n else ""
    number_kept = (
        number(float(counted.value))
        if counted is not None and isinstance(counted.value, int | float)
        else str(len(rows))
    )
    noun = "animals" if "subject_id" in (item.arguments.get("group_by") or ()) else "sessions"
    if item.arguments.get("group_by", ["session_id"])[0] not in ("session_id", "subject_id"):
        noun = "rows"
    verb = "is" if number_kept == "1" else "are"
    head = f"**{number_kept}**{total} {noun} {verb} {_KEPT[item.arguments['keep']]} {what} {mark}"
    lines = [_row(value, item) for value in rows[:_MOST_ROWS]]
    return head + (":\n" + "\n".join(lines) if lines else ".")


def _statistic(value: Value) -> str:
    """Name a statistic; a total of shares is one share over everything."""
    if value.statistic == "sum" and value.unit == "%":
        return "pooled"
    return _STATISTIC_WORDS.get(str(value.statistic), str(value.statistic))


def _sentence(value: Value, title: str, item: Evidence, mark: str) -> str:
    about = label(value, item, besides=title)
    statistic = (
        f"{_statistic(value)} " if value.statistic and value.statistic not in ("each", "count") else ""
    )
    if value.statistic in _OF_THE:
        statistic += "of the "
    if title.startswith(statistic.strip() or "\0"):
        statistic = ""
    n = f" (n = {value.n})" if value.n and value.n > 1 else ""
    where = f" for {about}" if about else ""
    note = f" {value.note}" if value.note else ""
    if note.startswith(f" {_INTERVAL_MARK}"):
        n, note = f" ({value.note}{f', n = {value.n}' if value.n else ''})", ""
    if value.value is None:
        return f"The {statistic}{title}{where} cannot be given.{note} {mark}"
    return f"The {statistic}{title}{where} is **{amount(value.value, value.unit)}**{n}. {mark}{note}"


def _row(value: Value, item: Evidence) -> str:
    about = label(value, item) or "all"
    statistic = f" {_statistic(value)}" if value.statistic and value.statistic != "each" else ""
    n = f" (n = {value.n})" if value.n and value.n > 1 else ""
    told = value.value is None or str(value.note).startswith(_INTERVAL_MARK)
    note = f", {value.note}" if value.note and told else ""
    return f"- {about}:{statistic} {amount(value.value, value.unit)}{n}{note}"


def _top(values: Sequence[Value], item: Evidence) -> str:
    """Name the first of a ranking, and the last where all are shown."""
    order = item.arguments.get("order")
    numbers = [value for value in values if isinstance(value.value, int | float)]
    if not order or not numbers:
        return ""
    first, last = numbers[0], numbers[-1]
    superlative = "lowest" if order == "ascending" else "highest"
    tied = [label(value, item) for value in numbers if value.value == first.value]
    text = f"**{', '.join(tied)}** with {amount(first.value, first.unit)} {'is' if len(tied) == 1 else 'are'} {superlative}"
    if last is not first and not item.arguments.get("limit") and last.value != first.value:
        text += f"; {label(last, item)} with {amount(last.value, last.unit)} is at the other end"
    return text + ".\n\n"


def word_clips(item: Evidence) -> str:
    """Count the clips and list the first."""
    mark = f"[{item.evidence_id}]"
    if not item.clips:
        return f"No such moment was found. {mark}"
    lines = [_clip_line(clip) for clip in item.clips[:_MOST_CLIPS]]
    counts = [
        value.value for value in item.values if value.name == "bout_count" and isinstance(value.value, float)
    ]
    if item.tool == "search_segments":
        return _found_lines(item, mark, lines)
    total = int(sum(counts)) if counts else len(item.clips)
    shown = "" if total <= len(lines) else ", the first ones listed"
    noun = "clip" if total == 1 else "clips"
    text = f"{total} {noun}{_lasting(item)}{shown} {mark}:\n"
    return text + "\n".join(lines)


def _found_lines(item: Evidence, mark: str, lines: Sequence[str]) -> str:
    """Say how many events a search found, and list the best; found by likeness alone they are not counted."""
    counts = [value for value in item.values if value.name in ("event_count", "session_count")]
    if not counts:
        return f"The {len(item.clips)} most alike {mark}:\n" + "\n".join(lines)
    total = int(float(counts[0].value or 0))
    noun = {"event_count": "event", "session_count": "session"}[counts[0].name]
    shown = "" if total <= len(lines) else ", the best ones listed"
    return f"{total} {noun if total == 1 else noun + 's'}{shown} {mark}:\n" + "\n".join(lines)


def _lasting(item: Evidence) -> str:
    """How long the intervals last together, pair by pair."""
    by_pair: dict[str, list[str]] = {}
    for value in item.values:
        if value.name == "time_near":
            by_pair.setdefault(value.group.get("pair", ""), []).append(amount(value.value, value.unit))
    told = [f"{pair} {' or '.join(amounts)}" for pair, amounts in by_pair.items()]
    return f", together {'; '.join(told)}" if told else ""


def _clip_line(clip: ClipRef) -> str:
    said = clip.why or clip.description
    about = f" – {said}" if said else ""
    video = "" if clip.has_video else " (no video)"
    seen = f" – {clip.seen}" if clip.seen else ""
    return f"- {clip.session_id}, {clip.start_time:.2f}–{clip.stop_time:.2f}{about}{video}{seen}"


def word_plot(item: Evidence) -> str:
    """Name the figure and give the groups' values."""
    title = item.figures[0].title if item.figures else "Figure"
    means = [value for value in item.values if value.statistic in ("mean", "median", "sum")]
    rows = "\n".join(_row(value, item) for value in means[:_MOST_ROWS])
    return f"**{title}** [{item.evidence_id}]" + (f"\n{rows}" if rows else "")


_WORDERS: dict[str, Callable[[Evidence], str]] = {
    "measure": word_measure, "compare_groups": word_compare, "compare_many": word_family, "two_factors": word_two_factors, "power": word_power, "correlate": word_correlate, "agreement": word_agreement,
    "transitions": word_transitions, "cooccurrence": word_cooccurrence, "find_bouts": word_clips, "find_proximity": word_clips, "search_segments": word_clips, "plot": word_plot,
    "watch_clips": word_watch,
}  # fmt: skip
