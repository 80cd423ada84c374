"""Movies that several tests read are written once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.media.movies import Movie, write_movie


@pytest.fixture(scope="session")
def movies(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write (once each) a movie of a name and Movie's fields, and return its path."""
    folder = tmp_path_factory.mktemp("movies")

    def make(name: str, **fields: object) -> Path:
        path = folder / name
        return path if path.exists() else write_movie(path, Movie(**fields))  # type: ignore[arg-type]

    return make
