"""Opening, decoding and cutting videos that are encoded on the fly; each frame shows its number."""

from __future__ import annotations

import os
import struct
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from ethochat.index import video
from ethochat.index.errors import VideoError
from ethochat.index.timebase import TimeBase

DATA = Path(os.environ.get("ETHOCHAT_TEST_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))


def level(digit: int) -> int:
    return 20 + 22 * digit


def numbered(n: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """RGB images whose lower half shows the frame number (tens left, ones right); the upper left is white."""
    images = [np.zeros((height, width, 3), dtype=np.uint8) for _ in range(n)]
    for number, image in enumerate(images):
        image[: height // 2, : width // 2] = 255
        image[height // 2 :, : width // 2] = level(number // 10)
        image[height // 2 :, width // 2 :] = level(number % 10)
    return images


def encode(
    path: Path,
    images: list[np.ndarray],
    fps: Fraction | int = 30,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    times: list[int] | None = None,
    gop: int = 12,
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options={"crf": "4"} if codec == "libx264" else {})
        if images:
            stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt, stream.codec_context.gop_size = pix_fmt, gop
        for k, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = times[k] if times else k, 1 / Fraction(fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def number_in(image: np.ndarray) -> int:
    """Frame number that an image of :func:`numbered` shows."""
    height, width = image.shape[:2]
    lower = image[height // 2 + 5 : -5]
    tens, ones = (
        round((float(part.mean()) - 20) / 22)
        for part in (lower[:, 5 : width // 2 - 5], lower[:, width // 2 + 5 : -5])
    )
    return 10 * tens + ones


@pytest.fixture
def clip_of_60(tmp_path: Path) -> Path:
    return encode(tmp_path / "v.mp4", numbered(60))


def test_probe_says_what_the_file_holds(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.mp4", numbered(50), Fraction(30000, 1001))
    info = video.probe_video(path)
    assert (info.n_frames, info.width, info.height) == (50, 64, 48)
    assert info.fps == Fraction(30000, 1001)
    assert info.duration_s == pytest.approx(50 * 1001 / 30000)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"missing\.mp4: .*no such file"):
        video.probe_video(tmp_path / "missing.mp4")


def test_garbage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "garbage.mp4"
    path.write_bytes(bytes(range(256)) * 40)
    with pytest.raises(VideoError, match=r"garbage\.mp4: .*cannot be opened"):
        video.probe_video(path)


def test_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="cannot be opened"):
        video.probe_video(tmp_path)


def test_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    with pytest.raises(VideoError, match=r"empty\.mp4"):
        video.probe_video(path)


@pytest.mark.parametrize(
    ("suffix", "complaint"),
    [("avi", "found 0 frames"), ("mp4", "without a video stream"), ("mkv", "cannot be opened")],
)
def test_video_of_no_frames_is_refused(tmp_path: Path, suffix: str, complaint: str) -> None:
    path = tmp_path / f"v.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.open()
        container.start_encoding()
    with pytest.raises(VideoError, match=complaint):
        video.probe_video(path)


def test_sound_without_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match="without a video stream"):
        video.probe_video(path)


def test_frames_come_by_number_in_the_order_asked_for(clip_of_60: Path) -> None:
    wanted = [41, 3, 59, 0, 3, 12, 13]
    frames = video.decode_frames(clip_of_60, wanted)
    assert frames.shape == (7, 48, 64, 3)
    assert frames.dtype == np.uint8
    assert [number_in(frame) for frame in frames] == wanted


def test_every_frame_by_seeking_equals_the_frame_by_decoding_all(clip_of_60: Path) -> None:
    for number, image in video.iter_frames(clip_of_60):
        np.testing.assert_array_equal(video.decode_frames(clip_of_60, [number])[0], image)


@pytest.mark.parametrize("frames", [[60], [-1], [0, 400]])
def test_frame_that_does_not_exist_is_refused(clip_of_60: Path, frames: list[int]) -> None:
    with pytest.raises(VideoError, match="from 0 to 59"):
        video.decode_frames(clip_of_60, frames)


def test_no_frames_are_no_frames(clip_of_60: Path) -> None:
    assert video.decode_frames(clip_of_60, []).shape == (0, 48, 64, 3)


@pytest.mark.parametrize(
    ("start", "stop", "step"), [(0, None, 1), (17, 44, 1), (5, 60, 7), (58, 900, 1), (30, 30, 1)]
)
def test_iteration_gives_the_frames_of_a_range(
    clip_of_60: Path, start: int, stop: int | None, step: int
) -> None:
    frames = list(video.iter_frames(clip_of_60, start_frame=start, stop_frame=stop, step=step))
    expected = list(range(start, min(60, 60 if stop is None else stop), step))
    assert [number for number, _ in frames] == expected
    assert [number_in(image) for _, image in frames] == expected


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuvj420p", "yuv420p10le"])
def test_gray_is_brightness_from_black_0_to_white_255(tmp_path: Path, pix_fmt: str) -> None:
    codec = "mjpeg" if pix_fmt == "yuvj420p" else "libx264"
    suffix = "avi" if pix_fmt == "yuvj420p" else "mp4"
    path = encode(tmp_path / f"v.{suffix}", numbered(5), codec=codec, pix_fmt=pix_fmt)
    frames = [image for _, image in video.iter_frames(path, gray=True)]
    assert [frame.shape for frame in frames] == [(48, 64)] * 5
    for k, frame in enumerate(frames):
        assert float(frame[28:-4, 36:-4].mean()) == pytest.approx(level(k), abs=1.5)
        assert float(frame[4:20, 4:28].mean()) == pytest.approx(255, abs=1.5)


def test_uneven_timestamps_do_not_shift_frame_numbers(tmp_path: Path) -> None:
    times = np.cumsum([1, 1, 5, 1, 1, 9, 2, 1] * 5).tolist()
    path = encode(tmp_path / "v.mp4", numbered(40), times=times, gop=6)
    assert video.probe_video(path).n_frames == 40
    assert [number_in(image) for image in video.decode_frames(path, [39, 7, 22])] == [39, 7, 22]


def test_container_without_timestamps_is_counted_from_the_start(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.h264", numbered(40))
    assert video.probe_video(path).n_frames == 40
    assert [number_in(image) for image in video.decode_frames(path, [31, 2])] == [31, 2]


def test_truncated_file_keeps_the_numbers_of_what_is_left(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mkv", numbered(60, 320, 240))
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    n_left = video.probe_video(path).n_frames
    assert 10 < n_left < 60
    assert [number for number, _ in video.iter_frames(path)][:10] == list(range(10))


def test_picture_turned_by_its_header_is_upright(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.mp4", numbered(4))
    content = path.read_bytes()
    upright = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    quarter = struct.pack(
        ">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30
    )  # 90 degrees clockwise
    at = content.index(upright, content.index(b"tkhd"))
    path.write_bytes(content[:at] + quarter + content[at + len(quarter) :])
    info = video.probe_video(path)
    assert (info.width, info.height) == (48, 64)
    image = video.decode_frames(path, [0])[0]
    assert image.shape == (64, 48, 3)
    assert image[10, 40].min() > 240  # upper left has become upper right
    assert image[10, 5].max() < 60


def test_background_is_the_scene_without_what_moves(tmp_path: Path) -> None:
    images = [np.full((48, 64, 3), 200, dtype=np.uint8) for _ in range(40)]
    for k, image in enumerate(images):
        image[20:30, k : k + 10] = 20
    background = video.read_background(encode(tmp_path / "v.mp4", images))
    assert (background.shape, background.dtype) == ((48, 64), np.uint8)
    np.testing.assert_allclose(background, 200, atol=3)


def test_samples_are_spread_over_the_video(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.mp4", numbered(60), gop=5)
    numbers = [number for number, _ in video.sample_frames(path, 12)]
    assert numbers[0] == 0
    assert 0 < min(np.diff(numbers)) <= max(np.diff(numbers)) <= 12
    assert [number for number, _ in video.sample_frames(path, 60)] == list(range(60))


# Clips

ORANGE = np.array(video.MARK_RGB)


def is_marked(image: np.ndarray) -> bool:
    return bool(np.abs(image[1, 20:-20].mean(axis=0) - ORANGE).max() < 60)


def test_clip_shows_the_interval_and_a_margin_and_marks_the_interval(
    clip_of_60: Path, tmp_path: Path
) -> None:
    target = video.cut_clip(clip_of_60, 1.0, 1.2, tmp_path / "out" / "c.mp4", margin_s=0.5)
    info = video.probe_video(target)
    assert (info.fps, info.n_frames) == (30, 36)  # 15 before, 6, 15 after
    images = video.decode_frames(target, range(36))
    assert number_in(images[0]) == 15
    assert number_in(images[-1]) == 50
    assert [k for k, image in enumerate(images) if is_marked(image)] == list(range(15, 21))


def test_clip_without_mark_has_none(clip_of_60: Path, tmp_path: Path) -> None:
    target = video.cut_clip(clip_of_60, 1.0, 1.2, tmp_path / "c.mp4", mark=None)
    assert not any(is_marked(image) for _, image in video.iter_frames(target))


def test_mark_may_be_another_interval(clip_of_60: Path, tmp_path: Path) -> None:
    target = video.cut_clip(clip_of_60, 0.5, 1.5, tmp_path / "c.mp4", margin_s=0, mark=(1.0, 1.1))
    marked = [number for number, image in video.iter_frames(target) if is_marked(image)]
    assert marked == [15, 16, 17]


def test_clip_is_clamped_to_the_video(clip_of_60: Path, tmp_path: Path) -> None:
    target = video.cut_clip(clip_of_60, -3.0, 0.2, tmp_path / "c.mp4", margin_s=0)
    assert video.probe_video(target).n_frames == 6
    target = video.cut_clip(clip_of_60, 1.9, 50.0, tmp_path / "c.mp4", margin_s=0)
    assert video.probe_video(target).n_frames == 3


@pytest.mark.parametrize("interval", [(2.0, 3.0), (-2.0, -1.0), (1.0, 0.5)])
def test_interval_outside_the_video_is_refused(
    clip_of_60: Path, tmp_path: Path, interval: tuple[float, float]
) -> None:
    with pytest.raises(VideoError, match=r"Expected an interval within 0 to 2\.000 s"):
        video.cut_clip(clip_of_60, *interval, tmp_path / "c.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]


def test_point_event_is_one_frame_long(clip_of_60: Path, tmp_path: Path) -> None:
    target = video.cut_clip(clip_of_60, 1.0, 1.0, tmp_path / "c.mp4", margin_s=0)
    assert video.probe_video(target).n_frames == 1


def test_session_clock_in_frames_is_understood(clip_of_60: Path, tmp_path: Path) -> None:
    clock = TimeBase(fps=None)
    target = video.cut_clip(clip_of_60, 12, 20, tmp_path / "c.mp4", margin_s=0, clock=clock)
    number, image = next(video.iter_frames(target))
    assert (number, number_in(image)) == (0, 12)
    assert video.probe_video(target).n_frames == 8


@pytest.mark.parametrize("size", [(63, 47), (1001, 333), (640, 480)])
def test_clip_has_even_sides_and_is_never_wider_than_asked(tmp_path: Path, size: tuple[int, int]) -> None:
    path = encode(tmp_path / "v.mp4", numbered(4, *size), pix_fmt="yuv444p")
    info = video.probe_video(video.cut_clip(path, 0, 0.1, tmp_path / "c.mp4", max_width=400))
    assert info.width % 2 == info.height % 2 == 0
    assert info.width == min(size[0], 400) // 2 * 2
    assert info.height == pytest.approx(size[1] * info.width / size[0], abs=1.01)


def test_clip_plays_in_browsers_from_its_first_bytes_on(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.mp4", numbered(30), Fraction(30000, 1001), pix_fmt="yuv444p")
    target = video.cut_clip(path, 0, 0.5, tmp_path / "c.mp4")
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == Fraction(30000, 1001)
        assert container.format.name.startswith("mov")
    content = target.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_same_arguments_give_the_same_bytes(clip_of_60: Path, tmp_path: Path) -> None:
    first = video.cut_clip(clip_of_60, 0.5, 1.0, tmp_path / "a.mp4").read_bytes()
    assert video.cut_clip(clip_of_60, 0.5, 1.0, tmp_path / "b.mp4").read_bytes() == first


def test_nothing_half_written_is_left_when_cutting_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / "v.mp4", numbered(10))

    def fails(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(video.os, "replace", fails)
    with pytest.raises(OSError, match="disk full"):
        video.cut_clip(path, 0, 0.2, tmp_path / "out" / "c.mp4")
    assert list((tmp_path / "out").iterdir()) == []


def test_cache_name_changes_with_video_interval_and_settings(clip_of_60: Path, tmp_path: Path) -> None:
    name = video.clip_cache_path(tmp_path, clip_of_60, 0.5, 1.0)
    assert name.parent == tmp_path
    assert name == video.clip_cache_path(tmp_path, clip_of_60, 0.5, 1.0)
    others = [
        video.clip_cache_path(tmp_path, clip_of_60, 0.5, 1.1),
        video.clip_cache_path(tmp_path, clip_of_60, 0.5, 1.0, margin_s=2),
        video.clip_cache_path(tmp_path, clip_of_60, 0.5, 1.0, mark=None),
        video.clip_cache_path(tmp_path, clip_of_60, 0.5, 1.0, max_width=320),
        video.clip_cache_path(tmp_path, clip_of_60, 0.5, 1.0, clock=TimeBase(fps=Fraction(25))),
    ]
    encode(clip_of_60, numbered(61))
    others.append(video.clip_cache_path(tmp_path, clip_of_60, 0.5, 1.0))
    assert len({name, *others}) == 7


def test_clip_is_cut_once(clip_of_60: Path, tmp_path: Path) -> None:
    first = video.cached_clip(tmp_path / "clips", clip_of_60, 0.5, 1.0)
    written = first.stat().st_mtime_ns
    assert video.cached_clip(tmp_path / "clips", clip_of_60, 0.5, 1.0) == first
    assert first.stat().st_mtime_ns == written
    assert first == video.clip_cache_path(tmp_path / "clips", clip_of_60, 0.5, 1.0)


def test_two_who_ask_at_once_both_get_a_whole_clip(clip_of_60: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        cut = lambda _: video.cached_clip(tmp_path / "clips", clip_of_60, 0.5, 1.0)  # noqa: E731
        paths = set(pool.map(cut, range(4)))
    assert len(paths) == 1
    assert video.probe_video(paths.pop()).n_frames == 60
    assert len(list((tmp_path / "clips").iterdir())) == 1


@pytest.mark.data
def test_real_file_that_breaks_after_an_early_seek_is_decoded_right() -> None:
    path = DATA / "dlc_openfield" / "m3v1mp4.mp4"
    if not path.is_file():
        pytest.skip(f"no recordings in {DATA}")
    info = video.probe_video(path)
    assert (info.n_frames, info.width, info.height) == (2330, 640, 480)
    assert info.duration_s == pytest.approx(77.666, abs=0.001)
    wanted = [0, 1, 249, 250, 251, 700, 1234]
    complete = {k: image for k, image in video.iter_frames(path, stop_frame=1235) if k in wanted}
    for k in wanted:
        np.testing.assert_array_equal(video.decode_frames(path, [k])[0], complete[k])
    np.testing.assert_array_equal(video.decode_frames(path, wanted), np.stack([complete[k] for k in wanted]))
    number, image = next(video.iter_frames(path, start_frame=1234))
    assert number == 1234
    np.testing.assert_array_equal(image, complete[1234])


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "n_frames"),
    [("tracktor_mouse/mouse_video.mp4", 10_000), ("amadeus_mabe3/EGS8X2MN4SSUGFWAV976.mp4", 1_801)],
)
def test_real_files_have_the_frames_they_are_known_to_have(name: str, n_frames: int) -> None:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no recordings in {DATA}")
    info = video.probe_video(path)
    assert (info.n_frames, info.fps) == (n_frames, 30)


# ------------------------------------------------------------------ a reader that stays open
def test_open_reader_gives_the_same_frames_in_any_order(clip_of_60: Path) -> None:
    reader = video.FrameReader(clip_of_60)
    for wanted in ([41, 3, 59, 0, 3], [58, 59], [12, 13, 14], [5], [], [59, 0], list(range(60))):
        read = reader.read(wanted)
        assert [number_in(image) for image in read] == wanted
        np.testing.assert_array_equal(
            np.array(read).reshape(-1, 48, 64, 3), video.decode_frames(clip_of_60, wanted)
        )


def test_open_reader_cuts_a_window_out(clip_of_60: Path) -> None:
    whole, part = (video.FrameReader(clip_of_60).read([7], window=w)[0] for w in (None, (10, 5, 30, 20)))
    np.testing.assert_array_equal(part, whole[5:25, 10:40])


def test_open_reader_decodes_each_frame_once_going_forward(
    clip_of_60: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = []
    begin = video._Reader.numbered_from

    def counted(self: video._Reader, index: object, start: int) -> object:
        starts.append(start)
        return begin(self, index, start)

    monkeypatch.setattr(video._Reader, "numbered_from", counted)
    reader = video.FrameReader(clip_of_60)
    for first in range(0, 50, 4):  # clips that overlap
        reader.read([first, first + 6])
    assert starts == [0]


def test_open_reader_skips_what_is_far_ahead(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.mp4", numbered(90), gop=30)
    reader = video.FrameReader(path)
    reader.read([0])
    assert number_in(reader.read([85])[0]) == 85
    assert 40 not in reader._kept


def test_open_reader_remembers_no_more_than_it_may(clip_of_60: Path) -> None:
    reader = video.FrameReader(clip_of_60, kept_bytes=5 * 64 * 48 * 3 // 2)
    reader.read(range(30))
    assert 1 <= len(reader._kept) <= 5
    assert [number_in(image) for image in reader.read([2, 29])] == [2, 29]


def test_open_reader_refuses_frames_that_do_not_exist(clip_of_60: Path) -> None:
    with pytest.raises(VideoError, match="from 0 to 59"):
        video.FrameReader(clip_of_60).read([60])


def test_closed_reader_opens_again(clip_of_60: Path) -> None:
    reader = video.FrameReader(clip_of_60)
    reader.read([3])
    reader.close()
    assert number_in(reader.read([4])[0]) == 4


def test_open_reader_may_be_used_by_several_threads(clip_of_60: Path) -> None:
    reader = video.FrameReader(clip_of_60, kept_bytes=1)
    wanted = [(7 * k) % 60 for k in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: number_in(reader.read([number])[0]), wanted))
    assert found == wanted


def test_open_reader_counts_frames_of_a_file_without_timestamps(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.avi", numbered(20), codec="mpeg4")
    reader = video.FrameReader(path)
    for wanted in ([15, 19], [2], [18], [0, 19]):
        np.testing.assert_array_equal(np.array(reader.read(wanted)), video.decode_frames(path, wanted))


@pytest.mark.data
def test_open_reader_gives_true_pixels_of_an_old_encoder(real_data: Path) -> None:
    path = real_data / "dlc_openfield" / "m3v1mp4.mp4"
    if not path.is_file():
        pytest.skip("no dlc_openfield here")
    reader = video.FrameReader(path)
    for number in (1500, 700, 2329, 0):
        np.testing.assert_array_equal(reader.read([number])[0], video.decode_frames(path, [number])[0])
