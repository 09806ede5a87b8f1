"""Measure AmadeusGPT's behavior API; runs in an environment of its own, prints one JSON object.

Arguments: pose file, video file. No language model is involved; the key is never used.
"""

import json
import os
import sys
import time
import warnings

import numpy as np

NEAR = 40
POINT = "center back"


def now() -> np.ndarray:
    """Wall time and processor time, s."""
    return np.array([time.perf_counter(), time.process_time()])


started = now()
warnings.filterwarnings("ignore")
os.environ.setdefault("OPENAI_API_KEY", "unused")
os.environ.setdefault("MPLBACKEND", "Agg")
from amadeusgpt.analysis_objects.animal import AnimalSeq  # noqa: E402 (the import is measured)
from amadeusgpt.analysis_objects.event import Event  # noqa: E402
from amadeusgpt.behavior_analysis.animal_behavior_analysis import AnimalBehaviorAnalysis  # noqa: E402
from amadeusgpt.behavior_analysis.identifier import Identifier  # noqa: E402
from amadeusgpt.managers.animal_manager import interpolate_keypoints  # noqa: E402

import_s = (now() - started).tolist()


def work(pose: str, video: str) -> dict:
    config = {"keypoint_info": {}, "data_info": {}, "video_info": {}, "object_info": {}}
    clock = [now()]
    analysis = AnimalBehaviorAnalysis(Identifier(config, video, pose))
    clock.append(now())
    analysis.get_speed()
    clock.append(now())
    # This call computes the distances itself; nothing else of them is counted.
    events = analysis.get_animals_animals_events(
        [f"distance<{NEAR}"],
        bodypart_names=[POINT],
        otheranimal_bodypart_names=[POINT],
        min_window=0,
        smooth_window_size=1,
    )
    clock.append(now())
    steps = dict(zip(("load", "speeds", "near"), np.diff(clock, axis=0).tolist(), strict=True))
    relations = analysis.relationship_manager.get_animals_animals_relationships([POINT], [POINT])
    near = {
        f"{r.sender_animal_name[-1]}-{r.receiver_animal_name[-1]}": int((r.data["distance"] < NEAR).sum())
        for r in relations
    }
    return {"steps": steps, "near_frames": near, "n_events": len(events)}


def known_answers() -> dict:
    moving = np.zeros((5, 1, 2))
    moving[:, 0, 0] = np.arange(5) * 4.0  # 4 px per frame
    masks = json.loads(sys.argv[3])
    gaps = np.zeros((10, 1, 1, 2))
    gaps[4:7, 0, 0] = [[100, 50], [110, 50], [120, 50]]
    return {
        "speed": float(AnimalSeq("a", moving, ["p"]).get_speed()[3, 0, 0]),
        "bouts": [
            [(start, stop + 1) for start, stop in Event.blockfy(np.array(mask, dtype=bool))] for mask in masks
        ],
        "x": interpolate_keypoints(gaps)[:, 0, 0, 0].tolist(),
    }


cold, warm = work(*sys.argv[1:3]), work(*sys.argv[1:3])
json.dump({"import_s": import_s, "cold": cold, "warm": warm, "known": known_answers()}, sys.stdout)
