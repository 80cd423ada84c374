"""What an encoder expects of pictures and sound, by the `preprocessor_config.json` published with it."""

import math
from collections.abc import Mapping
from pathlib import Path

from engine.networks.encoders import SPEECH_SAMPLE_RATE
from engine.weights.weight_descriptions import read_json
from engine.weights.weight_errors import unreadable_description

DESCRIPTION_NAME = "preprocessor_config.json"

Channels = tuple[float, float, float]

# Where no description lies beside the weights: what CLIP and wav2vec 2.0 were trained with.
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


def picture_normalisation(folder: Path) -> tuple[Channels, Channels]:
    """Return mean and deviation per channel for values in 0..1.

    The description lies in the encoder's folder or, as diffusers keeps it, in `image_processor` beside it;
    with neither it is CLIP's own. Raises UserError for a damaged description.
    """
    for place in (folder, folder.parent / "image_processor"):
        path = place / DESCRIPTION_NAME
        if path.exists():
            content = read_json(path)
            return _channels(path, content, "image_mean"), _channels(path, content, "image_std")
    return _CLIP_MEAN, _CLIP_DEVIATION


def sound_description(folder: Path) -> tuple[int, bool]:
    """Return the sample rate in hertz, and whether sound is brought to mean 0 and variance 1.

    Without a description it is 16 kHz and normalised, as wav2vec2-base-960h. Raises UserError for a damaged
    one, and for another rate than the 16 kHz at which voices are heard.
    """
    path = folder / DESCRIPTION_NAME
    if not path.exists():
        return SPEECH_SAMPLE_RATE, True
    content = read_json(path)
    sample_rate, normalise = content.get("sampling_rate"), content.get("do_normalize")
    if not isinstance(sample_rate, int) or isinstance(sample_rate, bool):
        raise unreadable_description(path, "says no sampling_rate")
    if sample_rate != SPEECH_SAMPLE_RATE:
        said = f"says sampling_rate is {sample_rate}, but voices are given at {SPEECH_SAMPLE_RATE}"
        raise unreadable_description(path, said)
    if not isinstance(normalise, bool):
        raise unreadable_description(path, "does not say do_normalize")
    return SPEECH_SAMPLE_RATE, normalise


def check_latent_statistics(path: Path, key: str, values: object, *, channels: int) -> None:
    """Check that a VAE's description says a number for each channel of its latents, of deviations above 0.

    Raises UserError that names `path` and `key`.
    """
    numbers = [value for value in values if _is_number(value)] if isinstance(values, list | tuple) else []
    if len(numbers) != channels or (key == "latents_std" and min(numbers) <= 0):
        raise unreadable_description(path, f"says no {key} of {channels} channels")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _channels(path: Path, content: Mapping[str, object], key: str) -> Channels:
    values = content.get(key)
    if not isinstance(values, list) or not all(isinstance(value, int | float) for value in values):
        raise unreadable_description(path, f"says no {key}")
    if len(values) != len(_CLIP_MEAN) or (key == "image_std" and min(values) <= 0):
        raise unreadable_description(path, f"says no {key} of three channels")
    red, green, blue = (float(value) for value in values)
    return red, green, blue
