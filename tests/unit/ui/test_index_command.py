"""``ethochat move-index``: what it says and how it ends."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from ethochat.index import moving
from ethochat.index.errors import NotIngestedError
from ethochat.index.moving import MoveReport
from ethochat.ui.cli import app


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run the command with a move that only reports; keeps what it was asked."""
    asked = []

    def call(*arguments, report: MoveReport):
        monkeypatch.setattr(moving, "move_index", lambda root, to: asked.append((root, to)) or report)
        result = CliRunner().invoke(app, ["move-index", str(tmp_path), *arguments])
        assert asked[-1] == (tmp_path, report.target)
        return result

    return call


def test_a_move_says_how_much_went_where_and_what_is_left(run):
    report = MoveReport(source="edge", target="http://q:6333", n_segments=1820, n_copied=20)
    result = run("--to", "http://q:6333", report=report)
    assert result.exit_code == 0
    assert "1820 segments are in http://q:6333 now, 20 of them copied" in result.stdout
    assert "edge was left as it is" in " ".join(result.stdout.split())


def test_nothing_to_move_is_said(run):
    report = MoveReport(source="edge", target="edge", n_segments=3, n_copied=0)
    assert "in edge already" in run("--to", "edge", report=report).stdout


def test_json_holds_the_report(run):
    report = MoveReport(source="edge", target="local", n_segments=3, n_copied=3)
    assert json.loads(run("--to", "local", "--json", report=report).stdout) == {
        "source": "edge",
        "target": "local",
        "n_segments": 3,
        "n_copied": 3,
    }


def test_folder_that_was_not_ingested_names_the_command(tmp_path):
    result = CliRunner().invoke(app, ["move-index", str(tmp_path), "--to", "local"])
    assert isinstance(result.exception, NotIngestedError)
    assert "run `ethochat ingest" in str(result.exception)
