"""The tools ``ask_user`` and ``decline``: calls like any other, which end the turn without a number."""

from __future__ import annotations

from ethochat.tools.arguments import AskUserArguments, DeclineArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import Evidence


def ask_user(context: ToolContext, arguments: AskUserArguments) -> Evidence:
    """Hand a question back to the user."""
    options = [f"- {option}" for option in arguments.options]
    return Evidence(
        evidence_id="",
        tool=ASK_USER.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        summary="\n".join([arguments.question.strip(), *options]),
    )


def decline(context: ToolContext, arguments: DeclineArguments) -> Evidence:
    """Say that the data cannot answer."""
    suggestions = [f"- {suggestion}" for suggestion in arguments.suggestions]
    lead = ["What could be asked instead:"] if suggestions else []
    return Evidence(
        evidence_id="",
        tool=DECLINE.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        summary="\n".join([arguments.reason.strip(), *lead, *suggestions]),
    )


ASK_USER: Tool[AskUserArguments] = Tool(
    name="ask_user",
    description="Ask the user back when a needed part of the question is missing (which measure, which "
    "rater) or two readings are equally likely. Ends the turn; states no number.",
    arguments=AskUserArguments,
    function=ask_user,
)

DECLINE: Tool[DeclineArguments] = Tool(
    name="decline",
    description="Say that the experiment's data cannot answer: something that was not recorded, a cause, a "
    "feeling, a request that is no question about the data. Ends the turn; states no number.",
    arguments=DeclineArguments,
    function=decline,
)
