"""Readers of outside formats, one file each, named in :data:`READERS` and imported on use."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

from ethochat.index.domain import InputFile, Session
from ethochat.index.errors import FormatError
from ethochat.index.formats.base import Labels, Metrics, Reader, ReadRequest, Recognition, Track

READERS: Final[dict[str, str]] = {
    "deeplabcut": "ethochat.index.formats.dlc:DeepLabCutReader",
    "ethovision": "ethochat.index.formats.ethovision:EthoVisionReader",
    "centroid": "ethochat.index.formats.centroid:CentroidReader",
    "frame_labels": "ethochat.index.formats.frame_labels:FrameLabelsReader",
    "bout_table": "ethochat.index.formats.bout_table:BoutTableReader",
    "caltech": "ethochat.index.formats.caltech:CaltechReader",
    "ethovision_zones": "ethochat.index.formats.ethovision:EthoVisionZonesReader",
    "metric_table": "ethochat.index.formats.metric_table:MetricTableReader",
}
"""Name of a format to the class that reads it."""
VIDEO_SUFFIXES: Final = frozenset(
    {".mp4", ".avi", ".mov", ".mkv", ".m4v", ".mpg", ".mpeg", ".wmv", ".webm", ".mts"}
)


def get_reader(name: str) -> Reader:
    """Find a reader by the name of its format.

    Raises
    ------
    FormatError
        Listing the known formats, and the near ones.
    """
    from ethochat.index.sheet import near

    if name not in READERS:
        raise FormatError(
            f"Expected a format out of {', '.join(READERS)}, found {name!r}{near(name, READERS)}."
        )
    module, _, attribute = READERS[name].partition(":")
    reader = getattr(import_module(module), attribute)()
    if not isinstance(reader, Reader):
        raise TypeError(f"Expected {READERS[name]} to be a Reader, got {reader!r}.")
    return reader


def recognise(path: Path) -> list[Recognition]:
    """Say what a file may be, the most certain first.

    Returns
    -------
    list of Recognition
        Empty where nothing is recognised or the file cannot be read. Videos have kind and format ``"video"``.
    """
    if not path.is_file():
        return []
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return [_recognise_video(path)]
    found = (get_reader(name).sniff(path) for name in READERS)
    return sorted((item for item in found if item is not None), key=lambda item: -item.certainty)


def read_input(item: InputFile, session: Session) -> Track | Labels | Metrics:
    """Read a file of a session with its declared reader, or with the one that recognises it.

    Only options that are declared are used: what recognition guesses is for a draft, not for reading.

    Raises
    ------
    FormatError
        When the file is not what it was declared to be, no reader recognises it, or several do equally well.
    """
    if item.kind == "video":
        raise FormatError(
            "Expected pose, annotations or metrics, found a video; open it as a video.", path=item.path
        )
    reader = get_reader(item.format if item.format is not None else _recognised_format(item))
    if reader.kind != item.kind:
        raise FormatError(
            f"Expected a format with {item.kind}, found {reader.name!r}, which holds {reader.kind}; correct "
            "`kind` or `format` of this input.",
            path=item.path,
        )
    request = ReadRequest(
        timebase=session.timebase,
        source=item.name,
        source_kind=item.source_kind,
        session_key=item.session_key,
        options=item.options,
    )
    return reader.read(item.path, request)


def _recognised_format(item: InputFile) -> str:
    if not item.path.is_file():
        raise FormatError("Expected a file, found none; correct the path in sessions.csv.", path=item.path)
    tried = [name for name in READERS if get_reader(name).kind == item.kind]
    found = [guess for guess in recognise(item.path) if guess.kind == item.kind]
    if not found:
        raise FormatError(
            f"Expected {item.kind} in one of the formats {', '.join(tried)}, found none; declare `format`.",
            path=item.path,
        )
    best = [guess.format for guess in found if guess.certainty == found[0].certainty]
    if len(best) > 1:
        raise FormatError(
            f"Expected one format, recognised {' and '.join(best)} equally well; declare `format`.",
            path=item.path,
        )
    return best[0]


def _recognise_video(path: Path) -> Recognition:
    import av

    try:
        with av.open(str(path)) as container:
            has_video = bool(container.streams.video)
    except (av.error.FFmpegError, OSError):
        has_video = False
    if has_video:
        return Recognition(format="video", kind="video", certainty=1.0, note="video")
    return Recognition(
        format="video",
        kind="video",
        certainty=0.2,
        note="named like a video, but it has no picture that can be opened",
    )
