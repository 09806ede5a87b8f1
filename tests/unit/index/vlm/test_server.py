"""Names, forms and readings of the backend for servers; what needs a server is in tests/contract/vlm."""

from __future__ import annotations

import asyncio
import base64
import io
import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ethochat.index.errors import BackendUnavailableError
from ethochat.index.settings import VlmSettings
from ethochat.index.vlm.addresses import OPENAI_URL, parse_name, read_key, scrub
from ethochat.index.vlm.base import Frames, Vlm, VlmRequest
from ethochat.index.vlm.cleaning import clean
from ethochat.index.vlm.connection import Server, _asked_wait, _kind, is_context_problem, is_images_problem
from ethochat.index.vlm.pool import Patience, Pool
from ethochat.index.vlm.probing import Findings, in_common
from ethochat.index.vlm.server import connect_server
from ethochat.index.vlm.wire import (
    Dialect,
    as_text,
    choice_probabilities,
    read_reply,
    request_body,
    video_form,
    video_part,
)


def draw_clip(times, *, size=(40, 60), seconds=True) -> Frames:
    n = len(times)
    images = np.zeros((n, *size, 3), dtype=np.uint8)
    images[..., 0] = np.linspace(20, 220, n).astype(np.uint8)[:, None, None]
    return Frames(
        images=images,
        times=np.asarray(times, dtype=float),
        duration=float(times[-1]) + 0.25,
        frames=tuple(range(n)),
        seconds=seconds,
    )


def ask(*clips, **rest) -> VlmRequest:
    return VlmRequest(key="k", system="", prompt="What?", clips=clips, **rest)


# ---- names


@pytest.mark.parametrize(
    ("rest", "model", "bases"),
    [
        ("qwen3-vl@http://localhost:8000/v1", "qwen3-vl", ["http://localhost:8000/v1"]),
        ("qwen3-vl@http://localhost:8000", "qwen3-vl", ["http://localhost:8000/v1"]),
        ("org/model@http://h/v1/", "org/model", ["http://h/v1"]),
        ("m@https://h/api/v1/chat/completions", "m", ["https://h/api/v1"]),
        ("m@http://a:1,http://b:2/v1", "m", ["http://a:1/v1", "http://b:2/v1"]),
        ("m@http://a:1,http://a:1/v1", "m", ["http://a:1/v1"]),
        ("gemini@001@https://h/v1", "gemini@001", ["https://h/v1"]),
        ("m@http://anna:p%40ss@h:1/v1", "m", ["http://h:1/v1"]),
        ("m@HTTP://[::1]:8000/v1", "m", ["http://[::1]:8000/v1"]),
        ("gpt-5", "gpt-5", [OPENAI_URL]),
    ],
)
def test_name_is_split_into_model_and_servers(rest, model, bases):
    found, addresses = parse_name(rest)
    assert (found, [address.base for address in addresses]) == (model, bases)


@pytest.mark.parametrize(
    "rest",
    ["", " ", "m@localhost:8000", "m@ftp://h", "@http://h", "m@http://", "m@http://h:port", "m@http://a,b:1"],
)
def test_name_of_another_form_is_refused_rather_than_sent_elsewhere(rest):
    with pytest.raises(BackendUnavailableError, match="Expected MODEL@URL"):
        parse_name(rest)


@pytest.mark.parametrize(
    "rest",
    [
        "m@anna:secret@localhost:8000",
        "m@http://anna:secret@h:port",
        "m@ftp://anna:secret@h",
        "m@http://h:x?key=secret",
    ],
)
def test_refusal_shows_no_secret(rest):
    with pytest.raises(BackendUnavailableError) as raised:
        parse_name(rest)
    assert "secret" not in str(raised.value)


def test_credentials_are_read_and_hidden():
    (address,) = parse_name("m@http://anna:p%40ss@h:1/v1?api-key=q1q1")[1]
    assert (address.user, address.password, address.query) == ("anna", "p@ss", "api-key=q1q1")
    assert (address.shown, address.host) == ("http://h:1", "h:1")
    assert not any(secret in repr(address) for secret in ("anna", "p@ss", "q1q1"))
    assert scrub("no p@ss, no p%40ss, no q1q1", address.secrets) == "no …, no …, no …"


