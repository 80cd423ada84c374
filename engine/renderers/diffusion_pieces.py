"""The pieces of a shot one after another: noise to latents, latents to pictures, pictures to finished frames.

A piece ends with its frames on disk and the pictures the next one begins with. Within a piece a render that
was killed goes on after the last step that was kept.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from numpy.typing import NDArray

from engine.bundles.installed_bundle import PartName
from engine.conditioning.condition_cache import ConditionCache
from engine.conditioning.picture_decoding import decode_latents
from engine.conditioning.plate_latents import kept_plate_condition, plate_condition
from engine.media.frame_rate import resample_pictures
from engine.planning.latent_grid import LATENT_PIXELS, latent_frame_count
from engine.planning.shot_pieces import Piece, pieces_going_on
from engine.protocol.diffusion_settings import LongShotMode
from engine.protocol.memory_plan import PlanPhase
from engine.renderers.diffusion_fit import check_vae_fits
from engine.renderers.diffusion_models import BundleModels
from engine.renderers.diffusion_shot import DiffusionShot
from engine.renderers.finished_frames import SEGMENT_FRAMES, FinishedFrames
from engine.renderers.latent_checkpoints import LatentCheckpoints, PassIdentity
from engine.renderers.motion_frames import MotionFrames
from engine.renderers.pace import Pace
from engine.renderers.piece_start import PieceStart
from engine.renderers.preview import preview_jpeg
from engine.renderers.render_notes import RenderNotes
from engine.renderers.renderer import RenderReport, RenderStoppedError
from engine.renderers.settled_pieces import settle_pieces, settled_pieces
from engine.renderers.shot_denoiser import ShotDenoiser
from engine.sampling.denoising import StepDone
from engine.sampling.latent_preview import preview_picture

Picture = NDArray[np.uint8]

STEPS_SHARE = 0.95


class ShotPieces:
    """Renders the pieces of a shot that are not finished. `owner`: a fingerprint of all they depend on.

    Made, it has settled which pieces there are: `pieces`. `denoised`: whether any step was computed.
    """

    def __init__(
        self,
        shot: DiffusionShot,
        models: BundleModels,
        cache: ConditionCache,
        frames: FinishedFrames,
        report: RenderReport,
        work: Path,
        *,
        owner: str,
    ) -> None:
        self._shot = shot
        self._models = models
        self._cache = cache
        self._frames = frames
        self._report = report
        self._work = work
        self._motion = MotionFrames(work)
        self.pieces = settled_pieces(work, shot.pieces)
        self.denoised = False
        self._checkpoints = LatentCheckpoints(work, owner, _passes(shot))
        self._share = 0.0
        self._first = self._first_unfinished()
        self._shorten(self._first)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the take should tell of checkpoints."""
        return tuple(self._checkpoints.warnings)

    def render(self, notes: RenderNotes) -> None:
        """Add what is missing to the finished frames. Raises RenderStoppedError when told to stop."""
        number = self._first
        denoiser = ShotDenoiser(
            self._shot, self._models, self._checkpoints, tell=self._tell, check=self._check
        )
        try:
            while number < len(self.pieces):
                self._render_piece(denoiser, number)
                notes.add_time()
                number += 1
        finally:
            denoiser.close()

    def _first_unfinished(self) -> int:
        """Return the first piece with frames missing, or the one before whose last pictures were lost."""
        ends = [self._shot.project_frames(piece).stop for piece in self.pieces]
        number = next(number for number, end in enumerate(ends) if end > self._frames.count)
        while number > 0 and self._known_pictures(self.pieces[number]) is None:
            number -= 1
        return number

    def _shorten(self, first: int) -> None:
        """Make what is left in shorter pieces where the plan wants them; what is done stays.

        Frames of a piece that is not finished go: a shorter piece would join them with a seam.
        """
        settings = self._shot.settings
        most = latent_frame_count(self._models.plan.segment_frames)
        left = self.pieces[first:]
        if settings.long_shot is LongShotMode.CONTEXT_WINDOWS or all(p.end - p.start <= most for p in left):
            return
        done = self.pieces[:first]
        self._frames.drop_after(self._shot.project_frames(done[-1]).stop if done else 0)
        self.pieces = pieces_going_on(
            done,
            self._shot.time.latent_frames,
            most=most,
            overlap=latent_frame_count(settings.overlap_frames),
        )
        settle_pieces(self._work, self.pieces)

    def _render_piece(self, denoiser: ShotDenoiser, number: int) -> None:
        piece = self.pieces[number]
        following = next(iter(self.pieces[number + 1 :]), None)
        known = self._known_pictures(piece) if piece.known else None
        start = PieceStart.of(known, self._shot.fit.model_picture)
        plate_20FHW = self._plate(denoiser, piece, start)
        latents = denoiser.latents(piece, plate_20FHW, partial(self._on_step, number, Pace()))
        denoiser.make_room()
        self._tell("Decoding the pictures")
        with self._vae(PlanPhase.DECODING) as vae:
            tile, device = self._models.plan.tile_latents, self._models.device
            decoded = decode_latents(vae, latents, device, tile_latents=tile, check=self._check)
            pictures = start.continued(islice(decoded, piece.known_frames, None))
            last = deque(start.motion, maxlen=following.known_frames if following else 1)
            self._add(_remembered(pictures, last), piece, start)
        if following is not None:
            self._motion.keep(piece.end, np.stack(last))
        self._checkpoints.clear(piece)

    def _known_pictures(self, piece: Piece) -> Picture | None:
        """Return the pictures a piece begins with; None where they were lost. Their name is the place they
        lead up to: pieces may be cut anew.
        """
        return self._motion.of(piece.start + piece.known, piece.known_frames)

    def _plate(self, denoiser: ShotDenoiser, piece: Piece, start: PieceStart) -> torch.Tensor:
        windows, tile = self._shot.windows, self._models.plan.tile_latents
        frame_count = piece.frame_count if windows is None else windows.frame_count

        def encode() -> torch.Tensor:
            denoiser.make_room()
            self._tell("Encoding the plate")
            with self._vae(PlanPhase.PLATE_LATENTS) as vae:
                return plate_condition(
                    vae,
                    start.known_THWC,
                    frame_count,
                    self._models.device,
                    tile_latents=tile,
                    check=self._check,
                )

        return kept_plate_condition(
            self._cache,
            start.known_THWC,
            frame_count,
            weights=f"{self._models.identity(PartName.VAE)} float32",
            tile_latents=tile,
            encode=encode,
        )

    @contextmanager
    def _vae(self, phase: PlanPhase) -> Iterator[AutoencoderKLWan]:
        with self._models.vae(phase) as vae:
            check_vae_fits(self._models.transformer_files().config, vae)
            yield vae

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
        pace.step()
        self.denoised = True
        pieces = self.pieces
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


def _passes(shot: DiffusionShot) -> PassIdentity:
    settings = shot.settings
    return PassIdentity(
        seed=shot.request.seed,
        solver=settings.solver,
        steps=settings.steps,
        flow_shift=settings.flow_shift,
        rows=shot.fit.model_height // LATENT_PIXELS,
        columns=shot.fit.model_width // LATENT_PIXELS,
    )


def _remembered(pictures: Iterator[Picture], last: deque[Picture]) -> Iterator[Picture]:
    for picture in pictures:
        last.append(picture)
        yield picture
