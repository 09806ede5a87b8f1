"""Saving what a search found from the page: the server makes the file, the browser fetches it under a random address."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

from ethochat.index.errors import EthochatError, InputError
from ethochat.ui.hits import Hits
from ethochat.ui.hits.archive import write_clips, zip_of
from ethochat.ui.hits.boris import boris_bytes
from ethochat.ui.hits.found import provenance_json, seconds_per_unit, write_bytes
from ethochat.ui.hits.sheet import sheet_png
from ethochat.ui.hits.subtitles import file_names, srt_of_session
from ethochat.ui.hits.table import csv_of_hits
from ethochat.ui.search_cards import message_html
from ethochat.ui.search_tab import MOST_AT_ONCE, Finding, SearchTab

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
Make = Callable[[Hits, Path, Progress], list[str]]
"""Writes hits to a file; returns what must be said about it."""

MOST_CLIPS: Final = 100
"""More clips than a visitor waits for; the command line cuts any number."""
_PATIENCE_S: Final = 0.3
"""How often the state of a long work is shown."""

SAVE_JS: Final = """(text) => {
  const file = JSON.parse(text || "{}");
  if (!file.address) return;
  const link = document.createElement("a");
  link.href = file.address;
  link.download = file.name;
  link.click();
}"""


class Saving:
    """Makes files of what a visitor found."""

    def __init__(self, tab: SearchTab) -> None:
        """Make none yet.

        Parameters
        ----------
        tab
            The search whose hits are saved.
        """
        self._tab = tab
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="save")
        self._makers: Mapping[str, tuple[str, Make]] = {
            "csv": ("hits.csv", _csv),
            "json": ("hits.provenance.json", _json),
            "boris": ("hits.boris", _boris),
            "srt": ("hits.srt", _srt),
            "sheet": ("contact-sheet.png", self._sheet),
            "clips": ("clips.zip", self._zip),
        }

    def close(self) -> None:
        """Make no file any more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def save(self, kind: str, finding: Finding, scope: str) -> Iterator[tuple[str, str]]:
        """Make a file, yielding how far it is: what the browser shall fetch (JSON), and what the visitor reads (HTML).

        Parameters
        ----------
        kind
            ``csv``, ``json``, ``boris``, ``srt``, ``sheet`` or ``clips``.
        scope
            ``all`` for all hits of the list, anything else for those shown.
        """
        if finding.hits is None or not finding.hits.clips:
            yield "", message_html("There is nothing to save yet.")
            return
        state: dict[str, int] = {}

        def progress(done: int, total: int) -> None:
            state.update(done=done, total=total)

        work = self._pool.submit(self._make, kind, finding, scope, progress)
        while not wait([work], _PATIENCE_S).done:
            so_far = f": {state['done']} of {state['total']}" if state else ""
            yield "", message_html(f"Working{so_far} …")
        error = work.exception()
        if error is not None:
            yield "", message_html(_said(error), kind="failed")
            return
        file, said = work.result()
        yield json.dumps(file), message_html(said)

    def _make(
        self, kind: str, finding: Finding, scope: str, progress: Progress
    ) -> tuple[dict[str, str], str]:
        hits = self._tab.everything(finding) if scope == "all" else finding.hits
        if hits is None:
            raise InputError("There is nothing to save any more; search again.")
        name, make = self._makers[kind]
        if kind == "srt" and len(hits.by_session()) > 1:
            name = "subtitles.zip"
        path, address = self._tab.media.new_file(name)
        notes = make(hits, path, progress)
        if scope == "all" and hits.n_listed > len(hits.clips):
            notes = [*notes, f"These are the first {MOST_AT_ONCE} of {hits.n_listed} hits."]
        counted = f"Saved {len(hits.clips)} hit{'' if len(hits.clips) == 1 else 's'} as {name}."
        return {"address": address, "name": name}, " ".join([counted, *notes])

    def _sheet(self, hits: Hits, path: Path, progress: Progress) -> list[str]:
        write_bytes(path, sheet_png(hits, self._tab.media.clips, progress=progress))
        return []

    def _zip(self, hits: Hits, path: Path, progress: Progress) -> list[str]:
        if len(hits.clips) > MOST_CLIPS:
            raise InputError(
                f"Expected at most {MOST_CLIPS} clips at once, got {len(hits.clips)}; `ethochat search` with --clips cuts any number."
            )
        write_clips(hits, self._tab.media.clips, path, progress=progress)
        without = sum(hits.video_of(clip.session_id) is None for clip in hits.clips)
        return [f"{without} of them have no video and are only in its table."] if without else []


def _csv(hits: Hits, path: Path, progress: Progress) -> list[str]:
    write_bytes(path, csv_of_hits(hits).encode())
    return []


def _json(hits: Hits, path: Path, progress: Progress) -> list[str]:
    write_bytes(path, provenance_json(hits).encode())
    return []


def _boris(hits: Hits, path: Path, progress: Progress) -> list[str]:
    _, notes = seconds_per_unit(hits)
    write_bytes(path, boris_bytes(hits, ".boris"))
    return notes


def _srt(hits: Hits, path: Path, progress: Progress) -> list[str]:
    """Write subtitles of one session, or a zip with those of each."""
    _, notes = seconds_per_unit(hits)
    sessions = list(hits.by_session())
    if len(sessions) == 1:
        write_bytes(path, srt_of_session(hits, sessions[0]).encode())
        return notes
    files = [
        (name, srt_of_session(hits, session_id).encode())
        for name, session_id in zip(file_names(sessions, ".srt"), sessions, strict=True)
    ]
    zip_of([*files, ("hits.provenance.json", provenance_json(hits).encode())], path)
    return notes


def _said(error: BaseException) -> str:
    if isinstance(error, EthochatError):
        return str(error)
    logger.error("a bug ended a save", exc_info=error)
    return "This ran into a bug in ethochat. The log of the server says more."


def kinds() -> list[tuple[str, str, Any]]:
    """Files that can be saved: kind, label of the button, what it says when pointed at."""
    return [
        ("csv", "CSV", "All fields, and the metadata of each session"),
        ("boris", "BORIS", "A BORIS project: each session an observation"),
        ("srt", "SRT", "Subtitles for the videos"),
        ("sheet", "Contact sheet", "A picture with a frame of each hit"),
        ("clips", "Clips (zip)", "A clip of each hit, and a table of all"),
        ("json", "Query (JSON)", "What was looked for, and how it was read"),
    ]
