"""The describer without weights: says in the field's terms what bouts and tracks show.

Numbers are rounded coarsely, so that the same situation always has the same text and is embedded once. What
nothing shows is left out: ``head`` and ``limb`` stay null, because the table of kinematics holds no head
angle and no limb.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.glossary import terms_named
from ethochat.index.behaviors.rules import RULES, SOURCE
from ethochat.index.domain import Session
from ethochat.index.experiment import Experiment
from ethochat.index.segmentation import tracked_as
from ethochat.index.settings import BehaviorSettings
from ethochat.index.tables import conform, empty

ACTIONS: Final[Mapping[str, str]] = {
    "supported rearing": "rears against the wall",
    "unsupported rearing": "rears unsupported, away from the wall",
    "rearing": "rears",
    "chase": "chases another {species}",
    "escape": "runs away from another {species}",
    "follow": "follows another {species}",
    "approach": "approaches another {species}",
    "nose contact": "touches noses with another {species}",
    "anogenital sniffing": "sniffs at the tail base of another {species}",
    "running": "runs",
    "walking": "walks",
    "stretching": "stretches its body",
    "immobile": "stays still",
}
"""What the animal does, the most telling rule first."""

MANNERS: Final[Mapping[str, str]] = {
    "wall-hugging": "along the wall",
    "corner visit": "in a corner",
    "center visit": "in the center",
    "near": "close to another {species}",
    "turning left": "turning left",
    "turning right": "turning right",
}
"""Where and how, in the order of the sentence."""

STEADY_SPEEDS: Final = (2, 5, 10, 15, 20, 25, 30, 40, 50, 70, 100)
"""Speeds in cm/s that a text may state."""

_MOST_OTHER_NAMES: Final = 3
"""Names of the glossary that a description carries: more would drown its own words."""
_MOVING: Final = frozenset({"running", "walking", "chase", "escape", "follow", "approach"})
_SPECIES: Final[Mapping[str, str]] = {"mouse": "mouse", "mice": "mouse", "rat": "rat", "rats": "rat"}


class KinematicDescriber:
    """Words from bouts and tracks; see the module."""

    name: str = "kinematic"
    model: str = "templates"
    prompt_version: str = "2"

    def __init__(self, experiment: Experiment) -> None:
        """Take the experiment's definitions, synonyms, categories and zones."""
        self._experiment = experiment
        self._settings = {item.name: item for item in experiment.behaviors}
        self._zone_synonyms = {zone.name: zone.synonyms for zone in experiment.zones}

    def describe(
        self,
        segments: pl.DataFrame,
        *,
        session: Session,
        bouts: pl.DataFrame,
        kinematics: pl.DataFrame,
        zones: pl.DataFrame,
    ) -> pl.DataFrame:
        """Describe the segments of one session; see :class:`~ethochat.index.describers.base.Describer`."""
        if segments.is_empty():
            return empty("descriptions")
        species = species_of(self._experiment, session)
        ruled = _RuleBouts(bouts)
        lengths = _BodyLengths(kinematics)
        unit = _speed_unit(session, kinematics)
        rows = []
        for segment in segments.iter_rows(named=True):
            frames = _frames(session, segment)
            own = tuple(segment["behaviors"])
            by_rule = segment["source"] == SOURCE
            active = own if by_rule else ruled.active(segment["individual"], *frames)
            motion = self._motion(active, segment, unit, species)
            label = None if by_rule else self._label(own, _duration(session, segment), species)
            rows.append(
                {
                    "segment_id": segment["segment_id"],
                    "session_id": segment["session_id"],
                    "overall": " ".join(part for part in (label, motion) if part),
                    "torso": lengths.words(segment["individual"], *frames),
                    "keywords": self._keywords(dict.fromkeys((*own, *active)), segment["zones"]),
                }
            )
        table = pl.DataFrame(rows, schema_overrides={"torso": pl.String, "keywords": pl.List(pl.String)})
        return conform(
            table.with_columns(
                describer=pl.lit(self.name),
                model=pl.lit(self.model),
                prompt_version=pl.lit(self.prompt_version),
            ),
            "descriptions",
        )

    def _label(self, behaviors: Sequence[str], duration: str, species: str) -> str:
        """Say what a rater or classifier marked, in the experiment's words."""
        if not behaviors:
            return ""
        first, *others = (self._named(name) for name in behaviors)
        also = f"; also {', '.join(behaviors[1:])}" if others else ""
        return f"The {species} shows {first}{also}, {duration}."

    def _named(self, behavior: str) -> str:
        settings = self._settings.get(behavior)
        if settings is None:
            return behavior
        broader = [word for word in (settings.category, *settings.synonyms[:2]) if word]
        name = f"{behavior} ({', '.join(broader)})" if broader else behavior
        return f"{name} – {settings.definition.rstrip('.')}" if settings.definition else name

    def _motion(
        self, active: Sequence[str], segment: Mapping[str, object], unit: str, species: str
    ) -> str | None:
        """Say how and where the animal moves, as far as tracks and rules show it."""
        speed = segment["mean_speed"]
        if not isinstance(speed, float):
            return f"The position of the {species} is not known." if segment["source"] == SOURCE else None
        action = next((name for name in ACTIONS if name in active), None)
        verb = ACTIONS[action].format(species=species) if action is not None else _verb(speed, unit)
        states_speed = action in _MOVING or (action is None and speed > 0)
        number = f" ({_rounded_speed(speed, unit)})" if states_speed else ""
        zones = segment["zones"] if isinstance(segment["zones"], list) else []
        where = ", ".join(_manners(active, action, species, zones))
        return f"The {species} {verb}{number}{' ' if where else ''}{where}."

    def _keywords(self, behaviors: Iterable[str], zones: Sequence[str]) -> list[str]:
        words: list[str] = []
        for name in behaviors:
            settings = self._settings.get(name, BehaviorSettings(name=name))
            rule = RULES.get(name)
            category = settings.category or (rule.category if rule is not None else None)
            words += [name, *([category] if category else []), *settings.synonyms]
            words += rule.synonyms if rule is not None else ()
            words += _other_words(name)
        for zone in zones:
            words += [zone, *self._zone_synonyms.get(zone, ())]
        return list(dict.fromkeys(words))


