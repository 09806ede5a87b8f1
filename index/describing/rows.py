"""From the journal to the tables: descriptions by models, and the bouts that their keywords stand for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from ethochat.index.behaviors.bouts import Run, mask_to_runs, runs_to_mask
from ethochat.index.catalog import Catalog
from ethochat.index.describers.in_use import SEEN
from ethochat.index.describers.kinematic import ACTIONS
from ethochat.index.describing.journal import Described, Journal, KeptReply, Place
from ethochat.index.embedders.base import Embedder
from ethochat.index.experiment import Experiment
from ethochat.index.tables import DESCRIPTIONS, conform, empty
from ethochat.index.timebase import TimeBase, parse_fps
from ethochat.index.vlm.keywords import ethogram_terms, map_keywords
from ethochat.index.vlm.parsing import ReplyFormError, SeenDescription, clean, parse_description

PART: Final = "vlm"
FREE_TEXT: Final = "free text"
_LONGEST_TEXT: Final = 2000


def describer_name(model: str) -> str:
    """Who describes, as tables and answers name it."""
    return f"{SEEN}{model}"


def clock_of(session: Mapping[str, object]) -> TimeBase:
    """Clock of a row of SESSIONS."""
    fps = session["fps"]
    return TimeBase(fps=parse_fps(fps) if isinstance(fps, float) else None)


def place_of(segment: Mapping[str, object], clock: TimeBase, video_hash: str) -> Place:
    """Which stretch of the recording a row of SEGMENTS is."""
    start, stop = segment["start_time"], segment["stop_time"]
    assert isinstance(start, float)
    assert isinstance(stop, float)
    first = clock.nearest_boundary(start)
    return Place(
        session_id=str(segment["session_id"]),
        individual=str(segment["individual"] or ""),
        start_frame=first,
        stop_frame=max(first + 1, clock.nearest_boundary(stop)),
        video_hash=video_hash,
    )


def nameable_behaviors(experiment: Experiment, catalog: Catalog) -> tuple[str, ...]:
    """Behaviors that a model may name: those declared, those somebody marks, and what rules call an action."""
    coverage = catalog.load("coverage").filter(~pl.col("source").str.starts_with(SEEN))
    marked = set(coverage.filter(pl.col("kind") == "annotations")["behaviors"].explode().drop_nulls())
    ruled = set(coverage.filter(pl.col("kind") == "rules")["behaviors"].explode().drop_nulls())
    declared = {item.name for item in experiment.behaviors if item.enabled}
    return tuple(sorted(declared | marked | (ruled & set(ACTIONS))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Keywords:
    """What the keywords of a run mean here."""

    mapped: Mapping[str, str]
    unmapped: tuple[str, ...]

    def behaviors(self, keywords: Sequence[str]) -> list[str]:
        """Behaviors that some keywords stand for, each once."""
        return sorted({self.mapped[word] for word in keywords if word in self.mapped})


def write_seen(
    experiment: Experiment,
    catalog: Catalog,
    *,
    embedder: Embedder,
    hash_of: Callable[[Path], str],
) -> Keywords:
    """Bring the tables to what the journal holds; the caller holds the ingest lock.

    Parameters
    ----------
    embedder
        Maps keywords to behaviors.
    hash_of
        Hash of a video's content: what was seen in another recording does not count.

    Returns
    -------
    Keywords
        What the keywords mean, and those that mean nothing here.
    """
    if not Journal.there(experiment.data_dir):
        nothing = Keywords(mapped={}, unmapped=())
        _write(experiment, catalog, {}, nothing, ())
        return nothing
    with Journal(experiment.data_dir) as journal:
        noted = list(journal.described())
        replies = {model: journal.replies(model) for model in journal.models()}
    seen = _seen_by_session(experiment, catalog, noted, replies, hash_of)
    behaviors = nameable_behaviors(experiment, catalog)
    keywords = _keywords(experiment, seen, behaviors, embedder)
    _write(experiment, catalog, seen, keywords, behaviors)
    return keywords


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One segment as one model described it."""

    segment: Mapping[str, object]
    place: Place
    noted: Described
    kept: KeptReply
    said: SeenDescription | None
    """``None`` where the reply kept to no form: its words are kept as they are."""

    @property
    def keywords(self) -> list[str]:
        return [] if self.said is None else self.said.keywords

    def row(self, keywords: Keywords) -> dict[str, object]:
        """Row of DESCRIPTIONS."""
        notes = [f"shared with {self.noted.shared_with}"] if self.noted.shared_with is not None else []
        notes += [FREE_TEXT] if self.said is None else []
        said = self.said
        return {
            "segment_id": self.segment["segment_id"],
            "session_id": self.segment["session_id"],
            "describer": describer_name(self.noted.model),
            "model": self.noted.model,
            "prompt_version": self.noted.prompt_version,
            "overall": clean(self.kept.reply.text, _LONGEST_TEXT) if said is None else said.overall,
            "head": None if said is None else said.head,
            "limb": None if said is None else said.limb,
            "torso": None if said is None else said.torso,
            "keywords": self.keywords,
            "behaviors": keywords.behaviors(self.keywords),
            "frames": list(self.noted.frames),
            "decoding": json.dumps(dict(self.kept.reply.decoding), sort_keys=True),
            "request_hash": self.noted.key,
            "note": "; ".join(notes) or None,
        }


