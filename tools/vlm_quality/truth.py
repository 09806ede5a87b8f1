"""What the truth says of each segment that a model may be shown.

Segments are those of rules, whose boundaries depend on tracks alone: a clip cut where a rater's label begins and ends
would tell what it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from ethochat.index.behaviors.bouts import Run, bridge_runs
from ethochat.index.behaviors.rules import SOURCE as RULES_SOURCE
from ethochat.index.catalog import Catalog
from ethochat.index.describers.in_use import SEEN
from ethochat.index.describing.rows import clock_of, place_of
from ethochat.index.experiment import Experiment
from ethochat.index.kinematics import setting_frames
from ethochat.index.segmentation import tracked_as
from ethochat.tools.errors import AmbiguousSourceError, ToolFailedError
from ethochat.tools.names import listing, match_name

NEAR_S: Final = 1.0
"""What occurs so near to a segment is not ruled out: people mark edges late or early."""
ENOUGH: Final = 0.5
"""Share of a segment that a behavior must cover to be shown by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ethogram:
    """What is scored: the behaviors that the truth tells of, and the broader words that cover some of them."""

    behaviors: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    """Declared category to those of its behaviors that the truth tells of; a category that is a behavior is not here."""

    @property
    def names(self) -> tuple[str, ...]:
        """Behaviors, then categories."""
        return (*self.behaviors, *self.categories)

    def members(self, name: str) -> tuple[str, ...]:
        """Behaviors that a name stands for."""
        return self.categories.get(name, (name,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A segment with what the truth says of it, in names of the ethogram."""

    segment: Mapping[str, object]
    """Row of SEGMENTS."""
    known: frozenset[str]
    """Names that whoever made the truth would have marked throughout the segment."""
    shown: frozenset[str]
    """Known names that cover at least half of the segment or have a whole bout in it."""
    near: frozenset[str]
    """Known names that occur within the segment or within a second around it, however shortly."""
    n_animals: int
    """Animals recorded in the session."""

    @property
    def session_id(self) -> str:
        """The segment's session."""
        return str(self.segment["session_id"])

    @property
    def ruled_out(self) -> frozenset[str]:
        """Names that the truth rules out."""
        return self.known - self.near


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Segments of an experiment that a source can judge."""

    source: str
    source_kind: str
    ethogram: Ethogram
    judged: tuple[Judged, ...]
    """By session, animal and time."""
    notes: tuple[str, ...] = ()
    """What a reader must know: sessions left out, animals that labels do not tell apart."""


# ------------------------------------------------------------------ whose labels are the truth
def choose_source(experiment: Experiment, catalog: Catalog, named: str | None) -> str:
    """Find the source of the truth.

    Parameters
    ----------
    named
        A rater or other source of labels; the only one there is by default.

    Raises
    ------
    ToolRetryError
        When the name is not known, or none is given and there are several.
    ToolFailedError
        When nobody labeled a session that has a video.
    """
    sources = sorted(set(_labels(experiment, catalog)["source"]))
    if not sources:
        raise ToolFailedError(
            f"Nobody labeled a session with a video in {experiment.root}, so there is nothing to measure a model against; "
            "add annotations, or try `ethochat demo`: the simulator knows what its mice do."
        )
    if named is not None:
        return match_name(named, sources, "source of labels of sessions with a video")
    if len(sources) > 1:
        raise AmbiguousSourceError(
            f"Expected one source of labels as the truth, found {listing(sources)}; name one with --truth.",
            sources=tuple(sources),
        )
    return str(sources[0])


def _labels(experiment: Experiment, catalog: Catalog) -> pl.DataFrame:
    """Coverage by raters, classifiers and simulators of sessions that have a video and are not left out."""
    filmed = [session.session_id for session in experiment.sessions if session.inputs_of("video")]
    used = catalog.load("sessions").filter(~pl.col("excluded"))["session_id"].implode()
    return catalog.load("coverage").filter(
        pl.col("kind") == "annotations",
        pl.col("source_kind").is_in(["manual", "automated"]),
        ~pl.col("source").str.starts_with(SEEN),
        pl.col("session_id").is_in(filmed),
        pl.col("session_id").is_in(used),
    )


# ------------------------------------------------------------------ what it says of each segment
def read_truth(experiment: Experiment, catalog: Catalog, source: str) -> Truth:
    """Judge every segment that lies within what a source looked at.

    Parameters
    ----------
    source
        From :func:`choose_source`.

    Raises
    ------
    ToolFailedError
        When it names no behavior, or no segment can be judged.
    """
    labels = _labels(experiment, catalog).filter(pl.col("source") == source)
    ethogram = _ethogram(experiment, labels)
    judged: list[Judged] = []
    without, together = [], []
    for session_id in dict.fromkeys(labels["session_id"]):
        mine = labels.filter(pl.col("session_id") == session_id)
        found = list(_judged_session(catalog, str(session_id), mine, ethogram))
        judged += found
        if not found:
            without.append(str(session_id))
        elif found[0].n_animals > 1 and set(mine["individual"]) == {""}:
            together.append(str(session_id))
    if not judged:
        raise ToolFailedError(
            f"No segment of {RULES_SOURCE} lies within what {source} looked at; clips are cut by tracks, so that labels cannot "
            "give away what they show: add pose, or let the silhouette be tracked."
        )
    notes = [f"No segment can be judged in {listing(without)}."] if without else []
    if together:
        notes.append(
            f"{source} does not tell animals apart in {listing(together)}: a label counts for each animal's clip."
        )
    return Truth(
        source=source,
        source_kind=str(labels["source_kind"][0]),
        ethogram=ethogram,
        judged=tuple(judged),
        notes=tuple(notes),
    )


def _ethogram(experiment: Experiment, labels: pl.DataFrame) -> Ethogram:
    settings = {item.name: item for item in experiment.behaviors}
    marked = sorted(set(labels["behaviors"].explode().drop_nulls()))
    # A bare number that a rater uses as a label names nothing to anybody else.
    behaviors = tuple(
        name
        for name in marked
        if any(character.isalpha() for character in name) and (name not in settings or settings[name].enabled)
    )
    if not behaviors:
        raise ToolFailedError(
            f"{labels['source'][0]} marks no behavior that has a name; declare names under [behaviors]."
        )
    categories: dict[str, tuple[str, ...]] = {}
    for name in behaviors:
        category = settings[name].category if name in settings else None
        if category is not None and category not in behaviors:
            categories[category] = (*categories.get(category, ()), name)
    return Ethogram(behaviors=behaviors, categories=categories)


def _judged_session(
    catalog: Catalog, session_id: str, labels: pl.DataFrame, ethogram: Ethogram
) -> Iterator[Judged]:
    """Judge one session's segments; those in which the source knows no behavior are left out."""
    row = catalog.read_session("sessions", session_id).row(0, named=True)
    clock, source = clock_of(row), str(labels["source"][0])
    segments = catalog.read_session("segments", session_id).filter(pl.col("source") == RULES_SOURCE)
    tracked = sorted(set(segments["individual"]))
    named = set(catalog.read_session("individuals", session_id)["individual"]) | set(tracked)
    n_animals = max(1, len(named - {""}))
    bouts = catalog.read_session("bouts", session_id).filter(pl.col("source") == source)
    margin = setting_frames(clock, NEAR_S)
    for individual in tracked:
        looked = labels.filter(_is_about(labels["individual"], individual, tracked))
        own = bouts.filter(_is_about(bouts["individual"], individual, tracked))
        watched = {
            name: _covered(looked, ethogram.members(name), clock.nearest_boundary) for name in ethogram.names
        }
        marked = {name: _runs(own, ethogram.members(name)) for name in ethogram.names}
        rows = segments.filter(pl.col("individual") == individual).sort("start_time", "stop_time")
        for segment in rows.iter_rows(named=True):
            place = place_of(segment, clock, "")
            run = (place.start_frame, place.stop_frame)
            known = frozenset(name for name, runs in watched.items() if _contains(runs, run))
            if known:
                wider = (run[0] - margin, run[1] + margin)
                yield Judged(
                    segment=segment,
                    known=known,
                    shown=frozenset(name for name in known if shows(marked[name], run)),
                    near=frozenset(name for name in known if _overlap(marked[name], wider) > 0),
                    n_animals=n_animals,
                )


def _is_about(individuals: pl.Series, individual: str, tracked: Collection[str]) -> pl.Series:
    """Which rows are about an animal; what names nobody may be about any."""
    names = [name or "" for name in individuals]
    return pl.Series(
        [name == "" or (tracked_as(name, tracked) or name) == individual for name in names],
        dtype=pl.Boolean,
    )


def _runs(bouts: pl.DataFrame, behaviors: Sequence[str]) -> list[Run]:
    """Bouts of some behaviors; those that touch are one."""
    rows = bouts.filter(pl.col("behavior").is_in(behaviors)).select("start_frame", "stop_frame")
    return bridge_runs(rows.iter_rows(), 0)


def _covered(looked: pl.DataFrame, behaviors: Sequence[str], frame_of: Callable[[float], int]) -> list[Run]:
    """Where every one of some behaviors would have been marked."""
    common: list[Run] | None = None
    for behavior in behaviors:
        rows = looked.filter(pl.col("behaviors").list.contains(behavior)).select("start_time", "stop_time")
        runs = bridge_runs(((frame_of(start), frame_of(stop)) for start, stop in rows.iter_rows()), 0)
        common = runs if common is None else list(_common(common, runs))
    return common or []


def _common(first: Iterable[Run], second: Sequence[Run]) -> Iterator[Run]:
    for start, stop in first:
        for begin, end in second:
            if max(start, begin) < min(stop, end):
                yield max(start, begin), min(stop, end)


def _contains(runs: Iterable[Run], run: Run) -> bool:
    return any(start <= run[0] and run[1] <= stop for start, stop in runs)


def _overlap(runs: Iterable[Run], run: Run) -> int:
    return sum(max(0, min(stop, run[1]) - max(start, run[0])) for start, stop in runs)


def shows(bouts: Sequence[Run], segment: Run) -> bool:
    """Whether a segment shows a behavior: it covers at least half of it, or a whole bout lies inside.

    Parameters
    ----------
    bouts
        Frames of the behavior's bouts, half-open, disjoint.
    segment
        Frames of the segment, half-open.
    """
    whole = any(segment[0] <= start and stop <= segment[1] for start, stop in bouts)
    return whole or _overlap(bouts, segment) >= ENOUGH * (segment[1] - segment[0])
