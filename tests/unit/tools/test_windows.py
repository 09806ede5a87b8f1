"""Time as what is compared: windows beside one another, bins against one another, the trend over them."""

from __future__ import annotations

import pytest
from scipy import stats

from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.wording import part_name

EARLY, LATE = [3.0, 2.0, 2.5, 1.0], [1.0, 0.5, 1.5, 0.5]
"""Seconds of digging of each animal in the first and in the last 4 s."""
HALVES = [{"stop_s": 5}, {"start_s": -5}]


@pytest.fixture
def study(labeled):
    """Four animals of 12 s: digging from 0 on, and up to the end; two rooms."""
    bouts = {
        f"s{k}": [("ann", "dig", 0.0, early), ("ann", "dig", 12.0 - late, 12.0)]
        for k, (early, late) in enumerate(zip(EARLY, LATE, strict=True))
    }
    rooms = {session: {"room": "north" if session in ("s0", "s1") else "south"} for session in bouts}
    return labeled(bouts, duration=12.0, columns=rooms)


def test_windows_stand_beside_one_another(study, call):
    evidence = call(study, "measure", measure="total_duration", behaviors=["dig"], windows=HALVES)
    means = {value.group["window"]: value.value for value in evidence.values if value.statistic == "mean"}
    assert means == pytest.approx({"first 5 s": sum(EARLY) / 4, "last 5 s": sum(LATE) / 4})


def test_windows_and_groups(study, call):
    evidence = call(
        study, "measure", measure="total_duration", behaviors=["dig"], windows=HALVES, group_by=["room"], statistics=["mean"]
    )  # fmt: skip
    found = {(value.group["room"], value.group["window"]): value.value for value in evidence.values}
    assert found == pytest.approx({
        ("north", "first 5 s"): 2.5, ("south", "first 5 s"): 1.75, ("north", "last 5 s"): 0.75, ("south", "last 5 s"): 1.0,
    })  # fmt: skip


def test_windows_are_compared_within_animals(study, call):
    evidence = call(
        study, "compare_groups", measure="total_duration", behaviors=["dig"], windows=HALVES, group_column="window"
    )  # fmt: skip
    (test,) = evidence.tests
    assert test.name == "paired_t"
    assert list(test.groups) == ["first 5 s", "last 5 s"]
    assert test.p_value == pytest.approx(stats.ttest_rel(EARLY, LATE).pvalue)
    assert test.effect_size["mean_difference"] == pytest.approx(1.25)


def test_names_of_windows(study, call):
    windows = [{"start_s": 2, "stop_s": 4}, {"start_s": 6}, {"start_s": -6, "stop_s": -2}]
    evidence = call(study, "measure", measure="total_duration", behaviors=["dig"], windows=windows)
    names = [value.group["window"] for value in evidence.values]
    assert list(dict.fromkeys(names)) == ["2 to 4 s", "from 6 s", "6 s before the end to 2 s before the end"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"windows": HALVES, "bin_s": 2}, "stands instead of bin_s"),
        ({"windows": HALVES, "start_s": 1}, "stands instead of start_s"),
        ({"windows": [{"stop_s": 5}, {"start_s": 0, "stop_s": 5}]}, "given twice"),
        ({"group_by": ["bin"]}, "give bin_s"),
    ],
)
def test_windows_that_say_nothing(study, call, arguments, said):
    with pytest.raises(ToolRetryError, match=said):
        call(study, "measure", measure="total_duration", behaviors=["dig"], **arguments)


def test_window_outside_of_every_session(study, call):
    with pytest.raises(ToolFailedError, match="outside"):
        call(
            study, "measure", measure="total_duration", behaviors=["dig"], windows=[{"stop_s": 5}, {"start_s": 60}]
        )  # fmt: skip


