"""Whether a reading is enough to compute, or must be asked back or refused."""

from __future__ import annotations

import re
from collections.abc import Callable

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.conditions import limit_unread
from ethochat.agent.builtin.designs import MATRIX
from ethochat.agent.builtin.exclusion import unread_negation
from ethochat.agent.builtin.guard import amount_left, unused
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.limits import suggestions
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.reading import AskBack, Intent, Reading, Refusal, Understanding
from ethochat.agent.builtin.splits import is_outside
from ethochat.agent.builtin.unread import asked_for, restricting_word
from ethochat.agent.builtin.vocabulary import Vocabulary

_NEEDS_BEHAVIOR = {
    "bout_count", "total_duration", "percent_time", "percent_bouts", "bout_rate", "latency", "last_end", "inter_bout_interval", "bout_duration",
}  # fmt: skip


_NEEDS_TRACK = {
    "distance", "mean_speed", "max_speed", "body_length", "pair_distance", "keypoint_distance", "time_near", "percent_near", "percent_tracked",
    "percent_missing", "missing_frames",
}  # fmt: skip


def check(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """Refuse or ask back where a needed part is missing or a restricting word is unknown."""
    for guard in (_unknown_word, _unknown_source, _unknown_partner, _unclear_exclusion, _unknown_rate):
        stopped = guard(reading, scan, vocabulary)
        if stopped is not None:
            return stopped
    found = _CHECKS.get(reading.intent, _accept)(reading, scan, vocabulary)
    return unused(found, scan, vocabulary) if isinstance(found, Reading) else found


def _unknown_word(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding | None:
    """A word that would have narrowed the answer, or is what is asked for, and that nothing here is called."""
    spelled = any(name.lower() in scan.text.lower() for name in reading.slots.get("metrics", ()))
    word = restricting_word(scan, reading.unread) or (None if spelled else asked_for(scan, reading.unread))
    if word is None or reading.intent == "search":
        return None
    known = _known_raters(vocabulary) if _named_as_rater(word, scan) else _known_groups(vocabulary)
    return Refusal(f"Nothing in this experiment is called “{word}”.{known}", suggestions(vocabulary))


def _unknown_source(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding | None:
    """A source told by its kind, of which there are none or several."""
    if reading.intent in ("facts", "search") or "unknown_source" not in reading.slots:
        return None
    said, marking = reading.slots["unknown_source"]
    if marking:
        return AskBack(f"Which source is “{said}”?", tuple(marking), reading)
    return Refusal(f"No {said} labeled that here.{_known_raters(vocabulary)}", suggestions(vocabulary))


def _unknown_partner(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding | None:
    partner = rf"\b(?:which|what)\s+(?:\w+\s+)?{lexicon.ANIMALS}\s+BEHAVIOR\s+(?:the\s+)?(?:{lexicon.ANIMALS}|individual)\b"
    if vocabulary.has_partners or not matches(partner, scan.named):
        return None
    reason = "Which other animal a behavior is directed at is not recorded in this experiment."
    return Refusal(reason, suggestions(vocabulary))


def _unclear_exclusion(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding | None:
    """Ask what is left out where the word for it governs nothing that is known."""
    slots = reading.slots
    members = tuple(slots.get("behaviors", ()))
    if (
        slots.get("category")
        and len(members) > 1
        and matches(r"\b(?:without|not)\s+(?!count|ignor|interpol|us|includ|exclud)\w+ing\b", scan.text)
    ):
        return AskBack("Which of these do you mean?", members, reading)
    if _outside_unmeasured(reading, scan):
        reason = "Time outside of a zone is known, but nothing else is measured outside; ask for the time."
        return Refusal(reason, suggestions(vocabulary))
    if reading.intent == "search":
        return None
    left = slots.get("unclear_exclusion") or unread_negation(scan, slots)
    if reading.intent == "facts" and slots.get("excluding"):
        left = f"without {slots['excluding'][0]}"
    elif reading.intent == "facts":
        left = None
    if left is not None:
        return AskBack(
            f"What should be left out, or counted? “{left}” is not clear here: please ask again, naming it."
        )
    limit = limit_unread(scan, vocabulary)
    return AskBack(f"Which values does “{limit}” mean?") if limit is not None else None


def _unknown_rate(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding | None:
    if not vocabulary.in_frames or not scan.has(
        r"\bhow many (?:\w+ )?(?:seconds|minutes|hours)\b|\bin (?:seconds|minutes)\b|\b(?:cm|px)/s\b"
    ):
        return None
    reason = "The frame rate is not documented, so seconds cannot be given; the same can be asked in frames."
    return Refusal(reason, suggestions(vocabulary))


def _outside_unmeasured(reading: Reading, scan: Scanner) -> bool:
    slots = reading.slots
    return is_outside(slots, scan) and not (
        reading.intent in ("measure", "compare") and slots.get("measure") in ("zone_time", "zone_percent")
    )


def _accept(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    return reading


def _named_as_rater(word: str, scan: Scanner) -> bool:
    return scan.has(
        rf"\b(?:according to|by|rater|annotator)\s+(?:rater\s+)?{re.escape(word)}\b|\b{re.escape(word)}(?:'s)?\s+(?:scor|annot|mark|count|label|rat)"
    ) or scan.has(rf"\bdid\s+{re.escape(word)}\b")


def _known_raters(vocabulary: Vocabulary) -> str:
    if not vocabulary.sources:
        return " Nobody labeled behaviors here."
    return f" Behaviors were labeled by: {', '.join(vocabulary.sources)}."


def check_facts(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """List no sessions for a condition that was not understood."""
    if reading.slots.get("topic") in ("sessions", "subjects") and reading.unread:
        return _not_understood(reading, scan, vocabulary)
    if reading.slots.get("topic") == "definition" and not reading.slots.get("name"):
        return _not_understood(reading, scan, vocabulary)
    return reading


def _known_groups(vocabulary: Vocabulary) -> str:
    columns = vocabulary.grouping_columns()
    if not columns:
        return " No groups are recorded."
    values = ", ".join(vocabulary.columns[columns[0]])
    return f" The groups by {columns[0]} are: {values}."


def _no_behavior(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    listed = ", ".join(vocabulary.named_behaviors) or "none"
    if reading.unread:
        unknown = ", ".join(f"“{word}”" for word in reading.unread[:4])
        return Refusal(
            f"No behavior or measure here is called {unknown}; the behaviors are: {listed}.",
            suggestions(vocabulary),
        )
    if vocabulary.behaviors:
        return AskBack("Which behavior do you mean?", vocabulary.named_behaviors[:12], reading)
    return _not_understood(reading, scan, vocabulary)


def _not_understood(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    if reading.unread:
        unknown = ", ".join(f"“{word}”" for word in reading.unread[:4])
        return Refusal(f"Nothing in this experiment answers to {unknown}.", suggestions(vocabulary))
    left = amount_left(scan)
    if left is not None and scan.has(r"^\W*(?:which|what|who)\b"):
        return Refusal(f"Nothing about “{left}” is recorded in this experiment.", suggestions(vocabulary))
    return AskBack("What should be measured?", suggestions(vocabulary), reading)


def check_measure(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """A measure needs a behavior, a track or a zone."""
    slots = reading.slots
    measure = slots.get("measure")
    if measure is None:
        return _not_understood(reading, scan, vocabulary)
    if measure in _NEEDS_BEHAVIOR and not slots.get("behaviors"):
        return _no_behavior(reading, scan, vocabulary)
    asked = _about_labels(reading, vocabulary)
    if asked is not None:
        return asked
    if measure in _NEEDS_TRACK and not vocabulary.trackers:
        if slots.get("uncut_metric"):
            reason = "came with the data as a single value per recording, and no positions were tracked: it cannot be cut by time."
            return Refusal(f"{slots['uncut_metric']} {reason}", suggestions(vocabulary))
        return Refusal(
            "No positions were tracked in this experiment, so distances and speeds are not known.",
            suggestions(vocabulary),
        )
    return reading


_LAST_PART = {"bout_count": "count", "total_duration": "time"}


def _about_labels(reading: Reading, vocabulary: Vocabulary) -> Understanding | None:
    """Ask which metric is meant where a behavior is known by metrics alone and the question leaves it open."""
    slots = reading.slots
    names = slots.get("behaviors") or slots.get("metric_for_behaviors") or ()
    known = [metric for name in names for metric in vocabulary.labels.get(name, ())]
    guessed = slots.get("measure_guessed") and slots["measure"] != "bout_count"
    if not known or (slots.get("metrics") and not guessed):
        return None
    last = None if guessed else _LAST_PART.get(slots["measure"])
    fitting = [metric for metric in known if metric.endswith(f".{last}")] if last else known
    if len(fitting) == 1 and last is not None:
        slots.update(measure=fitting[0], metrics=fitting, metric_for_behaviors=list(names))
        slots.pop("behaviors", None)
        return None
    question = f"Of {' and '.join(names)} no bouts are known, only what these metrics say of each recording. Which do you mean?"
    return AskBack(question, tuple(fitting or known), reading)


def check_compare(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """A comparison needs a measure and groups."""
    slots = reading.slots
    if not slots.get("measure") or (slots["measure"] in _NEEDS_BEHAVIOR and not slots.get("behaviors")):
        if reading.unread:
            return _no_behavior(reading, scan, vocabulary)
        options = (*vocabulary.named_behaviors[:6], *vocabulary.metrics[:4])
        return AskBack("Which measure should be compared?", options, reading)
    if not slots.get("group_column"):
        return Refusal(f"There is nothing to compare by.{_known_groups(vocabulary)}", suggestions(vocabulary))
    return check_measure(reading, scan, vocabulary)


def check_family(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """Many measures need groups."""
    if not reading.slots.get("group_column"):
        return Refusal(f"There is nothing to compare by.{_known_groups(vocabulary)}", suggestions(vocabulary))
    return reading


def check_two_factors(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """Two factors need two columns and a measure."""
    slots = reading.slots
    if len(slots.get("factors", ())) < 2:
        single = [name for name in slots.get("columns", ()) if len(vocabulary.columns.get(name, "  ")) == 1]
        if single:
            value = vocabulary.columns[single[0]][0]
            reason = (
                f"{single[0]} cannot be a factor: every session has {value!r}.{_known_groups(vocabulary)}"
            )
            return Refusal(reason, suggestions(vocabulary))
        return AskBack("Which two columns are the factors?", tuple(vocabulary.grouping_columns()), reading)
    if not slots.get("measure"):
        options = (*vocabulary.named_behaviors[:6], *vocabulary.metrics[:4])
        return AskBack("Which measure should be analyzed?", options, reading)
    return check_measure(reading, scan, vocabulary)


def check_power(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """A sample size needs an effect: one given, or the difference of a comparison."""
    slots = reading.slots
    standardized = slots.get("effect") is not None or (slots.get("n_per_group") and not slots.get("measure"))
    return reading if standardized else check_compare(reading, scan, vocabulary)


def check_correlate(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """A correlation needs two quantities."""
    if "x" in reading.slots and "y" in reading.slots:
        return reading
    options = (*vocabulary.numeric_columns, *list(vocabulary.metrics)[:6])
    return AskBack("Which two quantities should be related?", options, reading)


def check_transitions(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """A transition needs at least one behavior."""
    if reading.slots.get("before") or reading.slots.get("after") or scan.has(MATRIX):
        return reading
    return _no_behavior(reading, scan, vocabulary)


def check_clips(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """Clips need a behavior."""
    return reading if reading.slots.get("behaviors") else _no_behavior(reading, scan, vocabulary)


def check_plot(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """A figure of a measure needs the measure."""
    if reading.slots.get("kind") in ("trajectory", "occupancy", "ethogram"):
        return reading
    return check_measure(reading, scan, vocabulary)


_CHECKS: dict[Intent, Callable[[Reading, Scanner, Vocabulary], Understanding]] = {
    "facts": check_facts,
    "measure": check_measure, "compare": check_compare, "family": check_family, "two_factors": check_two_factors, "power": check_power, "correlate": check_correlate, "transitions": check_transitions,
    "clips": check_clips, "plot": check_plot,
}  # fmt: skip
