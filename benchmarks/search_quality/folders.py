"""The experiments that are searched: with the raters' labels, and the same recordings without them."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import tomlkit

from benchmarks.experiments.build import write_experiment
from benchmarks.search_quality.recordings import SIMULATOR, Recording

Condition = Literal["labels searchable", "labels hidden", "tracks only"]
CONDITIONS: Final[dict[str, tuple[Condition, ...]]] = {
    "simulator": ("labels searchable", "labels hidden"),
    "ri_social": ("labels searchable", "labels hidden"),
    # Nothing but labels and metrics came with these two: hidden, there would be nothing to search in.
    "ethz_oft_csi": ("labels searchable",),
    "ethz_fst_labels": ("labels searchable",),
    "dlc_openfield": ("tracks only",),
    "tracktor_mouse": ("tracks only",),
    "amadeus_mabe3": ("tracks only",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """One ingested experiment."""

    data_set: str
    condition: Condition
    folder: Path


def build(root: Path, data: Path, data_set: str, recordings: Collection[Recording]) -> Iterator[Searched]:
    """Write and ingest the experiments of one data set; what is unchanged is not done again."""
    from ethochat.index.ingest import ingest

    for condition in CONDITIONS[data_set]:
        folder = root / f"{data_set}{'-hidden' if condition == 'labels hidden' else ''}"
        if data_set == "simulator":
            _write_simulated(root / data_set, folder)
        else:
            write_experiment(data_set, data, folder)
            _keep_sessions(folder, {recording.session_id for recording in recordings})
        if condition == "labels hidden":
            hide_labels(folder)
        report = ingest(folder)
        if report.failed:
            raise RuntimeError(f"Expected all sessions of {folder} to be ingested, got {report.failed}.")
        yield Searched(data_set=data_set, condition=condition, folder=folder)


def _write_simulated(source: Path, folder: Path) -> None:
    """Simulate once; the second experiment has links to the same files."""
    from ethochat.index.sample import write_sample

    mark = source / "made.txt"
    made = repr(sorted(SIMULATOR.items()))
    if not mark.exists() or mark.read_text(encoding="utf-8") != made:
        write_sample(
            source,
            seed=int(SIMULATOR["seed"]),
            n_mice=int(SIMULATOR["n_mice"]),
            duration_s=SIMULATOR["duration_s"],
            fps=int(SIMULATOR["fps"]),
        )
        mark.write_text(made, encoding="utf-8")
    if folder != source:
        for name in ("videos", "pose", "labels"):
            shutil.rmtree(folder / name, ignore_errors=True)
            shutil.copytree(source / name, folder / name, copy_function=os.link)
        for name in ("experiment.toml", "sessions.csv"):
            shutil.copyfile(source / name, folder / name)


def _keep_sessions(folder: Path, sessions: Collection[str]) -> None:
    """Leave out recordings of which nobody knows the truth."""
    path = folder / "sessions.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["session_id"] in sessions]
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def hide_labels(folder: Path) -> None:
    """Take annotations, and what is said about the labeled behaviors, out of an experiment's description."""
    path = folder / "experiment.toml"
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    kept = tomlkit.aot()
    for table in document.unwrap()["inputs"]:
        if table["kind"] != "annotations":
            kept.append(tomlkit.item(table))
    document["inputs"] = kept
    document.pop("behaviors", None)
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
