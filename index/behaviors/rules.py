"""The rule catalogue: behaviors defined by positions, speeds, angles and distances, with their thresholds.

Every threshold carries its unit in its name and can be set in ``[behaviors.NAME.thresholds]``; ``enabled =
false`` removes a rule. A rule that lacks what it needs (see ``Rule.needs``) is not applied, and the coverage
does not list it: it has no zero.

Thresholds in centimetres need a length unit. Where a session has no scale, they are taken relative to the
animal: the median distance from nose to tail base, or else 1.8 times the root of the silhouette's area,
stands for
``BODY_LENGTH_CM`` (adult mouse). Nothing is reported in centimetres then; only the thresholds are placed that
way.

Rules are applied to a session's first track only; further trackers of the same session are compared by
measures, not here. A frame whose position is missing fulfils no rule. A bout is a run of frames that fulfil
the rule, after gaps of up to
``max_gap_s`` are closed and runs shorter than ``min_bout_s`` dropped.

Social rules: ``individual`` acts on ``partner``. ``near`` has no actor and gives one bout per pair, with the
animal that the track names first as ``individual``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Run, bridge_runs, drop_short, mask_to_runs
from ethochat.index.domain import Session
from ethochat.index.errors import ExperimentError
from ethochat.index.experiment import MANIFEST, Experiment
from ethochat.index.formats.base import Track
from ethochat.index.kinematics import (
    TrackPoints,
    bridge_pair,
    half_window,
    setting_frames,
    velocity,
)
from ethochat.index.settings import BehaviorSettings
from ethochat.index.tables import conform, empty
from ethochat.index.timebase import TimeBase
from ethochat.index.zones import Geometry

SOURCE: Final = "rules"

BODY_LENGTH_CM: Final = 8.5
"""Nose to tail base of an adult mouse; only places thresholds where no scale is known."""
BODY_LENGTH_PER_ROOT_AREA: Final = 1.8
"""Length of an ellipse 2.5 times as long as wide, over the root of its area."""

Need = Literal[
    "length", "frame_rate", "arena", "no_arena", "corners", "center_zone", "body_length", "heading", "partner"
]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Thresholds = Mapping[str, float]

NEEDS: Final[Mapping[Need, str]] = {
    "length": "a scale, or a body length or silhouette area to stand for it",
    "frame_rate": "a known frame rate",
    "arena": "an arena placed in the image",
    "no_arena": "the absence of an arena (with one, supported and unsupported rearing are told apart)",
    "corners": "a rectangular arena placed in the image",
    "center_zone": "a zone called center",
    "body_length": "a tracked nose and tail base",
    "heading": "a heading",
    "partner": "at least two tracked animals",
}
"""What a rule can need, in words."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Animal:
    """One animal's kinematics, one value per frame, lengths in (relative) cm, NaN where missing."""

    individual: str
    x: Floats
    y: Floats
    vx: Floats
    vy: Floats
    turning_deg_per_s: Floats
    body_length: Floats
    wall_distance: Floats
    nose_wall_distance: Floats
    corner_distance: Floats
    in_center: Mask | None

    @property
    def speed(self) -> Floats:
        """Speed in centimetres per second."""
        return np.hypot(self.vx, self.vy)

    @property
    def relative_length(self) -> Floats:
        """Body length over the animal's own median."""
        if np.isnan(self.body_length).all():
            return self.body_length
        return self.body_length / np.nanmedian(self.body_length)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a rule looks at: an animal, for social rules another one, and the clock."""

    animal: Animal
    partner: Animal | None
    clock: TimeBase

    @property
    def other(self) -> Animal:
        """The partner of a social rule."""
        if self.partner is None:
            raise ValueError("Expected a partner for a social rule, got none.")
        return self.partner


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One behavior and what makes a frame, and a run of frames, belong to it."""

    name: str
    definition: str
    """Text with the thresholds as placeholders."""
    thresholds: Thresholds
    """Defaults by name, units in the name."""
    needs: frozenset[Need]
    frames: Callable[[Scene, Thresholds], Mask]
    """Frames that fulfil the rule."""
    accept: Callable[[Scene, Thresholds, Run], bool] | None = None
    """What a whole bout must fulfil besides."""
    synonyms: tuple[str, ...] = ()
    category: str | None = None
    symmetric: bool = False
    """Whether a social rule has no actor."""

    @property
    def social(self) -> bool:
        """Whether the rule is about two animals."""
        return "partner" in self.needs

    def text(self) -> str:
        """Return the definition with the thresholds in force."""
        return self.definition.format(**{name: f"{value:g}" for name, value in self.thresholds.items()})

    def bouts(self, scene: Scene) -> list[Run]:
        """Apply the rule; runs are relative to the first row of the arrays."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mask = self.frames(scene, self.thresholds)
        runs = bridge_runs(mask_to_runs(mask), setting_frames(scene.clock, self.thresholds["max_gap_s"]))
        runs = drop_short(runs, max(1, setting_frames(scene.clock, self.thresholds["min_bout_s"])))
        accept = self.accept
        return runs if accept is None else [run for run in runs if accept(scene, self.thresholds, run)]


# ------------------------------------------------------------------ one animal
def _immobile(scene: Scene, limit: Thresholds) -> Mask:
    return scene.animal.speed <= limit["max_speed_cm_per_s"]


def _walking(scene: Scene, limit: Thresholds) -> Mask:
    speed = scene.animal.speed
    return (speed >= limit["min_speed_cm_per_s"]) & (speed < limit["max_speed_cm_per_s"])


def _running(scene: Scene, limit: Thresholds) -> Mask:
    return scene.animal.speed >= limit["min_speed_cm_per_s"]


def _turning_left(scene: Scene, limit: Thresholds) -> Mask:
    return scene.animal.turning_deg_per_s <= -limit["min_turning_deg_per_s"]


def _turning_right(scene: Scene, limit: Thresholds) -> Mask:
    return scene.animal.turning_deg_per_s >= limit["min_turning_deg_per_s"]


def _turned_enough(scene: Scene, limit: Thresholds, run: Run) -> bool:
    turned = np.nansum(scene.animal.turning_deg_per_s[slice(*run)]) / scene.clock.frames_per_unit
    return bool(abs(turned) >= limit["min_angle_deg"])


def _wall_hugging(scene: Scene, limit: Thresholds) -> Mask:
    return scene.animal.wall_distance <= limit["max_wall_distance_cm"]


def _corner_visit(scene: Scene, limit: Thresholds) -> Mask:
    return scene.animal.corner_distance <= limit["max_corner_distance_cm"]


def _center_visit(scene: Scene, limit: Thresholds) -> Mask:
    inside = scene.animal.in_center
    return np.zeros(len(scene.animal.x), dtype=np.bool_) if inside is None else inside


def _rearing(scene: Scene, limit: Thresholds) -> Mask:
    animal = scene.animal
    return (animal.relative_length <= limit["max_relative_length"]) & (
        animal.speed <= limit["max_speed_cm_per_s"]
    )


def _supported_rearing(scene: Scene, limit: Thresholds) -> Mask:
    return _rearing(scene, limit) & (scene.animal.nose_wall_distance <= limit["max_wall_distance_cm"])


def _unsupported_rearing(scene: Scene, limit: Thresholds) -> Mask:
    return _rearing(scene, limit) & (scene.animal.nose_wall_distance > limit["min_wall_distance_cm"])


def _stretching(scene: Scene, limit: Thresholds) -> Mask:
    animal = scene.animal
    return (animal.relative_length >= limit["min_relative_length"]) & (
        animal.speed <= limit["max_speed_cm_per_s"]
    )


# ------------------------------------------------------------------ two animals
def _distance(scene: Scene) -> Floats:
    return np.hypot(scene.other.x - scene.animal.x, scene.other.y - scene.animal.y)


def _speed_toward(scene: Scene) -> Floats:
    """Component of the animal's own velocity toward the other."""
    dx, dy = scene.other.x - scene.animal.x, scene.other.y - scene.animal.y
    return (scene.animal.vx * dx + scene.animal.vy * dy) / np.hypot(dx, dy)


