"""What a question leaves out: "without OFT_5", "all raters but Kim", "non-control animals", "excluding trial 1".

A word of exclusion is bound to the names that follow it directly, a list of them included; between the word and the name only
words may stand that name no other thing ("the", "animals", "scored by"). What follows it indirectly is left alone: in
"excluding the last 20 s for M02" the seconds are left out, not the animal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.vocabulary import Entry, Mention, Vocabulary
from ethochat.index.words import atoms

STRONG: Final = (
    r"(?:\bexcept(?:ing)?(?: for| of)?\b|\bexclud(?:e[sd]?|ing)\b|\bexcl\b\.?|\bomit(?:s|ting)?\b|\bleav(?:e|ing) (?:out|aside)\b"
    r"|\b(?:not|without) (?:counting|including|considering|using)\b|\b(?:do|does|did|should) not (?:use|count|include|consider)\b"
    r"|\bdisregard(?:ing)?\b|\bdiscard(?:ing)?\b|\bignor(?:e|ing)\b|\bremov(?:e|ing)\b|\bdrop(?:ping)?(?=\s+\w)(?!\s+(?:in|of|from|between|over|with|during|across|when|after|to|by|off|more|less|significantly|is|was|are)\b)|\bskip(?:ping)?\b"
    r"|\b(?:other|else) than\b|\b(?:apart|aside) from\b|\bwith the exceptions? of\b|\bbesides\b|\bbarring\b|\bsave for\b|\bbut not\b|\ball but\b|\b(?:every|any|no)(?:one|body|thing)? but\b)"
)
"""Words that leave out whatever follows them."""
_ALL_BUT: Final = r"\b(?:all|every|each|any|everyone|everybody|no)\b[^,;:?]{0,40}?\bbut(?: not)?\b"
_WITHOUT: Final = r"\bwithout\b|\bminus\b"
_NOT: Final = r"(?<!or )(?<!why )\bnot\b|\bnever\b|\bneither\b|\bnor\b|\bnon\s*-?(?=\s*\w)|\bno\b|\boutside(?: of)?\b|!=|<>|≠"
"""Words that deny what follows them: of values, sessions, animals and raters the same as leaving them out."""
_INSTEAD: Final = r"\binstead of\b|\brather than\b|\bin place of\b"
_AFTERWARDS: Final = (
    rf"^['\"]?s?(?:\s+(?:{lexicon.PEOPLE}|data|group|raters?))?\s*(?:,\s*)?(?:is|are|was|were|being|to be|(?:has|have|had) been|gets?)?\s*"
    r"(?:excluded|left out|left aside|omitted|removed|ignored|dropped|discarded|set aside|taken out|out(?= *(?:$|[:,.;?]))|aside|-free\b|not (?:counted|included|considered))"
)
_OPENS_AFTERWARDS: Final = r"\b(?:leav(?:e|ing)|tak(?:e|ing)|set(?:ting)?|with|put(?:ting)?)\s*$"
_JOINT: Final = r"\s*(?:,\s*(?:and|or|nor)?|and|or|nor|&|/|as well as)\s*"
_CARRIER: Final = (
    rf"(?:the|a|an|any|those|these|of|from|by|in|at|on|with|for|who|that|which|is|are|was|were|as|being|named|called|rated|data|rows?|label(?:s|ed)?|mark(?:s|ed)?|scor(?:es|ings?|ed)|annotat(?:ed|ions)|ratings?"
    rf"|{lexicon.PEOPLE}|{lexicon.RATERS}|groups?|conditions?|treatments?|arms?|cohorts?|classifiers?|trackers?|zones?|behaviors?|treated|injected|given|gave|got|get|gets|received?|receiving|ha(?:ve|d|s)"
    r"|belong(?:s|ing)?|to|time|spent|during|while|when|bouts?|periods?|phases?|frames?|one)"
)
_ELSEWHERE: Final = r"\b(?:not|never)\s+(?:in|at|on|near|inside|within|during|by|from|while|close to)\s+(?:the\s+)?\w+|\b(?:outside(?: of)?|away from)\s+(?:the\s+|its\s+)?\w+"
_STANDS_ALONE: Final = r"\s*(?:(?:\w+\s+)?only|effect|difference|influence|impact)\b"
_ASKED_WHY: Final = r"^\W*(?:is|are|was|were|why|how come)\b"
_STATES: Final = ("behavior", "category")


@dataclass(frozen=True, slots=True)
class _Cue:
    start: int
    stop: int
    strong: bool
    denies: bool
    """Whether it makes an adjective, "non-control", rather than takes away."""


@dataclass(frozen=True, slots=True)
class Exclusions:
    """Which of a question's names are left out, by their places among its mentions."""

    left_out: dict[int, bool]
    """Place to whether the name is denied ("not CSI") rather than taken away ("without CSI")."""
    replaced: frozenset[int]
    """Places of names that another takes the place of: "Kim instead of Lee"."""


