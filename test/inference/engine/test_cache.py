# SPDX-License-Identifier: Apache-2.0
"""The cache of engines: what it hands out, why not, and what it leaves behind when things fail."""

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from segnet_ros.inference.engine import cache as cache_module
from segnet_ros.inference.engine.cache import CachedEngine, EngineCache, Missing, Removed
from segnet_ros.inference.engine.cached_engine import description_of
from segnet_ros.inference.engine.fingerprint import Fingerprint
from segnet_ros.inference.engine.timing_cache import timing_cache_of
from segnet_ros.inference.errors import InferenceError

FINGERPRINT = Fingerprint(
    "ab" * 32, "TensorRT", "10.13.3", "Orin", "8.7", "540.4.0", "12.6", "36.4.3", "MAXN",
    ("STRONGLY_TYPED",), "fp16", 1,
)  # fmt: skip
OLDER = replace(FINGERPRINT, version="10.3.0")
PLAN = b"a serialised engine"
KILLED = "left by a build that was killed"


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "cache")


def _store(
    cache: EngineCache, fingerprint: Fingerprint = FINGERPRINT, plan: bytes = PLAN
) -> CachedEngine:
    return cache.store(fingerprint, "light", plan, "26 convolutions in fp16", 1.5)


def _reason(cache: EngineCache, fingerprint: Fingerprint = FINGERPRINT) -> str:
    found = cache.find(fingerprint, "light")
    assert isinstance(found, Missing)
    return found.reason


def _names(cache: EngineCache) -> list[str]:
    return sorted(path.name for path in cache.folder.iterdir())


def _nobody(engine: CachedEngine) -> str:
    return ""


def test_what_is_stored_is_found(cache: EngineCache) -> None:
    before = datetime.now(timezone.utc).replace(microsecond=0)
    stored = _store(cache)
    found = cache.find(FINGERPRINT, "light")
    assert isinstance(found, CachedEngine)
    assert found == stored
    assert found.read() == PLAN
    assert found.plan == cache.folder / f"light-fp16-{FINGERPRINT.digest}.engine"
    assert before <= datetime.fromisoformat(found.facts["built"]) <= datetime.now(timezone.utc)
    assert json.loads(description_of(found.plan).read_text()) == dict(found.facts)
    assert found.facts["fingerprint"] == FINGERPRINT.facts()
    assert [path.stat().st_mode & 0o777 for path in cache.folder.iterdir()] == [0o600, 0o600]
    assert _names(cache) == [found.plan.name, description_of(found.plan).name]


def test_a_newer_engine_takes_the_place_of_an_older(cache: EngineCache) -> None:
    _store(cache, plan=b"old")
    _store(cache, plan=b"newer")
    assert len(_names(cache)) == 2
    assert cache.entries()[0].read() == b"newer"


def test_none_yet(cache: EngineCache) -> None:
    assert _reason(cache) == "none was built yet"


def test_engines_of_another_kind_are_no_reason(cache: EngineCache) -> None:
    _store(cache, replace(FINGERPRINT, precision="int8"))
    _store(cache, replace(FINGERPRINT, batch=4))
    cache.store(OLDER, "other", PLAN, "", 1)
    assert _reason(cache) == "none was built yet"


def test_why_an_older_engine_is_stale(cache: EngineCache) -> None:
    _store(cache, OLDER)
    assert _reason(cache) == "TensorRT 10.3.0 built it, 10.13.3 is installed"


def test_the_most_similar_older_engine_is_the_reason(cache: EngineCache) -> None:
    _store(cache, replace(OLDER, driver="535", power_mode="15W"))
    _store(cache, replace(FINGERPRINT, power_mode="30W"))
    _store(cache, replace(OLDER, onnx_sha256="cd" * 32))
    assert _reason(cache) == "the power mode changed from 30W to MAXN"


def test_a_broken_older_engine_is_no_reason(cache: EngineCache) -> None:
    description_of(_store(cache, OLDER).plan).write_text("{")
    assert _reason(cache) == "none was built yet"


def _alter(plan: Path) -> None:
    plan.write_bytes(PLAN.replace(b"s", b"z"))


def _truncate(plan: Path) -> None:
    plan.write_bytes(PLAN[:5])


