"""Videos: what a file holds, its frames by number, and clips of it for a browser.

Frame ``k`` is the ``k``-th frame in presentation order, found by its timestamp and not by counting from where
a seek happened to land. Times are on the session clock, which starts at frame 0.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import av
import numpy as np
from av import Packet, VideoFrame, VideoStream
from av.container import InputContainer
from numpy.typing import NDArray

from ethochat.index.errors import VideoError
from ethochat.index.timebase import TimeBase

logger = logging.getLogger(__name__)

Image = NDArray[np.uint8]
Mark = tuple[float, float] | Literal["interval"] | None
"""What a clip frames in color: an interval on the session clock, the interval asked for, or nothing."""

CLIP_VERSION: Final = 1
"""Part of every cached clip's name; raised when the same arguments give other pixels."""
MARK_RGB: Final = (255, 140, 0)
_EIGHT_BIT_LUMA: Final = (
    "yuv420p",
    "yuv422p",
    "yuv444p",
    "yuvj420p",
    "yuvj422p",
    "yuvj444p",
    "nv12",
    "nv21",
    "gray",
)
_FULL_RANGE: Final = 2  # AVCOL_RANGE_JPEG
_EXPAND: Final = np.clip(np.rint((np.arange(256) - 16.0) * 255 / 219), 0, 255).astype(np.uint8)
"""Video levels 16..235 to 0..255."""
_KEPT_BYTES: Final = 96 * 2**20
"""Decoded frames that an open reader remembers: about four seconds of 640 x 480 pixels."""
_WORTH_A_SEEK: Final = 30
"""An open reader decodes fewer frames than this for nothing rather than seek, which empties the decoder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """What a video file holds."""

    path: Path
    fps: Fraction
    """Frames per second, as the file states it."""
    n_frames: int
    """Frames that the file really contains, counted and not taken from its header."""
    width: int
    height: int
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _FrameIndex:
    """Where each frame of a file is."""

    info: VideoInfo
    timestamps: NDArray[np.int64]
    """Presentation timestamps, ascending, one per frame; empty where the file has none to rely on."""
    keyframes: NDArray[np.int64]
    """Frame numbers at which decoding may start."""

    @property
    def seekable(self) -> bool:
        return self.timestamps.size > 0

    def number_of(self, timestamp: int | None) -> int | None:
        """Frame number of a timestamp, ``None`` for one that the file does not list."""
        if timestamp is None:
            return None
        number = int(np.searchsorted(self.timestamps, timestamp))
        found = number < self.timestamps.size and self.timestamps[number] == timestamp
        return number if found else None

    def keyframe_before(self, frame: int) -> int:
        """Last frame at or before ``frame`` at which decoding may start."""
        position = int(np.searchsorted(self.keyframes, frame, side="right")) - 1
        return int(self.keyframes[max(position, 0)])


def probe_video(path: Path) -> VideoInfo:
    """Look at a video: every packet is counted and the first frame is decoded.

    Raises
    ------
    VideoError
        When the file is missing, is no video, holds no frame or states no frame rate.
    """
    return _frame_index(path).info


def decode_frames(path: Path, frames: Sequence[int]) -> Image:
    """Decode single frames by number.

    Parameters
    ----------
    path
        The video.
    frames
        Frame numbers from 0, in any order, repeated or not.

    Returns
    -------
    ndarray
        uint8 RGB, shape ``(len(frames), height, width, 3)``, in the order asked for.

    Raises
    ------
    VideoError
        When the video cannot be read, or a frame does not exist or cannot be decoded.
    """
    index = _frame_index(path)
    _check_frames(index, frames)
    found = {number: _pixels(frame, gray=False) for number, frame in _selected(index, sorted(set(frames)))}
    lost = sorted(set(frames) - set(found))
    if lost:
        raise VideoError(f"Frames {lost[:5]} cannot be decoded; the file is damaged there.", path=path)
    if not found:
        return np.empty((0, index.info.height, index.info.width, 3), dtype=np.uint8)
    return np.stack([found[number] for number in frames])


class FrameReader:
    """A video that stays open: frames by number, decoded forward where that is nearer than a seek.

    Who asks for clips in the order of time decodes each frame once; the last frames are remembered, so that clips
    which overlap do not go back. One at a time reads; others wait.
    """

    def __init__(self, path: Path, *, kept_bytes: int = _KEPT_BYTES) -> None:
        """Look at the video; it is opened when a frame is asked for.

        Raises
        ------
        VideoError
            As :func:`probe_video`.
        """
        self._index = _frame_index(path)
        self._lock = threading.Lock()
        self._opened = ExitStack()
        self._reader: _Reader | None = None
        self._ahead: Iterator[tuple[int, VideoFrame]] | None = None
        self._next = 0
        """The first frame that ``_ahead`` has not given yet."""
        self._kept: OrderedDict[int, VideoFrame] = OrderedDict()
        self._kept_bytes, self._most_bytes = 0, kept_bytes

    @property
    def info(self) -> VideoInfo:
        """What the file holds."""
        return self._index.info

    def read(self, frames: Sequence[int], *, window: tuple[int, int, int, int] | None = None) -> list[Image]:
        """Decode single frames by number.

        Parameters
        ----------
        frames
            Frame numbers from 0, in any order, repeated or not.
        window
            Left, top, width and height in pixels of the part to keep.

        Returns
        -------
        list of ndarray
            uint8 RGB, shape ``(height, width, 3)``, in the order asked for.

        Raises
        ------
        VideoError
            When the video cannot be read, or a frame does not exist or cannot be decoded.
        """
        _check_frames(self._index, frames)
        found: dict[int, Image] = {}
        with self._lock:
            for number in sorted(set(frames)):
                frame = self._frame(number)
                if frame is None:
                    message = f"Frame {number} cannot be decoded; the file is damaged there."
                    raise VideoError(message, path=self.info.path)
                image = _pixels(frame, gray=False)
                if window is not None:
                    left, top, width, height = window
                    image = image[top : top + height, left : left + width].copy()
                found[number] = image
        return [found[number] for number in frames]

    def close(self) -> None:
        """Close the file and forget its frames; a later :meth:`read` opens it again."""
        with self._lock:
            self._forget()
            self._kept.clear()
            self._kept_bytes = 0

    def _frame(self, number: int) -> VideoFrame | None:
        if number in self._kept:
            return self._kept[number]
        try:
            for found, frame in self._from(number):
                self._next = found + 1
                self._keep(found, frame)
                if found >= number:
                    return frame if found == number else None
        except BaseException:
            self._forget()  # the decoder may stand anywhere
            raise
        self._forget()  # at the end of the file
        return None

    def _from(self, number: int) -> Iterator[tuple[int, VideoFrame]]:
        """Frames from some frame at or before ``number`` on."""
        skipped = self._index.keyframe_before(number) - self._next
        near = self._next <= number and skipped <= _WORTH_A_SEEK
        if self._ahead is None or not near:
            if self._reader is None or not self._index.seekable:
                self._forget()
                self._reader = self._opened.enter_context(_open_to_seek(self._index))
            self._ahead = self._reader.numbered_from(self._index, number)
        return self._ahead

    def _keep(self, number: int, frame: VideoFrame) -> None:
        if number in self._kept:
            return
        self._kept[number] = frame
        self._kept_bytes += _n_bytes(frame)
        while self._kept_bytes > self._most_bytes and len(self._kept) > 1:
            self._kept_bytes -= _n_bytes(self._kept.popitem(last=False)[1])

    def _forget(self) -> None:
        self._ahead, self._reader, self._next = None, None, 0
        self._opened.close()


def iter_frames(
    path: Path, *, start_frame: int = 0, stop_frame: int | None = None, step: int = 1, gray: bool = False
) -> Iterator[tuple[int, Image]]:
    """Decode frames in order, one at a time.

    Parameters
    ----------
    path
        The video.
    start_frame, stop_frame, step
        As in ``range``; a ``stop_frame`` past the end is the end.
    gray
        Give brightness (uint8, shape ``(height, width)``, black 0 and white 255) instead of RGB
        (uint8, shape ``(height, width, 3)``).

    Yields
    ------
    tuple
        Frame number and image. A damaged frame is left out and logged; the numbers of the others stay right.

    Raises
    ------
    VideoError
        When the video cannot be read.
    """
    index = _frame_index(path)
    stop = index.info.n_frames if stop_frame is None else min(stop_frame, index.info.n_frames)
    for number, frame in _run(index, start_frame, stop):
        if (number - start_frame) % step == 0:
            yield number, _pixels(frame, gray=gray)


def sample_frames(path: Path, n: int) -> Iterator[tuple[int, Image]]:
    """Decode about ``n`` gray frames spread evenly over a video, keyframes where those suffice.

    Yields
    ------
    tuple
        Frame number and uint8 brightness, shape ``(height, width)``; frame numbers ascend.
    """
    index = _frame_index(path)
    wanted = np.unique(np.linspace(0, index.info.n_frames - 1, n).round().astype(np.int64))
    if index.keyframes.size >= n / 2:
        wanted = np.unique([index.keyframe_before(int(frame)) for frame in wanted])
    for number, frame in _selected(index, wanted.tolist()):
        yield number, _pixels(frame, gray=True)


def read_background(path: Path, n: int = 31) -> Image:
    """Median of frames spread over a video: the scene without what moves, to draw on.

    Returns
    -------
    ndarray
        uint8 brightness, shape ``(height, width)``. The caller keeps it; this decodes every time.

    Raises
    ------
    VideoError
        When the video cannot be read.
    """
    images = [image for _, image in sample_frames(path, n)]
    if not images:
        raise VideoError("Not one frame of this video can be decoded; encode it again.", path=path)
    middle = np.partition(np.stack(images), len(images) // 2, axis=0)[len(images) // 2]
    return np.asarray(middle, dtype=np.uint8)


def cut_clip(
    path: Path,
    start_time: float,
    stop_time: float,
    target: Path,
    *,
    margin_s: float = 1.0,
    mark: Mark = "interval",
    max_width: int = 640,
    clock: TimeBase | None = None,
) -> Path:
    """Cut an interval out of a video into an H.264 file that every browser plays from its first bytes on.

    Parameters
    ----------
    path
        The video.
    start_time, stop_time
        Interval on the session clock, half-open; what lies outside the video is cut off.
    target
        The mp4 to write; it appears complete or not at all.
    margin_s
        Seconds of the video shown before and after.
    mark
        Interval during which a colored border is drawn; ``"interval"`` is ``[start_time, stop_time)``.
    max_width
        Wider videos are scaled down to this many pixels.
    clock
        The session's clock where it is not the video's own frame rate.

    Returns
    -------
    Path
        ``target``. The same arguments give the same bytes.

    Raises
    ------
    VideoError
        When the video cannot be read or the interval lies outside it.
    """
    index = _frame_index(path)
    clock = clock or TimeBase(fps=index.info.fps)
    start, stop = _frames_of(clock, (start_time, stop_time))
    if stop_time < start_time or stop <= 0 or start >= index.info.n_frames:
        raise VideoError(
            f"Expected an interval within 0 to {clock.time_of(index.info.n_frames):.3f} {clock.unit}, "
            f"got {start_time!r} to {stop_time!r}; check the times and the frame rate of the session.",
            path=path,
        )
    margin = TimeBase(fps=index.info.fps).nearest_boundary(margin_s)
    shown = range(max(0, start - margin), min(index.info.n_frames, stop + margin))
    marked = (start, stop) if mark == "interval" else _frames_of(clock, mark) if mark else (0, 0)
    images = _clip_images(index, shown, marked, _clip_size(index.info, max_width))
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        _encode(images, part, index.info)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return target


def clip_cache_path(
    cache_dir: Path,
    path: Path,
    start_time: float,
    stop_time: float,
    *,
    margin_s: float = 1.0,
    mark: Mark = "interval",
    max_width: int = 640,
    clock: TimeBase | None = None,
) -> Path:
    """Where a clip lies in a cache: the name changes with the video, the interval and each setting.

    Raises
    ------
    VideoError
        When the video is missing.
    """
    stat = _stat(path)
    key = {
        "version": CLIP_VERSION,
        "video": [str(path.resolve()), stat.st_size, stat.st_mtime_ns],
        "interval": [float(start_time), float(stop_time)],
        "mark": mark if mark is None or isinstance(mark, str) else [float(mark[0]), float(mark[1])],
        "shape": [float(margin_s), max_width],
        "clock": None if clock is None else str(clock.fps),
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return cache_dir / f"{digest[:32]}.mp4"


def cached_clip(
    cache_dir: Path,
    path: Path,
    start_time: float,
    stop_time: float,
    *,
    margin_s: float = 1.0,
    mark: Mark = "interval",
    max_width: int = 640,
    clock: TimeBase | None = None,
) -> Path:
    """Return a clip from the cache, cutting it when it is not there yet.

    Two who ask at once may both cut; each writes a file of its own and one replaces the other when done, so
    neither ever sees half a clip. Arguments and errors are those of :func:`cut_clip`.
    """
    settings: dict[str, Any] = {"margin_s": margin_s, "mark": mark, "max_width": max_width, "clock": clock}
    target = clip_cache_path(cache_dir, path, start_time, stop_time, **settings)
    return target if target.is_file() else cut_clip(path, start_time, stop_time, target, **settings)


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as exc:
        raise VideoError(
            "Expected a video, found no such file; check the path in sessions.csv.", path=path
        ) from exc


def _frame_index(path: Path) -> _FrameIndex:
    stat = _stat(path)
    return _cached_index(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _cached_index(path: Path, size: int, mtime_ns: int) -> _FrameIndex:
    with _open(path) as reader:
        packets = [(packet.pts, packet.is_keyframe) for packet in reader.packets() if not packet.is_discard]
        fps = reader.stream.average_rate or reader.stream.guessed_rate
    if not packets:
        raise VideoError(
            "Expected a video with frames, found 0 frames; record or encode it again.", path=path
        )
    if not fps:
        raise VideoError("The file states no frame rate; encode it again with one.", path=path)
    width, height = _first_frame_size(path)
    info = VideoInfo(
        path=path,
        fps=Fraction(fps),
        n_frames=len(packets),
        width=width,
        height=height,
        duration_s=TimeBase(fps=Fraction(fps)).time_of(len(packets)),
    )
    timestamps, keyframes = _frame_numbers(packets)
    return _FrameIndex(info=info, timestamps=timestamps, keyframes=keyframes)


def _frame_numbers(packets: list[tuple[int | None, bool]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    known = [timestamp for timestamp, _ in packets if timestamp is not None]
    timestamps = np.unique(np.array(known, dtype=np.int64))
    if timestamps.size != len(packets):  # absent or repeated: frames can only be counted from the start
        return np.empty(0, dtype=np.int64), np.zeros(1, dtype=np.int64)
    keys = [timestamp for timestamp, is_key in packets if is_key]
    keyframes = np.searchsorted(timestamps, np.array(sorted([timestamps[0], *keys]), dtype=np.int64))
    return timestamps, np.unique(keyframes)


def _first_frame_size(path: Path) -> tuple[int, int]:
    with _open(path) as reader:
        for frame in reader.decoded():
            height, width = _pixels(frame, gray=True).shape
            return width, height
    raise VideoError("Expected a video, but none of its frames can be decoded; encode it again.", path=path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """An open video."""

    path: Path
    container: InputContainer
    stream: VideoStream

    def packets(self, *, flush: bool = False) -> Iterator[Packet]:
        """Packets from where the container stands; with ``flush`` also the empty one that ends decoding."""
        try:
            for packet in self.container.demux(self.stream):
                if packet.size or flush:
                    yield packet
        except av.FFmpegError as exc:
            message = f"The file breaks off or is damaged ({exc.strerror}); copy or encode it again."
            raise VideoError(message, path=self.path) from exc

    def decoded(self) -> Iterator[VideoFrame]:
        """Decode on from where the container stands; frames that are damaged are left out."""
        for packet in self.packets(flush=True):
            try:
                yield from packet.decode()
            except av.FFmpegError as exc:
                logger.warning("%s: a frame cannot be decoded (%s)", self.path, exc.strerror)

    def numbered(self, index: _FrameIndex) -> Iterator[tuple[int, VideoFrame]]:
        """Decode on, each frame with its number."""
        for count, frame in enumerate(self.decoded()):
            number = index.number_of(frame.pts) if index.seekable else count
            if number is not None:
                yield number, frame

    def numbered_from(self, index: _FrameIndex, start: int) -> Iterator[tuple[int, VideoFrame]]:
        """Decode from the last keyframe at or before ``start``."""
        if not index.seekable:
            yield from self.numbered(index)
            return
        keyframe = index.keyframe_before(start)
        while True:
            self.container.seek(int(index.timestamps[keyframe]), stream=self.stream, backward=True)
            frames = self.numbered(index)
            first = next(frames, None)
            if keyframe == 0 or (first is not None and first[0] <= start):
                break
            keyframe = index.keyframe_before(keyframe - 1)  # the container landed too late
        if first is not None:
            yield first
            yield from frames

    def between(self, index: _FrameIndex, start: int, stop: int) -> Iterator[tuple[int, VideoFrame]]:
        """Frames from ``start`` to before ``stop``."""
        for number, frame in self.numbered_from(index, start):
            if number >= stop:
                return
            if number >= start:
                yield number, frame


@contextmanager
def _open(path: Path) -> Iterator[_Reader]:
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as exc:
        message = f"Expected a video, found something that cannot be opened ({exc.strerror}); is it complete?"
        raise VideoError(message, path=path) from exc
    with container:
        if not container.streams.video:
            raise VideoError("Expected a video, found a file without a video stream.", path=path)
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        yield _Reader(path=path, container=container, stream=stream)


@contextmanager
def _open_to_seek(index: _FrameIndex) -> Iterator[_Reader]:
    """Open a video and decode its first frame.

    Old x264 streams name their encoder in frame 0; where a seek comes first they decode to wrong pixels and
    raise nothing.
    """
    with _open(index.info.path) as reader:
        if index.seekable:
            next(reader.decoded(), None)
        yield reader


def _run(index: _FrameIndex, start: int, stop: int) -> Iterator[tuple[int, VideoFrame]]:
    """Frames from ``start`` to before ``stop``."""
    if start < stop:
        with _open_to_seek(index) as reader:
            yield from reader.between(index, start, stop)


def _selected(index: _FrameIndex, wanted: Sequence[int]) -> Iterator[tuple[int, VideoFrame]]:
    """Single frames, given and returned in ascending order, with a seek wherever one skips something."""
    groups: list[list[int]] = []
    for frame in wanted:
        if groups and index.keyframe_before(frame) <= groups[-1][-1]:
            groups[-1].append(frame)
        else:
            groups.append([frame])
    with _open_to_seek(index) as reader:
        for group in groups:
            members = set(group)
            frames = reader.between(index, group[0], group[-1] + 1)
            yield from (item for item in frames if item[0] in members)


def _n_bytes(frame: VideoFrame) -> int:
    return sum(int(plane.buffer_size) for plane in frame.planes)


def _check_frames(index: _FrameIndex, frames: Sequence[int]) -> None:
    outside = [frame for frame in frames if not 0 <= frame < index.info.n_frames]
    if outside:
        raise VideoError(
            f"Expected frame numbers from 0 to {index.info.n_frames - 1}, got {outside[:5]}.",
            path=index.info.path,
        )


def _pixels(frame: VideoFrame, *, gray: bool) -> Image:
    image: Image = _luma(frame) if gray else frame.to_ndarray(format="rgb24")
    quarter_turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarter_turns)) if quarter_turns else image


def _luma(frame: VideoFrame) -> Image:
    """Brightness from 0 to 255, from the luma plane where there is one (five times faster)."""
    import cv2

    if frame.format.name not in _EIGHT_BIT_LUMA:
        return np.asarray(frame.to_ndarray(format="gray"), dtype=np.uint8)
    plane = frame.planes[0]
    luma = np.frombuffer(plane, dtype=np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
    full = frame.color_range == _FULL_RANGE or frame.format.name.startswith(("yuvj", "gray"))
    return luma.copy() if full else np.asarray(cv2.LUT(luma, _EXPAND), dtype=np.uint8)


def _frames_of(clock: TimeBase, interval: tuple[float, float]) -> tuple[int, int]:
    """Frames of an interval, at least one."""
    start = clock.nearest_boundary(interval[0])
    return start, max(start + 1, clock.nearest_boundary(interval[1]))


def _clip_size(info: VideoInfo, max_width: int) -> tuple[int, int]:
    """Width and height of a clip: even, as yuv420p needs it, and never larger than the video."""
    width = max(2, min(info.width, max_width) // 2 * 2)
    return width, max(2, round(info.height * width / info.width / 2) * 2)


def _clip_images(
    index: _FrameIndex, shown: range, marked: tuple[int, int], size: tuple[int, int]
) -> Iterator[Image]:
    import cv2

    border = max(2, size[0] // 160)
    for number, frame in _run(index, shown.start, shown.stop):
        image = cv2.resize(_pixels(frame, gray=False), size, interpolation=cv2.INTER_AREA)
        if marked[0] <= number < marked[1]:
            inner = image[border:-border, border:-border].copy()
            image[:] = MARK_RGB
            image[border:-border, border:-border] = inner
        yield image


def _encode(images: Iterator[Image], target: Path, info: VideoInfo) -> None:
    """Write images as H.264 at the frame rate of the video they come from."""
    first = next(images, None)
    if first is None:
        raise VideoError(
            "No frame of the interval can be decoded; the file is damaged there.", path=info.path
        )
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        # The same bytes every time need the same number of threads everywhere, and no macroblock tree: with it,
        # small pictures now and then come out otherwise.
        options = {"crf": "25", "preset": "veryfast", "threads": "2", "x264-params": "mbtree=0"}
        stream: Any = container.add_stream("libx264", rate=info.fps, options=options)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt, stream.codec_context.gop_size = "yuv420p", 60
        for number, image in enumerate(_chain(first, images)):
            frame = VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, 1 / info.fps
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _chain(first: Image, images: Iterator[Image]) -> Iterator[Image]:
    yield first
    yield from images
