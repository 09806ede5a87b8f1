"""What a search can be narrowed by, made from the experiment: metadata, sessions, animals, behaviors, zones, sources, numbers.

How many of the best hits the vision-language model checks is set like these, where there is such a model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import polars as pl

from ethochat.index.errors import InputError
from ethochat.tools.context import ToolContext
from ethochat.tools.motion import known_zones
from ethochat.tools.selection import known_behaviors, metadata_columns, ordered_sessions, show
from ethochat.tools.wording import natural_key
from ethochat.ui.search_call import Call, units_of

MOST_VALUES: Final = 24
"""A metadata column with more values is no choice among few."""

CHECKS: Final = (5, 10, 20)
"""How many of the best hits may be checked."""

_ALONE: Final = ("behaviors", "zones", "without")
"""What can be chosen though there is only one of it; the only session is no choice."""

Choice = tuple[str, str | float]
"""What is shown and what it stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One thing to narrow by."""

    name: str
    """An argument of ``search_segments``, or a metadata column."""
    label: str
    kind: Literal["column", "names", "number", "check"]
    choices: tuple[Choice, ...] = ()
    """None for a number."""


def filters_of(context: ToolContext) -> list[Filter]:
    """List what a search in an experiment can be narrowed by, without what there is nothing to choose from."""
    sessions = ordered_sessions(context)
    unit, speed_unit = units_of(context)
    zones = list(known_zones(context, sessions["session_id"].to_list()))
    behaviors = known_behaviors(context)
    lists = {
        "sessions": ("Sessions", sessions["session_id"].to_list()),
        "subjects": ("Animals", _subjects(context)),
        "individuals": ("Tracked animals", _individuals(context)),
        "behaviors": ("During behavior", behaviors),
        "zones": ("In zone", zones),
        "without": ("Without", [*behaviors, *(zone for zone in zones if zone not in behaviors)]),
        "sources": ("According to", _label_sources(context)),
    }
    named = [
        Filter(name=name, label=label, kind="names", choices=tuple((item, item) for item in names))
        for name, (label, names) in lists.items()
        if len(names) > (0 if name in _ALONE else 1)
    ]
    return [*_columns(context, sessions), *named, *_numbers(context, unit, speed_unit), *_checks(context)]


def _columns(context: ToolContext, sessions: pl.DataFrame) -> list[Filter]:
    filters = []
    for name in metadata_columns(context):
        values = sessions[name].drop_nulls().unique().to_list()
        if not 2 <= len(values) <= MOST_VALUES or sessions.schema[name] == pl.Float64:
            continue
        choices = [(show(value), value if _is_number(value) else show(value)) for value in values]
        ordered = sorted(choices, key=lambda choice: natural_key(choice[0]))
        filters.append(Filter(name=name, label=name, kind="column", choices=tuple(ordered)))
    return filters


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _subjects(context: ToolContext) -> list[str]:
    sessions, individuals = context.catalog.load("sessions"), context.catalog.load("individuals")
    names = {
        *sessions["subject_id"].drop_nulls().to_list(),
        *individuals["subject_id"].drop_nulls().to_list(),
    }
    return sorted(names, key=natural_key)


def _individuals(context: ToolContext) -> list[str]:
    return sorted(
        {name for name in context.catalog.load("individuals")["individual"].to_list() if name},
        key=natural_key,
    )


def _label_sources(context: ToolContext) -> list[str]:
    """Who marks behaviors; a tracker marks none."""
    coverage = context.catalog.load("coverage").filter(pl.col("kind").is_in(["annotations", "rules"]))
    return sorted(coverage["source"].unique().to_list())


def _numbers(context: ToolContext, unit: str, speed_unit: str) -> list[Filter]:
    tracked = not context.catalog.load("coverage").filter(pl.col("kind") == "track").is_empty()
    numbers = [
        ("start_s", f"From ({unit})"),
        ("stop_s", f"To ({unit})"),
        ("min_duration_s", f"At least so long ({unit})"),
        ("max_duration_s", f"At most so long ({unit})"),
        *([("min_speed", f"Speed at least ({speed_unit})")] if tracked else []),
        *([("max_speed", f"Speed at most ({speed_unit})")] if tracked else []),
        ("per_session", "At most so many per session"),
    ]
    return [Filter(name=name, label=label, kind="number") for name, label in numbers]


def _checks(context: ToolContext) -> list[Filter]:
    """How many hits the model may check; nothing where there is no model."""
    if context.vlm is None or context.vlm.spec is None:
        return []
    choices = (("none", 0), *((f"the best {n}", n) for n in CHECKS))
    return [Filter(name="verify", label="Let the model check", kind="check", choices=choices)]


# ----------------------------------------------------------------- values
def call_of(filters: Sequence[Filter], values: Sequence[Any]) -> Call:
    """Turn the values of filters, in their order, into arguments of ``search_segments``; empty ones give none.

    Raises
    ------
    InputError
        When a number is none, or not one that can be chosen.
    """
    call: Call = {}
    for item, value in zip(filters, values, strict=True):
        if value in (None, [], "") or not str(value).strip():
            continue
        if item.kind == "check":
            call |= _check(item, value)
        elif item.kind == "column":
            call.setdefault("where", []).append({"column": item.name, "op": "in", "value": list(value)})
        else:
            call[item.name] = _number(item, value) if item.kind == "number" else list(value)
    return call


def _number(item: Filter, typed: str | float) -> float:
    """Read a number as it is typed, with a point or a comma."""
    whole = item.name == "per_session"
    try:
        number = float(str(typed).strip().replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (whole and (number < 1 or number % 1)):
        kind = "a whole number from 1 on" if whole else "a number"
        raise InputError(f"Expected {kind} in “{item.label}”, got {str(typed).strip()!r}.")
    return int(number) if whole else number


def _check(item: Filter, chosen: str | float) -> Call:
    allowed = [value for _, value in item.choices]
    if chosen not in allowed:
        raise InputError(f"Expected one of {allowed} in “{item.label}”, got {chosen!r}.")
    return {item.name: chosen} if chosen else {}


def values_of(filters: Sequence[Filter], call: Mapping[str, Any]) -> list[Any]:
    """Turn arguments back into the values of filters: lists for choices, texts for numbers, the number of hits to check."""
    where = {item["column"]: item["value"] for item in call.get("where", [])}
    values: list[Any] = []
    for item in filters:
        if item.kind == "column":
            values.append(list(where.get(item.name, [])))
        elif item.kind == "check":
            values.append(call.get(item.name, 0))
        else:
            values.append(
                _typed(call.get(item.name)) if item.kind == "number" else list(call.get(item.name, []))
            )
    return values


def _typed(number: float | None) -> str:
    return "" if number is None else f"{number:g}"
