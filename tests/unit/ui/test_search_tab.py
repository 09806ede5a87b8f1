"""The handlers of the page's search, with a search of its own behind them that can be held."""

from __future__ import annotations

import dataclasses
import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from ethochat.index.errors import InputError
from ethochat.index.vlm.access import VlmAccess
from ethochat.index.vlm.scripted import ScriptedVlm
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ApprovalNeededError, ToolFailedError
from ethochat.tools.evidence import ClipRef, Evidence, Value
from ethochat.ui.clips import Clips
from ethochat.ui.media import Media
from ethochat.ui.search_saving import Saving, kinds
from ethochat.ui.search_tab import N_OUTPUTS, PAGE_SIZE, Finding, SearchTab

UNDERSTOOD, FOUND, CARDS, MORE, BAR, ELSEWHERE, GO, STOP = range(N_OUTPUTS)


class Search:
    """Stands for the tool: hits [0, 1), [1, 2) … of ``oft_1``, as many as it is told; remembers its calls, and can be held."""

    def __init__(self) -> None:
        self.n = 30
        self.counts = True
        self.calls: list[dict[str, Any]] = []
        self.error: Exception | None = None
        self.gates: list[threading.Event] = []
        self.entered = threading.Event()

    def __call__(self, context: ToolContext, call: dict[str, Any]) -> Evidence:
        self.calls.append(dict(call))
        gate = self.gates.pop(0) if self.gates else None
        self.entered.set()
        if gate is not None:
            assert gate.wait(20)
        if self.error is not None:
            raise self.error
        first = call.get("offset", 0)
        clips = [
            ClipRef(
                session_id="oft_1",
                start_time=float(k % 9),
                stop_time=k % 9 + 1.0,
                description=f"{call.get('query')} {k}",
            )
            for k in range(first, min(self.n, first + call["limit"]))
        ]
        values = [Value(name="event_count", value=float(self.n))] if self.counts else []
        return Evidence(
            evidence_id="", tool="search_segments", clips=clips, values=values, n_rows=self.n, flags=["Said."]
        )


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Search:
    double = Search()
    monkeypatch.setattr("ethochat.ui.search_tab.run_search", double)

    def read(text: str, context: ToolContext) -> dict[str, Any]:
        if text == "nonsense":
            raise InputError("Nobody knows <b>nonsense</b>.")
        return {"query": text, "zones": ["center"], "stop_s": 180.0} if text else {}

    monkeypatch.setattr("ethochat.ui.search_tab.read_text", read)
    return double


@pytest.fixture
def tab(context: ToolContext) -> Iterator[SearchTab]:
    media = Media(Clips(context))
    tab = SearchTab(context, media)
    yield tab
    tab.close()
    media.close()


def typed(tab: SearchTab, finding: Finding, text: str, **values: Any) -> list[Any]:
    """Search for a text with some widgets set; return what was shown last."""
    given = [values.get(item.name) for item in tab.filters]
    return list(list(tab.search(finding, text, *given))[-1])


def clicked(tab: SearchTab, finding: Finding, act: str, rank: int = 0, text: str = "") -> list[Any]:
    event = gr.SelectData(None, {"index": 0, "value": {"act": act, "rank": rank, "text": text}})
    return list(list(tab.act(finding, event))[-1])


def taken_back(tab: SearchTab, finding: Finding, kept: list[str]) -> list[Any]:
    """What is shown in the end when only these parts are kept."""
    tab.take_back(finding, kept)
    return list(list(tab.again(finding))[-1])


def keys(view: list[Any]) -> list[str]:
    return [key for _, key in view[UNDERSTOOD]["choices"]]


def skipped(update: Any) -> bool:
    return update == gr.skip()


# ----------------------------------------------------------------- searching
def test_hits_are_shown_with_what_was_understood(tab: SearchTab, search: Search) -> None:
    view = typed(tab, Finding(), "rearing")
    assert view[CARDS].count("<article") == PAGE_SIZE
    assert "30 moments" in view[FOUND]["value"]
    assert view[UNDERSTOOD]["choices"] == [
        ("first 3 min", "window"),
        ("“rearing”", "query"),
        ("in center", "zones:center"),
    ]
    assert view[UNDERSTOOD]["value"] == ["window", "query", "zones:center"]
    assert (view[MORE]["visible"], view[BAR]["visible"], view[ELSEWHERE]["visible"]) == (True, True, False)
    assert (view[GO]["visible"], view[STOP]["visible"]) == (True, False)


