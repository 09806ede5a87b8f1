"""The experiment's own words: what a question may name, and where it names it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Literal

import polars as pl

from ethochat.agent.builtin.lexicon import COMMON_STEMS
from ethochat.agent.builtin.metrics import kinds_among, labels_of, other_names
from ethochat.index.catalog import Catalog
from ethochat.index.experiment import Experiment
from ethochat.index.words import Atom, atoms, name_stems, stem
from ethochat.tools.searching.lexicon import Lexicon

Kind = Literal[
    "session",
    "subject",
    "individual",
    "behavior",
    "category",
    "source",
    "zone",
    "keypoint",
    "metric",
    "column",
    "value",
]
_PRIORITY: tuple[Kind, ...] = (
    "metric", "session", "subject", "zone", "source", "behavior", "category", "keypoint", "individual", "value", "column",
)  # fmt: skip
_COLUMN_SYNONYMS = (
    ("dose", "dosage"),
    ("sex", "gender"),
    ("genotype", "strain"),
    ("age", "age_weeks", "age_days"),
    ("weight", "weight_g", "body_weight"),
)
_VALUE_ALIASES = {
    "wt": ("wild type", "wildtype"), "wildtype": ("wild type", "WT"), "wild-type": ("WT",), "ko": ("knockout", "knock out"),
    "knockout": ("KO", "knock out"), "het": ("heterozygous", "heterozygote"), "hom": ("homozygous",), "f": ("female",), "m": ("male",),
    "ctrl": ("control",), "control": ("ctrl",), "veh": ("vehicle",), "vehicle": ("veh",), "sal": ("saline",),
}  # fmt: skip
_MAX_CATEGORIES = 24
"""A text column with more values than this identifies rather than groups."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of the experiment."""

    kind: Kind
    name: str
    column: str | None = None
    """Of a value: the metadata column it belongs to."""
    members: tuple[str, ...] = ()
    """Of a category: the behaviors it covers."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A name found in a question."""

    entry: Entry
    start: int
    """First atom."""
    stop: int
    exact: bool
    """Written as the experiment writes it, up to case."""


