"""Layout of asking: the chat, and beside it what belongs to an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from ethochat.ui.examples import example_questions
from ethochat.ui.overview import overview_html
from ethochat.ui.saving import save_button, save_picture, save_table

if TYPE_CHECKING:
    from ethochat.ui.page import Page

AT_ONCE: Final = 8
"""Most questions answered at the same time."""
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


def build_ask(blocks: gr.Blocks, page: Page) -> None:
    """Lay out asking within the blocks that are being built, and say which handler runs when."""
    visit = gr.State(None)
    thread_id = gr.Textbox(visible=False)
    with gr.Row(elem_id="columns"):
        with gr.Column(scale=6, min_width=420, elem_id="left"):
            chat, box, ask, stop = _chat_column(page)
        with gr.Column(scale=5, min_width=380, elem_id="right"):
            beside = _results_column(page)
    _connect(blocks, page, (visit, thread_id), (chat, box, ask, stop), beside)


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
        seen = gr.HTML(visible=False, elem_id="seen", padding=False)
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
        clip=[player, caption, seen],
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
    heard = {**private, "concurrency_limit": AT_ONCE, "concurrency_id": "ask"}
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
    # Without "always_last", what is to be shown while a clip is still being cut would be dropped.
    last = {**private, "trigger_mode": "always_last"}
    for run in runs:
        run.then(page.show, [visit], beside.outputs, **last).then(
            page.show_clip, [beside.clips, visit], beside.clip, **last
        )
    beside.answers.input(page.show_answer, [beside.answers, visit], beside.outputs, **last).then(
        page.show_clip, [beside.clips, visit], beside.clip, **last
    )
    beside.clips.input(page.show_clip, [beside.clips, visit], beside.clip, **last)
    beside.figures.input(page.show_figure, [beside.figures, visit], beside.figure, **private)
    save_picture(beside.pictures)
    for button, text_of, name in zip(
        beside.tables, (page.values_csv, page.tests_csv), ("values", "tests"), strict=True
    ):
        save_table(button, text_of, visit, name)
