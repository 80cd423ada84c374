"""What a plan knows of a render before anything is loaded is what the renderer then prepares."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from engine.bundles.installed_bundle import PartName
from engine.conditioning.condition_cache import ConditionCache
from engine.conditioning.prompt import PROMPT_TOKENS
from engine.planning.planner import best_plan
from engine.planning.workload import demand_of, workload_of
from engine.protocol.curves import Channel, Curve, CurveKey, Interpolation
from engine.protocol.diffusion_settings import DiffusionSettings, GuidanceSettings, LongShotMode
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.render_request import RendererName
from engine.renderers.diffusion_characters import Watch
from engine.renderers.diffusion_conditions import ShotPreparation
from engine.renderers.diffusion_models import BundleModels
from engine.renderers.diffusion_record import diffusion_record
from tests.diffusion_cast import driven, plate_of, speaking
from tests.engine.planning.machines import GB, card, processor
from tests.render_watching import Watching


@pytest.fixture
def request_of(make_request, samples):
    """Return a function that makes requests: the duet, Ada driven by a clip, Ben by a voice."""

    def make(characters=None, settings=None, **changes):
        values = {
            "renderer": RendererName.DIFFUSION,
            "plate": plate_of(samples / "duet.png"),
            "characters": (driven(samples), speaking(samples)) if characters is None else characters,
            "frame_count": 8,
            "width": 100,
            "height": 48,
            "prompt": "Two people talk.",
            "diffusion": DiffusionSettings(**{"bundle": "test", "steps": 4, **(settings or {})}),
        }
        return make_request(**{**values, **changes})

    return make


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Encoded conditions of these tests."""
    return tmp_path_factory.mktemp("conditions")


@pytest.fixture
def prepared(verified_bundle, cache):
    """Return a function that prepares a request as the renderer does: the shot and its record."""

    def prepare(request):
        machine = processor(64 * GB)
        plan = best_plan(machine, workload_of(request, verified_bundle))
        models = BundleModels(verified_bundle, torch.device("cpu"), plan, Watching(), cache=cache)
        watch = Watch(tell=lambda phase: None, should_stop=lambda: False)
        shot = ShotPreparation(request, models, ConditionCache(cache), watch).prepared(request.diffusion).shot
        return shot, diffusion_record(shot, models, shot.pieces)

    return prepare


@pytest.mark.parametrize("mode", list(LongShotMode))
@pytest.mark.parametrize("frames", [9, 100, 170, 399])
def test_a_shorter_shot_takes_the_memory_that_a_plan_counts_for_it(request_of, verified_bundle, mode, frames):
    asked = {"settings": {"long_shot": mode}}
    told = workload_of(request_of(frame_count=400, **asked), verified_bundle).at_frames(frames)
    real = workload_of(request_of(frame_count=frames, **asked), verified_bundle)
    assert 0 <= told.model_frames - real.model_frames <= 4
    assert 0 <= told.segment.piece_latents - real.segment.piece_latents <= 1
    assert 0 <= told.segment.latent_frames - real.segment.latent_frames <= 1
    assert (told.segment.pieces, told.segment.known_latents) == (
        real.segment.pieces,
        real.segment.known_latents,
    )
    assert told.bank_tokens(told.segment) >= real.bank_tokens(real.segment)


def fading(character, *keys):
    """A character whose strength has these keys (frame, value), held from one to the next."""
    curve = Curve(
        channel=Channel.VOICE if character.voices else Channel.EXPRESSION,
        keys=tuple(CurveKey(frame=f, value=v, interpolation=Interpolation.HOLD) for f, v in keys),
    )
    return replace(character, curves=(curve,))


LONG = {"segment_frames": 9, "overlap_frames": 5}
WINDOWS = {"long_shot": LongShotMode.CONTEXT_WINDOWS, "segment_frames": 9, "overlap_frames": 4}
CASES = {
    "a clip and a voice": lambda samples: {},
    "a clip alone, text scale 1": lambda samples: {"characters": (driven(samples),)},
    "nobody": lambda samples: {"characters": ()},
    "two clips and two voices": lambda samples: {
        "characters": (driven(samples), speaking(samples), replace(driven(samples, x=0.35), voices=()))
    },
    "equal prompts": lambda samples: {"negative_prompt": " Two  people talk. "},
    "three branches": lambda samples: {"settings": {"guidance": GuidanceSettings(voice_scale=3.0)}},
    "guided for half of the steps": lambda samples: {
        "settings": {"guidance": GuidanceSettings(text_scale=3.0, start_percent=25, end_percent=75)}
    },
    "pieces": lambda samples: {"frame_count": 27, "settings": LONG},
    "pieces of a voice that falls silent": lambda samples: {
        "frame_count": 27,
        "settings": LONG,
        "characters": (driven(samples), fading(speaking(samples), (0, 1.0), (9, 0.0))),
    },
    "windows": lambda samples: {"frame_count": 40, "settings": WINDOWS},
    "windows of a clip that fades in": lambda samples: {
        "frame_count": 40,
        "settings": WINDOWS,
        "characters": (fading(driven(samples), (0, 0.0), (30, 1.0)),),
    },
    "windows of a shot that needs none": lambda samples: {"frame_count": 7, "settings": WINDOWS},
}


