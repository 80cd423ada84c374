"""The version of the messages between Masque's processes and of the render request.

A server refuses a client of another protocol version with `ErrorCode.VERSION_MISMATCH`.
"""

PROTOCOL_VERSION = 1
REQUEST_SCHEMA = 1
