"""A reading becomes tool calls."""

from __future__ import annotations

from typing import Any

from ethochat.agent.builtin.guard import dropped
from ethochat.agent.builtin.reading import AskBack, Reading, Refusal, Understanding
from ethochat.agent.builtin.vocabulary import Vocabulary
from ethochat.tools.arguments import (
    AgreementArguments,
    CompareArguments,
    CooccurrenceArguments,
    CorrelateArguments,
    FactsArguments,
    FamilyArguments,
    FindBoutsArguments,
    FindProximityArguments,
    MeasureArguments,
    PlotArguments,
    PowerArguments,
    SearchArguments,
    Selection,
    TransitionArguments,
    TwoFactorArguments,
)

Call = tuple[str, dict[str, Any]]

_TOOLS: dict[str, tuple[str, type[Selection]]] = {
    "facts": ("experiment_facts", FactsArguments),
    "measure": ("measure", MeasureArguments),
    "compare": ("compare_groups", CompareArguments),
    "family": ("compare_many", FamilyArguments),
    "two_factors": ("two_factors", TwoFactorArguments),
    "power": ("power", PowerArguments),
    "correlate": ("correlate", CorrelateArguments),
    "agreement": ("agreement", AgreementArguments),
    "transitions": ("transitions", TransitionArguments),
    "cooccurrence": ("cooccurrence", CooccurrenceArguments),
    "clips": ("find_bouts", FindBoutsArguments),
    "proximity": ("find_proximity", FindProximityArguments),
    "search": ("search_segments", SearchArguments),
    "plot": ("plot", PlotArguments),
}
_PER_BOUT = ("bout_duration", "inter_bout_interval")
_LENGTHS = ("distance", "mean_speed", "max_speed", "pair_distance", "keypoint_distance", "body_length")
_LONGEST = {"descending": "max", "ascending": "min"}


def plan(understanding: Understanding, vocabulary: Vocabulary) -> list[Call]:
    """Tool calls that answer a reading; a question back and a refusal are calls like any other."""
    if isinstance(understanding, AskBack):
        return [("ask_user", {"question": understanding.question, "options": list(understanding.options)})]
    if isinstance(understanding, Refusal):
        return [("decline", {"reason": understanding.reason, "suggestions": list(understanding.suggestions)})]
    arguments = dict(understanding.slots)
    _settle_sources(understanding, arguments, vocabulary)
    if understanding.intent == "measure" and not (arguments.get("combine") or arguments.get("together")):
        single = {
            name for name, values in vocabulary.columns.items() if len(values) == len(vocabulary.sessions)
        }
        _settle_statistics(arguments, several_animals=len(vocabulary.individuals) > 1, single=single)
    _settle_unit(arguments)
    if understanding.intent == "clips":
        arguments.setdefault("order", "time")
        arguments["limit"] = arguments.get("limit") or 50
    if understanding.intent == "search":
        arguments["limit"] = arguments.get("limit") or 10
        arguments.pop("order", None)
    name, model = _TOOLS[understanding.intent]
    sent = _only_known(arguments, model)
    lost = dropped(understanding, sent)
    if lost:
        reason = f"This kind of question cannot heed {', '.join(lost)}; ask without it, or for one thing at a time."
        return [("decline", {"reason": reason, "suggestions": []})]
    return [(name, sent)]


def _only_known(arguments: dict[str, Any], model: type[Selection]) -> dict[str, Any]:
    """Keep what the tool takes and what says something."""
    return {
        key: value
        for key, value in arguments.items()
        if key in model.model_fields
        and value not in (None, [], {}, "")
        and (value is not False or key == "interpolate")
    }


def _settle_sources(reading: Reading, arguments: dict[str, Any], vocabulary: Vocabulary) -> None:
    """Name the raters where the question speaks of all of them."""
    if reading.intent == "transitions" or arguments.get("sources"):
        return
    if (
        "source" in arguments.get("group_by", ())
        and not arguments.get("behaviors")
        and len(vocabulary.trackers) > 1
    ):
        arguments["sources"] = list(vocabulary.trackers)
        return
    everyone = (
        "source" in arguments.get("group_by", ())
        or arguments.get("group_column") == "source"
        or arguments.get("statistics") == ["range"]
        or arguments.get("all_sources")
        or (reading.intent == "agreement" and arguments.get("behaviors"))
    )
    if everyone and arguments.get("behaviors"):
        wanted = set(arguments["behaviors"])
        if arguments.get("every_source"):
            arguments["sources"] = sorted(
                {source for name in wanted for source in vocabulary.behaviors.get(name, ())}
            )
            return
        arguments["sources"] = sorted(
            {
                source
                for name in wanted
                for source in vocabulary.behaviors.get(name, ())
                if vocabulary.sources.get(source) == "manual"
            }
        ) or sorted({source for name in wanted for source in vocabulary.behaviors.get(name, ())})


def _settle_unit(arguments: dict[str, Any]) -> None:
    """A speed "in pixels" is one in pixels per second."""
    if arguments.get("measure") in ("mean_speed", "max_speed") and arguments.get("unit") in ("cm", "m", "px"):
        arguments["unit"] += "/s"
    elif arguments.get("unit") in ("px", "cm") and arguments.get("measure") not in _LENGTHS:
        arguments.pop("unit")


def _settle_statistics(arguments: dict[str, Any], *, several_animals: bool, single: set[str]) -> None:
    """Decide how values are combined, from the words and the split asked for.

    Parameters
    ----------
    single
        Columns that tell every session from every other: their rows are sessions, not groups of them.
    """
    statistics = list(arguments.get("statistics") or [])
    measure, groups = arguments.get("measure"), set(arguments.get("group_by") or [])
    order = arguments.get("order")
    per_session = bool(groups & {"session_id"}) or len(arguments.get("sessions") or []) == 1
    if arguments.get("keep") and len(arguments.get("sources") or []) > 1 and groups == {"session_id"}:
        statistics = ["sum"]  # none of the raters, or any of them
    elif measure in _PER_BOUT:
        if order and "min_bout_s" not in arguments:
            statistics.append(_LONGEST[order])
        statistics = [name for name in dict.fromkeys(statistics) if name != "sum"] or [
            "median" if measure == "inter_bout_interval" else "mean"
        ]
        if (statistics[-1] in ("max", "min") and len(statistics) > 1) or per_session:
            arguments.pop("order", None)
        elif statistics[-1] in ("max", "min") and not groups:
            arguments["group_by"] = ["session_id"]
    elif per_session and groups <= {
        "session_id",
        "source",
        "behavior",
        "zone",
        "individual",
        "keypoint",
        "pair",
    }:
        dropped = (
            ("mean", "max") if several_animals and "individual" not in groups else ("sum", "mean", "max")
        )
        statistics = [name for name in statistics if name not in dropped]
    elif not statistics and groups and not groups & {"session_id", "subject_id", "individual"}:
        statistics = (
            ["sum"]
            if measure in ("bout_count", "total_duration", *(("percent_time",) if groups <= single else ()))
            and not _grouped_by_metadata(groups - single)
            else ["mean"]
        )
    elif "sum" in statistics and len(statistics) > 1 and measure not in ("bout_count", "total_duration"):
        statistics.remove("sum")  # "mean total distance" is a mean
    arguments["statistics"] = statistics
    if order and not groups and measure not in _PER_BOUT and not per_session:
        arguments["group_by"] = ["session_id"]


def _grouped_by_metadata(groups: set[str]) -> bool:
    return bool(groups - {"source", "behavior", "zone", "keypoint", "pair"})
