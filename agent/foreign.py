"""Which exceptions of other libraries mean that a chat model cannot be reached or refused the call."""

from __future__ import annotations

import sys
from typing import Final

_BASES: Final = (
    "openai:OpenAIError",
    "anthropic:AnthropicError",
    "ollama:ResponseError",
    "httpx:HTTPError",
    "requests:RequestException",
    "botocore.exceptions:BotoCoreError",
    "google.api_core.exceptions:GoogleAPIError",
)


def foreign_errors() -> tuple[type[Exception], ...]:
    """Return the base errors of the provider libraries that are loaded, without loading any."""
    loaded = []
    for name in _BASES:
        module, _, attribute = name.partition(":")
        found = getattr(sys.modules.get(module), attribute, None)
        if found is not None:
            loaded.append(found)
    return (ConnectionError, TimeoutError, *loaded)
