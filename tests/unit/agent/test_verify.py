"""Truths pass, lies do not. The evidence: two groups, one test, two clips, one time bin."""

from __future__ import annotations

import pytest

from ethochat.agent.verify import strike, verify
from ethochat.tools.evidence import ClipRef, Evidence, GroupSummary, TestResult, Value

QUESTION = "Do CSI mice rear longer than 4 s in the first five minutes?"


@pytest.fixture
def evidence() -> list[Evidence]:
    """CSI: n = 30, 56.57 bouts, 702.73 cm; Control: n = 29, 41.2 bouts, 441.58 cm; p = 5.4e-07."""
    counts = [
        Value(
            name="bout_count", value=56.567, unit="bouts", statistic="mean", n=30, group={"Condition": "CSI"}
        ),
        Value(
            name="bout_count",
            value=41.2,
            unit="bouts",
            statistic="mean",
            n=29,
            group={"Condition": "Control"},
        ),
        Value(name="percent_time", value=0.4537, unit="fraction", session_id="OFT_5"),
        Value(name="total_duration", value=134.52, unit="s", session_id="OFT_5", group={"source": "Oliver"}),
        Value(name="distance", value=3021.4, unit="cm", session_id="OFT_7"),
        Value(name="bout_count", value=7, unit="bouts", session_id="OFT_7", bin_start_s=120.0),
    ]
    test = TestResult(
        name="welch_t",
        statistic=5.68,
        p_value=5.4e-07,
        df=50.3,
        effect_size={"hedges_g": 1.46, "ci95": [0.88, 2.03]},
        groups={
            "CSI": GroupSummary(n=30, mean=702.73, sd=205.1, median=690.2),
            "Control": GroupSummary(n=29, mean=441.58, sd=140.9, median=430.0),
        },
        measure="center.distance.moving",
        unit="cm",
    )
    clips = [
        ClipRef(session_id="OFT_5", start_time=12.0, stop_time=14.2, score=0.81),
        ClipRef(session_id="OFT_7", start_time=63.4, stop_time=66.0, score=0.78),
    ]
    return [
        Evidence(
            evidence_id="e1",
            tool="measure",
            arguments={
                "measure": "bout_count",
                "min_bout_s": 4,
                "start_s": 0.0,
                "stop_s": 300.0,
                "bin_s": 60,
            },
            values=counts,
            flags=["OFT_33 was left out: 97.3 % of the track is missing"],
            n_rows=2311,
        ),
        Evidence(
            evidence_id="e2",
            tool="compare_groups",
            arguments={"measure": "center.distance.moving", "group_column": "Condition"},
            tests=[test],
        ),
        Evidence(
            evidence_id="e3",
            tool="find_bouts",
            arguments={"behaviors": ["Supported"], "limit": 50},
            clips=clips,
        ),
    ]


