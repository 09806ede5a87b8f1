"""A model measured on an experiment whose truth is known: drawn, shown, scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ethochat.index.embedders.base import Embedder
from ethochat.index.errors import BackendUnavailableError
from ethochat.index.experiment import Experiment
from ethochat.index.search import cached_embedder
from ethochat.index.vlm.keywords import ethogram_terms, map_keywords
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError
from ethochat.tools.vlm_quality.asking import Described, Progress, Watcher
from ethochat.tools.vlm_quality.company import names_company
from ethochat.tools.vlm_quality.naming import Naming, RuledOut, score_naming, score_ruled_out
from ethochat.tools.vlm_quality.retrieval import Retrieval, score_retrieval
from ethochat.tools.vlm_quality.sampling import draw_checks, draw_segments
from ethochat.tools.vlm_quality.truth import Ethogram, Judged, choose_source, read_truth
from ethochat.tools.vlm_quality.yes_no import YesNo, score_yes_no

N_SEGMENTS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One segment: what it shows, what the model said of it."""

    segment_id: str
    shown: tuple[str, ...]
    form: str
    text: str
    keywords: tuple[str, ...]
    named: tuple[str, ...]
    """Names of the ethogram that keywords stand for."""
    ruled_out: tuple[str, ...]
    """Of these, what does not occur in the segment nor near it."""
    company: str | None
    """Words that say there is another animal, where one is recorded."""
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Descriptions that speak of further animals where one is recorded."""

    n: int
    """Descriptions of sessions with one animal."""
    n_with: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Form and cost of the descriptions; all per clip are means over the clips that were described."""

    n_clips: int
    """Drawn."""
    first_try: int
    repaired: int
    free_text: int
    errors: int
    not_come_to: int
    n_asked: int
    """Requests put to the model in this run, yes/no questions with them."""
    n_before: int
    """Requests answered in an earlier run."""
    prompt_tokens_per_clip: float | None
    new_tokens_per_clip: float | None
    """``None`` where the backend does not count tokens."""
    seconds_per_clip: float | None
    frames_per_clip: float | None

    @property
    def n_described(self) -> int:
        """Clips with a description."""
        return self.first_try + self.repaired + self.free_text


@dataclass(frozen=True, slots=True, kw_only=True)
class VlmQuality:
    """How well a model describes the behavior in an experiment."""

    model: str
    truth: str
    truth_kind: str
    seed: int
    n_judged: int
    """Segments that the truth can judge, from which the clips were drawn."""
    n_sessions: int
    """Sessions that the drawn clips are of."""
    naming: Naming
    ruled_out: RuledOut
    company: Company
    retrieval: Retrieval
    yes_no: YesNo | None
    cost: Cost
    clips: tuple[Clip, ...]
    unmapped: tuple[str, ...]
    """Keywords that are no behavior of the ethogram."""
    stopped: str | None
    """Why the model was not asked everything; another run goes on."""
    notes: tuple[str, ...]


def evaluate_vlm(
    context: ToolContext,
    *,
    truth: str | None = None,
    n_segments: int = N_SEGMENTS,
    seed: int = 0,
    progress: Progress | None = None,
) -> VlmQuality:
    """Measure a model against labels.

    Nothing is written but the model's replies, which stay with the experiment: a second run asks nothing twice, and
    `ethochat describe` reuses them.

    Parameters
    ----------
    context
        The experiment and the model.
    truth
        Source of the labels; the only one of sessions with a video by default.
    n_segments
        How many segments are shown.
    seed
        Of what is drawn and shuffled.
    progress
        Called with what is being done, how much is done and how much there is.

    Raises
    ------
    ToolRetryError
        When the source is not known, or several are there and none is named.
    ToolFailedError
        When there is nothing to measure against, or no model is configured or it does not answer.
    BackendUnavailableError
        When it stopped before it described anything.
    """
    experiment, catalog = context.experiment, context.catalog
    known = read_truth(experiment, catalog, choose_source(experiment, catalog, truth))
    draws, checks_rng, *shuffles = (
        np.random.default_rng(part) for part in np.random.SeedSequence(seed).spawn(6)
    )
    drawn = draw_segments(known.judged, known.ethogram.behaviors, n_segments, draws)
    watcher = Watcher(context=context, progress=progress or _silent)
    described = watcher.describe(drawn)
    _refuse_nothing(described, watcher)
    checks = draw_checks(drawn, known.ethogram.behaviors, checks_rng)
    answers = [] if watcher.stopped else watcher.check(drawn, checks)
    embedder = cached_embedder(experiment.data_dir)
    scored = _Scored(experiment, known.ethogram, drawn, described, embedder)
    behaviors = known.ethogram.behaviors
    yes_no = score_yes_no(
        [item for item in answers if item is not None],
        behaviors,
        table_of([item.shown for item in drawn], behaviors),
        table_of([item.ruled_out for item in drawn], behaviors),
        shuffles[0],
    )
    return VlmQuality(
        model=watcher.model,
        truth=known.source,
        truth_kind=known.source_kind,
        seed=seed,
        n_judged=len(known.judged),
        n_sessions=len({item.session_id for item in drawn}),
        naming=scored.naming(shuffles[1]),
        ruled_out=scored.ruled_out(shuffles[2]),
        company=scored.company(),
        retrieval=scored.retrieval(shuffles[3]),
        yes_no=yes_no,
        cost=_cost(described, watcher),
        clips=scored.clips,
        unmapped=scored.unmapped,
        stopped=watcher.stopped,
        notes=known.notes,
    )


