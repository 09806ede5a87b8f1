"""The kinds of the tool ``plot`` on the experiment of ``conftest``: what is drawn is what is returned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.figures import column_styles


def draw(call, context: ToolContext, **arguments):
    """Evidence of a figure and the figure's JSON, which the file beside it holds as well."""
    evidence = call(context, "plot", **arguments)
    (figure,) = evidence.figures
    assert figure.path is not None
    assert json.dumps(json.loads(figure.plotly_json)["data"])[:40] in Path(figure.path).read_text(
        encoding="utf-8"
    )
    return evidence, json.loads(figure.plotly_json)


def title(drawn: dict) -> str:
    return drawn["layout"]["title"]["text"].replace("<br>", " ")


def test_bars_have_means_intervals_and_dots(context, call):
    evidence, drawn = draw(call, context, kind="bars", measure="path.total", group_column="group")
    bars = [trace for trace in drawn["data"] if trace["type"] == "bar"]
    dots = [trace for trace in drawn["data"] if trace["type"] == "scatter"]
    assert [bar["y"] for bar in bars] == [[15.0], [40.0]]
    assert bars[0]["error_y"]["array"][0] == pytest.approx(
        12.7062 * 5, rel=1e-4
    )  # t(0.975, 1) times the standard error
    assert [dict(zip(dot["customdata"], dot["y"], strict=True)) for dot in dots] == [
        {"m1": 10, "m2": 20},
        {"m3": 30, "m4": 50},
    ]
    assert drawn["layout"]["xaxis"]["ticktext"] == ["drug<br>(n = 2)", "vehicle<br>(n = 2)"]
    assert drawn["layout"]["yaxis"]["title"]["text"] == "path.total (cm)"
    assert "95 % interval" in title(drawn)
    assert [value.statistic for value in evidence.values] == [
        "mean",
        "sem",
        "mean",
        "sem",
        None,
        None,
        None,
        None,
    ]


def test_a_group_has_its_color_in_every_figure(context, call):
    look = column_styles(context, "group")["vehicle"]
    only = {"column": "group", "value": "vehicle"}
    _, bars = draw(call, context, kind="bars", measure="path.total", group_column="group", where=[only])
    _, dots = draw(
        call,
        context,
        kind="scatter",
        measure="path.total",
        against="dose",
        group_column="group",
        where=[only],
    )
    _, lines = draw(
        call, context, kind="time_bins", measure="bout_count", behaviors=["Rearing"], sources=["anna"], bin_s=5, group_column="group"
    )  # fmt: skip
    shown = [
        trace
        for drawn in (bars, dots, lines)
        for trace in drawn["data"]
        if trace["name"] == "vehicle" and "symbol" in trace["marker"]
    ]
    assert {(trace["marker"]["color"], trace["marker"]["symbol"]) for trace in shown} == {
        (look.color, look.symbol)
    }
    assert len(shown) == 3


def test_bars_of_doses_are_in_order_of_dose(context, call):
    _, drawn = draw(call, context, kind="bars", measure="path.total", group_column="dose")
    assert [text.partition("<")[0] for text in drawn["layout"]["xaxis"]["ticktext"]] == ["0", "0.5", "1"]


def test_time_bins_have_a_line_per_animal_and_the_mean_that_is_returned(context, call):
    evidence, drawn = draw(
        call, context, kind="time_bins", measure="total_duration", behaviors=["Rearing"], sources=["anna"], bin_s=5, group_column="group"
    )  # fmt: skip
    means = {trace["name"]: trace["y"] for trace in drawn["data"] if trace["name"] in ("drug", "vehicle")}
    assert means == {"drug": [2.0, 0.0], "vehicle": [1.0, 0.0]}
    assert [value.value for value in evidence.values] == [2.0, 0.0, 1.0, 0.0]
    thin = [trace for trace in drawn["data"] if trace["name"] == "animals"]
    assert [set(trace["customdata"]) - {""} for trace in thin] == [{"m1", "m2"}, {"m3", "m4"}]


def test_time_bins_of_single_bouts_have_no_interval_of_animals(context, call):
    evidence, drawn = draw(
        call, context, kind="time_bins", measure="bout_duration", behaviors=["Rearing"], sources=["anna"], bin_s=5
    )  # fmt: skip
    assert [trace["name"] for trace in drawn["data"]] == ["all"]
    assert [value.value for value in evidence.values] == drawn["data"][0]["y"]