@dataclass(slots=True)
class Vocabulary:
    """All names of an experiment by their stems."""

    entries: dict[tuple[str, ...], list[Entry]] = field(default_factory=lambda: defaultdict(list))
    behaviors: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Behavior to the sources that would mark it."""
    sources: dict[str, str] = field(default_factory=dict)
    """Annotation source to its kind (manual, automated, rule)."""
    trackers: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    individuals: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    keypoints: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Behaviors that nobody's bouts are kept of, but that imported metrics are about, with those metrics."""
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Metadata column to its values, for columns with few."""
    numeric_columns: tuple[str, ...] = ()
    in_frames: bool = False
    """Whether no session's frame rate is known, so that times are frame numbers."""
    length: float | None = None
    """Median length of the sessions, in the time unit of their clocks."""
    has_partners: bool = False
    """Whether any bout names the other animal."""
    free_words: set[str] = field(default_factory=set)
    """Stems of the experiment's name, description and definitions: words that are no news."""
    lexicon: Lexicon | None = None
    """What the words of a description can mean, for searches; ``None`` where nobody asked for it."""

    def add(self, entry: Entry, *names: str) -> None:
        """Make an entry findable under its names."""
        for name in names:
            # "idTracker" is two words to one reader and one to the next; "left ear" names the keypoint "leftear".
            forms = {name_stems(name), tuple(atom.stem for atom in atoms(name))}
            for stems in forms:
                if stems and entry not in self.entries[stems]:
                    self.entries[stems].append(entry)

    @property
    def max_length(self) -> int:
        """Atoms of the longest name."""
        return max((len(stems) for stems in self.entries), default=0)

    @property
    def named_behaviors(self) -> tuple[str, ...]:
        """Behaviors whose names are words rather than cluster numbers; those of people first, those of rules last."""
        rank = {"manual": 0, "automated": 1, "rule": 2}
        best = {
            name: min((rank.get(self.sources.get(source, "rule"), 2) for source in sources), default=2)
            for name, sources in self.behaviors.items()
            if not name.isdigit()
        }
        return tuple(sorted(best, key=lambda name: (best[name], name)))

    @property
    def stems(self) -> set[str]:
        """Every stem that some name contains."""
        return {part for stems in self.entries for part in stems}

    def link(self, text: str) -> list[Mention]:
        """Find the names in a text: longest first, no two overlapping.

        Returns
        -------
        list of Mention
            In the order of the text. Where one name means several things, the first of metric, session, subject,
            source, behavior … is taken.
        """
        words = atoms(text)
        taken = [False] * len(words)
        found: list[Mention] = []
        for length in range(min(max(self.max_length, 2), len(words)), 0, -1):
            for start in range(len(words) - length + 1):
                if any(taken[start : start + length]):
                    continue
                mention = self._match(text, words, start, start + length)
                if mention is not None:
                    found.append(mention)
                    taken[start : start + length] = [True] * length
        return sorted(found, key=lambda mention: mention.start)

    def _match(self, text: str, words: list[Atom], start: int, stop: int) -> Mention | None:
        entries = self.entries.get(tuple(word.stem for word in words[start:stop]))
        if (
            not entries
            and stop - start == 2
            and all(len(word.text) > 2 and word.text.isalpha() for word in words[start:stop])
        ):
            entries = self.entries.get((stem(words[start].text + words[start + 1].text),))
        if not entries:
            return None
        surface = text[words[start].start : words[stop - 1].stop]
        if stop - start == 1 and len(surface) == 1 and surface.islower():
            return None  # "a" is an article before it is the name of a cage
        if surface.isdigit() and not self._introduced(words, start, entries):
            return None  # a bare number is a number before it is the name of a cluster or an animal
        before = words[start - 1].stem if start else ""
        after = words[stop].stem if stop < len(words) else ""
        entry = min(
            entries,
            key=lambda item: (
                not (_led_by(item, before) or (item.kind == "keypoint" and after == "point")),
                item.name.lower() != surface.lower(),
                _PRIORITY.index(item.kind),
                self._only_by_rules(item),
            ),
        )
        return Mention(entry, start, stop, entry.name.lower() == surface.lower())

    def _only_by_rules(self, entry: Entry) -> bool:
        """Whether a name is that of a rule's behavior, which gives way to what people or classifiers call the same."""
        sources = self.behaviors.get(entry.name, ()) if entry.kind == "behavior" else ()
        return bool(sources) and all(self.sources.get(source) == "rule" for source in sources)

    def _introduced(self, words: list[Atom], start: int, entries: list[Entry]) -> bool:
        """Whether the word before says that a number is a name: "mouse 12", "cluster 7"."""
        if start == 0:
            return False
        introducing = {"behavior": ("cluster", "label", "class", "state", "syllabl"), "value": ()}
        people = ("mous", "anim", "subject", "session", "record", "trial", "rat", "individu", "id")
        before = words[start - 1].stem
        return any(
            before in introducing.get(entry.kind, people)
            or (entry.column is not None and before in name_stems(entry.column))
            for entry in entries
        )

    def behaviors_like(self, text: str) -> list[str]:
        """Behaviors of several words whose words the text holds in any order, those with most of them.

        "nose point in the zone of the left object" means ``Nose-point in round object left``.
        """
        said = {word.stem for word in atoms(text)}
        names = {name: set(name_stems(name)) for name in self.behaviors}
        # A word that every name holds tells nothing; one that few hold tells most.
        holding = Counter(part for parts in names.values() for part in parts)
        weight = {part: log(len(names) / count) for part, count in holding.items()}
        scored = []
        for name, parts in names.items():
            total = sum(weight[part] for part in parts)
            share = sum(weight[part] for part in parts & said) / total if len(parts) > 2 and total else 0.0
            if share >= 0.7:
                scored.append((share, name))
        best = max((share for share, _ in scored), default=0.0)
        return sorted(name for share, name in scored if share > best - 0.01)

    def kind_meant(self, members: Sequence[str], text: str) -> str | None:
        """Which of a category's members a word apart from its name tells: "rear less on the wall" is one of two."""
        own = {
            name: {
                part
                for stems, entries in self.entries.items()
                for item in entries
                if item.name == name
                for part in stems
            }
            for name in members
        }
        holding = Counter(part for parts in own.values() for part in parts)
        denied = r"\b(?:off|not|no|without|never|away from)\s+(?:on\s+|against\s+|at\s+)?(?:the\s+|any\s+|a\s+)?\w+"
        said = {word.stem for word in atoms(re.sub(denied, " ", text, flags=re.IGNORECASE))}
        meant = [
            name
            for name, parts in own.items()
            if any(holding[part] == 1 and part in said and part not in COMMON_STEMS for part in parts)
        ]
        return meant[0] if len(meant) == 1 else None

    def grouping_columns(self) -> list[str]:
        """Metadata columns that split the sessions into few groups, the most telling first."""
        telling = ("group", "condition", "treatment", "genotype", "drug", "cohort")
        several = [name for name, values in self.columns.items() if 2 <= len(values) <= 8]
        return sorted(several, key=lambda name: (name.lower() not in telling, len(self.columns[name])))