def find_exclusions(mentions: Sequence[Mention], scan: Scanner, vocabulary: Vocabulary) -> Exclusions:
    """Bind every word of exclusion to the names it governs, and mark those words as read."""
    words = atoms(scan.text)
    spans = [(words[item.start].start, words[item.stop - 1].stop) for item in mentions]
    columns = "|".join(re.escape(name) + "s?" for name in vocabulary.columns)
    carrier = rf"(?:{_CARRIER}|{columns})" if columns else _CARRIER
    left_out: dict[int, bool] = {}
    cues = list(_cues(scan, spans))
    for cue in cues:
        if scan.text[cue.start : cue.stop].lower() == "minus" and _subtracts(cue, mentions, spans):
            continue
        governed = [
            place for place in _governed(cue, mentions, spans, scan.text, carrier) if place not in left_out
        ]
        if governed:
            left_out |= dict.fromkeys(governed, cue.denies)
            _read(scan, cue.start, spans[governed[-1]][1])
    for place in _left_out_afterwards(spans, mentions, scan):
        left_out.setdefault(place, False)
    replaced = {
        place for place, span in enumerate(spans) for cue in cues if _inside(span, cue.start, cue.stop)
    }
    for match in re.finditer(_INSTEAD, scan.text, re.IGNORECASE):
        cue = _Cue(match.start(), match.end(), strong=True, denies=False)
        governed = _governed(cue, mentions, spans, scan.text, carrier)
        replaced |= set(governed)
        if governed:
            _read(scan, cue.start, spans[governed[-1]][1])
    return Exclusions(
        {place: denies for place, denies in left_out.items() if place not in replaced}, frozenset(replaced)
    )


def _cues(scan: Scanner, spans: Sequence[tuple[int, int]]) -> Iterator[_Cue]:
    """Words of exclusion that no name holds and that no other phrase has taken."""
    patterns = ((STRONG, True, False), (_ALL_BUT, True, False), (_WITHOUT, False, False), (_NOT, False, True))
    for pattern, strong, denies in patterns:
        for match in re.finditer(pattern, scan.text, re.IGNORECASE):
            start, stop = match.span()
            if pattern is _ALL_BUT:
                start += match.group().lower().rindex("but")
            # "not rearing" may be the name of a behavior; in "other than", the behavior "Other" is not meant.
            named = any(
                begin < stop and start < end and not _inside((begin, end), start, stop)
                for begin, end in spans
            )
            if scan.rest[start:stop].strip() and not named:
                yield _Cue(start, stop, strong, denies or match.group().lower().startswith("other"))


def _inside(span: tuple[int, int], start: int, stop: int) -> bool:
    """Whether a name is but a part of a phrase."""
    return start <= span[0] and span[1] <= stop and span != (start, stop)


def _subtracts(cue: _Cue, mentions: Sequence[Mention], spans: Sequence[tuple[int, int]]) -> bool:
    """Whether "minus" stands between two numbers rather than before a name to leave out: "T_1 minus T_2"."""
    before = [mention.entry for mention, span in zip(mentions, spans, strict=True) if span[1] <= cue.start]
    after = next(
        (mention.entry for mention, span in zip(mentions, spans, strict=True) if span[0] >= cue.stop), None
    )
    part = after is not None and any(after.name in entry.members for entry in before)
    return after is None or (not part and any(_family(entry) == _family(after) for entry in before))


