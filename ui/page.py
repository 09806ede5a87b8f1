"""The chat page on one experiment: steps as they happen, the answer, its clips, figures, values and evidence."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4
from weakref import WeakValueDictionary

import gradio as gr

from ethochat.agent.answer import Answer
from ethochat.agent.chat_models import probe_tool_calling, resolve_chat_model
from ethochat.agent.events import DraftRejected, Event, Token, ToolFinished, ToolStarted
from ethochat.agent.events import Final as FinalEvent
from ethochat.agent.run import CONVERSATIONS, Conversation, open_context
from ethochat.index.errors import BackendUnavailableError, EthochatError
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import Evidence
from ethochat.ui.clips import Clips, Player
from ethochat.ui.examples import example_questions
from ethochat.ui.exports import csv_of_tests, csv_of_values
from ethochat.ui.overview import heading_html, overview_html
from ethochat.ui.results import MOST_ROWS, figures_of, page_figure, table_html, table_of_values
from ethochat.ui.saving import save_button, save_picture, save_table
from ethochat.ui.steps import describe_call, evidence_text, harmless, literal, result_text
from ethochat.ui.tests_html import html_of_tests
from ethochat.ui.turns import Turns, Waiting

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

Message = dict[str, Any]
"""A message as Gradio's chat takes it."""

_THREAD_ID: Final = re.compile(r"[0-9a-f]{32}")
_AT_ONCE: Final = 8
_WITH_THREAD: Final = """(...given) => {
  const url = new URL(window.location.href);
  let id = url.searchParams.get("conversation") || "";
  if (!/^[0-9a-f]{32}$/.test(id)) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    id = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    url.searchParams.set("conversation", id);
    window.history.replaceState(null, "", url);
  }
  return [...given.slice(0, -1), id];
}"""
"""Gives the conversation's id as the last input. It stands in the page's address, so that a reload goes on with it."""


@dataclass(slots=True, kw_only=True)
class Step:
    """A collapsible line of the chat."""

    title: str
    """Plain text."""
    body: str = ""
    """Markdown."""
    pending: bool = False
    call: ToolStarted | None = None
    result: ToolFinished | None = None

    @property
    def is_draft(self) -> bool:
        """Whether it shows only that something is coming: a draft, or the wait for the question before."""
        return self.pending and self.call is None

    def message(self) -> Message:
        """Return the step as Gradio's chat takes it."""
        metadata: Message = {"title": literal(self.title), "status": "pending" if self.pending else "done"}
        if self.result is not None and self.result.elapsed_s >= 0.1:
            metadata["duration"] = round(self.result.elapsed_s, 1)
        return {"role": "assistant", "content": self.body, "metadata": metadata}


@dataclass(slots=True, eq=False)
class Turn:
    """A question being answered."""

    question: str
    steps: list[Step] = field(default_factory=list)


@dataclass(slots=True, weakref_slot=True, eq=False, repr=False)
class Visit:
    """A conversation and what of it is on the screen; lasts as long as a page shows it.

    The thread that answers writes it, the threads that show it wait for ``changed``.
    """

    thread_id: str = field(default_factory=lambda: uuid4().hex)
    said: list[Message] = field(default_factory=list)
    """Finished turns."""
    turn: Turn | None = None
    """The running one."""
    answers: list[Answer] = field(default_factory=list)
    """Answers with something to show beside the chat, newest last."""
    shown: int = -1
    """Which of them is shown."""
    changed: threading.Condition = field(default_factory=threading.Condition)
    version: int = 0

    def messages(self) -> list[Message]:
        """Return the chat as it is now."""
        return list(self.said) if self.turn is None else [*self.said, *_running(self.turn)]

    def mark_changed(self) -> None:
        """Wake whoever shows it; the caller holds ``changed``."""
        self.version += 1
        self.changed.notify_all()


