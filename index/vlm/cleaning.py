"""Text that others wrote, made safe to show, to store and to put into a prompt: one line, no markup, limited."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST_NAME: Final = 60
"""Characters of a name in a prompt."""
LONGEST_READ: Final = 200_000
"""Characters of a text that are looked at at all."""

_BREAKS: Final = "\t\n\r\v\f\x85\u2028\u2029"
_TOKENS: Final = re.compile(r"<\|[^<>|]{0,60}\|>|<[/!?]?[A-Za-z][^<>]{0,300}>|<!--|-->|</?s>")
"""Tags, and the marks with which chat templates tell speakers apart."""
_LINK: Final = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_ADDRESS: Final = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,20}://|\bwww\.(?=\w)|\b(?:javascript|mailto):(?=\S)|\bdata:(?=\w+/))[^\s()]*(?:\([^\s()]*\))*",
    re.IGNORECASE,
)
_EMPHASIS: Final = re.compile(r"[*`~]+|(?<![A-Za-z0-9])_+|_+(?![A-Za-z0-9])|\[|\]")
_LEADING: Final = re.compile(r"^(?:(?:#{1,6}(?=\s|$)|>|[-+•](?=\s)|\|)\s*)+")
_DEEPEST: Final = 20
"""Levels of tags within tags that are taken out one by one."""


def clean(text: str, limit: int) -> str:
    """Make one line of plain text out of whatever was written.

    Control and invisible characters, tags, special tokens of chat templates, Markdown and addresses are taken out; what
    they held as text stays.

    Parameters
    ----------
    text
        Anything.
    limit
        Most characters; a longer text is cut between words and ends in an ellipsis.

    Returns
    -------
    str
        Possibly empty. Cleaning it again changes nothing.
    """
    plain = "".join(" " if character in _BREAKS else character for character in text[:LONGEST_READ])
    plain = _plain("".join(character for character in plain if unicodedata.category(character)[0] != "C"))
    short = _cut(plain, limit)
    while short != (again := _cut(_plain(short), limit)):  # a cut may leave half of a mark
        short = again
    return short


def quoted(text: str, limit: int = LONGEST_NAME) -> str:
    """Put a text between double quotes that it cannot close itself."""
    return '"' + re.sub(r'["“”„«»]', "'", clean(text, limit)) + '"'


def _plain(text: str) -> str:
    for _ in range(_DEEPEST):  # taking one thing out may join the halves of another
        before, text = text, _without_markup(text)
        if text == before:
            return text
    # Without these no mark is left that could stand in another: a text of nothing but nested ones would take for ever.
    text = re.sub("[<>]", " ", text)
    while (plain := _without_markup(text)) != text:
        text = plain
    return text


def _without_markup(text: str) -> str:
    text = _ADDRESS.sub("(link)", _TOKENS.sub(" ", _LINK.sub(r"\1", text)))
    return _LEADING.sub("", " ".join(_EMPHASIS.sub("", text).split()))


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    if limit < 2:
        return text[: max(limit, 0)]
    head = text[: limit - 1]
    at_word = head.rsplit(" ", 1)[0] if " " in head and text[limit - 1] != " " else head
    # A single word longer than the limit is cut within.
    return (at_word if len(at_word) > limit // 2 else head).rstrip() + "…"
