"""experiment.toml, checked key by key.

The models below say what each table of the file may hold; a key that none of them knows is refused, so that a
misspelt setting never leaves a default in force unnoticed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from ethochat.index.arena import Arena, Point, Zone
from ethochat.index.domain import InputKind
from ethochat.index.errors import ExperimentError
from ethochat.index.settings import (
    BehaviorSettings,
    DescriptionSettings,
    KeypointRoles,
    SegmentSettings,
    TrackingSettings,
    VlmSettings,
)
from ethochat.index.sheet import Problems, near, shown
from ethochat.index.timebase import parse_fps

DEFAULT_INPUTS: Final[tuple[InputKind, ...]] = ("video", "pose", "annotations", "metrics")
"""Columns of sessions.csv that hold files where no ``[[inputs]]`` are declared; each is named as its kind."""

_FPS: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,12})?|[0-9]{1,9}/[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDeclaration:
    """One ``[[inputs]]`` table: a column of sessions.csv with paths, or one file shared by all sessions."""

    kind: InputKind
    column: str | None = None
    path: str | None = None
    match: str = "session_id"
    base: str | None = None
    format: str | None = None
    name: str | None = None
    source_kind: Literal["manual", "automated"] = "manual"
    required: bool = False
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything experiment.toml says."""

    name: str | None = None
    description: str = ""
    allow_roots: tuple[str, ...] = ()
    fps: Fraction | None = None
    px_per_cm: float | None = None
    inputs: tuple[InputDeclaration, ...] = ()
    """Empty where the file declares none."""
    arena: Arena | None = None
    zones: tuple[Zone, ...] = ()
    keypoints: KeypointRoles = field(default_factory=KeypointRoles)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    segments: SegmentSettings = field(default_factory=SegmentSettings)
    behaviors: tuple[BehaviorSettings, ...] = ()
    metric_units: tuple[tuple[str, str], ...] = ()
    vlm: VlmSettings = field(default_factory=VlmSettings)
    descriptions: DescriptionSettings = field(default_factory=DescriptionSettings)


def read_manifest(path: Path) -> Manifest:
    """Read and check experiment.toml.

    Raises
    ------
    ExperimentError
        Naming up to 20 keys, for each what was expected, what was found and which known key is near.
    """
    raw = _parsed(path)
    if not raw:
        raise ExperimentError("Expected at least [experiment] with a name, found an empty file.", path=path)
    try:
        model = _ManifestModel.model_validate(raw)
    except ValidationError as exc:
        problems = Problems(path=path)
        for message in dict.fromkeys(_translated(error) for error in exc.errors()):
            problems.add(message)
        problems.raise_if_any()
        raise
    return model.manifest()


def exact_fps(text: str) -> Fraction:
    """Read a frame rate as written, such as ``25``, ``29.97`` or ``30000/1001``.

    Raises
    ------
    ValueError
        When the text is no positive number of that form.
    """
    # The form is checked first: Fraction("1e99999999") would compute for hours.
    if _FPS.fullmatch(text):
        try:
            return parse_fps(text)
        except (ValueError, ZeroDivisionError):
            pass
    raise ValueError(
        f"Expected a positive number of frames per second (25, 29.97, 30000/1001), found {shown(text)}"
    )


# ----------------------------------------------------------------------------------------- the file's tables
class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    def declared(self) -> dict[str, object]:
        """Return the keys that the file gives, so that every default stays where it is defined."""
        return {name: getattr(self, name) for name in self.model_fields_set}


_Text = Annotated[str, Field(min_length=1)]
_Positive = Annotated[float, Field(gt=0)]
_Fraction = Annotated[float, Field(ge=0, le=1)]
_Texts = Annotated[tuple[_Text, ...], Field(strict=False)]
_Points = Annotated[tuple[Annotated[Point, Field(strict=False)], ...], Field(strict=False)]


class _ExperimentTable(_Table):
    name: _Text | None = None
    description: str = ""
    allow_roots: _Texts = ()


class _DefaultsTable(_Table):
    fps: str | None = None
    px_per_cm: _Positive | None = None

    @field_validator("fps", mode="before")
    @classmethod
    def _readable(cls, value: object) -> str:
        return str(exact_fps(str(value)))