class Page:
    """What the page's handlers share: one experiment, one chat model, one folder of clips."""

    def __init__(self, context: ToolContext, *, model: str | BaseChatModel = "builtin") -> None:
        """Open the chat model; nothing is shown yet.

        Parameters
        ----------
        context
            An ingested experiment.
        model
            See :func:`ethochat.agent.chat_models.resolve_chat_model`.

        Raises
        ------
        BackendUnavailableError
            When the chat model cannot be used.
        """
        self.context = context
        self.model_name = model if isinstance(model, str) else str(model._llm_type)
        self.chat_model = resolve_chat_model(model, context)
        if isinstance(model, str) and model != "builtin":
            probe_tool_calling(self.chat_model)
        self.clips = Clips(context)
        self.turns = Turns(self._conversation, at_once=_AT_ONCE)
        self._visits: WeakValueDictionary[str, Visit] = WeakValueDictionary()
        self._opening = threading.Lock()
        units = set(context.catalog.load("sessions")["time_unit"].to_list())
        self._unit = "frames" if units == {"frames"} else "s"

    def _conversation(self, thread_id: str) -> Conversation:
        return Conversation(
            self.context,
            model=self.chat_model,
            thread_id=thread_id,
            conversations=self.context.experiment.data_dir / CONVERSATIONS,
        )

    # ------------------------------------------------------------------ the chat
    def open(self, thread_id: str | None) -> Iterator[tuple[Any, ...]]:
        """Show a conversation, and go on with a question that is being answered: outputs as of :meth:`ask`."""
        yield from self._watch(self._visit(None, thread_id))

    def ask(self, question: str, visit: Visit | None, thread_id: str | None) -> Iterator[tuple[Any, ...]]:
        """Answer one question, yielding chat, question box, visit, ask and stop button as steps happen.

        An error that the user can act on is shown as the answer; the conversation goes on.
        """
        visit = self._visit(visit, thread_id)
        question = question.strip()
        begun = bool(question) and self._begin(visit, question)
        if question and not begun:
            gr.Info("The question before is still being answered. Stop it, or wait.")
        if not begun:
            yield (gr.skip(), gr.skip(), visit, gr.skip(), gr.skip())
            return
        yield (gr.skip(), "", visit, gr.skip(), gr.skip())
        yield from self._watch(visit)

    def ask_example(
        self, visit: Visit | None, thread_id: str | None, chosen: gr.SelectData
    ) -> Iterator[tuple[Any, ...]]:
        """Answer the example question, or take the choice, that was clicked."""
        value = chosen.value
        yield from self.ask(str(value["text"] if isinstance(value, dict) else value), visit, thread_id)

    def stop(self, visit: Visit | None) -> None:
        """End the running question; what was asked stays in the chat, the conversation does not know it.

        Who watches the visit shows it.
        """
        if visit is not None:
            with visit.changed:
                if visit.turn is not None:
                    _end(visit, "*Stopped.*")

    def _watch(self, visit: Visit) -> Iterator[tuple[Any, ...]]:
        """Yield the chat whenever it changes, until no question is running."""
        seen, running = -1, True
        while running:
            with visit.changed:
                while visit.version == seen:
                    visit.changed.wait()
                seen, running, messages = visit.version, visit.turn is not None, visit.messages()
            yield messages, gr.skip(), visit, gr.update(visible=not running), gr.update(visible=running)

    def _begin(self, visit: Visit, question: str) -> bool:
        """Start to answer, unless a question is being answered."""
        turn = Turn(question)
        with visit.changed:
            if visit.turn is not None:
                return False
            visit.turn = turn
            visit.mark_changed()
        future = self.turns.start(visit.thread_id, question, lambda event: self._hear(visit, turn, event))
        future.add_done_callback(lambda done: _failed(visit, turn, done.exception()))
        return True

    def _hear(self, visit: Visit, turn: Turn, event: Event | Waiting) -> bool:
        """Write down what happened; False once the question was stopped."""
        with visit.changed:
            if visit.turn is not turn:
                return False
            if isinstance(event, FinalEvent):
                _finish(visit, turn, event.answer)
            else:
                self._happened(turn.steps, event)
                visit.mark_changed()
            return True

    def _visit(self, visit: Visit | None, thread_id: str | None) -> Visit:
        """Return the visit, or the one that another load of the page began, or a new one."""
        if visit is not None:
            return visit
        if thread_id is None or not _THREAD_ID.fullmatch(thread_id):
            return Visit()
        with self._opening:
            found = self._visits.get(thread_id)
            if found is None:
                found = Visit(thread_id=thread_id, said=self._said_before(thread_id))
                self._visits[thread_id] = found
            return found

    def _said_before(self, thread_id: str) -> list[Message]:
        """Read a conversation that this server did not see; only its texts are kept."""
        with self._conversation(thread_id) as conversation:
            said = [{"role": who, "content": harmless(text)} for who, text in conversation.history()]
        if said:
            note = "Earlier in this conversation. Ask again to see clips, figures and evidence."
            said.append({"role": "assistant", "content": f"*{note}*"})
        return said

    def _happened(self, steps: list[Step], event: Event | Waiting) -> None:
        """Bring the lines of the running turn up to date."""
        if steps and steps[-1].is_draft and not isinstance(event, Token | Waiting):
            steps.pop()
        if isinstance(event, ToolStarted):
            doing, _ = describe_call(event.name, event.arguments, unit=self._unit)
            steps.append(Step(title=f"{doing} …", pending=True, call=event))
        elif isinstance(event, ToolFinished):
            step = next(
                item for item in steps if item.pending and item.call and item.call.call_id == event.call_id
            )
            assert step.call is not None
            _, done = describe_call(event.name, step.call.arguments, unit=self._unit)
            step.title = done if event.ok else f"Not possible: {done[0].lower()}{done[1:]}"
            step.pending, step.result, step.body = False, event, result_text(event.summary)
        elif isinstance(event, DraftRejected):
            steps.append(
                Step(
                    title="Checked the draft: it said something no tool returned", body=literal(event.reason)
                )
            )
        elif isinstance(event, Token):
            if not (steps and steps[-1].is_draft):
                steps.append(Step(title="", pending=True))
            steps[-1].title = "Writing; not checked yet …"
            steps[-1].body += literal(event.text)
        elif isinstance(event, Waiting):
            steps.append(Step(title="Waiting for the question before …", pending=True))

    # ------------------------------------------------------------------ beside the chat
    def show(self, visit: Visit | None) -> tuple[Any, ...]:
        """Show what belongs to an answer: outputs of the right column, the clip not yet cut."""
        answers = [] if visit is None else visit.answers
        hidden, shown = gr.update(visible=False), gr.update(visible=True)
        if visit is None or not answers:
            return (shown, hidden, *(gr.skip() for _ in range(10)))
        answer = answers[visit.shown]
        choices = [(f"{place + 1}. {item.question}", place) for place, item in enumerate(answers)]
        labels = [(self.clips.label(clip), place) for place, clip in enumerate(answer.clips)]
        figures = figures_of(answer)
        names = [(figure.title, place) for place, figure in enumerate(figures)]
        return (
            hidden,
            gr.update(choices=choices, value=visit.shown % len(answers), visible=len(answers) > 1),
            gr.update(visible=bool(labels)),
            gr.update(
                choices=labels,
                value=0 if labels else None,
                visible=len(labels) > 1,
                label=f"{len(labels)} clips",
            ),
            gr.update(visible=bool(figures)),
            gr.update(choices=names, value=0 if names else None, visible=len(names) > 1),
            gr.update(value=page_figure(figures[0]) if figures else None),
            gr.update(visible=bool(answer.values), label=_table_label("Values", len(answer.values))),
            table_html(table_of_values(answer.values)) if answer.values else "",
            gr.update(visible=bool(answer.tests)),
            html_of_tests(answer.tests),
            gr.update(value=None),
        )

    def show_answer(self, choice: int | None, visit: Visit | None) -> tuple[Any, ...]:
        """Go back to an earlier answer, or forth."""
        if visit is not None and choice is not None and 0 <= choice < len(visit.answers):
            visit.shown = choice
        return self.show(visit)

    def show_clip(self, choice: int | None, visit: Visit | None) -> tuple[Any, Any]:
        """Cut the chosen clip and return the player's video and its caption."""
        clips = visit.answers[visit.shown].clips if visit is not None and visit.answers else []
        if choice is None or not 0 <= choice < len(clips):
            player = Player(path=None, caption="")
        else:
            player = self.clips.cut(clips[choice])
        video = gr.update(
            value=None if player.path is None else str(player.path), visible=player.path is not None
        )
        return video, gr.update(value=literal(player.caption), visible=bool(player.caption))

    def values_csv(self, visit: Visit | None) -> str:
        """Write all values of the answer shown as CSV, also those that the table has no room for."""
        return csv_of_values(visit.answers[visit.shown].values) if visit is not None and visit.answers else ""

    def tests_csv(self, visit: Visit | None) -> str:
        """Write the tests of the answer shown as CSV."""
        return csv_of_tests(visit.answers[visit.shown].tests) if visit is not None and visit.answers else ""

    def show_figure(self, choice: int | None, visit: Visit | None) -> Any:  # noqa: ANN401 - plotly is untyped
        """Draw the chosen figure."""
        figures = figures_of(visit.answers[visit.shown]) if visit is not None and visit.answers else []
        if choice is None or not 0 <= choice < len(figures):
            return None
        return page_figure(figures[choice])


