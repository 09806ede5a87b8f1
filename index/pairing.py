"""Which files and which rows of a table belong to one session, told by their names.

A guess by nature: it only drafts ``experiment.toml`` and ``sessions.csv``, which a person then reads.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import polars as pl

from ethochat.index.domain import InputKind
from ethochat.index.sheet import MISSING, parse_number

_ROLES: Final = frozenset(
    (
        *(
            "annot",
            "annots",
            "annotation",
            "annotations",
            "annotated",
            "label",
            "labels",
            "labeled",
            "labelled",
        ),
        *("scored", "scoring", "score", "bout", "bouts", "event", "events", "ethogram"),
        *("behavior", "behaviors", "behaviour", "behaviours"),
        *("track", "tracks", "tracked", "tracking", "trajectory", "trajectories", "idtracked", "toxtracked"),
        *("centroid", "centroids", "position", "positions", "pose", "poses", "keypoints"),
        *(
            "dlc",
            "deeplabcut",
            "sleap",
            "video",
            "videos",
            "movie",
            "movies",
            "recording",
            "recordings",
            "clip",
        ),
        *(
            "clips",
            "metric",
            "metrics",
            "feature",
            "features",
            "summary",
            "analysis",
            "prediction",
            "predictions",
        ),
        *(
            "predicted",
            "result",
            "results",
            "output",
            "export",
            "data",
            "raw",
            "filtered",
            "el",
            "bx",
            "sk",
            "full",
        ),
        *("csv", "h5", "mp4", "avi"),
    )
)
"""Words that say what a file is, not which session it belongs to."""

_ROLE: Final = "|".join(sorted(_ROLES, key=len, reverse=True))
_ROLE_TAIL: Final = re.compile(rf"(?:[ _\-.]+(?:{_ROLE}))+$", re.IGNORECASE)
_ROLE_HEAD: Final = re.compile(rf"^(?:(?:{_ROLE})[ _\-.]+)+", re.IGNORECASE)
# DeepLabCut appends its network and training to the name of the video, SLEAP puts its project before it.
_SCORER: Final = re.compile(
    r"(?<=.)(?:DLC|DeepCut)_(?=.*(?:net|shuffle|snapshot|rtmpose|cspnext)).+$|(?<=.)_superanimal_.+$",
    re.IGNORECASE,
)
_PROJECT: Final = re.compile(r"^labels\.v\d+\.\d+_")
_EXTENSION: Final = re.compile(
    r"\.(csv|tsv|txt|xlsx|xls|ods|json|h5|hdf5|mp4|avi|mov|mkv|m4v|mpg|mpeg|wmv|slp|mat|npy|parquet|gz)$",
    re.IGNORECASE,
)


KEY_NAMES: Final = (
    *("session_id", "session", "recording_id", "recording", "id", "video", "video_file", "dlcfile", "file"),
    *("filename", "file_name", "trial", "trial_id"),
)
"""Usual names of a column that names sessions, the most telling first."""
SUBJECT_NAMES: Final = (
    *("subject_id", "subject", "animal_id", "animal", "animal_no", "mouse_id", "mouse", "rat_id", "rat"),
)
"""Usual names of a column that names animals."""
DESIGN_NAMES: Final = frozenset(
    (
        *("dose", "dosage", "age", "weight", "day", "cage", "trial", "cohort", "batch", "block", "timepoint"),
        *("litter", "box", "week", "year"),
    )
)
"""Numeric columns that describe the animal or the design rather than measure behavior."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A file to be paired."""

    path: PurePosixPath
    """Relative to the experiment folder."""
    kind: InputKind
    format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Files of one session."""

    session_id: str
    members: tuple[Named, ...]
    guessed: tuple[Named, ...] = ()
    """Members whose names only begin alike."""


def base_name(name: str) -> str:
    """Strip extensions and what pose trackers append: ``m1DLC_resnet50_x_filtered.csv`` becomes ``m1``."""
    while (shorter := _EXTENSION.sub("", name)) not in {name, ""}:
        name = shorter
    return " ".join(_PROJECT.sub("", _SCORER.sub("", name)).split()).strip(" _-.")


def identifier(name: str) -> str:
    """Reduce a file name to what names its session; empty where it only says what it is (``video.mp4``)."""
    base = base_name(name)
    if base.lower() in _ROLES:
        return ""
    trimmed = _ROLE_TAIL.sub("", base)
    trimmed = _ROLE_HEAD.sub("", trimmed) or trimmed
    return "" if trimmed.lower() in _ROLES else trimmed


def alias(text: str) -> str:
    """Reduce a table cell or a session id to a form in which both can be compared."""
    name = text.strip().replace("\\", "/").rsplit("/", 1)[-1]
    return (identifier(name) or base_name(name)).casefold()


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts ``m2`` before ``m10``."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


def group_files(files: Sequence[Named], *, folder_name: str) -> list[Group]:
    """Pair files by name.

    Parameters
    ----------
    folder_name
        Names the session of files that carry no name of their own (``video.mp4`` beside ``pose.csv``).

    Returns
    -------
    list of Group
        In natural order of the session ids, which are unique.
    """
    groups: dict[str, list[Named]] = defaultdict(list)
    spelling: dict[str, str] = {}
    for file, name in _identified(files):
        groups[name.casefold()].append(file)
        spelling.setdefault(name.casefold(), name or folder_name)
    merged = _merged(groups)
    guessed: dict[str, list[Named]] = defaultdict(list)
    for source, target in merged.items():
        guessed[target] += groups.pop(source)
    result = []
    taken = set(spelling.values())
    for key, members in groups.items():
        longer = _common_name(spelling[key], members)
        session_id = spelling[key] if longer in taken else longer
        taken.add(session_id)
        everyone = (*members, *guessed[key])
        result.append(Group(session_id=session_id, members=everyone, guessed=tuple(guessed[key])))
    return sorted(result, key=lambda group: natural_key(group.session_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The column of a table that names sessions."""

    column: str
    values: Mapping[str, str]
    """Session id to the value of its rows."""


