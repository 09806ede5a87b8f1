"""Questions about how differences are tested: many measures at once, two factors, sample sizes, sameness, outliers, chance."""

from __future__ import annotations

import re
from typing import Any, Final

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.phrases import NUMBER, Scanner
from ethochat.agent.builtin.reading import Intent
from ethochat.agent.builtin.vocabulary import Vocabulary
from ethochat.index.words import number

_NEEDED = r"(?:need|needed|require|required|necessary|enough|suffic\w+|would it take|do i (?:have to|need to)|should (?:i|we)|to (?:see|detect|find|show|get|reach))"
POWER: Final = (
    rf"\b(?:what|which|how (?:large|big|small)(?: an?)?) (?:effect|difference|change)s?\b[^?]*\b(?:detect\w*|see|find|found|show|pick up)\b"
    rf"|\bhow many (?:more |other |further )?{lexicon.ANIMALS}\b(?: per group| in each group)?[^?]*\b{_NEEDED}\b"
    rf"|\b(?:what|which) sample sizes?\b[^?]*\b{_NEEDED}\b|\bsample sizes?\b[^?]*\b(?:calculat\w+|estimat\w+|comput\w+|needed|required|necessary)\b"
    r"|\b(?:calculate|estimate|compute|plan) (?:the |a )?(?:required |needed )?sample sizes?\b|\bpower (?:analysis|calculation)\b|\b(?:statistical|achieved) power\b"
    r"|\b(?:what|how much) power\b|\bpower (?:of|to detect|do (?:i|we)|did (?:i|we))\b|\b(?:under|over)powered\b"
    r"|\b\d{2}\s?% (?:statistical )?power\b|\bpower (?:of|=) ?0?\.\d"
    r"|\b(?:smallest|minimum|minimal) (?:detectable )?(?:effect|difference)s?\b[^?]*\b(?:detect\w*|see|seen|find|found)\b|\bdetectable (?:effect|difference)\b"
)
INTERACTION: Final = (
    r"\binteract\w*\b|\btwo-?\s?way\b|\b2-?\s?way\b|\btwo[- ]factor\w*\b|\bfactorial\b"
    r"|\beffects? of\b[^?]*\b(?:differ|depend|vary|varies|same|change|stronger|weaker|larger|smaller)\w*\b"
    r"|\b(?:same|different|stronger|weaker|larger|smaller) effects?\b|\bdifference between\b[^?]*\b(?:depend|differ|vary|varies|same)\w*\b"
)
_INTERACTION_NAMED = (
    r"\binteraction\b(?! with)|\btwo-?\s?way\b|\b2-?\s?way\b|\btwo[- ]factor\w*\b|\bfactorial\b"
)
ADJUSTED: Final = (
    r"\b(?:controll?(?:ing|ed)?|adjust(?:ing|ed)?|account(?:ing|ed)?|correct(?:ing|ed)?|block(?:ing|ed)?) (?:for|by)\b"
    r"|\b(?:taking|with) [^?]{1,30}\b(?:into account|as (?:an? )?(?:second |other |additional )?(?:covariate|factor|block))\b"
)
_PLURALS: Final = {
    "behaviors": r"(?:behaviors|behavior|behaviours?|labels|actions)",
    "metrics": r"(?:metrics|metric|imported values)",
    "zones": r"(?:zones|regions|areas)",
    "measures": r"(?:measures|measure|parameters?|variables?|read-?outs?|features?|outcomes?|endpoints?|quantit(?:y|ies)|things|everything)",
}
_DIFFER = r"(?:differ\w*|chang\w+|affect\w*|alter\w*|significan\w*|distinguish\w*|separat\w+|compar\w+|effects?|higher|lower|increas\w+|decreas\w+|reduc\w+)"
_GENERIC = r"\bwhat (?:differs|is different|are the differences|changes|changed|distinguishes)\b|\b(?:in|by) what do\b[^?]*\bdiffer\b"
EQUIVALENT: Final = (
    r"\bequivalen\w+\b|\btost\b|\btwo one-?sided tests?\b"
    r"|\b(?:is|are|do|does|was|were|can we say)\b[^?]*\b(?:the same|equal(?:ly)?|similarly|identical(?:ly)?|alike|indistinguishable|just as|as (?:much|often|long|far|fast|many))\b"
    r"|\b(?:no|without a) (?:real |meaningful |relevant )?difference\b[^?]*\?"
)
_MATTER = (
    r"\b(?:matter|affect|influence|influential|change|drive|driven|depend|hold|robust\w*|sensitive|leave-one-out|without (?:them|it|the outliers?)|"
    r"exclud\w+|remov\w+|due to|because of|explained by|impact)\b"
)
OUTLIER_EFFECT: Final = (
    r"\boutl(?:ier|ying)\w*\b[^?]*\b(?:by|within|in each|per|of each) (?:the )?(?:groups?|conditions?|treatments?)\b|"
    rf"\boutl(?:ier|ying)\w*\b[^?]*{_MATTER}|{_MATTER}[^?]*\boutl(?:ier|ying)\w*\b|\bleave-one-out\b|\binfluential (?:animals?|mice|values?|points?)\b"
    r"|\b(?:driven|explained) by (?:a |one |single |few )+(?:animals?|mouse|mice|subjects?|outliers?)\b|\bsingle (?:animal|mouse|subject)\b[^?]*\b(?:drive|chang|explain)\w*\b"
)
EFFECT_SIZE: Final = r"\beffect sizes?\b|\bhedges'? ?g\b|\bcohen'?s? ?d\b|\bcliff'?s? (?:delta|d)\b|\bmedian difference\b|\b(?:confidence|95\s?%) (?:interval|ci)\b[^?]*\bdifference\b"
ASSUMPTIONS: Final = (
    r"\bnormal(?:ly|ity)?\b(?: distribut\w+)?(?= between|\W*$| in| for| by| within| of)|\bnormally distributed\b|\bvariances?\b|\bhomoscedastic\w*|\bshapiro\b|\blevene\b|"
    r"\bbrown-forsythe\b|\bassumptions?\b"
)
POSTHOC: Final = (
    r"\bpost-?\s?hoc\b|\bpair-?wise\b|\btukey\b|\bdunn\b|\bgames-?\s?howell\b|\bdunnett\b"
    r"|\b(?:which|what) (?:groups|doses|dosages|pairs|conditions|treatments|drugs|days|ages|strains|genotypes|cohorts) (?:of \w+ )?differ\b"
)
CO_OCCURRENCE: Final = r"\bco-?\s?occur\w*|\bcoincid\w+\b|\boverlap\w*\b[^?]*\b(?:chance|expected|in time)\b|\bat the same time\b[^?]*\b(?:chance|expected|random)\b|\bhow (?:much|often) do\b[^?]*\boverlap\b"
CHANCE: Final = r"\b(?:by|than|above|beyond|below|at|under|to) (?:pure )?chance\b|\bexpected\b|\brandom(?:ly)?\b|\bpermutation\w*\b|\bshuffl\w+\b|\bnull (?:model|hypothesis|distribution)\b"
MATRIX: Final = (
    r"\btransition (?:matrix|probabilit\w+|counts?|table)\b|\b(?:all|every|which|what|most (?:common|frequent)) (?:\w+ )?(?:transitions|sequences)\b"
    r"|\bsequence structure\b|\bfollow (?:one another|each other)\b|\b(?:order|succession) of (?:the )?behaviors\b"
)


