"""Two things that may go on at the same time, recording by recording: what co-occurrence is computed from."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Interval, clip_intervals, intersect, mask_to_runs, total, unite
from ethochat.index.timebase import TimeBase
from ethochat.tools.arguments import CooccurrenceArguments, MeasureArguments
from ethochat.tools.context import ToolContext
from ethochat.tools.motion import pair_distances, plan_tracks
from ethochat.tools.motion.occupancy import occupancies
from ethochat.tools.rows import Call
from ethochat.tools.selection import Scope, label_coverage
from ethochat.tools.statistics.results import Vector
from ethochat.tools.statistics.sequences import shifted_overlaps, to_circle

Key = tuple[str, str]
"""Session and individual."""

_ROUNDING: Final = 1e-6
"""Bouts that overlap by less touch; times of frame labels differ by rounding only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """When one thing goes on in one recording, and when that is known."""

    on: Sequence[Interval]
    looked: Sequence[Interval]
    """Sorted and disjoint, as is ``on``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Two things in one recording, over the time in which both are known."""

    session_id: str
    individual: str
    """Of two animals both, joined by a dash."""
    pair: tuple[str, str] | None
    """Two animals, the first doing the first; ``None`` where one animal does both."""
    subject_id: str | None
    looked: Sequence[Interval]
    first: Sequence[Interval]
    second: Sequence[Interval]

    @property
    def unit(self) -> str:
        """The unit of analysis: the subject or the recorded animal; of pairs, which share animals, the session."""
        if self.pair is not None:
            return self.session_id
        return self.subject_id or f"{self.session_id}/{self.individual}"

    @property
    def length(self) -> float:
        """Time in which both are known."""
        return total(self.looked)

    def both(self) -> float:
        """Time in which both go on."""
        return total(intersect(self.first, self.second))

    def expected(self) -> float:
        """Mean time over all shifts of one against the other: the product of both shares."""
        length = self.length
        return total(self.first) * total(self.second) / length if length else 0.0

    def shifted(self, turns: Vector) -> Vector:
        """Time in which both go on after the second is shifted around the time that was looked at.

        Parameters
        ----------
        turns
            Shifts as shares of that time, from 0 to 1, shape ``(n_shifts,)``.
        """
        length = self.length
        first, second = to_circle(self.first, self.looked), to_circle(self.second, self.looked)
        return shifted_overlaps(unite(first), unite(second), length, turns * length)


def random_overlaps(overlaps: Sequence[Overlap], n: int, rng: np.random.Generator) -> Vector:
    """Time in which both go on, summed over recordings, after random shifts within each, shape ``(n,)``.

    Of one animal the second behavior is shifted against the first. Of two animals each is shifted as a whole, so that pairs which
    share an animal stay as related as they would be by chance.
    """
    turns: dict[Key, Vector] = {}
    summed: Vector = np.zeros(n)
    for item in overlaps:
        keys = [(item.session_id, name) for name in item.pair or (item.individual,)]
        for key in keys:
            if key not in turns:
                turns[key] = rng.random(n)
        moved = turns[keys[0]] if item.pair is None else turns[keys[1]] - turns[keys[0]]
        summed += item.shifted(moved % 1.0)
    return summed


def windows_of(scope: Scope) -> dict[str, Interval]:
    """Window of every session: looked up once, since asking the table anew for each pair takes minutes for many sessions."""
    return {row["session_id"]: scope.window(row) for row in scope.sessions.iter_rows(named=True)}


def overlap_of(
    scope: Scope, key: Key, first: Lane, second: Lane, window: Interval, *, other: str | None = None
) -> Overlap | None:
    """Put two lanes of one recording together; ``None`` where no time of it is known for both.

    Parameters
    ----------
    window
        Part of the session that counts.
    other
        The animal that does the second, where it is another one.
    """
    looked = clip_intervals(intersect(first.looked, second.looked), *window)
    if not looked:
        return None
    return Overlap(
        session_id=key[0],
        individual=key[1] if other is None else f"{key[1]}-{other}",
        pair=None if other is None else (key[1], other),
        subject_id=scope.subject_of(*key) if other is None else None,
        looked=looked,
        first=intersect(first.on, looked),
        second=intersect(second.on, looked),
    )


