"""Which project frames each piece of a shot brings, at any pair of rates."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.planning.model_time import model_time
from engine.protocol.diffusion_settings import DiffusionSettings
from engine.renderers.diffusion_shot import DiffusionShot

RATES = st.sampled_from(
    [Fraction(r) for r in ("12", "24000/1001", "24", "25", "30000/1001", "50", "60", "1")]
)
MODEL_RATES = st.sampled_from([Fraction(r) for r in ("16", "23", "25", "15/2", "30")])
SETTINGS = DiffusionSettings(bundle="test", segment_frames=9, overlap_frames=5)


def shot_of(rate, model_rate, frame_count, segment):
    return DiffusionShot(
        request=None,
        settings=replace(SETTINGS, segment_frames=segment),
        time=model_time(rate, frame_count, model_rate),
        fit=None,
        conditions=None,
        projections={},
        scales=None,
    )


@settings(max_examples=100, deadline=None)
@given(
    rate=RATES, model_rate=MODEL_RATES, frame_count=st.integers(1, 60), segment=st.sampled_from([9, 13, 81])
)
def test_pieces_bring_every_project_frame_once_from_model_frames_they_have(
    rate, model_rate, frame_count, segment
):
    shot = shot_of(rate, model_rate, frame_count, segment)
    brought = [shot.project_frames(piece) for piece in shot.pieces]
    assert [frame for frames in brought for frame in frames] == list(range(frame_count))
    for piece, frames in zip(shot.pieces, brought, strict=True):
        known_until = piece.first_frame + piece.known_frames - 1 if piece.known else -1
        has_until = piece.first_frame + piece.frame_count - 1
        assert all(known_until < shot.time.model_position(frame) <= has_until for frame in frames)
