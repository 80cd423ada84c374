"""Bytes of what one step of the transformer computes, beside weights and bank: `block_forward`'s tensors.

Shapes: N tokens, n those of a piece, C the transformer's width, M its feed-forward width, H heads of width W;
G latent frames with windows of L tokens whose rows are computed at once. What is computed is in the number
format of the arithmetic, tokens [N, C] between layers in theirs; norms, modulation and rotation are float32.
"""

from dataclasses import dataclass

from engine.planning.flop import PATCH_LATENTS
from engine.planning.number_formats import FLOAT32_BYTES, NUMBER_BYTES
from engine.planning.shot_cutting import AdapterLoad, SegmentLoad
from engine.planning.transformer_weights import adapter_pair_bytes
from engine.planning.workload import Workload
from engine.protocol.diffusion_settings import Precision, Solver

MOST_ROWS = 8192
"""Rows of an adapter's attention, of several latent frames, that are computed at once: more is no faster and
takes more memory."""

_SMALL_TENSORS = 1.01
"""Sums of norms, windows' places and the like: measured, a part in a hundred of the rest at most."""

_ATTENTION_TILE = 256, 512
"""Queries and keys that a thread of the processor looks at together."""

_MODULATION_VECTORS = 30
_ROW_BYTES = 3 * 8 + FLOAT32_BYTES
"""Of a token's place among the rows of an adapter: three whole numbers and a weight."""

_SHOT_TENSORS = 4
"""Noise, sample, velocity and prediction of a step."""

