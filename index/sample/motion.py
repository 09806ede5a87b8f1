"""What a simulated mouse does and where it goes: a semi-Markov chain of bouts, a smoothed random walk.

Lengths are centimetres, x to the right and y down from the arena's upper left corner, as in an image; angles
are radians from +x towards +y, so a positive turn is to the animal's right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

ARENA_CM = 40.0
STATES = ("immobile", "walking", "running", "turning", "grooming", "supported rear", "unsupported rear")
"""Ethogram of the simulator; a state array holds positions in this tuple."""
IMMOBILE, WALKING, RUNNING, TURNING, GROOMING, SUPPORTED_REAR, UNSUPPORTED_REAR = range(len(STATES))

FRONT_CM, REAR_CM, HALF_WIDTH_CM = 4.7, 4.2, 1.5
"""From body center to nose tip, to tail base, and to the flank of a mouse of average weight."""

_DURATION_S = {
    IMMOBILE: (1.3, 0.5, 0.5, 5.0),
    WALKING: (1.7, 0.45, 0.6, 4.5),
    RUNNING: (1.3, 0.35, 0.6, 2.8),
    SUPPORTED_REAR: (1.5, 0.35, 0.9, 3.2),
    UNSUPPORTED_REAR: (1.2, 0.3, 0.8, 2.2),
}
"""Median, log standard deviation, shortest and longest bout."""
_SHORTEST_CUT_S = 0.4
_REAR_APPROACH_S = 1.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """How a group behaves while it keeps to the wall; away from it all groups behave alike."""

    name: str
    after_moving: Mapping[int, float]
    """Weights of the next state after walking or running."""
    resumes_running: float
    """Probability that locomotion after a stop is a run."""
    walking_cm_per_s: float
    grooming_s: float
    """Median duration of a grooming bout."""


TREATMENTS = (
    Treatment(
        name="saline",
        after_moving={
            IMMOBILE: 0.30, RUNNING: 0.07, TURNING: 0.10,
            GROOMING: 0.22, SUPPORTED_REAR: 0.18, UNSUPPORTED_REAR: 0.08,
        },
        resumes_running=0.08,
        walking_cm_per_s=9.5,
        grooming_s=4.2,
    ),
    Treatment(
        name="caffeine",
        after_moving={
            IMMOBILE: 0.16, RUNNING: 0.24, TURNING: 0.10,
            GROOMING: 0.06, SUPPORTED_REAR: 0.34, UNSUPPORTED_REAR: 0.14,
        },
        resumes_running=0.30,
        walking_cm_per_s=11.5,
        grooming_s=2.8,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """Path of one animal before its posture is known."""

    position_cm: NDArray[np.float64]
    """Shape ``(n_frames, 2)``: body center as the legs carry it, without the lean of a rear."""
    heading_rad: NDArray[np.float64]
    """Shape ``(n_frames,)``, unwrapped."""
    speed_cm_per_s: NDArray[np.float64]
    state: NDArray[np.int8]
    """Shape ``(n_frames,)``: position in :data:`STATES`."""


def simulate_motion(
    rng: np.random.Generator, treatment: Treatment, *, n_frames: int, fps: int, scale: float = 1.0
) -> Motion:
    """Let one mouse loose in the arena.

    Parameters
    ----------
    scale
        Size of the animal relative to the average one; keeps large ones off the wall.
    """
    walker = _Walker(rng=rng, treatment=treatment, dt=1.0 / fps, scale=scale)
    rows = np.empty((n_frames, 4))
    state = np.empty(n_frames, dtype=np.int8)
    for frame in range(n_frames):
        walker.choose()
        state[frame] = walker.plan.state
        rows[frame] = walker.x, walker.y, walker.heading, walker.speed
        walker.step()
    return Motion(position_cm=rows[:, :2], heading_rad=rows[:, 2], speed_cm_per_s=rows[:, 3], state=state)


@dataclass(slots=True, kw_only=True)
class _Plan:
    """The bout under way."""

    state: int
    duration_s: float
    speed_cm_per_s: float = 0.0
    desired: Callable[[], float] | None = None
    """Heading to steer for; without it the animal keeps its own."""
    is_reached: Callable[[], bool] | None = None
    """Ends the bout before its time."""
    then: int | None = None
    """State that follows when the bout's aim was reached."""
    lasted_s: float = 0.0

    @property
    def is_moving(self) -> bool:
        return self.state in (WALKING, RUNNING)


