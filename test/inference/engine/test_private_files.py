# SPDX-License-Identifier: Apache-2.0
"""What counts as a file or folder that nobody else can have written."""

import os
from pathlib import Path

import pytest

from segnet_ros.inference.engine import private_files
from segnet_ros.inference.engine.private_files import private_folder, read_private, write_private
from segnet_ros.inference.errors import InferenceError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "engine"
    write_private(path, b"program")
    return path


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> int:
    """Make this process somebody else than the owner of its files."""
    user = os.geteuid() + 1
    monkeypatch.setattr(private_files.os, "geteuid", lambda: user)
    return user


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = private_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert folder == tmp_path / "a" / "b"
    assert _mode(folder) == 0o700


def test_an_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o755)
    private_folder(tmp_path / "cache")
    assert _mode(tmp_path / "cache") == 0o755


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_folder_that_others_can_write_to(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(InferenceError) as caught:
        private_folder(folder)
    assert f"other users may write to {folder} (mode {mode:o})" in str(caught.value)
    assert f"chmod 700 {folder}" in str(caught.value)
    folder.chmod(0o700)
    assert private_folder(folder) == folder


def test_a_folder_of_somebody_else(tmp_path: Path, stranger: int) -> None:
    with pytest.raises(InferenceError) as caught:
        private_folder(tmp_path)
    assert f"belongs to user {stranger - 1}, but this process runs as {stranger}" in str(
        caught.value
    )
    assert "--cache" in str(caught.value)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InferenceError, match=r"cannot be a cache of engines .* another folder"):
        private_folder(tmp_path / "file" / "cache")


def test_what_is_written_is_read(file: Path) -> None:
    assert read_private(file, 7) == b"program"
    assert _mode(file) == 0o600


def test_writing_replaces_a_link_instead_of_following_it(tmp_path: Path, file: Path) -> None:
    (tmp_path / "link").symlink_to(file)
    write_private(tmp_path / "link", b"other")
    assert not (tmp_path / "link").is_symlink()
    assert file.read_bytes() == b"program"


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_private(tmp_path / "missing", 7)


def test_a_link_is_refused_even_to_a_private_file(tmp_path: Path, file: Path) -> None:
    (tmp_path / "link").symlink_to(file)
    with pytest.raises(InferenceError, match="link is a symbolic link"):
        read_private(tmp_path / "link", 7)


def test_a_link_made_at_the_last_moment(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(file)
    monkeypatch.setattr(Path, "is_symlink", lambda path: False)
    with pytest.raises(OSError, match="symbolic link"):
        read_private(tmp_path / "link", 7)


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_can_write(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(InferenceError, match="can be written by, another user"):
        read_private(file, 7)


def test_a_file_of_somebody_else(file: Path, stranger: int) -> None:
    with pytest.raises(InferenceError, match="belongs to, or can be written by, another user"):
        read_private(file, 7)


def test_a_file_that_is_too_large(file: Path) -> None:
    with pytest.raises(InferenceError, match="engine is over 6 bytes"):
        read_private(file, 6)


def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(InferenceError, match="pipe is no plain file"):
        read_private(tmp_path / "pipe", 7)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises((InferenceError, IsADirectoryError)):
        read_private(tmp_path, 7)