def test_search_can_be_stopped_while_it_runs_and_what_was_shown_stays(tab: SearchTab, search: Search) -> None:
    views = tab.search(Finding(), "rearing", *[None for _ in tab.filters])
    waiting = list(next(views))
    assert all(skipped(item) for item in waiting[:GO])
    assert (waiting[GO]["visible"], waiting[STOP]["visible"]) == (False, True)
    list(views)


def test_widgets_narrow_the_text(tab: SearchTab, search: Search) -> None:
    typed(tab, Finding(), "rearing", group=["drug"], sessions=["oft_1"], stop_s="60")
    assert search.calls == [
        {
            "query": "rearing",
            "zones": ["center"],
            "stop_s": 60.0,
            "where": [{"column": "group", "op": "in", "value": ["drug"]}],
            "sessions": ["oft_1"],
            "limit": PAGE_SIZE,
        }
    ]


def test_widgets_alone_are_a_search(tab: SearchTab, search: Search) -> None:
    view = typed(tab, Finding(), "  ", behaviors=["Rearing"])
    assert search.calls == [{"behaviors": ["Rearing"], "limit": PAGE_SIZE}]
    assert view[CARDS].count("<article") == PAGE_SIZE


def test_nothing_asked_offers_examples(tab: SearchTab, search: Search) -> None:
    view = typed(tab, Finding(), "")
    assert search.calls == []
    assert "data-act='try'" in view[CARDS]
    assert view[FOUND]["visible"] is False


def test_narrowing_alone_is_no_search_and_is_said(tab: SearchTab, search: Search) -> None:
    view = typed(tab, Finding(), "", group=["drug"], stop_s="60")
    assert search.calls == []
    assert "Say what to look for" in view[FOUND]["value"]


def test_number_that_is_none_is_said_and_nothing_is_searched(tab: SearchTab, search: Search) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    view = typed(tab, finding, "rearing", stop_s="soon")
    assert "Expected a number in “To (s)”, got &#x27;soon&#x27;." in view[FOUND]["value"]
    assert view[CARDS].count("<article") == PAGE_SIZE
    assert len(search.calls) == 1


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("nonsense", None, "Nobody knows &lt;b&gt;nonsense&lt;/b&gt;."),
        ("rearing", ToolFailedError("The index is <b>stale</b>."), "The index is &lt;b&gt;stale&lt;/b&gt;."),
        ("rearing", ZeroDivisionError(), "ran into a bug"),
    ],
)
def test_error_is_said_and_the_page_stays_ready(
    tab: SearchTab, search: Search, text: str, error: Exception | None, said: str
) -> None:
    search.error = error
    finding = Finding()
    view = typed(tab, finding, text)
    assert said in view[FOUND]["value"]
    assert view[CARDS] == ""
    assert (view[BAR]["visible"], view[GO]["visible"], view[STOP]["visible"]) == (False, True, False)
    search.error = None
    assert typed(tab, finding, "walking")[CARDS].count("<article") == PAGE_SIZE


def test_zero_hits_are_said_plainly(tab: SearchTab, search: Search) -> None:
    search.n = 0
    view = typed(tab, Finding(), "flying")
    assert "Nothing found" in view[FOUND]["value"]
    assert "Said." in view[FOUND]["value"]
    assert (view[CARDS], view[MORE]["visible"], view[BAR]["visible"]) == ("", False, False)


# ----------------------------------------------------------------- several at once
def test_older_search_that_ends_later_shows_nothing(tab: SearchTab, search: Search) -> None:
    gate = threading.Event()
    search.gates = [gate]
    finding = Finding()
    older = tab.search(finding, "old", *[None for _ in tab.filters])
    next(older)
    shown: list[Any] = []
    ending = threading.Thread(target=lambda: shown.extend(older))
    ending.start()
    assert search.entered.wait(20)
    newer = typed(tab, finding, "new")
    gate.set()
    ending.join(20)
    assert "new 0" in newer[CARDS]
    assert all(skipped(item) for item in shown[-1])
    assert finding.hits is not None
    assert finding.hits.query == "new"


