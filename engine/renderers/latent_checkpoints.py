"""The latents of the piece in work, kept from step to step: a render that was killed goes on after the last.

Two files of one work directory take turns, so that the one before the last is there whatever happens to the
last. Each is safetensors with a description and a digest; nothing in it is ever run.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import diffusers
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, contiguous_format, float32, int64, uint8

from engine.media.atomic import atomic_path
from engine.planning.shot_pieces import Piece
from engine.protocol.diffusion_settings import Solver
from engine.protocol.errors import UserError
from engine.sampling.denoising import LATENT_CHANNELS, DenoisingState

FORMAT_VERSION = "1"
CHECKPOINT_NAMES = ("checkpoint-a.safetensors", "checkpoint-b.safetensors")
MOST_SHARE = 0.01

_log = logging.getLogger(__name__)
_HEADER_LENGTH_BYTES = 8
_LATENTS = "latents"
_SOLVER = "solver."
_STEP, _DIGEST = "step", "digest"
_UNREADABLE = (OSError, SafetensorError, ValueError, TypeError, KeyError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassIdentity:
    """What the passes of a shot have in common; a checkpoint of other ones is not used, nor one written with
    other versions of the libraries: those would compute the rest to other bits.

    `seed` is all there is of random state: it gives the shot's noise. `rows` and `columns` of the latents.
    """

    seed: int
    solver: Solver
    steps: int
    flow_shift: float
    rows: int
    columns: int


class LatentCheckpoints:
    """Checkpoints in a work directory, of what `owner` (a fingerprint) renders there.

    `warnings` holds a sentence once a checkpoint could not be written: the render goes on without.
    """

    def __init__(self, work: Path, owner: str, passes: PassIdentity) -> None:
        self._paths = tuple(work / name for name in CHECKPOINT_NAMES)
        self._owner = hashlib.sha256(owner.encode("utf-8", "surrogateescape")).hexdigest()
        self._passes = passes
        self._newest: Path | None = None
        self.warnings: list[str] = []

    def keep(self, piece: Piece, state: DenoisingState) -> None:
        """Keep a state in place of the one before the last. A disk that takes no more costs a warning."""
        tensors = {name: _owned(tensor) for name, tensor in _named(state).items()}
        facts = {**self._facts(piece), _STEP: str(state.step)}
        data = save(tensors, metadata={**facts, _DIGEST: _digest(tensors, facts)})
        path = self._older()
        try:
            with atomic_path(path) as temporary:
                temporary.write_bytes(data)
        except (UserError, OSError) as error:
            self._warn(error)
        else:
            self._newest = path

    def latest(self, piece: Piece) -> DenoisingState | None:
        """Return a piece's newest state, on the processor; None where none is whole and of these passes."""
        found = [(path, state) for path in self._paths if (state := self._read(path, piece)) is not None]
        if not found:
            return None
        self._newest, newest = max(found, key=lambda pair: pair[1].step)
        return newest

    def clear(self, piece: Piece | None = None) -> None:
        """Delete what is kept of a piece whose frames are finished, or all there is."""
        for path in self._paths:
            if piece is None or self._is_of(path, piece):
                self._delete(path)

    def _delete(self, path: Path) -> None:
        """A file that will not go is no harm: it is overwritten, or passed over."""
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _log.info("%s could not be deleted: %s", path, error)

    def _older(self) -> Path:
        """Return the file that may be written over: not the newest state's."""
        return next(path for path in self._paths if path != self._newest)

    def _is_of(self, path: Path, piece: Piece) -> bool:
        try:
            found = _description(path.read_bytes())
        except _UNREADABLE:
            return False
        return all(found.get(name) == value for name, value in self._facts(piece).items())

    def _read(self, path: Path, piece: Piece) -> DenoisingState | None:
        """Return the state in a file. The bytes are read, not mapped: a faulty disk would end the process."""
        try:
            return self._state(path.read_bytes(), piece)
        except FileNotFoundError:
            return None
        except _UNREADABLE as error:
            _log.info("The checkpoint %s is passed over: %s", path, error)
            return None

    def _state(self, data: bytes, piece: Piece) -> DenoisingState:
        """Return the state that bytes hold. Raises ValueError and what unreadable bytes lead to."""
        described = _description(data)
        tensors = load(data)
        digest, expected = described.pop(_DIGEST), self._facts(piece)
        if digest != _digest(tensors, described):
            raise ValueError("it is not what was written")
        other = [name for name, value in expected.items() if described.get(name) != value]
        if other:
            raise ValueError(f"it is of another render or piece: {', '.join(other)}")
        state = DenoisingState(
            step=int(described[_STEP]),
            steps=self._passes.steps,
            latents_16FHW=tensors.pop(_LATENTS),
            solver_state={name.removeprefix(_SOLVER): tensor for name, tensor in tensors.items()},
        )
        self._require_whole(state, piece)
        return state

    def _require_whole(self, state: DenoisingState, piece: Piece) -> None:
        shape = (LATENT_CHANNELS, piece.end - piece.start, self._passes.rows, self._passes.columns)
        for name, tensor in _named(state).items():
            if tensor.dtype not in {float32, int64}:
                raise ValueError(f"{name} is {tensor.dtype}")
            if tensor.is_floating_point() and tuple(tensor.shape) != shape:
                raise ValueError(f"{name} is {tuple(tensor.shape)}, not {shape}")
            if not bool(tensor.isfinite().all()):
                raise ValueError(f"{name} holds what is no number")
        if not 1 <= state.step <= state.steps:
            raise ValueError(f"there is no step {state.step} in {state.steps}")

    def _facts(self, piece: Piece) -> dict[str, str]:
        passes = self._passes
        return {
            "format": FORMAT_VERSION,
            "owner": self._owner,
            "piece": f"{piece.start} {piece.end} {piece.known}",
            "steps": str(passes.steps),
            "solver": passes.solver.value,
            "flow_shift": float(passes.flow_shift).hex(),
            "seed": str(passes.seed),
            "grid": f"{passes.rows} {passes.columns}",
            "libraries": f"torch {torch.__version__} diffusers {diffusers.__version__}",
        }

    def _warn(self, error: UserError | OSError) -> None:
        _log.info("A checkpoint could not be written: %s", error)
        if not self.warnings:
            text = "The steps of this take could not be kept; after a fault its piece would begin again."
            self.warnings.append(f"{text} {error}")


