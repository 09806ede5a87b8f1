"""Colors, sheets and captions of figures."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethochat.tools.evidence import TestResult
from ethochat.tools.figures.captions import caption_of, effect_of
from ethochat.tools.figures.colors import PALETTE, column_styles, group_colors, with_styles
from ethochat.tools.figures.parts import mean_interval, swarm
from ethochat.tools.figures.sheet import label, shortened, time_step, wrap
from ethochat.tools.wording import natural_key

# Machado, Oliveira & Fernandes 2009, severity 1: what linear RGB becomes to protan, deutan and tritan readers.
DEFICIENCIES = {
    "none": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
NAMES = st.lists(st.text("abcxyz0123456789 ", min_size=1, max_size=6), min_size=1, max_size=40)


def lab(color: str, deficiency: str) -> np.ndarray:
    """CIELAB of a color as a reader sees it (D65)."""
    srgb = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(DEFICIENCIES[deficiency]) @ linear, 0, 1)
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    xyz = np.asarray(to_xyz) @ seen / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


# ----------------------------------------------------------------- colors
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_any_two_colors_are_told_apart_by_every_reader(deficiency):
    for one, other in itertools.combinations(PALETTE, 2):
        assert np.linalg.norm(lab(one, deficiency) - lab(other, deficiency)) > 20, (one, other)


@given(names=NAMES, data=st.data())
def test_look_depends_on_the_set_of_values_alone(names, data):
    shuffled = data.draw(st.permutations([*names, *names]))
    assert group_colors(shuffled) == group_colors(names)


def test_numbers_are_ordered_as_numbers():
    assert list(group_colors(["10", "2", "none", "0.5"])) == ["0.5", "2", "10", "none"]


def test_color_is_never_alone():
    looks = list(group_colors(f"{number:03}" for number in range(56)).values())
    assert len({look.symbol for look in looks[:7]}) == 7
    assert len({(look.color, look.symbol) for look in looks}) == 56
    assert len({look.color for look in looks[:16]}) == 16  # a color that comes again is paler


def test_what_is_not_stated_is_no_group():
    assert set(group_colors(["a", "not stated"])) == {"a"}


def test_group_keeps_its_look_whatever_else_is_drawn(context):
    styles = column_styles(context, "group")
    assert list(styles) == ["drug", "vehicle"]
    assert with_styles(["vehicle"], styles)["vehicle"] == with_styles(["drug", "vehicle"], styles)["vehicle"]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("source", ["anna", "auto", "ben", "cam", "rules"]),
        ("zone", []),
        ("subject_id", ["m1", "m2", "m3", "m4"]),
    ],
)
def test_every_column_of_the_experiment_has_looks(context, column, expected):
    assert set(expected) <= set(column_styles(context, column))


def test_labeled_behaviors_come_before_those_of_rules(context):
    names = list(column_styles(context, "behavior"))
    assert {"Rearing", "Grooming"} == set(names[:2])
    assert "resting" in names[2:]


def test_unknown_groups_get_looks_of_their_own():
    known = group_colors(["a", "b"])
    looks = with_styles(["b", "later", "a"], known)
    assert list(looks) == ["b", "later", "a"]
    assert looks["a"] == known["a"]
    assert looks["later"] not in known.values()


# ----------------------------------------------------------------- letters
@given(text=st.text("abc_./- <&", max_size=120), width=st.integers(4, 40))
def test_wrapped_lines_fit_and_lose_nothing(text, width):
    lines = wrap(text, width)
    assert all(len(line) <= width for line in lines)
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)


def test_long_words_break_where_their_parts_end():
    assert wrap("bodycentre.raw.distance", 16) == ["bodycentre.raw.", "distance"]


def test_labels_are_text():
    assert label("<img src=x> & co", 40) == "&lt;img src=x&gt; &amp; co"
    assert label("one two three four", 5, most_lines=2) == "one<br>two…"


@pytest.mark.parametrize(
    ("text", "expected"), [("short", "short"), ("bodycentre.metric.number_4", "bodycentr…number_4")]
)
def test_long_names_lose_their_middle(text, expected):
    assert shortened(text, 18) == expected


@pytest.mark.parametrize(("length", "step"), [(60, 10), (300, 60), (600, 120), (5400, 900)])
def test_axes_of_time_have_whole_steps(length, step):
    assert time_step(length, "s")["dtick"] == step
    assert time_step(length, "frames") == {}


# ----------------------------------------------------------------- points and means
def test_mean_has_the_interval_of_students_t():
    from scipy import stats

    values = [3.1, 4.7, 5.0, 9.2, 2.2]
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (found.n, found.mean) == (5, pytest.approx(np.mean(values)))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert (mean_interval([2.0]).low, mean_interval([2.0]).high) == (None, None)
    assert (mean_interval([2.0, 2.0]).low, mean_interval([2.0, 2.0]).high) == (2.0, 2.0)


@given(values=st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_points_stay_near_their_group_and_the_first_in_the_middle(values):
    offsets = swarm(values, (min(values), max(values)))
    assert all(abs(offset) <= 0.27 for offset in offsets)
    assert offsets[values.index(min(values))] == 0.0


def test_equal_values_stand_side_by_side():
    offsets = swarm([5.0] * 7, (0.0, 10.0))
    assert len(set(offsets)) == 7
    assert sum(offsets) == pytest.approx(0.0)


# ----------------------------------------------------------------- captions
def test_caption_says_test_statistic_p_and_effect_with_interval():
    test = TestResult(
        name="welch_t",
        statistic=2.3104,
        df=21.43,
        p_value=0.0312,
        effect_size={"hedges_g": 0.921, "ci95": [0.08, 1.75]},
    )
    said = caption_of(test).replace("\u00a0", " ")
    assert said == "Welch's t test: t(21.43) = 2.31, p = 0.0312; Hedges g = 0.921, 95 % interval 0.08 to 1.75"


def test_caption_of_an_anova_and_of_a_correlation():
    anova = TestResult(
        name="anova", statistic=5.5, df=(2.0, 27.0), p_value=0.01, effect_size={"eta_squared": 0.29}
    )
    assert caption_of(anova).replace("\u00a0", " ") == "ANOVA: F(2, 27) = 5.5, p = 0.01; η² = 0.29"
    pearson = TestResult(
        name="pearson", statistic=0.7, df=28.0, p_value=0.001, effect_size={"ci95": [0.5, 0.8]}
    )
    assert caption_of(pearson).replace("\u00a0", " ").endswith("r = 0.7, p = 0.001, 95 % interval 0.5 to 0.8")


def test_caption_of_a_test_without_a_result_says_why():
    test = TestResult(name="welch_t", statistic=None, p_value=None, why="No test: all values are equal.")
    assert caption_of(test) == "No test: all values are equal."


def test_caption_says_the_correction():
    test = TestResult(
        name="my_own_test", statistic=1.0, p_value=0.01, corrected={"holm": 0.03, "fdr_bh": 0.02}
    )
    assert "p = 0.01, Holm p = 0.03" in caption_of(test).replace("\u00a0", " ")
    assert caption_of(test).startswith("My own test")


def test_effects_are_found_with_their_own_intervals():
    test = TestResult(
        name="t", statistic=1, p_value=0.1,
        effect_size={"hedges_g": 1.0, "ci95": [0.0, 2.0], "mean_difference": 5.0, "mean_difference_ci95": [4.0, 6.0], "cliffs_delta": 0.3},
    )  # fmt: skip
    assert effect_of(test, "hedges_g") == (1.0, (0.0, 2.0))
    assert effect_of(test, "mean_difference") == (5.0, (4.0, 6.0))
    assert effect_of(test, "cliffs_delta") == (0.3, None)
    assert effect_of(test, "eta_squared") is None


def test_names_of_one_number_do_not_tie():
    assert group_colors(["9", "09"]) == group_colors(["09", "9"])
    assert sorted(["nan", "b", "10", "9", "09"], key=natural_key) == ["09", "9", "10", "b", "nan"]
