"""Which segments a model is shown."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import polars as pl

from ethochat.index.catalog import Catalog
from ethochat.index.domain import Session
from ethochat.index.errors import InputError
from ethochat.index.experiment import Experiment

Rows = list[dict[str, object]]
"""Rows of SEGMENTS."""


def find_targets(
    experiment: Experiment, catalog: Catalog, sessions: Collection[str], sources: Sequence[str]
) -> tuple[list[tuple[Session, Rows]], tuple[str, ...], tuple[str, ...]]:
    """Find the segments that a model is to be shown.

    Parameters
    ----------
    sessions
        Only these; all but the excluded ones where none is named.
    sources
        Whose segments.

    Returns
    -------
    tuple
        Sessions with their rows of SEGMENTS in order of time; ids of sessions without a video; ids of sessions left out because they
        are excluded from statistics.

    Raises
    ------
    InputError
        When a session is not known, there is nothing to describe, or a segment needs more frames than a request holds.
    """
    known = {session.session_id for session in experiment.sessions}
    unknown = sorted(set(sessions) - known)
    if unknown:
        raise InputError(f"Expected sessions of {experiment.root}, got {', '.join(map(repr, unknown))}.")
    wanted = [item for item in experiment.sessions if not sessions or item.session_id in sessions]
    without = tuple(item.session_id for item in wanted if not item.inputs_of("video"))
    flagged = set(catalog.load("sessions").filter(pl.col("excluded"))["session_id"])
    excluded = tuple(item.session_id for item in wanted if item.session_id in flagged and not sessions)
    found = []
    for session in wanted:
        if session.session_id in without or session.session_id in excluded:
            continue
        rows = catalog.read_session("segments", session.session_id).filter(pl.col("source").is_in(sources))
        if rows.height:
            found.append((session, rows.sort("start_time", "individual", "segment_id").to_dicts()))
    if not found:
        raise InputError(
            f"Expected segments of {', '.join(sources)} in sessions with a video in {experiment.root}, found none; a model "
            "can only describe what it can see."
        )
    check_lengths(experiment, catalog, found, None)
    return found, without, excluded


def check_lengths(
    experiment: Experiment,
    catalog: Catalog,
    targets: Sequence[tuple[Session, Rows]],
    most_frames: int | None,
) -> None:
    """Refuse segments that would be shown with fewer frames per second than was asked for.

    Parameters
    ----------
    most_frames
        What the model takes, where that is less than the settings allow.

    Raises
    ------
    InputError
        Naming the session, its longest segment and the settings that would make it fit.
    """
    settings = experiment.vlm
    most = settings.max_frames if most_frames is None else most_frames
    limit = (
        f"`max_frames` = {most}; raise it or" if most_frames is None else f"the {most} that the model takes;"
    )
    units = dict(catalog.load("sessions").select("session_id", "time_unit").iter_rows())
    for session, rows in targets:
        if units.get(session.session_id) != "s":
            continue
        longest = max(_length(row) for row in rows)
        needed = math.ceil(longest * settings.fps - 1e-9)
        if needed > most:
            raise InputError(
                f"Segments of {session.session_id} last up to {longest:g} s, which takes {needed} frames at {settings.fps:g} "
                f"per second, more than {limit} lower `fps` or `size_px` under [vlm], or `max_s` under [segments]."
            )


def _length(segment: Mapping[str, object]) -> float:
    start, stop = segment["start_time"], segment["stop_time"]
    return stop - start if isinstance(start, float) and isinstance(stop, float) else 0.0
