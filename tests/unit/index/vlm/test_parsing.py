"""Replies as models write them, good and bad."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethochat.index.vlm.parsing import (
    DESCRIPTION_SCHEMA,
    LONGEST_REPLY,
    ReplyFormError,
    SeenDescription,
    parse_answer,
    parse_description,
)

PARTS = {
    "overall": "The mouse walks along the wall.",
    "head": None,
    "limb": None,
    "torso": None,
    "keywords": ["walking"],
}


def reply(**changes: object) -> str:
    return json.dumps(PARTS | changes)


@pytest.mark.parametrize(
    "text",
    [
        reply(),
        f"```json\n{reply()}\n```",
        f"```\n{reply()}```",
        f"<think>It seems to walk. {{}}</think>\n{reply()}",
        f"It seems to walk.</think>{reply()}",
        f"<thinking>hm</thinking>```json\n{reply()}\n```",
        f"\n\n  {reply()}  \n",
        json.dumps(PARTS, indent=2),
        reply(overall="**The mouse** walks\nalong the wall."),
        reply(head="null", limb="Not visible.", torso="N/A"),
        reply(head="", limb="  "),
        reply(keywords=["walking", "Walking", ""]),
        reply(keywords=["walking", "none"]),
    ],
)
def test_good_replies_say_the_same(text):
    seen = parse_description(text)
    assert seen == SeenDescription(**PARTS)


def test_parts_are_kept():
    seen = parse_description(
        reply(head="The nose points up.", limb="One forepaw is lifted.", torso="Arched.", keywords=[])
    )
    assert (seen.head, seen.limb, seen.torso, seen.keywords) == (
        "The nose points up.",
        "One forepaw is lifted.",
        "Arched.",
        [],
    )


@pytest.mark.parametrize(
    "text",
    [
        "It walks at 12 cm/s along the wall.",
        "A second mouse approaches within 3 cm.",
        "It stops for a second time.",
        "It turns by 90 degrees and stands on 2 legs.",
        "The other 2 sit still.",
        "It walks about 0.3 m/s.",
        "Its tail is S-shaped.",
    ],
)
def test_numbers_that_are_no_times_may_stand(text):
    assert parse_description(reply(overall=text)).overall == text


@pytest.mark.parametrize(
    "text",
    [
        "At 3.2 s it rears.",
        "It rears at 0:15.",
        "It grooms for 2 seconds.",
        "It grooms for two seconds, then walks.",
        "After a few seconds it stops.",
        "It rests for a minute.",
        "It rears in frame 12.",
        "From second 3 on it walks.",
        "It freezes for 400 ms.",
        "A 3-second rear.",
        "It walks for 1.5s.",
    ],
)
@pytest.mark.parametrize("field", ["overall", "head"])
def test_times_are_refused_with_their_words(text, field):
    with pytest.raises(ReplyFormError, match=f"without times, found .* in '{field}'"):
        parse_description(reply(**{field: text}))


def test_time_among_keywords_is_refused():
    with pytest.raises(ReplyFormError, match="'3 s' in 'keywords'"):
        parse_description(reply(keywords=["rearing 3 s"]))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "found nothing"),
        ("   \n", "found nothing"),
        ("<think>it goes on and on", "found nothing"),
        ("The mouse walks.", "no JSON"),
        (f"Here it is: {reply()}", "no JSON"),
        (f"{reply()} I hope this helps!", "no JSON"),
        (f"{reply()}{reply()}", "no JSON"),
        (reply()[:-10], "no JSON"),
        (str(PARTS), "no JSON"),
        (f"[{reply()}]", "a list"),
        ('"walking"', "a str"),
        ("null", "a NoneType"),
        ("NaN", "found NaN"),
        ('{"overall": "It walks."}', "'head': field required"),
        (reply(overall=None), "'overall'"),
        (reply(overall=""), "says nothing"),
        (reply(overall="N/A"), "says nothing"),
        (reply(overall="???"), "says nothing"),
        (reply(overall=["It walks."]), "'overall'"),
        (reply(head=3), "'head'"),
        (reply(head={"nose": "up"}), "'head'"),
        (reply(keywords="walking, rearing"), "'keywords'"),
        (reply(keywords=None), "'keywords'"),
        (reply(keywords=["walking", 3]), "'keywords.1'"),
        (reply(keywords=[f"word {chr(97 + k)}" for k in range(20)]), "20 entries"),
        (reply(mood="happy"), "'mood'"),
        (reply()[:-1] + ', "head": "up"}', "'head' twice"),
        ("[" * 100_000, "JSON"),
        ('{"overall": NaN}', "found NaN"),
        (f'{{"overall": {"9" * 5000}}}', "number too long"),
        ('{"overall": 1e999}', "'overall'"),
        ("```" + " " * 2000 + "x", "no JSON"),
        ("``````", "found nothing"),
        ('{"a":' * 30_000 + "1" + "}" * 30_000, "nested|JSON"),
        ("x" * 200_001, "at most 200000 characters, found 200001"),
    ],
)
def test_bad_replies_are_refused_with_what_is_wrong(text, complaint):
    with pytest.raises(ReplyFormError, match=complaint):
        parse_description(text)


def test_complaint_does_not_carry_what_the_model_wrote():
    with pytest.raises(ReplyFormError) as caught:
        parse_description(reply(**{"x" * 500 + "\nignore": "y"}))
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


def test_long_texts_are_cut():
    seen = parse_description(reply(overall="walks " * 500, keywords=["w" * 200]))
    assert len(seen.overall) <= 600
    assert len(seen.keywords[0]) == 60


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text):
    try:
        seen = parse_description(text)
    except ReplyFormError:
        return
    assert seen.overall


@given(
    st.fixed_dictionaries(
        {key: st.one_of(st.none(), st.text(max_size=50)) for key in ("head", "limb", "torso")}
    )
)
def test_what_is_read_has_the_form_that_was_asked_for(parts):
    try:
        seen = parse_description(reply(**parts))
    except ReplyFormError:
        return
    assert set(seen.model_dump()) == set(DESCRIPTION_SCHEMA["required"])
    assert parse_description(seen.model_dump_json()) == seen


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("yes", "yes"),
        ("No.", "no"),
        ("Yes, the tail is raised.", "yes"),
        ("**No**, it sits.", "no"),
        ("NO - nothing is seen", "no"),
        ("The answer is yes.", "yes"),
        ("Answer: no, it sits.", "no"),
        ('{"answer": "yes"}', "yes"),
        ("<think>yes or no? no</think>Yes.", "yes"),
        ("```\nyes\n```", "yes"),
        ("yes/no", None),
        ("Yes or no", None),
        ("yes and no", None),
        ("No doubt, the tail is raised.", None),
        ("No question: it rears.", None),
        ("**No idea**", None),
        ("No clear view of the paws.", None),
        ("No way to tell.", None),
        ("No real doubt about it.", None),
        ("Not sure.", None),
        ("Unsure, no.", None),
        ("No, no doubt.", "no"),
        ("No way.", "no"),
        ("No mouse rears.", "no"),
        ("Not visible.", None),
        ("I cannot tell.", None),
        ("Nobody moves.", None),
        ("The mouse rears, yes.", None),
        ("Yesterday it rained.", None),
        ("", None),
    ],
)
def test_yes_and_no(text, verdict):
    assert parse_answer(text)[0] == verdict


def test_answer_is_cleaned():
    assert parse_answer("Yes,\n<b>it</b> does.\x07")[1] == "Yes, it does."


SURROGATE = "\ud83d"


@pytest.mark.parametrize("name", ["overall", "head", "keywords", "mood"])
@pytest.mark.parametrize("written", [f"walks {SURROGATE} on", "walks \\ud83d on"])
def test_half_a_character_is_left_out_or_refused_but_never_passed_on(name, written):
    said = reply(**{name: [written] if name == "keywords" else written}).replace("\\\\ud83d", "\\ud83d")
    try:
        text = parse_description(said).model_dump_json()
    except ReplyFormError as exc:
        text = str(exc)
    assert text.encode()


def test_half_a_character_in_an_answer_or_a_key_can_be_encoded():
    assert parse_answer(f"Yes {SURROGATE}{SURROGATE}.")[1] == "Yes ."
    with pytest.raises(ReplyFormError) as caught:
        parse_description(reply()[:-1] + ', "\\ud83d": 1, "\\ud83d": 2}')
    assert str(caught.value).encode()


@pytest.mark.parametrize(
    "unit",
    [
        "```",
        " ",
        "<a",
        "<|",
        "[",
        "![a](",
        "http://",
        "_",
        "*",
        "> ",
        "1,",
        "<think>",
        "</think>",
        '{"a":',
        "for a ",
        "word ",
    ],
)
def test_hostile_text_is_soon_dealt_with(unit):
    text = (unit * LONGEST_REPLY)[: LONGEST_REPLY - 10]
    started = time.process_time()
    parse_answer(f"```{text}x")
    for said in (f"{text}```", reply(overall=text[:-500])):
        with suppress(ReplyFormError):
            parse_description(said)
    assert time.process_time() - started < 3.0


def test_nested_tags_and_a_text_without_end_are_soon_dealt_with():
    started = time.process_time()
    parse_answer("<a" * 60_000 + ">" * 60_000)
    assert parse_answer("no " * 400_000)[0] is None
    assert time.process_time() - started < 3.0
