"""A question and the experiment's words become a reading, a question back or a refusal."""

from __future__ import annotations

from ethochat.agent.builtin.completion import COMPLETE
from ethochat.agent.builtin.conditions import fill_numeric_conditions
from ethochat.agent.builtin.course import read_course
from ethochat.agent.builtin.designs import blank_terms
from ethochat.agent.builtin.followup import merge_previous
from ethochat.agent.builtin.intents import choose_intent
from ethochat.agent.builtin.lexicon import ABILITIES, matches
from ethochat.agent.builtin.limits import offers, refuse_out_of_reach, refuse_requests, suggestions
from ethochat.agent.builtin.names import correct_typos, fill_names, fill_treated, long_names
from ethochat.agent.builtin.phrases import Scanner, canonical, read_phrases
from ethochat.agent.builtin.reading import AskBack, Reading, Refusal, Understanding
from ethochat.agent.builtin.searching import is_described
from ethochat.agent.builtin.spans import read_spans
from ethochat.agent.builtin.sufficiency import check
from ethochat.agent.builtin.unread import unknown_member, unknown_session, unread_words
from ethochat.agent.builtin.vocabulary import Vocabulary


def understand(question: str, vocabulary: Vocabulary, previous: Reading | None = None) -> Understanding:
    """Read one question.

    Parameters
    ----------
    question
        As typed.
    vocabulary
        The experiment's words.
    previous
        The reading of the turn before, which a follow-up question completes.
    """
    refusal = refuse_requests(question)
    if refusal is not None:
        return refusal
    if matches(ABILITIES, question):
        return AskBack(
            "Ask about behaviors, movement, groups, raters or the recordings, for example as below. What would you like to know?",
            offers(vocabulary),
        )
    text = correct_typos(canonical(question), vocabulary)
    refusal = refuse_out_of_reach(text, vocabulary)
    if refusal is not None:
        return refusal
    missing = unknown_session(text, vocabulary)
    if missing is not None:
        return Refusal(
            f"There is no session or animal named {missing} in this experiment.", suggestions(vocabulary)
        )
    member = unknown_member(text, vocabulary)
    if member is not None:
        return Refusal(f"There is no {member} in this experiment.", suggestions(vocabulary))
    scan = Scanner(text)
    mentions = vocabulary.link(text)
    long_names(mentions, scan)
    fill_numeric_conditions(scan, vocabulary)
    read_phrases(scan, read_spans, read_course)
    fill_names(mentions, scan, vocabulary)
    fill_treated(scan, vocabulary)
    intent = choose_intent(scan, vocabulary)
    blank_terms(scan, intent)
    unread = unread_words(scan, mentions, vocabulary)
    reading = Reading(intent, scan.slots, tuple(unread))
    COMPLETE[intent](reading, scan, vocabulary)
    if is_described(reading, text, vocabulary):
        reading = Reading("search", {"limit": reading.slots.get("limit")})
        COMPLETE["search"](reading, scan, vocabulary)
    reading = merge_previous(reading, previous, scan, vocabulary)
    return check(reading, scan, vocabulary)
