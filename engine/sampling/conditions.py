"""All that the transformer is told about a shot, besides the noise.

Shapes: F latent frames, H and W latent rows and columns, C the transformer's width.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from engine.networks.shot_tokens import NOBODY, CharacterTokens, TokenRegions
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import ShotBranches, TextRole


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShotConditions:
    """The conditions of a shot or of a piece of it.

    `text`: [512, text width] for each role that a branch reads; `image_tokens`: [257, image width];
    `plate_20FHW`: the mask's 4 channels and the 16 of the known frames' latents; `adapters`: for each adapter
    the characters that have anything for it; `time_offset_C`: added to the timestep's embedding (motion
    intensity), or None.
    """

    text: Mapping[TextRole, torch.Tensor]
    image_tokens: torch.Tensor
    plate_20FHW: torch.Tensor
    regions: TokenRegions
    adapters: Mapping[AdapterName, Mapping[int, CharacterTokens]]
    time_offset_C: torch.Tensor | None = None

    @property
    def branches(self) -> ShotBranches:
        """What the guidance has to tell apart.

        An adapter says nothing where its strength is 0 throughout, or where all the picture belongs to
        characters that have nothing for it.
        """
        speaking = [name for name, people in self.adapters.items() if _speaks(self.regions, people)]
        positive, negative = self.text.get(TextRole.PROMPT), self.text.get(TextRole.NEGATIVE)
        same = negative is None or (positive is not None and torch.equal(positive, negative))
        return ShotBranches(adapters=frozenset(speaking), texts_differ=not same)

    def frames(self, start: int, end: int, plate_20FHW: torch.Tensor) -> "ShotConditions":
        """Return the conditions of latent frames `start` to `end` (exclusive), with a plate of their own.

        Tokens are cut from the one timeline of the shot by absolute frame, never windowed anew.
        """
        return replace(
            self,
            plate_20FHW=plate_20FHW,
            regions=self.regions.frames(start, end),
            adapters={
                name: {label: tokens.frames(start, end) for label, tokens in characters.items()}
                for name, characters in self.adapters.items()
            },
        )

    def compacted(self) -> "ShotConditions":
        """Return the same with only those tokens that these latent frames attend to."""
        return replace(
            self,
            adapters={
                name: {label: tokens.compacted() for label, tokens in characters.items()}
                for name, characters in self.adapters.items()
            },
        )


def _speaks(regions: TokenRegions, characters: Mapping[int, CharacterTokens]) -> bool:
    owner_FS, share_FS = regions.owner_FS, regions.share_FS
    shared_F = ((owner_FS == NOBODY) | (share_FS < 1)).any(dim=1)
    for label, tokens in characters.items():
        own_F = ((owner_FS == label) & (share_FS > 0)).any(dim=1)
        if bool((tokens.present_F & (tokens.strength_F != 0) & (own_F | shared_F)).any()):
            return True
    return False
