"""Evidence becomes an answer: every number a value of the evidence, every sentence with its mark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ethochat.tools.evidence import ClipRef, Evidence, TestResult, Value

_MOST_ROWS = 60
_MOST_RANKED = 10
_MOST_CLIPS = 12
_MEASURE_WORDS = {
    "bout_count": "number of bouts", "total_duration": "time", "percent_time": "share of time", "bout_rate": "bout rate", "percent_bouts": "share of the bouts", "last_end": "end of the last bout", "bout_duration": "bout duration",
    "inter_bout_interval": "inter-bout interval", "latency": "latency to the first bout", "distance": "distance moved", "mean_speed": "mean speed",
    "max_speed": "maximum speed", "zone_time": "time", "zone_entries": "number of entries", "zone_latency": "latency to enter",
    "zone_percent": "share of time", "pair_distance": "distance between the animals", "keypoint_distance": "distance between keypoints",
    "time_near": "time near each other", "percent_tracked": "share of frames tracked", "percent_missing": "share of frames without a position", "missing_frames": "number of frames without a position",
    "n_frames": "number of frames", "body_length": "body length", "duration": "duration",
}  # fmt: skip
_STATISTIC_WORDS = {
    "sum": "total",
    "sd": "SD",
    "sem": "SEM",
    "max": "maximum",
    "min": "minimum",
    "range": "range (largest minus smallest)",
    "share": "share",
    "index": "index",
    "ratio": "ratio",
    "difference": "difference",
}


def number(value: float) -> str:
    """Write a number with four significant digits, whole numbers whole."""
    if value == int(value) and abs(value) < 1e9:
        return str(int(value))
    return f"{value:.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def probability(p_value: float) -> str:
    """Write a p value."""
    return f"{p_value:.2g}" if p_value < 0.1 else f"{p_value:.3f}"


def amount(value: float | str | None, unit: str | None) -> str:
    """Write a value with its unit; seconds to a tenth from ten on."""
    if value is None:
        return "not available"
    if isinstance(value, str):
        return value
    if not unit or unit in ("count", "number", "index"):
        return number(value)
    if value == 1 and unit in ("bouts", "frames", "entries", "times"):
        unit = {"entries": "entry"}.get(unit, unit[:-1])
    if unit == "s" and abs(value) >= 10 and value != int(value):
        return f"{value:.1f} s"
    return f"{number(value)}%" if unit == "%" else f"{number(value)} {unit}"


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


def word_summary(item: Evidence) -> str:
    """Fall back on what the tool itself says."""
    return f"{item.summary} [{item.evidence_id}]"


def label(value: Value, item: Evidence, *, besides: str = "") -> str:
    """What a row is about: the columns that were asked for, or else the session and what tells rows apart.

    Parameters
    ----------
    besides
        Words around it, which are not repeated.
    """
    known = {**value.group, "session_id": value.session_id, "subject_id": value.subject_id}
    asked = [key for key in item.arguments.get("group_by") or () if known.get(key)]
    if not asked:
        hidden = "session_id" if item.arguments.get("subjects") and value.subject_id else "subject_id"
        asked = [
            key
            for key, name in known.items()
            if name and key != hidden and not (key == "source" and value.session_id)
        ]
        asked = asked or [key for key, name in known.items() if name]
    parts = [str(known[key]) for key in asked if str(known[key]) not in besides]
    if value.bin_start_s is not None:
        width = item.arguments.get("bin_s")
        stop = f"–{number(value.bin_start_s + float(width))}" if width else ""
        parts.append(f"{number(value.bin_start_s)}{stop} s")
    return ", ".join(dict.fromkeys(parts))


def shared(values: Sequence[Value]) -> set[tuple[str, str]]:
    """Column-value pairs that all rows have in common."""
    pairs = [set(value.group.items()) for value in values]
    return set.intersection(*pairs) if len(pairs) > 1 else set()


_TRACKED = (
    "distance",
    "mean_speed",
    "max_speed",
    "pair_distance",
    "keypoint_distance",
    "body_length",
    "time_near",
)


def subject_of(item: Evidence, values: Sequence[Value]) -> str:
    """What was measured, in words: the measure, its behaviors, its source."""
    arguments = item.arguments
    measure = str(arguments.get("measure") or (values[0].name if values else ""))
    named = _MEASURE_WORDS.get(measure, measure)
    listed_behaviors = [str(name) for name in arguments.get("behaviors") or []]
    split_by = set(arguments.get("group_by") or ())
    behaviors = " + ".join(listed_behaviors)
    if "behavior" in split_by and len(listed_behaviors) > 4:
        behaviors = ""
    if measure in _TRACKED and behaviors:
        named = f"{named} during {behaviors}"
    elif behaviors:
        named = (
            named.replace("bouts", f"{behaviors} bouts")
            if measure == "bout_count"
            else f"{named} of {behaviors}"
        )
    for key, word in (
        ("during", "during"),
        ("zones", "in"),
        ("keypoints", "of"),
        ("sources", "according to"),
    ):
        listed = [str(name) for name in arguments.get(key) or []]
        split = key == "sources" and any("source" in value.group for value in values[1:])
        if listed and not split:
            outside = key == "zones" and arguments.get("outside")
            named += f" {'outside of' if outside else word} {', '.join(listed)}"
    return named


def word_measure(item: Evidence) -> str:
    """One value as a sentence, several as a list."""
    values, mark = item.values, f"[{item.evidence_id}]"
    if not values:
        if item.arguments.get("keep") not in (None, "all"):
            return f"None: no session or animal meets this for {subject_of(item, values)}. {mark}"
        return word_summary(item)
    title = subject_of(item, values)
    if len(values) == 1:
        return _sentence(values[0], title, item, mark)
    if item.arguments.get("keep") not in (None, "all"):
        return _word_kept(values, title, item, mark)
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
    head = _capital(title) + (f" ({context})" if context else "")
    if len(values) > most:
        lines.append("- and so on; ask for more of them to see the rest")
    return _top(shown, item) + f"{head} {mark}:\n" + "\n".join(lines)


def _word_combined(values: Sequence[Value], title: str, item: Evidence, mark: str) -> str:
    """One number made of several, and what it was made of."""
    made, rows = values[0], values[1:]
    column = next((name for name in item.arguments.get("group_by") or () if name in made.group), "")
    of = made.group.get(column, label(made, item))
    kind = {"mean": "mean", "sum": "total", "min": "smallest"}.get(str(made.statistic), str(made.statistic))
    noun = "in" if kind == "difference" else "of"
    first = f"The {kind} {noun} the {title} ({of}) is **{amount(made.value, made.unit)}**. {mark}"
    return first + "\n" + "\n".join(_row(value, item) for value in rows[:_MOST_ROWS])


def _quantity_words(arguments: dict[str, Any]) -> str:
    """One of the two quantities of a correlation."""
    named = _MEASURE_WORDS.get(str(arguments.get("measure")), str(arguments.get("measure")))
    behaviors = " + ".join(arguments.get("behaviors") or ())
    return f"{named} of {behaviors}" if behaviors else named


def _capital(title: str) -> str:
    """Begin a sentence; a metric's own name keeps its spelling."""
    return (
        title
        if "." in title.split(" ", maxsplit=1)[0] or "_" in title.split(" ", maxsplit=1)[0]
        else title[:1].upper() + title[1:]
    )