def _angle_deg(ax: Floats, ay: Floats, bx: Floats, by: Floats) -> Floats:
    return np.degrees(np.abs(np.arctan2(ax * by - ay * bx, ax * bx + ay * by)))


def _near(scene: Scene, limit: Thresholds) -> Mask:
    return _distance(scene) <= limit["max_distance_cm"]


def _approach(scene: Scene, limit: Thresholds) -> Mask:
    return _speed_toward(scene) >= limit["min_speed_toward_cm_per_s"]


def _arrived(scene: Scene, limit: Thresholds, run: Run) -> bool:
    distance = _distance(scene)[slice(*run)]
    closed = distance[0] - distance[-1]
    return bool(distance[-1] <= limit["max_final_distance_cm"] and closed >= limit["min_closing_cm"])


def _following(scene: Scene, limit: Thresholds) -> Mask:
    animal, other = scene.animal, scene.other
    ahead = _angle_deg(animal.vx, animal.vy, other.x - animal.x, other.y - animal.y)
    apart = _angle_deg(animal.vx, animal.vy, other.vx, other.vy)
    fast = np.minimum(animal.speed, other.speed) >= limit["min_speed_cm_per_s"]
    close = _distance(scene) <= limit["max_distance_cm"]
    return (
        fast & close & (ahead <= limit["max_bearing_deg"]) & (apart <= limit["max_direction_difference_deg"])
    )


