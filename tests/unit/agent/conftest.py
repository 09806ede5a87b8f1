"""A tiny experiment and three tiny tools with known answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import pytest
from langchain_core.messages import AIMessage
from pydantic import BaseModel, ConfigDict, Field

from ethochat.agent.scripted import ScriptedChatModel
from ethochat.index.catalog import CATALOG_VERSION, Catalog
from ethochat.index.experiment import Experiment
from ethochat.tools.arguments import AskUserArguments, DeclineArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import AmbiguousSourceError, ToolFailedError
from ethochat.tools.evidence import ClipRef, Evidence, Figure, Value


class CountArguments(BaseModel):
    model_config = ConfigDict(extra="forbid")

    behavior: Annotated[str, Field(description="Behavior to count.")]
    source: Annotated[str | None, Field(description="Rater.")] = None


class ClipArguments(BaseModel):
    behavior: Annotated[str, Field(description="Behavior to show.")]


COUNTS = {"rearing": 12, "grooming": 3}


def count(context: ToolContext, arguments: CountArguments) -> Evidence:
    if arguments.behavior == "boom":
        raise ZeroDivisionError("a bug in a tool")
    if arguments.behavior == "ambiguous" and arguments.source is None:
        raise AmbiguousSourceError("Jin and Oliver differ; name one.", sources=("Jin", "Oliver"))
    n = COUNTS.get(arguments.behavior, 7)
    value = Value(
        name="bout_count", value=n, unit="bouts", session_id="s1", group={"behavior": arguments.behavior}
    )
    return Evidence(
        evidence_id="",
        tool="count",
        arguments=arguments.model_dump(),
        summary=f"{arguments.behavior}: {n} bouts",
        values=[value],
        n_rows=n,
    )


def show(context: ToolContext, arguments: ClipArguments) -> Evidence:
    if arguments.behavior == "flying":
        raise ToolFailedError("No session has flying.")
    clip = ClipRef(session_id="s1", start_time=1.5, stop_time=4.0)
    figure = Figure(title="raster", plotly_json='{"data": []}', path="figures/raster.html")
    return Evidence(
        evidence_id="", tool="show", summary="1 clip: s1, 1.5 to 4.0 s", clips=[clip], figures=[figure]
    )


def never(context: ToolContext, arguments: BaseModel) -> Evidence:
    raise AssertionError("a call that ends the turn is not run")


TOOLS = (
    Tool(name="count", description="Count bouts.", arguments=CountArguments, function=count),
    Tool(name="show", description="Show clips.", arguments=ClipArguments, function=show),
    Tool(name="ask_user", description="Ask back.", arguments=AskUserArguments, function=never),
    Tool(name="decline", description="Decline.", arguments=DeclineArguments, function=never),
)


@pytest.fixture
def tools():
    return TOOLS


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    """Two sessions of 60 s, groups A and B, one rater who marks rearing and grooming; s2 is flagged."""
    metadata = pl.DataFrame({"session_id": ["s1", "s2"], "group": ["A", "B"], "weight_g": [24.5, 26.0]})
    experiment = Experiment(root=tmp_path, name="Tiny\nexperiment", metadata=metadata)
    catalog = Catalog(experiment.data_dir)
    for session_id in ("s1", "s2"):
        row = {"session_id": session_id, "subject_id": f"M{session_id[1]}"}
        sessions = pl.DataFrame(
            [row | {"time_unit": "s", "fps": 25.0, "duration": 60.0, "excluded": session_id == "s2"}]
        )
        coverage = pl.DataFrame(
            [
                {
                    "session_id": session_id, "individual": "", "kind": "annotations", "source": "Oliver",
                    "source_kind": "manual", "start_time": 0.0, "stop_time": 60.0, "n_frames": 1500,
                    "behaviors": ["grooming", "rearing"],
                }
            ]
        )  # fmt: skip
        flags = pl.DataFrame(
            [{"session_id": "s2", "code": "mostly_missing", "excludes": True, "message": "97 % missing"}]
        )
        individuals = pl.DataFrame([row | {"individual": ""}])
        tables = {"sessions": sessions, "coverage": coverage, "individuals": individuals}
        catalog.write_session(session_id, tables | ({"flags": flags} if session_id == "s2" else {}))
    catalog.write_state({"catalog_version": CATALOG_VERSION, "sessions": {"s1": {}, "s2": {}}})
    return ToolContext(
        experiment=experiment,
        catalog=catalog,
        open_search=lambda: pytest.fail("no search"),
        figures_dir=tmp_path / "figures",
    )


@pytest.fixture
def call():
    """Make a reply with tool calls: ``call(("count", {"behavior": "rearing"}), …)``."""
    numbers = iter(range(1000))

    def make(*calls: tuple[str, dict[str, object]]) -> AIMessage:
        made = [
            {"name": name, "args": args, "id": f"c{next(numbers)}", "type": "tool_call"}
            for name, args in calls
        ]
        return AIMessage("", tool_calls=made)

    return make


@pytest.fixture
def scripted():
    """Make a chat model from the replies of each turn."""

    def make(*turns: list[AIMessage | str]) -> ScriptedChatModel:
        return ScriptedChatModel(
            script=[
                [AIMessage(reply) if isinstance(reply, str) else reply for reply in turn] for turn in turns
            ]
        )

    return make
