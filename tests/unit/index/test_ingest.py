"""From files to tables: what is derived, what is redone, and what an unreadable session leaves behind."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ethochat.index.catalog import CATALOG_VERSION, Catalog
from ethochat.index.derivation import derive_session, read_session
from ethochat.index.errors import StaleIndexError
from ethochat.index.experiment import load_experiment
from ethochat.index.ingest import (
    HASHES_FILE,
    FileHashes,
    IngestReport,
    code_digest,
    fingerprint,
    ingest_sessions,
)
from ethochat.index.silhouettes import SilhouetteCache
from ethochat.index.tables import TABLES

MakeLab = Callable[..., Path]


def run(root: Path, progress: Callable[[str, int, int], None] | None = None) -> IngestReport:
    """Bring the tables up to date, without the vector index."""
    experiment = load_experiment(root)
    experiment.data_dir.mkdir(exist_ok=True)
    return ingest_sessions(experiment, Catalog(experiment.data_dir), progress or (lambda *_: None))


def catalog(root: Path) -> Catalog:
    return Catalog(root.resolve() / ".ethochat")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


# ------------------------------------------------------------------ what is derived
def test_every_producer_yields_the_schema(make_lab: MakeLab) -> None:
    experiment = load_experiment(make_lab(1))
    tables = derive_session(experiment, read_session(experiment.sessions[0]))
    assert set(tables) == set(TABLES)
    for name, table in tables.items():
        schema = dict(table.schema)
        assert dict(list(schema.items())[: len(TABLES[name])]) == dict(TABLES[name]), name
    assert tables["sessions"].columns[len(TABLES["sessions"]) :] == ["group", "weight_g"]


def test_a_session_row_says_what_its_files_hold(make_lab: MakeLab) -> None:
    root = make_lab(2)
    run(root)
    row = catalog(root).load("sessions").filter(session_id="s2").row(0, named=True)
    assert row == {
        "session_id": "s2",
        "subject_id": "m2",
        "time_unit": "s",
        "fps": 25.0,
        "px_per_cm": 10.0,
        "duration": 10.0,
        "n_frames": 250,
        "width_px": None,
        "height_px": None,
        "video": None,
        "excluded": False,
        "group": "control",
        "weight_g": 22,
    }


def test_labels_distance_and_coverage_are_those_of_the_files(make_lab: MakeLab) -> None:
    root = make_lab(1)
    run(root)
    bouts = catalog(root).load("bouts").filter(source="anna").sort("start_time")
    assert bouts.select("behavior", "start_time", "stop_time").rows() == [
        ("Rearing", 2.0, 3.1),
        ("Grooming", 5.0, 6.0),
    ]
    assert catalog(root).load("kinematics")["step_cm"].sum() == pytest.approx(20.0, rel=1e-5)
    anna = catalog(root).load("coverage").filter(source="anna").row(0, named=True)
    assert (anna["start_time"], anna["stop_time"]) == (0.0, 6.0)
    assert anna["behaviors"] == ["Grooming", "Rearing"]
    assert {"track", "rules", "annotations"} == set(catalog(root).load("coverage")["kind"])


def test_deriving_twice_gives_the_same(make_lab: MakeLab) -> None:
    experiment = load_experiment(make_lab(1))
    first, second = (derive_session(experiment, read_session(experiment.sessions[0])) for _ in range(2))
    for name, table in first.items():
        assert table.equals(second[name]), name


def test_deriving_leaves_what_was_read_as_it_was(make_lab: MakeLab) -> None:
    root = make_lab(1)
    edit(root / "experiment.toml", "px_per_cm = 10\n", "")
    experiment = load_experiment(root)
    data = read_session(experiment.sessions[0])
    tables = derive_session(experiment, data)
    assert tables["sessions"]["px_per_cm"].item() == pytest.approx(10.0)  # 400 px are 40 cm
    assert data.session.px_per_cm is None


def test_a_session_with_labels_only_is_a_session(make_lab: MakeLab) -> None:
    root = make_lab(2)
    edit(root / "sessions.csv", "s2.csv,", ",")
    report = run(root)
    assert report.failed == ()
    row = catalog(root).load("sessions").filter(session_id="s2").row(0, named=True)
    assert (row["duration"], row["n_frames"], row["excluded"]) == (6.0, None, False)


# ------------------------------------------------------------------ what is redone
def test_a_second_run_does_nothing(make_lab: MakeLab) -> None:
    root = make_lab(3)
    assert run(root).ingested == ("s1", "s2", "s3")
    before = {path: path.stat().st_mtime_ns for path in (root / ".ethochat" / "catalog").rglob("*")}
    state = catalog(root).state_path.stat().st_mtime_ns
    report = run(root)
    assert report == IngestReport(unchanged=("s1", "s2", "s3"))
    assert before == {path: path.stat().st_mtime_ns for path in (root / ".ethochat" / "catalog").rglob("*")}
    assert catalog(root).state_path.stat().st_mtime_ns == state


def test_progress_is_told_session_by_session(make_lab: MakeLab) -> None:
    told: list[tuple[str, int, int]] = []
    root = make_lab(2)
    run(root, lambda *step: told.append(step))
    assert told == [("session s1", 0, 2), ("session s2", 1, 2), ("sessions", 2, 2)]


def test_only_the_session_of_a_changed_file_is_redone(make_lab: MakeLab) -> None:
    root = make_lab(3)
    run(root)
    edit(root / "s2_labels.csv", "5.0,6.0", "5.0,7.0")
    report = run(root)
    assert (report.ingested, report.unchanged) == (("s2",), ("s1", "s3"))
    grooming = catalog(root).load("bouts").filter(behavior="Grooming").sort("session_id")
    assert grooming["stop_time"].to_list() == [6.0, 7.0, 6.0]


def test_a_change_that_keeps_size_and_time_is_noticed(make_lab: MakeLab) -> None:
    root = make_lab(2)
    path = root / "s1_labels.csv"
    os.utime(path, (1_600_000_000, 1_600_000_000))
    run(root)
    edit(path, "5.0,6.0", "5.0,7.0")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert run(root).ingested == ("s1",)


def test_a_file_touched_but_not_changed_is_not_redone(make_lab: MakeLab) -> None:
    root = make_lab(2)
    run(root)
    os.utime(root / "s1.csv")
    assert run(root).ingested == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("m2,control,22", "m2,drug,22"),
        ("m2,control,22", "m2,control,23"),
        ("m2,control", "m9,control"),
        ("s2_labels.csv", ""),
    ],
)
def test_only_the_session_of_a_changed_row_is_redone(make_lab: MakeLab, old: str, new: str) -> None:
    root = make_lab(3)
    run(root)
    edit(root / "sessions.csv", old, new)
    report = run(root)
    assert (report.ingested, report.unchanged) == (("s2",), ("s1", "s3"))


def test_a_new_column_reaches_every_session(make_lab: MakeLab) -> None:
    root = make_lab(2)
    run(root)
    edited = [
        f"{line},{cell}" for line, cell in zip(lines(root / "sessions.csv"), ("sex", "f", "m"), strict=True)
    ]
    (root / "sessions.csv").write_text("\n".join(edited) + "\n", encoding="utf-8")
    assert run(root).ingested == ("s1", "s2")
    assert catalog(root).load("sessions").sort("session_id")["sex"].to_list() == ["f", "m"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("width_cm = 40", "width_cm = 50"),
        ("scale = 0.5", "scale = 0.6"),
        ('name = "anna"', 'name = "ben"'),
        ('"One mouse each"', '"One rat each"'),
        ("[arena]", "[behaviors.walking.thresholds]\nmin_speed_cm_per_s = 1.0\n[arena]"),
    ],
)
def test_every_session_is_redone_after_a_change_of_the_configuration(
    make_lab: MakeLab, old: str, new: str
) -> None:
    root = make_lab(2)
    run(root)
    edit(root / "experiment.toml", old, new)
    assert run(root).ingested == ("s1", "s2")
    assert run(root).ingested == ()


def test_a_session_taken_out_of_the_sheet_is_gone(make_lab: MakeLab) -> None:
    root = make_lab(3)
    run(root)
    kept = [line for line in lines(root / "sessions.csv") if not line.startswith("s2,")]
    (root / "sessions.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    report = run(root)
    assert (report.removed, report.ingested, report.unchanged) == (("s2",), (), ("s1", "s3"))
    for table in TABLES:
        assert "s2" not in set(catalog(root).scan(table).collect()["session_id"]), table
    assert run(root).removed == ()


def test_a_renamed_session_is_a_new_one(make_lab: MakeLab) -> None:
    root = make_lab(2)
    run(root)
    edit(root / "sessions.csv", "s2,m2", "t2,m2")
    report = run(root)
    assert (report.removed, report.ingested) == (("s2",), ("t2",))
    assert set(catalog(root).load("bouts")["session_id"]) == {"s1", "t2"}


def test_tables_that_someone_deleted_are_made_again(make_lab: MakeLab) -> None:
    root = make_lab(2)
    run(root)
    catalog(root).path("sessions", "s1").unlink()
    assert run(root).ingested == ("s1",)


def test_tables_of_another_version_are_made_again(make_lab: MakeLab) -> None:
    root = make_lab(2)
    run(root)
    state = catalog(root).read_state()
    catalog(root).write_state({**state, "catalog_version": CATALOG_VERSION - 1})
    stray = catalog(root).path("bouts", "s9")
    stray.write_bytes(b"of another version")
    assert run(root).ingested == ("s1", "s2")
    assert not stray.exists()
    assert catalog(root).read_state()["catalog_version"] == CATALOG_VERSION


def test_leftovers_of_a_killed_run_are_cleaned_up(make_lab: MakeLab) -> None:
    root = make_lab(1)
    run(root)
    leftover = root / ".ethochat" / "catalog" / "bouts" / "abc.tmp"
    leftover.write_bytes(b"half a file")
    assert run(root).ingested == ()
    assert not leftover.exists()


def test_a_session_whose_rewriting_was_cut_short_is_redone_even_if_its_files_are_back(
    make_lab: MakeLab,
) -> None:
    root = make_lab(2)
    run(root)
    original = (root / "s1_labels.csv").read_text(encoding="utf-8")
    edit(root / "s1_labels.csv", "5.0,6.0", "5.0,7.0")

    def stop(step: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(root, stop)
    assert catalog(root).pending() == ("s1",)
    (root / "s1_labels.csv").write_text(original, encoding="utf-8")
    assert run(root).ingested == ("s1",)
    assert catalog(root).pending() == ()


def test_a_damaged_state_is_refused_before_anything_is_changed(make_lab: MakeLab) -> None:
    root = make_lab(1)
    run(root)
    catalog(root).state_path.write_text("{garbage", encoding="utf-8")
    with pytest.raises(StaleIndexError, match=r"state\.json: expected a JSON object.*delete the folder"):
        run(root)
    assert catalog(root).has_session("s1")


# ------------------------------------------------------------------ sessions that cannot be read
def broken_lab(make_lab: MakeLab) -> Path:
    root = make_lab(3)
    edit(root / "s2_labels.csv", "5.0,6.0", "5.0,soon")
    return root


def test_a_session_that_cannot_be_read_is_kept_and_flagged(make_lab: MakeLab) -> None:
    root = broken_lab(make_lab)
    report = run(root)
    assert report.ingested == ("s1", "s3")
    ((name, message),) = report.failed
    assert name == "s2"
    assert message.startswith("s2_labels.csv, line 3, column 'stop': Expected a number")
    assert "'soon'" in message
    flags = catalog(root).load("flags").row(0, named=True)
    assert (flags["code"], flags["excludes"], flags["message"]) == ("unreadable", True, message)
    sessions = catalog(root).load("sessions").sort("session_id")
    assert sessions["excluded"].to_list() == [False, True, False]
    assert sessions["group"].to_list() == ["drug", "control", "drug"]
    assert set(catalog(root).load("bouts")["session_id"]) == {"s1", "s3"}


def test_a_failed_session_is_tried_again_and_named_again(make_lab: MakeLab) -> None:
    root = broken_lab(make_lab)
    first, second = run(root), run(root)
    assert second.failed == first.failed
    assert (second.ingested, second.unchanged) == ((), ("s1", "s3"))


def test_mending_the_file_clears_the_flag(make_lab: MakeLab) -> None:
    root = broken_lab(make_lab)
    run(root)
    edit(root / "s2_labels.csv", "soon", "6.0")
    report = run(root)
    assert (report.ingested, report.failed) == (("s2",), ())
    assert catalog(root).load("flags").is_empty()
    assert not catalog(root).load("sessions")["excluded"].any()
    assert set(catalog(root).load("bouts")["session_id"]) == {"s1", "s2", "s3"}


def test_a_session_that_breaks_loses_its_old_rows(make_lab: MakeLab) -> None:
    root = make_lab(2)
    run(root)
    edit(root / "s2_labels.csv", "5.0,6.0", "5.0,soon")
    run(root)
    for table in ("bouts", "tracks", "kinematics", "segments", "descriptions", "coverage", "zones"):
        assert set(catalog(root).scan(table).collect()["session_id"]) == {"s1"}, table


def test_messages_name_files_outside_the_folder_as_seen_from_it(make_lab: MakeLab) -> None:
    root = broken_lab(make_lab)
    other = root.parent / "recordings"
    other.mkdir()
    (root / "s2_labels.csv").rename(other / "s2_labels.csv")
    edit(root / "sessions.csv", "s2_labels.csv", "../recordings/s2_labels.csv")
    edit(root / "experiment.toml", "[defaults]", 'allow_roots = ["../recordings"]\n[defaults]')
    ((_, message),) = run(root).failed
    assert message.startswith("../recordings/s2_labels.csv, line 3")
    assert str(root.parent) not in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_fails_its_session_only(make_lab: MakeLab) -> None:
    root = make_lab(2)
    (root / "s1.csv").chmod(0)
    report = run(root)
    assert [name for name, _ in report.failed] == ["s1"]
    assert report.ingested == ("s2",)


# ------------------------------------------------------------------ several trackers
COMPARISON = """[[inputs]]
kind = "pose"
column = "second"
format = "centroid"
name = "second tracker"