def test_stopped_search_shows_nothing_of_what_it_finds(tab: SearchTab, search: Search) -> None:
    gate = threading.Event()
    search.gates = [gate]
    finding = Finding()
    running = tab.search(finding, "rearing", *[None for _ in tab.filters])
    next(running)
    shown: list[Any] = []
    ending = threading.Thread(target=lambda: shown.extend(running))
    ending.start()
    assert search.entered.wait(20)
    stopped = list(tab.stop(finding))
    gate.set()
    ending.join(20)
    assert "Stopped." in stopped[FOUND]["value"]
    assert (stopped[GO]["visible"], stopped[STOP]["visible"]) == (True, False)
    assert all(skipped(item) for item in shown[-1])
    assert finding.hits is None


def test_stop_keeps_the_hits_of_the_search_before(tab: SearchTab, search: Search) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    assert list(tab.stop(finding))[CARDS].count("<article") == PAGE_SIZE


def test_two_visitors_have_searches_of_their_own(tab: SearchTab, search: Search) -> None:
    one, two = Finding(), Finding()
    typed(tab, one, "rearing")
    typed(tab, two, "walking")
    clicked(tab, one, "like", 1)
    assert (one.text, len(one.like), two.text, two.like) == ("rearing", 1, "walking", [])


# ----------------------------------------------------------------- going on
def test_more_are_shown_behind_the_first_until_the_end(tab: SearchTab, search: Search) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    second, third = list(tab.more(finding)), list(tab.more(finding))
    assert (second[CARDS].count("<article"), third[CARDS].count("<article")) == (24, 30)
    assert (second[MORE]["visible"], third[MORE]["visible"]) == (True, False)
    assert search.calls[1]["offset"] == 12
    assert "data-rank='30'" in third[CARDS]
    assert all(skipped(item) for item in tab.more(finding))


def test_thousand_hits_are_paged(tab: SearchTab, search: Search) -> None:
    search.n = 1000
    finding = Finding()
    view = typed(tab, finding, "rearing")
    while view[MORE]["visible"]:
        view = list(tab.more(finding))
    assert view[CARDS].count("<article") == 1000
    assert [rank for rank, _ in finding.hits.ranked()][-1] == 1000  # type: ignore[union-attr]


def test_list_by_likeness_ends_where_no_further_hits_come(tab: SearchTab, search: Search) -> None:
    search.counts = False
    finding = Finding()
    typed(tab, finding, "rearing")
    search.n = 12  # fewer than it said before
    view = list(tab.more(finding))
    assert (view[CARDS].count("<article"), view[MORE]["visible"]) == (12, False)


def test_error_on_the_way_to_more_keeps_what_is_shown(tab: SearchTab, search: Search) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    search.error = ToolFailedError("An ingest is running.")
    view = list(tab.more(finding))
    assert view[CARDS].count("<article") == PAGE_SIZE
    assert "An ingest is running." in view[FOUND]["value"]


# ----------------------------------------------------------------- more and less like this
def test_more_like_this_searches_again_by_the_middle_of_the_hit(tab: SearchTab, search: Search) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    view = clicked(tab, finding, "like", 3)
    assert search.calls[-1]["like"] == [{"session_id": "oft_1", "time": 2.5, "individual": None}]
    assert search.calls[-1]["query"] == "rearing"
    assert keys(view)[-1] == "like:oft_1@2.5@"
    assert (view[ELSEWHERE]["visible"], view[ELSEWHERE]["value"]) == (True, False)


def test_several_moments_gather_and_less_takes_the_place_of_more(tab: SearchTab, search: Search) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    for act, rank in (("like", 1), ("like", 2), ("like", 2), ("unlike", 2), ("unlike", 4)):
        clicked(tab, finding, act, rank)
    assert [item["time"] for item in search.calls[-1]["like"]] == [0.5]
    assert [item["time"] for item in search.calls[-1]["unlike"]] == [1.5, 3.5]


