"""Words and their weights, against BM25 worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ethochat.index.embedders.sparse import SparseVector, embed_document, embed_query


def overlap(query: str, document: str) -> float:
    """Sum of the weights of shared words, without their rarity."""
    asked, said = embed_query(query), embed_document(document)
    weights = dict(zip(said.indices.tolist(), said.values.tolist(), strict=True))
    return sum(weights.get(place, 0.0) for place in asked.indices.tolist())


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("rearing", "The mouse rears."),
        ("reared up", "rear"),
        ("nose poke", "shows nosePoke"),
        ("centre", "in the center"),
        ("wall rear", "Wall-rear_1"),
        ("mice", "the mouse"),
        ("Größe", "größe"),
        ("not rearing", "None (not rearing)"),
        ("sitting still", "still"),
    ],
)
def test_forms_of_one_word_meet(query, document):
    assert overlap(query, document) > 0


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("10 s", "about 10 cm/s"),
        ("the of in at", "the of in at"),
        ("rear", "walk"),
        ("supported", "unsupported"),
        ("", "rear"),
    ],
)
def test_numbers_units_and_function_words_do_not(query, document):
    assert overlap(query, document) == 0


def test_weights_are_those_of_bm25():
    """Four words, "rear" twice: 2.2 tf / (tf + 1.2 (0.25 + 0.75 * 4 / 10)); 10 words are usual."""
    length = 1.2 * (0.25 + 0.75 * 4 / 10)
    values = sorted(embed_document("rear wall rear slowly").values.tolist())
    assert values == pytest.approx([2.2 / (1 + length)] * 2 + [4.4 / (2 + length)])


def test_repeating_a_word_saturates_and_length_counts_against():
    once, twice, often = (overlap("rear", "rear " * n) for n in (1, 2, 50))
    assert once < twice < 2 * once
    assert often < 2.2
    assert overlap("rear", "rear wall corner slowly turning left") < once


def test_each_distinct_word_of_a_query_weighs_one():
    assert embed_query("rear rearing reared wall").values.tolist() == [1.0, 1.0]


def test_places_ascend_and_are_the_same_on_every_machine():
    vector = embed_document("grooms rears walks digs")
    assert (np.diff(vector.indices.astype(np.int64)) > 0).all()
    assert (vector.indices.dtype, vector.values.dtype) == (np.uint32, np.float32)
    assert embed_query("rear").indices.tolist() == [4031085806]


def test_text_without_words_is_an_empty_vector():
    assert not embed_document("")
    assert not embed_query("the 10 s")
    assert not SparseVector()
    assert embed_query("rear")
