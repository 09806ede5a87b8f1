"""Every number of the fact tables that the tools can give, from the recordings' own files to the tool's answer.

The facts were computed without ethochat and agree with what the data sets' authors published. Each data set is
written as an experiment and ingested (tables only, no vectors, no silhouettes: a few seconds each).
"""

from __future__ import annotations

import csv
import importlib.util
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest

from ethochat.agent.run import open_context
from ethochat.index.catalog import Catalog
from ethochat.index.experiment import load_experiment
from ethochat.index.ingest import ingest_sessions
from ethochat.tools import tool_named
from ethochat.tools.evidence import Evidence, TestResult

pytestmark = pytest.mark.data

PROJECT = Path(__file__).parents[2]
SIX_DIGITS = 5e-7
"""Half a unit of the sixth significant digit, at worst."""

Row = dict[str, str]
Run = Callable[..., Evidence]


def read_rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """The script that describes the data sets as experiments."""
    path = PROJECT / "benchmarks" / "experiments" / "build.py"
    spec = importlib.util.spec_from_file_location("build_published", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def ingest_tables(root: Path) -> None:
    """Read a folder's recordings into tables."""
    experiment = load_experiment(root)
    experiment.data_dir.mkdir()
    report = ingest_sessions(experiment, Catalog(experiment.data_dir), lambda *_: None)
    assert report.failed == ()


@pytest.fixture(scope="module")
def tool(build: ModuleType, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Call a tool on a data set, which is ingested when it is asked first."""
    root, contexts = tmp_path_factory.mktemp("published"), {}

    def run(data_set: str, name: str, /, **arguments: Any) -> Evidence:
        if data_set not in contexts:
            build.write_experiment(data_set, real_data, root / data_set)
            settings = root / data_set / "experiment.toml"
            text = settings.read_text(encoding="utf-8").replace("silhouette = true", "silhouette = false")
            settings.write_text(text, encoding="utf-8")
            ingest_tables(root / data_set)
            contexts[data_set] = open_context(root / data_set)
        return tool_named(name).run(contexts[data_set], arguments)

    return run


def numbers(evidence: Evidence, *keys: str) -> dict[Any, Any]:
    """Values by what they are of: a single key, or a tuple of several."""

    def of(value: Any) -> Any:
        found = tuple(value.group.get(key) or getattr(value, key, None) for key in keys)
        return found if len(found) > 1 else found[0]

    return {of(value): value.value for value in evidence.values}


# ------------------------------------------------------------------ group tests
def compared(tool: Run, data_set: str, metric: str, groups: list[str], test: str = "auto") -> TestResult:
    evidence = tool(
        data_set, "compare_groups", measure=metric, group_column="Condition", groups=groups, test=test
    )
    (result,) = evidence.tests
    return result


def test_group_tests_of_the_open_field_to_six_digits(tool: Run, real_data: Path) -> None:
    facts = read_rows(real_data / "ethz_oft_csi/facts/facts_groupstats_CSI_vs_Control.csv")
    assert len(facts) == 41
    groups = ["CSI", "Control"]
    for fact in facts:
        result = compared(tool, "ethz_oft_csi", fact["metric"], groups)
        assert result.name == "welch_t"
        assert {name: group.n for name, group in result.groups.items()} == {"CSI": 30, "Control": 29}
        found = {
            "mean_CSI": result.groups["CSI"].mean,
            "sd_CSI": result.groups["CSI"].sd,
            "mean_Control": result.groups["Control"].mean,
            "sd_Control": result.groups["Control"].sd,
            "t": result.statistic,
            "df": result.df,
            "p_welch": result.p_value,
            "cohen_d": result.effect_size["cohens_d"],
            "p_mwu": compared(tool, "ethz_oft_csi", fact["metric"], groups, "mann_whitney_u").p_value,
        }
        expected = {name: float(fact[name]) for name in found}
        assert found == pytest.approx(expected, rel=SIX_DIGITS), fact["metric"]


def test_medians_and_students_test_of_the_open_field(tool: Run, real_data: Path) -> None:
    from scipy import stats

    data = real_data / "ethz_oft_csi"
    condition = {
        row["DLCFile"]: row["Condition"]
        for row in pl.read_csv(data / "metadata/Example_metadata.csv", separator=";").iter_rows(named=True)
    }
    table = pl.read_csv(data / "tables/CSI_example__report_raw.csv")
    group = np.array([condition[name] for name in table["file"]])
    for metric in table.columns[1:]:
        values = table[metric].cast(pl.Float64).to_numpy()
        csi, control = values[group == "CSI"], values[group == "Control"]
        result = compared(tool, "ethz_oft_csi", metric, ["CSI", "Control"], "student_t")
        student = stats.ttest_ind(csi, control)
        assert (result.statistic, result.p_value) == pytest.approx(tuple(student), rel=SIX_DIGITS), metric
        medians = {name: summary.median for name, summary in result.groups.items()}
        assert medians == pytest.approx({"CSI": np.median(csi), "Control": np.median(control)})


def test_the_41_metrics_as_one_family(tool: Run, real_data: Path) -> None:
    facts = read_rows(real_data / "ethz_oft_csi/facts/facts_groupstats_CSI_vs_Control.csv")
    evidence = tool(
        "ethz_oft_csi", "compare_many", of="metrics", group_column="Condition", groups=["CSI", "Control"]
    )
    found = {test.measure: test.corrected["fdr_by"] for test in evidence.tests}
    expected = {fact["metric"]: float(fact["FDR_BY"]) for fact in facts}
    assert found == pytest.approx(expected, rel=SIX_DIGITS)
    assert {test.n_tests for test in evidence.tests} == {41}


def test_fold_changes_of_the_open_field(tool: Run, real_data: Path) -> None:
    for fact in read_rows(real_data / "ethz_oft_csi/facts/facts_groupstats_CSI_vs_Control.csv"):
        evidence = tool(
            "ethz_oft_csi",
            "measure",
            measure=fact["metric"],
            group_by=["Condition"],
            combine="ratio",
            combine_of=["CSI", "Control"],
        )
        assert evidence.values[0].value == pytest.approx(float(fact["FC"]), rel=SIX_DIGITS), fact["metric"]


def test_group_tests_of_yohimbine_to_six_digits(tool: Run, real_data: Path) -> None:
    facts = read_rows(real_data / "facts/yohimbine_group_tests.csv")
    assert len(facts) == 8
    for fact in facts:
        groups = [fact["group_a"], fact["group_b"]]
        result = compared(tool, "ethz_yohimbine", fact["metric"], groups)
        first, second = (result.groups[name] for name in groups)
        found = {
            "n_a": first.n,
            "mean_a": first.mean,
            "sd_a": first.sd,
            "n_b": second.n,
            "mean_b": second.mean,
            "sd_b": second.sd,
            "welch_t": result.statistic,
            "df": result.df,
            "p_welch": result.p_value,
            "p_mwu": compared(tool, "ethz_yohimbine", fact["metric"], groups, "mann_whitney_u").p_value,
        }
        expected = {name: float(fact[name]) for name in found}
        assert found == pytest.approx(expected, rel=SIX_DIGITS), fact["metric"]


# ------------------------------------------------------------------ labels of the classifier
def majority(labels: np.ndarray, half: int) -> np.ndarray:
    """Give each frame the label that is most frequent in its window of ``2 * half + 1`` frames.

    ``SmoothLabel`` of BehaviorFlow (von Ziegler et al. 2024), which its published counts come from: of equally
    frequent labels the one that the recording shows first wins, and frames without a label do not vote.
    """
    names = list(dict.fromkeys(labels.tolist()))
    votes = np.zeros((len(names), len(labels)), dtype=np.int64)
    for place, name in enumerate(names):
        if name != "NA":
            total = np.concatenate([[0], np.cumsum(labels == name)])
            stop = np.minimum(np.arange(len(labels)) + half + 1, len(labels))
            votes[place] = total[stop] - total[np.maximum(np.arange(len(labels)) - half, 0)]
    return np.array(names)[votes.argmax(axis=0)]


SMOOTHED_TOML = """[experiment]
name = "Rearing, smoothed"

[defaults]
fps = 25

[[inputs]]
kind = "annotations"
column = "labels"
format = "frame_labels"
source_kind = "automated"
[inputs.options]
columns = ["rear"]
missing = ["NA"]
start_frame = 300
"""


@pytest.fixture(scope="module")
def smoothed(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, set[str]]]:
    """The classifier's labels of all 59 recordings, smoothed over five frames either way as published.

    With it the behaviors by which a recording both begins and ends.
    """
    root, around = tmp_path_factory.mktemp("smoothed"), {}
    files = sorted((real_data / "ethz_oft_csi/auto_labels").glob("*.csv"))
    for path in files:
        table = pl.read_csv(path, separator=";", infer_schema=False)
        labels = majority(table["rear.classifier"].to_numpy(), 5)
        seen = labels[labels != "NA"]
        around[path.name] = {str(seen[0])} & {str(seen[-1])}
        (root / path.name).write_text("\n".join(["rear", *labels, ""]), encoding="utf-8")
    lines = [f"{path.name},{path.name}" for path in files]
    (root / "sessions.csv").write_text("\n".join(["session_id,labels", *lines, ""]), encoding="utf-8")
    (root / "experiment.toml").write_text(SMOOTHED_TOML, encoding="utf-8")
    ingest_tables(root)
    return root, around


def test_published_rearing_counts(smoothed: tuple[Path, dict[str, set[str]]], real_data: Path) -> None:
    root, around = smoothed
    facts = read_rows(real_data / "ethz_oft_csi/facts/facts_rear_smoothed_per_file.csv")
    behaviors = ("None", "Supported", "Unsupported")
    # BehaviorFlow counts the changes into and out of a behavior and halves them (``CalculateMetrics``), which
    # is one bout too few where the recording begins and ends with it.
    expected = {
        (fact["DLCFile"], behavior): (
            float(fact[f"{behavior}.count"]) + (behavior in around[fact["DLCFile"]]),
            float(fact[f"{behavior}.nframes"]),
        )
        for fact in facts
        for behavior in behaviors
    }
    context = open_context(root)
    counts, frames = (
        numbers(
            tool_named("measure").run(context, {**arguments, "group_by": ["session_id", "behavior"]}),
            "session_id",
            "behavior",
        )
        for arguments in ({"measure": "bout_count"}, {"measure": "total_duration", "unit": "frames"})
    )
    assert {key: (counts[key], frames[key]) for key in counts} == expected
    # The README of BehaviorFlow prints six numbers of each of the first six recordings, by file name.
    first = sorted(fact["DLCFile"] for fact in facts)
    printed = [name for name in first if name[:3] in ("1_0", "10_", "11_", "12_", "13_", "14_")]
    assert 2 * sum(name in printed for name, _ in expected) == 36


# ------------------------------------------------------------------ labels of people
def marked_ms(path: Path) -> dict[tuple[str, str, str], int]:
    """Milliseconds that each rater marks, (recording, rater, behavior); what is marked twice counts once."""
    table = pl.read_csv(path, separator=";", infer_schema=False)
    painted: dict[tuple[str, str, str], np.ndarray] = {}
    for row in table.iter_rows(named=True):
        key = (row["ID"], row["Experimenter"], row["type"])
        try:
            start, stop = round(1000 * float(row["from"])), round(1000 * float(row["to"]))
        except (TypeError, ValueError):  # marks such as the end of a recording have no end
            continue
        painted.setdefault(key, np.zeros(700_000, dtype=np.bool_))[start:stop] = True
    return {key: int(grid.sum()) for key, grid in painted.items()}


LABELED = {
    "ethz_oft_csi": (
        "ethz_oft_csi/human_labels/AllLabDataOFT_final.csv",
        "ethz_oft_csi/facts/facts_oft_bouts_per_file_rater.csv",
        240,
    ),
    "ethz_fst_labels": ("ethz_fst_labels/AllFSTLables.csv", "facts/facts_fst_bouts_per_file_rater.csv", 40),
}


@pytest.mark.parametrize("data_set", LABELED)
def test_bouts_per_recording_and_rater(tool: Run, real_data: Path, data_set: str) -> None:
    labels, table, n = LABELED[data_set]
    facts = read_rows(real_data / table)
    keys = [(fact["ID"], fact["Experimenter"], fact["type"]) for fact in facts]
    assert len(set(keys)) == n
    common = {
        "behaviors": sorted({fact["type"] for fact in facts}),
        "sources": ["manual"],
        "group_by": ["session_id", "source", "behavior"],
    }

    def found(**more: Any) -> dict[Any, Any]:
        return numbers(tool(data_set, "measure", **common, **more), "session_id", "source", "behavior")

    assert found(measure="bout_count") == {
        key: float(fact["bouts"]) for key, fact in zip(keys, facts, strict=True)
    }
    # The facts add up the bouts as listed, where a rater marked some moments twice …
    listed = {key: float(fact["total_s"]) for key, fact in zip(keys, facts, strict=True)}
    assert found(measure="bout_duration", statistics=["sum"]) == pytest.approx(listed, abs=1e-6)
    # … and a total duration counts every moment once.
    once = marked_ms(real_data / labels)
    united = {key: once.get(key, 0) / 1000 for key in keys}
    assert found(measure="total_duration") == pytest.approx(united, abs=1e-6)
    assert all(united[key] <= listed[key] + 1e-6 for key in keys)


@pytest.mark.parametrize(
    ("data_set", "table"),
    [
        ("ethz_oft_csi", "ethz_oft_csi/facts/facts_oft_interrater.csv"),
        ("ethz_fst_labels", "facts/facts_fst_interrater.csv"),
    ],
)
def test_agreement_of_raters(tool: Run, real_data: Path, data_set: str, table: str) -> None:
    for fact in read_rows(real_data / table):
        pair = [fact["rater_a"], fact["rater_b"]]
        evidence = tool(data_set, "agreement", behaviors=[fact["type"]], sources=pair, fps=25)
        found = numbers(evidence, "statistic")
        expected = (float(fact["frame_F1"]), float(fact["kappa"]))
        # The facts have three decimals.
        assert (found["f1"], found["kappa"]) == pytest.approx(expected, abs=0.0005), fact


@pytest.mark.parametrize(
    ("data_set", "table"),
    [
        ("ethz_oft_csi", "ethz_oft_csi/facts/facts_oft_interrater.csv"),
        ("ethz_fst_labels", "facts/facts_fst_interrater.csv"),
    ],
)
def test_totals_of_raters(tool: Run, real_data: Path, data_set: str, table: str) -> None:
    for fact in read_rows(real_data / table):
        for side in "ab":
            common = {"behaviors": [fact["type"]], "sources": [fact[f"rater_{side}"]], "statistics": ["sum"]}
            (count,) = tool(data_set, "measure", measure="bout_count", **common).values
            (total,) = tool(data_set, "measure", measure="bout_duration", **common).values
            assert (count.value, round(float(total.value or 0), 1)) == (
                float(fact[f"bouts_{side}"]),
                float(fact[f"total_s_{side}"]),
            )


def test_time_budget_of_two_animals_to_the_frame(tool: Run, real_data: Path) -> None:
    facts = read_rows(real_data / "facts/ri_social_time_budget.csv")
    for measure, column in (("bout_count", "bouts"), ("total_duration", "frames")):
        evidence = tool(
            "ri_social", "measure", measure=measure, group_by=["session_id", "source", "behavior"]
        )
        found = numbers(evidence, "session_id", "source", "behavior")
        expected = {
            (f"ri_{fact['session']}", fact["channel"], fact["label"]): float(fact[column]) for fact in facts
        }
        assert {key: found[key] for key in expected} == expected
        assert {key for key, value in found.items() if value} == set(expected)


def test_time_budget_of_home_cages_to_the_second(tool: Run, real_data: Path) -> None:
    facts = read_rows(real_data / "facts/abode_time_budget.csv")
    evidence = tool(
        "abode", "measure", measure="total_duration", group_by=["session_id", "individual", "behavior"]
    )
    found = numbers(evidence, "session_id", "individual", "behavior")
    expected = {
        (f"abode_cage_{fact['CageID']}", fact["mouse"], fact["b"]): float(fact["seconds"]) for fact in facts
    }
    assert {key: found[key] for key in expected} == expected
    assert {key for key, value in found.items() if value} == set(expected)


# ------------------------------------------------------------------ tracks
def test_sessions_of_two_animals(tool: Run, real_data: Path) -> None:
    facts = {f"ri_{fact['session']}": fact for fact in read_rows(real_data / "facts/ri_social_sessions.csv")}
    frames = numbers(tool("ri_social", "measure", measure="n_frames", group_by=["session_id"]), "session_id")
    # The first frame of session 1 is empty; the facts' reader took that row for part of the header.
    lost = {name: 1 if name == "ri_1" else 0 for name in facts}
    assert frames == {name: int(fact["pose_rows"]) + lost[name] for name, fact in facts.items()}
    missing = numbers(
        tool(
            "ri_social",
            "measure",
            measure="percent_missing",
            keypoints=["body"],
            min_confidence=0,
            group_by=["session_id", "individual"],
        ),
        "session_id",
        "individual",
    )
    for name, fact in facts.items():
        for individual in (1, 2):
            absent = float(fact[f"nan_frac_ind{individual}_body"]) * int(fact["pose_rows"]) + lost[name]
            share = 100 * absent / frames[name]
            assert missing[name, f"individual{individual}"] == pytest.approx(share, rel=1e-9)
    bouts = tool(
        "ri_social",
        "measure",
        measure="bout_count",
        behaviors=["base", "social", "aggression", "nonsocial"],
        sources=["S1"],
        group_by=["session_id"],
    )
    assert numbers(bouts, "session_id") == {name: float(fact["S1_n"]) for name, fact in facts.items()}


def body_distances(path: Path) -> np.ndarray:
    """Distance of the two animals' ``body`` in every row of a pose file; NaN where one is missing."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))
    names, points, axes = rows[1], rows[2], rows[3]
    place = {(names[k], points[k], axes[k]): k for k in range(1, len(names))}

    def column(individual: str, axis: str) -> np.ndarray:
        cells = (row[place[individual, "body", axis]] for row in rows[4:])
        return np.array([float(cell) if cell else np.nan for cell in cells])

    apart = [column("individual1", axis) - column("individual2", axis) for axis in "xy"]
    return np.hypot(*apart)


def test_distance_of_two_animals_by_what_they_do(tool: Run, real_data: Path) -> None:
    common = {
        "measure": "pair_distance",
        "keypoints": ["body"],
        "min_confidence": 0,
        "statistics": ["median"],
        "group_by": ["session_id"],
    }
    whole = numbers(tool("ri_social", "measure", **common), "session_id")
    parts = {
        behavior: numbers(
            tool("ri_social", "measure", **common, behaviors=[behavior], sources=["S1"]), "session_id"
        )
        for behavior in ("aggression", "social", "nonsocial", "base")
    }
    for fact in read_rows(real_data / "facts/ri_social_sessions.csv"):
        name = f"ri_{fact['session']}"
        (path,) = (real_data / "ri_social/pose").glob(f"{fact['session']}DLC*.csv")
        apart = float(np.nanmedian(body_distances(path)))
        # Positions are kept in single precision, to 1e-4 px.
        assert whole[name] == pytest.approx(apart, abs=1e-3)
        # Session 1 of the facts is a frame late (see above), by which its medians move a little.
        tolerance = 0.6 if name == "ri_1" else 1e-3
        assert whole[name] == pytest.approx(float(fact["median_bodydist_px"]), abs=tolerance)
        for behavior, found in parts.items():
            if fact[f"dist_{behavior}"]:
                assert found[name] == pytest.approx(float(fact[f"dist_{behavior}"]), abs=tolerance)
            else:
                assert name not in found or found[name] is None


TRIAL_ZONES = ("Arena", "round object left", "round object right", "floor", "wall")


def test_trials_of_ethovision(tool: Run, real_data: Path) -> None:
    def found(**arguments: Any) -> Evidence:
        group_by = ["session_id", *arguments.pop("also_by", [])]
        return tool("nort_ethovision", "measure", group_by=group_by, include_excluded=True, **arguments)

    frames = numbers(found(measure="n_frames"), "session_id")
    path = numbers(found(measure="distance", keypoints=["center"], interpolate=False), "session_id")
    speed = numbers(found(measure="mean_speed", keypoints=["center"], interpolate=False), "session_id")
    lost = numbers(found(measure="percent_missing", keypoints=["center"]), "session_id")
    inside = numbers(
        found(measure="total_duration", unit="frames", sources=["EthoVision"], also_by=["behavior"]),
        "session_id",
        "behavior",
    )
    facts = read_rows(real_data / "facts/nort_trials.csv")
    assert len(facts) == 7
    for fact in facts:
        name = f"nort_{fact['experiment'][-8:]}_Trial{fact['tn']}"
        assert frames[name] == int(fact["n"])
        assert f"{lost[name]:.1f} %" == fact["notfound"]
        assert path[name] == pytest.approx(float(fact["dist_xy_cm"]), abs=0.0051)
        # EthoVision divides by its own rounded time step.
        assert speed[name] == pytest.approx(float(fact["meanv"]), rel=0.01)
        for point in ("Center-point", "Nose-point"):
            for zone in TRIAL_ZONES:
                n = round(float(fact[f"In zone({zone} / {point})"]) / float(fact["dt"]))
                assert inside[name, f"{point} in {zone}"] == n


def spread(fact: str) -> list[float]:
    """Numbers of a fact that is written as one text."""
    return [float(part) for part in fact.replace("/", ";").split(";")]


def listed(evidence: Evidence, names: Iterable[str], key: str) -> list[Any]:
    found = numbers(evidence, key)
    return [found[name] for name in names]


def test_facts_of_videos_and_poses(tool: Run, real_data: Path) -> None:
    facts = {
        (row["session_id"], row["fact"]): spread(row["value"])
        for row in read_rows(real_data / "facts/video_pose_facts.csv")
        if "toxtrac ->" not in row["fact"]
    }
    mice, points = ("mouse1", "mouse2", "mouse3"), ("snout", "leftear", "rightear", "tailbase")
    pairs = ("mouse1-mouse2", "mouse1-mouse3", "mouse2-mouse3")

    def openfield(**arguments: Any) -> list[Any]:
        return listed(
            tool("dlc_openfield", "measure", keypoints=list(points), **arguments), points, "keypoint"
        )

    def mabe(key: str, names: Iterable[str], **arguments: Any) -> list[Any]:
        return listed(tool("amadeus_mabe3", "measure", **arguments), names, key)

    def fact(session: str, start: str) -> list[float]:
        (found,) = (
            value for (name, text), value in facts.items() if (name, text[: len(start)]) == (session, start)
        )
        return found

    dlc, back = "dlc_m3v1", {"keypoints": ["center back"]}
    fps, duration = fact(dlc, "fps; duration")
    assert tool("dlc_openfield", "measure", measure="fps").values[0].value == pytest.approx(fps, abs=5e-5)
    assert tool("dlc_openfield", "measure", measure="duration").values[0].value == pytest.approx(
        duration, abs=5e-4
    )
    shares = [100 * share for share in fact(dlc, "fraction")]
    assert openfield(measure="percent_tracked", min_confidence=0.9) == pytest.approx(shares, abs=5e-3)
    assert openfield(measure="distance", min_confidence=0) == pytest.approx(
        fact(dlc, "path px raw"), abs=0.051
    )
    bridged = openfield(measure="distance", min_confidence=0.9, interpolate=True)
    assert bridged == pytest.approx(fact(dlc, "path px, likelihood"), abs=0.051)

    session = "mabe3_EGS8X2MN4SSUGFWAV976"
    lost = tool("amadeus_mabe3", "measure", measure="missing_frames", group_by=["individual"])
    of_track = {v.group["individual"]: v.value for v in lost.values if v.group["frames"] == "of the track"}
    assert [of_track[name] for name in mice] == fact(session, "frames with all 12")
    walked = mabe("individual", mice, measure="distance", interpolate=True, group_by=["individual"], **back)
    assert walked == pytest.approx(fact(session, "path px 'center back', zeros masked"), abs=0.051)
    apart = mabe("pair", pairs, measure="pair_distance", statistics=["mean"], **back)
    assert apart == pytest.approx(fact(session, "pair distance"), abs=0.0051)
    near = mabe("pair", pairs, measure="time_near", max_distance=40, unit="frames", **back)
    assert near == fact(session, "frames <40 px")

    _, *rows = fact("tracktor_mouse", "video frames")
    trackers = ("Tracktor", "idTracker", "ToxTrac")
    tracked = tool("tracktor_mouse", "measure", measure="n_frames", group_by=["source"])
    gaps = {
        value.group["source"]: value.value
        for value in tool(
            "tracktor_mouse", "measure", measure="missing_frames", group_by=["source"], sources=list(trackers)
        ).values
        if value.group.get("frames", "of the track") == "of the track"
    }
    n_tracked = listed(tracked, trackers, "source")
    assert [n - gaps[name] for n, name in zip(n_tracked, trackers, strict=True)] == rows
    paths = tool("tracktor_mouse", "measure", measure="distance", interpolate=True, group_by=["source"])
    expected = fact("tracktor_mouse", "path px")
    assert listed(paths, trackers[:2], "source") == pytest.approx(expected, abs=0.051)
    differ = tool("tracktor_mouse", "agreement", sources=list(trackers[:2]), statistics=["median_distance"])
    assert differ.values[0].value == pytest.approx(fact("tracktor_mouse", "median px")[0], abs=0.0051)

    n_frames, _, confident = fact("EPM_15_short", "frames; px_per_cm")
    (frames,) = tool("ethz_epm_pose", "measure", measure="n_frames").values
    (share,) = tool(
        "ethz_epm_pose", "measure", measure="percent_tracked", keypoints=["bodycentre"], min_confidence=0.95
    ).values
    assert (frames.value, share.value) == (n_frames, pytest.approx(100 * confident, abs=0.0051))
    (moved,) = tool("epm_tracker_example", "measure", measure="distance").values
    assert moved.value == pytest.approx(fact("epm_test3", "path px")[0], abs=0.0051)
