"""Distance and speeds of many sessions during bouts and in bins, against loops over their frames."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

from ethochat.index.catalog import CATALOG_VERSION, Catalog
from ethochat.index.domain import Session
from ethochat.index.experiment import Experiment
from ethochat.index.tables import conform
from ethochat.tools.arguments import MeasureArguments
from ethochat.tools.context import ToolContext
from ethochat.tools.measures import compute
from ethochat.tools.rows import Row

FPS = Fraction("29.97")
N_FRAMES = 180
BEHAVIORS = ("groom", "rear")
ANIMALS = ("a", "b")
SESSIONS = [f"s{k:02d}" for k in range(40)]

Frame = tuple[float | None, float | None]
"""Step from the frame before and speed, missing in some frames."""


class Recorded:
    """One session of two animals: their frames, and bouts as frames, which overlap and touch."""

    def __init__(self, name: str) -> None:
        chance = random.Random(name)
        self.frames = {animal: [_frame(chance, k) for k in range(N_FRAMES)] for animal in ANIMALS}
        self.bouts = [
            (chance.choice(ANIMALS), chance.choice(BEHAVIORS), start, start + chance.randrange(1, 40))
            for start in chance.sample(range(N_FRAMES - 40), 6)
        ]

    def marked(self, animal: str, behaviors: Sequence[str], frame: int) -> bool:
        return any(
            who == animal and what in behaviors and start <= frame < stop
            for who, what, start, stop in self.bouts
        )


def _frame(chance: random.Random, k: int) -> Frame:
    step = None if k == 0 or chance.random() < 0.1 else chance.randrange(64) / 8
    return step, None if chance.random() < 0.1 else chance.randrange(64) / 4


RECORDED = {name: Recorded(name) for name in SESSIONS}


def _tables(name: str) -> dict[str, list[dict[str, Any]]]:
    recorded, end = RECORDED[name], float(N_FRAMES / FPS)
    coverage = {"start_time": 0.0, "stop_time": end, "n_frames": N_FRAMES}
    return {
        "sessions": [
            {"time_unit": "s", "fps": float(FPS), "duration": end, "n_frames": N_FRAMES, "excluded": False}
        ],
        "individuals": [{"individual": animal, "subject_id": f"{name}-{animal}"} for animal in ANIMALS],
        "coverage": [
            coverage
            | {
                "individual": animal,
                "kind": kind,
                "source": source,
                "source_kind": "manual",
                "behaviors": behaviors,
            }
            for animal in ANIMALS
            for kind, source, behaviors in (("annotations", "anna", BEHAVIORS), ("track", "cam", ()))
        ],
        "bouts": [
            {
                "individual": animal,
                "behavior": behavior,
                "source": "anna",
                "source_kind": "manual",
                "start_time": float(start / FPS),
                "stop_time": float(stop / FPS),
            }
            for animal, behavior, start, stop in recorded.bouts
        ],
        "kinematics": [
            {
                "source": "cam",
                "individual": animal,
                "frame": k,
                "step_px": step,
                "speed_px_per_s": speed,
                "x_px": 0.0,
            }
            for animal in ANIMALS
            for k, (step, speed) in enumerate(recorded.frames[animal])
        ],
    }


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ToolContext:
    root = tmp_path_factory.mktemp("sums")
    catalog = Catalog(root / ".ethochat")
    for name in SESSIONS:
        tables = {
            table: conform(
                pl.DataFrame([{"session_id": name, **row} for row in rows], infer_schema_length=None), table
            )
            for table, rows in _tables(name).items()
        }
        catalog.write_session(name, tables)
    catalog.write_state({"sessions": dict.fromkeys(SESSIONS, "x"), "catalog_version": CATALOG_VERSION})
    known = Experiment(
        root=root, name="Test", sessions=tuple(Session(session_id=name, fps=FPS) for name in SESSIONS)
    )
    return ToolContext(experiment=known, catalog=catalog, open_search=_no_search, figures_dir=root)


def _no_search() -> Any:
    raise AssertionError("no search here")


def rows_of(context: ToolContext, measure: str, **arguments: Any) -> Sequence[Row]:
    return compute(context, MeasureArguments(measure=measure, **arguments)).measured.rows


def inside(row: Row, behaviors: Sequence[str], width: Fraction, lag: int) -> list[Frame]:
    """Frames of a row by exact fractions; a step (lag 1) is where it starts."""
    recorded = RECORDED[row.session_id]
    frames = enumerate(recorded.frames[row.individual])
    low, high = row.bin_index * width, (row.bin_index + 1) * width
    return [
        frame
        for k, frame in frames
        if low <= (k - lag) / FPS < high and recorded.marked(row.individual, behaviors, k - lag)
    ]


def reaches(row: Row, behaviors: Sequence[str]) -> bool:
    """Whether a bout reaches into the second of a row."""
    return any(
        who == row.individual
        and what in behaviors
        and start / FPS < row.bin_index + 1
        and stop / FPS > row.bin_index
        for who, what, start, stop in RECORDED[row.session_id].bouts
    )


def test_steps_and_speeds_during_behaviors_in_bins_are_those_of_a_loop(context: ToolContext) -> None:
    cut = {"behaviors": list(BEHAVIORS), "group_by": ["behavior"], "bin_s": 1.0}
    paths, speeds, peaks = (rows_of(context, name, **cut) for name in ("distance", "mean_speed", "max_speed"))
    assert len(paths) == len(SESSIONS) * len(ANIMALS) * len(BEHAVIORS) * math.ceil(N_FRAMES / FPS)
    n_seen = 0
    for path, speed, peak in zip(paths, speeds, peaks, strict=True):
        behaviors = [path.labels["behavior"]]
        moved = inside(path, behaviors, Fraction(1), lag=1)
        steps = [step for step, _ in moved if step is not None]
        assert path.n_rows == len(moved)
        n_seen += len(steps)
        if steps:
            assert path.value == pytest.approx(math.fsum(steps), rel=1e-12)
            assert speed.value == pytest.approx(math.fsum(steps) / (len(steps) / float(FPS)), rel=1e-12)
        else:
            # No path in no time; but where a bout reaches into the bin and no step was seen, nobody knows.
            assert path.value == (None if reaches(path, behaviors) else 0.0)
            assert speed.value is None
        found = [value for _, value in inside(peak, behaviors, Fraction(1), lag=0) if value is not None]
        assert peak.value == max(found, default=None)
    assert n_seen > 1_000


def test_behaviors_that_overlap_count_once_where_they_are_not_split(context: ToolContext) -> None:
    for row in rows_of(context, "distance", behaviors=list(BEHAVIORS)):
        steps = [step for step, _ in inside(row, BEHAVIORS, Fraction(1_000), lag=1) if step is not None]
        assert row.value == pytest.approx(math.fsum(steps), rel=1e-12)


@pytest.mark.parametrize("width", [0.7, 1.0, 2.5, 60.0])
def test_bins_sum_to_the_whole(context: ToolContext, width: float) -> None:
    whole = {(row.session_id, row.individual): row for row in rows_of(context, "distance")}
    binned: dict[tuple[str, str], list[Row]] = {}
    for row in rows_of(context, "distance", bin_s=width):
        binned.setdefault((row.session_id, row.individual), []).append(row)
    assert binned.keys() == whole.keys()
    for key, rows in binned.items():
        assert math.fsum(row.value or 0.0 for row in rows) == pytest.approx(whole[key].value, rel=1e-12)
        assert sum(row.n_rows for row in rows) == whole[key].n_rows


def test_a_session_is_the_same_alone_and_among_others(context: ToolContext) -> None:
    cut = {"behaviors": ["groom"], "bin_s": 1.0}
    together = [row for row in rows_of(context, "mean_speed", **cut) if row.session_id == "s37"]
    alone = rows_of(context, "mean_speed", sessions=["s37"], **cut)
    assert [(row.individual, row.bin_index, row.parts) for row in alone] == [
        (row.individual, row.bin_index, row.parts) for row in together
    ]


def test_a_bin_without_a_frame_has_no_distance(context: ToolContext) -> None:
    # Bins of 10 ms are shorter than a frame: most hold the start of none.
    rows = rows_of(context, "distance", sessions=["s00"], individuals=["a"], stop_s=1.0, bin_s=0.01)
    assert {row.value for row in rows if not row.n_rows} == {None}
    assert sum(row.n_rows for row in rows) == 30
