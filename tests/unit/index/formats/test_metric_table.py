"""Metric tables, wide and long."""

import pytest

from ethochat.index.errors import FormatError
from ethochat.index.formats.labels import METRIC_ROWS
from ethochat.index.formats.metric_table import MetricTableReader

READER = MetricTableReader()
WIDE = "file,group,distance,count\na,ctrl,1.5,2\nb,drug,NA,3\n"
LONG = "id,name,val,u\na,distance,1.5,cm\na,count,2,\nb,distance,7,cm\n"


def test_numeric_columns_are_metrics(write, ask):
    path = write(WIDE, "report.csv")
    metrics = READER.read(path, ask(session_key="a", key_column="file", units={"distance": "cm"})).metrics
    assert metrics.schema == METRIC_ROWS
    assert metrics.rows() == [
        ("", "distance", 1.5, "cm", "report"),
        ("", "count", 2.0, None, "report"),
    ]


def test_missing_value_gives_no_row(write, ask):
    metrics = READER.read(write(WIDE), ask(session_key="b", key_column="file", source="S")).metrics
    assert metrics.select("metric", "value", "source").rows() == [("count", 3.0, "S")]


def test_session_that_the_table_lacks_has_no_metrics(write, ask):
    metrics = READER.read(write(WIDE), ask(session_key="c", key_column="file")).metrics
    assert metrics.is_empty()
    assert metrics.schema == METRIC_ROWS


def test_long_table_has_one_row_per_value(write, ask):
    options = {"key_column": "id", "metric": "name", "value": "val", "unit": "u", "units": {"count": "bouts"}}
    metrics = READER.read(write(LONG), ask(session_key="a", **options)).metrics
    assert metrics.select("metric", "value", "unit").rows() == [
        ("distance", 1.5, "cm"),
        ("count", 2.0, "bouts"),
    ]


def test_animals_of_one_session_have_rows_of_their_own(write, ask):
    metrics = READER.read(write("mouse,d\nm1,1\nm2,2\n"), ask(individual="mouse", columns=["d"])).metrics
    assert metrics.select("individual", "value").rows() == [("m1", 1.0), ("m2", 2.0)]


def test_spreadsheet_is_read(spreadsheet, ask):
    path = spreadsheet([["file", "d"], ["a", 1.5], ["b", 2.5]])
    metrics = READER.read(path, ask(session_key="b", key_column="file")).metrics
    assert metrics.select("metric", "value").rows() == [("d", 2.5)]


@pytest.mark.parametrize(
    ("text", "options", "line", "words"),
    [
        ("file,d\na,1\na,2\n", {}, 3, "one row per session"),
        ("file,d\nb,1\na,x\n", {"columns": ["d"]}, 3, "Expected a number, found 'x'"),
        ("file,d\na,inf\n", {"columns": ["d"]}, 2, "Expected a number"),
        ("file,d\na,1\n", {"columns": ["e"]}, None, "column 'e'"),
        ("file,d\na,x\n", {}, None, "declare `columns`"),
        ("file;d\na;1\n", {}, 1, "declare `delimiter"),
        ("file,d\na,1\nb\n", {}, 3, "Expected 2 cells"),
        ("file,d\na,1\n", {"metric": "d"}, None, "together"),
        ("file,m,v\na,d,1\na,d,2\n", {"metric": "m", "value": "v"}, 3, "another one"),
        ("file,m,v\na,,1\n", {"metric": "m", "value": "v"}, 2, "name of a metric"),
        ("file,m,v\na,d,x\n", {"metric": "m", "value": "v"}, 2, "'x'"),
        ("", {}, None, "empty"),
        (b"\xff\x00", {}, None, "Expected"),
    ],
)
def test_wrong_file_is_refused_with_its_line(write, ask, text, options, line, words):
    with pytest.raises(FormatError, match=words) as caught:
        READER.read(write(text), ask(session_key="a", key_column="file", **options))
    if line is not None:
        assert caught.value.row == line


def test_several_rows_without_a_key_are_refused(write, ask):
    with pytest.raises(FormatError, match="key_column"):
        READER.read(write(WIDE), ask())


def test_missing_file_is_refused(tmp_path, ask):
    for name in ("none.csv", "none.xlsx"):
        with pytest.raises(FormatError, match=name):
            READER.read(tmp_path / name, ask())


def test_sniff_finds_the_key_column(write):
    found = READER.sniff(write("file;a;b;c\nx.csv;1;2;3\ny.csv;4;5;6\n"))
    assert found.options == {"delimiter": ";", "key_column": "file"}
    assert READER.sniff(write("file,a,b\nx,1,2\ny,3,4\n")) is None
    assert READER.sniff(write("a,b,c\n1,2,3\n4,5,6\n")) is None
    assert READER.sniff(write(b"\x00")) is None


@pytest.mark.data
def test_41_metrics_of_an_open_field_recording(recordings, ask):
    path = recordings / "ethz_oft_csi" / "tables" / "CSI_example__report_raw.csv"
    key = "1_01_A_190507114629DeepCut_resnet50_Blockcourse1May9shuffle1_1030000.csv"
    metrics = READER.read(path, ask(session_key=key, key_column="file")).metrics
    assert metrics.height == 41
    assert metrics.filter(metric="bodycentre.raw.distance")["value"].item() == pytest.approx(3598.57615370173)
