"""From a render request to all that the transformer is told: each encoder used in turn, results kept.

What has been encoded once (prompt, plate, faces of a clip, a voice) is read from the cache: a second take
with another seed loads no encoder at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from engine.bundles.installed_bundle import PartName
from engine.conditioning.condition_cache import ConditionCache
from engine.conditioning.picture_fit import PictureFit, fit_picture
from engine.conditioning.plate_image import image_key, image_tokens
from engine.conditioning.prompt import encode_prompt, prompt_key, prompt_token_count
from engine.conditioning.region_tokens import token_regions, whole_picture_regions
from engine.media.still import StillPicture, read_still
from engine.networks.shot_tokens import TokenRegions
from engine.planning.guidance import GuidanceScales, TextRole, guidance_scales
from engine.planning.latent_grid import LATENT_PIXELS
from engine.planning.model_time import ModelTime, choose_model_rate, model_time
from engine.planning.prompt_text import PROMPT_TOKENS
from engine.protocol.diffusion_settings import DiffusionSettings
from engine.protocol.render_request import RenderRequest
from engine.renderers.diffusion_characters import CastPreparation, CastTokens, Watch
from engine.renderers.diffusion_models import BundleModels
from engine.renderers.diffusion_shot import DiffusionShot
from engine.sampling.conditions import ShotConditions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedShot:
    """A shot and the sentences for its take."""

    shot: DiffusionShot
    warnings: tuple[str, ...]


class ShotPreparation:
    """Prepares a request with the parts of a bundle."""

    def __init__(
        self, request: RenderRequest, models: BundleModels, cache: ConditionCache, watch: Watch
    ) -> None:
        self._request = request
        self._models = models
        self._cache = cache
        self._watch = watch
        self._warnings: list[str] = []

    def prepared(self, settings: DiffusionSettings) -> PreparedShot:
        """Return the shot. Raises UserError for what the user can mend, and what stops an analysis."""
        request = self._request
        rate = choose_model_rate(request, self._models.bundle.voice_frame_rate)
        time = model_time(request.frame_rate, request.frame_count, rate)
        still = read_still(request.plate.path)
        fit = fit_picture(still, request.width, request.height)
        cast = CastPreparation(request, time, self._models, self._cache, self._watch).cast()
        scales = guidance_scales(settings.guidance, frozenset(cast.adapters))
        conditions = self._conditions(time, fit, cast, scales)
        shot = DiffusionShot(
            request=request,
            settings=settings,
            time=time,
            fit=fit,
            conditions=conditions,
            projections=cast.projections,
            scales=scales,
        )
        return PreparedShot(shot=shot, warnings=(*_notes(still, fit, time), *cast.warnings, *self._warnings))

    def _conditions(
        self, time: ModelTime, fit: PictureFit, cast: CastTokens, scales: GuidanceScales
    ) -> ShotConditions:
        return ShotConditions(
            text=self._texts(scales),
            image_tokens=self._image_tokens(fit),
            plate_20FHW=torch.zeros(
                20, 0, fit.model_height // LATENT_PIXELS, fit.model_width // LATENT_PIXELS
            ),
            regions=self._regions(time, fit, cast),
            adapters=cast.adapters,
        )

    def _regions(self, time: ModelTime, fit: PictureFit, cast: CastTokens) -> TokenRegions:
        characters = self._request.characters
        if not characters:
            return whole_picture_regions(time.latent_frames, fit.tokens_across * fit.tokens_down)
        found = token_regions(
            [character.region for character in characters],
            cast.growths,
            time,
            fit,
            names=[character.name for character in characters],
        )
        self._warnings += found.report
        return found.tokens

    def _texts(self, scales: GuidanceScales) -> Mapping[TextRole, torch.Tensor]:
        """Return the texts that a branch reads: at a text scale of 1 the negative one has no weight."""
        texts = {TextRole.PROMPT: self._text(self._request.prompt)}
        if scales.text != 1.0:
            texts[TextRole.NEGATIVE] = self._text(self._request.negative_prompt)
        return texts

    def _text(self, text: str) -> torch.Tensor:
        weights = self._models.identity(PartName.TEXT_ENCODER, PartName.TOKENIZER)
        key = prompt_key(text, weights=weights, precision=self._models.precision.value)

        def make() -> dict[str, torch.Tensor]:
            self._watch.tell("Reading the prompt")
            with self._models.text_encoder() as (encoder, device):
                count = prompt_token_count(encoder, text)
                tokens = encode_prompt(encoder, text, device)
            return {"tokens": tokens, "count": torch.tensor(count)}

        found = self._cache.tensors(key, make)
        if int(found["count"]) > PROMPT_TOKENS:
            self._warnings.append(f"A prompt is longer than {PROMPT_TOKENS} tokens; its end was not read.")
        return found["tokens"]

    def _image_tokens(self, fit: PictureFit) -> torch.Tensor:
        weights = self._models.identity(PartName.IMAGE_ENCODER)
        picture = fit.model_picture
        key = image_key(picture, weights=weights, precision=self._models.precision.value)

        def make() -> dict[str, torch.Tensor]:
            self._watch.tell("Looking at the plate")
            with self._models.image_encoder() as (encoder, device):
                return {"tokens": image_tokens(encoder, picture, device)}

        return self._cache.tensors(key, make)["tokens"]


def _notes(still: StillPicture, fit: PictureFit, time: ModelTime) -> list[str]:
    notes = list(time.notes())
    rows, columns = fit.plate.picture.shape[:2]
    if (columns, rows) != (fit.model_width, fit.model_height):
        notes.append(
            f"Rendered at {fit.model_width}x{fit.model_height} and cropped to {columns}x{rows}: "
            f"the transformer works in steps of 16 pixels."
        )
    if still.alpha is not None:
        notes.append("The plate's transparency is not kept: the transformer paints the whole picture.")
    return notes
