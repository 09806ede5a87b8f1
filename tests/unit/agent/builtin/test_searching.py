"""A search text splits into where to look and what is described; only descriptions become searches; "more like the second one"."""

from __future__ import annotations

import dataclasses

import pytest

from ethochat.agent.builtin.phrases import canonical
from ethochat.agent.builtin.reading import Reading
from ethochat.agent.builtin.searching import like_before, search_arguments
from ethochat.agent.builtin.understand import understand
from ethochat.agent.builtin.vocabulary import Vocabulary
from ethochat.tools.evidence import ClipRef
from ethochat.tools.searching.lexicon import Concept, Lexicon


@pytest.fixture(scope="module")
def words(lab) -> Vocabulary:
    """The lab, with what descriptions may name there; walls are known to the rules."""
    lexicon = Lexicon()
    for name in lab.behaviors:
        lexicon.add(name, Concept(label=name, behaviors=(name,)), tier=0)
    lexicon.add("rearing", Concept(label="rearing", behaviors=("wall rear", "free rear")), tier=1)
    lexicon.add("along the wall", Concept(label="wall-hugging", behaviors=("wall-hugging",)), tier=0)
    for name in lab.zones:
        lexicon.add(name, Concept(label=name, zones=(name,)), tier=0)
    return dataclasses.replace(lab, lexicon=lexicon)


FEMALES = [{"column": "sex", "op": "in", "value": ["female"]}]
SALINE = [{"column": "treatment", "op": "in", "value": ["saline"]}]


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("running faster than 20 cm/s in the center, only females, first 3 min",
         {"query": "running faster than 20 cm/s in the center", "where": FEMALES, "start_s": 0.0, "stop_s": 180.0}),
        ("Show me clips of grooming in saline mice", {"query": "grooming", "where": SALINE}),
        ("find every moment when T_2 is grooming", {"query": "grooming", "sessions": ["T_2"]}),
        ("grooming scored by Kim", {"query": "grooming", "sources": ["kim"]}),
        ("grooming for more than 10 s", {"query": "grooming for more than 10 s"}),
        ("grooming for more than 10 s in the last 2 minutes", {"query": "grooming for more than 10 s", "start_s": -120.0}),
        ("rearing followed by grooming within 10 s between minute 2 and 4",
         {"query": "rearing followed by grooming within 10 s", "start_s": 120.0, "stop_s": 240.0}),
        ("females: grooming in the second half", {"query": "grooming", "where": FEMALES, "start_part": 0.5}),
        ("similar to T_1 at 12.5 s", {"like": [{"session_id": "T_1", "time": 12.5}]}),
        ("moments like the grooming of T_1 at 12.5 s in other sessions",
         {"like": [{"session_id": "T_1", "time": 12.5}], "other_sessions": True, "behaviors": ["grooming"]}),
    ],
)  # fmt: skip
def test_where_to_look_is_told_from_what_is_described(words, text, arguments):
    found = search_arguments(canonical(text), words)
    assert {key: value for key, value in found.items() if value is not None} == arguments


def test_animals_left_out_are_a_filter(words):
    found = search_arguments("running in the center, not saline", words)
    assert found["query"] == "running in the center"
    assert found["where"] == [{"column": "treatment", "op": "in", "value": ["psilocybin"]}]


@pytest.mark.parametrize(
    "text",
    [
        "Where does the mouse run but not along the wall?",
        "Find clips of running faster than 25 cm/s",
        "Show me where the mouse is running along the wall",
        "Find moments when a saline mouse enters the center and then grooms",
        "mouse grooms for more than ten seconds",
        "a mouse running along the wall",
    ],
)
def test_a_description_is_searched_for(words, text):
    reading = understand(text, words)
    assert isinstance(reading, Reading)
    assert reading.intent == "search"
    assert reading.slots["query"]


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Show the longest grooming bouts of Kim", "clips"),
        ("How much time do the mice spend grooming in the center?", "measure"),
        ("Compare running between treatments", "compare"),
        ("grooming time in the first minute by Kim", "measure"),
        ("How many grooming bouts longer than 5 s did Kim score?", "measure"),
        ("Show grooming scored by Kim that lasts longer than 8 s", "clips"),
    ],
)
def test_numbers_and_plain_lists_of_bouts_stay_what_they_are(words, text, intent):
    reading = understand(text, words)
    assert isinstance(reading, Reading)
    assert reading.intent == intent


@pytest.mark.parametrize(
    ("text", "measure", "intent"),
    [
        ("how many of them per treatment?", "event_count", "measure"),
        ("compare that between treatments", "event_count", "compare"),
        ("how long do they last in each session?", "event_duration", "measure"),
        ("and per minute?", "event_rate", "measure"),
    ],
)
def test_what_was_searched_can_be_counted_and_compared(words, text, measure, intent):
    before = understand("Where does the mouse run but not along the wall?", words)
    assert isinstance(before, Reading)
    reading = understand(text, words, before)
    assert isinstance(reading, Reading)
    assert (reading.intent, reading.slots["measure"]) == (intent, measure)
    assert reading.slots["described"] == before.slots["query"]


