"""The tables' schemas, and what puts a frame into one."""

from __future__ import annotations

import polars as pl
import pytest

from ethochat.index.tables import TABLES, conform, empty


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_table_has_the_schema(table):
    assert empty(table).schema == TABLES[table]
    assert empty(table).is_empty()


@pytest.mark.parametrize("table", TABLES)
def test_every_row_belongs_to_a_session(table):
    assert TABLES[table]["session_id"] == pl.String


def test_absent_columns_become_null_in_order_and_type():
    frame = conform(pl.DataFrame({"value": [1], "session_id": ["s1"], "metric": ["speed"]}), "metrics")
    assert frame.schema == TABLES["metrics"]
    assert frame.row(0) == ("s1", None, "speed", 1.0, None, None)


def test_a_foreign_column_is_refused():
    with pytest.raises(ValueError, match="speeed"):
        conform(pl.DataFrame({"session_id": ["s1"], "speeed": [1.0]}), "kinematics")


def test_metadata_follows_the_columns_of_sessions():
    frame = conform(pl.DataFrame({"group": ["drug"], "dose": [0.5], "session_id": ["s1"]}), "sessions")
    assert frame.columns == [*TABLES["sessions"], "group", "dose"]
    assert frame["dose"].dtype == pl.Float64


def test_values_that_do_not_fit_the_type_are_refused():
    with pytest.raises(pl.exceptions.InvalidOperationError):
        conform(pl.DataFrame({"session_id": ["s1"], "value": ["fast"]}), "metrics")


def test_conforming_twice_changes_nothing():
    once = conform(pl.DataFrame({"session_id": ["s1"], "behaviors": [["a", "b"]]}), "segments")
    assert conform(once, "segments").equals(once)
