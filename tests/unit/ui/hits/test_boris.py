"""What BORIS reads: checked against the rules of its own loader (project format 7.0)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ethochat.index.errors import InputError
from ethochat.tools.evidence import ClipRef
from ethochat.ui.hits import Hits
from ethochat.ui.hits.boris import _points, csv_of_events, project_of, state_events, write_boris

HEADER = (
    "Observation id,Observation date,Description,Observation duration,Observation type,Source,Time offset (s),Media duration (s),FPS,"
    "group,Subject,Behavior,Behavioral category,Behavior type,Time,Media file name,Image index,Image file path,Comment"
)


def clip(session_id: str, start: float, stop: float, **more: object) -> ClipRef:
    return ClipRef.model_validate({"session_id": session_id, "start_time": start, "stop_time": stop} | more)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# ----------------------------------------------------------------- events
def test_overlapping_hits_of_an_animal_are_one_state(hits: Hits) -> None:
    events = [(event.session_id, event.subject, event.start, event.stop) for event in state_events(hits)]
    assert events == [("oft_1", "red", 1.0, 2.0), ("oft_1", "m1", 3.0, 6.0), ("oft_2", "m2", 2.0, 3.5)]


def test_comment_names_all_hits_behind_a_state(hits: Hits) -> None:
    comment = state_events(hits)[1].comment
    assert comment == "hit 1; score 0.910; Rearing; Rearing by anna | hit 3; score 0.400; Rearing"


def test_two_animals_of_a_session_are_two_states(make_hits: Callable[..., Hits]) -> None:
    hits = make_hits(clip("oft_1", 1, 3, individual="red"), clip("oft_1", 2, 4, individual="blue"))
    assert [(event.subject, event.start) for event in state_events(hits)] == [("red", 1.0), ("blue", 2.0)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10), st.sampled_from(["red", "blue"])), max_size=12)
)
def test_starts_and_stops_of_each_animal_take_turns_as_boris_counts_them(
    make_hits: Callable[..., Hits], spans: list[tuple[int, int, str]]
) -> None:
    hits = make_hits(*(clip("oft_1", start, start + length, individual=who) for start, length, who in spans))
    for subject in ("red", "blue"):
        kinds = [kind for _, kind, event in _points(state_events(hits)) if event.subject == subject]
        assert kinds == ["START", "STOP"] * (len(kinds) // 2)
    times = [time for time, _, _ in _points(state_events(hits))]
    assert times == sorted(times)


# ----------------------------------------------------------------- tabular events
def test_tabular_events_have_the_columns_of_boris(hits: Hits) -> None:
    video = hits.video_of("oft_1")
    lines = csv_of_events(hits).splitlines()
    assert lines[0] == HEADER
    about = "2026-03-01 12:30:05,Hits of a search by ethochat: rearing,10.000"
    head = f"oft_1,{about},Media file(s),player #1:{video},0.0,10.000,10.000,drug"
    assert lines[1] == f"{head},red,rearing,,START,1.000,{video},NA,NA,hit 4; score 0.250; Rearing"
    assert lines[2] == f"{head},red,rearing,,STOP,2.000,{video},NA,NA,hit 4; score 0.250; Rearing"
    assert lines[5].startswith(
        f"oft_2,{about},Live observation,NA,0.0,NA,NA,drug,m2,rearing,,START,2.000,NA,NA,NA,"
    )
    assert len(lines) == 7


def test_tabs_separate_where_the_file_says_so(hits: Hits, tmp_path: Path) -> None:
    (path, about), _ = write_boris(hits, tmp_path / "hits.tsv")
    assert path.read_text(encoding="utf-8").splitlines()[0] == HEADER.replace(",", "\t")
    assert json.loads(about.read_text(encoding="utf-8"))["query"] == "rearing"


def test_times_of_frames_are_seconds_of_the_video(make_hits: Callable[..., Hits], tmp_path: Path) -> None:
    written, notes = write_boris(make_hits(clip("ri_1", 20, 45)), tmp_path / "ri.csv")
    assert [row["Time"] for row in rows_of(written[0].read_text(encoding="utf-8"))] == ["2.000", "4.500"]
    assert notes == ["Frames of ri_1 were turned into seconds at the frame rate of the video."]


def test_behavior_is_named_by_the_search_and_holds_no_bar(make_hits: Callable[..., Hits]) -> None:
    row = rows_of(csv_of_events(make_hits(clip("oft_1", 0, 1), query="up | down")))[0]
    assert row["Behavior"] == "up / down"


# ----------------------------------------------------------------- a project
@pytest.fixture
def project(hits: Hits, tmp_path: Path) -> dict[str, Any]:
    written, notes = write_boris(hits, tmp_path / "hits.boris")
    assert (len(written), notes) == (1, [])
    loaded: dict[str, Any] = json.loads(written[0].read_text(encoding="utf-8"))
    return loaded


def test_project_has_all_that_boris_looks_for(project: dict[str, Any]) -> None:
    assert project["project_format_version"] == "7.0"
    assert [item["code"] for item in project["behaviors_conf"].values()] == ["rearing"]
    assert project["behaviors_conf"]["0"]["type"] == "State event"
    assert [item["name"] for item in project["subjects_conf"].values()] == ["m1", "m2", "red"]
    assert [item["label"] for item in project["independent_variables"].values()] == ["group"]
    assert {"coding_map", "behaviors_coding_map", "behavioral_categories", "converters"} <= set(project)
    assert '"query": "rearing"' in project["project_description"]


def test_session_is_an_observation_of_its_video(project: dict[str, Any], hits: Hits) -> None:
    seen = project["observations"]["oft_1"]
    video = str(hits.video_of("oft_1"))
    assert (seen["type"], seen["file"]["1"]) == ("MEDIA", [video])
    assert seen["media_info"]["length"] == {video: 10.0}
    assert seen["media_info"]["fps"] == {video: 10.0}
    assert seen["independent_variables"] == {"group": "drug"}
    assert [event[:4] for event in seen["events"]] == [
        [1.0, "red", "rearing", ""],
        [2.0, "red", "rearing", ""],
        [3.0, "m1", "rearing", ""],
        [6.0, "m1", "rearing", ""],
    ]


def test_session_without_video_is_a_live_observation(project: dict[str, Any]) -> None:
    seen = project["observations"]["oft_2"]
    assert (seen["type"], seen["file"]["1"]) == ("LIVE", [])
    assert len(seen["events"]) == 2


def test_no_hits_are_a_project_without_observations(make_hits: Callable[..., Hits]) -> None:
    assert project_of(make_hits())["observations"] == {}


@pytest.mark.parametrize("name", ["hits.txt", "hits"])
def test_other_endings_are_refused(hits: Hits, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"ends in \.boris"):
        write_boris(hits, tmp_path / "out" / name)
    assert not (tmp_path / "out").exists()
