"""The chat page in a browser: a server process of its own, a simulated experiment with hostile names, Debian's chromium."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium", path="/usr/bin") or shutil.which("chromium")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
HOSTILE = "<img src=x onerror=window.hacked=1>"
PATIENCE_MS = 90_000
"""A busy machine takes many times as long as an idle one; nothing is waited for longer than it takes."""

SERVER = """
import sys, time
from pathlib import Path
from langchain_core.messages import AIMessage
from ethochat.agent.builtin.model import BuiltinChatModel
from ethochat.agent.run import open_context
from ethochat.ui.page import serve


class Patient(BuiltinChatModel):
    # Thinks about a question with the word slowly for as long as the gate, a file, is there.

    def _generate(self, messages, *args, **kwargs):
        while "slowly" in str(messages[-1].content) and gate.exists():
            time.sleep(0.02)
        return super()._generate(messages, *args, **kwargs)


root, gate = Path(sys.argv[1]), Path(sys.argv[2])
address, blocks = serve(root, model=Patient(context=open_context(root)), block=False)
print(address, flush=True)
sys.stdin.read()
blocks.close()
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four simulated mice, 8 s each; the experiment's name and a metadata cell are HTML."""
    from ethochat.index.catalog import Catalog
    from ethochat.index.experiment import load_experiment
    from ethochat.index.ingest import ingest_sessions
    from ethochat.index.sample import write_sample

    root = tmp_path_factory.mktemp("page") / "mice"
    write_sample(root, n_mice=4, duration_s=8.0)
    manifest = root / "experiment.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(
        text.replace('name = "Open field', f'name = "{HOSTILE} Open field', 1), encoding="utf-8"
    )
    sheet = root / "sessions.csv"
    head, *rows = sheet.read_text(encoding="utf-8").splitlines()
    notes = [HOSTILE, HOSTILE, "plain", "plain"]
    lines = [f"{head},cage", *(f"{row},{note}" for row, note in zip(rows, notes, strict=True))]
    sheet.write_text("\n".join(lines) + "\n", encoding="utf-8")
    experiment = load_experiment(root)
    report = ingest_sessions(experiment, Catalog(experiment.data_dir), lambda *_: None)
    assert not report.failed
    return root


@pytest.fixture(scope="module")
def gate(root: Path) -> Path:
    """While this file is there, a question that says "slowly" is being answered."""
    return root.parent / "gate"


