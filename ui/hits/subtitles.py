"""Hits as subtitles (SubRip) for the video of each session: while a hit goes on, the player shows its rank, description and reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from ethochat.index.errors import InputError
from ethochat.tools.evidence import ClipRef
from ethochat.ui.hits.found import Hits, named, seconds_per_unit, write_bytes, write_provenance
from ethochat.ui.seen import verdict_of

_SHORTEST_MS: Final = 500
"""A hit without length, a point event, is shown so long."""
_MARKUP: Final = str.maketrans({"<": "‹", ">": "›", "{": "(", "}": ")"})
"""Players take tags and braces for formatting; SubRip has no way to escape them."""


def srt_of_session(hits: Hits, session_id: str) -> str:
    """Write the hits of one session as subtitles.

    Where hits overlap, one subtitle lists all of them, so that subtitles follow one another and never lie on top of one another.

    Raises
    ------
    InputError
        When its times are frames and nothing says how long one is.
    """
    lasting, _ = seconds_per_unit(hits)
    shown = [
        (*_milliseconds(clip, lasting[session_id]), _line(rank, clip))
        for rank, clip in hits.by_session()[session_id]
    ]
    blocks = [
        f"{number}\n{_clock(start)} --> {_clock(stop)}\n" + "\n".join(lines) + "\n"
        for number, (start, stop, lines) in enumerate(_apart(shown), start=1)
    ]
    return "\n".join(blocks)


def _milliseconds(clip: ClipRef, lasting: float) -> tuple[int, int]:
    start, stop = (round(time * lasting * 1000) for time in (clip.start_time, clip.stop_time))
    return start, stop if stop > start else start + _SHORTEST_MS


def _line(rank: int, clip: ClipRef) -> str:
    score = f" ({clip.score:.2f})" if clip.score is not None else ""
    verdict = verdict_of(clip)
    parts = [clip.individual or "", clip.description, clip.why or "", verdict.words if verdict else ""]
    said = " · ".join(part for part in parts if part)
    return " ".join(f"#{rank}{score} {said}".split()).translate(_MARKUP)


def _apart(shown: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, tuple[str, ...]]]:
    """Cut overlapping intervals at their ends: between two neighboring ends the lines that hold there."""
    ends = sorted({time for start, stop, _ in shown for time in (start, stop)})
    pieces: list[tuple[int, int, tuple[str, ...]]] = []
    for start, stop in pairwise(ends):
        lines = tuple(line for first, last, line in shown if first <= start and stop <= last)
        if lines:
            pieces.append((start, stop, lines))
    return pieces


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d},{rest:03d}"


def check_srt(hits: Hits, target: Path) -> None:
    """Refuse what :func:`write_srt` would refuse, before anything is written.

    Raises
    ------
    InputError
        When there are several sessions for one file, or when times are frames and nothing says how long one is.
    """
    sessions = list(hits.by_session())
    if target.suffix.lower() == ".srt" and len(sessions) > 1:
        raise InputError(
            f"Expected hits of one session for {target.name}, found hits of {named(sessions)}; name a folder, for one file per session."
        )
    seconds_per_unit(hits)


def write_srt(hits: Hits, target: Path) -> tuple[list[Path], list[str]]:
    """Write subtitles, and beside them how the hits were found.

    Parameters
    ----------
    target
        A file that ends in ``.srt`` where all hits lie in one session, else a folder, for one file per session.

    Returns
    -------
    tuple
        What was written, and what must be said about it.

    Raises
    ------
    InputError
        When there are several sessions for one file, when times are frames and nothing says how long one is, or when a file cannot be
        written.
    """
    check_srt(hits, target)
    sessions = list(hits.by_session())
    one = target.suffix.lower() == ".srt"
    _, notes = seconds_per_unit(hits)
    if not sessions:
        return [], notes
    names = [target] if one else [target / name for name in file_names(sessions, ".srt")]
    written = [
        write_bytes(path, srt_of_session(hits, session_id).encode())
        for path, session_id in zip(names, sessions, strict=True)
    ]
    return [*written, write_provenance(hits, target if one else target / "hits.srt")], notes


def file_names(names: Sequence[str], suffix: str) -> list[str]:
    """Make file names of session ids: no two alike, and none that leaves its folder."""
    taken: set[str] = set()
    made = []
    for name in names:
        stem = safe_stem(name)
        free = next(
            place
            for place in (stem, *(f"{stem}-{k}" for k in range(2, len(names) + 2)))
            if place.lower() not in taken
        )
        taken.add(free.lower())
        made.append(f"{free}{suffix}")
    return made


def safe_stem(name: str) -> str:
    """Make a file name of a name that may hold anything."""
    return re.sub(r"[^\w.()+-]+", "_", name).strip("._")[:80] or "session"
