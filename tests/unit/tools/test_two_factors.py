"""Two factors on a small experiment whose values are written down here.

Eight mice, four of each sex, half of each treatment; every mouse has three sessions, on days 1, 2 and 10. The metric ``moved``
(cm) of mouse k on day number d is ``10 + k + 2 d``, plus 6 for treated females, plus a wobble of ``(k * d) % 3``. Two mice
have a second session on day 1. The metric ``once`` exists on day 1 only, so that both factors differ between animals.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scipy import stats

from ethochat.index.catalog import CATALOG_VERSION, Catalog
from ethochat.index.domain import Session
from ethochat.index.experiment import Experiment
from ethochat.index.tables import conform, empty
from ethochat.tools import tool_named
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Evidence
from ethochat.tools.statistics.factorial import two_way
from ethochat.tools.statistics.mixed import mixed_model
from ethochat.tools.statistics.observations import Observation

Row = dict[str, Any]
DAYS = (1, 2, 10)
MICE = {f"m{k}": ("female" if k < 4 else "male", "CSI" if k % 2 else "Control") for k in range(8)}


def moved(mouse: str, place: int) -> float:
    k, (sex, treatment) = int(mouse[1:]), MICE[mouse]
    return 10.0 + k + 2 * place + 6 * (sex == "female" and treatment == "CSI") + (k * place) % 3


def session(session_id: str, mouse: str, day: int | None, value: float, **more: Any) -> dict[str, list[Row]]:
    """Tables of one session."""
    sex, treatment = MICE[mouse]
    row = {
        "session_id": session_id, "subject_id": mouse, "time_unit": "s", "fps": 10.0, "duration": 30.0, "n_frames": 300,
        "excluded": False, "sex": sex, "treatment": treatment, "day": day, "cage": "A", **more,
    }  # fmt: skip
    metrics = [{"individual": "", "metric": "moved", "value": value, "unit": "cm", "source": "table"}]
    if day == 1:
        metrics.append({"individual": "", "metric": "once", "value": value, "unit": "cm", "source": "table"})
    looked = {
        "individual": "", "kind": "annotations", "source": "anna", "source_kind": "manual", "start_time": 0.0, "stop_time": 30.0,
        "n_frames": 300, "behaviors": ["Rearing"],
    }  # fmt: skip
    bouts = [
        {
            "individual": "", "behavior": "Rearing", "source": "anna", "source_kind": "manual", "start_time": start,
            "stop_time": start + length,
        }
        for start, length in ((1.0, value / 10), (11.0, 1.0 + (value % 3)), (21.0, 2.0))
    ]  # fmt: skip
    tables: dict[str, list[Row]] = {
        "sessions": [row], "individuals": [{"individual": "", "subject_id": mouse}], "coverage": [looked], "metrics": metrics, "bouts": bouts,
    }  # fmt: skip
    if row["excluded"]:
        tables["flags"] = [{"code": "empty", "excludes": True, "message": "No animal."}]
    return {name: [{"session_id": session_id, **row} for row in rows] for name, rows in tables.items()}


def experiment(root: Path, sessions: dict[str, dict[str, list[Row]]]) -> ToolContext:
    catalog = Catalog(root / ".ethochat")
    for session_id, tables in sessions.items():
        made = {
            name: conform(pl.DataFrame(rows, infer_schema_length=None), name) if rows else empty(name)
            for name, rows in tables.items()
        }
        catalog.write_session(session_id, made)
    catalog.write_state({"sessions": dict.fromkeys(sessions, "x"), "catalog_version": CATALOG_VERSION})
    known = Experiment(root=root, name="Test", sessions=tuple(Session(session_id=name) for name in sessions))

    def no_search() -> Any:
        raise AssertionError("no search here")

    return ToolContext(
        experiment=known, catalog=catalog, open_search=no_search, figures_dir=root / ".ethochat" / "figures"
    )


def all_sessions() -> dict[str, dict[str, list[Row]]]:
    made = {
        f"{mouse}_{day}": session(f"{mouse}_{day}", mouse, day, moved(mouse, place))
        for mouse in MICE
        for place, day in enumerate(DAYS)
    }
    for mouse in ("m0", "m5"):
        made[f"{mouse}_again"] = session(f"{mouse}_again", mouse, 1, moved(mouse, 0) + 4.0)
    made["bad"] = session("bad", "m1", 1, 999.0, excluded=True)
    made["dayless"] = session("dayless", "m2", None, 500.0)
    return made


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> ToolContext:
    return experiment(tmp_path_factory.mktemp("repeated"), all_sessions())


Run = Callable[..., Evidence]


@pytest.fixture
def run(repeated: ToolContext) -> Run:
    def call(**arguments: Any) -> Evidence:
        return tool_named("two_factors").run(repeated, arguments)

    return call


def day_values() -> dict[tuple[str, int], float]:
    """Mouse and day to its value: sessions of one day averaged."""
    return {
        (mouse, day): moved(mouse, place) + (2.0 if place == 0 and mouse in ("m0", "m5") else 0.0)
        for mouse in MICE
        for place, day in enumerate(DAYS)
    }


class TestBetweenAnimals:
    def test_is_the_two_way_anova_of_one_value_per_animal(self, run):
        evidence = run(measure="once", factors=["sex", "treatment"])
        values = {mouse: value for (mouse, day), value in day_values().items() if day == 1}
        expected = two_way(
            values,
            {m: s for m, (s, _) in MICE.items()},
            {m: t for m, (_, t) in MICE.items()},
            ("sex", "treatment"),
        )
        assert [test.term for test in evidence.tests] == ["sex", "treatment", "sex:treatment"]
        assert [test.p_value for test in evidence.tests] == [test.p_value for test in expected]
        assert {test.unit for test in evidence.tests} == {"cm"}

    def test_sessions_of_one_animal_are_averaged_and_named(self, run):
        evidence = run(measure="once", factors=["sex", "treatment"])
        said = next(flag for flag in evidence.flags if "averaged" in flag)
        assert "2 animals" in said
        assert "m0, m5" in said
        assert any("8 animals, 10 sessions" in flag for flag in evidence.flags)

    def test_cells_have_mean_n_and_both_levels(self, run):
        evidence = run(measure="once", factors=["sex", "treatment"])
        cells = {
            (value.group["sex"], value.group["treatment"]): (value.value, value.n)
            for value in evidence.values
            if value.statistic == "mean"
        }
        # females under CSI are m1 and m3: 10 + 1 + 6 and 10 + 3 + 6
        assert cells["female", "CSI"] == (18.0, 2)
        assert len(cells) == 4

    def test_repeated_sessions_count_once(self, run):
        # Metadata that differ between animals, a metric of every day: one mean per animal.
        evidence = run(
            measure="moved",
            factors=["sex", "treatment"],
            where=[{"column": "day", "op": "in", "value": [1, 2, 10]}],
        )
        assert evidence.tests[0].df == (1.0, 4.0)
        assert sum(group.n for group in evidence.tests[2].groups.values()) == 8

    def test_robust_does_not_assume_equal_variances(self, run):
        evidence = run(measure="once", factors=["sex", "treatment"], robust=True)
        assert {test.name for test in evidence.tests} == {"two_way_welch"}

    def test_factors_in_any_spelling(self, run):
        assert run(measure="once", factors=["SEX", "Treatment"]).tests[2].term == "sex:treatment"


class TestWithinAnimals:
    def test_is_the_mixed_model_of_the_days(self, run):
        evidence = run(measure="moved", factors=["treatment", "day"])
        rows = [
            Observation(animal=mouse, value=value, factors={"treatment": MICE[mouse][1], "day": str(day)})
            for (mouse, day), value in day_values().items()
        ]
        expected = mixed_model(rows)
        assert [test.name for test in evidence.tests] == ["mixed_model"] * 3
        assert [test.statistic for test in evidence.tests] == pytest.approx(
            [test.statistic for test in expected]
        )
        assert [test.p_value for test in evidence.tests] == pytest.approx([test.p_value for test in expected])

    def test_days_are_in_the_order_of_numbers(self, run):
        test = run(measure="moved", factors=["treatment", "day"]).tests[1]
        assert list(test.groups) == ["1", "2", "10"]

    def test_design_is_said(self, run):
        flags = run(measure="moved", factors=["treatment", "day"]).flags
        assert any(
            "treatment differs between animals, day varies within all animals" in flag for flag in flags
        )

    def test_excluded_and_levelless_sessions_are_named(self, run):
        evidence = run(measure="moved", factors=["treatment", "day"])
        assert any("bad" in flag and "No animal" in flag for flag in evidence.flags)
        assert any("day is not stated for 1 session: dayless" in flag for flag in evidence.flags)
        assert max(value.value for value in evidence.values) < 100

    def test_time_bins_are_a_factor(self, run):
        evidence = run(
            measure="total_duration",
            behaviors=["Rearing"],
            factors=["sex", "bin"],
            bin_s=10,
            where=[{"column": "day", "value": 2}],
        )
        assert [test.term for test in evidence.tests] == ["sex", "bin", "sex:bin"]
        assert list(evidence.tests[1].groups) == ["0", "10", "20"]
        last = next(v for v in evidence.values if v.group == {"sex": "male", "bin": "20"})
        assert (last.value, last.bin_start_s, last.n) == (2.0, 20.0, 4)
        assert any("named by their start; each is 10 s long" in flag for flag in evidence.flags)

    def test_bins_that_are_no_factor_are_tested_one_by_one(self, run):
        evidence = run(
            measure="total_duration",
            behaviors=["Rearing"],
            factors=["sex", "treatment"],
            bin_s=15,
            where=[{"column": "day", "value": 2}],
        )
        assert [test.measure for test in evidence.tests[::3]] == [
            "total_duration (from 0 s)",
            "total_duration (from 15 s)",
        ]
        tested = [test for test in evidence.tests if test.term == "sex" and test.p_value is not None]
        assert all(test.n_tests == len(tested) for test in tested if test.corrected)

    def test_unbalanced_design_is_said(self, tmp_path):
        sessions = {name: tables for name, tables in all_sessions().items() if name not in ("m7_2", "m7_10")}
        evidence = tool_named("two_factors").run(
            experiment(tmp_path, sessions), {"measure": "moved", "factors": ["sex", "day"]}
        )
        assert any(
            "unbalanced: from 3 animals in male, 2 to 4 in female, 1" in flag for flag in evidence.flags
        )
        assert any("day varies within 7 of 8 animals" in flag for flag in evidence.flags)
        assert evidence.tests[1].p_value is not None


class TestWhatIsSaid:
    def test_summary_has_every_term_with_its_numbers(self, run):
        evidence = run(measure="once", factors=["sex", "treatment"])
        lines = evidence.summary.splitlines()
        assert lines[0] == "once by sex and treatment:"
        assert lines[1].startswith("sex x treatment: two_way_anova F(1, 4) = ")
        p = stats.f.sf(evidence.tests[2].statistic, 1, 4)
        assert f"p = {p:.3g}" in lines[1]
        assert any(line.startswith("female, CSI: n=2, mean 18 cm") for line in lines)

    def test_figure_has_a_line_per_level_and_a_point_per_animal(self, run):
        (figure,) = run(measure="moved", factors=["treatment", "day"]).figures
        assert "day" in figure.title
        assert figure.plotly_json.count("m6") >= 3

    def test_significant_interaction_names_its_simple_effects(self, run):
        evidence = run(
            measure="moved", factors=["sex", "treatment"], sessions=[f"{m}_{d}" for m in MICE for d in DAYS]
        )
        interaction = evidence.tests[2]
        assert interaction.p_value < 0.05
        assert "- treatment within sex female: welch_t" in evidence.summary
        assert "Caution: the interaction sex x treatment is significant" in evidence.summary


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("factors", "message"),
        [
            (["sex", "dosis"], "no column 'dosis'"),
            (["sex", "sex"], "'sex' twice"),
            (["sex", "subject"], "subject_id tells single ones"),
            (["sex", "bin"], "bin_s"),
            (["sex"], "at least 2"),
        ],
    )
    def test_call_that_can_be_fixed(self, run, factors, message):
        with pytest.raises(ToolRetryError, match=message):
            run(measure="moved", factors=factors)

    def test_near_names_are_given(self, run):
        with pytest.raises(ToolRetryError) as caught:
            run(measure="moved", factors=["sex", "treatmnt"])
        assert "treatment" in caught.value.near

    def test_single_level(self, run):
        with pytest.raises(ToolFailedError, match=r"two levels of 'cage'.*found A"):
            run(measure="moved", factors=["sex", "cage"])

    def test_empty_cell_is_named_and_the_cells_are_still_given(self, run):
        sessions = [f"{mouse}_1" for mouse in MICE if MICE[mouse] != ("male", "CSI")]
        evidence = run(measure="once", factors=["sex", "treatment"], sessions=sessions)
        assert all(test.p_value is None for test in evidence.tests)
        assert "no animal in (male, CSI)" in evidence.summary
        assert len(evidence.values) == 6

    def test_metric_cannot_be_cut_into_bins(self, run):
        with pytest.raises(ToolFailedError, match="one value per session"):
            run(measure="moved", factors=["sex", "bin"], bin_s=10)


def test_order_of_sessions_changes_nothing(tmp_path, repeated):
    sessions = all_sessions()
    backwards = experiment(tmp_path / "backwards", dict(reversed(sessions.items())))
    arguments = {"measure": "moved", "factors": ["sex", "day"]}
    before, after = (tool_named("two_factors").run(context, arguments) for context in (repeated, backwards))
    assert after.tests == before.tests
    assert {tuple(v.group.values()): v.value for v in after.values} == {
        tuple(v.group.values()): v.value for v in before.values
    }
