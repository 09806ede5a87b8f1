"""Figures made of computed numbers; every one is checked against plotly's own schema."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Figure, GroupSummary, Influence, TestResult, Value
from ethochat.tools.figures import (
    Lane,
    agreement_figure,
    comparison_figure,
    dose_figure,
    ethogram_figure,
    forest_figure,
    group_colors,
    occupancy_figure,
    scatter_figure,
    time_bins_figure,
    trajectory_figure,
    transition_matrix_figure,
    two_factor_figure,
)

HOSTILE = "<img src=x onerror=alert(1)>"
GROUPS = {"drug": {"m1": 1.0, "m2": 2.0, "m3": 6.0}, "vehicle": {"m4": 4.0, "m5": 8.0}}
WELCH = TestResult(
    name="welch_t", statistic=-1.2, df=2.0, p_value=0.35, effect_size={"hedges_g": -0.9, "ci95": [-2.5, 0.7]}
)


def drawn(figure: Figure) -> dict:
    """The figure's JSON, after plotly has accepted every attribute of it."""
    import plotly.graph_objects as go

    content = json.loads(figure.plotly_json)
    go.Figure(content)
    layout = content["layout"]
    assert layout["plot_bgcolor"] == layout["paper_bgcolor"] == "white"
    return content


def traces(content: dict, name: str) -> list[dict]:
    return [trace for trace in content["data"] if trace.get("name") == name]


def title(content: dict) -> str:
    return content["layout"]["title"]["text"].replace("\u00a0", " ").replace("<br>", " ")


def compare(groups=GROUPS, test=WELCH, **more) -> dict:
    return drawn(comparison_figure(groups, measure="distance", unit="cm", column="group", test=test, **more))


# ----------------------------------------------------------------- comparisons
def test_comparison_shows_every_animal_by_name_and_the_exact_n():
    content = compare()
    for name, animals in GROUPS.items():
        (dots,) = traces(content, name)
        assert dict(zip(dots["customdata"], dots["y"], strict=True)) == animals
    axis = content["layout"]["xaxis"]
    assert axis["ticktext"] == ["drug<br>(n = 3)", "vehicle<br>(n = 2)"]
    assert axis["tickvals"] == [0, 1]
    assert content["layout"]["yaxis"]["title"]["text"] == "distance (cm)"


def test_comparison_shows_means_with_their_intervals():
    from scipy import stats

    (means,) = traces(compare(), "mean and 95 % interval")
    assert means["y"] == [3.0, 6.0]
    half = [stats.t.ppf(0.975, len(a) - 1) * stats.sem(list(a.values())) for a in GROUPS.values()]
    assert means["error_y"]["array"] == pytest.approx(half)


def test_comparison_takes_the_interval_that_the_test_reports():
    test = WELCH.model_copy(
        update={"groups": {"drug": GroupSummary(n=3, mean=3.0, sd=2.6, median=2.0, ci95=(1.0, 5.0))}}
    )
    (means,) = traces(compare(test=test), "mean and 95 % interval")
    assert means["error_y"]["array"][0] == 2.0


def test_title_says_test_p_and_effect():
    said = title(compare())
    assert "distance by group" in said
    assert "t(2) = -1.2, p = 0.35; Hedges g = -0.9, 95 % interval -2.5 to 0.7" in said


def test_single_animal_has_no_interval():
    (means,) = traces(compare({"a": {"m1": 1.0}, "b": {"m2": 1.0, "m3": 2.0}}), "mean and 95 % interval")
    assert means["error_y"]["array"][0] == 0.0
    assert "interval" not in means["text"][0]
    assert "n = 1" in means["text"][0]


def test_paired_animals_are_joined_and_incomplete_ones_not_counted():
    groups = {"before": {"m1": 1.0, "m2": 2.0, "m3": 9.0}, "after": {"m1": 3.0, "m2": 5.0}}
    content = compare(groups, paired=True)
    assert content["layout"]["xaxis"]["ticktext"] == ["before<br>(n = 2)", "after<br>(n = 2)"]
    (lines,) = traces(content, "same animal")
    assert lines["y"] == [1.0, 3.0, None, 2.0, 5.0, None]
    (means,) = traces(content, "mean and 95 % interval")
    assert means["y"] == [1.5, 4.0]
    assert len(traces(content, "before")[0]["y"]) == 3  # shown all the same


