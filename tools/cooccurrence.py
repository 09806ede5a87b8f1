"""The tool ``cooccurrence``: what goes on at the same time, and whether more than by chance."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ethochat.tools.arguments import CooccurrenceArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.cooccurrence_values import Part, against_chance, chance_values, times_of
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Evidence
from ethochat.tools.overlaps import (
    Overlap,
    different_animals,
    gives_one_label,
    label_lanes,
    near_lanes,
    same_animal,
    zone_lanes,
)
from ethochat.tools.selection import (
    Scope,
    column_values,
    listing,
    match_behaviors,
    match_group_column,
    match_sources,
    plan_sources,
    require_sessions,
    select_sessions,
)
from ethochat.tools.wording import summarize_evidence

_IDENTITIES: Final = ("session_id", "subject_id", "individual", "pair")
_MOST_TESTS_SAID: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """Two things, in all recordings of a call."""

    labels: Mapping[str, str]
    """``first``, ``second`` and who says so."""
    overlaps: Sequence[Overlap]
    trivial: bool = False
    alike: bool = False


def cooccurrence(context: ToolContext, arguments: CooccurrenceArguments) -> Evidence:
    """Measure the time in which two things go on at once, and hold it against chance.

    Raises
    ------
    ToolRetryError
        When the call does not say what is to be compared, or several sources mark it and none was named.
    ToolFailedError
        When the source gives one label at a time, so that two of its behaviors can never go on at once.
    """
    scope = select_sessions(context, arguments)
    require_sessions(scope, arguments)
    questions, flags = _questions(context, scope, arguments)
    if not any(question.overlaps for question in questions):
        raise ToolFailedError(
            "No recording is known for both at the same time, so nothing can go on at once."
        )
    columns = _columns(context, arguments)
    unit = scope.time_unit()
    parts = [part for question in questions for part in _parts(scope, question, columns)]
    values = [value for part in parts for value in times_of(part, unit)]
    tested, said = against_chance(parts, arguments.shifts) if arguments.null else ([], [])
    later, tests, lines = chance_values(tested, unit)
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=[*values, *later],
        tests=tests,
        n_rows=sum(len(item.first) + len(item.second) for part in parts for item in part.overlaps),
        flags=list(dict.fromkeys([*scope.flags, *flags, *_left_out(scope, questions, flags), *said])),
    )
    # The tests of many pairs are told in a line each; the summary would be nothing but tests.
    told = evidence.model_copy(update={"tests": tests[:_MOST_TESTS_SAID]})
    evidence.summary = summarize_evidence(told, lead="\n".join(lines))
    return evidence


# ----------------------------------------------------------------- what is asked
def _questions(
    context: ToolContext, scope: Scope, arguments: CooccurrenceArguments
) -> tuple[list[_Question], list[str]]:
    first = match_behaviors(context, [arguments.first] if arguments.first else [])
    second = match_behaviors(context, [arguments.second] if arguments.second else [])
    if second and not first:
        first, second = second, ()
    place = bool(arguments.zones) or arguments.max_distance is not None
    if place and (second or arguments.animals == "different"):
        raise ToolRetryError("A zone or nearness takes the place of the second behavior; name one behavior.")
    if arguments.zones and arguments.max_distance is not None:
        raise ToolRetryError("Expected zones or max_distance, got both; ask for one at a time.")
    if place:
        return _with_places(context, scope, arguments, first)
    if arguments.animals == "different":
        return _between_animals(context, scope, arguments, first, second)
    if first and not second:
        raise ToolRetryError(
            "Name a `second` behavior, or `zones`, or `max_distance`, or animals='different' for two animals."
        )
    if first:
        return _two_behaviors(context, scope, arguments, first, second)
    return _every_pair(context, scope, arguments)


def _sources(
    context: ToolContext, scope: Scope, arguments: CooccurrenceArguments, sides: Sequence[Sequence[str]]
) -> tuple[list[str], list[str]]:
    """Find the source of each side, and what must be said."""
    named = _labelers(context, arguments)
    if len(named) > 2 or (len(named) == 2 and len(sides) < 2):
        raise ToolRetryError(
            f"Expected one source, or one for each of two behaviors, got {listing(named)}.", near=tuple(named)
        )
    if len(named) == 2:
        plans = [
            plan_sources(context, scope, side, [name], split=False)
            for side, name in zip(sides, named, strict=True)
        ]
        said = [f"{listing(side)} by {name}." for side, name in zip(sides, named, strict=True)]
        return named, [*said, *(flag for plan in plans for flag in plan.flags)]
    if len(named) == 1:
        plans = [plan_sources(context, scope, side, named, split=False) for side in sides]
        return named * len(sides), list(dict.fromkeys(flag for plan in plans for flag in plan.flags))
    plan = plan_sources(context, scope, list(dict.fromkeys(itertools.chain(*sides))), [], split=False)
    found = []
    for side in sides:
        chosen = list(dict.fromkeys(plan.chosen[name] for name in side if name in plan.chosen)) or list(
            plan.sources
        )
        if len(chosen) != 1:
            raise ToolRetryError(
                f"{listing(side)} are marked by several sources ({listing(chosen)}); name one of them.",
                near=tuple(chosen),
            )
        found += chosen
    return found, list(plan.flags)


def _labelers(context: ToolContext, arguments: CooccurrenceArguments) -> list[str]:
    """Sources of a call that label behavior; trackers say where an animal is."""
    coverage = context.catalog.load("coverage")
    tracks = set(coverage.filter(coverage["kind"] == "track")["source"].to_list())
    labels = set(coverage.filter(coverage["kind"].is_in(["annotations", "rules"]))["source"].to_list())
    named = match_sources(context, arguments.sources)
    place = bool(arguments.zones) or arguments.max_distance is not None
    return [name for name in named if not (place and name in tracks and name not in labels)]


def _said_by(first: str, second: str) -> dict[str, str]:
    return {"source": first} if first == second else {"source_first": first, "source_second": second}


def _two_behaviors(
    context: ToolContext,
    scope: Scope,
    arguments: CooccurrenceArguments,
    first: Sequence[str],
    second: Sequence[str],
) -> tuple[list[_Question], list[str]]:
    (a, b), flags = _sources(context, scope, arguments, [first, second])
    trivial = a == b and set(first) == set(second)
    if trivial:
        flags.append("The same behavior of the same source twice: it always goes on at once with itself.")
    elif a == b:
        _refuse_one_label(context, a)
    lanes = label_lanes(context, scope, a, first), label_lanes(context, scope, b, second)
    labels = {"first": " or ".join(first), "second": " or ".join(second), **_said_by(a, b)}
    return [_Question(labels=labels, overlaps=same_animal(scope, *lanes), trivial=trivial)], flags


def _every_pair(
    context: ToolContext, scope: Scope, arguments: CooccurrenceArguments
) -> tuple[list[_Question], list[str]]:
    (source,), flags = _sources(context, scope, arguments, [()])
    _refuse_one_label(context, source)
    behaviors = _marked(context, scope, source)
    lanes = {name: label_lanes(context, scope, source, [name]) for name in behaviors}
    questions = [
        _Question(
            labels={"first": first, "second": second, "source": source},
            overlaps=same_animal(scope, lanes[first], lanes[second]),
        )
        for first, second in itertools.combinations(behaviors, 2)
    ]
    if not questions:
        raise ToolFailedError(f"{source} marks fewer than two behaviors in these sessions.")
    return questions, flags


def _marked(context: ToolContext, scope: Scope, source: str) -> list[str]:
    """Behaviors that a source marks in the sessions of a call, in name order."""
    bouts = context.catalog.load("bouts")
    rows = bouts.filter(bouts["source"] == source, bouts["session_id"].is_in(scope.session_ids))
    return sorted(set(rows["behavior"].to_list()))


def _refuse_one_label(context: ToolContext, source: str) -> None:
    n = gives_one_label(context, source)
    if n is not None:
        raise ToolFailedError(
            f"{source} gives one label at a time: none of its {n:,} bouts overlaps one of another behavior. Two of its behaviors "
            "can never go on at once in one animal, so that their co-occurrence is not defined (it is not zero by "
            "observation). Another source may be named for one of them, or behaviors of two animals compared."
        )


def _between_animals(
    context: ToolContext,
    scope: Scope,
    arguments: CooccurrenceArguments,
    first: Sequence[str],
    second: Sequence[str],
) -> tuple[list[_Question], list[str]]:
    if not first:
        raise ToolRetryError(
            "Name the behavior (`first`, and `second` for the other animal where it is another one)."
        )
    second = second or first
    (a, b), flags = _sources(context, scope, arguments, [first, second])
    lanes = label_lanes(context, scope, a, first), label_lanes(context, scope, b, second)
    ordered = a != b or set(first) != set(second)
    overlaps = different_animals(scope, *lanes, ordered=ordered)
    if not overlaps:
        raise ToolFailedError(
            f"Behaviors of two animals need a session in which {listing(dict.fromkeys((a, b)))} labels two of them by name; there "
            "is none."
        )
    labels = {"first": " or ".join(first), "second": " or ".join(second), **_said_by(a, b)}
    flags.append(
        "One animal does the first while the other does the second, in every pair of a session."
        if ordered
        else "Both animals of a pair do it at once, in every pair of a session."
    )
    flags.append("Pairs of a session share animals, so that n counts sessions.")
    return [_Question(labels=labels, overlaps=overlaps, alike=not ordered)], flags


def _with_places(
    context: ToolContext, scope: Scope, arguments: CooccurrenceArguments, first: Sequence[str]
) -> tuple[list[_Question], list[str]]:
    if not first:
        raise ToolRetryError("Name the behavior (`first`) that is held against zones or nearness.")
    (source,), flags = _sources(context, scope, arguments, [first])
    lanes = label_lanes(context, scope, source, first)
    if arguments.zones:
        places, said = zone_lanes(context, scope, arguments)
    else:
        near, said = near_lanes(context, scope, arguments)
        places = {f"closer than {arguments.max_distance:g} {arguments.unit}": near}
    questions = [
        _Question(
            labels={"first": " or ".join(first), "second": name, "source": source},
            overlaps=same_animal(scope, lanes, other),
        )
        for name, other in places.items()
    ]
    return questions, [*flags, *said, "Only the time in which positions are known counts."]


# ----------------------------------------------------------------- which recordings together
def _columns(context: ToolContext, arguments: CooccurrenceArguments) -> list[str]:
    columns = [match_group_column(context, name) for name in arguments.group_by]
    unusable = [name for name in columns if name in ("behavior", "keypoint")]
    if arguments.animals == "different":
        unusable += [name for name in columns if name == "subject_id"]
    if unusable:
        raise ToolRetryError(
            "cooccurrence can be split by session_id, subject_id (of one animal), individual, pair and metadata columns, not "
            f"by {listing(unusable)}."
        )
    return [name for name in dict.fromkeys(columns) if name not in ("source", "zone")]  # always apart


def _parts(scope: Scope, question: _Question, columns: Sequence[str]) -> Iterator[Part]:
    metadata = {name: column_values(scope.sessions, name) for name in columns if name not in _IDENTITIES}
    found: dict[tuple[str, ...], list[Overlap]] = {}
    for item in question.overlaps:
        own = {
            "session_id": item.session_id,
            "subject_id": item.subject_id or "not stated",
            "individual": item.individual,
            "pair": item.individual,
        }
        key = tuple(own[name] if name in own else metadata[name].get(item.session_id, "") for name in columns)
        found.setdefault(key, []).append(item)
    for key, members in found.items():
        sessions, subjects = (
            {getattr(item, name) for item in members} for name in ("session_id", "subject_id")
        )
        named = {n: v for n, v in zip(columns, key, strict=True) if n not in ("session_id", "subject_id")}
        yield Part(
            labels={**question.labels, **named},
            overlaps=members,
            session_id=members[0].session_id if len(sessions) == 1 else None,
            subject_id=members[0].subject_id if columns and len(subjects) == 1 else None,
            averaged=bool(columns) and not set(columns) & set(_IDENTITIES),
            trivial=question.trivial,
            alike=question.alike and len(members) > 1,
        )


def _left_out(scope: Scope, questions: Sequence[_Question], flags: Sequence[str]) -> list[str]:
    """Name the sessions in which no time is known for both."""
    used = {item.session_id for question in questions for item in question.overlaps}
    missing = [name for name in scope.session_ids if name not in used]
    if not missing or any(listing(missing, 5) in flag for flag in flags):
        return []  # nothing to say, or said when the source was chosen
    return [
        f"{len(missing)} of {len(scope.session_ids)} sessions have no time that is known for both and are not counted: "
        f"{listing(missing, 5)}."
    ]


TOOL: Tool[CooccurrenceArguments] = Tool(
    name="cooccurrence",
    description="How long two behaviors go on at the same time (or one behavior in two animals, or a behavior and a zone or "
    "nearness): seconds, shares of each, Jaccard index, and whether more or less than by chance.",
    arguments=CooccurrenceArguments,
    function=cooccurrence,
)
