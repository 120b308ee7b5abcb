# SPDX-License-Identifier: Apache-2.0

import shutil
from types import SimpleNamespace

import pytest

from segnet_ros.doctor import disk
from segnet_ros.doctor.finding import Finding


def set_free(monkeypatch: pytest.MonkeyPatch, gib: float) -> None:
    usage = SimpleNamespace(free=int(gib * 2**30))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)


@pytest.mark.parametrize("gib", [12.34, 1.0])
def test_room(machine, monkeypatch: pytest.MonkeyPatch, gib: float) -> None:
    set_free(monkeypatch, gib)
    here = machine()
    assert disk.check(here) == [Finding("disk", "ok", f"{gib:.1f} GiB free in {here.cache}")]


def test_little_room(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    set_free(monkeypatch, 0.5)
    here = machine()
    found = f"0.5 GiB free in {here.cache}; engines may not fit"
    remedy = "make room, or choose another folder with --cache"
    assert disk.check(here) == [Finding("disk", "warning", found, remedy)]


def test_a_cache_that_is_a_file(machine) -> None:
    here = machine()
    here.cache.parent.mkdir(exist_ok=True)
    here.cache.touch()
    (finding,) = disk.check(here)
    assert finding.level == "warning"
    assert finding.found.startswith(f"{here.cache} cannot be a cache of engines")
