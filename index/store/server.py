"""Qdrant on a server or cluster, by URL."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from ethochat.index.errors import BackendUnavailableError, NotIngestedError
from ethochat.index.store.base import PayloadValue, SegmentPoint
from ethochat.index.store.client import Call, ClientSegmentStore, collection_config
from ethochat.index.store.encoding import (
    MARK_FIELD,
    check_description,
    describe_collection,
    new_fields,
    to_payload,
)

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

logger = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")

_TIMEOUT_S: Final = 30
_PAUSES_S: Final = (0.2, 0.8, 3.2)
_LONGEST_WAIT_S: Final = 60.0
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})
_CONFLICT: Final = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How to reach a server, and what a new collection is spread over."""

    api_key: str | None = None
    timeout_s: int = _TIMEOUT_S
    ca_file: Path | None = None
    """Certificate of a private authority that signed the server's, PEM."""
    verify: bool = True
    """Whether a server whose certificate nobody vouches for is refused."""
    shards: int | None = None
    replicas: int | None = None
    write_consistency: int | None = None
    """Replicas that must have a write before it counts as done. The three are the server's to choose where absent."""

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> ServerOptions:
        """Read ``QDRANT_API_KEY``, ``QDRANT_TIMEOUT_S`` and the others; see docs/search.md.

        Raises
        ------
        BackendUnavailableError
            When a value cannot be what it is to be.
        """
        ca_file = environment.get("QDRANT_CA_FILE")
        return cls(
            api_key=environment.get("QDRANT_API_KEY") or None,
            timeout_s=_whole(environment, "QDRANT_TIMEOUT_S") or _TIMEOUT_S,
            ca_file=Path(ca_file) if ca_file else None,
            verify=_flag(environment, "QDRANT_VERIFY"),
            shards=_whole(environment, "QDRANT_SHARDS"),
            replicas=_whole(environment, "QDRANT_REPLICAS"),
            write_consistency=_whole(environment, "QDRANT_WRITE_CONSISTENCY"),
        )

    def connection(self, *, secure: bool) -> dict[str, Any]:
        """Give the client's arguments.

        Parameters
        ----------
        secure
            Whether the address is ``https``.

        Raises
        ------
        BackendUnavailableError
            When the certificate cannot be read.
        """
        arguments: dict[str, Any] = {"api_key": self.api_key, "timeout": self.timeout_s}
        if not secure:
            return arguments
        if not self.verify:
            logger.warning("QDRANT_VERIFY is off: whoever answers is believed to be the Qdrant server.")
            return arguments | {"verify": False}
        if self.ca_file is not None:
            try:
                arguments["verify"] = ssl.create_default_context(cafile=str(self.ca_file))
            except OSError as exc:  # ssl.SSLError is one
                raise BackendUnavailableError(
                    f"QDRANT_CA_FILE: expected a certificate in PEM form, found {str(self.ca_file)!r}: {exc}."
                ) from exc
        return arguments

    def collection(self) -> dict[str, int]:
        """Give the arguments that a collection is made with."""
        given = {
            "shard_number": self.shards,
            "replication_factor": self.replicas,
            "write_consistency_factor": self.write_consistency,
        }
        return {name: value for name, value in given.items() if value is not None}


def _whole(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "").strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise BackendUnavailableError(f"{name}: expected a whole number from 1, got {text!r}.")
    return int(text)


