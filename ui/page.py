"""The chat page on one experiment: steps as they happen, the answer, its clips, figures, values and evidence."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import gradio as gr
import polars as pl

from ethochat.agent.answer import Answer
from ethochat.agent.chat_models import probe_tool_calling, resolve_chat_model
from ethochat.agent.events import DraftRejected, Final, ToolFinished, ToolStarted
from ethochat.agent.run import CONVERSATIONS, Conversation, open_context
from ethochat.index.errors import EthochatError
from ethochat.index.video import cached_clip
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import ClipRef
from ethochat.ui.examples import example_questions

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

Message = dict[str, Any]
_STATUS_TITLES = {"needs_clarification": "Please say which", "cannot_answer": "The data cannot tell"}
_MOST_CHOICES = 100


class Page:
    """What the page's handlers share: one experiment, one chat model, one folder of clips."""

    def __init__(self, context: ToolContext, *, model: str = "builtin") -> None:
        """Open the chat model; nothing is shown yet.

        Parameters
        ----------
        context
            An ingested experiment.
        model
            See :func:`ethochat.agent.chat_models.resolve_chat_model`.
        """
        self.context = context
        self.model_name = model
        self.chat_model: BaseChatModel = resolve_chat_model(model, context)
        if model != "builtin":
            probe_tool_calling(self.chat_model)
        self.clips_dir = context.experiment.data_dir / "cache" / "clips"
        self.clips_dir.mkdir(parents=True, exist_ok=True)
        self._videos = dict(context.catalog.load("sessions").select("session_id", "video").iter_rows())

    # ------------------------------------------------------------------ a question
    def respond(self, question: str, history: list[Message], thread_id: str) -> Iterator[tuple[Any, ...]]:
        """Answer one question, yielding the outputs of :func:`build_page` as steps finish.

        An error that the user can act on is shown as the answer; the conversation goes on.
        """
        if not question.strip():
            yield (history, "", *self._unchanged())
            return
        shown = [*history, {"role": "user", "content": question}]
        yield (shown, "", *self._unchanged())
        try:
            with self._conversation(thread_id) as conversation:
                for event in conversation.stream(question):
                    if isinstance(event, Final):
                        yield (*self._final(shown, event.answer),)
                    elif (step := _step(event)) is not None:
                        _replace_step(shown, step)
                        yield (shown, "", *self._unchanged())
        except EthochatError as exc:
            logger.warning("question failed: %s", exc)
            problem = {"role": "assistant", "content": f"**This could not be done.** {exc}"}
            yield ([*shown, problem], "", *self._unchanged())

    def _conversation(self, thread_id: str) -> Conversation:
        return Conversation(
            self.context,
            model=self.chat_model,
            thread_id=thread_id,
            conversations=self.context.experiment.data_dir / CONVERSATIONS,
        )

    def _unchanged(self) -> tuple[Any, ...]:
        return tuple(gr.skip() for _ in range(6))

    def _final(self, shown: list[Message], answer: Answer) -> tuple[Any, ...]:
        title = _STATUS_TITLES.get(answer.status)
        text = f"**{title}.** {answer.answer}" if title else answer.answer
        messages = [*shown, {"role": "assistant", "content": text}]
        clips = [clip.model_dump(mode="json") for clip in answer.clips if clip.has_video][:_MOST_CHOICES]
        choices = [(_clip_label(ClipRef.model_validate(clip)), index) for index, clip in enumerate(clips)]
        picker = gr.update(choices=choices, value=0 if choices else None, visible=bool(choices))
        return messages, "", clips, picker, *self.show_clip(0 if clips else None, clips), _figure(answer), _values(answer)

    # ------------------------------------------------------------------ a clip
    def show_clip(self, choice: int | None, clips: Sequence[Message]) -> tuple[Any, Any]:
        """Cut the chosen clip and return the player's video and its caption."""
        if choice is None or not clips:
            return gr.update(value=None, visible=False), gr.update(value="", visible=False)
        clip = ClipRef.model_validate(clips[choice])
        video = self._videos.get(clip.session_id)
        if video is None:
            return gr.update(value=None, visible=False), gr.update(value=f"{clip.session_id} has no video.", visible=True)
        try:
            path = cached_clip(self.clips_dir, Path(video), clip.start_time, clip.stop_time)
        except EthochatError as exc:
            return gr.update(value=None, visible=False), gr.update(value=f"No clip: {exc}", visible=True)
        caption = f"{_clip_label(clip)}. The frame is marked while the hit lasts."
        return gr.update(value=str(path), visible=True), gr.update(value=caption, visible=True)


def _step(event: object) -> Message | None:
    """Turn an event into a collapsible line of the chat."""
    if isinstance(event, ToolStarted):
        arguments = json.dumps(dict(event.arguments), ensure_ascii=False, default=str)
        metadata = {"title": f"{event.name} …", "status": "pending", "id": event.call_id}
        return {"role": "assistant", "content": f"`{arguments}`", "metadata": metadata}
    if isinstance(event, ToolFinished):
        title = event.name if event.ok else f"{event.name}: not possible"
        metadata = {"title": title, "status": "done", "id": event.call_id, "duration": round(event.elapsed_s, 3)}
        return {"role": "assistant", "content": event.summary, "metadata": metadata}
    if isinstance(event, DraftRejected):
        metadata = {"title": "The draft was sent back: a number had no source", "status": "done"}
        return {"role": "assistant", "content": event.reason, "metadata": metadata}
    return None


