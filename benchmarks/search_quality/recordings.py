"""The recordings' labels and tracks, read straight from the raw files with NumPy and pandas."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Shape ``(n_frames, 2)``; nan where unknown."""

SIMULATOR = {"seed": 20_261, "n_mice": 16, "duration_s": 150.0, "fps": 25}
"""Not the demo's animals: another seed, more and longer sessions."""
LONGEST_BRIDGED = 10
"""Frames without a position that a straight line may bridge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One bout as somebody marked it; half-open, in the session's time unit."""

    behavior: str
    rater: str
    start: float
    stop: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Animal:
    """Where one animal is, in the data set's unit of length."""

    center: Points
    nose: Points | None = None
    tail_base: Points | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One session as its raw files have it."""

    session_id: str
    dt: float
    """Length of a frame: seconds, or 1 where the frame rate is unknown."""
    stop: float
    labels: tuple[Label, ...] = ()
    animals: Mapping[str, Animal] = field(default_factory=dict)
    box: tuple[float, float] | None = None
    """Side of the square arena from its upper left corner, where there is one: from, to."""
    metadata: Mapping[str, str] = field(default_factory=dict)


def simulator(_: Path) -> list[Recording]:
    """Simulate the sessions again: their true paths and their exact ethogram."""
    from ethochat.index.sample.motion import ARENA_CM
    from ethochat.index.sample.writing import bouts, plan_sessions, simulate_session

    fps, duration = int(SIMULATOR["fps"]), SIMULATOR["duration_s"]
    found = []
    for session in plan_sessions(int(SIMULATOR["seed"]), int(SIMULATOR["n_mice"])):
        mouse = simulate_session(session, duration_s=duration, fps=fps)
        labels = tuple(
            Label(behavior=row["behavior"], rater=row["rater"], start=row["start"], stop=row["stop"])
            for row in bouts(mouse).iter_rows(named=True)
        )
        found.append(
            Recording(
                session_id=session.session_id,
                dt=1 / fps,
                stop=duration,
                labels=labels,
                animals={"mouse": Animal(center=mouse.position_cm)},
                box=(0.0, ARENA_CM),
                metadata={
                    "sex": session.sex,
                    "group": session.group,
                    "day": str(session.day),
                    "subject_id": session.subject_id,
                },
            )
        )
    return found


def ri_social(data: Path) -> list[Recording]:
    """Two animals, human labels on two channels; times are frame numbers from 0."""
    folder = data / "ri_social"
    found = []
    for path in sorted((folder / "annotations").glob("*_annot.txt")):
        number = path.stem.split("_")[0]
        table = pd.read_csv(
            next((folder / "pose").glob(f"{number}DLC*.csv")), header=[1, 2, 3], index_col=0, low_memory=False
        )
        animals = {
            name: Animal(
                center=_confident(table[name]["body"], 0.6), nose=_confident(table[name]["top"], 0.6)
            )
            for name in ("individual1", "individual2")
        }
        found.append(
            Recording(
                session_id=f"ri_{number}",
                dt=1.0,
                stop=float(len(table)),
                labels=_caltech(path),
                animals=animals,
            )
        )
    return found


def _caltech(path: Path) -> tuple[Label, ...]:
    """Lines of start, end (1-based, inclusive) and type under a head per channel."""
    labels, channel = [], ""
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = line.split()
        if cells and cells[0].rstrip(":") in ("S1", "S2"):
            channel = cells[0].rstrip(":")
        elif channel and len(cells) == 3 and cells[0].isdigit():
            labels.append(
                Label(
                    behavior=cells[2],
                    rater=channel,
                    start=float(int(cells[0]) - 1),
                    stop=float(int(cells[1])),
                )
            )
    return tuple(labels)


def ethz_oft_csi(data: Path) -> list[Recording]:
    """Open field: the 20 recordings that three people annotated."""
    table = pd.read_csv(
        data / "ethz_oft_csi/human_labels/AllLabDataOFT_final.csv", sep=";", keep_default_na=False
    )
    sheet = pd.read_csv(
        data / "ethz_oft_csi/metadata/Example_metadata.csv", sep=";", keep_default_na=False
    ).set_index("ID")
    kinds = ("Supported", "Unsupported", "Grooming", "Jumping")
    return [
        Recording(
            session_id=name,
            dt=1 / 25,
            stop=_observed(rows),
            labels=_rated(rows, kinds),
            metadata={"Condition": str(sheet.loc[name, "Condition"])},
        )
        for name, rows in table.groupby("ID", sort=True)
    ]


def ethz_fst_labels(data: Path) -> list[Recording]:
    """Forced swim: ten recordings, four raters."""
    table = pd.read_csv(data / "ethz_fst_labels/AllFSTLables.csv", sep=";", keep_default_na=False)
    return [
        Recording(session_id=str(name), dt=1 / 25, stop=_observed(rows), labels=_rated(rows, ("Floating",)))
        for name, rows in table.groupby("ID", sort=True)
    ]


def _rated(rows: pd.DataFrame, kinds: tuple[str, ...]) -> tuple[Label, ...]:
    kept = rows[rows["type"].isin(kinds)]
    columns = (kept[name].tolist() for name in ("type", "Experimenter", "from", "to"))
    return tuple(
        Label(behavior=kind, rater=rater, start=float(start), stop=float(stop))
        for kind, rater, start, stop in zip(*columns, strict=True)
    )


def _observed(rows: pd.DataFrame) -> float:
    return float(pd.to_numeric(rows["to"], errors="coerce").max())


def dlc_openfield(data: Path) -> list[Recording]:
    """One mouse from above, pixels; the center is the mean of its four points, each bridged by itself."""
    table = pd.read_hdf(next((data / "dlc_openfield").glob("m3v1*.h5")))
    table.columns = table.columns.droplevel(0)
    parts = {name: _confident(table[name], 0.9) for name in ("snout", "leftear", "rightear", "tailbase")}
    ears = (parts["leftear"] + parts["rightear"]) / 2
    animal = Animal(center=(ears + parts["tailbase"]) / 2, nose=parts["snout"], tail_base=parts["tailbase"])
    return [Recording(session_id="dlc_m3v1", dt=1 / 30, stop=len(table) / 30, animals={"mouse": animal})]


def tracktor_mouse(data: Path) -> list[Recording]:
    """One mouse in a round arena, pixels, as the tracker named Tracktor follows it."""
    table = pd.read_csv(data / "tracktor_mouse/mouse_video_tracked.csv").sort_values("frame")
    animal = Animal(center=table[["pos_x", "pos_y"]].to_numpy(float))
    return [
        Recording(session_id="tracktor_mouse", dt=1 / 30, stop=len(table) / 30, animals={"mouse": animal})
    ]


def amadeus_mabe3(data: Path) -> list[Recording]:
    """Three mice in one box, pixels; (0, 0) stands for a point that was not seen."""
    path = next((data / "amadeus_mabe3").glob("*.h5"))
    table = pd.read_hdf(path)
    table.columns = table.columns.droplevel(0)

    def part(mouse: str, name: str) -> Points:
        points = table[mouse][name][["x", "y"]].to_numpy(float).copy()
        points[(points == 0).all(axis=1)] = np.nan
        return _bridged(points)

    animals = {
        mouse: Animal(
            center=part(mouse, "center back"), nose=part(mouse, "nose"), tail_base=part(mouse, "tail base")
        )
        for mouse in ("mouse1", "mouse2", "mouse3")
    }
    return [Recording(session_id=f"mabe3_{path.stem}", dt=1 / 30, stop=len(table) / 30, animals=animals)]


READERS: Mapping[str, Callable[[Path], list[Recording]]] = {
    function.__name__: function
    for function in (
        simulator, ri_social, ethz_oft_csi, ethz_fst_labels, dlc_openfield, tracktor_mouse, amadeus_mabe3,
    )
}  # fmt: skip


def _confident(columns: pd.DataFrame, least: float) -> Points:
    points = columns[["x", "y"]].to_numpy(float).copy()
    points[columns["likelihood"].to_numpy() < least] = np.nan
    return _bridged(points)


def _bridged(points: Points) -> Points:
    """Straight lines over short gaps; long ones and the ends stay unknown."""
    table = pd.DataFrame(points)
    filled = table.interpolate(limit_area="inside")
    missing = table[0].isna()
    run = missing.groupby((missing != missing.shift()).cumsum()).transform("size")
    filled[missing & (run > LONGEST_BRIDGED)] = math.nan
    return np.asarray(filled.to_numpy())
