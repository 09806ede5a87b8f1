"""Typed arguments of the tools: the one form in which a question reaches the data.

A language model, the built-in chat model, the command line and Python all fill the same models. Field descriptions are
what a language model reads. Names of behaviors, sources, zones and columns are the experiment's own; the tools accept
them in any case and with their declared synonyms, and refuse unknown ones naming what is near.
"""

from __future__ import annotations

from ethochat.tools.arguments.designs import (
    CompareArguments,
    CorrelateArguments,
    FamilyArguments,
    PowerArguments,
    TwoFactorArguments,
)
from ethochat.tools.arguments.lookups import (
    AskUserArguments,
    Clip,
    DeclineArguments,
    FactsArguments,
    FindBoutsArguments,
    FindProximityArguments,
    Moment,
    PlotArguments,
    SearchArguments,
    WatchArguments,
)
from ethochat.tools.arguments.selected import (
    Arguments,
    Combination,
    Condition,
    MeasureArguments,
    Operator,
    Selection,
    Statistic,
    Window,
)
from ethochat.tools.arguments.sequences import (
    AgreementArguments,
    CooccurrenceArguments,
    TransitionArguments,
)

__all__ = [
    "AgreementArguments",
    "Arguments",
    "AskUserArguments",
    "Clip",
    "Combination",
    "CompareArguments",
    "Condition",
    "CooccurrenceArguments",
    "CorrelateArguments",
    "DeclineArguments",
    "FactsArguments",
    "FamilyArguments",
    "FindBoutsArguments",
    "FindProximityArguments",
    "MeasureArguments",
    "Moment",
    "Operator",
    "PlotArguments",
    "PowerArguments",
    "SearchArguments",
    "Selection",
    "Statistic",
    "TransitionArguments",
    "TwoFactorArguments",
    "WatchArguments",
    "Window",
]
