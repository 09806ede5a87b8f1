"""How a measure is split, ranked and filtered: per condition, which animal, sessions without any."""

from __future__ import annotations

import re
from typing import Any

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.conditions import column_words
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.vocabulary import Vocabulary

_COMPARATIVE = (
    rf"{lexicon.COMPARE}|\b(?:more|less|fewer|longer|shorter|faster|slower|higher|lower|older|heavier)\b"
)


def choose_groups(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> None:
    """Fill ``group_by`` from "per condition", "for each rater", "which animal" and names given in a row."""
    text = scan.text
    groups = _asked_groups(slots, scan, vocabulary)
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
            and (key not in slots.get("left_out", ()) or key == "sources")
            and slots.get("measure")
            not in ("keypoint_distance", "pair_distance", "time_near", "percent_near")
        ):
            groups.append(column)
    if len(slots.get("behaviors", ())) > 1 and not slots.get("category"):
        groups.append("behavior")
    if slots.get("measure") == "pair_distance" and len(slots.get("individuals", ())) != 2:
        groups.append("pair")
    pairs = "|".join(re.escape(column) for column in vocabulary.columns)
    if pairs and (
        both := re.search(
            rf"{lexicon.PER}\s+(?:\w+\s+)?({pairs})s?\s*(?:and|x|,|by)\s*({pairs})s?\b", text, re.IGNORECASE
        )
    ):
        known = {column.lower(): column for column in vocabulary.columns}
        groups = [*(known[name.lower()] for name in both.groups()), *groups]
    if (
        slots.get("behaviors")
        and matches(r"\btogether\b|\bcombined\b|\bin sum\b|\b\w+ or \w+\b", text)
        and "behavior" in groups
    ):
        groups.remove("behavior")
    resolved = [_resolve_group(column, scan, vocabulary) for column in groups]
    named = [column for column in dict.fromkeys(resolved) if column is not None]
    named = _without_what_it_is_over(named, slots, scan)
    if named:
        slots["group_by"] = named


def _without_what_it_is_over(named: list[str], slots: dict[str, Any], scan: Scanner) -> list[str]:
    """Drop sessions and animals where they are what a mean or an SD is over."""
    spread = {"sd", "sem"} & set(slots.get("statistics", ()))
    if spread or scan.has(r"\b(?:mean|average) per (?:animal|mouse|rat|subject|session|recording)\b"):
        # "the SD per recording": recordings are what it is over
        named = [column for column in named if column not in ("session_id", "subject_id")]
        slots["statistics"] = [name for name in slots.get("statistics", ()) if name != "sum"]
    if (
        len(named) > 1
        and {"mean", "median", "sem", "sd"} & set(slots.get("statistics", ()))
        and not slots.get("order")
    ):
        # "the mean per session, for every rater": sessions are what the mean is over
        named = [column for column in named if column not in ("session_id", "subject_id")]
    return named


