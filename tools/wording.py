"""Evidence becomes the short text a chat model reads.

Numbers have four significant digits, long lists say how much was cut, flags are sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Final

from ethochat.tools.arguments import Condition
from ethochat.tools.evidence import AssumptionCheck, ClipRef, Evidence, Influence, TestResult, Value

MAX_ROWS: Final = 12


def number(value: float) -> str:
    """Write a number with four significant digits; whole numbers in full."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    rounded = f"{value:.4g}"
    if "e" in rounded and 1e-4 <= abs(value) < 1e7:
        return f"{value:.0f}"
    return rounded


def p_text(p: float) -> str:
    """Write a p value: three significant digits, powers of ten below 0.001."""
    return f"p = {p:.3g}" if p >= 0.001 else f"p = {p:.2e}"


def quantity(value: float | str | None, unit: str | None) -> str:
    """Write a value with its unit."""
    if value is None:
        return "no value"
    text = value if isinstance(value, str) else number(value)
    if unit in (None, "", "count"):
        return text
    return f"{text}{unit}" if unit == "%" else f"{text} {unit}"


def some(n: float, noun: str) -> str:
    """Write how many of something: "1 session", "3 sessions"."""
    return f"{number(n)} {noun}{'' if n == 1 else 's'}"


_OPERATOR_WORDS: Final = {
    "==": "", "!=": "not ", ">": "above ", ">=": "at least ", "<": "below ", "<=": "at most ", "in": "", "not in": "not ",
}  # fmt: skip


def condition_words(condition: Condition) -> str:
    """Write a condition on a metadata column: "dose at least 2", "sex not female"."""
    values = condition.value if isinstance(condition.value, list) else [condition.value]
    shown = " or ".join(number(value) if isinstance(value, int | float) else value for value in values)
    return f"{condition.column} {_OPERATOR_WORDS[condition.op]}{shown}"


def value_line(value: Value) -> str:
    """One value as a line: what, of whom, how much."""
    who = [f"{key}={text}" for key, text in value.group.items()]
    if value.session_id:
        who.insert(0, value.session_id)
    if value.subject_id and value.subject_id != value.session_id:
        who.append(f"subject {value.subject_id}")
    if value.bin_start_s is not None:
        who.append(f"from {number(value.bin_start_s)}")
    name = value.name if value.statistic in (None, value.name) else f"{value.name} ({value.statistic})"
    line = f"{name}{' [' + ', '.join(who) + ']' if who else ''}: {quantity(value.value, value.unit)}"
    if value.n is not None and value.statistic is not None:
        line += f", n={value.n}"
    return line + (f" ({value.note.rstrip('.')})" if value.note else "")


def test_lines(test: TestResult) -> list[str]:
    """A test as lines: the groups, the statistic, the effect."""
    lines = [test.measure] if test.measure else []
    for name, group in test.groups.items():
        parts = [f"n={group.n}"]
        for label, item in (
            ("mean", group.mean),
            ("sd", group.sd),
            ("sem", group.sem),
            ("median", group.median),
        ):
            if item is not None:
                parts.append(f"{label} {quantity(item, test.unit)}")
        lines.append(f"{name}: {', '.join(parts)}")
    head = f"{test.name} of {test.term}" if test.term else test.name
    if test.statistic is not None:
        head += f": statistic {number(test.statistic)}"
    if isinstance(test.df, tuple):
        head += f", df {number(test.df[0])} and {number(test.df[1])}"
    elif test.df is not None:
        head += f", df {number(test.df)}"
    head += f", {p_text(test.p_value)}" if test.p_value is not None else ", no p value"
    if test.correction:
        head += f" ({test.correction})"
    effects = _effects(test)
    lines.append(head + (f"; {', '.join(effects)}" if effects else ""))
    if test.why:
        lines.append(test.why)
    lines += [_pair_line(pair) for pair in test.posthoc[:MAX_ROWS]]
    lines += [_check_line(check) for check in test.checks if check.holds is False]
    lines += [_influence_line(one) for one in test.influence if one.outlier or one.changes]
    return lines


def _effects(test: TestResult) -> list[str]:
    """Effects with their intervals; ``ci95`` is the interval of the first one, which has it under its own name as well."""
    said = []
    for name, item in test.effect_size.items():
        if isinstance(item, int | float):
            interval = test.effect_size.get(f"{name}_ci95")
            span = (
                f" (95% CI {number(interval[0])} to {number(interval[1])})"
                if isinstance(interval, list)
                else ""
            )
            said.append(f"{name} {number(item)}{span}")
        elif (
            item is not None
            and not name.endswith("_ci95")
            and (name != "ci95" or len(said) == 0 or not _has_own(test))
        ):
            said.append(f"{name} {number(item[0])} to {number(item[1])}")
    return said


