"""Hits as CSV: a row each, with the metadata of their session."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ethochat.tools.evidence import ClipRef
from ethochat.ui.hits.found import Hits, write_bytes, write_provenance
from ethochat.ui.seen import words_of

Cell = str | int | float | None

COLUMNS: Final = (
    "rank", "session_id", "individual", "subject_id", "start_time", "stop_time", "duration", "time_unit", "score", "description", "why",
    "source", "has_video", "verified", "probability", "seen", "video",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the start of a cell (OWASP, CSV injection)."""


def safe_cell(text: str) -> str:
    """Keep a spreadsheet from running text: an apostrophe before what it would take for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[object]], *, delimiter: str = ",") -> str:
    """Write rows as CSV; text is made harmless for spreadsheets, numbers are kept as they are, ``None`` is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow([safe_cell(name) for name in columns])
    for row in rows:
        writer.writerow([safe_cell(cell) if isinstance(cell, str) else _plain(cell) for cell in row])
    return text.getvalue()


def _plain(cell: object) -> object:
    return ("true" if cell else "false") if isinstance(cell, bool) else cell


def csv_of_hits(hits: Hits, files: Sequence[str] | None = None) -> str:
    """Write hits as CSV.

    Parameters
    ----------
    files
        Name of each hit's clip, empty where there is none; makes a column ``clip``.

    Returns
    -------
    str
        Columns are those of :data:`COLUMNS`, then the metadata of the session; a metadata column that is called like one of ours gets
        "(session)" behind its name.
    """
    own = [*COLUMNS, *(["clip"] if files is not None else [])]
    names = [f"{name} (session)" if name in own else name for name in hits.columns]
    rows = []
    for place, (rank, clip) in enumerate(hits.ranked()):
        metadata = hits.metadata_of(clip)
        row: list[object] = [*_cells(hits, rank, clip)]
        if files is not None:
            row.append(files[place])
        rows.append([*row, *(metadata.get(name) for name in hits.columns)])
    return csv_text([*own, *names], rows)


def _cells(hits: Hits, rank: int, clip: ClipRef) -> tuple[Cell, ...]:
    video = hits.video_of(clip.session_id)
    return (
        rank,
        clip.session_id,
        clip.individual,
        hits.subject_of(clip),
        clip.start_time,
        clip.stop_time,
        round(clip.stop_time - clip.start_time, 6),
        hits.unit_of(clip),
        None if clip.score is None else round(clip.score, 6),
        clip.description,
        clip.why,
        clip.source,
        clip.has_video,
        clip.verified,
        clip.probability,
        words_of(clip) or None,
        None if video is None else str(video),
    )


def write_csv(hits: Hits, target: Path) -> list[Path]:
    """Write hits as CSV, and beside it how they were found.

    Raises
    ------
    InputError
        When a file cannot be written.
    """
    return [write_bytes(target, csv_of_hits(hits).encode()), write_provenance(hits, target)]
