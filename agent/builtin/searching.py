"""What is typed to search: the words that narrow where to look, and the description that is left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.conditions import fill_numeric_conditions
from ethochat.agent.builtin.names import correct_typos, fill_names, fill_treated, long_names
from ethochat.agent.builtin.phrases import Scanner, canonical
from ethochat.agent.builtin.reading import Reading
from ethochat.agent.builtin.spans import read_spans
from ethochat.agent.builtin.splits import filter_by_values
from ethochat.agent.builtin.unread import unknown_member, unknown_session, unread_words
from ethochat.agent.builtin.vocabulary import Mention, Vocabulary, build_vocabulary
from ethochat.index.words import atoms, number
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import ClipRef
from ethochat.tools.searching.lexicon import build_lexicon
from ethochat.tools.searching.limits import read_limits
from ethochat.tools.searching.reading import MOST_CHARACTERS, Description, read_description

Call = tuple[str, dict[str, Any]]

_WHERE: Final = ("session", "subject", "individual", "source", "value")
"""Kinds of names that say where to look."""
_KEPT: Final = (
    "sessions", "subjects", "individuals", "sources", "where", "start_s", "stop_s", "start_part", "stop_part",
)  # fmt: skip
_BEFORE: Final = re.compile(
    r"(?:\b(?:only|just|in|of|by|from|for|among|at|with|within|the|all|any|other than|not|except|without|excluding|but|and|or|according to|as|"
    r"(?:scored|rated|annotated|labell?ed|marked|seen) by|raters?|sessions?|recordings?|videos?|animals?|mouse|mice|subjects?|groups?|channel|source|by|on|=|is|are)\s*[,:]?\s*)+$",
    re.I,
)
_BEHIND: Final = re.compile(
    r"^(?:['’]s)?\s*(?:\b(?:treated |dosed )?(?:mice|mouse|animals?|rats?|groups?|ones?|only|sessions?|recordings?|subjects?|condition|scoring|labels?|annotations?)\b\s*)+",
    re.I,
)
_ASKS: Final = re.compile(
    r"^\W*(?:(?:please|can you|could you|i want to see|i'd like to see|let me see|show|find|play|list|get|give|search(?: for)?|look for|"
    r"where (?:is|are|does|do|did)|when (?:is|are|does|do|did))\s+)+"
    r"(?:me\s+)?(?:(?:all|every|some|the|any|a few|\d+|three|five|ten)\s+)*"
    r"(?:(?:of\s+)?(?:the\s+)?(?:clips?|moments?|episodes?|parts?|times?|places?|examples?|instances?|segments?|footage)\b\s*"
    r"(?:of|where|when|in which|with|that show|showing|for)?\s*)?(?:(?:the\s+)?(?:mouse|animal|mice|animals)\s+(?=is\b|are\b))?",
    re.I,
)
_TREATMENT: Final = re.compile(
    r"\b(?:(?:un)?(?:treated|drugged|injected|dosed)|drug-?free|controls?)\b", re.I
)
_LIKE: Final = re.compile(
    r"(?:\b(?P<less>less|not|unlike)\b|\b(?:more|others?|something|anything|moments?|clips?|ones?)\b)\s*(?:like|similar to|resembling)?\s*\b"
    r"(?P<which>that|this|it|these|those|them|(?:the )?(?P<nth>first|second|third|fourth|fifth|last|\d+)(?:st|nd|rd|th)?(?: (?:one|clip|hit|moment))?)\b\s*"
    r"(?=$|[?.!,;]|\b(?:in|from|of|but|and|please)\b)",
    re.I,
)
_SAYS_LIKE: Final = re.compile(r"\b(?:like|unlike|similar to|resembling)\b", re.I)
_NTH: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
_ELSEWHERE: Final = re.compile(
    r"\b(?:other|another|different)\s+(?:sessions?|recordings?|animals?|mice|mouse|videos?)\b", re.I
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchReading:
    """Arguments of ``search_segments``, or why there are none."""

    arguments: dict[str, Any] = field(default_factory=dict)
    refusal: str | None = None
    """What is wrong with the text, in a sentence; ``arguments`` are empty then."""


def read_search(text: str, context: ToolContext) -> SearchReading:
    """Split a search text into filters and a description.

    Parameters
    ----------
    text
        As typed, e.g. "running faster than 20 cm/s in the center, only females, first 3 min".
    context
        The experiment, whose names the text may use.
    """
    if len(text) > MOST_CHARACTERS:
        return SearchReading(refusal=f"A description has at most {MOST_CHARACTERS} characters.")
    vocabulary = search_vocabulary(context)
    spelled = correct_typos(canonical(text), vocabulary)
    missing = unknown_session(spelled, vocabulary)
    if missing is not None:
        return SearchReading(refusal=f"There is no session or animal named {missing} in this experiment.")
    member = unknown_member(spelled, vocabulary)
    if member is not None:
        return SearchReading(refusal=f"There is no {member} in this experiment.")
    stranger = _unknown_group(spelled, vocabulary)
    if stranger is not None:
        return SearchReading(refusal=f"Nothing in this experiment is called “{stranger}”.")
    return SearchReading(arguments=search_arguments(spelled, vocabulary))


_STRANGERS: Final = re.compile(
    r"\b(?P<group>[\w-]+)[ -](?:treated |dosed )?(?:group|condition|treatment|treated)\b|\b(?:rater|annotator|scorer|observer) (?P<rater>\w+)"
    r"|\b(?:scored|rated|annotated|labell?ed|according to|marked) by (?:rater )?(?P<by>\w+)",
    re.I,
)
"""What is spoken of as a group or a rater in so many words."""


def _unknown_group(text: str, vocabulary: Vocabulary) -> str | None:
    """What is called a group or a rater and nothing here is: "the ketamine group", "by rater Maria"."""
    scan = Scanner(text)
    mentions = vocabulary.link(text)
    fill_names(mentions, scan, vocabulary)
    unread = {word.lower() for word in unread_words(scan, mentions, vocabulary)}
    for match in _STRANGERS.finditer(text):
        name = match["group"] or match["rater"] or match["by"]
        if name.lower() in unread and not (vocabulary.lexicon and vocabulary.lexicon.find(name)):
            return name
    return None


def search_vocabulary(context: ToolContext) -> Vocabulary:
    """Collect the experiment's words, with what those of a description mean."""
    vocabulary = build_vocabulary(context.experiment, context.catalog)
    vocabulary.lexicon = build_lexicon(context, vocabulary.sessions[:1])
    return vocabulary