def _has_own(test: TestResult) -> bool:
    return any(name.endswith("_ci95") for name in test.effect_size)


def _pair_line(pair: TestResult) -> str:
    names = " vs ".join(pair.groups) or pair.term or pair.name
    if pair.p_value is None:
        return f"pair {names}: no p value. {pair.why or ''}".strip()
    return f"pair {names}: {pair.name} {p_text(pair.p_value)}{f' ({pair.correction})' if pair.correction else ''}"


def _check_line(check: AssumptionCheck) -> str:
    p = f", {p_text(check.p_value)}" if check.p_value is not None else ""
    return f"doubtful assumption: {check.name} of {check.about}{p} (shown only; it did not choose the test)"


def _influence_line(one: Influence) -> str:
    kind = "outlier, kept" if one.outlier else "most influential animal"
    p = f"without it {p_text(one.p_value)}" if one.p_value is not None else "no test without it"
    return f"{kind}: {one.animal}{f' in {one.group}' if one.group else ''}, {number(one.value)}; {p}{', which changes the conclusion' if one.changes else ''}"


def clip_line(clip: ClipRef) -> str:
    """One clip as a line."""
    line = f"{clip.session_id} {number(clip.start_time)}-{number(clip.stop_time)}"
    if clip.individual:
        line += f" {clip.individual}"
    if clip.score is not None:
        line += f" (score {clip.score:.2f})"
    if clip.seen is not None:
        line += f" [{clip.seen}]"
    return line + (f": {clip.description}" if clip.description else "")


_PARTS: Final = (("half", 2), ("third", 3), ("quarter", 4), ("fifth", 5), ("tenth", 10))
_NTH: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def part_name(start: float | None, stop: float | None) -> str:
    """Name a share of a session as one would say it: ``second half``, ``first 20 %``, ``25 to 75 % of the session``."""
    low, high = start or 0.0, 1.0 if stop is None else stop
    for word, n in _PARTS:
        place = round(low * n)
        if abs(place - low * n) < 1e-9 and abs(place + 1 - high * n) < 1e-9:
            return f"{'last' if place == n - 1 and n > 2 else _NTH[place]} {word}"
    if not low:
        return f"first {100 * high:g} %"
    return f"last {100 * (1 - low):g} %" if high == 1 else f"{100 * low:g} to {100 * high:g} % of the session"


def natural_key(name: str) -> tuple[int, float, str]:
    """Key by which numbers are sorted as numbers, before words; different names never tie."""
    try:
        number = float(name)
    except ValueError:
        return 1, 0.0, name
    return (0, number, name) if isfinite(number) else (1, 0.0, name)


def window_name(
    start_s: float | None,
    stop_s: float | None,
    unit: str,
    parts: tuple[float | None, float | None] = (None, None),
) -> str:
    """Name a time window as one would say it: ``first 60 s``, ``last 30 s``, ``60 to 120 s``, ``second half``.

    Parameters
    ----------
    parts
        Start and end as shares of each session's length, where the window is one of them.
    """
    if parts != (None, None):
        return part_name(*parts)
    start, stop = start_s or 0.0, stop_s
    if start < 0 and stop is None:
        return f"last {-start:g} {unit}"
    if start == 0 and stop is not None and stop > 0:
        return f"first {stop:g} {unit}"
    if stop is None:
        return f"from {start:g} {unit}" if start else "whole session"
    ends = [f"{time:g}" if time >= 0 else f"{-time:g} {unit} before the end" for time in (start, stop)]
    return f"{ends[0]} to {ends[1]}{f' {unit}' if stop >= 0 else ''}"


def summarize_evidence(evidence: Evidence, *, lead: str = "") -> str:
    """Write what a tool found, shortly.

    Parameters
    ----------
    lead
        A sentence to put first.
    """
    lines = [lead] if lead else []
    for test in evidence.tests:
        lines.extend(test_lines(test))
    values = [] if evidence.tests and not _beyond_groups(evidence) else evidence.values
    lines.extend(
        _shown([value_line(value) for value in values], "rows; ask for fewer groups, a limit or an order")
    )
    lines.extend(_shown([clip_line(clip) for clip in evidence.clips], "clips; ask for a smaller limit"))
    lines.extend(f"Figure: {figure.title}" for figure in evidence.figures)
    lines.extend(evidence.flags)
    return "\n".join(lines)


def _beyond_groups(evidence: Evidence) -> bool:
    """Whether the values say more than the groups of the tests do."""
    return any(value.statistic not in ("mean", "median", "p_value") for value in evidence.values)


def _shown(lines: Sequence[str], what: str) -> list[str]:
    if len(lines) <= MAX_ROWS:
        return list(lines)
    return [*lines[:MAX_ROWS], f"… {len(lines) - MAX_ROWS} more {what}."]
