"""Building the render request of a scene: everything the engine needs, checked before it is queued."""

import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path

from desktop.authoring.engine_inputs import character_input, plate_input
from desktop.authoring.scenes import scene_length_frames
from desktop.interchange.file_names import shot_stem
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.render_request import RendererName, RenderRequest
from projects_db.project_store import ProjectStore
from projects_db.records import SceneRecord

DRAFT_LONG_SIDE_PX = 1280
SMALLEST_SIDE_PX = 64
LARGEST_SIDE_PX = 8192
MOST_FRAMES = 200_000
LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """What a person chooses for a render. None: the scene's length, the plate's size, the project's folder.

    `size` is width and height in pixels; `quality` names the renderer.
    """

    quality: str = RendererName.DRAFT.value
    frame_count: int | None = None
    size: tuple[int, int] | None = None
    seed: int = 0
    output_directory: Path | None = None


def build_render_request(
    store: ProjectStore,
    scene: SceneRecord,
    settings: RenderSettings,
    *,
    take_id: str,
    take_number: int,
) -> RenderRequest:
    """Return the frozen request for one take of a scene.

    Raises UserError for a scene without characters, missing media, a length, size or seed out of range.
    """
    if not scene.characters:
        raise UserError(
            f"The scene “{scene.name}” has no characters.",
            next_step="Add one first: masque character add PROJECT SCENE NAME --face 1.",
        )
    project = store.project()
    plate = plate_input(store, scene.plate)
    width, height = _render_size(plate.width, plate.height, settings.size)
    output, stem = _free_output(store, scene, settings, take_number)
    return RenderRequest(
        request_id=uuid.uuid4().hex,
        project_id=project.id,
        project_path=store.path,
        scene_id=scene.id,
        scene_name=scene.name,
        take_id=take_id,
        take_number=take_number,
        renderer=_renderer(settings.quality),
        plate=plate,
        characters=tuple(character_input(store, character) for character in scene.characters),
        frame_rate=project.frame_rate,
        frame_count=_frame_count(settings.frame_count, scene_length_frames(scene, project.frame_rate)),
        width=width,
        height=height,
        seed=_seed(settings.seed),
        output_directory=output,
        file_stem=stem,
    )


def _free_output(
    store: ProjectStore, scene: SceneRecord, settings: RenderSettings, take_number: int
) -> tuple[Path, str]:
    """Return a folder for the take that no other take has, and the stem of its files."""
    parent = (settings.output_directory or store.renders_folder).expanduser().absolute()
    _require_writable(parent)
    taken = {(store.folder / take.directory).resolve() for take in store.takes()}
    wanted = stem = shot_stem(store.project().name, scene.name, take_number)
    number = 2
    while (parent / stem).exists() or (parent / stem).resolve() in taken:
        stem = f"{wanted}-{number}"
        number += 1
    return parent / stem, stem


def _require_writable(folder: Path) -> None:
    present = next(path for path in (folder, *folder.parents) if path.exists())
    if not present.is_dir() or not os.access(present, os.W_OK | os.X_OK):
        raise UserError(
            f"Nothing can be written to {folder}.",
            next_step="Choose another folder with --output, or allow writing there.",
            code=ErrorCode.NOT_WRITABLE,
        )


def parse_size(text: str) -> tuple[int, int]:
    """Return (width, height) written as `1280x720`. Raises UserError when it is not two whole numbers."""
    match = re.fullmatch(r"(\d{1,6})[x×](\d{1,6})", text.strip())
    if match is None:
        raise UserError(f"“{text}” is not a size.", next_step="Write width x height, such as 1280x720.")
    return int(match[1]), int(match[2])


def _renderer(quality: str) -> RendererName:
    try:
        renderer = RendererName(quality)
    except ValueError:
        names = ", ".join(name.value for name in RendererName)
        raise UserError(f"There is no quality “{quality}”.", next_step=f"Choose one of {names}.") from None
    if renderer is not RendererName.DRAFT:
        raise UserError(
            f"This Masque cannot render “{quality}” yet.",
            next_step="Render with --quality draft.",
            code=ErrorCode.RENDERER_UNAVAILABLE,
        )
    return renderer


def _frame_count(asked: int | None, scene_length: int) -> int:
    count = scene_length if asked is None else asked
    if not 1 <= count <= MOST_FRAMES:
        raise UserError(
            f"A render of {count} frames cannot be made.", next_step=f"Choose from 1 to {MOST_FRAMES} frames."
        )
    return count


def _render_size(plate_width: int, plate_height: int, asked: tuple[int, int] | None) -> tuple[int, int]:
    if asked is None:
        scale = min(1.0, DRAFT_LONG_SIDE_PX / max(plate_width, plate_height))
        return max(2, 2 * round(plate_width * scale / 2)), max(2, 2 * round(plate_height * scale / 2))
    if any(side % 2 or not SMALLEST_SIDE_PX <= side <= LARGEST_SIDE_PX for side in asked):
        raise UserError(
            f"{asked[0]}x{asked[1]} is not a size that can be rendered.",
            next_step=f"Choose even numbers from {SMALLEST_SIDE_PX} to {LARGEST_SIDE_PX}, such as 1280x720.",
        )
    return asked


def _seed(seed: int) -> int:
    if not 0 <= seed <= LARGEST_SEED:
        raise UserError(
            f"The seed {seed} is out of range.",
            next_step=f"Choose a whole number from 0 to {LARGEST_SEED}.",
            code=ErrorCode.BAD_INPUT,
        )
    return seed
