"""Pictures drawn a little ahead, on several cores, and handed out in order."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

_MOST_THREADS = 4


def pictures_ahead(draw: Callable[[int], Picture], start: int, end: int) -> Iterator[tuple[int, Picture]]:
    """Yield frames `start` to `end` (exclusive) with their pictures; several threads call `draw`."""
    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads, thread_name_prefix="draw") as pool:
        ahead: deque[tuple[int, Future[Picture]]] = deque()
        try:
            for frame in range(start, end):
                ahead.append((frame, pool.submit(draw, frame)))
                if len(ahead) > threads:
                    number, picture = ahead.popleft()
                    yield number, picture.result()
            while ahead:
                number, picture = ahead.popleft()
                yield number, picture.result()
        finally:
            for _, picture in ahead:
                picture.cancel()
