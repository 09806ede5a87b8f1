"""What holds for every experiment: of tiny random ones, the tools' answers before and after a change that must not matter."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ethochat.index.catalog import CATALOG_VERSION, Catalog
from ethochat.index.domain import Session
from ethochat.index.experiment import Experiment
from ethochat.index.tables import conform, empty
from ethochat.tools import tool_named
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import Evidence

FPS = 10
BEHAVIORS = ("groom", "rear")
ABS = 1e-9

Key = tuple[Any, ...]


# ------------------------------------------------------------------ random experiments
@dataclass(frozen=True)
class Recording:
    """One session in frames; positions are along x, ``None`` where the animal is not seen."""

    name: str
    subject: str
    group: str
    n_frames: int
    looked: tuple[int, int]
    bouts: tuple[tuple[str, int, int], ...]
    path: tuple[int | None, ...]
    inside: tuple[bool | None, ...]


@st.composite
def recordings(draw: st.DrawFn, name: str, subject: str, group: str) -> Recording:
    n = draw(st.integers(20, 50))
    first, last = draw(st.integers(0, n // 3)), draw(st.integers(2 * n // 3, n))
    bouts = draw(
        st.lists(
            st.tuples(st.sampled_from(BEHAVIORS), st.integers(0, n - 1), st.integers(1, n // 2)), max_size=6
        )
    )
    # One number instead of a hundred to draw: positions are only there to be added up.
    walk = random.Random(draw(st.integers(0, 10_000)))
    path = [None if walk.random() < 0.2 else walk.randint(0, 9) for _ in range(n)]
    inside = [x is not None and x > 4 for x in path]
    return Recording(
        name=name,
        subject=subject,
        group=group,
        n_frames=n,
        looked=(first, last),
        bouts=tuple((behavior, start, min(start + length, n)) for behavior, start, length in bouts),
        path=tuple(path),
        inside=tuple(None if x is None else zone for x, zone in zip(path, inside, strict=True)),
    )


@st.composite
def experiments(draw: st.DrawFn, n: int = 3) -> tuple[Recording, ...]:
    """Sessions of fewer animals than sessions, each animal in one of two groups."""
    subjects = [f"m{draw(st.integers(1, 3))}" for _ in range(n)]
    return tuple(
        draw(recordings(f"s{k}", subject, "vehicle" if subject == "m3" else "drug"))
        for k, subject in enumerate(subjects)
    )


def tables_of(recording: Recording, *, fps: int | None, shift: int) -> dict[str, list[dict[str, Any]]]:
    """Rows of the tables of a session that begins ``shift`` frames later."""
    unit, n = fps or 1, recording.n_frames

    def time(frame: int) -> float:
        return (frame + shift) / unit

    def covered(kind: str, source: str, span: tuple[int, int], behaviors: Iterable[str]) -> dict[str, Any]:
        return {
            "individual": "",
            "kind": kind,
            "source": source,
            "source_kind": "manual",
            "start_time": time(span[0]),
            "stop_time": time(span[1]),
            "n_frames": span[1] - span[0],
            "behaviors": list(behaviors),
        }

    x = recording.path
    steps = [
        None,
        *(None if None in pair else float(abs(pair[1] - pair[0])) for pair in itertools.pairwise(x)),
    ]  # type: ignore[operator]
    seen = {"source": "cam", "individual": ""}
    return {
        "sessions": [
            {
                "session_id": recording.name,
                "subject_id": recording.subject,
                "group": recording.group,
                "time_unit": "s" if fps else "frames",
                "fps": float(fps) if fps else None,
                "duration": time(n),
                "n_frames": n + shift,
                "excluded": False,
            }
        ],
        "individuals": [{"individual": "", "subject_id": recording.subject}],
        "coverage": [
            covered("annotations", "anna", recording.looked, BEHAVIORS),
            covered("track", "cam", (0, n), ()),
        ],
        "bouts": [
            {
                "individual": "",
                "behavior": behavior,
                "source": "anna",
                "source_kind": "manual",
                "start_time": time(start),
                "stop_time": time(stop),
            }
            for behavior, start, stop in recording.bouts
        ],
        "tracks": [
            {**seen, "keypoint": "body", "frame": k + shift, "x_px": None if p is None else float(p), "y_px": 0.0}
            for k, p in enumerate(x)
        ],
        "kinematics": [
            {**seen, "frame": k + shift, "x_px": None if p is None else float(p), "y_px": 0.0, "step_px": step}
            for k, (p, step) in enumerate(zip(x, steps, strict=True))
        ],
        "zones": [
            {**seen, "zone": "center", "frame": k + shift, "inside": zone} for k, zone in enumerate(recording.inside)
        ],
    }  # fmt: skip


Write = Callable[..., ToolContext]


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Write recordings into a catalog of their own."""
    numbers = itertools.count()

    def make(
        recordings: Iterable[Recording],
        *,
        fps: int | None = FPS,
        shift: int = 0,
        shuffle: random.Random | None = None,
    ) -> ToolContext:
        root = tmp_path_factory.getbasetemp() / f"properties{next(numbers)}"
        catalog, known = Catalog(root / ".ethochat"), list(recordings)
        for recording in known:
            tables = tables_of(recording, fps=fps, shift=shift)
            for name, rows in tables.items():
                if shuffle is not None and name != "tracks":
                    shuffle.shuffle(rows)
                tables[name] = [{"session_id": recording.name, **row} for row in rows]
            catalog.write_session(
                recording.name,
                {
                    name: conform(pl.DataFrame(rows, infer_schema_length=None), name) if rows else empty(name)
                    for name, rows in tables.items()
                },
            )
        names = [recording.name for recording in known]
        catalog.write_state({"sessions": dict.fromkeys(names, "x"), "catalog_version": CATALOG_VERSION})
        sessions = tuple(Session(session_id=name) for name in names)
        return ToolContext(
            experiment=Experiment(root=root, name="Random", sessions=sessions),
            catalog=catalog,
            open_search=no_search,
            figures_dir=root / "figures",
        )

    return make


