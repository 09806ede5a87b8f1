"""The backend for servers against processes that answer over HTTP, well and badly."""

from __future__ import annotations

import importlib.util
import itertools
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError

import numpy as np
import pytest

from ethochat.index.errors import BackendUnavailableError
from ethochat.index.settings import VlmSettings
from ethochat.index.vlm import resolve_vlm
from ethochat.index.vlm.addresses import parse_name
from ethochat.index.vlm.base import Frames, VlmRequest
from ethochat.index.vlm.pool import Patience
from ethochat.index.vlm.server import ServerVlm
from ethochat.index.vlm.wire import Dialect, first_alternatives, request_body

KEY = "sk-a-secret-key-0123456789"
SETTINGS = VlmSettings(size_px=56, max_frames=8, timeout_s=5.0)
"""An image of this size costs four tokens at the server."""
SCHEMA = {
    "type": "object",
    "properties": {"overall": {"type": "string"}, "head": {"type": ["string", "null"]}},
}
"""An image of this size costs four tokens."""


@pytest.fixture(scope="module")
def processes() -> Iterator[list]:
    """Servers that were started; those that live are used again."""
    made: list = []
    yield made
    for process in made:
        process.stop()


@pytest.fixture
def start(processes, server_process) -> Callable:
    """Start a server with a configuration."""
    idle = [process for process in processes if process.running]

    def begin(**config):
        if idle:
            process = idle.pop()
            process.renew(**config)
        else:
            process = server_process(**config)
            processes.append(process)
        return process

    return begin


@pytest.fixture
def connect() -> Iterator[Callable[..., ServerVlm]]:
    """Connect to servers with waits of hundredths of seconds."""
    made = []

    def make(*servers, settings=SETTINGS, patience=None, key=None, rest=None) -> ServerVlm:
        model, addresses = parse_name(rest or "tiny@" + ",".join(server.url for server in servers))
        made.append(
            ServerVlm(model, addresses, settings, key=key, patience=patience or Patience(first_s=0.02))
        )
        return made[-1]

    yield make
    for vlm in made:
        vlm.close()


def draw_clip(n: int = 3, size: int = 56, times=None) -> Frames:
    images = np.random.default_rng(n).integers(0, 256, (n, size, size, 3), dtype=np.uint8)
    times = np.arange(n) / 4 if times is None else np.asarray(times, dtype=float)
    return Frames(images=images, times=times, duration=float(times[-1]) + 0.25, frames=tuple(range(n)))


def ask(key: str, prompt: str = "What does it do?", **rest) -> VlmRequest:
    rest.setdefault("clips", (draw_clip(),))
    return VlmRequest(key=key, system="You watch mice.", prompt=f"Q{key} {prompt}", **rest)


def asks(n: int, **rest) -> list[VlmRequest]:
    return [ask(str(number), **rest) for number in range(n)]


def by_key(replies) -> dict:
    return {reply.key: reply for reply in replies}


# ---- what a probe finds


def test_probe_of_a_server_with_everything_finds_everything(start, connect):
    server = start(video="frames", context=20_000)
    found = connect(server).probe()
    assert (found.video, found.structured, found.probabilities) == (True, True, True)
    assert (found.device, found.context_tokens, found.notes) == (f"http://{server.host}", 20_000, ())


def test_probe_of_a_server_with_nothing_names_each_remedy(start, connect):
    vlm = connect(start(structured="ignore", logprobs="ignore", models=500))
    found = vlm.probe()
    assert (found.video, found.structured, found.probabilities, found.context_tokens) == (
        False,
        False,
        False,
        None,
    )
    assert [note.split(":")[0] for note in found.notes] == [
        "takes no video parts that it is seen to count",
        "follows no JSON schema",
        "gives no token probabilities",
    ]
    assert all("vLLM" in note and "\n" not in note for note in found.notes)


def test_probe_is_made_once(start, connect):
    server = start()
    vlm = connect(server)
    assert vlm.probe() == vlm.probe()
    once = server.stats()["chats"]
    list(vlm.generate(asks(2)))
    assert server.stats()["chats"] == once + 2


def test_refused_fields_are_left_out(start, connect):
    server = start(structured="refuse", logprobs="refuse")
    (reply,) = connect(server).generate([ask("1", json_schema=SCHEMA, choices=("yes", "no"))])
    assert (reply.error, reply.probabilities) == (None, None)
    (asked,) = server.asked("Q1")
    assert asked["fields"] == ["max_tokens", "messages", "model", "temperature"]