def _swap_for_older(plan: Path) -> None:
    """An engine with its JSON under the name of this one."""
    older = EngineCache(plan.parent).store(OLDER, "light", b"older", "", 1)
    older.plan.replace(plan)
    description_of(older.plan).replace(description_of(plan))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda plan: description_of(plan).unlink(), "its JSON is missing"),
        (Path.unlink, "the engine is missing, only its JSON is there"),
        (_alter, "the engine was altered since it was built (sha256 differs)"),
        (_truncate, f"the engine is truncated to 5 of {len(PLAN)} bytes"),
        (_swap_for_older, "its JSON describes another engine"),
    ],
)
def test_damaged_engines_are_not_handed_out(
    cache: EngineCache, damage: Callable[[Path], None], reason: str
) -> None:
    damage(_store(cache).plan)
    assert _reason(cache) == reason
    assert [engine.defect for engine in cache.entries()] == [reason]
    assert {removed.reason for removed in cache.prune(_nobody)} >= {reason}
    assert _names(cache) == []


def test_foreign_files_are_neither_listed_nor_touched(cache: EngineCache) -> None:
    foreign = ["notes.txt", "other.engine", "x.json", "timing.timing_cache", ".partial-x", "a.lock"]
    for name in foreign:
        (cache.folder / name).write_text("mine")
    assert cache.entries() == []
    assert cache.prune(lambda engine: "unusable") == []
    assert _names(cache) == sorted(foreign)


def test_default_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert EngineCache().folder == tmp_path / "xdg" / "segnet_ros" / "engines"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert EngineCache().folder == tmp_path / "home" / ".cache" / "segnet_ros" / "engines"
    assert EngineCache().folder.stat().st_mode & 0o777 == 0o700


def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        msg = "Could not determine home directory."
        raise RuntimeError(msg)

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", fail)
    with pytest.raises(InferenceError, match=r"home directory.*--cache"):
        EngineCache()


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert EngineCache(Path("~/engines")).folder == tmp_path / "engines"


