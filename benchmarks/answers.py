"""How long a user waits: the command line from a cold start, and questions to an open conversation."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DATA = Path(os.environ.get("ETHOCHAT_TEST_DATA", "../shared/data"))
EXPERIMENTS = Path("build/experiments")
COMMAND = Path(sys.executable).with_name("ethochat")
REPEATS = 5


def wall(arguments: list[str], repeats: int = REPEATS, *, fresh: bool = False) -> float:
    """Median wall time of a command in a new process, in seconds; ``fresh`` makes each run's last argument new."""
    times = []
    for number in range(repeats):
        last = [f"{arguments[-1]} {time.time_ns()} {number}"] if fresh else arguments[-1:]
        started = time.perf_counter()
        subprocess.run([str(COMMAND), *arguments[:-1], *last], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def row(name: str, value: str, limit: str) -> None:
    """Print one line of the table."""
    print(f"| {name} | {value} | {limit} |", flush=True)


def demo_row() -> None:
    """Time the demo in an empty folder, environment in place."""
    with tempfile.TemporaryDirectory() as folder:
        row(
            "`ethochat demo`, to the third answer",
            f"{wall(['demo', str(Path(folder) / 'demo')], 1):.1f} s",
            "60 s",
        )


def warm_rows(folder: Path) -> None:
    """Ask the questions of the set in one process, each in a conversation of its own."""
    from ethochat.agent.run import Conversation, open_context

    context = open_context(folder)
    lines = (DATA.parent / "questions" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [item for line in lines if (item := json.loads(line))["dataset"] == folder.name]
    times = []
    for round_ in range(2):
        for item in questions:
            with Conversation(context) as conversation:
                for turn in item["turns"]:
                    started = time.perf_counter()
                    conversation.ask(turn)
                    if round_:  # the first round loads tables and libraries
                        times.append(time.perf_counter() - started)
    p95 = statistics.quantiles(times, n=20)[-1]
    row(f"question in process, warm, {len(times)} questions: median", f"{statistics.median(times):.3f} s", "")
    row("the same, 95th percentile", f"{p95:.3f} s", "0.5 s")


def main() -> int:
    """Print the table."""
    print("| what | median | limit |\n|---|---|---|")
    row("`ethochat --help`", f"{wall(['--help']):.2f} s", "0.5 s")
    demo_row()
    folder = EXPERIMENTS / "ethz_oft_csi"
    if not (folder / ".ethochat").is_dir():
        print(f"\nQuestions were not timed: {folder} is not built; run `make experiments`.")
        return 0
    question = "Compare center.distance.moving between CSI and Control"
    row("`ethochat ask`, cold, no embedding", f"{wall(['ask', str(folder), question]):.2f} s", "3 s")
    # A question whose words were embedded before would not load the model.
    search = ["search", str(folder), "mouse rears against the wall"]
    row("`ethochat search`, cold, with embedding", f"{wall(search, fresh=True):.2f} s", "10 s")
    row("`ethochat ingest`, nothing changed", f"{wall(['ingest', str(folder)]):.2f} s", "2 s")
    warm_rows(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