# ----------------------------------------------------------------- labels
def label_lanes(context: ToolContext, scope: Scope, source: str, behaviors: Sequence[str]) -> dict[Key, Lane]:
    """When a source marks any of some behaviors, for every animal at which it looked for one of them."""
    looked: dict[Key, list[Interval]] = {}
    coverage = label_coverage(context, scope).filter(
        pl.col("source") == source,
        pl.any_horizontal(pl.col("behaviors").list.contains(name) for name in behaviors),
    )
    for row in coverage.iter_rows(named=True):
        stop = float("inf") if row["stop_time"] is None else row["stop_time"]
        looked.setdefault((row["session_id"], row["individual"] or ""), []).append(
            (row["start_time"] or 0.0, stop)
        )
    rows = context.catalog.load("bouts").filter(
        pl.col("source") == source,
        pl.col("behavior").is_in(list(behaviors)),
        pl.col("session_id").is_in(scope.session_ids),
    )
    bouts: dict[Key, list[Interval]] = {}
    for session_id, individual, start, stop in rows.select(
        "session_id", "individual", "start_time", "stop_time"
    ).iter_rows():
        bouts.setdefault((session_id, individual or ""), []).append((start, stop))
    ends = dict(scope.sessions.select("session_id", "duration").iter_rows())
    return {
        key: Lane(
            on=unite(bouts.get(key, ())), looked=_ended(unite(spans), ends.get(key[0]), bouts.get(key, ()))
        )
        for key, spans in looked.items()
    }


def _ended(spans: Sequence[Interval], duration: float | None, bouts: Iterable[Interval]) -> list[Interval]:
    """Put an end to a span that has none: that of the session, else that of the last bout."""
    end = duration if duration is not None else max((stop for _, stop in bouts), default=0.0)
    return [
        (low, end if high == float("inf") else high)
        for low, high in spans
        if low < end or high < float("inf")
    ]


def gives_one_label(context: ToolContext, source: str) -> int | None:
    """Number of a source's bouts, where none of them overlaps one of another behavior anywhere in the experiment.

    ``None`` where behaviors of this source can go on at once: one pair of bouts that overlap shows it. Rules are separate
    judgments and can always.
    """
    rows = context.catalog.load("bouts").filter(pl.col("source") == source)
    if rows.is_empty() or "rule" in rows["source_kind"].to_list() or rows["behavior"].n_unique() < 2:
        return None
    ordered = rows.sort("session_id", "individual", "start_time", "stop_time").with_columns(
        pl.col("individual").fill_null("")
    )
    before = pl.col("stop_time").cum_max().shift(1).over("session_id", "individual")
    overlapping = ordered.filter(
        (pl.col("start_time") < before - _ROUNDING).any().over("session_id", "individual")
    )
    for own in overlapping.partition_by("session_id", "individual"):
        if _overlaps_another(own):
            return None
    return rows.height


def _overlaps_another(bouts: pl.DataFrame) -> bool:
    """Whether bouts of different behaviors overlap; overlapping bouts of one behavior are one."""
    spans = [
        span
        for own in bouts.partition_by("behavior")
        for span in unite(zip(own["start_time"].to_list(), own["stop_time"].to_list(), strict=True))
    ]
    spans.sort()
    return any(second[0] < first[1] - _ROUNDING for first, second in itertools.pairwise(spans))


# ----------------------------------------------------------------- places and distances
def zone_lanes(
    context: ToolContext, scope: Scope, arguments: CooccurrenceArguments
) -> tuple[dict[str, dict[Key, Lane]], list[str]]:
    """When each animal is in each of the zones of a call, and what must be said."""
    call = _call(context, scope, arguments, "zone_time")
    plan = plan_tracks(call)
    found: dict[str, dict[Key, Lane]] = {}
    for item in occupancies(call, plan):
        clock = item.track.clock
        lane = Lane(on=_times(item.frames, item.inside, clock), looked=_times(item.frames, item.known, clock))
        found.setdefault(item.zone, {})[(item.track.session_id, item.track.individual)] = lane
    return {zone: _also_unnamed(lanes) for zone, lanes in found.items()}, list(plan.flags)


