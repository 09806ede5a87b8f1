"""When something holds, animal by animal: spans of time with who says so, from the tables, and their arithmetic.

Behaviors come from bouts, places from zones, speeds and distances from the frames of the first tracker. Where raters or a classifier looked
for a behavior, what rules find beside their bouts is left out: a rule does not overrule who watched. What a
vision-language model saw counts where nobody else looked, unless it is asked for by name.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Interval, bridge_runs, drop_short, mask_to_runs, unite
from ethochat.index.behaviors.rules import RULES
from ethochat.index.behaviors.rules import SOURCE as RULES_SOURCE
from ethochat.index.describers.in_use import SEEN
from ethochat.index.kinematics import setting_frames
from ethochat.index.timebase import TimeBase
from ethochat.tools.context import ToolContext
from ethochat.tools.motion.tracks import scan_session
from ethochat.tools.rows import clocks
from ethochat.tools.searching.limits import Limit
from ethochat.tools.selection import Scope

Key = tuple[str, str]
"""session_id and individual; ``""`` where a file tells no animals apart."""

GAP_S: Final = 0.2
"""Interruptions of a condition on frames up to this long are bridged, and shorter fulfilments dropped, as the rules do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One stretch of time."""

    start: float
    stop: float
    sources: frozenset[str] = frozenset()
    n_watching: int = 0
    """Raters and classifiers that looked for it then, whether or not they marked it."""
    partner: str = ""
    behavior: str = ""


Lane = list[Span]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """When one thing holds."""

    spans: Mapping[Key, Lane]
    """In order of time, disjoint within an animal."""
    known: frozenset[str]
    """Sessions in which it can be told."""
    told: Mapping[Key, Sequence[Interval]] = field(default_factory=dict)
    """When it can be told there: somebody looked for it, the position is known. Only what is cut out by it needs this."""
    flags: tuple[str, ...] = field(default=())


# ------------------------------------------------------------------ behaviors
def behavior_lanes(
    context: ToolContext, scope: Scope, behaviors: Sequence[str], sources: Sequence[str]
) -> Lanes:
    """When one of some behaviors goes on, by whoever marks it.

    Parameters
    ----------
    behaviors
        Exact names.
    sources
        Only what these say; all for none.
    """
    ids = scope.session_ids
    named = pl.col("source").is_in(list(sources)) if sources else pl.lit(True)
    bouts = context.catalog.load("bouts").filter(
        pl.col("behavior").is_in(list(behaviors)), pl.col("session_id").is_in(ids), named
    )
    watched = _watched(context, ids, behaviors, named, others_only=not sources)
    marked: dict[Key, list[Span]] = defaultdict(list)
    seen: dict[Key, list[Span]] = defaultdict(list)
    columns = ("session_id", "individual", "partner", "behavior", "source", "start_time", "stop_time")
    for session_id, individual, partner, behavior, source, start, stop in bouts.select(columns).iter_rows():
        span = Span(
            start=start, stop=stop, sources=frozenset({source}), partner=partner or "", behavior=behavior
        )
        if source.startswith(SEEN) and not sources:
            seen[session_id, individual or ""].append(span)
            continue
        marked[session_id, individual or ""].append(span)
        rule = RULES.get(behavior)
        if source == RULES_SOURCE and partner and rule is not None and rule.symmetric:
            marked[session_id, partner].append(replace(span, partner=individual or ""))
    spans = {
        key: _told(lane, [*watched.labels.get(key, ()), *watched.labels.get((key[0], ""), ())])
        for key, lane in marked.items()
    }
    for key, lane in seen.items():
        spans[key] = sorted([*spans.get(key, []), *_unwatched(lane, watched.others, key)], key=_in_time)
    return Lanes(
        spans={key: lane for key, lane in _named_once(spans).items() if lane},
        known=watched.sessions,
        told=watched.told,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """Who looked for some behaviors, where and when."""

    sessions: frozenset[str]
    labels: Mapping[Key, list[tuple[float, float, str]]]
    """Start, stop and source of what raters and classifiers looked at."""
    told: Mapping[Key, list[Interval]]
    """What anyone looked at, rules included."""
    others: Mapping[Key, list[Interval]]
    """What anyone but a vision-language model looked at."""


def _watched(
    context: ToolContext, ids: Sequence[str], behaviors: Sequence[str], named: pl.Expr, *, others_only: bool
) -> _Watched:
    """Who looked; with ``others_only`` what a vision-language model saw is no label that counts beside those of others."""
    rows = (
        context.catalog.load("coverage")
        .filter(pl.col("kind").is_in(["annotations", "rules"]), pl.col("session_id").is_in(ids), named)
        .filter(pl.col("behaviors").list.eval(pl.element().is_in(list(behaviors))).list.any())
    )
    labels: dict[Key, list[tuple[float, float, str]]] = defaultdict(list)
    told: dict[Key, list[Interval]] = defaultdict(list)
    others: dict[Key, list[Interval]] = defaultdict(list)
    columns = ("session_id", "individual", "start_time", "stop_time", "source", "kind")
    for session_id, individual, start, stop, source, kind in rows.select(columns).iter_rows():
        told[session_id, individual or ""].append((start, stop))
        if not source.startswith(SEEN):
            others[session_id, individual or ""].append((start, stop))
        elif not others_only:
            labels[session_id, individual or ""].append((start, stop, source))
            continue
        else:
            continue
        if kind == "annotations":
            labels[session_id, individual or ""].append((start, stop, source))
    return _Watched(
        sessions=frozenset(rows["session_id"].to_list()),
        labels=labels,
        told={key: unite(some) for key, some in told.items()},
        others={key: unite(some) for key, some in others.items()},
    )


def _unwatched(lane: Iterable[Span], looked: Mapping[Key, Sequence[Interval]], key: Key) -> Lane:
    """What a vision-language model saw where nobody else looked: it knows less than who watched and what was measured."""
    taken = unite([*looked.get(key, ()), *looked.get((key[0], ""), ())])
    return [
        span
        for span in clustered(lane)
        if not any(start < span.stop and span.start < stop for start, stop in taken)
    ]


def _in_time(span: Span) -> tuple[float, float]:
    return span.start, span.stop


def _told(lane: Iterable[Span], watched: Sequence[tuple[float, float, str]]) -> Lane:
    """One span per event: raters' spans that overlap are one; a rule only confirms where someone watched."""
    labels = clustered(span for span in lane if RULES_SOURCE not in span.sources)
    watchers = _Watchers(watched)
    counted = [replace(span, n_watching=watchers.count(span)) for span in labels]
    # What was watched or marked is disjoint once united, so that a rule's span is held against its neighbors only.
    looked = unite([(start, stop) for start, stop, _ in watched])
    kept: list[Span] = []
    place = since = 0
    for rule in clustered(span for span in lane if RULES_SOURCE in span.sources):
        while place < len(counted) and counted[place].stop <= rule.start:
            place += 1
        while since < len(looked) and looked[since][1] <= rule.start:
            since += 1
        over = place
        while over < len(counted) and counted[over].start < rule.stop:
            counted[over] = replace(counted[over], sources=counted[over].sources | rule.sources)
            over += 1
        if over == place and not (since < len(looked) and looked[since][0] < rule.stop):
            kept.append(rule)
    return sorted([*counted, *kept], key=lambda span: (span.start, span.stop))


