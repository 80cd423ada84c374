"""How long a render takes under a plan's settings: what a step waits for, and the phases' seconds.

A step's arithmetic, its copies to the device and its reading from the disk go on side by side. So it takes as
long as the longest of them, and a little of the others: the first block's copy, and what copies take of the
rate of the device's own memory.

Each job reads each part's files once, as they lie on the disk; what the system still holds of them is
faster.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor

from engine.bundles.installed_bundle import PartName
from engine.planning.adapter_names import AdapterName
from engine.planning.flop import Flop, product, step_flop
from engine.planning.machine import MachineRates
from engine.planning.network_sizes import ADAPTER_PARTS, VaeSize
from engine.planning.phase_memory import PhaseMemory, encoder_number_bytes
from engine.planning.plan_choice import EncoderPlaces, PlanChoice
from engine.planning.prompt_text import PROMPT_TOKENS
from engine.planning.shot_cutting import AdapterLoad, BranchCount
from engine.planning.transformer_weights import (
    adapter_bytes,
    adapter_pair_bytes,
    key_value_projection_bytes,
)
from engine.planning.vae_memory import Picture, decoding_flop, encoding_flop
from engine.planning.workload import Workload
from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import (
    BankPlace,
    Bottleneck,
    EncoderPlace,
    HostPlace,
    PlanPhase,
)

NOT_HIDDEN = 0.03
"""How much of what goes on beside the longest is not hidden by it."""

PIECE_S = 3e-4
"""What a piece of tokens costs in a block beside its arithmetic: some thirty kernels are started. On the
processor it is nothing."""

_PROMPT_WORDS = 128
_PROCESSOR_FLOP_PER_S = 5e10


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """Seconds of a step by what it may wait for."""

    arithmetic: float
    transfer: float
    disk: float
    overlaps: bool

    @property
    def seconds(self) -> float:
        """The step's seconds."""
        parts = (self.arithmetic, self.transfer, self.disk)
        if not self.overlaps:
            return sum(parts)
        return max(parts) + NOT_HIDDEN * (sum(parts) - max(parts))

    @property
    def bottleneck(self) -> Bottleneck:
        """What takes longest."""
        if self.arithmetic >= max(self.transfer, self.disk):
            return Bottleneck.ARITHMETIC
        return Bottleneck.TRANSFER if self.transfer >= self.disk else Bottleneck.DISK


