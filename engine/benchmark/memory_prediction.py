"""How right a plan's memory is: predicted and measured peaks of a render's phases, with random networks.

On the processor every block that torch's allocator gives is counted; on a card the card counts. Everything is
resident: what streaming saves is a matter of whole blocks.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from engine.benchmark.dry_run import DryRun
from engine.benchmark.memory_networks import RandomNetworks
from engine.benchmark.memory_watch import watched
from engine.benchmark.step_model import RandomShot, random_shot
from engine.benchmark.step_options import StepOptions
from engine.benchmark.stream_plans import stream_workload
from engine.conditioning.picture_decoding import decode_latents
from engine.conditioning.plate_latents import plate_condition
from engine.memory.device import compute_precision, device_name, render_device, torch_dtype
from engine.memory.lending import AtHand
from engine.networks.encoders import SPEECH_SAMPLE_RATE
from engine.networks.shot_tokens import NOBODY
from engine.planning.guidance import GuidanceScales
from engine.planning.latent_grid import LATENT_PIXELS
from engine.planning.phase_memory import PhaseMemory
from engine.planning.plan_choice import EncoderPlaces, PlanChoice
from engine.planning.prompt_text import PROMPT_TOKENS
from engine.planning.shot_cutting import AdapterLoad
from engine.planning.tile_counting import LEAST_TILE_SIDE
from engine.planning.workload import Workload
from engine.protocol.diffusion_settings import Precision, Solver
from engine.protocol.errors import UserError
from engine.protocol.memory_plan import BankPlace, EncoderPlace, HostPlace, PlanPhase, WeightStorage
from engine.sampling.denoising import denoise
from engine.sampling.flow_solver import flow_solver
from engine.sampling.guided_velocity import GuidedVelocity
from engine.sampling.key_value_bank import (
    BlockKeysValues,
    bank_bytes,
    drop_key_value_projections,
    key_value_bank,
)
from engine.sampling.lockstep import TokenHandling

STEPS = 2
ALL_PHASES = tuple(PlanPhase)


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedPhase:
    """A phase's most bytes of tensors as a plan says and as they were; `ratio` is the one by the other."""

    phase: PlanPhase
    predicted_bytes: int
    measured_bytes: int
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPrediction:
    """All phases that were measured on a device."""

    device: str
    precision: Precision
    token_precision: Precision
    piece_tokens: int
    dry: bool
    options: StepOptions
    phases: tuple[PredictedPhase, ...]


def run_memory_prediction(
    options: StepOptions,
    *,
    piece_tokens: int,
    narrow_tokens: bool = False,
    tile_latents: int | None = None,
    dry: bool = False,
    phases: tuple[PlanPhase, ...] = ALL_PHASES,
) -> MemoryPrediction:
    """Predict and measure phases.

    `dry`: on the processor, for sizes that it could not compute, only room is made for what would be.
    Raises UserError for pieces and tiles that cannot be, and where the device lacks the number format.
    """
    _require_sizes_that_can_be(piece_tokens, tile_latents)
    device = torch.device("cpu") if dry else render_device()
    precision = compute_precision(device, options.precision)
    with DryRun() if dry else nullcontext():
        trial = _Trial(
            options,
            device,
            precision,
            piece_tokens=piece_tokens,
            token_precision=precision if narrow_tokens else Precision.FLOAT32,
            tile_latents=tile_latents,
        )
        found = tuple(trial.measured(phases))
    return MemoryPrediction(
        device=device_name(device),
        precision=precision,
        token_precision=trial.choice.token_precision,
        piece_tokens=piece_tokens,
        dry=dry,
        options=options,
        phases=found,
    )


def _require_sizes_that_can_be(piece_tokens: int, tile_latents: int | None) -> None:
    if piece_tokens < 1:
        raise UserError("A piece has no tokens.", next_step="Choose 1 or more for --piece-tokens.")
    if tile_latents is not None and tile_latents < LEAST_TILE_SIDE:
        raise UserError(
            f"Tiles of {tile_latents} latents are too small.",
            next_step=f"Choose {LEAST_TILE_SIDE} or more for --tile.",
        )


