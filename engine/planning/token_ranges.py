"""Which tokens of a character's timeline belong to each latent frame, as ranges.

A range is a pair of indices into the timeline, the last one included; it may reach outside. Latent frame 0
holds video frame 0, latent frame i holds the frames 4i-3 to 4i.
"""

from engine.planning.latent_grid import FRAMES_PER_LATENT, latent_frame_count

TOKENS_PER_VIDEO_FRAME = 24
VOICE_MARGIN_TOKENS = 4


def expression_ranges(frame_count: int) -> list[tuple[int, int]]:
    """Return the range of each latent frame: the tokens of its video frames and the one before them.

    Source: FantasyPortrait, `split_audio_adapter_sequence`.
    """
    step = FRAMES_PER_LATENT * TOKENS_PER_VIDEO_FRAME
    last = TOKENS_PER_VIDEO_FRAME - 1
    return [(last + step * (i - 1), last + step * i) for i in range(latent_frame_count(frame_count))]


def voice_ranges(frame_count: int, token_count: int) -> list[tuple[int, int]]:
    """Return the range around the middle of each latent frame's time, as long as four video frames.

    The first is as long as the others and ends where the second begins. Source: FantasyTalking,
    `split_audio_sequence`.
    """
    latent_frames = latent_frame_count(frame_count)
    half = FRAMES_PER_LATENT * token_count // (2 * frame_count)
    middles = [_voice_middle(i, frame_count, token_count) for i in range(1, max(latent_frames, 2))]
    first_end = middles[0] - half
    ranges = [(first_end - 2 * half, first_end), *((middle - half, middle + half) for middle in middles)]
    return ranges[:latent_frames]


def _voice_middle(latent_frame: int, frame_count: int, token_count: int) -> int:
    """Return the token before the middle of latent frame i's frames 4i-3 to 4i."""
    tokens_per_frame = token_count / frame_count
    start = tokens_per_frame * (FRAMES_PER_LATENT * (latent_frame - 1) + 1)
    end = tokens_per_frame * (FRAMES_PER_LATENT * latent_frame + 1)
    # A middle that falls on a token must round the way it did in training: floating point, in this order.
    return int((start + end) / 2) - 1
