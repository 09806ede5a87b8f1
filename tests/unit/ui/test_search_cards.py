from __future__ import annotations

from html.parser import HTMLParser

import pytest

from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import ClipRef, Evidence, Value
from ethochat.ui.hits import Hits, hits_of
from ethochat.ui.search_cards import cards_html, examples_html, found_html, message_html

HOSTILE = "\"'><img src=x onerror=window.hacked=1><script>alert(1)</script>"


def hits_with(context: ToolContext, *clips: ClipRef, **more: object) -> Hits:
    found = Evidence.model_validate({"evidence_id": "", "tool": "search_segments", "clips": clips} | more)
    return hits_of(context, "rearing", {"query": "rearing"}, found)


def clip(session_id: str, start: float = 3.0, stop: float = 5.0, **more: object) -> ClipRef:
    return ClipRef.model_validate({"session_id": session_id, "start_time": start, "stop_time": stop} | more)


class Tags(HTMLParser):
    """Collects tags with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.found if name == tag]


def address_of(item: ClipRef) -> str:
    return f"moments/{item.session_id}-{item.start_time:g}"


def test_card_says_who_when_why_and_plays(context: ToolContext) -> None:
    hits = hits_with(
        context,
        clip(
            "oft_1",
            score=0.876,
            description="Rearing up",
            why="Rearing by anna",
            source="anna",
            individual="red",
        ),
    )
    tags = Tags(cards_html(hits, address_of))
    (video,) = tags.all("video")
    assert (video["src"], video["preload"]) == ("moments/oft_1-3.mp4", "none")
    assert [(item["src"], item["loading"]) for item in tags.all("img")] == [("moments/oft_1-3.jpg", "lazy")]
    for said in (
        "oft_1",
        "red · m1",
        "hit 3.00–5.00 s",
        "by anna",
        "Rearing by anna",
        "Rearing up",
        "0.88",
        "drug",
    ):
        assert said in tags.text
    assert [(item["data-act"], item["data-rank"]) for item in tags.all("button")] == [
        ("like", "1"),
        ("unlike", "1"),
    ]


def test_bar_shows_where_in_its_session_a_hit_lies(context: ToolContext) -> None:
    html = cards_html(hits_with(context, clip("oft_1"), clip("ri_1", 20, 45)), address_of)
    assert "left:30.00%;width:20.00%" in html
    assert "left:20.00%;width:25.00%" in html


def test_frames_are_frames_and_long_sessions_have_minutes(context: ToolContext) -> None:
    text = Tags(
        cards_html(hits_with(context, clip("ri_1", 20, 45), clip("oft_1", 754.3, 756)), address_of)
    ).text
    assert "hit frames 20–45" in text
    assert "(12:34)" in text


def test_session_without_video_has_an_empty_view_and_no_player(context: ToolContext) -> None:
    tags = Tags(cards_html(hits_with(context, clip("oft_2")), address_of))
    assert tags.all("video") == []
    assert "only its times are known" in tags.text


def test_everything_out_of_the_data_is_text(context: ToolContext) -> None:
    hits = hits_with(
        context,
        clip(
            "oft_3",
            description=HOSTILE,
            why=HOSTILE,
            source=HOSTILE,
            individual=HOSTILE,
            subject_id=HOSTILE,
            score=0.5,
        ),
        clip(HOSTILE, description=HOSTILE),
        flags=[HOSTILE],
        values=[Value(name="event_count", value=1.0, session_id=HOSTILE)],
    )
    object.__setattr__(hits, "read_as", HOSTILE)
    html = (
        cards_html(hits, lambda item: HOSTILE)
        + found_html(hits)
        + examples_html([HOSTILE])
        + message_html(HOSTILE)
    )
    tags = Tags(html)
    assert tags.all("script") == []
    assert [item["src"] for item in tags.all("img")] == [
        f"{HOSTILE}.jpg"
    ]  # the still of oft_3, at the address it was given
    assert not any(name.startswith("on") for _, attrs in tags.found for name in attrs)
    assert HOSTILE in tags.text


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((None, None), "1.333"),
        ((480, 480), "1.000"),
        ((640, 480), "1.333"),
        ((4000, 100), "1.778"),
        ((100, 900), "1.000"),
    ],
)
def test_views_have_the_shape_of_the_videos_within_reason(
    context: ToolContext, size: tuple[int | None, int | None], shape: str
) -> None:
    hits = hits_with(context, clip("oft_1"), clip("oft_1"), clip("oft_2"))
    hits.sessions["oft_1"].update(width_px=size[0], height_px=size[1])  # type: ignore[attr-defined]
    assert f"--shape:{shape}" in cards_html(hits, address_of)


def test_no_hits_are_no_cards_but_are_said_with_what_comes_near(context: ToolContext) -> None:
    hits = hits_with(context, flags=["Nothing meets all conditions.", "Nearest miss: one of 2 s."])
    assert cards_html(hits, address_of) == ""
    text = Tags(found_html(hits)).text
    assert "Nothing found" in text
    assert "Nearest miss: one of 2 s." in text


@pytest.mark.parametrize(
    ("n", "total", "said"),
    [
        (1, 1, "1 moment "),
        (2, 2, "2 moments"),
        (2, 56, "56 moments  2 shown, the best first"),
        (2, None, "The 2 most alike"),
        (1, None, "The most alike"),
    ],
)
def test_hits_are_counted(context: ToolContext, n: int, total: int | None, said: str) -> None:
    values = [] if total is None else [Value(name="event_count", value=float(total))]
    text = Tags(found_html(hits_with(context, *[clip("oft_1")] * n, values=values))).text
    assert said in f"{text} "


def test_counts_of_animals_are_listed(context: ToolContext) -> None:
    values = [
        Value(name="event_count", value=3.0),
        Value(name="event_count", value=2.0, session_id="oft_1", subject_id="m1"),
        Value(name="event_count", value=1.0, session_id="oft_2", subject_id="m2"),
    ]
    tags = Tags(found_html(hits_with(context, clip("oft_1"), values=values)))
    assert len(tags.all("details")) == 1
    assert "m2" in tags.text
