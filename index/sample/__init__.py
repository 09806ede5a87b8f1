"""The sample experiment: simulated mice in an open field, with known behavior, as a camera would see them.

``motion`` decides what a mouse does and where it goes, ``posture`` gives it a body, ``mouse`` holds the truth
and the pose a tracker would report, ``scene`` paints arena and coat, ``rendering`` draws the frames, and
``writing`` puts an experiment folder on disk.
"""

from ethochat.index.sample.motion import STATES
from ethochat.index.sample.mouse import SimulatedMouse, simulate
from ethochat.index.sample.writing import write_sample

__all__ = ["STATES", "SimulatedMouse", "simulate", "write_sample"]
