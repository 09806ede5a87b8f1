"""Questions about the experiment itself, and analyses that are not computed."""

from __future__ import annotations

from typing import Any

import pytest

from ethochat.agent.builtin.limits import refuse_out_of_reach
from ethochat.agent.builtin.reading import AskBack, Reading, Refusal
from ethochat.agent.builtin.understand import understand
from ethochat.agent.builtin.vocabulary import Entry, Vocabulary


@pytest.mark.parametrize(
    ("question", "slots"),
    [
        ("n per group?", {"topic": "subject_count", "group_by": ["treatment"]}),
        ("how many mice in each arm?", {"topic": "subject_count", "group_by": ["treatment"]}),
        ("How many animals are there per cohort?", {"topic": "subject_count", "group_by": ["treatment"]}),
        ("n in each treatment?", {"topic": "subject_count", "group_by": ["treatment"]}),
        (
            "How many of the animals were labelled by humans?",
            {"topic": "subject_count", "source_kind": "manual"},
        ),
        ("How many sessions were scored by people?", {"topic": "session_count", "source_kind": "manual"}),
        ("how long are the sessions?", {"topic": "recordings"}),
        ("duration of the recordings", {"topic": "recordings"}),
        ("How many minutes does each session last?", {"topic": "recordings"}),
        ("What data do you have?", {"topic": "summary"}),
        ("what is the experiment about?", {"topic": "summary"}),
        ("What was this study about? Give me an overview.", {"topic": "summary"}),
        ("which doses were given?", {"topic": "columns", "columns": ["dose"]}),
        ("What doses did you use?", {"topic": "columns", "columns": ["dose"]}),
        ("when was T_1 recorded?", {"topic": "sessions", "columns": ["test_date"]}),
        ("On which date was T_2 tested?", {"topic": "sessions", "columns": ["test_date"]}),
    ],
)
def test_facts(question: str, slots: dict[str, Any], lab: Vocabulary) -> None:
    found = understand(question, lab)
    assert isinstance(found, Reading), found
    assert found.intent == "facts"
    assert {key: found.slots.get(key) for key in slots} == slots


@pytest.mark.parametrize(
    ("question", "slots"),
    [
        ("which session was the shortest?", {"measure": "duration", "order": "ascending"}),
        ("What is the longest recording?", {"measure": "duration", "order": "descending"}),
        ("total recording time", {"measure": "duration", "statistics": ["sum"]}),
        ("mean duration of the sessions", {"measure": "duration", "statistics": ["mean"]}),
        ("Which trial lasted longest?", {"measure": "duration", "order": "descending"}),
    ],
)
def test_lengths_of_recordings_are_measured(question: str, slots: dict[str, Any], lab: Vocabulary) -> None:
    found = understand(question, lab)
    assert isinstance(found, Reading), found
    assert {key: found.slots.get(key) for key in slots} == slots


@pytest.mark.parametrize(
    "question",
    [
        "number of grooming bouts in saline mice (kim)",
        "number of center entries in psilocybin",
        "mean number of wall rears per session (kim)",
        "mean gap in frames between two grooming bouts in T_1 (kim)",
        "count of free rears for female animals, lee",
    ],
)
def test_what_is_counted_is_not_the_animals(question: str, lab: Vocabulary) -> None:
    found = understand(question, lab)
    assert isinstance(found, Reading), found
    assert found.intent == "measure"


@pytest.mark.parametrize(
    "question",
    ["What can I ask?", "help", "What questions can you answer?", "What can you do?", "what can I do?"],
)
def test_what_can_be_asked_is_offered(question: str, lab: Vocabulary) -> None:
    found = understand(question, lab)
    assert isinstance(found, AskBack), found
    assert len(found.options) >= 4


@pytest.mark.parametrize(
    ("question", "offered"),
    [
        ("ED50 of psilocybin on distance?", "slope"),
        ("fit a sigmoid to the distance over dose", "slope"),
        ("multiple regression of distance on dose and center time", "correlation"),
        ("regress distance on dose and time in the center", "correlation"),
        ("ANCOVA of distance with dose as covariate", "correlation"),
        ("Bayes factor for the distance of saline vs psilocybin", "interval"),
        ("one-tailed t test of distance, saline vs psilocybin", "two-sided"),
        ("Kaplan-Meier curve of the latency to groom", "latencies"),
        ("ROC of the classifier for grooming", "F1"),
    ],
)
def test_analyses_that_are_not_computed_are_refused_with_what_can_be_given(
    question: str, offered: str, lab: Vocabulary
) -> None:
    found = understand(question, lab)
    assert isinstance(found, Refusal), found
    assert offered in found.reason


@pytest.mark.parametrize(
    "question",
    [
        "Regress distance on dose and report the slope",
        "Two one-sided tests of the distance, saline vs psilocybin, within 20 cm",
        "Fit a linear mixed model to the distance by treatment",
        "Linear regression of distance on dose",
    ],
)
def test_analyses_that_are_computed_are_not_refused(question: str, lab: Vocabulary) -> None:
    assert not isinstance(understand(question, lab), Refusal)


@pytest.mark.parametrize(
    "question",
    ["when was s1 recorded?", "On which date was s2 filmed?", "What is the date of the recording?"],
)
def test_dates_that_are_not_noted_are_refused(question: str, plain: Vocabulary) -> None:
    found = understand(question, plain)
    assert isinstance(found, Refusal), found
    assert "recorded" in found.reason


def test_name_that_reads_like_a_dose_of_a_curve_is_not_refused() -> None:
    words = Vocabulary(subjects=("LD12", "LD13"))
    assert refuse_out_of_reach("How far did LD12 move?", words) is not None
    for name in words.subjects:
        words.add(Entry("subject", name), name)
    assert refuse_out_of_reach("How far did LD12 move?", words) is None