def search_arguments(text: str, vocabulary: Vocabulary) -> dict[str, Any]:
    """Arguments of ``search_segments`` for a text in canonical spelling.

    Parameters
    ----------
    text
        See :func:`~ethochat.agent.builtin.phrases.canonical`.
    """
    if not any(
        value.lower().startswith("control") for values in vocabulary.columns.values() for value in values
    ):
        text = re.sub(r"\bcontrols?\b(?: (?=mice|animals|rats|group))?", "untreated ", text, flags=re.I)
    scan = Scanner(text)
    mentions = vocabulary.link(text)
    long_names(mentions, scan)
    seen = scan.rest
    fill_numeric_conditions(scan, vocabulary)
    left = _blanked(text, seen, scan.rest)
    fill_names(mentions, scan, vocabulary)
    fill_treated(scan, vocabulary)
    filter_by_values(scan.slots)
    left = _without_names(left, text, [item for item in mentions if item.entry.kind in _WHERE])
    if scan.slots.get("where"):
        left = _TREATMENT.sub(lambda match: " " * len(match[0]), left)
    # What limits a step or the pause between steps is no part of the recording.
    times = Scanner(_without_limits(left))
    read_spans(times)
    if any(times.slots.get(key) is not None for key in ("start_s", "stop_s", "start_part", "stop_part")):
        left = _blanked(left, _without_limits(left), times.rest)
        scan.slots.update({key: times.slots[key] for key in _KEPT if times.slots.get(key) is not None})
    arguments = {
        key: value for key, value in scan.slots.items() if key in _KEPT and value not in (None, [], {})
    }
    arguments["query"] = _tidy(left)
    _examples(text, arguments, scan.slots.get("behaviors") or [])
    return {key: value for key, value in arguments.items() if value not in (None, [], {}, "")}


