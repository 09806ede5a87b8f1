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

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from ethochat.index.behaviors.bouts import Run
from ethochat.index.behaviors.scene import Floats, Mask, Need, Rule, Scene, Thresholds
from ethochat.index.errors import ExperimentError
from ethochat.index.experiment import MANIFEST, Experiment
from ethochat.index.settings import BehaviorSettings

SOURCE: Final = "rules"


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


def _apart(one: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> Floats:
    return np.hypot(one[0] - other[0], one[1] - other[1])


def _nose_contact(scene: Scene, limit: Thresholds) -> Mask:
    return _apart(scene.animal.nose, scene.other.nose) <= limit["max_distance_cm"]


def _anogenital_sniffing(scene: Scene, limit: Thresholds) -> Mask:
    return _apart(scene.animal.nose, scene.other.tail_base) <= limit["max_distance_cm"]


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
_CONTACT: Final = {"max_distance_cm": 2.5, "min_bout_s": 0.2, "max_gap_s": 0.2}
"""DeepOF (Bordes et al. 2023, Nat. Commun. 14, 4319) takes 25 mm for close contact."""
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
        name="nose contact",
        definition="noses at most {max_distance_cm} cm apart for at least {min_bout_s} s; one bout per pair",
        thresholds=_CONTACT,
        needs=frozenset({"length", "partner", "nose"}),
        frames=_nose_contact,
        synonyms=("nose to nose", "face to face", "oral-oral contact", "touching noses"),
        category="social",
        symmetric=True,
    ),
    Rule(
        name="anogenital sniffing",
        definition="the nose at most {max_distance_cm} cm from the other's tail base for at least {min_bout_s} s",
        thresholds=_CONTACT,
        needs=frozenset({"length", "partner", "nose", "tail_base"}),
        frames=_anogenital_sniffing,
        synonyms=("nose to tail", "oral-genital contact", "sniffing the rear"),
        category="social",
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
