"""Every other tool on hand-known data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ethochat.tools import TOOLS, tool_named
from ethochat.tools.errors import AmbiguousSourceError, ToolFailedError, ToolRetryError


def test_tools_are_the_named_ones():
    assert [tool.name for tool in TOOLS] == [
        "experiment_facts",
        "measure",
        "compare_groups",
        "compare_many",
        "two_factors",
        "power",
        "correlate",
        "agreement",
        "transitions",
        "cooccurrence",
        "find_bouts",
        "find_proximity",
        "search_segments",
        "watch_clips",
        "plot",
        "ask_user",
        "decline",
    ]
    with pytest.raises(ToolRetryError, match="measure"):
        tool_named("mesure")


class TestCompare:
    def test_groups_of_animals_by_welch(self, context, call):
        evidence = call(context, "compare_groups", measure="path.total", group_column="group")
        test = evidence.tests[0]
        assert (test.name, test.unit, test.measure) == ("welch_t", "cm", "path.total")
        assert [test.groups[name].mean for name in ("drug", "vehicle")] == [15.0, 40.0]
        assert test.p_value == pytest.approx(0.1976, abs=2e-3)
        means = {
            value.group["group"]: (value.value, value.n)
            for value in evidence.values
            if value.statistic == "mean"
        }
        assert means == {"drug": (15.0, 2), "vehicle": (40.0, 2)}
        assert "p = 0.19" in evidence.summary

    def test_order_of_groups_gives_the_sign(self, context, call):
        evidence = call(
            context, "compare_groups", measure="path.total", group_column="group", groups=["Vehicle", "drug"]
        )
        assert list(evidence.tests[0].groups) == ["vehicle", "drug"]
        assert evidence.tests[0].effect_size["mean_difference"] == pytest.approx(25.0)

    def test_unknown_group_names_the_groups(self, context, call):
        with pytest.raises(ToolRetryError, match="drug, vehicle"):
            call(
                context,
                "compare_groups",
                measure="path.total",
                group_column="group",
                groups=["drug", "saline"],
            )

    def test_unknown_column_names_the_columns(self, context, call):
        with pytest.raises(ToolRetryError, match="sex"):
            call(context, "compare_groups", measure="path.total", group_column="sex")

    def test_single_animal_in_a_group_fails(self, context, call):
        with pytest.raises(ToolFailedError, match="two animals"):
            call(
                context,
                "compare_groups",
                measure="path.total",
                group_column="group",
                sessions=["oft_1", "oft_4", "oft_5"],
            )

    def test_one_group_only_fails(self, context, call):
        with pytest.raises(ToolFailedError, match="two groups"):
            call(
                context,
                "compare_groups",
                measure="path.total",
                group_column="group",
                sessions=["oft_1", "oft_2"],
            )

    def test_constant_values_give_no_p(self, context, call):
        evidence = call(
            context,
            "compare_groups",
            measure="bout_count",
            behaviors=["Rearing"],
            sources=["auto"],
            group_column="group",
        )
        assert evidence.tests[0].p_value is None
        assert "spread" in (evidence.tests[0].why or "")

    def test_sources_are_compared_within_animals(self, context, call):
        evidence = call(
            context,
            "compare_groups",
            measure="total_duration",
            behaviors=["Rearing"],
            group_column="source",
            groups=["anna", "ben"],
        )
        test = evidence.tests[0]
        assert test.name == "paired_t"
        assert (test.groups["anna"].n, test.groups["anna"].mean) == (3, pytest.approx(4 / 3))
        assert any("m4" in flag for flag in evidence.flags)

    def test_three_sources_by_repeated_measures(self, context, call):
        evidence = call(
            context,
            "compare_groups",
            measure="total_duration",
            behaviors=["Rearing"],
            group_column="source",
            groups=["anna", "ben", "auto"],
            test="friedman",
        )
        assert evidence.tests[0].name == "friedman"
        assert evidence.tests[0].p_value is not None

    def test_ambiguous_source_asks_back(self, context, call):
        with pytest.raises(AmbiguousSourceError):
            call(
                context,
                "compare_groups",
                measure="bout_count",
                behaviors=["Rearing"],
                group_column="group",
                sessions=["oft_1", "oft_2", "oft_4"],
            )

    def test_source_that_alone_covers_all_sessions_is_used(self, social, context, call):
        evidence = call(
            context, "compare_groups", measure="bout_count", behaviors=["Grooming"], group_column="group"
        )
        assert any("anna" in flag for flag in evidence.flags)


class TestCorrelate:
    def test_metric_with_a_numeric_column(self, context, call):
        evidence = call(
            context, "correlate", x={"measure": "path.total"}, y={"measure": "dose"}, method="pearson"
        )
        assert evidence.values[0].value == pytest.approx(np.corrcoef([10, 20, 30, 50], [0.5, 1, 0, 0])[0, 1])
        assert evidence.values[0].n == 4
        assert evidence.tests[0].p_value is not None

    def test_selection_of_the_call_holds_for_both(self, context, call):
        evidence = call(
            context,
            "correlate",
            x={"measure": "path.total"},
            y={"measure": "bout_count", "behaviors": ["Rearing"], "sources": ["anna"]},
            where=[{"column": "group", "op": "in", "value": ["drug", "vehicle"]}],
            sessions=["oft_1", "oft_2", "oft_4"],
        )
        assert evidence.values[0].n == 3
        assert evidence.values[0].value == pytest.approx(-1.0)

    def test_constant_quantity_gives_no_number(self, context, call):
        evidence = call(
            context,
            "correlate",
            x={"measure": "path.total"},
            y={"measure": "bout_count", "behaviors": ["Rearing"], "sources": ["auto"]},
        )
        assert evidence.values[0].value is None

    def test_several_values_per_animal_ask_which(self, context, call):
        with pytest.raises(ToolRetryError, match="name one"):
            call(
                context,
                "correlate",
                x={"measure": "path.total"},
                y={"measure": "bout_count", "behaviors": ["Rearing"], "sources": ["anna", "ben"]},
            )


class TestFindBouts:
    def test_clips_are_the_rows_of_the_table(self, context, call):
        evidence = call(context, "find_bouts", behaviors=["Rearing"], sources=["anna"])
        assert evidence.values[0].value == 5.0
        assert [(c.session_id, c.start_time, c.stop_time) for c in evidence.clips[:3]] == [
            ("oft_1", 1.0, 2.0),
            ("oft_1", 3.0, 5.0),
            ("oft_2", 2.0, 3.0),
        ]

    def test_limits_and_order(self, context, call):
        evidence = call(
            context,
            "find_bouts",
            behaviors=["Rearing"],
            sources=["anna"],
            min_bout_s=1,
            strict=True,
            order="longest",
        )
        assert [(c.session_id, c.start_time) for c in evidence.clips] == [("oft_1", 3.0), ("oft_5", 0.5)]

    def test_followed_by_within_a_second(self, context, call):
        evidence = call(
            context,
            "find_bouts",
            behaviors=["Rearing"],
            followed_by=["Grooming"],
            within_s=1,
            sources=["anna"],
        )
        assert [(c.session_id, c.start_time, c.stop_time) for c in evidence.clips] == [("oft_1", 3.0, 6.0)]

    def test_cut_list_says_how_many_there_are(self, context, call):
        evidence = call(context, "find_bouts", behaviors=["Rearing"], sources=["anna"], limit=2)
        assert len(evidence.clips) == 2
        assert evidence.values[0].value == 5.0
        assert any("5 clips" in flag for flag in evidence.flags)

    def test_no_bout_is_said(self, context, call):
        evidence = call(context, "find_bouts", behaviors=["Rearing"], sources=["anna"], sessions=["oft_4"])
        assert evidence.values[0].value == 0.0
        assert "No bout meets all conditions." in evidence.flags

    def test_only_bouts_that_touch_a_zone(self, context, call):
        evidence = call(
            context,
            "find_bouts",
            behaviors=["Rearing"],
            sources=["anna"],
            sessions=["oft_1"],
            zones=["center"],
        )
        assert [c.start_time for c in evidence.clips] == [3.0]


class TestProximity:
    def test_a_missing_frame_ends_the_run(self, social, call):
        evidence = call(social, "find_proximity", pair=["a", "b"], max_distance=6)
        assert [(c.start_time, c.stop_time) for c in evidence.clips] == [(0.0, 4.0), (5.0, 6.0)]
        assert [(v.name, v.value) for v in evidence.values] == [("bout_count", 2.0), ("time_near", 5.0)]

    def test_short_runs_are_dropped(self, social, call):
        evidence = call(social, "find_proximity", max_distance=6, min_frames=2, keypoints=["body"])
        assert [(c.start_time, c.stop_time) for c in evidence.clips] == [(0.0, 4.0)]

    def test_centimetres_need_a_scale(self, social, call):
        with pytest.raises(ToolFailedError, match="scale"):
            call(social, "find_proximity", max_distance=6, unit="cm")

    def test_limit_is_exclusive(self, social, call):
        assert call(social, "find_proximity", max_distance=1, min_frames=1).values[0].value == 1.0

    def test_single_animals_cannot_be_close(self, context, call):
        with pytest.raises(ToolFailedError, match="two tracked animals"):
            call(context, "find_proximity", max_distance=5)


class TestFacts:
    def test_counts_by_group(self, context, call):
        evidence = call(context, "experiment_facts", topic="session_count", group_by=["group"])
        found = [(v.group.get("group"), v.value) for v in evidence.values]
        assert found == [("drug", 3.0), ("vehicle", 2.0), (None, 5.0)]

    def test_no_animal_with_a_dose_is_zero(self, context, call):
        evidence = call(
            context, "experiment_facts", topic="subject_count", where=[{"column": "dose", "value": 0.3}]
        )
        assert [value.value for value in evidence.values] == [0.0]

    def test_sessions_with_hand_labels_and_by_whom(self, context, call):
        evidence = call(context, "experiment_facts", topic="sources", source_kind="manual")
        assert evidence.values[0].value == 5.0
        assert "anna, ben" in evidence.summary
        assert "auto" not in evidence.summary

    def test_summary_names_design_sources_and_flags(self, context, call):
        summary = call(context, "experiment_facts", topic="summary").summary
        for text in (
            "open field",
            "5 sessions",
            "drug 3",
            "vehicle 2",
            "anna",
            "ben",
            "Rearing",
            "path.total",
            "bad",
        ):
            assert text in summary, text

    def test_gap_in_the_numbering(self, context, call):
        evidence = call(context, "experiment_facts", topic="missing_ids")
        assert evidence.values[0].value == 1.0
        assert [v.value for v in evidence.values[1:]] == ["oft_3"]

    def test_sessions_with_columns(self, context, call):
        evidence = call(
            context,
            "experiment_facts",
            topic="sessions",
            columns=["dose"],
            where=[{"column": "dose", "op": ">", "value": 0}],
        )
        found = {v.value: v.group["dose"] for v in evidence.values}
        assert found == {"oft_1": "0.5", "oft_2": "1", "bad": "2"}

    def test_recordings_give_frames_and_duration(self, context, call):
        evidence = call(context, "experiment_facts", topic="recordings", sessions=["oft_1"])
        assert {v.name: v.value for v in evidence.values} == {
            "n_frames": 100.0,
            "duration": 10.0,
            "fps": 10.0,
        }
        assert "scale (px per cm) not documented" in evidence.summary

    def test_recording_without_a_frame_rate_has_no_seconds(self, social, call):
        evidence = call(social, "experiment_facts", topic="recordings")
        assert all(value.unit != "s" for value in evidence.values)

    @pytest.mark.parametrize("name", ["Rearing", "rear up", "latency", "resting"])
    def test_definitions(self, context, call, name):
        assert call(context, "experiment_facts", topic="definition", name=name).values

    @pytest.mark.parametrize(
        "topic", ["behaviors", "subjects", "measures", "keypoints", "zones", "columns", "flags", "sessions"]
    )
    def test_every_topic_says_something(self, context, call, topic):
        evidence = call(context, "experiment_facts", topic=topic)
        assert evidence.values
        assert evidence.summary


class TestPlot:
    def test_bars_have_one_point_per_animal_and_group_means(self, context, call, numbers):
        evidence = call(context, "plot", kind="bars", measure="path.total", group_column="group")
        means = numbers(evidence, "group", statistic="mean")
        assert means == {"drug": 15.0, "vehicle": 40.0}
        assert len([v for v in evidence.values if v.statistic is None]) == 4
        figure = evidence.figures[0]
        drawn = json.loads(figure.plotly_json)
        assert sum(len(trace["x"]) for trace in drawn["data"] if trace["type"] == "scatter") == 4
        assert Path(figure.path).exists()

    def test_scatter_has_one_dot_per_animal(self, context, call):
        evidence = call(
            context, "plot", kind="scatter", measure="path.total", against="dose", group_column="group"
        )
        assert {v.session_id: v.value for v in evidence.values} == {
            "oft_1": 10,
            "oft_2": 20,
            "oft_4": 30,
            "oft_5": 50,
        }

    def test_time_bins(self, context, call):
        evidence = call(
            context,
            "plot",
            kind="time_bins",
            measure="total_duration",
            behaviors=["Rearing"],
            sources=["anna"],
            bin_s=5,
            group_column="group",
        )
        found = [(v.group["group"], v.bin_start_s, v.value) for v in evidence.values]
        assert found == [("drug", 0.0, 2.0), ("drug", 5.0, 0.0), ("vehicle", 0.0, 1.0), ("vehicle", 5.0, 0.0)]

    @pytest.mark.parametrize("kind", ["trajectory", "occupancy"])
    def test_where_the_animal_was(self, context, call, kind):
        evidence = call(context, "plot", kind=kind, sessions=["oft_1"])
        assert evidence.figures[0].title
        assert evidence.values

    def test_trajectory_of_several_sessions_asks_which(self, social, call):
        with pytest.raises(ToolRetryError, match="one animal"):
            call(social, "plot", kind="trajectory")

    def test_ethogram_shows_what_was_labeled(self, context, call, numbers):
        evidence = call(context, "plot", kind="ethogram", sessions=["oft_1"], sources=["anna"])
        assert numbers(evidence, "behavior") == {"Rearing": 3.0, "Grooming": 1.0}

    def test_scatter_needs_an_x_axis(self, context, call):
        with pytest.raises(ToolRetryError, match="against"):
            call(context, "plot", kind="scatter", measure="path.total")


def test_asking_back_and_declining_hold_no_numbers(context, call):
    asked = call(context, "ask_user", question="Which rater?", options=["anna", "ben"])
    declined = call(context, "decline", reason="Sex is not recorded.", suggestions=["Compare groups."])
    assert asked.summary == "Which rater?\n- anna\n- ben"
    assert "Sex is not recorded." in declined.summary
    assert not asked.values
    assert not declined.values
