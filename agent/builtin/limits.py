"""What behavior data cannot tell, and requests that are no questions: recognised before anything is computed."""

from __future__ import annotations

import re
from typing import Final

from ethochat.agent.builtin.reading import Refusal
from ethochat.agent.builtin.vocabulary import Vocabulary
from ethochat.index.words import name_stems, stem

WHEN_RECORDED: Final = (
    r"\bwhen (?:was|were|did|is)\b[^?]*\b(?:recorded|filmed|videotaped|acquired|take place|took place|recordings? (?:made|happen|start)\w*)\b"
    r"|\bwhen (?:was|were)\b[^?]*\b(?:tested|run)\W*$|\b(?:on )?(?:what|which) (?:dates?|calendar day|time of (?:the )?day|weekday|year|month)\b|\b(?:dates?|time of day) of (?:the )?(?:recording|session|test|experiment|trial)"
    r"|\b(?:recording|session|test(?:ing)?) dates?\b"
)
"""A question for the calendar, not for the clock of a recording."""

_NOT_A_QUESTION = (
    r"\bignore\b.{0,40}\b(?:instructions?|prompts?|rules)\b",
    r"\bimport\s+\w+|\bos\.\w+\(|\bsubprocess\b|\beval\s*\(|\bexec\s*\(|__\w+__|\bprint\s*\(|\brm\s+-",
    r"^\W*pretend\b|\b(?:just|simply) (?:say|confirm|answer)\b|\bconfirm (?:it|that|this)\b|\bmake (?:it )?up\b|\binvent\b",
    r"\benvironment variables?\b|\bapi[ _-]?keys?\b|\bpasswords?\b|\bsystem prompt\b|/etc/\w+",
    r"\b(?:run|execute)\b.{0,30}\b(?:code|command|script|shell|python|sql)\b|\bdelete\b.{0,20}\b(?:files?|data|folder)\b",
)

_OUT_OF_REACH = (
    (r"\b(?:feel|feels|felt|feeling|feelings|anxious|anxiety|anxieties|afraid|happy|happier|sad|mood|emotion\w*|depressed|depression|stressed|"
     r"bored|lonely|angry|enjoy\w*|suffer\w*|hungry|thirsty|in pain|fearful|intelligent|smart|smarter)\b",
     "What an animal feels cannot be read from behavior tables; only what it did can."),
    (r"\b(?:brain|neurons?|neuronal|neural|cortex|cortical|hippocamp\w+|amygdala|striat\w+|dopamin\w+|serotonin\w*|receptors?|genes? expression|"
     r"c-?fos|eeg|lfp|spikes?|firing rate|calcium imaging|optogenetic\w*)\b",
     "There is no recording from the brain in this experiment."),
    (r"\b(?:heart|heartbeat|heart rate|pulse|blood|corticosterone|cortisol|hormones?|glucose|body temperature|breath\w*|respirat\w+|oxygen|"
     r"vocali[sz]ations?|ultrasonic|usvs?)\b",
     "There is no physiological recording in this experiment."),
    (r"^\W*(?:and |but )?why\W*$|\bhow come\b|\bwhy (?:do|does|did|are|is|was|were)\b(?!.*\b(?:missing|excluded|left out|flagged)\b)|\b(?:caus(?:e|es|ed|ing)|responsible for|mechanism|reason (?:for|why|that))\b",
     "A cause cannot be read from a comparison of groups; the data show what differs, not why."),
    (r"\b(?:normal range|typical (?:range|value)|literature|published (?:values?|norms?)|reference values?|norms?)\b",
     "There are no reference values in this experiment, and none are invented."),
)  # fmt: skip

