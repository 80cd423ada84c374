"""What a render request must hold: a bad one is refused at once, not at three in the morning."""

from pathlib import PurePath

from engine.jobs.character_check import check_character, refused
from engine.protocol.diffusion_limits import check_diffusion
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.render_request import RendererName, RenderRequest
from engine.protocol.version import REQUEST_SCHEMA

MAX_FRAMES = 1_000_000
MAX_SIDE = 16_384
MAX_NAME = 128
MAX_STEM = 255  # letters; the files' names are cut to what a disk takes
PRIORITY_LIMIT = 1_000_000
_FORBIDDEN = frozenset('/\\:*?"<>|')


def check_request(request: RenderRequest) -> None:
    """Raise UserError with the first thing that is wrong with the request."""
    if request.schema != REQUEST_SCHEMA:
        raise UserError(
            f"The render request has schema {request.schema}, this engine renders schema {REQUEST_SCHEMA}.",
            next_step="Use the same version of Masque for the window and the engine.",
            code=ErrorCode.VERSION_MISMATCH,
        )
    _check_identity(request)
    _check_size(request)
    _check_place(request)
    _check_diffusion(request)
    for character in request.characters:
        check_character(character)


def _check_identity(request: RenderRequest) -> None:
    for name in ("request_id", "project_id", "scene_id", "take_id"):
        value = getattr(request, name)
        if not value or len(value) > MAX_NAME:
            raise refused(
                f"The render request has no usable {name}", "Build the request again from its scene"
            )
    if not 0 <= request.seed < 2**63:
        raise refused(f"{request.seed} is not a usable seed", "Choose a seed of 0 or more")
    names = [character.name for character in request.characters]
    if len(set(names)) != len(names):
        raise refused("Two characters of the scene have the same name", "Rename one of them")


def _check_size(request: RenderRequest) -> None:
    if not 1 <= request.frame_count <= MAX_FRAMES:
        raise refused(
            f"A render has 1 to {MAX_FRAMES:,} frames, not {request.frame_count:,}", "Choose another length"
        )
    for side in (request.width, request.height):
        if side % 2 or not 2 <= side <= MAX_SIDE:
            raise refused(
                f"A picture of {request.width}x{request.height} cannot be rendered",
                f"Choose even sides from 2 to {MAX_SIDE} pixels",
            )
    if not 0 < request.frame_rate <= 1000:
        raise refused(f"{request.frame_rate} is not a usable frame rate", "Choose one above 0 and up to 1000")
    if not 8_000 <= request.sample_rate <= 192_000:
        raise refused(f"{request.sample_rate} Hz is not a usable sample rate", "Choose 8000 to 192000 Hz")


def _check_diffusion(request: RenderRequest) -> None:
    if request.diffusion is not None:
        check_diffusion(request.diffusion)
    elif request.renderer is RendererName.DIFFUSION:
        raise refused("The render request says nothing of its model bundle", "Build it again from its scene")


def _check_place(request: RenderRequest) -> None:
    if not request.output_directory.is_absolute():
        raise refused(f"The output folder {request.output_directory} is not absolute", "Give its full path")
    stem = request.file_stem
    plain = stem == PurePath(stem).name and not _FORBIDDEN.intersection(stem) and stem.isprintable()
    if not stem or not plain or stem.startswith(".") or len(stem) > MAX_STEM:
        raise refused(f"“{stem[:60]}” cannot be the beginning of a file name", "Rename the scene")
