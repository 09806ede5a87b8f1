"""Tests as an answer words them: what was compared, what was found, and what that does and does not say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ethochat.agent.builtin.spelling import (
    amount,
    capital,
    number,
    probability,
    quantity_words,
    subject_of,
    word_summary,
)
from ethochat.tools.evidence import AssumptionCheck, Evidence, Influence, TestResult
from ethochat.tools.figures.captions import effect_name, name_of_test, statistic_text

_LEVEL: Final = 0.05
_BY_RANKS: Final = frozenset({"mann_whitney_u", "kruskal_wallis", "wilcoxon", "friedman"})
_CHECKS: Final = {"shapiro_wilk": "Shapiro-Wilk", "brown_forsythe": "Brown-Forsythe", "mauchly": "Mauchly"}
_CORRECTIONS: Final = {"holm": "Holm", "fdr_bh": "Benjamini-Hochberg", "fdr_by": "Benjamini-Yekutieli"}
_SAME_IS_ANOTHER_CLAIM: Final = "that alone does not show that the groups are the same"
_MOST_PAIRS: Final = 12
_MOST_PAIRS_ALIKE: Final = 6
"""More pairs than this of which none differs are told in one line."""
_MOST_CHECKS: Final = 6
_FURTHER: Final = ("median_difference", "cliffs_delta", "hodges_lehmann", "hedges_g_av")
_MOST_MEMBERS: Final = 30
_WITHIN: Final = frozenset({"source", "zone", "behavior", "keypoint", "window", "bin"})
"""Columns whose groups are parts of every animal's own data."""


# ----------------------------------------------------------------- one comparison
def word_compare(item: Evidence) -> str:
    """Groups, test, effect and what it does and does not say."""
    if not item.tests:
        return word_summary(item)
    # Who asks whether groups are the same wants that answered first.
    tests = sorted(item.tests, key=lambda test: not test.name.startswith("tost"))
    return "\n\n".join(_word_test(test, item) for test in tests)


def _word_test(test: TestResult, item: Evidence) -> str:
    if test.name.startswith("tost"):
        return f"{_word_equivalence(test)} [{item.evidence_id}]"
    if test.name == "time_trend":
        return f"{_word_time_trend(test)} [{item.evidence_id}]"
    title = subject_of(item, item.values) if item.values else (test.measure or "")
    if len({other.measure for other in item.tests}) > 1 and test.measure:
        title = test.measure.replace("_", " ")
    column = item.arguments.get("group_column", "group")
    unit = (
        "Paired by session"
        if column == "individual"
        else "Paired by animal"
        if column in _WITHIN
        else "One value per animal"
    )
    lines = [f"{unit}:", *_group_lines(test)]
    difference = _difference_line(test, item)
    if difference:
        lines.append(difference)
    parts = [
        f"**{capital(title)} by {column}**: {_verdict(test)} [{item.evidence_id}]",
        "\n".join(lines),
        _reason(test),
        _further_effects(test),
        _pairs(test),
        _outliers(test.influence, test),
        _assumptions(test.checks),
    ]
    return "\n\n".join(part for part in parts if part)


def _group_lines(test: TestResult) -> list[str]:
    lines = []
    for name, group in test.groups.items():
        mean = "no value" if group.mean is None else f"mean {amount(group.mean, test.unit)}"
        spread = "" if group.sd is None else f" (SD {number(group.sd)})"
        middle = "" if group.median is None else f", median {amount(group.median, test.unit)}"
        lines.append(f"- {name}: {mean}{spread}{middle}, n = {group.n}")
    return lines


def _difference_line(test: TestResult, item: Evidence) -> str | None:
    """Difference of two means in the unit of the values, with its interval."""
    difference = test.effect_size.get("mean_difference")
    if len(test.groups) != 2 or not isinstance(difference, float | int):
        return None
    first, second = test.groups
    span = _span(test.effect_size.get("mean_difference_ci95"), test.unit)
    return f"- difference of the means ({first} minus {second}): {amount(difference, test.unit)}{span}"


def _span(interval: object, unit: str | None = None) -> str:
    if not isinstance(interval, list | tuple) or len(interval) != 2:
        return ""
    low, high = interval
    return f" (95% CI {number(low)} to {amount(high, unit)})"


def _verdict(test: TestResult) -> str:
    """The answer first, then the test that gives it."""
    if test.p_value is None:
        return f"no test could be made. {capital((test.why or '').removeprefix('No test: '))}".strip()
    statistic = f"{statistic_text(test)}, " if test.statistic is not None else ""
    found = f"{capital(name_of_test(test))}: {statistic}p = {probability(test.p_value)}{_main_effect(test)}"
    return f"{_claim(test)} {found}."


