"""Which measure a question asks for."""

from __future__ import annotations

import re
from typing import Any

from ethochat.agent.builtin import lexicon
from ethochat.agent.builtin.counting import counted_or_timed
from ethochat.agent.builtin.lexicon import matches
from ethochat.agent.builtin.metrics import metric_for
from ethochat.agent.builtin.phrases import Scanner
from ethochat.agent.builtin.vocabulary import Vocabulary
from ethochat.index.words import atoms

_QUANTITY = {
    "total_duration": "time", "percent_time": "percentage", "bout_count": "count", "latency": "latency", "distance": "distance",
    "mean_speed": "speed", "zone_time": "time", "zone_entries": "transitions", "zone_percent": "percentage",
}  # fmt: skip


_BOUT_DURATION = (
    r"\b(?:mean|average|median|typical|longest|shortest)\s+(?:duration|length|time)\s+of\s+(?:a |an |the |each |one |single |his |her |\w+'s )*BEHAVIOR"
    r"|\b(?:longest|shortest)\s+(?:single |continuous |uninterrupted |unbroken )*(?:(?:period|stretch|spell|bout|episode|phase)s? of )?(?:\w+'s )?BEHAVIOR|"
    r"BEHAVIOR(?: bouts?)?\s+last(?:s|ed)?\s+on average|\bhow long (?:is|are|was|were|does|do|did) (?:(?:a|an|each|one)(?!\s+(?:\w+\s+){0,2}?(?:mouse|mice|rats?|animals?|subjects?|individuals?|sessions?|recordings?)\b)|"
    r"the average|the mean|the longest|the shortest)\b"
    r"[^.?]*BEHAVIOR"
    r"|\b(?:mean|average|median|longest|shortest)\s+BEHAVIOR(?: bouts?)?\s+(?:duration|length)|\blast(?:s|ed)? on average\b"
)


_SHARE_OF_BOUTS = r"\b(?:percent\w*|fraction|share|proportion) of (?:all |the |\w+'s )*BEHAVIOR|\b(?:percent\w*|fraction|share|proportion) of [^?]*\bbouts\b"
_PAUSE = (
    r"\b(?:pauses?|gaps?|breaks?|intervals?|time)\s+(?:\(?in \w+\)?\s+)?between\s+(?:\w+\s+){0,3}?BEHAVIOR"
)


