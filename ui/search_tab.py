"""The page's search: what one visitor looks for, what was found, and what the buttons on it do."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Final

import gradio as gr

from ethochat.index.errors import EthochatError, InputError
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ApprovalNeededError
from ethochat.tools.evidence import ClipRef
from ethochat.ui.examples import example_searches
from ethochat.ui.hits import Hits, hits_of
from ethochat.ui.media import Media
from ethochat.ui.search_call import (
    Call,
    check_asked,
    narrowed,
    parts_of,
    read_text,
    run_search,
    units_of,
    without_parts,
)
from ethochat.ui.search_cards import (
    approval_html,
    cards_html,
    examples_html,
    found_html,
    looking_html,
    message_html,
)
from ethochat.ui.search_filters import call_of, filters_of, values_of
from ethochat.ui.seen import left_unchecked, with_verdicts

logger = logging.getLogger(__name__)

PAGE_SIZE: Final = 12
"""Hits shown at once; divides evenly into rows of two, three and four."""
MOST_AT_ONCE: Final = 1000
"""Most hits that one call gives."""
_AT_ONCE: Final = 4
"""Most searches running at the same time."""
_PATIENCE_S: Final = 0.05
"""How soon a search that is out of date leaves its place; what it runs ends in its own time."""
View = tuple[Any, ...]
"""Updates of what a search changes: parts understood, what was found, cards, more, bar, elsewhere, search and stop button."""

N_OUTPUTS: Final = 8


@dataclass(slots=True, eq=False)
class Finding:
    """What one visitor looks for, and what of it is on the screen."""

    text: str = ""
    read: tuple[str, Call] = ("", {})
    """The text that was read last, and what it was read as."""
    more: Call = field(default_factory=dict)
    """What is set beside the text."""
    dropped: set[str] = field(default_factory=set)
    """Keys of what was read and then taken back."""
    like: list[Call] = field(default_factory=list)
    unlike: list[Call] = field(default_factory=list)
    other_sessions: bool = False
    hits: Hits | None = None
    """All that is shown."""
    cost: str | None = None
    """What it costs to check them, where that waits for the visitor's approval."""
    serial: int = 0
    """Number of the newest search; one that is not the newest shows nothing."""

    def begin(self) -> int:
        """Start a search; those that still run, or wait for approval, are out of date."""
        self.serial += 1
        self.cost = None
        return self.serial

    def call(self) -> Call:
        """Put together what is looked for."""
        text, read = self.read
        call = without_parts(narrowed(read if text == self.text else {}, self.more), self.dropped)
        for name, moments in (("like", self.like), ("unlike", self.unlike)):
            if moments:
                call[name] = [*call.get(name, []), *moments]
        if self.other_sessions and call.get("like"):
            call["other_sessions"] = True
        return call

    def retext(self, text: str) -> None:
        """Look for another text; what was clicked for the one before is forgotten."""
        self.text = text
        self.dropped, self.like, self.unlike, self.other_sessions = set(), [], [], False


