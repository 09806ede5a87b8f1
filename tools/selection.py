"""From names and windows in a call to sessions, animals, columns and behaviors of the tables.

Names are matched exactly, then in any case and spacing, then by declared synonyms and categories; never by
likeness (:mod:`ethochat.tools.names`). Who labels them is the matter of :mod:`ethochat.tools.sources`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from ethochat.index.tables import SESSIONS
from ethochat.tools.arguments import Condition, Selection
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.names import find_name, listing, match_name, nearest, plain, unknown_name
from ethochat.tools.sources import (
    SOURCE_KIND_WORDS,
    SourcePlan,
    known_sources,
    label_coverage,
    match_sources,
    plan_sources,
)
from ethochat.tools.wording import condition_words

__all__ = [
    "IDENTIFIERS",
    "SOURCE_KIND_WORDS",
    "Scope",
    "SourcePlan",
    "column_values",
    "declared_words",
    "exclusion_reason",
    "find_column",
    "find_name",
    "known_behaviors",
    "known_sources",
    "label_coverage",
    "listing",
    "match_behaviors",
    "match_column",
    "match_group_column",
    "match_name",
    "match_sources",
    "match_value",
    "metadata_columns",
    "nearest",
    "ordered_sessions",
    "plain",
    "plan_sources",
    "require_sessions",
    "select_sessions",
    "show",
    "unknown_name",
]

IDENTIFIERS: Final[Mapping[str, tuple[str, ...]]] = {
    "session_id": ("session", "sessions", "recording", "recordings", "trial", "trials", "video"),
    "subject_id": ("subject", "subjects", "animal", "animals", "mouse", "mice"),
    "individual": ("individuals",),
    "pair": ("pairs",),
    "source": ("sources", "rater", "raters", "annotator", "tracker", "trackers", "classifier", "channel"),
    "behavior": ("behaviors", "behaviour", "behaviours", "label", "labels"),
    "zone": ("zones",),
    "keypoint": ("keypoints", "bodypart", "body part", "bodyparts", "body parts"),
    "window": ("windows", "time window", "time windows"),
    "bin": ("bins", "time bin", "time bins", "time"),
}
"""What values can be split by besides metadata columns, and other words for it."""


# ----------------------------------------------------------------- sessions and animals
@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The sessions and animals one call is about."""

    sessions: pl.DataFrame
    """Rows of the sessions table, metadata included, ordered as in the experiment."""
    subjects: Mapping[tuple[str, str], str | None]
    """(session_id, individual) to subject_id, for every animal of the selected sessions."""
    alone: Mapping[str, str | None]
    """session_id to the session's only subject, where it has one."""
    individuals: frozenset[str] | None
    """Individuals asked for by name; ``None`` for all."""
    of_subjects: frozenset[tuple[str, str]] | None
    """Animals that the subjects asked for are; ``None`` for all."""
    start: float | None
    stop: float | None
    flags: tuple[str, ...]
    start_part: float | None = None
    """Start as a share of each session's length."""
    stop_part: float | None = None
    left_out: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Rows of the sessions that were selected, but are flagged as unusable."""

    @property
    def session_ids(self) -> list[str]:
        """Ids of the selected sessions, in order."""
        return self.sessions["session_id"].to_list()

    @property
    def is_cut(self) -> bool:
        """Whether a part of the sessions was asked for."""
        return any(end is not None for end in (self.start, self.stop, self.start_part, self.stop_part))

    def subject_of(self, session_id: str, individual: str) -> str | None:
        """Subject behind an individual of a session."""
        known = self.subjects.get((session_id, individual))
        return known if known is not None else self.alone.get(session_id)

    def includes(self, session_id: str, individual: str) -> bool:
        """Whether an animal was asked for."""
        if self.individuals is not None and individual not in self.individuals:
            return False
        return self.of_subjects is None or (session_id, individual) in self.of_subjects

    def time_unit(self) -> str:
        """Return the unit of the selected sessions' times.

        Raises
        ------
        ToolRetryError
            When some sessions count in seconds and others in frames.
        """
        units = set(self.sessions["time_unit"].drop_nulls().to_list())
        if len(units) > 1:
            frames = self.sessions.filter(pl.col("time_unit") == "frames")["session_id"].to_list()
            raise ToolRetryError(
                f"The frame rate of {listing(frames)} is not documented, so their times are frames and "
                "cannot be put "
                "together with seconds; select them separately, or ask for unit 'frames'."
            )
        return units.pop() if units else "s"

    def window(self, session: Mapping[str, object]) -> tuple[float, float]:
        """Time window asked for in one session, ends open where none was given.

        Raises
        ------
        ToolFailedError
            When it counts from the end of a session whose length is not known, or is a share of it.
        """
        duration = session["duration"]
        if self.start_part is not None or self.stop_part is not None:
            return self._part_of(session["session_id"], duration)
        start = self.start if self.start is not None else 0.0
        stop = self.stop if self.stop is not None else float("inf")
        if start >= 0 and stop >= 0:
            return start, stop
        if not isinstance(duration, int | float):
            raise ToolFailedError(
                f"The length of {session['session_id']!r} is not known, so nothing can be counted from its end."
            )
        end = float(duration)
        return max(0.0, start + end if start < 0 else start), max(0.0, stop + end if stop < 0 else stop)

    def _part_of(self, session_id: object, duration: object) -> tuple[float, float]:
        if not isinstance(duration, int | float):
            raise ToolFailedError(
                f"The length of {session_id!r} is not known, so no share of it can be looked at."
            )
        start = 0.0 if self.start_part is None else self.start_part * duration
        return start, float("inf") if self.stop_part in (None, 1) else self.stop_part * duration


def select_sessions(context: ToolContext, selection: Selection) -> Scope:
    """Find the sessions of a call; flagged ones are left out and named.

    Raises
    ------
    ToolRetryError
        When a session, subject, individual, column or group is not known, or the window is empty.
    ToolFailedError
        When only unusable sessions are left, saying why they are unusable.
    """
    _check_window(selection)
    everything = ordered_sessions(context)
    individuals = context.catalog.load("individuals")
    chosen = _by_session_id(everything, individuals, selection.sessions)
    chosen, of_subjects = _by_subject(chosen, everything, individuals, selection.subjects)
    named = _individual_names(context, individuals, selection.individuals)
    if named is not None:
        chosen = _having_individual(context, chosen, individuals, named)
    for condition in selection.where:
        chosen = _where(everything, chosen, condition)
    flags = _partial_warning(context)
    left_out = chosen.clear()
    if not selection.include_excluded:
        left_out = chosen.filter(pl.col("excluded"))
        chosen, said = _leave_out(context, chosen)
        flags += said
    alone = dict(chosen.select("session_id", "subject_id").iter_rows())
    in_scope = individuals.filter(pl.col("session_id").is_in(chosen["session_id"].to_list()))
    subjects = {
        (row[0], row[1]): row[2]
        for row in in_scope.select("session_id", "individual", "subject_id").iter_rows()
    }
    return Scope(
        sessions=chosen,
        subjects=subjects,
        alone=alone,
        individuals=named,
        of_subjects=of_subjects,
        start=selection.start_s,
        stop=selection.stop_s,
        start_part=selection.start_part,
        stop_part=selection.stop_part,
        flags=tuple(flags),
        left_out=left_out,
    )


def require_sessions(scope: Scope, selection: Selection) -> None:
    """Raise :class:`ToolFailedError` when no session is left."""
    if scope.sessions.is_empty():
        wanted = "; ".join(condition_words(condition) for condition in selection.where)
        raise ToolFailedError(f"No session meets the conditions{f' ({wanted})' if wanted else ''}.")


def ordered_sessions(context: ToolContext) -> pl.DataFrame:
    """All ingested sessions in the order of sessions.csv."""
    table = context.catalog.load("sessions")
    order = {session.session_id: place for place, session in enumerate(context.experiment.sessions)}
    places = [order.get(session_id, len(order)) for session_id in table["session_id"].to_list()]
    return table.with_columns(pl.Series("_place", places)).sort("_place", "session_id").drop("_place")


def _check_window(selection: Selection) -> None:
    start, stop = selection.start_s, selection.stop_s
    if start is not None and stop is not None and (start < 0) == (stop < 0) and stop <= start:
        raise ToolRetryError(f"Expected stop_s after start_s, got start_s={start:g} and stop_s={stop:g}.")
    first, last = selection.start_part, selection.stop_part
    if first is None and last is None:
        return
    if start is not None or stop is not None:
        raise ToolRetryError("start_part and stop_part stand instead of start_s and stop_s.")
    if first is not None and last is not None and last <= first:
        raise ToolRetryError(
            f"Expected stop_part after start_part, got start_part={first:g} and stop_part={last:g}."
        )


def _by_session_id(
    everything: pl.DataFrame, individuals: pl.DataFrame, wanted: Sequence[str]
) -> pl.DataFrame:
    if not wanted:
        return everything
    known = everything["session_id"].to_list()
    found = []
    for name in wanted:
        match = find_name(name, known)
        if match is None:
            subjects = _known_subjects(everything, individuals)
            if find_name(name, subjects) is not None:
                raise ToolRetryError(
                    f"{name!r} is a subject, not a session; give it in `subjects`.", near=(name,)
                )
            raise unknown_name(name, known, "session")
        found.append(match)
    return everything.filter(pl.col("session_id").is_in(found))


def _known_subjects(sessions: pl.DataFrame, individuals: pl.DataFrame) -> list[str]:
    names = [
        *sessions["subject_id"].drop_nulls().to_list(),
        *individuals["subject_id"].drop_nulls().to_list(),
    ]
    return list(dict.fromkeys(names))


def _by_subject(
    chosen: pl.DataFrame, everything: pl.DataFrame, individuals: pl.DataFrame, wanted: Sequence[str]
) -> tuple[pl.DataFrame, frozenset[tuple[str, str]] | None]:
    """Sessions of the subjects, and which individuals of them the subjects are."""
    if not wanted:
        return chosen, None
    known = _known_subjects(everything, individuals)
    found = [match_name(name, known, "subject") for name in wanted]
    single = chosen.filter(pl.col("subject_id").is_in(found))["session_id"].to_list()
    several = individuals.filter(pl.col("subject_id").is_in(found), ~pl.col("session_id").is_in(single))
    ids = [*single, *several["session_id"].to_list()]
    animals = {(row[0], row[1]) for row in several.select("session_id", "individual").iter_rows()}
    own = (
        individuals.filter(pl.col("session_id").is_in(single)).select("session_id", "individual").iter_rows()
    )
    animals |= {(row[0], row[1]) for row in own} | {(session_id, "") for session_id in single}
    return chosen.filter(pl.col("session_id").is_in(ids)), frozenset(animals)


def _individual_names(
    context: ToolContext, individuals: pl.DataFrame, wanted: Sequence[str]
) -> frozenset[str] | None:
    if not wanted:
        return None
    known = sorted({name for name in individuals["individual"].to_list() if name})
    return frozenset(match_name(name, known, "individual") for name in wanted)


def _having_individual(
    context: ToolContext, chosen: pl.DataFrame, individuals: pl.DataFrame, named: frozenset[str]
) -> pl.DataFrame:
    having = individuals.filter(pl.col("individual").is_in(list(named)))["session_id"].to_list()
    return chosen.filter(pl.col("session_id").is_in(having))


def _partial_warning(context: ToolContext) -> list[str]:
    """Say when sessions of the experiment were never ingested."""
    ingested = set(context.catalog.load("sessions")["session_id"].to_list())
    absent = [s.session_id for s in context.experiment.sessions if s.session_id not in ingested]
    return [f"Not ingested yet, so not in any result: {listing(absent)}."] if absent else []


def _leave_out(context: ToolContext, chosen: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    bad = chosen.filter(pl.col("excluded"))["session_id"].to_list()
    if not bad:
        return chosen, []
    reasons = {session_id: exclusion_reason(context, session_id) for session_id in bad}
    if len(bad) == chosen.height:
        said = " ".join(f"{session_id}: {reason}" for session_id, reason in list(reasons.items())[:5])
        raise ToolFailedError(f"The recording is flagged as unusable and is left out of results. {said}")
    flags = [
        f"Left out: {session_id} ({reason.rstrip('.')})." for session_id, reason in list(reasons.items())[:5]
    ]
    if len(bad) > 5:
        flags.append(f"Left out as well: {listing(bad[5:])}.")
    return chosen.filter(~pl.col("excluded")), flags


def exclusion_reason(context: ToolContext, session_id: str) -> str:
    """Say why a session is left out of statistics."""
    flags = context.catalog.load("flags").filter(pl.col("session_id") == session_id, pl.col("excludes"))
    messages = list(dict.fromkeys(flags["message"].drop_nulls().to_list()))
    return " ".join(messages) or "flagged as unusable"


# ----------------------------------------------------------------- metadata columns
def metadata_columns(context: ToolContext) -> list[str]:
    """Columns that came with sessions.csv."""
    table = context.catalog.load("sessions").columns
    return [name for name in table if name not in SESSIONS]


def find_column(context: ToolContext, name: str) -> str | None:
    """Find a column of the sessions table: metadata first, then subject_id, fps and the like."""
    return find_name(name, metadata_columns(context)) or find_name(name, SESSIONS.names())


def match_column(context: ToolContext, name: str) -> str:
    """Find a column of the sessions table or raise :class:`ToolRetryError`."""
    found = find_column(context, name)
    if found is None:
        known = [*metadata_columns(context), "session_id", "subject_id"]
        raise unknown_name(name, known, "metadata column")
    return found


def match_group_column(context: ToolContext, name: str) -> str:
    """Find what to split by: an identifier such as ``source``, or a metadata column."""
    if name in IDENTIFIERS:
        return name
    found = find_column(context, name)
    if found is not None:
        return found
    for identifier, words in IDENTIFIERS.items():
        if plain(name) == plain(identifier) or plain(name) in words:
            return identifier
    raise unknown_name(name, [*metadata_columns(context), *IDENTIFIERS], "column")


def show(value: object) -> str:
    """Text of a metadata value; a whole number without decimals, no two numbers alike."""
    if value is None:
        return "not stated"
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return str(value)


def column_values(sessions: pl.DataFrame, column: str) -> dict[str, str]:
    """session_id to the text of a column's value."""
    return {
        row[0]: show(row[1]) for row in sessions.select("session_id", pl.col(column).alias("_v")).iter_rows()
    }


