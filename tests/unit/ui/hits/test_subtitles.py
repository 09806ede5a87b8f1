from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethochat.index.errors import InputError
from ethochat.tools.evidence import ClipRef
from ethochat.ui.hits import Hits
from ethochat.ui.hits.subtitles import _apart, _clock, file_names, srt_of_session, write_srt


def clip(session_id: str, start: float, stop: float, **more: object) -> ClipRef:
    return ClipRef.model_validate({"session_id": session_id, "start_time": start, "stop_time": stop} | more)


def test_overlapping_hits_stand_in_one_subtitle_and_none_lies_on_another(hits: Hits) -> None:
    assert srt_of_session(hits, "oft_1") == (
        "1\n00:00:01,000 --> 00:00:02,000\n#4 (0.25) red · Rearing\n\n"
        "2\n00:00:03,000 --> 00:00:04,000\n#1 (0.91) Rearing · Rearing by anna\n\n"
        "3\n00:00:04,000 --> 00:00:05,000\n#1 (0.91) Rearing · Rearing by anna\n#3 (0.40) Rearing\n\n"
        "4\n00:00:05,000 --> 00:00:06,000\n#3 (0.40) Rearing\n"
    )


def test_tags_and_line_breaks_are_text(make_hits: Callable[..., Hits]) -> None:
    hits = make_hits(clip("oft_1", 0, 1, description="a\n\n<i>b</i> {\\an8}"))
    assert srt_of_session(hits, "oft_1").splitlines()[2] == "#1 a ‹i›b‹/i› (\\an8)"


def test_hit_without_length_is_shown_for_half_a_second(make_hits: Callable[..., Hits]) -> None:
    assert "00:00:04,000 --> 00:00:04,500" in srt_of_session(make_hits(clip("oft_1", 4, 4)), "oft_1")


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "00:00:00,000"),
        (59_999, "00:00:59,999"),
        (3_661_001, "01:01:01,001"),
        (360_000_000, "100:00:00,000"),
    ],
)
def test_times_are_hours_minutes_seconds_and_thousandths(milliseconds: int, text: str) -> None:
    assert _clock(milliseconds) == text


def test_thousandths_are_rounded_once_and_never_a_thousand(make_hits: Callable[..., Hits]) -> None:
    assert "00:00:01,000 --> 00:00:03,000" in srt_of_session(
        make_hits(clip("oft_1", 0.9996, 2.9999)), "oft_1"
    )


def test_frames_are_shown_at_the_time_of_the_video(make_hits: Callable[..., Hits]) -> None:
    assert "00:00:02,000 --> 00:00:04,500" in srt_of_session(make_hits(clip("ri_1", 20, 45)), "ri_1")


def test_one_file_takes_one_session(hits: Hits, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found hits of oft_1, oft_2; name a folder"):
        write_srt(hits, tmp_path / "out" / "hits.srt")
    assert not (tmp_path / "out").exists()


def test_folder_gets_a_file_per_session(hits: Hits, tmp_path: Path) -> None:
    written, notes = write_srt(hits, tmp_path / "srt")
    assert [path.name for path in written] == ["oft_1.srt", "oft_2.srt", "hits.provenance.json"]
    assert written[0].read_text(encoding="utf-8") == srt_of_session(hits, "oft_1")
    assert notes == []


def test_frames_are_said_in_a_note(make_hits: Callable[..., Hits], tmp_path: Path) -> None:
    written, notes = write_srt(make_hits(clip("ri_1", 20, 45)), tmp_path / "ri.srt")
    assert [path.name for path in written] == ["ri.srt", "ri.provenance.json"]
    assert notes == ["Frames of ri_1 were turned into seconds at the frame rate of the video."]


def test_no_hits_write_nothing(make_hits: Callable[..., Hits], tmp_path: Path) -> None:
    assert write_srt(make_hits(), tmp_path / "srt") == ([], [])
    assert not (tmp_path / "srt").exists()


def test_session_ids_become_file_names_that_stay_in_the_folder_and_differ() -> None:
    names = file_names(["../../etc/passwd", "a/b", "a:b", "A_B", "..", "日本"], ".srt")
    assert names == ["etc_passwd.srt", "a_b.srt", "a_b-2.srt", "A_B-3.srt", "session.srt", "日本.srt"]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=12))
def test_every_moment_of_a_hit_is_in_exactly_one_subtitle_that_lists_it(given: list[tuple[int, int]]) -> None:
    shown = [(start, start + length, f"#{rank}") for rank, (start, length) in enumerate(given)]
    pieces = _apart(shown)
    assert all(first[1] <= second[0] for first, second in pairwise(pieces))
    for moment in range(80):
        holding = [lines for start, stop, lines in pieces if start <= moment < stop]
        expected = {name for start, stop, name in shown if start <= moment < stop}
        assert len(holding) == (1 if expected else 0)
        assert set(holding[0] if holding else ()) == expected
