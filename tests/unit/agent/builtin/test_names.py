"""Names said loosely, metrics without bouts, and words that name nothing."""

from __future__ import annotations

import pytest

from ethochat.agent.builtin.metrics import kinds_among, labels_of, other_names
from ethochat.agent.builtin.names import correct_typos
from ethochat.agent.builtin.reading import AskBack, Reading, Refusal
from ethochat.agent.builtin.understand import understand
from ethochat.agent.builtin.vocabulary import Entry, Vocabulary

METRICS = (
    "body.raw.distance", "body.center.total.time", "labels.Supported.count", "labels.Supported.time", "labels.Unsupported.count", "labels.Unsupported.time", "labels.None.count",
)  # fmt: skip


@pytest.fixture(scope="module")
def numbers() -> Vocabulary:
    """An experiment of metrics alone, with two groups."""
    words = Vocabulary(
        sessions=("n1", "n2"),
        metrics=METRICS,
        columns={"group": ("control", "yohimbin")},
        labels=labels_of(METRICS),
    )
    for metric in METRICS:
        words.add(Entry("metric", metric), metric)
    for value in words.columns["group"]:
        words.add(Entry("value", value, column="group"), value)
    words.add(Entry("column", "group"), "group")
    for label in words.labels:
        words.add(Entry("behavior", label), label, *other_names(label))
    for name, members in kinds_among([*words.labels]).items():
        words.add(Entry("category", name, members=members), name)
    return words


@pytest.fixture(scope="module")
def letters() -> Vocabulary:
    """Three animals named by letters."""
    words = Vocabulary(
        behaviors={"grooming": ("mia",)},
        sources={"mia": "manual"},
        sessions=("s1",),
        individuals=("R", "B", "G"),
    )
    words.add(Entry("behavior", "grooming"), "grooming")
    for name in words.individuals:
        words.add(Entry("individual", name), name)
    return words


def test_labels_are_told_by_what_is_counted() -> None:
    assert labels_of(METRICS) == {
        "Supported": ("labels.Supported.count", "labels.Supported.time"),
        "Unsupported": ("labels.Unsupported.count", "labels.Unsupported.time"),
    }
    assert labels_of(("body.raw.distance", "body.center.total.time")) == {}


def test_kinds_need_several_labels() -> None:
    assert kinds_among(["Supported", "Unsupported"]) == {"rearing": ("Supported", "Unsupported")}
    assert kinds_among(["Supported"]) == {}
    assert kinds_among(["Supported", "Unsupported", "rearing"]) == {}


@pytest.mark.parametrize(
    ("question", "metric"),
    [
        ("Number of wall rears, yohimbin vs control", "labels.Supported.count"),
        ("supported rearing counts in control vs yohimbin", "labels.Supported.count"),
        ("mean supported rears of yohimbin", "labels.Supported.count"),
        ("Do yohimbin mice rear less on the wall?", "labels.Supported.count"),
        ("How much time do controls spend rearing against the wall?", "labels.Supported.time"),
        ("How many free rears did n1 do?", "labels.Unsupported.count"),
        ("Mann-Whitney of unsupported rear counts between the groups", "labels.Unsupported.count"),
        ("How long did n2 do unsupported rearing?", "labels.Unsupported.time"),
    ],
)
def test_a_behavior_known_by_metrics_alone_names_its_metric(
    question: str, metric: str, numbers: Vocabulary
) -> None:
    found = understand(question, numbers)
    assert isinstance(found, Reading), found
    assert found.slots["measure"] == metric


@pytest.mark.parametrize(
    ("question", "options"),
    [
        ("supported rearing in control vs yohimbin", {"labels.Supported.count", "labels.Supported.time"}),
        ("How many rears are there per group?", {"labels.Supported.count", "labels.Unsupported.count"}),
        ("Mean rearing time of controls", {"labels.Supported.time", "labels.Unsupported.time"}),
        (
            "How often do controls rear without the wall?",
            {"labels.Supported.count", "labels.Unsupported.count"},
        ),
        ("Percent of time in supported rearing", {"labels.Supported.count", "labels.Supported.time"}),
    ],
)
def test_where_two_metrics_fit_the_question_is_which(
    question: str, options: set[str], numbers: Vocabulary
) -> None:
    found = understand(question, numbers)
    assert isinstance(found, AskBack), found
    assert set(found.options) == options


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("mean distance of contol mice", "control"),
        ("mean distance of yohimbine mice", "yohimbin"),
        ("mean distance of yohim mice", "yohimbin"),
        ("avrage distance", "average"),
        ("mean distnce", "distance"),
        ("distance of nonyohimbin mice", "non-yohimbin"),
    ],
)
def test_loose_spelling_is_brought_to_the_name(text: str, corrected: str, numbers: Vocabulary) -> None:
    assert corrected in correct_typos(text, numbers)


@pytest.mark.parametrize(
    "text", ["mean time digging", "Distanz of n1", "according to Marina", "mean heart weight"]
)
def test_other_words_are_left_alone(text: str, numbers: Vocabulary) -> None:
    assert correct_typos(text, numbers) == text


