"""Arguments and options that several commands share; nothing heavy is imported here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Experiment folder.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Model = Annotated[
    str,
    typer.Option(
        envvar="ETHOCHAT_MODEL",
        help="Chat model: builtin, openai:MODEL[@URL], PROVIDER:MODEL or transformers:MODEL_OR_PATH.",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        envvar=["ETHOCHAT_STORE", "QDRANT_URL"],
        help="Vector index: edge, local or the URL of a Qdrant server.",
        show_default=False,
    ),
]

Vlm = Annotated[
    str | None,
    typer.Option(
        envvar="ETHOCHAT_VLM",
        help="Model that looks at clips: transformers:MODEL_OR_PATH or openai:MODEL@URL (without a URL OpenAI's); frames go where it runs.",
        show_default=False,
    ),
]
RunModelCode = Annotated[
    bool, typer.Option("--run-model-code", help="Let Python code that comes with the model's weights run.")
]
Approve = Annotated[
    bool, typer.Option("--approve", help="Show the model any number of clips without asking.")
]


def print_json(data: Any) -> None:  # noqa: ANN401 - anything that JSON can hold
    """Print data as JSON."""
    typer.echo(json.dumps(data, ensure_ascii=False, indent=2))
