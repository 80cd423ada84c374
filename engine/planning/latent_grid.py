"""The grid of latents and tokens that Wan2.1's VAE and patches lay over frames and pixels.

4k+1 video frames give k+1 latent frames; a latent covers 8 x 8 pixels, a token 2 x 2 latents.
"""

from engine.protocol.errors import BugError

FRAMES_PER_LATENT = 4
LATENT_PIXELS = 8
TOKEN_PIXELS = 16


def latent_frame_count(frame_count: int) -> int:
    """Return k+1 for 4k+1 video frames; BugError for any other number."""
    if frame_count < 1 or (frame_count - 1) % FRAMES_PER_LATENT:
        raise BugError(f"{frame_count} video frames are not 4k+1")
    return (frame_count - 1) // FRAMES_PER_LATENT + 1


def model_side(pixels: int) -> int:
    """Return the side of the transformer's picture, in pixels: whole tokens that hold `pixels`."""
    return -(-pixels // TOKEN_PIXELS) * TOKEN_PIXELS
