"""Whether an error of a library means that memory ran out: each library says so in its own way.

Taken for what it looks like, it would be told as a damaged file or as a fault of Masque.
"""

import errno

_WINDOWS_LENDS_NO_MORE = 1455

# torch's allocators on Linux, macOS, Windows and on graphics cards, mapped files, OpenCV.
_SAID = (
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "out of memory",
    "insufficient memory",
    "alloc_failed",
    "paging file is too small",  # Windows, where it speaks English
    "os error 1455",  # the same, as safetensors says it in any language
    "could not create a primitive",  # oneDNN without room for a convolution
    "could not create a memory object",
)


def is_memory_shortage(error: BaseException) -> bool:
    """Return whether memory ran out where an error was raised."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    if getattr(error, "winerror", None) == _WINDOWS_LENDS_NO_MORE:
        return True
    said = str(error).lower()
    return any(words in said for words in _SAID)


def let_memory_shortage_through(error: BaseException) -> None:
    """Raise MemoryError where memory ran out, before the error is taken for a damaged file."""
    if is_memory_shortage(error):
        raise MemoryError(str(error)) from error
