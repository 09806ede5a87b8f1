"""Words of questions that tables answer: such a question is never asked of a model that looks."""

from __future__ import annotations

import re
from typing import Final

from ethochat.agent.builtin.vocabulary import Vocabulary

_AMOUNT: Final = (
    r"how (?:many|much|long|often|far|fast|old|big|heavy|frequent\w*|likely|common\w*)|mean|average\w*|medians?|totals?|sum|numbers?|counts?|"
    r"percent\w*|proportions?|fractions?|ratios?|share|probabilit\w*|rates?|frequen\w*|often|rarely|common\w*|latenc\w*|durations?|speeds?|"
    r"velocit\w*|accelerat\w*|distances?|lengths?|times?|minutes?|seconds?|when|intervals?|per (?:minute|hour|session|animal|mouse|group)|"
    r"longer|longest|shorter|shortest|faster|fastest|slower|slowest|higher|highest|lower|lowest|more|most|less|least|fewer|fewest|long|short|brief|rare|fast|slow|"
    r"positions?|coordinates?|angles?"
)
_STATISTICS: Final = (
    r"increas\w*|decreas\w*|reduc\w*|chang\w*|affect\w*|influenc\w*|depend\w*|differ\w*|vary|varie[sd]|varian\w*|effects?|significan\w*|"
    r"correlat\w*|matters?|associat\w*|distribut\w*|normal\w*|abnormal\w*|unusual\w*|typical\w*|outliers?|p[- ]?values?|tests?|statistic\w*|anova|"
    r"confidence|regress\w*|predict\w*|probable|agree\w*|kappa|transitions?|sequences?|"
    r"what (?:usually |often )?(?:comes?|follows?|happens?|came|followed|happened|does it do|do they do) (?:after|before|next|first)|what (?:follows|precedes)"
)
_METADATA: Final = (
    r"groups?|cohorts?|conditions?|treat\w*|drugs?|dos(?:e|es|ed|age)|genotypes?|strains?|sex(?:es)?|gender|males?|females?|age|aged|older|"
    r"younger|weigh\w*|metadata|names?|ids?|dates?|sessions?|recordings?|experiments?|subjects?|columns?|cages?|"
    r"fps|frame rate|resolution|raters?|rated?|ratings?|observers?|mark(?:s|ed|ing)?|label\w*|scor(?:e|es|ed|ing|ers?)|annotat\w*|coded|"
    r"classifiers?|trackers?|plot\w*|draw|chart|graph|histogram|heat ?map|figure|export\w*|csv"
)
_TABULAR: Final = re.compile(rf"\b(?:{_AMOUNT}|{_STATISTICS}|{_METADATA})\b", re.IGNORECASE)
_IDENTITY: Final = re.compile(
    r"^\W*(?:who|which (?:animal|mouse|rat|fly|fish|bird|individual|subject|one))(?: (?:is|was|are|were))?(?: (?:it|this|that|he|she|shown|seen|in))*\W*$",
    re.IGNORECASE,
)
_DATA: Final = re.compile(
    r"^\W*(?:all (?:of )?)?(?:the |our |my |these |those )?(?:(?:first|second|third|last|two|three|\d+) ){0,2}(?:data|results?|numbers?|values?|statistics|groups?|sessions?|recordings?|tracks?|tracking|"
    r"outliers?|distributions?|labels?|annotations?|metadata|experiments?|tables?|plots?|figures?|differences?|effects?)\b",
    re.IGNORECASE,
)
_MEASURED: Final = re.compile(
    r"\b(?:mean|average|median|total|number|count|percentage|proportion|rate|frequency|latency|durations?|speeds?|velocity|distances?|"
    r"time (?:spent|in))\b",
    re.IGNORECASE,
)


def told_by_tables(ask: str, vocabulary: Vocabulary | None = None) -> bool:
    """Whether a question asks for an amount, a statistic, metadata or a drawing; in doubt it does.

    Parameters
    ----------
    ask
        What is asked, without the words that point at clips.
    vocabulary
        The experiment's words: its columns, their values, its metrics and who labeled belong to the tables.
    """
    if _TABULAR.search(ask) or _IDENTITY.match(ask):
        return True
    kinds = ("column", "value", "metric", "source")
    return vocabulary is not None and any(item.entry.kind in kinds for item in vocabulary.link(ask))


def is_data(what: str) -> bool:
    """Whether what is to be looked at are numbers, as in "look at the mean speed" and "look at the groups"."""
    return _DATA.match(what) is not None or _MEASURED.search(what) is not None