class Durations:
    """Seconds of a workload at a machine's rates, all of which have to be known."""

    def __init__(
        self, workload: Workload, memory: PhaseMemory, rates: MachineRates, *, on_processor: bool
    ) -> None:
        self._workload = workload
        self._memory = memory
        self._rates = rates
        self._on_processor = on_processor
        self._size = workload.sizes.transformer
        self._flops: dict[tuple[int, tuple[frozenset[AdapterName], ...]], Flop] = {}

    def longest_step(self, choice: PlanChoice) -> StepTime:
        """Return the time of a step with the most branches: of all its windows."""
        most = max(choice.segment.steps, key=lambda count: count.branches)
        one = self._step(choice, most)
        windows = choice.segment.windows
        return StepTime(
            arithmetic=windows * one.arithmetic,
            transfer=windows * one.transfer,
            disk=windows * one.disk,
            overlaps=one.overlaps,
        )

    def denoising(self, choice: PlanChoice) -> float:
        """Return the seconds of all steps of all pieces."""
        return sum(count.times * self._step(choice, count).seconds for count in choice.segment.steps)

    def turning_points(self, choice: PlanChoice) -> set[int]:
        """Return the numbers of residents at which a step begins or ceases to wait for copies or the disk."""
        block, found = self._memory.block(choice), set[int]()
        for count in choice.segment.steps:
            step = self._step(choice, count)
            for waits, rate in (
                (step.transfer, self._copy_rate(choice)),
                (step.disk, self._rates.disk_bytes_per_s),
            ):
                over = (waits - step.arithmetic) * rate / block
                found |= {choice.residents + floor(over), choice.residents + floor(over) + 1}
        pinnable = (self._rates.pinnable_bytes - self._memory.streamed_on_host(choice)) // block
        return found | {choice.residents - pinnable}

    def between_pieces(self, choice: PlanChoice) -> float:
        """Return the seconds in which blocks come back to the device after the VAE has worked."""
        if not choice.releases_blocks or self._on_processor:
            return 0.0
        rate = self._rates.pageable_bytes_per_s
        if choice.host_place is HostPlace.DISK:
            rate = min(rate, self._rates.disk_bytes_per_s)
        return choice.segment.pieces * choice.residents * self._memory.block(choice) / rate

    def phases(self, choice: PlanChoice, places: EncoderPlaces) -> dict[PlanPhase, float]:
        """Return the seconds of each phase for the whole render, as if nothing was encoded before."""
        sizes, precision = self._workload.sizes, choice.precision
        found = {
            PlanPhase.PROMPT: self._encoder(
                sizes.text_encoder.parameters, encoder_number_bytes(precision), places.text,
                tokens=self._workload.texts * _PROMPT_WORDS, precision=precision,
            ),
            PlanPhase.PLATE_PICTURE: self._encoder(
                sizes.image_encoder.parameters, 2, places.image,
                tokens=self._size.image_tokens, precision=precision,
            ),
            PlanPhase.PLATE_LATENTS: self._vae(choice, encoding_flop),
            PlanPhase.KEYS_AND_VALUES: self._keys_and_values(choice),
            PlanPhase.DENOISING: self.denoising(choice),
            PlanPhase.DECODING: self._vae(choice, decoding_flop),
        }  # fmt: skip
        if self._workload.voices and sizes.speech_encoder is not None:
            tokens = int(self._workload.voices * self._workload.voice_s * 50)
            parameters = sizes.speech_encoder.encoder.parameters
            found[PlanPhase.SPEECH] = self._encoder(
                parameters, 4, places.speech, tokens=tokens, precision=Precision.FLOAT32
            )
        loading = self.loading()
        return {phase: seconds + loading.get(phase, 0.0) for phase, seconds in found.items()}

    def loading(self) -> dict[PlanPhase, float]:
        """Return the seconds in which weights are read from the disk, by the phase that uses them first."""
        adapters = [ADAPTER_PARTS[load.name] for load in self._workload.segment.adapters]
        read = {
            PlanPhase.PROMPT: [PartName.TEXT_ENCODER],
            PlanPhase.PLATE_PICTURE: [PartName.IMAGE_ENCODER],
            PlanPhase.SPEECH: [PartName.SPEECH_ENCODER] if self._workload.voices else [],
            PlanPhase.PLATE_LATENTS: [PartName.VAE],
            PlanPhase.KEYS_AND_VALUES: [*adapters, PartName.TRANSFORMER],
        }
        files, rate = self._workload.sizes.file_bytes, self._rates.disk_bytes_per_s
        return {phase: sum(files.get(part, 0) for part in parts) / rate for phase, parts in read.items()}

    def _step(self, choice: PlanChoice, count: BranchCount) -> StepTime:
        flop, rates = self._flop(choice, count), self._rates
        pieces = -(-self._workload.tokens(choice.segment) // choice.piece_tokens)
        starting = 0.0 if self._on_processor else PIECE_S * pieces * self._size.blocks * count.branches
        streamed = (self._size.blocks - choice.residents) * self._memory.block(choice)
        bank = self._size.blocks * self._memory.bank_block(choice)
        copied = streamed + (bank if choice.bank_place is BankPlace.HOST else 0)
        copied += sum(self._pairs_again(choice, load, count) for load in choice.segment.adapters)
        return StepTime(
            arithmetic=starting
            + flop.products / rates.product_flop_per_s[choice.precision]
            + flop.attention / rates.attention_flop_per_s[choice.precision],
            transfer=copied / self._copy_rate(choice),
            disk=streamed / self._rates.disk_bytes_per_s if choice.host_place is HostPlace.DISK else 0.0,
            overlaps=choice.slots != 1,
        )

    def _copy_rate(self, choice: PlanChoice) -> float:
        pinned = choice.host_place is not HostPlace.PAGEABLE and self._rates.pinned_bytes_per_s > 0
        return self._rates.pinned_bytes_per_s if pinned else self._rates.pageable_bytes_per_s

    def _pairs_again(self, choice: PlanChoice, load: AdapterLoad, count: BranchCount) -> int:
        """Projections of characters that are not kept come to the device in each step again."""
        if load.kept:
            return 0
        speaking = sum(load.name in adapters for adapters in count.speaking)
        pair = adapter_pair_bytes(self._size.width, load, choice.precision)
        return speaking * load.characters * self._size.blocks * pair

    def _flop(self, choice: PlanChoice, count: BranchCount) -> Flop:
        key = (choice.segment.segment_frames, count.speaking)
        if key not in self._flops:
            tokens = self._workload.tokens(choice.segment)
            pairs = {load.name: tokens * load.window for load in choice.segment.adapters}
            flop = step_flop(self._size, tokens, count.speaking, pairs)
            again = sum(
                product(load.characters * load.tokens, load.width, 2 * self._size.width) * self._size.blocks
                for adapters in count.speaking
                for load in choice.segment.adapters
                if load.name in adapters and not load.kept
            )
            self._flops[key] = Flop(products=flop.products + again, attention=flop.attention)
        return self._flops[key]

    def _encoder(
        self, parameters: int, number: int, place: EncoderPlace, *, tokens: int, precision: Precision
    ) -> float:
        flop = 2 * parameters * tokens
        if place is EncoderPlace.PROCESSOR and not self._on_processor:
            return flop / _PROCESSOR_FLOP_PER_S
        copied = 0.0 if self._on_processor else parameters * number / self._rates.pageable_bytes_per_s
        return copied + flop / self._rates.product_flop_per_s[precision]

    def _keys_and_values(self, choice: PlanChoice) -> float:
        """Keys and values of texts are made once, the characters' for each piece."""
        memory, rates, segment = self._memory, self._rates, choice.segment
        projections = self._size.blocks * key_value_projection_bytes(self._size, choice.precision)
        weights = self._size.blocks * memory.block(choice) + projections
        texts = self._workload.texts * PROMPT_TOKENS + self._size.image_tokens
        flop = self._size.blocks * product(texts, self._size.width, 2 * self._size.width)
        flop += (
            segment.pieces
            * self._size.blocks
            * sum(
                product(load.characters * load.tokens, load.width, 2 * self._size.width)
                for load in segment.adapters
                if load.kept
            )
        )
        moved = weights + segment.pieces * adapter_bytes(self._workload, segment, choice.precision)
        copied = 0.0 if self._on_processor else moved / rates.pageable_bytes_per_s
        made = flop / rates.product_flop_per_s[choice.precision]
        return copied + made + self.between_pieces(choice)

    def _vae(self, choice: PlanChoice, flop_of: Callable[[VaeSize, Picture, Picture, int], int]) -> float:
        """Every latent frame of every piece, the tiles' overlaps once more; in float32."""
        workload, vae, side = self._workload, self._workload.sizes.vae, choice.tile_latents
        chunks = choice.segment.pieces * choice.segment.piece_latents
        flop = chunks * flop_of(vae, workload.latents, workload.tile(side), workload.tiles(side))
        return flop / self._rates.product_flop_per_s[Precision.FLOAT32]
