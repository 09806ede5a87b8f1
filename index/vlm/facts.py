"""What the tracks say of a clip, as short sentences for the prompt; as measured, nothing is judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ethochat.index.vlm.cleaning import quoted
from ethochat.index.vlm.paths import AnimalPath

Floats = NDArray[np.float64]
Zones = Mapping[str, Floats]
"""Zone name to 1 inside, 0 outside, NaN unknown, per frame."""

_LEAST_KNOWN: Final = 0.25
_NEAR_BODY_LENGTHS: Final = 3.0
_MOST_ZONES: Final = 8


def animal_facts(path: AnimalPath, zones: Zones, start: int, stop: int, frames_per_unit: float) -> list[str]:
    """Say how one animal moves in a clip, and where.

    Parameters
    ----------
    path
        The animal over the session.
    zones
        Of the animal.
    start, stop
        Frames of the clip, half-open.
    frames_per_unit
        Frames per second, or 1 where times are frames.

    Returns
    -------
    list of str
        Sentences; empty where the animal is seen in too few frames to say anything.
    """
    known = float((~np.isnan(path.position(start, stop)[0])).mean()) if stop > start else 0.0
    if known < _LEAST_KNOWN:
        return []
    said = [
        *_motion(path, start, stop, "s" if frames_per_unit != 1 else "frame"),
        *_turning(path, start, stop, frames_per_unit),
        *_posture(path, start, stop),
        *_wall(path, start, stop),
        *_inside(zones, start, stop),
    ]
    if known < 0.95:
        said.append(f"Its position is known in {100 * known:.0f} % of the frames only.")
    return said


def company_facts(path: AnimalPath, others: Mapping[str, AnimalPath], start: int, stop: int) -> list[str]:
    """Say which animals come near.

    Parameters
    ----------
    others
        The other animals, by the name to call them.
    """
    if path.body_px is None:
        return []
    x, y = path.position(start, stop)
    said = []
    for name, other in others.items():
        other_x, other_y = other.position(start, stop)
        apart = np.hypot(x - other_x, y - other_y)
        if np.isnan(apart).all():
            continue
        nearest = float(np.nanmin(apart)) / path.body_px
        if nearest <= _NEAR_BODY_LENGTHS:
            said.append(f"Smallest distance to {name}, center to center: {nearest:.1f} body lengths.")
    return said


def _motion(path: AnimalPath, start: int, stop: int, per: str) -> list[str]:
    unit, speed_factor, step_factor = "cm", 1.0, 1.0
    speed, step = path.columns["speed_cm_per_s"][start:stop], path.columns["step_cm"][start:stop]
    if np.isnan(speed).all():
        if path.body_px is None:  # pixels of the video mean nothing in the picture shown
            return []
        unit, speed_factor, step_factor = "body lengths", 1 / path.body_px, 1 / path.body_px
        speed, step = path.columns["speed_px_per_s"][start:stop], path.columns["step_px"][start:stop]
    if np.isnan(speed).all():
        return []
    mean, most = float(np.nanmean(speed)) * speed_factor, float(np.nanmax(speed)) * speed_factor
    # The first step comes from the frame before the clip.
    length = float(np.nansum(step[1:])) * step_factor
    return [
        f"Speed of its body center: {mean:.1f} {unit}/{per} on average, {most:.1f} {unit}/{per} at most.",
        f"Path of its body center: {length:.1f} {unit}.",
    ]


def _turning(path: AnimalPath, start: int, stop: int, frames_per_unit: float) -> list[str]:
    turning = path.columns["turning_deg_per_s"][start:stop]
    if np.isnan(turning).all():
        return []
    net = float(np.nansum(turning)) / frames_per_unit
    if round(abs(net)) < 10:
        return ["Its heading is about the same at the end as at the start."]
    side = "clockwise" if net > 0 else "counterclockwise"
    return [f"Its heading turns by {abs(net):.0f} degrees {side} in the picture, all in all."]


def _posture(path: AnimalPath, start: int, stop: int) -> list[str]:
    lengths = path.columns["body_length_px"][start:stop]
    if path.body_px is None or np.isnan(lengths).all():
        return []
    relative = 100 * float(np.nanmean(lengths)) / path.body_px
    return [f"Its length from nose to tail base, as seen, is {relative:.0f} % of its usual one."]


def _wall(path: AnimalPath, start: int, stop: int) -> list[str]:
    distance = path.columns["wall_distance_cm"][start:stop]
    if np.isnan(distance).all():
        return []
    return [
        f"Distance of its body center from the nearest wall: {float(np.nanmean(distance)):.1f} cm on average."
    ]


def _inside(zones: Zones, start: int, stop: int) -> list[str]:
    said = []
    for name, inside in list(zones.items())[:_MOST_ZONES]:
        known = inside[start:stop][~np.isnan(inside[start:stop])]
        if len(known) and known.any():
            share = (
                f"{100 * float(known.mean()):.0f} % of the clip" if known.mean() < 1 else "all of the clip"
            )
            said.append(f"It is in the zone {quoted(name)} for {share}.")
    return said