def _other_words(behavior: str) -> list[str]:
    """What the field calls a label and what it looks like, so that it is found under those words too."""
    return [
        word
        for term in terms_named(behavior)
        for word in (term.name, *term.also[:_MOST_OTHER_NAMES], term.looks)
    ]


def species_of(experiment: Experiment, session: Session) -> str:
    """Word for the animal: the column ``species``, else what name or description call it, else "animal"."""
    metadata = experiment.metadata
    column = next((name for name in metadata.columns if name.lower() == "species"), None)
    if column is not None:
        rows = metadata.filter(pl.col("session_id") == session.session_id)[column].drop_nulls()
        if len(rows):
            stated = str(rows[0]).strip().lower()
            return _SPECIES.get(stated, stated) or "animal"
    words = re.findall(r"[a-z]+", f"{experiment.name} {experiment.description}".lower())
    named = {_SPECIES[word] for word in words if word in _SPECIES}
    return named.pop() if len(named) == 1 else "animal"


def _manners(active: Sequence[str], action: str | None, species: str, zones: Sequence[str]) -> list[str]:
    """Say where and how, without what the action says already."""
    said = {name: MANNERS[name].format(species=species) for name in MANNERS if name in active}
    if action in ("supported rearing", "unsupported rearing"):
        said.pop("wall-hugging", None)
    elif "wall-hugging" in said and action is not None and action not in _MOVING:
        said["wall-hugging"] = "at the wall"
    if action in ("chase", "escape", "follow", "approach", "nose contact", "anogenital sniffing"):
        said.pop("near", None)
    if "turning left" in said and said.pop("turning right", ""):
        said["turning left"] = "turning left and right"
    known = ("center", "centre") if "center visit" in said else ()
    places = [zone for zone in zones if zone.lower() not in known]
    listed = [f"in the zone{'s' if len(places) > 1 else ''} {' and '.join(places)}"] if places else []
    return [*said.values(), *listed]


# ------------------------------------------------------------------ rounded numbers
def _verb(speed: float, unit: str) -> str:
    if unit != "cm/s":
        return "moves"
    return "hardly moves" if speed < 2 else "moves slowly" if speed < 5 else "moves"


def _rounded_speed(speed: float, unit: str) -> str:
    if unit != "cm/s":
        return f"about {_one_two_five(speed)} {unit}"
    if speed < 1:
        return "under 1 cm/s"
    return f"about {min(STEADY_SPEEDS, key=lambda known: abs(known - speed))} cm/s"