class SearchTab:
    """What the handlers of the search share: one experiment, and where its clips are served."""

    def __init__(self, context: ToolContext, media: Media) -> None:
        """Look at what the experiment can be narrowed by.

        Parameters
        ----------
        context
            An ingested experiment.
        media
            Gives hits their addresses.
        """
        self.context = context
        self.media = media
        self.filters = filters_of(context)
        self.examples = example_searches(context)
        self._units = units_of(context)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="search")
        # Who searches does not wait for a model that looks at somebody else's clips.
        self._lookers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="look")

    def close(self) -> None:
        """Start no search any more."""
        for pool in (self._pool, self._lookers):
            pool.shutdown(wait=True, cancel_futures=True)

    # ------------------------------------------------------------------ searching
    def search(self, finding: Finding, text: str, *values: Any) -> Iterator[View]:  # noqa: ANN401 - values of widgets
        """Search for a text, narrowed by the widgets; the same text keeps what was clicked before."""
        text = text.strip()
        try:
            finding.more = call_of(self.filters, values)
        except InputError as exc:
            finding.begin()
            yield self._view(finding, found=message_html(str(exc), kind="failed"))
            return
        if text != finding.text:
            finding.retext(text)
        else:
            finding.dropped -= {part.key for part in parts_of(finding.more)}
        yield from self._run(finding)

    def act(self, finding: Finding, event: gr.SelectData) -> Iterator[View]:
        """Do what a button says: more like this, less like this, try an example, let the model look or leave it."""
        asked = event.value if isinstance(event.value, dict) else {}
        act, rank = asked.get("act"), asked.get("rank")
        if act == "try" and asked.get("text") in self.examples:
            finding.retext(str(asked["text"]))
            yield from self._run(finding)
            return
        if act in ("approve", "unchecked") and finding.cost is not None:
            yield from self._decided(finding, agreed=act == "approve")
            return
        clips = dict(finding.hits.ranked()) if finding.hits is not None else {}
        clip = clips.get(rank) if isinstance(rank, int) else None
        if clip is None or act not in ("like", "unlike"):
            yield _unchanged()
            return
        chosen, other = (finding.like, finding.unlike) if act == "like" else (finding.unlike, finding.like)
        moment = _moment_of(clip)
        if moment in other:
            other.remove(moment)
        if moment not in chosen:
            chosen.append(moment)
        yield from self._run(finding)

    def take_back(self, finding: Finding, kept: Sequence[str]) -> list[Any]:
        """Leave out the parts that were taken back; returns the values that the widgets then have."""
        gone = {part.key for part in self._parts(finding)} - set(kept)
        finding.dropped |= gone
        finding.more = without_parts(finding.more, gone)
        for name in ("like", "unlike"):
            left = without_parts({name: getattr(finding, name)}, gone).get(name, [])
            setattr(finding, name, left)
        finding.other_sessions = finding.other_sessions and "other_sessions" not in gone
        return self.widgets(finding)

    def again(self, finding: Finding) -> Iterator[View]:
        """Search for what is left of it."""
        yield from self._run(finding)

    def elsewhere(self, finding: Finding, only: bool) -> Iterator[View]:
        """Leave out the sessions of the moments to be like, or take them in again."""
        finding.other_sessions = bool(only)
        finding.dropped.discard("other_sessions")
        yield from self._run(finding)

    def check(self, finding: Finding, n: int | None) -> Iterator[View]:
        """Let the model check so many of the hits that are shown; before a search, of those that it will find."""
        finding.more = {name: value for name, value in finding.more.items() if name != "verify"}
        finding.more |= {"verify": int(n)} if n else {}
        finding.dropped.discard("verify")
        if finding.hits is None:
            yield _unchanged()
            return
        yield from self._run(finding)

    def checking(self, finding: Finding) -> Any:  # noqa: ANN401 - an update of a component
        """How many hits are checked, for when that was declined."""
        return gr.update(value=finding.more.get("verify", 0))

    def widgets(self, finding: Finding) -> list[Any]:
        """Values of the widgets."""
        return [gr.update(value=value) for value in values_of(self.filters, finding.more)]

    def tried(self, event: gr.SelectData) -> Any:  # noqa: ANN401 - an update of a component
        """Put an example into the box as it is tried; what a visitor types while a search runs stays."""
        asked = event.value if isinstance(event.value, dict) else {}
        tries = asked.get("act") == "try" and asked.get("text") in self.examples
        return gr.update(value=str(asked["text"])) if tries else gr.skip()

    def clear(self, finding: Finding) -> list[Any]:
        """Empty the widgets; what was found stays until the next search."""
        finding.more = {}
        return self.widgets(finding)

    def stop(self, finding: Finding) -> View:
        """Forget the running search; what it finds is not shown."""
        finding.begin()
        if finding.hits is None:
            return self._view(finding, found=message_html("Stopped."), cards="")
        if finding.call().get("verify") and not finding.hits.checked:
            said = message_html("Stopped: no hit was checked.")
            return self._view(finding, found=found_html(finding.hits) + said)
        return self._view(finding)

    def more(self, finding: Finding) -> View:
        """Show the next hits of the list behind those that are shown."""
        hits = finding.hits
        if hits is None or not _goes_on(hits):
            return _unchanged()
        serial = finding.serial
        call = _unverified(hits.arguments) | {"offset": hits.last_rank, "limit": PAGE_SIZE}
        done = self._pool.submit(self._find, finding.text, call)
        error = done.exception()
        if serial != finding.serial:
            return _unchanged()
        if error is not None:
            return self._view(finding, found=found_html(hits) + message_html(_said(error), kind="failed"))
        further = done.result()
        clips = left_unchecked(further.clips) if hits.checked else further.clips
        finding.hits = dataclasses.replace(hits, clips=[*hits.clips, *clips])
        if not further.clips:
            finding.hits = dataclasses.replace(finding.hits, n_listed=hits.last_rank)
        return self._view(finding)

    def everything(self, finding: Finding) -> Hits | None:
        """Find all hits of the list, not only those shown; at most :data:`MOST_AT_ONCE`."""
        hits = finding.hits
        if hits is None or not _goes_on(hits):
            return hits
        found = self._find(finding.text, _unverified(hits.arguments) | {"limit": MOST_AT_ONCE})
        if not hits.checked:
            return found
        return dataclasses.replace(
            found,
            arguments=dict(found.arguments) | {"verify": hits.arguments["verify"]},
            clips=with_verdicts(found.clips, hits.clips),
            flags=list(dict.fromkeys([*found.flags, *hits.told])),
        )

    def _run(self, finding: Finding, *, approved: bool = False) -> Iterator[View]:
        """Search, show what was found unless another search began meanwhile, and let the model check the best of it."""
        serial = finding.begin()
        yield _waiting()
        done: Future[Hits | None] = self._pool.submit(self._look, finding)
        if not _awaited(finding, serial, done):
            yield _unchanged()  # what is yielded last is sent again when a handler ends
            return
        error = done.exception()
        if error is not None:
            finding.hits = None
            yield self._view(finding, found=message_html(_said(error), kind="failed"), cards="")
            return
        finding.hits = done.result()
        n = finding.call().get("verify")
        if n and finding.hits is not None and finding.hits.clips:
            yield from self._checked(finding, serial, finding.hits, n, approved=approved)
        else:
            yield self._view(finding)

    def _checked(
        self, finding: Finding, serial: int, hits: Hits, n: int, *, approved: bool
    ) -> Iterator[View]:
        """Show hits while the model looks at the best of them, then with what it says."""
        shown = list(self._view(finding, found=found_html(hits) + looking_html(n)))
        shown[-2:] = [gr.update(visible=False), gr.update(visible=True)]
        yield tuple(shown)
        call = dict(hits.arguments) | {"verify": n}
        done = self._lookers.submit(self._find, hits.query, call, approved=approved)
        if not _awaited(finding, serial, done):
            yield _unchanged()
            return
        error = done.exception()
        if isinstance(error, ApprovalNeededError):
            finding.cost = error.cost
            yield self._view(finding)
        elif error is not None:
            yield self._view(finding, found=found_html(hits) + message_html(_said(error), kind="failed"))
        else:
            finding.hits = done.result()
            yield self._view(finding)

    def _decided(self, finding: Finding, *, agreed: bool) -> Iterator[View]:
        """Check what waits for approval, or leave it unchecked."""
        if agreed:
            yield from self._run(finding, approved=True)
            return
        finding.cost = None
        finding.more = _unverified(finding.more)
        yield self._view(finding)

    def _look(self, finding: Finding) -> Hits | None:
        """Read what is looked for and find it, unchecked; ``None`` when nothing is asked for."""
        text = finding.text
        finding.read = text, read_text(text, self.context)
        call = finding.call()
        if not _unverified(call):
            return None
        check_asked(call)
        pages = -(-call.get("verify", 1) // PAGE_SIZE)  # as many as hold all that are checked
        return self._find(text, _unverified(call) | {"limit": pages * PAGE_SIZE})

    def _find(self, text: str, call: Call, *, approved: bool = False) -> Hits:
        context = dataclasses.replace(self.context, approved=True) if approved else self.context
        return hits_of(context, text, call, run_search(context, call))

    def _parts(self, finding: Finding) -> list[Any]:
        unit, speed_unit = self._units
        parts = parts_of(finding.call(), unit=unit, speed_unit=speed_unit)
        return list({part.key: part for part in parts}.values())

    # ------------------------------------------------------------------ showing
    def start_html(self) -> str:
        """What stands in place of hits before anything was looked for."""
        return examples_html(self.examples)

    def _view(self, finding: Finding, *, found: str | None = None, cards: str | None = None) -> View:
        hits = finding.hits
        parts = self._parts(finding)
        empty = hits is None and found is None
        if cards is None:
            cards = cards_html(hits, self.media.address_of) if hits is not None else self.start_html()
            cards = cards if finding.cost is None else approval_html(finding.cost) + cards
        if found is None:
            found = found_html(hits) if hits is not None else ""
        return (
            gr.update(
                choices=[(part.label, part.key) for part in parts],
                value=[part.key for part in parts],
                visible=bool(parts) and not empty,
            ),
            gr.update(value=found, visible=bool(found)),
            cards,
            gr.update(visible=hits is not None and _goes_on(hits)),
            gr.update(visible=hits is not None and bool(hits.clips)),
            gr.update(visible=bool(finding.call().get("like")), value=finding.other_sessions),
            gr.update(visible=True),
            gr.update(visible=False),
        )


def _awaited(finding: Finding, serial: int, done: Future[Any]) -> bool:
    """Wait for work to end; false when another search began meanwhile."""
    while serial == finding.serial and not wait([done], _PATIENCE_S).done:
        pass
    return serial == finding.serial


def _unverified(call: Mapping[str, Any]) -> Call:
    return {name: value for name, value in call.items() if name not in ("verify", "verify_s")}


def _waiting() -> View:
    """While a search runs: what is shown stays, and the search can be stopped."""
    skipped: Collection[Any] = [gr.skip() for _ in range(N_OUTPUTS - 2)]
    return (*skipped, gr.update(visible=False), gr.update(visible=True))


def _unchanged() -> View:
    return tuple(gr.skip() for _ in range(N_OUTPUTS))


def _goes_on(hits: Hits) -> bool:
    return bool(hits.clips) and hits.n_listed > hits.last_rank


def _moment_of(clip: ClipRef) -> Call:
    """The middle of a hit stands for it."""
    return {
        "session_id": clip.session_id,
        "time": round((clip.start_time + clip.stop_time) / 2, 3),
        "individual": clip.individual,
    }


def _said(error: BaseException) -> str:
    """What a visitor reads of an error; a bug is for the log."""
    if isinstance(error, EthochatError):
        logger.warning("search failed: %s", error)
        return str(error)
    logger.error("a bug ended a search", exc_info=error)
    return "This search ran into a bug in ethochat. The log of the server says more."