def match_value(sessions: pl.DataFrame, column: str, value: object) -> str:
    """Find a value of a text column or raise :class:`ToolRetryError` naming the values there are."""
    known = sorted({show(item) for item in sessions[column].to_list() if item is not None})
    found = find_name(show(value), known)
    if found is None:
        near = nearest(show(value), known)
        raise ToolRetryError(
            f"Column {column!r} has no value {show(value)!r}. Its values: {listing(known, 20)}.", near=near
        )
    return found


def _where(everything: pl.DataFrame, chosen: pl.DataFrame, condition: Condition) -> pl.DataFrame:
    column = find_name(condition.column, [name for name in everything.columns if name not in SESSIONS])
    column = column or find_name(condition.column, SESSIONS.names())
    if column is None:
        known = [name for name in everything.columns if name not in SESSIONS]
        raise unknown_name(condition.column, known, "metadata column")
    values = condition.value if isinstance(condition.value, list) else [condition.value]
    if condition.op not in ("in", "not in") and len(values) != 1:
        raise ToolRetryError(f"Expected one value for {condition.op!r} on {column!r}, got {values!r}.")
    return chosen.filter(_predicate(everything, column, condition.op, values))


def _predicate(everything: pl.DataFrame, column: str, op: str, values: Sequence[str | float]) -> pl.Expr:
    dtype = everything.schema[column]
    cell = pl.col(column)
    if dtype.is_numeric():
        return _compare(cell.cast(pl.Float64), op, [_number(column, value) for value in values])
    if op not in ("==", "!=", "in", "not in"):
        raise ToolRetryError(
            f"Expected a number column for {op!r}, but {column!r} holds text; use '==' or 'in'."
        )
    if dtype == pl.Boolean:
        return _compare(cell, op, [_truth(column, value) for value in values])
    return _compare(cell.cast(pl.String), op, [match_value(everything, column, value) for value in values])


