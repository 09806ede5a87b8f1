"""Words of the field for what rodents do: other names of a behavior, a few words of what it looks like, and what it is a kind of.

Labels are written in many ways (``keepdown``, ``S-Grm``, ``attack``), and people describe what they look for in others. The
glossary only helps to find: what a label means in an experiment is what its raters say, and nothing here is shown as their
definition.

The entries follow the common use in ethograms of mice and rats, as in Garner's *Mouse Ethogram* (mousebehavior.org) and the
resident-intruder literature (Koolhaas et al. 2013, J. Vis. Exp. 77, e4367).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One behavior in the field's words."""

    name: str
    also: tuple[str, ...] = ()
    """Other names, verbs and abbreviations."""
    looks: str = ""
    """What it looks like, in a few words."""
    kind_of: tuple[str, ...] = ()
    """Names of broader terms."""


def _term(name: str, also: str = "", looks: str = "", kind_of: str = "") -> Term:
    split = tuple(word.strip() for word in also.split(",") if word.strip())
    return Term(
        name=name, also=split, looks=looks, kind_of=tuple(part for part in kind_of.split(",") if part)
    )


_TERMS: Final = (
    _term(
        "locomotion",
        "on the move, moving, moves, move, travel, travels, ambulation, locomote",
        "moves from place to place",
    ),
    _term(
        "walking",
        "amble, ambles, ambling, saunter, wander, leisurely, pace, walk, walks, stroll, ambulate",
        "moves on foot at an easy pace",
        "locomotion",
    ),
    _term(
        "running",
        "run, runs, dart, darting, dash, sprint, gallop, race, racing",
        "moves fast",
        "locomotion",
    ),
    _term(
        "immobility",
        "hardly move, barely move, no movement, without movement, standstill, stay in place, stays in place, remain in place, sit "
        "quietly, quiet, passive, idle, immobile, still, motionless, stationary, resting, rest, pause, pausing, stop, stops, inactive, "
        "inactivity, not moving, stand still, sit still, sitting still, stay still, stays put, freeze",
        "stays in one place without moving",
    ),
    _term(
        "freezing",
        "rigid, tense, freeze, frozen",
        "stops all movement but breathing",
        "immobility",
    ),
    _term(
        "sleeping",
        "sleep, asleep, nap",
        "lies curled up without moving",
        "immobility",
    ),
    _term(
        "floating",
        "passive, despair, float, floats, drifting",
        "floats in the water without swimming",
        "immobility",
    ),
    _term(
        "swimming",
        "swim, swims, paddle, paddling",
        "swims",
    ),
    _term(
        "struggling",
        "struggle, thrash, thrashing",
        "struggles to get out",
    ),
    _term(
        "climbing",
        "climb, climbs, climb up",
        "climbs up the wall or the grid",
    ),
    _term(
        "hanging",
        "hang, hangs",
        "hangs from the grid",
    ),
    _term(
        "rearing",
        "upright, rise up, get up on back paws, up on back paws, back paws, hind paws, up on hind legs, rear, rears, stand up, stands up, "
        "stand on hind legs, standing on hind legs, stand on hindlegs, stands upright, vertical exploration, on its hind legs",
        "stands up on the hind legs",
    ),
    _term(
        "supported rearing",
        "supported, supported rear, wall rear, wall rearing, rear against wall, rear on wall, lean on wall, leaning against wall, stands "
        "against wall, stand up against wall, standing against wall, forepaws on wall, paws on wall",
        "stands up with the forepaws on the wall",
        "rearing",
    ),
    _term(
        "unsupported rearing",
        "unsupported, unsupported rear, free rear, free rearing, rear in open, rear away from wall, free standing rear",
        "stands up free on the hind legs",
        "rearing",
    ),
    _term(
        "grooming",
        "self-cleaning, clean, cleaning, lick, licks, licking, preen, preens, preening, clean fur, cleans fur, wash face, face washing, lick itself, groom, grooms, self-grooming, self-groom, "
        "self groom, sgrm, s-grm, wash, washes, washing, lick fur, licking itself, clean itself, cleaning itself",
        "licks and strokes its own fur, head and flanks",
    ),
    _term(
        "scratching",
        "scratch, scratches",
        "scratches itself with a hind paw",
        "grooming",
    ),
    _term(
        "jumping",
        "jump, jumps, leap, leaps, hop, hops, escape jump",
        "jumps off the ground",
    ),
    _term(
        "digging",
        "dig, digs, burrow, burrowing",
        "digs with the forepaws",
    ),
    _term(
        "eating",
        "eat, eats, feed, feeding, chew, chewing, gnaw, food intake",
        "eats food",
    ),
    _term(
        "drinking",
        "drink, drinks, water intake, lick spout",
        "drinks from the spout",
    ),
    _term(
        "nest building",
        "nest, nesting, build nest",
        "carries and shreds nest material",
    ),
    _term(
        "head dip",
        "head dipping, head dips, dip head, look over edge, peek over edge",
        "lowers the head over the edge",
    ),
    _term(
        "head shake",
        "head shaking, wet dog shake, shake",
        "shakes head and body",
    ),
    _term(
        "twitching",
        "twitch, head twitch",
        "twitches",
    ),
    _term(
        "stretching",
        "stretch, stretches, stretched, stretch attend, stretch-attend posture, stretched attend posture, sap, elongate, elongated, risk "
        "assessment",
        "makes the body long and low toward something",
    ),
    _term(
        "turning",
        "pivot, pivots, pivoting, swing round, turn around, spin around, turn, turns, rotate, rotating, rotation, circling, spin, "
        "spinning",
        "turns round",
    ),
    _term(
        "turning left",
        "left turn, turn left, counterclockwise, counterclockwise turn",
        "turns to its left",
        "turning",
    ),
    _term(
        "turning right",
        "right turn, turn right, clockwise, clockwise turn",
        "turns to its right",
        "turning",
    ),
    _term(
        "wall-hugging",
        "wall, walls, edge, beside wall, alongside wall, along side of arena, border, thigmotaxis, wall hugging, hug wall, along wall, near wall, at wall, "
        "by wall, next to wall, close to wall, wall following, along edge, periphery, perimeter, along side",
        "keeps close to the wall",
    ),
    _term(
        "corner visit",
        "corner, in corner, corner entry",
        "is in a corner",
    ),
    _term(
        "center visit",
        "inner part, central, central zone, central area, inner zone, inner area, centre, center, in center, middle, center entry, middle of arena, "
        "open area",
        "is in the middle of the arena",
    ),
    _term(
        "sniffing",
        "sniff, sniffs, smell, smells, investigate, investigates, investigation, nose at object, object exploration, explore object",
        "smells at something with the nose",
    ),
    _term(
        "exploration",
        "explore, explores, exploring, exploratory",
        "looks around and smells at things",
    ),
    _term(
        "social interaction",
        "social, social contact, socializing, interact, interacts, interaction, contact, affiliative, engage with other",
        "is in contact with another animal or occupied with it",
    ),
    _term(
        "nonsocial",
        "no interaction, no contact, apart, keep apart, on own, alone, away from other, non-social, not social, solitary, on its own, "
        "ignores other, ignore other",
        "is occupied with itself or the cage, not with the other animal",
    ),
    _term(
        "near",
        "touch, touching, huddled, close, close together, proximity, together, next to each other, side by side, near each other, huddle, "
        "huddling, close to other",
        "is close to another animal",
        "social interaction",
    ),
    _term(
        "social investigation",
        "social sniffing, sniff other, smell other, investigate other, partner investigation, social exploration",
        "smells at another animal",
        "social interaction,sniffing",
    ),
    _term(
        "anogenital sniffing",
        "anogenital, sniff rear, nose to tail, anogenital investigation, oral genital contact",
        "smells at the tail base of another animal",
        "social investigation",
    ),
    _term(
        "nose contact",
        "nose to nose, nose touch, oral oral contact, face to face, facial sniffing, head to head, touch noses",
        "touches noses with another animal",
        "social investigation",
    ),
    _term(
        "approach",
        "approaching, approaches, come closer, move toward other, go to other",
        "comes closer to another animal",
        "social interaction",
    ),
    _term(
        "follow",
        "following, follows, walk behind, trail",
        "walks behind another animal",
        "social interaction",
    ),
    _term(
        "chase",
        "chasing, chases, pursue, pursues, pursuit, run after, hunt",
        "runs after another animal",
        "social interaction,aggression",
    ),
    _term(
        "escape",
        "flee, flees, fleeing, flight, run away, get away, retreat, retreats, withdraw, avoid, avoidance",
        "runs away from another animal",
    ),
    _term(
        "allogrooming",
        "allogroom, agrm, a-grm, groom other, grooming other, social grooming, groom cage mate",
        "licks the fur of another animal",
        "social interaction",
    ),
    _term(
        "mounting",
        "mount, mounts, copulation, copulate, mating, sexual behavior",
        "climbs onto another animal from behind",
        "social interaction",
    ),
    _term(
        "aggression",
        "hostile, hostility, brawl, aggressive, attack, attacks, attacking, fight, fights, fighting, assault, agonistic, aggressive "
        "encounter, offensive",
        "attacks or threatens another animal",
        "social interaction",
    ),
    _term(
        "biting",
        "snap, snaps, bite, bites, nip, nips",
        "bites another animal",
        "aggression",
    ),
    _term(
        "clinch",
        "tussle, entangled, clinching, grapple, wrestle, wrestles, wrestling, tumble, roll together, locked together, clinch attack",
        "holds another animal in a tight grip, rolling over",
        "aggression",
    ),
    _term(
        "keep down",
        "subdue, subdues, overpower, held down, hold on floor, on floor, keepdown, keeping down, pin, pins, pinned, pinning, pin down, hold down, holds down, press "
        "down, on top of other, dominance posture",
        "holds another animal down on its back",
        "aggression",
    ),
    _term(
        "lateral threat",
        "menace, menaces, menacing, intimidate, intimidating, flank, lateralthreat, sideways threat, lateral attack, sideways posture, "
        "broadside, threat, threaten, threatens",
        "threatens with its side turned to the other",
        "aggression",
    ),
    _term(
        "upright posture",
        "uprightposture, upright, boxing, box, offensive upright, defensive upright, standing face to face",
        "stands upright facing the other",
        "aggression",
    ),
    _term(
        "tail rattling",
        "tail rattle, rattle tail",
        "beats the tail fast",
        "aggression",
    ),
    _term(
        "submission",
        "submissive, submissive posture, supine, on its back, defensive, defense",
        "lies on its back or crouches before the other",
    ),
)

