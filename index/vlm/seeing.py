"""What a model is shown of a clip: which frames, which part of the image, what is drawn over it.

A plan says all of it without decoding a pixel, so that a reply that is known already costs no decoding; the frames are
made of it when they are asked for. Nothing here knows what is asked about them.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final, Generic, TypeVar

import numpy as np
import polars as pl

from ethochat.index.catalog import Catalog
from ethochat.index.domain import Session
from ethochat.index.errors import VideoError
from ethochat.index.experiment import Experiment
from ethochat.index.segmentation import tracked_as
from ethochat.index.settings import VlmSettings
from ethochat.index.timebase import TimeBase, parse_fps
from ethochat.index.video import FrameReader
from ethochat.index.vlm.base import Frames
from ethochat.index.vlm.cleaning import quoted
from ethochat.index.vlm.drawing import (
    DRAWING_VERSION,
    Image,
    ScaleBar,
    Skeleton,
    Spot,
    draw_marks,
    draw_scale_bar,
    draw_skeletons,
    marks_of,
    scale_bar,
    scaled,
    side_by_side,
)
from ethochat.index.vlm.facts import Floats, animal_facts, company_facts
from ethochat.index.vlm.framing import Window, clip_window, place_in_words, shown_size
from ethochat.index.vlm.overlay import read_overlay
from ethochat.index.vlm.paths import animal_paths, assumed_body_px
from ethochat.index.vlm.sampling import frames_wanted, pick_frames

ValueT = TypeVar("ValueT")

_MOST_TOLD: Final = 4
"""Animals whose facts are told where a clip is about no one in particular."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPlan:
    """What will be shown of one clip."""

    session_id: str
    individual: str | None
    """The tracked animal that the clip is about; ``None``: the whole image."""
    start_time: float
    stop_time: float
    """In the session's unit, cut to the video."""
    seconds: bool
    """Whether times are seconds."""
    frames: tuple[int, ...]
    times: tuple[float, ...]
    """Of the frames, from the start of the clip."""
    window: Window
    """Part of the first view that is shown: left, top, width, height in pixels of the video."""
    size: tuple[int, int]
    """Width and height of that part as shown."""
    view_sizes: tuple[tuple[int, int], ...] = ()
    """Of further views, which follow to the right."""
    whole: bool = False
    """Whether the window is the whole image."""
    overlay: str = "none"
    bar: ScaleBar | None = None
    animals: tuple[str, ...] = ()
    """Tracked animals that are seen in the window, the one that the clip is about first."""
    n_tracked: int = 0
    places: tuple[str, str] | None = None
    """Where in the picture the animal is in the first and in the last frame shown, in words."""
    drawn: str = ""
    """Digest of what the overlay draws."""
    content: str = ""
    """What the videos hold: their hashes, or else path, size and time of change."""

    @property
    def duration(self) -> float:
        """Length of the clip in the session's unit."""
        return self.stop_time - self.start_time

    @property
    def enlarged(self) -> float:
        """How many times larger the picture is than the video."""
        return self.size[0] / self.window[2]

    def digest(self) -> str:
        """Content hash: the same digest means the same pixels and times."""
        kept = asdict(self)
        for name in (
            "session_id",
            "individual",
            "start_time",
            "stop_time",
            "animals",
            "n_tracked",
            "places",
            "whole",
        ):
            del kept[name]
        kept |= {"duration": round(self.duration, 6), "version": DRAWING_VERSION}
        kept["times"] = [round(time, 6) for time in self.times]
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