@dataclass(slots=True, kw_only=True)
class _Walker:
    """The animal's mutable state, advanced frame by frame."""

    rng: np.random.Generator
    treatment: Treatment
    dt: float
    scale: float
    x: float = 0.0
    y: float = 0.0
    heading: float = 0.0
    speed: float = 0.0
    turn_rate: float = 0.0
    wander: float = 0.0
    time: float = 0.0
    sense: float = 1.0
    """Way round the arena along the wall: +1 clockwise as the image shows it."""
    lane_cm: float = 3.0
    """Distance from the wall that the animal likes at present."""
    phase: str = "wall"
    """``wall`` | ``center`` | ``return``: excursions into the center come and last alike in all groups."""
    phase_until: float = 0.0
    waypoint: tuple[float, float] = (0.0, 0.0)
    plan: _Plan = field(default_factory=lambda: _Plan(state=IMMOBILE, duration_s=0.6))

    def __post_init__(self) -> None:
        side, along = int(self.rng.integers(4)), self.rng.uniform(9, ARENA_CM - 9)
        place = {0: (along, 4.0), 1: (ARENA_CM - 4.0, along), 2: (along, ARENA_CM - 4.0), 3: (4.0, along)}
        self.x, self.y = place[side]
        self.sense = float(self.rng.choice((-1.0, 1.0)))
        self.heading = self._along_wall()
        self.phase_until = self._wall_stay() * self.rng.uniform(0.3, 1.0)

    # -- what to do next -------------------------------------------------------------------------------------

    def choose(self) -> None:
        """Keep the present bout or begin the next one."""
        plan = self.plan
        reached = plan.is_reached is not None and plan.is_reached()
        called_away = (
            self.phase != "return" and self.time >= self.phase_until and plan.lasted_s >= _SHORTEST_CUT_S
        )
        if not (reached or called_away or plan.lasted_s >= plan.duration_s - 1e-9):
            return
        self._change_phase()
        if reached and plan.then is not None and not called_away:
            self.plan = self._stay(plan.then)
        elif self.phase == "wall":
            self.plan = self._at_wall(plan)
        else:
            self.plan = self._off_wall(plan)

    def _change_phase(self) -> None:
        if self.phase == "return":
            if self._wall_distance() < 5.0:
                self.phase, self.phase_until = "wall", self.time + self._wall_stay()
        elif self.time >= self.phase_until:
            self.phase = "center" if self.phase == "wall" else "return"
            self.phase_until = self.time + self.rng.gamma(6.0, 4.5 / 6.0)

    def _wall_stay(self) -> float:
        return float(self.rng.gamma(5.0, 14.0 / 5.0))

    def _at_wall(self, last: _Plan) -> _Plan:
        if not last.is_moving:
            return self._travel(RUNNING if self.rng.random() < self.treatment.resumes_running else WALKING)
        states = list(self.treatment.after_moving)
        weights = np.array([self.treatment.after_moving[state] for state in states])
        state = states[int(self.rng.choice(len(states), p=weights / weights.sum()))]
        if state == RUNNING:
            return self._travel(WALKING if last.state == RUNNING else RUNNING)
        if state == TURNING:
            return self._turn_back()
        if state == SUPPORTED_REAR:
            return self._approach_wall()
        return self._stay(state)

    def _off_wall(self, last: _Plan) -> _Plan:
        if self.phase == "center" and last.is_moving and self._wall_distance() > 9.0:
            chance = self.rng.random()
            if chance < 0.5:
                return self._stay(IMMOBILE if chance < 0.38 else UNSUPPORTED_REAR)
        if self.phase == "center":
            half = ARENA_CM / 2
            self.waypoint = (half + self.rng.uniform(-7, 7), half + self.rng.uniform(-7, 7))
        desired = self._to_waypoint if self.phase == "center" else self._along_wall
        reached = self._at_waypoint if self.phase == "center" else lambda: self._wall_distance() < 5.0
        speed = self.rng.uniform(9.0, 15.0)
        return _Plan(state=WALKING, duration_s=3.0, speed_cm_per_s=speed, desired=desired, is_reached=reached)

    def _travel(self, state: int) -> _Plan:
        mean, sd = (self.treatment.walking_cm_per_s, 2.0) if state == WALKING else (27.0, 3.0)
        speed = float(
            np.clip(self.rng.normal(mean, sd), *((5.5, 16.0) if state == WALKING else (21.0, 35.0)))
        )
        self.lane_cm = self.rng.uniform(2.0, 3.8)
        return _Plan(
            state=state, duration_s=self._duration(state), speed_cm_per_s=speed, desired=self._along_wall
        )

    def _turn_back(self) -> _Plan:
        self.sense = -self.sense
        aim = self._along_wall() + self.rng.normal(0.0, 0.25)
        # Turn away from the wall: the short way round would push the nose through it.
        away = self._outward() + math.pi
        way = math.copysign(1.0, _wrapped(away - self.heading))
        remaining = abs(_wrapped(aim - self.heading))
        if _wrapped(aim - self.heading) * way < 0:
            remaining = 2 * math.pi - remaining
        target = self.heading + way * min(remaining, 1.2 * math.pi)
        return _Plan(
            state=TURNING, duration_s=1.4, speed_cm_per_s=2.0, desired=lambda: target,
            is_reached=lambda: abs(target - self.heading) < 0.2,
        )  # fmt: skip

    def _approach_wall(self) -> _Plan:
        offset = self.rng.normal(0.0, 0.25)
        return _Plan(
            state=WALKING, duration_s=_REAR_APPROACH_S, speed_cm_per_s=7.0, then=SUPPORTED_REAR,
            desired=lambda: self._outward() + offset,
            is_reached=lambda: self._nose_gap() < 0.5 and abs(_wrapped(self._outward() - self.heading)) < 0.6,
        )  # fmt: skip

    def _stay(self, state: int) -> _Plan:
        return _Plan(state=state, duration_s=self._duration(state))

    def _duration(self, state: int) -> float:
        median, sigma, shortest, longest = _DURATION_S.get(state, (self.treatment.grooming_s, 0.35, 1.6, 9.0))
        return float(np.clip(median * math.exp(self.rng.normal(0.0, sigma)), shortest, longest))

    # -- where that leads ------------------------------------------------------------------------------------

    def step(self) -> None:
        """Advance by one frame: heading and speed follow the plan with inertia, walls hold."""
        plan, dt = self.plan, self.dt
        still = plan.state not in (WALKING, RUNNING, TURNING)
        noise = self.rng.normal()
        self.wander += dt / 0.5 * -self.wander + (0.15 if still else 1.1) * math.sqrt(2 * dt / 0.5) * noise
        error = 0.0 if plan.desired is None else plan.desired() - self.heading
        error = error if plan.state == TURNING else _wrapped(error)
        limit = 4.5 if plan.state == TURNING else 5.5
        wanted_turn = max(-limit, min(limit, 4.5 * error)) + (0.0 if plan.state == TURNING else self.wander)
        self.turn_rate += min(1.0, dt / 0.11) * (wanted_turn * (0.15 if still else 1.0) - self.turn_rate)
        wanted_speed = plan.speed_cm_per_s * (1.0 - 0.6 * min(1.0, abs(error) / 1.4))
        self.speed += min(1.0, dt / (0.09 if still else 0.16)) * (wanted_speed - self.speed)
        self.speed = 0.0 if self.speed < 0.02 else self.speed
        self.heading += self.turn_rate * dt
        self._move(self.speed * dt)
        plan.lasted_s += dt
        self.time += dt

    def _move(self, distance: float) -> None:
        cosine, sine = math.cos(self.heading), math.sin(self.heading)
        left, right = self._extent(-cosine, sine), self._extent(cosine, sine)
        top, bottom = self._extent(-sine, cosine), self._extent(sine, cosine)
        self.x = max(left, min(ARENA_CM - right, self.x + distance * cosine))
        self.y = max(top, min(ARENA_CM - bottom, self.y + distance * sine))

    def _extent(self, along: float, across: float) -> float:
        """Reach towards a wall; along and across are the parts of the wall's normal on the body's axes."""
        length = FRONT_CM if along > 0 else REAR_CM
        return 0.25 + self.scale * math.hypot(length * along, HALF_WIDTH_CM * across)

    def _wall_distance(self) -> float:
        return min(self.x, self.y, ARENA_CM - self.x, ARENA_CM - self.y)

    def _outward(self) -> float:
        """Direction of the nearest wall."""
        gaps = (ARENA_CM - self.x, ARENA_CM - self.y, self.x, self.y)
        return gaps.index(min(gaps)) * math.pi / 2

    def _nose_gap(self) -> float:
        along = math.cos(self._outward() - self.heading)
        return self._wall_distance() - self._extent(along, math.sqrt(max(0.0, 1 - along * along)))

    def _along_wall(self) -> float:
        """Heading that joins and follows a lane with round corners along the wall."""
        ahead = 0.18 * self.speed
        x = self.x + ahead * math.cos(self.heading) - ARENA_CM / 2
        y = self.y + ahead * math.sin(self.heading) - ARENA_CM / 2
        radius = 5.0
        inner = ARENA_CM / 2 - self.lane_cm - radius
        right, down = max(0.0, abs(x) - inner), max(0.0, abs(y) - inner)
        if right == down == 0.0:
            right, down = (1.0, 0.0) if abs(x) > abs(y) else (0.0, 1.0)
            gap = 4.0
        else:
            gap = radius - math.hypot(right, down)
        normal = math.atan2(math.copysign(down, y), math.copysign(right, x))
        return normal + self.sense * (math.pi / 2 - math.atan(max(-1.2, min(1.6, gap / 3.0))))

    def _to_waypoint(self) -> float:
        return math.atan2(self.waypoint[1] - self.y, self.waypoint[0] - self.x)

    def _at_waypoint(self) -> bool:
        return math.hypot(self.waypoint[1] - self.y, self.waypoint[0] - self.x) < 2.5


def _wrapped(angle: float) -> float:
    """Give the same angle in [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi
