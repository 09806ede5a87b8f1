"""A description in words becomes steps with conditions that the tables can decide; what it could not read is kept and said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from ethochat.index.words import NUMBER_WORDS, atoms
from ethochat.tools.searching.lexicon import SMALL_WORDS, Concept, Lexicon, Match
from ethochat.tools.searching.limits import Limit, read_limits
from ethochat.tools.searching.narrowing import narrowed

Liking = Literal["fast", "slow", "long", "short"]

PLACES: Final = frozenset({"wall-hugging", "corner visit", "center visit"})
"""Rules that say where an animal is rather than what it does."""
MOST_CHARACTERS: Final = 2000
"""A longer description is refused: reading takes a time that grows with the square of the length."""
WITHIN_S: Final = 5.0
"""How soon a next step must start where the words set no limit."""
AT_ONCE_S: Final = 1.0
"""The same where they say "immediately"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What holds at one time."""

    text: str
    terms: tuple[Concept, ...] = ()
    """All must hold."""
    without: tuple[Concept, ...] = ()
    """None may hold."""
    limits: tuple[Limit, ...] = ()
    liking: tuple[Liking, ...] = ()
    """What ranks first among equals: "slowly", "a long bout"."""
    edge: Literal["enter", "leave"] | None = None
    """The moment of entering or leaving a place rather than being there."""
    together: bool = False
    """Whether another animal is spoken of."""
    unexcluded: tuple[str, ...] = ()
    """What must not hold and nothing here marks: whether it does cannot be told."""
    unread: tuple[str, ...] = ()
    """Words that mean nothing here; they only rank."""
    unclear: str | None = None
    """Why it would be read as something else than is meant."""

    @property
    def is_decidable(self) -> bool:
        """Whether the tables can say when it holds."""
        return bool(self.terms or any(limit.quantity != "duration" for limit in self.limits) or self.without)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Steps that follow one another."""

    text: str
    steps: tuple[Step, ...]
    within: tuple[float | None, ...] = field(default=())
    """Between neighbors: how soon the next starts after the one before ended, in seconds; ``None`` where nothing was said."""
    in_frames: bool = False
    """Whether ``within`` counts frames."""
    absent: bool = False
    """Sessions are wanted in which it never happens."""

    @property
    def unread(self) -> tuple[str, ...]:
        """Words of all steps that mean nothing here."""
        return tuple(dict.fromkeys(word for step in self.steps for word in step.unread))


