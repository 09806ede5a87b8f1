"""The measure tool on hand-known data."""

from __future__ import annotations

import pytest

from ethochat.tools.errors import AmbiguousSourceError, ToolFailedError, ToolRetryError


def one(evidence):
    assert len(evidence.values) == 1, evidence.values
    return evidence.values[0]


class TestBouts:
    def test_counts_listed_bouts_of_one_session(self, context, call):
        value = one(
            call(
                context,
                "measure",
                measure="bout_count",
                behaviors=["Rearing"],
                sessions=["oft_5"],
                sources=["anna"],
            )
        )
        assert (value.value, value.unit, value.session_id, value.subject_id) == (2.0, "bouts", "oft_5", "m4")
        assert value.group == {"source": "anna"}

    def test_duration_unites_overlapping_bouts(self, context, call):
        value = one(
            call(
                context,
                "measure",
                measure="total_duration",
                behaviors=["Rearing"],
                sessions=["oft_5"],
                sources=["anna"],
            )
        )
        assert value.value == pytest.approx(2.0)

    def test_unmarked_but_watched_is_zero(self, context, call):
        value = one(
            call(
                context,
                "measure",
                measure="total_duration",
                behaviors=["Rearing"],
                sessions=["oft_4"],
                sources=["anna"],
            )
        )
        assert value.value == 0.0

    def test_unwatched_session_is_not_counted_and_named(self, context, call):
        evidence = call(
            context,
            "measure",
            measure="bout_count",
            behaviors=["Rearing"],
            sources=["ben"],
            group_by=["session_id"],
        )
        assert [value.session_id for value in evidence.values] == ["oft_1", "oft_2", "oft_4"]
        assert any("oft_5" in flag and "ben" in flag for flag in evidence.flags)

    def test_source_that_did_not_look_is_an_error(self, context, call):
        with pytest.raises(ToolFailedError, match="ben did not look for Rearing in oft_5"):
            call(
                context,
                "measure",
                measure="bout_count",
                behaviors=["Rearing"],
                sources=["ben"],
                sessions=["oft_5"],
            )

    def test_window_cuts_durations_and_counts_starts(self, context, call):
        common = {
            "behaviors": ["Rearing"],
            "sources": ["anna"],
            "sessions": ["oft_1"],
            "start_s": 1.5,
            "stop_s": 4,
        }
        assert one(call(context, "measure", measure="total_duration", **common)).value == pytest.approx(1.5)
        assert one(call(context, "measure", measure="bout_count", **common)).value == 1.0
        assert one(call(context, "measure", measure="percent_time", **common)).value == pytest.approx(60.0)

    def test_negative_start_counts_from_the_end(self, context, call):
        value = one(
            call(
                context,
                "measure",
                measure="total_duration",
                behaviors=["Grooming"],
                sources=["anna"],
                sessions=["oft_1"],
                start_s=-4.5,
            )
        )
        assert value.value == pytest.approx(0.5)

    def test_bins_cut_bouts_at_their_edges(self, context, call):
        evidence = call(
            context,
            "measure",
            measure="total_duration",
            behaviors=["Rearing"],
            sources=["anna"],
            sessions=["oft_1"],
            bin_s=4,
        )
        assert [(value.bin_start_s, value.value) for value in evidence.values] == [
            (0.0, 2.0),
            (4.0, 1.0),
            (8.0, 0.0),
        ]

    def test_rate_and_latency(self, context, call):
        common = {"behaviors": ["Rearing"], "sources": ["anna"], "sessions": ["oft_1"]}
        rate = one(call(context, "measure", measure="bout_rate", **common))
        assert (rate.value, rate.unit) == (pytest.approx(12.0), "bouts/min")
        assert one(call(context, "measure", measure="latency", **common)).value == 1.0
        assert one(call(context, "measure", measure="last_end", **common)).value == 5.0

    def test_latency_of_what_never_happens_has_no_value(self, context, call):
        value = one(
            call(
                context,
                "measure",
                measure="latency",
                behaviors=["Rearing"],
                sources=["anna"],
                sessions=["oft_4"],
            )
        )
        assert value.value is None
        assert value.note is not None

    def test_bout_durations_are_pooled(self, context, call, numbers):
        evidence = call(context, "measure", measure="bout_duration", behaviors=["Rearing"], sources=["anna"])
        assert numbers(evidence, "statistic") == {
            "mean": pytest.approx(6.5 / 5),
            "median": pytest.approx(1.0),
            "max": pytest.approx(2.0),
        }
        longest = next(value for value in evidence.values if value.statistic == "max")
        assert longest.session_id == "oft_1"
        assert "3" in (longest.note or "")

    def test_single_longest_bout_names_its_session(self, context, call):
        evidence = call(
            context,
            "measure",
            measure="bout_duration",
            behaviors=["Grooming"],
            sources=["anna"],
            statistics=["max"],
        )
        assert (one(evidence).value, one(evidence).session_id) == (4.0, "oft_4")

    def test_each_bout_can_be_listed(self, context, call):
        evidence = call(
            context,
            "measure",
            measure="bout_duration",
            behaviors=["Rearing"],
            sources=["anna"],
            sessions=["oft_1"],
            statistics=["each"],
        )
        assert [value.value for value in evidence.values] == [1.0, 2.0]

    def test_inter_bout_interval_is_end_to_next_start(self, context, call):
        evidence = call(
            context, "measure", measure="inter_bout_interval", behaviors=["Rearing"], sources=["anna"]
        )
        # oft_1 leaves one interval of 1 s; the overlapping bouts of oft_5 leave none
        assert evidence.values[0].statistic == "median"
        assert evidence.values[0].value == pytest.approx(1.0)
        assert "1 intervals" in (evidence.values[0].note or "")

    @pytest.mark.parametrize(("strict", "expected"), [(False, 2.0), (True, 1.0)])
    def test_duration_limits_may_be_exclusive(self, context, call, strict, expected):
        value = one(
            call(
                context,
                "measure",
                measure="bout_count",
                behaviors=["Rearing"],
                sources=["anna"],
                sessions=["oft_1"],
                min_bout_s=1.0,
                strict=strict,
            )
        )
        assert value.value == expected

    def test_behaviors_are_united_unless_split(self, context, call, numbers):
        common = {
            "measure": "total_duration",
            "behaviors": ["Rearing", "Grooming"],
            "sources": ["anna"],
            "sessions": ["oft_1"],
        }
        assert one(call(context, "measure", **common)).value == pytest.approx(4.0)
        split = call(context, "measure", **common, group_by=["behavior"])
        assert numbers(split, "behavior") == {"Rearing": pytest.approx(3.0), "Grooming": pytest.approx(1.0)}

    def test_bouts_in_a_zone_are_cut_to_it(self, context, call):
        value = one(
            call(
                context,
                "measure",
                measure="total_duration",
                behaviors=["Rearing"],
                sources=["anna"],
                sessions=["oft_1"],
                zones=["center"],
            )
        )
        # center holds [2, 3.0) and [3.1, 4): of [3, 5) that is [3.1, 4)
        assert value.value == pytest.approx(0.9)