def _flag(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "").strip().lower()
    if text in ("", "1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise BackendUnavailableError(f"{name}: expected true or false, got {text!r}.")


class ServerSegmentStore(ClientSegmentStore):
    """Segments in one collection of a Qdrant server or cluster."""

    name = "server"

    def __init__(
        self,
        url: str,
        path: Path,
        *,
        dimension: int,
        embedder_name: str,
        read_only: bool = False,
        rebuild: bool = False,
        options: ServerOptions | None = None,
        pauses_s: Sequence[float] = _PAUSES_S,
    ) -> None:
        """Open or make the collection.

        Parameters
        ----------
        url
            ``http://host:6333`` or ``http://host:6333/collection``, behind a proxy also
            ``https://host:443/prefix/collection``.
        path
            The experiment's ``.ethochat/vectors``; names the collection where the URL does not.
        dimension, embedder_name
            Of the vectors; compared with what the collection was made with.
        read_only
            Refuse changes; needs an existing collection.
        rebuild
            Start from an empty collection.
        options
            How to reach the server and make collections; read from the environment where not given.
        pauses_s
            Waits before a call is tried again, seconds; longer where the server asks for it.

        Raises
        ------
        BackendUnavailableError
            When the server does not answer, refuses the key, is too old to keep a collection's description, or an
            option is wrong.
        NotIngestedError, StaleIndexError
            As for the embedded stores.
        """
        from qdrant_client import QdrantClient

        address = urlsplit(url)
        prefix, _, collection = address.path.strip("/").rpartition("/")
        self._url = f"{address.scheme}://{address.netloc}" + (f"/{prefix}" if prefix else "")
        self._collection = collection or _collection_name(path)
        self._read_only = read_only
        self._options = options or ServerOptions.of_environment()
        self._pauses_s = pauses_s
        self._indexed: set[str] | None = None
        self._description = describe_collection(embedder=embedder_name, dimension=dimension)
        self._client = QdrantClient(
            url=self._url,
            check_compatibility=False,  # asks the server before we can say clearly that it does not answer
            **self._options.connection(secure=address.scheme == "https"),
        )
        try:
            self._open(dimension, rebuild=rebuild)
        except BaseException:
            self._client.close()
            raise

    def describe(self) -> Mapping[str, PayloadValue]:
        """Return what is recorded with the collection."""
        metadata = self._read(lambda client: client.get_collection(self._collection)).config.metadata
        return dict(metadata or {})

    def record(self, facts: Mapping[str, PayloadValue]) -> None:
        """Add to the collection's description."""
        metadata = {**self.describe(), **facts}
        self._write(lambda client: client.update_collection(self._collection, metadata=metadata))

    def upsert(self, points: Sequence[SegmentPoint]) -> None:
        """Add or replace points; fields met for the first time are indexed."""
        for key, kind in new_fields(map(to_payload, points), self._indexed_fields()).items():
            make_index = methodcaller(
                "create_payload_index", self._collection, field_name=key, field_schema=kind, wait=True
            )
            self._write(make_index)
            self._indexed_fields().add(key)
        super().upsert(points)

    def close(self) -> None:
        """Close the connections; the server has everything already."""
        self._client.close()

    def abandon(self) -> None:
        """Close the connections; what was written stays."""
        self.close()

    def _open(self, dimension: int, *, rebuild: bool) -> None:
        exists = self._read(lambda client: client.collection_exists(self._collection))
        if exists and rebuild:
            self._write(lambda client: client.delete_collection(self._collection))
            exists = False
        if not exists:
            if self._read_only:
                raise NotIngestedError(
                    f"{self._url}: expected a collection {self._collection!r}, found none; "
                    "run `ethochat ingest` on the experiment first."
                )
            self._write(self._create(dimension))
        found = self.describe()
        if not exists and not found:
            self._write(lambda client: client.delete_collection(self._collection))
            raise BackendUnavailableError(
                f"{self._url}: expected a Qdrant server that keeps collection metadata (1.16 or newer), "
                "found an older one."
            )
        check_description(found, self._description, where=f"{self._url}, collection {self._collection!r}")

    def _create(self, dimension: int) -> Callable[[QdrantClient], object]:
        config = collection_config(dimension) | self._options.collection()

        def create(client: QdrantClient) -> None:
            from qdrant_client.http.exceptions import UnexpectedResponse

            try:
                client.create_collection(self._collection, metadata=self._description, **config)
            except UnexpectedResponse as exc:
                # Made by an attempt whose answer was lost, or by another process: its description is compared next.
                if exc.status_code != _CONFLICT:
                    raise
            client.create_payload_index(self._collection, MARK_FIELD, "keyword", wait=True)

        return create

    def _indexed_fields(self) -> set[str]:
        if self._indexed is None:
            info = self._read(lambda client: client.get_collection(self._collection))
            self._indexed = set(info.payload_schema)
        return self._indexed

    @contextmanager
    def _reading(self) -> Iterator[Call]:
        yield self._read

    @contextmanager
    def _writing(self) -> Iterator[Call]:
        if self._read_only:
            raise RuntimeError(
                f"{self._url}: expected an index opened for writing, got one opened for reading."
            )
        yield self._read

    def _write(self, call: Callable[[QdrantClient], ResultT]) -> ResultT:
        with self._writing() as make:
            return make(call)

    def _read(self, call: Callable[[QdrantClient], ResultT]) -> ResultT:
        """Call the server, again after a pause where it is busy or out of reach."""
        from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        for pause_s in (*self._pauses_s, None):
            try:
                return call(self._client)
            except (ResponseHandlingException, ResourceExhaustedResponse, UnexpectedResponse) as exc:
                status = getattr(exc, "status_code", None)
                if pause_s is None or (isinstance(exc, UnexpectedResponse) and status not in _TRANSIENT):
                    raise self._unavailable(exc, status) from exc
                wait_s = min(max(pause_s, getattr(exc, "retry_after_s", 0)), _LONGEST_WAIT_S)
                logger.warning("%s: %s; trying again in %.1f s.", self._url, exc, wait_s)
                time.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def _unavailable(self, exc: Exception, status: int | None) -> BackendUnavailableError | NotIngestedError:
        if status in (401, 403):
            return BackendUnavailableError(
                f"{self._url}: the Qdrant server refused the key (status {status}); set QDRANT_API_KEY."
            )
        if status == 404:
            return NotIngestedError(
                f"{self._url}: expected a collection {self._collection!r}, found none; "
                "run `ethochat ingest` on the experiment."
            )
        return BackendUnavailableError(
            f"{self._url}: expected an answer from a Qdrant server, got {exc}; "
            "check that it runs and that the address is right."
        )


def _collection_name(path: Path) -> str:
    """Readable and distinct: the experiment folder's name and a hash of where it lies."""
    folder = path.resolve()
    readable = re.sub(r"[^A-Za-z0-9]+", "-", folder.parent.parent.name).strip("-")
    return f"ethochat-{readable}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
