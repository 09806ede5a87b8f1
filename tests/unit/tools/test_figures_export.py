"""Figures as files."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from ethochat.index.errors import BackendUnavailableError, InputError
from ethochat.tools.evidence import Figure
from ethochat.tools.figures import write_figure, write_figures
from ethochat.tools.figures.export import file_stem, write_linked_page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
HOSTILE = "</script><script>window.hacked=1</script>"


@pytest.fixture
def figure() -> Figure:
    layout = {"height": 300, "title": {"text": f"a & b {HOSTILE}"}}
    drawn = {"data": [{"type": "bar", "x": [1, 2], "y": [3, 4]}], "layout": layout}
    return Figure(title=f"distance {HOSTILE}", plotly_json=json.dumps(drawn))


def test_json_is_plotlys_own(figure, tmp_path):
    path = write_figure(figure, tmp_path / "new" / "a.json")
    assert path.read_text(encoding="utf-8") == figure.plotly_json


def test_page_needs_no_other_file(figure, tmp_path):
    text = write_figure(figure, tmp_path / "a.html").read_text(encoding="utf-8")
    assert not re.findall(r"<script[^>]*\ssrc=", text)
    assert "Plotly.newPlot(" in text
    assert len(text) > 1_000_000


def test_linked_page_shares_its_script(figure, tmp_path):
    for name in ("a.html", "b.html"):
        path = write_linked_page(figure, tmp_path / name)
        assert '<script src="plotly.min.js"' in path.read_text(encoding="utf-8")
        assert path.stat().st_size < 10_000
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.html", "b.html", "plotly.min.js"]


def test_names_cannot_end_the_script(figure, tmp_path):
    text = write_linked_page(figure, tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<script>window.hacked" not in text
    (content,) = re.findall(r"const figure = (.*);\n", text)
    assert json.loads(content)["layout"]["title"]["text"] == f"a & b {HOSTILE}"
    assert json.loads(content)["config"]["toImageButtonOptions"]["format"] == "svg"


@pytest.mark.parametrize("name", ["a.bmp", "a"])
def test_other_formats_are_refused(figure, tmp_path, name):
    with pytest.raises(
        InputError, match=r"Expected a figure file that ends in \.html, \.json, \.png, \.svg, \.pdf, got 'a"
    ):
        write_figure(figure, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("title", "stem"),
    [("Distance by group", "distance-by-group"), ("../../etc/passwd", "etc-passwd"), ("größe (µm)", "größe-µm"), ("...", "figure"), ("", "figure")],
)  # fmt: skip
def test_file_names_come_from_titles(title, stem):
    assert file_stem(title) == stem


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on PATH")
def test_pictures_are_drawn_at_their_size(figure, tmp_path):
    wanted = [(figure, tmp_path / f"a.{kind}") for kind in ("png", "svg", "pdf", "html")]
    png, svg, pdf, html = (path.read_bytes() for path in write_figures(wanted))
    assert png.startswith(b"\x89PNG")
    assert [int.from_bytes(png[start : start + 4], "big") for start in (16, 20)] == [1920, 900]
    assert b"<svg" in svg
    assert b'width="640"' in svg
    assert pdf.startswith(b"%PDF")
    assert b"Plotly.newPlot(" in html


@pytest.mark.parametrize(
    ("browser", "said"),
    [("/nowhere/chromium", "Expected Chromium or Chrome to draw 'a.png', found neither; install one"), ("/bin/false", "check that it starts")],
)  # fmt: skip
def test_missing_or_broken_browser_is_said_with_a_remedy(figure, tmp_path, monkeypatch, browser, said):
    monkeypatch.setenv("BROWSER_PATH", browser)
    with pytest.raises(BackendUnavailableError, match=said) as caught:
        write_figure(figure, tmp_path / "a.png")
    assert "or write .html, which needs none" in str(caught.value)
    assert not list(tmp_path.iterdir())
