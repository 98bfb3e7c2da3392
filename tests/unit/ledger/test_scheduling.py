"""What the sequencer asks of the kernel, in a process of its own: it would stay with this one."""

from __future__ import annotations

import subprocess
import sys

import pytest

ASK = """
import ctypes, os, platform, struct
from gateway.ledger.scheduling import ask_for_long_slices
{before}
took = ask_for_long_slices()
read = {{"x86_64": 315, "aarch64": 275, "riscv64": 275}}[platform.machine()]
attributes = ctypes.create_string_buffer(64)
assert not ctypes.CDLL(None).syscall(read, 0, attributes, 48, 0)
_, policy, _, nice, _, slice_ns, _, _ = struct.unpack_from("=IIQiIQQQ", attributes)
print(took, policy, nice, slice_ns)
"""


def asked(before: str = "") -> list[str]:
    code = ASK.format(before=before)
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")
def test_a_long_slice_changes_neither_the_policy_nor_the_share() -> None:
    took, policy, nice, slice_ns = asked("os.nice(3)")

    assert (policy, nice) == ("0", "3")
    # An older kernel takes the call and has no slices; a sandbox may refuse the call.
    assert slice_ns in ({"0", "100000000"} if took == "True" else {slice_ns})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")
def test_a_policy_that_somebody_chose_stays() -> None:
    took, policy, *_ = asked("os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))")

    assert (took, policy) == ("False", "3")