@pytest.mark.parametrize(
    ("question", "individuals"),
    [
        ("How long does the red mouse groom?", ["R"]),
        ("How long does the Blue animal groom?", ["B"]),
        ("Grooming time of the green one", ["G"]),
        ("Compare the grooming of the red and the blue mouse", ["R", "B"]),
        ("How often does mouse G groom?", ["G"]),
    ],
)
def test_animals_named_by_letters_answer_to_their_colors(
    question: str, individuals: list[str], letters: Vocabulary
) -> None:
    found = understand(question, letters)
    assert isinstance(found, Reading), found
    assert (found.slots.get("individuals") or found.slots.get("groups")) == individuals


def test_a_color_of_no_animal_is_refused(letters: Vocabulary) -> None:
    assert isinstance(understand("How long does the pink mouse groom?", letters), Refusal)


@pytest.mark.parametrize(
    ("question", "sources"),
    [
        ("Grooming time in T_1 according to the classifier", ["auto"]),
        ("How much grooming does the automatic scoring find in T_1?", ["auto"]),
        ("Grooming in T_1 by the algorithm", ["auto"]),
        ("Do Kim and the classifier agree on grooming?", ["kim", "auto"]),
        ("How well does the classifier agree with the raters on grooming?", ["kim", "lee", "auto"]),
    ],
)
def test_sources_are_told_by_their_kind(question: str, sources: list[str], lab: Vocabulary) -> None:
    found = understand(question, lab)
    assert isinstance(found, Reading), found
    assert found.slots["sources"] == sources


@pytest.mark.parametrize(
    "question",
    ["Wall rears in T_1 according to the classifier", "How many free rears by the software in T_1?"],
)
def test_a_classifier_that_marks_nothing_of_the_kind_is_not_replaced(question: str, lab: Vocabulary) -> None:
    assert isinstance(understand(question, lab), Refusal)


@pytest.mark.parametrize(
    "question",
    [
        "Which rater saw the most grooming in T_1?",
        "How much did T_1 actually groom, please (kim)?",
        "Is grooming quite different between saline and psilocybin (kim)?",
        "How often is a wall rear followed by another wall rear in T_1 (kim)?",
        "What did Lee notice more often, wall rears or free rears?",
        "Frankly, how far did T_1 move?",
    ],
)
def test_words_of_grammar_do_not_stop_a_question(question: str, lab: Vocabulary) -> None:
    found = understand(question, lab)
    assert isinstance(found, Reading), found
    assert found.unread == ()


@pytest.mark.parametrize(
    "question",
    [
        "How many foot shocks did T_1 get?",
        "How much did the lesioned mice groom (kim)?",
        "number of attacks per session",
        "Mean distance of the diazepam group",
        "How often did T_1 mount (kim)?",
    ],
)
def test_words_of_content_that_nothing_is_called_do_stop_it(question: str, lab: Vocabulary) -> None:
    found = understand(question, lab)
    assert isinstance(found, Refusal | AskBack), found


def test_a_word_explained_in_brackets_is_known(lab: Vocabulary) -> None:
    found = understand("How many cleanings (grooming bouts) did kim mark in T_1?", lab)
    assert isinstance(found, Reading), found
    assert (found.slots["behaviors"], found.slots["measure"]) == (["grooming"], "bout_count")


@pytest.mark.parametrize(
    "question",
    [
        "Grooming time across raters",
        "Mean grooming time over all raters",
        "grooming time by humans",
        "Grooming time of all raters",
        "mean grooming time among the raters",
    ],
)
def test_all_raters_are_kept_apart(question: str, lab: Vocabulary) -> None:
    found = understand(question, lab)
    assert isinstance(found, Reading), found
    assert found.slots["all_sources"] is True
    assert found.slots["group_by"] == ["source"]


@pytest.mark.parametrize(
    "question",
    ["two way ANOVA treatment x rater of grooming time", "two-way ANOVA of grooming by treatment and rater"],
)
def test_raters_may_be_a_factor(question: str, lab: Vocabulary) -> None:
    found = understand(question, lab)
    assert isinstance(found, Reading), found
    assert found.slots["factors"] == ["treatment", "source"]
    assert found.slots["sources"] == ["kim", "lee"]


@pytest.mark.parametrize(
    "question",
    [
        "Does fluoxetine reduce the grooming (kim)?",
        "What is the effect of diazepam on distance?",
        "Did the lesion increase grooming time (kim)?",
    ],
)
def test_treatments_that_nobody_got_are_refused(question: str, lab: Vocabulary) -> None:
    assert isinstance(understand(question, lab), Refusal)


@pytest.mark.parametrize(
    "question", ["mean distance at each dose", "mean distance per dose", "mean distance for every dose"]
)
def test_a_split_by_a_synonym_of_a_column(question: str, lab: Vocabulary) -> None:
    found = understand(question, lab)
    assert isinstance(found, Reading), found
    assert found.slots["group_by"] == ["dose"]
