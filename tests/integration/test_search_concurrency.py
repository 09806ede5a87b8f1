"""Searches in one process while another ingests: none fails, none mixes two versions of a session, new ones turn up.

The server holds one open experiment, as the page does. Only the sentence model is a double, which spares both processes
the seconds that loading it takes.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest

N_CLIENTS = 20
WORDS = ("rearing", "grooming", "digging", "sniffing", "jumping", "licking", "chewing", "sitting")

DOUBLE = """
import sys
from pathlib import Path
import ethochat.index.search as searching
from ethochat.index.embedders.hashing import HashingEmbedder
searching.resolve_embedder = lambda name: HashingEmbedder()
root = Path(sys.argv[1])
"""
SERVER = (
    DOUBLE
    + """
import json, traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from ethochat.agent.run import open_context
from ethochat.tools.arguments import SearchArguments
from ethochat.tools.search import search_segments

context = open_context(root)

def by_index(text):
    search = context.open_search()
    hits = search.retrieve(text, limit=400)
    kept = ("session_id", "start_time", "stop_time", "behaviors", "source")
    return {"notice": search.check(), "hits": [{"text": hit.text, **{k: hit.payload[k] for k in kept}} for hit in hits]}

def by_tool(text):
    found = context.catalog.whole(lambda: search_segments(context, SearchArguments(query=text, limit=50)))
    return {"flags": found.flags, "hits": [clip.model_dump(mode="json") for clip in found.clips]}

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    def do_GET(self):
        address = urlsplit(self.path)
        try:
            answer = {"/index": by_index, "/tool": by_tool}[address.path](parse_qs(address.query)["q"][0])
        except Exception as exc:
            answer = {"error": "".join(traceback.format_exception(exc))}
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
    def log_message(self, *args):
        pass

class Server(ThreadingHTTPServer):
    request_queue_size = 64

server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
)
INGEST = (
    DOUBLE
    + """
from ethochat.index.ingest import ingest
def tell(step, done, total):
    if (step, done) == ("sessions", total):
        print("tables", flush=True)
        sys.stdin.readline()
report = ingest(root, progress=tell)
assert not report.failed, report.failed
print("done", report.n_indexed, flush=True)
"""
)


