"""A model that is scripted describes two simulated mice; what the tables and the journal hold then."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest

from ethochat.index.catalog import Catalog
from ethochat.index.describers.in_use import JOURNAL_FILE
from ethochat.index.describing.choice import choose_describer, describers_of
from ethochat.index.describing.journal import Journal
from ethochat.index.describing.run import describe_experiment
from ethochat.index.errors import (
    BackendUnavailableError,
    CatalogError,
    CatalogLockedError,
    InputError,
    StaleIndexError,
)
from ethochat.index.experiment import load_experiment
from ethochat.index.ingest import ingest
from ethochat.index.search import open_search
from ethochat.index.vlm.base import Capabilities, VlmReply
from ethochat.index.vlm.scripted import DESCRIBED, ScriptedVlm


def said(**parts: object) -> str:
    return json.dumps(DESCRIBED | parts)


def catalog_of(root):
    return Catalog(root / ".ethochat")


def seen(root) -> pl.DataFrame:
    """What models said of segments of the rules; a labeled bout of just the same frames has it as well."""
    rows = catalog_of(root).scan("descriptions").collect().filter(pl.col("describer").str.starts_with("vlm:"))
    return rows.join(ruled(root), on="segment_id", how="semi")


def ruled(root) -> pl.DataFrame:
    return catalog_of(root).scan("segments").collect().filter(pl.col("source") == "rules")


def quietly(step: str, done: int, total: int) -> None:
    pass


def test_every_segment_of_the_rules_is_described_with_where_it_came_from(lab):
    root, vlm = lab(), ScriptedVlm()
    report = describe_experiment(root, vlm)
    segments, rows = ruled(root), seen(root)
    assert report.described == segments.height == rows.height > 10
    assert set(rows["segment_id"]) == set(segments["segment_id"])
    assert (report.left, report.failed, report.stopped, report.describer) == (0, (), None, "vlm:scripted")
    row = rows.row(0, named=True)
    assert (row["overall"], row["torso"], row["head"]) == (
        "The mouse walks along the wall.",
        "The body is stretched.",
        None,
    )
    assert row["keywords"] == ["walking"]
    assert row["behaviors"] == ["walking"]
    assert (row["model"], row["note"]) == ("scripted", None)
    assert json.loads(row["decoding"])["do_sample"] is False
    assert len(row["frames"]) >= 2
    assert row["frames"] == sorted(row["frames"])
    assert row["request_hash"]
    assert rows["prompt_version"].n_unique() == 1


def test_kinematic_words_stay_and_are_used(lab):
    root = lab()
    before = catalog_of(root).scan("descriptions").collect()
    describe_experiment(root, ScriptedVlm())
    after = catalog_of(root).scan("descriptions").collect()
    assert (
        after.filter(pl.col("describer") == "kinematic").sort("segment_id").equals(before.sort("segment_id"))
    )
    assert catalog_of(root).scan("bouts").filter(pl.col("source") == "vlm:scripted").collect().is_empty()


def test_second_run_asks_nothing(lab):
    root, vlm = lab(), ScriptedVlm()
    first = describe_experiment(root, vlm)
    n = len(vlm.asked)
    again = describe_experiment(root, vlm)
    assert len(vlm.asked) == n
    assert (again.described, again.reused, again.frames) == (0, first.described, 0)


def test_another_model_adds_rows(lab):
    root = lab()
    describe_experiment(root, ScriptedVlm())
    describe_experiment(root, ScriptedVlm(model="other", answer=lambda _: said(overall="It sits.")))
    rows = seen(root)
    assert rows.group_by("describer").len().sort("describer").rows() == [
        ("vlm:other", ruled(root).height),
        ("vlm:scripted", ruled(root).height),
    ]
    assert set(rows.filter(pl.col("describer") == "vlm:other")["overall"]) == {"It sits."}
    assert describers_of(root) == ("vlm:other", "vlm:scripted")


def test_reply_repaired_counts_and_is_the_one_that_is_kept(lab):
    root, calls = lab(), []

    def answer(request):
        calls.append(request.prompt)
        return said(overall="It walks slowly.") if "It runs!" in request.prompt else "It runs!"

    report = describe_experiment(root, ScriptedVlm(answer=answer), limit=4)
    assert (report.described, report.repaired, report.free_text) == (4, 4, 0)
    assert len(calls) == 8
    assert set(seen(root)["overall"]) == {"It walks slowly."}
    assert seen(root)["note"].null_count() == 4


def test_reply_that_never_has_the_form_is_kept_as_free_text_and_never_asked_for_again(lab):
    root, vlm = lab(), ScriptedVlm(answer=lambda _: "It <b>runs</b>\n\naround\x00!")
    report = describe_experiment(root, vlm, limit=2)
    assert (report.described, report.repaired, report.free_text) == (2, 0, 2)
    rows = seen(root)
    assert set(rows["note"]) == {"free text"}
    assert not any(mark in text for text in rows["overall"] for mark in "\n\x00")
    assert set(rows["keywords"].list.len()) == {0}
    asked = len(vlm.asked)
    again = describe_experiment(root, vlm, limit=1)
    assert again.reused == 2
    assert len(vlm.asked) == asked + 2  # one segment further, and its repair


def test_what_failed_is_named_and_asked_again(lab):
    root, broken = lab(), [True]

    def answer(request):
        if broken[0] and len(vlm.asked) % 2:
            return VlmReply(key=request.key, finish="error", error="out of memory")
        return said()

    vlm = ScriptedVlm(answer=answer)
    report = describe_experiment(root, vlm)
    n = ruled(root).height
    assert len(report.failed) == (n + 1) // 2
    assert {why for _, why in report.failed} == {"out of memory"}
    assert {segment for segment, _ in report.failed} <= set(ruled(root)["segment_id"])
    assert seen(root).height == n // 2
    broken[0] = False
    again = describe_experiment(root, vlm)
    assert (again.described, again.reused, again.failed) == ((n + 1) // 2, n // 2, ())
    assert seen(root).height == n


def test_server_that_dies_half_way_leaves_what_was_done(lab):
    root = lab()

    class Dying(ScriptedVlm):
        def generate(self, requests):
            for n, reply in enumerate(super().generate(requests)):
                if n == 5:
                    raise BackendUnavailableError("nobody answers at http://gpu:8000")
                yield reply

    report = describe_experiment(root, Dying())
    assert report.stopped == "nobody answers at http://gpu:8000"
    assert (report.described, report.left) == (5, ruled(root).height - 5)
    assert seen(root).height == 5
    assert describe_experiment(root, ScriptedVlm()).reused == 5


def test_interrupt_leaves_what_was_done(lab):
    root = lab()

    def answer(request):
        if len(vlm.asked) == 4:
            raise KeyboardInterrupt
        return said()

    vlm = ScriptedVlm(answer=answer)
    report = describe_experiment(root, vlm)
    assert (report.stopped, report.described, seen(root).height) == ("interrupted", 3, 3)


def test_progress_ends_with_all(lab):
    root, told = lab(), []
    describe_experiment(
        root, ScriptedVlm(), progress=lambda step, done, total: told.append((step, done, total))
    )
    steps = [(done, total) for step, done, total in told if step == "segments described"]
    n = ruled(root).height
    assert steps == [(done, n) for done in range(1, n + 1)]


def test_only_the_sessions_asked_for(lab):
    root = lab()
    describe_experiment(root, ScriptedVlm(), sessions=["S02"])
    assert set(seen(root)["session_id"]) == {"S02"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sessions": ["S9"]}, r"Expected sessions of .*, got 'S9'\."),
        ({"sources": ["nobody"]}, r"Expected segments of nobody in sessions with a video in .*, found none"),
    ],
)
def test_what_cannot_be_described_is_said(lab, options, message):
    with pytest.raises(InputError, match=message):
        describe_experiment(lab(), ScriptedVlm(), **options)


def test_segments_are_never_shown_with_fewer_frames_than_asked_for(lab):
    root = lab("max_frames = 4\n")
    with pytest.raises(
        InputError, match=r"which takes \d+ frames at 4 per second, more than `max_frames` = 4"
    ):
        describe_experiment(root, ScriptedVlm())


def test_model_that_takes_fewer_frames_than_a_segment_needs_is_refused_at_once(lab):
    able = Capabilities(video=True, structured=True, probabilities=True, device="x", max_frames=3)
    vlm = ScriptedVlm(capabilities=able)
    with pytest.raises(InputError, match="more than the 3 that the model takes"):
        describe_experiment(lab(), vlm)
    assert vlm.asked == []


def test_video_that_is_gone_fails_its_segments_only(lab):
    root = lab()
    (root / "videos" / "S01.mp4").write_bytes(b"no video")
    report = describe_experiment(root, ScriptedVlm())
    segments = ruled(root)
    lost = segments.filter(pl.col("session_id") == "S01").height
    assert len(report.failed) == lost
    assert report.described == segments.height - lost


def test_reply_that_says_nothing_is_no_zero(lab):
    root = lab()
    describe_experiment(root, ScriptedVlm(answer=lambda request: "I cannot view images."), sessions=["S01"])
    choose_describer(root, "vlm:scripted", store="edge", progress=quietly)
    for table in ("bouts", "coverage"):
        rows = catalog_of(root).scan(table).filter(pl.col("source") == "vlm:scripted").collect()
        assert rows.is_empty()


def test_video_that_ends_early_fails_what_comes_after(lab):
    from ethochat.index.video import cut_clip

    root = lab()
    video = root / "videos" / "S01.mp4"
    cut_clip(video, 0, 4, root / "short.mp4", margin_s=0, mark=None)
    (root / "short.mp4").replace(video)
    ingest(root)
    report = describe_experiment(root, ScriptedVlm(), sessions=["S01", "S02"])
    assert report.failed
    assert {name.split("/")[0] for name, _ in report.failed} == {"S01"}
    assert report.described + len(report.failed) == ruled(root).height


def test_choice_made_while_a_model_is_asked_holds(lab):
    root = lab()
    describe_experiment(root, ScriptedVlm(), limit=1)

    def answer(request):
        if len(vlm.asked) == 2:
            choose_describer(root, "vlm:scripted", store="edge", progress=quietly)
        return said()

    vlm = ScriptedVlm(answer=answer)
    describe_experiment(root, vlm)
    bouts = catalog_of(root).scan("bouts").filter(pl.col("source") == "vlm:scripted").collect()
    assert set(bouts["session_id"]) == {"S01", "S02"}
    assert catalog_of(root).read_state()["index"]["describer"] == "vlm:scripted"


def test_what_was_described_before_is_not_left(lab):
    root = lab()
    describe_experiment(root, ScriptedVlm(), sessions=["S02"])
    done = ruled(root).filter(pl.col("session_id") == "S02").height
    report = describe_experiment(root, ScriptedVlm(), limit=1)
    assert (report.described, report.left) == (1, ruled(root).height - done - 1)


def test_ingest_goes_on_where_the_journal_is_damaged(lab, caplog):
    root = lab()
    describe_experiment(root, ScriptedVlm(), limit=3)
    choose_describer(root, "vlm:scripted", store="edge", progress=quietly)
    (root / ".ethochat" / JOURNAL_FILE).write_bytes(b"no database at all" * 100)
    ingest(root)
    assert "What models saw cannot be read" in caplog.text
    assert seen(root).height == 3
    choose_describer(root, "kinematic", store="edge", progress=quietly)
    assert catalog_of(root).scan("bouts").filter(pl.col("source") == "vlm:scripted").collect().is_empty()


def test_one_run_at_a_time(lab):
    root = lab()
    inner: list[Exception] = []

    def answer(request):
        if not inner:
            try:
                describe_experiment(root, ScriptedVlm())
            except CatalogLockedError as exc:
                inner.append(exc)
        return said()

    describe_experiment(root, ScriptedVlm(answer=answer))
    assert "Another process describes" in str(inner[0])


def test_segments_that_look_the_same_share_words_where_allowed(lab):
    root, vlm = lab("share_likeness = 0.0\n[segments]\nmax_s = 0.5\n"), ScriptedVlm()
    ingest(root)
    report = describe_experiment(root, vlm)
    rows = seen(root)
    assert report.shared > 0
    assert report.described + report.shared == ruled(root).height == rows.height
    shared = rows.filter(pl.col("note").is_not_null())
    assert shared.height == report.shared
    assert shared["note"].str.contains(r"^shared with frames \d+ to \d+$").all()
    assert set(shared["frames"].list.len()) == {0}
    n = len(vlm.asked)
    again = describe_experiment(root, vlm)
    assert (again.reused, again.shared, len(vlm.asked)) == (rows.height, 0, n)


def test_what_does_not_look_the_same_shares_nothing(lab):
    root = lab("share_likeness = 1.0\n[segments]\nmax_s = 0.5\n")
    ingest(root)
    assert describe_experiment(root, ScriptedVlm()).shared == 0


def test_words_of_one_recording_are_not_those_of_another(lab):
    root = lab()
    describe_experiment(root, ScriptedVlm())
    shutil.copy(root / "videos" / "S02.mp4", root / "videos" / "S01.mp4")
    ingest(root)
    assert set(seen(root)["session_id"]) == {"S02"}


def test_tables_made_anew_keep_the_words(lab):
    root = lab()
    describe_experiment(root, ScriptedVlm())
    before = seen(root).sort("segment_id")
    shutil.rmtree(root / ".ethochat" / "catalog")
    (root / ".ethochat" / "state.json").unlink()
    ingest(root)
    assert seen(root).sort("segment_id").equals(before)


class TestChoice:
    def test_keywords_are_bouts_of_the_model_in_use(self, lab):
        root = lab()
        report = describe_experiment(
            root, ScriptedVlm(answer=lambda _: said(keywords=["walking", "juggling"]))
        )
        assert report.unmapped == ("juggling",)
        choose_describer(root, "vlm:scripted", store="edge", progress=quietly)
        catalog = catalog_of(root)
        bouts = catalog.scan("bouts").filter(pl.col("source") == "vlm:scripted").collect()
        assert set(bouts["behavior"]) == {"walking"}
        assert set(bouts["source_kind"]) == {"automated"}
        covered = catalog.scan("coverage").filter(pl.col("source") == "vlm:scripted").collect()
        segments = ruled(root)
        described = segments.select(pl.col("stop_time") - pl.col("start_time")).sum().item()
        # The rules tile the session: everything was looked at, and was called walking.
        assert (covered["stop_time"] - covered["start_time"]).sum() == pytest.approx(described)
        assert (bouts["stop_time"] - bouts["start_time"]).sum() == pytest.approx(described)
        assert "grooming" in covered["behaviors"][0].to_list()

    def test_search_uses_the_words_and_goes_back(self, lab):
        root = lab()
        describe_experiment(root, ScriptedVlm(answer=lambda _: said(overall="A purple elephant juggles.")))
        choose_describer(root, "vlm:scripted", store="edge", progress=quietly)
        with_words = open_search(root / ".ethochat").search("purple elephant", limit=3)
        assert all("elephant" in hit.text for hit in with_words)
        choose_describer(root, "kinematic", store="edge", progress=quietly)
        without = open_search(root / ".ethochat").search("purple elephant", limit=3)
        assert not any("elephant" in hit.text for hit in without)
        assert catalog_of(root).scan("bouts").filter(pl.col("source") == "vlm:scripted").collect().is_empty()

    def test_choice_is_written_beside_what_the_user_wrote(self, lab):
        root = lab("# a remark of mine\n")
        describe_experiment(root, ScriptedVlm(), limit=1)
        choose_describer(root, "vlm:scripted", store="edge", progress=quietly)
        text = (root / "experiment.toml").read_text(encoding="utf-8")
        assert "# a remark of mine" in text
        assert load_experiment(root).descriptions.describer == "vlm:scripted"

    def test_unknown_describer_is_refused(self, lab):
        root = lab()
        with pytest.raises(InputError, match=r"Expected one of kinematic, got 'vlm:gpt'\."):
            choose_describer(root, "vlm:gpt", store="edge", progress=quietly)


class TestJournal:
    def test_damaged_journal_is_never_overwritten(self, lab):
        root = lab()
        path = root / ".ethochat" / JOURNAL_FILE
        path.write_bytes(b"this is no database, but somebody's work" * 100)
        with pytest.raises(StaleIndexError, match="move it away"):
            describe_experiment(root, ScriptedVlm())
        assert path.read_bytes().startswith(b"this is no database")

    def test_journal_of_another_version_is_refused(self, tmp_path):
        with Journal(tmp_path) as journal:
            journal._connection.execute("PRAGMA user_version = 99")
        with pytest.raises(StaleIndexError, match="version 1, found 99"):
            Journal(tmp_path)

    def test_reply_comes_back_as_it_was_kept(self, tmp_path):
        reply = VlmReply(
            key="k",
            text="yes “indeed”",
            probabilities={"yes": 0.75, "no": 0.25},
            finish="length",
            prompt_tokens=3,
            new_tokens=2,
            elapsed_s=0.5,
            decoding={"do_sample": False},
        )
        with Journal(tmp_path) as journal:
            assert journal.seconds_per_reply("m") is None
            journal.keep(reply, model="m", prompt_version="1")
        with Journal(tmp_path) as journal:
            kept = journal.reply("k", "m")
            assert kept is not None
            assert (kept.reply, kept.model, kept.prompt_version) == (reply, "m", "1")
            assert journal.reply("k", "other") is None
            assert journal.seconds_per_reply("m") == 0.5

    def test_reply_that_failed_is_not_kept(self, tmp_path):
        with Journal(tmp_path) as journal, pytest.raises(ValueError, match="out of memory"):
            journal.keep(VlmReply(key="k", error="out of memory"), model="m", prompt_version="1")

    def test_folder_that_is_a_file_is_said(self, tmp_path):
        (tmp_path / "x").write_text("")
        with pytest.raises(CatalogError, match="expected a journal that can be read and written"):
            Journal(tmp_path / "x")