def _silent(step: str, done: int, total: int) -> None:
    """Report to nobody."""


def _refuse_nothing(described: Sequence[Described], watcher: Watcher) -> None:
    if any(item.is_there for item in described):
        return
    errors = [item.error for item in described if item.error is not None]
    if watcher.stopped is not None:
        raise BackendUnavailableError(f"Stopped before anything was described: {watcher.stopped}")
    raise ToolFailedError(f"None of {len(described)} clips was described; the first one: {errors[0]}")


class _Scored:
    """Descriptions beside the truth, as tables of segments and names; segments without a description are left out."""

    def __init__(
        self,
        experiment: Experiment,
        ethogram: Ethogram,
        drawn: Sequence[Judged],
        described: Sequence[Described],
        embedder: Embedder,
    ) -> None:
        self.names = ethogram.names
        self._ethogram, self._experiment, self._embedder = ethogram, experiment, embedder
        pairs = list(zip(drawn, described, strict=True))
        self._there = [(judged, said) for judged, said in pairs if said.is_there]
        mapped, self.unmapped = self._mapped()
        self._named = [
            frozenset(mapped[word] for word in _keywords(said) if word in mapped) for _, said in self._there
        ]
        names = iter(self._named)
        self.clips = tuple(
            _clip(judged, said, next(names) if said.is_there else frozenset()) for judged, said in pairs
        )

    def naming(self, rng: np.random.Generator) -> Naming:
        """Score keywords; who names a kind of rearing has named rearing."""
        wider = [
            frozenset(name for name in self.names if own & {name, *self._ethogram.members(name)})
            for own in self._named
        ]
        return score_naming(
            self.names,
            self._table([judged.shown for judged, _ in self._there]),
            self._table(wider),
            self._table([judged.known for judged, _ in self._there]),
            rng,
            categories=dict(self._ethogram.categories),
        )

    def ruled_out(self, rng: np.random.Generator) -> RuledOut:
        """Count names of what does not occur."""
        wrong = self._table([judged.ruled_out for judged, _ in self._there])
        return score_ruled_out(self.names, self._table(self._named), wrong, rng)

    def company(self) -> Company:
        """Count descriptions of one animal that speak of more."""
        alone = [
            clip
            for clip, (judged, _) in zip(self._clips_there(), self._there, strict=True)
            if judged.n_animals == 1
        ]
        return Company(n=len(alone), n_with=sum(clip.company is not None for clip in alone))

    def retrieval(self, rng: np.random.Generator) -> Retrieval:
        """Score what a search by a behavior's name finds first."""
        behaviors = self._ethogram.behaviors
        texts = self._embedder.embed([said.text for _, said in self._there])
        likeness = (texts @ self._embedder.embed(list(behaviors)).T).astype(np.float64)
        n = len(behaviors)
        shown = self._table([judged.shown for judged, _ in self._there])[:, :n]
        known = self._table([judged.known for judged, _ in self._there])[:, :n]
        return score_retrieval(behaviors, likeness, shown, known, rng)

    def _clips_there(self) -> list[Clip]:
        return [clip for clip in self.clips if clip.form in ("first try", "repaired", "free text")]

    def _mapped(self) -> tuple[dict[str, str], tuple[str, ...]]:
        words = sorted({word for _, said in self._there for word in _keywords(said)})
        if not words:
            return {}, ()
        terms = ethogram_terms(self._experiment, self.names)
        likeness = self._experiment.vlm.keyword_likeness
        mapped, unmapped = map_keywords(words, terms, self._embedder, likeness)
        return mapped, tuple(unmapped)

    def _table(self, sets: Sequence[frozenset[str]]) -> NDArray[np.bool_]:
        return table_of(sets, self.names)


def table_of(sets: Sequence[frozenset[str]], names: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each set holds each name, shape ``(n_sets, n_names)``."""
    cells = [[name in own for name in names] for own in sets]
    return np.array(cells, dtype=np.bool_).reshape(len(sets), len(names))


def _keywords(described: Described) -> list[str]:
    return [] if described.said is None else described.said.keywords


def _clip(judged: Judged, described: Described, named: frozenset[str]) -> Clip:
    return Clip(
        segment_id=str(judged.segment["segment_id"]),
        shown=tuple(sorted(judged.shown)),
        form=described.form,
        text=described.text,
        keywords=tuple(_keywords(described)),
        named=tuple(sorted(named)),
        ruled_out=tuple(sorted(named & judged.ruled_out)),
        company=names_company(described.text) if judged.n_animals == 1 else None,
        error=described.error,
    )


def _cost(described: Sequence[Described], watcher: Watcher) -> Cost:
    forms = [item.form for item in described]
    there = [item for item in described if item.is_there]
    return Cost(
        n_clips=len(described),
        first_try=forms.count("first try"),
        repaired=forms.count("repaired"),
        free_text=forms.count("free text"),
        errors=forms.count("error"),
        not_come_to=forms.count("not come to"),
        n_asked=watcher.n_asked,
        n_before=watcher.n_before,
        prompt_tokens_per_clip=_mean([item.prompt_tokens for item in there]),
        new_tokens_per_clip=_mean([item.new_tokens for item in there]),
        seconds_per_clip=_mean([item.elapsed_s for item in there]),
        frames_per_clip=_mean([item.n_frames for item in there]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """Mean; ``None`` where one is not known, or there is none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