def test_fewer_alternatives_are_asked_for_where_twenty_are_refused(start, connect):
    assert connect(start(most_alternatives=5)).probe().probabilities


@pytest.mark.parametrize(
    ("config", "limit", "words"),
    [
        ({"max_images": 5}, 5, "--limit-mm-per-prompt"),
        # 800 words, 256 of the answer and 5 of the question leave room for 5 frames of 4 tokens
        ({"context": 1084}, 5, "--max-model-len"),
        ({"context": 1084, "context_status": 500}, 5, "--max-model-len"),
        ({"context": 1000}, 0, "--max-model-len"),
    ],
)
def test_probe_finds_how_many_frames_fit(start, connect, config, limit, words):
    vlm = connect(start(**config))
    note = next(note for note in vlm.probe().notes if "beside a prompt" in note)
    assert note.startswith(f"takes {limit} frames of 56 px beside a prompt, not 8: ")
    assert words in note
    assert vlm.max_frames == limit


def test_probe_notices_a_prompt_that_is_cut_without_a_word(start, connect):
    vlm = connect(
        start(context=1400, cuts=True), settings=VlmSettings(size_px=140, max_frames=32, timeout_s=5)
    )
    assert any("cut prompts without saying so" in note for note in vlm.probe().notes)


def test_probe_notices_a_server_that_drops_images(start, connect):
    assert any("may not see any" in note for note in connect(start(blind=True)).probe().notes)


def test_probe_says_that_tokens_are_not_counted(start, connect):
    vlm = connect(start(usage=False, video="frames"))
    found = vlm.probe()
    assert not found.video
    assert any("counts no tokens" in note for note in found.notes)
    (reply,) = vlm.generate(asks(1))
    assert (reply.error, reply.prompt_tokens, reply.new_tokens) == (None, None, None)


def test_other_names_of_fields_are_learned(start, connect):
    server = start(renamed=True)
    vlm = connect(server)
    assert any("no temperature" in note for note in vlm.probe().notes)
    (reply,) = vlm.generate(asks(1))
    assert reply.error is None
    assert reply.decoding["do_sample"] is True
    assert server.asked("Q0")[0]["fields"] == ["max_completion_tokens", "messages", "model"]


def test_server_that_takes_no_images_is_refused_with_the_reason(start, connect):
    with pytest.raises(BackendUnavailableError, match=r"does not take an image for 'tiny'.*vision-language"):
        connect(start(max_images=0)).probe()


def test_model_that_is_not_served_is_named(start, connect):
    server = start(model="other")
    with pytest.raises(
        BackendUnavailableError, match=r"The model `tiny` does not exist.*check the model's name"
    ):
        connect(server).probe()


def test_server_that_is_not_there_is_named_with_a_remedy(start, connect):
    server = start()
    server.stop()
    with pytest.raises(BackendUnavailableError, match=rf"answers\. {server.host}: cannot be reached"):
        connect(server).probe()


def test_server_that_still_loads_is_waited_for(start, connect):
    server = start(fault="status", status=503, message="Loading model", times=3)
    assert connect(server).probe().structured


# ---- what is sent


def test_frames_are_sent_as_images_in_order_with_clips_named(start, connect):
    server = start()
    two = ask("two", clips=(draw_clip(2), draw_clip(3, 112)))
    (reply,) = connect(server).generate([two])
    (asked,) = server.asked("Qtwo")
    assert asked["images"] == [[56, 56]] * 2 + [[112, 112]] * 3
    assert asked["texts"] == ["You watch mice.", "Clip 1:", "Clip 2:", "Qtwo What does it do?"]
    assert reply.prompt_tokens == 2 * 4 + 3 * 16 + 3 + 2 + 2 + 5
    assert reply.decoding == {
        "do_sample": False,
        "temperature": 0.0,
        "max_new_tokens": 256,
        "structured": False,
        "frames_as": "image/jpeg",
    }


def test_video_is_sent_with_its_uneven_times(start, connect):
    server = start(video="frames")
    clip = draw_clip(40, times=np.sort(np.random.default_rng(3).choice(4000, 40, replace=False)) / 1000)
    (reply,) = connect(server).generate([ask("1", clips=(clip,))])
    (asked,) = server.asked("Q1")
    assert (asked["images"], asked["videos"]) == ([], [40])
    assert asked["times"] == pytest.approx(clip.times)
    assert reply.decoding["frames_as"] == "video/jpeg"


