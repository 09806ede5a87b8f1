"""Readers and writers in processes of their own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ethochat.index.errors import CatalogLockedError, StaleIndexError
from ethochat.index.store import open_store
from ethochat.index.store.base import SegmentPoint
from ethochat.index.store.generations import Generations, copy_folder

PRELUDE = """
import sys
from pathlib import Path
import numpy as np
from ethochat.index.store import open_store
from ethochat.index.store.base import SegmentPoint
def opened(**options):
    return open_store(sys.argv[1], path=Path(sys.argv[2]), dimension=8, embedder_name="test@1", **options)
def points(first, n):
    rng = np.random.default_rng(first)
    vectors = rng.standard_normal((n, 8), dtype=np.float32)
    return [SegmentPoint(segment_id=f"s{first + i}", vector=row, text="t") for i, row in enumerate(vectors)]
def say(word):
    print(word, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(params=["edge", "local"])
def spec(request) -> str:
    return request.param


@pytest.fixture
def start(spec, tmp_path):
    """Start code in a process of its own that stops at each ``say`` until it is sent a line."""
    started: list[subprocess.Popen] = []

    def run(code: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + code, spec, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen) -> str:
    line = process.stdout.readline().strip()
    if not line:
        raise AssertionError(process.stderr.read())
    return line


def go_on(process: subprocess.Popen) -> None:
    process.stdin.write("\n")
    process.stdin.flush()


def points(first: int, n: int) -> list[SegmentPoint]:
    return [
        SegmentPoint(segment_id=f"s{i}", vector=np.ones(8, dtype=np.float32), text=f"text {i}")
        for i in range(first, first + n)
    ]


def open_it(spec: str, path: Path, **options):
    return open_store(spec, path=path, dimension=8, embedder_name="test@1", **options)


@pytest.fixture
def open_here():
    """Opens stores and closes what a test left open."""
    opened = []

    def open_one(*arguments, **options):
        opened.append(open_it(*arguments, **options))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


def filled(spec: str, path: Path, n: int = 10) -> None:
    store = open_it(spec, path)
    store.upsert(points(0, n))
    store.close()


def test_page_and_terminal_search_while_an_ingest_writes(spec, tmp_path, start, open_here):
    """Readers in two processes see the old index until the writer is done, and the new one from then on."""
    filled(spec, tmp_path)
    page = open_here(spec, tmp_path, read_only=True)
    assert page.count() == 10
    terminal = start(
        "store = opened(read_only=True)\nsay(store.count())\nsay(store.count())\nsay(store.count())"
    )
    assert said(terminal) == "10"
    ingest = start(
        "store = opened()\nstore.upsert(points(10, 5))\nsay('written')\nstore.close()\nsay('closed')"
    )
    assert said(ingest) == "written"
    assert page.count() == 10
    go_on(terminal)
    assert said(terminal) == "10"
    go_on(ingest)
    assert said(ingest) == "closed"
    assert page.count() == 15
    assert len(page.search(np.ones(8, dtype=np.float32), limit=20)) == 15
    go_on(terminal)
    assert said(terminal) == "15"


def test_a_second_writer_is_told_that_another_process_writes(spec, tmp_path, start, open_here):
    filled(spec, tmp_path)
    ingest = start("store = opened()\nsay('open')\nstore.close()\nsay('closed')")
    assert said(ingest) == "open"
    with pytest.raises(CatalogLockedError, match="another process writing the vector index"):
        open_here(spec, tmp_path)
    assert open_here(spec, tmp_path, read_only=True).count() == 10
    go_on(ingest)
    assert said(ingest) == "closed"
    open_here(spec, tmp_path).close()


def test_killed_writer_leaves_the_published_index_and_the_next_one_completes_it(
    spec, tmp_path, start, open_here
):
    filled(spec, tmp_path)
    ingest = start(
        "store = opened()\nstore.upsert(points(10, 300))\nsay('some')\n"
        "while True: store.upsert(points(400, 300))"
    )
    assert said(ingest) == "some"
    go_on(ingest)
    os.kill(ingest.pid, signal.SIGKILL)
    ingest.wait()
    reader = open_here(spec, tmp_path, read_only=True)
    assert reader.segment_ids() == {f"s{i}" for i in range(10)}
    store = open_here(spec, tmp_path)
    missing = [point for point in points(0, 50) if point.segment_id not in store.segment_ids()]
    assert len(missing) == 40
    store.upsert(missing)
    store.close()
    assert reader.count() == 50
    assert not list((tmp_path / spec).glob("*.tmp"))
    reader.close()


def test_killed_first_writer_leaves_nothing_in_the_way(spec, tmp_path, start, open_here):
    ingest = start("store = opened()\nstore.upsert(points(0, 50))\nsay('some')")
    assert said(ingest) == "some"
    os.kill(ingest.pid, signal.SIGKILL)
    ingest.wait()
    filled(spec, tmp_path)
    assert open_here(spec, tmp_path, read_only=True).count() == 10


def test_writer_killed_between_its_folder_and_the_pointer_is_undone(spec, tmp_path, open_here):
    filled(spec, tmp_path)
    shutil.copytree(tmp_path / spec / "000001", tmp_path / spec / "000002")
    filled(spec, tmp_path, n=12)
    assert open_here(spec, tmp_path, read_only=True).count() == 12


def test_readers_follow_a_writer_that_publishes_again_and_again(spec, tmp_path, start, open_here):
    filled(spec, tmp_path)
    reader = start(
        "store = opened(read_only=True)\nsay('open')\nlast = 0\n"
        "query = np.ones(8, dtype=np.float32)\n"
        "while last < 18:\n"
        "    found = store.count(); assert found >= max(last, 10), (found, last); last = found\n"
        "    hits = store.search(query, limit=50); assert len(hits) >= last, (len(hits), last)\n"
        "say('done')"
    )
    assert said(reader) == "open"
    go_on(reader)
    for n in range(8):
        store = open_here(spec, tmp_path)
        store.upsert(points(10 + n, 1))
        store.close()
    assert said(reader) == "done"


def test_index_that_was_deleted_and_made_again_is_noticed(spec, tmp_path, open_here):
    filled(spec, tmp_path)
    reader = open_here(spec, tmp_path, read_only=True)
    assert reader.count() == 10
    shutil.rmtree(tmp_path / spec)
    filled(spec, tmp_path, n=3)
    assert reader.count() == 3
    reader.close()


def test_only_the_last_two_generations_are_kept(spec, tmp_path):
    for n in range(1, 5):
        filled(spec, tmp_path, n=n)
    assert sorted(path.name for path in (tmp_path / spec).iterdir() if path.is_dir()) == ["000003", "000004"]


def test_published_folder_loses_no_file_when_a_reader_opens_it(tmp_path, open_here):
    """A writer may be copying it: journals that opening replays and removes must be gone before."""
    filled("edge", tmp_path, n=50)
    folder = tmp_path / "edge" / "000001"
    before = {path.relative_to(folder) for path in folder.rglob("*")}
    reader = open_here("edge", tmp_path, read_only=True)
    assert reader.count() == 50
    assert {path.relative_to(folder) for path in folder.rglob("*")} >= before
    reader.close()
    assert not [path for path in before if "journal" in path.name]


def test_writer_with_nothing_to_write_publishes_nothing(spec, tmp_path, open_here):
    filled(spec, tmp_path)
    store = open_here(spec, tmp_path)
    assert store.count() == 10
    store.close()
    assert Generations(tmp_path / spec).published().number == 1


def test_unreadable_pointer_names_the_file_and_the_cure(spec, tmp_path, open_here):
    filled(spec, tmp_path)
    (tmp_path / spec / "current.json").write_text('{"generation": "seven"}')
    with pytest.raises(StaleIndexError, match=r"current\.json.*--rebuild-index"):
        open_here(spec, tmp_path, read_only=True)


def test_damaged_edge_index_names_the_cure(tmp_path, open_here):
    filled("edge", tmp_path)
    for segment in (tmp_path / "edge" / "000001" / "segments").iterdir():
        (segment / "segment.json").write_text("{")
    with pytest.raises(StaleIndexError, match="--rebuild-index"):
        open_here("edge", tmp_path, read_only=True).count()


def test_folder_that_may_not_be_written_is_read_from_a_copy(spec, tmp_path, monkeypatch, open_here):
    filled(spec, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / spec).rglob("*")}
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    reader = open_here(spec, tmp_path, read_only=True)
    assert reader.count() == 10
    reader.close()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / spec).rglob("*")} == before


def test_copy_has_the_same_bytes_and_keeps_the_holes(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    contents = {
        "empty": b"",
        "hole": bytes(3_000_000),
        "mixed": b"a" + bytes(500_000) + b"b" + bytes(70_000),
        "end": bytes(70_000) + b"z",
    }
    for name, content in contents.items():
        (source / name).write_bytes(content)
    copy = copy_folder(source, tmp_path / "copy")
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == contents
    assert (copy / "hole").stat().st_blocks == 0