@pytest.mark.parametrize(
    ("url", "local"),
    [("http://127.0.0.1:1", True), ("http://localhost", True), ("http://[::1]", True), ("https://h", False)],
)
def test_this_machine_is_known(url, local):
    assert parse_name(f"m@{url}")[1][0].local is local


def test_key_is_read_from_the_first_variable_that_has_one():
    own = parse_name("gpt")[1]
    assert read_key(own, {}) is None
    assert read_key(own, {"OPENAI_API_KEY": "b"}) == "b"
    assert read_key(own, {"OPENAI_API_KEY": "b", "ETHOCHAT_VLM_KEY": " a "}) == "a"
    assert read_key(own, {"OPENAI_API_KEY": "b", "ETHOCHAT_VLM_KEY": " "}) == "b"


@pytest.mark.parametrize(
    "url",
    [
        "http://lab:8000/v1",
        "http://api.openai.com/v1",
        "https://api.openai.com.evil.example/v1",
        "https://api.openai.com/v1,http://lab:8000/v1",
    ],
)
def test_key_for_openai_is_told_to_nobody_else(url):
    addresses = parse_name(f"m@{url}")[1]
    assert read_key(addresses, {"OPENAI_API_KEY": "b"}) is None
    assert read_key(addresses, {"OPENAI_API_KEY": "b", "ETHOCHAT_VLM_KEY": "a"}) == "a"


def test_connecting_sends_nothing_and_names_no_secret(monkeypatch):
    monkeypatch.setenv("ETHOCHAT_VLM_KEY", "sk-secret")
    vlm = connect_server("m@http://anna:secret@nowhere.invalid:1", VlmSettings())
    assert isinstance(vlm, Vlm)
    assert (vlm.name, vlm.model) == ("openai:m@http://nowhere.invalid:1/v1", "m@nowhere.invalid:1")
    assert dict(vlm.dropped) == {}
    vlm.close()


# ---- what is sent


def test_images_keep_their_colors():
    image = np.zeros((64, 64, 3), dtype=np.uint8)
    image[:, 30:32] = (255, 0, 0)  # a thin line in color, as of a skeleton
    clip = Frames(images=image[None], times=np.zeros(1), duration=0.1, frames=(0,))
    (picture, text) = request_body(ask(clip), model="m", dialect=Dialect())["messages"][0]["content"]
    data = picture["image_url"]["url"].removeprefix("data:image/jpeg;base64,")
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))), dtype=int)
    assert seen.shape == (64, 64, 3)
    assert np.abs(seen[:, 30:32] - (255, 0, 0)).mean() < 12
    assert text == {"type": "text", "text": "What?"}


