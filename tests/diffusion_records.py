"""What a take remembers of the transformer, for tests that only need some of it."""

from fractions import Fraction

from engine.protocol.diffusion_record import DiffusionRecord
from engine.protocol.diffusion_settings import DiffusionSettings, Precision


def diffusion_record(**changes):
    """A record of a short render by the processor."""
    values = {
        "settings": DiffusionSettings(bundle="test", steps=2),
        "weights": {"transformer: weights.safetensors": "0" * 64},
        "branches": ("+1 (prompt)",),
        "forwards_per_step": 1,
        "forwards": 2,
        "device": "processor",
        "precision": Precision.FLOAT32,
        "model_width": 64,
        "model_height": 48,
        "model_frame_rate": Fraction(24),
        "model_frame_count": 9,
        "segments": 1,
    }
    return DiffusionRecord(**{**values, **changes})
