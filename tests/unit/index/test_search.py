"""Twelve hand-written segments of three sessions: what is found, merged, refused and indexed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest
from filelock import FileLock

from ethochat.index.catalog import CATALOG_VERSION, PENDING, Catalog
from ethochat.index.embedders.hashing import HashingEmbedder
from ethochat.index.errors import NotIngestedError, StaleIndexError
from ethochat.index.freshness import TableDigests, ingest_runs
from ethochat.index.search import (
    SegmentSearch,
    cached_embedder,
    index_catalog,
    index_segments,
    merge_events,
    open_search,
)
from ethochat.index.store import open_store
from ethochat.index.store.base import FieldCondition, Hit
from ethochat.index.store.memory import MemorySegmentStore
from ethochat.index.tables import DESCRIPTIONS, INDIVIDUALS, SEGMENTS

REARS, WALKS, GROOMS = (
    "the mouse rears at the wall",
    "the mouse walks across the center",
    "it grooms its face",
)
SESSIONS = pl.DataFrame(
    {
        "session_id": ["m1", "m2", "m3"],
        "subject_id": ["A", "B", None],
        "time_unit": ["s", "s", "s"],
        "group": ["CSI", "Control", None],
        "dose mg/kg": [0.5, 2.0, None],
    }
)


def a_segment(segment_id, session_id, start, stop, behavior, text, source="rater", individual=""):
    return {
        "segment_id": segment_id,
        "session_id": session_id,
        "individual": individual,
        "source": source,
        "start_time": start,
        "stop_time": stop,
        "behaviors": [behavior],
        "zones": [],
        "mean_speed": 1.0,
        "distance": None,
        "overall": text,
    }


ROWS = [
    a_segment("a1", "m1", 0.0, 8.0, "rear", REARS),
    a_segment("a2", "m1", 8.0, 16.0, "rear", REARS + " again"),
    a_segment("a3", "m1", 16.3, 20.0, "rear", REARS),
    a_segment("a4", "m1", 2.0, 6.0, "rear", REARS, source="other rater"),
    a_segment("a5", "m1", 30.0, 31.0, "rear", REARS),
    a_segment("a6", "m1", 20.0, 30.0, "walk", WALKS),
    a_segment("b1", "m2", 0.0, 8.0, "rear", REARS),
    a_segment("b2", "m2", 8.0, 16.0, "groom", GROOMS),
    a_segment("c1", "m3", 0.0, 4.0, "walk", WALKS, individual="mouse1"),
    a_segment("c2", "m3", 0.0, 4.0, "walk", WALKS, individual="mouse2"),
]


def tables(rows) -> tuple[pl.DataFrame, pl.DataFrame]:
    segments = pl.DataFrame([{name: row[name] for name in SEGMENTS} for row in rows], schema=SEGMENTS)
    described = [
        {name: None for name in DESCRIPTIONS}
        | {
            "segment_id": row["segment_id"],
            "session_id": row["session_id"],
            "describer": "by hand",
            "overall": row["overall"],
        }
        for row in rows
    ]
    return segments, pl.DataFrame(described, schema=DESCRIPTIONS)


def write_catalog(data_dir, rows) -> Catalog:
    catalog = Catalog(data_dir)
    segments, descriptions = tables(rows)
    for session_id in ("m1", "m2", "m3"):
        mine = pl.col("session_id") == session_id
        catalog.write_session(
            session_id,
            {
                "sessions": SESSIONS.filter(mine),
                "segments": segments.filter(mine),
                "descriptions": descriptions.filter(mine),
            },
        )
    catalog.write_state({"catalog_version": CATALOG_VERSION, "sessions": {"m1": {}}})
    return catalog


class CountingStore(MemorySegmentStore):
    """Keeps the ids of every upsert."""

    def __init__(self) -> None:
        super().__init__(dimension=64, embedder_name="hashing-double@1")
        self.written: list[str] = []

    def upsert(self, points):
        self.written += [point.segment_id for point in points]
        super().upsert(points)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
def searching(store, tmp_path) -> SegmentSearch:
    catalog = write_catalog(tmp_path / ".ethochat", ROWS)
    index_catalog(store, HashingEmbedder(), catalog)
    return SegmentSearch(HashingEmbedder(), store, catalog)


def ids(hits) -> list[str]:
    return [hit.segment_id for hit in hits]


def is_(field, value, op="==") -> FieldCondition:
    return FieldCondition(field=field, op=op, value=value)


class TestSearch:
    def test_one_bout_in_windows_and_from_two_raters_is_one_hit(self, searching):
        """a1 to a4 touch, overlap or lie 0.3 s apart; a5 is 10 s later."""
        assert ids(searching.search(REARS, limit=3)) == ["a1", "a5", "b1"]

    def test_limit_counts_events_not_windows(self, searching):
        assert len(searching.search(REARS, limit=100)) == 7
        assert ids(searching.search(REARS, limit=1)) == ["a1"]

    def test_two_animals_of_one_session_are_two_events(self, searching):
        assert {"c1", "c2"} <= set(ids(searching.search(WALKS, limit=3)))

    def test_equally_near_hits_come_by_session_and_time(self, searching):
        assert ids(searching.search(WALKS, limit=3)) == ["a6", "c1", "c2"]

    def test_conditions_narrow_the_search(self, searching):
        assert ids(searching.search(REARS, limit=9, conditions=[is_("session_id", "m2")])) == ["b1", "b2"]
        assert ids(searching.search(REARS, limit=9, conditions=[is_("meta.group", "CSI", "!=")])) == [
            "b1",
            "b2",
        ]
        assert ids(searching.search(REARS, limit=9, conditions=[is_("meta.dose mg/kg", 1, "<")])) == [
            "a1",
            "a5",
            "a6",
        ]
        assert ids(searching.search(REARS, limit=9, conditions=[is_("behaviors", "groom")])) == ["b2"]
        assert ids(searching.search(REARS, limit=9, conditions=[is_("duration", 1.0)])) == ["a5"]

    def test_nothing_that_meets_the_conditions_is_no_hit_and_no_error(self, searching):
        assert searching.search(REARS, limit=5, conditions=[is_("session_id", "m9")]) == []

    def test_hit_tells_where_it_is_and_what_was_said(self, searching):
        (hit,) = searching.search(GROOMS, limit=1)
        assert hit.text == GROOMS
        assert 0.7 < hit.score < 1.0
        told = {
            key: hit.payload[key]
            for key in ("session_id", "subject_id", "start_time", "stop_time", "meta.group")
        }
        assert told == {
            "session_id": "m2",
            "subject_id": "B",
            "start_time": 8.0,
            "stop_time": 16.0,
            "meta.group": "Control",
        }

    def test_more_like_a_segment_leaves_its_own_event_out(self, searching):
        assert ids(searching.search("", like_segment="a3", limit=2)) == ["a5", "b1"]

    def test_more_like_a_segment_can_be_steered_by_words(self, searching):
        """Half of each counts: what is like a1 and what is asked for come before what is neither."""
        assert set(ids(searching.search(GROOMS, like_segment="a1", limit=3))) == {"a5", "b1", "b2"}

    def test_nothing_to_search_for_is_refused(self, searching):
        with pytest.raises(ValueError, match="words to search for"):
            searching.search("  ", limit=5)
        with pytest.raises(ValueError, match="got 'zz'"):
            searching.search("", like_segment="zz", limit=5)

    def test_many_windows_of_one_bout_do_not_hide_other_events(self, tmp_path):
        """One 4,000 s bout in 1,000 windows that match best, and one event that matches worse."""
        rows = [a_segment(f"w{n:04d}", "m1", 4.0 * n, 4.0 * n + 4.0, "rear", REARS) for n in range(1000)]
        rows.append(a_segment("other", "m2", 0.0, 4.0, "walk", "the mouse walks"))
        store, catalog = CountingStore(), write_catalog(tmp_path / ".ethochat", rows)
        index_catalog(store, HashingEmbedder(), catalog)
        searching = SegmentSearch(HashingEmbedder(), store, catalog)
        assert ids(searching.search(REARS, limit=2)) == ["w0000", "other"]


class TestRetrieve:
    def test_every_segment_is_a_hit_of_its_own(self, searching):
        assert set(ids(searching.retrieve(REARS, limit=6))) == {"a1", "a2", "a3", "a4", "a5", "b1"}

    def test_mode_says_what_counts(self, searching):
        dense = searching.retrieve("grooming", limit=10, mode="dense")
        assert [hit.similarity for hit in dense] == [hit.score for hit in dense]
        assert len(dense) == 10
        # the double embeds whole words, and "grooming" is none of "grooms"; stems meet
        assert ids(searching.retrieve("grooming", limit=10, mode="sparse")) == ["b2"]
        assert ids(searching.retrieve("grooming", limit=1)) == ["b2"]

    def test_examples_are_not_found_themselves(self, searching):
        found = ids(searching.retrieve(like=["a1"], limit=10))
        assert "a1" not in found
        assert set(found[:4]) == {"a3", "a4", "a5", "b1"}

    def test_unlike_puts_what_is_nearer_to_it_last(self, searching):
        found = ids(searching.retrieve(like=["a1"], unlike=["a6"], limit=10))
        assert set(found[-2:]) == {"c1", "c2"}
        assert not {"a1", "a6"} & set(found)
        assert ids(searching.retrieve(REARS, unlike=["a6"], limit=10))[0] == "a1"

    def test_several_examples_find_what_is_like_any(self, searching):
        assert set(ids(searching.retrieve(like=["b2", "a1"], limit=4))) == {"a3", "a4", "a5", "b1"}

    def test_conditions_and_examples_go_together(self, searching):
        assert ids(searching.retrieve(like=["a1"], limit=9, conditions=[is_("session_id", "m2")])) == [
            "b1",
            "b2",
        ]

    def test_nothing_to_search_for_is_refused(self, searching):
        with pytest.raises(ValueError, match="words to search for"):
            searching.retrieve(limit=3)
        with pytest.raises(ValueError, match="got 'zz'"):
            searching.retrieve(unlike=["zz"], limit=3)


class TestCheck:
    def test_fresh_index_has_nothing_to_say(self, searching):
        assert searching.check() is None

    def test_index_that_lacks_a_segment_is_an_error_that_names_the_command(self, searching):
        searching.store.delete([is_("segment_id", "b2")])
        with pytest.raises(
            StaleIndexError, match=r"Expected 10 segments .* found 9; run `ethochat ingest --rebuild-index"
        ):
            searching.retrieve(REARS, limit=5)

    def test_emptied_index_is_an_error(self, searching):
        searching.store.delete([is_("session_id", ("m1", "m2", "m3"), "in")])
        with pytest.raises(StaleIndexError, match="found 0"):
            searching.search(REARS, limit=5)

    def test_index_older_than_the_tables_is_an_error_though_counts_are_equal(self, searching):
        """One text of one segment changed."""
        assert searching.retrieve(REARS, limit=1)
        rows = [dict(row) for row in ROWS]
        rows[0]["overall"] = "the mouse digs"
        write_catalog(searching.catalog.data_dir, rows)
        with pytest.raises(StaleIndexError, match=r"made from others: .*run `ethochat ingest "):
            searching.retrieve(REARS, limit=5)
        index_catalog(searching.store, HashingEmbedder(), searching.catalog)
        assert ids(searching.retrieve("digging", limit=1)) == ["a1"]

    def test_changed_group_of_a_session_is_noticed(self, searching):
        regrouped = SESSIONS.filter(pl.col("session_id") == "m1").with_columns(group=pl.lit("other"))
        searching.catalog.write_session("m1", {"sessions": regrouped})
        with pytest.raises(StaleIndexError):
            searching.check()

    def test_index_that_nobody_finished_is_an_error(self, store, tmp_path):
        catalog = write_catalog(tmp_path / ".ethochat", ROWS)
        index_segments(store, HashingEmbedder(), *tables(ROWS), SESSIONS)
        with pytest.raises(StaleIndexError, match="interrupted"):
            SegmentSearch(HashingEmbedder(), store, catalog).retrieve(REARS, limit=5)

    def test_copied_experiment_stays_fresh(self, searching, tmp_path):
        shutil.copytree(searching.catalog.data_dir, tmp_path / "copy", copy_function=shutil.copy)
        copy = SegmentSearch(HashingEmbedder(), searching.store, Catalog.open(tmp_path / "copy"))
        assert copy.check() is None

    def test_experiment_without_segments_says_what_is_missing(self, store, tmp_path):
        catalog = write_catalog(tmp_path / ".ethochat", [])
        index_catalog(store, HashingEmbedder(), catalog)
        with pytest.raises(NotIngestedError, match="no session has annotations or a track"):
            SegmentSearch(HashingEmbedder(), store, catalog).search(REARS, limit=5)

    def test_tables_are_read_once_while_nothing_changes(self, searching, monkeypatch):
        assert searching.check() is None
        monkeypatch.setattr(TableDigests, "combined", lambda self: pytest.fail("compared again"))
        assert searching.check() is None


class TestWhileAnIngestRuns:
    """The state as an ingest leaves it between "tables written" and "index published"."""

    @pytest.fixture
    def changing(self, searching) -> Iterator[SegmentSearch]:
        """m1 is about to be replaced, m2 was, m4 is new; m3 is as it was."""
        catalog = searching.catalog
        known = {"m1": "f1", "m2": "f2", "m3": "f3"}
        state = {"catalog_version": CATALOG_VERSION, "index": {"sessions": known}}
        catalog.write_state({**state, "sessions": known})
        assert searching.check() is None
        with FileLock(catalog.data_dir / "ingest.lock"):
            catalog.write_state({**state, "sessions": {"m1": PENDING, "m2": "new", "m3": "f3", "m4": "f4"}})
            segments, descriptions = tables([a_segment("b9", "m2", 0.0, 9.0, "dig", "digs")])
            catalog.write_session("m2", {"segments": segments, "descriptions": descriptions})
            yield searching

    def test_what_it_has_not_touched_is_found_and_the_rest_left_out(self, changing):
        assert ids(changing.retrieve(WALKS, limit=10)) == ["c1", "c2"]
        assert changing.retrieve(REARS, limit=10, conditions=[is_("session_id", "m1")]) == []

    def test_a_reader_is_told(self, changing):
        assert changing.check() == "An ingest is running: 3 sessions are not searched until it is done."

    def test_hits_of_a_session_that_changed_during_the_search_are_dropped(self, searching):
        catalog = searching.catalog
        known = {"m1": "f1", "m2": "f2", "m3": "f3"}
        state = {"catalog_version": CATALOG_VERSION, "index": {"sessions": known}}
        catalog.write_state({**state, "sessions": known})
        lock = FileLock(catalog.data_dir / "ingest.lock")

        class Interrupted(HashingEmbedder):
            def embed(self, texts):
                lock.acquire()
                catalog.write_state({**state, "sessions": {**known, "m2": PENDING}})
                segments, _ = tables([])
                catalog.write_session("m2", {"segments": segments})
                return super().embed(texts)

        searching.embedder = Interrupted()
        found = searching.retrieve(REARS, limit=10)
        lock.release()
        assert {hit.payload["session_id"] for hit in found} == {"m1", "m3"}

    def test_looking_does_not_keep_an_ingest_from_starting(self, tmp_path):
        assert not ingest_runs(tmp_path)
        with FileLock(tmp_path / "ingest.lock", timeout=0):
            assert ingest_runs(tmp_path)
        assert not ingest_runs(tmp_path)


class TestMergeEvents:
    def hit(self, segment_id, start, stop, score, behavior="rear"):
        payload = {
            "session_id": "m1",
            "individual": "",
            "behaviors": [behavior],
            "start_time": start,
            "stop_time": stop,
        }
        return Hit(segment_id=segment_id, score=score, text="", payload=payload)

    def test_best_hit_stands_for_the_event(self):
        merged = merge_events(
            [self.hit("a", 0.0, 5.0, 0.5), self.hit("b", 5.0, 9.0, 0.9), self.hit("c", 1.0, 2.0, 0.7)]
        )
        assert [(best.segment_id, set(members)) for best, members in merged] == [("b", {"a", "b", "c"})]

    def test_half_a_second_apart_is_two_events(self):
        assert len(merge_events([self.hit("a", 0.0, 5.0, 0.5), self.hit("b", 5.5, 9.0, 0.9)])) == 2
        assert len(merge_events([self.hit("a", 0.0, 5.0, 0.5), self.hit("b", 5.49, 9.0, 0.9)])) == 1

    def test_hit_inside_a_long_one_does_not_shorten_it(self):
        hits = [self.hit("a", 0.0, 20.0, 0.5), self.hit("b", 1.0, 2.0, 0.4), self.hit("c", 15.0, 16.0, 0.3)]
        assert len(merge_events(hits)) == 1

    def test_other_leading_behavior_is_another_event(self):
        assert len(merge_events([self.hit("a", 0.0, 5.0, 0.5), self.hit("b", 0.0, 5.0, 0.5, "walk")])) == 2

    def test_no_hits_are_no_events(self):
        assert merge_events([]) == []


class TestIndexSegments:
    def test_second_run_writes_nothing(self, searching, store):
        store.written.clear()
        assert index_segments(store, HashingEmbedder(), *tables(ROWS), SESSIONS) == 0
        assert store.written == []

    def test_only_what_changed_is_written_and_what_is_gone_deleted(self, searching, store):
        store.written.clear()
        rows = [dict(row) for row in ROWS if row["segment_id"] != "a5"]
        rows[0]["overall"] = GROOMS
        rows.append(a_segment("new", "m3", 9.0, 10.0, "rear", REARS))
        assert index_segments(store, HashingEmbedder(), *tables(rows), SESSIONS) == 2
        assert set(store.written) == {"a1", "new"}
        assert store.segment_ids() == {row["segment_id"] for row in rows}

    def test_changed_metadata_is_written_for_its_session_only(self, searching, store):
        store.written.clear()
        regrouped = SESSIONS.with_columns(pl.Series("group", ["CSI", "CSI", None]))
        assert index_segments(store, HashingEmbedder(), *tables(ROWS), regrouped) == 2
        assert set(store.written) == {"b1", "b2"}
        assert store.count([is_("meta.group", "CSI")]) == 8

    def test_what_a_killed_run_left_out_is_added(self, searching, store):
        store.delete([is_("segment_id", ("a1", "c2"), "in")])
        store.written.clear()
        index_segments(store, HashingEmbedder(), *tables(ROWS), SESSIONS)
        assert set(store.written) == {"a1", "c2"}

    def test_each_text_is_embedded_once(self, store, tmp_path):
        asked = []

        class Recording(HashingEmbedder):
            def embed(self, texts):
                asked.extend(texts)
                return super().embed(texts)

        index_segments(store, cached_embedder(tmp_path, Recording()), *tables(ROWS), SESSIONS)
        assert sorted(asked) == sorted({row["overall"] for row in ROWS})

    def test_parts_and_keywords_not_said_already_are_embedded_and_keywords_not_shown(self, store):
        segments, descriptions = tables(ROWS[:1])
        fuller = descriptions.with_columns(
            pl.lit("head up").alias("head"),
            pl.Series("keywords", [["upright", "wall"]], dtype=pl.List(pl.String)),
        )
        index_segments(store, HashingEmbedder(), segments, fuller, SESSIONS)
        (expected,) = HashingEmbedder().embed([f"{REARS} head up upright"])
        np.testing.assert_allclose(store.vectors_of(["a1"])["a1"], expected)
        assert store.search(expected)[0].text == f"{REARS} head up"

    def test_subject_is_that_of_the_individual_where_a_session_has_several(self, store):
        individuals = pl.DataFrame(
            {"session_id": ["m3", "m3"], "individual": ["mouse1", "mouse2"], "subject_id": ["C", "D"]},
            schema=INDIVIDUALS,
        )
        index_segments(store, HashingEmbedder(), *tables(ROWS), SESSIONS, individuals=individuals)
        subjects = store.read_field("subject_id")
        assert (subjects["a1"], subjects["c1"], subjects["c2"]) == ("A", "C", "D")

    def test_metadata_of_the_experiment_alone_will_do(self, store):
        index_segments(store, HashingEmbedder(), *tables(ROWS), SESSIONS.select("session_id", "group"))
        assert store.count([is_("meta.group", "CSI")]) == 6
        index_segments(store, HashingEmbedder(), *tables(ROWS), SESSIONS.select("session_id"))
        assert store.count([is_("meta.group", "CSI")]) == 0

    def test_segment_without_description_is_left_out_and_two_are_refused(self, store):
        segments, descriptions = tables(ROWS)
        index_segments(store, HashingEmbedder(), segments, descriptions.head(3), SESSIONS)
        assert store.segment_ids() == {"a1", "a2", "a3"}
        with pytest.raises(ValueError, match="one description per segment, found several of 'a1'"):
            index_segments(
                store, HashingEmbedder(), segments, pl.concat([descriptions, descriptions.head(1)]), SESSIONS
            )

    def test_progress_ends_at_the_total(self, store, monkeypatch):
        monkeypatch.setattr("ethochat.index.search._CHUNK", 4)
        seen = []
        index_segments(
            store,
            HashingEmbedder(),
            *tables(ROWS),
            SESSIONS,
            progress=lambda done, total: seen.append((done, total)),
        )
        assert seen == [(4, 10), (8, 10), (10, 10)]

    def test_no_segments_empty_the_index(self, searching, store):
        index_segments(store, HashingEmbedder(), *tables([]), SESSIONS)
        assert store.count() == 0


@pytest.mark.parametrize("spec", ["edge", "local"])
def test_ingested_experiment_is_opened_and_searched(tmp_path, spec):
    data_dir = tmp_path / ".ethochat"
    catalog = write_catalog(data_dir, ROWS)
    model = cached_embedder(data_dir, "hashing")
    store = open_store(spec, path=data_dir / "vectors", dimension=64, embedder_name=model.name)
    assert index_catalog(store, model, catalog) == (10, 10)
    store.close()
    searching = open_search(data_dir, spec=spec, embedder="hashing")
    assert ids(searching.search(REARS, limit=3, conditions=[is_("meta.dose mg/kg", 0.1, ">")])) == [
        "a1",
        "a5",
        "b1",
    ]
    searching.close()


def test_first_ingest_that_still_runs_is_told_from_none(tmp_path):
    data_dir = tmp_path / ".ethochat"
    write_catalog(data_dir, ROWS)
    with pytest.raises(NotIngestedError, match="run `ethochat ingest`"):
        open_search(data_dir, embedder="hashing")
    with (
        FileLock(data_dir / "ingest.lock"),
        pytest.raises(NotIngestedError, match="search again when it is done"),
    ):
        open_search(data_dir, embedder="hashing")


def test_experiment_that_was_never_ingested_names_the_command(tmp_path):
    with pytest.raises(NotIngestedError, match="ethochat ingest"):
        open_search(tmp_path / ".ethochat")