def test_a_folder_that_others_can_write_to(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    with pytest.raises(InferenceError, match=r"other users may write .*chmod 700"):
        EngineCache(tmp_path / "cache")


@pytest.mark.parametrize("failing", ["write", "fsync", "replace"])
@pytest.mark.parametrize("at", [1, 2])
def test_a_full_disk_leaves_the_older_engine(
    cache: EngineCache, monkeypatch: pytest.MonkeyPatch, failing: str, at: int
) -> None:
    _store(cache, plan=b"old")
    before = _names(cache)
    calls: list[Any] = []

    def fail_late(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return genuine(*arguments)

    owner: Any = {"write": cache_module, "fsync": os, "replace": Path}[failing]
    name = "write_private" if failing == "write" else failing
    genuine = getattr(owner, name)
    monkeypatch.setattr(owner, name, fail_late)
    with pytest.raises(InferenceError) as caught:
        _store(cache, plan=PLAN)
    monkeypatch.undo()
    assert "an engine of 0.0 MB cannot be written to" in str(caught.value)
    assert "No space left on device); make room there" in str(caught.value)
    assert _names(cache) == before
    # Between the two renames there is no way back: what is there then is refused, and rebuilt.
    if (failing, at) != ("replace", 2):
        found = cache.find(FINGERPRINT, "light")
        assert isinstance(found, CachedEngine)
        assert found.read() == b"old"


def test_a_limit_on_file_size(cache: EngineCache) -> None:
    """What a quota does, by the kernel: writing fails in the middle of the engine."""
    older = _store(cache, OLDER)
    code = (
        "import json, resource, sys; from pathlib import Path\n"
        "from segnet_ros.inference.engine.cache import EngineCache\n"
        "from segnet_ros.inference.engine.fingerprint import read_fingerprint\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "fingerprint = read_fingerprint(json.loads(sys.argv[2]))\n"
        "EngineCache(Path(sys.argv[1])).store(fingerprint, 'light', bytes(50_000), '', 1)\n"
    )
    arguments = [str(cache.folder), json.dumps(FINGERPRINT.facts())]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1] == (
        "segnet_ros.inference.errors.InferenceError: an engine of 0.1 MB cannot be written to "
        f"{cache.folder} (File too large); make room there, or choose another folder with --cache"
    )
    assert _names(cache) == [older.plan.name, description_of(older.plan).name]
    assert isinstance(cache.find(OLDER, "light"), CachedEngine)


HALF = """
import json, os, sys
from pathlib import Path
from segnet_ros.inference.engine.cache import EngineCache
from segnet_ros.inference.engine.fingerprint import read_fingerprint

def hang(descriptor):
    print("writing", flush=True)
    sys.stdin.read()

fingerprint = read_fingerprint(json.loads(sys.argv[2]))
cache = EngineCache(Path(sys.argv[1]))
with cache.lock(fingerprint, print):
    os.fsync = hang
    cache.store(fingerprint, "light", b"x" * 1000, "", 1)
"""


def _half_written(cache: EngineCache) -> "subprocess.Popen[str]":
    """A builder that has written half of what it has to."""
    arguments = [str(cache.folder), json.dumps(FINGERPRINT.facts())]
    builder = subprocess.Popen(
        [sys.executable, "-c", HALF, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert builder.stdout is not None
    assert builder.stdout.readline() == "writing\n"
    return builder


def test_a_killed_builder(cache: EngineCache) -> None:
    half = f".partial-light-fp16-{FINGERPRINT.digest}.engine"
    lock = f"{FINGERPRINT.digest}.lock"
    with _half_written(cache) as builder:
        assert cache.prune(lambda engine: "unusable") == []
        assert _names(cache) == [half, lock]
        assert _reason(cache) == "none was built yet"
        builder.send_signal(signal.SIGKILL)
    assert _names(cache) == [half, lock]
    assert _reason(cache) == "none was built yet"
    assert cache.prune(_nobody) == [Removed(half, 1000, KILLED)]
    assert _names(cache) == []


def test_a_builder_killed_before_it_wrote(cache: EngineCache) -> None:
    (cache.folder / f"{OLDER.digest}.lock").touch()
    with cache.lock(FINGERPRINT, pytest.fail):
        assert _names(cache) == [f"{FINGERPRINT.digest}.lock"]


def test_the_next_builder_tidies_up_and_does_not_wait(cache: EngineCache) -> None:
    with _half_written(cache) as builder:
        builder.send_signal(signal.SIGKILL)
    with cache.lock(FINGERPRINT, pytest.fail):
        assert _names(cache) == [f"{FINGERPRINT.digest}.lock"]
        _store(cache)
    assert isinstance(cache.find(FINGERPRINT, "light"), CachedEngine)
    assert len(_names(cache)) == 2


def test_other_fingerprints_do_not_wait(cache: EngineCache) -> None:
    with cache.lock(FINGERPRINT, pytest.fail), cache.lock(OLDER, pytest.fail):
        assert _names(cache) == sorted(f"{f.digest}.lock" for f in (FINGERPRINT, OLDER))
    assert _names(cache) == []


def test_waiting_is_visible_and_can_be_ended(cache: EngineCache) -> None:
    heard: list[str] = []

    def listen(what: str) -> None:
        heard.append(what)
        if len(heard) == 2:
            raise KeyboardInterrupt

    with cache.lock(FINGERPRINT, pytest.fail):
        with pytest.raises(KeyboardInterrupt), cache.lock(FINGERPRINT, listen):
            pass
        assert heard == ["waiting for another builder"] * 2


def test_a_lock_that_cannot_be_written(cache: EngineCache) -> None:
    cache.folder.rmdir()
    refused = pytest.raises(InferenceError, match=r"a lock cannot be written to .*--cache")
    with refused, cache.lock(FINGERPRINT, pytest.fail):
        pass


def test_an_error_during_a_build_is_not_disguised(cache: EngineCache) -> None:
    failing = pytest.raises(OSError, match="by the build")
    with failing, cache.lock(FINGERPRINT, pytest.fail):
        raise OSError(errno.ENOSPC, "by the build")
    assert _names(cache) == []


def test_prune_removes_what_is_unusable(cache: EngineCache) -> None:
    stale, usable = _store(cache, OLDER), _store(cache)
    cache.write_timing_cache(OLDER, b"old timings")
    cache.write_timing_cache(FINGERPRINT, b"timings")

    def judge(engine: CachedEngine) -> str:
        return FINGERPRINT.differences(engine.facts["fingerprint"])

    removed = cache.prune(judge)
    reason = "TensorRT 10.3.0 built it, 10.13.3 is installed"
    timings = timing_cache_of(cache.folder, OLDER)
    assert [(entry.name, entry.reason) for entry in removed] == [
        (stale.plan.name, reason),
        (description_of(stale.plan).name, reason),
        (timings.name, "no engine needs it any more"),
    ]
    assert removed[0].size == len(PLAN)
    kept = [usable.plan, description_of(usable.plan), timing_cache_of(cache.folder, FINGERPRINT)]
    assert _names(cache) == sorted(path.name for path in kept)
    assert cache.prune(judge) == []


def test_prune_spares_what_is_being_rebuilt(cache: EngineCache) -> None:
    engine = _store(cache)
    with cache.lock(FINGERPRINT, pytest.fail):
        assert cache.prune(lambda engine: "unusable") == []
        assert engine.plan.exists()
    assert len(cache.prune(lambda engine: "unusable")) == 2
