"""One named change of a project: everything that can be edited, in one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Unpack

from sqlalchemy import Connection

from projects_db.change_fields import (
    AssetFields,
    CharacterFields,
    DrivingClipFields,
    MarkerFields,
    NewDrivingClip,
    NewVoiceClip,
    PresetFields,
    SceneFields,
    VoiceClipFields,
)
from projects_db.change_log import take_log
from projects_db.connection import ProjectConnection
from projects_db.records import (
    ChangeRecord,
    Channel,
    CurveKeyRecord,
    DrivingClipRecord,
    FaceRegionRecord,
    LoopMode,
    MarkerRecord,
    MarkerScope,
    MediaAssetRecord,
    MediaKind,
    ProbeRecord,
    RenderPresetRecord,
    TakeFileRecord,
    TakeStatus,
    VoiceClipRecord,
)
from projects_db.repositories import assets, characters, clips, curves, markers, presets, project, regions
from projects_db.repositories import scenes as scene_rows
from projects_db.repositories import takes as take_rows
from projects_db.repositories.rows import new_id
from projects_db.sqlite_errors import told_to_the_user
from projects_db.validation import check_frame_rate, check_name


class ProjectChange:
    """Edits of one change. Each edit is kept whole or not at all; the change as a whole likewise.

    Every method raises ProjectError ("invalid", "not_found", "disk_full" ...) for what the user can mend, and
    RuntimeError when the with block of the change is over.
    """

    def __init__(self, name: str, project_connection: ProjectConnection) -> None:
        self._name = name
        self._project_connection = project_connection
        self._is_open = True
        self._record: ChangeRecord | None = None

    @property
    def record(self) -> ChangeRecord:
        """What was committed; RuntimeError until the with block has ended well."""
        if self._record is None:
            raise RuntimeError(f"The change “{self._name}” was not committed")
        return self._record

    def finish(self) -> ChangeRecord:
        """Take no more edits and return what they touched; the store calls this before it commits."""
        self._is_open = False
        return ChangeRecord(name=self._name, rows=take_log(self._project_connection.driver))

    def close(self, record: ChangeRecord | None) -> None:
        """Take no more edits and keep what was committed, None after a roll-back; the store calls this."""
        self._is_open = False
        self._record = record

    @contextmanager
    def _edit(self) -> Iterator[Connection]:
        if not self._is_open:
            raise RuntimeError(f"The change “{self._name}” is over; begin another one")
        driver = self._project_connection.driver
        if not driver.in_transaction:
            # A failing disk can make SQLite give up the whole transaction, which must not begin anew here.
            raise RuntimeError(f"The change “{self._name}” was given up when the disk failed")
        with told_to_the_user(self._project_connection.path):
            driver.execute("SAVEPOINT edit")
            try:
                yield self._project_connection.connection
            except BaseException:
                if driver.in_transaction:
                    driver.execute("ROLLBACK TO edit")
                    driver.execute("RELEASE edit")
                raise
            driver.execute("RELEASE edit")

    def rename_project(self, name: str) -> None:
        """Rename the project; its file keeps its name."""
        check_name(name, "project")
        with self._edit() as connection:
            project.set_project(connection, {"name": name})

    def set_frame_rate(self, rate: Fraction) -> None:
        """Set the project's frame rate; positions in frames stay the numbers they are."""
        check_frame_rate(rate)
        with self._edit() as connection:
            project.set_project(connection, {"frame_rate": rate})

    def add_asset(
        self,
        *,
        kind: MediaKind,
        name: str,
        relative_path: str,
        size_bytes: int,
        content_hash: str,
        probe: ProbeRecord,
    ) -> str:
        """Add a media file and return its id."""
        asset = MediaAssetRecord(
            id=new_id(),
            kind=kind,
            name=name,
            relative_path=relative_path,
            size_bytes=size_bytes,
            content_hash=content_hash,
            probe=probe,
            missing=False,
        )
        with self._edit() as connection:
            assets.insert_asset(connection, asset)
        return asset.id

    def update_asset(self, asset_id: str, **changes: Unpack[AssetFields]) -> None:
        """Change fields of a media file."""
        with self._edit() as connection:
            assets.update_asset(connection, asset_id, changes)

    def remove_asset(self, asset_id: str) -> None:
        """Remove a media file nothing uses from the project; the file itself stays."""
        with self._edit() as connection:
            assets.delete_asset(connection, asset_id)

    def add_scene(self, *, name: str, plate_asset_id: str, length_frames: int | None = None) -> str:
        """Add a scene behind the last one and return its id."""
        with self._edit() as connection:
            return scene_rows.insert_scene(connection, name, plate_asset_id, length_frames)

    def update_scene(self, scene_id: str, **changes: Unpack[SceneFields]) -> None:
        """Change fields of a scene."""
        with self._edit() as connection:
            scene_rows.update_scene(connection, scene_id, changes)

    def move_scene(self, scene_id: str, position: int) -> None:
        """Put a scene at a position counted from 0."""
        with self._edit() as connection:
            scene_rows.move_scene(connection, scene_id, position)

    def remove_scene(self, scene_id: str) -> None:
        """Remove a scene with its characters, markers and takes; files stay."""
        with self._edit() as connection:
            scene_rows.delete_scene(connection, scene_id)

    def add_character(self, *, scene_id: str, name: str, colour: str, region: FaceRegionRecord) -> str:
        """Add a character to a scene and return its id; `colour` is #rrggbb."""
        with self._edit() as connection:
            return characters.insert_character(connection, scene_id, name, colour, region)

    def update_character(self, character_id: str, **changes: Unpack[CharacterFields]) -> None:
        """Change fields of a character; `position` counts the scene's characters from 0."""
        with self._edit() as connection:
            characters.update_character(connection, character_id, changes)

    def set_region(self, character_id: str, region: FaceRegionRecord) -> None:
        """Replace a character's face region; keys on frames that stay keep their ids."""
        with self._edit() as connection:
            regions.set_region(connection, character_id, region)

    def remove_character(self, character_id: str) -> None:
        """Remove a character with its region, clips and curves."""
        with self._edit() as connection:
            characters.delete_character(connection, character_id)

    def add_driving_clip(self, **clip: Unpack[NewDrivingClip]) -> str:
        """Place a video on a character's timeline and return the clip's id.

        Where not given: speed 1, loop mode once, face 0, automatic neutral, sound off, gain 0 dB.
        """
        given: NewDrivingClip = {
            "speed": Fraction(1),
            "loop_mode": LoopMode.ONCE,
            "face_index": 0,
            "neutral_s": None,
            "keep_sound": False,
            "gain_db": 0.0,
            **clip,
        }
        record = DrivingClipRecord(id=new_id(), **given)
        with self._edit() as connection:
            clips.insert_driving_clip(connection, record)
        return record.id

    def update_driving_clip(self, clip_id: str, **changes: Unpack[DrivingClipFields]) -> None:
        """Change fields of a driving clip."""
        with self._edit() as connection:
            clips.update_driving_clip(connection, clip_id, changes)

    def remove_driving_clip(self, clip_id: str) -> None:
        """Remove a driving clip."""
        with self._edit() as connection:
            clips.delete_driving_clip(connection, clip_id)

    def add_voice_clip(self, **clip: Unpack[NewVoiceClip]) -> str:
        """Place a sound on a character's timeline and return its id; 0 dB and no fades where not given."""
        none = Fraction(0)
        given: NewVoiceClip = {"gain_db": 0.0, "fade_in_s": none, "fade_out_s": none, **clip}
        record = VoiceClipRecord(id=new_id(), **given)
        with self._edit() as connection:
            clips.insert_voice_clip(connection, record)
        return record.id

    def update_voice_clip(self, clip_id: str, **changes: Unpack[VoiceClipFields]) -> None:
        """Change fields of a voice clip."""
        with self._edit() as connection:
            clips.update_voice_clip(connection, clip_id, changes)

    def remove_voice_clip(self, clip_id: str) -> None:
        """Remove a voice clip."""
        with self._edit() as connection:
            clips.delete_voice_clip(connection, clip_id)

    def set_curve(self, character_id: str, channel: Channel, keys: tuple[CurveKeyRecord, ...]) -> None:
        """Replace a character's curve of a channel; empty keys remove it. Keys that stay keep their ids."""
        with self._edit() as connection:
            curves.set_curve(connection, character_id, channel, keys)

    def add_marker(
        self,
        *,
        scene_id: str,
        frame: int,
        name: str,
        colour: str,
        scope: MarkerScope = MarkerScope.NOTE,
    ) -> str:
        """Add a marker to a scene and return its id; `colour` is #rrggbb."""
        marker = MarkerRecord(
            id=new_id(), scene_id=scene_id, frame=frame, name=name, colour=colour, scope=scope
        )
        with self._edit() as connection:
            markers.insert_marker(connection, marker)
        return marker.id

    def update_marker(self, marker_id: str, **changes: Unpack[MarkerFields]) -> None:
        """Change fields of a marker."""
        with self._edit() as connection:
            markers.update_marker(connection, marker_id, changes)

    def remove_marker(self, marker_id: str) -> None:
        """Remove a marker."""
        with self._edit() as connection:
            markers.delete_marker(connection, marker_id)

    def add_take(
        self, *, take_id: str, scene_id: str, renderer: str, seed: int, request: str, directory: str
    ) -> int:
        """Add a queued take under the id its render request carries and return its number in the scene."""
        take = take_rows.NewTake(
            id=take_id,
            scene_id=scene_id,
            renderer=renderer,
            seed=seed,
            request=request,
            directory=directory,
        )
        with self._edit() as connection:
            return take_rows.insert_take(connection, take)

    def finish_take(
        self,
        take_id: str,
        *,
        status: TakeStatus,
        result: str | None,
        files: tuple[TakeFileRecord, ...],
        error: str | None,
    ) -> None:
        """Record how a take's render ended and the files it left, in their order."""
        outcome = {"status": status, "result": result, "error": error}
        with self._edit() as connection:
            take_rows.finish_take(connection, take_id, outcome, files)

    def requeue_take(self, take_id: str) -> None:
        """Let a take wait for its render again, as after a retry."""
        with self._edit() as connection:
            take_rows.requeue_take(connection, take_id)

    def rate_take(self, take_id: str, rating: int) -> None:
        """Give a take 0 (not rated) to 5 stars."""
        with self._edit() as connection:
            take_rows.rate_take(connection, take_id, rating)

    def note_take(self, take_id: str, notes: str) -> None:
        """Replace the notes on a take."""
        with self._edit() as connection:
            take_rows.note_take(connection, take_id, notes)

    def remove_take(self, take_id: str) -> None:
        """Remove a take from the project; its files stay."""
        with self._edit() as connection:
            take_rows.delete_take(connection, take_id)

    def add_preset(self, *, name: str, settings: str) -> str:
        """Add a render preset (`settings` is JSON text) and return its id."""
        preset = RenderPresetRecord(id=new_id(), name=name, settings=settings)
        with self._edit() as connection:
            presets.insert_preset(connection, preset)
        return preset.id

    def update_preset(self, preset_id: str, **changes: Unpack[PresetFields]) -> None:
        """Change a render preset."""
        with self._edit() as connection:
            presets.update_preset(connection, preset_id, changes)

    def remove_preset(self, preset_id: str) -> None:
        """Remove a render preset."""
        with self._edit() as connection:
            presets.delete_preset(connection, preset_id)
