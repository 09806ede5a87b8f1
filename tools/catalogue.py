"""The page ``docs/measures.md``, written from the catalogue: ``python -m ethochat.tools.catalogue docs/measures.md``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ethochat.tools.measures import CATALOGUE
from ethochat.tools.rows import Kind, Measure, Needs

_INTRODUCTION: Final = """\
# Measures

Written from the catalogue in `tools/measures.py` by `make docs`; a test fails when it is stale. To add a measure, add an entry
there.

## How values are put together
Every measure gives one row per session, animal, source and whatever else it tells apart (behavior, zone, keypoint, pair, time
bin). Rows become values:

- **The animal is the unit.** Several sessions of one animal are averaged first; `n` is the number of animals.
- `group_by` splits by one or several columns: `session_id`, `subject_id`, `individual`, `source`, `behavior`, `zone`, `keypoint`,
  `pair`, any column of sessions.csv, and combinations such as `["sex", "group"]`. A group of the selected sessions that has no value
  is named, and so is a combination that no session has.
- `statistics` says what is made of a group: `mean`, `median`, `sd`, `sem`, `ci95`, `cv`, `quartiles` over animals; `sum`, `min`, `max`, `range` over rows; `count`;
  `each` lists the rows. Without it: the row itself where every group is a single row; else `mean`, but `sum` of what adds up where
  sessions or animals are told apart; with nothing told apart `mean` and `sum` of what adds up, `mean` and `median` of the rest.
- `start_s` and `stop_s` cut a time window; negative ones count from the end of the session. `bin_s` cuts the window into bins from its
  start; the last one may be shorter. Bins add up to the window. `start_part` and `stop_part` cut by a
  share of each session's own length (0.5 for a half). `windows` gives several windows beside one another, as a split of their own.
- `combine` makes one number of two parts of an animal (a difference, ratio, index or share): each animal has its own, and these are
  averaged; with `sum` all animals are pooled first.
- Where the source of a behavior looked and marked nothing, a count, a duration, a rate or a share is **0**. Where nobody looked, or
  the animal was not seen, there is **no value**, and the sessions are named.
- Totals over unequal time are remarked on (from 1 % difference on) and name the measure that takes the time into account.
- An argument that a measure does not take is refused, never silently ignored (how to treat the points of a track is, with a sentence,
  where labels are measured).

| a measure is | its rows are combined |
|---|---|
"""

_KINDS: Final[Mapping[Kind, str]] = {
    "additive": "added up by `sum`; averaged over animals otherwise",
    "plain": "averaged over animals; never added up unasked",
    "ratio": "averaged over animals; `sum` pools: all parts together over all wholes together",
    "pooled": "by animal first (within a session, over its sessions, over animals) where animals or groups are told apart; over all "
    "single observations where nothing tells animals apart, which the note says; `min` and `max` name their session",
}

_NEEDS: Final[Mapping[Needs, str]] = {
    "labels": "bouts of a rater, a classifier or the rules",
    "track": "a track",
    "zones": "a track and zones",
    "session": "the session's own data",
}

_SECTIONS: Final[Mapping[Needs, str]] = {
    "labels": "Behaviors",
    "track": "Movement, distances and tracking",
    "zones": "Zones",
    "session": "Sessions",
}


def write_page() -> str:
    """Write the page as Markdown."""
    kinds = [f"| {kind} | {text} |" for kind, text in _KINDS.items()]
    parts = [_INTRODUCTION + "\n".join(kinds)]
    for needs, title in _SECTIONS.items():
        members = [measure for measure in CATALOGUE.values() if measure.needs == needs]
        parts.append(f"## {title}\nMade of {_NEEDS[needs]}.")
        parts.extend(_entry(measure) for measure in members)
    parts.append(
        "## What came with the data\nImported metrics and numeric columns of sessions.csv are measures by their own names. They hold "
        "for a whole session, so they take no time window; a metric takes `sources`."
    )
    return "\n\n".join(parts) + "\n"


def _entry(measure: Measure) -> str:
    """One measure: what it means, then its facts line by line."""
    lines = [
        f"- unit: {measure.unit}; {measure.kind}",
        f"- also called: {', '.join(measure.synonyms)}",
        f"- takes: {_names(measure.takes)}",
        f"- from: {measure.reference.rstrip('.')}",
    ]
    if measure.instead is not None:
        lines.append(f"- over unequal time: `{measure.instead}`")
    return f"### {measure.name}\n{measure.definition}\n\n" + "\n".join(lines)


def _names(arguments: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(arguments)) or "no cut besides who is looked at"


def main() -> None:
    """Write the page to the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.parse_args().page.write_text(write_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