def test_video_file_is_sent_where_only_that_is_taken(start, connect):
    server = start(video="mp4")
    vlm = connect(server)
    even, uneven = (
        ask("even", clips=(draw_clip(9, 57),)),
        ask("uneven", clips=(draw_clip(3, times=[0, 0.1, 0.5]),)),
    )
    replies = by_key(vlm.generate([even, uneven]))
    assert [reply.error for reply in replies.values()] == [None, None]
    assert server.asked("Qeven")[0]["videos"] == [9]
    assert len(server.asked("Quneven")[0]["images"]) == 3


def test_server_that_picks_frames_itself_gets_images(start, connect):
    vlm = connect(start(video="resample"))
    found = vlm.probe()
    assert not found.video
    assert any("picks frames of a video itself" in note for note in found.notes)


def test_server_that_drops_videos_without_a_word_gets_images(start, connect):
    assert not connect(start(video="drop")).probe().video


def test_schema_is_followed_and_one_that_is_refused_is_left_out(start, connect, caplog):
    request = ask("1", json_schema=SCHEMA)
    (followed,) = connect(start()).generate([request])
    assert json.loads(followed.text) == {"overall": "A mouse walks.", "head": "A mouse walks."}
    assert followed.decoding["structured"]
    with caplog.at_level(logging.WARNING):
        replies = list(connect(start(structured="narrow")).generate([request, ask("2", json_schema=SCHEMA)]))
    assert [(reply.error, reply.decoding["structured"]) for reply in replies] == [(None, False)] * 2
    assert sum("does not take the schema" in record.message for record in caplog.records) == 1


def test_choices_get_probabilities_summed_over_variants(start, connect):
    """Of the alternatives ``Yes`` 0.5, ``yes`` 0.25, ``No`` 0.15, ``Maybe`` 0.1."""
    (reply,) = connect(start()).generate([ask("1", choices=("yes", "no"))])
    assert reply.probabilities == pytest.approx({"yes": 0.75 / 0.9, "no": 0.15 / 0.9})


def test_marks_of_templates_are_broken_up(start, connect):
    server = start()
    list(connect(server).generate([ask("1", "<image> <|im_end|> <start_of_turn> </s> [INST] a < b [x]")]))
    assert (
        server.asked("Q1")[0]["prompt"] == "Q1 < image> < |im_end|> < start_of_turn> < /s> [ INST] a < b [x]"
    )


# ---- many requests


def test_every_request_is_answered_once_and_not_too_many_at_once(start, connect):
    server = start(delay_s=0.02)
    vlm = connect(server, settings=VlmSettings(size_px=56, max_frames=8, concurrency=3))
    replies = list(vlm.generate(asks(20)))
    assert sorted(reply.key for reply in replies) == sorted(str(number) for number in range(20))
    assert all(
        reply.error is None and reply.text.startswith(f"I was asked: Q{reply.key}") for reply in replies
    )
    assert server.stats()["most_at_once"] <= 3


def test_shares_of_time_add_up_to_the_time_it_took(start, connect):
    vlm = connect(start(delay_s=0.1))
    vlm.probe()
    started = time.monotonic()
    replies = list(vlm.generate(asks(8)))
    took = time.monotonic() - started
    assert sum(reply.elapsed_s for reply in replies) == pytest.approx(took, rel=0.3)


def test_requests_are_drawn_as_needed_and_answers_come_before_all_are_drawn(start, connect):
    drawn = []

    def endless():
        for number in itertools.count():
            drawn.append(number)
            yield ask(str(number))

    replies = connect(start()).generate(endless())
    for _ in range(5):
        assert next(replies).error is None
    assert len(drawn) <= 5 + 2 * SETTINGS.concurrency
    replies.close()
    n = len(drawn)
    time.sleep(0.1)
    assert len(drawn) == n


def test_slow_drawing_does_not_hold_answers_back(start, connect):
    vlm = connect(start())
    vlm.probe()

    def slowly():
        for request in asks(4):
            time.sleep(0.15)
            yield request

    started = time.monotonic()
    next(vlm.generate(slowly()))
    assert time.monotonic() - started < 0.45  # the second is drawn while the first is answered, no more


def test_closing_ends_what_hangs(start, connect):
    server = start(fault="hang", only="Q")
    vlm = connect(server, settings=VlmSettings(size_px=56, max_frames=8, timeout_s=60))
    vlm.probe()
    failed = []

    def read():
        try:
            list(vlm.generate(asks(2)))
        except CancelledError as error:
            failed.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    time.sleep(0.3)
    vlm.close()
    reader.join(5)
    assert not reader.is_alive()
    assert failed
    assert not [thread for thread in threading.enumerate() if thread.name == "vlm-server"]


