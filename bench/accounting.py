"""What a process tree costs: CPU time by the kernel's accounting, and memory."""

from __future__ import annotations

import time
from pathlib import Path

# The kernel's number for the CPU time of a whole process, threads that ended included
# (CPUCLOCK_SCHED of clock_getcpuclockid(3)); nanoseconds, where /proc/PID/stat has 10 ms ticks.
_CPUCLOCK_SCHED = 2
_SESSION_FIELD = 3


def session_pids(session: int) -> list[int]:
    """Every live process of the session `session`: a proxy, its workers and their helpers."""
    pids = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                after_name = (entry / "stat").read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue
            if int(after_name[_SESSION_FIELD]) == session and after_name[0] != b"Z":
                pids.append(int(entry.name))
    return pids


def cpu_ns_of(pid: int) -> int:
    """CPU time of one process so far, user and system, all its threads; 0 if it is gone."""
    try:
        return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)
    except OSError:
        return 0


def cpu_ns_by_process(session: int) -> dict[int, int]:
    """CPU time of each process of a session so far."""
    return {pid: cpu_ns_of(pid) for pid in session_pids(session)}


def is_sequencer(pid: int) -> bool:
    """Whether a process makes receipts of what the workers wrote down."""
    try:
        return b"gateway.ledger.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def spent_since(before: dict[int, int], session: int) -> tuple[int, int]:
    """What a session has spent since `before`: all of it, and its busiest process but a sequencer.

    In nanoseconds.
    """
    now = cpu_ns_by_process(session)
    spent = {pid: ns - before.get(pid, 0) for pid, ns in now.items()}
    serving = [ns for pid, ns in spent.items() if not is_sequencer(pid)]
    return sum(spent.values()), max(serving, default=0)


def pss_bytes(session: int) -> int:
    """Resident memory of a session; a page shared by n processes counts 1/n in each (PSS)."""
    total = 0
    for pid in session_pids(session):
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_bytes()
        except OSError:
            continue
        for line in rollup.splitlines():
            if line.startswith(b"Pss:"):
                total += int(line.split()[1]) * 1024
    return total