def _escaping(scene: Scene, limit: Thresholds) -> Mask:
    return -_speed_toward(scene) >= limit["min_speed_away_cm_per_s"]


def _started_near(scene: Scene, limit: Thresholds, run: Run) -> bool:
    distance = _distance(scene)[slice(*run)]
    return bool(distance[0] <= limit["max_initial_distance_cm"])


_REAR: Final = (
    "seen from above the body is at most {max_relative_length} of the animal's median length from nose to "
    "tail base, at a speed of at most {max_speed_cm_per_s} cm/s"
)
_REAR_NOTE: Final = " (a proxy: a crouched or grooming animal is short too)"
_REAR_LIMITS: Final = {
    "max_relative_length": 0.65,
    "max_speed_cm_per_s": 8.0,
    "min_bout_s": 0.3,
    "max_gap_s": 0.2,
}
_SPEED: Final[frozenset[Need]] = frozenset({"length", "frame_rate"})
_REAR_NEEDS: Final[frozenset[Need]] = _SPEED | {"body_length"}
_FOLLOW: Final = (
    "both animals move at {min_speed_cm_per_s} cm/s or more, at most {max_distance_cm} cm apart, the other "
    "at most {max_bearing_deg}° off the direction of movement, and both directions differ by at most "
    "{max_direction_difference_deg}°"
)