def _number(column: str, value: str | float) -> float:
    try:
        return float(value)
    except ValueError as exc:
        raise ToolRetryError(f"Expected a number for column {column!r}, got {value!r}.") from exc


def _truth(column: str, value: str | float) -> bool:
    words = {
        "true": True,
        "yes": True,
        "1": True,
        "1.0": True,
        "false": False,
        "no": False,
        "0": False,
        "0.0": False,
    }
    found = words.get(str(value).strip().casefold())
    if found is None:
        raise ToolRetryError(f"Expected true or false for column {column!r}, got {value!r}.")
    return found


def _compare(cell: pl.Expr, op: str, values: Sequence[str | float | bool]) -> pl.Expr:
    """Make the condition; a missing cell meets none, not even an inequality."""
    if op in ("in", "not in"):
        inside = cell.is_in(list(values))
        return (inside if op == "in" else ~inside).fill_null(False)
    comparisons: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
        "==": operator.eq,
        "!=": operator.ne,
        ">": operator.gt,
        ">=": operator.ge,
        "<": operator.lt,
        "<=": operator.le,
    }
    return comparisons[op](cell, pl.lit(values[0])).fill_null(False)


# ----------------------------------------------------------------- behaviors
def known_behaviors(context: ToolContext) -> list[str]:
    """Behaviors that a source of the experiment marks or would have marked, in name order."""
    marked = context.catalog.load("coverage").select(
        pl.col("behaviors").explode(keep_nulls=False, empty_as_null=False)
    )
    # Numbered clusters come last: they are many, and nobody asks for them by chance.
    return sorted(
        set(marked["behaviors"].drop_nulls().to_list()),
        key=lambda name: (name.isdigit(), len(name) * name.isdigit(), name),
    )