def choose_design(scan: Scanner, vocabulary: Vocabulary) -> Intent | None:
    """Find a question about a statistical design; fills the slots that only such questions have."""
    for read in (_of_two_things, _of_many_measures, _of_one_comparison):
        found = read(scan, vocabulary)
        if found is not None:
            return found
    return None


def _of_two_things(scan: Scanner, vocabulary: Vocabulary) -> Intent | None:
    """Sample sizes, behaviors at the same time, and two factors."""
    text, slots = scan.text, scan.slots
    if matches(POWER, text):
        _read_power(scan)
        return "power"
    if matches(CO_OCCURRENCE, text) and len(slots.get("behaviors", ())) == 2 and not slots.get("category"):
        return "cooccurrence"
    if matches(_INTERACTION_NAMED, text) or (matches(ADJUSTED, text) and factors_named(slots, vocabulary)):
        return "two_factors"
    columns = {*slots.get("columns", ()), *slots.get("values", {})} & set(vocabulary.columns)
    if len(columns) > 1 and (matches(INTERACTION, text) or _compares_by_two(scan, columns)):
        return "two_factors"
    return None


def _compares_by_two(scan: Scanner, columns: set[str]) -> bool:
    """Read "compare the distance by group and sex", "test for effects of sex and treatment"."""
    names = "|".join(re.escape(name) for name in sorted(columns, key=len, reverse=True))
    both = rf"\b(?:by|between|across|effects? of|for|with)\s+(?:the\s+)?(?:{names})s?\s*(?:and|x|by|,|&)\s*(?:the\s+)?(?:{names})s?\b"
    return matches(lexicon.COMPARE, scan.text) and matches(both, scan.text)


