"""Words of a question that nobody here is called: which of them matter, and which are only grammar."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ethochat.agent.builtin.lexicon import COMMON_STEMS, COMMON_WORDS
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.vocabulary import Mention, Vocabulary
from ethochat.index.words import atoms, name_stems

_COMMON_LOWER = {word.lower() for word in COMMON_WORDS}


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
        if word.stem in COMMON_STEMS or word.stem in vocabulary.free_words or word.stem in vocabulary.stems:
            continue
        if re.fullmatch(r"[a-z]{3,}ly", word.text.lower()) and word.text.lower() not in _NOUNS_IN_LY:
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


_CHANGES = r"(?:reduc|increas|decreas|affect|alter|chang|influenc|improv|impair|modulat|enhanc|suppress|lower|rais|mak|caus|induc|block|abolish)\w*"
_ACTING = (
    rf"\b(?:do|does|did|can|could|would|will)\s+(?:the\s+|an?\s+)?{{word}}\s+(?:\w+\s+)?{_CHANGES}",
    r"\b(?:effects?|influence|impact)\s+of\s+(?:the\s+|an?\s+)?{word}\b",
)
"""Positions of what acts on the animals: a treatment that nobody here was given."""

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
        if re.search(rf"\b{escaped}\s*\([^)]*BEHAVIOR", scan.named, re.IGNORECASE):
            continue  # "attacks (aggression bouts)"
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
        for position in (*_GROUP_POSITIONS, *_ACTING):
            if re.search(position.format(word=re.escape(word)), scan.text, re.IGNORECASE):
                return word
    return None
