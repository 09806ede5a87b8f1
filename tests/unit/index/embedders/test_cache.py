from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from ethochat.index.embedders.cache import EmbeddingCache
from ethochat.index.embedders.hashing import HashingEmbedder
from ethochat.index.errors import StaleIndexError


class Recording(HashingEmbedder):
    """Remembers what it was asked."""

    def __init__(self, name: str = "recording@1") -> None:
        self.name = name
        self.asked: list[str] = []

    def embed(self, texts):
        self.asked += texts
        return super().embed(texts)


def test_repeated_texts_are_embedded_once_and_rows_stay_in_order(tmp_path):
    model = Recording()
    vectors = EmbeddingCache(tmp_path / "e.sqlite", model).embed(["b", "a", "b", "b", "a"])
    assert model.asked == ["b", "a"]
    np.testing.assert_array_equal(vectors, HashingEmbedder().embed(["b", "a", "b", "b", "a"]))


def test_a_later_process_embeds_nothing_again(tmp_path):
    EmbeddingCache(tmp_path / "e.sqlite", Recording()).embed(["a", "b"])
    model = Recording()
    EmbeddingCache(tmp_path / "e.sqlite", model).embed(["a", "c", "b"])
    assert model.asked == ["c"]


def test_models_do_not_share_vectors(tmp_path):
    EmbeddingCache(tmp_path / "e.sqlite", Recording("one@1")).embed(["a"])
    model = Recording("two@1")
    EmbeddingCache(tmp_path / "e.sqlite", model).embed(["a"])
    assert model.asked == ["a"]


def test_what_was_embedded_before_a_failure_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("ethochat.index.embedders.cache._CHUNK", 2)

    class Failing(Recording):
        def embed(self, texts):
            if "bad" in texts:
                raise RuntimeError("out of memory")
            return super().embed(texts)

    with pytest.raises(RuntimeError, match="out of memory"):
        EmbeddingCache(tmp_path / "e.sqlite", Failing()).embed(["a", "b", "bad", "c"])
    model = Recording()
    EmbeddingCache(tmp_path / "e.sqlite", model).embed(["a", "b", "c"])
    assert model.asked == ["c"]


def test_two_processes_write_at_the_same_time(tmp_path):
    code = """
import sys
from pathlib import Path
from ethochat.index.embedders.cache import EmbeddingCache
from ethochat.index.embedders.hashing import HashingEmbedder
cache = EmbeddingCache(Path(sys.argv[1]), HashingEmbedder())
for n in range(60):
    cache.embed([f"text {n}", f"text {n + 1}", f"own {sys.argv[2]} {n}"])
"""
    path = tmp_path / "e.sqlite"
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(path), str(n)], stderr=subprocess.PIPE)
        for n in range(3)
    ]
    for process in started:
        assert process.communicate(timeout=60)[1] == b""
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM embeddings").fetchone() == (61 + 3 * 60,)
    connection.close()


def test_a_file_that_is_no_cache_is_refused_by_name(tmp_path):
    path = tmp_path / "e.sqlite"
    path.write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(StaleIndexError, match=r"e\.sqlite: .* delete the file"):
        EmbeddingCache(path, HashingEmbedder()).embed(["a"])


def test_vectors_of_another_length_are_refused(tmp_path):
    path = tmp_path / "e.sqlite"
    EmbeddingCache(path, Recording()).embed(["a"])
    longer = Recording()
    longer.dimension = 128
    with pytest.raises(StaleIndexError, match="expected 128 numbers per vector of 'recording@1', found 64"):
        EmbeddingCache(path, longer).embed(["a"])


def test_where_nothing_can_be_written_texts_are_embedded_each_time(tmp_path, caplog):
    (tmp_path / "file").touch()
    cache = EmbeddingCache(tmp_path / "file" / "e.sqlite", Recording())
    with caplog.at_level(logging.WARNING):
        cache.embed(["a"])
        cache.embed(["b"])
    assert len(caplog.records) == 1
    assert "cannot be written" in caplog.text