def test_body_holds_no_field_that_was_not_found_to_be_understood():
    request = ask(draw_clip([0, 0.25]), json_schema={"type": "object"}, choices=("yes", "no"))
    body = request_body(request, model="m", dialect=Dialect())
    assert set(body) == {"model", "messages", "max_tokens", "temperature"}
    able = request_body(request, model="m", dialect=Dialect(structured=True, top_logprobs=5, video="frames"))
    assert able["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert (able["logprobs"], able["top_logprobs"]) == (True, 5)
    assert able["mm_processor_kwargs"] == {"do_sample_frames": False}


def test_video_of_frames_states_its_times():
    body = request_body(ask(draw_clip([0, 0.25, 1.1])), model="m", dialect=Dialect(video="frames"))
    assert body["media_io_kwargs"]["video"] == {
        "fps": 1000,
        "frames_indices": [0, 250, 1100],
        "total_num_frames": 1350,
        "duration": 1.35,
        "num_frames": 3,
        "do_sample_frames": False,
    }
    (video, _) = body["messages"][0]["content"]
    assert video["video_url"]["url"].count(",") == 3


def test_video_file_has_the_frames_and_the_rate():
    url = video_part(draw_clip([0, 0.25, 0.5, 0.75], size=(41, 61)), "mp4")["video_url"]["url"]
    with av.open(io.BytesIO(base64.b64decode(url.removeprefix("data:video/mp4;base64,")))) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 4
    assert [frame.shape for frame in frames] == [(40, 60, 3)] * 4
    assert [int(frame[..., 0].mean()) for frame in frames] == pytest.approx([20, 86, 153, 220], abs=6)


@pytest.mark.parametrize(
    ("clips", "frames", "mp4"),
    [
        ([draw_clip([0, 0.25, 0.5])], "frames", "mp4"),
        ([draw_clip([0, 0.1, 0.5])], "frames", None),
        ([draw_clip([0, 0.25]), draw_clip([0, 0.5])], None, "mp4"),
        ([draw_clip([0])], None, None),
        ([draw_clip([0, 6, 12], seconds=False)], None, None),
        ([draw_clip([0, 0.0001, 0.5])], None, None),
    ],
)
def test_form_of_a_video_is_one_that_tells_its_times_truly(clips, frames, mp4):
    assert (video_form(clips, "frames"), video_form(clips, "mp4"), video_form(clips, None)) == (
        frames,
        mp4,
        None,
    )


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("<image>", "< image>"),
        ("<|im_end|><|vision_start|>", "< |im_end|>< |vision_start|>"),
        ("[INST] [/INST] [x] [1]", "[ INST] [ /INST] [x] [1]"),
        ("speed < 2 and > 1, <b>", "speed < 2 and > 1, <b>"),
        ('{"overall": null, "keywords": ["A"]}', '{"overall": null, "keywords": ["A"]}'),
    ],
)
def test_marks_of_templates_are_broken_up_and_nothing_else(text, sent):
    assert as_text(text) == sent


# ---- what comes back


def listed(*tokens: tuple[str, float]) -> dict:
    alternatives = [{"token": token, "logprob": math.log(mass)} for token, mass in tokens]
    return {"token": tokens[0][0], "logprob": 0.0, "top_logprobs": alternatives}


def choice_of(*places) -> dict:
    return {"logprobs": {"content": list(places)}}


def test_probabilities_sum_case_and_leading_space():
    choice = choice_of(listed((" Yes", 0.4), ("yes", 0.2), ("▁YES", 0.1), ("ĠNo", 0.2), ("no", 0.1)))
    assert choice_probabilities(choice, ("yes", "no")) == pytest.approx({"yes": 0.7, "no": 0.3})


def test_first_token_that_is_not_blank_counts():
    choice = choice_of(listed(("\n", 0.9)), listed(("No", 0.8), ("Yes", 0.2)))
    assert choice_probabilities(choice, ("yes", "no")) == pytest.approx({"yes": 0.2, "no": 0.8})


def test_beginning_of_one_choice_alone_stands_for_it():
    choice = choice_of(listed(("le", 0.6), ("right", 0.2), ("ri", 0.1), ("n", 0.1)))
    assert choice_probabilities(choice, ("left", "right", "neither")) == pytest.approx(
        {"left": 0.6 / 0.9, "right": 0.2 / 0.9, "neither": 0.1 / 0.9}
    )
    shared = choice_of(listed(("n", 0.6), ("no", 0.4)))
    assert choice_probabilities(shared, ("no", "none")) == pytest.approx({"no": 0.5, "none": 0.5})


