# SPDX-License-Identifier: Apache-2.0
"""TensorRT's timing cache: kept per builder and GPU, ignored if damaged."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from segnet_ros.inference.engine.cache import EngineCache
from segnet_ros.inference.engine.fingerprint import Fingerprint
from segnet_ros.inference.engine.lock import locked
from segnet_ros.inference.engine.removal import lock_of
from segnet_ros.inference.engine.timing_cache import timing_cache_of

FINGERPRINT = Fingerprint(
    "ab" * 32, "TensorRT", "10.3.0", "Orin", "8.7", "540.4.0", "12.6", "36.4.3", "MAXN",
    ("STRONGLY_TYPED",), "fp16", 1,
)  # fmt: skip
TIMINGS = bytes(range(256)) * 5


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "cache")


def _file(cache: EngineCache) -> Path:
    return timing_cache_of(cache.folder, FINGERPRINT)


def test_none_yet(cache: EngineCache) -> None:
    assert cache.read_timing_cache(FINGERPRINT) == b""


def test_what_is_written_is_read(cache: EngineCache) -> None:
    cache.write_timing_cache(FINGERPRINT, b"older")
    cache.write_timing_cache(FINGERPRINT, TIMINGS)
    assert cache.read_timing_cache(FINGERPRINT) == TIMINGS
    assert [path.name for path in cache.folder.iterdir()] == [_file(cache).name]
    assert _file(cache).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", [field.name for field in fields(Fingerprint)])
def test_what_it_depends_on(cache: EngineCache, name: str) -> None:
    cache.write_timing_cache(FINGERPRINT, TIMINGS)
    other = replace(FINGERPRINT, **{name: "other"})
    kept = b"" if name in ("flavour", "version", "gpu", "driver") else TIMINGS
    assert cache.read_timing_cache(other) == kept


@pytest.mark.parametrize("damaged", [b"", b"x", TIMINGS, b"\0" * 32, b"\0" * 31 + TIMINGS], ids=len)
def test_a_damaged_one_is_ignored(cache: EngineCache, damaged: bytes) -> None:
    cache.write_timing_cache(FINGERPRINT, TIMINGS)
    _file(cache).write_bytes(damaged)
    assert cache.read_timing_cache(FINGERPRINT) == b""


def test_an_altered_byte(cache: EngineCache) -> None:
    cache.write_timing_cache(FINGERPRINT, TIMINGS)
    content = bytearray(_file(cache).read_bytes())
    content[-1] ^= 1
    _file(cache).write_bytes(content)
    assert cache.read_timing_cache(FINGERPRINT) == b""


def test_one_that_others_can_write(cache: EngineCache) -> None:
    cache.write_timing_cache(FINGERPRINT, TIMINGS)
    _file(cache).chmod(0o666)
    assert cache.read_timing_cache(FINGERPRINT) == b""


def test_nothing_to_keep(cache: EngineCache) -> None:
    cache.write_timing_cache(FINGERPRINT, b"")
    assert list(cache.folder.iterdir()) == []


def test_a_full_disk_costs_only_the_timings(
    cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    cache.write_timing_cache(FINGERPRINT, b"older")
    monkeypatch.setattr("os.fsync", fail)
    cache.write_timing_cache(FINGERPRINT, TIMINGS)
    assert cache.read_timing_cache(FINGERPRINT) == b"older"
    assert [path.name for path in cache.folder.iterdir()] == [_file(cache).name]


def test_another_process_writes_it_right_now(cache: EngineCache) -> None:
    with locked(lock_of(_file(cache)), lambda: None):
        cache.write_timing_cache(FINGERPRINT, TIMINGS)
    assert cache.read_timing_cache(FINGERPRINT) == b""
