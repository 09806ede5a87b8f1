"""What the page's search serves: stills and clips of hits, cut when a browser asks for them, and files to save.

A browser gets addresses with random names, not paths; behind each lies a moment that this server found, or a file that it wrote. All of
them lie in the experiment's folder of clips.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from ethochat.tools.evidence import ClipRef
from ethochat.ui.clips import Clips, Player

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 2
"""Most clips cut at the same time, and most stills beside them; the rest wait, and the page goes on."""
_MOST_KNOWN: Final = 50_000
"""Moments that have an address; the oldest lose theirs."""
_SAVED_S: Final = 3600.0
"""How long a file that was made to be saved is kept."""
_SAVED: Final = "saved-"
_PRIVATE: Final = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}


class Media:
    """Gives moments and files their addresses, and answers for them."""

    def __init__(self, clips: Clips) -> None:
        """Serve nothing yet.

        Parameters
        ----------
        clips
            Cuts clips and stills into its folder.
        """
        self.clips = clips
        # Who plays a clip does not wait for the stills of a long list.
        self._pools = {
            still: ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="cut") for still in (True, False)
        }
        self._moments: OrderedDict[str, ClipRef] = OrderedDict()
        self._tokens: dict[str, str] = {}
        self._files: dict[str, tuple[Path, str]] = {}
        self._guard = threading.Lock()

    def address_of(self, clip: ClipRef) -> str:
        """Give a moment an address, relative to the page's and without its ending (``.jpg`` or ``.mp4``).

        The same moment has the same address for as long as it is known.
        """
        key = _moment_key(clip)
        with self._guard:
            token = self._tokens.get(key)
            if token is None:
                token = self._tokens[key] = secrets.token_hex(16)
            self._moments[token] = clip
            self._moments.move_to_end(token)
            while len(self._moments) > _MOST_KNOWN:
                _, oldest = self._moments.popitem(last=False)
                self._tokens.pop(_moment_key(oldest), None)
        return f"moments/{token}"

    def new_file(self, name: str) -> tuple[Path, str]:
        """Make room for a file to save.

        Parameters
        ----------
        name
            As it will be called where it is saved.

        Returns
        -------
        tuple
            Where to write it, and its address. It is removed after an hour.
        """
        self._forget_old_files()
        token = uuid4().hex
        path = self.clips.folder / f"{_SAVED}{token}{Path(name).suffix}"
        with self._guard:
            self._files[token] = (path, name)
        return path, f"saved/{token}"

    def _forget_old_files(self) -> None:
        old = time.time() - _SAVED_S
        for path in self.clips.folder.glob(f"{_SAVED}*"):
            try:
                if path.stat().st_mtime < old:
                    path.unlink(missing_ok=True)
            except OSError as exc:  # another server may be removing it
                logger.info("%s was not removed: %s", path, exc)
        with self._guard:
            self._files = {token: item for token, item in self._files.items() if item[0].exists()}

    def mount(self, app: Starlette) -> None:
        """Answer under ``/moments`` and ``/saved``."""
        app.add_route("/moments/{token}.jpg", self._still, methods=["GET", "HEAD"])
        app.add_route("/moments/{token}.mp4", self._clip, methods=["GET", "HEAD"])
        app.add_route("/saved/{token}", self._file, methods=["GET", "HEAD"])

    def close(self) -> None:
        """Cut nothing any more."""
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)

    async def _still(self, request: Request) -> Response:
        return await self._cut(request, still=True)

    async def _clip(self, request: Request) -> Response:
        return await self._cut(request, still=False)

    async def _cut(self, request: Request, *, still: bool) -> Response:
        from starlette.responses import FileResponse, PlainTextResponse

        clip = self._moments.get(request.path_params["token"])
        if clip is None:
            return PlainTextResponse("This moment is no longer known: search again.", 404)
        make = self.clips.still if still else self.clips.cut
        player: Player = await asyncio.get_running_loop().run_in_executor(self._pools[still], make, clip)
        if player.path is None:
            return PlainTextResponse(player.caption, 404)
        kind = "image/jpeg" if still else "video/mp4"
        return FileResponse(player.path, media_type=kind, headers=_PRIVATE)

    async def _file(self, request: Request) -> Response:
        from starlette.responses import FileResponse, PlainTextResponse

        path, name = self._files.get(request.path_params["token"], (None, ""))
        if path is None or not path.is_file():
            return PlainTextResponse("This file is no longer kept: save it again.", 404)
        return FileResponse(path, filename=name, headers=_PRIVATE)


def _moment_key(clip: ClipRef) -> str:
    """Name a moment; what a model says of it does not make it another one."""
    return clip.model_dump_json(exclude={"verified", "probability", "seen"})
