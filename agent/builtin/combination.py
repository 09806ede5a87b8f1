"""Several rows that one number is asked of: a difference, a ratio, a share of all, all raters taken together."""

from __future__ import annotations

import re
from typing import Any

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.vocabulary import Vocabulary
from ethochat.index.words import name_stems, stem

_INDEX = r"\(\s*([a-z][\w ]*?)\s*-\s*([a-z][\w ]*?)\s*\)\s*/\s*\(\s*[a-z]"
_NAMED_INDEX = r"\b(?:discrimination|preference|recognition|novelty|side|place|laterali[sz]ation|asymmetry|bias|social) ?(?:index|indices|score|ratio)\b"
_DIFFERENCE = r"\bdifferences?\b|\bby how (?:many|much)\b|\bhow (?:many|much) (?:\w+ )?(?:more|less|fewer|longer)\b|\bminus\b|\bexceeds?\b"
_RATIO = r"\bratio (?:of|between)\b|\bdivided by\b|\bhow many times as\b"
_SHARE = r"\b(?:fraction|share|percent\w*|proportion|part) of (?:all|the total|total|the whole)\b[^?]*\b(?:falls?|comes? from|belongs?|is|are|was|were|happens?|occurs?|due to)\b"
_PART = r"\b(?:fraction|share|percent\w*|proportion|part) of\b[^?]*\b(?:falls?|fell|happens?|happened|occurs?|occurred)\b"
_TOGETHER = r"\btogether\b|\bcombined\b|\bin sum\b|\bsummed\b|\bpooled\b|\bin total\b|\badded up\b|\bplus\b"
_MORE = r"\b(?:more|less|fewer|longer|higher|lower)\b.*\bthan\b"
_AXES = (
    ("sources", "source"), ("zones", "zone"), ("behaviors", "behavior"), ("individuals", "individual"), ("sessions", "session_id"),
    ("subjects", "subject_id"), ("keypoints", "keypoint"),
)  # fmt: skip
_SOME_OF_THEM = r"\b(?:two|three|four|\d) or more\b|\bat least (?:two|three|four|\d)\b|\b(?:more than|any) (?:one|two|three|\d)\b"


def asks_for_a_difference(scan: Scanner) -> bool:
    """Whether two numbers are to be subtracted rather than tested."""
    spread = scan.has(r"\blargest minus smallest\b")
    return (
        scan.has(_DIFFERENCE)
        and not spread
        and not scan.has(r"\bsignificant\w*|\btests?\b|\bp[- ]?values?\b")
    )


def lists_sessions_by_source(scan: Scanner) -> bool:
    """Read "in which sessions does Kim score more than Lee"."""
    return len(scan.slots.get("sources", ())) == 2 and scan.has(
        rf"\b(?:which|what|how many)\s+(?:\w+\s+)?{lexicon.PEOPLE}\b.*{_MORE}"
    )


