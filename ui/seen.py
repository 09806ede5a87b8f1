"""What a vision-language model said of clips, made ready to be shown: plain words, one line, limited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

from ethochat.index.vlm.cleaning import clean
from ethochat.tools.evidence import ClipRef

Kind = Literal["verified", "rejected", "unchecked"]

LONGEST_WORDS: Final = 300
"""Characters of a model's words beside a clip."""
ONLY_BEST: Final = "only the best hits were"
NOTED: Final = "the notes on what was found say why"
_UNCHECKED: Final = "not checked: "
_UNANSWERED: Final = "not answered: "
_SIGNS: Final[dict[Kind, str]] = {"verified": "✓", "rejected": "✗", "unchecked": "–"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a clip shows what was asked for, as a model sees it."""

    kind: Kind
    probability: float | None = None
    """Of "yes"."""
    reason: str = ""
    """Why it was not checked; plain text."""

    @property
    def words(self) -> str:
        """A few words: "verified, p = 0.93"; the probability is that of "yes", also of what was rejected."""
        said = "not checked" if self.kind == "unchecked" else self.kind
        return said if self.probability is None else f"{said}, p = {self.probability:.2f}"

    @property
    def hint(self) -> str:
        """A sentence that says what it means."""
        if self.kind == "unchecked":
            return f"Not checked: {self.reason}."
        does = "shows" if self.kind == "verified" else "does not show"
        sure = (
            "" if self.probability is None else f"; to it, “yes” has a probability of {self.probability:.2f}"
        )
        return f"The model says that this clip {does} what was looked for{sure}."


def verdict_of(clip: ClipRef, *, asked: bool = False) -> Verdict | None:
    """Say what came of checking a clip; ``None`` where nobody wanted it checked.

    Parameters
    ----------
    asked
        Whether the clips of this list were to be checked, so that one without a word is one that was not.
    """
    if clip.verified is not None:
        kind: Kind = "verified" if clip.verified else "rejected"
        return Verdict(kind=kind, probability=clip.probability)
    if clip.seen is not None and clip.seen.startswith(_UNCHECKED):
        reason = clean(clip.seen.removeprefix(_UNCHECKED), LONGEST_WORDS).rstrip(".")
        return Verdict(kind="unchecked", reason=reason)
    return Verdict(kind="unchecked", reason=NOTED) if asked else None


def words_of(clip: ClipRef, limit: int = LONGEST_WORDS) -> str:
    """Write what a model said of a clip, or why it said nothing, as one line of plain text; empty where it was not asked."""
    return "" if clip.seen is None else clean(clip.seen, limit)


def summary_of(clip: ClipRef, limit: int = LONGEST_WORDS) -> str:
    """Write in a list what came of showing a clip: the verdict, or the model's words in quotes."""
    verdict, words = verdict_of(clip), words_of(clip, limit)
    if verdict is not None:
        return verdict.words + (f": {verdict.reason}" if verdict.reason else "")
    return words if not words or words.startswith(_UNANSWERED) else f"“{words}”"


def left_unchecked(clips: Sequence[ClipRef]) -> list[ClipRef]:
    """Say of clips behind the best ones that they were not checked."""
    return [clip.model_copy(update={"seen": f"{_UNCHECKED}{ONLY_BEST}"}) for clip in clips]


def with_verdicts(clips: Sequence[ClipRef], judged: Sequence[ClipRef]) -> list[ClipRef]:
    """Carry what was said of some clips over to the same clips of a longer list; the others were not checked."""
    known = {_moment(clip): clip for clip in judged}
    return [known[_moment(clip)] if _moment(clip) in known else left_unchecked([clip])[0] for clip in clips]


def _moment(clip: ClipRef) -> tuple[str, str | None, float, float]:
    return clip.session_id, clip.individual, clip.start_time, clip.stop_time


# ----------------------------------------------------------------- HTML
def badge_html(verdict: Verdict | None) -> str:
    """Show a verdict as a badge that says more when it is pointed at."""
    if verdict is None:
        return ""
    words, hint = escape(verdict.words), escape(verdict.hint)
    return f"<span class='badge {verdict.kind}' title=\"{hint}\">{_SIGNS[verdict.kind]} {words}</span>"


def seen_html(clip: ClipRef) -> str:
    """Show below a clip what the model said of it; empty where it was not asked."""
    verdict, words = verdict_of(clip), words_of(clip)
    if verdict is not None:
        told = verdict.reason if verdict.kind == "unchecked" else verdict.hint
        return f"<p>{badge_html(verdict)} {escape(told)}</p>"
    if not words:
        return ""
    if words.startswith(_UNANSWERED):
        return f"<p>{escape(words.capitalize())}</p>"
    sure = "" if clip.probability is None else f" <span>“yes” with p = {clip.probability:.2f}</span>"
    return f"<p><b>The model that looked at it says</b> <q>{escape(words)}</q>{sure}</p>"
