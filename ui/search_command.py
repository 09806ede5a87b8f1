"""``ethochat search``: moments that match a description, listed, as JSON, or written to files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ethochat.ui.options import AsJson, Folder, RunModelCode, Store, Vlm, print_json

if TYPE_CHECKING:
    from ethochat.tools.context import ToolContext
    from ethochat.ui.hits import Hits

EXAMPLE = 'Example: ethochat search lab/oft "running faster than 20 cm/s in the center" --where sex=female --to 180 --csv hits.csv'

Names = list[str] | None


def search(  # noqa: PLR0917 - typer passes options by name
    folder: Folder,
    query: Annotated[
        str,
        typer.Argument(
            help="What the animal is doing, in plain words; who, where and when may stand in it.",
            show_default=False,
        ),
    ] = "",
    where: Annotated[
        Names,
        typer.Option(
            metavar="COLUMN=VALUE", help="Only sessions with this metadata; also with !=, <, >, <=, >=."
        ),
    ] = None,
    session: Annotated[Names, typer.Option(metavar="ID", help="Only this session.")] = None,
    subject: Annotated[Names, typer.Option(metavar="ID", help="Only this animal.")] = None,
    individual: Annotated[
        Names, typer.Option(metavar="NAME", help="Only this tracked animal, where a session has several.")
    ] = None,
    source: Annotated[
        Names, typer.Option(metavar="NAME", help="Only what this rater, classifier or 'rules' says.")
    ] = None,
    zone: Annotated[
        Names, typer.Option(metavar="NAME", help="Only while the animal is in this zone.")
    ] = None,
    behavior: Annotated[Names, typer.Option(metavar="NAME", help="Only while this behavior goes on.")] = None,
    without: Annotated[
        Names, typer.Option(metavar="NAME", help="Only while this behavior or zone does not hold.")
    ] = None,
    start: Annotated[
        float | None,
        typer.Option("--from", metavar="S", help="Only from here on, in seconds; -30 is the last 30 s."),
    ] = None,
    stop: Annotated[float | None, typer.Option("--to", metavar="S", help="Only before this time.")] = None,
    min_duration: Annotated[
        float | None, typer.Option(metavar="S", min=0, help="Hits at least so long.")
    ] = None,
    max_duration: Annotated[
        float | None, typer.Option(metavar="S", min=0, help="Hits at most so long.")
    ] = None,
    min_speed: Annotated[
        float | None, typer.Option(metavar="V", help="At least so fast, in cm/s (px/s without a scale).")
    ] = None,
    max_speed: Annotated[float | None, typer.Option(metavar="V", help="At most so fast.")] = None,
    then: Annotated[
        Names,
        typer.Option(metavar="DESCRIPTION", help="Followed by this; may be given several times, in order."),
    ] = None,
    within: Annotated[
        float | None, typer.Option(metavar="S", min=0, help="... at most so long after the step before.")
    ] = None,
    like: Annotated[
        Names, typer.Option(metavar="SESSION@TIME", help="More like this moment (@INDIVIDUAL may follow).")
    ] = None,
    unlike: Annotated[Names, typer.Option(metavar="SESSION@TIME", help="Less like this moment.")] = None,
    other_sessions: Annotated[
        bool, typer.Option("--other-sessions", help="Leave out the sessions of --like.")
    ] = False,
    per_session: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="At most so many hits of one session.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=1000, help="Most hits to list, 10 unless said.")
    ] = None,
    offset: Annotated[int, typer.Option(metavar="N", min=0, help="Skip so many hits.")] = 0,
    verify: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=200,
            help="Let the model look at the best N hits and say whether they show it.",
        ),
    ] = 0,
    verify_seconds: Annotated[
        float, typer.Option(metavar="S", min=0.1, help="... for at most so long.")
    ] = 60.0,
    store: Store = None,
    vlm: Vlm = None,
    run_model_code: RunModelCode = False,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the hits as CSV, with the metadata of their sessions."),
    ] = None,
    boris: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write them for BORIS: a project (.boris), tabular events (.csv, .tsv)."
        ),
    ] = None,
    srt: Annotated[
        Path | None,
        typer.Option(metavar="FILE|DIR", help="Write them as subtitles: FILE.srt, or one file per session."),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw a contact sheet (.png), a frame of each hit.")
    ] = None,
    sheet_frames: Annotated[
        int, typer.Option(metavar="N", min=1, max=5, help="Frames of each hit on the contact sheet.")
    ] = 1,
    clips: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Cut a clip of each hit into a .zip.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find moments that match a description; options narrow it, and hold where the text says otherwise."""
    from ethochat.agent.run import open_context
    from ethochat.ui.hits import hits_of
    from ethochat.ui.search_call import (
        check_asked,
        narrowed,
        read_condition,
        read_moment,
        read_text,
        run_search,
        units_of,
    )
    from ethochat.ui.terminal import show_hits

    _check_endings({".png": sheet, ".zip": clips})
    more: dict[str, Any] = {
        "where": [read_condition(text) for text in where or ()],
        "sessions": session,
        "subjects": subject,
        "individuals": individual,
        "sources": source,
        "zones": zone,
        "behaviors": behavior,
        "without": without,
        "start_s": start,
        "stop_s": stop,
        "min_duration_s": min_duration,
        "max_duration_s": max_duration,
        "min_speed": min_speed,
        "max_speed": max_speed,
        "followed_by": then,
        "within_s": within,
        "like": [read_moment(text) for text in like or ()],
        "unlike": [read_moment(text) for text in unlike or ()],
        "other_sessions": other_sessions or None,
        "per_session": per_session,
        "limit": limit,
        "offset": offset or None,
        "verify": verify or None,
        "verify_s": verify_seconds if verify else None,
    }
    # Who names a number of hits has agreed to it.
    context = open_context(folder, store=store, vlm=vlm, run_model_code=run_model_code, approved=True)
    call = narrowed(read_text(query, context), more)
    check_asked(call)
    hits = hits_of(context, query, call, run_search(context, call))
    written, notes = _write(
        context, hits, csv=csv, boris=boris, srt=srt, sheet=(sheet, sheet_frames), clips=clips
    )
    if as_json:
        print_json(_as_json(hits, written))
    else:
        show_hits(hits, written, units=units_of(context))
    for note in notes:
        typer.secho(note, err=True)


