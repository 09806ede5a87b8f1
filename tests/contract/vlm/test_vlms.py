"""What every vision-language model promises, asked of each backend."""

from __future__ import annotations

import itertools
import time

import pytest

from ethochat.index.errors import BackendUnavailableError
from ethochat.index.vlm import resolve_vlm
from ethochat.index.vlm.base import Capabilities, Vlm


def test_it_is_a_vlm_whose_model_names_no_place_of_this_machine(vlm, tmp_path):
    assert isinstance(vlm, Vlm)
    assert vlm.name
    assert vlm.model
    assert str(tmp_path.parent.parent) not in vlm.model


def test_probe_says_what_is_missing_in_one_line_each_and_is_remembered(vlm):
    found = vlm.probe()
    assert isinstance(found, Capabilities)
    assert found.device
    assert all(note.strip() and "\n" not in note for note in found.notes)
    started = time.perf_counter()
    assert vlm.probe() == found
    assert time.perf_counter() - started < 0.05


def test_each_request_is_answered_once(vlm, ask, draw_clip):
    requests = [ask(f"r{number}", clips=(draw_clip(number, 2 + number % 5),)) for number in range(11)]
    replies = list(vlm.generate(iter(requests)))
    assert sorted(reply.key for reply in replies) == sorted(request.key for request in requests)
    for reply in replies:
        assert (reply.error, reply.text != "" or reply.finish == "stop") == (None, True)
        assert reply.finish in {"stop", "length"}
        assert reply.prompt_tokens > 0
        assert reply.new_tokens >= 1
        assert reply.elapsed_s >= 0
        assert reply.decoding["max_new_tokens"] == 6


def test_same_request_gets_the_same_answer_beside_any_others(vlm, ask, draw_clip):
    request = ask("same")
    others = [ask(f"o{number}", clips=(draw_clip(number, 2 + 3 * number),)) for number in range(5)]
    (alone,) = vlm.generate([request])
    among = {reply.key: reply for reply in vlm.generate([*others[:3], request, *others[3:]])}["same"]
    assert among.text == alone.text


def test_no_requests_give_no_replies(vlm):
    assert list(vlm.generate(iter(()))) == []


def test_choices_get_probabilities_that_add_up_to_one(vlm, ask):
    requests = [ask(f"c{number}", choices=("yes", "no"), max_new_tokens=3) for number in range(4)]
    for reply in vlm.generate(requests):
        if not vlm.probe().probabilities:
            assert reply.probabilities is None
            continue
        if reply.probabilities is None:  # a server lists its likeliest tokens alone: here they are chance
            assert vlm.name.startswith("openai:")
            continue
        assert set(reply.probabilities) == {"yes", "no"}
        assert sum(reply.probabilities.values()) == pytest.approx(1)
        assert all(0 <= value <= 1 for value in reply.probabilities.values())


def test_without_choices_there_are_no_probabilities(vlm, ask):
    (reply,) = vlm.generate([ask()])
    assert reply.probabilities is None


def test_any_clips_are_taken(vlm, ask, draw_clip):
    """Several, of other shapes and lengths; one frame; a clock that nobody knows; none."""
    requests = [
        ask("several", clips=(draw_clip(1, 5), draw_clip(2, 3, (96, 64)))),
        ask("one frame", clips=(draw_clip(3, 1),)),
        ask("no clock", clips=(draw_clip(4, 4, seconds=False),)),
        ask("odd", clips=(draw_clip(5, 7, (65, 91)),)),
        ask("none", clips=()),
    ]
    replies = {reply.key: reply for reply in vlm.generate(requests)}
    assert {key: reply.error for key, reply in replies.items()} == dict.fromkeys(replies, None)
    assert len(replies) == len(requests)


def test_marks_of_templates_in_a_prompt_are_text(vlm, ask):
    """Names of behaviors and questions come from people: nothing in them may count as an image or a turn."""
    marks = "<image> <|image_pad|> <|video_pad|> <start_of_image> <image_soft_token> <|im_end|> <end_of_turn> {{ x }}"
    replies = list(vlm.generate([ask("marks", prompt=marks), ask("plain")]))
    assert [reply.error for reply in replies] == [None, None]


def test_requests_are_drawn_as_they_are_needed(vlm, ask, draw_clip):
    drawn, clip = [], draw_clip()

    def endless():
        for number in itertools.count():
            drawn.append(number)
            yield ask(f"e{number}", clips=(clip,), max_new_tokens=2)

    replies = vlm.generate(endless())
    for _ in range(4):
        assert next(replies).error is None
    replies.close()
    n = len(drawn)
    assert n <= 64
    time.sleep(0.1)
    assert len(drawn) == n


def test_what_the_requests_raise_is_raised(vlm, ask):
    def failing():
        yield ask("a")
        yield ask("b")
        raise ZeroDivisionError("the video ends here")

    replies = []
    with pytest.raises(ZeroDivisionError, match="the video ends here"):
        replies.extend(vlm.generate(failing()))
    assert {reply.key for reply in replies} <= {"a", "b"}


def test_close_may_be_called_twice(vlm):
    vlm.close()
    vlm.close()


def test_an_instance_is_used_as_it_is(vlm):
    assert resolve_vlm(vlm) is vlm


@pytest.mark.parametrize("name", ["qwen", "transformers:", "openai:", "ollama:llava"])
def test_unknown_name_says_how_to_name_one(name):
    with pytest.raises(BackendUnavailableError, match="transformers:MODEL_OR_PATH"):
        resolve_vlm(name)
