"""A session is cut where behavior changes; the pieces are what is described and searched.

Labels
    Every bout of a rater or classifier is a segment of its own, at the bout's exact times. Bouts that touch
    and are shorter than
    ``min_s`` are joined with their neighbors, so that a classifier that changes its mind every frame gives a
    bounded number of segments; a short bout that stands alone stays. Stretches that nobody labeled are no
    segments.
Rules
    The tracked recording is tiled: cut wherever the set of active rule behaviors changes, pieces shorter than
    ``min_s`` joined with their neighbor.

Both are split into equal parts where they are longer than ``max_s``.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Run
from ethochat.index.domain import Session
from ethochat.index.kinematics import setting_frames
from ethochat.index.settings import SegmentSettings
from ethochat.index.tables import conform, empty
from ethochat.index.timebase import TimeBase

TOUCHING_FRAMES: Final = 1
"""Bouts of one source at most this far apart touch: raters' exports round their times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of time with the behaviors that fill it, the longest first."""

    start_time: float
    stop_time: float
    behaviors: tuple[str, ...]


def segment_session(  # noqa: PLR0917 - the derived tables of a session, in the order of ingest
    session: Session,
    duration: float,
    bouts: pl.DataFrame,
    coverage: pl.DataFrame,
    kinematics: pl.DataFrame,
    zones: pl.DataFrame,
    settings: SegmentSettings,
) -> pl.DataFrame:
    """Cut a session into segments, per individual and source.

    Parameters
    ----------
    duration
        Length of the session in its time unit; rule segments end there at the latest.
    bouts, coverage, kinematics, zones
        The session's rows of these tables. Where a session has several trackers the first in ``kinematics``
        gives speed, distance and zones.
    settings
        Lengths, and which sources are cut. ``sources`` names annotation sources; rules are cut unless they
        are skipped.

    Returns
    -------
    polars.DataFrame
        Table SEGMENTS, sorted by individual, source and start.
    """
    clock = session.timebase
    motions = motions_of(kinematics, zones)
    rows: list[dict[str, object]] = []
    for individual, source, pieces in _pieces_by_source(clock, duration, bouts, coverage, settings):
        name = tracked_as(individual, motions)
        motion = motions[name] if name is not None else None
        for piece in pieces:
            rows.append(_segment_row(session, individual, source, piece, motion))
    if not rows:
        return empty("segments")
    lists = {"behaviors": pl.List(pl.String), "zones": pl.List(pl.String)}
    table = pl.DataFrame(rows, schema_overrides=lists, infer_schema_length=None)
    return conform(table, "segments").sort("individual", "source", "start_time", "stop_time", "segment_id")


def _pieces_by_source(
    clock: TimeBase, duration: float, bouts: pl.DataFrame, coverage: pl.DataFrame, settings: SegmentSettings
) -> Iterator[tuple[str, str, list[Piece]]]:
    min_length, max_length = _length(clock, settings.min_s), _length(clock, settings.max_s)
    labeled = bouts.filter(pl.col("source_kind") != "rule").filter(
        ~pl.col("source").is_in(settings.skip_sources)
    )
    if settings.sources:
        labeled = labeled.filter(pl.col("source").is_in(settings.sources))
    for (individual, source), group in sorted(labeled.group_by("individual", "source")):
        pieces = label_pieces(clock, group, min_length)
        yield (
            str(individual),
            str(source),
            [part for piece in pieces for part in split(clock, piece, max_length)],
        )
    ruled = coverage.filter((pl.col("kind") == "rules") & ~pl.col("source").is_in(settings.skip_sources))
    for row in ruled.sort("individual", "source").iter_rows(named=True):
        individual, source = row["individual"], row["source"]
        mine = (pl.col("individual") == individual) | (pl.col("partner") == individual).fill_null(False)
        active = bouts.filter((pl.col("source") == source) & mine)
        stop = min(row["stop_time"], duration) if duration > 0 else row["stop_time"]
        frames = (clock.nearest_boundary(row["start_time"]), clock.nearest_boundary(stop))
        pieces = rule_pieces(clock, active, individual, frames, setting_frames(clock, settings.min_s))
        yield individual, source, [part for piece in pieces for part in split(clock, piece, max_length)]


def _length(clock: TimeBase, seconds: float) -> float:
    """Length of a setting in the session's time unit."""
    return seconds if clock.fps is not None else float(setting_frames(clock, seconds))


# ------------------------------------------------------------------ labels
def label_pieces(clock: TimeBase, bouts: pl.DataFrame, min_length: float) -> list[Piece]:
    """One piece per bout; touching bouts shorter than ``min_length`` are joined with their neighbors.

    Parameters
    ----------
    bouts
        Rows of BOUTS of one individual and source.
    min_length
        In the session's time unit.
    """
    columns = bouts.sort("start_time", "stop_time", "behavior").select("behavior", "start_time", "stop_time")
    touching = 1.001 * TOUCHING_FRAMES / clock.frames_per_unit
    groups: list[list[tuple[str, float, float]]] = []
    for bout in columns.iter_rows():
        if groups and _length_of(groups[-1]) < min_length and _touch(groups[-1], bout, touching):
            groups[-1].append(bout)
        else:
            # What is still too short now has nothing after it that it touches: it joins what is before it.
            _close(groups, min_length, touching)
            groups.append([bout])
    _close(groups, min_length, touching)
    return [_joined(group) for group in groups]


