# SPDX-License-Identifier: Apache-2.0
"""In processes of their own: what is asked of the C library holds for all of a process."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from segnet_ros.inference.memory import keep_freed_pictures
if sys.argv[1] == "kept" and not keep_freed_pictures():
    sys.exit("this C library has no mallopt")
def round():
    for _ in range(4):
        pictures = [bytearray(6_000_000) for _ in range(5)]
round()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
round()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    run = subprocess.run(
        [sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=False
    )
    if "no mallopt" in run.stderr:
        pytest.skip("needs glibc's mallopt")
    return int(run.stdout)


def test_pictures_cause_no_page_faults_once_there_were_some() -> None:
    # 120 MB have 29,297 pages.
    assert page_faults("as it comes") > 1000
    assert page_faults("kept") < 100


HEAPS = """
import re, sys, threading
from pathlib import Path
from segnet_ros.inference.memory import share_one_heap
if sys.argv[1] == "one" and not share_one_heap():
    sys.exit("this C library has no mallopt")
kept, done = [], threading.Event()
def take():
    kept.append([bytearray(600) for _ in range(1000)])
    done.wait()
threads = [threading.Thread(target=take) for _ in range(6)]
[thread.start() for thread in threads]
while len(kept) < 6: pass
# A further heap of glibc begins at a multiple of its reserved 64 MiB.
maps = Path("/proc/self/maps").read_text()
found = re.findall("^([0-9a-f]+)-[0-9a-f]+ rw-p 00000000 00:00 0 *$", maps, re.M)
starts = [int(start, 16) for start in found]
done.set()
print(sum(start % (64 << 20) == 0 for start in starts))
"""


def heaps(how: str) -> int:
    run = subprocess.run(
        [sys.executable, "-c", HEAPS, how], capture_output=True, text=True, check=False
    )
    if "no mallopt" in run.stderr:
        pytest.skip("needs glibc's mallopt")
    assert not run.stderr
    return int(run.stdout)


def test_threads_share_one_heap() -> None:
    assert heaps("as it comes") >= 3
    assert heaps("one") == 0
