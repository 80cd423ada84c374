"""The sizes of a bundle's networks, as far as memory and time depend on them.

They are recorded when a bundle is added. For one that was added before that, the published sizes stand in
where its weights are the published ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.bundles.availability import catalogue_of
from engine.bundles.installed_bundle import InstalledBundle, PartName
from engine.planning.adapter_names import AdapterName
from engine.protocol.errors import ErrorCode, UserError

PUBLISHED_PARAMETERS: Mapping[PartName, int] = {
    PartName.TEXT_ENCODER: 5_680_910_336,
    PartName.IMAGE_ENCODER: 630_766_080,
    PartName.SPEECH_ENCODER: 94_371_712,
    PartName.VAE: 126_892_531,
}
"""Of the networks that the catalogue's bundle is made of: UMT5-XXL's encoder, CLIP's ViT-H/14, wav2vec2-base,
Wan2.1's VAE."""

ADAPTER_PARTS = {
    AdapterName.EXPRESSION: PartName.EXPRESSION_ADAPTER,
    AdapterName.VOICE: PartName.VOICE_ADAPTER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerSize:
    """The transformer's. `image_tokens`: how many the image encoder makes, `image_width` wide."""

    width: int
    heads: int
    blocks: int
    feed_forward: int
    frequency_width: int
    text_width: int
    image_width: int
    image_tokens: int
    channels_in: int
    channels_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSize:
    """An encoder's. `embedding`: how many of its parameters lie in its largest single layer."""

    parameters: int
    width: int
    layers: int
    heads: int
    feed_forward: int
    embedding: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechSize:
    """The speech encoder's: an encoder behind convolutions of `channels` channels."""

    encoder: EncoderSize
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VaeSize:
    """The VAE's: `channels` at the pictures' own size; twice, four and four times as many below it."""

    parameters: int
    channels: int
    residual_blocks: int
    latent_channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSizes:
    """All networks of a bundle. `adapter_widths`: D of the tokens of each adapter that is there.

    `file_bytes`: of the parts as they lie on the disk, mostly in wider numbers than they are used in.
    """

    transformer: TransformerSize
    text_encoder: EncoderSize
    image_encoder: EncoderSize
    speech_encoder: SpeechSize | None
    vae: VaeSize
    adapter_widths: Mapping[AdapterName, int]
    file_bytes: Mapping[PartName, int] = field(default_factory=dict)


def bundle_sizes(bundle: InstalledBundle) -> BundleSizes:
    """Return the sizes of an installed bundle.

    Raises UserError RENDERER_UNAVAILABLE for one of random weights whose sizes were never recorded, and for
    one without a part that every render needs.
    """
    known = _Sizes(bundle)
    return BundleSizes(
        transformer=_transformer(known),
        text_encoder=_text_encoder(known),
        image_encoder=_image_encoder(known),
        speech_encoder=_speech_encoder(known) if PartName.SPEECH_ENCODER in bundle.parts else None,
        vae=VaeSize(
            parameters=known.of(PartName.VAE, "parameters"),
            channels=known.of(PartName.VAE, "vae_channels"),
            residual_blocks=known.of(PartName.VAE, "vae_residual_blocks"),
            latent_channels=known.of(PartName.VAE, "latent_channels"),
        ),
        adapter_widths={
            name: known.of(part, "adapter_width")
            for name, part in ADAPTER_PARTS.items()
            if part in bundle.parts
        },
        file_bytes={name: sum(file.size_bytes for file in part.files) for name, part in bundle.parts.items()},
    )


class _Sizes:
    """A bundle's recorded sizes, or the published ones."""

    def __init__(self, bundle: InstalledBundle) -> None:
        self._bundle = bundle
        self._published = {} if bundle.random_weights else catalogue_of(bundle).dimensions

    def of(self, part: PartName, name: str) -> int:
        found = self._bundle.sizes.get(part, {}).get(name)
        if found is None and name == "parameters" and not self._bundle.random_weights:
            found = PUBLISHED_PARAMETERS.get(part)
        if found is None:
            found = self._published.get(name)
        if found is None:
            raise UserError(
                f"The sizes of the model bundle {self._bundle.name} are not known: {part.value}, {name}.",
                next_step=f"Have it measured with: masque models verify {self._bundle.name}.",
                code=ErrorCode.RENDERER_UNAVAILABLE,
                details={"bundle": self._bundle.name, "part": part.value},
            )
        return found


def _transformer(known: _Sizes) -> TransformerSize:
    def size(name: str) -> int:
        return known.of(PartName.TRANSFORMER, name)

    return TransformerSize(
        width=size("width"),
        heads=size("heads"),
        blocks=size("blocks"),
        feed_forward=size("feed_forward"),
        frequency_width=size("frequency_width"),
        text_width=size("text_width"),
        image_width=size("image_width"),
        image_tokens=known.of(PartName.IMAGE_ENCODER, "image_tokens"),
        channels_in=size("channels_in"),
        channels_out=size("channels_out"),
    )


def _text_encoder(known: _Sizes) -> EncoderSize:
    part = PartName.TEXT_ENCODER
    width = known.of(part, "text_width")
    return EncoderSize(
        parameters=known.of(part, "parameters"),
        width=width,
        layers=known.of(part, "text_layers"),
        heads=known.of(part, "text_heads"),
        feed_forward=known.of(part, "text_feed_forward"),
        embedding=known.of(part, "text_vocabulary") * width,
    )


def _image_encoder(known: _Sizes) -> EncoderSize:
    part = PartName.IMAGE_ENCODER
    width, feed_forward = known.of(part, "image_width"), known.of(part, "image_feed_forward")
    return EncoderSize(
        parameters=known.of(part, "parameters"),
        width=width,
        layers=known.of(part, "image_layers"),
        heads=known.of(part, "image_heads"),
        feed_forward=feed_forward,
        embedding=width * feed_forward,
    )


def _speech_encoder(known: _Sizes) -> SpeechSize:
    part = PartName.SPEECH_ENCODER
    width, feed_forward = known.of(part, "speech_width"), known.of(part, "speech_feed_forward")
    encoder = EncoderSize(
        parameters=known.of(part, "parameters"),
        width=width,
        layers=known.of(part, "speech_layers"),
        heads=known.of(part, "speech_heads"),
        feed_forward=feed_forward,
        embedding=width * feed_forward,
    )
    return SpeechSize(encoder=encoder, channels=known.of(part, "speech_channels"))