def _reason(test: TestResult) -> str:
    """Which test it was and why."""
    if test.p_value is None:
        return ""
    return capital((test.why or "").removeprefix(f"{capital(name_of_test(test))}: "))


def _claim(test: TestResult) -> str:
    """Say on which side of 0.05 a test falls, and no more than that."""
    assert test.p_value is not None
    if test.p_value >= _LEVEL:
        return f"no statistically significant difference at the 0.05 level; {_SAME_IS_ANOTHER_CLAIM}."
    middle = "median" if test.name in _BY_RANKS else "mean"
    middles = [(getattr(group, middle), name) for name, group in test.groups.items()]
    known = [(value, name) for value, name in middles if value is not None]
    apart = len({value for value, _ in known}) == len(known)
    # What the groups differ in, a test of more than two does not say.
    told = known and apart and len(known) == 2
    order = f" ({' > '.join(name for _, name in sorted(known, reverse=True))})" if told else ""
    return f"the difference is statistically significant at the 0.05 level{order}."


def _main_effect(test: TestResult) -> str:
    """The effect size a test leads with, and its interval."""
    for effect, size in test.effect_size.items():
        if isinstance(size, float | int):
            interval = test.effect_size.get(f"{effect}_ci95") or test.effect_size.get("ci95")
            unit = test.unit if effect.endswith(("_difference", "lehmann")) else None
            return f"; {effect_name(effect)} = {amount(size, unit)}{_span(interval, unit)}"
    return ""


def _word_equivalence(test: TestResult) -> str:
    if test.p_value is None:
        return f"Equivalence could not be tested. {test.why or ''}".strip()
    statistic = f"{statistic_text(test)}, " if test.statistic is not None else ""
    why = (test.why or "").split(": ", maxsplit=1)[-1]
    return f"**Equivalence**, {name_of_test(test)}: {statistic}p = {probability(test.p_value)}. {capital(why)}".strip()


def _word_time_trend(test: TestResult) -> str:
    slope = test.effect_size.get("slope")
    if test.p_value is None or not isinstance(slope, float):
        return f"No trend over time could be tested. {capital((test.why or '').removeprefix('No test: '))}".strip()
    per = "per 1,000 frames" if "frames" in (test.why or "") else "per minute"
    way = "a rise" if slope > 0 else "a fall"
    claim = (
        f"{way} that is statistically significant"
        if test.p_value < _LEVEL
        else "not statistically significant"
    )
    span = _span(test.effect_size.get("slope_ci95"), test.unit)
    return f"Trend: {amount(slope, test.unit)} {per}{span}, {statistic_text(test)}, p = {probability(test.p_value)}; {claim} at the 0.05 level. {test.why or ''}".strip()


def _pairs(test: TestResult) -> str:
    """The pairs of several groups, with p values corrected for how many they are."""
    if not test.posthoc:
        return ""
    known = [pair.p_value for pair in test.posthoc if pair.p_value is not None]
    if len(known) == len(test.posthoc) > _MOST_PAIRS_ALIKE and min(known) >= _LEVEL:
        how = f", {name_of_test(test.posthoc[0])}" if test.posthoc[0].name else ""
        return f"The {len(known)} pairs do not differ significantly{how} (smallest corrected p = {probability(min(known))})."
    lines = []
    for pair in test.posthoc[:_MOST_PAIRS]:
        names = " vs ".join(pair.groups) or (pair.measure or "")
        if pair.term:
            told = all(name in pair.term for name in pair.groups)
            names = pair.term if told else f"{pair.term}: {names}"
        if pair.p_value is None:
            lines.append(f"- {names}: {pair.why or 'not tested'}")
            continue
        difference = pair.effect_size.get("mean_difference")
        shown = (
            f"difference {amount(difference, test.unit)}{_span(pair.effect_size.get('mean_difference_ci95'))}, "
            if isinstance(difference, float | int)
            else ""
        )
        side = "significant" if pair.p_value < _LEVEL else "not significant"
        lines.append(f"- {names}: {shown}corrected p = {probability(pair.p_value)}, {side}")
    if len(test.posthoc) > _MOST_PAIRS:
        lines.append("- and further pairs, which the table lists")
    how, name = (
        test.posthoc[0].correction or "",
        name_of_test(test.posthoc[0]) if test.posthoc[0].name else "",
    )
    by = f"{f', {name}' if name else ''}{f' ({how})' if how and how not in name else ''}"
    return f"Pairs of groups{by}:\n" + "\n".join(lines)


