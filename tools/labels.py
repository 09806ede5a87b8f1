"""Measures of bouts: how often, how long, when first, how far apart.

A source counts in a session where it looked (the coverage table): no bout there is a zero, outside there is
nothing. Durations are of united bouts cut to the window; counts are of bouts as listed, by their start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from ethochat.index.behaviors.bouts import Interval, clip_intervals, intersect, stretches, total, unite
from ethochat.tools.arguments import MeasureArguments
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.rows import Call, Kind, Measured, Row, Vector, bins_of
from ethochat.tools.selection import (
    Scope,
    SourcePlan,
    listing,
    match_behaviors,
    match_sources,
    plan_sources,
)

Key = tuple[str, str, str, str]
"""session_id, individual, source, behavior (empty where several are united)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The bouts of one animal by one source, in one window."""

    bouts: Sequence[Interval]
    """As listed, by start; not cut to the window."""
    every: Sequence[Interval] = ()
    """The same without the limits on their length."""
    looked: Sequence[Interval]
    """Where the source looked within the window, disjoint."""

    @property
    def observed(self) -> float:
        """Time looked at."""
        return total(self.looked)

    @property
    def started(self) -> list[Interval]:
        """Bouts that start where the source looked, by start."""
        if len(self.looked) == 1:
            low, high = self.looked[0]
            return [bout for bout in self.bouts if low <= bout[0] < high]
        return [bout for bout in self.bouts if any(low <= bout[0] < high for low, high in self.looked)]

    @property
    def duration(self) -> float:
        """United time of the bouts within the window."""
        if len(self.looked) == 1:
            return total(clip_intervals(self.bouts, *self.looked[0]))
        return total(intersect(self.bouts, self.looked))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one measure says of one :class:`Listed`."""

    value: float | None = None
    parts: tuple[float, float] | None = None
    observations: Vector | None = None
    times: Vector | None = None


def _count(listed: Listed) -> Found:
    return Found(value=float(len(listed.started)))


def _duration(listed: Listed) -> Found:
    return Found(value=listed.duration)


def _share_of_bouts(listed: Listed) -> Found:
    part, whole = 100.0 * len(listed.started), float(len(replace(listed, bouts=listed.every).started))
    return Found(value=part / whole if whole else None, parts=(part, whole))


def _percent(listed: Listed) -> Found:
    part, whole = 100.0 * listed.duration, listed.observed
    return Found(value=part / whole, parts=(part, whole))


def _rate(listed: Listed) -> Found:
    part, whole = float(len(listed.started)), listed.observed / 60.0
    return Found(value=part / whole, parts=(part, whole))


def _lengths(listed: Listed) -> Vector:
    return np.array([stop - start for start, stop in listed.started])


def _durations(listed: Listed) -> Found:
    lengths = _lengths(listed)
    value = float(lengths.mean()) if len(lengths) else None
    return Found(value=value, observations=lengths, times=np.array([start for start, _ in listed.started]))


def _mean_duration(listed: Listed) -> Found:
    lengths = _lengths(listed)
    return Found(value=float(lengths.mean()) if len(lengths) else None)


def _median_duration(listed: Listed) -> Found:
    lengths = _lengths(listed)
    return Found(value=float(np.median(lengths)) if len(lengths) else None)


def _longest(listed: Listed) -> Found:
    return Found(value=float(_lengths(listed).max()) if listed.started else None)


def _latency(listed: Listed) -> Found:
    started = listed.started
    return Found(value=started[0][0] if started else None)


def _last_end(listed: Listed) -> Found:
    inside = intersect(listed.bouts, listed.looked)
    return Found(value=inside[-1][1] if inside else None)