_KEPT = {
    "zero": "without any", "nonzero": "with any", "outliers": "outside 1.5 times the interquartile range, by", "above": "above the limit, by",
    "below": "below the limit, by",
}  # fmt: skip


def _word_kept(values: Sequence[Value], title: str, item: Evidence, mark: str) -> str:
    """Say how many sessions or animals meet a condition, and which."""
    counted = next((value for value in values if value.statistic == "count"), None)
    rows = [value for value in values if value is not counted]
    what = (item.arguments.get("behaviors") or [title])[0]
    total = f" of {counted.n}" if counted is not None and counted.n else ""
    number_kept = (
        number(float(counted.value))
        if counted is not None and isinstance(counted.value, int | float)
        else str(len(rows))
    )
    noun = "animals" if "subject_id" in (item.arguments.get("group_by") or ()) else "sessions"
    if item.arguments.get("group_by", ["session_id"])[0] not in ("session_id", "subject_id"):
        noun = "rows"
    head = f"**{number_kept}**{total} {noun} {_KEPT[item.arguments['keep']]} {what} {mark}"
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
    if title.startswith(statistic.strip() or "\0"):
        statistic = ""
    n = f" (n = {value.n})" if value.n and value.n > 1 else ""
    where = f" for {about}" if about else ""
    note = f" {value.note}" if value.note else ""
    if value.value is None:
        return f"The {statistic}{title}{where} cannot be given.{note} {mark}"
    return f"The {statistic}{title}{where} is **{amount(value.value, value.unit)}**{n}. {mark}{note}"


