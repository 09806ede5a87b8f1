"""Agreement coefficients against published examples and the libraries that have them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats import inter_rater

from ethochat.index.behaviors.bouts import unite
from ethochat.tools.statistics import raters

patient = settings(deadline=None)
"""The machine may be busy."""

# The 30 patients of Fleiss (1971): diagnoses (1 to 5) by six psychiatrists each.
FLEISS = """444444 222555 233335 555555 222444 113333 333355 113334 114444 555555 144444 124444 222333 144444 224445
333335 111455 111112 224444 133555 555555 244444 224555 114444 144445 222224 111155 224444 133333 555555""".split()

# Krippendorff (2011): 0 where an observer did not look.
TWO_BINARY = ["0100000010", "1110010000"]
TWO_NOMINAL = ["aabbdcccedda", "babbbccceddd"]
FOUR_WITH_GAPS = ["1233214120 00", "1233224125 03", "0333234225 10", "1233244125 10"]

pairs_of_frames = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def counts_of(rows: list[str], *, missing: str = "") -> np.ndarray:
    """Ratings per unit and label, of one text per rater."""
    units = list(zip(*rows, strict=True))
    labels = sorted({mark for unit in units for mark in unit if mark not in missing})
    return np.array([[unit.count(label) for label in labels] for unit in units])


def table_of(pairs: list[tuple[bool, bool]]) -> np.ndarray:
    table = np.zeros((2, 2))
    for first, second in pairs:
        table[int(first), int(second)] += 1
    return table


class TestTwoRaters:
    TABLE = np.array([[50.0, 10.0], [5.0, 35.0]])  # reference in rows

    def test_coefficients_by_hand(self):
        assert raters.f1(self.TABLE) == pytest.approx(70 / 85)
        assert raters.precision(self.TABLE) == pytest.approx(35 / 45)
        assert raters.recall(self.TABLE) == pytest.approx(35 / 40)
        assert raters.percent_agreement(self.TABLE) == pytest.approx(85.0)

    @patient
    @given(pairs_of_frames)
    def test_kappa_is_that_of_statsmodels(self, pairs):
        table = table_of(pairs)
        with np.errstate(invalid="ignore", divide="ignore"):
            theirs = inter_rater.cohens_kappa(table, return_results=False)
        ours = raters.defined(raters.cohen_kappa(table))
        assert ours == (pytest.approx(float(theirs)) if np.isfinite(theirs) else None)

    def test_kappa_of_several_labels_is_that_of_statsmodels(self):
        table = np.array([[0, 4, 1], [0, 8, 0], [0, 1, 5]])
        expected = inter_rater.cohens_kappa(table, return_results=False)
        assert raters.cohen_kappa(table.astype(float)) == pytest.approx(expected)

    @patient
    @given(pairs_of_frames)
    def test_f1_is_the_harmonic_mean_of_precision_and_recall(self, pairs):
        table = table_of(pairs)
        p, r, f = (raters.defined(c(table)) for c in (raters.precision, raters.recall, raters.f1))
        if p and r:
            assert f == pytest.approx(2 * p * r / (p + r))

    @patient
    @given(st.lists(st.booleans(), min_size=2, max_size=40).filter(lambda marks: len(set(marks)) == 2))
    def test_identical_raters_agree_fully(self, marks):
        table = table_of([(mark, mark) for mark in marks])
        assert [float(c(table)) for c in raters.PAIR_COEFFICIENTS.values()] == pytest.approx(
            [1, 1, 100, 1, 1]
        )

    def test_what_is_not_defined_is_none(self):
        never = np.array([[10.0, 0.0], [0.0, 0.0]])
        found = {name: raters.defined(c(never)) for name, c in raters.PAIR_COEFFICIENTS.items()}
        assert found == {
            "f1": None,
            "kappa": None,
            "percent_agreement": 100.0,
            "precision": None,
            "recall": None,
        }
        assert raters.defined(raters.percent_agreement(np.zeros((2, 2)))) is None

    def test_one_rater_who_never_marks_agrees_by_chance_only(self):
        table = np.array([[10.0, 0.0], [5.0, 0.0]])
        assert (float(raters.f1(table)), float(raters.cohen_kappa(table))) == (0.0, 0.0)


class TestBouts:
    @pytest.mark.parametrize(
        ("first", "second", "matched"),
        [
            ([(0, 10)], [(0, 10)], 1),
            ([(0, 10)], [(3, 10)], 1),  # 7 of 10
            ([(0, 10)], [(5, 10)], 0),  # exactly half is not more than half
            ([(0, 10)], [(0, 4), (4.5, 10)], 1),  # 5.5 of 10
            ([(0, 1), (2, 3), (4, 5)], [(2, 3)], 1),
            ([], [(0, 1)], 0),
        ],
    )
    def test_bouts_match_that_share_more_than_half(self, first, second, matched):
        assert raters.matched_bouts(first, second) == matched
        assert raters.matched_bouts(second, first) == matched

    @patient
    @given(
        *[
            st.lists(
                st.tuples(st.integers(0, 40), st.integers(1, 8)).map(lambda p: (p[0], p[0] + p[1])),
                max_size=8,
            )
        ]
        * 2
    )
    def test_matches_are_those_of_all_pairs(self, first, second):
        a, b = unite(first), unite(second)
        shared = [(min(p[1], q[1]) - max(p[0], q[0]), p, q) for p in a for q in b]
        expected = sum(s / (p[1] - p[0] + q[1] - q[0] - s) > 0.5 for s, p, q in shared if s > 0)
        assert raters.matched_bouts(a, b) == expected

    def test_f1_of_bouts(self):
        assert raters.bout_f1(np.array([3.0, 4.0, 6.0])) == pytest.approx(0.6)
        assert raters.defined(raters.bout_f1(np.zeros(3))) is None


class TestSeveralRaters:
    def test_fleiss_example_of_1971(self):
        counts = counts_of(["".join(column) for column in zip(*FLEISS, strict=True)])
        assert counts.shape == (30, 5)
        kappa = float(raters.fleiss_kappa(raters.fleiss_terms(counts)))
        assert kappa == pytest.approx(0.430, abs=5e-4)
        assert kappa == pytest.approx(inter_rater.fleiss_kappa(counts))

    @patient
    @given(
        st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=2, max_size=30),
    )
    def test_fleiss_is_that_of_statsmodels(self, marks):
        counts = np.array([np.bincount(unit, minlength=4) for unit in marks])
        ours = raters.defined(raters.fleiss_kappa(raters.fleiss_terms(counts)))
        with np.errstate(invalid="ignore", divide="ignore"):
            theirs = inter_rater.fleiss_kappa(counts)
        assert ours == (pytest.approx(float(theirs)) if np.isfinite(theirs) else None)

    def test_fleiss_needs_the_same_raters_throughout(self):
        with pytest.raises(ValueError, match="same number"):
            raters.fleiss_terms([[2, 1], [1, 1]])

    @pytest.mark.parametrize(
        ("rows", "missing", "alpha"),
        [(TWO_BINARY, "", 0.095), (TWO_NOMINAL, "", 0.692), (FOUR_WITH_GAPS, "0", 0.743)],
    )
    def test_alpha_examples_of_krippendorff_2011(self, rows, missing, alpha):
        counts = counts_of([row.replace(" ", "") for row in rows], missing=missing)
        assert float(raters.krippendorff_alpha(raters.alpha_terms(counts))) == pytest.approx(alpha, abs=5e-4)

    def test_alpha_leaves_out_what_one_rater_alone_looked_at(self):
        full = np.array([[2, 0], [0, 2], [1, 1], [2, 0]])
        more = np.vstack([full, [[0, 1], [1, 0], [0, 0]]])
        assert np.array_equal(raters.alpha_terms(full), raters.alpha_terms(more))

    def test_one_label_throughout_is_not_defined(self):
        counts = np.array([[3, 0], [3, 0]])
        assert raters.defined(raters.fleiss_kappa(raters.fleiss_terms(counts))) is None
        assert raters.defined(raters.krippendorff_alpha(raters.alpha_terms(counts))) is None

    @patient
    @given(st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=2, max_size=12))
    def test_terms_add_up_over_recordings(self, marks):
        counts = np.array([np.bincount(unit, minlength=3) for unit in marks])
        for terms in (raters.fleiss_terms, raters.alpha_terms):
            assert terms(counts[:1]) + terms(counts[1:]) == pytest.approx(terms(counts))


class TestInterval:
    TABLES = np.array(
        [[[900.0 + 7 * k, 20.0 + k % 4], [15.0 + k % 3, 60.0 + 9 * (k % 5)]] for k in range(12)]
    )

    def interval(self, tables, **more):
        return raters.interval_over_recordings(tables, raters.cohen_kappa, limits=(-1.0, 1.0), **more)

    def test_holds_the_estimate_and_is_the_same_every_time(self):
        low, high = self.interval(self.TABLES)
        assert low < float(raters.cohen_kappa(self.TABLES.sum(axis=0))) < high
        assert self.interval(self.TABLES) == (low, high)
        assert self.interval(self.TABLES, seed=2) == pytest.approx((low, high), abs=0.03)

    def test_order_of_recordings_barely_matters(self):
        assert self.interval(self.TABLES[::-1]) == pytest.approx(self.interval(self.TABLES), abs=0.03)

    @pytest.mark.parametrize(
        "tables",
        [
            TABLES[:4],  # too few
            np.repeat(TABLES[:1], 8, axis=0),  # no spread
            np.array([[[9.0, 0.0], [0.0, 0.0]]] * 7 + [[[8.0, 1.0], [1.0, 3.0]]]),  # one recording decides
        ],
    )
    def test_is_not_given_where_it_would_mean_nothing(self, tables):
        assert self.interval(tables) is None

    def test_stays_within_the_coefficient_s_limits(self):
        tables = self.TABLES.copy()
        tables[:6, 0, 1] = tables[:6, 1, 0] = 0.0
        tables[6:, 0, 1] = np.arange(6) / 10
        interval = self.interval(tables)
        assert interval is not None
        assert interval[1] <= 1.0

    def test_covers_the_truth_about_as_often_as_it_says(self):
        """A kappa that differs between recordings; 120 studies of 12 recordings."""
        rng = np.random.default_rng(5)

        def study(n: int) -> np.ndarray:
            common, hit, false = rng.beta(6, 24, n), rng.beta(12, 3, n), rng.beta(2, 60, n)
            cells = np.stack([(1 - common) * (1 - false), (1 - common) * false], axis=1)
            marked = np.stack([common * (1 - hit), common * hit], axis=1)
            return np.round(10_000 * np.stack([cells, marked], axis=1))

        truth = float(raters.cohen_kappa(study(200_000).sum(axis=0)))
        intervals = [self.interval(study(12), n_resamples=400) for _ in range(120)]
        covered = sum(low <= truth <= high for low, high in intervals)
        assert 0.90 <= covered / len(intervals) <= 0.99
