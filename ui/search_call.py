"""A search as it is typed or clicked together: the text read into arguments, narrowed by what is set beside it, said in few words."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from ethochat.index.errors import InputError
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import Evidence
from ethochat.tools.wording import part_name

if TYPE_CHECKING:
    from ethochat.tools.searching.reading import Step

Call = dict[str, Any]
"""Arguments of ``search_segments``."""

_LISTS: Final = (
    "sessions",
    "subjects",
    "individuals",
    "sources",
    "zones",
    "behaviors",
    "without",
    "followed_by",
    "like",
    "unlike",
)
_NARROWING: Final = frozenset(
    (
        "where", "sessions", "subjects", "individuals", "sources", "start_s", "stop_s", "start_part", "stop_part", "per_session",
        "other_sessions", "verify", "verify_s", "limit", "offset",
    )
)  # fmt: skip
"""Arguments that say where to look and how much to show, but not what to look for."""
_CONDITION: Final = re.compile(
    r"\s*(?P<column>[^<>=!]+?)\s*(?P<op><=|>=|!=|==|=|<|>)\s*(?P<value>.+?)\s*", re.DOTALL
)
_MOMENT: Final = re.compile(r"(?P<session>.+?)@(?P<time>\d+(?:\.\d+)?)(?:@(?P<individual>.+))?")
_SIGNS: Final = {
    "==": ":",
    "in": ":",
    "!=": " ≠",
    "not in": " ≠",
    ">=": " ≥",
    "<=": " ≤",
    ">": " >",
    "<": " <",
}


# ----------------------------------------------------------------- reading
def read_text(text: str, context: ToolContext) -> Call:
    """Read a search text into arguments; an empty one gives none.

    Raises
    ------
    InputError
        When the text cannot be searched for, saying why.
    """
    from ethochat.agent.builtin.searching import read_search

    if not text.strip():
        return {}
    reading = read_search(text, context)
    if reading.refusal is not None:
        raise InputError(reading.refusal)
    arguments = {name: _plain(value) for name, value in reading.arguments.items()}
    return {name: value for name, value in arguments.items() if value not in (None, [], "")}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any argument
    """Conditions and moments as JSON has them."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.model_dump() if isinstance(value, BaseModel) else value


def read_condition(text: str) -> Call:
    """Read a condition on a metadata column: ``sex=female``, ``weight_g>=20``, ``group!=saline``.

    Raises
    ------
    InputError
        When it is none.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise InputError(f"Expected a condition such as sex=female or weight_g>20, got {text!r}.")
    op = "==" if match["op"] == "=" else match["op"]
    return {"column": match["column"], "op": op, "value": match["value"]}


def read_moment(text: str) -> Call:
    """Read a moment: ``SESSION@SECONDS``, with ``@INDIVIDUAL`` behind it where a session has several animals.

    Raises
    ------
    InputError
        When it is none.
    """
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        raise InputError(f"Expected a moment such as S05@19.6, a session and its time, got {text!r}.")
    moment: Call = {"session_id": match["session"], "time": float(match["time"])}
    return moment | ({"individual": match["individual"]} if match["individual"] else {})


def narrowed(call: Mapping[str, Any], more: Mapping[str, Any]) -> Call:
    """Narrow a call by further arguments; where both say something of one thing, the further ones hold.

    A condition takes the place of those on the same column and leaves the others; an end of the time window, given in seconds, takes
    the place of a share of the session.
    """
    given = {name: value for name, value in more.items() if value not in (None, [], "")}
    merged: Call = {**call, **given}
    if given.get("where"):
        columns = {_folded(condition["column"]) for condition in given["where"]}
        kept = [item for item in call.get("where", []) if _folded(item["column"]) not in columns]
        merged["where"] = [*kept, *given["where"]]
    if "start_s" in given or "stop_s" in given:
        merged = {name: value for name, value in merged.items() if name not in ("start_part", "stop_part")}
    return merged


def _folded(column: str) -> str:
    return re.sub(r"[\s_-]+", " ", column).strip().casefold()


def check_asked(call: Mapping[str, Any]) -> None:
    """Refuse a call that says where to look but not what for.

    Raises
    ------
    InputError
        When nothing but narrowing is in it.
    """
    if not set(call) - _NARROWING:
        raise InputError(
            "Say what to look for: a description, a behavior, a zone, a speed, or a moment to be like."
        )


def run_search(context: ToolContext, call: Mapping[str, Any]) -> Evidence:
    """Search.

    Raises
    ------
    ToolRetryError, ToolFailedError
        When an argument is wrong, or the data cannot give it.
    """
    from ethochat.tools import tool_named

    return tool_named("search_segments").run(context, dict(call))


# ----------------------------------------------------------------- in words
@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that a call asks for, which can be taken out of it."""

    key: str
    label: str
    """A few words, plain text."""


