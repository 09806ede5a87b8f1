"""Questions about the experiment itself: what was recorded, who scored it, how many animals there are in which group."""

from __future__ import annotations

import re
from typing import Any

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.conditions import column_words
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.limits import WHEN_RECORDED
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.vocabulary import Vocabulary

_FACTS: tuple[tuple[str, str], ...] = (
    (r"\bmissing\b.*\bwhich\b|\bany number missing\b|\bgaps? in (?:the )?(?:number\w*|ids?|names|sequence|series|sessions?|recordings?)\b|\b(?:which|what) (?:numbers?|ids?) (?:is|are) missing\b", "missing_ids"),
    (lexicon.SUMMARY, "summary"),
    (r"\b(?:which|what) (?:behaviors?|labels?|classes)\b.*\b(?:are|were|do|can|did|exist|annotated|available|labeled|scored)\b|\bethogram\b", "behaviors"),
    (r"\b(?:which|what) (?:measures?|metrics?|quantities)\b.*\b(?:are|do|can|exist|available|have)\b", "measures"),
    (r"\b(?:which|what) (?:key ?points?|body ?parts?|points|markers?)\b", "keypoints"),
    (r"\b(?:which|what) zones?\b.*\b(?:are|exist|defined|available|have)\b", "zones"),
    (r"\b(?:which|what) (?:groups?|conditions?|treatments?)\b(?=\W*$|.*\b(?:are there|exist|were (?:there|used|tested|compared)|do (?:we|you|i) have|are (?:in|compared|included|available))\b)", "groups"),
    (r"\b(?:which|what) (?:columns?|metadata|variables?|factors?)\b", "columns"),
    (r"\b(?:flagged|excluded|left out|unusable|quality)\b.*\b(?:sessions?|recordings?|which|why)\b|\b(?:which|why)\b.*\b(?:flagged|excluded|left out|unusable)\b"
     r"|\b(?:are|is|were|was)\b[^?]*\b(?:sessions?|recordings?|animals?|mice)\b[^?]*\b(?:flagged|excluded|left out|unusable)\W*$", "flags"),
    (r"\bframe ?rates?\b|\bfps\b(?=.*\b(?:what|which|is)\b)|\bresolution\b|\bhow long (?:is|are|was|were) (?:the|each|this|these)? ?(?:\w+ )?(?:recordings?|sessions?|videos?|trials?)\b"
     r"|\bhow many minutes long\b|\bhow many (?:\w+ )?frames (?:does|do|did|has|have|were tracked|are there)\b|\bpx per cm\b|\bpixels per (?:cm|centimeter)\b"
     r"|\bhow long\b.*\brecording\b.*\b(?:in seconds|at \d+ fps)\b|^\W*(?:what (?:is|are|was|were) )?(?:the )?(?:durations?|lengths?) of (?:the |each |every |all )?(?:recordings?|sessions?|videos?|trials?)\W*$"
     r"|\bhow (?:many (?:minutes|seconds|hours|frames)|much time) (?:is|are|was|were|does|do|did|has|have|lasts?) (?:each|every|the|a|all)\s*(?:of the )?(?:recordings?|sessions?|videos?|trials?)\b(?!\s+\w+ing\b)", "recordings"),
)  # fmt: skip
_HOW_MANY = r"\b(?:how many|(?:total )?number of|count of)"


def asks_for_a_fact(scan: Scanner, vocabulary: Vocabulary) -> bool:
    """Whether a question is about the experiment itself; fills ``topic``."""
    for asks in (
        _names_a_topic,
        _asks_for_a_definition,
        _asks_for_group_sizes,
        _asks_for_people,
        _looks_up_a_column,
        _dates,
        _levels,
        _counts,
        _lists,
    ):
        topic = asks(scan, vocabulary)
        if topic is not None:
            scan.slots["topic"] = topic
            return True
    return False


