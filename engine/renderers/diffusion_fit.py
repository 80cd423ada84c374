"""Whether the networks of a render fit each other, and what was encoded for them.

A bundle is checked when it is added; this is for a file that was exchanged since and looks the same.
"""

from diffusers import AutoencoderKLWan
from diffusers.configuration_utils import FrozenDict

from engine.bundles.installed_bundle import PartName
from engine.planning.adapter_names import AdapterName
from engine.renderers.diffusion_shot import DiffusionShot
from engine.weights.network_sizes import adapter_sizes, transformer_sizes
from engine.weights.part_fit import check_fit

_ADAPTERS = {
    AdapterName.EXPRESSION: PartName.EXPRESSION_ADAPTER,
    AdapterName.VOICE: PartName.VOICE_ADAPTER,
}


def check_networks_fit(config: FrozenDict, shot: DiffusionShot) -> None:
    """Check all that meets in a transformer of this config. Raises UserError naming two parts and sizes."""
    conditions = shot.conditions
    text_KD = next(iter(conditions.text.values()))
    adapters = {_ADAPTERS[name]: adapter_sizes(part) for name, part in shot.projections.items()}
    check_fit(
        {
            PartName.TRANSFORMER: transformer_sizes(config),
            PartName.TEXT_ENCODER: {"text_width": text_KD.shape[1]},
            PartName.IMAGE_ENCODER: {"image_width": conditions.image_tokens.shape[1]},
            **adapters,
        }
    )


def check_vae_fits(config: FrozenDict, vae: AutoencoderKLWan) -> None:
    """Check a VAE against a transformer of this config. Raises UserError naming both and their sizes."""
    check_fit(
        {
            PartName.TRANSFORMER: transformer_sizes(config),
            PartName.VAE: {"latent_channels": vae.config.z_dim},
        }
    )
