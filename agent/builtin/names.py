"""From the names found in a question to slots: which behaviors, sources, animals, groups and conditions it means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from rapidfuzz import fuzz, process

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.exclusion import excluding_first, find_exclusions, leave_out
from ethochat.agent.builtin.lexicon import COMMON_WORDS, FUNCTION_WORDS
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.text import NUMBER_WORDS, Atom, atoms, name_stems, stem
from ethochat.agent.builtin.vocabulary import Mention, Vocabulary

_COMMON_STEMS = {stem(word) for word in COMMON_WORDS | FUNCTION_WORDS if word[0].isalpha()} | {
    stem(word) for word in NUMBER_WORDS
}
_COMMON_LOWER = {word.lower() for word in COMMON_WORDS}
CONTROLS: Final = (
    "control",
    "vehicle",
    "saline",
    "sham",
    "untreated",
    "placebo",
    "naive",
    "wt",
    "wild-type",
    "wildtype",
)
_PLURAL = {
    "metric": "metrics", "column": "columns", "session": "sessions", "subject": "subjects", "individual": "individuals", "source": "sources", "zone": "zones", "keypoint": "keypoints",
}  # fmt: skip
_COMPARATORS = (
    (r"(?:or\s+)?(?:higher|more|above|greater|larger|over|up)", ">="),
    (r"(?:or\s+)?(?:lower|less|below|smaller|under)", "<="),
)
_BEFORE = (
    (
        r"(?:(?:is|are|was|were)\s+)?(?:not(?:\s+equal\s+to)?|other\s+than|different\s+from|except|but\s+not|!=|<>)",
        "!=",
    ),
    (
        r"(?:(?:is|are)\s+)?(?:not|no)\s+(?:above|over|greater than|higher than|more than|larger than|exceeding)",
        "<=",
    ),
    (r"(?:(?:is|are)\s+)?(?:not|no)\s+(?:below|under|less than|lower than|smaller than)", ">="),
    (r"(?:above|over|greater than|higher than|more than|larger than|exceeding|>)", ">"),
    (r"(?:below|under|less than|lower than|smaller than|<)", "<"),
    (r"(?:at least|>=|from)", ">="),
    (r"(?:at most|up to|<=)", "<="),
    (r"(?:of|is|was|equal to|=|:)?", "=="),
)


def correct_typos(text: str, vocabulary: Vocabulary) -> str:
    """Replace words that nobody knows by the nearest name of the experiment, where it is near enough.

    A word is left alone when it is common, short, or equally near to two names.
    """
    known = vocabulary.stems
    surface = {
        word.text.lower()
        for stems in vocabulary.entries.values()
        for entry in stems
        for word in atoms(entry.name)
    }
    candidates = sorted(word for word in surface if len(word) >= 5 and word.isalpha())
    out, last = [], 0
    for word in atoms(text):
        lowered = word.text.lower()
        rater = _rater_meant(text, word, vocabulary)
        if rater is not None:
            out.append(text[last : word.start] + rater)
            last = word.stop
            continue
        if len(lowered) < 5 or not lowered.isalpha() or word.stem in known or word.stem in _COMMON_STEMS:
            continue
        if word.stem in vocabulary.free_words:
            continue
        best = process.extract(lowered, candidates, scorer=fuzz.ratio, score_cutoff=84, limit=2)
        if best and (len(best) == 1 or best[0][1] > best[1][1] or stem(best[0][0]) == stem(best[1][0])):
            out.append(text[last : word.start] + best[0][0])
            last = word.stop
    return "".join(out) + text[last:]


def _rater_meant(text: str, word: Atom, vocabulary: Vocabulary) -> str | None:
    """The source meant by a short misspelt name, where the words before say that a source is named."""
    if not 3 <= len(word.text) <= 8 or word.stem in vocabulary.stems or word.stem in _COMMON_STEMS:
        return None
    if not re.search(
        r"\b(?:according to|rater|annotator|scored by|rated by|annotated by)\s+$", text[: word.start]
    ):
        return None
    near = process.extract(
        word.text.lower(),
        {name: name.lower() for name in vocabulary.sources},
        scorer=fuzz.ratio,
        score_cutoff=80,
        limit=2,
    )
    return str(near[0][2]) if len(near) == 1 else None


def long_names(mentions: Sequence[Mention], scan: Scanner) -> None:
    """Blank the names that hold numbers or several words, so that no phrase reads a number out of ``OFT_5``."""
    words = atoms(scan.text)
    for mention in mentions:
        if mention.stop - mention.start > 1 or mention.entry.kind in ("session", "subject", "metric"):
            scan.blank(words[mention.start].start, words[mention.stop - 1].stop)


_LISTED = rf"\b(?:which|what|list|name|how many)\b[^?]*\b{lexicon.PEOPLE}\b[^?]*{lexicon.SCORED}|\b(?:which|what|how many)\b[^?]*\b{lexicon.PEOPLE}\b[^?]*\b(?:neither|not)\b"


def fill_names(mentions: Sequence[Mention], scan: Scanner, vocabulary: Vocabulary) -> None:
    """Put the names of a question into slots.

    ``behaviors`` holds behaviors in the order named (a category stands for its members unless members are named too),
    ``values`` maps a metadata column to the values named, ``columns`` and ``metrics`` what else was named.
    """
    slots = scan.slots
    words = atoms(scan.text)
    exclusions = find_exclusions(mentions, scan, vocabulary)
    left_out, kept = [], []
    for place, mention in enumerate(mentions):
        entry = mention.entry
        if place in exclusions.replaced:
            continue
        if place in exclusions.left_out and entry.kind == "source" and scan.has(_LISTED):
            _append(slots, "not_sources", entry.name)
        elif place in exclusions.left_out:
            left_out.append((entry, exclusions.left_out[place]))
        else:
            kept.append(mention)
            _fill(mention, slots, words, vocabulary)
    scan.named = _with_behaviors_marked(kept, scan)
    scan.behavior_groups = [
        list(mention.entry.members) or [mention.entry.name]
        for mention in sorted(kept, key=lambda item: item.start)
        if mention.entry.kind in ("behavior", "category")
    ]
    if not slots.get("behaviors"):
        like = vocabulary.behaviors_like(scan.text)
        if like:
            slots["behaviors"] = like
    _fill_categories(kept, slots)
    leave_out(scan, left_out, vocabulary)
    _settle_overlaps(slots, vocabulary)


def _fill(mention: Mention, slots: dict[str, Any], words: Sequence[Atom], vocabulary: Vocabulary) -> None:
    """Put one name into its slot."""
    entry = mention.entry
    if entry.kind in _PLURAL:
        _append(slots, _PLURAL[entry.kind], entry.name)
    elif entry.kind == "behavior":
        zone = _zone_meant(entry.name, mention, words, vocabulary)
        _append(slots, "zones" if zone else "behaviors", zone or entry.name)
    elif entry.kind == "value" and entry.column is not None:
        _append(slots.setdefault("values", {}), entry.column, entry.name)


def _fill_categories(mentions: Sequence[Mention], slots: dict[str, Any]) -> None:
    """A category stands for its members, unless some of them are named too."""
    for mention in mentions:
        members = mention.entry.members
        if members and set(members) <= set(slots.get("behaviors", ())):
            slots["category"] = mention.entry.name  # "rearing, supported plus unsupported" is rearing
        elif members and not set(members) & set(slots.get("behaviors", ())):
            slots["behaviors"] = [*slots.get("behaviors", []), *members]
            slots["category"] = mention.entry.name


def _zone_meant(behavior: str, mention: Mention, words: Sequence[Atom], vocabulary: Vocabulary) -> str | None:
    """Find the declared zone behind words that a rule, and nobody else, calls a behavior: "center entries"."""
    if any(vocabulary.sources.get(source) != "rule" for source in vocabulary.behaviors[behavior]):
        return None
    said = {word.stem for word in words[mention.start : mention.stop]}
    return next((zone for zone in vocabulary.zones if set(name_stems(zone)) <= said), None)


def _with_behaviors_marked(mentions: Sequence[Mention], scan: Scanner) -> str:
    words, text = atoms(scan.text), scan.cues
    for mention in sorted(mentions, key=lambda item: item.start, reverse=True):
        if mention.entry.kind in ("behavior", "category"):
            text = text[: words[mention.start].start] + "BEHAVIOR" + text[words[mention.stop - 1].stop :]
    return re.sub(r"\s+", " ", re.sub(r"BEHAVIOR(?:\s*\(?BEHAVIOR\)?)+", "BEHAVIOR", text))


def _append(slots: dict[str, Any], key: str, name: str) -> None:
    names = slots.setdefault(key, [])
    if name not in names:
        names.append(name)


def _settle_overlaps(slots: dict[str, Any], vocabulary: Vocabulary) -> None:
    """Drop what was named in passing: a subject beside its own session, a behavior that the named source never marks."""
    if slots.get("sessions") and slots.get("subjects") and set(slots["subjects"]) <= set(slots["sessions"]):
        del slots["subjects"]
    sources = slots.get("sources")
    if sources and len(slots.get("behaviors", ())) > 1:
        # "aggression subtypes … on channel S2": what the named source never marks was said in passing
        marked = [
            name for name in slots["behaviors"] if set(vocabulary.behaviors.get(name, ())) & set(sources)
        ]
        slots["behaviors"] = marked or slots["behaviors"]


_ALIASES = {
    "age": ("old", "aged"), "weight": ("weigh", "weighs", "weighed", "weighing", "heavy"), "dose": ("dosage", "received", "given", "got"), "dosage": ("dose", "received", "given", "got"),
}  # fmt: skip
_COMPARATIVES = (
    ("older", "age", ">"),
    ("younger", "age", "<"),
    ("heavier", "weight", ">"),
    ("lighter", "weight", "<"),
)
_NUMBER = r"\d+(?:\.\d+)?|zero"
_COLUMN_UNIT = r"(?:\s*(?:mg/kg|mg|grams?|g|weeks?|days?|months?))?"


def _column_words(column: str) -> list[str]:
    parts = [part for part in column.lower().split("_") if len(part) > 2]
    words = {column.lower(), column.lower().replace("_", " "), *parts[:1]}
    return sorted(
        {*words, *(alias for part in parts for alias in _ALIASES.get(part, ()))}, key=len, reverse=True
    )


def fill_numeric_conditions(scan: Scanner, vocabulary: Vocabulary) -> None:
    """Read "dosage of 0.5 or higher", "dose above 2", "day 3", "between 0.2 and 0.4", "older than 12 weeks"."""
    for column in vocabulary.numeric_columns:
        name = "|".join(re.escape(item) + r"s?" for item in _column_words(column))
        for word, meaning, op in _COMPARATIVES:
            if meaning in column.lower().split("_") and (
                match := scan.take(rf"\b{word}\s+than\s+({_NUMBER}){_COLUMN_UNIT}\b")
            ):
                _add_condition(scan, column, op, match[1])
        ranged = scan.take(
            rf"\b(?:{name})\b\s+(?:of\s+)?(?:(?:between|from|in|within)\s+({_NUMBER})\s*(?:and|to|through|-)\s*({_NUMBER})|({_NUMBER})\s*(?:to|through|-)\s*({_NUMBER})){_COLUMN_UNIT}\b"
        )
        if ranged:
            _add_condition(scan, column, ">=", ranged[1] or ranged[3])
            _add_condition(scan, column, "<=", ranged[2] or ranged[4])
        if scan.take(rf"\bnon-?\s?zero\s+(?:{name})\b"):
            _all_but(scan, column, ["0"])
        while _take_condition(scan, column, name):
            pass
        _equal_values_are_groups(scan, column)
        aliases = [alias for part in column.lower().split("_") for alias in _ALIASES.get(part, ())]
        asked = "|".join(re.escape(alias) for alias in aliases if alias not in ("received", "given", "got"))
        if asked and scan.take(rf"\bhow\s+(?:{asked})\b|\bhow much\b[^?]*\b(?:{asked})\b"):
            _append(scan.slots, "columns", column)


def _take_condition(scan: Scanner, column: str, name: str) -> bool:
    """Read one condition on a column; say whether there was one."""
    ops, ends = "|".join(p for p, _ in _BEFORE), "|".join(p for p, _ in _COMPARATORS)
    match = scan.take(
        rf"{excluding_first(name)}\b(?:\s*\([^)]*\))?\s*(?P<before>{ops})\s*(?P<value>{_NUMBER})\b{_COLUMN_UNIT}(?:\s+or\s+(?P<after>{ends})\b)?"
        rf"(?P<further>\s*(?:,|but|and)\s+(?P<op2>{'|'.join(p for p, _ in _BEFORE[3:7])})\s*(?P<value2>{_NUMBER}))?"
        rf"(?P<more>(?:\s*(?:,|and|or|vs\.?|versus)\s*(?:{_NUMBER})\b(?!\s*(?:s|sec\w*|min\w*|frames?|px|cm|%)\b))*)"
    )
    if match is None:
        return False
    op = _operator(match["before"] or "")
    if match["after"]:
        op = next(op for pattern, op in _COMPARATORS if re.fullmatch(pattern, match["after"], re.IGNORECASE))
    if match["leaves"]:
        op = _OPPOSITE[op]
    if op == "!=":
        _all_but(scan, column, [match["value"], *re.findall(_NUMBER, match["more"] or "", re.IGNORECASE)])
        return True
    _add_condition(scan, column, op, match["value"])
    if match["further"]:
        _add_condition(scan, column, _operator(match["op2"]), match["value2"])
    if op == "==":
        for value in re.findall(_NUMBER, match["more"] or "", re.IGNORECASE):
            _add_condition(scan, column, "==", value)
    return True


_OPPOSITE: Final = {"==": "!=", "!=": "==", ">": "<=", ">=": "<", "<": ">=", "<=": ">"}


def _all_but(scan: Scanner, column: str, values: Sequence[str]) -> None:
    """Every value of a column of numbers but some."""
    limits = [0.0 if value.lower() == "zero" else float(value) for value in values]
    condition: dict[str, Any] = {"op": "!=", "value": limits[0]}
    if len(limits) > 1:
        condition = {"op": "not in", "value": limits}
    scan.slots.setdefault("where", []).append({"column": column, **condition})
    _append(scan.slots, "columns", column)


def limit_unread(scan: Scanner, vocabulary: Vocabulary) -> str | None:
    """A number beside a column of numbers that no condition took: "a dose around 0.2"."""
    for column in vocabulary.numeric_columns:
        name = "|".join(
            re.escape(item) + r"s?"
            for item in _column_words(column)
            if item not in ("received", "given", "got")
        )
        match = re.search(
            rf"\b(?:{name})\b(?:\s+[a-z]+){{0,3}}\s+\d+(?:\.\d+)?(?![\w.])", scan.rest, re.IGNORECASE
        )
        if match is not None:
            return match.group()
    return None


def _equal_values_are_groups(scan: Scanner, column: str) -> None:
    """Turn "day 1 … day 2" and "doses 0, 5 and 10" into groups of that column."""
    where = scan.slots.get("where", [])
    equal = [item["value"] for item in where if item["column"] == column and item["op"] == "=="]
    if len(set(equal)) > 1:
        scan.slots["where"] = [item for item in where if item["column"] != column or item["op"] != "=="]
        values = scan.slots.setdefault("values", {})
        values[column] = [f"{value:g}" for value in dict.fromkeys(equal)]


def _operator(words: str) -> str:
    return next((op for pattern, op in _BEFORE if re.fullmatch(pattern, words, re.IGNORECASE)), "==")


def _add_condition(scan: Scanner, column: str, op: str, value: str) -> None:
    limit = 0.0 if value.lower() == "zero" else float(value)
    scan.slots.setdefault("where", []).append({"column": column, "op": op, "value": limit})
    _append(scan.slots, "columns", column)


def fill_treated(scan: Scanner, vocabulary: Vocabulary) -> None:
    """Read "treated animals", "the drug group" where the groups have a control among them."""
    if not scan.has(
        r"\b(?:treated|drugged|injected|(?<!each )(?<!every )(?<!per )(?<!by )(?<!which )(?:drug|treatment)(?= (?:and|or|versus|vs|animals|mice|group)\b))\b"
    ):
        return
    named = scan.slots.get("values", {})
    for column in vocabulary.grouping_columns():
        controls = [value for value in vocabulary.columns[column] if value.lower() in CONTROLS]
        others = [value for value in vocabulary.columns[column] if value not in controls]
        if not controls or set(named.get(column, ())) & set(others):
            continue
        if named.get(column):
            named[column] = [*others, *named[column]]
        elif not named:
            scan.slots.setdefault("where", []).append({"column": column, "op": "not in", "value": controls})
        return


def unknown_session(text: str, vocabulary: Vocabulary) -> str | None:
    """Find a name made like the experiment's session or subject ids that is none of them."""
    known = {
        name_stems(name) for name in (*vocabulary.sessions, *vocabulary.subjects, *vocabulary.individuals)
    }
    shapes = {
        tuple("#" if part[0].isdigit() else part for part in stems) for stems in known if len(stems) > 1
    }
    shapes = {shape for shape in shapes if "#" in shape and any(part != "#" for part in shape)}
    words = atoms(text)
    for shape in sorted(shapes, key=len, reverse=True):
        for start in range(len(words) - len(shape) + 1):
            window = words[start : start + len(shape)]
            joined = text[window[0].start : window[-1].stop]
            if " " in joined or tuple(word.stem for word in window) in known:
                continue
            if tuple("#" if word.stem[0].isdigit() else word.stem for word in window) == shape and not any(
                known_stems[: len(shape)] == tuple(word.stem for word in window) for known_stems in known
            ):
                return joined
    return None


