"""Memory that large payloads took is given back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys, threading
from redrive.engine.allocator import give_back

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def work():  # pieces of several sizes: after the first glibc would take them from the thread's arena
    for _ in range(3):
        held = [bytearray(1_400_000 + 20_000 * n) for n in range(20)]
        small = bytearray(100_000)
        del held
        kept.append(small)

if sys.argv[1] == "told":
    assert give_back()
kept = []
before = resident()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(resident() - before - sum(map(len, kept)))
"""


GLIBC = sys.platform == "linux" and "glibc" in (os.confstr("CS_GNU_LIBC_VERSION") or "")


@pytest.mark.skipif(not GLIBC, reason="only glibc is told")
def test_what_was_freed_leaves_the_process():
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "told"],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert int(done.stdout) < 8 << 20
