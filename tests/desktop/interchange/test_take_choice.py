"""Which takes an export holds."""

import re
from fractions import Fraction

import pytest

from desktop.interchange.take_choice import choose_takes
from engine.protocol.errors import ErrorCode, UserError


def test_each_scene_gives_its_best_rated_and_of_equals_its_newest_take(project):
    first, second = project.scene("First"), project.scene("Second")
    project.take(first, rating=2)
    best = project.take(first, rating=4)
    project.take(first, rating=3)
    project.take(second)
    newest = project.take(second)
    choice = choose_takes(project.store)
    assert [shot.take_id for shot in choice.shots] == [best, newest]
    assert [shot.scene_name for shot in choice.shots] == ["First", "Second"]
    assert choice.warnings == ()


def test_a_take_that_is_not_finished_is_never_chosen_and_its_scene_is_reported(project):
    done, waiting = project.scene("Done"), project.scene("Waiting")
    project.take(done)
    project.waiting_take(done)
    project.waiting_take(waiting)
    choice = choose_takes(project.store)
    assert [shot.scene_name for shot in choice.shots] == ["Done"]
    assert choice.warnings == ("“Waiting” has no finished take and was left out.",)


def test_named_takes_come_in_the_order_of_scenes_and_numbers_without_doubles(project):
    first, second = project.scene("First"), project.scene("Second")
    takes = [project.take(second), project.take(first), project.take(first)]
    choice = choose_takes(project.store, [takes[0], takes[2], takes[1][:12], takes[1]])
    assert [shot.take_id for shot in choice.shots] == [takes[1], takes[2], takes[0]]


@pytest.mark.parametrize("wanted", ["nothing-like-it", ""])
def test_an_unknown_take_is_refused(project, wanted):
    project.take(project.scene("Scene"))
    with pytest.raises(UserError, match=re.escape(f"begins with “{wanted}”")) as failure:
        choose_takes(project.store, [wanted])
    assert failure.value.report.code is ErrorCode.NOT_FOUND


def test_a_waiting_take_is_refused_by_name(project):
    waiting = project.waiting_take(project.scene("Scene"))
    with pytest.raises(UserError, match="not finished: it is queued") as failure:
        choose_takes(project.store, [waiting])
    assert failure.value.report.code is ErrorCode.WRONG_STATE


def test_a_project_without_finished_takes_is_told_what_to_do(project):
    project.scene("Scene")
    with pytest.raises(UserError, match=r"has no finished take\. Render a scene first") as failure:
        choose_takes(project.store)
    assert failure.value.report.code is ErrorCode.NOT_FOUND


def test_a_take_whose_movie_was_deleted_is_named(project):
    project.take(project.scene("Scene"))
    next(project.store.renders_folder.rglob("master.mkv")).unlink()
    with pytest.raises(UserError, match=r"master\.mkv") as failure:
        choose_takes(project.store)
    assert failure.value.report.code is ErrorCode.FILE_MISSING


def test_scenes_whose_names_look_alike_get_different_files(project):
    for name in ("A/B", "A B", "a:b"):
        project.take(project.scene(name))
    names = [shot.name for shot in choose_takes(project.store).shots]
    assert names == ["Night-shoot_A-B_take01", "Night-shoot_A-B_take01-2", "Night-shoot_a-b_take01-3"]


def test_a_take_of_another_frame_rate_is_reported(project):
    project.take(project.scene("Scene"), rate=Fraction(25))
    (warning,) = choose_takes(project.store).warnings
    assert warning.startswith("Take 1 of “Scene” was rendered at 25 frames a second, the project now has 24")


def test_markers_behind_the_end_of_the_take_are_left_out(project):
    scene = project.scene("Scene")
    project.take(scene, frames=8)
    for frame in (0, 7, 8, 400):
        project.marker(scene, frame, f"at {frame}", "#ff0000")
    (shot,) = choose_takes(project.store).shots
    assert [marker.frame for marker in shot.markers] == [0, 7]