_NOUNS_IN_LY: Final = (
    "family",
    "belly",
    "assembly",
    "supply",
    "reply",
    "anomaly",
    "butterfly",
    "bully",
    "fly",
    "rally",
    "tally",
)


def unread_words(scan: Scanner, mentions: Sequence[Mention], vocabulary: Vocabulary) -> list[str]:
    """Words that are neither common, nor the experiment's, nor part of a phrase that was read."""
    named = {index for mention in mentions for index in range(mention.start, mention.stop)}
    words = atoms(scan.text)
    rest = scan.rest
    unread: list[str] = []
    for index, word in enumerate(words):
        if index + 1 in named and words[index + 1].text.isdigit():
            continue  # "cluster 7", "mouse 12": the word says what the number names
        if (
            index in named
            or rest[word.start : word.stop].isspace()
            or not word.text.isalpha()
            or (len(word.text) < 3 and not (len(word.text) == 2 and word.text.isupper()))
        ):
            continue
        if word.stem in _COMMON_STEMS or word.stem in vocabulary.free_words or word.stem in vocabulary.stems:
            continue
        if re.fullmatch(r"[a-z]{3,}ly", word.text) and word.text not in _NOUNS_IN_LY:
            continue  # an adverb says how, not what; no name of an experiment is one
        if word.text.lower() not in (item.lower() for item in unread):
            unread.append(word.text)
    return unread


