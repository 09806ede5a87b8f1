import json
from pathlib import Path

import polars as pl
import pytest

from ethochat.agent.answer import Answer
from ethochat.index.video import probe_video
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import ClipRef, Evidence, Figure, Value
from ethochat.ui.results import Clips, figures_of, page_figure, table_html, table_of_values


def clip(session_id: str, start: float, stop: float, description: str = "Rearing") -> ClipRef:
    return ClipRef(session_id=session_id, start_time=start, stop_time=stop, description=description)


def test_clip_is_cut_into_the_experiments_cache(context: ToolContext) -> None:
    clips = Clips(context)
    player = clips.cut(clip("oft_1", 3.0, 5.0))
    assert player.path is not None
    assert player.path.parent == context.experiment.data_dir / "cache" / "clips"
    assert (
        probe_video(player.path).n_frames == 40
    )  # 2 s and a second before and after, at 10 frames per second
    assert player.caption.startswith("oft_1 · 3.00–5.00 s · Rearing.")


def test_clip_of_a_session_without_frame_rate_is_cut_by_frames(context: ToolContext) -> None:
    clips = Clips(context)
    ref = clip("ri_1", 20, 45, "chase")
    player = clips.cut(ref)
    assert clips.label(ref) == "ri_1 · frames 20–45 · chase"
    assert player.path is not None
    assert probe_video(player.path).n_frames == 45  # 25 frames and 10 before and after


def test_session_without_video_says_so(context: ToolContext) -> None:
    player = Clips(context).cut(clip("oft_2", 2, 3))
    assert player.path is None
    assert player.caption == "oft_2 has no video: only its times are known."


@pytest.mark.parametrize(("session_id", "start"), [("oft_3", 1.0), ("oft_1", 500.0)])
def test_clip_that_cannot_be_cut_says_why(context: ToolContext, session_id: str, start: float) -> None:
    player = Clips(context).cut(clip(session_id, start, start + 1))
    assert player.path is None
    assert player.caption.startswith("No clip can be shown. ")


def test_unknown_session_has_no_video(context: ToolContext) -> None:
    assert Clips(context).cut(clip("../../etc", 0, 1)).path is None


def test_long_interval_is_cut_short_and_says_so(
    context: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ethochat.ui.results._LONGEST_CLIP_S", 2.0)
    player = Clips(context).cut(clip("oft_1", 3.0, 9.0))
    assert player.caption.endswith("Only the first 2 s are shown.")
    assert player.path is not None
    assert probe_video(player.path).n_frames == 40


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
