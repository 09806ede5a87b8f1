"""What sources said about recordings, as labels of frames: what agreement on behaviors is computed from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Interval, clip_intervals, intersect, unite
from ethochat.index.timebase import TimeBase, parse_fps
from ethochat.tools.arguments import AgreementArguments
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.rows import clock_of
from ethochat.tools.selection import Scope, label_coverage, listing, match_behaviors, match_sources

Labels = NDArray[np.int64]

NOT_SEEN: Final = -1
"""Label of a frame that a source did not look at."""
_MANY: Final = 2**31
MAX_BEHAVIORS: Final = 62
"""Behaviors that one label can hold, a bit each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One animal of one session: where sources looked, and the bouts they list."""

    session_id: str
    individual: str
    subject_id: str | None
    looked: Mapping[str, Sequence[Interval]]
    """Source to where it looked for all behaviors in question, within the window; sorted and disjoint."""
    bouts: Mapping[tuple[str, str], Sequence[Interval]]
    """Source and behavior to bouts as listed."""
    stop: float
    """End of what any of the sources looked at."""
    clock: TimeBase

    @property
    def animal(self) -> str:
        """The unit that is resampled: the subject, or the recorded animal where none is stated."""
        return self.subject_id or f"{self.session_id}/{self.individual}"

    def common(self, sources: Sequence[str]) -> list[Interval]:
        """Where all of the sources looked."""
        spans = [(0.0, self.stop)]
        for source in sources:
            spans = intersect(spans, self.looked.get(source, ()))
        return spans

    def labels(self, source: str, behaviors: Sequence[str]) -> Labels:
        """What a source says of each frame.

        Returns
        -------
        Labels
            Shape ``(n_frames,)``: bit ``k`` is set where behavior ``k`` is marked; :data:`NOT_SEEN` where the source did not look.
        """
        n_frames = self.clock.nearest_boundary(self.stop)
        labels = np.full(n_frames, NOT_SEEN, dtype=np.int64)
        labels[self._mask(self.looked.get(source, ()), n_frames)] = 0
        for bit, behavior in enumerate(behaviors):
            marked = self._mask(self.bouts.get((source, behavior), ()), n_frames)
            labels[marked & (labels != NOT_SEEN)] |= 1 << bit
        return labels

    def _mask(self, spans: Sequence[Interval], n_frames: int) -> NDArray[np.bool_]:
        """Frames of intervals, each edge put on the nearest boundary between frames."""
        mask = np.zeros(n_frames, dtype=np.bool_)
        for start, stop in spans:
            first = self.clock.nearest_boundary(max(start, 0.0))
            mask[first : max(first, self.clock.nearest_boundary(min(stop, self.stop)))] = True
        return mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    """The frames of one recording by what all sources say of them."""

    recording: Recording
    sources: Sequence[str]
    labels: Labels
    """Shape ``(n_patterns, n_sources)``, :data:`NOT_SEEN` where a source did not look."""
    frames: NDArray[np.int64]
    """How many frames have each pattern, shape ``(n_patterns,)``."""

    def of(self, sources: Sequence[str]) -> tuple[Labels, NDArray[np.int64]]:
        """Labels of some sources and their numbers of frames, where all of them looked."""
        labels = self.labels[:, [self.sources.index(name) for name in sources]]
        seen = (labels != NOT_SEEN).all(axis=1)
        return labels[seen], self.frames[seen]

    def n_seen(self, sources: Sequence[str]) -> int:
        """Frames that all of some sources looked at."""
        return int(self.of(sources)[1].sum())


def patterns_of(recording: Recording, sources: Sequence[str], behaviors: Sequence[str]) -> Patterns:
    """Count the frames of a recording by what the sources say of them."""
    labels = np.stack([recording.labels(source, behaviors) for source in sources])
    labels = labels[:, (labels != NOT_SEEN).any(axis=0)]
    key = np.zeros(labels.shape[1], dtype=np.int64)
    for row in labels:
        # A single behavior has three labels (not seen, none, marked), which need no sorting.
        place = row + 1 if len(behaviors) == 1 else np.unique(row, return_inverse=True)[1]
        key = key * (int(place.max(initial=0)) + 1) + place
        if key.max(initial=0) > _MANY:
            key = np.unique(key, return_inverse=True)[1]
    _, first, frames = np.unique(key, return_index=True, return_counts=True)
    return Patterns(recording=recording, sources=sources, labels=labels[:, first].T, frames=frames)


# ----------------------------------------------------------------- which behaviors and sources
def choose_behaviors(
    context: ToolContext, scope: Scope, arguments: AgreementArguments
) -> tuple[list[str], list[str]]:
    """Behaviors to compare: those named, else every one that at least two sources mark; and what must be said."""
    if arguments.behaviors:
        return list(match_behaviors(context, arguments.behaviors)), []
    named = match_sources(context, arguments.sources)
    covering = _covering(context, scope)
    bouts = context.catalog.load("bouts").select("source", "behavior").unique()
    marking: dict[str, set[str]] = {}
    for source, behavior in bouts.iter_rows():
        marking.setdefault(behavior, set()).add(source)
    found, single = [], []
    for behavior, sources in sorted(covering.items()):
        known = [name for name in sources if not named or name in named]
        marked = [name for name in known if name in marking.get(behavior, ())]
        # Sources that were named are compared also where one of them never marks a behavior that it looked for.
        needed = len(named) if named and arguments.whole_ethogram else 2
        if len(known) >= needed and len(marked) > (0 if named else 1):
            found.append(behavior)
        elif marked:
            single.append(behavior)
    flags = [f"Marked by one source only and not compared: {listing(single)}."] if found and single else []
    return found, flags


def choose_sources(
    context: ToolContext, scope: Scope, behaviors: Sequence[str], arguments: AgreementArguments
) -> tuple[list[str], list[str]]:
    """Sources that looked for all of some behaviors: those named, else all; and what must be said.

    Raises
    ------
    ToolFailedError
        When there are fewer than two.
    """
    covering = _covering(context, scope)
    known = sorted(set.intersection(*(set(covering.get(name, ())) for name in behaviors)))
    named = match_sources(context, arguments.sources)
    if arguments.reference is not None and named:
        named = tuple(dict.fromkeys((*match_sources(context, [arguments.reference]), *named)))
    sources = [name for name in named if name in known] if named else known
    if not named and not arguments.behaviors:
        marking = context.catalog.load("bouts").filter(pl.col("behavior").is_in(list(behaviors)))["source"]
        sources = [name for name in sources if name in set(marking.to_list())]
    lacking = [name for name in named if name not in known]
    said = [f"{listing(lacking)} did not look for {listing(behaviors)} in these sessions."] if lacking else []
    if len(sources) < 2:
        raise ToolFailedError(
            f"Agreement on {listing(behaviors)} needs two sources in these sessions, found "
            f"{listing(sources) or 'none'}.{''.join(f' {text}' for text in said)}"
        )
    return sources, said


def _covering(context: ToolContext, scope: Scope) -> dict[str, list[str]]:
    """Behavior to the sources that looked for it in the sessions of a call."""
    found: dict[str, list[str]] = {}
    rows = label_coverage(context, scope).select("source", "behaviors").unique().sort("source")
    for source, behaviors in rows.iter_rows():
        for behavior in behaviors or ():
            if source not in found.setdefault(behavior, []):
                found[behavior].append(source)
    return found


# ----------------------------------------------------------------- recordings
def recordings_of(
    context: ToolContext,
    scope: Scope,
    behaviors: Sequence[str],
    sources: Sequence[str],
    fps: float | None,
) -> list[Recording]:
    """Every animal of every session that one of the sources looked at for all of the behaviors."""
    if len(behaviors) > MAX_BEHAVIORS:
        raise ToolRetryError(
            f"Expected at most {MAX_BEHAVIORS} behaviors for one label per frame, got {len(behaviors)}."
        )
    bouts = context.catalog.load("bouts").filter(pl.col("session_id").is_in(scope.session_ids))
    last = dict(bouts.group_by("session_id").agg(pl.col("stop_time").max()).iter_rows())
    marked = _bouts_by_animal(
        bouts.filter(pl.col("behavior").is_in(list(behaviors)), pl.col("source").is_in(list(sources)))
    )
    looked = _looked_by_animal(context, scope, behaviors, sources)
    found = []
    for session in scope.sessions.iter_rows(named=True):
        start, stop = scope.window(session)
        session_id = session["session_id"]
        # Who looked to an end that nobody stated looked to the end of the session.
        end = session["duration"] if session["duration"] is not None else last.get(session_id, 0.0)
        for individual, by_source in looked.get(session_id, {}).items():
            known = {
                name: clip_intervals(_ended(unite(spans), end), start, stop)
                for name, spans in by_source.items()
            }
            recording = Recording(
                session_id=session_id,
                individual=individual,
                subject_id=scope.subject_of(session_id, individual),
                looked={name: spans for name, spans in known.items() if spans},
                bouts=marked.get((session_id, individual), {}),
                stop=max((high for spans in known.values() for _, high in spans), default=0.0),
                clock=_raster(session, fps),
            )
            found.append(recording)
    return found


def _ended(spans: Sequence[Interval], end: float) -> list[Interval]:
    """Put an end to a span that has none."""
    return [
        (low, end if math.isinf(high) else high) for low, high in spans if low < end or math.isfinite(high)
    ]


def _bouts_by_animal(rows: pl.DataFrame) -> dict[tuple[str, str], dict[tuple[str, str], list[Interval]]]:
    found: dict[tuple[str, str], dict[tuple[str, str], list[Interval]]] = {}
    columns = ["session_id", "individual", "source", "behavior", "start_time", "stop_time"]
    for session_id, individual, source, behavior, start, stop in rows.select(columns).iter_rows():
        own = found.setdefault((session_id, individual or ""), {})
        own.setdefault((source, behavior), []).append((start, stop))
    return found


def _looked_by_animal(
    context: ToolContext, scope: Scope, behaviors: Sequence[str], sources: Sequence[str]
) -> dict[str, dict[str, dict[str, list[Interval]]]]:
    """Session, individual and source to where it looked for all of the behaviors."""
    rows = label_coverage(context, scope).filter(
        pl.all_horizontal(pl.col("behaviors").list.contains(name) for name in behaviors),
        pl.col("source").is_in(list(sources)),
    )
    found: dict[str, dict[str, dict[str, list[Interval]]]] = {}
    for row in rows.iter_rows(named=True):
        stop = float("inf") if row["stop_time"] is None else row["stop_time"]
        own = found.setdefault(row["session_id"], {}).setdefault(row["individual"] or "", {})
        own.setdefault(row["source"], []).append((row["start_time"] or 0.0, stop))
    return found


def _raster(session: Mapping[str, object], fps: float | None) -> TimeBase:
    """Clock of the raster: as asked, else that of the session; one in frames is compared frame by frame."""
    if session["time_unit"] == "frames":
        return TimeBase(fps=None)
    clock = TimeBase(fps=parse_fps(fps)) if fps is not None else clock_of(session)
    if clock.fps is None:
        raise ToolRetryError(
            f"The frame rate of {session['session_id']} is not documented; give `fps` for the raster."
        )
    return clock
