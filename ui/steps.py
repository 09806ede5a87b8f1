"""Tool calls in words a neuroscientist reads, and the evidence behind an answer's marks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from ethochat.tools import arguments as calls
from ethochat.tools import tool_named
from ethochat.tools.errors import ToolRetryError
from ethochat.tools.evidence import Evidence
from ethochat.tools.wording import part_name
from ethochat.ui.search_call import parts_of

_MOST_NAMED: Final = 4
_INLINE_SIGNS: Final = re.compile(r"([\\`*\[\]|~]|(?<!\w)_|_(?!\w))")
_BLOCK_SIGNS: Final = re.compile(r"^(\s*)([-+#=>]|\d+(?=[.)]))", re.MULTILINE)
"""What begins a list, a heading or a line at the start of a line."""
_LINKED: Final = re.compile(r":(?=//)|(?<=\bwww)\.|(?<=[\w.+-])@(?=[\w-]+\.\w)", re.IGNORECASE)
"""By what GitHub's Markdown tells an address that is no marked link (GFM, 6.9 Autolinks)."""
_AXES: Final = {
    "session_id": "session",
    "subject_id": "animal",
    "individual": "tracked animal",
    "pair": "pair of animals",
}
_TOPICS: Final = {
    "summary": "the experiment's design",
    "session_count": "how many sessions there are",
    "subject_count": "how many animals there are",
    "sessions": "the list of sessions",
    "subjects": "the list of animals",
    "behaviors": "which behaviors were marked",
    "sources": "who marked or tracked what",
    "measures": "what can be measured",
    "keypoints": "which keypoints were tracked",
    "zones": "the arena and its zones",
    "recordings": "length, frame rate and scale of the recordings",
    "columns": "the metadata columns",
    "missing_ids": "which session numbers are missing",
    "flags": "which sessions are doubtful",
    "definition": "a definition",
}


# ----------------------------------------------------------------- text that comes from data
def literal(text: str) -> str:
    """Write text so that Markdown shows it as it is: no formatting, no HTML, no links."""
    inline = _INLINE_SIGNS.sub(r"\\\1", _inert(text))
    return _BLOCK_SIGNS.sub(_escape_block, inline)


def _escape_block(match: re.Match[str]) -> str:
    """Escape a sign itself, and a number by the point after it."""
    indent, sign = match.groups()
    return f"{indent}&#{ord(sign[0])};{sign[1:]}"


def harmless(markdown: str) -> str:
    """Keep an answer's formatting, but show HTML, images and links in it as the text they are.

    Names out of tables and files stand in answers; none of them may load or run anything.
    """
    return _inert(markdown).replace("](", "]\\(").replace("][", "]\\[")


def fenced(text: str) -> str:
    """Put text into a code block that nothing in it can end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _inert(text: str) -> str:
    """Keep tags, and addresses that a browser would make links of, as the text they are."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;")
    return _LINKED.sub(lambda match: f"&#{ord(match[0])};", plain)


# ----------------------------------------------------------------- a call in words
def describe_call(name: str, arguments: Mapping[str, Any], *, unit: str = "s") -> tuple[str, str]:
    """Say what a tool call is doing, and what it has done.

    Parameters
    ----------
    name
        The tool.
    arguments
        As the chat model gave them; they may be wrong.
    unit
        Unit of the experiment's times, ``s`` or ``frames``.

    Returns
    -------
    tuple
        Plain text: ``"Comparing distance by group"`` and ``"Compared distance by group"``.
    """
    try:
        checked = tool_named(name).arguments.model_validate(dict(arguments))
    except (ToolRetryError, ValidationError):
        return f"Calling {name}", f"Called {name}"
    if name not in _WORDS:
        return f"Running {plain_name(name)}", f"Ran {plain_name(name)}"
    doing, done, about = _WORDS[name]
    what = " ".join(part for part in (about(checked, unit), _selection(checked, unit)) if part) + _order(
        checked
    )
    return f"{doing} {what}", f"{done} {what}"


def plain_name(name: str) -> str:
    """Write a measure, statistic or tool without underscores; names with dots are a data set's own."""
    if "." in name:
        return name
    return f"number of {name[2:]}".replace("_", " ") if name.startswith("n_") else name.replace("_", " ")


