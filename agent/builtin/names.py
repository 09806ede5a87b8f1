"""From the names found in a question to slots: which behaviors, sources, animals, groups and conditions it means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from rapidfuzz import fuzz, process

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.exclusion import find_exclusions, leave_out
from ethochat.agent.builtin.lexicon import COMMON_STEMS, matches
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.vocabulary import Mention, Vocabulary
from ethochat.index.words import Atom, atoms, name_stems, stem

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


def correct_typos(text: str, vocabulary: Vocabulary) -> str:
    """Replace words that nobody knows by the nearest name of the experiment, where it is near enough.

    A word is left alone when it is common, short, or equally near to two names. "Yohim" is the beginning of one name only;
    "avrage" is near to a word that questions are made of; "the red mouse" is mouse ``R`` where the animals are named by letters.
    """
    text = _named_by_color(text, vocabulary)
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
        meant = _rater_meant(text, word, vocabulary)
        if (
            meant is None
            and lowered.startswith("non")
            and stem(lowered[3:] or "x") in known
            and word.stem not in known
        ):
            meant = f"non-{word.text[3:]}"
        unknown = (
            word.stem not in known
            and word.stem not in COMMON_STEMS
            and word.stem not in vocabulary.free_words
        )
        if meant is None and unknown and lowered.isalpha():
            meant = (
                _nearest(lowered, candidates)
                or _beginning_of(lowered, candidates)
                or _word_of_questions(word.text)
            )
        if meant is not None:
            out.append(text[last : word.start] + meant)
            last = word.stop
    return "".join(out) + text[last:]


def _nearest(word: str, candidates: Sequence[str]) -> str | None:
    """The one name that a word is nearly written like."""
    if len(word) < 5:
        return None
    best = process.extract(word, candidates, scorer=fuzz.ratio, score_cutoff=84, limit=2)
    certain = best and (len(best) == 1 or best[0][1] > best[1][1] or stem(best[0][0]) == stem(best[1][0]))
    return str(best[0][0]) if certain else None


def _beginning_of(word: str, candidates: Sequence[str]) -> str | None:
    """The one name that begins with a word: "yohim", "unsupp."."""
    found = [name for name in candidates if name.startswith(word)] if len(word) >= 4 else []
    return found[0] if len({stem(name) for name in found}) == 1 else None


def _word_of_questions(word: str) -> str | None:
    """The word of every question that a lower-case word is nearly written like; names are no typing errors."""
    if len(word) < 5 or not word.islower():
        return None
    alike = [name for name in lexicon.OFTEN_MISTYPED if name[0] == word[0]]
    best = process.extractOne(word, alike, scorer=fuzz.ratio, score_cutoff=86)
    return str(best[0]) if best is not None and stem(word) != stem(best[0]) else None


def _named_by_color(text: str, vocabulary: Vocabulary) -> str:
    """Call "the red mouse" mouse ``R``, where animals are named by single letters and one alone begins so."""
    letters = [name for name in vocabulary.individuals if name]
    if len(letters) < 2 or any(len(name) > 1 for name in letters):
        return text

    def renamed(match: re.Match[str]) -> str:
        same = [name for name in letters if name.lower() == match["color"][0].lower()]
        return f"mouse {same[0]}" if len(same) == 1 else match.group()

    noun = r"(?:mouse|mice|animals?|rats?|individuals?|subjects?|ones?)"
    listed = rf"\b(?P<color>{lexicon.COLORS})(?:\s+{noun}\b|(?=\s*(?:,|and|or|vs\.?|versus|than|with)\s+(?:the\s+)?(?:{lexicon.COLORS})\b)|(?='s\b))"
    return re.sub(listed, renamed, text, flags=re.IGNORECASE)


def _rater_meant(text: str, word: Atom, vocabulary: Vocabulary) -> str | None:
    """The source meant by a short misspelt name, where the words before say that a source is named."""
    if not 3 <= len(word.text) <= 8 or word.stem in vocabulary.stems or word.stem in COMMON_STEMS:
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
    _fill_categories(kept, scan, vocabulary)
    fill_sources_by_kind(scan, vocabulary)
    leave_out(scan, left_out, vocabulary)
    _settle_overlaps(slots, vocabulary)


_KINDS_OF_SOURCES: Final = (
    (
        r"\b(?:the|by|our|this) (?:\w+ )?(?P<noun>classifier|algorithm|software|network|computer|machine)\b(?! learning)"
        r"|\bautomat(?:ic|ed)(?:ally)?[- ](?:scor|label|annotat|classif|detect|rat)\w*",
        "automated",
    ),
    (
        r"\b(?:the|by a|by) (?:human|manual) (?:rater|annotator|observer|scorer|scoring|annotation|labels?)\b|\bscored by hand\b",
        "manual",
    ),
)


def fill_sources_by_kind(scan: Scanner, vocabulary: Vocabulary) -> None:
    """Read "the classifier", "the automatic scoring", "the human rater": the one source of that kind that marks what is asked for."""
    slots = scan.slots
    wanted = set(slots.get("behaviors", ()))
    for pattern, kind in _KINDS_OF_SOURCES:
        match = re.search(pattern, scan.cues, re.IGNORECASE)
        if match is None or not wanted:
            continue
        of_kind = [name for name, its in vocabulary.sources.items() if its == kind]
        marking = [
            name
            for name in of_kind
            if any(name in vocabulary.behaviors.get(behavior, ()) for behavior in wanted)
        ]
        if set(of_kind) & set(slots.get("sources", ())):
            continue
        if len(marking) == 1:
            everyone = (
                kind == "automated"
                and scan.has(lexicon.AGREEMENT)
                and scan.has(r"\b(?:raters|humans|annotators|observers|people)\b")
            )
            people = [name for name, its in vocabulary.sources.items() if its == "manual"] if everyone else []
            slots["sources"] = [
                *slots.get("sources", []),
                *(name for name in people if name not in slots.get("sources", ())),
                *marking,
            ]
        elif kind == "automated" or not marking:
            slots["unknown_source"] = (
                re.sub(r"^(?:by )?(?:the|a|our|this) ", "", match.group()),
                tuple(marking),
            )


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


def _fill_categories(mentions: Sequence[Mention], scan: Scanner, vocabulary: Vocabulary) -> None:
    """A category stands for its members, unless some of them are named too."""
    slots = scan.slots
    for mention in mentions:
        members = mention.entry.members
        if members and set(members) <= set(slots.get("behaviors", ())):
            slots["category"] = mention.entry.name  # "rearing, supported plus unsupported" is rearing
        elif members and not set(members) & set(slots.get("behaviors", ())):
            kind = vocabulary.kind_meant(members, scan.cues)
            slots["behaviors"] = [*slots.get("behaviors", []), *([kind] if kind else members)]
            if kind is None:
                slots["category"] = mention.entry.name


def _zone_meant(behavior: str, mention: Mention, words: Sequence[Atom], vocabulary: Vocabulary) -> str | None:
    """Find the declared zone behind words that a rule, and nobody else, calls a behavior: "center entries"."""
    if any(vocabulary.sources.get(source) != "rule" for source in vocabulary.behaviors.get(behavior, ())):
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


_UNTREATED: Final = r"\b(?:(?:un|non)-?(?:treated|drugged|injected|dosed)|drug-?free|(?:no|without) (?:the |any )?(?:drugs?|treatments?|injections?)|not (?:\w+ )?(?:treated|drugged|injected|dosed))\b"
_TREATED: Final = r"\b(?:treated|drugged|injected|dosed|(?<!each )(?<!every )(?<!per )(?<!by )(?<!which )(?:drug|treatment)(?= (?:and|or|versus|vs|animals|mice|group)\b))\b"


def fill_treated(scan: Scanner, vocabulary: Vocabulary) -> None:
    """Read "treated animals", "the drug group", "drug vs no drug" where the groups have a control among them."""
    untreated = scan.has(_UNTREATED)
    treated = matches(_TREATED, re.sub(_UNTREATED, " ", scan.text, flags=re.IGNORECASE))
    if not (treated or untreated):
        return
    named = scan.slots.get("values", {})
    for column in vocabulary.grouping_columns():
        controls = [value for value in vocabulary.columns[column] if value.lower() in CONTROLS]
        others = [value for value in vocabulary.columns[column] if value not in controls]
        if not controls or set(named.get(column, ())) & set(others):
            continue
        while untreated and scan.take(_UNTREATED):
            pass
        if treated and untreated:
            scan.slots.setdefault("values", {})[column] = [*others, *controls]
        elif untreated and not named.get(column):
            scan.slots.setdefault("where", []).append({"column": column, "op": "in", "value": controls})
        elif named.get(column):
            named[column] = [*others, *named[column]]
        elif not named:
            scan.slots.setdefault("where", []).append({"column": column, "op": "not in", "value": controls})
        return