class _Trial:
    """A random model's phases. Networks are made when they are measured and let go after it."""

    def __init__(
        self,
        options: StepOptions,
        device: torch.device,
        precision: Precision,
        *,
        piece_tokens: int,
        token_precision: Precision,
        tile_latents: int | None,
    ) -> None:
        self._options, self._device = options, device
        self._dtype = torch_dtype(precision)
        self._networks = RandomNetworks(options.width, device, self._dtype)
        self._shot: RandomShot | None = random_shot(options, device, self._dtype)
        self._workload = stream_workload(options, precision, _loads(self._shot))
        self.choice = PlanChoice(
            segment=self._workload.segment,
            precision=precision,
            storage=WeightStorage.FULL,
            token_precision=token_precision,
            piece_tokens=piece_tokens,
            tile_latents=tile_latents,
            releases_blocks=True,
            bank_place=BankPlace.DEVICE,
            host_place=HostPlace.PAGEABLE,
            residents=options.blocks,
            slots=0,
        )

    def measured(self, phases: tuple[PlanPhase, ...]) -> Iterator[PredictedPhase]:
        """Yield the phases asked for, those of the transformer first: then it is let go."""
        ways: dict[PlanPhase, Callable[[], tuple[Workload, int]]] = {
            PlanPhase.KEYS_AND_VALUES: self._keys_and_values,
            PlanPhase.DENOISING: self._denoising,
            PlanPhase.PROMPT: self._prompt,
            PlanPhase.PLATE_PICTURE: self._plate_picture,
            PlanPhase.SPEECH: self._speech,
            PlanPhase.PLATE_LATENTS: self._plate_latents,
            PlanPhase.DECODING: self._decoding,
        }
        for phase, measure in ways.items():
            if phase in phases:
                workload, measured = measure()
                predicted = self._predicted(workload, phase)
                yield PredictedPhase(
                    phase=phase,
                    predicted_bytes=predicted,
                    measured_bytes=measured,
                    ratio=predicted / measured,
                )

    def _predicted(self, workload: Workload, phase: PlanPhase) -> int:
        memory = self._memory(workload)
        place = EncoderPlace.DEVICE
        return memory.phases(self.choice, EncoderPlaces.all_in(place))[phase]

    def _memory(self, workload: Workload) -> PhaseMemory:
        on_processor = self._device.type == "cpu"
        return PhaseMemory(workload, on_processor=on_processor, threads=torch.get_num_threads())

    def _keys_and_values(self) -> tuple[Workload, int]:
        """The projections of all blocks but one are not counted: they come and go one by one."""
        shot = self._made_shot()
        model, blocks = shot.model, self._options.blocks
        adapters = sum(map(_bytes, model.projections.values()))
        once = _bytes(*_used_once(shot.model.transformer)) + adapters
        held = _bytes(model.transformer) + adapters - once + max(once - adapters, adapters) // blocks
        people = [each for cast in shot.conditions.adapters.values() for each in cast.values()]
        if self._dtype is torch.float32:  # else the tokens are copied while it is watched
            held += sum(_tensor_bytes(character.tokens_KD) for character in people)
        made, peak = watched(self._device, lambda: self._bank(shot), held_bytes=held)
        del made
        return self._workload, peak

    def _denoising(self) -> tuple[Workload, int]:
        shot = self._made_shot()
        bank = self._bank(shot)
        drop_key_value_projections(shot.model.transformer)
        model = replace(
            shot.model,
            projections={},
            tokens=TokenHandling(
                piece_tokens=self.choice.piece_tokens, dtype=torch_dtype(self.choice.token_precision)
            ),
        )
        shot = replace(shot, model=model)
        self._shot = None
        scales = GuidanceScales(text=self._options.text_guidance, adapters=self._options.adapter_guidance)

        def work() -> torch.Tensor:
            velocity = GuidedVelocity(model, shot.conditions, scales, steps=STEPS, bank=AtHand(bank))
            solver = flow_solver(Solver.EULER, steps=STEPS, shift=5.0)
            return denoise(shot.latents_16FHW, velocity, solver)

        given = _tensor_bytes(shot.latents_16FHW, shot.conditions.plate_20FHW)
        held = _bytes(model.transformer) + bank_bytes(bank) + given
        return self._workload, watched(self._device, work, held_bytes=held)[1]

    def _prompt(self) -> tuple[Workload, int]:
        encoder = self._networks.text_encoder()
        ids_1N = torch.ones(1, PROMPT_TOKENS, dtype=torch.int64, device=self._device)

        def work() -> torch.Tensor:
            hidden = encoder.model(input_ids=ids_1N, attention_mask=torch.ones_like(ids_1N))
            return hidden.last_hidden_state[0].float().cpu()

        peak = self._without_gradients(work, encoder.model)
        return self._with(text_encoder=encoder.size), peak

    def _plate_picture(self) -> tuple[Workload, int]:
        encoder = self._networks.image_encoder()
        pixels_1CSS = torch.zeros(1, 3, 224, 224, device=self._device, dtype=self._dtype)

        def work() -> torch.Tensor:
            found = encoder.model(pixel_values=pixels_1CSS, output_hidden_states=True)
            return found.hidden_states[-2][0].float().cpu()

        peak = self._without_gradients(work, encoder.model)
        return self._with(image_encoder=encoder.size), peak

    def _speech(self) -> tuple[Workload, int]:
        model, size = self._networks.speech_encoder()
        samples = int(self._workload.voice_s * SPEECH_SAMPLE_RATE)
        values_1n = torch.randn(1, samples, generator=torch.Generator().manual_seed(1))

        def work() -> torch.Tensor:
            return model(values_1n.to(self._device)).last_hidden_state[0].float().cpu()

        peak = self._without_gradients(work, model)
        return self._with(speech_encoder=size), peak

    def _plate_latents(self) -> tuple[Workload, int]:
        vae, size = self._networks.vae()
        plate = np.zeros((1, *(LATENT_PIXELS * side for side in self._latents()), 3), np.uint8)
        tile = self.choice.tile_latents
        held = _bytes(vae)

        def work() -> torch.Tensor:
            return plate_condition(vae, plate, 9, self._device, tile_latents=tile)

        return self._with(vae=size), watched(self._device, work, held_bytes=held)[1]

    def _decoding(self) -> tuple[Workload, int]:
        """Beside the VAE lie the fixed part and the shot's tensors, as much as a plan says."""
        vae, size = self._networks.vae()
        workload, tile = self._with(vae=size), self.choice.tile_latents
        frames = 3 if tile is None else self._options.latent_frames  # of tiles all frames lie on the host
        size_FHW = (frames, *self._latents())
        latents = torch.randn(16, *size_FHW, generator=torch.Generator().manual_seed(2))
        memory = self._memory(workload)
        held = _bytes(vae) + memory.beside_the_vae(self.choice)

        def work() -> None:
            for _ in decode_latents(vae, latents, self._device, tile_latents=tile):
                pass

        return workload, watched(self._device, work, held_bytes=held)[1]

    def _made_shot(self) -> RandomShot:
        if self._shot is None:
            self._shot = random_shot(self._options, self._device, self._dtype)
        return self._shot

    def _bank(self, shot: RandomShot) -> tuple[BlockKeysValues, ...]:
        return key_value_bank(shot.model.transformer, shot.model.projections, shot.conditions)

    def _with(self, **sizes: object) -> Workload:
        return replace(self._workload, sizes=replace(self._workload.sizes, **sizes))  # type: ignore[arg-type]

    def _latents(self) -> tuple[int, int]:
        return self._workload.latent_rows, self._workload.latent_columns

    def _without_gradients(self, work: Callable[[], torch.Tensor], model: nn.Module) -> int:
        with torch.no_grad():
            return watched(self._device, work, held_bytes=_bytes(model))[1]


