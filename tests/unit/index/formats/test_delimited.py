"""Tables of text: nothing typed, nothing missing, every row with its line."""

import contextlib
import gzip
import os

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ethochat.index.errors import FormatError
from ethochat.index.formats.delimited import (
    delimiter_of,
    find_column,
    integers,
    numbers,
    pick_rows,
    read_head,
    read_sheet,
    read_table,
    require_columns,
    sample_table,
)
from ethochat.index.formats.options import TextOptions

COMMA = TextOptions()
SEMICOLON = TextOptions(delimiter=";")


def test_every_cell_is_text_and_none_is_missing(write):
    table = read_table(write("a,b\nNone,NA\n,1\n"), COMMA)
    assert table.frame.rows() == [("None", "NA"), ("", "1")]
    assert table.frame.schema == {"a": pl.String, "b": pl.String}
    assert [table.line(row) for row in range(2)] == [2, 3]


def test_quotes_windows_line_ends_byte_order_mark_and_blank_lines_at_the_end_are_read(write):
    table = read_table(write('\ufeff"a";"b"\r\n"x;y";"2"\r\n"say ""hi""";3\r\n\r\n'), SEMICOLON)
    assert table.frame.rows() == [("x;y", "2"), ('say "hi"', "3")]
    assert table.frame.columns == ["a", "b"]


def test_line_numbers_count_line_breaks_inside_quotes(write):
    table = read_table(write('a,b\n"x\ny",1\nz,2\n'), COMMA)
    assert table.frame.rows() == [("x\ny", "1"), ("z", "2")]
    assert [table.line(row) for row in range(2)] == [2, 4]


def test_header_that_ends_with_a_delimiter_is_no_further_column(write):
    assert read_table(write("a,b,\n1,2\n"), COMMA).frame.rows() == [("1", "2")]


def test_file_without_header_has_numbered_columns(write):
    table = read_table(write("5,6\n7,8\n"), COMMA, header_lines=0)
    assert table.frame.columns == ["0", "1"]
    assert table.frame.rows() == [("5", "6"), ("7", "8")]
    assert table.line(0) == 1


def test_packed_file_is_unpacked(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert read_table(path, COMMA).frame.rows() == [("1", "2")]
    assert read_head(path) == "a,b\n1,2\n"


def test_tsv_is_split_at_tabs_without_a_declaration(write):
    assert read_table(write("a\tb\n1\t2\n", "t.tsv"), COMMA).frame.rows() == [("1", "2")]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a,b\n1,2\n3\n", 3, "Expected 2 cells"),
        ("a,b\n1,2\n3,4,5\n", 3, "Expected 2 cells"),
        ("a,b\n1,2\n\n3,4\n", 3, "an empty line"),
        ('a,b\n1,"2\n3,4\n', 2, "quotes"),
        ("a,a\n1,2\n", 1, "'a' twice"),
        ("", None, "empty file"),
        (" \n\n", None, "empty file"),
        (b"\x00\x01\x02,\n", 1, "zero byte"),
        (b"a,b\n1,\xff\xfe\n", 2, "0xff"),
    ],
)
def test_wrong_text_is_refused_with_its_line(write, text, line, words):
    with pytest.raises(FormatError, match=words) as caught:
        read_table(write(text), COMMA)
    assert caught.value.row == line
    assert "file.csv" in str(caught.value)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(FormatError, match="No such file"):
        read_table(tmp_path / "none.csv", COMMA)
    with pytest.raises(FormatError, match="No such file"):
        read_table(tmp_path / "none.csv", COMMA, shared=True)
    with pytest.raises(FormatError, match="found none"):
        read_sheet(tmp_path / "none.xlsx")


