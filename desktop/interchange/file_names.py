"""Names of delivered files: readable, and safe on every file system and in every editing tool."""

import re
import unicodedata
from collections.abc import Iterable

LONGEST_WORD_BYTES = 60
_NOT_IN_NAMES = re.compile(r"[^\w-]+")


def shot_stem(project_name: str, scene_name: str, take_number: int) -> str:
    """Return `<project>_<scene>_take03`."""
    return f"{name_word(project_name)}_{name_word(scene_name)}_take{take_number:02d}"


def name_word(text: str) -> str:
    """Return `text` as part of a file name: letters of any script, digits, dashes; at most 60 UTF-8 bytes."""
    composed = unicodedata.normalize("NFC", text)
    word = _NOT_IN_NAMES.sub("-", composed).strip("-_").encode()[:LONGEST_WORD_BYTES].decode(errors="ignore")
    return word.rstrip("-_") or "untitled"


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """Return `wanted`, or `wanted-2`, `wanted-3` … where it is taken in large or small letters."""
    used = {name.casefold() for name in taken}
    candidate, number = wanted, 2
    while candidate.casefold() in used:
        candidate = f"{wanted}-{number}"
        number += 1
    return candidate
