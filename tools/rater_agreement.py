"""Agreement of sources that label behavior: frame by frame, bout by bout, and over recordings."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ethochat.tools.arguments import AgreementArguments
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.rater_recordings import (
    Patterns,
    Recording,
    choose_behaviors,
    choose_sources,
    patterns_of,
    recordings_of,
)
from ethochat.tools.rater_scores import (
    AGAINST_REFERENCE,
    OF_ALL_SOURCES,
    OVER_RECORDINGS,
    Group,
    Score,
    pair_scores,
    score_of_all,
)
from ethochat.tools.selection import Scope, column_values, listing, match_group_column, match_sources
from ethochat.tools.statistics.raters import MIN_RECORDINGS

WHOLE: Final = "whole ethogram"
_OF_LABELS: Final = ("kappa", "percent_agreement", "fleiss_kappa", "krippendorff_alpha")
"""Statistics that take any number of labels per frame."""
_IDENTITIES: Final = ("session_id", "subject_id", "individual")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Scores of a call."""

    scores: list[Score]
    flags: list[str]
    n_frames: int


def compare_labels(context: ToolContext, scope: Scope, arguments: AgreementArguments) -> Compared | None:
    """Compare sources that label behavior; ``None`` where no behavior was named and no two sources mark one.

    Raises
    ------
    ToolRetryError
        For statistics that need what the call does not say, or columns that cannot split agreement.
    ToolFailedError
        When no two sources looked at the same recording.
    """
    behaviors, flags = choose_behaviors(context, scope, arguments)
    if not behaviors:
        return None
    statistics, said = _statistics(arguments)
    columns = _columns(context, arguments)
    flags += said
    if "duration_correlation" in statistics:
        scope.time_unit()  # refuses seconds and frames together
    scores: list[Score] = []
    n_frames = 0
    whole = arguments.whole_ethogram
    for together in [behaviors] if whole else [[name] for name in behaviors]:
        sources, said = choose_sources(context, scope, together, arguments)
        flags += said
        recordings = recordings_of(context, scope, together, sources, arguments.fps)
        flags += [*_raster_flags(recordings), *_left_out(scope, recordings)]
        pairs = _pairs(context, sources, arguments)
        patterns = [patterns_of(item, sources, together) for item in recordings if len(item.looked) > 1]
        for first, second in pairs:
            common = [item for item in patterns if {first, second} <= set(item.recording.looked)]
            if not common:
                flags.append(_nothing_in_common(recordings, first, second))
                continue
            n_frames += sum(item.n_seen((first, second)) for item in common)
            for group in _groups(scope, common, together, sources, columns, whole=whole):
                scores += pair_scores(
                    group, (first, second), statistics, reference=arguments.reference is not None
                )
        for group in _groups(scope, patterns, together, sources, columns, whole=whole):
            scores += [score_of_all(group, name) for name in statistics if name in OF_ALL_SOURCES]
    if not scores:
        raise ToolFailedError(
            " ".join(["No two sources looked at the same recording for that.", *flags[-1:]])
        )
    return Compared(
        scores=scores,
        flags=list(dict.fromkeys([*_method_flags(arguments, behaviors, columns, scores), *flags])),
        n_frames=n_frames,
    )


# ----------------------------------------------------------------- what a call asks for
def _statistics(arguments: AgreementArguments) -> tuple[list[str], list[str]]:
    """Statistics of labels that a call asks for, and what must be said about the others."""
    asked: list[str] = [name for name in dict.fromkeys(arguments.statistics) if name != "median_distance"]
    if not arguments.whole_ethogram:
        return asked, []
    fitting = [name for name in asked if name in _OF_LABELS]
    if not fitting:
        raise ToolRetryError(
            f"Expected statistics of a whole ethogram ({', '.join(_OF_LABELS)}), got {', '.join(asked)}.",
            near=_OF_LABELS,
        )
    left = [name for name in asked if name not in fitting]
    said = bool(left) and "statistics" in arguments.model_fields_set
    return fitting, [f"Not defined for a whole ethogram: {listing(left)}."] if said else []


def _columns(context: ToolContext, arguments: AgreementArguments) -> list[str]:
    columns = [match_group_column(context, name) for name in arguments.group_by]
    unusable = [name for name in columns if name in ("zone", "keypoint")]
    if unusable:
        raise ToolRetryError(
            "agreement can be split by pair, behavior, session_id, subject_id, individual and metadata columns, "
            f"not by {listing(unusable)}."
        )
    # Pairs and behaviors are apart anyway.
    return [name for name in dict.fromkeys(columns) if name not in ("pair", "source", "behavior")]


