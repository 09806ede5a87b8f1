"""A filmed mouse whose ethogram is known, shown to models that tell the truth, lie, guess, and fail."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ethochat.agent.run import open_context
from ethochat.index.catalog import Catalog
from ethochat.index.describing.run import describe_experiment
from ethochat.index.errors import BackendUnavailableError, InputError
from ethochat.index.vlm.base import Capabilities, VlmReply, VlmRequest
from ethochat.index.vlm.scripted import ScriptedVlm
from ethochat.tools.errors import ToolFailedError
from ethochat.tools.vlm_quality.report import head, rows, verdicts
from ethochat.tools.vlm_quality.run import VlmQuality, evaluate_vlm

N = 24
FPS = 25


class Knower:
    """Knows from the simulator's file what each clip shows: reads labels itself, by seconds."""

    def __init__(self, root: Path) -> None:
        self.labels = pl.read_csv(root / "labels" / "S01.csv").select("start", "stop", "behavior").rows()
        segments = Catalog.open(root / ".ethochat").load("segments").filter(pl.col("source") == "rules")
        self.segments = segments.select("start_time", "stop_time").rows()
        self.behaviors = sorted({behavior for *_, behavior in self.labels})

    def shown(self, request: VlmRequest) -> list[str]:
        """Behaviors that cover half of the clip or lie inside as a whole."""
        start, stop = self.segment(request)
        found = []
        for name in self.behaviors:
            own = [(begin, end) for begin, end, behavior in self.labels if behavior == name]
            inside = sum(max(0.0, min(end, stop) - max(begin, start)) for begin, end in own)
            whole = any(start - 1e-6 <= begin and end <= stop + 1e-6 for begin, end in own)
            if whole or inside >= (stop - start) / 2 - 1e-6:
                found.append(name)
        return found

    def absent(self, request: VlmRequest) -> str:
        """A behavior that does not occur in the clip nor within 1.1 s of it."""
        start, stop = self.segment(request)
        near = {behavior for begin, end, behavior in self.labels if begin < stop + 1.1 and end > start - 1.1}
        return next(name for name in self.behaviors if name not in near)

    def segment(self, request: VlmRequest) -> tuple[float, float]:
        middle = (request.clips[0].frames[0] + 0.5) / FPS
        return next((start, stop) for start, stop in self.segments if start <= middle < stop)

    def asked_for(self, request: VlmRequest) -> str:
        said = re.search(r'Does the clip show: "([^"]*)"', request.prompt)
        assert said is not None
        return max((name for name in self.behaviors if said.group(1).startswith(name)), key=len)


def described(overall: str, keywords: list[str]) -> str:
    return json.dumps({"overall": overall, "head": None, "limb": None, "torso": None, "keywords": keywords})


def truthful(knower: Knower) -> Callable[[VlmRequest], str]:
    def answer(request: VlmRequest) -> str:
        shown = knower.shown(request)
        if request.choices:
            return "yes, it does." if knower.asked_for(request) in shown else "no, it does not."
        return described(", ".join(shown) or "Nothing is to be seen.", shown)

    return answer


def test_truth_telling_model_is_right_and_told_from_chance(watched, lab):
    knower = Knower(lab)
    context, vlm = watched(truthful(knower))
    found = evaluate_vlm(context, n_segments=N)
    assert len(knower.behaviors) == 7
    assert found.naming.macro_f1.value == 1.0
    assert found.naming.macro_f1.high < 0.6
    assert all(row.f1 == 1.0 for row in found.naming.behaviors if row.n_shown)
    assert (found.ruled_out.n_with, found.company.n_with, found.company.n) == (0, 0, N)
    assert found.retrieval.average_precision.value > 0.9
    assert (found.yes_no.accuracy.value, found.yes_no.always_no, found.yes_no.n_neither) == (1.0, 0.5, 0)
    # It is 90 % sure and always right.
    assert found.yes_no.calibration.expected_calibration_error == pytest.approx(0.1)
    assert found.yes_no.calibration.auc.value == 1.0
    assert [line.split(": ")[-1] for line in verdicts(found)] == ["above chance."] * 4
    assert (found.cost.first_try, found.cost.n_asked) == (N, N + found.yes_no.n) == (N, len(vlm.asked))