def _of_many_measures(scan: Scanner, vocabulary: Vocabulary) -> Intent | None:
    if _relates(scan.text):
        return None
    of = _family(scan, vocabulary)
    if of is None:
        return None
    scan.slots["of"] = of
    return "family"


def _of_one_comparison(scan: Scanner, vocabulary: Vocabulary) -> Intent | None:
    """A comparison with a wish: what outliers do to it, which pairs differ, whether the groups are the same."""
    text, slots = scan.text, scan.slots
    if _relates(text) or not vocabulary.grouping_columns():
        return None
    if matches(OUTLIER_EFFECT, text):
        slots["focus"] = "influence"
    elif matches(EFFECT_SIZE, text) or matches(ASSUMPTIONS, text):
        slots["focus"] = "details"
    elif matches(POSTHOC, text):
        slots["focus"] = "posthoc"
    elif _asks_for_sameness(scan, vocabulary):
        _read_margin(scan)
        slots["test"] = "equivalence"
    else:
        return None
    return "compare"


def _relates(text: str) -> bool:
    """Whether raters or two quantities are held against each other, rather than groups."""
    return matches(rf"{lexicon.AGREEMENT}|{lexicon.CORRELATION}", text)


def factors_named(slots: dict[str, Any], vocabulary: Vocabulary) -> list[str]:
    """Metadata columns that a question names, by themselves or by their values, in no order of importance."""
    named = [*slots.get("columns", ()), *slots.get("values", {})]
    named += [item["column"] for item in slots.get("where", ())]
    few = [name for name in dict.fromkeys(named) if 2 <= len(vocabulary.columns.get(name, ())) <= 12]
    return few