# ---------------------------------------------------------------------- turns in the chat
def _running(turn: Turn) -> list[Message]:
    return [{"role": "user", "content": literal(turn.question)}, *(step.message() for step in turn.steps)]


def _end(visit: Visit, text: str, *, options: Sequence[str] = ()) -> None:
    """Close the running turn with a text; the caller holds ``visit.changed``."""
    assert visit.turn is not None
    steps = [step for step in visit.turn.steps if not step.is_draft]
    for step in steps:
        step.pending = False
    visit.turn.steps = steps
    answer: Message = {"role": "assistant", "content": text}
    if options:
        answer["options"] = [{"value": option, "label": option} for option in options]
    visit.said = [*visit.messages(), answer]
    visit.turn = None
    visit.mark_changed()


def _failed(visit: Visit, turn: Turn, error: BaseException | None) -> None:
    """Close a turn that ended with an error; one that was stopped before shows nothing of it."""
    if error is None:
        return
    if isinstance(error, EthochatError):
        logger.warning("question failed: %s", error)
        text = f"**This could not be done.** {literal(str(error))}"
    else:
        logger.error("a bug ended a question", exc_info=error)
        text = "**This question ran into a bug in ethochat.** The log of the server says more."
    with visit.changed:
        if visit.turn is turn:
            _end(visit, text)


