"""Wan's image-to-video transformer out of its published files, in either layout."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from diffusers import WanTransformer3DModel

from engine.weights.file_sources import Shape
from engine.weights.module_filling import same_name
from engine.weights.tensor_file import TensorFile, open_tensors
from engine.weights.transformer_blocks import TransformerBlocks
from engine.weights.transformer_config import TransformerConfig, agreed_config
from engine.weights.transformer_fit import check_image_to_video
from engine.weights.transformer_layout import diffusers_name, is_original_layout, original_name
from engine.weights.weight_descriptions import CONFIG_NAME, INDEX_SUFFIX, shards_of_index
from engine.weights.weight_errors import unfitting_file
from engine.weights.weights_kind import WeightsKind, check_kind


def load_transformer(
    paths: Sequence[Path], *, dtype: torch.dtype, config: Path | None = None, heads: int | None = None
) -> WanTransformer3DModel:
    """Return the transformer on the processor, its weights in `dtype`, ready to compute.

    `paths`: the shards or the single file, in the original or in diffusers' layout; a `config.json` and an
    index among them are used as what they are. `config`: the description where it lies elsewhere. `heads`
    goes before what the description says; with neither, heads are 128 wide. The modules that diffusers keeps
    in float32 (time embedder, shifts and scales, norms) are so in every `dtype`. Weights that need no
    conversion stay mapped. Raises UserError for files that are damaged, not this transformer, or not as it
    is published.
    """
    return open_transformer_blocks(paths, dtype=dtype, config=config, heads=heads).whole()


def open_transformer_blocks(
    paths: Sequence[Path], *, dtype: torch.dtype, config: Path | None = None, heads: int | None = None
) -> TransformerBlocks:
    """Check a transformer's files without reading its weights, to be loaded block by block.

    Arguments, number formats and what is refused are those of `load_transformer`; values that are no numbers
    show when they are read.
    """
    file, found = open_transformer(paths)
    names = same_name if not is_original_layout(file.keys()) else original_name
    settings = _config(file, names, config or found, heads)
    check_image_to_video(settings, file.paths[0])
    return TransformerBlocks(file, settings, names, dtype)


def open_transformer(paths: Sequence[Path]) -> tuple[TensorFile, Path | None]:
    """Open a transformer's files: the weights, and where its description is among them.

    Raises UserError for files that cannot be used, and for weights of something else.
    """
    description = next((path for path in paths if path.name == CONFIG_NAME), None)
    index = next((path for path in paths if path.name.endswith(INDEX_SUFFIX)), None)
    weights = [path for path in paths if path not in {description, index}]
    file = open_tensors(shards_of_index(index) if index is not None else weights)
    check_kind(file, WeightsKind.TRANSFORMER)
    return file, description


def _config(
    file: TensorFile, names: Callable[[str], str], description: Path | None, heads: int | None
) -> TransformerConfig:
    try:
        return agreed_config(_shapes_of_diffusers(file, names), description=description, heads=heads)
    except KeyError as error:
        key = names(error.args[0])
        raise unfitting_file(file.paths[0], f"lack {key}", key=key) from error


def _shapes_of_diffusers(file: TensorFile, names: Callable[[str], str]) -> dict[str, Shape]:
    if names is same_name:
        return file.shapes()
    shapes = {}
    for key, shape in file.shapes().items():
        try:
            shapes[diffusers_name(key)] = shape
        except KeyError as error:
            what = f"hold {key}, which does not belong to a Wan image-to-video transformer"
            raise unfitting_file(file.path_of(key), what, key=key) from error
    return shapes
