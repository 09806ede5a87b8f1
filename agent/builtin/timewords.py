"""The words of time: what stands before, between and behind stretches of time."""

from __future__ import annotations

import re
from typing import Final

SESSION: Final = r"(?:sessions?|recordings?|videos?|tests?|trials?|experiments?|observations?|films?|runs?|assays?|time|(?:total|whole|entire|recording|test|observation) (?:time|duration|period))"
OF_SESSION: Final = re.compile(
    rf"\s*(?:of|in|into|from)\s+(?:the\s+|each\s+|every\s+|all\s+|their\s+|its\s+|a\s+)*(?:\w+[- ]?min(?:ute)?\s+)?{SESSION}\b",
    re.IGNORECASE,
)
BOUT_NEXT: Final = re.compile(
    r"\s*-?\s*(?:long\s+)?(?:\w+\s+)?(?:bouts?|episodes?|runs?|events?|visits?)\b", re.IGNORECASE
)
OTHER_UNITS: Final = frozenset(
    {"px", "pixel", "pixels", "cm", "mm", "meter", "meters", "centimeters", "percent", "mg", "kg", "g", "days", "day", "weeks", "week", "months", "years", "bouts", "times",
     "animals", "mice", "sessions", "trials", "rears", "entries", "hz", "fps", "lux", "deg", "degrees", "dpi"}
)  # fmt: skip
FIRST: Final = ("first", "initial", "opening", "starting")
LAST: Final = ("last", "final", "closing", "ending")
NEXT: Final = ("next", "following", "subsequent")
PARTS: Final = {"half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fifth": 5, "fifths": 5, "tenth": 10}  # fmt: skip
BOTH: Final = re.compile(
    r"\b(?:differ\w*|compar\w+|contrast\w*|chang\w*|increas\w*|decreas\w*|declin\w*|drop\w*|ris\w+|fall\w*|more|less|fewer|longer|higher|lower)\b[^.?;]*$",
    re.IGNORECASE,
)
"""Words before what is set beside one another: "the difference between the first and the second minute"."""
CHANGES: Final = re.compile(
    r"\b(?:chang|differ|increas|decreas|declin|drop|fall|ris|grow|improv)\w*\s+(?:\w+\s+)?(?:from|between)\s+(?:the\s+)?$",
    re.IGNORECASE,
)
JOINTS: Final = ("and", "or", "vs", "versus", "to", "with", "than", "&", ",", "/", "against")


