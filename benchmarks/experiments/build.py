"""Make and ingest one experiment folder per real data set, from the descriptions beside this file.

The recordings stay where they are; nothing of them is copied but session names and metadata.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

HERE = Path(__file__).parent
Row = dict[str, str]


def rows_of(path: Path, delimiter: str = ",") -> list[Row]:
    """Read a csv as text."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle, delimiter=delimiter))


def ethz_oft_csi(data: Path) -> Iterable[Row]:
    """One session per row of the metadata table."""
    for row in rows_of(data / "ethz_oft_csi/metadata/Example_metadata.csv", ";"):
        kept = {
            key: "" if row[key] == "NA" else row[key]
            for key in ("Condition", "Session", "Treatment", "Dosage", "Experiment")
        }
        yield {"session_id": row["ID"], "subject_id": row["Animal"], **kept, "labels": row["DLCFile"]}


def ethz_yohimbine(data: Path) -> Iterable[Row]:
    """One session per row of the metric table."""
    for row in rows_of(data / "ethz_yohimbine/yohimbine_oft_metrics.csv"):
        name = "yoh_" + row["file"].split("DeepCut")[0]
        kept = {key: row[key] for key in ("Condition", "Dosage", "Experiment")}
        yield {"session_id": name, "subject_id": row["Animal"], **kept, "file": row["file"]}


def ethz_fst_labels(data: Path) -> Iterable[Row]:
    """One session per recording named in the label table."""
    names = {row["ID"] for row in rows_of(data / "ethz_fst_labels/AllFSTLables.csv", ";")}
    return [
        {"session_id": name, "subject_id": name}
        for name in sorted(names, key=lambda text: int(text.split("_")[1]))
    ]


def dlc_openfield(data: Path) -> Iterable[Row]:
    """The one recording."""
    pose = next((data / "dlc_openfield").glob("m3v1*.h5")).name
    return [{"session_id": "dlc_m3v1", "subject_id": "m3", "video": "m3v1mp4.mp4", "pose": pose}]


def amadeus_mabe3(data: Path) -> Iterable[Row]:
    """The one recording of three mice."""
    stem = next((data / "amadeus_mabe3").glob("*.mp4")).stem
    return [{"session_id": f"mabe3_{stem}", "video": f"{stem}.mp4", "pose": f"{stem}.h5"}]


def tracktor_mouse(data: Path) -> Iterable[Row]:
    """The one recording, with the tracks of three trackers."""
    trackers = {"tracktor": "tracked.csv", "idtracker": "idtracked.txt", "toxtrac": "toxtracked.txt"}
    files = {name: f"mouse_video_{suffix}" for name, suffix in trackers.items()}
    return [{"session_id": "tracktor_mouse", "video": "mouse_video.mp4", **files}]


def ri_social(data: Path) -> Iterable[Row]:
    """One session per annotation file."""
    for path in sorted(
        (data / "ri_social/annotations").glob("*_annot.txt"), key=lambda item: int(item.stem.split("_")[0])
    ):
        number = path.stem.split("_")[0]
        pose = next((data / "ri_social/pose").glob(f"{number}DLC*.csv")).name
        yield {"session_id": f"ri_{number}", "pose": pose, "annotations": path.name}


def nort_ethovision(data: Path) -> Iterable[Row]:
    """One session per exported trial; the mouse stands in the file's header."""
    from ethochat.index.formats.ethovision import read_header

    for path in sorted((data / "nort_ethovision").glob("*.xlsx")):
        date, trial = re.search(r"(\d{8})-Trial\s+(\d+)", path.name).groups()
        mouse = next(value for key, value in read_header(path).items() if key.strip().lower() == "mouse id")
        empty = "no animal: the trial was recorded with an empty arena" if mouse.lower() == "empty" else ""
        yield {"session_id": f"nort_{date}_Trial{trial}", "subject_id": mouse, "date": f"{date[:4]}-{date[4:6]}-{date[6:]}",
               "trial": trial, "export": path.name, "exclude_reason": empty}  # fmt: skip


