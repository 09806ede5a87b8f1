"""What the words beside a behavior make of it: which kind of rearing, to which side it turns, how near the other animal is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from ethochat.tools.searching.lexicon import Concept, Lexicon, content_stems
from ethochat.tools.searching.limits import Limit

_WALL: Final = r"(?:walls?|sides?(?: of the (?:arena|cage|box|field))?|edges?|borders?)"
_FREE: Final = re.compile(
    rf"\b(?:without|not|never|no)\b[^,;]*\b{_WALL}\b|\b(?:away|far|off) from (?:the |a |any )?{_WALL}\b|\boff the {_WALL}\b|\bfree(?:ly|standing)?\b|\bunsupported\b|\bunaided\b"
    r"|\b(?:leaning|leans|lean) on nothing\b|\bin the open\b(?! (?:arms?|fields?|areas?)\b)",
    re.I,
)
_SUPPORTED: Final = re.compile(
    rf"\b(?:against|on|at|along|by|up|touching|with) (?:\w+ ){{0,5}}?{_WALL}\b|\b(?:fore|front )?paws (?:up )?on\b",
    re.I,
)
_SIDES: Final[Mapping[str, str]] = {
    "turn left": r"\bleft\b|\bcounter-?clockwise\b",
    "turn right": r"\bright\b|(?<!counter)(?<!counter-)\bclockwise\b",
}
_MOVING: Final = frozenset({"walking", "running"})
_FAR: Final = re.compile(
    r"\b(?:far|away|apart|at a distance) from (?:the )?(?:others?|each other|one another|the other)\b|\bfar apart\b|\bkeeps? apart\b|\bon its own\b|\balone\b",
    re.I,
)
WALL_RULE: Final = "wall-hugging"


def narrowed(
    terms: Sequence[Concept], without: Sequence[Concept], limits: Sequence[Limit], text: str, lexicon: Lexicon
) -> tuple[tuple[Concept, ...], tuple[Concept, ...], list[tuple[int, int]]]:
    """Put together what words of one thing say apart.

    Parameters
    ----------
    terms, without
        What must hold, and must not.
    text
        The step.

    Returns
    -------
    tuple
        Both anew, and where the words stand that were read: "rearing … without touching the wall" is free rearing, and no condition on where the body is; "turns to the right" is
        one kind of turning; "moves at more than 150 px/s" is a speed, whatever the rules call running.
    """
    kept, left = list(terms), list(without)
    read: list[tuple[int, int]] = []
    for place, term in enumerate(kept):
        kind = _kind_of_rear(term, text, lexicon)
        if kind is not None:
            kept[place] = replace(kind, label=term.label) if kind.behaviors == term.behaviors else kind
            kept = [item for item in kept if not _is_wall(item)]
            left = [item for item in left if not _is_wall(item)]
            read += [match.span() for pattern in (_FREE, _SUPPORTED) for match in pattern.finditer(text)]
            break
    turned = [_side_of(term, text, lexicon) for term in kept]
    if turned != kept:
        kept = turned
        read += [match.span() for pattern in _SIDES.values() for match in re.finditer(pattern, text, re.I)]
    kept = [term for term in kept if not _is_only_a_speed(term, limits)]
    near = lexicon.get(("near",))
    if near is not None and not near.is_absent and not kept and _FAR.search(text):
        left.append(replace(near, label="near another animal"))
        read += [match.span() for match in _FAR.finditer(text)]
    return tuple(kept), tuple(left), read


def _kind_of_rear(term: Concept, text: str, lexicon: Lexicon) -> Concept | None:
    """Which rears are meant where both kinds are told apart here; the term itself where it is one kind already."""
    free, supported = lexicon.get(content_stems("free rear")), lexicon.get(content_stems("wall rear"))
    mine = set(term.behaviors)
    if free is None or supported is None or free.is_absent or supported.is_absent or not mine:
        return None
    if mine <= set(free.behaviors) or mine <= set(supported.behaviors):
        return term
    if not mine <= set(free.behaviors) | set(supported.behaviors):
        return None
    if _FREE.search(text):
        return free
    return supported if _SUPPORTED.search(text) else None


def _is_wall(term: Concept) -> bool:
    return term.behaviors == (WALL_RULE,) and not term.zones


def _side_of(term: Concept, text: str, lexicon: Lexicon) -> Concept:
    """Turning to the side that the text names, where it is known to which side."""
    sides = {words: lexicon.get(content_stems(words)) for words in _SIDES}
    known = {words: side for words, side in sides.items() if side is not None and not side.is_absent}
    if len(known) < len(_SIDES) or not all(
        set(side.behaviors) < set(term.behaviors) for side in known.values()
    ):
        return term
    named = [side for words, side in known.items() if re.search(_SIDES[words], text, re.I)]
    return named[0] if len(named) == 1 else term


def _is_only_a_speed(term: Concept, limits: Sequence[Limit]) -> bool:
    """Whether a rule's word for moving says nothing beside a stated speed: "runs at more than 150 px/s", "moves at 5 cm/s"."""
    speeds = [limit for limit in limits if limit.quantity == "speed"]
    if not speeds or not term.by_rules or term.zones or not set(term.behaviors) <= _MOVING:
        return False
    return len(term.behaviors) > 1 or (
        "running" in term.behaviors and any(limit.low is not None for limit in speeds)
    )
