"""Bytes of what the VAE computes for one chunk of time, float32, by walking through its layers as they run.

Wan2.1's VAE (diffusers' `AutoencoderKLWan`): residual blocks of two causal convolutions, each of which keeps
the last two frames it saw; the pictures' side is halved three times and the frames twice. A chunk is one
latent frame or four video frames, at its greatest behind the first two chunks.

Shapes: c channels, t frames, h rows, w columns of a layer's tensor, here as its count of numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from engine.planning.latent_grid import FRAMES_PER_LATENT, LATENT_PIXELS
from engine.planning.network_sizes import VaeSize
from engine.planning.number_formats import FLOAT32_BYTES

CACHED_FRAMES = 2
UNFOLDED_UP_TO = 20_480
"""The processor unfolds a convolution's input into columns where channels x frames x rows are no more."""

_PIXEL_CHANNELS = 3
_LEVELS = 3


@lru_cache
def decoding_bytes(vae: VaeSize, latent_rows: int, latent_columns: int, *, on_processor: bool) -> int:
    """Return the most bytes of tensors while one latent frame is decoded, without the weights.

    The features that the convolutions remember are among them.
    """
    layers = _decoder_layers(vae, latent_rows, latent_columns)
    most = _ChunkMemory(layers, on_processor=on_processor).most()
    return (most + _given(vae, latent_rows, latent_columns)) * FLOAT32_BYTES


@lru_cache
def encoding_bytes(vae: VaeSize, latent_rows: int, latent_columns: int, *, on_processor: bool) -> int:
    """Return the most bytes of tensors while four video frames are encoded, without the weights."""
    layers = _encoder_layers(vae, latent_rows, latent_columns)
    most = _ChunkMemory(layers, on_processor=on_processor).most()
    return (most + _given(vae, latent_rows, latent_columns)) * FLOAT32_BYTES


@lru_cache
def decoding_flop(vae: VaeSize, latent_rows: int, latent_columns: int) -> int:
    """Return the operations of decoding one latent frame: two for each multiply-add of a convolution."""
    return sum(layer.flop for layer in _decoder_layers(vae, latent_rows, latent_columns))


@lru_cache
def encoding_flop(vae: VaeSize, latent_rows: int, latent_columns: int) -> int:
    """Return the operations of encoding the four video frames of a latent frame."""
    return sum(layer.flop for layer in _encoder_layers(vae, latent_rows, latent_columns))


def _given(vae: VaeSize, latent_rows: int, latent_columns: int) -> int:
    """Return the numbers of a chunk's latents, in every form they take, and of a chunk's pictures: as
    float32, and as bytes of the chunk before.
    """
    area = latent_rows * latent_columns
    pictures = _PIXEL_CHANNELS * FRAMES_PER_LATENT * LATENT_PIXELS**2 * area
    return 6 * vae.latent_channels * area + pictures + pictures // FLOAT32_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extent:
    frames: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """What goes into a layer, [c, t, h, w], and how many channels come out of it."""

    channels: int
    channels_out: int
    extent: _Extent

    @property
    def frames(self) -> int:
        return self.extent.frames

    @property
    def rows(self) -> int:
        return self.extent.rows

    @property
    def columns(self) -> int:
        return self.extent.columns

    @property
    def points(self) -> int:
        return self.frames * self.rows * self.columns

    @property
    def numbers(self) -> int:
        return self.channels * self.points

    @property
    def numbers_out(self) -> int:
        return self.channels_out * self.points

    @property
    def cached(self) -> int:
        """The last frames of the input, as the convolution remembers them."""
        return CACHED_FRAMES * self.channels * self.rows * self.columns

    @property
    def joined(self) -> int:
        """The input behind the frames that were remembered."""
        return self.numbers + self.cached

    @property
    def padded(self) -> int:
        """The same with an edge of zeros."""
        return (self.frames + CACHED_FRAMES) * self.channels * (self.rows + 2) * (self.columns + 2)

    @property
    def flop(self) -> int:
        return 2 * 27 * self.channels * self.channels_out * self.points


@dataclass(frozen=True, slots=True, kw_only=True)
class _Convolution(_Layer):
    """The first or the last convolution of the network; the last one behind a norm."""

    is_normed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Residual(_Layer):
    """Two convolutions with norms, and the input added; `outer` is what the network still holds meanwhile."""

    outer: int = 0

    @property
    def second(self) -> "_Layer":
        return replace(self, channels=self.channels_out)

    @property
    def flop(self) -> int:
        shortcut = 0 if self.channels == self.channels_out else 2 * self.channels * self.channels_out
        inner = 2 * 27 * self.channels_out * (self.channels + self.channels_out)
        return (inner + shortcut) * self.points


@dataclass(frozen=True, slots=True, kw_only=True)
class _Enlarging(_Layer):
    """Twice the rows and columns with half the channels, and twice the frames where `in_time`."""

    in_time: bool
    outer: int = 0

    @property
    def flop(self) -> int:
        times = 2 if self.in_time else 1
        in_time = 2 * 3 * 2 * self.channels**2 * self.points if self.in_time else 0
        return in_time + 2 * 9 * self.channels * self.channels_out * 4 * times * self.points


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reducing(_Layer):
    """Half the rows and columns, and half the frames where `in_time`."""

    in_time: bool

    @property
    def flop(self) -> int:
        in_time = 2 * 3 * self.channels**2 * self.points // 8 if self.in_time else 0
        return in_time + 2 * 9 * self.channels**2 * self.points // 4