class SessionView:
    """One session's video with its tracks; cheap to make, decodes on demand.

    Several threads may use it at once. Clips asked for in the order of time are decoded without going back.
    """

    def __init__(
        self,
        experiment: Experiment,
        catalog: Catalog,
        session_id: str,
        settings: VlmSettings,
        *,
        video_hash: str | None = None,
    ) -> None:
        """Look at the session's videos; tables are read when they are needed.

        Parameters
        ----------
        video_hash
            Of the first video's content, where it is known.

        Raises
        ------
        VideoError
            When the session has no video or it cannot be read.
        KeyError
            When the experiment has no such session.
        """
        self.experiment, self.settings = experiment, settings
        declared = experiment.session(session_id)
        videos = [item.path for item in declared.inputs_of("video")]
        if not videos:
            raise VideoError(
                f"Expected a video of session {session_id!r}, found none; name one in sessions.csv to let a model look at it."
            )
        self._readers = [FrameReader(path) for path in videos]
        self._behaviors = _Once(lambda: _looked_for(experiment, catalog))
        self._paths = _Once(
            lambda: animal_paths(catalog.read_session("kinematics", session_id), self.n_frames)
        )
        self._overlay = _Once(lambda: read_overlay(catalog.read_session("tracks", session_id), experiment))
        self._zones = _Once(lambda: _zones(catalog.read_session("zones", session_id), self.n_frames))
        info = self._readers[0].info
        self.session: Session = _as_ingested(declared, catalog, info.fps)
        self.n_frames: int = info.n_frames
        self.fps: Fraction = self.session.fps or info.fps
        """Of the session's clock; of the video where the session counts in frames."""
        self.size: tuple[int, int] = (info.width, info.height)
        identities = [_identity(path) for path in videos]
        self._content = " ".join([video_hash or identities[0], *identities[1:]])

    # ------------------------------------------------------------------ tables
    @property
    def behaviors(self) -> tuple[str, ...]:
        """Names of all that raters, classifiers and rules look for in the experiment, and of what it declares."""
        return self._behaviors()

    @property
    def individuals(self) -> tuple[str, ...]:
        """Tracked animals, in the tracker's order."""
        return tuple(self._paths())

    def mark(self, individual: str) -> str:
        """What the overlay ``ids`` writes beside a tracked animal."""
        return marks_of(self.individuals)[individual]

    def tracked(self, individual: str | None) -> str | None:
        """Name under which an animal is tracked; ``None`` where it is not."""
        return None if individual is None else tracked_as(individual, self._paths())

    # ------------------------------------------------------------------ plans
    def parts(self, start_time: float, stop_time: float) -> list[tuple[float, float]]:
        """Cut a span that is too long for one request into equal parts.

        Returns
        -------
        list of tuple
            The span itself where ``max_frames`` suffice for ``fps`` frames per second; never fewer per second.
        """
        length = self._seconds(stop_time - start_time)
        n = max(1, math.ceil(length * self.settings.fps / max(self.settings.max_frames, 1) - 1e-9))
        edges = [start_time + (stop_time - start_time) * k / n for k in range(n)]
        return list(zip(edges, [*edges[1:], stop_time], strict=True))

    def plan(
        self, start_time: float, stop_time: float, individual: str | None, *, most_frames: int | None = None
    ) -> ClipPlan:
        """Say what would be shown of a clip; decodes nothing.

        Parameters
        ----------
        start_time, stop_time
            On the session's clock, half-open; what lies outside the video is cut off.
        individual
            The animal that it is about; the whole image is shown for ``None`` and for one that is not tracked.
        most_frames
            Fewer than ``max_frames`` where a request holds several clips.

        Raises
        ------
        VideoError
            When the interval lies outside the video.
        """
        first, stop = self._span(start_time, stop_time)
        clock = self.session.timebase
        start, end = max(start_time, 0.0), min(stop_time, clock.time_of(self.n_frames))
        most = min(self.settings.max_frames, most_frames or self.settings.max_frames)
        n = frames_wanted(self._seconds(end - start), self.settings.fps, most, stop - first)
        name = self.tracked(individual)
        frames = pick_frames(first, stop, n, self._movement(name, first, stop))
        window = self._window(name, first, stop)
        size = shown_size(window, self.settings.size_px)
        bar = self._bar(size[0] / window[2], size[0])
        animals = self._in_window(name, window, first, stop)
        plan = ClipPlan(
            session_id=self.session.session_id,
            individual=name,
            start_time=start,
            stop_time=end,
            seconds=self.session.fps is not None,
            frames=frames,
            times=tuple(max(0.0, clock.time_of(frame) - start) for frame in frames),
            window=window,
            size=size,
            view_sizes=self._view_sizes(),
            whole=window == (0, 0, *self.size),
            overlay=self.settings.overlay,
            bar=bar,
            animals=animals,
            n_tracked=len(self._paths()),
            places=self._places(name, frames, window, size),
            content=self._content,
        )
        return plan if plan.overlay == "none" else replace(plan, drawn=self._drawn(plan))

    def _span(self, start_time: float, stop_time: float) -> tuple[int, int]:
        clock = self.session.timebase
        first = clock.nearest_boundary(start_time)
        stop = max(first + 1, clock.nearest_boundary(stop_time))
        if stop_time < start_time or stop <= 0 or first >= self.n_frames:
            raise VideoError(
                f"Expected an interval within 0 to {clock.time_of(self.n_frames):.3f} {clock.unit}, got {start_time!r} to "
                f"{stop_time!r}; check the times and the frame rate of the session.",
                path=self._readers[0].info.path,
            )
        return max(0, first), min(stop, self.n_frames)

    def _seconds(self, duration: float) -> float:
        """Seconds of a length on the session's clock; by the video's own rate where that counts in frames."""
        if self.session.fps is not None:
            return duration
        return duration * TimeBase(fps=self.fps).time_of(1)

    def _movement(self, individual: str | None, first: int, stop: int) -> Floats:
        paths = list(self._paths().values()) if individual is None else [self._paths()[individual]]
        per_unit = self.session.timebase.frames_per_unit
        moved = [path.movement(first, stop, per_unit) for path in paths]
        return np.nansum(np.stack(moved), axis=0) if moved else np.zeros(stop - first)

    def _window(self, individual: str | None, first: int, stop: int) -> Window:
        if individual is None:
            return (0, 0, *self.size)
        path = self._paths()[individual]
        others = [other for name, other in self._paths().items() if name != individual]
        return clip_window(
            path.position(first, stop),
            [other.position(first, stop) for other in others],
            body_px=assumed_body_px(path, self._paths(), self.session.px_per_cm, self.size),
            margin=self.settings.margin,
            image=self.size,
        )

    def _in_window(self, individual: str | None, window: Window, first: int, stop: int) -> tuple[str, ...]:
        left, top, width, height = window
        seen = [] if individual is None else [individual]
        for name, path in self._paths().items():
            x, y = path.position(first, stop)
            inside = (x >= left) & (x < left + width) & (y >= top) & (y < top + height)
            if name != individual and inside.any():
                seen.append(name)
        return tuple(seen)

    def _bar(self, scale: float, width: int) -> ScaleBar | None:
        px_per_cm = self.session.px_per_cm
        return scale_bar(px_per_cm * scale, width) if self.settings.scale_bar and px_per_cm else None

    def _view_sizes(self) -> tuple[tuple[int, int], ...]:
        infos = [reader.info for reader in self._readers[1:]]
        return tuple(shown_size((0, 0, info.width, info.height), self.settings.size_px) for info in infos)

    def _places(
        self, individual: str | None, frames: Sequence[int], window: Window, size: tuple[int, int]
    ) -> tuple[str, str] | None:
        if individual is None:
            return None
        columns = self._paths()[individual].columns
        x, y = columns["x_px"][list(frames)], columns["y_px"][list(frames)]
        known = np.flatnonzero(~np.isnan(x))
        if not len(known):
            return None
        scale = size[0] / window[2]
        places = [
            place_in_words((x[k] - window[0]) * scale, (y[k] - window[1]) * scale, size)
            for k in (known[0], known[-1])
        ]
        return places[0], places[1]

    def _drawn(self, plan: ClipPlan) -> str:
        shown = [(self._skeletons(plan, frame), self._marks(plan, frame)) for frame in plan.frames]
        text = json.dumps([[[dict(item.spots) for item in skeletons], marks] for skeletons, marks in shown])
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    # ------------------------------------------------------------------ pixels
    def frames(self, plan: ClipPlan) -> Frames:
        """Decode a clip, cut out its window, scale it and draw over it.

        Raises
        ------
        VideoError
            When a frame cannot be decoded.
        """
        views = [
            [scaled(image, plan.size) for image in self._readers[0].read(plan.frames, window=plan.window)]
        ]
        for image, frame in zip(views[0], plan.frames, strict=True):
            self._draw(image, plan, frame)
        for reader, size in zip(self._readers[1:], plan.view_sizes, strict=True):
            views.append(_further_view(reader, plan.frames, size))
        return Frames(
            images=np.stack([side_by_side(moment) for moment in zip(*views, strict=True)]),
            times=np.array(plan.times),
            duration=plan.duration,
            frames=plan.frames,
            seconds=plan.seconds,
        )

    def _draw(self, image: Image, plan: ClipPlan, frame: int) -> None:
        if skeletons := self._skeletons(plan, frame):
            draw_skeletons(image, skeletons, self._overlay().keypoints)
        if marks := self._marks(plan, frame):
            draw_marks(image, marks)
        if plan.bar is not None:
            draw_scale_bar(image, plan.bar)

    def _skeletons(self, plan: ClipPlan, frame: int) -> list[Skeleton]:
        if plan.overlay != "skeleton":
            return []
        seen = [self._overlay().skeleton(name, frame) for name in plan.animals]
        return [replace(item, spots=_shown_spots(plan, item.spots)) for item in seen]

    def _marks(self, plan: ClipPlan, frame: int) -> dict[str, Spot]:
        if plan.overlay != "ids" or plan.n_tracked < 2:
            return {}
        spots = {}
        for name in plan.animals:
            columns = self._paths()[name].columns
            spots[self.mark(name)] = (float(columns["x_px"][frame]), float(columns["y_px"][frame]))
        return _shown_spots(plan, spots)

    # ------------------------------------------------------------------ words
    def facts(self, start_time: float, stop_time: float, individual: str | None) -> list[str]:
        """Say what the tracks show of a clip, in short sentences.

        Returns
        -------
        list of str
            Empty where ``settings.facts`` is off or nothing is known. Where the clip is about no one in particular and
            several animals are tracked, each sentence names its animal.

        Raises
        ------
        VideoError
            When the interval lies outside the video.
        """
        paths = self._paths()
        if not self.settings.facts or not paths:
            return []
        first, stop = self._span(start_time, stop_time)
        name = self.tracked(individual)
        if name is None and len(paths) > 1:
            told = [(other, f"{quoted(other)}: ") for other in list(paths)[:_MOST_TOLD]]
        else:
            told = [(name if name is not None else next(iter(paths)), "")]
        return [prefix + fact for who, prefix in told for fact in self._facts_of(who, first, stop)]

    def _facts_of(self, individual: str, first: int, stop: int) -> list[str]:
        paths = self._paths()
        others = {quoted(name): path for name, path in paths.items() if name != individual}
        own = paths[individual]
        zones = self._zones().get(individual, {})
        said = animal_facts(own, zones, first, stop, self.session.timebase.frames_per_unit)
        return said + company_facts(own, others, first, stop)

    def close(self) -> None:
        """Close the videos; they are opened again when frames are asked for."""
        for reader in self._readers:
            reader.close()


