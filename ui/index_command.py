"""``ethochat move-index``: the vector index moved to another engine."""

from __future__ import annotations

from typing import Annotated

import typer

from ethochat.ui.options import AsJson, Folder, print_json

EXAMPLE = "Example: ethochat move-index lab/oft --to http://qdrant.lab:6333"


def move_index(
    folder: Folder,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="STORE", help="edge, local or the URL of a Qdrant server.", show_default=False
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Move the vector index to another engine without embedding anything again."""
    from dataclasses import asdict

    from ethochat.index.moving import move_index as run_move

    report = run_move(folder, to)
    if as_json:
        print_json(asdict(report))
    elif report.source == report.target:
        typer.echo(f"The index is in {report.target} already; nothing was moved.")
    else:
        typer.echo(
            f"{report.n_segments} segments are in {report.target} now, {report.n_copied} of them copied. The index in "
            f"{report.source} was left as it is and is not used any more; restart a page that is open."
        )
