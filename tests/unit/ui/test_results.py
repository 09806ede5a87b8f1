import json
from pathlib import Path

import polars as pl

from ethochat.agent.answer import Answer
from ethochat.tools.evidence import Evidence, Figure, Value
from ethochat.ui.results import figures_of, page_figure, table_html, table_of_values


def test_values_drop_empty_columns_and_put_a_common_unit_in_the_header() -> None:
    values = [
        Value(
            name="distance",
            value=154.0939,
            unit="cm",
            statistic="mean",
            n=2,
            group={"group": "a"},
            evidence_id="e1",
        ),
        Value(
            name="distance",
            value=None,
            unit="cm",
            statistic="mean",
            n=0,
            group={"group": "b"},
            evidence_id="e1",
        ),
    ]
    assert table_of_values(values).to_dicts() == [
        {"group": "a", "statistic": "mean", "value (cm)": "154.094", "n": "2", "evidence": "e1"},
        {"group": "b", "statistic": "mean", "value (cm)": None, "n": "0", "evidence": "e1"},
    ]


def test_values_of_several_units_have_a_column_of_units() -> None:
    values = [Value(name="bout_count", value=3, unit="bouts"), Value(name="name", value="x", unit=None)]
    assert table_of_values(values).to_dicts() == [
        {"measure": "bout count", "value": "3", "unit": "bouts"},
        {"measure": "name", "value": "x", "unit": None},
    ]


def test_metadata_column_never_hides_a_column_of_the_table() -> None:
    value = Value(
        name="distance", value=1.0, unit="cm", session_id="s1", n=3, group={"session_id": "s1", "n": "odd"}
    )
    assert table_of_values([value]).to_dicts() == [
        {"measure": "distance", "session": "s1", "n (group)": "odd", "value (cm)": "1", "n": "3"}
    ]


def test_at_most_five_hundred_values_are_laid_out() -> None:
    assert table_of_values([Value(name="x", value=1.0, unit="s")] * 900).height == 500


def test_cells_and_headers_are_text() -> None:
    html = table_html(pl.DataFrame({"<b>": ["<img src=x>", "1"], "n": ["1", None]}))
    assert "<img" not in html
    assert "<th>&lt;b&gt;</th><th class='number'>n</th>" in html
    assert "<td>&lt;img src=x&gt;</td><td class='number'>1</td>" in html


def test_figures_come_in_the_order_of_the_evidence(tmp_path: Path) -> None:
    drawn = Figure(title="path", plotly_json='{"data": [{"type": "bar", "y": [1, 2]}], "layout": {}}')
    answer = Answer(
        question="?",
        status="answered",
        answer="",
        evidence=[Evidence(evidence_id="e1", tool="plot", figures=[drawn])],
    )
    assert figures_of(answer) == [drawn]


def test_figure_on_the_page_keeps_what_it_shows_and_is_as_wide_as_its_column() -> None:
    drawn = Figure(
        title="Path of S01", plotly_json='{"data": [{"type": "bar", "y": [1, 2]}], "layout": {"width": 900}}'
    )
    shown = page_figure(drawn)
    content = json.loads(shown.plot)
    assert shown.type == "plotly"
    assert content["data"] == [{"type": "bar", "y": [1, 2]}]
    assert content["layout"] == {"autosize": True, "height": 400}
    assert content["config"]["toImageButtonOptions"] == {"format": "svg", "filename": "path-of-s01"}


def test_high_figure_keeps_its_height() -> None:
    drawn = Figure(title="Ethogram", plotly_json='{"data": [], "layout": {"height": 1200}}')
    assert json.loads(page_figure(drawn).plot)["layout"]["height"] == 1200