class _InputTable(_Table):
    kind: InputKind
    column: _Text | None = None
    path: _Text | None = None
    match: _Text = "session_id"
    base: _Text | None = None
    format: _Text | None = None
    name: _Text | None = None
    source_kind: Literal["manual", "automated"] = "manual"
    required: bool = False
    options: dict[str, object] = {}

    @field_validator("format")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        from ethochat.index.formats import READERS

        known = [*READERS, "video"]
        if value is not None and value not in known:
            raise ValueError(f"Expected one of {', '.join(known)}, found {shown(value)}{near(value, known)}")
        return value

    @model_validator(mode="after")
    def _one_place(self) -> _InputTable:
        if (self.column is None) == (self.path is None):
            found = "neither" if self.column is None else "both"
            raise ValueError(
                f"Expected either `column` (a path per session) or `path` (one shared file), found {found}"
            )
        if self.column is not None and "match" in self.model_fields_set:
            raise ValueError("Expected `match` only beside `path`, found it beside `column`; remove it")
        return self


class _ArenaTable(_Table):
    shape: Literal["rectangle", "circle"]
    width_cm: _Positive | None = None
    height_cm: _Positive | None = None
    diameter_cm: _Positive | None = None
    corners_px: _Points = ()
    corner_keypoints: _Texts = ()
    center_px: Annotated[Point, Field(strict=False)] | None = None
    radius_px: _Positive | None = None

    @model_validator(mode="after")
    def _complete(self) -> _ArenaTable:
        foreign = {
            "rectangle": {"diameter_cm", "center_px", "radius_px"},
            "circle": {"width_cm", "height_cm", "corners_px", "corner_keypoints"},
        }[self.shape]
        wrong = sorted(foreign & self.model_fields_set)
        if wrong:
            raise ValueError(
                f"Expected no such key in an arena of shape {self.shape!r}, found {', '.join(wrong)}"
            )
        if self.shape == "rectangle":
            self._check_rectangle()
        else:
            self._check_circle()
        return self

    def _check_rectangle(self) -> None:
        if (self.width_cm is None) != (self.height_cm is None):
            raise ValueError("Expected both `width_cm` and `height_cm`, found one of them")
        if self.corners_px and self.corner_keypoints:
            raise ValueError("Expected either `corners_px` or `corner_keypoints`, found both")
        for key in ("corners_px", "corner_keypoints"):
            corners = getattr(self, key)
            if key in self.model_fields_set and (len(corners) != 4 or len(set(corners)) != 4):
                raise ValueError(f"Expected 4 different corners in `{key}`, found {shown(list(corners))}")
        if self.corners_px and not _goes_around(self.corners_px):
            raise ValueError(
                f"Expected 4 corners in order around the rectangle, found {shown(self.corners_px)}"
            )
        if not (self.corners_px or self.corner_keypoints or self.width_cm):
            raise ValueError(
                "Expected `corners_px` or `corner_keypoints`, or `width_cm` and `height_cm`, found none"
            )

    def _check_circle(self) -> None:
        if self.radius_px is None and self.diameter_cm is None:
            raise ValueError("Expected `center_px` and `radius_px`, or `diameter_cm`, found none of them")
        if (self.center_px is None) != (self.radius_px is None):
            raise ValueError("Expected both `center_px` and `radius_px`, found one of them")


class _ZoneTable(_Table):
    name: _Text
    kind: Literal["scaled", "outside_scaled", "polygon", "circle"]
    scale: Annotated[float, Field(gt=0, le=1)] | None = None
    points_px: _Points = ()
    points_cm: _Points = ()
    keypoints: _Texts = ()
    center_px: Annotated[Point, Field(strict=False)] | None = None
    radius_px: _Positive | None = None
    synonyms: _Texts = ()

    @model_validator(mode="after")
    def _complete(self) -> _ZoneTable:
        parts = {
            "scaled": {"scale"},
            "outside_scaled": {"scale"},
            "polygon": {"points_px", "points_cm", "keypoints"},
            "circle": {"center_px", "radius_px"},
        }[self.kind]
        given = self.model_fields_set - {"name", "kind", "synonyms"}
        wanted = (" or " if self.kind == "polygon" else " and ").join(f"`{part}`" for part in sorted(parts))
        complete = len(given) == 1 if self.kind == "polygon" else given == parts
        if not complete or not given <= parts:
            found = ", ".join(f"`{part}`" for part in sorted(given)) or "none"
            raise ValueError(f"Expected {wanted} in zone {self.name!r} of kind {self.kind!r}, found {found}")
        points = [*self.points_px, *self.points_cm, *self.keypoints]
        if self.kind == "polygon" and len(set(points)) < 3:
            raise ValueError(
                f"Expected at least 3 different points in zone {self.name!r}, found {shown(points)}"
            )
        return self