def test_sessions_of_the_examples_can_be_left_out(tab: SearchTab, search: Search) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    clicked(tab, finding, "like", 1)
    view = list(list(tab.elsewhere(finding, True))[-1])
    assert search.calls[-1]["other_sessions"] is True
    assert view[ELSEWHERE]["value"] is True
    list(tab.elsewhere(finding, False))
    assert "other_sessions" not in search.calls[-1]


def test_another_text_forgets_the_examples_and_the_same_text_keeps_them(
    tab: SearchTab, search: Search
) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    clicked(tab, finding, "like", 1)
    typed(tab, finding, "rearing", group=["drug"])
    assert len(search.calls[-1]["like"]) == 1
    typed(tab, finding, "walking")
    assert "like" not in search.calls[-1]


@pytest.mark.parametrize(
    ("act", "rank", "text"), [("like", 99, ""), ("like", -1, ""), ("eval", 1, ""), ("try", 0, "<script>")]
)
def test_click_on_nothing_known_changes_nothing(
    tab: SearchTab, search: Search, act: str, rank: int, text: str
) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    assert all(skipped(item) for item in clicked(tab, finding, act, rank, text))
    assert len(search.calls) == 1


def test_click_before_any_search_changes_nothing(tab: SearchTab, search: Search) -> None:
    assert all(skipped(item) for item in clicked(tab, Finding(), "like", 1))


def test_example_is_searched_for_and_put_into_the_box(tab: SearchTab, search: Search) -> None:
    finding = Finding()
    view = clicked(tab, finding, "try", text=tab.examples[0])
    assert view[CARDS].count("<article") == PAGE_SIZE
    tried = gr.SelectData(None, {"index": 0, "value": {"act": "try", "text": tab.examples[0]}})
    assert tab.tried(tried)["value"] == tab.examples[0]


@pytest.mark.parametrize("value", [{"act": "like", "rank": 1}, {"act": "try", "text": "<script>"}, "x"])
def test_other_buttons_leave_the_box_alone(tab: SearchTab, value: Any) -> None:
    assert skipped(tab.tried(gr.SelectData(None, {"index": 0, "value": value})))


# ----------------------------------------------------------------- taking back
def test_part_of_the_text_can_be_taken_back(tab: SearchTab, search: Search) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    view = taken_back(tab, finding, ["window", "query"])
    assert search.calls[-1] == {"query": "rearing", "stop_s": 180.0, "limit": PAGE_SIZE}
    assert keys(view) == ["window", "query"]
    typed(tab, finding, "rearing", group=["drug"])
    assert "zones" not in search.calls[-1]  # it stays taken back while the text stays
    typed(tab, finding, "walking")
    assert search.calls[-1]["zones"] == ["center"]


def test_part_of_a_widget_is_taken_back_from_the_widget_and_can_be_set_again(
    tab: SearchTab, search: Search
) -> None:
    finding = Finding()
    view = typed(tab, finding, "rearing", zones=None, sources=["anna"], group=["drug"])
    taken_back(tab, finding, [key for key in keys(view) if not key.startswith(("sources", "where"))])
    assert {"sources", "where"}.isdisjoint(search.calls[-1])
    values = dict(zip([item.name for item in tab.filters], tab.widgets(finding), strict=True))
    assert (values["sources"]["value"], values["group"]["value"], values["stop_s"]["value"]) == ([], [], "")
    typed(tab, finding, "rearing", sources=["anna"])
    assert search.calls[-1]["sources"] == ["anna"]


def test_example_can_be_taken_back(tab: SearchTab, search: Search) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    view = clicked(tab, finding, "like", 1)
    taken_back(tab, finding, [key for key in keys(view) if not key.startswith("like")])
    assert "like" not in search.calls[-1]
    assert finding.like == []


def test_all_taken_back_offers_examples(tab: SearchTab, search: Search) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    view = taken_back(tab, finding, [])
    assert keys(view) == []
    assert "data-act='try'" in view[CARDS]
    assert len(search.calls) == 1


