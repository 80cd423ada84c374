"""What a graphics card that fails under our hands is told as."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.protocol.errors import ErrorCode, UserError
from engine.weights.memory_shortage import is_memory_shortage

_ITS_NAMES = ("cuda", "cublas", "cudnn", "nvidia", "hip")


_SAID_BY_A_LOST_CARD = ("cuda error", "cublas_status", "cudnn_status", "cudnn error", "hip error")
_SAID_BY_A_CARD = ("cuda", "cublas", "cudnn", "hip")
_SAID_WITHOUT_ROOM = ("cublas_status_not_initialized", "unable to find an engine to execute")
"""What libraries of a full card say of the room for their own work: it might mean anything else."""

_SAID_OF_A_MISTAKE = (
    "invalid argument",
    "invalid configuration",
    "invalid_value",
    "bad_param",
    "not_supported",
)
"""What a card says of a call that it did not take: it computes all the same."""

_NO_CODE = ("no kernel image", "invalid device function")
"""What it says where the libraries were built for other cards."""

_LITTLE_BYTES = 10**9


@contextmanager
def card_failures(device: torch.device) -> Iterator[None]:
    """Turn a device's errors into a UserError: OUT_OF_MEMORY where it is full, else RENDERER_UNAVAILABLE.

    An error that does not speak of the card is a fault of ours and goes on as it is.
    """
    try:
        yield
    except (RuntimeError, MemoryError, AssertionError, OSError) as error:
        if is_memory_shortage(error):
            raise _full(device) from error
        if not _is_the_cards(error, device):
            raise
        raise unusable_card(error) from error


def _is_the_cards(error: BaseException, device: torch.device) -> bool:
    said = str(error).lower()
    speaks_of_it = isinstance(error, torch.AcceleratorError) or any(name in said for name in _ITS_NAMES)
    return device.type != "cpu" and speaks_of_it


def is_device_shortage(error: BaseException, device: torch.device) -> bool:
    """Return whether a shortage of memory is the device's own, and not the host's beside a card."""
    if device.type == "cpu":
        return True
    told = [each for each in (error, error.__cause__, error.__context__) if each is not None]
    of_card = any(words in str(each).lower() for each in told for words in _SAID_BY_A_CARD)
    return of_card or any(isinstance(each, torch.OutOfMemoryError) for each in told)


def is_full_card(error: BaseException, device: torch.device) -> bool:
    """Return whether a card's library found no room for its own work, in words that do not say so."""
    if device.type == "cpu" or not any(words in str(error).lower() for words in _SAID_WITHOUT_ROOM):
        return False
    try:
        return torch.cuda.mem_get_info(device)[0] < _LITTLE_BYTES
    except RuntimeError:
        return False


def is_lost_device(error: BaseException) -> bool:
    """Return whether an error means that a card computes no more; its libraries have words of their own."""
    said = str(error).lower()
    if is_another_cards_code(error) or any(words in said for words in _SAID_OF_A_MISTAKE):
        return False
    return isinstance(error, torch.AcceleratorError) or any(words in said for words in _SAID_BY_A_LOST_CARD)


def is_another_cards_code(error: BaseException) -> bool:
    """Return whether an error means that the libraries were built for other cards than this."""
    said = str(error).lower()
    return any(words in said for words in _NO_CODE)


def unusable_card(error: BaseException) -> UserError:
    """Return what to tell of a card that does not answer, or for which the libraries were not built."""
    lines = str(error).strip().splitlines()
    message = "The graphics card does not answer."
    next_step = "Restart the computer or its graphics driver; masque doctor says what is there."
    if is_another_cards_code(error):
        message = f"PyTorch {torch.__version__} was not built for this graphics card."
        next_step = "Install a build of PyTorch for it, or set CUDA_VISIBLE_DEVICES=-1 to use the processor."
    return UserError(
        message,
        next_step=next_step,
        code=ErrorCode.RENDERER_UNAVAILABLE,
        details={"error": lines[0] if lines else ""},
    )


def _full(device: torch.device) -> UserError:
    where = "This computer" if device.type == "cpu" else "The graphics card"
    return UserError(
        f"{where} has no memory free.",
        next_step="Close other programs that use it and try again.",
        code=ErrorCode.OUT_OF_MEMORY,
    )
