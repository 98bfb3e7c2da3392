"""What can be tested without a gateway; the rest is in tests/integration/test_supervisor.py."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gateway.assembly import worker_count
from gateway.settings import Settings


@pytest.mark.parametrize("cores", [{0}, {0, 3, 5}])
def test_auto_is_one_worker_for_each_core_that_may_be_used(
    monkeypatch: pytest.MonkeyPatch, cores: set[int]
) -> None:
    """Not for each core of the machine: a container may have a few of many."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: cores)

    assert worker_count(Settings(workers="auto")) == len(cores)
    assert worker_count(Settings(workers=7)) == 7


@pytest.mark.parametrize("file", [None, "/somewhere/certificates.pem"])
def test_aiohttp_is_imported_without_the_certificates_of_the_machine(file: str | None) -> None:
    code = (
        "import os\n"
        "before = dict(os.environ)\n"
        "from gateway.assembly import _import_aiohttp\n"
        "_import_aiohttp()\n"
        "from aiohttp.connector import _SSL_CONTEXT_VERIFIED as of_clients\n"
        "told = len(of_clients.get_ca_certs()), of_clients.verify_mode.name\n"
        "print(os.environ == before, *told)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "SSL_CERT_FILE"}
    if file is not None:
        environment["SSL_CERT_FILE"] = file
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )

    assert run.stdout.split() == ["True", "0", "CERT_REQUIRED"]
