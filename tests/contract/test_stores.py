"""What every vector index promises, asked of each of them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from ethochat.index.errors import BackendUnavailableError, NotIngestedError, StaleIndexError
from ethochat.index.store import STORES, open_store
from ethochat.index.store.base import FieldCondition, SegmentPoint, SegmentStore

DIMENSION = 4
Open = Callable[..., SegmentStore]


@pytest.fixture(params=["memory", "edge", "local", pytest.param("server", marks=pytest.mark.server)])
def kind(request):
    if request.param == "server" and not os.environ.get("QDRANT_URL"):
        pytest.skip("needs a Qdrant server: set QDRANT_URL to its address")
    return request.param


@pytest.fixture
def open_one(kind, tmp_path) -> Iterator[Open]:
    """Opens the same collection each time, and closes what a test left open."""
    spec = kind
    if kind == "server":
        spec = f"{os.environ['QDRANT_URL'].rstrip('/')}/ethochat-test-{uuid.uuid4().hex}"
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
        client = QdrantClient(url=url, api_key=os.environ.get("QDRANT_API_KEY"))
        client.delete_collection(collection)
        client.close()


@pytest.fixture
def store(open_one) -> SegmentStore:
    return open_one()


def a_point(segment_id: str, vector=(1.0, 0.0, 0.0, 0.0), text: str = "", **payload) -> SegmentPoint:
    return SegmentPoint(
        segment_id=segment_id,
        vector=np.asarray(vector, dtype=np.float32),
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
    assert store.vector_of("s1") is None


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
    np.testing.assert_allclose(store.vector_of(segment_id), EAST)


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
        if kind == "server":
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