def _governed(
    cue: _Cue, mentions: Sequence[Mention], spans: Sequence[tuple[int, int]], text: str, carrier: str
) -> list[int]:
    """Places of the names that follow a cue directly, one after another."""
    found: list[int] = []
    position = cue.stop
    for place, (start, stop) in enumerate(spans):
        if start < position:
            continue
        gap = text[position:start]
        joint = rf"(?:\s+(?:{lexicon.PEOPLE}|groups?))?{_JOINT}(?:not\s+)?" if found else ""
        carried = rf"[\s'\"(:-]*(?:s\s+)?(?:{carrier}\s+)*(?:\w+\s+by\s+)?['\"(]*"
        if (
            found
            and re.fullmatch(rf"\s+(?:{lexicon.PEOPLE}\s+)?", gap, re.IGNORECASE)
            and _says_which(mentions, found[-1], place)
        ):
            found[-1] = place  # "the CSI animal OFT_5" is OFT_5
        elif re.fullmatch(joint + carried, gap, re.IGNORECASE) and not re.match(
            _STANDS_ALONE, text[stop:], re.IGNORECASE
        ):
            entry = mentions[place].entry
            fits = _is_joined(mentions[found[0]].entry, entry, gap) if found else _opens(entry, cue, text)
            if not fits:
                break
            found.append(place)
        elif not found and mentions[place].entry.kind == "column" and not gap.strip():
            continue  # "without Condition CSI": the column says what the value is of
        else:
            break
        position = stop
    return found


def _says_which(mentions: Sequence[Mention], before: int, place: int) -> bool:
    named = ("session", "subject", "individual")
    return mentions[place].entry.kind in named and mentions[before].entry.kind not in named


def _is_joined(first: Entry, entry: Entry, gap: str) -> bool:
    """Whether a name continues a list: of the same kind after a comma, of a related one after "and"."""
    if _family(first) != _family(entry):
        return False
    alike = (first.kind, first.column) == (entry.kind, entry.column)
    return alike or re.search(r"\b(?:and|or|nor)\b|&", gap, re.IGNORECASE) is not None


def _opens(entry: Entry, cue: _Cue, text: str) -> bool:
    """Whether a name may be what a word of exclusion takes; "did not groom" denies a deed and leaves nothing out."""
    if entry.kind in _STATES or entry.kind in ("keypoint", "metric", "column"):
        deed = (cue.denies and not cue.strong) or (not cue.strong and _of_whom(text[: cue.start]))
        return not deed and entry.kind != "column"
    return True


def _of_whom(before: str) -> bool:
    """Whether "without grooming" tells which recordings are meant: "sessions without grooming"."""
    return (
        re.search(
            rf"\b{lexicon.PEOPLE}\s+(?:(?:that|which)\s+)?(?:(?:are|were|is|was)\s+)?(?:there\s+|left\s+)?$",
            before,
            re.IGNORECASE,
        )
        is not None
    )


def _family(entry: Entry) -> str:
    families = {"subject": "session", "individual": "session", "value": "session", "category": "behavior"}
    return families.get(entry.kind, entry.kind)


def _left_out_afterwards(
    spans: Sequence[tuple[int, int]], mentions: Sequence[Mention], scan: Scanner
) -> Iterator[int]:
    """Names that a word behind them takes away: "OFT_5 excluded", "leave OFT_5 and OFT_6 out", "caffeine-free"."""
    if matches(_ASKED_WHY, scan.text):
        return
    for place in reversed(range(len(spans))):
        start, stop = spans[place]
        match = re.match(_AFTERWARDS, scan.text[stop:], re.IGNORECASE)
        if match is None or mentions[place].entry.kind in _STATES:
            continue
        needs_a_verb = re.search(r"(?<!left )(?<!taken )\b(?:out|aside)$", match.group(), re.IGNORECASE)
        if needs_a_verb and not re.search(r"\b(?:left|taken|set)\b", match.group(), re.IGNORECASE):
            opened = any(
                re.search(_OPENS_AFTERWARDS, scan.text[: spans[other][0]], re.IGNORECASE)
                for other in range(place + 1)
            )
            if not opened:
                continue
        yield place
        _read(scan, stop, stop + match.end())
        for other in reversed(range(place)):  # the names it is joined to
            gap = scan.text[spans[other][1] : spans[other + 1][0]]
            if _family(mentions[other].entry) != _family(mentions[place].entry) or not re.fullmatch(
                _JOINT, gap, re.IGNORECASE
            ):
                break
            yield other
        opening = re.search(_OPENS_AFTERWARDS, scan.text[:start], re.IGNORECASE)
        if opening is not None:
            _read(scan, opening.start(), opening.end())


