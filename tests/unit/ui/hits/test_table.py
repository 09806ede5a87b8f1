from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ethochat.tools.evidence import ClipRef
from ethochat.ui.hits import Hits
from ethochat.ui.hits.table import csv_of_hits, safe_cell, write_csv


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_table_is_written_byte_by_byte(hits: Hits) -> None:
    video = hits.video_of("oft_1")
    assert csv_of_hits(hits).splitlines() == [
        "rank,session_id,individual,subject_id,start_time,stop_time,duration,time_unit,score,description,why,source,has_video,verified,"
        "probability,seen,video,group",
        f"1,oft_1,,m1,3.0,5.0,2.0,s,0.91,Rearing,Rearing by anna,,true,,,,{video},drug",
        '2,oft_2,,m2,2.0,3.5,1.5,s,0.5,"\'=HYPERLINK(""x""), then <b>up</b>",,,false,,,,,drug',
        f"3,oft_1,,m1,4.0,6.0,2.0,s,0.4,Rearing,,,true,,,,{video},drug",
        f"4,oft_1,red,m1,1.0,2.0,1.0,s,0.25,Rearing,,,true,,,,{video},drug",
    ]


def test_what_a_model_said_is_written_as_one_harmless_line(make_hits: Callable[..., Hits]) -> None:
    said = "=cmd()\n<script>x</script> [a](http://b)\x1b[31m"
    hits = make_hits(
        ClipRef(
            session_id="oft_1", start_time=1, stop_time=2, verified=False, probability=0.125, seen="rejected"
        ),
        ClipRef(session_id="oft_1", start_time=3, stop_time=4, seen=said),
    )
    rejected, other = rows_of(csv_of_hits(hits))
    assert (rejected["verified"], rejected["probability"], rejected["seen"]) == ("false", "0.125", "rejected")
    assert (other["verified"], other["probability"], other["seen"]) == ("", "", "'=cmd() x a31m")


def test_no_hits_are_a_header(make_hits: Callable[..., Hits]) -> None:
    assert csv_of_hits(make_hits()).count("\n") == 1


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


def test_numbers_are_no_formulas(make_hits: Callable[..., Hits]) -> None:
    hits = make_hits(ClipRef(session_id="oft_1", start_time=-1.5, stop_time=2.0, score=-0.25))
    row = rows_of(csv_of_hits(hits))[0]
    assert (row["start_time"], row["score"]) == ("-1.5", "-0.25")


def test_metadata_column_never_takes_the_place_of_ours(make_hits: Callable[..., Hits]) -> None:
    hits = make_hits(ClipRef(session_id="oft_1", start_time=0.0, stop_time=1.0, score=0.5))
    object.__setattr__(hits, "columns", ["score", "=cmd"])
    hits.sessions["oft_1"].update({"score": "high", "=cmd": "-x"})  # type: ignore[attr-defined]
    row = rows_of(csv_of_hits(hits))[0]
    assert (row["score"], row["score (session)"], row["'=cmd"]) == ("0.5", "high", "'-x")


def test_frames_stay_frames(make_hits: Callable[..., Hits]) -> None:
    row = rows_of(csv_of_hits(make_hits(ClipRef(session_id="ri_1", start_time=20, stop_time=45))))[0]
    assert (row["start_time"], row["time_unit"], row["subject_id"], row["score"]) == (
        "20.0",
        "frames",
        "",
        "",
    )


def test_file_comes_with_how_it_was_found(hits: Hits, tmp_path: Path) -> None:
    written = write_csv(hits, tmp_path / "out" / "rears.csv")
    assert [path.name for path in written] == ["rears.csv", "rears.provenance.json"]
    assert written[0].read_text(encoding="utf-8") == csv_of_hits(hits)
    assert json.loads(written[1].read_text(encoding="utf-8"))["query"] == "rearing"
