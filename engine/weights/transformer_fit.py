"""Whether a transformer is the kind the adapters were made for."""

from collections.abc import Mapping
from pathlib import Path

from engine.protocol.errors import ErrorCode, UserError

_PATCH = (1, 2, 2)


def check_image_to_video(config: Mapping[str, object], path: Path) -> None:
    """Check that a transformer animates a picture the way the adapters were trained with.

    Raises UserError (BAD_INPUT) that says which other kind of Wan transformer `path` holds.
    """
    channels_in, channels_out = config["in_channels"], config["out_channels"]
    sees_pictures = config["image_dim"] is not None and config["added_kv_proj_dim"] is not None
    if config["pos_embed_seq_len"] is not None:
        kind = "a first-and-last-frame model: it wants two pictures"
    elif not sees_pictures and channels_in == channels_out:
        kind = "a text-to-video model: it takes no picture"
    elif not sees_pictures:
        kind = "a model that does not look at the picture itself, as Wan2.1's image-to-video model does"
    elif channels_in != _condition_channels(channels_out):
        kind = f"another variant, with {channels_in} channels where image-to-video has 36"
    elif config["patch_size"] != _PATCH:
        kind = f"another variant, with tokens of {config['patch_size']} where Wan2.1 has {_PATCH}"
    else:
        return
    raise UserError(
        f"The transformer in {path.name} is {kind}.",
        next_step="Use Wan2.1-I2V-14B, the image-to-video model the adapters were made for.",
        code=ErrorCode.BAD_INPUT,
        details={"path": str(path)},
    )


def _condition_channels(latent_channels: object) -> int:
    """Latents, the plate's latents, and four channels that say which frames are given."""
    assert isinstance(latent_channels, int)
    return 2 * latent_channels + 4