class TestNames:
    def test_case_synonym_and_category_are_understood(self, context, call):
        for name in ("rearing", "REAR UP", "vertical activity"):
            evidence = call(
                context,
                "measure",
                measure="bout_count",
                behaviors=[name],
                sources=["Anna"],
                sessions=["OFT_1"],
            )
            assert one(evidence).value == 2.0

    def test_unknown_behavior_names_what_is_known(self, context, call):
        with pytest.raises(ToolRetryError, match="Grooming, Rearing, resting") as caught:
            call(context, "measure", measure="bout_count", behaviors=["Rering"])
        assert "Rearing" in caught.value.near

    def test_unknown_session_names_near_ones(self, context, call):
        with pytest.raises(ToolRetryError, match="no session 'oft_3'") as caught:
            call(context, "measure", measure="path.total", sessions=["oft_3"])
        assert "oft_1" in caught.value.near

    def test_subject_given_as_session_is_explained(self, context, call):
        with pytest.raises(ToolRetryError, match="subject"):
            call(context, "measure", measure="path.total", sessions=["m1"])

    def test_unknown_group_value_names_the_values(self, context, call):
        where = [{"column": "group", "value": "diazepam"}]
        with pytest.raises(ToolRetryError, match="drug, vehicle"):
            call(context, "measure", measure="path.total", where=where)

    def test_unknown_measure_names_near_ones(self, context, call):
        with pytest.raises(ToolRetryError, match="heart rate"):
            call(context, "measure", measure="heart rate")

    def test_synonym_of_a_measure_is_understood(self, context, call):
        assert one(call(context, "measure", measure="how far", sessions=["oft_1"])).name == "distance"

    def test_unknown_argument_is_refused(self, context, call):
        with pytest.raises(ToolRetryError, match="behaviour"):
            call(context, "measure", measure="bout_count", behaviour=["Rearing"])