def test_bins_are_compared_within_animals_with_their_trend(study, call):
    evidence = call(
        study, "compare_groups", measure="total_duration", behaviors=["dig"], bin_s=4, group_column="bin"
    )
    anova, trend = evidence.tests
    assert (anova.name, trend.name) == ("rm_anova", "time_trend")
    assert list(anova.groups) == ["0–4 s", "4–8 s", "8–12 s"]
    assert anova.corrected == {}
    starts = [value.bin_start_s for value in evidence.values if value.statistic == "mean"]
    assert starts == [0.0, 4.0, 8.0]
    # Three bins at 0, 4 and 8 s: the slope is the last minus the first over 8 s.
    slopes = [60 * (late - early) / 8 for early, late in zip(EARLY, LATE, strict=True)]
    expected = stats.ttest_1samp(slopes, 0)
    assert (trend.statistic, trend.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert trend.effect_size["slope"] == pytest.approx(sum(slopes) / 4)
    assert trend.effect_size["slope_ci95"] == pytest.approx(list(expected.confidence_interval()))
    assert "bins of 4 s" in evidence.figures[0].title


def test_bins_without_a_length_cannot_be_compared(study, call):
    with pytest.raises(ToolRetryError, match="give bin_s"):
        call(study, "compare_groups", measure="total_duration", behaviors=["dig"], group_column="bin")


def test_equal_slopes_have_no_trend_to_test(labeled, call):
    bouts = {f"s{k}": [("ann", "dig", 0.0, 2.0), ("ann", "dig", 4.0, 5.0)] for k in range(3)}
    evidence = call(
        labeled(bouts, duration=12.0), "compare_groups", measure="total_duration", behaviors=["dig"], bin_s=4, group_column="bin",
    )  # fmt: skip
    trend = evidence.tests[-1]
    assert trend.p_value is None
    assert "the slope over time is the same in every animal" in trend.why


def test_course_is_drawn(study, call):
    binned = {"measure": "total_duration", "behaviors": ["dig"], "bin_s": 3}
    (figure,) = call(study, "measure", **binned, group_by=["room"]).figures
    assert "by room in bins of 3 s" in figure.title
    assert call(study, "measure", **binned, order="descending", limit=1).figures == []
    assert call(study, "measure", measure="total_duration", behaviors=["dig"]).figures == []


def test_bin_that_the_recording_ends_in_is_no_level_of_a_test(study, call):
    binned = {"measure": "total_duration", "behaviors": ["dig"], "bin_s": 5}
    evidence = call(study, "compare_groups", **binned, group_column="bin")
    assert list(evidence.tests[0].groups) == ["0–5 s", "5–10 s"]
    said = "The recording ends within the bin 10–15 s in 4 sessions; left out there."
    assert said in evidence.flags
    evidence = call(study, "measure", **binned)
    assert [value.bin_start_s for value in evidence.values if value.statistic == "mean"] == [0.0, 5.0, 10.0]
    assert any("10–15 s in 4 sessions; the value is of what there is" in flag for flag in evidence.flags)
    evidence = call(study, "two_factors", **binned, factors=["room", "bin"])
    assert said in evidence.flags
    assert {value.group["bin"] for value in evidence.values if "bin" in value.group} == {"0", "5"}
    evidence = call(study, "measure", measure="total_duration", behaviors=["dig"], bin_s=4)
    assert not any("recording ends" in flag for flag in evidence.flags)


# ----------------------------------------------------------------- shares of a session
PARTS = [{"stop_part": 0.5}, {"start_part": 0.5}]


@pytest.fixture
def unequal(labeled):
    """Sessions of 8 and 20 s, digging from 3 to 7 s: halves that end at 4 and at 10 s; one of unknown length."""
    lengths = {"s0": 8.0, "s1": 20.0, "s2": None}
    return labeled(
        {session: [("ann", "dig", 3.0, 7.0)] for session in lengths},
        looked_for=[
            (session, "ann", "", 0.0, length or 20.0, ["dig"]) for session, length in lengths.items()
        ],
        columns={session: {"duration": length} for session, length in lengths.items()},
    )


@pytest.mark.parametrize(
    ("part", "seconds"),
    [
        ({"stop_part": 0.5}, 1.0),
        ({"start_part": 0.5}, 3.0),
        ({"start_part": 0.25, "stop_part": 0.5}, 1.0),
        ({"start_part": 0.75}, 1.0),
        ({"start_part": 0.0, "stop_part": 1.0}, 4.0),
    ],
)
def test_share_of_a_session(unequal, call, part, seconds):
    evidence = call(unequal, "measure", measure="total_duration", behaviors=["dig"], sessions=["s0"], **part)
    assert [value.value for value in evidence.values] == pytest.approx([seconds])
    assert any(flag.startswith("Shares are of each session's own length") for flag in evidence.flags)


def test_halves_add_up_to_the_whole(study, call):
    evidence = call(
        study, "measure", measure="total_duration", behaviors=["dig"], windows=PARTS, statistics=["sum"]
    )
    found = {value.group["window"]: value.value for value in evidence.values}
    assert found == pytest.approx({"first half": sum(EARLY), "second half": sum(LATE)})


def test_halves_are_compared_within_animals(study, call):
    evidence = call(
        study, "compare_groups", measure="total_duration", behaviors=["dig"], windows=PARTS, group_column="window"
    )  # fmt: skip
    (test,) = evidence.tests
    assert list(test.groups) == ["first half", "second half"]
    assert test.p_value == pytest.approx(stats.ttest_rel(EARLY, LATE).pvalue)


def test_share_of_a_session_in_bins(unequal, call):
    evidence = call(
        unequal, "measure", measure="total_duration", behaviors=["dig"], sessions=["s0"], start_part=0.5, bin_s=2
    )  # fmt: skip
    assert [(value.bin_start_s, value.value) for value in evidence.values] == [(4.0, 2.0), (6.0, 1.0)]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"start_part": 0.5, "start_s": 2}, "stand instead of start_s"),
        ({"start_part": 0.5, "stop_part": 0.5}, "stop_part after start_part"),
        ({"start_part": 0.5, "windows": HALVES}, "stands instead of start_part"),
    ],
)
def test_shares_that_say_nothing(study, call, part, said):
    with pytest.raises(ToolRetryError, match=said):
        call(study, "measure", measure="total_duration", behaviors=["dig"], **part)