_RULES: Final[tuple[Rule, ...]] = (
    Rule(
        name="immobile",
        definition="speed at most {max_speed_cm_per_s} cm/s for at least {min_bout_s} s",
        thresholds={"max_speed_cm_per_s": 2.0, "min_bout_s": 1.0, "max_gap_s": 0.2},
        needs=_SPEED,
        frames=_immobile,
        synonyms=("immobility", "still", "motionless", "resting", "not moving"),
        category="immobility",
    ),
    Rule(
        name="walking",
        definition="speed of {min_speed_cm_per_s} to {max_speed_cm_per_s} cm/s for at least {min_bout_s} s",
        thresholds={
            "min_speed_cm_per_s": 5.0,
            "max_speed_cm_per_s": 20.0,
            "min_bout_s": 0.4,
            "max_gap_s": 0.2,
        },
        needs=_SPEED,
        frames=_walking,
        synonyms=("walk", "walks", "ambulation"),
        category="locomotion",
    ),
    Rule(
        name="running",
        definition="speed of at least {min_speed_cm_per_s} cm/s for at least {min_bout_s} s",
        thresholds={"min_speed_cm_per_s": 20.0, "min_bout_s": 0.2, "max_gap_s": 0.2},
        needs=_SPEED,
        frames=_running,
        synonyms=("run", "runs", "darting", "dashing"),
        category="locomotion",
    ),
    Rule(
        name="turning left",
        definition="the heading turns to the animal's left (counterclockwise seen from above) at "
        "{min_turning_deg_per_s}°/s or more, by at least {min_angle_deg}° in all",
        thresholds={
            "min_turning_deg_per_s": 60.0,
            "min_angle_deg": 45.0,
            "min_bout_s": 0.2,
            "max_gap_s": 0.1,
        },
        needs=frozenset({"heading", "frame_rate"}),
        frames=_turning_left,
        accept=_turned_enough,
        synonyms=("left turn", "turn left", "counterclockwise turn"),
        category="turning",
    ),
    Rule(
        name="turning right",
        definition="the heading turns to the animal's right (clockwise seen from above) at "
        "{min_turning_deg_per_s}°/s or more, by at least {min_angle_deg}° in all",
        thresholds={
            "min_turning_deg_per_s": 60.0,
            "min_angle_deg": 45.0,
            "min_bout_s": 0.2,
            "max_gap_s": 0.1,
        },
        needs=frozenset({"heading", "frame_rate"}),
        frames=_turning_right,
        accept=_turned_enough,
        synonyms=("right turn", "turn right", "clockwise turn"),
        category="turning",
    ),
    Rule(
        name="wall-hugging",
        definition="body center within {max_wall_distance_cm} cm of a wall for at least {min_bout_s} s",
        thresholds={"max_wall_distance_cm": 5.0, "min_bout_s": 0.5, "max_gap_s": 0.2},
        needs=frozenset({"length", "arena"}),
        frames=_wall_hugging,
        synonyms=("thigmotaxis", "wall hugging", "along the wall", "near the wall"),
    ),
    Rule(
        name="corner visit",
        definition="body center within {max_corner_distance_cm} cm of a corner for at least {min_bout_s} s",
        thresholds={"max_corner_distance_cm": 8.0, "min_bout_s": 0.5, "max_gap_s": 0.2},
        needs=frozenset({"length", "corners"}),
        frames=_corner_visit,
        synonyms=("in the corner", "corner entry"),
    ),
    Rule(
        name="center visit",
        definition="body center inside the zone called center for at least {min_bout_s} s",
        thresholds={"min_bout_s": 0.2, "max_gap_s": 0.2},
        needs=frozenset({"center_zone"}),
        frames=_center_visit,
        synonyms=("center entry", "centre visit", "in the center", "middle of the arena"),
    ),
    Rule(
        name="rearing",
        definition=_REAR + _REAR_NOTE,
        thresholds=_REAR_LIMITS,
        needs=_REAR_NEEDS | {"no_arena"},
        frames=_rearing,
        synonyms=("rear", "rears", "standing on the hind legs"),
        category="rearing",
    ),
    Rule(
        name="supported rearing",
        definition=_REAR + ", with the nose within {max_wall_distance_cm} cm of a wall" + _REAR_NOTE,
        thresholds={**_REAR_LIMITS, "max_wall_distance_cm": 3.0},
        needs=_REAR_NEEDS | {"arena"},
        frames=_supported_rearing,
        synonyms=("rearing against the wall", "wall rear", "supported rear", "leaning on the wall"),
        category="rearing",
    ),
    Rule(
        name="unsupported rearing",
        definition=_REAR + ", with the nose more than {min_wall_distance_cm} cm from any wall" + _REAR_NOTE,
        thresholds={**_REAR_LIMITS, "min_wall_distance_cm": 3.0},
        needs=_REAR_NEEDS | {"arena"},
        frames=_unsupported_rearing,
        synonyms=("rearing away from the wall", "free rear", "unsupported rear", "rearing in the open"),
        category="rearing",
    ),
    Rule(
        name="stretching",
        definition="the body is at least {min_relative_length} of the animal's median length from nose to "
        "tail base, at a speed of at most {max_speed_cm_per_s} cm/s",
        thresholds={
            "min_relative_length": 1.2,
            "max_speed_cm_per_s": 5.0,
            "min_bout_s": 0.3,
            "max_gap_s": 0.1,
        },
        needs=_REAR_NEEDS,
        frames=_stretching,
        synonyms=("stretch-attend", "stretched attend posture", "stretched posture", "elongated"),
    ),
    Rule(
        name="near",
        definition="body centers at most {max_distance_cm} cm apart for at least {min_bout_s} s; "
        "one bout per pair",
        thresholds={"max_distance_cm": 6.0, "min_bout_s": 0.2, "max_gap_s": 0.2},
        needs=frozenset({"length", "partner"}),
        frames=_near,
        synonyms=("close", "proximity", "together", "next to each other"),
        category="social",
        symmetric=True,
    ),
    Rule(
        name="approach",
        definition="the animal moves toward the other at {min_speed_toward_cm_per_s} cm/s or more, comes "
        "at least {min_closing_cm} cm closer and ends at most {max_final_distance_cm} cm away",
        thresholds={
            "min_speed_toward_cm_per_s": 4.0,
            "min_closing_cm": 4.0,
            "max_final_distance_cm": 8.0,
            "min_bout_s": 0.2,
            "max_gap_s": 0.1,
        },
        needs=_SPEED | {"partner"},
        frames=_approach,
        accept=_arrived,
        synonyms=("approaching", "approaches", "comes closer", "moves toward another mouse"),
        category="social",
    ),
    Rule(
        name="follow",
        definition=_FOLLOW,
        thresholds={
            "min_speed_cm_per_s": 5.0,
            "max_distance_cm": 15.0,
            "max_bearing_deg": 45.0,
            "max_direction_difference_deg": 45.0,
            "min_bout_s": 0.3,
            "max_gap_s": 0.2,
        },
        needs=_SPEED | {"partner"},
        frames=_following,
        synonyms=("following", "follows", "walks behind"),
        category="social",
    ),
    Rule(
        name="chase",
        definition=_FOLLOW,
        thresholds={
            "min_speed_cm_per_s": 15.0,
            "max_distance_cm": 20.0,
            "max_bearing_deg": 45.0,
            "max_direction_difference_deg": 45.0,
            "min_bout_s": 0.3,
            "max_gap_s": 0.2,
        },
        needs=_SPEED | {"partner"},
        frames=_following,
        synonyms=("chasing", "chases", "pursuit", "runs after"),
        category="social",
    ),
    Rule(
        name="escape",
        definition="the animal moves away from the other at {min_speed_away_cm_per_s} cm/s or more, starting "
        "at most {max_initial_distance_cm} cm away",
        thresholds={
            "min_speed_away_cm_per_s": 15.0,
            "max_initial_distance_cm": 10.0,
            "min_bout_s": 0.2,
            "max_gap_s": 0.1,
        },
        needs=_SPEED | {"partner"},
        frames=_escaping,
        accept=_started_near,
        synonyms=("fleeing", "flees", "runs away"),
        category="social",
    ),
)

