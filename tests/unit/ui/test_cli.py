"""The command line on an experiment of two sessions whose tables are written by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from ethochat.index.catalog import CATALOG_VERSION, Catalog
from ethochat.ui import cli

COMMANDS = (
    "demo", "init", "ingest", "ask", "chat", "search", "serve", "doctor", "eval", "move-index", "describe", "eval-vlm",
)  # fmt: skip


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    """Sessions s1 (group A, 3 grooming bouts) and s2 (group B, none), both watched by Oliver for 60 s."""
    root = tmp_path / "lab"
    root.mkdir()
    (root / "experiment.toml").write_text('[experiment]\nname = "Lab"\n')
    (root / "sessions.csv").write_text(
        "session_id,subject_id,annotations,group\ns1,M1,s1.csv,A\ns2,M2,s2.csv,B\n"
    )
    for name in ("s1.csv", "s2.csv"):
        (root / name).write_text("from,to,type\n0,2,grooming\n")
    catalog = Catalog(root / ".ethochat")
    for session_id, group, n_bouts in (("s1", "A", 3), ("s2", "B", 0)):
        ids = {"session_id": session_id, "subject_id": f"M{session_id[1]}"}
        session = ids | {"time_unit": "s", "fps": 25.0, "duration": 60.0, "excluded": False, "group": group}
        source = {"session_id": session_id, "individual": "", "source": "Oliver", "source_kind": "manual"}
        coverage = source | {
            "kind": "annotations",
            "start_time": 0.0,
            "stop_time": 60.0,
            "behaviors": ["grooming"],
        }
        bouts = [
            source | {"behavior": "grooming", "start_time": 10.0 * i, "stop_time": 10.0 * i + 2}
            for i in range(n_bouts)
        ]
        tables = {
            "sessions": [session],
            "individuals": [ids | {"individual": ""}],
            "coverage": [coverage],
            "bouts": bouts,
        }
        catalog.write_session(session_id, {name: pl.DataFrame(rows) for name, rows in tables.items() if rows})
    catalog.write_state({"catalog_version": CATALOG_VERSION, "sessions": {"s1": "x", "s2": "x"}})
    return root


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command line; return exit status, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ethochat", *map(str, arguments)])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        try:
            status = cli.main()
        except SystemExit as exc:
            status = int(exc.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_shows_an_example(run, command):
    status, out, _ = run(command, "--help")
    assert status == 0
    assert f"Example: ethochat {command}" in " ".join(out.split())


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom ethochat.ui.cli import main\nsys.argv = ['ethochat', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'polars', 'numpy', 'langgraph', 'langchain_core', 'rich.console', 'pydantic', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().split("\n")[-1] == "[]"


def test_question_imports_no_framework_it_does_not_need(experiment):
    code = (
        "import sys\nfrom ethochat.ui.cli import main\n"
        "sys.argv = ['ethochat', 'ask', sys.argv[1], 'How many sessions are there?']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'langchain', 'torch', 'transformers', 'sentence_transformers', 'gradio', 'pandas'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(experiment)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().split("\n")[-1] == "[]"


def test_answer_as_json_is_the_shared_form(run, experiment):
    status, out, _ = run("ask", experiment, "How many grooming bouts are there in s1?", "--json")
    answer = json.loads(out)
    assert status == 0
    assert (answer["status"], answer["values"][0]["value"]) == ("answered", 3)
    assert answer["evidence"][0]["evidence_id"] == "e1"


def test_answer_as_text_names_its_evidence(run, experiment):
    _, out, _ = run("ask", experiment, "How many grooming bouts are there in s1?")
    assert "[e1]" in out
    assert "answered, builtin" in out


def test_thread_is_kept_and_gone_on_with(run, experiment):
    _, first, _ = run(
        "ask", experiment, "How many grooming bouts are there in s1?", "--thread", "t", "--json"
    )
    _, second, _ = run("ask", experiment, "And in s2?", "--thread", "t", "--json")
    assert json.loads(first)["thread_id"] == "t"
    assert json.loads(second)["values"][0]["value"] == 0


def test_chat_answers_until_an_empty_line_and_shows_what_was_said(run, experiment, monkeypatch):
    typed = iter(["How many sessions are there?", ""])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    _, first, _ = run("chat", experiment, "--thread", "t")
    assert "answered, builtin" in first
    monkeypatch.setattr("builtins.input", lambda prompt: "")
    _, second, _ = run("chat", experiment, "--thread", "t")
    assert "> How many sessions are there?" in second
    assert "--thread t" in second


@pytest.mark.parametrize("command", [["ask", "{}", "How many?"], ["search", "{}", "rearing"], ["chat", "{}"]])
def test_experiment_that_was_not_ingested_is_one_line_and_status_2(run, experiment, command):
    (experiment / ".ethochat" / "state.json").unlink()
    status, out, err = run(*[part.format(experiment) for part in command])
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "run `ethochat ingest" in err


def test_folder_that_is_no_experiment_is_one_line_and_status_2(run, tmp_path):
    for command in ("doctor", "ingest"):
        status, _, err = run(command, tmp_path)
        assert (status, err.count("\n")) == (2, 1)
        assert "Traceback" not in err


def test_debug_shows_the_traceback_wherever_it_stands(run, tmp_path):
    from ethochat.index.errors import EthochatError

    for arguments in (["--debug", "doctor", tmp_path], ["doctor", tmp_path, "--debug"]):
        with pytest.raises(EthochatError):
            run(*arguments)


def test_bug_is_one_line_and_says_how_to_see_more(capsys):
    cli._say_bug(ZeroDivisionError, ZeroDivisionError("x"), None)
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "ZeroDivisionError: x" in err
    assert "--debug" in err


def test_unknown_chat_model_is_status_2(run, experiment):
    status, _, err = run("ask", experiment, "How many?", "--model", "gpt")
    assert status == 2
    assert "Expected a chat model as one of" in err


def test_doctor_names_what_changed_since_the_ingest(run, experiment):
    status, out, _ = run("doctor", experiment, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["experiment"]["sessions"] == 2
    assert sum("changed since it was ingested" in line for line in found["problems"]) == 2
    (experiment / "sessions.csv").write_text(
        "session_id,subject_id,annotations,group\ns1,M1,s1.csv,A\ns3,M3,s2.csv,B\n"
    )
    problems = json.loads(run("doctor", experiment, "--json")[1])["problems"]
    assert any(line.startswith("s3: was not ingested") for line in problems)
    assert any(line.startswith("s2: no longer in sessions.csv") for line in problems)


def test_doctor_as_text(run, experiment):
    _, out, _ = run("doctor", experiment)
    assert "experiment:\n  name: Lab" in out


def test_evaluation_writes_one_answer_per_line_and_the_times(run, experiment, tmp_path):
    questions = tmp_path / "q.jsonl"
    lines = [
        {"id": "q1", "dataset": "lab", "turns": ["How many grooming bouts are there in s1?", "And in s2?"]},
        {"id": "q2", "dataset": "elsewhere", "turns": ["How many?"]},
    ]
    questions.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    answers = tmp_path / "out" / "a.jsonl"
    status, out, _ = run("eval", "--questions", questions, "--experiments", tmp_path, "--answers", answers)
    written = [json.loads(line) for line in answers.read_text().splitlines()]
    assert status == 0
    assert [(line["id"], line["status"]) for line in written] == [("q1", "answered"), ("q2", "failed")]
    assert written[0]["values"][0]["value"] == 0
    assert "Expected an experiment folder named 'elsewhere'" in written[1]["answer"]
    assert "2 questions: 1 answered, 1 failed" in out
    assert "p95" in out


def test_init_drafts_and_says_what_it_made_of_each_file(run, tmp_path):
    (tmp_path / "notes.xyz").write_text("nothing")
    (tmp_path / "m1_labels.csv").write_text("from,to,type\n0,1,grooming\n2,3,rearing\n")
    status, out, err = run("init", tmp_path)
    assert status == 0, err
    assert "m1_labels.csv" in out
    assert "notes.xyz" in out
    assert (tmp_path / "experiment.toml").exists()


@pytest.mark.parametrize("variable", ["ETHOCHAT_STORE", "QDRANT_URL"])
def test_the_environment_names_the_vector_index(run, experiment, monkeypatch, variable):
    monkeypatch.setenv(variable, "https://127.0.0.1:1/mice")
    monkeypatch.setenv("QDRANT_CA_FILE", str(experiment / "nowhere.pem"))
    status, _, err = run("search", experiment, "whatever nobody here has a name for")
    assert status == 2
    assert "nowhere.pem" in err


def test_our_own_variable_goes_before_qdrants(run, experiment, monkeypatch):
    monkeypatch.setenv("ETHOCHAT_STORE", "nothing")
    monkeypatch.setenv("QDRANT_URL", "http://127.0.0.1:1")
    status, _, err = run("search", experiment, "whatever nobody here has a name for")
    assert status == 2
    assert "'nothing'" in err