class TestSources:
    def test_several_sources_ask_back(self, context, call):
        with pytest.raises(AmbiguousSourceError) as caught:
            call(context, "measure", measure="bout_count", behaviors=["Rearing"], sessions=["oft_1"])
        assert caught.value.sources == ("anna", "ben", "auto")

    def test_only_one_source_is_used_and_named(self, context, call):
        evidence = call(context, "measure", measure="bout_count", behaviors=["Grooming"], sessions=["oft_1"])
        assert one(evidence).group["source"] == "anna"
        assert any("anna" in flag for flag in evidence.flags)

    def test_split_by_source_needs_no_choice(self, context, call, numbers):
        evidence = call(
            context,
            "measure",
            measure="total_duration",
            behaviors=["Rearing"],
            sessions=["oft_1"],
            group_by=["rater"],
        )
        assert numbers(evidence, "source") == {"anna": 3.0, "ben": 1.5, "auto": 1.0}

    def test_kind_stands_for_all_its_sources(self, context, call, numbers):
        evidence = call(
            context,
            "measure",
            measure="total_duration",
            behaviors=["Rearing"],
            sources=["manual"],
            group_by=["source"],
            statistics=["sum"],
        )
        assert numbers(evidence, "source") == {"anna": 6.0, "ben": 1.5}

    def test_range_over_sources_within_each_session(self, context, call):
        evidence = call(
            context,
            "measure",
            measure="total_duration",
            behaviors=["Rearing"],
            sources=["anna", "ben"],
            sessions=["oft_1", "oft_2"],
            group_by=["session_id"],
            statistics=["range"],
            order="descending",
        )
        assert [(value.session_id, value.value) for value in evidence.values] == [
            ("oft_1", 1.5),
            ("oft_2", 1.0),
        ]


