"""The VAE's layers as they run on one chunk of time, each with what goes into it.

Wan2.1's VAE (diffusers' `AutoencoderKLWan`): residual blocks of two causal convolutions, each of which keeps
the last two frames it saw; the pictures' side is halved three times and the frames twice. A chunk is one
latent frame or four video frames, at its greatest behind the first two chunks.

Shapes: c channels, t frames, h rows, w columns of a layer's tensor, here as its count of numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.planning.latent_grid import FRAMES_PER_LATENT, LATENT_PIXELS
from engine.planning.network_sizes import VaeSize

CACHED_FRAMES = 2
PIXEL_CHANNELS = 3
_LEVELS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Frames, rows and columns of a layer's tensor."""

    frames: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What goes into a layer, [c, t, h, w], and how many channels come out of it."""

    channels: int
    channels_out: int
    extent: Extent

    @property
    def frames(self) -> int:
        """Its frames."""
        return self.extent.frames

    @property
    def rows(self) -> int:
        """Its rows."""
        return self.extent.rows

    @property
    def columns(self) -> int:
        """Its columns."""
        return self.extent.columns

    @property
    def points(self) -> int:
        """How many numbers a channel has."""
        return self.frames * self.rows * self.columns

    @property
    def numbers(self) -> int:
        """How many numbers go in."""
        return self.channels * self.points

    @property
    def numbers_out(self) -> int:
        """How many come out, without a change of size."""
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
        """Its operations: two for each multiply-add."""
        return 2 * 27 * self.channels * self.channels_out * self.points


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution(Layer):
    """The first or the last convolution of the network; the last one behind a norm."""

    is_normed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual(Layer):
    """Two convolutions with norms, and the input added; `outer` is what the network still holds meanwhile."""

    outer: int = 0

    @property
    def second(self) -> "Layer":
        """Its second convolution."""
        return replace(self, channels=self.channels_out)

    @property
    def flop(self) -> int:
        """Its operations: two for each multiply-add."""
        shortcut = 0 if self.channels == self.channels_out else 2 * self.channels * self.channels_out
        inner = 2 * 27 * self.channels_out * (self.channels + self.channels_out)
        return (inner + shortcut) * self.points


@dataclass(frozen=True, slots=True, kw_only=True)
class Enlarging(Layer):
    """Twice the rows and columns with half the channels, and twice the frames where `in_time`."""

    in_time: bool
    outer: int = 0

    @property
    def flop(self) -> int:
        """Its operations: two for each multiply-add."""
        times = 2 if self.in_time else 1
        in_time = 2 * 3 * 2 * self.channels**2 * self.points if self.in_time else 0
        return in_time + 2 * 9 * self.channels * self.channels_out * 4 * times * self.points


@dataclass(frozen=True, slots=True, kw_only=True)
class Reducing(Layer):
    """Half the rows and columns, and half the frames where `in_time`."""

    in_time: bool

    @property
    def flop(self) -> int:
        """Its operations: two for each multiply-add."""
        in_time = 2 * 3 * self.channels**2 * self.points // 8 if self.in_time else 0
        return in_time + 2 * 9 * self.channels**2 * self.points // 4


def decoder_inner(vae: VaeSize, rows: int, columns: int) -> Iterator[Layer]:
    """Yield the decoder's layers at the latents' size, which look at the whole picture."""
    channels, extent = 4 * vae.channels, Extent(frames=1, rows=rows, columns=columns)
    yield Convolution(channels=vae.latent_channels, channels_out=channels, extent=extent)
    for _ in range(2):
        yield Residual(channels=channels, channels_out=channels, extent=extent)


def decoder_outer(vae: VaeSize, rows: int, columns: int) -> Iterator[Layer]:
    """Yield the layers behind them with a steady chunk's tensors: 1, 2, 4, 4 frames of growing pictures.

    While a level is computed the network holds the level's input as well.
    """
    width, extent = 4 * vae.channels, Extent(frames=1, rows=rows, columns=columns)
    for level, factor in enumerate((4, 4, 2, 1)):
        out, outer = factor * vae.channels, 0
        for number in range(vae.residual_blocks + 1):
            layer = Residual(channels=width, channels_out=out, outer=outer, extent=extent)
            yield layer
            outer, width = (layer.numbers if number == 0 else outer), out
        if level < _LEVELS:
            in_time = level < 2
            yield Enlarging(channels=out, channels_out=out // 2, in_time=in_time, outer=outer, extent=extent)
            frames = extent.frames * (2 if in_time else 1)
            extent = Extent(frames=frames, rows=2 * extent.rows, columns=2 * extent.columns)
            width = out // 2
    yield Convolution(channels=vae.channels, channels_out=PIXEL_CHANNELS, is_normed=True, extent=extent)


def encoder_outer(vae: VaeSize, rows: int, columns: int) -> Iterator[Layer]:
    """Yield the encoder's layers with a steady chunk's tensors: 4, 4, 2, 1 frames of shrinking pictures."""
    extent = Extent(frames=FRAMES_PER_LATENT, rows=LATENT_PIXELS * rows, columns=LATENT_PIXELS * columns)
    yield Convolution(channels=PIXEL_CHANNELS, channels_out=vae.channels, extent=extent)
    width = vae.channels
    for level, factor in enumerate((1, 2, 4, 4)):
        out = factor * vae.channels
        for _ in range(vae.residual_blocks):
            yield Residual(channels=width, channels_out=out, extent=extent)
            width = out
        if level < _LEVELS:
            in_time = level > 0
            yield Reducing(channels=out, channels_out=out, in_time=in_time, extent=extent)
            frames = extent.frames // (2 if in_time else 1)
            extent = Extent(frames=frames, rows=extent.rows // 2, columns=extent.columns // 2)


def encoder_inner(vae: VaeSize, rows: int, columns: int) -> Iterator[Layer]:
    """Yield the layers behind them, at the latents' size."""
    channels, extent = 4 * vae.channels, Extent(frames=1, rows=rows, columns=columns)
    for _ in range(2):
        yield Residual(channels=channels, channels_out=channels, extent=extent)
    yield Convolution(channels=channels, channels_out=2 * vae.latent_channels, is_normed=True, extent=extent)
