"""The benchmark of aggregation: a million frames, the same answer from every engine, and no other answer let through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from benchmarks import aggregation


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """Ten sessions of 100,000 frames."""
    return aggregation.make_frames(tmp_path_factory.mktemp("frames"), 10, 100_000)


@pytest.fixture(scope="module")
def own(files: Sequence[Path]) -> pl.DataFrame:
    return aggregation.result_of("ethochat", files)


def test_engines_agree_on_a_million_frames(files: Sequence[Path], own: pl.DataFrame) -> None:
    pytest.importorskip("duckdb")
    pytest.importorskip("pandas")
    results = {name: aggregation.result_of(name, files) for name in aggregation.ENGINES}
    assert aggregation.differences(results) == []
    assert own["n_frames"].sum() == sum(
        pl.scan_parquet(file).select(pl.col("behavior").count()).collect().item() for file in files
    )
    assert own["session_id"].n_unique() == 10
    assert own["minute"].max() == 55  # 100,000 frames at 30 per second


@pytest.mark.parametrize("column", aggregation.COLUMNS)
def test_a_changed_number_is_found(own: pl.DataFrame, column: str) -> None:
    place = pl.int_range(pl.len()) == 7
    changed = own.with_columns(pl.when(place).then(pl.col(column) + 1).otherwise(column).alias(column))
    assert [
        text.split(" differs")[0] for text in aggregation.differences({"ethochat": own, "x": changed})
    ] == [f"x: {column}"]


def test_a_number_in_place_of_a_missing_one_is_found(own: pl.DataFrame) -> None:
    none = own.with_columns(std=pl.when(pl.int_range(pl.len()) > 0).then("std"))
    assert len(aggregation.differences({"ethochat": none, "x": own})) == 1


def test_a_missing_group_is_found(own: pl.DataFrame) -> None:
    assert aggregation.differences({"ethochat": own, "x": own.head(-1)})


def test_files_are_made_once_and_the_same_anywhere(tmp_path: Path) -> None:
    first = aggregation.make_frames(tmp_path / "a", 2, 1_000)
    written = [file.stat().st_mtime_ns for file in first]
    assert [file.stat().st_mtime_ns for file in aggregation.make_frames(tmp_path / "a", 2, 1_000)] == written
    for file, other in zip(first, aggregation.make_frames(tmp_path / "b", 2, 1_000), strict=True):
        assert pl.read_parquet(file).equals(pl.read_parquet(other))
