"""Questions about how differences are tested become readings of the right kind."""

from __future__ import annotations

from typing import Any

import pytest

from ethochat.agent.builtin.reading import AskBack, Reading, Refusal
from ethochat.agent.builtin.understand import understand
from ethochat.agent.builtin.vocabulary import Vocabulary

CASES: list[tuple[str, str, dict[str, Any]]] = [
    # many measures
    ("Which behaviors differ between saline and psilocybin?", "family", {"of": "behaviors", "groups": ["saline", "psilocybin"]}),
    ("Which metrics are significantly different between the sexes?", "family", {"of": "metrics", "group_column": "sex"}),
    ("Compare all metrics between treatments with Benjamini-Hochberg correction", "family", {"of": "metrics", "correct_by": "fdr_bh"}),
    ("What differs between males and females?", "family", {"of": "measures", "groups": ["male", "female"]}),
    ("Do any of the zones differ between the treatments?", "family", {"of": "zones"}),
    ("Which parameters did the treatment change?", "family", {"of": "measures", "group_column": "treatment"}),
    ("Compare the number of bouts of every behavior between treatments (kim)", "family", {"measure": "bout_count", "sources": ["kim"]}),
    ("Which behavior differs most between the treatments?", "family", {"of": "behaviors", "group_column": "treatment"}),
    # parts of the same animals
    ("Do wall rears last longer than free rears for kim?", "compare", {"group_column": "behavior", "paired": True, "groups": ["wall rear", "free rear"]}),
    ("Paired t test of kim's wall rears against free rears", "compare", {"group_column": "behavior", "measure": "bout_count"}),
    ("Do psilocybin mice groom longer (kim)?", "compare", {"group_column": "treatment", "measure": "total_duration"}),
    ("Do psilocybin mice start grooming earlier (kim)?", "compare", {"group_column": "treatment", "measure": "latency"}),
    ("Distance of males vs females, per treatment", "compare", {"group_column": "sex", "group_by": ["treatment"]}),
    # two factors
    ("Is there an interaction between treatment and sex in the distance moved?", "two_factors", {"factors": ["treatment", "sex"], "measure": "distance"}),
    ("Does the effect of psilocybin on distance differ between males and females?", "two_factors", {"measure": "distance"}),
    ("Two-way ANOVA of kim's grooming time with sex and treatment", "two_factors", {"behaviors": ["grooming"], "sources": ["kim"]}),
    ("Compare the distance by sex and treatment", "two_factors", {"factors": ["sex", "treatment"]}),
    ("Compare the distance between the treatments, controlling for sex", "two_factors", {"factors": ["treatment", "sex"]}),
    ("Draw the distance by treatment and sex", "two_factors", {"factors": ["treatment", "sex"]}),
    # sample sizes
    ("How many animals would I need to see this difference in distance between the treatments?", "power", {"measure": "distance", "group_column": "treatment"}),
    ("How many mice per group are required for an effect size of 0.8 with 90 % power?", "power", {"effect": 0.8, "wanted_power": 0.9}),
    ("With 12 mice per group, what power do I have for d = 1?", "power", {"effect": 1.0, "n_per_group": 12}),
    ("What is the smallest effect I can detect with 8 animals per group?", "power", {"n_per_group": 8}),
    ("How many animals per group would be needed to detect a 20 % change in distance between the treatments?", "power", {"difference": 20.0, "difference_unit": "percent", "groups": ["psilocybin", "saline"]}),
    ("With 10 animals per group, what effect on distance could I detect between the treatments?", "power", {"n_per_group": 10, "measure": "distance"}),
    # sameness
    ("Do saline and psilocybin mice move the same distance?", "compare", {"test": "equivalence", "measure": "distance"}),
    ("Are males and females equivalent in distance within 20 %?", "compare", {"test": "equivalence", "margin": 20.0, "margin_unit": "percent"}),
    ("Is the distance of males and females equal, with a margin of 50 cm?", "compare", {"test": "equivalence", "margin": 50.0, "margin_unit": "raw"}),
    ("Do males groom as much as females (kim)?", "compare", {"test": "equivalence", "behaviors": ["grooming"]}),
    # outliers, pairs, named tests
    ("Do outliers change the difference in distance between the treatments?", "compare", {"focus": "influence", "measure": "distance"}),
    ("Is the sex difference in distance driven by a single mouse?", "compare", {"focus": "influence", "group_column": "sex"}),
    ("Which doses differ in distance?", "compare", {"focus": "posthoc", "group_column": "dose"}),
    ("Compare the distance of each dose with the control, Dunnett", "compare", {"control": "0", "group_column": "dose"}),
    ("Compare the distance between treatments with a linear mixed model", "compare", {"test": "mixed_model"}),
    ("Compare the distance between saline and psilocybin by a permutation test", "compare", {"test": "permutation"}),
    ("Compare the distance between treatments for females only", "compare", {"group_column": "treatment", "where": [{"column": "sex", "op": "in", "value": ["female"]}]}),
    # dose and response
    ("Dose response of the distance", "correlate", {"x": {"measure": "dose"}, "y": {"measure": "distance"}}),
    ("Does the distance increase with dose?", "correlate", {"x": {"measure": "dose"}}),
    ("Is there a linear trend of distance with dose?", "correlate", {"method": "linear"}),
    ("Correlate dose and distance within each treatment", "correlate", {"group_column": "treatment"}),
    # time
    ("Does the distance decline over the session?", "compare", {"measure": "distance", "group_column": "bin", "bin_s": 60.0}),
    ("Do the mice habituate?", "compare", {"measure": "distance", "group_column": "bin"}),
    ("Is kim's grooming different in the first 2 min and the last 2 min?", "compare", {"group_column": "window", "windows": [{"start_s": 0.0, "stop_s": 120.0}, {"start_s": -120.0, "stop_s": None}]}),
    ("Is the distance of the females higher in minute 1 than in minute 5?", "compare", {"group_column": "window", "where": [{"column": "sex", "op": "in", "value": ["female"]}]}),
    ("Compare the distance between 0-60 s and 120-180 s", "compare", {"windows": [{"start_s": 0.0, "stop_s": 60.0}, {"start_s": 120.0, "stop_s": 180.0}]}),
    ("Distance in the first 20 s and the last 20 s, by treatment", "measure", {"group_by": ["treatment"], "windows": [{"start_s": 0.0, "stop_s": 20.0}, {"start_s": -20.0, "stop_s": None}]}),
    ("Does the time course of the distance differ between the treatments?", "two_factors", {"factors": ["treatment", "bin"]}),
    ("Is there a treatment by time interaction for the distance in 30 s bins?", "two_factors", {"factors": ["treatment", "bin"], "bin_s": 30.0}),
    ("Distance over time", "measure", {"measure": "distance", "bin_s": 60.0}),
    ("Does the distance in the last 60 s differ between the treatments?", "compare", {"group_column": "treatment", "start_s": -60.0}),
    # two quantities
    ("Does max speed correlate with kim's grooming time?", "correlate", {"x": {"measure": "max_speed"}, "y": {"measure": "total_duration", "behaviors": ["grooming"], "sources": ["kim"]}}),
    ("Correlate kim's and lee's grooming time, Spearman", "correlate", {"x": {"measure": "total_duration", "behaviors": ["grooming"], "sources": ["kim"]}}),
    ("Is the time in the center related to the number of kim's wall rears?", "correlate", {"x": {"measure": "zone_time", "zones": ["center"]}, "y": {"measure": "bout_count", "behaviors": ["wall rear"], "sources": ["kim"]}}),
    # raters
    ("In which session do kim and lee disagree most about grooming?", "agreement", {"group_by": ["session_id"], "order": "ascending"}),
    ("Which recording has the best agreement of kim and lee?", "agreement", {"group_by": ["session_id"], "order": "descending"}),
    ("What is Fleiss' kappa for grooming?", "agreement", {"statistics": ["fleiss_kappa"], "behaviors": ["grooming"]}),
    ("Krippendorff's alpha of the raters for each behavior", "agreement", {"statistics": ["krippendorff_alpha"]}),
    ("How well do the bout counts of kim and lee correlate?", "agreement", {"statistics": ["count_correlation"], "sources": ["kim", "lee"]}),
    ("Cohen's kappa of kim and lee per session for grooming", "agreement", {"statistics": ["kappa"], "group_by": ["session_id"]}),
    ("Precision and recall of auto against kim for grooming", "agreement", {"statistics": ["precision", "recall"], "reference": "kim"}),
    # sequences
    ("Show the transition matrix of kim", "transitions", {"sources": ["kim"], "probability": True}),
    ("Which transitions are more frequent than expected by chance for lee?", "transitions", {"null": True}),
    ("Is grooming followed by wall rears above chance (kim)?", "transitions", {"null": True, "before": ["grooming"], "after": ["wall rear"]}),
    ("Do grooming and running co-occur more than by chance?", "cooccurrence", {"first": "grooming", "second": "running"}),
    ("What usually precedes grooming (kim)?", "transitions", {"after": ["grooming"], "before": None}),
    ("How often does a wall rear come right after grooming, by treatment (kim)?", "transitions", {"before": ["grooming"], "after": ["wall rear"], "group_by": ["treatment"]}),
    ("Is grooming followed by rearing (kim)?", "transitions", {"before": ["grooming"], "after": ["wall rear", "free rear"]}),
    ("kim: grooming -> wall rear transitions", "transitions", {"before": ["grooming"], "after": ["wall rear"]}),
    ("How often does kim's grooming go straight into a wall rear?", "transitions", {"before": ["grooming"], "after": ["wall rear"]}),
    ("Do kim's behaviors follow one another differently between the treatments?", "transitions", {"group_by": ["treatment"], "probability": True}),
    ("Transitions between grooming and wall rears for kim", "transitions", {"both_ways": True}),
    ("How often is kim's grooming followed by wall rears, and back, per recording?", "transitions", {"both_ways": True, "group_by": ["session_id"]}),
    # counted, timed, per minute
    ("% time grooming in T_1 (kim)", "measure", {"measure": "percent_time"}),
    ("How long does each mouse groom (kim)?", "measure", {"measure": "total_duration"}),
    ("Median duration of kim's wall rears in T_1", "measure", {"measure": "bout_duration", "statistics": ["median"]}),
    ("Longest period of grooming in T_1 (kim)", "measure", {"measure": "bout_duration"}),
    ("Fraction of grooming bouts longer than 5 s (kim)", "measure", {"measure": "percent_bouts"}),
    ("Kim's grooming bouts of at least 2 s by treatment", "measure", {"measure": "bout_count", "min_bout_s": 2.0}),
    ("Does kim's grooming differ between the treatments? Use ranks.", "compare", {"test": "mann_whitney_u"}),
    ("Grooming time for all raters", "measure", {"group_by": ["source"]}),
    ("Total wall rears per animal (kim)", "measure", {"measure": "bout_count"}),
    ("Kim's wall rears per min by treatment", "measure", {"measure": "bout_rate", "group_by": ["treatment"]}),
    ("How long does T_1 groom (kim)?", "measure", {"measure": "total_duration"}),
    ("Mean distance with its 95 % CI by treatment", "measure", {"statistics": ["mean", "ci95"], "group_by": ["treatment"]}),
    # close to a design, but none
    ("How many mice were there per sex?", "facts", {"topic": "subject_count", "group_by": ["sex"]}),
    ("What is the sample size?", "facts", {"topic": "subject_count", "group_by": ["treatment"]}),
    ("Which behaviors were annotated by kim?", "facts", {"topic": "behaviors"}),
    ("How much time did T_1 groom at the same time for kim and lee?", "measure", {"together": "sources"}),
    ("Which sessions are outliers in distance?", "measure", {"keep": "outliers"}),
    ("How far did T_1 move between 60 and 120 s?", "measure", {"start_s": 60.0, "stop_s": 120.0}),
]  # fmt: skip