def test_outliers_stay_and_are_named():
    test = WELCH.model_copy(update={"influence": [Influence(animal="m3", value=6.0, outlier=True)]})
    (dots,) = traces(compare(test=test), "drug")
    assert dots["text"] == ["", "", "m3"]
    assert dots["marker"]["line"]["width"] == [1, 1, 2]
    assert dots["y"][2] == 6.0


def test_many_groups_and_long_names_lie_on_their_side():
    many = {f"strain {number}": {f"a{number}": 1.0 + number, f"b{number}": 2.0} for number in range(9)}
    content = compare(many)
    assert traces(content, "strain 8")[0]["x"] == [9.0, 2.0]
    assert content["layout"]["yaxis"]["ticktext"][0] == "strain 0 (n = 2)"
    assert content["layout"]["xaxis"]["title"]["text"] == "distance (cm)"
    assert traces(content, "mean and 95 % interval")[0]["error_x"]["array"]
    long = {f"caffeine intraperitoneally repeated {dose} mg": {f"m{dose}": 1.0} for dose in range(4)}
    assert "tickvals" in compare(long)["layout"]["yaxis"]


def test_colors_are_those_of_the_experiment():
    styles = group_colors(["a", "drug", "vehicle"])
    assert traces(compare(styles=styles), "drug")[0]["marker"]["color"] == styles["drug"].color
    assert traces(compare(styles=styles), "drug")[0]["marker"]["symbol"] == styles["drug"].symbol


def test_names_are_text_wherever_they_stand():
    figure = comparison_figure(
        {HOSTILE: {HOSTILE: 1.0, "b": 2.0}, "%{y}": {"c": 3.0}}, measure=HOSTILE, unit="<b>", column=HOSTILE,
        test=WELCH.model_copy(update={"influence": [Influence(animal=HOSTILE, value=1.0, outlier=True)]}),
    )  # fmt: skip
    assert "<img" not in json.dumps(drawn(figure))
    assert "<b>)" not in json.dumps(drawn(figure))
    templates = [trace.get("hovertemplate", "") for trace in drawn(figure)["data"]]
    assert sum("%{y}" in template for template in templates) == 0


