"""What every embedder promises, asked of each of them and of the cache around it."""

from __future__ import annotations

import numpy as np
import pytest

from ethochat.index.embedders import EMBEDDERS, resolve_embedder
from ethochat.index.embedders.base import Embedder
from ethochat.index.embedders.cache import EmbeddingCache
from ethochat.index.errors import BackendUnavailableError

TEXTS = ["the mouse rears", "a mouse walks along the wall", "Die Maus läuft 🐁", "", "word " * 2000]


@pytest.fixture(scope="module", params=sorted(EMBEDDERS))
def plain(request) -> Embedder:
    return resolve_embedder(request.param)


@pytest.fixture(params=["plain", "cached"])
def embedder(request, plain, tmp_path) -> Embedder:
    return plain if request.param == "plain" else EmbeddingCache(tmp_path / "cache" / "e.sqlite", plain)


def test_it_is_an_embedder_with_a_versioned_name(embedder):
    assert isinstance(embedder, Embedder)
    assert "@" in embedder.name


def test_rows_are_float32_of_length_one_in_the_order_given(embedder):
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    for text, row in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(embedder.embed([text])[0], row, atol=1e-5)


def test_no_texts_give_no_rows(embedder):
    assert embedder.embed([]).shape == (0, embedder.dimension)


def test_same_text_gives_the_same_row_beside_any_others(embedder):
    alone, repeated = embedder.embed(["the mouse rears"]), embedder.embed([*TEXTS, "the mouse rears"])
    np.testing.assert_allclose(repeated[-1], alone[0], atol=1e-5)


def test_texts_that_say_the_same_are_nearer_than_others(embedder):
    rears, again, swims = embedder.embed(["the mouse rears", "a mouse rears up", "quarterly revenue report"])
    assert rears @ again > rears @ swims + 0.3


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(BackendUnavailableError, match="hashing, minilm, got 'word2vec'"):
        resolve_embedder("word2vec")


def test_an_instance_is_used_as_it_is(plain):
    assert resolve_embedder(plain) is plain