def _blanked(text: str, before: str, after: str) -> str:
    """Blank in a text what a reader blanked, which had it as ``before`` and left ``after``."""
    return "".join(
        char if kept == seen else " " for char, seen, kept in zip(text, before, after, strict=True)
    )


def _without_names(left: str, text: str, mentions: Sequence[Mention]) -> str:
    """Blank names and the words that only lead to them: "only females", "according to Oliver"."""
    words = atoms(text)
    pair = [mention for mention in mentions if mention.entry.kind == "individual"][1:]
    for mention in reversed(mentions):
        start, stop = words[mention.start].start, words[mention.stop - 1].stop
        if mention in pair:  # "mouse1 closer than 3 cm to mouse3": the other one of the two
            left = f"{left[:start]}another mouse{left[stop:]}"
            continue
        if not left[start:stop].strip():
            continue  # read already, as of a number
        before, behind = _BEFORE.search(left, 0, start), _BEHIND.match(left[stop:])
        start = before.start() if before is not None else start
        stop += behind.end() if behind is not None else 0
        left = left[:start] + " " * (stop - start) + left[stop:]
    return left


def _without_limits(text: str) -> str:
    spans: Iterable[tuple[int, int]] = [(limit.start, limit.stop) for limit in read_limits(text)]
    within = re.finditer(
        r"\bwithin\s+(?:\d+(?:\.\d+)?|\w+)\s*(?:s|secs?|seconds?|min|minutes?|ms|frames?)\b", text, re.I
    )
    for start, stop in (*spans, *(match.span() for match in within)):
        text = text[:start] + " " * (stop - start) + text[stop:]
    return text


def _tidy(text: str) -> str:
    """The description alone, without what asks for it and what is left of lists."""
    text = _ASKS.sub("", " ".join(text.split()))
    text = re.sub(r"(?:\s*,)+\s*", ", ", re.sub(r"\(\s*\)|\[\s*\]", " ", text))
    text = re.sub(
        r"(?:[\s,;]|\b(?:in|on|or|during|for|of|by|and|only|from|the|at|within)\b)+$",
        "",
        text.strip(" ?.!,;:"),
        flags=re.I,
    )
    return re.sub(r"^(?:[\s,;:]|\b(?:and|only|of|an?|the|is|are)\b)+", "", text, flags=re.I).strip(" ?.!,;:")


def _examples(text: str, arguments: dict[str, Any], behaviors: list[str]) -> None:
    """Read "similar to … of S3 at 12.5 s": the moment to be like."""
    if not lexicon.matches(lexicon.SIMILAR, text) or not arguments.get("sessions"):
        return
    time = re.search(
        r"\b(?:at|starts? at|from|around)\s+(?:frame\s+|time\s+|second\s+)?(\d+(?:\.\d+)?)\b", text, re.I
    )
    sessions = arguments.pop("sessions")
    arguments["like"] = [{"session_id": sessions[0], "time": float(time[1]) if time else 0.0}]
    if _ELSEWHERE.search(text):
        arguments["other_sessions"] = True
    for key in ("query", "start_s", "stop_s"):
        arguments.pop(key, None)
    if behaviors:
        arguments["behaviors"] = behaviors