class TestGrouping:
    def test_group_means_over_animals(self, context, call, numbers):
        evidence = call(
            context, "measure", measure="path.total", group_by=["group"], statistics=["mean", "sem"]
        )
        assert numbers(evidence, "group", statistic="mean") == {"drug": 15.0, "vehicle": 40.0}
        assert numbers(evidence, "group", statistic="sem")["drug"] == pytest.approx(5.0)
        assert all(value.n == 2 for value in evidence.values)

    def test_no_group_gives_mean_and_sum(self, context, call, numbers):
        evidence = call(context, "measure", measure="bout_count", behaviors=["Rearing"], sources=["anna"])
        assert [value.statistic for value in evidence.values] == ["mean", "sum"]
        assert [value.value for value in evidence.values] == [1.25, 5.0]

    def test_ranking_names_sessions_and_subjects(self, context, call):
        evidence = call(context, "measure", measure="path.total", order="descending", limit=2)
        assert [(v.session_id, v.subject_id, v.value) for v in evidence.values] == [
            ("oft_5", "m4", 50.0),
            ("oft_4", "m3", 30.0),
        ]

    def test_keep_zero_counts_first(self, context, call):
        evidence = call(
            context,
            "measure",
            measure="bout_count",
            behaviors=["Rearing"],
            sources=["anna"],
            group_by=["session_id"],
            keep="zero",
        )
        assert (evidence.values[0].name, evidence.values[0].value) == ("n_sessions", 1.0)
        assert [value.session_id for value in evidence.values[1:]] == ["oft_4"]

    def test_outliers_by_iqr(self, context, call):
        evidence = call(context, "measure", measure="path.total", keep="outliers")
        assert evidence.values[0].value == 0.0

    def test_condition_on_a_number_column(self, context, call):
        evidence = call(
            context, "measure", measure="path.total", where=[{"column": "dose", "op": ">=", "value": 0.5}]
        )
        assert evidence.values[0].value == 15.0

    def test_numeric_column_is_a_measure(self, context, call):
        assert one(call(context, "measure", measure="Dose", sessions=["oft_2"])).value == 1.0

    def test_unit_is_converted(self, context, call):
        value = one(call(context, "measure", measure="path.total", sessions=["oft_1"], unit="metres"))
        assert (value.value, value.unit) == (pytest.approx(0.1), "m")

    def test_wrong_unit_is_refused(self, context, call):
        with pytest.raises(ToolRetryError, match="cm"):
            call(context, "measure", measure="path.total", sessions=["oft_1"], unit="s")

    def test_duration_in_frames_uses_the_frame_rate(self, context, call):
        value = one(
            call(
                context,
                "measure",
                measure="total_duration",
                behaviors=["Grooming"],
                sessions=["oft_1"],
                unit="frames",
            )
        )
        assert (value.value, value.unit) == (10.0, "frames")

    def test_metric_cannot_be_cut_to_a_window(self, context, call):
        with pytest.raises(ToolFailedError, match="one value per session"):
            call(context, "measure", measure="path.total", stop_s=5)

    def test_last_parts_of_a_metric_name_are_enough(self, context, call):
        evidence = call(context, "measure", measure="total", sessions=["oft_1"])
        assert one(evidence).name == "path.total"
        assert any("was read as" in flag for flag in evidence.flags)


class TestExcluded:
    def test_flagged_session_is_left_out_and_named(self, context, call):
        evidence = call(
            context,
            "measure",
            measure="bout_count",
            behaviors=["Rearing"],
            sources=["anna"],
            group_by=["session_id"],
        )
        assert "bad" not in [value.session_id for value in evidence.values]
        assert any("bad" in flag and "97 %" in flag for flag in evidence.flags)

    def test_only_a_flagged_session_fails_saying_why(self, context, call):
        with pytest.raises(ToolFailedError, match="97 %"):
            call(context, "measure", measure="bout_count", behaviors=["Rearing"], sessions=["bad"])

    def test_flagged_session_can_be_included(self, context, call):
        value = one(
            call(
                context,
                "measure",
                measure="bout_count",
                behaviors=["Rearing"],
                sources=["anna"],
                sessions=["bad"],
                include_excluded=True,
            )
        )
        assert value.value == 1.0


