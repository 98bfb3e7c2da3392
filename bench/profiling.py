"""Where the CPU time of a proxy written in Python goes, by py-spy under load."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from threading import Thread

from accounting import cpu_ns_of, session_pids
from measure import Effort, measure
from runner import BenchError, Cores, Running

_LINES = 40
_UNARY = Effort(unary_s=8, streams=1, events=1, latency=False)
_STREAMS = Effort(unary_s=1, streams=100, events=800, latency=False)


def busiest(session: int) -> int:
    """The process of a session that has used most CPU time: the worker."""
    return max(session_pids(session), key=cpu_ns_of)


def _record(pid: int, target: Path, duration_s: int) -> None:
    spy = shutil.which("py-spy", path=f"{Path(sys.executable).parent}") or shutil.which("py-spy")
    if spy is None:
        raise BenchError("py-spy is not installed: pip install py-spy")
    command = [spy, "record", "--native", "--rate", "500", "--format", "raw", "--nolineno"]
    command += ["--duration", str(duration_s), "--pid", str(pid), "--output", str(target)]
    subprocess.run(command, check=True, capture_output=True)


def ranking(raw: str) -> str:
    """The functions with most samples, by themselves and with what they call."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        own[frames[-1]] += int(count)
        for frame in set(frames):
            whole[frame] += int(count)
    total = sum(own.values()) or 1
    lines = [f"{'own %':>7} {'all %':>7}"]
    for title, ranked in (("by own time", own), ("with callees", whole)):
        lines.append(f"-- {title}")
        for name, _ in ranked.most_common(_LINES):
            lines.append(f"{own[name] / total:7.1%} {whole[name] / total:7.1%}  {name}")
    return "\n".join(lines)


def profile(target: Running, cores: Cores, folder: Path) -> str:
    """Samples the worker under requests, then under streams; leaves the stacks in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    assert target.proxy is not None  # noqa: S101  # narrows for mypy
    parts = []
    for kind, effort in (("requests", _UNARY), ("streams", _STREAMS)):
        measure(target, cores, Effort(1, 1, 10, 20, 10, latency=False))
        raw = folder / f"{target.proxy.name}-{kind}.txt"
        load = Thread(target=measure, args=(target, cores, effort))
        load.start()
        _record(busiest(target.session), raw, 7)
        load.join()
        parts.append(f"{target.proxy.label}, {kind} ({raw})\n{ranking(raw.read_text())}")
    return "\n\n".join(parts)
