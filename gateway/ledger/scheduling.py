"""How the sequencer asks the kernel to be run: it is in no hurry, and those it runs beside are.

Linux 6.12 and later lets a task say how long a slice it wants (`sched_attr.sched_runtime` of a
normal task). Who asks for a long one is put off whenever somebody with a shorter one wakes, and
gets the same share of the processor as before, in longer pieces. So a request that arrives while a
batch is being signed does not wait for the end of the batch's slice. Elsewhere nothing is changed.
"""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import struct
import sys
from typing import Final

BEHIND_BYTES: Final = 4_194_304
"""With less in the journals the sequencer steps aside now and then; with more it is behind."""
BREATH_ENTRIES: Final = 8
BREATH_S: Final = 0.0005
"""So long it steps aside behind so many entries, which take it about a millisecond."""
SLICE_NS: Final = 100_000_000
"""The longest that the kernel takes."""
_CALLS: Final = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
"""The number of sched_setattr(2); no library has a function for it."""
_ATTRIBUTES: Final = struct.Struct("=IIQiIQQQ")
"""`struct sched_attr`: size, policy, flags, nice, priority, runtime, deadline, period."""

_log = logging.getLogger("sealgate.ledger")


def ask_for_long_slices() -> bool:
    """Whether the kernel took it, for the calling thread. What does not know it changes nothing."""
    number = _CALLS.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return False
    policy = os.sched_getscheduler(0)
    if policy != os.SCHED_OTHER:
        return False  # somebody chose another one for us
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, policy, 0, nice, 0, SLICE_NS, 0, 0)
    failed: int = ctypes.CDLL(None, use_errno=True).syscall(number, 0, attributes, 0)
    if failed:
        _log.debug("sched_setattr: %s", os.strerror(ctypes.get_errno()))
    return not failed
