"""Which behavior follows which, on hand-known data."""

from __future__ import annotations


class TestCounts:
    def test_next_bout_by_start(self, context, call):
        evidence = call(context, "transitions", sources=["anna"], sessions=["oft_1"])
        found = {(v.group["from"], v.group["to"]): v.value for v in evidence.values}
        assert found == {("Rearing", "Rearing"): 1.0, ("Rearing", "Grooming"): 1.0}

    def test_named_pair_both_ways_with_probability(self, context, call):
        evidence = call(
            context,
            "transitions",
            sources=["anna"],
            before=["Rearing"],
            after=["Grooming"],
            both_ways=True,
            probability=True,
            sessions=["oft_1"],
        )
        counts = [(v.group["from"], v.value) for v in evidence.values if v.name == "transition_count"]
        assert counts == [("Rearing", 1.0), ("Grooming", 0.0)]
        shares = [v.value for v in evidence.values if v.name == "transition_probability"]
        assert shares == [0.5, None]

    def test_adjacent_bouts_touch(self, context, call):
        evidence = call(context, "transitions", sources=["anna"], adjacent=True, sessions=["oft_1"])
        assert [(v.group["from"], v.group["to"]) for v in evidence.values] == [("Rearing", "Grooming")]

    def test_never_across_animals(self, context, call):
        evidence = call(context, "transitions", sources=["anna"])
        assert sum(v.value for v in evidence.values) == 3.0  # two in oft_1, one in oft_5
