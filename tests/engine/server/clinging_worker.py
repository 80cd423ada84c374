"""A worker that says that memory ran out and does not end."""

import os
import sys
import threading
import time

from engine.protocol.codec import decode_order, encode_report
from engine.protocol.messages import WorkerAlive, WorkerOutOfMemory


def beat():
    while True:
        os.write(1, encode_report(WorkerAlive(ticks=0)))
        time.sleep(0.05)


if __name__ == "__main__":
    threading.Thread(target=beat, daemon=True).start()
    for line in sys.stdin.buffer:
        report = WorkerOutOfMemory(job_id=decode_order(line).job_id, told="Memory ran out.")
        os.write(1, encode_report(report))
    time.sleep(600)