def test_model_can_be_used_after_it_was_closed(start, connect):
    vlm = connect(start())
    assert len(list(vlm.generate(asks(2)))) == 2
    vlm.close()
    vlm.close()
    assert len(list(vlm.generate(asks(2)))) == 2


# ---- what goes wrong


@pytest.mark.parametrize("fault", ["garbage", "html", "empty", "deep", "flood"])
def test_malformed_answer_is_that_requests_error(start, connect, fault):
    replies = by_key(connect(start(fault=fault, only="bad")).generate([*asks(3), ask("x", "bad")]))
    assert [replies[str(number)].error for number in range(3)] == [None] * 3
    assert (replies["x"].text, replies["x"].finish) == ("", "error")
    said = ("expected a chat completion", "no message", "longer than 8 MiB")
    assert any(words in replies["x"].error for words in said)


def test_refused_request_is_not_sent_again(start, connect):
    server = start(fault="status", status=400, message="bad pixels", only="bad", times=1)
    replies = by_key(connect(server).generate([ask("x", "bad"), *asks(2)]))
    assert replies["x"].error == f"{server.host}: HTTP 400, bad pixels"
    assert not server.asked("Qx")  # a second try would have been answered


def test_status_in_the_body_counts(start, connect):
    server = start(fault="error200", status=400, message="bad pixels", only="bad")
    (reply,) = connect(server).generate([ask("x", "bad")])
    assert reply.error.endswith("HTTP 400, bad pixels")


@pytest.mark.parametrize("status", [400, 500])
def test_prompt_longer_than_the_context_is_not_sent_again_and_gets_the_remedy(start, connect, status):
    server = start()
    vlm = connect(server)
    vlm.probe()
    server.configure(context=100, context_status=status)
    replies = by_key(vlm.generate([ask("long", clips=(draw_clip(40),)), ask("short")]))
    assert "lower max_frames or size_px under [vlm]" in replies["long"].error
    assert replies["short"].error is None
    assert not vlm.dropped


@pytest.mark.parametrize("fault", ["status", "cut"])
def test_passing_failure_is_tried_again(start, connect, fault):
    server = start(fault=fault, status=502, only="Q", times=3)
    replies = list(connect(server).generate(asks(4)))
    assert [reply.error for reply in replies] == [None] * 4


def test_request_that_always_breaks_the_server_is_given_up_and_others_go_on(start, connect):
    server = start(fault="status", status=500, only="bad")
    vlm = connect(server)
    replies = by_key(vlm.generate([ask("x", "bad"), *asks(6)]))
    assert replies["x"].error == f"{server.host}: HTTP 500, this went wrong"
    assert [replies[str(number)].error for number in range(6)] == [None] * 6
    assert not vlm.dropped


def test_server_that_asks_for_a_pause_gets_it(start, connect):
    server = start(fault="status", status=429, headers={"Retry-After": "1"}, only="Q", times=1)
    vlm = connect(server)
    vlm.probe()
    started = time.monotonic()
    replies = list(vlm.generate(asks(3)))
    assert [reply.error for reply in replies] == [None] * 3
    assert time.monotonic() - started > 0.95


def test_busy_server_without_a_pause_is_asked_again_later(start, connect):
    server = start(fault="status", status=429, only="Q", times=4)
    assert [reply.error for reply in connect(server).generate(asks(3))] == [None] * 3


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"status": 429, "headers": {"Retry-After": "3600"}}, "asks for a pause of 3600 s"),
        ({"status": 401, "message": "no such key"}, "set ETHOCHAT_VLM_KEY"),
        ({"status": 301, "headers": {"location": "http://elsewhere.example/v1"}}, "HTTP 301"),
    ],
)
def test_server_that_would_refuse_everything_is_dropped(start, connect, config, reason):
    server = start(fault="status", only="Q", **config)
    vlm = connect(server)
    with pytest.raises(BackendUnavailableError, match=reason):
        list(vlm.generate(asks(3)))
    assert reason in vlm.dropped[f"http://{server.host}"]


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_request_that_times_out_is_given_up(start, connect, fault):
    server = start(fault=fault, only="bad")
    vlm = connect(server, settings=VlmSettings(size_px=56, max_frames=8, timeout_s=0.5))
    replies = by_key(vlm.generate([ask("x", "bad"), *asks(3)]))
    assert "no answer within 0.5 s" in replies["x"].error
    assert [replies[str(number)].error for number in range(3)] == [None] * 3