_NUMBERS: Final = r"(?:\d+(?:\.\d+)?|half an?|an?|" + "|".join(NUMBER_WORDS) + ")"
_NO_LENGTH: Final = "".join(
    f"(?<!\\b{word} )" for word in "for than least most to over under above about of lasting lasts".split()
)
""" "For 3 s before grooming" says how long, "3 s before grooming" how soon."""
_WITHIN: Final = re.compile(
    rf",?\s*(?P<and>\band )?\b(?:with)?in(?:side)? (?:the next |less than |at most )?(?P<n>{_NUMBERS}) ?(?P<unit>s|secs?|seconds?|min|minutes?|ms|frames?)\b(?P<of> (?:of|after)\b)?"
    rf"|,?\s*(?P<and2>\band )?{_NO_LENGTH}\b(?:at most |no more than |less than |up to )?(?P<n2>{_NUMBERS}) ?(?P<unit2>s|secs?|seconds?|min|minutes?|frames?) "
    r"(?:later|afterwards?|(?P<after>after|before)|(?:at most )?(?:in )?between(?: (?:them|the two|each))?)\b",
    re.I,
)
_AT_ONCE: Final = re.compile(
    r"\b(?:immediately|instantly)\b|\b(?:directly|right|straight) (?=after|before|followed|then|afterwards)",
    re.I,
)
_OTHER: Final = r"(?:another|(?:the |an )?other|each other|one another|(?:the|its) (?:partner|intruder|resident|conspecific|cage ?mate))\b"
""" "Following another" is no order of steps."""
_THEN: Final = re.compile(
    rf"[,;]?\s*\b(?:(?:is |are |and is |which is )?followed by(?! {_OTHER})|(?:and |but )?(?:then|afterwards?|subsequently|finally|lastly|next(?! to))|after which|"
    rf"(?:that |which )?(?:leads? to|turns? into|becomes?|escalates? (?:in)?to|changes? (?:in)?to)|leading to|before)\b,?\s*(?!\d)"
    r"|\s*(?:->|→|=>)\s*",
    re.I,
)
_AFTER: Final = re.compile(
    rf"[,;]?\s*\b(?:(?<!\brun )(?<!\bruns )(?<!\brunning )after|following\b(?! {_OTHER}))\b\s*(?!which|\d)",
    re.I,
)
_BEFORE_FIRST: Final = re.compile(
    r"^\W*(?:just |shortly )?before ([^,;]+?)(?:[,;] *| (?=(?:it|they|the (?:mouse|rat|animal)) ))(.+)$", re.I
)
""" "Before grooming, rearing": the second comes first."""
_WHO_THEN: Final = re.compile(r"(?<=\w) (?:(?:the|an?) (?:mouse|rat|animal)|it|they) (?=\w)", re.I)
_NOT: Final = re.compile(
    r"\b(?:but not|not|neither|nor|without(?: any)?|never|no|except(?: for| when)?|rather than|instead of|other than|(?:is|are|does|do|was)n['’]t|"
    r"avoids?|avoiding|away from|outside(?: of)?|far from|out of|off)\b",
    re.I,
)
# "Not followed by": the first step ends with the negation of the next.
_NOT_NEXT: Final = re.compile(
    r"(?:\b(?:not|never|without)|n['’]t)(?: (?:being|be|immediately|directly|ever))*\s*$"
    r"|\b(?:not|never|without)\b[^,;]*\b(?:preceded|afterwards?|beforehand)\b",
    re.I,
)
_NEVER_AFTERWARDS: Final = re.compile(
    r"\b(?:not|never|without)\b[^,;]*\b(?:afterwards?|beforehand)\W*$", re.I
)
_CLAUSE: Final = re.compile(
    r"[,;](?!\s*(?:or|nor|and not)\b)|\bbut\b(?! not)|\bwhile\b|\bwith\b(?!out)", re.I
)
_ENTER: Final = re.compile(
    r"\b(?:enter(?:s|ing|ed)?|(?:go(?:es|ing)?|mov(?:e|es|ing)|com(?:e|es|ing)|step(?:s|ping)?|walk(?:s|ing)?|run(?:s|ning)?|cross(?:es|ing)?|get(?:s|ting)?|dart(?:s|ing)?)(?: back)? into)\b",
    re.I,
)
_LEAVE: Final = re.compile(
    r"\b(?:leav(?:e|es|ing)|left(?= the)|exit(?:s|ing|ed)?|(?:go(?:es|ing)?|mov(?:e|es|ing)|com(?:e|es|ing)|step(?:s|ping)?|get(?:s|ting)?)(?: back)? out of)\b",
    re.I,
)
_ABSENT: Final = re.compile(
    r"^\W*(?:find |show |list |give |which |all |the |me )*(?:sessions?|recordings?|videos?|animals?|mice|trials?)\s+(?:(?:that|which|who|where|in which)\s+)?"
    r"(?:(?:without|with no|lacking|free of|have no|has no|had no|there is no|there are no|show no)(?: any| a single)?|(?:(?:the |an? )?\w+ )?(?:never|do not|does not|did not|don't|doesn't))\s+(?P<rest>.+)$",
    re.I,
)
_LIKINGS: Final[dict[Liking, str]] = {
    "fast": r"\b(?:fast(?:est)?|quick(?:ly|est)?|rapid(?:ly)?|swift(?:ly)?|speedy|at (?:high|full|top) speed)\b",
    "slow": r"\b(?:slow(?:ly|est)?|gradual(?:ly)?|careful(?:ly)?|cautious(?:ly)?|at low speed)\b",
    "long": r"\b(?:long(?:est)?|prolonged|extended|sustained|a long time|for long)\b",
    "short": r"\b(?:short(?:est)?|brief(?:ly|est)?|momentar\w+|for a moment)\b",
}
_PARTNER: Final = re.compile(
    r"\b(?:each other|one another|another|(?:the|an)? ?other(?: (?:mouse|rat|animal|one))?|two (?:mice|rats|animals)|both (?:mice|rats|animals)|intruder|resident|"
    r"conspecific|partner|opponent|rival|cage ?mates?|the pair|three (?:mice|animals)|together)\b",
    re.I,
)
_MEASURED: Final = re.compile(
    r"\d[\d.]*(?: ?- ?| |(?=[a-z]))(?:s|sec\w*|min\w*|ms|h|hours?|frames?|[cm]?m|meters?|px|pixels?)\b", re.I
)
"""A number with a unit, which is no name even where clusters are numbered."""
_ROOM: Final = re.compile(
    r"\b(?:of|in) (?:the |its )?(?:open field|arena|maze|cage|box|apparatus|chamber|enclosure|home cage|field)\b",
    re.I,
)
_FILLERS: Final = frozenset(
    "mouse mice animal anim rat rodent subject clip moment time part segment bout event episod instanc exampl video show find me search look see "
    "get give pleas everi each ani way kind behavior do goe go start begin dure place occur happen made make perform display exhibit take "
    "period interv scene footag record where when while have has had one thing someth somewher like similar i want would you can need list "
    "least most then after befor follow also still onli just even sure mous whole entir same sometim somehow here thi that singl individu around "
    "front toward back again first next insid within between end stretch zone area region last speed later off two both each".split()
) - {"stretch", "still", "toward", "back", "front"}  # fmt: skip