def _read(scan: Scanner, start: int, stop: int) -> None:
    """Blank what says that something is left out; cue words elsewhere stay."""
    scan.blank(start, stop)
    scan.cues = scan.cues[:start] + " " * (stop - start) + scan.cues[stop:]


# ----------------------------------------------------------------- into slots
def leave_out(scan: Scanner, entries: Sequence[tuple[Entry, bool]], vocabulary: Vocabulary) -> None:
    """Take names away from what they belong to.

    Parameters
    ----------
    entries
        What is left out, each with whether it is denied ("not CSI") rather than taken away.
    """
    slots = scan.slots
    if entries:
        slots["leaves_out"] = True
    values = [(entry, denies) for entry, denies in entries if entry.kind == "value" and entry.column]
    for column in dict.fromkeys(str(entry.column) for entry, _ in values):
        mine = [(entry.name, denies) for entry, denies in values if entry.column == column]
        _other_values(
            slots, column, [name for name, _ in mine], any(denies for _, denies in mine), vocabulary
        )
    for kind, key in (("session", "session_id"), ("subject", "subject_id")):
        names = [entry.name for entry, _ in entries if entry.kind == kind]
        if names:
            _other_recordings(slots, key, names, vocabulary)
    _others(
        slots, "individuals", [e.name for e, _ in entries if e.kind == "individual"], vocabulary.individuals
    )
    _other_sources(slots, [e.name for e, _ in entries if e.kind == "source"], vocabulary)
    for entry, _ in entries:
        if entry.kind in _STATES:
            slots["excluding"] = list(
                dict.fromkeys([*slots.get("excluding", []), *(entry.members or [entry.name])])
            )
        elif entry.kind == "zone":
            slots["zones"] = list(dict.fromkeys([*slots.get("zones", []), entry.name]))
            slots["beyond_zone"] = True
        elif entry.kind in ("keypoint", "metric"):
            slots["unclear_exclusion"] = entry.name
    if slots.get("excluding"):
        _outside_behaviors(slots)


def _other_values(
    slots: dict[str, Any], column: str, names: list[str], denies: bool, vocabulary: Vocabulary
) -> None:
    """Of a column with two values, the one that is left; of one with more, all but those."""
    others = [value for value in vocabulary.columns.get(column, ()) if value not in names]
    chosen = slots.get("values", {}).get(column, [])
    if len(others) == 1 and denies:
        if others[0] not in chosen:
            slots.setdefault("values", {})[column] = [*chosen, others[0]]
    elif len(others) == 1:
        slots.setdefault("where", []).append({"column": column, "op": "==", "value": others[0]})
    else:
        if denies and set(chosen) & set(names):
            slots["unclear_exclusion"] = f"not {names[0]}"  # one group against the rest together
        condition = {"op": "!=", "value": names[0]} if len(names) == 1 else {"op": "not in", "value": names}
        slots.setdefault("where", []).append({"column": column, **condition})


def _other_recordings(slots: dict[str, Any], key: str, names: list[str], vocabulary: Vocabulary) -> None:
    if key == "subject_id" and len(vocabulary.individuals) > 1:
        _others(slots, "subjects", names, vocabulary.subjects)  # an animal is no session of its own
        return
    listed = "sessions" if key == "session_id" else "subjects"
    if slots.get(listed):
        slots[listed] = [name for name in slots[listed] if name not in names]
        if not slots[listed]:
            slots["unclear_exclusion"] = names[0]
        return
    condition = {"op": "!=", "value": names[0]} if len(names) == 1 else {"op": "not in", "value": names}
    slots.setdefault("where", []).append({"column": key, **condition})


