from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ethochat.index.ingest import ingest
from ethochat.index.sample import write_sample


@pytest.fixture(scope="session")
def mice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two simulated mice, 8 s each, ingested; nobody described them."""
    root = tmp_path_factory.mktemp("described") / "mice"
    write_sample(root, n_mice=2, duration_s=8.0)
    manifest = root / "experiment.toml"
    manifest.write_text(manifest.read_text(encoding="utf-8") + "\n[vlm]\nsize_px = 64\n", encoding="utf-8")
    assert not ingest(root).failed
    return root


@pytest.fixture
def lab(mice: Path, tmp_path: Path) -> Callable[..., Path]:
    """Copy the mice, with more in experiment.toml where a test wants it."""

    def make(more: str = "") -> Path:
        root = tmp_path / "lab"
        shutil.copytree(mice, root)
        if more:
            manifest = root / "experiment.toml"
            manifest.write_text(manifest.read_text(encoding="utf-8") + more, encoding="utf-8")
        return root

    return make