TRUTHS = {
    "rounded to one decimal": "CSI mice made 56.6 bouts [e1].",
    "rounded to an integer": "CSI mice made 57 bouts [e1].",
    "all digits": "Control: 441.58 cm, CSI: 702.73 cm [e2].",
    "two groups and their n": "The two groups differ: CSI (n = 30) 56.57, Control (n = 29) 41.2 bouts [e1].",
    "total number of animals": "59 animals were compared [e2].",
    "groups named before both values": "CSI mice rear more than Control (56.57 against 41.2 bouts) [e1].",
    "labels after the values": "56.57 bouts in CSI and 41.2 in Control [e1].",
    "scientific p": "Welch t = 5.68, df = 50.3, p = 5.4e-07 [e2].",
    "p with a power of ten": "The groups differ (p = 5.4 × 10⁻⁷) [e2].",
    "p with a caret": "p = 5.4 x 10^-7 [e2]",
    "p below a bound": "CSI mice moved significantly farther, p < 0.001 [e2].",
    "p below a power of ten": "p < 10^-6 [e2]",
    "the convention of significance": "Tested at α = 0.05; the difference is significant [e2].",
    "confidence interval": "Hedges g = 1.46 (95 % CI 0.88 to 2.03) [e2].",
    "fraction as percent": "OFT_5 spent 45.4 % of the time rearing [e1].",
    "seconds as minutes": "Oliver scored 2.24 min of it in OFT_5 [e1].",
    "clock time": "Oliver scored 2:14.5 of it in OFT_5 [e1].",
    "centimeters as meters": "OFT_7 moved 30.21 m [e1].",
    "thousands separator": "OFT_7 moved 3,021.4 cm, from 2,311 rows [e1].",
    "clip times": "The clips: OFT_5 at 12.0–14.2 s, OFT_7 at 63.4–66.0 s [e3].",
    "clip duration": "The first clip in OFT_5 is 2.2 s long [e3].",
    "number words": "OFT_7 had seven bouts between 120 and 180 s [e1].",
    "number of the question": "In five minutes (0 to 300 s), rears longer than 4 s were counted [e1].",
    "flag of the tool": "OFT_33 was left out because 97.3 % of its track is missing [e1].",
    "numbered list": "1. CSI: 56.57 bouts [e1]\n2. Control: 41.2 bouts [e1]",
    "numbered table": "| # | group | mean |\n|---|---|---|\n| 1 | CSI | 56.57 |\n| 2 | Control | 41.20 |",
    "date": "Recorded on 2025-10-03 and on 4 October 2025, OFT_7 had 7 bouts [e1].",
    "several citations": "CSI 56.57 bouts, 702.73 cm [e1, e2] and two clips [e3].",
    "plus minus": "CSI 702.73 ± 205.1 cm, Control 441.58 ± 140.9 cm [e2].",
    "about": "CSI mice moved about 700 cm [e2].",
    "no number at all": "The tables do not say which strain the mice are.",
    "words that count nothing": "One of the two readings is one value per animal; none is one-sided.",
    "link": "See [the plot](/figures/plot_20251003_17.html) for CSI [e1].",
    "two clips": "There are 2 clips in 2 sessions [e3].",
}

LIES = {
    "invented number": ("CSI mice made 61 bouts [e1].", "61"),
    "wrong rounding": ("CSI mice made 56.7 bouts [e1].", "56.7"),
    "swapped groups": ("Control mice made 56.57 bouts [e1].", "56.57"),
    "swapped list": ("CSI: 41.2, Control: 56.57 bouts [e1].", "56.57"),
    "swapped table row": ("| Control | 56.57 |\n|---|---|\n| CSI | 56.6 | [e1]", "56.57"),
    "wrong session": ("OFT_7 was scored 134.52 s [e1].", "134.52"),
    "difference of its own": ("CSI mice moved 261.15 cm more [e2].", "261.15"),
    "ratio of its own": ("CSI mice moved 1.59 times as far [e2].", "1.59"),
    "wrong unit": ("CSI mice moved 702.73 s [e2].", "702.73"),
    "wrong scale": ("CSI mice moved 702.73 m [e2].", "702.73"),
    "wrong percent": ("OFT_5 spent 54.4 % rearing [e1].", "54.4"),
    "wrong n": ("CSI (n = 31) made 56.57 bouts [e1].", "31"),
    "total told of one group": ("Control: 441.58 cm (n = 59) [e2]", "59"),
    "n that is another count": ("CSI: 56.57 bouts (n = 7) [e1]", "7"),
    "p too small": ("p < 1e-9 [e2]", "1e-9"),
    "wrong p": ("p = 0.03 [e2]", "0.03"),
    "wrong power": ("p = 5.4 × 10⁻⁹ [e2]", "5.4 × 10⁻⁹"),
    "wrong number word": ("OFT_7 had nine bouts [e1].", "nine"),
    "citation of nothing": ("CSI mice made 56.57 bouts [e9].", "[e9]"),
    "session nobody named": ("OFT_60 was excluded [e1].", "OFT_60"),
    "invented strain": ("The C57BL/6 mice made 56.57 bouts [e1].", "C57BL"),
    "denied significance": ("The groups do not differ significantly [e2].", "significantly"),
    "wrong clip times": ("OFT_5 at 12.0–15.2 s [e3]", "15.2"),
    "mixed clip times": ("The clip lasts from 12.0–66.0 s [e3]", "12.0–66.0 s"),
    "clip that is not there": ("See clip 4 [e3].", "clip 4"),
    "wrong sign": ("Hedges g = -1.46 [e2].", "-1.46"),
    "wrong clock time": ("It begins at 3:07 in OFT_5 [e3].", "3:07"),
    "zero": ("CSI mice made 0 bouts [e1].", "0"),
    "number in a code span": ("CSI: `61` bouts [e1].", "61"),
    "hidden in a list": ("- CSI: 56.57\n- Control: 44.2 [e1]", "44.2"),
}


