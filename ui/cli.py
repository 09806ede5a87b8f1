"""The command line. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated

import typer

from ethochat.index.errors import EthochatError
from ethochat.ui.describe_command import EXAMPLE as DESCRIBE_EXAMPLE
from ethochat.ui.describe_command import describe
from ethochat.ui.eval_vlm_command import EXAMPLE as EVAL_VLM_EXAMPLE
from ethochat.ui.eval_vlm_command import eval_vlm
from ethochat.ui.index_command import EXAMPLE as MOVE_EXAMPLE
from ethochat.ui.index_command import move_index
from ethochat.ui.options import Approve, AsJson, Folder, Model, RunModelCode, Store, Vlm, print_json
from ethochat.ui.progress import progress
from ethochat.ui.search_command import EXAMPLE, search

if TYPE_CHECKING:
    from ethochat.agent.answer import Answer
    from ethochat.agent.run import Conversation

app = typer.Typer(
    name="ethochat",
    help="Ask questions about mouse-behavior experiments in plain language.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help starts four times as fast
    pretty_exceptions_enable=False,
    epilog="Start with: ethochat demo sample",
)

DEMO_QUESTIONS = (
    "Summarize this experiment.",
    "Compare the distance moved between the groups.",
    "Show me the longest grooming bouts.",
)


def main() -> int:
    """Run the command line; the exit status is 1 after a bug, 2 after an error that the message explains."""
    gc.set_threshold(
        50_000, 20, 20
    )  # importing makes many objects and no garbage: an eighth of the start-up time
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    if not debug:
        sys.excepthook = _say_bug
    try:
        app(args=arguments)
    except EthochatError as exc:
        if debug:
            raise
        _say_error(str(exc))
        return 2
    return 0


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Ask questions about mouse-behavior experiments in plain language."""


@app.command(epilog="Example: ethochat demo sample")
def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the sample is made.")] = Path(
        "ethochat-sample"
    ),
) -> None:
    """Make a simulated sample experiment, ingest it and answer three questions."""
    from ethochat.agent.run import Conversation, open_context
    from ethochat.index.experiment import MANIFEST
    from ethochat.index.ingest import ingest as run_ingest
    from ethochat.ui.terminal import console, show_answer, show_ingest

    if not (folder / MANIFEST).exists():
        from ethochat.index.sample import write_sample

        with progress() as report:
            write_sample(folder, progress=lambda done, total: report("drawing the sample", done, total))
    with progress() as report:
        show_ingest(run_ingest(folder, progress=report))
    with Conversation(open_context(folder)) as conversation:
        for question in DEMO_QUESTIONS:
            console().print(f"\n[bold]> {question}[/bold]", highlight=False)
            show_answer(conversation.ask(question))
    console().print(
        f"\nAsk more: [bold]ethochat chat {folder}[/bold]\nOpen the page: [bold]make serve[/bold] or "
        f"[bold]ethochat serve {folder}[/bold]",
        highlight=False,
    )


@app.command(epilog="Example: ethochat init lab/oft")
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with recordings, tracks or tables.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written.")] = False,
) -> None:
    """Look at a folder and draft experiment.toml and sessions.csv."""
    from ethochat.index.drafting import draft_experiment, write_draft
    from ethochat.ui.terminal import console, show_draft

    draft = draft_experiment(folder)
    show_draft(draft)
    if dry_run:
        console().print(f"\n{draft.toml}\n{draft.csv}", markup=False, highlight=False)
        return
    for path in write_draft(draft):
        console().print(f"wrote {path}", markup=False, highlight=False)
    console().print(f"Check both, then run: ethochat ingest {folder}", markup=False, highlight=False)


@app.command(epilog="Example: ethochat ingest lab/oft")
def ingest(
    folder: Folder,
    store: Store = None,
    rebuild_index: Annotated[bool, typer.Option(help="Make the vector index anew.")] = False,
    as_json: AsJson = False,
) -> None:
    """Turn the files of an experiment into tables and an index; resumable, a second run does nothing."""
    from ethochat.index.ingest import ingest as run_ingest
    from ethochat.ui.terminal import show_ingest

    with progress(hidden=as_json) as report:
        result = run_ingest(
            folder, store=store or _recorded_store(folder), rebuild_index=rebuild_index, progress=report
        )
    if as_json:
        from dataclasses import asdict

        print_json(asdict(result))
    else:
        show_ingest(result)


@app.command(
    epilog='Example: ethochat ask lab/oft "How much time do CSI mice spend rearing, compared with controls?"'
)
def ask(  # noqa: PLR0917 - typer passes options by name
    folder: Folder,
    question: Annotated[str, typer.Argument(help="In plain words.", show_default=False)],
    model: Model = "builtin",
    thread: Annotated[str | None, typer.Option(help="Go on with this conversation, or start it.")] = None,
    store: Store = None,
    vlm: Vlm = None,
    run_model_code: RunModelCode = False,
    approve: Approve = False,
    figures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the answer's figures into this folder.", show_default=False),
    ] = None,
    figure_format: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FORMAT",
            help="html (the default), svg, pdf, png or json; may be given several times. Pictures need Chromium or Chrome.",
            show_default=False,
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE|DIR",
            help="Write values and tests as CSV: into a folder, or values to FILE.csv and tests to FILE-tests.csv.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Answer one question."""
    from ethochat.agent.run import CONVERSATIONS, Conversation, open_context
    from ethochat.ui.terminal import show_answer

    formats = _figure_formats(figures, figure_format)
    context = open_context(folder, store=store, vlm=vlm, run_model_code=run_model_code, approved=approve)
    kept = context.experiment.data_dir / CONVERSATIONS if thread is not None else None
    with Conversation(context, model=model, thread_id=thread, conversations=kept) as conversation:
        answer = conversation.ask(question)
    _write_files(answer, figures, formats, table)
    if as_json:
        print_json(answer.to_json())
    else:
        show_answer(answer)


