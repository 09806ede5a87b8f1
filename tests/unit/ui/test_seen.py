"""What a vision-language model said, as the page and the terminal show it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethochat.tools.evidence import ClipRef
from ethochat.ui.seen import (
    LONGEST_WORDS,
    badge_html,
    left_unchecked,
    seen_html,
    summary_of,
    verdict_of,
    with_verdicts,
    words_of,
)

HOSTILE = (
    "\"'><img src=x onerror=window.hacked=1><script>alert(1)</script>\n\n[a](javascript:b) \x1b[31m \u202e"
)


def clip(start: float = 1.0, **more: object) -> ClipRef:
    return ClipRef.model_validate({"session_id": "s1", "start_time": start, "stop_time": start + 1} | more)


@pytest.mark.parametrize(
    ("said", "kind", "words", "hint"),
    [
        ({"verified": True, "probability": 0.934}, "verified", "verified, p = 0.93", "shows what was looked for; to it"),
        ({"verified": False, "probability": 0.08}, "rejected", "rejected, p = 0.08", "“yes” has a probability of 0.08"),
        ({"verified": True, "seen": "verified"}, "verified", "verified", "shows what was looked for."),
        ({"seen": "not checked: no video."}, "unchecked", "not checked", "Not checked: no video."),
    ],
)  # fmt: skip
def test_verdict_says_what_it_means(said: dict[str, object], kind: str, words: str, hint: str) -> None:
    verdict = verdict_of(clip(**said))
    assert verdict is not None
    assert (verdict.kind, verdict.words) == (kind, words)
    assert hint in verdict.hint


def test_clip_that_nobody_wanted_checked_has_no_verdict() -> None:
    assert verdict_of(clip()) is None
    assert verdict_of(clip(seen="The tail is raised.")) is None
    assert badge_html(None) == seen_html(clip()) == summary_of(clip()) == ""


def test_clip_without_a_word_in_a_checked_list_was_not_checked() -> None:
    verdict = verdict_of(clip(), asked=True)
    assert verdict is not None
    assert (verdict.kind, bool(verdict.reason)) == ("unchecked", True)


def test_words_are_quoted_and_failures_are_not() -> None:
    assert summary_of(clip(seen="yes, it rears")) == "“yes, it rears”"
    assert summary_of(clip(seen="not answered: timed out")) == "not answered: timed out"
    assert "“yes” with p = 0.70" in seen_html(clip(seen="yes", probability=0.7))
    assert "<q>" not in seen_html(clip(seen="not answered: timed out"))
    assert summary_of(clip(seen="not checked: no video")) == "not checked: no video"


@pytest.mark.parametrize("seen", [HOSTILE, f"not checked: {HOSTILE}", f"not answered: {HOSTILE}"])
def test_words_of_a_model_are_text(seen: str) -> None:
    item = clip(seen=seen)
    html = seen_html(item) + badge_html(verdict_of(item, asked=True))
    for harm in ("<img", "<script", "href", "\x1b", "\n", "\u202e", "javascript:"):
        assert harm not in html
        assert harm not in words_of(item) + summary_of(item)


@given(st.text(max_size=2000))
def test_words_are_one_line_of_limited_length(text: str) -> None:
    words = words_of(clip(seen=text))
    assert len(words) <= LONGEST_WORDS
    assert words == " ".join(words.split())


def test_verdicts_are_carried_over_to_the_same_moments_only() -> None:
    judged = [clip(1.0, verified=True, probability=0.9), *left_unchecked([clip(2.0)])]
    longer = with_verdicts([clip(1.0), clip(2.0), clip(3.0), clip(1.0, individual="red")], judged)
    assert [item.verified for item in longer] == [True, None, None, None]
    assert {item.seen for item in longer[1:]} == {"not checked: only the best hits were"}
