"""Events of a description against brute force on single frames, and their edges."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ethochat.index.tables import TABLES
from ethochat.tools.arguments import Selection
from ethochat.tools.errors import ToolRetryError
from ethochat.tools.searching.events import EDGE_S, Evaluator, Extra
from ethochat.tools.searching.lexicon import Concept
from ethochat.tools.searching.limits import Limit
from ethochat.tools.searching.reading import Description, Step
from ethochat.tools.selection import select_sessions

FPS = 10
N = 80
SCRAP = 2
"""Frames of a fifth of a second: shorter remains are dropped, shorter interruptions bridged."""


def concept(*names: str) -> Concept:
    return Concept(label=" or ".join(names), behaviors=names)


ZONE = Concept(label="center", zones=("center",))


def described(*steps: Step, within: float | None = None, in_frames: bool = False) -> Description:
    pauses = tuple(within for _ in steps[1:])
    return Description(text="x", steps=steps, within=pauses, in_frames=in_frames)


def step(*terms: str | Concept, without: Sequence[str | Concept] = (), **more) -> Step:
    def concepts(items):
        return tuple(concept(item) if isinstance(item, str) else item for item in items)

    return Step(text="x", terms=concepts(terms), without=concepts(without), **more)


def lasting(
    low: float | None = None, high: float | None = None, *, strict: bool = False, unit: str = "s"
) -> Limit:
    return Limit(quantity="duration", low=low, high=high, strict=strict, unit=unit)


def events(context, description: Description, *, extra: Extra | None = None, **selection):
    scope = select_sessions(context, Selection(**selection))
    return Evaluator(context, scope, extra).find(description)


def found(context, *steps: Step, within: float | None = None, extra: Extra | None = None, **selection):
    result = events(context, described(*steps, within=within), extra=extra, **selection)
    return [(event.individual, event.start, event.stop) for event in result.found]


def times(context, *steps: Step, within: float | None = None, **selection):
    return [(round(a, 6), round(b, 6)) for _, a, b in found(context, *steps, within=within, **selection)]


# ------------------------------------------------------------------ brute force
@st.composite
def runs(draw, *, grid: int = 4) -> list[tuple[int, int]]:
    """Disjoint runs of frames that do not touch, on a grid coarser than what is dropped or bridged."""
    cuts = sorted(draw(st.sets(st.integers(0, N // grid), max_size=12)))
    pairs = [(a * grid, b * grid) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    return [pair for pair in pairs if pair[0] < pair[1]]


def mask(some: Sequence[tuple[int, int]]) -> set[int]:
    return {frame for start, stop in some for frame in range(start, stop)}


def as_runs(chosen: set[int]) -> list[tuple[int, int]]:
    starts = [frame for frame in sorted(chosen) if frame - 1 not in chosen]
    stops = [frame + 1 for frame in sorted(chosen) if frame + 1 not in chosen]
    return list(zip(starts, stops, strict=True))


def experiment(labeled, **behaviors: Sequence[tuple[int, int]]):
    """Make a session of 8 s in which anna marks these runs of frames, and looks for them all the time."""
    bouts = [("anna", name, a / FPS, b / FPS) for name, some in behaviors.items() for a, b in some]
    looked = [("s1", "anna", "", 0.0, N / FPS, sorted(behaviors))]
    return labeled({"s1": bouts}, looked_for=looked, duration=N / FPS, fps=float(FPS))


def in_frames(intervals: Sequence[tuple[float, float]]) -> list[tuple[int, int]]:
    return [(round(a * FPS), round(b * FPS)) for a, b in intervals]


slowly = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@given(runs(), runs(), runs())
@slowly
def test_one_step_holds_in_the_frames_in_which_all_its_terms_and_none_of_the_others_hold(labeled, a, b, c):
    context = experiment(labeled, a=a, b=b, c=c)
    both = times(context, step("a", "b"))
    assert in_frames(both) == as_runs(mask(a) & mask(b))
    only = times(context, step("a", without=["b", "c"]))
    assert in_frames(only) == as_runs(mask(a) - mask(b) - mask(c))
    either = times(context, step(concept("a", "b"), without=["c"]))
    assert mask(in_frames(either)) == (mask(a) | mask(b)) - mask(c)
    nothing = times(context, step(without=["a", "b", "c"]))
    assert in_frames(nothing) == as_runs(set(range(N)) - mask(a) - mask(b) - mask(c))


@given(runs(grid=1), runs(grid=1))
@slowly
def test_remains_of_a_cut_are_dropped_below_a_fifth_of_a_second_unless_they_are_whole_bouts(labeled, a, b):
    context = experiment(labeled, a=a, b=b)
    both = as_runs(mask(a) & mask(b))
    assert in_frames(times(context, step("a", "b"))) == [
        run for run in both if run[1] - run[0] >= SCRAP or run in a or run in b
    ]


@given(runs(grid=1), runs(grid=1))
@slowly
def test_short_interruptions_of_one_bout_are_bridged_and_two_bouts_stay_two(labeled, a, b):
    context = experiment(labeled, a=a, b=b)
    expected = []
    for start, stop in a:
        parts: list[tuple[int, int]] = []
        for first, last in as_runs(mask([(start, stop)]) - mask(b)):
            joins = bool(parts) and first - parts[-1][1] <= SCRAP
            parts.append((parts.pop()[0], last) if joins else (first, last))
        expected += [part for part in parts if part[1] - part[0] >= SCRAP or part == (start, stop)]
    assert in_frames(times(context, step("a", without=["b"]))) == expected


@given(runs(grid=1), runs(grid=1), st.integers(0, 30))
@slowly
def test_a_sequence_is_each_later_bout_with_the_latest_earlier_one_in_reach(labeled, a, b, reach):
    context = experiment(labeled, a=a, b=b)
    expected = []
    for start, stop in b:
        before = [run for run in a if run[1] <= start]
        if before and start - max(before)[1] <= reach:
            expected.append((max(before)[0], stop))
    assert sorted(in_frames(times(context, step("a"), step("b"), within=reach / FPS))) == sorted(expected)


@given(runs(grid=1), runs(grid=1), runs(grid=1), st.integers(0, 20))
@slowly
def test_three_steps_follow_one_another(labeled, a, b, c, reach):
    context = experiment(labeled, a=a, b=b, c=c)
    pairs = []
    for run in b:
        before = [one for one in a if one[1] <= run[0]]
        if before and run[0] - max(before)[1] <= reach:
            pairs.append((max(before), run))
    expected = []
    for run in c:
        before = [pair for pair in pairs if pair[1][1] <= run[0]]
        if before:
            latest = max(before, key=lambda pair: pair[1][1])
            if run[0] - latest[1][1] <= reach:
                expected.append((latest[0][0], run[1]))
    result = in_frames(times(context, step("a"), step("b"), step("c"), within=reach / FPS))
    assert sorted(result) == sorted(expected)


@given(runs(), st.integers(0, N), st.integers(1, N))
@slowly
def test_a_window_keeps_what_it_touches_and_cuts_it(labeled, a, first, length):
    context = experiment(labeled, a=a)
    last = first + length
    expected = [(max(x, first), min(y, last)) for x, y in a if x < last and first < y]
    assert in_frames(times(context, step("a"), start_s=first / FPS, stop_s=last / FPS)) == expected


@given(runs(grid=1), st.integers(0, 20), st.booleans())
@slowly
def test_durations_are_limited_exactly_in_frames(labeled, a, n, strict):
    context = experiment(labeled, a=a)
    long = times(context, step("a", limits=(lasting(n / FPS, strict=strict),)))
    assert in_frames(long) == [run for run in a if (run[1] - run[0] > n if strict else run[1] - run[0] >= n)]
    short = times(context, step("a", limits=(lasting(None, n / FPS, strict=strict),)))
    assert in_frames(short) == [run for run in a if (run[1] - run[0] < n if strict else run[1] - run[0] <= n)]
    by_frames = times(context, step("a", limits=(lasting(float(n), unit="frames"),)))
    assert in_frames(by_frames) == [run for run in a if run[1] - run[0] >= n]


# ------------------------------------------------------------------ steps
def test_steps_that_the_tables_cannot_decide_are_left_out(labeled):
    context = labeled({"s1": [("anna", "a", 0, 1), ("anna", "b", 2, 3)]})
    assert times(context, step("a"), Step(text="xyzzy"), step("b")) == [(0, 3)]
    with pytest.raises(ToolRetryError, match="Nothing in"):
        events(context, described(Step(text="xyzzy")))


def test_each_pause_has_its_own_limit_even_between_equal_steps(labeled):
    context = labeled({"s1": [("anna", "a", 0, 1), ("anna", "a", 2, 3), ("anna", "a", 8, 9)]})
    same = step("a")
    assert times(context, same, same, same, within=5.0) == [(0, 9)]
    steps = Description(text="x", steps=(same, same, same), within=(1.0, 5.0))
    assert [(e.start, e.stop) for e in events(context, steps).found] == [(0, 9)]
    steps = Description(text="x", steps=(same, same, same), within=(5.0, 1.0))
    assert events(context, steps).found == ()


def test_a_next_step_starts_within_five_seconds_where_nothing_is_said(labeled):
    context = labeled(
        {"s1": [("anna", "a", 0, 1), ("anna", "b", 6, 7)], "s2": [("anna", "a", 0, 1), ("anna", "b", 6.1, 7)]}
    )
    assert [event.session_id for event in events(context, described(step("a"), step("b"))).found] == ["s1"]


def test_a_pause_in_frames_counts_frames(labeled):
    context = labeled({"s1": [("anna", "a", 0, 1), ("anna", "b", 3, 4)]})
    for n, hits in ((19, 0), (20, 1)):
        steps = described(step("a"), step("b"), within=float(n), in_frames=True)
        assert len(events(context, steps).found) == hits


def test_a_step_that_touches_the_next_is_followed_by_it(labeled):
    context = labeled({"s1": [("anna", "a", 0, 1), ("anna", "b", 1, 2)]})
    assert times(context, step("a"), step("b"), within=0.0) == [(0, 2)]


def test_animals_do_not_follow_each_other(labeled):
    context = labeled(
        {"s1": [("anna", "a", 0, 1, "m1"), ("anna", "b", 1, 2, "m2"), ("anna", "b", 2, 3, "m1")]}
    )
    assert found(context, step("a"), step("b")) == [("m1", 0, 3)]


def zone_rows(session: str, stays: Sequence[tuple[int, int]], n: int = 100) -> list[dict]:
    inside = mask(stays)
    return [
        {"source": "cam", "individual": "", "zone": "center", "frame": frame, "inside": frame in inside}
        for frame in range(n)
    ]


def with_zone(labeled, stays, bouts=(("anna", "x", 0, 0.5),), n=100):
    return labeled({"s1": list(bouts)}, extra={"s1": {"zones": zone_rows("s1", stays, n)}}, duration=n / FPS)


def test_entering_is_the_first_second_and_leaving_half_of_one_on_each_side(labeled):
    context = with_zone(labeled, [(20, 50), (60, 65)])
    assert times(context, step(ZONE, edge="enter")) == [(2.0, 2.0 + EDGE_S), (6.0, 6.5)]
    assert times(context, step(ZONE, edge="leave")) == [(4.5, 5.5), (6.0, 7.0)]


def test_being_there_at_the_start_is_no_entry_and_at_the_end_no_exit(labeled):
    context = with_zone(labeled, [(0, 20), (90, 100)])
    assert times(context, step(ZONE, edge="enter")) == [(9.0, 10.0)]
    assert times(context, step(ZONE, edge="leave")) == [(1.5, 2.5)]


def test_leaving_shortly_before_the_end_stays_in_the_recording(labeled):
    assert times(with_zone(labeled, [(50, 98)]), step(ZONE, edge="leave")) == [(9.3, 10.0)]


def test_the_next_step_may_start_while_the_place_is_still_held_and_counts_once_a_stay(labeled):
    bouts = [("anna", "freeze", 4, 5), ("anna", "freeze", 6, 7)]
    context = with_zone(labeled, [(30, 80)], bouts)
    assert times(context, step(ZONE), step("freeze")) == [(3.0, 8.0)]
    assert times(context, step(ZONE, edge="enter"), step("freeze")) == [(3.0, 5.0)]


def test_a_flicker_of_a_zone_is_bridged_where_it_is_cut_with_a_bout(labeled):
    context = with_zone(labeled, [(20, 40), (41, 60)], [("anna", "walk", 1, 9)])
    assert times(context, step(ZONE)) == [(2.0, 4.0), (4.1, 6.0)]
    assert times(context, step("walk", ZONE)) == [(2.0, 6.0)]


# ------------------------------------------------------------------ paths and speeds
def moving(labeled, steps_cm: Sequence[float | None], bouts=(("anna", "walk", 1, 3),)):
    rows = [
        {
            "source": "cam",
            "individual": "",
            "frame": frame,
            "step_cm": value,
            "speed_cm_per_s": None if value is None else value * FPS,
        }
        for frame, value in enumerate(steps_cm)
    ]
    return labeled({"s1": list(bouts)}, extra={"s1": {"kinematics": rows}})


@pytest.mark.parametrize(
    ("low", "strict", "hits"), [(10.0, False, 1), (10.0, True, 0), (9.5, True, 1), (10.5, False, 0)]
)
def test_a_path_is_the_sum_of_the_steps_of_its_frames(labeled, low, strict, hits):
    """The walk is frames 10 to 29 of half a centimeter each: 10 cm."""
    context = moving(labeled, [None, *[0.5] * 99])
    limit = Limit(quantity="path", low=low, strict=strict, unit="cm")
    assert len(times(context, step("walk", limits=(limit,)))) == hits


def test_a_path_needs_that_unit(labeled):
    context = moving(labeled, [None, *[0.5] * 99])
    limit = Limit(quantity="path", low=1.0, unit="px")
    result = events(context, described(step("walk", limits=(limit,))))
    assert result.found == ()
    assert result.known == frozenset()
    assert result.flags


def test_a_session_with_no_such_bout_can_still_be_told_about(labeled):
    """Nobody walks in s1: no walk is longer than a limit, which is known."""
    context = labeled(
        {"s1": [("anna", "walk", 1, 2)], "s2": []},
        extra={
            name: {
                "kinematics": [
                    {"source": "cam", "individual": "", "frame": f, "step_cm": 0.5} for f in range(100)
                ]
            }
            for name in ("s1", "s2")
        },
    )
    limit = Limit(quantity="path", low=1.0, unit="cm")
    assert events(context, described(step("walk", limits=(limit,)))).known == {"s1", "s2"}


def test_a_speed_alone_is_a_step(labeled):
    context = moving(labeled, [0.0] * 20 + [1.0] * 30 + [0.0] * 50)
    fast = Limit(quantity="speed", low=5.0, unit="cm/s")
    assert times(context, step(limits=(fast,))) == [(2.0, 5.0)]
    assert times(context, step("walk", limits=(fast,))) == [(2.0, 3.0)]
    assert times(context, step(limits=(fast, lasting(4.0)))) == []


# ------------------------------------------------------------------ who, and what every step needs
def test_what_a_call_asks_besides_holds_for_every_step(labeled):
    context = with_zone(labeled, [(0, 50)], [("anna", "a", 1, 2), ("ben", "a", 6, 7), ("anna", "b", 3, 6)])
    place = Extra(terms=(ZONE,))
    assert found(context, step("a"), extra=place) == [("", 1, 2)]
    assert found(context, step("a"), step("b"), extra=place) == [("", 1, 5)]
    assert found(context, step("b"), extra=Extra(without=(ZONE,))) == [("", 5, 6)]
    assert found(context, step("a"), extra=Extra(sources=("ben",))) == [("", 6, 7)]
    assert found(context, Step(text=""), extra=Extra(terms=(concept("a"),))) == [("", 1, 2), ("", 6, 7)]


def test_only_the_animals_asked_for_are_found(labeled):
    context = labeled({"s1": [("anna", "a", 0, 1, "m1"), ("anna", "a", 2, 3, "m2")]})
    assert found(context, step("a"), individuals=["m2"]) == [("m2", 2, 3)]
    assert found(context, step("a"), subjects=["s1:m1"]) == [("m1", 0, 1)]


def test_sessions_come_in_the_order_of_the_experiment(labeled):
    context = labeled({"s2": [("anna", "a", 0, 1)], "s1": [("anna", "a", 0, 1), ("anna", "a", 2, 3)]})
    result = events(context, described(step("a")))
    assert [(event.session_id, event.start) for event in result.found] == [("s2", 0), ("s1", 0), ("s1", 2)]


def test_sessions_in_which_nobody_looked_are_named_and_not_known(labeled):
    bouts = {"s1": [("anna", "a", 0, 1)], "s2": [("anna", "b", 0, 1)]}
    looked = [("s1", "anna", "", 0, 10, ["a"]), ("s2", "anna", "", 0, 10, ["b"])]
    result = events(labeled(bouts, looked_for=looked), described(step("a")))
    assert result.known == {"s1"}
    assert any("s2" in flag for flag in result.flags)


def test_what_must_not_hold_has_to_be_looked_for_then(labeled):
    """Nobody looks for b in s2, and in s1 only from 2 s on."""
    bouts = {"s1": [("anna", "a", 0, 6), ("ben", "b", 3, 4)], "s2": [("anna", "a", 0, 6)]}
    looked = [
        ("s1", "anna", "", 0, 10, ["a"]),
        ("s2", "anna", "", 0, 10, ["a"]),
        ("s1", "ben", "", 2, 10, ["b"]),
    ]
    result = events(labeled(bouts, looked_for=looked), described(step("a", without=["b"])))
    assert [(event.session_id, event.start, event.stop) for event in result.found] == [
        ("s1", 2, 3),
        ("s1", 4, 6),
    ]
    assert result.known == {"s1"}


def test_an_animal_whose_position_is_not_known_is_not_outside(labeled):
    rows = [
        row | {"inside": None if 20 <= row["frame"] < 40 else row["inside"]}
        for row in zone_rows("s1", [(50, 60)])
    ]
    context = labeled({"s1": [("anna", "walk", 0, 8)]}, extra={"s1": {"zones": rows}})
    assert times(context, step("walk", without=[ZONE])) == [(0.0, 2.0), (4.0, 5.0), (6.0, 8.0)]


def test_a_duration_in_seconds_cannot_be_told_without_a_frame_rate(labeled):
    context = labeled({"s1": [("anna", "a", 0, 20)]}, fps=None, duration=100.0)
    assert events(context, described(step("a", limits=(lasting(1.0),)))).known == frozenset()
    assert times(context, step("a", limits=(lasting(20.0, unit="frames"),))) == [(0, 20)]


def pair(labeled, *bouts, kind="rule"):
    """Bouts of ``near`` between m1 and m2, each once, as the rules give them."""
    context = labeled(
        {"s1": [("rules", "near", a, b, "m1") for a, b in bouts] + [("rules", "walk", 0, 0.5, "m2")]},
        kinds={"rules": kind},
    )
    table = context.catalog.load("bouts").with_columns(
        partner=pl.when(pl.col("behavior") == "near").then(pl.lit("m2")).otherwise(pl.col("partner"))
    )
    tables = {name: context.catalog.load(name) for name in TABLES}
    context.catalog.write_session("s1", tables | {"bouts": table})
    return context


def test_a_moment_of_a_pair_is_one_event_and_either_animal_s(labeled):
    context = pair(labeled, (1, 2), (3, 4))
    assert found(context, step("near")) == [("m1", 1, 2), ("m1", 3, 4)]
    assert found(context, step("near"), individuals=["m2"]) == [("m2", 1, 2), ("m2", 3, 4)]


def test_nothing_is_found_twice(labeled):
    bouts = [("anna", name, start, start + 1) for name, start in zip("abab", range(0, 8, 2), strict=True)]
    context = labeled({"s1": bouts})
    result = events(context, described(step("a"), step("b")))
    intervals = [(event.individual, event.start, event.stop) for event in result.found]
    assert len(set(intervals)) == len(intervals) == 2
    assert all(one.start <= other.start for one, other in itertools.pairwise(result.found))


def test_many_pairs_at_once_are_each_one_event(labeled):
    """Ten pairs, each animal near its own partner alone."""
    animals = [f"a{place}" for place in range(10)]
    bouts = [("rules", "near", 1, 2, name) for name in animals] + [
        ("rules", "near", 1, 2, f"z{place}") for place in range(10)
    ]
    context = labeled({"s1": bouts}, kinds={"rules": "rule"})
    table = context.catalog.load("bouts").filter(pl.col("individual").str.starts_with("a"))
    partner = pl.col("individual").str.replace("a", "z").alias("partner")
    tables = {name: context.catalog.load(name) for name in TABLES} | {"bouts": table.with_columns(partner)}
    context.catalog.write_session("s1", tables)
    assert [name for name, _, _ in found(context, step("near"))] == animals