def _outliers(found: Sequence[Influence], test: TestResult) -> str:
    """Name outliers, which stay in, and what the test says without each."""
    outliers = [one for one in found if one.outlier]
    if not outliers:
        changing = [one for one in found if one.changes]
        said = [
            f"Without {_animal(one)} p would be {_p(one)}: the conclusion rests on this animal."
            for one in changing
        ]
        return " ".join(said)
    told = []
    for one in outliers[:4]:
        without = f"without it p = {_p(one)}, {'which changes' if one.changes else 'which does not change'} the conclusion"
        told.append(
            f"{_animal(one)} ({amount(one.value, test.unit)}; {without if one.p_value is not None else 'no test without it'})"
        )
    more = f" and {len(outliers) - 4} more" if len(outliers) > 4 else ""
    return f"Far from the rest of their group, and kept: {'; '.join(told)}{more}."


def _animal(one: Influence) -> str:
    return f"{one.animal} in {one.group}" if one.group else one.animal


def _p(one: Influence) -> str:
    return "not available" if one.p_value is None else probability(one.p_value)


def _assumptions(checks: Sequence[AssumptionCheck]) -> str:
    """What the checks of the assumptions show; no test was chosen by them."""
    shown = checks if len(checks) <= _MOST_CHECKS else [check for check in checks if check.holds is False]
    told = []
    for check in shown:
        name = _CHECKS.get(check.name, check.name.replace("_", " "))
        if check.p_value is None:
            told.append(f"{name} of {check.about} not possible")
            continue
        doubt = " (doubtful)" if check.holds is False else ""
        told.append(f"{name} of {check.about} p = {probability(check.p_value)}{doubt}")
    return f"Assumptions, which did not choose the test: {'; '.join(told)}." if told else ""


def _further_effects(test: TestResult) -> str:
    """Effects besides the one the test leads with and the difference of the means."""
    sizes = [name for name, size in test.effect_size.items() if isinstance(size, float | int)]
    told = []
    for name in sizes[1:]:
        if name in _FURTHER:
            size, interval = test.effect_size[name], test.effect_size.get(f"{name}_ci95")
            unit = test.unit if name.endswith(("_difference", "lehmann")) else None
            shown = amount(size, unit) if isinstance(size, float | int) else ""
            told.append(f"{effect_name(name)} {shown}{_span(interval, unit)}")
    return f"Also: {'; '.join(told)}." if told else ""


# ----------------------------------------------------------------- many comparisons
def word_family(item: Evidence) -> str:
    """How many were tested, which differ after correction, and how much."""
    if not item.tests:
        return word_summary(item)
    method = str(item.arguments.get("correct_by") or "holm")
    tested = [test for test in item.tests if test.p_value is not None]
    differing = [test for test in tested if test.corrected.get(method, 1.0) < _LEVEL]
    of = str(item.arguments.get("of") or "behaviors")
    what = "measures" if of in ("behaviors", "zones") else of
    if not tested:
        return f"None of the {len(item.tests)} {what} could be tested: the values have no spread to test against. [{item.evidence_id}]"
    names = " and ".join(
        part for part in (", ".join([*tested[0].groups][:-1]), [*tested[0].groups][-1]) if part
    )
    head = f"**{len(differing)} of {len(tested)}** {what} compared between {names} differ after {_CORRECTIONS[method]} correction [{item.evidence_id}]"
    shown = differing or (tested if len(tested) <= _MOST_PAIRS else [])
    lines = [_member_line(test, method) for test in shown[:_MOST_MEMBERS]]
    text = head + (":\n" + "\n".join(lines) if lines else ".")
    return "\n\n".join(part for part in (text, _rest_of_family(tested, differing, method)) if part)


def _member_line(test: TestResult, method: str) -> str:
    means = ", ".join(
        f"{name} {amount(group.mean, test.unit)}"
        for name, group in test.groups.items()
        if group.mean is not None
    )
    assert test.p_value is not None
    name = (
        (test.measure or test.name)
        .replace("bout_count of", "number of bouts of")
        .replace("total_duration of", "time of")
    )
    return f"- {name}: {means}{_main_effect(test)}, p = {probability(test.p_value)}, corrected p = {probability(test.corrected[method])}"


def _rest_of_family(tested: Sequence[TestResult], differing: Sequence[TestResult], method: str) -> str:
    """What was not found, and what the other corrections say."""
    rest = [test for test in tested if test not in differing]
    said = []
    if rest:
        nearest = min(test.corrected.get(method, 1.0) for test in rest)
        said.append(
            f"The other {len(rest)} do not differ significantly (smallest corrected p = {probability(nearest)}); "
            f"{_SAME_IS_ANOTHER_CLAIM}."
            if differing
            else f"Smallest corrected p = {probability(nearest)}; {_SAME_IS_ANOTHER_CLAIM}."
        )
    counts = [
        f"{sum(test.corrected.get(name, 1.0) < _LEVEL for test in tested)} by {_CORRECTIONS[name]}"
        for name in _CORRECTIONS
        if name != method
    ]
    said.append(f"Other corrections: {', '.join(counts)}. One test per measure, one value per animal.")
    said.append(f"Each by {name_of_test(tested[0])}.")
    return " ".join(said)


