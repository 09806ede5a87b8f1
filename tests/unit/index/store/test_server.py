"""The server's side of the contract, as far as a stand-in that speaks its HTTP shows it."""

from __future__ import annotations

import json
import logging
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from ethochat.index.embedders.sparse import embed_query
from ethochat.index.errors import BackendUnavailableError, NotIngestedError, StaleIndexError
from ethochat.index.store.base import FieldCondition, SegmentPoint
from ethochat.index.store.encoding import SCHEMA_VERSION, point_id
from ethochat.index.store.server import ServerOptions, ServerSegmentStore

Answer = Callable[[str, str, dict], tuple]
"""Method, path and body to status, result and, where given, headers."""


class Server:
    """Answers with what a test's function says, and keeps what was asked."""

    def __init__(self, answer: Answer, certificate: Path | None) -> None:
        self.asked: list[tuple[str, str, dict]] = []
        self.keys: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or "{}")
                outer.asked.append((self.command, self.path, body))
                outer.keys.append(self.headers.get("api-key"))
                status, result, *headers = answer(self.command, self.path, body)
                content = json.dumps({"result": result, "status": "ok", "time": 0.0}).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                for name, value in (headers[0] if headers else {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = handle_any  # noqa: N815 - the base class calls them

            def log_message(self, *args) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def serve():
    servers: list[Server] = []

    def start(answer: Answer, certificate: Path | None = None) -> Server:
        servers.append(Server(answer, certificate))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def a_collection(embedder: str = "test@1", metadata: dict | None = None) -> dict:
    described = {"embedder": embedder, "dimension": 4, "schema": SCHEMA_VERSION, "version": "0.1.0"}
    return {
        "status": "green",
        "optimizer_status": "ok",
        "segments_count": 1,
        "points_count": 0,
        "payload_schema": {},
        "config": {
            "params": {"vectors": {"text": {"size": 4, "distance": "Cosine"}}},
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
            "optimizer_config": {
                "deleted_threshold": 0.2,
                "vacuum_min_vector_number": 1000,
                "default_segment_number": 0,
                "flush_interval_sec": 5,
            },
            "metadata": described if metadata is None else metadata,
        },
    }


def existing(method: str, path: str, body: dict) -> tuple[int, object]:
    if path.endswith("/exists"):
        return 200, {"exists": True}
    if path.endswith("/points/count"):
        return 200, {"count": 7}
    if method == "GET":
        return 200, a_collection()
    if method == "POST" and path.endswith("/points"):
        return 200, []
    return 200, {"operation_id": 1, "status": "completed"}


def absent(made: list[dict], metadata: dict | None = None) -> Answer:
    """Answer as where the collection is not there yet, and keep how it is made."""

    def answer(method: str, path: str, body: dict) -> tuple:
        if path.endswith("/exists"):
            return 200, {"exists": False}
        if method == "GET":
            return 200, a_collection(metadata=metadata)
        if path.count("/") > 2:
            return existing(method, path, body)
        if method == "PUT":
            made.append(body)
        return 200, True

    return answer


def open_server(url: str, tmp_path, **options) -> ServerSegmentStore:
    given = {"dimension": 4, "embedder_name": "test@1", "pauses_s": (0.01, 0.01)} | options
    return ServerSegmentStore(url, tmp_path / "lab one" / ".ethochat" / "vectors", **given)


def test_busy_server_is_asked_again(serve, tmp_path, caplog):
    failures = iter([503, 429, 502])

    def busy(method, path, body):
        if path.endswith("/points/count"):
            status = next(failures, 200)
            return (status, {"count": 7}) if status == 200 else (status, None)
        return existing(method, path, body)

    server = serve(busy)
    store = open_server(server.url, tmp_path, pauses_s=(0.01, 0.01, 0.01))
    with caplog.at_level(logging.WARNING):
        assert store.count() == 7
    assert len(caplog.records) == 3
    store.close()


def test_server_that_stays_busy_is_reported_with_its_address(serve, tmp_path):
    server = serve(lambda method, path, body: (503, None))
    with pytest.raises(BackendUnavailableError, match=rf"{server.url}: expected an answer .*503"):
        open_server(server.url, tmp_path)
    assert len(server.asked) == 3


def test_server_out_of_reach_is_reported_with_its_address(tmp_path):
    with pytest.raises(BackendUnavailableError, match=r"http://127\.0\.0\.1:1: expected an answer"):
        open_server("http://127.0.0.1:1", tmp_path)


def test_refused_key_is_not_tried_again_and_names_the_variable(serve, tmp_path):
    server = serve(lambda method, path, body: (401, None))
    with pytest.raises(BackendUnavailableError, match="QDRANT_API_KEY"):
        open_server(server.url, tmp_path)
    assert len(server.asked) == 1


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_key_of_the_environment_is_sent(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("QDRANT_API_KEY", "secret")
    server = serve(existing)
    open_server(server.url, tmp_path).close()
    assert set(server.keys) == {"secret"}


def test_collection_is_named_by_the_url_or_after_the_experiment(serve, tmp_path):
    server = serve(existing)
    open_server(f"{server.url}/mice", tmp_path).close()
    assert server.asked[0][1] == "/collections/mice/exists"
    server.asked.clear()
    open_server(server.url, tmp_path).close()
    assert server.asked[0][1].startswith("/collections/ethochat-lab-one-")


def test_new_collection_is_made_with_its_description(serve, tmp_path):
    made: list[dict] = []
    open_server(serve(absent(made)).url, tmp_path).close()
    assert made[0]["vectors"]["text"]["size"] == 4
    assert made[0]["sparse_vectors"] == {"words": {"modifier": "idf"}}
    assert {key: made[0]["metadata"][key] for key in ("embedder", "dimension", "schema")} == {
        "embedder": "test@1",
        "dimension": 4,
        "schema": SCHEMA_VERSION,
    }


def test_server_that_keeps_no_description_is_refused(serve, tmp_path):
    server = serve(absent([], metadata={}))
    with pytest.raises(BackendUnavailableError, match=r"1\.16 or newer"):
        open_server(server.url, tmp_path)
    assert server.asked[-1][0] == "DELETE"


def test_missing_collection_cannot_be_read(serve, tmp_path):
    server = serve(lambda method, path, body: (200, {"exists": False}))
    with pytest.raises(NotIngestedError, match="ethochat ingest"):
        open_server(server.url, tmp_path, read_only=True)


def test_collection_of_another_embedder_is_refused(serve, tmp_path):
    server = serve(existing)
    with pytest.raises(StaleIndexError, match=r"expected .*'other@1', found 'test@1'"):
        open_server(server.url, tmp_path, embedder_name="other@1")


def test_fields_are_indexed_once_by_kind_and_points_sent_in_batches(serve, tmp_path):
    server = serve(existing)
    store = open_server(server.url, tmp_path)
    points = [
        SegmentPoint(
            segment_id=f"s{n}",
            vector=np.ones(4, dtype=np.float32),
            text="t",
            payload={"meta.dose": None if n == 0 else 1.5, "tame": True, "behaviors": ["rear"]},
        )
        for n in range(300)
    ]
    store.upsert(points)
    store.upsert(points[:1])
    made = [body for _, path, body in server.asked if path.split("?")[0].endswith("/index")]
    indexes = {body["field_name"]: body["field_schema"] for body in made}
    assert indexes == {
        "segment_id": "keyword",
        "text_key": "keyword",
        "meta-2e-dose": "float",
        "tame": "bool",
        "behaviors": "keyword",
    }
    assert len(made) == 5
    sent = [
        len(body["points"]) for method, path, body in server.asked if method == "PUT" and "/points?" in path
    ]
    assert sent == [257, 45, 2]  # the one text of all of them, with each batch
    store.close()


def test_conditions_are_sent_as_the_servers_filter(serve, tmp_path):
    server = serve(existing)
    store = open_server(server.url, tmp_path)
    store.count(
        [
            FieldCondition(field="meta.group", op="!=", value="CSI"),
            FieldCondition(field="duration", op=">=", value=2),
            FieldCondition(field="behaviors", op="in", value=("rear", "walk")),
        ]
    )
    assert server.asked[-1][2] == {
        "exact": True,
        "filter": {
            "must": [
                {"key": "duration", "range": {"gte": 2.0}},
                {"key": "behaviors", "match": {"any": ["rear", "walk"]}},
            ],
            "must_not": [
                {"key": "meta-2e-group", "match": {"value": "CSI"}},
                {"is_empty": {"key": "meta-2e-group"}},
            ],
        },
    }
    store.close()


class TestOptions:
    def test_everything_is_read_from_the_environment(self, tmp_path):
        options = ServerOptions.of_environment(
            {
                "QDRANT_API_KEY": "secret",
                "QDRANT_TIMEOUT_S": "120",
                "QDRANT_CA_FILE": str(tmp_path / "ca.pem"),
                "QDRANT_VERIFY": "off",
                "QDRANT_SHARDS": "4",
                "QDRANT_REPLICAS": "2",
                "QDRANT_WRITE_CONSISTENCY": " 2 ",
            }
        )
        assert options == ServerOptions(
            api_key="secret",
            timeout_s=120,
            ca_file=tmp_path / "ca.pem",
            verify=False,
            shards=4,
            replicas=2,
            write_consistency=2,
        )
        assert (
            ServerOptions.of_environment({})
            == ServerOptions.of_environment({"QDRANT_SHARDS": ""})
            == ServerOptions()
        )

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("QDRANT_SHARDS", "many"),
            ("QDRANT_REPLICAS", "0"),
            ("QDRANT_TIMEOUT_S", "1.5"),
            ("QDRANT_VERIFY", "maybe"),
        ],
    )
    def test_wrong_value_names_its_variable(self, name, value):
        with pytest.raises(BackendUnavailableError, match=rf"{name}: expected .*'{value}'"):
            ServerOptions.of_environment({name: value})

    def test_new_collection_is_spread_as_asked(self, serve, tmp_path, monkeypatch):
        for name, value in {"SHARDS": "4", "REPLICAS": "2", "WRITE_CONSISTENCY": "1"}.items():
            monkeypatch.setenv(f"QDRANT_{name}", value)
        made: list[dict] = []
        open_server(serve(absent(made)).url, tmp_path).close()
        (body,) = made
        asked = [body["shard_number"], body["replication_factor"], body["write_consistency_factor"]]
        assert asked == [4, 2, 1]

    def test_nothing_is_said_of_what_is_not_asked(self, serve, tmp_path):
        made: list[dict] = []
        open_server(serve(absent(made)).url, tmp_path).close()
        assert not {"shard_number", "replication_factor", "write_consistency_factor"} & set(made[0])


class TestSecureConnection:
    CERTIFICATE = Path(__file__).with_name("localhost.pem")
    """Signs itself, for 127.0.0.1, with the key beside it."""

    def test_server_that_a_private_authority_signed(self, serve, tmp_path, monkeypatch):
        monkeypatch.setenv("QDRANT_CA_FILE", str(self.CERTIFICATE))
        monkeypatch.setenv("QDRANT_API_KEY", "secret")
        server = serve(existing, certificate=self.CERTIFICATE)
        assert server.url.startswith("https://")
        store = open_server(server.url, tmp_path)
        assert store.count() == 7
        assert set(server.keys) == {"secret"}
        store.close()

    def test_server_that_nobody_vouches_for_is_refused(self, serve, tmp_path):
        server = serve(existing, certificate=self.CERTIFICATE)
        with pytest.raises(BackendUnavailableError, match=r"(?i)certificate"):
            open_server(server.url, tmp_path)
        assert server.asked == []

    def test_unless_nobody_needs_to(self, serve, tmp_path, monkeypatch, caplog):
        monkeypatch.setenv("QDRANT_VERIFY", "0")
        server = serve(existing, certificate=self.CERTIFICATE)
        with caplog.at_level(logging.WARNING):
            open_server(server.url, tmp_path).close()
        assert "QDRANT_VERIFY" in caplog.text

    @pytest.mark.parametrize("content", [None, "no certificate"])
    def test_certificate_that_cannot_be_read_is_named(self, tmp_path, monkeypatch, content):
        file = tmp_path / "ca.pem"
        if content is not None:
            file.write_text(content)
        monkeypatch.setenv("QDRANT_CA_FILE", str(file))
        with pytest.raises(BackendUnavailableError, match=r"QDRANT_CA_FILE: .*ca\.pem"):
            open_server("https://127.0.0.1:1", tmp_path)


KEY = "0b5e0f5a-0000-4000-8000-000000000001"
"""Id of a text."""


def test_every_kind_of_call_is_tried_again(serve, tmp_path):
    """Each call fails once before it is answered."""
    failed = set()

    def shaky(method, path, body):
        call = (method, path.split("?")[0])
        if call not in failed:
            failed.add(call)
            return 503, None
        if path.endswith("/exists"):
            return 200, {"exists": False}
        if method in ("PUT", "PATCH") and call[1].count("/") == 2:
            return 200, True
        if path.endswith("/scroll"):
            stored = {"segment_id": "s1", "text": "t", "text_key": KEY}
            return 200, {"points": [{"id": point_id("s1"), "payload": stored}], "next_page_offset": None}
        if path.endswith("/query"):
            return 200, {"points": [{"id": KEY, "version": 1, "score": 0.5}]}
        if method == "POST" and path.endswith("/points"):
            stored = {"segment_id": "s1", "text": "t", "text_key": KEY}
            known = {point_id("s1"): {"payload": stored}, KEY: {"vector": {"text": [1.0] * 4}}}
            return 200, [{"id": name, **known[name]} for name in body["ids"]]
        return existing(method, path, body)

    server = serve(shaky)
    store = open_server(server.url, tmp_path)
    point = SegmentPoint(segment_id="s1", vector=np.ones(4, dtype=np.float32), text="t")
    store.upsert([point])
    store.delete([FieldCondition(field="segment_id", op="==", value="s1")])
    store.record({"tables": "abc"})
    assert store.describe()["embedder"] == "test@1"
    assert store.count() == 7
    assert [hit.segment_id for hit in store.search(point.vector)] == ["s1"]
    assert [hit.segment_id for hit in store.search(point.vector, sparse=embed_query("rear"))] == ["s1"]
    assert store.segment_ids() == {"s1"}
    assert [point.segment_id for batch in store.points() for point in batch] == ["s1"]
    assert set(store.vectors_of(["s1"])) == {"s1"}
    store.close()
    calls = [(method, path.split("?")[0].rpartition("/")[2]) for method, path, _ in server.asked]
    assert {call for call in calls if calls.count(call) < 2} == set()


def test_server_says_how_long_to_wait(serve, tmp_path):
    waits = iter([(429, None, {"Retry-After": "1"})])

    def busy(method, path, body):
        return (
            next(waits, existing(method, path, body))
            if path.endswith("/count")
            else existing(method, path, body)
        )

    store = open_server(serve(busy).url, tmp_path)
    began = time.monotonic()
    assert store.count() == 7
    assert time.monotonic() - began >= 1.0
    store.close()


def test_collection_made_by_an_attempt_whose_answer_was_lost_is_used(serve, tmp_path):
    answers = iter([503, 409])

    def lossy(method, path, body):
        if path.endswith("/exists"):
            return 200, {"exists": False}
        made = method == "PUT" and path.count("/") == 2
        return (next(answers), None) if made else existing(method, path, body)

    store = open_server(serve(lossy).url, tmp_path)
    assert store.count() == 7
    store.close()


def test_collection_behind_a_proxys_prefix(serve, tmp_path):
    server = serve(existing)
    open_server(f"{server.url}/qdrant/mice", tmp_path).close()
    assert server.asked[0][1] == "/qdrant/collections/mice/exists"


def test_hybrid_search_ranks_texts_in_one_query_and_filters_their_segments(serve, tmp_path):
    def answer(method, path, body):
        if path.endswith("/query"):
            return 200, {"points": [{"id": KEY, "version": 1, "score": 0.5}]}
        if path.endswith("/count"):
            return 200, {"count": 1_000_000}
        if path.endswith("/scroll"):
            return 200, {
                "points": [{"id": point_id("s1"), "payload": {"text_key": KEY}}],
                "next_page_offset": None,
            }
        if method == "POST" and path.endswith("/points"):
            stored = {"segment_id": "s1", "text": "t", "text_key": KEY}
            return 200, [{"id": point_id("s1"), "payload": stored}]
        return existing(method, path, body)

    server = serve(answer)
    store = open_server(server.url, tmp_path)
    server.asked.clear()
    condition = FieldCondition(field="group", op="==", value="CSI")
    (hit,) = store.search(
        np.float32([1, 0, 0, 0]), sparse=embed_query("rear"), limit=1, conditions=[condition]
    )
    assert (hit.segment_id, hit.score) == ("s1", 0.5)
    (query,) = [body for _, path, body in server.asked if path.endswith("/query")]
    by_meaning, by_word = query["prefetch"]
    assert (by_meaning["using"], by_word["using"]) == ("text", "words")
    leaves = [*by_meaning["prefetch"], *by_word["prefetch"]]
    assert [leaf["using"] for leaf in leaves] == ["text", "words"] * 2
    assert "$score[1]" in json.dumps(query["query"]["formula"])
    (scroll,) = [body for _, path, body in server.asked if path.endswith("/scroll")]
    assert scroll["filter"]["must"] == [
        {"key": "group", "match": {"value": "CSI"}},
        {"key": "text_key", "match": {"any": [KEY]}},
    ]
    assert scroll["limit"] == 1
    store.close()


def test_few_segments_that_meet_the_conditions_say_which_texts_are_ranked(serve, tmp_path):
    def answer(method, path, body):
        if path.endswith("/query"):
            return 200, {"points": [{"id": KEY, "version": 1, "score": 0.5}]}
        if path.endswith("/scroll"):
            return 200, {
                "points": [{"id": point_id("s1"), "payload": {"text_key": KEY}}],
                "next_page_offset": None,
            }
        if method == "POST" and path.endswith("/points"):
            stored = {"segment_id": "s1", "text": "t", "text_key": KEY}
            return 200, [{"id": point_id("s1"), "payload": stored}]
        return existing(method, path, body)

    server = serve(answer)
    store = open_server(server.url, tmp_path)
    server.asked.clear()
    condition = FieldCondition(field="group", op="==", value="CSI")
    assert store.search(np.float32([1, 0, 0, 0]), sparse=embed_query("rear"), limit=5, conditions=[condition])
    (query,) = [body for _, path, body in server.asked if path.endswith("/query")]
    assert [leaf["filter"]["must"] for leaf in query["prefetch"]] == [[{"has_id": [KEY]}]] * 2
    store.close()