ARTICLE: Final = r"(?:(?:the|its|their|his|her|that|each|every|only|just|very|of the)\s+)*"
OPENING: Final = re.compile(
    rf"\b(?:between|from|in|during|over|within|for|at|throughout|restricted to|limited to)\s+{ARTICLE}$",
    re.IGNORECASE,
)
AFTER: Final = re.compile(
    rf"\b(?:after|since|beyond|following|later than|(?<!the )past|(?<!bout )(?<!bouts )(?<!episode )(?<!episodes )(?<!that )(?<!one )(?<!event )(?:starting|beginning)\s+(?:at|from|with|after))\s+{ARTICLE}$",
    re.IGNORECASE,
)
EDGE: Final = re.compile(
    r"\b(?:the\s+)?(?P<edge>end|beginning|start|onset)\s+of\s+(?:the\s+)?$", re.IGNORECASE
)
FROM: Final = re.compile(rf"\bfrom\s+{ARTICLE}$", re.IGNORECASE)
ONWARD: Final = re.compile(
    r"\s*(?:mark\s+)?(?:on\b(?!\s+\w+day)|onwards?\b|(?:and|or)\s+(?:later|after|beyond|onwards?)\b|to\s+the\s+end\b|(?:un)?till?\s+the\s+end\b)"
    rf"(?:\s+of\s+(?:the\s+)?{SESSION}\b)?",
    re.IGNORECASE,
)
BEFORE: Final = re.compile(rf"\b(?:before|earlier than|prior to|preceding)\s+{ARTICLE}$", re.IGNORECASE)
BY: Final = re.compile(rf"\bby\s+{ARTICLE}$", re.IGNORECASE)
UNTIL: Final = re.compile(rf"\b(?:up\s+(?:to|until|till)|until|till|through)\s+{ARTICLE}$", re.IGNORECASE)
_STRONG: Final = (
    r"exclud(?:e|es|ed|ing)|leav(?:e|es|ing)\s+out|left\s+out|ignor(?:e|es|ed|ing)|skip(?:s|ped|ping)?|omit(?:s|ted|ting)?|without(?:\s+counting)?|except(?:ing)?(?:\s+for)?|"
    r"discard(?:s|ed|ing)?|not\s+counting|disregard(?:s|ed|ing)?|remov(?:e|es|ed|ing)|(?:all|everything|anything)\s+but|other\s+than|apart\s+from"
)
_DIRECT: Final = r"drop(?:s|ped|ping)?|cut(?:ting)?\s+off|throw(?:ing)?\s+(?:away|out)|besides|aside\s+from|not|outside(?:\s+of)?|minus"
"""Words that leave out what directly follows: "drop the first minute", but not "does it drop in the first minute"."""
_WITHIN: Final = r"\s+(?:in|during|from|within)\s+"
LEFT_OUT: Final = re.compile(
    rf"\b(?:(?:{_STRONG}|{_DIRECT})\s+|(?:{_STRONG}|not){_WITHIN}){ARTICLE}$", re.IGNORECASE
)
ALL_THAT: Final = re.compile(
    rf"\b(?:(?:{_STRONG}|{_DIRECT})\s+(?:(?:everything|anything|all|what(?:ever)?|the|data|frames|bouts|time|part|points|is|was|comes|that|of)\s+)+|not\s+)$",
    re.IGNORECASE,
)
"""What stands before an open end that is left out: "ignore everything after 5 min"."""
LEFT_OUT_TOO: Final = re.compile(
    rf"\b(?:{_STRONG})\s+[^.;?:(),]{{1,60}}?(?:\band\b|\bor\b|\bas well as\b)\s+(?:also\s+)?{ARTICLE}$",
    re.IGNORECASE,
)
LEFT_AFTER: Final = re.compile(
    r"\s*,?\s*(?:(?:being|is|are|was|were|have been|has been|to be|should be)\s+)?(?:excluded|left\s+out|omitted|skipped|dropped|discarded|ignored|removed|not\s+counted|cut\s+off|aside)\b",
    re.IGNORECASE,
)
LASTING: Final = re.compile(
    r"\b(?:bouts?|episodes?|events?|visits?|rears?|runs?)\s+(?:of|for)\s*$|\blast(?:s|ed|ing)(?:\s+(?:for|between|from|up\s+to))?\s*$"
    r"|\b(?:that|which|they|bouts|episodes|rears|visits)\s+last(?:\s+(?:for|between|from|up\s+to))?\s*$",
    re.IGNORECASE,
)
"""Words before the length of bouts."""
OF_BOUTS: Final = re.compile(r"\b(?:bouts?|episodes?|events?|visits?|rears?|runs?)\s*$", re.IGNORECASE)
BETWEEN_BOUTS: Final = re.compile(
    r"\b(?:bouts?|episodes?|events?|visits?|rears?)(?:\s+(?:of|lasting))?\s+(?:between|from)\s*$",
    re.IGNORECASE,
)
LONG: Final = re.compile(r"\s*-?\s*(?:long\b|in\s+(?:length|duration)\b)", re.IGNORECASE)
TO_END: Final = re.compile(
    rf"\s*(?:before|prior to|up to|until)\s+the\s+end\b(?:\s+of\s+(?:the\s+|each\s+)?{SESSION}\b)?",
    re.IGNORECASE,
)
OF_OTHER: Final = re.compile(r"\s*(?:of\b|later\b|earlier\b|apart\b|ago\b|before\b|after\b)", re.IGNORECASE)
BIN: Final = (
    "bin",
    "interval",
    "block",
    "window",
    "step",
    "epoch",
    "segment",
    "slice",
    "chunk",
    "period",
    "section",
)
BINS: Final = (*BIN, *(f"{word}s" for word in BIN))
VAGUE: Final = re.compile(
    r"\b(?:(?:first|last|initial|final|next|following|early|late|opening|closing)\s+(?:some\s+)?|(?:few|several|couple\s+of|bunch\s+of)\s+)(?:minutes|mins|seconds|secs|hours|frames)\b"
    r"|\b(?:until|till|after|before|past|from|at|up\s+to)\s+(?:the\s+)?half(?:way|-time|time)?\b(?!\s+(?:an?|of)\b)"
    rf"|(?<!from )(?<!from the )(?<!to the )(?<!until the )\b(?:at|in|during|towards?|near|around)\s+the\s+(?:very\s+)?(?:beginning|start|end|middle|onset|(?:first|last)\s+part)\s+of\s+(?:the\s+|each\s+|every\s+)?{SESSION}\b"
    r"|\b(?:first|second|last|former|latter)\s+(?:half|third|quarter)\b|\bhalves\b"
    r"|\b(?:first|last|second)\s+\d\s*/\s*\d|[\[(]\s*\d+(?:\.\d+)?\s*,\s*\d+(?:\.\d+)?\s*[\])]\s*(?:s|sec\w*|min\w*)\b|\bevery\s+other\s+(?:minute|hour|second)\b|\bhourly\b|\b\d+\s+(?:time\s+)?bins\b"
    r"|\b(?:minutes?|seconds?)\s+of\s+the\s+(?:first|last)\s+\w+\b"
    rf"|\b(?:two|three|four|\d)\s+(?:thirds|quarters|fifths)\s+of\s+(?:the\s+|each\s+|its\s+|their\s+)?{SESSION}\b"
    rf"|\b(?:early|late|midway|halfway)\s+(?:on\s+)?(?:in|into|through)(?:to)?\s+(?:the\s+|each\s+)?{SESSION}\b",
    re.IGNORECASE,
)