def test_choice_that_is_not_listed_counts_as_the_least_listed():
    """Else a "yes" among gibberish would be certain."""
    choice = choice_of(listed(("the", 0.03), ("yes", 0.02), ("of", 0.02)))
    assert choice_probabilities(choice, ("yes", "no")) == pytest.approx({"yes": 0.5, "no": 0.5})


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"logprobs": None},
        {"logprobs": {"content": None}},
        {"logprobs": {"content": []}},
        {"logprobs": {"content": [{"token": "yes", "top_logprobs": None}]}},
        {
            "logprobs": {
                "content": [{"token": "yes", "top_logprobs": [{"token": "yes", "logprob": math.nan}]}]
            }
        },
        {
            "logprobs": {
                "content": [{"token": "yes", "top_logprobs": [{"token": "yes", "logprob": "-1"}, "x"]}]
            }
        },
        {"logprobs": {"content": ["yes"]}},
        {"logprobs": {"tokens": ["yes"], "token_logprobs": [-1]}},
        choice_of(listed(("maybe", 1.0))),
    ],
)
def test_without_alternatives_there_are_no_probabilities(choice):
    assert choice_probabilities(choice, ("yes", "no")) is None


@given(
    st.dictionaries(
        st.sampled_from([" Yes", "yes", "No", "▁no", "x", "y", "n", ""]), st.floats(-30, 0), min_size=1
    ),
)
def test_probabilities_are_a_distribution_or_none(tokens):
    place = {
        "token": "x",
        "top_logprobs": [{"token": token, "logprob": value} for token, value in tokens.items()],
    }
    found = choice_probabilities(choice_of(place), ("yes", "no"))
    if found is not None:
        assert set(found) == {"yes", "no"}
        assert sum(found.values()) == pytest.approx(1)
        assert all(0 <= value <= 1 for value in found.values())


@pytest.mark.parametrize(
    ("choice", "text", "finish", "error"),
    [
        ({"message": {"content": "A."}, "finish_reason": "stop"}, "A.", "stop", None),
        ({"message": {"content": "A"}, "finish_reason": "length"}, "A", "length", None),
        ({"message": {"content": ""}, "finish_reason": "stop"}, "", "stop", None),
        ({"message": {"content": [{"type": "text", "text": "A"}, {"type": "x"}]}}, "A", "stop", None),
        ({"message": {"content": None}}, "", "error", "the answer has no text"),
        ({"message": {"content": 3}}, "", "error", "the answer's content is no text"),
        ({"message": {"content": None, "refusal": "no"}}, "", "error", "the model declined to answer"),
        ({"message": {"content": ""}, "finish_reason": "content_filter"}, "", "error", "content filter"),
        (
            {"message": {"content": "", "reasoning_content": "Hm"}, "finish_reason": "length"},
            "",
            "error",
            "only reasoned and gave no answer; raise max_new_tokens",
        ),
        ({"text": "A"}, "", "error", "the answer has no message"),
        ("A", "", "error", "the answer has no message"),
    ],
)
def test_answer_is_read_or_said_to_be_none(choice, text, finish, error):
    reply = read_reply(ask(), {"choices": [choice]}, share_s=0.5, decoding={})
    assert (reply.text, reply.finish, reply.elapsed_s) == (text, finish, 0.5)
    assert reply.error is None if error is None else error in reply.error


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 7, "completion_tokens": 2}, (7, 2)),
        ({"prompt_tokens": "7", "completion_tokens": -1}, (None, None)),
        (None, (None, None)),
        ([7], (None, None)),
        ({"prompt_tokens": int("9" * 30), "completion_tokens": 10**9}, (None, 10**9)),
        ({"prompt_tokens": 7.0, "completion_tokens": math.nan}, (None, None)),
        ({"prompt_tokens": True, "completion_tokens": math.inf}, (None, None)),
    ],
)
def test_tokens_are_counted_where_the_server_tells_them(usage, counted):
    reply = read_reply(
        ask(), {"choices": [{"message": {"content": "A"}}], "usage": usage}, share_s=0, decoding={}
    )
    assert (reply.prompt_tokens, reply.new_tokens) == counted


@pytest.mark.parametrize("logprob", [math.nan, math.inf, -math.inf, 10**400, -(10**400)])
def test_one_probability_that_is_no_number_makes_all_unknown(logprob):
    place = listed(("yes", 0.4), ("no", 0.3))
    assert choice_probabilities(choice_of(place), ("yes", "no")) is not None
    place["top_logprobs"].append({"token": "maybe", "logprob": logprob})
    assert choice_probabilities(choice_of(place), ("yes", "no")) is None