# ----------------------------------------------------------------- two factors
def word_two_factors(item: Evidence) -> str:
    """Means of the cells, then each effect, the interaction first."""
    if not item.tests:
        return word_summary(item)
    factors = [str(name) for name in item.arguments.get("factors") or ()]
    title = subject_of(item, item.values) if item.values else (item.tests[0].measure or "")
    modeled = "mixed_model" in {test.name for test in item.tests}
    unit = "the animal as random effect" if modeled else "one value per animal"
    head = f"{capital(title)} by {' and '.join(factors)}, {unit} [{item.evidence_id}]:"
    cells = [value for value in item.values if value.statistic == "mean" and len(value.group) >= 2]
    lines = [
        f"- {', '.join(value.group.values())}: mean {amount(value.value, value.unit)}, n = {value.n}"
        for value in cells
    ]
    effects = [_term_line(test) for test in sorted(item.tests, key=lambda test: ":" not in (test.term or ""))]
    simple = [_pairs(test) for test in item.tests if test.posthoc]
    why = next((test.why for test in item.tests if test.why), "")
    return "\n\n".join(part for part in ("\n".join([head, *lines]), "\n".join(effects), *simple, why) if part)


def _term_line(test: TestResult) -> str:
    name = (test.term or test.name).replace(":", " × ")
    kind = "interaction" if ":" in (test.term or "") else "effect"
    if test.p_value is None:
        return f"- {name}: not tested. {test.why or ''}".strip()
    statistic = f"{statistic_text(test)}, " if test.statistic is not None else ""
    side = "statistically significant" if test.p_value < _LEVEL else "not statistically significant"
    return f"- {name} ({kind}): {statistic}p = {probability(test.p_value)}{_main_effect(test)}; {side} at the 0.05 level"


# ----------------------------------------------------------------- sample sizes
def word_power(item: Evidence) -> str:
    """How many animals, for what; the assumptions stand in the notes."""
    return f"{item.summary} [{item.evidence_id}]"


# ----------------------------------------------------------------- two quantities
def word_correlate(item: Evidence) -> str:
    """Coefficient, interval, p and n."""
    if not item.tests:
        return word_summary(item)
    return "\n\n".join(_word_correlation(test, item) for test in item.tests)


def _word_correlation(test: TestResult, item: Evidence) -> str:
    mark = f"[{item.evidence_id}]"
    within = _within(test)
    if test.statistic is None or test.p_value is None:
        return (
            f"{within}No correlation can be given. {(test.why or '').removeprefix('No correlation: ')} {mark}"
        )
    n = _n_of(test, item)
    counted = f", n = {n}" if n else ""
    kind = "No statistically significant" if test.p_value >= _LEVEL else "A statistically significant"
    claim = f"{kind} association at the 0.05 level; an association does not show what brings it about."
    x, y = (quantity_words(item.arguments[key]) for key in ("x", "y"))
    if test.name == "linear_trend":
        slope = test.effect_size.get("slope")
        shown = amount(slope, test.unit) if isinstance(slope, int | float) else "not known"
        span = _span(test.effect_size.get("slope_ci95"), test.unit)
        return (
            f"{within}Linear trend of the {y} over the {x}: **{shown}** for each unit more{span}, p = {probability(test.p_value)}"
            f"{counted} {mark}. {claim}"
        )
    symbol = "r" if "pearson" in test.name else "rho"
    return (
        f"{within}{capital(test.name.replace('_', ' '))} correlation of the {x} and {y}: {symbol} = **{test.statistic:.4f}**"
        f"{_span(test.effect_size.get('ci95'))}, p = {probability(test.p_value)}{counted} {mark}. {claim}"
    )


def _within(test: TestResult) -> str:
    """The group that a correlation is within, where it is within one."""
    _, opened, group = (test.measure or "").partition(" (")
    return f"Within {group.rstrip(')')}: " if opened else ""


def _n_of(test: TestResult, item: Evidence) -> int | None:
    """Animals of the group that a correlation is within."""
    told = _within(test)
    for value in item.values:
        labels = [f"{key} {name}" for key, name in value.group.items() if key not in ("x", "y")]
        if value.n and (labels and all(label in told for label in labels) if told else not labels):
            return value.n
    return None
