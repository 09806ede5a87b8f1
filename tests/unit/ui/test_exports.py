"""Figures and tables of an answer as files, and the command line's options for them."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from ethochat.agent.answer import Answer
from ethochat.index.errors import InputError
from ethochat.tools.evidence import Evidence, Figure, GroupSummary, TestResult, Value
from ethochat.ui import cli
from ethochat.ui.exports import (
    csv_of_tests,
    csv_of_values,
    figure_formats,
    write_answer_figures,
    write_tables,
)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def answer(**more: object) -> Answer:
    return Answer.model_validate({"question": "?", "status": "answered", "answer": ""} | more)


VALUE = Value(
    name="distance",
    value=1 / 3,
    unit="cm",
    statistic="mean",
    n=2,
    group={"sex": "female", "dose": "0,5"},
    evidence_id="e1",
)
TEST = TestResult(
    name="welch_anova", statistic=5.0, df=(2.0, 9.5), p_value=0.01, measure="distance", unit="cm", n_tests=3,
    corrected={"holm": 0.03, "fdr_by": 0.05}, evidence_id="e1",
    effect_size={"omega_squared": 0.2, "ci95": [0.0, 0.5], "eta_squared": 0.3},
    groups={name: GroupSummary(n=n, mean=1, sd=1, median=1) for name, n in (("a", 4), ("b", 5))},
    posthoc=[
        TestResult(
            name="games_howell", statistic=2.0, p_value=0.04, correction="games_howell",
            effect_size={"hedges_g": 1.0, "ci95": [0.1, 1.9], "mean_difference": 2.0, "mean_difference_ci95": [1.0, 3.0]},
            groups={name: GroupSummary(n=2, mean=1, sd=1, median=1) for name in ("a", "b")},
        )
    ],
)  # fmt: skip


# ----------------------------------------------------------------- tables
def test_values_have_a_row_each_with_their_groups_and_all_digits() -> None:
    (row,) = rows_of(csv_of_values([VALUE]))
    assert row == {
        "sex": "female", "dose": "0,5", "measure": "distance", "value": "0.3333333333333333", "unit": "cm", "statistic": "mean",
        "n": "2", "evidence_id": "e1",
    }  # fmt: skip


def test_columns_of_the_data_never_hide_ours() -> None:
    value = Value(
        name="distance",
        value=1.0,
        session_id="s1",
        n=3,
        group={"n": "odd", "session_id": "s1", "note": "wet"},
    )
    (row,) = rows_of(csv_of_values([value]))
    assert (row["n"], row["n (group)"], row["note (group)"], row["session_id"]) == ("3", "odd", "wet", "s1")


def test_missing_values_are_empty_cells() -> None:
    rows = rows_of(
        csv_of_values([VALUE, Value(name="latency", value=None, note='It "never", happened.\nSorry.')])
    )
    assert (rows[1]["value"], rows[1]["sex"], rows[1]["note"]) == ("", "", 'It "never", happened.\nSorry.')


def test_tests_have_corrected_p_effect_and_interval_and_pairs_follow() -> None:
    test, pair = rows_of(csv_of_tests([TEST]))
    assert (test["kind"], test["test"], test["df"], test["df_error"]) == ("test", "welch_anova", "2.0", "9.5")
    assert (test["p_value"], test["p_holm"], test["p_fdr_by"], test["n_tests"]) == (
        "0.01",
        "0.03",
        "0.05",
        "3",
    )
    assert (test["effect"], test["effect_size"], test["ci95_low"], test["ci95_high"]) == (
        "omega_squared",
        "0.2",
        "0.0",
        "0.5",
    )
    assert (test["groups"], test["n"], test["eta_squared"]) == ("a; b", "4; 5", "0.3")
    assert (pair["kind"], pair["measure"], pair["p_value"], pair["correction"]) == (
        "posthoc",
        "distance",
        "0.04",
        "games_howell",
    )
    assert (pair["effect_size"], pair["ci95_low"], pair["mean_difference_ci95_high"]) == ("1.0", "0.1", "3.0")
    assert "p_fdr_bh" not in test  # empty throughout


def test_interval_of_a_correlation_stands_without_an_effect() -> None:
    test = TestResult(name="pearson", statistic=0.5, p_value=0.1, effect_size={"ci95": [0.1, 0.8]})
    (row,) = rows_of(csv_of_tests([test]))
    assert (row["statistic"], row["ci95_low"], row["ci95_high"]) == ("0.5", "0.1", "0.8")


@pytest.mark.parametrize(
    ("target", "names"), [("out", ["tests.csv", "values.csv"]), ("out/a.csv", ["a-tests.csv", "a.csv"])]
)
def test_tables_go_into_a_folder_or_beside_a_file(tmp_path: Path, target: str, names: list[str]) -> None:
    written = write_tables(answer(values=[VALUE], tests=[TEST]), tmp_path / target)
    assert (
        sorted(path.name for path in written)
        == names
        == sorted(path.name for path in (tmp_path / "out").iterdir())
    )


def test_answer_without_numbers_writes_no_table(tmp_path: Path) -> None:
    assert write_tables(answer(), tmp_path / "out") == []
    assert not (tmp_path / "out").exists()


# ----------------------------------------------------------------- figures
def test_every_figure_is_written_in_every_format_under_a_name_of_its_own(tmp_path: Path) -> None:
    figure = Figure(title="distance by group", plotly_json='{"data": [], "layout": {}}')
    evidence = [
        Evidence(evidence_id=name, tool="plot", figures=[figure] * n) for name, n in (("e1", 2), ("e2", 1))
    ]
    written = write_answer_figures(answer(evidence=evidence), tmp_path, ["json", "html"])
    assert [path.name for path in written if path.suffix == ".json"] == [
        "e1-distance-by-group.json", "e1-distance-by-group-2.json", "e2-distance-by-group.json",
    ]  # fmt: skip
    assert len(written) == len(list(tmp_path.iterdir())) == 6


def test_formats_are_read_as_people_write_them() -> None:
    assert figure_formats(["svg,PNG", ".html", "svg"]) == ["svg", "png", "html"]
    with pytest.raises(InputError, match=r"\(html, json, png, svg, pdf\), got 'tiff'"):
        figure_formats(["tiff"])


# ----------------------------------------------------------------- the command line
@pytest.fixture
def ask(context, monkeypatch, capsys):
    """Ask on the command line; give status, stdout and stderr."""
    monkeypatch.setattr("ethochat.agent.run.open_context", lambda *_, **__: context)

    def call(question: str, *options: object) -> tuple[int, str, str]:
        monkeypatch.setattr(
            sys, "argv", ["ethochat", "ask", str(context.experiment.root), question, *map(str, options)]
        )
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        try:
            status = cli.main()
        except SystemExit as exc:
            status = int(exc.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def test_files_of_an_answer_are_those_that_were_written(ask, tmp_path):
    status, out, err = ask(
        "Plot the number of Rearing bouts.", "--figures", tmp_path / "f", "--figure-format", "json", "--csv", tmp_path / "t", "--json"
    )  # fmt: skip
    files = [Path(name) for name in json.loads(out)["files"]]
    assert (status, err) == (0, "")
    assert all(path.is_file() for path in files)
    assert {path.suffix for path in files if path.parent == tmp_path / "f"} == {".json"}
    assert tmp_path / "t" / "values.csv" in files


def test_pages_are_the_default_format(ask, tmp_path):
    _, out, _ = ask("Plot the number of Rearing bouts.", "--figures", tmp_path / "f")
    (path,) = (tmp_path / "f").iterdir()
    assert path.suffix == ".html"
    assert str(path) in out


def test_what_an_answer_does_not_have_is_said(ask, tmp_path):
    status, _, err = ask("What is Rearing?", "--figures", tmp_path / "f")
    assert status == 0
    assert err.startswith("This answer has no figure")
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--figures", "f", "--figure-format", "tiff"], "got 'tiff'"),
        (["--figure-format", "svg"], "--figures DIR where"),
    ],
)
def test_formats_are_checked_before_the_question_is_answered(ask, tmp_path, options, said):
    status, out, err = ask("Plot the number of Rearing bouts.", *options)
    assert (status, out) == (2, "")
    assert said in err
