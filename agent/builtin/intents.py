"""What a question wants: a fact, a measure, a comparison, clips and so on."""

from __future__ import annotations

from typing import Any

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.combination import asks_for_a_difference, lists_sessions_by_source
from ethochat.agent.builtin.course import intent_of_time
from ethochat.agent.builtin.designs import MATRIX, choose_design
from ethochat.agent.builtin.facts import asks_for_a_fact
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.reading import Intent
from ethochat.agent.builtin.relation import two_sides
from ethochat.agent.builtin.vocabulary import Vocabulary


def choose_intent(scan: Scanner, vocabulary: Vocabulary) -> Intent:
    """Decide by the most telling cue of the question."""
    text, slots = scan.text, scan.slots
    if matches(lexicon.PLOT, text):
        return _drawn_analysis(scan, vocabulary) or "plot"
    if matches(lexicon.SUMMARY, text) and not _names_a_quantity(slots):
        slots["topic"] = "summary"
        return "facts"
    design = choose_design(scan, vocabulary) or intent_of_time(scan, vocabulary)
    if design is not None:
        return design
    if matches(lexicon.AGREEMENT, text) and not is_spread(scan):
        return "agreement"
    if matches(lexicon.CORRELATION, text):
        return "agreement" if _of_raters(scan, vocabulary) else "correlate"
    return _intent_of_moments(scan, vocabulary) or _intent_of_numbers(scan, vocabulary)


def _drawn_analysis(scan: Scanner, vocabulary: Vocabulary) -> Intent | None:
    """Figures that come with a test: two quantities against one another, a measure by two columns."""
    if matches(r"\bscatter\w*\b|\bagainst\b|\bas a function of\b", scan.text):
        # `plot` takes one set of behaviors and zones for both axes.
        parts = [side.get("behaviors") or side.get("zones") for side in two_sides(scan, vocabulary)]
        return "correlate" if any(parts) else None
    columns = set(scan.slots.get("columns", ())) & set(vocabulary.columns)
    return "two_factors" if len(columns) == 2 and matches(lexicon.PER, scan.text) else None


def _names_a_quantity(slots: dict[str, Any]) -> bool:
    return bool(slots.get("behaviors") or slots.get("metrics") or slots.get("zones"))


def _intent_of_moments(scan: Scanner, vocabulary: Vocabulary) -> Intent | None:
    """Sequences, closeness and clips; ``None`` where the question asks for a number."""
    text, slots = scan.text, scan.slots
    latency = r"\bfirst\b.*\b(?:start|begin|occur|happen|appear)\w*\b|\b(?:start|begin|began)\w*\b.*\bfor the first time\b|\bwhen (?:does|did) .*\bfirst\b"
    latency += r"|\bwhen (?:was|is|were|did|does) (?:the )?(?:last|final|first)\b|\b(?:last|final)\b.*\b(?:ends?|ended|stops?|stopped)\b"
    asked = r"\bwhere (?:is|are|were) (?:the |all )?BEHAVIOR"
    several_bouts = r"^\W*(?:the )?(?:longest|shortest) (?:two|three|four|five|six|ten|\d+)\b(?!.*\b(?:duration|length|animals|mice|sessions|recordings)\b)"
    clips = (
        matches(lexicon.CLIPS, text) or matches(asked, scan.named) or matches(several_bouts, text)
    ) and not matches(latency, text)
    preceding = matches(r"\bwhat\b.*\b(?:before|after)\s+(?:each |every |a |an |the )?BEHAVIOR", scan.named)
    several = any(len(names) > 1 for names in slots.get("values", {}).values())
    directly = r"\bBEHAVIOR\b[^?]*\b(?:directly|immediately|right|straight|just)? ?(?:after|before|followed by)\b[^?]*\bBEHAVIOR\b"
    directly += r"|\b(?:transitions?|switch\w*|sequences?)\b[^?]*\bBEHAVIOR\b[^?]*\b(?:to|into|and|then)\b[^?]*\bBEHAVIOR\b"
    directly += (
        r"|\bafter\b[^?]{0,20}\bBEHAVIOR\b[^?]*\b(?:next|likely|comes?|follow\w*|goes)\b[^?]*\bBEHAVIOR\b"
    )
    directly += r"|\bBEHAVIOR\b[^?]{0,20}\b(?:to|into)\b[^?]{0,12}\bBEHAVIOR\b[^?]*\b(?:transitions?|switch\w*|sequences?)\b"
    directly += r"|\bBEHAVIOR\b[^?]{0,20}\b(?:go|lead|turn|pass|switch|change|move|shift)(?:e?s)?\b[^?]{0,24}\b(?:in)?to\b[^?]{0,12}\bBEHAVIOR\b"
    ordered = matches(directly, scan.named)
    sequence = (matches(lexicon.TRANSITION, text) or preceding or ordered) and len(vocabulary.behaviors) > 1
    sequence = sequence and (ordered or not several)
    if matches(MATRIX, text) and len(vocabulary.behaviors) > 1 and not slots.get("zones"):
        return "transitions"
    if sequence and slots.get("behaviors") and not slots.get("metrics"):
        shown = (clips and "within_s" in slots) or matches(r"\bclips?\b|\bplaces\b|\bmoments\b", text)
        return "clips" if shown else "transitions"
    if "max_distance" in slots and _pair_named(scan, vocabulary) and (clips or "min_frames" in slots):
        return "proximity"
    counted = r"\bhow (?:many|much|long|far|often)\b|\b(?:give|list|show)\b.*\b(?:total|mean|median|average|number of|counts?|percentage|sem|durations?)\b"
    counted += rf"|\b(?:give|list)\b.*\btime\b|^\W*(?:list|show|name|give)\s+(?:me\s+)?(?:the\s+|all\s+|those\s+)*{lexicon.PEOPLE}\s+(?:with|without|that|which|who|in which|where)\b"
    if not clips or matches(counted, text):
        return None
    return _shown(scan, vocabulary)


