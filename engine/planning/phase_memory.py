"""What each phase of a render takes of the device and of the host, for any choice of a plan's settings.

While denoising there are on the device: the fixed part, resident blocks and slots, the bank (or two slots of
it), the shot's tensors and those of a step. Encoders come before the transformer; the VAE comes beside the
fixed part, and beside the blocks unless they are released for it.
"""

from engine.planning.buffer_counts import BANK_SLOTS, DISK_BUFFERS, PINNED_BUFFERS
from engine.planning.encoder_memory import image_bytes, speech_bytes, text_bytes
from engine.planning.latent_grid import FRAMES_PER_LATENT
from engine.planning.number_formats import FLOAT32_BYTES, NUMBER_BYTES
from engine.planning.plan_choice import EncoderPlaces, PlanChoice
from engine.planning.prompt_text import PROMPT_TOKENS
from engine.planning.step_memory import StepFormat, StepMemory
from engine.planning.transformer_weights import (
    adapter_bytes,
    adapter_pair_bytes,
    bank_block_bytes,
    block_bytes,
    cast_weight_bytes,
    converted_weight_bytes,
    fixed_bytes,
    key_value_projection_bytes,
    scaling_bytes,
    timeline_bytes,
)
from engine.planning.vae_memory import blended_bytes, decoding_bytes, encoding_bytes
from engine.planning.workload import Workload
from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import BankPlace, EncoderPlace, HostPlace, PlanPhase, WeightStorage

CARD_WORKSPACE_BYTES = 48 * 2**20
"""What libraries take of a card as tensors, beside convolutions: cuBLAS up to 32 MiB, and rounding up."""

PROCESS_BYTES = 500_000_000
"""A render's process with its libraries and nothing loaded: 0.44 GB measured on Linux."""

CARD_PROCESS_BYTES = 1_000_000_000
"""What a card's libraries add to it: an allowance."""

WHOLE_PICTURE_SPARE = 0.15
"""Of what the VAE takes for a whole picture on a card, how much more is counted: the least certain figure of
a plan, since what a convolution takes there is its library's own choice. Tiles are small beside the rest."""

_CHECKPOINT_TENSORS = 6


