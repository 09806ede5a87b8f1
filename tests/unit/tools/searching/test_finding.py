"""Words and arguments of a call become one query; the tables decide it, or likeness where they cannot."""

from __future__ import annotations

import dataclasses

import pytest

from ethochat.index.errors import StaleIndexError
from ethochat.index.store.base import Hit
from ethochat.tools.arguments import SearchArguments
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.searching.events import Evaluator
from ethochat.tools.searching.finding import find, understand_query
from ethochat.tools.selection import select_sessions


def hit(start, stop, score, *, session="s1", individual="", name=None, behaviors=("walking",), source="anna"):
    payload = {"session_id": session, "start_time": start, "stop_time": stop, "individual": individual}
    payload |= {"behaviors": list(behaviors), "source": source}
    return Hit(segment_id=name or f"{session}/{start}", score=score, text=f"text of {start}", payload=payload)


def segment(start, stop, *behaviors, source="anna", individual="", session="s1"):
    return {
        "segment_id": f"{session}/{source}/{start}",
        "individual": individual,
        "source": source,
        "start_time": float(start),
        "stop_time": float(stop),
        "behaviors": list(behaviors),
        "zones": [],
    }


@pytest.fixture
def context(labeled):
    """Walking [0, 2) and [5, 8), grooming [2, 4) in s1; walking [1, 2) in s2; rules see turning left [0, 1) of s1."""
    bouts = {
        "s1": [
            ("anna", "walking", 0, 2),
            ("anna", "walking", 5, 8),
            ("anna", "grooming", 2, 4),
            ("rules", "turning left", 0, 1),
        ],
        "s2": [("anna", "walking", 1, 2)],
    }
    segments = {
        "s1": [
            segment(0, 2, "walking"),
            segment(2, 4, "grooming"),
            segment(5, 8, "walking"),
            segment(0, 10, "turning left", source="rules"),
        ],
        "s2": [segment(1, 2, "walking", session="s2")],
    }
    extra = {name: {"segments": rows} for name, rows in segments.items()}
    return labeled(bouts, kinds={"rules": "rule"}, extra=extra)


def understood(context, **arguments):
    asked = SearchArguments(**arguments)
    return understand_query(context, select_sessions(context, asked), asked)


def found(context, **arguments):
    asked = SearchArguments(**arguments)
    scope = select_sessions(context, asked)
    return find(context, scope, understand_query(context, scope, asked))


def intervals(result):
    return [(item.event.session_id, item.event.start, item.event.stop) for item in result.ranked]


# ------------------------------------------------------------------ what a call means
def test_arguments_are_conditions_beside_the_words(context):
    query = understood(context, query="walking", without=["grooming"], min_duration_s=1, min_speed=2.0)
    (step,) = query.description.steps
    assert [term.behaviors for term in step.terms] == [("walking",)]
    assert [term.behaviors for term in step.without] == [("grooming",)]
    assert [(limit.quantity, limit.low, limit.unit) for limit in step.limits] == [
        ("duration", 1, "s"),
        ("speed", 2.0, "px/s"),
    ]


def test_a_name_given_twice_is_one_condition(context):
    (step,) = understood(context, query="walking", behaviors=["walking"]).description.steps
    assert [term.behaviors for term in step.terms] == [("walking",)]


def test_next_steps_come_from_words_and_from_arguments(context):
    query = understood(
        context, query="walking then grooming within 3 s", followed_by=["turning left"], within_s=2
    )
    assert [step.terms[0].behaviors for step in query.description.steps] == [
        ("walking",),
        ("grooming",),
        ("turning left",),
    ]
    assert query.description.within == (3.0, 2.0)
    assert query.description.text == "walking then grooming within 3 s then turning left"
    assert understood(context, query="walking then grooming", within_s=2).description.within == (2.0,)


def test_without_words_the_behaviors_of_the_call_come_first(context):
    query = understood(context, behaviors=["walking"], followed_by=["grooming"])
    assert [[term.behaviors for term in step.terms] for step in query.description.steps] == [
        [("walking",)],
        [("grooming",)],
    ]
    assert intervals(found(context, behaviors=["walking"], followed_by=["grooming"])) == [("s1", 0, 4)]


