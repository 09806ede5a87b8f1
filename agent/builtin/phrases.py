"""Phrases that mean the same in every experiment: limits, statistics, units, ranks.

Each reader takes its phrase out of the :class:`Scanner`, so that a number is read once and what nobody read is left over.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ethochat.index.words import american, number

NUMBER = r"(?:\d+(?:\.\d+)?|\.\d+|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|sixty)"
TIME_UNIT = (
    r"(?:milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|min|m(?=\b(?!\w))|hours?|hrs?|h|frames?)"
)
_SECONDS = {
    "ms": 0.001,
    "milli": 0.001,
    "msec": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "hr": 3600.0,
}


@dataclass(slots=True)
class Scanner:
    """A question being read."""

    text: str
    """As asked, American spelling."""
    rest: str = field(default="")
    """The same with what was read blanked out."""
    slots: dict[str, Any] = field(default_factory=dict)
    cues: str = field(default="")
    """The question without the phrases that were taken, names included: where cue words are looked for."""
    named: str = field(default="")
    """The same with ``BEHAVIOR`` in the place of each behavior named."""
    behavior_groups: list[list[str]] = field(default_factory=list)
    """Behaviors by where they are named: a category's members together."""

    def __post_init__(self) -> None:
        self.rest = self.rest or self.text
        self.cues = self.cues or self.text

    def take(self, pattern: str) -> re.Match[str] | None:
        """Find a pattern in what is left, and blank it."""
        match = re.search(pattern, self.rest, re.IGNORECASE)
        if match is not None:
            self.blank(match.start(), match.end())
            self.cues = self.cues[: match.start()] + " " * len(match.group()) + self.cues[match.end() :]
        return match

    def blank(self, start: int, stop: int) -> None:
        """Mark a stretch as read."""
        self.rest = self.rest[:start] + " " * (stop - start) + self.rest[stop:]

    def has(self, pattern: str) -> bool:
        """Whether the whole question, read or not, contains a pattern."""
        return re.search(pattern, self.text, re.IGNORECASE) is not None


def canonical(question: str) -> str:
    """One spelling, typographic signs in plain form, "left and right ear" written out."""
    text = (
        question.replace("’", "'")
        .replace("–", "-")
        .replace("—", " - ")
        .replace("≥", ">=")
        .replace("≤", "<=")
        .replace("×", "x")
        .replace("→", "->")
    )
    text = re.sub(r"\s*(?:--?|=)>\s*", " to ", text)
    text = re.sub(r"\b(can)(?:'t|not)\b", r"\1 not", text, flags=re.IGNORECASE)
    text = re.sub(r"\b(\w+)n't\b", r"\1 not", text)
    text = re.sub(r"[A-Za-z]+", _americanize, text)
    text = re.sub(r"\bacc?ord\w*\s+too?\b", "according to", text, flags=re.IGNORECASE)
    text = re.sub(_DATE, _iso_date, text, flags=re.IGNORECASE)
    return re.sub(
        r"\b(left|front|inner) and (?:the )?(right|hind|outer) (\w+)",
        r"\1 \3 and \2 \3",
        text,
        flags=re.IGNORECASE,
    )


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_MONTH})\s+(?P<year>\d{{4}})\b|\b(?P<month2>{_MONTH})\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year2>\d{{4}})\b"


def _iso_date(match: re.Match[str]) -> str:
    """Write "3 October 2025" as metadata columns write dates: 2025-10-03."""
    parts = match.groupdict()
    day, month, year = (parts[name] or parts[f"{name}2"] for name in ("day", "month", "year"))
    return f"{year}-{_MONTHS.index(month[:3].lower()) + 1:02d}-{int(day):02d}"


def _americanize(match: re.Match[str]) -> str:
    word = match.group()
    spelled = american(word)
    if spelled == word.lower():
        return word
    return spelled.capitalize() if word[0].isupper() else spelled


def seconds(amount: str, unit: str) -> float | None:
    """Convert an amount of time to seconds; frames stay as they are."""
    value = number(amount)
    if value is None:
        return None
    lowered = unit.lower()
    if lowered.startswith("frame"):
        return value
    for prefix in ("milli", "msec", "ms", "sec", "min", "hr", "h", "s", "m"):
        if lowered.startswith(prefix):
            return value * _SECONDS[prefix]
    return value


# ------------------------------------------------------------------ limits
_LONGER = r"(?:longer than|more than|over|exceeding|greater than|above|>)"
_SHORTER = r"(?:shorter than|less than|under|below|<)"
_AT_LEAST = r"(?:at least|no shorter than|minimum(?: of)?|>=)"
_AT_MOST = r"(?:at most|no longer than|maximum(?: of)?|<=)"