def read_description(text: str, lexicon: Lexicon) -> Description:
    """Read a description.

    Parameters
    ----------
    text
        Plain words, such as "rearing followed by grooming within 10 s".
    lexicon
        What the words can mean here.
    """
    text = " ".join(text.split())  # patterns that may start with any number of spaces take long on many
    if _THEN.search(text) or _AFTER.search(text):
        text = _IN_BRACKETS.sub(r"within \1", text)
    absent = _ABSENT.match(text)
    rest, within = _take_within(absent["rest"] if absent is not None else text)
    pieces = [piece for piece in _steps(rest) if re.search(r"\w", piece)]
    if within and len(pieces) == 1:
        pieces = _joined_by_and(pieces[0], lexicon)
    steps = tuple(_read_step(piece, lexicon) for piece in pieces or [rest])
    if within and len(steps) == 1:  # "in 10 s" was no limit between steps
        steps = (_read_step(absent["rest"] if absent is not None else text, lexicon),)
    at_once = AT_ONCE_S if _AT_ONCE.search(text) else None
    said = [limit.high for limit in within] or [at_once]
    limits = tuple(said) if len(said) == len(steps) - 1 else tuple(said[:1] * (len(steps) - 1))
    in_frames = any(limit.unit == "frames" for limit in within)
    return Description(text=text, steps=steps, within=limits, in_frames=in_frames, absent=absent is not None)


def _joined_by_and(piece: str, lexicon: Lexicon) -> list[str]:
    """Cut "rears and grooms", after which a time between them was said, where both sides name something."""
    for cut in reversed(list(re.finditer(r",? and ", piece))):
        sides = [piece[: cut.start()], piece[cut.end() :]]
        if all(lexicon.find(side) for side in sides):
            return sides
    return [piece]


def _take_within(text: str) -> tuple[str, list[Limit]]:
    """Take out each "within 10 s", which stands between steps wherever it is written."""
    left, found = "", []
    while match := _WITHIN.search(text):
        limit = read_limits(f"within {match['n'] or match['n2']} {match['unit'] or match['unit2']}")
        between = match["after"] or (
            "after" if match["of"] else "then" if match["and"] or match["and2"] else ""
        )
        left += f"{text[: match.start()]} {between} " if limit else text[: match.end()]
        found += limit[:1]
        text = text[match.end() :]
    return " ".join(f"{left}{text}".split()), found


