# SPDX-License-Identifier: Apache-2.0
"""Wheels become the site-packages of a machine that cannot install them."""

import subprocess
import sys
import zipfile
from pathlib import Path

from pack_tensorrt_rtx import pack

SCRIPTS = Path(__file__).resolve().parents[2] / "bench" / "gpu"


def wheel(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def unpack(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / "unpack.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_packages_can_be_imported_where_they_were_unpacked(tmp_path: Path) -> None:
    wheels = [
        wheel(tmp_path / "libs.whl", {"some_libs/__init__.py": "LOADED = True"}),
        wheel(
            tmp_path / "bindings.whl",
            {"some_bindings/__init__.py": "import some_libs\nfrom .deep import ANSWER",
             "some_bindings/deep.py": "ANSWER = 42"},
        ),
    ]  # fmt: skip
    parts = pack(wheels, tmp_path / "parcel", 100)
    assert len(parts) > 1
    assert {path.stat().st_size for path in parts[:-1]} == {100}
    site = tmp_path / "site"
    done = unpack(site, *parts)
    assert done.stdout == f"{site} holds 3 files, 0 MB\n"
    code = f"import sys; sys.path.insert(0, {str(site)!r})\n"
    code += "from some_bindings import ANSWER, some_libs\nprint(ANSWER, some_libs.LOADED)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "42 True\n"


def test_unpacking_says_what_is_missing(tmp_path: Path) -> None:
    parts = pack([wheel(tmp_path / "a.whl", {"a.py": "A = 1"})], tmp_path / "parcel", 50)
    done = unpack(tmp_path / "site", *parts[:-1])
    assert done.returncode == 1
    assert done.stderr.startswith("the parts are tensorrt_rtx.part-1-of-")
    assert "Traceback" not in done.stderr
    assert unpack(tmp_path / "site").returncode == 1