def _others(slots: dict[str, Any], key: str, names: list[str], everything: Sequence[str]) -> None:
    """Those named, or all, without some; rows are not split by them."""
    if not names:
        return
    named = bool(slots.get(key))
    slots[key] = [name for name in slots.get(key) or everything if name not in names]
    if not named:
        slots["left_out"] = [*slots.get("left_out", []), key]
    if not slots[key]:
        slots["unclear_exclusion"] = names[0]


def _other_sources(slots: dict[str, Any], names: list[str], vocabulary: Vocabulary) -> None:
    """All people without some, of those that mark the behaviors asked for; of trackers, the other trackers."""
    if not names:
        return
    if set(names) <= set(vocabulary.trackers) - set(vocabulary.sources):
        everything: Sequence[str] = vocabulary.trackers
    else:
        everything = [name for name, kind in vocabulary.sources.items() if kind == "manual"]
    marking = {source for name in slots.get("behaviors", ()) for source in vocabulary.behaviors.get(name, ())}
    everything = [
        name for name in everything if not marking or name in marking or name in vocabulary.trackers
    ]
    _others(slots, "sources", names, everything)


def _outside_behaviors(slots: dict[str, Any]) -> None:
    """Take behaviors left out away from those named: "all rears but unsupported ones"."""
    left = [name for name in slots.get("behaviors", ()) if name not in slots.get("excluding", ())]
    if left and len(left) < len(slots["behaviors"]):
        slots["excluding"] = [name for name in slots["excluding"] if name not in slots["behaviors"]]
        slots["behaviors"] = left
        slots.pop("category", None)


# ----------------------------------------------------------------- what was not read
def excluding_first(name: str) -> str:
    """Pattern of a condition's name with the word before it that turns the condition round: "excluding trial 1"."""
    carrier = rf"(?:{_CARRIER}|with|values?)"
    return rf"(?:(?P<leaves>{STRONG}|{_WITHOUT}|{_NOT}|\bbut\b)\s*(?:{carrier}\s+)*)?\b(?:{name})"


def unread_negation(scan: Scanner, slots: dict[str, Any]) -> str | None:
    """A word of exclusion that nobody took: its object is unknown, so that an answer would ignore it.

    Returns
    -------
    str or None
        The word with what follows it.
    """
    match = re.search(
        rf"(?:{STRONG}|(?<!or )\bnon-(?!param|linear|normal|zero|signif)\w+)(?:\s+[\w-]+){{0,4}}",
        scan.rest,
        re.IGNORECASE,
    )
    limits_points = r"\b(?:points?|positions?|frames?|detections?|coordinates?|key ?points?|samples?)\b"
    if match is not None and "min_confidence" in slots and matches(limits_points, match.group()):
        match = None
    if match is not None and not (slots.get("focus") == "influence" and scan.has(lexicon.COMPARE)):
        return scan.text[match.start() :].split("?")[0][:60].strip()
    outliers = re.search(r"\b(?:no|without|minus)\s+(?:the\s+|any\s+)?outliers?\b", scan.text, re.IGNORECASE)
    if outliers is not None and slots.get("focus") != "influence":
        return outliers.group()
    place = re.search(_ELSEWHERE, scan.rest, re.IGNORECASE)
    if place is not None and not slots.get("zones"):
        return place.group().strip()
    if slots.get("keep") or slots.get("excluding") or slots.get("without"):
        return None
    denied = re.search(
        r"\b(?:not|no|outside(?: of)?|without|no longer|instead of|rather than)\s+(?:during\s+|while\s+|in\s+|the\s+|any\s+)?BEHAVIOR",
        scan.named,
        re.IGNORECASE,
    )
    asks = (
        r"\b(?:do|does|did|would|will)\b(?:(?!\bwhile\b|\bwhen\b|\bspen[dt]\b|\btime\b)[^?])*\bnot\s+BEHAVIOR"
    )
    if denied is not None and not matches(asks, scan.named):
        return denied.group().replace("BEHAVIOR", " or ".join(slots.get("behaviors") or ("that behavior",)))
    return None
