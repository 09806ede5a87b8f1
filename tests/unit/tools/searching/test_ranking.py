"""The order of what was found, and why it was."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ethochat.index.store.base import Hit
from ethochat.tools.arguments import Selection
from ethochat.tools.searching.events import Evaluator, Event
from ethochat.tools.searching.lanes import Span
from ethochat.tools.searching.lexicon import Concept
from ethochat.tools.searching.limits import Limit
from ethochat.tools.searching.ranking import best_texts, mean_speeds, rank, why
from ethochat.tools.searching.reading import Description, Step
from ethochat.tools.selection import select_sessions


def concept(*names: str) -> Concept:
    return Concept(label=" or ".join(names), behaviors=names)


def described(*liking, unread=(), text="rear", steps=1) -> Description:
    one = Step(text=text, terms=(concept("rear"),), liking=liking, unread=unread)
    return Description(text=text, steps=(one,) * steps, within=(None,) * (steps - 1))


def event(start, stop, *sources, session="s1", individual="", watching=0, behavior="rear") -> Event:
    part = Span(start=start, stop=stop, sources=frozenset(sources), n_watching=watching, behavior=behavior)
    return Event(session_id=session, individual=individual, start=start, stop=stop, parts=(part,))


def hit(start, stop, score, *, session="s1", individual="", name="x") -> Hit:
    payload = {"session_id": session, "start_time": start, "stop_time": stop, "individual": individual}
    return Hit(segment_id=name, score=score, text="", payload=payload)


@pytest.fixture
def context(labeled):
    """Two sessions; the animal of s1 moves at as many cm/s as seconds have gone by."""
    rows = [
        {"source": "cam", "individual": "", "frame": frame, "speed_cm_per_s": float(frame // 10)}
        for frame in range(100)
    ]
    return labeled({"s1": [("anna", "rear", 0, 1)], "s2": []}, extra={"s1": {"kinematics": rows}})


def ranked(context, events, description=None, hits=(), **more):
    scope = select_sessions(context, Selection())
    return rank(context, scope, events, description or described(), list(hits), **more)


def starts(context, *args, **more):
    return [item.event.start for item in ranked(context, *args, **more)]


# ------------------------------------------------------------------ order
def test_who_agrees_comes_first(context):
    some = [
        event(0, 1, "anna", watching=3),
        event(2, 3, "anna", "ben", "cara", watching=3),
        event(4, 5, "anna", "ben", watching=3),
    ]
    assert starts(context, some) == [2, 4, 0]


def test_what_only_rules_find_comes_after_what_all_who_watched_mark(context):
    assert starts(context, [event(0, 1, "rules"), event(2, 3, "anna", watching=1)]) == [2, 0]


def test_the_longer_comes_first_where_all_else_is_equal(context):
    assert starts(context, [event(0, 1, "anna"), event(2, 5, "anna"), event(6, 8, "anna")]) == [2, 6, 0]


def test_equals_come_by_session_and_time(context):
    some = [event(0, 1, "anna", session="s2"), event(4, 5, "anna"), event(2, 3, "anna")]
    found = [(item.event.session_id, item.event.start) for item in ranked(context, some)]
    assert found == [("s1", 2), ("s1", 4), ("s2", 0)]


@pytest.mark.parametrize(("liking", "order"), [("fast", [6, 4, 2]), ("slow", [2, 4, 6])])
def test_speed_orders_where_the_words_ask_for_it(context, liking, order):
    some = [event(start, start + 1, "anna") for start in (4, 2, 6)]
    assert starts(context, some, described(liking)) == order


@pytest.mark.parametrize(("liking", "order"), [("long", [0, 4, 7]), ("short", [7, 4, 0])])
def test_length_orders_where_the_words_ask_for_it(context, liking, order):
    some = [event(0, 3, "anna"), event(4, 6, "anna"), event(7, 8, "anna")]
    assert starts(context, some, described(liking)) == order


def test_a_pace_that_is_not_known_comes_last(context):
    some = [event(0, 1, "anna", session="s2"), event(2, 3, "anna"), event(8, 9, "anna")]
    assert starts(context, some, described("fast")) == [8, 2, 0]
    assert starts(context, some, described("slow")) == [2, 8, 0]


def test_likeness_orders_equals_and_counts_more_the_less_was_understood(context):
    some = [event(0, 1, "anna"), event(2, 3, "anna"), event(4, 5.2, "anna")]
    hits = [hit(2, 3, 0.9, name="a"), hit(0, 1, 0.2, name="b"), hit(4, 5, 0.1, name="c")]
    assert starts(context, some, described(unread=("whiskers",), text="rear whiskers"), hits)[0] == 2
    plain = {item.event.start: item.score for item in ranked(context, some, described(), hits)}
    unread = {
        item.event.start: item.score for item in ranked(context, some, described(unread=("rear",)), hits)
    }
    assert unread[2] - unread[0] > plain[2] - plain[0] > 0


def test_with_examples_likeness_comes_before_length(context):
    some = [event(0, 4, "anna"), event(5, 6, "anna")]
    hits = [hit(5, 6, 0.9, name="a"), hit(0, 4, 0.2, name="b")]
    assert starts(context, some, described(), hits, by_likeness=True) == [5, 0]


def test_likeness_of_another_animal_or_session_or_time_does_not_count(context):
    some = [event(0, 1, "anna", individual="m1"), event(2, 3, "anna", individual="m1")]
    others = [
        hit(0, 1, 0.9, individual="m2", name="a"),
        hit(0, 1, 0.8, session="s2", name="b"),
        hit(2, 3, 0.1, name="c"),
    ]
    plain, alike = ranked(context, some), ranked(context, some, described(), others)
    assert [item.event.start for item in plain] == [item.event.start for item in alike] == [0, 2]
    assert alike[0].score == alike[1].score


@st.composite
def some_events(draw):
    found = []
    for _ in range(draw(st.integers(0, 8))):
        start = draw(st.integers(0, 90)) / 10
        sources = draw(st.sets(st.sampled_from(["anna", "ben", "rules"])))
        found.append(
            event(
                start,
                start + draw(st.integers(1, 100)) / 10,
                *sources,
                session=draw(st.sampled_from(["s1", "s2"])),
                watching=draw(st.integers(0, 3)),
            )
        )
    return found


@given(
    some_events(),
    st.sets(st.sampled_from(["fast", "slow", "long", "short"])),
    st.lists(st.tuples(st.integers(0, 9), st.floats(-1, 1)), max_size=4),
    st.booleans(),
    st.randoms(),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_scores_lie_between_0_and_1_and_the_order_is_that_of_the_scores_whatever_order_came_in(
    context, events, liking, alike, by_likeness, random
):
    hits = [hit(start, start + 1, score, name=str(place)) for place, (start, score) in enumerate(alike)]
    description = described(*sorted(liking), unread=("x",))
    first = ranked(context, events, description, hits, by_likeness=by_likeness)
    assert all(0 <= item.score <= 1 for item in first)
    rounded = [round(item.score, 6) for item in first]
    assert rounded == sorted(rounded, reverse=True)
    shuffled = list(events)
    random.shuffle(shuffled)
    again = ranked(context, shuffled, description, hits, by_likeness=by_likeness)
    assert [(i.event.session_id, i.event.start, i.score) for i in first] == [
        (i.event.session_id, i.event.start, i.score) for i in again
    ]


@given(st.integers(0, 3), st.integers(0, 3), st.integers(1, 50), st.integers(1, 50))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_more_agreement_and_more_length_never_lower_a_score(context, fewer, more, short, long):
    raters = ("anna", "ben", "cara")
    fewer, more = sorted((fewer, more))
    short, long = sorted((short, long))
    if not fewer:
        return
    low, high = (
        event(0, short / 10, *raters[:fewer], watching=3),
        event(0, long / 10, *raters[:more], watching=3),
    )
    assert ranked(context, [low])[0].score <= ranked(context, [high])[0].score


# ------------------------------------------------------------------ speeds
def test_a_mean_speed_is_that_of_the_frames_of_the_event(context):
    scope = select_sessions(context, Selection())
    found = mean_speeds(
        context, scope, [event(2, 4), event(0, 10), event(0, 1, session="s2"), event(9.5, 30)]
    )
    assert found == [(2.5, "cm/s"), (4.5, "cm/s"), None, (9.0, "cm/s")]


def test_frames_without_a_speed_do_not_count(labeled):
    rows = [
        {"source": "cam", "individual": "", "frame": frame, "speed_px_per_s": None if frame < 5 else 7.0}
        for frame in range(20)
    ]
    context = labeled({"s1": [("anna", "rear", 0, 1)]}, fps=None, extra={"s1": {"kinematics": rows}})
    scope = select_sessions(context, Selection())
    assert mean_speeds(context, scope, [event(0, 10), event(0, 5)]) == [(7.0, "px per frame"), None]


# ------------------------------------------------------------------ why
def test_a_reason_says_who_and_how_many_watched():
    assert (
        why(event(0, 2, "anna", "rules", watching=3), described(), "s", None)
        == "rear (anna, rules; 1 of 3 who watched); 2 s"
    )
    assert why(event(0, 2, "anna", "ben", watching=2), described(), "s", None) == "rear (anna, ben); 2 s"
    assert (
        why(event(0, 2, "rules"), described(), "s", (3.14159, "cm/s"))
        == "rear (rules); 2 s; mean speed 3.14 cm/s"
    )


def test_a_reason_says_what_must_not_hold_and_every_number():
    step = Step(
        text="x",
        terms=(concept("walk"),),
        without=(concept("groom"),),
        limits=(
            Limit(quantity="speed", low=5.0, unit="cm/s"),
            Limit(quantity="duration", high=9.0, unit="s"),
        ),
    )
    said = why(event(0, 2, "anna", watching=1), Description(text="x", steps=(step,)), "s", None)
    assert said == "walk, not groom (anna); speed ≥ 5 cm/s; duration ≤ 9 s; 2 s"


def test_a_reason_names_the_kind_that_was_marked():
    step = Step(text="rearing", terms=(concept("supported", "unsupported"),))
    said = why(event(0, 2, "anna", behavior="unsupported"), Description(text="x", steps=(step,)), "s", None)
    assert said == "unsupported (anna); 2 s"


def test_a_reason_names_no_kind_where_raters_mark_different_ones(labeled):
    context = labeled({"s1": [("anna", "supported", 0, 2), ("ben", "unsupported", 1, 3)]})
    step = Step(text="rearing", terms=(concept("supported", "unsupported"),))
    description = Description(text="x", steps=(step,))
    (found,) = Evaluator(context, select_sessions(context, Selection())).find(description).found
    assert why(found, description, "s", None) == "supported or unsupported (anna, ben); 3 s"


def test_the_reason_of_a_sequence_names_its_steps_and_of_an_edge_the_moment():
    enter = Step(text="enters", terms=(Concept(label="center", zones=("center",)),), edge="enter")
    freeze = Step(text="freezes", terms=(concept("freeze"),))
    parts = (Span(start=0, stop=1), Span(start=2, stop=4, sources=frozenset({"anna"}), n_watching=1))
    both = Event(session_id="s1", individual="", start=0, stop=4, parts=parts)
    description = Description(text="x", steps=(enter, Step(text="unknown"), freeze), within=(None, None))
    assert why(both, description, "s", None) == "entering center, then freeze (anna); 4 s"


# ------------------------------------------------------------------ texts
def segments(*rows):
    return pl.DataFrame(
        rows,
        schema=["session_id", "start_time", "stop_time", "individual", "source", "segment_id"],
        orient="row",
    )


def test_the_text_is_of_who_marks_it_then_of_a_rater_then_of_most_shared_time():
    table = segments(
        ("s1", 0.0, 4.0, "", "rules", "r"),
        ("s1", 0.0, 1.0, "", "anna", "a"),
        ("s1", 1.0, 4.0, "", "anna", "b"),
        ("s1", 0.0, 4.0, "", "ben", "c"),
    )
    texts = {name: name.upper() for name in "rabc"}
    assert best_texts(
        table, texts, [event(0, 4, "anna"), event(0, 4, "rules"), event(0, 4), event(5, 6)]
    ) == ["B", "R", "C", ""]


def test_the_text_is_not_of_another_animal_or_session():
    table = segments(
        ("s1", 0.0, 4.0, "m2", "anna", "a"),
        ("s2", 0.0, 4.0, "m1", "anna", "b"),
        ("s1", 3.0, 4.0, "m1", "anna", "c"),
    )
    assert best_texts(table, {"a": "A", "b": "B", "c": "C"}, [event(0, 4, "anna", individual="m1")]) == ["C"]