def _close(groups: list[list[tuple[str, float, float]]], min_length: float, touching: float) -> None:
    if (
        len(groups) > 1
        and _length_of(groups[-1]) < min_length
        and _touch(groups[-2], groups[-1][0], touching)
    ):
        groups[-2].extend(groups.pop())


def _length_of(group: Sequence[tuple[str, float, float]]) -> float:
    return group[-1][2] - group[0][1]


def _touch(
    group: Sequence[tuple[str, float, float]], bout: tuple[str, float, float], touching: float
) -> bool:
    # The bouts of a group touch one after the other, so its last one ends it.
    return abs(bout[1] - group[-1][2]) <= touching


def _joined(group: Sequence[tuple[str, float, float]]) -> Piece:
    lengths: dict[str, float] = {}
    for behavior, start, stop in group:
        lengths[behavior] = lengths.get(behavior, 0.0) + stop - start
    ranked = sorted(lengths, key=lambda name: (-lengths[name], name))
    return Piece(start_time=group[0][1], stop_time=max(stop for _, _, stop in group), behaviors=tuple(ranked))


# ------------------------------------------------------------------ rules
def rule_pieces(
    clock: TimeBase, bouts: pl.DataFrame, individual: str, frames: Run, min_frames: int
) -> list[Piece]:
    """Tile a stretch of frames by the set of active behaviors.

    Parameters
    ----------
    bouts
        Rule bouts in which the animal acts, or is the partner; as a partner only ``near`` counts, which has
        no actor.
    individual
        The animal.
    frames
        The stretch, half-open.
    min_frames
        Shorter pieces are joined with the longer of their neighbors.

    Returns
    -------
    list of Piece
        In order, without gaps or overlaps. A behavior belongs to a piece when it fills more than half of it,
        or when a whole bout lies inside.
    """
    first, last = frames
    n = last - first
    if n <= 0:
        return []
    own = (pl.col("individual") == individual) | pl.col("behavior").is_in(_symmetric_rules())
    rows = bouts.filter(own).select("behavior", "start_frame", "stop_frame").rows()
    names = sorted({name for name, _, _ in rows})
    active = np.zeros((len(names), n), dtype=np.bool_)
    whole: list[tuple[str, int, int]] = []
    for name, start, stop in rows:
        begin, end = max(start - first, 0), min(stop - first, n)
        active[names.index(name), begin:end] = True
        whole.append((name, begin, end))
    changes = np.flatnonzero((active[:, 1:] != active[:, :-1]).any(axis=0)) + 1
    edges = _merge_short([0, *changes.tolist(), n], min_frames)
    filled = np.concatenate([np.zeros((len(names), 1), dtype=np.int64), active.cumsum(axis=1)], axis=1)
    return [
        Piece(
            start_time=clock.time_of(start + first),
            stop_time=clock.time_of(stop + first),
            behaviors=_ranked(names, filled[:, stop] - filled[:, start], whole, (start, stop)),
        )
        for start, stop in itertools.pairwise(edges)
    ]


def _symmetric_rules() -> list[str]:
    from ethochat.index.behaviors.rules import RULES

    return [rule.name for rule in RULES.values() if rule.symmetric]


def _merge_short(edges: Sequence[int], min_frames: int) -> list[int]:
    """Drop edges until no piece is shorter than ``min_frames``; a short one joins its longer neighbor."""
    kept = list(edges)
    index = 0
    while index < len(kept) - 1 and len(kept) > 2:
        if kept[index + 1] - kept[index] >= min_frames:
            index += 1
            continue
        before = kept[index] - kept[index - 1] if index > 0 else -1
        after = kept[index + 2] - kept[index + 1] if index + 2 < len(kept) else -1
        if before >= after:
            del kept[index]
            index -= 1
        else:
            del kept[index + 1]
    return kept


def _ranked(
    names: Sequence[str], frames: NDArray[np.int64], whole: Sequence[tuple[str, int, int]], piece: Run
) -> tuple[str, ...]:
    inside = {name for name, begin, end in whole if piece[0] <= begin and end <= piece[1]}
    half = (piece[1] - piece[0]) / 2
    kept = [(-int(n), name) for name, n in zip(names, frames, strict=True) if n > half or name in inside]
    return tuple(name for _, name in sorted(kept))


# ------------------------------------------------------------------ both
def split(clock: TimeBase, piece: Piece, max_length: float) -> list[Piece]:
    """Split a piece into equal parts of at most ``max_length``, at frame boundaries where it has some."""
    length = piece.stop_time - piece.start_time
    n = math.ceil(length / max_length - 1e-9)
    if n <= 1:
        return [piece]
    cuts = [piece.start_time + length * part / n for part in range(1, n)]
    inner = [clock.time_of(clock.nearest_boundary(cut)) for cut in cuts]
    edges = [piece.start_time, *inner, piece.stop_time]
    return [
        Piece(start_time=start, stop_time=stop, behaviors=piece.behaviors)
        for start, stop in itertools.pairwise(edges)
        if stop > start
    ]


