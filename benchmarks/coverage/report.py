"""The tables in words, for people who plan and read experiments with animals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.coverage.cells import Cell
from benchmarks.coverage.remedies import SKEWED, remedy

COUNTED = "Welch's t, each one counted as n"
BANDS: Mapping[str, tuple[float, float]] = {"coverage": (0.93, 0.97), "size": (0.03, 0.07)}
RARE = 0.1
"""Share of experiments without an interval from which a cell says so."""

METHODS: Mapping[str, str] = {
    "mean": "Mean of a group (Student's t)",
    "mean_difference": "Difference of two means (Welch)",
    "median_difference": "Difference of two medians (Price and Bonett)",
    "hedges_g": "Hedges g (noncentral t with Welch's degrees of freedom)",
    "cliffs_delta": "Cliff's delta (Feng and Cliff, with t)",
    "ratio_of_means": "Ratio of two means (Fieller, unequal variances)",
    "omega_squared": "Omega squared of three groups (noncentral F)",
    "paired_mean_difference": "Mean difference of pairs (Student's t)",
    "cohens_dz": "Cohen's dz of pairs (noncentral t)",
    "hedges_g_av": "Hedges g_av of pairs (Algina and Keselman)",
    "hodges_lehmann": "Hodges-Lehmann difference of pairs (exact, from Wilcoxon's test)",
    "pearson_r": "Pearson's r (Fisher)",
    "spearman_r": "Spearman's rho (Bonett and Wright)",
    "welch_t": "Welch's t",
    "student_t": "Student's t (only when asked for)",
    "mann_whitney_u": "Mann-Whitney U",
    "permutation": "Permutation of Welch's t",
    "welch_anova": "Welch's ANOVA, three groups",
    "anova": "ANOVA, three groups (only when asked for)",
    "kruskal_wallis": "Kruskal-Wallis, three groups",
    "paired_t": "Paired t",
    "wilcoxon": "Wilcoxon signed ranks",
    "rm_anova": "Repeated-measures ANOVA, Greenhouse-Geisser",
    "friedman": "Friedman",
    "mixed_model": "Linear mixed model",
    "pearson": "Pearson's correlation",
    "spearman": "Spearman's correlation",
    "tost_welch": "Equivalence of two groups (two one-sided Welch tests)",
    "tost_paired": "Equivalence of pairs (two one-sided paired t tests)",
}
"""Method to heading, in the order of the page."""

POPULATIONS = """\
| name | what it stands for |
|---|---|
| normal | bell-shaped values, such as the distance traveled by healthy animals |
| normal, SD 1 and 2 | the same, but the second group (or condition) spreads twice as much |
| gamma | moderately skewed values (skewness 1.4), such as total durations |
| lognormal | strongly skewed values (skewness 3.7), such as latencies |
| counts with zeros | 40 % of the animals never do it, the others 6 times on average with an overdispersed spread |
| …, shifted, doubled, times 1.6, more, correlated | the same with a real difference: that much between the groups or conditions |
"""

HEAD = """\
# How often the intervals and tests are right

A 95 % interval should hold the true value in 95 of 100 experiments, and a test at 0.05 should find a difference that
is not there in 5 of 100. Here both are counted in simulated experiments, of which the truth is known. Every number
comes from the functions that answer questions (`ethochat.tools.statistics`), on one value per animal.

Made by `make bench-coverage`: {repeats:,} seeded experiments per cell, fewer where it says so. Good means that
intervals hold the truth in .93 to .97 of the experiments and tests reject in .03 to .07. A cell is **bold** where it
lies outside by more than twice its simulation error (which is {error:.3f} for {repeats:,} experiments), or where most
experiments gave no interval; every bold cell is explained below, with what is reported instead. Columns are animals
per group; "5 / 15" is 5 animals in the first group and 15 in the second.
"""


EXCEPTIONS = """\
## Cells outside the band, and what is done there