class _Watchers:
    """Who watched when, to be counted for many spans."""

    def __init__(self, watched: Sequence[tuple[float, float, str]]) -> None:
        by_source: dict[str, list[Interval]] = defaultdict(list)
        for start, stop, source in watched:
            by_source[source].append((start, stop))
        looked = [unite(some) for some in by_source.values()]
        self._looked = [([start for start, _ in some], [stop for _, stop in some]) for some in looked]

    def count(self, span: Span) -> int:
        """Number of sources that watched at some time of a span."""
        return sum(
            bisect_right(stops, span.start) < bisect_left(starts, span.stop) for starts, stops in self._looked
        )


def clustered(spans: Iterable[Span]) -> Lane:
    """Spans that overlap as one; those that only touch stay apart, as bouts of one source do."""
    united: Lane = []
    for span in sorted(spans, key=lambda item: (item.start, item.stop)):
        if united and span.start < united[-1].stop:
            last = united[-1]
            united[-1] = replace(
                last,
                stop=max(last.stop, span.stop),
                sources=last.sources | span.sources,
                behavior=last.behavior if last.behavior == span.behavior else "",
            )
        else:
            united.append(span)
    return united


def _named_once(spans: dict[Key, Lane]) -> dict[Key, Lane]:
    """A span under no animal's name is the event of the animal that a span of the same time names."""
    for session_id in {key[0] for key in spans if key[1] == ""}:
        named = {key: lane for key, lane in spans.items() if key[0] == session_id and key[1] != ""}
        starts = {key: [span.start for span in lane] for key, lane in named.items()}
        stops = {key: [span.stop for span in lane] for key, lane in named.items()}
        left: Lane = []
        for span in spans[session_id, ""]:
            owners = [
                (key, place)
                for key in named
                for place in range(bisect_right(stops[key], span.start), bisect_left(starts[key], span.stop))
            ]
            if not owners:
                left.append(span)
            for key, place in owners:
                named[key][place] = _joined(span, named[key][place])
        spans[session_id, ""] = left
        for key, lane in named.items():
            spans[key] = clustered(lane)
    return spans


