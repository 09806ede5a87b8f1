"""What a rule looks at: animals frame by frame in the unit of the thresholds, and the form of a rule itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Run, bridge_runs, drop_short, mask_to_runs
from ethochat.index.kinematics import setting_frames
from ethochat.index.timebase import TimeBase

BODY_LENGTH_CM: Final = 8.5
"""Nose to tail base of an adult mouse; only places thresholds where no scale is known."""
BODY_LENGTH_PER_ROOT_AREA: Final = 1.8
"""Length of an ellipse 2.5 times as long as wide, over the root of its area."""

Need = Literal[
    "length",
    "frame_rate",
    "arena",
    "no_arena",
    "corners",
    "center_zone",
    "body_length",
    "heading",
    "partner",
    "nose",
    "tail_base",
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
    "nose": "a tracked nose",
    "tail_base": "a tracked tail base",
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
    nose: tuple[Floats, Floats]
    """x and y."""
    tail_base: tuple[Floats, Floats]

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