def test_a_new_question_after_a_search_is_not_about_its_events(words):
    before = understand("Where does the mouse run but not along the wall?", words)
    reading = understand("How many grooming bouts did Kim score?", words, before)
    assert isinstance(reading, Reading)
    assert reading.slots["measure"] == "bout_count"
    assert "described" not in reading.slots


CLIPS = [
    ClipRef(session_id="T_1", start_time=2.0, stop_time=4.0),
    ClipRef(session_id="T_2", start_time=10.0, stop_time=11.0, individual="red"),
    ClipRef(session_id="T_12", start_time=0.0, stop_time=1.0),
]


@pytest.mark.parametrize(
    ("question", "moments"),
    [
        ("more like the second one", [("T_2", 10.5)]),
        ("show me more like that", [("T_1", 3.0)]),
        ("find others similar to the last clip", [("T_12", 0.5)]),
        ("more like these", [("T_1", 3.0), ("T_2", 10.5), ("T_12", 0.5)]),
    ],
)
def test_more_like_clips_of_the_answer_before(question, moments):
    call = like_before(question, CLIPS)
    assert call is not None
    assert [(item["session_id"], item["time"]) for item in call[1]["like"]] == moments
    assert "other_sessions" not in call[1]


def test_other_sessions_can_be_asked_for():
    call = like_before("more like the first one from other sessions", CLIPS)
    assert call is not None
    assert call[1]["other_sessions"] is True


@pytest.mark.parametrize(
    "question", ["how does it look like?", "grooming in the corner", "more like the ninth one"]
)
def test_no_clip_is_meant(question):
    assert like_before(question, CLIPS) is None


def test_nothing_is_like_clips_that_nobody_showed():
    assert like_before("more like that", []) is None


@pytest.mark.parametrize(
    ("text", "query", "where"),
    [
        (
            "running in the center at dose 3",
            "running in the center",
            [{"column": "dose", "op": "==", "value": 3.0}],
        ),
        ("running of control mice", "running of mice", SALINE),
    ],
)
def test_numbers_of_columns_and_controls_are_filters(words, text, query, where):
    found = search_arguments(canonical(text), words)
    assert found["query"] == query
    assert [item["column"] for item in found["where"]] == [item["column"] for item in where]
    assert [item["value"] for item in found["where"]] == [item["value"] for item in where]


def test_a_search_is_narrowed_by_what_is_said_next(words):
    before = understand("Where does the mouse run but not along the wall?", words)
    assert isinstance(before, Reading)
    females = understand("only females", words, before)
    assert isinstance(females, Reading)
    assert (females.intent, females.slots["query"]) == ("search", before.slots["query"])
    assert females.slots["where"] == FEMALES
    centered = understand("without the center", words, females)
    assert isinstance(centered, Reading)
    assert centered.slots["query"] == f"{before.slots['query']}, without the center"
    assert centered.slots["where"] == FEMALES


@pytest.mark.parametrize("text", ["compare the treatments", "how many of those per treatment?"])
def test_clips_are_counted_with_the_limits_they_were_chosen_by(words, text):
    before = understand("Show grooming scored by Kim that lasts longer than 8 s", words)
    assert isinstance(before, Reading)
    assert before.intent == "clips"
    reading = understand(text, words, before)
    assert isinstance(reading, Reading)
    assert reading.slots["measure"] == "bout_count"
    assert (reading.slots["min_bout_s"], reading.slots["behaviors"], reading.slots["sources"]) == (
        8.0,
        ["grooming"],
        ["kim"],
    )


@pytest.mark.parametrize(
    "text",
    [
        "In which treatment do mice run more?",
        "During the first minute, how much do the mice groom, Kim?",
        "At least how many bouts did Kim score?",
    ],
)
def test_a_question_that_begins_like_a_narrowing_is_a_question(words, text):
    before = understand("Where does the mouse run but not along the wall?", words)
    assert isinstance(before, Reading)
    reading = understand(text, words, before)
    assert not (isinstance(reading, Reading) and reading.intent == "search")


def test_less_like_a_clip_goes_on_with_the_search_before(words):
    before = understand("Where does the mouse run but not along the wall?", words)
    assert isinstance(before, Reading)
    call = like_before("less like the second one", CLIPS, before)
    assert call is not None
    assert call[1]["query"] == before.slots["query"]
    assert call[1]["unlike"] == [{"session_id": "T_2", "time": 10.5, "individual": "red"}]
    assert "like" not in call[1]


def test_less_like_a_clip_says_nothing_without_a_search_before():
    assert like_before("less like the second one", CLIPS) is None


@pytest.mark.parametrize(
    "question",
    [
        "Find grooming like those of saline mice",
        "does it look like that session was short?",
        "what is the first one?",
    ],
)
def test_likeness_in_passing_points_at_no_clip(question):
    assert like_before(question, CLIPS) is None
