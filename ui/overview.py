"""What an experiment holds, at a glance: the page's heading and what can be asked about."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import PurePath
from typing import Final
from urllib.parse import urlsplit

import polars as pl

from ethochat.index.errors import BackendUnavailableError
from ethochat.index.vlm.addresses import parse_name
from ethochat.index.vlm.cleaning import clean
from ethochat.tools.context import ToolContext

_MOST_NAMES: Final = 12
_LONGEST_NAME: Final = 80
_MOST_GROUPS: Final = 8
"""A column with more values is no grouping."""
_KINDS: Final = {
    "manual": "scored by hand",
    "automated": "scored by software",
    "rule": "found by ethochat's rules",
}
_LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1", "0.0.0.0")


def heading_html(context: ToolContext, model: str) -> str:
    """Name the experiment, and say which models answer and look at clips, and where they run; none is loaded for it."""
    experiment = context.experiment
    about = escape(experiment.description)
    name, where, leaves = model_place(model)
    return (
        f"<div class='bar'><div class='title'><h1>{escape(experiment.name)}</h1><p title='{about}'>{about}</p></div>"
        f"<div class='model'><p>Answers by <b>{escape(name)}</b> · <a href='?'>New conversation</a></p>"
        f"<p{' class=leaves' if leaves else ''}>{escape(where)}</p>{_looker_html(context)}</div></div>"
    )


def _looker_html(context: ToolContext) -> str:
    if context.vlm is None or context.vlm.name is None:
        return ""
    name, where, leaves = looker_place(context.vlm.name)
    place = f"<span{' class=leaves' if leaves else ''}>{escape(where)}</span>"
    return f"<p class='looks'>Clips looked at by <b>{escape(name)}</b> · {place}</p>"


def looker_place(name: str) -> tuple[str, str, bool]:
    """Say where a vision-language model runs, without a password or a key.

    Parameters
    ----------
    name
        As the user named it, or as a model that was handed over calls itself.

    Returns
    -------
    tuple
        Its name, a sentence, and whether frames leave this computer.
    """
    kind, _, rest = name.partition(":")
    if kind == "openai":
        return _server_place(rest)
    if kind == "transformers":
        folder = PurePath(rest)
        shown = clean(folder.name if folder.is_absolute() or rest.startswith(".") else rest, _LONGEST_NAME)
        return shown, "Runs in this process; no frame leaves it.", False
    if kind == "scripted":
        return clean(name, _LONGEST_NAME), "A double that looks at nothing, for tests.", False
    return clean(name, _LONGEST_NAME), "Handed to this page; where it runs is not known.", True


def _server_place(rest: str) -> tuple[str, str, bool]:
    try:
        model, addresses = parse_name(rest)
    except BackendUnavailableError:
        return "a server", "Its address cannot be read, so nothing is sent.", False
    away = [address.host for address in addresses if not address.local]
    shown = clean(model, _LONGEST_NAME)
    if away:
        return shown, f"Frames are sent to {', '.join(dict.fromkeys(away))}.", True
    hosts = ", ".join(address.host for address in addresses)
    return shown, f"Runs on this computer ({hosts}); no frame leaves it.", False


def model_place(model: str) -> tuple[str, str, bool]:
    """Say where a chat model runs.

    Returns
    -------
    tuple
        Its name, a sentence, and whether questions and results leave this computer.
    """
    if model == "builtin":
        return "the built-in model", "Runs on this computer; nothing leaves it.", False
    provider, _, rest = model.partition(":")
    name, at, address = rest.rpartition("@http")
    shown = name if at else rest
    if provider == "transformers":
        return shown, "Runs on this computer; nothing leaves it.", False
    if at:
        host = urlsplit(f"http{address}").hostname or address
        if host in _LOCAL_HOSTS:
            return shown, f"Runs on this computer ({host}); nothing leaves it.", False
        return shown, f"Runs at {host}: questions and results are sent there.", True
    return shown, f"Runs at {provider}: questions and results are sent there.", True


def overview_html(context: ToolContext) -> str:
    """List what the experiment holds, in the words that questions can use."""
    rows = [
        ("Recordings", _recordings(context)),
        ("Animals", _animals(context)),
        *_groups(context),
        *_behaviors(context),
        ("Zones", _names([zone.name for zone in context.experiment.zones])),
        (
            "Came with the data",
            _names(context.catalog.load("metrics")["metric"].unique().sort().to_list(), most=4),
        ),
        ("Left out of statistics", _excluded(context)),
    ]
    lines = "".join(f"<dt>{escape(term)}</dt><dd>{text}</dd>" for term, text in rows if text)
    return f"<h2>In this experiment</h2><dl>{lines}</dl>"


def grouping_columns(context: ToolContext) -> list[str]:
    """Metadata columns whose values tell groups of sessions apart, the most telling first."""
    sessions = context.catalog.load("sessions")
    telling = ("group", "condition", "treatment", "genotype")
    columns = [
        name
        for name in context.experiment.metadata_columns
        if name in sessions.columns
        and sessions[name].dtype in (pl.String, pl.Boolean)
        and 2 <= sessions[name].drop_nulls().n_unique() <= min(_MOST_GROUPS, sessions[name].count() // 2)
    ]
    return sorted(columns, key=lambda name: (name.lower() not in telling, columns.index(name)))


def _recordings(context: ToolContext) -> str:
    sessions = context.catalog.load("sessions")
    n = sessions.height
    parts = [f"{n} session{'' if n == 1 else 's'}{_lasting(sessions)}"]
    videos = sessions["video"].count()
    if videos == n:
        parts.append("with video")
    else:
        parts.append(f"{videos} with video" if videos else "no video: no clips can be shown")
    tracked = context.catalog.load("coverage").filter(pl.col("kind") == "track")["session_id"].n_unique()
    if tracked:
        parts.append("tracked" if tracked == n else f"{tracked} tracked")
    return escape("; ".join(parts))


def _lasting(sessions: pl.DataFrame) -> str:
    known = sessions.filter(pl.col("duration").is_not_null())
    units = known["time_unit"].unique().to_list()
    if len(units) != 1:
        return ""
    low, high = float(known["duration"].min()), float(known["duration"].max())  # type: ignore[arg-type]
    if units[0] == "frames":
        length = f"{low:,.0f}" if round(low) == round(high) else f"{low:,.0f} to {high:,.0f}"
        return f" of {length} frames (frame rate not stated)"
    unit, size = ("min", 60.0) if low >= 180 else ("s", 1.0)
    shortest, longest = f"{low / size:.3g}", f"{high / size:.3g}"
    return f" of {shortest if shortest == longest else f'{shortest} to {longest}'} {unit}"


def _animals(context: ToolContext) -> str:
    individuals = context.catalog.load("individuals")
    named = individuals["subject_id"].drop_nulls().n_unique()
    if named:
        return str(named)
    per_session = individuals.group_by("session_id").len()["len"].max()
    return f"{per_session} in a session" if isinstance(per_session, int) and per_session > 1 else ""


def _groups(context: ToolContext) -> list[tuple[str, str]]:
    sessions = context.catalog.load("sessions")
    rows = []
    for column in grouping_columns(context)[:4]:
        counts = sessions[column].cast(pl.String).drop_nulls().value_counts().sort(column)
        said = ", ".join(f"{escape(value)} <i>{count}</i>" for value, count in counts.iter_rows())
        rows.append((column, said))
    return rows


def _behaviors(context: ToolContext) -> list[tuple[str, str]]:
    coverage = context.catalog.load("coverage").explode("behaviors").drop_nulls("behaviors")
    rows = []
    for kind, words in _KINDS.items():
        names = coverage.filter(pl.col("source_kind") == kind)["behaviors"].unique().sort().to_list()
        rows.append((f"Behaviors {words}", _names(names)))
    return rows


def _excluded(context: ToolContext) -> str:
    return _names(context.catalog.load("sessions").filter(pl.col("excluded"))["session_id"].sort().to_list())


def _names(names: Sequence[str], *, most: int = _MOST_NAMES) -> str:
    shown = ", ".join(escape(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
