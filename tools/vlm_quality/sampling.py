"""Which segments are shown to a model, and which yes/no questions it is asked about them: the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ethochat.tools.vlm_quality.truth import Judged

MOST_CHECKS: Final = 10
"""Most questions about a behavior to which yes is right; as many are asked to which no is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A yes/no question, whether a segment shows a behavior."""

    place: int
    """Of the segment among those drawn."""
    behavior: str
    present: bool
    """Whether yes is right."""


def draw_segments(
    judged: Sequence[Judged], behaviors: Sequence[str], n: int, rng: np.random.Generator
) -> list[Judged]:
    """Draw segments evenly over behaviors and over segments that show none of them.

    The behaviors and "none" take turns; each takes one of its segments at random that is not drawn yet, as long as it has
    any. So a rare behavior has as many segments as a common one, as far as there are enough.

    Parameters
    ----------
    n
        How many; all of them where there are no more.

    Returns
    -------
    list of Judged
        In the order in which they were given.
    """
    strata = [[k for k, item in enumerate(judged) if name in item.shown] for name in behaviors]
    strata.append([k for k, item in enumerate(judged) if not item.shown & set(behaviors)])
    queues = [rng.permutation(stratum).tolist() for stratum in strata]
    drawn: set[int] = set()
    while len(drawn) < n and any(queues):
        for queue in queues:
            while queue and queue[-1] in drawn:
                queue.pop()
            if queue and len(drawn) < n:
                drawn.add(queue.pop())
    return [judged[k] for k in sorted(drawn)]


def draw_checks(
    drawn: Sequence[Judged], behaviors: Sequence[str], rng: np.random.Generator, *, most: int = MOST_CHECKS
) -> list[Check]:
    """Choose questions of which as many have the answer yes as no, for each behavior.

    Yes is right where a segment shows the behavior, no where the truth rules it out; what lies between is not asked.

    Parameters
    ----------
    most
        Of either answer, per behavior.
    """
    checks = []
    for behavior in behaviors:
        yes = [k for k, item in enumerate(drawn) if behavior in item.shown]
        no = [k for k, item in enumerate(drawn) if behavior in item.ruled_out]
        n = min(len(yes), len(no), most)
        for places, present in ((yes, True), (no, False)):
            chosen = sorted(rng.permutation(places).tolist()[:n])
            checks += [Check(place=int(k), behavior=behavior, present=present) for k in chosen]
    return checks