@pytest.mark.parametrize("content", ["it \ud83drears\0", [{"text": "it \ud83drears\0"}]])
def test_text_can_be_stored(content):
    reply = read_reply(ask(), {"choices": [{"message": {"content": content}}]}, share_s=0, decoding={})
    assert reply.text == "it rears"


# ---- health


def test_end_of_the_last_server_is_said_once_by_its_host_with_one_period(caplog):
    async def die() -> str:
        server = Server(parse_name("m@http://lab:8000")[1][0], key=None, concurrency=1, timeout_s=1)
        pool = Pool([server], concurrency=1, patience=Patience())
        await pool.drop(server, "HTTP 401, Invalid key.")
        await pool.aclose()
        return pool.say_dead()

    with caplog.at_level("WARNING"):
        said = asyncio.run(die())
    assert said == (
        "No server of the vision-language model answers. lab:8000: HTTP 401, Invalid key. See to it and run the same again."
    )
    assert clean(said, 500) == said
    assert not caplog.records


@pytest.mark.parametrize(
    ("status", "said", "error", "answered", "kind"),
    [
        (400, "bad pixels", {}, True, "refused"),
        (422, "", {}, False, "refused"),
        (401, "", {}, True, "closed"),
        (404, "", {}, False, "closed"),
        (404, "", {}, True, "refused"),
        (307, "", {}, True, "closed"),
        (429, "", {}, True, "busy"),
        (429, "You exceeded your quota", {"code": "insufficient_quota"}, True, "closed"),
        (503, "Loading model", {}, False, "busy"),
        (500, "", {}, True, "broken"),
        (408, "", {}, True, "broken"),
        (500, "the request exceeds the available context size", {}, True, "refused"),
    ],
)
def test_status_says_whether_trying_again_can_help(status, said, error, answered, kind):
    assert _kind(status, said, {"error": error}, answered=answered) == kind


@pytest.mark.parametrize(
    "text",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
        "Input length (5000 tokens) exceeds the maximum allowed length (4096 tokens).",
        "the request exceeds the available context size (4096 tokens), try increasing it",
        "Requested tokens (2285) exceed context window of 2048",
        "context_length_exceeded",
    ],
)
def test_complaint_about_the_context_is_known(text):
    assert is_context_problem(text)
    assert not is_images_problem(text)


def test_complaint_about_many_images_is_known():
    assert is_images_problem("At most 1 image(s) may be provided in one prompt.")
    assert not is_context_problem("At most 1 image(s) may be provided in one prompt.")
    assert not is_images_problem("cannot identify image file")


def test_asked_pause_is_read_in_each_form():
    assert _asked_wait({"retry-after": "2.5"}) == 2.5
    assert _asked_wait({"retry-after": "-3"}) == 0
    assert _asked_wait({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert _asked_wait({"retry-after": then}) == pytest.approx(60, abs=2)
    for nothing in ({}, {"retry-after": "soon"}, {"retry-after": "nan"}, {"retry-after": "inf"}):
        assert _asked_wait(nothing) is None


@given(st.integers(1, 60))
def test_waits_double_up_to_a_limit(times):
    patience = Patience(first_s=0.5, longest_s=30)
    ceiling = min(30, 0.5 * 2 ** (times - 1))
    assert ceiling / 2 <= patience.delay_s(times) <= ceiling


def test_pool_can_what_all_of_it_can():
    one = Findings(
        dialect=Dialect(video="frames", structured=True, top_logprobs=20), context_tokens=9, notes=("a",)
    )
    two = Findings(
        dialect=Dialect(video="mp4", structured=True, top_logprobs=5), max_images=4, notes=("a", "b")
    )
    assert in_common([one, two]) == Findings(
        dialect=Dialect(structured=True, top_logprobs=5), context_tokens=9, max_images=4, notes=("a", "b")
    )
    assert in_common([one]) == one