def _row(value: Value, item: Evidence) -> str:
    about = label(value, item) or "all"
    statistic = f" {_statistic(value)}" if value.statistic and value.statistic != "each" else ""
    n = f" (n = {value.n})" if value.n and value.n > 1 else ""
    note = f", {value.note}" if value.note and value.value is None else ""
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


def word_compare(item: Evidence) -> str:
    """Groups, test, effect and what it does and does not say."""
    if not item.tests:
        return word_measure(item) if item.values else word_summary(item)
    return "\n\n".join(_word_test(test, item) for test in item.tests)


def _word_test(test: TestResult, item: Evidence) -> str:
    mark = f"[{item.evidence_id}]"
    unit = test.unit
    title = subject_of(item, item.values) if item.values else (test.measure or "")
    lines = [
        f"{_capital(title)} by {item.arguments.get('group_column', 'group')}, one value per animal {mark}:"
    ]
    if item.arguments.get("group_column") in ("source", "zone", "behavior"):
        lines[0] = f"{_capital(title)} by {item.arguments['group_column']}, paired by session {mark}:"
    for name, group in test.groups.items():
        mean = "no value" if group.mean is None else f"mean {amount(group.mean, unit)}"
        spread = "" if group.sd is None else f" (SD {number(group.sd)})"
        middle = "" if group.median is None else f", median {amount(group.median, unit)}"
        lines.append(f"- {name}: {mean}{spread}{middle}, n = {group.n}")
    difference = next((value for value in item.values if value.statistic == "difference"), None)
    if difference is not None and isinstance(difference.value, float) and len(item.tests) == 1:
        lines.append(
            f"- difference of the means ({', '.join(difference.group.values())}): {amount(difference.value, unit)}"
        )
    return "\n".join(lines) + "\n\n" + _verdict(test)


_TEST_NAMES = {
    "welch_t": "Welch's t test", "student_t": "Student's t test", "mann_whitney_u": "Mann-Whitney U test", "paired_t": "paired t test",
    "wilcoxon": "Wilcoxon signed-rank test", "anova": "ANOVA", "welch_anova": "Welch's ANOVA", "kruskal_wallis": "Kruskal-Wallis test",
    "rm_anova": "repeated-measures ANOVA", "friedman": "Friedman test", "permutation": "permutation test",
}  # fmt: skip


def _verdict(test: TestResult) -> str:
    if test.p_value is None:
        return f"No test could be made. {test.why or ''}".strip()
    name = _TEST_NAMES.get(test.name, test.name.replace("_", " "))
    found = f"{name}: p = {probability(test.p_value)}"
    if test.statistic is not None:
        found = f"{name}: statistic = {number(test.statistic)}, p = {probability(test.p_value)}"
    for effect, size in test.effect_size.items():
        if isinstance(size, float | int):
            interval = test.effect_size.get("ci95")
            span = (
                f" (95% CI {number(interval[0])} to {number(interval[1])})"
                if isinstance(interval, list)
                else ""
            )
            found += f"; {effect.replace('_', ' ').capitalize()} = {number(size)}{span}"
            break
    means = [(group.mean, name) for name, group in test.groups.items() if group.mean is not None]
    if test.p_value < 0.05:
        ordered = " > ".join(name for _, name in sorted(means, reverse=True))
        verdict = f"The difference is statistically significant at the 0.05 level ({ordered})."
    else:
        verdict = "No statistically significant difference at the 0.05 level; that alone does not show that the groups are the same."
    why = f" {test.why}" if test.why else ""
    return f"{found}. {verdict}{why}"