def test_server_that_answers_nothing_any_more_is_dropped(start, connect):
    server = start(fault="status", status=500, only="Q", skip=4)
    vlm = connect(server, patience=Patience(first_s=0.01, attempts=2))
    replies = []
    with pytest.raises(BackendUnavailableError, match="3 requests in a row got no answer; HTTP 500"):
        replies.extend(vlm.generate(asks(12)))
    assert sum(reply.error is None for reply in replies) == 4


def test_dead_server_ends_the_run_after_what_was_answered(start, connect):
    server = start(fault="die", only="Q", skip=6)
    vlm, replies = connect(server), []
    with pytest.raises(
        BackendUnavailableError,
        match=r"No server of the vision-language model answers.*cannot be reached.*run the same again",
    ):
        replies.extend(vlm.generate(asks(30)))
    assert all(reply.error is None for reply in replies)
    assert 3 <= len(replies) <= 6  # others were on their way when it died


def test_requests_of_a_dead_server_go_to_the_others(start, connect, caplog):
    dying, other = start(fault="die", only="Q", skip=3, delay_s=0.02), start(delay_s=0.02)
    vlm = connect(dying, other)
    with caplog.at_level(logging.WARNING):
        replies = list(vlm.generate(asks(30)))
    assert sorted(reply.key for reply in replies) == sorted(str(number) for number in range(30))
    assert all(reply.error is None for reply in replies)
    assert list(vlm.dropped) == [f"http://{dying.host}"]
    assert any("is dropped" in record.message and dying.host in record.message for record in caplog.records)
    assert any("is dropped" in note for note in vlm.probe().notes)


def test_pool_shares_work_and_can_what_all_can(start, connect):
    one, two = (
        start(delay_s=0.02, structured="ignore"),
        start(delay_s=0.02, logprobs="ignore", video="frames"),
    )
    vlm = connect(one, two)
    found = vlm.probe()
    assert (found.video, found.structured, found.probabilities) == (False, False, False)
    assert len(list(vlm.generate(asks(24)))) == 24
    shares = [len(server.asked("Q")) for server in (one, two)]
    assert sum(shares) == 24
    assert min(shares) >= 6


def test_server_that_is_absent_from_the_start_is_dropped_and_told(start, connect):
    absent, other = start(), start()
    absent.stop()
    vlm = connect(absent, other)
    assert any(absent.host in note and "cannot be reached" in note for note in vlm.probe().notes)
    assert len(list(vlm.generate(asks(3)))) == 3


def test_servers_that_were_all_dead_are_asked_anew(start, connect):
    server = start(fault="status", status=401, only="Q", times=1)
    vlm = connect(server)
    with pytest.raises(BackendUnavailableError):
        list(vlm.generate(asks(1)))
    assert [reply.error for reply in vlm.generate(asks(2))] == [None, None]


# ---- secrets


def test_key_is_sent_but_never_shown(start, connect, caplog):
    server = start(key=KEY)
    vlm = connect(server, key=KEY)
    with caplog.at_level(logging.DEBUG):
        (reply,) = vlm.generate(asks(1))
    assert reply.error is None
    assert server.asked("Q0")[0]["authorization"] == f"Bearer {KEY}"
    wrong = connect(server, key="sk-another-secret")
    with pytest.raises(BackendUnavailableError, match="Incorrect API key provided: Bearer …") as raised:
        wrong.probe()
    shown = f"{raised.value}{wrong.dropped}{vlm.probe()}{vlm.name}{vlm.model}{caplog.text}"
    assert "sk-" not in shown


def test_user_and_password_of_a_url_are_sent_but_never_shown(start, connect, caplog):
    server = start(basic="anna:pass-of-anna")
    rest = f"tiny@http://anna:pass-of-anna@{server.host}/v1?api-version=secretive"
    vlm = connect(rest=rest, key=KEY)
    with caplog.at_level(logging.INFO):
        found = vlm.probe()
        (reply,) = vlm.generate(asks(1))
    assert reply.error is None
    assert server.asked("Q0")[0]["path"].endswith("?api-version=secretive")
    assert KEY not in server.asked("Q0")[0]["authorization"]
    assert (vlm.name, vlm.model) == (f"openai:tiny@http://{server.host}/v1", f"tiny@{server.host}")
    shown = f"{found}{vlm.name}{vlm.model}{parse_name(rest)!r}{caplog.text}"
    assert "pass-of-anna" not in shown
    assert "anna" not in f"{found}{vlm.name}{vlm.model}"


