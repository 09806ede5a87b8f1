"""A run that describes 200 segments is killed again and again: nothing is described twice, nothing is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from ethochat.index.catalog import Catalog
from ethochat.index.describing.journal import Journal
from ethochat.index.ingest import ingest
from ethochat.index.sample import write_sample

N_SEGMENTS = 200
DESCRIBE = """
import json, sys, time
from pathlib import Path
from ethochat.index.describing.run import describe_experiment
from ethochat.index.vlm.scripted import DESCRIBED, ScriptedVlm

log = open(sys.argv[2], "a", buffering=1)

def answer(request):
    log.write(request.key + "\\n")
    time.sleep(0.005)
    return json.dumps(DESCRIBED)

report = describe_experiment(Path(sys.argv[1]), ScriptedVlm(answer=answer))
print(report.described, report.reused, report.left, len(report.failed))
"""


@pytest.fixture(scope="module")
def mice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("killed") / "mice"
    write_sample(root, n_mice=3, duration_s=30.0)
    manifest = root / "experiment.toml"
    more = "\n[segments]\nmin_s = 0.2\nmax_s = 0.5\n\n[vlm]\nsize_px = 48\n"
    manifest.write_text(manifest.read_text(encoding="utf-8") + more, encoding="utf-8")
    assert not ingest(root).failed
    return root


def kept(root: Path) -> set[str]:
    with Journal(root / ".ethochat") as journal:
        return set(journal.replies("scripted"))


def test_killed_runs_lose_nothing_and_ask_nothing_twice(mice: Path, tmp_path: Path) -> None:
    segments = Catalog(mice / ".ethochat").scan("segments").filter(pl.col("source") == "rules").collect()
    assert segments.height >= N_SEGMENTS
    log = tmp_path / "asked.txt"
    asked_before: list[str] = []
    for target in (20, 90):  # replies after which the run is killed
        known = kept(mice)
        process = subprocess.Popen(
            [sys.executable, "-c", DESCRIBE, str(mice), str(log)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while process.poll() is None and len(kept(mice)) < target:
            time.sleep(0.02)
        process.kill()
        process.communicate()
        asked = log.read_text().split()[len(asked_before) :]
        assert known.isdisjoint(asked)  # what was told before is not asked again
        asked_before = log.read_text().split()
        assert target <= len(kept(mice)) < segments.height
    known = kept(mice)
    done = subprocess.run(
        [sys.executable, "-c", DESCRIBE, str(mice), str(log)], capture_output=True, text=True, check=True
    )
    asked = log.read_text().split()[len(asked_before) :]
    assert known.isdisjoint(asked)
    assert len(asked) == len(set(asked))
    described, reused, left, failed = map(int, done.stdout.split())
    assert (described + reused, left, failed) == (segments.height, 0, 0)
    assert reused >= len(known)
    rows = Catalog(mice / ".ethochat").scan("descriptions").collect()
    mine = rows.filter(pl.col("describer") == "vlm:scripted").join(segments, on="segment_id", how="semi")
    assert sorted(mine["segment_id"]) == sorted(segments["segment_id"])
