"""A bundle's transformer, loaded for a shot as the attempt's plan says."""

from collections.abc import Callable

from engine.bundles.installed_bundle import PartName
from engine.protocol.memory_plan import HostPlace
from engine.renderers.diffusion_models import BundleModels
from engine.renderers.diffusion_shot import DiffusionShot
from engine.sampling.planned_transformer import PlannedTransformer, TransformerLoading


def shot_transformer(
    models: BundleModels, shot: DiffusionShot, *, check: Callable[[], None]
) -> PlannedTransformer:
    """Load the transformer out of the bundle's files. `check` as for PlannedTransformer; raises what it does,
    and UserError(NOT_WRITABLE) where blocks cannot lie on the disk.
    """
    on_disk = models.plan.host_place is HostPlace.DISK
    loading = TransformerLoading(
        source=models.transformer_files(),
        weights=models.identity(PartName.TRANSFORMER),
        plan=models.plan,
        device=models.device,
        projections=shot.projections,
        conditions=shot.conditions,
        folder=models.block_folder() if on_disk else None,
    )
    return PlannedTransformer(loading, check=check, getting_on=models.getting_on)