def choose_measure(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> None:
    """Fill ``measure`` from an imported metric named, a zone, or the first cue that the experiment can serve."""
    if slots.get("metrics"):
        slots["measure"] = slots["metrics"][0]
        slots.pop("behaviors", None)
        slots.pop("zones", None)
        return
    length = r"\bhow far\b|\bdistances?\b|\bhow many (?:centimeters?|cm|meters?|m|pixels?|px)\b"
    if matches(length, scan.text) and not slots.get("sources"):
        _moving_is_no_behavior(slots, vocabulary)
    special = _special_measure(slots, scan, vocabulary)
    if special is not None:
        slots["measure"] = special
        return
    behavioral = bool(slots.get("behaviors"))
    if (
        slots.get("zones")
        and not behavioral
        and not matches(r"\bdistances?\b|\bspeed\b|\bhow (?:far|fast)\b", scan.cues)
    ):
        slots["measure"] = next(
            name for pattern, name in lexicon.ZONE_MEASURES if matches(pattern, scan.cues)
        )
    else:
        found = _measure_by_cue(slots, scan, vocabulary)
        if behavioral and found in (None, "bout_count", "total_duration"):
            found = counted_or_timed(scan, vocabulary) or found
        column = _numeric_column(slots, scan, vocabulary)
        if (
            column is not None
            and not behavioral
            and found in (None, "total_duration", "bout_count", "latency")
        ):
            slots["measure"] = column
            return
        if found is not None:
            slots["measure"] = found
            _take_the_only_behavior(slots, vocabulary)
        elif behavioral:
            slots.update(measure="total_duration", measure_guessed=True)
            if matches(r"\bBEHAVIOR\s+(?:\w+\s+)?(?:more|less)\b(?!\s+time)", scan.named) and set(
                slots["behaviors"]
            ) <= set(vocabulary.labels):
                slots.update(measure="bout_count", measure_guessed=False)  # "they rear less": how many times
    _prefer_metric(slots, scan, vocabulary)


def _take_the_only_behavior(slots: dict[str, Any], vocabulary: Vocabulary) -> None:
    """Where only one behavior was ever scored by whoever is named, "bouts" are bouts of it."""
    if slots.get("behaviors") or slots["measure"] not in (
        "bout_count",
        "bout_duration",
        "bout_rate",
        "inter_bout_interval",
    ):
        return
    wanted = set(slots.get("sources", ())) or set(vocabulary.sources)
    scored = [name for name in vocabulary.named_behaviors if wanted & set(vocabulary.behaviors[name])]
    if len(scored) == 1 and slots.get("sources"):
        slots["behaviors"] = scored


def _special_measure(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> str | None:
    """Measures told by what is named beside the cue: a behavior's bouts, two animals, a limit of their distance."""
    named = any(slots.get(key) for key in ("behaviors", "zones", "keypoints"))
    if not named and matches(lexicon.RECORDING_LENGTH, scan.text):
        return "duration"
    behavioral = bool(slots.get("behaviors"))
    of_bouts = _measure_of_bouts(slots, scan) if behavioral else None
    if of_bouts is not None:
        return of_bouts
    two_points = len(slots.get("keypoints", ())) == 2 and len(slots.get("individuals", ())) < 2
    apart = scan.has(r"\bdistances? (?:between|from)\b")
    if two_points and apart and not scan.has(r"\b(?:mice|animals|each other|pairs?)\b"):
        return "keypoint_distance"
    if slots.get("keypoints") and len(vocabulary.individuals) > 1 and _between_animals(slots, scan):
        return "pair_distance"
    if "max_distance" in slots and not behavioral and len(vocabulary.individuals) > 1:
        share = r"\b(?:percent\w*|fraction|share|proportion)\b|%"
        return "percent_near" if matches(share, scan.text) else "time_near"
    return None


def _measure_of_bouts(slots: dict[str, Any], scan: Scanner) -> str | None:
    """What is asked of a behavior's bouts as such: how many of them are long, how far they lie apart, how long one is."""
    limited = slots.get("min_bout_s") is not None or slots.get("max_bout_s") is not None
    if limited and matches(_SHARE_OF_BOUTS, scan.named):
        return "percent_bouts"
    if matches(_PAUSE, scan.named):
        return "inter_bout_interval"
    return "bout_duration" if matches(_BOUT_DURATION, scan.named) else None


def _measure_by_cue(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> str | None:
    behavioral = bool(slots.get("behaviors"))
    for pattern, name, needs in lexicon.MEASURES:
        if behavioral and needs == "track" and not matches(r"\bduring\b|\bwhile\b", scan.cues):
            continue
        if needs == "keypoints" and len(slots.get("keypoints", ())) < 2:
            continue
        if needs == "pair" and len(vocabulary.individuals) < 2:
            continue
        if matches(pattern, scan.text if name in ("percent_tracked", "percent_missing") else scan.cues):
            return name
    return None


def _numeric_column(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> str | None:
    """Find a numeric metadata column that is asked for rather than used as a condition: "the mean age of the females"."""
    conditions = {item["column"] for item in slots.get("where", ())}
    named = [
        name
        for name in slots.get("columns", ())
        if name in vocabulary.numeric_columns and name not in conditions
    ]
    return named[0] if named and not scan.has(rf"{lexicon.PER}\s+{re.escape(named[0])}") else None


def nest_behaviors(slots: dict[str, Any], scan: Scanner) -> None:
    """Read "clinch frames that fall inside aggression": one behavior while another lasts."""
    named = slots.get("behaviors", ())
    if (
        len(named) != 2
        or slots.get("category")
        or slots.get("measure") in ("pair_distance", "distance", "mean_speed")
    ):
        return
    if matches(r"\b(?:inside|within|during|while|overlap\w*|at the same time as|coincid\w+)\b", scan.cues):
        slots["behaviors"], slots["during"] = [named[0]], [named[1]]
        if matches(r"\bhow many (?:of the )?(?:\w+ )?(?:frames|seconds)\b", scan.text):
            slots["measure"] = "total_duration"
        slots["group_by"] = [name for name in slots.get("group_by", ()) if name not in ("behavior", "source")]
        if len(slots.get("sources", ())) > 1:
            del slots["sources"]


def _between_animals(slots: dict[str, Any], scan: Scanner) -> bool:
    """Whether a distance is one between animals: of two named, of each pair, of "the two animals"."""
    if "max_distance" in slots or not matches(r"\bdistances?\b|\bhow far apart\b", scan.text):
        return False
    return len(slots.get("individuals", ())) == 2 or scan.has(
        r"\bpairs?\b|\bbetween (?:the )?(?:two )?(?:mice|animals|individuals)\b|\bof the two (?:mice|animals|individuals)\b|\beach other\b"
    )


def _raters_may_differ(slots: dict[str, Any], vocabulary: Vocabulary) -> bool:
    """Whether one recording is asked about, which several people may have scored: then it matters whose number it is."""
    if not (slots.get("sessions") or slots.get("subjects")):
        return False
    scoring = {
        source
        for name in slots["behaviors"]
        for source in vocabulary.behaviors.get(name, ())
        if vocabulary.sources.get(source) == "manual"
    }
    return len(scoring) > 1


def _moving_is_no_behavior(slots: dict[str, Any], vocabulary: Vocabulary) -> None:
    """In "how far did it run", running is not the behavior asked for."""
    kept = [
        name
        for name in slots.get("behaviors", ())
        if any(vocabulary.sources.get(source) != "rule" for source in vocabulary.behaviors.get(name, ()))
    ]
    slots["behaviors"] = kept


def _is_cut_by_time(slots: dict[str, Any], scan: Scanner) -> bool:
    """Whether a part of the recording is asked for, of which an imported metric says nothing."""
    timed = ("bin_s", "start_s", "stop_s", "start_part", "stop_part", "windows", "course")
    return any(slots.get(key) is not None for key in timed) or matches(lexicon.PER_MINUTE, scan.text)


def _prefer_metric(slots: dict[str, Any], scan: Scanner, vocabulary: Vocabulary) -> None:
    """Take an imported metric where no rater is named and it says the same for every session."""
    if not vocabulary.metrics or slots.get("sources") or (slots.get("zones") and vocabulary.trackers):
        return
    if slots.get("min_bout_s") is not None or slots.get("max_bout_s") is not None:
        return
    if matches(lexicon.RATERS, scan.text) or matches(lexicon.NONE, scan.cues):
        return
    words = [atom.text for atom in atoms(scan.text)]
    behavior: list[str] = []
    if slots.get("behaviors"):
        if _raters_may_differ(slots, vocabulary):
            return
        behavior = [atom.stem for name in slots["behaviors"] for atom in atoms(name)]
        words += [atom.text for name in slots["behaviors"] for atom in atoms(name)]
        if len(slots["behaviors"]) > 1 or slots.get("measure") not in (
            "bout_count",
            "total_duration",
            "percent_time",
        ):
            return
    elif (
        slots.get("measure") in ("distance", "mean_speed", "max_speed") and vocabulary.trackers
    ) or slots.get("measure") in ("inter_bout_interval", "bout_duration", "bout_rate"):
        return
    quantity = _QUANTITY.get(slots.get("measure") or "")
    metric = metric_for(words, vocabulary.metrics, quantity=quantity, behavior=behavior)
    if metric is None and quantity in (None, "count") and matches(lexicon.ENTRIES, scan.text):
        metric = metric_for(words, vocabulary.metrics, quantity="transitions", behavior=behavior)
    if metric is not None and _is_cut_by_time(slots, scan):
        slots["uncut_metric"] = metric
    elif metric is not None:
        if slots.get("behaviors"):
            slots["metric_for_behaviors"] = slots["behaviors"]
        slots["measure_before_metric"] = slots.get("measure")
        slots["measure"] = metric
        slots["metrics"] = [metric]
        if matches(
            r"\b(?:percent\w*|fraction|share|proportion)\b|%(?! ?(?:ci|confidence|interval|power))", scan.cues
        ) and not re.search(r"percent|fraction|share|proportion|ratio", metric, re.IGNORECASE):
            slots["unit"] = "%"  # which the metric cannot be given in, and the tool says so
        slots.pop("behaviors", None)
        slots.pop("zones", None)
