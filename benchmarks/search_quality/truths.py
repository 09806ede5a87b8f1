"""What would be right for a query: conditions on raw labels and tracks, turned into events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.search_quality.intervals import (
    Intervals,
    as_intervals,
    complement,
    followed,
    from_mask,
    intersection,
    lasting,
    union,
)
from benchmarks.search_quality.metrics import Event, Truth
from benchmarks.search_quality.recordings import Animal, Points, Recording

SLACK: Final = 0.15
"""Within this share of a limit on speed, distance or angle, and of a duration of movement, an event is doubtful."""
EDGES_CM: Final[Mapping[str, tuple[float, float]]] = {
    "center": (10.0, 9.0),
    "wall": (5.0, 7.0),
    "corner": (6.0, 11.0),
}
"""Distance from the wall(s) up to which (from which, for the center) a place is one for certain, and perhaps: where a
wall's surroundings end each one draws elsewhere. The center is half of the side, as the experiment says."""
GAP_S, SHORTEST_S, SMOOTHED_S = 0.25, 0.2, 0.17
"""Of events in tracks: shorter gaps are none, shorter events are doubtful, positions are averaged over so long."""
FRAMES_PER_S: Final = 30.0
"""Only for those three, where a frame rate is not known."""
EXCESS_S: Final = 30.0
EDGE: Final = 1e-3
"""What lasts so nearly as long as a limit lasts just that long."""
WIDER: Final = 2.5
"""So many times the share of frames is doubtful."""
TURN: Final = 75.0
"""Degrees per second."""

Condition = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The recordings and the part of each that a query is about."""

    sessions: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    individuals: tuple[str, ...] = ()
    window: tuple[float, float] | None = None

    def holds(self, recording: Recording) -> bool:
        """Whether a recording is meant."""
        named = not self.sessions or recording.session_id in self.sessions
        return named and all(recording.metadata.get(key) == value for key, value in self.where.items())

    def within(self, recording: Recording) -> Intervals:
        """The part that is meant; negative bounds count from the end."""
        start, stop = self.window or (0.0, recording.stop)
        start, stop = (bound + recording.stop if bound < 0 else bound for bound in (start, stop))
        return as_intervals([(start, min(stop, recording.stop) if self.window else stop)])


def truth_of(definition: Condition, scope: Scope, recordings: Sequence[Recording]) -> Truth:
    """Find the events that meet a definition, and those that would if limits were a little wider."""
    meant = [recording for recording in recordings if scope.holds(recording)]
    frames = bool(meant) and meant[0].dt == 1.0
    return Truth(
        relevant=tuple(event for recording in meant for event in _events(definition, scope, recording, 0.0)),
        doubtful=tuple(event for recording in meant for event in _doubtful(definition, scope, recording)),
        longest_excess=EXCESS_S * (FRAMES_PER_S if frames else 1.0),
    )


def _doubtful(definition: Condition, scope: Scope, recording: Recording) -> Iterator[Event]:
    if _is_of_tracks(definition) or _has_limits(definition):
        yield from _events(definition, scope, recording, SLACK)
    if "doubtful" in definition:
        yield from _events(definition["doubtful"], scope, recording, SLACK)


def _has_limits(definition: Condition) -> bool:
    return any({"min_s", "max_s"} & set(step) for step in definition.get("steps", [definition]))


def _is_of_tracks(definition: Condition) -> bool:
    steps = definition.get("steps", [definition])
    return any(set(atom) - {"labels", "raters", "not_labels"} for step in steps for atom in step["all"])


def _events(definition: Condition, scope: Scope, recording: Recording, slack: float) -> Iterator[Event]:
    window = scope.within(recording)
    for owners in _owners(definition, recording):
        if scope.individuals and not owners & set(scope.individuals):
            continue
        for start, stop in _spans(definition, recording, sorted(owners), slack).tolist():
            if any(start < until and since < stop for since, until in window.tolist()):
                yield Event(session_id=recording.session_id, start=start, stop=stop, animals=owners)


def _owners(definition: Condition, recording: Recording) -> list[frozenset[str]]:
    """Whose events are looked for: each pair, each animal, or nobody's in particular."""
    steps = definition.get("steps", [definition])
    atoms = {key for step in steps for atom in step["all"] for key in atom}
    if atoms & {"near", "apart", "noses", "following"}:
        named = definition.get("pair")
        pairs = [tuple(named)] if named else combinations(recording.animals, 2)
        return [frozenset(pair) for pair in pairs]
    if len(recording.animals) > 1 and not atoms & {"labels", "not_labels", "alone"}:
        return [frozenset({name}) for name in recording.animals]
    if "alone" in atoms:
        return [frozenset({name}) for name in recording.animals]
    return [frozenset()]


