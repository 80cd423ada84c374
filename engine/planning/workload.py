"""What a render by the transformer will compute, known from request and bundle before anything is loaded.

It follows the shot that the renderer prepares: same clock, same pieces and windows, same branches. Only what
takes the pictures to know is taken at its most: an adapter counts as heard although its characters may have
no token of the picture, and texts as different although the encoder may read them alike.
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil

from engine.bundles.installed_bundle import InstalledBundle
from engine.planning.latent_grid import FRAMES_PER_LATENT, LATENT_PIXELS, TOKEN_PIXELS, model_side
from engine.planning.lesson import Demand
from engine.planning.model_time import choose_model_rate, model_time
from engine.planning.network_sizes import BundleSizes, bundle_sizes
from engine.planning.prompt_text import PROMPT_TOKENS
from engine.planning.shot_cutting import SegmentLoad, ShotCutting, segment_lengths
from engine.planning.tile_counting import tile_count
from engine.protocol.diffusion_settings import Precision, Solver
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.render_request import RenderRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A render as its memory and time depend on it.

    `frame_count`: the project's frames; `model_frames`: the transformer's. `texts`: how many are encoded;
    `voices`: how many characters speak, `voice_s` seconds each; `segments`: the shot cut as asked for, then
    shorter and shorter as far as that is possible.
    """

    sizes: BundleSizes
    precision: Precision
    model_width: int
    model_height: int
    frame_count: int
    model_frames: int
    steps: int
    solver: Solver
    texts: int
    voices: int
    voice_s: Fraction
    segments: tuple[SegmentLoad, ...] = field(repr=False)

    @property
    def segment(self) -> SegmentLoad:
        """The shot cut as asked for."""
        return self.segments[0]

    @property
    def latent_rows(self) -> int:
        """The latents' rows."""
        return self.model_height // LATENT_PIXELS

    @property
    def latent_columns(self) -> int:
        """The latents' columns."""
        return self.model_width // LATENT_PIXELS

    @property
    def latents(self) -> tuple[int, int]:
        """The latents' rows and columns."""
        return self.latent_rows, self.latent_columns

    def tile(self, side: int | None) -> tuple[int, int]:
        """Return a tile's rows and columns; without a side the whole picture is one."""
        return self.latents if side is None else (min(self.latent_rows, side), min(self.latent_columns, side))

    def tiles(self, side: int | None) -> int:
        """Return how many tiles a picture is cut into."""
        return (
            1 if side is None else tile_count(self.latent_rows, side) * tile_count(self.latent_columns, side)
        )

    @property
    def frame_tokens(self) -> int:
        """The tokens of one latent frame."""
        return (self.model_width // TOKEN_PIXELS) * (self.model_height // TOKEN_PIXELS)

    def tokens(self, segment: SegmentLoad) -> int:
        """Return the tokens of the longest pass."""
        return segment.latent_frames * self.frame_tokens

    def bank_tokens(self, segment: SegmentLoad) -> int:
        """Return how many tokens' keys and values are kept: of texts, image and characters."""
        people = sum(load.characters * (load.tokens + 1) for load in segment.adapters if load.kept)
        return self.texts * PROMPT_TOKENS + self.sizes.transformer.image_tokens + people

    def at_size(self, width: int, height: int) -> "Workload":
        """Return the same render with pictures of another size."""
        return replace(self, model_width=model_side(width), model_height=model_side(height))

    def at_frames(self, frame_count: int) -> "Workload":
        """Return the same render of fewer frames of the project, as memory sees it, rounded up a little.

        Its time is not told.
        """
        share = Fraction(frame_count, self.frame_count)
        latents = 1 + ceil((self.model_frames - 1) * share / FRAMES_PER_LATENT)
        return replace(
            self,
            frame_count=frame_count,
            model_frames=1 + FRAMES_PER_LATENT * (latents - 1),
            voice_s=self.voice_s * share,
            segments=tuple(cut.of_shorter_shot(latents) for cut in self.segments),
        )


def workload_of(request: RenderRequest, bundle: InstalledBundle) -> Workload:
    """Return what a request will compute with a bundle.

    Raises UserError: BAD_INPUT for a request without diffusion settings and for rates that cannot be, and
    RENDERER_UNAVAILABLE as `bundle_sizes` does and for a bundle without an adapter that a character needs.
    """
    settings = request.diffusion
    if settings is None:
        raise UserError(
            "The render request says nothing of its model bundle.",
            next_step="Build it again from its scene.",
            code=ErrorCode.BAD_INPUT,
        )
    sizes = bundle_sizes(bundle)
    time = model_time(
        request.frame_rate, request.frame_count, choose_model_rate(request, bundle.voice_frame_rate)
    )
    shot = ShotCutting(request, settings, time, sizes)
    return Workload(
        sizes=sizes,
        precision=settings.precision,
        model_width=model_side(request.width),
        model_height=model_side(request.height),
        frame_count=request.frame_count,
        model_frames=time.model_frame_count,
        steps=settings.steps,
        solver=settings.solver,
        texts=shot.texts,
        voices=sum(bool(character.voices) for character in request.characters),
        voice_s=time.model_duration_s,
        segments=tuple(shot.cut(frames) for frames in segment_lengths(settings, time)),
    )


def demand_of(workload: Workload) -> Demand:
    """Return how much a render asks of memory, to hold it against what was learnt."""
    segment = workload.segment
    return Demand(
        pass_tokens=workload.tokens(segment),
        branches=segment.branches,
        bank_tokens=workload.bank_tokens(segment),
    )
