"""Each part of a bundle, held against what its loader wants: names, shapes, and numbers that are numbers.

The transformer is loaded as it is stored, so its weights stay mapped; adapters take their size, and encoders
theirs in half precision, for a moment.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from engine.bundles.installed_bundle import PartName
from engine.media.opencv import cv2
from engine.media.read_errors import reading
from engine.weights.adapter_loader import load_expression_adapter, load_voice_adapter
from engine.weights.encoder_loaders import (
    load_expression_encoder,
    load_image_encoder,
    load_speech_encoder,
    load_text_encoder,
    load_vae,
)
from engine.weights.inspection_progress import ProgressCount
from engine.weights.network_sizes import (
    adapter_sizes,
    image_encoder_sizes,
    parameter_count,
    speech_encoder_sizes,
    text_encoder_sizes,
    transformer_sizes,
    vae_sizes,
)
from engine.weights.part_fit import PartSizes
from engine.weights.tensor_file import TensorFile, open_tensors
from engine.weights.transformer_loader import load_transformer, open_transformer
from engine.weights.weight_errors import unreadable_file

Paths = Sequence[Path]

_SMALL = torch.bfloat16  # has the range of float32: nothing becomes infinite that was not


def check_parts(parts: Mapping[PartName, Paths], count: ProgressCount) -> Mapping[PartName, PartSizes]:
    """Check parts by their files, the small ones first, and return their sizes.

    Raises UserError that names the file, and the key where it is about one.
    """
    together = [names for names in _CHECKS if set(names) <= set(parts)]
    files = {names: [path for name in names for path in parts[name]] for names in together}
    sizes: dict[PartName, PartSizes] = {}
    for names in sorted(together, key=lambda names: _bytes(files[names])):
        count.begin(max(files[names], key=lambda path: path.stat().st_size).name)
        sizes |= zip(names, _CHECKS[names](*(parts[name] for name in names)), strict=True)
        count.done(_bytes(files[names]))
    return sizes


def _check_transformer(paths: Paths) -> tuple[PartSizes]:
    file, _ = open_transformer(paths)
    model = load_transformer(paths, dtype=_stored_dtype(file))
    return (_counted(transformer_sizes(model.config), model),)


def _check_text(encoder: Paths, tokenizer: Paths) -> tuple[PartSizes, PartSizes]:
    """Check both at once: a tokenizer must not know more tokens than the encoder."""
    text = load_text_encoder(encoder[0].parent, tokenizer[0].parent, _SMALL)
    return _counted(text_encoder_sizes(text.model.config), text.model), {}


def _check_image_encoder(paths: Paths) -> tuple[PartSizes]:
    model = load_image_encoder(paths[0].parent, _SMALL).model
    return (_counted(image_encoder_sizes(model.config), model),)


def _check_vae(paths: Paths) -> tuple[PartSizes]:
    model = load_vae(paths[0].parent, _SMALL)
    return (_counted(vae_sizes(model.config), model),)


def _check_expression_adapter(paths: Paths) -> tuple[PartSizes]:
    adapter = load_expression_adapter(paths[0], _stored_dtype(open_tensors(paths)))
    return (_counted(adapter_sizes(adapter.projections), adapter.tokens, adapter.projections),)


def _check_voice_adapter(paths: Paths) -> tuple[PartSizes]:
    adapter = load_voice_adapter(paths[0], _stored_dtype(open_tensors(paths)))
    speech_width = adapter.tokens.proj.in_features
    sizes = {**adapter_sizes(adapter.projections), "speech_width": speech_width}
    return (_counted(sizes, adapter.tokens, adapter.projections),)


def _check_expression_encoder(paths: Paths) -> tuple[PartSizes]:
    return (_counted({}, load_expression_encoder(paths[0])),)


def _check_speech_encoder(paths: Paths) -> tuple[PartSizes]:
    model = load_speech_encoder(paths[0].parent, _SMALL).model
    return (_counted(speech_encoder_sizes(model.config), model),)


def _check_onnx(paths: Paths) -> tuple[PartSizes]:
    with reading(paths[0]):
        content = np.frombuffer(paths[0].read_bytes(), np.uint8)
    try:
        cv2.dnn.readNetFromONNX(content)
    except cv2.error as error:
        raise unreadable_file(paths[0], "are damaged, or not an ONNX network") from error
    return ({},)


_CHECKS: Mapping[tuple[PartName, ...], Callable[..., tuple[PartSizes, ...]]] = {
    (PartName.TRANSFORMER,): _check_transformer,
    (PartName.TEXT_ENCODER, PartName.TOKENIZER): _check_text,
    (PartName.IMAGE_ENCODER,): _check_image_encoder,
    (PartName.VAE,): _check_vae,
    (PartName.EXPRESSION_ADAPTER,): _check_expression_adapter,
    (PartName.EXPRESSION_ENCODER,): _check_expression_encoder,
    (PartName.VOICE_ADAPTER,): _check_voice_adapter,
    (PartName.SPEECH_ENCODER,): _check_speech_encoder,
    (PartName.FACE_DETECTOR,): _check_onnx,
    (PartName.FACE_LANDMARKS,): _check_onnx,
}


def _counted(sizes: PartSizes, *modules: torch.nn.Module) -> PartSizes:
    return {**sizes, "parameters": parameter_count(*modules)}


def _bytes(paths: Paths) -> int:
    return sum(path.stat().st_size for path in paths)


def _stored_dtype(file: TensorFile) -> torch.dtype:
    """Return the number format of the largest tensor, float32 where that holds whole numbers."""
    largest = max(file.keys(), key=lambda key: math.prod(file.shape(key)))
    dtype = file.dtype(largest)
    return dtype if dtype.is_floating_point else torch.float32
