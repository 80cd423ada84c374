"""However a plan lays the transformer out, it computes the same."""

import pytest
import torch

from engine.conditioning.condition_cache import ConditionCache
from engine.planning.shot_pieces import Piece
from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import BankPlace, HostPlace, WeightStorage
from engine.renderers.diffusion_characters import Watch
from engine.renderers.diffusion_conditions import ShotPreparation
from engine.renderers.diffusion_models import BundleModels
from engine.renderers.shot_transformer import shot_transformer
from engine.sampling.guided_velocity import GuidedVelocity
from tests.memory_plans import resident_plan

STREAMED = {"resident_blocks": (), "slots": 2}
LAYOUTS = [
    STREAMED,
    {"resident_blocks": (0,), "slots": 1},
    {"resident_blocks": (1,), "slots": 2, "bank_place": BankPlace.HOST},
    {**STREAMED, "bank_place": BankPlace.HOST, "host_place": HostPlace.DISK},
    {**STREAMED, "host_place": HostPlace.PINNED, "releases_blocks": True},
    {"releases_blocks": True},
]


class Silent:
    """Hears a render and says nothing."""

    def step(self):
        pass


@pytest.fixture
def passed(shot, installed, shared_cache, tmp_path):
    """Return a function that computes the velocity of two steps under a plan, and what happened between."""
    request = shot()
    device = torch.device("cpu")
    watch = Watch(tell=lambda phase: None, should_stop=lambda: False)

    def compute(between=lambda transformer: None, **changes):
        models = BundleModels(installed, device, resident_plan(3, **changes), Silent(), cache=tmp_path)
        cache = ConditionCache(shared_cache / "conditions")
        known = ShotPreparation(request, models, cache, watch).prepared(request.diffusion).shot
        whole = Piece(start=0, end=known.time.latent_frames, known=0)
        generator = torch.Generator().manual_seed(1)
        rows, columns = known.fit.model_height // 8, known.fit.model_width // 8
        plate = torch.randn(20, whole.end, rows, columns, generator=generator)
        noise = torch.randn(16, whole.end, rows, columns, generator=generator)
        conditions = known.conditions.frames(0, whole.end, plate)
        transformer = shot_transformer(models, known, check=lambda: None)
        found = []
        for timestep in (999.0, 500.0):
            bank = transformer.bank(conditions)
            velocity = GuidedVelocity(transformer.model, conditions, known.scales, steps=2, bank=bank)
            found += [velocity(noise, torch.tensor(timestep), step) for step in range(2)]
            del velocity, bank
            transformer.make_room()
            between(transformer)
        transformer.close()
        return torch.stack(found)

    return compute


@pytest.fixture(scope="module")
def computed():
    """What was computed with everything on the device, once for all of these tests."""
    return {}


@pytest.fixture
def resident(passed, computed):
    if "resident" not in computed:
        computed["resident"] = passed()
    return computed["resident"]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_streamed_blocks_give_exactly_what_resident_ones_give(layout, passed, resident):
    assert torch.equal(passed(**layout), resident)


def test_smaller_pieces_of_tokens_give_nearly_the_same(passed, resident):
    torch.testing.assert_close(passed(piece_tokens=5), resident, atol=1e-4, rtol=0)


def test_narrow_tokens_are_a_little_off_and_eight_bit_weights_more(passed, resident):
    deviation = resident.std()
    narrow = (passed(token_precision=Precision.BFLOAT16) - resident).std() / deviation
    eight = (passed(storage=WeightStorage.EIGHT_BIT) - resident).std() / deviation
    assert 1e-5 < narrow < 0.02
    assert 1e-4 < eight < 0.2


def test_blocks_that_made_room_take_no_memory_until_the_next_pass(passed):
    held = []
    passed(
        between=lambda transformer: held.append(transformer.device_bytes), releases_blocks=True, **STREAMED
    )
    assert held == [0, 0]