def _shown(scan: Scanner, vocabulary: Vocabulary) -> Intent:
    """What there is to show or to list: clips, values, names of the experiment, or a description to search for."""
    if matches(lexicon.SIMILAR, scan.text):
        return "search"
    if scan.slots.get("behaviors"):
        return "clips"
    tracked = any(needs == "track" and matches(pattern, scan.cues) for pattern, _, needs in lexicon.MEASURES)
    listed = matches(r"\b(?:of|for) (?:all|each|every)\b", scan.text)
    if _names_a_quantity(scan.slots) or (vocabulary.trackers and tracked and listed):
        return "measure"
    return "facts" if asks_for_a_fact(scan, vocabulary) else "search"


def _intent_of_numbers(scan: Scanner, vocabulary: Vocabulary) -> Intent:
    if asks_for_a_fact(scan, vocabulary):
        return "facts"
    return "compare" if _is_comparison(scan, vocabulary) else "measure"


def _of_raters(scan: Scanner, vocabulary: Vocabulary) -> bool:
    """Whether what is correlated are raters: their bout counts over the recordings."""
    raters = [name for name in scan.slots.get("sources", ()) if name not in vocabulary.trackers]
    coefficient = r"\bspearman\b|\bpearson\b|\brho\b|\bcorrelat\w+\b[^?]*\b(?:times?|durations?|totals?|latenc\w+)\b|\b(?:times?|durations?|totals?|latenc\w+)\b[^?]*\bcorrelat\w+\b"
    if len(raters) == 2 and scan.has(coefficient) and not scan.has(r"\bagree\w*|\breliab\w+|\bkappa\b"):
        return False
    return len(raters) > 1 or (scan.has(lexicon.RATERS) and not scan.slots.get("metrics"))


def is_spread(scan: Scanner) -> bool:
    """Disagreement asked for as a difference of totals, not as an agreement statistic."""
    return scan.has(r"\bdisagree\b") and scan.has(r"\blargest minus smallest\b|\btotals?\b|\brange\b")


def _pair_named(scan: Scanner, vocabulary: Vocabulary) -> bool:
    return len(vocabulary.individuals) > 1 and (
        len(scan.slots.get("individuals", ())) == 2
        or scan.has(r"\b(?:mice|animals|each other|they|pair|two)\b")
    )