def test_cut_off_gz_is_refused(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n" * 100)[:-12])
    with pytest.raises(FormatError, match="readable file"):
        read_table(path, COMMA)
    assert read_head(path) is None


def test_garbage_is_no_spreadsheet(write):
    with pytest.raises(FormatError, match="Expected a spreadsheet"):
        read_sheet(write(b"garbage", "t.xlsx"))
    assert sample_table(write(b"garbage", "t.xlsx")) is None


def test_undeclared_delimiter_is_named(write):
    with pytest.raises(FormatError, match=r'declare `delimiter = ";"`'):
        read_table(write("a;b\n1;2\n3;4\n"), COMMA)


def test_wrongly_declared_delimiter_is_named(write):
    with pytest.raises(FormatError, match=r'declare `delimiter = ","`'):
        read_table(write("a,b\n1,2\n"), SEMICOLON)


def test_single_column_with_commas_inside_is_read(write):
    table = read_table(write('"what, where"\n"rest, left"\nwalk\n'), SEMICOLON)
    assert table.frame.rows() == [("rest, left",), ("walk",)]


def test_other_encoding_is_read_when_declared_and_unknown_one_refused(write):
    path = write("a,b\nMüller,1\n".encode("latin-1"))
    assert read_table(path, TextOptions(encoding="latin-1")).frame["a"][0] == "Müller"
    with pytest.raises(FormatError, match="encoding"):
        read_table(path, TextOptions(encoding="klingon"))


def test_numbers_are_read_and_missing_cells_become_null(write):
    table = read_table(write("v\n1\n-2.5e3\n NaN \nNA\n 7\n"), COMMA)
    assert numbers(table, "v").to_list() == [1.0, -2500.0, None, None, 7.0]


@pytest.mark.parametrize("cell", ["x", "inf", "1_0", "0x1", "1 2", ""])
def test_cell_that_is_no_finite_number_is_refused_with_its_line(write, cell):
    table = read_table(write(f'v,w\n1,0\n"{cell}",0\n'), COMMA)
    with pytest.raises(FormatError, match="Expected a number") as caught:
        numbers(table, "v", missing=())
    assert (caught.value.row, caught.value.column) == (3, "v")


def test_decimal_comma_is_read_when_declared_and_hinted_at_when_not(write):
    path = write("v;w\n1,5;2\n")
    assert numbers(read_table(path, TextOptions(delimiter=";", decimal=",")), "v").to_list() == [1.5]
    with pytest.raises(FormatError, match="decimal"):
        numbers(read_table(path, SEMICOLON), "v")


def test_whole_numbers_may_be_written_with_a_zero_fraction(write):
    assert integers(read_table(write("v\n1.0\n2\n"), COMMA), "v").to_list() == [1, 2]
    with pytest.raises(FormatError, match="whole number"):
        integers(read_table(write("v\n1.5\n"), COMMA), "v")


def test_absent_column_is_refused_with_the_near_one(write):
    with pytest.raises(FormatError, match=r"did you mean 'behavior'"):
        require_columns(read_table(write("behavior,b\n1,2\n"), COMMA), ["behaviour"])


def test_rows_of_a_session_are_picked_by_one_or_several_columns(write):
    table = read_table(write("cage,run,v\nA,1,x\nA,2,y\nB,1,z\n"), COMMA, shared=True)
    assert pick_rows(table, ["cage"], "A").frame["v"].to_list() == ["x", "y"]
    picked = pick_rows(table, ["cage", "run"], "B|1")
    assert picked.frame["v"].to_list() == ["z"]
    assert picked.line(0) == 4
    assert pick_rows(table, [], None) is table
    with pytest.raises(FormatError, match="key_column"):
        pick_rows(table, [], "A")
    with pytest.raises(FormatError, match="session key"):
        pick_rows(table, ["cage"], None)


def test_shared_file_is_read_again_after_it_changed(write):
    path = write("a,b\n1,2\n")
    first = read_table(path, COMMA, shared=True)
    assert read_table(path, COMMA, shared=True) is first
    path.write_text("a,b\n3,4\n")
    os.utime(path, ns=(1, 1))
    assert read_table(path, COMMA, shared=True).frame.rows() == [("3", "4")]


def test_delimiter_is_guessed_from_even_lines():
    assert delimiter_of(["a;b", "1,5;2,5"]) == ";"
    assert delimiter_of(["a\tb\t", "1\t2"]) == "\t"
    assert delimiter_of(["one", "two"]) is None


def test_columns_are_found_by_usual_names_whatever_their_case():
    assert find_column(["Start (s)", "x"], ("start_s",)) == "Start (s)"
    assert find_column(["x"], ("start",)) is None


CELLS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufeff"), max_size=8
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
def test_what_the_csv_module_writes_is_read_back(write, rows):
    def quoted(cell):
        return '"' + cell.replace('"', '""') + '"'

    text = "a,b\n" + "".join(",".join(map(quoted, row)) + "\n" for row in rows)
    assert read_table(write(text), COMMA).frame.rows() == rows


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200))
def test_any_bytes_give_a_table_or_a_format_error(write, raw):
    path = write(raw)
    sample_table(path)
    with contextlib.suppress(FormatError):
        read_table(path, COMMA)