[arena]"""


def two_trackers(make_lab: MakeLab, second: str) -> Path:
    """One session; the second tracker gives ``second``, a csv of frame, x, y."""
    root = make_lab(1)
    edit(root / "experiment.toml", "[arena]", COMPARISON)
    edit(root / "sessions.csv", "pose,labels\n", "pose,labels,second\n")
    edit(root / "sessions.csv", "s1_labels.csv", "s1_labels.csv,second.csv")
    (root / "second.csv").write_text(second, encoding="utf-8")
    return root


def test_a_second_tracker_does_not_exclude_the_session(make_lab: MakeLab) -> None:
    root = two_trackers(make_lab, "frame,x,y\n" + "".join(f"{k},NA,NA\n" for k in range(250)))
    report = run(root)
    flag = catalog(root).load("flags").row(0, named=True)
    assert (flag["code"], flag["excludes"]) == ("no_animal", False)
    assert report.failed == ()
    assert report.flagged == (("s1", flag["message"]),)
    assert not catalog(root).load("sessions")["excluded"].any()


def test_the_first_tracker_does_exclude_it(make_lab: MakeLab) -> None:
    root = two_trackers(make_lab, "frame,x,y\n" + "".join(f"{k},100,100\n" for k in range(250)))
    text = (root / "s1.csv").read_text(encoding="utf-8").splitlines()
    (root / "s1.csv").write_text(
        "\n".join([*text[:3], *(f"{k}" + "," * 9 for k in range(250))]) + "\n", encoding="utf-8"
    )
    run(root)
    assert catalog(root).load("flags").filter(excludes=True)["code"].to_list() == ["no_animal"]
    assert catalog(root).load("sessions")["excluded"].all()


def test_rows_may_be_absent_where_the_file_numbers_its_frames(
    make_lab: MakeLab, draw_video: Callable[..., Path]
) -> None:
    root = make_lab(1)
    edit(
        root / "experiment.toml",
        'kind = "pose"\ncolumn = "pose"',
        'kind = "pose"\ncolumn = "pose"\nformat = "centroid"\n[[inputs]]\nkind = "video"\ncolumn = "video"',
    )
    edit(root / "sessions.csv", "pose,labels\n", "pose,labels,video\n")
    edit(root / "sessions.csv", "s1_labels.csv", "s1_labels.csv,s1.mp4")
    draw_video(root / "s1.mp4", 250)
    numbered = [k for k in range(150) if k % 3]  # a third of the rows is absent, and the last 100 frames
    (root / "s1.csv").write_text(
        "frame,x,y\n" + "".join(f"{k},100,{k}\n" for k in numbered), encoding="utf-8"
    )
    run(root)
    assert catalog(root).load("flags").is_empty()
    (root / "s1.csv").write_text("x,y\n" + "".join(f"100,{k}\n" for k in numbered), encoding="utf-8")
    run(root)
    assert catalog(root).load("flags")["code"].to_list() == ["frame_count_differs"]


# ------------------------------------------------------------------ hashes
def test_an_unchanged_file_is_read_once(tmp_path: Path) -> None:
    path, kept = tmp_path / "a.csv", tmp_path / "hashes.json"
    path.write_text("one")
    hashes = FileHashes(kept)
    first = hashes.of(path)
    stat = path.stat()
    stored = {str(path): [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, "remembered"]}
    kept.write_text(json.dumps(stored))
    assert FileHashes(kept).of(path) == "remembered"
    path.write_text("two")
    assert FileHashes(kept).of(path) not in ("remembered", first)


def test_a_file_that_changed_a_moment_ago_is_not_remembered(tmp_path: Path) -> None:
    path, kept = tmp_path / "a.csv", tmp_path / "hashes.json"
    path.write_text("one")
    hashes = FileHashes(kept)
    hashes.of(path)
    hashes.save([path])
    assert not kept.exists()
    time.sleep(2.1)
    hashes.save([path])
    assert list(json.loads(kept.read_text())) == [str(path)]


@pytest.mark.parametrize("content", ["", "{garbage", "[]", "3", '{"PATH": 3}', '{"PATH": [1, 2]}'])
def test_a_damaged_memory_of_hashes_is_made_anew(tmp_path: Path, content: str) -> None:
    path, kept = tmp_path / "a.csv", tmp_path / "hashes.json"
    path.write_text("one")
    kept.write_text(content.replace("PATH", str(path)))
    hashes = FileHashes(kept)
    assert hashes.of(path) == FileHashes(tmp_path / "none").of(path)
    hashes.save([path])


def test_hashes_of_files_that_are_no_input_any_more_are_forgotten(make_lab: MakeLab) -> None:
    root = make_lab(2)
    time.sleep(2.1)
    run(root)
    assert len(json.loads((root / ".ethochat" / HASHES_FILE).read_text())) == 4
    edit(root / "sessions.csv", "s2.csv,", ",")
    run(root)
    assert len(json.loads((root / ".ethochat" / HASHES_FILE).read_text())) == 3


def test_the_fingerprint_depends_on_the_code(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = load_experiment(make_lab(1))
    hashes = FileHashes(experiment.root / "none")
    before = fingerprint(experiment, experiment.sessions[0], hashes)
    assert before == fingerprint(experiment, experiment.sessions[0], hashes)
    assert code_digest() == code_digest()
    monkeypatch.setattr("ethochat.index.ingest.code_digest", lambda: "other code")
    assert fingerprint(experiment, experiment.sessions[0], hashes) != before


# ------------------------------------------------------------------ kept silhouettes
def test_a_video_is_tracked_once(tmp_path: Path, draw_video: Callable[..., Path]) -> None:
    video = draw_video(tmp_path / "a.mp4")
    steps: list[int] = []
    cache = SilhouetteCache(folder=tmp_path / "kept", hash_of=FileHashes(tmp_path / "none").of)
    first = cache.follow(video, lambda done, total: steps.append(done))
    assert steps
    steps.clear()
    second = cache.follow(video, lambda done, total: steps.append(done))
    assert steps == []
    for name in ("source", "individuals", "keypoints", "fps", "unit", "first_frame"):
        assert getattr(first, name) == getattr(second, name)
    for name in ("position", "confidence", "area_px2", "orientation_deg"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_another_video_or_a_damaged_file_is_tracked_anew(
    tmp_path: Path, draw_video: Callable[..., Path]
) -> None:
    video, kept = draw_video(tmp_path / "a.mp4"), tmp_path / "kept"
    cache = SilhouetteCache(folder=kept, hash_of=FileHashes(tmp_path / "none").of)
    cache.follow(video)
    (file,) = kept.iterdir()
    file.write_bytes(b"half a file")
    assert cache.follow(video).position.shape[0] == 100
    draw_video(video, 60)
    assert cache.follow(video).position.shape[0] == 60
    assert len(list(kept.iterdir())) == 2
    cache.keep_only([video, tmp_path / "gone.mp4"])
    assert len(list(kept.iterdir())) == 1


def test_a_changed_row_does_not_track_the_video_again(
    make_lab: MakeLab, draw_video: Callable[..., Path]
) -> None:
    root = make_lab(1)
    edit(root / "experiment.toml", 'kind = "pose"\ncolumn = "pose"', 'kind = "video"\ncolumn = "pose"')
    edit(root / "sessions.csv", "s1.csv", "s1.mp4")
    draw_video(root / "s1.mp4")
    told: list[str] = []
    run(root, lambda step, done, total: told.append(step))
    assert "tracking s1" in told
    before = catalog(root).load("tracks")
    told.clear()
    edit(root / "sessions.csv", "drug", "control")
    assert run(root, lambda step, done, total: told.append(step)).ingested == ("s1",)
    assert "tracking s1" not in told
    assert catalog(root).load("tracks").equals(before)
    assert isinstance(catalog(root).load("tracks"), pl.DataFrame)