def _asked_groups(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> list[str]:
    """Columns that the question splits by in words: "per condition", "for each rater", "which animal"."""
    text = scan.text
    groups: list[str] = []
    rank = slots.get("order") and matches(r"\b(?:which|what|who|where|rank|name|in which)\b", text)
    for pattern, column in (
        (
            rf"{lexicon.PER}\s+(?:of\s+)?(?:the\s+)?(?:\w+\s+)?(?:raters?|annotators?|observers?|experimenters?|scorers?|sources?|classifiers?|trackers?)\b|\b(?:of|between|across|among) (?:the |all )?(?:\w+ )?trackers\b"
            r"|\b(?:for|by|from) all (?:of )?(?:the )?(?:\w+ )?(?:raters|annotators|observers|experimenters|scorers)\b",
            "source",
        ),
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
        (
            rf"^\W*(?:list|give|show)\b.*\b(?:of|for) (?:all|every) (?:the )?(?:\w+ )?{lexicon.ANIMALS}\b(?!.*\btogether\b)",
            "animal",
        ),
        (
            rf"^\W*(?:list|give|show)\b.*\b(?:of|for) (?:all|every) (?:the )?(?:\w+ )?{lexicon.SESSIONS}\b(?!.*\btogether\b)",
            "session_id",
        ),
    ):
        if matches(pattern, text):
            groups.append(column)
    groups += [
        column
        for column in slots.get("columns", ())
        if matches(rf"\b(?:which|what)\s+{re.escape(column)}s?\b", text)
        and matches(_COMPARATIVE, text)
        and not slots.get("order")
    ]
    if rank or matches(lexicon.OUTLIER, text) or slots.get("keep"):
        groups += [] if groups else [_ranked_column(slots, scan, vocabulary)]
    groups += [
        column
        for column in slots.get("columns", ())
        if any(
            matches(rf"{lexicon.PER}\s+(?:\w+\s+)?{re.escape(word)}s?\b", text)
            for word in column_words(column)
        )
    ]
    return groups


def _ranked_column(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> str:
    """What is ranked: the first thing asked for by "which", "what", "rank", "name"."""
    asks = r"\b(?:which|what|in which|how many|rank|name|list)\s+(?:the\s+)?(?:[\w-]+\s+){0,3}?"
    candidates = [
        *(
            (column, rf"{re.escape(column)}s?")
            for column in vocabulary.columns
            if not matches(lexicon.SESSIONS, column)
        ),
        ("source", "(?:raters?|annotators?|observers?|experimenters?|trackers?)"),
        ("animal", lexicon.ANIMALS),
        ("session_id", lexicon.SESSIONS),
    ]
    found = [
        (match.start(), len(match.group()), column)
        for column, words in candidates
        if (match := re.search(rf"{asks}{words}\b", scan.text, re.IGNORECASE)) is not None
    ]
    return min(found)[2] if found else "session_id"


def each_one(scan: Scanner, vocabulary: Vocabulary) -> list[str]:
    """Sessions or animals that something is asked for each of."""
    if scan.has(rf"{lexicon.PER}\s+(?:of\s+)?(?:the\s+)?(?:\w+\s+)?{lexicon.SESSIONS}\b"):
        return ["session_id"]
    if scan.has(rf"{lexicon.PER}\s+(?:of\s+)?(?:the\s+)?(?:\w+\s+)?{lexicon.ANIMALS}\b"):
        found = _resolve_group("animal", scan, vocabulary)
        return [found] if found else []
    return []


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


_PARTS = {"half": 50.0, "third": 100 / 3, "quarter": 25.0, "tenth": 10.0, "fifth": 20.0}
_MORE_THAN_A_PART = r"\b(more|over|longer|less|under|at)(?: than| least)? (?:(?:a|one) )?(half|third|quarter|fifth|tenth) (?:of )?(?:the |their |its )?(?:\w+ )?(?:session|recording|time|video|trial|test)\b"
_DOING = rf"^\W*(?:how many|which|what)\s+(?:of\s+the\s+)?(?:[\w-]+\s+){{0,2}}?{lexicon.PEOPLE}\s+(?:ever\s+|also\s+|did\s+)?BEHAVIOR"


def choose_keep(slots: dict[str, Any], scan: Scanner) -> None:
    """Fill ``keep`` where sessions or animals are listed by having any of a behavior, none of it, or an outlying value."""
    text = scan.text
    if matches(lexicon.OUTLIER, text):
        slots["keep"] = "outliers"
        slots.pop("statistics", None)
        return
    part = re.search(_MORE_THAN_A_PART, text, re.IGNORECASE)
    if part is not None and slots.get("behaviors"):
        scan.take(_MORE_THAN_A_PART)
        slots.update(
            measure="percent_time", keep="above" if part[1].lower() in ("more", "over", "at", "longer") else "below",
            keep_value=_PARTS[part[2].lower()],
        )  # fmt: skip
        return
    if (
        slots.get("keep") == "above"
        and slots.get("keep_value") == 1
        and scan.has(r"\bat least (?:one|once|1|a)\b")
    ):
        for key in ("keep", "keep_value", "keep_unit"):
            slots.pop(key, None)
    listing = matches(
        rf"\b(?:which|what|list|name|how many)\s+(?:of\s+)?(?:the\s+)?(?:[\w-]+\s+){{0,2}}?{lexicon.PEOPLE}\b(?!\s+frames)"
        rf"|^\W*(?:the |all )?{lexicon.PEOPLE}\s+(?:with|without|having|that|which|where|in which)\b",
        text,
    )
    if not listing or slots.get("order"):
        return
    if slots.get("keep") in ("above", "below"):
        if slots.get("behaviors") and re.match(r"(?:s|sec\w*|min\w*|frames?)$", slots.get("keep_unit", "")):
            slots["measure"] = "total_duration"
        elif slots.get("behaviors") and slots.get("measure_guessed"):
            slots["measure"] = "bout_count"  # "more than 40 rears"
        return
    if matches(lexicon.NONE, scan.cues):
        slots["keep"] = "zero"
    elif matches(_DOING, scan.named) or matches(
        r"\bany\b|\bat least one\b|\bat least once\b|\bever\b|\bshow(?:s|ed)?\b|\bcontains?\b|\bha(?:s|ve|d)\b",
        text,
    ):
        slots["keep"] = "nonzero"
    if slots.get("keep") and slots.get("behaviors"):
        slots["measure"] = "bout_count"
        slots["count_rows"] = matches(r"\bhow many\b", text)
        slots["all_sources"] = matches(
            rf"\ball (?:\w+ )?{lexicon.RATERS}|\bany (?:of the )?{lexicon.RATERS}", text
        )


# ----------------------------------------------------------------- values and zones
_OUTSIDE = r"\boutside (?:of )?(?:the|its|this|a)\b"


def is_outside(slots: dict[str, Any], scan: Scanner) -> bool:
    """Whether the time outside of the zones is meant: "outside the center", "not in the center"."""
    return bool(slots.get("zones")) and (scan.has(_OUTSIDE) or bool(slots.get("beyond_zone")))


def filter_by_values(slots: dict[str, Any]) -> None:
    """Make values of columns that were named, and that nothing is split by, conditions."""
    for column, names in slots.pop("values", {}).items():
        slots.setdefault("where", []).append({"column": column, "op": "in", "value": names})
