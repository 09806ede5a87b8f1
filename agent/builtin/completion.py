"""Each kind of reading, completed with what its tool needs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.association import complete_cooccurrence, complete_correlate
from ethochat.agent.builtin.combination import choose_combination
from ethochat.agent.builtin.comparison import (
    complete_compare,
    complete_family,
    complete_power,
    complete_two_factors,
)
from ethochat.agent.builtin.course import complete_course
from ethochat.agent.builtin.designs import MATRIX, asks_for_chance
from ethochat.agent.builtin.intents import is_spread
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.quantities import choose_measure, nest_behaviors
from ethochat.agent.builtin.reading import Intent, Reading
from ethochat.agent.builtin.searching import search_arguments
from ethochat.agent.builtin.splits import choose_groups, choose_keep, each_one, filter_by_values, is_outside
from ethochat.agent.builtin.vocabulary import Vocabulary


def complete_measure(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Choose the measure, the split and the statistics."""
    slots = reading.slots
    choose_measure(slots, scan, vocabulary)
    if (
        "bin_s" not in slots
        and matches(lexicon.PER_MINUTE, scan.text)
        and slots.get("measure")
        in (
            "total_duration",
            "distance",
            "zone_time",
            "mean_speed",
            *(
                ("bout_count",)
                if matches(r"\b(?:in|for) each minute\b|\bminute by minute\b", scan.text)
                else ()
            ),
        )
    ):
        slots["bin_s"] = 60.0
    complete_course(slots, vocabulary)
    _all_of_an_axis(slots, scan, vocabulary)
    if slots.get("measure") == "percent_missing" and not scan.has(r"\b(?:likelihood|confidence)\b"):
        slots.setdefault("min_confidence", 0.0)  # a doubtful point is not a missing one
    if slots.get("measure") == "bout_rate" and "bin_s" in slots and scan.has(r"\bhow many\b"):
        slots["measure"] = "bout_count"
    choose_keep(slots, scan)
    choose_groups(slots, scan, vocabulary)
    _settle_metadata_column(slots, vocabulary)
    if is_spread(scan) and slots.get("behaviors"):
        slots["statistics"] = ["range"]
        slots["group_by"] = ["session_id"]
        slots["order"] = "descending"
    if slots.get("order"):
        used = {*slots.get("group_by", ()), *(item["column"] for item in slots.get("where", ()))}
        slots["also_columns"] = [name for name in slots.get("columns", ()) if name not in used]
    nest_behaviors(slots, scan)
    choose_combination(slots, scan, vocabulary)
    slots["outside"] = is_outside(slots, scan)
    slots["every_source"] = matches(
        r"\b(?:each|every|all|per|by) (?:the )?(?:sources?|raters and|classifiers?)\b", scan.text
    )
    if (
        slots.get("measure") == "percent_time"
        and "statistics" not in slots
        and scan.has(r"\b(?:overall|whole|entire|altogether|dataset)\b|\bof all\b")
    ):
        slots["statistics"] = ["sum"]  # parts over wholes, all animals together
    _conditions_and_groups(slots)


def _conditions_and_groups(slots: dict[str, Any]) -> None:
    """One value of a column is a condition, several are groups."""
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


_EACH_BEHAVIOR = r"\b(?:each|every|all|per|by)\s+(?:of the\s+)?(?:\w+\s+){0,2}?(?:behaviors?|labels|clusters?|classes|states|syllables?)\b|\b(?:time|activity) budgets?\b"
_WHICH_BEHAVIOR = (
    r"\b(?:which|what)\s+(?:[\w.]+\s+){0,3}?(?:behaviors?|labels?|clusters?|class|state|syllable)\b"
)


