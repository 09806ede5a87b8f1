"""Names of an experiment and what words mean there."""

from __future__ import annotations

import dataclasses

import pytest

from ethochat.index.arena import Zone
from ethochat.index.settings import BehaviorSettings
from ethochat.tools.searching.lexicon import Concept, Lexicon, build_lexicon, content_stems, terms_of


def meaning(lexicon: Lexicon, words: str) -> tuple[set[str], set[str]]:
    found = lexicon.get(content_stems(words))
    return (set(), set()) if found is None else (set(found.behaviors), set(found.zones))


def settings(context, *behaviors: BehaviorSettings, zones=()):
    experiment = dataclasses.replace(context.experiment, behaviors=behaviors, zones=zones)
    return dataclasses.replace(context, experiment=experiment)


def marking(labeled, **behaviors_by_source: list[str]):
    """Make one session in which each source marks each of its behaviors once."""
    bouts = [
        (source, behavior, place, place + 1)
        for source, behaviors in behaviors_by_source.items()
        for place, behavior in enumerate(behaviors)
    ]
    return labeled({"s1": bouts}, kinds={"rules": "rule", "net": "automated"})


# ------------------------------------------------------------------ by hand
def test_only_the_nearest_meaning_of_a_word_counts():
    lexicon = Lexicon()
    for tier, name in ((3, "far"), (1, "near"), (1, "near too"), (2, "between")):
        lexicon.add("word", Concept(label=name, behaviors=(name,)), tier=tier)
    assert meaning(lexicon, "word") == ({"near", "near too"}, set())


def test_words_are_compared_by_their_stems_without_small_words():
    lexicon = Lexicon()
    lexicon.add("rear on wall", Concept(label="r", behaviors=("r",)), tier=0)
    for words in ("rears on the wall", "rearing at the walls", "Rear against"):
        assert bool(lexicon.find(words)) is ("wall" in words), words


def test_small_words_alone_name_nothing():
    lexicon = Lexicon()
    lexicon.add("in the", Concept(label="x", behaviors=("x",)), tier=0)
    assert list(lexicon) == []
    assert lexicon.find("in the") == []


def test_the_longest_name_wins_and_none_lies_in_another():
    lexicon = Lexicon()
    for name in ("rear", "supported rear", "wall"):
        lexicon.add(name, Concept(label=name, behaviors=(name,)), tier=0)
    text = "a supported rear, a rear, the wall"
    found = [(match.concept.label, text[match.start : match.stop]) for match in lexicon.find(text)]
    assert found == [("supported rear", "supported rear"), ("rear", "rear"), ("wall", "wall")]


def test_a_word_of_several_meanings_is_called_by_the_words_of_the_text():
    lexicon = Lexicon()
    for name in ("supported rear", "unsupported rear"):
        lexicon.add("rearing", Concept(label=name, behaviors=(name,)), tier=1)
    (match,) = lexicon.find("long rears")
    assert match.concept.label == "rears"
    assert set(match.concept.behaviors) == {"supported rear", "unsupported rear"}


# ------------------------------------------------------------------ of an experiment
def test_names_and_declared_synonyms(context):
    lexicon = build_lexicon(context, ["oft_1"])
    assert meaning(lexicon, "Rearing") == ({"Rearing"}, set())
    assert meaning(lexicon, "rears up") == ({"Rearing"}, set())
    assert meaning(lexicon, "groomed") == ({"Grooming"}, set())


def test_a_category_means_all_that_it_holds(labeled):
    context = settings(
        marking(labeled, anna=["bite", "chase"]),
        BehaviorSettings(name="bite", category="hostile"),
        BehaviorSettings(name="chase", category="hostile"),
    )
    assert meaning(build_lexicon(context, []), "hostile") == ({"bite", "chase"}, set())


