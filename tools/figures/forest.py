"""A family of tests as a forest plot: one effect with its interval per measure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.evidence import Figure, TestResult
from ethochat.tools.figures.captions import effect_name, effect_of, effect_text, main_effect
from ethochat.tools.figures.colors import FAINT, INK, PALETTE
from ethochat.tools.figures.sheet import Json, axis, on_two_lines, safe, sheet, words
from ethochat.tools.wording import p_text

_CORRECTIONS: Final[Mapping[str, str]] = {
    "holm": "Holm", "fdr_bh": "Benjamini-Hochberg", "fdr_by": "Benjamini-Yekutieli",
}  # fmt: skip
_LEVEL: Final = 0.05
_NAME_WIDTH: Final = 24
_PART: Final = re.compile(r"(?P<measure>[^()]+) \((?P<column>\w+) (?P<name>.+)\)")
"""How a test of a part of a measure is named: ``percent_time (behavior running)``."""


def forest_figure(
    tests: Sequence[TestResult],
    effect: str = "hedges_g",
    *,
    correction: str = "holm",
    title: str | None = None,
) -> Figure:
    """Draw the effect of each test with its 95 % interval, largest first.

    Parameters
    ----------
    tests
        One per measure; those without the effect are counted under the title.
    effect
        Name of the effect size; where no test has it, the one that the first test leads with.
    correction
        Which corrected p value marks a test; the plain p value where a test has no corrected one.

    Raises
    ------
    ToolFailedError
        When no test has an effect size.
    """
    known = [test for test in tests if effect_of(test, effect) is not None]
    if not known:
        effect = next((name for test in tests if (name := main_effect(test))), effect)
        known = [test for test in tests if effect_of(test, effect) is not None]
    if not known:
        raise ToolFailedError("None of the tests has an effect size to draw.")
    known.sort(key=lambda test: -_effect(test, effect)[0])
    marked = [_p(test, correction) for test in known]
    names = _row_names(known)
    data = [
        _dots(known, names, marked, effect=effect, holds=holds, correction=correction)
        for holds in (True, False)
    ]
    sides = _sides(known)
    ticks = [on_two_lines(name, _NAME_WIDTH) for name in names]
    row = 30 if any("<br>" in tick for tick in ticks) else 24
    y = axis(
        "", tickmode="array", tickvals=list(range(len(known))), ticktext=ticks, range=[len(known) - 0.4, -0.6],
        showgrid=False, zeroline=False, tickfont={"size": 11},
    )  # fmt: skip
    x = axis(f"{effect_name(effect)}{f' ({sides})' if sides else ''}", width=28)
    return sheet(
        title or _title(known),
        data,
        notes=_notes(tests, known, correction),
        xaxis=x,
        yaxis=y,
        plot_height=max(110, row * len(known) + 20),
        right=62,
        shapes=[_zero()],
        annotations=[_p_mark(place, p) for place, p in enumerate(marked)],
    )


def _row_names(tests: Sequence[TestResult]) -> list[str]:
    """Name of each row; where all are parts of one measure, the part alone."""
    names = [test.measure or test.term or test.name for test in tests]
    parts = [_PART.fullmatch(name) for name in names]
    known = [part for part in parts if part is not None]
    if len(known) == len(names) and len({(part["measure"], part["column"]) for part in known}) == 1:
        return [part["name"] for part in known]
    return [words(name) for name in names]


def _effect(test: TestResult, name: str) -> tuple[float, tuple[float, float] | None]:
    found = effect_of(test, name)
    assert found is not None
    return found


def _p(test: TestResult, correction: str) -> float | None:
    return test.corrected.get(correction, test.p_value)


def _dots(
    tests: Sequence[TestResult],
    names: Sequence[str],
    marked: Sequence[float | None],
    *,
    effect: str,
    holds: bool,
    correction: str,
) -> Json:
    """Draw effects; filled where the corrected p is below 0.05, open elsewhere."""
    own = [
        (place, test)
        for place, (test, p) in enumerate(zip(tests, marked, strict=True))
        if (p is not None and p < _LEVEL) is holds
    ]
    found = [_effect(test, effect) for _, test in own]
    color = PALETTE[0] if holds else FAINT
    told = [
        f"{safe(names[place])}<br>{effect_name(effect)} {effect_text(*item)}{_told_p(test, correction)}"
        for (place, test), item in zip(own, found, strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [item for item, _ in found],
        "y": [place for place, _ in own],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [ends[1] - item if ends else 0.0 for item, ends in found],
            "arrayminus": [item - ends[0] if ends else 0.0 for item, ends in found],
            "color": color,
            "thickness": 1.5,
            "width": 3,
        },
        "marker": {
            "color": color if holds else "white",
            "symbol": "circle",
            "size": 9,
            "line": {"color": color, "width": 2},
        },
        "text": told,
        "hovertemplate": "%{text}<extra></extra>",
        "name": "p < 0.05" if holds else "p ≥ 0.05",
        "cliponaxis": False,
    }


def _told_p(test: TestResult, correction: str) -> str:
    plain = f"<br>{p_text(test.p_value)}" if test.p_value is not None else "<br>no p value"
    corrected = test.corrected.get(correction)
    return plain if corrected is None else f"{plain}, {_name(correction)} {p_text(corrected)}"


def _name(correction: str) -> str:
    return _CORRECTIONS.get(correction, correction)


def _zero() -> Json:
    return {
        "type": "line",
        "xref": "x",
        "x0": 0,
        "x1": 0,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"color": INK, "width": 1, "dash": "dot"},
    }


def _p_mark(place: int, p: float | None) -> Json:
    """Write p beside its row, in bold where it marks the row."""
    text = "–" if p is None else f"{p:.3f}" if p >= 0.001 else "&lt; 0.001"
    bold = p is not None and p < _LEVEL
    return {
        "xref": "paper", "x": 1, "xshift": 8, "xanchor": "left", "yref": "y", "y": place, "yanchor": "middle",
        "text": f"<b>{text}</b>" if bold else text, "showarrow": False, "font": {"size": 11},
    }  # fmt: skip


def _sides(tests: Sequence[TestResult]) -> str:
    """Which group a positive effect speaks for, where all tests compare the same two."""
    pairs = {tuple(test.groups) for test in tests}
    if len(pairs) != 1 or len(first := pairs.pop()) != 2:
        return ""
    return f"{first[0]} minus {first[1]}"


def _title(tests: Sequence[TestResult]) -> str:
    sides = _sides(tests)
    part = _PART.fullmatch(tests[0].measure or "")
    if part is not None and len(set(_row_names(tests)) & {words(test.measure or "") for test in tests}) == 0:
        head = f"{words(part['measure'])} of each {part['column']}"
        return f"{head}, {sides}" if sides else head
    return f"Differences, {sides}" if sides else f"Effect sizes of {len(tests)} tests"


def _notes(tests: Sequence[TestResult], known: Sequence[TestResult], correction: str) -> list[str]:
    corrected = any(correction in test.corrected for test in known)
    n = max((test.n_tests or 0 for test in known), default=0) or len(tests)
    how = f"{_name(correction)}, {n} tests" if corrected else "not corrected"
    notes = [f"Effect with 95 % interval. Filled: p < 0.05 ({how}); p at the right."]
    if len(known) < len(tests):
        notes.append(
            f"{len(tests) - len(known)} of {len(tests)} tests have no effect size and are not drawn."
        )
    return notes