_BOUT_WORDS = r"(?:last(?:s|ed|ing)?|bouts?|episodes?|events?|runs?|visits?|that are|which are|when it)"


def read_bout_limits(scan: Scanner) -> None:
    """Read "longer than 8 seconds", "bouts of at least 2 s", "of 10 s or longer", "lasts more than 4 s".

    "More than 100 s" without a word for bouts before it limits the measure, not the bouts: see :func:`read_value_limits`.
    """
    for words, key, strict in (
        (_LONGER, "min_bout_s", True),
        (_SHORTER, "max_bout_s", True),
        (_AT_LEAST, "min_bout_s", False),
        (_AT_MOST, "max_bout_s", False),
    ):
        own = r"(?:longer than|shorter than|no longer than|no shorter than)"
        amount = rf"({NUMBER})\s*({TIME_UNIT})\b(?!\s+(?:consecutive|after|before|later|in total|altogether|overall))"
        match = scan.take(
            rf"\b(?:of|{_BOUT_WORDS}\s+(?:\w+\s+){{0,2}}?(?<!\w)|of\s+(?:a\s+)?(?:duration|length)s?)\s*{words}\s*{amount}"
        )
        if match is None and re.search(own, words):
            match = scan.take(rf"\b(?={own}){words}\s*{amount}")
        if match and not match[2].lower().startswith("frame"):
            scan.slots.update({key: seconds(match[1], match[2]), "strict": strict})
    for words, key in (
        (r"(?:longer|more|above|up)", "min_bout_s"),
        (r"(?:shorter|less|below)", "max_bout_s"),
    ):
        match = scan.take(rf"\b(?:of\s+)?({NUMBER})\s*({TIME_UNIT})\s+(?:or|and)\s+{words}\b")
        if match:
            scan.slots.update({key: seconds(match[1], match[2]), "strict": False})


_VALUE_UNIT = r"(?:cm/s|m/s|px/s|cm|meters?|m|px|pixels?|%|percent|per cent|times?|bouts?|rears?|entries|transitions|seconds?|secs?|s|minutes?|mins?|min|frames?)"


def read_value_limits(scan: Scanner) -> None:
    """Read the limit of a list: "which animals ran more than 5000 cm", "sessions with fewer than 20 bouts"."""
    if not scan.has(
        r"^\W*(?:in )?(?:which|list|name|show|find)\b|\bwhat (?:sessions|recordings|animals|mice)\b|\bhow many\b"
    ):
        return
    above = r"(?:more than|over|above|exceed(?:s|ed|ing)?|greater than|higher than|at least|>=|>)"
    below = r"(?:less than|fewer than|under|below|lower than|at most|<=|<)"
    for words, keep in ((above, "above"), (below, "below")):
        match = scan.take(rf"(?<!\w){words}\s+({NUMBER})\s*({_VALUE_UNIT})?(?![\w.])(?!\s+consecutive)")
        if match and (limit := number(match[1])) is not None:
            unit = (match[2] or "").lower()
            if re.match(r"(?:min|sec|s$|frame)", unit):
                limit = seconds(match[1], unit) or limit
            elif unit in ("m", "meter", "meters"):
                limit *= 100  # lengths are kept in centimetres
            scan.slots.update(keep=keep, keep_value=limit, keep_unit=unit)


