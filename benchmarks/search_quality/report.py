"""The page: how well each search did, data set by data set, and where it failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from benchmarks.search_quality.evaluation import APART, RANDOM, SHUFFLES, SYSTEMS, TOOL, Result
from benchmarks.search_quality.metrics import Scores, mean_scores

Rows = Sequence[Result]
HUMAN: Final = ("ri_social", "ethz_oft_csi", "ethz_fst_labels")
DENSE: Final = SYSTEMS[0]
SIMULATOR_AP: Final = 0.9
TIMES_RANDOM: Final = 3.0
WORST: Final = 40
_LONGEST_SAID: Final = 160

TITLES: Final[Mapping[str, str]] = {
    "simulator": "Simulated open field, exact ethogram",
    "ri_social": "Two animals, resident-intruder, human labels",
    "ethz_oft_csi": "Open field, three human raters",
    "ethz_fst_labels": "Forced swim, four human raters",
    "dlc_openfield": "One mouse, odor trail, truth from raw tracks",
    "tracktor_mouse": "One mouse, round arena, truth from raw tracks",
    "amadeus_mabe3": "Three mice, truth from raw tracks",
}

HEAD: Final = """\
# How well search finds what is described

{n_queries} queries in plain words, at least four wordings of each thing to find, put to real and simulated recordings of which
the truth is known: what people or the simulator marked, or what NumPy computes from the raw tracks. Made by `make eval-search`;
the queries and the definitions of what is right stand in `benchmarks/search_quality/queries.toml`.

- **Labels searchable**: the raters' labels are in the tables. Most wordings avoid a label's own name. **Labels hidden**: the same
  recordings without their labels; only tracks can tell, the truth stays what the raters marked. **Tracks only**: nobody labeled
  anything, the truth is computed.
- A returned interval is a hit when it shares time (half-open) with an event that is right, in the same session and, where both name
  one, the same animal, and is at most 30 s longer. A second interval on the same event is a false positive. What lies within 15 %
  of a limit, or where words leave a limit open, counts for nothing.
- **AP**: average precision over all that is returned, at most 1000. **R@10**: of at most ten events, those within the first ten.
  **nDCG@10**: gains of one. Each query counts the same. Chance is the mean over {shuffles} orders of the same segments.
- Dense, sparse and hybrid are retrieval alone, once with the windows of one event merged and once each window by itself: the better
  one counts. What a query is narrowed to (sex, session, rater, time) is given to them as filters. "{tool}" is `search_segments` as people use it: it has to read all of that from the words.
"""


def page(results: Rows, *, shuffles: int = SHUFFLES) -> str:
    """Write the page."""
    later = [row for row in results if row.later]
    results = [row for row in results if not row.later]
    parts = [
        HEAD.format(n_queries=len({row.query_id for row in results}), shuffles=shuffles, tool=TOOL),
        "## Targets\n",
        *_targets(results),
        "\n## Scores\n",
        *_scores(results),
        *_later(results, later),
        "\n## Queries that nothing answers\n",
        *_nothing(results),
        f"\n## The {WORST} worst queries\n",
        *_worst(results),
    ]
    return "\n".join(parts) + "\n"


def groups_of(results: Rows) -> dict[tuple[str, str], list[Result]]:
    """Queries with something to find, by data set and condition."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for row in results:
        if row.scores:
            groups.setdefault((row.data_set, row.condition), []).append(row)
    return groups


def means_of(rows: Rows) -> dict[str, Scores]:
    """Mean scores by system; of retrieval with and without merged windows, the better one."""
    means = {name: mean_scores([row.scores[name] for row in rows]) for name in rows[0].scores}
    return {
        name: max(
            (means[form] for form in (name, name + APART) if form in means),
            key=lambda item: item.average_precision,
        )
        for name in SYSTEMS
    }


def targets(results: Rows) -> Iterator[tuple[str, str, bool]]:
    """Each target, what was measured, and whether it is met."""
    for (data_set, condition), rows in groups_of(results).items():
        means = means_of(rows)
        tool, dense, chance = (means[name].average_precision for name in (TOOL, DENSE, RANDOM))
        where = f"{TITLES[data_set]}, {condition}"
        if data_set == "simulator":
            yield f"{where}: AP of at least {SIMULATOR_AP}", f"{tool:.3f}", tool >= SIMULATOR_AP
        elif data_set in HUMAN:
            most = (
                f" ({1 / chance:.1f} is the most that any search could)"
                if 1 / chance < 2 * TIMES_RANDOM
                else ""
            )
            ratio = tool / chance
            yield (
                f"{where}: at least {TIMES_RANDOM:g} times chance",
                f"{ratio:.1f} times{most}",
                ratio >= TIMES_RANDOM,
            )
            yield (
                f"{where}: better than dense only",
                f"{tool:.3f} against {dense:.3f}",
                tool > dense,
            )


