"""The chat page in a browser: questions, answers and what belongs to them, and what is served."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=window.hacked=1>"
PATIENCE_S = 90


def test_question_is_answered_with_steps_clips_and_evidence(tab: Any, held: Path) -> None:
    tab.ask("Please show me, slowly, the longest walking bouts of the simulator.")
    tab.page.wait_for_selector("#stop", state="visible")
    held.unlink()
    tab.answer("clips [e1]")
    tab.page.wait_for_selector("#ask", state="visible")
    video = tab.page.wait_for_selector("#player video", state="attached")
    assert video is not None
    tab.page.wait_for_function("document.querySelector('#player video').readyState >= 2")
    duration = video.evaluate("video => video.duration")
    assert duration > 1
    assert video.evaluate("video => video.seekable.end(0)") == pytest.approx(duration, abs=0.1)
    landed = video.evaluate(
        """video => new Promise(done => {
            video.pause(); video.onseeked = () => done(video.currentTime); video.currentTime = video.duration / 2;
        })"""
    )
    assert landed == pytest.approx(duration / 2, abs=0.1)
    first = video.evaluate("video => video.src")
    tab.page.locator("#clips label", has_not_text="S04").nth(1).click()  # S04 has no video
    tab.page.wait_for_function("src => document.querySelector('#player video').src !== src", arg=first)
    tab.page.locator("#chat .thought-group .title", has_text="e1 · Looked up walking bouts").click()
    tab.page.locator("#chat", has_text='"tool": "find_bouts"').wait_for()


def test_example_draws_a_figure(tab: Any) -> None:
    tab.page.locator("#chat button", has_text="Plot the trajectory of").click()
    tab.page.locator("#figure .js-plotly-plot .scatterlayer .points path").first.wait_for(state="attached")
    tab.page.locator("#values td").first.wait_for()
    assert not tab.page.is_visible("#overview")


def test_figure_and_tables_can_be_saved(tab: Any, tmp_path: Path) -> None:
    tab.ask("Plot the distance moved by group.")
    tab.page.locator("#figure .js-plotly-plot .scatterlayer .points path").first.wait_for(state="attached")
    drawn = tab.saved("#save-svg", tmp_path)
    assert drawn.suffix == ".svg"
    assert "<svg" in drawn.read_text(encoding="utf-8")
    pixels = tab.saved("#save-png", tmp_path).read_bytes()
    assert pixels.startswith(b"\x89PNG")
    assert int.from_bytes(pixels[16:20], "big") == 1920  # 640 px at three pixels each
    rows = tab.saved("#save-values", tmp_path).read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("group,measure,value,unit")
    assert len([row for row in rows if ",M0" in row]) == 4


def test_names_out_of_tables_are_shown_as_text(tab: Any) -> None:
    assert HOSTILE in tab.page.inner_text("#heading")
    assert HOSTILE in tab.page.inner_text("#overview")
    tab.ask(f"How many sessions are there by cage? {HOSTILE}")
    tab.answer("2 sessions")
    tab.page.locator("#values td", has_text=HOSTILE).first.wait_for()
    tab.page.locator("#chat .thought-group .title").first.click()
    assert tab.page.locator("#chat .user.message", has_text=HOSTILE).count() == 1
    assert tab.page.locator("img[src='x']").count() == 0


def test_stopped_question_leaves_the_page_ready(tab: Any, held: Path) -> None:
    tab.ask("Slowly: summarize this experiment. slowly")
    tab.page.click("#stop")
    tab.answer("Stopped.")
    held.unlink()
    tab.ask("How many sessions are there?")
    tab.answer("4 sessions")
    tab.reload()
    tab.answer("4 sessions")
    tab.ask("How many animals are there?")
    tab.answer("4 subjects")


def test_reload_in_the_middle_of_a_question_goes_on_with_it(tab: Any, held: Path) -> None:
    tab.ask("Slowly: how many sessions are there? slowly")
    tab.page.wait_for_selector("#stop", state="visible")
    tab.reload()
    tab.page.wait_for_selector("#stop", state="visible")
    held.unlink()
    tab.answer("4 sessions")
    tab.page.wait_for_selector("#ask", state="visible")
    tab.ask("How many animals are there?")
    tab.answer("4 subjects")


def test_two_people_have_conversations_of_their_own(tab: Any, other: Any, held: Path) -> None:
    tab.ask("Slowly: how many sessions are there? slowly")
    other.ask("How many animals are there?")
    other.answer("4 subjects")
    tab.page.wait_for_selector("#stop", state="visible")
    held.unlink()
    tab.answer("4 sessions")
    assert "subjects" not in tab.said()
    assert "sessions" not in other.said()


def test_nothing_but_cut_clips_is_served(tab: Any, address: str, root: Path) -> None:
    clips = root / ".ethochat" / "cache" / "clips"
    tab.ask("Show me the longest walking bouts of the simulator.")
    tab.page.wait_for_selector("#player video", state="attached")
    clip = next(clips.glob("*.mp4"))
    assert fetch(address, str(clip)) == 200
    for path in (
        root / "sessions.csv",
        root / "experiment.toml",
        root / "videos" / "S01.mp4",
        root / ".ethochat" / "state.json",
        root / ".ethochat" / "conversations.sqlite",
        clips / ".." / ".." / "state.json",
        clips / ".." / ".." / ".." / "sessions.csv",
        Path("/etc/passwd"),
        Path("pyproject.toml"),
    ):
        assert fetch(address, str(path)) in (403, 404), path


def test_nothing_can_be_uploaded(address: str) -> None:
    boundary = "b0undary"
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="a.html"\r\n\r\n<b>x</b>\r\n--{boundary}--\r\n'
    request = Request(
        f"{address}/gradio_api/upload",
        data=part.encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    assert status_of(request) >= 400


def fetch(address: str, path: str) -> int:
    return status_of(Request(f"{address}/gradio_api/file={quote(path)}"))


def status_of(request: Request) -> int:
    from urllib.error import HTTPError

    try:
        with urlopen(request, timeout=PATIENCE_S) as reply:
            return int(reply.status)
    except HTTPError as error:
        with error:
            return error.code


def test_what_the_model_says_of_clips_is_text(tab: Any) -> None:
    tab.ask("Show me walking in S01")
    tab.answer("2 clips [e1]")
    tab.ask("Watch all of them: is the tail raised?")
    tab.answer("of 2 clips")
    tab.page.wait_for_selector("#ask", state="visible")
    tab.page.locator("#chat .thought-group .title", has_text="Watched 2 clips").click()
    tab.page.locator("#chat", has_text='"tool": "watch_clips"').wait_for()
    tab.page.locator("#seen q", has_text="click (link)").wait_for()
    assert tab.page.locator("#clips label", has_text="click (link)").count() == 2
    nothing_active(tab)


def test_question_that_costs_much_waits_for_a_click_and_survives_a_reload(tab: Any) -> None:
    tab.ask("Show me walking in S01, S02 and S03")
    tab.answer("7 clips [e1]")
    tab.ask("Watch all of them: is it on its hind legs?")
    tab.answer("scripted would be shown 7 clips")
    tab.page.wait_for_selector("#ask", state="visible")
    tab.reload()
    tab.answer("scripted would be shown 7 clips")
    tab.page.locator("#chat .option", has_text="yes").last.click()
    tab.answer("of 7 clips")
    tab.page.locator("#chat .thought-group .title", has_text="Watched 7 clips").wait_for()
    nothing_active(tab)


def test_addresses_in_a_question_are_no_links(tab: Any) -> None:
    tab.ask("How many sessions? https://evil.example/x www.evil.example a@evil.example")
    tab.answer("4 sessions")
    assert "https://evil.example/x" in tab.said()
    nothing_active(tab)


def test_heading_says_which_model_looks_at_clips(tab: Any) -> None:
    assert "Clips looked at by scripted" in tab.page.inner_text("#heading")


def nothing_active(tab: Any) -> None:
    """See that what others wrote made no image, no script and no link."""
    assert (
        tab.page.locator("#chat img[src='x'], #right img[src='x'], #chat script, #right script").count() == 0
    )
    links = tab.page.locator("#chat a, #right a").evaluate_all("all => all.map(one => one.href)")
    assert all(link.startswith(tab.address) for link in links)
    assert tab.page.evaluate("window.hacked") is None