def read_tracking_limits(scan: Scanner) -> None:
    """Read confidence, distance and consecutive-frame limits, and how missing points are treated."""
    slots = scan.slots
    missing = scan.take(
        r"\b(?:ignor\w+|skip\w*|exclud\w+|leav\w+ out|omit\w*)\b[^.?;:]*\b(?:missing|undetected|not detected)\b[^.?;:]*"
    )
    missing = missing or scan.take(r";?\s*a frame with a missing point[^.?;:]*")
    scan.take(r"\b(?:coordinates?|points?|positions?|values?)\s*\(0, ?0\)[^.?;:]*|\bmask (?:them|it|those)\b")
    if missing or scan.take(r"\ball frames with (?:both|the|all|its) (?:\w+ )?points?\b"):
        slots["min_confidence"] = 0.0  # told what to leave out, and a doubtful point was not in it
    match = scan.take(
        r"\b(?:likelihood|confidence|probability)\s*(?:is|of|are|values?)?\s*(?:below|above|under|over|at least|less than|lower than|greater than|higher than|more than|>=|<=|>|<)?\s*(?:of\s*)?(\d*\.?\d+)\b"
    )
    if match:
        slots["min_confidence"] = float(match[1])
    elif scan.take(
        r"\b(?:no|without(?: any| a)?)\s+(?:likelihood|confidence)?\s*(?:filter|threshold|limit)\w*"
    ):
        slots["min_confidence"] = 0.0
    if scan.take(
        r"\b(?:no|not|without|never)\s+(?:any\s+|linear\s+|(?:be|being)\s+)?interpolat\w*|\bun-?interpolated\b"
    ):
        slots["interpolate"] = False
    if scan.take(
        r"\b(?:and\s+)?(?:then\s+)?interpolat\w*(?:\s+(?:them\s+)?linearly)?|\blinear\s+interpolation"
    ):
        slots["interpolate"] = True
    near = scan.take(
        rf"\b(?:(?:closer|nearer)\s+(?:to each other\s+)?than|within|(?:distances?|apart)(?:\s+(?:is|are|of))?\s*(?:below|under|within|<|less than|of less than))\s*({NUMBER})\s*"
        r"(px|pixels?|cm|mm|centimeters?)\b(?:\s+(?:of|to|from)\s+each other)?"
    )
    if near and (limit := number(near[1])) is not None:
        unit = near[2].lower()
        slots["max_distance"] = limit / 10 if unit == "mm" else limit
        slots["distance_unit"] = "px" if unit.startswith("p") else "cm"
    run = scan.take(rf"\b(?:in|for)?\s*(?:at least\s+)?({NUMBER})\s+consecutive\s+frames?\b")
    if run and (frames := number(run[1])) is not None:
        slots["min_frames"] = int(frames)


def read_sequence(scan: Scanner) -> None:
    """Read "followed by … within 1 second"."""
    match = scan.take(
        rf"\bwithin\s+({NUMBER})\s*({TIME_UNIT})\b(?:\s+(?:after|of)\s+(?:it|that|each other))?"
    )
    if match:
        scan.slots["within_s"] = seconds(match[1], match[2])


# ------------------------------------------------------------------ statistics, ranks, units
_STATISTICS = (
    (r"\b(?:means?|averages?|on average|avg)\b(?! deviation)", "mean"),
    (r"\bmedians?\b", "median"),
    (r"\b(?:sem|s\.e\.m\.|standard error(?: of the mean)?)\b", "sem"),
    (
        r"\b(?:95\s?% )?(?:confidence )?intervals? (?:of|for) the (?:mean|average)s?\b|\b95\s?% ?(?:ci\b|cis\b|confidence|intervals?)|\bconfidence intervals?\b|\bcis?\b",
        "ci95",
    ),
    (r"\b(?:coefficients? of variation|cv)\b", "cv"),
    (r"\bquartiles?\b|\binterquartile ranges?\b|\biqrs?\b(?! rule)", "quartiles"),
    (r"\b(?:sd|s\.d\.|standard deviations?)\b", "sd"),
    (r"\b(?:totals?|in total|altogether|sum|overall|added up|combined|summed)\b", "sum"),
    (r"\b(?:maximum|maximal|max)\b", "max"),
    (r"\b(?:minimum|minimal|min(?!\w|utes?\b)(?=\s+(?:value|duration|distance|speed)))\b", "min"),
)


def read_statistics(scan: Scanner) -> None:
    """Read mean, median, SEM, SD, total, maximum, minimum, in the order asked."""
    found = [
        (match.start(), name)
        for pattern, name in _STATISTICS
        if (match := re.search(pattern, scan.rest, re.IGNORECASE)) is not None
    ]
    if found:
        scan.slots["statistics"] = [name for _, name in sorted(found)]
    for pattern, name in _STATISTICS:
        if name in ("ci95", "cv", "quartiles"):
            scan.take(pattern)
    if "ci95" in scan.slots.get("statistics", ()):
        scan.take(r"\b95\s?% ?(?:confidence|cis?|intervals?)?\b|\bconfidence\b")
        if "mean" not in scan.slots["statistics"]:
            scan.slots["statistics"].insert(0, "mean")


_MOST = r"most|highest|greatest|largest|biggest|longest|fastest|best|farthest|furthest|strongest|oftenest|most often"
_LEAST = r"least|lowest|smallest|fewest|shortest|slowest|worst|weakest"


