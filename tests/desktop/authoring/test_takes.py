"""Takes follow their renders, whatever happened to the engine, the queue or the files meanwhile."""

import logging
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from desktop.authoring.characters import add_character, region_from_box
from desktop.authoring.media_import import prepare_media_for
from desktop.authoring.project_files import create_project
from desktop.authoring.render_requests import RenderSettings
from desktop.authoring.scenes import add_scene
from desktop.authoring.takes import fail_take, plan_take, reconcile_takes
from engine.protocol.codec import encode_result
from engine.protocol.errors import ErrorCode, ErrorReport, UserError
from engine.protocol.jobs import FileRole, JobState, RenderResult, ResultFile
from projects_db.records import RegionBox, TakeStatus
from tests.job_views import job


@pytest.fixture
def store(tmp_path, samples):
    with create_project(tmp_path / "night.masque") as made:
        plate = prepare_media_for(made, samples / "duet.png")
        with made.change("Add scene") as change:
            scene_id = add_scene(made, change, plate, name="Duet")
            region = region_from_box(RegionBox(x=0.2, y=0.2, width=0.2, height=0.4))
            add_character(change, made.scene(scene_id), "Ada", region)
        yield made


@pytest.fixture
def planned(store):
    return plan_take(store, store.scenes()[0].id, RenderSettings(frame_count=12))


def job_of(planned, state, **changes):
    request = planned.request
    return job(
        1,
        state,
        request_id=request.request_id,
        project_id=request.project_id,
        project_path=request.project_path,
        scene_id=request.scene_id,
        scene_name=request.scene_name,
        take_id=request.take_id,
        take_number=request.take_number,
        output_directory=request.output_directory,
        **changes,
    )


def result_of(planned):
    return RenderResult(
        request_id=planned.request.request_id,
        take_id=planned.take_id,
        renderer="draft",
        seed=0,
        frame_rate=Fraction(24),
        frame_count=12,
        width=1280,
        height=720,
        has_alpha=False,
        files=(ResultFile(role=FileRole.MASTER, name="a.mkv", size_bytes=3),),
    )


def status_of(store, planned):
    return store.take(planned.take_id).status


def test_a_failed_take_waits_again_when_its_job_is_retried(store, planned):
    error = ErrorReport(code=ErrorCode.DISK_FULL, message="The disk is full.", next_step="Free some space.")
    reconcile_takes(store, [job_of(planned, JobState.FAILED, error=error)])
    assert store.take(planned.take_id).error == "The disk is full. Free some space."
    reconcile_takes(store, [job_of(planned, JobState.QUEUED)])
    take = store.take(planned.take_id)
    assert (take.status, take.error, take.finished_at) == (TakeStatus.QUEUED, None, None)
    reconcile_takes(store, [job_of(planned, JobState.DONE, result=result_of(planned))])
    assert status_of(store, planned) is TakeStatus.DONE


def test_a_result_under_another_name_is_found_without_the_engine(store, planned):
    directory = planned.request.output_directory
    directory.mkdir(parents=True)
    (directory / "take.json").write_text(encode_result(replace(result_of(planned), take_id="another")))
    (directory / "shot_2.take.json").write_text(encode_result(result_of(planned)))
    assert [take.id for take in reconcile_takes(store)] == [planned.take_id]
    assert store.take(planned.take_id).files[0].relative_path.endswith("a.mkv")


@pytest.mark.parametrize("rubbish", [b"", b"{", b"\xff\xfe", b"{}"])
def test_a_result_that_cannot_be_read_is_none_and_stops_nothing(store, planned, caplog, rubbish):
    directory = planned.request.output_directory
    directory.mkdir(parents=True)
    (directory / "take.json").write_bytes(rubbish)
    with caplog.at_level(logging.WARNING):
        assert reconcile_takes(store, [job_of(planned, JobState.RUNNING)]) == ()
    assert "take.json" in caplog.text
    assert status_of(store, planned) is TakeStatus.QUEUED


def test_a_cleared_job_still_tells_its_take(store, planned):
    reconcile_takes(store, [job_of(planned, JobState.CANCELLED, cleared=True)])
    assert status_of(store, planned) is TakeStatus.CANCELLED


def test_a_take_just_planned_is_not_given_up_though_the_engine_has_no_job_yet(store, planned):
    assert reconcile_takes(store, []) == ()
    assert status_of(store, planned) is TakeStatus.QUEUED


def test_a_take_the_engine_has_lost_is_said_so_in_time(store, planned, monkeypatch):
    monkeypatch.setattr("desktop.authoring.takes.SUBMIT_GRACE", timedelta(seconds=-1))
    reconcile_takes(store, [])
    assert status_of(store, planned) is TakeStatus.FAILED
    assert "Render it again" in store.take(planned.take_id).error


def test_a_refused_take_keeps_the_reason(store, planned):
    fail_take(store, planned.take_id, UserError("No.", next_step="Ask again."))
    assert store.take(planned.take_id).error == "No. Ask again."


def test_two_takes_never_share_a_folder(store):
    settings = RenderSettings(output_directory=store.folder / "out")
    first, second = (plan_take(store, store.scenes()[0].id, settings) for _ in range(2))
    assert first.request.output_directory != second.request.output_directory


def test_a_scene_that_cannot_be_rendered_adds_no_take(store):
    with pytest.raises(UserError):
        plan_take(store, store.scenes()[0].id, RenderSettings(frame_count=0))
    assert store.takes() == ()
