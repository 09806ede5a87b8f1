"""The command line with models that run: one of random weights, one that always says the same."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ethochat.index.ingest import ingest
from ethochat.index.sample import write_sample
from ethochat.index.vlm.tiny import build_tiny_vlm
from ethochat.ui import cli


@pytest.fixture(scope="module")
def mouse(tmp_path_factory) -> Path:
    """One simulated mouse for 20 s."""
    root = tmp_path_factory.mktemp("measured") / "mouse"
    write_sample(root, n_mice=1, duration_s=20.0)
    manifest = root / "experiment.toml"
    manifest.write_text(
        manifest.read_text(encoding="utf-8") + "\n[vlm]\nsize_px = 64\nmax_new_tokens = 32\n",
        encoding="utf-8",
    )
    assert not ingest(root).failed
    return root


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> str:
    import torch

    torch.set_num_threads(1)  # spinning threads of several test processes starve each other
    return f"transformers:{build_tiny_vlm(tmp_path_factory.mktemp('vlms') / 'llava', 'llava')}"


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


def test_help_shows_an_example(run):
    status, out, _ = run("eval-vlm", "--help")
    assert status == 0
    assert "Example: ethochat eval-vlm" in " ".join(out.split())


def test_model_of_random_weights_is_reported_at_chance(run, mouse, tiny, tmp_path):
    file = tmp_path / "quality.json"
    status, out, err = run("eval-vlm", mouse, "--vlm", tiny, "--segments", 12, "--json", file)
    assert (status, err) == (0, "")
    verdicts = [line for line in out.splitlines() if "chance." in line]
    assert len(verdicts) == 4
    assert all("not distinguishable from chance." in line for line in verdicts)
    found = json.loads(file.read_text(encoding="utf-8"))
    assert found["cost"]["n_clips"] == 12
    assert found["cost"]["first_try"] + found["cost"]["repaired"] + found["cost"]["free_text"] == 12
    assert found["cost"]["frames_per_clip"] >= 1
    assert found["cost"]["new_tokens_per_clip"] > 0
    assert found["yes_no"]["calibration"]["n"] == found["yes_no"]["n"] > 0
    assert found["verdicts"] == verdicts
    assert "hallucination: another animal where one is" in out

    status, again, _ = run("eval-vlm", mouse, "--vlm", tiny, "--segments", 12)
    n = found["cost"]["n_asked"]
    assert f"0 asked now, {n} answered before" in again
    assert again.splitlines()[-4:] == verdicts


def test_model_that_says_the_same_of_everything_is_at_chance(run, mouse):
    status, out, _ = run("eval-vlm", mouse, "--vlm", "scripted", "--segments", 10)
    assert status == 0
    assert "Keywords: macro F1 0." in out
    assert out.count("not distinguishable from chance.") == 4


def test_what_is_missing_is_said_in_a_sentence(run, mouse, tmp_path):
    status, _, err = run("eval-vlm", mouse)
    assert (status, "name one with --vlm" in err) == (2, True)
    status, _, err = run("eval-vlm", mouse, "--vlm", "scripted", "--truth", "nobody")
    assert status == 2
    assert "no source of labels of sessions with a video 'nobody'. Known: simulator." in err
    file = tmp_path / "absent" / "quality.json"
    status, _, err = run("eval-vlm", mouse, "--vlm", "scripted", "--segments", 5, "--json", file)
    assert (status, "Expected a file that can be written" in err) == (2, True)
