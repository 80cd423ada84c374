"""A tiny bundle of random weights in the published layouts: the whole pipeline without a graphics card.

What it renders is noise. Same seed, same bytes.
"""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from engine.bundles.bundle_mark import mark_as_random
from engine.media.atomic import atomic_directory
from engine.media.write_errors import writing
from engine.protocol.errors import ErrorCode, UserError
from engine.weights.random_bundle_adapters import (
    write_expression_adapter,
    write_expression_encoder,
    write_repackaged_expression,
    write_repackaged_voice_adapter,
    write_voice_adapter,
)
from engine.weights.random_bundle_encoders import (
    write_image_encoder,
    write_speech_encoder,
    write_text_encoder,
    write_tokenizer,
    write_vae,
)
from engine.weights.random_bundle_transformer import write_diffusers_transformer, write_original_transformer

TEST_BUNDLE_NAME = "test"
LARGEST_SEED = 2**31 - 1


class BundleLayout(StrEnum):
    """How the transformer and the adapters are written.

    ORIGINAL: as their authors published them. DIFFUSERS: the transformer as diffusers keeps it, the adapters
    repackaged as safetensors.
    """

    ORIGINAL = "original"
    DIFFUSERS = "diffusers"


_ENCODERS = (write_text_encoder, write_tokenizer, write_image_encoder, write_vae, write_speech_encoder)
_WRITERS: dict[BundleLayout, tuple[Callable[[Path, int], None], ...]] = {
    BundleLayout.ORIGINAL: (
        write_original_transformer,
        *_ENCODERS,
        write_expression_adapter,
        write_expression_encoder,
        write_voice_adapter,
    ),
    BundleLayout.DIFFUSERS: (
        write_diffusers_transformer,
        *_ENCODERS,
        write_repackaged_expression,
        write_repackaged_voice_adapter,
    ),
}


def make_test_bundle(folder: Path, *, layout: BundleLayout = BundleLayout.ORIGINAL, seed: int = 0) -> None:
    """Write the bundle into a folder that is new or empty; on an error nothing is left there.

    Raises UserError: BAD_INPUT (the seed), FILE_EXISTS (the folder holds files), FILE_MISSING (the folder
    around it), DISK_FULL, NOT_WRITABLE.
    """
    if not 0 <= seed <= LARGEST_SEED:
        raise UserError(
            f"The seed {seed} is out of range.",
            next_step=f"Choose a whole number from 0 to {LARGEST_SEED}.",
            code=ErrorCode.BAD_INPUT,
        )
    with atomic_directory(folder) as unfinished, writing(folder):
        mark_as_random(unfinished, name=TEST_BUNDLE_NAME, seed=seed)
        for write in _WRITERS[layout]:
            write(unfinished, seed)