def _seen_by_session(
    experiment: Experiment,
    catalog: Catalog,
    noted: Sequence[Described],
    replies: Mapping[str, Mapping[str, KeptReply]],
    hash_of: Callable[[Path], str],
) -> dict[str, list[_Seen]]:
    by_session: dict[str, list[Described]] = {}
    for item in noted:
        by_session.setdefault(item.place.session_id, []).append(item)
    clocks = {row["session_id"]: clock_of(row) for row in catalog.load("sessions").iter_rows(named=True)}
    found: dict[str, list[_Seen]] = {}
    for session in experiment.sessions:
        mine, videos = by_session.get(session.session_id, []), session.inputs_of("video")
        if not mine or not videos or session.session_id not in clocks:
            continue
        try:
            video_hash = hash_of(videos[0].path)
        except OSError:
            continue  # the session is flagged as unreadable
        found[session.session_id] = _matched(
            catalog.read_session("segments", session.session_id),
            mine,
            replies,
            clock=clocks[session.session_id],
            video_hash=video_hash,
        )
    return found


def _matched(
    segments: pl.DataFrame,
    noted: Sequence[Described],
    replies: Mapping[str, Mapping[str, KeptReply]],
    *,
    clock: TimeBase,
    video_hash: str,
) -> list[_Seen]:
    """Segments with what was seen in just this stretch; of each model its latest prompt counts."""
    latest: dict[tuple[Place, str], tuple[Described, KeptReply]] = {}
    for item in noted:
        kept = replies.get(item.model, {}).get(item.key)
        if kept is None:
            continue
        before = latest.get((item.place, item.model))
        if before is None or (before[1].created_at, before[0].prompt_version) < (
            kept.created_at,
            item.prompt_version,
        ):
            latest[item.place, item.model] = (item, kept)
    by_place: dict[Place, list[tuple[Described, KeptReply]]] = {}
    for (place, _), pair in sorted(latest.items(), key=lambda entry: entry[0][1]):
        by_place.setdefault(place, []).append(pair)
    found = []
    for segment in segments.iter_rows(named=True):
        place = place_of(segment, clock, video_hash)
        for item, kept in by_place.get(place, []):
            said = _said(kept.reply.text)
            found.append(_Seen(segment=segment, place=place, noted=item, kept=kept, said=said))
    return found


def _said(text: str) -> SeenDescription | None:
    try:
        return parse_description(text)
    except ReplyFormError:
        return None


def _keywords(
    experiment: Experiment, seen: Mapping[str, Sequence[_Seen]], behaviors: Sequence[str], embedder: Embedder
) -> Keywords:
    words = sorted({word for items in seen.values() for item in items for word in item.keywords})
    if not words:
        return Keywords(mapped={}, unmapped=())
    mapped, unmapped = map_keywords(
        words, ethogram_terms(experiment, behaviors), embedder, experiment.vlm.keyword_likeness
    )
    return Keywords(mapped=mapped, unmapped=tuple(unmapped))


