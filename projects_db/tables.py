"""The whole schema of a project file, a table for every word of the product that is kept in it.

Every table has one text key `id`, so that a change can name any row it touched. Rows that belong to
something go with it (ON DELETE CASCADE); media in use cannot be removed (ON DELETE RESTRICT).
"""

from datetime import datetime
from fractions import Fraction
from typing import Any, ClassVar

from sqlalchemy import Float, ForeignKey, Index, MetaData, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from projects_db.column_types import ChoiceText, InstantText, RationalText
from projects_db.records import (
    Channel,
    Interpolation,
    LoopMode,
    MarkerScope,
    MediaKind,
    RegionShape,
    TakeStatus,
)
from projects_db.table_checks import (
    condition,
    from_zero,
    hex_colour,
    not_empty,
    one_of,
    positive,
    positive_rational,
    rational_from_zero,
    switch,
)

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# Rows are small and always found by id or by owner: one tree a table, not two. Takes carry whole requests:
# not they.
CLUSTERED = {"sqlite_with_rowid": False}


_CHOICES = (MediaKind, RegionShape, LoopMode, Interpolation, Channel, TakeStatus, MarkerScope)
_TYPES: dict[Any, Any] = {
    str: Text(),
    float: Float(),
    Fraction: RationalText(),
    datetime: InstantText(),
    **{choices: ChoiceText(choices) for choices in _CHOICES},
}


class Row(DeclarativeBase):
    """What every table has: a text key, exact rationals, instants and choices."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = _TYPES

    id: Mapped[str] = mapped_column(primary_key=True, sort_order=-1)


class Project(Row):
    """The project itself: one row, no more."""

    __tablename__ = "project"
    __table_args__ = (
        UniqueConstraint("only_one"),
        condition("only_one", "only_one = 1"),
        not_empty(),
        positive_rational("frame_rate"),
        CLUSTERED,
    )

    only_one: Mapped[int]
    name: Mapped[str]
    frame_rate: Mapped[Fraction]
    created_at: Mapped[datetime]


class MediaAsset(Row):
    """A media file beside the project or referred to, with what its probe found."""

    __tablename__ = "media_asset"
    __table_args__ = (
        Index(None, "content_hash"),
        one_of("kind", MediaKind),
        not_empty(),
        not_empty("relative_path"),
        not_empty("content_hash"),
        from_zero("size_bytes"),
        switch("missing"),
        switch("has_alpha"),
        positive("width"),
        positive("height"),
        rational_from_zero("duration_s"),
        positive_rational("frame_rate"),
        from_zero("frame_count"),
        positive("audio_channels"),
        positive("audio_sample_rate"),
        CLUSTERED,
    )

    kind: Mapped[MediaKind]
    name: Mapped[str]
    relative_path: Mapped[str]
    size_bytes: Mapped[int]
    content_hash: Mapped[str]
    missing: Mapped[bool]
    width: Mapped[int | None]
    height: Mapped[int | None]
    duration_s: Mapped[Fraction | None]
    frame_rate: Mapped[Fraction | None]
    frame_count: Mapped[int | None]
    has_alpha: Mapped[bool]
    video_codec: Mapped[str | None]
    audio_codec: Mapped[str | None]
    audio_channels: Mapped[int | None]
    audio_sample_rate: Mapped[int | None]


class Scene(Row):
    """One still (the plate) and its timeline."""

    __tablename__ = "scene"
    __table_args__ = (
        UniqueConstraint("name"),
        Index(None, "position", "id"),
        Index(None, "plate_asset_id"),
        not_empty(),
        from_zero("position"),
        positive("length_frames"),
        CLUSTERED,
    )

    name: Mapped[str]
    position: Mapped[int]
    plate_asset_id: Mapped[str] = mapped_column(ForeignKey("media_asset.id", ondelete="RESTRICT"))
    length_frames: Mapped[int | None]
    prompt: Mapped[str]
    negative_prompt: Mapped[str]


class Character(Row):
    """A person in a scene."""

    __tablename__ = "character"
    __table_args__ = (
        UniqueConstraint("scene_id", "name"),
        not_empty(),
        hex_colour(),
        from_zero("position"),
        CLUSTERED,
    )

    scene_id: Mapped[str] = mapped_column(ForeignKey("scene.id", ondelete="CASCADE"))
    name: Mapped[str]
    colour: Mapped[str]
    position: Mapped[int]


class FaceRegion(Row):
    """Where a character's face is; its boxes are in the keys."""

    __tablename__ = "face_region"
    __table_args__ = (
        UniqueConstraint("character_id"),
        one_of("shape", RegionShape),
        condition("feather_share", "feather BETWEEN 0 AND 1"),
        CLUSTERED,
    )

    character_id: Mapped[str] = mapped_column(ForeignKey("character.id", ondelete="CASCADE"))
    shape: Mapped[RegionShape]
    feather: Mapped[float]


class FaceRegionKey(Row):
    """A face region's box at a frame, in plate coordinates from 0 to 1."""

    __tablename__ = "face_region_key"
    __table_args__ = (
        UniqueConstraint("region_id", "frame"),
        from_zero("frame"),
        from_zero("x"),
        from_zero("y"),
        positive("width"),
        positive("height"),
        condition("inside_width", "x + width <= 1.000001"),
        condition("inside_height", "y + height <= 1.000001"),
        CLUSTERED,
    )

    region_id: Mapped[str] = mapped_column(ForeignKey("face_region.id", ondelete="CASCADE"))
    frame: Mapped[int]
    x: Mapped[float]
    y: Mapped[float]
    width: Mapped[float]
    height: Mapped[float]


