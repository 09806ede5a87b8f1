"""Names in a call to names of the experiment: exactly, then in any case and spacing; never by likeness.

An unknown name is an error that says what is known and what is near.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ethochat.tools.errors import ToolRetryError


def plain(name: str) -> str:
    """Fold case and spacing of a name: ``Left_Ear`` and ``left ear`` are one."""
    return re.sub(r"[\s_\-]+", " ", name.strip()).casefold()


def nearest(name: str, known: Iterable[str], limit: int = 5) -> tuple[str, ...]:
    """Known names that look like a name, best first; only for messages."""
    from rapidfuzz import fuzz, process

    found = process.extract(
        name, list(known), scorer=fuzz.WRatio, processor=plain, limit=limit, score_cutoff=55
    )
    return tuple(item[0] for item in found)


def find_name(name: str, known: Iterable[str]) -> str | None:
    """Find a known name exactly, else the only one that differs in case and spacing."""
    names = list(known)
    if name in names:
        return name
    for fold in (str.casefold, plain):
        same = [item for item in names if fold(item) == fold(name)]
        if len(same) == 1:
            return same[0]
    return None


def unknown_name(name: str, known: Iterable[str], what: str) -> ToolRetryError:
    """Make the error for a name that is not known."""
    names = list(dict.fromkeys(known))
    near = nearest(name, names)
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    hint = f" Near: {', '.join(near)}." if near and len(names) > 20 else ""
    return ToolRetryError(f"There is no {what} {name!r}. Known: {shown or 'none'}.{hint}", near=near)


def match_name(name: str, known: Iterable[str], what: str) -> str:
    """Find a known name or raise :class:`ToolRetryError` naming what is known and near."""
    names = list(known)
    found = find_name(name, names)
    if found is None:
        raise unknown_name(name, names, what)
    return found


def listing(names: Iterable[str], limit: int = 8) -> str:
    """Names for a sentence: all, or the first and how many more."""
    items = list(names)
    if len(items) <= limit:
        return ", ".join(items)
    return ", ".join(items[:limit]) + f" and {len(items) - limit} more"
