"""A question and the experiment's words become a reading, a question back or a refusal."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.followup import merge_previous
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.limits import refuse_out_of_reach, refuse_requests, suggestions
from ethochat.agent.builtin.metrics import metric_for
from ethochat.agent.builtin.names import (
    correct_typos,
    fill_names,
    fill_numeric_conditions,
    fill_treated,
    long_names,
    restricting_word,
    unknown_session,
    unread_words,
)
from ethochat.agent.builtin.phrases import Scanner, canonical, read_phrases
from ethochat.agent.builtin.reading import AskBack, Intent, Reading, Refusal, Understanding
from ethochat.agent.builtin.text import atoms
from ethochat.agent.builtin.vocabulary import Vocabulary

_QUANTITY = {
    "total_duration": "time", "percent_time": "percentage", "bout_count": "count", "latency": "latency", "distance": "distance",
    "mean_speed": "speed", "zone_time": "time", "zone_entries": "transitions", "zone_percent": "percentage",
}  # fmt: skip


def understand(question: str, vocabulary: Vocabulary, previous: Reading | None = None) -> Understanding:
    """Read one question.

    Parameters
    ----------
    question
        As typed.
    vocabulary
        The experiment's words.
    previous
        The reading of the turn before, which a follow-up question completes.
    """
    refusal = refuse_requests(question)
    if refusal is not None:
        return refusal
    text = correct_typos(canonical(question), vocabulary)
    refusal = refuse_out_of_reach(text, vocabulary)
    if refusal is not None:
        return refusal
    missing = unknown_session(text, vocabulary)
    if missing is not None:
        return Refusal(
            f"There is no session or animal named {missing} in this experiment.", suggestions(vocabulary)
        )
    scan = Scanner(text)
    mentions = vocabulary.link(text)
    long_names(mentions, scan)
    fill_numeric_conditions(scan, vocabulary)
    read_phrases(scan)
    fill_names(mentions, scan, vocabulary)
    fill_treated(scan, vocabulary)
    unread = unread_words(scan, mentions, vocabulary)
    intent = choose_intent(scan, vocabulary)
    reading = Reading(intent, scan.slots, tuple(unread))
    _COMPLETE[intent](reading, scan, vocabulary)
    reading = merge_previous(reading, previous, scan)
    return check(reading, scan, vocabulary)


# ------------------------------------------------------------------ what is wanted
def choose_intent(scan: Scanner, vocabulary: Vocabulary) -> Intent:
    """Decide by the most telling cue of the question."""
    text, slots = scan.text, scan.slots
    quantity = slots.get("behaviors") or slots.get("metrics") or slots.get("zones")
    if matches(lexicon.PLOT, text):
        return "plot"
    if matches(lexicon.SUMMARY, text) and not quantity:
        slots["topic"] = "summary"
        return "facts"
    if matches(lexicon.AGREEMENT, text) and not _is_spread(scan):
        return "agreement"
    if matches(lexicon.CORRELATION, text):
        return "correlate"
    clips = matches(lexicon.CLIPS, text) and not matches(r"\bfirst\b.*\b(?:start|begin|occur|happen|appear)\w*\b|\bwhen does .*\bfirst\b", text)
    if (
        matches(lexicon.TRANSITION, text)
        and len(vocabulary.behaviors) > 1
        and slots.get("behaviors")
        and not slots.get("metrics")
    ):
        return (
            "clips"
            if clips and "within_s" in slots or matches(r"\bclips?\b|\bplaces\b|\bmoments\b", text)
            else "transitions"
        )
    if "max_distance" in slots and _pair_named(scan, vocabulary) and (clips or "min_frames" in slots):
        return "proximity"
    if clips and not matches(
        r"\bhow (?:many|much|long|far|often)\b|\bgive\b.*\b(?:total|mean|median|time|number|sem)\b", text
    ):
        if matches(lexicon.SIMILAR, text) or not slots.get("behaviors"):
            return "search" if not quantity or slots.get("behaviors") else "measure"
        return "clips"
    if _is_fact(scan, vocabulary):
        return "facts"
    if _is_comparison(scan, vocabulary):
        return "compare"
    return "measure"


def _is_spread(scan: Scanner) -> bool:
    """Disagreement asked for as a difference of totals, not as an agreement statistic."""
    return scan.has(r"\bdisagree\b") and scan.has(r"\blargest minus smallest\b|\btotals?\b|\brange\b")


def _pair_named(scan: Scanner, vocabulary: Vocabulary) -> bool:
    return len(vocabulary.individuals) > 1 and (
        len(scan.slots.get("individuals", ())) == 2
        or scan.has(r"\b(?:mice|animals|each other|they|pair|two)\b")
    )


def _is_comparison(scan: Scanner, vocabulary: Vocabulary) -> bool:
    slots, text = scan.slots, scan.text
    if not matches(lexicon.COMPARE, text) or "bin_s" in slots:
        return False
    if slots.get("sessions") and len(slots["sessions"]) > 1 and not slots.get("values"):
        return False
    several = any(len(values) > 1 for values in slots.get("values", {}).values())
    sources = len(slots.get("sources", ())) > 1 or (
        scan.has(lexicon.RATERS) and scan.has(r"\bdiffer|\bmore\b")
    )
    named = bool(slots.get("values")) or scan.has(
        r"\b(?:groups?|conditions?|treatments?|controls?|cohorts?|genotypes?)\b"
    )
    named = named or bool(set(slots.get("columns", ())) & set(vocabulary.columns))
    return several or sources or (named and bool(vocabulary.grouping_columns())) or not slots.get("sessions")


_FACTS: tuple[tuple[str, str], ...] = (
    (r"\bmissing\b.*\bwhich\b|\bany number missing\b|\bgaps? in\b|\b(?:which|what) (?:numbers?|ids?) (?:is|are) missing\b", "missing_ids"),
    (lexicon.SUMMARY, "summary"),
    (r"\b(?:which|what) (?:behaviors?|labels?|classes)\b.*\b(?:are|were|do|can|did|exist|annotated|available|labeled|scored)\b|\bethogram\b", "behaviors"),
    (r"\b(?:which|what) (?:measures?|metrics?|quantities)\b.*\b(?:are|do|can|exist|available|have)\b", "measures"),
    (r"\b(?:which|what) (?:key ?points?|body ?parts?|points|markers?)\b", "keypoints"),
    (r"\b(?:which|what) zones?\b.*\b(?:are|exist|defined|available|have)\b", "zones"),
    (r"\b(?:which|what) (?:columns?|metadata|variables?|factors?)\b", "columns"),
    (r"\b(?:flagged|excluded|left out|unusable|quality)\b.*\b(?:sessions?|recordings?|which|why)\b|\b(?:which|why)\b.*\b(?:flagged|excluded|left out|unusable)\b", "flags"),
    (r"\bframe ?rates?\b|\bfps\b(?=.*\b(?:what|which|is)\b)|\bresolution\b|\bhow long (?:is|are|was|were) (?:the|each|this|these)? ?(?:\w+ )?(?:recordings?|sessions?|videos?|trials?)\b"
     r"|\bhow many minutes long\b|\bhow many (?:\w+ )?frames (?:does|do|did|has|have|were tracked|are there)\b|\bpx per cm\b|\bpixels per (?:cm|centimeter)\b"
     r"|\bhow long\b.*\brecording\b.*\b(?:in seconds|at \d+ fps)\b", "recordings"),
)  # fmt: skip


def _is_fact(scan: Scanner, vocabulary: Vocabulary) -> bool:
    text, slots = scan.text, scan.slots
    for pattern, topic in _FACTS:
        if matches(pattern, text) and not (
            topic == "recordings" and (slots.get("behaviors") or slots.get("keypoints"))
        ):
            if (
                topic in ("behaviors", "missing_ids")
                and matches(lexicon.COUNT, text)
                and not matches(r"\bmissing\b.*\bwhich\b", text)
            ):
                continue
            slots["topic"] = topic
            return True
    if matches(
        r"\bwhat (?:does|is|are)\b.*\b(?:mean|meant|definition|defined)\b|\bdefinition of\b|\bhow (?:is|are|was|were|do you) .*\bdefine",
        text,
    ) and not matches(r"\b(?:mean|median) (?:duration|and|distance|speed|time|total|number)\b", text):
        slots["topic"] = "definition"
        return True
    if (
        matches(lexicon.WHO, text)
        and matches(r"\b(?:annotat|label|scor|rat)\w*", text)
        and not slots.get("order")
    ):
        slots["topic"] = "sources"
        return True
    return _is_census(scan, vocabulary)


def _is_census(scan: Scanner, vocabulary: Vocabulary) -> bool:
    """Whether sessions or animals are counted or listed, rather than what they did."""
    text, slots = scan.text, scan.slots
    numeric = [name for name in vocabulary.numeric_columns if matches(rf"\bhow many\s+(?:[\w-]+\s+){{0,2}}?{name}\b", text)]
    if numeric:
        slots["metrics"] = numeric[:1]
        return False
    counted = matches(rf"\bhow many\s+(?:of\s+)?(?:the\s+)?(?:[\w-]+\s+){{0,3}}?{lexicon.PEOPLE}\b", text)
    behavioral = (
        slots.get("metrics")
        or slots.get("zones")
        or (slots.get("behaviors") and not matches(r"\bwho\b", text))
    )
    if (
        counted
        and not behavioral
        and not matches(
            r"\bhow many (?:\w+ ){0,4}?(?:frames|seconds|minutes|cm|centimeters|meters|pixels|px)\b", text
        )
    ):
        animals = matches(rf"\bhow many\s+(?:\w+\s+){{0,3}}?{lexicon.ANIMALS}\b", text)
        slots["topic"] = "subject_count" if animals else "session_count"
        return True
    listed = matches(rf"\b(?:which|what|list|name)\b[^.?]*\b{lexicon.PEOPLE}\b", text)
    conditions = slots.get("where") or slots.get("values") or slots.get("sessions") or slots.get("subjects")
    if (
        listed
        and not behavioral
        and conditions
        and not slots.get("order")
        and not _measure_cue(scan, vocabulary)
    ):
        slots["topic"] = (
            "subjects" if matches(lexicon.ANIMALS, text) and not slots.get("sessions") else "sessions"
        )
        return True
    return False


def _measure_cue(scan: Scanner, vocabulary: Vocabulary) -> bool:
    return any(
        matches(pattern, scan.text) for pattern, _, needs in lexicon.MEASURES if needs in ("track", "pair")
    )


# ------------------------------------------------------------------ completing each kind
def complete_measure(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Choose the measure, the split and the statistics."""
    slots = reading.slots
    choose_measure(slots, scan, vocabulary)
    if "bin_s" not in slots and matches(lexicon.PER_MINUTE, scan.text) and slots.get("measure") in ("total_duration", "distance", "zone_time", "mean_speed"):
        slots["bin_s"] = 60.0
    _choose_keep(slots, scan)
    choose_groups(slots, scan, vocabulary)
    if _is_spread(scan) and slots.get("behaviors"):
        slots["statistics"] = ["range"]
        slots["group_by"] = ["session_id"]
        slots["order"] = "descending"
    if slots.get("order"):
        used = {*slots.get("group_by", ()), *(item["column"] for item in slots.get("where", ()))}
        slots["also_columns"] = [name for name in slots.get("columns", ()) if name not in used]
    _nest_behaviors(slots, scan)
    if slots.get("measure") == "percent_time" and "statistics" not in slots and scan.has(r"\b(?:overall|whole|entire|altogether|dataset)\b|\bof all\b"):
        slots["statistics"] = ["sum"]  # parts over wholes, all animals together
    for column, values in slots.get("values", {}).items():
        if column not in slots.get("group_by", ()) or len(values) > 1:
            condition = {
                "column": column,
                "op": "in" if len(values) > 1 else "==",
                "value": values if len(values) > 1 else values[0],
            }
            slots.setdefault("where", []).append(condition)
        if len(values) > 1 and column not in slots.get("group_by", ()):
            slots["group_by"] = [*slots.get("group_by", []), column]


