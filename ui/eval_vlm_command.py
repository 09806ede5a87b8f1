"""``ethochat eval-vlm``: how well a vision-language model describes the behavior in an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ethochat.ui.options import Folder, RunModelCode, Vlm
from ethochat.ui.progress import progress

if TYPE_CHECKING:
    from ethochat.tools.vlm_quality.run import VlmQuality

EXAMPLE = "Example: ethochat eval-vlm lab/oft --vlm transformers:models/Qwen3-VL-8B-Instruct --truth anna"
_MOST_LISTED = 20
_WIDE = 400


def eval_vlm(  # noqa: PLR0917 - typer passes options by name
    folder: Folder,
    vlm: Vlm = None,
    truth: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Rater or simulator whose labels are the truth; the only one of sessions with a video unless said.",
            show_default=False,
        ),
    ] = None,
    segments: Annotated[int, typer.Option(metavar="N", min=1, help="How many clips are shown.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn and shuffled.")] = 0,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="FILE", help="Write every figure and clip into this file.", show_default=False
        ),
    ] = None,
    run_model_code: RunModelCode = False,
) -> None:
    """Measure what a model says of clips against labels, beside chance; resumable, replies are kept."""
    from ethochat.agent.run import open_context
    from ethochat.index.errors import BackendUnavailableError, InputError
    from ethochat.index.vlm import HOW_TO
    from ethochat.tools.vlm_quality.run import evaluate_vlm

    if vlm is None:
        raise InputError(f"Expected a vision-language model; {HOW_TO}.")
    context = open_context(folder, vlm=vlm, run_model_code=run_model_code)
    try:
        with progress() as report:
            quality = evaluate_vlm(context, truth=truth, n_segments=segments, seed=seed, progress=report)
    finally:
        if context.vlm is not None:
            context.vlm.close()
    _show(quality)
    if json_file is not None:
        _write(quality, json_file)
    if quality.stopped is not None:
        raise BackendUnavailableError(
            f"Stopped early: {quality.stopped.rstrip('. ')}. Run the command again to go on."
        )


def _show(quality: VlmQuality) -> None:
    """Print the table and what it says."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from ethochat.tools.vlm_quality.report import head, rows, verdicts

    typer.echo(head(quality))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("figure", "n", "measured", "by chance"):
        table.add_column(name, no_wrap=True)
    section = ""
    for row in rows(quality):
        kind = row.figure.split(":")[0]
        if section and kind != section:
            table.add_section()
        section = kind
        table.add_row(row.figure, row.n, row.measured, row.chance)
    # A table that is cut says less than one that is wider than the window.
    Console(width=_WIDE, highlight=False, markup=False, emoji=False).print(table)
    for line in verdicts(quality):
        typer.echo(line)
    if quality.unmapped:
        more = len(quality.unmapped) - _MOST_LISTED
        shown = ", ".join(quality.unmapped[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
        typer.echo(f"Keywords that are no behavior of the truth: {shown}")
    for note in quality.notes:
        typer.echo(note)


def _write(quality: VlmQuality, path: Path) -> None:
    import json
    from dataclasses import asdict

    from ethochat.index.errors import InputError
    from ethochat.tools.vlm_quality.report import verdicts

    data = asdict(quality) | {"verdicts": verdicts(quality)}
    try:
        path.write_text(
            json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n", encoding="utf-8"
        )
    except OSError as exc:
        raise InputError(f"Expected a file that can be written, found: {exc}.", path=path) from exc
    typer.echo(f"wrote {path}")
