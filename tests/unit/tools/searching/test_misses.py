"""What comes nearest where nothing meets a description: each sentence is true."""

from __future__ import annotations

import pytest

from ethochat.tools.arguments import Selection
from ethochat.tools.searching.events import Evaluator
from ethochat.tools.searching.lexicon import Concept
from ethochat.tools.searching.limits import Limit
from ethochat.tools.searching.misses import nearest_miss
from ethochat.tools.searching.reading import Description, Step
from ethochat.tools.selection import select_sessions


def concept(name: str) -> Concept:
    return Concept(label=name, behaviors=(name,))


def step(*terms: str, without: tuple[str, ...] = (), limits: tuple[Limit, ...] = ()) -> Step:
    return Step(
        text=" and ".join(terms),
        terms=tuple(concept(name) for name in terms),
        without=tuple(concept(name) for name in without),
        limits=limits,
    )


def miss(context, *steps: Step, within: float | None = None, **selection) -> str | None:
    description = Description(text="x", steps=steps, within=tuple(within for _ in steps[1:]))
    evaluator = Evaluator(context, select_sessions(context, Selection(**selection)))
    assert evaluator.find(description).found == ()
    return nearest_miss(evaluator, description, "s")


@pytest.fixture
def context(labeled):
    """Rearing [0, 1) [2, 5) and [8, 9), grooming [5.5, 6.5), walking [1, 2), no bout of digging."""
    bouts = [
        ("anna", "rear", 0, 1),
        ("anna", "rear", 2, 5),
        ("anna", "rear", 8, 9),
        ("anna", "groom", 5.5, 6.5),
    ]
    bouts += [("anna", "walk", 1, 2)]
    looked = [("s1", "anna", "", 0, 10, ["dig", "groom", "rear", "walk"])]
    return labeled({"s1": bouts}, looked_for=looked)


def test_a_bout_that_is_too_short_is_the_longest_there_is(context):
    limit = Limit(quantity="duration", low=4.0, unit="s")
    said = miss(context, step("rear", limits=(limit,)))
    assert (
        said == "Nearest miss: without “duration ≥ 4 s” there are 3 events, such as s1 2–5 s: it lasts 3 s."
    )


def test_a_bout_that_is_too_long_is_the_shortest_there_is(context):
    limit = Limit(quantity="duration", high=0.5, unit="s")
    said = miss(context, step("groom", limits=(limit,)))
    assert (
        said
        == "Nearest miss: without “duration ≤ 0.5 s” there is 1 event, such as s1 5.5–6.5 s: it lasts 1 s."
    )


def test_steps_too_far_apart_are_the_nearest_there_are(context):
    """Grooming starts half a second after the second rear and 4.5 s after the first; after walking there is no rear within 0 s but one."""
    said = miss(context, step("groom"), step("rear"), within=1.0)
    assert (
        said
        == "Nearest miss: without “the time between the steps” there is 1 event, such as s1 5.5–9 s: 1.5 s apart."
    )


def test_a_term_that_never_holds_at_that_time_is_named(context):
    said = miss(context, step("rear", "walk"))
    assert said == "Nearest miss: without “walk” there are 3 events, such as s1 0–1 s."


def test_a_negation_that_takes_all_is_named(context):
    said = miss(context, step("rear", without=("rear",)))
    assert said == "Nearest miss: without “not rear” there are 3 events, such as s1 0–1 s."


def test_a_step_that_never_comes_is_named(context):
    assert miss(context, step("rear"), step("dig")) == (
        "Nearest miss: without “then dig” there are 3 events, such as s1 0–1 s."
    )
    assert miss(context, step("dig"), step("rear")) == (
        "Nearest miss: without “first dig” there are 3 events, such as s1 0–1 s."
    )


def test_a_single_condition_that_nothing_meets_has_no_near_miss(context):
    assert miss(context, step("dig")) is None


def test_where_no_condition_can_be_left_out_nothing_is_said(context):
    limit = Limit(quantity="speed", low=5.0, unit="cm/s")
    assert miss(context, step("dig", limits=(limit,))) is None


def test_only_events_of_the_window_count(context):
    limit = Limit(quantity="duration", low=4.0, unit="s")
    said = miss(context, step("rear", limits=(limit,)), start_s=7.0)
    assert said == "Nearest miss: without “duration ≥ 4 s” there is 1 event, such as s1 8–9 s: it lasts 1 s."