def _nest_behaviors(slots: dict[str, Any], scan: Scanner) -> None:
    """Read "clinch frames that fall inside aggression": one behavior while another lasts."""
    named = slots.get("behaviors", ())
    if len(named) != 2 or slots.get("category") or slots.get("measure") in ("pair_distance", "distance", "mean_speed"):
        return
    if matches(r"\b(?:inside|within|during|while|overlap\w*|at the same time as|coincid\w+)\b", scan.cues):
        slots["behaviors"], slots["during"] = [named[0]], [named[1]]
        if matches(r"\bhow many (?:of the )?(?:\w+ )?(?:frames|seconds)\b", scan.text):
            slots["measure"] = "total_duration"
        slots["group_by"] = [name for name in slots.get("group_by", ()) if name not in ("behavior", "source")]
        if len(slots.get("sources", ())) > 1:
            del slots["sources"]


def choose_measure(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> None:
    """Fill ``measure`` from an imported metric named, a zone, or the first cue that the experiment can serve."""
    if slots.get("metrics"):
        slots["measure"] = slots["metrics"][0]
        slots.pop("behaviors", None)
        slots.pop("zones", None)
        return
    text = scan.cues
    if matches(r"\bhow far\b|\bdistances?\b|\bhow many (?:centimeters?|cm|meters?|m|pixels?|px)\b", scan.text) and not slots.get("sources"):
        _moving_is_no_behavior(slots, vocabulary)
    behavioral = bool(slots.get("behaviors"))
    if slots.get("keypoints") and len(vocabulary.individuals) > 1 and _between_animals(slots, scan):
        slots["measure"] = "pair_distance"
        return
    if "max_distance" in slots and not behavioral and len(vocabulary.individuals) > 1:
        slots["measure"] = "time_near"
        return
    if (
        slots.get("zones")
        and not behavioral
        and not matches(r"\bdistances?\b|\bspeed\b|\bhow (?:far|fast)\b", text)
    ):
        slots["measure"] = next(name for pattern, name in lexicon.ZONE_MEASURES if matches(pattern, text))
    else:
        for pattern, name, needs in lexicon.MEASURES:
            if behavioral and needs == "track" and not matches(r"\bduring\b|\bwhile\b", text):
                continue
            if needs == "keypoints" and len(slots.get("keypoints", ())) < 2:
                continue
            if needs == "pair" and len(vocabulary.individuals) < 2:
                continue
            if matches(pattern, scan.text if name == "percent_tracked" else text):
                slots["measure"] = name
                break
        if behavioral and "measure" not in slots:
            slots["measure"] = "total_duration"
            slots["measure_guessed"] = True
    _prefer_metric(slots, scan, vocabulary)


def _between_animals(slots: dict[str, Any], scan: Scanner) -> bool:
    """Whether a distance is one between animals: of two named, of each pair, of "the two animals"."""
    if "max_distance" in slots or not matches(r"\bdistances?\b|\bhow far apart\b", scan.text):
        return False
    return len(slots.get("individuals", ())) == 2 or scan.has(
        r"\bpairs?\b|\bbetween (?:the )?(?:two )?(?:mice|animals|individuals)\b|\bof the two (?:mice|animals|individuals)\b|\beach other\b"
    )


def _moving_is_no_behavior(slots: dict[str, Any], vocabulary: Vocabulary) -> None:
    """In "how far did it run", running is not the behavior asked for."""
    kept = [name for name in slots.get("behaviors", ()) if any(vocabulary.sources.get(source) != "rule" for source in vocabulary.behaviors[name])]
    slots["behaviors"] = kept


def _prefer_metric(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> None:
    """Take an imported metric where no rater is named and it says the same for every session."""
    if not vocabulary.metrics or slots.get("sources") or (slots.get("zones") and vocabulary.trackers):
        return
    if any(slots.get(key) is not None for key in ("min_bout_s", "max_bout_s", "bin_s", "stop_s", "start_s")):
        return
    if matches(lexicon.RATERS, scan.text) or matches(lexicon.NONE, scan.text):
        return
    stems = [atom.stem for atom in atoms(scan.text)]
    behavior: list[str] = []
    if slots.get("behaviors"):
        behavior = [atom.stem for name in slots["behaviors"] for atom in atoms(name)]
        stems += behavior
        if len(slots["behaviors"]) > 1 or slots.get("measure") not in (
            "bout_count",
            "total_duration",
            "percent_time",
        ):
            return
    elif slots.get("measure") in ("distance", "mean_speed", "max_speed") and vocabulary.trackers:
        return
    elif slots.get("measure") in ("inter_bout_interval", "bout_duration", "bout_rate"):
        return
    quantity = _QUANTITY.get(slots.get("measure") or "")
    metric = metric_for(stems, vocabulary.metrics, quantity=quantity, behavior=behavior)
    if metric is not None:
        if slots.get("behaviors"):
            slots["metric_for_behaviors"] = slots["behaviors"]
        slots["measure_before_metric"] = slots.get("measure")
        slots["measure"] = metric
        slots["metrics"] = [metric]
        slots.pop("behaviors", None)
        slots.pop("zones", None)


def choose_groups(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> None:
    """Fill ``group_by`` from "per condition", "for each rater", "which animal" and names given in a row."""
    text = scan.text
    groups: list[str] = []
    rank = slots.get("order") and matches(r"\b(?:which|what|who|where|rank|name|in which)\b", text)
    for pattern, column in (
        (rf"{lexicon.PER}\s+(?:of\s+)?(?:the\s+)?(?:\w+\s+)?{lexicon.RATERS}", "source"),
        (
            rf"{lexicon.PER}\s+(?:of\s+)?(?:the\s+)?(?:\w+\s+)?(?:key ?points?|body ?parts?|points?)\b",
            "keypoint",
        ),
        (rf"{lexicon.PER}\s+(?:of\s+)?(?:the\s+)?(?:\w+\s+)?zones?\b", "zone"),
        (rf"{lexicon.PER}\s+(?:of\s+)?(?:the\s+)?pairs?\b|\beach pair\b|\bevery pair\b", "pair"),
        (rf"{lexicon.PER}\s+(?:of\s+)?(?:the\s+)?(?:\w+\s+)?behaviors?\b", "behavior"),
        (rf"{lexicon.PER}\s+(?:of\s+)?(?:the\s+)?(?:\w+\s+)?(?:conditions?|groups?|treatments?)\b", "?"),
        (rf"{lexicon.PER}\s+(?:of\s+)?(?:the\s+)?(?:\w+\s+)?{lexicon.SESSIONS}\b", "session_id"),
        (rf"{lexicon.PER}\s+(?:of\s+)?(?:the\s+)?(?:\w+\s+)?{lexicon.ANIMALS}\b", "animal"),
    ):
        if matches(pattern, text):
            groups.append(column)
    if rank or matches(lexicon.OUTLIER, text) or slots.get("keep"):
        groups += [] if groups else [_ranked_column(slots, scan, vocabulary)]
    groups += [
        column
        for column in slots.get("columns", ())
        if matches(rf"{lexicon.PER}\s+(?:\w+\s+)?{column}s?\b", text)
    ]
    for key, column in (
        ("sources", "source"),
        ("zones", "zone"),
        ("individuals", "individual"),
        ("sessions", "session_id"),
        ("subjects", "subject_id"),
        ("keypoints", "keypoint"),
    ):
        if (
            len(slots.get(key, ())) > 1
            and column not in groups
            and slots.get("measure") not in ("keypoint_distance", "pair_distance", "time_near")
        ):
            groups.append(column)
    if len(slots.get("behaviors", ())) > 1 and not slots.get("category"):
        groups.append("behavior")
    if slots.get("measure") == "pair_distance" and len(slots.get("individuals", ())) != 2:
        groups.append("pair")
    resolved = [_resolve_group(column, scan, vocabulary) for column in groups]
    named = [column for column in dict.fromkeys(resolved) if column is not None]
    if named:
        slots["group_by"] = named


def _ranked_column(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> str:
    for column in vocabulary.columns:
        named = matches(rf"\b(?:which|what|in which)\s+{re.escape(column)}s?\b", scan.text)
        if named and not matches(lexicon.SESSIONS, column):
            return column
    if matches(rf"\b(?:which|what)\s+(?:\w+\s+)?{lexicon.RATERS}", scan.text):
        return "source"
    if matches(rf"\b(?:which|what|rank|name|the)\b[^.?]*\b{lexicon.ANIMALS}\b", scan.text) and not matches(
        rf"\bwhich {lexicon.SESSIONS}\b", scan.text
    ):
        return "animal"
    return "session_id"


def _resolve_group(column: str, scan: Scanner, vocabulary: Vocabulary) -> str | None:
    if column == "?":
        return next(iter(vocabulary.grouping_columns()), None)
    if column == "animal":
        if len(vocabulary.individuals) > 1:
            return "subject_id" if vocabulary.subjects else "individual"
        return "subject_id" if vocabulary.subjects and not _one_session_each(vocabulary) else "session_id"
    return column


def _one_session_each(vocabulary: Vocabulary) -> bool:
    return len(vocabulary.subjects) == len(vocabulary.sessions)


def _choose_keep(slots: dict[str, Any], scan: Scanner) -> None:
    text = scan.text
    if matches(lexicon.OUTLIER, text):
        slots["keep"] = "outliers"
        slots.pop("statistics", None)
        return
    listing = matches(rf"\b(?:which|what|list|name|how many)\s+(?:of\s+)?(?:the\s+)?(?:[\w-]+\s+){{0,2}}?{lexicon.PEOPLE}\b", text)
    if not listing or slots.get("order"):
        return
    if matches(lexicon.NONE, text):
        slots["keep"] = "zero"
    elif matches(r"\bany\b|\bat least one\b|\bshow(?:s|ed)?\b|\bcontains?\b|\bha(?:s|ve|d)\b", text):
        slots["keep"] = "nonzero"
    if slots.get("keep") and slots.get("behaviors"):
        slots["measure"] = "bout_count"
        slots["count_rows"] = matches(r"\bhow many\b", text)
        slots["all_sources"] = matches(
            rf"\ball (?:\w+ )?{lexicon.RATERS}|\bany (?:of the )?{lexicon.RATERS}", text
        )


def complete_compare(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Choose the measure and the groups of a comparison."""
    slots, text = reading.slots, scan.text
    choose_measure(slots, scan, vocabulary)
    if slots.get("measure_guessed") or (slots.get("behaviors") and slots.get("measure") == "total_duration"):
        rears_more = matches(r"\b(?:more|less|fewer) often\b", text)
        slots["measure"] = "bout_count" if rears_more else slots["measure"]
    values = slots.pop("values", {})
    sources = len(slots.get("sources", ())) > 1 or (
        matches(lexicon.RATERS, text)
        and not slots.get("sources")
        and matches(r"\braters? differ|\bdo (?:the|all)\b.*\braters?\b|\bbetween (?:the )?raters\b", text)
    )
    if sources:
        slots["group_column"] = "source"
        slots["groups"] = list(slots.get("sources", ()))
        slots["paired"] = True
    elif values:
        column = max(values, key=lambda name: len(values[name]))
        slots["group_column"] = column
        slots["groups"] = values[column] if len(values[column]) > 1 else []
        for other, names in values.items():
            if other != column:
                slots.setdefault("where", []).append({"column": other, "op": "in", "value": names})
    else:
        named = [
            name for name in slots.get("columns", ()) if 2 <= len(vocabulary.columns.get(name, ())) <= 12
        ]
        groups = named or vocabulary.grouping_columns()
        if groups:
            slots["group_column"] = groups[0]
    slots.pop("statistics", None)
    slots.pop("order", None)
    slots["paired"] = slots.get("paired", False) or matches(
        r"\bpaired\b|\brepeated[- ]measures?\b|\bwithin[- ]subjects?\b", text
    )
    for pattern, test in _TESTS:
        if matches(pattern, text):
            slots["test"] = test


_TESTS = (
    (r"\bmann[- ]?whitney\b|\brank[- ]sum\b|\bu test\b", "mann_whitney_u"), (r"\bwelch\b(?!.*\banova)", "welch_t"), (r"\bstudent'?s?\b", "student_t"),
    (r"\bwilcoxon\b", "wilcoxon"), (r"\bkruskal\b", "kruskal_wallis"), (r"\bfriedman\b", "friedman"), (r"\bpermutation\b", "permutation"),
)  # fmt: skip


def complete_correlate(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Find the two quantities: metrics named, numeric columns, or measures on both sides of "and", "with", "on"."""
    slots, text = reading.slots, scan.text
    slots["method"] = "pearson" if matches(r"\bpearson\b|\blinear\b", text) else "spearman"
    quantities = [{"measure": name} for name in slots.get("metrics", ())]
    quantities += [
        {"measure": name} for name in slots.get("columns", ()) if name in vocabulary.numeric_columns
    ]
    if len(quantities) < 2:
        own: dict[str, Any] = {key: slots[key] for key in ("behaviors", "sources", "zones") if slots.get(key)}
        choose_measure(own, scan, vocabulary)
        if own.get("measure") and {"measure": own["measure"]} not in quantities:
            kept = {key: own[key] for key in ("measure", "behaviors", "sources", "zones") if own.get(key)}
            quantities.insert(0, kept)
    for column, names in slots.pop("values", {}).items():
        slots.setdefault("where", []).append({"column": column, "op": "in", "value": names})
    slots.pop("statistics", None)
    if len(quantities) >= 2:
        slots["x"], slots["y"] = quantities[:2]
    elif quantities:
        slots["x"] = quantities[0]


def complete_agreement(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Choose raters and statistics."""
    slots, text = reading.slots, scan.text
    wanted = [
        name for pattern, name in ((r"\bf1\b", "f1"), (r"\bkappa\b", "kappa")) if matches(pattern, text)
    ]
    trackers = [name for name in slots.get("sources", ()) if name in vocabulary.trackers]
    if trackers or matches(r"\bhow far apart\b|\bpositions?\b", text):
        wanted = ["median_distance"]
    slots["statistics"] = wanted or ["f1", "kappa"]
    _filter_by_values(slots)
    match = scan.take(r"\b(\d+(?:\.\d+)?)\s*(?:fps|frames(?:/s| per second)|hz)\b")
    if match:
        slots["fps"] = float(match[1])
    if slots.get("order"):
        slots["order"] = "ascending" if matches(r"\b(?:worst|least)\b", text) else "descending"


def complete_transitions(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Order the behaviors named: which comes first."""
    slots, text = reading.slots, scan.text
    named = slots.pop("behaviors", [])
    asks_after = matches(
        r"\bwhat (?:follows|comes (?:next )?after|happens after)\b|\bwhich\b.*\bcomes next\b|\bafter each\b",
        text,
    )
    asks_before = matches(r"\bwhat (?:precedes|comes before|happens before)\b", text)
    if asks_before:
        slots["after"] = named[:1]
    elif asks_after or len(named) < 2:
        slots["before"] = named[:1]
    elif matches(r"\bpreceded by\b|\bfollows\b|\bafter\b", text) and not matches(r"\bfollowed by\b", text):
        slots["after"], slots["before"] = named[:1], named[1:2]
    else:
        slots["before"], slots["after"] = named[:1], named[1:2]
    slots["both_ways"] = matches(
        r"\bother way (?:round|around)\b|\bvice versa\b|\breverse\b|\bback again\b", text
    )
    slots["adjacent"] = matches(
        r"\bfrom one (?:second|frame) to the next\b|\bgo(?:es)? directly\b|\bdirectly (?:over|from)\b", text
    )
    _filter_by_values(slots)
    slots["probability"] = matches(r"\bprobabilit|\bhow likely\b|\bchance\b", text)
    slots.pop("order", None)


def complete_clips(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Choose bouts of a behavior, and what must follow them."""
    slots = reading.slots
    if (
        matches(r"\bfollowed by\b|\bthen\b|\band then\b", scan.text)
        and len(slots.get("behaviors", ())) > 1
        and not slots.get("category")
    ):
        slots["followed_by"] = slots["behaviors"][1:]
        slots["behaviors"] = slots["behaviors"][:1]
        slots.setdefault("within_s", None)
    _filter_by_values(slots)
    if slots.get("order"):
        slots["order"] = "shortest" if slots["order"] == "ascending" else "longest"


def complete_proximity(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Name the pair."""
    slots = reading.slots
    _filter_by_values(slots)
    slots["pair"] = slots.pop("individuals", [])
    slots["unit"] = slots.get("distance_unit", "px")


def complete_search(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Keep the description: the question without the words that ask."""
    slots = reading.slots
    _filter_by_values(slots)
    words = scan.take(lexicon.CLIPS)
    described = scan.text[words.end() :] if words and words.start() == 0 else scan.text
    slots["query"] = described.strip(" ?.!,") or scan.text
    if matches(lexicon.SIMILAR, scan.text) and slots.get("sessions"):
        frame = scan.take(r"\b(?:at|starts? at|from)\s+(?:frame\s+)?(\d+(?:\.\d+)?)\b")
        slots["like_session"] = slots.pop("sessions")[0]
        if frame:
            slots["like_time"] = float(frame[1])


def _filter_by_values(slots: dict[str, Any]) -> None:
    for column, names in slots.pop("values", {}).items():
        slots.setdefault("where", []).append({"column": column, "op": "in", "value": names})


def complete_facts(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Choose what is counted or listed, and by what."""
    slots, text = reading.slots, scan.text
    values = slots.pop("values", {})
    for column, names in values.items():
        slots.setdefault("where", []).append({"column": column, "op": "in", "value": names})
        if slots["topic"] in ("session_count", "subject_count"):
            slots["group_by"] = [*slots.get("group_by", []), column]
    if matches(lexicon.PER, text) and slots["topic"] in ("session_count", "subject_count"):
        named = [
            name
            for name in slots.get("columns", ())
            if not any(item["column"] == name for item in slots.get("where", ()))
        ]
        if not named and matches(r"\b(?:groups?|conditions?|treatments?)\b", text):
            named = vocabulary.grouping_columns()[:1]
        slots["group_by"] = list(dict.fromkeys([*slots.get("group_by", []), *named]))
    if (
        matches(lexicon.HUMAN, text)
        and slots["topic"] in ("session_count", "subject_count", "sessions", "sources")
        and not slots.get("sources")
    ):
        slots["source_kind"] = "manual"
    if slots["topic"] == "definition":
        slots["name"] = next(
            iter([*slots.get("behaviors", ()), *slots.get("metrics", ()), *slots.get("zones", ())]), None
        )
    if slots["topic"] == "missing_ids":
        slots.pop("sessions", None)
    slots["who"] = matches(lexicon.WHO, text)


def complete_plot(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Choose the kind of figure and its quantities."""
    slots, text = reading.slots, scan.text
    kind = next((name for pattern, name in lexicon.PLOT_KINDS if matches(pattern, text)), None)
    if "bin_s" in slots:
        kind = "time_bins"
    numeric = [name for name in slots.get("columns", ()) if name in vocabulary.numeric_columns]
    if kind in ("trajectory", "occupancy", "ethogram"):
        slots["kind"] = kind
        _filter_by_values(slots)
        return
    choose_measure(slots, scan, vocabulary)
    slots["kind"] = kind or "bars"
    if kind == "scatter":
        others = [*slots.get("metrics", [])[1:], *numeric]
        slots["against"] = others[0] if others else None
    values = slots.pop("values", {})
    if values:
        column = next(iter(values))
        slots["group_column"] = column
        slots.setdefault("where", []).append({"column": column, "op": "in", "value": values[column]}) if len(
            values[column]
        ) > 1 else None
    elif kind != "scatter" and kind != "time_bins":
        named = [name for name in slots.get("columns", ()) if name in vocabulary.columns]
        grouping = named or (
            vocabulary.grouping_columns()
            if matches(rf"{lexicon.PER}|\bgroups?\b|\bconditions?\b", text)
            else []
        )
        slots["group_column"] = grouping[0] if grouping else None
    slots.pop("statistics", None)


_COMPLETE: dict[Intent, Callable[[Reading, Scanner, Vocabulary], None]] = {
    "measure": complete_measure, "compare": complete_compare, "correlate": complete_correlate, "agreement": complete_agreement,
    "transitions": complete_transitions, "clips": complete_clips, "proximity": complete_proximity, "search": complete_search,
    "facts": complete_facts, "plot": complete_plot,
}  # fmt: skip


# ------------------------------------------------------------------ is it enough
def check(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """Refuse or ask back where a needed part is missing or a restricting word is unknown."""
    word = restricting_word(scan, reading.unread)
    if word is not None and reading.intent != "search":
        return Refusal(
            f"Nothing in this experiment is called “{word}”.{_known_groups(vocabulary)}",
            suggestions(vocabulary),
        )
    return _CHECKS.get(reading.intent, _accept)(reading, scan, vocabulary)


def _accept(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    return reading


def _known_groups(vocabulary: Vocabulary) -> str:
    columns = vocabulary.grouping_columns()
    if not columns:
        return " No groups are recorded."
    values = ", ".join(vocabulary.columns[columns[0]])
    return f" The groups by {columns[0]} are: {values}."


_NEEDS_BEHAVIOR = {
    "bout_count", "total_duration", "percent_time", "bout_rate", "latency", "inter_bout_interval", "bout_duration",
}  # fmt: skip
_NEEDS_TRACK = {
    "distance", "mean_speed", "max_speed", "body_length", "pair_distance", "keypoint_distance", "time_near", "percent_tracked",
    "missing_frames",
}  # fmt: skip


def check_measure(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """A measure needs a behavior, a track or a zone."""
    slots = reading.slots
    measure = slots.get("measure")
    if measure is None:
        return _not_understood(reading, vocabulary)
    if measure in _NEEDS_BEHAVIOR and not slots.get("behaviors"):
        return _no_behavior(reading, vocabulary)
    if measure in _NEEDS_TRACK and not vocabulary.trackers:
        return Refusal(
            "No positions were tracked in this experiment, so distances and speeds are not known.",
            suggestions(vocabulary),
        )
    return reading


def _no_behavior(reading: Reading, vocabulary: Vocabulary) -> Understanding:
    listed = ", ".join(vocabulary.named_behaviors) or "none"
    if reading.unread:
        unknown = ", ".join(f"“{word}”" for word in reading.unread[:4])
        return Refusal(
            f"No behavior or measure here is called {unknown}; the behaviors are: {listed}.",
            suggestions(vocabulary),
        )
    if vocabulary.behaviors:
        return AskBack("Which behavior do you mean?", vocabulary.named_behaviors[:12], reading)
    return _not_understood(reading, vocabulary)


def _not_understood(reading: Reading, vocabulary: Vocabulary) -> Understanding:
    if reading.unread:
        unknown = ", ".join(f"“{word}”" for word in reading.unread[:4])
        return Refusal(f"Nothing in this experiment answers to {unknown}.", suggestions(vocabulary))
    return AskBack("What should be measured?", suggestions(vocabulary), reading)


def check_compare(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """A comparison needs a measure and groups."""
    slots = reading.slots
    if not slots.get("measure") or (slots["measure"] in _NEEDS_BEHAVIOR and not slots.get("behaviors")):
        if reading.unread:
            return _no_behavior(reading, vocabulary)
        options = (*vocabulary.named_behaviors[:6], *vocabulary.metrics[:4])
        return AskBack("Which measure should be compared?", options, reading)
    if not slots.get("group_column"):
        return Refusal(f"There is nothing to compare by.{_known_groups(vocabulary)}", suggestions(vocabulary))
    return check_measure(reading, scan, vocabulary)


def check_correlate(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """A correlation needs two quantities."""
    if "x" in reading.slots and "y" in reading.slots:
        return reading
    options = (*vocabulary.numeric_columns, *list(vocabulary.metrics)[:6])
    return AskBack("Which two quantities should be related?", options, reading)


def check_transitions(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """A transition needs at least one behavior."""
    if reading.slots.get("before") or reading.slots.get("after"):
        return reading
    return _no_behavior(reading, vocabulary)


def check_clips(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """Clips need a behavior."""
    return reading if reading.slots.get("behaviors") else _no_behavior(reading, vocabulary)


def check_plot(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> Understanding:
    """A figure of a measure needs the measure."""
    if reading.slots.get("kind") in ("trajectory", "occupancy", "ethogram"):
        return reading
    return check_measure(reading, scan, vocabulary)


_CHECKS: dict[Intent, Callable[[Reading, Scanner, Vocabulary], Understanding]] = {
    "measure": check_measure, "compare": check_compare, "correlate": check_correlate, "transitions": check_transitions,
    "clips": check_clips, "plot": check_plot,
}  # fmt: skip
