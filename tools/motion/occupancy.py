"""Whether an animal is in a zone, frame by frame, and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Interval, intersect, mask_to_runs, unite
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError
from ethochat.tools.motion.tracks import Frames, TrackPlan, TrackRef, name_sessions, plan_tracks, scan_session
from ethochat.tools.rows import Call
from ethochat.tools.selection import find_name, match_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """Whether one animal is in one zone, frame by frame."""

    track: TrackRef
    zone: str
    frames: Frames
    inside: NDArray[np.bool_]
    known: NDArray[np.bool_]
    """Where the animal's position is known."""


def known_zones(context: ToolContext, session_ids: Sequence[str] = ()) -> list[str]:
    """Zones that were declared, and those of the tables of some sessions."""
    names = [zone.name for zone in context.experiment.zones]
    for session_id in session_ids:
        table = (
            scan_session(context, "zones", session_id)
            .select(pl.col("zone").unique(maintain_order=True))
            .collect()
        )
        names.extend(table["zone"].to_list())
    return list(dict.fromkeys(names))


def match_zones(context: ToolContext, names: Sequence[str], session_ids: Sequence[str]) -> list[str]:
    """Zones behind names and declared synonyms; all of them for no name."""
    known = known_zones(context, session_ids)
    synonyms = {word: zone.name for zone in context.experiment.zones for word in zone.synonyms}
    found = []
    for name in names:
        word = find_name(name, synonyms)
        exact = find_name(name, known)
        found.append(exact or (synonyms[word] if word is not None else match_name(name, known, "zone")))
    return list(dict.fromkeys(found)) or known


ZONE_MEASURES: Final = ("zone_time", "zone_percent", "zone_entries", "zone_entry_rate", "zone_latency")


def occupancies(call: Call, plan: TrackPlan) -> Iterator[Occupancy]:
    """Occupancy of the zones of a call by every track.

    Raises
    ------
    ToolFailedError
        When no zone is known in the selected sessions.
    """
    ids = list(dict.fromkeys(track.session_id for track in plan.tracks))
    wanted = match_zones(call.context, call.arguments.zones, ids)
    found = False
    for track in plan.tracks:
        table = (
            scan_session(call.context, "zones", track.session_id)
            .filter(
                pl.col("source") == track.source,
                pl.col("individual") == track.individual,
                pl.col("zone").is_in(wanted),
            )
            .select("zone", pl.col("frame").cast(pl.Int64), "inside")
            .collect()
            .sort("zone", "frame")
        )
        for zone in wanted:
            rows = table.filter(pl.col("zone") == zone)
            if rows.is_empty():
                continue
            found = True
            yield Occupancy(
                track=track,
                zone=zone,
                frames=rows["frame"].to_numpy(),
                inside=_inside(rows["inside"], outside=call.arguments.outside),
                known=rows["inside"].is_not_null().to_numpy(),
            )
    if not found:
        raise ToolFailedError(
            f"No zones are known in {name_sessions(call.scope)}; declare an arena and zones."
        )


def _inside(column: pl.Series, *, outside: bool) -> NDArray[np.bool_]:
    """Whether the animal is in a zone, or known to be outside of it."""
    return (~column if outside else column).fill_null(False).to_numpy()


def zone_intervals(call: Call) -> dict[tuple[str, str], list[Interval]]:
    """When each animal was in one of the zones of a call: (session_id, individual) to intervals.

    With ``outside`` it is when the animal was outside of all of them. A session with a single tracked animal is also
    listed under the individual ``""``. An animal whose zones are not known is not listed at all.
    """
    # A split by source is one of what is measured; where an animal is does not depend on who labels it.
    plan = plan_tracks(replace(call, split=call.split - {"source"}))
    found: dict[tuple[str, str], list[Interval]] = {}
    for occupancy in occupancies(call, plan):
        time = occupancy.track.clock.time_of
        # Rows are one per frame, so a run of rows is a run of frames as long as none is left out.
        runs = mask_to_runs(occupancy.inside)
        intervals = [
            (time(int(occupancy.frames[a])), time(int(occupancy.frames[b - 1]) + 1)) for a, b in runs
        ]
        key = (occupancy.track.session_id, occupancy.track.individual)
        if call.arguments.outside and key in found:
            found[key] = intersect(found[key], intervals)
        else:
            found[key] = unite([*found.get(key, []), *intervals])
    animals: dict[str, list[str]] = {}
    for session_id, individual in found:
        animals.setdefault(session_id, []).append(individual)
    for session_id, names in animals.items():
        if len(names) == 1:
            found[(session_id, "")] = found[(session_id, names[0])]
    return found
