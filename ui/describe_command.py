"""``ethochat describe``: a vision-language model describes the segments of an experiment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ethochat.ui.options import AsJson, Folder, RunModelCode, Store, Vlm, print_json
from ethochat.ui.progress import progress

if TYPE_CHECKING:
    from ethochat.index.describing.run import DescribeReport

EXAMPLE = "Example: ethochat describe lab/oft --vlm openai:Qwen/Qwen3-VL-8B-Instruct@http://localhost:8000/v1"
_MOST_LISTED = 20


def describe(  # noqa: PLR0917 - typer passes options by name
    folder: Folder,
    vlm: Vlm = None,
    session: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this session; may be given several times.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Segments of this source; those of rules unless said."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Show at most so many segments now; a next run goes on."),
    ] = None,
    use: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only choose whose descriptions search and statistics use: kinematic, or vlm:MODEL as listed.",
            show_default=False,
        ),
    ] = None,
    run_model_code: RunModelCode = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Let a model describe what is seen; resumable, and what another model said is kept beside it."""
    from ethochat.agent.run import recorded_store
    from ethochat.index.catalog import Catalog
    from ethochat.index.describing.choice import choose_describer, describers_of
    from ethochat.index.errors import BackendUnavailableError, InputError
    from ethochat.index.vlm import HOW_TO

    kept_in = store or recorded_store(Catalog(folder / ".ethochat"))
    if use is not None:
        with progress(hidden=as_json) as report:
            choose_describer(folder, use, store=kept_in, progress=report)
        typer.echo(f"Search and statistics use the descriptions by {use} now.")
        return
    if vlm is None:
        known = describers_of(folder)
        there = f" Described already by {', '.join(known)}; choose one with --use." if known else ""
        raise InputError(f"Expected a vision-language model; {HOW_TO}.{there}")
    from ethochat.index.describing.run import describe_experiment

    with progress(hidden=as_json) as report:
        result = describe_experiment(
            folder,
            vlm,
            sessions=session or (),
            **({"sources": source} if source else {}),
            limit=limit,
            run_model_code=run_model_code,
            store=kept_in,
            progress=report,
        )
    if as_json:
        from dataclasses import asdict

        print_json(asdict(result))
    else:
        _show(result, folder)
    if result.stopped is not None and result.stopped != "interrupted":
        raise BackendUnavailableError(f"Stopped early: {result.stopped}")


def _show(result: DescribeReport, folder: Path) -> None:
    """Say what was done and what was not."""
    done = f"{result.described} segments described by {result.describer.removeprefix('vlm:')}"
    if result.described:
        done += f" in {result.elapsed_s:.0f} s ({result.frames} frames, {result.new_tokens} tokens written)"
    typer.echo(
        f"{done}, {result.reused} were there, {result.shared} share the words of one that looks the same."
    )
    if result.repaired or result.free_text:
        typer.echo(
            f"{result.repaired} replies had the right form only when asked for again; {result.free_text} never had it and are kept as "
            "free text."
        )
    for segment, why in result.failed[:_MOST_LISTED]:
        typer.echo(f"not described: {segment}: {why}")
    if len(result.failed) > _MOST_LISTED:
        typer.echo(f"not described: {len(result.failed) - _MOST_LISTED} more; --json lists all.")
    if result.left:
        typer.echo(f"{result.left} segments are left; run the command again to go on.")
    if result.without_video:
        typer.echo(f"No video, so nothing to see: {', '.join(result.without_video[:_MOST_LISTED])}")
    if result.excluded:
        typer.echo(
            f"Left out of statistics and not described: {', '.join(result.excluded[:_MOST_LISTED])}; --session ID describes one."
        )
    if result.unmapped:
        shown = ", ".join(result.unmapped[:_MOST_LISTED])
        typer.echo(
            f"Keywords that are no behavior of this experiment, and can be searched for all the same: {shown}"
        )
    for note in result.notes:
        typer.echo(note)
    if result.described or result.reused:
        from ethochat.index.experiment import load_experiment

        in_use = load_experiment(folder).descriptions.describer
        if in_use != result.describer:
            typer.echo(
                f"Search and statistics use the descriptions by {in_use}. To use these: ethochat describe "
                f"{os.fspath(folder)} --use {result.describer}"
            )
