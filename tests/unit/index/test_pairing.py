"""Names of files and cells, reduced to what names a session."""

from __future__ import annotations

from pathlib import PurePosixPath

import polars as pl
import pytest

from ethochat.index.pairing import (
    Named,
    alias,
    find_key,
    find_row_key,
    group_files,
    identifier,
    match_exactly,
    match_parts,
    natural_key,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("m3v1mp4DeepCut_resnet50_openfieldOct30shuffle1_15001.csv", "m3v1mp4"),
        ("1DLC_dlcrnetms5_DLC_ratJan24shuffle1_5000_el_filtered.csv", "1"),
        ("m1DLC_HrnetW32_openfieldJan1shuffle1_snapshot_050.h5", "m1"),
        ("m1_superanimal_topviewmouse_hrnet_w32_fasterrcnn.json", "m1"),
        ("labels.v001.000_m1.analysis.h5", "m1"),
        ("8_annot.txt", "8"),
        ("OFT_5_labels.csv", "OFT_5"),
        ("mouse_video_tracked.csv", "mouse"),
        ("pose_m1.csv", "m1"),
        ("m1.v2.mp4", "m1.v2"),
        ("cage_A.csv.gz", "cage_A"),
        ("my_dlc_notes_2.txt", "my_dlc_notes_2"),
        ("video.mp4", ""),
        ("raw_data.csv", ""),
        ("Trial     1 (1).xlsx", "Trial 1 (1)"),
    ],
)
def test_identifier_keeps_only_what_names_the_session(name: str, expected: str) -> None:
    assert identifier(name) == expected


def test_cells_and_ids_compare_without_case_folders_and_extensions() -> None:
    assert alias("videos/OFT_5.AVI") == alias("C:\\data\\oft_5.mp4") == alias(" OFT_5 ") == "oft_5"


def test_natural_order_counts() -> None:
    assert sorted(["m10", "m2", "M1", "10", "9"], key=natural_key) == ["9", "10", "M1", "m2", "m10"]


def test_group_is_called_by_the_beginning_that_all_names_share() -> None:
    files = [
        Named(path=PurePosixPath("mouse_video.mp4"), kind="video", format="video"),
        Named(path=PurePosixPath("mouse_video_tracked.csv"), kind="pose", format="centroid"),
    ]
    (group,) = group_files(files, folder_name="lab")
    assert group.session_id == "mouse_video"
    assert group.guessed == ()


def test_value_that_names_two_sessions_and_session_with_two_values_are_left_out() -> None:
    aliases = {"a": {"a"}, "b": {"b", "same"}, "c": {"c", "same"}}
    assert match_exactly(["a.csv", "a.mp4", "b", "same"], aliases) == {"b": "b"}


def test_parts_are_whole_words_with_a_letter() -> None:
    sessions = {name: {name.casefold()} for name in ("M1_day2", "M10_day2", "M1_x_day2")}
    assert match_parts(["M1", "M1_x", "2", "day"], sessions) == {"M1_day2": "M1", "M1_x_day2": "M1_x"}


def test_key_column_is_the_one_that_names_most_sessions() -> None:
    aliases = {name: {name} for name in ("m1", "m2", "m3")}
    table = pl.DataFrame({"first": ["m1", "m1", "x"], "clip": ["m1", "m2", "m3"], "id": ["m1", "m2", "m3"]})
    key = find_key(table, aliases)
    assert key is not None
    assert (key.column, key.values) == ("id", {"m1": "m1", "m2": "m2", "m3": "m3"})
    suggested = find_key(table, aliases, suggested="clip")
    assert suggested is not None
    assert suggested.column == "clip"
    assert find_key(table, aliases, fewest=4) is None


def test_row_key_names_every_row_once_and_half_of_the_sessions() -> None:
    table = pl.DataFrame({"group": ["A", "A"], "id": ["m1", "m2"]})
    key = find_row_key(table, {name: {name} for name in ("m1", "m2", "m3", "m4")})
    assert key is not None
    assert key.values == {"m1": "m1", "m2": "m2"}
    assert find_row_key(table, {name: {name} for name in ("m1", "m2", "m3", "m4", "m5")}) is None
