"""Tracks without pose: one animal as a silhouette on a floor that it contrasts with.

The empty scene is learned first, from frames spread over the video; each frame is then compared with it.
A place where the animal sits most of the time counts as floor as soon as a few of those frames show it empty.
A frame's overall change of light is removed, and slow local change is followed. A pixel belongs to the animal
when its brightness is closer to the animal's than to the floor's. Opening the silhouette removes the tail, so
that the centroid is the body's.

Heading: the long axis of a silhouette has two ends. Which one leads is decided for a whole stretch at once:
the animal mostly walks forward and does not turn around between two frames. A stretch without enough walking
to tell, and a frame whose silhouette is round, have no heading.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ethochat.index.formats.base import Track
from ethochat.index.video import VideoInfo, iter_frames, probe_video, sample_frames

Gray = NDArray[np.uint8]
Mask = NDArray[np.uint8]
"""255 where true, as OpenCV wants it."""
Floats = NDArray[np.float64]

Progress = Callable[[int, int], None]
"""Called with the number of frames done and the number of frames."""

_SAMPLE_WIDTH: Final = 640
"""Widest picture on which the scene is learned."""
_EMPTY_SHARE: Final = 0.03
"""Share of the sampled frames that must show a place empty."""
_NOISE_FACTOR: Final = 6.0
"""Standard deviations of the picture noise that a difference must exceed."""
_CLEAR_SHARE: Final = 0.35
"""Share of the animal's usual contrast below which a difference may be its shadow or mirror image."""
_FAINT_CONFIDENCE: Final = 0.75
"""Confidence factor of an animal found only below that share."""
_LIGHT_STRIDE: Final = 7
"""Every how many pixels the light of a frame is measured."""
_MAX_REACH: Final = 2.0
"""Diameters per frame (more while it is lost) that an animal moves; beyond, it must look much like it."""
_ALIKE: Final = 0.5
"""Natural logarithm of the area ratio within which a silhouette far away is still taken for the animal."""
_JUMP_CONFIDENCE: Final = 0.7
"""Confidence factor of such a silhouette."""
_LOST_FRAMES: Final = 30
"""Frames without the animal that end a stretch of heading."""
_ROUND: Final = 1.15
"""Long through short axis below which a silhouette shows no direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SilhouetteSettings:
    """Numbers of the silhouette tracker."""

    polarity: Literal["auto", "dark", "bright"] = "auto"
    """Whether the animal is darker or brighter than the floor."""
    n_samples: int = 80
    """Frames from which the empty scene and the animal's look are learned."""
    min_contrast: float = 12.0
    """Grey levels (of 255) below which a difference is noise, however quiet the video."""
    min_area_fraction: float = 0.0002
    """Least share of the picture that an animal covers."""
    max_area_fraction: float = 0.15
    """Largest share of the picture that an animal covers."""
    min_found_fraction: float = 0.05
    """Share of the sampled frames with something like an animal below which the arena counts as empty."""
    size_range: tuple[float, float] = (0.2, 3.0)
    """Area of a silhouette relative to the animal's usual area."""
    working_area_px: float = 250.0
    """About how many pixels the animal covers at the scale at which frames are compared."""
    update_every: int = 15
    """Frames between two updates of the empty scene (never under or next to the animal)."""
    update_weight: float = 0.03
    """Share of the new frame in such an update."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """How the animal differs from the empty scene."""

    dark: bool
    """It is darker than the floor."""
    brightness: float
    """Its own, 0 to 255."""
    floor: float
    """Least difference that is no noise."""
    contrast: float = 0.0
    """Usual difference between animal and floor; 0 while it is not known."""

    def difference(self, background: Gray, image: Gray) -> Gray:
        """How much darker (or brighter) than the empty scene each pixel is; 0 where it is not."""
        import cv2

        pair = (background, image) if self.dark else (image, background)
        return np.asarray(cv2.subtract(*pair), dtype=np.uint8)

    def expected(self, background: Gray) -> Floats:
        """Difference that the animal would make at each pixel."""
        sign = 1.0 if self.dark else -1.0
        return np.maximum(sign * (background.astype(np.float64) - self.brightness), 1.0)

    def thresholds(self, background: Gray, *, strict: bool) -> Gray:
        """Least difference at each pixel that makes it the animal's: half of the expected one.

        On a place that is itself almost as dark (or bright) as the animal that is little, and a shadow or a
        mirror image on a wall reaches it. ``strict`` asks for a good part of the usual contrast everywhere.
        """
        least = max(self.floor, _CLEAR_SHARE * self.contrast if strict else 0.0)
        return np.clip(np.maximum(self.expected(background) / 2, least), 0, 254).astype(np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What was learned from the sampled frames, at the scale of ``background``."""

    background: Gray
    look: _Look
    area: float
    """Usual area of the animal without tail, px² at this scale."""
    arena: Mask
    """Where the animal was ever seen, made convex and widened by its size."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.background.shape[1], self.background.shape[0]

    @property
    def radius(self) -> float:
        """Radius of a disc as large as the animal."""
        return math.sqrt(self.area / math.pi)

    def at(self, size: tuple[int, int]) -> _Scene:
        """Return the same scene at another size (width, height)."""
        import cv2

        factor = size[0] * size[1] / self.background.size
        background = cv2.resize(self.background, size, interpolation=cv2.INTER_AREA)
        arena = cv2.resize(self.arena, size, interpolation=cv2.INTER_NEAREST)
        return _Scene(background=background, look=self.look, area=self.area * factor, arena=arena)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blob:
    """One silhouette in one frame, at the working scale."""

    x: float
    y: float
    area: float
    contrast: float
    """Mean difference from the empty scene through the one expected of the animal."""
    axis: float
    """Direction of one end of the long axis, radians."""
    elongation: float
    """Long through short axis, at least 1."""


def track_silhouette(
    path: Path, *, progress: Progress | None = None, settings: SilhouetteSettings | None = None
) -> Track:
    """Follow one animal through a video by its silhouette.

    Parameters
    ----------
    path
        The video: a fixed camera, one animal, darker or brighter than the floor.
    progress
        Called now and then with the number of frames done and the number of frames.
    settings
        Numbers of the tracker.

    Returns
    -------
    Track
        Source ``"silhouette"``, keypoint ``"centroid"`` (of the body without the tail, px), ``area_px2`` (of
        the same) and ``orientation_deg`` (-180..180, 0 = +x, positive towards +y). Where no animal was found,
        position and area are NaN and confidence is 0; an empty arena gives a track without any position.
        Confidence is 1 for a silhouette of usual size and contrast without a rival, and falls with each.

    Raises
    ------
    VideoError
        When the video cannot be read.
    """
    settings = settings or SilhouetteSettings()
    info = probe_video(path)
    rows = np.full((info.n_frames, 6), np.nan)
    scene = _learn(path, settings)
    if scene is not None:
        for done, (number, row) in enumerate(_follow(path, info, scene, settings)):
            rows[number] = row
            if progress is not None and done % 100 == 0:
                progress(done, info.n_frames)
    if progress is not None:
        progress(info.n_frames, info.n_frames)
    return _track(rows, info)


def _track(rows: Floats, info: VideoInfo) -> Track:
    """Make a track of rows (x, y, area, axis, elongation, confidence) in px of the video."""
    heading = _resolve_heading(rows[:, :2], rows[:, 2], rows[:, 3], rows[:, 4])
    return Track(
        source="silhouette",
        individuals=("",),
        keypoints=("centroid",),
        position=rows[:, :2, np.newaxis, np.newaxis].astype(np.float32),
        confidence=np.nan_to_num(rows[:, 5]).astype(np.float32)[:, np.newaxis, np.newaxis],
        fps=info.fps,
        area_px2=rows[:, 2:3].astype(np.float32),
        orientation_deg=np.degrees(heading).astype(np.float32)[:, np.newaxis],
    )


# Learning the scene


def _learn(path: Path, settings: SilhouetteSettings) -> _Scene | None:
    """Learn the empty scene and the animal's look, at the scale at which frames will be compared.

    ``None`` where nothing like an animal is seen.
    """
    samples = _read_samples(path, settings.n_samples)
    if len(samples) < 3:
        return None
    order = np.sort(samples, axis=0)
    median = order[len(order) // 2]
    noise = 1.4826 * float(np.median(np.abs(samples.astype(np.int16) - median)))
    floor = max(settings.min_contrast, _NOISE_FACTOR * noise)
    dark = _is_dark(order, median, floor) if settings.polarity == "auto" else settings.polarity == "dark"
    rank = max(1, round(_EMPTY_SHARE * len(order)))
    scene = _fit(samples, order[-1 - rank] if dark else order[rank], dark, floor, settings)
    if scene is None:
        return None
    height, width = scene.background.shape
    shrink = max(1, round(math.sqrt(scene.area / settings.working_area_px)))
    scene = scene.at((max(1, width // shrink), max(1, height // shrink)))
    samples = np.stack([_shrink(sample, scene.size) for sample in samples]) if shrink > 1 else samples
    return _fit(samples, _empty_median(samples, scene), dark, floor, settings)


def _read_samples(path: Path, n: int) -> Gray:
    """Read frames spread over the video, shrunk, in the same light: uint8, shape (n, height, width)."""
    import cv2

    images: list[Gray] = []
    for _, image in sample_frames(path, n):
        factor = math.ceil(image.shape[1] / _SAMPLE_WIDTH)
        images.append(_shrink(image, (max(1, image.shape[1] // factor), max(1, image.shape[0] // factor))))
    samples = np.stack(images)
    usual = np.partition(samples, len(samples) // 2, axis=0)[len(samples) // 2]
    for sample in samples:
        sample[:] = cv2.convertScaleAbs(sample, alpha=_gain(usual, sample))
    return samples


def _shrink(image: Gray, size: tuple[int, int]) -> Gray:
    import cv2

    if (image.shape[1], image.shape[0]) != size:
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return np.asarray(cv2.blur(image, (3, 3)), dtype=np.uint8)


def _gain(reference: Gray, image: Gray) -> float:
    """Factor that gives an image the light of the reference; the animal is too small to matter."""
    at = (slice(None, None, _LIGHT_STRIDE), slice(None, None, _LIGHT_STRIDE))
    lit = reference[at] >= 20  # ratios of darker pixels are noise
    if not lit.any():
        return 1.0
    return float(np.median(reference[at][lit] / np.maximum(image[at][lit], 1)))


def _is_dark(order: Gray, median: Gray, floor: float) -> bool:
    """Say whether the moving thing is darker than what it moves on.

    What moves leaves its trace in many places, and the other way round only where it sat for long. Where the
    two are alike, the scene without the animal is the smoother one.
    """
    darker = median.astype(np.float64) - order[0]
    brighter = order[-1].astype(np.float64) - median
    traces = float(darker[darker > floor].sum()), float(brighter[brighter > floor].sum())
    if max(traces) > 2 * min(traces):
        return traces[0] > traces[1]
    return _roughness(order[-1]) < _roughness(order[0])


def _roughness(image: Gray) -> float:
    down, right = np.gradient(image.astype(np.float64))
    return float(np.hypot(down, right).sum())


def _fit(
    samples: Gray, background: Gray, dark: bool, floor: float, settings: SilhouetteSettings
) -> _Scene | None:
    """Learn look, size and arena of the animal against a given empty scene."""
    look = _fit_look(samples, background, dark, floor)
    if look is None:
        return None
    thresholds = look.thresholds(background, strict=True)
    masks = [_threshold(look.difference(background, sample), thresholds) for sample in samples]
    limits = (settings.min_area_fraction * background.size, settings.max_area_fraction * background.size)
    least = max(2.0, settings.min_found_fraction * len(samples))
    areas = _largest(masks, 3, limits)
    if len(areas) < least:
        return None
    opening = _opening_size(math.sqrt(float(np.median(areas)) / math.pi))
    areas = _largest(masks, opening, limits)
    if len(areas) < least:
        return None
    area = float(np.median(areas))
    thresholds = look.thresholds(background, strict=False)
    masks = [_threshold(look.difference(background, sample), thresholds) for sample in samples]
    return _Scene(background=background, look=look, area=area, arena=_arena(masks, opening, area))


def _fit_look(samples: Gray, background: Gray, dark: bool, floor: float) -> _Look | None:
    """Learn the animal's brightness from the pixels that differ most clearly (Otsu's threshold)."""
    import cv2

    look = _Look(dark=dark, brightness=0.0 if dark else 255.0, floor=floor)
    different = [(sample, look.difference(background, sample)) for sample in samples]
    pooled = np.concatenate([difference[difference > floor] for _, difference in different])
    if pooled.size == 0:
        return None
    clear, _ = cv2.threshold(pooled.reshape(-1, 1), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    clear = max(clear, 1)
    values = np.concatenate([sample[difference >= clear] for sample, difference in different])
    contrast = float(np.median(pooled[pooled >= clear]))
    return _Look(dark=dark, brightness=float(np.median(values)), floor=floor, contrast=contrast)


def _largest(masks: list[Mask], opening: int, limits: tuple[float, float]) -> list[float]:
    """Area of the largest silhouette of each mask, where it lies within the limits."""
    import cv2

    areas = []
    for mask in masks:
        _, _, stats, _ = cv2.connectedComponentsWithStats(_open(mask, opening))
        area = float(stats[1:, cv2.CC_STAT_AREA].max(initial=0))
        if limits[0] <= area <= limits[1]:
            areas.append(area)
    return areas


def _arena(masks: list[Mask], opening: int, area: float) -> Mask:
    import cv2

    seen = np.zeros_like(masks[0])
    for mask in masks:
        seen |= _open(mask, opening)
    hull = cv2.convexHull(cv2.findNonZero(seen))
    arena = cv2.fillConvexPoly(np.zeros_like(seen), hull, 255)
    reach = 2 * round(3 * math.sqrt(area / math.pi)) + 1
    return np.asarray(
        cv2.dilate(arena, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))), dtype=np.uint8
    )


def _empty_median(samples: Gray, scene: _Scene) -> Gray:
    """Median of each pixel over the samples that do not show the animal there."""
    import cv2

    thresholds = scene.look.thresholds(scene.background, strict=False)
    reach = 2 * max(1, round(scene.radius / 2)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    masks = [_threshold(scene.look.difference(scene.background, sample), thresholds) for sample in samples]
    covered = np.stack([cv2.dilate(mask, kernel) > 0 for mask in masks])
    values = np.sort(np.where(covered, np.uint8(255), samples), axis=0)  # covered ones last
    n_seen = (~covered).sum(axis=0)
    middle = np.take_along_axis(values, np.maximum(n_seen - 1, 0)[np.newaxis] // 2, axis=0)[0]
    return np.where(n_seen >= 2, middle, scene.background).astype(np.uint8)


def _threshold(difference: Gray, thresholds: Gray) -> Mask:
    import cv2

    return np.asarray(cv2.compare(difference, thresholds, cv2.CMP_GT), dtype=np.uint8)


def _opening_size(radius: float) -> int:
    """Diameter of the disc that fits into a body but not into a tail."""
    return max(3, 2 * round(0.35 * radius) + 1)


def _open(mask: Mask, size: int) -> Mask:
    import cv2

    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), dtype=np.uint8)


# Following the animal


def _follow(
    path: Path, info: VideoInfo, scene: _Scene, settings: SilhouetteSettings
) -> Iterator[tuple[int, tuple[float, ...]]]:
    """Yield frame number and (x, y, area, axis, elongation, confidence) of every decoded frame."""
    finder = _Finder(scene, settings)
    sx, sy = info.width / scene.size[0], info.height / scene.size[1]
    for number, image in iter_frames(path, gray=True):
        blob, confidence = finder.find(_shrink(image, scene.size), number)
        if blob is None:
            yield number, (math.nan, math.nan, math.nan, math.nan, math.nan, 0.0)
        else:
            x, y = (blob.x + 0.5) * sx - 0.5, (blob.y + 0.5) * sy - 0.5
            yield number, (x, y, blob.area * sx * sy, blob.axis, blob.elongation, confidence)


class _Finder:
    """Finds the animal in one frame after the other; holds the empty scene and where the animal was last."""

    def __init__(self, scene: _Scene, settings: SilhouetteSettings) -> None:
        self._scene, self._settings = scene, settings
        self._opening = _opening_size(scene.radius)
        self._average = scene.background.astype(np.float32)
        self._background = scene.background
        self._strict = scene.look.thresholds(scene.background, strict=True)
        self._lenient = scene.look.thresholds(scene.background, strict=False)
        self._last: tuple[float, float, int] | None = None

    def find(self, image: Gray, number: int) -> tuple[_Blob | None, float]:
        """Return the animal in a frame and the confidence that it is the animal."""
        import cv2

        image = np.asarray(cv2.convertScaleAbs(image, alpha=_gain(self._background, image)), dtype=np.uint8)
        difference = self._scene.look.difference(self._background, image)
        if number % self._settings.update_every == 0:
            self._update(image, _threshold(difference, self._lenient))
            difference = self._scene.look.difference(self._background, image)
        for thresholds, certainty in ((self._strict, 1.0), (self._lenient, _FAINT_CONFIDENCE)):
            blobs = self._blobs(_threshold(difference, thresholds) & self._scene.arena, difference)
            chosen = min(blobs, key=lambda blob: self._cost(blob, number), default=None)
            if chosen is not None and self._plausible(chosen, number, strict=thresholds is self._strict):
                jump = 1.0 if self._reach(chosen, number) <= _MAX_REACH else _JUMP_CONFIDENCE
                self._last = (chosen.x, chosen.y, number)
                return chosen, certainty * jump * self._confidence(chosen, blobs)
        return None, 0.0

    def _blobs(self, mask: Mask, difference: Gray) -> list[_Blob]:
        """Silhouettes of plausible size."""
        import cv2

        count, labels, stats, _ = cv2.connectedComponentsWithStats(_open(mask, self._opening))
        low, high = (limit * self._scene.area for limit in self._settings.size_range)
        return [
            self._blob(labels, label, stats[label], difference)
            for label in range(1, count)
            if low <= stats[label, cv2.CC_STAT_AREA] <= high
        ]

    def _blob(
        self, labels: NDArray[np.int32], label: int, stats: NDArray[np.int32], difference: Gray
    ) -> _Blob:
        import cv2

        left, top, width, height, _ = (int(value) for value in stats)
        box = (slice(top, top + height), slice(left, left + width))
        inside = labels[box] == label
        moments = cv2.moments(inside.astype(np.uint8), binaryImage=True)
        area = moments["m00"]
        xx, yy, xy = (moments[name] / area for name in ("mu20", "mu02", "mu11"))
        spread = math.hypot(xx - yy, 2 * xy)
        expected = self._scene.look.expected(self._background[box])
        return _Blob(
            x=left + moments["m10"] / area,
            y=top + moments["m01"] / area,
            area=area,
            contrast=float(difference[box][inside].sum() / expected[inside].sum()),
            axis=0.5 * math.atan2(2 * xy, xx - yy),
            elongation=math.sqrt((xx + yy + spread + 1 / 6) / max(xx + yy - spread + 1 / 6, 1 / 6)),
        )

    def _reach(self, blob: _Blob, number: int) -> float:
        """Distance from where the animal was last, through what it can cover since."""
        if self._last is None:
            return 0.0
        x, y, seen = self._last
        return math.hypot(blob.x - x, blob.y - y) / (2 * self._scene.radius * (1 + (number - seen) / 2))

    def _plausible(self, blob: _Blob, number: int, *, strict: bool) -> bool:
        """Near where the animal was, or so much like it that the recording must have jumped."""
        alike = strict and abs(math.log(blob.area / self._scene.area)) < _ALIKE
        return alike or self._reach(blob, number) <= _MAX_REACH

    def _cost(self, blob: _Blob, number: int) -> float:
        return abs(math.log(blob.area / self._scene.area)) + self._reach(blob, number)

    def _confidence(self, chosen: _Blob, blobs: list[_Blob]) -> float:
        ratio = chosen.area / self._scene.area
        low, high = self._settings.size_range
        size = min(1.0, (ratio - low / 2) / (0.5 - low / 2), (1.5 * high - ratio) / (1.5 * high - 2))
        contrast = min(1.0, chosen.contrast / 0.6)
        rival = max((blob.area for blob in blobs if blob is not chosen), default=0.0) / chosen.area
        return size * contrast * (1 - 0.3 * min(1.0, rival))

    def _update(self, image: Gray, mask: Mask) -> None:
        """Let the empty scene follow slow changes of light, except at and around what differs from it."""
        import cv2

        reach = 2 * round(self._scene.radius) + 1
        near = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
        cv2.accumulateWeighted(image, self._average, self._settings.update_weight, mask=cv2.bitwise_not(near))
        self._background = np.rint(self._average).astype(np.uint8)
        self._strict = self._scene.look.thresholds(self._background, strict=True)
        self._lenient = self._scene.look.thresholds(self._background, strict=False)


# Which end of the axis is the head


def _resolve_heading(position: Floats, area: Floats, axis: Floats, elongation: Floats) -> Floats:
    """Choose the leading end of each axis.

    Parameters
    ----------
    position
        Shape ``(n_frames, 2)``, px, NaN where the animal is missing.
    area
        Shape ``(n_frames,)``, px².
    axis
        Shape ``(n_frames,)``, radians, direction of one end of the long axis.
    elongation
        Shape ``(n_frames,)``.

    Returns
    -------
    ndarray
        Shape ``(n_frames,)``, radians from -pi to pi; NaN where unknown.
    """
    heading = np.full(len(axis), np.nan)
    seen = np.flatnonzero(np.isfinite(axis))
    if seen.size == 0:
        return heading
    body_length = 2 * math.sqrt(float(np.median(area[seen])) / math.pi)
    for stretch in np.split(seen, np.flatnonzero(np.diff(seen) > _LOST_FRAMES) + 1):
        velocity = _velocity(position[stretch], stretch) / body_length
        forward = velocity[:, 0] * np.cos(axis[stretch]) + velocity[:, 1] * np.sin(axis[stretch])
        flipped, evidence = _flips(forward, axis[stretch], elongation[stretch])
        if evidence >= 1.0:  # walked at least a body length more forward than backward
            heading[stretch] = axis[stretch] + np.where(flipped, math.pi, 0.0)
    heading[elongation < _ROUND] = np.nan
    wrapped: Floats = np.arctan2(np.sin(heading), np.cos(heading))
    return wrapped


def _velocity(position: Floats, frames: NDArray[np.int64]) -> Floats:
    """Displacement per frame, over two frames to either side."""
    ahead = np.minimum(np.arange(len(frames)) + 2, len(frames) - 1)
    behind = np.maximum(np.arange(len(frames)) - 2, 0)
    elapsed = np.maximum(frames[ahead] - frames[behind], 1)
    step: Floats = (position[ahead] - position[behind]) / elapsed[:, np.newaxis]
    return step


def _flips(forward: Floats, axis: Floats, elongation: Floats) -> tuple[NDArray[np.bool_], float]:
    """Most likely sequence of axis ends (Viterbi), and by how many body lengths it walks forward."""
    moving = np.where(np.abs(forward) > 0.02, forward, 0.0)
    turn = np.cos(np.diff(axis)) * np.minimum(elongation[1:], elongation[:-1])
    cost = [0.0, 0.0]
    came_from = np.zeros((len(axis), 2), dtype=np.int8)
    for k, gain in enumerate(moving):
        if k:
            keep = -4.0 * float(turn[k - 1])  # staying on the same end; changing it costs the opposite
            new = []
            for end in (0, 1):
                options = (cost[end] + keep, cost[1 - end] - keep)
                best = 0 if options[0] <= options[1] else 1
                came_from[k, end] = end if best == 0 else 1 - end
                new.append(options[best])
            cost = new
        cost = [cost[0] - float(gain), cost[1] + float(gain)]
    flipped = np.zeros(len(axis), dtype=np.bool_)
    end = int(cost[1] < cost[0])
    for k in range(len(axis) - 1, -1, -1):
        flipped[k] = bool(end)
        end = int(came_from[k, end])
    return flipped, float(np.where(flipped, -moving, moving).sum())
