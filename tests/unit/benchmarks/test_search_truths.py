"""Events made of labels and tracks that are known by hand; and the queries themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.search_quality import intervals
from benchmarks.search_quality.folders import CONDITIONS, hide_labels
from benchmarks.search_quality.queries import labels_of, read_topics, says_label
from benchmarks.search_quality.recordings import Animal, Label, Recording
from benchmarks.search_quality.systems import conditions_of
from benchmarks.search_quality.truths import Scope, speed, truth_of

TOPICS = read_topics()


def label(behavior, start, stop, rater="Ann"):
    return Label(behavior=behavior, rater=rater, start=float(start), stop=float(stop))


def recording(*labels, session="s1", dt=0.1, stop=60.0, **kwargs):
    return Recording(session_id=session, dt=dt, stop=stop, labels=labels, **kwargs)


def spans(definition, *recordings, scope=None, which="relevant"):
    truth = truth_of(definition, scope or Scope(), recordings)
    return [(round(event.start, 3), round(event.stop, 3)) for event in getattr(truth, which)]


def straight(*legs, dt=0.1):
    """Path along x of legs (seconds, speed)."""
    steps = np.concatenate([np.full(round(seconds / dt), pace * dt) for seconds, pace in legs])
    x = np.cumsum(steps)
    return np.column_stack([x, np.zeros_like(x)])


def test_bouts_of_raters_that_overlap_are_one_event():
    rows = (label("groom", 1, 3), label("groom", 2, 5, "Bob"), label("groom", 7, 8, "Bob"))
    assert spans({"all": [{"labels": ["groom"]}]}, recording(*rows)) == [(1, 5), (7, 8)]
    assert spans({"all": [{"labels": ["groom"], "raters": ["Ann"]}]}, recording(*rows)) == [(1, 3)]


def test_limits_on_length_hold_for_the_merged_bout():
    rows = (label("groom", 1, 3), label("groom", 2, 5, "Bob"), label("groom", 7, 8))
    assert spans({"all": [{"labels": ["groom"]}], "min_s": 3.9}, recording(*rows)) == [(1, 5)]
    assert spans({"all": [{"labels": ["groom"]}], "max_s": 1.1}, recording(*rows)) == [(7, 8)]
    assert spans({"all": [{"labels": ["groom"]}], "min_s": 4.1}, recording(*rows), which="doubtful") == []


@pytest.mark.parametrize("limit", [{"min_s": 4}, {"max_s": 4}])
def test_bout_that_lasts_just_as_long_as_the_limit_is_doubtful(limit):
    one = recording(label("groom", 1, 5))
    definition = {"all": [{"labels": ["groom"]}], **limit}
    assert spans(definition, one) == []
    assert spans(definition, one, which="doubtful") == [(1, 5)]


def test_sequence_spans_the_last_first_step_and_each_second():
    rows = (
        label("rear", 0, 1),
        label("rear", 4, 5),
        label("groom", 9, 12),
        label("groom", 40, 41),
        label("rear", 41, 42),
    )
    steps = {
        "steps": [{"all": [{"labels": ["rear"]}]}, {"all": [{"labels": ["groom"]}]}],
        "within": 10,
    }
    assert spans(steps, recording(*rows)) == [(4, 12)]
    assert spans({**steps, "within": 3.9}, recording(*rows)) == []


def test_only_the_next_second_step_counts_where_it_is_to_happen_once():
    rows = (label("rear", 0, 1), label("groom", 2, 3), label("groom", 4, 5))
    steps = {"steps": [{"all": [{"labels": ["rear"]}]}, {"all": [{"labels": ["groom"]}]}], "within": 10}
    assert spans(steps, recording(*rows)) == [(0, 3), (0, 5)]
    assert spans({**steps, "once": True}, recording(*rows)) == [(0, 3)]


def test_sessions_metadata_and_window_narrow_the_truth():
    first = recording(label("groom", 1, 3), label("groom", 50, 52), metadata={"sex": "female"})
    second = recording(label("groom", 1, 3), session="s2", metadata={"sex": "male"})
    definition = {"all": [{"labels": ["groom"]}]}
    assert len(truth_of(definition, Scope(where={"sex": "female"}), [first, second]).relevant) == 2
    assert len(truth_of(definition, Scope(sessions=("s2",)), [first, second]).relevant) == 1
    assert spans(definition, first, scope=Scope(window=(3, 51))) == [(50, 52)]
    assert spans(definition, first, scope=Scope(window=(-10, 60))) == [(50, 52)]


def test_speed_is_that_of_the_path():
    assert speed(straight((3, 12)), 0.1)[5:-5] == pytest.approx(12)


def test_fast_stretch_is_found_and_a_slightly_slower_one_is_doubtful():
    path = straight((5, 2), (3, 30), (5, 2), (3, 18), (5, 2))
    one = recording(dt=0.1, stop=21.0, animals={"mouse": Animal(center=path)})
    ((start, stop),) = spans({"all": [{"min_speed": 20}]}, one)
    assert (start, stop) == (pytest.approx(5, abs=0.21), pytest.approx(8, abs=0.21))
    assert len(spans({"all": [{"min_speed": 20}]}, one, which="doubtful")) == 2


def test_place_and_its_negation():
    path = np.column_stack([np.linspace(0, 40, 401), np.full(401, 20.0)])
    one = recording(dt=0.1, stop=40.1, animals={"mouse": Animal(center=path)}, box=(0.0, 40.0))
    assert spans({"all": [{"zone": "center"}]}, one) == [(10.0, 30.1)]
    assert spans({"all": [{"zone": "wall"}]}, one) == [(0.0, 5.1), (35.0, 40.1)]
    assert spans({"all": [{"not_zone": "wall"}]}, one) == [(7.1, 33.0)]
    assert spans({"all": [{"not_zone": "wall"}]}, one, which="doubtful") == [(5.1, 35.0)]
    assert spans({"all": [{"zone": "corner"}]}, one) == []


def test_pairs_have_two_owners_and_single_animals_one():
    still, far = straight((10, 0)), straight((10, 0)) + 500
    one = recording(
        dt=0.1,
        stop=10.0,
        animals={"m1": Animal(center=still), "m2": Animal(center=still + 5), "m3": Animal(center=far)},
    )
    (close,) = truth_of({"all": [{"near": 10}]}, Scope(), [one]).relevant
    assert close.animals == {"m1", "m2"}
    owners = [event.animals for event in truth_of({"all": [{"max_speed": 1}]}, Scope(), [one]).relevant]
    assert owners == [{"m1"}, {"m2"}, {"m3"}]
    (alone,) = truth_of({"all": [{"alone": 300}]}, Scope(), [one]).relevant
    assert alone.animals == {"m3"}


def test_positions_that_are_unknown_are_no_event():
    path = straight((5, 30))
    path[20:40] = np.nan
    one = recording(dt=0.1, stop=5.0, animals={"mouse": Animal(center=path)})
    found = spans({"all": [{"min_speed": 20}]}, one)
    assert all(stop <= 2.3 or start >= 3.7 for start, stop in found)
    assert len(found) == 2


PAIRS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 10)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    max_size=8,
)


def covered(some):
    return {second for start, stop in some.tolist() for second in range(round(start), round(stop))}


@given(first=PAIRS, second=PAIRS)
def test_intervals_agree_with_sets_of_seconds(first, second):
    one, two = intervals.as_intervals(first), intervals.as_intervals(second)
    joined = intervals.union(one)
    assert covered(joined) == covered(one)
    assert np.all(joined[1:, 0] > joined[:-1, 1])
    assert covered(intervals.intersection(joined, intervals.union(two))) == covered(one) & covered(two)
    assert covered(intervals.complement(one, 100.0)) == set(range(100)) - covered(one)


@given(mask=st.lists(st.booleans(), max_size=40))
def test_runs_of_frames_are_intervals_and_back(mask):
    found = intervals.from_mask(np.array(mask, dtype=bool), 1.0)
    assert covered(found) == {place for place, value in enumerate(mask) if value}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.topic_id)
def test_half_of_the_wordings_avoid_the_labels_own_names(topic):
    said = [says_label(text, labels_of(topic)) for text in topic.texts]
    assert sum(said) <= len(said) / 2


def test_literal_names_are_seen_in_any_form():
    assert says_label("the mouse walks", {"walking"})
    assert says_label("biting", {"bite"})
    assert says_label("keep down", {"keepdown"})
    assert says_label("immobility", {"immobile"})
    assert not says_label("along the wall", {"walking"})
    assert not says_label("washing its face", {"grooming"})


def test_each_data_set_has_queries_with_and_without_an_answer():
    for name in CONDITIONS:
        mine = [topic for topic in TOPICS if topic.data_set == name]
        assert len(mine) >= 5
        assert sum(topic.truth is None for topic in mine) >= 1
        texts = [text for topic in mine for text in (*topic.texts, *topic.later)]
        assert len(set(texts)) == len(texts)


def test_narrowed_queries_become_filters():
    topic = next(topic for topic in TOPICS if topic.topic_id == "sim-groom-female-last-minute")
    made = conditions_of(topic, [recording(stop=150.0)])
    assert [(item.field, item.op, item.value) for item in made] == [
        ("meta.sex", "==", "female"),
        ("start_time", "<", 150.0),
        ("stop_time", ">", 90.0),
    ]


def test_labels_are_hidden_and_everything_else_stays(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_text(
        """[experiment]
name = "x"
[[inputs]]
kind = "pose"
column = "pose"
[[inputs]]
kind = "annotations"
column = "labels"
[inputs.options]
delimiter = ";"
[arena]
width_cm = 40
[behaviors.grooming]
definition = "strokes its fur"
""",
        encoding="utf-8",
    )
    hide_labels(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert "pose" in text
    assert "width_cm = 40" in text
    assert "annotations" not in text
    assert "grooming" not in text
