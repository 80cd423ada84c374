"""The runtime file: where the running engine listens, and the token that opens it. The server writes it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from engine.locations import EngineLocations


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAddress:
    """Where an engine listens on 127.0.0.1. The token is 256 bits, in hexadecimal digits."""

    process_id: int
    port: int
    token: str
    protocol_version: int
    masque_version: str

    @property
    def url(self) -> str:
        """The websocket's address."""
        return f"ws://127.0.0.1:{self.port}/"


def write_address(path: Path, address: EngineAddress) -> None:
    """Write the runtime file whole, readable by this user alone."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(address), file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_address(path: Path) -> EngineAddress | None:
    """Return what the runtime file says; None where there is none or it is not one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=EngineAddress)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def find_address(locations: EngineLocations) -> EngineAddress | None:
    """Return the engine's address, also where it was started from a session with another runtime directory.

    The lock file beside the queue says where the holder's runtime file is.
    """
    address = read_address(locations.runtime_file)
    if address is not None:
        return address
    try:
        elsewhere = locations.lock_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return read_address(Path(elsewhere)) if elsewhere else None