def _joined(span: Span, other: Span) -> Span:
    """Both as the event of the other's animal; who watched knows better than rules how long it lasts."""
    ruled = other.sources == {RULES_SOURCE}
    return replace(
        span,
        start=span.start if ruled else min(span.start, other.start),
        stop=span.stop if ruled else max(span.stop, other.stop),
        sources=span.sources | other.sources,
        n_watching=max(span.n_watching, other.n_watching),
        partner=other.partner,
    )


# ------------------------------------------------------------------ places, speeds and distances
def zone_lanes(context: ToolContext, scope: Scope, zones: Sequence[str]) -> Lanes:
    """When each animal is in one of some zones."""
    found: dict[Key, list[Interval]] = defaultdict(list)
    told: dict[Key, list[Interval]] = defaultdict(list)
    known: set[str] = set()
    clock_by_id = clocks(scope)
    for session_id in scope.session_ids:
        table = (
            scan_session(context, "zones", session_id)
            .filter(pl.col("zone").is_in(list(zones)))
            .select("source", "individual", "zone", "frame", "inside")
            .collect()
        )
        for individual, _, rows in _first_tracker(table, "zone"):
            known.add(session_id)
            mask = rows["inside"].fill_null(False).to_numpy()
            frames = rows["frame"].to_numpy()
            found[session_id, individual] += _intervals(frames, mask, clock_by_id[session_id], gap_s=0)
            there = rows["inside"].is_not_null().to_numpy()
            told[session_id, individual] += _intervals(frames, there, clock_by_id[session_id], gap_s=0)
    spans = {
        key: [Span(start=a, stop=b, behavior="") for a, b in unite(lane)]
        for key, lane in found.items()
        if lane
    }
    return Lanes(spans=spans, known=frozenset(known), told={key: unite(some) for key, some in told.items()})


def _first_tracker(table: pl.DataFrame, *more: str) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """Rows of each animal by the first tracker that has it; ``more`` names columns that split them further."""
    trackers: dict[str, str] = {}
    for (source, individual, *rest), rows in table.group_by(
        "source", "individual", *more, maintain_order=True
    ):
        if trackers.setdefault(str(individual), str(source)) == source:
            yield str(individual), str(rest[0]) if rest else "", rows.sort("frame")


def _intervals(
    frames: NDArray[np.int64], mask: NDArray[np.bool_], clock: TimeBase, *, gap_s: float = GAP_S
) -> list[Interval]:
    """Frames of a mask as intervals of time; rows need not be consecutive frames."""
    chosen = frames[mask]
    if not len(chosen):
        return []
    inside = np.zeros(int(chosen[-1]) - int(chosen[0]) + 1, dtype=np.bool_)
    inside[chosen - chosen[0]] = True
    runs = mask_to_runs(inside)
    if gap_s:
        runs = drop_short(
            bridge_runs(runs, setting_frames(clock, gap_s)), max(1, setting_frames(clock, gap_s))
        )
    first = int(chosen[0])
    return [(clock.time_of(first + start), clock.time_of(first + stop)) for start, stop in runs]