def word_correlate(item: Evidence) -> str:
    """Coefficient, p and n."""
    if not item.tests:
        return word_summary(item)
    lines = []
    for test in item.tests:
        symbol = "r" if "pearson" in test.name else "rho"
        if test.statistic is None or test.p_value is None:
            lines.append(f"No correlation can be given. {test.why or ''} [{item.evidence_id}]")
            continue
        n = next((value.n for value in item.values if value.n), None)
        quantities = [item.arguments.get(key) for key in ("x", "y")]
        both = (
            " and ".join(_quantity_words(one) for one in quantities if one)
            or test.measure
            or "the two quantities"
        )
        kind = "No statistically significant" if test.p_value >= 0.05 else "A statistically significant"
        lines.append(
            f"{test.name.replace('_', ' ').capitalize()} correlation of the {both}: {symbol} = **{test.statistic:.4f}**, "
            f"p = {probability(test.p_value)}{f', n = {n}' if n else ''} [{item.evidence_id}]. {kind} association at the 0.05 level; "
            "an association does not show what brings it about."
        )
    return "\n".join(lines)


def word_agreement(item: Evidence) -> str:
    """Agreement per pair, the best named."""
    if not item.values:
        return word_summary(item)
    names = {"f1": "F1", "kappa": "Cohen's kappa", "median_distance": "median distance"}
    lines = []
    for value in item.values:
        statistic = names.get((value.statistic or value.name).lower(), value.statistic or value.name)
        about = label(value, item)
        lines.append(f"- {about}: {statistic} = {amount(value.value, value.unit)}")
    behaviors = " + ".join(item.arguments.get("behaviors") or ["tracks"])
    text = f"Agreement on {behaviors} [{item.evidence_id}]:\n" + "\n".join(lines)
    return _top(item.values, item) + text


def word_transitions(item: Evidence) -> str:
    """Counts from one behavior to the next."""
    if not item.values:
        return word_summary(item)
    lines = []
    for value in item.values[:_MOST_ROWS]:
        first, second = value.group.get("from", "any"), value.group.get("to", "any")
        extra = ", ".join(name for key, name in value.group.items() if key not in ("from", "to"))
        where = (
            f" ({', '.join(part for part in (extra, value.session_id) if part)})"
            if extra or value.session_id
            else ""
        )
        shown = f"{amount(value.value, value.unit)}" + (" times" if value.name == "transition_count" else "")
        lines.append(f"- {first} → {second}: {shown}{where}")
    return f"Transitions [{item.evidence_id}]:\n" + "\n".join(lines)


def word_clips(item: Evidence) -> str:
    """Count the clips and list the first."""
    mark = f"[{item.evidence_id}]"
    if not item.clips:
        return f"No such bout or segment was found. {mark}"
    lines = [_clip_line(clip) for clip in item.clips[:_MOST_CLIPS]]
    counts = [
        value.value for value in item.values if value.name == "bout_count" and isinstance(value.value, float)
    ]
    total = int(sum(counts)) if counts else len(item.clips)
    shown = "" if total <= len(lines) else ", the first ones listed"
    noun = "clip" if total == 1 else "clips"
    if item.tool == "search_segments":
        text = f"{len(item.clips)} best matching {noun} {mark}:\n"
    else:
        together = _lasting(item)
        text = f"{total} {noun}{together}{shown} {mark}:\n"
    return text + "\n".join(lines)


def _lasting(item: Evidence) -> str:
    """How long the intervals last together, pair by pair."""
    by_pair: dict[str, list[str]] = {}
    for value in item.values:
        if value.name == "time_near":
            by_pair.setdefault(value.group.get("pair", ""), []).append(amount(value.value, value.unit))
    told = [f"{pair} {' or '.join(amounts)}" for pair, amounts in by_pair.items()]
    return f", together {'; '.join(told)}" if told else ""


def _clip_line(clip: ClipRef) -> str:
    about = f" – {clip.description}" if clip.description else ""
    video = "" if clip.has_video else " (no video)"
    return f"- {clip.session_id}, {clip.start_time:.2f}–{clip.stop_time:.2f}{about}{video}"


def word_plot(item: Evidence) -> str:
    """Name the figure and give the groups' values."""
    title = item.figures[0].title if item.figures else "Figure"
    means = [value for value in item.values if value.statistic in ("mean", "median", "sum")]
    rows = "\n".join(_row(value, item) for value in means[:_MOST_ROWS])
    return f"**{title}** [{item.evidence_id}]" + (f"\n{rows}" if rows else "")


_WORDERS: dict[str, Callable[[Evidence], str]] = {
    "measure": word_measure, "compare_groups": word_compare, "correlate": word_correlate, "agreement": word_agreement,
    "transitions": word_transitions, "find_bouts": word_clips, "find_proximity": word_clips, "search_segments": word_clips, "plot": word_plot,
}  # fmt: skip
