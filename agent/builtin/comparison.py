"""Readings that compare groups, completed: which groups, of which measure, by which test; families, two factors, sample sizes."""

from __future__ import annotations

import re
from typing import Any

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.association import complete_correlate
from ethochat.agent.builtin.course import complete_course, intent_of_time, is_time_factor
from ethochat.agent.builtin.designs import ADJUSTED, complete_factors
from ethochat.agent.builtin.intents import parts_compared
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.names import CONTROLS
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.quantities import choose_measure
from ethochat.agent.builtin.reading import Reading
from ethochat.agent.builtin.splits import filter_by_values, is_outside
from ethochat.agent.builtin.vocabulary import Vocabulary


def complete_compare(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Choose the measure and the groups of a comparison."""
    slots = reading.slots
    choose_measure(slots, scan, vocabulary)
    if slots.get("measure_guessed") or (slots.get("behaviors") and slots.get("measure") == "total_duration"):
        rears_more = matches(r"\b(?:more|less|fewer) often\b", scan.text)
        slots["measure"] = "bout_count" if rears_more else slots["measure"]
    graded = _graded_column(slots, vocabulary)
    if graded is not None:
        reading.intent = "correlate"
        slots["columns"] = [graded]
        slots["values"] = {
            column: names
            for column, names in slots.get("values", {}).items()
            if names[0].lower() not in CONTROLS
        }
        complete_correlate(reading, scan, vocabulary)
        return
    of_time = intent_of_time(scan, vocabulary) == "compare"
    complete_course(slots, vocabulary)
    if of_time:
        filter_by_values(slots)
        slots["group_column"] = "window" if slots.get("windows") else "bin"
        for key in ("statistics", "order", "group_by"):
            slots.pop(key, None)
        return
    _choose_compared(slots, scan, vocabulary)
    if slots.get("group_column"):
        _split_by_another(slots, scan, vocabulary)
    if slots.get("test") == "by_ranks":
        slots["test"] = _test_by_ranks(slots, vocabulary)


def _test_by_ranks(slots: dict[str, Any], vocabulary: Vocabulary) -> str:
    """The usual test by ranks for as many groups, of the same or of different animals."""
    known = {"source": vocabulary.sources, "zone": vocabulary.zones, "individual": vocabulary.individuals}
    column = slots.get("group_column")
    groups = slots.get("groups") or known.get(str(column)) or vocabulary.columns.get(str(column), ())
    if column == "source" and not slots.get("groups"):
        behaviors = slots.get("behaviors", ())
        groups = {
            source
            for name in behaviors
            for source in vocabulary.behaviors.get(name, ())
            if vocabulary.sources.get(source) == "manual"
        }
    same = slots.get("paired") or column in ("source", "zone", "behavior", "individual", "window", "bin")
    if len(groups) == 2:
        return "wilcoxon" if same else "mann_whitney_u"
    return "friedman" if same else "kruskal_wallis"


def _split_by_another(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> None:
    """Read "males vs females, per group": one comparison for each value of another column."""
    column = slots["group_column"]
    named = [
        name
        for name in slots.get("columns", ())
        if name != column and matches(rf"{lexicon.PER}\s+(?:\w+\s+)?{re.escape(name)}s?\b", scan.text)
    ]
    general = matches(
        rf"{lexicon.PER}\s+(?:the\s+)?(?:two\s+|both\s+)?(?:groups?|conditions?|treatments?)\b", scan.text
    )
    if general and not named:
        named = [name for name in vocabulary.grouping_columns()[:1] if name != column]
    if named and not slots.get("group_by"):
        slots["group_by"] = named


_MOST_GROUPS = 12


def _graded_column(slots: dict[str, Any], vocabulary: Vocabulary) -> str | None:
    """A column of numbers with too many values to be groups: what is asked is how the measure goes with it."""
    conditions = {item["column"] for item in slots.get("where", ())}
    several = any(len(names) > 1 for names in slots.get("values", {}).values())
    for name in slots.get("columns", ()):
        many = name in vocabulary.numeric_columns and len(vocabulary.columns.get(name, ())) > _MOST_GROUPS
        if many and name not in conditions and name != slots.get("measure") and not several:
            return str(name)
    return None


def _choose_compared(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> None:
    """Fill the column that tells the groups, which of them are compared, and whether the animals are the same."""
    text = scan.text
    values = slots.pop("values", {})
    named = len(slots.get("sources", ())) > 1 and "sources" not in slots.get("left_out", ())
    sources = named or (
        matches(lexicon.RATERS, text)
        and not slots.get("sources")
        and matches(
            r"\braters? differ|\bdo (?:the|all)\b.*\braters?\b|\b(?:between|across|among) (?:the |all )?(?:\w+ )?(?:raters|annotators|observers|experimenters|scorers)\b",
            text,
        )
    )
    within = None if sources or any(len(names) > 1 for names in values.values()) else parts_compared(scan)
    if within is not None:
        slots.update(group_column=within, paired=True, values=values)
        slots["groups"] = list(slots[f"{within}s"])
        filter_by_values(slots)
    elif sources:
        slots["group_column"] = "source"
        slots["groups"] = list(slots.get("sources", ()))
        slots["paired"] = True
        slots["values"] = values
        filter_by_values(slots)
    elif values:
        column = _column_compared(values, slots, scan, vocabulary)
        slots["group_column"] = column
        slots["groups"] = values[column] if len(values.get(column, ())) > 1 else []
        for other, names in values.items():
            if other != column:
                slots.setdefault("where", []).append({"column": other, "op": "in", "value": names})
    else:
        groups = _grouping_columns(slots, vocabulary)
        if groups:
            slots["group_column"] = groups[0]
    slots.pop("statistics", None)
    slots.pop("order", None)
    slots["outside"] = is_outside(slots, scan)
    slots["paired"] = slots.get("paired", False) or matches(
        r"\bpaired\b|\brepeated[- ]measures?\b|\bwithin[- ]subjects?\b", text
    )
    if slots.get("focus") == "posthoc" and matches(
        r"\bdunnett\b|\b(?:against|versus|vs|to) (?:the )?control\b", text
    ):
        slots["control"] = _control_of(slots, vocabulary)


def _column_compared(
    values: dict[str, list[str]], slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary
) -> str:
    """Choose between the columns of the values named: one with several of them, else one that is not a mere restriction.

    "Between the groups for females only" compares the groups; "do CSI mice rear less?" compares CSI with the rest.
    """
    column = max(values, key=lambda name: len(values[name]))
    if len(values[column]) > 1:
        return column
    held = {*values, *(item["column"] for item in slots.get("where", ()))}
    others = [name for name in _grouping_columns(slots, vocabulary) if name not in held]
    said = "|".join(re.escape(name) for name in values[column])
    restricted = scan.has(
        rf"\b(?:for|among|amongst|within|only|in|of)\s+(?:the\s+)?(?:{said})s?\b|\b(?:{said})s?\b(?:\s+\w+)?\s+only\b|\bonly\s+(?:the\s+)?(?:{said})"
    )
    between = scan.has(r"\b(?:groups?|conditions?|treatments?|cohorts?)\b")
    named = [name for name in others if name in slots.get("columns", ())]
    return others[0] if others and (named or (restricted and between)) else column


def _grouping_columns(slots: dict[str, Any], vocabulary: Vocabulary) -> list[str]:
    """Columns named that can tell groups, else those of the experiment; one that is itself measured tells none."""
    named = [
        name
        for name in slots.get("columns", ())
        if 2 <= len(vocabulary.columns.get(name, ())) <= _MOST_GROUPS
    ]
    named = [name for name in named if name != slots.get("measure")]
    if slots.get("focus") == "posthoc" and not named:
        several = [name for name in vocabulary.grouping_columns() if len(vocabulary.columns[name]) > 2]
        return several or vocabulary.grouping_columns()
    return named or vocabulary.grouping_columns()


def _control_of(slots: dict[str, Any], vocabulary: Vocabulary) -> str | None:
    """The group that the others are held against: one called control, vehicle, saline … or the lowest number."""
    values = slots.get("groups") or vocabulary.columns.get(slots.get("group_column", ""), ())
    control = next((value for value in values if value.lower() in CONTROLS), None)
    if control is None and slots.get("group_column") in vocabulary.numeric_columns:
        return min(values, key=float, default=None)
    return control


def complete_family(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Choose what is compared one by one, and by what."""
    slots = reading.slots
    if slots["of"] == "behaviors" and not slots.get("behaviors"):
        _drop_quantity(slots)
    own = {key: slots[key] for key in ("behaviors", "zones", "sources") if slots.get(key)}
    found: dict[str, Any] = dict(own)
    if slots["of"] in ("behaviors", "zones"):
        choose_measure(found, scan, vocabulary)
        guessed = found.get("measure_guessed") or found.get("measure") not in _OF_BEHAVIORS
        slots["measure"] = "" if guessed else found["measure"]
    slots.pop("metrics", None)
    _choose_compared(slots, scan, vocabulary)
    if matches(r"\b(?:benjamini|hochberg|bh|false discovery|fdr)\b", scan.text):
        slots["correct_by"] = "fdr_by" if matches(r"\byekutieli\b", scan.text) else "fdr_bh"


_OF_BEHAVIORS = ("bout_count", "total_duration", "percent_time", "bout_rate", "bout_duration", "latency")


def _drop_quantity(slots: dict[str, Any]) -> None:
    """Nothing but the plural was named."""
    for key in ("category", "metrics", "metric_for_behaviors"):
        slots.pop(key, None)


def complete_two_factors(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Choose the measure and the two factors."""
    slots = reading.slots
    complete_factors(slots, scan, vocabulary)
    if len(slots["factors"]) < 2 and is_time_factor(scan):
        slots["factors"] = [*(slots["factors"] or vocabulary.grouping_columns()[:1]), "bin"]
        slots["course"] = True
    elif len(slots["factors"]) == 1 and matches(ADJUSTED, scan.text):
        # "Compare the groups, controlling for sex": the other factor is what tells the groups.
        others = [name for name in vocabulary.grouping_columns() if name not in slots["factors"]]
        slots["factors"] = [*others[:1], *slots["factors"]]
    columns = slots.get("columns", [])
    slots["columns"] = [name for name in columns if name not in slots["factors"]]
    choose_measure(slots, scan, vocabulary)
    complete_course(slots, vocabulary)
    for key in ("statistics", "order", "keep"):
        slots.pop(key, None)


def complete_power(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Choose the comparison whose difference is to be found, unless an effect size is given."""
    slots = reading.slots
    if slots.get("effect") is not None:
        return
    complete_compare(reading, scan, vocabulary)
    slots.pop("keep", None)
    if slots.get("difference_unit") == "percent" and slots.get("group_column"):
        names = slots.get("groups") or list(vocabulary.columns.get(slots["group_column"], ()))
        slots["groups"] = sorted(
            names, key=lambda name: name.lower() in CONTROLS
        )  # percent of the control's mean
    if slots.get("measure_guessed") or not (slots.get("behaviors") or slots.get("metrics")):
        detectable = slots.get("n_per_group") and matches(r"\b(?:smallest|minim\w+|detectable)\b", scan.text)
        if detectable and slots.get("measure") in (None, *_OF_BEHAVIORS):
            slots["measure"] = None
