"""Buttons that save what the page shows. The browser makes the files: none is written on the server, and none is served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import gradio as gr

from ethochat.tools.figures.export import WIDTH

_PRIVATE: Final[dict[str, Any]] = {"api_visibility": "private", "show_progress": "hidden"}
_SAVE_PICTURE: Final = """() => {
  const plot = document.querySelector("#figure .js-plotly-plot");
  if (!plot || !window.Plotly) return;
  const name = plot._context.toImageButtonOptions.filename || "figure";
  const size = { width: WIDTH, height: plot.layout.height || 480, scale: "KIND" === "png" ? 3 : 1 };
  window.Plotly.downloadImage(plot, { format: "KIND", filename: name, ...size });
}"""
"""Saves the figure shown as wide as a printed page, whatever the window; a PNG has about 290 pixels per inch there."""
_SAVE_TABLE: Final = """(text) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = "NAME.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}"""


def save_button(label: str, elem_id: str) -> gr.Button:
    """Make a small button."""
    return gr.Button(label, size="sm", scale=0, min_width=110, elem_id=elem_id)


def save_picture(buttons: tuple[gr.Button, gr.Button]) -> None:
    """Let the buttons save the figure shown, as SVG and as PNG."""
    for button, kind in zip(buttons, ("svg", "png"), strict=True):
        button.click(
            None, None, None, js=_SAVE_PICTURE.replace("KIND", kind).replace("WIDTH", str(WIDTH)), **_PRIVATE
        )


def save_table(button: gr.Button, text_of: Callable[..., str], given: Any, name: str) -> None:  # noqa: ANN401 - any component
    """Let a button save a table.

    Parameters
    ----------
    text_of
        Makes the CSV of what ``given`` holds.
    name
        Of the file, without its ending.
    """
    text = gr.Textbox(visible=False)
    button.click(text_of, [given], [text], **_PRIVATE).then(
        None, [text], None, js=_SAVE_TABLE.replace("NAME", name), **_PRIVATE
    )