def _finish(visit: Visit, turn: Turn, answer: Answer) -> None:
    """Close the running turn with its answer; the steps become the evidence that its marks lead to."""
    _mark_evidence(turn.steps, answer.evidence)
    text, options = answer.answer, []
    if answer.status != "answered":
        lines = text.splitlines()
        options = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
        text = "\n".join(line for line in lines if not line.startswith("- "))
    if answer.values or answer.tests or answer.clips or figures_of(answer):
        visit.answers.append(answer)
        visit.shown = len(visit.answers) - 1
    _end(visit, harmless(text.strip()), options=options)


def _mark_evidence(steps: Sequence[Step], evidence: Sequence[Evidence]) -> None:
    """Give each step that returned something the id by which the answer cites it."""
    left = [step for step in steps if step.result is not None and step.result.ok]
    for item in evidence:
        step = next(
            (s for s in left if s.result and (s.result.name, s.result.summary) == (item.tool, item.summary)),
            None,
        )
        if step is not None:
            left.remove(step)
            step.title, step.body = f"{item.evidence_id} · {step.title}", evidence_text(item)


def _table_label(name: str, n_rows: int) -> str:
    return f"{name} (the first {MOST_ROWS} of {n_rows})" if n_rows > MOST_ROWS else name


# ---------------------------------------------------------------------- layout
def build_page(page: Page) -> gr.Blocks:
    """Lay out the page.

    Parameters
    ----------
    page
        The experiment, its chat model and the handlers.
    """
    with gr.Blocks(
        title=f"{page.context.experiment.name} – ethochat", analytics_enabled=False, fill_width=True
    ) as blocks:
        visit = gr.State(None)
        thread_id = gr.Textbox(visible=False)
        gr.HTML(heading_html(page.context, page.model_name), elem_id="heading", padding=False)
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=6, min_width=420, elem_id="left"):
                chat, box, ask, stop = _chat_column(page)
            with gr.Column(scale=5, min_width=380, elem_id="right"):
                beside = _results_column(page)
        _connect(blocks, page, (visit, thread_id), (chat, box, ask, stop), beside)
    return blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beside:
    """Components of the right column."""

    outputs: list[Any]
    """What :meth:`Page.show` returns."""
    answers: Any
    clips: Any
    clip: list[Any]
    """What :meth:`Page.show_clip` returns."""
    figures: Any
    figure: Any
    pictures: tuple[Any, Any]
    """Buttons that save the figure as SVG and as PNG."""
    tables: tuple[Any, Any]
    """Buttons that save the values and the tests."""


