"""From noise to the latents of a piece, with checkpoints: an attempt goes on after the last step kept.

The transformer is loaded when the first step needs it; a render that only has pictures left to decode does
not load it at all.
"""

from collections.abc import Callable
from contextlib import suppress

import torch

from engine.conditioning.finite_values import require_numbers
from engine.conditioning.plate_latents import MASK_CHANNELS
from engine.memory.lending import Lender
from engine.planning.latent_grid import LATENT_PIXELS
from engine.planning.shot_pieces import Piece
from engine.protocol.memory_plan import PlanPhase
from engine.renderers.diffusion_fit import check_networks_fit
from engine.renderers.diffusion_models import BundleModels
from engine.renderers.diffusion_shot import DiffusionShot
from engine.renderers.latent_checkpoints import CheckpointPace, LatentCheckpoints
from engine.renderers.renderer import RenderStoppedError
from engine.renderers.shot_transformer import shot_transformer
from engine.sampling.conditions import ShotConditions
from engine.sampling.denoising import DenoisingState, KnownStart, StepDone, denoise, shot_noise
from engine.sampling.flow_solver import flow_solver
from engine.sampling.guided_velocity import GuidedVelocity, Velocity
from engine.sampling.key_value_bank import BlockKeysValues
from engine.sampling.long_shots import BlendedVelocity
from engine.sampling.planned_transformer import PlannedTransformer

OnStep = Callable[[StepDone], None]


class ShotDenoiser:
    """Denoises the pieces of a shot one after another.

    `tell` is called before the transformer is loaded, `check` before each block; what it raises ends a pass.
    """

    def __init__(
        self,
        shot: DiffusionShot,
        models: BundleModels,
        checkpoints: LatentCheckpoints,
        *,
        tell: Callable[[str], None],
        check: Callable[[], None],
    ) -> None:
        self._shot, self._models, self._checkpoints = shot, models, checkpoints
        self._tell, self._check = tell, check
        self._pace = CheckpointPace()
        self._not_kept: DenoisingState | None = None
        self._transformer: PlannedTransformer | None = None
        self._noise = shot_noise(
            shot.request.seed,
            latent_frames=shot.time.latent_frames,
            rows=shot.fit.model_height // LATENT_PIXELS,
            columns=shot.fit.model_width // LATENT_PIXELS,
        )

    def latents(self, piece: Piece, plate_20FHW: torch.Tensor, on_step: OnStep) -> torch.Tensor:
        """Return the latents [16, F, h, w] of a piece; `on_step` hears of each step that is computed.

        Raises RenderStoppedError, UserError for weights that cannot be used or give no numbers, MemoryError
        or torch's own errors where memory runs out. The last step that was done is kept in any case.
        """
        device, settings = self._models.device, self._shot.settings
        resume = self._checkpoints.latest(piece)
        is_done = resume is not None and resume.step == settings.steps
        velocity = _never_asked if is_done else self._velocity(piece, plate_20FHW)

        def step_done(done: StepDone) -> None:
            require_numbers(done.clean_16FHW, "The transformer")
            self._keep(piece, done.state)
            on_step(done)

        try:
            with self._models.phases.phase(PlanPhase.DENOISING):
                latents = plate_20FHW[MASK_CHANNELS:, : piece.known].to(device)
                return denoise(
                    self._noise[:, piece.start : piece.end].to(device),
                    velocity,
                    flow_solver(settings.solver, steps=settings.steps, shift=settings.flow_shift),
                    known=KnownStart(latents_16KHW=latents) if piece.known else None,
                    resume=resume,
                    on_step=step_done,
                )
        except (RenderStoppedError, MemoryError, RuntimeError):
            self._keep_the_last(piece)
            raise

    def make_room(self) -> None:
        """Give the device's memory to the VAE, as far as the plan needs it."""
        if self._transformer is not None:
            self._transformer.make_room()

    def close(self) -> None:
        """Let the transformer go."""
        if self._transformer is not None:
            self._transformer.close()
            self._transformer = None

    def _velocity(self, piece: Piece, plate_20FHW: torch.Tensor) -> Velocity:
        shot, transformer = self._shot, self._loaded()
        windows = shot.windows
        with self._models.phases.phase(PlanPhase.KEYS_AND_VALUES):
            plate = plate_20FHW.to(device=self._models.device, dtype=torch.float32)  # once for all windows
            if windows is None:
                conditions = shot.conditions.frames(piece.start, piece.end, plate).compacted()
                return self._guided(conditions, transformer.bank(conditions))
            bank = transformer.bank(shot.conditions)

        def velocity_of(start: int, end: int) -> GuidedVelocity:
            """Every window begins with the plate, which holds the identity."""
            return self._guided(shot.conditions.frames(start, end, plate), bank)

        return BlendedVelocity(windows, velocity_of)

    def _loaded(self) -> PlannedTransformer:
        if self._transformer is None:
            self._tell("Loading the transformer")
            check_networks_fit(self._models.transformer_files().config, self._shot)
            with self._models.phases.phase(PlanPhase.KEYS_AND_VALUES):
                self._transformer = shot_transformer(self._models, self._shot, check=self._check)
        return self._transformer

    def _guided(self, conditions: ShotConditions, bank: Lender[BlockKeysValues]) -> GuidedVelocity:
        return GuidedVelocity(
            self._loaded().model,
            conditions,
            self._shot.scales,
            steps=self._shot.settings.steps,
            bank=bank,
            on_block=self._check,
        )

    def _keep(self, piece: Piece, state: DenoisingState) -> None:
        self._not_kept = state
        if self._pace.is_due() or state.step == state.steps:
            with self._pace.writing():
                self._checkpoints.keep(piece, state)
            self._not_kept = None

    def _keep_the_last(self, piece: Piece) -> None:
        """Keep the last step that was done; a device that failed may not give it."""
        state, self._not_kept = self._not_kept, None
        if state is not None:
            with suppress(MemoryError, RuntimeError):
                self._checkpoints.keep(piece, state)


def _never_asked(latents_16FHW: torch.Tensor, timestep: torch.Tensor, step: int) -> torch.Tensor:
    """Stand in for the velocity of a pass that has no step left."""
    raise ValueError(f"there is no step {step} left")
