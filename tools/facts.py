"""The tool ``experiment_facts``: what the experiment contains."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from ethochat.tools.arguments import FactsArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Evidence, Value
from ethochat.tools.measures import CATALOGUE, find_quantity, metric_names, numeric_columns
from ethochat.tools.motion import known_zones
from ethochat.tools.selection import (
    IDENTIFIERS,
    Scope,
    column_values,
    declared_words,
    exclusion_reason,
    find_name,
    known_behaviors,
    label_coverage,
    listing,
    match_behaviors,
    match_column,
    match_group_column,
    match_sources,
    metadata_columns,
    plain,
    select_sessions,
    show,
)
from ethochat.tools.wording import condition_words, number, some, summarize_evidence

_MOST_GROUPS: Final = 8
"""A column with more values is no grouping and is not counted in the summary."""
_KIND_WORDS: Final = {"manual": "by hand", "automated": "by software", "rule": "by ethochat's rules"}


@dataclass(slots=True, kw_only=True)
class Facts:
    """What one topic has to say."""

    lines: list[str] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A call with its sessions."""

    context: ToolContext
    arguments: FactsArguments
    scope: Scope

    def coverage(self) -> pl.DataFrame:
        """Coverage rows of the selected sessions."""
        return self.context.catalog.load("coverage").filter(
            pl.col("session_id").is_in(self.scope.session_ids)
        )


def experiment_facts(context: ToolContext, arguments: FactsArguments) -> Evidence:
    """Say what the experiment contains."""
    # What exists is asked of all recordings; which of them are unusable is said, not hidden.
    scope = select_sessions(context, arguments.model_copy(update={"include_excluded": True}))
    question = Question(context=context, arguments=arguments, scope=_with_sources(context, arguments, scope))
    facts = _TOPICS[arguments.topic](question)
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=facts.values,
        n_rows=question.scope.sessions.height,
        flags=[*question.scope.flags, *_excluded(question)],
    )
    lead = "\n".join(facts.lines)
    evidence.summary = "\n".join([lead, *evidence.flags]) if lead else summarize_evidence(evidence)
    return evidence


def _with_sources(context: ToolContext, arguments: FactsArguments, scope: Scope) -> Scope:
    """Keep the sessions that have one of the sources, or labels of the kind, asked for."""
    if arguments.not_sources:
        unwanted = context.catalog.load("coverage").filter(
            pl.col("source").is_in(list(match_sources(context, arguments.not_sources)))
        )
        scope = _restricted(scope, ~pl.col("session_id").is_in(unwanted["session_id"].unique().to_list()))
    if not arguments.sources and arguments.source_kind is None:
        return scope
    rows = label_coverage(context, scope) if arguments.source_kind else context.catalog.load("coverage")
    if arguments.sources:
        rows = rows.filter(pl.col("source").is_in(list(match_sources(context, arguments.sources))))
    if arguments.source_kind:
        rows = rows.filter(pl.col("source_kind") == arguments.source_kind)
    having = pl.col("session_id").is_in(rows["session_id"].unique().to_list())
    return _restricted(scope, ~having if arguments.without else having)


def _restricted(scope: Scope, condition: pl.Expr) -> Scope:
    """Keep the sessions that meet a condition."""
    return dataclasses.replace(scope, sessions=scope.sessions.filter(condition))


def _excluded(question: Question) -> list[str]:
    bad = question.scope.sessions.filter(pl.col("excluded"))["session_id"].to_list()
    if question.arguments.topic == "flags":
        return []
    return [
        f"{name} is left out of results by default: {exclusion_reason(question.context, name).rstrip('.')}."
        for name in bad[:5]
    ] + ([f"So are {listing(bad[5:])}."] if len(bad) > 5 else [])


# ----------------------------------------------------------------- counting
def _subjects_of(question: Question) -> list[tuple[str, str, str]]:
    """(session_id, individual, subject) of every animal; the animal itself where no subject is stated."""
    scope = question.scope
    individuals = question.context.catalog.load("individuals")
    found = []
    named: dict[str, list[str]] = {}
    for session_id, individual in individuals.select("session_id", "individual").iter_rows():
        named.setdefault(session_id, []).append(individual)
    for session_id in scope.session_ids:
        for individual in named.get(session_id, [""]):
            if scope.includes(session_id, individual):
                subject = scope.subject_of(session_id, individual)
                found.append((session_id, individual, subject or f"{session_id} {individual}".strip()))
    return found


