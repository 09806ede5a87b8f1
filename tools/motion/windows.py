"""Which frames of a track count: time bins, cut to the bouts and zones that a call names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Interval, intersect, unite
from ethochat.index.frames import Spans, cut_intervals
from ethochat.tools.errors import ToolRetryError
from ethochat.tools.labels import select_bouts, without
from ethochat.tools.motion.occupancy import ZONE_MEASURES, zone_intervals
from ethochat.tools.motion.tracks import Frames, TrackRef
from ethochat.tools.rows import Call, bins_of
from ethochat.tools.selection import label_coverage, listing, match_behaviors, match_sources, plan_sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The frames of one track in one bin."""

    index: int
    start: float
    behavior: str
    is_empty: bool
    """Whether what is measured can only be nothing, since the behavior does not happen in the bin."""
    starts: Frames
    stops: Frames
    """Frames that start in the bin (and in a bout, where bouts were named): half-open runs."""

    def mask(self, frames: Frames) -> NDArray[np.bool_]:
        """Which of some ascending frames are in the part."""
        mask = np.zeros(len(frames), dtype=np.bool_)
        for low, high in np.searchsorted(frames, np.column_stack((self.starts, self.stops))):
            mask[low:high] = True
        return mask


class _Layer(NamedTuple):
    """When an animal does one thing, cut to bins."""

    behavior: str
    spans: Spans
    """Numbered by bins, counted from 0."""
    empty: NDArray[np.bool_]
    """Bins in which it is not done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One track, cut to bins and, where the result is split by them, to behaviors."""

    bins: Sequence[tuple[int, float, float]]
    layers: Sequence[_Layer]

    def parts(self) -> Iterator[Part]:
        """Bin by bin, the behaviors of each."""
        every = np.arange(len(self.bins) + 1)
        places = [np.searchsorted(layer.spans.numbers, every) for layer in self.layers]
        for place, (index, start, _) in enumerate(self.bins):
            for (behavior, spans, empty), at in zip(self.layers, places, strict=True):
                within = slice(at[place], at[place + 1])
                yield Part(
                    index=index,
                    start=start,
                    behavior=behavior,
                    is_empty=bool(empty[place]),
                    starts=spans.starts[within],
                    stops=spans.stops[within],
                )

    def spans(self) -> list[Spans]:
        """Frames of the parts, numbered in the order of :meth:`parts`; those of different behaviors may overlap."""
        return [
            replace(layer.spans, numbers=layer.spans.numbers * len(self.layers) + place)
            for place, layer in enumerate(self.layers)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marked:
    """When animals do what a call names."""

    covered: Mapping[tuple[str, str], Collection[str]]
    """(session_id, individual) to the behaviors that somebody looked for there; ``""`` where they are not told apart."""
    bouts: Mapping[tuple[str, str], Mapping[str, Sequence[Interval]]]

    def of(self, session_id: str, individuals: Sequence[str]) -> dict[str, list[Interval]]:
        """Bouts of some animals and of the session as a whole; none where nobody looked."""
        found: dict[str, list[Interval]] = {}
        for key in dict.fromkeys((session_id, name) for name in ("", *individuals)):
            for behavior in self.covered.get(key, ()):
                found.setdefault(behavior, []).extend(self.bouts.get(key, {}).get(behavior, ()))
        return {behavior: unite(intervals) for behavior, intervals in found.items()}


class Windows:
    """Bins of a call, cut to the bouts and zones that it names; made once for all tracks."""

    def __init__(self, call: Call) -> None:
        """Find the bouts and zones, where some are named: then only what happens during them counts."""
        arguments = call.arguments
        if "behavior" in call.split and not arguments.behaviors:
            raise ToolRetryError(
                f"{arguments.measure} is split by behavior only where `behaviors` names the ones during which it counts."
            )
        self.call = call
        self._sessions = {row["session_id"]: row for row in call.scope.sessions.iter_rows(named=True)}
        self.flags: list[str] = []
        self._behaviors = self._marked(arguments.behaviors, split="behavior" in call.split)
        self._during = self._marked(arguments.during, split=False)
        self._excluding = self._marked(arguments.excluding, split=False, words="Not during")
        self._zones: Mapping[tuple[str, str], Sequence[Interval]] | None = None
        if arguments.zones and arguments.measure not in ZONE_MEASURES:
            where = "outside of" if arguments.outside else "in"
            self.flags.append(f"Only while {where} {listing(arguments.zones)}.")
            self._zones = zone_intervals(call)

    @property
    def everything(self) -> bool:
        """Whether no bout and no zone limits what counts."""
        limits = (self._behaviors, self._during, self._excluding, self._zones)
        return all(limit is None for limit in limits)

    def _marked(self, names: Sequence[str], *, split: bool, words: str = "Only during") -> _Marked | None:
        if not names:
            return None
        call, arguments = self.call, self.call.arguments
        behaviors = match_behaviors(call.context, names)
        # The first behaviors that a call names are those that its sources mark, and its limits are of their bouts.
        first = names is (arguments.behaviors or arguments.during)
        plan = plan_sources(
            call.context, call.scope, behaviors, _labelers(call, None if first else behaviors), split=False
        )
        if not first:
            arguments = arguments.model_copy(update={"min_bout_s": None, "max_bout_s": None})
        self.flags += [*plan.flags, f"{words} {listing(behaviors)}."]
        covered: dict[tuple[str, str], dict[str, None]] = {}
        columns = ["session_id", "individual", "source", "behaviors"]
        for session_id, individual, source, marks in plan.coverage.select(columns).iter_rows():
            for name in behaviors:
                if name in (marks or ()) and plan.counts(source, name):
                    covered.setdefault((session_id, individual or ""), {})[name if split else ""] = None
        bouts: dict[tuple[str, str], dict[str, list[Interval]]] = {}
        columns = ["session_id", "individual", "source", "behavior", "start_time", "stop_time"]
        rows = select_bouts(call.context, plan, behaviors, arguments)
        for session_id, individual, source, behavior, start, stop in rows.select(columns).iter_rows():
            if plan.counts(source, behavior):
                found = bouts.setdefault((session_id, individual or ""), {})
                found.setdefault(behavior if split else "", []).append((start, stop))
        return _Marked(covered=covered, bouts=bouts)

    def parts(self, track: TrackRef, individuals: Sequence[str] | None = None) -> Iterator[Part]:
        """Bins of one track, by behavior where the result is split by it.

        There is none where nobody looked for the behaviors of the call, or its zones are not known. Where they were
        looked for and did not happen the part is empty.
        """
        return self.cut(track, individuals).parts()

    def cut(self, track: TrackRef, individuals: Sequence[str] | None = None) -> Cut:
        """Cut one track to bins and behaviors; see :meth:`parts`."""
        window = self.call.scope.window(self._sessions[track.session_id])
        bins = bins_of(window, track.stop, self.call.arguments.bin_s)
        edges = [start for _, start, _ in bins] + [stop for _, _, stop in bins[-1:]]
        layers = [
            _Layer(behavior, cut_intervals(intervals, track.clock, edges), _empty(intervals, bins))
            for behavior, intervals in self._allowed(
                track.session_id, individuals or [track.individual]
            ).items()
            if bins
        ]
        return Cut(bins=bins, layers=layers)

    def _allowed(self, session_id: str, individuals: Sequence[str]) -> Mapping[str, Sequence[Interval]]:
        """Behavior to when it counts."""
        found: dict[str, list[Interval]] = {"": [(0.0, float("inf"))]}
        if self._behaviors is not None:
            found = self._behaviors.of(session_id, individuals)
        if self._during is not None:
            during = self._during.of(session_id, individuals)
            found = {name: intersect(spans, during[""]) for name, spans in found.items() if "" in during}
        if self._excluding is not None:
            excluded = self._excluding.of(session_id, individuals)
            found = {name: without(spans, excluded[""]) for name, spans in found.items() if "" in excluded}
        if self._zones is not None:
            keys = [(session_id, name) for name in ("", *individuals)]
            known = [self._zones[key] for key in keys if key in self._zones]
            inside = unite(interval for intervals in known for interval in intervals)
            found = {name: intersect(spans, inside) for name, spans in found.items() if known}
        return found


def _empty(intervals: Sequence[Interval], bins: Sequence[tuple[int, float, float]]) -> NDArray[np.bool_]:
    """Which bins no interval reaches into; intervals are sorted and disjoint."""
    starts, stops = np.reshape(intervals, (-1, 2)).T
    first, last = np.array([bounds for _, *bounds in bins]).T
    following = np.append(starts, np.inf)[np.searchsorted(stops, first, side="right")]
    empty: NDArray[np.bool_] = np.maximum(following, first) >= last
    return empty


def _labelers(call: Call, behaviors: Sequence[str] | None) -> list[str]:
    """Sources named in a call that label anything, or any of some behaviors; the other ones are trackers."""
    labeling = label_coverage(call.context, call.scope)
    if behaviors is not None:
        marking = [pl.col("behaviors").list.contains(name) for name in behaviors]
        labeling = labeling.filter(pl.any_horizontal(*marking))
    known = set(labeling["source"].to_list())
    return [name for name in match_sources(call.context, call.arguments.sources) if name in known]