RULES: Final[Mapping[str, Rule]] = {rule.name: rule for rule in _RULES}
"""Every rule by name, with its default thresholds."""


def rules_of(experiment: Experiment) -> tuple[Rule, ...]:
    """Return the enabled rules with the experiment's thresholds, synonyms and category.

    Raises
    ------
    ExperimentError
        When ``[behaviors.NAME.thresholds]`` names a behavior that is no rule, or a threshold the rule does
        not have.
    """
    known = dict(RULES)
    for settings in experiment.behaviors:
        if settings.name in known:
            known[settings.name] = _overridden(known[settings.name], settings)
        elif settings.thresholds:
            raise ExperimentError(
                f"Expected a rule for [behaviors.{settings.name!r}.thresholds], found no rule of that name; "
                f"the rules are {sorted(known)}.",
                path=MANIFEST,
            )
    disabled = {settings.name for settings in experiment.behaviors if not settings.enabled}
    return tuple(rule for rule in known.values() if rule.name not in disabled)


def _overridden(rule: Rule, settings: BehaviorSettings) -> Rule:
    unknown = sorted(set(settings.thresholds) - set(rule.thresholds))
    if unknown:
        raise ExperimentError(
            f"Expected thresholds of rule {rule.name!r} among {sorted(rule.thresholds)}, found {unknown}.",
            path=MANIFEST,
        )
    return replace(
        rule,
        thresholds={**rule.thresholds, **settings.thresholds},
        synonyms=tuple(dict.fromkeys((*settings.synonyms, *rule.synonyms))),
        category=settings.category or rule.category,
    )


# ------------------------------------------------------------------ applying the rules
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
        )

    def _nose_wall_distance(self, index: int) -> Floats:
        points = TrackPoints.of(self.track, self.experiment)
        blank = np.full(self.track.position.shape[0], np.nan)
        if self.geometry is None or points.roles.nose is None or self.unit == "cm":
            return blank
        max_gap = setting_frames(self.session.timebase, points.settings.max_gap_s)
        return self.geometry.wall_distance(*bridge_pair(*points.point(points.roles.nose, index), max_gap))

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
        }
        return [need for need in NEEDS if need in rule.needs and not has[need]]

    def partners(self, rule: Rule, animal: Animal) -> Sequence[Animal | None]:
        """Animals a social rule pairs an animal with; one ``None`` for a rule about one animal."""
        if not rule.social:
            return (None,)
        if rule.symmetric:
            return self.animals[self.animals.index(animal) + 1 :]
        return [other for other in self.animals if other is not animal]