def test_times_of_a_call_are_frames_where_sessions_count_in_frames(labeled):
    context = labeled(
        {"s1": [("anna", "walking", 0, 20), ("anna", "grooming", 60, 70)]}, fps=None, duration=100.0
    )
    for frames, n in ((39, 0), (40, 1)):
        query = understood(context, query="walking then grooming", within_s=frames)
        assert query.description.in_frames
        scope = select_sessions(context, SearchArguments(query="x"))
        assert len(Evaluator(context, scope).find(query.description).found) == n
    words = found(context, query="walking then grooming within 2 s")
    assert intervals(words) == [("s1", 0, 70)]
    assert any("25 frames are taken for a second" in flag for flag in words.flags)


def test_a_step_that_means_nothing_takes_on_no_condition_where_others_mean_something(context):
    query = understood(context, query="xyzzy then grooming", behaviors=["walking"])
    assert [len(step.terms) for step in query.description.steps] == [0, 2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "needs a query"),
        ({"query": "  "}, "needs a query"),
        ({"followed_by": [""]}, "needs a query"),
        ({"query": "walking", "within_s": 3}, "within_s needs followed_by"),
        ({"query": "sessions without any xyzzy"}, "cannot be told which sessions"),
        ({"query": "walking", "behaviors": ["sniffle"]}, "sniffle"),
        ({"query": "walking", "without": ["sniffle"]}, "sniffle"),
        ({"query": "walking", "zones": ["attic"]}, "attic"),
        ({"query": "walking", "sources": ["zoe"]}, "zoe"),
        ({"like": [{"session_id": "s9", "time": 1}]}, "s9"),
        ({"query": "walking not followed by grooming"}, "does not follow"),
        ({"query": "walking " * 300}, "at most 2000 characters"),
        ({"query": "walking", "followed_by": ["x" * 2001]}, "at most 2000 characters"),
    ],
)
def test_what_makes_no_search_is_said(context, arguments, words):
    with pytest.raises(ToolRetryError, match=words):
        understood(context, **arguments)


@pytest.mark.parametrize("time", [-1, 10, 1e300])
def test_a_moment_that_nobody_covers_is_no_example(context, time):
    with pytest.raises(ToolFailedError, match="No segment of s1 covers"):
        understood(context, like=[{"session_id": "s1", "time": time}])


def test_an_example_stands_for_what_people_mark_then_or_for_the_behavior_named(context):
    assert understood(context, like=[{"session_id": "s1", "time": 0.5}]).like == ("s1/anna/0",)
    assert understood(context, like=[{"session_id": "s1", "time": 4.5}]).like == ("s1/rules/0",)
    named = understood(context, like=[{"session_id": "s1", "time": 0.5}], behaviors=["turning left"])
    assert named.like == ("s1/rules/0",)


# ------------------------------------------------------------------ what is found
def test_what_the_tables_decide_needs_no_index(context):
    result = found(context, query="walking")
    assert intervals(result) == [("s1", 5, 8), ("s1", 0, 2), ("s2", 1, 2)]
    assert not result.by_likeness


def test_words_that_mean_nothing_are_looked_up_in_the_index(context, indexed):
    changed, fake = indexed(context, [hit(5, 8, 0.9), hit(0, 2, 0.1)])
    result = found(changed, query="walking proudly")
    assert intervals(result)[0] == ("s1", 5, 8)
    assert fake.asked[0]["query"] == "walking proudly"


def test_likeness_alone_merges_windows_of_one_event_and_stays_in_the_window(context, indexed):
    hits = [
        hit(0, 4, 0.9),
        hit(4, 8, 0.8),
        hit(1, 5, 0.7, source="ben"),
        hit(1, 2, 0.5, session="s2", behaviors=("grooming",)),
    ]
    changed, _ = indexed(context, hits)
    result = found(changed, query="xyzzy", start_s=1, stop_s=3)
    assert result.by_likeness
    assert intervals(result) == [("s1", 1, 3), ("s2", 1, 2)]


def test_scores_of_likeness_lie_between_0_and_1(context, indexed):
    changed, _ = indexed(context, [hit(0, 2, 1.2), hit(5, 8, -0.3, behaviors=("grooming",))])
    assert [item.score for item in found(changed, query="xyzzy").ranked] == [1.0]
    alike = found(changed, like=[{"session_id": "s1", "time": 3}])
    assert [item.score for item in alike.ranked] == [1.0, 0.0]


def test_what_is_hardly_alike_is_no_hit_and_named_as_the_nearest(context, indexed):
    changed, _ = indexed(context, [hit(5, 8, 0.14), hit(0, 2, 0.05)])
    nothing = found(changed, query="the law of taxes")
    assert nothing.ranked == ()
    (flag,) = [text for text in nothing.flags if text.startswith("Nothing here is described like that")]
    assert "likeness 0.14" in flag
    assert "s1 5–8 s: text of 5" in flag


