"""A prompt's text as it is tokenised, and how much of it is heard."""

import html
import re

import ftfy

PROMPT_TOKENS = 512


def clean_prompt(text: str) -> str:
    """Return a prompt with broken characters and HTML entities mended and white space made single spaces."""
    mended = html.unescape(html.unescape(ftfy.fix_text(text)))
    return re.sub(r"\s+", " ", mended).strip()
