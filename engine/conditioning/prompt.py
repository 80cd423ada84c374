"""The prompt as the transformer reads it: cleaned, tokenised and encoded by UMT5.

Shapes: N a prompt's tokens, L = 512 tokens, D the text encoder's width (Wan2.1: 4096).
Source: Wan2.1's text conditioning, as in FantasyPortrait's `WanPrompter` and diffusers' Wan pipelines.
"""

import torch
from torch import Tensor

from engine.conditioning.condition_cache import cache_key
from engine.conditioning.finite_values import require_numbers
from engine.networks.encoders import TextEncoder
from engine.planning.prompt_text import PROMPT_TOKENS, clean_prompt

PROMPT_VERSION = 1


def prompt_key(text: str, *, weights: str, precision: str) -> str:
    """Return the cache's name of an encoded prompt; `weights`: identity of encoder and tokenizer."""
    return cache_key(
        "prompt", version=PROMPT_VERSION, text=clean_prompt(text), weights=weights, precision=precision
    )


def prompt_token_count(encoder: TextEncoder, text: str) -> int:
    """Return how many tokens a prompt has with its end token; those beyond PROMPT_TOKENS are not heard."""
    return len(encoder.tokenizer(clean_prompt(text), verbose=False).input_ids)


@torch.no_grad()
def encode_prompt(encoder: TextEncoder, text: str, device: torch.device) -> Tensor:
    """Return the prompt as [L, D], float32 on the processor; zeros behind its tokens.

    A prompt longer than PROMPT_TOKENS is cut and keeps its end token. Only the prompt's own tokens are
    computed: the padding of the published way is masked there, so it changes nothing but the time. The
    encoder's model lies on `device`. Raises UserError where its result holds no numbers.
    """
    words = encoder.tokenizer(
        clean_prompt(text), truncation=True, max_length=PROMPT_TOKENS, return_tensors="pt", verbose=False
    )
    encoded_LD = torch.zeros(PROMPT_TOKENS, encoder.model.config.d_model)
    ids_1N = words.input_ids.to(device=device, dtype=torch.int64)
    if ids_1N.shape[1]:
        mask_1N = torch.ones_like(ids_1N)
        hidden_1ND = encoder.model(input_ids=ids_1N, attention_mask=mask_1N).last_hidden_state
        encoded_LD[: ids_1N.shape[1]] = hidden_1ND[0].float().cpu()
    return require_numbers(encoded_LD, "The text encoder")
