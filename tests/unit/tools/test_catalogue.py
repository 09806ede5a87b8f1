"""The catalogue is complete, and its page is what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ethochat.tools.arguments import MeasureArguments
from ethochat.tools.catalogue import write_page
from ethochat.tools.measures import CATALOGUE
from ethochat.tools.selection import plain
from ethochat.tools.units import dimension_of

PAGE = Path(__file__).parents[3] / "docs" / "measures.md"


def test_page_is_what_the_catalogue_says():
    assert PAGE.read_text(encoding="utf-8") == write_page(), "stale: run `make docs`"


def test_page_names_every_measure_and_where_it_comes_from():
    page = write_page()
    for measure in CATALOGUE.values():
        assert f"### {measure.name}\n{measure.definition}" in page
        assert measure.reference.rstrip(".") in page


@pytest.mark.parametrize("measure", CATALOGUE.values(), ids=lambda measure: measure.name)
def test_entry_is_complete(measure):
    assert measure.definition.endswith(".")
    assert measure.reference.endswith(".")
    assert measure.takes <= set(MeasureArguments.model_fields)
    assert dimension_of(measure.unit) is not None
    assert all(measure.synonyms)


def test_no_word_stands_for_two_measures():
    seen: dict[str, str] = {}
    for measure in CATALOGUE.values():
        for word in {plain(text) for text in (measure.name, *measure.synonyms)}:
            assert seen.setdefault(word, measure.name) == measure.name


def test_every_total_names_a_measure_that_does_not_grow_with_time():
    for measure in CATALOGUE.values():
        if measure.instead is not None:
            assert measure.kind == "additive"
            assert CATALOGUE[measure.instead].kind == "ratio"
        elif measure.kind == "additive":
            assert measure.needs == "session", measure.name  # a length is compared as a length
