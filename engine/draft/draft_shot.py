"""A scene prepared for the draft renderer: every frame can be drawn, in any order, with no network and no
weights.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.draft.analysis_cache import cached_analysis
from engine.draft.character_motion import CharacterMotion
from engine.draft.clip_motion import ClipMotion
from engine.draft.driver_parts import driver_parts
from engine.draft.driving_analysis import DriverPart
from engine.draft.driving_motion import DrivingMotion
from engine.draft.face_features import PixelBox
from engine.draft.face_field import PlacedFace
from engine.draft.face_frame import pose_of
from engine.draft.head_shape import head_shape
from engine.draft.mouth_paint import mouth_colours
from engine.draft.mouth_seam import seam_of
from engine.draft.plate_fit import FittedPlate, fit_plate
from engine.draft.region_window import RegionWindow
from engine.draft.shot_painter import MovingFace, paint_frame
from engine.draft.still_face import StillFace, StillFaces
from engine.media.still import StillPicture, read_still
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.regions import FaceRegion, box_at
from engine.protocol.render_request import CharacterInput, RenderRequest

Picture = NDArray[np.uint8]


class DraftShot:
    """A prepared scene. `picture` depends on the request and the frame only; it may be called from several
    threads.
    """

    def __init__(
        self,
        request: RenderRequest,
        plate: FittedPlate,
        characters: tuple["_PreparedCharacter", ...],
        warnings: tuple[str, ...],
    ) -> None:
        self._plate = plate
        self._characters = characters
        self._frame_count = request.frame_count
        self.warnings = warnings

    @classmethod
    def prepare(
        cls,
        request: RenderRequest,
        *,
        cache_directory: Path,
        on_progress: Callable[[str, float], None] = lambda _phase, _share: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> "DraftShot":
        """Read the still and the sounds and analyse the driving clips (kept under `cache_directory`).

        `on_progress` gets a phase in words and a share from 0 to 1. Raises UserError: CANCELLED soon after
        `should_stop` says so, NO_FACE, and what the media's readers raise.
        """
        check = _checker(should_stop)
        on_progress("Reading the still", 0.0)
        still = read_still(request.plate.path)
        plate = fit_plate(still, request.width, request.height)
        clips = [clip for character in request.characters for clip in character.driving]
        parts = driver_parts(clips)
        motions = _analysed(list(dict.fromkeys(parts.values())), cache_directory, on_progress, check)
        on_progress("Placing the faces", 0.95)
        characters = []
        faces = StillFaces(still.bgr)
        for character in request.characters:
            check()
            clip_motion = ClipMotion(
                character.driving, lambda clip: motions[parts[clip]], request.frame_rate, request.frame_count
            )
            motion = CharacterMotion(request, character, clip_motion)
            face = faces.face_in(_box_on(still, character.region))
            characters.append(_PreparedCharacter(character, motion, face, plate))
        on_progress("Ready", 1.0)
        warnings = tuple(line for part, motion in motions.items() for line in _lost_lines(part, motion))
        return cls(request, plate, tuple(characters), tuple(dict.fromkeys(warnings)))

    def picture(self, frame: int) -> Picture:
        """Return a project frame as uint8 [height, width, 3] BGR, or [height, width, 4] BGRA for a plate
        with alpha.

        Raises ValueError for a frame outside the scene.
        """
        if not 0 <= frame < self._frame_count:
            raise ValueError(f"frame {frame} is outside the scene's {self._frame_count} frames")
        regions = [character.region_at(self._plate, frame) for character in self._characters]
        moving = []
        for number, character in enumerate(self._characters):
            motion = character.motion.at(frame)
            if motion.is_still:
                continue
            region = regions[number]
            others = tuple(
                other
                for index, other in enumerate(regions)
                if index != number and not region.is_on(other) and not other.is_on(region)
            )
            face = PlacedFace(
                pose=pose_of(character.face.features, character.face.box_in(region.box)),
                region=region,
                head=character.head,
                others=others,
                plate=self._plate.area,
                seam=character.seam,
                is_frontal=character.face.is_frontal,
                colours=character.colours,
            )
            moving.append(MovingFace(face=face, motion=motion))
        return paint_frame(self._plate.picture, moving)


class _PreparedCharacter:
    """A character with its motion and its face inside its region."""

    def __init__(
        self, character: CharacterInput, motion: CharacterMotion, face: StillFace, plate: FittedPlate
    ) -> None:
        self._region = character.region
        self.motion = motion
        self.face = face
        self.seam = seam_of(face.features)
        first = plate.pixel_box(character.region.keys[0].box)
        colours = np.ascontiguousarray(plate.picture[..., :3])
        self.colours = mouth_colours(colours, pose_of(face.features, face.box_in(first)))
        self.head = head_shape(colours, first, is_frontal=face.is_frontal)

    def region_at(self, plate: FittedPlate, frame: int) -> RegionWindow:
        """Return the region at a frame in pixels of the result."""
        box = plate.pixel_box(box_at(self._region, frame))
        return RegionWindow(box=box, shape=self._region.shape, feather=self._region.feather)


def _box_on(still: StillPicture, region: FaceRegion) -> PixelBox:
    """Return the region's first box in pixels of the still."""
    box = region.keys[0].box
    return PixelBox(
        x=box.x * still.width,
        y=box.y * still.height,
        width=box.width * still.width,
        height=box.height * still.height,
    )


def _analysed(
    parts: list[DriverPart],
    cache_directory: Path,
    on_progress: Callable[[str, float], None],
    check: Callable[[], None],
) -> dict[DriverPart, DrivingMotion]:
    motions = {}
    for number, part in enumerate(parts):

        def report(share: float, number: int = number, name: str = part.path.name) -> None:
            on_progress(f"Analysing {name}", 0.02 + 0.9 * (number + share) / len(parts))

        check()
        motions[part] = cached_analysis(part, cache_directory, report, check)
    return motions


def _lost_lines(part: DriverPart, motion: DrivingMotion) -> list[str]:
    face = "the face" if part.face_index == 0 else f"face {part.face_index + 1}"
    return [
        f"{part.path.name}: {face} is lost from {start_s:.1f} s to {end_s:.1f} s; bridged."
        for start_s, end_s in motion.lost_s
    ]


def _checker(should_stop: Callable[[], bool]) -> Callable[[], None]:
    def check() -> None:
        if should_stop():
            raise UserError(
                "The render was stopped while it was prepared.",
                next_step="Start it again when you want it.",
                code=ErrorCode.CANCELLED,
            )

    return check