_REMEMBERED_TENSORS = {Solver.EULER: 0, Solver.UNIPC: 3}
"""What a solver remembers of the steps before: on the host, beside a card too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFormat:
    """How a step computes. `threads`: the processor's, whose kernels need room that a card's do not; 0 on
    a card.
    """

    precision: Precision
    token_precision: Precision
    piece_tokens: int
    threads: int


class StepMemory:
    """The tensors of one step of a segment's longest pass."""

    def __init__(self, workload: Workload, segment: SegmentLoad, how: StepFormat) -> None:
        self._segment = segment
        self._size = workload.sizes.transformer
        self._how = how
        self._solver = workload.solver
        self._frame_tokens = workload.frame_tokens
        self._tokens = workload.tokens(segment)
        self._piece = min(how.piece_tokens, self._tokens)
        self._last_piece = (self._tokens - 1) % self._piece + 1
        self._number = NUMBER_BYTES[how.precision]

    def most_bytes(self) -> int:
        """Return the most that tensors take at once: the shot's, and those of a step."""
        return self.shot_bytes() + self.velocity_bytes()

    def shot_bytes(self) -> int:
        """Return what is there between two steps: noise, samples and predictions of a piece, its plate."""
        latents = self._segment.piece_latents * self._frame_tokens * self._latents_of_token(FLOAT32_BYTES)
        plate = latents * (self._size.channels_in - self._size.channels_out) // self._size.channels_out
        blended = 2 if self._segment.windows > 1 else 0
        remembered = _REMEMBERED_TENSORS[self._solver] if self._on_processor else 0
        return (_SHOT_TENSORS + remembered + blended) * latents + plate

    def velocity_bytes(self) -> int:
        """Return the most that computing all branches' velocities takes: the greatest of the stages."""
        stages = (
            self._timestep(),
            self._embedding(),
            self._self_attention_parts(),
            self._self_attention(),
            self._cross_attention_parts(),
            *(self._adapter_attention(load) for load in self._segment.adapters),
            self._feed_forward(),
            self._velocities(),
        )
        return int((self._throughout() + max(stages)) * _SMALL_TENSORS)

    def _throughout(self) -> int:
        """The input [4 in, N] in float32, cosines and sines [N, W/2], modulation, each adapter's rows."""
        given = self._tokens * self._latents_of_token(FLOAT32_BYTES) * self._size.channels_in
        rotary = self._tokens * (self._size.width // self._size.heads) * FLOAT32_BYTES
        modulation = _MODULATION_VECTORS * self._size.width * FLOAT32_BYTES
        groups = len(self._segment.adapters) * self._tokens * _ROW_BYTES
        return given // self._size.channels_out + rotary + modulation + groups + self._tiles_of_attention()

    def _tiles_of_attention(self) -> int:
        """Scores and results of the tile that each of the processor's threads computes."""
        rows, keys = _ATTENTION_TILE
        head = self._size.width // self._size.heads
        return self._how.threads * rows * (keys + head + 2) * FLOAT32_BYTES

    def _hidden(self) -> int:
        """The tokens [N, C] of all branches between two blocks."""
        return self._segment.branches * self._all(NUMBER_BYTES[self._how.token_precision])

    def _timestep(self) -> int:
        """Tokens [N, C] of one branch; a part [C, C] of the weights that modulate, in float32 meanwhile."""
        casts = self._number != FLOAT32_BYTES
        return (
            self._all(NUMBER_BYTES[self._how.token_precision]) + casts * self._size.width**2 * FLOAT32_BYTES
        )

    def _embedding(self) -> int:
        """Patches [N, C] as computed, as tokens are kept, and those side by side; the input as computed."""
        token = NUMBER_BYTES[self._how.token_precision]
        patches = self._all(self._number) + self._all(token)
        if self._number != token:
            patches += self._all(token)
        given = self._tokens * self._latents_of_token(self._number) * self._size.channels_in
        return patches + given // self._size.channels_out

    def _self_attention_parts(self) -> int:
        """Queries, keys and values [N, C]; of a piece: its norm, a query, and that one turned in float32."""
        turning = 2 * self._of_piece(self._number) + 2 * self._of_piece(FLOAT32_BYTES)
        if self._casts:
            turning += self._of_piece(FLOAT32_BYTES)
        return self._hidden() + 3 * self._all(self._number) + turning

    def _self_attention(self) -> int:
        """Queries, keys, values and what is found, each [N, C]; a sum for each token and head."""
        sums = self._tokens * self._size.heads * FLOAT32_BYTES
        return self._hidden() + 4 * self._all(self._number) + sums + self._left_over(1)

    def _cross_attention_parts(self) -> int:
        """Queries and what is found [N, C]; of a piece: its norm, what text and image say, and their sum."""
        return self._hidden() + 2 * self._all(self._number) + 4 * self._of_piece(self._number)

    def _adapter_attention(self, load: AdapterLoad) -> int:
        """Queries and what is found [N, C]; keys and values of windows [G, L, C]; what is added."""
        number, windows = self._number, self._windows(load)
        rows, own = self._rows_at_once(load.shared_of_frame), self._rows_at_once(load.own_of_frame)
        added = rows * (number + FLOAT32_BYTES)
        if not load.is_whole:  # gathered and written back: their queries, what was there, and the sum
            rows = max(rows, own)
            added = rows * (3 * number + 2 * FLOAT32_BYTES) + 2 * own * number
        if self._casts:
            added += rows * FLOAT32_BYTES * (2 if load.is_whole else 1)
        there = self._hidden() + 2 * self._all(number) + self._left_over(2) + self._made(load)
        return there + max(3 * windows + self._group_before(load), 2 * windows + added)

    def _feed_forward(self) -> int:
        """Of a piece: its norm in both formats, and the hidden layer [n, M] before and after its bend."""
        hidden = self._piece * self._size.feed_forward * self._number
        norm = self._of_piece(FLOAT32_BYTES)
        if self._number < FLOAT32_BYTES:
            norm += self._of_piece(self._number)
        return self._hidden() + 2 * hidden + norm

    def _velocities(self) -> int:
        """The branches' velocities, and one of them as it is put together."""
        one = self._tokens * self._latents_of_token(FLOAT32_BYTES)
        return self._hidden() + (self._segment.branches + 2) * one

    @property
    def _casts(self) -> bool:
        """Whether sums of two number formats make room for a cast: only the processor's do."""
        return self._on_processor and self._number < FLOAT32_BYTES

    @property
    def _on_processor(self) -> bool:
        return self._how.threads > 0

    def _rows_at_once(self, of_frame: float) -> int:
        """Return numbers of the rows that are computed at once, where so much of each frame is."""
        rows = self._frame_tokens * of_frame
        frames = max(1, int(MOST_ROWS // max(rows, 1.0)))
        return int(min(frames, self._segment.latent_frames) * rows) * self._size.width

    def _group_before(self, load: AdapterLoad) -> int:
        """What the rows computed before leave behind: keys and values of their windows, queries, results."""
        if load.characters > 1:
            own = self._rows_at_once(load.own_of_frame)
            return 2 * self._windows(load) // load.characters + 2 * own * self._number
        rows = self._rows_at_once(load.shared_of_frame)
        if (
            rows
            >= self._segment.latent_frames * int(self._frame_tokens * load.shared_of_frame) * self._size.width
        ):
            return 0
        return 2 * self._windows(load) + 2 * rows * self._number

    def _windows(self, load: AdapterLoad) -> int:
        """Keys, or values, of the windows that are looked at together: of several characters, all frames'."""
        frames = self._segment.latent_frames
        if load.is_whole:
            frames = min(frames, max(1, MOST_ROWS // self._frame_tokens))
        return frames * load.characters * load.window * self._size.width * self._number

    def _made(self, load: AdapterLoad) -> int:
        """Keys and values [K, C] that are not kept: those of all characters, one of them twice."""
        if load.kept:
            return 0
        pair = 2 * load.tokens * self._size.width * self._number
        return (load.characters + 1) * pair + adapter_pair_bytes(self._size.width, load, self._how.precision)

    def _all(self, number: int) -> int:
        return self._tokens * self._size.width * number

    def _of_piece(self, number: int) -> int:
        return self._piece * self._size.width * number

    def _left_over(self, tensors: int) -> int:
        """What the last piece leaves behind until the next layer."""
        return tensors * self._last_piece * self._size.width * self._number

    def _latents_of_token(self, number: int) -> int:
        return PATCH_LATENTS * self._size.channels_out * number
