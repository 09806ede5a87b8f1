"""Measure a vision-language model on a simulated recording and write the figures into the page.

Run from the project folder: ``python -m benchmarks.vlm --model random:2b``. Models: ``tiny`` (the default; built on the
spot), ``random:2b`` and ``random:8b`` (full-size Qwen3-VL with random weights, on a CUDA device), a folder or a repository.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path

from benchmarks.vlm.measuring import measure_pipeline, measure_throughput
from benchmarks.vlm.models import full_size_processor, make_model
from benchmarks.vlm.recording import write_recording
from benchmarks.vlm.report import pipeline_section, throughput_section, write_sections
from ethochat.index.ingest import ingest
from ethochat.index.settings import VlmSettings
from ethochat.index.torchvision_ops import ensure_torchvision
from ethochat.index.vlm.loading import load_model
from ethochat.index.vlm.tiny import build_tiny_vlm


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    defaults = VlmSettings()
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--duration", type=float, default=60.0, help="seconds of the recording")
    parser.add_argument("--clips", type=int, default=64, help="segments described, from the first on")
    parser.add_argument(
        "--naive-clips", type=int, default=64, help="of which the naive loop describes so many"
    )
    parser.add_argument("--batch-size", type=int, default=defaults.batch_size)
    parser.add_argument(
        "--new-tokens", type=int, default=96, help="longest description; real ones have 60 to 100"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="page to write into; printed as well")
    return parser.parse_args()


def main() -> None:
    wanted = arguments()
    settings = dataclasses.replace(
        VlmSettings(), batch_size=wanted.batch_size, max_new_tokens=wanted.new_tokens
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = make_model(wanted.model, folder, settings)
        write_recording(folder / "recording", wanted.duration)
        ingest(folder / "recording")
        sections = []
        if ensure_torchvision():
            full = load_model(str(build_tiny_vlm(folder / "full", "qwen3_vl")), run_code=False)
            full = dataclasses.replace(full, processor=full_size_processor(full))
            found = measure_pipeline(folder / "recording", settings, full, wanted.rounds)
            sections.append(pipeline_section(found, settings, wanted.rounds))
        passed = measure_throughput(
            model,
            model.loaded,
            folder / "recording",
            settings,
            clips=wanted.clips,
            naive_clips=wanted.naive_clips,
            rounds=wanted.rounds,
        )
        sections.append(throughput_section(f"`{wanted.model}`", passed, model.loaded, settings))
    print("\n".join(sections))
    if wanted.output:
        write_sections(wanted.output, sections)


if __name__ == "__main__":
    main()