class Lab:
    """Sessions of bouts of one word each; a session's version changes its word and its times."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.versions: dict[str, list[int]] = {}
        root.mkdir()
        (root / "experiment.toml").write_text(
            '[experiment]\nname = "Lab"\n[defaults]\nfps = 25\n[[inputs]]\nkind = "annotations"\ncolumn = "labels"\nname = "anna"\n',
            encoding="utf-8",
        )

    def write(self, session_id: str, version: int) -> None:
        self.versions.setdefault(session_id, []).append(version)
        rows = [f"{start},{start + 2},{self.word(session_id, version)}" for start in self.starts(version)]
        (self.root / f"{session_id}.csv").write_text(
            "\n".join(["start,stop,behavior", *rows]) + "\n", encoding="utf-8"
        )
        lines = [f"{name},M{name[1:]},{name}.csv" for name in sorted(self.versions)]
        (self.root / "sessions.csv").write_text(
            "\n".join(["session_id,subject_id,labels", *lines]) + "\n", encoding="utf-8"
        )

    @staticmethod
    def starts(version: int) -> list[int]:
        return [version + 5 * n for n in range(40)]

    @staticmethod
    def word(session_id: str, version: int) -> str:
        return WORDS[(int(session_id[1:]) + 3 * version) % len(WORDS)]

    def version_of(self, hit: dict[str, Any]) -> int:
        """Which version a hit is of; it must be one as a whole: times, words and text."""
        for version in self.versions[hit["session_id"]]:
            word = self.word(hit["session_id"], version)
            text = hit.get("text", hit.get("description"))
            if (
                hit["start_time"] in self.starts(version)
                and word in text
                and hit["stop_time"] == hit["start_time"] + 2
            ):
                return version
        raise AssertionError(f"torn: {hit}, versions {self.versions[hit['session_id']]}")


@contextlib.contextmanager
def started(code: str, root: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise AssertionError(process.stderr.read() if process.stderr else "")
    return line


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


class Client:
    """Asks the server."""

    def __init__(self, port: str) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def ask(self, where: str, text: str) -> dict[str, Any]:
        with urlopen(f"{self.address}/{where}?q={quote(text)}", timeout=60) as answer:
            return json.load(answer)

    def sessions(self, text: str, where: str = "index") -> set[str]:
        answer = self.ask(where, text)
        assert "error" not in answer, answer["error"]
        return {hit["session_id"] for hit in answer["hits"]}


@pytest.fixture
def lab(tmp_path) -> Lab:
    lab = Lab(tmp_path / "lab")
    for number in range(1, 5):
        lab.write(f"s{number}", 0)
    ingest(lab)
    return lab


def ingest(lab: Lab) -> None:
    with started(INGEST, lab.root) as process:
        assert line_of(process) == "tables"
        go_on(process)
        assert line_of(process).startswith("done")


@pytest.fixture
def client(lab) -> Iterator[Client]:
    with started(SERVER, lab.root) as process:
        yield Client(line_of(process))


def checked(lab: Lab, answer: dict[str, Any]) -> dict[str, Any]:
    """An answer in which every hit is whole and no session appears in two versions."""
    assert "error" not in answer, answer["error"]
    seen: dict[str, set[int]] = {}
    for hit in answer["hits"]:
        seen.setdefault(hit["session_id"], set()).add(lab.version_of(hit))
    assert all(len(versions) == 1 for versions in seen.values()), seen
    return answer


def test_searches_between_tables_and_index_see_what_is_whole(lab, client):
    """s1 has changed and s5 is new; the index still is of what was before."""
    asked = [("index", f"{word} at once") for word in WORDS] * 3
    assert client.sessions("any behavior") == {"s1", "s2", "s3", "s4"}
    lab.write("s1", 1)
    lab.write("s5", 0)
    with started(INGEST, lab.root) as process:
        assert line_of(process) == "tables"
        with ThreadPoolExecutor(N_CLIENTS) as pool:
            answers = [checked(lab, item) for item in pool.map(lambda call: client.ask(*call), asked)]
        for answer in answers:
            assert {hit["session_id"] for hit in answer["hits"]} == {"s2", "s3", "s4"}
            assert answer["notice"] == "An ingest is running: 2 sessions are not searched until it is done."
        go_on(process)
        assert line_of(process).startswith("done")
    after = checked(lab, client.ask("index", "any behavior"))
    assert {hit["session_id"] for hit in after["hits"]} == {"s1", "s2", "s3", "s4", "s5"}
    assert {lab.version_of(hit) for hit in after["hits"] if hit["session_id"] == "s1"} == {1}
    assert after["notice"] is None


def test_an_ingest_that_dies_there_is_told_with_the_command(lab, client):
    assert client.sessions("any behavior")
    lab.write("s1", 1)
    with started(INGEST, lab.root) as process:
        assert line_of(process) == "tables"
        assert "error" not in client.ask("index", "any behavior")
    assert "run `ethochat ingest" in client.ask("index", "any behavior")["error"]
    ingest(lab)
    assert "s1" in client.sessions(lab.word("s1", 1))


def test_twenty_clients_search_while_sessions_come_and_change(lab, client):
    """Four ingests, one after the other; every answer is checked."""
    stop = threading.Event()
    counts: list[int] = []

    def search_on(number: int) -> None:
        n = 0
        while not stop.is_set():
            where = "tool" if number % 4 == 0 else "index"
            checked(lab, client.ask(where, f"{WORDS[(number + n) % len(WORDS)]} or anything"))
            n += 1
        counts.append(n)

    with ThreadPoolExecutor(N_CLIENTS) as pool:
        running = [pool.submit(search_on, number) for number in range(N_CLIENTS)]
        try:
            for step in range(1, 5):
                lab.write(f"s{step + 4}", 0)
                lab.write(f"s{step % 2 + 1}", step)
                ingest(lab)
                found = client.sessions(lab.word(f"s{step + 4}", 0))
                assert f"s{step + 4}" in found  # without a restart
            time.sleep(0.5)
        finally:
            stop.set()
        for task in running:
            task.result()
    assert len(counts) == N_CLIENTS
    assert min(counts) >= 1
    assert sum(counts) >= 2 * N_CLIENTS
    last = checked(lab, client.ask("index", "anything"))
    assert {hit["session_id"] for hit in last["hits"]} == {f"s{n}" for n in range(1, 9)}
