# SPDX-License-Identifier: Apache-2.0

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from segnet_ros.bags.reading.sqlite_copy import readable_database

COUNT = "SELECT count(*) FROM messages"


@pytest.fixture
def scratch(tmp_path: Path) -> Callable[[], Path]:
    def make() -> Path:
        (tmp_path / "scratch").mkdir()
        return tmp_path / "scratch"

    return make


def count(path: Path) -> int:
    database = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    found = database.execute(COUNT).fetchone()[0]
    database.close()
    return int(found)


def test_whole_file_is_read_where_it_is(tmp_path: Path, drive, write_db3, scratch) -> None:
    path = write_db3(tmp_path / "bag.db3", drive)
    (tmp_path / "bag.db3-wal").touch()
    assert readable_database(path, scratch) == path
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("mode", ["WAL", "PERSIST"])
def test_messages_of_a_killed_recorder_are_taken_in(
    tmp_path: Path, drive, write_db3, scratch, mode: str
) -> None:
    path = write_db3(tmp_path / "bag.db3", drive)
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA journal_mode = {mode}")
    database.execute("PRAGMA wal_autocheckpoint = 0")
    database.execute("PRAGMA cache_size = 1")
    database.execute("DELETE FROM messages WHERE id <= 30")
    if mode == "WAL":
        database.commit()  # into the log only
    killed = tmp_path / "killed"
    killed.mkdir()
    for file in tmp_path.glob("bag.db3*"):
        shutil.copy(file, killed)
    database.close()
    before = {file.name: file.read_bytes() for file in killed.iterdir()}
    copy = readable_database(killed / "bag.db3", scratch)
    assert copy.parent == tmp_path / "scratch"
    assert count(copy) == len(drive) - (30 if mode == "WAL" else 0)
    assert {file.name: file.read_bytes() for file in killed.iterdir()} == before


def test_page_that_is_cut_off_is_left_out(tmp_path: Path, drive, write_db3, scratch) -> None:
    path = write_db3(tmp_path / "bag.db3", drive)
    path.write_bytes(path.read_bytes()[:-1000])
    copy = readable_database(path, scratch)
    assert copy.stat().st_size == path.stat().st_size - 3096
    assert path.read_bytes().startswith(copy.read_bytes())


@pytest.mark.parametrize("size", [0, 10, 50])
def test_file_without_a_page_is_left_to_sqlite(
    tmp_path: Path, drive, write_db3, scratch, size: int
) -> None:
    path = write_db3(tmp_path / "bag.db3", drive)
    path.write_bytes(path.read_bytes()[:size])
    assert readable_database(path, scratch).stat().st_size <= size
