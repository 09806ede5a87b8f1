"""Hits for BORIS: a project that it opens, or the table of events that it exports and other programs read.

BORIS (Friard and Gamba 2016, https://doi.org/10.1111/2041-210X.12584) reads projects (``.boris``, JSON, format 7.0) by *Open project* and
*Import observations*; it reads no CSV. Its *Export events as tabular events* writes the columns that :func:`csv_of_events` writes. Every
session is an observation, every hit a state event from START to STOP. A state goes on or off: hits of one animal that overlap are one
event there, with all their ranks in its comment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ethochat.index.errors import InputError, VideoError
from ethochat.tools.evidence import ClipRef
from ethochat.tools.selection import show
from ethochat.ui.hits.found import (
    Hits,
    behavior_name,
    provenance_json,
    seconds_per_unit,
    write_bytes,
    write_provenance,
)
from ethochat.ui.hits.table import csv_text
from ethochat.ui.seen import verdict_of

PROJECT_FORMAT: Final = "7.0"
"""``project_format_version`` of BORIS 7 to 9."""
_NOT_AVAILABLE: Final = "NA"
_PLAYERS: Final = tuple("12345678")
_LONGEST_CODE: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class StateEvent:
    """A state of one animal in one session, in seconds."""

    session_id: str
    subject: str
    start: float
    stop: float
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Media:
    """The video of an observation."""

    path: str
    length: float
    fps: float


def state_events(hits: Hits) -> list[StateEvent]:
    """Turn hits into states, those of one animal that overlap into one; by session and time.

    Raises
    ------
    InputError
        When times are frames and nothing says how long one is.
    """
    lasting, _ = seconds_per_unit(hits)
    events: list[StateEvent] = []
    for session_id, ranked in hits.by_session().items():
        open_events: dict[str, StateEvent] = {}
        for rank, clip in ranked:
            event = _event(hits, rank, clip, lasting[session_id])
            before = open_events.get(event.subject)
            if before is not None and (event.start < before.stop or event.start == before.start):
                event = _united(before, event)
            elif before is not None:
                events.append(before)
            open_events[event.subject] = event
        events.extend(open_events.values())
    return sorted(events, key=lambda event: (event.session_id, event.start, event.stop, event.subject))


def _event(hits: Hits, rank: int, clip: ClipRef, lasting: float) -> StateEvent:
    score = f"score {clip.score:.3f}" if clip.score is not None else ""
    verdict = verdict_of(clip)
    parts = [f"hit {rank}", score, clip.source or "", clip.description, clip.why or ""]
    parts += [verdict.words] if verdict is not None else []
    return StateEvent(
        session_id=clip.session_id,
        subject=_word(clip.subject_id or clip.individual or hits.subject_of(clip) or ""),
        start=round(clip.start_time * lasting, 3),
        stop=round(clip.stop_time * lasting, 3),
        comment=" ".join("; ".join(part for part in parts if part).split()),
    )


def _united(first: StateEvent, second: StateEvent) -> StateEvent:
    return StateEvent(
        session_id=first.session_id,
        subject=first.subject,
        start=first.start,
        stop=max(first.stop, second.stop),
        comment=f"{first.comment} | {second.comment}",
    )


def _word(text: str) -> str:
    """Keep out the bar, which BORIS allows in no code and no subject."""
    return " ".join(text.replace("|", "/").split())


def _code(hits: Hits) -> str:
    return _word(behavior_name(hits))[:_LONGEST_CODE].strip()


def _points(events: Sequence[StateEvent]) -> list[tuple[float, str, StateEvent]]:
    """START and STOP of every event in time; a STOP comes before a START at the same time, but never before its own START."""
    points = []
    for event in events:
        long = event.stop > event.start
        points.append((event.start, 1 if long else 2, "START", event))
        points.append((event.stop, 0 if long else 3, "STOP", event))
    return [(time, kind, event) for time, _, kind, event in sorted(points, key=lambda point: point[:2])]


def _media(hits: Hits, session_id: str) -> _Media | None:
    """Look at the video of a session; ``None`` where there is none that can be read."""
    from ethochat.index.video import probe_video

    video = hits.video_of(session_id)
    if video is None:
        return None
    try:
        info = probe_video(video)
    except VideoError:
        return None
    return _Media(path=str(video), length=round(info.duration_s, 3), fps=round(float(info.fps), 3))


# ----------------------------------------------------------------- tabular events
def csv_of_events(hits: Hits, *, delimiter: str = ",") -> str:
    """Write hits as the tabular events of BORIS, a row for each START and each STOP.

    Raises
    ------
    InputError
        When times are frames and nothing says how long one is.
    """
    columns = [
        "Observation id", "Observation date", "Description", "Observation duration", "Observation type", "Source", "Time offset (s)",
        "Media duration (s)", "FPS", *hits.columns, "Subject", "Behavior", "Behavioral category", "Behavior type", "Time",
        "Media file name", "Image index", "Image file path", "Comment",
    ]  # fmt: skip
    code, events = _code(hits), state_events(hits)
    rows: list[list[object]] = []
    for session_id in hits.by_session():
        head, media = _head(hits, session_id), _media(hits, session_id)
        own = [event for event in events if event.session_id == session_id]
        rows.extend(
            [
                *head,
                event.subject,
                code,
                "",
                kind,
                _seconds(time),
                _NOT_AVAILABLE if media is None else media.path,
                _NOT_AVAILABLE,
                _NOT_AVAILABLE,
                event.comment,
            ]
            for time, kind, event in _points(own)
        )
    return csv_text(columns, rows, delimiter=delimiter)


def _seconds(time: float) -> str:
    return f"{time:.3f}"


def _head(hits: Hits, session_id: str) -> list[object]:
    """What BORIS says of an observation in each row."""
    media = _media(hits, session_id)
    row = hits.sessions.get(session_id, {})
    duration = row.get("duration") if (row.get("time_unit") or "s") == "s" else None
    length: object = _NOT_AVAILABLE if media is None else _seconds(media.length)
    return [
        session_id,
        hits.made_at.strftime("%Y-%m-%d %H:%M:%S"),
        f"Hits of a search by ethochat: {hits.query}",
        length if duration is None else _seconds(duration),
        "Live observation" if media is None else "Media file(s)",
        _NOT_AVAILABLE if media is None else f"player #1:{media.path}",
        "0.0",
        length,
        _NOT_AVAILABLE if media is None else _seconds(media.fps),
        *("" if row.get(name) is None else show(row[name]) for name in hits.columns),
    ]


# ----------------------------------------------------------------- a project
def project_of(hits: Hits) -> dict[str, Any]:
    """Make a BORIS project: a session with hits is an observation, the search its only behavior, metadata its independent variables.

    Raises
    ------
    InputError
        When times are frames and nothing says how long one is.
    """
    code, events = _code(hits), state_events(hits)
    subjects = sorted({event.subject for event in events} - {""})
    made_at = hits.made_at.strftime("%Y-%m-%dT%H:%M:%S")
    return {
        "time_format": "hh:mm:ss",
        "project_date": made_at,
        "project_name": f"{hits.experiment}: {code}",
        "project_description": f"Hits of a search by ethochat.\n{provenance_json(hits)}",
        "project_format_version": PROJECT_FORMAT,
        "subjects_conf": {
            str(place): {"key": "", "name": name, "description": ""} for place, name in enumerate(subjects)
        },
        "behaviors_conf": {"0": _behavior(code, hits)},
        "observations": {
            session_id: _observation(
                hits, session_id, code, [event for event in events if event.session_id == session_id], made_at
            )
            for session_id in hits.by_session()
        },
        "behavioral_categories": [],
        "independent_variables": {
            str(place): {
                "label": name,
                "description": "",
                "type": "text",
                "default value": "",
                "possible values": "",
            }
            for place, name in enumerate(hits.columns)
        },
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }


def _behavior(code: str, hits: Hits) -> dict[str, Any]:
    return {
        "type": "State event",
        "key": "h",
        "code": code,
        "description": f"Hit of the search: {hits.query}",
        "color": "",
        "category": "",
        "modifiers": {},
        "excluded": "",
        "coding map": "",
    }


def _observation(
    hits: Hits, session_id: str, code: str, events: Sequence[StateEvent], made_at: str
) -> dict[str, Any]:
    media = _media(hits, session_id)
    metadata: Mapping[str, Any] = hits.sessions.get(session_id, {})
    files: dict[str, list[str]] = {player: [] for player in _PLAYERS}
    if media is not None:
        files["1"] = [media.path]
    return {
        "file": files,
        "type": "LIVE" if media is None else "MEDIA",
        "date": made_at,
        "description": f"Hits of a search by ethochat: {hits.query}",
        "time offset": 0.0,
        "events": [[time, event.subject, code, "", event.comment] for time, _, event in _points(events)],
        "observation time interval": [0, 0],
        "independent_variables": {
            name: show(metadata[name]) for name in hits.columns if metadata.get(name) is not None
        },
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "close_behaviors_between_videos": False,
        "media_info": {
            "length": {} if media is None else {media.path: media.length},
            "fps": {} if media is None else {media.path: media.fps},
            "hasVideo": {} if media is None else {media.path: True},
            "hasAudio": {} if media is None else {media.path: False},
            "offset": {"1": 0.0},
        },
    }


def boris_bytes(hits: Hits, suffix: str) -> bytes:
    """Write hits for BORIS: a project (``.boris``) or tabular events (``.csv``, ``.tsv``).

    Raises
    ------
    InputError
        For another ending, or when times are frames and nothing says how long one is.
    """
    if suffix == ".boris":
        return (json.dumps(project_of(hits), ensure_ascii=False, indent=1) + "\n").encode()
    if suffix not in (".csv", ".tsv"):
        raise InputError(
            f"Expected a file for BORIS that ends in .boris (a project), .csv or .tsv (tabular events), got {suffix or 'no ending'!r}."
        )
    return csv_of_events(hits, delimiter="\t" if suffix == ".tsv" else ",").encode()


def write_boris(hits: Hits, target: Path) -> tuple[list[Path], list[str]]:
    """Write hits for BORIS; what the file is, its ending says.

    Returns
    -------
    tuple
        What was written, and what must be said about it.

    Raises
    ------
    InputError
        As :func:`boris_bytes`, or when a file cannot be written.
    """
    _, notes = seconds_per_unit(hits)
    suffix = target.suffix.lower()
    written = [write_bytes(target, boris_bytes(hits, suffix))]
    if suffix != ".boris":  # a project describes itself
        written.append(write_provenance(hits, target))
    return written, notes