def test_widgets_can_be_emptied(tab: SearchTab, search: Search) -> None:
    finding = Finding()
    typed(tab, finding, "rearing", group=["drug"])
    assert all(not update["value"] for update in tab.clear(finding))
    assert finding.more == {}


# ----------------------------------------------------------------- saving
@pytest.fixture
def saving(tab: SearchTab) -> Iterator[Saving]:
    saving = Saving(tab)
    yield saving
    saving.close()


def saved(saving: Saving, kind: str, finding: Finding, scope: str = "shown") -> tuple[dict[str, str], str]:
    file, said = list(saving.save(kind, finding, scope))[-1]
    return json.loads(file or "{}"), said


def file_of(tab: SearchTab, file: dict[str, str]) -> Path:
    return tab.media._files[file["address"].removeprefix("saved/")][0]


def test_every_kind_is_saved_under_its_name(tab: SearchTab, search: Search, saving: Saving) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    names = {}
    for kind, _, _ in kinds():
        file, said = saved(saving, kind, finding)
        names[kind] = file["name"]
        assert file_of(tab, file).stat().st_size > 0
        assert f"Saved 12 hits as {file['name']}." in said
    assert names == {
        "csv": "hits.csv", "boris": "hits.boris", "srt": "hits.srt", "sheet": "contact-sheet.png", "clips": "clips.zip",
        "json": "hits.provenance.json",
    }  # fmt: skip


def test_all_hits_can_be_saved_not_only_those_shown(tab: SearchTab, search: Search, saving: Saving) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    shown, _ = saved(saving, "csv", finding)
    every, said = saved(saving, "csv", finding, "all")
    assert file_of(tab, shown).read_text().count("\n") == 13
    assert file_of(tab, every).read_text().count("\n") == 31
    assert "Saved 30 hits" in said


def test_subtitles_of_several_sessions_are_a_zip(tab: SearchTab, search: Search, saving: Saving) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    assert finding.hits is not None
    finding.hits.clips[1].session_id = "oft_2"
    file, _ = saved(saving, "srt", finding)
    with zipfile.ZipFile(file_of(tab, file)) as archive:
        assert archive.namelist() == ["oft_1.srt", "oft_2.srt", "hits.provenance.json"]
    assert file["name"] == "subtitles.zip"


def test_frames_are_said_and_refused_where_nothing_gives_seconds(
    tab: SearchTab, search: Search, saving: Saving
) -> None:
    finding = Finding()
    typed(tab, finding, "rearing")
    assert finding.hits is not None
    for clip in finding.hits.clips:
        clip.session_id = "ri_1"
    assert "turned into seconds at the frame rate of the video" in saved(saving, "boris", finding)[1]
    finding.hits.sessions["ri_1"]["video"] = None  # type: ignore[index]
    file, said = saved(saving, "boris", finding)
    assert file == {}
    assert "the frame rate of ri_1 is not documented" in said


def test_too_many_clips_are_refused_with_the_way_to_get_them(
    tab: SearchTab, search: Search, saving: Saving
) -> None:
    search.n = 101
    finding = Finding()
    typed(tab, finding, "rearing")
    file, said = saved(saving, "clips", finding, "all")
    assert file == {}
    assert "Expected at most 100 clips at once, got 101" in said


def test_nothing_found_is_nothing_to_save(search: Search, saving: Saving) -> None:
    assert saved(saving, "csv", Finding()) == (
        {},
        "<div class='found none'><p>There is nothing to save yet.</p></div>",
    )