def no_search() -> Any:
    raise AssertionError("no search here")


def measured(context: ToolContext, measure: str, **arguments: Any) -> Evidence:
    return tool_named("measure").run(context, {"measure": measure, **arguments})


def by_key(evidence: Evidence, *, bins: bool = False) -> dict[Key, float | None]:
    """Values by session, labels and statistic."""
    found: dict[Key, float | None] = {}
    for value in evidence.values:
        key: Key = (value.session_id, value.statistic, *sorted(value.group.items()))
        key = (*key, value.bin_start_s) if bins else key
        assert key not in found
        found[key] = value.value  # type: ignore[assignment]
    return found


MEASURES = {
    "bout_count": {"group_by": ["session_id", "behavior"]},
    "total_duration": {"group_by": ["session_id", "behavior"]},
    "percent_time": {"group_by": ["session_id", "behavior"]},
    "mean_bout_duration": {"group_by": ["session_id", "behavior"]},
    "longest_bout_duration": {"group_by": ["session_id", "behavior"]},
    "inter_bout_interval": {"group_by": ["session_id", "behavior"], "statistics": ["mean", "count"]},
    "distance": {"group_by": ["session_id"]},
    "zone_time": {"group_by": ["session_id"]},
    "zone_entries": {"group_by": ["session_id"]},
    "zone_percent": {"group_by": ["session_id"]},
}
"""Measures that do not depend on when the session's clock starts."""

LATER = {
    "latency": {"group_by": ["session_id", "behavior"]},
    "last_end": {"group_by": ["session_id", "behavior"]},
    "zone_latency": {"group_by": ["session_id"]},
}
"""Measures that are times of the session's clock."""

ADDITIVE = ("bout_count", "total_duration", "distance", "zone_time", "zone_entries")

many = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def same(a: dict[Key, float | None], b: dict[Key, float | None]) -> bool:
    return a == {key: value if value is None else pytest.approx(value, abs=1e-6) for key, value in b.items()}


# ------------------------------------------------------------------ bounds
@many
@given(experiment=experiments(), start=st.integers(0, 20), length=st.integers(1, 40))
def test_united_durations_never_exceed_what_was_looked_at(
    write: Write, experiment: tuple[Recording, ...], start: int, length: int
) -> None:
    context = write(experiment)
    window = {"start_s": start / FPS, "stop_s": (start + length) / FPS}
    common = {"group_by": ["session_id"], "behaviors": list(BEHAVIORS)}
    for cut in ({}, window):
        spent = by_key_or_nothing(context, "total_duration", **common, **cut)
        share = by_key_or_nothing(context, "percent_time", **common, **cut)
        for recording in experiment:
            first, last = recording.looked
            if cut:
                first, last = max(first, start), min(last, start + length)
            looked = max(0, last - first) / FPS
            found = [value for key, value in spent.items() if key[0] == recording.name]
            assert len(found) == (looked > 0)
            assert all(
                0 <= (seconds or 0) <= min(looked, recording.n_frames / FPS) + ABS for seconds in found
            )
        assert all(0 <= percent <= 100 + ABS for percent in share.values() if percent is not None)


