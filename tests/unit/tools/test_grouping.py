"""Rows of measures become values: by hand-made rows whose answers are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from ethochat.tools.arguments import MeasureArguments
from ethochat.tools.errors import ToolRetryError
from ethochat.tools.grouping import Grouped, to_values
from ethochat.tools.remarks import unequal_lengths
from ethochat.tools.rows import Measured, Row
from ethochat.tools.selection import Scope

COLUMNS = {"sex": pl.String, "group": pl.String}


def scope_of(
    sessions: list[tuple[str, str, str | None]], left_out: list[tuple[str, str, str | None]] = ()
) -> Scope:
    """Sessions as (id, sex, group)."""

    def table(rows: list[tuple[str, str, str | None]]) -> pl.DataFrame:
        return pl.DataFrame(list(rows), schema={"session_id": pl.String, **COLUMNS}, orient="row")

    return Scope(
        sessions=table(sessions),
        subjects={},
        alone={},
        individuals=None,
        of_subjects=None,
        start=None,
        stop=None,
        flags=(),
        left_out=table(left_out),
    )


FOUR = [("s1", "f", "drug"), ("s2", "f", "vehicle"), ("s3", "m", "drug"), ("s4", "m", "vehicle")]


def row(session: str, value: float | None = None, *, subject: str | None = None, **more: Any) -> Row:
    return Row(session_id=session, subject_id=subject or session.replace("s", "m"), value=value, **more)


def bouts(session: str, lengths: list[float], *, subject: str | None = None, **labels: str) -> Row:
    """Row of a session with bouts of some lengths."""
    value = float(np.mean(lengths)) if lengths else None
    times = np.arange(len(lengths), dtype=float)
    return row(
        session,
        value,
        subject=subject,
        labels=labels,
        observations=np.array(lengths, dtype=float),
        times=times,
    )


def measured(rows: list[Row], kind: str = "additive", name: str = "bout_count", **more: Any) -> Measured:
    return Measured(name=name, unit="s", kind=kind, rows=rows, **more)  # type: ignore[arg-type]


def lengths(rows: list[Row]) -> Measured:
    return measured(rows, "pooled", "bout_duration", default_statistics=("mean", "median", "max"))


def grouped(
    found: Measured, columns: list[str] = (), scope: Scope | None = None, **arguments: Any
) -> Grouped:
    asked = MeasureArguments(measure=found.name, group_by=list(columns), **arguments)
    return to_values(asked, list(columns), found, scope or scope_of(FOUR))


def only(result: Grouped) -> Any:
    (value,) = result.values
    return value


class TestBoutsByAnimal:
    """m1 makes four bouts of 1 s, m3 one of 5 s; both get the drug. m2 makes none."""

    ROWS = (bouts("s1", [1, 1, 1, 1]), bouts("s2", []), bouts("s3", [5]))

    def test_a_group_mean_is_of_one_mean_per_animal(self):
        values = grouped(lengths(list(self.ROWS)), ["group"], statistics=["mean"]).values
        drug = next(value for value in values if value.group["group"] == "drug")
        assert (drug.value, drug.n) == (3.0, 2)
        assert drug.note == "Of one mean per animal (5 bouts in all)."

    def test_without_groups_all_bouts_are_taken_together_and_it_is_said(self):
        value = only(grouped(lengths(list(self.ROWS)), statistics=["mean"]))
        assert (value.value, value.n) == (1.8, 2)
        assert value.note == "Pooled over 5 bouts of 2 animals, so that one with many weighs more."

    def test_a_split_by_rater_tells_no_animals_apart(self):
        rows = [bouts("s1", [1, 1, 1, 1], source="anna"), bouts("s3", [5], source="anna")]
        assert only(grouped(lengths(rows), ["source"], statistics=["mean"])).value == 1.8

    def test_spread_is_that_of_the_animals(self):
        values = grouped(lengths(list(self.ROWS)), ["group"], statistics=["sd", "sem"]).values
        found = {value.statistic: value.value for value in values if value.group["group"] == "drug"}
        assert found == {"sd": pytest.approx(8**0.5), "sem": pytest.approx(2.0)}

    def test_a_median_is_of_medians(self):
        rows = [bouts("s1", [1, 1, 9]), bouts("s3", [5, 5, 5])]
        assert only(grouped(lengths(rows), ["group"], statistics=["median"])).value == 3.0

    def test_sessions_of_one_animal_are_averaged_first(self):
        rows = [bouts("s1", [1], subject="a"), bouts("s3", [3, 3, 3], subject="a"), bouts("s2", [8])]
        value = next(
            v
            for v in grouped(lengths(rows), ["group"], statistics=["mean"]).values
            if v.group["group"] == "drug"
        )
        assert (value.value, value.n, value.note) == (
            2.0,
            1,
            "Of one mean per animal (4 bouts in all), its sessions averaged.",
        )

    def test_the_longest_bout_is_one_bout_whoever_made_it(self):
        value = only(grouped(lengths(list(self.ROWS)), statistics=["max"]))
        assert (value.value, value.session_id, value.subject_id) == (5.0, "s3", "m3")

    def test_no_bouts_sum_to_zero_and_have_no_mean(self):
        values = grouped(lengths([self.ROWS[1]]), ["group"], statistics=["sum", "count", "mean"]).values
        assert [(value.statistic, value.value, value.n) for value in values] == [
            ("sum", 0.0, 1),
            ("count", 0.0, 1),
            ("mean", None, 0),
        ]
        assert values[2].note == "There are no bouts."

    def test_animals_without_bouts_are_named(self):
        flags = grouped(lengths(list(self.ROWS)), ["group"], statistics=["mean"]).flags
        assert "There are no bouts in 1 of 3 rows: s2." in flags

    def test_a_list_of_no_bouts_is_a_count_of_zero(self):
        value = only(grouped(lengths([self.ROWS[1]]), statistics=["each"]))
        assert (value.statistic, value.value, value.note) == ("count", 0.0, "There are no bouts.")


class TestGroups:
    ROWS = tuple(row(name, float(k)) for k, (name, *_) in enumerate(FOUR, start=1))

    def test_columns_can_be_combined(self):
        values = grouped(measured(list(self.ROWS)), ["sex", "group"]).values
        assert {(v.group["sex"], v.group["group"]): v.value for v in values} == {
            ("f", "drug"): 1.0,
            ("f", "vehicle"): 2.0,
            ("m", "drug"): 3.0,
            ("m", "vehicle"): 4.0,
        }

    def test_one_animal_in_two_sessions_is_one_animal(self):
        rows = [row("s1", 1.0, subject="a"), row("s3", 3.0, subject="a"), row("s2", 10.0), row("s4", 20.0)]
        values = grouped(measured(rows), ["group"], statistics=["mean", "sem"]).values
        drug = {v.statistic: (v.value, v.n, v.note) for v in values if v.group["group"] == "drug"}
        assert drug["mean"] == (2.0, 1, "Of 2 values, those of one animal were averaged first.")
        assert drug["sem"] == (None, 1, "One value has no spread.")
        vehicle = {v.statistic: (v.value, v.n) for v in values if v.group["group"] == "vehicle"}
        assert vehicle == {"mean": (15.0, 2), "sem": (5.0, 2)}

    def test_a_group_without_a_value_is_named(self):
        rows = [*self.ROWS[:2], row("s3", None), row("s4", None)]
        flags = grouped(measured(rows, "plain", "latency"), ["sex"]).flags
        assert "No value of latency for sex m." in flags
        assert "latency has no value in 2 of 4 rows: s3, s4." in flags

    def test_a_group_whose_sessions_are_left_out_is_named(self):
        scope = scope_of(FOUR, [("bad", "f", "sham")])
        flags = grouped(measured(list(self.ROWS)), ["group"], scope).flags
        assert flags == ["No value of bout_count for group sham."]

    def test_a_combination_that_no_session_has_is_named(self):
        scope = scope_of(FOUR[:3])
        flags = grouped(measured(list(self.ROWS[:3])), ["sex", "group"], scope).flags
        assert flags == ["There is no session with sex m and group vehicle."]

    def test_columns_that_make_no_design_have_no_empty_cells(self):
        scope = scope_of([(name, name, name) for name, *_ in FOUR])
        assert grouped(measured(list(self.ROWS)), ["sex", "group"], scope).flags == []

    def test_a_session_without_a_stated_group_is_kept_apart(self):
        scope = scope_of([("s1", "f", None), *FOUR[1:]])
        values = grouped(measured(list(self.ROWS)), ["group"], scope).values
        assert {value.group["group"] for value in values} == {"not stated", "drug", "vehicle"}

    def test_rows_without_a_label_that_others_have_are_kept_apart(self):
        rows = [
            row("s1", 1.0, labels={"frames": "of the track"}),
            row("s1", 2.0, labels={"frames": "of the session"}),
        ]
        rows += [row("s2", 5.0)]
        values = grouped(measured(rows), ["session_id"]).values
        assert {(v.session_id, v.group.get("frames")): v.value for v in values} == {
            ("s1", "of the track"): 1.0,
            ("s1", "of the session"): 2.0,
            ("s2", None): 5.0,
        }

    @pytest.mark.parametrize("column", ["individual", "subject_id"])
    def test_a_split_by_animals_that_nobody_tells_apart_is_refused(self, column):
        rows = [Row(session_id="s1", value=1.0), Row(session_id="s2", value=2.0)]
        with pytest.raises(ToolRetryError, match="split by session_id"):
            grouped(measured(rows), [column])

    def test_single_values_stand_alone(self):
        with pytest.raises(ToolRetryError, match="stands alone"):
            grouped(measured(list(self.ROWS)), statistics=["each", "mean"])


class TestUnequalLengths:
    def count(self, *times: float | None, instead: str | None = "bout_rate", unit: str = "s") -> Measured:
        rows = [row(f"s{k}", 1.0, observed=time) for k, time in enumerate(times, start=1)]
        return measured(rows, instead=instead, time_unit=unit)

    def test_unequal_times_are_said_with_what_to_ask_for(self):
        assert unequal_lengths(self.count(600, 300, 540)) == (
            "The time looked at is not the same everywhere (from 300 to 600 s), so that totals are not like for like; "
            "bout_rate takes it into account."
        )

    def test_frames_are_named(self):
        assert "from 300 to 600 frames" in (unequal_lengths(self.count(600, 300, unit="frames")) or "")

    @pytest.mark.parametrize(
        "found",
        [
            pytest.param((600.0, 599.0), id="nearly equal"),
            pytest.param((600.0,), id="a single one"),
            pytest.param((None, None), id="no time at all"),
        ],
    )
    def test_nothing_is_said_of_equal_times(self, found):
        assert unequal_lengths(self.count(*found)) is None

    def test_nothing_is_said_of_a_measure_that_does_not_grow(self):
        assert unequal_lengths(self.count(600, 300, instead=None)) is None
        ratio = measured([row("s1", 1.0, observed=1.0), row("s2", 1.0, observed=9.0)], "ratio", instead="x")
        assert unequal_lengths(ratio) is None

    def test_seconds_are_not_compared_with_frames(self):
        assert unequal_lengths(self.count(600, 300, unit="")) is None

    def test_sums_are_compared_by_their_own_times(self):
        found = self.count(300, 300, 300)
        first, second, third = found.rows
        assert unequal_lengths(found, added=[[first, second], [third]]) is not None
        assert unequal_lengths(found, added=[[first], [third]]) is None

    def test_values_carry_the_sentence(self):
        flags = grouped(self.count(600, 300), ["group"]).flags
        assert any("takes it into account" in flag for flag in flags)

    def test_a_single_sum_of_everything_compares_nothing(self):
        assert grouped(self.count(600, 300), statistics=["sum"]).flags == []


def test_mean_of_zero_has_no_coefficient_of_variation(study, call):
    evidence = call(study([{"metrics": {"m": 0.0}}] * 3), "measure", measure="m", statistics=["cv"])
    assert [(value.value, value.note) for value in evidence.values] == [
        (None, "A mean of zero has no coefficient of variation.")
    ]