def _n_subjects(question: Question) -> int:
    return len({subject for _, _, subject in _subjects_of(question)})


def _count_by(question: Question, what: str) -> Facts:
    """Sessions or subjects, in all or by the columns of the call."""
    facts = Facts()
    columns = [match_group_column(question.context, name) for name in question.arguments.group_by]
    rows = _labeled_rows(question, columns)
    counted = [(row[0] if what == "sessions" else row[1], row[2]) for row in rows]
    total = len({name for name, _ in counted})
    if not columns:
        facts.values = [_count(f"n_{what}", total, {})]
        facts.lines = [f"{some(total, what[:-1])}{_condition(question)}."]
        return facts
    groups: dict[tuple[str, ...], set[str]] = {}
    for name, labels in counted:
        groups.setdefault(labels, set()).add(name)
    for labels in sorted(groups, key=lambda key: [_natural(text) for text in key]):
        n, group = len(groups[labels]), dict(zip(columns, labels, strict=True))
        facts.values.append(_count(f"n_{what}", n, group))
        said = ", ".join(f"{column} {text}" for column, text in group.items())
        facts.lines.append(f"{said}: {some(n, what[:-1])}")
    facts.values.append(_count(f"n_{what}", total, {}, note="In all."))
    facts.lines.append(f"In all: {some(total, what[:-1])}{_condition(question)}.")
    return facts


def _condition(question: Question) -> str:
    words = [condition_words(condition) for condition in question.arguments.where]
    if question.arguments.source_kind:
        words.append(f"labeled {_KIND_WORDS[question.arguments.source_kind]}")
    if question.arguments.sources:
        words.append(
            f"{'without' if question.arguments.without else 'with'} {listing(question.arguments.sources)}"
        )
    if question.arguments.not_sources:
        words.append(f"without {listing(question.arguments.not_sources)}")
    return f" ({'; '.join(words)})" if words else ""


def _natural(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), ""
    except ValueError:
        return 1, 0.0, text


def _labeled_rows(question: Question, columns: Sequence[str]) -> list[tuple[str, str, tuple[str, ...]]]:
    """(session_id, subject, labels) of every animal, once per source or behavior where columns ask for it."""
    metadata = {
        name: column_values(question.scope.sessions, name) for name in columns if name not in IDENTIFIERS
    }
    sources = _by_session(question, "source") if "source" in columns else {}
    behaviors = _by_session(question, "behavior") if "behavior" in columns else {}
    unusable = set(columns) & {"zone", "keypoint", "pair"}
    if unusable:
        raise ToolRetryError(f"Sessions cannot be counted by {listing(sorted(unusable))}.")
    rows = []
    for session_id, individual, subject in _subjects_of(question):
        for source in sources.get(session_id, []) if "source" in columns else [""]:
            for behavior in behaviors.get(session_id, []) if "behavior" in columns else [""]:
                known = {
                    "session_id": session_id,
                    "subject_id": subject,
                    "individual": individual,
                    "source": source,
                    "behavior": behavior,
                }
                labels = tuple(
                    known[name] if name in known else metadata[name].get(session_id, "not stated")
                    for name in columns
                )
                rows.append((session_id, subject, labels))
    return rows


def _by_session(question: Question, what: str) -> dict[str, list[str]]:
    """List the sources or behaviors of each session."""
    found: dict[str, list[str]] = {}
    kinds = question.arguments.source_kind
    for row in label_coverage(question.context, question.scope).iter_rows(named=True):
        if kinds is None or row["source_kind"] == kinds:
            names = [row["source"]] if what == "source" else row["behaviors"] or []
            found.setdefault(row["session_id"], []).extend(names)
    return {session_id: list(dict.fromkeys(names)) for session_id, names in found.items()}


def _session_count(question: Question) -> Facts:
    return _count_by(question, "sessions")


def _subject_count(question: Question) -> Facts:
    return _count_by(question, "subjects")


# ----------------------------------------------------------------- listing
def _columns(question: Question) -> list[str]:
    return [match_column(question.context, name) for name in question.arguments.columns]