class PhaseMemory:
    """Bytes of a workload's phases on a device of one kind."""

    def __init__(self, workload: Workload, *, on_processor: bool, threads: int = 1) -> None:
        """`threads`: with how many the processor computes; no matter for a card."""
        self._workload = workload
        self._sizes = workload.sizes
        self._on_processor = on_processor
        self._threads = threads if on_processor else 0
        self._workspace = 0 if on_processor else CARD_WORKSPACE_BYTES
        self._steps: dict[tuple[int, Precision, Precision, int], tuple[int, int]] = {}

    def block(self, choice: PlanChoice) -> int:
        """Return the bytes of a block as it passes through the device."""
        return block_bytes(self._sizes.transformer, choice.precision, choice.storage)

    def bank_block(self, choice: PlanChoice) -> int:
        """Return the bytes of a block's keys and values."""
        return bank_block_bytes(self._workload, choice.segment, choice.precision)

    def beside_blocks(self, choice: PlanChoice) -> dict[PlanPhase, int]:
        """Return what each phase takes in which blocks lie on the device, without the blocks."""
        phases = {
            PlanPhase.KEYS_AND_VALUES: self._keys_and_values(choice),
            PlanPhase.DENOISING: self._denoising(choice),
        }
        if not choice.releases_blocks:
            phases[PlanPhase.DECODING] = self._decoding(choice)
            if choice.segment.pieces > 1:
                phases[PlanPhase.PLATE_LATENTS] = self._plate_latents(choice)
        return phases

    def phases(self, choice: PlanChoice, places: EncoderPlaces) -> dict[PlanPhase, int]:
        """Return the device's bytes in each phase that this render has, in order."""
        blocks = (choice.residents + choice.slots) * self.block(choice)
        beside = self.beside_blocks(choice)
        found = {
            PlanPhase.PROMPT: self.text_encoder(choice, places.text),
            PlanPhase.PLATE_PICTURE: self.image_encoder(choice, places.image),
        }
        if self._workload.voices and self._sizes.speech_encoder is not None:
            found[PlanPhase.SPEECH] = self.speech_encoder(places.speech)
        found[PlanPhase.PLATE_LATENTS] = self._plate_latents(choice)
        found[PlanPhase.DECODING] = self._decoding(choice)
        found |= {phase: need + blocks for phase, need in beside.items()}
        return {phase: found[phase] for phase in PlanPhase if phase in found}

    def beside_the_vae(self, choice: PlanChoice) -> int:
        """Return what is on the device while pictures are decoded, beside the VAE and the blocks."""
        return self._fixed(choice) + self._step(choice)[0]

    def text_encoder(self, choice: PlanChoice, place: EncoderPlace) -> int:
        """Return the device's bytes while a prompt is read."""
        number = encoder_number_bytes(choice.precision)
        return self._workspace + text_bytes(self._sizes.text_encoder, number, place)

    def image_encoder(self, choice: PlanChoice, place: EncoderPlace) -> int:
        """Return the device's bytes while the plate is looked at."""
        size, number = self._sizes.image_encoder, NUMBER_BYTES[choice.precision]
        return self._workspace + image_bytes(size, self._sizes.transformer.image_tokens, number, place)

    def speech_encoder(self, place: EncoderPlace) -> int:
        """Return the device's bytes while a voice is listened to, in float32."""
        size = self._sizes.speech_encoder
        if size is None or not self._workload.voices:
            return 0
        return self._workspace + speech_bytes(size, self._workload.voice_s, place)

    def streamed_on_host(self, choice: PlanChoice) -> int:
        """Return what waits on the host to be copied to the device: blocks, and keys and values."""
        blocks, block = self._sizes.transformer.blocks, self.block(choice)
        streamed = (blocks - choice.residents) * block
        if choice.host_place is HostPlace.DISK:
            streamed = min(DISK_BUFFERS, blocks - choice.residents) * block
        bank = blocks * self.bank_block(choice) if choice.bank_place is BankPlace.HOST else 0
        return streamed + bank

    def on_disk(self, choice: PlanChoice) -> int:
        """Return how much the file of the blocks takes, where that is how they wait."""
        if choice.host_place is not HostPlace.DISK:
            return 0
        return self._sizes.transformer.blocks * self.block(choice)

    def host(self, choice: PlanChoice, places: EncoderPlaces, phases: dict[PlanPhase, int]) -> int:
        """Return the most host memory the process takes, itself among it.

        Encoders come one after another, before the transformer and after the adapters.
        """
        held = self.process_and_held(choice)
        if self._on_processor:
            return held + max(*phases.values(), phases[PlanPhase.KEYS_AND_VALUES] + self.loading(choice))
        adapters = adapter_bytes(self._workload, choice.segment, choice.precision)
        process = PROCESS_BYTES + CARD_PROCESS_BYTES
        return max(
            process + adapters + self._encoder_on_host(choice, places), held + self._blocks_on_host(choice)
        )

    def process_and_held(self, choice: PlanChoice) -> int:
        """Return the host memory of the process and of what it holds beside blocks and phases.

        Adapters, keys and values of texts and image, noise and checkpoints, pictures that are blended; on the
        processor also the blocks that are read ahead.
        """
        ring = 0
        if self._on_processor and choice.host_place is HostPlace.DISK:
            ring = min(DISK_BUFFERS, self._sizes.transformer.blocks - choice.residents) * self.block(choice)
        process = PROCESS_BYTES if self._on_processor else PROCESS_BYTES + CARD_PROCESS_BYTES
        return process + self._held_on_host(choice) + ring

    def loading(self, choice: PlanChoice) -> int:
        """Return what one block takes of the host while it is read, beside where it goes.

        The block as the arithmetic wants it; with 8-bit weights these too, and copies of one weight in
        float32. What makes keys and values leaves for the device before that; the processor's phase has it.
        """
        size, precision = self._sizes.transformer, choice.precision
        whole = block_bytes(size, precision, WeightStorage.FULL)
        used_once = 0 if self._on_processor else key_value_projection_bytes(size, precision)
        if choice.storage is WeightStorage.FULL:
            return whole + used_once
        return whole + max(used_once, self.block(choice) + scaling_bytes(size, precision))

    def _blocks_on_host(self, choice: PlanChoice) -> int:
        block = self.block(choice)
        waiting = self.streamed_on_host(choice)
        if choice.releases_blocks and choice.host_place is not HostPlace.DISK:
            waiting += choice.residents * block
        if choice.host_place is HostPlace.PAGEABLE:
            streamed = self._sizes.transformer.blocks - choice.residents
            waiting += min(PINNED_BUFFERS, streamed) * block
            if choice.bank_place is BankPlace.HOST:
                waiting += PINNED_BUFFERS * self.bank_block(choice)
        return waiting + self.loading(choice) + self._sizes.vae.parameters * FLOAT32_BYTES

    def _held_on_host(self, choice: PlanChoice) -> int:
        transformer, number = self._sizes.transformer, NUMBER_BYTES[choice.precision]
        shared = self._workload.texts * PROMPT_TOKENS + transformer.image_tokens
        kept = 0 if self._on_processor else 2 * transformer.blocks * shared * transformer.width * number
        latents = self._workload.frame_tokens * 4 * transformer.channels_out * FLOAT32_BYTES
        frames = 1 + (self._workload.model_frames - 1) // FRAMES_PER_LATENT
        shot = frames * latents + _CHECKPOINT_TENSORS * choice.segment.piece_latents * latents
        return (
            adapter_bytes(self._workload, choice.segment, choice.precision)
            + kept
            + shot
            + (0 if self._on_processor else self._blended(choice))
        )

    def _blended(self, choice: PlanChoice) -> int:
        return blended_bytes(
            self._sizes.vae,
            self._workload.latents,
            self._workload.tile(choice.tile_latents),
            tiles=self._workload.tiles(choice.tile_latents),
            latent_frames=choice.segment.piece_latents,
        )

    def _encoder_on_host(self, choice: PlanChoice, places: EncoderPlaces) -> int:
        """The weights, which are read there first; where the processor computes what it computes too."""
        here, there = EncoderPlace.DEVICE, EncoderPlace.PROCESSOR
        text = self._sizes.text_encoder.parameters * encoder_number_bytes(choice.precision)
        image = self._sizes.image_encoder.parameters * NUMBER_BYTES[choice.precision]
        speech = 0
        if places.text is there:
            text = self.text_encoder(choice, here)
        if places.image is there:
            image = self.image_encoder(choice, here)
        if places.speech is there:
            speech = self.speech_encoder(here)
        return max(text, image, speech)

    def _fixed(self, choice: PlanChoice) -> int:
        return self._workspace + fixed_bytes(self._sizes.transformer, choice.precision)

    def _bank(self, choice: PlanChoice) -> int:
        blocks = self._sizes.transformer.blocks
        count = blocks if choice.bank_place is BankPlace.DEVICE else min(BANK_SLOTS, blocks)
        return count * self.bank_block(choice)

    def _keys_and_values(self, choice: PlanChoice) -> int:
        """The bank, one block's projections, tokens and what is made of them once more."""
        size, number = self._sizes.transformer, NUMBER_BYTES[choice.precision]
        texts = (self._workload.texts * PROMPT_TOKENS + size.image_tokens) * size.width * number
        pairs = sum(
            adapter_pair_bytes(size.width, load, choice.precision) for load in choice.segment.adapters
        )
        projections = max(key_value_projection_bytes(size, choice.precision), pairs)
        timelines = timeline_bytes(choice.segment, choice.precision)
        making = max(self._most_made(choice), self._text_made(choice))
        if choice.bank_place is BankPlace.HOST:
            making += self.bank_block(choice)
        return self._fixed(choice) + self._bank(choice) + projections + texts + timelines + making

    def _most_made(self, choice: PlanChoice) -> int:
        """The keys and values [K, C] of one character before the token of zeros joins them."""
        most = max((load.tokens + 1 for load in choice.segment.adapters if load.kept), default=0)
        return 2 * most * self._sizes.transformer.width * NUMBER_BYTES[choice.precision]

    def _text_made(self, choice: PlanChoice) -> int:
        """Keys [L, C] before and behind their norm; the processor's casts to float32 and back for it."""
        number = NUMBER_BYTES[choice.precision]
        casts = 3 * FLOAT32_BYTES if self._on_processor and number < FLOAT32_BYTES else 0
        return PROMPT_TOKENS * self._sizes.transformer.width * (2 * number + casts)

    def _denoising(self, choice: PlanChoice) -> int:
        size = self._sizes.transformer
        converted = converted_weight_bytes(size, choice.precision, choice.storage)
        if converted and self._on_processor:
            rows = min(choice.piece_tokens, self._workload.tokens(choice.segment))
            converted += cast_weight_bytes(size, choice.precision, rows)
        shot, velocity = self._step(choice)
        timelines = timeline_bytes(choice.segment, choice.precision)
        return self._fixed(choice) + self._bank(choice) + converted + timelines + shot + velocity

    def _step(self, choice: PlanChoice) -> tuple[int, int]:
        key = (choice.segment.segment_frames, choice.precision, choice.token_precision, choice.piece_tokens)
        if key not in self._steps:
            how = StepFormat(
                precision=choice.precision,
                token_precision=choice.token_precision,
                piece_tokens=choice.piece_tokens,
                threads=self._threads,
            )
            memory = StepMemory(self._workload, choice.segment, how)
            self._steps[key] = memory.shot_bytes(), memory.velocity_bytes()
        return self._steps[key]

    def _decoding(self, choice: PlanChoice) -> int:
        whole, tile = self._workload.latents, self._workload.tile(choice.tile_latents)
        chunk = self._spared(
            decoding_bytes(self._sizes.vae, whole, tile, on_processor=self._on_processor), choice
        )
        waiting = self._blended(choice) if self._on_processor else 0
        return self.beside_the_vae(choice) + self._vae() + chunk + waiting

    def _plate_latents(self, choice: PlanChoice) -> int:
        whole, tile = self._workload.latents, self._workload.tile(choice.tile_latents)
        chunk = self._spared(
            encoding_bytes(self._sizes.vae, whole, tile, on_processor=self._on_processor), choice
        )
        beside = self._fixed(choice) if choice.segment.pieces > 1 else self._workspace
        return beside + self._vae() + chunk

    def _spared(self, chunk_bytes: int, choice: PlanChoice) -> int:
        if self._on_processor or self._workload.tile(choice.tile_latents) != self._workload.latents:
            return chunk_bytes
        return int(chunk_bytes * (1 + WHOLE_PICTURE_SPARE))

    def _vae(self) -> int:
        return self._sizes.vae.parameters * FLOAT32_BYTES


def encoder_number_bytes(precision: Precision) -> int:
    """Return the bytes of a number in the text encoder: bfloat16 wherever the transformer is not float32."""
    return FLOAT32_BYTES if precision is Precision.FLOAT32 else NUMBER_BYTES[Precision.BFLOAT16]
