"""Whether the parts of a bundle fit together, and whether they have the sizes that are published."""

from collections.abc import Mapping

from engine.bundles.catalogue import CatalogueBundle, known_bundles
from engine.bundles.installed_bundle import PartName
from engine.protocol.errors import ErrorCode, UserError

PartSizes = Mapping[str, int]
"""A part's sizes by the catalogue's names of dimensions."""

_WORDS = {
    "width": "width",
    "heads": "number of heads",
    "blocks": "number of blocks",
    "feed_forward": "feed-forward width",
    "frequency_width": "width of the time embedding",
    "text_width": "text width",
    "image_width": "image width",
    "image_tokens": "number of image tokens",
    "channels_in": "number of input channels",
    "channels_out": "number of output channels",
    "latent_channels": "number of latent channels",
    "adapter_width": "width of adapter tokens",
    "speech_width": "speech width",
    "text_vocabulary": "number of words",
    "text_layers": "number of layers",
    "text_heads": "number of heads",
    "text_feed_forward": "feed-forward width",
    "image_layers": "number of layers",
    "image_heads": "number of heads",
    "image_feed_forward": "feed-forward width",
    "speech_channels": "number of channels",
    "speech_layers": "number of layers",
    "speech_heads": "number of heads",
    "speech_feed_forward": "feed-forward width",
    "vae_channels": "number of channels",
    "vae_residual_blocks": "number of residual blocks",
}
_SHARED = (
    (PartName.TRANSFORMER, PartName.TEXT_ENCODER, "text_width"),
    (PartName.TRANSFORMER, PartName.IMAGE_ENCODER, "image_width"),
    (PartName.TRANSFORMER, PartName.VAE, "latent_channels"),
    (PartName.TRANSFORMER, PartName.EXPRESSION_ADAPTER, "width"),
    (PartName.TRANSFORMER, PartName.EXPRESSION_ADAPTER, "blocks"),
    (PartName.TRANSFORMER, PartName.VOICE_ADAPTER, "width"),
    (PartName.TRANSFORMER, PartName.VOICE_ADAPTER, "blocks"),
    (PartName.SPEECH_ENCODER, PartName.VOICE_ADAPTER, "speech_width"),
)
_NEXT_STEP = "Use parts that were published together; masque models list names their projects."


def check_fit(sizes: Mapping[PartName, PartSizes]) -> None:
    """Check that parts agree on the sizes they share, as far as both are there.

    Raises UserError BAD_INPUT that names both parts and both sizes.
    """
    for first, second, key in _SHARED:
        if first not in sizes or second not in sizes or sizes[first][key] == sizes[second][key]:
            continue
        raise _unfitting(
            f"{_heading(second)} does not fit {_title(first)}: "
            f"its {_WORDS[key]} is {sizes[second][key]}, {_title(first)} has {sizes[first][key]}."
        )


def check_published_sizes(known: CatalogueBundle, sizes: Mapping[PartName, PartSizes]) -> None:
    """Check that every size is the published one. Raises UserError BAD_INPUT naming the part and the size."""
    for name, own in sizes.items():
        for key, size in own.items():
            published = known.dimensions.get(key, size)
            if size != published:
                differs = f"its {_WORDS[key]} is {size}, not {published}"
                raise _unfitting(f"{_heading(name)} is not that of {known.title}: {differs}.")


def _heading(name: PartName) -> str:
    return known_bundles()[0].part(name).heading


def _title(name: PartName) -> str:
    return known_bundles()[0].part(name).title


def _unfitting(message: str) -> UserError:
    return UserError(message, next_step=_NEXT_STEP, code=ErrorCode.BAD_INPUT)
