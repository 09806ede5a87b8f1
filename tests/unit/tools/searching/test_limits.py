"""Numbers in a description: which quantity, which side, which unit."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethochat.tools.searching.limits import ABOUT, Limit, read_limits


def read(text: str) -> list[tuple[str, float | None, float | None, bool, str]]:
    return [(item.quantity, item.low, item.high, item.strict, item.unit) for item in read_limits(text)]


OVER, FROM, UNDER, UP_TO = "over", "from", "under", "up to"
SIDES = [
    ("faster than", OVER),
    ("more than", OVER),
    ("longer than", OVER),
    ("further than", OVER),
    ("over", OVER),
    ("above", OVER),
    ("exceeding", OVER),
    (">", OVER),
    ("at least", FROM),
    ("no less than", FROM),
    ("not less than", FROM),
    ("a minimum of", FROM),
    (">=", FROM),
    ("≥", FROM),
    ("slower than", UNDER),
    ("less than", UNDER),
    ("shorter than", UNDER),
    ("closer than", UNDER),
    ("under", UNDER),
    ("below", UNDER),
    ("<", UNDER),
    ("at most", UP_TO),
    ("no more than", UP_TO),
    ("not longer than", UP_TO),
    ("up to", UP_TO),
    ("within", UP_TO),
    ("<=", UP_TO),
    ("≤", UP_TO),
]
AMOUNTS = [
    ("12 cm/s", "speed", 12.0, "cm/s"),
    ("3 s", "duration", 3.0, "s"),
    ("4 cm from the wall", "wall_distance", 4.0, "cm"),
    ("5 cm from the other mouse", "partner_distance", 5.0, "cm"),
    ("30 cm", "path", 30.0, "cm"),
]


@pytest.mark.parametrize(("amount", "quantity", "value", "unit"), AMOUNTS)
@pytest.mark.parametrize(("words", "side"), SIDES)
def test_each_comparator_bounds_each_quantity(words, side, amount, quantity, value, unit):
    low, high = (value, None) if side in (OVER, FROM) else (None, value)
    if quantity == "path" and words in ("closer than", "nearer than"):
        quantity = "partner_distance"  # nothing is as near as a path
    assert read(f"{words} {amount}") == [(quantity, low, high, side in (OVER, UNDER), unit)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10 cm/s or faster", ("speed", 10.0, None, False, "cm/s")),
        ("10 cm/s or slower", ("speed", None, 10.0, False, "cm/s")),
        ("grooming for 3 s or longer", ("duration", 3.0, None, False, "s")),
        ("grooming for 3 s or less", ("duration", None, 3.0, False, "s")),
        ("grooming for 3+ s", ("duration", 3.0, None, False, "s")),
        ("grooming 3 s+", ("duration", 3.0, None, False, "s")),
    ],
)
def test_comparators_may_follow_the_number(text, found):
    assert read(text) == [found]


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("over 0.2 m/s", "cm/s", 20.0),
        ("over 200 mm/s", "cm/s", 20.0),
        ("over 20 centimeters per second", "cm/s", 20.0),
        ("over 20 centimetres a second", "cm/s", 20.0),
        ("over 1200 cm/min", "cm/s", 20.0),
        ("over 1,5 cm/s", "cm/s", 1.5),
        ("over 50 px/s", "px/s", 50.0),
        ("over 50 pixels per second", "px/s", 50.0),
        ("over 2 min", "s", 120.0),
        ("over 0.5 h", "s", 1800.0),
        ("over 500 ms", "s", 0.5),
        ("over 250 frames", "frames", 250.0),
        ("over 2 m", "cm", 200.0),
        ("over 15 mm", "cm", 1.5),
        ("over 90 px", "px", 90.0),
    ],
)
def test_units_come_out_in_one_of_each_kind(text, unit, value):
    (limit,) = read_limits(text)
    assert (limit.unit, limit.low) == (unit, pytest.approx(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("longer than ten seconds", 10.0),
        ("longer than twenty s", 20.0),
        ("longer than a second", 1.0),
        ("longer than a minute", 60.0),
        ("longer than half a second", 0.5),
        ("longer than half a minute", 30.0),
    ],
)
def test_numbers_may_be_words(text, value):
    assert read(text) == [("duration", value, None, True, "s")]


@pytest.mark.parametrize("words", ["about", "around", "roughly", "approximately", "~"])
def test_about_is_a_fifth_more_or_less(words):
    (limit,) = read_limits(f"walking at {words} 10 cm/s")
    assert (limit.low, limit.high, limit.strict) == (pytest.approx(8.0), pytest.approx(12.0), False)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("between 5 and 10 cm/s", ("speed", 5.0, 10.0, False, "cm/s")),
        ("from 5 to 10 cm/s", ("speed", 5.0, 10.0, False, "cm/s")),
        ("5-10 cm/s", ("speed", 5.0, 10.0, False, "cm/s")),
        ("5 – 10 cm/s", ("speed", 5.0, 10.0, False, "cm/s")),
        ("5 cm to 10 cm from the wall", ("wall_distance", 5.0, 10.0, False, "cm")),
        ("grooming for 2 to 4 s", ("duration", 2.0, 4.0, False, "s")),
        ("grooming for two to four seconds", ("duration", 2.0, 4.0, False, "s")),
        ("grooming lasting between 1 and 2 minutes", ("duration", 60.0, 120.0, False, "s")),
        ("2-4 s long", ("duration", 2.0, 4.0, False, "s")),
    ],
)
def test_ranges_have_both_ends(text, found):
    assert read(text) == [found]


@pytest.mark.parametrize(
    "text",
    [
        "between 60 and 120 s",
        "moves 10 cm",
        "in 10 s",
        "10 mice",
        "",
        "12",
        "20 cm wide s",
        f"over {'9' * 400} cm/s",
    ],
)
def test_a_number_that_says_no_side_is_no_limit(text):
    assert read(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("5 cm from the wall", ("wall_distance", None, 5.0, False, "cm")),
        ("5 cm apart", ("partner_distance", None, 5.0, False, "cm")),
        ("grooming for 5 s", ("duration", 5.0, None, False, "s")),
        ("a bout lasting 5 s", ("duration", 5.0, None, False, "s")),
        ("walking at 10 cm/s", ("speed", 10 * (1 - ABOUT), 10 * (1 + ABOUT), False, "cm/s")),
    ],
)
def test_a_bare_number_is_a_limit_where_only_one_side_makes_sense(text, found):
    assert read(text) == [found]


@pytest.mark.parametrize(
    "partner",
    [
        "each other",
        "one another",
        "another mouse",
        "the other mouse",
        "the other animal",
        "the intruder",
        "the resident",
        "the partner",
        "the cage mate",
    ],
)
def test_another_animal_has_many_names(partner):
    assert read(f"less than 3 cm from {partner}") == [("partner_distance", None, 3.0, True, "cm")]


def test_several_limits_stand_in_the_order_of_the_text():
    found = read("faster than 10 cm/s for at least 2 s, less than 5 cm from the wall")
    assert [item[0] for item in found] == ["speed", "duration", "wall_distance"]


def test_places_in_the_text_are_those_of_the_words():
    text = "walking faster than 10 cm/s, then nothing"
    (limit,) = read_limits(text)
    assert text[limit.start : limit.stop] == "faster than 10 cm/s"


@pytest.mark.parametrize(
    ("strict", "at", "holds"),
    [(False, 2.0, True), (True, 2.0, False), (True, 2.001, True), (False, 1.999, False)],
)
def test_a_limit_holds_at_its_end_unless_it_is_strict(strict, at, holds):
    low = Limit(quantity="duration", low=2.0, strict=strict, unit="s")
    high = Limit(quantity="duration", high=2.0, strict=strict, unit="s")
    assert low.holds(at) is holds
    assert high.holds(4.0 - at) is holds


def test_a_difference_of_two_clock_times_is_compared_without_its_rounding():
    """0.3 - 0.1 is a hair less than 0.2 and 0.7 - 0.5 a hair less than 0.2 in floats."""
    limit = Limit(quantity="duration", low=0.2, unit="s")
    assert limit.holds(0.3 - 0.1)
    assert limit.holds(0.7 - 0.5)
    assert not Limit(quantity="duration", low=0.2, strict=True, unit="s").holds(0.8 - 0.6)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit(quantity="speed", low=20.0, unit="cm/s"), "speed ≥ 20 cm/s"),
        (Limit(quantity="speed", low=20.0, strict=True, unit="cm/s"), "speed > 20 cm/s"),
        (Limit(quantity="wall_distance", high=5.0, unit="cm"), "wall distance ≤ 5 cm"),
        (
            Limit(quantity="partner_distance", high=5.0, strict=True, unit="px"),
            "distance to the other animal < 5 px",
        ),
        (Limit(quantity="duration", low=2.0, high=4.0, unit="s"), "duration 2–4 s"),
    ],
)
def test_a_limit_says_itself(limit, words):
    assert limit.words() == words


@given(st.text(max_size=200))
def test_any_text_is_read(text):
    for limit in read_limits(text):
        assert limit.low is not None or limit.high is not None
        assert 0 <= limit.start < limit.stop <= len(text)


@given(
    st.lists(
        st.sampled_from(
            "faster than|10|cm/s|s|between|and|for|within|of the wall|a|half a|-|frames|apart|0|1e9|999999|or more|,".split(
                "|"
            )
        ),
        max_size=30,
    )
)
def test_limits_do_not_overlap_and_low_is_under_high(words):
    found = read_limits(" ".join(words))
    assert all(one.stop <= other.start for one, other in itertools.pairwise(found))
    assert all(item.low <= item.high for item in found if item.low is not None and item.high is not None)


@pytest.mark.parametrize(
    "part", [" ", "1", "1 ", "1.", "a ", "10 s ", "between 1 and ", "half a ", "cm/s", ">", "1-"]
)
def test_long_texts_take_no_time(part):
    text = (part * 10_000)[:10_000]
    started = time.process_time()
    read_limits(text)
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("text", "quantity", "low", "high"),
    [
        ("closer than 60 px", "partner_distance", None, 60.0),
        ("more than 150 px from the others", "partner_distance", 150.0, None),
        ("no other mouse within 150 px", "partner_distance", 150.0, None),
        ("the distance between the animals is below 80 px", "partner_distance", None, 80.0),
        ("moves more than 60 px", "path", 60.0, None),
        ("faster than 15 but slower than 20 cm/s", "speed", 15.0, 20.0),
        ("no movement for 2+ s", "duration", 2.0, None),
    ],
)
def test_what_a_number_is_about(text, quantity, low, high):
    (limit,) = read_limits(text)
    assert (limit.quantity, limit.low, limit.high) == (quantity, low, high)


def test_a_point_from_which_on_is_no_duration():
    assert read_limits("floating from 4 min on") == []


def test_only_a_single_value_is_taken_for_about():
    assert [limit.about for limit in read_limits("runs at about 20 cm/s")] == [True]
    assert [limit.about for limit in read_limits("lasting two to three seconds")] == [False]