def _pairs(
    context: ToolContext, sources: Sequence[str], arguments: AgreementArguments
) -> list[tuple[str, str]]:
    if arguments.reference is None:
        if set(arguments.statistics) & set(AGAINST_REFERENCE):
            raise ToolRetryError(
                f"precision and recall need a `reference`; name one of {listing(sources)}.",
                near=tuple(sources),
            )
        return list(itertools.combinations(sources, 2))
    named = match_sources(context, [arguments.reference])
    if len(named) != 1 or named[0] not in sources:
        raise ToolRetryError(
            f"Expected one of {listing(sources)} as the reference, got {arguments.reference!r}.",
            near=tuple(sources),
        )
    return [(named[0], other) for other in sources if other != named[0]]


def _groups(
    scope: Scope,
    patterns: Sequence[Patterns],
    behaviors: Sequence[str],
    sources: Sequence[str],
    columns: Sequence[str],
    *,
    whole: bool,
) -> Iterator[Group]:
    """Recordings by the columns of a call, in the order of sessions."""
    metadata = {name: column_values(scope.sessions, name) for name in columns if name not in _IDENTITIES}
    found: dict[tuple[str, ...], list[Patterns]] = {}
    for item in patterns:
        own = item.recording
        identity = {
            "session_id": own.session_id,
            "subject_id": own.subject_id or "not stated",
            "individual": own.individual,
        }
        key = tuple(identity.get(name) or metadata.get(name, {}).get(own.session_id, "") for name in columns)
        found.setdefault(key, []).append(item)
    for key, members in found.items():
        labels = {n: v for n, v in zip(columns, key, strict=True) if n not in ("session_id", "subject_id")}
        sessions = {item.recording.session_id for item in members}
        subjects = {item.recording.subject_id for item in members}
        alone = "session_id" in columns or (len(patterns) == 1 and len(sessions) == 1)
        yield Group(
            behaviors=behaviors,
            sources=sources,
            patterns=members,
            labels={"behavior": WHOLE if whole else behaviors[0], **labels},
            session_id=members[0].recording.session_id if alone else None,
            subject_id=subjects.pop() if "subject_id" in columns and len(subjects) == 1 else None,
        )


# ----------------------------------------------------------------- what must be said
def _raster_flags(recordings: Sequence[Recording]) -> list[str]:
    rates = {item.clock.frames_per_unit for item in recordings if item.clock.fps is not None}
    flags = [f"Compared at {rates.pop():g} frames per second."] if len(rates) == 1 else []
    if any(item.clock.fps is None for item in recordings):
        flags.append("Where the frame rate is not documented, labels are compared frame by frame.")
    return flags


def _left_out(scope: Scope, recordings: Sequence[Recording]) -> list[str]:
    """Name the sessions that fewer than two sources looked at."""
    twice = {item.session_id for item in recordings if len(item.looked) > 1}
    missing = [name for name in scope.session_ids if name not in twice]
    if not missing or not twice:
        return []
    return [
        f"{len(missing)} of {len(scope.session_ids)} sessions were not looked at by two of the sources and are not "
        f"counted: {listing(missing, 5)}."
    ]


def _nothing_in_common(recordings: Sequence[Recording], first: str, second: str) -> str:
    """Say that two sources share no recording, and whether that is because they name animals differently."""
    animals: dict[str, dict[str, set[str]]] = {first: {}, second: {}}
    for item in recordings:
        for name in (first, second):
            if name in item.looked:
                animals[name].setdefault(item.session_id, set()).add(
                    item.individual or "the session's animal"
                )
    shared = sorted(set(animals[first]) & set(animals[second]))
    if not shared:
        return f"{first} and {second} have no recording in common."
    session = shared[0]
    return (
        f"{first} and {second} have no recording in common: they label different animals of the same sessions (in "
        f"{session} {first} labels {listing(sorted(animals[first][session]))}, {second} "
        f"{listing(sorted(animals[second][session]))})."
    )


def _method_flags(
    arguments: AgreementArguments, behaviors: Sequence[str], columns: Sequence[str], scores: Sequence[Score]
) -> list[str]:
    flags = [
        "Frames that both of a pair looked at are compared, edges of bouts being put on the nearest frame; "
        f"{'recordings of a group are' if columns else 'recordings are'} pooled."
    ]
    if arguments.whole_ethogram:
        flags.append(
            f"Every frame has one label of {listing(behaviors, 20)}: several behaviors at once are a label of their own, a "
            "frame in which none is marked is labeled as such."
        )
    names = {score.value.name for score in scores}
    if "percent_agreement" in names:
        flags.append("Percent agreement is not corrected for chance: of rare behaviors it is always high.")
    if "bout_f1" in names:
        flags.append("Two bouts match that share more than half of the time that either covers.")
    if names & set(OVER_RECORDINGS):
        flags.append(
            "A correlation over recordings does not show that two raters mark the same moments; the mean difference is "
            "their bias."
        )
    if any(score.interval and score.value.name not in OVER_RECORDINGS for score in scores):
        flags.append("95 % intervals: animals are resampled, not frames (studentized bootstrap).")
    elif not names <= {*OVER_RECORDINGS, "bout_count_difference", "total_duration_difference"}:
        flags.append(f"No intervals: they need at least {MIN_RECORDINGS} animals that differ.")
    return flags
