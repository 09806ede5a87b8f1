from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ethochat.index.errors import InputError
from ethochat.tools.evidence import ClipRef, Evidence, Value
from ethochat.ui.hits import Hits, provenance
from ethochat.ui.hits.found import behavior_name, metadata_words, seconds_per_unit, total_of, write_bytes


def clip(session_id: str, start: float, stop: float) -> ClipRef:
    return ClipRef(session_id=session_id, start_time=start, stop_time=stop)


def test_hits_know_the_animal_and_the_metadata_of_their_session(hits: Hits) -> None:
    assert [hits.subject_of(item) for item in hits.clips] == ["m1", "m2", "m1", "m1"]
    assert hits.metadata_of(hits.clips[0]) == {"group": "drug"}
    assert metadata_words(hits, hits.clips[1]) == "drug"
    assert [rank for rank, _ in hits.by_session()["oft_1"]] == [4, 1, 3]


def test_ranks_go_on_where_hits_were_skipped(make_hits: Callable[..., Hits]) -> None:
    hits = make_hits(clip("oft_1", 0, 1), clip("oft_1", 2, 3), offset=10, n_total=40)
    assert [rank for rank, _ in hits.ranked()] == [11, 12]


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([Value(name="event_count", value=57.0), Value(name="event_count", value=3.0, session_id="s1")], 57),
        ([Value(name="session_count", value=4.0, n=12)], 4),
        ([Value(name="event_count", value=3.0, session_id="s1")], None),
        ([Value(name="event_count", value=3.0, group={"individual": "red"})], None),
        ([], None),
    ],
)
def test_events_in_all_are_those_that_the_search_counted(values: list[Value], total: int | None) -> None:
    assert total_of(Evidence(evidence_id="", tool="search_segments", values=values)) == total


def test_list_goes_as_far_as_the_search_found_and_never_less_than_shown(
    make_hits: Callable[..., Hits],
) -> None:
    assert make_hits(clip("oft_1", 0, 1), n_rows=40).n_listed == 40
    assert make_hits(clip("oft_1", 0, 1), offset=7).n_listed == 8
    hits = make_hits(clip("oft_1", 0, 1), clip("oft_1", 2, 3), offset=10)
    assert (hits.first_rank, hits.last_rank) == (11, 12)


def test_lists_say_themselves_how_many_hits_they_show(make_hits: Callable[..., Hits]) -> None:
    hits = make_hits(flags=["Hits 1 to 3 of 56 are given.", "Hits are few."])
    assert hits.told == ["Hits are few."]


def test_provenance_says_how_the_hits_were_found(hits: Hits) -> None:
    said = provenance(hits)
    assert json.loads(json.dumps(said)) == said
    assert (said["query"], said["n_hits"], said["n_total"]) == ("rearing", 4, 7)
    assert said["arguments"] == {"query": "rearing"}
    assert said["made_at"] == "2026-03-01T12:30:05+00:00"
    assert said["flags"] == ["Nobody looked at the pixels."]


def test_seconds_are_seconds(hits: Hits) -> None:
    assert seconds_per_unit(hits) == ({"oft_1": 1.0, "oft_2": 1.0}, [])


def test_frames_become_seconds_at_the_rate_of_the_video_and_it_is_said(
    make_hits: Callable[..., Hits],
) -> None:
    lasting, notes = seconds_per_unit(make_hits(clip("ri_1", 20, 45)))
    assert lasting == {"ri_1": pytest.approx(0.1)}  # the video has 10 frames per second
    assert notes == ["Frames of ri_1 were turned into seconds at the frame rate of the video."]


def test_frames_without_a_video_are_refused_by_name(make_hits: Callable[..., Hits]) -> None:
    hits = make_hits(clip("ri_1", 20, 45))
    hits.sessions["ri_1"]["video"] = None  # type: ignore[index]
    with pytest.raises(InputError, match="the frame rate of ri_1 is not documented"):
        seconds_per_unit(hits)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({}, "running away"),
        ({"behaviors": ["Rearing"]}, "running away"),
        ({"behaviors": ["Rearing"], "query": ""}, "Rearing"),
        ({"query": "", "behaviors": ["a", "b"]}, "typed text"),
    ],
)
def test_behavior_is_named_by_what_was_searched_for(
    make_hits: Callable[..., Hits], arguments: dict[str, object], name: str
) -> None:
    hits = make_hits(query="typed text")
    object.__setattr__(hits, "arguments", {"query": "running  away"} | arguments)
    assert behavior_name(hits) == name


def test_file_that_cannot_be_written_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="Expected a file that can be written"):
        write_bytes(tmp_path / "folder", b"x")
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []
