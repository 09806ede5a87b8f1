"""The tool ``compare_many``: a family of measures compared between the same groups, corrected for how many they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ethochat.tools.arguments import CompareArguments, FamilyArguments
from ethochat.tools.base import Tool
from ethochat.tools.compare import Comparison, comparisons, group_values
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import AmbiguousSourceError, ToolError, ToolFailedError
from ethochat.tools.evidence import Evidence, TestResult, Value
from ethochat.tools.figures import forest_figure
from ethochat.tools.measures import metric_names
from ethochat.tools.motion import known_zones, match_zones
from ethochat.tools.remarks import unequal_lengths
from ethochat.tools.selection import listing, match_behaviors, match_sources, select_sessions
from ethochat.tools.statistics import corrected
from ethochat.tools.wording import MAX_ROWS, p_text, quantity

CORRECTIONS: Final = ("holm", "fdr_bh", "fdr_by")
_OF_BEHAVIORS: Final = ("bout_count", "total_duration")
_OF_ZONES: Final = ("zone_time", "zone_entries")
_OF_TRACKS: Final = ("distance", "mean_speed", "max_speed")
_SHOWN_SKIPPED: Final = 6
_LEVEL: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """One measure of the family."""

    label: str
    arguments: CompareArguments


def compare_many(context: ToolContext, arguments: FamilyArguments) -> Evidence:
    """Compare every behavior, metric, zone or measure between groups; those that cannot be compared are named."""
    compared: list[tuple[_Member, Comparison]] = []
    skipped: list[str] = []
    ambiguous: AmbiguousSourceError | None = None
    disputed: dict[tuple[str, ...], list[str]] = {}
    for member in _members(context, arguments):
        try:
            found = comparisons(context, member.arguments)
        except AmbiguousSourceError as exc:
            ambiguous = ambiguous or exc
            disputed.setdefault(exc.sources, []).extend(member.arguments.behaviors)
            continue
        except ToolError as exc:
            skipped.append(f"{member.label}: {exc}")
            continue
        compared += [(member, one) for one in found]
    if not compared and ambiguous is not None:
        raise ambiguous
    if not compared:
        raise ToolFailedError(
            f"None of the {arguments.of} could be compared. {' '.join(skipped[:3])}".strip()
        )
    ranked = _ranked(compared)
    tests = _family(ranked)
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=[value for member, one in ranked for value in _values(member, one)],
        tests=tests,
        figures=[forest_figure(tests, correction=arguments.correct_by)] if _has_effect(tests) else [],
        n_rows=sum(row.n_rows for _, one in ranked for row in one.part.rows),
        flags=[*_flags(ranked, skipped, tests), *_disputed_flags(disputed)],
    )
    evidence.summary = "\n".join(_summary(tests, arguments.correct_by) + evidence.flags)
    return evidence


# ----------------------------------------------------------------- the members of the family
def _members(context: ToolContext, arguments: FamilyArguments) -> Iterator[_Member]:
    if arguments.measures:
        for name in dict.fromkeys(arguments.measures):
            yield _member(arguments, name)
        return
    if arguments.of in ("metrics", "measures"):
        for name in metric_names(context):
            yield _member(arguments, name)
    if arguments.of in ("behaviors", "measures"):
        yield from _of_behaviors(context, arguments)
    if arguments.of == "measures" and _tracked(context):
        for name in _OF_TRACKS:
            yield _member(arguments, name)
    if arguments.of in ("zones", "measures"):
        for zone in _zones(context, arguments):
            for measure in [arguments.measure] if arguments.measure else _OF_ZONES:
                yield _member(arguments, measure, zone=zone)


def _of_behaviors(context: ToolContext, arguments: FamilyArguments) -> Iterator[_Member]:
    measures = [arguments.measure] if arguments.measure else list(_OF_BEHAVIORS)
    for behavior in match_behaviors(context, arguments.behaviors) or _behaviors(context, arguments.sources):
        for measure in measures:
            yield _member(arguments, measure, behavior=behavior)


def _behaviors(context: ToolContext, sources: Sequence[str]) -> list[str]:
    """Behaviors of the sources named, else of people and classifiers, else of the rules.

    Unless their source is named, labels that are bare numbers are left out where others are words: dozens of clusters
    beside a few behaviors would cost the behaviors their significance.
    """
    wanted = set(match_sources(context, sources))
    kinds: dict[str, set[str]] = {}
    coverage = context.catalog.load("coverage")
    for source, kind, behaviors in coverage.select("source", "source_kind", "behaviors").iter_rows():
        if behaviors and (not wanted or source in wanted):
            kinds.setdefault("rule" if kind == "rule" else "label", set()).update(behaviors)
    if wanted:
        return sorted(set().union(*kinds.values()))
    found = kinds.get("label") or kinds.get("rule") or set()
    return sorted({name for name in found if not name.isdigit()} or found)


def _zones(context: ToolContext, arguments: FamilyArguments) -> list[str]:
    """Zones named, else all that the experiment declares."""
    session_ids = select_sessions(context, arguments).session_ids[:1]
    if arguments.zones:
        return match_zones(context, arguments.zones, session_ids)
    return known_zones(context, session_ids) if _tracked(context) else []


def _tracked(context: ToolContext) -> bool:
    return "track" in set(context.catalog.load("coverage")["kind"].to_list())


def _member(
    arguments: FamilyArguments, measure: str, *, behavior: str | None = None, zone: str | None = None
) -> _Member:
    given = {name: getattr(arguments, name) for name in CompareArguments.model_fields}
    given |= {
        "measure": measure,
        "behaviors": [behavior] if behavior else [],
        "zones": [zone] if zone else [],
    }
    of = behavior or zone
    return _Member(
        label=f"{measure} of {of}" if of else measure, arguments=CompareArguments.model_validate(given)
    )


# ----------------------------------------------------------------- correction and ranking
def _ranked(compared: Sequence[tuple[_Member, Comparison]]) -> list[tuple[_Member, Comparison]]:
    """Smallest p first, those without a test last."""

    def key(item: tuple[_Member, Comparison]) -> float:
        p = item[1].contrast.tests[0].p_value
        return 2.0 if p is None else p

    return sorted(compared, key=key)


def _family(ranked: Sequence[tuple[_Member, Comparison]]) -> list[TestResult]:
    """The main test of every member, with its p value corrected for all of them."""
    tests = []
    for member, one in ranked:
        test = one.contrast.tests[0]
        test.measure = _title(member, one)
        tests.append(test)
    n = sum(test.p_value is not None for test in tests)
    for method in CORRECTIONS:
        for test, p in zip(tests, corrected([test.p_value for test in tests], method), strict=True):
            if p is not None:
                test.corrected[method] = p
                test.n_tests = n
    return tests


def _title(member: _Member, one: Comparison) -> str:
    part = one.name.removeprefix(one.outcome.measured.name).strip()
    return f"{member.label} {part}".strip()


def _has_effect(tests: Sequence[TestResult]) -> bool:
    return any(isinstance(effect, float) for test in tests for effect in test.effect_size.values())


def _values(member: _Member, one: Comparison) -> list[Value]:
    """Means of the groups, named by what they are of."""
    own = {
        key: names[0]
        for key, names in (("behavior", member.arguments.behaviors), ("zone", member.arguments.zones))
        if names
    }
    return [
        value.model_copy(update={"group": {**value.group, **own}})
        for value in group_values(one)
        if value.statistic == "mean"
    ]


def _flags(
    ranked: Sequence[tuple[_Member, Comparison]], skipped: Sequence[str], tests: Sequence[TestResult]
) -> list[str]:
    said = [flag for _, one in ranked for flag in (*one.outcome.measured.flags, *one.contrast.flags)]
    # What holds for all of them is said once; what is said of a single measure stands with that measure's own answer.
    flags = [
        flag for flag in dict.fromkeys(said) if said.count(flag) == len(ranked) or flag.startswith("Source")
    ]
    flags += _sizes(tests) + _of_bouts(ranked) + _lengths(ranked)
    untested = [test.measure for test in tests if test.p_value is None and test.measure]
    if untested:
        flags.append(f"{len(untested)} could not be tested (no spread): {listing(untested, _SHOWN_SKIPPED)}.")
    if skipped:
        flags.append(f"{len(skipped)} could not be compared: {'; '.join(skipped[:_SHOWN_SKIPPED])}")
    return flags


def _sizes(tests: Sequence[TestResult]) -> list[str]:
    """Animals in each group, over all tests."""
    found: dict[str, list[int]] = {}
    for test in tests:
        for name, group in test.groups.items():
            found.setdefault(name, []).append(group.n)
    listed = [
        f"{name} {min(sizes)}" + (f" to {max(sizes)}" if max(sizes) > min(sizes) else "")
        for name, sizes in found.items()
    ]
    return [f"Animals per group: {', '.join(listed)}."] if listed else []


def _of_bouts(ranked: Sequence[tuple[_Member, Comparison]]) -> list[str]:
    """Bouts or frames of one animal are not independent: say that they were averaged first."""
    pooled = [one.outcome.measured for _, one in ranked if one.outcome.measured.kind == "pooled"]
    return list(
        dict.fromkeys(
            f"The {measured.observation} of one animal are not independent observations: each animal counts once, with its mean."
            for measured in pooled
        )
    )


def _lengths(ranked: Sequence[tuple[_Member, Comparison]]) -> list[str]:
    """Say once for each measure when its totals are of unequally long observations."""
    found: dict[str, str] = {}
    for _, one in ranked:
        if (said := unequal_lengths(one.outcome.measured)) is not None:
            found.setdefault(one.outcome.measured.name, f"{one.outcome.measured.name}: {said}")
    return list(found.values())


def _disputed_flags(disputed: Mapping[tuple[str, ...], Sequence[str]]) -> list[str]:
    """Name the behaviors that several sources scored, none of which was named."""
    return [
        f"{listing(list(dict.fromkeys(names)), 12)}: scored by several sources ({listing(sources, 12)}), so not compared; "
        "name one of them."
        for sources, names in disputed.items()
    ]


def _summary(tests: Sequence[TestResult], method: str) -> list[str]:
    """One line per test, the first ones in full: a family has dozens."""
    tested = [test for test in tests if test.p_value is not None]
    differing = sum(test.corrected[method] < _LEVEL for test in tested)
    lines = [
        f"{differing} of {len(tested)} tests have p < {_LEVEL:g} after correction ({method}); smallest p first:"
    ]
    for test in tested[:MAX_ROWS]:
        means = ", ".join(f"{name} {quantity(group.mean, test.unit)}" for name, group in test.groups.items())
        lines.append(
            f"{test.measure}: {means}; {test.name} {p_text(test.p_value or 0.0)}, {method} {p_text(test.corrected[method])}"
        )
    if len(tested) > MAX_ROWS:
        lines.append(f"… {len(tested) - MAX_ROWS} more tests, all with larger p.")
    return lines


TOOL: Tool[FamilyArguments] = Tool(
    name="compare_many",
    description="Compare many measures between the same groups at once (every behavior, imported metric, zone or measure): "
    "which of them differ? One test each, one value per animal, corrected for how many were tested (Holm, "
    "Benjamini-Hochberg, Benjamini-Yekutieli), smallest p first.",
    arguments=FamilyArguments,
    function=compare_many,
)