def _names_a_topic(scan: Scanner, vocabulary: Vocabulary) -> str | None:
    text, slots = scan.text, scan.slots
    for pattern, topic in _FACTS:
        if not matches(pattern, text):
            continue
        of_a_part = topic == "recordings" and (slots.get("behaviors") or slots.get("keypoints"))
        counted = (
            topic in ("behaviors", "missing_ids")
            and matches(lexicon.COUNT, text)
            and not matches(r"\bmissing\b.*\bwhich\b", text)
        )
        if topic == "groups":
            columns = vocabulary.grouping_columns()[:1]
            if not columns or slots.get("behaviors") or slots.get("metrics") or slots.get("order"):
                continue
            slots["columns"] = columns
            return "columns"
        if not of_a_part and not counted:
            return topic
    if matches(
        rf"{_HOW_MANY}\s+(?:different\s+|distinct\s+)?(?:behaviors?|labels|classes)\b", text
    ) and not slots.get("behaviors"):
        if matches(lexicon.RATERS, text) and not slots.get("sources"):
            slots["source_kind"] = "manual"
        return "behaviors"
    alone = rf"^\W*how long (?:is|was|are|were)\s+(?:the\s+)?(?:{lexicon.SESSIONS}\b|[^\w?])*(?:in (?:seconds|minutes|frames))?\W*$"
    if (
        slots.get("sessions")
        and not (slots.get("zones") or slots.get("behaviors"))
        and matches(alone, scan.rest)
    ):
        return "recordings"
    if matches(
        rf"{_HOW_MANY}\s+(?:\w+\s+)?(?:key ?points|body ?parts|tracked points)\b", text
    ) and not slots.get("keypoints"):
        return "keypoints"
    return None


def _asks_for_a_definition(scan: Scanner, vocabulary: Vocabulary) -> str | None:
    meaning = r"\bwhat (?:does|do)\b[^?]*\bmean\W*$|\bmeant by\b|\bdefinition of\b|\bhow (?:is|are|was|were|do you) [^.?]*\bdefined?\W*$"
    named = r"^\W*what (?:is|are|counts as|exactly is) (?:an? |the )?BEHAVIOR\W*$"
    return "definition" if matches(meaning, scan.text) or matches(named, scan.named) else None


def _asks_for_group_sizes(scan: Scanner, vocabulary: Vocabulary) -> str | None:
    """Read "what is the sample size?", "what is the n per group?"."""
    sizes = (
        r"^\W*(?:and )?n\s+(?:per|in each|of each|for each|by|in)\b|\bn\s*(?:=\s*)?(?:per|in each|of each)\b"
        r"|\bsample sizes?\b|\bgroup sizes?\b|\bhow (?:large|big) (?:is|are) (?:the|each)\b[^?]*\bgroups?\b|\b(?:what is|what's) (?:the )?n\b"
    )
    if not matches(sizes, scan.text) or scan.slots.get("behaviors") or scan.slots.get("metrics"):
        return None
    columns = [name for name in scan.slots.get("columns", ()) if name in vocabulary.columns]
    scan.slots["group_by"] = columns or vocabulary.grouping_columns()[:1]
    return "subject_count"


def _asks_for_people(scan: Scanner, vocabulary: Vocabulary) -> str | None:
    text = scan.text
    if matches(
        rf"{_HOW_MANY}\s+(?:\w+\s+)?(?:people|persons|raters?|annotators?|observers?|experimenters?|scorers?)\b",
        text,
    ):
        scan.slots["source_kind"] = "manual"
        return "sources"
    who = matches(lexicon.WHO, text) and matches(r"\b(?:annotat|label|scor|rat)\w*", text)
    return "sources" if who and not scan.slots.get("order") else None


def _looks_up_a_column(scan: Scanner, vocabulary: Vocabulary) -> str | None:
    """Read "what dosage did A-101 get?"."""
    slots = scan.slots
    named = [name for name in slots.get("columns", ()) if name in vocabulary.columns]
    one = slots.get("subjects") or slots.get("sessions")
    group = re.search(
        r"\b(?:which|what) (group|condition|treatment|arm|cohort)s?\b", scan.text, re.IGNORECASE
    )
    if one and not named and group and vocabulary.grouping_columns():
        slots["columns"] = named = vocabulary.grouping_columns()[:1]
    quantity = slots.get("behaviors") or slots.get("metrics") or slots.get("zones") or slots.get("statistics")
    numeric = all(name in vocabulary.numeric_columns for name in named)
    tracked = any(
        matches(pattern, scan.text) for pattern, _, needs in lexicon.MEASURES if needs in ("track", "pair")
    )
    if (
        named
        and one
        and not (quantity or numeric or tracked or slots.get("where"))
        and not matches(lexicon.COUNT, scan.text)
    ):
        return "sessions"
    return None


def _of_behavior(slots: dict[str, Any], text: str) -> bool:
    return bool(
        slots.get("metrics")
        or slots.get("zones")
        or (slots.get("behaviors") and not matches(r"\bwho\b", text))
    )


def _dates(scan: Scanner, vocabulary: Vocabulary) -> str | None:
    """Read "when was M3 recorded?" where a column holds dates."""
    if not matches(WHEN_RECORDED, scan.text):
        return None
    dates = [
        name for name in vocabulary.columns if {"date", "day", "datetime"} & set(name.lower().split("_"))
    ]
    scan.slots["columns"] = dates[:1]
    return "sessions" if dates else None