_STOPS: Final = re.compile(
    r"\b(?:stops?|finish(?:es)?|ends?) (?P<first>\w+ing\b[^,;]*?),? (?:and|to) (?:then )?(?:starts?|begins?) (?:to )?",
    re.I,
)
""" "Stops walking and starts to groom": the walking comes first."""
_PRECEDED: Final = re.compile(
    r"^(?P<then>.+?),? (?:(?:is |are |was |were )?(?:immediately |directly )?preceded by) (?P<first>.+)$",
    re.I,
)
_FROM_REST: Final = re.compile(
    r"^(?P<then>.+?)\s+(?:right )?(?:from|out of) (?:a |an )?(?P<first>standstill|rest|pause|standing still|sitting still|immobility)\b(?P<rest>.*)$",
    re.I,
)
""" "Dashes off from a standstill": the second comes first."""
_FROM_TO: Final = re.compile(
    r"\bfrom (?P<first>(?:under|below|less than|over|above|more than|at most|at least)\b.+?) to (?P<then>(?:under|below|less than|over|above|more than|at most|at least)\b.+)$",
    re.I,
)
_IN_BRACKETS: Final = re.compile(
    rf"\((?:within |in |at most |<=? ?|≤ ?)?({_NUMBERS} ?(?:s|secs?|seconds?|min|minutes?|frames?))\)\s*$",
    re.I,
)


def _steps(text: str) -> list[str]:
    """Cut into steps, in order of time."""
    if _NEVER_AFTERWARDS.search(text):
        return [text]
    text = _AT_ONCE.sub("", text)
    text = _BEFORE_FIRST.sub(r"\2 before \1", text, count=1)
    text = _STOPS.sub(r"\g<first> then ", text)
    text = _PRECEDED.sub(r"\g<first> then \g<then>", text, count=1)
    text = _FROM_REST.sub(r"\g<first> then \g<then>\g<rest>", text, count=1)
    text = _FROM_TO.sub(r"\g<first> then \g<then>", text, count=1)
    pieces = _THEN.split(text)
    ordered: list[str] = []
    for piece in pieces:
        ordered += _after(piece)
    return ordered


def _after(piece: str) -> list[str]:
    """Turn "A after B" and "after B, A" into B, A."""
    match = _AFTER.search(piece)
    if match is None:
        return [piece]
    before, behind = piece[: match.start()], piece[match.end() :]
    if re.search(r"\w", before) and not re.fullmatch(
        r"\W*(?:moments?|clips?|times?|find|show|\s)*\W*", before
    ):
        return [behind, before]
    first, comma, second = behind.partition(",")
    if not comma:
        first, comma, second = _WHO_THEN.sub(",", behind, count=1).partition(",")
    return [first, second] if comma else [piece]


def _read_step(text: str, lexicon: Lexicon) -> Step:
    limits = read_limits(text)
    blanked = _blank(text, [(limit.start, limit.stop) for limit in limits])
    named = [match for match in lexicon.find(blanked) if not _MEASURED.match(blanked, match.start)]
    matches = _united(blanked, named)
    negated = set(_negated(blanked, matches))
    terms = tuple(match.concept for place, match in enumerate(matches) if place not in negated)
    likings = tuple(name for name, pattern in _LIKINGS.items() if re.search(pattern, blanked, re.I))
    edge = _edge(blanked, matches, negated)
    together = _PARTNER.search(blanked) is not None
    denied = [matches[place].concept for place in sorted(negated)]
    without = [term for term in denied if not term.is_absent]
    terms, absent = _without_absent(_distinct(terms))
    kept, without_any, read = narrowed(terms, without, limits, blanked, lexicon)
    left = _blank(blanked, [*((match.start, match.stop) for match in matches), *read])
    for pattern in (_ENTER, _LEAVE, _PARTNER, _ROOM, *map(re.compile, _LIKINGS.values())):
        left = pattern.sub(lambda match: " " * len(match[0]), left)
    return Step(
        text=" ".join(text.split()),
        terms=kept,
        without=without_any,
        limits=tuple(limits),
        liking=likings,
        edge=edge if len(terms) == 1 else None,
        together=together,
        unexcluded=tuple(term.label for term in denied if term.is_absent),
        unread=(*absent, *_unread(_NOT.sub(" ", left) if matches else left)),
        unclear=_unclear(blanked, named, matches),
    )


