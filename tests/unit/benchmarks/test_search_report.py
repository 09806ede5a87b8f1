"""The page of the search evaluation: what it calls met, plain and worst."""

from __future__ import annotations

from benchmarks.search_quality.evaluation import APART, NAMES, RANDOM, TOOL, Result
from benchmarks.search_quality.metrics import Found, Scores
from benchmarks.search_quality.report import is_plain, means_of, page, targets
from benchmarks.search_quality.systems import Outcome


def scored(value):
    return Scores(average_precision=value, recall=value, precision=value, ndcg=value)


def result(
    tool, *, dense=0.2, apart=0.1, chance=0.1, data_set="simulator", query="a.1", later=False, text="x"
):
    scores = {}
    for name in NAMES.values():
        scores |= {name: scored(dense), name + APART: scored(apart)}
    scores |= {TOOL: scored(tool), RANDOM: scored(chance), RANDOM + APART: scored(chance)}
    return Result(
        query_id=query,
        data_set=data_set,
        condition="labels searchable",
        text=text,
        later=later,
        n_relevant=3,
        scores=scores,
        outcome=Outcome(),
    )


def nothing(clips=0, flags=()):
    ranking = tuple(Found(session_id="a", start=float(place), stop=place + 0.5) for place in range(clips))
    return Result(
        query_id="none.1",
        data_set="simulator",
        condition="labels searchable",
        text="fly|ing",
        n_relevant=0,
        scores={},
        outcome=Outcome(ranking=ranking, flags=flags),
    )


def test_better_form_of_a_retrieval_counts():
    means = means_of([result(0.9, dense=0.2, apart=0.4), result(0.9, dense=0.4, apart=0.4)])
    assert means[NAMES["dense"]].average_precision == 0.4
    assert means[TOOL].average_precision == 0.9


def test_targets_are_met_or_not():
    met = {target: ok for target, _, ok in targets([result(0.9)])}
    assert list(met.values()) == [True]
    assert [ok for _, _, ok in targets([result(0.89)])] == [False]
    human = [result(0.35, dense=0.4, data_set="ri_social")]
    assert [ok for _, _, ok in targets(human)] == [True, False]
    assert [ok for _, _, ok in targets([result(0.8, chance=0.5, data_set="ri_social")])] == [False, True]


def test_what_no_search_could_reach_is_said():
    ((_, measured, ok), _) = targets([result(1.0, chance=0.5, data_set="ri_social")])
    assert not ok
    assert "2.0 is the most that any search could" in measured


def test_nothing_is_plain_only_without_clips_and_with_words():
    assert is_plain(nothing(flags=("Nothing meets all conditions.",)))
    assert not is_plain(nothing())
    assert not is_plain(nothing(clips=2, flags=("By likeness alone.",)))


def test_page_has_all_parts_and_later_wordings_apart():
    rows = [
        result(0.9, query="a.1", text="first"),
        result(0.5, query="a.later1", later=True, text="afterwards"),
        nothing(clips=2, flags=("By likeness alone.",)),
        nothing(flags=("Nothing meets all conditions.",)),
    ]
    text = page(rows, shuffles=7)
    assert "7 orders of the same segments" in text
    assert "1 of 2 are right; 1 brought clips with a remark, 0 brought clips without one" in text
    assert "fly\\|ing" in text
    assert "| 1 | 0.900 | 0.500 |" in text
    assert "labels searchable: 1 of 1" in text
    assert "afterwards" not in text
    assert "Wordings that came later" not in page(rows[:1])


def test_worst_query_comes_first():
    rows = [result(0.9, query="a.1", text="good one"), result(0.1, query="a.2", text="bad one")]
    text = page(rows)
    assert text.index("bad one") < text.index("good one")
