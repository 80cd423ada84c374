"""Bytes of what the VAE takes for one chunk of time, float32: its layers walked through as they run.

A picture that is decoded or encoded in tiles goes through the half of the network at the latents' size as a
whole all the same; what that half remembers lies beside the tiles.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

from engine.planning.latent_grid import FRAMES_PER_LATENT, LATENT_PIXELS
from engine.planning.network_sizes import VaeSize
from engine.planning.number_formats import FLOAT32_BYTES
from engine.planning.vae_layers import (
    CACHED_FRAMES,
    PIXEL_CHANNELS,
    Convolution,
    Enlarging,
    Layer,
    Reducing,
    Residual,
    decoder_inner,
    decoder_outer,
    encoder_inner,
    encoder_outer,
)

UNFOLDED_UP_TO = 20_480
"""The processor unfolds a convolution's input into columns where channels x frames x rows are no more."""

BLEND_BYTES = 3 * 2**29
"""Of features and pictures of tiles that are on the host at a time: enough for 81 frames of 1280 x 720. A
tile is then decoded to its end in one visit."""

_ATTENTION_TENSORS = 9
"""As large as a latent frame's features: its norm, queries, keys and values in both orders, the result."""

Picture = tuple[int, int]
"""Rows and columns in latents."""


@lru_cache
def decoding_bytes(vae: VaeSize, whole: Picture, tile: Picture, *, on_processor: bool) -> int:
    """Return the most bytes of tensors while one latent frame is decoded, without the weights.

    The features that the convolutions remember are among them. `tile`: the whole picture, or part of it.
    """
    inner = ChunkMemory(decoder_inner(vae, *whole), on_processor=on_processor)
    if tile == whole:
        layers = chain(decoder_inner(vae, *whole), decoder_outer(vae, *whole))
        most = ChunkMemory(layers, on_processor=on_processor).most()
    else:
        outer = ChunkMemory(decoder_outer(vae, *tile), on_processor=on_processor)
        most = max(inner.most() + _attention(vae, whole), inner.remembered + outer.most())
    return (most + _given(vae, whole, tile)) * FLOAT32_BYTES


@lru_cache
def encoding_bytes(vae: VaeSize, whole: Picture, tile: Picture, *, on_processor: bool) -> int:
    """Return the most bytes of tensors while four video frames are encoded, without the weights."""
    outer = ChunkMemory(encoder_outer(vae, *tile), on_processor=on_processor)
    if tile == whole:
        layers = chain(encoder_outer(vae, *whole), encoder_inner(vae, *whole))
        most = ChunkMemory(layers, on_processor=on_processor).most()
    else:
        inner = ChunkMemory(encoder_inner(vae, *whole), on_processor=on_processor)
        most = max(outer.most(), outer.remembered + inner.most() + _attention(vae, whole))
    return (most + _given(vae, whole, tile)) * FLOAT32_BYTES


@lru_cache
def decoding_flop(vae: VaeSize, whole: Picture, tile: Picture, tiles: int) -> int:
    """Return the operations of decoding one latent frame in so many tiles."""
    return _flop(decoder_inner(vae, *whole)) + tiles * _flop(decoder_outer(vae, *tile))


@lru_cache
def encoding_flop(vae: VaeSize, whole: Picture, tile: Picture, tiles: int) -> int:
    """Return the operations of encoding the four video frames of a latent frame in so many tiles."""
    return _flop(encoder_inner(vae, *whole)) + tiles * _flop(encoder_outer(vae, *tile))


