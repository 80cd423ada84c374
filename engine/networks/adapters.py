"""An adapter as it is handed from the weights to the conditioning and the sampling."""

from dataclasses import dataclass

from engine.networks.adapter_projections import AdapterProjections
from engine.networks.expression_tokens import ExpressionTokens
from engine.networks.voice_tokens import VoiceTokens


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpressionAdapter:
    """FantasyPortrait: expression features to tokens, and the tokens into each block."""

    tokens: ExpressionTokens
    projections: AdapterProjections


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VoiceAdapter:
    """FantasyTalking: speech features to tokens, and the tokens into each block."""

    tokens: VoiceTokens
    projections: AdapterProjections