def _chat_column(page: Page) -> tuple[Any, Any, Any, Any]:
    chat = gr.Chatbot(
        elem_id="chat",
        show_label=False,
        container=False,
        height=None,
        buttons=[],
        allow_tags=False,
        feedback_options=None,
        latex_delimiters=[],
        layout="bubble",
        placeholder="Ask what the animals did, how groups differ, or where a behavior can be seen.",
        examples=[{"text": question} for question in example_questions(page.context)],
    )
    with gr.Row(elem_id="asking"):
        box = gr.Textbox(
            placeholder="Ask a question",
            show_label=False,
            container=False,
            scale=8,
            autofocus=True,
            max_lines=4,
            elem_id="question",
        )
        ask = gr.Button("Ask", variant="primary", scale=0, min_width=88, elem_id="ask")
        stop = gr.Button("Stop", variant="stop", scale=0, min_width=88, visible=False, elem_id="stop")
    return chat, box, ask, stop


def _results_column(page: Page) -> _Beside:
    overview = gr.HTML(overview_html(page.context), elem_id="overview", padding=False)
    answers = gr.Dropdown(label="Shown for", choices=[], visible=False, interactive=True, elem_id="answers")
    with gr.Column(visible=False, elem_id="clip-part") as clip_part:
        player = gr.Video(
            show_label=False,
            autoplay=True,
            loop=True,
            elem_id="player",
            height=340,
            interactive=False,
            buttons=["download"],
        )
        caption = gr.Markdown(visible=False, elem_id="caption", latex_delimiters=[])
        clips = gr.Radio(
            label="Clips", container=False, choices=[], visible=False, interactive=True, elem_id="clips"
        )
    with gr.Column(visible=False, elem_id="figure-part") as figure_part:
        figures = gr.Dropdown(label="Figure", choices=[], visible=False, interactive=True, elem_id="figures")
        figure = gr.Plot(show_label=False, container=False, elem_id="figure")
        with gr.Row(elem_classes="saving"):
            pictures = save_button("Save as SVG", "save-svg"), save_button("Save as PNG", "save-png")
    with gr.Accordion("Tests", visible=False, open=True, elem_id="tests-part") as tests_part:
        tests = gr.HTML(elem_id="tests", padding=False)
        with gr.Row(elem_classes="saving"):
            save_tests = save_button("Save as CSV", "save-tests")
    with gr.Accordion("Values", visible=False, open=True, elem_id="values-part") as values_part:
        values = gr.HTML(elem_id="values", padding=False)
        with gr.Row(elem_classes="saving"):
            save_values = save_button("Save as CSV", "save-values")
    outputs = [
        overview, answers, clip_part, clips, figure_part, figures, figure, values_part, values, tests_part, tests, player
    ]  # fmt: skip
    return _Beside(
        outputs=outputs,
        answers=answers,
        clips=clips,
        clip=[player, caption],
        figures=figures,
        figure=figure,
        pictures=pictures,
        tables=(save_values, save_tests),
    )


