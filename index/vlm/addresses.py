"""Which servers are meant: ``MODEL@URL[,URL…]`` read, and what of it may be shown."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from ethochat.index.errors import BackendUnavailableError

OPENAI_URL: Final = "https://api.openai.com/v1"
"""Where requests go that name no server; only ``openai:MODEL`` spelled out by the user gets there."""

KEY_VARIABLES: Final = ("ETHOCHAT_VLM_KEY", "OPENAI_API_KEY")

_FORM: Final = "MODEL@URL[,URL…], such as qwen3-vl@http://localhost:8000/v1"
_NAMED: Final = re.compile(r"(?P<model>.+?)@(?P<urls>https?://.*)", re.DOTALL | re.IGNORECASE)
_KNOWN_ENDINGS: Final = ("/chat/completions", "/models")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One server; nothing that its ``repr`` or ``shown`` gives away is a secret."""

    base: str
    """URL up to and with the version, without credentials, query and final slash."""
    query: str = field(default="", repr=False)
    """What some gateways want after each path (``api-version=…``); may hold a key."""
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """Scheme, host and port: what people and stored rows see."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self.base).netloc

    @property
    def local(self) -> bool:
        """Whether it is this machine, where no proxy has a place."""
        name = urlsplit(self.base).hostname or ""
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return name == "localhost" or name.endswith(".localhost")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in any text."""
        values = (value for _, value in parse_qsl(self.query))
        return tuple(filter(None, (self.password, quote(self.password, safe=""), self.query, *values)))


def parse_name(rest: str) -> tuple[str, tuple[Address, ...]]:
    """Read what follows ``openai:``.

    Returns
    -------
    tuple
        The model's name as the server knows it, and at least one address.

    Raises
    ------
    BackendUnavailableError
        When it names no model, or something after the ``@`` that is no URL: it must not be taken for a part of the
        model's name, since frames would then go to the default server instead of the one that was meant.
    """
    named = _NAMED.fullmatch(rest.strip())
    if named is None:
        if "@" in rest or not rest.strip():
            raise BackendUnavailableError(
                f"Expected {_FORM}, got {_without_credentials(rest)!r}; a URL begins with http:// or https://."
            )
        return rest.strip(), (Address(base=OPENAI_URL),)
    urls = [url.strip() for url in named["urls"].split(",") if url.strip()]
    addresses = tuple(dict.fromkeys(_read_address(url) for url in urls))
    return named["model"].strip(), addresses


def read_key(addresses: Sequence[Address], environment: Mapping[str, str] = os.environ) -> str | None:
    """Read the key that servers are told: ``ETHOCHAT_VLM_KEY``, and for OpenAI's own alone else ``OPENAI_API_KEY``.

    A key for OpenAI is told to nobody else: the lab's own server has no business with it.
    """
    own = all(f"{address.base}/".startswith("https://api.openai.com/") for address in addresses)
    names = KEY_VARIABLES if own else KEY_VARIABLES[:1]
    return next((environment[name].strip() for name in names if environment.get(name, "").strip()), None)


def scrub(text: str, secrets: tuple[str, ...]) -> str:
    """Take secrets out of a text that others wrote, such as a server's complaint about a key."""
    for secret in secrets:
        text = text.replace(secret, "…")
    return text


def _read_address(url: str) -> Address:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BackendUnavailableError(
            f"Expected {_FORM}, got {_without_credentials(url)!r}: {error}."
        ) from error
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise BackendUnavailableError(
            f"Expected {_FORM}, got {_without_credentials(url)!r}; a URL begins with http:// or https://."
        )
    path = parts.path.rstrip("/")
    for ending in _KNOWN_ENDINGS:
        path = path.removesuffix(ending)
    netloc = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    return Address(
        base=f"{parts.scheme.lower()}://{netloc}{path or '/v1'}",
        query=parts.query,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _without_credentials(text: str) -> str:
    """Cut what stands between the scheme (or the first ``@``) and a host, and every query."""
    text = re.sub(r"(?<=//)[^/@,]*@", "", text)
    return re.sub(r"\?[^,]*", "", re.sub(r"@[^/@,]*@", "@", text))
