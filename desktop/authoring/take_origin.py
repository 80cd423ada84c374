"""How a take was made, read from what is kept with it: the request, and the record of a finished render."""

import logging
from dataclasses import dataclass

from engine.protocol.codec import decode_request, decode_result
from engine.protocol.diffusion_record import DiffusionRecord
from engine.protocol.diffusion_settings import DiffusionSettings
from engine.protocol.errors import UserError
from projects_db.records import TakeRecord

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOrigin:
    """What is known of a take's making. `settings` are there for a diffusion take from the moment it is
    queued, `record` once it is finished, as are `warnings`: what the render had to tell, in sentences.
    """

    renderer: str
    settings: DiffusionSettings | None = None
    record: DiffusionRecord | None = None
    warnings: tuple[str, ...] = ()

    @property
    def is_noise(self) -> bool:
        """Whether a bundle of random weights made it."""
        return self.record is not None and self.record.random_weights


def take_origin(take: TakeRecord) -> TakeOrigin:
    """Return how a take was made. What cannot be read, as of another version, is unknown, and is logged."""
    try:
        result = None if take.result is None else decode_result(take.result)
        record = None if result is None else result.diffusion
        settings = decode_request(take.request).diffusion if record is None else record.settings
    except UserError as error:
        LOG.info("Take %s does not tell how it was made: %s", take.id, error)
        return TakeOrigin(renderer=take.renderer)
    warnings = () if result is None else result.warnings
    return TakeOrigin(renderer=take.renderer, settings=settings, record=record, warnings=warnings)