class DrivingClip(Row):
    """A piece of video on a character's timeline."""

    __tablename__ = "driving_clip"
    __table_args__ = (
        Index(None, "character_id"),
        Index(None, "asset_id"),
        rational_from_zero("source_in_s"),
        positive_rational("source_out_s"),
        from_zero("start_frame"),
        positive("length_frames"),
        positive_rational("speed"),
        one_of("loop_mode", LoopMode),
        from_zero("face_index"),
        rational_from_zero("neutral_s"),
        switch("keep_sound"),
        CLUSTERED,
    )

    character_id: Mapped[str] = mapped_column(ForeignKey("character.id", ondelete="CASCADE"))
    asset_id: Mapped[str] = mapped_column(ForeignKey("media_asset.id", ondelete="RESTRICT"))
    source_in_s: Mapped[Fraction]
    source_out_s: Mapped[Fraction]
    start_frame: Mapped[int]
    length_frames: Mapped[int]
    speed: Mapped[Fraction]
    loop_mode: Mapped[LoopMode]
    face_index: Mapped[int]
    neutral_s: Mapped[Fraction | None]
    keep_sound: Mapped[bool]
    gain_db: Mapped[float]


class VoiceClip(Row):
    """A piece of sound on a character's timeline."""

    __tablename__ = "voice_clip"
    __table_args__ = (
        Index(None, "character_id"),
        Index(None, "asset_id"),
        rational_from_zero("source_in_s"),
        positive_rational("source_out_s"),
        from_zero("start_frame"),
        rational_from_zero("fade_in_s"),
        rational_from_zero("fade_out_s"),
        CLUSTERED,
    )

    character_id: Mapped[str] = mapped_column(ForeignKey("character.id", ondelete="CASCADE"))
    asset_id: Mapped[str] = mapped_column(ForeignKey("media_asset.id", ondelete="RESTRICT"))
    source_in_s: Mapped[Fraction]
    source_out_s: Mapped[Fraction]
    start_frame: Mapped[int]
    gain_db: Mapped[float]
    fade_in_s: Mapped[Fraction]
    fade_out_s: Mapped[Fraction]


class IntensityCurve(Row):
    """A character's curve of one channel; its values are in the keys."""

    __tablename__ = "intensity_curve"
    __table_args__ = (UniqueConstraint("character_id", "channel"), one_of("channel", Channel), CLUSTERED)

    character_id: Mapped[str] = mapped_column(ForeignKey("character.id", ondelete="CASCADE"))
    channel: Mapped[Channel]


class CurveKey(Row):
    """One key of an intensity curve; handles are offsets from the key in frames and value."""

    __tablename__ = "curve_key"
    __table_args__ = (
        UniqueConstraint("curve_id", "frame"),
        from_zero("frame"),
        one_of("interpolation", Interpolation),
        CLUSTERED,
    )

    curve_id: Mapped[str] = mapped_column(ForeignKey("intensity_curve.id", ondelete="CASCADE"))
    frame: Mapped[int]
    value: Mapped[float]
    interpolation: Mapped[Interpolation]
    handle_in_frames: Mapped[float]
    handle_in_value: Mapped[float]
    handle_out_frames: Mapped[float]
    handle_out_value: Mapped[float]


class Marker(Row):
    """A note at a frame of a scene."""

    __tablename__ = "marker"
    __table_args__ = (
        Index(None, "scene_id"),
        from_zero("frame"),
        hex_colour(),
        one_of("scope", MarkerScope),
        CLUSTERED,
    )

    scene_id: Mapped[str] = mapped_column(ForeignKey("scene.id", ondelete="CASCADE"))
    frame: Mapped[int]
    name: Mapped[str]
    colour: Mapped[str]
    scope: Mapped[MarkerScope]


class Take(Row):
    """One render of a scene with the full request that made it."""

    __tablename__ = "take"
    __table_args__ = (
        UniqueConstraint("scene_id", "number"),
        positive("number"),
        one_of("status", TakeStatus),
        not_empty("renderer"),
        from_zero("seed"),
        condition("rating_stars", "rating BETWEEN 0 AND 5"),
    )

    scene_id: Mapped[str] = mapped_column(ForeignKey("scene.id", ondelete="CASCADE"))
    number: Mapped[int]
    status: Mapped[TakeStatus]
    renderer: Mapped[str]
    seed: Mapped[int]
    request: Mapped[str]
    result: Mapped[str | None]
    directory: Mapped[str]
    rating: Mapped[int]
    notes: Mapped[str]
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class TakeFile(Row):
    """One file of a take."""

    __tablename__ = "take_file"
    __table_args__ = (
        UniqueConstraint("take_id", "position"),
        from_zero("position"),
        not_empty("role"),
        not_empty("relative_path"),
        from_zero("size_bytes"),
        CLUSTERED,
    )

    take_id: Mapped[str] = mapped_column(ForeignKey("take.id", ondelete="CASCADE"))
    position: Mapped[int]
    role: Mapped[str]
    label: Mapped[str]
    relative_path: Mapped[str]
    size_bytes: Mapped[int]


class RenderPreset(Row):
    """A named set of render settings."""

    __tablename__ = "render_preset"
    __table_args__ = (UniqueConstraint("name"), not_empty(), CLUSTERED)

    name: Mapped[str]
    settings: Mapped[str]
