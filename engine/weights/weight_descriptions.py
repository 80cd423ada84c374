"""The small JSON files beside weights: an index that names the shards, a description of the network."""

import json
from collections.abc import Mapping
from pathlib import Path

from engine.weights.file_state import check_is_a_file
from engine.weights.weight_errors import unreadable_description

CONFIG_NAME = "config.json"
INDEX_SUFFIX = ".index.json"


def shards_of_index(index: Path) -> tuple[Path, ...]:
    """Return the shards that an index (`*.index.json`) names, in order.

    Raises UserError for an index that cannot be read or leads out of its folder, and for a missing shard.
    """
    content = read_json(index)
    names = content.get("weight_map")
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise unreadable_description(index, "names no shards")
    shards = [index.parent / name for name in sorted(set(names.values()))]
    for shard in shards:
        if shard.parent != index.parent:
            raise unreadable_description(index, f"looks for {shard.name} in another folder")
        check_is_a_file(shard)
    return tuple(shards)


def read_json(path: Path) -> Mapping[str, object]:
    """Return what a small JSON file beside weights says. Raises UserError for a missing or damaged one."""
    check_is_a_file(path)
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable_description(path, "is no valid JSON") from error
    if not isinstance(content, dict):
        raise unreadable_description(path, "holds no names")
    return content
