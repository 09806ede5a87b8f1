"""A stand-in for a Qdrant server: its HTTP interface over qdrant-client's own engine.

It shows that what we send is what the interface takes and that we read what it answers; how a real server ranks, and
what it does under load, only a real one shows (``QDRANT_URL``).
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import BaseModel, TypeAdapter
from qdrant_client import QdrantClient
from qdrant_client.http import models


class _Engine:
    """Answers one request after the other; payload indexes are kept, since the local engine has none."""

    def __init__(self) -> None:
        self._client = QdrantClient(":memory:")
        self._indexes: dict[str, dict[str, str]] = {}
        self._guard = threading.Lock()

    def close(self) -> None:
        self._client.close()

    def answer(self, method: str, path: str, body: dict) -> tuple[int, object]:
        collection, action = re.fullmatch(r"/collections/([^/?]+)(/[^?]*)?(?:\?.*)?", path).groups()
        handler = getattr(self, "_" + (method + (action or "")).replace("/", "_").lower(), None)
        if handler is None:
            return 405, None
        with self._guard:
            if (
                not path.endswith("/exists")
                and handler != self._put
                and not self._client.collection_exists(collection)
            ):
                return 404, None
            return 200, handler(collection, body)

    def _get_exists(self, collection: str, body: dict) -> object:
        return {"exists": self._client.collection_exists(collection)}

    def _get(self, collection: str, body: dict) -> object:
        info = self._client.get_collection(collection).model_dump(mode="json", exclude_none=True)
        indexed = {name: {"data_type": kind, "points": 0} for name, kind in self._indexes[collection].items()}
        return info | {"payload_schema": indexed}

    def _put(self, collection: str, body: dict) -> object:
        wanted = models.CreateCollection.model_validate(body)
        self._indexes[collection] = {}
        return self._client.create_collection(
            collection,
            vectors_config=wanted.vectors,
            sparse_vectors_config=wanted.sparse_vectors,
            metadata=wanted.metadata,
        )

    def _patch(self, collection: str, body: dict) -> object:
        return self._client.update_collection(collection, metadata=body["metadata"])

    def _delete(self, collection: str, body: dict) -> object:
        return self._client.delete_collection(collection)

    def _put_index(self, collection: str, body: dict) -> object:
        self._indexes[collection][body["field_name"]] = body["field_schema"]
        return _DONE

    def _put_points(self, collection: str, body: dict) -> object:
        self._client.upsert(collection, models.PointsList.model_validate(body).points)
        return _DONE

    def _post_points_delete(self, collection: str, body: dict) -> object:
        kind = models.FilterSelector if "filter" in body else models.PointIdsList
        self._client.delete(collection, kind.model_validate(body))
        return _DONE

    def _post_points_count(self, collection: str, body: dict) -> object:
        wanted = models.CountRequest.model_validate(body)
        return self._client.count(collection, count_filter=wanted.filter, exact=True)

    def _post_points_query(self, collection: str, body: dict) -> object:
        wanted = models.QueryRequest.model_validate(body)
        return self._client.query_points(
            collection,
            query=wanted.query,
            using=wanted.using,
            prefetch=wanted.prefetch,
            query_filter=wanted.filter,
            limit=wanted.limit,
            with_payload=wanted.with_payload,
            with_vectors=wanted.with_vector or False,
        )

    def _post_points_scroll(self, collection: str, body: dict) -> object:
        wanted = models.ScrollRequest.model_validate(body)
        points, offset = self._client.scroll(
            collection,
            scroll_filter=wanted.filter,
            limit=wanted.limit,
            offset=wanted.offset,
            with_payload=wanted.with_payload,
            with_vectors=wanted.with_vector or False,
        )
        return {"points": [_plain(point) for point in points], "next_page_offset": offset}

    def _post_points(self, collection: str, body: dict) -> object:
        wanted = models.PointRequest.model_validate(body)
        points = self._client.retrieve(
            collection, wanted.ids, with_payload=wanted.with_payload, with_vectors=wanted.with_vector or False
        )
        return [_plain(point) for point in points]


_DONE = {"operation_id": 1, "status": "completed"}


def _plain(found: object) -> object:
    return TypeAdapter(object).dump_python(found, mode="json") if isinstance(found, BaseModel) else found


@pytest.fixture(scope="session")
def stand_in() -> Iterator[str]:
    """URL of a stand-in for a Qdrant server."""
    engine = _Engine()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or "{}")
            status, result = engine.answer(self.command, self.path, body)
            content = json.dumps({"result": _plain(result), "status": "ok", "time": 0.0}).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = handle_any  # noqa: N815 - the base class calls them

        def log_message(self, *args) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()
    thread.join()
    engine.close()
