"""The bundle that a request names: installed, as it was verified, able to move the characters."""

from pathlib import Path

from engine.bundles.availability import catalogue_of, unavailable
from engine.bundles.installed_bundle import Capability, InstalledBundle
from engine.bundles.registry import installed_bundle, require_unchanged
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.render_request import RenderRequest


def usable_bundle(data: Path, request: RenderRequest, name: str) -> InstalledBundle:
    """Return the bundle called `name`. `data`: the engine's data directory.

    Raises UserError: RENDERER_UNAVAILABLE for one that is not installed, has changed files, or lacks what a
    character needs; as reading the list of bundles does.
    """
    bundle = installed_bundle(data, name)
    require_unchanged(bundle)
    _require_capable(bundle, request)
    return bundle


def _require_capable(bundle: InstalledBundle, request: RenderRequest) -> None:
    for character in request.characters:
        for needed, is_needed, driver, follows in (
            (Capability.CLIP_DRIVEN, bool(character.driving), "a clip", "clips"),
            (Capability.VOICE_DRIVEN, bool(character.voices), "a voice", "voices"),
        ):
            if not is_needed or needed in bundle.capabilities:
                continue
            reasons = unavailable(catalogue_of(bundle), bundle.parts)
            reason = next((each.reason for each in reasons if each.capability is needed), "")
            raise UserError(
                f"“{character.name}” is driven by {driver}, and the model bundle {bundle.name} cannot "
                f"follow {follows}{f': {reason}' if reason else ''}.",
                next_step="Render with another bundle or in draft quality, or add what is missing and "
                f"check it with: masque models verify {bundle.name}.",
                code=ErrorCode.RENDERER_UNAVAILABLE,
                details={"bundle": bundle.name, "character": character.name},
            )
