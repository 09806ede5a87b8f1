"""The page on one experiment: a chat with what belongs to its answers beside it, and a search."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

import gradio as gr

from ethochat.agent.chat_models import probe_tool_calling, resolve_chat_model
from ethochat.agent.events import DraftRejected, Event, Token, ToolFinished, ToolStarted
from ethochat.agent.events import Final as FinalEvent
from ethochat.agent.run import CONVERSATIONS, Conversation, open_context
from ethochat.index.errors import BackendUnavailableError
from ethochat.tools.context import ToolContext
from ethochat.ui.ask_layout import AT_ONCE, build_ask
from ethochat.ui.clips import Clips, Player
from ethochat.ui.exports import csv_of_tests, csv_of_values
from ethochat.ui.media import Media
from ethochat.ui.overview import heading_html
from ethochat.ui.results import MOST_ROWS, figures_of, page_figure, table_html, table_of_values
from ethochat.ui.search_layout import build_search
from ethochat.ui.search_saving import Saving
from ethochat.ui.search_tab import SearchTab
from ethochat.ui.seen import seen_html
from ethochat.ui.steps import describe_call, harmless, literal, result_text
from ethochat.ui.tests_html import html_of_tests
from ethochat.ui.turns import Turns, Waiting
from ethochat.ui.visits import Message, Step, Turn, Visit, end_turn, fail_turn, finish_turn, waiting_message

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from ethochat.index.vlm.base import Vlm

logger = logging.getLogger(__name__)

_THREAD_ID: Final = re.compile(r"[0-9a-f]{32}")


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
        self.media = Media(self.clips)
        self.search = SearchTab(context, self.media)
        self.saving = Saving(self.search)
        self.turns = Turns(self._conversation, at_once=AT_ONCE)
        self._visits: WeakValueDictionary[str, Visit] = WeakValueDictionary()
        self._opening = threading.Lock()
        units = set(context.catalog.load("sessions")["time_unit"].to_list())
        self._unit = "frames" if units == {"frames"} else "s"

    def close(self) -> None:
        """Let running work end; none begins any more."""
        for part in (self.turns, self.search, self.saving, self.media):
            part.close()
        if self.context.vlm is not None:
            self.context.vlm.close()

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
                    end_turn(visit, "*Stopped.*")

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
        future.add_done_callback(lambda done: fail_turn(visit, turn, done.exception()))
        return True

    def _hear(self, visit: Visit, turn: Turn, event: Event | Waiting) -> bool:
        """Write down what happened; False once the question was stopped."""
        with visit.changed:
            if visit.turn is not turn:
                return False
            if isinstance(event, FinalEvent):
                finish_turn(visit, turn, event.answer)
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
            said: list[Message] = [
                {"role": who, "content": harmless(text)} for who, text in conversation.history()
            ]
            cost = conversation.waits_for()
        if said:
            note = "Earlier in this conversation. Ask again to see clips, figures and evidence."
            said.append({"role": "assistant", "content": f"*{note}*"})
        if cost is not None:
            said.append(waiting_message(cost))
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

    def show_clip(self, choice: int | None, visit: Visit | None) -> tuple[Any, Any, Any]:
        """Cut the chosen clip and return the player's video, its caption, and what a model said of it."""
        clips = visit.answers[visit.shown].clips if visit is not None and visit.answers else []
        if choice is None or not 0 <= choice < len(clips):
            player, said = Player(path=None, caption=""), ""
        else:
            player, said = self.clips.cut(clips[choice]), seen_html(clips[choice])
        video = gr.update(
            value=None if player.path is None else str(player.path), visible=player.path is not None
        )
        caption = gr.update(value=literal(player.caption), visible=bool(player.caption))
        return video, caption, gr.update(value=said, visible=bool(said))

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


def _table_label(name: str, n_rows: int) -> str:
    return f"{name} (the first {MOST_ROWS} of {n_rows})" if n_rows > MOST_ROWS else name


# ---------------------------------------------------------------------- the page
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
        gr.HTML(heading_html(page.context, page.model_name), elem_id="heading", padding=False)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Ask", id="ask", elem_id="ask-tab"):
                build_ask(blocks, page)
            with gr.Tab("Search", id="search", elem_id="search-tab"):
                build_search(page.search, page.saving)
    return blocks


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
    vlm: str | Vlm | None = None,
    run_model_code: bool = False,
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
    vlm
        Vision-language model that clips may be shown to, by name or instance; see
        :func:`ethochat.index.vlm.resolve_vlm`. It is loaded or connected to when the first clip is.
    run_model_code
        Whether Python code that comes with that model's weights may run.
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
    context = open_context(root, store=store, vlm=vlm, run_model_code=run_model_code)
    page = Page(context, model=model)
    blocks = build_page(page)
    # Only cut clips are served, from where they lie: not the recordings, not the experiment folder, no copies elsewhere.
    gr.set_static_paths([page.clips.folder])
    try:
        app, address, _ = blocks.queue(default_concurrency_limit=AT_ONCE).launch(
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
    page.media.mount(app)
    logger.info("serving %s at %s", root, address)
    if block:
        print(f"ethochat answers at {address} (Ctrl+C ends)", flush=True)  # noqa: T201 - the address is what the user needs
        blocks.block_thread()
    return str(address), blocks
