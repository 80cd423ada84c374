"""The pieces of a shot one after another: noise to latents, latents to pictures, pictures to finished frames.

A piece ends with its frames on disk and the pictures the next one begins with: a render that was killed goes
on with the piece it was in.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from numpy.typing import NDArray

from engine.bundles.installed_bundle import PartName
from engine.conditioning.condition_cache import ConditionCache
from engine.conditioning.finite_values import require_numbers
from engine.conditioning.picture_decoding import decode_latents
from engine.conditioning.plate_latents import MASK_CHANNELS, plate_condition, plate_key
from engine.media.frame_rate import resample_pictures
from engine.memory.lending import AtHand
from engine.planning.latent_grid import LATENT_PIXELS
from engine.planning.shot_pieces import Piece
from engine.renderers.diffusion_fit import check_networks_fit
from engine.renderers.diffusion_models import BundleModels
from engine.renderers.diffusion_shot import DiffusionShot
from engine.renderers.finished_frames import SEGMENT_FRAMES, FinishedFrames
from engine.renderers.motion_frames import MotionFrames
from engine.renderers.pace import Pace
from engine.renderers.piece_start import PieceStart
from engine.renderers.preview import preview_jpeg
from engine.renderers.render_notes import RenderNotes
from engine.renderers.renderer import RenderReport, RenderStoppedError
from engine.sampling.conditions import ShotConditions
from engine.sampling.denoising import KnownStart, StepDone, denoise, shot_noise
from engine.sampling.flow_solver import flow_solver
from engine.sampling.guided_velocity import DiffusionModel, GuidedVelocity, Velocity
from engine.sampling.key_value_bank import (
    BlockKeysValues,
    drop_key_value_projections,
    key_value_bank,
    with_characters,
)
from engine.sampling.latent_preview import preview_picture
from engine.sampling.long_shots import BlendedVelocity

Picture = NDArray[np.uint8]

STEPS_SHARE = 0.95


class ShotPieces:
    """Renders the pieces of a shot that are not finished."""

    def __init__(
        self,
        shot: DiffusionShot,
        models: BundleModels,
        cache: ConditionCache,
        frames: FinishedFrames,
        report: RenderReport,
        work: Path,
    ) -> None:
        self._shot = shot
        self._models = models
        self._cache = cache
        self._frames = frames
        self._report = report
        self._motion = MotionFrames(work)
        self._noise = shot_noise(
            shot.request.seed,
            latent_frames=shot.time.latent_frames,
            rows=shot.fit.model_height // LATENT_PIXELS,
            columns=shot.fit.model_width // LATENT_PIXELS,
        )
        self._bank: tuple[BlockKeysValues, ...] | None = None
        self._share = 0.0

    def render(self, notes: RenderNotes) -> None:
        """Add what is missing to the finished frames. Raises RenderStoppedError when told to stop."""
        pieces = self._shot.pieces
        number = self._first_unfinished(pieces)
        self._tell("Loading the transformer")
        with self._models.vae() as vae, self._models.transformer() as transformer:
            projections = {
                name: part.to(self._models.device) for name, part in self._shot.projections.items()
            }
            model = DiffusionModel(transformer=transformer, projections=projections)
            check_networks_fit(model, vae, self._shot)
            while number < len(pieces):
                self._render_piece(model, vae, number)
                notes.add_time()
                number += 1

    def _first_unfinished(self, pieces: Sequence[Piece]) -> int:
        """Return the first piece with frames missing, or the one before whose last pictures were lost."""
        ends = [self._shot.project_frames(piece).stop for piece in pieces]
        number = next(number for number, end in enumerate(ends) if end > self._frames.count)
        while number > 0 and self._motion.of(number) is None:
            number -= 1
        return number

    def _render_piece(self, model: DiffusionModel, vae: AutoencoderKLWan, number: int) -> None:
        piece = self._shot.pieces[number]
        following = next(iter(self._shot.pieces[number + 1 :]), None)
        start = PieceStart.of(self._motion.of(number) if number else None, self._shot.fit.model_picture)
        plate_20FHW = self._plate(vae, piece, start)
        latents = self._denoised(model, number, plate_20FHW)
        self._tell("Decoding the pictures")
        decoded = decode_latents(vae, latents, self._models.device, check=self._check)
        pictures = start.continued(islice(decoded, piece.known_frames, None))
        last = deque(start.motion, maxlen=following.known_frames if following else 1)
        self._add(_remembered(pictures, last), piece, start)
        if following is not None:
            self._motion.keep(number + 1, np.stack(last))

    def _plate(self, vae: AutoencoderKLWan, piece: Piece, start: PieceStart) -> torch.Tensor:
        identity, windows = self._models.identity(PartName.VAE), self._shot.windows
        frame_count = piece.frame_count if windows is None else self._shot.settings.segment_frames
        key = plate_key(start.known_THWC, frame_count, weights=identity, precision="float32")

        def make() -> dict[str, torch.Tensor]:
            self._tell("Encoding the plate")
            device = self._models.device
            plate = plate_condition(vae, start.known_THWC, frame_count, device, check=self._check)
            return {"plate": plate}

        return self._cache.tensors(key, make)["plate"] if piece.known == 0 else make()["plate"]

    def _denoised(self, model: DiffusionModel, number: int, plate_20FHW: torch.Tensor) -> torch.Tensor:
        shot, piece = self._shot, self._shot.pieces[number]
        noise = self._noise[:, piece.start : piece.end].to(self._models.device)
        known = None
        if piece.known:
            latents = plate_20FHW[MASK_CHANNELS:, : piece.known].to(self._models.device)
            known = KnownStart(latents_16KHW=latents)
        settings = shot.settings
        return denoise(
            noise,
            self._velocity(model, piece, plate_20FHW),
            flow_solver(settings.solver, steps=settings.steps, shift=settings.flow_shift),
            known=known,
            on_step=partial(self._on_step, number, Pace()),
        )

    def _velocity(self, model: DiffusionModel, piece: Piece, plate_20FHW: torch.Tensor) -> Velocity:
        shot = self._shot
        plate = plate_20FHW.to(device=model.device, dtype=torch.float32)  # once for all windows
        windows = shot.windows
        if windows is None:
            conditions = shot.conditions.frames(piece.start, piece.end, plate).compacted()
            return self._guided(model, conditions, self._characters(model, conditions))
        bank = self._characters(model, shot.conditions)

        def velocity_of(start: int, end: int) -> GuidedVelocity:
            """Every window begins with the plate, which holds the identity."""
            return self._guided(model, shot.conditions.frames(start, end, plate), bank)

        return BlendedVelocity(windows, velocity_of)

    def _characters(self, model: DiffusionModel, conditions: ShotConditions) -> tuple[BlockKeysValues, ...]:
        """Return keys and values for a pass. The first one frees the projections of texts and image."""
        if self._bank is None:
            shared = replace(conditions, adapters={})
            self._bank = key_value_bank(model.transformer, model.projections, shared)
            drop_key_value_projections(model.transformer)
        return with_characters(self._bank, model.projections, conditions)

    def _guided(
        self,
        model: DiffusionModel,
        conditions: ShotConditions,
        bank: Sequence[BlockKeysValues],
    ) -> GuidedVelocity:
        return GuidedVelocity(
            model,
            conditions,
            self._shot.scales,
            steps=self._shot.settings.steps,
            bank=AtHand(bank),
            on_block=self._check,
        )

    def _add(self, pictures: Iterator[Picture], piece: Piece, start: PieceStart) -> None:
        """Write the project frames a piece reaches; those that are finished already are made, not written."""
        shot, wanted = self._shot, self._shot.project_frames(piece)
        base = piece.first_frame + piece.known_frames - len(start.before)
        positions = [shot.time.model_position(frame) - base for frame in wanted]
        cropped = (shot.fit.cropped(picture) for picture in chain(start.before, pictures))
        shown = islice(resample_pictures(cropped, positions), self._frames.count - wanted.start, None)
        while batch := list(islice(shown, SEGMENT_FRAMES)):
            self._frames.add(batch)
            self._tell("Writing the pictures")
            self._report.preview(self._frames.count - 1, partial(preview_jpeg, batch[-1]))
            self._check()
        deque(pictures, maxlen=0)  # the next piece begins with the last ones, shown or not

    def _on_step(self, number: int, pace: Pace, done: StepDone) -> None:
        require_numbers(done.clean_16FHW, "The transformer")
        pace.step()
        pieces = self._shot.pieces
        left = done.steps - done.step + done.steps * (len(pieces) - number - 1)
        piece = f"Piece {number + 1} of {len(pieces)}, step" if len(pieces) > 1 else "Step"
        phase = f"{piece} {done.step} of {done.steps}"
        self._share = STEPS_SHARE * (number + done.step / done.steps) / len(pieces)
        self._tell(phase, pace.seconds_left(left))
        middle = done.clean_16FHW[:, done.clean_16FHW.shape[1] // 2]
        shown = self._shot.project_frames(pieces[number])
        frame = (shown.start + shown.stop) // 2
        self._report.preview(frame, lambda: preview_jpeg(preview_picture(middle)))

    def _tell(self, phase: str, seconds_left: float | None = None) -> None:
        self._report.progress(phase, self._frames.count, seconds_left, self._share)

    def _check(self) -> None:
        self._report.step()
        if self._report.should_stop():
            raise RenderStoppedError


def _remembered(pictures: Iterator[Picture], last: deque[Picture]) -> Iterator[Picture]:
    for picture in pictures:
        last.append(picture)
        yield picture
