"""The parts of a model bundle, loaded one after another: used, then let go."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from diffusers import AutoencoderKLWan
from torch import nn

from engine.bundles.installed_bundle import InstalledBundle, PartName
from engine.media.write_errors import writing
from engine.memory.block_file import BLOCK_FOLDER
from engine.memory.device import release_cached_memory, torch_dtype
from engine.memory.library_offload import layer_by_layer
from engine.networks.adapters import ExpressionAdapter, VoiceAdapter
from engine.networks.encoders import ImageEncoder, SpeechEncoder, TextEncoder
from engine.networks.expression_encoder import ExpressionEncoder
from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import EncoderPlace, MemoryPlan, PlanPhase
from engine.renderers.phase_watch import PhaseWatch
from engine.renderers.renderer import RenderReport
from engine.weights.adapter_loader import load_expression_adapter, load_voice_adapter
from engine.weights.encoder_loaders import (
    load_expression_encoder,
    load_image_encoder,
    load_speech_encoder,
    load_text_encoder,
    load_vae,
)
from engine.weights.transformer_blocks import TransformerBlocks
from engine.weights.transformer_loader import open_transformer_blocks

_STEP_EVERY_S = 5.0
_LONGEST_LOAD_S = 1800.0

_Part = TypeVar("_Part")


class BundleModels:
    """Loads a bundle's parts, one at a time, to where the plan says. Reading many gigabytes counts as getting
    on, for half an hour. `phases` follows what they take of the device; `cache`: the engine's directory.
    """

    def __init__(
        self,
        bundle: InstalledBundle,
        device: torch.device,
        plan: MemoryPlan,
        report: RenderReport,
        *,
        cache: Path,
    ) -> None:
        self.bundle = bundle
        self.device = device
        self.plan = plan
        self.precision = plan.precision
        self.phases = PhaseWatch(device)
        self._report = report
        self._cache = cache
        self._transformer_files: TransformerBlocks | None = None

    def identity(self, *parts: PartName) -> str:
        """Return what results of these parts depend on, for cache keys: the hashes of their files."""
        return " ".join(file.sha256 for part in parts for file in self.bundle.parts[part].files)

    @contextmanager
    def text_encoder(self) -> Iterator[tuple[TextEncoder, torch.device]]:
        """Lend UMT5, and where its input belongs. Half precision means bfloat16: float16 is too narrow for
        its activations.
        """
        dtype = torch.float32 if self.precision is Precision.FLOAT32 else torch.bfloat16
        folder, tokenizer = self._folder(PartName.TEXT_ENCODER), self._folder(PartName.TOKENIZER)
        with (
            self._used(PlanPhase.PROMPT, lambda: load_text_encoder(folder, tokenizer, dtype)) as encoder,
            self._placed(encoder.model, self.plan.text_encoder) as device,
        ):
            yield encoder, device

    @contextmanager
    def image_encoder(self) -> Iterator[tuple[ImageEncoder, torch.device]]:
        """Lend CLIP's vision tower, and where its input belongs."""
        folder, dtype = self._folder(PartName.IMAGE_ENCODER), torch_dtype(self.precision)
        with (
            self._used(PlanPhase.PLATE_PICTURE, lambda: load_image_encoder(folder, dtype)) as encoder,
            self._placed(encoder.model, self.plan.image_encoder) as device,
        ):
            yield encoder, device

    @contextmanager
    def speech_encoder(self) -> Iterator[tuple[SpeechEncoder, torch.device]]:
        """Lend wav2vec 2.0, and where its input belongs; in float32: it is small."""
        folder = self._folder(PartName.SPEECH_ENCODER)
        with (
            self._used(PlanPhase.SPEECH, lambda: load_speech_encoder(folder, torch.float32)) as encoder,
            self._placed(encoder.model, self.plan.speech_encoder) as device,
        ):
            yield encoder, device

    @contextmanager
    def vae(self, phase: PlanPhase) -> Iterator[AutoencoderKLWan]:
        """Lend the VAE, in float32, for encoding or for decoding."""
        folder = self._folder(PartName.VAE)
        with self._used(phase, lambda: load_vae(folder, torch.float32)) as vae:
            yield vae.to(self.device)

    def expression_encoder(self) -> ExpressionEncoder:
        """Load the encoder of aligned faces, in float32: half precision would change the expression."""
        with self.getting_on():
            return load_expression_encoder(self.bundle.paths(PartName.EXPRESSION_ENCODER)[0])

    def expression_adapter(self) -> ExpressionAdapter:
        """Load the portrait adapter onto the processor: tokens in float32, projections as the transformer."""
        path = self.bundle.paths(PartName.EXPRESSION_ADAPTER)[0]
        with self.getting_on():
            return load_expression_adapter(path, torch_dtype(self.precision), tokens_in_float32=True)

    def voice_adapter(self) -> VoiceAdapter:
        """Load the talking adapter onto the processor, in the same number formats."""
        path = self.bundle.paths(PartName.VOICE_ADAPTER)[0]
        with self.getting_on():
            return load_voice_adapter(path, torch_dtype(self.precision), tokens_in_float32=True)

    def transformer_files(self) -> TransformerBlocks:
        """Open the transformer's files, once; its weights are read block by block."""
        if self._transformer_files is None:
            paths, dtype = self.bundle.paths(PartName.TRANSFORMER), torch_dtype(self.precision)
            with self.getting_on():
                self._transformer_files = open_transformer_blocks(paths, dtype=dtype)
        return self._transformer_files

    def getting_on(self) -> AbstractContextManager[None]:
        """Count what cannot tell how far it is as getting on."""
        return getting_on(self._report)

    def block_folder(self) -> Path:
        """Return the folder where blocks lie that host memory cannot hold. Raises UserError(NOT_WRITABLE)."""
        folder = self._cache / BLOCK_FOLDER
        with writing(folder):
            folder.mkdir(exist_ok=True, parents=True)
        return folder

    def _folder(self, part: PartName) -> Path:
        return self.bundle.paths(part)[0].parent

    @contextmanager
    def _used(self, phase: PlanPhase, load: Callable[[], _Part]) -> Iterator[_Part]:
        with self.phases.phase(phase):
            with self.getting_on():
                release_cached_memory(self.device)  # of the part before, which nobody holds any more
                part = load()
            yield part

    @contextmanager
    def _placed(self, module: nn.Module, place: EncoderPlace) -> Iterator[torch.device]:
        """Bring an encoder to where the plan says, and return where its input belongs."""
        if place is EncoderPlace.PROCESSOR:
            yield torch.device("cpu")
        elif place is EncoderPlace.STREAMED:
            with layer_by_layer(module, self.device):
                yield self.device
        else:
            module.to(self.device)
            yield self.device


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
