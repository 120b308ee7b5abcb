# SPDX-License-Identifier: Apache-2.0
"""Whose files are the cache's own, and what guards them."""

from pathlib import Path

import pytest

from segnet_ros.inference.engine.removal import Removed, is_ours, lock_of, remove

DIGEST = "0123456789abcdef"


@pytest.mark.parametrize(
    "name",
    [
        f"light-fp16-{DIGEST}.engine",
        f"light-fp16-{DIGEST}.json",
        f".partial-light-fp16-{DIGEST}.json",
        f"TensorRT-10.3.0-{DIGEST}.timing_cache",
    ],
)
def test_ours(tmp_path: Path, name: str) -> None:
    assert is_ours(tmp_path / name)
    assert lock_of(tmp_path / name) == tmp_path / f"{DIGEST}.lock"


@pytest.mark.parametrize(
    "name",
    [
        "light.engine",
        f"light-fp16-{DIGEST}.onnx",
        f"light-fp16-{DIGEST.upper()}.engine",
        f"light-fp16-{DIGEST}0.engine",
        f"light-fp16-{DIGEST}.engine.bak",
        f"{DIGEST}.lock",
    ],
)
def test_not_ours(tmp_path: Path, name: str) -> None:
    assert not is_ours(tmp_path / name)


def test_what_is_gone_already_is_not_reported(tmp_path: Path) -> None:
    there, gone = (tmp_path / f"{name}-{DIGEST}.engine" for name in ("there", "gone"))
    there.write_bytes(b"12345")
    assert remove([gone, there], "why") == [Removed(there.name, 5, "why")]
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_removed_itself(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"12345")
    link = tmp_path / f"x-{DIGEST}.engine"
    link.symlink_to(tmp_path / "target")
    remove([link], "why")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
