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