def _connect(
    blocks: gr.Blocks, page: Page, who: tuple[Any, Any], asking: tuple[Any, Any, Any, Any], beside: _Beside
) -> None:
    """Say which handler runs when."""
    visit, thread_id = who
    chat, box, ask, stop = asking
    private = {"api_visibility": "private", "show_progress": "hidden"}
    heard = {**private, "concurrency_limit": _AT_ONCE, "concurrency_id": "ask"}
    outputs = [chat, box, visit, ask, stop]
    runs = [
        gr.on([box.submit, ask.click], page.ask, [box, visit, thread_id], outputs, js=_WITH_THREAD, **heard),
        gr.on(
            [chat.example_select, chat.option_select],
            page.ask_example,
            [visit, thread_id],
            outputs,
            js=_WITH_THREAD,
            **heard,
        ),
    ]
    stop.click(page.stop, [visit], None, queue=False, **private)
    runs.append(blocks.load(page.open, [thread_id], outputs, js=_WITH_THREAD, **private))
    for run in runs:
        run.then(page.show, [visit], beside.outputs, **private).then(
            page.show_clip, [beside.clips, visit], beside.clip, **private
        )
    beside.answers.input(page.show_answer, [beside.answers, visit], beside.outputs, **private).then(
        page.show_clip, [beside.clips, visit], beside.clip, **private
    )
    beside.clips.input(
        page.show_clip, [beside.clips, visit], beside.clip, trigger_mode="always_last", **private
    )
    beside.figures.input(page.show_figure, [beside.figures, visit], beside.figure, **private)
    save_picture(beside.pictures)
    for button, text_of, name in zip(
        beside.tables, (page.values_csv, page.tests_csv), ("values", "tests"), strict=True
    ):
        save_table(button, text_of, visit, name)


def _theme() -> gr.Theme:
    """Quiet colors and the system's own letters: nothing is fetched from outside."""
    letters = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    return gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        font=letters,
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
    ).set(
        body_background_fill="*neutral_50",
        body_text_color_subdued="*neutral_500",
        link_text_color="*primary_700",
        link_text_color_hover="*primary_800",
        block_border_width="0px",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_text_color="white",
    )


def serve(
    root: Path,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    model: str | BaseChatModel = "builtin",
    store: str | None = None,
    block: bool = True,
) -> tuple[str, gr.Blocks]:
    """Serve the page for one experiment.

    Parameters
    ----------
    root
        Experiment folder, ingested.
    host, port
        Where to listen; the first free port from 7860 on by default.
    model
        Chat model.
    store
        Vector index; by default the one ingested into.
    block
        Return only when the server was stopped.

    Raises
    ------
    BackendUnavailableError
        When the port is taken or the chat model cannot be used.
    ExperimentError, NotIngestedError
        When the folder is no ingested experiment.

    Returns
    -------
    tuple
        Address of the page, and the running page (its ``close`` stops the server).
    """
    page = Page(open_context(root, store=store), model=model)
    blocks = build_page(page)
    # Only cut clips are served, from where they lie: not the recordings, not the experiment folder, no copies elsewhere.
    gr.set_static_paths([page.clips.folder])
    try:
        _, address, _ = blocks.queue(default_concurrency_limit=_AT_ONCE).launch(
            server_name=host,
            server_port=port,
            allowed_paths=[str(page.clips.folder)],
            max_file_size=1,  # nothing can be uploaded
            theme=_theme(),
            css=files("ethochat.ui").joinpath("assets/page.css").read_text(encoding="utf-8"),
            ssr_mode=False,
            quiet=True,
            prevent_thread_lock=True,
            show_error=False,
            footer_links=[],
        )
    except OSError as exc:
        raise BackendUnavailableError(
            f"Expected a free port at {host}, got {exc}; name another one with --port, or leave it out."
        ) from exc
    logger.info("serving %s at %s", root, address)
    if block:
        print(f"ethochat answers at {address} (Ctrl+C ends)", flush=True)  # noqa: T201 - the address is what the user needs
        blocks.block_thread()
    return str(address), blocks
