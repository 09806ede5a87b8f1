"""Every number, name, clip and citation of a draft is compared with what the tools of its turn returned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ethochat.agent.facts import IDENTIFIER, Facts, Known
from ethochat.agent.numbers import Number, find_numbers
from ethochat.tools.evidence import Evidence

ALPHA: Final = 0.05
_CITATION = re.compile(r"\[e\d+(?:\s*[,;–-]\s*e\d+)*\]")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_NO_CLAIM = re.compile(
    rf"""
      \]\([^)\s]*\) | https?://\S+                                             # targets of links
    | (?m:^\s{{0,8}}(?:[-*>]\s)?\(?\d{{1,3}}[.)](?=\s))                        # list numbering
    | \b(?:Figure|Fig\.|Table|Step|Option|Question|Section)\s\d+               # references
    | \b\d{{4}}-\d{{2}}-\d{{2}}\b | \b\d{{1,2}}[./]\d{{1,2}}[./]\d{{4}}\b      # dates
    | \b\d{{1,2}}\.?\s{_MONTH}(?:\s\d{{4}})?\b | \b{_MONTH}\s(?:\d{{1,2}},?\s)?\d{{4}}\b
    | \b(?:90|95|99)\s?-?(?:%|per\s?cent)(?=[-\s]*(?:CI|confidence|credible|interval|bootstrap|limits?))
    | \bCI\s?[({{]?(?:90|95|99)\s?%?
    | (?:\balpha|α|\blevel|\bthreshold\sof)\s?(?:=|of|at)?\s?(?:0?\.05|5\s?%)  # the convention
    | (?:(?<![\d.])0?\.05|\b5\s?%)(?=[-\s](?:significance\s)?level)
    | \b\d-(?:way|sided|tailed|sample)\b | 1\.5\s?[×x*]\s?(?:the\s)?IQR
    | \b\d+(?:st|nd|rd|th)\b
    """,
    re.VERBOSE,
)
_COMMON = re.compile(
    r"[FRHQ][0-4]|[234]d|mp4|h5|hdf5|ci\d\d|log(?:2|10)|[0-9.]+(?:e-?\d+)?[a-zµ°%]{1,3}", re.IGNORECASE
)
"""Words with a digit that name nothing of an experiment."""
_CLIP_REFERENCE = re.compile(
    r"\bclip\s(?:no\.\s?|#)?(?P<number>\d{1,3})(?!\.?\d|\s*(?:s\b|-?second|of\b|was|is))", re.IGNORECASE
)
_RANGE = re.compile(
    r"(?P<a>\d+(?:\.\d+)?)\s?(?:s|sec)?\s?(?:[-–—]|to|until)\s?(?P<b>\d+(?:\.\d+)?)\s?(?:s|sec|seconds)\b"
)
_SENTENCE_END = re.compile(r"\n|(?<=[.!?])\s+(?=[A-Z\[*|])")
_SIGNIFICANT = re.compile(r"\b(?:in)?significant(?:ly)?\b", re.IGNORECASE)
_NEGATION = re.compile(
    r"\b(?:no|not|non|without|neither|nor|cannot|fail\w*|lacks?)\b|n't|non-", re.IGNORECASE
)
_CONDITIONAL = re.compile(r"\b(?:whether|if)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A part of a draft that no tool vouches for."""

    start: int
    stop: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the comparison found."""

    problems: tuple[Problem, ...] = ()
    cited: tuple[str, ...] = ()
    """Evidence ids that the draft cites, in order of first mention."""
    matched: tuple[str, ...] = ()
    """Evidence ids whose numbers stand in the draft."""

    @property
    def ok(self) -> bool:
        """Whether everything checked out."""
        return not self.problems

    @property
    def reason(self) -> str:
        """What is wrong, for the chat model."""
        return "\n".join(f"- {problem.text!r}: {problem.reason}" for problem in self.problems)


def verify(draft: str, evidence: Sequence[Evidence], question: str) -> Verdict:
    """Compare a draft with the evidence of its turn.

    A number may be a value, a test, a clip time, a number of animals, an argument or a number in a tool's own
    words; it may be rounded as far as its digits show, converted within its unit's dimension, or stand in the
    question. A number that belongs to one group or session must not be told of another. Names with digits
    must occur in the evidence or the question, and "significant" must agree with the tests.

    Parameters
    ----------
    draft
        The answer as the chat model worded it, with ``[e1]`` marks.
    evidence
        What the tool calls of the turn returned.
    question
        What the user asked, earlier questions of the conversation included.

    Returns
    -------
    Verdict
        Problems in the order of the draft.
    """
    facts = Facts(evidence, question)
    cited, problems = _check_citations(draft, facts)
    masked = _mask(draft)
    problems += _check_names(masked, facts)
    matched: list[str] = []
    for start, sentence in _sentences(masked):
        found, wrong = _check_sentence(sentence, start, facts)
        matched += found
        problems += wrong
    problems += [*_check_clip_numbers(masked, facts), *_check_clip_times(masked, facts)]
    problems += _check_significance(masked, facts)
    return Verdict(
        problems=tuple(sorted(_without_overlaps(problems), key=lambda problem: problem.start)),
        cited=cited,
        matched=tuple(dict.fromkeys(matched)),
    )


def strike(draft: str, verdict: Verdict) -> str:
    """Return the draft with every unverified part struck through and marked."""
    for problem in reversed(verdict.problems):
        part = draft[problem.start : problem.stop]
        draft = f"{draft[: problem.start]}~~{part}~~ (unverified){draft[problem.stop :]}"
    return draft


def _check_citations(draft: str, facts: Facts) -> tuple[tuple[str, ...], list[Problem]]:
    cited: list[str] = []
    problems = []
    for match in _CITATION.finditer(draft):
        ids = re.findall(r"e\d+", match[0])
        cited += [eid for eid in ids if eid in facts.ids]
        unknown = [eid for eid in ids if eid not in facts.ids]
        if unknown:
            known = ", ".join(sorted(facts.ids, key=lambda eid: int(eid[1:]))) or "none"
            problems.append(
                _problem(match, f"no evidence {', '.join(unknown)} in this turn (there is: {known})")
            )
    return tuple(dict.fromkeys(cited)), problems


def _check_names(masked: str, facts: Facts) -> list[Problem]:
    """Check names with digits in them: sessions, animals, strains."""
    problems = []
    for match in IDENTIFIER.finditer(masked):
        token = match[0]
        if facts.names(token) or _COMMON.fullmatch(token) or find_numbers(token):
            continue
        if any(re.search(r"\d", part) and not facts.names(part) for part in re.split(r"[-.]", token)):
            problems.append(_problem(match, "no tool of this turn returned this name"))
    return problems


def _check_sentence(sentence: str, offset: int, facts: Facts) -> tuple[list[str], list[Problem]]:
    """Check the numbers of one sentence or table row, and that each is told of what it belongs to.

    A number may be told of any label named since the number before it, of any label named until the next one,
    or, where none is named in between, of what the number before it was told.
    """
    numbers = find_numbers(sentence)
    pattern = facts.label_pattern
    labels = [(match.start(), match[0].lower()) for match in pattern.finditer(sentence)] if pattern else []
    matched: list[str] = []
    problems = []
    before: set[str] = set()
    position = 0
    for index, number in enumerate(numbers):
        following = numbers[index + 1].start if index + 1 < len(numbers) else len(sentence)
        before = {label for start, label in labels if position <= start < number.start} or before
        after = {label for start, label in labels if number.stop <= start < following}
        position = number.stop
        candidates = facts.matches(number)
        reason = _why_wrong(number, candidates, before | after, facts)
        if reason is None:
            matched += [item.evidence_id for item in candidates if item.evidence_id is not None][:1]
        else:
            start, stop = offset + number.start, offset + number.stop
            problems.append(Problem(start=start, stop=stop, text=number.text, reason=reason))
    return matched, problems


def _why_wrong(number: Number, candidates: Sequence[Known], told: set[str], facts: Facts) -> str | None:
    owned = number.sample and bool(told & facts.sampled)
    if any(_belongs(item, told, facts.dimensions) for item in candidates if item.labels or not owned):
        return None
    if any(item.labels for item in candidates):
        owners = sorted({label for item in candidates for _, label in item.labels})
        return f"it belongs to {', '.join(owners[:4])}, not to {', '.join(sorted(told))}"
    if number.bound is not None:
        return f"no test of this turn has a p value {number.bound} {number.value:g}"
    return (
        "no tool of this turn returned this number (sums, differences and ratios must come from a tool, too)"
    )


def _belongs(item: Known, told: set[str], dimensions: Mapping[str, set[str]]) -> bool:
    """Whether a known number may be told of the labels around it."""
    for dimension, label in item.labels:
        rivals = {other for other in told if dimension in dimensions.get(other, ())}
        if rivals and label not in rivals:
            return False
    return True


def _check_clip_numbers(masked: str, facts: Facts) -> list[Problem]:
    """Check references such as "clip 3"."""
    n_clips = len(facts.clips)
    return [
        _problem(match, f"there are {n_clips} clips in this turn")
        for match in _CLIP_REFERENCE.finditer(masked)
        if not 1 <= int(match["number"]) <= n_clips
    ]


def _check_clip_times(masked: str, facts: Facts) -> list[Problem]:
    """Check that a start and a stop belong to the same clip, where both are times of clips."""
    clips = [(clip.start_time, clip.stop_time) for clip in facts.clips]
    times = [time for clip in clips for time in clip]
    windows = {(item.arguments.get("start_s"), item.arguments.get("stop_s")) for item in facts.evidence}
    problems = []
    for match in _RANGE.finditer(masked) if clips else ():
        start, stop = float(match["a"]), float(match["b"])
        slack = 0.5 * 10.0 ** -len(match["b"].partition(".")[2]) + 1e-9
        of_clips = all(any(abs(time - shown) <= slack for time in times) for shown in (start, stop))
        of_one = any(abs(a - start) <= slack and abs(b - stop) <= slack for a, b in clips)
        if of_clips and not of_one and (start, stop) not in windows:
            problems.append(_problem(match, "no clip has these times"))
    return problems


def _check_significance(masked: str, facts: Facts) -> list[Problem]:
    """Compare the word with the tests, where all of them fall on one side."""
    problems = []
    for match in _SIGNIFICANT.finditer(masked):
        before = masked[max(masked.rfind(".", 0, match.start()), match.start() - 45, 0) : match.start()]
        if re.match(r"\s(?:level|digit|figure|at\b)", masked[match.end() :]) or _CONDITIONAL.search(before):
            continue
        denied = bool(_NEGATION.search(before)) != match[0].lower().startswith("in")
        reason = _significance_problem(facts.p_values, denied=denied)
        if reason is not None:
            problems.append(_problem(match, reason))
    return problems


def _significance_problem(p_values: Sequence[float], *, denied: bool) -> str | None:
    if not p_values:
        return None if denied else "no test of this turn says so"
    if denied:
        return "every test of this turn has p < 0.05" if max(p_values) < ALPHA else None
    return "no test of this turn has p < 0.05" if min(p_values) >= ALPHA else None


def _mask(draft: str) -> str:
    """Blank out what is no claim, keeping every position."""
    for pattern in (_CITATION, _NO_CLAIM):
        draft = pattern.sub(lambda match: " " * len(match[0]), draft)
    return _mask_row_numbers(draft)


def _mask_row_numbers(text: str) -> str:
    """Blank the first cell of table rows that are numbered from 1."""
    lines = text.split("\n")
    expected = 1
    for index, line in enumerate(lines):
        match = re.match(r"\s*\|\s*(\d+)[.)]?\s*(?=\|)", line)
        if match and int(match[1]) == expected:
            lines[index] = " " * match.end() + line[match.end() :]
            expected += 1
        elif not line.lstrip().startswith("|"):
            expected = 1
    return "\n".join(lines)


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for match in _SENTENCE_END.finditer(text):
        yield start, text[start : match.start()]
        start = match.end()
    yield start, text[start:]


def _problem(match: re.Match[str], reason: str) -> Problem:
    return Problem(start=match.start(), stop=match.end(), text=match[0], reason=reason)


def _without_overlaps(problems: Iterable[Problem]) -> list[Problem]:
    """Keep the first of problems that share text; the number check comes first, the clip checks last."""
    kept: list[Problem] = []
    for problem in problems:
        if not any(problem.start < other.stop and other.start < problem.stop for other in kept):
            kept.append(problem)
    return kept
