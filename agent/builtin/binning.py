"""Stretches of time beside one another: bins of a width, counted bins, and the halves or quarters of a session."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal

from ethochat.agent.builtin.times import Parser, Piece, Window, share_window
from ethochat.agent.builtin.timewords import BINS, BOUT_NEXT, OF_SESSION, OPENING, PARTS
from ethochat.agent.builtin.tokens import UNIT_WORDS, UNITS

Kind = Literal["window", "end", "left_out", "bins", "counted", "length", "unclear"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """One stretch of time that a question names."""

    kind: Kind
    start: int
    """Place in the text."""
    stop: int
    window: Window | None = None
    width: float | None = None
    """Of bins."""
    frames: bool | None = None
    """Counted in frames; ``None`` for shares, which are neither."""
    follows: float | None = None
    """Length of a window that begins where the one before ends."""


def end_of(text: str, stop: int) -> int:
    """The place behind "of the session"."""
    match = OF_SESSION.match(text, stop)
    return match.end() if match is not None else stop


def time_of(text: str, piece: Piece) -> Time:
    """A piece that is looked at, with the words before it ("in the") and behind it ("of the session")."""
    opening = OPENING.search(text, 0, piece.start)
    start = opening.start() if opening else piece.start
    kind: Kind = "unclear" if piece.window is None and piece.follows is None else "window"
    return Time(
        kind=kind, start=start, stop=end_of(text, piece.stop), window=piece.window, frames=piece.frames, follows=piece.follows
    )  # fmt: skip


# ----------------------------------------------------------------- bins
def read_bins(parser: Parser, place: int) -> tuple[list[Time], int] | None:
    """Read "every 30 s", "5-min bins", "five bins of 1 min", "minute bins", "each of the first 3 minutes", "each half"."""
    for reader in (_each_of, _equal_parts, _every, _counted_bins, _unit_bins):
        found = reader(parser, place)
        if found is not None:
            return found
    return None


def _each_of(parser: Parser, place: int) -> tuple[list[Time], int] | None:
    """Bins of one unit in a window: "each of the first 3 minutes"."""
    if not parser.is_word(place, "each", "every") or not parser.text:
        return None
    behind = place + 2 if parser.is_word(place + 1, "one") else place + 1
    if not (parser.is_word(behind, "of") and parser.is_word(behind + 1, "the")):
        return None
    pieces = parser.outers(behind + 2)
    unit = parser.at(pieces[1] - 1) if pieces is not None else None
    if pieces is None or unit is None or unit.kind != "unit" or len(pieces[0]) != 1:
        return None
    window = time_of(parser.text, pieces[0][0])
    start = parser.at(place).start
    bins = Time(
        kind="bins", start=start, stop=window.start, width=UNITS[UNIT_WORDS[unit.text]], frames=window.frames
    )
    return [bins, window], pieces[1]


_MOST_PARTS: Final = 20
_SHARED: Final = ("each", "every", "both", "per", "by", "into", "in", "all", "across", "over", "between")
_COUNTS: Final = {"two": 2, "three": 3, "four": 4, "five": 5}


def _equal_parts(parser: Parser, place: int) -> tuple[list[Time], int] | None:
    """Halves, thirds and quarters beside one another: "each half", "both halves", "in thirds", "four equal parts"."""
    token, behind = parser.at(place), place + 1
    n, word = 0, parser.at(behind).text
    if token.text in _SHARED and (word.endswith("s") or token.text in ("each", "every", "per", "by")):
        n = PARTS.get(word, 0)
    elif token.text in _COUNTS and word.endswith("s"):
        n = PARTS.get(word, 0) if PARTS.get(word) == _COUNTS[token.text] else 0
    elif token.text in PARTS and token.text.endswith("s") and OF_SESSION.match(parser.text, token.stop):
        before = parser.at(place - 1)
        n, behind = (0 if before.kind in ("number", "ordinal", "unit") else PARTS[token.text]), place
    equal = parser.is_word(place + 1, "equal", "time")
    if (
        not n
        and token.kind == "number"
        and parser.is_word(
            place + 1 + equal,
            "bins",
            *(("parts", "segments", "sections", "periods", "intervals") if equal else ()),
        )
    ):
        behind = place + 1 + equal
        n = (
            0
            if parser.is_word(behind + 1, "of", "with", "lasting")
            and OF_SESSION.match(parser.text, parser.at(behind).stop) is None
            else int(token.value)
        )
    stop = parser.at(behind).stop
    other = re.match(r"\s*of\s+\w|\s+(?:a|an)\s", parser.text[stop:], re.IGNORECASE)
    if not 2 <= n <= _MOST_PARTS or (other and OF_SESSION.match(parser.text, stop) is None):
        return None
    first = Time(kind="window", start=token.start, stop=end_of(parser.text, stop), window=share_window(1, n))
    others = [replace(first, start=first.stop, window=share_window(nth, n)) for nth in range(2, n + 1)]
    return [first, *others], behind + 1


def _every(parser: Parser, place: int) -> tuple[list[Time], int] | None:
    token = parser.at(place)
    if token.text not in ("every", "each", "per"):
        return None
    amount = parser.amount(place + 1)
    if amount is None or parser.at(place + 1).text in ("a", "an"):
        return None
    behind = amount[2]
    while parser.is_word(behind, "-", "time", "long", *BINS):
        behind += 1
    stop = parser.at(behind - 1).stop
    if behind == amount[2] and BOUT_NEXT.match(parser.text, stop):
        return None
    return [
        Time(kind="bins", start=token.start, stop=stop, width=amount[0], frames=amount[1] == "frames")
    ], behind


def _counted_bins(parser: Parser, place: int) -> tuple[list[Time], int] | None:
    """Read "5-min bins", "two 5-min blocks", "bins of 60 s", "5 bins of 1 min"."""
    count = parser.at(place).value if parser.at(place).kind == "number" else None
    for first, n in ((place, None), (place + 1, count)):
        if first > place and n is None:
            break
        found = _width_and_bins(parser, first) or _bins_of_width(parser, first)
        if found is None:
            continue
        width, frames, behind = found
        start, stop = parser.at(place).start, parser.at(behind - 1).stop
        bins = Time(kind="bins", start=start, stop=stop, width=width, frames=frames)
        if n is None or n != int(n):
            return [bins], behind
        window = (
            Window(-n * width, None) if parser.is_word(place - 1, "last", "final") else Window(0.0, n * width)
        )
        return [bins, Time(kind="counted", start=stop, stop=stop, window=window, frames=frames)], behind
    return None


def _width_and_bins(parser: Parser, place: int) -> tuple[float, bool, int] | None:
    amount = parser.amount(place)
    if amount is None or parser.at(place).text in ("a", "an"):
        return None
    behind = amount[2]
    while parser.is_word(behind, "-", "time", "long", "wide"):
        behind += 1
    if not parser.is_word(behind, *BINS):
        return None
    return amount[0], amount[1] == "frames", behind + 1


def _bins_of_width(parser: Parser, place: int) -> tuple[float, bool, int] | None:
    if not parser.is_word(place, *BINS):
        return None
    behind = place + 1
    while parser.is_word(behind, "of", "with", "lasting", "each"):
        behind += 1
    amount = parser.amount(behind) if behind > place + 1 else None
    if amount is None:
        return None
    behind = amount[2] + 1 if parser.is_word(amount[2], "each") else amount[2]
    return amount[0], amount[1] == "frames", behind


def _unit_bins(parser: Parser, place: int) -> tuple[list[Time], int] | None:
    """Read "minute bins" and "by minute"; "per minute" may be a rate, and is read with the measure."""
    token = parser.at(place)
    if token.text in ("minute", "hour", "min", "second"):
        behind = place + 1
        while parser.is_word(behind, "-", "time", "long", "wide"):
            behind += 1
        if parser.is_word(behind, "bins", "intervals", "blocks", "steps", "epochs"):
            width = UNITS[UNIT_WORDS[token.text]]
            return [
                Time(kind="bins", start=token.start, stop=parser.at(behind).stop, width=width, frames=False)
            ], behind + 1
    if (
        token.text == "by"
        and parser.is_word(place + 1, "minute", "hour")
        and not parser.is_word(place - 1, "minute", "hour")
    ):
        stop = parser.at(place + 1)
        if parser.at(place + 2).kind != "number":
            return [
                Time(
                    kind="bins",
                    start=token.start,
                    stop=stop.stop,
                    width=UNITS[UNIT_WORDS[stop.text]],
                    frames=False,
                )
            ], place + 2
    return None
