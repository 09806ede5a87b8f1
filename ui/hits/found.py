"""What one search found, with all that a list or a file of it says: where it came from, of whom, and in which unit of time."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ethochat import __version__
from ethochat.index.errors import InputError, VideoError
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import ClipRef, Evidence, Value
from ethochat.tools.selection import metadata_columns, show
from ethochat.ui.search_call import read_as
from ethochat.ui.seen import words_of

_MOST_NAMED: Final = 5
_PAGE_FLAG: Final = re.compile(r"Hits \d+ to \d+ of \d+ are given\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """What one search found, best first."""

    experiment: str
    query: str
    """As typed."""
    arguments: Mapping[str, Any]
    """As read: what ``search_segments`` was called with."""
    clips: Sequence[ClipRef]
    n_total: int | None
    """Events in all, of which :attr:`clips` are a part; ``None`` where they are ordered by likeness alone and cannot be counted."""
    n_listed: int
    """How far the list goes, by likeness too."""
    values: Sequence[Value] = ()
    flags: Sequence[str] = ()
    sessions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Rows of the sessions table by id, of all sessions."""
    columns: Sequence[str] = ()
    """Metadata columns."""
    read_as: str = ""
    """What the description was read as, in words of the experiment."""
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def told(self) -> list[str]:
        """What a reader must know besides how many hits are shown, which lists say themselves."""
        return [flag for flag in self.flags if not _PAGE_FLAG.fullmatch(flag)]

    @property
    def checked(self) -> bool:
        """Whether the vision-language model was to look at the best of them."""
        return bool(self.arguments.get("verify"))

    @property
    def last_rank(self) -> int:
        """Rank of the last clip."""
        return self.first_rank + len(self.clips) - 1

    @property
    def first_rank(self) -> int:
        """Rank of the first clip: 1 unless earlier ones were skipped."""
        return int(self.arguments.get("offset") or 0) + 1

    def ranked(self) -> list[tuple[int, ClipRef]]:
        """Clips with their ranks."""
        return list(enumerate(self.clips, start=self.first_rank))

    def unit_of(self, clip: ClipRef) -> str:
        """Unit of a clip's times, ``s`` or ``frames``."""
        return str(self.sessions.get(clip.session_id, {}).get("time_unit") or "s")

    def video_of(self, session_id: str) -> Path | None:
        """Video of a session."""
        video = self.sessions.get(session_id, {}).get("video")
        return None if video is None else Path(video)

    def subject_of(self, clip: ClipRef) -> str | None:
        """Animal of a clip: its own, or the session's only one."""
        return clip.subject_id or self.sessions.get(clip.session_id, {}).get("subject_id")

    def metadata_of(self, clip: ClipRef) -> dict[str, Any]:
        """Metadata of a clip's session, without what is not stated."""
        row = self.sessions.get(clip.session_id, {})
        return {name: row[name] for name in self.columns if row.get(name) is not None}

    def by_session(self) -> dict[str, list[tuple[int, ClipRef]]]:
        """Ranked clips of each session, sessions and clips in time."""
        found: dict[str, list[tuple[int, ClipRef]]] = {}
        for rank, clip in sorted(
            self.ranked(), key=lambda item: (item[1].session_id, item[1].start_time, item[0])
        ):
            found.setdefault(clip.session_id, []).append((rank, clip))
        return found


def hits_of(context: ToolContext, query: str, arguments: Mapping[str, Any], found: Evidence) -> Hits:
    """Put together what a search found and what the experiment says of its sessions.

    Parameters
    ----------
    query
        As typed.
    arguments
        What ``search_segments`` was called with.
    found
        What it returned.
    """
    rows = context.catalog.load("sessions").iter_rows(named=True)
    return Hits(
        experiment=context.experiment.name,
        query=query,
        arguments=dict(arguments),
        clips=list(found.clips),
        n_total=total_of(found),
        n_listed=max(found.n_rows, int(arguments.get("offset") or 0) + len(found.clips)),
        values=list(found.values),
        flags=list(found.flags),
        sessions={row["session_id"]: row for row in rows},
        columns=metadata_columns(context),
        read_as=read_as(context, arguments),
    )


def total_of(found: Evidence) -> int | None:
    """Events (or sessions) in all, as the search counted them; ``None`` where it counted none."""
    counted = [
        value.value
        for value in found.values
        if isinstance(value.value, int | float)
        and value.name.endswith("_count")
        and value.session_id is None
        and value.subject_id is None
        and not value.group
    ]
    return int(counted[0]) if counted else None