def _unclear(text: str, named: Sequence[Match], matches: Sequence[Match]) -> str | None:
    """Say of "not followed by", and of "or" between a place and a behavior among others, that they cannot be read."""
    if matches and _NOT_NEXT.search(text):
        return "What does not follow or come before cannot be searched for; search for both with and without the next step, and compare."
    mixed = any(
        len({_is_place(one.concept) for one in named if match.start <= one.start < match.stop}) > 1
        for match in matches
    )
    if mixed and len(matches) > 1:
        return f"“Or” between whole conditions is not understood in “{' '.join(text.split())}”; search for one after the other."
    return None


def _is_place(concept: Concept) -> bool:
    return not set(concept.behaviors) - PLACES


def _blank(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, stop in spans:
        text = text[:start] + " " * (stop - start) + text[stop:]
    return text


def _united(text: str, matches: Sequence[Match]) -> list[Match]:
    """Put together what "or" joins."""
    united: list[Match] = []
    for match in matches:
        between = text[united[-1].stop : match.start] if united else ""
        if united and re.fullmatch(
            r"\s*(?:,?\s*\bor\b\s*(?:in |on |at |along )?(?:the |a |an )?|/)\s*", between
        ):
            joined = united[-1].concept.joined(match.concept)
            joined = replace(joined, label=f"{united[-1].concept.label} or {match.concept.label}")
            united[-1] = Match(concept=joined, start=united[-1].start, stop=match.stop)
        else:
            united.append(match)
    return united


def _negated(text: str, matches: Sequence[Match]) -> Iterator[int]:
    """Places of the matches that a negation governs: those behind it in its clause."""
    for cue in _NOT.finditer(text):
        if any(match.start <= cue.start() < match.stop for match in matches):
            continue  # part of a name, such as "not moving"
        if _LEAVE.search(text, max(0, cue.start() - 12), cue.end()) or _LEAVE.match(text, cue.end() + 1):
            continue  # "goes out of", and who never leaves is there
        clause = _CLAUSE.search(text, cue.end())
        stop = clause.start() if clause is not None else len(text)
        for place, match in enumerate(matches):
            if cue.end() <= match.start < stop:
                yield place


def _edge(text: str, matches: Sequence[Match], negated: set[int]) -> Literal["enter", "leave"] | None:
    """Whether the step is the moment at which a place is entered or left."""
    if len(matches) - len(negated) != 1:
        return None
    if any(_LEAVE.match(text, cue.end() + 1) for cue in _NOT.finditer(text)):
        return None
    if _LEAVE.search(text):
        return "leave"
    return "enter" if _ENTER.search(text) else None


def _distinct(terms: Sequence[Concept]) -> tuple[Concept, ...]:
    """Each concept once; of a name and what it is a kind of, the narrower."""
    kept: list[Concept] = []
    for term in terms:
        mine = set(term.behaviors) | set(term.zones)
        if term.is_absent:
            kept.append(term)
            continue
        if any(mine >= set(other.behaviors) | set(other.zones) for other in kept if not other.is_absent):
            continue
        kept = [other for other in kept if not set(other.behaviors) | set(other.zones) > mine]
        kept.append(term)
    return tuple(kept)


def _without_absent(terms: Sequence[Concept]) -> tuple[tuple[Concept, ...], tuple[str, ...]]:
    """Where another behavior is named too, one that nothing here marks is a word that only orders: "flees while the other hunts it"."""
    named = any(term.behaviors and not set(term.behaviors) <= PLACES for term in terms)
    if not named:
        return tuple(terms), ()
    return tuple(term for term in terms if not term.is_absent), tuple(
        term.label for term in terms if term.is_absent
    )


def _unread(text: str) -> list[str]:
    return [
        word.text
        for word in atoms(text)
        if word.text.lower() not in SMALL_WORDS
        and word.stem not in _FILLERS
        and (len(word.text) > 1 or word.text.isdigit())
    ]
