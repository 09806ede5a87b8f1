"""What a reader must know of grouped values: unequal lengths, empty groups, missing values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Final

import polars as pl

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.rows import Measured, Row
from ethochat.tools.selection import IDENTIFIERS, Scope, column_values, listing
from ethochat.tools.wording import number, some, window_name

if TYPE_CHECKING:
    from ethochat.tools.arguments import Window
    from ethochat.tools.measures import Outcome

ALIKE: Final = 0.01
"""Share of the longest time looked at by which another may fall short unmentioned."""
_FROM_THE_START: Final = frozenset({"latency", "last_end", "zone_latency"})
"""Measures of the catalogue that are points in time, counted from the start of the session."""
Cell = tuple[str, ...]


def check_parts_of_time(measured: Measured) -> None:
    """Refuse to hold a point in time against itself in a later part of the session, where it is later whatever animals do.

    Raises
    ------
    ToolFailedError
        When the measure is a latency or another point in time.
    """
    if measured.name in _FROM_THE_START:
        raise ToolFailedError(
            f"{measured.name} counts from the start of the session, so that it is later in every later part of it whatever the "
            "animals do; compare counts or durations."
        )


def whole_bins(
    outcome: Outcome, width: float | None, consequence: str = "left out there"
) -> tuple[Outcome, list[str]]:
    """Leave out time bins that a recording ends in: a bin cut short looks like a fall of whatever is measured.

    Parameters
    ----------
    width
        Length of the bins; ``None`` where the call has none, so that nothing is left out.
    consequence
        What becomes of them, as the sentence says it.

    Returns
    -------
    tuple
        The outcome without them, and a sentence on what was left out.
    """
    if width is None:
        return outcome, []
    ends = {session_id: stop for session_id, stop in _ends(outcome.scope).items() if stop is not None}
    cut = [
        row
        for row in outcome.measured.rows
        if row.bin_start is not None
        and row.bin_start + (1 - ALIKE) * width > ends.get(row.session_id, float("inf"))
    ]
    if not cut:
        return outcome, []
    left_out = {id(row) for row in cut}
    rows = [row for row in outcome.measured.rows if id(row) not in left_out]
    starts = sorted({row.bin_start for row in cut if row.bin_start is not None})
    sessions = list(dict.fromkeys(row.session_id for row in cut))
    bins = listing([f"{start:g}–{start + width:g}" for start in starts], 5)
    unit = outcome.scope.time_unit()
    what = "part looked at" if outcome.scope.is_cut else "recording"
    said = f"The {what} ends within the bin {bins} {unit} in {some(len(sessions), 'session')}; {consequence}."
    return dataclasses.replace(outcome, measured=dataclasses.replace(outcome.measured, rows=rows)), [said]


def whole_windows(outcome: Outcome, windows: Sequence[Window]) -> tuple[Outcome, list[str]]:
    """Leave out sessions that do not hold the whole of a time window, which would be shorter there than the others.

    Parameters
    ----------
    windows
        Of the call; shares of a session's own length fit in every session.

    Returns
    -------
    tuple
        The outcome without them, and a sentence on each window that was left out somewhere.
    """
    durations = dict(outcome.scope.sessions.select("session_id", "duration").iter_rows())
    unit = outcome.scope.time_unit()
    cut: set[tuple[str, str]] = set()
    said = []
    for window in windows:
        name = window_name(window.start_s, window.stop_s, unit, (window.start_part, window.stop_part))
        short = [
            session_id
            for session_id, duration in durations.items()
            if isinstance(duration, int | float) and _is_short(window, float(duration))
        ]
        cut |= {(session_id, name) for session_id in short}
        if short:
            said.append(
                f"{some(len(short), 'session')} {'does' if len(short) == 1 else 'do'} not hold the whole of the window "
                f"{name!r} and {'is' if len(short) == 1 else 'are'} left out there: {listing(short, 5)}."
            )
    if not cut:
        return outcome, []
    rows = [row for row in outcome.measured.rows if (row.session_id, row.labels.get("window", "")) not in cut]
    return dataclasses.replace(outcome, measured=dataclasses.replace(outcome.measured, rows=rows)), said


def _is_short(window: Window, duration: float) -> bool:
    """Whether a session holds less than the length that a window asks for."""
    start, stop = window.start_s or 0.0, window.stop_s
    if start < 0 and stop is None:
        return duration < (1 - ALIKE) * -start
    if stop is None or start < 0 or stop < 0:
        return False
    return min(stop, duration) - start < (1 - ALIKE) * (stop - start)


def _ends(scope: Scope) -> dict[str, float | None]:
    """When the part of each session that a call is about ends."""
    ends: dict[str, float | None] = {}
    for session in scope.sessions.iter_rows(named=True):
        duration = session["duration"]
        known = isinstance(duration, int | float)
        ends[session["session_id"]] = min(scope.window(session)[1], duration) if known else None
    return ends


def unequal_lengths(measured: Measured, *, added: Sequence[Sequence[Row]] = ()) -> str | None:
    """Say when totals of unequally long observations stand side by side, and what to ask for instead.

    Parameters
    ----------
    measured
        Rows of a measure. Only one that grows with the time looked at (``measured.instead`` names one that does not) is
        remarked on.
    added
        Rows that are added up into one value each; then it is these sums whose times are compared.

    Returns
    -------
    str or None
        A sentence, ``None`` where all times are within 1 % of the longest.
    """
    if measured.kind != "additive" or measured.instead is None or not measured.time_unit:
        return None
    if added:
        times = [sum(row.observed or 0.0 for row in rows) for rows in added]
    else:
        times = [row.observed for row in measured.rows if row.observed is not None]
    if len(times) < 2 or min(times) >= (1 - ALIKE) * max(times):
        return None
    low, high, unit = number(min(times)), number(max(times)), measured.time_unit
    return (
        f"The time looked at is not the same everywhere (from {low} to {high} {unit}), so that totals are not like for "
        f"like; {measured.instead} takes it into account."
    )


def added_up(n: int, noun: str = "animal") -> str:
    """Say of what is held against chance within each recording that it is added up; empty for a single animal."""
    if n < 2:
        return ""
    return (
        f" Those of all {some(n, noun)} are added up, so that one with many weighs more, and p is about these recordings, not a "
        "test over animals."
    )


# ----------------------------------------------------------------- empty groups
def empty_group_flags(name: str, columns: Sequence[str], present: Iterable[Cell], scope: Scope) -> list[str]:
    """Name the groups of the selected sessions that have no value, and combinations that no session has.

    Parameters
    ----------
    columns
        Metadata columns of the split.
    present
        Their values in the groups that have a value.
    """
    if not columns:
        return []
    have = set(present)
    sessions = pl.concat([scope.sessions, scope.left_out]) if scope.left_out.height else scope.sessions
    known = _cells(sessions, columns)
    empty = [cell for cell in known if cell not in have]
    flags = [f"No value of {name} for {_listed(columns, empty)}."] if empty else []
    levels = [list(dict.fromkeys(cell[place] for cell in known)) for place in range(len(columns))]
    combinations = list(product(*levels))
    absent = [cell for cell in combinations if cell not in known]
    # A design with a few empty cells has gaps; one that is mostly empty is no design, such as weight by day.
    if absent and len(absent) < len(known):
        flags.append(f"There is no session with {_listed(columns, absent)}.")
    return flags


def _cells(sessions: pl.DataFrame, columns: Sequence[str]) -> list[Cell]:
    """Combinations of values that the sessions have, where all are stated."""
    values = [column_values(sessions, column) for column in columns]
    ids = sessions["session_id"].to_list()
    cells = dict.fromkeys(
        tuple(value.get(session_id, "not stated") for value in values) for session_id in ids
    )
    return [cell for cell in cells if "not stated" not in cell]


def _listed(columns: Sequence[str], cells: Sequence[Cell]) -> str:
    shown = [
        " and ".join(f"{name} {text}" for name, text in zip(columns, cell, strict=True)) for cell in cells
    ]
    return listing(shown, 5)


def metadata_of(columns: Sequence[str], labels: Iterable[str]) -> list[str]:
    """Columns of a split that are metadata, rather than identifiers or labels of the rows."""
    known = {*IDENTIFIERS, *labels}
    return [name for name in columns if name not in known]


# ----------------------------------------------------------------- missing values
def missing_flags(measured: Measured, rows: Sequence[Row]) -> list[str]:
    """Name the sessions in which a measure has no value."""
    if measured.kind == "pooled":
        without = [row for row in rows if row.observations is None or not len(row.observations)]
        said = f"There are no {measured.observation} in"
    else:
        without = [row for row in rows if row.value is None]
        said = f"{measured.name} has no value in"
    if not without or len(rows) == 1:
        return []
    names = list(dict.fromkeys(row.session_id for row in without))
    return [f"{said} {len(without)} of {some(len(rows), 'row')}: {listing(names, 5)}."]


def source_flags(columns: Sequence[str], rows: Iterable[Row]) -> list[str]:
    """Name the sources whose rows are taken together."""
    sources = sorted({row.labels.get("source", "") for row in rows} - {""})
    if "source" not in columns and len(sources) > 1:
        return [f"Sources taken together: {', '.join(sources)}."]
    return []


def shared(labels: Mapping[str, str], rows: Sequence[Row], names: Iterable[str]) -> dict[str, str]:
    """Labels that all rows have in common, besides those given."""
    found = dict(labels)
    for name in names:
        texts = {row.labels.get(name) for row in rows}
        if name not in found and len(texts) == 1 and None not in texts:
            found[name] = str(texts.pop())
    return found
