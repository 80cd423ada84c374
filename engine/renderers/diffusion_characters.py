"""What each character of a request brings to the adapters: faces of clips and voices, encoded and kept.

Characters are numbered from 1 in the request's order.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from engine.bundles.installed_bundle import Capability, PartName
from engine.conditioning.channel_gains import strength_per_latent_frame
from engine.conditioning.character_features import features_at_model_frames
from engine.conditioning.condition_cache import ConditionCache
from engine.conditioning.expression_track import ExpressionTrack
from engine.conditioning.region_growth import NO_GROWTH, RegionGrowth, travel
from engine.conditioning.speech import speech_hidden, speech_key
from engine.conditioning.voice_timeline import voice_track
from engine.networks.adapter_projections import AdapterProjections
from engine.networks.shot_tokens import CharacterTokens
from engine.networks.token_windows import TokenWindows, expression_windows, voice_windows
from engine.planning.adapter_names import AdapterName
from engine.planning.model_time import ModelTime
from engine.protocol.curves import Channel
from engine.protocol.diffusion_settings import Precision
from engine.protocol.render_request import RenderRequest
from engine.renderers.diffusion_drivers import DriverTracks
from engine.renderers.diffusion_models import BundleModels
from engine.weights.part_fit import check_fit


@dataclass(slots=True, kw_only=True, eq=False)
class CastTokens:
    """All characters' tokens by adapter, the projections of the adapters that speak, sentences for the take.

    `growths`: how far each character's region grows for the travel of who drives it.
    """

    growths: tuple[RegionGrowth, ...] = ()
    adapters: dict[AdapterName, dict[int, CharacterTokens]] = field(default_factory=dict)
    projections: dict[AdapterName, AdapterProjections] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How a preparation is followed: it tells a phase in words for a person, and asks whether to stop."""

    tell: Callable[[str], None]
    should_stop: Callable[[], bool]


class CastPreparation:
    """Prepares the characters of a request on the transformer's clock."""

    def __init__(
        self,
        request: RenderRequest,
        time: ModelTime,
        models: BundleModels,
        cache: ConditionCache,
        watch: Watch,
    ) -> None:
        self._request = request
        self._time = time
        self._models = models
        self._cache = cache
        self._watch = watch

    def cast(self) -> CastTokens:
        """Return every character's tokens. Raises UserError for drivers and voices that cannot be used."""
        cast = CastTokens()
        self._add_expressions(cast)
        self._add_voices(cast)
        cast.warnings += self._unheard_curves()
        return cast

    def _add_expressions(self, cast: CastTokens) -> None:
        tell, should_stop = self._watch.tell, self._watch.should_stop
        drivers = DriverTracks(self._models, self._cache, tell=tell, should_stop=should_stop)
        tracks = [
            [drivers.track(clip) for clip in character.driving] for character in self._request.characters
        ]
        cast.growths = tuple(_growth(found) for found in tracks)
        features = {
            label: found
            for label, (character, known) in enumerate(zip(self._request.characters, tracks, strict=True), 1)
            if (found := features_at_model_frames(character, known, self._time)) is not None
        }
        cast.warnings += dict.fromkeys(line for known in tracks for track in known for line in track.report)
        cast.warnings += [line for found in features.values() for line in found.report]
        if not features:
            return
        adapter = self._models.expression_adapter()
        windows = expression_windows(self._time.model_frame_count)
        cast.projections[AdapterName.EXPRESSION] = adapter.projections
        with torch.inference_mode():
            cast.adapters[AdapterName.EXPRESSION] = {
                label: self._tokens(label, Channel.EXPRESSION, adapter.tokens(found.features_TE), windows)
                for label, found in features.items()
            }

    def _add_voices(self, cast: CastTokens) -> None:
        hidden = {}
        for label, character in enumerate(self._request.characters, 1):
            known = voice_track(self._request, character, self._time)
            if known is not None:
                cast.warnings += known.report
                hidden[label] = self._hidden(known.samples)
        if not hidden:
            return
        adapter = self._models.voice_adapter()
        check_fit(
            {
                PartName.SPEECH_ENCODER: {"speech_width": next(iter(hidden.values())).shape[1]},
                PartName.VOICE_ADAPTER: {"speech_width": adapter.tokens.proj.in_features},
            }
        )
        cast.projections[AdapterName.VOICE] = adapter.projections
        with torch.inference_mode():
            cast.adapters[AdapterName.VOICE] = {
                label: self._tokens(
                    label,
                    Channel.VOICE,
                    adapter.tokens(found),
                    voice_windows(self._time.model_frame_count, found.shape[0]),
                )
                for label, found in hidden.items()
            }

    def _unheard_curves(self) -> list[str]:
        """Return a sentence for each body motion curve that this bundle has no network for."""
        if Capability.MOTION_INTENSITY in self._models.bundle.capabilities:
            return []
        return [
            f"“{character.name}” has a body motion curve, but this bundle has no motion intensity weights; "
            "its curve changes nothing."
            for character in self._request.characters
            if character.curve(Channel.BODY_MOTION) is not None
        ]

    def _hidden(self, samples: NDArray[np.float32]) -> torch.Tensor:
        """Return what the speech encoder hears in a voice track, [K, H]."""
        identity = self._models.identity(PartName.SPEECH_ENCODER)
        key = speech_key(samples, weights=identity, precision=Precision.FLOAT32.value)

        def make() -> dict[str, torch.Tensor]:
            self._watch.tell("Listening to the voice")
            with self._models.speech_encoder() as (encoder, device):
                return {"hidden": speech_hidden(encoder, samples, device)}

        return self._cache.tensors(key, make)["hidden"]

    def _tokens(
        self, label: int, channel: Channel, tokens_KD: torch.Tensor, windows: TokenWindows
    ) -> CharacterTokens:
        """Return the tokens of one character, who is there throughout: a still face and silence count too."""
        curve = self._request.characters[label - 1].curve(channel)
        strength = strength_per_latent_frame(curve, channel, self._time)
        return CharacterTokens(
            tokens_KD=tokens_KD,
            windows=windows,
            strength_F=torch.from_numpy(strength),
            present_F=torch.ones(self._time.latent_frames, dtype=torch.bool),
        )


def _growth(tracks: list[ExpressionTrack]) -> RegionGrowth:
    """Return the most that any of a character's drivers travels at each side."""
    grown = NO_GROWTH
    for track in tracks:
        found = travel(track.boxes_T4)
        grown = replace(
            grown,
            left=max(grown.left, found.left),
            right=max(grown.right, found.right),
            up=max(grown.up, found.up),
            down=max(grown.down, found.down),
        )
    return grown
