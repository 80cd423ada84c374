"""How many bytes the number formats take."""

from collections.abc import Mapping

from engine.protocol.diffusion_settings import Precision

FLOAT32_BYTES = 4
NUMBER_BYTES: Mapping[Precision, int] = {
    Precision.FLOAT32: FLOAT32_BYTES,
    Precision.BFLOAT16: 2,
    Precision.FLOAT16: 2,
}
"""Of one number; AUTO is settled before anything is planned."""