def _one_against_the_rest(scan: Scanner, vocabulary: Vocabulary) -> bool:
    """Read "do the treated mice rear more?": one group is named, the others are meant."""
    asks = r"^\W*(?:and |so |but )?(?:do|does|did|are|is|was|were|have|has|will|would)\b"
    more = r"\b(?:more|less|fewer|longer|shorter|earlier|later|sooner|faster|slower|higher|lower|greater|smaller|reduced|increased)\b"
    one = any(
        len(names) == 1 and 2 <= len(vocabulary.columns.get(column, ())) <= _MOST_GROUPS
        for column, names in scan.slots.get("values", {}).items()
    )
    return one and scan.has(asks) and matches(more, scan.cues)


_MOST_GROUPS = 12


def parts_compared(scan: Scanner) -> str | None:
    """What is tested within animals: two behaviors, zones or individuals; ``None`` where none of these is compared."""
    tested = r"\bpaired\b|\bwilcoxon\b|\bt-?tests?\b|\bsignificant\w*|\bp[- ]?values?\b|\btest(?:ed|ing)?\b|^\W*(?:do|does|did|is|are|was|were)\b[^?]*\b(?:than|differ\w*)\b|\bcompare\b"
    if not (scan.has(tested) or "test" in scan.slots) or scan.slots.get("sessions"):
        return None
    apart = [group for group in scan.behavior_groups if group]
    if len(apart) == 2 and not set(apart[0]) & set(apart[1]) and not scan.slots.get("zones"):
        return "behavior"
    if len(scan.slots.get("zones", ())) == 2 and not scan.slots.get("behaviors"):
        return "zone"
    return "individual" if len(scan.slots.get("individuals", ())) > 1 else None


def _is_comparison(scan: Scanner, vocabulary: Vocabulary) -> bool:
    slots = scan.slots
    comparative = (
        matches(lexicon.COMPARE, scan.cues) or "test" in slots or _one_against_the_rest(scan, vocabulary)
    )
    if not comparative or "bin_s" in slots or slots.get("keep"):
        return False
    one = len(slots.get("sessions", ()) or slots.get("subjects", ())) == 1
    within = not any(len(names) > 1 for names in slots.get("values", {}).values())
    each = within and scan.has(
        rf"{lexicon.PER}\s+(?:the\s+)?(?:\w+\s+)?(?:{lexicon.SESSIONS}|{lexicon.ANIMALS})\b"
    )
    if lists_sessions_by_source(scan) or ((one or each) and asks_for_a_difference(scan)):
        return False
    if slots.get("sessions") and len(slots["sessions"]) > 1 and not slots.get("values"):
        return False
    several = any(len(values) > 1 for values in slots.get("values", {}).values()) or _one_against_the_rest(
        scan, vocabulary
    )
    sources = len(slots.get("sources", ())) > 1 or (
        scan.has(lexicon.RATERS)
        and scan.has(
            r"\bdiffer|\bmore\b|\b(?:between|across|among) (?:the |all )?(?:\w+ )?(?:raters|annotators|observers|experimenters|scorers)\b"
        )
    )
    named = (
        "test" in slots
        or bool(slots.get("values"))
        or scan.has(r"\b(?:groups?|conditions?|treatments?|controls?|cohorts?|genotypes?)\b")
    )
    held = {item["column"] for item in slots.get("where", ())}  # "in trial 24": no column to compare by
    named = named or bool((set(slots.get("columns", ())) - held) & set(vocabulary.columns))
    # "Did the surgery alter the time moving?": what acts on the animals is what the groups differ in
    effect = r"\b(?:affect|alter|influence|impact|modif)\w*|\beffects? of\b"
    agent = r"\b(?:drugs?|treatments?|injections?|manipulations?|interventions?|surgery|stressors?)\b"
    change = r"\b(?:chang|increas|decreas|reduc|rais|lower|boost|suppress|enhanc|slow|speed)\w*\b"
    named = named or scan.has(rf"{agent}[^?]*{change}")
    named = named or (scan.has(effect) and not slots.get("sessions") and not slots.get("subjects"))
    if several or sources or parts_compared(scan) is not None:
        return True
    return named and bool(vocabulary.grouping_columns())