@pytest.mark.parametrize("case", CASES)
def test_a_workload_is_that_of_the_shot_which_the_renderer_prepares(
    case, request_of, prepared, samples, verified_bundle
):
    request = request_of(**CASES[case](samples))
    workload = workload_of(request, verified_bundle)
    shot, record = prepared(request)
    segment = workload.segment
    assert (workload.model_width, workload.model_height) == (shot.fit.model_width, shot.fit.model_height)
    assert (segment.branches, segment.forwards) == (record.forwards_per_step, record.forwards)
    spans = [piece.end - piece.start for piece in shot.pieces]
    assert (segment.pieces, segment.piece_latents) == (len(spans), max(spans))
    windows = [shot.windows.windows(step) for step in range(4)] if shot.windows else [((0, max(spans)),)]
    assert segment.windows == max(map(len, windows))
    assert segment.latent_frames == windows[0][0][1] - windows[0][0][0]
    assert workload.tokens(segment) == segment.latent_frames * shot.conditions.regions.owner_FS.shape[1]
    assert workload.texts == len(shot.conditions.text)
    assert segment.known_latents == max(piece.known for piece in shot.pieces)
    loads = {load.name: load for load in segment.adapters}
    assert set(loads) == set(shot.conditions.adapters)
    for name, characters in shot.conditions.adapters.items():
        assert loads[name].characters == len(characters)
        assert loads[name].width == shot.projections[name].width
        assert loads[name].tokens == max(timelines(shot, name))
        assert loads[name].window == next(iter(characters.values())).windows.indices_FL.shape[1]


def timelines(shot, name):
    """How many tokens of an adapter's characters each pass keeps."""
    for piece in shot.pieces:
        whole = shot.conditions
        cut = whole if shot.windows else whole.frames(piece.start, piece.end, whole.plate_20FHW).compacted()
        yield from (len(character.tokens_KD) for character in cut.adapters[name].values())


def test_token_counts_that_networks_have_too_are_the_same_here(verified_bundle):
    assert verified_bundle.sizes[PartName.IMAGE_ENCODER]["image_tokens"] == 257
    assert PROMPT_TOKENS == 512


def test_shorter_segments_are_half_and_then_as_short_as_the_overlap_allows(request_of, verified_bundle):
    asked = request_of(frame_count=120, settings={"segment_frames": 81, "overlap_frames": 13})
    segments = workload_of(asked, verified_bundle).segments
    assert [segment.segment_frames for segment in segments] == [81, 41, 17]
    assert [segment.pieces for segment in segments] == sorted(segment.pieces for segment in segments)
    tight = request_of(frame_count=120, settings={"segment_frames": 25, "overlap_frames": 21})
    assert [each.segment_frames for each in workload_of(tight, verified_bundle).segments] == [25]
    short = request_of(frame_count=9, settings={"segment_frames": 81, "overlap_frames": 1})
    assert [each.segment_frames for each in workload_of(short, verified_bundle).segments] == [81, 5]
    windows = request_of(frame_count=120, settings={**WINDOWS, "segment_frames": 41, "overlap_frames": 16})
    assert [each.segment_frames for each in workload_of(windows, verified_bundle).segments] == [41, 21]


def test_a_demand_grows_with_the_picture_and_the_branches(request_of, verified_bundle):
    small = demand_of(workload_of(request_of(), verified_bundle))
    large = demand_of(workload_of(request_of(width=200), verified_bundle))
    assert large.pass_tokens > small.pass_tokens
    assert (small.branches, small.bank_tokens) == (large.branches, large.bank_tokens)


def test_a_bundle_of_random_weights_without_sizes_has_to_be_verified(request_of, verified_bundle):
    with pytest.raises(UserError, match="masque models verify test") as error:
        workload_of(request_of(), replace(verified_bundle, sizes={}))
    assert error.value.report.code is ErrorCode.RENDERER_UNAVAILABLE


def test_a_published_bundle_without_sizes_has_the_published_ones(request_of, verified_bundle):
    old = replace(verified_bundle, sizes={}, random_weights=False)
    sizes = workload_of(request_of(), old).sizes
    assert (sizes.transformer.width, sizes.transformer.blocks, sizes.vae.channels) == (5120, 40, 96)
    assert sizes.text_encoder.parameters == 5_680_910_336


def test_a_request_that_no_bundle_can_serve_is_refused_in_words(request_of, verified_bundle):
    with pytest.raises(UserError, match="says nothing of its model bundle"):
        workload_of(request_of(diffusion=None), verified_bundle)
    parts = {name: part for name, part in verified_bundle.parts.items() if name is not PartName.VOICE_ADAPTER}
    with pytest.raises(UserError, match="lacks the voice adapter"):
        workload_of(request_of(), replace(verified_bundle, parts=parts))


def test_a_plan_for_a_card_knows_the_published_sizes_without_a_card(request_of, verified_bundle):
    old = replace(verified_bundle, sizes={}, random_weights=False)
    plan = best_plan(card(24 * GB), workload_of(request_of(frame_rate=Fraction(25)), old))
    assert plan.block_count == 40
