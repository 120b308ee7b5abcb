# SPDX-License-Identifier: Apache-2.0
"""A folder that changes by renames only, and has one owner."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.writing.output_folder import OutputFolder


def opened(folder: Path) -> OutputFolder:
    place = OutputFolder(folder)
    place.open()
    return place


def stage(place: OutputFolder, name: str, content: str) -> str:
    Path(place.staging, name).write_text(content)
    return name


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_first_files_appear_with_the_folder(tmp_path: Path) -> None:
    place = opened(tmp_path / "deep" / "out")
    assert not place.exists()
    place.publish(stage(place, "a", "1"), "resume 1", "metadata 1")
    assert contents(tmp_path / "deep" / "out") == {
        "a": "1",
        "resume.json": "resume 1",
        "metadata.yaml": "metadata 1",
    }
    assert place.exists()
    assert place.has("a")
    assert not place.has("b")
    assert place.read("resume.json") == "resume 1"
    place.close()


def test_later_files_join_it(tmp_path: Path) -> None:
    place = opened(tmp_path / "out")
    place.publish(stage(place, "a", "1"), "resume 1", "metadata 1")
    place.publish(stage(place, "b", "22"), "resume 2", "metadata 2")
    place.publish(None, "resume 3", "metadata 3")
    assert place.sizes() == {"a": 1, "b": 2, "resume.json": 8, "metadata.yaml": 10}
    place.finish("metadata 4")
    place.close()
    assert contents(tmp_path / "out") == {"a": "1", "b": "22", "metadata.yaml": "metadata 4"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_finished_folder_is_adopted_whole(tmp_path: Path) -> None:
    place = opened(tmp_path / "out")
    (Path(place.staging) / "x").mkdir()
    stage(place, "x/a", "1")
    place.adopt(Path(place.staging) / "x")
    place.close()
    assert contents(tmp_path / "out") == {"a": "1"}


def test_closing_clears_away_what_is_not_complete(tmp_path: Path) -> None:
    place = opened(tmp_path / "out")
    stage(place, "a", "1")
    place.close()
    place.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path) -> None:
    hidden = tmp_path / ".out.partial"
    (hidden / "bag").mkdir(parents=True)
    (hidden / "bag" / "old").touch()
    (hidden / "resume.json").touch()
    place = opened(tmp_path / "out")
    place.publish(stage(place, "a", "1"), "", "")
    assert sorted(contents(tmp_path / "out")) == ["a", "metadata.yaml", "resume.json"]
    place.close()


def test_another_run_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    first = opened(tmp_path / "out")
    stage(first, "a", "1")
    with pytest.raises(BagError, match=r"out is being written by another run"):
        opened(tmp_path / "out")
    first.publish("a", "", "")  # the other one has cleared away nothing
    first.close()
    opened(tmp_path / "out").close()


def test_a_run_in_another_process_is_refused(tmp_path: Path) -> None:
    place = opened(tmp_path / "out")
    task = (
        "import sys; from pathlib import Path\n"
        "from segnet_ros.bags.writing.output_folder import OutputFolder\n"
        "OutputFolder(Path(sys.argv[1])).open()"
    )
    command = [sys.executable, "-c", task, str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "is being written by another run" in done.stderr
    place.close()


def test_runs_of_different_folders_do_not_meet(tmp_path: Path) -> None:
    first, second = opened(tmp_path / "a"), opened(tmp_path / "b")
    assert first.staging != second.staging
    first.close()
    second.close()


def test_two_names_of_a_folder_are_one(tmp_path: Path) -> None:
    place = opened(tmp_path / "out")
    (tmp_path / "other").mkdir()
    with pytest.raises(BagError, match="another run"):
        opened(tmp_path / "other" / ".." / "out")
    place.close()


def test_workers_of_a_killed_run_cannot_disturb_the_next(tmp_path: Path) -> None:
    first = opened(tmp_path / "out")
    assert first._lock is not None
    os.close(first._lock)  # as its end does
    second = opened(tmp_path / "out")
    assert first.staging != second.staging
    with pytest.raises(FileNotFoundError):
        stage(first, "a", "late")
    second.close()


def test_every_step_is_on_the_disk_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = opened(tmp_path / "out")
    place.publish(stage(place, "a", "1"), "r", "m")
    stage(place, "b", "1")
    steps = []
    sync, replace = os.fsync, os.replace

    def watched_sync(descriptor: int) -> None:
        steps.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        sync(descriptor)

    def watched_replace(self: Path, target: Path) -> Path:
        steps.append(("rename", self.name))
        replace(self, target)
        return Path(target)

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    place.publish("b", "r", "m")
    assert steps == [
        ("rename", "b"),
        ("sync", "out"),
        ("sync", "resume.json"),
        ("rename", "resume.json"),
        ("sync", "metadata.yaml"),
        ("rename", "metadata.yaml"),
        ("sync", "out"),
    ]
    place.close()
