"""Project records as the engine's inputs: the one place where both vocabularies meet."""

from fractions import Fraction
from pathlib import Path

from engine.protocol.clips import DrivingInput, LoopMode, VoiceInput
from engine.protocol.curves import Channel, Curve, CurveKey, Handle, Interpolation
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape
from engine.protocol.render_request import CharacterInput, PlateInput
from projects_db.project_store import ProjectStore
from projects_db.records import (
    CharacterRecord,
    DrivingClipRecord,
    FaceRegionRecord,
    IntensityCurveRecord,
    MediaAssetRecord,
    VoiceClipRecord,
)


def plate_input(store: ProjectStore, plate: MediaAssetRecord) -> PlateInput:
    """Return the scene's still for the engine. Raises UserError when its file is missing."""
    return PlateInput(
        path=present_path(store, plate),
        content_hash=plate.content_hash,
        width=plate.probe.width or 0,
        height=plate.probe.height or 0,
    )


def character_input(store: ProjectStore, character: CharacterRecord) -> CharacterInput:
    """Return a character for the engine. Raises UserError when one of its files is missing."""
    return CharacterInput(
        character_id=character.id,
        name=character.name,
        region=region_input(character.region),
        driving=tuple(_driving_input(store, clip) for clip in character.driving_clips),
        voices=tuple(_voice_input(store, clip) for clip in character.voice_clips),
        curves=tuple(curve_input(curve) for curve in character.curves),
    )


def region_input(region: FaceRegionRecord) -> FaceRegion:
    """Return a face region for the engine."""
    return FaceRegion(
        shape=RegionShape(region.shape.value),
        feather=region.feather,
        keys=tuple(
            RegionKey(
                frame=key.frame,
                box=RegionBox(x=key.box.x, y=key.box.y, width=key.box.width, height=key.box.height),
            )
            for key in region.keys
        ),
    )


def curve_input(curve: IntensityCurveRecord) -> Curve:
    """Return an intensity curve for the engine."""
    return Curve(
        channel=Channel(curve.channel.value),
        keys=tuple(
            CurveKey(
                frame=key.frame,
                value=key.value,
                interpolation=Interpolation(key.interpolation.value),
                handle_in=Handle(frames=key.handle_in[0], value=key.handle_in[1]),
                handle_out=Handle(frames=key.handle_out[0], value=key.handle_out[1]),
            )
            for key in curve.keys
        ),
    )


def present_path(store: ProjectStore, asset: MediaAssetRecord) -> Path:
    """Return an asset's absolute path. Raises UserError when the file is gone or has changed size."""
    path = store.asset_path(asset)
    if not path.is_file():
        raise UserError(
            f"The file “{asset.name}” is missing; it was at “{path}”.",
            next_step="Put it back, or find it again with “masque relink PROJECT FOLDER”.",
            code=ErrorCode.FILE_MISSING,
        )
    if path.stat().st_size != asset.size_bytes:
        raise UserError(
            f"The file “{asset.name}” has changed since it was added to the project.",
            next_step="Put the old file back, or add the new one again.",
            code=ErrorCode.FILE_UNREADABLE,
        )
    return path


def _driving_input(store: ProjectStore, clip: DrivingClipRecord) -> DrivingInput:
    asset = store.asset(clip.asset_id)
    return DrivingInput(
        path=present_path(store, asset),
        content_hash=asset.content_hash,
        source_in_s=clip.source_in_s,
        source_out_s=clip.source_out_s,
        start_frame=clip.start_frame,
        length_frames=clip.length_frames,
        speed=Fraction(clip.speed),
        loop_mode=LoopMode(clip.loop_mode.value),
        face_index=clip.face_index,
        neutral_s=clip.neutral_s,
        keep_sound=clip.keep_sound,
        gain_db=clip.gain_db,
    )


def _voice_input(store: ProjectStore, clip: VoiceClipRecord) -> VoiceInput:
    asset = store.asset(clip.asset_id)
    return VoiceInput(
        path=present_path(store, asset),
        content_hash=asset.content_hash,
        source_in_s=clip.source_in_s,
        source_out_s=clip.source_out_s,
        start_frame=clip.start_frame,
        gain_db=clip.gain_db,
        fade_in_s=clip.fade_in_s,
        fade_out_s=clip.fade_out_s,
    )
