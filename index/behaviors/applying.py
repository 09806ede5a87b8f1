"""The rules applied to a session: its animals in the unit of the thresholds, which rules they allow, and the bouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl

from ethochat.index.behaviors.bouts import Run
from ethochat.index.behaviors.rules import SOURCE, rules_of
from ethochat.index.behaviors.scene import (
    BODY_LENGTH_CM,
    BODY_LENGTH_PER_ROOT_AREA,
    NEEDS,
    Animal,
    Floats,
    Mask,
    Need,
    Rule,
    Scene,
)
from ethochat.index.domain import Session
from ethochat.index.experiment import Experiment
from ethochat.index.formats.base import Track
from ethochat.index.kinematics import TrackPoints, bridge_pair, half_window, setting_frames, velocity
from ethochat.index.tables import conform, empty
from ethochat.index.zones import Geometry


def rule_bouts(  # noqa: PLR0917 - the derived tables of a session, in the order of ingest
    session: Session,
    kinematics: pl.DataFrame,
    zones: pl.DataFrame,
    tracks: Sequence[Track],
    experiment: Experiment,
    geometry: Geometry | None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Find the bouts of every rule in a session's first track.

    Parameters
    ----------
    kinematics, zones
        The session's rows of these tables.
    tracks
        The session's tracks; the first decides, the others are left alone.

    Returns
    -------
    bouts
        Table BOUTS, source ``"rules"``, sorted by individual, start and behavior.
    coverage
        Table COVERAGE, one row per individual: the behaviors whose rules could be applied.

    Raises
    ------
    ExperimentError
        See :func:`rules_of`.
    """
    rules = rules_of(experiment)
    if not tracks or tracks[0].position.shape[0] == 0:
        return empty("bouts"), empty("coverage")
    track, clock = tracks[0], session.timebase
    stage = _Stage(
        session=session,
        kinematics=kinematics,
        zones=zones,
        track=track,
        experiment=experiment,
        geometry=geometry,
    )
    rows: list[dict[str, object]] = []
    covered: list[dict[str, object]] = []
    last = track.first_frame + track.position.shape[0]
    for animal in stage.animals:
        applied = [rule for rule in rules if not stage.unmet(rule, animal)]
        for rule in applied:
            for partner in stage.partners(rule, animal):
                scene = Scene(animal=animal, partner=partner, clock=clock)
                rows.extend(_bout_row(session, track, rule, scene, run) for run in rule.bouts(scene))
        covered.append(
            {
                "session_id": session.session_id,
                "individual": animal.individual,
                "kind": "rules",
                "source": SOURCE,
                "source_kind": "rule",
                "start_time": clock.time_of(track.first_frame),
                "stop_time": clock.time_of(last),
                "n_frames": last - track.first_frame,
                "behaviors": [rule.name for rule in applied],
            }
        )
    coverage = conform(pl.DataFrame(covered, schema_overrides={"behaviors": pl.List(pl.String)}), "coverage")
    if not rows:
        return empty("bouts"), coverage
    bouts = conform(pl.DataFrame(rows, infer_schema_length=None), "bouts")
    return bouts.sort("individual", "start_frame", "behavior", "partner", "stop_frame"), coverage


def unapplied_rules(  # noqa: PLR0917 - the derived tables of a session, in the order of ingest
    session: Session,
    kinematics: pl.DataFrame,
    zones: pl.DataFrame,
    tracks: Sequence[Track],
    experiment: Experiment,
    geometry: Geometry | None,
) -> dict[str, tuple[str, ...]]:
    """Say which enabled rules could be applied to no animal of a session, and what they lack."""
    rules = rules_of(experiment)
    if not tracks or tracks[0].position.shape[0] == 0:
        return {rule.name: ("a track",) for rule in rules}
    stage = _Stage(
        session=session,
        kinematics=kinematics,
        zones=zones,
        track=tracks[0],
        experiment=experiment,
        geometry=geometry,
    )
    lacking = {rule.name: [stage.unmet(rule, animal) for animal in stage.animals] for rule in rules}
    return {name: tuple(NEEDS[need] for need in unmet[0]) for name, unmet in lacking.items() if all(unmet)}


