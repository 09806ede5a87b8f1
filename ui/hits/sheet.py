"""Hits as a contact sheet: a grid of frames, each with its session, time and reason."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ethochat import __version__
from ethochat.index.errors import InputError, VideoError
from ethochat.tools.evidence import ClipRef
from ethochat.ui.clips import Clips, span_words
from ethochat.ui.hits.found import Hits, metadata_words, provenance_json, write_bytes
from ethochat.ui.seen import verdict_of

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

MOST_HITS: Final = 200
"""More cells make a picture that few programs open."""
_CELL: Final = 320
"""Width of a cell, px."""
_GAP: Final = 16
_LINE: Final = 17
_TEXT: Final = 13
_WORDS: Final = 38
"""Letters of a line in an empty cell."""
_LINES: Final = 4
"""Lines of text under a frame."""
_INK: Final = (15, 23, 42)
_QUIET: Final = (100, 116, 139)
_PAPER: Final = (255, 255, 255)
_EMPTY: Final = (241, 245, 249)

Progress = Callable[[int, int], None]
Ink = tuple[int, int, int]


def draw_sheet(
    hits: Hits,
    clips: Clips,
    *,
    frames_per_hit: int = 1,
    columns: int = 4,
    progress: Progress | None = None,
) -> Image:
    """Draw a contact sheet.

    Parameters
    ----------
    clips
        Decodes the frames.
    frames_per_hit
        Frames of each hit side by side, spread evenly over it: the middle one alone for 1.
    columns
        Hits in a row, where there are so many.
    progress
        Called with the number of hits drawn and in all.

    Returns
    -------
    Image
        RGB; a hit without video has an empty cell that says so.

    Raises
    ------
    InputError
        For no hits, or more than :data:`MOST_HITS`.
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw as Drawing

    if not hits.clips:
        raise InputError("Expected hits to draw, found none.")
    if len(hits.clips) > MOST_HITS:
        raise InputError(
            f"Expected at most {MOST_HITS} hits on a contact sheet, got {len(hits.clips)}; ask for fewer."
        )
    cells = []
    for place, clip in enumerate(hits.clips, start=1):
        cells.append(_frames(clips, clip, frames_per_hit))
        if progress is not None:
            progress(place, len(hits.clips))
    n_columns = min(columns, len(cells))
    heights = [max(_heights(cells[k : k + n_columns])) for k in range(0, len(cells), n_columns)]
    head = _GAP + 3 * _LINE + 4
    width = n_columns * (_CELL + _GAP) + _GAP
    height = head + sum(heights) + len(heights) * (_LINES * _LINE + 2 * _GAP)
    sheet = Pillow.new("RGB", (width, height), _PAPER)
    pen = Drawing.Draw(sheet)
    _draw_head(pen, hits, width)
    top = head
    for row, row_height in enumerate(heights):
        for column, cell in enumerate(cells[row * n_columns : (row + 1) * n_columns]):
            rank, clip = hits.ranked()[row * n_columns + column]
            left = _GAP + column * (_CELL + _GAP)
            _draw_cell(sheet, pen, cell, (left, top), row_height)
            _draw_words(pen, hits, rank, clip, (left, top + row_height + 6))
        top += row_height + _LINES * _LINE + 2 * _GAP
    return sheet


def _frames(clips: Clips, clip: ClipRef, n: int) -> Image | str:
    """Frames of a hit side by side in the width of a cell, or why there are none."""
    from PIL import Image as Pillow

    try:
        frames: NDArray[np.uint8] = clips.frames(clip, n)
    except VideoError as exc:
        return str(exc)
    width = _CELL // n
    joined = Pillow.new("RGB", (_CELL, max(1, round(width * frames.shape[1] / frames.shape[2]))), _EMPTY)
    for place, frame in enumerate(frames):
        picture = Pillow.fromarray(frame).resize((width - (n > 1), joined.height), Pillow.Resampling.LANCZOS)
        joined.paste(picture, (place * width, 0))
    return joined


