"""The words of three invented experiments; no tables are behind them.

``lab`` has everything: two treatments, sexes, doses, two raters and a classifier, zones, keypoints and imported metrics.
``pair`` has two tracked animals and nothing else. ``plain`` has one rater and no groups.
"""

from __future__ import annotations

import pytest

from ethochat.agent.builtin.vocabulary import Entry, Vocabulary


@pytest.fixture(scope="session")
def lab() -> Vocabulary:
    words = Vocabulary(
        behaviors={"grooming": ("auto", "kim", "lee"), "wall rear": ("kim", "lee"), "free rear": ("kim", "lee"), "running": ("rules",)},
        sources={"kim": "manual", "lee": "manual", "auto": "automated", "rules": "rule"},
        trackers=("dlc",),
        sessions=("T_1", "T_2", "T_12"),
        subjects=("A-101", "A-102", "A-112"),
        individuals=("",),
        zones=("center", "left object"),
        keypoints=("nose", "leftear", "rightear", "tailbase"),
        metrics=("body.center.total.time", "body.raw.distance", "body.corners.total.time", "labels.grooming.count"),
        columns={"treatment": ("saline", "psilocybin"), "sex": ("female", "male"), "dose": ("0", "1", "3"), "test_date": ("2025-03-07", "2025-03-08")},
        numeric_columns=("dose",),
    )  # fmt: skip
    for kind, names in (
        ("session", words.sessions), ("subject", words.subjects), ("keypoint", words.keypoints), ("zone", words.zones),
        ("metric", words.metrics), ("source", (*words.sources, *words.trackers)), ("behavior", words.behaviors), ("column", words.columns),
    ):  # fmt: skip
        for name in names:
            words.add(Entry(kind, name), name)
    for column in ("treatment", "sex", "test_date"):
        for value in words.columns[column]:
            words.add(Entry("value", value, column=column), value)
    words.add(Entry("category", "rearing", members=("wall rear", "free rear")), "rearing")
    words.add(Entry("zone", "center"), "middle of the arena")
    return words


@pytest.fixture(scope="session")
def pair() -> Vocabulary:
    words = Vocabulary(
        trackers=("sleap",),
        sessions=("duo_1",),
        individuals=("red", "blue"),
        keypoints=("nose", "center back"),
    )
    for kind, names in (
        ("session", words.sessions),
        ("individual", words.individuals),
        ("keypoint", words.keypoints),
    ):
        for name in names:
            words.add(Entry(kind, name), name)
    return words


@pytest.fixture(scope="session")
def plain() -> Vocabulary:
    words = Vocabulary(
        behaviors={"freezing": ("mia",), "1": ("kmeans",), "2": ("kmeans",)}, sources={"mia": "manual", "kmeans": "automated"}, sessions=("s1", "s2"),
    )  # fmt: skip
    for name in words.behaviors:
        words.add(Entry("behavior", name), name)
    return words