_GROUP_POSITIONS = (
    r"\b(?:the|in|of)\s+{word}\s+(?:group|condition|cohort|treated|mice|animals|mouse|treatment|arm)\b(?!-)",
    r"\b{word}[- ](?:treated|injected|group|mice|animals|cohort)\b(?!-)",
    r"\b(?:treated with|given|received|receiving|injected with|in|among|than|after|rater|annotator|classifier|zone)\s+(?:the\s+)?{word}\b",
    r"\b(?:according to|rated by|scored by|annotated by|labeled by|marked by|per|by|for)\s+(?:rater\s+|annotator\s+)?{word}\b",
    r"\b{word}(?:'s)?\s+(?:scor\w+|annotat\w+|mark\w*|count(?:ed|s)|label\w*|rat(?:es?|ings?)|s[ae]en?|find|found)\b|\bdid\s+{word}\b",
    r"\bbetween\s+{word}\s+and\b|\band\s+{word}\s+(?:treated|mice|animals|group)\b|\b{word}\s+(?:versus|vs)\b|\b(?:versus|vs\.?)\s+{word}\b",
)


_MEMBER_NOUNS = (
    "drug",
    "group",
    "treatment",
    "condition",
    "cohort",
    "batch",
    "line",
    "context",
    "cage",
    "room",
    "strain",
    "arm",
)


