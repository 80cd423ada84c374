"""Schema 0001: the first, with a table for every word of the product that a project keeps.

There is no way down: an older Masque refuses a newer file, and the version kept before an update is the way
back.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table of the first schema."""
    _create_media_asset()
    _create_project()
    _create_render_preset()
    _create_scene()
    _create_character()
    _create_marker()
    _create_take()
    _create_driving_clip()
    _create_face_region()
    _create_intensity_curve()
    _create_take_file()
    _create_voice_clip()
    _create_curve_key()
    _create_face_region_key()


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(name))


def _refers(name: str, column: str, table: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{table}.id"], name=name, ondelete=ondelete)


def _create_media_asset() -> None:
    op.create_table(
        "media_asset",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("relative_path", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("missing", sa.Boolean(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("duration_s", sa.Text(), nullable=True),
        sa.Column("frame_rate", sa.Text(), nullable=True),
        sa.Column("frame_count", sa.Integer(), nullable=True),
        sa.Column("has_alpha", sa.Boolean(), nullable=False),
        sa.Column("video_codec", sa.Text(), nullable=True),
        sa.Column("audio_codec", sa.Text(), nullable=True),
        sa.Column("audio_channels", sa.Integer(), nullable=True),
        sa.Column("audio_sample_rate", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_media_asset"),
        _check("ck_media_asset_kind_known", "kind IN ('image', 'video', 'audio')"),
        _check("ck_media_asset_name_not_empty", "length(name) > 0"),
        _check("ck_media_asset_relative_path_not_empty", "length(relative_path) > 0"),
        _check("ck_media_asset_content_hash_not_empty", "length(content_hash) > 0"),
        _check("ck_media_asset_size_bytes_not_negative", "size_bytes >= 0"),
        _check("ck_media_asset_missing_switch", "missing IN (0, 1)"),
        _check("ck_media_asset_has_alpha_switch", "has_alpha IN (0, 1)"),
        _check("ck_media_asset_width_positive", "width > 0"),
        _check("ck_media_asset_height_positive", "height > 0"),
        _check("ck_media_asset_duration_s_not_negative", "duration_s GLOB '[0-9]*/[1-9]*'"),
        _check("ck_media_asset_frame_rate_positive", "frame_rate GLOB '[1-9]*/[1-9]*'"),
        _check("ck_media_asset_frame_count_not_negative", "frame_count >= 0"),
        _check("ck_media_asset_audio_channels_positive", "audio_channels > 0"),
        _check("ck_media_asset_audio_sample_rate_positive", "audio_sample_rate > 0"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_media_asset_content_hash", "media_asset", ["content_hash"])


def _create_project() -> None:
    op.create_table(
        "project",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("only_one", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("frame_rate", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_project"),
        sa.UniqueConstraint("only_one", name="uq_project_only_one"),
        _check("ck_project_only_one", "only_one = 1"),
        _check("ck_project_name_not_empty", "length(name) > 0"),
        _check("ck_project_frame_rate_positive", "frame_rate GLOB '[1-9]*/[1-9]*'"),
        sqlite_with_rowid=False,
    )


def _create_render_preset() -> None:
    op.create_table(
        "render_preset",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_render_preset"),
        sa.UniqueConstraint("name", name="uq_render_preset_name"),
        _check("ck_render_preset_name_not_empty", "length(name) > 0"),
        sqlite_with_rowid=False,
    )


def _create_scene() -> None:
    op.create_table(
        "scene",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("plate_asset_id", sa.Text(), nullable=False),
        sa.Column("length_frames", sa.Integer(), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("negative_prompt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_scene"),
        sa.UniqueConstraint("name", name="uq_scene_name"),
        _check("ck_scene_name_not_empty", "length(name) > 0"),
        _check("ck_scene_position_not_negative", "position >= 0"),
        _check("ck_scene_length_frames_positive", "length_frames > 0"),
        _refers("fk_scene_plate_asset_id_media_asset", "plate_asset_id", "media_asset", "RESTRICT"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_scene_plate_asset_id", "scene", ["plate_asset_id"])
    op.create_index("ix_scene_position_id", "scene", ["position", "id"])


def _create_character() -> None:
    op.create_table(
        "character",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("scene_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("colour", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_character"),
        sa.UniqueConstraint("scene_id", "name", name="uq_character_scene_id_name"),
        _check("ck_character_name_not_empty", "length(name) > 0"),
        _check(
            "ck_character_colour_hex",
            "colour GLOB '#[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F]'",
        ),
        _check("ck_character_position_not_negative", "position >= 0"),
        _refers("fk_character_scene_id_scene", "scene_id", "scene", "CASCADE"),
        sqlite_with_rowid=False,
    )


def _create_marker() -> None:
    op.create_table(
        "marker",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("scene_id", sa.Text(), nullable=False),
        sa.Column("frame", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("colour", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_marker"),
        _check("ck_marker_frame_not_negative", "frame >= 0"),
        _check(
            "ck_marker_colour_hex",
            "colour GLOB '#[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F]'",
        ),
        _check("ck_marker_scope_known", "scope IN ('note', 'chapter', 'task')"),
        _refers("fk_marker_scene_id_scene", "scene_id", "scene", "CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_marker_scene_id", "marker", ["scene_id"])


def _create_take() -> None:
    op.create_table(
        "take",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("scene_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("renderer", sa.Text(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("directory", sa.Text(), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("finished_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_take"),
        sa.UniqueConstraint("scene_id", "number", name="uq_take_scene_id_number"),
        _check("ck_take_number_positive", "number > 0"),
        _check("ck_take_status_known", "status IN ('queued', 'done', 'failed', 'cancelled')"),
        _check("ck_take_renderer_not_empty", "length(renderer) > 0"),
        _check("ck_take_seed_not_negative", "seed >= 0"),
        _check("ck_take_rating_stars", "rating BETWEEN 0 AND 5"),
        _refers("fk_take_scene_id_scene", "scene_id", "scene", "CASCADE"),
    )


def _create_driving_clip() -> None:
    op.create_table(
        "driving_clip",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("character_id", sa.Text(), nullable=False),
        sa.Column("asset_id", sa.Text(), nullable=False),
        sa.Column("source_in_s", sa.Text(), nullable=False),
        sa.Column("source_out_s", sa.Text(), nullable=False),
        sa.Column("start_frame", sa.Integer(), nullable=False),
        sa.Column("length_frames", sa.Integer(), nullable=False),
        sa.Column("speed", sa.Text(), nullable=False),
        sa.Column("loop_mode", sa.Text(), nullable=False),
        sa.Column("face_index", sa.Integer(), nullable=False),
        sa.Column("neutral_s", sa.Text(), nullable=True),
        sa.Column("keep_sound", sa.Boolean(), nullable=False),
        sa.Column("gain_db", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_driving_clip"),
        _check("ck_driving_clip_source_in_s_not_negative", "source_in_s GLOB '[0-9]*/[1-9]*'"),
        _check("ck_driving_clip_source_out_s_positive", "source_out_s GLOB '[1-9]*/[1-9]*'"),
        _check("ck_driving_clip_start_frame_not_negative", "start_frame >= 0"),
        _check("ck_driving_clip_length_frames_positive", "length_frames > 0"),
        _check("ck_driving_clip_speed_positive", "speed GLOB '[1-9]*/[1-9]*'"),
        _check("ck_driving_clip_loop_mode_known", "loop_mode IN ('once', 'hold', 'loop', 'ping_pong')"),
        _check("ck_driving_clip_face_index_not_negative", "face_index >= 0"),
        _check("ck_driving_clip_neutral_s_not_negative", "neutral_s GLOB '[0-9]*/[1-9]*'"),
        _check("ck_driving_clip_keep_sound_switch", "keep_sound IN (0, 1)"),
        _refers("fk_driving_clip_character_id_character", "character_id", "character", "CASCADE"),
        _refers("fk_driving_clip_asset_id_media_asset", "asset_id", "media_asset", "RESTRICT"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_driving_clip_asset_id", "driving_clip", ["asset_id"])
    op.create_index("ix_driving_clip_character_id", "driving_clip", ["character_id"])


def _create_face_region() -> None:
    op.create_table(
        "face_region",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("character_id", sa.Text(), nullable=False),
        sa.Column("shape", sa.Text(), nullable=False),
        sa.Column("feather", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_face_region"),
        sa.UniqueConstraint("character_id", name="uq_face_region_character_id"),
        _check("ck_face_region_shape_known", "shape IN ('box', 'ellipse')"),
        _check("ck_face_region_feather_share", "feather BETWEEN 0 AND 1"),
        _refers("fk_face_region_character_id_character", "character_id", "character", "CASCADE"),
        sqlite_with_rowid=False,
    )


def _create_intensity_curve() -> None:
    op.create_table(
        "intensity_curve",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("character_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_intensity_curve"),
        sa.UniqueConstraint("character_id", "channel", name="uq_intensity_curve_character_id_channel"),
        _check(
            "ck_intensity_curve_channel_known",
            "channel IN ('expression', 'head', 'eyes', 'mouth', 'emotion', 'voice', 'body_motion')",
        ),
        _refers("fk_intensity_curve_character_id_character", "character_id", "character", "CASCADE"),
        sqlite_with_rowid=False,
    )


def _create_take_file() -> None:
    op.create_table(
        "take_file",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("take_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("relative_path", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_take_file"),
        sa.UniqueConstraint("take_id", "position", name="uq_take_file_take_id_position"),
        _check("ck_take_file_position_not_negative", "position >= 0"),
        _check("ck_take_file_role_not_empty", "length(role) > 0"),
        _check("ck_take_file_relative_path_not_empty", "length(relative_path) > 0"),
        _check("ck_take_file_size_bytes_not_negative", "size_bytes >= 0"),
        _refers("fk_take_file_take_id_take", "take_id", "take", "CASCADE"),
        sqlite_with_rowid=False,
    )


def _create_voice_clip() -> None:
    op.create_table(
        "voice_clip",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("character_id", sa.Text(), nullable=False),
        sa.Column("asset_id", sa.Text(), nullable=False),
        sa.Column("source_in_s", sa.Text(), nullable=False),
        sa.Column("source_out_s", sa.Text(), nullable=False),
        sa.Column("start_frame", sa.Integer(), nullable=False),
        sa.Column("gain_db", sa.Float(), nullable=False),
        sa.Column("fade_in_s", sa.Text(), nullable=False),
        sa.Column("fade_out_s", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_voice_clip"),
        _check("ck_voice_clip_source_in_s_not_negative", "source_in_s GLOB '[0-9]*/[1-9]*'"),
        _check("ck_voice_clip_source_out_s_positive", "source_out_s GLOB '[1-9]*/[1-9]*'"),
        _check("ck_voice_clip_start_frame_not_negative", "start_frame >= 0"),
        _check("ck_voice_clip_fade_in_s_not_negative", "fade_in_s GLOB '[0-9]*/[1-9]*'"),
        _check("ck_voice_clip_fade_out_s_not_negative", "fade_out_s GLOB '[0-9]*/[1-9]*'"),
        _refers("fk_voice_clip_character_id_character", "character_id", "character", "CASCADE"),
        _refers("fk_voice_clip_asset_id_media_asset", "asset_id", "media_asset", "RESTRICT"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_voice_clip_asset_id", "voice_clip", ["asset_id"])
    op.create_index("ix_voice_clip_character_id", "voice_clip", ["character_id"])


def _create_curve_key() -> None:
    op.create_table(
        "curve_key",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("curve_id", sa.Text(), nullable=False),
        sa.Column("frame", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("interpolation", sa.Text(), nullable=False),
        sa.Column("handle_in_frames", sa.Float(), nullable=False),
        sa.Column("handle_in_value", sa.Float(), nullable=False),
        sa.Column("handle_out_frames", sa.Float(), nullable=False),
        sa.Column("handle_out_value", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_curve_key"),
        sa.UniqueConstraint("curve_id", "frame", name="uq_curve_key_curve_id_frame"),
        _check("ck_curve_key_frame_not_negative", "frame >= 0"),
        _check("ck_curve_key_interpolation_known", "interpolation IN ('hold', 'linear', 'bezier')"),
        _refers("fk_curve_key_curve_id_intensity_curve", "curve_id", "intensity_curve", "CASCADE"),
        sqlite_with_rowid=False,
    )


def _create_face_region_key() -> None:
    op.create_table(
        "face_region_key",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("region_id", sa.Text(), nullable=False),
        sa.Column("frame", sa.Integer(), nullable=False),
        sa.Column("x", sa.Float(), nullable=False),
        sa.Column("y", sa.Float(), nullable=False),
        sa.Column("width", sa.Float(), nullable=False),
        sa.Column("height", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_face_region_key"),
        sa.UniqueConstraint("region_id", "frame", name="uq_face_region_key_region_id_frame"),
        _check("ck_face_region_key_frame_not_negative", "frame >= 0"),
        _check("ck_face_region_key_x_not_negative", "x >= 0"),
        _check("ck_face_region_key_y_not_negative", "y >= 0"),
        _check("ck_face_region_key_width_positive", "width > 0"),
        _check("ck_face_region_key_height_positive", "height > 0"),
        _check("ck_face_region_key_inside_width", "x + width <= 1.000001"),
        _check("ck_face_region_key_inside_height", "y + height <= 1.000001"),
        _refers("fk_face_region_key_region_id_face_region", "region_id", "face_region", "CASCADE"),
        sqlite_with_rowid=False,
    )