def _sessions(question: Question) -> Facts:
    facts = Facts()
    columns = _columns(question)
    for row in question.scope.sessions.iter_rows(named=True):
        group = {name: show(row[name]) for name in columns}
        facts.values.append(
            Value(
                name="session",
                value=row["session_id"],
                group=group,
                session_id=row["session_id"],
                subject_id=row["subject_id"],
            )
        )
        shown = [row["session_id"], *([f"subject {row['subject_id']}"] if row["subject_id"] else [])]
        facts.lines.append(", ".join([*shown, *(f"{key} {text}" for key, text in group.items())]))
    facts.lines.insert(0, f"{some(len(facts.values), 'session')}{_condition(question)}:")
    return facts


def _subjects(question: Question) -> Facts:
    facts = Facts()
    columns = _columns(question)
    metadata = {name: column_values(question.scope.sessions, name) for name in columns}
    sessions: dict[str, list[str]] = {}
    for session_id, _, subject in _subjects_of(question):
        sessions.setdefault(subject, []).append(session_id)
    for subject, ids in sessions.items():
        group = {
            name: ", ".join(dict.fromkeys(metadata[name].get(session_id, "not stated") for session_id in ids))
            for name in columns
        }
        unique = list(dict.fromkeys(ids))
        facts.values.append(
            Value(
                name="subject",
                value=subject,
                group=group,
                subject_id=subject,
                session_id=unique[0] if len(unique) == 1 else None,
                n=len(unique),
                note="n is the number of sessions.",
            )
        )
        extra = [f"{key} {text}" for key, text in group.items()]
        facts.lines.append(", ".join([subject, listing(unique, 4), *extra]))
    facts.lines.insert(0, f"{some(len(facts.values), 'subject')}{_condition(question)}:")
    return facts


def _sources(question: Question) -> Facts:
    """Who labeled or tracked what, in how many sessions."""
    facts = Facts()
    rows = question.coverage().filter(pl.col("kind") != "metrics")
    if question.arguments.source_kind:
        rows = rows.filter(pl.col("source_kind") == question.arguments.source_kind, pl.col("kind") != "track")
    if question.arguments.sources:
        rows = rows.filter(
            pl.col("source").is_in(list(match_sources(question.context, question.arguments.sources)))
        )
    labels = rows.filter(pl.col("kind").is_in(["annotations", "rules"]))
    for kind in ("manual", "automated", "rule"):
        mine = labels.filter(pl.col("source_kind") == kind)
        if not mine.is_empty():
            n = mine["session_id"].n_unique()
            names = sorted(set(mine["source"].to_list()))
            facts.values.append(
                _count("n_sessions", n, {"source_kind": kind}, note=f"Sources: {listing(names, 20)}.")
            )
            facts.lines.append(
                f"{some(n, 'session')} {'was' if n == 1 else 'were'} labeled {_KIND_WORDS[kind]} ({listing(names, 20)})."
            )
    if question.arguments.source_kind and not labels.is_empty():
        people = sorted(set(labels["source"].to_list()))
        facts.values.append(_count("n_sources", len(people), {"source_kind": question.arguments.source_kind}))
        facts.lines.append(f"{some(len(people), 'source')}: {listing(people, 20)}.")
    for (source, kind), part in _grouped(rows, "source", "kind"):
        n = part["session_id"].n_unique()
        marked = _marked(part)
        what = (
            f"labels {listing(marked, 12)}"
            if marked
            else "tracks positions"
            if kind == "track"
            else "found nothing to label"
        )
        group = {"source": source, "kind": kind, **({"behavior": ", ".join(marked)} if marked else {})}
        facts.values.append(_count("n_sessions", n, group, session_id=_only(part)))
        facts.lines.append(f"{source} ({part['source_kind'][0]}): {what} in {some(n, 'session')}.")
    if not facts.lines:
        facts.lines = ["No source labeled or tracked these sessions."]
    return facts


def _grouped(rows: pl.DataFrame, *columns: str) -> list[tuple[tuple[str, ...], pl.DataFrame]]:
    parts = rows.partition_by(*columns, as_dict=True, maintain_order=True)
    return sorted(
        ((tuple(str(k) for k in key), part) for key, part in parts.items()), key=lambda item: item[0]
    )


