"""Correlations within groups, slopes and doses on hand-written metrics; the default call stays what it was.

Twelve mice: three at each of the doses 0, 0.5, 1 and 2, alternately of strain A and B (every second one is B). ``moved`` of
mouse k is ``20 + 5 dose + wobble``, wobble ``(0, 2, 1)`` within a dose, less 30 for strain B; ``speed`` is ``moved / 10``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from ethochat.index.catalog import CATALOG_VERSION, Catalog
from ethochat.index.domain import Session
from ethochat.index.experiment import Experiment
from ethochat.index.tables import conform
from ethochat.tools import tool_named
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Evidence, Value

DOSES = np.repeat([0.0, 0.5, 1.0, 2.0], 3)
STRAINS = ["A" if k % 2 == 0 else "B" for k in range(12)]
MOVED = 20 + 5 * DOSES + np.tile([0.0, 2.0, 1.0], 4) - np.where(np.array(STRAINS) == "B", 30.0, 0.0)


def session(k: int) -> dict[str, list[dict[str, Any]]]:
    """Tables of one mouse's only session."""
    row = {
        "session_id": f"s{k}", "subject_id": f"m{k}", "time_unit": "s", "fps": 10.0, "duration": 10.0, "n_frames": 100, "excluded": False,
        "dose": float(DOSES[k]), "strain": STRAINS[k], "batch": "one" if k else "two",
    }  # fmt: skip
    metrics = [
        {"individual": "", "metric": name, "value": value, "unit": unit, "source": "table"}
        for name, value, unit in (("moved", MOVED[k], "cm"), ("pace", MOVED[k] / 10, "cm/s"))
    ]
    tables = {
        "sessions": [row],
        "individuals": [{"individual": "", "subject_id": f"m{k}"}],
        "metrics": metrics,
    }
    return {name: [{"session_id": f"s{k}", **row} for row in rows] for name, rows in tables.items()}


@pytest.fixture(scope="module")
def doses(tmp_path_factory: pytest.TempPathFactory) -> ToolContext:
    root: Path = tmp_path_factory.mktemp("doses")
    catalog = Catalog(root / ".ethochat")
    for k in range(12):
        tables = {name: conform(pl.DataFrame(rows), name) for name, rows in session(k).items()}
        catalog.write_session(f"s{k}", tables)
    names = [f"s{k}" for k in range(12)]
    catalog.write_state({"sessions": dict.fromkeys(names, "x"), "catalog_version": CATALOG_VERSION})
    known = Experiment(root=root, name="Test", sessions=tuple(Session(session_id=name) for name in names))

    def no_search() -> Any:
        raise AssertionError("no search here")

    return ToolContext(experiment=known, catalog=catalog, open_search=no_search, figures_dir=root / "figures")


Run = Callable[..., Evidence]


@pytest.fixture
def run(doses: ToolContext) -> Run:
    def call(x: str = "dose", y: str = "moved", **arguments: Any) -> Evidence:
        return tool_named("correlate").run(doses, {"x": {"measure": x}, "y": {"measure": y}, **arguments})

    return call


def named(evidence: Evidence, name: str, **group: str) -> list[Value]:
    return [v for v in evidence.values if v.name == name and group.items() <= v.group.items()]


class TestDoseResponse:
    def test_slope_and_rank_correlation_come_in_one_call(self, run):
        evidence = run(method="linear")
        expected = stats.linregress(DOSES, MOVED)
        assert [test.name for test in evidence.tests] == ["linear_trend", "spearman"]
        slope = evidence.values[0]
        assert (slope.name, slope.value, slope.unit, slope.n) == (
            "slope",
            pytest.approx(expected.slope),
            "cm per dose",
            12,
        )
        assert evidence.values[1].value == pytest.approx(expected.pvalue)
        (rho,) = named(evidence, "spearman_correlation")
        assert rho.value == pytest.approx(stats.spearmanr(DOSES, MOVED).statistic)

    @pytest.mark.parametrize("method", ["linear", "spearman", "pearson"])
    def test_every_dose_has_its_mean_median_and_n(self, run, method):
        found = named(run(method=method), "moved")
        means = {v.group["dose"]: (v.value, v.n) for v in found if v.statistic == "mean"}
        assert list(means) == ["0", "0.5", "1", "2"]
        assert means["0.5"] == (pytest.approx(float(np.mean(MOVED[3:6]))), 3)
        medians = {v.group["dose"]: v.value for v in found if v.statistic == "median"}
        assert medians["2"] == pytest.approx(float(np.median(MOVED[9:])))

    def test_doses_are_drawn(self, run):
        (figure,) = run(method="linear").figures
        assert figure.title.lower() == "moved by dose"

    def test_continuous_quantity_has_no_doses(self, run):
        evidence = run(x="pace", method="linear")
        assert named(evidence, "moved") == []
        assert evidence.tests[0].effect_size["slope"] == pytest.approx(10.0)
        assert evidence.values[0].unit == "cm per cm/s"


