"""The parts of a model bundle, loaded one after another: used, then let go."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel

from engine.bundles.installed_bundle import InstalledBundle, PartName
from engine.memory.device import release_cached_memory, torch_dtype
from engine.networks.adapters import ExpressionAdapter, VoiceAdapter
from engine.networks.encoders import ImageEncoder, SpeechEncoder, TextEncoder
from engine.networks.expression_encoder import ExpressionEncoder
from engine.protocol.diffusion_settings import Precision
from engine.renderers.renderer import RenderReport
from engine.weights.adapter_loader import load_expression_adapter, load_voice_adapter
from engine.weights.encoder_loaders import (
    load_expression_encoder,
    load_image_encoder,
    load_speech_encoder,
    load_text_encoder,
    load_vae,
)
from engine.weights.transformer_loader import load_transformer

_STEP_EVERY_S = 5.0
_LONGEST_LOAD_S = 1800.0

_Part = TypeVar("_Part")


class BundleModels:
    """Loads a bundle's parts onto a device. Reading many gigabytes counts as getting on, for half an hour."""

    def __init__(
        self, bundle: InstalledBundle, device: torch.device, precision: Precision, report: RenderReport
    ) -> None:
        self.bundle = bundle
        self.device = device
        self.precision = precision
        self._report = report

    def identity(self, *parts: PartName) -> str:
        """Return what results of these parts depend on, for cache keys: the hashes of their files."""
        return " ".join(file.sha256 for part in parts for file in self.bundle.parts[part].files)

    @contextmanager
    def text_encoder(self) -> Iterator[TextEncoder]:
        """Lend UMT5. Half precision means bfloat16: float16 is too narrow for its activations."""
        dtype = torch.float32 if self.precision is Precision.FLOAT32 else torch.bfloat16
        folder, tokenizer = self._folder(PartName.TEXT_ENCODER), self._folder(PartName.TOKENIZER)
        with self._used(lambda: load_text_encoder(folder, tokenizer, dtype)) as encoder:
            encoder.model.to(self.device)
            yield encoder

    @contextmanager
    def image_encoder(self) -> Iterator[ImageEncoder]:
        """Lend CLIP's vision tower."""
        folder, dtype = self._folder(PartName.IMAGE_ENCODER), torch_dtype(self.precision)
        with self._used(lambda: load_image_encoder(folder, dtype)) as encoder:
            encoder.model.to(self.device)
            yield encoder

    @contextmanager
    def speech_encoder(self) -> Iterator[SpeechEncoder]:
        """Lend wav2vec 2.0, in float32: it is small."""
        folder = self._folder(PartName.SPEECH_ENCODER)
        with self._used(lambda: load_speech_encoder(folder, torch.float32)) as encoder:
            encoder.model.to(self.device)
            yield encoder

    @contextmanager
    def vae(self) -> Iterator[AutoencoderKLWan]:
        """Lend the VAE, in float32."""
        folder = self._folder(PartName.VAE)
        with self._used(lambda: load_vae(folder, torch.float32)) as vae:
            yield vae.to(self.device)

    def expression_encoder(self) -> ExpressionEncoder:
        """Load the encoder of aligned faces, in float32: half precision would change the expression."""
        with getting_on(self._report):
            return load_expression_encoder(self.bundle.paths(PartName.EXPRESSION_ENCODER)[0])

    def expression_adapter(self) -> ExpressionAdapter:
        """Load the portrait adapter onto the processor: tokens in float32, projections as the transformer."""
        path = self.bundle.paths(PartName.EXPRESSION_ADAPTER)[0]
        with getting_on(self._report):
            adapter = load_expression_adapter(path, torch.float32)
            adapter.projections.to(torch_dtype(self.precision))
        return adapter

    def voice_adapter(self) -> VoiceAdapter:
        """Load the talking adapter onto the processor, in the same number formats."""
        path = self.bundle.paths(PartName.VOICE_ADAPTER)[0]
        with getting_on(self._report):
            adapter = load_voice_adapter(path, torch.float32)
            adapter.projections.to(torch_dtype(self.precision))
        return adapter

    @contextmanager
    def transformer(self) -> Iterator[WanTransformer3DModel]:
        """Lend the transformer, ready to compute on the device."""
        paths, dtype = self.bundle.paths(PartName.TRANSFORMER), torch_dtype(self.precision)
        with self._used(lambda: load_transformer(paths, dtype=dtype).to(self.device)) as transformer:
            yield transformer.eval()

    def _folder(self, part: PartName) -> Path:
        return self.bundle.paths(part)[0].parent

    @contextmanager
    def _used(self, load: Callable[[], _Part]) -> Iterator[_Part]:
        with getting_on(self._report):
            release_cached_memory(self.device)  # of the part before, which nobody holds any more
            part = load()
        yield part


@contextmanager
def getting_on(report: RenderReport) -> Iterator[None]:
    """Count what cannot tell how far it is as getting on, until it ends or for half an hour."""
    ended = threading.Event()

    def tell() -> None:
        for _ in range(int(_LONGEST_LOAD_S / _STEP_EVERY_S)):
            if ended.wait(_STEP_EVERY_S):
                return
            report.step()

    teller = threading.Thread(target=tell, name="getting on")
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()
