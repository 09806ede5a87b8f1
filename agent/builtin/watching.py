"""Questions that only somebody who looks can answer: which clips are meant, and what is asked about them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ethochat.agent.builtin.vocabulary import Vocabulary
from ethochat.index.words import number
from ethochat.tools.evidence import ClipRef, Evidence

Call = tuple[str, dict[str, Any]]

WATCH_SLOT: Final = "then_watch"
"""Slot of a reading: what is asked about the clips once they are found."""
USUAL_QUESTION: Final = "What is the animal doing?"
_MOST: Final = 500

_LOOK: Final = (
    r"(?:please\s+|can you\s+|could you\s+|now\s+)*(?:watch|look at|have a look at|take a look at|view|inspect|examine|"
    r"(?:ask|let|have) the (?:vision(?:-language)? )?model (?:about|look at|watch))"
)
_NOUN: Final = (
    r"(?:clips?|hits?|bouts?|moments?|videos?|episodes?|examples?|events?|recordings?|ones?|footage)"
)
_COUNT: Final = r"(?P<n>\d+|one|two|three|four|five|six|seven|eight|nine|ten)"
_WHICH: Final = (
    rf"(?:(?:all (?:of )?)?(?:the |these |those |this |that )?(?:(?P<first>first|best|top) )?{_COUNT}(?: {_NOUN})?"
    rf"|(?:the )?(?P<nth>first|second|third|fourth|fifth|sixth|last|\d+(?:st|nd|rd|th))(?: {_NOUN})?"
    rf"|(?:clip|hit|number|no\.?) ?(?P<no>\d+)"
    rf"|(?P<all>all (?:of )?(?:them|these|those)(?: {_NOUN})?|all (?:of )?the {_NOUN}|every {_NOUN})"
    rf"|(?P<some>them|these|those|it|this|that)(?: {_NOUN})?|the {_NOUN})"
)
_TELL: Final = r"(?:\s*(?:[,:;.–—-]|\band\b)\s*(?:(?:please\s+)?(?:tell me|say|check|answer|find out)\s*[:,]?\s*(?:me\s+)?)?|\s+(?:for|and (?:check|tell me|say))\s+)"
_WATCH: Final = re.compile(rf"^\W*{_LOOK}\s+{_WHICH}(?:{_TELL}(?P<ask>.+))?\W*$", re.I | re.S)
_INSIDE: Final = re.compile(
    rf"^\W*(?:and\s+|so\s+)?(?P<ask>(?:is|are|does|do|did|has|have|was|were|can|which|what|who|where|how)\b.*?)\s+(?:in|on|of|from) {_WHICH}\s*\?*\W*$",
    re.I | re.S,
)
_SHOWN: Final = re.compile(
    rf"\b(?:these|those|them|this|that|clip|hit)\b|\bthe (?:first|second|third|fourth|fifth|last|\d+|two|three)\b.*{_NOUN}",
    re.I,
)
_COMPARE: Final = re.compile(
    rf"^\W*(?:please\s+)?(?:compare|contrast|what (?:is|are) the differences? between|how do) {_WHICH}(?: (?:differ|compare))?(?:{_TELL}(?P<ask>.+))?\W*$",
    re.I | re.S,
)
_NAMED: Final = re.compile(
    rf"^\W*{_LOOK}\s+(?P<what>[^:?]+?)\s*(?:[:–—]|,?\s+and (?:tell me|say|check|answer)\s*[:,]?)\s*(?P<ask>.+?)\s*$",
    re.I | re.S,
)
_QUANTITY: Final = re.compile(
    r"\b(?:how (?:many|much|long|often|far|fast)|mean|average|median|total|number|count|percent\w*|rate|latency|duration|speed|distance|"
    r"time|group|groups|session|sessions|significan\w*)\b",
    re.I,
)
_SPAN: Final = re.compile(
    r"(?:from|between|at|around)?\s*(?P<a>\d+(?:\.\d+)?)\s*(?:s|sec|seconds)?\s*(?:to|until|till|and|-|–)\s*(?P<b>\d+(?:\.\d+)?)\s*(?:s|sec|seconds)?\b",
    re.I,
)
_AT: Final = re.compile(r"\b(?:at|around)\s+(?P<t>\d+(?:\.\d+)?)\s*(?:s|sec|seconds)?\b", re.I)
_NTH: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6}
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
        A call of ``watch_clips``; ``None`` where the question is another.
    """
    named = _named_interval(question, vocabulary)
    if named is not None:
        return named
    if not clips:
        return None
    compared = _COMPARE.match(question)
    points = compared is not None and (_SHOWN.search(question) or (compared["first"] and compared["n"]))
    if compared is not None and points and not _QUANTITY.search(question):
        chosen = _chosen(compared, clips)
        if len(chosen) > 1:
            ask = _tidy(compared["ask"]) or "How do these clips differ in what the animals do?"
            return _call(chosen, ask, together=True)
    match = _WATCH.match(question)
    if match is None:
        match = _INSIDE.match(question)
        if match is None or not _SHOWN.search(question) or _QUANTITY.search(match["ask"]):
            return None
    chosen = _chosen(match, clips)
    return _call(chosen, _tidy(match["ask"]) or USUAL_QUESTION) if chosen else None


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


