"""What a question leaves out is left out, whatever the wording, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from ethochat.agent.builtin.reading import AskBack, Reading, Refusal
from ethochat.agent.builtin.understand import understand
from ethochat.agent.builtin.vocabulary import Vocabulary


def slots_of(question: str, words: Vocabulary) -> dict[str, Any]:
    found = understand(question, words)
    assert isinstance(found, Reading), found
    return found.slots


def where(column: str, op: str, value: Any) -> dict[str, Any]:
    return {"column": column, "op": op, "value": value}


WITHOUT_T_1 = (
    "Mean distance without T_1", "exclude T_1: mean distance", "mean distance excluding T_1", "mean distance of all sessions but T_1", "mean distance, not counting T_1",
    "mean distance apart from T_1", "mean distance with T_1 excluded", "leave T_1 out: mean distance", "mean distance except for T_1", "mean distance in sessions other than T_1",
    "mean distance if T_1 is dropped", "mean distance once T_1 has been removed", "mean distance, not T_1", "mean distance ignoring T_1", "skip T_1: mean distance",
    "mean distance minus T_1", "mean distance with the exception of T_1", "mean distance, T_1 not included",
)  # fmt: skip


@pytest.mark.parametrize("question", WITHOUT_T_1)
def test_a_session_is_left_out(question: str, lab: Vocabulary) -> None:
    slots = slots_of(question, lab)
    assert slots["where"] == [where("session_id", "!=", "T_1")]
    assert slots["measure"] == "distance"
    assert "sessions" not in slots


@pytest.mark.parametrize(
    "question",
    [
        "mean distance without T_1 and T_2",
        "mean distance, leaving out T_1, T_2",
        "leave T_1 and T_2 out: mean distance",
        "mean distance of everything but T_1 and T_2",
        "mean distance in neither T_1 nor T_2",
    ],
)
def test_a_list_is_left_out_as_a_whole(question: str, lab: Vocabulary) -> None:
    assert slots_of(question, lab)["where"] == [where("session_id", "not in", ["T_1", "T_2"])]


@pytest.mark.parametrize(
    "question",
    [
        "mean distance of non-saline animals",
        "mean distance without the saline mice",
        "mean distance of animals that are not saline",
        "mean distance of all but saline animals",
        "mean distance in mice not given saline",
        "mean distance, saline mice excluded",
        "mean distance of saline-free mice",
        "mean distance of nonsaline mice",
        "mean distance outside of the saline group",
    ],
)
def test_of_two_values_the_other_is_left(question: str, lab: Vocabulary) -> None:
    assert slots_of(question, lab)["where"] == [where("treatment", "==", "psilocybin")]


@pytest.mark.parametrize(
    "question",
    [
        "Compare distance between saline and non-saline animals",
        "Is the distance of saline mice different from that of not saline ones?",
        "Compare the distance of saline mice and mice without saline",
    ],
)
def test_a_group_and_the_rest_are_not_mixed_up(question: str, lab: Vocabulary) -> None:
    found = understand(question, lab)
    if isinstance(found, Reading):
        assert sorted(found.slots.get("groups", ())) in ([], ["psilocybin", "saline"])


@pytest.mark.parametrize(
    ("question", "left"),
    [
        ("Grooming time in T_1 by all raters but Kim", ["lee"]),
        ("Grooming time in T_1 by everyone except Lee", ["kim"]),
        ("Grooming time in T_1 by raters other than kim", ["lee"]),
        ("Grooming time in T_1, not by kim", ["lee"]),
        ("Grooming time in T_1 by Kim rather than Lee", ["kim"]),
        ("Grooming time in T_1 by Lee instead of Kim", ["lee"]),
        ("Grooming time in T_1 not by Kim but by Lee", ["lee"]),
    ],
)
def test_raters_are_left_out(question: str, left: list[str], lab: Vocabulary) -> None:
    assert slots_of(question, lab)["sources"] == left


@pytest.mark.parametrize(
    ("question", "condition"),
    [
        ("mean distance excluding dose 1", where("dose", "!=", 1.0)),
        ("mean distance for a dose other than 0", where("dose", "!=", 0.0)),
        ("mean distance of animals with a non-zero dose", where("dose", "!=", 0.0)),
        ("mean distance leaving out doses 0 and 1", where("dose", "not in", [0.0, 1.0])),
        ("mean distance when the dose is not 3", where("dose", "!=", 3.0)),
        ("mean distance at doses not above 1", where("dose", "<=", 1.0)),
        ("mean distance without doses below 1", where("dose", ">=", 1.0)),
    ],
)
def test_numbers_are_left_out(question: str, condition: dict[str, Any], lab: Vocabulary) -> None:
    assert slots_of(question, lab)["where"] == [condition]


@pytest.mark.parametrize(
    "question",
    [
        "All rears except free rears in T_1 (kim): how many?",
        "How many rears other than free rears in T_1 (kim)?",
        "Number of rears not counting free rears in T_1, kim",
        "How many rears but not free rears does T_1 show (kim)?",
        "Number of rears minus free rears in T_1 (kim)",
    ],
)
def test_a_category_without_a_member(question: str, lab: Vocabulary) -> None:
    slots = slots_of(question, lab)
    assert slots["behaviors"] == ["wall rear"]
    assert not slots.get("excluding")


def test_time_of_a_behavior_is_left_out(lab: Vocabulary) -> None:
    slots = slots_of("grooming time of T_1 excluding wall rears (kim)", lab)
    assert (slots["behaviors"], slots["excluding"]) == (["grooming"], ["wall rear"])


@pytest.mark.parametrize(
    "question",
    ["Time not in the center in T_1", "Time in T_1 excluding the center", "Time outside the center in T_1"],
)
def test_a_zone_left_out_is_the_time_outside(question: str, lab: Vocabulary) -> None:
    slots = slots_of(question, lab)
    assert (slots["measure"], slots["outside"], slots["zones"]) == ("zone_time", True, ["center"])


@pytest.mark.parametrize(
    ("question", "sessions"),
    [
        ("Is the distance not different between saline and psilocybin?", None),
        ("Whether or not saline mice move more than psilocybin mice?", None),
        ("difference in distance of T_1 minus T_2", ["T_1", "T_2"]),
        ("Is the distance in T_1 not higher than in T_2?", ["T_1", "T_2"]),
        ("Did psilocybin mice not move more than saline mice?", None),
    ],
)
def test_denial_of_something_else_leaves_nothing_out(
    question: str, sessions: list[str] | None, lab: Vocabulary
) -> None:
    slots = slots_of(question, lab)
    assert slots.get("sessions") == sessions
    assert not any(item["op"] in ("!=", "not in") for item in slots.get("where", ()))


@pytest.mark.parametrize(
    "question",
    [
        "mean distance, omit the first batch",
        "time spent not grooming in T_1 (kim)",
        "grooming time outside of rearing in T_1 (kim)",
        "mean distance leaving out whatever is odd",
        "How far did T_1 move while not grooming?",
        "mean distance, dose around 2",
    ],
)
def test_a_negation_that_governs_nothing_known_is_asked_about(question: str, lab: Vocabulary) -> None:
    assert isinstance(understand(question, lab), AskBack | Refusal)


@pytest.mark.parametrize(
    "question",
    [
        "sessions without grooming (kim)",
        "animals without any grooming according to kim",
        "Which animals did not groom (kim)?",
    ],
)
def test_recordings_without_a_behavior_are_listed(question: str, lab: Vocabulary) -> None:
    slots = slots_of(question, lab)
    assert (slots["keep"], slots["behaviors"]) == ("zero", ["grooming"])


@pytest.mark.parametrize("question", ["Which sessions are excluded?", "Why was T_1 excluded?"])
def test_what_is_flagged_is_no_exclusion(question: str, lab: Vocabulary) -> None:
    assert slots_of(question, lab)["topic"] == "flags"


def test_no_interpolation_is_said_to_the_tool(lab: Vocabulary) -> None:
    assert slots_of("Distance of the nose in T_1 without interpolation", lab)["interpolate"] is False


def test_an_individual_left_out_leaves_the_others_together(pair: Vocabulary) -> None:
    slots = slots_of("How far did all mice but red move?", pair)
    assert slots["individuals"] == ["blue"]


@pytest.mark.parametrize(
    ("question", "condition"),
    [
        ("mean distance of untreated mice", where("treatment", "in", ["saline"])),
        ("mean distance of drug-free animals", where("treatment", "in", ["saline"])),
        ("mean distance of animals that were not injected", where("treatment", "in", ["saline"])),
        ("mean distance without the drug", where("treatment", "in", ["saline"])),
        ("mean distance of treated mice", where("treatment", "not in", ["saline"])),
        ("mean distance where treatment != saline", where("treatment", "==", "psilocybin")),
    ],
)
def test_untreated_animals_are_the_controls(
    question: str, condition: dict[str, Any], lab: Vocabulary
) -> None:
    assert slots_of(question, lab)["where"] == [condition]


@pytest.mark.parametrize(
    "question",
    [
        "Compare the distance, drug vs no drug",
        "Compare the distance of treated and untreated animals",
        "Is the distance different between drugged and undrugged mice?",
    ],
)
def test_drug_against_no_drug_compares_the_groups(question: str, lab: Vocabulary) -> None:
    assert slots_of(question, lab)["groups"] == ["psilocybin", "saline"]


def follow(lab: Vocabulary, *questions: str) -> dict[str, Any]:
    """Slots of the last of several turns."""
    before: Reading | None = None
    for question in questions:
        found = understand(question, lab, before)
        assert isinstance(found, Reading), found
        before = found
    assert before is not None
    return before.slots


def test_turns_leave_out_more_and_more(lab: Vocabulary) -> None:
    slots = follow(lab, "Mean distance of the females", "and without T_1?", "and excluding dose 1?")
    assert slots["where"] == [
        where("sex", "==", "female"),
        where("session_id", "!=", "T_1"),
        where("dose", "!=", 1.0),
    ]


def test_what_was_left_out_stays_out_for_another_group(lab: Vocabulary) -> None:
    slots = follow(lab, "Mean distance of the females without T_1", "and of the males?")
    assert slots["where"] == [where("sex", "==", "male"), where("session_id", "!=", "T_1")]


def test_a_change_of_group_replaces_the_group(lab: Vocabulary) -> None:
    assert follow(lab, "Mean distance of the females", "and of the males?")["where"] == [
        where("sex", "==", "male")
    ]


@pytest.mark.parametrize(
    "question",
    [
        "mean distance of animals with no grooming (kim)",
        "Do animals without wall rears move more?",
        "wall rears but no free rears in T_1 (kim)",
        "mean distance, no outliers",
        "How many animals, not counting grooming?",
    ],
)
def test_what_cannot_be_left_out_is_asked_about(question: str, lab: Vocabulary) -> None:
    assert isinstance(understand(question, lab), AskBack | Refusal)


def test_animals_and_groups_are_left_out_together(lab: Vocabulary) -> None:
    slots = slots_of("mean distance except saline mice and T_1", lab)
    assert slots["where"] == [where("treatment", "==", "psilocybin"), where("session_id", "!=", "T_1")]
    assert not slots.get("sessions")


@pytest.mark.parametrize(
    "question", ["Does removing T_1 change the distance?", "mean distance on removing T_1"]
)
def test_words_of_exclusion_are_no_misspelt_names(question: str, lab: Vocabulary) -> None:
    assert where("session_id", "!=", "T_1") in slots_of(question, lab)["where"]


def test_groups_are_compared_without_a_rater(lab: Vocabulary) -> None:
    slots = slots_of("Compare the grooming of saline and psilocybin mice, ignoring Lee", lab)
    assert slots["group_column"] == "treatment"
