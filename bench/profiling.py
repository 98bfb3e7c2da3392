"""Where the CPU time of a proxy written in Python goes, by py-spy under load."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from threading import Thread

from accounting import cpu_ns_of, session_pids
from measure import Effort, measure
from runner import BenchError, Cores, Running

_LINES = 45
_UNARY = Effort(unary_s=8, streams=1, events=1, latency=False)
_STREAMS = Effort(unary_s=1, streams=100, events=800, latency=False)
_UNARY_S_BEFORE_STREAMS = 1.5
_LOOK_S = 0.3
_PRICES = Effort(unary_s=3, latency=False)
_LINE = re.compile(r":\d+(?=\)$)")
_IDLE = "Condition.wait"  # a waiting thread; py-spy takes it for a running one in some machines


def busiest(session: int) -> int:
    """The process of a session that uses most CPU time now: the worker, once it is loaded."""
    before = {pid: cpu_ns_of(pid) for pid in session_pids(session)}
    time.sleep(_LOOK_S)
    return max(before, key=lambda pid: cpu_ns_of(pid) - before[pid])


def _record(pid: int, target: Path, duration_s: int) -> None:
    spy = shutil.which("py-spy", path=f"{Path(sys.executable).parent}") or shutil.which("py-spy")
    if spy is None:
        raise BenchError("py-spy is not installed: pip install py-spy")
    command = [spy, "record", "--rate", "1000", "--format", "raw", "--function"]
    command += ["--duration", str(duration_s), "--pid", str(pid), "--output", str(target)]
    subprocess.run(command, check=True, capture_output=True)


def ranking(raw: str, price_us: float) -> str:
    """The functions with most samples, alone and with what they call, as shares of `price_us`."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [_LINE.sub("", frame) for frame in stack.split(";")]
        if frames[-1].startswith(_IDLE):
            continue
        own[frames[-1]] += int(count)
        for frame in set(frames):
            whole[frame] += int(count)
    total = sum(own.values()) or 1
    lines = [f"{'own us':>7} {'all us':>7}  of {price_us:.1f} us"]
    for title, ranked in (("by own time", own), ("with callees", whole)):
        lines.append(f"-- {title}")
        for name, _ in ranked.most_common(_LINES):
            mine, all_of_it = (count[name] / total * price_us for count in (own, whole))
            lines.append(f"{mine:7.2f} {all_of_it:7.2f}  {name}")
    return "\n".join(lines)


def profile(target: Running, cores: Cores, folder: Path) -> str:
    """Samples the worker under requests, then under streams; leaves the stacks in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    assert target.proxy is not None  # noqa: S101  # narrows for mypy
    parts = []
    prices = measure(target, cores, _PRICES).figures
    for kind, figure, effort in (
        ("requests", "request_cpu_us", _UNARY),
        ("streams", "event_cpu_us", _STREAMS),
    ):
        raw = folder / f"{target.proxy.name}-{kind}.txt"
        load = Thread(target=measure, args=(target, cores, effort))
        load.start()
        time.sleep(_UNARY_S_BEFORE_STREAMS if kind == "streams" else 0)
        _record(busiest(target.session), raw, 7)
        load.join()
        ranked = ranking(raw.read_text(), prices[figure])
        parts.append(f"{target.proxy.label}, {kind} ({raw})\n{ranked}")
    return "\n\n".join(parts)
