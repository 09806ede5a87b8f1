import pytest

from ethochat.tools.arguments import Combination, MeasureArguments
from ethochat.tools.combine import combined
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Value


def rows(**numbers: float | None) -> list[Value]:
    return [
        Value(name="total_duration", value=number, unit="s", group={"source": name})
        for name, number in numbers.items()
    ]


@pytest.mark.parametrize(
    ("kind", "of", "expected", "unit"),
    [
        ("difference", ["lee", "kim"], -6.0, "s"),
        ("ratio", ["kim", "lee"], 4.0, None),
        ("index", ["kim", "lee"], 0.6, None),
        ("share", ["lee"], 20.0, "%"),
        ("mean", [], 5.0, "s"),
        ("sum", [], 10.0, "s"),
        ("min", [], 2.0, "s"),
    ],
)
def test_two_rows_become_one_number(
    kind: Combination, of: list[str], expected: float, unit: str | None
) -> None:
    arguments = MeasureArguments(measure="total_duration", combine=kind, combine_of=of)
    (value,) = combined(rows(kim=8.0, lee=2.0), arguments, ["source"])
    assert value.value == pytest.approx(expected)
    assert value.unit == unit


def test_label_that_no_row_has_is_refused() -> None:
    arguments = MeasureArguments(measure="total_duration", combine="difference", combine_of=["kim", "ann"])
    with pytest.raises(ToolRetryError, match="ann"):
        combined(rows(kim=8.0, lee=2.0), arguments, ["source"])


def test_missing_value_is_no_zero() -> None:
    arguments = MeasureArguments(measure="latency", combine="difference", combine_of=["kim", "lee"])
    with pytest.raises(ToolFailedError):
        combined(rows(kim=8.0, lee=None), arguments, ["source"])


def test_ratio_to_zero_has_no_value() -> None:
    arguments = MeasureArguments(measure="total_duration", combine="ratio", combine_of=["kim", "lee"])
    (value,) = combined(rows(kim=8.0, lee=0.0), arguments, ["source"])
    assert value.value is None


def test_a_share_is_that_of_each_animal_averaged(labeled, call):
    bouts = {
        "s": [("ann", "a", k, k + 0.5) for k in range(3)] + [("ann", "b", 5, 6)],  # 3 of 4
        "t": [("ann", "a", 0, 1), ("ann", "b", 2, 3)],  # 1 of 2
        "u": [("ann", "b", k, k + 0.5) for k in range(8)],  # none of 8
    }
    study = labeled(bouts, columns={name: {"room": "1" if name == "s" else "2"} for name in bouts})
    asked = {
        "measure": "bout_count", "behaviors": ["a", "b"], "combine": "share", "combine_of": ["a"], "group_by": ["behavior"],
    }  # fmt: skip
    (share, *_) = call(study, "measure", **asked).values
    assert (share.value, share.n, share.unit) == (pytest.approx((75 + 50 + 0) / 3), 3, "%")
    (pooled, *_) = call(study, "measure", **asked, statistics=["sum"]).values
    assert pooled.value == pytest.approx(100 * 4 / 14)
    by_room = call(study, "measure", **asked | {"group_by": ["room", "behavior"]}).values
    found = {value.group["room"]: value.value for value in by_room if value.statistic == "share"}
    assert found == pytest.approx({"1": 75.0, "2": 25.0})


def test_animal_with_nothing_to_divide_by_is_named_beside_the_mean_of_the_ratios(labeled, call) -> None:
    bouts = {
        "s1": [("ann", "dig", 0, 1), ("ann", "dig", 2, 3), ("ann", "rest", 5, 6)],
        "s2": [("ann", "dig", 0, 1), ("ann", "rest", 5, 6)],
        "s3": [("ann", "rest", 5, 6)],
    }
    evidence = call(
        labeled(bouts), "measure", measure="bout_count", behaviors=["rest", "dig"], group_by=["behavior"],
        combine="ratio", combine_of=["rest", "dig"],
    )  # fmt: skip
    value = evidence.values[0]
    assert (value.value, value.n) == (0.75, 2)
    assert value.note == "Mean of one ratio per animal; 1 animal without one not counted."
