"""Characters: who is in a scene, and where their faces are."""

from engine.draft.face_detection import FaceBox, find_faces
from engine.media.still import read_still
from engine.protocol.errors import ErrorCode, UserError
from projects_db.project_change import ProjectChange
from projects_db.project_store import ProjectStore
from projects_db.records import (
    CharacterRecord,
    FaceRegionRecord,
    RegionBox,
    RegionKeyRecord,
    RegionShape,
    SceneRecord,
)

COLOURS = ("#3fc3ad", "#b48cff", "#f2b84b", "#ff7d9c", "#6fb1ff", "#a5d65a")
DEFAULT_FEATHER = 0.2
SMALLEST_SIDE_PX = 16
LARGEST_SHARE = 2.0  # a region that leaves the plate a little is told so, not taken for pixels
# A detector's box holds brows to chin; a region takes in the forehead and the jaw line as well.
GROWTH_SIDE = 0.08
GROWTH_TOP = 0.14
GROWTH_BOTTOM = 0.14


def faces_on_plate(store: ProjectStore, scene: SceneRecord) -> tuple[FaceBox, ...]:
    """Return the faces found on the plate, left to right. Raises UserError when the plate cannot be read."""
    return find_faces(read_still(store.asset_path(scene.plate)).bgr)


def region_from_face(face: FaceBox) -> FaceRegionRecord:
    """Return an elliptic region around a found face, kept inside the plate."""
    left = max(0.0, face.x - GROWTH_SIDE * face.width)
    top = max(0.0, face.y - GROWTH_TOP * face.height)
    right = min(1.0, face.x + (1 + GROWTH_SIDE) * face.width)
    bottom = min(1.0, face.y + (1 + GROWTH_BOTTOM) * face.height)
    return region_from_box(RegionBox(x=left, y=top, width=right - left, height=bottom - top))


def region_from_box(box: RegionBox, shape: RegionShape = RegionShape.ELLIPSE) -> FaceRegionRecord:
    """Return a region that stays at `box`."""
    return FaceRegionRecord(shape=shape, feather=DEFAULT_FEATHER, keys=(RegionKeyRecord(frame=0, box=box),))


def choose_face(faces: tuple[FaceBox, ...], number: int, plate_name: str) -> FaceBox:
    """Return face `number` counted from 1 at the left. Raises UserError when there is none."""
    if not faces:
        raise UserError(
            f"No face was found on “{plate_name}”.",
            next_step="Say where the face is with --region x,y,width,height, or draw it in the window.",
            code=ErrorCode.NO_FACE,
        )
    if not 1 <= number <= len(faces):
        raise UserError(
            f"There is no face {number}: {len(faces)} found on “{plate_name}”.",
            next_step="List them with “masque faces”, or give --region x,y,width,height.",
            code=ErrorCode.NO_FACE,
        )
    return faces[number - 1]


def parse_region(text: str, scene: SceneRecord) -> RegionBox:
    """Return the box written as `x,y,width,height`: shares of the plate, or pixels when any exceeds 2.

    Raises UserError when it is not four numbers, has no area, or leaves the plate.
    """
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(
            f"“{text}” is not a region.", next_step="Write x,y,width,height, such as 0.40,0.20,0.15,0.30."
        ) from None
    plate_width, plate_height = scene.plate.probe.width or 1, scene.plate.probe.height or 1
    if max(x, y, width, height) > LARGEST_SHARE:
        x, width = x / plate_width, width / plate_width
        y, height = y / plate_height, height / plate_height
    box = RegionBox(x=x, y=y, width=width, height=height)
    require_box_on_plate(box, scene)
    return box


def require_box_on_plate(box: RegionBox, scene: SceneRecord) -> None:
    """Raise UserError unless the box lies on the plate and is large enough to hold a face."""
    plate_width, plate_height = scene.plate.probe.width or 1, scene.plate.probe.height or 1
    inside = box.x >= 0 and box.y >= 0 and box.x + box.width <= 1 + 1e-9 and box.y + box.height <= 1 + 1e-9
    if not inside:
        raise UserError(
            f"The region leaves the plate “{scene.plate.name}” ({plate_width} x {plate_height} pixels).",
            next_step="Give a box inside it: x,y,width,height as shares from 0 to 1 or in pixels.",
        )
    if not (box.width * plate_width >= SMALLEST_SIDE_PX and box.height * plate_height >= SMALLEST_SIDE_PX):
        raise UserError(
            f"The region is smaller than {SMALLEST_SIDE_PX} pixels a side.",
            next_step="Draw it around the whole face.",
        )


def add_character(change: ProjectChange, scene: SceneRecord, name: str, region: FaceRegionRecord) -> str:
    """Add a character in the next free colour, return its id. Raises ProjectError when the name is taken."""
    used = {character.colour for character in scene.characters}
    free = [colour for colour in COLOURS if colour not in used]
    colour = free[0] if free else COLOURS[len(scene.characters) % len(COLOURS)]
    return change.add_character(scene_id=scene.id, name=name, colour=colour, region=region)


def character_named(scene: SceneRecord, name: str) -> CharacterRecord:
    """Return the scene's character of that name. Raises UserError that lists the names there are."""
    for character in scene.characters:
        if character.name == name:
            return character
    names = ", ".join(f"“{character.name}”" for character in scene.characters)
    raise UserError(
        f"The scene “{scene.name}” has no character “{name}”.",
        next_step=f"It has {names}." if names else "Add one with “masque character add”.",
        code=ErrorCode.NOT_FOUND,
    )
