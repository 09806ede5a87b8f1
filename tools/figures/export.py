"""Figures as files: a page of its own, plotly's JSON, or a picture drawn by a browser in the background."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from ethochat.index.errors import BackendUnavailableError, InputError
from ethochat.tools.evidence import Figure

PICTURES: Final = (".png", ".svg", ".pdf")
FORMATS: Final = (".html", ".json", *PICTURES)
WIDTH: Final = 640
"""Width of a picture, px; 17 cm in print at letters of about 8 pt."""
_SCALE: Final = 3
"""Pixels of a PNG per px: about 290 per inch at 17 cm."""
_SCRIPT: Final = "plotly.min.js"
_BROWSERS: Final = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge",
)  # fmt: skip
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<script{source}>{script}</script>
</head>
<body style="margin: 0; background: white">
<div id="figure" class="plotly-graph-div" style="max-width: 900px"></div>
<script>
const figure = {figure};
Plotly.newPlot("figure", figure.data, figure.layout, figure.config);
</script>
</body>
</html>
"""


def write_figure(figure: Figure, path: Path) -> Path:
    """Write a figure in the format that the file's name ends in.

    Parameters
    ----------
    path
        Ends in ``.html`` (a page that needs no other file and no network), ``.json``, ``.png``, ``.svg`` or ``.pdf``.

    Raises
    ------
    InputError
        For another ending.
    BackendUnavailableError
        When a picture is wanted and there is no browser to draw it.
    """
    write_figures([(figure, path)])
    return path


def write_figures(wanted: Sequence[tuple[Figure, Path]]) -> list[Path]:
    """Write several figures; a browser, which takes seconds to start, is started once. See :func:`write_figure`."""
    for _, path in wanted:
        if path.suffix.lower() not in FORMATS:
            raise InputError(
                f"Expected a figure file that ends in {', '.join(FORMATS)}, got {path.name!r}.",
                path=path.parent,
            )
    pictures = [(figure, path) for figure, path in wanted if path.suffix.lower() in PICTURES]
    for figure, path in wanted:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".json":
            path.write_text(figure.plotly_json, encoding="utf-8")
        elif path.suffix.lower() == ".html":
            path.write_text(_page(figure, _script().read_text(encoding="utf-8")), encoding="utf-8")
    if pictures:
        _draw(pictures)
    return [path for _, path in wanted]


def write_linked_page(figure: Figure, path: Path) -> Path:
    """Write a page that takes plotly's script from a file beside it, which is put there once: a hundredth of the size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    script = path.parent / _SCRIPT
    if not script.exists():
        shutil.copyfile(_script(), script)
    path.write_text(_page(figure, None), encoding="utf-8")
    return path


def config(name: str) -> dict[str, Any]:
    """Settings of a figure that is looked at: what its buttons do, and that it follows the window's width."""
    return {
        "displaylogo": False,
        "responsive": True,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d"],
        "toImageButtonOptions": {"format": "svg", "filename": file_stem(name)},
    }


def file_stem(title: str) -> str:
    """Name of a file for a figure of this title: letters and digits of any script, the rest dashes."""
    kept = "".join(sign if sign.isalnum() or sign in "._" else "-" for sign in title.lower())
    return "-".join(part for part in kept.split("-") if part.strip("."))[:80].strip(".") or "figure"


def _page(figure: Figure, script: str | None) -> str:
    drawn = json.loads(figure.plotly_json) | {"config": config(figure.title)}
    # Inside a script element "</script>" and "<!--" would end or confuse it, wherever they stand.
    content = json.dumps(drawn, ensure_ascii=True, allow_nan=False).replace("<", "\\u003c")
    source = f' src="{_SCRIPT}" charset="utf-8"' if script is None else ""
    return _PAGE.format(title=escape(figure.title), source=source, script=script or "", figure=content)


def _script() -> Path:
    """Plotly's script in the installed package, found without importing it."""
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise BackendUnavailableError("Expected the package plotly, found none; run: pip install plotly")
    return Path(spec.origin).parent / "package_data" / _SCRIPT


# ----------------------------------------------------------------- pictures
def _draw(wanted: Sequence[tuple[Figure, Path]]) -> None:
    """Draw pictures with kaleido, which leads a browser."""
    import kaleido
    from choreographer.errors import (
        BrowserClosedError,
        BrowserFailedError,
        ChannelClosedError,
        ChromeNotFoundError,
    )

    # Plotly's letters need no MathJax, which would be fetched from the network.
    options: dict[str, Any] = {"mathjax": False, "timeout": 60}
    found = _browser()
    if found is not None:
        options["path"] = found
    try:
        kaleido.write_fig_from_object_sync(
            [_order(figure, path) for figure, path in wanted], kopts=options, cancel_on_error=True
        )
    except ChromeNotFoundError as exc:
        raise BackendUnavailableError(
            f"Expected Chromium or Chrome to draw {wanted[0][1].name!r}, found neither; install one (on Debian: apt install "
            "chromium), or name its file in BROWSER_PATH, or write .html, which needs none."
        ) from exc
    except (BrowserClosedError, BrowserFailedError, ChannelClosedError, TimeoutError) as exc:
        raise BackendUnavailableError(
            f"Expected the browser {found or 'that kaleido found'} to draw {wanted[0][1].name!r}, but it ended or did not answer "
            f"({type(exc).__name__}); check that it starts, or write .html, which needs none."
        ) from exc


def _order(figure: Figure, path: Path) -> dict[str, Any]:
    drawn = json.loads(figure.plotly_json)
    kind = path.suffix.lower().removeprefix(".")
    scale = _SCALE if kind == "png" else 1
    size = {"width": drawn["layout"].get("width", WIDTH), "height": drawn["layout"].get("height", 480)}
    return {"fig": drawn, "path": path, "opts": {"format": kind, "scale": scale, **size}}


def _browser() -> str | None:
    """Find a browser; without one kaleido looks in places of its own."""
    if named := os.environ.get("BROWSER_PATH"):
        return named
    return next((found for name in _BROWSERS if (found := shutil.which(name))), None)
