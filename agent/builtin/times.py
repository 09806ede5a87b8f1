"""The grammar of time: ranges, first and last stretches, minutes by number, and shares of a session, whatever the words.

A question is cut to tokens and read from left to right. :mod:`ethochat.agent.builtin.stretches` looks at the words around what is found;
:mod:`ethochat.agent.builtin.spans` decides what all of it is together.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ethochat.agent.builtin.timewords import (
    BOTH,
    BOUT_NEXT,
    CHANGES,
    FIRST,
    JOINTS,
    LAST,
    NEXT,
    OF_SESSION,
    OTHER_UNITS,
    PARTS,
)
from ethochat.agent.builtin.tokens import LETTERS, NOTHING, UNIT_WORDS, UNITS, Token, tokens_of


class Window(NamedTuple):
    """A part of every session: in seconds (or frames), negative from its end, or in shares of its length."""

    start_s: float | None = None
    stop_s: float | None = None
    start_part: float | None = None
    stop_part: float | None = None


# ----------------------------------------------------------------- the pieces of a stretch
@dataclass(frozen=True, slots=True)
class _Point:
    """A point in time, its unit perhaps told by its neighbor."""

    value: float
    unit: str | None
    ordinal: bool = False
    before: str = ""
    """Unit in front of the number: "minute 3"."""
    clock: bool = False

    def seconds(self, unit: str | None) -> float | None:
        """Seconds (or frames), in the unit of the neighbor where it has none."""
        if self.clock:
            return self.value
        own = self.unit or unit
        return None if own is None else self.value * UNITS[own]


@dataclass(frozen=True, slots=True)
class Piece:
    """A window of one of the forms, before the words around it are looked at."""

    window: Window | None
    start: int
    stop: int
    frames: bool | None
    point: float | None = None
    """The point in time that "minute 3" is after "until", and the end that it has after "after"."""
    follows: float | None = None
    is_range: bool = False
    is_numbered: bool = False
    """A range of numbered minutes or of clock times, which is never the length of a bout."""


class _Range(NamedTuple):
    """Two points in time, or the beginning or end of the session where one is ``None``."""

    first: _Point | None
    last: _Point | None
    start: int
    stop: int

    def unit(self) -> str | None:
        """The unit that one of its ends tells."""
        units = [
            end.unit for end in (self.last, self.first) if end is not None and end.unit and not end.clock
        ]
        return units[0] if units else None

    def piece(self, unit: str, *, inclusive: bool) -> Piece:
        """The window; minutes that are numbered from 1 begin a minute before their number."""
        low = 0.0 if self.first is None else self.first.seconds(_own_unit(self.last) or unit)
        high = None if self.last is None else self.last.seconds(_own_unit(self.first) or unit)
        if inclusive and low is not None:
            low -= UNITS[unit]
        empty = low is None or (high is not None and low >= high)
        numbered = bool(
            (self.first and (self.first.before or self.first.clock))
            or (self.last and (self.last.before or self.last.clock))
        )
        window = None if empty else Window(low, high)
        return Piece(window, self.start, self.stop, unit == "frames", is_range=True, is_numbered=numbered)


def _own_unit(point: _Point | None) -> str | None:
    return None if point is None or point.clock else point.unit


def _are_numbered(found: Sequence[_Range], units: Sequence[str], opening: str) -> bool:
    """Whether minutes are counted like "minutes 1 to 6": they begin with 1, or each range goes on after the one before."""
    first, last = found[0].first, found[0].last
    if first is None or last is None or units[0] not in ("min", "h"):
        return False
    counted = bool(first.before or first.ordinal or last.ordinal)
    for before, after in itertools.pairwise(found):
        if counted and before.last and after.first and after.first.value == before.last.value + 1:
            return True
    return counted and first.value == 1 and (first.ordinal or opening not in ("from", "between"))


class Parser:
    """Reads the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens_of(text)
        self.counted_in = ""
        """Unit of the last "first 5 min", which "the first 5" behind it shares."""

    def at(self, place: int) -> Token:
        """Token at a place; an empty one beyond the text."""
        return self.tokens[place] if 0 <= place < len(self.tokens) else NOTHING

    def is_word(self, place: int, *words: str) -> bool:
        """Whether the token at a place is one of some words."""
        return self.at(place).text in words

    def after_the(self, place: int) -> int:
        """The place behind articles."""
        while self.is_word(place, "the", "its", "their", "in", "during", "only") and place < len(self.tokens):
            place += 1
        return place

    # ------------------------------------------------------------- numbers, units, points
    def number(self, place: int) -> tuple[float, int] | None:
        """Read "5", "five", "a", "half a", "two and a half"."""
        token = self.at(place)
        if token.text == "half" and self.is_word(place + 1, "a", "an"):
            return 0.5, place + 2
        if token.text in ("a", "an") and self.at(place + 1).kind == "unit":
            return 1.0, place + 1
        if token.kind != "number":
            return None
        if [self.at(place + k).text for k in (1, 2, 3)] == ["and", "a", "half"]:
            return token.value + 0.5, place + 4
        return token.value, place + 1

    def unit(self, place: int) -> tuple[str, int] | None:
        """Read a unit behind a number, "-min" and "full minutes" included; "m/s" is none."""
        while self.is_word(place, "-", "full", "whole", "entire", "complete", "consecutive"):
            if self.is_word(place, "consecutive"):
                return None
            place += 1
        token = self.at(place)
        if token.kind != "unit" or (
            self.text[token.stop : token.stop + 1] == "/" or self._is_rate(place + 1)
        ):
            return None
        return UNIT_WORDS[token.text], place + 1

    def _is_rate(self, place: int) -> bool:
        return self.is_word(place, "/") and self.at(place + 1).kind == "unit"

    def amount(self, place: int) -> tuple[float, str, int] | None:
        """Read "5 min", "4 min 30 s", "1m30s": seconds (or frames), unit, next place."""
        token = self.at(place)
        if token.kind == "clock" and ":" not in token.text:
            return token.value, "s", place + 1
        number = self.number(place)
        unit = None if number is None else self.unit(number[1])
        if number is None or unit is None:
            return None
        value, place = number[0] * UNITS[unit[0]], unit[1]
        more = place + 1 if self.is_word(place, "and") else place
        rest = self.number(more) if self.at(more).kind == "number" else None
        smaller = None if rest is None else self.unit(rest[1])
        if (
            rest
            and smaller
            and unit[0] in ("min", "h")
            and UNITS[smaller[0]] < UNITS[unit[0]]
            and smaller[0] != "frames"
        ):
            return value + rest[0] * UNITS[smaller[0]], unit[0], smaller[1]
        return value, unit[0], place

    def point(self, place: int) -> tuple[_Point, int] | None:
        """Read "minute 2", "2 min", "the 5th minute", "5:00", "20"."""
        place = place + 1 if self.is_word(place, "the") else place
        token = self.at(place)
        if token.kind == "clock":
            return _Point(token.value, "s", clock=True), place + 1
        before = ""
        following = self.at(place + 1)
        if (
            token.kind == "unit"
            and following.kind in ("number", "clock")
            and token.text not in ("m", "h", "ms")
        ):
            if following.kind == "clock":
                return _Point(following.value, "s", clock=True), place + 2
            before, place = token.text, place + 1
        amount = self.amount(place)
        if amount is not None and not before:
            return _Point(amount[0] / UNITS[amount[1]], amount[1]), amount[2]
        token = self.at(place)
        ordinal = token.kind == "ordinal" or token.text == "second"
        if not ordinal and token.kind != "number":
            return None
        value, place = token.value, place + 1
        unit = UNIT_WORDS[before] if before else None
        if unit is None and ordinal and (found := self.unit(place)) is not None:
            unit, place = found
        return _Point(value, unit, ordinal, before), place

    # ------------------------------------------------------------- ranges
    def opening(self, place: int) -> str:
        """The word before a place, an article between them or not."""
        return self.at(place - 2 if self.is_word(place - 1, "the") else place - 1).text

    def range(self, place: int) -> tuple[_Range, int] | None:
        """Read "2 to 4", "minute 2 and 4" after "between", "minute 5 to the end", "the start to 2 min"."""
        first = self._end(place, ("beginning", "start", "onset"))
        joint = None if first is None else self._joint_of_range(first[1], self.opening(place))
        last = None if joint is None else self._end(joint, ("end",))
        if (
            first is None
            or last is None
            or not self._is_of_time(first[0], last[0], last[1], self.opening(place))
        ):
            return None
        if first[0] and last[0] and self._are_set_apart(first[0], last[0], self.at(place).start):
            return None
        return _Range(first[0], last[0], self.at(place).start, self.at(last[1] - 1).stop), last[1]

    def _end(self, place: int, words: tuple[str, ...]) -> tuple[_Point | None, int] | None:
        """A point in time, or ``None`` for the beginning or end of the session."""
        behind = place + 1 if self.is_word(place, "the") else place
        return (None, behind + 1) if self.is_word(behind, *words) else self.point(place)

    def _is_of_time(self, first: _Point | None, last: _Point | None, behind: int, opening: str) -> bool:
        if self.at(behind).text in OTHER_UNITS or self.is_word(behind, "%", "°"):
            return False
        if last is None:
            return first is not None and (opening == "from" or first.unit is not None)
        return True

    def _are_set_apart(self, first: _Point, last: _Point, start: int) -> bool:
        """Whether two minutes are compared: "does it change from the first to the second minute?"."""
        if not (first.ordinal and last.ordinal) and not (first.before and last.before):
            return False
        broadly = first.ordinal and first.value == 1 and BOTH.search(self.text, 0, start) is not None
        return broadly or self._changes(start)

    def _changes(self, start: int) -> bool:
        """Whether what stands before a place says that something changes from there to another time."""
        return CHANGES.search(self.text, 0, start) is not None

    def _joint_of_range(self, place: int, opening: str) -> int | None:
        """The place behind "to", "-", "until" or, after "between", "and"."""
        if self.is_word(place, "up") and self.is_word(place + 1, "to", "until"):
            return place + 2
        if self.is_word(place, "-", "to", "until", "till", "through", "thru"):
            return place + 1
        return place + 1 if self.is_word(place, "and") and opening == "between" else None

    def ranges(self, place: int) -> tuple[list[Piece], int] | None:
        """Read one range or several that share a unit: "0-5 vs 5-10 min", "minutes 1-5 and 6-10"."""
        found, behind = self._chain(place)
        units = [item.unit() for item in found]
        known = [unit for unit in units if unit is not None] or self._unit_before(place)
        clocks = all(end is None or end.clock for item in found for end in (item.first, item.last))
        if not found or not (known or clocks):
            return None
        last = known[-1] if known else "s"
        told = [unit or next((later for later in units[n:] if later), last) for n, unit in enumerate(units)]
        before = bool(self._unit_before(place)) and found[0].first is not None and found[0].first.value == 1
        inclusive = before or _are_numbered(found, told, self.opening(place))
        return [item.piece(unit, inclusive=inclusive) for item, unit in zip(found, told, strict=True)], behind

    def _unit_before(self, place: int) -> list[str]:
        """The unit of "frames from 2000 to 4000"."""
        token = self.at(place - 2)
        told = (
            token.kind == "unit" and token.text not in LETTERS and self.is_word(place - 1, "from", "between")
        )
        return [UNIT_WORDS[token.text]] if told else []

    def _chain(self, place: int) -> tuple[list[_Range], int]:
        found: list[_Range] = []
        behind, here = place, place
        while (one := self.range(here)) is not None:
            found.append(one[0])
            behind = one[1]
            if not self.is_word(behind, *JOINTS) or self.is_word(behind, "to"):
                break
            here = self.after_the(behind + 1)
            if self.is_word(here, "from", "between"):
                break
        return found, behind

    # ------------------------------------------------------------- first, last, third; halves
    def outers(self, place: int) -> tuple[list[Piece], int] | None:
        """Read "first 5 min", "third minute", "second half", and lists such as "first and last 5 minutes"."""
        token = self.at(place)
        if not self._is_which(token):
            return None
        number = self.number(place + 1) if not self.is_word(place + 1, "a", "an") else None
        behind = number[1] if number else place + 1
        joined = self._joined(behind) if number is None or not self.unit(behind) else None
        rest = self.outers(joined) if joined is not None else None
        if rest is not None:
            like = rest[0][0]
            own = self._elided(token, number, place, joined or 0)
            if own is not None and like.window is not None:
                return [own, *rest[0]], rest[1]
        if number is not None and self.counted_in and self._stands_alone(behind, token):
            unit = self.counted_in
            return [
                piece for piece in [self._counted(token, number[0], unit, place, behind)] if piece
            ], behind
        one = self._outer(place, token, number)
        return None if one is None else ([one[0]], one[1])

    def _stands_alone(self, behind: int, token: Token) -> bool:
        """Whether a number has nothing behind it that it could count."""
        return (
            token.text in (*FIRST, *LAST)
            and self.at(behind).kind in ("end", "sign")
            and not self.is_word(behind, "%", "-", "/")
        )

    @staticmethod
    def _is_which(token: Token) -> bool:
        return token.kind == "ordinal" or token.text in (
            "second",
            "middle",
            "latter",
            "former",
            *FIRST,
            *LAST,
            *NEXT,
        )

    def _joined(self, place: int) -> int | None:
        """The place behind "and", "vs.", ", the"; ``None`` where nothing joins."""
        start = place
        while (
            self.is_word(place, *JOINTS, ".", "the", "compared", "in", "during", "(", "versus")
            and place < start + 5
        ):
            place += 1
        return place if place > start else None

    def _elided(self, token: Token, number: tuple[float, int] | None, place: int, other: int) -> Piece | None:
        """The first of "first and last 5 minutes": what it counts is said behind the last."""
        while self._is_which(self.at(other)):
            counted = self.number(other + 1)
            if counted and self.unit(counted[1]):
                value = number or counted
                unit = self.unit(counted[1])
                return self._counted(
                    token, value[0], unit[0] if unit else "s", place, value[1] if number else place + 1
                )
            behind = counted[1] if counted else other + 1
            if (unit := self.unit(behind)) is not None and unit[0] in ("min", "h"):
                return self._counted(
                    token, number[0] if number else None, unit[0], place, number[1] if number else place + 1
                )
            if self.at(behind).text in PARTS:
                return self._part(token, self.at(behind).text, place, place + 1)
            other = self._joined(behind) or -1
        return None

    def _outer(self, place: int, token: Token, number: tuple[float, int] | None) -> tuple[Piece, int] | None:
        """One of "second half", "third minute", "first 10 % of the session" and "last 30 s"."""
        word = self.at(place + 1)
        if word.text in PARTS and not self.number(place + 1) and not self.unit(place + 2):
            other = self._is_of_something_else(word.stop)
            return None if other else _ending(self._part(token, word.text, place, place + 2), place + 2)
        if number is None and word.kind != "clock":
            return self._one_unit(place, token)
        if number is not None and self.is_word(number[1], "%", "percent"):
            other = self._is_of_something_else(self.at(number[1]).stop)
            return None if other else self._share(token, number, place)
        if word.kind == "clock":
            return _ending(self._counted(token, word.value, "s", place, place + 2), place + 2)
        amount = self.amount(place + 1)
        if amount is None or BOUT_NEXT.match(self.text, self.at(amount[2] - 1).stop):
            return None
        return _ending(
            self._counted(token, amount[0] / UNITS[amount[1]], amount[1], place, amount[2]), amount[2]
        )

    def _one_unit(self, place: int, token: Token) -> tuple[Piece, int] | None:
        """Read "third minute" and "first half hour"."""
        half = self.is_word(place + 1, "half") and self.unit(place + 2)
        unit = self.unit(place + 2) if half else self.unit(place + 1)
        if unit is None or self.at(unit[1] - 1).text.endswith("s") or unit[0] in ("frames", "ms"):
            return None
        return _ending(self._counted(token, 0.5 if half else None, unit[0], place, unit[1]), unit[1])

    def _is_of_something_else(self, stop: int) -> bool:
        """Whether a half is one of the animals or of the arena, not of the time."""
        # A name that was read before is blank.
        other = r"\s*of\s{1,2}(?:the\s+|all\s+|each\s+|every\s+)?\w"
        return (
            OF_SESSION.match(self.text, stop) is None
            and re.match(other, self.text[stop:], re.IGNORECASE) is not None
        )

    def _share(self, token: Token, number: tuple[float, int], place: int) -> tuple[Piece, int] | None:
        part = number[0] / 100
        if not 0 < part < 1 or token.text not in (*FIRST, *LAST):
            return None
        window = Window(stop_part=part) if token.text in FIRST else Window(start_part=1 - part)
        return Piece(window, token.start, self.at(number[1]).stop, None), number[1] + 1

    def _part(self, token: Token, word: str, place: int, behind: int) -> Piece | None:
        """Halves, thirds and quarters of each session."""
        n = PARTS[word]
        nth = (
            1.0 if token.text in (*FIRST, "former") else float(n) if token.text in (*LAST, "latter")
            else 2.0 if (token.text == "middle" and n == 3) or token.text in NEXT else token.value
        )  # fmt: skip
        if not 1 <= nth <= n:
            return None
        return Piece(share_window(int(nth), n), token.start, self.at(behind - 1).stop, None)

    def _counted(
        self, token: Token, number: float | None, unit: str, place: int, behind: int
    ) -> Piece | None:
        """Windows by their number and length: first, last, next 5 min; third minute; second 5 min."""
        width = (1.0 if number is None else number) * UNITS[unit]
        self.counted_in = unit
        piece = Piece(None, token.start, self.at(behind - 1).stop, unit == "frames")
        if width <= 0 or token.text in ("middle", "latter", "former"):
            return None
        if token.text in LAST:
            return replace(piece, window=Window(-width, None))
        if token.text in NEXT:
            return replace(piece, follows=width)
        nth = 1.0 if token.text in FIRST else token.value
        window = Window(width * (nth - 1), width * nth)
        return replace(piece, window=window, follows=width if number is not None and nth > 1 else None)

    # ------------------------------------------------------------- minutes by number
    def minutes(self, place: int) -> tuple[list[Piece], int] | None:
        """Read "minute 3" and "minutes 1, 5 and 10"."""
        token, here = self.at(place), place + 1
        pieces: list[Piece] = []
        if token.kind != "unit" or UNIT_WORDS[token.text] not in ("min", "h") or token.text in LETTERS:
            return None
        width = UNITS[UNIT_WORDS[token.text]]
        while (
            self.at(here).kind == "number"
            and not self.unit(here + 1)
            and self.at(here + 1).text not in OTHER_UNITS
        ):
            value, item = self.at(here).value, self.at(here)
            if value != int(value):
                break
            window = Window(width * max(value - 1, 0), width * max(value, 1))
            start = token.start if not pieces else item.start
            pieces.append(Piece(window, start, item.stop, False, point=width * value))
            behind = here + 1
            apart = self.is_word(behind, "to") and self._changes(token.start)
            joined = (
                behind + 1 if apart or self.is_word(behind, "and", "or", "vs", "versus", ",", "&") else -1
            )
            joined += self.is_word(joined, "and", ".", "or") or (apart and self.at(joined).text == token.text)
            if self.at(joined).kind != "number" or (len(pieces) == 1 and self.range(joined) is not None):
                here = behind
                break
            here = joined
        if not pieces or self.is_word(here, "%"):
            return None
        return pieces, here


def share_window(nth: int, n: int) -> Window:
    """The nth of n equal parts; open at the ends of the session."""
    return Window(start_part=None if nth == 1 else (nth - 1) / n, stop_part=None if nth == n else nth / n)


def _ending(piece: Piece | None, place: int) -> tuple[Piece, int] | None:
    return None if piece is None else (piece, place)
