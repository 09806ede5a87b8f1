"""Stretches of time in their words: what is looked at, what is left out, open ends, bins, and what is said too vaguely.

The pieces are read by :mod:`ethochat.agent.builtin.times`; the words before and behind them say what they are for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

from ethochat.agent.builtin.times import (
    BOUT_NEXT,
    OF_SESSION,
    PARTS,
    SESSION,
    Parser,
    Piece,
    Window,
    share_window,
)
from ethochat.agent.builtin.tokens import LETTERS, NUMBERS, UNIT_WORDS, UNITS

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


# ----------------------------------------------------------------- words
_ARTICLE: Final = r"(?:(?:the|its|their|his|her|that|each|every|only|just|very|of the)\s+)*"
_OPENING: Final = re.compile(
    rf"\b(?:between|from|in|during|over|within|for|at|throughout|restricted to|limited to)\s+{_ARTICLE}$",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(
    rf"\b(?:after|since|beyond|following|later than|(?<!the )past|(?<!bout )(?<!bouts )(?<!episode )(?<!episodes )(?<!that )(?<!one )(?<!event )(?:starting|beginning)\s+(?:at|from|with|after))\s+{_ARTICLE}$",
    re.IGNORECASE,
)
_FROM: Final = re.compile(rf"\bfrom\s+{_ARTICLE}$", re.IGNORECASE)
_ONWARD: Final = re.compile(
    r"\s*(?:mark\s+)?(?:on\b(?!\s+\w+day)|onwards?\b|(?:and|or)\s+(?:later|after|beyond|onwards?)\b|to\s+the\s+end\b|(?:un)?till?\s+the\s+end\b)"
    rf"(?:\s+of\s+(?:the\s+)?{SESSION}\b)?",
    re.IGNORECASE,
)
_BEFORE: Final = re.compile(rf"\b(?:before|earlier than|prior to|preceding)\s+{_ARTICLE}$", re.IGNORECASE)
_BY: Final = re.compile(rf"\bby\s+{_ARTICLE}$", re.IGNORECASE)
_UNTIL: Final = re.compile(rf"\b(?:up\s+(?:to|until|till)|until|till|through)\s+{_ARTICLE}$", re.IGNORECASE)
_LEAVING: Final = (
    r"\b(?:exclud(?:e|es|ed|ing)|leav(?:e|es|ing)\s+out|left\s+out|ignor(?:e|es|ed|ing)|skip(?:s|ped|ping)?|omit(?:s|ted|ting)?|without(?:\s+counting)?|except(?:ing)?(?:\s+for)?|"
    r"drop(?:s|ped|ping)?|discard(?:s|ed|ing)?|not\s+counting|disregard(?:s|ed|ing)?|cut(?:ting)?\s+off|remov(?:e|es|ed|ing)|throw(?:ing)?\s+(?:away|out)|"
    r"(?:all|everything|anything)\s+but|other\s+than|apart\s+from|besides|aside\s+from|not(?:\s+(?:in|during|within))?|outside(?:\s+of)?|minus)"
)
_LEFT_OUT: Final = re.compile(rf"{_LEAVING}\s+(?:in\s+|during\s+|from\s+)?{_ARTICLE}$", re.IGNORECASE)
_LEFT_OUT_TOO: Final = re.compile(
    rf"{_LEAVING}\s+[^.;?:()]{{1,60}}?(?:\band\b|\bor\b|,|\bas well as\b)\s+(?:also\s+)?{_ARTICLE}$",
    re.IGNORECASE,
)
_LEFT_AFTER: Final = re.compile(
    r"\s*,?\s*(?:(?:being|is|are|was|were|have been|has been|to be|should be)\s+)?(?:excluded|left\s+out|omitted|skipped|dropped|discarded|ignored|removed|not\s+counted|cut\s+off|aside)\b",
    re.IGNORECASE,
)
_LASTING: Final = re.compile(
    r"\b(?:bouts?|episodes?|events?|visits?|rears?|runs?)\s+(?:of|for)\s*$|\blast(?:s|ed|ing)(?:\s+(?:for|between|from|up\s+to))?\s*$"
    r"|\b(?:that|which|they|bouts|episodes|rears|visits)\s+last(?:\s+(?:for|between|from|up\s+to))?\s*$",
    re.IGNORECASE,
)
"""Words before the length of bouts."""
_OF_BOUTS: Final = re.compile(r"\b(?:bouts?|episodes?|events?|visits?|rears?|runs?)\s*$", re.IGNORECASE)
_BETWEEN_BOUTS: Final = re.compile(
    r"\b(?:bouts?|episodes?|events?|visits?|rears?)(?:\s+(?:of|lasting))?\s+(?:between|from)\s*$",
    re.IGNORECASE,
)
_LONG: Final = re.compile(r"\s*-?\s*(?:long\b|in\s+(?:length|duration)\b)", re.IGNORECASE)
_OF_OTHER: Final = re.compile(r"\s*(?:of\b|later\b|earlier\b|apart\b|ago\b|before\b|after\b)", re.IGNORECASE)
_BIN: Final = (
    "bin",
    "interval",
    "block",
    "window",
    "step",
    "epoch",
    "segment",
    "slice",
    "chunk",
    "period",
    "section",
)
BINS: Final = (*_BIN, *(f"{word}s" for word in _BIN))
_VAGUE: Final = re.compile(
    r"\b(?:(?:first|last|initial|final|next|following|early|late|opening|closing)\s+(?:some\s+)?|(?:few|several|couple\s+of|bunch\s+of)\s+)(?:minutes|mins|seconds|secs|hours|frames)\b"
    r"|\b(?:until|till|after|before|past|from|at|up\s+to)\s+(?:the\s+)?half(?:way|-time|time)?\b(?!\s+(?:an?|of)\b)"
    rf"|(?<!from )(?<!from the )(?<!to the )(?<!until the )\b(?:at|in|during|towards?|near|around)\s+the\s+(?:very\s+)?(?:beginning|start|end|middle|onset|(?:first|last)\s+part)\s+of\s+(?:the\s+|each\s+|every\s+)?{SESSION}\b"
    r"|\b(?:first|second|last|former|latter)\s+(?:half|third|quarter)\b|\bhalves\b"
    rf"|\b(?:two|three|four|\d)\s+(?:thirds|quarters|fifths)\s+of\s+(?:the\s+|each\s+|its\s+|their\s+)?{SESSION}\b"
    rf"|\b(?:early|late|midway|halfway)\s+(?:on\s+)?(?:in|into|through)(?:to)?\s+(?:the\s+|each\s+)?{SESSION}\b",
    re.IGNORECASE,
)


# ----------------------------------------------------------------- reading
def find_times(text: str) -> list[Time]:
    """Find every stretch of time that a text names, in order; they do not overlap."""
    parser, found, place = Parser(text), [], 0
    while place < len(parser.tokens):
        times, place = _at(parser, place)
        found += times
    found += [
        Time(kind="unclear", start=match.start(), stop=match.end())
        for match in _VAGUE.finditer(text)
        if not any(time.start < match.end() and match.start() < time.stop for time in found)
    ]
    return _with_rests(sorted(found, key=lambda time: (time.start, time.stop)), text)


_REMAINDER: Final = re.compile(
    rf"\b(?:vs\b\.?|versus|and|than|with|or|to|against)\s+(?P<rest>(?:in\s+|during\s+)?the\s+(?:rest|remainder|remaining\s+(?:time|part|{SESSION}))\b(?:\s+of\s+(?:the\s+|each\s+)?{SESSION}\b)?)",
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
    bins = _bins(parser, place)
    if bins is not None:
        return bins
    for form in (parser.ranges, parser.outers, parser.minutes):
        found = form(place)
        if found is not None:
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
    behind = _LEFT_AFTER.match(text, _behind(text, pieces[-1].stop))
    if before is not None or behind is not None:
        return _left_out(text, pieces, before, behind.end() if behind else None)
    if len(pieces) == 1:
        piece = pieces[0]
        if piece.is_range and (length := _as_a_length(text, piece)) is not None:
            return [length]
        if not piece.is_range and (end := _open_end(text, piece)):
            return end
    return [_time(text, piece) for piece in pieces]


def _time(text: str, piece: Piece) -> Time:
    opening = _OPENING.search(text, 0, piece.start)
    start = opening.start() if opening else piece.start
    kind: Kind = "unclear" if piece.window is None and piece.follows is None else "window"
    return Time(
        kind=kind, start=start, stop=_behind(text, piece.stop), window=piece.window, frames=piece.frames, follows=piece.follows
    )  # fmt: skip


def _behind(text: str, stop: int) -> int:
    """The place behind "of the session"."""
    match = OF_SESSION.match(text, stop)
    return match.end() if match is not None else stop


def _left_out_place(text: str, start: int) -> int | None:
    """Where "excluding the" begins; the place itself where it also leaves out something else, so that it stays to be read."""
    before = _LEFT_OUT.search(text, 0, start)
    if before is not None:
        return before.start()
    return start if _LEFT_OUT_TOO.search(text, 0, start) is not None else None


_AND_MORE: Final = re.compile(
    r"\s+(?:and|or|as well as)\s+(?!(?:then|give|compare|show|plot|by|per|with|for|only|in|during|tell|test|list|what|how|is|are|do|does)\b)(?:\S|$)",
    re.IGNORECASE,
)
"""What may be left out, too, behind a stretch that is: "the first minute and T_1"."""


def _left_out(text: str, pieces: list[Piece], start: int | None, stop: int | None) -> list[Time]:
    ending = pieces[-1].stop if stop is None else stop
    if _AND_MORE.match(text, _behind(text, ending)) and not find_times(
        text[ending : ending + 60].split(".", maxsplit=1)[0]
    ):
        return [Time(kind="unclear", start=pieces[0].start if start is None else start, stop=ending)]
    times = [
        Time(
            kind="left_out",
            start=piece.start,
            stop=_behind(text, piece.stop),
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
    long = _LONG.match(text, piece.stop)
    named = _LASTING.search(before) or (
        _OF_BOUTS.search(before) and text[piece.stop - 1 : piece.stop].lower() == "s"
    )
    opening = _OPENING.search(text, 0, piece.start)
    start = opening.start() if opening else piece.start
    if long or named:
        stop = long.end() if long else piece.stop
        return Time(kind="length", start=start, stop=stop, window=window, frames=piece.frames)
    if _BETWEEN_BOUTS.search(before) and window.stop_s < UNITS["min"]:
        return Time(kind="unclear", start=start, stop=piece.stop)
    return None


def _open_end(text: str, piece: Piece) -> list[Time]:
    """Read "after", "before", "until" and "from … on" around a point, or around a window that ends or begins there."""
    if piece.point is not None and piece.window is None and _is_no_point(text, piece):
        return []
    onward = _ONWARD.match(text, piece.stop)
    before: Iterable[tuple[re.Pattern[str], Window | None]] = (
        (_AFTER, _after(piece)), (_UNTIL, _until(piece)), (_BEFORE, _before(piece)), (_BY, _until(piece)),
        *(((_FROM, _from(piece)),) if piece.point is not None or onward else ()),
    )  # fmt: skip
    for pattern, window in before:
        match = pattern.search(text, 0, piece.start)
        if match is None or (pattern is _BY and piece.point is None):
            continue
        stop = onward.end() if onward and pattern in (_FROM, _AFTER) else _behind(text, piece.stop)
        kind: Kind = "unclear" if window is None else "end"
        return [Time(kind=kind, start=match.start(), stop=stop, window=window, frames=piece.frames)]
    if onward is not None:
        return [
            Time(kind="end", start=piece.start, stop=onward.end(), window=_from(piece), frames=piece.frames)
        ]
    return []


def _is_no_point(text: str, piece: Piece) -> bool:
    """Whether an amount is no time of the recording: "after 10 s of grooming", "up to 3 s" of a bout, "2 s before"."""
    if _LASTING.search(text[: piece.start]) or BOUT_NEXT.match(text, piece.stop):
        return True
    bouts = re.search(
        r"\b(?:bouts?|episodes?|events?|visits?|rears?)\s+(?:of\s+)?up\s+to\s*$",
        text[: piece.start],
        re.IGNORECASE,
    )
    return bool(bouts) or (
        _OF_OTHER.match(text, piece.stop) is not None and OF_SESSION.match(text, piece.stop) is None
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


# ----------------------------------------------------------------- bins
def _bins(parser: Parser, place: int) -> tuple[list[Time], int] | None:
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
    window = _time(parser.text, pieces[0][0])
    start = parser.at(place).start
    bins = Time(
        kind="bins", start=start, stop=window.start, width=UNITS[UNIT_WORDS[unit.text]], frames=window.frames
    )
    return [bins, window], pieces[1]


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
    if not n and token.kind == "number" and parser.is_word(place + 1, "equal"):
        n = (
            int(token.value)
            if parser.is_word(place + 2, "parts", "segments", "sections", "periods", "bins", "intervals")
            else 0
        )
        behind = place + 2
    stop = parser.at(behind).stop
    other = re.match(r"\s*of\s+\w|\s+(?:a|an)\s", parser.text[stop:], re.IGNORECASE)
    if not 2 <= n <= 10 or (other and OF_SESSION.match(parser.text, stop) is None):
        return None
    first = Time(kind="window", start=token.start, stop=_behind(parser.text, stop), window=share_window(1, n))
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