def ethz_epm_pose(data: Path) -> Iterable[Row]:
    """The one short recording."""
    pose = next((data / "ethz_epm_pose").glob("EPM_15DeepCut*.csv")).name
    return [{"session_id": "EPM_15_short", "subject_id": "EPM_15", "pose": pose}]


def epm_tracker_example(data: Path) -> Iterable[Row]:
    """The one centroid track."""
    return [{"session_id": "epm_test3", "pose": "test3-tracking-data.xlsx"}]


def abode(data: Path) -> Iterable[Row]:
    """One session per cage, its two-minute snippets one after the other."""
    table = rows_of(data / "abode/abode_annotations.csv.gz")
    snippets = {(row["CageID"], row["Segment"], row["Snippet"]) for row in table}
    for cage in sorted({cage for cage, _, _ in snippets}):
        individuals = ";".join(f"{mouse}={cage}:{mouse}" for mouse in "RGB")
        count = sum(name == cage for name, _, _ in snippets)
        yield {
            "session_id": f"abode_cage_{cage}",
            "individuals": individuals,
            "cage": cage,
            "snippets": str(count),
        }


DATA_SETS: dict[str, Callable[[Path], Iterable[Row]]] = {
    function.__name__: function
    for function in (
        ethz_oft_csi, ethz_yohimbine, ethz_fst_labels, dlc_openfield, amadeus_mabe3, tracktor_mouse, ri_social, nort_ethovision,
        ethz_epm_pose, epm_tracker_example, abode,
    )
}  # fmt: skip


def unit_of(metric: str) -> str:
    """Unit of a BehaviorFlow metric, by its name."""
    if ".percentage" in metric:
        return "%"
    kinds = {"distance": "cm", "speed": "cm/s", "time": "s", "count": "count", "transitions": "count"}
    return next(unit for kind, unit in kinds.items() if kind in metric.split("."))


def write_experiment(name: str, data: Path, folder: Path) -> None:
    """Write experiment.toml and sessions.csv, unless they say the same already."""
    rows = list(DATA_SETS[name](data))
    toml = (HERE / f"{name}.toml").read_text(encoding="utf-8").replace("{data}", str(data))
    if "{metric_columns}" in toml:
        header = list(rows_of(data / "ethz_yohimbine/yohimbine_oft_metrics.csv")[0])
        toml = toml.replace("{metric_columns}", json.dumps([column for column in header if "." in column]))
    if "{metric_units}" in toml:
        header = list(rows_of(data / "ethz_oft_csi/tables/CSI_example__report_raw.csv")[0])
        units = {column: unit_of(column) for column in header if "." in column}
        toml = toml.replace(
            "{metric_units}", "\n".join(f'"{column}" = "{unit}"' for column, unit in units.items())
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiment.toml").write_text(toml, encoding="utf-8")
    with (folder / "sessions.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def main() -> int:
    """Build all data sets, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=list(DATA_SETS))
    options = parser.parse_args()
    data = Path(os.environ.get("ETHOCHAT_TEST_DATA", "../shared/data")).resolve()
    if not data.is_dir():
        print(f"No data at {data}; set ETHOCHAT_TEST_DATA.", file=sys.stderr)
        return 2
    from ethochat.index.ingest import ingest

    failed = 0
    for name in options.names or list(DATA_SETS):
        started = time.perf_counter()
        write_experiment(name, data, options.folder / name)
        report = ingest(options.folder / name)
        failed += len(report.failed)
        print(
            f"{name}: {len(report.ingested)} sessions ingested, {len(report.unchanged)} unchanged, {report.n_indexed} segments "
            f"indexed, {time.perf_counter() - started:.1f} s"
        )
        for session_id, problem in report.failed:
            print(f"  {session_id}: {problem}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
