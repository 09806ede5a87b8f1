"""How long a ten-minute recording takes from files to search: one animal, 15,000 frames, 8 keypoints.

The pose is simulated (seeded) and written as DeepLabCut writes it. Each run is a process of its own that ingests a
fresh folder with nothing cached. Start-up is what any run pays once, however much it ingests: imports and loading
the embedding model.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

RUNS = 3
DURATION_S = 600.0
PHASES = ("start-up", "read", "derive", "write", "embed and index", "ingest", "second run")
TOML = """[experiment]
name = "Ten minutes in the open field"
description = "One simulated mouse"

[defaults]
fps = 25
px_per_cm = {px_per_cm}

[[inputs]]
kind = "pose"
column = "pose"
format = "deeplabcut"

[arena]
shape = "rectangle"
width_cm = {arena_cm}
height_cm = {arena_cm}
corners_px = [[{low}, {low}], [{high}, {low}], [{high}, {high}], [{low}, {high}]]

[[zones]]
name = "center"
kind = "scaled"
scale = 0.5

[keypoints]
center = "body_center"
"""


def write_recording(root: Path) -> None:
    import numpy as np
    import polars as pl

    from ethochat.index.sample.motion import ARENA_CM
    from ethochat.index.sample.mouse import ORIGIN_PX, PX_PER_CM, simulate, track
    from ethochat.index.sample.posture import KEYPOINTS

    pose = track(np.random.default_rng(1), simulate(1, duration_s=DURATION_S))
    values = np.concatenate([pose.position_px, pose.likelihood[..., None]], axis=-1)
    names = [name for name in KEYPOINTS for _ in range(3)]
    header = [
        ["scorer", *["DLC_simulated"] * len(names)],
        ["bodyparts", *names],
        ["coords", *["x", "y", "likelihood"] * len(KEYPOINTS)],
    ]
    body = pl.DataFrame(values.reshape(len(values), -1)).with_row_index().write_csv(include_header=False)
    root.mkdir(parents=True)
    (root / "pose.csv").write_text("".join(",".join(line) + "\n" for line in header) + body, encoding="utf-8")
    (root / "sessions.csv").write_text("session_id,pose\nten_minutes,pose.csv\n", encoding="utf-8")
    low, high = ORIGIN_PX, ORIGIN_PX + ARENA_CM * PX_PER_CM
    toml = TOML.format(px_per_cm=float(PX_PER_CM), arena_cm=float(ARENA_CM), low=float(low), high=float(high))
    (root / "experiment.toml").write_text(toml, encoding="utf-8")


def measure(root: Path) -> dict[str, float]:
    """Ingest once in this process, timing each part of it."""
    spent = dict.fromkeys(PHASES, 0.0)

    def timed(phase: str, function: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent[phase] += time.perf_counter() - started

        return call

    def start_up() -> None:
        import ethochat.index.behaviors.rules
        import ethochat.index.describers.kinematic
        import ethochat.index.ingest
        import ethochat.index.search
        import ethochat.index.store.edge
        import ethochat.index.zones
        from ethochat.index.embedders import resolve_embedder

        embedder = resolve_embedder("minilm")
        embedder.embed(["The mouse walks."])
        # The run below asks for an embedder of its own; it gets this one, with its weights loaded.
        ethochat.index.search.resolve_embedder = lambda _: embedder

    timed("start-up", start_up)()
    from ethochat.index import ingest as module
    from ethochat.index.catalog import Catalog

    module.read_session = timed("read", module.read_session)  # type: ignore[assignment]
    module.derive_session = timed("derive", module.derive_session)  # type: ignore[assignment]
    Catalog.write_session = timed("write", Catalog.write_session)  # type: ignore[assignment, method-assign]
    index = module._bring_index_up_to_date
    module._bring_index_up_to_date = timed("embed and index", index)  # type: ignore[assignment]
    worked = time.process_time()
    report = timed("ingest", module.ingest)(root)
    worked = time.process_time() - worked
    if len(report.ingested) != 1 or not report.n_indexed:  # type: ignore[attr-defined]
        raise SystemExit(f"Expected one session to be ingested and indexed, got {report}.")
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    timed("second run", module.ingest)(root)
    return spent | {"segments": report.n_segments, "peak": peak_mib, "worked": worked}  # type: ignore[attr-defined]


def main() -> int:
    if len(sys.argv) == 2:
        print(json.dumps(measure(Path(sys.argv[1]))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for number in range(RUNS):
            root = Path(folder) / str(number)
            write_recording(root)
            done = subprocess.run(
                [sys.executable, __file__, str(root)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                print(done.stderr, file=sys.stderr)
                return 1
            runs.append(json.loads(done.stdout.splitlines()[-1]))
    shown = {name: median(run[name] for run in runs) for name in runs[0]}
    print(f"15,000 frames, 8 keypoints, {shown['segments']:.0f} segments; medians of {RUNS} runs; ", end="")
    with contextlib.suppress(AttributeError):
        print(f"{len(os.sched_getaffinity(0))} cores")
    print("\n| part | seconds |\n|---|---|")
    for name in PHASES:
        said = {"ingest": "**ingest after start-up**", "second run": "second run, nothing changed"}
        print(f"| {said.get(name, name)} | {shown[name]:.2f} |")
    print(f"| processor time of that ingest, all cores | {shown['worked']:.2f} |")
    print(f"| peak memory, start-up included | {shown['peak']:.0f} MiB |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
