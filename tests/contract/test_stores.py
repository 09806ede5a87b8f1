"""What every vector index promises, asked of each of them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from ethochat.index.embedders.sparse import SparseVector, embed_document, embed_query
from ethochat.index.errors import BackendUnavailableError, NotIngestedError, StaleIndexError
from ethochat.index.store import STORES, advise_on_size, open_store
from ethochat.index.store.base import FieldCondition, SegmentPoint, SegmentStore
from ethochat.index.store.memory import MemorySegmentStore
from ethochat.index.store.server import ServerOptions

DIMENSION = 4
Open = Callable[..., SegmentStore]


@pytest.fixture(
    params=["memory", "edge", "local", "stand-in", pytest.param("server", marks=pytest.mark.server)]
)
def kind(request):
    if request.param == "server" and not os.environ.get("QDRANT_URL"):
        pytest.skip("needs a Qdrant server: set QDRANT_URL to its address")
    return request.param


@pytest.fixture
def open_one(kind, tmp_path, request) -> Iterator[Open]:
    """Opens the same collection each time, and closes what a test left open."""
    spec = kind
    if kind in ("server", "stand-in"):
        url = os.environ["QDRANT_URL"] if kind == "server" else request.getfixturevalue("stand_in")
        spec = f"{url.rstrip('/')}/ethochat-test-{uuid.uuid4().hex}"
    opened: list[SegmentStore] = []

    def open_it(**changes) -> SegmentStore:
        options = {"path": tmp_path / "vectors", "dimension": DIMENSION, "embedder_name": "test@1"} | changes
        opened.append(open_store(spec, **options))
        return opened[-1]

    yield open_it
    for store in opened:
        store.close()
    if kind == "server":
        from qdrant_client import QdrantClient

        url, _, collection = spec.rpartition("/")
        secure = url.startswith("https")
        client = QdrantClient(url=url, **ServerOptions.of_environment().connection(secure=secure))
        client.delete_collection(collection)
        client.close()


@pytest.fixture
def store(open_one) -> SegmentStore:
    return open_one()


def a_point(
    segment_id: str, vector=(1.0, 0.0, 0.0, 0.0), text: str = "", words="", **payload
) -> SegmentPoint:
    return SegmentPoint(
        segment_id=segment_id,
        vector=np.asarray(vector, dtype=np.float32),
        sparse=embed_document(words),
        text=text or segment_id,
        payload=payload,
    )


def where(field: str, op: str, value) -> FieldCondition:
    return FieldCondition(field=field, op=op, value=value)


EAST, NORTH = np.float32([1, 0, 0, 0]), np.float32([0, 1, 0, 0])


def test_a_store_is_a_segment_store(store):
    assert isinstance(store, SegmentStore)


def test_description_tells_embedder_dimension_and_version(store):
    described = store.describe()
    assert (described["embedder"], described["dimension"]) == ("test@1", DIMENSION)
    assert described["version"]


def test_new_collection_has_nothing_to_find(store):
    assert store.count() == 0
    assert store.search(EAST) == []
    assert store.segment_ids() == set()
    assert store.read_field("session_id") == {}
    assert store.vectors_of(["s1"]) == {}


def test_hits_come_in_order_of_cosine_and_keep_what_was_stored(store):
    payload = {
        "session_id": "m1",
        "behaviors": ["rear", "walk"],
        "zones": [],
        "start_time": 1.5,
        "mean_speed": None,
    }
    store.upsert(
        [
            a_point("far", (0, 1, 0, 0)),
            a_point("near", (3, 0, 0, 0), "mouse rears", **payload),
            a_point("between", (1, 1, 0, 0)),
            a_point("opposite", (-1, 0, 0, 0)),
        ]
    )
    hits = store.search(EAST, limit=4)
    assert [hit.segment_id for hit in hits] == ["near", "between", "far", "opposite"]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 0.5**0.5, 0.0, -1.0], abs=1e-5)
    assert hits[0].text == "mouse rears"
    assert dict(hits[0].payload) == payload


def test_limit_keeps_the_best(store):
    store.upsert([a_point(f"s{n}", (1, n, 0, 0)) for n in range(20)])
    assert [hit.segment_id for hit in store.search(EAST, limit=3)] == ["s0", "s1", "s2"]
    assert len(store.search(EAST, limit=100)) == 20
    assert store.search(EAST, limit=0) == []


def test_upserting_twice_changes_nothing(store):
    points = [a_point(f"s{n}", (1, n, 0, 0), session_id="m1") for n in range(5)]
    store.upsert(points)
    before = store.search(EAST, limit=10)
    store.upsert(points)
    assert store.count() == 5
    after = store.search(EAST, limit=10)
    assert [hit.segment_id for hit in after] == [hit.segment_id for hit in before]
    assert [hit.score for hit in after] == pytest.approx([hit.score for hit in before], abs=1e-5)


def test_upsert_replaces_vector_text_and_payload(store):
    store.upsert([a_point("s1", (1, 0, 0, 0), "old", group="a", only_old=1)])
    store.upsert([a_point("s1", (0, 1, 0, 0), "new", group="b")])
    (hit,) = store.search(NORTH)
    assert (hit.text, dict(hit.payload), hit.score) == ("new", {"group": "b"}, pytest.approx(1.0))
    assert store.count([where("group", "==", "a")]) == 0
    assert store.count([where("only_old", "==", 1)]) == 0


def test_upsert_of_more_points_than_fit_a_batch(store):
    store.upsert([a_point(f"s{n}", (1, n, 0, 0), number=n) for n in range(1, 1301)])
    assert store.count() == 1300
    assert len(store.segment_ids()) == 1300
    assert store.read_field("number")["s777"] == 777


def test_delete_removes_what_meets_all_conditions(store):
    store.upsert(
        [
            a_point("a1", session_id="a", n=1),
            a_point("a2", session_id="a", n=2),
            a_point("b1", session_id="b", n=1),
        ]
    )
    store.delete([where("session_id", "==", "a"), where("n", "==", 1)])
    assert store.segment_ids() == {"a2", "b1"}
    store.delete([where("segment_id", "in", ("a2", "unknown"))])
    assert store.segment_ids() == {"b1"}


def test_delete_without_condition_is_refused(store):
    store.upsert([a_point("s1")])
    with pytest.raises(ValueError, match="at least one condition"):
        store.delete([])
    assert store.count() == 1


@pytest.mark.parametrize(
    ("field", "op", "value", "expected"),
    [
        ("group", "==", "CSI", "a c"),
        ("group", "==", "csi", ""),
        ("group", "!=", "CSI", "b"),
        ("group", "in", ("CSI", "Control"), "a b c"),
        ("group", "in", (), ""),
        ("group", "not in", ("CSI",), "b"),
        ("group", "not in", (), "a b c"),
        ("dose", "==", 3, "b"),
        ("dose", "==", 3.0, "b"),
        ("dose", "==", 0.5, "a"),
        ("dose", "!=", 3, "a c"),
        ("dose", ">", 0.5, "b c"),
        ("dose", ">=", 0.5, "a b c"),
        ("dose", "<", 3, "a"),
        ("dose", "<=", 3, "a b"),
        ("dose", "in", (3.0, 10.0), "b c"),
        ("dose", "not in", (3.0, 10.0), "a"),
        ("dose", "==", "3", ""),
        ("tame", "==", True, "a"),
        ("tame", "!=", True, "b"),
        ("tame", "==", 1, ""),
        ("behaviors", "==", "rear", "a b"),
        ("behaviors", "!=", "rear", "c"),
        ("behaviors", "in", ("walk", "dig"), "b c"),
        ("behaviors", "not in", ("walk", "dig"), "a"),
        ("nothing", "==", "x", ""),
        ("nothing", "!=", "x", ""),
        ("segment_id", "in", ("a", "d"), "a d"),
    ],
)
def test_conditions_on_text_numbers_lists_and_null(store, field, op, value, expected):
    """Point d knows nothing: null, absent and empty fields meet no condition, neither == nor !=."""
    store.upsert(
        [
            a_point("a", group="CSI", dose=0.5, tame=True, behaviors=["rear"]),
            a_point("b", group="Control", dose=3, tame=False, behaviors=["rear", "walk"]),
            a_point("c", group="CSI", dose=10.0, tame=None, behaviors=["dig"]),
            a_point("d", group=None, dose=None, behaviors=[]),
        ]
    )
    conditions = [where(field, op, value)]
    assert store.segment_ids(conditions) == set(expected.split())
    assert store.count(conditions) == len(expected.split())
    assert {hit.segment_id for hit in store.search(EAST, conditions=conditions)} == set(expected.split())


def test_conditions_are_all_required(store):
    store.upsert(
        [
            a_point(f"s{n}", group="ab"[n % 2], n=n, behaviors=["rear"] if n > 3 else ["walk"])
            for n in range(10)
        ]
    )
    conditions = [
        where("group", "==", "a"),
        where("n", ">=", 2),
        where("n", "!=", 6),
        where("behaviors", "not in", ("walk",)),
    ]
    assert store.segment_ids(conditions) == {"s4", "s8"}


def test_ordering_of_text_is_refused(store):
    store.upsert([a_point("s1", group="a")])
    with pytest.raises(ValueError, match="Expected a number after 'group' >"):
        store.count([where("group", ">", "a")])


def test_one_value_and_several_are_told_apart(store):
    with pytest.raises(ValueError, match="Expected one value after 'group' =="):
        store.count([where("group", "==", ("a",))])
    with pytest.raises(ValueError, match="Expected a tuple after 'group' in"):
        store.count([where("group", "in", "a")])


class TestWords:
    """Sparse vectors, and both kinds in one search."""

    @pytest.fixture
    def filled(self, store) -> SegmentStore:
        store.upsert(
            [
                a_point("rear", (1, 0, 0, 0), words="rears at the wall", group="a"),
                a_point("walk", (0.8, 0.6, 0, 0), words="walks along the wall", group="b"),
                a_point("groom", (0, 1, 0, 0), words="grooms its face", group="a"),
                a_point("mute", (0.6, 0.8, 0, 0), group="b"),
            ]
        )
        return store

    def test_by_word_only_what_shares_one_is_found_rarest_first(self, filled):
        """Three points have words; "wall" is in two of them, "rear" in one. No text repeats a word."""
        hits = filled.search(EAST, sparse=embed_query("rearing, wall"), mode="sparse")
        assert [hit.segment_id for hit in hits] == ["rear", "walk"]
        in_one, in_two = np.log(2.5 / 1.5 + 1), np.log(1.5 / 2.5 + 1)
        weight = 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / 10))  # k1 = 1.2, b = 0.75, two words where ten are usual
        assert hits[0].score == pytest.approx(weight * (in_one + in_two), rel=1e-5)
        long = 2.2 / (1 + 1.2 * (0.25 + 0.75 * 3 / 10))  # walk, along, wall
        assert hits[1].score == pytest.approx(long * in_two, rel=1e-5)
        assert [hit.similarity for hit in hits] == [None, None]

    def test_both_add_up_to_shares_of_cosine_and_saturated_words(self, filled):
        words = {
            hit.segment_id: hit.score
            for hit in filled.search(None, sparse=embed_query("wall"), mode="sparse")
        }
        hits = {hit.segment_id: hit.score for hit in filled.search(EAST, sparse=embed_query("wall"))}
        cosines = {"rear": 1.0, "walk": 0.8, "groom": 0.0, "mute": 0.6}
        expected = {
            name: 0.7 * cosine + 0.3 * words.get(name, 0) / (words.get(name, 0) + 5)
            for name, cosine in cosines.items()
        }
        assert hits == pytest.approx(expected, abs=1e-5)

    def test_a_word_brings_forward_what_is_as_near(self, store):
        store.upsert([a_point("a", words="digs"), a_point("b", words="rears"), a_point("c", words="jumps")])
        assert [hit.segment_id for hit in store.search(EAST, sparse=embed_query("rearing"))] == [
            "b",
            "a",
            "c",
        ]

    def test_without_known_words_it_is_the_dense_search(self, filled):
        dense = filled.search(EAST, sparse=embed_query("wall"), mode="dense")
        assert filled.search(EAST, sparse=embed_query("of the")) == filled.search(EAST) == dense
        assert [hit.similarity for hit in dense] == pytest.approx([1.0, 0.8, 0.6, 0.0], abs=1e-5)
        unknown = filled.search(EAST, sparse=embed_query("zebra"))
        assert [hit.segment_id for hit in unknown] == [hit.segment_id for hit in dense]
        assert filled.search(EAST, sparse=embed_query("zebra"), mode="sparse") == []
        assert filled.search(EAST, sparse=SparseVector(), mode="sparse") == []

    def test_nothing_to_search_by_is_refused(self, filled):
        with pytest.raises(ValueError, match="Expected a vector, words or examples"):
            filled.search(None)

    @pytest.mark.parametrize("mode", ["hybrid", "dense", "sparse"])
    def test_conditions_hold_in_every_mode(self, filled, mode):
        hits = filled.search(
            EAST, sparse=embed_query("wall"), mode=mode, conditions=[where("group", "==", "b")]
        )
        assert [hit.segment_id for hit in hits] == (["walk"] if mode == "sparse" else ["walk", "mute"])

    def test_conditions_narrow_before_candidates_are_cut(self, store):
        """Ten thousand better ones elsewhere do not push out what was asked for."""
        store.upsert([a_point(f"s{n:04d}", (1, 0, 0, 0), words="rears", group="a") for n in range(1500)])
        store.upsert([a_point("mine", (0.1, 1, 0, 0), words="rears slowly", group="b")])
        (hit,) = store.search(
            EAST, sparse=embed_query("rear"), limit=1, conditions=[where("group", "==", "b")]
        )
        assert hit.segment_id == "mine"

    def test_equal_texts_score_equally_however_many_there_are(self, store):
        """500 segments say the same: more than either ranking proposes for a limit of 5."""
        store.upsert([a_point(f"s{n:03d}", (1, 0, 0, 0), words="rears at the wall") for n in range(500)])
        store.upsert([a_point(f"t{n:03d}", (0.9, 0.1, 0, 0), words="walks") for n in range(500)])
        hits = store.search(EAST, sparse=embed_query("rearing"), limit=5)
        assert {hit.segment_id[0] for hit in hits} == {"s"}
        assert len({round(hit.score, 6) for hit in hits}) == 1
        assert [hit.segment_id for hit in hits] == sorted(hit.segment_id for hit in hits)
        assert store.search(EAST, sparse=embed_query("rearing"), limit=5) == hits

    def test_what_is_second_in_both_and_best_in_sum_is_not_hidden_by_the_many(self, store):
        """Of 600 each, one text is nearest and another says the words; three segments are near and say them too."""
        store.upsert([a_point(f"near{n}", (1, 0, 0, 0), words="digs") for n in range(600)])
        store.upsert([a_point(f"said{n}", (0, 1, 0, 0), words="rears rears at the wall") for n in range(600)])
        store.upsert(
            [a_point(f"both{n}", (0.95, 0.3, 0, 0), words="rears at the wall slowly") for n in range(3)]
        )
        hits = store.search(EAST, sparse=embed_query("rearing at the wall"), limit=5)
        assert [hit.segment_id for hit in hits[:3]] == ["both0", "both1", "both2"]
        (hit,) = store.search(
            EAST,
            sparse=embed_query("wall"),
            limit=1,
            conditions=[where("segment_id", "in", ("both2", "near7"))],
        )
        assert hit.segment_id == "both2"

    def test_text_that_no_segment_has_any_more_is_not_in_the_way(self, filled):
        """Thirty texts come and go; what is left is found as before."""
        before = filled.search(EAST, sparse=embed_query("wall"), limit=10)
        filled.upsert([a_point(f"x{n}", (1, n / 100, 0, 0), words="wall", group="x") for n in range(30)])
        filled.upsert([a_point("x0", (0, 0, 1, 0), words="other", group="x")])
        filled.delete([where("group", "==", "x")])
        after = filled.search(EAST, sparse=embed_query("wall"), limit=10)
        assert [hit.segment_id for hit in after] == [hit.segment_id for hit in before]
        assert filled.count() == 4
        assert set(filled.read_field("group")) == {"rear", "walk", "groom", "mute"}

    def test_which_of_equals_are_kept_is_the_same_in_every_engine(self, store):
        store.upsert([a_point(f"s{n}", words="rears") for n in range(300)])
        double = MemorySegmentStore(dimension=DIMENSION, embedder_name="test@1")
        double.upsert([a_point(f"s{n}", words="rears") for n in reversed(range(300))])
        query = {"sparse": embed_query("rear"), "limit": 7}
        kept = [hit.segment_id for hit in store.search(EAST, **query)]
        assert kept == [hit.segment_id for hit in double.search(EAST, **query)]
        assert kept == sorted(kept)

    def test_upsert_replaces_words_also_by_none(self, filled):
        filled.upsert([a_point("rear", (1, 0, 0, 0), words="digs"), a_point("walk", (0.8, 0.6, 0, 0))])
        assert [hit.segment_id for hit in filled.search(None, sparse=embed_query("dig"), mode="sparse")] == [
            "rear"
        ]
        assert filled.search(None, sparse=embed_query("wall"), mode="sparse") == []


class TestExamples:
    @pytest.fixture
    def around(self, store) -> SegmentStore:
        """Points every 30 degrees on a circle; the name is the angle."""
        angles = np.arange(0, 360, 30)
        store.upsert(
            [
                a_point(f"{a:03d}", (np.cos(np.radians(a)), np.sin(np.radians(a)), 0, 0), words=f"turn{a}x")
                for a in angles
            ]
        )
        return store

    def test_near_any_of_the_wanted_comes_first(self, around):
        hits = around.search(None, like=[EAST, NORTH], limit=6)
        assert [hit.segment_id for hit in hits[:2]] == ["000", "090"]
        assert {hit.segment_id for hit in hits[2:]} == {"030", "060", "120", "330"}
        assert [hit.score for hit in hits] == pytest.approx([1, 1, *[0.75**0.5] * 4], abs=1e-4)

    def test_what_is_nearer_to_the_unwanted_comes_last(self, around):
        hits = around.search(None, like=[EAST], unlike=[NORTH], limit=12)
        found = [hit.segment_id for hit in hits]
        assert found[0] == "000"
        assert found[-1] == "090"
        assert found.index("330") < found.index("060")
        assert {hit.segment_id for hit in hits if hit.score < -0.5} >= {"060", "090", "120"}

    def test_only_unwanted_puts_the_farthest_first(self, around):
        hits = around.search(None, unlike=[EAST], limit=12)
        assert hits[0].segment_id == "180"
        assert hits[-1].segment_id == "000"

    def test_words_steer_examples(self, around):
        """Half of each: nearest to the east and to the north in equal parts is what lies between."""
        hits = around.search(NORTH, like=[EAST], limit=3)
        assert {hit.segment_id for hit in hits[:2]} == {"030", "060"}
        steered = around.search(None, sparse=embed_query("turn"), like=[EAST], limit=3)
        assert steered[0].segment_id == "000"

    def test_vectors_of_points_are_read_by_name(self, around):
        vectors = around.vectors_of(["090", "nobody", "000"])
        np.testing.assert_allclose(vectors["090"], NORTH, atol=1e-6)
        np.testing.assert_allclose(vectors["000"], EAST, atol=1e-6)
        assert set(vectors) == {"090", "000"}
        assert around.vectors_of([]) == {}


class TestAgreement:
    """Every engine gives what the double computes by the formulas."""

    QUERIES = (
        {"mode": "hybrid"},
        {"mode": "dense"},
        {"mode": "sparse"},
        {"like": 1},
        {"like": 2, "unlike": 2},
        {"like": 1, "mode": "dense"},
        {"unlike": 1},
        {"like": 2, "unlike": 1, "mode": "sparse"},
        {"like": 2, "no_words": True},
        {"unlike": 1, "no_words": True},
        {"like": 1, "unlike": 1, "no_words": True},
    )

    @pytest.fixture
    def points(self) -> list[SegmentPoint]:
        rng = np.random.default_rng(7)
        words = "rear walk groom dig jump sniff freeze wall center corner slowly".split()
        return [
            a_point(
                f"s{n:03d}", rng.standard_normal(DIMENSION), words=" ".join(rng.choice(words, n % 5)), n=n
            )
            for n in range(150)
        ]

    @pytest.mark.parametrize("query", QUERIES, ids=str)
    @pytest.mark.parametrize("conditions", [(), (where("n", ">=", 40),)], ids=["all", "some"])
    def test_scores_are_those_of_the_formulas(self, store, points, query, conditions):
        rng = np.random.default_rng(3)
        draw = lambda n: [rng.standard_normal(DIMENSION).astype(np.float32) for _ in range(n)]  # noqa: E731
        asked = {
            "like": draw(query.get("like", 0)),
            "unlike": draw(query.get("unlike", 0)),
            "mode": query.get("mode", "hybrid"),
            "conditions": conditions,
            "limit": 40,
        }
        vector, sparse = draw(1)[0], embed_query("rearing and digging at the wall")
        if query.get("no_words"):
            vector, sparse = None, None
        double = MemorySegmentStore(dimension=DIMENSION, embedder_name="test@1")
        double.upsert(points)
        store.upsert(points)
        expected = double.search(vector, sparse=sparse, **asked)
        found = store.search(vector, sparse=sparse, **asked)
        assert len(found) == len(expected)
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected], abs=1e-4)
        clear = {hit.segment_id for hit in expected if hit.score > expected[-1].score + 1e-4}
        assert clear <= {hit.segment_id for hit in found}


def test_points_come_back_whole_and_can_be_written_elsewhere(store, open_one):
    points = [
        a_point(
            f"s{n}",
            (1, n, 0, 0),
            f"text {n}",
            words=f"rears {'wall ' * n}",
            n=n,
            tame=n % 2 == 0,
            behaviors=["rear"],
        )
        for n in range(600)
    ]
    store.upsert([*points, a_point("mute")])
    batches = list(store.points())
    read = {point.segment_id: point for batch in batches for point in batch}
    assert len(read) == sum(len(batch) for batch in batches) == 601
    for point in (points[0], points[3], points[599]):
        again = read[point.segment_id]
        assert (again.text, dict(again.payload)) == (point.text, dict(point.payload))
        unit = point.vector / np.linalg.norm(point.vector)
        np.testing.assert_allclose(again.vector / np.linalg.norm(again.vector), unit, atol=1e-6)
        np.testing.assert_array_equal(again.sparse.indices, point.sparse.indices)
        np.testing.assert_allclose(again.sparse.values, point.sparse.values, rtol=1e-6)
    assert not read["mute"].sparse
    double = MemorySegmentStore(dimension=DIMENSION, embedder_name="test@1")
    for batch in batches:
        double.upsert(batch)
    query = {"sparse": embed_query("wall"), "limit": 20, "conditions": [where("n", "<", 100)]}
    before, after = store.search(EAST, **query), double.search(EAST, **query)
    assert [hit.segment_id for hit in before] == [hit.segment_id for hit in after]


def test_what_is_recorded_is_told_beside_what_was_there(store):
    store.record({"tables": "abc"})
    described = store.describe()
    assert (described["tables"], described["embedder"]) == ("abc", "test@1")
    store.record({"tables": "def"})
    assert store.describe()["tables"] == "def"


@pytest.mark.parametrize(
    "name", ["meta.group", "meta.dose mg/kg", 'meta."quoted"', "meta.Größe[cm]", "meta.a-b.c", "meta."]
)
def test_any_column_name_can_be_stored_and_filtered(store, name):
    store.upsert([a_point("s1", **{name: "yes"}), a_point("s2", **{name: "no"})])
    assert store.segment_ids([where(name, "==", "yes")]) == {"s1"}
    assert store.read_field(name) == {"s1": "yes", "s2": "no"}
    assert store.search(EAST, conditions=[where(name, "==", "no")])[0].payload == {name: "no"}


@pytest.mark.parametrize(
    "segment_id", ["m1/rear:0.0", "a b", "Мышь-1", "x'\"; DROP", "..", "0", "🐁", "n\nl", "a" * 500]
)
def test_odd_ids_are_kept_apart(store, segment_id):
    store.upsert([a_point(segment_id, (1, 0, 0, 0)), a_point(segment_id + " ", (0, 1, 0, 0))])
    assert store.segment_ids() == {segment_id, segment_id + " "}
    assert store.search(EAST, limit=1)[0].segment_id == segment_id
    np.testing.assert_allclose(store.vectors_of([segment_id])[segment_id], EAST)


def test_long_unicode_text_comes_back_whole(store):
    text = 'Maus läuft 🐁 \t\n"quoted" ' * 400
    assert len(text.encode()) > 10_000
    store.upsert([a_point("s1", text=text, note=text)])
    (hit,) = store.search(EAST)
    assert (hit.text, hit.payload["note"]) == (text, text)
    assert store.count([where("note", "==", text)]) == 1


def test_payload_may_not_use_the_names_of_the_store(store):
    with pytest.raises(ValueError, match="segment_id"):
        store.upsert([SegmentPoint(segment_id="s1", vector=EAST, text="t", payload={"segment_id": "other"})])


def test_field_whose_type_changes_is_found_by_either(store):
    """A column of numbers that becomes text when a session is added."""
    store.upsert([a_point("s1", dose=3)])
    store.upsert([a_point("s2", dose="high")])
    assert store.segment_ids([where("dose", "==", 3)]) == {"s1"}
    assert store.segment_ids([where("dose", "==", "high")]) == {"s2"}


def test_closing_twice_is_safe(store):
    store.upsert([a_point("s1")])
    store.close()
    store.close()


class TestKept:
    """What only a store outside the process's memory can promise."""

    @pytest.fixture(autouse=True)
    def _persistent(self, kind):
        if kind == "memory":
            pytest.skip("the double forgets")

    def test_reopening_finds_what_was_written(self, open_one):
        writer = open_one()
        writer.upsert([a_point("s1", session_id="m1"), a_point("s2", (0, 1, 0, 0), session_id="m2")])
        writer.close()
        reader = open_one(read_only=True)
        assert reader.describe()["embedder"] == "test@1"
        assert [hit.segment_id for hit in reader.search(NORTH)] == ["s2", "s1"]
        assert reader.count([where("session_id", "==", "m1")]) == 1
        reader.close()
        again = open_one()
        again.upsert([a_point("s3")])
        again.delete([where("segment_id", "==", "s1")])
        again.close()
        assert open_one(read_only=True).segment_ids() == {"s2", "s3"}

    def test_what_is_recorded_is_kept_with_what_is_there(self, open_one):
        writer = open_one()
        writer.upsert([a_point("s1")])
        writer.record({"tables": "abc"})
        writer.close()
        reader = open_one(read_only=True)
        assert reader.describe()["tables"] == "abc"
        again = open_one()
        again.record({"tables": "def"})
        again.close()
        assert (reader.describe()["tables"], reader.count()) == ("def", 1)

    def test_what_is_abandoned_nobody_sees(self, open_one, kind):
        if kind in ("server", "stand-in"):
            pytest.skip("a server keeps what was sent")
        open_one().abandon()
        with pytest.raises(NotIngestedError):
            open_one(read_only=True)
        writer = open_one()
        writer.upsert([a_point("s1")])
        writer.record({"tables": "abc"})
        writer.close()
        reader = open_one(read_only=True)
        again = open_one()
        again.upsert([a_point("s2")])
        again.record({"tables": "def"})
        again.abandon()
        again.close()
        assert (reader.segment_ids(), reader.describe()["tables"]) == ({"s1"}, "abc")
        last = open_one()
        assert last.segment_ids() == {"s1"}

    def test_store_opened_for_reading_records_nothing(self, open_one):
        writer = open_one()
        writer.upsert([a_point("s1")])
        writer.close()
        with pytest.raises(RuntimeError, match="opened for reading"):
            open_one(read_only=True).record({"tables": "abc"})

    def test_hybrid_search_of_a_reopened_collection(self, open_one):
        writer = open_one()
        writer.upsert([a_point("s1", words="rears"), a_point("s2", words="walks")])
        writer.close()
        reader = open_one(read_only=True)
        assert reader.search(EAST, sparse=embed_query("walking"))[0].segment_id == "s2"

    def test_two_readers_search_at_the_same_time(self, open_one):
        writer = open_one()
        writer.upsert([a_point("s1")])
        writer.close()
        one, two = open_one(read_only=True), open_one(read_only=True)
        assert one.search(EAST) == two.search(EAST) == one.search(EAST)

    def test_reader_sees_what_a_writer_adds_once_it_is_closed(self, open_one):
        first = open_one()
        first.upsert([a_point("s1")])
        first.close()
        reader = open_one(read_only=True)
        assert reader.count() == 1
        for added in range(2, 6):
            writer = open_one()
            writer.upsert([a_point(f"s{added}")])
            assert reader.search(EAST)
            writer.close()
            assert reader.count() == added

    @pytest.mark.parametrize(
        ("change", "found"), [({"embedder_name": "other@2"}, "test@1"), ({"dimension": 8}, "4")]
    )
    @pytest.mark.parametrize("read_only", [True, False])
    def test_another_embedder_is_refused_naming_both_and_the_cure(self, open_one, change, found, read_only):
        writer = open_one()
        writer.upsert([a_point("s1")])
        writer.close()
        with pytest.raises(StaleIndexError, match=r"ethochat ingest --rebuild-index") as caught:
            open_one(read_only=read_only, **change)
        assert found in str(caught.value)
        assert str(next(iter(change.values()))) in str(caught.value)

    def test_rebuild_starts_empty_with_the_new_embedder(self, open_one):
        writer = open_one()
        writer.upsert([a_point("s1")])
        writer.close()
        rebuilt = open_one(rebuild=True, embedder_name="other@2", dimension=2)
        assert rebuilt.count() == 0
        rebuilt.upsert([a_point("s2", (1, 0))])
        rebuilt.close()
        reader = open_one(read_only=True, embedder_name="other@2", dimension=2)
        assert reader.segment_ids() == {"s2"}

    def test_reading_before_anything_was_written_names_the_command(self, open_one):
        with pytest.raises(NotIngestedError, match="ethochat ingest"):
            open_one(read_only=True)

    def test_closed_store_writes_no_more(self, open_one, kind):
        """Its lock is given up: another process may be writing."""
        if kind in ("server", "stand-in"):
            pytest.skip("a server orders its writers itself")
        writer = open_one()
        writer.close()
        with pytest.raises(RuntimeError, match="closed"):
            writer.upsert([a_point("s1")])

    def test_store_opened_for_reading_refuses_changes(self, open_one):
        writer = open_one()
        writer.upsert([a_point("s1")])
        writer.close()
        reader = open_one(read_only=True)
        with pytest.raises(RuntimeError, match="opened for reading"):
            reader.upsert([a_point("s2")])
        assert reader.count() == 1


def test_embedded_index_that_has_grown_large_is_told_what_else_there_is():
    assert advise_on_size("edge", 300_000) is None
    assert advise_on_size("http://qdrant:6333", 10**8) is None
    assert "300,001 segments" in advise_on_size("edge", 300_001)
    assert "move-index DIR --to http" in advise_on_size("edge", 300_001)
    assert "move-index DIR --to edge" in advise_on_size("local", 5_001)


def test_every_store_is_found_by_its_name(tmp_path):
    for name in ("memory", "edge", "local"):
        opened = open_store(name, path=tmp_path, dimension=2, embedder_name="x")
        assert opened.name == name
        assert open_store(opened, path=tmp_path, dimension=2, embedder_name="x") is opened
        opened.close()
    assert {"edge", "local", "memory", "http", "https"} == set(STORES)


@pytest.mark.parametrize("spec", ["faiss", "http", "edge://x", "ftp://x", ""])
def test_unknown_store_lists_the_known_ones(spec, tmp_path):
    with pytest.raises(BackendUnavailableError, match="edge, local, memory"):
        open_store(spec, path=tmp_path, dimension=2, embedder_name="x")