@pytest.mark.parametrize(("question", "intent", "slots"), CASES)
def test_question_about_a_design(question: str, intent: str, slots: dict[str, Any], lab: Vocabulary) -> None:
    found = understand(question, lab)
    assert isinstance(found, Reading), found
    assert found.intent == intent
    assert {key: found.slots.get(key) for key in slots} == slots
    assert found.unread == ()


def test_statistical_word_that_its_question_does_not_heed_is_not_taken_for_read(lab: Vocabulary) -> None:
    found = understand("Compare the distance between the treatments with a bootstrap.", lab)
    assert isinstance(found, Reading)
    assert found.unread == ("bootstrap",)


def test_column_with_one_value_is_no_factor(lab: Vocabulary) -> None:
    lab.columns["room"] = ("north",)
    try:
        found = understand("Two-way ANOVA of distance by treatment and room", lab)
    finally:
        del lab.columns["room"]
    assert isinstance(found, AskBack | Refusal)


def test_two_factors_without_a_measure_ask_for_it(lab: Vocabulary) -> None:
    found = understand("Is there an interaction between sex and treatment?", lab)
    assert isinstance(found, AskBack)
    assert "measure" in found.question


FOLLOW_UPS = [
    ("Which behaviors differ between saline and psilocybin?", "And between males and females?", "family", {"of": "behaviors", "groups": ["male", "female"]}),
    ("Compare the distance by sex and treatment", "What about body.center.total.time?", "two_factors", {"factors": ["sex", "treatment"], "measure": "body.center.total.time"}),
    ("Does max speed correlate with kim's grooming time?", "And within treatments?", "correlate", {"group_column": "treatment", "x": {"measure": "max_speed"}}),
    ("Kim's wall rears per min by treatment", "Plot that", "plot", {"measure": "bout_rate", "group_by": ["treatment"]}),
    ("Does the distance change over time?", "And kim's grooming?", "compare", {"measure": "total_duration", "group_column": "bin"}),
    ("How far did each mouse go?", "And while grooming (kim)?", "measure", {"measure": "distance", "behaviors": ["grooming"]}),
    ("Distance in the first 20 s vs the last 20 s", "And for females only?", "compare", {"group_column": "window", "where": [{"column": "sex", "op": "==", "value": "female"}]}),
    ("How many mice to detect a 20 % change in distance between the treatments?", "And with 90 % power?", "power", {"wanted_power": 0.9, "difference": 20.0}),
    ("How many animals would I need for the difference in distance between the treatments?", "And with 95 % power?", "power", {"wanted_power": 0.95, "measure": "distance"}),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "intent", "slots"), FOLLOW_UPS)
def test_follow_up_stays_with_the_design(
    first: str, second: str, intent: str, slots: dict[str, Any], lab: Vocabulary
) -> None:
    previous = understand(first, lab)
    assert isinstance(previous, Reading)
    found = understand(second, lab, previous)
    assert isinstance(found, Reading)
    assert found.intent == intent
    assert {key: found.slots.get(key) for key in slots} == slots
