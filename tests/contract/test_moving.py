"""An index moved between engines finds the same, and a move that fails leaves the old one in use."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import polars as pl
import pytest
from filelock import FileLock

from ethochat.index.catalog import CATALOG_VERSION, Catalog
from ethochat.index.embedders.hashing import HashingEmbedder
from ethochat.index.errors import (
    BackendUnavailableError,
    CatalogLockedError,
    NotIngestedError,
    StaleIndexError,
)
from ethochat.index.moving import move_index
from ethochat.index.search import index_catalog, open_search
from ethochat.index.store import open_store
from ethochat.index.store.base import FieldCondition
from ethochat.index.store.client import ClientSegmentStore
from ethochat.index.tables import DESCRIPTIONS, SEGMENTS

N_SEGMENTS = 700
TEXTS = ("the mouse rears at the wall", "the mouse walks", "it grooms its face", "läuft „schnell“ 🐁")


@pytest.fixture
def experiment(tmp_path) -> Path:
    """Two sessions of 350 segments with four texts, indexed in Edge."""
    root = tmp_path / "lab"
    root.mkdir()
    (root / "experiment.toml").write_text('[experiment]\nname = "Lab"\n')
    (root / "sessions.csv").write_text("session_id,group,tame\nm1,a,true\nm2,b,false\n")
    catalog = Catalog(root / ".ethochat")
    for session_id, group in (("m1", "a"), ("m2", "b")):
        rows = [
            {
                "segment_id": f"{session_id}-{n}",
                "session_id": session_id,
                "individual": "",
                "source": "rules",
                "start_time": 5.0 * n,
                "stop_time": 5.0 * n + 4,
                "behaviors": ["rear"] if n % 4 == 0 else [],
                "overall": TEXTS[n % 4],
                "describer": "by hand",
            }
            for n in range(N_SEGMENTS // 2)
        ]
        tables = {
            name: pl.DataFrame([{key: row.get(key) for key in schema} for row in rows], schema=schema)
            for name, schema in (("segments", SEGMENTS), ("descriptions", DESCRIPTIONS))
        }
        session = pl.DataFrame(
            {"session_id": [session_id], "time_unit": ["s"], "group": [group], "tame": [group == "a"]}
        )
        catalog.write_session(session_id, {"sessions": session, **tables})
    catalog.write_state({"catalog_version": CATALOG_VERSION, "sessions": {"m1": "x", "m2": "y"}})
    store = open_here(root, "edge")
    index_catalog(store, HashingEmbedder(), catalog)
    store.close()
    index = {"store": "edge", "n_segments": N_SEGMENTS, "sessions": {"m1": "x", "m2": "y"}}
    catalog.write_state({**catalog.read_state(), "index": index})
    return root


def open_here(root: Path, spec: str, **options):
    model = HashingEmbedder()
    given = {"dimension": model.dimension, "embedder_name": model.name} | options
    return open_store(spec, path=root / ".ethochat" / "vectors", **given)


def recorded(root: Path) -> str:
    return Catalog(root / ".ethochat").read_state()["index"]["store"]


def found(root: Path, spec: str) -> list:
    searching = open_search(root / ".ethochat", spec=spec, embedder="hashing")
    conditions = [FieldCondition(field="meta.tame", op="==", value=True)]
    try:
        assert searching.check() is None
        hits = [
            *searching.retrieve("rearing at the wall", limit=200),
            *searching.retrieve("schnell", limit=200, conditions=conditions),
            *searching.retrieve(like=["m1-0"], unlike=["m2-1"], limit=200, conditions=conditions),
        ]
        return sorted(
            (hit.segment_id, round(hit.score, 4), hit.text, sorted(hit.payload.items(), key=str))
            for hit in hits
        )
    finally:
        searching.close()


@pytest.fixture(params=["local", "stand-in", pytest.param("server", marks=pytest.mark.server)])
def target(request):
    """Where to move to; a server's collection is removed afterwards."""
    if request.param == "local":
        yield "local"
        return
    if request.param == "server" and not os.environ.get("QDRANT_URL"):
        pytest.skip("needs a Qdrant server: set QDRANT_URL to its address")
    url = (
        os.environ["QDRANT_URL"].rstrip("/")
        if request.param == "server"
        else request.getfixturevalue("stand_in")
    )
    name = f"ethochat-test-{uuid.uuid4().hex}"
    yield f"{url}/{name}"
    _drop(f"{url}/{name}")


def _drop(url: str) -> None:
    store = open_store(url, path=Path("unused"), dimension=2, embedder_name="x", rebuild=True)
    store._write(lambda client: client.delete_collection(url.rpartition("/")[2]))
    store.close()