def watch_found(question: str) -> Watching | None:
    """Read "watch the grooming bouts of S03: is the tail raised?": clips to find, and a question about them."""
    match = _NAMED.match(question)
    if match is None:
        return None
    what = match["what"].strip()
    return Watching(f"Show me {what}", _tidy(match["ask"]) or USUAL_QUESTION, _how_many(what))


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


def _named_interval(question: str, vocabulary: Vocabulary) -> Call | None:
    """Read a session and a time that stand in the question."""
    match = re.match(rf"^\W*{_LOOK}\b(?P<rest>.*)$", question, re.I | re.S)
    if match is None:
        return None
    rest = match["rest"]
    sessions = [
        name
        for name in vocabulary.sessions
        if re.search(rf"(?<![\w-]){re.escape(str(name))}(?![\w-])", rest, re.I)
    ]
    if len(sessions) != 1:
        return None
    place = re.search(rf"(?<![\w-]){re.escape(str(sessions[0]))}(?![\w-])", rest, re.I)
    assert place is not None
    before, behind = rest[: place.start()], rest[place.end() :]
    head = f"{before} \0 {behind}"
    span, at = _SPAN.search(head), _AT.search(head)
    if span is not None and float(span["a"]) < float(span["b"]):
        start, stop, used = float(span["a"]), float(span["b"]), span
    elif at is not None:
        start, stop, used = max(float(at["t"]) - 1, 0.0), float(at["t"]) + 1, at
    else:
        return None
    asked = re.sub(
        r"^[\s\0,:;.–—-]*(?:and\s+)?(?:(?:tell me|say|check|answer)\b[\s,:]*)?",
        "",
        head[used.end() :].replace("\0", " "),
    )
    clip = {"session_id": str(sessions[0]), "start_s": start, "stop_s": stop}
    return "watch_clips", {"question": _tidy(asked) or USUAL_QUESTION, "clips": [clip]}


def _chosen(match: re.Match[str], clips: Sequence[ClipRef]) -> list[ClipRef]:
    """The clips that "the second one", "those", "the first three" and "all of them" point at."""
    if match["nth"] or match["no"]:
        nth = (match["nth"] or match["no"]).lower()
        place = len(clips) if nth == "last" else _NTH.get(nth) or int(number(re.sub(r"\D", "", nth)) or 0)
        return list(clips[place - 1 : place]) if place > 0 else []
    if match["n"]:
        return list(clips[: _count(match["n"])])
    if match["all"]:
        return list(clips[:_MOST])
    if match["some"] and match["some"].lower() in ("it", "this", "that"):
        return list(clips[:1])
    return list(clips[:_MOST])


def _call(clips: Sequence[ClipRef], ask: str, *, together: bool = False) -> Call:
    spans = [
        {"session_id": clip.session_id, "start_s": clip.start_time, "stop_s": clip.stop_time}
        | ({"individual": clip.individual} if clip.individual else {})
        for clip in clips
    ]
    return "watch_clips", {"question": ask, "clips": spans} | ({"together": True} if together else {})


def _tidy(text: str | None) -> str:
    """The question alone, as a sentence."""
    ask = " ".join((text or "").split()).strip(" .,:;–—-")
    if not ask:
        return ""
    ask = re.sub(
        r"^(?:whether|if)\s+(?P<s>(?:the |an? )?\w+)\s+(?P<v>is|are|does|do|has|have|was)\b",
        r"\g<v> \g<s>",
        ask,
        flags=re.I,
    )
    ask = ask[0].upper() + ask[1:]
    asks = re.match(r"(?:is|are|does|do|did|has|have|was|were|can|which|what|who|where|how|why)\b", ask, re.I)
    return f"{ask.rstrip('?')}?" if asks else ask


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
    elif counts and total > 1:
        neither = f", neither in {counts['neither']}" if counts.get("neither") else ""
        head = f"**Yes** in {counts['yes']} of {total} clips, no in {counts['no']}{neither} {mark}:"
    elif counts:
        word = next((name for name in ("yes", "no") if counts[name]), "no clear answer")
        head = f"**{word.capitalize()}**, says the model {mark}:"
    else:
        head = f"The model says {mark}:"
    return head + "\n" + "\n".join(lines)