def test_category_counts_where_one_of_its_behaviors_is_named(watched, lab):
    context, _ = watched(truthful(Knower(lab)))
    rearing = evaluate_vlm(context, n_segments=N).naming.behaviors[-1]
    assert (rearing.behavior, rearing.covers) == ("rearing", ("supported rear", "unsupported rear"))
    assert (rearing.f1, rearing.n_shown > 0) == (1.0, True)


def test_lying_model_shows_its_hallucinations(watched, lab):
    knower = Knower(lab)

    def answer(request: VlmRequest) -> str:
        if request.choices:
            return "no." if knower.asked_for(request) in knower.shown(request) else "yes."
        absent = knower.absent(request)
        return described(f"Two mice are {absent}.", [absent])

    context, _ = watched(answer)
    found = evaluate_vlm(context, n_segments=N)
    assert (found.ruled_out.n_with, found.ruled_out.n) == (N, N)
    assert sum(found.ruled_out.by_behavior.values()) == N
    assert (found.company.n_with, found.company.n) == (N, N)
    assert all(clip.ruled_out == clip.named and clip.company == "Two mice" for clip in found.clips)
    assert found.naming.macro_f1.value == 0.0
    assert (found.yes_no.accuracy.value, found.yes_no.accuracy.verdict) == (0.0, "below chance")


def test_guessing_model_is_at_chance(watched, lab):
    knower, dice = Knower(lab), np.random.default_rng(0)

    def answer(request: VlmRequest) -> str:
        if request.choices:
            return str(dice.choice(["yes", "no"]))
        guess = str(dice.choice(knower.behaviors))
        return described(f"The mouse is {guess}.", [guess])

    context, _ = watched(answer)
    found = evaluate_vlm(context, n_segments=N)
    assert [line.split(": ")[-1] for line in verdicts(found)] == ["not distinguishable from chance."] * 4
    assert 0 < found.naming.macro_f1.value < 0.5
    assert found.ruled_out.n_with > 0


def test_second_run_asks_nothing_and_finds_the_same(watched, lab):
    context, vlm = watched(truthful(Knower(lab)))
    first = evaluate_vlm(context, n_segments=N)
    n = len(vlm.asked)
    again = evaluate_vlm(context, n_segments=N)
    assert len(vlm.asked) == n
    assert (again.cost.n_asked, again.cost.n_before) == (0, n)
    assert replace(again, cost=first.cost) == first


def test_another_seed_draws_other_clips(watched):
    context, _ = watched()
    first, other = (evaluate_vlm(context, n_segments=10, seed=seed) for seed in (0, 1))
    assert {clip.segment_id for clip in first.clips} != {clip.segment_id for clip in other.clips}


def test_what_describing_paid_for_is_not_asked_again_and_tables_stay_as_they_are(watched, lab):
    described_by = ScriptedVlm()
    assert describe_experiment(lab, described_by).described > N
    before = Catalog.open(lab / ".ethochat").load("descriptions")
    context, vlm = watched()
    found = evaluate_vlm(context, n_segments=N)
    assert found.cost.n_before == N
    assert all(request.choices for request in vlm.asked)
    assert Catalog.open(lab / ".ethochat").load("descriptions").equals(before)


def test_describing_reuses_what_the_measurement_paid_for(watched, lab):
    context, _ = watched()
    evaluate_vlm(context, n_segments=N)
    assert describe_experiment(lab, ScriptedVlm()).reused == N


