"""What the page serves of hits, asked over the same routes as a browser asks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import ClipRef
from ethochat.ui import media as module
from ethochat.ui.clips import Clips
from ethochat.ui.media import Media


def clip(session_id: str, start: float = 3.0, stop: float = 5.0) -> ClipRef:
    return ClipRef(session_id=session_id, start_time=start, stop_time=stop)


@pytest.fixture
def media(context: ToolContext) -> Iterator[Media]:
    media = Media(Clips(context))
    yield media
    media.close()


@pytest.fixture
def client(media: Media) -> Iterator[TestClient]:
    app = Starlette()
    media.mount(app)
    with TestClient(app) as client:
        yield client


def test_still_and_clip_of_a_moment_are_served(media: Media, client: TestClient) -> None:
    address = media.address_of(clip("oft_1"))
    still, video = client.get(f"/{address}.jpg"), client.get(f"/{address}.mp4")
    assert (still.status_code, still.headers["content-type"]) == (200, "image/jpeg")
    assert (video.status_code, video.headers["content-type"]) == (200, "video/mp4")
    assert still.content[:2] == b"\xff\xd8"
    assert video.content[4:8] == b"ftyp"


def test_part_of_a_clip_can_be_asked_for(media: Media, client: TestClient) -> None:
    part = client.get(f"/{media.address_of(clip('oft_1'))}.mp4", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")


@pytest.mark.parametrize(("session_id", "why"), [("oft_2", "oft_2 has no video"), ("oft_3", "no such file")])
@pytest.mark.parametrize("ending", ["jpg", "mp4"])
def test_moment_that_cannot_be_shown_says_why(
    media: Media, client: TestClient, session_id: str, why: str, ending: str
) -> None:
    reply = client.get(f"/{media.address_of(clip(session_id))}.{ending}")
    assert reply.status_code == 404
    assert reply.headers["content-type"].startswith("text/plain")
    assert why in reply.text


@pytest.mark.parametrize(
    "address",
    ["moments/x.mp4", "moments/..%2F..%2Fstate.jpg", "moments/x.json", "saved/x", "saved/..%2Fstate.json"],
)
def test_nothing_else_is_served(client: TestClient, address: str) -> None:
    assert client.get(f"/{address}").status_code == 404


def test_nothing_can_be_written(media: Media, client: TestClient) -> None:
    assert client.post(f"/{media.address_of(clip('oft_1'))}.mp4").status_code == 405


def test_same_moment_has_one_address_that_tells_nothing_of_it(media: Media) -> None:
    address = media.address_of(clip("oft_1"))
    assert media.address_of(clip("oft_1")) == address
    assert media.address_of(clip("oft_1", 3.0, 5.1)) != address
    assert "oft" not in address


def test_oldest_moments_are_forgotten(
    media: Media, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_KNOWN", 2)
    first = media.address_of(clip("oft_1", 1, 2))
    kept = media.address_of(clip("oft_1", 2, 3))
    media.address_of(clip("oft_1", 3, 4))
    assert "search again" in client.get(f"/{first}.jpg").text
    assert client.get(f"/{kept}.jpg").status_code == 200
    assert media.address_of(clip("oft_1", 1, 2)) != first


def test_saved_file_is_fetched_under_its_name_from_the_folder_of_clips(
    media: Media, client: TestClient
) -> None:
    path, address = media.new_file("hits.csv")
    assert path.parent == media.clips.folder
    assert "hits" not in path.name
    assert client.get(f"/{address}").status_code == 404  # not written yet
    path.write_text("rank\n")
    reply = client.get(f"/{address}")
    assert (reply.status_code, reply.text) == (200, "rank\n")
    assert reply.headers["content-disposition"] == 'attachment; filename="hits.csv"'


def test_saved_files_are_removed_after_an_hour(media: Media, client: TestClient) -> None:
    old, address = media.new_file("old.zip")
    old.write_bytes(b"x")
    os.utime(old, (time.time() - 4000, time.time() - 4000))
    stays = Path(media.clips.folder / "0123.mp4")
    stays.write_bytes(b"x")
    os.utime(stays, (time.time() - 4000, time.time() - 4000))
    media.new_file("new.zip")
    assert (old.exists(), stays.exists()) == (False, True)
    assert client.get(f"/{address}").status_code == 404