def _replace_step(shown: list[Message], step: Message) -> None:
    """Put a finished step in the place of its pending one."""
    step_id = step["metadata"].get("id")
    for index, message in enumerate(shown):
        metadata = message.get("metadata") or {}
        if step_id is not None and metadata.get("id") == step_id and metadata.get("status") == "pending":
            shown[index] = step
            return
    shown.append(step)


def _clip_label(clip: ClipRef) -> str:
    about = f" – {clip.description}" if clip.description else ""
    return f"{clip.session_id}, {clip.start_time:.1f}–{clip.stop_time:.1f} s{about}"[:160]


def _figure(answer: Answer) -> Any:  # noqa: ANN401 - a gradio update
    figures = [figure for item in answer.evidence for figure in item.figures]
    if not figures:
        return gr.update(value=None, visible=False)
    import plotly.io

    return gr.update(value=plotly.io.from_json(figures[-1].plotly_json), visible=True)


def _values(answer: Answer) -> Any:  # noqa: ANN401 - a gradio update
    if not answer.values:
        return gr.update(value=None, visible=False)
    rows = []
    for value in answer.values[:500]:
        where = {"session": value.session_id, "subject": value.subject_id, "from (s)": value.bin_start_s, **value.group}
        shown = value.value if isinstance(value.value, str) else None if value.value is None else f"{value.value:.6g}"
        rows.append(
            {"measure": value.name, **where, "statistic": value.statistic, "value": shown, "unit": value.unit, "n": value.n,
             "evidence": value.evidence_id}
        )  # fmt: skip
    frame = pl.DataFrame([{key: None if cell is None else str(cell) for key, cell in row.items()} for row in rows], infer_schema_length=None)
    kept = [name for name in frame.columns if frame[name].null_count() < frame.height]
    return gr.update(value=frame.select(kept), visible=True)


def build_page(page: Page) -> gr.Blocks:
    """Lay out the page.

    Parameters
    ----------
    page
        The experiment, its chat model and the handlers.
    """
    experiment = page.context.experiment
    with gr.Blocks(title=f"ethochat – {experiment.name}", analytics_enabled=False) as blocks:
        thread = gr.State(lambda: uuid4().hex)
        clips = gr.State([])
        gr.HTML(_heading(page), elem_id="heading")
        with gr.Row():
            with gr.Column(scale=3, min_width=420):
                chat = gr.Chatbot(
                    elem_id="chat", show_label=False, height=560, buttons=["copy"], allow_tags=False, feedback_options=None,
                    placeholder="Ask about this experiment: what the animals did, how groups differ, where a behavior can be seen.",
                )  # fmt: skip
                with gr.Row():
                    box = gr.Textbox(
                        placeholder="Ask a question …", show_label=False, container=False, scale=8, autofocus=True, elem_id="question"
                    )
                    send = gr.Button("Ask", variant="primary", scale=1, min_width=80, elem_id="send")
                    stop = gr.Button("Stop", scale=1, min_width=80, elem_id="stop")
                with gr.Column(elem_id="examples"):
                    examples = [gr.Button(text, size="sm") for text in example_questions(page.context)]
            with gr.Column(scale=2, min_width=360):
                picker = gr.Dropdown(label="Clips", choices=[], visible=False, interactive=True, elem_id="clips")
                player = gr.Video(label="Clip", visible=False, autoplay=False, elem_id="player", height=360, interactive=False)
                caption = gr.Markdown(visible=False, elem_id="caption")
                figure = gr.Plot(label="Figure", visible=False, elem_id="figure")
                values = gr.Dataframe(label="Values", visible=False, interactive=False, elem_id="values", max_height=360)
        outputs = [chat, box, clips, picker, player, caption, figure, values]
        runs = [
            trigger(page.respond, [box, chat, thread], outputs, concurrency_limit=4, api_visibility="private")
            for trigger in (box.submit, send.click)
        ]
        for button in examples:
            runs.append(
                button.click(page.respond, [button, chat, thread], outputs, concurrency_limit=4, api_visibility="private")
            )
        stop.click(None, cancels=runs, api_visibility="private")
        picker.input(page.show_clip, [picker, clips], [player, caption], api_visibility="private")
    return blocks


def _heading(page: Page) -> str:
    from html import escape

    experiment = page.context.experiment
    sessions = page.context.catalog.load("sessions")
    where = "on this computer" if page.model_name.split(":")[0] in ("builtin", "transformers") else "by an outside provider"
    facts = f"{sessions.height} sessions · answers by <b>{escape(page.model_name)}</b>, run {where} · every number is computed from the tables"
    return f"<h1>{escape(experiment.name)}</h1><p>{escape(experiment.description)}</p><p class='facts'>{facts}</p>"


def serve(
    root: Path, *, host: str = "127.0.0.1", port: int | None = None, model: str = "builtin", store: str = "edge", block: bool = True
) -> str:
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
        Vector index.
    block
        Return only when the server was stopped.

    Returns
    -------
    str
        Address of the page.
    """
    page = Page(open_context(root, store=store), model=model)
    blocks = build_page(page)
    css = files("ethochat.ui").joinpath("assets/page.css").read_text(encoding="utf-8")
    # Only cut clips are served: not the recordings, not the experiment folder.
    _, address, _ = blocks.queue(default_concurrency_limit=4).launch(
        server_name=host, server_port=port, allowed_paths=[str(page.clips_dir)], blocked_paths=[str(root / "sessions.csv")],
        css=css, ssr_mode=False, quiet=True, prevent_thread_lock=True, show_error=False, footer_links=[],
    )  # fmt: skip
    logger.info("serving %s at %s", root, address)
    if block:
        blocks.block_thread()
    return str(address)