def build_vocabulary(experiment: Experiment, catalog: Catalog) -> Vocabulary:
    """Collect every name a question about this experiment may use."""
    vocabulary = Vocabulary()
    _add_people_and_places(vocabulary, experiment, catalog)
    _add_behaviors(vocabulary, experiment, catalog)
    _add_metadata(vocabulary, experiment, catalog)
    vocabulary.in_frames = set(catalog.load("sessions")["time_unit"]) == {"frames"}
    partners = (
        catalog.scan("bouts")
        .select((pl.col("partner").is_not_null() & (pl.col("partner") != "")).any())
        .collect()
    )
    vocabulary.has_partners = bool(partners.item())
    described = [experiment.name, experiment.description]
    described += [setting.definition or "" for setting in experiment.behaviors]
    vocabulary.free_words = {part for text in described for part in name_stems(text)}
    return vocabulary


def _led_by(entry: Entry, before: str) -> bool:
    """Whether the word before says what a name is: "cage B", "mouse B"."""
    if entry.column is not None:
        return before in name_stems(entry.column)
    return entry.kind in ("individual", "subject") and before in (
        "mous",
        "anim",
        "subject",
        "individu",
        "rat",
    )


def _unique(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value}))


def _add_people_and_places(vocabulary: Vocabulary, experiment: Experiment, catalog: Catalog) -> None:
    people = catalog.load("individuals")
    coverage = catalog.load("coverage")
    vocabulary.sessions = _unique(catalog.load("sessions")["session_id"])
    vocabulary.subjects = _unique([*people["subject_id"], *catalog.load("sessions")["subject_id"]])
    vocabulary.individuals = _unique(people["individual"])
    vocabulary.zones = tuple(zone.name for zone in experiment.zones)
    vocabulary.trackers = _unique(coverage.filter(pl.col("kind") == "track")["source"])
    if vocabulary.trackers:
        keypoints = catalog.scan("tracks").select(pl.col("keypoint").unique()).collect()["keypoint"]
        vocabulary.keypoints = _unique(keypoints)
    vocabulary.metrics = _unique(catalog.load("metrics")["metric"].unique())
    simple: tuple[tuple[Kind, tuple[str, ...]], ...] = (
        ("session", vocabulary.sessions), ("subject", vocabulary.subjects), ("individual", vocabulary.individuals),
        ("keypoint", vocabulary.keypoints), ("metric", vocabulary.metrics), ("source", vocabulary.trackers),
    )  # fmt: skip
    for kind, names in simple:
        for name in names:
            vocabulary.add(Entry(kind, name), name)
    for zone in experiment.zones:
        vocabulary.add(Entry("zone", zone.name), zone.name, *zone.synonyms)
    _add_short_ids(vocabulary, _numeric_columns(catalog, experiment))


def _numeric_columns(catalog: Catalog, experiment: Experiment) -> list[str]:
    schema = catalog.load("sessions").schema
    return [name for name in experiment.metadata_columns if schema[name].is_numeric()]


def _add_short_ids(vocabulary: Vocabulary, numeric: Sequence[str]) -> None:
    """Make "THYOFT22" name the session ``yoh_THYOFT22``, where no other session ends so.

    Parameters
    ----------
    numeric
        Columns of numbers: "trial 23" and "trials 23 and 24" are conditions on the column ``trial``, not names.
    """
    columns = {name_stems(name)[0] for name in numeric}
    tails: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in vocabulary.sessions:
        stems = name_stems(name)
        for start in range(1, len(stems) - 1):
            tails[stems[start:]].append(name)
    for tail, names in tails.items():
        known = any(tail == name_stems(subject) for subject in vocabulary.subjects)
        if (
            len(names) == 1
            and not known
            and tail[0] not in columns
            and (not tail[0][0].isdigit() or len(tail) > 2)
        ):
            vocabulary.entries[tail].append(Entry("session", names[0]))