def test_a_name_comes_before_a_category_and_that_before_the_glossary(labeled):
    context = settings(
        marking(labeled, anna=["walking", "stroll x"]),
        BehaviorSettings(name="stroll x", category="walking"),
    )
    lexicon = build_lexicon(context, [])
    assert meaning(lexicon, "walking") == (
        {"walking"},
        set(),
    )  # neither the category nor the glossary's locomotion


def test_a_broader_word_of_the_glossary_means_all_kinds_of_it(labeled):
    lexicon = build_lexicon(marking(labeled, anna=["bite", "clinch", "sniffing"]), [])
    assert meaning(lexicon, "aggression") == ({"bite", "clinch"}, set())
    assert meaning(lexicon, "fights") == ({"bite", "clinch"}, set())


def test_a_label_of_the_broader_name_is_meant_before_its_kinds(labeled):
    lexicon = build_lexicon(marking(labeled, anna=["aggression", "bite"]), [])
    assert meaning(lexicon, "attack") == ({"aggression"}, set())


def test_letters_before_a_hyphen_tell_labels_apart(labeled):
    lexicon = build_lexicon(marking(labeled, anna=["S-Grm", "A-Grm"]), [])
    assert meaning(lexicon, "S-Grm") == meaning(lexicon, "self grooming") == ({"S-Grm"}, set())
    assert meaning(lexicon, "A-Grm") == meaning(lexicon, "allogrooming") == ({"A-Grm"}, set())


def test_words_whose_stem_has_another_stem_are_found(labeled):
    """The stem of "defensive" is "defens", and the stem of that "defen"."""
    lexicon = build_lexicon(marking(labeled, anna=["submission", "turning left"]), [])
    assert meaning(lexicon, "defensive") == ({"submission"}, set())
    assert meaning(lexicon, "counterclockwise") == ({"turning left"}, set())


@pytest.mark.parametrize(
    ("label", "words"), [("S-Grm", "grooming"), ("keepdown", "pins"), ("Lateral-threat", "broadside")]
)
def test_spellings_of_a_label_are_known_to_the_glossary(labeled, label, words):
    assert meaning(build_lexicon(marking(labeled, anna=[label]), []), words) == ({label}, set())


def test_a_rule_is_added_to_what_a_rater_marks_and_never_hides_it(labeled):
    """The rater's word for it is one of the glossary, the rule's is its own name."""
    lexicon = build_lexicon(marking(labeled, anna=["still"], rules=["immobile", "walking"]), [])
    assert meaning(lexicon, "immobile") == ({"still", "immobile"}, set())
    assert meaning(lexicon, "still") == ({"still", "immobile"}, set())
    assert meaning(lexicon, "walking") == ({"walking"}, set())


def test_a_behavior_that_raters_and_rules_mark_is_one(labeled):
    lexicon = build_lexicon(marking(labeled, anna=["walking"], rules=["walking"]), [])
    assert meaning(lexicon, "walking") == ({"walking"}, set())


def test_zones_are_known_by_name_and_synonym_beside_a_rule_of_that_name(context):
    changed = settings(context, zones=(Zone(name="center", kind="scaled", scale=0.5, synonyms=("middle",)),))
    lexicon = build_lexicon(changed, ["oft_1"])
    assert meaning(lexicon, "in the centre") == (set(), {"center"})
    assert meaning(lexicon, "middle") == (set(), {"center"})


def test_a_behavior_that_nobody_looks_for_means_nothing(labeled):
    context = settings(
        marking(labeled, anna=["walking"]), BehaviorSettings(name="digging", synonyms=("burrows",))
    )
    lexicon = build_lexicon(context, [])
    assert meaning(lexicon, "digging") == meaning(lexicon, "burrows") == (set(), set())


def test_terms_come_from_the_name_or_else_from_declared_words():
    assert [term.name for term in terms_of("walking", ["grooming"])] == ["walking"]
    assert [term.name for term in terms_of("B17", ["grooming"])] == ["grooming"]
    assert terms_of("B17") == ()
