"""Hits as the page shows them: HTML in which every name and number out of the data is text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Final

from ethochat.tools.evidence import ClipRef
from ethochat.tools.selection import show
from ethochat.ui.clips import span_words
from ethochat.ui.hits import Hits
from ethochat.ui.results import table_html, table_of_values
from ethochat.ui.seen import badge_html, verdict_of

Address = Callable[[ClipRef], str]
"""Where a browser finds a moment, without the ending of the file."""

_MOST_TAGS: Final = 6


def cards_html(hits: Hits, address_of: Address) -> str:
    """Show hits as cards: the clip, who and when, why, and buttons for more and less of its kind."""
    if not hits.clips:
        return ""
    cards = "".join(_card(hits, rank, clip, address_of) for rank, clip in hits.ranked())
    return f"<div class='hits' style='--shape:{_shape(hits)}'>{cards}</div>"


def _shape(hits: Hits) -> str:
    """Width to height of the videos that most hits come from, no taller than a square and no wider than a screen."""
    sizes = Counter(
        (row["width_px"], row["height_px"])
        for clip in hits.clips
        if (row := hits.sessions.get(clip.session_id, {})).get("width_px") and row.get("height_px")
    )
    width, height = sizes.most_common(1)[0][0] if sizes else (4, 3)
    return f"{min(max(width / height, 1.0), 16 / 9):.3f}"


def _card(hits: Hits, rank: int, clip: ClipRef, address_of: Address) -> str:
    subject = hits.subject_of(clip)
    who = " · ".join(escape(part) for part in (clip.individual, subject) if part and part != clip.session_id)
    when = span_words(clip, hits.unit_of(clip))
    why = f"<p class='why'>{escape(clip.why)}</p>" if clip.why else ""
    about = escape(clip.description)
    described = f"<p class='about' title=\"{about}\">{about}</p>" if about else ""
    source = f" <span class='source'>by {escape(clip.source)}</span>" if clip.source else ""
    verdict = verdict_of(clip, asked=hits.checked)
    badge = f"<div class='verdict'>{badge_html(verdict)}</div>" if verdict is not None else ""
    kind = f"hit {verdict.kind}" if verdict is not None else "hit"
    return (
        f"<article class='{kind}' data-rank='{rank}'>{_view(hits, rank, clip, address_of)}{_line(hits, clip)}"
        f"<div class='said'><div class='head'><span class='rank'>{rank}</span><b>{escape(clip.session_id)}</b>"
        f"<span class='who'>{who}</span>{_score(clip)}</div>"
        f"<div class='when'>hit {escape(when)}{_clock(hits, clip)}{source}</div>{badge}{why}{described}{_tags(hits, clip)}</div>"
        f"<div class='acts'><button type='button' data-act='like' data-rank='{rank}'>More like this</button>"
        f"<button type='button' data-act='unlike' data-rank='{rank}'>Less like this</button></div></article>"
    )


def _view(hits: Hits, rank: int, clip: ClipRef, address_of: Address) -> str:
    if hits.video_of(clip.session_id) is None:
        return (
            "<div class='view empty'><span>No video of this session: only its times are known.</span></div>"
        )
    address = escape(address_of(clip))
    label = escape(f"Clip of hit {rank}: {clip.session_id}, {span_words(clip, hits.unit_of(clip))}")
    return (
        f"<div class='view'><img loading='lazy' alt='' src='{address}.jpg'>"
        f"<video controls loop playsinline preload='none' src='{address}.mp4' "
        f'aria-label="{label}"></video></div>'
    )


def _line(hits: Hits, clip: ClipRef) -> str:
    """Show where in its session a hit lies."""
    duration = hits.sessions.get(clip.session_id, {}).get("duration")
    if not isinstance(duration, int | float) or duration <= 0:
        return ""
    start = min(max(100 * clip.start_time / duration, 0.0), 100.0)
    length = min(max(100 * (clip.stop_time - clip.start_time) / duration, 0.0), 100 - start)
    unit = hits.unit_of(clip)
    return (
        f"<div class='line' title='Where in the session of {duration:g} {escape(unit)}'>"
        f"<i style='left:{start:.2f}%;width:{length:.2f}%'></i></div>"
    )


def _score(clip: ClipRef) -> str:
    if clip.score is None:
        return ""
    share = min(max(clip.score, 0.0), 1.0)
    return f"<span class='score' title='Score, 0 to 1'><i style='width:{100 * share:.0f}%'></i>{clip.score:.2f}</span>"


def _clock(hits: Hits, clip: ClipRef) -> str:
    """Minutes and seconds, where a session is so long that people read those."""
    if hits.unit_of(clip) != "s" or clip.stop_time < 60:
        return ""
    minutes, seconds = divmod(int(clip.start_time), 60)
    return f" <i>({minutes}:{seconds:02d})</i>"


def _tags(hits: Hits, clip: ClipRef) -> str:
    metadata = list(hits.metadata_of(clip).items())
    shown = "".join(
        f'<span title="{escape(name)}">{escape(_tag(name, value))}</span>'
        for name, value in metadata[:_MOST_TAGS]
    )
    return f"<div class='tags'>{shown}</div>" if shown else ""


def _tag(name: str, value: Any) -> str:  # noqa: ANN401 - a cell of sessions.csv
    return value if isinstance(value, str) else f"{name} {show(value)}"


# ----------------------------------------------------------------- around the cards
def found_html(hits: Hits) -> str:
    """Say how many there are, what must be known about them, and how many each animal has."""
    read = f"<p class='read'>Read as: {escape(hits.read_as)}</p>" if hits.read_as else ""
    told = "".join(f"<li>{escape(flag)}</li>" for flag in hits.told)
    notes = f"<ul>{told}</ul>" if told else ""
    if not hits.clips:
        return f"<div class='found none'><h3>Nothing found</h3>{read}{notes}</div>"
    return f"<div class='found'><h3>{_count(hits)}</h3>{read}{notes}{_per_animal(hits)}</div>"


def _count(hits: Hits) -> str:
    shown = len(hits.clips)
    if hits.n_total is None:
        return f"The {shown} most alike" if shown > 1 else "The most alike"
    if hits.n_total <= shown:
        return f"{shown} moment{'' if shown == 1 else 's'}"
    return f"{hits.n_total} moments <span>{shown} shown, the best first</span>"


def _per_animal(hits: Hits) -> str:
    own = [value for value in hits.values if value.session_id is not None]
    if not own:
        return ""
    return f"<details><summary>How many each animal has</summary>{table_html(table_of_values(own))}</details>"


def message_html(text: str, *, kind: str = "none") -> str:
    """Show a sentence in place of hits."""
    return f"<div class='found {kind}'><p>{escape(text)}</p></div>"


def looking_html(n: int) -> str:
    """Say that the model is at work on what is shown."""
    return message_html(f"The model is looking at the best {n} …", kind="looking")


def approval_html(cost: str) -> str:
    """Ask whether the model shall be shown more clips than it may be unasked."""
    return (
        f"<div class='approval'><p><b>This needs your approval.</b> {escape(cost)}.</p><div>"
        "<button type='button' data-act='approve'>Look at them</button>"
        "<button type='button' data-act='unchecked'>Search without checking</button></div></div>"
    )


def hint_html(how_to: str) -> str:
    """Say in one line how clips could be looked at, where no model is configured."""
    return f"<p>Nobody looks at the clips of hits. To let a vision-language model check them, {escape(how_to)}.</p>"


def examples_html(examples: Sequence[str]) -> str:
    """Offer searches to begin with."""
    buttons = "".join(
        f"<button type='button' data-act='try' data-text=\"{escape(text)}\">{escape(text)}</button>"
        for text in examples
    )
    return (
        "<div class='begin'><p>Describe what the animal does. Where, how fast, how long, who and when may stand in it; "
        f"what was understood is shown, and can be taken back.</p><div class='examples'>{buttons}</div></div>"
    )


CARDS_JS: Final = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-act]');
  if (button) trigger('select', {index: 0, value: {act: button.dataset.act, rank: Number(button.dataset.rank || 0), text: button.dataset.text || ''}});
});
element.addEventListener('play', (event) => {
  for (const other of element.querySelectorAll('video')) if (other !== event.target) other.pause();
}, true);
for (const kind of ['play', 'timeupdate', 'pause', 'emptied']) element.addEventListener(kind, (event) => {
  event.target.closest('.view')?.classList.toggle('playing', !event.target.paused);
}, true);
element.addEventListener('error', async (event) => {
  const video = event.target;
  if (video.tagName !== 'VIDEO') return;
  const view = video.closest('.view');
  let said = 'This clip cannot be shown.';
  try {
    const reply = await fetch(video.src);
    if (!reply.ok) said = await reply.text();
  } catch (unreachable) { said = 'The server does not answer.'; }
  view.dataset.said = said;
}, true);
element.addEventListener('loadstart', (event) => { delete event.target.closest('.view')?.dataset.said; }, true);
"""
"""Passes clicks on to the server, lets one clip play at a time, and says why one cannot be shown. What the server sends is put into an
attribute, never into HTML."""