def _add_behaviors(vocabulary: Vocabulary, experiment: Experiment, catalog: Catalog) -> None:
    coverage = catalog.load("coverage").filter(pl.col("kind").is_in(["annotations", "rules"]))
    by_behavior: dict[str, set[str]] = defaultdict(set)
    for row in coverage.iter_rows(named=True):
        vocabulary.sources[row["source"]] = row["source_kind"]
        for behavior in row["behaviors"] or []:
            by_behavior[behavior].add(row["source"])
    for source in vocabulary.sources:
        vocabulary.add(Entry("source", source), source)
    seen = {
        (row["behavior"], row["source"])
        for row in catalog.load("bouts").select("behavior", "source").unique().iter_rows(named=True)
    }
    for behavior, sources in by_behavior.items():
        marked = {source for source in sources if (behavior, source) in seen}
        by_behavior[behavior] = marked or sources
    vocabulary.behaviors = {name: tuple(sorted(sources)) for name, sources in sorted(by_behavior.items())}
    for name, words in _behavior_words(experiment):
        if name in vocabulary.behaviors:
            vocabulary.add(Entry("behavior", name), *words)
    for name in vocabulary.behaviors:
        vocabulary.add(Entry("behavior", name), name, *_verb_forms(name))
    _add_labels(vocabulary, experiment)
    _add_heads(vocabulary)
    categories: dict[str, list[str]] = defaultdict(list)
    for setting in experiment.behaviors:
        if setting.category and setting.name in {**vocabulary.behaviors, **vocabulary.labels}:
            categories[setting.category].append(setting.name)
    for category, members in categories.items():
        vocabulary.add(Entry("category", category, members=tuple(members)), category)
    for name, kinds in kinds_among([*vocabulary.labels]).items():
        if name not in categories:
            vocabulary.add(Entry("category", name, members=kinds), name)


def _add_labels(vocabulary: Vocabulary, experiment: Experiment) -> None:
    """Name the behaviors of metrics that came without the bouts they were taken from."""
    known = {name.casefold() for name in vocabulary.behaviors}
    vocabulary.labels = {
        label: metrics
        for label, metrics in labels_of(vocabulary.metrics).items()
        if label.casefold() not in known
    }
    declared = {setting.name: tuple(setting.synonyms) for setting in experiment.behaviors}
    for label in vocabulary.labels:
        words = declared.get(label) or other_names(label)
        vocabulary.add(Entry("behavior", label), label, *words, *_verb_forms(label))


def _add_heads(vocabulary: Vocabulary) -> None:
    """Make "jump" name ``wall_jump`` where no other name has that word."""
    names = {name: name_stems(name) for name in vocabulary.behaviors}
    holding = Counter(part for stems in vocabulary.entries for part in set(stems))
    inside = Counter(part for stems in names.values() for part in set(stems))
    for name, stems in names.items():
        if len(stems) != 2 or not stems[1].isalpha() or len(stems[1]) < 4 or stems[1] in COMMON_STEMS:
            continue
        own = sum(
            stems[1] in key
            for key, entries in vocabulary.entries.items()
            if any(item.name == name for item in entries)
        )
        if inside[stems[1]] == 1 and holding[stems[1]] == own:
            vocabulary.entries[(stems[1],)].append(Entry("behavior", name))


def _verb_forms(name: str) -> list[str]:
    """Other forms of a behavior named by a verb: "sniffing" is "sniff", "digging" is "dig" and what a "digger" does."""
    if not name.lower().endswith("ing") or not name.isalpha() or len(name) < 6:
        return []
    base = name[:-3]
    undoubled = base[:-1] if base[-1] == base[-2] else base
    return [base, undoubled, base + "e", base + "er"]


def _behavior_words(experiment: Experiment) -> Iterator[tuple[str, tuple[str, ...]]]:
    from ethochat.index.behaviors.rules import RULES

    for rule in RULES.values():
        yield rule.name, tuple(rule.synonyms)
    for setting in experiment.behaviors:
        yield setting.name, tuple(setting.synonyms)


_UNITS = frozenset("mg kg g ug ml mm cm m s min h hz px percent pct weeks days months years c".split())


def _without_unit(column: str) -> tuple[str, ...]:
    """A column's name without the unit at its end: "dose" for ``dose_mg_kg``."""
    parts = column.split("_")
    while len(parts) > 1 and parts[-1].lower() in (*_UNITS, "per"):
        parts.pop()
    name = "_".join(parts)
    return (name,) if name != column and len(name) > 2 else ()


def _add_metadata(vocabulary: Vocabulary, experiment: Experiment, catalog: Catalog) -> None:
    sessions = catalog.load("sessions")
    vocabulary.length = sessions.select(pl.col("duration").median()).item()
    numeric: list[str] = []
    for column in experiment.metadata_columns:
        synonyms = [name for group in _COLUMN_SYNONYMS if column.lower() in group for name in group]
        vocabulary.add(Entry("column", column), column, *synonyms, *_without_unit(column))
        if sessions[column].dtype.is_numeric():
            numeric.append(column)
        values = sessions[column].drop_nulls().cast(pl.String).unique().sort().to_list()
        vocabulary.columns[column] = tuple(values)
        if sessions[column].dtype == pl.String and len(values) <= max(_MAX_CATEGORIES, 1):
            for value in values:
                vocabulary.add(
                    Entry("value", value, column=column), value, *_VALUE_ALIASES.get(value.lower(), ())
                )
    vocabulary.numeric_columns = tuple(numeric)