def _listed(names: Sequence[str]) -> str:
    shown = [
        *names[:_MOST_NAMED],
        *([f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []),
    ]
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def _axes(columns: Sequence[str]) -> str:
    return _listed([_AXES.get(column, column) for column in dict.fromkeys(columns)])


def _measure(call: calls.MeasureArguments, unit: str) -> str:
    about = _listed([*call.behaviors, *call.keypoints])
    limits = _limits(call.min_bout_s, call.max_bout_s, unit)
    parts = [
        " and ".join(plain_name(item) for item in call.statistics if item != "each"),
        plain_name(call.measure),
        f"of {about}" if about else "",
        f"in {_listed(call.zones)}" if call.zones else "",
        f"(bouts {limits})" if limits else "",
    ]
    return " ".join(part for part in parts if part)


def _measured(call: calls.MeasureArguments, unit: str) -> str:
    parts = [
        _measure(call, unit),
        f"by {_axes(call.group_by)}" if call.group_by else "",
        f"in bins of {call.bin_s:g} {unit}" if call.bin_s else "",
    ]
    return " ".join(part for part in parts if part)


def _compared(call: calls.CompareArguments, unit: str) -> str:
    between = f"between {_listed(call.groups)}" if call.groups else f"by {_axes([call.group_column])}"
    return f"{_measure(call, unit)} {between}"


def _correlated(call: calls.CorrelateArguments, unit: str) -> str:
    return f"{_measure(call.x, unit)} with {_measure(call.y, unit)}"


def _agreed(call: calls.AgreementArguments, unit: str) -> str:
    who = _listed(call.sources) or "all who marked it"
    of_tracks = call.statistics == ["median_distance"]
    return f"{who} on {_listed(call.behaviors) or ('positions' if of_tracks else 'every behavior')}"


def _transitions(call: calls.TransitionArguments, unit: str) -> str:
    before, after = _listed(call.before) or "any behavior", _listed(call.after) or "any behavior"
    return f"how often {after} follows {before}"


def _cooccurred(call: calls.CooccurrenceArguments, unit: str) -> str:
    return f"when {call.first or 'behaviors'} and {call.second or _listed(call.zones) or 'another'} go on at once"


def _compared_many(call: calls.FamilyArguments, unit: str) -> str:
    what = _listed([plain_name(name) for name in call.measures]) or f"all {call.of}"
    between = f"between {_listed(call.groups)}" if call.groups else f"by {_axes([call.group_column])}"
    return f"{what} {between}"


def _sized(call: calls.PowerArguments, unit: str) -> str:
    of = (
        _compared(call, unit)
        if call.measure
        else f"an effect of {call.effect:g}"
        if call.effect
        else "any measure"
    )
    return (
        f"the sample size for {of}"
        if call.n_per_group is None
        else f"what {call.n_per_group} animals per group can show of {of}"
    )


def _by_two(call: calls.TwoFactorArguments, unit: str) -> str:
    return f"{_measure(call, unit)} by {_axes(call.factors)}"


def _bouts(call: calls.FindBoutsArguments, unit: str) -> str:
    limits = _limits(call.min_bout_s, call.max_bout_s, unit)
    parts = [
        f"{_listed(call.behaviors)} bouts",
        f"of {limits}" if limits else "",
        f"followed by {_listed(call.followed_by)}" if call.followed_by else "",
        f"within {call.within_s:g} {unit}" if call.within_s is not None else "",
        f"in {_listed(call.zones)}" if call.zones else "",
    ]
    return " ".join(part for part in parts if part)


def _proximity(call: calls.FindProximityArguments, unit: str) -> str:
    who = _listed(call.pair) or "two animals"
    return f"when {who} are closer than {call.max_distance:g} {call.unit}"


def _searched(call: calls.SearchArguments, unit: str) -> str:
    elsewhere = ("where", "sessions", "subjects", "individuals", "sources", "window", "query")
    parts = parts_of(call.model_dump(exclude_defaults=True), unit=unit)
    said = [part.label for part in parts if part.key.split(":")[0] not in elsewhere]
    if call.query:
        return ", ".join([f"for “{call.query}”", *said])
    return f"for moments {', '.join(said)}" if said else "for moments"


def _watched(call: calls.WatchArguments, unit: str) -> str:
    n = len(call.clips)
    clips = f"{n} clip{'' if n == 1 else 's'}{' side by side' if call.together and n > 1 else ''}"
    return f"{clips} with the vision-language model: “{call.question}”"


def _drawn(call: calls.PlotArguments, unit: str) -> str:
    groups = [*([call.group_column] if call.group_column else []), *call.group_by]
    by = f" by {_axes(groups)}" if groups else ""
    if call.kind == "scatter":
        return f"{_measure(call, unit)} against {plain_name(call.against or '?')}{by}"
    if call.kind == "time_bins":
        return f"{_measure(call, unit)} over time{by}"
    if call.kind == "bars":
        return f"{_measure(call, unit)}{by}"
    if call.kind == "ethogram":
        return f"when each of {_listed(call.behaviors)} happened" if call.behaviors else "an ethogram"
    return _FIGURES[call.kind] + by


_FIGURES: Final = {
    "trajectory": "the path", "occupancy": "where the animal spent its time", "matrix": "which behavior follows which",
    "agreement": "how well raters agree", "forest": "how much each measure differs",
}  # fmt: skip


def _facts(call: calls.FactsArguments, unit: str) -> str:
    if call.topic == "definition" and call.name:
        return f"how {plain_name(call.name)} is defined"
    return _TOPICS[call.topic] + (f" by {_axes(call.group_by)}" if call.group_by else "")


def _asked(call: calls.Arguments, unit: str) -> str:
    return "a question back"


def _order(call: BaseModel) -> str:
    order = getattr(call, "order", None)
    said = {"ascending": "lowest", "descending": "highest", "longest": "longest", "shortest": "shortest"}.get(
        str(order)
    )
    return f", the {said} first" if said else ""


def _limits(shortest: float | None, longest: float | None, unit: str) -> str:
    parts = [
        f"at least {shortest:g} {unit}" if shortest is not None else "",
        f"at most {longest:g} {unit}" if longest is not None else "",
    ]
    return " and ".join(part for part in parts if part)


def _selection(call: BaseModel, unit: str) -> str:
    """Which sessions, animals, raters and times."""
    if not isinstance(call, calls.Selection):
        return ""
    sources: Sequence[str] = (
        () if isinstance(call, calls.AgreementArguments) else getattr(call, "sources", ())
    )
    parts = [
        f"as marked by {_listed(sources)}" if sources else "",
        f"for {_listed([*call.subjects, *call.individuals])}" if call.subjects or call.individuals else "",
        f"in {_listed(call.sessions)}" if call.sessions else "",
        f"where {' and '.join(_condition(item) for item in call.where)}" if call.where else "",
        _window(call.start_s, call.stop_s, unit),
        _part(call.start_part, call.stop_part),
    ]
    return " ".join(part for part in parts if part)


def _condition(condition: calls.Condition) -> str:
    value = condition.value
    shown = _listed([str(item) for item in value]) if isinstance(value, list) else str(value)
    return (
        f"{condition.column} is {shown}"
        if condition.op == "=="
        else f"{condition.column} {condition.op} {shown}"
    )


def _window(start: float | None, stop: float | None, unit: str) -> str:
    if start is not None and start < 0 and stop is None:
        return f"in the last {-start:g} {unit}"
    if start is None and stop is None:
        return ""
    if stop is None:
        return f"from {start:g} {unit} on"
    return f"in the first {stop:g} {unit}" if not start else f"from {start:g} to {stop:g} {unit}"


def _part(start: float | None, stop: float | None) -> str:
    return "" if start is None and stop is None else f"in the {part_name(start, stop)}"


_WORDS: Final[Mapping[str, tuple[str, str, Callable[[Any, str], str]]]] = {
    "experiment_facts": ("Reading", "Read", _facts),
    "measure": ("Measuring", "Measured", _measured),
    "compare_groups": ("Comparing", "Compared", _compared),
    "compare_many": ("Comparing", "Compared", _compared_many),
    "two_factors": ("Comparing", "Compared", _by_two),
    "power": ("Computing", "Computed", _sized),
    "cooccurrence": ("Comparing", "Compared", _cooccurred),
    "correlate": ("Correlating", "Correlated", _correlated),
    "agreement": ("Comparing", "Compared", _agreed),
    "transitions": ("Counting", "Counted", _transitions),
    "find_bouts": ("Looking up", "Looked up", _bouts),
    "find_proximity": ("Looking up", "Looked up", _proximity),
    "search_segments": ("Searching", "Searched", _searched),
    "watch_clips": ("Watching", "Watched", _watched),
    "plot": ("Drawing", "Drew", _drawn),
    "ask_user": ("Asking", "Asked", _asked),
}


# ----------------------------------------------------------------- evidence
def evidence_text(evidence: Evidence) -> str:
    """Say in Markdown what a mark stands for: what the tool returned, from which rows, with which flags, and its call."""
    rows = f"{evidence.n_rows:,} row{'' if evidence.n_rows == 1 else 's'} of the tables"
    said = set(evidence.summary.splitlines())
    flags = [flag for flag in evidence.flags if flag not in said]
    call = json.dumps(
        {"tool": evidence.tool, "arguments": evidence.arguments}, ensure_ascii=False, indent=1, default=str
    )
    parts = [
        result_text(evidence.summary),
        *(["\n".join(f"- {literal(flag)}" for flag in flags)] if flags else []),
        f"From {rows}, by this call:",
        fenced(call),
    ]
    return "\n\n".join(parts)


def result_text(summary: str) -> str:
    """Show what a tool returned, line by line."""
    return "\n".join(literal(line) for line in summary.splitlines())
