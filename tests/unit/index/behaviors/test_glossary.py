"""The field's words: every entry leads somewhere, and labels in any spelling are known."""

from __future__ import annotations

import itertools

import pytest

from ethochat.index.behaviors.glossary import TERMS, broader, plainly_named, squeezed, terms_named
from ethochat.index.behaviors.rules import RULES


def names(found) -> list[str]:
    return [term.name for term in found]


@pytest.mark.parametrize(
    ("label", "term"),
    [
        ("grooming", "grooming"),
        ("Groom", "grooming"),
        ("S-Grm", "grooming"),
        ("A-Grm", "allogrooming"),
        ("self_grooming", "grooming"),
        ("keepdown", "keep down"),
        ("Lateral-threat", "lateral threat"),
        ("uprightposture", "upright posture"),
        ("attack", "aggression"),
        ("Supported", "supported rearing"),
        ("wall hugging", "wall-hugging"),
        ("NOSE TO NOSE", "nose contact"),
        ("stretch-attend posture", "stretching"),
    ],
)
def test_a_label_is_known_in_any_spelling(label, term):
    assert term in names(terms_named(label))


def test_the_term_of_that_very_name_is_meant_before_those_that_go_by_it_too():
    """Freezing is also a word for immobility."""
    assert names(terms_named("freezing")) == ["freezing"]
    assert set(names(terms_named("freeze"))) >= {"freezing", "immobility"}


@pytest.mark.parametrize("label", ["", "17", "B12", "xyzzy", "---"])
def test_a_label_that_means_nothing_in_the_field_is_not_known(label):
    assert terms_named(label) == ()


@pytest.mark.parametrize(
    ("term", "wider"),
    [
        ("chase", ["social interaction", "aggression"]),
        ("anogenital sniffing", ["social investigation", "social interaction", "sniffing"]),
        ("freezing", ["immobility"]),
        ("running", ["locomotion"]),
        ("grooming", []),
    ],
)
def test_broader_terms_come_nearest_first_and_each_once(term, wider):
    assert names(broader(TERMS[term])) == wider


@pytest.mark.parametrize("term", TERMS.values(), ids=TERMS.keys())
def test_every_entry_is_whole(term):
    assert term.looks
    assert term.name == term.name.strip().lower()
    assert all(word == word.strip() and squeezed(word) for word in term.also)
    spellings = [word.casefold() for word in (term.name, *term.also)]
    assert len(set(spellings)) == len(spellings)
    assert all(name in TERMS for name in term.kind_of)
    assert term not in broader(term)
    assert term in terms_named(term.name)


def test_no_two_terms_go_by_one_name_but_where_the_field_is_unsure():
    spellings = {name: {squeezed(word) for word in (term.name, *term.also)} for name, term in TERMS.items()}
    shared = {
        word
        for one, other in itertools.combinations(spellings, 2)
        for word in spellings[one] & spellings[other]
    }
    assert shared <= {"freeze", "passive", "upright"}


def test_words_of_the_rules_are_those_of_the_glossary():
    """A rule whose name the glossary does not know is found by its own words only."""
    unknown = {name for name in RULES if not terms_named(name)}
    assert unknown == set()


def test_what_is_plainly_named_is_a_term():
    found = plainly_named()
    assert found
    for name, term in found.items():
        assert term in terms_named(name)