def test_filters_that_leave_nothing_are_told_from_words_that_nothing_is_like(context, indexed):
    changed, _ = indexed(context, [])
    assert "No segment meets the conditions." in found(changed, query="xyzzy").flags


def test_an_example_is_no_hit_of_its_own_search_and_its_session_may_be_left_out(context, indexed):
    changed, fake = indexed(context, [hit(0, 2, 0.9), hit(5, 8, 0.8), hit(1, 2, 0.7, session="s2")])
    like = [{"session_id": "s1", "time": 1.0}]
    assert intervals(found(changed, like=like)) == [("s1", 5, 8), ("s2", 1, 2)]
    assert fake.asked[-1]["like"] == ("s1/anna/0",)
    assert intervals(found(changed, like=like, query="walking")) == [("s1", 5, 8), ("s2", 1, 2)]
    assert intervals(found(changed, like=like, query="walking", other_sessions=True)) == [("s2", 1, 2)]
    conditions = {(item.field, item.op): item.value for item in fake.asked[-1]["conditions"]}
    assert conditions == {("session_id", "in"): ("s2",)}


def test_selections_become_conditions_of_the_index(context, indexed):
    changed, fake = indexed(context, [])
    found(changed, query="xyzzy", sessions=["s2"], sources=["anna"], start_s=1, stop_s=5)
    conditions = {(item.field, item.op): item.value for item in fake.asked[-1]["conditions"]}
    assert conditions == {
        ("session_id", "in"): ("s2",),
        ("source", "in"): ("anna",),
        ("stop_time", ">"): 1,
        ("start_time", "<"): 5,
    }


def test_a_near_miss_is_said_where_nothing_is_found(context, indexed):
    changed, _ = indexed(context, [])
    result = found(changed, query="walking", min_duration_s=60)
    assert result.ranked == ()
    assert any("it lasts 3 s" in flag for flag in result.flags)


def test_what_nobody_marks_is_found_nowhere_and_counted_nowhere(context):
    result = found(context, query="drinking")
    assert (result.ranked, result.known) == ((), frozenset())


def test_how_long_a_hit_lasts_is_asked_of_the_whole_sequence(context, indexed):
    """From the start of walking to the end of grooming it is 4 s, and neither of them lasts so long."""
    changed, _ = indexed(context, [])
    assert intervals(found(changed, query="walking then grooming", min_duration_s=4)) == [("s1", 0, 4)]
    assert intervals(found(changed, query="walking then grooming", min_duration_s=4.1)) == []
    assert intervals(found(changed, query="walking then grooming", max_duration_s=3.9)) == []


def test_an_index_that_is_stale_is_a_failure_with_its_own_words(context):
    def stale():
        raise StaleIndexError("run `ethochat ingest`")

    with pytest.raises(ToolFailedError, match="ethochat ingest"):
        found(dataclasses.replace(context, open_search=stale), query="xyzzy")


# ------------------------------------------------------------------ another animal
def pairs(labeled):
    bouts = [("rules", "near", 1, 3, "m1"), ("rules", "chase", 4, 5, "m1"), ("rules", "walking", 0, 5, "m2")]
    return labeled({"s1": bouts}, kinds={"rules": "rule"})


@pytest.mark.parametrize(
    ("query", "behaviors"),
    [
        ("two mice walking", [("walking",), ("near",)]),
        ("chasing the other mouse", [("chase",)]),
        ("two mice", [("near",)]),
        ("two mice less than 5 cm apart", []),
        ("walking", [("walking",)]),
    ],
)
def test_two_animals_are_near_where_no_word_says_what_they_do(labeled, query, behaviors):
    (step,) = understood(pairs(labeled), query=query).description.steps
    assert [term.behaviors for term in step.terms] == behaviors


def test_where_no_rule_knows_nearness_the_other_animal_is_an_unread_word(context):
    (step,) = understood(context, query="two mice walking").description.steps
    assert "other animal" in step.unread


@pytest.mark.parametrize("query", ["sashays about", "walking sideways"])
def test_an_index_in_the_making_says_so(context, indexed, query):
    changed, fake = indexed(context, [hit(5, 8, 0.9)])
    fake.notice = "An ingest is running; 1 session is left out."
    arguments = SearchArguments(query=query)
    scope = select_sessions(changed, arguments)
    assert fake.notice in find(changed, scope, understand_query(changed, scope, arguments)).flags
