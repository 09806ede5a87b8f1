from __future__ import annotations

import asyncio
import dataclasses
import json
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import gradio as gr
import pytest
from langchain_core.messages import AIMessage

from ethochat.agent.answer import Answer
from ethochat.agent.scripted import ScriptedChatModel
from ethochat.index.domain import InputFile
from ethochat.index.errors import BackendUnavailableError
from ethochat.index.settings import VlmSettings
from ethochat.index.vlm.access import VlmAccess
from ethochat.index.vlm.scripted import ScriptedVlm
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import ClipRef, Value
from ethochat.ui.page import Page, Visit, build_page, serve

CLIP_PART, CLIPS, FIGURE_PART, VALUES_PART, TESTS_PART = 2, 3, 4, 7, 9


@pytest.fixture
def page(context: ToolContext) -> Iterator[Page]:
    page = Page(context)
    yield page
    page.turns.close()


def call(name: str, **arguments: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": "call_1"}])


def scripted(context: ToolContext, *script: list[AIMessage]) -> Page:
    return Page(context, model=ScriptedChatModel(script=list(script)))


class Gate(ScriptedChatModel):
    """Says when it was asked, and answers when it is let."""

    asked: Any
    opened: Any

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        self.asked.set()
        assert self.opened.wait(20)
        return super()._generate(*args, **kwargs)

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        self.asked.set()
        assert self.opened.wait(20)
        yield from super()._stream(*args, **kwargs)


def gated(context: ToolContext) -> tuple[Page, Gate]:
    model = Gate(
        script=[[call("experiment_facts", topic="session_count"), AIMessage("There are 4 sessions [e1].")]],
        asked=threading.Event(),
        opened=threading.Event(),
    )
    return Page(context, model=model), model


def titles(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (item["metadata"]["title"], item["metadata"]["status"]) for item in messages if item.get("metadata")
    ]


# ----------------------------------------------------------------- a question
def test_steps_are_shown_as_they_happen_and_end_as_evidence(page: Page) -> None:
    visit, seen = Visit(), []
    page._hear = lambda *event: (Page._hear(page, *event), seen.append(visit.messages()))[0]  # type: ignore[method-assign]
    last = list(page.ask("How many Rearing bouts does each animal make?", visit, None))[-1][0]
    assert titles(seen[0]) == [("Measuring bout count of Rearing by animal …", "pending")]
    (title, status), *_ = titles(last)
    assert title.startswith("e1 · Measured bout count of Rearing")
    assert status == "done"
    assert "[e1]" in last[-1]["content"]
    assert visit.turn is None
    assert visit.answers[0].values


def test_stop_and_ask_buttons_take_turns(page: Page) -> None:
    yielded = list(page.ask("Summarize this experiment.", Visit(), None))
    assert (
        yielded[0][1] == ""
    )  # the question box is emptied once, so that a next question can be written meanwhile
    assert (yielded[1][3]["visible"], yielded[1][4]["visible"]) == (False, True)
    assert (yielded[-1][3]["visible"], yielded[-1][4]["visible"]) == (True, False)


@pytest.mark.parametrize("question", ["", "   \n"])
def test_empty_question_asks_nothing(page: Page, question: str) -> None:
    visit = Visit()
    assert len(list(page.ask(question, visit, None))) == 1
    assert visit.said == []


def test_follow_up_goes_on_with_the_conversation(page: Page) -> None:
    visit = Visit()
    list(page.ask("How many Rearing bouts does each animal make?", visit, None))
    list(page.ask("And how long do they last?", visit, None))
    assert [item["role"] for item in visit.said].count("user") == 2
    with page._conversation(visit.thread_id) as conversation:
        assert len([who for who, _ in conversation.history() if who == "user"]) == 2


def test_question_of_the_user_is_shown_as_text(page: Page) -> None:
    visit = Visit()
    list(page.ask("<b>Summarize</b> *this*", visit, None))
    assert visit.said[0]["content"] == "&lt;b>Summarize&lt;/b> \\*this\\*"


def test_hostile_metadata_is_shown_as_text(page: Page) -> None:
    visit = Visit()
    list(page.ask("How many sessions are there by group?", visit, None))
    assert any("&lt;img" in item["content"] for item in visit.said)
    assert not any("<img" in item["content"] for item in visit.said)
    assert "<img" not in str(page.show(visit)[VALUES_PART + 1])


def test_choices_of_an_answer_that_asks_back_are_offered(context: ToolContext) -> None:
    page = scripted(context, [call("ask_user", question="Which rater?", options=["anna", "S1"])])
    visit = Visit()
    list(page.ask("How often?", visit, None))
    assert visit.said[-1]["content"] == "Which rater?"
    assert visit.said[-1]["options"] == [{"value": "anna", "label": "anna"}, {"value": "S1", "label": "S1"}]


def test_refusal_leaves_the_right_column_as_it_is(page: Page) -> None:
    visit = Visit()
    list(page.ask("What strain are they?", visit, None))
    assert visit.answers == []
    assert page.show(visit)[0]["visible"] is True  # the overview stays


def test_failed_call_is_shown_as_not_possible(context: ToolContext) -> None:
    page = scripted(context, [call("measure", measure="distance"), AIMessage("That cannot be measured.")])
    visit = Visit()
    list(page.ask("How far?", visit, None))
    assert titles(visit.said)[0][0].startswith("Not possible: measured distance")


def test_draft_that_is_sent_back_is_said(context: ToolContext) -> None:
    page = scripted(
        context,
        [
            call("experiment_facts", topic="session_count"),
            AIMessage("There are 77 sessions [e1]."),
            AIMessage("There are 4 sessions [e1]."),
        ],
    )
    visit = Visit()
    list(page.ask("How many?", visit, None))
    assert [title for title, _ in titles(visit.said)] == [
        "e1 · Read how many sessions there are",
        "Checked the draft: it said something no tool returned",
    ]
    assert visit.said[-1]["content"] == "There are 4 sessions [e1]."


def test_error_of_a_backend_is_the_answer(context: ToolContext, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(context)

    def unavailable(thread_id: str) -> Any:
        raise BackendUnavailableError("Expected a server at <b>, got none.")

    monkeypatch.setattr(page.turns, "_open", unavailable)
    visit = Visit()
    last = list(page.ask("How many?", visit, None))[-1]
    assert last[0][-1]["content"] == "**This could not be done.** Expected a server at &lt;b>, got none."
    assert visit.turn is None


def test_bug_ends_the_question_and_is_logged(
    context: ToolContext, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page = Page(context)

    def broken(thread_id: str) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(page.turns, "_open", broken)
    visit = Visit()
    said, *_, ask, stop = list(page.ask("How many?", visit, None))[-1]
    assert "ran into a bug" in said[-1]["content"]
    assert (ask["visible"], stop["visible"]) == (True, False)
    assert "ZeroDivisionError" in caplog.text


# ----------------------------------------------------------------- several at once
def test_second_question_of_a_running_page_is_ignored(context: ToolContext) -> None:
    page, model = gated(context)
    visit = Visit()
    first = page.ask("How many sessions?", visit, None)
    next(first)
    assert len(list(page.ask("Another one", visit, None))) == 1
    model.opened.set()
    assert list(first)[-1][0][-1]["content"] == "There are 4 sessions [e1]."
    assert [item["content"] for item in visit.said if item["role"] == "user"] == ["How many sessions?"]


def test_same_conversation_in_two_windows_shows_the_same(context: ToolContext) -> None:
    page, model = gated(context)
    thread_id = uuid4().hex
    first, second = page.open(thread_id), page.open(thread_id)
    visit = list(first)[-1][2]
    list(second)
    asking, watching = page.ask("How many sessions?", visit, thread_id), page.open(thread_id)
    next(asking)
    said, _, _, ask, stop = next(watching)
    assert [item["content"] for item in said] == ["How many sessions?"]
    assert (ask["visible"], stop["visible"]) == (False, True)
    model.opened.set()
    assert list(asking)[-1][0] == list(watching)[-1][0]


def test_two_visits_have_conversations_of_their_own(page: Page) -> None:
    one, two = opened(page, None), opened(page, "not an id")
    list(page.ask("Summarize this experiment.", one, None))
    assert one.thread_id != two.thread_id
    assert two.said == []


def test_stopped_question_stays_in_the_chat_but_not_in_the_conversation(context: ToolContext) -> None:
    page, model = gated(context)
    visit = Visit()
    running = page.ask("How many sessions?", visit, None)
    next(running)
    assert model.asked.wait(20)
    page.stop(visit)
    said, *_, ask, stop = list(running)[-1]  # which does not wait for the step that still runs
    assert [item["content"] for item in said] == ["How many sessions?", "*Stopped.*"]
    assert (ask["visible"], stop["visible"]) == (True, False)
    again = page.ask("How many now?", visit, None)
    next(again)
    while not titles(visit.messages()):
        next(again)
    assert titles(visit.messages()) == [("Waiting for the question before …", "pending")]
    model.opened.set()
    assert list(again)[-1][0][-1]["content"] == "There are 4 sessions [e1]."
    page.turns.close()
    with page._conversation(visit.thread_id) as conversation:
        assert [text for who, text in conversation.history() if who == "user"] == ["How many now?"]


def test_error_of_a_stopped_question_is_not_shown(
    context: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page(context)
    entered, left = threading.Event(), threading.Event()

    def unavailable(thread_id: str) -> Any:
        entered.set()
        assert left.wait(20)
        raise BackendUnavailableError("too late")

    monkeypatch.setattr(page.turns, "_open", unavailable)
    visit = Visit()
    next(page.ask("How many?", visit, None))
    assert entered.wait(20)
    page.stop(visit)
    left.set()
    page.turns.close()
    assert visit.said[-1]["content"] == "*Stopped.*"


def test_stop_without_a_question_changes_nothing(page: Page) -> None:
    visit = Visit()
    page.stop(visit)
    page.stop(None)
    assert visit.said == []


# ----------------------------------------------------------------- coming back
def opened(page: Page, thread_id: str | None) -> Visit:
    visit: Visit = list(page.open(thread_id))[-1][2]
    return visit


def test_reload_shows_all_of_the_conversation(page: Page) -> None:
    thread_id = uuid4().hex
    visit = opened(page, thread_id)
    list(page.ask("Show me the longest Rearing bouts.", visit, thread_id))
    said, _, again, *_ = list(page.open(thread_id))[-1]
    assert again is visit
    assert titles(said) == [("e1 · Looked up Rearing bouts, the longest first", "done")]
    assert page.show(again)[CLIP_PART]["visible"] is True


def test_question_asked_before_the_page_was_ready_is_not_lost(page: Page) -> None:
    thread_id = uuid4().hex
    asking = page.ask("Summarize this experiment.", None, thread_id)
    visit = next(asking)[2]
    list(asking)
    assert opened(page, thread_id) is visit


def test_reload_goes_on_with_the_running_question(context: ToolContext) -> None:
    page, model = gated(context)
    thread_id = uuid4().hex
    left = page.ask("How many sessions?", None, thread_id)
    visit = next(left)[2]
    left.close()  # the browser went away
    watching = page.open(thread_id)
    assert next(watching)[4]["visible"] is True
    model.opened.set()
    assert list(watching)[-1][0][-1]["content"] == "There are 4 sessions [e1]."
    assert visit.turn is None


def test_server_that_was_restarted_shows_what_was_said(page: Page, context: ToolContext) -> None:
    thread_id = uuid4().hex
    list(page.ask("<i>Summarize</i> this experiment.", None, thread_id))
    restarted = Page(context)
    said = list(restarted.open(thread_id))[-1][0]
    assert [item["role"] for item in said] == ["user", "assistant", "assistant"]
    assert said[0]["content"].startswith("&lt;i>Summarize")
    assert said[-1]["content"].startswith("*Earlier in this conversation.")
    last = list(restarted.ask("How many Rearing bouts does each animal make?", None, thread_id))[-1]
    assert [item["role"] for item in last[0]].count("user") == 2


# ----------------------------------------------------------------- beside the chat
def answered(clips: list[ClipRef]) -> Visit:
    visit = Visit()
    visit.answers = [Answer(question="?", status="answered", answer="", clips=clips)]
    visit.shown = 0
    return visit


def test_nothing_asked_shows_the_overview(page: Page) -> None:
    shown = page.show(Visit())
    assert (shown[0]["visible"], shown[1]["visible"]) == (True, False)
    assert page.show(None)[0]["visible"] is True


def test_answer_with_clips_shows_the_first_and_lists_all(page: Page) -> None:
    visit = Visit()
    list(page.ask("Show me the longest Rearing bouts.", visit, None))
    shown = page.show(visit)
    assert shown[CLIP_PART]["visible"] is True
    assert [label for label, _ in shown[CLIPS]["choices"]] == [
        "oft_1 · 3.00–5.00 s · Rearing (anna), 2 s",
        "oft_1 · 1.00–2.00 s · Rearing (anna), 1 s",
        "oft_2 · 2.00–3.00 s · Rearing (anna), 1 s",
    ]
    video, caption, seen = page.show_clip(0, visit)
    assert seen["visible"] is False
    assert video["visible"] is True
    assert video["value"].endswith(".mp4")
    assert caption["value"].startswith("oft\\_1") or caption["value"].startswith("oft_1")
    video, caption, _ = page.show_clip(2, visit)
    assert (video["value"], video["visible"]) == (None, False)
    assert caption["value"] == "oft_2 has no video: only its times are known."


def test_what_a_model_said_of_a_clip_stands_below_it_as_text(page: Page) -> None:
    said = "yes <img src=x onerror=window.hacked=1> [a](javascript:b) https://evil.example"
    visit = answered(
        [
            ClipRef(session_id="oft_1", start_time=1, stop_time=2, seen=said, probability=0.7),
            ClipRef(session_id="oft_1", start_time=3, stop_time=4, verified=False, probability=0.1),
        ]
    )
    (first, _), (second, _) = page.show(visit)[CLIPS]["choices"]
    assert "“yes" in first
    assert second == "oft_1 · 3.00–4.00 s · rejected, p = 0.10"
    words, badge = (page.show_clip(place, visit)[2]["value"] for place in (0, 1))
    assert "“yes” with p = 0.70" in words
    assert "class='badge rejected'" in badge
    for harm in ("<img", "href", "evil.example", "javascript:"):
        assert harm not in words + first


def test_answer_without_clips_hides_the_player(page: Page) -> None:
    visit = answered([])
    assert page.show(visit)[CLIP_PART]["visible"] is False
    assert page.show_clip(None, visit)[0]["visible"] is False
    assert page.show_clip(0, visit)[0]["visible"] is False


def test_fifty_clips_can_be_picked(page: Page) -> None:
    clips = [ClipRef(session_id="oft_1", start_time=n / 10, stop_time=n / 10 + 1) for n in range(50)]
    visit = answered(clips)
    shown = page.show(visit)
    assert (len(shown[CLIPS]["choices"]), shown[CLIPS]["visible"]) == (50, True)
    assert page.show_clip(49, visit)[0]["visible"] is True


def test_single_clip_needs_no_list(page: Page) -> None:
    visit = answered([ClipRef(session_id="oft_1", start_time=1, stop_time=2)])
    assert page.show(visit)[CLIPS]["visible"] is False


def test_figure_values_and_tests_are_shown(page: Page) -> None:
    visit = Visit()
    list(page.ask("Plot the number of Rearing bouts.", visit, None))
    shown = page.show(visit)
    assert shown[FIGURE_PART]["visible"] is True
    assert shown[VALUES_PART]["visible"] is True
    assert shown[TESTS_PART]["visible"] is False
    assert json.loads(page.show_figure(0, visit).plot)["data"]
    assert page.show_figure(7, visit) is None


def test_all_values_are_saved_also_those_the_table_has_no_room_for(page: Page) -> None:
    visit = answered([])
    visit.answers[0].values = [
        Value(name="distance", value=float(number), unit="cm") for number in range(900)
    ]
    rows = page.values_csv(visit).splitlines()
    assert rows[0] == "measure,value,unit"
    assert rows[1:3] == ["distance,0.0,cm", "distance,1.0,cm"]
    assert len(rows) == 901
    assert page.tests_csv(visit) == "\n"


def test_nothing_asked_has_nothing_to_save(page: Page) -> None:
    assert page.values_csv(None) == ""
    assert page.tests_csv(Visit()) == ""


def test_earlier_answer_can_be_shown_again(page: Page) -> None:
    visit = Visit()
    list(page.ask("Show me the longest Rearing bouts.", visit, None))
    list(page.ask("Plot the number of Rearing bouts.", visit, None))
    assert page.show(visit)[1]["choices"] == [
        ("1. Show me the longest Rearing bouts.", 0),
        ("2. Plot the number of Rearing bouts.", 1),
    ]
    assert page.show_answer(0, visit)[CLIP_PART]["visible"] is True
    assert page.show_answer(99, visit)[1]["value"] == 0


def test_page_can_be_laid_out(page: Page) -> None:
    async def lay_out() -> gr.Blocks:  # where no loop runs, Gradio makes one and never closes it
        return build_page(page)

    blocks = asyncio.run(lay_out())
    assert isinstance(blocks, gr.Blocks)
    assert len(page.show(answered([]))) == 12


def test_taken_port_is_said(context: ToolContext, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(*_: Any, **__: Any) -> Any:
        raise OSError("Cannot find empty port in range: 7860-7860")

    monkeypatch.setattr("ethochat.ui.page.open_context", lambda *_, **__: context)
    monkeypatch.setattr(gr.Blocks, "launch", taken)

    async def start() -> None:
        serve(context.experiment.root, port=7860)

    with pytest.raises(BackendUnavailableError, match="free port"):
        asyncio.run(start())


# ----------------------------------------------------------------- approval
@pytest.fixture
def waiting(context: ToolContext) -> tuple[ToolContext, ScriptedVlm]:
    """A model that may be shown no clip unasked."""
    vlm = ScriptedVlm(answer=lambda _: "yes <b>it</b> is")
    video = InputFile(kind="video", path=context.experiment.root / "top.mp4")
    sessions = tuple(dataclasses.replace(item, inputs=(video,)) for item in context.experiment.sessions)
    settings = VlmSettings(ask_above=0)
    experiment = dataclasses.replace(context.experiment, sessions=sessions, vlm=settings)
    return dataclasses.replace(context, experiment=experiment, vlm=VlmAccess(spec=vlm)), vlm


def watching(context: ToolContext) -> Page:
    clips = [{"session_id": "oft_1", "start_s": 1.0, "stop_s": 2.0}]
    watch = call("watch_clips", question="Is the tail raised?", clips=clips)
    return scripted(context, [watch, AIMessage("The model said what stands beside [e1].")])


def test_turn_that_costs_much_asks_with_two_buttons_and_goes_on_with_yes(
    waiting: tuple[ToolContext, ScriptedVlm],
) -> None:
    context, vlm = waiting
    page, visit = watching(context), Visit()
    list(page.ask("Is the tail raised?", visit, None))
    assert [option["value"] for option in visit.said[-1]["options"]] == ["yes", "no"]
    assert "1 clip" in visit.said[-1]["content"]
    assert titles(visit.said)[-1][0].startswith("Waits for your approval: watching 1 clip")
    assert vlm.asked == []
    list(page.ask("yes", visit, None))
    assert len(vlm.asked) == 1
    assert titles(visit.said)[-1][0].startswith("e1 · Watched 1 clip with the vision-language model")
    assert visit.answers[0].question == "Is the tail raised?"  # and not "yes"
    assert "yes" in page.show_clip(0, visit)[2]["value"]
    page.close()
    assert context.vlm is not None
    assert vlm.closed is False  # it was handed over, and is the caller's to close


def test_no_shows_the_model_nothing(waiting: tuple[ToolContext, ScriptedVlm]) -> None:
    context, vlm = waiting
    page, visit = watching(context), Visit()
    list(page.ask("Is the tail raised?", visit, None))
    list(page.ask("no", visit, None))
    assert vlm.asked == []
    assert any(title.startswith("Not possible: watched 1 clip") for title, _ in titles(visit.said))
    assert visit.turn is None
    page.close()


def test_server_that_was_restarted_still_asks_for_approval(waiting: tuple[ToolContext, ScriptedVlm]) -> None:
    context, vlm = waiting
    thread_id = uuid4().hex
    page = watching(context)
    list(page.ask("Is the tail raised?", None, thread_id))
    page.close()
    restarted = watching(context)
    said = list(restarted.open(thread_id))[-1][0]
    assert said[-1]["content"].startswith("The last question needs your approval: ")
    assert [option["value"] for option in said[-1]["options"]] == ["yes", "no"]
    assert vlm.asked == []
    list(restarted.ask("yes", None, thread_id))
    assert len(vlm.asked) == 1
    restarted.close()


def test_page_without_a_model_says_how_to_configure_one(context: ToolContext) -> None:
    async def texts(page: Page) -> str:
        blocks = build_page(page)
        return " ".join(str(block.value) for block in blocks.blocks.values() if isinstance(block, gr.HTML))

    page = Page(context)
    hint = asyncio.run(texts(page))
    assert "transformers:MODEL_OR_PATH" in hint
    assert "Nobody looks at the clips" in hint
    looking = Page(dataclasses.replace(context, vlm=VlmAccess(spec=ScriptedVlm())))
    assert "Nobody looks at the clips" not in asyncio.run(texts(looking))