@pytest.mark.parametrize("draft", TRUTHS.values(), ids=TRUTHS)
def test_a_true_draft_passes(evidence, draft):
    verdict = verify(draft, evidence, QUESTION)
    assert verdict.ok, verdict.reason


@pytest.mark.parametrize(("draft", "part"), LIES.values(), ids=LIES)
def test_a_lie_is_found_where_it_stands(evidence, draft, part):
    verdict = verify(draft, evidence, QUESTION)
    assert [problem.text for problem in verdict.problems] == [part]


def test_significance_without_a_test_is_refused(evidence):
    verdict = verify("CSI mice rear significantly more: 56.57 [e1].", evidence[:1], QUESTION)
    assert [problem.text for problem in verdict.problems] == ["significantly"]


def test_not_significant_passes_where_no_p_is_below_the_limit(evidence):
    weak = evidence[1].model_copy(deep=True)
    weak.tests[0].p_value = 0.42
    assert verify("The groups do not differ significantly (p = 0.42) [e2].", [weak], QUESTION).ok
    assert not verify("The groups differ significantly (p = 0.42) [e2].", [weak], QUESTION).ok
    assert verify("An insignificant difference, p > 0.05 [e2].", [weak], QUESTION).ok


def test_without_evidence_only_numbers_of_the_question_pass():
    assert verify("You asked about five minutes, 300 s.", [], QUESTION).ok
    assert not verify("They reared 12 times.", [], QUESTION).ok


def test_verdict_names_cited_and_matched_evidence(evidence):
    verdict = verify("CSI 702.73 cm [e2]; 56.57 bouts.", evidence, QUESTION)
    assert verdict.cited == ("e2",)
    assert set(verdict.matched) == {"e1", "e2"}


def test_striking_marks_the_lie_and_keeps_the_rest(evidence):
    draft = "CSI 61 bouts, Control 41.2 bouts [e9]."
    assert (
        strike(draft, verify(draft, evidence, QUESTION))
        == "CSI ~~61~~ (unverified) bouts, Control 41.2 bouts ~~[e9]~~ (unverified)."
    )


def test_dose_groups_are_labels_and_numbers():
    values = [Value(name="bout_count", value=12.0, unit="bouts", n=5, group={"Dosage": "0.3"})]
    item = Evidence(evidence_id="e1", tool="measure", values=values)
    assert verify("At 0.3 mg/kg: 12 bouts (n = 5) [e1].", [item], "Per dose?").ok


def test_list_without_spaces_is_read_as_numbers():
    values = [Value(name="duration", value=float(v), unit="s") for v in (100, 200, 300)]
    item = Evidence(evidence_id="e1", tool="measure", values=values)
    assert verify("Durations: 100,200,300 s [e1]", [item], "").ok
    assert not verify("Durations: 100,200,400 s [e1]", [item], "").ok