@pytest.fixture
def held(gate: Path) -> Iterator[Path]:
    """Hold slow questions until the test removes the file: how long they take does not depend on the machine."""
    gate.touch()
    yield gate
    gate.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def address(root: Path, gate: Path) -> Iterator[str]:
    command = [sys.executable, "-c", SERVER, str(root), str(gate)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield server.stdout.readline().strip().rstrip("/")
        server.stdin.close()
        server.wait(PATIENCE_MS / 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs chromium in /usr/bin or on PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Tab:
    """An open page, and everything it complained about or asked of others."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)
    forgiven: tuple[str, ...] = ()
    """Parts of complaints that are expected; they may come late."""

    def listen(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", lambda said: self._console(said.type, said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._requested(request.url))
        self.page.on("response", lambda reply: self._replied(reply.status, reply.url))

    def _console(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    def unexpected(self) -> list[str]:
        return [said for said in self.complaints if not any(part in said for part in self.forgiven)]

    def _requested(self, url: str) -> None:
        if not url.startswith((f"{self.address}/", "data:", "blob:")):
            self.complaints.append(f"asked {url}")

    def _replied(self, status: int, url: str) -> None:
        if status >= 400:
            self.complaints.append(f"{status} {url}")

    def open(self, url: str) -> None:
        self.page.goto(url)
        self.page.wait_for_selector("#question textarea")
        self.page.wait_for_function("new URL(location).searchParams.has('conversation')")

    def reload(self) -> None:
        """Reload the page; Gradio's script then complains that its own request was broken off."""
        self.forgiven = ("AbortError", "Connection errored")
        self.page.reload()
        self.page.wait_for_selector("#question textarea")

    def ask(self, question: str) -> None:
        self.page.fill("#question textarea", question)
        self.page.press("#question textarea", "Enter")

    def answer(self, text: str) -> Any:
        return self.page.locator("#chat .bot.message", has_text=text).last.wait_for()

    def said(self) -> str:
        return self.page.inner_text("#chat")


@pytest.fixture
def tab(browser: Browser, address: str) -> Iterator[Tab]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    tab = Tab(page=page, address=address)
    tab.listen()
    tab.open(address)
    yield tab
    assert tab.unexpected() == []
    assert page.evaluate("window.hacked") is None
    page.close()


def test_question_is_answered_with_steps_clips_and_evidence(tab: Tab, held: Path) -> None:
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
    tab.page.locator("#clips label").nth(1).click()
    tab.page.wait_for_function("src => document.querySelector('#player video').src !== src", arg=first)
    tab.page.locator("#chat .thought-group .title", has_text="e1 · Looked up walking bouts").click()
    tab.page.locator("#chat", has_text='"tool": "find_bouts"').wait_for()


def test_example_draws_a_figure(tab: Tab) -> None:
    tab.page.locator("#chat button", has_text="Plot the trajectory of").click()
    tab.page.locator("#figure .js-plotly-plot .scatterlayer .points path").first.wait_for(state="attached")
    tab.page.locator("#values td").first.wait_for()
    assert not tab.page.is_visible("#overview")


def test_figure_and_tables_can_be_saved(tab: Tab, tmp_path: Path) -> None:
    tab.ask("Plot the distance moved by group.")
    tab.page.locator("#figure .js-plotly-plot .scatterlayer .points path").first.wait_for(state="attached")
    drawn = saved(tab, "#save-svg", tmp_path)
    assert drawn.suffix == ".svg"
    assert "<svg" in drawn.read_text(encoding="utf-8")
    pixels = saved(tab, "#save-png", tmp_path).read_bytes()
    assert pixels.startswith(b"\x89PNG")
    assert int.from_bytes(pixels[16:20], "big") == 1920  # 640 px at three pixels each
    rows = saved(tab, "#save-values", tmp_path).read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("group,measure,value,unit")
    assert len([row for row in rows if ",M0" in row]) == 4


def saved(tab: Tab, button: str, folder: Path) -> Path:
    """Click a button and keep the file that the browser is given."""
    with tab.page.expect_download() as download:
        tab.page.click(button)
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_names_out_of_tables_are_shown_as_text(tab: Tab) -> None:
    assert HOSTILE in tab.page.inner_text("#heading")
    assert HOSTILE in tab.page.inner_text("#overview")
    tab.ask(f"How many sessions are there by cage? {HOSTILE}")
    tab.answer("2 sessions")
    tab.page.locator("#values td", has_text=HOSTILE).first.wait_for()
    tab.page.locator("#chat .thought-group .title").first.click()
    assert tab.page.locator("#chat .user.message", has_text=HOSTILE).count() == 1
    assert tab.page.locator("img[src='x']").count() == 0


def test_stopped_question_leaves_the_page_ready(tab: Tab, held: Path) -> None:
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


def test_reload_in_the_middle_of_a_question_goes_on_with_it(tab: Tab, held: Path) -> None:
    tab.ask("Slowly: how many sessions are there? slowly")
    tab.page.wait_for_selector("#stop", state="visible")
    tab.reload()
    tab.page.wait_for_selector("#stop", state="visible")
    held.unlink()
    tab.answer("4 sessions")
    tab.page.wait_for_selector("#ask", state="visible")
    tab.ask("How many animals are there?")
    tab.answer("4 subjects")


def test_two_people_have_conversations_of_their_own(
    tab: Tab, browser: Browser, address: str, held: Path
) -> None:
    other = Tab(page=browser.new_page(), address=address)
    other.listen()
    other.open(address)
    tab.ask("Slowly: how many sessions are there? slowly")
    other.ask("How many animals are there?")
    other.answer("4 subjects")
    tab.page.wait_for_selector("#stop", state="visible")
    held.unlink()
    tab.answer("4 sessions")
    assert "subjects" not in tab.said()
    assert "sessions" not in other.said()
    assert other.unexpected() == []
    other.page.close()


def test_nothing_but_cut_clips_is_served(tab: Tab, address: str, root: Path) -> None:
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
        with urlopen(request, timeout=PATIENCE_MS / 1000) as reply:
            return int(reply.status)
    except HTTPError as error:
        with error:
            return error.code
