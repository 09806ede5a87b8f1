from __future__ import annotations

import pytest

from ethochat.tools.vlm_quality.company import names_company


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Two mice are in the arena.", "Two mice"),
        ("The mouse sniffs another mouse.", "another mouse"),
        ("It approaches the other dark animal from behind.", "other dark animal"),
        ("A second rat sits in the corner.", "second rat"),
        ("Several small white mice huddle.", "Several small white mice"),
        ("Both of the animals rear.", "Both of the animals"),
        ("It chases a conspecific along the wall.", "conspecific"),
        ("It grooms its cage-mate.", "cage-mate"),
        ("The mice walk along the wall.", "The mice"),
        ("It does not groom, but another mouse does.", "another mouse"),
        ("There are 3 mice here.", "3 mice"),
        ("A pair of rats explores.", "A pair of rats"),
    ],
)
def test_company_is_found_in_words(text, words):
    assert names_company(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "The mouse walks along the wall.",
        "One mouse rears.",
        "No other mouse is visible.",
        "It sits there without another animal nearby.",
        "A second mouse is not seen.",
        "There are not two mice.",
        "Both hind paws of the mouse are on the floor.",
        "The mouse uses both forepaws and turns to the other side.",
        "It walks to another corner; the animal then grooms.",
        "Two paws touch the wall.",
        "",
    ],
)
def test_one_animal_is_no_company(text):
    assert names_company(text) is None
