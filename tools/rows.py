"""What a measure yields before it is grouped: one row per session, animal, source … and time bin."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ethochat.index.timebase import TimeBase, parse_fps
from ethochat.tools.arguments import MeasureArguments
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.selection import Scope
from ethochat.tools.units import canonical_unit, conversion_factor, dimension_of

Vector = NDArray[np.float64]

MAX_BINS: Final = 5_000

Kind = Literal["additive", "plain", "ratio", "pooled"]
"""How values are put together: added up, averaged, as a share of added parts, or bout by bout."""

Needs = Literal["labels", "track", "zones", "session"]
"""What data a measure is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One observed value, before grouping."""

    session_id: str
    individual: str = ""
    subject_id: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """``source``, ``behavior``, ``zone``, ``keypoint``, ``pair`` where the measure has them."""
    bin_index: int = 0
    bin_start: float | None = None
    value: float | None = None
    """``None`` where there is nothing to measure, such as the latency of what never happened."""
    parts: tuple[float, float] | None = None
    """Of a ratio: what is shared out and the whole, so that shares can be pooled."""
    observations: Vector | None = None
    """Of a pooled measure: the single bouts or frames."""
    times: Vector | None = None
    """When each observation starts, in the session's time unit."""
    observed: float | None = None
    """Time that was looked at for this value, in the session's time unit; ``None`` where time plays no part."""
    n_rows: int = 0
    """Rows of the tables behind it."""

    @property
    def animal(self) -> str:
        """The unit of analysis: the subject, or the recorded animal where no subject is stated."""
        return self.subject_id or f"{self.session_id}/{self.individual}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All rows of one measure."""

    name: str
    unit: str | None
    kind: Kind
    rows: Sequence[Row]
    default_statistics: tuple[str, ...] = ("mean",)
    """Of a pooled measure; the first is what :attr:`Row.value` holds, the value of a single animal."""
    observation: str = "bouts"
    """What a pooled measure pools."""
    flags: tuple[str, ...] = ()
    definition: str = ""
    time_unit: str = "s"
    """Unit of :attr:`Row.observed`: ``frames`` where the frame rate is not documented."""
    instead: str | None = None
    """The measure of the catalogue that does not grow with the time looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a measure's function gets."""

    context: ToolContext
    scope: Scope
    arguments: MeasureArguments
    split: frozenset[str]
    """Columns the result is split by, as resolved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One entry of the catalogue."""

    name: str
    synonyms: tuple[str, ...]
    unit: str
    """Unit of the result where the session counts in seconds and has a scale."""
    definition: str
    needs: Needs
    kind: Kind
    compute: Callable[[Call], Measured]
    reference: str
    """Where the definition comes from: a paper, a manual's term, or this project with its reason."""
    takes: frozenset[str]
    """Arguments that change what is measured; a call with any other cut is refused."""
    instead: str | None = None
    """For a measure that grows with the time looked at: the one that does not."""


def clock_of(session: Mapping[str, object]) -> TimeBase:
    """Clock of a row of the sessions table."""
    fps = session["fps"]
    if session["time_unit"] == "frames" or not isinstance(fps, int | float):
        return TimeBase(fps=None)
    return TimeBase(fps=parse_fps(float(fps)))


def clocks(scope: Scope) -> dict[str, TimeBase]:
    """Clock of every selected session."""
    rows = scope.sessions.select("session_id", "fps", "time_unit").iter_rows(named=True)
    return {row["session_id"]: clock_of(row) for row in rows}


def bins_of(window: tuple[float, float], end: float, width: float | None) -> list[tuple[int, float, float]]:
    """Cut a window into bins.

    Parameters
    ----------
    window
        Start and stop, the stop may be infinite.
    end
        Where the data ends.
    width
        Width of a bin; ``None`` for one bin.

    Returns
    -------
    list of (index, start, stop)
        Half-open; the last one may be shorter.
    """
    start, stop = window[0], min(window[1], end)
    if width is None:
        return [(0, start, stop)]
    n = max(0, int(np.ceil((stop - start) / width - 1e-9)))
    if n > MAX_BINS:
        raise ToolRetryError(
            f"Expected at most {MAX_BINS} bins, got {n} of {width:g}; choose a larger bin_s."
        )
    return [(k, start + k * width, min(start + (k + 1) * width, stop)) for k in range(n)]


def check_bins(arguments: MeasureArguments) -> None:
    """Refuse bins without width."""
    if arguments.bin_s is not None and arguments.bin_s <= 0:
        raise ToolRetryError(f"Expected bin_s above 0, got {arguments.bin_s:g}.")


# ----------------------------------------------------------------- units
def in_unit(measured: Measured, wanted: str | None, scope: Scope) -> Measured:
    """Give rows in the unit asked for.

    Raises
    ------
    ToolRetryError
        When the measure cannot be given in that unit.
    """
    if wanted is None:
        return measured
    unit = canonical_unit(wanted)
    if measured.unit is None:
        flag = f"The unit of {measured.name} is not documented, so it could not be given in {unit}."
        return dataclasses.replace(measured, flags=(*measured.flags, flag))
    if measured.unit == unit:
        return measured
    have, want = dimension_of(measured.unit), dimension_of(unit)
    if have == "frames" and want == "time":
        flag = f"The frame rate is not documented, so {measured.name} is given in frames, not in {unit}."
        return dataclasses.replace(measured, flags=(*measured.flags, flag))
    if have == "time" and want == "frames":
        return _in_frames(measured, scope)
    factor = conversion_factor(measured.unit, unit)
    if factor is None:
        _refuse_unit(measured, unit, want)
        raise AssertionError  # pragma: no cover
    rows = [_scaled(row, factor) for row in measured.rows]
    return dataclasses.replace(measured, rows=rows, unit=unit)


def _refuse_unit(measured: Measured, unit: str, want: str | None) -> None:
    if want is None:
        raise ToolRetryError(f"Unit {unit!r} is not known; {measured.name} is in {measured.unit!r}.")
    if measured.unit is not None and "px" in measured.unit and want in ("length", "speed"):
        raise ToolFailedError(
            f"No scale (px per cm) is documented, so {measured.name} cannot be given in {unit}; it can be "
            f"given in {measured.unit}."
        )
    raise ToolRetryError(f"Expected a unit for {measured.name} like {measured.unit!r}, got {unit!r}.")


def _in_frames(measured: Measured, scope: Scope) -> Measured:
    clock = clocks(scope)
    without = sorted({row.session_id for row in measured.rows if clock[row.session_id].fps is None})
    if without:
        raise ToolFailedError(
            f"The frame rate of {', '.join(without[:5])} is not documented, so frames cannot be given."
        )
    rows = [_scaled(row, clock[row.session_id].frames_per_unit, digits=6) for row in measured.rows]
    return dataclasses.replace(measured, rows=rows, unit="frames")


def _scaled(row: Row, factor: float, digits: int | None = None) -> Row:
    def scale(number: float) -> float:
        return number * factor if digits is None else round(number * factor, digits)

    return dataclasses.replace(
        row,
        value=None if row.value is None else scale(row.value),
        parts=None if row.parts is None else (row.parts[0] * factor, row.parts[1]),
        observations=None if row.observations is None else row.observations * factor,
    )