def _segment_row(
    session: Session, individual: str, source: str, piece: Piece, motion: Motion | None
) -> dict[str, object]:
    clock = session.timebase
    start = clock.nearest_boundary(piece.start_time)
    stop = max(start + 1, clock.nearest_boundary(piece.stop_time))
    # Bouts of one source may overlap: two segments with the same frames can differ in behavior or exact time.
    exact = f"{piece.start_time!r}|{piece.stop_time!r}|{piece.behaviors!r}"
    mark = hashlib.blake2s(exact.encode(), digest_size=4).hexdigest()
    return {
        "segment_id": "/".join((session.session_id, individual or "-", source, f"{start}-{stop}", mark)),
        "session_id": session.session_id,
        "individual": individual,
        "source": source,
        "start_time": piece.start_time,
        "stop_time": piece.stop_time,
        "behaviors": list(piece.behaviors),
        "zones": motion.zones_in(start, stop) if motion is not None else [],
        "mean_speed": motion.mean_speed(start, stop) if motion is not None else None,
        "distance": motion.distance(start, stop) if motion is not None else None,
    }


# ------------------------------------------------------------------ what the track says of a segment
@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """Running sums over the frames of one animal, so that any interval costs two look-ups."""

    unit: Literal["cm", "px"]
    """Of lengths."""
    first_frame: int
    speed: NDArray[np.float64]
    """Shape ``(2, n_frames + 1)``: sums and counts."""
    step: NDArray[np.float64]
    inside: Mapping[str, NDArray[np.float64]]
    """Zone to frames inside and frames known, shape ``(2, n_frames + 1)``."""

    def _between(self, sums: NDArray[np.float64], start: int, stop: int) -> tuple[float, float]:
        n = sums.shape[1] - 1
        begin, end = np.clip((start - self.first_frame, stop - self.first_frame), 0, n)
        return float(sums[0, end] - sums[0, begin]), float(sums[1, end] - sums[1, begin])

    def mean_speed(self, start: int, stop: int) -> float | None:
        """Mean speed over frames, ``None`` where it is missing throughout."""
        total, n = self._between(self.speed, start, stop)
        return total / n if n else None

    def distance(self, start: int, stop: int) -> float | None:
        """Sum of the steps into the frames, ``None`` where all are missing."""
        total, n = self._between(self.step, start, stop)
        return total if n else None

    def zones_in(self, start: int, stop: int) -> list[str]:
        """Zones in which the animal was for more than half of the frames."""
        counts = {zone: self._between(sums, start, stop)[0] for zone, sums in self.inside.items()}
        return sorted(zone for zone, n in counts.items() if n > (stop - start) / 2)


def motions_of(
    kinematics: pl.DataFrame, zones: pl.DataFrame, unit: Literal["cm", "px"] | None = None
) -> dict[str, Motion]:
    """Motion by individual, of the first tracker that has it.

    Parameters
    ----------
    kinematics, zones
        One session's rows of these tables.
    unit
        Of lengths; centimeters where there is a scale by default. An animal without any length in it is left out.
    """
    motions: dict[str, Motion] = {}
    if kinematics.is_empty():
        return motions
    for (source, individual), rows in kinematics.group_by("source", "individual", maintain_order=True):
        if individual in motions:
            continue
        ordered = rows.sort("frame")
        scaled = any(ordered[name].is_not_null().any() for name in ("step_cm", "speed_cm_per_s"))
        length: Literal["cm", "px"] = unit or ("cm" if scaled else "px")
        if unit is not None and ordered[f"step_{unit}"].is_null().all():
            continue
        mine = zones.filter((pl.col("source") == source) & (pl.col("individual") == individual))
        motions[str(individual)] = Motion(
            unit=length,
            first_frame=int(ordered["frame"][0]),
            speed=_running(ordered[f"speed_{length}_per_s"]),
            step=_running(ordered[f"step_{length}"]),
            inside={
                str(zone): _running(part.sort("frame")["inside"].cast(pl.Float64))
                for (zone,), part in mine.group_by("zone", maintain_order=True)
            },
        )
    return motions


def tracked_as(individual: str, tracked: Collection[str]) -> str | None:
    """Name under which a labeled animal is tracked; a file that names none means the only one there is."""
    if individual in tracked:
        return individual
    return next(iter(tracked)) if len(tracked) == 1 and (individual == "" or "" in tracked) else None


def _running(values: pl.Series) -> NDArray[np.float64]:
    numbers = values.cast(pl.Float64).to_numpy()
    known = ~np.isnan(numbers)
    sums = np.zeros((2, len(numbers) + 1))
    sums[0, 1:] = np.cumsum(np.where(known, numbers, 0.0))
    sums[1, 1:] = np.cumsum(known)
    return sums