def _all_of_an_axis(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> None:
    """Read "each behavior of rater Kim", "which cluster is most frequent", "of each body part": all names of that kind."""
    text = scan.text
    which = matches(_WHICH_BEHAVIOR, text) and slots.get("order")
    if not slots.get("behaviors") and (which or matches(_EACH_BEHAVIOR, text)):
        kinds = ("manual", "automated", "rule")
        by_kind = ({name for name, own in vocabulary.sources.items() if own == kind} for kind in kinds)
        wanted = set(slots.get("sources", ())) or next((names for names in by_kind if names), set())
        left_out = set(slots.pop("excluding", ()))
        found = [
            name for name, by in vocabulary.behaviors.items() if wanted & set(by) and name not in left_out
        ]
        if found and slots.get("measure") in (
            None,
            "total_duration",
            "bout_count",
            "percent_time",
            "bout_duration",
            "bout_rate",
        ):
            slots["behaviors"] = found
            slots["measure"] = slots.get("measure") or (
                "bout_count" if matches(r"\bfrequent|\boften\b", text) else "total_duration"
            )
            if matches(r"\bbudgets?\b", text):
                slots["measure"] = "percent_time"
                slots["group_by"] = list(dict.fromkeys([*slots.get("group_by", ()), "behavior"]))
            if matches(r"\ball (?:\w+ )?behaviors\b", text) and not matches(
                r"\b(?:each|every|per|by)\b", text
            ):
                slots["category"] = "all behaviors"  # taken together
            if which:
                slots["group_by"] = ["behavior"]
    each_zone = r"\b(?:each|every|all|per|by)\s+(?:of the\s+)?(?:zones?|regions?|areas?)\b"
    if (
        vocabulary.zones
        and not slots.get("zones")
        and not slots.get("behaviors")
        and matches(each_zone, text)
    ):
        slots["zones"] = list(vocabulary.zones)
        if slots.get("measure") in (None, "total_duration", "bout_count", "percent_time", "latency"):
            slots["measure"] = next(
                name for pattern, name in lexicon.ZONE_MEASURES if matches(pattern, scan.cues)
            )
    point = (
        r"\b(?:each|every|all|per|by)\s+(?:of the\s+)?(?:key ?points?|body ?parts?|(?:tracked )?points?)\b"
    )
    if (
        slots.get("measure") in ("distance", "mean_speed", "max_speed")
        and not slots.get("keypoints")
        and matches(point, text)
    ):
        slots["keypoints"] = list(vocabulary.keypoints)


def _settle_metadata_column(slots: dict[str, Any], vocabulary: Vocabulary) -> None:
    """A column of numbers without a word for how to combine them is listed: "the weights of the females"."""
    plain = not (slots.get("statistics") or slots.get("group_by") or slots.get("order") or slots.get("keep"))
    if slots.get("measure") in vocabulary.numeric_columns and plain:
        slots["group_by"] = ["subject_id" if vocabulary.subjects else "session_id"]
        slots["statistics"] = ["mean"]  # of an animal's sessions, which mostly say the same


def complete_agreement(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Choose raters and statistics."""
    slots, text = reading.slots, scan.text
    wanted = [name for pattern, name in _AGREEMENT_STATISTICS if matches(pattern, text)]
    trackers = [name for name in slots.get("sources", ()) if name in vocabulary.trackers]
    if trackers or matches(r"\bhow far apart\b|\bpositions?\b", text):
        wanted = ["median_distance"]
    slots["statistics"] = wanted or ["f1", "kappa"]
    if matches(
        rf"{lexicon.PER}\s+(?:\w+\s+)?{lexicon.SESSIONS}\b|\b(?:which|what) (?:\w+ )?(?:{lexicon.SESSIONS}|{lexicon.ANIMALS})\b",
        text,
    ):
        slots["group_by"] = ["session_id"]
    slots["whole_ethogram"] = matches(
        r"\b(?:whole|entire|complete) (?:ethogram|scoring)\b|\bover all behaviors\b", text
    )
    slots["intervals"] = matches(r"\bconfidence intervals?\b|\b95\s?% ?(?:ci|intervals?)\b", text)
    slots["reference"] = _reference(slots, scan)
    people = [name for name, kind in vocabulary.sources.items() if kind == "manual"]
    if not slots.get("sources") and not trackers and len(people) > 1 and matches(lexicon.RATERS, text):
        slots["sources"] = people
    filter_by_values(slots)
    match = scan.take(r"\b(\d+(?:\.\d+)?)\s*(?:fps|frames(?:/s| per second)|hz)\b")
    if match:
        slots["fps"] = float(match[1])
    if slots.get("order"):
        low = matches(r"\b(?:worst|least|lowest|smallest|poorest|weakest)\b", text)
        apart = matches(r"\bdisagree\w*\b|\bdiffer\w*\b", text)
        slots["order"] = "ascending" if low != apart else "descending"
        if not wanted and slots.get("group_by"):
            slots["statistics"] = ["kappa"]  # one score to rank by


def _reference(slots: dict[str, Any], scan: Scanner) -> str | None:
    """The source that others are held against: "the classifier's recall against Kim"."""
    for name in slots.get("sources", ()):
        if scan.has(
            rf"\b(?:against|relative to|compared (?:to|with)|reference|ground truth|gold standard)\b[^?]{{0,20}}\b{re.escape(name)}\b"
        ):
            return str(name)
    return None


_AGREEMENT_STATISTICS = (
    (r"(?<!bout )(?<!bout-wise )\bf1\b", "f1"),
    (r"\bbout(?:-wise)? f1\b|\bbout-?wise agreement\b", "bout_f1"),
    (r"\bprecision\b", "precision"),
    (r"\brecall\b|\bsensitivity\b", "recall"),
    (r"\bfleiss\b", "fleiss_kappa"),
    (r"\bkrippendorff\w*\b|\balpha\b", "krippendorff_alpha"),
    (r"(?<!fleiss )(?<!fleiss' )(?<!fleiss's )\bkappa\b", "kappa"),
    (r"\bpercent(?:age)? (?:of )?agreement\b|\b(?:raw|simple) agreement\b", "percent_agreement"),
    (
        r"\b(?:correlat\w+)\b[^?]*\b(?:counts?|numbers?|bouts)\b|\b(?:counts?|numbers?|bouts)\b[^?]*\bcorrelat\w+\b",
        "count_correlation",
    ),
)


def complete_transitions(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Order the behaviors named: which comes first."""
    slots, text = reading.slots, scan.text
    named = slots.pop("behaviors", [])
    groups = [group for group in scan.behavior_groups if set(group) <= set(named)] or [
        [name] for name in named
    ]
    if len(named) == 1 and not matches(_AFTER_ITSELF, scan.named):
        groups = groups[:1]
    first, second = (groups[place] if place < len(groups) else [] for place in (0, 1))
    if not second:
        slots["after" if _asks_what_comes_before(scan) else "before"] = first
    elif _second_comes_first(text):
        slots["before"], slots["after"] = second, first
    else:
        slots["before"], slots["after"] = first, second
    back = len(groups) > 3 and (groups[0], groups[1]) == (groups[3], groups[2])
    slots["both_ways"] = back or matches(_BOTH_WAYS, text) or matches(_BETWEEN_TWO, scan.named)
    slots["adjacent"] = matches(
        r"\bfrom one (?:second|frame) to the next\b|\bgo(?:es)? directly\b|\bdirectly (?:over|from)\b", text
    )
    if not slots.get("sources"):
        wanted = [set(vocabulary.behaviors.get(name, ())) for name in named]
        both = set.intersection(*wanted) if len(wanted) > 1 else set()
        slots["sources"] = sorted(both) if len(both) == 1 else []
    several = [name for name, values in slots.get("values", {}).items() if len(values) > 1]
    split = [
        name
        for name in slots.get("columns", ())
        if matches(rf"{lexicon.PER}\s+(?:\w+\s+)?{re.escape(name)}s?\b", text)
    ]
    if matches(
        rf"{lexicon.PER}\s+(?:the\s+)?(?:\w+\s+)?(?:conditions?|groups?|treatments?)\b|\bbetween (?:the )?(?:groups|conditions|treatments)\b",
        text,
    ):
        split += vocabulary.grouping_columns()[:1]
    slots["group_by"] = list(dict.fromkeys([*several, *split, *each_one(scan, vocabulary)]))
    filter_by_values(slots)
    slots["null"] = asks_for_chance(text)
    slots["probability"] = slots["null"] or matches(rf"\bprobabilit|\bhow likely\b|\bchance\b|{MATRIX}", text)
    slots.pop("order", None)


_BOTH_WAYS = r"\bother way (?:round|around)\b|\bvice versa\b|\breverse\b|\bback again\b|\band back\b|\b(?:both|either|each) (?:directions?|ways?)\b|\bin each direction\b"
_BETWEEN_TWO = (
    r"\btransitions?\b[^?]*\bbetween\b[^?]{0,12}\bBEHAVIOR\b[^?]{0,12}\band\b[^?]{0,12}\bBEHAVIOR\b"
)
_AFTER_ITSELF = (
    r"\bafter\b[^?]{0,20}\bBEHAVIOR\b[^?]*\b(?:next|likely|follow\w*)\b[^?]*\bBEHAVIOR\b|"
    r"\bBEHAVIOR\b(?:\s+\w+){0,3}?\s+(?:followed by|follows?|after|to|into)\s+(?:\w+\s+){0,2}?BEHAVIOR\b"
)


def _asks_what_comes_before(scan: Scanner) -> bool:
    """Whether what is sought precedes the one behavior named: "what usually precedes grooming?", "what happens before it?"."""
    return scan.has(
        r"\bprecedes?\b|\bpreceding\b|\bleads? (?:up )?to\b|\b(?:comes?|happens?|occurs?|do|does|done|goes|seen|shown) (?:right |directly |immediately |just )?(?:before|prior to)\b"
        r"|\b(?:what|which)\b[^?]*\b(?:before|prior to)\b|^\W*(?:right |directly |immediately |just )?before\b|\btransitions? (?:in)?to\b"
    ) and not scan.has(r"\bpreceded by\b[^?]*\bwhat\b|\bdoes\b[^?]*\bprecede\b")


def _second_comes_first(text: str) -> bool:
    """Whether the behavior named first is the later one: "grooming after rearing", "is A preceded by B"."""
    if matches(r"\bends? in\b|\bfrom\b.*\bto\b|\bfollowed by\b|\bafter (?:which|that)\b", text):
        return False
    return matches(r"\bpreceded by\b|\bfollows?\b|\bfollowing\b|\bafter\b", text) and not matches(
        r"^\W*(?:(?:how often|how many times|when)\s+)?(?:right |directly |immediately |just )?after\b", text
    )


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
    filter_by_values(slots)
    if slots.get("order"):
        slots["order"] = "shortest" if slots["order"] == "ascending" else "longest"


def complete_proximity(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Name the pair."""
    slots = reading.slots
    filter_by_values(slots)
    slots["pair"] = slots.pop("individuals", [])
    slots.pop("behaviors", None)
    slots["unit"] = slots.get("distance_unit", "px")


def complete_search(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Split the question into where to look and what is described."""
    limit = reading.slots.get("limit")
    reading.slots = search_arguments(scan.text, vocabulary)
    if limit:
        reading.slots["limit"] = limit


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
        slots["without"] = matches(r"\b(?:not|never|without|un(?:annotated|labeled|scored)|lack\w*)\b", text)
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
        filter_by_values(slots)
        return
    choose_measure(slots, scan, vocabulary)
    slots["kind"] = kind or "bars"
    if kind == "scatter":
        others = [*slots.get("metrics", [])[1:], *numeric]
        slots["against"] = others[0] if others else None
    values = slots.get("values", {})
    if values:
        slots["group_column"] = next(iter(values))
        filter_by_values(slots)
    elif kind not in ("scatter", "time_bins"):
        named = [name for name in slots.get("columns", ()) if name in vocabulary.columns]
        split = matches(rf"{lexicon.PER}|\bgroups?\b|\bconditions?\b", text)
        grouping = named or (vocabulary.grouping_columns() if split else [])
        slots["group_column"] = grouping[0] if grouping else None
    slots.pop("statistics", None)


COMPLETE: dict[Intent, Callable[[Reading, Scanner, Vocabulary], None]] = {
    "measure": complete_measure, "compare": complete_compare, "family": complete_family, "two_factors": complete_two_factors,
    "power": complete_power, "cooccurrence": complete_cooccurrence, "correlate": complete_correlate, "agreement": complete_agreement,
    "transitions": complete_transitions, "clips": complete_clips, "proximity": complete_proximity, "search": complete_search,
    "facts": complete_facts, "plot": complete_plot,
}  # fmt: skip