def _levels(scan: Scanner, vocabulary: Vocabulary) -> str | None:
    """Read "which doses were given?": the values of a column."""
    slots = scan.slots
    said = r"\b(?:which|what)(?: different)? {}s?\b(?=\W*$|\s+(?:are|were|was|is|did|do|have|has|exist|got|received)\b)"
    named = [
        name
        for name in slots.get("columns", ())
        if name in vocabulary.columns
        and any(matches(said.format(re.escape(word)), scan.text) for word in column_words(name))
    ]
    if (
        not named
        or _of_behavior(slots, scan.text)
        or slots.get("where")
        or slots.get("order")
        or slots.get("sessions")
        or slots.get("subjects")
    ):
        return None
    if matches(lexicon.COMPARE, scan.cues) or any(
        needs in ("track", "pair") and matches(pattern, scan.text) for pattern, _, needs in lexicon.MEASURES
    ):
        return None
    slots["columns"] = named[:1]
    return "columns"


_BETWEEN = r"(?:(?!(?:per|in|of|for|by|each|every|on|at|with|during|and|or|to|from|that|which)\s)[\w-]+\s+)"


def _counts(scan: Scanner, vocabulary: Vocabulary) -> str | None:
    text, slots = scan.text, scan.slots
    numeric = [
        name
        for name in vocabulary.numeric_columns
        if matches(rf"{_HOW_MANY}\s+(?:[\w-]+\s+){{0,2}}?{re.escape(name)}\b", text)
    ]
    if numeric and not slots.get("where"):
        slots["metrics"] = numeric[:1]
        return None
    columns = [
        name
        for name in slots.get("columns", ())
        if not matches(rf"^{lexicon.SESSIONS}$|^{lexicon.ANIMALS}$", name)
        and matches(rf"{_HOW_MANY}\s+(?:different\s+)?{re.escape(name)}s?\b", text)
    ]
    if columns and columns[0] in vocabulary.columns:
        slots["columns"] = columns
        return "columns"
    values = [name for names in slots.get("values", {}).values() for name in names]
    noun = "|".join([lexicon.PEOPLE, *(re.escape(name) + "s?" for name in values)])
    if not matches(rf"{_HOW_MANY}\s+(?:of\s+)?(?:the\s+)?{_BETWEEN}{{0,3}}?(?:{noun})\b", scan.cues):
        return None
    amount = r"\bhow many (?:\w+ ){0,4}?(?:frames|seconds|minutes|cm|centimeters|meters|pixels|px)\b"
    if _of_behavior(slots, text) or matches(amount, text) or slots.get("keep"):
        return None
    counted = rf"{_HOW_MANY}\s+(?:of\s+)?(?:the\s+)?{_BETWEEN}{{0,3}}?"
    if matches(
        r"\b(?:each|per|every|by|both) (?:\w+ )?(?:arms?|cohorts?|groups?|conditions?|treatments?)\b", text
    ) and not slots.get("columns"):
        slots["group_by"] = vocabulary.grouping_columns()[:1]
    animals = re.search(rf"{counted}{lexicon.ANIMALS}\b", text, re.IGNORECASE)
    sessions = re.search(rf"{counted}{lexicon.SESSIONS}\b", text, re.IGNORECASE)
    first = sessions is not None and (animals is None or sessions.start() < animals.start())
    return "session_count" if first else "subject_count"


def _lists(scan: Scanner, vocabulary: Vocabulary) -> str | None:
    text, slots = scan.text, scan.slots
    values = [re.escape(name) + "s?" for names in slots.get("values", {}).values() for name in names]
    noun = "|".join([lexicon.PEOPLE, *values])
    listed = matches(
        rf"\b(?:which|what|list|name)\s+(?:of\s+)?(?:the\s+|all\s+)?(?:[\w-]+\s+){{0,2}}?(?:{noun})\b",
        text,
    )
    conditions = slots.get("where") or slots.get("values") or slots.get("sessions") or slots.get("subjects")
    conditions = conditions or (
        (slots.get("sources") or slots.get("not_sources")) and matches(lexicon.SCORED, text)
    )
    tracked = any(
        matches(pattern, text) for pattern, _, needs in lexicon.MEASURES if needs in ("track", "pair")
    )
    if (
        not listed
        or not conditions
        or _of_behavior(slots, text)
        or slots.get("order")
        or slots.get("keep")
        or tracked
    ):
        return None
    if slots.get("not_sources") and not slots.get("sources"):
        slots.update(sources=slots.pop("not_sources"), without=True)
    return "subjects" if matches(lexicon.ANIMALS, text) and not slots.get("sessions") else "sessions"