def test_figures_are_drawn_without_plotly():
    code = (
        "import sys\nfrom ethochat.tools.figures import comparison_figure\nfrom ethochat.tools.evidence import TestResult\n"
        "test = TestResult(name='welch_t', statistic=1.0, p_value=0.5)\n"
        "comparison_figure({'a': {'x': 1.0, 'y': 2.0}}, measure='distance', unit='cm', column='g', test=test)\n"
        "print(sorted({'plotly', 'kaleido', 'scipy.stats', 'pandas'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


# ----------------------------------------------------------------- doses, two factors
def test_doses_are_in_order_and_to_scale():
    groups = {"10": {"c": 3.0, "d": 5.0}, "0": {"a": 1.0}, "5": {"b": 2.0}}
    content = drawn(
        dose_figure(groups, measure="distance", unit="cm", column="dose", column_unit="mg/kg", test=WELCH)
    )
    (means,) = traces(content, "mean and 95 % interval")
    assert (means["x"], means["y"]) == ([0.0, 5.0, 10.0], [1.0, 2.0, 4.0])
    assert content["layout"]["xaxis"]["title"]["text"] == "dose (mg/kg)"
    assert content["layout"]["xaxis"]["ticktext"] == ["0<br>n = 1", "5<br>n = 1", "10<br>n = 2"]


def test_doses_of_several_magnitudes_stand_in_order():
    groups = {dose: {f"m{dose}": 1.0} for dose in ("0", "0.01", "0.1", "1", "10")}
    content = drawn(dose_figure(groups, measure="distance", unit="cm", column="dose", test=WELCH))
    assert traces(content, "mean and 95 % interval")[0]["x"] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert "not to scale" in content["layout"]["xaxis"]["title"]["text"]


def test_dose_figure_needs_numbers():
    with pytest.raises(ToolRetryError, match="column of numbers; 'dose' has 'high'"):
        dose_figure({"high": {"a": 1.0}}, measure="distance", unit="cm", column="dose", test=WELCH)


def test_two_factors_have_a_line_of_means_per_level_of_the_second():
    cells = {
        ("female", "saline"): {"a": 1.0, "b": 3.0}, ("male", "saline"): {"c": 5.0},
        ("female", "drug"): {"d": 2.0}, ("male", "drug"): {"e": 6.0, "f": 8.0},
    }  # fmt: skip
    test = TestResult(name="two_way_anova", statistic=4.0, df=(1.0, 2.0), p_value=0.18, term="sex:treatment")
    content = drawn(
        two_factor_figure(cells, measure="distance", unit="cm", factors=("sex", "treatment"), tests=[test])
    )
    lines = {trace["name"]: trace for trace in content["data"] if trace.get("showlegend")}
    assert lines["saline"]["y"] == [2.0, 5.0]
    assert lines["drug"]["y"] == [2.0, 7.0]
    assert lines["drug"]["line"]["dash"] != lines["saline"]["line"]["dash"]
    assert lines["drug"]["marker"]["symbol"] != lines["saline"]["marker"]["symbol"]
    assert content["layout"]["xaxis"]["ticktext"] == ["female<br>(n = 1, 2)", "male<br>(n = 2, 1)"]
    assert "sex × treatment: F(1, 2) = 4, p = 0.18" in title(content)


# ----------------------------------------------------------------- time bins
def test_time_bins_show_animals_mean_and_interval():
    from scipy import stats

    animals = {
        "drug": {
            "m1": [(0.0, 1.0), (60.0, 2.0), (120.0, 9.0)],
            "m2": [(0.0, 3.0), (60.0, 6.0), (120.0, None)],
        }
    }
    content = drawn(time_bins_figure(animals, measure="distance", unit="cm", bin_width=60.0, column="group"))
    (thin,) = traces(content, "animals")
    assert thin["y"] == [1.0, 2.0, 9.0, None, 3.0, 6.0, None, None]
    (mean,) = traces(content, "drug")
    assert list(zip(mean["x"], mean["y"], strict=True)) == [(0.0, 2.0), (60.0, 4.0), (120.0, 9.0)]
    (band,) = traces(content, "95 % interval")  # not in the last bin, which has one animal
    low, high = stats.t.interval(0.95, 1, loc=4.0, scale=stats.sem([2.0, 6.0]))
    assert band["x"] == [0.0, 60.0, 60.0, 0.0]
    assert (band["y"][1], band["y"][2]) == (pytest.approx(high), pytest.approx(low))
    assert content["layout"]["xaxis"]["title"]["text"] == "start of the bin (s)"
    assert content["layout"]["yaxis"]["title"]["text"] == "mean distance (cm)"


def test_lines_that_are_no_means_have_no_interval():
    content = drawn(
        time_bins_figure(
            {},
            measure="bout_duration",
            unit="s",
            bin_width=10.0,
            lines={"": [(0.0, 1.0), (10.0, None)]},
            statistic="median",
        )
    )
    assert [trace["name"] for trace in content["data"]] == ["all"]
    assert content["layout"]["yaxis"]["title"]["text"] == "median bout duration (s)"
    assert content["layout"]["showlegend"] is False


# ----------------------------------------------------------------- matrices
def transition(first: str, second: str, name: str, value: float | None) -> Value:
    return Value(name=name, value=value, group={"from": first, "to": second, "source": "anna"})


TRANSITIONS = [
    transition("rest", "walk", "transition_count", 8.0),
    transition("walk", "rest", "transition_count", 6.0),
    transition("walk", "groom", "transition_count", 2.0),
    transition("rest", "walk", "transition_probability", 1.0),
    transition("walk", "rest", "transition_probability", 0.75),
    transition("walk", "groom", "transition_probability", 0.25),
]


def field(content: dict, first: str, second: str, part: str = "z"):
    layout, (heat,) = content["layout"], content["data"]
    return heat[part][layout["yaxis"]["ticktext"].index(first)][layout["xaxis"]["ticktext"].index(second)]


def test_transitions_are_shown_in_percent_of_what_follows():
    content = drawn(transition_matrix_figure(TRANSITIONS))
    assert field(content, "walk", "rest") == 75.0
    assert field(content, "walk", "rest", "text") == "75"
    assert field(content, "rest", "groom") is None
    assert "6 times" in field(content, "walk", "rest", "customdata")
    assert "not seen" in field(content, "rest", "groom", "customdata")
    assert "Labeled by anna" in title(content)


def test_counts_alone_are_shown_as_counts():
    content = drawn(transition_matrix_figure(TRANSITIONS[:3]))
    assert field(content, "rest", "walk") == 8.0


def test_ratio_to_chance_is_colored_by_its_logarithm_within_bounds():
    ratios = [
        transition("rest", "walk", "transition_ratio", 2.0),
        transition("walk", "rest", "transition_ratio", 100.0),
    ]
    content = drawn(
        transition_matrix_figure([*TRANSITIONS, *ratios, transition("walk", "walk", "transition_ratio", 0.0)])
    )
    assert field(content, "rest", "walk") == 1.0
    assert field(content, "walk", "rest") == 3.0
    assert field(content, "walk", "walk") == -3.0
    assert field(content, "rest", "walk", "text") == "2"


def test_tables_of_several_groups_are_not_mixed():
    with pytest.raises(ToolFailedError, match="one source and group"):
        transition_matrix_figure([*TRANSITIONS, TRANSITIONS[0]])


def test_no_transition_is_said():
    with pytest.raises(ToolFailedError, match="no transition"):
        transition_matrix_figure([])


def score(name: str, value: float | None, pair: str = "anna-ben", behavior: str = "Rearing", **more) -> Value:
    return Value(name=name, value=value, unit="fraction", group={"pair": pair, "behavior": behavior}, **more)


def test_agreement_has_a_dot_per_pair_and_statistic_with_its_interval():
    values = [
        score("f1", 0.8),
        score("kappa", 0.7),
        score("f1", 0.5, "anna-eva"),
        score("kappa", None, "anna-eva"),
    ]
    ends = [score("f1", bound, statistic=name) for name, bound in (("ci95_low", 0.7), ("ci95_high", 0.85))]
    content = drawn(agreement_figure([*values, *ends]))
    assert title(content).startswith("<b>Agreement on Rearing</b>")
    f1, kappa = content["data"]
    assert (f1["x"], kappa["x"]) == ([0.8, 0.5], [0.7])
    assert f1["error_x"]["array"] == pytest.approx([0.05, 0.0])
    assert f1["error_x"]["arrayminus"] == pytest.approx([0.1, 0.0])
    assert f1["marker"]["symbol"] != kappa["marker"]["symbol"]
    assert content["layout"]["yaxis"]["ticktext"] == ["anna-ben", "anna-eva"]


def test_groups_have_rows_and_scores_share_an_axis():
    own = {"behavior": "Rearing", "sex": "female"}
    values = [
        Value(name="percent_agreement", value=90.0, unit="%", group={"pair": "anna-ben", **own}),
        Value(name="krippendorff_alpha", value=0.5, group=own),
        Value(name="bout_count_difference", value=3.0, unit="bouts", group={"pair": "anna-ben", **own}),
    ]
    content = drawn(agreement_figure(values))
    assert content["layout"]["yaxis"]["ticktext"] == ["anna-ben · female", "all raters · female"]
    assert [trace["x"] for trace in content["data"]] == [[0.9], [0.5]]


def test_scores_of_single_recordings_share_the_row_of_their_pair():
    values = [score("f1", 0.8, session_id="s1"), score("f1", 0.6, session_id="s2")]
    content = drawn(agreement_figure(values))
    assert content["layout"]["yaxis"]["ticktext"] == ["anna-ben"]
    assert content["data"][0]["x"] == [0.8, 0.6]
    assert "A dot is a recording" in title(content)


def test_many_pairs_and_behaviors_become_a_heat_map_of_kappa():
    values = [
        score(name, place / 100, f"r{place % 6}-x", f"b{place // 6}")
        for place in range(60)
        for name in ("f1", "kappa")
    ]
    content = drawn(agreement_figure(values))
    assert content["data"][0]["type"] == "heatmap"
    assert field(content, "b3", "r2-x") == 0.2
    assert "Cohen's κ" in title(content)


def test_distances_of_trackers_keep_their_unit():
    value = Value(name="median_distance", value=3.0, unit="px", group={"pair": "a-b"})
    assert drawn(agreement_figure([value]))["layout"]["xaxis"]["title"]["text"] == "median distance (px)"


def test_no_score_is_said():
    with pytest.raises(ToolFailedError, match="no score"):
        agreement_figure([score("f1", None)])


# ----------------------------------------------------------------- forest
def effect(measure: str, g: float | None, p: float, holm: float | None = None) -> TestResult:
    return TestResult(
        name="welch_t", statistic=1.0, p_value=p, measure=measure, n_tests=3 if holm is not None else None,
        effect_size={"hedges_g": g, "ci95": [g - 1, g + 2]} if g is not None else {},
        corrected={} if holm is None else {"holm": holm},
        groups={name: GroupSummary(n=3, mean=1.0, sd=1.0, median=1.0) for name in ("CSI", "Control")},
    )  # fmt: skip


def test_forest_is_sorted_and_marks_corrected_p():
    tests = [effect("a.x", -0.5, 0.01, 0.03), effect("b.x", 1.5, 0.04, 0.08), effect("c.x", None, 0.5, 0.5)]
    content = drawn(forest_figure(tests))
    filled, hollow = content["data"]
    assert content["layout"]["yaxis"]["ticktext"] == ["b.x", "a.x"]
    assert (filled["x"], filled["y"], filled["error_x"]["array"]) == ([-0.5], [1], [2.0])
    assert (hollow["x"], hollow["y"], hollow["error_x"]["arrayminus"]) == ([1.5], [0], [1.0])
    assert hollow["marker"]["color"] == "white"
    assert [note["text"] for note in content["layout"]["annotations"]] == ["0.080", "<b>0.030</b>"]
    assert content["layout"]["xaxis"]["title"]["text"] == "Hedges g (CSI minus Control)"
    assert content["layout"]["shapes"][0]["x0"] == 0
    assert "p &lt; 0.05 (Holm, 3 tests)" in title(content)
    assert "1 of 3 tests have no effect size" in title(content)


def test_forest_of_plain_p_values_says_so():
    assert "not corrected" in title(drawn(forest_figure([effect("a.x", 1.0, 0.0001)])))


def test_forest_takes_the_effect_that_there_is():
    test = TestResult(
        name="paired_t", statistic=1.0, p_value=0.2, effect_size={"cohens_dz": 0.4, "ci95": [-0.1, 0.9]}
    )
    content = drawn(forest_figure([test]))
    assert content["data"][1]["x"] == [0.4]
    assert content["layout"]["xaxis"]["title"]["text"] == "Cohen's dz"


def test_parts_of_one_measure_are_named_by_the_part():
    tests = [effect(f"percent_time (behavior {name})", 1.0, 0.5) for name in ("running", "wall rear")]
    content = drawn(forest_figure(tests))
    assert content["layout"]["yaxis"]["ticktext"] == ["running", "wall rear"]
    assert title(content).startswith("<b>percent time of each behavior, CSI</b> <b>minus Control</b>")


def test_forest_without_effects_is_refused():
    with pytest.raises(ToolFailedError, match="effect size"):
        forest_figure([effect("a.x", None, 0.5)])


# ----------------------------------------------------------------- two quantities
def test_line_and_its_interval_are_those_of_least_squares():
    import statsmodels.api as sm

    x, y = np.array([1.0, 2.0, 3.0, 5.0, 8.0]), np.array([2.0, 1.0, 4.0, 4.0, 9.0])
    animals = {f"m{place}": (a, b) for place, (a, b) in enumerate(zip(x.tolist(), y.tolist(), strict=True))}
    content = drawn(scatter_figure({"": animals}, x=("dose", "mg"), y=("distance", "cm")))
    band, line, dots = content["data"]
    found = sm.OLS(y, sm.add_constant(x)).fit().get_prediction(sm.add_constant(np.asarray(line["x"])))
    low, high = found.conf_int(alpha=0.05).T
    n = len(line["x"])
    assert line["y"] == pytest.approx(found.predicted_mean)
    assert band["y"][:n] == pytest.approx(high)
    assert band["y"][: n - 1 : -1] == pytest.approx(low)
    assert list(zip(dots["text"], dots["x"], dots["y"], strict=True)) == [
        (name, *at) for name, at in animals.items()
    ]
    assert content["layout"]["showlegend"] is False
    assert content["layout"]["yaxis"]["title"]["text"] == "distance (cm)"


@pytest.mark.parametrize(
    "animals", [{"a": (1.0, 2.0), "b": (2.0, 3.0)}, {name: (1.0, 2.0) for name in "abcd"}]
)
def test_too_little_for_a_line_draws_none(animals):
    content = drawn(scatter_figure({"": animals}, x=("dose", None), y=("distance", "cm")))
    assert len(content["data"]) == 1
    assert "least squares" not in title(content)


# ----------------------------------------------------------------- places and times
def test_path_leaves_gaps_where_the_animal_was_not_seen():
    nan = float("nan")
    x, y = np.array([0.0, nan, 2.0]), np.array([0.0, nan, 1.0])
    content = drawn(
        trajectory_figure(
            "Path", np.arange(3.0), x, y, unit="cm", time_unit="s", outlines=[("arena", [(0, 0), (9, 9)])]
        )
    )
    outline, path, ends = content["data"]
    assert (path["x"], path["y"]) == ([0.0, None, 2.0], [0.0, None, 1.0])
    assert (ends["x"], ends["text"]) == ([0.0, 2.0], ["start", "end"])
    assert outline["name"] == "arena"
    assert content["layout"]["yaxis"]["autorange"] == "reversed"


def test_map_leaves_unvisited_fields_white_and_says_where_its_colors_end():
    spent = np.array([[0.0, 1.0], [1.0, 30.0]])
    edges = np.array([0.0, 1.0, 2.0])
    content = drawn(occupancy_figure("Where", spent, edges, edges, unit="px", time_unit="s"))
    (heat,) = content["data"]
    assert heat["z"] == [[None, 1.0], [1.0, 30.0]]
    assert heat["x"] == [0.5, 1.5]
    even = drawn(occupancy_figure("Where", np.ones((2, 2)), edges, edges, unit="px", time_unit="s"))
    assert even["data"][0]["zmax"] == 1.0
    slept = np.ones((5, 5))
    slept[0, 0] = 500.0
    capped = drawn(occupancy_figure("Where", slept, np.arange(6.0), np.arange(6.0), unit="px", time_unit="s"))
    assert capped["data"][0]["zmax"] == 3.0
    assert "3 s and longer, at most 500" in title(capped)


def test_ethogram_of_one_session_has_a_line_per_behavior():
    lanes = [
        Lane(row="", behavior="rest", bouts=[(0.0, 2.0), (3.0, 4.5)]),
        Lane(row="", behavior="jump", bouts=[(1.0, 1.0)]),
    ]
    content = drawn(ethogram_figure("Ethogram of s1", lanes, time_unit="s"))
    rest, _, jump = content["data"]
    assert content["layout"]["yaxis"]["ticktext"] == ["rest", "jump"]
    assert (rest["x"], rest["y"]) == ([0.0, 2.0, None, 3.0, 4.5, None], [0.0, 0.0, None, 0.0, 0.0, None])
    assert (jump["mode"], jump["x"], jump["y"]) == ("markers", [1.0], [1.0])
    assert content["layout"]["xaxis"]["title"]["text"] == "time (s)"


def test_ethogram_of_sixty_sessions_keeps_every_row_apart():
    lanes = [
        Lane(row=f"s{number}", behavior=behavior, bouts=[(0.0, 1.0)])
        for number in range(60)
        for behavior in ("rest", "walk", "rear")
    ]
    content = drawn(ethogram_figure("Ethogram", lanes, time_unit="s"))
    layout = content["layout"]
    assert len(layout["yaxis"]["ticktext"]) == 60
    room = (layout["height"] - layout["margin"]["t"] - layout["margin"]["b"]) / 60
    assert room >= 14  # a line of letters
    places = {place for trace in content["data"] for place in trace["y"] if place is not None}
    assert len(places) == 180
    thick = content["data"][0]["line"]["width"]
    assert thick <= min(np.diff(sorted(places))) * room + 1e-6  # no bar covers another behavior's
    assert "from top to bottom: rest, walk, rear" in title(content)


def test_ethogram_of_very_many_bouts_stays_small():
    lanes = [
        Lane(row=f"s{n}", behavior="rest", bouts=[(float(t), t + 0.5) for t in range(2000)]) for n in range(5)
    ]
    figure = ethogram_figure("Ethogram", lanes, time_unit="s")
    assert drawn(figure)["data"][0]["hoverinfo"] == "skip"
    assert len(figure.plotly_json) < 500_000
