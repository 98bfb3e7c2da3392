"""What a plugin may use besides the exchange: a clock, a logger, background tasks."""

from __future__ import annotations

import logging
import time
from asyncio import Task, get_running_loop
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.errors import SealgateError
from gateway.plugin.identity import Directory
from gateway.plugin.journal import Durability, Journal, OnLedgerFailure
from gateway.plugin.limits import CounterStore
from gateway.plugin.scores import ScoreStore
from gateway.plugin.values import ValueStore


def _no_lag() -> float:
    return 0.0


def _no_stores(name: str) -> CounterStore:
    raise ValueError(f'there is no store "{name}" here')


def _no_values(name: str) -> ValueStore:
    raise ValueError(f'there is no store "{name}" here')


def _no_keys() -> Callable[[str], bytes]:
    raise ValueError("there is no key for sealed values here")


def _no_journal(durability: Durability | None) -> Journal:
    del durability
    raise SealgateError("no ledger is kept here; see `ledger.enabled` in gateway.yaml")


def _no_scores(name: str, required: bool) -> ScoreStore | None:
    del name, required
    return None


def _no_alarm() -> str:
    return ""


def _count_nothing(plugin: str, event: str) -> None:
    del plugin, event


@dataclass(slots=True)
class Runtime:
    """Handed to each plugin when it is made; tests inject their own.

    `monotonic` gives seconds for limits and time-outs, `wall` seconds since 1970 for records.
    `counters` gives a store of gateway.yaml by its name and raises ValueError, with the cure, where
    there is none or it cannot be used with these workers; `values` gives what the same store keeps
    besides. `scores` gives the scores that a store shares, None where it is in the memory of one
    worker; the second argument says that sharing is required, which is refused with the cure where
    it cannot be. `tenant_keys` reads the secret of this gateway (it may block) and gives what
    derives a key of 32 bytes for each tenant from it. `directory` is None where no identity is
    kept.
    `journal` gives this worker's journal of the ledger for a durability (None: the one of the
    settings), a fresh one where it has failed; it does input and output, and raises SealgateError
    where there is none to be had. `ledger_alarm` reads why the log of this node must not be signed
    now (`chain_failure`, `signature_failure`, `rollback`), or "". `on_ledger_failure` is what the
    settings say for policies that do not choose. `trusted_proxies` are the networks that
    gateway.yaml trusts. `loop_lag_s` says how late the event loop of this worker runs now. `spawn`
    keeps a reference to the task and logs its failure (a bare task may vanish). `count` adds one to
    the metric of what happened to a plugin, told by its name and a fixed word.
    """

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time  # noqa: TID251  # this is the clock that all others use
    data_dir: Path = field(default_factory=lambda: Path(".sealgate"))
    counters: Callable[[str], CounterStore] = _no_stores
    values: Callable[[str], ValueStore] = _no_values
    scores: Callable[[str, bool], ScoreStore | None] = _no_scores
    tenant_keys: Callable[[], Callable[[str], bytes]] = _no_keys
    directory: Directory | None = None
    journal: Callable[[Durability | None], Journal] = _no_journal
    ledger_alarm: Callable[[], str] = _no_alarm
    on_ledger_failure: OnLedgerFailure = "refuse"
    trusted_proxies: tuple[str, ...] = ()
    loop_lag_s: Callable[[], float] = _no_lag
    count: Callable[[str, str], None] = _count_nothing
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("sealgate.plugin"))
    tasks: set[Task[Any]] = field(default_factory=set)

    def spawn(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> Task[Any]:
        """Runs `coroutine` in the background until it ends or the caller cancels it."""
        task = get_running_loop().create_task(coroutine, name=name)
        self.tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.log.error("background task %s failed", task.get_name(), exc_info=task.exception())