def test_key_of_the_environment_is_used(start, monkeypatch):
    server = start(key=KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-someone-else")
    monkeypatch.setenv("ETHOCHAT_VLM_KEY", KEY)
    vlm = resolve_vlm(f"openai:tiny@{server.url}", SETTINGS)
    assert vlm.probe().structured
    vlm.close()


def test_proxy_of_the_environment_is_not_asked_about_this_machine(start, connect, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert connect(start()).probe().structured


# ---- real models behind the server


@pytest.mark.parametrize("family", ["llava", "qwen3_vl"])
def test_real_model_answers_about_what_it_is_shown(request, serve, connect, family):
    request.getfixturevalue(f"make_{family}")  # skips where the family cannot be had
    video = family == "qwen3_vl"
    server = serve(family, video="frames") if video else serve(family)
    vlm = connect(server, settings=VlmSettings(size_px=56, max_frames=6, max_new_tokens=8, timeout_s=20))
    found = vlm.probe()
    assert (found.video, found.structured, found.probabilities) == (video, False, True)
    requests = [ask(str(n), max_new_tokens=8, clips=(draw_clip(n),)) for n in (2, 4, 6)]
    replies = by_key(vlm.generate(requests))
    assert all(reply.error is None and 1 <= reply.new_tokens <= 8 for reply in replies.values())
    assert replies["2"].prompt_tokens < replies["4"].prompt_tokens < replies["6"].prompt_tokens
    again = by_key(vlm.generate(requests[:1]))
    assert again["2"].text == replies["2"].text


def test_real_model_gives_probabilities_of_choices_among_its_likeliest_tokens(serve, connect):
    """Which those are is chance with random weights, so they are looked up first."""
    server = serve("llava")
    vlm = connect(server, settings=VlmSettings(size_px=56, max_frames=6, timeout_s=20))
    body = request_body(ask("1", choices=("a", "b")), model="tiny", dialect=Dialect(top_logprobs=20))
    answer = json.loads(server.post("/v1/chat/completions", body))
    likely = [token for token, _ in first_alternatives(answer["choices"][0]) if token]
    choices = (likely[0], next(token for token in likely if token[0] != likely[0][0]))
    first, other = (next(vlm.generate([ask("1", choices=choices, clips=(draw_clip(n),))])) for n in (3, 4))
    assert sum(first.probabilities.values()) == pytest.approx(1)
    assert first.probabilities[choices[0]] > 0.5
    assert other.probabilities != first.probabilities  # the frames have a say
    (neither,) = vlm.generate([ask("1", choices=("§§§", "¤¤¤"))])
    assert (neither.error, neither.probabilities) == (None, None)


_SERVE = """
import sys
sys.modules["torchvision"] = None  # with it, `transformers serve` decodes images by what CPU builds lack
from transformers.cli.transformers import main
main()
"""


@pytest.mark.slow
def test_transformers_serve_answers_about_images(tiny_folder, connect, tmp_path):
    """A server that others wrote: it ignores schemas and log-probabilities and fails on videos."""
    if importlib.util.find_spec("accelerate") is None:
        pytest.skip("needs `transformers serve`: pip install 'transformers[serving]'")
    folder = str(tiny_folder("llava"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "hub").mkdir()  # without it, it answers /models with 500
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", _SERVE, "serve", folder, "--device", "cpu", "--port", str(port)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            settings = VlmSettings(size_px=56, max_frames=6, timeout_s=30, concurrency=2)
            patience = Patience(absences=60, waits=60, longest_s=2.0)  # it takes half a minute to start
            vlm = connect(rest=f"{folder}@http://localhost:{port}/v1", settings=settings, patience=patience)
            found = vlm.probe()
            assert (found.video, found.structured, found.probabilities) == (False, False, False)
            requests = [ask(str(n), clips=(draw_clip(n),), max_new_tokens=5) for n in (2, 4, 6)]
            replies = by_key(vlm.generate(requests))
        finally:
            process.kill()
    assert [replies[key].error for key in ("2", "4", "6")] == [None] * 3
    assert replies["2"].prompt_tokens < replies["4"].prompt_tokens < replies["6"].prompt_tokens
