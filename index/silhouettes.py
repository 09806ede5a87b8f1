"""Silhouette tracks kept on disk: to follow an animal takes minutes, to derive tables anew takes seconds."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from ethochat.index.catalog import replace_file, unwritable
from ethochat.index.formats.base import Track

_ARRAYS: Final = ("position", "confidence", "area_px2", "orientation_deg")


@dataclass(frozen=True, slots=True, kw_only=True)
class SilhouetteCache:
    """Follows the animal of each video once, as long as video and tracker stay the same."""

    folder: Path
    """Made when the first track is kept."""
    hash_of: Callable[[Path], str]
    """Hash of a video's content."""

    def follow(self, video: Path, progress: Callable[[int, int], None] | None = None) -> Track:
        """Return the kept track of a video, or make and keep it.

        Parameters
        ----------
        progress
            Called with frames done and frames in all, where a track is made.

        Raises
        ------
        VideoError
            When the video cannot be read.
        CatalogError
            When the track cannot be kept.
        """
        kept = self._file(video)
        track = _read(kept)
        if track is None:
            from ethochat.index.tracking import track_silhouette

            track = track_silhouette(video, progress=progress)
            try:
                replace_file(kept, _packed(track))
            except OSError as exc:
                raise unwritable(self.folder.parent.parent, exc) from exc
        return track

    def keep_only(self, videos: Iterable[Path]) -> None:
        """Remove the tracks of all other videos, and of these as they were before."""
        if not self.folder.is_dir():
            return
        kept = set()
        for video in videos:
            with suppress(OSError):  # gone or locked since: its track can be made again
                kept.add(self._file(video))
        for file in self.folder.iterdir():
            if file not in kept:
                file.unlink(missing_ok=True)

    def _file(self, video: Path) -> Path:
        key = hashlib.sha256(f"{self.hash_of(video)}{_tracker_digest()}".encode()).hexdigest()
        return self.folder / f"{key[:32]}.npz"


@cache
def _tracker_digest() -> str:
    """Hash of the code that tracks: tracks made by other code are made again."""
    folder = Path(__file__).parent
    return hashlib.sha256(
        b"".join((folder / name).read_bytes() for name in ("tracking.py", "video.py"))
    ).hexdigest()


def _packed(track: Track) -> bytes:
    about = {
        "source": track.source,
        "individuals": track.individuals,
        "keypoints": track.keypoints,
        "first_frame": track.first_frame,
        "fps": None if track.fps is None else str(track.fps),
    }
    arrays = {name: array for name in _ARRAYS if (array := getattr(track, name)) is not None}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, about=np.array(json.dumps(about)), **arrays)
    return buffer.getvalue()


def _read(file: Path) -> Track | None:
    """Read a kept track; ``None`` where there is none, or a damaged one."""
    try:
        with np.load(file) as content:
            about = json.loads(str(content["about"]))
            arrays = {name: content.get(name) for name in _ARRAYS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return Track(
        source=about["source"],
        individuals=tuple(about["individuals"]),
        keypoints=tuple(about["keypoints"]),
        first_frame=about["first_frame"],
        fps=None if about["fps"] is None else Fraction(about["fps"]),
        position=arrays["position"],
        confidence=arrays["confidence"],
        area_px2=arrays["area_px2"],
        orientation_deg=arrays["orientation_deg"],
    )
