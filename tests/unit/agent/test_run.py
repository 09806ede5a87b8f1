"""Questions through the whole graph with a scripted chat model."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel

from ethochat.agent.events import DraftRejected, Final, Token, ToolFinished, ToolStarted
from ethochat.agent.nodes import Budgets
from ethochat.agent.run import Conversation
from ethochat.tools.base import Tool
from ethochat.tools.evidence import Evidence

REARING = ("count", {"behavior": "rearing"})
GROOMING = ("count", {"behavior": "grooming"})


@pytest.fixture
def ask(context, tools):
    """Ask one question of a scripted model."""

    def run(model, question="How often do they rear?", **options):
        with Conversation(context, model=model, tools=options.pop("tools", tools), **options) as conversation:
            return conversation.ask(question)

    return run


def test_answer_carries_values_with_evidence_ids(ask, scripted, call):
    answer = ask(scripted([call(REARING), "They reared 12 times [e1]."]))
    assert answer.status == "answered"
    assert answer.answer == "They reared 12 times [e1]."
    assert [(value.value, value.evidence_id) for value in answer.values] == [(12, "e1")]
    assert [(item.evidence_id, item.tool, item.n_rows) for item in answer.evidence] == [("e1", "count", 12)]
    assert answer.to_json()["evidence"][0]["arguments"] == {"behavior": "rearing", "source": None}


def test_parallel_calls_run_at_once_and_are_numbered_in_their_order(ask, scripted, call, tools):
    def slow_count(context, arguments):
        time.sleep(0.4 if arguments.behavior == "rearing" else 0.05)
        return tools[0].function(context, arguments)

    slow = Tool(name="count", description="Count.", arguments=tools[0].arguments, function=slow_count)
    model = scripted([call(REARING, GROOMING, REARING), "12 rears [e1], 3 groomings [e2], again 12 [e3]."])
    started = time.monotonic()
    answer = ask(model, tools=(slow,))
    assert time.monotonic() - started < 0.8
    assert [value.value for value in answer.values] == [12, 3, 12]
    assert [item.evidence_id for item in answer.evidence] == ["e1", "e2", "e3"]


def test_failed_call_takes_no_number(ask, scripted, call):
    model = scripted(
        [call(("show", {"behavior": "flying"}), GROOMING), "Nobody flies; 3 bouts of grooming [e1]."]
    )
    answer = ask(model)
    assert [value.value for value in answer.values] == [3]
    assert answer.answer.startswith("Nobody flies")


def test_lie_goes_back_once_and_may_be_mended(ask, scripted, call):
    model = scripted([call(REARING), "They reared 21 times [e1].", "They reared 12 times [e1]."])
    answer = ask(model)
    assert answer.answer == "They reared 12 times [e1]."
    feedback = model.seen[2][-1]
    assert feedback.name == "verifier"
    assert "'21'" in feedback.text


def test_lie_that_is_repeated_is_struck(ask, scripted, call):
    answer = ask(scripted([call(REARING), "They reared 21 times [e1]."]))
    assert answer.answer == "They reared ~~21~~ (unverified) times [e1]."
    assert answer.status == "answered"


def test_uncited_answer_gets_its_evidence(ask, scripted, call):
    answer = ask(scripted([call(REARING), "They reared 12 times."]))
    assert answer.answer == "They reared 12 times.\n\nEvidence: [e1]"


def test_cited_evidence_comes_first_in_the_values(ask, scripted, call):
    answer = ask(scripted([call(GROOMING), call(REARING), "They reared 12 times [e2]."]))
    assert [value.evidence_id for value in answer.values] == ["e2", "e1"]


def test_model_sees_evidence_and_can_act_on_an_error(ask, scripted, call):
    model = scripted(
        [
            call(("count", {"behavior": "ambiguous"})),
            call(("count", {"behavior": "ambiguous", "source": "Jin"})),
            "Jin counted 7 bouts [e1].",
        ]
    )
    answer = ask(model)
    assert answer.answer == "Jin counted 7 bouts [e1]."
    error = model.seen[1][-1]
    assert error.status == "error"
    assert error.artifact == {
        "error": "AmbiguousSourceError", "near": ["Jin", "Oliver"], "sources": ["Jin", "Oliver"]
    }  # fmt: skip
    result = model.seen[2][-1]
    assert result.content == "[e1] ambiguous: 7 bouts"
    assert result.artifact["values"][0]["value"] == 7


@pytest.mark.parametrize(
    ("name", "arguments", "part"),
    [
        ("measure_all", {}, "Expected one of the tools count, show"),
        ("count", {"behaviour": "rearing"}, "behavior: Field required"),
        ("ask_user", {"questions": "?"}, "question: Field required"),
    ],
)
def test_wrong_call_comes_back_as_an_error(ask, scripted, call, name, arguments, part):
    model = scripted([call((name, arguments)), call(REARING), "They reared 12 times [e1]."])
    assert ask(model).status == "answered"
    error = model.seen[1][-1]
    assert (error.status, error.artifact["error"]) == ("error", "ToolRetryError")
    assert part in error.content


def test_arguments_that_are_no_json_come_back_as_an_error(ask, scripted, call):
    broken = {
        "name": "count",
        "args": "{behavior:",
        "id": "x1",
        "error": "bad JSON",
        "type": "invalid_tool_call",
    }
    model = scripted(
        [AIMessage("", invalid_tool_calls=[broken]), call(REARING), "They reared 12 times [e1]."]
    )
    assert ask(model).status == "answered"
    assert "Expected the arguments as a JSON object" in model.seen[1][-1].content


def test_bug_in_a_tool_ends_the_run(ask, scripted, call):
    with pytest.raises(ZeroDivisionError):
        ask(scripted([call(("count", {"behavior": "boom"})), "?"]))


def test_question_back_ends_the_turn_without_values(ask, scripted, call):
    options = {"question": "Whose labels do you mean?", "options": ["Jin", "Oliver"]}
    answer = ask(scripted([call(REARING), call(("ask_user", options), GROOMING)]))
    assert answer.status == "needs_clarification"
    assert answer.answer == "Whose labels do you mean?\n\n- Jin\n- Oliver"
    assert (answer.values, answer.tests, answer.clips, answer.evidence) == ([], [], [], [])


def test_refusal_says_why_and_what_could_be_asked(ask, scripted, call):
    arguments = {"reason": "No column names a strain.", "suggestions": ["Which columns are there?"]}
    answer = ask(scripted([call(("decline", arguments))]), "What strain are they?")
    assert answer.status == "cannot_answer"
    assert answer.answer == "No column names a strain.\n\nYou could ask instead:\n- Which columns are there?"


def test_number_in_a_refusal_is_checked_too(ask, scripted, call):
    answer = ask(scripted([call(("decline", {"reason": "Only 17 of the animals have a strain."}))]))
    assert answer.answer == "Only ~~17~~ (unverified) of the animals have a strain."


def test_draft_without_any_tool_is_sent_back(ask, scripted, call):
    model = scripted(["They reared a lot.", call(REARING), "They reared 12 times [e1]."])
    assert ask(model).values[0].value == 12
    assert "You called no tool" in model.seen[1][-1].text


def test_empty_draft_falls_back_on_what_the_tools_said(ask, scripted, call):
    answer = ask(scripted([call(REARING), ""]))
    assert "- [e1] rearing: 12 bouts" in answer.answer
    assert answer.status == "answered"


def test_files_and_clips_are_collected(ask, scripted, call):
    answer = ask(scripted([call(("show", {"behavior": "rearing"})), "Here it is, s1 at 1.5–4.0 s [e1]."]))
    assert answer.files == ["figures/raster.html"]
    assert [(clip.session_id, clip.evidence_id) for clip in answer.clips] == [("s1", "e1")]
    assert answer.evidence[0].figures[0].plotly_json == '{"data": []}'


# ---------------------------------------------------------------- budgets
def test_used_up_model_steps_are_said_with_what_was_done(ask, scripted, call):
    answer = ask(scripted([call(REARING)]), budgets=Budgets(model_steps=3))
    assert "the limit of 3 model steps was reached" in answer.answer
    assert answer.answer.count("rearing: 12 bouts") == 3
    assert answer.status == "answered"
    assert [value.value for value in answer.values] == [12, 12, 12]


def test_used_up_tool_calls_are_said_with_what_was_not_done(ask, scripted, call):
    model = scripted([call(REARING, GROOMING), call(GROOMING)])
    answer = ask(model, budgets=Budgets(tool_calls=1))
    assert "the limit of 1 tool calls was reached" in answer.answer
    assert "Not done:\n- count" in answer.answer
    assert [value.value for value in answer.values] == [12]
    assert model.seen[1][-1].content == "Not run: the limit of 1 tool calls was reached."


def test_used_up_time_without_evidence_is_no_answer(ask, scripted, call):
    answer = ask(scripted([call(REARING)]), budgets=Budgets(wall_s=0.0))
    assert answer.status == "cannot_answer"
    assert "the limit of 0 s was reached" in answer.answer


# ---------------------------------------------------------------- events
def test_stream_tells_what_happens_in_order(context, tools, scripted, call):
    model = scripted([call(REARING), "They reared 21 times [e1].", "They reared 12 times [e1]."])
    with Conversation(context, model=model, tools=tools) as conversation:
        events = list(conversation.stream("How often do they rear?"))
    kinds = [type(event) for event in events if not isinstance(event, Token)]
    assert kinds == [ToolStarted, ToolFinished, DraftRejected, Final]
    assert events[0].arguments == {"behavior": "rearing"}
    assert (events[1].summary, events[1].ok) == ("rearing: 12 bouts", True)
    text = "".join(event.text for event in events if isinstance(event, Token))
    assert text == "They reared 21 times [e1].They reared 12 times [e1]."
    assert events[-1].answer.answer == "They reared 12 times [e1]."


# ---------------------------------------------------------------- conversations
def test_next_question_sees_what_was_said_and_numbers_from_one_again(context, tools, scripted, call):
    model = scripted(
        [call(REARING), "They reared 99 times [e1].", "They reared 12 times [e1]."],
        [call(GROOMING), "And 3 bouts of grooming [e1]."],
    )
    with Conversation(context, model=model, tools=tools) as conversation:
        conversation.ask("How often do they rear?")
        answer = conversation.ask("And grooming?")
        said = conversation.history()
    assert [value.value for value in answer.values] == [3]
    assert [text for _, text in said] == [
        "How often do they rear?",
        "They reared 12 times [e1].",
        "And grooming?",
        "And 3 bouts of grooming [e1].",
    ]
    second = model.seen[3]
    assert isinstance(second[0], SystemMessage)
    assert [type(message) for message in second[1:]] == [
        HumanMessage,
        AIMessage,
        ToolMessage,
        AIMessage,
        HumanMessage,
    ]


def test_conversation_resumes_from_its_file(context, tools, scripted, call, tmp_path):
    file = tmp_path / "c.sqlite"
    turns = ([call(REARING), "They reared 12 times [e1]."], [call(GROOMING), "3 bouts [e1]."])
    with Conversation(context, model=scripted(*turns), tools=tools, conversations=file) as first:
        thread = first.ask("How often do they rear?").thread_id
    model = scripted(*turns)
    with Conversation(context, model=model, tools=tools, conversations=file, thread_id=thread) as second:
        assert second.ask("And grooming?").answer == "3 bouts [e1]."
    assert [message.text for message in model.seen[0] if isinstance(message, HumanMessage)] == [
        "How often do they rear?", "And grooming?",
    ]  # fmt: skip


def test_failed_turn_leaves_nothing_behind(context, tools, scripted, call, tmp_path):
    file = tmp_path / "c.sqlite"
    good = [call(REARING), "They reared 12 times [e1]."]
    bad = [call(("count", {"behavior": "boom"}))]
    with Conversation(context, model=scripted(good, bad), tools=tools, conversations=file) as first:
        thread = first.ask("How often do they rear?").thread_id
        with pytest.raises(ZeroDivisionError):
            first.ask("Boom?")
        assert len(first.history()) == 2
    model = scripted(good, [call(GROOMING), "3 bouts [e1]."])
    with Conversation(context, model=model, tools=tools, conversations=file, thread_id=thread) as second:
        assert second.ask("And grooming?").answer == "3 bouts [e1]."
    assert [message.text for message in model.seen[0] if isinstance(message, HumanMessage)] == [
        "How often do they rear?", "And grooming?",
    ]  # fmt: skip


def test_stream_that_is_left_early_leaves_nothing_behind(context, tools, scripted, call):
    turn = [call(REARING), "They reared 12 times [e1]."]
    with Conversation(context, model=scripted(turn, turn), tools=tools) as conversation:
        events = conversation.stream("First?")
        next(events)
        events.close()
        assert conversation.history() == []
        assert conversation.ask("How often do they rear?").status == "answered"
        assert [who for who, _ in conversation.history()] == ["user", "assistant"]


def test_question_back_and_its_answer_are_one_conversation(context, tools, scripted, call):
    model = scripted([call(("ask_user", {"question": "Whose?"}))], [call(REARING), "Oliver: 12 [e1]."])
    with Conversation(context, model=model, tools=tools) as conversation:
        assert conversation.ask("How often do they rear?").status == "needs_clarification"
        assert conversation.ask("Oliver").answer == "Oliver: 12 [e1]."
    unanswered = {c["id"] for m in model.seen[1] if isinstance(m, AIMessage) for c in m.tool_calls} - {
        m.tool_call_id for m in model.seen[1] if isinstance(m, ToolMessage)
    }
    assert unanswered == set()


_KILLED = """
import os, sys
from pathlib import Path
from langchain_core.messages import AIMessage
from ethochat.agent.run import Conversation
from ethochat.agent.scripted import ScriptedChatModel
from ethochat.index.catalog import Catalog
from ethochat.index.experiment import Experiment
from ethochat.tools.arguments import DeclineArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import Evidence

