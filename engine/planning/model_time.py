"""The shot on two clocks: the project's frames, and the frames of the transformer at a rate of its own.

Frame 0 of both is the same instant. Latent frame 0 holds model frame 0, latent frame i the model frames
4i-3 to 4i; hence the transformer makes 4k+1 frames.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from engine.planning.latent_grid import FRAMES_PER_LATENT
from engine.protocol.diffusion_limits import HIGHEST_MODEL_RATE, LOWEST_MODEL_RATE
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.render_request import RenderRequest

SLOWEST_MODEL_RATE, FASTEST_MODEL_RATE = Fraction(16), Fraction(30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTime:
    """How many frames are rendered at which rate, and where they lie in the project.

    `shot_model_frames` reach to the last project frame; `model_frame_count` is that number rounded up to
    4k+1. What was added is rendered and cut off again.
    """

    project_rate: Fraction
    project_frame_count: int
    model_rate: Fraction
    model_frame_count: int
    shot_model_frames: int

    @property
    def padding_frames(self) -> int:
        """How many model frames lie behind the shot."""
        return self.model_frame_count - self.shot_model_frames

    @property
    def latent_frames(self) -> int:
        """How many latent frames the shot has."""
        return 1 + (self.model_frame_count - 1) // FRAMES_PER_LATENT

    @property
    def model_duration_s(self) -> Fraction:
        """How many seconds the rendered frames take, padding included."""
        return self.model_frame_count / self.model_rate

    def exact_project_position(self, model_frame: int) -> Fraction:
        """Return the project frame, with its fraction, at a model frame's instant."""
        return model_frame / self.model_rate * self.project_rate

    def project_position(self, model_frame: int) -> float:
        """Return the project frame, with its fraction, at a model frame's instant; exact where whole."""
        return float(self.exact_project_position(model_frame))

    def model_position(self, project_frame: int) -> Fraction:
        """Return the model frame, with its fraction, at a project frame's instant."""
        return project_frame / self.project_rate * self.model_rate

    def model_positions(self) -> list[Fraction]:
        """Return where each project frame lies among the model frames; the last is within the shot."""
        return [self.model_position(frame) for frame in range(self.project_frame_count)]

    def latent_span(self, latent_frame: int) -> range:
        """Return the model frames that a latent frame holds."""
        if latent_frame == 0:
            return range(1)
        end = FRAMES_PER_LATENT * latent_frame + 1
        return range(end - FRAMES_PER_LATENT, end)

    def notes(self) -> tuple[str, ...]:
        """Return sentences for the take: another rate than the project's, frames that were cut off again."""
        notes = []
        if self.model_rate != self.project_rate:
            rates = f"{rate_text(self.model_rate)} to {rate_text(self.project_rate)} fps"
            notes.append(f"The frames were brought from {rates} along the motion between them.")
        if self.padding_frames:
            notes.append(
                f"Rendered {self.model_frame_count} frames at {rate_text(self.model_rate)} fps, "
                f"{self.padding_frames} of them cut off again: the transformer makes 4k+1 frames."
            )
        return tuple(notes)


def model_time(project_rate: Fraction, project_frame_count: int, model_rate: Fraction) -> ModelTime:
    """Lay a shot of the project on the transformer's clock, so that its last frame is reached.

    Raises UserError for a shot without frames, a project's rate that is not above 0, and a transformer's
    that cannot be chosen.
    """
    _require_rate(project_rate, "project's", project_rate > 0, "above 0")
    possible = LOWEST_MODEL_RATE <= model_rate <= HIGHEST_MODEL_RATE
    _require_rate(model_rate, "transformer's", possible, f"from {LOWEST_MODEL_RATE} to {HIGHEST_MODEL_RATE}")
    if project_frame_count < 1:
        raise UserError(
            "The shot has no frames.", next_step="Make the scene longer.", code=ErrorCode.BAD_INPUT
        )
    steps = ceil((project_frame_count - 1) / project_rate * model_rate)
    return ModelTime(
        project_rate=project_rate,
        project_frame_count=project_frame_count,
        model_rate=model_rate,
        model_frame_count=-(-steps // FRAMES_PER_LATENT) * FRAMES_PER_LATENT + 1,
        shot_model_frames=steps + 1,
    )


def _require_rate(rate: Fraction, whose: str, possible: bool, range_text: str) -> None:
    if not possible:
        raise UserError(
            f"The {whose} frame rate cannot be {rate_text(rate)}.",
            next_step=f"Choose a frame rate {range_text}.",
            code=ErrorCode.BAD_INPUT,
        )


def choose_model_rate(request: RenderRequest, voice_rate: Fraction | None) -> Fraction:
    """Return the rate at which the transformer renders a request.

    What the settings say; else, where anybody speaks, `voice_rate` (the voice adapter's windows were trained
    at one rate only, 23 for the published weights); else the project's own rate while it is 16 to 30: the
    backbone was made for 16 and the published portrait script renders at 25; neither knows motion in much
    smaller or larger steps. A faster project gets its largest whole part in that range (50: 25, 60: 30, 120:
    30) and a slower one its smallest multiple (12: 24), so that whole model frames fall on project frames
    and are kept as they are. A rate that has neither there (between 15 and 16 or 30 and 32) stays.
    """
    chosen = request.diffusion.model_frame_rate if request.diffusion is not None else None
    if chosen is not None:
        return chosen
    if voice_rate is not None and any(character.voices for character in request.characters):
        return voice_rate
    return _familiar_rate(request.frame_rate)


def _familiar_rate(project_rate: Fraction) -> Fraction:
    if project_rate > FASTEST_MODEL_RATE:
        nearest = project_rate / ceil(project_rate / FASTEST_MODEL_RATE)
    elif project_rate < SLOWEST_MODEL_RATE:
        nearest = project_rate * ceil(SLOWEST_MODEL_RATE / project_rate)
    else:
        return project_rate
    return nearest if SLOWEST_MODEL_RATE <= nearest <= FASTEST_MODEL_RATE else project_rate


def rate_text(rate: Fraction) -> str:
    """Return a frame rate as people write it: 24, 23.976, 29.97."""
    return f"{float(rate):.5g}"