@lru_cache
def blended_bytes(vae: VaeSize, whole: Picture, tile: Picture, *, tiles: int, latent_frames: int) -> int:
    """Return what tiles take of the host: features and pictures of some latent frames, and, where not all of
    them are there at once, what each tile remembers.
    """
    if tile == whole:
        return 0
    area = whole[0] * whole[1]
    frame = area * (PIXEL_CHANNELS * FRAMES_PER_LATENT * LATENT_PIXELS**2 + 4 * vae.channels) * FLOAT32_BYTES
    at_once = max(BLEND_BYTES // frame, 1)
    waiting = ChunkMemory(decoder_outer(vae, *tile), on_processor=False).remembered * FLOAT32_BYTES
    return min(at_once, latent_frames) * frame + (tiles * waiting if latent_frames > at_once else 0)


def _flop(layers: Iterable[Layer]) -> int:
    return sum(layer.flop for layer in layers)


def _attention(vae: VaeSize, whole: Picture) -> int:
    return _ATTENTION_TENSORS * 4 * vae.channels * whole[0] * whole[1]


def _given(vae: VaeSize, whole: Picture, tile: Picture) -> int:
    """Return the numbers of a chunk's latents, in every form they take, and of a chunk's pictures: as
    float32, and as bytes of the chunk before.
    """
    pictures = PIXEL_CHANNELS * FRAMES_PER_LATENT * LATENT_PIXELS**2 * tile[0] * tile[1]
    return 6 * vae.latent_channels * whole[0] * whole[1] + pictures + pictures // FLOAT32_BYTES


class ChunkMemory:
    """Numbers of tensors that are held, layer by layer; what convolutions remember is there throughout."""

    def __init__(self, layers: Iterable[Layer], *, on_processor: bool) -> None:
        self._layers = list(layers)
        self._on_processor = on_processor
        self.remembered = sum(self._remembered(layer) for layer in self._layers)
        self._held = self._most = self.remembered

    def most(self) -> int:
        """Return the most numbers that are held at once."""
        for layer in self._layers:
            outer = layer.outer if isinstance(layer, Residual | Enlarging) else 0
            self._take(outer)
            self._run(layer)
            self._give(outer)
        return self._most

    def _remembered(self, layer: Layer) -> int:
        if isinstance(layer, Residual):
            return layer.cached + layer.second.cached
        if isinstance(layer, Enlarging):
            return layer.cached if layer.in_time else 0
        if isinstance(layer, Reducing):
            return layer.numbers // 4 // layer.frames if layer.in_time else 0
        return layer.cached

    def _run(self, layer: Layer) -> None:
        self._take(layer.numbers)
        if isinstance(layer, Residual):
            self._residual(layer)
        elif isinstance(layer, Enlarging):
            self._enlarging(layer)
        elif isinstance(layer, Reducing):
            self._reducing(layer)
        else:
            self._convolution_with_norm(layer)
        self._give(layer.numbers)

    def _residual(self, layer: Residual) -> None:
        shortcut = layer.numbers_out if layer.channels != layer.channels_out else 0
        if shortcut:
            self._at_most(layer.numbers + shortcut)
        self._take(shortcut)
        self._normed(layer)
        self._convolved(layer)
        second = layer.second
        self._normed(second, frees=second.numbers)
        self._convolved(second)
        self._at_most(layer.numbers_out)  # the sum
        self._give(layer.numbers_out + shortcut)

    def _convolution_with_norm(self, layer: Layer) -> None:
        if isinstance(layer, Convolution) and layer.is_normed:
            self._normed(layer)
        else:
            self._take(layer.numbers)
        self._convolved(layer)
        self._give(layer.numbers_out)

    def _normed(self, layer: Layer, *, frees: int = 0) -> None:
        """A norm: divided, scaled, weighted, one after another; then bent. `frees`: what it was made of."""
        self._at_most(3 * layer.numbers + layer.points)
        self._give(frees)
        self._at_most(2 * layer.numbers)
        self._take(layer.numbers)

    def _convolved(self, layer: Layer) -> None:
        """Joined with what is remembered and padded, then convolved; the input is let go."""
        self._take(layer.cached)  # to be remembered next
        self._at_most(layer.joined + layer.padded)
        self._at_most(layer.padded + layer.numbers_out + self._room(layer))
        self._give(layer.cached + layer.numbers)
        self._take(layer.numbers_out)

    def _room(self, layer: Layer) -> int:
        """What a convolution takes while it computes: its padded input in another order, or unfolded.

        Measured on the processor, where the weights are put in order too. On a card it is an allowance: which
        way a library takes is its own choice.
        """
        if not self._on_processor:
            return layer.padded
        if layer.channels * (layer.frames + CACHED_FRAMES) * (layer.rows + 2) <= UNFOLDED_UP_TO:
            return 27 * layer.numbers
        return layer.padded + 27 * layer.channels * layer.channels_out

    def _enlarging(self, layer: Enlarging) -> None:
        slow = layer.numbers
        if layer.in_time:
            self._at_most(layer.cached + 2 * layer.joined)
            self._at_most(layer.cached + layer.joined + 2 * layer.numbers)
            self._at_most(4 * layer.numbers)
            slow = 2 * layer.numbers
            self._take(slow)
        self._at_most(2 * 4 * slow + 4 * slow * layer.channels_out // layer.channels)
        if layer.in_time:
            self._give(slow)

    def _reducing(self, layer: Reducing) -> None:
        reduced = layer.numbers // 4
        self._at_most(2 * layer.points // layer.rows * (layer.rows + 1) * layer.channels + reduced)
        if layer.in_time:
            self._at_most(3 * (reduced + reduced // layer.frames) + reduced)

    def _take(self, numbers: int) -> None:
        self._held += numbers
        self._most = max(self._most, self._held)

    def _give(self, numbers: int) -> None:
        self._held -= numbers

    def _at_most(self, numbers: int) -> None:
        """Hold so many numbers more for a moment."""
        self._most = max(self._most, self._held + numbers)
