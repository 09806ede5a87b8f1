"""The page's search in a browser: a text, what narrows it, cards that play, more and less like one, files."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=window.hacked=1>"


def choose(tab: Any, label: str, *values: str) -> None:
    """Open what narrows the search and choose values in one of its lists."""
    if not tab.page.locator("#narrow .filters").first.is_visible():
        tab.page.locator("#narrow button.label-wrap").click()
    field = tab.page.get_by_label(label, exact=True)
    for value in values:
        field.click()
        tab.page.get_by_role("option", name=value).click()
    tab.page.keyboard.press("Escape")


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_text_and_filter_give_cards_that_play_and_can_be_saved(tab: Any, tmp_path: Path) -> None:
    tab.to_search()
    tab.search("walking, only females")
    tab.found("moment")
    tab.understood("sex: female", "“walking”")
    females = tab.cards().count()
    choose(tab, "Sessions", "S01")
    tab.page.click("#apply")
    tab.page.locator("#understood label", has_text="S01").wait_for()
    tab.page.wait_for_selector("#go", state="visible")
    assert 0 < tab.cards().count() < females
    assert set(tab.page.locator("#hits .head b").all_inner_texts()) == {"S01"}
    card = tab.cards().first
    assert "hit " in card.inner_text()
    assert "walking" in card.locator(".why").inner_text()
    video = card.locator("video")
    assert video.evaluate("video => video.readyState") == 0  # nothing is cut before somebody plays it
    video.evaluate("video => video.play()")
    tab.page.wait_for_function("document.querySelector('#hits video').currentTime > 0.2")
    assert video.evaluate("video => video.duration") > 1
    rows = rows_of(tab.saved("#save-csv", tmp_path))
    assert len(rows) == tab.cards().count()
    assert {(row["session_id"], row["sex"]) for row in rows} == {("S01", "female")}
    about = json.loads(tab.saved("#save-json", tmp_path).read_text(encoding="utf-8"))
    assert (about["query"], about["arguments"]["sessions"]) == ("walking, only females", ["S01"])


def test_still_stands_for_a_clip_until_it_is_played(tab: Any) -> None:
    tab.to_search()
    tab.search("walking in S02")
    tab.found("moment")
    tab.page.wait_for_function("document.querySelector('#hits .view img').naturalWidth > 0")
    size = tab.cards().first.locator("img").evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert size == [480, 480]


def test_more_like_this_and_less_and_in_other_sessions(tab: Any) -> None:
    tab.to_search()
    tab.search("walking")
    tab.found("moment")
    first = tab.page.locator("#hits .head b").first.inner_text()
    tab.page.locator("#hits button[data-act=like]").first.click()
    tab.page.locator("#understood label", has_text=f"like {first} at").wait_for()
    tab.page.wait_for_selector("#go", state="visible")
    tab.page.locator("#understood label", has_text="“walking”").click()
    tab.found("most alike")
    tab.page.locator("#elsewhere input").check()
    tab.page.locator("#understood label", has_text="in other sessions").wait_for()
    tab.found("most alike")
    assert first not in tab.page.locator("#hits .head b").all_inner_texts()
    other = tab.page.locator("#hits .head b").last.inner_text()
    tab.page.locator("#hits button[data-act=unlike]").last.click()
    tab.page.locator("#understood label", has_text=f"unlike {other} at").wait_for()
    tab.found("most alike")
    tab.search("running")
    tab.page.locator("#understood label", has_text="“running”").wait_for()
    tab.understood("“running”")


def test_parts_can_be_taken_back(tab: Any) -> None:
    tab.to_search()
    choose(tab, "sex", "female")
    tab.search("walking faster than 1 cm/s")
    tab.found("Read as: walking")
    tab.understood("sex: female", "“walking faster than 1 cm/s”")
    tab.page.locator("#understood label", has_text="sex: female").click()
    tab.page.locator("#understood label", has_text="sex: female").wait_for(state="detached")
    tab.page.wait_for_selector("#go", state="visible")
    tab.understood("“walking faster than 1 cm/s”")
    assert {"male", "female"} <= set(tab.page.locator("#hits .tags span").all_inner_texts())
    tab.page.locator("#narrow .by-column-sex .token").wait_for(state="detached")


def test_example_begins_a_search(tab: Any) -> None:
    tab.to_search()
    example = tab.page.locator("#hits .examples button").first
    text = example.inner_text()
    example.click()
    tab.page.wait_for_function("text => document.querySelector('#query textarea').value === text", arg=text)
    tab.page.locator("#found h3").wait_for()


def test_list_goes_on_while_a_clip_plays(tab: Any) -> None:
    tab.to_search()
    tab.search("a busy rodent in S01, S02 and S03")
    tab.found("most alike")
    video = tab.cards().first.locator("video")
    video.evaluate("video => video.play()")
    tab.page.wait_for_function("document.querySelector('#hits video').currentTime > 0.1")
    before = tab.cards().count()
    tab.page.click("#more-hits")
    tab.page.wait_for_function("n => document.querySelectorAll('#hits .hit').length > n", arg=before)
    assert video.evaluate("video => !video.paused && video.currentTime > 0") is True


def test_nothing_found_is_said_with_what_comes_near(tab: Any) -> None:
    tab.to_search()
    tab.search("walking faster than 900 cm/s")
    tab.found("Nothing found")
    assert "Nearest" in tab.page.inner_text("#found")
    assert not tab.page.is_visible("#saving-hits")


def test_narrowing_alone_asks_what_to_look_for(tab: Any) -> None:
    tab.to_search()
    choose(tab, "sex", "female")
    tab.page.click("#apply")
    tab.found("Say what to look for")


def test_wrong_number_is_said(tab: Any) -> None:
    tab.to_search()
    tab.page.locator("#narrow button.label-wrap").click()
    tab.page.get_by_label("From (s)").fill("soon")
    tab.page.click("#apply")
    tab.found("Expected a number in “From (s)”, got 'soon'.")


def test_session_without_video_is_listed_and_never_played(tab: Any, tmp_path: Path) -> None:
    tab.to_search()
    tab.search("walking in S04")
    tab.found("moment")
    assert tab.page.locator("#hits video").count() == 0
    assert "only its times are known" in tab.cards().first.inner_text()
    with zipfile.ZipFile(tab.saved("#save-clips", tmp_path)) as archive:
        assert archive.namelist() == ["hits.csv", "hits.provenance.json"]


def test_all_files_can_be_saved(tab: Any, tmp_path: Path) -> None:
    tab.to_search()
    tab.search("walking")
    tab.found("moment")
    assert tab.saved("#save-sheet", tmp_path).read_bytes().startswith(b"\x89PNG")
    project = json.loads(tab.saved("#save-boris", tmp_path).read_text(encoding="utf-8"))
    assert project["project_format_version"] == "7.0"
    with zipfile.ZipFile(tab.saved("#save-srt", tmp_path)) as archive:
        assert "S01.srt" in archive.namelist()
    with zipfile.ZipFile(tab.saved("#save-clips", tmp_path)) as archive:
        assert sum(name.endswith(".mp4") for name in archive.namelist()) > 0
    tab.page.locator("#scope label", has_text="all").click()
    every = rows_of(tab.saved("#save-csv", tmp_path))
    assert len(every) >= tab.cards().count()
    assert f"Saved {len(every)} hits as hits.csv." in tab.page.inner_text("#saved")


def test_names_out_of_tables_are_shown_as_text(tab: Any) -> None:
    tab.to_search()
    choose(tab, "cage", HOSTILE)
    tab.search(f"walking {HOSTILE}")
    tab.page.locator("#understood label", has_text=f"cage: {HOSTILE}").wait_for()
    tab.page.wait_for_selector("#go", state="visible")
    tab.page.locator("#hits .tags span", has_text=HOSTILE).first.wait_for()
    assert tab.page.locator("img[src='x']").count() == 0


def test_stopped_search_leaves_the_page_ready(tab: Any, held: Path) -> None:
    tab.to_search()
    tab.search("walking slowly")
    tab.page.click("#stop-search")
    tab.page.wait_for_selector("#go", state="visible")
    tab.search("walking")
    tab.found("moment")
    shown = tab.page.inner_text("#found")
    held.unlink()
    tab.page.wait_for_timeout(500)  # what was stopped ends now, and must not be shown
    assert tab.page.inner_text("#found") == shown
    tab.understood("“walking”")


def test_two_people_search_at_once(tab: Any, other: Any, held: Path) -> None:
    tab.to_search()
    other.to_search()
    tab.search("walking slowly")
    tab.page.wait_for_selector("#stop-search", state="visible")
    other.search("running")
    other.page.locator("#found h3").wait_for()
    assert tab.page.is_visible("#stop-search")
    held.unlink()
    tab.found("moment")
    tab.understood("“walking slowly”")
    other.understood("“running”")


def test_question_and_search_stay_while_one_goes_from_tab_to_tab(tab: Any) -> None:
    tab.ask("How many sessions are there?")
    tab.answer("4 sessions")
    tab.to_search()
    tab.search("walking")
    tab.found("moment")
    cards = tab.cards().count()
    tab.page.get_by_role("tab", name="Ask").click()
    tab.answer("4 sessions")
    tab.to_search()
    assert tab.cards().count() == cards
    assert tab.page.input_value("#query textarea") == "walking"


def check(tab: Any, label: str) -> None:
    """Choose how many hits the model checks."""
    tab.page.locator("#check label", has_text=label).click()


def test_model_checks_the_best_hits_and_its_words_are_text(tab: Any, tmp_path: Path) -> None:
    tab.to_search()
    check(tab, "the best 5")
    tab.search("walking in S01, S02 and S03")
    tab.found("scripted looked at")
    tab.page.locator("#understood label", has_text="best 5 checked by the model").wait_for()
    badges = tab.page.locator("#hits .badge")
    assert badges.count() == tab.cards().count()
    said = badges.all_inner_texts()
    assert {"✓ verified, p = 0.90", "✗ rejected, p = 0.10", "– not checked"} == set(said)
    reasons = tab.page.locator("#hits .badge.unchecked").evaluate_all("all => all.map(one => one.title)")
    assert any("neither yes nor no (perhaps, click" in reason for reason in reasons)
    dimmed = tab.page.locator("#hits .hit.rejected .said").first
    assert dimmed.evaluate("element => getComputedStyle(element).opacity") == "0.5"
    nothing_active(tab, "#search")
    rows = rows_of(tab.saved("#save-csv", tmp_path))
    assert [row["verified"] for row in rows[:2]] != ["", ""]
    assert {row["probability"] for row in rows} >= {"0.9", "0.1", ""}
    assert all("<" not in row["seen"] for row in rows)
    checks = json.loads(tab.saved("#save-json", tmp_path).read_text(encoding="utf-8"))["checks"]
    assert [str(one["seen"] or "") for one in checks] == [row["seen"] for row in rows]
    tab.page.locator("#understood label", has_text="checked by the model").click()
    tab.page.locator("#hits .badge").first.wait_for(state="detached")
    tab.page.wait_for_function("document.querySelector('#check input:checked').value === '0'")


def test_many_clips_are_shown_to_the_model_only_when_agreed(tab: Any) -> None:
    tab.to_search()
    check(tab, "the best 20")
    tab.search("running or walking in S01, S02 and S03")
    ask = tab.page.locator("#hits .approval")
    ask.wait_for()
    assert "scripted would be shown" in ask.inner_text()
    assert tab.page.locator("#hits .badge").count() == 0
    assert tab.cards().count() > 6
    tab.page.get_by_role("button", name="Search without checking").click()
    ask.wait_for(state="detached")
    tab.page.wait_for_function("document.querySelector('#check input:checked').value === '0'")
    check(tab, "the best 20")
    ask.wait_for()
    tab.page.get_by_role("button", name="Look at them").click()
    tab.found("scripted looked at")
    assert tab.page.locator("#hits .badge.verified").count() > 0
    assert ask.count() == 0


def test_hits_are_there_while_the_model_looks_and_it_can_be_stopped(tab: Any, held: Path) -> None:
    tab.to_search()
    check(tab, "the best 5")
    tab.search("walking patiently in S01, S02 and S03")
    tab.page.locator("#found", has_text="The model is looking at the best 5").wait_for()
    assert tab.cards().count() > 0
    tab.page.click("#stop-search")
    tab.found("Stopped: no hit was checked.")
    held.unlink()
    assert tab.page.locator("#hits .badge").count() == 0


def test_what_is_typed_while_the_model_looks_stays(tab: Any, held: Path) -> None:
    tab.to_search()
    check(tab, "the best 5")
    tab.search("walking patiently in S01, S02 and S03")
    looking = tab.page.locator("#found", has_text="The model is looking at the best 5")
    looking.wait_for()
    tab.page.locator("#hits button[data-act=like]").first.click()
    tab.page.locator("#understood label", has_text="like S").wait_for()
    looking.wait_for()
    tab.page.fill("#query textarea", "running")
    held.unlink()
    looking.wait_for(state="detached")
    tab.page.wait_for_selector("#go", state="visible")
    assert tab.page.input_value("#query textarea") == "running"


def nothing_active(tab: Any, where: str) -> None:
    """See that what the model wrote made no image, no script and no link."""
    assert tab.page.locator(f"{where} script, {where} img[src='x'], {where} iframe").count() == 0
    links = tab.page.locator(f"{where} a").evaluate_all("all => all.map(one => one.href)")
    assert all(link.startswith(tab.address) for link in links)
    assert tab.page.evaluate("window.hacked") is None