def test_form_of_replies_is_counted(watched):
    bad = "The mouse walks."

    def answer(request: VlmRequest) -> str | VlmReply:
        first = request.clips[0].frames[0]
        again = "An earlier reply could not be used" in request.prompt
        if request.choices:
            return "Perhaps."
        if first % 3 == 0:
            return VlmReply(key=request.key, finish="error", error="out of memory")
        return described("It walks.", ["walking"]) if first % 3 == 1 and again else bad

    context, _ = watched(answer)
    found = evaluate_vlm(context, n_segments=N)
    forms = [clip.form for clip in found.clips]
    assert set(forms) == {"error", "repaired", "free text"}
    assert [form == "error" for form in forms].count(True) == found.cost.errors > 0
    assert (found.cost.first_try, found.cost.repaired + found.cost.free_text + found.cost.errors) == (0, N)
    assert found.ruled_out.n == found.cost.n_described == N - found.cost.errors
    assert (found.yes_no.n_neither, found.yes_no.accuracy.value) == (found.yes_no.n, 0.0)
    assert {clip.error for clip in found.clips if clip.form == "error"} == {"out of memory"}


def test_backend_without_probabilities_or_counts_is_told(watched):
    nothing = Capabilities(video=True, structured=True, probabilities=False, device="none")
    context, _ = watched(
        lambda request: VlmReply(key=request.key, text="yes" if request.choices else described("x", [])),
        capabilities=nothing,
    )
    found = evaluate_vlm(context, n_segments=8)
    table = {row.figure: row.measured for row in rows(found)}
    assert found.yes_no.calibration is None
    assert table["cost: tokens per clip"] == "not told read, not told written"
    assert verdicts(found)[-1] == "Yes/no: mean AUC of p(yes): the backend gives no probabilities."


def test_model_that_dies_half_way_is_scored_on_what_came_and_gone_on_with(watched, lab):
    whole, _ = watched(truthful(Knower(lab)))

    class Dying(ScriptedVlm):
        def generate(self, requests):
            for n, reply in enumerate(super().generate(requests)):
                if n == 7:
                    raise BackendUnavailableError("The server is gone.")
                yield reply

    dying = Dying(answer=truthful(Knower(lab)))
    found = evaluate_vlm(replace(whole, vlm=replace(whole.vlm, spec=dying)), n_segments=N)
    assert (found.cost.n_described, found.cost.not_come_to, found.stopped) == (
        7,
        N - 7,
        "The server is gone.",
    )
    assert (found.yes_no, found.naming.behaviors[0].n) == (None, 7)
    again = evaluate_vlm(whole, n_segments=N)
    assert (again.cost.n_before, again.cost.n_described, again.naming.macro_f1.value) == (7, N, 1.0)


def test_model_that_describes_nothing_is_an_error(watched):
    context, _ = watched(lambda request: VlmReply(key=request.key, finish="error", error="no memory"))
    with pytest.raises(ToolFailedError, match="None of 5 clips was described; the first one: no memory"):
        evaluate_vlm(context, n_segments=5)


def test_progress_tells_of_every_reply(watched):
    told: list[tuple[str, int, int]] = []
    context, _ = watched()
    found = evaluate_vlm(context, n_segments=6, progress=lambda *step: told.append(step))
    assert ("clips described", 6, 6) in told
    assert ("yes/no questions", found.yes_no.n, found.yes_no.n) in told


def test_segments_too_long_for_the_frames_of_a_request_are_refused(watched):
    context, _ = watched()
    settings = replace(context.experiment.vlm, max_frames=2)
    context = replace(context, experiment=replace(context.experiment, vlm=settings))
    with pytest.raises(InputError, match="too long to be shown at 4 frames per second"):
        evaluate_vlm(context, n_segments=N)


def test_without_a_model_the_error_says_how_to_name_one(lab):
    with pytest.raises(ToolFailedError, match="--vlm"):
        evaluate_vlm(open_context(lab), n_segments=3)


def test_table_states_every_figure_and_no_nan(watched, lab):
    context, _ = watched(truthful(Knower(lab)))
    found: VlmQuality = evaluate_vlm(context, n_segments=N)
    table = rows(found)
    assert {row.figure.split(":")[0] for row in table} == {
        "keywords",
        "search",
        "hallucination",
        "yes/no",
        "form",
        "cost",
    }
    assert not any("nan" in f"{row.measured} {row.chance}".lower() for row in table)
    assert head(found).startswith(f"scripted: {N} clips of 1 session, drawn with seed 0 from ")
    assert verdicts(found)[0].startswith("Keywords: macro F1 1.00, shuffled 0.")