def _bout_row(session: Session, track: Track, rule: Rule, scene: Scene, run: Run) -> dict[str, object]:
    start, stop = run[0] + track.first_frame, run[1] + track.first_frame
    return {
        "session_id": session.session_id,
        "individual": scene.animal.individual,
        "partner": scene.partner.individual if scene.partner is not None else None,
        "behavior": rule.name,
        "source": SOURCE,
        "source_kind": "rule",
        "start_time": scene.clock.time_of(start),
        "stop_time": scene.clock.time_of(stop),
        "start_frame": start,
        "stop_frame": stop,
    }


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """The animals of a track in the unit of the thresholds."""

    session: Session
    kinematics: pl.DataFrame
    zones: pl.DataFrame
    track: Track
    experiment: Experiment
    geometry: Geometry | None

    @cached_property
    def rows(self) -> Mapping[str, pl.DataFrame]:
        """Kinematics of the track by individual, one row per frame."""
        mine = self.kinematics.filter(pl.col("source") == self.track.source)
        mine = mine.unique(["individual", "frame"], keep="first", maintain_order=True)
        return {
            name: mine.filter(pl.col("individual") == name).sort("frame") for name in self.track.individuals
        }

    @cached_property
    def unit(self) -> Literal["px", "cm"]:
        return self.track.unit

    @cached_property
    def per_cm(self) -> float | None:
        """Length units of the track per centimetre: the scale or what stands for it, else ``None``."""
        if self.unit == "cm":
            return 1.0
        if self.session.px_per_cm is not None:
            return self.session.px_per_cm
        if self.geometry is not None and self.geometry.px_per_cm is not None:
            return self.geometry.px_per_cm
        table = pl.concat(list(self.rows.values()))
        length, area = table["body_length_px"].median(), table["area_px2"].median()
        if isinstance(length, float) and length > 0:
            return length / BODY_LENGTH_CM
        if isinstance(area, float) and area > 0:
            return float(BODY_LENGTH_PER_ROOT_AREA * np.sqrt(area) / BODY_LENGTH_CM)
        return None

    @cached_property
    def animals(self) -> tuple[Animal, ...]:
        return tuple(self._animal(index) for index in range(len(self.track.individuals)))

    def _animal(self, index: int) -> Animal:
        name = self.track.individuals[index]
        rows, clock, per_cm = self.rows[name], self.session.timebase, self.per_cm or np.nan

        def column(key: str) -> Floats:
            return rows[key].cast(pl.Float64).to_numpy()

        x, y = column(f"x_{self.unit}"), column(f"y_{self.unit}")
        half = half_window(clock, self.experiment.tracking)
        vx, vy = velocity(x, y, half=half, frames_per_unit=clock.frames_per_unit)
        geometry = self.geometry if self.unit == "px" else None
        blank = np.full(len(x), np.nan)
        return Animal(
            individual=name,
            x=x / per_cm,
            y=y / per_cm,
            vx=vx / per_cm,
            vy=vy / per_cm,
            turning_deg_per_s=column("turning_deg_per_s"),
            body_length=column(f"body_length_{self.unit}"),
            wall_distance=column("wall_distance_px") / per_cm,
            nose_wall_distance=self._nose_wall_distance(index) / per_cm,
            corner_distance=(geometry.corner_distance(x, y) if geometry is not None else blank) / per_cm,
            in_center=self._in_center(name),
            nose=self._point("nose", index, per_cm),
            tail_base=self._point("tail_base", index, per_cm),
        )

    def _point(self, role: Literal["nose", "tail_base"], index: int, per_cm: float) -> tuple[Floats, Floats]:
        """Place of a keypoint by frame, short gaps bridged; NaN where the track does not have it."""
        points = TrackPoints.of(self.track, self.experiment)
        name = points.roles.nose if role == "nose" else points.roles.tail_base
        if name is None:
            blank = np.full(self.track.position.shape[0], np.nan)
            return blank, blank
        max_gap = setting_frames(self.session.timebase, points.settings.max_gap_s)
        x, y = bridge_pair(*points.point(name, index), max_gap)
        return x / per_cm, y / per_cm

    def _nose_wall_distance(self, index: int) -> Floats:
        x, y = self._point("nose", index, 1.0)
        if self.geometry is None or self.unit == "cm":
            return np.full(len(x), np.nan)
        return self.geometry.wall_distance(x, y)

    def _in_center(self, individual: str) -> Mask | None:
        name = self._center_zone
        if name is None:
            return None
        mine = (pl.col("source") == self.track.source) & (pl.col("individual") == individual)
        rows = self.zones.filter(mine & (pl.col("zone") == name)).unique("frame", keep="first").sort("frame")
        return rows["inside"].fill_null(False).to_numpy() if len(rows) == len(self.rows[individual]) else None

    @cached_property
    def _center_zone(self) -> str | None:
        spelled = {"center", "centre"}
        for zone in self.experiment.zones:
            if spelled & {zone.name.lower(), *(word.lower() for word in zone.synonyms)}:
                return zone.name
        return None

    @cached_property
    def _placed(self) -> bool:
        return self.unit == "px" and self.geometry is not None and self.geometry.arena is not None

    def unmet(self, rule: Rule, animal: Animal) -> list[Need]:
        """List what a rule needs and the session does not have."""
        has: dict[Need, bool] = {
            "length": self.per_cm is not None,
            "frame_rate": self.session.fps is not None,
            "arena": self._placed,
            "no_arena": not self._placed,
            "corners": self._placed and self.geometry is not None and self.geometry.shape == "rectangle",
            "center_zone": animal.in_center is not None,
            "body_length": bool(np.isfinite(animal.body_length).any()),
            "heading": bool(np.isfinite(animal.turning_deg_per_s).any()),
            "partner": len(self.track.individuals) > 1,
            "nose": bool(np.isfinite(animal.nose[0]).any()),
            "tail_base": bool(np.isfinite(animal.tail_base[0]).any()),
        }
        return [need for need in NEEDS if need in rule.needs and not has[need]]

    def partners(self, rule: Rule, animal: Animal) -> Sequence[Animal | None]:
        """Animals a social rule pairs an animal with; one ``None`` for a rule about one animal."""
        if not rule.social:
            return (None,)
        if rule.symmetric:
            return self.animals[self.animals.index(animal) + 1 :]
        return [other for other in self.animals if other is not animal]
