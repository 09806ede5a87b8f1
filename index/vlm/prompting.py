"""What a model is asked: prompts from versioned files, filled with what is shown and known.

A prompt's version is its file's name; a file whose words change gets a new number, so that replies to the old one stay
what they were. Names, questions and replies enter as one cleaned line between quotes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, Final

from ethochat.index.describers.kinematic import species_of
from ethochat.index.experiment import Experiment
from ethochat.index.vlm.base import VlmRequest
from ethochat.index.vlm.cleaning import clean, quoted
from ethochat.index.vlm.parsing import DESCRIPTION_SCHEMA
from ethochat.index.vlm.seeing import ClipPlan, SessionView

SYSTEM: Final = "system_1"
DESCRIBE: Final = "describe_1"
WATCH: Final = "watch_1"
YES_NO: Final = "yes_no_1"
VERIFY: Final = "verify_1"
REPAIR: Final = "repair_1"
"""Current prompts; each is a file in ``prompts``."""

YES_NO_CHOICES: Final = ("yes", "no")

Clip = tuple[str, float, float, str | None]
"""Session, start, stop, individual."""

_WORD: Final = re.compile(r"[^\W\d_]{2,20}(?: [^\W\d_]{2,20})?")
_PROMPTS: Final = Path(__file__).with_name("prompts")
_MOST_BEHAVIORS: Final = 60
_LONGEST_DEFINITION: Final = 120
_LONGEST_QUESTION: Final = 600
_LONGEST_REPLY: Final = 800
_MOST_REASON_TOKENS: Final = 64
"""New tokens of an answer that is one word and a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A request whose frames are not decoded yet."""

    key: str
    """SHA-256 of all that the model will see, of the form asked for and of the prompt's version."""
    prompt_version: str
    n_frames: int
    plans: tuple[ClipPlan, ...]
    system: str
    prompt: str
    json_schema: Mapping[str, Any] | None = None
    choices: tuple[str, ...] = ()
    max_new_tokens: int = 256
    views: tuple[SessionView, ...] = field(default=(), repr=False, compare=False)
    """The session of each plan."""

    def request(self) -> VlmRequest:
        """Decode the frames.

        Raises
        ------
        VideoError
            When a frame cannot be decoded.
        """
        clips = tuple(view.frames(plan) for view, plan in zip(self.views, self.plans, strict=True))
        return VlmRequest(
            key=self.key,
            system=self.system,
            prompt=self.prompt,
            clips=clips,
            json_schema=self.json_schema,
            choices=self.choices,
            max_new_tokens=self.max_new_tokens,
        )


def plan_description(view: SessionView, segment: Mapping[str, object], experiment: Experiment) -> Planned:
    """Ask what goes on in a segment; its labels are not told.

    Parameters
    ----------
    segment
        A row of the table SEGMENTS.

    Raises
    ------
    VideoError
        When the segment lies outside the video.
    """
    start, stop, individual = _interval(segment)
    plan = view.plan(start, stop, individual)
    species = _species(view)
    prompt = _filled(
        DESCRIBE,
        shown=_shown(view, plan, species),
        facts=_facts(view, plan),
        animal=_animal(view, plan, species),
        behaviors=_suggested(view.behaviors, experiment),
    )
    limit = view.settings.max_new_tokens
    return _planned(DESCRIBE, prompt, [(view, plan)], schema=DESCRIPTION_SCHEMA, max_new_tokens=limit)


def plan_question(
    views: Mapping[str, SessionView], clips: Sequence[Clip], question: str, *, yes_no: bool
) -> Planned:
    """Ask a question about one clip or several.

    Parameters
    ----------
    views
        By session id.
    clips
        Session id, start, stop and individual of each; several are labeled "Clip 1", "Clip 2" …
    question
        As the user put it.
    yes_no
        Whether the answer begins with yes or no.

    Raises
    ------
    ValueError
        When there is no clip, or so many that a request cannot hold two frames of each.
    VideoError
        When a clip lies outside its video.
    """
    seen = [views[session_id] for session_id, *_ in clips]
    if not seen:
        raise ValueError("Expected at least one clip to look at, got none.")
    most = min(view.settings.max_frames for view in seen) // len(seen)
    if most < 2 and len(seen) > 1:
        limit = min(view.settings.max_frames for view in seen)
        raise ValueError(
            f"Expected at most {limit // 2} clips in one question, got {len(seen)}: a request holds {limit} frames. Ask about "
            "fewer, or raise `max_frames` under [vlm]."
        )
    planned = [
        (view, view.plan(start, stop, individual, most_frames=most))
        for view, (_, start, stop, individual) in zip(seen, clips, strict=True)
    ]
    name = YES_NO if yes_no else WATCH
    prompt = _filled(
        name,
        shown=_shown_clips(planned),
        facts=_facts_of_clips(planned),
        what="the clip" if len(planned) == 1 else "the clips",
        question=quoted(question, _LONGEST_QUESTION),
    )
    limit = seen[0].settings.max_new_tokens
    if not yes_no:
        return _planned(name, prompt, planned, max_new_tokens=limit)
    return _planned(
        name, prompt, planned, choices=YES_NO_CHOICES, max_new_tokens=min(limit, _MOST_REASON_TOKENS)
    )


