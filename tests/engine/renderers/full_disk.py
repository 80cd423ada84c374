"""Disks that take no more."""

from contextlib import contextmanager


@contextmanager
def files_no_larger_than(size_bytes):
    """Let the system refuse what makes a file larger, as a full disk or a quota does."""
    import resource  # not on Windows

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