class TestTracks:
    def test_distance_is_the_sum_of_steps_in_pixels_without_a_scale(self, context, call):
        evidence = call(context, "measure", measure="distance", sessions=["oft_1"])
        assert (one(evidence).value, one(evidence).unit) == (pytest.approx(198.0), "px")
        assert any("No scale" in flag for flag in evidence.flags)

    def test_centimetres_without_a_scale_fail(self, context, call):
        with pytest.raises(ToolFailedError, match="No scale"):
            call(context, "measure", measure="distance", sessions=["oft_1"], unit="cm")

    def test_session_without_a_track_fails(self, context, call):
        with pytest.raises(ToolFailedError, match="no track"):
            call(context, "measure", measure="distance", sessions=["oft_2"])

    def test_a_step_belongs_to_the_bin_of_its_start(self, context, call):
        evidence = call(context, "measure", measure="distance", sessions=["oft_1"], bin_s=5)
        assert [value.value for value in evidence.values] == [pytest.approx(100.0), pytest.approx(98.0)]

    def test_speed_is_path_over_time(self, context, call):
        value = one(call(context, "measure", measure="mean_speed", sessions=["oft_1"]))
        assert (value.value, value.unit) == (pytest.approx(20.0), "px/s")
        assert one(call(context, "measure", measure="max_speed", sessions=["oft_1"])).value == pytest.approx(
            21.0
        )

    @pytest.mark.parametrize(("interpolate", "expected"), [(True, 198.0), (False, 194.0)])
    def test_keypoint_path_bridges_only_when_told(self, context, call, interpolate, expected):
        value = one(
            call(
                context,
                "measure",
                measure="distance",
                sessions=["oft_1"],
                keypoints=["centroid"],
                interpolate=interpolate,
            )
        )
        assert value.value == pytest.approx(expected)

    def test_distance_during_a_behavior(self, context, call):
        value = one(
            call(
                context,
                "measure",
                measure="distance",
                sessions=["oft_1"],
                behaviors=["Grooming"],
                sources=["anna"],
            )
        )
        assert value.value == pytest.approx(20.0)

    def test_percent_tracked_and_missing_frames(self, context, call):
        share = one(call(context, "measure", measure="percent_tracked", sessions=["oft_1"]))
        assert (share.value, share.group["keypoint"]) == (pytest.approx(99.0), "centroid")
        assert one(call(context, "measure", measure="missing_frames", sessions=["oft_1"])).value == 1.0

    def test_frames_duration_and_fps(self, context, call):
        for measure, expected in (("n_frames", 100.0), ("duration", 10.0), ("frame rate", 10.0)):
            assert one(call(context, "measure", measure=measure, sessions=["oft_1"])).value == expected


class TestZones:
    @pytest.mark.parametrize(
        ("measure", "expected"),
        [("zone_time", 2.9), ("zone_percent", 100 * 29 / 99), ("zone_entries", 2.0), ("zone_latency", 2.0)],
    )
    def test_zone_measures(self, context, call, measure, expected):
        value = one(call(context, "measure", measure=measure, sessions=["oft_1"], zones=["Center"]))
        assert value.value == pytest.approx(expected)
        assert value.group["zone"] == "center"

    def test_unknown_zone_names_the_known(self, context, call):
        with pytest.raises(ToolRetryError, match="center"):
            call(context, "measure", measure="zone_time", sessions=["oft_1"], zones=["open arm"])


class TestFramesAndPairs:
    def test_time_without_a_frame_rate_is_in_frames(self, social, call):
        evidence = call(social, "measure", measure="total_duration", behaviors=["chase"], unit="s")
        assert (one(evidence).value, one(evidence).unit) == (4.0, "frames")
        assert any("frame rate" in flag for flag in evidence.flags)

    def test_rate_per_minute_needs_a_frame_rate(self, social, call):
        with pytest.raises(ToolFailedError, match="frame rate"):
            call(social, "measure", measure="bout_rate", behaviors=["chase"])

    def test_pair_distance_skips_missing_frames(self, social, call, numbers):
        evidence = call(
            social, "measure", measure="pair_distance", keypoints=["body"], statistics=["mean", "min"]
        )
        frames = [f for f in range(20) if f != 4]
        assert numbers(evidence, "statistic") == {"mean": pytest.approx(sum(frames) / 19), "min": 0.0}
        assert evidence.values[0].group["pair"] == "a-b"

    def test_time_near_counts_frames_below_the_limit(self, social, call):
        value = one(call(social, "measure", measure="time_near", max_distance=6, individuals=["a", "b"]))
        assert (value.value, value.unit) == (5.0, "frames")  # 0 1 2 3 and 5; 4 is missing

    def test_pair_distance_during_a_behavior(self, social, call):
        evidence = call(
            social,
            "measure",
            measure="pair_distance",
            behaviors=["chase"],
            keypoints=["body"],
            statistics=["median"],
            group_by=["behavior"],
        )
        assert (one(evidence).value, one(evidence).group["behavior"]) == (3.0, "chase")  # of 2 3 5

    def test_keypoint_distance_within_an_animal(self, social, call, numbers):
        evidence = call(
            social,
            "measure",
            measure="keypoint_distance",
            keypoints=["nose", "body"],
            statistics=["median"],
            group_by=["individual"],
        )
        assert numbers(evidence, "individual") == {"a": 3.0, "b": 3.0}

    def test_missing_frames_of_track_and_session(self, social, call):
        evidence = call(social, "measure", measure="missing_frames", group_by=["individual"])
        found = {(value.group["individual"], value.group["frames"]): value.value for value in evidence.values}
        assert found == {
            ("a", "of the track"): 0.0,
            ("a", "of the session"): 2.0,
            ("b", "of the track"): 1.0,
            ("b", "of the session"): 3.0,
        }

    def test_subject_selects_its_individual(self, social, call):
        value = one(
            call(social, "measure", measure="distance", subjects=["s2"], keypoints=["body"], interpolate=True)
        )
        assert (value.value, value.group["individual"]) == (pytest.approx(19.0), "b")

    def test_time_near_any_other_animal(self, social, call, numbers):
        evidence = call(social, "measure", measure="time_near", max_distance=6, group_by=["individual"])
        assert numbers(evidence, "individual") == {"a": 5.0, "b": 5.0}
        assert {value.subject_id for value in evidence.values} == {"s1", "s2"}

    def test_one_named_animal_is_near_any_other(self, social, call):
        value = one(call(social, "measure", measure="time_near", max_distance=6, individuals=["b"]))
        assert (value.value, value.group["pair"]) == (5.0, "a-b")

    def test_share_of_time_near_is_of_frames_in_which_both_are_seen(self, social, call):
        value = one(call(social, "measure", measure="percent_near", max_distance=6))
        assert (value.value, value.unit) == (pytest.approx(100 * 5 / 19), "%")


