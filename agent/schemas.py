"""Tools as chat models read them: OpenAI function schemas made of the typed arguments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from langchain_core.utils.json_schema import dereference_refs

from ethochat.tools.base import Tool


def tool_schemas(tools: Iterable[Tool[Any]]) -> list[dict[str, Any]]:
    """Describe tools in the OpenAI form that every provider package of LangChain accepts.

    References are written out, since not every server resolves ``$ref``; titles only repeat names.
    """
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": _plain(tool.arguments.model_json_schema()),
            },
        }
        for tool in tools
    ]


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    written_out: dict[str, Any] = dereference_refs(schema)
    written_out.pop("$defs", None)
    plain: dict[str, Any] = _without_titles(written_out)
    return plain


def _without_titles(node: Any) -> Any:  # noqa: ANN401 - a JSON schema node may be anything
    """Drop the titles that pydantic makes of names; a property called ``title`` is an object and stays."""
    if isinstance(node, dict):
        return {
            key: _without_titles(value)
            for key, value in node.items()
            if not (key == "title" and isinstance(value, str))
        }
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    return node
