# SPDX-License-Identifier: Apache-2.0
"""A folder goes through small transfers and arrives as it was."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from parcel import ParcelError, read_parcel, write_parcel

PART = 10_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "noise.bin").write_bytes(random.Random(1).randbytes(25_000))
    (source / "deep" / "words.txt").write_text("street " * 4_000)
    return source


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_parcel_arrives_in_whatever_order_its_parts_do(folder: Path, tmp_path: Path) -> None:
    parts = write_parcel(folder, tmp_path / "parcel", "data", PART)
    assert [path.name for path in parts] == [f"data.part-{k}-of-3" for k in (1, 2, 3)]
    sizes = [path.stat().st_size for path in parts]
    assert sizes[:2] == [PART, PART]
    assert 0 < sizes[2] <= PART  # 25 kB of noise; the words take next to nothing
    read_parcel([parts[2], parts[0], parts[1]], tmp_path / "arrived")
    assert contents(tmp_path / "arrived") == contents(folder)


def test_packing_again_leaves_no_older_part(folder: Path, tmp_path: Path) -> None:
    write_parcel(folder, tmp_path / "parcel", "data", 5_000)
    parts = write_parcel(folder, tmp_path / "parcel", "data", 1_000_000)
    assert [path.name for path in (tmp_path / "parcel").iterdir()] == ["data.part-1-of-1"]
    read_parcel(parts, tmp_path / "arrived")
    assert contents(tmp_path / "arrived") == contents(folder)


def drop_one(parts: list[Path]) -> list[Path]:
    return [parts[0], parts[2]]


def double_one(parts: list[Path]) -> list[Path]:
    return [parts[0], parts[0], parts[1]]


def foreign_file(parts: list[Path]) -> list[Path]:
    parts[1].rename(parts[1].with_name("notes.txt"))
    return [parts[0], parts[1].with_name("notes.txt"), parts[2]]


@pytest.mark.parametrize("spoil", [drop_one, double_one, foreign_file])
def test_other_than_every_part_once_is_refused(
    folder: Path, tmp_path: Path, spoil: Callable[[list[Path]], list[Path]]
) -> None:
    parts = spoil(write_parcel(folder, tmp_path / "parcel", "data", PART))
    with pytest.raises(ParcelError, match=r"expected each of NAME\.part-1-of-N"):
        read_parcel(parts, tmp_path / "arrived")
    assert not (tmp_path / "arrived").exists()


def test_no_part_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParcelError, match="the parts are none; expected"):
        read_parcel([], tmp_path / "arrived")


def cut_the_last(parts: list[Path]) -> None:
    parts[-1].write_bytes(parts[-1].read_bytes()[:-40])


def alter_a_byte(parts: list[Path]) -> None:
    altered = bytearray(parts[1].read_bytes())
    altered[PART // 2] ^= 0x40
    parts[1].write_bytes(altered)


@pytest.mark.parametrize("spoil", [cut_the_last, alter_a_byte])
def test_damaged_part_is_found(
    folder: Path, tmp_path: Path, spoil: Callable[[list[Path]], None]
) -> None:
    parts = write_parcel(folder, tmp_path / "parcel", "data", PART)
    spoil(parts)
    with pytest.raises(ParcelError, match="one is cut short or altered; transfer them again"):
        read_parcel(parts, tmp_path / "arrived")