Where it says that another method was tried, it was simulated in the same way when the method was chosen.
"""


def size_label(sizes: Sequence[int]) -> str:
    return str(sizes[0]) if len(set(sizes)) == 1 else " / ".join(map(str, sizes))


def outside(cell: Cell) -> bool:
    """Whether a cell lies outside of its band by more than the simulation error explains, or has hardly an interval."""
    if cell.kind not in BANDS:
        return False
    if cell.missing > cell.repeats:
        return True
    low, high = BANDS[cell.kind]
    # A rate of 0 or 1 has no error of its own: that of the edge of the band is the fair one.
    slack = 2.0 * max(
        cell.error, (low * (1.0 - low) / cell.repeats) ** 0.5 if cell.rate in (0.0, 1.0) else 0.0
    )
    return cell.rate < low - slack or cell.rate > high + slack


def shown(cell: Cell) -> str:
    if not cell.repeats:
        return "**none**"
    text = f"{cell.rate:.3f}".removeprefix("0")
    share = cell.missing / (cell.missing + cell.repeats)
    if outside(cell):
        text = f"**{text}**"
    return f"{text} ({share:.0%} none)" if share >= RARE else text


def table_of(cells: Sequence[Cell], repeats: int) -> str:
    """One method: populations down, sizes across."""
    columns = list(dict.fromkeys(cell.sizes for cell in cells))
    rows = list(dict.fromkeys(cell.population for cell in cells))
    found = {(cell.population, cell.sizes): shown(cell) for cell in cells}
    lines = ["| | " + " | ".join(map(size_label, columns)) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [
        f"| {row} | " + " | ".join(found.get((row, sizes), "") for sizes in columns) + " |" for row in rows
    ]
    fewest = min(cell.repeats + cell.missing for cell in cells)
    if fewest < repeats:
        whole = {cell.repeats + cell.missing for cell in cells} == {fewest}
        error = (0.95 * 0.05 / fewest) ** 0.5
        lines += [
            "",
            f"{'All' if whole else 'Some'} cells: {fewest:,} experiments (error {error:.3f}), since each takes long.",
        ]
    return "\n".join(lines)


def summary_of(methods: Mapping[str, Sequence[Cell]]) -> str:
    lines = ["| method | cells | inside | lowest | highest |", "|---|---|---|---|---|"]
    for method, cells in methods.items():
        good = sum(not outside(cell) for cell in cells)
        rates = [f"{cell.rate:.3f}".removeprefix("0") for cell in cells if cell.repeats] or ["none"]
        lines.append(f"| {METHODS[method]} | {len(cells)} | {good} | {min(rates)} | {max(rates)} |")
    return "\n".join(lines)


def by_method(cells: Iterable[Cell]) -> dict[str, list[Cell]]:
    """Cells of the methods of the page, in its order; what is only there as a warning has no heading here."""
    cells = list(cells)
    found = {
        method: [cell for cell in cells if cell.method == method and cell.kind in BANDS] for method in METHODS
    }
    return {method: some for method, some in found.items() if some}


def exceptions_of(methods: Mapping[str, Sequence[Cell]]) -> tuple[str, list[Cell]]:
    """Cells outside of the band with why and what instead, and those that nothing is known of."""
    lines: list[str] = []
    unexplained: list[Cell] = []
    for method, cells in methods.items():
        reasons: dict[str, list[Cell]] = {}
        for cell in cells:
            if outside(cell):
                reason = remedy(cell)
                if reason is None:
                    unexplained.append(cell)
                reasons.setdefault(reason or "Not explained.", []).append(cell)
        if reasons:
            lines += ["", f"**{METHODS[method]}**"]
        for reason, some in reasons.items():
            lines.append(f"- {listing(some)}. {reason}")
    return "\n".join(lines), unexplained


def listing(cells: Sequence[Cell]) -> str:
    """Populations with sizes and rates; those with the same ones together."""
    rows: dict[str, list[str]] = {}
    for cell in cells:
        rate = f"{cell.rate:.3f}".removeprefix("0") if cell.repeats else "none"
        rows.setdefault(cell.population, []).append(f"{size_label(cell.sizes)}: {rate}")
    alike: dict[str, list[str]] = {}
    for population, sizes in rows.items():
        alike.setdefault(", ".join(sizes), []).append(f"*{population}*")
    return "; ".join(f"{', '.join(names)} ({sizes})" for sizes, names in alike.items())


def lessons(cells: Sequence[Cell]) -> str:
    """What a reader should take from the tables, with the rates that are in them."""

    def span(method: str, *populations: str, sizes: str = "") -> str:
        rates = [
            cell.rate
            for cell in cells
            if cell.method == method
            and cell.kind in BANDS
            and cell.repeats
            and (not populations or cell.population.startswith(populations))
            and (sizes != "equal" or len(set(cell.sizes)) == 1)
            and (sizes != "unequal" or len(set(cell.sizes)) > 1)
        ]
        return " to ".join(f"{100 * rate:.0f}" for rate in (min(rates), max(rates))) if rates else "none"

    bouts, some_sessions = (f"1 to {most}" for most in (60, 6))
    return "\n".join(
        (
            f"- In groups of equal size Welch's interval of a difference of means holds the truth in "
            f"{span('mean_difference', sizes='equal')} of 100 experiments, whatever the shape of the values, and that of "
            f"Hedges g in {span('hedges_g', sizes='equal')}.",
            f"- In groups of unequal size with skewed values it holds in {span('mean_difference', *SKEWED, sizes='unequal')}; "
            f"that of the medians in {span('median_difference', *SKEWED, sizes='unequal')} and that of Cliff's delta in "
            f"{span('cliffs_delta', *SKEWED, sizes='unequal')}.",
            f"- The interval of one group's mean holds in {span('mean', 'normal')} of 100 for bell-shaped values, but in "
            f"{span('mean', 'lognormal', 'counts')} for latencies and for counts with many zeros: do not lean on it there.",
            f"- Student's t rejects in up to {span('student_t', 'normal, SD').split()[-1]} of 100 experiments without a "
            f"difference where a small group spreads more, Welch's in up to {span('welch_t', 'normal, SD').split()[-1]}: "
            "Welch's is the default.",
            "- Ranks need numbers: Mann-Whitney cannot reject below 4 and 4 animals, Wilcoxon not below six that differ, "
            "Spearman not below five.",
            f"- Counting sessions as animals claims a difference that is not there in "
            f"{span(COUNTED, some_sessions + ' ')} of 100 experiments, counting bouts in {span(COUNTED, bouts)}, however many "
            "animals there are.",
        )
    )


def page(cells: Sequence[Cell], *, repeats: int) -> tuple[str, list[Cell]]:
    """Write the page; also give the cells outside of the band that nothing explains."""
    methods = by_method(cells)
    exceptions, unexplained = exceptions_of(methods)
    head = HEAD.format(repeats=repeats, error=(0.95 * 0.05 / repeats) ** 0.5)
    parts = [
        head,
        "## What to take from it",
        lessons(cells),
        "## In short",
        summary_of(methods),
        "## What was simulated",
        POPULATIONS,
    ]
    for kind, title in (
        ("coverage", "## Intervals: how often they hold the truth"),
        ("size", "## Tests: how often they reject where there is nothing"),
    ):
        parts.append(title)
        for method, some in methods.items():
            if some[0].kind == kind:
                parts += [f"### {METHODS[method]}", table_of(some, repeats)]
    parts += [
        EXCEPTIONS,
        exceptions.strip(),
        *warned(cells, repeats),
        *pseudoreplication(cells),
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n", unexplained


def warned(cells: Iterable[Cell], repeats: int) -> list[str]:
    """How often there was a warning."""
    some = [cell for cell in cells if cell.kind == "warned"]
    if not some:
        return []
    parts = [
        "## How often a warning is raised",
        "Warnings (`ethochat.tools.statistics.cautions`) go by the values at hand, since nobody knows the distribution that "
        "they come from. Few skewed animals do not always look skewed, and normal ones now and then do.",
    ]
    for method in dict.fromkeys(cell.method for cell in some):
        parts += [
            f"### Beside: {METHODS[method]}",
            table_of([cell for cell in some if cell.method == method], repeats),
        ]
    return parts


def pseudoreplication(cells: Iterable[Cell]) -> list[str]:
    """What it costs to count sessions or bouts as animals."""
    some = [cell for cell in cells if cell.design == "sessions"]
    if not some:
        return []
    parts = [
        "## What it costs to count sessions or bouts as animals",
        "Two groups that do not differ; every animal has a number of sessions (or bouts) of its own, which resemble one "
        "another more than those of other animals. Averaged per animal, tests and intervals keep their promise. "
        "Counted one by one, they claim differences that are not there; no question is ever answered in this way.",
    ]
    for population in dict.fromkeys(cell.population for cell in some):
        here = [cell for cell in some if cell.population == population]
        sizes = list(dict.fromkeys(cell.sizes for cell in here))
        lines = [
            f"| {population} | "
            + " | ".join(f"{size_label(size)} animals per group" for size in sizes)
            + " |"
        ]
        lines.append("|---" * (len(sizes) + 1) + "|")
        for method in dict.fromkeys(cell.method for cell in here):
            rates = {
                cell.sizes: f"{cell.rate:.3f}".removeprefix("0") for cell in here if cell.method == method
            }
            verb = "interval holds the truth" if method.startswith("mean") else "rejects"
            lines.append(f"| {method}: {verb} | " + " | ".join(rates[size] for size in sizes) + " |")
        parts.append("\n".join(lines))
    return parts