@many
@given(experiment=experiments())
def test_time_inside_and_outside_of_a_zone_is_the_time_seen(
    write: Write, experiment: tuple[Recording, ...]
) -> None:
    context = write(experiment)
    inside = by_key(measured(context, "zone_time", group_by=["session_id"]))
    outside = by_key(measured(context, "zone_time", group_by=["session_id"], outside=True))
    for recording in experiment:
        known = sum(zone is not None for zone in recording.inside)
        both = [[v for key, v in found.items() if key[0] == recording.name] for found in (inside, outside)]
        assert sum(value or 0 for values in both for value in values) == pytest.approx(known / FPS)


@many
@given(experiment=experiments())
def test_time_during_and_without_another_behavior_add_up(
    write: Write, experiment: tuple[Recording, ...]
) -> None:
    context = write(experiment)
    common = {"group_by": ["session_id"], "behaviors": ["rear"]}
    whole = by_key(measured(context, "total_duration", **common))
    parts: dict[Key, float] = dict.fromkeys(whole, 0.0)
    for cut in ({"during": ["groom"]}, {"excluding": ["groom"]}):
        for key, value in by_key_or_nothing(context, "total_duration", **common, **cut).items():
            parts[key] += value or 0.0
    assert same(parts, whole)


def by_key_or_nothing(context: ToolContext, measure: str, **arguments: Any) -> dict[Key, float | None]:
    """Values, none where the cut leaves nothing to look at."""
    from ethochat.tools.errors import ToolFailedError

    try:
        return by_key(measured(context, measure, **arguments))
    except ToolFailedError as error:
        assert "nothing to measure" in str(error) or "nothing was recorded" in str(error)  # noqa: PT017
        return {}


# ------------------------------------------------------------------ what must not matter
@many
@given(experiment=experiments(), shift=st.integers(1, 40))
def test_counts_and_durations_do_not_depend_on_when_the_clock_starts(
    write: Write, experiment: tuple[Recording, ...], shift: int
) -> None:
    now, later = write(experiment), write(experiment, shift=shift)
    for measure, arguments in MEASURES.items():
        assert same(
            by_key(measured(later, measure, **arguments)), by_key(measured(now, measure, **arguments))
        ), measure
    for measure, arguments in LATER.items():
        before = by_key(measured(now, measure, **arguments))
        moved = {key: None if value is None else value + shift / FPS for key, value in before.items()}
        assert same(by_key(measured(later, measure, **arguments)), moved), measure


@many
@given(
    experiment=experiments(), start=st.integers(0, 15), length=st.integers(3, 30), shift=st.integers(1, 40)
)
def test_a_window_moves_with_the_clock(
    write: Write, experiment: tuple[Recording, ...], start: int, length: int, shift: int
) -> None:
    def cut(offset: int) -> dict[str, float]:
        return {"start_s": (start + offset) / FPS, "stop_s": (start + length + offset) / FPS}

    now, later = write(experiment), write(experiment, shift=shift)
    for measure in ("bout_count", "total_duration", "distance", "zone_entries"):
        arguments = MEASURES[measure]
        before = by_key_or_nothing(now, measure, **arguments, **cut(0))
        assert same(by_key_or_nothing(later, measure, **arguments, **cut(shift)), before), measure


@many
@given(
    experiment=experiments(),
    width=st.sampled_from([0.25, 0.3, 0.7, 1.0, 2.5]),
    start=st.sampled_from([None, 0.4, 1.1]),
)
def test_bins_add_up_to_the_whole(
    write: Write, experiment: tuple[Recording, ...], width: float, start: float | None
) -> None:
    context = write(experiment)
    for measure in ADDITIVE:
        arguments = {**MEASURES[measure], "start_s": start}
        whole = by_key(measured(context, measure, **arguments))
        binned = by_key(measured(context, measure, **arguments, bin_s=width), bins=True)
        added: dict[Key, float | None] = dict.fromkeys(whole)
        for key, value in binned.items():
            if value is not None:
                added[key[:-1]] = (added[key[:-1]] or 0.0) + value
        assert same(added, whole), measure


