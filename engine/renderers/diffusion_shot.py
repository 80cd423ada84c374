"""Everything a render by the transformer has settled before its first step."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import floor

from engine.conditioning.picture_fit import PictureFit
from engine.networks.adapter_projections import AdapterProjections
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import GuidanceScales
from engine.planning.model_time import ModelTime
from engine.planning.shot_pieces import Piece, WindowPlan, shot_pieces, shot_windows
from engine.protocol.diffusion_settings import DiffusionSettings, LongShotMode
from engine.protocol.memory_plan import MemoryPlan
from engine.protocol.render_request import RenderRequest
from engine.sampling.conditions import ShotConditions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DiffusionShot:
    """A request on the transformer's clock and grid.

    `conditions` hold no plate of any length: each pass gets its own. `projections`: the adapters that speak.
    """

    request: RenderRequest
    settings: DiffusionSettings
    time: ModelTime
    fit: PictureFit
    conditions: ShotConditions
    projections: Mapping[AdapterName, AdapterProjections]
    scales: GuidanceScales

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The passes one after another, as the settings want them; a shot in context windows is one."""
        return shot_pieces(self.settings, self.time.latent_frames)

    @property
    def windows(self) -> WindowPlan | None:
        """The windows of a shot that is longer than one pass and made in context windows; else None."""
        return shot_windows(self.settings, self.time.latent_frames, seed=self.request.seed)

    def project_frames(self, piece: Piece) -> range:
        """Return the project frames that a piece's new model frames reach."""
        first = self._frames_up_to(piece.first_frame + piece.known_frames - 1) if piece.known else 0
        last_of_shot = piece.end == self.time.latent_frames
        end = self.time.project_frame_count
        return range(
            first, end if last_of_shot else self._frames_up_to(piece.first_frame + piece.frame_count - 1)
        )

    def _frames_up_to(self, model_frame: int) -> int:
        """Return how many project frames lie at or before a model frame."""
        last = floor(self.time.exact_project_position(model_frame))
        return min(last + 1, self.time.project_frame_count)


def planned_settings(settings: DiffusionSettings, plan: MemoryPlan) -> DiffusionSettings:
    """Return the settings with windows as short as a plan has them.

    The pieces of a continuation become shorter while they are rendered: those that are finished stay.
    """
    if settings.long_shot is LongShotMode.CONTINUATION:
        return settings
    return replace(settings, segment_frames=min(settings.segment_frames, plan.segment_frames))