def test_work_in_progress_is_shown(
    tab: SearchTab, search: Search, saving: Saving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ethochat.ui.search_saving._PATIENCE_S", 0.001)
    finding = Finding()
    typed(tab, finding, "rearing")
    said = [said for _, said in saving.save("sheet", finding, "shown")]
    assert any("Working" in text for text in said[:-1])
    assert "Saved 12 hits" in said[-1]


# ----------------------------------------------------------------- a model that looks
class Checked(Search):
    """Stands for the tool where a model looks: odd hits are verified, even ones rejected; more than five need approval."""

    def __call__(self, context: ToolContext, call: dict[str, Any]) -> Evidence:
        found = super().__call__(context, call)
        for place, clip in enumerate(found.clips, start=call.get("offset", 0)):
            clip.start_time, clip.stop_time = float(place), place + 1.0
        n = call.get("verify", 0)
        if n > 5 and not context.approved:
            raise ApprovalNeededError("<b>m</b> would be shown 10 clips", n_clips=10)
        if n:
            for place, clip in enumerate(found.clips):
                clip.verified = None if place >= n else place % 2 == 0
                clip.probability = None if place >= n else 0.75
                clip.seen = "not checked: only the best hits were" if place >= n else "verified or rejected"
            found.flags.append(f"m looked at {n} hits.")
        return found


@pytest.fixture
def looking(context: ToolContext, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SearchTab, Checked]]:
    double = Checked()
    monkeypatch.setattr("ethochat.ui.search_tab.run_search", double)
    monkeypatch.setattr("ethochat.ui.search_tab.read_text", lambda text, _: {"query": text} if text else {})
    media = Media(Clips(context))
    tab = SearchTab(dataclasses.replace(context, vlm=VlmAccess(spec=ScriptedVlm())), media)
    yield tab, double
    tab.close()
    media.close()


def test_hits_are_shown_before_the_model_has_looked_and_then_with_what_it_says(
    looking: tuple[SearchTab, Checked],
) -> None:
    tab, search = looking
    given = [5 if item.name == "verify" else None for item in tab.filters]
    waiting, first, last = (list(view) for view in tab.search(Finding(), "rearing", *given))
    assert skipped(waiting[CARDS])
    assert (first[CARDS].count("<article"), first[CARDS].count("badge")) == (PAGE_SIZE, 0)
    assert "The model is looking at the best 5" in first[FOUND]["value"]
    assert (first[GO]["visible"], first[STOP]["visible"]) == (False, True)
    assert [last[CARDS].count(f"class='hit {kind}'") for kind in ("verified", "rejected", "unchecked")] == [
        3,
        2,
        7,
    ]
    assert "only the best hits were" in last[CARDS]
    assert "m looked at 5 hits." in last[FOUND]["value"]
    assert (last[GO]["visible"], last[STOP]["visible"]) == (True, False)
    assert keys(last) == ["query", "verify"]
    assert [call.get("verify") for call in search.calls] == [None, 5]


def test_checking_can_be_taken_back(looking: tuple[SearchTab, Checked]) -> None:
    tab, search = looking
    finding = Finding()
    typed(tab, finding, "rearing", verify=5)
    view = taken_back(tab, finding, ["query"])
    assert "badge" not in view[CARDS]
    assert "verify" not in search.calls[-1]
    assert tab.checking(finding)["value"] == 0


def test_enough_hits_are_listed_for_all_that_are_checked(looking: tuple[SearchTab, Checked]) -> None:
    tab, search = looking
    finding = Finding()
    typed(tab, finding, "rearing", verify=20)
    assert search.calls[0]["limit"] == 24


def test_many_clips_wait_for_approval_with_the_hits_below(looking: tuple[SearchTab, Checked]) -> None:
    tab, _ = looking
    finding = Finding()
    view = typed(tab, finding, "rearing", verify=10)
    assert "&lt;b&gt;m&lt;/b&gt; would be shown 10 clips" in view[CARDS]
    assert "data-act='approve'" in view[CARDS]
    assert (view[CARDS].count("<article"), view[CARDS].count("badge")) == (PAGE_SIZE, 0)
    agreed = clicked(tab, finding, "approve")
    assert agreed[CARDS].count("badge verified") == 5
    assert "data-act='approve'" not in agreed[CARDS]
    assert tab.context.approved is False  # the next one is asked about again


def test_approval_can_be_declined(looking: tuple[SearchTab, Checked]) -> None:
    tab, search = looking
    finding = Finding()
    typed(tab, finding, "rearing", verify=10)
    n_calls = len(search.calls)
    view = clicked(tab, finding, "unchecked")
    assert (view[CARDS].count("<article"), view[CARDS].count("badge")) == (PAGE_SIZE, 0)
    assert "data-act='approve'" not in view[CARDS]
    assert keys(view) == ["query"]
    assert (tab.checking(finding)["value"], len(search.calls)) == (0, n_calls)