def _marked(rows: pl.DataFrame) -> list[str]:
    return sorted({name for names in rows["behaviors"].to_list() for name in names or []})


def _only(rows: pl.DataFrame) -> str | None:
    ids = rows["session_id"].unique().to_list()
    return str(ids[0]) if len(ids) == 1 else None


def _count(
    name: str, n: float, group: dict[str, str], *, session_id: str | None = None, note: str | None = None
) -> Value:
    return Value(name=name, value=float(n), unit="count", group=group, session_id=session_id, note=note)


def _behaviors(question: Question) -> Facts:
    facts = Facts()
    rows = _wanted_labels(question)
    bouts = question.context.catalog.load("bouts").filter(
        pl.col("session_id").is_in(question.scope.session_ids),
        pl.col("source").is_in(rows["source"].unique().to_list()),
    )
    counts = Counter(dict(bouts.group_by("behavior").len().iter_rows()))
    names = [name for name in _marked(rows) if counts[name]] or _marked(rows)
    facts.values.append(_count("n_behaviors", len(names), {}))
    for behavior in names:
        mine = rows.filter(pl.col("behaviors").list.contains(behavior))
        sources = sorted(set(mine["source"].to_list()))
        facts.values.append(
            _count("bout_count", counts[behavior], {"behavior": behavior, "sources": ", ".join(sources)})
        )
        definition = _definition_of(question.context, behavior)
        text = f"{behavior}: {counts[behavior]} bouts by {listing(sources)}"
        facts.lines.append(text + (f" ({definition})" if definition else ""))
    facts.lines.insert(0, f"{some(len(names), 'behavior')}:" if names else "No behavior is labeled.")
    return facts


def _wanted_labels(question: Question) -> pl.DataFrame:
    """Coverage of labels by the sources, or the kind of source, that the call names."""
    rows = label_coverage(question.context, question.scope)
    if question.arguments.sources:
        wanted = list(match_sources(question.context, question.arguments.sources))
        rows = rows.filter(pl.col("source").is_in(wanted))
    if question.arguments.source_kind:
        rows = rows.filter(pl.col("source_kind") == question.arguments.source_kind)
    return rows


def _measures(question: Question) -> Facts:
    facts = Facts()
    metrics = metric_names(question.context)
    units = dict(question.context.catalog.load("metrics").select("metric", "unit").unique().iter_rows())
    facts.values = [_text("measure", name, {"unit": CATALOGUE[name].unit}) for name in CATALOGUE]
    facts.values += [_text("metric", name, {"unit": units.get(name) or "not stated"}) for name in metrics]
    facts.values += [_text("column", name, {}) for name in numeric_columns(question.context)]
    facts.lines.append(f"{len(CATALOGUE)} measures can be computed: {listing(CATALOGUE, 60)}.")
    if metrics:
        facts.lines.append(f"{len(metrics)} metrics came with the data: {listing(metrics, 60)}.")
    return facts


def _text(name: str, value: str, group: dict[str, str], session_id: str | None = None) -> Value:
    return Value(name=name, value=value, group=group, session_id=session_id)


def _keypoints(question: Question) -> Facts:
    facts = Facts()
    found = _tracked_keypoints(question)
    for (source, names), ids in found.items():
        facts.values.append(_count("n_keypoints", len(names), {"source": source}))
        facts.values.extend(_text("keypoint", name, {"source": source, "keypoint": name}) for name in names)
        facts.lines.append(
            f"{source} tracks {some(len(names), 'keypoint')} in {some(len(ids), 'session')}: {listing(names, 40)}."
        )
    if not found:
        facts.lines.append("Nothing was tracked in these sessions.")
    return facts


def _tracked_keypoints(question: Question) -> dict[tuple[str, tuple[str, ...]], list[str]]:
    """(source, keypoints) to the sessions in which that tracker follows those keypoints."""
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    tracked = question.coverage().filter(pl.col("kind") == "track")["session_id"].unique(maintain_order=True)
    for session_id in tracked.to_list():
        file = question.context.catalog.path("tracks", session_id)
        if not file.exists():
            continue
        table = pl.scan_parquet(file).select("source", "keypoint").unique(maintain_order=True).collect()
        for (source,), part in table.partition_by("source", as_dict=True, maintain_order=True).items():
            found.setdefault((str(source), tuple(part["keypoint"].to_list())), []).append(session_id)
    return found