ORDINARY: Final = frozenset(
    "wall,walls,edge,clean,cleaning,lick,licks,licking,exploration,explore,explores,exploring,exploratory,box,trail,rest,stop,stops,close,together,contact,middle,center,race,avoid,turn,nest,hunt,hang,hangs,support,supported,still,threat,mount,"
    "quiet,shake,travel,travels,float,floats,upright,alone,apart,pace,flank,border,touch,corner,periphery,perimeter,passive,pause,freeze,dash,"
    "moving,moves,move,track,box,interaction,interact,interacts,offensive,flight,defense,idle,tense,rigid,central,snap,snaps,nip,nips,roll together,"
    "locked together,open area,run,runs,walk,walks,running,walking,locomotion,stand up,stands up,hop,hops,leap,leaps,circling,rotate,rotation".split(
        ","
    )
)
"""Names that people also use for other things: their absence from an experiment says nothing."""


def plainly_named() -> Mapping[str, Term]:
    """Names that mean a behavior wherever they stand, such as "grooming"; each with its term."""
    found: dict[str, Term] = {}
    for term in _TERMS:
        for name in (term.name, *term.also):
            if name not in ORDINARY and term.name not in (
                "center visit",
                "corner visit",
                "wall-hugging",
                "near",
            ):
                found.setdefault(name, term)
    return found


