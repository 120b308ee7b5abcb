# SPDX-License-Identifier: Apache-2.0

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from segnet_ros import cli
from segnet_ros.commands import doctor as command
from segnet_ros.doctor.doctor import Diagnosis
from segnet_ros.doctor.finding import Finding

SOURCE = Path(__file__).resolve().parents[2]
REMEDY = "`pip install 'a[b]'`"
LONG = f"`segnet node {'x' * 100}`"

# What the package itself requires, nothing of the extras.
REQUIRED = {"numpy", "cv2", "yaml", "rich", "pygments", "markdown_it", "mdurl"}
# Our main function where Python finds these and the standard library only.
BARE = """
import importlib.util, sys
class Only:
    def find_spec(self, name, path=None, target=None):
        if path is None and name in {allowed}:
            return None
        if path is None and name not in sys.stdlib_module_names:
            return importlib.util.spec_from_loader(name, self)
    def create_module(self, spec):
        raise ModuleNotFoundError(f"No module named {{spec.name!r}}", name=spec.name)
    def exec_module(self, module):
        pass
sys.meta_path.insert(0, Only())
from segnet_ros.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def diagnosed(monkeypatch: pytest.MonkeyPatch):
    def diagnose(*findings: Finding) -> None:
        diagnosis = Diagnosis("1.2", findings, LONG)
        monkeypatch.setattr(command, "diagnose", lambda here, looking_at: diagnosis)
        monkeypatch.setenv("COLUMNS", "80")

    return diagnose


def test_text_is_readable_on_80_columns(diagnosed, capsys: pytest.CaptureFixture[str]) -> None:
    diagnosed(
        Finding("GPU", "ok", "[bold]NVIDIA[/bold]"), Finding("ROS", "warning", "w " * 40, REMEDY)
    )
    assert cli.main(["doctor"]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "ok       GPU  [bold]NVIDIA[/bold]"
    assert lines[1].startswith("warning  ROS  w w w w")
    assert lines[2].startswith("              w w")
    assert f"              -> {REMEDY}" in lines
    assert lines[-2] == "segnet_ros 1.2: the node can run now. Next:"
    assert lines[-1] == f"  {LONG}"
    assert max(len(line) for line in lines[:-1]) <= 80


def test_an_error_ends_with_1(diagnosed, capsys: pytest.CaptureFixture[str]) -> None:
    diagnosed(Finding("rclpy", "error", "not installed", REMEDY))
    assert cli.main(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "ERROR  rclpy  not installed" in text
    assert "the node cannot run yet. Next:" in text


def test_json(diagnosed, capsys: pytest.CaptureFixture[str]) -> None:
    diagnosed(Finding("rclpy", "error", "not installed", REMEDY))
    assert cli.main(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "version": "1.2",
        "findings": [
            {"area": "rclpy", "level": "error", "found": "not installed", "remedy": REMEDY}
        ],
        "next_step": LONG,
        "can_run": False,
    }


def test_options_reach_the_checks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = []
    monkeypatch.setattr(
        command, "diagnose", lambda here, looking_at: seen.append(here) or Diagnosis("1", [], "")
    )
    assert cli.main(["doctor", "--model", "mine", "--cache", str(tmp_path)]) == 0
    assert (seen[0].model, seen[0].cache, seen[0].root) == ("mine", tmp_path, Path("/"))


def examine(*arguments: str, **environment: str) -> tuple[int, dict]:
    done = subprocess.run(
        [sys.executable, *arguments, "doctor", "--json", "--cache", environment.pop("cache")],
        env={**os.environ, **environment},
        cwd=SOURCE,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def by_area(report: dict) -> dict[str, list[dict]]:
    areas: dict[str, list[dict]] = {}
    for finding in report["findings"]:
        areas.setdefault(finding["area"], []).append(finding)
    return areas


@pytest.mark.skipif(
    find_spec("rclpy") is None or find_spec("openvino") is None,
    reason="needs rclpy and openvino: pip install 'segnet_ros[ros,cpu]'",
)
def test_this_machine(tmp_path: Path) -> None:
    code, report = examine("-m", "segnet_ros", cache=str(tmp_path / "cache"), SECRET_TOKEN="hush")
    assert (code, report["can_run"]) == (0, True)
    assert not [f for f in report["findings"] if "this check failed" in f["found"]]
    assert "hush" not in json.dumps(report)
    areas = by_area(report)
    assert areas["OpenVINO"][0]["level"] == "ok"
    assert areas["rclpy"][0]["found"].startswith("starts; from ")
    (verdict,) = areas["runtime"]
    assert verdict["found"].startswith("auto takes ")


def test_bare_python(tmp_path: Path) -> None:
    script = BARE.format(allowed={"segnet_ros", *REQUIRED})
    code, report = examine("-c", script, cache=str(tmp_path / "cache"))
    areas = by_area(report)
    assert (code, report["can_run"]) == (1, False)
    assert areas["packages"][0]["found"].startswith("OpenCV 4.")
    assert areas["rclpy"][0]["level"] == "error"
    assert areas["OpenVINO"][0]["found"] == "not installed, so the CPU runs no model"
    assert areas["runtime"][0]["found"] == "no library here can run a model"
    assert areas["models"][0]["level"] in ("ok", "note")
    assert not [f for f in report["findings"] if "this check failed" in f["found"]]


def test_an_opencv_that_does_not_load(tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open it')")
    arguments = {"cache": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}
    code, report = examine("-m", "segnet_ros", **arguments)
    areas = by_area(report)
    assert code == 1
    assert areas["packages"][0] == {
        "area": "packages",
        "level": "error",
        "found": "OpenCV does not work: ImportError: libGL.so.1: cannot open it",
        "remedy": areas["packages"][0]["remedy"],
    }
    assert report["next_step"].startswith(areas["packages"][0]["remedy"])
    assert "install --force-reinstall 'opencv-python<5'" in report["next_step"]
    found = "this check failed with ImportError: libGL.so.1: cannot open it"
    assert [finding["found"] for finding in areas["models"]] == [found]
    assert areas["shm"]