def die(context, arguments):
    if arguments.reason == "die":
        os.kill(os.getpid(), 9)
    return Evidence(evidence_id="", tool="note", summary="noted: " + arguments.reason)

def say(reason, number):
    call = {"name": "note", "args": {"reason": reason}, "id": number, "type": "tool_call"}
    return AIMessage("", tool_calls=[call])

root = Path(sys.argv[1])
experiment = Experiment(root=root, name="x")
catalog = Catalog(root)
context = ToolContext(experiment=experiment, catalog=catalog, open_search=lambda: None, figures_dir=root)
tools = (Tool(name="note", description="Note.", arguments=DeclineArguments, function=die),)
first = [say("one", "c1"), AIMessage("First [e1].")]
second = [say("die", "c2")] if sys.argv[2] == "die" else [say("two", "c3"), AIMessage("Second [e1].")]
model = ScriptedChatModel(script=[first, second])
model.__class__.needs_prompt = False
conversation = Conversation(context, model=model, tools=tools, thread_id="t", conversations=root / "c.sqlite")
if sys.argv[2] == "die":
    conversation.ask("one")
print(conversation.ask("two").answer)
print(conversation.history())
"""


def test_killed_process_loses_its_turn_only_and_strict_checkpoints_are_readable(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(textwrap.dedent(_KILLED))
    env = os.environ | {"LANGGRAPH_STRICT_MSGPACK": "true", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", str(script), str(tmp_path)]
    killed = subprocess.run([*command, "die"], env=env, capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    resumed = subprocess.run([*command, "go on"], env=env, capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    answer, history = resumed.stdout.strip().split("\n")
    assert answer == "Second [e1]."
    assert history == str(
        [("user", "one"), ("assistant", "First [e1]."), ("user", "two"), ("assistant", "Second [e1].")]
    )


def test_two_conversations_in_one_file_do_not_mix(context, tools, scripted, call, tmp_path):
    file = tmp_path / "c.sqlite"
    model = scripted([call(REARING), "They reared 12 times [e1]."])
    with (
        Conversation(context, model=model, tools=tools, conversations=file) as first,
        Conversation(context, model=model, tools=tools, conversations=file) as second,
    ):
        first.ask("a")
        second.ask("b")
        assert [text for who, text in first.history() if who == "user"] == ["a"]
        assert [text for who, text in second.history() if who == "user"] == ["b"]


def test_figures_do_not_pile_up_in_the_history(context, scripted, call):
    class Nothing(BaseModel):
        pass

    def draw(context, arguments):
        figure = {"title": "f", "plotly_json": "x" * 100_000, "path": None}
        return Evidence(evidence_id="", tool="draw", summary="drawn", figures=[figure])

    tools = (Tool(name="draw", description="Draw.", arguments=Nothing, function=draw),)
    turn = [call(("draw", {})), "Drawn [e1]."]
    with Conversation(context, model=scripted(turn, turn, turn), tools=tools) as conversation:
        for _ in range(3):
            answer = conversation.ask("Draw.")
        state = conversation._graph.get_state(conversation._config).values
    assert len(answer.evidence[0].figures[0].plotly_json) == 100_000
    assert sum(len(str(message)) for message in state["messages"]) < 20_000


def test_conversation_file_may_be_opened_by_many_processes_at_once(tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom ethochat.agent.run import _open_saver\n"
        "_open_saver(Path(sys.argv[1])).conn.close()\n"
    )
    file = tmp_path / "c.sqlite"
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(file)], stderr=subprocess.PIPE) for _ in range(3)
    ]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in running] == [(b"", 0)] * 3
    assert Path(file).exists()
