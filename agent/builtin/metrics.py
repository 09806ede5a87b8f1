"""Which imported metric a phrase means: "time in the corners" and ``bodycentre.corners.total.time``."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from ethochat.index.words import american, name_stems, stem

_SAME: dict[str, str] = {}
for _group in (
    ("time", "duration", "seconds", "long", "spend", "spent"),
    ("count", "number", "bouts", "often", "many"),
    ("distance", "far", "path", "travel", "run", "walk", "ran"),
    ("speed", "velocity", "fast"),
    ("transitions", "entries", "crossings", "visits", "enter"),
    ("percentage", "percent", "fraction", "share", "proportion"),
    ("center", "middle"),
    ("latency",),
    ("stationary", "immobile", "still"),
):
    for _word in _group:
        _SAME[stem(_word)] = stem(_group[0])
_FILLERS = {stem(word) for word in ("raw", "total", "overall", "mean", "all", "sum", "value")}
_QUANTITIES = {
    stem(word) for word in ("time", "count", "distance", "speed", "transitions", "percentage", "latency")
}


def canonical_stems(words: Collection[str]) -> set[str]:
    """Bring synonyms to one stem."""
    return {_SAME.get(word, word) for word in words}


def common_parts(metrics: Sequence[str]) -> set[str]:
    """Stems that open most metrics, such as the name of the tracked point: they tell nothing apart."""
    first = Counter(stems[0] for metric in metrics if (stems := name_stems(metric)))
    return {part for part, count in first.items() if count > 0.5 * len(metrics)} | {stem("classifications")}


def metric_for(
    wanted: Collection[str],
    metrics: Sequence[str],
    *,
    quantity: str | None = None,
    behavior: Collection[str] = (),
) -> str | None:
    """The metric whose name says what the words say, and nothing else.

    Parameters
    ----------
    wanted
        The question's content words.
    metrics
        Names of the imported metrics.
    quantity
        What is asked for, when it is certain: ``time``, ``count``, ``distance`` …
    behavior
        Stems of the behavior asked for, all of which the name must hold.

    Returns
    -------
    str or None
        ``None`` when no metric fits, or two fit equally well.
    """
    # "Distance moved" is any distance; "distance while moving" is one that the animal moved fast enough for.
    words = canonical_stems(
        {"distanc" if stem(word) == "move" and word.lower() != "moving" else stem(word) for word in wanted}
    )
    if quantity is not None:
        words = (words - canonical_stems(_QUANTITIES)) | {_SAME.get(stem(quantity), stem(quantity))}
    ignored = common_parts(metrics)
    quantities = canonical_stems(_QUANTITIES)
    specific = {part for metric in metrics for part in canonical_stems(set(name_stems(metric)) - ignored)}
    said = words & (specific - _FILLERS - quantities)
    scored = []
    for metric in metrics:
        parts = canonical_stems(set(name_stems(metric)) - ignored)
        needed = parts - _FILLERS
        if not needed & words or not (needed & quantities) <= words or not said <= needed:
            continue
        if not set(behavior) <= needed or (not needed - quantities and quantity not in ("distance", "speed")):
            continue
        missing = needed - words
        scored.append((len(missing), -len(needed & words), len(parts), metric))
    scored.sort()
    tied = len(scored) > 1 and scored[0][:3] == scored[1][:3]
    return None if not scored or scored[0][0] > 0 or tied else scored[0][3]


_COUNTS = ("count", "counts", "number", "bouts", "events", "frequency")
_REST = ("none", "nan", "other", "background", "total", "all", "raw")
"""Labels for what is none of the behaviors: no question means them by these words."""


def labels_of(metrics: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Behaviors that metrics are about, by the build of their names.

    What is counted is an event: the part before ``count`` names a behavior, and so does that part in the metrics that differ in the
    last part alone: ``classifications.Supported.count`` and ``classifications.Supported.time`` are about ``Supported``.

    Returns
    -------
    dict
        Label to its metrics.
    """
    split = {metric: metric.replace("/", ".").split(".") for metric in metrics}
    counted = {
        tuple(parts[:-1]) for parts in split.values() if len(parts) > 1 and parts[-1].lower() in _COUNTS
    }
    found: dict[str, list[str]] = defaultdict(list)
    for metric, parts in split.items():
        if tuple(parts[:-1]) in counted and parts[-2].lower() not in _REST:
            found[parts[-2]].append(metric)
    return {label: tuple(names) for label, names in found.items()}


# Two kinds of rearing have several names in the literature: on the wall or "supported" (assisted), and free or "unsupported".
_KNOWN_AS = {
    "supported": ("supported rear", "supported rearing", "wall rear", "wall rearing", "assisted rear", "rear against the wall", "rear on the wall", "wall lean"),
    "unsupported": ("unsupported rear", "unsupported rearing", "free rear", "free rearing", "unassisted rear", "free-standing rear"),
    "grooming": ("groom", "self-grooming"), "jumping": ("jump",), "freezing": ("freeze",), "digging": ("dig",),
}  # fmt: skip
_KINDS = {"rearing": ("supported", "unsupported")}


def other_names(label: str) -> tuple[str, ...]:
    """Names that a behavior commonly goes by, where the experiment declares none."""
    return _KNOWN_AS.get(american(label), ())


def kinds_among(labels: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Behaviors of which several labels are kinds: "rears" where there are supported and unsupported ones."""
    known = {american(label): label for label in labels}
    found = {name: tuple(known[kind] for kind in kinds if kind in known) for name, kinds in _KINDS.items()}
    return {name: members for name, members in found.items() if len(members) > 1 and name not in known}
