"""Words brought to one form."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ethochat.index import words


def test_threads_do_not_get_each_others_stems():
    """The stemmer is not safe by itself; without the cache every word is stemmed anew."""
    uncached = words.stem.__wrapped__
    expected = {
        f"{start}{ending}": uncached(f"{start}{ending}")
        for start in ("walk", "groom", "sniff", "stretch")
        for ending in ("ing", "ed", "s", "er")
    }
    asked = list(expected) * 400
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(uncached, asked)) == [expected[word] for word in asked]