def parts_of(call: Mapping[str, Any], *, unit: str = "s", speed_unit: str = "cm/s") -> list[Part]:
    """Say what a call asks for, one part at a time: who, when, what.

    Parameters
    ----------
    unit
        Of the experiment's times, ``s`` or ``frames``.
    speed_unit
        Of the experiment's speeds.
    """
    parts = [
        Part(
            key=_condition_key(item),
            label=f"{item['column']}{_SIGNS[item.get('op', '==')]} {_shown(item['value'])}",
        )
        for item in call.get("where", [])
    ]
    for name, words in (("sessions", "{}"), ("subjects", "{}"), ("individuals", "{}")):
        parts += _listed(call, name, words)
    parts += _window(call, unit)
    if call.get("query"):
        parts.append(Part(key="query", label=f"“{call['query']}”"))
    for name, words in (
        ("behaviors", "during {}"),
        ("zones", "in {}"),
        ("without", "without {}"),
        ("sources", "by {}"),
    ):
        parts += _listed(call, name, words)
    for name, words in (
        ("min_speed", f"speed ≥ {{:g}} {speed_unit}"),
        ("max_speed", f"speed ≤ {{:g}} {speed_unit}"),
        ("min_duration_s", f"≥ {{:g}} {unit} long"),
        ("max_duration_s", f"≤ {{:g}} {unit} long"),
    ):
        if call.get(name) is not None:
            parts.append(Part(key=name, label=words.format(call[name])))
    within = f" within {call['within_s']:g} {unit}" if call.get("within_s") is not None else ""
    parts += [
        Part(key=f"followed_by:{step}", label=f"then {step}{within}") for step in call.get("followed_by", [])
    ]
    for name, words in (("like", "like"), ("unlike", "unlike")):
        parts += [
            Part(key=_moment_key(name, item), label=f"{words} {_moment_words(item, unit)}")
            for item in call.get(name, [])
        ]
    if call.get("other_sessions"):
        parts.append(Part(key="other_sessions", label="in other sessions"))
    if call.get("per_session"):
        parts.append(Part(key="per_session", label=f"at most {call['per_session']} per session"))
    if call.get("verify"):
        parts.append(Part(key="verify", label=f"best {call['verify']} checked by the model"))
    return parts


def without_parts(call: Mapping[str, Any], keys: Collection[str]) -> Call:
    """Take parts out of a call, by their keys; what is not in it is not missed."""
    left = dict(call)
    for key in (
        "query",
        "min_speed",
        "max_speed",
        "min_duration_s",
        "max_duration_s",
        "other_sessions",
        "per_session",
        "verify",
    ):
        if key in keys:
            left.pop(key, None)
    if "window" in keys:
        for name in ("start_s", "stop_s", "start_part", "stop_part"):
            left.pop(name, None)
    if "where" in left:
        left["where"] = [item for item in left["where"] if _condition_key(item) not in keys]
    for name in _LISTS:
        if name in left:
            left[name] = [item for item in left[name] if _item_key(name, item) not in keys]
    if not left.get("followed_by"):
        left.pop("within_s", None)
    if not left.get("verify"):
        left.pop("verify_s", None)
    return {name: value for name, value in left.items() if value not in (None, [], "")}


