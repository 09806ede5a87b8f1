"""Keywords put beside the behaviors of the experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ethochat.index.embedders.hashing import HashingEmbedder
from ethochat.index.experiment import Experiment
from ethochat.index.settings import BehaviorSettings
from ethochat.index.vlm.keywords import ethogram_terms, map_keywords

TERMS = {
    "Supported": ("Supported", "wall rear", "rearing against the wall"),
    "Unsupported": ("Unsupported", "free rear"),
    "S-Grm": ("S-Grm", "self-grooming", "grooming"),
}


class NoEmbedder:
    """Fails where words should have decided."""

    name, dimension = "none", 2

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        raise AssertionError(f"asked for {texts}")


class Angles:
    """Places texts on a circle, in degrees; what it was not told lies at 180."""

    name, dimension = "angles", 2

    def __init__(self, **degrees: float) -> None:
        self.degrees = {key.replace("_", " "): value for key, value in degrees.items()}
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        angles = np.radians([self.degrees.get(text, 180.0) for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("keyword", "behavior"),
    [
        ("Supported", "Supported"),
        ("supported", "Supported"),
        ("wall rear", "Supported"),
        ("Wall rears", "Supported"),
        ("free rearing", "Unsupported"),
        ("s grm", "S-Grm"),
        ("groomed", "S-Grm"),
    ],
)
def test_names_and_synonyms_decide_before_likeness(keyword, behavior):
    assert map_keywords([keyword], TERMS, NoEmbedder(), 0.6) == ({keyword: behavior}, [])


def test_name_goes_before_another_behaviors_synonym():
    terms = {"rearing": ("rearing",), "up": ("up", "rearing")}
    assert map_keywords(["rearing"], terms, NoEmbedder(), 0.6)[0] == {"rearing": "rearing"}


def test_spelling_tells_two_labels_apart():
    terms = {"Rearing": ("Rearing",), "rearing": ("rearing",)}
    assert map_keywords(["rearing"], terms, NoEmbedder(), 0.6) == ({"rearing": "rearing"}, [])
    assert map_keywords(["REARING"], terms, NoEmbedder(), 0.6) == ({}, ["REARING"])


def test_word_that_two_behaviors_share_is_none():
    terms = {"a": ("a", "rear"), "b": ("b", "rear")}
    assert map_keywords(["rears"], terms, NoEmbedder(), 0.6) == ({}, ["rears"])


def test_nearest_behavior_is_taken_from_the_limit_on():
    embedder = Angles(licks_its_flank=0, grooming=40, wall_rear=80)
    assert map_keywords(["licks its flank"], TERMS, embedder, 0.7)[0] == {"licks its flank": "S-Grm"}
    assert map_keywords(["licks its flank"], TERMS, embedder, 0.8) == ({}, ["licks its flank"])


def test_two_behaviors_equally_near_are_none():
    embedder = Angles(stands=0, wall_rear=20, free_rear=-20)
    assert map_keywords(["stands"], TERMS, embedder, 0.6) == ({}, ["stands"])


def test_keyword_nearer_to_what_the_experiment_does_not_have_is_none():
    embedder = Angles(digs_a_hole=0, digging=5, grooming=30)
    assert map_keywords(["digs a hole"], TERMS, embedder, 0.6) == ({}, ["digs a hole"])


def test_kind_of_a_behavior_is_that_behavior():
    terms = {"moving": ("moving", "locomotion")}
    embedder = Angles(strolls_about=0, walking=5, locomotion=60)
    assert map_keywords(["strolls about"], terms, embedder, 0.6)[0] == {"strolls about": "moving"}


@pytest.mark.parametrize("keyword", ["no grooming at all", "without any grooming", "never grooms"])
def test_denied_behavior_is_none(keyword):
    assert map_keywords([keyword], TERMS, NoEmbedder(), 0.0) == ({}, [keyword])


DOUBTED = (
    *(
        "absence of grooming",
        "stops grooming",
        "unlikely grooming",
        "grooming ceased",
        "barely grooming",
        "grooming?",
    ),
    *(
        "about to groom",
        "possible grooming",
        "cannot see grooming",
        "hardly walking",
        "failed rear",
        "without rearing",
    ),
    *(
        "almost rearing",
        "no longer walking",
        "before grooming",
        "attempts to rear",
        "may be grooming",
        "isn't grooming",
    ),
    *(
        "doesn\u2019t rear",
        "grooming is not seen",
        "grooming unclear",
        "seems to groom",
        "grooming-like movement",
    ),
    *(
        "tries to rear",
        "nearly rears",
        "after grooming",
        "non-grooming",
        "nongrooming",
        "little grooming",
        "¬grooming",
    ),
    *(
        "grooming or walking",
        "rather than grooming",
        "paused grooming",
        "grooming: 0",
        "end of grooming",
        "rearing is over",
        "preparing to rear",
    ),
)


@pytest.mark.parametrize("keyword", DOUBTED)
def test_what_is_denied_or_doubted_is_none_however_near(keyword):
    terms = {"groom": ("groom", "grooming"), "rear": ("rear", "rearing"), "walking": ("walking",)}
    assert map_keywords([keyword], terms, NoEmbedder(), 0.0) == ({}, [keyword])


@pytest.mark.parametrize(
    "keyword",
    [
        "repeated grooming",
        "walks about",
        "hard digging",
        "near the wall",
        "pausing",
        "end arm",
        "moves a little",
    ],
)
def test_what_only_resembles_a_denial_is_asserted(keyword):
    assert map_keywords([keyword], {"x": ("x",)}, Angles(**{keyword.replace(" ", "_"): 0, "x": 0}), 0.6)[
        0
    ] == {keyword: "x"}


def test_question_mark_in_a_name_is_part_of_it():
    assert map_keywords(["Rear?"], {"rear?": ("rear?",)}, NoEmbedder(), 0.6)[0] == {"Rear?": "rear?"}


def test_denial_that_is_a_name_is_that_behavior():
    terms = {"immobile": ("immobile", "not moving")}
    assert map_keywords(["not moving"], terms, NoEmbedder(), 0.6)[0] == {"not moving": "immobile"}


def test_label_for_nothing_is_not_near():
    terms = {"None": ("None", "not rearing"), "Groom": ("Groom",)}
    embedder = Angles(up_high=0, not_rearing=0)
    assert map_keywords(["up high"], terms, embedder, 0.6) == ({}, ["up high"])


def test_who_does_it_makes_nothing_alike():
    terms = {"Jumping": ("Jumping", "the mouse jumps")}
    embedder = HashingEmbedder()
    assert map_keywords(["the mouse eats a pellet"], terms, embedder, 0.3) == (
        {},
        ["the mouse eats a pellet"],
    )


def test_nothing_to_map():
    assert map_keywords([], TERMS, NoEmbedder(), 0.6) == ({}, [])
    assert map_keywords(["a", "!!"], {}, NoEmbedder(), 0.6) == ({}, ["a", "!!"])


def test_every_keyword_is_told_once():
    mapped, rest = map_keywords(["grooming", "!?", "grooming", "!?"], TERMS, NoEmbedder(), 0.6)
    assert mapped == {"grooming": "S-Grm"}
    assert rest == ["!?"]


def test_words_of_the_ethogram_are_embedded_once():
    embedder = Angles()
    for _ in range(3):
        map_keywords(["licks its flank"], TERMS, embedder, 0.6)
    assert embedder.asked.count("wall rear") == 1


def test_terms_are_names_synonyms_glossary_and_definition():
    behaviors = (
        BehaviorSettings(
            name="S-Grm", synonyms=("self-grooming",), definition="licks its own fur", category="care"
        ),
        BehaviorSettings(name="Long", definition=" ".join(["word"] * 20)),
    )
    experiment = Experiment(root=Path("lab"), name="lab", behaviors=behaviors)
    terms = ethogram_terms(experiment, ["S-Grm", "Long", "walking", "foo"])
    assert terms["S-Grm"][:2] == ("S-Grm", "self-grooming")
    assert {"grooming", "licks its own fur"} <= set(terms["S-Grm"])
    assert "care" not in terms["S-Grm"]
    assert terms["Long"] == ("Long",)
    assert {"walks", "ambulation"} <= set(terms["walking"])
    assert terms["foo"] == ("foo",)


@pytest.fixture(scope="module")
def minilm():
    from ethochat.index.embedders.minilm import MiniLmEmbedder

    return MiniLmEmbedder()


@pytest.mark.parametrize(
    ("keyword", "behavior"),
    [
        ("licking its paws", "grooming"),
        ("running fast", "running"),
        ("the mouse walks slowly", "walking"),
        ("face washing", "grooming"),
        ("sniffing the floor", None),
        ("drinking water", None),
        ("attack", None),
        ("digging", None),
        ("jumping", None),
        ("no grooming", None),
        ("hardly walking", None),
        ("repeated grooming", "grooming"),
        ("fast walking", "walking"),
        ("grooming bout", "grooming"),
    ],
)
def test_real_vectors_find_what_is_meant_and_nothing_else(minilm, keyword, behavior):
    experiment = Experiment(root=Path("lab"), name="lab")
    terms = ethogram_terms(experiment, ["grooming", "running", "walking", "rearing", "immobile"])
    mapped, _ = map_keywords([keyword], terms, minilm, 0.6)
    assert mapped.get(keyword) == behavior
