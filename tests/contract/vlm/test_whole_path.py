"""The whole path with tiny models of random weights: ingest a recording, describe it, search, watch, verify."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from ethochat.agent.run import Conversation, open_context
from ethochat.index.catalog import Catalog
from ethochat.index.describing.choice import choose_describer
from ethochat.index.describing.run import describe_experiment
from ethochat.index.ingest import ingest
from ethochat.index.sample import write_sample
from ethochat.index.settings import VlmSettings
from ethochat.index.vlm.access import VlmAccess
from ethochat.tools import tool_named

PROJECT = Path(__file__).parents[3]
VLM = '\n[vlm]\nsize_px = 64\nmax_new_tokens = 8\nbatch_size = 4\noverlay = "skeleton"\n'
N = 6


@pytest.fixture(scope="module")
def recordings(request, tmp_path_factory):
    """Ingested experiments by name, made when first asked for."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            root = tmp_path_factory.mktemp("seen") / name
            if name == "sample":
                write_sample(root, n_mice=2, duration_s=8.0)
            else:
                data = request.getfixturevalue("real_data")
                path = PROJECT / "benchmarks" / "experiments" / "build.py"
                spec = importlib.util.spec_from_file_location("build_experiments", path)
                build = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(build)
                build.write_experiment(name, data, root)
            manifest = root / "experiment.toml"
            manifest.write_text(manifest.read_text(encoding="utf-8") + VLM, encoding="utf-8")
            assert not ingest(root).failed
            made[name] = root
        return made[name]

    return make


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        ("sample", "llava"),
        ("sample", "qwen3_vl"),
        ("sample", "server"),
        pytest.param("dlc_openfield", "qwen3_vl", marks=pytest.mark.data),
        pytest.param("amadeus_mabe3", "llava", marks=pytest.mark.data),
    ],
)
def test_recording_is_described_searched_watched_and_verified(request, recordings, name, backend):
    root = recordings(name)
    vlm = request.getfixturevalue(f"make_{backend}")(VlmSettings(batch_size=4, max_new_tokens=8))
    try:
        report = describe_experiment(root, vlm, limit=N)
        assert (report.described, report.failed, report.stopped) == (N, (), None)
        assert report.new_tokens > 0
        catalog = Catalog(root / ".ethochat")
        rows = catalog.scan("descriptions").filter(pl.col("describer") == report.describer).collect()
        assert rows.height >= N
        assert rows["request_hash"].n_unique() >= N
        assert (rows["frames"].list.len() >= 2).all()
        assert describe_experiment(root, vlm, limit=0).described == 0

        choose_describer(root, report.describer, store="edge", progress=lambda *_: None)
        context = open_context(root)
        context = replace(context, vlm=VlmAccess(spec=vlm, settings=context.experiment.vlm))
        search = tool_named("search_segments")
        found = search.run(context, {"query": "the mouse is standing still", "limit": 3, "verify": 2})
        assert found.clips
        checked = [clip.seen for clip in found.clips if clip.has_video]
        assert all(checked)
        assert any(report.describer in flag for flag in found.flags)

        clip = found.clips[0]
        span = {"session_id": clip.session_id, "start_s": clip.start_time, "stop_s": clip.stop_time}
        answer = tool_named("watch_clips").run(context, {"question": "Is the tail raised?", "clips": [span]})
        assert sum(value.value for value in answer.values if "answer" in value.group) == 1
        with Conversation(context) as conversation:
            said = conversation.ask(f"watch {clip.session_id} from 1 to 2 s: what is it doing?")
        assert said.status == "answered"
        assert said.clips[0].seen is not None
        choose_describer(root, "kinematic", store="edge", progress=lambda *_: None)
    finally:
        vlm.close()