class _KeypointsTable(_Table):
    center: _Text | None = None
    nose: _Text | None = None
    left_ear: _Text | None = None
    right_ear: _Text | None = None
    tail_base: _Text | None = None
    ignored: _Texts = ()


class _TrackingTable(_Table):
    min_confidence: _Fraction | None = None
    zero_is_missing: bool | None = None
    max_gap_s: Annotated[float, Field(ge=0)] | None = None
    speed_window_s: _Positive | None = None
    max_missing_fraction: _Fraction | None = None
    silhouette: bool | None = None


class _SegmentsTable(_Table):
    min_s: _Positive | None = None
    max_s: _Positive | None = None
    sources: _Texts = ()
    skip_sources: _Texts = ()


class _VlmTable(_Table):
    fps: _Positive | None = None
    max_frames: Annotated[int, Field(ge=2, le=512)] | None = None
    size_px: Annotated[int, Field(ge=32, le=4096)] | None = None
    margin: Annotated[float, Field(ge=0, le=20)] | None = None
    overlay: Literal["none", "skeleton", "ids"] | None = None
    scale_bar: bool | None = None
    facts: bool | None = None
    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] | None = None
    batch_size: Annotated[int, Field(ge=1, le=1024)] | None = None
    concurrency: Annotated[int, Field(ge=1, le=256)] | None = None
    timeout_s: _Positive | None = None
    keyword_likeness: _Fraction | None = None
    share_likeness: _Fraction | None = None
    ask_above: Annotated[int, Field(ge=0)] | None = None


class _DescriptionsTable(_Table):
    describer: Annotated[str, Field(pattern="^(kinematic|vlm:.+)$")] | None = None


class _BehaviorTable(_Table):
    definition: _Text | None = None
    synonyms: _Texts = ()
    category: _Text | None = None
    enabled: bool = True
    thresholds: dict[str, float] = {}


class _ManifestModel(_Table):
    experiment: _ExperimentTable = _ExperimentTable()
    defaults: _DefaultsTable = _DefaultsTable()
    inputs: list[_InputTable] = []
    arena: _ArenaTable | None = None
    zones: list[_ZoneTable] = []
    keypoints: _KeypointsTable = _KeypointsTable()
    tracking: _TrackingTable = _TrackingTable()
    segments: _SegmentsTable = _SegmentsTable()
    behaviors: dict[str, _BehaviorTable] = {}
    metric_units: dict[str, str] = {}
    vlm: _VlmTable = _VlmTable()
    descriptions: _DescriptionsTable = _DescriptionsTable()

    @model_validator(mode="after")
    def _consistent(self) -> _ManifestModel:
        self._check_zones()
        cut = self.segment_settings()
        if cut.max_s < cut.min_s:
            raise ValueError(f"Expected `segments.max_s` >= `min_s` = {cut.min_s:g}, found {cut.max_s:g}")
        return self

    def _check_zones(self) -> None:
        words: dict[str, int] = {}
        for number, zone in enumerate(self.zones, start=1):
            for word in (zone.name, *zone.synonyms):
                first = words.setdefault(word.casefold(), number)
                if first != number:
                    raise ValueError(
                        f"Expected different zone names and synonyms, found {word!r} in {first} and {number}"
                    )
            if zone.scale is not None and self.arena is None:
                raise ValueError(f"Expected an [arena] for the {zone.kind} zone {zone.name!r}, found none")
            if zone.points_cm and (self.arena is None or self.arena.width_cm is None):
                raise ValueError(
                    f"Expected an [arena] with `width_cm` for `points_cm` of zone {zone.name!r}, found none"
                )

    def segment_settings(self) -> SegmentSettings:
        return SegmentSettings(**self.segments.declared())  # type: ignore[arg-type]  # keys and types are the model's

    def manifest(self) -> Manifest:
        """Turn the checked file into the words of the domain."""
        fps, about = self.defaults.fps, self.experiment
        return Manifest(
            name=about.name,
            description=about.description,
            allow_roots=about.allow_roots,
            fps=None if fps is None else Fraction(fps),
            px_per_cm=self.defaults.px_per_cm,
            inputs=tuple(InputDeclaration(**table.declared()) for table in self.inputs),  # type: ignore[arg-type]
            arena=None if self.arena is None else Arena(**self.arena.declared()),  # type: ignore[arg-type]
            zones=tuple(Zone(**table.declared()) for table in self.zones),  # type: ignore[arg-type]
            keypoints=KeypointRoles(**self.keypoints.declared()),  # type: ignore[arg-type]
            tracking=TrackingSettings(**self.tracking.declared()),  # type: ignore[arg-type]
            segments=self.segment_settings(),
            behaviors=tuple(
                BehaviorSettings(name=name, **table.declared())  # type: ignore[arg-type]
                for name, table in self.behaviors.items()
            ),
            metric_units=tuple(self.metric_units.items()),
            vlm=VlmSettings(**self.vlm.declared()),  # type: ignore[arg-type]
            descriptions=DescriptionSettings(**self.descriptions.declared()),  # type: ignore[arg-type]
        )


