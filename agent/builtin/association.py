"""Readings that relate two quantities, completed: which two they are, over which animals; what goes on at the same time."""

from __future__ import annotations

import re
from typing import Any

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.quantities import choose_measure
from ethochat.agent.builtin.reading import Reading
from ethochat.agent.builtin.relation import two_raters, two_sides
from ethochat.agent.builtin.splits import filter_by_values
from ethochat.agent.builtin.vocabulary import Vocabulary


def complete_cooccurrence(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Keep the two behaviors."""
    slots = reading.slots
    slots["first"], slots["second"] = slots.pop("behaviors")[:2]
    filter_by_values(slots)
    slots.pop("statistics", None)


def complete_correlate(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Find the two quantities: metrics named, numeric columns, or measures on both sides of "and", "with", "on"."""
    slots, text = reading.slots, scan.text
    slots["method"] = (
        "pearson" if matches(r"\bpearson\b|\blinear(?:ly)? (?:correlat|relat)\w*", text) else "spearman"
    )
    graded = r"\blinear\b|\bregress\w*|\bslope\b|\bdose[- ]?(?:response|dependen\w+|effect)\b"
    if matches(graded, text) and slots["method"] == "spearman":
        slots["method"] = "linear"
    quantities = [{"measure": name} for name in slots.get("metrics", ())]
    conditions = {item["column"] for item in slots.get("where", ())}
    quantities += [
        {"measure": name}
        for name in slots.get("columns", ())
        if name in vocabulary.numeric_columns and name not in conditions
    ]
    sides = [] if len(quantities) > 1 else two_raters(slots, scan, vocabulary) or two_sides(scan, vocabulary)
    if sides:
        share = {key: slots[key] for key in ("sources",) if slots.get(key)}
        quantities = [({**share, **side} if side.get("behaviors") else side) for side in sides]
    elif not quantities and len(slots.get("behaviors", ())) == 2:
        share = {key: slots[key] for key in ("sources",) if slots.get(key)}
        quantities = [
            {"measure": measure, "behaviors": [name], **share}
            for measure, name in zip(_measures_of_both(scan), slots["behaviors"], strict=True)
        ]
    if len(quantities) < 2:
        own: dict[str, Any] = {key: slots[key] for key in ("behaviors", "sources", "zones") if slots.get(key)}
        choose_measure(own, scan, vocabulary)
        if own.get("measure") and {"measure": own["measure"]} not in quantities:
            kept = {key: own[key] for key in ("measure", "behaviors", "sources", "zones") if own.get(key)}
            quantities.insert(0, kept)
        slots["behaviors"] = own.get("behaviors", [])
    if sides or slots.get("metrics"):
        slots.pop("behaviors", None)  # "supported rears (labels.rears.count)": the metric says it
    for column, names in slots.pop("values", {}).items():
        if not _is_the_drug_dosed(quantities, column, names, scan, vocabulary):
            slots.setdefault("where", []).append({"column": column, "op": "in", "value": names})
    slots.pop("statistics", None)
    # What the experimenter set, such as a dose, is what a quantity is drawn over.
    quantities[:2] = sorted(
        quantities[:2], key=lambda item: item["measure"] not in vocabulary.numeric_columns
    )
    if matches(rf"(?:{lexicon.PER}|\bwithin)\s+(?:\w+\s+)?(?:groups?|conditions?|treatments?)\b", text):
        slots["group_column"] = next(iter(vocabulary.grouping_columns()), None)
    if len(quantities) >= 2:
        slots["x"], slots["y"] = quantities[:2]
    elif quantities:
        slots["x"] = quantities[0]


def _is_the_drug_dosed(
    quantities: list[dict[str, Any]], column: str, names: list[str], scan: Scanner, vocabulary: Vocabulary
) -> bool:
    """Whether a group named is what the doses are of: "a dose response of the drug" takes the undosed animals in, too."""
    numeric = any(item["measure"] in vocabulary.numeric_columns for item in quantities)
    others = [name for name in vocabulary.columns.get(column, ()) if name not in names]
    return numeric and len(others) > 0 and scan.has(r"\bdos\w+\b") and not _restricts_to(names, scan)


def _restricts_to(names: list[str], scan: Scanner) -> bool:
    """Whether values are named as a restriction: "for females only", "among the treated"."""
    said = "|".join(rf"{re.escape(name)}\w{{0,2}}" for name in names)
    return scan.has(
        rf"\b(?:for|among|amongst|within|only|in)\s+(?:the\s+)?(?:{said})s?\b|\b(?:{said})s?\b(?:\s+\w+)?\s+only\b|\bonly\s+(?:the\s+)?(?:{said})"
    )


def _measures_of_both(scan: Scanner) -> tuple[str, str]:
    """Count or time of each of two behaviors, by the words around each; one word for both where only one has any."""
    count, time = (
        r"\b(?:numbers?|counts?|bouts|often|many|frequen\w+)\b",
        r"\b(?:time|duration|seconds|minutes|long)\b",
    )
    parts = re.split(r"\s(?:and|with|to|or|vs\.?|versus|show)\s", scan.named, flags=re.IGNORECASE)
    of_behaviors = [part for part in parts if "BEHAVIOR" in part]
    found = [
        "bout_count" if matches(count, part) else "total_duration" if matches(time, part) else None
        for part in of_behaviors
    ]
    general = "bout_count" if matches(count, scan.text) else "total_duration"
    if len(found) != 2 or None in found:
        return general, general
    return found[0] or general, found[1] or general