def choose_combination(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> None:
    """Fill ``combine`` and ``combine_of``, or ``together`` for what happens at the same time."""
    if _same_time(slots, scan, vocabulary):
        return
    if lists_sessions_by_source(scan):
        fewer = matches(r"\b(?:less|fewer|lower)\b", scan.text)
        _combine(slots, "difference", slots["sources"], ["session_id", "source"])
        slots.update(keep="below" if fewer else "above", keep_value=0.0)
        return
    if _share_of_events(slots, scan) or _share_of_all(slots, scan) or _marked_by_everyone(slots, scan):
        return
    _whole_of_several(slots, scan, vocabulary)
    formula = re.search(_INDEX, scan.text, re.IGNORECASE)
    kind = (
        "index"
        if formula or scan.has(_NAMED_INDEX)
        else "ratio"
        if scan.has(_RATIO)
        else "difference"
        if asks_for_a_difference(scan)
        else None
    )
    found = _two_named(slots)
    if kind in ("ratio", "index"):
        slots["uncombined"] = kind
    if kind is None or found is None or "bin_s" in slots or slots.get("keep"):
        return
    slots.pop("uncombined", None)
    column, names = found
    if formula:
        names = sorted(names, key=lambda name: stem(formula[1].split()[-1]) not in name_stems(name))
    # "The index per mouse": what it is asked for each of stays, unless it is the very thing that is combined.
    each = [name for name in slots.get("group_by", ()) if name != column] if scan.has(lexicon.PER) else []
    _combine(slots, kind, names, [*each, column])
    if column in vocabulary.columns and "statistics" not in slots:
        slots["statistics"] = ["mean"]


def _combine(slots: dict[str, Any], kind: str, names: list[str], groups: list[str]) -> None:
    slots.update(combine=kind, combine_of=list(names), group_by=groups)
    slots.pop("order", None)


def _two_named(slots: dict[str, Any]) -> tuple[str, list[str]] | None:
    """The one column of which exactly two names were given."""
    found = [(column, list(slots[key])) for key, column in _AXES if len(slots.get(key, ())) == 2]
    found += [(column, list(names)) for column, names in slots.get("values", {}).items() if len(names) == 2]
    return found[0] if len(found) == 1 else None


def _same_time(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> bool:
    """Read "while Kim and Lee both mark it" and "both animals at the same time"."""
    if slots.get("measure") not in ("total_duration", "bout_count", "percent_time") or not slots.get(
        "behaviors"
    ):
        return False
    explicit = scan.has(r"\bat the same time\b|\bsimultaneous\w*|\bat once\b|\bconcurrent\w*|\bin parallel\b")
    if explicit and scan.has(_SOME_OF_THEM):
        slots["uncombined"] = "time when some of them do it at once"
        return False
    everyone = rf"\b(?:all|both|every)(?: of)?(?: the)?(?: \w+)?(?: human| manual)? {lexicon.RATERS}"
    if explicit and not slots.get("sources") and scan.has(everyone):
        slots["sources"] = sorted(
            {
                source
                for name in slots["behaviors"]
                for source in vocabulary.behaviors.get(name, ())
                if vocabulary.sources.get(source) == "manual"
            }
        )
    if len(slots.get("sources", ())) > 1 and (
        explicit
        or scan.has(r"\bboth (?:\w+ and \w+ )?(?:\w+ )?(?:mark|scor|annotat|rat|label|s[ae]e|agree)\w*")
    ):
        slots["together"] = "sources"
    elif explicit and len(vocabulary.individuals) > 1 and len(slots.get("behaviors", ())) == 1:
        several = len(slots.get("individuals", ())) > 1 or scan.has(
            rf"\b(?:both|all|two|three|four)\b[^?]*\b{lexicon.ANIMALS}\b"
        )
        if not several:
            return False
        slots["together"] = "individuals"
    else:
        return False
    slots["group_by"] = [
        name for name in slots.get("group_by", ()) if name not in ("source", "individual", "subject_id")
    ]
    slots.pop("statistics", None)
    return True


def _share_of_all(slots: dict[str, Any], scan: Scanner) -> bool:
    """Read "what fraction of all grooming time falls into the treated animals"."""
    values = slots.get("values", {})
    if scan.has(_PART) and not values and slots.get("stop_s") is not None:
        slots["uncombined"] = "share of the whole"
    if (
        not scan.has(_SHARE)
        or len(values) != 1
        or slots.get("measure") not in ("percent_time", "total_duration", "bout_count")
    ):
        return False
    ((column, names),) = values.items()
    if len(names) != 1:
        return False
    slots["values"] = {}
    slots["measure"] = "bout_count" if matches(r"\bbouts\b", scan.text) else "total_duration"
    slots["statistics"] = ["sum"]
    _combine(slots, "share", names, [column])
    return True


def _share_of_events(slots: dict[str, Any], scan: Scanner) -> bool:
    """Read "the fraction of rears that are wall rears": some behaviors among more of them, both named."""
    groups = scan.behavior_groups
    asked = scan.has(r"\b(?:percent\w*|fraction|share|proportion|ratio)\b|%")
    whole = max(groups, key=len, default=[])
    part = next((group for group in groups if set(group) < set(whole)), None)
    if (
        not asked
        or part is None
        or slots.get("measure") not in ("percent_time", "bout_count", "total_duration")
    ):
        return False
    slots["measure"] = "total_duration" if scan.has(r"\btime\b|\bseconds\b|\bduration\b") else "bout_count"
    slots["behaviors"] = list(whole)
    groups_by = [name for name in slots.get("group_by", ()) if name != "behavior"]
    slots.pop("uncombined", None)
    _combine(slots, "share", part, [*groups_by, "behavior"])
    return True


def _marked_by_everyone(slots: dict[str, Any], scan: Scanner) -> bool:
    """Read "in which recordings did all three raters mark it": the least of the raters' counts is not zero."""
    listing = rf"\b(?:which|what|list|how many)\s+(?:\w+\s+)?{lexicon.PEOPLE}\b"
    everyone = rf"\b(?:all|both)(?: of)?(?: the)?(?: \w+)? {lexicon.RATERS}|\bboth \w+ and \w+\b"
    if not (slots.get("behaviors") and scan.has(listing) and scan.has(everyone)) or slots.get("keep") in (
        "zero",
        "above",
        "below",
    ):
        return False
    _combine(slots, "min", [], ["session_id", "source"])
    slots.update(measure="bout_count", keep="above", keep_value=0.0, all_sources=True)
    slots.pop("statistics", None)
    return True


def _whole_of_several(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> None:
    """Read "A, B and C together", "the four raters taken together" and "the mean of the three raters"."""
    if "range" in slots.get("statistics", ()):
        return
    together = scan.has(_TOGETHER)
    groups = list(slots.get("group_by", ()))
    for key, column in (("sessions", "session_id"), ("subjects", "subject_id"), ("behaviors", "behavior")):
        said = together if key != "behaviors" else scan.has(r"\btogether\b|\bcombined\b|\bplus\b|\bin sum\b")
        if (
            said
            and len(slots.get(key, ())) > 1
            and column in groups
            and not scan.has(rf"{lexicon.PER}\s+{lexicon.PEOPLE}")
        ):
            groups.remove(column)
            slots["statistics"] = ["sum"] if key != "behaviors" else slots.get("statistics", [])
    slots["group_by"] = groups
    raters = scan.has(
        rf"\b(?:of|from|by|did) (?:the|all|all the) (?:\w+ )?{lexicon.RATERS}|\b(?:all|the) (?:two|three|four|five|human) {lexicon.RATERS}"
        rf"|\b(?:across|between|among|amongst|over) (?:the |all |all the )?(?:\w+ )?{lexicon.RATERS}|\bby (?:the )?(?:humans|people)\b"
    )
    if not raters or slots.get("sources") or not slots.get("behaviors") or slots.get("keep"):
        return
    slots["all_sources"] = True
    slots["group_by"] = [*(name for name in groups if name != "source"), "source"]
    statistics = slots.get("statistics", [])
    one = len(slots.get("sessions", ()) or slots.get("subjects", ())) == 1
    if one and (together or "mean" in statistics or "sum" in statistics):
        slots.update(combine="mean" if "mean" in statistics else "sum", combine_of=[])
        slots.pop("statistics", None)
