"""In processes of their own: what is asked of the C library holds for all of a process."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from segnet_ros.ros.memory import keep_freed_pictures
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
    run = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True)
    if "no mallopt" in run.stderr:
        pytest.skip("needs glibc's mallopt")
    return int(run.stdout)


def test_pictures_cause_no_page_faults_once_there_were_some():
    # 120 MB have 29,297 pages.
    assert page_faults("as it comes") > 1000
    assert page_faults("kept") < 100
