from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ethochat.index.video import probe_video
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import ClipRef
from ethochat.ui.clips import Clips


def clip(session_id: str, start: float, stop: float, description: str = "Rearing") -> ClipRef:
    return ClipRef(session_id=session_id, start_time=start, stop_time=stop, description=description)


def test_clip_is_cut_into_the_experiments_cache(context: ToolContext) -> None:
    clips = Clips(context)
    player = clips.cut(clip("oft_1", 3.0, 5.0))
    assert player.path is not None
    assert player.path.parent == context.experiment.data_dir / "cache" / "clips"
    assert (
        probe_video(player.path).n_frames == 40
    )  # 2 s and a second before and after, at 10 frames per second
    assert player.caption == "oft_1 · Rearing · hit 3.00–5.00 s, in the orange frame."


def test_clip_of_a_session_without_frame_rate_is_cut_by_frames(context: ToolContext) -> None:
    clips = Clips(context)
    ref = clip("ri_1", 20, 45, "chase")
    player = clips.cut(ref)
    assert clips.label(ref) == "ri_1 · frames 20–45 · chase"
    assert player.path is not None
    assert probe_video(player.path).n_frames == 45  # 25 frames and 10 before and after


def test_session_without_video_says_so(context: ToolContext) -> None:
    player = Clips(context).cut(clip("oft_2", 2, 3))
    assert player.path is None
    assert player.caption == "oft_2 has no video: only its times are known."


@pytest.mark.parametrize(("session_id", "start"), [("oft_3", 1.0), ("oft_1", 500.0)])
def test_clip_that_cannot_be_cut_says_why(context: ToolContext, session_id: str, start: float) -> None:
    player = Clips(context).cut(clip(session_id, start, start + 1))
    assert player.path is None
    assert player.caption.startswith("No clip can be shown. ")


def test_unknown_session_has_no_video(context: ToolContext) -> None:
    assert Clips(context).cut(clip("../../etc", 0, 1)).path is None


def test_long_interval_is_cut_short_and_says_so(
    context: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ethochat.ui.clips._LONGEST_CLIP_S", 2.0)
    player = Clips(context).cut(clip("oft_1", 3.0, 9.0))
    assert player.caption.endswith("Only the first 2 s are shown.")
    assert player.path is not None
    assert probe_video(player.path).n_frames == 40


def test_caption_and_label_say_why_a_search_brought_a_clip_up(context: ToolContext) -> None:
    ref = clip("oft_1", 3.0, 5.0).model_copy(update={"why": "Rearing by anna for 2 s."})
    clips = Clips(context)
    assert clips.label(ref) == "oft_1 · 3.00–5.00 s · Rearing · Rearing by anna for 2 s."
    assert clips.cut(ref).caption.endswith("in the orange frame. Why: Rearing by anna for 2 s.")


def test_frames_are_spread_over_the_interval_and_the_middle_one_stands_for_it(context: ToolContext) -> None:
    # frame k of the video is gray 2 k
    clips = Clips(context)
    brightness = clips.frames(clip("oft_1", 3.0, 6.0), 3).mean(axis=(1, 2, 3))
    assert brightness == pytest.approx([2 * 35, 2 * 45, 2 * 55], abs=4)
    assert clips.frames(clip("oft_1", 3.0, 6.0)).mean() == pytest.approx(2 * 45, abs=4)
    assert clips.frames(clip("ri_1", 20, 45)).mean() == pytest.approx(2 * 32, abs=4)


def test_still_is_a_picture_of_the_middle_made_once(context: ToolContext) -> None:
    clips = Clips(context)
    still = clips.still(clip("oft_1", 3.0, 6.0)).path
    assert still is not None
    assert still.parent == clips.folder
    with Image.open(still) as image:
        assert (image.format, image.size) == ("JPEG", (64, 48))
        assert np.asarray(image).mean() == pytest.approx(2 * 45, abs=4)
    made = still.stat().st_mtime_ns
    assert clips.still(clip("oft_1", 3.0, 6.0)).path == still
    assert still.stat().st_mtime_ns == made


@pytest.mark.parametrize(
    ("session_id", "start", "why"),
    [
        ("oft_2", 1.0, "oft_2 has no video"),
        ("oft_3", 1.0, "no such file"),
        ("oft_1", 60.0, "ends before 60.00"),
    ],
)
def test_moment_without_pictures_has_no_still_and_says_why(
    context: ToolContext, session_id: str, start: float, why: str
) -> None:
    still = Clips(context).still(clip(session_id, start, start + 1))
    assert still.path is None
    assert why in still.caption
