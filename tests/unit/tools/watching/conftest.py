from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ethochat.agent.run import open_context
from ethochat.index.ingest import ingest
from ethochat.index.sample import write_sample
from ethochat.index.vlm.access import VlmAccess
from ethochat.index.vlm.scripted import ScriptedVlm
from ethochat.tools import tool_named
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import Evidence


@pytest.fixture(scope="session")
def mice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three simulated mice, 8 s each; S03 has no video."""
    root = tmp_path_factory.mktemp("watched") / "mice"
    write_sample(root, n_mice=3, duration_s=8.0)
    manifest = root / "experiment.toml"
    text = manifest.read_text(encoding="utf-8")
    text = text.replace('column = "video"\nrequired = true', 'column = "video"', 1)
    manifest.write_text(text + "\n[vlm]\nsize_px = 64\nask_above = 5\n", encoding="utf-8")
    sheet = root / "sessions.csv"
    sheet.write_text(sheet.read_text(encoding="utf-8").replace("videos/S03.mp4", ""), encoding="utf-8")
    assert not ingest(root).failed
    return root


@pytest.fixture
def lab(mice: Path, tmp_path: Path) -> Path:
    root = tmp_path / "lab"
    shutil.copytree(mice, root)
    return root


@pytest.fixture
def watched(lab: Path) -> Callable[..., tuple[ToolContext, ScriptedVlm]]:
    """The experiment with a model that answers by rule."""

    def make(answer: Any = None, **options: Any) -> tuple[ToolContext, ScriptedVlm]:
        vlm = ScriptedVlm(answer=answer, **options)
        context = open_context(lab)
        access = VlmAccess(spec=vlm, settings=context.experiment.vlm)
        return replace(context, vlm=access), vlm

    return make


@pytest.fixture
def call() -> Callable[..., Evidence]:
    def run(context: ToolContext, name: str, **arguments: Any) -> Evidence:
        return tool_named(name).run(context, arguments)

    return run