def test_names_of_shares():
    names = [
        part_name(*ends) for ends in ((None, 0.5), (0.5, None), (1 / 3, 2 / 3), (2 / 3, 1.0), (0.25, 0.5))
    ]
    assert names == ["first half", "second half", "second third", "last third", "second quarter"]
    assert [part_name(None, 0.15), part_name(0.85, None)] == ["first 15 %", "last 15 %"]
    assert part_name(0.1, 0.7) == "10 to 70 % of the session"


def test_each_session_is_halved_by_its_own_length(unequal, call):
    asked = {
        "measure": "total_duration",
        "behaviors": ["dig"],
        "sessions": ["s0", "s1"],
        "group_by": ["session_id"],
    }
    early, late = (call(unequal, "measure", **asked, **part) for part in PARTS)
    assert [value.value for value in early.values] == pytest.approx([1.0, 4.0])
    assert [value.value for value in late.values] == pytest.approx([3.0, 0.0])
    assert any("from 8 to 20 s, so that they are not equally long" in flag for flag in late.flags)


def test_session_of_unknown_length_has_no_halves(unequal, call):
    with pytest.raises(ToolFailedError, match="length of 's2' is not known"):
        call(unequal, "measure", measure="total_duration", behaviors=["dig"], stop_part=0.5)


def test_bin_that_the_part_looked_at_ends_in_is_said_to_be_cut_by_it(study, call):
    binned = {"measure": "total_duration", "behaviors": ["dig"], "bin_s": 5, "stop_s": 12}
    evidence = call(study, "compare_groups", **binned, group_column="bin")
    assert "The part looked at ends within the bin 10–15 s in 4 sessions; left out there." in evidence.flags


@pytest.mark.parametrize("tool", ["compare_groups", "plot"])
def test_bins_longer_than_every_recording_are_named_where_nothing_is_left(study, call, tool):
    binned = {"measure": "total_duration", "behaviors": ["dig"], "bin_s": 100}
    more = {"group_column": "bin"} if tool == "compare_groups" else {"kind": "time_bins"}
    with pytest.raises(ToolFailedError, match="The recording ends within the bin 0–100 s"):
        call(study, tool, **binned, **more)


@pytest.mark.parametrize(
    ("tool", "more"),
    [
        ("compare_groups", {"group_column": "bin", "bin_s": 5}),
        ("compare_groups", {"group_column": "window", "windows": HALVES}),
        ("two_factors", {"factors": ["room", "bin"], "bin_s": 5}),
    ],
)
def test_latency_is_not_compared_between_parts_of_a_session(study, call, tool, more):
    with pytest.raises(ToolFailedError, match="latency counts from the start of the session"):
        call(study, tool, measure="latency", behaviors=["dig"], **more)


def test_session_that_does_not_hold_a_window_is_left_out_of_its_test(labeled, call):
    lengths = {"s0": 12.0, "s1": 12.0, "s2": 12.0, "s3": 6.0}
    bouts = {
        name: [("ann", "dig", 0.0, 1.0 + 0.5 * k), ("ann", "dig", 5.0, 5.5)] for k, name in enumerate(lengths)
    }
    looked = [(name, "ann", "", 0.0, length, ["dig"]) for name, length in lengths.items()]
    columns = {name: {"duration": length, "room": "x"} for name, length in lengths.items()}
    study = labeled(bouts, looked_for=looked, columns=columns)
    windows = [{"stop_s": 4}, {"start_s": 4, "stop_s": 8}]
    evidence = call(
        study, "compare_groups", measure="total_duration", behaviors=["dig"], windows=windows, group_column="window"
    )  # fmt: skip
    assert evidence.tests[0].groups["first 4 s"].n == 3
    said = "1 session does not hold the whole of the window '4 to 8 s' and is left out there: s3."
    assert said in evidence.flags
