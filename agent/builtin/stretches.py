"""Stretches of time in their words: what is looked at, what is left out, open ends, bins, and what is said too vaguely.

The pieces are read by :mod:`ethochat.agent.builtin.times`; the words before and behind them say what they are for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from ethochat.agent.builtin.binning import Kind, Time, end_of, read_bins, time_of
from ethochat.agent.builtin.times import Parser, Piece, Window
from ethochat.agent.builtin.timewords import (
    AFTER,
    ALL_THAT,
    BEFORE,
    BETWEEN_BOUTS,
    BOUT_NEXT,
    BY,
    EDGE,
    FROM,
    LASTING,
    LEFT_AFTER,
    LEFT_OUT,
    LEFT_OUT_TOO,
    LONG,
    OF_BOUTS,
    OF_OTHER,
    OF_SESSION,
    ONWARD,
    OPENING,
    SESSION,
    TO_END,
    UNTIL,
    VAGUE,
)
from ethochat.agent.builtin.tokens import LETTERS, NUMBERS, UNIT_WORDS, UNITS


# ----------------------------------------------------------------- reading
def find_times(text: str) -> list[Time]:
    """Find every stretch of time that a text names, in order; they do not overlap."""
    parser, found, place = Parser(text), [], 0
    while place < len(parser.tokens):
        times, place = _at(parser, place)
        found += times
    found += [
        Time(kind="unclear", start=match.start(), stop=match.end())
        for match in VAGUE.finditer(text)
        if not any(time.start < match.end() and match.start() < time.stop for time in found)
    ]
    return _with_rests(sorted(found, key=lambda time: (time.start, time.stop)), text)


_REMAINDER: Final = re.compile(
    rf"\b(?:vs\b\.?|versus|and|than|with|or|to|against)\s+(?P<rest>(?:in\s+|during\s+)?(?:the\s+(?:rest|remainder|remaining\s+(?:time|part|{SESSION}))\b(?:\s+of\s+(?:the\s+|each\s+)?{SESSION}\b)?|(?:rest|remainder)\s+of\s+(?:the\s+|each\s+)?{SESSION}\b))",
    re.IGNORECASE,
)


def _with_rests(times: list[Time], text: str) -> list[Time]:
    """Add "the rest" beside a window: what is left of the session."""
    windows = [time for time in times if time.kind == "window"]
    match = _REMAINDER.search(text, windows[0].stop) if len(windows) == 1 else None
    if match is None:
        return times
    start, stop = match.span("rest")
    kept = [time for time in times if time.stop <= start or time.start >= stop]
    window = _rest(windows[0].window)
    kind: Kind = "unclear" if window is None else "window"
    return [*kept, Time(kind=kind, start=start, stop=stop, window=window, frames=windows[0].frames)]


def _at(parser: Parser, place: int) -> tuple[list[Time], int]:
    """Stretches that begin at a token, and where to go on."""
    if parser.at(place).kind == "name":
        return [], place + 1
    bins = read_bins(parser, place)
    if bins is not None:
        return bins
    for form in (parser.ranges, parser.outers, parser.minutes):
        found = form(place)
        if found is None:
            continue
        if found[0][0].is_range and parser.is_word(place - 1, "first", "last", "initial", "final"):
            # "The first 2-3 minutes" says no number.
            return [Time(kind="unclear", start=parser.at(place - 1).start, stop=found[0][-1].stop)], found[1]
        return _in_words(parser.text, found[0]), found[1]
    return _point_at(parser, place)


def _point_at(parser: Parser, place: int) -> tuple[list[Time], int]:
    """A point in time, which says something beside "after" and the like only."""
    token, after = parser.at(place), parser.at(place + 1)
    amount = parser.amount(place)
    if amount is not None:
        value, unit, behind = amount
    elif token.kind == "clock":
        value, unit, behind = token.value, "s", place + 1
    elif token.kind == "unit" and token.text not in LETTERS and after.kind == "number":
        unit = UNIT_WORDS[token.text]
        value, behind = after.value * UNITS[unit], place + 2
    else:
        return [], place + 1
    at = parser.is_word(place - 1, "at") and behind == place + 2 and amount is None
    piece = Piece(None, token.start, parser.at(behind - 1).stop, unit == "frames", point=value)
    to_end, opening = TO_END.match(parser.text, piece.stop), OPENING.search(parser.text, 0, piece.start)
    if to_end is not None and opening is not None and amount is not None:
        return [
            Time(
                kind="window",
                start=opening.start(),
                stop=to_end.end(),
                window=Window(-value, None),
                frames=piece.frames,
            )
        ], behind
    ends = _open_end(parser.text, piece)
    if not ends and (at or (amount is None and token.kind == "clock")):
        # An instant is no stretch of time: "at 2:30", "at frame 300".
        ends = [Time(kind="unclear", start=piece.start, stop=piece.stop)]
    return ends, behind


_IN_WORDS: Final = re.compile(
    r"\b(?:than|least|most|over|under|within|exceeding|below|above|for|lasting)\s+(?:half\s+an?|one\s+and\s+a\s+half|an?)\s+(?:minute|hour|second)\b"
    rf"|\b(?:{'|'.join(name for name in NUMBERS if name != 'zero')})\s+(?:minutes?|hours?|seconds?|frames)\b",
    re.IGNORECASE,
)


def amount_in_words(text: str) -> str | None:
    """Find "than half a minute" and "two minutes": amounts of time that are written out."""
    match = _IN_WORDS.search(text)
    return match.group() if match is not None else None


# ----------------------------------------------------------------- the words around a piece
def _in_words(text: str, pieces: list[Piece]) -> list[Time]:
    """Say what pieces are for; those joined to one another are for the same."""
    before = _left_out_place(text, pieces[0].start)
    behind = LEFT_AFTER.match(text, end_of(text, pieces[-1].stop))
    if before is not None or behind is not None:
        return _left_out(text, pieces, before, behind.end() if behind else None)
    if len(pieces) == 1:
        piece = pieces[0]
        if piece.is_range and (length := _as_a_length(text, piece)) is not None:
            return [length]
        if not piece.is_range and (end := _open_end(text, piece)):
            return end
    return [time_of(text, piece) for piece in pieces]


def _left_out_place(text: str, start: int) -> int | None:
    """Where "excluding the" begins; the place itself where it also leaves out something else, so that it stays to be read."""
    before = LEFT_OUT.search(text, 0, start)
    if before is not None:
        return before.start()
    return start if LEFT_OUT_TOO.search(text, 0, start) is not None else None


_AND_MORE: Final = re.compile(
    r"\s+(?:and|or|as well as)\s+(?!(?:then|give|compare|show|plot|by|per|with|for|only|in|during|tell|test|list|what|how|is|are|do|does)\b)(?:\S|$)",
    re.IGNORECASE,
)
"""What may be left out, too, behind a stretch that is: "the first minute and T_1"."""


def _left_out(text: str, pieces: list[Piece], start: int | None, stop: int | None) -> list[Time]:
    ending = pieces[-1].stop if stop is None else stop
    if _AND_MORE.match(text, end_of(text, ending)) and not find_times(
        text[ending : ending + 60].split(".", maxsplit=1)[0]
    ):
        return [Time(kind="unclear", start=pieces[0].start if start is None else start, stop=ending)]
    times = [
        Time(
            kind="left_out",
            start=piece.start,
            stop=end_of(text, piece.stop),
            window=_rest(piece.window),
            frames=piece.frames,
        )
        for piece in pieces
    ]
    times[0] = replace(times[0], start=times[0].start if start is None else start)
    times[-1] = replace(times[-1], stop=times[-1].stop if stop is None else stop)
    return times


def _rest(window: Window | None) -> Window | None:
    """What is left of a session without one of its ends; ``None`` where two parts are left."""
    if window is None:
        return None
    if window.start_part is not None or window.stop_part is not None:
        if window.start_part is None:
            return Window(start_part=window.stop_part)
        return Window(stop_part=window.start_part) if window.stop_part is None else None
    if not window.start_s and window.stop_s is not None:
        return Window(start_s=window.stop_s)
    return Window(0.0, window.start_s) if window.stop_s is None else None


def _as_a_length(text: str, piece: Piece) -> Time | None:
    """A range that is how long bouts last; unclear where it may be that or when they happen."""
    before, window = text[: piece.start], piece.window
    if window is None or window.start_s is None or window.stop_s is None or piece.is_numbered:
        return None
    long = LONG.match(text, piece.stop)
    named = LASTING.search(before) or (
        OF_BOUTS.search(before) and text[piece.stop - 1 : piece.stop].lower() == "s"
    )
    opening = OPENING.search(text, 0, piece.start)
    start = opening.start() if opening else piece.start
    if long or named:
        stop = long.end() if long else piece.stop
        return Time(kind="length", start=start, stop=stop, window=window, frames=piece.frames)
    if BETWEEN_BOUTS.search(before) and window.stop_s < UNITS["min"]:
        return Time(kind="unclear", start=start, stop=piece.stop)
    return None


def _open_end(text: str, piece: Piece) -> list[Time]:
    """Read "after", "before", "until" and "from … on" around a point, or around a window that ends or begins there."""
    if piece.point is not None and piece.window is None and _is_no_point(text, piece):
        return []
    onward = ONWARD.match(text, piece.stop)
    edge = EDGE.search(text, 0, piece.start)
    begin = piece.start if edge is None else edge.start()
    if edge is not None and piece.window is not None:
        ends = edge["edge"].lower() == "end"
        piece = replace(piece, point=piece.window.stop_s if ends else piece.window.start_s or 0.0)
    before: Iterable[tuple[re.Pattern[str], Window | None]] = (
        (AFTER, _after(piece)), (UNTIL, _until(piece)), (BEFORE, _before(piece)), (BY, _until(piece)),
        *(((FROM, _from(piece)),) if piece.point is not None or onward else ()),
    )  # fmt: skip
    for pattern, end in before:
        match = pattern.search(text, 0, begin)
        if match is None or (pattern is BY and piece.point is None):
            continue
        stop = onward.end() if onward and pattern in (FROM, AFTER) else end_of(text, piece.stop)
        start, left_out = match.start(), ALL_THAT.search(text, 0, match.start())
        window = end if left_out is None else _rest(end)
        start = start if left_out is None else left_out.start()
        kind: Kind = "unclear" if window is None else "end"
        return [Time(kind=kind, start=start, stop=stop, window=window, frames=piece.frames)]
    if onward is not None:
        return [
            Time(kind="end", start=piece.start, stop=onward.end(), window=_from(piece), frames=piece.frames)
        ]
    return []


def _is_no_point(text: str, piece: Piece) -> bool:
    """Whether an amount is no time of the recording: "after 10 s of grooming", "up to 3 s" of a bout, "2 s before"."""
    if LASTING.search(text[: piece.start]) or BOUT_NEXT.match(text, piece.stop):
        return True
    bouts = re.search(
        r"\b(?:bouts?|episodes?|events?|visits?|rears?)\s+(?:of\s+)?up\s+to\s*$",
        text[: piece.start],
        re.IGNORECASE,
    )
    return bool(bouts) or (
        OF_OTHER.match(text, piece.stop) is not None and OF_SESSION.match(text, piece.stop) is None
    )


def _after(piece: Piece) -> Window | None:
    if piece.point is not None:
        return Window(start_s=piece.point)
    if piece.window is None or (piece.window.stop_s is None and piece.window.stop_part is None):
        return None
    return Window(start_s=piece.window.stop_s, start_part=piece.window.stop_part)


def _from(piece: Piece) -> Window | None:
    if piece.point is not None:
        return Window(start_s=piece.point)
    return (
        None
        if piece.window is None
        else Window(start_s=piece.window.start_s, start_part=piece.window.start_part)
    )


def _before(piece: Piece) -> Window | None:
    if piece.point is not None:
        return Window(0.0, piece.point)
    if piece.window is None or not (piece.window.start_s or piece.window.start_part):
        return None
    if piece.window.start_part is not None:
        return Window(stop_part=piece.window.start_part)
    return Window(0.0, piece.window.start_s)


def _until(piece: Piece) -> Window | None:
    if piece.point is None and piece.window is not None and piece.window.stop_s is not None:
        return Window(0.0, piece.window.stop_s)
    return _before(piece)
