"""Numbers that shape the derived tables, with their defaults; ``experiment.toml`` may override each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypointRoles:
    """Which tracked keypoint plays which part; ``None`` lets the names decide (see ``kinematics.resolve_roles``)."""

    center: str | None = None
    nose: str | None = None
    left_ear: str | None = None
    right_ear: str | None = None
    tail_base: str | None = None
    ignored: tuple[str, ...] = ()
    """Keypoints that are no part of an animal, such as arena corners."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingSettings:
    """When a tracked point counts as a position."""

    min_confidence: float = 0.6
    """Points below are missing (for files that give a confidence)."""
    zero_is_missing: bool | None = None
    """Whether (0, 0) codes a missing point; ``None``: where the file has no confidence and (0, 0) occurs."""
    max_gap_s: float = 0.5
    """Longest gap bridged by linear interpolation; never beyond the first or last seen position."""
    speed_window_s: float = 0.2
    """Window over which speed, heading and turning are smoothed (centered median then mean)."""
    max_missing_fraction: float = 0.5
    """A session with more of its frames missing is flagged and left out of statistics by default."""
    silhouette: bool = False
    """Follow the animal's silhouette in the video also where other trackers' files are given; it then comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSettings:
    """How sessions are cut for the search index."""

    min_s: float = 0.4
    max_s: float = 8.0
    sources: tuple[str, ...] = ()
    """Annotation sources to index; empty: all that are not listed in ``skip_sources``."""
    skip_sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviorSettings:
    """What ``[behaviors.NAME]`` says of one behavior: a declared label, or overrides of a rule."""

    name: str
    definition: str | None = None
    synonyms: tuple[str, ...] = ()
    category: str | None = None
    """A broader word that covers it, e.g. ``rearing`` for ``Supported`` and ``Unsupported``."""
    enabled: bool = True
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Rule thresholds by name, units in the name (``max_speed_cm_per_s``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VlmSettings:
    """What a vision-language model is shown, and how much it may cost.

    Which model it is, and whether code that comes with its weights may run, the user says on the command line or in the
    environment: a folder that came from somebody else must not decide where frames are sent or what code runs.
    """

    run_model_code: bool = False
    """Whether Python code that comes with the model's weights may run; never read from experiment.toml."""
    fps: float = 4.0
    """Frames shown per second of a clip; a clip too long for ``max_frames`` is asked about in parts."""
    max_frames: int = 32
    """Most frames of one request."""
    size_px: int = 448
    """Longer side of what is shown."""
    margin: float = 0.75
    """Context around the animal, in body lengths."""
    overlay: Literal["none", "skeleton", "ids"] = "none"
    """What is drawn over the pixels; ``ids`` names the animals where there are several."""
    scale_bar: bool = True
    """Whether a bar of 1, 2, 5 … cm is drawn where the scale is known."""
    facts: bool = True
    """Whether speed, path and zones are told to the model in words."""
    max_new_tokens: int = 256
    batch_size: int = 32
    """Clips generated together; halved where memory runs out."""
    concurrency: int = 4
    """Requests under way at each server at once."""
    timeout_s: float = 120.0
    """Of one request to a server."""
    keyword_likeness: float = 0.65
    """Cosine of sentence vectors from which a keyword counts as a behavior of the experiment."""
    share_likeness: float | None = None
    """Likeness of frames, 0 to 1, from which segments of one session share a description; ``None``: none do."""
    ask_above: int = 20
    """A question about more clips than this waits for the user's approval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptionSettings:
    """Whose descriptions search and statistics use."""

    describer: str = "kinematic"
    """``kinematic``, or ``vlm:MODEL`` as `ethochat describe` names it."""