def _loads(shot: RandomShot) -> list[AdapterLoad]:
    """Return what the adapters bring to a random shot, whose regions are known here."""
    owner_FS = shot.conditions.regions.owner_FS
    nobody = float((owner_FS == NOBODY).float().mean())
    found = []
    for name, people in shot.conditions.adapters.items():
        one = next(iter(people.values()))
        own = max(float((owner_FS == label).float().mean()) for label in people)
        alone = len(people) == 1
        found.append(
            AdapterLoad(
                name=name,
                width=one.tokens_KD.shape[1],
                characters=len(people),
                tokens=len(one.tokens_KD),
                window=one.windows.indices_FL.shape[1],
                is_whole=alone,
                shared_of_frame=1.0 if alone else nobody,
                own_of_frame=0.0 if alone else own,
            )
        )
    return found


def _used_once(transformer: nn.Module) -> list[nn.Module]:
    return [
        block.get_submodule(f"attn2.{name}")
        for block in transformer.get_submodule("blocks").children()
        for name in ("to_k", "to_v", "add_k_proj", "add_v_proj")
    ]


def _bytes(*modules: nn.Module) -> int:
    return sum(_tensor_bytes(*module.parameters(), *module.buffers()) for module in modules)


def _tensor_bytes(*tensors: torch.Tensor) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