class TestWithinGroups:
    def test_each_group_and_all_animals(self, run):
        evidence = run(method="pearson", group_column="strain")
        pooled, a, b = evidence.tests
        assert pooled.statistic == pytest.approx(np.corrcoef(DOSES, MOVED)[0, 1])
        first = np.array(STRAINS) == "A"
        assert a.statistic == pytest.approx(np.corrcoef(DOSES[first], MOVED[first])[0, 1])
        assert b.measure == "dose and moved (strain B)"
        assert a.statistic > 0.9 > 0.4 > pooled.statistic

    def test_values_carry_their_group(self, run):
        evidence = run(group_column="strain")
        coefficients = named(evidence, "spearman_correlation")
        assert [v.group.get("strain") for v in coefficients] == [None, "A", "B"]
        assert [v.n for v in coefficients] == [12, 6, 6]
        assert len(named(evidence, "p_value", strain="B")) == 1

    def test_pooling_is_warned_of_and_groups_are_corrected(self, run):
        evidence = run(group_column="strain")
        assert any("mixes the groups" in flag for flag in evidence.flags)
        assert [test.n_tests for test in evidence.tests] == [None, 2, 2]
        raw = [test.p_value for test in evidence.tests[1:]]
        assert max(test.corrected["holm"] for test in evidence.tests[1:]) == pytest.approx(
            max(2 * min(raw), *raw)
        )

    def test_group_of_too_few_animals_is_named(self, run):
        evidence = run(group_column="batch")
        assert any("two (1)" in flag for flag in evidence.flags)
        assert len(evidence.tests) == 2

    def test_column_of_one_group_is_refused(self, run):
        with pytest.raises(ToolFailedError, match="two groups in 'strain'"):
            run(group_column="strain", where=[{"column": "strain", "value": "A"}])

    @pytest.mark.parametrize(
        ("column", "message"), [("subject", "metadata column"), ("strains", "no column")]
    )
    def test_unfit_column_is_refused(self, run, column, message):
        with pytest.raises(ToolRetryError, match=message):
            run(group_column=column)


class TestDefaultCall:
    def test_json_of_the_default_call_stays(self, run):
        evidence = run()
        expected = stats.spearmanr(DOSES, MOVED)
        first, second = evidence.values[:2]
        assert (first.name, first.statistic, first.n) == ("spearman_correlation", "rho", 12)
        assert first.value == pytest.approx(expected.statistic)
        assert first.group == {"x": "dose", "y": "moved"}
        assert (second.name, second.value) == ("p_value", pytest.approx(expected.pvalue))
        assert [test.name for test in evidence.tests] == ["spearman"]

    def test_same_value_in_every_animal_gives_no_trend(self, run):
        evidence = run(method="linear", where=[{"column": "dose", "value": 1}])
        assert evidence.values[0].value is None
        assert "the same in every animal" in (evidence.tests[0].why or "")


def test_animals_with_one_of_both_and_those_averaged_are_named(study, call):
    rows = [{"subject_id": f"m{k}", "metrics": {"a": k, "b": k * k}} for k in range(5)]
    rows += [
        {"subject_id": "m4", "metrics": {"a": 6.0, "b": 16.0}},
        {"subject_id": "m9", "metrics": {"a": 1.0}},
    ]
    evidence = call(study(rows), "correlate", x={"measure": "a"}, y={"measure": "b"})
    assert evidence.values[0].n == 5
    assert "1 animal has only one of both values, not counted: m9." in evidence.flags
    assert any("(m4): their values were averaged" in flag for flag in evidence.flags)
