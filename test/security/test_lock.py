# SPDX-License-Identifier: Apache-2.0
"""What `make` installs is what the lock says, down to the last transitive package."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = {"jazzy": ROOT / "lock" / "jazzy.txt", "kilted": ROOT / "lock" / "kilted.txt"}
# A venv's own, and the package that is tested.
OWN = {"pip", "setuptools", "wheel", "segnet-ros"}
PINNED = re.compile(r"([A-Za-z0-9._-]+)==([^\s;]+)(?: ; (.+))?")
VERSIONS = ("3.10", "3.11", "3.12")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: Path, python: str) -> Mapping[str, str]:
    """Versions by name for a Python version."""
    markers = pytest.importorskip("packaging.markers", reason="needs packaging")
    environment = {"python_version": python, "python_full_version": f"{python}.5"}
    found: dict[str, str] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        pinned = PINNED.fullmatch(line)
        assert pinned, f"{lock.name}: {line} is no pinned version"
        name, version, marker = pinned.groups()
        if marker is None or markers.Marker(marker).evaluate(environment):
            assert normal(name) not in found, f"{name} is pinned twice for Python {python}"
            found[normal(name)] = version
    return found


def installed() -> Iterator[tuple[str, str]]:
    """What pip or the like has installed; the ROS wheels bring descriptions of parts of theirs."""
    for distribution in metadata.distributions():
        if distribution.read_text("INSTALLER"):
            yield normal(distribution.metadata["Name"]), distribution.version.partition("+")[0]


def of_this_environment() -> Path:
    """The lock of the environment that `make` has created and this test runs in."""
    venv = Path(sys.prefix)
    if venv.parent != ROOT or venv.name not in {".venv", ".venv-kilted"}:
        pytest.skip(f"{venv} is none of the environments that `make` creates")
    return LOCKS["kilted" if venv.name.endswith("kilted") else "jazzy"]


def needed(line: str, python: str) -> bool:
    """Whether a requirement holds for a Python version, on these machines."""
    markers = pytest.importorskip("packaging.markers", reason="needs packaging")
    marker = line.partition(";")[2]
    return not marker or markers.Marker(marker).evaluate(
        {"python_version": python, "platform_machine": "x86_64"}
    )


@cache
def required() -> Sequence[tuple[str, str, str]]:
    """Names of the requirements of setup.py, their whole lines, and the extra they belong to."""
    program = (
        "import setuptools, json; setuptools.setup = lambda **k: print(json.dumps("
        "{**k['extras_require'], '': k['install_requires']})); exec(open('setup.py').read())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return [
        (normal(re.findall(r"^[A-Za-z0-9._-]+", line)[0]), line, extra)
        for extra, lines in json.loads(done.stdout).items()
        for line in lines
    ]


def test_what_is_installed_is_pinned() -> None:
    lock = pins(of_this_environment(), "{}.{}".format(*sys.version_info))
    found = {name: version for name, version in installed() if name not in OWN}
    assert len(found) > 50
    assert {name: (version, lock.get(name)) for name, version in found.items()} == {
        name: (version, version) for name, version in found.items()
    }, f"run `make`; or remove what somebody has added, or renew {LOCKS} with `make lock`"


@pytest.mark.parametrize("python", VERSIONS)
@pytest.mark.parametrize("distribution", LOCKS)
def test_every_requirement_is_pinned(distribution: str, python: str) -> None:
    other = "kilted" if distribution == "jazzy" else "ros"
    lock = pins(LOCKS[distribution], python)
    missing = [
        name
        for name, line, extra in required()
        if extra != other and needed(line, python) and name not in lock
    ]
    assert missing == []
    assert len(lock) > 150


@pytest.mark.parametrize("python", VERSIONS)
def test_the_choices_are_in_the_lock(python: str) -> None:
    chosen = dict(re.findall(r"(?m)^([a-z0-9-]+)==(\S+)$", (ROOT / "constraints.txt").read_text()))
    assert "torch" in chosen
    for distribution, lock in LOCKS.items():
        found = pins(lock, python)
        others = {name for name in chosen if name.startswith("ros-") and distribution not in name}
        assert {name: found.get(name) for name in chosen.keys() - others} == {
            name: version for name, version in chosen.items() if name not in others
        }


def test_no_lock_names_a_place() -> None:
    for lock in LOCKS.values():
        assert not re.search(r"://|--|@|/opt|/work", lock.read_text())
