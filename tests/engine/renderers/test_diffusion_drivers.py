"""Drivers, kept by what their files hold: a clip that was replaced since its import."""

import shutil
from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from engine.conditioning.condition_cache import ConditionCache
from engine.planning.model_time import model_time
from engine.protocol.errors import ErrorCode, UserError
from engine.renderers import diffusion_drivers
from engine.renderers.diffusion_characters import CastPreparation, Watch
from engine.renderers.diffusion_drivers import DriverTracks
from engine.renderers.diffusion_models import BundleModels
from tests.diffusion_cast import driven
from tests.memory_plans import resident_plan

CHANGED = "“clip.mp4” has changed since it was imported; the take follows the file as it is now."


class Silent:
    """Hears a render and says nothing."""

    def step(self):
        pass


@pytest.fixture
def models(installed, tmp_path):
    return BundleModels(installed, torch.device("cpu"), resident_plan(2), Silent(), cache=tmp_path)


@pytest.fixture
def cache(tmp_path):
    return ConditionCache(tmp_path / "conditions")


@pytest.fixture
def clip(samples, tmp_path):
    """A clip as it was imported: its file may be replaced."""
    path = tmp_path / "clip.mp4"
    shutil.copy(samples / "driver_smile.mp4", path)
    return driven(tmp_path, clip=path.name).driving[0]


@pytest.fixture
def replaced(clip, samples):
    """Return a function that puts another recording in the place of the clip's file."""
    return lambda: shutil.copy(samples / "driver_pair.mp4", clip.path)


def drivers(models, cache, phases=None):
    told = [] if phases is None else phases
    return DriverTracks(models, cache, tell=told.append, should_stop=lambda: False)


def test_a_clip_replaced_since_its_import_drives_as_it_is_now_and_spoils_nothing_for_the_imported_one(
    models, cache, clip, replaced, samples
):
    replaced()
    spoilt = [drivers(models, cache).track(clip) for _ in range(2)]  # analysed, then kept
    shutil.copy(samples / "driver_smile.mp4", clip.path)
    sound = [drivers(models, cache).track(clip) for _ in range(2)]

    assert (cache.hits["expression"], cache.misses["expression"]) == (2, 2)
    assert all(track.report[0] == CHANGED for track in spoilt)
    assert not any(CHANGED in track.report for track in sound)
    assert torch.equal(sound[0].features_TE, sound[1].features_TE)
    assert not torch.equal(sound[0].features_TE, spoilt[0].features_TE)


def test_a_file_is_hashed_once_however_often_it_drives(models, cache, clip, monkeypatch):
    hashed = []
    real = diffusion_drivers.hash_file
    monkeypatch.setattr(diffusion_drivers, "hash_file", lambda path: hashed.append(path) or real(path))
    both = drivers(models, cache)
    both.track(clip)
    both.track(clip)

    assert hashed == [clip.path]


def test_a_clip_that_is_gone_is_named(models, cache, clip):
    clip.path.unlink()
    with pytest.raises(UserError, match=r"clip\.mp4") as refusal:
        drivers(models, cache).track(clip)

    assert refusal.value.report.code is ErrorCode.FILE_MISSING


def test_the_take_is_told_once_of_a_changed_file_however_often_it_drives(
    models, cache, clip, replaced, shot, tmp_path
):
    replaced()
    ada = driven(tmp_path, clip=clip.path.name, content_hash=clip.content_hash)
    request = shot(characters=(ada, replace(ada, character_id="ben", name="Ben")))
    watch = Watch(tell=lambda phase: None, should_stop=lambda: False)
    time = model_time(Fraction(24), request.frame_count, Fraction(24))
    cast = CastPreparation(request, time, models, cache, watch).cast()

    assert cast.warnings.count(CHANGED) == 1