class TestBoutLengthsOfAnimals:
    @pytest.mark.parametrize(
        ("measure", "expected"),
        [("mean_bout_duration", 1.5), ("median_bout_duration", 1.5), ("longest_bout_duration", 2.0)],
    )
    def test_of_one_session(self, context, call, measure, expected):
        value = one(
            call(
                context,
                "measure",
                measure=measure,
                behaviors=["Rearing"],
                sources=["anna"],
                sessions=["oft_1"],
            )
        )
        assert (value.value, value.unit) == (pytest.approx(expected), "s")

    def test_without_a_bout_there_is_none(self, context, call):
        value = one(
            call(
                context,
                "measure",
                measure="longest_bout_duration",
                behaviors=["Rearing"],
                sources=["anna"],
                sessions=["oft_4"],
            )
        )
        assert (value.value, value.note) == (None, "There is no value.")

    def test_by_group_each_animal_counts_once(self, context, call, numbers):
        common = {
            "behaviors": ["Rearing"],
            "sources": ["anna"],
            "group_by": ["group"],
            "statistics": ["mean"],
        }
        for measure in ("bout_duration", "mean_bout_duration"):
            evidence = call(context, "measure", measure=measure, **common)
            # m1's bouts of 1 and 2 s, m2's of 1 s; m3 makes none, m4 two of 1 and 1.5 s
            assert numbers(evidence, "group") == {"drug": 1.25, "vehicle": 1.25}


