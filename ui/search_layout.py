"""Layout of the search: a text, what narrows it, what was understood, and hits as cards."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Any, Final

import gradio as gr

from ethochat.index.vlm import HOW_TO
from ethochat.ui.search_cards import CARDS_JS, hint_html
from ethochat.ui.search_filters import Filter
from ethochat.ui.search_saving import SAVE_JS, Saving, kinds
from ethochat.ui.search_tab import Finding, SearchTab

_PRIVATE: Final[dict[str, Any]] = {"api_visibility": "private", "show_progress": "hidden"}
_AT_ONCE: Final = 8


def build_search(tab: SearchTab, saving: Saving) -> None:
    """Lay out the search within the blocks that are being built, and say which handler runs when.

    Parameters
    ----------
    tab, saving
        The handlers.
    """
    finding = gr.State(Finding())
    with gr.Column(elem_id="search"):
        with gr.Row(elem_id="searching"):
            box = gr.Textbox(
                placeholder="Describe a moment, e.g. “running in the center, only females, first 3 min”",
                show_label=False,
                container=False,
                scale=8,
                max_lines=3,
                elem_id="query",
            )
            go = gr.Button("Search", variant="primary", scale=0, min_width=100, elem_id="go")
            stop = gr.Button(
                "Stop", variant="stop", scale=0, min_width=100, visible=False, elem_id="stop-search"
            )
        with gr.Accordion("Narrow it", open=False, elem_id="narrow"):
            made, apply, clear = _narrowing(tab)
        check = _checking(tab, made)
        widgets = [made[place] for place in range(len(tab.filters))]
        understood = gr.CheckboxGroup(
            choices=[],
            show_label=False,
            container=False,
            visible=False,
            interactive=True,
            elem_id="understood",
        )
        with gr.Row(elem_id="hit-bar"):
            found = gr.HTML("", visible=False, elem_id="found", padding=False)
            with gr.Column(visible=False, scale=0, min_width=420, elem_id="saving-hits") as bar:
                scope, buttons, saved, file = _saving()
        elsewhere = gr.Checkbox(
            label="Leave out the sessions of the moments to be like",
            visible=False,
            container=False,
            elem_id="elsewhere",
        )
        cards = gr.HTML(
            tab.start_html(), elem_id="hits", padding=False, apply_default_css=False, js_on_load=CARDS_JS
        )
        more = gr.Button("Show more", visible=False, size="sm", elem_id="more-hits")
    outputs = [understood, found, cards, more, bar, elsewhere, go, stop]
    heard = {**_PRIVATE, "concurrency_limit": _AT_ONCE, "concurrency_id": "search"}
    gr.on(
        [box.submit, go.click, apply.click],
        tab.search,
        [finding, box, *widgets],
        outputs,
        trigger_mode="multiple",
        **heard,
    )
    # Widgets are set as a button is pressed and not when the search ends: a model may look for minutes.
    cards.select(tab.tried, None, box, trigger_mode="multiple", **_PRIVATE)
    acted = cards.select(tab.act, [finding], outputs, trigger_mode="multiple", **heard)
    if check is not None:
        acted.then(tab.checking, [finding], check, **_PRIVATE)
        check.input(tab.check, [finding, check], outputs, trigger_mode="multiple", **heard)
    understood.input(tab.take_back, [finding, understood], widgets, trigger_mode="multiple", **_PRIVATE).then(
        tab.again, [finding], outputs, trigger_mode="multiple", **heard
    )
    elsewhere.input(tab.elsewhere, [finding, elsewhere], outputs, trigger_mode="multiple", **heard)
    more.click(tab.more, [finding], outputs, **heard)
    stop.click(tab.stop, [finding], outputs, queue=False, **_PRIVATE)
    clear.click(tab.clear, [finding], widgets, **_PRIVATE)
    for kind, button in buttons.items():
        button.click(
            partial(saving.save, kind),
            [finding, scope],
            [file, saved],
            concurrency_limit=2,
            concurrency_id="save",
            **_PRIVATE,
        ).then(None, [file], None, js=SAVE_JS, **_PRIVATE)


def _narrowing(tab: SearchTab) -> tuple[dict[int, Any], Any, Any]:
    """Lay out the filters, by their places: choices first, then numbers."""
    made: dict[int, Any] = {}
    for row, kinds_of in (("choices", ("column", "names")), ("numbers", ("number",))):
        with gr.Row(elem_classes=["filters", row]):
            for place, item in enumerate(tab.filters):
                if item.kind in kinds_of:
                    made[place] = _widget(item)
    with gr.Row(elem_classes="applying"):
        apply = gr.Button("Search with these", size="sm", scale=0, min_width=140, elem_id="apply")
        clear = gr.Button("Clear", size="sm", scale=0, min_width=90, elem_id="clear")
    return made, apply, clear


def _checking(tab: SearchTab, made: dict[int, Any]) -> Any:  # noqa: ANN401 - a component
    """Lay out how many hits the model checks, or say how to configure one."""
    for place, item in enumerate(tab.filters):
        if item.kind == "check":
            with gr.Row(elem_id="checking"):
                gr.HTML(f"{escape(item.label)}", elem_id="check-label", padding=False)
                made[place] = gr.Radio(
                    list(item.choices),
                    value=0,
                    label=item.label,
                    show_label=False,
                    container=False,
                    elem_id="check",
                )
            return made[place]
    gr.HTML(hint_html(HOW_TO), elem_id="check-hint", padding=False)
    return None


def _widget(item: Filter) -> Any:  # noqa: ANN401 - a component
    name = f"by-{item.kind}-{item.name}"
    if item.kind == "number":  # Gradio's own field for numbers shows 0 where nothing is set
        return gr.Textbox(
            label=item.label, placeholder="any", max_lines=1, min_width=150, elem_classes=[name]
        )
    return gr.Dropdown(
        label=item.label,
        choices=list(item.choices),
        value=[],
        multiselect=True,
        min_width=220,
        elem_classes=[name],
    )


def _saving() -> tuple[Any, dict[str, Any], Any, Any]:
    """Lay out what saves the hits."""
    with gr.Row(elem_classes="saving"):
        scope = gr.Radio(
            [("Save those shown", "shown"), ("all", "all")],
            value="shown",
            show_label=False,
            container=False,
            elem_id="scope",
        )
        buttons = {
            kind: gr.Button(label, size="sm", scale=0, min_width=60, elem_id=f"save-{kind}")
            for kind, label, _ in kinds()
        }
    saved = gr.HTML("", elem_id="saved", padding=False)
    file = gr.Textbox(visible=False)
    return scope, buttons, saved, file
