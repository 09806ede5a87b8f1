"""The benchmark of search measures what it says: index and scan answer the same questions alike."""

from __future__ import annotations

import pytest

from benchmarks.search import DIMENSION, LookedUp, agreement, descriptions, measure, questions, table_of


def test_index_and_scan_find_the_same_scores(tmp_path):
    scan, edge = measure(700, ["edge"], tmp_path, None)
    assert edge["agreement"] == 1.0
    assert scan["scores"] == [pytest.approx(row, abs=1e-4) for row in edge["scores"]]
    assert any(len(row) == 10 for row in edge["scores"])
    lines = table_of([scan, edge]).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert "| 700 | edge |" in lines[3]


def test_agreement_is_the_share_of_equal_scores():
    assert agreement([[0.9, 0.8], []], [[0.9, 0.8], []]) == 1.0
    assert agreement([[0.9, 0.7]], [[0.9, 0.8]]) == 0.5
    assert agreement([[0.9]], [[0.9, 0.8]]) == 0.0


def test_texts_have_vectors_of_length_one_also_as_queries():
    texts = descriptions()
    vectors = LookedUp().embed([texts[7], texts[7] + " please", texts[8]])
    assert vectors.shape == (3, DIMENSION)
    assert (vectors**2).sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert (vectors[0] == vectors[1]).all()
    assert not (vectors[0] == vectors[2]).all()


def test_questions_are_the_same_each_time_and_mostly_filtered():
    assert questions(2000) == questions(2000)
    assert sorted({len(question.conditions) for question in questions(2000)}) == [0, 1, 2, 3]