class _Once(Generic[ValueT]):
    """Made when it is first asked for, by one thread."""

    def __init__(self, make: Callable[[], ValueT]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._made: list[ValueT] = []

    def __call__(self) -> ValueT:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]


def _identity(path: Path) -> str:
    stat = path.stat()
    return f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}"


def _as_ingested(declared: Session, catalog: Catalog, video_fps: Fraction) -> Session:
    """Take frame rate and scale as the tables have them, which may come from other files than sessions.csv."""
    rows = catalog.read_session("sessions", declared.session_id)
    if rows.is_empty():
        return replace(declared, fps=declared.fps or video_fps)
    row = rows.row(0, named=True)
    fps = declared.fps or (None if row["fps"] is None else _exact(row["fps"], video_fps))
    return replace(declared, fps=fps, px_per_cm=row["px_per_cm"] or declared.px_per_cm)


def _exact(fps: float, video_fps: Fraction) -> Fraction:
    """Frame rate of a table, which holds floats; the video's where the two are the same."""
    return video_fps if abs(fps - float(video_fps)) < 1e-9 * fps else parse_fps(fps)


def _looked_for(experiment: Experiment, catalog: Catalog) -> tuple[str, ...]:
    named = catalog.load("coverage")["behaviors"].explode(empty_as_null=True).drop_nulls().unique().to_list()
    switched_off = {item.name for item in experiment.behaviors if not item.enabled}
    return tuple(sorted({*named, *(item.name for item in experiment.behaviors)} - switched_off))