def like_before(question: str, clips: Sequence[ClipRef], previous: Reading | None = None) -> Call | None:
    """Read "more like the second one" or "less like that" after clips were shown; ``None`` where the question is another.

    Parameters
    ----------
    clips
        Of the answer before, in its order.
    previous
        The reading of the turn before: a search goes on without what is unlike.
    """
    match = _LIKE.search(question)
    chosen = _chosen(match, clips) if match is not None and _SAYS_LIKE.search(match.group()) else []
    if match is None or not chosen:
        return None
    moments = [
        {"session_id": clip.session_id, "time": (clip.start_time + clip.stop_time) / 2}
        | ({"individual": clip.individual} if clip.individual else {})
        for clip in chosen
    ]
    if match["less"]:
        before = dict(previous.slots) if previous is not None and previous.intent == "search" else {}
        if not (before.get("query") or before.get("like")):
            return None
        return "search_segments", {**before, "unlike": [*(before.get("unlike") or ()), *moments], "limit": 10}
    arguments: dict[str, Any] = {"like": moments, "limit": 10}
    if _ELSEWHERE.search(question):
        arguments["other_sessions"] = True
    return "search_segments", arguments


def _chosen(match: re.Match[str], clips: Sequence[ClipRef]) -> Sequence[ClipRef]:
    """The clips that "the second one", "that" and "these" point at."""
    if not match["nth"]:
        return clips[:10] if match["which"].lower() in ("these", "those", "them") else clips[:1]
    nth = match["nth"].lower()
    place = len(clips) if nth == "last" else _NTH.get(nth) or int(number(nth) or 0)
    return clips[place - 1 : place] if place > 0 else []


# ------------------------------------------------------------------ search or a list of bouts
_PLAIN: Final = re.compile(
    r"^\W*(?P<animal>(?:(?:a|the|one|two|both|any)\s+)?(?:\w+\s+)?(?:mouse|mice|animals?|rats?)\b(?!['’]))|^\W*\w+ing\b",
    re.I,
)
"""How a description begins that is typed as such: "mouse stretches …", "grooming in the …"."""
_QUANTITY: Final = re.compile(
    r"\?|\b(?:how|what|which|who|why|whether|compare|plot|draw|correlat\w+|versus|vs|between|per|each|by|mean|average|median|total|time|number|count|"
    r"counts|percent\w*|rate|latency|duration|bouts?|more|less|fewer|most|least|differ\w*|effect|test|group|groups)\b",
    re.I,
)


def is_described(reading: Reading, text: str, vocabulary: Vocabulary) -> bool:
    """Whether moments are asked for by more than the behavior, rater, duration and zone that a list of bouts is chosen by."""
    if vocabulary.lexicon is None or reading.intent not in (
        "clips", "measure", "compare", "facts"
    ):  # fmt: skip
        return False
    asks = lexicon.matches(r"^\W*(?:where|when) (?:does|do|did|is|are|was|were)\b", text) or lexicon.matches(
        lexicon.CLIPS, text
    )
    typed = _PLAIN.match(text)
    plain = reading.intent != "clips" and not asks
    if plain and (typed is None or _QUANTITY.search(_without_limits(text))):
        return False
    query = str(search_arguments(text, vocabulary).get("query", ""))
    description = read_description(query, vocabulary.lexicon)
    if plain and typed is not None and typed["animal"]:
        return any(step.is_decidable for step in description.steps)
    return _needs_search(description, reading, plain=plain)


def _needs_search(description: Description, reading: Reading, *, plain: bool) -> bool:
    decided = [step for step in description.steps if step.is_decidable]
    if not decided or description.absent:
        return False
    steps_named = len(decided) > 1 and not reading.slots.get("sources")
    joined = any(len([term for term in step.terms if term.behaviors]) > 1 for step in decided)
    special = any(
        step.without or step.edge or any(limit.quantity != "duration" for limit in step.limits)
        for step in decided
    )
    unheeded = reading.intent == "clips" and reading.slots.get("keep") not in (None, "all")
    if reading.intent == "clips" or plain:
        unheeded = unheeded or bool(reading.unread)
    chosen = set(reading.slots.get("behaviors") or ())
    wider = any(set(term.behaviors) > chosen for step in decided for term in step.terms)
    special = special or (
        reading.intent == "clips" and wider and bool(chosen) and not reading.slots.get("sources")
    )
    timed = plain and any(step.limits for step in decided)
    return special or steps_named or (joined and len(decided) == 1) or unheeded or timed
