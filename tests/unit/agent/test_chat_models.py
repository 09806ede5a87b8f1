"""Names of chat models, and what a server must be able to do before the first question."""

from __future__ import annotations

import builtins
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from ethochat.agent.chat_models import probe_tool_calling, resolve_chat_model
from ethochat.agent.foreign import foreign_errors
from ethochat.agent.run import Conversation
from ethochat.index.errors import BackendUnavailableError


class _Server(ThreadingHTTPServer):
    """An OpenAI-compatible server: calls the first tool, then answers; or never calls one."""

    tools_work = True
    daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message = {"role": "assistant", "content": "They reared 12 times [e1]."}
        is_answered = any(item["role"] == "tool" for item in body["messages"])
        if self.server.tools_work and body.get("tools") and not is_answered:
            function = body["tools"][0]["function"]["name"]
            arguments = '{"behavior": "rearing"}' if function == "count" else '{"word": "ready"}'
            calls = [{"id": "c1", "type": "function", "function": {"name": function, "arguments": arguments}}]
            message = {"role": "assistant", "content": None, "tool_calls": calls}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        reply = {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [choice],
        }
        raw = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@pytest.fixture
def server():
    with _Server(("127.0.0.1", 0), _Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def test_instance_is_accepted_as_it_is(context):
    model = FakeListChatModel(responses=["x"])
    assert resolve_chat_model(model, context) is model


@pytest.mark.parametrize("spec", ["gpt", "openai:", ":gpt", ""])
def test_unknown_form_lists_the_known_ones(context, spec):
    with pytest.raises(
        BackendUnavailableError, match="builtin, openai:MODEL, openai:MODEL@http://HOST:PORT/v1"
    ):
        resolve_chat_model(spec, context)


def test_unknown_provider_is_refused(context):
    with pytest.raises(BackendUnavailableError, match="PROVIDER:MODEL"):
        resolve_chat_model("nobody:model", context)


@pytest.mark.parametrize(
    ("spec", "package"), [("ollama:qwen3", "ethochat[ollama]"), ("groq:x", "langchain-groq")]
)
def test_missing_package_is_named_with_the_line_that_installs_it(context, spec, package, monkeypatch):
    real_import = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith(("langchain_ollama", "langchain_groq")):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BackendUnavailableError) as caught:
        resolve_chat_model(spec, context)
    assert f"pip install '{package}'" in str(caught.value)


def test_missing_key_names_its_variable(context, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(BackendUnavailableError, match="OPENAI_API_KEY"):
        resolve_chat_model("openai:gpt-5", context)


def test_server_that_calls_tools_answers_questions(context, tools, server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with Conversation(context, model=f"openai:local@{server.url}", tools=tools) as conversation:
        answer = conversation.ask("How often do they rear?")
    assert (answer.status, answer.answer) == ("answered", "They reared 12 times [e1].")
    assert answer.model == f"openai:local@{server.url}"


def test_server_without_tool_calls_fails_before_the_first_question(context, tools, server):
    server.tools_work = False
    with pytest.raises(BackendUnavailableError, match="Expected ChatOpenAI to call a tool, got the text"):
        Conversation(context, model=f"openai:local@{server.url}", tools=tools)


def test_server_that_is_not_there_is_a_plain_error(context):
    with _Server(("127.0.0.1", 0), _Handler) as gone:
        url = gone.url
    model = resolve_chat_model(f"openai:local@{url}", context)
    model.max_retries = 0
    with pytest.raises(
        BackendUnavailableError, match=r"Expected ChatOpenAI to answer, got .*Connection error"
    ):
        probe_tool_calling(model)


def test_model_that_takes_no_tools_is_refused():
    with pytest.raises(BackendUnavailableError, match="cannot be given tools"):
        probe_tool_calling(FakeListChatModel(responses=["x"]))


def test_every_error_of_the_openai_package_is_known():
    import openai

    public = [getattr(openai, name) for name in openai.__all__]
    errors = [item for item in public if isinstance(item, type) and issubclass(item, Exception)]
    errors.remove(openai.InvalidWebhookSignatureError)  # of a server's callbacks, never of a chat call
    assert len(errors) > 5
    assert all(issubclass(item, foreign_errors()) for item in errors)
