"""The page in a browser: a server process of its own, a simulated experiment with hostile names, Debian's chromium."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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
from itertools import cycle
from pathlib import Path
from langchain_core.messages import AIMessage
from ethochat.agent.builtin.model import BuiltinChatModel
from ethochat.agent.run import open_context
from ethochat.index.vlm.scripted import ScriptedVlm
from ethochat.ui import search_tab
from ethochat.ui.page import serve


class Patient(BuiltinChatModel):
    # Thinks about a question with the word slowly for as long as the gate, a file, is there; so does the search.

    def _generate(self, messages, *args, **kwargs):
        while "slowly" in str(messages[-1].content) and gate.exists():
            time.sleep(0.02)
        return super()._generate(messages, *args, **kwargs)


def find(context, call):
    while "slowly" in call.get("query", "") and gate.exists():
        time.sleep(0.02)
    return run_search(context, call)


def look(request):
    # One clip after the other: yes, no, neither; in words that would do harm if they were more than text.
    while "patiently" in request.prompt and gate.exists():
        time.sleep(0.02)
    return f"{next(words)}, {hostile} [click](javascript:window.hacked=1) https://evil.example/x **now** <script>hacked=1</script>"


root, gate, hostile = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
words = cycle(["yes", "no", "perhaps"])
run_search, search_tab.run_search = search_tab.run_search, find
vlm = ScriptedVlm(answer=look)
address, blocks = serve(root, model=Patient(context=open_context(root)), vlm=vlm, block=False)
print(address, flush=True)
sys.stdin.read()
blocks.close()
"""


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four simulated mice, 8 s each, S04 without video; the experiment's name and a metadata cell are HTML.

    The model may be shown six clips unasked.
    """
    from ethochat.index.ingest import ingest
    from ethochat.index.sample import write_sample

    root = tmp_path_factory.mktemp("page") / "mice"
    write_sample(root, n_mice=4, duration_s=8.0)
    manifest = root / "experiment.toml"
    text = manifest.read_text(encoding="utf-8")
    text = text.replace('name = "Open field', f'name = "{HOSTILE} Open field', 1)
    text = text.replace('column = "video"\nrequired = true', 'column = "video"', 1)
    manifest.write_text(f"{text}\n[vlm]\nask_above = 6\n", encoding="utf-8")
    sheet = root / "sessions.csv"
    head, *rows = sheet.read_text(encoding="utf-8").replace("videos/S04.mp4", "").splitlines()
    notes = [HOSTILE, HOSTILE, "plain", "plain"]
    lines = [f"{head},cage", *(f"{row},{note}" for row, note in zip(rows, notes, strict=True))]
    sheet.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert not ingest(root).failed
    return root


@pytest.fixture(scope="session")
def gate(root: Path) -> Path:
    """While this file is there, a question that says "slowly" is being answered."""
    return root.parent / "gate"


@pytest.fixture
def held(gate: Path) -> Iterator[Path]:
    """Hold slow questions until the test removes the file: how long they take does not depend on the machine."""
    gate.touch()
    yield gate
    gate.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def address(root: Path, gate: Path) -> Iterator[str]:
    command = [sys.executable, "-c", SERVER, str(root), str(gate), HOSTILE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield server.stdout.readline().strip().rstrip("/")
        server.stdin.close()
        server.wait(PATIENCE_MS / 1000)


@pytest.fixture(
    scope="module"
)  # its event loop would be in the way of whoever comes after the last browser test
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

    def to_search(self) -> None:
        self.page.get_by_role("tab", name="Search").click()
        self.page.wait_for_selector("#query textarea", state="visible")

    def search(self, text: str) -> None:
        self.page.fill("#query textarea", text)
        self.page.press("#query textarea", "Enter")

    def found(self, said: str) -> None:
        """Wait until the search has ended and says this of what it found."""
        self.page.locator("#found", has_text=said).wait_for()
        self.page.wait_for_selector("#go", state="visible")

    def cards(self) -> Any:
        return self.page.locator("#hits .hit")

    def understood(self, *parts: str) -> None:
        """Wait until this is what was understood."""
        said = (
            "() => [...document.querySelectorAll('#understood label')].map(label => label.innerText.trim())"
        )
        self.page.wait_for_function(
            f"parts => JSON.stringify(({said})()) === JSON.stringify(parts)", arg=list(parts)
        )
        self.page.wait_for_selector("#go", state="visible")

    def saved(self, button: str, folder: Path) -> Path:
        """Click a button and keep the file that the browser is given."""
        with self.page.expect_download() as download:
            self.page.click(button)
        path = folder / str(download.value.suggested_filename)
        download.value.save_as(path)
        return path


def opened(browser: Browser, address: str) -> Iterator[Tab]:
    """Open the page, and see in the end that nothing went wrong on it."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    tab = Tab(page=page, address=address)
    tab.listen()
    tab.open(address)
    yield tab
    assert tab.unexpected() == []
    assert page.evaluate("window.hacked") is None
    page.close()


@pytest.fixture
def tab(browser: Browser, address: str) -> Iterator[Tab]:
    yield from opened(browser, address)


@pytest.fixture
def other(browser: Browser, address: str) -> Iterator[Tab]:
    """The page as somebody else sees it."""
    yield from opened(browser, address)
