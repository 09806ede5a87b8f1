"""Text files of the Caltech Behavior Annotator: channels of bouts, frames counted from 1, stops included."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ethochat.index.behaviors.bouts import bridge_runs
from ethochat.index.domain import InputKind
from ethochat.index.errors import FormatError
from ethochat.index.formats.base import Labels, ReadRequest, Recognition
from ethochat.index.formats.delimited import read_head, read_text
from ethochat.index.formats.labels import Marked, frame_clock, place_runs
from ethochat.index.formats.options import ReaderOptions, Texts, parse_options
from ethochat.index.sheet import near, shown

TITLE: Final = "Caltech Behavior Annotator"
_CHANNEL: Final = re.compile(r"(\S+):\s+start\s+end\s+type")
_BOUT: Final = re.compile(r"(\d+)\s+(\d+)\s+(\S.*)")


class CaltechOptions(ReaderOptions):
    """Options of :class:`CaltechReader`."""

    ignore: Texts = ()
    """Labels of frames that were looked at and show no behavior, such as ``base``."""
    encoding: str = "utf-8-sig"


@dataclass(slots=True, kw_only=True)
class _Channel:
    name: str
    runs: list[tuple[str, int, int]] = field(default_factory=list)


class CaltechReader:
    """Annotations of the Caltech Behavior Annotator; each channel is a source."""

    name = "caltech"
    kind: InputKind = "annotations"

    def sniff(self, path: Path) -> Recognition | None:
        """Recognise the title line."""
        head = read_head(path)
        if head is None or not head.lstrip().startswith(TITLE):
            return None
        channels = ", ".join(_CHANNEL.findall(head)) or "none in its first lines"
        return Recognition(
            format=self.name, kind=self.kind, certainty=0.99, note=f"{TITLE}, channels: {channels}"
        )

    def read(self, path: Path, request: ReadRequest) -> Labels:
        """Read every channel. Each could have marked any behavior of the file's configuration."""
        options = parse_options(CaltechOptions, request.options, reader=self.name, path=path)
        behaviors, channels = _parse(path, read_text(path, options.encoding))
        marked = [
            Marked(
                source=channel.name,
                source_kind=request.source_kind,
                runs=[run for run in channel.runs if run[0] not in options.ignore],
                seen=bridge_runs([(start, stop) for _, start, stop in channel.runs], 0),
                behaviors=tuple(name for name in behaviors if name not in options.ignore),
            )
            for channel in channels
        ]
        return place_runs(marked, frame_clock(request.timebase))


def _parse(path: Path, text: str) -> tuple[list[str], list[_Channel]]:
    lines = text.split("\n")
    if not lines[0].strip().startswith(TITLE):
        raise FormatError(f"Expected {TITLE!r}, found {shown(lines[0])}.", path=path, row=1)
    behaviors: list[str] = []
    channels: list[_Channel] = []
    configured = False
    for number, line in enumerate(lines[1:], start=2):
        words = line.strip()
        head = _CHANNEL.fullmatch(words)
        if not words or not words.strip("-"):
            continue
        if words == "Configuration file:":
            configured = True
        elif head is not None:
            channels.append(_Channel(name=head[1]))
        elif channels:
            channels[-1].runs.append(_bout(path, number, words, channels[-1], behaviors))
        elif configured:
            behaviors.append(words.split("\t")[0].strip())
        else:
            raise FormatError(f"Expected 'Configuration file:', found {shown(words)}.", path=path, row=number)
    if not channels:
        raise FormatError(
            "Expected a channel ('S1: start end type'), found none; is the file cut off?", path=path
        )
    return behaviors, channels


def _bout(path: Path, line: int, words: str, channel: _Channel, behaviors: list[str]) -> tuple[str, int, int]:
    match = _BOUT.fullmatch(words)
    if match is None:
        raise FormatError(
            f"Expected start, end and type of a bout, found {shown(words)}.", path=path, row=line
        )
    first, last, behavior = int(match[1]), int(match[2]), match[3].strip()
    if not 1 <= first <= last:
        raise FormatError(
            f"Expected frames from 1 on, the end not before the start, found {first} to {last}.",
            path=path,
            row=line,
        )
    if behavior not in behaviors:
        raise FormatError(
            f"Expected a behavior of the configuration, found {behavior!r}{near(behavior, behaviors)}.",
            path=path,
            row=line,
        )
    if channel.runs and first - 1 < channel.runs[-1][2]:
        raise FormatError(
            f"Expected a bout after frame {channel.runs[-1][2]} of {channel.name}, found one from {first}.",
            path=path,
            row=line,
        )
    return behavior, first - 1, last