def plan_check(view: SessionView, start: float, stop: float, individual: str | None, query: str) -> Planned:
    """Ask whether a clip shows what was searched for.

    Raises
    ------
    VideoError
        When the clip lies outside the video.
    """
    plan = view.plan(start, stop, individual)
    prompt = _filled(
        VERIFY,
        shown=_shown(view, plan, _species(view)),
        facts=_facts(view, plan),
        query=quoted(query, _LONGEST_QUESTION),
    )
    limit = min(view.settings.max_new_tokens, _MOST_REASON_TOKENS)
    return _planned(VERIFY, prompt, [(view, plan)], choices=YES_NO_CHOICES, max_new_tokens=limit)


def plan_repair(planned: Planned, reply_text: str, problem: str) -> Planned:
    """Ask once more for the right form.

    Parameters
    ----------
    planned
        What was asked.
    reply_text
        What came back; told as data.
    problem
        What is wrong with it, in a sentence of our own.
    """
    prompt = _filled(
        REPAIR,
        prompt=planned.prompt,
        problem=clean(problem, _LONGEST_DEFINITION * 2),
        reply=quoted(reply_text, _LONGEST_REPLY),
    )
    return _keyed(replace(planned, prompt=prompt, prompt_version=f"{planned.prompt_version}+{REPAIR}"))


# ------------------------------------------------------------------ what is shown, in words
def _shown(view: SessionView, plan: ClipPlan, species: str, *, label: str = "You see a clip:") -> str:
    """Say what the frames are and what is in the picture."""
    sentences = [
        f"{label} {_frames(plan)}, in order of time, {_length(plan)}.",
        *_picture(view, plan),
        *_company(view, plan, species),
    ]
    return " ".join(sentences)


def _species(view: SessionView) -> str:
    """Word for the animal; a column of sessions.csv may hold anything, which must not enter outside of quotes."""
    word = species_of(view.experiment, view.session)
    return word if _WORD.fullmatch(word) else "animal"


def _frames(plan: ClipPlan) -> str:
    n = len(plan.frames)
    return "1 frame" if n == 1 else f"{n} frames"


def _length(plan: ClipPlan) -> str:
    if not plan.seconds:
        return f"from {plan.duration:.0f} frames of a recording"
    return f"from {plan.duration:.1f} s of video"


def _picture(view: SessionView, plan: ClipPlan) -> list[str]:
    said = ["The whole image is shown."]
    if not plan.whole:
        said = ["The picture is a part of the image around the animal and stays in place during the clip."]
    if plan.view_sizes:
        n = len(plan.view_sizes) + 1
        said.append(
            f"Each frame shows {n} cameras' views of the same moment side by side; what is said here of the picture holds for the left one."
        )
    if plan.overlay == "skeleton":
        said.append("Colored dots and lines are drawn over it; they mark tracked body points.")
    if plan.bar is not None:
        said.append(f"The white bar at the lower left is {plan.bar.label} long.")
    return said


def _company(view: SessionView, plan: ClipPlan, species: str) -> list[str]:
    """Say how many animals there are and which one is meant."""
    if plan.n_tracked < 2:
        return []
    plural = {"mouse": "mice", "animal": "animals"}.get(species, f"{species}s")
    said = [f"{plan.n_tracked} {plural} are tracked in this recording."]
    if plan.overlay == "ids":
        said.append("A dot and a mark are drawn at the middle of each.")
    if plan.individual is None:
        return said
    n_others = len(plan.animals) - 1
    said.append(
        f"Besides the one meant, {n_others} of them come{'s' if n_others == 1 else ''} into this picture."
    )
    if plan.places is not None:
        first, last = plan.places
        then = f"and at the {last} in the last one" if last != first else "and in the last one too"
        said.append(f"The one meant is at the {first} of the picture in the first frame {then}.")
    if plan.overlay == "ids":
        said.append(f"It is marked {quoted(view.mark(plan.individual))}.")
    return said


def _animal(view: SessionView, plan: ClipPlan, species: str) -> str:
    if plan.n_tracked >= 2:
        return f"the {species} that is meant" if plan.individual is not None else f"each {species}"
    return f"the {species}"


def _shown_clips(planned: Sequence[tuple[SessionView, ClipPlan]]) -> str:
    several = len(planned) > 1
    texts = [
        _shown(
            view,
            plan,
            _species(view),
            label=f"Clip {number}:" if several else "You see a clip:",
        )
        for number, (view, plan) in enumerate(planned, start=1)
    ]
    return "\n".join([f"You see {len(texts)} clips, one after the other.", *texts] if several else texts)


