"""Whether hits of a search show what was searched for: a model looks at the best ones and says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ethochat.index.errors import CatalogError, VideoError
from ethochat.index.vlm.base import VlmReply
from ethochat.index.vlm.parsing import clean, parse_answer
from ethochat.index.vlm.prompting import Planned, plan_check
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError
from ethochat.tools.evidence import ClipRef
from ethochat.tools.watching.asking import NOT_CONFIGURED, Views, ask_model, open_vlm
from ethochat.tools.wording import some

YES = "yes"
_UNCLEAR = "not checked: the answer was neither yes nor no"
SHOWN_WORDS = 160
"""Characters of a model's words that a list shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a model says of one clip, of which it may have been shown several parts."""

    says: bool | None
    """``None`` where it says neither yes nor no."""
    probability: float | None
    """Of yes, the highest of the parts: what happens in one of them happens in the clip."""
    words: str


def opinion_of(replies: Sequence[VlmReply]) -> Opinion:
    """Put together what was said of the parts of a clip.

    The words decide, and the probability, that of the first token being "yes" and not "no", says how sure they are: where
    the words are neither, it is a ratio of two things that the model did not mean to say. Parts that differ give neither: whether
    one yes makes a yes depends on the question ("ever", "all the time").
    """
    opinions = [_opinion(reply) for reply in replies]
    if not opinions:
        return Opinion(says=None, probability=None, words="")
    if len(opinions) == 1:
        return opinions[0]
    n_yes = sum(one.says is True for one in opinions)
    agreed = len({one.says for one in opinions}) == 1
    known = [one.probability for one in opinions if one.probability is not None]
    surest = min(known, key=lambda p: abs(p - 0.5), default=None)
    return Opinion(
        says=opinions[0].says if agreed else None,
        probability=surest if agreed and len(known) == len(opinions) else None,
        words=f"yes in {n_yes} of {len(opinions)} parts: {' / '.join(one.words for one in opinions)}"[
            :SHOWN_WORDS
        ],
    )


def _opinion(reply: VlmReply) -> Opinion:
    answer, text = parse_answer(reply.text)
    return Opinion(
        says=None if answer is None else answer == YES,
        probability=(reply.probabilities or {}).get(YES) if answer is not None else None,
        words=clean(text, SHOWN_WORDS),
    )


@dataclass(kw_only=True)
class _Checks:
    """Requests about hits, and hits that cannot be asked about."""

    planned: dict[int, list[Planned]] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)


def check_hits(
    context: ToolContext, clips: Sequence[ClipRef], query: str, *, n: int, budget_s: float
) -> tuple[list[ClipRef], list[str]]:
    """Let the model look at the first hits.

    Parameters
    ----------
    clips
        Hits, the best first.
    query
        What they are to show, in words.
    n
        How many to check; the others say that they were not.
    budget_s
        Seconds after which no further hit is shown to the model.

    Returns
    -------
    clips, flags
        The same hits in the same order, each verified, rejected, or not checked with the reason.

    Raises
    ------
    ApprovalNeededError
        When more clips would be shown than may be unasked.
    """
    if context.vlm is None or context.vlm.spec is None:
        return list(clips), [f"No hit was checked. {NOT_CONFIGURED}"]
    if not query.strip():
        return list(clips), ["No hit was checked: nothing in words says what it should show."]
    with Views(context=context) as views:
        try:
            open_vlm(context.vlm)
            checks = _plan(views, clips[:n], query)
            every = [item for items in checks.planned.values() for item in items]
            asked = ask_model(context, every, budget_s=budget_s)
        except (ToolFailedError, CatalogError) as exc:
            return list(clips), [f"No hit was checked: {exc}"]
    judged = []
    for place, clip in enumerate(clips):
        replies = [asked.reply(item) for item in checks.planned.get(place, [])]
        said = [reply for reply in replies if reply is not None and reply.error is None]
        if place >= n:
            judged.append(clip.model_copy(update={"seen": "not checked: only the best hits were"}))
        elif place in checks.reasons:
            judged.append(clip.model_copy(update={"seen": f"not checked: {checks.reasons[place]}"}))
        elif len(said) < len(replies) or not replies:
            errors = [reply.error for reply in replies if reply is not None and reply.error is not None]
            why = clean(errors[0], SHOWN_WORDS) if errors else asked.stopped or "the model gave no answer"
            judged.append(clip.model_copy(update={"seen": f"not checked: {why}"}))
        else:
            judged.append(_judged(clip, opinion_of(said)))
    return judged, [
        _sum(judged, asked.model),
        *([f"Checking ended early: {asked.stopped}."] if asked.stopped else []),
    ]


def _plan(views: Views, clips: Sequence[ClipRef], query: str) -> _Checks:
    checks = _Checks()
    for place, clip in enumerate(clips):
        if not clip.has_video:
            checks.reasons[place] = "the session has no video"
            continue
        try:
            view = views.of(clip.session_id)
        except ToolFailedError as exc:
            checks.reasons[place] = str(exc)
            continue
        seconds = (
            view.session.timebase.fps is None or clip.stop_time - clip.start_time <= view.settings.max_frames
        )
        if not seconds:
            checks.reasons[place] = (
                f"it lasts more than {view.settings.max_frames} s, too long to be looked at as a whole"
            )
            continue
        try:
            # The whole of it in one look, be it with fewer frames per second: a sequence cannot be told by its parts.
            checks.planned[place] = [
                plan_check(view, clip.start_time, clip.stop_time, clip.individual, query)
            ]
        except VideoError as exc:
            checks.reasons[place] = str(exc)
    return checks


def _judged(clip: ClipRef, opinion: Opinion) -> ClipRef:
    if opinion.says is None:
        seen = f"{_UNCLEAR} ({opinion.words})"
    else:
        sure = f" (yes with p = {opinion.probability:.2f})" if opinion.probability is not None else ""
        seen = f"{'verified' if opinion.says else 'rejected'}{sure}"
    probability = None if opinion.probability is None else round(opinion.probability, 4)
    return clip.model_copy(update={"verified": opinion.says, "probability": probability, "seen": seen})


def _sum(clips: Sequence[ClipRef], model: str) -> str:
    verified = sum(clip.verified is True for clip in clips)
    rejected = sum(clip.verified is False for clip in clips)
    neither = sum((clip.seen or "").startswith(_UNCLEAR) for clip in clips)
    told = f"{verified} verified, {rejected} rejected" + (f", {neither} neither" if neither else "")
    return f"{model} looked at {some(verified + rejected + neither, 'hit')}: {told}."
