"""Whether frames that are finished belong to what is rendered now."""

import hashlib
from pathlib import Path

from engine.protocol.codec import encode_request
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.render_request import RenderRequest
from engine.protocol.version import masque_version


def fingerprint(request: RenderRequest) -> str:
    """Return a digest of the request, of the state of its media files, and of the program that renders them.

    Raises UserError(FILE_MISSING) for a file that is not there.
    """
    digest = hashlib.sha256(encode_request(request).encode())
    digest.update(masque_version().encode())
    for path in media_files(request):
        try:
            state = path.stat()
        except OSError as error:
            raise UserError(
                f"The file {path} is missing.",
                next_step="Put it back or relink it in the project, then render again.",
                code=ErrorCode.FILE_MISSING,
                details={"path": str(path)},
            ) from error
        digest.update(f"{path} {state.st_size} {state.st_mtime_ns}".encode())
    return digest.hexdigest()


def media_files(request: RenderRequest) -> tuple[Path, ...]:
    """Return every media file a request names, each once, in order."""
    paths = [request.plate.path]
    for character in request.characters:
        paths += [clip.path for clip in character.driving]
        paths += [voice.path for voice in character.voices]
    return tuple(dict.fromkeys(paths))
