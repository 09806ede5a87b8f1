"""Which frames of a track count: time bins, cut to the bouts and zones that a call names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Interval, clip_intervals, intersect, unite
from ethochat.index.timebase import TimeBase
from ethochat.tools.errors import ToolRetryError
from ethochat.tools.motion.occupancy import ZONE_MEASURES, zone_intervals
from ethochat.tools.motion.tracks import Frames, TrackRef
from ethochat.tools.rows import Call, bins_of
from ethochat.tools.selection import listing, match_behaviors, match_sources, plan_sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The frames of one track in one bin."""

    index: int
    start: float
    behavior: str
    mask_of: Sequence[Interval]
    clock: TimeBase

    def mask(self, frames: Frames) -> NDArray[np.bool_]:
        """Frames whose start lies in the bin (and in a bout, where bouts were named)."""
        mask = np.zeros(len(frames), dtype=np.bool_)
        for start, stop in self.mask_of:
            low, high = np.searchsorted(
                frames, [first_frame(self.clock, start), first_frame(self.clock, stop)]
            )
            mask[low:high] = True
        return mask


def first_frame(clock: TimeBase, time: float) -> int:
    """First frame that starts at a time or later."""
    frame = clock.frame_at(time)
    return frame if clock.time_of(frame) >= time - 1e-9 else frame + 1


class Windows:
    """Bins of a call, cut to the bouts that it names; made once for all tracks."""

    def __init__(self, call: Call) -> None:
        """Find the bouts, where behaviors are named: then only what happens during them counts."""
        self.call = call
        self._sessions = {row["session_id"]: row for row in call.scope.sessions.iter_rows(named=True)}
        self.flags: list[str] = []
        self._bouts: dict[tuple[str, str], dict[str, list[Interval]]] | None = None
        if call.arguments.excluding:
            raise ToolRetryError(
                f"{call.arguments.measure} knows no `excluding`; name what counts in `behaviors`."
            )
        if call.arguments.behaviors or call.arguments.during:
            self._bouts = self._during()
        if call.arguments.zones and call.arguments.measure not in ZONE_MEASURES:
            self._bouts = self._in_zones()

    def _in_zones(self) -> dict[tuple[str, str], dict[str, list[Interval]]]:
        """When each animal is in the zones of the call, and does what it names."""
        call = self.call
        self.flags.append(f"Only while in {listing(call.arguments.zones)}.")
        inside = zone_intervals(call)
        if self._bouts is None:
            return {key: {"": intervals} for key, intervals in inside.items()}
        return {
            (session_id, individual): {
                name: intersect(
                    intervals, inside.get((session_id, individual), inside.get((session_id, ""), []))
                )
                for name, intervals in bouts.items()
            }
            for (session_id, individual), bouts in self._bouts.items()
        }

    def _during(self) -> dict[tuple[str, str], dict[str, list[Interval]]]:
        from ethochat.tools.labels import select_bouts

        call = self.call
        behaviors = match_behaviors(call.context, call.arguments.behaviors or call.arguments.during)
        coverage = call.context.catalog.load("coverage").filter(
            pl.col("kind").is_in(["annotations", "rules"])
        )
        labelers = set(coverage["source"].to_list())
        sources = [name for name in match_sources(call.context, call.arguments.sources) if name in labelers]
        plan = plan_sources(call.context, call.scope, behaviors, sources, split=False)
        self.flags += [*plan.flags, f"Only during {listing(behaviors)}."]
        found: dict[tuple[str, str], dict[str, list[Interval]]] = {}
        rows = select_bouts(call.context, plan, behaviors, call.arguments)
        for row in rows.select("session_id", "individual", "behavior", "start_time", "stop_time").iter_rows():
            name = row[2] if "behavior" in call.split else ""
            found.setdefault((row[0], row[1] or ""), {}).setdefault(name, []).append((row[3], row[4]))
        return found

    def parts(self, track: TrackRef, individuals: Sequence[str] | None = None) -> Iterator[Part]:
        """Bins of one track, by behavior where the result is split by it."""
        window = self.call.scope.window(self._sessions[track.session_id])
        window = (max(window[0], 0.0), window[1])
        for index, start, stop in bins_of(window, track.stop, self.call.arguments.bin_s):
            for behavior, intervals in self._allowed(track, individuals).items():
                inside = (
                    [(start, stop)] if intervals is None else clip_intervals(unite(intervals), start, stop)
                )
                yield Part(index=index, start=start, behavior=behavior, mask_of=inside, clock=track.clock)

    def _allowed(
        self, track: TrackRef, individuals: Sequence[str] | None
    ) -> Mapping[str, list[Interval] | None]:
        if self._bouts is None:
            return {"": None}
        names = ["", *(individuals if individuals is not None else [track.individual])]
        merged: dict[str, list[Interval] | None] = {}
        for name in dict.fromkeys(names):
            for behavior, intervals in self._bouts.get((track.session_id, name), {}).items():
                merged[behavior] = [*(merged.get(behavior) or []), *intervals]
        return merged