def declared_words(context: ToolContext) -> dict[str, tuple[str, ...]]:
    """Synonyms and categories, folded, to the behaviors they stand for."""
    words: dict[str, tuple[str, ...]] = {}
    for behavior, synonyms, category in _declared(context):
        for word in (*synonyms, *((category,) if category else ())):
            if behavior not in words.get(plain(word), ()):
                words[plain(word)] = (*words.get(plain(word), ()), behavior)
    return words


def _declared(context: ToolContext) -> list[tuple[str, tuple[str, ...], str | None]]:
    """Name, synonyms and category of every behavior, as declared and as the rules in force say."""
    from ethochat.index.behaviors.rules import rules_of

    declared = [(item.name, item.synonyms, item.category) for item in context.experiment.behaviors]
    return declared + [(rule.name, rule.synonyms, rule.category) for rule in rules_of(context.experiment)]


def match_behaviors(context: ToolContext, names: Sequence[str]) -> tuple[str, ...]:
    """Behaviors behind names, synonyms and categories.

    Raises
    ------
    ToolRetryError
        For a name that no source of the experiment marks, naming what is known and near.
    """
    known = known_behaviors(context)
    words = declared_words(context)
    found: list[str] = []
    for name in names:
        exact = find_name(name, known)
        if exact is not None:
            found.append(exact)
            continue
        meant = [behavior for behavior in words.get(plain(name), ()) if behavior in known]
        if not meant:
            error = unknown_name(name, known, "behavior")
            raise ToolRetryError(f"{error} No source of this experiment marks it.", near=error.near)
        found.extend(meant)
    return tuple(dict.fromkeys(found))
