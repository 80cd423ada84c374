"""`python -m engine.worker`: the server's child that renders."""

import sys

from engine.renderers.catalogue import RENDERERS
from engine.worker.main import run_worker

if __name__ == "__main__":
    sys.exit(run_worker(RENDERERS))