def _heights(cells: Sequence[Image | str]) -> list[int]:
    return [_CELL * 3 // 4 if isinstance(cell, str) else cell.height for cell in cells]


@cache
def _font(size: int) -> Any:  # noqa: ANN401 - Pillow has two kinds
    """Letters for names of any European alphabet; Pillow's own have none but the English."""
    from PIL import ImageFont

    for file in _font_files():
        try:
            return ImageFont.truetype(file, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _font_files() -> list[str]:
    """Font files to try: those of matplotlib where it is installed (it is not imported), then the system's by name."""
    found = find_spec("matplotlib")
    folders = found.submodule_search_locations if found is not None else None
    own = [str(Path(folder) / "mpl-data/fonts/ttf/DejaVuSans.ttf") for folder in folders or ()]
    return [*own, "DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial.ttf", "Arial Unicode.ttf"]


def _write(pen: ImageDraw, at: tuple[float, float], text: str, *, size: int, ink: Ink, width: int) -> None:
    """Write a line, cut at a word where it is longer than a width in px."""
    font = _font(size)
    words = text.split()
    shown = " ".join(words)
    while words and font.getlength(shown) > width:
        words.pop()
        shown = f"{' '.join(words)} …"
    pen.text(at, shown, fill=ink, font=font)


def _draw_head(pen: ImageDraw, hits: Hits, width: int) -> None:
    title = hits.query or "moments like those given"
    about = f"{_counted(hits)} · {hits.experiment} · ethochat {__version__} · {hits.made_at:%Y-%m-%d}"
    _write(pen, (_GAP, _GAP), title, size=18, ink=_INK, width=width - 2 * _GAP)
    _write(pen, (_GAP, _GAP + 26), about, size=_TEXT, ink=_QUIET, width=width - 2 * _GAP)


def _counted(hits: Hits) -> str:
    if hits.n_total is not None and hits.n_total > len(hits.clips):
        return f"{len(hits.clips)} of {hits.n_total} hits"
    return f"{len(hits.clips)} hit{'' if len(hits.clips) == 1 else 's'}"


def _draw_cell(sheet: Image, pen: ImageDraw, cell: Image | str, corner: tuple[int, int], height: int) -> None:
    left, top = corner
    if not isinstance(cell, str):
        sheet.paste(cell, corner)
        return
    pen.rectangle((left, top, left + _CELL - 1, top + height - 1), fill=_EMPTY)
    lines = textwrap.wrap(cell, _WORDS)[:4]
    for place, line in enumerate(lines):
        at = top + height // 2 + (place - len(lines) / 2) * _LINE
        _write(pen, (left + 20, at), line, size=_TEXT, ink=_QUIET, width=_CELL - 40)


def _draw_words(pen: ImageDraw, hits: Hits, rank: int, clip: ClipRef, corner: tuple[int, int]) -> None:
    left, top = corner
    who = " · ".join(part for part in (clip.session_id, clip.individual or hits.subject_of(clip)) if part)
    score = f" · {clip.score:.2f}" if clip.score is not None else ""
    when, verdict = span_words(clip, hits.unit_of(clip)), verdict_of(clip)
    lines = [
        (f"{rank}. {who}", _INK),
        (f"{when}{score}{f' · {verdict.words}' if verdict is not None else ''}", _INK),
        (metadata_words(hits, clip), _QUIET),
        (clip.why or clip.description, _QUIET),
    ]
    told = [(text, ink) for text, ink in lines if text]
    for place, (text, ink) in enumerate(told):
        _write(pen, (left, top + place * _LINE), text, size=_TEXT, ink=ink, width=_CELL)


def sheet_png(
    hits: Hits, clips: Clips, *, frames_per_hit: int = 1, progress: Progress | None = None
) -> bytes:
    """Draw a contact sheet as a PNG that says in itself how the hits were found (text chunk ``Comment``).

    Raises
    ------
    InputError
        For no hits, or more than :data:`MOST_HITS`.
    """
    from PIL.PngImagePlugin import PngInfo

    said = PngInfo()
    said.add_itxt("Title", hits.query)
    said.add_itxt("Software", f"ethochat {__version__}")
    said.add_itxt("Comment", provenance_json(hits))
    content = io.BytesIO()
    draw_sheet(hits, clips, frames_per_hit=frames_per_hit, progress=progress).save(
        content, format="PNG", pnginfo=said
    )
    return content.getvalue()


def write_sheet(
    hits: Hits, clips: Clips, target: Path, *, frames_per_hit: int = 1, progress: Progress | None = None
) -> list[Path]:
    """Write a contact sheet as a PNG.

    Raises
    ------
    InputError
        For another ending, no hits, more than :data:`MOST_HITS`, or a file that cannot be written.
    """
    if target.suffix.lower() != ".png":
        raise InputError(f"Expected a contact sheet that ends in .png, got {target.name!r}.")
    return [write_bytes(target, sheet_png(hits, clips, frames_per_hit=frames_per_hit, progress=progress))]
