"""Ingest in processes of their own: killed at any moment and run again, or started twice at once."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from ethochat.index.catalog import Catalog
from ethochat.index.errors import CatalogLockedError
from ethochat.index.experiment import load_experiment
from ethochat.index.ingest import ingest, ingest_sessions
from ethochat.index.tables import TABLES

MakeLab = Callable[..., Path]

N_SESSIONS = 8
TELLING = """
import sys
from pathlib import Path
from ethochat.index.ingest import ingest
ingest(Path(sys.argv[1]), progress=lambda step, done, total: print(step, flush=True))
print("done", flush=True)
"""
WAITING = TELLING.replace("print(step, flush=True)", "(print(step, flush=True), sys.stdin.read())")


@contextlib.contextmanager
def started(code: str, root: Path) -> Iterator[subprocess.Popen[str]]:
    """Ingest in another process that prints each step; it is dead at the end."""
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


def wait_for(process: subprocess.Popen[str], step: str) -> bool:
    """Read steps up to one; whether it came before the end."""
    assert process.stdout is not None
    return any(line.strip() == step for line in process.stdout)


def kill_at(root: Path, step: str, delay_s: float) -> None:
    """Ingest until a step has begun, and a moment longer."""
    with started(TELLING, root) as process:
        if not wait_for(process, step):
            raise AssertionError(f"{step!r} never came: {process.stderr.read() if process.stderr else ''}")
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.returncode == -signal.SIGKILL


def clean_run(root: Path) -> None:
    experiment = load_experiment(root)
    experiment.data_dir.mkdir()
    ingest_sessions(experiment, Catalog(experiment.data_dir), lambda *_: None)


def contents(root: Path, table: str) -> pl.DataFrame:
    """Rows of a table, sorted by all columns."""
    rows = Catalog(root / ".ethochat").scan(table).collect()
    lists = [name for name, dtype in rows.schema.items() if isinstance(dtype, pl.List)]
    return rows.with_columns(pl.col(lists).cast(pl.List(pl.String)).list.join("|")).sort(pl.all())


def files(root: Path) -> dict[str, bytes]:
    tables = root / ".ethochat" / "catalog"
    return {
        path.relative_to(tables).as_posix(): path.read_bytes() for path in tables.rglob("*") if path.is_file()
    }


def assert_same_tables(one: Path, other: Path) -> None:
    for table in TABLES:
        mine, theirs = contents(one, table), contents(other, table)
        assert mine.equals(theirs), f"{table} differs: {mine.height} and {theirs.height} rows"
    assert contents(one, "segments").height > 0
    assert files(one) == files(other)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_run_that_was_killed_again_and_again_ends_with_the_tables_of_a_clean_run(
    make_lab: MakeLab, seed: int
) -> None:
    clean, killed = (make_lab(N_SESSIONS, name=name, n_frames=1500) for name in ("clean", "killed"))
    clean_run(clean)
    chance = random.Random(seed)
    for session in sorted(chance.sample(range(1, N_SESSIONS + 1), 2)):
        kill_at(killed, f"session s{session}", chance.uniform(0, 0.2))
    kill_at(killed, "sessions", 0)  # all tables are written; the index, which is another test's, is not
    assert_same_tables(clean, killed)
    assert set(Catalog(killed / ".ethochat").read_state()["sessions"]) == {  # type: ignore[arg-type]
        f"s{number}" for number in range(1, N_SESSIONS + 1)
    }


def test_killed_while_a_changed_experiment_is_redone(make_lab: MakeLab) -> None:
    clean, killed = (make_lab(6, name=name, n_frames=1500) for name in ("clean", "killed"))
    clean_run(killed)
    for root in (clean, killed):
        text = (root / "experiment.toml").read_text(encoding="utf-8").replace("scale = 0.5", "scale = 0.9")
        (root / "experiment.toml").write_text(text, encoding="utf-8")
    clean_run(clean)
    kill_at(killed, "session s4", 0.02)
    assert Catalog(killed / ".ethochat").pending()
    kill_at(killed, "sessions", 0)
    assert Catalog(killed / ".ethochat").pending() == ()
    assert_same_tables(clean, killed)


def test_what_is_finished_is_not_done_again(make_lab: MakeLab) -> None:
    root = make_lab(6, n_frames=1500)
    kill_at(root, "sessions", 0)
    (root / "s6_labels.csv").write_text("start,stop,behavior\n1,2,Rearing\n", encoding="utf-8")
    with started(TELLING, root) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "session s6"


def test_a_second_ingest_at_the_same_time_is_refused(make_lab: MakeLab) -> None:
    root = make_lab(2)
    with started(WAITING, root) as process:
        assert wait_for(process, "session s1")
        with pytest.raises(CatalogLockedError) as caught:
            ingest(root)
        assert str(caught.value) == (
            f"Another process is ingesting {root}; wait until it is done, or stop it, and run the command again."
        )
        again = subprocess.run(
            [sys.executable, "-m", "ethochat.ui.cli", "ingest", str(root)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert again.returncode == 2
        assert again.stderr.strip() == str(caught.value)
        assert again.stdout == ""


def test_the_lock_of_a_killed_process_is_released(make_lab: MakeLab) -> None:
    root = make_lab(2)
    with started(WAITING, root) as process:
        assert wait_for(process, "session s1")
        process.kill()
        process.wait()
    kill_at(root, "sessions", 0)
    assert set(Catalog(root / ".ethochat").load("sessions")["session_id"]) == {"s1", "s2"}


HEAVY = ("torch", "sentence_transformers", "movement", "cv2", "av", "scipy", "qdrant_edge", "qdrant_client")
IMPORTS = f"""
import sys
from pathlib import Path
from ethochat.index.ingest import ingest
report = ingest(Path(sys.argv[1]))
print(len(report.unchanged), len(report.ingested), *(name for name in {HEAVY!r} if name in sys.modules))
"""


@pytest.mark.slow
def test_killed_while_indexing_and_run_again_finds_what_a_clean_run_finds(make_lab: MakeLab) -> None:
    clean, killed = (make_lab(6, name=name) for name in ("clean", "killed"))
    kill_at(killed, "sessions", 0.5)
    kill_at(killed, "segments indexed", 0)
    reports = [ingest(root) for root in (killed, clean)]
    assert [report.n_segments for report in reports] == [reports[0].n_segments] * 2
    assert_same_tables(clean, killed)
    from ethochat.index.search import HASH_FIELD, open_search

    stored = []
    for root in (clean, killed):
        search = open_search(root / ".ethochat")
        search.check()
        stored.append(search.store.read_field(HASH_FIELD))
        search.close()
    assert stored[0] == stored[1]
    assert len(stored[0]) == reports[0].n_segments > 0

    # an index that someone deleted is made again from the kept embeddings
    shutil.rmtree(clean / ".ethochat" / "vectors")
    assert ingest(clean).n_indexed == reports[0].n_segments
    assert ingest(clean).n_indexed == 0

    # and a run with nothing to do imports nothing heavy
    second = subprocess.run(
        [sys.executable, "-c", IMPORTS, str(clean)], capture_output=True, text=True, check=True
    )
    assert second.stdout.split() == ["6", "0"]