def near_lanes(
    context: ToolContext, scope: Scope, arguments: CooccurrenceArguments
) -> tuple[dict[Key, Lane], list[str]]:
    """When another animal is closer than the limit of a call, for each animal and for the session; what must be said.

    A moment counts as known when one animal is near, or the distances to all others are known.
    """
    call = _call(
        context, dataclasses.replace(scope, individuals=None, of_subjects=None), arguments, "time_near"
    )
    plan = plan_tracks(call)
    near: dict[Key, list[list[Interval]]] = {}
    known: dict[Key, list[list[Interval]]] = {}
    limit = arguments.max_distance or 0.0
    for pair in pair_distances(call, plan):
        clock = pair.first.clock
        close = _times(pair.frames, pair.distance < limit, clock)  # a NaN is below no limit
        seen = _times(pair.frames, np.isfinite(pair.distance), clock)
        for individual in (pair.first.individual, pair.second.individual, ""):
            near.setdefault((pair.first.session_id, individual), []).append(close)
            known.setdefault((pair.first.session_id, individual), []).append(seen)
    lanes = {}
    for key, spans in near.items():
        on = unite(itertools.chain.from_iterable(spans))
        everyone = known[key][0]
        for seen in known[key][1:]:
            everyone = intersect(everyone, seen)
        lanes[key] = Lane(on=on, looked=unite([*on, *everyone]))
    return lanes, list(plan.flags)


def _call(context: ToolContext, scope: Scope, arguments: CooccurrenceArguments, measure: str) -> Call:
    trackers = set(context.catalog.load("coverage").filter(pl.col("kind") == "track")["source"].to_list())
    asked = MeasureArguments(
        measure=measure,
        zones=arguments.zones,
        sources=[name for name in arguments.sources if name in trackers],
        max_distance=arguments.max_distance,
        unit=arguments.unit if measure == "time_near" else None,
    )
    return Call(context=context, scope=scope, arguments=asked, split=frozenset())


def _times(frames: NDArray[np.int64], mask: NDArray[np.bool_], clock: TimeBase) -> list[Interval]:
    """Frames as intervals of time; rows need not be consecutive frames."""
    chosen = frames[mask]
    if not len(chosen):
        return []
    runs = mask_to_runs(np.isin(np.arange(chosen[0], chosen[-1] + 1), chosen))
    first = int(chosen[0])
    return [(clock.time_of(first + start), clock.time_of(first + stop)) for start, stop in runs]


def _also_unnamed(lanes: Mapping[Key, Lane]) -> dict[Key, Lane]:
    """Lanes of sessions with a single animal also under no name, as labels have it."""
    by_session: dict[str, list[Key]] = {}
    for key in lanes:
        by_session.setdefault(key[0], []).append(key)
    alone = {(session_id, ""): lanes[keys[0]] for session_id, keys in by_session.items() if len(keys) == 1}
    return {**lanes, **alone}


# ----------------------------------------------------------------- pairs of lanes
def same_animal(scope: Scope, first: Mapping[Key, Lane], second: Mapping[Key, Lane]) -> list[Overlap]:
    """Both things of each animal for which both are known, in the order of sessions."""
    keys = [key for key in _ordered(scope, first) if key in second]
    windows = windows_of(scope)
    made = (overlap_of(scope, key, first[key], second[key], windows[key[0]]) for key in keys)
    return [item for item in made if item is not None]


def different_animals(
    scope: Scope, first: Mapping[Key, Lane], second: Mapping[Key, Lane], *, ordered: bool
) -> list[Overlap]:
    """The first thing of one animal and the second of another, for every pair of a session.

    Parameters
    ----------
    ordered
        Whether it matters which animal does which.
    """
    return list(_of_pairs(scope, first, second, ordered=ordered))


def _of_pairs(
    scope: Scope, first: Mapping[Key, Lane], second: Mapping[Key, Lane], *, ordered: bool
) -> Iterator[Overlap]:
    windows = windows_of(scope)
    pairs = itertools.permutations if ordered else itertools.combinations
    keys = _ordered(scope, [key for key in first if key[1]])
    for session_id, own in itertools.groupby(keys, key=lambda key: key[0]):
        for (_, a), (_, b) in pairs(list(own), 2):
            lane = second.get((session_id, b))
            if lane is not None:
                made = overlap_of(
                    scope, (session_id, a), first[(session_id, a)], lane, windows[session_id], other=b
                )
                if made is not None:
                    yield made


def _ordered(scope: Scope, keys: Iterable[Key]) -> list[Key]:
    places = {session_id: place for place, session_id in enumerate(scope.session_ids)}
    return sorted(keys, key=lambda key: (places[key[0]], key[1]))