def _check_endings(targets: dict[str, Path | None]) -> None:
    """Refuse a file that could not be written, before the search and the work of drawing."""
    from ethochat.index.errors import InputError

    for ending, target in targets.items():
        if target is not None and target.suffix.lower() != ending:
            raise InputError(f"Expected a file that ends in {ending}, got {target.name!r}.")


def _write(
    context: ToolContext,
    hits: Hits,
    *,
    csv: Path | None,
    boris: Path | None,
    srt: Path | None,
    sheet: tuple[Path | None, int],
    clips: Path | None,
) -> tuple[list[Path], list[str]]:
    """Write the files asked for; return them, and what must be said about them."""
    from ethochat.ui.clips import Clips
    from ethochat.ui.hits.archive import write_clips
    from ethochat.ui.hits.boris import boris_bytes, write_boris
    from ethochat.ui.hits.sheet import write_sheet
    from ethochat.ui.hits.subtitles import check_srt, write_srt
    from ethochat.ui.hits.table import write_csv

    # What one of the files cannot hold is refused before the others are there.
    if srt is not None:
        check_srt(hits, srt)
    if boris is not None:
        boris_bytes(hits, boris.suffix.lower())
    written: list[Path] = []
    notes: list[str] = []
    if csv is not None:
        written += write_csv(hits, csv)
    for target, write in ((boris, write_boris), (srt, write_srt)):
        if target is not None:
            paths, said = write(hits, target)
            written, notes = [*written, *paths], [*notes, *said]
    pictures = [target for target in (srt, sheet[0], clips) if target is not None]
    if pictures and not hits.clips:
        return written, [*notes, "Without hits there was nothing to write as subtitles, pictures or clips."]
    if sheet[0] is not None:
        written += write_sheet(hits, Clips(context), sheet[0], frames_per_hit=sheet[1])
    if clips is not None:
        written.append(write_clips(hits, Clips(context), clips))
    return list(dict.fromkeys(written)), list(dict.fromkeys(notes))


def _as_json(hits: Hits, written: list[Path]) -> dict[str, Any]:
    return {
        "query": hits.query,
        "arguments": dict(hits.arguments),
        "read_as": hits.read_as,
        "hits": [
            {
                "rank": rank,
                **clip.model_dump(mode="json"),
                "subject_id": hits.subject_of(clip),
                "time_unit": hits.unit_of(clip),
                "metadata": hits.metadata_of(clip),
            }
            for rank, clip in hits.ranked()
        ],
        "n_total": hits.n_total,
        "values": [value.model_dump(mode="json", exclude_none=True) for value in hits.values],
        "flags": list(hits.flags),
        "files": [str(path) for path in written],
    }