def limit_lanes(context: ToolContext, scope: Scope, limit: Limit) -> Lanes:
    """When a speed or a distance lies in a range.

    Sessions whose lengths are in another unit than the range, such as a recording without a scale, cannot tell.
    """
    if limit.quantity == "partner_distance":
        return _apart(context, scope, limit)
    length = limit.unit.partition("/")[0]
    column = f"speed_{length}_per_s" if limit.quantity == "speed" else f"wall_distance_{length}"
    spans: dict[Key, Lane] = {}
    known: set[str] = set()
    by_session = clocks(scope)
    for session in scope.sessions.iter_rows(named=True):
        session_id = session["session_id"]
        if limit.quantity == "speed" and session["time_unit"] == "frames":
            continue  # a speed per second is not known there
        table = (
            scan_session(context, "kinematics", session_id)
            .select("source", "individual", "frame", pl.col(column).alias("value"))
            .collect()
        )
        for individual, _, rows in _first_tracker(table):
            values = rows["value"].cast(pl.Float64).to_numpy()
            if np.isnan(values).all():
                continue
            known.add(session_id)
            mask = within(limit, values)
            lane = _intervals(rows["frame"].to_numpy(), mask, by_session[session_id])
            if lane:
                spans[session_id, individual] = [Span(start=a, stop=b) for a, b in lane]
    return Lanes(spans=spans, known=frozenset(known))


