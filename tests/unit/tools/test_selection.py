"""Which source says so, what counts as looked at, and what is left out."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ethochat.index.catalog import CATALOG_VERSION, Catalog
from ethochat.index.domain import Session
from ethochat.index.experiment import Experiment
from ethochat.index.tables import conform, empty
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import AmbiguousSourceError, ToolRetryError


def make(root: Path, sessions: dict[str, dict]) -> ToolContext:
    """Sessions of coverage (source, kind, start, stop, behaviors) and bouts (source, behavior, times)."""
    catalog = Catalog(root / ".ethochat")
    for name, parts in sessions.items():
        fixed = {"session_id": name, "individual": ""}
        coverage = [
            {
                **fixed,
                "kind": "rules" if kind == "rule" else "annotations",
                "source": source,
                "source_kind": kind,
                "start_time": float(start),
                "stop_time": float(stop),
                "behaviors": list(behaviors),
            }
            for source, kind, start, stop, behaviors in parts["coverage"]
        ]
        kinds = {row["source"]: row["source_kind"] for row in coverage}
        bouts = [
            {
                **fixed,
                "source": source,
                "source_kind": kinds[source],
                "behavior": behavior,
                "start_time": float(start),
                "stop_time": float(stop),
            }
            for source, behavior, start, stop in parts["bouts"]
        ]
        session = {"session_id": name, "time_unit": "s", "fps": 10.0, "duration": 100.0, "excluded": False}
        tables = {"sessions": [session | parts.get("columns", {})], "coverage": coverage, "bouts": bouts}
        catalog.write_session(
            name,
            {
                key: conform(pl.DataFrame(rows, infer_schema_length=None), key) if rows else empty(key)
                for key, rows in tables.items()
            },
        )
    catalog.write_state({"sessions": dict.fromkeys(sessions, "x"), "catalog_version": CATALOG_VERSION})
    experiment = Experiment(
        root=root, name="Test", sessions=tuple(Session(session_id=name) for name in sessions)
    )
    return ToolContext(
        experiment=experiment, catalog=catalog, open_search=lambda: None, figures_dir=root / "figures"
    )


def test_source_that_never_marks_a_behavior_is_no_choice(tmp_path, call):
    parts = {
        "coverage": [
            ("S1", "manual", 0, 100, ["base", "chase"]),
            ("S2", "manual", 0, 100, ["base", "chase"]),
        ],
        "bouts": [("S1", "base", 0, 10), ("S2", "chase", 3, 5), ("S2", "base", 5, 6)],
    }
    context = make(tmp_path, {"one": parts})
    evidence = call(context, "measure", measure="bout_count", behaviors=["chase"])
    assert (evidence.values[0].value, evidence.values[0].group["source"]) == (1.0, "S2")
    with pytest.raises(AmbiguousSourceError):
        call(context, "measure", measure="bout_count", behaviors=["base"])


def test_each_behavior_comes_from_its_own_source(tmp_path, call):
    parts = {
        "coverage": [
            ("S1", "manual", 0, 100, ["walk", "chase"]),
            ("S2", "manual", 0, 100, ["walk", "chase"]),
        ],
        "bouts": [("S1", "walk", 0, 10), ("S2", "chase", 3, 5)],
    }
    evidence = call(
        make(tmp_path, {"one": parts}),
        "measure",
        measure="total_duration",
        behaviors=["walk", "chase"],
        group_by=["behavior"],
    )
    assert [(v.group["behavior"], v.group["source"], v.value) for v in evidence.values] == [
        ("walk", "S1", 10.0),
        ("chase", "S2", 2.0),
    ]


def test_outside_source_goes_before_rules(tmp_path, call):
    parts = {
        "coverage": [("scorer", "manual", 0, 100, ["rearing"]), ("rules", "rule", 0, 100, ["rearing"])],
        "bouts": [("scorer", "rearing", 0, 1), ("rules", "rearing", 0, 3)],
    }
    evidence = call(
        make(tmp_path, {"one": parts}), "measure", measure="total_duration", behaviors=["rearing"]
    )
    assert evidence.values[0].value == 1.0
    assert any("rules" in flag for flag in evidence.flags)


def test_only_source_with_every_session_is_used_and_said(tmp_path, call):
    auto = ("auto", "automated", 0, 100, ["rearing"])
    bouts = [("auto", "rearing", 0, 4)]
    raters = [(name, "manual", 0, 100, ["rearing"]) for name in ("anna", "ben")]
    both = {
        "coverage": [auto, *raters],
        "bouts": [*bouts, ("anna", "rearing", 0, 1), ("ben", "rearing", 0, 2)],
    }
    context = make(tmp_path, {"one": both, "two": {"coverage": [auto], "bouts": bouts}})
    evidence = call(
        context, "measure", measure="total_duration", behaviors=["rearing"], group_by=["session_id"]
    )
    assert [v.value for v in evidence.values] == [4.0, 4.0]
    assert any("Only auto covers all 2 sessions" in flag for flag in evidence.flags)
    with pytest.raises(AmbiguousSourceError):
        call(context, "measure", measure="total_duration", behaviors=["rearing"], sessions=["one"])


class TestGaps:
    """A rater who looked at [0, 10) and [20, 30): what lies between is not known."""

    @pytest.fixture
    def context(self, tmp_path):
        parts = {
            "coverage": [
                ("anna", "manual", 0, 10, ["rear", "dig"]),
                ("anna", "manual", 20, 30, ["rear", "dig"]),
            ],
            "bouts": [
                ("anna", "rear", 1, 2),
                ("anna", "dig", 4, 6),
                ("anna", "rear", 8, 10),
                ("anna", "rear", 20, 21),
                ("anna", "dig", 21, 25),
            ],
        }
        return make(tmp_path, {"one": parts})

    def test_percentage_is_of_the_time_looked_at(self, context, call):
        evidence = call(context, "measure", measure="percent_time", behaviors=["rear"])
        assert evidence.values[0].value == pytest.approx(20.0)

    def test_intervals_and_transitions_never_cross_a_gap(self, context, call):
        gaps = call(
            context, "measure", measure="inter_bout_interval", behaviors=["rear"], statistics=["each"]
        )
        assert [value.value for value in gaps.values] == [6.0]
        found = call(context, "transitions", sources=["anna"])
        counts = {(v.group["from"], v.group["to"]): v.value for v in found.values}
        assert counts == {("rear", "dig"): 2.0, ("dig", "rear"): 1.0}

    def test_bins_without_a_look_have_no_value(self, context, call):
        evidence = call(context, "measure", measure="total_duration", behaviors=["rear"], bin_s=10)
        assert [(v.bin_start_s, v.value) for v in evidence.values] == [(0.0, 3.0), (20.0, 1.0)]

    def test_excluded_time_leaves_the_whole_too(self, context, call):
        evidence = call(context, "measure", measure="percent_time", behaviors=["rear"], excluding=["dig"])
        assert evidence.values[0].value == pytest.approx(100 * 4 / 14)

    def test_during_keeps_only_the_shared_time(self, tmp_path, call):
        parts = {
            "coverage": [("S1", "manual", 0, 20, ["fight"]), ("S2", "manual", 0, 20, ["bite"])],
            "bouts": [("S1", "fight", 2, 6), ("S2", "bite", 0, 3), ("S2", "bite", 5, 9)],
        }
        context = make(tmp_path / "during", {"one": parts})
        evidence = call(context, "measure", measure="total_duration", behaviors=["bite"], during=["fight"])
        assert evidence.values[0].value == pytest.approx(2.0)


def test_numbered_behaviors_are_listed_last(tmp_path, call):
    parts = {"coverage": [("auto", "automated", 0, 9, ["10", "2", "walk"])], "bouts": []}
    with pytest.raises(ToolRetryError, match="Known: walk, 2, 10"):
        call(make(tmp_path, {"one": parts}), "measure", measure="bout_count", behaviors=["swim"])


def test_too_many_bins_are_refused(tmp_path, call):
    parts = {"coverage": [("anna", "manual", 0, 100, ["rear"])], "bouts": []}
    with pytest.raises(ToolRetryError, match="bins"):
        call(make(tmp_path, {"one": parts}), "measure", measure="bout_count", behaviors=["rear"], bin_s=0.001)


@pytest.mark.parametrize("window", [{"start_s": 5, "stop_s": 5}, {"start_s": 9, "stop_s": 2}])
def test_empty_window_is_refused(context, call, window):
    with pytest.raises(ToolRetryError, match="stop_s after start_s"):
        call(context, "measure", measure="bout_count", behaviors=["Rearing"], sources=["anna"], **window)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"column": "dose", "value": "much"}, "Expected a number"),
        ({"column": "group", "op": ">", "value": 1}, "holds text"),
        ({"column": "weight", "value": 1}, "no metadata column 'weight'"),
        ({"column": "dose", "value": [1.0, 2.0]}, "one value"),
    ],
)
def test_conditions_that_cannot_hold_are_explained(context, call, condition, message):
    with pytest.raises(ToolRetryError, match=message):
        call(context, "measure", measure="path.total", where=[condition])


def test_inequality_leaves_out_what_is_not_known(context, call):
    evidence = call(
        context,
        "experiment_facts",
        topic="session_count",
        where=[{"column": "group", "op": "!=", "value": "drug"}],
    )
    assert evidence.values[0].value == 2.0
