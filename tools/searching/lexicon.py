"""What words can mean in one experiment: behaviors that someone marks, and zones.

A behavior is known by its own name, the synonyms and category declared for it, and the names that the field's glossary gives it and
what it is a kind of. Words are compared by their stems, without the small words between them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ethochat.index.behaviors.glossary import ORDINARY, Term, broader, plainly_named, terms_named
from ethochat.index.behaviors.rules import rules_of
from ethochat.index.words import Atom, atoms
from ethochat.tools.context import ToolContext
from ethochat.tools.motion import known_zones
from ethochat.tools.names import plain
from ethochat.tools.selection import declared_words, known_behaviors

Stems = tuple[str, ...]

SMALL_WORDS: Final = frozenset(
    "a an the this that these those its it his her their of to in on at by with and or is are was were be been being as while when where "
    "who which what there into onto from for over own itself himself very just some any all both s".split()
)
"""Words that carry no meaning of their own here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """What a phrase names: it holds while one of the behaviors goes on or the animal is in one of the zones."""

    label: str
    """In the words of the experiment."""
    behaviors: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    by_rules: bool = False
    """Whether nobody but the rules marks it."""
    stands_for: str | None = None
    """What was asked for, where the experiment only marks what that is a kind of."""

    @property
    def is_absent(self) -> bool:
        """Whether it is a behavior that nothing here marks: it holds at no time."""
        return not (self.behaviors or self.zones)

    def joined(self, other: Concept) -> Concept:
        """Both meanings of one word."""
        return Concept(
            label=self.label,
            behaviors=tuple(dict.fromkeys((*self.behaviors, *other.behaviors))),
            zones=tuple(dict.fromkeys((*self.zones, *other.zones))),
            by_rules=self.by_rules and other.by_rules,
            stands_for=self.stands_for or other.stands_for,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A concept found in a text."""

    concept: Concept
    start: int
    """First character."""
    stop: int


class Lexicon:
    """All names of an experiment's behaviors and zones by their stems."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._meanings: dict[Stems, dict[int, Concept]] = {}
        self._longest = 1

    def add(self, words: str, concept: Concept, *, tier: int) -> None:
        """Let words mean a concept.

        Parameters
        ----------
        tier
            How near the words are to the concept's own name, 0 nearest. Of one word only the nearest meanings count, and
            what it means besides in the same tier.
        """
        self.put(content_stems(words), concept, tier=tier)

    def put(self, key: Stems, concept: Concept, *, tier: int) -> None:
        """Let stems mean a concept; see :meth:`add`."""
        if not key:
            return
        tiers = self._meanings.setdefault(key, {})
        tiers[tier] = tiers[tier].joined(concept) if tier in tiers else concept
        self._longest = max(self._longest, len(key))

    def get(self, key: Stems) -> Concept | None:
        """What exactly these stems mean."""
        tiers = self._meanings.get(key)
        return tiers[min(tiers)] if tiers else None

    def get_near(self, key: Stems, tier: int) -> Concept | None:
        """What these stems mean, if it is at most so far from a name."""
        tiers = self._meanings.get(key)
        return tiers[min(tiers)] if tiers and min(tiers) <= tier else None

    def find(self, text: str) -> list[Match]:
        """Find the concepts in a text, the longest names first, none inside another."""
        words = content_words(text)
        found: list[Match] = []
        place = 0
        while place < len(words):
            for length in range(min(self._longest, len(words) - place), 0, -1):
                taken = words[place : place + length]
                concept = self.get(tuple(word.stem for word in taken))
                if concept is not None:
                    start, stop = taken[0].start, taken[-1].stop
                    if concept.is_absent or len(concept.behaviors) + len(concept.zones) > 1:
                        concept = replace(concept, label=text[start:stop])
                    if concept.stands_for:
                        concept = replace(concept, stands_for=text[start:stop])
                    found.append(Match(concept=concept, start=start, stop=stop))
                    place += length - 1
                    break
            place += 1
        return found

    def __iter__(self) -> Iterator[tuple[Stems, Concept]]:
        """Names and what they mean."""
        for key, tiers in self._meanings.items():
            yield key, tiers[min(tiers)]


def content_words(text: str) -> list[Atom]:
    """Words of a text that carry meaning, with their places; the letter of ``S-Grm`` does."""
    return [
        word
        for word in atoms(text)
        if word.text.lower() not in SMALL_WORDS
        or (len(word.text) == 1 and text[word.stop : word.stop + 1] == "-")
    ]


def content_stems(text: str) -> Stems:
    """Stems of the words that carry meaning."""
    return tuple(word.stem for word in content_words(text))


def build_lexicon(context: ToolContext, session_ids: Sequence[str]) -> Lexicon:
    """Collect the names of an experiment.

    A word means the labels and zones that bear it as a name or a declared synonym; else those of that category; else those that the
    glossary calls so; else those that it holds for a kind of it. Behaviors that rules find are looked up in the same way apart from
    the labels, and added: a rule never hides what a rater marks.

    Parameters
    ----------
    context
        The experiment.
    session_ids
        Sessions whose zones are known by name; one of each kind is enough.
    """
    rules = _ruled(context)
    known = known_behaviors(context)
    labels = _behavior_words(context, [name for name in known if name not in rules])
    ruled = _behavior_words(context, [name for name in known if name in rules], by_rules=True)
    lexicon = Lexicon()
    for key in {**dict(labels), **dict(ruled)}:
        for concept in (labels.get(key), ruled.get(key)):
            if concept is not None:
                lexicon.put(key, concept, tier=0)
    names: dict[str, tuple[str, ...]] = {zone: (zone,) for zone in known_zones(context, session_ids)}
    names |= {zone.name: (zone.name, *zone.synonyms) for zone in context.experiment.zones}
    for zone, words in names.items():
        for word in words:
            lexicon.add(word, Concept(label=zone, zones=(zone,)), tier=0)
    _add_what_is_missing(lexicon, labels)
    return lexicon


def _add_what_is_missing(lexicon: Lexicon, labels: Lexicon) -> None:
    """Let names of the glossary that nothing here bears mean the label of what they are a kind of, or else nothing at all."""
    ordinary = {content_stems(name) for name in ORDINARY}
    for name, term in plainly_named().items():
        key = content_stems(name)
        if lexicon.get(key) is not None or key in ordinary or name not in telling_names(term):
            continue
        wider = (labels.get_near(content_stems(kind.name), 2) for kind in broader(term))
        found = next((concept for concept in wider if concept is not None), None)
        concept = Concept(label=name) if found is None else replace(found, stands_for=name)
        lexicon.add(name, concept, tier=9)


def _ruled(context: ToolContext) -> set[str]:
    """Behaviors that nobody but the rules mark."""
    marked = context.catalog.load("coverage").select("kind", "behaviors").explode("behaviors").unique()
    by_kind = {kind: set(rows["behaviors"]) for (kind,), rows in marked.group_by("kind")}
    return by_kind.get("rules", set()) - by_kind.get("annotations", set())


def _behavior_words(context: ToolContext, known: Sequence[str], *, by_rules: bool = False) -> Lexicon:
    declared: dict[str, list[str]] = defaultdict(list)
    categories = {item.category for item in context.experiment.behaviors if item.category} | {
        rule.category for rule in rules_of(context.experiment) if rule.category
    }
    folded = {plain(category) for category in categories}
    for word, behaviors in declared_words(context).items():
        for behavior in behaviors:
            declared[behavior].append(word)
    lexicon = Lexicon()
    for name in known:
        concept = Concept(label=name, behaviors=(name,), by_rules=by_rules)
        lexicon.add(name, concept, tier=0)
        for word in declared[name]:
            lexicon.add(word, concept, tier=1 if word in folded else 0)
        for term in terms_of(name, declared[name]):
            for word in telling_names(term):
                lexicon.add(word, concept, tier=2)
            for wider in broader(term):
                for word in telling_names(wider):
                    lexicon.add(word, concept, tier=3)
    return lexicon


def telling_names(term: Term) -> tuple[str, ...]:
    """Names of a term that still say it without their small words: "in corner" does, "on its back" is left as "back"."""
    names = (term.name, *term.also)
    single = {stem for name in names if len(atoms(name)) == 1 for stem in content_stems(name)}
    return tuple(
        name
        for name in names
        if len(content_stems(name)) > 1 or len(atoms(name)) == 1 or set(content_stems(name)) <= single
    )


def terms_of(behavior: str, declared: Sequence[str] = ()) -> tuple[Term, ...]:
    """Terms of the glossary that a behavior is, by its name or else by the words declared for it."""
    own = terms_named(behavior)
    if own:
        return own
    return tuple(dict.fromkeys(term for word in declared for term in terms_named(word)))