# ----------------------------------------------------------------- where it came from
def provenance(hits: Hits) -> dict[str, Any]:
    """Say how the hits were found, in what JSON can hold."""
    return {
        "experiment": hits.experiment,
        "query": hits.query,
        "arguments": dict(hits.arguments),
        "read_as": hits.read_as,
        "n_hits": len(hits.clips),
        "n_total": hits.n_total,
        "flags": list(hits.flags),
        **({"checks": [_check_of(rank, clip) for rank, clip in hits.ranked()]} if hits.checked else {}),
        "ethochat_version": __version__,
        "made_at": hits.made_at.isoformat(timespec="seconds"),
    }


def _check_of(rank: int, clip: ClipRef) -> dict[str, Any]:
    """What the model said of one hit."""
    return {
        "rank": rank,
        "session_id": clip.session_id,
        "individual": clip.individual,
        "start_time": clip.start_time,
        "stop_time": clip.stop_time,
        "verified": clip.verified,
        "probability": clip.probability,
        "seen": words_of(clip) or None,
    }


def provenance_json(hits: Hits) -> str:
    """Write :func:`provenance` as text."""
    return json.dumps(provenance(hits), ensure_ascii=False, indent=1, default=str) + "\n"


def write_provenance(hits: Hits, beside: Path) -> Path:
    """Write how the hits were found beside a file that has no room for it."""
    return write_bytes(beside.with_name(f"{beside.stem}.provenance.json"), provenance_json(hits).encode())


def write_bytes(target: Path, content: bytes) -> Path:
    """Write a file so that it is there whole or not at all.

    Raises
    ------
    InputError
        When it cannot be written.
    """
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        os.replace(part, target)
    except OSError as exc:
        part.unlink(missing_ok=True)
        raise InputError(
            f"Expected a file that can be written, found: {exc.strerror or exc}.", path=target
        ) from exc
    return target


# ----------------------------------------------------------------- seconds
def seconds_per_unit(hits: Hits) -> tuple[dict[str, float], list[str]]:
    """Find the seconds that one unit of time of each session lasts.

    Where the frame rate of a session is not documented, its times are frames, and only its video can say how long one is.

    Returns
    -------
    tuple
        Session to seconds, and a sentence that names the sessions whose video was asked.

    Raises
    ------
    InputError
        When times are frames and no video says how long one is, naming the sessions.
    """
    lasting: dict[str, float] = {}
    asked: list[str] = []
    unknown: list[str] = []
    for session_id in hits.by_session():
        if (hits.sessions.get(session_id, {}).get("time_unit") or "s") == "s":
            lasting[session_id] = 1.0
            continue
        rate = _rate_of(hits.video_of(session_id))
        if rate is None:
            unknown.append(session_id)
        else:
            lasting[session_id] = 1 / rate
            asked.append(session_id)
    if unknown:
        raise InputError(
            f"Expected times in seconds, but the frame rate of {named(unknown)} is not documented and there is no video that states "
            "one; write a CSV, which keeps frames, or declare `fps` in sessions.csv and ingest again."
        )
    notes = (
        [f"Frames of {named(asked)} were turned into seconds at the frame rate of the video."]
        if asked
        else []
    )
    return lasting, notes


def _rate_of(video: Path | None) -> float | None:
    from ethochat.index.video import probe_video

    if video is None:
        return None
    try:
        return float(probe_video(video).fps)
    except VideoError:
        return None


def named(names: Sequence[str]) -> str:
    """Names for a sentence: the first few, and how many more."""
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else shown


def metadata_words(hits: Hits, clip: ClipRef) -> str:
    """Say what is known of a clip's session: "caffeine, female, day 1"; numbers and truths with their column's name."""
    words = []
    for name, value in hits.metadata_of(clip).items():
        words.append(value if isinstance(value, str) else f"{name} {show(value)}")
    return ", ".join(words)


def behavior_name(hits: Hits) -> str:
    """Name what was searched for in a word or few: the only behavior asked for, else the description, else the text typed."""
    behaviors = hits.arguments.get("behaviors") or []
    description = str(hits.arguments.get("query") or "").strip()
    if len(behaviors) == 1 and not description:
        return str(behaviors[0])
    said = description or hits.query.strip() or " or ".join(str(name) for name in behaviors)
    return " ".join(said.split()) or "search hit"
