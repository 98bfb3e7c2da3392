"""The side-by-side benchmark: every proxy in one run, each on one core, rounds interleaved.

python bench/run.py                                    everything; writes bench/results.md
python bench/run.py --quick --only nginx,envoy,sealgate    CPU alone, under a minute
python bench/run.py --profile --only sealgate          where the worker's CPU time goes
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from accounting import pss_bytes
from measure import Effort, measure, stall, stream_memory
from profiling import profile
from proxies import Proxy, all_proxies
from report import Results, page, summary
from runner import BenchError, Cores, Running, running, upstream
from site_of_proxy import Site

HERE = Path(__file__).resolve().parent
_FILES = 65_536
_STARTS = 3
_STREAMS = 500
_QUICK = Effort(unary_s=2, streams=60, events=100, latency=False)


def arguments() -> argparse.Namespace:
    available = [proxy.name for proxy in all_proxies()]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help=f"comma-separated, of: {', '.join(available)}")
    parser.add_argument("--rounds", type=int, help="default 5, or 3 with --quick")
    parser.add_argument("--quick", action="store_true", help="CPU figures only; writes no file")
    parser.add_argument("--profile", action="store_true", help="sample the proxies' stacks instead")
    parser.add_argument("--output", type=Path, default=HERE / "results.md")
    parser.add_argument("--proxy-core", type=int, default=1)
    parser.add_argument("--load-core", type=int, default=0)
    given = parser.parse_args()
    given.only = given.only.split(",") if given.only else available
    unknown = set(given.only) - set(available)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(available)}")
    given.rounds = given.rounds or (3 if given.quick else 5)
    return given


def prepare(cores: Cores) -> None:
    """Checks what every run needs, and leaves the proxies' core to the proxies."""
    for tool in ("wrk", "taskset"):
        if shutil.which(tool) is None:
            raise BenchError(f"{tool} is not installed: run make bench-peers as root")
    if not {cores.proxy, cores.load} <= os.sched_getaffinity(0) or cores.proxy == cores.load:
        raise BenchError("two cores are needed: one for the proxy, one for the load")
    os.sched_setaffinity(0, {cores.load})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_FILES, hard), hard))


class Bench:
    """One run: the proxies stay up from their start to the end, and are loaded in turn."""

    def __init__(self, given: argparse.Namespace, folder: Path, stack: ExitStack) -> None:
        self.given = given
        self.folder = folder
        self.stack = stack
        self.cores = Cores(given.proxy_core, given.load_core)
        chosen = [proxy for proxy in all_proxies() if proxy.name in given.only]
        self.present = [proxy for proxy in chosen if proxy.program is not None]
        self.results = Results(
            chosen,
            versions(self.present),
            "python bench/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        )
        first = stack.enter_context(upstream(self.cores.load))
        second = stack.enter_context(upstream(self.cores.load))
        self.upstreams = (first, second)

    def start(self, proxy: Proxy) -> Running:
        """Starts it some times for the start-up time, and once more to stay."""
        starts = []
        for attempt in range(1 if self.given.quick or proxy.slow else _STARTS):
            place = self.folder / f"{proxy.name}-{attempt}"
            with running(proxy, self.cores.proxy, self.upstreams, place) as target:
                starts.append(target.start_ms)
        place = self.folder / proxy.name
        target = self.stack.enter_context(running(proxy, self.cores.proxy, self.upstreams, place))
        idle = pss_bytes(target.session)
        self.results.fixed[proxy.name] = {"start_ms": median(starts), "idle_bytes": idle}
        return target

    def direct(self) -> Running:
        """The upstream itself, for the latencies that the proxies add to."""
        folder = self.folder / "direct"
        folder.mkdir()
        return Running(None, Site(self.upstreams[0], *self.upstreams, folder), 0, 0.0)

    def interleave(self, targets: dict[str, Running], effort: Effort) -> None:
        """A B C, C B A, ...: whatever else the machine does hits all alike."""
        for turn in range(self.given.rounds):
            order = list(targets) if turn % 2 == 0 else list(reversed(targets))
            for name in order:
                print(f"round {turn + 1}/{self.given.rounds}: {name}", file=sys.stderr)
                sample = measure(targets[name], self.cores, effort)
                self.results.samples.setdefault(name, []).append(sample)

    def once(self, targets: dict[str, Running]) -> None:
        """What need not be repeated: memory under load, and hostile bodies."""
        for name, target in targets.items():
            if target.proxy is None:
                continue
            self.results.fixed[name]["loaded_bytes"] = pss_bytes(target.session)
            if not self.given.quick and not target.proxy.slow:
                print(f"{_STREAMS} streams: {name}", file=sys.stderr)
                found = stream_memory(target, self.cores, _STREAMS)
                self.results.fixed[name].update(found)
            if not self.given.quick and name in ("sealgate", "sealgate-body"):
                print(f"hostile bodies: {name}", file=sys.stderr)
                self.results.hostile[name] = stall(target, self.cores)

    def run(self) -> None:
        targets = {proxy.name: self.start(proxy) for proxy in self.present}
        if not self.given.quick:
            targets = {"direct": self.direct(), **targets}
        effort = _QUICK if self.given.quick else Effort()
        warm_up = Effort(1, 1, 20, 20, 10, latency=False)
        for target in targets.values():
            measure(target, self.cores, warm_up)
        self.interleave(targets, effort)
        self.once(targets)

    def profile(self) -> None:
        for proxy in self.present:
            place = self.folder / proxy.name
            with running(proxy, self.cores.proxy, self.upstreams, place) as target:
                print(profile(target, self.cores, HERE / ".peers" / "profiles"))


def versions(present: list[Proxy]) -> dict[str, str]:
    """What took part, by its own word."""
    arguments = sysconfig.get_config_var("CONFIG_ARGS") or ""
    # A distribution's own build is optimised by rules of its packaging.
    optimised = "--enable-optimizations" in arguments or sys.base_prefix == "/usr"
    build = "" if optimised else " (built without --enable-optimizations)"
    found = {"Python": platform.python_version() + build}
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    found["wrk"] = (said.stdout + said.stderr).split()[1].removeprefix("debian/")
    for proxy in present:
        label = proxy.label.partition(",")[0].partition(" server")[0]
        if label not in found and proxy.program is not None:
            found[label] = proxy.version(proxy.program)
    return found


def main() -> int:
    given = arguments()
    try:
        prepare(Cores(given.proxy_core, given.load_core))
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
            bench = Bench(given, Path(folder), stack)
            if given.profile:
                bench.profile()
                return 0
            bench.run()
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    if given.quick:
        print(summary(bench.results))
        return 0
    text = page(bench.results)
    print(text)
    # How well detection does is measured by `sealgate eval`, not here, and stays as it is written.
    given.output.write_text(f"{text.rstrip()}\n\n{(HERE / 'detection.md').read_text()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