def _facts(view: SessionView, plan: ClipPlan) -> str:
    facts = view.facts(plan.start_time, plan.stop_time, plan.individual)
    return "\n".join(["As measured by tracking:", *(f"- {fact}" for fact in facts)]) if facts else ""


def _facts_of_clips(planned: Sequence[tuple[SessionView, ClipPlan]]) -> str:
    texts = [_facts(view, plan) for view, plan in planned]
    if len(texts) == 1:
        return texts[0]
    return "\n".join(
        f"Clip {number}, {text[0].lower()}{text[1:]}" for number, text in enumerate(texts, start=1) if text
    )


def _suggested(behaviors: Sequence[str], experiment: Experiment) -> str:
    """List what people look for here, as names that may be used and need not."""
    # A bare number that a rater uses as a label names nothing to anybody else.
    behaviors = [name for name in behaviors if any(character.isalpha() for character in name)]
    if not behaviors:
        return "Name each behavior as people who study such animals do."
    settings = {item.name: item for item in experiment.behaviors}
    listed = []
    for name in behaviors[:_MOST_BEHAVIORS]:
        definition = settings[name].definition if name in settings else None
        text = quoted(name)
        listed.append(f"{text} (that is, {quoted(definition, _LONGEST_DEFINITION)})" if definition else text)
    return (
        f"Names in use in this experiment: {', '.join(listed)}. Use one of them where it fits what you see; none of them has to "
        "occur. Use words of your own for anything else."
    )


# ------------------------------------------------------------------ requests
def _interval(segment: Mapping[str, object]) -> tuple[float, float, str | None]:
    start, stop, individual = segment["start_time"], segment["stop_time"], segment.get("individual")
    if not isinstance(start, int | float) or not isinstance(stop, int | float):
        raise ValueError(f"Expected a segment with start_time and stop_time, got {start!r} and {stop!r}.")
    return float(start), float(stop), None if individual is None else str(individual)


def _planned(
    name: str,
    prompt: str,
    planned: Sequence[tuple[SessionView, ClipPlan]],
    *,
    schema: Mapping[str, Any] | None = None,
    choices: tuple[str, ...] = (),
    max_new_tokens: int,
) -> Planned:
    plans = tuple(plan for _, plan in planned)
    return _keyed(
        Planned(
            key="",
            prompt_version=name,
            n_frames=sum(len(plan.frames) for plan in plans),
            plans=plans,
            system=_read(SYSTEM).strip(),
            prompt=prompt,
            json_schema=schema,
            choices=choices,
            max_new_tokens=max_new_tokens,
            views=tuple(view for view, _ in planned),
        )
    )


def _keyed(planned: Planned) -> Planned:
    content = {
        "system": planned.system,
        "prompt": planned.prompt,
        "clips": [plan.digest() for plan in planned.plans],
        "schema": planned.json_schema,
        "choices": planned.choices,
        "max_new_tokens": planned.max_new_tokens,
        "prompt_version": planned.prompt_version,
    }
    return replace(planned, key=hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest())


def _filled(name: str, **parts: str) -> str:
    """Fill a prompt; a part that is empty leaves no empty line."""
    text = Template(_read(name)).substitute(parts)
    return text.replace("\n\n\n", "\n\n").strip() if name == REPAIR else re.sub(r"\n{2,}", "\n", text).strip()


@cache
def _read(name: str) -> str:
    return (_PROMPTS / f"{name}.txt").read_text(encoding="utf-8")


# ------------------------------------------------------------------ questions
_ASKS: Final = (
    "is isn't are aren't was wasn't were weren't am do don't does doesn't did didn't has hasn't have haven't had hadn't can can't "
    "could couldn't will won't would wouldn't shall should shouldn't may might must"
).split()
_OPENING: Final = re.compile(
    r"^(?:(?:so|and|but|please|ok|okay|now|then|also|here|in (?:this|the|each|every) clips?)\b[,:]?\s+)+"
)
_WHETHER: Final = re.compile(r"\b(?:whether|tell (?:me )?if|check if|see if|say if)\b")
_OPEN: Final = re.compile(
    r"(?:\band|,|;|\?)\s+(?:if (?:so|yes|not)\b[, ]*)?(?:what|where|which|who|whom|whose|why|how|when)\b|\bif (?:so|yes)\b"
)
_ALTERNATIVE: Final = re.compile(r"\bor\b(?! not\b)")


def is_yes_no(question: str) -> bool:
    """Whether yes or no answers a question, by its form.

    "Is the tail raised?" is; "Is it rearing or grooming?", "Does it rear, and where?" and "Which of them starts?" are not.
    """
    text = " ".join(question.lower().replace("’", "'").split())
    text = _OPENING.sub("", text)
    if _OPEN.search(text) or _ALTERNATIVE.search(text):
        return False
    first = re.match(r"[a-z']+", text)
    if first is not None and first.group() in _ASKS:
        return True
    asks_openly = first is not None and first.group() in (
        *"what where which who whom whose why how when".split(),
    )
    return not asks_openly and _WHETHER.search(text) is not None
