"""The server's side of the contract, as far as a stand-in that speaks its HTTP shows it."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from ethochat.index.errors import BackendUnavailableError, NotIngestedError, StaleIndexError
from ethochat.index.store.base import FieldCondition, SegmentPoint
from ethochat.index.store.client import ServerSegmentStore
from ethochat.index.store.encoding import SCHEMA_VERSION

Answer = Callable[[str, str, dict], tuple[int, object]]


class Server:
    """Answers with what a test's function says, and keeps what was asked."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[tuple[str, str, dict]] = []
        self.keys: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or "{}")
                outer.asked.append((self.command, self.path, body))
                outer.keys.append(self.headers.get("api-key"))
                status, result = answer(self.command, self.path, body)
                content = json.dumps({"result": result, "status": "ok", "time": 0.0}).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815 - the base class calls them

            def log_message(self, *args) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def serve():
    servers: list[Server] = []

    def start(answer: Answer) -> Server:
        servers.append(Server(answer))
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
    return 200, {"operation_id": 1, "status": "completed"}


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
    made = []

    def answer(method, path, body):
        if path.endswith("/exists"):
            return 200, {"exists": False}
        if method == "PUT":
            made.append(body)
            return 200, True
        return 200, a_collection()

    open_server(serve(answer).url, tmp_path).close()
    assert made[0]["vectors"]["text"]["size"] == 4
    assert made[0]["sparse_vectors"] == {"words": {"modifier": "idf"}}
    assert {key: made[0]["metadata"][key] for key in ("embedder", "dimension", "schema")} == {
        "embedder": "test@1",
        "dimension": 4,
        "schema": SCHEMA_VERSION,
    }


def test_server_that_keeps_no_description_is_refused(serve, tmp_path):
    def old(method, path, body):
        if path.endswith("/exists"):
            return 200, {"exists": False}
        return 200, True if method in ("PUT", "DELETE") else a_collection(metadata={})

    server = serve(old)
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
        "meta-2e-dose": "float",
        "tame": "bool",
        "behaviors": "keyword",
    }
    assert len(made) == 4
    sent = [
        len(body["points"]) for method, path, body in server.asked if method == "PUT" and "/points?" in path
    ]
    assert sent == [256, 44, 1]
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
