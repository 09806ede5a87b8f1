"""What a question wants: a fact, a measure, a comparison, clips and so on."""

from __future__ import annotations

from typing import Any

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.reading import Intent
from ethochat.agent.builtin.vocabulary import Vocabulary

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


def choose_intent(scan: Scanner, vocabulary: Vocabulary) -> Intent:
    """Decide by the most telling cue of the question."""
    text, slots = scan.text, scan.slots
    if matches(lexicon.PLOT, text):
        return "plot"
    if matches(lexicon.SUMMARY, text) and not _names_a_quantity(slots):
        slots["topic"] = "summary"
        return "facts"
    if matches(lexicon.AGREEMENT, text) and not is_spread(scan):
        return "agreement"
    if matches(lexicon.CORRELATION, text):
        return "correlate"
    return _intent_of_moments(scan, vocabulary) or _intent_of_numbers(scan, vocabulary)


def _names_a_quantity(slots: dict[str, Any]) -> bool:
    return bool(slots.get("behaviors") or slots.get("metrics") or slots.get("zones"))


def _intent_of_moments(scan: Scanner, vocabulary: Vocabulary) -> Intent | None:
    """Sequences, closeness and clips; ``None`` where the question asks for a number."""
    text, slots = scan.text, scan.slots
    latency = r"\bfirst\b.*\b(?:start|begin|occur|happen|appear)\w*\b|\bwhen does .*\bfirst\b"
    clips = matches(lexicon.CLIPS, text) and not matches(latency, text)
    sequence = matches(lexicon.TRANSITION, text) and len(vocabulary.behaviors) > 1
    if sequence and slots.get("behaviors") and not slots.get("metrics"):
        shown = (clips and "within_s" in slots) or matches(r"\bclips?\b|\bplaces\b|\bmoments\b", text)
        return "clips" if shown else "transitions"
    if "max_distance" in slots and _pair_named(scan, vocabulary) and (clips or "min_frames" in slots):
        return "proximity"
    counted = r"\bhow (?:many|much|long|far|often)\b|\bgive\b.*\b(?:total|mean|median|time|number|sem)\b"
    if not clips or matches(counted, text):
        return None
    if matches(lexicon.SIMILAR, text):
        return "search"
    if slots.get("behaviors"):
        return "clips"
    return "measure" if _names_a_quantity(slots) else "search"


def _intent_of_numbers(scan: Scanner, vocabulary: Vocabulary) -> Intent:
    if _is_fact(scan, vocabulary):
        return "facts"
    return "compare" if _is_comparison(scan, vocabulary) else "measure"


def is_spread(scan: Scanner) -> bool:
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
    numeric = [
        name
        for name in vocabulary.numeric_columns
        if matches(rf"\bhow many\s+(?:[\w-]+\s+){{0,2}}?{name}\b", text)
    ]
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
