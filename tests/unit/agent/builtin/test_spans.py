"""Stretches of time in whatever words become one window; what is no time stays what it is."""

from __future__ import annotations

from typing import Any

import pytest

from ethochat.agent.builtin.reading import AskBack, Reading
from ethochat.agent.builtin.understand import understand
from ethochat.agent.builtin.vocabulary import Vocabulary

WINDOWS: list[tuple[str, float | None, float | None]] = [
    ("How many times did kim see grooming between minute 2 and 4?", 120.0, 240.0),
    ("Kim's grooming from minute 2 to minute 4", 120.0, 240.0),
    ("Kim's grooming between min 2 and min 4", 120.0, 240.0),
    ("Kim's grooming between minutes 5 and 8", 300.0, 480.0),
    ("Kim's grooming between the 5th and 8th minute", 300.0, 480.0),
    ("Kim's grooming between the second and the sixth minute", 120.0, 360.0),
    ("Kim's grooming, min 5 to 8", 300.0, 480.0),
    ("grooming in min 5-8, kim, per mouse", 300.0, 480.0),
    ("Kim's grooming, 5:00-8:00", 300.0, 480.0),
    ("Kim's grooming between 1:30 and 2:00", 90.0, 120.0),
    ("Kim's grooming (min 0-5)", 0.0, 300.0),
    ("Kim's grooming from second 20 to second 40", 20.0, 40.0),
    ("Kim's grooming between sec 20 and 40", 20.0, 40.0),
    ("Kim's grooming in seconds 20 to 40", 20.0, 40.0),
    ("Kim's grooming from 1 min to 4 min 30 s", 60.0, 270.0),
    ("Kim's grooming between 10 and 40 s", 10.0, 40.0),
    ("Kim's grooming from 0 to 10 min", 0.0, 600.0),
    ("Kim's grooming, 30 s to 2 min", 30.0, 120.0),
    ("Kim's grooming in minutes 1 to 6", 0.0, 360.0),
    ("Kim's grooming in the last 4 min (120-360 s)", 120.0, 360.0),
    ("Kim's grooming after 1:30", 90.0, None),
    ("Kim's grooming after minute 3", 180.0, None),
    ("Kim's grooming until 2:30", 0.0, 150.0),
    ("Kim's grooming before minute 3", 0.0, 180.0),
    ("Kim's grooming excluding the first minute", 60.0, None),
    ("Kim's grooming leaving out the initial two minutes", 120.0, None),
    ("Kim's grooming without the last 30 s", 0.0, -30.0),
    ("Kim's grooming, last 20 s excluded", 0.0, -20.0),
    ("Kim's grooming skipping the first 30 seconds of each recording", 30.0, None),
    ("Kim's grooming in the third minute", 120.0, 180.0),
    ("Kim's grooming after the first 5 minutes", 300.0, None),
]


@pytest.mark.parametrize(("question", "start", "stop"), WINDOWS)
def test_one_window(question: str, start: float | None, stop: float | None, lab: Vocabulary) -> None:
    found = understand(question, lab)
    assert isinstance(found, Reading), found
    assert (found.slots.get("start_s"), found.slots.get("stop_s")) == (start, stop)
    assert found.slots["behaviors"] == ["grooming"]
    assert found.slots["sources"] == ["kim"]
    assert found.slots.get("unit") is None
    assert found.unread == ()


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("Number of kim's grooming bouts of 2 to 4 s", {"min_bout_s": 2.0, "max_bout_s": 4.0, "start_s": None}),
    ("Kim's grooming bouts between 2 and 4 s long", {"min_bout_s": 2.0, "max_bout_s": 4.0, "start_s": None}),
    ("Kim's grooming bouts lasting 2 to 4 s", {"min_bout_s": 2.0, "max_bout_s": 4.0, "start_s": None}),
    ("Kim's grooming from 0 to 10 min in 2-minute bins", {"start_s": 0.0, "stop_s": 600.0, "bin_s": 120.0}),
    ("Kim's grooming per minute, minutes 1 to 6 of the video", {"start_s": 0.0, "stop_s": 360.0, "bin_s": 60.0}),
    ("Mean speed per 10 s", {"bin_s": 10.0, "start_s": None}),
    ("Mean speed excluding the last 20 s for A-102", {"stop_s": -20.0, "subjects": ["A-102"]}),
    ("Distance of the animals with a dose of 1 to 3", {"start_s": None, "stop_s": None}),
    ("Distance between the 2nd and the 6th minute, saline vs psilocybin", {"start_s": 120.0, "groups": ["saline", "psilocybin"]}),
    ("Mean speed in m/min", {"unit": "m/min", "bin_s": None}),
]  # fmt: skip


@pytest.mark.parametrize(("question", "slots"), OTHERS)
def test_time_beside_something_else(question: str, slots: dict[str, Any], lab: Vocabulary) -> None:
    found = understand(question, lab)
    assert isinstance(found, Reading), found
    assert {key: found.slots.get(key) for key in slots} == slots


def test_frames_are_asked_about_where_recordings_have_a_frame_rate(lab: Vocabulary) -> None:
    question = "Kim's grooming between frame 3000 and 6000"
    assert isinstance(understand(question, lab), AskBack)
    lab.in_frames = True
    try:
        found = understand(question, lab)
        after = understand("Kim's grooming after frame 8000", lab)
    finally:
        lab.in_frames = False
    assert isinstance(found, Reading)
    assert (found.slots["start_s"], found.slots["stop_s"]) == (3000.0, 6000.0)
    assert isinstance(after, Reading)
    assert after.slots["start_s"] == 8000.0
