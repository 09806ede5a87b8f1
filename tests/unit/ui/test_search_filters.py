from __future__ import annotations

import dataclasses
from pathlib import Path

import polars as pl
import pytest

from ethochat.index.catalog import Catalog
from ethochat.index.errors import InputError
from ethochat.index.vlm.access import VlmAccess
from ethochat.tools.arguments import SearchArguments
from ethochat.tools.context import ToolContext
from ethochat.ui.search_filters import Filter, call_of, filters_of, values_of


def named(filters: list[Filter]) -> dict[str, Filter]:
    return {item.name: item for item in filters}


def test_filters_are_made_of_what_the_experiment_holds(context: ToolContext) -> None:
    filters = named(filters_of(context))
    assert list(filters) == [
        "group", "sessions", "subjects", "behaviors", "without", "sources", "start_s", "stop_s", "min_duration_s", "max_duration_s",
        "per_session",
    ]  # fmt: skip
    assert [label for label, _ in filters["group"].choices] == [
        '<img src=x onerror="window.hacked=1">',
        "drug",
    ]
    assert [label for label, _ in filters["sessions"].choices] == ["oft_1", "oft_2", "oft_3", "ri_1"]
    assert [label for label, _ in filters["behaviors"].choices] == ["Rearing", "chase"]
    assert [label for label, _ in filters["sources"].choices] == ["S1", "anna"]
    assert filters["start_s"].label == "From (s)"


@pytest.mark.parametrize(
    ("values", "choices"),
    [
        (["b", "a", "b", None], [("a", "a"), ("b", "b")]),
        ([10, 9, 10, 1], [("1", 1), ("9", 9), ("10", 10)]),
        ([True, False, True, True], [("False", "False"), ("True", "True")]),
        ([0.5, 1.5, 2.5, 3.5], None),
        (["a", "a", "a", "a"], None),
    ],
)
def test_column_is_a_choice_where_its_values_are_few(
    context: ToolContext, tmp_path: Path, values: list[object], choices: list[tuple[str, object]] | None
) -> None:
    catalog = Catalog(tmp_path / "other")
    for number, value in enumerate(values):
        table = context.catalog.load("sessions").head(1).drop("group")
        row = table.with_columns(pl.lit(f"s{number}").alias("session_id"), pl.Series("dose", [value]))
        catalog.write_session(f"s{number}", {"sessions": row})
    other = ToolContext(
        experiment=context.experiment,
        catalog=catalog,
        open_search=context.open_search,
        figures_dir=context.figures_dir,
    )
    found = named(filters_of(other)).get("dose")
    assert (None if found is None else list(found.choices)) == choices


def test_column_of_many_values_is_no_choice(context: ToolContext, tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "other")
    for number in range(30):
        table = context.catalog.load("sessions").head(1)
        row = table.with_columns(
            pl.lit(f"s{number}").alias("session_id"), pl.lit(f"cage {number}").alias("cage")
        )
        catalog.write_session(f"s{number}", {"sessions": row})
    other = ToolContext(
        experiment=context.experiment,
        catalog=catalog,
        open_search=context.open_search,
        figures_dir=context.figures_dir,
    )
    assert "cage" not in named(filters_of(other))


FILTERS = [
    Filter(name="dose", label="dose", kind="column", choices=(("1", 1), ("2", 2))),
    Filter(name="sessions", label="Sessions", kind="column", choices=(("x", "x"),)),
    Filter(name="sessions", label="Sessions", kind="names", choices=(("s1", "s1"),)),
    Filter(name="min_speed", label="Speed at least (cm/s)", kind="number"),
    Filter(name="per_session", label="At most so many per session", kind="number"),
]


def test_values_become_arguments_and_come_back() -> None:
    values = [[1, 2], ["x"], ["s1"], "2.5", "3"]
    call = call_of(FILTERS, values)
    assert call == {
        "where": [
            {"column": "dose", "op": "in", "value": [1, 2]},
            {"column": "sessions", "op": "in", "value": ["x"]},
        ],
        "sessions": ["s1"],
        "min_speed": 2.5,
        "per_session": 3,
    }
    SearchArguments.model_validate(call)
    assert values_of(FILTERS, call) == values


@pytest.mark.parametrize("empty", [None, "", " "])
def test_what_is_not_set_asks_for_nothing(empty: str | None) -> None:
    assert call_of(FILTERS, [[], None, [], empty, empty]) == {}
    assert values_of(FILTERS, {}) == [[], [], [], "", ""]


def test_number_may_have_a_comma() -> None:
    assert call_of(FILTERS, [[], [], [], " 0,5 ", ""]) == {"min_speed": 0.5}


@pytest.mark.parametrize(
    ("speed", "per_session", "said"),
    [
        ("fast", "", "Expected a number in “Speed at least"),
        ("nan", "", "Expected a number"),
        ("inf", "", "Expected a number"),
        ("", "0", "Expected a whole number from 1 on"),
        ("", "2.5", "Expected a whole number from 1 on"),
    ],
)
def test_number_that_is_none_is_refused(speed: str, per_session: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call_of(FILTERS, [[], [], [], speed, per_session])


# ----------------------------------------------------------------- a model that looks
def test_hits_can_be_checked_only_where_there_is_a_model(context: ToolContext) -> None:
    assert "verify" not in named(filters_of(context))
    assert "verify" not in named(filters_of(dataclasses.replace(context, vlm=VlmAccess(spec=None))))
    looking = named(filters_of(dataclasses.replace(context, vlm=VlmAccess(spec="scripted"))))
    assert looking["verify"].choices == (
        ("none", 0),
        ("the best 5", 5),
        ("the best 10", 10),
        ("the best 20", 20),
    )


@pytest.mark.parametrize(("chosen", "call"), [(0, {}), (None, {}), (5, {"verify": 5}), (20, {"verify": 20})])
def test_number_to_check_is_an_argument_and_back(
    context: ToolContext, chosen: int | None, call: dict[str, int]
) -> None:
    filters = filters_of(dataclasses.replace(context, vlm=VlmAccess(spec="scripted")))[-1:]
    assert call_of(filters, [chosen]) == call
    assert values_of(filters, call) == [chosen or 0]


def test_number_that_cannot_be_chosen_is_refused(context: ToolContext) -> None:
    filters = filters_of(dataclasses.replace(context, vlm=VlmAccess(spec="scripted")))[-1:]
    with pytest.raises(InputError, match="Expected one of"):
        call_of(filters, [500])
