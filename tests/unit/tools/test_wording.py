"""The text a model reads, and units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethochat.tools.evidence import ClipRef, Evidence, Value
from ethochat.tools.units import canonical_unit, conversion_factor, dimension_of
from ethochat.tools.wording import number, p_text, quantity, summarize_evidence


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12.0, "12"),
        (153.789, "153.8"),
        (0.123456, "0.1235"),
        (37979.23, "37979"),
        (4419.886, "4420"),
        (-0.5, "-0.5"),
        (1.23e-9, "1.23e-09"),
    ],
)
def test_numbers_have_four_significant_digits(value, text):
    assert number(value) == text


def test_p_values_and_units():
    assert p_text(5.386e-07) == "p = 5.39e-07"
    assert p_text(0.0123) == "p = 0.0123"
    assert quantity(20.0, "%") == "20%"
    assert quantity(None, "s") == "no value"
    assert quantity("ID7698", None) == "ID7698"


def test_long_tables_say_how_much_was_cut():
    values = [Value(name="distance", value=float(k), unit="px", session_id=f"s{k}") for k in range(30)]
    clips = [ClipRef(session_id="s", start_time=float(k), stop_time=k + 1.0) for k in range(13)]
    text = summarize_evidence(
        Evidence(evidence_id="e1", tool="measure", values=values, clips=clips, flags=["Said."])
    )
    assert "… 18 more rows" in text
    assert "… 1 more clips" in text
    assert text.endswith("Said.")


@pytest.mark.parametrize(
    ("unit", "wanted", "factor"),
    [
        ("cm", "m", 0.01),
        ("s", "minutes", 1 / 60),
        ("fraction", "%", 100),
        ("cm", "s", None),
        ("px", "cm", None),
    ],
)
def test_conversion(unit, wanted, factor):
    found = conversion_factor(unit, wanted)
    assert found is factor if factor is None else found == pytest.approx(factor)


@given(
    st.sampled_from(["ms", "min", "mm", "m", "cm/s", "m/min", "1/h", "%"]),
    st.sampled_from(["s", "cm", "cm/s", "1/min", "fraction"]),
)
def test_conversion_there_and_back_is_the_same(unit, other):
    factor = conversion_factor(unit, other)
    if dimension_of(unit) == dimension_of(other):
        assert factor * conversion_factor(other, unit) == pytest.approx(1.0)
    else:
        assert factor is None


def test_unknown_unit_comes_back_as_it_is():
    assert canonical_unit(" furlongs ") == "furlongs"
    assert dimension_of("furlongs") is None
