"""What a reply means: a description in the right form or what is wrong with it; yes, no or neither."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from ethochat.index.vlm.cleaning import clean

__all__ = [
    "DESCRIPTION_SCHEMA",
    "ReplyFormError",
    "SeenDescription",
    "clean",
    "form_problem",
    "parse_answer",
    "parse_description",
]

LONGEST_OVERALL: Final = 600
LONGEST_PART: Final = 300
LONGEST_KEYWORD: Final = 60
LONGEST_ANSWER: Final = 1000
LONGEST_REPLY: Final = 200_000
"""Characters; a longer reply is not read."""
MOST_KEYWORDS: Final = 12

DESCRIPTION_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "overall": {"type": "string"},
        "head": {"type": ["string", "null"]},
        "limb": {"type": ["string", "null"]},
        "torso": {"type": ["string", "null"]},
        "keywords": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["overall", "head", "limb", "torso", "keywords"],
    "additionalProperties": False,
}
"""Sent to backends that follow a schema."""

_THOUGHT: Final = re.compile(
    r"^.*?</think(?:ing)?>|<think(?:ing)?>.*?(?:</think(?:ing)?>|$)", re.DOTALL | re.IGNORECASE
)
_FENCE: Final = "```"
_NOTHING: Final = frozenset(
    (
        "",
        "null",
        "none",
        "n/a",
        "na",
        "nil",
        "not visible",
        "not seen",
        "not shown",
        "unknown",
        "unclear",
        "-",
        "–",
    )
)
"""What models write for null."""

_NUMBER: Final = (
    r"(?:\d+(?:[.,]\d+)?|a few|several|half a|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|"
    r"fifteen|twenty|thirty|forty|fifty|sixty)"
)
_TIMES: Final = (
    re.compile(r"\b\d{1,2}:[0-5]\d(?::[0-5]\d)?(?:[.,]\d+)?\b"),
    re.compile(
        rf"\b{_NUMBER}[ \u00a0-]?(?:ms|msecs?|milliseconds?|secs?|seconds?|mins?|minutes?|hours?)\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:for|after|within|every) an? (?:second|minute|hour)\b(?! (?:time|mouse|animal))", re.IGNORECASE
    ),
    re.compile(r"(?<![\w/.])\d+(?:[.,]\d+)?[ \u00a0]?s\b(?!/)"),
    re.compile(r"\b(?:second|frame|timestamp)s?[ \u00a0]?(?:number |no\.? ?|#)?\d+", re.IGNORECASE),
    re.compile(r"\b(?:at|from|until|after|before)[ \u00a0]t ?= ?\d", re.IGNORECASE),
)
"""Clock times, durations and frame numbers."""

_YES: Final = frozenset(("yes", "yeah", "yep", "true"))
_NO: Final = frozenset(("no", "nope", "false"))
_BOTH: Final = re.compile(r"^\W*(?:yes|no)\s*(?:/|,? ?\bor\b|,? ?\band\b)\s*(?:yes|no)\b")
_UNDECIDED: Final = re.compile(
    r"^\W*no[ -](?:(?:real |reasonable |way of |way to |one (?:can|could) )?(?:doubt\w*|question\w*|ideas?|clues?|tell\w*|know\w*|say\w*)|"
    r"clear\w*|certain\w*|definit\w*|conclusi\w*|reliabl\w*|opinion|answer|problem|wonder|matter|mistak\w*|deny\w*|"
    r"(?:image|video|frame|clip|picture)s?)\b"
)
"""A "no" that belongs to the next word and answers nothing: "no doubt", "no idea", "no clear view"."""
_LEAD: Final = re.compile(
    r"^(?:(?:the )?(?:final )?answer(?: to the question)?(?: is|:)|a:|\{ ?[\"']answer[\"']:)\s*",
    re.IGNORECASE,
)


class ReplyFormError(ValueError):
    """A reply is not in the form asked for; the message says what is wrong."""


class SeenDescription(BaseModel):
    """What a model saw in a segment."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    overall: str
    head: str | None
    limb: str | None
    torso: str | None
    keywords: list[str]

    @field_validator("overall")
    @classmethod
    def _said(cls, text: str) -> str:
        plain = clean(text, LONGEST_OVERALL)
        if plain.rstrip(".").lower() in _NOTHING or not any(character.isalpha() for character in plain):
            raise ValueError("says nothing")
        return plain

    @field_validator("head", "limb", "torso")
    @classmethod
    def _part(cls, text: str | None) -> str | None:
        plain = clean(text or "", LONGEST_PART)
        return None if plain.rstrip(".").lower() in _NOTHING else plain

    @field_validator("keywords")
    @classmethod
    def _named(cls, words: list[str]) -> list[str]:
        plain = {word.casefold(): word for word in reversed([clean(word, LONGEST_KEYWORD) for word in words])}
        kept = [word for word in reversed(plain.values()) if word.lower() not in _NOTHING]
        if len(kept) > MOST_KEYWORDS:
            raise ValueError(f"has {len(kept)} entries; expected at most {MOST_KEYWORDS}")
        return kept