def _listed(call: Mapping[str, Any], name: str, words: str) -> list[Part]:
    return [Part(key=_item_key(name, item), label=words.format(item)) for item in call.get(name, [])]


def _item_key(name: str, item: Any) -> str:  # noqa: ANN401 - a name or a moment
    return _moment_key(name, item) if isinstance(item, Mapping) else f"{name}:{item}"


def _condition_key(item: Mapping[str, Any]) -> str:
    return f"where:{item['column']}:{item.get('op', '==')}:{item['value']}"


def _moment_key(name: str, item: Mapping[str, Any]) -> str:
    return f"{name}:{item['session_id']}@{item['time']:g}@{item.get('individual') or ''}"


def _moment_words(item: Mapping[str, Any], unit: str) -> str:
    who = f" {item['individual']}" if item.get("individual") else ""
    return f"{item['session_id']}{who} at {item['time']:g} {unit}"


def _shown(value: str | float | Sequence[str | float]) -> str:
    values = value if isinstance(value, list) else [value]
    return " or ".join(f"{item:g}" if isinstance(item, int | float) else str(item) for item in values)


def _window(call: Mapping[str, Any], unit: str) -> list[Part]:
    start, stop = call.get("start_s"), call.get("stop_s")
    if start is None and stop is None:
        if call.get("start_part") is None and call.get("stop_part") is None:
            return []
        return [Part(key="window", label=part_name(call.get("start_part"), call.get("stop_part")))]
    if start is not None and start < 0 and stop is None:
        label = f"last {_time(-start, unit)}"
    elif stop is None:
        label = f"from {_time(start or 0, unit)} on"
    elif not start:
        label = f"first {_time(stop, unit)}" if stop > 0 else f"up to {_time(-stop, unit)} before the end"
    else:
        label = f"{_time(start, unit)} to {_time(stop, unit)}"
    return [Part(key="window", label=label)]


def _time(time: float, unit: str) -> str:
    """A time in words: whole minutes as such."""
    if unit == "s" and time >= 60 and time % 60 == 0:
        return f"{time / 60:g} min"
    return f"{time:g} {unit}"


def units_of(context: ToolContext) -> tuple[str, str]:
    """Units of an experiment's times and speeds: seconds unless all its sessions count in frames, cm/s unless none has a scale."""
    sessions = context.catalog.load("sessions")
    unit = "frames" if set(sessions["time_unit"].to_list()) == {"frames"} else "s"
    length = "cm" if sessions["px_per_cm"].count() else "px"
    return unit, f"{length}/{'frame' if unit == 'frames' else 's'}"


def read_as(context: ToolContext, call: Mapping[str, Any]) -> str:
    """Say what the description of a call was read as: "running, in center, speed ≥ 20 cm/s → grooming"; empty without one.

    Words that name nothing in the experiment stand in quotation marks: they only order what is found.
    """
    from ethochat.tools.searching.lexicon import build_lexicon
    from ethochat.tools.searching.reading import read_description

    if not call.get("query"):
        return ""
    sessions = context.catalog.load("sessions")["session_id"].sort().to_list()
    description = read_description(str(call["query"]), build_lexicon(context, sessions[:1]))
    said = "no " if description.absent else ""
    for place, step in enumerate(description.steps):
        if place:
            within = description.within[place - 1]
            said += f" → {f'within {within:g} s ' if within is not None else ''}"
        said += _step_words(step)
    return said


def _step_words(step: Step) -> str:
    edge = {"enter": "entering ", "leave": "leaving "}.get(step.edge or "", "")
    words = [
        f"{edge or ('in ' if term.zones and not term.behaviors else '')}{term.label}" for term in step.terms
    ]
    words += [f"not {term.label}" for term in step.without]
    words += [limit.words() for limit in step.limits]
    words += [f"{liking} first" for liking in step.liking]
    words += [f"“{word}”" for word in step.unread]
    return ", ".join(words) or f"“{step.text}”"