def _zones(question: Question) -> Facts:
    names = known_zones(question.context, question.scope.session_ids[:20])
    arena = question.context.experiment.arena
    facts = Facts(values=[_text("zone", name, {"zone": name}) for name in names])
    facts.lines = [f"Zones: {listing(names, 40)}." if names else "No zones are declared."]
    if arena is not None:
        size = [
            f"{value:g} cm"
            for value in (arena.width_cm, arena.height_cm, arena.diameter_cm)
            if value is not None
        ]
        facts.lines.append(f"The arena is a {arena.shape}{' of ' + ' x '.join(size) if size else ''}.")
    return facts


def _recordings(question: Question) -> Facts:
    """Frames, duration, frame rate and scale of each session, and how many positions are missing."""
    facts = Facts()
    coverage = question.coverage()
    for row in question.scope.sessions.iter_rows(named=True):
        unit = "frames" if row["time_unit"] == "frames" else "s"
        session_id, subject_id = row["session_id"], row["subject_id"]
        tracked = coverage.filter(pl.col("session_id") == session_id, pl.col("kind") == "track")
        items: list[tuple[str, float | None, str, dict[str, str]]] = [
            ("n_frames", row["n_frames"], "frames", {})
        ]
        frames = sorted(
            {(r["source"], r["n_frames"]) for r in tracked.iter_rows(named=True) if r["n_frames"]}
        )
        items += [
            ("n_frames", n, "frames", {"source": source}) for source, n in frames if n != row["n_frames"]
        ]
        items.append(("duration", row["duration"], unit, {}))
        items += [("fps", row["fps"], "1/s", {}), ("px_per_cm", row["px_per_cm"], "px/cm", {})]
        items += [("width", row["width_px"], "px", {}), ("height", row["height_px"], "px", {})]
        values = [
            Value(
                name=name,
                value=float(value),
                unit=unit_,
                group=group,
                session_id=session_id,
                subject_id=subject_id,
            )
            for name, value, unit_, group in items
            if value is not None and not (name == "duration" and unit == "frames")
        ]
        facts.values.extend(values)
        facts.lines.append(f"{session_id}: {_recording_words(values, row, tracked)}")
    return facts


_RECORDING_WORDS: Final = {
    "n_frames": "{:.0f} frames",
    "duration": "{:.1f} s",
    "fps": "{:.5g} frames per second",
    "px_per_cm": "{:.4g} px per cm",
    "width": "{:.0f} px wide",
    "height": "{:.0f} px high",
}


def _recording_words(values: Sequence[Value], row: Mapping[str, object], tracked: pl.DataFrame) -> str:
    parts = []
    for value in values:
        of = f" tracked by {value.group['source']}" if "source" in value.group else ""
        if isinstance(value.value, float):
            parts.append(_RECORDING_WORDS[value.name].format(value.value) + of)
    if row["fps"] is None:
        parts.append("frame rate not documented")
    if row["px_per_cm"] is None and not tracked.is_empty():
        parts.append("scale (px per cm) not documented")
    parts.append("video" if row["video"] is not None else "no video")
    trackers = sorted(set(tracked["source"].to_list()))
    parts.append(f"tracked by {listing(trackers)}" if trackers else "no track")
    return ", ".join(parts) + "."


def _column_facts(question: Question) -> Facts:
    facts = Facts()
    for name in _columns(question) or metadata_columns(question.context):
        values = question.scope.sessions[name]
        stated = values.drop_nulls()
        kinds = sorted({show(value) for value in stated.to_list()}, key=_natural)
        if stated.dtype.is_numeric() and len(kinds) > _MOST_GROUPS:
            text = f"{len(kinds)} numbers from {kinds[0]} to {kinds[-1]}"
        else:
            text = listing(kinds, 15) if kinds else "empty"
        facts.values.append(_count("n_values", len(kinds), {"column": name}))
        facts.values.append(_text("column", name, {"values": text}))
        missing = f" (not stated for {values.null_count()} sessions)" if values.null_count() else ""
        facts.lines.append(f"{name}: {some(len(kinds), 'different value')}, {text}{missing}.")
    if not facts.lines:
        facts.lines.append("sessions.csv has no further columns.")
    return facts


