"""Measures of tracks and zones: paths, speeds, distances between points, time in zones, tracking quality.

::

    tracks      which animal of which tracker, in which unit; its points
    occupancy   whether it is in a zone, frame by frame
    windows     which frames count: bins, bouts, zones
    results     rows of a measure
    paths  pairs  zones  quality     the measures
"""

from ethochat.tools.motion.occupancy import known_zones, match_zones, zone_intervals
from ethochat.tools.motion.pairs import (
    PairDistance,
    body_center,
    keypoint_distance,
    near_measure,
    pair_distance,
    pair_distances,
)
from ethochat.tools.motion.paths import body_length, center_path, distance, max_speed, mean_speed
from ethochat.tools.motion.quality import missing_frames, n_frames, percent_tracked
from ethochat.tools.motion.tracks import TrackRef, plan_tracks
from ethochat.tools.motion.windows import Windows
from ethochat.tools.motion.zones import zone_measure

__all__ = [
    "PairDistance",
    "TrackRef",
    "Windows",
    "body_center",
    "body_length",
    "center_path",
    "distance",
    "keypoint_distance",
    "known_zones",
    "match_zones",
    "max_speed",
    "mean_speed",
    "missing_frames",
    "n_frames",
    "near_measure",
    "pair_distance",
    "pair_distances",
    "percent_tracked",
    "plan_tracks",
    "zone_intervals",
    "zone_measure",
]
