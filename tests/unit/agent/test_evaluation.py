"""Question files: what is read, what is refused, and how a crash is counted."""

from __future__ import annotations

import json

import pytest

from ethochat.agent import evaluation
from ethochat.agent.evaluation import EvaluationReport, evaluate, read_questions, summary_lines
from ethochat.index.errors import InputError


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("{", "line 2: Expected a JSON object"),
        ('{"id": "a", "turns": ["x"]}', "KeyError: 'dataset'"),
        ('{"id": "a", "dataset": "d", "turns": []}', "Expected at least one turn"),
    ],
)
def test_wrong_line_is_named(tmp_path, line, part):
    file = tmp_path / "q.jsonl"
    file.write_text('{"id": "q", "dataset": "d", "turns": ["x"]}\n' + line + "\n")
    with pytest.raises(InputError) as caught:
        read_questions(file)
    assert part in str(caught.value)


def test_absent_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="Expected a question file"):
        read_questions(tmp_path / "none.jsonl")


def test_crash_is_one_wrong_answer(tmp_path, monkeypatch):
    def crash(root):
        raise ZeroDivisionError("x")

    monkeypatch.setattr(evaluation, "open_context", crash)
    (tmp_path / "d").mkdir()
    (tmp_path / "q.jsonl").write_text('{"id": "q1", "dataset": "d", "turns": ["How many?"]}\n')
    report = evaluate(tmp_path / "q.jsonl", tmp_path, tmp_path / "a.jsonl")
    assert report.crashes == (("q1", "ZeroDivisionError: x"),)
    assert json.loads((tmp_path / "a.jsonl").read_text())["status"] == "failed"


@pytest.mark.parametrize("name", ["../d", "d/../d", ""])
def test_dataset_cannot_leave_the_folder(tmp_path, name):
    (tmp_path / "d").mkdir()
    (tmp_path / "q.jsonl").write_text(json.dumps({"id": "q1", "dataset": name, "turns": ["?"]}) + "\n")
    report = evaluate(tmp_path / "q.jsonl", tmp_path / "d", tmp_path / "a.jsonl")
    assert "Expected an experiment folder named" in report.crashes[0][1]


def test_percentiles_are_those_of_the_nearest_rank():
    report = EvaluationReport(statuses={"answered": 4}, times_s=(0.4, 0.1, 0.2, 0.3))
    assert [report.percentile_s(p) for p in (25, 50, 95, 100)] == [0.1, 0.2, 0.4, 0.4]
    assert EvaluationReport().percentile_s(50) == 0.0
    assert next(summary_lines(report)) == "4 questions: 4 answered"
