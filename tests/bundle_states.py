"""Records of bundles whose files were exchanged so that nothing shows it."""

from dataclasses import replace


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