def read_rank(scan: Scanner) -> None:
    """Read "which five animals … greatest", "top 3", "rank the three … with the most", "longest"."""
    slots = scan.slots
    most, least = scan.has(rf"\b(?:{_MOST})\b"), scan.has(rf"\b(?:{_LEAST})\b")
    ranked = scan.has(r"\b(?:rank|ranking|order|sort|top|bottom|leading)\b")
    if (
        scan.has(r"\bat (?:most|least)\b")
        and not ranked
        and not scan.has(rf"\b(?:{_MOST}|{_LEAST})\b(?<!at most)(?<!at least)")
    ):
        return
    if scan.has(r"\bin order of\b|\border of (?:their|its)\b") and not (most or least):
        return
    if most or least or ranked:
        slots["order"] = "ascending" if least and not most else "descending"
        slots["both_ends"] = most and least
    count = scan.take(
        rf"\b(?:top|best|first|bottom|worst|longest|shortest|highest|lowest|fastest|slowest)\s+({NUMBER})\b(?!\s*{TIME_UNIT}\b)"
    ) or scan.take(
        rf"\b(?:which|what|the|rank the|name the)\s+({NUMBER})\s+(?=[a-z]+)(?!.{{0,12}}(?:groups|conditions|raters|seconds|minutes))"
        if slots.get("order")
        else r"(?!x)x"
    )
    if count and (limit := number(count[1])):
        slots["limit"] = int(limit)


_TESTS = (
    (r"\bmann[- ]?whitney\b|\brank[- ]sum\b|\bu test\b", "mann_whitney_u"), (r"\bwelch(?:'s)?\b(?!.*\banova)", "welch_t"), (r"\bstudent'?s?\b", "student_t"),
    (r"\bone-?\s?way (?:anova|analysis of variance)\b|(?<!welch )(?<!welch's )(?<!measures )(?<!measure )(?<!way )\banova\b", "anova"),
    (r"\bwelch(?:'s)?[- ]anova\b", "welch_anova"), (r"\brepeated[- ]measures? anova\b|\brm[- ]?anova\b", "rm_anova"),
    (r"\bwilcoxon\b(?! rank[- ]sum)", "wilcoxon"), (r"\bkruskal\b", "kruskal_wallis"), (r"\bfriedman\b", "friedman"), (r"\b(?:permutation|randomi[sz]ation test)\b", "permutation"),
    (r"\bnon-?\s?parametric\w*\b|\brank[- ]?(?:based|tests?)\b|\b(?:use|by|on|with|using) (?:the )?ranks\b|\bdistribution-?free\b", "by_ranks"),
    (r"\b(?:linear )?mixed(?:[- ]effects?)?[- ]models?\b|\blmm\b|\brandom (?:effect|intercept)\b", "mixed_model"), (r"\bpaired t\b", "paired_t"),
)  # fmt: skip


def read_test(scan: Scanner) -> None:
    """Read the statistical test wanted."""
    for pattern, test in _TESTS:
        if scan.has(pattern):
            scan.slots["test"] = test


_UNITS = (
    (r"\bcm ?(?:/|per) ?min(?:ute)?\b", "cm/min"),
    (r"\bm ?(?:/|per) ?min(?:ute)?\b|\bmeters per minute\b", "m/min"),
    (r"\bcm/s\b|\bcentimeters per second\b", "cm/s"),
    (r"\bm/s\b|\bmeters per second\b", "m/s"),
    (r"\bpx/s\b|\bpixels per second\b", "px/s"),
    (r"\b(?:in|how many|of)\s+(?:\w+\s+)?(?:centimeters?|cm)\b", "cm"),
    (r"\b(?:in|how many)\s+(?:meters?|m)\b(?!\w)", "m"),
    (r"\b(?:in|how many)\s+minutes\b|\bin min\b", "min"),
    (r"\b(?:in|how many)\s+(?:\w+\s+)?frames\b", "frames"),
    (r"\b(?:in|how many)\s+hours\b", "h"),
    (r"\b(?:in|how many)\s+(?:px|pixels)\b", "px"),
)


def read_unit(scan: Scanner) -> None:
    """Read the unit wanted."""
    for pattern, unit in _UNITS:
        if re.search(pattern, scan.rest, re.IGNORECASE):
            scan.slots["unit"] = unit
            return


READERS: tuple[Callable[[Scanner], None], ...] = (
    read_bout_limits, read_value_limits, read_statistics, read_rank, read_test, read_unit,
)  # fmt: skip


def read_phrases(scan: Scanner, *of_time: Callable[[Scanner], None]) -> None:
    """Run every reader, each on what the ones before left.

    Parameters
    ----------
    of_time
        Readers of windows, bins and courses.
    """
    for reader in (read_sequence, read_tracking_limits, *of_time, *READERS):
        reader(scan)
