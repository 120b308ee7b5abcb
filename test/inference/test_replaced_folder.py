# SPDX-License-Identifier: Apache-2.0
"""Folders appear whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from segnet_ros.inference import replaced_folder
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.files import FileWriteError
from segnet_ros.inference.replaced_folder import replacing_folder


def _names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def _write(folder: Path, *names: str) -> None:
    with replacing_folder(folder) as unfinished:
        assert unfinished.name == folder.name
        for name in names:
            (unfinished / name).write_text(name)


def _write_half(folder: Path, error: BaseException) -> None:
    with replacing_folder(folder) as unfinished:
        (unfinished / "half").write_text("half")
        raise error


def test_a_new_folder_appears(tmp_path: Path) -> None:
    _write(tmp_path / "models/light", "graph", "facts")
    assert _names(tmp_path) == [
        "models",
        "models/light",
        "models/light/facts",
        "models/light/graph",
    ]


def test_it_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    _write(tmp_path / "light", "old", "facts")
    _write(tmp_path / "light", "new", "facts")
    assert _names(tmp_path) == ["light", "light/facts", "light/new"]


def test_so_it_does_where_the_disk_cannot_exchange_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaced_folder, "_exchanged", lambda one, other: False)
    _write(tmp_path / "light", "old")
    _write(tmp_path / "light", "new")
    assert _names(tmp_path) == ["light", "light/new"]


@pytest.mark.parametrize("error", [OSError(errno.EIO, "disk"), KeyboardInterrupt()], ids=repr)
def test_a_folder_that_cannot_be_moved_is_moved_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(replaced_folder, "_exchanged", lambda one, other: False)
    _write(tmp_path / "light", "old")
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == target.name:
            raise error
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises((FileWriteError, KeyboardInterrupt)):
        _write(tmp_path / "light", "new")
    assert _names(tmp_path) == ["light", "light/old"]


def test_two_folders_are_exchanged_at_once(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"in {name}").write_text("")
    if not replaced_folder._exchanged(tmp_path / "one", tmp_path / "other"):
        pytest.skip("needs a disk whose folders can be exchanged")
    assert _names(tmp_path) == ["one", "one/in other", "other", "other/in one"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_the_older_one(tmp_path: Path, error: type[BaseException]) -> None:
    _write(tmp_path / "light", "old")
    with pytest.raises(error):
        _write_half(tmp_path / "light", error())
    assert _names(tmp_path) == ["light", "light/old"]


def test_a_full_disk_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(FileWriteError) as caught:
        _write_half(tmp_path / "light", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert str(caught.value).startswith(f"{tmp_path / 'light'} cannot be written (No space left")
    assert _names(tmp_path) == []


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".light.lock").write_text("")
    (tmp_path / ".light.partial-k3z/light").mkdir(parents=True)
    (tmp_path / ".heavy.partial-k3z").mkdir()
    _write(tmp_path / "light", "new")
    assert _names(tmp_path) == [".heavy.partial-k3z", "light", "light/new"]


def test_a_folder_being_written_is_refused(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "light") as unfinished:
        (unfinished / "first").write_text("")
        with pytest.raises(InferenceError, match="light is being written by another process"):
            _write(tmp_path / "light", "second")
    assert _names(tmp_path) == ["light", "light/first"]
