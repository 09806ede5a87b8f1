"""Serve an experiment, ask two questions as a visitor would, and keep a picture of the page.

``python benchmarks/screenshot.py [EXPERIMENT] [PICTURE]`` prints the path of the picture.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

QUESTIONS = ("Compare the distance moved between the groups.", "Show me the longest grooming bouts.")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SERVER = """
import sys
from pathlib import Path
from ethochat.ui.page import serve
address, blocks = serve(Path(sys.argv[1]), block=False)
print(address, flush=True)
sys.stdin.read()
blocks.close()
"""


def main(experiment: str = "build/demo", picture: str = "docs/page.png") -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Expected a chromium on PATH, found none; install it, e.g. `apt install chromium`.")
    command = [sys.executable, "-c", SERVER, experiment]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(address)
            for place, question in enumerate(QUESTIONS, start=1):
                ask(page, question, place)
            take(page, Path(picture))
            browser.close()
        server.stdin.close()
    print(picture)


def ask(page: Page, question: str, place: int) -> None:
    """Ask and wait for the answer's evidence mark."""
    page.fill("#question textarea", question)
    page.press("#question textarea", "Enter")
    page.locator("#chat .bot.message", has_text="[e1]").nth(place - 1).wait_for()
    page.wait_for_selector("#ask", state="visible")


def take(page: Page, picture: Path) -> None:
    """Wait until the clip shows its marked interval, and take the picture."""
    page.wait_for_function("document.querySelector('#player video')?.readyState >= 3")
    page.evaluate(
        """() => new Promise(done => {
            const video = document.querySelector('#player video');
            video.pause(); video.onseeked = done; video.currentTime = Math.min(2.5, video.duration / 2);
        })"""
    )
    page.mouse.move(0, 0)
    page.wait_for_timeout(800)  # until the player's controls have faded
    picture.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
