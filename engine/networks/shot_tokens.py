"""What the characters of a shot bring to the adapters, and where on the picture it belongs.

Shapes: F latent frames, S tokens of one latent frame (height/16 x width/16, row by row), K tokens on the
timeline, D the adapter's width. Characters are numbered from 1; 0 is nobody.
"""

from dataclasses import dataclass, replace

import torch

from engine.networks.token_windows import ZERO_TOKEN, TokenWindows

NOBODY = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRegions:
    """Whose each latent token is: `owner_FS` (int64), and for how much (`share_FS`, float32 in 0..1).

    A token with share w takes w of what its owner's tokens say and 1-w of what a token outside every region
    gets; inside a region without feather w is 1. A token of nobody has share 0.
    """

    owner_FS: torch.Tensor
    share_FS: torch.Tensor

    def frames(self, start: int, end: int) -> "TokenRegions":
        """Return the regions of latent frames `start` to `end` (exclusive)."""
        return TokenRegions(owner_FS=self.owner_FS[start:end], share_FS=self.share_FS[start:end])


@dataclass(frozen=True, slots=True, kw_only=True)
class CharacterTokens:
    """One character's tokens for one adapter over the whole shot.

    `tokens_KD`: the timeline; `windows`: per latent frame, into it; `strength_F` (float32): the factor of the
    adapter's output; `present_F` (bool): whether the character has anything for this adapter there.
    """

    tokens_KD: torch.Tensor
    windows: TokenWindows
    strength_F: torch.Tensor
    present_F: torch.Tensor

    def speaks(self, frame: int) -> bool:
        """Return whether the character has anything for this adapter in a latent frame, and says it."""
        return bool(self.present_F[frame]) and bool(self.strength_F[frame])

    def frames(self, start: int, end: int) -> "CharacterTokens":
        """Return the tokens of latent frames `start` to `end` (exclusive); the timeline stays whole."""
        return CharacterTokens(
            tokens_KD=self.tokens_KD,
            windows=self.windows.frames(start, end),
            strength_F=self.strength_F[start:end],
            present_F=self.present_F[start:end],
        )

    def compacted(self) -> "CharacterTokens":
        """Return the same with a timeline of only those tokens that a window shows.

        A piece of a long shot then needs keys and values for its own tokens alone.
        """
        indices_FL = self.windows.indices_FL
        used = indices_FL[indices_FL >= 0].unique()
        numbers = torch.full((self.tokens_KD.shape[0] + 1,), ZERO_TOKEN, dtype=torch.int64)
        numbers[used] = torch.arange(used.numel())
        renumbered = numbers[torch.where(indices_FL < 0, self.tokens_KD.shape[0], indices_FL)]
        return replace(
            self,
            tokens_KD=self.tokens_KD[used],
            windows=TokenWindows(indices_FL=renumbered, lengths_F=self.windows.lengths_F),
        )
