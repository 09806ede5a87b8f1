"""The tool ``search_segments``: hits, counts, reasons and what must be said; any call gives a result or a plain error."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ethochat.index.store.base import Hit
from ethochat.tools.errors import ToolError, ToolRetryError
from ethochat.tools.evidence import Evidence
from ethochat.tools.search import TOOL


class FakeSearch:
    """Gives what it is told to, of the sessions asked for."""

    def __init__(self, hits=()):
        self.hits = list(hits)
        self.notice = None

    def check(self):
        return self.notice

    def retrieve(self, query="", **more):
        if not (query.strip() or more.get("like") or more.get("unlike")):
            raise ValueError("nothing to search by")
        wanted = [set(item.value) for item in more["conditions"] if item.field == "session_id"]
        return [hit for hit in self.hits if all(hit.payload["session_id"] in some for some in wanted)]


def payload(session, start, stop, *, source="anna", behaviors=("Rearing",)):
    return {
        "session_id": session,
        "start_time": start,
        "stop_time": stop,
        "individual": "",
        "source": source,
        "behaviors": list(behaviors),
    }


def indexed(context, *hits: Hit):
    return dataclasses.replace(context, open_search=lambda: FakeSearch(hits))


def search(context, **arguments) -> Evidence:
    return TOOL.run(context, arguments)


def times(evidence: Evidence) -> list[tuple[str, float, float]]:
    return [(clip.session_id, clip.start_time, clip.stop_time) for clip in evidence.clips]


def counts(evidence: Evidence) -> dict[str | None, float | str | None]:
    return {value.session_id: value.value for value in evidence.values}


# ------------------------------------------------------------------ hits
def test_hits_are_clips_with_who_why_and_how_sure(context):
    """Rearing of oft_1: [1, 2.5) by both, [3, 5) by anna of the three who watch, [0, 1) by the classifier."""
    evidence = search(context, query="rears up", sessions=["oft_1"])
    assert times(evidence) == [("oft_1", 1, 2.5), ("oft_1", 3, 5), ("oft_1", 0, 1)]
    first, second, third = evidence.clips
    assert first.why == "Rearing (anna, ben; 2 of 3 who watched); 1.5 s; mean speed 20 px/s"
    assert second.why == "Rearing (anna; 1 of 3 who watched); 2 s; mean speed 20 px/s"
    assert (third.source, third.subject_id, third.verified) == ("auto", "m1", None)
    assert 0.5 <= third.score <= first.score <= 1


def test_events_are_counted_in_all_and_for_each_session_in_which_it_can_be_told(context):
    evidence = search(context, query="grooming", limit=1)
    assert counts(evidence) == {None: 2.0, "oft_1": 1.0, "oft_2": 0.0, "oft_4": 1.0, "oft_5": 0.0}
    assert evidence.values[0].n == 4
    assert "Hits 1 to 1 of 2 are given." in evidence.flags


def test_an_animal_without_an_event_has_a_count_of_zero(labeled):
    context = labeled({"s1": [("anna", "walking", 0, 2, "a"), ("anna", "grooming", 5, 6, "b")], "s2": []})
    found = {
        (v.session_id, v.group.get("individual")): v.value for v in search(context, query="walking").values
    }
    assert found == {
        (None, None): 1.0,
        ("s1", "a"): 1.0,
        ("s1", "b"): 0.0,
        ("s2", "a"): 0.0,
        ("s2", "b"): 0.0,
    }


def test_sessions_without_something_need_no_index(labeled):
    looked = [("s1", "anna", "", 0, 10, ["grooming", "walking"])]
    context = labeled({"s1": [("anna", "walking", 0, 2)]}, looked_for=looked)
    assert times(search(context, query="sessions without grooming")) == [("s1", 0, 10)]


def test_excluded_sessions_are_left_out_and_named_unless_they_are_kept(context):
    evidence = search(context, query="Rearing", limit=100)
    assert "bad" not in {clip.session_id for clip in evidence.clips}
    assert any("bad" in flag for flag in evidence.flags)
    kept = search(context, query="Rearing", include_excluded=True, limit=100)
    assert "bad" in {clip.session_id for clip in kept.clips}


def test_metadata_narrow_the_sessions(context):
    evidence = search(context, query="Grooming", where=[{"column": "group", "value": "vehicle"}])
    assert times(evidence) == [("oft_4", 0, 4)]


def test_hits_are_cut_to_the_window(context):
    assert times(search(context, query="Grooming", start_s=1, stop_s=2)) == [("oft_4", 1, 2)]
    assert times(search(context, query="Grooming", start_part=0.35)) == [("oft_1", 5, 6), ("oft_4", 3.5, 4)]
    assert times(search(context, query="Grooming", start_s=-7)) == [("oft_1", 5, 6), ("oft_4", 3, 4)]


def test_a_long_list_goes_on_and_ends(context):
    everything = times(search(context, query="Rearing", limit=100))
    pages = [
        times(search(context, query="Rearing", limit=2, offset=offset))
        for offset in range(0, len(everything), 2)
    ]
    assert [item for page in pages for item in page] == everything
    beyond = search(context, query="Rearing", offset=100)
    assert beyond.clips == []
    assert f"There are only {len(everything)} hits." in beyond.flags


def test_at_most_so_many_of_one_session(context):
    found = times(search(context, query="Rearing", per_session=1, limit=100))
    assert sorted(item[0] for item in found) == ["oft_1", "oft_2", "oft_4", "oft_5"]
    assert found[0] == times(search(context, query="Rearing"))[0]


def test_speed_and_place_come_from_the_frames(context):
    """The body center moves at 20 px/s all the time, in the center in [2, 3) [3.1, 4) [6, 7)."""
    evidence = search(context, query="Rearing in the center faster than 10 px/s")
    assert times(evidence) == [("oft_1", 2, 2.5), ("oft_1", 3.1, 4)]
    assert (
        evidence.clips[1].why
        == "Rearing and center (anna; 1 of 3 who watched); speed > 10 px/s; 0.9 s; mean speed 20 px/s"
    )
    assert any("oft_2" in flag for flag in evidence.flags)


def test_a_sequence_spans_its_steps(context):
    evidence = search(context, query="Rearing followed by grooming within 1 s")
    assert times(evidence) == [("oft_1", 3, 6)]
    assert evidence.clips[0].why.startswith("Rearing (anna; 1 of 3 who watched), then Grooming (anna)")


# ------------------------------------------------------------------ absence
def test_sessions_without_it_are_those_in_which_somebody_looked(labeled):
    bouts = {"s1": [("anna", "Rearing", 1, 2)], "s2": [], "s3": []}
    looked = [("s1", "anna", "", 0, 10, ["Rearing"]), ("s2", "anna", "", 0, 10, ["Rearing"])]
    evidence = search(labeled(bouts, looked_for=looked), query="sessions without any rearing")
    assert times(evidence) == [("s2", 0, 10)]
    assert evidence.values[0].value == 1.0
    assert evidence.values[0].n == 2
    assert any("s3" in flag for flag in evidence.flags)


def test_the_part_asked_for_is_what_it_does_not_happen_in(context):
    evidence = search(context, query="sessions without grooming", start_s=5)
    assert times(evidence) == [("oft_2", 5, 10), ("oft_4", 5, 10), ("oft_5", 5, 10)]
    assert evidence.clips[0].why == "no grooming in 5 s"


def test_what_nobody_looks_for_is_not_called_absent(context):
    with pytest.raises(ToolRetryError, match="cannot be told which sessions"):
        search(context, query="sessions without any xyzzy")
    evidence = search(context, query="sessions without any drinking")
    assert evidence.clips == []
    assert any("Nobody marks “drinking”" in flag for flag in evidence.flags)


# ------------------------------------------------------------------ what is not found, and likeness
def test_nothing_is_said_with_what_comes_nearest(context):
    evidence = search(context, query="grooming for more than 20 s")
    assert evidence.clips == []
    assert "Nothing meets all conditions." in evidence.flags
    assert any("without “duration > 20 s” there are 2 events" in flag for flag in evidence.flags)


def test_zero_hits_by_likeness_are_said(context):
    evidence = search(indexed(context), query="flies")
    assert evidence.clips == evidence.values == []
    assert "No segment meets the conditions." in evidence.flags


def test_hits_by_likeness_are_not_counted_and_say_so(context):
    hits = [Hit(segment_id="a", score=0.4, text="It flies.", payload=payload("oft_1", 1.0, 2.0))]
    evidence = search(indexed(context, *hits), query="flies")
    assert [(clip.why, clip.description) for clip in evidence.clips] == [
        ("described alike (likeness 0.40)", "It flies.")
    ]
    assert evidence.values == []
    assert any("by likeness of descriptions alone" in flag for flag in evidence.flags)
    assert any("“flies”" in flag for flag in evidence.flags)


# ------------------------------------------------------------------ any call
NUMBERS = st.sampled_from([None, 0, 0.5, 1, 3, 1e9, -1, -5, 1e-12, math.nan, math.inf, -math.inf])
WORDS = st.sampled_from(
    "Rearing|grooming|resting|center|not|without|then|before|after|within 2 s|for 1 s|faster than 10 px/s|enters|leaves|slowly|the other "
    "mouse|sessions without any|xyzzy|drinking|,|and|or|never|10|-|\u00b2|\U0001f42d|' OR 1=1|%s|{}|\\|(|*".split(
        "|"
    )
)
QUERIES = st.one_of(st.lists(WORDS, max_size=8).map(" ".join), st.text(max_size=30))
MOMENTS = st.builds(
    lambda session, time: {"session_id": session, "time": time},
    st.sampled_from(["oft_1", "oft_2", "bad", "no such"]),
    st.sampled_from([0, 1.5, 10, -1, 1e300, math.nan]),
)
CALLS = st.fixed_dictionaries(
    {"query": QUERIES},
    optional={
        "behaviors": st.lists(st.sampled_from(["Rearing", "rear up", "resting", "sniffle"]), max_size=2),
        "zones": st.lists(st.sampled_from(["center", "attic"]), max_size=2),
        "without": st.lists(st.sampled_from(["Grooming", "center", "sniffle"]), max_size=2),
        "sources": st.lists(st.sampled_from(["anna", "ben", "rules", "manual", "zoe"]), max_size=2),
        "sessions": st.lists(st.sampled_from(["oft_1", "oft_5", "bad", "no such"]), max_size=2),
        "subjects": st.lists(st.sampled_from(["m1", "m2", "m9"]), max_size=1),
        "individuals": st.lists(st.sampled_from(["", "x"]), max_size=1),
        "followed_by": st.lists(QUERIES, max_size=2),
        "like": st.lists(MOMENTS, max_size=2),
        "unlike": st.lists(MOMENTS, max_size=2),
        "other_sessions": st.booleans(),
        "include_excluded": st.booleans(),
        "per_session": st.sampled_from([None, 0, 1, 3]),
        "limit": st.sampled_from([0, 1, 5, 1000, 1001]),
        "offset": st.sampled_from([-1, 0, 2, 10**9]),
        **{
            name: NUMBERS
            for name in "min_duration_s max_duration_s min_speed max_speed within_s start_s stop_s start_part stop_part".split()
        },
    },
)


def leaves(item) -> Iterator[object]:
    if isinstance(item, dict):
        item = list(item.values())
    if isinstance(item, list):
        for part in item:
            yield from leaves(part)
    else:
        yield item


@given(CALLS)
@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_call_gives_a_sound_result_or_a_plain_error(context, arguments):
    hits = [
        Hit(segment_id="a", score=0.4, text="It flies.", payload=payload("oft_1", 1.0, 2.0)),
        Hit(segment_id="b", score=-0.1, text="It lies.", payload=payload("oft_1", 2.0, 9.0, behaviors=())),
    ]
    try:
        evidence = search(indexed(context, *hits), **arguments)
    except ToolError:
        return
    data = evidence.model_dump()
    assert all(math.isfinite(item) for item in leaves(data) if isinstance(item, float))
    assert len(evidence.clips) <= arguments.get("limit", 10)
    for clip in evidence.clips:
        assert 0 <= clip.start_time < clip.stop_time <= 10.0
        assert clip.score is None or 0 <= clip.score <= 1
        assert clip.why
        assert clip.session_id in (arguments.get("sessions") or ["oft_1", "oft_2", "oft_4", "oft_5", "bad"])
        for name, bound in (("start_s", "start_time"), ("stop_s", "stop_time")):
            limit = arguments.get(name)
            if limit is not None and limit >= 0:
                assert getattr(clip, bound) >= limit if name == "start_s" else getattr(clip, bound) <= limit
    found = [(clip.session_id, clip.individual, clip.start_time, clip.stop_time) for clip in evidence.clips]
    assert len(set(found)) == len(found)
    total = [value.value for value in evidence.values if value.name == "event_count"]
    assert not total or total[0] == sum(total[1:])


@pytest.mark.parametrize("name", ["min_duration_s", "min_speed", "max_speed", "within_s", "start_s"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_are_finite(context, name, value):
    with pytest.raises(ToolRetryError, match=name):
        search(context, query="Rearing then grooming", **{name: value})


def test_the_same_call_gives_the_same_result(context):
    first, again = (search(context, query="Rearing, not in the center") for _ in range(2))
    assert first == again