class CheckpointPace:
    """Says after which steps a checkpoint is written: after every one, unless writing costs too much time.

    The first one is written after the first step, to measure it. From then on one is due as soon as all of
    them, with the next one at the cost of the last, are at most `MOST_SHARE` of the time since the beginning.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to measure; `clock` gives seconds."""
        self._clock = clock
        self._began = clock()
        self._spent_s = 0.0
        self._last_s: float | None = None

    def is_due(self) -> bool:
        """Return whether a checkpoint is to be written after the step that is done now."""
        if self._last_s is None:
            return True
        whole_s = self._clock() - self._began + self._last_s
        return self._spent_s + self._last_s <= MOST_SHARE * whole_s

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Measure a write, whether it succeeds or not. What the device still computes must be waited for
        before: else it counts as writing.
        """
        began = self._clock()
        try:
            yield
        finally:
            self._last_s = self._clock() - began
            self._spent_s += self._last_s


def _named(state: DenoisingState) -> dict[str, Tensor]:
    solver = {f"{_SOLVER}{name}": tensor for name, tensor in state.solver_state.items()}
    return {_LATENTS: state.latents_16FHW, **solver}


def _owned(tensor: Tensor) -> Tensor:
    """Return a tensor on the processor in one run of memory of its own: files cannot hold anything else."""
    return tensor.detach().cpu().clone(memory_format=contiguous_format)


def _description(data: bytes) -> dict[str, str]:
    """Return what a file says of itself. Raises ValueError, KeyError, TypeError where it says nothing."""
    end = _HEADER_LENGTH_BYTES + int.from_bytes(data[:_HEADER_LENGTH_BYTES], "little")
    described = json.loads(data[_HEADER_LENGTH_BYTES:end])["__metadata__"]
    if not isinstance(described, dict):
        raise TypeError("it has no description")
    return {str(name): str(value) for name, value in described.items()}


def _digest(tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> str:
    """Return a digest of all that a file holds: its facts, and each tensor's name, type, shape and bytes."""
    digest = hashlib.sha256(json.dumps(sorted(facts.items())).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(repr((name, str(tensor.dtype), tuple(tensor.shape))).encode())
        digest.update(tensor.reshape(-1).view(uint8).numpy().data)
    return digest.hexdigest()