def _targets(results: Rows) -> Iterator[str]:
    yield "| target | measured | |\n|---|---|---|"
    for target, measured, met in targets(results):
        yield f"| {target} | {measured} | {'met' if met else '**not met**'} |"
    yield (
        "\nWhat nobody marked and no rule finds, the tool says and returns nothing, which counts as a miss here. Queries with "
        "something to find that got no clip:\n"
    )
    for (data_set, condition), rows in groups_of(results).items():
        empty = sum(not row.outcome.ranking for row in rows)
        if empty:
            yield f"- {TITLES[data_set]}, {condition}: {empty} of {len(rows)}"


def _scores(results: Rows) -> Iterator[str]:
    for (data_set, condition), rows in groups_of(results).items():
        means = means_of(rows)
        chance = means[RANDOM].average_precision
        yield f"**{TITLES[data_set]}, {condition}** ({len(rows)} queries)\n"
        yield "| search | AP | R@10 | P@10 | nDCG@10 | AP / chance |\n|---|---|---|---|---|---|"
        for name, item in means.items():
            yield (
                f"| {name} | {item.average_precision:.3f} | {item.recall:.3f} | {item.precision:.3f} | {item.ndcg:.3f} | "
                f"{item.average_precision / chance:.1f} |"
            )
        yield ""


def _later(first: Rows, later: Rows) -> Iterator[str]:
    """Average precision of the wordings that search was not made with, beside the first ones."""
    if not later:
        return
    groups = groups_of(first)
    yield "## Wordings that came later\n"
    yield (
        "Whoever gives search its words reads the queries above sooner or later. These wordings of the same topics were written "
        "when it had them, and nothing was changed for them. AP:\n"
    )
    yield f"| data | queries | {TOOL}, first wordings | {TOOL} | {' | '.join(n for n in SYSTEMS if n != TOOL)} |"
    yield "|---|---|---|---|" + "---|" * (len(SYSTEMS) - 1)
    for group, rows in groups_of(later).items():
        means = means_of(rows)
        before = means_of(groups[group])[TOOL].average_precision
        others = " | ".join(f"{means[name].average_precision:.3f}" for name in SYSTEMS if name != TOOL)
        yield (
            f"| {TITLES[group[0]]}, {group[1]} | {len(rows)} | {before:.3f} | "
            f"{means[TOOL].average_precision:.3f} | {others} |"
        )
    yield ""


def is_plain(row: Result) -> bool:
    """Whether a query that nothing answers got no clip, and words that say so."""
    return not row.outcome.ranking and bool(row.outcome.says.strip())


def _nothing(results: Rows) -> Iterator[str]:
    rows = [row for row in results if not row.scores]
    good = sum(is_plain(row) for row in rows)
    hedged = sum(bool(row.outcome.ranking) and bool(row.outcome.flags) for row in rows)
    yield (
        f"Right is: no clip, and a sentence that says so. {good} of {len(rows)} are right; {hedged} brought clips with a remark, "
        f"{len(rows) - good - hedged} brought clips without one, or nothing without a word:\n"
    )
    yield "| query | data | clips | what was said |\n|---|---|---|---|"
    for row in rows:
        if not is_plain(row):
            said = _cell(" ".join(row.outcome.flags) or "—")
            yield f"| {_cell(row.text)} | {row.data_set}, {row.condition} | {len(row.outcome.ranking)} | {said} |"


def _worst(results: Rows) -> Iterator[str]:
    scored = [row for row in results if row.scores]
    scored.sort(key=lambda row: (row.scores[TOOL].average_precision, row.query_id, row.condition))
    yield f"By average precision of {TOOL}; beside it what chance gives, and what was returned.\n"
    yield "| query | data | AP | chance | events | returned | what was said |\n|---|---|---|---|---|---|---|"
    for row in scored[:WORST]:
        yield (
            f"| {_cell(row.text)} (`{row.query_id}`) | {row.data_set}, {row.condition} | "
            f"{row.scores[TOOL].average_precision:.3f} | {row.scores[RANDOM].average_precision:.3f} | "
            f"{row.n_relevant} | {len(row.outcome.ranking)} | {_cell(row.outcome.says or 'nothing')} |"
        )


def _cell(text: str) -> str:
    """One line that fits in a table."""
    flat = " ".join(text.split()).replace("|", "\\|")
    return flat if len(flat) <= _LONGEST_SAID else flat[: _LONGEST_SAID - 1].rstrip() + "…"
