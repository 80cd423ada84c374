"""The renderers there are, by name. One is loaded when it is first needed: they bring large libraries."""

from collections.abc import Mapping
from pathlib import Path

from engine.library_imports import large_imports
from engine.locations import engine_locations
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.render_request import RendererName
from engine.renderers.renderer import Renderer, RendererFactory


def _draft(cache: Path) -> Renderer:
    from engine.renderers.draft import DraftRenderer

    return DraftRenderer(cache)


def _diffusion(cache: Path) -> Renderer:
    with large_imports():
        from engine.renderers.diffusion import DiffusionRenderer

    return DiffusionRenderer(cache, engine_locations().data)


RENDERERS: Mapping[RendererName, RendererFactory] = {
    RendererName.DRAFT: _draft,
    RendererName.DIFFUSION: _diffusion,
}


def make_renderer(
    name: RendererName, cache: Path, renderers: Mapping[RendererName, RendererFactory] = RENDERERS
) -> Renderer:
    """Return the renderer of that name. Raises UserError(RENDERER_UNAVAILABLE)."""
    factory = renderers.get(name)
    if factory is None:
        raise UserError(
            f"This version of Masque has no {name.value} renderer.",
            next_step="Render in draft quality instead.",
            code=ErrorCode.RENDERER_UNAVAILABLE,
            details={"renderer": name.value},
        )
    return factory(cache)