def _one_two_five(value: float) -> str:
    """Nearest of …, 0.5, 1, 2, 5, 10, … by ratio."""
    power = 10.0 ** np.floor(np.log10(value))
    steps = [power * step for step in (1, 2, 5, 10)]
    return f"{min(steps, key=lambda step: abs(np.log(step / value))):g}"


def _duration(session: Session, segment: Mapping[str, object]) -> str:
    start, stop = segment["start_time"], segment["stop_time"]
    length = float(stop) - float(start) if isinstance(start, float) and isinstance(stop, float) else 0.0
    if session.timebase.unit == "frames":
        return f"for about {_one_two_five(max(length, 1.0))} frames"
    return f"for about {length:.0f} s" if length >= 1 else "for less than 1 s"


def _speed_unit(session: Session, kinematics: pl.DataFrame) -> str:
    length = "cm" if kinematics["speed_cm_per_s"].is_not_null().any() else "px"
    return f"{length} per frame" if session.fps is None else f"{length}/s"


def _frames(session: Session, segment: Mapping[str, object]) -> tuple[int, int]:
    start, stop = segment["start_time"], segment["stop_time"]
    if not isinstance(start, float) or not isinstance(stop, float):
        return 0, 0
    first = session.timebase.nearest_boundary(start)
    return first, max(first + 1, session.timebase.nearest_boundary(stop))


# ------------------------------------------------------------------ what holds over a segment
class _RuleBouts:
    """Rule behaviors of each animal, as running sums over frames."""

    def __init__(self, bouts: pl.DataFrame) -> None:
        ruled = bouts.filter(pl.col("source") == SOURCE)
        self._sums: dict[str, dict[str, NDArray[np.int64]]] = {}
        n = int(ruled["stop_frame"].max() or 0)  # type: ignore[arg-type]
        for (individual, behavior), rows in sorted(ruled.group_by("individual", "behavior")):
            inside = np.zeros(n + 1, dtype=np.int64)
            for start, stop in rows.select("start_frame", "stop_frame").iter_rows():
                inside[start + 1 : stop + 1] = 1
            self._sums.setdefault(str(individual), {})[str(behavior)] = np.cumsum(inside)

    def active(self, individual: str, start: int, stop: int) -> tuple[str, ...]:
        """Behaviors that fill more than half of the frames."""
        name = tracked_as(individual, self._sums)
        if name is None:
            return ()
        found = []
        for behavior, sums in self._sums[name].items():
            first, last = np.clip((start, stop), 0, len(sums) - 1)
            if sums[last] - sums[first] > (stop - start) / 2:
                found.append(behavior)
        return tuple(found)


class _BodyLengths:
    """Each animal's body length relative to its own median, as running sums over frames."""

    def __init__(self, kinematics: pl.DataFrame) -> None:
        self._known: dict[str, tuple[int, NDArray[np.float64], NDArray[np.int64]]] = {}
        for (_, individual), rows in kinematics.group_by("source", "individual", maintain_order=True):
            column = "body_length_px" if rows["body_length_px"].is_not_null().any() else "body_length_cm"
            values = rows.sort("frame")[column].cast(pl.Float64).to_numpy()
            seen = ~np.isnan(values)
            if str(individual) in self._known or not seen.any():
                continue
            relative = np.where(seen, values / np.median(values[seen]), 0.0)
            sums, counts = (
                np.concatenate(([0.0], np.cumsum(relative))),
                np.concatenate(([0], np.cumsum(seen))),
            )
            self._known[str(individual)] = (int(rows["frame"].min() or 0), sums, counts)  # type: ignore[arg-type]

    def words(self, individual: str, start: int, stop: int) -> str | None:
        """Say that the body is short or stretched, ``None`` where it is neither or not known."""
        name = tracked_as(individual, self._known)
        if name is None:
            return None
        first_frame, sums, counts = self._known[name]
        first, last = np.clip((start - first_frame, stop - first_frame), 0, len(sums) - 1)
        n = counts[last] - counts[first]
        if not n:
            return None
        relative = (sums[last] - sums[first]) / n
        if relative <= 0.75:
            return "The body is shortened."
        return "The body is stretched." if relative >= 1.15 else None
