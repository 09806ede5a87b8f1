"""Starts servers of :mod:`openai_server` and ends them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("openai_server.py")


class ServerProcess:
    """One running server."""

    def __init__(self, **config: Any) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), json.dumps(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.strip().isdigit():
            self.stop()
            raise RuntimeError("the server did not start")
        self.port = int(line)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/v1"

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://{self.host}/stats", timeout=5) as response:
            return json.load(response)

    def asked(self, start: str) -> list[dict[str, Any]]:
        """What was answered to prompts that begin so."""
        return [item for item in self.stats()["asked"] if item["prompt"].startswith(start)]

    def post(self, path: str, body: dict[str, Any]) -> bytes:
        request = urllib.request.Request(
            f"http://{self.host}{path}", json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.read()

    def configure(self, **config: Any) -> None:
        """Change what it does."""
        self.post("/config", config)

    def renew(self, **config: Any) -> None:
        """Make it as if it had just been started so."""
        self.post("/renew", config)

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