_NOT_COMPUTED = (
    (r"\b(?:ED|EC|IC|LD|TD)\s?-?_?\d{2}\b|\bdose[- ]response (?:curve|fit|function)s?\b|\b(?:sigmoid\w*|hill (?:slope|equation|coefficient|curve)|half[- ]maximal|curve[- ]?fit\w*|gompertz)\b"
     r"|\bfit(?:s|ted|ting)?\b[^?.]{0,20}\b(?:curve|sigmoid|exponential|polynomial|logistic|spline|quadratic)\b",
     "No curves are fitted here. The correlation of a measure with a column of numbers, the slope of a line, or a comparison of the groups can be given."),
    (r"\bmultiple (?:linear )?regress\w*|\bmultivaria\w+\b|\bmanova\b|\bancova\b|\bcovariates?\b|\bpartial(?:ly)? correlat\w*|\b(?:logistic|poisson|ordinal|ridge|lasso|stepwise|polynomial) regress\w*"
     r"|\b(?:glmm?|generali[sz]ed linear)\b|\bregress\w*\b[^?.]*\bon (?:both )?\w[\w ]* and (?!(?:report|give|tell|show|plot|draw|say|is|are|what|how|test|compare)\b)\w"
     r"|\b(?:mediation|path|factor|discriminant|canonical) analys\w+",
     "Models with several predictors are not computed here. One quantity against another (correlation or line), a comparison by one or two factors, or a mixed model "
     "with the animal as random effect can be given."),
    (r"\bbayes\w*|\bBF_?(?:10|01)\b|\bposterior (?:prob\w*|distribution|mean)|\bcredible interval\w*",
     "No Bayesian statistics are computed here. The test with its effect size and confidence interval, or a test of sameness within a margin, can be given."),
    (r"(?<!two )\b(?:one|1|single)[- ](?:tailed|sided|tail)\b|\bdirectional (?:test|hypothes[ei]s)\b",
     "All tests here are two-sided; the two-sided test with its direction and confidence interval can be given."),
    (r"\bkaplan\b|\bcox (?:regress\w*|models?|proportional)|\bhazards?\b|\bsurvival (?:analys\w+|curves?)",
     "Survival analyses are not computed here; latencies can be listed and compared."),
    (r"\bROC\b|\barea under the (?:ROC )?curve\b",
     "There are no scores between yes and no here, so no such curve can be drawn; F1, precision, recall and kappa can be given."),
    (r"\b(?:fourier|power spectr\w+|spectral dens\w+|wavelets?|autocorrelat\w*|hidden markov|hmm)\b",
     "Spectra and models of time series are not computed here; time bins, transitions and intervals between bouts can be given."),
)  # fmt: skip

_METADATA_CONCEPTS = (
    (WHEN_RECORDED, "when a session was recorded", ("date", "day", "datetime", "timestamp", "recorded")),
    (r"\b(?:sex|gender|males?|females?)\b", "sex", ("sex", "gender")),
    (r"\b(?:strains?|breeds?|c57\w*|balb\w*|inbred)\b", "strain", ("strain", "line", "background")),
    (r"\b(?:genotypes?|knock-?outs?|wild-?types?|transgenic|mutants?)\b", "genotype", ("genotype", "strain")),
    (r"\b(?:species|rats? or mice|mice or rats?)\b", "species", ("species",)),
    (r"\b(?:ages?|how old|weeks old|older|younger|birth)\b", "age", ("age", "age_weeks", "age_days", "dob", "birth")),
    (r"\b(?:body ?weights?|weigh\w*|grams?|heavier|lighter)\b", "weight", ("weight", "weight_g", "body_weight")),
    (r"\b(?:doses?|dosages?|mg/kg)\b", "dose", ("dose", "dosage", "dose_mg_per_kg")),
    (r"\b(?:dominan\w+|subordinate|alpha (?:male|mouse|animal)|hierarch\w+|social rank)\b", "dominance", ("dominance", "rank", "role")),
    (r"\b(?:residents?|intruders?)\b", "role (resident or intruder)", ("role", "resident", "intruder")),
    (r"\b(?:novel|familiar)\s+objects?\b|\bnovel object preference\b|\bobject preference\b", "which object was novel", ("novel", "novel_object", "object")),
    (r"\b(?:winners?|losers?)\b", "who won", ("winner", "outcome")),
    (r"\b(?:surviv\w+|died|death|mortality)\b", "survival", ("survival", "died")),
)  # fmt: skip


