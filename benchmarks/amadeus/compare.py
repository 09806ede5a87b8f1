"""Side by side with AmadeusGPT's behavior API: speeds, pair distances, "near" events, and known answers.

Its package goes into an environment of its own under ``build/``. No language model takes part.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / "build" / "bench-amadeus" / ".venv"
THEIR_PYTHON = ENVIRONMENT / "bin" / "python"
# PyTables is what its h5 reader needs and its package does not ask for.
PACKAGES = ("amadeusgpt==0.1.3", "torch==2.13.0", "tables")
RECORDING = "amadeus_mabe3/EGS8X2MN4SSUGFWAV976"
RUNS = 3
STEPS = {
    "load": "load pose",
    "speeds": "speeds of 3 x 12 points",
    "near": "distances of 6 pairs, near events (< 40 px)",
}
MASKS = ([0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 1, 1, 0], [0, 0, 0, 1, 0, 0])
RIGHT_BOUTS = ([], [[1, 3], [5, 7]], [[3, 4]])
RIGHT_NEAR = {"0-1": 54, "0-2": 826, "1-2": 50}
"""Frames in which both animals are seen and less than 40 px apart, as counted without either program."""


def data_root() -> Path:
    return Path(os.environ.get("ETHOCHAT_TEST_DATA", ROOT.parent / "shared" / "data"))


def install() -> str | None:
    """Make the environment; the reason where that is not possible."""
    if THEIR_PYTHON.exists() and not _fails([str(THEIR_PYTHON), "-c", "import tables, amadeusgpt.version"]):
        return None
    uv = Path(sys.executable).parent / "uv"
    if not uv.exists():
        return "uv is not installed beside this Python"
    links = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS", "")
    environment = os.environ | {"UV_FIND_LINKS": links}
    if reason := _fails(
        [str(uv), "venv", "--clear", "--python", sys.executable, str(ENVIRONMENT)], environment
    ):
        return reason
    command = [str(uv), "pip", "install", "--python", str(THEIR_PYTHON), *PACKAGES]
    plan = subprocess.run(
        [*command, "--dry-run"], capture_output=True, text=True, env=environment, check=False
    )
    if plan.returncode == 0 and "nvidia-" in plan.stderr + plan.stdout:
        return "it would pull gigabytes of CUDA; name a folder with a CPU build of torch in UV_FIND_LINKS"
    return _fails(command, environment)


def _fails(command: list[str], environment: dict[str, str] | None = None) -> str | None:
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    return None if done.returncode == 0 else (done.stderr.strip() or f"{command[0]} failed")[-400:]


def measure(python: str, script: str, recording: Path) -> dict:
    command = [python, str(HERE / script), f"{recording}.h5", f"{recording}.mp4", json.dumps(MASKS)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def seconds(runs: list[dict], kind: str, step: str, clock: int) -> float:
    """Median over runs of one step (or of all), wall (0) or processor (1)."""
    steps = list(STEPS) if step == "total" else [step]
    return median(sum(run[kind]["steps"][name][clock] for name in steps) for run in runs)


def print_times(theirs: list[dict], ours: list[dict]) -> None:
    print("| step | AmadeusGPT 0.1.3, s (cpu) | ethochat, s (cpu) | AmadeusGPT / ethochat |")
    print("|---|---:|---:|---:|")
    rows = [("imports", *(_both(lambda run, c: run["import_s"][c], runs) for runs in (theirs, ours)))]
    for kind, title in (("cold", "first time"), ("warm", "second time")):
        for step, name in (STEPS | {"total": "**all three**"}).items():
            pair = [tuple(seconds(runs, kind, step, clock) for clock in (0, 1)) for runs in (theirs, ours)]
            rows.append((f"{name}, {title}", *pair))
    whole = [_both(_whole, runs) for runs in (theirs, ours)]
    rows.append(("**process from its start to the results**", *whole))
    for name, (wall_a, cpu_a), (wall_b, cpu_b) in rows:
        print(f"| {name} | {wall_a:.4f} ({cpu_a:.4f}) | {wall_b:.4f} ({cpu_b:.4f}) | {wall_a / wall_b:.2f} |")


def _both(value: Callable[[dict, int], float], runs: list[dict]) -> tuple[float, float]:
    return median(value(run, 0) for run in runs), median(value(run, 1) for run in runs)


def _whole(run: dict, clock: int) -> float:
    return run["import_s"][clock] + sum(times[clock] for times in run["cold"]["steps"].values())


def print_answers(theirs: dict, ours: dict) -> bool:
    """Print known inputs with both answers; whether ours are all right."""
    near = [{pair: run["cold"]["near_frames"][pair] for pair in RIGHT_NEAR} for run in (theirs, ours)]
    known = [run["known"] for run in (theirs, ours)]
    rows = [("speed, 4 px per frame at 25 frames/s (px/s)", 100.0, known[0]["speed"], known[1]["speed"])]
    rows += [
        (f"bouts of `{mask}` (start, stop)", right, a, b)
        for mask, right, a, b in zip(MASKS, RIGHT_BOUTS, known[0]["bouts"], known[1]["bouts"], strict=True)
    ]
    seen = [None] * 4 + [100.0, 110.0, 120.0] + [None] * 3
    rows.append(
        ("x of a point seen in frames 4 to 6 of 10, (0, 0) elsewhere", seen, known[0]["x"], known[1]["x"])
    )
    rows.append(("frames nearer than 40 px, by pair", RIGHT_NEAR, *near))
    print("| known input | right | AmadeusGPT | ethochat |")
    print("|---|---|---|---|")
    for name, right, a, b in rows:
        print(f"| {name} | {_cell(right)} | {_verdict(a, right)} | {_verdict(b, right)} |")
    return all(b == right for _, right, _, b in rows)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value).replace('"', "")


def _verdict(value: object, right: object) -> str:
    return _cell(value) + ("" if value == right else " ✗")


def statement(theirs: list[dict], ours: list[dict], right: bool) -> str:
    cold, warm = (seconds(theirs, k, "total", 0) / seconds(ours, k, "total", 0) for k in ("cold", "warm"))
    whole = _both(_whole, theirs)[0] / _both(_whole, ours)[0]
    slower = [
        name for key, name in STEPS.items() if seconds(theirs, "warm", key, 0) < seconds(ours, "warm", key, 0)
    ]
    verdict = "all right" if right else "NOT all right"
    return (
        f"Median of {len(ours)} runs each, alternating, on {os.cpu_count()} cores. "
        f"AmadeusGPT takes {whole:.1f} times our time from the start of a process to the results, "
        f"{cold:.1f} times in the first call after its imports (ours imports what reads h5 only then), "
        f"{warm:.1f} times in the second. Steps in which ours is slower when warm: "
        f"{', '.join(slower) or 'none'}. The work differs: ours masks and smooths every point before taking "
        "speeds, AmadeusGPT takes the bare difference; it rejects outliers and extrapolates while loading, and "
        "computes overlap, relative speed and closest points with every distance (its API cannot be asked for "
        f"less). Our answers to the known inputs are {verdict}."
    )


def main(runs: int = RUNS) -> None:
    """Print the comparison as markdown."""
    print("## Side by side with AmadeusGPT's behavior API\n")
    recording = data_root() / RECORDING
    if not Path(f"{recording}.h5").exists():
        print(f"Not measured: there is no {recording}.h5 (set ETHOCHAT_TEST_DATA).")
        return
    if reason := install():
        print(f"Not measured: AmadeusGPT could not be installed here: {reason}")
        return
    theirs, ours = [], []
    for _ in range(runs):
        theirs.append(measure(str(THEIR_PYTHON), "theirs.py", recording))
        ours.append(measure(sys.executable, "ours.py", recording))
    print_times(theirs, ours)
    print()
    right = print_answers(theirs[0], ours[0])
    print(f"\n{statement(theirs, ours, right)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    main(parser.parse_args().runs)