def _write(
    experiment: Experiment,
    catalog: Catalog,
    seen: Mapping[str, Sequence[_Seen]],
    keywords: Keywords,
    behaviors: Sequence[str],
) -> None:
    for session in experiment.sessions:
        name = session.session_id
        if not catalog.has_session(name):
            continue
        items = seen.get(name, [])
        # A reply in no form names no behavior and denies none: nobody looked there.
        formed = [item for item in items if item.said is not None]
        in_use = experiment.descriptions.describer
        chosen = [item for item in formed if describer_name(item.noted.model) == in_use]
        tables = {
            "descriptions": _descriptions(items, keywords),
            "bouts": _bouts(chosen, keywords, catalog, name),
            "coverage": _coverage(chosen, behaviors, catalog, name),
        }
        changed = {
            table: rows
            for table, rows in tables.items()
            if not catalog.read_part(table, name, PART).equals(rows)
        }
        if changed:
            catalog.write_session(name, changed, part=PART)


def forget_bouts(experiment: Experiment, catalog: Catalog) -> None:
    """Take the bouts of models out of the tables; their descriptions stay."""
    for session in experiment.sessions:
        nothing = {table: empty(table) for table in ("bouts", "coverage")}
        catalog.write_session(session.session_id, nothing, part=PART)


def _descriptions(items: Sequence[_Seen], keywords: Keywords) -> pl.DataFrame:
    if not items:
        return empty("descriptions")
    frame = pl.DataFrame([item.row(keywords) for item in items], schema_overrides=DESCRIPTIONS)
    return conform(frame, "descriptions").sort("segment_id", "describer")


# ------------------------------------------------------------------ bouts of the describer in use
def _bouts(items: Sequence[_Seen], keywords: Keywords, catalog: Catalog, session_id: str) -> pl.DataFrame:
    """Stretches whose description names a behavior; those that touch are one bout."""
    if not items:
        return empty("bouts")
    clock = _clock(catalog, session_id)
    runs: dict[tuple[str, str], list[Run]] = {}
    for item in items:
        for behavior in keywords.behaviors(item.keywords):
            place = item.place
            runs.setdefault((place.individual, behavior), []).append((place.start_frame, place.stop_frame))
    rows = [
        {
            "session_id": session_id,
            "individual": individual,
            "behavior": behavior,
            "source": describer_name(items[0].noted.model),
            "source_kind": "automated",
            "start_time": clock.time_of(start),
            "stop_time": clock.time_of(stop),
            "start_frame": start,
            "stop_frame": stop,
        }
        for (individual, behavior), found in sorted(runs.items())
        for start, stop in _joined(found)
    ]
    return conform(pl.DataFrame(rows), "bouts") if rows else empty("bouts")


def _coverage(
    items: Sequence[_Seen], behaviors: Sequence[str], catalog: Catalog, session_id: str
) -> pl.DataFrame:
    """What was looked at: elsewhere the model says nothing, which is no zero."""
    if not items:
        return empty("coverage")
    clock = _clock(catalog, session_id)
    looked: dict[str, list[Run]] = {}
    for item in items:
        looked.setdefault(item.place.individual, []).append((item.place.start_frame, item.place.stop_frame))
    rows = [
        {
            "session_id": session_id,
            "individual": individual,
            "kind": "annotations",
            "source": describer_name(items[0].noted.model),
            "source_kind": "automated",
            "start_time": clock.time_of(start),
            "stop_time": clock.time_of(stop),
            "n_frames": stop - start,
            "behaviors": list(behaviors),
        }
        for individual, found in sorted(looked.items())
        for start, stop in _joined(found)
    ]
    return conform(pl.DataFrame(rows), "coverage")


def _joined(runs: Sequence[Run]) -> list[Run]:
    return mask_to_runs(runs_to_mask(runs, max(stop for _, stop in runs)))


def _clock(catalog: Catalog, session_id: str) -> TimeBase:
    return clock_of(catalog.read_session("sessions", session_id).row(0, named=True))
