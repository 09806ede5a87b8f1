"""What a model that looks is asked: the question alone, as a sentence, and never a fragment of one."""

from __future__ import annotations

import re
from typing import Final

LOOK: Final = (
    r"(?:(?:please|can you|could you|would you|now|and|then|ok|okay|let's|let us)[\s,]+)*(?:(?:re-?)?watch|look (?:again |closely |carefully )?at|have a (?:closer )?look at|"
    r"take a (?:closer )?look at|view|inspect|examine|(?:ask|let|have) the (?:vision(?:-language)? )?model (?:about|look at|watch))"
)
"""Words that ask to look at what follows."""
_WORD: Final = r"(?:is|are|does|do|did|has|have|was|were|can|which|what|who|where|how|why)"
_DIVIDES: Final = re.compile(
    r"\s*:(?!\d)\s*|\s*[;–—]\s*|\s+-\s+|[,.?]\s+(?!(?:and\s+|or\s+)?(?:the\s+)?(?:first|second|third|fourth|fifth|last|clip|hit|number|\d+|no\b))"
    r"(?:and\s+)?|\s+and\s+(?=(?:please\s+)?(?:tell|say|check|answer|find out|describe|see)\b)"
    rf"|\s+(?={_WORD}\b)|\s+(?=for\s+(?:signs? of\s+|any\s+)?[a-z])",
    re.IGNORECASE,
)
"""What stands between the clips and the question."""
_REQUESTS: Final = re.compile(
    r"^(?:(?:and|please|then|now)\s+)*(?:tell me|say|check|answer|find out|see)\b[\s,:]*(?:me\s+)?", re.I
)
_VERB: Final = r"(?:is|are|does|do|has|have|was|were|can)"
_SUBJECT: Final = r"(?:(?:the|its|their|his|her|an?|any|both|all|left|right|each)\s+)*(?:\w+(?:\s+\w+){0,2}?)"


def divided(text: str) -> tuple[str, str]:
    """Cut "the second clip: is the tail raised?" to what is looked at and what is asked, which may be empty."""
    match = _DIVIDES.search(text)
    return (text, "") if match is None else (text[: match.start()], text[match.end() :])


def tidy(text: str | None) -> str:
    """The question alone, as a sentence; empty where nothing is asked."""
    ask = " ".join((text or "").split()).strip(" .,:;–—-")
    ask = _REQUESTS.sub("", ask).strip(" .,:;–—-")
    if not re.search(r"\w\w", ask):
        return ""
    looked_for = re.fullmatch(r"for\s+(?:signs? of\s+|any\s+)?(?P<x>.+?)\?*", ask, re.I)
    if looked_for is not None:
        return f"Is there any {looked_for['x']}?"
    ask = _turned(ask)
    ask = ask[0].upper() + ask[1:]
    if re.match(rf"{_WORD}\b", ask, re.I):
        return f"{ask.rstrip('?. ')}?"
    if re.match(r"(?:describe|tell|explain|name|compare|summari[sz]e)\b", ask, re.I):
        return ask
    # A thing alone, as in "watch clip 2: the tail", is no question.
    return f"Describe {ask[0].lower()}{ask[1:].rstrip('?. ')}."


def _turned(ask: str) -> str:
    """Turn "whether the ears are back" and "the tail is raised" into questions."""
    match = re.fullmatch(
        rf"(?P<lead>(?:whether|if)\s+)?(?P<s>(?!{_WORD}\b|describe\b|tell\b|explain\b){_SUBJECT})\s+(?P<v>{_VERB})\s+(?P<rest>.+)",
        ask,
        re.I,
    )
    if match is not None:
        return f"{match['v']} {match['s'][0].lower()}{match['s'][1:]} {match['rest']}"
    indirect = re.fullmatch(
        r"(?P<w>what|where|how|which way)\s+(?P<s>(?:the\s+)?\w+)\s+(?P<v>is|are|does|do)(?P<rest>.*)",
        ask,
        re.I,
    )
    if indirect is not None and not re.fullmatch(_VERB, indirect["s"], re.I):
        does = "" if indirect["rest"] or indirect["v"].lower() in ("is", "are") else " do"
        return f"{indirect['w']} {indirect['v']} {indirect['s']}{does}{indirect['rest']}"
    whether = re.match(r"(?:whether|if)\s+(?P<rest>.+)", ask, re.I)
    return f"Is it true that {whether['rest']}" if whether is not None else ask


def is_asked(ask: str) -> bool:
    """Whether a text is a whole question: "Is the" is none."""
    words = re.findall(r"[\w'-]+", ask)
    if not words:
        return False
    opens = words[0].lower() in ("what", "who", "which", "where", "how", "why", "describe")
    if words[-1].lower() in ("the", "a", "an", "of", "in", "is", "are", "to", "and", "or"):
        return False
    return len(words) >= (2 if opens else 3)