def _zones(table: pl.DataFrame, n_frames: int) -> Mapping[str, Mapping[str, Floats]]:
    """Individual to zone to 1 inside, 0 outside, NaN unknown, per frame; of the first tracker."""
    if table.is_empty():
        return {}
    rows = table.filter(pl.col("source") == table["source"][0], pl.col("frame").is_between(0, n_frames - 1))
    found: dict[str, dict[str, Floats]] = {}
    for (individual, zone), own in rows.group_by("individual", "zone", maintain_order=True):
        inside = np.full(n_frames, np.nan)
        inside[own["frame"].to_numpy()] = own["inside"].cast(pl.Float64).to_numpy()
        found.setdefault(str(individual), {})[str(zone)] = inside
    return found


def _shown_spots(plan: ClipPlan, spots: Mapping[str, Spot]) -> dict[str, Spot]:
    """Places in the picture of places in the video, without those outside and those missing."""
    left, top, width, height = plan.window
    shown: dict[str, Spot] = {}
    for name, (x, y) in spots.items():
        if left <= x < left + width and top <= y < top + height:  # false for NaN
            # Whole numbers are the middles of pixels, before and after.
            across, down = plan.size[0] / width, plan.size[1] / height
            shown[name] = ((x - left + 0.5) * across - 0.5, (y - top + 0.5) * down - 0.5)
    return shown


def _further_view(reader: FrameReader, frames: Sequence[int], size: tuple[int, int]) -> list[Image]:
    """Frames of a further view; black where it ended before."""
    there = [frame for frame in frames if frame < reader.info.n_frames]
    images = [scaled(image, size) for image in reader.read(there)]
    black = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    return images + [black] * (len(frames) - len(there))
