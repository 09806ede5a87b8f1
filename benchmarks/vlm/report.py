"""The page of measured figures: one section per model and machine, each replaced only by a run of its own."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.vlm.measuring import Pipeline, Throughput
from ethochat.index.settings import VlmSettings
from ethochat.index.vlm.loading import LoadedModel

HEAD: Final = """# How fast a vision-language model gets through a recording

Written by `make bench-vlm MODEL=…`; nothing here is typed by hand. The recording is simulated: one tracked mouse, 640 x 480 px, 30 frames
per second. Its segments are described one after the other at the settings named, which are the defaults unless the line says otherwise.
*Batched* is what `ethochat describe` does; *naive* decodes, prepares and generates one clip at a time, in the same run, on the same clips.
"""
PIPELINE: Final = "The pipeline before the model"
GOAL: Final = 20


def pipeline_section(found: Pipeline, settings: VlmSettings, rounds: int) -> str:
    """Section of decoding and preparing; its title names no model, as it depends on none."""
    verdict = "keeps" if found.both >= GOAL else "DOES NOT KEEP"
    return f"""## {PIPELINE} on {cpu_name()}
{machine()}; {rounds} passes over {found.clips} segments, {found.video_s:.0f} s of video, {shown(settings)}; medians. Frames go through the processor
at the image sizes of Qwen3-VL. It {verdict} {GOAL} times ahead of the recording.

| step | times real time |
|---|---|
| decode, crop, scale, draw | {found.see:.0f} |
| resize, normalize, cut into patches, tokenize | {found.encode:.0f} |
| both, as beside the model: a thread for each | {found.both:.0f} |
"""


def throughput_section(title: str, found: Throughput, loaded: LoadedModel, settings: VlmSettings) -> str:
    """Section of one model on one machine."""
    batched, naive = found.batched, found.naive
    on_cpu = loaded.device == "cpu"
    minutes = "minutes" if on_cpu else "GPU-minutes"
    rows = [
        ("clips per second", *(f"{one.clips / one.elapsed_s:.2f}" for one in (batched, naive))),
        ("frames per second", *(f"{one.frames / one.elapsed_s:.1f}" for one in (batched, naive))),
        ("new tokens per second", *(f"{one.new_tokens / one.elapsed_s:.0f}" for one in (batched, naive))),
        ("new tokens per clip", *(f"{one.new_tokens / one.clips:.0f}" for one in (batched, naive))),
        ("prompt tokens per clip", *(f"{one.prompt_tokens / one.clips:.0f}" for one in (batched, naive))),
        (
            f"{minutes} per hour of video",
            f"{found.minutes_per_hour:.2f}",
            f"{found.minutes_per_hour * found.times_naive:.2f}",
        ),
        ("times the naive loop", f"{found.times_naive:.1f}", "1"),
        ("share of the matrix-multiply limit", f"{100 * found.share_of_limit:.2g} %", ""),
        ("peak memory", f"{found.peak_bytes / 2**30:.2f} GiB", ""),
    ]
    table = "\n".join(f"| {name} | {one} | {other} |" for name, one, other in rows)
    proof = (
        "\nFigures of a CPU prove only that the pipeline keeps ahead of the model: nobody describes recordings on one, and a tiny "
        "model's arithmetic\nis too small for batches to pay. A GPU was not at hand for this section.\n"
        if on_cpu
        else ""
    )
    return f"""## {title} on {cpu_name() if on_cpu else loaded.device_name}
{machine()}; {loaded.where}; {shown(settings)}, batches of {settings.batch_size}, at most {settings.max_new_tokens} new tokens; {batched.clips} clips
({found.video_s:.0f} s of video) batched, {naive.clips} naive; {found.rounds} passes of each in turns, medians. The limit is one large matrix product
in {loaded.dtype}: {found.limit / 1e12:.3g} TFLOP/s. Peak memory is that of the {"process" if on_cpu else "GPU"}.
{proof}
| | batched | naive |
|---|---|---|
{table}
"""


def write_sections(path: Path, sections: list[str]) -> None:
    """Put sections into the page in place of those of the same title; others stay."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = {_title(part): part for part in re.split(r"(?m)^(?=## )", old)[1:]}
    for section in sections:
        kept[_title(section)] = section
    order = sorted(kept, key=lambda title: (not title.startswith(f"## {PIPELINE}"), title))
    path.write_text(HEAD + "".join(f"\n{kept[title].strip()}\n" for title in order), encoding="utf-8")


def shown(settings: VlmSettings) -> str:
    """What clips look like, in words."""
    return f"{settings.fps:g} frames per second of at most {settings.size_px} px, at most {settings.max_frames} per clip"


def machine() -> str:
    """Name the machine and the libraries that count."""
    import torch
    import transformers

    today = datetime.now(tz=UTC).date().isoformat()
    return (
        f"{today}, {cpu_name()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads of torch, Python "
        f"{platform.python_version()}, torch {torch.__version__}, transformers {transformers.__version__}"
    )


def cpu_name() -> str:
    """Processor by its maker's name where the system says it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"(?m)^model name\s*:\s*(.+)$", cpuinfo.read_text(encoding="utf-8"))
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def _title(section: str) -> str:
    return section.partition("\n")[0].strip()
