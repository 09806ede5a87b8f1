"""Every wording of time becomes the windows, bins or limits that it means, or is asked about; what is no time stays what it is."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethochat.agent.builtin.phrases import Scanner, canonical
from ethochat.agent.builtin.reading import AskBack, Reading, Refusal
from ethochat.agent.builtin.spans import read_spans, time_left
from ethochat.agent.builtin.understand import understand
from ethochat.agent.builtin.vocabulary import Vocabulary

Ends = tuple[float | None, float | None]
TIMES = ("start_s", "stop_s", "start_part", "stop_part", "bin_s", "windows", "min_bout_s", "max_bout_s")

WINDOWS: list[tuple[str, float | None, float | None]] = [
    # from one point to another, the unit on any side
    ("between minute 2 and 4", 120.0, 240.0),
    ("from minute 2 to minute 4", 120.0, 240.0),
    ("between min 2 and min 4", 120.0, 240.0),
    ("between minutes 5 and 8", 300.0, 480.0),
    ("between the 5th and 8th minute", 300.0, 480.0),
    ("between the second and the sixth minute", 120.0, 360.0),
    ("between 2 and 4 min", 120.0, 240.0),
    ("from 0 to 10 min", 0.0, 600.0),
    ("from 5 until 8 minutes", 300.0, 480.0),
    ("minute 5 through 8", 300.0, 480.0),
    (", min 5 to 8", 300.0, 480.0),
    ("in min 5-8", 300.0, 480.0),
    ("in minutes 5–8", 300.0, 480.0),
    ("minutes from 5 to 8", 300.0, 480.0),
    ("(min 0-5)", 0.0, 300.0),
    ("in min5-8", 300.0, 480.0),
    ("0-5min", 0.0, 300.0),
    ("in minutes 1 to 6", 0.0, 360.0),
    ("from second 20 to second 40", 20.0, 40.0),
    ("between sec 20 and 40", 20.0, 40.0),
    ("in seconds 20 to 40", 20.0, 40.0),
    ("from s 10 to s 30", 10.0, 30.0),
    ("between 10 and 40 s", 10.0, 40.0),
    ("in 30s-60s", 30.0, 60.0),
    (", 30 s to 2 min", 30.0, 120.0),
    ("from 1 min to 4 min 30 s", 60.0, 270.0),
    ("from 4m30s to 6m", 270.0, 360.0),
    ("between 0.5 and 1.5 minutes", 30.0, 90.0),
    ("from two to four minutes", 120.0, 240.0),
    ("in hours 2-3", 7200.0, 10800.0),
    (", 5:00-8:00", 300.0, 480.0),
    ("between 1:30 and 2:00", 90.0, 120.0),
    ("from 0:01:00 to 1:00:00", 60.0, 3600.0),
    ("from the start to 2 min", 0.0, 120.0),
    ("from minute 5 to the end", 300.0, None),
    ("in the last 4 min (120-360 s)", 120.0, 360.0),
    ("in the last 2 minutes before 360 s (240 to 360 s)", 240.0, 360.0),
    ("in the first minute (0-60 s)", 0.0, 60.0),
    ("between t = 60 and t = 120 s", 60.0, 120.0),
    ("in the 5 min before the end", -300.0, None),
    ("between the 1 minute and 3 minute marks", 60.0, 180.0),
    # at the beginning and at the end
    ("in the first 5 min", 0.0, 300.0),
    ("during the initial two minutes", 0.0, 120.0),
    ("in the opening minute", 0.0, 60.0),
    ("in the first 90s of the video", 0.0, 90.0),
    ("over the first five full minutes", 0.0, 300.0),
    ("in the first two and a half minutes", 0.0, 150.0),
    ("in the first half minute", 0.0, 30.0),
    ("in the first 2:30", 0.0, 150.0),
    ("in the first hour", 0.0, 3600.0),
    ("in the first half hour", 0.0, 1800.0),
    ("in the last 30 s", -30.0, None),
    ("during the final 3 min of each recording", -180.0, None),
    ("in the last minute", -60.0, None),
    # minutes by number
    ("in the third minute", 120.0, 180.0),
    ("in the 2nd minute of the test", 60.0, 120.0),
    ("during minute 3", 120.0, 180.0),
    ("in min 1", 0.0, 60.0),
    ("in the second five minutes", 300.0, 600.0),
    # open at one end
    ("after 1:30", 90.0, None),
    ("after minute 3", 180.0, None),
    ("after the first 5 minutes", 300.0, None),
    ("after the third minute", 180.0, None),
    ("after a minute", 60.0, None),
    ("from minute 5 on", 300.0, None),
    ("from 5 min onwards", 300.0, None),
    ("starting at 2 min", 120.0, None),
    ("beyond the first minute", 60.0, None),
    ("until 2:30", 0.0, 150.0),
    ("up to minute 3", 0.0, 180.0),
    ("before minute 3", 0.0, 180.0),
    ("before the third minute", 0.0, 120.0),
    ("before the last minute", 0.0, -60.0),
    ("after 1 min and before 3 min", 60.0, 180.0),
    ("until the end of minute 3", 0.0, 180.0),
    ("from the start of minute 3 on", 120.0, None),
    ("up to 5 minutes into the test", 0.0, 300.0),
    ("after the 2 minute mark", 120.0, None),
    # left out
    ("excluding the first minute", 60.0, None),
    ("leaving out the initial two minutes", 120.0, None),
    ("without the last 30 s", 0.0, -30.0),
    ("except the last 20 s", 0.0, -20.0),
    (", skip the first 30 s of each session", 30.0, None),
    (", last 20 s excluded", 0.0, -20.0),
    ("in all but the first minute", 60.0, None),
    ("not counting the first 2 minutes", 120.0, None),
    ("excluding minutes 0-2", 120.0, None),
    (", ignoring everything after 5 min", 0.0, 300.0),
    (", discarding everything before minute 2", 120.0, None),
    ("excluding data after 300 s", 0.0, 300.0),
    ("with the first 2 min removed", 120.0, None),
    ("excluding the first and last minute", 60.0, -60.0),
    ("without the first 30 s and the last 10 s", 30.0, -10.0),
    ("in the first 5 min, excluding the first 30 s", 30.0, 300.0),
]  # fmt: skip


@pytest.mark.parametrize(("wording", "start", "stop"), WINDOWS)
def test_one_window(wording: str, start: float | None, stop: float | None, lab: Vocabulary) -> None:
    found = understand(f"Kim's grooming {wording}", lab)
    assert isinstance(found, Reading), found
    assert (found.slots.get("start_s"), found.slots.get("stop_s")) == (start, stop)
    assert not {"windows", "bin_s", "min_bout_s"} & set(found.slots)
    assert (found.slots["behaviors"], found.slots["sources"]) == (["grooming"], ["kim"])
    assert found.slots.get("unit") is None
    assert found.unread == ()


PARTS: list[tuple[str, float | None, float | None]] = [
    ("in the first half", None, 0.5),
    ("in the second half of each session", 0.5, None),
    ("during the latter half of the test", 0.5, None),
    ("in the 2nd half of T_1", 0.5, None),
    ("in the last third of the recording", 2 / 3, None),
    ("in the middle third", 1 / 3, 2 / 3),
    ("in the second quarter", 0.25, 0.5),
    ("in the first 10 % of the session", None, 0.1),
    ("in the last 20 percent of the recording", 0.8, None),
    ("after the first half", 0.5, None),
    ("before the last quarter", None, 0.75),
    ("excluding the first third", 1 / 3, None),
]


@pytest.mark.parametrize(("wording", "start", "stop"), PARTS)
def test_share_of_each_session(
    wording: str, start: float | None, stop: float | None, lab: Vocabulary
) -> None:
    found = understand(f"Kim's grooming {wording}", lab)
    assert isinstance(found, Reading), found
    assert (found.slots.get("start_part"), found.slots.get("stop_part")) == (start, pytest.approx(stop))
    assert found.slots.get("start_s") is None
    assert found.slots.get("measure") == "total_duration"


SIDE_BY_SIDE: list[tuple[str, list[Ends]]] = [
    ("in the first and the last 5 minutes", [(0.0, 300.0), (-300.0, None)]),
    ("in the first 5 and the last 5 minutes", [(0.0, 300.0), (-300.0, None)]),
    ("in the first minute vs the last minute", [(0.0, 60.0), (-60.0, None)]),
    ("in minute 5 and minute 10", [(240.0, 300.0), (540.0, 600.0)]),
    ("in minutes 1, 5 and 10", [(0.0, 60.0), (240.0, 300.0), (540.0, 600.0)]),
    ("in the first 300 s / last 300 s", [(0.0, 300.0), (-300.0, None)]),
    ("in the last 5 minutes and in the first 5", [(-300.0, None), (0.0, 300.0)]),
    ("in the first 2 minutes and the rest of the session", [(0.0, 120.0), (120.0, None)]),
    ("changes from minute 1 to minute 10", [(0.0, 60.0), (540.0, 600.0)]),
    ("in 0-60 s and 120-180 s", [(0.0, 60.0), (120.0, 180.0)]),
    ("in 0-2 and 5-10 min", [(0.0, 120.0), (300.0, 600.0)]),
    ("in the 1st and 3rd minute", [(0.0, 60.0), (120.0, 180.0)]),
    ("in the first minute and in the rest of the session", [(0.0, 60.0), (60.0, None)]),
    ("in the first minute, the third minute and the last 30 s", [(0.0, 60.0), (120.0, 180.0), (-30.0, None)]),
]


@pytest.mark.parametrize(("wording", "windows"), SIDE_BY_SIDE)
def test_windows_side_by_side(wording: str, windows: list[Ends], lab: Vocabulary) -> None:
    found = understand(f"Kim's grooming {wording}", lab)
    assert isinstance(found, Reading), found
    assert [(item["start_s"], item["stop_s"]) for item in found.slots["windows"]] == windows
    assert found.slots.get("start_s") is None
    assert found.unread == ()


@pytest.mark.parametrize(
    "wording",
    ["in the first and second half", "in each half of the session", "in both halves", "in the two halves of the session", "by half"],
)  # fmt: skip
def test_halves_side_by_side(wording: str, lab: Vocabulary) -> None:
    found = understand(f"Kim's grooming {wording}", lab)
    assert isinstance(found, Reading), found
    assert found.slots["windows"] == [
        {"start_part": None, "stop_part": 0.5},
        {"start_part": 0.5, "stop_part": None},
    ]


BINS: list[tuple[str, float, float | None, float | None]] = [
    ("in 2-minute bins", 120.0, None, None),
    ("in 5 min blocks", 300.0, None, None),
    ("in bins of 60 s", 60.0, None, None),
    ("in minute bins", 60.0, None, None),
    ("by minute", 60.0, None, None),
    ("in each minute from 1 to 5", 60.0, 0.0, 300.0),
    ("every 30 s", 30.0, None, None),
    ("per 10 s", 10.0, None, None),
    ("in each 20 s of the first minute", 20.0, 0.0, 60.0),
    ("in each of the first 3 minutes", 60.0, 0.0, 180.0),
    ("in 5 bins of 1 min", 60.0, 0.0, 300.0),
    ("in two 5-min epochs", 300.0, 0.0, 600.0),
    ("from 0 to 10 min in 2-minute bins", 120.0, 0.0, 600.0),
    ("in 30 s bins between 1:00 and 3:30", 30.0, 60.0, 210.0),
    ("in 1 min bins in the last 5 min", 60.0, -300.0, None),
    ("in minutes 1, 2 and 3", 60.0, 0.0, 180.0),
    ("per minute, minutes 1 to 6 of the video", 60.0, 0.0, 360.0),
    ("in the first, second and third minute", 60.0, 0.0, 180.0),
    ("in minutes 1-5 and 6-10", 300.0, 0.0, 600.0),
    ("in the first 60 s and in the next 60 s", 60.0, 0.0, 120.0),
    ("in the first five minutes (0-300 s) and the second five minutes (300-600 s)", 300.0, 0.0, 600.0),
]


@pytest.mark.parametrize(("wording", "width", "start", "stop"), BINS)
def test_bins(wording: str, width: float, start: float | None, stop: float | None, lab: Vocabulary) -> None:
    found = understand(f"Kim's grooming {wording}", lab)
    assert isinstance(found, Reading), found
    assert (found.slots["bin_s"], found.slots.get("start_s"), found.slots.get("stop_s")) == (
        width,
        start,
        stop,
    )
    assert found.unread == ()


@pytest.mark.parametrize(
    "wording",
    [
        "in the first few minutes", "in the last couple of minutes", "early in the session", "at the end of the session", "excluding minutes 2-4",
        "in the first 5 minutes after minute 2", "in the first half of the bouts", "excluding the first minute and T_1", "at 2:30", "after half", "in the first 2-3 minutes", "in [0, 300] s", "every other minute", "hourly",
        "between 5 and 10", "for a few minutes",
        "in the first 2 min and the last 2 min in 30 s bins", "in bouts longer than half a minute", "between minute 4 and 2", "in 30 s", "in three quarters of the session",
        "in the first 20 s and between frame 100 and 200", "in bouts between 2 and 4 s",
    ],
)  # fmt: skip
def test_time_that_is_no_window_is_asked_about(wording: str, lab: Vocabulary) -> None:
    assert isinstance(understand(f"Kim's grooming {wording}", lab), AskBack)


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("Number of kim's grooming bouts of 2 to 4 s", {"min_bout_s": 2.0, "max_bout_s": 4.0, "start_s": None}),
    ("Kim's grooming bouts between 2 and 4 s long", {"min_bout_s": 2.0, "max_bout_s": 4.0, "start_s": None}),
    ("Kim's grooming bouts lasting 2 to 4 s", {"min_bout_s": 2.0, "max_bout_s": 4.0, "start_s": None}),
    ("Number of kim's grooming bouts between 100 and 400 seconds", {"start_s": 100.0, "stop_s": 400.0}),
    ("Number of kim's grooming bouts longer than 3 s in the first 2 min", {"min_bout_s": 3.0, "stop_s": 120.0}),
    ("Which animals groomed more than 20 s in the first 5 min (kim)?", {"keep_value": 20.0, "stop_s": 300.0}),
    ("Where is kim's grooming followed by a wall rear within 2 s?", {"within_s": 2.0, "start_s": None}),
    ("Mean speed excluding the last 20 s for A-102", {"stop_s": -20.0, "subjects": ["A-102"]}),
    ("Distance excluding T_1 and the first minute", {"start_s": 60.0, "sessions": None}),
    ("Distance of the animals with a dose of 1 to 3", {"start_s": None, "stop_s": None}),
    ("Distance by dose 0 to 3 in the first minute", {"start_s": 0.0, "stop_s": 60.0}),
    ("Distance between the 2nd and the 6th minute, saline vs psilocybin", {"start_s": 120.0, "groups": ["saline", "psilocybin"]}),
    ("Distance of T_12 on 2025-03-07 in min 5-8", {"start_s": 300.0, "stop_s": 480.0, "sessions": ["T_12"]}),
    ("Does the distance drop in the first minute, saline vs psilocybin?", {"start_s": 0.0, "stop_s": 60.0}),
    ("Did the distance drop after 5 min, saline vs psilocybin?", {"start_s": 300.0, "stop_s": None}),
    ("Which animals did not groom in T_1, first 5 min (kim)?", {"start_s": 0.0, "stop_s": 300.0}),
    ("Which animals did not groom in the first 5 min (kim)?", {"start_s": 0.0, "stop_s": 300.0}),
    ("Distance, but not in the first minute", {"start_s": 60.0, "stop_s": None}),
    ("Mean speed in m/min", {"unit": "m/min", "bin_s": None}),
    ("How many minutes did T_1 groom (kim)?", {"unit": "min", "start_s": None}),
    ("When was the last grooming bout of T_1 over (kim)?", {"measure": "last_end", "start_s": None}),
    ("When does the first wall rear of T_1 start (kim)?", {"measure": "latency", "start_s": None}),
    ("Is the distance different between the first and the second half?", {"group_column": "window", "bin_s": None}),
    ("Does the distance decrease from the first to the second minute?", {"group_column": "window", "bin_s": None, "start_s": None}),
    ("Compare the distance in the first 5 min with the next 5 min between treatments", {"group_column": "treatment", "bin_s": None}),
    ("Does the distance change across the quarters of the session?", {"group_column": "window"}),
]  # fmt: skip


@pytest.mark.parametrize(("question", "slots"), OTHERS)
def test_time_beside_something_else(question: str, slots: dict[str, Any], lab: Vocabulary) -> None:
    found = understand(question, lab)
    assert isinstance(found, Reading), found
    assert {key: found.slots.get(key) for key in slots} == slots


# ----------------------------------------------------------------- frames
def test_frames_are_asked_about_where_recordings_have_a_frame_rate(lab: Vocabulary) -> None:
    assert isinstance(understand("Kim's grooming between frame 3000 and 6000", lab), AskBack)


@pytest.mark.parametrize(
    ("wording", "start", "stop"),
    [
        ("between frame 3000 and 6000", 3000.0, 6000.0),
        ("after frame 8000", 8000.0, None),
        ("in frames 1-3000", 1.0, 3000.0),
        ("in the last 500 frames", -500.0, None),
        ("frames from 2000 to 4000", 2000.0, 4000.0),
    ],
)
def test_frames_where_recordings_count_in_frames(
    wording: str, start: float | None, stop: float | None, lab: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab, "in_frames", True)
    found = understand(f"Kim's grooming {wording}", lab)
    assert isinstance(found, Reading), found
    assert (found.slots.get("start_s"), found.slots.get("stop_s")) == (start, stop)


def test_seconds_are_refused_where_recordings_count_in_frames(
    lab: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab, "in_frames", True)
    assert isinstance(understand("Kim's grooming in the first 60 s", lab), Refusal)


# ----------------------------------------------------------------- a window replaces the one before
def test_window_of_a_turn_replaces_the_one_before(lab: Vocabulary) -> None:
    before = understand("Kim's grooming between 1 and 3 min", lab)
    assert isinstance(before, Reading)
    for question, own in (
        ("And after minute 5?", {"start_s": 300.0}),
        ("And in the second half?", {"start_part": 0.5}),
        ("And in the first 10 %?", {"stop_part": 0.1}),
    ):
        found = understand(question, lab, before)
        assert isinstance(found, Reading)
        assert {key: found.slots[key] for key in TIMES if found.slots.get(key)} == own
        assert found.slots["behaviors"] == ["grooming"]


# ----------------------------------------------------------------- properties
UNITS = {"s": 1, "sec": 1, "seconds": 1, "min": 60, "minutes": 60, "mins": 60, "h": 3600, "hours": 3600}


@given(
    low=st.integers(0, 50),
    width=st.integers(1, 50),
    unit=st.sampled_from(sorted(UNITS)),
    form=st.integers(0, 5),
)
def test_any_range_is_read_exactly(low: int, width: int, unit: str, form: int) -> None:
    high = low + width
    said = (
        f"between {low} and {high} {unit}", f"from {low} {unit} to {high} {unit}", f"({low}-{high} {unit})", f"from {low}{unit} until {high}{unit}",
        f"in the {low} {unit} to {high} {unit} of the test", f"from {low} to {high} {unit}",
    )[form]  # fmt: skip
    scan = Scanner(canonical(f"distance {said}"))
    read_spans(scan)
    assert (scan.slots["start_s"], scan.slots["stop_s"]) == (low * UNITS[unit], high * UNITS[unit])
    assert time_left(scan) is None


_BEFORE = ("in the first", "during the last", "after the first", "excluding the first", "until", "after", "before", "every", "in each", "between 1 and", "from 1 to", "in the second", "past", "over", "for")  # fmt: skip
_AMOUNTS = ("5 min", "two minutes", "30 s", "90s", "1 min 30 s", "2:30", "minute 3", "half a minute", "few minutes", "3rd minute", "5-min block", "10 %")  # fmt: skip


@pytest.mark.parametrize(("before", "amount"), list(product(_BEFORE, _AMOUNTS)))
def test_no_time_is_silently_dropped(before: str, amount: str, lab: Vocabulary) -> None:
    found = understand(f"Kim's grooming {before} {amount}", lab)
    timed = isinstance(found, Reading) and any(found.slots.get(key) is not None for key in TIMES)
    assert timed or not isinstance(found, Reading), found