@many
@given(experiment=experiments(), seed=st.integers(0, 1000))
def test_the_order_of_sessions_and_rows_does_not_matter(
    write: Write, experiment: tuple[Recording, ...], seed: int
) -> None:
    shuffle = random.Random(seed)
    mixed = list(experiment)
    shuffle.shuffle(mixed)
    one, other = write(experiment), write(mixed, shuffle=shuffle)
    for measure, arguments in (MEASURES | LATER).items():
        found, expected = measured(other, measure, **arguments), measured(one, measure, **arguments)
        assert same(by_key(found), by_key(expected)), measure
        by_group = [name for name in arguments["group_by"] if name != "session_id"] + ["group"]
        grouped = {"statistics": ["mean"], **arguments, "group_by": by_group}
        found, expected = measured(other, measure, **grouped), measured(one, measure, **grouped)
        assert {(*sorted(v.group.items()), v.statistic): v.n for v in found.values} == {
            (*sorted(v.group.items()), v.statistic): v.n for v in expected.values
        }
        assert same(
            {(*sorted(v.group.items()), v.statistic): v.value for v in found.values},
            {(*sorted(v.group.items()), v.statistic): v.value for v in expected.values},
        ), measure


@st.composite
def two_groups(draw: st.DrawFn) -> tuple[Recording, ...]:
    """Six animals of one session each, three of a group."""
    names = [(f"s{k}", f"m{k}", "drug" if k < 3 else "vehicle") for k in range(6)]
    return tuple(draw(recordings(*name)) for name in names)


@settings(many, max_examples=8)
@given(experiment=two_groups())
def test_relabeling_groups_flips_the_sign_and_nothing_else(
    write: Write, experiment: tuple[Recording, ...]
) -> None:
    other = {"drug": "vehicle", "vehicle": "drug"}
    context = write(experiment)
    relabeled = write([replace(recording, group=other[recording.group]) for recording in experiment])
    for test, measure in itertools.product(
        ("welch_t", "student_t", "mann_whitney_u"), ("total_duration", "distance")
    ):
        arguments = {
            "measure": measure,
            "group_column": "group",
            "test": test,
            **({"behaviors": ["rear"]} if measure == "total_duration" else {}),
        }
        (one,), (two,) = (tool_named("compare_groups").run(c, arguments).tests for c in (context, relabeled))
        assert {other[name]: group for name, group in two.groups.items()} == one.groups
        assert two.p_value == (None if one.p_value is None else pytest.approx(one.p_value, rel=1e-9))
        for name in ("hedges_g", "cohens_d", "mean_difference", "cliffs_delta"):
            found, expected = two.effect_size.get(name), one.effect_size.get(name)
            assert (found is None) == (expected is None)
            if isinstance(expected, float):
                assert found == pytest.approx(-expected, abs=1e-9), (test, name)


@many
@given(experiment=experiments())
def test_frames_and_seconds_are_the_same_time(write: Write, experiment: tuple[Recording, ...]) -> None:
    seconds, frames = write(experiment), write(experiment, fps=None)
    for measure in ("total_duration", "zone_time", "longest_bout_duration", "latency"):
        arguments = (MEASURES | LATER)[measure]
        asked = measured(seconds, measure, **arguments, unit="frames")
        counted = measured(frames, measure, **arguments)
        assert (
            {value.unit for value in asked.values} == {value.unit for value in counted.values} == {"frames"}
        )
        assert by_key(asked) == by_key(counted), measure
        times = by_key(measured(seconds, measure, **arguments))
        assert same({key: None if v is None else v * FPS for key, v in times.items()}, by_key(counted)), (
            measure
        )
    for measure in ("bout_count", "zone_entries", "percent_time", "distance"):
        assert same(
            by_key(measured(seconds, measure, **MEASURES[measure])),
            by_key(measured(frames, measure, **MEASURES[measure])),
        ), measure


@many
@given(experiment=experiments(n=4))
def test_the_mean_of_a_group_is_the_mean_of_its_animals(
    write: Write, experiment: tuple[Recording, ...]
) -> None:
    context = write(experiment)
    for measure, behaviors in (("bout_count", ["rear"]), ("bout_duration", ["rear"]), ("distance", [])):
        common = {"behaviors": behaviors, "statistics": ["mean"]}
        sessions = measured(context, measure, **common, group_by=["session_id"]).values
        of_session = {value.session_id: value.value for value in sessions}
        of_animal: dict[tuple[str, str], list[float]] = {}
        for recording in experiment:
            value = of_session.get(recording.name)
            if isinstance(value, float):
                of_animal.setdefault((recording.group, recording.subject), []).append(value)
        for group in measured(context, measure, **common, group_by=["group"]).values:
            own = [fmean(values) for (name, _), values in of_animal.items() if name == group.group["group"]]
            assert group.n == len(own)
            assert group.value == (pytest.approx(fmean(own)) if own else None)
