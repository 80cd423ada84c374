"""Which bundle renders a scene, with which settings, and what a person is told before the night."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.authoring.characters import add_character, region_from_box
from desktop.authoring.clips import (
    DrivingPlacement,
    VoicePlacement,
    add_driving_clip,
    add_voice_clip,
    placed_media,
)
from desktop.authoring.curves import parse_curve
from desktop.authoring.diffusion_settings import (
    DiffusionChoice,
    choose_bundle,
    diffusion_size,
    plan_diffusion,
    usual_overlap,
    what_is_missing,
)
from desktop.authoring.media_import import adopt_media, prepare_media_for
from desktop.authoring.project_files import create_project
from desktop.authoring.render_requests import RenderSettings, check_scenes, settings_of_takes
from desktop.authoring.scenes import add_scene
from desktop.authoring.take_origin import take_origin
from desktop.authoring.takes import plan_take
from engine.bundles.installed_bundle import (
    BundlePart,
    Capability,
    InstalledBundle,
    PartFile,
    PartName,
)
from engine.bundles.registry import register
from engine.client import engine_directories
from engine.protocol.diffusion_limits import check_diffusion
from engine.protocol.diffusion_settings import (
    DiffusionSettings,
    GuidanceSettings,
    LongShotMode,
    Precision,
    Solver,
)
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.render_request import RendererName
from projects_db.records import Channel, RegionBox, TakeRecord, TakeStatus

BOTH = frozenset({Capability.CLIP_DRIVEN, Capability.VOICE_DRIVEN})
CLIPS = frozenset({Capability.CLIP_DRIVEN})
VOICES = frozenset({Capability.VOICE_DRIVEN})


def bundle(name="tiny", capabilities=BOTH, **more):
    return InstalledBundle(name=name, folder=Path("bundle"), parts={}, capabilities=capabilities, **more)


@pytest.fixture(scope="module")
def store(tmp_path_factory, samples):
    """A project: Ada has a clip and Bruno a voice in “Duet”, nothing drives Cora in “Still”."""
    with create_project(tmp_path_factory.mktemp("night") / "night.masque", frame_rate=Fraction(24)) as made:
        plate, clip, voice = (
            prepare_media_for(made, samples / name) for name in ("duet.png", "driver_smile.mp4", "voice.wav")
        )
        region = region_from_box(RegionBox(x=0.2, y=0.2, width=0.2, height=0.4))
        with made.change("Build") as change:
            duet = add_scene(made, change, plate, name="Duet")
            ada, bruno = (add_character(change, made.scene(duet), name, region) for name in ("Ada", "Bruno"))
            driver = placed_media(adopt_media(made, change, clip), clip)
            add_driving_clip(change, ada, driver, DrivingPlacement(), frame_rate=Fraction(24))
            speech = placed_media(adopt_media(made, change, voice), voice)
            add_voice_clip(change, bruno, speech, VoicePlacement(start_frame=0))
            still = add_scene(made, change, plate, name="Still")
            cora = add_character(change, made.scene(still), "Cora", region)
            change.set_curve(cora, Channel.BODY_MOTION, parse_curve(["0:1"]))
            change.update_scene(duet, prompt="Two friends talk.", negative_prompt="blur")
        yield made


@pytest.fixture
def duet(store):
    return store.scene_named("Duet")


@pytest.fixture
def still(store):
    return store.scene_named("Still")


def refusal(act, code=ErrorCode.RENDERER_UNAVAILABLE):
    with pytest.raises(UserError) as caught:
        act()
    assert caught.value.report.code is code
    return str(caught.value)


def test_the_only_bundle_that_can_render_the_scene_is_taken(duet):
    assert choose_bundle(duet, None, [bundle("clips", CLIPS), bundle("both")]).name == "both"


def test_without_a_bundle_the_way_to_one_and_to_a_draft_is_told(duet):
    told = refusal(lambda: choose_bundle(duet, None, []))
    assert "masque models add DIR" in told
    assert "Draft" in told


def test_several_bundles_that_can_are_listed(duet):
    told = refusal(lambda: choose_bundle(duet, None, [bundle("one"), bundle("two"), bundle("c", CLIPS)]))
    assert "--bundle: one, two." in told
    assert choose_bundle(duet, "two", [bundle("one"), bundle("two")]).name == "two"


def test_a_bundle_that_is_not_there_is_answered_with_those_that_are(duet):
    told = refusal(lambda: choose_bundle(duet, "tinny", [bundle("tiny")]))
    assert "“tinny”" in told
    assert told.endswith("tiny.")


@pytest.mark.parametrize(
    ("capabilities", "name", "word"), [(CLIPS, "Bruno", "voice"), (VOICES, "Ada", "clip")]
)
def test_a_character_the_bundle_cannot_move_is_named(duet, capabilities, name, word):
    told = refusal(lambda: choose_bundle(duet, None, [bundle("half", capabilities)]))
    assert told.startswith(f"“{name}” is driven by a {word}")
    assert "“half”" in told
    named = refusal(lambda: choose_bundle(duet, "half", [bundle("half", capabilities), bundle("whole")]))
    assert "(whole)" in named


def test_where_no_bundle_of_several_can_all_who_are_driven_are_named(duet):
    told = refusal(lambda: choose_bundle(duet, None, [bundle("a", CLIPS), bundle("b", VOICES)]))
    assert "“Ada” with a clip and “Bruno” with a voice" in told


def test_a_file_of_the_bundle_that_is_gone_is_named_before_queueing(duet, tmp_path):
    file = PartFile(path="vae.safetensors", size_bytes=4, modified_ns=1, sha256="0" * 64)
    part = BundlePart(name=PartName.VAE, layout="diffusers", files=(file,))
    broken = replace(bundle(), folder=tmp_path, parts={PartName.VAE: part})
    assert "vae.safetensors" in refusal(lambda: plan_diffusion(duet, DiffusionChoice(), [broken]))


def test_a_scene_nobody_is_driven_in_is_rendered_with_a_note(still):
    plan = plan_diffusion(still, DiffusionChoice(), [bundle(capabilities=frozenset())])
    assert what_is_missing(still, bundle(capabilities=frozenset())) == ""
    assert any("Nothing drives anybody in “Still”" in note for note in plan.notes)
    assert any("“Cora”" in note and "body motion" in note for note in plan.notes)


def test_noise_and_guidance_without_a_voice_are_noted(duet, still):
    noisy = [bundle(random_weights=True)]
    assert "noise" in plan_diffusion(duet, DiffusionChoice(), noisy).notes[0]
    assert plan_diffusion(duet, DiffusionChoice(voice_guidance=4.0), [bundle()]).notes == ()
    plan = plan_diffusion(still, DiffusionChoice(voice_guidance=4.0), [bundle()])
    assert any("voice guidance changes nothing" in note for note in plan.notes)


def test_what_nobody_chose_is_as_usual_and_the_published_guidance_stays_open(duet):
    plan = plan_diffusion(duet, DiffusionChoice(), [bundle()])
    assert plan.settings == DiffusionSettings(bundle="tiny")
    assert plan.notes == ()


def test_all_that_was_chosen_arrives(duet):
    choice = DiffusionChoice(
        bundle="tiny",
        steps=4,
        text_guidance=0.0,
        adapter_guidance=2.0,
        voice_guidance=3.0,
        guidance_start=0.0,
        guidance_end=80.0,
        solver=Solver.UNIPC,
        flow_shift=3.0,
        long_shot=LongShotMode.CONTEXT_WINDOWS,
        segment_frames=49,
        overlap_frames=20,
        precision=Precision.FLOAT32,
        model_rate=Fraction(25),
    )
    assert plan_diffusion(duet, choice, [bundle()]).settings == DiffusionSettings(
        bundle="tiny",
        steps=4,
        flow_shift=3.0,
        solver=Solver.UNIPC,
        guidance=GuidanceSettings(
            text_scale=0.0, adapter_scale=2.0, voice_scale=3.0, start_percent=0.0, end_percent=80.0
        ),
        long_shot=LongShotMode.CONTEXT_WINDOWS,
        segment_frames=49,
        overlap_frames=20,
        precision=Precision.FLOAT32,
        model_frame_rate=Fraction(25),
    )
    assert choice.options_given()[:3] == ("--bundle", "--steps", "--text-guidance")
    assert len(choice.options_given()) == 14


def test_settings_out_of_range_are_refused(duet):
    told = refusal(lambda: plan_diffusion(duet, DiffusionChoice(steps=0), [bundle()]), ErrorCode.BAD_INPUT)
    assert "1 to 200" in told


@given(st.sampled_from(LongShotMode), st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_the_usual_overlap_fits_every_segment(mode, groups):
    segment = 4 * groups + 1
    check_diffusion(
        DiffusionSettings(
            bundle="tiny", long_shot=mode, segment_frames=segment, overlap_frames=usual_overlap(mode, segment)
        )
    )


def test_the_usual_overlaps_of_a_whole_segment_are_the_known_ones():
    assert usual_overlap(LongShotMode.CONTINUATION, 81) == 13
    assert usual_overlap(LongShotMode.CONTEXT_WINDOWS, 81) == 16


def test_the_usual_size_keeps_the_plates_shape_and_never_exceeds_it():
    assert diffusion_size(832, 480) == (832, 480)
    assert diffusion_size(1280, 720) == (842, 474)
    assert diffusion_size(300, 200) == (300, 200)
    assert diffusion_size(1, 20_000)[0] == 2


@given(st.integers(16, 16_000), st.integers(16, 16_000))
@settings(max_examples=100, deadline=None)
def test_the_usual_size_is_even_and_about_the_models_own_area(width, height):
    wide, high = diffusion_size(width, height)
    assert wide % 2 == high % 2 == 0
    assert wide <= width + 1
    assert high <= height + 1
    assert wide * high <= 832 * 480 * 1.01 + 2 * max(wide, high)


def test_several_takes_have_seeds_one_after_the_other():
    takes = settings_of_takes(RenderSettings(seed=7), 3)
    assert [take.seed for take in takes] == [7, 8, 9]
    for count, seed in ((0, 0), (101, 0), (2, 2**31 - 1), (1, -1)):
        refusal(lambda c=count, s=seed: settings_of_takes(RenderSettings(seed=s), c), ErrorCode.BAD_INPUT)


def test_a_take_in_diffusion_quality_says_so_with_prompts_size_and_bundle(store, duet):
    register(engine_directories()[0], bundle(random_weights=True))
    wanted = RenderSettings(quality="diffusion", seed=3, diffusion=DiffusionChoice(steps=2))
    assert any("noise" in note for note in check_scenes(store, [duet.id], wanted))
    planned = plan_take(store, duet.id, wanted)
    request = planned.request
    assert (request.renderer, request.seed) == (RendererName.DIFFUSION, 3)
    assert (request.prompt, request.negative_prompt) == ("Two friends talk.", "blur")
    assert (request.width, request.height) == (842, 474)
    assert request.diffusion == DiffusionSettings(bundle="tiny", steps=2)
    assert take_origin(store.take(planned.take_id)).settings == request.diffusion
    assert any("noise" in note for note in planned.notes)


def test_without_a_bundle_no_take_is_added(store, duet):
    before = store.takes()
    refusal(lambda: plan_take(store, duet.id, RenderSettings(quality="diffusion")))
    assert store.takes() == before


def test_options_of_diffusion_are_not_swallowed_by_a_draft(store, duet):
    wanted = RenderSettings(diffusion=DiffusionChoice(steps=2, solver=Solver.EULER))
    told = refusal(lambda: plan_take(store, duet.id, wanted), ErrorCode.BAD_INPUT)
    assert told.startswith("--steps, --solver are for diffusion quality")


@pytest.mark.parametrize(("request_", "result"), [("{}", None), ("{}", "{}"), ("rubbish", "rubbish")])
def test_a_take_that_does_not_tell_its_origin_is_of_its_renderer(request_, result):
    take = TakeRecord(
        id="t",
        scene_id="s",
        number=1,
        status=TakeStatus.DONE,
        renderer="diffusion",
        seed=0,
        request=request_,
        result=result,
        directory=".",
        files=(),
        rating=0,
        notes="",
        error=None,
        created_at=datetime.now(UTC),
        finished_at=None,
    )
    origin = take_origin(take)
    assert (origin.renderer, origin.settings, origin.is_noise) == ("diffusion", None, False)
