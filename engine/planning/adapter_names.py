"""The adapters' names."""

from enum import StrEnum


class AdapterName(StrEnum):
    """The adapters, each with a cross-attention of its own in every block."""

    EXPRESSION = "expression"
    VOICE = "voice"
    IDENTITY = "identity"