def test_nobody_approves_what_nobody_was_asked(looking: tuple[SearchTab, Checked]) -> None:
    tab, search = looking
    finding = Finding()
    typed(tab, finding, "rearing", verify=10)
    typed(tab, finding, "walking", verify=0)
    n_calls = len(search.calls)
    assert all(skipped(item) for item in clicked(tab, finding, "approve"))
    assert len(search.calls) == n_calls


def test_number_to_check_applies_at_once_to_what_is_shown(looking: tuple[SearchTab, Checked]) -> None:
    tab, search = looking
    finding = Finding()
    assert all(skipped(item) for item in list(tab.check(finding, 5))[-1])
    assert search.calls == []
    typed(tab, finding, "rearing")
    view = list(list(tab.check(finding, 5))[-1])
    assert "badge" in view[CARDS]
    assert "badge" not in list(list(tab.check(finding, 0))[-1])[CARDS]


def test_number_to_check_is_no_search(looking: tuple[SearchTab, Checked]) -> None:
    tab, search = looking
    view = typed(tab, Finding(), "", verify=5)
    assert search.calls == []
    assert "data-act='try'" in view[CARDS]


def test_more_hits_and_all_hits_are_not_shown_to_the_model(looking: tuple[SearchTab, Checked]) -> None:
    tab, search = looking
    finding = Finding()
    typed(tab, finding, "rearing", verify=5)
    view = list(tab.more(finding))
    assert [view[CARDS].count(f"badge {kind}") for kind in ("verified", "rejected", "unchecked")] == [
        3,
        2,
        19,
    ]
    every = tab.everything(finding)
    assert every is not None
    assert [clip.verified for clip in every.clips] == [True, False, True, False, True, *[None] * 25]
    assert (len(every.clips), every.arguments["verify"]) == (30, 5)
    assert "m looked at 5 hits." in every.flags
    assert [call.get("verify") for call in search.calls] == [None, 5, None, None]


def test_check_that_fails_keeps_the_hits(
    looking: tuple[SearchTab, Checked], monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, search = looking

    def find(context: ToolContext, call: dict[str, Any]) -> Evidence:
        if call.get("verify"):
            raise ToolFailedError("The model <b>died</b>.")
        return search(context, call)

    monkeypatch.setattr("ethochat.ui.search_tab.run_search", find)
    view = typed(tab, Finding(), "rearing", verify=5)
    assert view[CARDS].count("<article") == PAGE_SIZE
    assert "The model &lt;b&gt;died&lt;/b&gt;." in view[FOUND]["value"]


def test_stop_while_the_model_looks_keeps_the_hits_unchecked(looking: tuple[SearchTab, Checked]) -> None:
    tab, search = looking
    gate, finding = threading.Event(), Finding()
    open_gate = threading.Event()
    open_gate.set()
    search.gates = [open_gate, gate]
    running = tab.search(finding, "rearing", *[5 if item.name == "verify" else None for item in tab.filters])
    next(running)
    next(running)
    stopped = list(tab.stop(finding))
    assert all(skipped(item) for item in list(running)[-1])
    gate.set()
    assert stopped[CARDS].count("<article") == PAGE_SIZE
    assert "Stopped: no hit was checked." in stopped[FOUND]["value"]


def test_saved_files_say_what_the_model_said(looking: tuple[SearchTab, Checked]) -> None:
    tab, _ = looking
    saving = Saving(tab)
    finding = Finding()
    typed(tab, finding, "rearing", verify=5)
    table, _ = saved(saving, "csv", finding)
    head, first, *_ = file_of(tab, table).read_text().splitlines()
    assert ",verified,probability,seen,video" in head
    assert ",true,0.75,verified or rejected," in first
    query, _ = saved(saving, "json", finding)
    checks = json.loads(file_of(tab, query).read_text())["checks"]
    assert [check["verified"] for check in checks[:6]] == [True, False, True, False, True, None]
    saving.close()