def refuse_requests(text: str) -> Refusal | None:
    """Refuse to run code, to reveal the machine, or to follow orders hidden in a question."""
    for pattern in _NOT_A_QUESTION:
        if re.search(pattern, text, re.IGNORECASE):
            return Refusal(
                "That is not a question about the experiment: no code is run here and nothing about the machine is shown.",
                ("What does this experiment contain?",),
            )
    return None


def refuse_out_of_reach(text: str, vocabulary: Vocabulary) -> Refusal | None:
    """Refuse what no table of this experiment holds, unless the experiment itself uses the word."""
    known = vocabulary.stems
    for pattern, reason in _OUT_OF_REACH:
        match = re.search(pattern, text, re.IGNORECASE)
        if match and not all(stem(word) in known for word in re.findall(r"[a-z]+", match.group().lower())):
            return Refusal(reason, suggestions(vocabulary))
    for pattern, reason in _NOT_COMPUTED:
        match = re.search(pattern, text, re.IGNORECASE)
        if match and name_stems(match.group()) not in vocabulary.entries:  # "LD12" may be an animal
            return Refusal(reason, suggestions(vocabulary))
    if not vocabulary.has_partners and re.search(
        r"\b(?:which|what)\s+(?:mouse|animal|rat|individual)\s+\w{3,}(?:ed|s)\s+(?:the\s+)?(?:mouse|animal|rat|individual)\s+\w|\bwhom\b|\bwhich (?:cage ?-?mate|partner|companion|other (?:mouse|animal|rat))\b",
        text,
        re.IGNORECASE,
    ):
        return Refusal(
            "Which other animal a behavior is directed at is not recorded in this experiment.",
            suggestions(vocabulary),
        )
    columns = {name.lower() for name in vocabulary.columns}
    for pattern, concept, names in _METADATA_CONCEPTS:
        match = re.search(pattern, text, re.IGNORECASE)
        if match is None or any(
            name in columns or any(name in column.split("_") for column in columns) for name in names
        ):
            continue
        if all(stem(word) in known for word in re.findall(r"[a-z]+", match.group().lower())):
            continue
        listed = ", ".join(vocabulary.columns) or "none"
        return Refusal(
            f"The tables of this experiment do not record {concept}; the metadata columns are: {listed}.",
            suggestions(vocabulary),
        )
    return None


def offers(vocabulary: Vocabulary) -> tuple[str, ...]:
    """One question of each kind that this experiment's data can answer."""
    behaviors, columns = vocabulary.named_behaviors, vocabulary.grouping_columns()
    people = [name for name, kind in vocabulary.sources.items() if kind == "manual"]
    quantity = (
        f"time in {behaviors[0]}"
        if behaviors
        else "distance moved"
        if vocabulary.trackers
        else next(iter(vocabulary.metrics), "")
    )
    found = list(suggestions(vocabulary)[:-1])
    if quantity and columns:
        found.append(f"Does the {quantity} differ between the groups by {columns[0]}?")
    if quantity and vocabulary.numeric_columns:
        found.append(f"Does the {quantity} correlate with {vocabulary.numeric_columns[0]}?")
    if len(people) > 1 and behaviors:
        found.append(f"How well do the raters agree on {behaviors[0]}?")
    if len(behaviors) > 1:
        found.append(f"What follows {behaviors[0]}?")
    if behaviors:
        found.append(f"Show me the longest bouts of {behaviors[0]}.")
    return (*dict.fromkeys(found), "Summarize this experiment.")


def suggestions(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Questions that this experiment's data can answer."""
    offers = []
    behavior = next(iter(vocabulary.named_behaviors), None)
    column = next(iter(vocabulary.grouping_columns()), None)
    if behavior and column:
        offers.append(f"How much time do the animals spend in {behavior}, by {column}?")
    elif behavior:
        offers.append(f"How many bouts of {behavior} are there in each session?")
    if vocabulary.trackers:
        offers.append("How far did each animal move?")
    elif vocabulary.metrics and column:
        offers.append(f"Compare {vocabulary.metrics[0]} by {column}.")
    return (*offers, "Summarize this experiment.")