class TestNothingIsIgnored:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"measure": "fps", "start_s": 1}, "does not depend on start_s"),
            ({"measure": "duration", "behaviors": ["Rearing"]}, "does not depend on behaviors"),
            ({"measure": "path.total", "zones": ["center"]}, "does not depend on zones"),
            ({"measure": "dose", "sources": ["anna"]}, "does not depend on sources"),
            ({"measure": "zone_time", "keypoints": ["centroid"]}, "does not depend on keypoints"),
            ({"measure": "distance", "max_distance": 3}, "does not depend on max_distance"),
            ({"measure": "distance", "together": "sources"}, "does not depend on together"),
            ({"measure": "distance", "min_bout_s": 1}, "limits bouts; name a behavior"),
            ({"measure": "distance", "outside": True}, "says nothing without zones"),
            (
                {"measure": "bout_count", "behaviors": ["Rearing"], "strict": True},
                "says nothing without min_bout_s",
            ),
            ({"measure": "path.total", "combine_of": ["m1", "m2"]}, "says nothing without combine"),
            ({"measure": "path.total", "keep_value": 3}, "says nothing without keep"),
            ({"measure": "path.total", "combine": "mean"}, "name in group_by"),
            (
                {"measure": "distance", "sessions": ["oft_1"], "group_by": ["behavior"]},
                "`behaviors` names the ones",
            ),
            (
                {
                    "measure": "path.total",
                    "group_by": ["group"],
                    "combine": "ratio",
                    "statistics": ["mean", "sd"],
                },
                "One statistic is combined at a time",
            ),
        ],
    )
    def test_an_argument_that_changes_nothing_is_refused(self, context, call, arguments, said):
        with pytest.raises(ToolRetryError, match=said):
            call(context, "measure", **arguments)

    def test_how_to_treat_points_is_said_to_play_no_part_in_labels(self, context, call):
        evidence = call(
            context,
            "measure",
            measure="bout_count",
            behaviors=["Grooming"],
            keypoints=["centroid"],
            sessions=["oft_1"],
        )
        assert one(evidence).value == 1.0
        assert "keypoints plays no part in bout_count, which is made of labels." in evidence.flags

    def test_sources_select_metrics(self, context, call):
        assert len(call(context, "measure", measure="path.total", sources=["table"]).values) == 2
        with pytest.raises(ToolFailedError, match="None of the selected sessions"):
            call(context, "measure", measure="path.total", sources=["anna"])


REARS = {"behaviors": ["Rearing"], "sources": ["anna"]}


class TestWindows:
    def test_the_last_seconds_of_a_session(self, context, call):
        value = one(
            call(context, "measure", measure="total_duration", **REARS, sessions=["oft_1"], start_s=-6)
        )
        assert value.value == pytest.approx(1.0)

    def test_more_than_the_session_from_its_end_is_all_of_it(self, context, call):
        common = {"measure": "bout_count", **REARS, "sessions": ["oft_1"]}
        evidence = call(context, "measure", **common, start_s=-60, bin_s=5)
        assert [(value.bin_start_s, value.value) for value in evidence.values] == [(0.0, 2.0), (5.0, 0.0)]
        assert any("longer than 1 session: oft_1" in flag for flag in evidence.flags)

    def test_a_window_beyond_the_end_is_said(self, context, call):
        evidence = call(context, "measure", measure="bout_count", **REARS, stop_s=60)
        assert any("longer than 4 sessions" in flag for flag in evidence.flags)

    def test_a_window_outside_of_every_session_fails(self, context, call):
        with pytest.raises(ToolFailedError, match="nothing was recorded there"):
            call(context, "measure", measure="bout_count", **REARS, start_s=600)


class TestTracksDuring:
    def test_what_never_happens_at_the_same_time_takes_no_distance(self, context, call):
        value = one(
            call(
                context,
                "measure",
                measure="distance",
                sessions=["oft_1"],
                behaviors=["Rearing"],
                during=["Grooming"],
                sources=["anna"],
            )
        )
        assert value.value == 0.0

    def test_the_time_of_a_behavior_can_be_left_out(self, context, call):
        common = {"measure": "distance", "sessions": ["oft_1"], "sources": ["anna"]}
        during = one(call(context, "measure", **common, behaviors=["Grooming"]))
        without = one(
            call(context, "measure", measure="distance", sessions=["oft_1"], excluding=["Grooming"])
        )
        assert during.value + without.value == pytest.approx(198.0)

    def test_nobody_looked_means_no_row(self, context, call):
        with pytest.raises(ToolFailedError, match="did not look"):
            call(
                context,
                "measure",
                measure="distance",
                sessions=["oft_1"],
                behaviors=["Grooming"],
                sources=["ben"],
            )

    def test_entries_per_minute(self, context, call):
        value = one(call(context, "measure", measure="zone_entry_rate", sessions=["oft_1"]))
        # two entries while the position is known: 99 of 100 frames
        assert (value.value, value.unit) == (pytest.approx(2 / (9.9 / 60)), "entries/min")
