"""A machine with a card whose memory is what a test says."""

from dataclasses import replace

import torch

from engine.planning.machine import Machine, MemoryNow
from engine.renderers.diffusion_characters import Watch
from tests.engine.planning.machines import GB, card

CARD = torch.device("cuda", 0)
WATCH = Watch(tell=lambda phase: None, should_stop=lambda: False)


class Host:
    """What is free of the host's memory and of the card's, and what others use of the host's."""

    def __init__(self):
        self.machine = card(12 * GB, host_bytes=64 * GB)
        self.host_others_bytes = 4 * GB

    def known(self, data, cache) -> Machine:
        return self.machine

    def now(self, device) -> MemoryNow:
        return self.machine.now

    def free(self, free_bytes, *, total_bytes=64 * GB):
        self._change(host_free_bytes=free_bytes, host_total_bytes=total_bytes)

    def free_on_card(self, free_bytes):
        total_bytes = self.machine.now.device_total_bytes
        self._change(device_free_bytes=free_bytes, others_bytes=total_bytes - free_bytes)

    def limit(self, limit_bytes):
        self._change(limit_bytes=limit_bytes)

    def _change(self, **changes):
        self.machine = replace(self.machine, now=replace(self.machine.now, **changes))
