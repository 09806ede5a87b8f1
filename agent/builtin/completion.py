"""Each kind of reading, completed with what its tool needs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.combination import choose_combination
from ethochat.agent.builtin.course import complete_course, intent_of_time, is_time_factor
from ethochat.agent.builtin.designs import ADJUSTED, MATRIX, asks_for_chance, complete_factors
from ethochat.agent.builtin.intents import is_spread, parts_compared
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.names import CONTROLS
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.quantities import choose_measure, nest_behaviors
from ethochat.agent.builtin.reading import Intent, Reading
from ethochat.agent.builtin.relation import two_raters, two_sides
from ethochat.agent.builtin.splits import choose_groups, choose_keep
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
    slots["outside"] = bool(slots.get("zones")) and (scan.has(_OUTSIDE) or bool(slots.get("beyond_zone")))
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


_OUTSIDE = r"\boutside (?:of )?(?:the|its|this|a)\b"
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
        _filter_by_values(slots)
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
        _filter_by_values(slots)
    elif sources:
        slots["group_column"] = "source"
        slots["groups"] = list(slots.get("sources", ()))
        slots["paired"] = True
        slots["values"] = values
        _filter_by_values(slots)
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
    slots["outside"] = bool(slots.get("zones")) and (scan.has(_OUTSIDE) or bool(slots.get("beyond_zone")))
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


def complete_cooccurrence(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Keep the two behaviors."""
    slots = reading.slots
    slots["first"], slots["second"] = slots.pop("behaviors")[:2]
    _filter_by_values(slots)
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
    return numeric and len(others) > 0 and scan.has(r"\bdos\w+\b") and not restricts_to(names, scan)


def restricts_to(names: list[str], scan: Scanner) -> bool:
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
    _filter_by_values(slots)
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
    slots["both_ways"] = matches(
        r"\bother way (?:round|around)\b|\bvice versa\b|\breverse\b|\bback again\b", text
    )
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
    slots["group_by"] = list(dict.fromkeys([*several, *split]))
    _filter_by_values(slots)
    slots["null"] = asks_for_chance(text)
    slots["probability"] = slots["null"] or matches(rf"\bprobabilit|\bhow likely\b|\bchance\b|{MATRIX}", text)
    slots.pop("order", None)


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
    _filter_by_values(slots)
    if slots.get("order"):
        slots["order"] = "shortest" if slots["order"] == "ascending" else "longest"


def complete_proximity(reading: Reading, scan: Scanner, vocabulary: Vocabulary) -> None:
    """Name the pair."""
    slots = reading.slots
    _filter_by_values(slots)
    slots["pair"] = slots.pop("individuals", [])
    slots.pop("behaviors", None)
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
        _filter_by_values(slots)
        return
    choose_measure(slots, scan, vocabulary)
    slots["kind"] = kind or "bars"
    if kind == "scatter":
        others = [*slots.get("metrics", [])[1:], *numeric]
        slots["against"] = others[0] if others else None
    values = slots.get("values", {})
    if values:
        slots["group_column"] = next(iter(values))
        _filter_by_values(slots)
    elif kind not in ("scatter", "time_bins"):
        named = [name for name in slots.get("columns", ()) if name in vocabulary.columns]
        split = matches(rf"{lexicon.PER}|\bgroups?\b|\bconditions?\b", text)
        grouping = named or (vocabulary.grouping_columns() if split else [])
        slots["group_column"] = grouping[0] if grouping else None
    slots.pop("statistics", None)


def _filter_by_values(slots: dict[str, Any]) -> None:
    for column, names in slots.pop("values", {}).items():
        slots.setdefault("where", []).append({"column": column, "op": "in", "value": names})


COMPLETE: dict[Intent, Callable[[Reading, Scanner, Vocabulary], None]] = {
    "measure": complete_measure, "compare": complete_compare, "family": complete_family, "two_factors": complete_two_factors,
    "power": complete_power, "cooccurrence": complete_cooccurrence, "correlate": complete_correlate, "agreement": complete_agreement,
    "transitions": complete_transitions, "clips": complete_clips, "proximity": complete_proximity, "search": complete_search,
    "facts": complete_facts, "plot": complete_plot,
}  # fmt: skip
