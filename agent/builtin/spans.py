"""What the stretches of time in a question are together: one window, several beside one another, bins, or the length of bouts.

:mod:`ethochat.agent.builtin.times` and :mod:`ethochat.agent.builtin.stretches` find them. A stretch that cannot be brought into one reading with the
others stays in what is left of the question, so that it is asked about.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from ethochat.agent.builtin.binning import Time
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.stretches import amount_in_words, find_times
from ethochat.agent.builtin.times import Window

_JOINED: Final = re.compile(
    r"[^?;]{0,50}?(?:\band\b|\bvs\b\.?|\bversus\b|\bwith\b|\bto\b|\bthan\b|\bor\b|,|&|/|\bcompared\b|\bagainst\b|\bfrom\b)[^?;]{0,30}|\s*",
    re.IGNORECASE,
)
_GLOSS: Final = re.compile(
    r"\s*(?:,?\s*(?:i\.e\.|that is|meaning|=)?\s*\(?\s*(?:i\.e\.,?|that is,?|=)?|\()\s*", re.IGNORECASE
)


# ----------------------------------------------------------------- reading
def read_spans(scan: Scanner) -> None:
    """Read all stretches of time of a question into ``start_s``, ``stop_s``, parts, ``windows``, ``bin_s`` and bout limits."""
    times = find_times(scan.rest)
    _read_bins(scan, [time for time in times if time.kind == "bins"])
    for time in times:
        if time.kind == "length" and time.window is not None and not time.frames:
            scan.slots.update(min_bout_s=time.window.start_s, max_bout_s=time.window.stop_s)
            _take(scan, [time])
    wanted = [time for time in times if time.kind in ("window", "end", "left_out", "counted")]
    counted = {time.frames for time in wanted} - {None}
    if not wanted or len(counted) > 1:
        return
    slots = _settle(_without_glosses(_absolute(wanted), scan.rest), scan)
    if slots is None:
        return
    scan.slots.update(slots)
    if counted:
        scan.slots["window_unit"] = "frames" if counted.pop() else "s"
    _take(scan, wanted)


def time_left(scan: Scanner) -> str | None:
    """A stretch of time that nothing took."""
    for time in find_times(scan.rest):
        said = " ".join(scan.rest[time.start : time.stop].split())
        if said:
            return said
    return amount_in_words(scan.rest)


def _read_bins(scan: Scanner, bins: Sequence[Time]) -> None:
    if bins and len({time.width for time in bins}) == 1 and bins[0].width:
        scan.slots["bin_s"] = bins[0].width
        _take(scan, bins)


def _take(scan: Scanner, times: Sequence[Time]) -> None:
    for time in times:
        scan.blank(time.start, time.stop)
        scan.cues = scan.cues[: time.start] + " " * (time.stop - time.start) + scan.cues[time.stop :]


# ----------------------------------------------------------------- what they are together
def _settle(times: Sequence[Time], scan: Scanner) -> dict[str, Any] | None:
    """Slots of all stretches together; ``None`` where they make no one reading."""
    windows = [time for time in times if time.kind == "window"]
    limits = [time.window for time in times if time.kind in ("end", "left_out")]
    if not windows and not limits:
        windows = [time for time in times if time.kind == "counted"]
    if any(time.window is None for time in windows) or None in limits:
        return None
    if len(windows) > 1:
        return None if limits else _side_by_side(windows, scan)
    if windows and any(time.kind == "end" for time in times):
        return None
    together: Window | None = windows[0].window if windows else None
    for limit in limits:
        together = limit if together is None else _both(together, limit or Window())
        if together is None:
            return None
    return _slots(together)


def _slots(window: Window | None) -> dict[str, Any] | None:
    if window is None:
        return None
    if window.start_part is not None or window.stop_part is not None:
        return {"start_part": window.start_part, "stop_part": window.stop_part}
    return {"start_s": window.start_s, "stop_s": window.stop_s}


def _both(one: Window, other: Window) -> Window | None:
    """The time that is in two windows; ``None`` where it is not known without the length of the session."""
    if any(part is not None for part in (*one[2:], *other[2:])):
        same = all(end is None for end in (*one[:2], *other[:2]))
        return Window(None, None, *_narrower(one[2:], other[2:])) if same else None
    starts, stops = _narrower(one[:2], other[:2])
    mixed = [
        {end < 0 for end in ends if end is not None and end != 0}
        for ends in ((one[0], other[0]), (one[1], other[1]))
    ]
    if any(len(signs) > 1 for signs in mixed) or (
        starts is not None and stops is not None and (starts < 0) == (stops < 0) and starts >= stops
    ):
        return None
    return Window(starts, stops)


def _narrower(
    one: tuple[float | None, ...], other: tuple[float | None, ...]
) -> tuple[float | None, float | None]:
    starts = [end for end in (one[0], other[0]) if end is not None]
    stops = [end for end in (one[1], other[1]) if end is not None]
    return (max(starts) if starts else None), (min(stops) if stops else None)


def _side_by_side(times: Sequence[Time], scan: Scanner) -> dict[str, Any] | None:
    """Windows beside one another; neighbors of the same length are bins."""
    gaps = [scan.rest[a.stop : b.start] for a, b in itertools.pairwise(times)]
    if not all(_JOINED.fullmatch(gap) for gap in gaps) or "bin_s" in scan.slots:
        return None
    windows = [time.window for time in times if time.window is not None]
    if len(set(windows)) < len(windows):
        return None
    bins = _as_bins(windows)
    return bins or {"windows": [_named(window) for window in windows]}


def _named(window: Window) -> dict[str, float | None]:
    """A window as the tools take it; shares are named only where there are some."""
    named = window._asdict()
    keys = (
        ("start_part", "stop_part")
        if window.start_part is not None or window.stop_part is not None
        else ("start_s", "stop_s")
    )
    return {key: named[key] for key in keys}


def _as_bins(windows: Sequence[Window]) -> dict[str, Any] | None:
    edges = [(window.start_s, window.stop_s) for window in windows]
    if any(start is None or stop is None or start < 0 or stop < 0 for start, stop in edges):
        return None
    known = [(start or 0.0, stop or 0.0) for start, stop in edges]
    width = known[0][1] - known[0][0]
    follow = all(after[0] == before[1] for before, after in itertools.pairwise(known))
    if not follow or any(abs(stop - start - width) > 1e-9 for start, stop in known):
        return None
    return {"bin_s": width, "start_s": known[0][0], "stop_s": known[-1][1]}


# ----------------------------------------------------------------- windows that depend on one another
def _absolute(times: Sequence[Time]) -> list[Time]:
    """Give "the next 5 min" its place behind the window before."""
    out: list[Time] = []
    for time in times:
        before = next((item.window for item in reversed(out) if item.kind == "window"), None)
        if (
            time.window is None
            and time.follows
            and before is not None
            and before.stop_s is not None
            and before.stop_s > 0
        ):
            out.append(replace(time, window=Window(before.stop_s, before.stop_s + time.follows)))
        else:
            out.append(time)
    return out


def _without_glosses(times: Sequence[Time], text: str) -> list[Time]:
    """Let "(120-360 s)" stand for the words before that it explains, and say nothing twice."""
    out: list[Time] = []
    for time in times:
        explains = (
            out
            and out[-1].kind in ("window", "end")
            and time.kind in ("window", "counted")
            and "(" in text[out[-1].stop : time.start]
        )
        if explains and _GLOSS.fullmatch(text[out[-1].stop : time.start]):
            # "The last 2 minutes before 360 s (240-360 s)" explains both.
            while len(out) > 1 and not text[out[-2].stop : out[-1].start].strip():
                del out[-2]
            out[-1] = replace(time, kind="window", start=out[-1].start, stop=_closed(text, time.stop))
        elif not (
            out
            and time.kind == "window"
            and out[-1].window == time.window
            and out[-1].kind == "window"
            and time.window is not None
        ):
            out.append(time)
    return out


def _closed(text: str, stop: int) -> int:
    match = re.match(r"\s*\)", text[stop:])
    return stop + (match.end() if match is not None else 0)