TERMS: Final[Mapping[str, Term]] = {term.name: term for term in _TERMS}
"""Every term by name."""


def squeezed(name: str) -> str:
    """Letters and digits of a name alone: ``"Lateral-threat"`` and ``"lateralthreat"`` are one."""
    return re.sub(r"[\W_]+", "", name).casefold()


@cache
def _by_spelling() -> Mapping[str, tuple[Term, ...]]:
    found: dict[str, tuple[Term, ...]] = {}
    for term in _TERMS:
        for name in (term.name, *term.also):
            key = squeezed(name)
            if term not in found.get(key, ()):
                found[key] = (*found.get(key, ()), term)
    return found


def terms_named(name: str) -> tuple[Term, ...]:
    """Terms that a label names, the ones of that very name first; none where the glossary does not know it.

    Parameters
    ----------
    name
        A label, as an experiment spells it.
    """
    found = _by_spelling().get(squeezed(name), ())
    exact = tuple(term for term in found if squeezed(term.name) == squeezed(name))
    return exact or found


def broader(term: Term) -> tuple[Term, ...]:
    """All that a term is a kind of, the nearest first."""
    found: dict[str, Term] = {}
    waiting = list(term.kind_of)
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = TERMS[name]
            waiting += TERMS[name].kind_of
    return tuple(found.values())
