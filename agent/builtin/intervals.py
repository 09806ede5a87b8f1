"""A session and a time that a question names to be looked at: "watch mouse2 in S03 from 20 to 30 s: is it moving?"."""

from __future__ import annotations

import re
from typing import Any, Final

from ethochat.agent.builtin.asking import LOOK, divided, tidy
from ethochat.agent.builtin.stretches import find_times
from ethochat.agent.builtin.tabular import told_by_tables
from ethochat.agent.builtin.times import Parser
from ethochat.agent.builtin.vocabulary import Vocabulary

_LOOKED: Final = re.compile(rf"^\W*{LOOK}\b(?P<rest>.*)$", re.IGNORECASE | re.DOTALL)
_BARE: Final = re.compile(
    r"\b(?:from|between)\s+(?P<a>\d+(?:\.\d+)?)\s*(?:to|until|till|and|-|–)\s*(?P<b>\d+(?:\.\d+)?)(?![\w.:])(?!\s+(?:px|cm|mm|bouts?|times)\b)",
    re.IGNORECASE,
)
_AT: Final = re.compile(r"\b(?:at|around|near)\s+(?=[\d.])(?P<t>[\d.:]+\s*[a-z]*)", re.IGNORECASE)
_AROUND_S: Final = 1.0
"""Seconds before and behind a point in time."""
_FILLERS: Final = frozenset(
    "the a an in of from to at for during over within session recording video videos clip footage film mouse animal rat fly fish "
    "individual subject and only just me part stretch interval time please what happens what's happening going on is".split()
)


def watch_interval(question: str, vocabulary: Vocabulary, usual: str) -> tuple[str, dict[str, Any]] | None:
    """Read a session and a time to look at; ``None`` where anything else is to be looked at.

    Parameters
    ----------
    vocabulary
        The experiment's words.
    usual
        What is asked where nothing is.

    Returns
    -------
    tuple or None
        A call of ``watch_clips``, in the unit of the session's clock, or of ``ask_user`` where the time cannot be read.
    """
    match = _LOOKED.match(question)
    if match is None:
        return None
    head, ask = divided(match["rest"])
    session, head = _taken(head, vocabulary)
    if session is None or told_by_tables(ask, vocabulary):
        return None
    said, head, known = _time(head, vocabulary)
    if not said:
        said, ask, known = _time(ask, vocabulary)
    individual, head = _individual(head, ask, vocabulary)
    if set(re.findall(r"[^\W_][\w'-]*", head.lower())) - _FILLERS:
        return None
    if known is None:
        return "ask_user", {"question": _which_part(session, vocabulary), "options": []}
    clip = {"session_id": session, "start_s": known[0], "stop_s": known[1]}
    clip |= {"individual": individual} if individual else {}
    return "watch_clips", {"question": tidy(ask) or usual, "clips": [clip]}


def _which_part(session: str, vocabulary: Vocabulary) -> str:
    unit = "frames" if vocabulary.in_frames else "seconds"
    return f"Which part of {session} is to be watched? Name where it starts and stops, in {unit} from the beginning."


def _taken(head: str, vocabulary: Vocabulary) -> tuple[str | None, str]:
    """The one session that a text names, and the text without it."""
    found = [
        (name, place)
        for name in vocabulary.sessions
        for place in [re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", head, re.IGNORECASE)]
        if place is not None
    ]
    if len(found) != 1:
        return None, head
    name, place = found[0]
    return name, f"{head[: place.start()]} {head[place.end() :]}"


def _time(text: str, vocabulary: Vocabulary) -> tuple[bool, str, tuple[float, float] | None]:
    """Whether a text names a time, the text without it, and start and stop by the session's clock if they are known."""
    times, at = find_times(text), _AT.search(text)
    if at is not None and all(time.kind == "unclear" for time in times):
        return _moment(text, at, vocabulary)
    if len(times) > 1:
        return True, text, None
    if times:
        time, window = times[0], times[0].window
        left = f"{text[: time.start]} {text[time.stop :]}"
        is_shown = time.kind in ("window", "counted")
        if not is_shown or window is None or window.start_s is None or window.stop_s is None:
            return True, left, None
        known = time.frames == vocabulary.in_frames and 0 <= window.start_s < window.stop_s
        return True, left, (window.start_s, window.stop_s) if known else None
    bare = _BARE.search(text)
    if bare is not None:
        left = f"{text[: bare.start()]} {text[bare.end() :]}"
        start, stop = float(bare["a"]), float(bare["b"])
        return True, left, (start, stop) if start < stop else None
    return False, text, None


def _moment(
    text: str, at: re.Match[str], vocabulary: Vocabulary
) -> tuple[bool, str, tuple[float, float] | None]:
    """A second before and behind "at 12 s" or "around 1:30"."""
    parser = Parser(at["t"])
    amount = parser.amount(0)
    token = parser.at(0)
    if amount is not None:
        value, unit, length = amount[0], amount[1], parser.at(amount[2] - 1).stop
    else:
        value, unit, length = token.value, "s" if token.kind == "clock" else "", token.stop
    left = f"{text[: at.start()]} {text[at.start('t') + length :]}"
    if vocabulary.in_frames or unit == "frames" or token.kind not in ("number", "clock"):
        return True, left, None
    return True, left, (max(value - _AROUND_S, 0.0), value + _AROUND_S)


def _individual(head: str, ask: str, vocabulary: Vocabulary) -> tuple[str | None, str]:
    """The one animal to look at, and the words left of what is looked at."""
    names = [item.entry.name for item in vocabulary.link(head) if item.entry.kind == "individual"]
    asked = {item.entry.name for item in vocabulary.link(ask) if item.entry.kind == "individual"}
    for name in (*names, *vocabulary.subjects):
        head = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", " ", head, flags=re.IGNORECASE)
    told = set(names) or asked
    return (told.pop() if len(told) == 1 else None), head