@app.command(epilog="Example: ethochat chat lab/oft --thread monday")
def chat(  # noqa: PLR0917 - typer passes options by name
    folder: Folder,
    model: Model = "builtin",
    thread: Annotated[str | None, typer.Option(help="Conversation to go on with.")] = None,
    store: Store = None,
    vlm: Vlm = None,
    run_model_code: RunModelCode = False,
) -> None:
    """Ask one question after the other; an empty line ends."""
    from ethochat.agent.run import CONVERSATIONS, Conversation, open_context
    from ethochat.ui.terminal import console

    context = open_context(folder, store=store, vlm=vlm, run_model_code=run_model_code)
    kept = context.experiment.data_dir / CONVERSATIONS
    with Conversation(context, model=model, thread_id=thread, conversations=kept) as conversation:
        for who, text in conversation.history():
            console().print(
                f"{'> ' if who == 'user' else ''}{text}\n", markup=False, highlight=False, style="dim"
            )
        _talk(conversation)
        console().print(
            f"Go on later with: ethochat chat {folder} --thread {conversation.thread_id}",
            markup=False,
            highlight=False,
        )


app.command(epilog=EXAMPLE)(search)
app.command("move-index", epilog=MOVE_EXAMPLE)(move_index)
app.command(epilog=DESCRIBE_EXAMPLE)(describe)
app.command("eval-vlm", epilog=EVAL_VLM_EXAMPLE)(eval_vlm)


@app.command(epilog="Example: ethochat serve lab/oft --port 7860")
def serve(  # noqa: PLR0917 - typer passes options by name
    folder: Folder,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="Port; the first free one by default.", show_default=False)
    ] = None,
    model: Model = "builtin",
    store: Store = None,
    vlm: Vlm = None,
    run_model_code: RunModelCode = False,
) -> None:
    """Open the page: chat and search."""
    from ethochat.ui.page import serve as run_page

    run_page(folder, host=host, port=port, model=model, store=store, vlm=vlm, run_model_code=run_model_code)


@app.command(epilog="Example: ethochat doctor lab/oft")
def doctor(
    folder: Folder, vlm: Vlm = None, run_model_code: RunModelCode = False, as_json: AsJson = False
) -> None:
    """Say what an experiment's derived data was made with, what is doubtful and what is stale; --vlm is tried."""
    from ethochat.ui.doctor import examine
    from ethochat.ui.terminal import show_examination

    found = examine(folder, vlm=vlm, run_model_code=run_model_code)
    if as_json:
        print_json(found)
    else:
        show_examination(found)


@app.command(
    name="eval",
    epilog="Example: ethochat eval --questions Q.jsonl --experiments build/experiments --answers A.jsonl",
)
def evaluate(
    questions: Annotated[
        Path, typer.Option(help="JSON lines with id, dataset and turns.", show_default=False)
    ],
    experiments: Annotated[
        Path, typer.Option(help="Folder with one experiment per dataset.", show_default=False)
    ],
    answers: Annotated[Path, typer.Option(help="File to write.", show_default=False)],
    model: Model = "builtin",
) -> None:
    """Answer a set of questions."""
    from ethochat.agent.evaluation import evaluate as run_evaluation
    from ethochat.agent.evaluation import summary_lines
    from ethochat.ui.terminal import console

    with progress() as report:
        result = run_evaluation(questions, experiments, answers, model=model, progress=report)
    for line in summary_lines(result):
        console().print(line, markup=False, highlight=False)


def _talk(conversation: Conversation) -> None:
    from ethochat.ui.terminal import show_answer

    while True:
        try:
            question = input("> ").strip()
        except EOFError:
            return
        if not question:
            return
        try:
            show_answer(conversation.ask(question))
        except EthochatError as exc:  # the next question may do better
            _say_error(str(exc))


def _figure_formats(folder: Path | None, wanted: list[str] | None) -> list[str]:
    """Check the formats before the question is answered, which can take a while."""
    if folder is None and not wanted:
        return []
    from ethochat.index.errors import InputError
    from ethochat.ui.exports import figure_formats

    if folder is None:
        raise InputError("--figure-format says how figures are written, --figures DIR where; give both.")
    return figure_formats(wanted or ["html"])


def _write_files(answer: Answer, figures: Path | None, formats: list[str], table: Path | None) -> None:
    """Write what was asked for and add it to the answer's files; what there is none of is said on stderr."""
    if figures is None and table is None:
        return
    from ethochat.ui.exports import write_answer_figures, write_tables

    written = write_answer_figures(answer, figures, formats) if figures is not None else []
    if figures is not None and not written:
        typer.secho("This answer has no figure, so none was written.", err=True)
    tables = write_tables(answer, table) if table is not None else []
    if table is not None and not tables:
        typer.secho("This answer has neither values nor tests, so no table was written.", err=True)
    answer.files += [str(path) for path in (*written, *tables)]


def _recorded_store(folder: Path) -> str:
    """Keep to the vector index of the run before, so that a plain second run does nothing."""
    from ethochat.agent.run import recorded_store
    from ethochat.index.catalog import Catalog

    return recorded_store(Catalog(folder / ".ethochat"))


def _say_error(message: str) -> None:
    typer.secho(" ".join(message.split()), fg=typer.colors.RED, err=True)


def _say_bug(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Report an error that nobody foresaw, in one line."""
    if issubclass(kind, KeyboardInterrupt):
        _say_error("Stopped.")
        return
    _say_error(
        f"Bug in ethochat: {kind.__name__}: {error}. Run the command again with --debug for the traceback."
    )


if __name__ == "__main__":
    sys.exit(main())
