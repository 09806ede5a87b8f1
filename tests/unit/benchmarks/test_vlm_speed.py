"""The benchmark of vision-language models measures what it says."""

from __future__ import annotations

import re

import pytest
import torch

from benchmarks.vlm.measuring import (
    Passed,
    Pipeline,
    Throughput,
    measure_throughput,
    plan_clips,
    video_seconds,
)
from benchmarks.vlm.models import SIZES, full_size_config, make_model
from benchmarks.vlm.recording import FPS, HEIGHT, WIDTH, write_recording
from benchmarks.vlm.report import PIPELINE, pipeline_section, throughput_section, write_sections
from ethochat.index.ingest import ingest
from ethochat.index.settings import VlmSettings
from ethochat.index.torchvision_ops import ensure_torchvision
from ethochat.index.video import probe_video

needs_torchvision = pytest.mark.skipif(not ensure_torchvision(), reason="needs torchvision")
SETTINGS = VlmSettings(batch_size=2, max_frames=4, size_px=64, max_new_tokens=4)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    root = tmp_path_factory.mktemp("bench") / "recording"
    write_recording(root, 6.0)
    ingest(root, store="local")
    return root


def test_recording_is_what_laboratories_have(recording):
    info = probe_video(recording / "video.mp4")
    assert (info.width, info.height, info.fps, info.n_frames) == (WIDTH, HEIGHT, FPS, 6 * FPS)


def test_planned_clips_tile_the_recording(recording):
    plans = plan_clips(recording, SETTINGS)
    assert video_seconds(plans) == pytest.approx(6.0, abs=0.1)
    assert len(plan_clips(recording, SETTINGS, 2)) == 2


@needs_torchvision
def test_both_ways_answer_every_clip(recording, tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        vlm = make_model("tiny", tmp_path, SETTINGS)
        found = measure_throughput(vlm, vlm.loaded, recording, SETTINGS, clips=3, naive_clips=2, rounds=1)
    finally:
        torch.set_num_threads(threads)
    assert (found.batched.clips, found.naive.clips) == (3, 2)
    assert 3 <= found.batched.new_tokens <= 12
    assert 0 < found.share_of_limit < 1
    assert found.flops > 2 * found.batched.prompt_tokens  # each token meets more than one weight
    section = throughput_section("`tiny`", found, vlm.loaded, SETTINGS)
    assert "| times the naive loop |" in section


def test_derived_figures():
    batched = Passed(elapsed_s=10.0, clips=40, frames=200, new_tokens=400, prompt_tokens=800)
    naive = Passed(elapsed_s=20.0, clips=10, frames=50, new_tokens=100, prompt_tokens=200)
    found = Throughput(
        batched=batched, naive=naive, video_s=120.0, flops=5e12, limit=1e12, peak_bytes=2**30, rounds=1
    )
    assert found.times_naive == 8.0  # 2 s a clip against 0.25 s
    assert found.minutes_per_hour == 5.0  # 10 s for 2 minutes
    assert found.share_of_limit == 0.5


@needs_torchvision
@pytest.mark.parametrize(("size", "billions"), [("2b", 2.1), ("8b", 8.8)])
def test_full_size_models_have_the_parameters_of_the_published_ones(size, billions):
    from transformers import AutoModelForImageTextToText

    tokens = {"image_token_id": 5, "video_token_id": 6, "vision_start_token_id": 3, "vision_end_token_id": 4}
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(full_size_config(size, tokens))
    assert sum(weight.numel() for weight in model.parameters()) / 1e9 == pytest.approx(billions, abs=0.1)
    assert model.config.text_config.num_hidden_layers == SIZES[size]["text"]["num_hidden_layers"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without CUDA")
def test_a_full_size_model_without_a_gpu_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="needs a CUDA device"):
        make_model("random:2b", tmp_path, SETTINGS)


def test_a_section_replaces_only_the_one_of_its_title(tmp_path):
    page = tmp_path / "performance.md"
    slow = Pipeline(see=30.0, encode=40.0, both=12.0, clips=3, video_s=6.0)
    write_sections(page, [pipeline_section(slow, SETTINGS, 3), "## `big` on H200\nfirst\n"])
    assert "It DOES NOT KEEP 20 times ahead" in page.read_text(encoding="utf-8")
    fast = Pipeline(see=60.0, encode=80.0, both=31.0, clips=3, video_s=6.0)
    write_sections(page, [pipeline_section(fast, SETTINGS, 3)])
    text = page.read_text(encoding="utf-8")
    assert "It keeps 20 times ahead" in text
    assert "DOES NOT KEEP" not in text
    assert re.findall(r"(?m)^## .*", text)[1] == "## `big` on H200"
    assert text.count(f"## {PIPELINE}") == 1
    write_sections(page, [])
    assert page.read_text(encoding="utf-8") == text