def match_exactly(values: Iterable[str], aliases: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Find for each session the one value that names it.

    Parameters
    ----------
    values
        Cells of a column.
    aliases
        Per session id the names it goes by, as :func:`alias` gives them.

    Returns
    -------
    dict
        Session id to value; sessions named by none or by several different values are left out.
    """
    owners: dict[str, set[str]] = defaultdict(set)
    for session_id, names in aliases.items():
        for name in names:
            owners[name].add(session_id)
    found: dict[str, set[str]] = defaultdict(set)
    for value in values:
        sessions = owners.get(alias(value), set())
        if len(sessions) == 1:
            found[next(iter(sessions))].add(value)
    return {session_id: next(iter(hits)) for session_id, hits in found.items() if len(hits) == 1}


def match_parts(values: Iterable[str], aliases: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Find for each session the longest value that is part of its name: ``M1`` in session ``M1_day2``.

    Parts are whole words with at least one letter, for ``2`` may be a day or an animal.
    """
    words = {value: _words(value) for value in values}
    usable = {value: parts for value, parts in words.items() if parts and re.search(r"[^\W\d_]", value)}
    found = {}
    for session_id in aliases:
        hits = [value for value, parts in usable.items() if _contains(_words(session_id), parts)]
        longest = max((len(usable[value]) for value in hits), default=0)
        best = [value for value in hits if len(usable[value]) == longest]
        if len(best) == 1:
            found[session_id] = best[0]
    return found


def values_of(table: pl.DataFrame, column: str) -> list[str]:
    """Return the different values of a text column that say something and can stand in sessions.csv."""
    values = table[column].unique(maintain_order=True).to_list()
    return [
        value for value in values if value not in MISSING and value == value.strip() and value.isprintable()
    ]


def name_rank(column: str) -> int:
    """Rank a column by its name: the lower, the more likely it names sessions or animals."""
    names = (*KEY_NAMES, *SUBJECT_NAMES)
    plain = "_".join(column.casefold().split())
    return names.index(plain) if plain in names else len(names)


def find_key(
    table: pl.DataFrame,
    aliases: Mapping[str, Collection[str]],
    *,
    suggested: str | None = None,
    fewest: int = 1,
) -> Key | None:
    """Find the column of a shared table whose values name most sessions.

    Parameters
    ----------
    aliases
        As for :func:`match_exactly`.
    suggested
        A column to prefer among equals.
    fewest
        Sessions that must be named.
    """
    found: list[tuple[tuple[int, bool, int], Key]] = []
    for column in table.columns:
        values = values_of(table, column)
        matched = match_exactly(values, aliases)
        if len(matched) >= fewest and not _by_chance(matched, values):
            merit = (len(matched), column == suggested, -name_rank(column))
            found.append((merit, Key(column=column, values=matched)))
    return max(found, key=lambda item: item[0])[1] if found else None


def find_row_key(table: pl.DataFrame, aliases: Mapping[str, Collection[str]]) -> Key | None:
    """Find the column of a table with one row per session, or per animal that the sessions' names contain."""
    found: list[tuple[tuple[int, bool, int], Key]] = []
    for column in table.columns:
        values = values_of(table, column)
        if len(values) < table.height:  # empty or repeated
            continue
        exact = match_exactly(values, aliases)
        matched = exact or match_parts(values, aliases)
        if matched and 2 * len(matched) >= len(aliases) and not _by_chance(matched, values):
            merit = (len(matched), bool(exact), -name_rank(column))
            found.append((merit, Key(column=column, values=matched)))
    return max(found, key=lambda item: item[0])[1] if found else None


def find_named_key(table: pl.DataFrame, *, one_row_each: bool) -> str | None:
    """Find a column that names several sessions (or animals) by its own name alone.

    Parameters
    ----------
    one_row_each
        Whether every value must stand in one row, or in two and more on average.
    """
    usual = []
    for column in table.columns:
        n_values = len(values_of(table, column))
        fits = n_values == table.height if one_row_each else 2 * n_values <= table.height
        if n_values > 1 and fits and name_rank(column) < len(KEY_NAMES) + len(SUBJECT_NAMES):
            usual.append(column)
    return min(usual, key=name_rank, default=None)


def _by_chance(matched: Mapping[str, str], values: Sequence[str]) -> bool:
    """Tell whether a column of numbers names sessions ``1`` to ``5`` although it is not made for it."""
    numeric = all(parse_number(value) is not None for value in matched.values())
    return numeric and 2 * len(set(matched.values())) < len(values)


def _identified(files: Sequence[Named]) -> list[tuple[Named, str]]:
    """Give every file its session's name; folders help where files are called alike or not at all."""
    names = {file: identifier(file.path.name) for file in files}
    homes: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for file, name in names.items():
        homes[(file.kind, file.format, name.casefold())].add(_folder(file))
    clashing = {name for (_, _, name), folders in homes.items() if len(folders) > 1 or not name}
    result = []
    for file, name in names.items():
        parts = [_folder(file), name] if name.casefold() in clashing else [name]
        result.append((file, "_".join(filter(None, parts))))
    return result


def _folder(file: Named) -> str:
    """Name the folders above a file, without those that only say what is in them (``videos``)."""
    return "_".join(part for part in file.path.parent.parts if part.lower() not in _ROLES)


def _merged(groups: Mapping[str, Sequence[Named]]) -> dict[str, str]:
    """Find groups that begin like another which has a video (or a pose) where they have none."""
    kinds = {name: {file.kind for file in members} for name, members in groups.items()}
    result: dict[str, str] = {}
    for name, own in kinds.items():
        if "video" in own:
            continue
        for anchor in ("video", "pose"):
            others = [other for other in kinds if anchor in kinds[other] and not own & kinds[other]]
            shorter = [other for other in others if _starts(_words(name), _words(other))]
            longer = [other for other in others if _starts(_words(other), _words(name))]
            target = max(shorter, key=lambda other: len(_words(other)), default=None)
            likely = others if not name else longer  # a file without a name belongs to the only recording
            if target is None and len(likely) == 1:
                target = likely[0]
            if target is not None:
                result[name] = target
                break
    return {name: target for name, target in result.items() if target not in result}


def _common_name(name: str, members: Sequence[Named]) -> str:
    """Take the beginning that all names share, where it is longer: ``mouse_video`` rather than ``mouse``."""
    if len(members) < 2:
        return name
    stems = [re.split(r"([ _\-.]+)", base_name(member.path.name)) for member in members]
    common: list[str] = []
    for parts in zip(*stems, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    shared = "".join(common).rstrip(" _-.")
    return shared if shared.casefold().startswith(name.casefold()) else name


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", text.casefold()) if word]


def _starts(words: Sequence[str], beginning: Sequence[str]) -> bool:
    return 0 < len(beginning) < len(words) and list(words[: len(beginning)]) == list(beginning)


def _contains(words: Sequence[str], part: Sequence[str]) -> bool:
    return any(words[start : start + len(part)] == part for start in range(len(words) - len(part) + 1))
