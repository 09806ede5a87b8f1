from __future__ import annotations

import re

from ethochat.tools.evidence import AssumptionCheck, GroupSummary, Influence, TestResult
from ethochat.ui.tests_html import html_of_tests

HOSTILE = "<img src=x onerror=alert(1)>"


def cells(html: str) -> list[list[str]]:
    """Cells of all rows of all tables."""
    return [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]


def folded(html: str) -> dict[str, str]:
    """Headline and body of what is folded."""
    return dict(re.findall(r"<details><summary>(.*?)</summary>(.*?)</details>", html))


def welch(**more: object) -> TestResult:
    given = {
        "name": "welch_t",
        "statistic": 1.79904,
        "p_value": 0.00001,
        "df": 2.5,
        "effect_size": {"hedges_g": 1.0149, "ci95": [-0.3, 2.3], "cohens_d": None},
        "groups": {
            "a": GroupSummary(n=2, mean=1, sd=0.5, median=1, ci95=(0.5, 1.5)),
            HOSTILE: GroupSummary(n=0, mean=None, sd=None, median=None),
        },
        "measure": "bout_count",
        "unit": "bouts",
    }
    return TestResult.model_validate(given | more)


def test_what_was_found_is_in_sight() -> None:
    html = html_of_tests([welch(corrected={"holm": 0.02}, n_tests=4, evidence_id="e1")])
    assert html.startswith("<section><h3>Welch&#x27;s t test of bout count</h3>")
    assert cells(html) == [
        ["group", "n", "mean (bouts)", "SD", "95 % interval", "median"],
        ["a", "2", "1", "0.5", "0.5 to 1.5", "1"],
        ["&lt;img src=x onerror=alert(1)&gt;", "0", "", "", "", ""],
    ]
    said = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html))
    assert said == {
        "statistic": "1.799",
        "df": "2.5",
        "p": "1.00e-05",
        "corrected p": "0.02 (Holm, 4 tests)",
        "effect": "Hedges g 1.015, 95 % interval -0.3 to 2.3",
        "evidence": "e1",
    }
    assert "<details>" not in html


def test_two_ends_of_df_and_every_effect_with_its_interval_are_said() -> None:
    effects = {
        "hedges_g": 1.0,
        "ci95": [0.0, 2.0],
        "mean_difference": 5.0,
        "mean_difference_ci95": [4.0, 6.0],
    }
    html = html_of_tests([welch(df=(2.0, 27.5), effect_size=effects)])
    assert "<dd>2, 27.5</dd>" in html
    assert "difference of means 5, 95 % interval 4 to 6" in html


def test_pairs_of_groups_are_folded() -> None:
    pair = TestResult(
        name="games_howell", statistic=2.0, p_value=0.03, correction="Games-Howell",
        groups={name: GroupSummary(n=2, mean=1, sd=1, median=1) for name in ("a", "b")},
        effect_size={"hedges_g": 0.5, "ci95": [-1.0, 2.0]},
    )  # fmt: skip
    html = html_of_tests([welch(name="welch_anova", posthoc=[pair])])
    assert cells(folded(html)["1 pair of groups: Games-Howell test"])[1] == [
        "a minus b",
        "2",
        "0.03",
        "0.5",
        "-1 to 2",
    ]


def test_checks_say_in_the_headline_whether_one_is_in_doubt() -> None:
    fine = AssumptionCheck(name="shapiro_wilk", about="a", statistic=0.9, p_value=0.4, holds=True)
    doubtful = AssumptionCheck(
        name="brown_forsythe", about="all groups", statistic=5.0, p_value=0.01, holds=False
    )
    unknown = AssumptionCheck(name="shapiro_wilk", about="b", note="two animals are too few")
    assert list(folded(html_of_tests([welch(checks=[fine])]))) == ["Assumptions: 1 looked at, none in doubt"]
    table = cells(
        folded(html_of_tests([welch(checks=[fine, doubtful, unknown])]))["Assumptions: 1 of 3 in doubt"]
    )
    assert table[1] == ["normal distribution (Shapiro-Wilk)", "a", "0.9", "0.4", "nothing against it"]
    assert [row[-1] for row in table[2:]] == ["in doubt", "two animals are too few"]


def test_outliers_and_their_weight_are_folded_and_kept() -> None:
    far = Influence(animal=HOSTILE, group="a", value=9.0, outlier=True, p_value=0.2, effect=0.1, changes=True)
    html = html_of_tests([welch(influence=[far])])
    ((head, body),) = folded(html).items()
    assert head == "Single animals: 1 outlier, all kept; without one of them p is on the other side of 0.05"
    assert cells(body)[1] == ["&lt;img src=x onerror=alert(1)&gt;", "a", "9", "yes", "0.2", "0.1"]


def test_many_tests_are_a_table_with_each_folded_below() -> None:
    tests = [welch(measure=f"metric.{number}", corrected={"fdr_by": 0.5}) for number in range(41)]
    html = html_of_tests(tests)
    assert cells(html)[0] == ["what", "p", "p (Benjamini-Yekutieli)", "Hedges g", "95 % interval"]
    assert cells(html)[41] == ["metric.40", "1.00e-05", "0.5", "1.015", "-0.3 to 2.3"]
    assert len(folded(html)) == 41


def test_terms_of_a_design_are_named() -> None:
    assert "<h3>Two-way ANOVA of bout count: sex × treatment</h3>" in html_of_tests(
        [welch(name="two_way_anova", term="sex:treatment")]
    )


def test_test_without_a_result_says_why() -> None:
    html = html_of_tests(
        [TestResult(name="welch_t", statistic=None, p_value=None, why="No test: <all> equal.")]
    )
    assert "<dt>test</dt><dd>No test: &lt;all&gt; equal.</dd>" in html
    assert "<dt>p</dt>" not in html