def _gaps(listed: Listed) -> Found:
    """From the end of all earlier bouts to the next start, within one stretch that was looked at."""
    lengths, times = [], []
    for low, high in listed.looked:
        end: float | None = None
        for start, stop in listed.bouts:
            if not low <= start < high:
                continue
            if end is not None and start >= end:
                lengths.append(start - end)
                times.append(end)
            end = stop if end is None else max(end, stop)
    gaps = np.array(lengths)
    return Found(
        value=float(np.median(gaps)) if len(gaps) else None, observations=gaps, times=np.array(times)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMeasure:
    """How a measure of bouts is computed and put together."""

    name: str
    unit: str
    """Unit where the session counts in seconds."""
    kind: Kind
    find: Callable[[Listed], Found]
    statistics: tuple[str, ...] = ("mean",)
    observation: str = "bouts"

    def __call__(self, call: Call) -> Measured:
        """Compute the measure for every animal, source, behavior and bin of a call."""
        time_unit = _time_unit(call.scope, self.unit, call.arguments)
        if self.unit == "bouts/min" and time_unit == "frames":
            raise ToolFailedError("The frame rate is not documented, so a rate per minute cannot be given.")
        plan, behaviors = plan_labels(call)
        rows = [
            Row(
                session_id=key[0],
                individual=key[1],
                subject_id=call.scope.subject_of(key[0], key[1]),
                labels={"source": key[2], **({"behavior": key[3]} if key[3] else {})},
                bin_index=index,
                bin_start=start if call.arguments.bin_s is not None else None,
                value=found.value,
                parts=found.parts,
                observations=found.observations,
                times=found.times,
                observed=listed.observed,
                n_rows=len(listed.bouts),
            )
            for key, index, start, listed in joined(call, listed_bouts(call, plan, behaviors))
            for found in [self.find(listed)]
        ]
        return Measured(
            name=self.name,
            unit=time_unit if self.unit == "s" else self.unit,
            kind=self.kind,
            rows=rows,
            default_statistics=self.statistics,
            observation=self.observation,
            flags=(*plan.flags, *_said(call, behaviors, time_unit)),
        )


def _time_unit(scope: Scope, unit: str, arguments: MeasureArguments) -> str:
    """Find the unit of times; seconds and frames mix only where the result is a number of neither."""
    units = set(scope.sessions["time_unit"].drop_nulls().to_list())
    times = (arguments.start_s, arguments.stop_s, arguments.bin_s, arguments.min_bout_s, arguments.max_bout_s)
    timed = any(time is not None for time in times)
    if len(units) > 1 and (unit == "s" or timed):
        return scope.time_unit()
    return units.pop() if len(units) == 1 else "s"


def _said(call: Call, behaviors: Sequence[str], time_unit: str) -> list[str]:
    """Sentences about how the bouts were read."""
    arguments = call.arguments
    flags = []
    if len(behaviors) > 1 and "behavior" not in call.split:
        flags.append(f"Taken together: {listing(behaviors)}.")
    if arguments.together is not None:
        who = arguments.sources if arguments.together == "sources" else arguments.individuals
        flags.append(f"Only while {listing(who) or 'all'} agree on it at the same time.")
    if arguments.zones:
        where = "outside of" if arguments.outside else "in"
        flags.append(f"Only while {where} {listing(arguments.zones)}.")
    if arguments.during:
        flags.append(f"Only during {listing(arguments.during)}.")
    if arguments.excluding:
        flags.append(f"The time of {listing(arguments.excluding)} is left out altogether.")
    if time_unit == "frames":
        flags.append("The frame rate is not documented: times and durations are in frames.")
    return flags + limit_flags(arguments, time_unit)


def limit_flags(arguments: MeasureArguments, time_unit: str) -> list[str]:
    """Say which bouts a duration limit keeps."""
    low, high = arguments.min_bout_s, arguments.max_bout_s
    words = []
    if low is not None:
        words.append(f"{'longer than' if arguments.strict else 'of at least'} {low:g} {time_unit}")
    if high is not None:
        words.append(f"{'shorter than' if arguments.strict else 'of at most'} {high:g} {time_unit}")
    return [f"Only bouts {' and '.join(words)} count."] if words else []


# ----------------------------------------------------------------- reading the tables
def plan_labels(call: Call) -> tuple[SourcePlan, tuple[str, ...]]:
    """Find the sources and behaviors of a call.

    Raises
    ------
    ToolRetryError
        When no behavior is named and the result is not split by behavior.
    """
    arguments = call.arguments
    behaviors = match_behaviors(call.context, arguments.behaviors)
    if not behaviors and "behavior" not in call.split:
        raise ToolRetryError(
            f"{arguments.measure} needs a behavior in `behaviors`, or group_by behavior for all of them."
        )
    plan = plan_sources(
        call.context,
        call.scope,
        behaviors,
        arguments.sources,
        split="source" in call.split or arguments.together == "sources",
    )
    if not behaviors:
        marked = plan.coverage["behaviors"].explode(keep_nulls=False, empty_as_null=False)
        behaviors = tuple(sorted(set(marked.drop_nulls().to_list())))
    return plan, behaviors


def listed_bouts(
    call: Call, plan: SourcePlan, behaviors: Sequence[str]
) -> Iterator[tuple[Key, int, float, Listed]]:
    """Bouts and the time looked at, per animal, source, behavior and bin."""
    split = "behavior" in call.split
    looked = coverage_intervals(call.scope, plan, behaviors, split=split)
    bouts = bouts_by_key(call, plan, behaviors, split=split)
    unlimited = replace(
        call, arguments=call.arguments.model_copy(update={"min_bout_s": None, "max_bout_s": None})
    )
    shared = call.arguments.measure == "percent_bouts"
    every = bouts_by_key(unlimited, plan, behaviors, split=split) if shared else {}
    sessions = {row["session_id"]: row for row in call.scope.sessions.iter_rows(named=True)}
    masks = _zone_masks(call)
    during = Companions.of(call, plan, call.arguments.during)
    excluding = Companions.of(call, plan, call.arguments.excluding)
    for session_id, session in sessions.items():
        window = call.scope.window(session)
        for key in looked.get(session_id, {}):
            covered = looked[session_id][key]
            if masks is not None:
                covered = intersect(covered, masks.get((key[0], key[1]), masks.get((key[0], ""), [])))
            if during is not None:
                covered = intersect(covered, during.bouts(key))
            if excluding is not None:
                covered = without(covered, excluding.bouts(key))
            end = max((stop for _, stop in covered), default=0.0)
            for index, start, stop in bins_of(window, end, call.arguments.bin_s):
                part = clip_intervals(covered, start, stop)
                if part:
                    yield (
                        key,
                        index,
                        start,
                        Listed(bouts=bouts.get(key, []), every=every.get(key, []), looked=part),
                    )


def joined(
    call: Call, items: Iterable[tuple[Key, int, float, Listed]]
) -> Iterator[tuple[Key, int, float, Listed]]:
    """Intersect the bouts of all sources, or of all animals of a session, where the call asks for it."""
    together = call.arguments.together
    if together is None:
        yield from items
        return
    place = 2 if together == "sources" else 1
    parts: dict[tuple[Key, int, float], list[tuple[str, Listed]]] = {}
    for key, index, start, listed in items:
        rest: Key = (key[0], key[1], "", key[3]) if place == 2 else (key[0], "", key[2], key[3])
        parts.setdefault((rest, index, start), []).append((key[place], listed))
    named = call.arguments.sources if together == "sources" else call.arguments.individuals
    most = len(named) or max((len(members) for members in parts.values()), default=0)
    if most < 2:
        raise ToolFailedError(f"Expected several {together} at the same time, found {most}.")
    for (rest, index, start), members in parts.items():
        if len(members) < most:
            continue
        bouts, looked = list(unite(members[0][1].bouts)), list(members[0][1].looked)
        for _, listed in members[1:]:
            bouts, looked = intersect(bouts, unite(listed.bouts)), intersect(looked, listed.looked)
        if not looked:  # they never looked at the same time
            continue
        name = " and ".join(text for text, _ in members)
        key = (rest[0], rest[1], name, rest[3]) if place == 2 else (rest[0], name, rest[2], rest[3])
        yield key, index, start, Listed(bouts=bouts, looked=looked)


def _zone_masks(call: Call) -> Mapping[tuple[str, str], list[Interval]] | None:
    """When each animal was in the zones of the call, ``None`` when it names none."""
    if not call.arguments.zones:
        return None
    from ethochat.tools.motion import zone_intervals

    return zone_intervals(call)


def without(intervals: Sequence[Interval], removed: Iterable[Interval]) -> list[Interval]:
    """Return what of some intervals lies outside of others: sorted, disjoint."""
    gaps, last = [], float("-inf")
    for start, stop in unite(removed):
        gaps.append((last, start))
        last = stop
    return intersect(intervals, [*gaps, (last, float("inf"))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Companions:
    """Bouts of further behaviors that a call names, for every animal and source of its own bouts."""

    found: Mapping[tuple[str, str, str], list[Interval]]
    """(session_id, individual, source) to bouts."""
    markers: frozenset[str]
    """Sources that mark these behaviors at all."""
    others: tuple[str, ...]
    """Sources that stand in where the source of the own bouts does not mark them."""

    @classmethod
    def of(cls, call: Call, plan: SourcePlan, names: Sequence[str]) -> Companions | None:
        """Find who marks some behaviors, ``None`` for no behavior."""
        if not names:
            return None
        behaviors = match_behaviors(call.context, names)
        rows = call.context.catalog.load("bouts").filter(pl.col("behavior").is_in(list(behaviors)))
        found: dict[tuple[str, str, str], list[Interval]] = {}
        columns = ["session_id", "individual", "source", "start_time", "stop_time"]
        for session_id, individual, source, start, stop in rows.select(columns).iter_rows():
            found.setdefault((session_id, individual or "", source), []).append((start, stop))
        markers = frozenset(source for _, _, source in found)
        others: tuple[str, ...] = ()
        if not set(plan.sources) <= markers:
            requested = [
                name for name in match_sources(call.context, call.arguments.sources) if name in markers
            ]
            others = plan_sources(call.context, call.scope, behaviors, requested, split=False).sources
        return cls(found=found, markers=markers, others=others)

    def bouts(self, key: Key) -> list[Interval]:
        """Bouts that accompany those of a key."""
        session_id, individual, source, _ = key
        bouts: list[Interval] = []
        for name in (source,) if source in self.markers else self.others:
            bouts += self.found.get(
                (session_id, individual, name), self.found.get((session_id, "", name), [])
            )
        return bouts


def coverage_intervals(
    scope: Scope, plan: SourcePlan, behaviors: Sequence[str], *, split: bool
) -> dict[str, dict[Key, list[Interval]]]:
    """Where each source looked for the behaviors, stretch by stretch: session_id to key to intervals."""
    wanted = set(behaviors)
    ends = dict(scope.sessions.select("session_id", "duration").iter_rows())
    found: dict[str, dict[Key, list[Interval]]] = {}
    columns = ["session_id", "individual", "source", "start_time", "stop_time", "behaviors"]
    for session_id, individual, source, start, stop, marked in plan.coverage.select(columns).iter_rows():
        interval = (start or 0.0, stop if stop is not None else (ends.get(session_id) or 0.0))
        names = [name for name in marked or [] if name in wanted and plan.counts(source, name)]
        for name in names if split else names[:1]:
            key = (session_id, individual or "", source, name if split else "")
            found.setdefault(session_id, {}).setdefault(key, []).append(interval)
    return {
        session_id: {key: stretches(intervals) for key, intervals in keys.items()}
        for session_id, keys in found.items()
    }


def bouts_by_key(
    call: Call, plan: SourcePlan, behaviors: Sequence[str], *, split: bool
) -> dict[Key, list[Interval]]:
    """Bouts of a call that meet its duration limits, by start."""
    table = select_bouts(call.context, plan, behaviors, call.arguments)
    found: dict[Key, list[Interval]] = {}
    columns = ["session_id", "individual", "source", "behavior", "start_time", "stop_time"]
    for session_id, individual, source, behavior, start, stop in table.select(columns).iter_rows():
        if plan.counts(source, behavior):
            key = (session_id, individual or "", source, behavior if split else "")
            found.setdefault(key, []).append((start, stop))
    return found


def select_bouts(
    context: ToolContext, plan: SourcePlan, behaviors: Iterable[str], arguments: MeasureArguments
) -> pl.DataFrame:
    """Rows of the bouts table by the planned sources, within duration limits, by start."""
    conditions = [
        pl.col("source").is_in(list(plan.sources)),
        pl.col("behavior").is_in(list(behaviors)),
        pl.col("session_id").is_in(plan.coverage["session_id"].unique().to_list()),
        *duration_limits(arguments.min_bout_s, arguments.max_bout_s, strict=arguments.strict),
    ]
    return context.catalog.load("bouts").filter(*conditions).sort("session_id", "start_time", "stop_time")


def duration_limits(low: float | None, high: float | None, *, strict: bool) -> list[pl.Expr]:
    """Conditions on the length of a bout; a rounding error of the difference does not decide."""
    length = pl.col("stop_time") - pl.col("start_time")
    conditions = []
    if low is not None:
        conditions.append(length > low + 1e-9 if strict else length >= low - 1e-9)
    if high is not None:
        conditions.append(length < high - 1e-9 if strict else length <= high + 1e-9)
    return conditions


BOUT_COUNT = LabelMeasure(name="bout_count", unit="bouts", kind="additive", find=_count)
TOTAL_DURATION = LabelMeasure(name="total_duration", unit="s", kind="additive", find=_duration)
PERCENT_TIME = LabelMeasure(name="percent_time", unit="%", kind="ratio", find=_percent)
PERCENT_BOUTS = LabelMeasure(name="percent_bouts", unit="%", kind="ratio", find=_share_of_bouts)
BOUT_RATE = LabelMeasure(name="bout_rate", unit="bouts/min", kind="ratio", find=_rate)
BOUT_DURATION = LabelMeasure(
    name="bout_duration", unit="s", kind="pooled", find=_durations, statistics=("mean", "median", "max")
)
MEAN_BOUT_DURATION = LabelMeasure(name="mean_bout_duration", unit="s", kind="plain", find=_mean_duration)
MEDIAN_BOUT_DURATION = LabelMeasure(
    name="median_bout_duration", unit="s", kind="plain", find=_median_duration
)
LONGEST_BOUT = LabelMeasure(name="longest_bout_duration", unit="s", kind="plain", find=_longest)
LATENCY = LabelMeasure(name="latency", unit="s", kind="plain", find=_latency)
LAST_END = LabelMeasure(name="last_end", unit="s", kind="plain", find=_last_end)
INTER_BOUT_INTERVAL = LabelMeasure(
    name="inter_bout_interval",
    unit="s",
    kind="pooled",
    find=_gaps,
    statistics=("median", "mean"),
    observation="intervals between bouts",
)
