"""Contact sheets and zips of clips."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ethochat.index.errors import InputError
from ethochat.index.video import probe_video
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import ClipRef
from ethochat.ui.clips import Clips
from ethochat.ui.hits import Hits
from ethochat.ui.hits.archive import clip_name, write_clips
from ethochat.ui.hits.sheet import MOST_HITS, draw_sheet, write_sheet


def clip(session_id: str, start: float, stop: float) -> ClipRef:
    return ClipRef(session_id=session_id, start_time=start, stop_time=stop)


# ----------------------------------------------------------------- contact sheet
def test_sheet_shows_the_middle_frame_of_each_hit(hits: Hits, context: ToolContext) -> None:
    sheet = np.asarray(draw_sheet(hits, Clips(context)))
    assert sheet.shape[1] == 4 * 336 + 16
    # frames are gray 2 k; the second hit has no video: its cell is light
    top = next(row for row in range(40, 200) if abs(int(sheet[row, 20, 0]) - 80) < 8)
    corners = [int(sheet[top + 20, 16 + cell * 336 + 20, 0]) for cell in range(4)]
    assert corners[0] == pytest.approx(2 * 40, abs=6)
    assert corners[1] > 230
    assert corners[2:] == pytest.approx([2 * 50, 2 * 15], abs=6)


def test_several_frames_of_a_hit_stand_side_by_side(hits: Hits, context: ToolContext) -> None:
    sheet = np.asarray(draw_sheet(hits, Clips(context), frames_per_hit=3))
    top = next(row for row in range(40, 200) if abs(int(sheet[row, 16 + 53, 0]) - 66) < 8)
    middles = [int(sheet[top + 20, 16 + 53 + part * 106, 0]) for part in range(3)]
    assert middles == pytest.approx([2 * 33, 2 * 40, 2 * 46], abs=6)


def test_sheet_says_in_itself_how_it_was_found(hits: Hits, context: ToolContext, tmp_path: Path) -> None:
    (path,) = write_sheet(hits, Clips(context), tmp_path / "sheet.png")
    with Image.open(path) as image:
        image.load()
        said = json.loads(image.info["Comment"])
    assert (said["query"], said["n_total"]) == ("rearing", 7)
    assert image.info["Software"].startswith("ethochat ")


def test_sheet_counts_what_it_drew(hits: Hits, context: ToolContext) -> None:
    seen: list[tuple[int, int]] = []
    draw_sheet(hits, Clips(context), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_hits_without_video_make_a_sheet_all_the_same(
    make_hits: Callable[..., Hits], context: ToolContext
) -> None:
    sheet = draw_sheet(make_hits(clip("oft_2", 0, 1), clip("oft_3", 0, 1)), Clips(context))
    assert sheet.width == 2 * 336 + 16


@pytest.mark.parametrize(("n", "said"), [(0, "found none"), (MOST_HITS + 1, f"at most {MOST_HITS} hits")])
def test_too_few_and_too_many_hits_are_refused(
    make_hits: Callable[..., Hits], context: ToolContext, n: int, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        draw_sheet(make_hits(*(clip("oft_2", k, k + 1) for k in range(n))), Clips(context))


def test_sheet_is_a_png(hits: Hits, context: ToolContext, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.png"):
        write_sheet(hits, Clips(context), tmp_path / "sheet.jpg")


# ----------------------------------------------------------------- clips
def test_zip_holds_a_clip_of_each_hit_with_a_video_and_lists_all(
    hits: Hits, context: ToolContext, tmp_path: Path
) -> None:
    path = write_clips(hits, Clips(context), tmp_path / "out" / "clips.zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        table = archive.read("hits.csv").decode()
        about = json.loads(archive.read("hits.provenance.json"))
        archive.extract(names[0], tmp_path)
    assert names == [
        "01_oft_1_3.00-5.00s.mp4",
        "03_oft_1_4.00-6.00s.mp4",
        "04_oft_1_1.00-2.00s.mp4",
        "hits.csv",
        "hits.provenance.json",
    ]
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["clip"] for row in rows] == [names[0], "", names[1], names[2]]
    assert about["n_hits"] == 4
    assert probe_video(tmp_path / names[0]).n_frames == 40  # the hit, and a second before and after
    assert [item.name for item in path.parent.iterdir()] == ["clips.zip"]


def test_names_of_clips_are_safe_and_say_their_unit(make_hits: Callable[..., Hits]) -> None:
    hits = make_hits(clip("ri_1", 20, 45), offset=99)
    assert clip_name(hits, 100, hits.clips[0]) == "100_ri_1_20-45frames.mp4"
    assert clip_name(hits, 1, clip("../x y", 0, 1)) == "001_x_y_0.00-1.00s.mp4"


def test_zip_counts_what_it_cut(hits: Hits, context: ToolContext, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_clips(
        hits, Clips(context), tmp_path / "c.zip", progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_no_hits_and_other_endings_are_refused(
    make_hits: Callable[..., Hits], hits: Hits, context: ToolContext, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="found none"):
        write_clips(make_hits(), Clips(context), tmp_path / "clips.zip")
    with pytest.raises(InputError, match=r"ends in \.zip"):
        write_clips(hits, Clips(context), tmp_path / "clips.mp4")
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".zip", ".mp4", ".part")] == [
        "top.mp4"
    ]
