"""One string, one chat model: ``builtin``, ``provider:model[@URL]``, ``transformers:MODEL_OR_PATH``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from ethochat.agent.foreign import foreign_errors
from ethochat.index.errors import BackendUnavailableError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from ethochat.tools.context import ToolContext

FORMS: Final = (
    "builtin, openai:MODEL, openai:MODEL@http://HOST:PORT/v1, PROVIDER:MODEL, transformers:MODEL_OR_PATH"
)
_EXTRAS: Final = ("openai", "anthropic", "ollama")
"""Providers for which ethochat has an extra of the same name."""
_KEYS: Final = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
_PROBE: Final = {
    "type": "function",
    "function": {
        "name": "report_ready",
        "description": "Report that you can call tools.",
        "parameters": {
            "type": "object",
            "properties": {"word": {"type": "string", "description": "The word to report."}},
            "required": ["word"],
        },
    },
}


def resolve_chat_model(spec: str | BaseChatModel, context: ToolContext) -> BaseChatModel:
    """Make a chat model of its name; an instance comes back as it is.

    Parameters
    ----------
    spec
        One of :data:`FORMS`. Only a named provider or URL makes data leave the machine.
    context
        The experiment; the built-in model reads its vocabulary.

    Raises
    ------
    BackendUnavailableError
        When the form is unknown, a package or key is missing, or a model folder cannot be loaded.
    """
    if not isinstance(spec, str):
        return spec
    if spec == "builtin":
        from ethochat.agent.builtin.model import BuiltinChatModel

        return BuiltinChatModel(context=context)
    provider, _, model = spec.partition(":")
    if not provider or not model:
        raise BackendUnavailableError(f"Expected a chat model as one of {FORMS}; got {spec!r}.")
    if provider == "transformers":
        from ethochat.agent.transformers_chat import TransformersChatModel

        return TransformersChatModel.load(model)
    return _provider_model(provider, model)


def _provider_model(provider: str, model: str) -> BaseChatModel:
    name, at, url = model.rpartition("@http")
    options: dict[str, Any] = {}
    if at:
        model = name
        options = {"base_url": f"http{url}"}
        if provider == "openai":  # servers without accounts still want a key to be sent
            options["api_key"] = os.environ.get("OPENAI_API_KEY", "none")
    elif provider in _KEYS and not os.environ.get(_KEYS[provider]):
        raise BackendUnavailableError(
            f"Expected a key for {provider} in the environment variable {_KEYS[provider]}, found none; "
            f"set it, or name a server of your own as {provider}:{model}@http://HOST:PORT/v1."
        )
    try:
        from langchain.chat_models import init_chat_model

        made: BaseChatModel = init_chat_model(model, model_provider=provider, **options)
    except ImportError as exc:
        package = (
            f"ethochat[{provider}]" if provider in _EXTRAS else f"langchain-{provider.replace('_', '-')}"
        )
        raise BackendUnavailableError(
            f"Chat models of {provider!r} need a package that is missing; run `pip install '{package}'`."
        ) from exc
    except ValueError as exc:
        message = f"Expected a chat model as one of {FORMS}; got {provider}:{model}: {exc}"
        raise BackendUnavailableError(message) from exc
    return made


def probe_tool_calling(chat_model: BaseChatModel) -> None:
    """Make one small round trip, so that a model without tool calling fails before the first question.

    Raises
    ------
    BackendUnavailableError
        When the model cannot be reached, refuses tools, or answers without calling the one it was told to.
    """
    name = type(chat_model).__name__
    try:
        bound = chat_model.bind_tools([_PROBE])
        reply = bound.invoke("Call the tool report_ready with the word `ready`. Do not answer in text.")
    except NotImplementedError as exc:
        raise BackendUnavailableError(f"{name} cannot be given tools; choose another chat model.") from exc
    except foreign_errors() as exc:
        raise BackendUnavailableError(f"Expected {name} to answer, got {type(exc).__name__}: {exc}") from exc
    if not any(call["name"] == "report_ready" for call in reply.tool_calls):
        said = reply.text.strip()[:80]
        raise BackendUnavailableError(
            f"Expected {name} to call a tool, got the text {said!r}. Choose a model trained for tools and "
            "a server that passes them on: vLLM with --enable-auto-tool-choice and --tool-call-parser, "
            "llama.cpp with --jinja."
        )