def complete_factors(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> None:
    """Name the two factors; values of their columns are levels, not conditions, unless three columns are named."""
    slots["factors"] = factors_named(slots, vocabulary)[:2]
    if len(slots["factors"]) < 2 and scan.has(
        rf"(?:\b(?:x|by|and|with|as well as)|,|\*)\s+(?:the\s+)?{lexicon.RATERS}|{lexicon.RATERS}\s+(?:x|by|and|as|\*)\s"
    ):
        slots["factors"].append("source")
        wanted = slots.get("behaviors", ())
        slots["sources"] = slots.get("sources") or [
            name
            for name, kind in vocabulary.sources.items()
            if kind == "manual" and any(name in vocabulary.behaviors.get(item, ()) for item in wanted)
        ]
    conditions = []
    for column, names in slots.pop("values", {}).items():
        if column not in slots["factors"] or len(names) > 1:
            conditions.append({"column": column, "op": "in", "value": names})
    kept = [item for item in slots.get("where", ()) if item["column"] not in slots["factors"]]
    slots["where"] = [*kept, *conditions]


# ----------------------------------------------------------------- many measures
def _family(scan: Scanner, vocabulary: Vocabulary) -> str | None:
    """What a question compares one by one: behaviors, metrics, zones or every measure."""
    slots = scan.slots
    text = scan.text
    strongest = matches(
        rf"\b{_DIFFER}\b[^?]{{0,12}}\b(?:most|the most|strongest|least)\b|\bmost (?:different|affected|changed|altered)\b",
        text,
    )
    if slots.get("sessions") or (slots.get("order") and not strongest) or not vocabulary.grouping_columns():
        return None
    if strongest and (
        found := re.search(
            r"\b(?:which|what) (behavior|metric|measure|parameter|zone)\b", text, re.IGNORECASE
        )
    ):
        return _known_family(
            {"parameter": "measures"}.get(found[1].lower(), f"{found[1].lower()}s"), slots, vocabulary
        )
    for of, noun in _PLURALS.items():
        which = rf"\b(?:which|what|in which|any|do any|for which)\b(?:\s+[\w-]+){{0,3}}?\s+{noun}\b[^?]*\b{_DIFFER}\b"
        every = rf"\b(?:compar\w+|test\w*|contrast)\b[^?]*\b(?:all|every|each|everything)\b(?:\s+(?:of|the|[\w-]+)){{0,4}}?\s*{noun if noun != 'everything' else ''}"
        if matches(which, text) or matches(every, text):
            return _known_family(of, slots, vocabulary)
    if matches(_GENERIC, text) and not (
        slots.get("behaviors") or slots.get("metrics") or slots.get("zones") or slots.get("keypoints")
    ):
        return _known_family("measures", slots, vocabulary)
    return None


def _known_family(of: str, slots: dict[str, Any], vocabulary: Vocabulary) -> str | None:
    """Take what the experiment has; nothing where the plural is one behavior's own name or a rater's question."""
    if slots.get("behaviors") and not slots.get("category"):
        return None if len(slots["behaviors"]) == 1 else of
    if of == "metrics" and not vocabulary.metrics:
        return "measures"
    if of == "zones" and not vocabulary.zones:
        return None
    return of


# ----------------------------------------------------------------- sameness
def _asks_for_sameness(scan: Scanner, vocabulary: Vocabulary) -> bool:
    """Whether groups are asked to be the same: "are males and females equally active?"."""
    if not matches(EQUIVALENT, scan.text) or not vocabulary.grouping_columns():
        return False
    if matches(
        r"\bsame (?:time|animals?|mice|sessions?|recordings?|frames?|behaviors?|raters?|way)\b", scan.text
    ):
        return False
    values = scan.slots.get("values", {})
    explicit = matches(r"\bequivalen\w+|\btost\b", scan.text)
    return explicit or any(len(names) > 1 for names in values.values()) or _groups_named(scan, vocabulary)


def _groups_named(scan: Scanner, vocabulary: Vocabulary) -> bool:
    columns = set(scan.slots.get("columns", ())) & set(vocabulary.columns)
    return bool(columns) or scan.has(r"\b(?:groups?|conditions?|treatments?|cohorts?|genotypes?|sexes)\b")


def _read_margin(scan: Scanner) -> None:
    """Read "within 10 %", "a margin of 50 cm", "within half an SD"."""
    match = scan.take(
        rf"\b(?:within|margin of|margin|up to|bound(?:s)? of)\s*(?:±|\+/-)?\s*(half an?|{NUMBER})\s*(%|percent|per cent|sds?|standard deviations?|cm/s|cm|m|s|seconds?|px|bouts?|entries)?(?!\w)"
    )
    if match is None:
        return
    amount = 0.5 if match[1].lower().startswith("half") else number(match[1])
    unit = (match[2] or "").lower()
    if amount:
        kind = (
            "percent"
            if unit.startswith(("%", "per"))
            else "sd"
            if unit.startswith(("sd", "standard"))
            else "raw"
        )
        scan.slots.update(margin=amount, margin_unit=kind if unit else "sd")


# ----------------------------------------------------------------- sample sizes
def _read_power(scan: Scanner) -> None:
    """Read the power, level, effect and number of animals that a question states."""
    slots = scan.slots
    power = scan.take(r"\b(\d{2}(?:\.\d+)?)\s?%?\s*(?:power|chance)\b") or scan.take(
        r"\bpower\s*(?:of|=|at)?\s*(0?\.\d+|\d{2}\s?%)"
    )
    if power:
        share = float(power[1].rstrip("% "))
        slots["wanted_power"] = share / 100 if share > 1 else share
    level = scan.take(r"\b(?:alpha|significance level|level)\s*(?:of|=|at)?\s*(0?\.\d+|\d+\s?%)")
    if level:
        share = float(level[1].rstrip("% "))
        slots["alpha"] = share / 100 if share >= 1 else share
    change = scan.take(
        rf"\b({NUMBER})\s*(%|percent|per cent)\s*(?:relative |lower |higher |larger |smaller |more |less )?(?:difference|change|increase|decrease|reduction|drop|rise|effect|more|less|lower|higher|shift)\w*\b"
    ) or scan.take(
        rf"\b(?:difference|change|increase|decrease|reduction|drop|rise|effect|shift)s? (?:of|by)\s+({NUMBER})\s*(%|percent|per cent|cm/s|cm|m|s|seconds?|bouts?|entries)?(?![\w.])"
    )
    if change and change[2] and (amount := number(change[1])):
        percent = change[2].lower().startswith(("%", "per"))
        slots.update(difference=amount, difference_unit="percent" if percent else "raw")
    effect = (
        None
        if change and change[2]
        else scan.take(
            r"\b(?:effect sizes?|cohen'?s? d|hedges'? g|effects?|d|g)\s*(?:of|=|is)?\s*(\d*\.\d+|\d+)\b(?!\s*%)"
        )
    )
    if effect:
        slots["effect"] = float(effect[1])
    n = scan.take(
        rf"\b({NUMBER})\s+{lexicon.ANIMALS}\s+(?:per|in each|in every|each|a)\s*(?:group|arm|condition)\b"
    ) or scan.take(
        rf"\b(?:with|using)\s+(?:only\s+|n\s*=\s*)?({NUMBER})\s*(?:{lexicon.ANIMALS})?(?:\s+(?:per|in each|each) ?(?:group|arm|condition)?)?\b"
    )
    if n and (count := number(n[1])) is not None and count >= 2:
        slots["n_per_group"] = int(count)
    slots.pop("limit", None)


_TERMS: Final[dict[Intent, str]] = {
    "power": r"\b(?:power(?:ed)?|sample|sizes?|cohen'?s?|hedges'?|effect|detect\w*|alpha|level|needed|required|necessary|underpowered|overpowered|smallest)\b",
    "two_factors": r"\b(?:interact\w*|two-?\s?way|2-?\s?way|two[- ]factor\w*|factorial|anova|mixed|models?|linear|robust|random|intercept|levels?)\b",
    "family": r"\b(?:metrics?|measures?|parameters?|variables?|read-?outs?|features?|outcomes?|endpoints?|quantit(?:y|ies)|correct\w*|bonferroni|holm|benjamini|hochberg|"
    r"yekutieli|fdr|bh|false|discovery|rate|multiple|comparisons?|testing|adjust\w*|distinguish\w*|separat\w*|everything|actions|regions|areas)\b",
    "compare": r"\b(?:outl(?:ier|ying)\w*|influential|driven|drives?|matters?|robust\w*|sensitive|leave-one-out|conclusions?|post-?\s?hoc|pair-?wise|tukey|dunn|dunnett|games|howell|"
    r"equivalen\w+|tost|identical|indistinguishable|margin|permutation|mixed|models?|random|intercept|assumptions?|normal(?:ly|ity)?|cliff'?s?|delta|kruskal|wallis|"
    r"earlier|sooner|later|non-?parametric\w*|rank-?based|distribution-?free|randomi\w+|single|explained|holds?|removed|removing|correct\w*|multiple|comparisons?|bound|confidence|intervals?|ci|variances?|homoscedastic\w*|shapiro|wilk|levene|brown|forsythe|distributed|effect|sizes?|hedges'?|cohen'?s?)\b",
    "agreement": r"\b(?:fleiss'?|krippendorff'?s?|alpha|kappa|agreement|raw|simple|inter-?rater|reliab\w+|concordan\w+|bout-?wise|correlat\w+|precision|recall|sensitivity|reference|against|truth|whole|ethogram|confidence)\b",
    "transitions": r"\b(?:matrix|table|sequences?|structure|chance|expected|random\w*|permutation\w*|shuffl\w+|null|model|hypothesis|distribution|above|beyond|frequent\w*)\b",
    "cooccurrence": r"\b(?:co-?\s?occur\w*|coincid\w+|overlap\w*|chance|expected|random\w*)\b",
    "correlate": r"\b(?:dose|response|depend\w*|trends?|linear\w*|slope|regress\w+|increas\w+|decreas\w+|monoton\w+|scales?|effect|predict\w*|associat\w+|relat\w+)\b",
}
"""Words of statistics that say nothing more once their kind of question is known."""


def blank_terms(scan: Scanner, intent: Intent) -> None:
    """Mark the statistical words of a question as read: only those that its kind of question heeds."""
    for match in re.finditer(_TERMS.get(intent, r"(?!x)x"), scan.rest, re.IGNORECASE):
        scan.blank(match.start(), match.end())


def asks_for_chance(text: str) -> bool:
    """Whether observed counts are to be held against what chance would give."""
    return re.search(CHANCE, text, re.IGNORECASE) is not None
