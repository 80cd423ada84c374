"""Intensity curves on the transformer's clock: gains around the neutral expression, and adapter strength.

Shapes: T model frames, F latent frames, E the 554 numbers of an expression.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.networks.expression_encoder import FeaturePart
from engine.planning.model_time import ModelTime
from engine.protocol.curves import Channel, Curve, value_at

PARTS: Mapping[Channel, slice] = {
    Channel.HEAD: FeaturePart.HEAD.value,
    Channel.EYES: FeaturePart.EYES.value,
    Channel.EMOTION: FeaturePart.EMOTION.value,
    Channel.MOUTH: FeaturePart.MOUTH.value,
}


def curve_values(curve: Curve | None, channel: Channel, time: ModelTime) -> NDArray[np.float64]:
    """Return a channel's value at each model frame [T]; where a bezier swings below 0 it is 0."""
    positions = map(time.project_position, range(time.model_frame_count))
    return np.array([max(0.0, value_at(curve, position, channel)) for position in positions])


def with_gains(
    features_TE: NDArray[np.float64], neutral_TE: NDArray[np.float64], curves: Mapping[Channel, Curve | None],
    time: ModelTime,
) -> NDArray[np.float64]:  # fmt: skip
    """Return features whose distance from the neutral is scaled, part by part, by the channels' curves.

    A gain of 1 leaves a part exactly as it is, 0 gives exactly the neutral.
    """
    scaled = features_TE.copy()
    for channel, part in PARTS.items():
        gain = curve_values(curves.get(channel), channel, time)[:, None]
        scaled[:, part] = (1.0 - gain) * neutral_TE[:, part] + gain * features_TE[:, part]
    return scaled


def strength_per_latent_frame(curve: Curve | None, channel: Channel, time: ModelTime) -> NDArray[np.float32]:
    """Return an adapter's strength in each latent frame [F]: the curve's mean over its model frames."""
    values = curve_values(curve, channel, time)
    spans = map(time.latent_span, range(time.latent_frames))
    return np.array([values[span.start : span.stop].mean() for span in spans], np.float32)
