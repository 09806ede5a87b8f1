"""Words become steps and conditions; what is not understood is kept."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ethochat.tools.searching.lexicon import Concept, Lexicon
from ethochat.tools.searching.reading import AT_ONCE_S, Description, Step, read_description


def _lexicon() -> Lexicon:
    lexicon = Lexicon()
    for name, words in {
        "walking": "walk",
        "running": "run",
        "grooming": "groom",
        "immobile": "not moving|still|freeze|freezes",
        "turning left": "",
        "wall-hugging": "along wall|at wall|wall",
        "corner visit": "corner",
        "chase": "chasing|run after",
        "follow": "",
        "10": "",
    }.items():
        for word in (name, *words.split("|")):
            lexicon.add(word, Concept(label=name, behaviors=(name,)), tier=0)
    for name in ("supported rear", "unsupported rear"):
        lexicon.add(name, Concept(label=name, behaviors=(name,)), tier=0)
        lexicon.add("rearing", Concept(label=name, behaviors=(name,)), tier=1)
    lexicon.add("center", Concept(label="center", zones=("center",)), tier=0)
    return lexicon


LEXICON = _lexicon()


def read(text: str) -> Description:
    return read_description(text, LEXICON)


def names(concepts: tuple[Concept, ...]) -> list[str]:
    return ["|".join((*concept.behaviors, *concept.zones)) for concept in concepts]


def terms(text: str) -> list[list[str]]:
    return [names(step.terms) for step in read(text).steps]


def only(text: str) -> Step:
    (step,) = read(text).steps
    return step


REAR = "supported rear|unsupported rear"


# ------------------------------------------------------------------ steps
@pytest.mark.parametrize(
    "text",
    [
        "rearing followed by grooming",
        "rearing, followed by grooming",
        "rearing which is followed by grooming",
        "rearing then grooming",
        "rearing, then grooming",
        "rearing and then grooming",
        "rearing, and then it grooms",
        "rearing, afterwards grooming",
        "rearing and subsequently grooming",
        "rearing, after which it grooms",
        "rearing leads to grooming",
        "rearing before grooming",
        "grooming after rearing",
        "grooming following rearing",
        "after rearing, grooming",
        "After rearing, the mouse grooms.",
        "after rearing the mouse grooms",
        "after rearing it grooms",
        "before grooming, rearing",
        "just before grooming, the mouse rears",
        "rearing -> grooming",
        "rearing → grooming",
        "first rearing, then grooming",
        "find moments after rearing, with grooming",
    ],
)
def test_two_steps_come_out_in_order_of_time(text):
    assert terms(text) == [[REAR], ["grooming"]]
    assert read(text).within == (None,)


def test_many_steps_come_out_in_order_of_time():
    assert terms("walking, then rearing, then grooming -> still") == [
        ["walking"],
        [REAR],
        ["grooming"],
        ["immobile"],
    ]
    assert len(read("then ".join(["walking "] * 50)).steps) == 50


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("rearing followed by grooming within 10 s", 10.0),
        ("rearing followed within 10 s by grooming", 10.0),
        ("within 10 s of rearing, grooming", 10.0),
        ("within 10 seconds of rearing the mouse grooms", 10.0),
        ("grooming within 10 s of rearing", 10.0),
        ("grooming within 10 s after rearing", 10.0),
        ("after rearing, grooming within 10 s", 10.0),
        ("rearing within 10 s before grooming", 10.0),
        ("rearing, then within 10 s grooming", 10.0),
        ("rearing, then within the next 10 s grooming", 10.0),
        ("rears, and within 10 s grooms", 10.0),
        ("rears and at most 10 s later grooms", 10.0),
        ("rears, then grooms no more than 10 s later", 10.0),
        ("grooming no more than 10 s after rearing", 10.0),
        ("grooming less than 10 s after rearing", 10.0),
        ("grooming 10 s after rearing", 10.0),
        ("rearing 10 s before grooming", 10.0),
        ("rearing then grooming in less than ten seconds", 10.0),
        ("rearing then grooming within half a minute", 30.0),
        ("rearing then grooming within 500 ms", 0.5),
        ("rearing then grooming within a second", 1.0),
        ("rearing immediately followed by grooming", AT_ONCE_S),
        ("grooming immediately after rearing", AT_ONCE_S),
        ("right after rearing, grooming", AT_ONCE_S),
        ("rearing and then immediately grooming", AT_ONCE_S),
        ("immediately after rearing, grooming within 3 s", 3.0),
    ],
)
def test_the_time_between_steps_may_stand_anywhere(text, seconds):
    description = read(text)
    assert [names(step.terms) for step in description.steps] == [[REAR], ["grooming"]]
    assert description.within == (seconds,)
    assert all(not step.limits for step in description.steps)


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("rearing for 2 s before grooming", (2.0, None), None),
        ("rearing for more than 3 s before grooming", (3.0, None), None),
        ("rearing for up to 3 s before grooming", (None, 3.0), None),
        ("rearing at least 2 s before grooming", (2.0, None), None),
        ("grooming for 2 s after rearing", None, (2.0, None)),
        ("after rearing for 2 s, grooming", (2.0, None), None),
    ],
)
def test_how_long_a_step_lasts_is_not_how_soon_the_next_comes(text, first, second):
    description = read(text)
    assert description.within == (None,)
    found = [(step.limits[0].low, step.limits[0].high) if step.limits else None for step in description.steps]
    assert found == [first, second]


def test_each_pause_has_its_own_limit_and_a_single_one_holds_for_all():
    assert read("walking, then grooming within 2 s, then rearing within 5 s").within == (2.0, 5.0)
    assert read("walking, then grooming, then rearing within 5 s").within == (5.0, 5.0)


def test_a_pause_may_be_counted_in_frames():
    description = read("rearing then grooming within 50 frames")
    assert description.within == (50.0,)
    assert description.in_frames
    assert not read("rearing then grooming within 50 s").in_frames


def test_one_step_within_some_time_is_a_duration():
    (limit,) = only("grooming within 10 s").limits
    assert (limit.quantity, limit.high) == ("duration", 10.0)


@pytest.mark.parametrize(
    "text", ["then then then", "before", "after", "->", ", , ,", "", "   ", "\n\t", "?!"]
)
def test_text_without_a_step_is_one_undecidable_step(text):
    description = read(text)
    assert len(description.steps) == 1
    assert not description.steps[0].is_decidable


@pytest.mark.parametrize(
    "text",
    [
        "following another mouse",
        "one mouse following another",
        "a mouse is following the other one",
        "a mouse is followed by another mouse",
        "runs after another mouse",
        "one mouse runs after the other",
    ],
)
def test_a_mouse_behind_another_is_no_order_of_steps(text):
    step = only(text)
    assert step.together
    assert names(step.terms) == ["follow" if "follow" in text else "chase"]


# ------------------------------------------------------------------ what holds and what not
@pytest.mark.parametrize(
    ("text", "wanted", "without"),
    [
        ("walking, not along the wall", ["walking"], ["wall-hugging"]),
        ("walking but not along the wall or in the corner", ["walking"], ["wall-hugging|corner visit"]),
        ("not along the wall or in the corner", [], ["wall-hugging|corner visit"]),
        ("neither along the wall nor in the corner, walking", ["walking"], ["wall-hugging", "corner visit"]),
        ("still, neither in the center nor in the corner", ["immobile"], ["center", "corner visit"]),
        ("walking, not in the center, still", ["walking", "immobile"], ["center"]),
        ("walking without grooming", ["walking"], ["grooming"]),
        ("walking, never grooming", ["walking"], ["grooming"]),
        ("walking outside the center", ["walking"], ["center"]),
        ("walking away from the wall", ["walking"], ["wall-hugging"]),
        ("walking except in the center", ["walking"], ["center"]),
        ("walking rather than running", ["walking"], ["running"]),
        ("walking and isn't in the center", ["walking"], ["center"]),
        ("avoids the center while walking", ["walking"], ["center"]),
        ("no grooming", [], ["grooming"]),
        ("not moving", ["immobile"], []),
        ("not moving, not in the center", ["immobile"], ["center"]),
        ("walking and not walking", ["walking"], ["walking"]),
        ("walking or running", ["walking|running"], []),
        ("walking/running in the center", ["walking|running", "center"], []),
        ("walking in the center or in the corner", ["walking", "corner visit|center"], []),
        ("walking and grooming", ["walking", "grooming"], []),
        ("walking, walking", ["walking"], []),
        ("rearing, unsupported rear", ["unsupported rear"], []),
        ("unsupported rear, rearing", ["unsupported rear"], []),
    ],
)
def test_a_negation_governs_its_clause_alone(text, wanted, without):
    step = only(text)
    assert (names(step.terms), names(step.without)) == (wanted, without)


@pytest.mark.parametrize(
    "text",
    [
        "rearing not followed by grooming",
        "rearing never followed by grooming",
        "rearing that isn't followed by grooming",
        "rearing without being followed by grooming",
        "rearing without grooming afterwards",
        "grooming not preceded by rearing",
        "grooming, not after rearing",
        "walking in the center or running in the corner",
    ],
)
def test_what_would_be_read_as_something_else_is_said(text):
    assert any(step.unclear for step in read(text).steps)


@pytest.mark.parametrize(
    "text",
    [
        "walking, not grooming, then rearing",
        "not grooming then rearing",
        "not grooming",
        "not moving",
        "walking or in the center",
        "walking in the center or in the corner",
        "walking or running in the center",
        "rearing, not in the center, followed by grooming",
    ],
)
def test_what_is_plain_is_read(text):
    assert not any(step.unclear for step in read(text).steps)


def test_who_never_leaves_is_there():
    step = only("never leaves the center")
    assert (names(step.terms), names(step.without), step.edge) == (["center"], [], None)
    assert names(only("not entering the center").without) == ["center"]


def test_a_number_behind_a_negated_place_belongs_to_the_whole():
    step = only("walking, not in the center, for 2 s")
    assert names(step.terms) == ["walking"]
    assert [(item.quantity, item.low) for item in step.limits] == [("duration", 2.0)]


@pytest.mark.parametrize(
    ("text", "edge"),
    [
        ("enters the center", "enter"),
        ("entering the center", "enter"),
        ("goes into the corner", "enter"),
        ("steps back into the center", "enter"),
        ("leaves the center", "leave"),
        ("exits the corner", "leave"),
        ("gets out of the corner", "leave"),
        ("in the center", None),
    ],
)
def test_entering_and_leaving_are_moments(text, edge):
    step = only(text)
    assert step.edge == edge
    assert len(step.terms) == 1
    assert not step.without


@pytest.mark.parametrize(
    ("text", "liking"),
    [
        ("walking slowly", ("slow",)),
        ("running fast", ("fast",)),
        ("quickly leaves the center", ("fast",)),
        ("a long grooming", ("long",)),
        ("briefly grooming", ("short",)),
        ("slow and long grooming", ("slow", "long")),
        ("grooming for longer than 2 s", ()),
        ("running faster than 2 cm/s", ()),
    ],
)
def test_manner_ranks_and_is_no_condition(text, liking):
    step = only(text)
    assert step.liking == liking
    assert not step.unread


@pytest.mark.parametrize(
    "text",
    [
        "near each other",
        "chasing the other mouse",
        "two mice walking",
        "attacks the intruder",
        "near the partner",
    ],
)
def test_another_animal_is_noticed(text):
    assert only(text).together


def test_words_that_mean_nothing_are_kept_and_small_ones_are_not():
    assert only("the mouse is grooming its whiskers furiously").unread == ("whiskers", "furiously")
    assert only("find moments where the animal is walking").unread == ()
    assert only("xyzzy").unread == ("xyzzy",)
    assert read("xyzzy then plugh").unread == ("xyzzy", "plugh")


def test_a_number_that_was_not_read_is_kept():
    assert only("a 2 s walking").unread == ("2",)


@pytest.mark.parametrize(
    "text", ["moving 10 cm", "walking over 10 s", "a 10-s walk", "walking at 10 cm/s", "10 frames"]
)
def test_a_number_with_a_unit_is_not_the_label_of_that_number(text):
    assert all("10" not in names(step.terms) for step in read(text).steps)


def test_a_number_alone_is_the_label_of_that_number():
    assert terms("10, then walking") == [["10"], ["walking"]]


# ------------------------------------------------------------------ absence
@pytest.mark.parametrize(
    "text",
    [
        "sessions without any grooming",
        "sessions without grooming",
        "find all recordings with no grooming",
        "which mice never groom",
        "animals that do not groom",
        "videos in which the mouse does not groom",
        "recordings where the mouse never grooms",
        "trials lacking grooming",
        "Show me sessions that have no grooming",
    ],
)
def test_sessions_without_something(text):
    description = read(text)
    assert description.absent
    assert [names(step.terms) for step in description.steps] == [["grooming"]]
    assert not description.steps[0].without


@pytest.mark.parametrize(
    "text", ["not grooming", "walking without grooming", "sessions with grooming", "the mouse never grooms"]
)
def test_moments_without_something_are_no_absence(text):
    assert not read(text).absent


# ------------------------------------------------------------------ any text
@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read(text):
    description = read(text)
    assert len(description.within) == len(description.steps) - 1


WORDS = (
    "walking|grooming|rearing|not|without|then|before|after|followed by|within 5 s|in 3 frames|,|and|center|enters|leaves|immediately|"
    "for 2 s|neither|nor|sessions without|fast|the other mouse|10|2 s|->|but|never|while|of|a|moments"
).split("|")


@given(st.lists(st.sampled_from(WORDS), max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_order_of_known_words_is_read(words):
    description = read(" ".join(words))
    assert len(description.within) == len(description.steps) - 1
    found = {name for step in description.steps for name in (*names(step.terms), *names(step.without))}
    named = set("|".join(found).split("|"))
    # "walking, walking or grooming" is walking: an alternative is dropped only where what it is the other side of must hold anyway.
    for word in {"walking", "grooming"} & set(words) - named:
        places = [place for place, other in enumerate(words) if other == word]
        beside = [other for place in places for other in words[max(0, place - 2) : place + 3]]
        assert "or" in beside


@pytest.mark.parametrize(
    "part",
    [
        " ",
        "\t",
        "a ",
        "not ",
        "then ",
        "10 s ",
        "within 10 s ",
        "1",
        ",",
        "walking or ",
        "after ",
        "enters ",
        "nor ",
        "x",
    ],
)
def test_long_texts_take_no_time(part):
    text = (part * 10_000)[:10_000]
    started = time.process_time()
    read(text)
    assert time.process_time() - started < 3
