"""A scene's prompts: what diffusion quality should show, and what it should not, in words."""

from engine.protocol.errors import UserError

LONGEST_PROMPT = 4000


def prompt_text(text: str) -> str:
    """Return a prompt as it is kept, without the white space around it.

    Raises UserError when it is longer than any text encoder reads.
    """
    kept = text.strip()
    if len(kept) > LONGEST_PROMPT:
        raise UserError(
            f"A prompt of {len(kept):,} letters is too long.",
            next_step=f"Shorten it to {LONGEST_PROMPT:,} letters; only about the first 500 words are read.",
        )
    return kept