def parse_description(text: str) -> SeenDescription:
    """Read a description.

    Parameters
    ----------
    text
        A JSON object, alone or in a code fence; a block of thoughts before it is skipped.

    Returns
    -------
    SeenDescription
        Every text cleaned to one line; what stands for "not visible" is ``None``; keywords are distinct.

    Raises
    ------
    ReplyFormError
        When it is anything else, or states a time: times belong to the segment.
    """
    if len(text) > LONGEST_REPLY:
        raise ReplyFormError(f"Expected at most {LONGEST_REPLY} characters, found {len(text)}.")
    found = _object(_body(text))
    try:
        seen = SeenDescription.model_validate(found)
    except ValidationError as exc:
        raise ReplyFormError(_complaints(exc)) from exc
    for field, said in _texts(seen):
        if time := _time_in(said):
            raise ReplyFormError(
                f"Expected a description without times, found {time!r} in {field!r}; say what is seen, not when or how long."
            )
    return seen


def form_problem(text: str) -> str | None:
    """Say what is wrong with the form of a description, for the model that is asked again; ``None`` where nothing is."""
    try:
        parse_description(text)
    except ReplyFormError as exc:
        return str(exc)
    return None


def parse_answer(text: str) -> tuple[str | None, str]:
    """Read an answer.

    Returns
    -------
    tuple
        ``"yes"``, ``"no"`` or ``None`` where it begins with neither ("no doubt" and "no idea" are no "no"), and the answer as one
        line of plain text.
    """
    if len(text) > LONGEST_REPLY:  # what of it are thoughts cannot be told from its beginning
        return None, clean(text[:LONGEST_REPLY], LONGEST_ANSWER)
    plain = clean(_body(text), LONGEST_ANSWER)
    said = _LEAD.sub("", plain).lower()
    words = re.findall(r"[a-z']+", said)
    if not words or words[0] not in _YES | _NO or _BOTH.match(said) or _UNDECIDED.match(said):
        return None, plain
    return ("yes" if words[0] in _YES else "no"), plain


def _body(text: str) -> str:
    """Take thoughts and a code fence away."""
    without = _THOUGHT.sub("", text).strip() if re.search(r"</?think", text, re.IGNORECASE) else text.strip()
    if len(without) < 2 * len(_FENCE) or not (without.startswith(_FENCE) and without.endswith(_FENCE)):
        return without
    # No pattern does this: one that allows blanks around what it looks for tries all ways to share them out.
    inner = without[len(_FENCE) : -len(_FENCE)].strip()
    return inner[4:].strip() if inner[:4] in ("json", "JSON") else inner


def _object(text: str) -> dict[str, Any]:
    if not text:
        raise ReplyFormError("Expected a JSON object, found nothing.")
    try:
        found = json.loads(text, object_pairs_hook=_distinct, parse_constant=_refused)
    except RecursionError as exc:
        raise ReplyFormError("Expected a flat JSON object, found one nested without end.") from exc
    except json.JSONDecodeError as exc:
        raise ReplyFormError(
            f"Expected one JSON object and nothing else, found text that is no JSON ({exc.msg} at character {exc.pos + 1} of "
            f"{len(text)})."
        ) from exc
    except ReplyFormError:
        raise
    except ValueError as exc:  # Python reads no integer of more than 4300 digits
        raise ReplyFormError("Expected texts and null, found a number too long to read.") from exc
    if not isinstance(found, dict):
        raise ReplyFormError(f"Expected a JSON object, found a {type(found).__name__}.")
    return found


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ReplyFormError(f"Expected every key once, found {clean(key, 40)!r} twice.")
        found[key] = value
    return found


def _refused(constant: str) -> None:
    raise ReplyFormError(f"Expected texts and null, found {constant}.")


def _complaints(exc: ValidationError) -> str:
    said = []
    for error in exc.errors(include_url=False)[:5]:
        field = clean(".".join(str(part) for part in error["loc"]), 60)
        problem = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"].lower()
        said.append(f"{field!r}: {problem}")
    return f"Expected the keys overall, head, limb, torso and keywords in their form; {'; '.join(said)}."


def _texts(seen: SeenDescription) -> list[tuple[str, str]]:
    parts = [("overall", seen.overall), ("head", seen.head), ("limb", seen.limb), ("torso", seen.torso)]
    return [(name, text) for name, text in parts if text] + [("keywords", word) for word in seen.keywords]


def _time_in(text: str) -> str | None:
    return next((found.group() for pattern in _TIMES if (found := pattern.search(text))), None)
