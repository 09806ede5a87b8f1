"""What the template describer says of segments."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

from ethochat.index import tables
from ethochat.index.describers.base import Describer
from ethochat.index.describers.kinematic import KinematicDescriber, species_of
from ethochat.index.domain import Session
from ethochat.index.experiment import Experiment
from ethochat.index.settings import BehaviorSettings
from ethochat.index.tables import conform, empty

SESSION = Session(session_id="s1", fps=Fraction(25))
SUPPORTED = BehaviorSettings(
    name="Supported",
    definition="rearing against the wall",
    category="rearing",
    synonyms=("wall rear",),
)


def lab(**more: object) -> Experiment:
    return Experiment(root=Path("lab"), **{"name": "One mouse in a box", **more})


def segment(*behaviors: str, source="rules", start=0.0, stop=2.0, speed=None, zones=()) -> pl.DataFrame:
    row = {
        "segment_id": f"{source}/{start}-{stop}",
        "session_id": "s1",
        "individual": "",
        "source": source,
        "start_time": start,
        "stop_time": stop,
        "behaviors": list(behaviors),
        "zones": list(zones),
        "mean_speed": speed,
    }
    lists = {"behaviors": pl.List(pl.String), "zones": pl.List(pl.String)}
    return conform(pl.DataFrame([row], schema_overrides=lists), "segments")


def motion(lengths_px: list[float] | None = None, unit: str = "cm") -> pl.DataFrame:
    n = len(lengths_px or [0.0] * 50)
    columns = {
        "frame": range(n),
        f"speed_{unit}_per_s": [1.0] * n,
        "body_length_px": lengths_px or [None] * n,
    }
    table = pl.DataFrame(columns, schema_overrides={"body_length_px": pl.Float64})
    return conform(
        table.with_columns(session_id=pl.lit("s1"), source=pl.lit("t"), individual=pl.lit("")), "kinematics"
    )


def describe(segments, *, experiment=None, session=SESSION, bouts=None, kinematics=None) -> pl.DataFrame:
    table = KinematicDescriber(experiment or lab()).describe(
        segments,
        session=session,
        bouts=empty("bouts") if bouts is None else bouts,
        kinematics=motion() if kinematics is None else kinematics,
        zones=empty("zones"),
    )
    assert table.schema == tables.DESCRIPTIONS
    assert table["segment_id"].to_list() == segments["segment_id"].to_list()
    return table


def said(*behaviors: str, **more: object) -> str:
    extra = {key: more.pop(key) for key in ("experiment", "session", "bouts", "kinematics") if key in more}
    return describe(segment(*behaviors, **more), **extra)["overall"].item()


def test_it_is_a_describer():
    assert isinstance(KinematicDescriber(lab()), Describer)


@pytest.mark.parametrize(
    ("behaviors", "speed", "text"),
    [
        (("running", "turning left"), 24.1, "The mouse runs (about 25 cm/s) turning left."),
        (("walking", "wall-hugging"), 9.0, "The mouse walks (about 10 cm/s) along the wall."),
        (("immobile", "corner visit"), 0.3, "The mouse stays still in a corner."),
        (("supported rearing", "wall-hugging"), 1.0, "The mouse rears against the wall."),
        (("immobile", "wall-hugging"), 0.1, "The mouse stays still at the wall."),
        (("near", "approach"), 8.0, "The mouse approaches another mouse (about 10 cm/s)."),
        (("turning left", "turning right", "near", "immobile"), 1.0,
         "The mouse stays still close to another mouse, turning left and right."),
        ((), 3.0, "The mouse moves slowly (about 2 cm/s)."),
        ((), 0.5, "The mouse hardly moves (under 1 cm/s)."),
        ((), 0.0, "The mouse hardly moves."),
        ((), None, "The position of the mouse is not known."),
    ],
)  # fmt: skip
def test_rules_are_worded_in_the_terms_of_the_field(behaviors, speed, text):
    assert said(*behaviors, speed=speed) == text


def test_a_label_is_worded_by_its_definition_category_and_synonyms():
    text = said("Supported", source="Ann", experiment=lab(behaviors=(SUPPORTED,)))
    assert text == "The mouse shows Supported (rearing, wall rear) – rearing against the wall, for about 2 s."
    assert said("clinch", source="Ann", stop=0.6) == "The mouse shows clinch, for less than 1 s."


def test_a_label_is_followed_by_what_the_track_shows():
    """The rules say that the mouse walks for 1.2 of the 2 s."""
    walking = {
        "session_id": "s1",
        "individual": "",
        "behavior": "walking",
        "source": "rules",
        "source_kind": "rule",
    }
    walking |= {"start_time": 0.0, "stop_time": 1.2, "start_frame": 0, "stop_frame": 30}
    bouts = conform(pl.DataFrame([walking]), "bouts")
    text = said("sniffing", source="Ann", speed=10.0, bouts=bouts)
    assert text == "The mouse shows sniffing, for about 2 s. The mouse walks (about 10 cm/s)."


def test_without_a_scale_speed_is_in_pixels_and_without_a_frame_rate_per_frame():
    assert said("walking", speed=93.0, kinematics=motion(unit="px")) == "The mouse walks (about 100 px/s)."
    text = said(speed=3.0, kinematics=motion(unit="px"), session=Session(session_id="s1"))
    assert text == "The mouse moves (about 2 px per frame)."


def test_similar_situations_have_the_same_text_and_no_clock_time():
    texts = [
        said("Supported", source="Ann", start=start, stop=start + 2.1, speed=speed)
        for start, speed in ((3.0, 9.6), (417.3, 10.9))
    ]
    assert texts[0] == texts[1]
    assert not re.search(r"417|3\.0", texts[1])


def test_zones_are_named_and_may_hold_any_character():
    assert said("immobile", speed=0.1, zones=("nest {a}",)) == "The mouse stays still in the zone nest {a}."
    assert (
        said("center visit", speed=4.0, zones=("center",))
        == "The mouse moves slowly (about 5 cm/s) in the center."
    )


def test_the_torso_is_described_only_where_it_is_unusual():
    lengths = [80.0] * 100 + [40.0] * 50
    segments = pl.concat([segment(stop=2.0, speed=1.0), segment(start=4.0, stop=6.0, speed=1.0)])
    table = describe(segments, kinematics=motion(lengths))
    assert table["torso"].to_list() == [None, "The body is shortened."]
    assert table.select("head", "limb").null_count().row(0) == (2, 2)


def test_keywords_hold_synonyms_and_category():
    table = describe(segment("Supported", source="Ann"), experiment=lab(behaviors=(SUPPORTED,)))
    assert table["keywords"].to_list()[0][:3] == ["Supported", "rearing", "wall rear"]
    assert "thigmotaxis" in describe(segment("wall-hugging", speed=1.0))["keywords"][0]


def test_keywords_hold_what_the_field_calls_a_label_and_what_it_looks_like():
    keywords = describe(segment("S-Grm", source="Ann"))["keywords"][0].to_list()
    assert keywords[:2] == ["S-Grm", "grooming"]
    assert "licks and strokes its own fur, head and flanks" in keywords
    assert describe(segment("B12", source="Ann"))["keywords"][0].to_list() == ["B12"]
    assert len(set(keywords)) == len(keywords)


def test_the_species_is_what_the_experiment_says():
    column = pl.DataFrame({"session_id": ["s1"], "species": ["Rat"]})
    assert species_of(lab(metadata=column), SESSION) == "rat"
    assert species_of(lab(name="Three mice"), SESSION) == "mouse"
    assert species_of(lab(name="Rats and mice"), SESSION) == "animal"
    assert species_of(lab(name="Open field"), SESSION) == "animal"


def test_nothing_to_describe_gives_an_empty_table():
    assert describe(empty("segments")).is_empty()
