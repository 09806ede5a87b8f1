"""Statistical tests as HTML: what was found in sight, checks, pairs and single animals folded; names are text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from ethochat.tools.evidence import AssumptionCheck, Influence, TestResult
from ethochat.tools.figures.captions import effect_name, main_effect, name_of_test
from ethochat.tools.wording import number, p_text
from ethochat.ui.steps import plain_name

_MOST_OPEN: Final = 3
"""More tests than this are a table with the rest folded."""
_CORRECTIONS: Final[Mapping[str, str]] = {
    "holm": "Holm", "fdr_bh": "Benjamini-Hochberg", "fdr_by": "Benjamini-Yekutieli",
}  # fmt: skip
_CHECKS: Final[Mapping[str, str]] = {
    "shapiro_wilk": "normal distribution (Shapiro-Wilk)",
    "brown_forsythe": "equal variances (Brown-Forsythe)",
    "levene": "equal variances (Levene)",
    "mauchly": "sphericity (Mauchly)",
}
Row = Sequence[str]


def html_of_tests(tests: Sequence[TestResult]) -> str:
    """Write tests as HTML: up to three in full, more as a table above folded ones."""
    if len(tests) <= _MOST_OPEN:
        return "".join(f"<section><h3>{escape(_title(test))}</h3>{_body(test)}</section>" for test in tests)
    folded = "".join(_folded(_title(test), _body(test)) for test in tests)
    return f"{_overview(tests)}<div class='each'>{folded}</div>"


def _title(test: TestResult) -> str:
    about = " of ".join(plain_name(part) for part in (test.measure,) if part)
    name = name_of_test(test)
    head = f"{name[:1].upper()}{name[1:]}{f' of {about}' if about else ''}"
    return f"{head}: {test.term.replace(':', ' × ')}" if test.term else head


def _body(test: TestResult) -> str:
    lines: dict[str, Sequence[str]] = {
        "statistic": [_number(test.statistic)],
        "df": [", ".join(f"{part:.4g}" for part in _parts(test.df))],
        "p": ["" if test.p_value is None else _p(test.p_value)],
        "corrected p": _corrected(test),
        "effect": _effects(test),
        "correction": [test.correction or ""],
        "test": [test.why or ""],
        "evidence": [test.evidence_id or ""],
    }
    shown = {term: [line for line in said if line] for term, said in lines.items()}
    items = "".join(
        f"<dt>{term}</dt><dd>{'<br>'.join(escape(line) for line in said)}</dd>"
        for term, said in shown.items()
        if said
    )
    return f"{_groups(test)}<dl>{items}</dl>{_posthoc(test)}{_checks(test.checks)}{_influence(test.influence, test.unit)}"


# ----------------------------------------------------------------- what was found
def _groups(test: TestResult) -> str:
    """Groups as a small table."""
    if not test.groups:
        return ""
    unit = f" ({test.unit})" if test.unit else ""
    rows = [
        (name, str(item.n), _number(item.mean), _number(item.sd), _interval(item.ci95), _number(item.median))
        for name, item in test.groups.items()
    ]
    return _table(("group", "n", f"mean{unit}", "SD", "95 % interval", "median"), rows)


def _corrected(test: TestResult) -> list[str]:
    many = f", {test.n_tests} tests" if test.n_tests else ""
    return [f"{_p(p)} ({_CORRECTIONS.get(name, name)}{many})" for name, p in test.corrected.items()]


def _effects(test: TestResult) -> list[str]:
    """Effect sizes with their intervals, the main one first."""
    main, said = main_effect(test), []
    for name, effect in test.effect_size.items():
        if name.endswith("ci95") or not isinstance(effect, int | float):
            continue
        ends = test.effect_size.get(f"{name}_ci95") or (
            test.effect_size.get("ci95") if name == main else None
        )
        interval = f", 95 % interval {_interval(ends)}" if isinstance(ends, list) else ""
        said.append(f"{effect_name(name)} {number(effect)}{interval}")
    if main is None and isinstance(ends := test.effect_size.get("ci95"), list):
        said.append(f"95 % interval {_interval(ends)}")
    return said


def _overview(tests: Sequence[TestResult]) -> str:
    """All tests of a family as one table."""
    correction = next((name for test in tests for name in test.corrected), None)
    effect = main_effect(tests[0])
    head = ["what", "p", *([f"p ({_CORRECTIONS.get(correction, correction)})"] if correction else [])]
    head += [effect_name(effect), "95 % interval"] if effect else []
    rows = []
    for test in tests:
        row = [plain_name(test.measure or test.term or test.name), _p(test.p_value)]
        row += [_p(test.corrected.get(correction))] if correction else []
        if effect:
            found = test.effect_size.get(effect)
            ends = test.effect_size.get(f"{effect}_ci95", test.effect_size.get("ci95"))
            row += [
                _number(found if isinstance(found, int | float) else None),
                _interval(ends if isinstance(ends, list) else None),
            ]
        rows.append(row)
    return _table(head, rows)


# ----------------------------------------------------------------- folded
def _posthoc(test: TestResult) -> str:
    if not test.posthoc:
        return ""
    effect = main_effect(test.posthoc[0])
    rows = []
    for pair in test.posthoc:
        found = pair.effect_size.get(effect) if effect else None
        ends = pair.effect_size.get(f"{effect}_ci95", pair.effect_size.get("ci95"))
        rows.append(
            (
                " minus ".join(pair.groups) or pair.term or pair.measure or "",
                _number(pair.statistic),
                _p(pair.p_value),
                _number(found if isinstance(found, int | float) else None),
                _interval(ends if isinstance(ends, list) else None),
            )
        )
    how = next((pair.correction for pair in test.posthoc if pair.correction), None)
    name = name_of_test(test.posthoc[0])
    said = f", {how}" if how and how not in name else ""
    head = f"{len(rows)} {'pair' if len(rows) == 1 else 'pairs'} of groups: {name}{said}"
    columns = ("pair", "statistic", "p", effect_name(effect) if effect else "effect", "95 % interval")
    return _folded(head, _table(columns, rows))


def _checks(checks: Sequence[AssumptionCheck]) -> str:
    """Assumptions; the headline says whether one of them is in doubt."""
    if not checks:
        return ""
    failing = sum(check.holds is False for check in checks)
    head = (
        f"Assumptions: {failing} of {len(checks)} in doubt"
        if failing
        else f"Assumptions: {len(checks)} looked at, none in doubt"
    )
    verdicts = {True: "nothing against it", False: "in doubt", None: "not looked at"}
    rows = [
        (
            _CHECKS.get(check.name, plain_name(check.name)),
            check.about,
            _number(check.statistic),
            _p(check.p_value),
            check.note or verdicts[check.holds],
        )
        for check in checks
    ]
    return _folded(head, _table(("assumption", "of", "statistic", "p", "verdict"), rows))


def _influence(influence: Sequence[Influence], unit: str | None) -> str:
    """Outliers and the animals that matter most; all of them stay in the test."""
    if not influence:
        return ""
    outliers = sum(item.outlier for item in influence)
    turning = sum(item.changes for item in influence)
    head = f"Single animals: {outliers} {'outlier' if outliers == 1 else 'outliers'}, all kept"
    if turning:
        head += f"; without {'one' if turning == 1 else f'any one of {turning}'} of them p is on the other side of 0.05"
    rows = [
        (
            item.animal,
            item.group or "",
            _number(item.value),
            "yes" if item.outlier else "no",
            _p(item.p_value),
            _number(item.effect),
        )
        for item in influence
    ]
    columns = (
        "animal",
        "group",
        f"value{f' ({unit})' if unit else ''}",
        "outlier",
        "p without it",
        "effect without it",
    )
    return _folded(head, _table(columns, rows))


# ----------------------------------------------------------------- pieces
def _folded(head: str, body: str) -> str:
    return f"<details><summary>{escape(head)}</summary>{body}</details>"


def _table(head: Row, rows: Sequence[Row]) -> str:
    """Write a table without the columns that are empty throughout; all but the first column are numbers or short."""
    kept = [place for place in range(len(head)) if any(row[place] for row in rows)]
    top = "".join(f"<th>{escape(head[place])}</th>" for place in kept)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(row[place])}</td>" for place in kept) + "</tr>" for row in rows
    )
    return f"<div class='table'><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _p(p: float | None) -> str:
    return "" if p is None else p_text(p).removeprefix("p = ")


def _number(value: float | None) -> str:
    return "" if value is None else number(value)


def _interval(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f"{number(ends[0])} to {number(ends[1])}"


def _parts(value: float | Sequence[float] | None) -> Sequence[float]:
    if value is None:
        return ()
    return (value,) if isinstance(value, int | float) else value
