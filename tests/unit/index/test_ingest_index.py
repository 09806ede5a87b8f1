"""What an ingest does with the vector index: once, anew where it must, and never half. The sentence model is a double."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from ethochat.index import search, store
from ethochat.index.catalog import Catalog
from ethochat.index.embedders.hashing import HashingEmbedder
from ethochat.index.errors import EthochatError, StaleIndexError
from ethochat.index.ingest import ingest
from ethochat.index.search import open_search
from ethochat.index.store import encoding
from ethochat.index.store.edge import EdgeSegmentStore


@pytest.fixture
def lab(make_lab: Callable[..., Path], monkeypatch) -> Path:
    """Two sessions of ten seconds."""
    monkeypatch.setattr(search, "resolve_embedder", lambda name: HashingEmbedder())
    return make_lab(2)


def opened(lab: Path):
    return open_search(lab.resolve() / ".ethochat")


def count_of(lab: Path) -> int:
    searching = opened(lab)
    try:
        assert searching.check() is None
        return searching.store.count()
    finally:
        searching.close()


def test_second_ingest_writes_nothing_and_says_the_same(lab):
    first = ingest(lab)
    assert first.n_segments == first.n_indexed == count_of(lab) > 0
    second = ingest(lab)
    assert (second.n_segments, second.n_indexed) == (first.n_segments, 0)


def test_index_of_an_earlier_schema_is_made_anew_without_being_asked(lab, monkeypatch):
    monkeypatch.setattr(encoding, "SCHEMA_VERSION", encoding.SCHEMA_VERSION - 1)
    n_segments = ingest(lab).n_segments
    monkeypatch.undo()
    monkeypatch.setattr(search, "resolve_embedder", lambda name: HashingEmbedder())
    with pytest.raises(StaleIndexError, match="schema"):
        opened(lab)
    assert ingest(lab).n_indexed == n_segments
    assert count_of(lab) == n_segments


def test_table_that_went_missing_is_noticed_and_cured_by_the_command_it_names(lab):
    ingest(lab)
    catalog = Catalog(lab.resolve() / ".ethochat")
    catalog.path("sessions", "s1").unlink()
    with pytest.raises(StaleIndexError, match="run `ethochat ingest "):
        count_of(lab)
    ingest(lab)
    assert count_of(lab) > 0


def test_index_removed_by_hand_is_made_again(lab):
    n_segments = ingest(lab).n_segments
    for file in (lab / ".ethochat" / "vectors" / "edge").glob("current.json"):
        file.unlink()
    with pytest.raises(EthochatError, match="ethochat ingest"):
        opened(lab)
    assert ingest(lab).n_indexed == n_segments
    assert count_of(lab) == n_segments


def test_ingest_that_fails_while_indexing_publishes_nothing(lab, monkeypatch):
    n_segments = ingest(lab).n_segments
    (lab / "s2_labels.csv").write_text(
        "start,stop,behavior\n1.0,2.0,Digging\n3.0,4.0,Digging\n", encoding="utf-8"
    )

    def failing(self, points):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(EdgeSegmentStore, "upsert", failing)
        with pytest.raises(EthochatError, match="No space left"):
            ingest(lab)
    searching = opened(lab)
    assert searching.store.count() == n_segments
    with pytest.raises(StaleIndexError, match="run `ethochat ingest "):
        searching.retrieve("digging", limit=1)
    ingest(lab)
    assert searching.retrieve("digging", limit=1)[0].payload["behaviors"] == ["Digging"]
    searching.close()


def test_large_embedded_index_is_warned_of_when_it_is_written(lab, monkeypatch, caplog):
    monkeypatch.setattr(store, "COMFORTABLE", {"edge": 1})
    with caplog.at_level(logging.WARNING):
        ingest(lab)
    assert "move-index" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        ingest(lab)
    assert caplog.text == ""
