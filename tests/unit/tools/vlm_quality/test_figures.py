"""Figures against hand-known answers, and shuffled ones against exact expectations."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethochat.tools.vlm_quality.chance import AgainstChance
from ethochat.tools.vlm_quality.naming import score_naming, score_ruled_out
from ethochat.tools.vlm_quality.retrieval import (
    average_precision,
    quick_average_precision,
    recall_at,
    score_retrieval,
)
from ethochat.tools.vlm_quality.yes_no import (
    Answered,
    YesNo,
    area_under_curve,
    expected_calibration_error,
    score_yes_no,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def mask(*rows: str) -> np.ndarray:
    """Rows of ``x`` (true) and ``.``."""
    return np.array([[cell == "x" for cell in row] for row in rows])


# ------------------------------------------------------------------ against chance
def test_verdict_needs_more_than_the_edge_of_the_band():
    edge = {"mean": 0.1, "low": 0.05, "high": 0.2}
    assert AgainstChance(value=0.2, **edge).verdict == "not distinguishable from chance"
    assert AgainstChance(value=0.21, **edge).verdict == "above chance"
    assert AgainstChance(value=0.04, **edge).verdict == "below chance"


# ------------------------------------------------------------------ keywords
def test_precision_recall_and_f1_by_hand():
    shown = mask("x.", "x.", "x.", ".x")
    named = mask("x.", "x.", "..", "x.")
    found = score_naming(("rear", "groom"), shown, named, np.ones_like(shown), rng())
    rear, groom = found.behaviors
    assert (rear.precision, rear.recall, rear.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (groom.precision, groom.recall, groom.f1, groom.n_named) == (None, 0.0, 0.0, 0)
    assert found.macro_f1.value == pytest.approx(1 / 3)


def test_behavior_that_nothing_shows_is_not_in_the_mean():
    shown, named = mask("x.", "x."), mask("xx", "x.")
    found = score_naming(("rear", "groom"), shown, named, np.ones_like(shown), rng())
    assert (found.behaviors[1].precision, found.behaviors[1].recall, found.behaviors[1].f1) == (
        0.0,
        None,
        None,
    )
    assert (found.n_scored, found.macro_f1.value) == (1, 1.0)


def test_what_is_not_known_does_not_count():
    shown, named = mask("x", ".", "."), mask("x", "x", ".")
    found = score_naming(("rear",), shown, named, mask("x", ".", "x"), rng())
    assert (found.behaviors[0].n, found.behaviors[0].precision) == (2, 1.0)
    assert found.macro_f1.value == 1.0


def test_category_has_its_row_and_does_not_count_in_the_mean():
    shown, named = mask("xx", ".."), mask(".x", "..")
    found = score_naming(
        ("rear", "rearing"), shown, named, np.ones_like(shown), rng(), categories={"rearing": ("rear",)}
    )
    assert (found.behaviors[1].f1, found.macro_f1.value, found.n_scored) == (1.0, 0.0, 1)


def test_nothing_shown_has_no_mean():
    nothing = mask("..", "..")
    assert score_naming(("rear", "groom"), nothing, nothing, ~nothing, rng()).macro_f1 is None


@given(
    st.lists(
        st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()), min_size=2, max_size=15
    ).filter(lambda rows: any(row[0] for row in rows))
)
def test_shuffled_figure_of_the_true_order_is_that_of_scikit_learn(rows):
    table = np.array(rows)
    found = score_naming(("a", "b"), table[:, :2], table[:, 2:], np.ones((len(rows), 2), dtype=bool), rng())
    each = [row.f1 for row in found.behaviors if row.n_shown]
    assert found.macro_f1.value == pytest.approx(np.mean(each))


def test_truth_is_above_chance_and_random_words_are_not():
    names = tuple("abcde")
    shown = np.eye(5, dtype=bool)[rng(1).integers(0, 5, 80)]
    words = np.eye(5, dtype=bool)[rng(2).integers(0, 5, 80)]
    everything = np.ones_like(shown)
    right = score_naming(names, shown, shown, everything, rng()).macro_f1
    random = score_naming(names, shown, words, everything, rng()).macro_f1
    assert (right.value, right.verdict) == (1.0, "above chance")
    assert right.mean == pytest.approx(0.2, abs=0.02)  # one word of five, five behaviors equally frequent
    assert random.verdict == "not distinguishable from chance"


def test_model_that_always_says_the_same_is_at_chance():
    shown = np.eye(2, dtype=bool)[rng(1).integers(0, 2, 40)]
    same = np.zeros_like(shown)
    same[:, 0] = True
    found = score_naming(("a", "b"), shown, same, np.ones_like(shown), rng()).macro_f1
    assert found.low == found.high == pytest.approx(found.value)
    assert found.verdict == "not distinguishable from chance"


def test_names_that_are_ruled_out_are_counted_by_description_and_by_behavior():
    named = mask("xx", ".x", "..", "x.")
    wrong = mask("xx", "..", "xx", "x.")
    found = score_ruled_out(("rear", "groom"), named, wrong, rng())
    assert (found.n, found.n_naming, found.n_with, found.share.value) == (4, 3, 2, 0.5)
    assert found.by_behavior == {"rear": 2, "groom": 1}


# ------------------------------------------------------------------ search
def test_recall_among_the_first_ten_is_of_at_most_ten():
    scores = np.arange(40, 0, -1, dtype=float)
    shown = np.zeros(40, dtype=bool)
    shown[[0, 5, 30]] = True
    assert recall_at(shown, scores) == pytest.approx(2 / 3)
    assert recall_at(np.arange(40) < 20, scores) == 1.0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), min_size=2, max_size=7), st.integers(1, 4))
def test_recall_with_equal_scores_is_the_mean_over_their_orders(rows, at):
    shown, scores = np.array([row[0] for row in rows]), np.array([float(row[1]) for row in rows])
    if not shown.any():
        return
    n = min(at, len(rows))
    hits = [
        shown[sorted(order, key=lambda k: -scores[k])[:n]].sum()
        for order in itertools.permutations(range(len(rows)))
    ]
    assert recall_at(shown, scores, at) == pytest.approx(np.mean(hits) / min(at, shown.sum()))


def test_shuffled_average_precision_is_the_exact_expectation():
    """E[AP] = ((R - 1) / (N - 1) * (N - H_N) + H_N) / N: Bestgen 2015, Prague Bulletin of Mathematical Linguistics 103."""
    n, n_shown = 60, 8
    shown = np.zeros((n, 1), dtype=bool)
    shown[:n_shown] = True
    likeness = rng(3).normal(size=(n, 1))
    found = score_retrieval(("rear",), likeness, shown, np.ones_like(shown), rng()).average_precision
    harmonic = sum(1 / k for k in range(1, n + 1))
    exact = ((n_shown - 1) / (n - 1) * (n - harmonic) + harmonic) / n
    assert found.mean == pytest.approx(exact, abs=0.01)
    assert found.verdict == "not distinguishable from chance"


def test_equal_texts_find_no_more_than_the_share_of_what_is_looked_for():
    shown = np.array([True] * 3 + [False] * 7)
    assert average_precision(shown, np.zeros(10)) == pytest.approx(0.3)
    # Vectors of equal texts may differ in their last digits.
    noise = np.linspace(1e-9, 1e-8, 10)[::-1, None]
    found = score_retrieval(("rear",), noise, shown[:, None], np.ones((10, 1), dtype=bool), rng())
    assert found.behaviors[0].average_precision == pytest.approx(0.3)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=12))
def test_quick_average_precision_is_that_of_scikit_learn(rows):
    shown, scores = np.array([row[0] for row in rows]), np.array([row[1] / 3 for row in rows])
    if shown.any():
        assert quick_average_precision(shown, scores) == pytest.approx(average_precision(shown, scores))


def test_behavior_that_all_or_none_show_is_not_searched_for():
    shown = mask("x.", "x.")
    found = score_retrieval(("a", "b"), np.zeros((2, 2)), shown, np.ones_like(shown), rng())
    assert (found.behaviors, found.average_precision, found.recall) == ((), None, None)


def test_right_texts_are_found_first():
    shown = np.eye(3, dtype=bool)[[0, 1, 2] * 10]
    found = score_retrieval(("a", "b", "c"), shown * 1.0, shown, np.ones_like(shown), rng())
    assert found.average_precision.value == found.recall.value == 1.0
    assert found.average_precision.verdict == found.recall.verdict == "above chance"


# ------------------------------------------------------------------ yes and no
Said = tuple[int, str, bool, bool | None, float | None]


def yes_no(*said: Said, seed: int = 0) -> YesNo | None:
    """Score answers (place, behavior, present, says, probability); what is not asked shows and rules out nothing."""
    names = sorted({behavior for _, behavior, *_ in said})
    shown = np.zeros((1 + max((place for place, *_ in said), default=0), len(names)), dtype=bool)
    ruled_out = shown.copy()
    for place, behavior, present, *_ in said:
        (shown if present else ruled_out)[place, names.index(behavior)] = True
    answers = [Answered(place=k, behavior=b, present=p, says=s, probability=q) for k, b, p, s, q in said]
    return score_yes_no(answers, names, shown, ruled_out, rng(seed))


def test_accuracy_brier_and_auc_by_hand():
    found = yes_no(
        (0, "a", True, True, 0.9),
        (1, "a", False, False, 0.2),
        (2, "b", True, False, 0.4),
        (3, "b", False, None, 0.6),
    )
    assert (found.n, found.n_neither, found.accuracy.value, found.always_no) == (4, 1, 0.5, 0.5)
    assert found.by_behavior == {"a": (2, 1.0), "b": (2, 0.0)}
    assert found.calibration.auc.value == 0.5  # of each behavior's one pair: right in a, wrong in b
    assert found.calibration.brier == pytest.approx((0.01 + 0.04 + 0.36 + 0.36) / 4)
    assert found.calibration.brier_always_no == 0.5


def test_backend_without_probabilities_has_no_calibration():
    found = yes_no((0, "a", True, True, None), (1, "a", False, True, None))
    assert (found.accuracy.value, found.calibration) == (0.5, None)
    assert yes_no() is None


def test_behavior_with_only_one_right_answer_left_has_no_mean():
    found = yes_no((0, "a", True, True, 0.9), (1, "a", True, False, 0.2))
    assert (found.accuracy, found.calibration.auc, found.by_behavior) == (None, None, {"a": (2, 0.5)})


def test_always_yes_is_at_chance_and_the_truth_above():
    same = yes_no(*((k, "a", k % 2 == 0, True, 0.9) for k in range(40)))
    assert same.accuracy.verdict == "not distinguishable from chance"
    right = yes_no(*((k, "a", k % 2 == 0, k % 2 == 0, 0.9 if k % 2 == 0 else 0.1) for k in range(40)))
    assert (right.accuracy.verdict, right.calibration.auc.value) == ("above chance", 1.0)
    assert right.calibration.expected_calibration_error == pytest.approx(0.1)


def test_one_word_per_clip_is_rarely_told_from_chance():
    """A model whose answer depends on the clip alone, and not on what is asked: no more than one in ten is called better or worse."""
    names, verdicts = ("a", "b", "c", "d"), []
    for seed in range(60):
        dice = rng(seed)
        # Half of the clips show everything, the others nothing: answers to one clip's questions are all right or all wrong.
        shown = np.repeat(dice.permutation(np.arange(20) < 10)[:, None], 4, axis=1)
        mood = dice.random(20)
        answers = [
            Answered(
                place=k,
                behavior=name,
                present=bool(shown[k, 0]),
                says=bool(mood[k] > 0.5),
                probability=mood[k],
            )
            for k in range(20)
            for name in names
        ]
        found = score_yes_no(answers, names, shown, ~shown, dice)
        verdicts += [found.accuracy.verdict, found.calibration.auc.verdict]
    assert verdicts.count("not distinguishable from chance") >= 0.9 * len(verdicts)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=12))
def test_area_under_the_curve_is_that_of_scikit_learn(rows):
    from sklearn.metrics import roc_auc_score

    present, p = np.array([row[0] for row in rows]), np.array([row[1] / 4 for row in rows])
    if 0 < present.sum() < len(rows):
        assert area_under_curve(p[present], p[~present]) == pytest.approx(roc_auc_score(present, p))


def test_probability_may_exceed_one_by_rounding():
    found = yes_no((0, "a", True, True, 1.0000001), (1, "a", False, False, -1e-9))
    assert found.calibration.brier == pytest.approx(0.0)


def test_calibration_error_is_the_weighted_gap_of_the_bins():
    present = np.array([True, False, True, True])
    # Bin (0.1, 0.2]: 0.2 and 0.15, one of two is right; bin (0.9, 1]: two of two.
    probability = np.array([0.2, 0.15, 0.95, 1.0])
    expected = 0.5 * abs(0.5 - 0.175) + 0.5 * abs(1 - 0.975)
    assert expected_calibration_error(present, probability) == pytest.approx(expected)
    assert expected_calibration_error(present, np.zeros(4)) == pytest.approx(0.75)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=30))
def test_calibration_error_lies_between_the_mean_gap_and_one(rows):
    present, probability = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    error = expected_calibration_error(present, probability)
    assert math.isfinite(error)
    assert abs(present.mean() - probability.mean()) - 1e-9 <= error <= 1