def test_there_and_back_everything_is_found_as_before(experiment, target):
    before = found(experiment, "edge")
    seen = []
    report = move_index(experiment, target, embedder="hashing", progress=lambda *step: seen.append(step))
    assert (report.source, report.target) == ("edge", target)
    assert (report.n_segments, report.n_copied) == (N_SEGMENTS, N_SEGMENTS)
    assert seen[-1] == (N_SEGMENTS, N_SEGMENTS)
    assert recorded(experiment) == target
    by_score = {(segment_id, score) for segment_id, score, *_ in before}
    moved = found(experiment, target)
    assert len(moved) == len(before)
    # which of equally good ones stay within the limit is the engine's choice
    assert sorted(score for _, score, *_ in moved) == pytest.approx(
        sorted(score for _, score in by_score), abs=2e-4
    )
    assert {text for _, _, text, _ in moved} == {text for _, _, text, _ in before}
    back = move_index(experiment, "edge", embedder="hashing")
    assert (back.source, back.n_copied) == (target, 0)  # it had stayed there
    assert found(experiment, "edge") == before


def test_a_move_that_fails_leaves_the_old_index_in_use_and_goes_on_later(experiment, target, monkeypatch):
    upsert = ClientSegmentStore.upsert

    def failing(self, points):
        upsert(self, points[:300])
        raise BackendUnavailableError("the lights went out")

    monkeypatch.setattr(ClientSegmentStore, "upsert", failing)
    with pytest.raises(BackendUnavailableError, match="lights"):
        move_index(experiment, target, embedder="hashing")
    assert recorded(experiment) == "edge"
    assert found(experiment, "edge")
    monkeypatch.undo()
    report = move_index(experiment, target, embedder="hashing")
    assert report.n_copied == (N_SEGMENTS if target == "local" else N_SEGMENTS - 300)
    assert recorded(experiment) == target
    assert found(experiment, target)


def test_what_is_in_the_target_and_not_in_the_source_goes(experiment, target):
    move_index(experiment, target, embedder="hashing")
    move_index(experiment, "edge", embedder="hashing")
    catalog = Catalog(experiment / ".ethochat")
    catalog.remove_session("m2")
    store = open_here(experiment, "edge")
    index_catalog(store, HashingEmbedder(), catalog)
    store.close()
    report = move_index(experiment, target, embedder="hashing")
    assert (report.n_segments, report.n_copied) == (N_SEGMENTS // 2, 0)
    store = open_here(experiment, target, read_only=True)
    assert store.count() == N_SEGMENTS // 2
    store.close()


def test_copy_that_is_not_what_was_copied_is_not_used(experiment, monkeypatch):
    upsert = ClientSegmentStore.upsert
    monkeypatch.setattr(ClientSegmentStore, "upsert", lambda self, points: upsert(self, points[1:]))
    with pytest.raises(StaleIndexError, match=r"local: expected the 700 segments of edge, found 69\d"):
        move_index(experiment, "local", embedder="hashing")
    assert recorded(experiment) == "edge"


def test_same_store_is_nothing_to_do(experiment):
    report = move_index(experiment, "edge", embedder="hashing")
    assert (report.source, report.target, report.n_copied) == ("edge", "edge", 0)


def test_ingest_that_runs_is_not_disturbed(experiment):
    with (
        FileLock(experiment / ".ethochat" / "ingest.lock"),
        pytest.raises(CatalogLockedError, match="ingesting"),
    ):
        move_index(experiment, "local", embedder="hashing")


def test_leftover_of_another_model_is_replaced_in_a_folder_and_refused_on_a_server(experiment, stand_in):
    open_here(experiment, "local", embedder_name="other@1").close()
    move_index(experiment, "local", embedder="hashing")
    assert found(experiment, "local")
    url = f"{stand_in}/ethochat-test-{uuid.uuid4().hex}"
    open_here(experiment, url, embedder_name="other@1").close()
    with pytest.raises(StaleIndexError, match="Or name a collection that is not there yet"):
        move_index(experiment, url, embedder="hashing")
    assert recorded(experiment) == "local"


def test_index_of_another_model_is_not_moved(experiment):
    with pytest.raises(StaleIndexError, match="hashing-double@1"):
        move_index(experiment, "local")


def test_what_cannot_be_moved_or_moved_to_is_said(experiment):
    with pytest.raises(BackendUnavailableError, match="'memory'"):
        move_index(experiment, "memory", embedder="hashing")
    with pytest.raises(BackendUnavailableError, match="'faiss'"):
        move_index(experiment, "faiss", embedder="hashing")
    catalog = Catalog(experiment / ".ethochat")
    catalog.write_state({key: value for key, value in catalog.read_state().items() if key != "index"})
    with pytest.raises(NotIngestedError, match="run `ethochat ingest"):
        move_index(experiment, "local", embedder="hashing")
