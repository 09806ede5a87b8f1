"""Questions that only somebody who looks can answer: which clips are meant, and what is asked about them.

What tables can tell is never asked of a model that looks: see :mod:`ethochat.agent.builtin.tabular`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ethochat.agent.builtin.asking import LOOK, divided, is_asked, tidy
from ethochat.agent.builtin.intervals import watch_interval
from ethochat.agent.builtin.pointing import Pointed, point
from ethochat.agent.builtin.tabular import is_data, told_by_tables
from ethochat.agent.builtin.vocabulary import Vocabulary
from ethochat.tools.evidence import ClipRef, Evidence

Call = tuple[str, dict[str, Any]]

WATCH_SLOT: Final = "then_watch"
"""Slot of a reading: what is asked about the clips once they are found."""
USUAL_QUESTION: Final = "What is the animal doing?"
_COMPARED: Final = "How do these clips differ in what the animals do?"
_MOST: Final = 500
_NONE_SHOWN: Final = (
    "No clips were shown yet in this conversation. Ask for some first, such as “show me the rears of a session”, or name a session and "
    "a time in it. Which are to be watched?"
)

_COUNT: Final = r"(?P<n>\d+|one|two|three|four|five|six|seven|eight|nine|ten)"
_COMPARE: Final = re.compile(
    r"^\W*(?:please\s+|can you\s+|could you\s+|now\s+)*(?:compare|contrast|what (?:is|are) the differences? between|how do(?:es)?)\s+(?P<rest>.+)$",
    re.I | re.S,
)
_ENDS_COMPARED: Final = re.compile(r"\s+(?:differ|compare)\W*$", re.I)
_DESCRIBE: Final = re.compile(
    r"^\W*(?:please\s+|can you\s+|could you\s+|now\s+)*(?:describe|summari[sz]e|explain)\s+(?P<which>[^:;]+?)\W*$",
    re.I | re.S,
)
_REQUEST: Final = (
    r"(?:please\s+|and\s+|so\s+|now\s+)*(?:(?:can|could|would) you\s+(?:please\s+)?(?=tell|check|say|find|describe))?"
    r"(?:(?:tell me|check|say|find out|see)\s+(?=whether|if|what|who|which|where|how|is|are|does|do))?"
)
_ASKS: Final = (
    r"(?:whether|if|is|are|does|do|did|has|have|was|were|can|which|what|who|where|how|why|describe)\b"
)
_IN: Final = r"(?:in|on|of|from|during|for)"
_QUESTION: Final = re.compile(rf"^\W*{_REQUEST}(?P<rest>{_ASKS}.+)$", re.I | re.S)
_FIRST_IN: Final = re.compile(
    rf"^\W*(?:and\s+|so\s+|now\s+)?{_IN}\s+(?P<which>[^,:?]+?)\s*[,:]?\s+{_REQUEST}(?P<ask>{_ASKS}.+)$",
    re.I | re.S,
)
_LOOKS: Final = re.compile(
    r"\b(?:heads?|tails?|ears?|paws?|(?:fore|hind)?limbs?|legs?|feet|foot|noses?|snouts?|backs?|eyes?|whiskers?|fur|mouth|belly|torso|neck|"
    r"posture|body|color|raised|lifted|arched|crouch\w*|hunched|upright|lying|facing|touch\w*|visible|looks? like)\b",
    re.I,
)
_NAMED: Final = re.compile(
    rf"^\W*{LOOK}\s+(?P<what>[^:?]+?)\s*(?:[:–—]|,?\s+and (?:tell me|say|check|answer)\s*[:,]?)\s*(?P<ask>.+?)\s*$",
    re.I | re.S,
)
_NUMBERS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def watch_before(question: str, clips: Sequence[ClipRef], vocabulary: Vocabulary) -> Call | None:
    """Read "watch those: is the tail raised?", "is it rearing in the second clip?" or "look at S03 from 20 to 30 s".

    Parameters
    ----------
    clips
        Of the answer before, in its order.
    vocabulary
        The experiment's words.

    Returns
    -------
    tuple or None
        A call of ``watch_clips``, or of ``ask_user`` or ``decline`` where what is to be watched is not known; ``None`` where the
        question is another.
    """
    named = watch_interval(question, vocabulary, USUAL_QUESTION)
    if named is not None:
        return named
    for form in (_compared, _looked, _described, _asked_inside):
        found = form(question, clips, vocabulary)
        if found is not None:
            return found
    return None


def _compared(question: str, clips: Sequence[ClipRef], vocabulary: Vocabulary) -> Call | None:
    """Read "compare clip 1 with clip 3: who is bigger?"."""
    match = _COMPARE.match(question)
    if match is None or not clips:
        return None
    which, ask = divided(_ENDS_COMPARED.sub("", match["rest"]))
    which = re.sub(r"^(?:between)\s+", "", which.strip(), flags=re.I)
    pointed = point(which, len(clips))
    # That clips differ is what only eyes tell; in what numbers they differ is not.
    counted = told_by_tables(re.sub(r"\bdiffer\w*", "", ask, flags=re.I), vocabulary)
    if pointed is None or counted or len(pointed.places) < 2:
        return None
    if not pointed.named and not re.search(r"\bfirst\b|\blast\b|\bsecond\b|\bboth\b", which, re.I):
        return None
    return _call_on(pointed, clips, tidy(ask) or _COMPARED, together=True)


def _looked(question: str, clips: Sequence[ClipRef], vocabulary: Vocabulary) -> Call | None:
    """Read "watch the first two: is the tail raised?"; after "watch", "those" are the clips."""
    match = re.match(rf"^\W*{LOOK}\s+(?P<rest>.+)$", question, re.I | re.S)
    if match is None:
        return None
    which, ask = divided(match["rest"])
    pointed = point(which, len(clips))
    if pointed is None or told_by_tables(ask, vocabulary):
        return None
    if not clips:
        return ("ask_user", {"question": _NONE_SHOWN, "options": []}) if pointed.definite else None
    return _call_on(pointed, clips, tidy(ask) or USUAL_QUESTION)


def _described(question: str, clips: Sequence[ClipRef], vocabulary: Vocabulary) -> Call | None:
    """Read "describe the first clip"."""
    match = _DESCRIBE.match(question)
    pointed = point(match["which"], len(clips)) if match is not None else None
    return (
        _call_on(pointed, clips, USUAL_QUESTION) if clips and pointed is not None and pointed.named else None
    )


def _asked_inside(question: str, clips: Sequence[ClipRef], vocabulary: Vocabulary) -> Call | None:
    """Read "is it rearing in the second clip?" and "in those clips, does it lick?"."""
    for which, said in _parted(question):
        pointed = point(which, len(clips)) if clips else None
        if pointed is None or told_by_tables(said, vocabulary):
            continue
        seen = _LOOKS.search(said) is not None and not _names_behavior(said, vocabulary)
        ask = tidy(said)
        if re.fullmatch(r"what(?: is|'s| are| happens| is happening| is going on)\W*", ask, re.I):
            ask = USUAL_QUESTION
        if (pointed.named or (seen and pointed.definite)) and is_asked(ask):
            return _call_on(pointed, clips, ask)
    return None


def _parted(question: str) -> Iterator[tuple[str, str]]:
    """Words that may point at clips, each with the question that is left without them."""
    first = _FIRST_IN.match(question)
    if first is not None:
        yield first["which"], first["ask"]
    match = _QUESTION.match(question)
    rest = match["rest"] if match is not None else ""
    for place in re.finditer(rf"\s+{_IN}\s+", rest, re.I):
        yield rest[place.end() :], rest[: place.start()]


def _names_behavior(text: str, vocabulary: Vocabulary) -> bool:
    return any(item.entry.kind in ("behavior", "category") for item in vocabulary.link(text))


def _call_on(pointed: Pointed, clips: Sequence[ClipRef], ask: str, *, together: bool = False) -> Call:
    """Call for the clips that are meant; one that was not shown is no other one."""
    if any(not 1 <= place <= len(clips) for place in pointed.places):
        # No tool of this turn vouches for a number; an ordinal only points.
        n = len(clips)
        tens = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
        reason = f"There is no such clip: the last one that was shown before is the {n}{tens}."
        return "decline", {"reason": reason, "suggestions": []}
    chosen = [clips[place - 1] for place in pointed.places][:_MOST]
    return _call(chosen, ask, together=together and len(chosen) > 1)


@dataclass(frozen=True, slots=True)
class Watching:
    """What is to be found first, and what is asked about it then."""

    find: str
    ask: str
    n: int | None = None
    """How many of them: "the longest bout" is one, "three bouts" are three."""

    def to_slot(self) -> dict[str, Any]:
        """As a reading keeps it until the clips are found."""
        return {"ask": self.ask, "n": self.n}


def watch_found(question: str, vocabulary: Vocabulary | None = None) -> Watching | None:
    """Read "watch the grooming bouts of S03: is the tail raised?": clips to find, and a question about them.

    Parameters
    ----------
    vocabulary
        The experiment's words: what they are asked about in the tables is not watched.
    """
    match = _NAMED.match(question)
    if match is None or told_by_tables(match["ask"], vocabulary) or is_data(match["what"]):
        return None
    what = match["what"].strip()
    return Watching(f"Show me {what}", tidy(match["ask"]) or USUAL_QUESTION, _how_many(what))


_FIRST: Final = re.compile(
    rf"\b(?:the )?(?:first|longest|shortest|best|top)\s+(?:{_COUNT}\b)?(?P<rest>.*)", re.I
)
_SOME: Final = re.compile(rf"^(?:the |any |some )?{_COUNT}\s+\w+", re.I)


def _how_many(what: str) -> int | None:
    """How many clips a text speaks of; ``None`` for all."""
    some = _SOME.match(what)
    if some is not None:
        return _count(some["n"])
    first = _FIRST.search(what)
    if first is None:
        return None
    # "In the first minute" is a time and no number of clips.
    if re.match(r"(?:minute|second|hour|half|third|quarter|s|min)s?\b", first["rest"].strip(), re.I):
        return None
    if first["n"]:
        return _count(first["n"])
    named = re.split(r"\b(?:of|in|by|from|during|at|with)\b", first["rest"], maxsplit=1)[0]
    return None if re.search(r"[a-rt-z]s\b", named, re.I) else 1


def _count(word: str) -> int:
    return _NUMBERS.index(word.lower()) if word.lower() in _NUMBERS else int(word)


def watch_call(clips: Sequence[ClipRef], slot: Mapping[str, Any]) -> Call | None:
    """Make the call about clips that were found; ``None`` where none of them can be watched."""
    seen = [clip for clip in clips if clip.has_video][: slot["n"]]
    return _call(seen, str(slot["ask"])) if seen else None


def _call(clips: Sequence[ClipRef], ask: str, *, together: bool = False) -> Call:
    spans = [
        {"session_id": clip.session_id, "start_s": clip.start_time, "stop_s": clip.stop_time}
        | ({"individual": clip.individual} if clip.individual else {})
        for clip in clips
    ]
    return "watch_clips", {"question": ask, "clips": spans} | ({"together": True} if together else {})


# ------------------------------------------------------------------ the answer
def word_watch(item: Evidence) -> str:
    """Give what the model said of each clip, in quotes; yes and no are counted."""
    mark = f"[{item.evidence_id}]"
    together = bool(item.arguments.get("together"))
    counts = {
        value.group["answer"]: int(float(value.value or 0))
        for value in item.values
        if "answer" in value.group
    }
    sure = {value.group["clip"]: value.value for value in item.values if "clip" in value.group}
    total = sum(counts.values())
    lines = []
    for place, clip in enumerate(item.clips, start=1):
        who = f" {clip.individual}" if clip.individual else ""
        where = f"- Clip {place}, {clip.session_id}{who}, {clip.start_time:.2f}–{clip.stop_time:.2f}"
        probability = sure.get(str(place))
        said = (
            f": “{clip.seen}”"
            if clip.seen and not clip.seen.startswith("not answered")
            else f": {clip.seen}"
            if clip.seen
            else ""
        )
        p = f" (yes with p = {probability:.2f})" if isinstance(probability, float) else ""
        lines.append(f"{where}{said}{p}")
    if together:
        quoted = item.summary.partition("«")[2].partition("»")[0]
        head = (
            f"Shown together, the model says: “{quoted}” {mark}"
            if quoted
            else f"The model gave no answer. {mark}"
        )
    elif counts and total > 1 and not (counts["yes"] or counts["no"]):
        head = f"**No clear answer** about any of the {total} clips {mark}:"
    elif counts and total > 1:
        neither = f", neither in {counts['neither']}" if counts.get("neither") else ""
        head = f"**Yes in {counts['yes']}** of {total} clips, no in {counts['no']}{neither} {mark}:"
    elif counts:
        word = next((name for name in ("yes", "no") if counts[name]), "no clear answer")
        head = f"**{word.capitalize()}**, says the model {mark}:"
    else:
        head = f"The model says {mark}:"
    return head + "\n" + "\n".join(lines)
