"""A worker that beats and never reads its orders."""

import itertools
import os
import time

from engine.protocol.codec import encode_report
from engine.protocol.messages import WorkerAlive

if __name__ == "__main__":
    for ticks in itertools.count():
        os.write(1, encode_report(WorkerAlive(ticks=ticks)))
        time.sleep(0.05)
