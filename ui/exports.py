"""An answer's figures and tables as files: pictures for a report, tidy tables for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ethochat.agent.answer import Answer
from ethochat.index.errors import InputError
from ethochat.tools.evidence import TestResult, Value
from ethochat.tools.figures.captions import main_effect
from ethochat.tools.figures.export import FORMATS, file_stem, write_figures

Cell = str | int | float | None

_VALUE_COLUMNS: Final = (
    "measure", "value", "unit", "statistic", "n", "session_id", "subject_id", "bin_start", "note", "evidence_id",
)  # fmt: skip
_CORRECTIONS: Final = ("holm", "fdr_bh", "fdr_by")


# ----------------------------------------------------------------- tables
def csv_of_values(values: Sequence[Value]) -> str:
    """Write values as CSV, a row each: the columns of their groups first, numbers in full.

    A column of the data that is called like one of ours gets "(group)" behind its name.
    """
    groups = list(dict.fromkeys(column for value in values for column in value.group))
    groups = [column for column in groups if column not in ("session_id", "subject_id")]
    names = {column: f"{column} (group)" if column in _VALUE_COLUMNS else column for column in groups}
    rows = [_value_row(value) | {names[key]: value.group.get(key) for key in groups} for value in values]
    return _csv([*names.values(), *_VALUE_COLUMNS], rows)


def _value_row(value: Value) -> dict[str, Cell]:
    return {
        "measure": value.name,
        "value": value.value,
        "unit": value.unit,
        "statistic": value.statistic,
        "n": value.n,
        "session_id": value.session_id or value.group.get("session_id"),
        "subject_id": value.subject_id or value.group.get("subject_id"),
        "bin_start": value.bin_start_s,
        "note": value.note,
        "evidence_id": value.evidence_id,
    }


def csv_of_tests(tests: Sequence[TestResult]) -> str:
    """Write tests as CSV, a row each; pairs of groups follow their test with ``posthoc`` in the column ``kind``.

    ``effect`` names the main effect size, ``effect_size`` with ``ci95_low`` and ``ci95_high`` are its numbers; every other effect
    has columns of its own. ``p_value`` of a pair is corrected already, ``correction`` says how.
    """
    rows = [row for test in tests for row in _test_rows(test)]
    return _csv(list(dict.fromkeys(key for row in rows for key in row)), rows)


def _test_rows(test: TestResult) -> list[dict[str, Cell]]:
    rows = [_test_row(test, kind="test")]
    for pair in test.posthoc:
        rows.append(
            _test_row(pair, kind="posthoc") | {"measure": test.measure, "evidence_id": test.evidence_id}
        )
    return rows


def _test_row(test: TestResult, *, kind: str) -> dict[str, Cell]:
    main = main_effect(test)
    df = test.df if isinstance(test.df, tuple) else (test.df, None)
    row: dict[str, Cell] = {
        "measure": test.measure,
        "kind": kind,
        "test": test.name,
        "term": test.term,
        "groups": "; ".join(test.groups),
        "n": "; ".join(str(group.n) for group in test.groups.values()),
        "statistic": test.statistic,
        "df": df[0],
        "df_error": df[1],
        "p_value": test.p_value,
        "correction": test.correction,
        **{f"p_{name}": test.corrected.get(name) for name in _CORRECTIONS},
        "n_tests": test.n_tests,
        "effect": main,
        **_effect(test, main, "effect_size"),
    }
    for name in test.effect_size:
        if name != main and not name.endswith("ci95"):
            row |= _effect(test, name, name)
    return row | {"unit": test.unit, "why": test.why, "evidence_id": test.evidence_id}


def _effect(test: TestResult, name: str | None, column: str) -> dict[str, Cell]:
    """Effect and its interval under the names of their columns."""
    prefix = "" if column == "effect_size" else f"{column}_"
    number = test.effect_size.get(name) if name is not None else None
    ends = test.effect_size.get(f"{name}_ci95")
    if ends is None and column == "effect_size":
        ends = test.effect_size.get("ci95")
    low, high = ends if isinstance(ends, list) and len(ends) == 2 else (None, None)
    return {
        column: number if isinstance(number, int | float) else None,
        f"{prefix}ci95_low": low,
        f"{prefix}ci95_high": high,
    }


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, Cell]]) -> str:
    """Write rows without the columns that are empty throughout."""
    rows = list(rows)
    kept = [column for column in columns if any(row.get(column) not in (None, "") for row in rows)]
    text = io.StringIO()
    writer = csv.DictWriter(text, kept, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_tables(answer: Answer, target: Path) -> list[Path]:
    """Write an answer's values and tests.

    Parameters
    ----------
    target
        A file that ends in ``.csv`` for the values, the tests then go beside it to ``<name>-tests.csv``; else a folder for
        ``values.csv`` and ``tests.csv``.

    Returns
    -------
    list of Path
        What was written: nothing for an answer without values and tests.
    """
    if target.suffix.lower() == ".csv":
        of_values, of_tests = target, target.with_name(f"{target.stem}-tests{target.suffix}")
    else:
        of_values, of_tests = target / "values.csv", target / "tests.csv"
    written = []
    for path, text in (
        (of_values, csv_of_values(answer.values) if answer.values else ""),
        (of_tests, csv_of_tests(answer.tests) if answer.tests else ""),
    ):
        if text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


# ----------------------------------------------------------------- figures
def figure_formats(wanted: Iterable[str]) -> list[str]:
    """Read formats as a user writes them: ``svg``, ``.PNG``, ``html,pdf``.

    Raises
    ------
    InputError
        For a format that figures cannot have.
    """
    names = [
        part.strip().lower().removeprefix(".") for item in wanted for part in item.split(",") if part.strip()
    ]
    known = [suffix.removeprefix(".") for suffix in FORMATS]
    for name in names:
        if name not in known:
            raise InputError(f"Expected a format of figures ({', '.join(known)}), got {name!r}.")
    return list(dict.fromkeys(names))


def write_answer_figures(answer: Answer, folder: Path, formats: Sequence[str] = ("html",)) -> list[Path]:
    """Write all figures of an answer; a file is named by its evidence and title.

    Parameters
    ----------
    formats
        As :func:`figure_formats` gives them; each figure is written in every one.

    Raises
    ------
    BackendUnavailableError
        When a picture is wanted and there is no browser to draw it.
    """
    wanted = []
    taken: set[str] = set()
    for item in answer.evidence:
        for figure in item.figures:
            stem = _untaken(f"{item.evidence_id}-{file_stem(figure.title)}", taken)
            wanted += [(figure, folder / f"{stem}.{suffix}") for suffix in formats]
    return write_figures(wanted)


def _untaken(stem: str, taken: set[str]) -> str:
    name = next(
        name for name in (stem, *(f"{stem}-{number}" for number in range(2, 10_000))) if name not in taken
    )
    taken.add(name)
    return name
