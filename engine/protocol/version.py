"""The version of the messages between Masque's processes and of the render request.

A server refuses a client of another protocol version with `ErrorCode.VERSION_MISMATCH`.
"""

from importlib.metadata import PackageNotFoundError, version

PROTOCOL_VERSION = 1
REQUEST_SCHEMA = 1


def masque_version() -> str:
    """Return the version of the installed Masque; "source" when it runs from a source tree."""
    try:
        return version("masque")
    except PackageNotFoundError:
        return "source"
