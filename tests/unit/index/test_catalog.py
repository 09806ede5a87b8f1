"""The tables on disk: written whole, read as written, and never outside their folder."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import polars as pl
import pytest

from ethochat.index.catalog import CATALOG_VERSION, PENDING, Catalog, replace_file
from ethochat.index.errors import CatalogError, NotIngestedError, StaleIndexError
from ethochat.index.tables import TABLES, conform


def rows(table: str, **columns: object) -> pl.DataFrame:
    return conform(pl.DataFrame([columns]), table)


def session(name: str, **more: object) -> dict[str, pl.DataFrame]:
    return {
        "sessions": rows("sessions", session_id=name, time_unit="s", excluded=False, **more),
        "metrics": rows("metrics", session_id=name, metric="speed", value=1.0),
    }


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """A catalog of the sessions ``a`` and ``b`` with one metric each."""
    catalog = Catalog(tmp_path / "exp" / ".ethochat")
    for name in ("a", "b"):
        catalog.write_session(name, session(name))
    catalog.write_state({"catalog_version": CATALOG_VERSION, "sessions": {"a": "1", "b": "2"}})
    return catalog


def files(catalog: Catalog) -> list[str]:
    return sorted(
        path.relative_to(catalog.data_dir).as_posix()
        for path in catalog.data_dir.rglob("*")
        if path.is_file()
    )


# ------------------------------------------------------------------ tables
def test_tables_are_read_as_they_were_written(catalog):
    assert (
        catalog.load("metrics")
        .sort("session_id")
        .equals(pl.concat([session(name)["metrics"] for name in ("a", "b")]))
    )
    assert catalog.read_session("metrics", "b")["session_id"].to_list() == ["b"]
    assert catalog.scan("metrics").collect().schema == TABLES["metrics"]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_nobody_wrote_is_empty(tmp_path, table):
    catalog = Catalog(tmp_path / "none")
    assert catalog.load(table).schema == TABLES[table]
    assert catalog.read_session(table, "a").schema == TABLES[table]
    assert not (tmp_path / "none").exists()


def test_a_table_without_rows_leaves_no_file(catalog):
    catalog.write_session("a", {"metrics": session("a")["metrics"].clear()})
    assert "catalog/metrics/a.parquet" not in files(catalog)
    assert catalog.load("metrics")["session_id"].to_list() == ["b"]


def test_metadata_columns_may_differ_between_sessions(catalog):
    catalog.write_session("a", session("a", group="drug", dose=None))
    catalog.write_session("b", session("b", group="control", dose=1.5))
    table = catalog.load("sessions").sort("session_id")
    assert table["group"].to_list() == ["drug", "control"]
    assert table["dose"].to_list() == [None, 1.5]


def test_a_loaded_table_follows_its_files(catalog):
    first = catalog.load("metrics")
    assert catalog.load("metrics") is first
    catalog.write_session("c", session("c"))
    assert set(catalog.load("metrics")["session_id"]) == {"a", "b", "c"}


@pytest.mark.parametrize(
    "name",
    [
        "../../evil",
        "..",
        ".",
        "a/b",
        "a\\b",
        "s 1",
        "ünïcode",
        "日本",
        "%2E%2E",
        "con.parquet",
        ".hidden",
        "." * 200,
    ],
)
def test_a_session_is_kept_in_the_folder_whatever_its_name(catalog, name):
    catalog.write_session(name, session(name))
    path = catalog.path("metrics", name)
    assert path.parent == catalog.data_dir / "catalog" / "metrics"
    assert path.is_file()
    assert catalog.read_session("metrics", name)["session_id"].to_list() == [name]
    assert name in catalog.load("sessions")["session_id"].to_list()


def test_different_names_are_different_files(catalog):
    names = ["a/b", "a%2Fb", "a.b", "a%2Eb", "A"]
    assert len({catalog.path("bouts", name) for name in names}) == len(names)


def test_removing_a_session_removes_all_its_rows(catalog):
    catalog.remove_session("a")
    assert [name for name in files(catalog) if name.endswith("a.parquet")] == []
    assert catalog.load("sessions")["session_id"].to_list() == ["b"]


def test_files_can_be_read_by_the_others_of_a_lab(catalog):
    previous = os.umask(0o022)
    try:
        catalog.write_session("c", session("c"))
        catalog.write_state({"sessions": {}})
    finally:
        os.umask(previous)
    for path in (catalog.path("metrics", "c"), catalog.state_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


# ------------------------------------------------------------------ half-written sessions and leftovers
def test_a_session_whose_tables_are_being_written_is_not_there(catalog):
    seen: list[bool] = []

    class Watched(dict[str, pl.DataFrame]):
        def __getitem__(self, table: str) -> pl.DataFrame:
            seen.append(catalog.has_session("a"))
            return super().__getitem__(table)

    catalog.write_session("a", Watched(session("a")))
    assert seen == [False, False]
    assert catalog.has_session("a")


def test_leftovers_of_killed_runs_and_of_other_sessions_are_removed(catalog):
    (catalog.data_dir / "catalog" / "metrics" / "x.tmp").write_text("half")
    (catalog.data_dir / "catalog" / "gone_table").mkdir()
    (catalog.data_dir / "catalog" / "gone_table" / "a.parquet").write_text("old")
    (catalog.data_dir / "state.json.tmp").write_text("half")
    (catalog.data_dir / "cache").mkdir()
    (catalog.data_dir / "cache" / "embeddings.sqlite").write_text("kept")
    catalog.keep_only(["b"])
    assert files(catalog) == [
        "cache/embeddings.sqlite",
        "catalog/metrics/b.parquet",
        "catalog/sessions/b.parquet",
        "state.json",
    ]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "file"
    replace_file(target, b"old")
    with pytest.raises(TypeError):
        replace_file(target, "text")  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"old"


def test_reading_while_sessions_are_rewritten_never_fails(catalog):
    stop = threading.Event()
    problems: list[BaseException] = []

    def read() -> None:
        reader = Catalog(catalog.data_dir)
        while not stop.is_set():
            try:
                assert set(reader.load("sessions")["session_id"]) <= {"a", "b"}
            except BaseException as exc:  # noqa: BLE001 - reported by the test below
                problems.append(exc)
                return

    thread = threading.Thread(target=read)
    thread.start()
    for _ in range(60):
        catalog.write_session("a", session("a"))
    stop.set()
    thread.join()
    assert problems == []


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path):
    (tmp_path / "exp").mkdir()
    (tmp_path / "exp" / ".ethochat").write_text("a file where the folder should be")
    catalog = Catalog(tmp_path / "exp" / ".ethochat")
    with pytest.raises(CatalogError, match=r"expected a folder that can be written.*ethochat ingest"):
        catalog.write_session("a", session("a"))
    with pytest.raises(CatalogError, match="expected a folder that can be written"):
        catalog.write_state({})


# ------------------------------------------------------------------ state
def test_opening_needs_an_ingested_experiment(tmp_path):
    with pytest.raises(NotIngestedError, match=r"ethochat ingest .*exp"):
        Catalog.open(tmp_path / "exp" / ".ethochat")


def test_opening_data_of_another_version_says_how_to_rebuild(catalog):
    catalog.write_state({"catalog_version": 0, "sessions": {"a": "1"}})
    with pytest.raises(StaleIndexError, match=rf"version {CATALOG_VERSION}.*found 0.*ethochat ingest"):
        Catalog.open(catalog.data_dir)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "line 1"),
        (b'{"sessions": {"a"', "line 1"),
        (b"[1, 2]", "a list"),
        (b"null", "a NoneType"),
        (b"\xff\xfe{}", "utf-8"),
    ],
)
def test_a_damaged_state_is_refused_with_its_file(catalog, content, found):
    catalog.state_path.write_bytes(content)
    with pytest.raises(
        StaleIndexError, match=rf"state\.json: expected a JSON object, found .*{found}.*delete"
    ):
        Catalog.open(catalog.data_dir)


def test_state_is_kept_whole(catalog):
    state = {"catalog_version": CATALOG_VERSION, "sessions": {"ü": "1"}, "index": {"n_segments": 3}}
    catalog.write_state(state)
    assert catalog.read_state() == state
    assert json.loads(catalog.state_path.read_text(encoding="utf-8")) == state


def test_sessions_that_changed_and_were_not_redone_are_named(catalog):
    assert catalog.pending() == ()
    catalog.write_state({"sessions": {"a": PENDING, "b": "2"}})
    assert catalog.pending() == ("a",)


# ------------------------------------------------------------------ several tables at once
def test_what_reads_several_tables_is_called_again_where_a_session_was_replaced(catalog):
    replaced = iter([True, True, False, False])

    def read() -> tuple[int, float]:
        known = catalog.load("sessions").height
        if next(replaced):
            changed = session("b") | {"metrics": rows("metrics", session_id="b", metric="speed", value=2.0)}
            catalog.write_session("b", changed)
        return known, catalog.load("metrics")["value"].sum()

    assert catalog.whole(read) == (2, 3.0)
    assert next(replaced) is False
    assert next(replaced, None) is None


def test_an_error_that_a_replaced_session_explains_is_not_the_last_word(catalog):
    outcomes = iter([KeyError("c"), None])

    def read() -> int:
        error = next(outcomes)
        if error is not None:
            catalog.write_session("c", session("c"))
            raise error
        return catalog.load("sessions").height

    assert catalog.whole(read) == 3


def test_an_error_of_its_own_is_raised_at_once(catalog):
    calls = []

    def read() -> None:
        calls.append(1)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        catalog.whole(read)
    assert calls == [1]


def test_where_sessions_change_without_end_the_last_attempt_counts(catalog):
    numbers = iter(range(100))

    def read() -> int:
        number = next(numbers)
        catalog.write_session("d", session("d", group=str(number)))
        return number

    assert catalog.whole(read) == 4