def within(limit: Limit, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where values lie in a range; a missing one does not."""
    above: Callable[..., NDArray[np.bool_]] = np.greater if limit.strict else np.greater_equal
    below: Callable[..., NDArray[np.bool_]] = np.less if limit.strict else np.less_equal
    mask = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        if limit.low is not None:
            mask &= above(values, limit.low)
        if limit.high is not None:
            mask &= below(values, limit.high)
    return mask


def _apart(context: ToolContext, scope: Scope, limit: Limit) -> Lanes:
    """When another tracked animal's center is as far as a limit says, for each animal of a pair."""
    spans: dict[Key, list[Span]] = defaultdict(list)
    known: set[str] = set()
    by_session = clocks(scope)
    for session_id in scope.session_ids:
        table = (
            scan_session(context, "kinematics", session_id)
            .select("source", "individual", "frame", x=pl.col(f"x_{limit.unit}"), y=pl.col(f"y_{limit.unit}"))
            .collect()
        )
        animals = [(name, rows) for name, _, rows in _first_tracker(table) if rows["x"].is_not_null().any()]
        for place, (first, a) in enumerate(animals):
            for second, b in animals[place + 1 :]:
                known.add(session_id)
                both = a.join(b, on="frame", suffix="_2").sort("frame")
                apart = both.select(
                    ((pl.col("x") - pl.col("x_2")) ** 2 + (pl.col("y") - pl.col("y_2")) ** 2).sqrt()
                )
                values = apart.to_series().cast(pl.Float64).to_numpy()
                lane = _intervals(both["frame"].to_numpy(), within(limit, values), by_session[session_id])
                spans[session_id, first] += [Span(start=x, stop=y, partner=second) for x, y in lane]
                spans[session_id, second] += [Span(start=x, stop=y, partner=first) for x, y in lane]
    return Lanes(spans={key: clustered(lane) for key, lane in spans.items()}, known=frozenset(known))


def whole_lanes(context: ToolContext, scope: Scope) -> Lanes:
    """All of the time in which each animal was tracked or watched."""
    rows = context.catalog.load("coverage").filter(
        pl.col("session_id").is_in(scope.session_ids), pl.col("kind") != "metrics"
    )
    found: dict[Key, list[Interval]] = defaultdict(list)
    for row in rows.select("session_id", "individual", "start_time", "stop_time").iter_rows():
        found[row[0], row[1] or ""].append((row[2], row[3]))
    named = {key[0] for key in found if key[1]}
    spans = {
        key: [Span(start=a, stop=b) for a, b in unite(lane)]
        for key, lane in found.items()
        if key[1] or key[0] not in named
    }
    return Lanes(spans=spans, known=frozenset(key[0] for key in spans))


# ------------------------------------------------------------------ arithmetic
def intersect_lanes(first: Lanes, second: Lanes) -> Lanes:
    """When both hold of the same animal; a label that names no animal counts for each of its session."""
    spans: dict[Key, list[Span]] = defaultdict(list)
    seconds: dict[str, list[Key]] = defaultdict(list)
    for key in second.spans:
        seconds[key[0]].append(key)
    for (session_id, individual), lane in first.spans.items():
        for other in seconds.get(session_id, ()):
            if individual and other[1] and individual != other[1]:
                continue
            key = (session_id, individual or other[1])
            spans[key] += _shared(lane, second.spans[other])
    return Lanes(
        spans={key: clustered(lane) for key, lane in spans.items() if lane},
        known=first.known & second.known,
        flags=(*first.flags, *second.flags),
    )


def touching_joined(lanes: Lanes, clock_of: Mapping[str, TimeBase]) -> Lanes:
    """Join spans of different behaviors that touch; bouts of one behavior stay apart."""
    spans: dict[Key, Lane] = {}
    for key, lane in lanes.spans.items():
        slack = 1.001 / clock_of[key[0]].frames_per_unit
        joined: Lane = []
        for span in lane:
            last = joined[-1] if joined else None
            if last is not None and last.behavior != span.behavior and span.start - last.stop <= slack:
                joined[-1] = replace(
                    last,
                    stop=max(last.stop, span.stop),
                    sources=last.sources | span.sources,
                    behavior=span.behavior,
                )
            else:
                joined.append(span)
        spans[key] = joined
    return replace(lanes, spans=spans)


def _shared(first: Lane, second: Lane) -> Iterator[Span]:
    i = j = 0
    while i < len(first) and j < len(second):
        a, b = first[i], second[j]
        start, stop = max(a.start, b.start), min(a.stop, b.stop)
        if start < stop:
            yield replace(
                a,
                start=start,
                stop=stop,
                sources=a.sources | b.sources,
                partner=a.partner or b.partner,
                behavior=a.behavior or b.behavior,
            )
        if a.stop <= b.stop:
            i += 1
        else:
            j += 1


def subtract_lanes(first: Lanes, second: Lanes) -> Lanes:
    """When the first holds and the second does not, as far as that can be told of the second.

    What names no animal counts for each of its session.
    """
    spans: dict[Key, Lane] = {}
    for key, lane in first.spans.items():
        if key[0] not in second.known:
            continue
        taken = [(span.start, span.stop) for other in of_same(key, second.spans) for span in other]
        left = list(_without(lane, unite([*taken, *_untold(key, second.told)])))
        if left:
            spans[key] = left
    return Lanes(spans=spans, known=first.known & second.known, flags=(*first.flags, *second.flags))


def of_same(key: Key, items: Mapping[Key, Sequence[_T]]) -> Iterator[Sequence[_T]]:
    """What belongs to an animal: its own, and what names no animal of the session, or all where it has no name itself."""
    for other, item in items.items():
        if other[0] == key[0] and (other[1] == key[1] or not other[1] or not key[1]):
            yield item


def _untold(key: Key, told: Mapping[Key, Sequence[Interval]]) -> Iterator[Interval]:
    """Stretches of which it cannot be told for an animal."""
    since = 0.0
    for start, stop in unite(interval for some in of_same(key, told) for interval in some):
        if start > since:
            yield since, start
        since = stop
    yield since, float("inf")


def _without(lane: Lane, taken: Sequence[Interval]) -> Iterator[Span]:
    """What is left of spans, all in order of time, without the intervals, which are disjoint."""
    place = 0
    for span in lane:
        while place < len(taken) and taken[place][1] <= span.start:
            place += 1
        start, over = span.start, place
        while over < len(taken) and taken[over][0] < span.stop:
            first, last = taken[over]
            if first > start:
                yield replace(span, start=start, stop=first)
            start = max(start, last)
            over += 1
        if start < span.stop:
            yield replace(span, start=start)