def missing_numbers(session_ids: Sequence[str]) -> list[str]:
    """Ids that are absent between the lowest and highest number of each numbered series."""
    series: dict[str, list[str]] = {}
    for session_id in session_ids:
        match = re.fullmatch(r"(.*?)(\d+)", session_id)
        if match:
            series.setdefault(match[1], []).append(match[2])
    missing = []
    for prefix, digits in series.items():
        known = {int(text) for text in digits}
        # Numbers written with leading zeros keep their width.
        width = len(digits[0]) if any(len(text) > 1 and text.startswith("0") for text in digits) else 0
        missing += [f"{prefix}{n:0{width}d}" for n in range(min(known), max(known) + 1) if n not in known]
    return missing


def _missing_ids(question: Question) -> Facts:
    ids = question.scope.session_ids
    missing = missing_numbers(ids)
    facts = Facts(values=[_count("n_missing", len(missing), {})])
    facts.values += [Value(name="missing_session", value=name, group={"session": name}) for name in missing]
    facts.lines.append(
        f"Missing in the numbering: {listing(missing, 50)}."
        if missing
        else "No number is missing in the session ids."
    )
    return facts


def _flags(question: Question) -> Facts:
    facts = Facts()
    rows = question.context.catalog.load("flags").filter(
        pl.col("session_id").is_in(question.scope.session_ids)
    )
    for row in rows.sort("session_id").iter_rows(named=True):
        out = "; left out of results" if row["excludes"] else ""
        facts.values.append(
            _text("flag", row["message"] or row["code"], {"code": row["code"]}, row["session_id"])
        )
        facts.lines.append(f"{row['session_id']}: {row['message'] or row['code']}{out}")
    if not facts.lines:
        facts.lines.append("Nothing is flagged.")
    return facts


# ----------------------------------------------------------------- definitions
def _definition_of(context: ToolContext, behavior: str) -> str | None:
    from ethochat.index.behaviors.rules import rules_of

    declared = {item.name: item.definition for item in context.experiment.behaviors}
    if declared.get(behavior):
        return declared[behavior]
    return next((rule.text() for rule in rules_of(context.experiment) if rule.name == behavior), None)


def _definition(question: Question) -> Facts:
    name = question.arguments.name
    if name is None:
        raise ToolRetryError("A definition needs the name of a behavior or a measure.")
    for behaviors in (_meant(question.context, name),):
        if behaviors:
            return _behavior_definitions(question, behaviors)
    quantity = find_quantity(question.context, name)
    if quantity.measure is not None:
        text = f"{quantity.name} ({quantity.measure.unit}): {quantity.measure.definition}"
    else:
        text = (
            f"{quantity.name} is a value that came with the data; how it was computed is not documented here."
        )
    return Facts(lines=[text], values=[_text("definition", text, {"measure": quantity.name})])


def _meant(context: ToolContext, name: str) -> tuple[str, ...]:
    """Behaviors that a name stands for; none where it is no behavior."""
    if find_name(name, known_behaviors(context)) or plain(name) in declared_words(context):
        try:
            return match_behaviors(context, [name])
        except ToolRetryError:
            return ()
    return ()


def _behavior_definitions(question: Question, behaviors: Sequence[str]) -> Facts:
    facts = Facts()
    for behavior in behaviors:
        definition = _definition_of(question.context, behavior)
        rows = label_coverage(question.context, question.scope).filter(
            pl.col("behaviors").list.contains(behavior)
        )
        sources = sorted(set(rows["source"].to_list()))
        text = definition or "no definition is documented"
        facts.values.append(_text("definition", text, {"behavior": behavior}))
        facts.lines.append(f"{behavior}: {text}. Marked by {listing(sources) or 'nobody in these sessions'}.")
    return facts