def _spans(definition: Condition, recording: Recording, owners: list[str], slack: float) -> Intervals:
    steps = definition.get("steps", [definition])
    spans = _moments(steps[0], recording, owners, slack)
    for step in steps[1:]:
        within = float(step.get("within", definition.get("within", 0.0)))
        spans = followed(
            spans,
            _moments(step, recording, owners, slack),
            within * (1 + slack),
            once=definition.get("once", False),
        )
    return spans


def _moments(step: Condition, recording: Recording, owners: list[str], slack: float) -> Intervals:
    parts = [_atom(atom, recording, owners, slack) for atom in step["all"]]
    moments = parts[0]
    for part in parts[1:]:
        moments = intersection(moments, part)
    of_tracks = _is_of_tracks(step)
    if of_tracks and "enters" not in step["all"][0]:
        unit = FRAMES_PER_S if recording.dt == 1.0 else 1.0
        moments = lasting(union(moments, gap=GAP_S * unit), shortest=0.0 if slack else SHORTEST_S * unit)
    # "More than 2 s" and "at least 2 s" differ in what lasts just that long: it is doubtful.
    edge = slack if of_tracks else np.sign(slack) * EDGE
    return lasting(
        moments,
        shortest=step["min_s"] * (1 - edge) + (0.0 if slack else EDGE) if "min_s" in step else 0.0,
        longest=step["max_s"] * (1 + edge) - (0.0 if slack else EDGE) if "max_s" in step else np.inf,
    )


def _atom(atom: Condition, recording: Recording, owners: list[str], slack: float) -> Intervals:
    """One condition; ``slack`` widens it."""
    if "labels" in atom or "not_labels" in atom:
        raters = atom.get("raters")
        names = atom.get("labels", atom.get("not_labels"))
        marked = union(
            as_intervals(
                (label.start, label.stop)
                for label in recording.labels
                if label.behavior in names and (raters is None or label.rater in raters)
            )
        )
        return marked if "labels" in atom else complement(marked, recording.stop)
    if "enters" in atom:
        inside = union(
            from_mask(_zone(atom["enters"], recording, perhaps=slack > 0), recording.dt), gap=GAP_S
        )
        return as_intervals((start, min(start + 1.0, stop)) for start, stop in inside.tolist() if start > 0)
    return from_mask(_mask(atom, recording, owners, slack), recording.dt)


def _mask(atom: Condition, recording: Recording, owners: list[str], slack: float) -> NDArray[np.bool_]:
    """Frames that meet a condition on tracks; what is unknown meets none."""
    (kind, value), *_ = atom.items()
    if kind == "zone":
        return _zone(value, recording, perhaps=slack > 0)
    if kind == "not_zone":
        return ~_zone(value, recording, perhaps=slack == 0)
    animals = [recording.animals[name] for name in owners or recording.animals]
    with np.errstate(invalid="ignore"):
        if kind in _OF_ONE:
            return _OF_ONE[kind](animals[0], recording.dt, value, slack)
        if kind in _OF_TWO:
            return _OF_TWO[kind](animals[0], animals[1], recording.dt, value, slack)
        if kind == "alone":
            others = [animal for name, animal in recording.animals.items() if name not in owners]
            apart = [distance(animals[0].center, other.center) > value * (1 - slack) for other in others]
            return np.asarray(np.all(apart, axis=0))
    raise ValueError(f"Expected a known kind of condition, got {kind!r}.")


def _extreme(values: NDArray[np.float64], share: float, slack: float, *, top: bool) -> NDArray[np.bool_]:
    """The highest or lowest share of an animal's own frames; two and a half times as many are doubtful."""
    wider = share * (WIDER if slack else 1)
    if top:
        return np.asarray(values >= np.nanquantile(values, 1 - wider))
    return np.asarray(values <= np.nanquantile(values, wider))


def smoothed(points: Points, dt: float) -> Points:
    """Positions averaged over a sixth of a second about each frame."""
    frames = max(1, round(SMOOTHED_S / (dt if dt != 1.0 else 1 / FRAMES_PER_S)) | 1)
    return np.asarray(pd.DataFrame(points).rolling(frames, center=True, min_periods=1).mean())


