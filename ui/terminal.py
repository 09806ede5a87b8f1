"""What the command line prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from functools import cache
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from pathlib import Path

    from ethochat.agent.answer import Answer
    from ethochat.index.drafting import Draft
    from ethochat.index.ingest import IngestReport
    from ethochat.tools.evidence import ClipRef
    from ethochat.ui.hits import Hits

_MOST_CLIPS = 10
_STYLES = {"verified": "green", "rejected": "red", "unchecked": "dim"}


@cache
def console() -> Console:
    """Return the terminal."""
    return Console(soft_wrap=True)


def show_answer(answer: Answer) -> None:
    """Print an answer, its clips and files, and where its numbers come from."""
    from rich.markdown import Markdown

    out = console()
    out.print(
        Markdown(answer.answer) if out.is_terminal else answer.answer,
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    # The built-in model lists clips and flags in its answer; another model may not.
    untold = [clip for clip in answer.clips if f"{clip.start_time:.2f}" not in answer.answer]
    if len(untold) == len(answer.clips):
        for clip in answer.clips[:_MOST_CLIPS]:
            _line(f"  {_clip(clip)}")
    if answer.clips[_MOST_CLIPS:]:
        _line(f"  {len(answer.clips)} clips in all; --json lists them, the page plays them", style="dim")
    for path in answer.files:
        _line(f"  {path}")
    for item in answer.evidence:
        arguments = ", ".join(
            f"{name}={value}" for name, value in item.arguments.items() if value not in (None, [], "")
        )
        _line(f"[{item.evidence_id}] {item.tool}({arguments}), {item.n_rows} rows", style="dim")
        for flag in item.flags:
            if flag.rstrip(".") not in answer.answer:
                _line(f"     {flag}", style="dim")
    _line(f"{answer.status}, {answer.model}, {answer.elapsed_s:.2f} s", style="dim")


def show_hits(hits: Hits, written: Sequence[Path] = (), *, units: tuple[str, str] = ("s", "cm/s")) -> None:
    """Print what a search looked for and found, what must be known about it, and the files it was written to."""
    from ethochat.ui.clips import span_words
    from ethochat.ui.hits.found import metadata_words
    from ethochat.ui.search_call import parts_of
    from ethochat.ui.seen import verdict_of

    parts = parts_of(hits.arguments, unit=units[0], speed_unit=units[1])
    said = [hits.read_as if part.key == "query" else part.label for part in parts]
    if said:
        _line(f"Looked for: {' · '.join(said)}", style="dim")
    if not hits.clips:
        _line(
            f"There are {hits.n_listed} hits, and none further on."
            if hits.n_listed
            else "No moment was found."
        )
    for rank, clip in hits.ranked():
        verdict = verdict_of(clip, asked=hits.checked)
        who = " · ".join(part for part in (clip.session_id, clip.individual, hits.subject_of(clip)) if part)
        score = f"   score {clip.score:.2f}" if clip.score is not None else ""
        video = "" if clip.has_video else "   no video"
        _line(f"{rank:3d}. {who}   {span_words(clip, hits.unit_of(clip))}{score}{video}")
        if verdict is not None:
            reason = f": {verdict.reason}" if verdict.reason else ""
            _line(f"     {verdict.words}{reason}", style=_STYLES[verdict.kind])
        for text in (clip.description, clip.why and f"why: {clip.why}"):
            if text:
                _line(f"     {text}")
        if metadata := metadata_words(hits, clip):
            _line(f"     {metadata}", style="dim")
    if hits.clips and hits.n_listed > hits.last_rank:
        of = f" of {hits.n_total}" if hits.n_total is not None else ", the most alike"
        _line(f"{hits.first_rank} to {hits.last_rank}{of}; --offset {hits.last_rank} goes on.")
    for flag in hits.told:
        _line(flag, style="dim")
    for path in written:
        _line(f"wrote {path}")


def show_ingest(report: IngestReport) -> None:
    """Print what one ingest did."""
    parts = [f"{_count(report.ingested, 'session')} ingested", f"{len(report.unchanged)} unchanged"]
    if report.removed:
        parts.append(f"{len(report.removed)} removed")
    _line(f"{', '.join(parts)}; {report.n_segments} segments, {report.n_indexed} newly indexed")
    for session_id, problem in (*report.failed, *report.flagged):
        _line(f"{session_id}: {problem}", style="yellow")


def show_draft(draft: Draft) -> None:
    """Print what was recognised in a folder and what was not."""
    _line(f"{_count(draft.sessions, 'session')}, {_count(draft.recognised, 'file')} recognised")
    for used in draft.recognised:
        _line(f"  {used.path}: {used.what}{f' ({used.session_id})' if used.session_id else ''}")
    if draft.left_out:
        _line(f"{_count(draft.left_out, 'file')} left out")
    for unused in draft.left_out:
        _line(f"  {unused.path}: {unused.reason}", style="yellow")


def show_examination(found: Mapping[str, Any]) -> None:
    """Print what the doctor found: one line per fact, nested facts indented."""
    for name, value in found.items():
        if isinstance(value, Mapping):
            _line(f"{name}:")
            for key, item in value.items():
                _line(f"  {key}: {item}")
        elif isinstance(value, list):
            _line(f"{name}: {'none' if not value else ''}")
            for item in value:
                _line(f"  {item}", style="yellow")
        else:
            _line(f"{name}: {value}")


def _count(items: Sized, noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def _clip(clip: ClipRef) -> str:
    from ethochat.ui.seen import summary_of

    who = f" {clip.individual}" if clip.individual else ""
    score = f"  {clip.score:.3f}" if clip.score is not None else ""
    told = [summary_of(clip), clip.description, clip.why or ""]
    about = " · ".join(part for part in told if part)
    return f"{clip.session_id}{who}  {clip.start_time:.2f}–{clip.stop_time:.2f}{score}  {about}"


def _line(text: str, *, style: str | None = None) -> None:
    """Print text as it is: names from data are no markup."""
    console().print(text, style=style, markup=False, highlight=False)
