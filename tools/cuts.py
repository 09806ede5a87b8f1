"""Cuts of a measure that a call asks for: refused where they would change nothing, named where they change little."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import polars as pl

from ethochat.tools.arguments import MeasureArguments, Selection
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.quantities import Quantity
from ethochat.tools.selection import Scope, listing
from ethochat.tools.wording import number, some

_WINDOW: Final = ("start_s", "stop_s", "start_part", "stop_part", "bin_s")
_ALWAYS: Final = frozenset(
    {
        "measure", "group_by", "statistics", "unit", "order", "limit", "keep", "keep_value", "combine", "combine_of",
        "windows", *(name for name in Selection.model_fields if name not in _WINDOW),
    }
)  # fmt: skip
"""Arguments that every measure takes: who is looked at, and what is made of the rows."""

_CUTS: Final = tuple(name for name in MeasureArguments.model_fields if name not in _ALWAYS)
_NEARLY: Final = 0.01
"""By how much a session may miss the end of a window unmentioned."""
_OF_POINTS: Final = frozenset({"keypoints", "min_confidence", "interpolate"})
"""How to treat the points of a track."""
_OF_METRICS: Final = frozenset({"sources"})

_ALONE: Final[tuple[tuple[str, str, Callable[[MeasureArguments], bool]], ...]] = (
    ("strict", "min_bout_s or max_bout_s", lambda a: a.min_bout_s is None and a.max_bout_s is None),
    ("combine_of", "combine", lambda a: a.combine is None),
    ("keep_value", "keep above or below", lambda a: a.keep not in ("above", "below")),
)
"""Arguments that say nothing without another one."""


def check_cuts(arguments: MeasureArguments, quantity: Quantity) -> tuple[str, ...]:
    """Refuse arguments that a measure does not take, so that none is silently ignored.

    Returns
    -------
    tuple of str
        A sentence on how to treat points, where labels are measured: it leaves nobody out.

    Raises
    ------
    ToolFailedError
        For a time window on a value that came with the data and holds for the whole session.
    ToolRetryError
        For any other argument that would change nothing.
    """
    given = [name for name in MeasureArguments.model_fields if _is_given(arguments, name)]
    takes = quantity.measure.takes if quantity.measure is not None else _of_outside(quantity)
    unused = [name for name in given if name in _CUTS and name not in takes]
    of_labels = quantity.measure is not None and quantity.measure.needs == "labels"
    idle = [name for name in unused if not (of_labels and name in _OF_POINTS)]
    windows = [name for name in idle if name in _WINDOW]
    if windows and quantity.measure is None:
        raise ToolFailedError(
            f"{quantity.name} came with the data as one value per session, so it cannot be cut to a time window "
            f"({', '.join(windows)})."
        )
    if idle:
        raise ToolRetryError(
            f"{quantity.name} does not depend on {listing(idle)}; leave that out, or choose another measure."
        )
    for name, other, is_alone in _ALONE:
        if name in given and is_alone(arguments):
            raise ToolRetryError(f"`{name}` says nothing without {other}.")
    _refuse_without_subject(arguments, given, quantity)
    said = [name for name in unused if name not in idle]
    verb = "plays" if len(said) == 1 else "play"
    return (f"{listing(said)} {verb} no part in {quantity.name}, which is made of labels.",) if said else ()


def _refuse_without_subject(arguments: MeasureArguments, given: list[str], quantity: Quantity) -> None:
    """Refuse limits on bouts without bouts, and an outside without an inside."""
    needs = quantity.measure.needs if quantity.measure is not None else "session"
    limits = [name for name in given if name in ("min_bout_s", "max_bout_s")]
    if limits and needs != "labels" and not (arguments.behaviors or arguments.during):
        raise ToolRetryError(f"{listing(limits)} limits bouts; name a behavior with it.")
    if arguments.outside and needs != "zones" and not arguments.zones:
        raise ToolRetryError("`outside` says nothing without zones; name one.")


def _is_given(arguments: MeasureArguments, name: str) -> bool:
    field = MeasureArguments.model_fields[name]
    return bool(getattr(arguments, name) != field.get_default(call_default_factory=True))


def _of_outside(quantity: Quantity) -> frozenset[str]:
    return _OF_METRICS if quantity.metric is not None else frozenset()


def window_flags(scope: Scope) -> tuple[str, ...]:
    """Name the sessions that a time window leaves out, or that end before it does.

    Raises
    ------
    ToolFailedError
        When the window lies outside of every session.
    """
    if not scope.is_cut:
        return ()
    outside, short = [], []
    for session in scope.sessions.filter(pl.col("duration").is_not_null()).iter_rows(named=True):
        start, stop = scope.window(session)
        longest = max(scope.stop or 0.0, -(scope.start or 0.0))
        if start >= min(stop, session["duration"]):
            outside.append(session["session_id"])
        elif longest > (1 + _NEARLY) * session["duration"]:
            short.append(session["session_id"])
    if len(outside) == len(scope.session_ids):
        raise ToolFailedError(
            f"The time window lies outside of {listing(outside, 5)}: nothing was recorded there."
        )
    flags = _part_flags(scope)
    if outside:
        flags.append(
            f"The time window lies outside of {some(len(outside), 'session')}: {listing(outside, 5)}."
        )
    if short:
        flags.append(f"The time window is longer than {some(len(short), 'session')}: {listing(short, 5)}.")
    return tuple(flags)


def _part_flags(scope: Scope) -> list[str]:
    """Say where a share of the sessions lies, which differs where their lengths do."""
    if scope.start_part is None and scope.stop_part is None:
        return []
    lengths = scope.sessions["duration"].drop_nulls()
    if not len(lengths):
        return []
    low, high = float(lengths.min()), float(lengths.max())  # type: ignore[arg-type]
    unit = scope.time_unit()
    if high - low < _NEARLY * high:
        return [f"Shares are of each session's own length, about {number(high)} {unit}."]
    return [
        f"Shares are of each session's own length, from {number(low)} to {number(high)} {unit}, so that they are not equally long everywhere."
    ]