class _ChunkMemory:
    """Numbers of tensors that are held, layer by layer; what convolutions remember is there throughout."""

    def __init__(self, layers: Iterator[_Layer], *, on_processor: bool) -> None:
        self._layers = list(layers)
        self._on_processor = on_processor
        self._held = sum(self._remembered(layer) for layer in self._layers)
        self._most = self._held

    def most(self) -> int:
        """Return the most numbers that are held at once."""
        for layer in self._layers:
            outer = layer.outer if isinstance(layer, _Residual | _Enlarging) else 0
            self._take(outer)
            self._run(layer)
            self._give(outer)
        return self._most

    def _remembered(self, layer: _Layer) -> int:
        if isinstance(layer, _Residual):
            return layer.cached + layer.second.cached
        if isinstance(layer, _Enlarging):
            return layer.cached if layer.in_time else 0
        if isinstance(layer, _Reducing):
            return layer.numbers // 4 // layer.frames if layer.in_time else 0
        return layer.cached

    def _run(self, layer: _Layer) -> None:
        self._take(layer.numbers)
        if isinstance(layer, _Residual):
            self._residual(layer)
        elif isinstance(layer, _Enlarging):
            self._enlarging(layer)
        elif isinstance(layer, _Reducing):
            self._reducing(layer)
        else:
            self._convolution_with_norm(layer)
        self._give(layer.numbers)

    def _residual(self, layer: _Residual) -> None:
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

    def _convolution_with_norm(self, layer: _Layer) -> None:
        if isinstance(layer, _Convolution) and layer.is_normed:
            self._normed(layer)
        else:
            self._take(layer.numbers)
        self._convolved(layer)
        self._give(layer.numbers_out)

    def _normed(self, layer: _Layer, *, frees: int = 0) -> None:
        """A norm: divided, scaled, weighted, one after another; then bent. `frees`: what it was made of."""
        self._at_most(3 * layer.numbers + layer.points)
        self._give(frees)
        self._at_most(2 * layer.numbers)
        self._take(layer.numbers)

    def _convolved(self, layer: _Layer) -> None:
        """Joined with what is remembered and padded, then convolved; the input is let go."""
        self._take(layer.cached)  # to be remembered next
        self._at_most(layer.joined + layer.padded)
        self._at_most(layer.padded + layer.numbers_out + self._room(layer))
        self._give(layer.cached + layer.numbers)
        self._take(layer.numbers_out)

    def _room(self, layer: _Layer) -> int:
        """What a convolution takes while it computes: its padded input in another order, or unfolded.

        Measured on the processor, where the weights are put in order too. On a card it is an allowance: which
        way a library takes is its own choice.
        """
        if not self._on_processor:
            return layer.padded
        if layer.channels * (layer.frames + CACHED_FRAMES) * (layer.rows + 2) <= UNFOLDED_UP_TO:
            return 27 * layer.numbers
        return layer.padded + 27 * layer.channels * layer.channels_out

    def _enlarging(self, layer: _Enlarging) -> None:
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

    def _reducing(self, layer: _Reducing) -> None:
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


def _decoder_layers(vae: VaeSize, rows: int, columns: int) -> Iterator[_Layer]:
    """Yield the layers with a steady chunk's tensors: 1, 2, 4, 4 frames of growing pictures.

    While a level is computed the network holds the level's input as well.
    """
    channels = 4 * vae.channels
    extent = _Extent(frames=1, rows=rows, columns=columns)
    yield _Convolution(channels=vae.latent_channels, channels_out=channels, extent=extent)
    for _ in range(2):
        yield _Residual(channels=channels, channels_out=channels, extent=extent)
    width = channels
    for level, factor in enumerate((4, 4, 2, 1)):
        out, outer = factor * vae.channels, 0
        for number in range(vae.residual_blocks + 1):
            layer = _Residual(channels=width, channels_out=out, outer=outer, extent=extent)
            yield layer
            outer, width = (layer.numbers if number == 0 else outer), out
        if level < _LEVELS:
            in_time = level < 2
            yield _Enlarging(channels=out, channels_out=out // 2, in_time=in_time, outer=outer, extent=extent)
            frames = extent.frames * (2 if in_time else 1)
            extent = _Extent(frames=frames, rows=2 * extent.rows, columns=2 * extent.columns)
            width = out // 2
    yield _Convolution(channels=vae.channels, channels_out=_PIXEL_CHANNELS, is_normed=True, extent=extent)


def _encoder_layers(vae: VaeSize, rows: int, columns: int) -> Iterator[_Layer]:
    """Yield the layers with a steady chunk's tensors: 4, 4, 2, 1 frames of shrinking pictures."""
    extent = _Extent(frames=FRAMES_PER_LATENT, rows=LATENT_PIXELS * rows, columns=LATENT_PIXELS * columns)
    yield _Convolution(channels=_PIXEL_CHANNELS, channels_out=vae.channels, extent=extent)
    width = vae.channels
    for level, factor in enumerate((1, 2, 4, 4)):
        out = factor * vae.channels
        for _ in range(vae.residual_blocks):
            yield _Residual(channels=width, channels_out=out, extent=extent)
            width = out
        if level < _LEVELS:
            in_time = level > 0
            yield _Reducing(channels=out, channels_out=out, in_time=in_time, extent=extent)
            frames = extent.frames // (2 if in_time else 1)
            extent = _Extent(frames=frames, rows=extent.rows // 2, columns=extent.columns // 2)
    for _ in range(2):
        yield _Residual(channels=width, channels_out=width, extent=extent)
    yield _Convolution(channels=width, channels_out=2 * vae.latent_channels, is_normed=True, extent=extent)
