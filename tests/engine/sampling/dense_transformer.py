"""diffusers' stock transformer with the adapters' rule spelled out: one dense mask over all windows.

The reference for the whole forward. Nothing here is grouped, gathered by region or kept from step to step:
each token's scores to the tokens of every character in every latent frame are computed; the rule says
which count.

Shapes: N tokens, H heads of width W, A tokens of all characters in all latent frames' windows; masks are
[N, A], factors [N], queries [H, N, W], keys and values [H, A, W].
"""

import torch
from torch.nn import functional

from engine.networks.shot_tokens import NOBODY
from engine.networks.token_windows import gather_windows
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import TextRole

TEXT_TOKENS = 512


class DenseAdapter:
    """One adapter: the tokens of all characters' windows, and which count for each token of the picture."""

    def __init__(self, projections, regions, characters):
        self.projections = projections
        frames, spatial = regions.owner_FS.shape
        labels = sorted(characters)
        self.tokens = torch.cat(
            [gather_windows(characters[n].tokens_KD, characters[n].windows).flatten(0, 1) for n in labels]
        )
        frame = torch.arange(frames).repeat_interleave(spatial)
        owner, share = regions.owner_FS.flatten(), regions.share_FS.flatten()
        strength = [characters[n].strength_F[frame] for n in labels]
        present = [characters[n].present_F[frame] & (s > 0) for n, s in zip(labels, strength, strict=True)]
        seen = [_seen(characters[n], frame) & here[:, None] for n, here in zip(labels, present, strict=True)]
        self.everyone = torch.cat(seen, dim=1)
        self.own = torch.cat(
            [mask & (owner == n)[:, None] for n, mask in zip(labels, seen, strict=True)], dim=1
        )
        own = [(owner == n) * factor for n, factor in zip(labels, strength, strict=True)]
        self.own_factor = share * torch.stack(own).sum(dim=0)
        heard = [here * factor for here, factor in zip(present, strength, strict=True)]
        strongest = torch.stack(heard).amax(dim=0)
        outside = torch.where(owner == NOBODY, torch.ones(()), 1 - share)
        self.everyone_factor = outside * strongest
        shares = [factor / strongest.clamp(min=1e-9) for factor in heard]
        self.everyone_bias = torch.cat(
            [s.log()[:, None].expand(-1, mask.shape[1]) for s, mask in zip(shares, seen, strict=True)], dim=1
        )

    def added(self, query, block):
        """What the adapter adds before the output projection, [H, N, W]."""
        keys, values = self.projections(self.tokens, block)
        keys, values = (rows.unflatten(1, (len(query), -1)).transpose(0, 1) for rows in (keys, values))
        scores = query @ keys.transpose(1, 2) / query.shape[2] ** 0.5
        own = _softmax(scores, self.own) @ values * self.own_factor[:, None]
        everyone = _softmax(scores + self.everyone_bias, self.everyone) @ values
        return own + everyone * self.everyone_factor[:, None]


def _seen(character, frame):
    """Which tokens of a character's windows each token of the picture may see: those of its latent frame."""
    frames, length = character.windows.indices_FL.shape
    window = torch.arange(frames).repeat_interleave(length)
    counted = (torch.arange(length) < character.windows.lengths_F[:, None]).flatten()
    return (frame[:, None] == window) & counted


def _softmax(scores, allowed):
    """The softmax over what is allowed; zeros where nothing is."""
    weights = scores.masked_fill(~allowed, -torch.inf).softmax(dim=-1)
    return weights.masked_fill(~allowed.any(dim=1)[:, None], 0)


class DenseCrossAttention:
    """The processor of one block's cross-attention: text + picture + adapters, then the output projection."""

    def __init__(self, block, adapters):
        self.block = block
        self.adapters = adapters

    def __call__(self, attention, hidden, context, _mask=None, _rotary=None):
        heads = attention.heads

        def by_head(rows):
            return rows.unflatten(-1, (heads, -1)).transpose(1, 2)

        picture, text = context[:, :-TEXT_TOKENS], context[:, -TEXT_TOKENS:]
        query = by_head(attention.norm_q(attention.to_q(hidden)))
        text_keys = by_head(attention.norm_k(attention.to_k(text)))
        picture_keys = by_head(attention.norm_added_k(attention.add_k_proj(picture)))
        found = functional.scaled_dot_product_attention(query, text_keys, by_head(attention.to_v(text)))
        found = found + functional.scaled_dot_product_attention(
            query, picture_keys, by_head(attention.add_v_proj(picture))
        )
        for adapter in self.adapters:
            found = found + adapter.added(query[0], self.block)[None]
        return attention.to_out[0](found.transpose(1, 2).flatten(2))


@torch.inference_mode()
def dense_forward(model, conditions, latents, timestep, text, adapters):
    """One forward of the stock transformer: a text, and those of the shot's adapters that speak."""
    transformer = model.transformer
    dense = [
        DenseAdapter(model.projections[name], conditions.regions, conditions.adapters[name])
        for name in sorted(adapters)
        if conditions.adapters.get(name)
    ]
    before = [block.attn2.processor for block in transformer.blocks]
    for number, block in enumerate(transformer.blocks):
        block.attn2.set_processor(DenseCrossAttention(number, dense))
    try:
        (velocity,) = transformer(
            hidden_states=torch.cat([latents, conditions.plate_20FHW])[None],
            timestep=timestep.reshape(1),
            encoder_hidden_states=conditions.text[text][None],
            encoder_hidden_states_image=conditions.image_tokens[None],
            return_dict=False,
        )
    finally:
        for block, processor in zip(transformer.blocks, before, strict=True):
            block.attn2.set_processor(processor)
    return velocity[0]


def densely_guided(model, conditions, latents, timestep, scales):
    """The published sum u + c (n - u) + a (p - n), branch after branch.

    With a scale of the voice's own: u + c (n - u) + a (e - n) + v (p - e), where e has all but the voice.
    """

    def forward(text, adapters):
        return dense_forward(model, conditions, latents, timestep, text, adapters)

    adapters = set(conditions.adapters)
    negative, plain = forward(TextRole.NEGATIVE, set()), forward(TextRole.PROMPT, set())
    full = forward(TextRole.PROMPT, adapters)
    guided = negative + scales.text * (plain - negative)
    if scales.voice is None:
        return guided + scales.adapters * (full - plain)
    silent = forward(TextRole.PROMPT, adapters - {AdapterName.VOICE})
    return guided + scales.adapters * (silent - plain) + scales.voice * (full - silent)
