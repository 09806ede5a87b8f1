"""What is asked: topics with several phrasings each, read from ``queries.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.search_quality.truths import Scope

QUERIES = Path(__file__).with_name("queries.toml")
_KEYS = {
    "id",
    "set",
    "truth",
    "texts",
    "nothing",
    "where",
    "sessions",
    "individuals",
    "raters",
    "window",
    "later",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One thing to find, in several wordings."""

    topic_id: str
    data_set: str
    texts: tuple[str, ...]
    truth: Mapping[str, Any] | None
    """Definition of the truth; ``None`` where no moment is right."""
    scope: Scope
    raters: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    """More wordings, written when search had its words and not shown to who wrote them; reported apart."""


def read_topics(path: Path = QUERIES) -> list[Topic]:
    """Read the topics.

    Raises
    ------
    ValueError
        When a topic has an unknown key, too few wordings, or neither a truth nor ``nothing``.
    """
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["topics"]
    topics = [_topic(table) for table in tables]
    names = [topic.topic_id for topic in topics]
    if len(set(names)) < len(names):
        raise ValueError(f"Expected each topic once, got {sorted({x for x in names if names.count(x) > 1})}.")
    return topics


def _topic(table: Mapping[str, Any]) -> Topic:
    name = table.get("id")
    if unknown := set(table) - _KEYS:
        raise ValueError(f"Expected keys of {sorted(_KEYS)} in topic {name!r}, got {sorted(unknown)}.")
    if len(table["texts"]) < 4:
        raise ValueError(f"Expected at least four wordings of topic {name!r}, got {len(table['texts'])}.")
    if ("truth" in table) == bool(table.get("nothing", False)):
        raise ValueError(f"Expected a truth or nothing = true in topic {name!r}.")
    window = table.get("window")
    return Topic(
        topic_id=table["id"],
        data_set=table["set"],
        texts=tuple(table["texts"]),
        truth=table.get("truth"),
        scope=Scope(
            sessions=tuple(table.get("sessions", ())),
            where=table.get("where", {}),
            individuals=tuple(table.get("individuals", ())),
            window=(float(window[0]), float(window[1])) if window else None,
        ),
        raters=tuple(table.get("raters", ())),
        later=tuple(table.get("later", ())),
    )


def labels_of(topic: Topic) -> set[str]:
    """The raters' labels that a topic's truth is made of."""
    return set(_labels(topic.truth or {}))


def _labels(part: Mapping[str, Any]) -> Iterator[str]:
    yield from part.get("labels", ())
    for child in (*part.get("all", ()), *part.get("steps", ())):
        yield from _labels(child)


def says_label(text: str, labels: set[str]) -> bool:
    """Whether a wording has a label's own name in it, or one of its words, in any grammatical form."""
    words = re.findall(r"[a-z]+", text.lower())
    said = [*words, *(first + second for first, second in pairwise(words))]
    stems = {_stem(part) for label in labels for part in label.lower().split()}
    return any(word.startswith(stem) for word in said for stem in stems)


def _stem(word: str) -> str:
    import snowballstemmer

    return str(snowballstemmer.stemmer("english").stemWord(word)).removesuffix("e")
