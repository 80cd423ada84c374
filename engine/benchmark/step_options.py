"""What a step benchmark measures: the size of the random model, the shot, the guidance. Knows no torch."""

from dataclasses import dataclass

from engine.protocol.diffusion_settings import Precision
from engine.protocol.errors import UserError

DEFAULT_WIDTH, DEFAULT_BLOCKS, DEFAULT_TOKENS = 512, 8, 4000
HEAD_WIDTHS = (128, 64)
LATENT_FRAMES_AT_MOST = 21
_LIKED_ASPECT = 16 / 9
_WIDEST_ASPECT = 3
_COST_OF_A_FRAME = 0.001
_FULL_SIZE_HELP = "Leave out --full-size, or the options for the model's size."


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedStep:
    """The options as they were given; None: the default."""

    width: int | None = None
    blocks: int | None = None
    tokens: int | None = None
    heads: int | None = None
    text_guidance: float = 5.0
    adapter_guidance: float = 5.0
    characters: int = 2
    voice: bool = True
    precision: str = Precision.AUTO.value
    repeats: int = 3
    full_size: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOptions:
    """A step benchmark that can be run.

    `text_width`, `image_width` and `adapter_width` are those of the encoders' and adapters' tokens;
    `latent_frames` x `rows` x `columns` tokens go through the transformer.
    """

    width: int
    blocks: int
    heads: int
    feed_forward: int
    text_width: int
    image_width: int
    adapter_width: int
    latent_frames: int
    rows: int
    columns: int
    text_guidance: float
    adapter_guidance: float
    characters: int
    voice: bool
    precision: Precision
    repeats: int
    full_size: bool

    @property
    def tokens(self) -> int:
        """How many tokens go through the transformer."""
        return self.latent_frames * self.rows * self.columns


def step_options(asked: AskedStep) -> StepOptions:
    """Return what to measure. Raises UserError for a value that is out of bounds.

    At full size the model is as published (14 B parameters, 81 frames of 832x480). Smaller ones keep its
    proportions between the widths of the transformer, the encoders and the adapters; their feed-forward is
    4 times as wide as the model.
    """
    width, blocks, heads, tokens = _sizes(asked)
    frames, rows, columns = token_grid(tokens)
    _check("--repeats", asked.repeats, 1, 100)
    _check("--text-guidance", asked.text_guidance, 1, 20)
    _check("--adapter-guidance", asked.adapter_guidance, 1.01, 20)
    _check("--characters", asked.characters, 1, 8)
    if asked.characters > columns:
        raise UserError(
            f"{tokens} tokens are {columns} across, too few for {asked.characters} characters.",
            next_step="Choose more --tokens or fewer --characters.",
        )
    return StepOptions(
        width=width,
        blocks=blocks,
        heads=heads,
        feed_forward=13_824 if asked.full_size else 4 * width,
        text_width=width * 4 // 5,
        image_width=width // 4,
        adapter_width=width * 2 // 5,
        latent_frames=frames,
        rows=rows,
        columns=columns,
        text_guidance=asked.text_guidance,
        adapter_guidance=asked.adapter_guidance,
        characters=asked.characters,
        voice=asked.voice,
        precision=_precision(asked.precision),
        repeats=asked.repeats,
        full_size=asked.full_size,
    )


def token_grid(tokens: int) -> tuple[int, int, int]:
    """Return latent frames, rows and columns whose product is `tokens`, or not far from it.

    A frame less than the published shot's weighs as much as a miss of one in a thousand; among the equally
    good the picture most like a cinema's.
    """
    found: list[tuple[float, float, tuple[int, int, int]]] = []
    for frames in range(1, LATENT_FRAMES_AT_MOST + 1):
        for rows in range(1, int((tokens / frames) ** 0.5) + 1):
            columns = round(tokens / (frames * rows))
            if rows <= columns <= _WIDEST_ASPECT * rows:
                miss = abs(frames * rows * columns - tokens) / tokens
                cost = miss + _COST_OF_A_FRAME * (LATENT_FRAMES_AT_MOST - frames)
                found.append((cost, abs(columns / rows - _LIKED_ASPECT), (frames, rows, columns)))
    return min(found)[-1]


def _sizes(asked: AskedStep) -> tuple[int, int, int, int]:
    """Return width, blocks, heads and tokens."""
    if asked.full_size:
        if any(size is not None for size in (asked.width, asked.blocks, asked.heads, asked.tokens)):
            raise UserError(
                "The full size has its own width, blocks, heads and tokens.", next_step=_FULL_SIZE_HELP
            )
        return 5120, 40, 40, 32_760
    width = DEFAULT_WIDTH if asked.width is None else asked.width
    blocks = DEFAULT_BLOCKS if asked.blocks is None else asked.blocks
    tokens = DEFAULT_TOKENS if asked.tokens is None else asked.tokens
    _check("--width-model", width, 64, 8192)
    _check("--blocks", blocks, 1, 64)
    _check("--tokens", tokens, 64, 200_000)
    return width, blocks, _heads(width, asked.heads), tokens


def _heads(width: int, asked: int | None) -> int:
    """Return how many heads the width is cut into; the published model's are 128 wide."""
    possible = [width // head_width for head_width in HEAD_WIDTHS if width % head_width == 0]
    if not possible:
        raise UserError(
            f"A model {width} wide cannot be cut into heads of 64.",
            next_step="Choose a multiple of 64 for --width-model.",
        )
    if asked is not None and asked not in possible:
        raise UserError(
            f"{asked} heads do not fit a model {width} wide: a head is 64 or 128 wide.",
            next_step=f"Choose {' or '.join(map(str, possible))} for --heads.",
        )
    return possible[0] if asked is None else asked


def _precision(asked: str) -> Precision:
    try:
        return Precision(asked)
    except ValueError as error:
        raise UserError(
            f"{asked} is no precision.",
            next_step=f"Choose {', '.join(Precision)} for --precision.",
        ) from error


def _check(option: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:  # not a number is no bound's equal either
        raise UserError(
            f"{option} cannot be {value:g}.", next_step=f"Choose {least:g} to {most:g} for {option}."
        )
