"""How many buffers what is streamed passes through, by where it waits."""

DISK_BUFFERS = 3
"""Of blocks on the disk, how many are in host memory: one being copied, one ready, one being read."""

PINNED_BUFFERS = 2
"""Of items in memory that a card cannot read by itself, how many are brought to where it can."""

BANK_SLOTS = 2
"""Of keys and values on the host, those of how many blocks are on the device."""
