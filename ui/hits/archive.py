"""Hits as a zip of clips, with a table of all hits and how they were found."""

from __future__ import annotations

import os
import uuid
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ethochat.index.errors import InputError
from ethochat.tools.evidence import ClipRef
from ethochat.ui.clips import Clips
from ethochat.ui.hits.found import Hits, provenance_json
from ethochat.ui.hits.subtitles import safe_stem
from ethochat.ui.hits.table import csv_of_hits

Progress = Callable[[int, int], None]


def clip_name(hits: Hits, rank: int, clip: ClipRef) -> str:
    """Name a clip's file: ``03_S05_19.60-20.60s.mp4``, ``frames`` for ``s`` where times are frames."""
    width = max(2, len(str(hits.first_rank + len(hits.clips) - 1)))
    frames = hits.unit_of(clip) == "frames"
    span = (
        f"{clip.start_time:.0f}-{clip.stop_time:.0f}frames"
        if frames
        else f"{clip.start_time:.2f}-{clip.stop_time:.2f}s"
    )
    return f"{rank:0{width}d}_{safe_stem(clip.session_id)}_{span}.mp4"


def write_clips(hits: Hits, clips: Clips, target: Path, *, progress: Progress | None = None) -> Path:
    """Write a zip of the clips, each from a second before to a second after its hit, with the hit in an orange frame.

    ``hits.csv`` lists all hits, those without video with an empty ``clip``; ``hits.provenance.json`` says how they were found.

    Parameters
    ----------
    clips
        Cuts the clips into its cache.
    target
        Appears complete or not at all.
    progress
        Called with the number of clips cut and in all.

    Raises
    ------
    InputError
        For another ending than ``.zip``, for no hits, or when the file cannot be written.
    """
    if target.suffix.lower() != ".zip":
        raise InputError(f"Expected a file for clips that ends in .zip, got {target.name!r}.")
    if not hits.clips:
        raise InputError("Expected hits to cut clips of, found none.")
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            names = _add_clips(archive, hits, clips, progress)
            archive.writestr("hits.csv", csv_of_hits(hits, names))
            archive.writestr("hits.provenance.json", provenance_json(hits))
        os.replace(part, target)
    except OSError as exc:
        raise InputError(
            f"Expected a file that can be written, found: {exc.strerror or exc}.", path=target
        ) from exc
    finally:
        part.unlink(missing_ok=True)
    return target


def _add_clips(
    archive: zipfile.ZipFile, hits: Hits, clips: Clips, progress: Progress | None
) -> Sequence[str]:
    """Add a clip of each hit that has a video; return their names, empty where there is none."""
    names = []
    for rank, clip in hits.ranked():
        player = clips.cut(clip)
        name = clip_name(hits, rank, clip) if player.path is not None else ""
        if player.path is not None:
            archive.write(player.path, name)
        names.append(name)
        if progress is not None:
            progress(len(names), len(hits.clips))
    return names


def zip_of(files: Sequence[tuple[str, bytes]], target: Path) -> Path:
    """Put files into one zip; their names are safe and unique."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return target
