"""Bundles whose files were exchanged: the changes, and records in which nothing shows them."""

from dataclasses import replace

import torch
from safetensors.torch import load_file, save_file


def as_it_is(bundle):
    """Return a bundle's record that says of each file the size and the time it has now."""
    parts = {}
    for name, part in bundle.parts.items():
        states = [(bundle.folder / file.path).stat() for file in part.files]
        files = [
            replace(file, size_bytes=state.st_size, modified_ns=state.st_mtime_ns)
            for file, state in zip(part.files, states, strict=True)
        ]
        parts[name] = replace(part, files=tuple(files))
    return replace(bundle, parts=parts)


def put(path, content):
    """Replace a file, which may be a link, by another one."""
    path.unlink()
    path.write_bytes(content)


def change_safetensors(path, change):
    """Let `change` work on a file's tensors by name."""
    weights = load_file(path)
    change(weights)
    path.unlink()
    save_file(weights, path, metadata={"format": "pt"})


def change_checkpoint(path, change):
    """Let `change` work on what a torch checkpoint holds."""
    content = torch.load(path, weights_only=True)
    change(content)
    path.unlink()
    torch.save(content, path)