def _goes_around(corners: tuple[Point, ...]) -> bool:
    """Tell whether corners go around a convex figure: every turn in the same direction."""
    turns = []
    for index, (x, y) in enumerate(corners):
        before, after = corners[index - 1], corners[(index + 1) % len(corners)]
        turns.append((x - before[0]) * (after[1] - y) - (y - before[1]) * (after[0] - x))
    return all(turn > 0 for turn in turns) or all(turn < 0 for turn in turns)


# ------------------------------------------------------------------------------------------ reading, messages
def _parsed(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as exc:
        raise ExperimentError(f"Expected a readable file, found {exc.strerror or exc}.", path=path) from exc
    except UnicodeDecodeError as exc:
        raise ExperimentError("Expected UTF-8 text, found other bytes; save it as UTF-8.", path=path) from exc
    except tomllib.TOMLDecodeError as exc:
        place = re.search(r"at line (\d+)", str(exc))
        row = int(place.group(1)) if place else None
        raise ExperimentError(f"Expected TOML, found: {exc}.", path=path, row=row) from exc


def _translated(error: ErrorDetails) -> str:
    """Word one pydantic error: key, expected, found, near spellings."""
    location, kind, message = error["loc"], error["type"], error["msg"]
    if kind == "extra_forbidden":
        return _unknown_key(location)
    key = _key(location)
    place = f"key {key!r}: " if key else ""
    if kind == "value_error":
        return f"{place}{message.removeprefix('Value error, ')}."
    if kind == "missing":
        return f"{place}Expected a value, found none."
    expected = re.sub(r"^(Input|Tuple|List) should (be|have) ?", r"", message)
    expected = expected.split(" after validation")[0]
    text = error["input"]
    hint = (
        near(text, re.findall(r"'([^']+)'", expected))
        if kind == "literal_error" and isinstance(text, str)
        else ""
    )
    return f"{place}Expected {expected}, found {shown(text)}{hint or '.'}"


def _unknown_key(location: tuple[int | str, ...]) -> str:
    known = _known_keys(location)
    hint = near(str(location[-1]), known) or f"; known keys: {', '.join(sorted(known))}."
    return f"key {_key(location)!r}: Expected a known key, found {shown(str(location[-1]))}{hint}"


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    if len(location) == 1:
        return list(_ManifestModel.model_fields)
    tables: dict[str, type[_Table]] = {
        "experiment": _ExperimentTable,
        "defaults": _DefaultsTable,
        "inputs": _InputTable,
        "arena": _ArenaTable,
        "zones": _ZoneTable,
        "keypoints": _KeypointsTable,
        "tracking": _TrackingTable,
        "segments": _SegmentsTable,
        "behaviors": _BehaviorTable,
        "vlm": _VlmTable,
        "descriptions": _DescriptionsTable,
    }
    return list(tables[str(location[0])].model_fields)


def _key(location: tuple[int | str, ...]) -> str:
    """Write a location as in ``inputs[2].kind``; entries are counted from 1."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            text += f".{part}" if text else part
    return text