# ----------------------------------------------------------------- summary
def _summary(question: Question) -> Facts:
    """Give the design in a paragraph, with the counts that it states."""
    facts = Facts()
    experiment, scope = question.context.experiment, question.scope
    if scope.sessions.is_empty():
        raise ToolFailedError("No session meets the conditions, so there is nothing to summarise.")
    n_sessions, n_subjects = scope.sessions.height, _n_subjects(question)
    title = f"{experiment.name}: {experiment.description}" if experiment.description else experiment.name
    facts.lines.append(f"{title.rstrip('.')}. {some(n_sessions, 'session')} of {some(n_subjects, 'animal')}.")
    facts.values += [_count("n_sessions", n_sessions, {}), _count("n_subjects", n_subjects, {})]
    for part in (_summary_groups, _summary_length, _summary_recorded):
        part(question, facts)
    labels = _sources(question)
    facts.values += labels.values
    facts.lines += [line for line in labels.lines if "tracks positions" not in line]
    behaviors = known_behaviors(question.context)
    if behaviors:
        facts.lines.append(f"Behaviors: {listing(behaviors, 20)}.")
    metrics = metric_names(question.context)
    if metrics:
        facts.lines.append(f"{len(metrics)} metrics came with the data: {listing(metrics, 6)}.")
    flagged = question.context.catalog.load("flags")["session_id"].n_unique()
    if flagged:
        facts.lines.append(
            f"{some(flagged, 'session')} {'carries' if flagged == 1 else 'carry'} a quality flag."
        )
    return facts


def _summary_groups(question: Question, facts: Facts) -> None:
    for column in metadata_columns(question.context):
        counts = Counter(column_values(question.scope.sessions, column).values())
        stated = {name: n for name, n in counts.items() if name != "not stated"}
        if not 2 <= len(stated) <= _MOST_GROUPS or max(stated.values()) < 2:
            continue
        ordered = sorted(stated.items(), key=lambda item: _natural(item[0]))
        facts.lines.append(f"{column}: {', '.join(f'{name} {n}' for name, n in ordered)}.")
        facts.values += [_count("n_sessions", n, {column: name}) for name, n in ordered]


def _summary_length(question: Question, facts: Facts) -> None:
    known = question.scope.sessions.filter(pl.col("duration").is_not_null())
    for unit in ("s", "frames"):
        durations = known.filter(pl.col("time_unit") == unit)["duration"].to_list()
        if durations:
            low, high = min(durations), max(durations)
            span = number(low) if low == high else f"{number(low)} to {number(high)}"
            facts.lines.append(f"Sessions last {span} {unit}.")
            for statistic, value in (("min", low), ("max", high)):
                facts.values.append(
                    Value(name="duration", value=value, unit=unit, statistic=statistic, n=len(durations))
                )


def _summary_recorded(question: Question, facts: Facts) -> None:
    coverage = question.coverage()
    counts = {
        "video": question.scope.sessions["video"].drop_nulls().len(),
        "tracks": coverage.filter(pl.col("kind") == "track")["session_id"].n_unique(),
        "annotations": coverage.filter(pl.col("kind") == "annotations")["session_id"].n_unique(),
        "metrics": coverage.filter(pl.col("kind") == "metrics")["session_id"].n_unique(),
    }
    words = [f"{name} for {n} sessions" for name, n in counts.items() if n]
    missing = [name for name, n in counts.items() if not n]
    if words:
        facts.lines.append(f"Recorded: {', '.join(words)}{f'; no {listing(missing)}' if missing else ''}.")
    facts.values += [_count("n_sessions", n, {"kind": name}) for name, n in counts.items() if n]


_TOPICS: Final[Mapping[str, Callable[[Question], Facts]]] = {
    "summary": _summary,
    "session_count": _session_count,
    "subject_count": _subject_count,
    "sessions": _sessions,
    "subjects": _subjects,
    "behaviors": _behaviors,
    "sources": _sources,
    "measures": _measures,
    "keypoints": _keypoints,
    "zones": _zones,
    "recordings": _recordings,
    "columns": _column_facts,
    "missing_ids": _missing_ids,
    "flags": _flags,
    "definition": _definition,
}


TOOL: Tool[FactsArguments] = Tool(
    name="experiment_facts",
    description="What the experiment contains: a summary of its design, how many sessions and animals there "
    "are (by group), their names and metadata, who labeled or tracked what, behaviors, measures, keypoints, "
    "zones, recording lengths, gaps in the numbering, quality flags, and what a behavior or measure means.",
    arguments=FactsArguments,
    function=experiment_facts,
)