def unknown_member(text: str, vocabulary: Vocabulary) -> str | None:
    """Find "cage Z" where the cages are A to G: a value that its column does not have."""
    for column, values in vocabulary.columns.items():
        if column in vocabulary.numeric_columns or not 2 <= len(values) <= 24:
            continue
        known = {value.lower() for value in values}
        for match in re.finditer(
            rf"\b{re.escape(column)}s?\s+([A-Z]\w*|\w*\d\w*)\b(?!\s*(?:s|min|cm|px|%)\b)", text
        ):
            single = len(match[1]) == 1 and match[1] != "I"
            if match[1].lower() not in known and (single or match[1].lower() not in _COMMON_LOWER):
                return f"{column} {match[1]}"
    return _unknown_letter(text, vocabulary)


def _unknown_letter(text: str, vocabulary: Vocabulary) -> str | None:
    """Find "drug A" and "group 4" where nothing in the experiment is called so."""
    nouns = "|".join(noun for noun in _MEMBER_NOUNS if noun not in map(str.lower, vocabulary.columns))
    values = {value.lower() for known in vocabulary.columns.values() for value in known}
    for match in re.finditer(rf"\b({nouns})\s+([A-HJ-Z]|\d)\b(?!\s*(?:s|min|cm|px|%)\b)(?![.\w])", text):
        together = name_stems(f"{match[1]} {match[2]}")
        known = (
            together in vocabulary.entries
            or (match[2].lower() in values)
            or name_stems(match[2]) in vocabulary.entries
        )
        if not known:
            return match.group()
    return None


def asked_for(scan: Scanner, unread: Sequence[str]) -> str | None:
    """An unread word that is itself the thing asked for: "how many foot shocks", "which stressor", "the heritability of"."""
    for word in unread:
        escaped = re.escape(word)
        if scan.has(rf"['\"“]{escaped}['\"”]|\b(?:define|call|count)\s+['\"]?{escaped}\b"):
            continue  # the question itself says what it means
        if re.search(
            rf"\b(?:which|what|how many|how much|what (?:is|was|are|were) the)\s+(?:\w+\s+)?{escaped}\b|\bthe\s+{escaped}\s+of\b|\bcompare\s+{escaped}\b",
            scan.text,
            re.IGNORECASE,
        ):
            return word
    return None


def restricting_word(scan: Scanner, unread: Sequence[str]) -> str | None:
    """An unread word that would have narrowed the answer: a group, a rater, a place nobody knows."""
    for word in unread:
        for position in _GROUP_POSITIONS:
            if re.search(position.format(word=re.escape(word)), scan.text, re.IGNORECASE):
                return word
    return None
