"""Edits of characters and their face regions."""

from collections.abc import Sequence
from dataclasses import replace

from desktop.authoring.characters import add_character, region_from_box, require_box_on_plate
from desktop.authoring.scenes import unique_name
from desktop.commands.edit_history import EditHistory
from desktop.commands.wording import worded
from desktop.state.project_session import ProjectSession
from projects_db.project_change import ProjectChange
from projects_db.records import (
    FaceRegionRecord,
    RegionBox,
    RegionKeyRecord,
    RegionShape,
    SceneRecord,
)


class CharacterEdits:
    """Each method is one undoable edit of the chosen scene."""

    def __init__(self, session: ProjectSession, history: EditHistory) -> None:
        self._session = session
        self._history = history

    def free_name(self) -> str:
        """Return a name that no character of the scene has."""
        return _free_name(self._session.scene)

    def add(self, box: RegionBox) -> str | None:
        """Add a character whose face is at `box` and return its id."""
        added = self._add(worded("Add character"), [region_from_box(box)])
        return added[0] if added else None

    def add_found(self, regions: Sequence[FaceRegionRecord]) -> None:
        """Add a character for each region that was found, all in one edit."""
        if regions:
            self._add(worded("Add character") if len(regions) == 1 else worded("Add characters"), regions)

    def _add(self, edit_name: str, regions: Sequence[FaceRegionRecord]) -> list[str]:
        chosen, store = self._session.scene, self._session.store
        if chosen is None:
            return []

        def edit(change: ProjectChange) -> list[str]:
            added = []
            for region in regions:
                scene = store.scene(chosen.id)
                require_box_on_plate(region.keys[0].box, scene)
                added.append(add_character(change, scene, _free_name(scene), region))
            return added

        return self._history.perform(edit_name, edit) or []

    def rename(self, character_id: str, name: str) -> None:
        """Give a character another name."""
        character = self._session.character(character_id)
        name = name.strip()
        if character is not None and name and name != character.name:
            self._history.perform(
                worded("Rename character"), lambda change: change.update_character(character_id, name=name)
            )

    def remove(self, character_id: str) -> None:
        """Remove a character with everything on its timeline."""
        self._history.perform(
            worded("Remove character"), lambda change: change.remove_character(character_id)
        )

    def place_region(self, character_id: str, frame: int, box: RegionBox) -> None:
        """Move or size a region: at every frame while it has one key, else with a key at `frame`."""
        region = self._region(character_id)
        if region is None:
            return
        if len(region.keys) == 1:
            keys: tuple[RegionKeyRecord, ...] = (replace(region.keys[0], box=box),)
        else:
            keys = _with_key(region, frame, box)
        self._set(worded("Move region"), character_id, replace(region, keys=keys))

    def toggle_region_key(self, character_id: str, frame: int, box: RegionBox) -> None:
        """Set a region key at `frame`, or remove the one that is there unless it is the last."""
        region = self._region(character_id)
        if region is None:
            return
        left = tuple(key for key in region.keys if key.frame != frame)
        if len(left) < len(region.keys) and left:
            self._set(worded("Delete region key"), character_id, replace(region, keys=left))
        elif len(left) == len(region.keys):
            keys = _with_key(region, frame, box)
            self._set(worded("Set region key"), character_id, replace(region, keys=keys))

    def set_feather(self, character_id: str, feather: float) -> None:
        """Choose how softly a region ends, as a share of its shorter side."""
        region = self._region(character_id)
        if region is not None:
            self._set(worded("Change feather"), character_id, replace(region, feather=round(feather, 4)))

    def set_shape(self, character_id: str, shape: RegionShape) -> None:
        """Make a region a box or an ellipse."""
        region = self._region(character_id)
        if region is not None:
            self._set(worded("Change region shape"), character_id, replace(region, shape=shape))

    def _region(self, character_id: str) -> FaceRegionRecord | None:
        character = self._session.character(character_id)
        return character.region if character else None

    def _set(self, name: str, character_id: str, region: FaceRegionRecord) -> None:
        if region != self._region(character_id):
            self._history.perform(name, lambda change: change.set_region(character_id, region))


def _free_name(scene: SceneRecord | None) -> str:
    taken = {character.name for character in scene.characters} if scene else set()
    return unique_name(f"{worded('Character')} {len(taken) + 1}", taken)


def _with_key(region: FaceRegionRecord, frame: int, box: RegionBox) -> tuple[RegionKeyRecord, ...]:
    others = [key for key in region.keys if key.frame != frame]
    return tuple(sorted([*others, RegionKeyRecord(frame=frame, box=box)], key=lambda key: key.frame))
