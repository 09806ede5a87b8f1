"""What a tool is: a name, typed arguments and a function from context and arguments to evidence.

Nothing here knows a language-model framework: the agent makes LangChain tools of them, the command line and Python call
:meth:`Tool.run`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolRetryError
from ethochat.tools.evidence import Evidence

ArgumentsT = TypeVar("ArgumentsT", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Generic[ArgumentsT]):
    """One thing the chat model may call."""

    name: str
    description: str
    """One paragraph, as the model reads it."""
    arguments: type[ArgumentsT]
    function: Callable[[ToolContext, ArgumentsT], Evidence]
    """Returns evidence without an id; the agent numbers it."""

    def run(self, context: ToolContext, arguments: dict[str, Any]) -> Evidence:
        """Check the arguments and call the function.

        Raises
        ------
        ToolRetryError
            When arguments are missing, unknown or of the wrong type, or name what the experiment does not have.
        ToolFailedError
            When the data cannot give what was asked.
        """
        try:
            checked = self.arguments.model_validate(arguments)
        except ValidationError as exc:
            problems = "; ".join(
                f"{'.'.join(str(part) for part in error['loc']) or 'arguments'}: {error['msg']}"
                for error in exc.errors()
            )
            raise ToolRetryError(f"{self.name}: {problems}") from exc
        return self.function(context, checked)