def test_scatter_has_a_dot_per_animal(context, call):
    _, drawn = draw(call, context, kind="scatter", measure="path.total", against="dose")
    (dots,) = (trace for trace in drawn["data"] if trace["mode"] == "markers")
    assert list(zip(dots["text"], dots["x"], dots["y"], strict=True)) == [
        ("m1", 0.5, 10.0), ("m2", 1.0, 20.0), ("m3", 0.0, 30.0), ("m4", 0.0, 50.0),
    ]  # fmt: skip


def test_path_and_map_show_all_positions(context, call):
    _, drawn = draw(call, context, kind="trajectory", sessions=["oft_1"])
    path = next(trace for trace in drawn["data"] if trace["name"] == "path")
    assert path["x"] == [2.0 * frame for frame in range(100)]
    assert drawn["layout"]["xaxis"]["title"]["text"] == "x (px)"
    _, drawn = draw(call, context, kind="occupancy", sessions=["oft_1"])
    (heat,) = (trace for trace in drawn["data"] if trace["type"] == "heatmap")
    assert sum(cell for row in heat["z"] for cell in row if cell) == pytest.approx(10.0)  # seconds


def test_ethogram_of_several_sessions_has_a_row_for_each(context, call):
    evidence, drawn = draw(call, context, kind="ethogram", sources=["anna"])
    assert drawn["layout"]["yaxis"]["ticktext"] == ["oft_1", "oft_2", "oft_4", "oft_5"]
    spans = {
        trace["name"]: sum(np.diff([x for x in trace["x"] if x is not None])[::2]) for trace in drawn["data"]
    }
    assert spans == {"Grooming": pytest.approx(5.0), "Rearing": pytest.approx(6.5)}
    assert evidence.n_rows == 7


def test_matrix_shows_what_follows_what(context, call):
    evidence, drawn = draw(call, context, kind="matrix", sources=["anna"])
    (heat,) = drawn["data"]
    rows, columns = drawn["layout"]["yaxis"]["ticktext"], drawn["layout"]["xaxis"]["ticktext"]
    shown = {
        (first, second): heat["z"][a][b]
        for a, first in enumerate(rows)
        for b, second in enumerate(columns)
        if heat["z"][a][b] is not None
    }
    assert shown == {
        ("Rearing", "Rearing"): pytest.approx(200 / 3),
        ("Rearing", "Grooming"): pytest.approx(100 / 3),
    }
    assert {value.name for value in evidence.values} >= {"transition_count", "transition_probability"}


def test_agreement_shows_behaviors_that_two_raters_looked_for(context, call):
    evidence, drawn = draw(call, context, kind="agreement", sources=["anna", "ben"])
    assert title(drawn).startswith("<b>Agreement on Rearing</b>")
    assert {value.group["behavior"] for value in evidence.values} == {"Rearing"}
    assert {value.name for value in evidence.values} == {"f1", "kappa"}
    shown = sorted(x for trace in drawn["data"] for x in trace["x"])
    assert shown == sorted(value.value for value in evidence.values if isinstance(value.value, float))


def test_matrix_of_several_groups_is_refused(context, call):
    with pytest.raises(ToolRetryError, match="one group at a time"):
        call(context, "plot", kind="matrix", sources=["anna"], group_column="group")


def test_agreement_without_two_raters_is_said(context, call):
    with pytest.raises(ToolFailedError, match="two sources"):
        call(context, "plot", kind="agreement", sessions=["bad"], include_excluded=True)


def test_forest_has_a_row_per_behavior(context, call):
    evidence, drawn = draw(
        call, context, kind="forest", measure="total_duration", sources=["anna"], group_column="group"
    )  # fmt: skip
    assert set(drawn["layout"]["yaxis"]["ticktext"]) <= {"Rearing", "Grooming"}
    effects = sorted(test.effect_size["hedges_g"] for test in evidence.tests)
    assert sorted(x for trace in drawn["data"] for x in trace["x"]) == pytest.approx(effects)


def test_forest_needs_groups(context, call):
    with pytest.raises(ToolRetryError, match="group_column"):
        call(context, "plot", kind="forest", measure="total_duration")


def test_same_call_gives_the_same_file(context, call):
    arguments = {"kind": "bars", "measure": "path.total", "group_column": "group"}
    paths = {call(context, "plot", **arguments).figures[0].path for _ in range(2)}
    assert len(paths) == 1
