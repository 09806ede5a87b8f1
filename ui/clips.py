"""Clips and stills of the moments that an answer or a search points to, cut into the experiment's cache."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ethochat.index.errors import VideoError
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import ClipRef
from ethochat.tools.rows import clock_of
from ethochat.ui.seen import summary_of

if TYPE_CHECKING:
    from PIL.Image import Image

MARGIN_S: Final = 1.0
"""What of the video is shown before and after an interval."""
_LONGEST_CLIP_S: Final = 60.0
"""Of a longer interval the first part is cut: nobody waits for the whole."""
_STILL_WIDTH: Final = 480
"""Of a still, px; smaller videos are not enlarged."""
_STILL_VERSION: Final = 1
"""Part of every still's name; raised when the same moment is drawn otherwise."""
_LONGEST_LABEL: Final = 160
_LONGEST_SEEN: Final = 80
"""Of the model's words in a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """What the player shows: a file, or why there is none."""

    path: Path | None
    caption: str
    """Plain text."""


class Clips:
    """Cuts clips into the experiment's cache."""

    def __init__(self, context: ToolContext) -> None:
        """Open the cache.

        Parameters
        ----------
        context
            An ingested experiment.
        """
        self.folder = context.experiment.data_dir / "cache" / "clips"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._context = context

    def unit_of(self, session_id: str) -> str:
        """Unit of a session's times."""
        return str(self._sessions().get(session_id, {}).get("time_unit", "s"))

    def label(self, clip: ClipRef) -> str:
        """Name a clip in a list, as plain text."""
        said = [summary_of(clip, _LONGEST_SEEN), clip.description, clip.why or ""]
        parts = [clip.session_id, clip.individual or "", self.span(clip), *said]
        return " · ".join(part for part in parts if part)[:_LONGEST_LABEL]

    def span(self, clip: ClipRef) -> str:
        """Say when a clip's interval is: "3.00–5.00 s", "frames 20–45"."""
        return span_words(clip, self.unit_of(clip.session_id))

    def cut(self, clip: ClipRef) -> Player:
        """Cut a clip, or say why it cannot be shown."""
        session = self._sessions().get(clip.session_id)
        if session is None or session["video"] is None:
            return Player(path=None, caption=f"{clip.session_id} has no video: only its times are known.")
        from ethochat.index.video import cached_clip

        clock = clock_of(session)
        longest = _LONGEST_CLIP_S if clock.fps is not None else _LONGEST_CLIP_S * 30
        stop = min(clip.stop_time, clip.start_time + longest)
        try:
            path = cached_clip(
                self.folder, Path(session["video"]), clip.start_time, stop, margin_s=MARGIN_S, clock=clock
            )
        except VideoError as exc:
            return Player(path=None, caption=f"No clip can be shown. {exc}")
        cut = "" if stop == clip.stop_time else f" Only the first {longest:g} {clock.unit} are shown."
        return Player(path=path, caption=f"{self._caption(clip)}{cut}")

    def _caption(self, clip: ClipRef) -> str:
        who = " · ".join(part for part in (clip.session_id, clip.individual, clip.description) if part)
        why = f" Why: {clip.why.rstrip('.')}." if clip.why else ""
        return f"{who.rstrip('.')} · hit {self.span(clip)}, in the orange frame.{why}"

    def frames(self, clip: ClipRef, n: int = 1) -> NDArray[np.uint8]:
        """Decode frames spread evenly over a clip's interval; the middle one alone for ``n = 1``.

        Returns
        -------
        ndarray
            uint8 RGB, shape ``(n, height, width, 3)``, in time.

        Raises
        ------
        VideoError
            When the session has no video, or the video cannot be read there.
        """
        from ethochat.index.video import decode_frames, probe_video

        session = self._sessions().get(clip.session_id)
        if session is None or session["video"] is None:
            raise VideoError(f"{clip.session_id} has no video: only its times are known.")
        path, clock = Path(session["video"]), clock_of(session)
        last = probe_video(path).n_frames - 1
        length = clip.stop_time - clip.start_time
        wanted = [clock.frame_at(clip.start_time + length * (k + 0.5) / n) for k in range(n)]
        if wanted[0] > last:
            raise VideoError(f"The video of {clip.session_id} ends before {self.span(clip)}.", path=path)
        return decode_frames(path, [min(max(frame, 0), last) for frame in wanted])

    def still(self, clip: ClipRef) -> Player:
        """Draw the middle frame of a clip's interval as a JPEG, or say why there is none."""
        session = self._sessions().get(clip.session_id) or {}
        said = [_STILL_VERSION, clip.session_id, clip.start_time, clip.stop_time, session.get("video")]
        said += [_modified(session.get("video")), session.get("fps"), session.get("time_unit")]
        target = self.folder / f"{hashlib.sha256(repr(said).encode()).hexdigest()[:32]}.jpg"
        if target.is_file():
            return Player(path=target, caption="")
        try:
            image = shrunk(self.frames(clip)[0], _STILL_WIDTH)
        except VideoError as exc:
            return Player(path=None, caption=str(exc))
        part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
        image.save(part, format="JPEG", quality=80)
        os.replace(part, target)
        return Player(path=target, caption="")

    def _sessions(self) -> Mapping[str, Mapping[str, Any]]:
        rows = self._context.catalog.load("sessions").iter_rows(named=True)
        return {row["session_id"]: row for row in rows}


def span_words(clip: ClipRef, unit: str) -> str:
    """Say when an interval is, in the unit of its session's times (``s`` or ``frames``)."""
    if unit == "frames":
        return f"frames {clip.start_time:.0f}–{clip.stop_time:.0f}"
    return f"{clip.start_time:.2f}–{clip.stop_time:.2f} s"


def shrunk(image: NDArray[np.uint8], width: int) -> Image:
    """Scale an RGB image, shape ``(height, width, 3)``, down to a width; a smaller one stays as it is."""
    from PIL import Image as Pillow

    picture = Pillow.fromarray(image)
    if picture.width <= width:
        return picture
    height = max(1, round(picture.height * width / picture.width))
    return picture.resize((width, height), Pillow.Resampling.BOX)


def _modified(video: str | None) -> int | None:
    """When a file was changed, in nanoseconds."""
    try:
        return None if video is None else Path(video).stat().st_mtime_ns
    except OSError:
        return None
