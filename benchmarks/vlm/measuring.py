"""What is timed: the pipeline before the model, the batched model with the pipeline beside it, and a naive loop."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.vlm.recording import SESSION
from ethochat.index.behaviors.rules import SOURCE
from ethochat.index.catalog import Catalog
from ethochat.index.experiment import load_experiment
from ethochat.index.settings import VlmSettings
from ethochat.index.vlm.base import VlmReply, VlmRequest
from ethochat.index.vlm.batching import Preparation
from ethochat.index.vlm.encoding import Encoder, make_encoder
from ethochat.index.vlm.generation import generate_batch
from ethochat.index.vlm.in_process import InProcessVlm
from ethochat.index.vlm.loading import LoadedModel
from ethochat.index.vlm.prompting import Planned, plan_description
from ethochat.index.vlm.seeing import SessionView


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """How fast clips are made ready, in seconds of video per second."""

    see: float
    """Decode, crop, scale and draw."""
    encode: float
    """The processor: resize, normalize, cut into patches, tokenize."""
    both: float
    clips: int
    video_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One pass over the clips."""

    elapsed_s: float
    clips: int
    frames: int
    new_tokens: int
    prompt_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Medians over the passes, which alternate."""

    batched: Passed
    naive: Passed
    video_s: float
    """Time that the clips show, added up."""
    flops: float
    """Floating-point operations of one batched pass."""
    limit: float
    """Operations per second of one large matrix product, same device and number format."""
    peak_bytes: int
    rounds: int

    @property
    def times_naive(self) -> float:
        """How much faster the batched pass is per clip."""
        return (self.naive.elapsed_s / self.naive.clips) / (self.batched.elapsed_s / self.batched.clips)

    @property
    def minutes_per_hour(self) -> float:
        """Minutes of the device per hour of video."""
        return self.batched.elapsed_s / self.video_s * 60

    @property
    def share_of_limit(self) -> float:
        """Operations per second, as a share of the limit."""
        return self.flops / self.batched.elapsed_s / self.limit


def plan_clips(root: Path, settings: VlmSettings, most: int | None = None) -> list[Planned]:
    """Plan the descriptions of a recording's segments in the order of time, decoding nothing.

    Where only some are wanted, they are the first: their time together is the video that they stand for.
    """
    experiment = load_experiment(root)
    catalog = Catalog.open(experiment.data_dir)
    view = SessionView(experiment, catalog, SESSION, settings)
    segments = catalog.read_session("segments", SESSION)
    rows = segments.filter(segments["source"] == SOURCE).sort("start_time").to_dicts()
    return [plan_description(view, row, experiment) for row in rows[:most]]


def video_seconds(plans: Sequence[Planned]) -> float:
    """Time that the planned clips show, added up."""
    return sum(plan.stop_time - plan.start_time for planned in plans for plan in planned.plans)


def measure_pipeline(root: Path, settings: VlmSettings, loaded: LoadedModel, rounds: int) -> Pipeline:
    """Time decoding and preparing a whole recording, in batches as the model would get them."""
    encoder, see, encode, both = make_encoder(loaded), [], [], []
    for _ in range(rounds):
        plans = plan_clips(root, settings)  # anew, as the decoder stays open where it last was
        began = time.perf_counter()
        requests = [planned.request() for planned in plans]
        see.append(time.perf_counter() - began)
        began = time.perf_counter()
        _drain(requests, encoder, settings)
        encode.append(time.perf_counter() - began)
        del requests
        plans = plan_clips(root, settings)
        began = time.perf_counter()
        _drain((planned.request() for planned in plans), encoder, settings)
        both.append(time.perf_counter() - began)
    video_s = video_seconds(plans)
    return Pipeline(
        see=video_s / median(see),
        encode=video_s / median(encode),
        both=video_s / median(both),
        clips=len(plans),
        video_s=video_s,
    )


def _drain(requests: Iterable[VlmRequest], encoder: Encoder, settings: VlmSettings) -> None:
    """Prepare requests as the model gets them, and drop them."""
    with Preparation(
        requests, encoder.encode, size=lambda: settings.batch_size, kind=encoder.as_video
    ) as batches:
        for _ in batches:
            pass


def measure_throughput(
    vlm: InProcessVlm,
    loaded: LoadedModel,
    root: Path,
    settings: VlmSettings,
    *,
    clips: int,
    naive_clips: int,
    rounds: int,
) -> Throughput:
    """Time the batched model against one clip at a time, in turns, after a first pass of each that does not count."""
    encoder = make_encoder(loaded)
    vlm.probe()
    plans = plan_clips(root, settings, clips)
    flops = count_operations(vlm, plans, settings.batch_size)
    naive_pass(loaded, encoder, plan_clips(root, settings, 1))
    _reset_peak(loaded)
    batched, naive = [], []
    for _ in range(rounds):
        batched.append(batched_pass(vlm, plan_clips(root, settings, clips)))
        peak = _peak_bytes(loaded)  # the naive loop needs less
        naive.append(naive_pass(loaded, encoder, plan_clips(root, settings, min(naive_clips, clips))))
    return Throughput(
        batched=_middle(batched),
        naive=_middle(naive),
        video_s=video_seconds(plans),
        flops=flops,
        limit=matmul_limit(loaded),
        peak_bytes=peak,
        rounds=rounds,
    )


def batched_pass(vlm: InProcessVlm, plans: Sequence[Planned]) -> Passed:
    """Describe clips as `ethochat describe` does."""
    began = time.perf_counter()
    replies = list(vlm.generate(planned.request() for planned in plans))
    return _passed(time.perf_counter() - began, plans, replies)


def naive_pass(loaded: LoadedModel, encoder: Encoder, plans: Sequence[Planned]) -> Passed:
    """Decode a clip, prepare it, generate, and only then come to the next one."""
    began, replies = time.perf_counter(), []
    for planned in plans:
        request = planned.request()
        (said,) = generate_batch(loaded, encoder.encode([request]), request.max_new_tokens)
        replies.append(
            VlmReply(key=request.key, new_tokens=said.new_tokens, prompt_tokens=said.prompt_tokens)
        )
    return _passed(time.perf_counter() - began, plans, replies)


def count_operations(vlm: InProcessVlm, plans: Sequence[Planned], batch_size: int) -> float:
    """Count the operations of matrix products and attention, padding included, in the first batches, for all clips.

    Counting slows the model, so that this is no part of what is timed; it also warms it.
    """
    from torch.utils.flop_counter import FlopCounterMode

    some = plans[: 2 * batch_size]
    with FlopCounterMode(display=False) as counter:
        batched_pass(vlm, some)
    return counter.get_total_flops() * len(plans) / len(some)


def matmul_limit(loaded: LoadedModel) -> float:
    """Measure the operations per second of one large matrix product; the best of ten."""
    import torch

    n = 8192 if loaded.device == "cuda" else 2048
    one = torch.randn(n, n, device=loaded.device, dtype=getattr(torch, loaded.dtype))
    best = float("inf")
    for _ in range(10):
        began = time.perf_counter()
        one @ one
        _wait(loaded)
        best = min(best, time.perf_counter() - began)
    return 2 * n**3 / best


def _passed(elapsed_s: float, plans: Sequence[Planned], replies: Sequence[VlmReply]) -> Passed:
    errors = [reply.error for reply in replies if reply.error]
    if errors or len(replies) != len(plans):
        raise SystemExit(
            f"{len(plans) - len(replies)} clips were not answered and {len(errors)} failed: {errors[:1]}"
        )
    return Passed(
        elapsed_s=elapsed_s,
        clips=len(plans),
        frames=sum(planned.n_frames for planned in plans),
        new_tokens=sum(reply.new_tokens or 0 for reply in replies),
        prompt_tokens=sum(reply.prompt_tokens or 0 for reply in replies),
    )


def _middle(passes: Sequence[Passed]) -> Passed:
    """The pass of median length, the longer of two."""
    return sorted(passes, key=lambda one: one.elapsed_s)[len(passes) // 2]


def _wait(loaded: LoadedModel) -> None:
    import torch

    if loaded.device == "cuda":
        torch.cuda.synchronize()
    elif loaded.device == "mps":
        torch.mps.synchronize()


def _reset_peak(loaded: LoadedModel) -> None:
    import torch

    if loaded.device == "cuda":
        torch.cuda.reset_peak_memory_stats()


def _peak_bytes(loaded: LoadedModel) -> int:
    """Peak memory of the device; of the whole process where it is a CPU."""
    import torch

    if loaded.device == "cuda":
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
