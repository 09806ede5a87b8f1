"""``ethochat search`` with a search of its own, whose hits are known: the tool behind it has tests of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import ClipRef, Evidence, Value
from ethochat.ui import cli

Run = Callable[..., tuple[int, str, str]]


class Search:
    """Stands for the tool: returns the clips it was given and remembers how it was called."""

    def __init__(self, clips: list[ClipRef], n_total: int, flags: list[str]) -> None:
        self.clips, self.n_total, self.flags = clips, n_total, flags
        self.calls: list[dict[str, Any]] = []
        self.counts = True

    def __call__(self, context: ToolContext, call: dict[str, Any]) -> Evidence:
        self.calls.append(dict(call))
        values = [Value(name="event_count", value=float(self.n_total), unit="count")] if self.counts else []
        return Evidence(
            evidence_id="",
            tool="search_segments",
            clips=self.clips,
            values=values,
            flags=self.flags,
            n_rows=self.n_total,
        )


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch, context: ToolContext) -> Search:
    """Two hits of five: in ``oft_1`` [3, 5), and in ``oft_2`` [2, 3), which has no video."""
    clips = [
        ClipRef(
            session_id="oft_1", start_time=3, stop_time=5, score=0.876, description="Rearing up",
            why="Rearing by anna", has_video=True,
        ),
        ClipRef(session_id="oft_2", start_time=2, stop_time=3, score=0.5, description="[b]Rearing[/b]"),
    ]  # fmt: skip
    double = Search(clips, 5, ["Found in what anna marked."])
    monkeypatch.setattr("ethochat.ui.search_call.run_search", double)
    monkeypatch.setattr("ethochat.agent.run.open_context", lambda *_, **__: context)
    monkeypatch.setattr(
        "ethochat.ui.search_call.read_text",
        lambda text, _: {"query": text, "zones": ["center"]} if text else {},
    )
    return double


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``ethochat search lab …``; return exit status, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ethochat", "search", "lab", *map(str, arguments)])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        try:
            status = cli.main()
        except SystemExit as exc:
            status = int(exc.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


# ----------------------------------------------------------------- the list
def test_hits_are_listed_with_who_when_what_and_why(run: Run, search: Search) -> None:
    status, out, _ = run("rearing")
    assert status == 0
    assert out.splitlines() == [
        "Looked for: Rearing · in center",
        "  1. oft_1 · m1   3.00–5.00 s   score 0.88",
        "     Rearing up",
        "     why: Rearing by anna",
        "     drug",
        "  2. oft_2 · m2   2.00–3.00 s   score 0.50   no video",
        "     [b]Rearing[/b]",
        "     drug",
        "1 to 2 of 5; --offset 2 goes on.",
        "Found in what anna marked.",
    ]


def test_nothing_found_is_said_and_is_no_error(run: Run, search: Search) -> None:
    search.clips, search.n_total, search.flags = [], 0, ["The nearest: one of 2 s in oft_1."]
    status, out, _ = run("flying")
    assert (status, out.splitlines()) == (
        0,
        ["Looked for: “flying” · in center", "No moment was found.", "The nearest: one of 2 s in oft_1."],
    )


def test_end_of_a_long_list_is_said(run: Run, search: Search) -> None:
    search.clips = []
    assert run("rearing", "--offset", 5)[1].splitlines()[1] == "There are 5 hits, and none further on."


def test_what_is_only_alike_is_not_counted(run: Run, search: Search) -> None:
    search.counts = False
    assert "1 to 2, the most alike; --offset 2 goes on." in run("rearing")[1]
    assert json.loads(run("rearing", "--json")[1])["n_total"] is None


def test_json_has_arguments_hits_with_metadata_total_and_values(run: Run, search: Search) -> None:
    status, out, _ = run("rearing", "--json")
    said = json.loads(out)
    assert status == 0
    assert said["arguments"] == {"query": "rearing", "zones": ["center"]}
    assert said["read_as"] == "Rearing"
    assert (said["query"], said["n_total"], said["flags"]) == ("rearing", 5, ["Found in what anna marked."])
    first = said["hits"][0]
    assert (first["rank"], first["subject_id"], first["metadata"]) == (1, "m1", {"group": "drug"})
    assert (first["start_time"], first["time_unit"], first["why"]) == (3.0, "s", "Rearing by anna")
    assert said["values"] == [{"name": "event_count", "value": 5.0, "unit": "count", "group": {}}]


# ----------------------------------------------------------------- options
def test_every_option_reaches_the_search(run: Run, search: Search) -> None:
    status, _, err = run(
        "rearing", "--where", "group=drug", "--where", "age>=3", "--session", "oft_1", "--subject", "m1", "--individual", "red",
        "--source", "anna", "--zone", "corner", "--zone", "wall", "--behavior", "Rearing", "--without", "chase", "--from", "10",
        "--to", "180", "--min-duration", "1", "--max-duration", "9", "--min-speed", "2", "--max-speed", "20", "--then", "grooming",
        "--then", "walking", "--within", "10", "--like", "oft_1@3.5", "--unlike", "oft_2@1@red", "--other-sessions",
        "--per-session", "3", "--limit", "50", "--offset", "20",
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert search.calls == [
        {
            "query": "rearing",
            "where": [
                {"column": "group", "op": "==", "value": "drug"},
                {"column": "age", "op": ">=", "value": "3"},
            ],
            "sessions": ["oft_1"], "subjects": ["m1"], "individuals": ["red"], "sources": ["anna"], "zones": ["corner", "wall"],
            "behaviors": ["Rearing"], "without": ["chase"], "start_s": 10.0, "stop_s": 180.0, "min_duration_s": 1.0,
            "max_duration_s": 9.0, "min_speed": 2.0, "max_speed": 20.0, "followed_by": ["grooming", "walking"], "within_s": 10.0,
            "like": [{"session_id": "oft_1", "time": 3.5}],
            "unlike": [{"session_id": "oft_2", "time": 1.0, "individual": "red"}], "other_sessions": True, "per_session": 3,
            "limit": 50, "offset": 20,
        }
    ]  # fmt: skip


def test_text_is_not_needed_where_options_say_what(run: Run, search: Search) -> None:
    assert run("--like", "oft_1@3.5")[0] == 0
    assert search.calls == [{"like": [{"session_id": "oft_1", "time": 3.5}]}]


@pytest.mark.parametrize("options", [(), ("--session", "oft_1", "--to", "60")])
def test_nothing_to_look_for_is_one_line_and_status_2(
    run: Run, search: Search, options: tuple[str, ...]
) -> None:
    status, out, err = run(*options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("Say what to look for")


@pytest.mark.parametrize(
    "options", [("--where", "female"), ("--like", "oft_1"), ("--sheet", "a.jpg"), ("--clips", "a.mp4")]
)
def test_bad_option_is_one_line_and_status_2_before_any_search(
    run: Run, search: Search, options: tuple[str, str]
) -> None:
    status, out, err = run("rearing", *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("Expected ")
    assert search.calls == []


# ----------------------------------------------------------------- files
def test_all_files_are_written_and_named(run: Run, search: Search, tmp_path: Path) -> None:
    out = tmp_path / "out"
    status, said, err = run(
        "rearing", "--csv", out / "hits.csv", "--boris", out / "hits.boris", "--srt", out / "srt", "--sheet", out / "sheet.png",
        "--sheet-frames", 3, "--clips", out / "clips.zip",
    )  # fmt: skip
    assert (status, err) == (0, "")
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert written == [
        "clips.zip", "hits.boris", "hits.csv", "hits.provenance.json", "sheet.png", "srt/hits.provenance.json", "srt/oft_1.srt",
        "srt/oft_2.srt",
    ]  # fmt: skip
    assert sorted(line.removeprefix(f"wrote {out}/") for line in said.splitlines()[-8:]) == written


def test_files_are_in_the_json_too(run: Run, search: Search, tmp_path: Path) -> None:
    _, out, _ = run("rearing", "--csv", tmp_path / "h.csv", "--json")
    assert json.loads(out)["files"] == [str(tmp_path / "h.csv"), str(tmp_path / "h.provenance.json")]


def test_without_hits_there_are_tables_but_no_pictures(run: Run, search: Search, tmp_path: Path) -> None:
    search.clips, search.n_total = [], 0
    status, _, err = run(
        "flying", "--csv", tmp_path / "h.csv", "--sheet", tmp_path / "s.png", "--clips", tmp_path / "c.zip"
    )
    assert status == 0
    assert err == "Without hits there was nothing to write as subtitles, pictures or clips.\n"
    assert (tmp_path / "h.csv").read_text().count("\n") == 1
    assert not (tmp_path / "s.png").exists()


def test_what_one_file_cannot_hold_is_refused_before_another_is_written(
    run: Run, search: Search, tmp_path: Path
) -> None:
    status, _, err = run("rearing", "--csv", tmp_path / "hits.csv", "--srt", tmp_path / "hits.srt")
    assert status == 2
    assert "one session" in err
    assert list(tmp_path.rglob("hits*")) == []


def test_frames_without_a_rate_are_refused_for_formats_in_seconds(
    run: Run, search: Search, context: ToolContext, tmp_path: Path
) -> None:
    search.clips = [ClipRef(session_id="ri_1", start_time=20, stop_time=45)]
    status, _, err = run("chase", "--srt", tmp_path / "out")
    assert (status, err) == (0, "Frames of ri_1 were turned into seconds at the frame rate of the video.\n")
    (context.experiment.root / "top.mp4").unlink()
    status, out, err = run("chase", "--boris", tmp_path / "h.csv")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "the frame rate of ri_1 is not documented" in err
