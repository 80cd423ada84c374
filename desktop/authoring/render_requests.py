"""Building the render request of a scene: everything the engine needs, checked before it is queued."""

import os
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from desktop.authoring.diffusion_settings import (
    DiffusionChoice,
    DiffusionPlan,
    diffusion_size,
    plan_diffusion,
)
from desktop.authoring.engine_inputs import character_input, plate_input
from desktop.authoring.scenes import scene_length_frames
from desktop.interchange.file_names import shot_stem
from engine.bundles.registry import installed_bundles
from engine.client import engine_directories
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.render_request import RendererName, RenderRequest
from projects_db.project_store import ProjectStore
from projects_db.records import SceneRecord

DRAFT_LONG_SIDE_PX = 1280
SMALLEST_SIDE_PX = 64
LARGEST_SIDE_PX = 8192
MOST_FRAMES = 200_000
LARGEST_SEED = 2**31 - 1
MOST_TAKES = 100
OFFERED_LONG_SIDES_PX = {
    RendererName.DRAFT: (1280, 1920, 960, 640),
    RendererName.DIFFUSION: (1280, 960, 640, 512),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """What a person chooses for a render. None: the scene's length, the plate's size, the project's folder.

    `size` is width and height in pixels; `quality` names the renderer, `diffusion` is for that one alone.
    """

    quality: str = RendererName.DRAFT.value
    frame_count: int | None = None
    size: tuple[int, int] | None = None
    seed: int = 0
    output_directory: Path | None = None
    diffusion: DiffusionChoice = field(default_factory=DiffusionChoice)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltRequest:
    """A request, and sentences a person should read before the render."""

    request: RenderRequest
    notes: tuple[str, ...] = ()


def settings_of_takes(settings: RenderSettings, count: int) -> tuple[RenderSettings, ...]:
    """Return the settings of several takes: the same, with one seed after the other.

    Raises UserError for a number of takes, or a last seed, out of range.
    """
    if not 1 <= count <= MOST_TAKES:
        raise UserError(
            f"{count} takes of a scene cannot be queued at once.",
            next_step=f"Choose from 1 to {MOST_TAKES} takes.",
        )
    return tuple(replace(settings, seed=_seed(seed)) for seed in range(settings.seed, settings.seed + count))


def check_scenes(store: ProjectStore, scene_ids: Sequence[str], settings: RenderSettings) -> tuple[str, ...]:
    """Return what a person should know before these scenes are queued, in sentences.

    Raises UserError for the first scene that cannot be rendered. Nothing is queued or written.
    """
    notes: dict[str, None] = {}
    for scene_id in scene_ids:
        built = build_render_request(store, store.scene(scene_id), settings, take_id="check", take_number=1)
        notes.update(dict.fromkeys(built.notes))
    return tuple(notes)


def build_render_request(
    store: ProjectStore, scene: SceneRecord, settings: RenderSettings, *, take_id: str, take_number: int
) -> BuiltRequest:
    """Return the frozen request for one take of a scene.

    Raises UserError for a scene without characters, missing media, settings out of range, and a scene that
    no installed model bundle can render in diffusion quality.
    """
    _require_characters(scene)
    project = store.project()
    renderer = _renderer(settings.quality)
    diffusion = _diffusion(scene, renderer, settings.diffusion)
    plate = plate_input(store, scene.plate)
    width, height = _render_size(renderer, (plate.width, plate.height), settings.size)
    output, stem = _free_output(store, scene, settings, take_number)
    request = RenderRequest(
        request_id=uuid.uuid4().hex,
        project_id=project.id,
        project_path=store.path,
        scene_id=scene.id,
        scene_name=scene.name,
        take_id=take_id,
        take_number=take_number,
        renderer=renderer,
        plate=plate,
        characters=tuple(character_input(store, character) for character in scene.characters),
        frame_rate=project.frame_rate,
        frame_count=_frame_count(settings.frame_count, scene_length_frames(scene, project.frame_rate)),
        width=width,
        height=height,
        seed=_seed(settings.seed),
        output_directory=output,
        file_stem=stem,
        prompt=scene.prompt,
        negative_prompt=scene.negative_prompt,
        diffusion=None if diffusion is None else diffusion.settings,
    )
    return BuiltRequest(request=request, notes=() if diffusion is None else diffusion.notes)


def _require_characters(scene: SceneRecord) -> None:
    if not scene.characters:
        raise UserError(
            f"The scene “{scene.name}” has no characters.",
            next_step="Add one first: masque character add PROJECT SCENE NAME --face 1.",
        )


def _diffusion(scene: SceneRecord, renderer: RendererName, choice: DiffusionChoice) -> DiffusionPlan | None:
    if renderer is RendererName.DIFFUSION:
        return plan_diffusion(scene, choice, installed_bundles(engine_directories()[0]))
    given = choice.options_given()
    if given:
        are, them = ("are", "them") if len(given) > 1 else ("is", "it")
        raise UserError(
            f"{', '.join(given)} {are} for diffusion quality, and this is a {renderer.value}.",
            next_step=f"Add --quality diffusion, or leave {them} out.",
        )
    return None


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
        return RendererName(quality)
    except ValueError:
        names = ", ".join(name.value for name in RendererName)
        raise UserError(f"There is no quality “{quality}”.", next_step=f"Choose one of {names}.") from None


def _frame_count(asked: int | None, scene_length: int) -> int:
    count = scene_length if asked is None else asked
    if not 1 <= count <= MOST_FRAMES:
        raise UserError(
            f"A render of {count} frames cannot be made.", next_step=f"Choose from 1 to {MOST_FRAMES} frames."
        )
    return count


def usual_size(renderer: RendererName, plate_width: int, plate_height: int) -> tuple[int, int]:
    """Return the size in pixels of a render when nobody chooses one: the plate's shape, never above it."""
    if renderer is RendererName.DIFFUSION:
        return diffusion_size(plate_width, plate_height)
    scale = min(1.0, DRAFT_LONG_SIDE_PX / max(plate_width, plate_height))
    return max(2, 2 * round(plate_width * scale / 2)), max(2, 2 * round(plate_height * scale / 2))


def offered_sizes(renderer: RendererName, plate_width: int, plate_height: int) -> tuple[tuple[int, int], ...]:
    """Return sizes in pixels to choose from besides the usual one: the plate's shape, with even sides."""
    return tuple(plate_shaped(side, plate_width, plate_height) for side in OFFERED_LONG_SIDES_PX[renderer])


def plate_shaped(long_side: int, plate_width: int, plate_height: int) -> tuple[int, int]:
    """Return the size in pixels of the plate's shape with this long side: even, and none too short."""
    share = long_side / max(plate_width, plate_height)
    return (
        max(SMALLEST_SIDE_PX, 2 * round(plate_width * share / 2)),
        max(SMALLEST_SIDE_PX, 2 * round(plate_height * share / 2)),
    )


def _render_size(
    renderer: RendererName, plate: tuple[int, int], asked: tuple[int, int] | None
) -> tuple[int, int]:
    if asked is None:
        return usual_size(renderer, *plate)
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