def speed(points: Points, dt: float) -> NDArray[np.float64]:
    """Speed of each frame, central differences of the averaged positions; shape ``(n_frames,)``."""
    return np.asarray(np.linalg.norm(np.gradient(smoothed(points, dt), axis=0), axis=1) / dt)


def distance(first: Points, second: Points) -> NDArray[np.float64]:
    """Distance of two points in each frame; nan where either is unknown."""
    return np.asarray(np.linalg.norm(first - second, axis=1))


def body_length(animal: Animal, dt: float) -> NDArray[np.float64]:
    """From nose to tail base in each frame."""
    return distance(smoothed(_points(animal.nose), dt), smoothed(_points(animal.tail_base), dt))


def _points(points: Points | None) -> Points:
    if points is None:
        raise ValueError("Expected a nose and a tail base in the tracks, found none.")
    return points


def _turning(animal: Animal, dt: float, side: str, least: float) -> NDArray[np.bool_]:
    """Degrees per second about the animal's own axis; in an image, right is from +x towards +y (down)."""
    axis = smoothed(_points(animal.nose), dt) - smoothed(_points(animal.tail_base), dt)
    angle = np.unwrap(pd.Series(np.arctan2(axis[:, 1], axis[:, 0])).ffill().bfill().to_numpy())
    rate = np.degrees(np.gradient(pd.Series(angle).rolling(9, center=True, min_periods=1).mean())) / dt
    sign = {"left": -1.0, "right": 1.0}.get(side)
    return np.asarray((np.abs(rate) if sign is None else sign * rate) >= least)


def _following(first: Animal, second: Animal, dt: float, fast: float, slack: float) -> NDArray[np.bool_]:
    """Both move fast, near one another, and one heads for where the other is."""
    gap = second.center - first.center
    moving = (speed(first.center, dt) > fast * (1 - slack)) & (speed(second.center, dt) > fast * (1 - slack))
    near = np.linalg.norm(gap, axis=1) < 150 * (1 + slack)
    steps = [np.gradient(smoothed(animal.center, dt), axis=0) for animal in (first, second)]
    alike = np.sum(steps[0] * steps[1], axis=1) > 0.5 * np.linalg.norm(steps[0], axis=1) * np.linalg.norm(
        steps[1], axis=1
    )
    return np.asarray(moving & near & alike)


def _zone(name: str, recording: Recording, *, perhaps: bool) -> NDArray[np.bool_]:
    """Frames with the body center in a zone of the square arena: for certain, or perhaps."""
    if recording.box is None:
        raise ValueError(f"Expected an arena in {recording.session_id!r}, found none.")
    low, high = recording.box
    (animal,) = recording.animals.values()
    to_walls = np.minimum(animal.center - low, high - animal.center)
    edge = EDGES_CM[name][perhaps]
    if name == "center":
        return np.asarray(to_walls.min(axis=1) >= edge)
    return np.asarray((to_walls.min(axis=1) if name == "wall" else to_walls.max(axis=1)) <= edge)


_OF_ONE: Final[Mapping[str, Callable[[Animal, float, Any, float], NDArray[np.bool_]]]] = {
    "min_speed": lambda animal, dt, value, slack: speed(animal.center, dt) >= value * (1 - slack),
    "max_speed": lambda animal, dt, value, slack: speed(animal.center, dt) <= value * (1 + slack),
    "fastest": lambda animal, dt, value, slack: _extreme(speed(animal.center, dt), value, slack, top=True),
    "slowest": lambda animal, dt, value, slack: _extreme(speed(animal.center, dt), value, slack, top=False),
    "longest_body": lambda animal, dt, value, slack: _extreme(
        body_length(animal, dt), value, slack, top=True
    ),
    "turn": lambda animal, dt, value, slack: _turning(animal, dt, value, TURN * (0.6 if slack else 1)),
}
_OF_TWO: Final[Mapping[str, Callable[[Animal, Animal, float, Any, float], NDArray[np.bool_]]]] = {
    "near": lambda one, two, _, value, slack: distance(one.center, two.center) < value * (1 + slack),
    "apart": lambda one, two, _, value, slack: distance(one.center, two.center) > value * (1 - slack),
    "noses": lambda one, two, _, value, slack: (
        distance(_points(one.nose), _points(two.nose)) < value * (1 + slack)
    ),
    "following": _following,
}
